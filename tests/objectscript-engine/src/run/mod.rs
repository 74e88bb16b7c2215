//! Runs code in one process of an instance.

mod calls;
mod commands;
mod expressions;
mod functions;
mod lists;
mod loops;
mod methods;
mod strings;
mod time;
mod variables;
mod zf;

use crate::{
    iris::{
        errors::{self, IrisError, Outcome, Stop},
        process::{Process, Table, Variable},
        world::World,
    },
    source::ast::{Class, Entry, Routine},
    value::{Object, Value},
};
use std::rc::Rc;

/// An argument, as a call receives it.
#[derive(Clone)]
pub enum Given {
    Omitted,
    Value(Value),
    Reference(Variable),
}

/// How a block was left.
pub(crate) enum Flow {
    /// At its end.
    Next,
    /// By QUIT: the innermost loop or TRY ends, or else the procedure.
    Quit(Option<Value>),
    Return(Option<Value>),
    Continue,
}

/// A text that code stands in.
#[derive(Clone)]
pub(crate) enum Unit {
    Routine(Rc<Routine>),
    Class(Rc<Class>),
}

impl Unit {
    pub fn file(&self) -> &str {
        match self {
            Self::Routine(routine) => &routine.file,
            Self::Class(class) => &class.file,
        }
    }

    pub fn entry(&self, place: usize) -> Option<&Entry> {
        match self {
            Self::Routine(routine) => routine.entries.get(place),
            Self::Class(class) => class.methods.get(place).map(|method| &method.entry),
        }
    }
}

/// One call.
pub(crate) struct Frame {
    pub unit: Unit,
    pub label: String,
    /// Of the label.
    pub first_line: usize,
    /// Of the statement that runs.
    pub line: usize,
    /// Variables of a procedure's own; an old label shares those of the process.
    pub private: Option<Table>,
    pub public_names: Vec<String>,
    pub undo: Vec<Undo>,
    pub this: Option<Object>,
    /// The class that the method was called for, which may extend the one it stands in.
    pub class: Option<String>,
}

/// What NEW has put aside.
pub(crate) enum Undo {
    Public(String, Option<Variable>),
    Namespace(String),
}

/// Bytes of this thread's stack that nested calls may take: a test's thread has 2 MiB.
const DEEPEST: usize = 1_400_000;

pub struct Run<'w> {
    pub world: &'w mut World,
    pub process: &'w mut Process,
    pub(crate) frames: Vec<Frame>,
    steps: u64,
    /// Where the stack was when the run began.
    bottom: usize,
}

impl<'w> Run<'w> {
    pub(crate) fn new(world: &'w mut World, process: &'w mut Process) -> Self {
        Self { world, process, frames: Vec::new(), steps: 0, bottom: stack() }
    }

    /// Counts a step; each command and each turn of a loop is one.
    pub(crate) fn step(&mut self) -> Outcome<()> {
        self.steps += 1;
        if self.steps > self.world.step_limit {
            return self.refuse("the step limit is reached: a loop without an end?");
        }
        Ok(())
    }

    pub(crate) fn frame(&mut self) -> &mut Frame {
        self.frames.last_mut().expect("code runs in a frame")
    }

    /// `file:line` of the statement that runs.
    pub fn place(&self) -> String {
        match self.frames.last() {
            Some(frame) => format!("{}:{}", frame.unit.file(), frame.line),
            None => "before the first line".into(),
        }
    }

    /// # Errors
    /// Always: the engine does not know how to go on.
    pub fn refuse<T>(&self, why: &str) -> Outcome<T> {
        Err(Stop::Refusal(format!("{}: {why}", self.place())))
    }

    /// As IRIS names a place: `label+3^ROUTINE`.
    pub(crate) fn location(&self) -> String {
        let Some(frame) = self.frames.last() else {
            return String::new();
        };
        let offset = frame.line.saturating_sub(frame.first_line);
        let offset = if offset == 0 { String::new() } else { format!("+{offset}") };
        match &frame.unit {
            Unit::Routine(routine) => format!("{}{offset}^{}", frame.label, routine.name),
            Unit::Class(class) => format!("z{}{offset}^{}.1", frame.label, class.name),
        }
    }

    /// # Errors
    /// Always: an error of the system, raised here.
    pub fn raise<T>(&self, name: &str, data: &str) -> Outcome<T> {
        Err(Stop::Error(errors::system(name, self.location(), data)))
    }

    /// # Errors
    /// What the test has ordered for a call that goes by one of these names.
    pub(crate) fn ordered(&mut self, names: &[&str]) -> Outcome<()> {
        match self.world.ordered(names) {
            Some(IrisError { name, data, .. }) => self.raise(&name, &data),
            None => Ok(()),
        }
    }

    pub(crate) fn push(&mut self, frame: Frame) -> Outcome<()> {
        if self.bottom.abs_diff(stack()) >= DEEPEST {
            return self.refuse(&format!("{} calls are too deep: calls without an end?", self.frames.len()));
        }
        self.frames.push(frame);
        Ok(())
    }

    /// Ends a call: what NEW has put aside comes back, whichever way it ended.
    pub(crate) fn pop(&mut self) {
        let Some(frame) = self.frames.pop() else {
            return;
        };
        for undo in frame.undo.into_iter().rev() {
            match undo {
                Undo::Namespace(name) => self.process.namespace = name,
                Undo::Public(name, Some(variable)) => drop(self.process.public.insert(name, variable)),
                Undo::Public(name, None) => drop(self.process.public.remove(&name)),
            }
        }
    }
}

/// Roughly where the stack is.
#[inline(never)]
fn stack() -> usize {
    let here = 0u8;
    std::ptr::from_ref(&here).addr()
}
