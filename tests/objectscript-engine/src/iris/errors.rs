//! Errors as ObjectScript has them, and what is none: something that the engine does not know.

use crate::value::{Object, Value};
use std::fmt;

pub const SYSTEM: &str = "%Exception.SystemException";
pub const STATUS: &str = "%Exception.StatusException";
pub const GENERAL: &str = "%Exception.General";

/// An error of IRIS, as a test orders or sees it.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct IrisError {
    /// With its angle brackets, where it is one of the system: `<UNDEFINED>`.
    pub name: String,
    pub code: String,
    pub location: String,
    pub data: String,
    /// What `DisplayString()` answers.
    pub display: String,
}

impl IrisError {
    /// One that IRIS itself raises, such as `<PROTECT>`.
    pub fn system(name: &str) -> Self {
        let text = || String::new();
        Self { name: name.into(), code: text(), location: text(), data: text(), display: text() }
    }

    pub(crate) fn of(object: &Object) -> Self {
        Self {
            name: object.text("Name"),
            code: object.text("Code"),
            location: object.text("Location"),
            data: object.text("Data"),
            display: display(object),
        }
    }
}

impl fmt::Display for IrisError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.display)
    }
}

/// `DisplayString()` of each kind of exception.
pub(crate) fn display(object: &Object) -> String {
    let (name, code, location, data) =
        (object.text("Name"), object.text("Code"), object.text("Location"), object.text("Data"));
    match object.class() {
        SYSTEM => [format!("{name}{location}"), data].join(" ").trim_end().to_owned(),
        STATUS => format!("ERROR #{code}: {data}"),
        _ => [name, code, location, data].into_iter().filter(|part| !part.is_empty()).collect::<Vec<_>>().join(" "),
    }
}

/// Why the code does not go on.
pub enum Stop {
    /// An exception, which a TRY catches.
    Error(Object),
    /// HALT.
    Halt,
    /// Nothing that IRIS would do: the engine does not know how to go on. No TRY catches it.
    Refusal(String),
}

pub type Outcome<T> = Result<T, Stop>;

/// An exception object of the system's kind.
pub(crate) fn system(name: &str, location: String, data: &str) -> Object {
    let mut properties = vec![
        ("Name", Value::from(name)),
        ("Location", Value::from(location)),
        ("Data", Value::from(data)),
        ("InnerException", Value::empty()),
    ];
    // Only the codes that are beyond doubt; to read another one is refused.
    let code = match name {
        "<UNDEFINED>" => Some(9),
        "<DIVIDE>" => Some(18),
        _ => None,
    };
    properties.extend(code.map(|code| ("Code", Value::from(code))));
    Object::with(SYSTEM, &properties)
}
