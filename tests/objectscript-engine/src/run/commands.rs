//! Commands, but for those that repeat.

use super::{
    Flow, Given, Run,
    variables::{Place, place_name},
};
use crate::{
    iris::{
        errors::{self, Outcome, Stop},
        process::Device,
        world::{Job, Start},
    },
    source::ast::{self, Argument, Command, Expression, Lock, LockMode, Output, Statement, Target},
    value::{Node, Value},
};

impl Run<'_> {
    pub(crate) fn block(&mut self, block: &[Statement]) -> Outcome<Flow> {
        for statement in block {
            self.step()?;
            self.frame().line = statement.line;
            if let Some(when) = &statement.when
                && !self.evaluate(when)?.is_true()
            {
                continue;
            }
            match self.command(&statement.command)? {
                Flow::Next => {}
                other => return Ok(other),
            }
        }
        Ok(Flow::Next)
    }

    /// The value of QUIT or RETURN.
    fn optional(&mut self, value: Option<&Expression>) -> Outcome<Option<Value>> {
        value.map(|value| self.evaluate(value)).transpose()
    }

    /// Conditions with commas between them: the first that does not hold ends it.
    pub(crate) fn all_hold(&mut self, conditions: &[Expression]) -> Outcome<bool> {
        for condition in conditions {
            if !self.evaluate(condition)?.is_true() {
                return Ok(false);
            }
        }
        Ok(true)
    }

    fn command(&mut self, command: &Command) -> Outcome<Flow> {
        match command {
            Command::Set(arguments) => {
                for (targets, value) in arguments {
                    let mut places = Vec::new();
                    for target in targets {
                        places.push(self.place_of(target)?);
                    }
                    let value = self.evaluate(value)?;
                    for place in &places {
                        self.ordered_place("set", place)?;
                        self.write(place, value.clone())?;
                    }
                }
            }
            Command::Do(calls) => {
                for (call, when) in calls {
                    if self.optional(when.as_ref())?.is_none_or(|when| when.is_true()) {
                        let line = self.frame().line;
                        self.execute(call)?;
                        self.frame().line = line;
                    }
                }
            }
            Command::If(blocks, last) => {
                for (conditions, block) in blocks {
                    if self.all_hold(conditions)? {
                        return self.block(block);
                    }
                }
                if let Some(block) = last {
                    return self.block(block);
                }
            }
            Command::LineIf(conditions, block) => {
                self.process.test = self.all_hold(conditions)?;
                if self.process.test {
                    return self.block(block);
                }
            }
            Command::LineElse(block) => {
                if !self.process.test {
                    return self.block(block);
                }
            }
            Command::For(target, ranges, block) => return self.repeat_for(target.as_ref(), ranges, block),
            Command::While(conditions, block) => return self.repeat_while(conditions, block),
            Command::DoWhile(block, conditions) => return self.repeat_do_while(block, conditions),
            Command::Try(body, variable, handler) => return self.try_catch(body, variable.as_ref(), handler),
            Command::Throw(value) => {
                let value = self.evaluate(value)?;
                return Err(self.throw(&value));
            }
            Command::Quit(value) => return Ok(Flow::Quit(self.optional(value.as_ref())?)),
            Command::Return(value) => return Ok(Flow::Return(self.optional(value.as_ref())?)),
            Command::Continue => return Ok(Flow::Continue),
            Command::New(items) => {
                for item in items {
                    self.new_variables(item)?;
                }
            }
            Command::Kill(targets) => {
                for target in targets {
                    let place = self.place_of(target)?;
                    self.ordered_place("kill", &place)?;
                    self.change(&place, Node::kill)?;
                }
            }
            Command::KillExcept(kept) => self.kill_except(kept),
            Command::Merge(pairs) => {
                for (into, from) in pairs {
                    let (into, from) = (self.place_of(into)?, self.place_of(from)?);
                    self.ordered_place("merge", &into)?;
                    if let Some(node) = self.node(&from) {
                        self.change(&into, |into, keys| into.make(keys).merge(&node))?;
                    }
                }
            }
            Command::Lock(arguments) => self.locks(arguments)?,
            Command::Job(arguments) => {
                for job in arguments {
                    self.job(job)?;
                }
            }
            Command::Hang(seconds) => {
                let seconds = self.evaluate(seconds)?.to_number().to_f64();
                self.ordered(&["hang"])?;
                self.world.advance(seconds);
            }
            Command::Halt => return Err(Stop::Halt),
            Command::Write(outputs) => {
                for output in outputs {
                    self.output(output)?;
                }
            }
            Command::Namespace(name) => {
                let name = self.evaluate(name)?;
                self.set_special("namespace", &name)?;
            }
            Command::Nothing => {}
            Command::Wall => return self.refuse("the lines before a procedure run into it"),
        }
        Ok(Flow::Next)
    }

    /// `set ^NAME` can be ordered to fail; what only this process has cannot.
    pub(crate) fn ordered_place(&mut self, command: &str, place: &Place) -> Outcome<()> {
        match place {
            Place::Global(_, name, _) => self.ordered(&[command, &format!("{command} ^{name}")]),
            Place::Special(name) if name == "namespace" => self.ordered(&[&format!("{command} $namespace")]),
            Place::Part(whole, ..) => self.ordered_place(command, whole),
            _ => Ok(()),
        }
    }

    fn try_catch(&mut self, body: &[Statement], variable: Option<&Target>, handler: &[Statement]) -> Outcome<Flow> {
        let depth = self.frames.len();
        let flow = match self.block(body) {
            Err(Stop::Error(exception)) => {
                // Calls between here and the error are over already: each one ended itself on the way.
                debug_assert_eq!(depth, self.frames.len());
                // What is thrown by the code itself is no error of the system.
                if exception.class() == errors::SYSTEM {
                    self.process.error = errors::display(&exception);
                }
                if let Some(variable) = variable {
                    let place = self.place_of(variable)?;
                    self.write(&place, exception.into())?;
                }
                self.block(handler)?
            }
            other => other?,
        };
        Ok(match flow {
            Flow::Quit(_) => Flow::Next,
            other => other,
        })
    }

    fn locks(&mut self, arguments: &[Lock]) -> Outcome<()> {
        self.ordered(&["lock"])?;
        let number = self.process.number;
        if arguments.is_empty() {
            self.world.unlock_all(number);
        }
        for lock in arguments {
            let mut names = Vec::new();
            for name in &lock.names {
                let place = self.place_of(name)?;
                names.push(match &place {
                    Place::Global(home, ..) => format!("|{home}|{}", place_name(&place)),
                    _ => place_name(&place),
                });
            }
            let timeout = self.optional(lock.timeout.as_ref())?.map(|timeout| timeout.to_number().to_f64());
            match lock.mode {
                LockMode::Remove => {
                    for name in &names {
                        self.world.unlock(name, number);
                    }
                    continue;
                }
                LockMode::Only => self.world.unlock_all(number),
                LockMode::Add => {}
            }
            match self.world.lock(&names, number, timeout) {
                Some(got) if timeout.is_some() => self.process.test = got,
                Some(_) => {}
                None => return self.refuse(&format!("LOCK of {names:?} would wait for good")),
            }
        }
        Ok(())
    }

    fn job(&mut self, job: &ast::Job) -> Outcome<()> {
        let timeout = self.optional(job.timeout.as_ref())?.map(|timeout| timeout.to_number().to_f64());
        self.ordered(&["job"])?;
        let (start, arguments): (_, &[Argument]) = match &job.call {
            Expression::Call { label, arguments } => {
                let routine = match (&label.routine, &self.frame().unit) {
                    (Some(routine), _) => routine.clone(),
                    (None, super::Unit::Routine(here)) => here.name.clone(),
                    (None, super::Unit::Class(_)) => return self.refuse("JOB of a label in a class"),
                };
                let namespace = label.namespace.clone().unwrap_or_else(|| self.process.namespace.clone());
                if !job.has_list && self.takes_a_list(&namespace, &routine, &label.name) {
                    // "If the invoked routine contains a formal parameter list, you must specify the enclosing parentheses, even
                    // if you do not pass any parameters" (ObjectScript Reference, JOB). What happens else is not documented.
                    return self.refuse(&format!("JOB {}^{routine} without parentheses", label.name));
                }
                (Start::Label { label: label.name.clone(), routine, namespace }, arguments)
            }
            Expression::ClassMethod { class, method, arguments } => {
                (Start::Method { class: class.clone(), method: method.clone() }, arguments)
            }
            _ => return self.refuse("JOB of something that is no label and no class method"),
        };
        let mut values = Vec::new();
        for given in self.given(arguments)? {
            values.push(match given {
                Given::Omitted => None,
                // An object means nothing to another process.
                Given::Value(value) if value.object().is_some() => Some(Value::empty()),
                Given::Value(value) => Some(value),
                Given::Reference(_) => return self.refuse("JOB with an argument by reference"),
            });
        }
        if self.world.refused_jobs > 0 {
            let Some(timeout) = timeout else {
                return self.refuse("JOB without a time-out would wait for good");
            };
            self.world.refused_jobs -= 1;
            self.world.advance(timeout);
            self.process.test = false;
            return Ok(());
        }
        let process = self.world.next_process;
        self.world.next_process += 1;
        self.world.jobs.push_back(Job {
            process,
            namespace: self.process.namespace.clone(),
            username: self.process.username.clone(),
            roles: self.process.roles.clone(),
            start,
            arguments: values,
        });
        if timeout.is_some() {
            self.process.test = true;
        }
        Ok(())
    }

    fn takes_a_list(&self, namespace: &str, routine: &str, label: &str) -> bool {
        let found = self.world.routine(namespace, routine);
        let entry = found.as_ref().and_then(|routine| routine.entries.iter().find(|entry| entry.name == label));
        entry.is_some_and(|entry| !entry.parameters.is_empty() || matches!(entry.body, ast::Body::Procedure { .. }))
    }

    fn output(&mut self, output: &Output) -> Outcome<()> {
        let text = match output {
            Output::Value(value) => self.evaluate(value)?.to_text().to_string(),
            Output::Line => "\n".into(),
            Output::Page => "\u{c}".into(),
            Output::Column(column) => {
                let column = usize::try_from(self.evaluate(column)?.to_number().to_i64()).unwrap_or(0);
                " ".repeat(column.saturating_sub(self.process.column))
            }
            Output::Character(code) => match u32::try_from(self.evaluate(code)?.to_number().to_i64()) {
                Ok(code) => char::from_u32(code).map(String::from).unwrap_or_default(),
                Err(_) => String::new(),
            },
        };
        self.print(&text)
    }

    /// # Errors
    /// `<WRITE>`, if there is no device to write to.
    pub fn print(&mut self, text: &str) -> Outcome<()> {
        self.ordered(&["write"])?;
        if self.process.device == Device::Broken {
            return self.raise("<WRITE>", "");
        }
        self.process.write(text);
        Ok(())
    }
}
