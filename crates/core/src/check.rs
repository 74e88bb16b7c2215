//! The word for one finding beside the holder: an item of a preflight, or a warning of any report.

use crate::error::{Code, Error};
use serde::Serialize;

/// One line of a preflight; the same finding is a warning of an acquire.
#[derive(Debug, Clone, Serialize)]
pub struct CheckItem {
    pub name: String,
    pub result: Verdict,
    pub message: String,
    pub remedy: String,
    /// What made it fail, for the report's own `error`.
    #[serde(skip)]
    pub error: Option<Error>,
}

#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize)]
#[serde(rename_all = "snake_case")]
pub enum Verdict {
    Ok,
    Warning,
    Failed,
    Skipped,
}

impl CheckItem {
    pub fn ok(name: impl Into<String>, message: impl Into<String>) -> Self {
        CheckItem {
            name: name.into(),
            result: Verdict::Ok,
            message: message.into(),
            remedy: String::new(),
            error: None,
        }
    }

    pub fn new(
        name: impl Into<String>,
        result: Verdict,
        message: impl Into<String>,
        remedy: impl Into<String>,
    ) -> Self {
        CheckItem { name: name.into(), result, message: message.into(), remedy: remedy.into(), error: None }
    }

    pub fn failed(name: impl Into<String>, error: &Error) -> Self {
        let item = CheckItem::new(name, Verdict::Failed, error.message.clone(), error.remedy.clone());
        CheckItem { error: Some(error.clone()), ..item }
    }

    /// What made it fail, for the report's own `error`.
    pub fn as_error(&self) -> Error {
        let told = || Error::new(Code::Unexpected, self.message.clone(), self.remedy.clone());
        self.error.clone().unwrap_or_else(told)
    }
}
