//! The errors of Azure Resource Manager: status, code, message, details.

use serde_json::{Value, json};

/// A refusal before it gets the envelope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ArmError {
    pub(crate) status: u16,
    pub(crate) code: String,
    pub(crate) message: String,
    pub(crate) details: Vec<(String, String)>,
    pub(crate) headers: Vec<(String, String)>,
}

pub(crate) type Result<T> = std::result::Result<T, ArmError>;

impl ArmError {
    pub(crate) fn new(status: u16, code: &str, message: impl Into<String>) -> Self {
        Self { status, code: code.into(), message: message.into(), details: Vec::new(), headers: Vec::new() }
    }

    /// A client error with status 400.
    pub(crate) fn bad(code: &str, message: impl Into<String>) -> Self {
        Self::new(400, code, message)
    }

    pub(crate) fn detail(mut self, code: &str, message: impl Into<String>) -> Self {
        self.details.push((code.into(), message.into()));
        self
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The envelope that every error of Resource Manager comes in.
    pub(crate) fn envelope(&self) -> Value {
        json!({ "error": self.object() })
    }

    /// The error alone, as the status of an operation carries it.
    pub(crate) fn object(&self) -> Value {
        let details: Vec<Value> =
            self.details.iter().map(|(code, message)| json!({ "code": code, "message": message })).collect();
        json!({ "code": self.code, "message": self.message, "details": details })
    }
}
