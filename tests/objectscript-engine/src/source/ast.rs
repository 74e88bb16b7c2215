//! What a routine is to the interpreter, once the grammar's tree has been read. Every command and expression that the
//! interpreter knows is here; what is not, was refused when the source was read.

use crate::value::Decimal;
use std::rc::Rc;

pub type Block = Rc<[Statement]>;

#[derive(Debug)]
pub struct Statement {
    /// In its file, from 1.
    pub line: usize,
    pub when: Option<Expression>,
    pub command: Command,
}

#[derive(Debug)]
pub enum Command {
    Set(Vec<(Vec<Target>, Expression)>),
    Do(Vec<(Expression, Option<Expression>)>),
    /// The first block whose conditions hold, or the last.
    If(Vec<(Vec<Expression>, Block)>, Option<Block>),
    /// Without braces, to the end of the line: sets `$test`.
    LineIf(Vec<Expression>, Block),
    LineElse(Block),
    For(Option<Target>, Vec<Range>, Block),
    While(Vec<Expression>, Block),
    DoWhile(Block, Vec<Expression>),
    Try(Block, Option<Target>, Block),
    Throw(Expression),
    Quit(Option<Expression>),
    Return(Option<Expression>),
    Continue,
    New(Vec<New>),
    Kill(Vec<Target>),
    /// All but these.
    KillExcept(Vec<String>),
    Merge(Vec<(Target, Target)>),
    Lock(Vec<Lock>),
    Job(Vec<Job>),
    Hang(Expression),
    Halt,
    Write(Vec<Output>),
    Namespace(Expression),
    /// `#dim`, which does nothing here but to give a value.
    Nothing,
    /// Where a procedure stands among the lines of a routine: nothing may run into it.
    Wall,
}

#[derive(Debug)]
pub enum Range {
    Once(Expression),
    Steps { from: Expression, by: Expression, to: Option<Expression> },
}

#[derive(Debug)]
pub enum New {
    Local(String),
    Special(String),
    All,
    AllExcept(Vec<String>),
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum LockMode {
    /// Gives back what the process holds, first.
    Only,
    Add,
    Remove,
}

/// One argument of LOCK; without names, all locks are given back.
#[derive(Debug)]
pub struct Lock {
    pub mode: LockMode,
    pub names: Vec<Target>,
    pub timeout: Option<Expression>,
}

#[derive(Debug)]
pub enum Output {
    Value(Expression),
    Line,
    Page,
    Column(Expression),
    Character(Expression),
}

/// What can be set, killed or passed by reference.
#[derive(Debug)]
pub enum Target {
    Local {
        name: String,
        subscripts: Vec<Expression>,
    },
    Global {
        name: String,
        namespace: Option<Box<Expression>>,
        subscripts: Vec<Expression>,
    },
    Special(String),
    Property(Box<Expression>, String),
    /// `set $piece(…) =`.
    Part {
        function: String,
        arguments: Vec<Argument>,
    },
}

#[derive(Debug)]
pub enum Expression {
    Text(Rc<str>),
    Number(Decimal),
    Variable(Box<Target>),
    /// Flat, as it is evaluated: strictly from left to right.
    Chain(Box<Expression>, Vec<(Operator, Expression)>),
    Unary(char, Box<Expression>),
    /// Name in lower case and in full, without the `$`.
    Function {
        name: String,
        arguments: Vec<Argument>,
    },
    Select(Vec<(Expression, Expression)>),
    Case(Box<Expression>, Vec<(Option<Expression>, Expression)>),
    /// `$$label^routine(…)`, and the same after DO and JOB.
    Call {
        label: Label,
        arguments: Vec<Argument>,
    },
    ClassMethod {
        class: String,
        method: String,
        arguments: Vec<Argument>,
    },
    ClassParameter {
        class: Option<String>,
        name: String,
    },
    This,
    Super(Vec<Argument>),
    Method {
        object: Box<Expression>,
        name: String,
        arguments: Vec<Argument>,
    },
    Property(Box<Expression>, String),
    Object(Vec<(String, Json)>),
    Array(Vec<Json>),
    /// `*`, `*-1`: a place from the end, in `$extract` and `$list`.
    End(Option<Box<Expression>>),
}

#[derive(Debug)]
pub enum Json {
    Value(Expression),
    Boolean(bool),
    Null,
}

#[derive(Debug)]
pub struct Label {
    /// Empty for the first line of a routine.
    pub name: String,
    pub routine: Option<String>,
    pub namespace: Option<String>,
}

#[derive(Debug)]
pub enum Argument {
    Omitted,
    Value(Expression),
    Reference(Target),
    Variadic(String),
}

#[derive(Debug, Clone, PartialEq)]
pub enum Operator {
    Plus,
    Minus,
    Times,
    Over,
    Quotient,
    Modulo,
    Power,
    Concatenate,
    Equal,
    Less,
    Greater,
    LessOrEqual,
    GreaterOrEqual,
    Contains,
    Follows,
    SortsAfter,
    /// `&&`: the right side is not evaluated after a 0.
    And,
    /// `&`: both sides are evaluated.
    BothAnd,
    Or,
    BothOr,
    Pattern(String),
    Not(Box<Operator>),
}

#[derive(Debug)]
pub struct Parameter {
    pub name: String,
    pub default: Option<Expression>,
    pub variadic: bool,
}

/// One argument of JOB.
#[derive(Debug)]
pub struct Job {
    pub call: Expression,
    pub timeout: Option<Expression>,
    /// Whether parentheses follow the label, with or without arguments between them.
    pub has_list: bool,
}

/// A label and what it leads to.
#[derive(Debug)]
pub struct Entry {
    pub name: String,
    pub line: usize,
    pub parameters: Vec<Parameter>,
    pub body: Body,
}

#[derive(Debug)]
pub enum Body {
    /// Variables of its own, but for these.
    Procedure { public_variables: Vec<String>, callable: Callable, block: Block },
    /// A place in the routine's lines: everything it does is seen by its caller.
    Line(usize),
}

/// Whether other routines may call it.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Callable {
    Anywhere,
    Here,
}

#[derive(Debug)]
pub struct Routine {
    pub name: String,
    pub file: String,
    /// As it was loaded, without its header.
    pub text: String,
    pub entries: Vec<Entry>,
    /// What stands outside of procedures, in the order of the file.
    pub lines: Block,
}

#[derive(Debug)]
pub struct Class {
    pub name: String,
    pub file: String,
    /// In the order of inheritance.
    pub extends: Vec<String>,
    pub parameters: Vec<(String, Expression)>,
    pub properties: Vec<(String, Option<Expression>)>,
    pub methods: Vec<Method>,
}

#[derive(Debug)]
pub struct Method {
    pub kind: MethodKind,
    pub entry: Entry,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum MethodKind {
    Class,
    Instance,
}
