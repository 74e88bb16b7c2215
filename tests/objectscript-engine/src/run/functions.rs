//! `$` functions: those about variables and objects here, the others in files of their own. And special variables.

use super::{Run, variables::Place};
use crate::{
    iris::errors::Outcome,
    source::ast::{Argument, Expression, Target},
    value::{Decimal, Key, Node, Value},
};

impl Run<'_> {
    pub(crate) fn function(&mut self, name: &str, arguments: &[Argument]) -> Outcome<Value> {
        match name {
            "data" | "get" | "increment" | "order" => return self.variable_function(name, arguments),
            "zf" => return self.callout(arguments),
            "extract" | "list" if arguments.len() > 1 => return self.places_function(name, arguments),
            "classmethod" | "method" => return self.dispatch(name, arguments),
            "listbuild" => return self.list_build(arguments),
            _ => {}
        }
        let mut values = Vec::new();
        for argument in arguments {
            values.push(match argument {
                Argument::Omitted => None,
                other => Some(self.value_of_argument(other)?),
            });
        }
        // Optional arguments are looked at by their place; the first ones have to be there.
        let given: Vec<Value> = values.iter().map(|value| value.clone().unwrap_or_else(Value::empty)).collect();
        let has = |place: usize| matches!(values.get(place), Some(Some(_)));
        if let Some(result) = self.string_function(name, &given)? {
            return Ok(result);
        }
        if let Some(result) = self.list_function(name, &given)? {
            return Ok(result);
        }
        match (name, &given[..]) {
            ("isobject", [value]) => Ok(Value::from(value.object().is_some())),
            ("number", [value]) => {
                let text = value.to_text();
                // What does not read as a number to its end is none.
                let is_number = text.trim().parse::<f64>().is_ok_and(f64::is_finite);
                Ok(if is_number { Value::Number(Decimal::leading(text.trim())) } else { Value::empty() })
            }
            ("random", [limit]) => {
                let limit = u64::try_from(limit.to_number().to_i64()).unwrap_or(0);
                if limit == 0 {
                    return self.raise("<FUNCTION>", "");
                }
                let state = &mut self.process.random;
                *state = state.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
                Ok(Value::from(i64::try_from((*state >> 33) % limit).unwrap_or(0)))
            }
            ("classname", [object]) => match object.object() {
                Some(object) => Ok(Value::from(object.class())),
                None => self.raise("<INVALID OREF>", ""),
            },
            ("zdatetime" | "zdate", _) if has(0) => self.date_function(name, &given),
            _ => self.refuse(&format!("${name} with {} arguments is not known to the engine", arguments.len())),
        }
    }

    fn dispatch(&mut self, name: &str, arguments: &[Argument]) -> Outcome<Value> {
        let (Some(target), Some(method)) = (arguments.first(), arguments.get(1)) else {
            return self.refuse(&format!("${name} without a method"));
        };
        // Without its first argument, the class or object that the code runs for.
        let target = match target {
            Argument::Omitted => {
                let frame = self.frame();
                match (&frame.this, &frame.class) {
                    (Some(object), _) => object.clone().into(),
                    (None, Some(class)) => Value::from(class.as_str()),
                    (None, None) => return self.refuse(&format!("${name} without an object")),
                }
            }
            other => self.value_of_argument(other)?,
        };
        let method = self.value_of_argument(method)?.to_text();
        let given = self.given(&arguments[2..])?;
        let result = match target.object().cloned() {
            Some(object) => {
                let class = object.class().to_owned();
                self.send(Some(&object), &class, &class, &method, given)?
            }
            None if name == "classmethod" => self.class_method(&target.to_text(), &method, given)?,
            None => return self.raise("<INVALID OREF>", ""),
        };
        Ok(result.unwrap_or_else(Value::empty))
    }

    /// The variable that an argument names.
    pub(crate) fn place_of_argument(&mut self, argument: &Argument) -> Outcome<Place> {
        match argument {
            Argument::Value(Expression::Variable(target)) => self.place_of(target),
            Argument::Value(Expression::Property(object, name)) => match self.evaluate(object)?.object() {
                Some(object) => Ok(Place::Property(object.clone(), name.clone())),
                None => self.raise("<INVALID OREF>", ""),
            },
            _ => self.refuse("the argument is no variable"),
        }
    }

    fn variable_function(&mut self, name: &str, arguments: &[Argument]) -> Outcome<Value> {
        let Some((first, rest)) = arguments.split_first() else {
            return self.refuse(&format!("${name} of nothing"));
        };
        if name == "order" {
            return self.order(first, rest);
        }
        let place = self.place_of_argument(first)?;
        match (name, rest) {
            ("data", _) if !matches!(place, Place::Local(..) | Place::Global(..)) => {
                self.refuse("$data of something that is no variable")
            }
            ("data", []) => Ok(Value::from(self.node(&place).map_or(0, |node| node.data()))),
            ("get", [] | [_]) => {
                // The default is evaluated in any case, as in IRIS.
                let default = match rest {
                    [default] => self.value_of_argument(default)?,
                    _ => Value::empty(),
                };
                Ok(self.read_if_defined(&place)?.unwrap_or(default))
            }
            ("increment", [] | [_]) => {
                let by = match rest {
                    [by] => self.value_of_argument(by)?.to_number(),
                    _ => Decimal::ONE,
                };
                let old = self.read_if_defined(&place)?.map_or(Decimal::ZERO, |value| value.to_number());
                let new = Value::Number(old.plus(by));
                self.ordered_place("set", &place)?;
                self.write(&place, new.clone())?;
                Ok(new)
            }
            _ => self.refuse(&format!("${name} with {} arguments is not known to the engine", arguments.len())),
        }
    }

    /// The last subscript may be empty, here alone.
    fn order(&mut self, first: &Argument, rest: &[Argument]) -> Outcome<Value> {
        let (Argument::Value(Expression::Variable(target)), [] | [_]) = (first, rest) else {
            return self.refuse("$order of something that is no variable");
        };
        let subscripts = match &**target {
            Target::Local { subscripts, .. } | Target::Global { subscripts, .. } => subscripts,
            _ => return self.refuse("$order of something that is no variable"),
        };
        let Some((last, above)) = subscripts.split_last() else {
            return self.refuse("$order of a variable without subscripts");
        };
        let above = self.place_with(target, above)?;
        let from = Key::new(&self.evaluate(last)?);
        let direction = match rest {
            [direction] => self.value_of_argument(direction)?.to_number().to_i64(),
            _ => 1,
        };
        if direction.abs() != 1 {
            return self.raise("<FUNCTION>", "");
        }
        let node: Node = self.node(&above).unwrap_or_default();
        Ok(node.order(from.as_ref(), direction == 1).map_or_else(Value::empty, Key::to_value))
    }

    pub(crate) fn special(&mut self, name: &str) -> Outcome<Value> {
        let (days, seconds) = self.world.horolog();
        Ok(match name {
            "test" => Value::from(self.process.test),
            "namespace" => Value::from(self.process.namespace.as_str()),
            "job" => Value::from(i64::from(self.process.number)),
            "username" => Value::from(self.process.username.as_str()),
            "roles" => Value::from(self.process.roles.as_str()),
            "horolog" => Value::from(format!("{days},{}", seconds.floor())),
            "ztimestamp" => Value::from(format!("{days},{}", Decimal::from_f64(seconds).rounded(3))),
            "zhorolog" => Value::Number(Decimal::from_f64(self.world.now - self.world.started).rounded(6)),
            "zversion" => Value::from(self.world.version.as_str()),
            "zerror" => Value::from(self.process.error.as_str()),
            "tlevel" => Value::from(0),
            "x" => Value::from(self.process.column),
            _ => return self.refuse(&format!("the value of ${name} is not known to the engine")),
        })
    }

    pub(crate) fn set_special(&mut self, name: &str, value: &Value) -> Outcome<()> {
        match name {
            "namespace" => {
                let name = value.to_text().to_uppercase();
                if !self.world.namespaces.contains_key(&name) {
                    return self.raise("<NAMESPACE>", &format!("*{name}"));
                }
                self.process.namespace = name;
            }
            "test" => self.process.test = value.is_true(),
            "zerror" => self.process.error = value.to_text().to_string(),
            _ => return self.refuse(&format!("set ${name}")),
        }
        Ok(())
    }
}
