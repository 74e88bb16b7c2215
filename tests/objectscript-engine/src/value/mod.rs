//! Values, and how a text becomes a number, a truth or a subscript.

pub mod array;
pub mod decimal;
pub mod json;
pub mod list;
pub mod object;
pub mod pattern;

pub use array::{Key, Node};
pub use decimal::Decimal;
pub use object::{Body, Item, Object};

use std::{fmt, rc::Rc};

/// What an expression gives. A number and the text that looks like it are equal everywhere but in JSON.
#[derive(Clone)]
pub enum Value {
    Text(Rc<str>),
    Number(Decimal),
    Object(Object),
}

impl Value {
    pub fn empty() -> Self {
        Self::from("")
    }

    pub fn to_text(&self) -> Rc<str> {
        match self {
            Self::Text(text) => text.clone(),
            Self::Number(number) => number.to_string().into(),
            Self::Object(object) => object.to_string().into(),
        }
    }

    pub fn to_number(&self) -> Decimal {
        match self {
            Self::Number(number) => *number,
            other => Decimal::leading(&other.to_text()),
        }
    }

    pub fn is_true(&self) -> bool {
        !self.to_number().is_zero()
    }

    pub fn is_empty(&self) -> bool {
        matches!(self, Self::Text(text) if text.is_empty())
    }

    pub fn object(&self) -> Option<&Object> {
        match self {
            Self::Object(object) => Some(object),
            _ => None,
        }
    }

    /// For what stays behind when the process ends, such as a global or a job's argument: an object becomes its name.
    pub fn without_object(&self) -> Self {
        match self {
            Self::Object(object) => Self::from(object.to_string()),
            other => other.clone(),
        }
    }
}

impl From<&str> for Value {
    fn from(text: &str) -> Self {
        Self::Text(text.into())
    }
}

impl From<String> for Value {
    fn from(text: String) -> Self {
        Self::Text(text.into())
    }
}

impl From<Decimal> for Value {
    fn from(number: Decimal) -> Self {
        Self::Number(number)
    }
}

impl From<i64> for Value {
    fn from(number: i64) -> Self {
        Self::Number(number.into())
    }
}

impl From<i32> for Value {
    fn from(number: i32) -> Self {
        i64::from(number).into()
    }
}

impl From<usize> for Value {
    fn from(number: usize) -> Self {
        i64::try_from(number).unwrap_or(i64::MAX).into()
    }
}

impl From<bool> for Value {
    fn from(truth: bool) -> Self {
        i64::from(truth).into()
    }
}

impl From<Object> for Value {
    fn from(object: Object) -> Self {
        Self::Object(object)
    }
}

impl fmt::Debug for Value {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:?}", self.to_text())
    }
}
