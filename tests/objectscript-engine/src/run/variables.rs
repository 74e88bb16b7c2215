//! Locals, globals, properties and special variables: read, set, killed, passed by reference.

use super::{Run, Undo};
use crate::{
    iris::{
        errors::Outcome,
        process::{Table, Variable},
    },
    source::ast::{Expression, New, Target},
    value::{Body, Item, Key, Node, Object, Value, array, list, object},
};

/// A target with its subscripts and objects evaluated.
pub(crate) enum Place {
    Local(String, Variable, Vec<Key>),
    Global(String, String, Vec<Key>),
    Special(String),
    Property(Object, String),
    /// The text that a part of is set, what part, and which place.
    Part(Box<Place>, String, Vec<Value>),
}

impl Run<'_> {
    /// The variable with this name; a new one if there is none.
    pub(crate) fn local(&mut self, name: &str) -> Variable {
        if self.is_public(name) {
            return self.process.public.entry(name.to_owned()).or_default().clone();
        }
        let private = self.frame().private.as_mut().expect("a procedure has variables");
        private.entry(name.to_owned()).or_default().clone()
    }

    pub(crate) fn place_of(&mut self, target: &Target) -> Outcome<Place> {
        match target {
            Target::Local { subscripts, .. } | Target::Global { subscripts, .. } => self.place_with(target, subscripts),
            _ => self.place_with(target, &[]),
        }
    }

    /// The place of a variable with these subscripts instead of its own.
    pub(crate) fn place_with(&mut self, target: &Target, subscripts: &[Expression]) -> Outcome<Place> {
        Ok(match target {
            Target::Local { name, .. } => {
                let keys = self.keys(subscripts)?;
                Place::Local(name.clone(), self.local(name), keys)
            }
            Target::Global { name, namespace, .. } => {
                let namespace = match namespace {
                    Some(namespace) => Some(self.evaluate(namespace)?.to_text().to_uppercase()),
                    None => None,
                };
                let home = self.global_home(name, namespace.as_deref());
                if !self.world.namespaces.contains_key(&home) {
                    return self.raise("<NAMESPACE>", &format!("*{home}"));
                }
                Place::Global(home, name.clone(), self.keys(subscripts)?)
            }
            Target::Special(name) => Place::Special(name.clone()),
            Target::Property(object, name) => match self.evaluate(object)?.object() {
                Some(object) => Place::Property(object.clone(), name.clone()),
                None => return self.raise("<INVALID OREF>", ""),
            },
            Target::Part { function, arguments } => {
                let Some((first, rest)) = arguments.split_first() else {
                    return self.refuse("a part of nothing");
                };
                let place = self.place_of_argument(first)?;
                let mut values = Vec::new();
                for argument in rest {
                    values.push(self.value_of_argument(argument)?);
                }
                Place::Part(Box::new(place), function.clone(), values)
            }
        })
    }

    fn keys(&mut self, subscripts: &[Expression]) -> Outcome<Vec<Key>> {
        let mut keys = Vec::new();
        for subscript in subscripts {
            let value = self.evaluate(subscript)?;
            match Key::new(&value) {
                Some(key) => keys.push(key),
                None => return self.raise("<SUBSCRIPT>", "*\"\""),
            }
        }
        Ok(keys)
    }

    /// What passes by reference: a local without subscripts.
    pub(crate) fn reference(&mut self, target: &Target) -> Outcome<Variable> {
        match target {
            Target::Local { name, subscripts } if subscripts.is_empty() => Ok(self.local(name)),
            _ => self.refuse("a reference to something that is no local variable"),
        }
    }

    /// The value, or `None` where there is none.
    pub(crate) fn read_if_defined(&mut self, place: &Place) -> Outcome<Option<Value>> {
        Ok(match place {
            Place::Local(_, variable, keys) => variable.borrow().get(keys).cloned(),
            Place::Global(_, name, _) => {
                self.ordered(&["get", &format!("get ^{name}")])?;
                self.node(place).and_then(|node| node.value)
            }
            Place::Special(name) => Some(self.special(name)?),
            Place::Property(object, name) => Some(self.property(object, name)?),
            Place::Part(..) => return self.refuse("a part is read by its function"),
        })
    }

    pub(crate) fn read(&mut self, place: &Place) -> Outcome<Value> {
        match self.read_if_defined(place)? {
            Some(value) => Ok(value),
            None => self.raise("<UNDEFINED>", &format!("*{}", place_name(place))),
        }
    }

    /// A copy of a variable's node, with all beneath it.
    pub(crate) fn node(&mut self, place: &Place) -> Option<Node> {
        match place {
            Place::Local(_, variable, keys) => variable.borrow().find(keys).cloned(),
            Place::Global(home, name, keys) => self.world.namespaces.get(home)?.globals.get(name)?.find(keys).cloned(),
            _ => None,
        }
    }

    /// Lets a variable's node be changed.
    pub(crate) fn change(&mut self, place: &Place, change: impl FnOnce(&mut Node, &[Key])) -> Outcome<()> {
        match place {
            Place::Local(_, variable, keys) => change(&mut variable.borrow_mut(), keys),
            Place::Global(home, name, keys) => {
                let global = self.world.namespace(home).globals.entry(name.clone()).or_default();
                change(global, keys);
            }
            _ => return self.refuse("this is no variable"),
        }
        Ok(())
    }

    pub(crate) fn write(&mut self, place: &Place, value: Value) -> Outcome<()> {
        match place {
            Place::Local(..) => self.change(place, |node, keys| node.set(keys, value)),
            Place::Global(..) => self.change(place, |node, keys| node.set(keys, value.without_object())),
            Place::Special(name) => self.set_special(name, &value),
            Place::Property(object, name) => self.set_property(object, name, value),
            Place::Part(whole, function, arguments) => {
                let old = self.read_if_defined(whole)?.unwrap_or_else(Value::empty);
                let new = self.replaced(&old, function, arguments, &value)?;
                self.write(whole, new)
            }
        }
    }

    fn replaced(&mut self, old: &Value, function: &str, arguments: &[Value], value: &Value) -> Outcome<Value> {
        let number = |place: usize| arguments.get(place).map(|value| value.to_number().to_i64());
        match (function, arguments.len()) {
            ("piece", 1 | 2) => {
                let (delimiter, text) = (arguments[0].to_text(), old.to_text());
                let place = usize::try_from(number(1).unwrap_or(1)).unwrap_or(0);
                if place == 0 || delimiter.is_empty() {
                    return self.refuse("set $piece of no piece");
                }
                let mut pieces: Vec<&str> = text.split(&*delimiter).collect();
                pieces.resize(pieces.len().max(place), "");
                let value = value.to_text();
                pieces[place - 1] = &value;
                Ok(Value::from(pieces.join(&delimiter)))
            }
            ("list", 1) => {
                let Some(mut elements) = list::parse(&old.to_text()) else {
                    return self.raise("<LIST>", "");
                };
                let place = usize::try_from(number(0).unwrap_or(1)).unwrap_or(0);
                if place == 0 {
                    return self.refuse("set $list of no element");
                }
                elements.resize(elements.len().max(place), None);
                elements[place - 1] = Some(value.clone());
                Ok(Value::from(list::build(&elements)))
            }
            _ => self.refuse(&format!("set ${function} with {} arguments", arguments.len())),
        }
    }

    pub(crate) fn property(&mut self, object: &Object, name: &str) -> Outcome<Value> {
        match &*object.body() {
            // A key that is not there reads as an empty text.
            Body::Map(_) if !name.starts_with('%') => {
                return Ok(object.property(name).unwrap_or_else(Value::empty));
            }
            Body::Instance(properties) => {
                if let Some(value) = properties.get(name) {
                    return Ok(value.clone());
                }
            }
            _ => {}
        }
        let class = object.class();
        if self.world.natives.has_property(class, name) && object.class() != crate::iris::errors::SYSTEM {
            return Ok(Value::empty());
        }
        self.no_property(class, name)
    }

    fn no_property<T>(&self, class: &str, name: &str) -> Outcome<T> {
        let loaded = self.world.class(&self.process.namespace, class);
        if loaded.is_some_and(|class| {
            class.extends.iter().all(|parent| self.world.natives.is_complete(&crate::library::full_name(parent)))
        }) {
            return self.raise("<PROPERTY DOES NOT EXIST>", &format!("*{name},{class}"));
        }
        self.refuse(&format!("the property {name} of {class} is not known to the engine"))
    }

    fn set_property(&mut self, object: &Object, name: &str, value: Value) -> Outcome<()> {
        let class = object.class().to_owned();
        match &mut *object.body_mut() {
            Body::Map(pairs) if !name.starts_with('%') => {
                object::put(pairs, name, Item::Value(value));
                return Ok(());
            }
            Body::Instance(properties) if properties.contains_key(name) => {
                properties.insert(name.to_owned(), value);
                return Ok(());
            }
            Body::Instance(properties) if self.world.natives.has_property(&class, name) => {
                properties.insert(name.to_owned(), value);
                return Ok(());
            }
            _ => {}
        }
        self.no_property(&class, name)
    }

    /// NEW of one or all.
    pub(crate) fn new_variables(&mut self, new: &New) -> Outcome<()> {
        match new {
            New::Local(name) => self.new_local(name),
            New::Special(name) if name == "namespace" => {
                let namespace = self.process.namespace.clone();
                self.frame().undo.push(Undo::Namespace(namespace));
            }
            New::Special(name) => return self.refuse(&format!("new ${name}")),
            New::All | New::AllExcept(_) => {
                let kept: &[String] = if let New::AllExcept(kept) = new { kept } else { &[] };
                let names: Vec<_> = self.process.public.keys().filter(|name| !kept.contains(name)).cloned().collect();
                for name in names {
                    self.new_local(&name);
                }
            }
        }
        Ok(())
    }

    /// KILL of all that can be seen, but for these.
    pub(crate) fn kill_except(&mut self, kept: &[String]) {
        let clear = |table: &Table| {
            for (_, variable) in table.iter().filter(|(name, _)| !kept.contains(name)) {
                variable.borrow_mut().kill(&[]);
            }
        };
        match &self.frame().private {
            Some(private) => clear(private),
            None => clear(&self.process.public),
        }
    }
}

/// As an error names it: `x(1)`, `^X("a")`.
pub(crate) fn place_name(place: &Place) -> String {
    match place {
        Place::Local(name, _, keys) => format!("{name}{}", array::subscripts(keys)),
        Place::Global(_, name, keys) => format!("^{name}{}", array::subscripts(keys)),
        Place::Special(name) => format!("${name}"),
        Place::Property(_, name) => name.clone(),
        Place::Part(whole, ..) => place_name(whole),
    }
}
