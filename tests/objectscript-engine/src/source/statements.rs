//! Commands, from the grammar's tree.

use super::{
    ast::{Block, Command, Expression, Job, Lock, LockMode, New, Output, Range, Statement, Target},
    tree::{Read, Source, all_of, child, children, line, parts},
};
use tree_sitter::Node;

/// Where a command stands.
#[derive(Clone, Copy)]
pub struct Within<'p> {
    /// The public variables of a procedure; `None` outside of one, where all are.
    public_variables: Option<&'p [String]>,
    nesting: Nesting,
}

#[derive(Clone, Copy, PartialEq, Eq)]
enum Nesting {
    /// The procedure itself, which QUIT with a value may leave.
    None,
    /// TRY or CATCH, outside of any loop.
    Try,
    /// A loop, or something in it: CONTINUE has a meaning.
    Loop,
}

impl<'p> Within<'p> {
    pub fn procedure(public_variables: &'p [String]) -> Self {
        Self { public_variables: Some(public_variables), nesting: Nesting::None }
    }

    pub fn lines() -> Self {
        Self { public_variables: None, nesting: Nesting::None }
    }

    fn loops(self) -> Self {
        Self { nesting: Nesting::Loop, ..self }
    }

    fn tries(self) -> Self {
        match self.nesting {
            Nesting::None => Self { nesting: Nesting::Try, ..self },
            _ => self,
        }
    }

    fn is_private(self, name: &str) -> bool {
        let listed = |public: &[String]| public.iter().any(|public| public == name);
        !name.starts_with('%') && self.public_variables.is_some_and(|public| !listed(public))
    }
}

impl<'t> Source<'t> {
    /// The `statement` children of a node. Whatever else is there has to be one of `known`.
    pub fn block(&self, node: Node<'t>, within: Within<'_>, known: &[&str]) -> Read<Block> {
        let mut statements = Vec::new();
        let mut end = None;
        for part in children(node) {
            match part.kind() {
                "statement" => {
                    self.apart(end, part)?;
                    end = Some(part.end_byte());
                    statements.push(self.statement(part, within)?);
                }
                kind if known.contains(&kind) || !part.is_named() => {}
                "keyword_do_old" => return self.unsupported(part, "the old form of a block"),
                kind if kind.starts_with("keyword_") => {}
                _ => return self.unsupported(part, "this part of a block"),
            }
        }
        Ok(statements.into())
    }

    /// Between two commands stands a blank, which the grammar does not ask for; only after a brace there may be none.
    fn apart(&self, end: Option<usize>, next: Node<'t>) -> Read<()> {
        let touches = end == Some(next.start_byte());
        if touches && !self.text.get(..next.start_byte()).is_some_and(|before| before.ends_with(['}', ' ', '\t', '\n']))
        {
            return self.wrong(next, "no blank before the command");
        }
        Ok(())
    }

    pub fn statement(&self, node: Node<'t>, within: Within<'_>) -> Read<Statement> {
        let [command] = parts(node)[..] else {
            return self.unsupported(node, "the statement");
        };
        let when = child(command, "post_conditional").map(|when| self.only_expression(when)).transpose()?;
        Ok(Statement { line: line(command), when, command: self.command(command, within)? })
    }

    fn only_expression(&self, node: Node<'t>) -> Read<Expression> {
        match child(node, "expression") {
            Some(inner) => self.expression(inner),
            None => self.unsupported(node, "the expression"),
        }
    }

    /// The only argument of a command, if it has one.
    fn optional(&self, node: Node<'t>) -> Read<Option<Expression>> {
        self.has_only(node, &["post_conditional", "expression"])?;
        if all_of(node, "expression").len() > 1 {
            return self.unsupported(node, "more than one argument");
        }
        child(node, "expression").map(|inner| self.expression(inner)).transpose()
    }

