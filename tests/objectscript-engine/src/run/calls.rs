//! Calls of labels and extrinsics, and what becomes of their arguments.

use super::{Flow, Frame, Given, Run, Undo, Unit};
use crate::{
    iris::{
        errors::Outcome,
        process::{Table, Variable},
        world::World,
    },
    source::ast::{Argument, Block, Body, Callable, Label, Parameter},
    value::{Key, Node, Object, Value},
};
use std::{cell::RefCell, rc::Rc};

pub(crate) fn variable(value: Value) -> Variable {
    let mut node = Node::default();
    node.value = Some(value);
    Rc::new(RefCell::new(node))
}

/// What runs in a frame: it is kept alive while it does.
enum Code {
    Block(Block),
    Lines(Block, usize),
}

impl Run<'_> {
    pub(crate) fn given(&mut self, arguments: &[Argument]) -> Outcome<Vec<Given>> {
        let mut given = Vec::new();
        for argument in arguments {
            given.push(match argument {
                Argument::Omitted => Given::Omitted,
                Argument::Value(expression) => Given::Value(self.evaluate(expression)?),
                Argument::Reference(target) => Given::Reference(self.reference(target)?),
                Argument::Variadic(name) => {
                    let list = self.local(name);
                    let count = list.borrow().value.as_ref().map_or(0, |count| count.to_number().to_i64());
                    for place in 1..=count {
                        let value = list.borrow().get(&[Key::Number(place.into())]).cloned();
                        given.push(value.map_or(Given::Omitted, Given::Value));
                    }
                    continue;
                }
            });
        }
        Ok(given)
    }

    /// `label^routine` from outside of any code.
    pub(crate) fn start(
        &mut self,
        label: &str,
        routine: &str,
        namespace: &str,
        given: Vec<Given>,
    ) -> Outcome<Option<Value>> {
        let Some(found) = self.world.routine(namespace, routine) else {
            return self.no_routine(routine);
        };
        self.enter(&Unit::Routine(found), label, Callable::Anywhere, given)
    }

    fn no_routine<T>(&self, name: &str) -> Outcome<T> {
        // A routine of InterSystems is in every instance, but not in this one.
        if name.starts_with('%') && !name.to_ascii_uppercase().starts_with("%Z") {
            return self.refuse(&format!("the routine ^{name} is not known to the engine"));
        }
        self.raise("<NOROUTINE>", &format!("*{name}"))
    }

    pub(crate) fn call_label(&mut self, label: &Label, arguments: &[Argument]) -> Outcome<Option<Value>> {
        let given = self.given(arguments)?;
        match &label.routine {
            Some(routine) => {
                let namespace = label.namespace.clone().unwrap_or_else(|| self.process.namespace.clone());
                if !self.world.namespaces.contains_key(&namespace) {
                    return self.raise("<NAMESPACE>", &format!("*{namespace}"));
                }
                // A routine that runs already is called as it was loaded.
                let here = match &self.frame().unit {
                    Unit::Routine(here) if here.name == *routine && label.namespace.is_none() => Some(here.clone()),
                    _ => None,
                };
                let (found, from) = match here {
                    Some(here) => (here, Callable::Here),
                    None => match self.world.routine(&namespace, routine) {
                        Some(found) => (found, Callable::Anywhere),
                        None => return self.no_routine(routine),
                    },
                };
                self.enter(&Unit::Routine(found), &label.name, from, given)
            }
            None => match self.frame().unit.clone() {
                unit @ Unit::Routine(_) => self.enter(&unit, &label.name, Callable::Here, given),
                Unit::Class(_) => self.refuse("a label in a method"),
            },
        }
    }

    fn enter(&mut self, unit: &Unit, label: &str, from: Callable, given: Vec<Given>) -> Outcome<Option<Value>> {
        let Unit::Routine(routine) = unit else {
            return self.refuse("a label in a class");
        };
        if label.is_empty() {
            let frame = Frame {
                unit: unit.clone(),
                label: String::new(),
                first_line: 1,
                line: 1,
                private: None,
                public_names: Vec::new(),
                undo: Vec::new(),
                this: None,
                class: None,
            };
            if !given.is_empty() {
                return self.raise("<PARAMETER>", "");
            }
            return self.within(frame, &[], Vec::new(), &Code::Lines(routine.lines.clone(), 0));
        }
        let visible =
            |body: &Body| from == Callable::Here || !matches!(body, Body::Procedure { callable: Callable::Here, .. });
        let found = routine.entries.iter().position(|entry| entry.name == label && visible(&entry.body));
        match found {
            Some(place) => self.invoke(unit, place, given, None, None),
            None => self.raise("<NOLINE>", &format!("*{label}^{}", routine.name)),
        }
    }

    /// Runs an entry of a routine or a method of a class.
    pub(crate) fn invoke(
        &mut self,
        unit: &Unit,
        place: usize,
        given: Vec<Given>,
        this: Option<Object>,
        class: Option<String>,
    ) -> Outcome<Option<Value>> {
        let entry = unit.entry(place).expect("an entry that was found");
        let (private, public_names, code) = match (&entry.body, unit) {
            (Body::Procedure { public_variables, block, .. }, _) => {
                (Some(Table::new()), public_variables.clone(), Code::Block(block.clone()))
            }
            (Body::Line(line), Unit::Routine(routine)) => (None, Vec::new(), Code::Lines(routine.lines.clone(), *line)),
            (Body::Line(_), Unit::Class(_)) => return self.refuse("a line of a class"),
        };
        let frame = Frame {
            unit: unit.clone(),
            label: entry.name.clone(),
            first_line: entry.line,
            line: entry.line,
            private,
            public_names,
            undo: Vec::new(),
            this,
            class,
        };
        if given.len() > entry.parameters.len() && !entry.parameters.last().is_some_and(|last| last.variadic) {
            return self.raise("<PARAMETER>", "");
        }
        self.within(frame, &entry.parameters, given, &code)
    }

    fn within(
        &mut self,
        frame: Frame,
        parameters: &[Parameter],
        given: Vec<Given>,
        code: &Code,
    ) -> Outcome<Option<Value>> {
        // What an old label, called by DO, does to $TEST stays.
        let test = self.process.test;
        let restores_test = frame.private.is_some();
        self.push(frame)?;
        let flow = self.bind(parameters, given).and_then(|()| match code {
            Code::Block(block) => self.block(block),
            Code::Lines(lines, from) => self.block(&lines[*from..]),
        });
        self.pop();
        if restores_test {
            self.process.test = test;
        }
        Ok(match flow? {
            Flow::Quit(value) | Flow::Return(value) => value,
            Flow::Next | Flow::Continue => None,
        })
    }

    fn bind(&mut self, parameters: &[Parameter], given: Vec<Given>) -> Outcome<()> {
        let mut given = given.into_iter();
        for parameter in parameters {
            self.new_local(&parameter.name);
            if parameter.variadic {
                let rest: Vec<_> = given.by_ref().collect();
                let list = variable(Value::from(rest.len()));
                for (place, value) in rest.into_iter().enumerate() {
                    let value = match value {
                        Given::Omitted => continue,
                        Given::Value(value) => value,
                        Given::Reference(variable) => match variable.borrow().value.clone() {
                            Some(value) => value,
                            None => continue,
                        },
                    };
                    list.borrow_mut().set(&[Key::new(&Value::from(place + 1)).expect("a number")], value);
                }
                self.bind_local(&parameter.name, list);
                continue;
            }
            match (given.next().unwrap_or(Given::Omitted), &parameter.default) {
                (Given::Value(value), _) => self.bind_local(&parameter.name, variable(value)),
                (Given::Reference(shared), _) => self.bind_local(&parameter.name, shared),
                (Given::Omitted, Some(default)) => {
                    let value = self.evaluate(default)?;
                    self.bind_local(&parameter.name, variable(value));
                }
                (Given::Omitted, None) => {}
            }
        }
        Ok(())
    }

    /// Replaces a local of this call by a new one; an old label gives the caller's back at its end.
    pub(crate) fn new_local(&mut self, name: &str) {
        if self.is_public(name) {
            let old = self.process.public.remove(name);
            self.frame().undo.push(Undo::Public(name.to_owned(), old));
        } else {
            self.bind_local(name, Variable::default());
        }
    }

    fn bind_local(&mut self, name: &str, variable: Variable) {
        if self.is_public(name) {
            self.process.public.insert(name.to_owned(), variable);
        } else if let Some(private) = &mut self.frame().private {
            private.insert(name.to_owned(), variable);
        }
    }

    pub(crate) fn is_public(&mut self, name: &str) -> bool {
        let frame = self.frame();
        frame.private.is_none() || name.starts_with('%') || frame.public_names.iter().any(|public| public == name)
    }

    /// Where a global stands.
    pub(crate) fn global_home(&self, name: &str, namespace: Option<&str>) -> String {
        match namespace {
            Some(namespace) => namespace.to_owned(),
            None => World::home(&self.process.namespace, name).to_owned(),
        }
    }
}
