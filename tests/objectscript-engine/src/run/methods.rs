//! Calls of methods and class methods: those of loaded classes, and those that the engine has of its own.

use super::{Given, Run, Unit};
use crate::{
    iris::errors::{Outcome, Stop},
    library::{self, Call},
    source::ast::{Argument, Expression, MethodKind},
    value::{Object, Value},
};

impl Run<'_> {
    /// `##class(…).method(…)`.
    pub(crate) fn class_method(&mut self, class: &str, method: &str, given: Vec<Given>) -> Outcome<Option<Value>> {
        self.send(None, class, class, method, given)
    }

    /// A method for an object, or for a class. `class` is where the search begins, and `own` the one it is for.
    pub(crate) fn send(
        &mut self,
        this: Option<&Object>,
        own: &str,
        class: &str,
        method: &str,
        given: Vec<Given>,
    ) -> Outcome<Option<Value>> {
        let class = library::full_name(class);
        self.ordered(&[method, &format!("{class}.{method}")])?;
        let mut search = vec![class.clone()];
        let mut native = None;
        while let Some(name) = search.pop() {
            if let Some(loaded) = self.world.class(&self.process.namespace, &name) {
                let found = loaded.methods.iter().position(|known| {
                    known.entry.name == method && (this.is_some() || known.kind == MethodKind::Class)
                });
                if let Some(place) = found {
                    return self.invoke(&Unit::Class(loaded), place, given, this.cloned(), Some(own.to_owned()));
                }
                search.extend(loaded.extends.iter().rev().map(|parent| library::full_name(parent)));
            } else if let Some(function) = self.world.natives.method(&name, method) {
                let own = own.to_owned();
                let mut call = Call { run: self, this: this.cloned(), class: own, given: &given };
                return function(&mut call).map(Some);
            } else if !self.world.natives.is_complete(&name) {
                native.get_or_insert(name);
            }
        }
        let is_loaded = self.world.class(&self.process.namespace, &class).is_some();
        if is_loaded && method == "%New" && this.is_none() {
            return self.create(&class, given).map(Some);
        }
        let known = is_loaded || self.world.natives.is_complete(&class);
        match native {
            // IRIS may well have it.
            Some(name) if library::is_of_the_system(&name) => {
                self.refuse(&format!("##class({class}).{method}() is not known to the engine"))
            }
            _ if known => self.raise("<METHOD DOES NOT EXIST>", &format!("*{method},{class}")),
            _ => self.raise("<CLASS DOES NOT EXIST>", &format!("*{class}")),
        }
    }

    fn create(&mut self, class: &str, given: Vec<Given>) -> Outcome<Value> {
        let object = Object::instance(class);
        let mut search = vec![class.to_owned()];
        while let Some(name) = search.pop() {
            if let Some(loaded) = self.world.class(&self.process.namespace, &name) {
                for (property, _) in &loaded.properties {
                    object.set_property(property, Value::empty());
                }
                if loaded.methods.iter().any(|method| method.entry.name == "%OnNew") {
                    self.send(Some(&object), class, class, "%OnNew", given)?;
                    return Ok(object.into());
                }
                search.extend(loaded.extends.iter().cloned());
            }
        }
        Ok(object.into())
    }

    /// `##super(…)`: the same method, looked for above the class that it stands in.
    pub(crate) fn call_super(&mut self, arguments: &[Argument]) -> Outcome<Option<Value>> {
        let given = self.given(arguments)?;
        let frame = self.frame();
        let (Unit::Class(class), this) = (frame.unit.clone(), frame.this.clone()) else {
            return self.refuse("##super outside of a class");
        };
        let (method, own) = (frame.label.clone(), frame.class.clone().unwrap_or_else(|| class.name.clone()));
        match class.extends.first() {
            Some(parent) => self.send(this.as_ref(), &own, parent, &method, given),
            None => self.refuse("##super in a class that extends none"),
        }
    }

    /// `..#NAME`, or of another class.
    pub(crate) fn class_parameter(&mut self, class: Option<&str>, name: &str) -> Outcome<Value> {
        let class = class.map(str::to_owned).or_else(|| self.frame().class.clone());
        let Some(class) = class else {
            return self.refuse("a class parameter outside of a class");
        };
        let mut search = vec![class.clone()];
        while let Some(next) = search.pop() {
            let Some(loaded) = self.world.class(&self.process.namespace, &next) else {
                continue;
            };
            if let Some((_, value)) = loaded.parameters.iter().find(|(known, _)| known == name) {
                return self.evaluate(value);
            }
            search.extend(loaded.extends.iter().rev().cloned());
        }
        self.refuse(&format!("the parameter {name} of {class}"))
    }

    /// A call after DO, whose value is dropped.
    pub(crate) fn execute(&mut self, expression: &Expression) -> Outcome<()> {
        match self.call(expression)? {
            Some(_) => Ok(()),
            None => self.evaluate(expression).map(drop),
        }
    }

    /// Whatever is a call, with the value it gave; `None` for any other expression.
    pub(crate) fn call(&mut self, expression: &Expression) -> Outcome<Option<Option<Value>>> {
        Ok(Some(match expression {
            Expression::Call { label, arguments } => self.call_label(label, arguments)?,
            Expression::ClassMethod { class, method, arguments } => {
                let given = self.given(arguments)?;
                self.class_method(class, method, given)?
            }
            Expression::Super(arguments) => self.call_super(arguments)?,
            Expression::Method { object, name, arguments } => self.call_method(object, name, arguments)?,
            _ => return Ok(None),
        }))
    }

    fn call_method(&mut self, object: &Expression, name: &str, arguments: &[Argument]) -> Outcome<Option<Value>> {
        if let (Expression::This, None) = (object, &self.frame().this) {
            let Some(class) = self.frame().class.clone() else {
                return self.refuse("`..` outside of a class");
            };
            let given = self.given(arguments)?;
            return self.class_method(&class, name, given);
        }
        let value = self.evaluate(object)?;
        let Some(object) = value.object().cloned() else {
            return self.raise("<INVALID OREF>", "");
        };
        let given = self.given(arguments)?;
        let class = object.class().to_owned();
        self.send(Some(&object), &class, &class, name, given)
    }

    /// An exception that this object is thrown as.
    pub(crate) fn throw(&self, value: &Value) -> Stop {
        match value.object() {
            Some(object) if object.class().starts_with("%Exception.") => Stop::Error(object.clone()),
            _ => match self.raise::<()>("<INVALID OREF>", "") {
                Err(stop) => stop,
                Ok(()) => unreachable!("raise always raises"),
            },
        }
    }
}