    /// Every argument of a kind, read by `read`.
    fn each<T>(&self, node: Node<'t>, kind: &str, read: impl Fn(Node<'t>) -> Read<T>) -> Read<Vec<T>> {
        for part in parts(node) {
            if part.kind() != kind && part.kind() != "post_conditional" {
                return self.unsupported(part, "the argument");
            }
        }
        all_of(node, kind).into_iter().map(read).collect()
    }

    fn command(&self, node: Node<'t>, within: Within<'_>) -> Read<Command> {
        Ok(match node.kind() {
            "command_set" => Command::Set(self.each(node, "set_argument", |argument| self.set(argument))?),
            "command_do" => Command::Do(self.each(node, "do_parameter", |parameter| {
                let when = child(parameter, "post_conditional").map(|when| self.only_expression(when)).transpose()?;
                let callee: Vec<_> =
                    children(parameter).into_iter().filter(|part| part.kind() != "post_conditional").collect();
                Ok((self.callee(&callee)?, when))
            })?),
            "command_if" | "command_else" => self.condition(node, within)?,
            "command_for" => {
                let parameter = child(node, "for_parameter");
                let target = parameter.map(|parameter| self.target(parts(parameter)[0])).transpose()?;
                let ranges = parameter.map(|parameter| all_of(parameter, "for_parameter_arg")).unwrap_or_default();
                let ranges = ranges.into_iter().map(|range| self.range(range)).collect::<Read<_>>()?;
                let block = match child(node, "keyword_old_for") {
                    Some(_) => self.rest_of_line(node, within.loops(), &["for_parameter"])?,
                    None => self.block(node, within.loops(), &["for_parameter"])?,
                };
                Command::For(target, ranges, block)
            }
            "command_while" => {
                Command::While(self.conditions(node)?, self.block(node, within.loops(), &["expression"])?)
            }
            "command_dowhile" => {
                Command::DoWhile(self.block(node, within.loops(), &["expression"])?, self.conditions(node)?)
            }
            "command_trycatch" => {
                let Some(handler) = child(node, "catch_block") else {
                    return self.wrong(node, "TRY without CATCH");
                };
                let body = self.block(node, within.tries(), &["catch_block"])?;
                let variable = parts(handler).into_iter().find(|part| !matches!(part.kind(), "statement"));
                let variable = variable.map(|variable| self.target(variable)).transpose()?;
                Command::Try(body, variable, self.block(handler, within.tries(), &["lvn"])?)
            }
            "command_throw" => match self.optional(node)? {
                Some(exception) => Command::Throw(exception),
                None => return self.unsupported(node, "THROW without an exception"),
            },
            "command_quit" => {
                let value = self.optional(node)?;
                if value.is_some() && within.nesting != Nesting::None {
                    return self.wrong(node, "QUIT argument not allowed in TRY, CATCH or a loop");
                }
                Command::Quit(value)
            }
            "command_return" => Command::Return(self.optional(node)?),
            "command_continue" if within.nesting != Nesting::Loop => {
                return self.wrong(node, "CONTINUE outside of a loop");
            }
            "command_continue" => Command::Continue,
            "command_new" => self.new_command(node, within)?,
            "command_kill" => self.kill(node)?,
            "command_merge" => {
                Command::Merge(self.each(node, "merge_argument", |argument| match parts(argument)[..] {
                    [into, from] => Ok((self.target(into)?, self.target(from)?)),
                    _ => self.unsupported(argument, "the argument"),
                })?)
            }
            "command_lock" => Command::Lock(self.each(node, "command_lock_argument", |argument| self.lock(argument))?),
            "command_job" => Command::Job(self.each(node, "job_argument", |argument| self.job(argument))?),
            "command_halt_or_hang" => match self.optional(node)? {
                Some(seconds) => Command::Hang(seconds),
                None if children(node)[0].kind() == "keyword_hang" => return self.wrong(node, "HANG without a time"),
                None => Command::Halt,
            },
            "command_write" => {
                let outputs = self.each(node, "write_argument", |argument| self.output(argument))?;
                if outputs.is_empty() {
                    return self.unsupported(node, "WRITE without an argument");
                }
                Command::Write(outputs.into_iter().flatten().collect())
            }
            "command_zn" => Command::Namespace(self.only_expression(node)?),
            "pound_dim" => match (child(node, "lvn"), child(node, "expression")) {
                (Some(variable), Some(value)) => {
                    Command::Set(vec![(vec![self.target(variable)?], self.expression(value)?)])
                }
                _ => Command::Nothing,
            },
            _ => return self.unsupported(node, "the command"),
        })
    }

    fn set(&self, node: Node<'t>) -> Read<(Vec<Target>, Expression)> {
        let targets = match child(node, "set_target_list") {
            Some(list) => all_of(list, "set_target"),
            None => all_of(node, "set_target"),
        };
        if targets.is_empty() {
            return self.unsupported(node, "the target");
        }
        let targets: Vec<_> = targets.into_iter().map(|target| self.target(target)).collect::<Read<_>>()?;
        let can_be_set = |target: &Target| match target {
            Target::Special(name) => matches!(name.as_str(), "namespace" | "test" | "zerror"),
            _ => true,
        };
        if !targets.iter().all(can_be_set) {
            return self.unsupported(node, "SET of this variable");
        }
        Ok((targets, self.only_expression(node)?))
    }

    fn conditions(&self, node: Node<'t>) -> Read<Vec<Expression>> {
        let conditions = all_of(node, "expression");
        if conditions.is_empty() {
            return self.unsupported(node, "a command without a condition");
        }
        conditions.into_iter().map(|condition| self.expression(condition)).collect()
    }

    fn condition(&self, node: Node<'t>, within: Within<'_>) -> Read<Command> {
        if node.kind() == "command_else" {
            return Ok(Command::LineElse(self.rest_of_line(node, within, &[])?));
        }
        if child(node, "keyword_old_if").is_some() {
            return Ok(Command::LineIf(self.conditions(node)?, self.rest_of_line(node, within, &["expression"])?));
        }
        let known = ["expression", "elseif_block", "else_block"];
        let mut blocks = vec![(self.conditions(node)?, self.block(node, within, &known)?)];
        for other in all_of(node, "elseif_block") {
            blocks.push((self.conditions(other)?, self.block(other, within, &known)?));
        }
        let last = child(node, "else_block").map(|last| self.block(last, within, &[])).transpose()?;
        Ok(Command::If(blocks, last))
    }

    /// The commands that a command without braces is for. There has to be one: `else set x = 1` with a single blank is
    /// read as an ELSE of nothing, and a SET that is always done.
    fn rest_of_line(&self, node: Node<'t>, within: Within<'_>, known: &[&str]) -> Read<Block> {
        let block = self.block(node, within, known)?;
        if block.is_empty() { self.wrong(node, "no command follows on this line, after two blanks") } else { Ok(block) }
    }

    fn range(&self, node: Node<'t>) -> Read<Range> {
        let mut values = all_of(node, "expression").into_iter().map(|value| self.expression(value));
        match (values.next().transpose()?, values.next().transpose()?, values.next().transpose()?) {
            (Some(from), None, _) => Ok(Range::Once(from)),
            (Some(from), Some(by), to) => Ok(Range::Steps { from, by, to }),
            _ => self.unsupported(node, "the range"),
        }
    }

    fn new_command(&self, node: Node<'t>, within: Within<'_>) -> Read<Command> {
        let arguments = self.each(node, "command_new_argument", |argument| {
            let except = self.text(argument).starts_with('(');
            let items =
                all_of(argument, "command_new_item").into_iter().map(|item| match self.target(parts(item)[0])? {
                    Target::Local { name, subscripts } if subscripts.is_empty() => match within.is_private(&name) {
                        true => self.wrong(item, "NEW of a private variable"),
                        false => Ok(New::Local(name)),
                    },
                    Target::Special(name) if !except => Ok(New::Special(name)),
                    _ => self.unsupported(item, "the argument"),
                });
            let items = items.collect::<Read<Vec<_>>>()?;
            Ok(match except {
                true => vec![New::AllExcept(
                    items
                        .into_iter()
                        .filter_map(|item| if let New::Local(name) = item { Some(name) } else { None })
                        .collect(),
                )],
                false => items,
            })
        })?;
        let items = if arguments.is_empty() { vec![New::All] } else { arguments.into_iter().flatten().collect() };
        let all = items.iter().any(|item| matches!(item, New::All | New::AllExcept(_)));
        if all && within.public_variables.is_some() {
            return self.wrong(node, "NEW of private variables");
        }
        Ok(Command::New(items))
    }

    fn kill(&self, node: Node<'t>) -> Read<Command> {
        if children(node).len() == 1 {
            return Ok(Command::KillExcept(Vec::new()));
        }
        let (mut targets, mut kept) = (Vec::new(), Vec::new());
        for part in parts(node) {
            match part.kind() {
                "post_conditional" => {}
                "kill_target" | "kill_target_list" if self.text(part).starts_with('(') => {
                    for kept_one in parts(part) {
                        match self.target(kept_one)? {
                            Target::Local { name, subscripts } if subscripts.is_empty() => kept.push(name),
                            _ => return self.unsupported(part, "the argument"),
                        }
                    }
                }
                "kill_target" => targets.push(self.target(part)?),
                _ => return self.unsupported(part, "the argument"),
            }
        }
        match (targets.is_empty(), kept.is_empty()) {
            (false, true) => Ok(Command::Kill(targets)),
            (true, false) => Ok(Command::KillExcept(kept)),
            _ => self.unsupported(node, "the argument"),
        }
    }

    fn lock(&self, node: Node<'t>) -> Read<Lock> {
        let mut lock = Lock { mode: LockMode::Only, names: Vec::new(), timeout: None };
        for part in children(node) {
            match part.kind() {
                "+" => lock.mode = LockMode::Add,
                "-" => lock.mode = LockMode::Remove,
                "(" | ")" | "," => {}
                "lock_arg" => lock.names.push(self.target(part)?),
                "timeout" => lock.timeout = Some(self.only_expression(part)?),
                _ => return self.unsupported(part, "the argument"),
            }
        }
        Ok(lock)
    }

    fn job(&self, node: Node<'t>) -> Read<Job> {
        let timeout = child(node, "timeout").map(|timeout| self.only_expression(timeout)).transpose()?;
        let callee: Vec<_> =
            children(node).into_iter().filter(|part| !matches!(part.kind(), ":" | "timeout")).collect();
        match callee[..] {
            [only] if matches!(only.kind(), "routine_tag_call" | "class_method_call") => {
                Ok(Job { call: self.expression(only)?, timeout, has_list: self.text(only).ends_with(')') })
            }
            _ => self.unsupported(node, "the argument"),
        }
    }

    fn output(&self, node: Node<'t>) -> Read<Vec<Output>> {
        let [only] = parts(node)[..] else {
            return self.unsupported(node, "the argument");
        };
        if only.kind() == "expression" {
            return Ok(vec![Output::Value(self.expression(only)?)]);
        }
        let mut outputs = Vec::new();
        for control in parts(only) {
            match control.kind() {
                "write_device_fflf" => outputs.extend(self.text(control).chars().filter_map(|sign| match sign {
                    '!' => Some(Output::Line),
                    '#' => Some(Output::Page),
                    _ => None,
                })),
                "write_device_tab" => outputs.push(Output::Column(self.only_expression(control)?)),
                "write_device_char" => outputs.push(Output::Character(self.only_expression(control)?)),
                _ => return self.unsupported(control, "the output"),
            }
        }
        Ok(outputs)
    }
}
