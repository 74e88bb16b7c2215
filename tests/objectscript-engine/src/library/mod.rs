//! Classes of IRIS, as far as they are known here: a registry of closures, to which a test can add.
//!
//! What is not registered is refused, because IRIS may well have it. Only of a class that is registered as complete is a
//! missing method an error of IRIS's own.

mod dynamic;
mod exceptions;
mod files;
mod routines;
mod status;
mod streams;
mod system;
mod tasks;

use crate::{
    iris::errors::Outcome,
    run::{Given, Run},
    value::{Decimal, Object, Value},
};
use std::{
    collections::{BTreeMap, BTreeSet},
    ops::RangeInclusive,
    path::PathBuf,
    rc::Rc,
};

pub use status::{failure, text_of};
pub(crate) use tasks::{SENSORS, TASK};

/// A method or class method.
pub type NativeMethod = Rc<dyn Fn(&mut Call<'_, '_>) -> Outcome<Value>>;

/// One call of a native method.
pub struct Call<'r, 'w> {
    pub run: &'r mut Run<'w>,
    /// `None` for a class method.
    pub this: Option<Object>,
    /// The class that it is called for.
    pub class: String,
    pub given: &'r [Given],
}

impl Call<'_, '_> {
    pub fn value(&self, place: usize) -> Option<Value> {
        match self.given.get(place)? {
            Given::Omitted => None,
            Given::Value(value) => Some(value.clone()),
            Given::Reference(variable) => variable.borrow().value.clone(),
        }
    }

    /// Empty for an argument that was left out.
    pub fn text(&self, place: usize) -> String {
        self.value(place).map(|value| value.to_text().to_string()).unwrap_or_default()
    }

    pub fn number(&self, place: usize) -> Option<Decimal> {
        self.value(place).map(|value| value.to_number())
    }

    /// The file that an argument names.
    ///
    /// # Errors
    /// If it is none of the instance's.
    pub fn path(&self, place: usize) -> Outcome<PathBuf> {
        self.run.world.path(&self.text(place)).or_else(|why| self.run.refuse(&why))
    }

    /// Gives an output argument its value, if the caller wants it.
    pub fn set(&self, place: usize, value: impl Into<Value>) {
        if let Some(Given::Reference(variable)) = self.given.get(place) {
            variable.borrow_mut().value = Some(value.into());
        }
    }

    /// # Errors
    /// If it was called as a class method.
    pub fn object(&self) -> Outcome<Object> {
        match &self.this {
            Some(object) => Ok(object.clone()),
            None => self.run.refuse("a method of an object was called for a class"),
        }
    }
}

#[derive(Default)]
pub struct Natives {
    methods: BTreeMap<(String, String), NativeMethod>,
    parents: BTreeMap<String, String>,
    properties: BTreeMap<String, BTreeSet<String>>,
    complete: BTreeSet<String>,
}

impl Natives {
    pub(crate) fn standard() -> Self {
        let mut natives = Self::default();
        dynamic::register(&mut natives);
        exceptions::register(&mut natives);
        files::register(&mut natives);
        routines::register(&mut natives);
        status::register(&mut natives);
        streams::register(&mut natives);
        system::register(&mut natives);
        tasks::register(&mut natives);
        natives
    }

    /// A method that takes so many arguments. Called with another number of them, it is refused.
    pub fn add(
        &mut self,
        class: &str,
        method: &str,
        counts: RangeInclusive<usize>,
        function: impl Fn(&mut Call<'_, '_>) -> Outcome<Value> + 'static,
    ) {
        let name = format!("##class({class}).{method}()");
        let checked = move |call: &mut Call<'_, '_>| match call.given.len() {
            count if counts.contains(&count) => function(call),
            count => call.run.refuse(&format!("{name} with {count} arguments is not known to the engine")),
        };
        self.methods.insert((full_name(class), method.to_owned()), Rc::new(checked));
    }

    /// The class has what the other has.
    pub fn extend(&mut self, class: &str, parent: &str) {
        self.parents.insert(full_name(class), full_name(parent));
    }

    /// Properties that its objects have besides those that were set; they are empty at first.
    pub fn properties(&mut self, class: &str, names: &[&str]) {
        let known = self.properties.entry(full_name(class)).or_default();
        known.extend(names.iter().map(|name| (*name).to_owned()));
    }

    /// The class has no other method: a call of one is `<METHOD DOES NOT EXIST>`.
    pub fn complete(&mut self, class: &str) {
        self.complete.insert(full_name(class));
    }

    /// Methods that IRIS has, and that are not known here.
    pub(crate) fn unknown(&mut self, class: &str, methods: &'static [&'static str]) {
        for method in methods {
            self.add(class, method, 0..=usize::MAX, move |call| {
                call.run.refuse(&format!("{method}() is not known to the engine"))
            });
        }
    }

    fn lineage(&self, class: &str) -> Vec<&str> {
        let first = self.parents.get_key_value(class).map(|(class, _)| class.as_str());
        std::iter::successors(first, |class| self.parents.get(*class).map(String::as_str)).collect()
    }

    pub(crate) fn method(&self, class: &str, method: &str) -> Option<NativeMethod> {
        let own = self.methods.get(&(class.to_owned(), method.to_owned()));
        let inherited =
            || self.lineage(class).iter().find_map(|class| self.methods.get(&((*class).to_owned(), method.to_owned())));
        own.or_else(inherited).cloned()
    }

    pub(crate) fn has_property(&self, class: &str, name: &str) -> bool {
        let has = |class: &str| self.properties.get(class).is_some_and(|names| names.contains(name));
        has(class) || self.lineage(class).into_iter().any(has)
    }

    pub(crate) fn is_complete(&self, class: &str) -> bool {
        self.complete.contains(class)
    }

    pub(crate) fn has_class(&self, class: &str) -> bool {
        self.methods.keys().any(|(known, _)| known == class) || self.parents.contains_key(class)
    }
}

/// `%File` is `%Library.File`.
pub(crate) fn full_name(class: &str) -> String {
    match class.strip_prefix('%') {
        Some(short) if !short.contains('.') => format!("%Library.{short}"),
        _ => class.to_owned(),
    }
}

/// Whether a class belongs to IRIS, which then may have it though it is not known here.
pub(crate) fn is_of_the_system(class: &str) -> bool {
    ["%", "SYS.", "Security.", "Config.", "Ens.", "EnsLib.", "HS."].iter().any(|start| class.starts_with(start))
}
