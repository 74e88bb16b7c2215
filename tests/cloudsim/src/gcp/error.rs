//! The errors of Compute Engine: status, reason, message, and what the front end adds.

use serde_json::{Value, json};

/// A refusal before it gets the envelope.
#[derive(Clone, Debug, PartialEq)]
pub(crate) struct ApiError {
    pub(crate) status: u16,
    pub(crate) reason: String,
    pub(crate) message: String,
    /// The message of the entry in `errors`, where it is another one.
    short: Option<&'static str>,
    /// `UNAUTHENTICATED` and so on; the front end sets it, Compute Engine behind it does not.
    rpc: Option<&'static str>,
    detail: Option<Box<Value>>,
    pub(crate) headers: Vec<(String, String)>,
}

pub(crate) type Result<T> = std::result::Result<T, ApiError>;

impl ApiError {
    pub(crate) fn new(status: u16, reason: &str, message: impl Into<String>) -> Self {
        Self {
            status,
            reason: reason.into(),
            message: message.into(),
            short: None,
            rpc: None,
            detail: None,
            headers: Vec::new(),
        }
    }

    /// A value that cannot be: status 400, reason `invalid`.
    pub(crate) fn invalid(field: &str, value: &str, why: &str) -> Self {
        Self::new(400, "invalid", format!("Invalid value for field '{field}': '{value}'. {why}"))
    }

    /// A field that is missing: status 400, reason `required`.
    pub(crate) fn required(field: &str) -> Self {
        Self::new(400, "required", format!("Required field '{field}' not specified"))
    }

    /// A resource that is not there: status 404.
    pub(crate) fn not_found(path: &str) -> Self {
        Self::new(404, "notFound", format!("The resource '{path}' was not found"))
    }

    /// A request that the front end could not turn into a message.
    pub(crate) fn unreadable(message: impl Into<String>) -> Self {
        let message = message.into();
        let violation = json!({ "description": message });
        let detail = json!({ "@type": "type.googleapis.com/google.rpc.BadRequest", "fieldViolations": [violation] });
        Self::new(400, "badRequest", message).rpc("INVALID_ARGUMENT").detail(detail)
    }

    /// The status in the words of gRPC.
    pub(crate) fn rpc(mut self, rpc: &'static str) -> Self {
        self.rpc = Some(rpc);
        self
    }

    pub(crate) fn short(mut self, short: &'static str) -> Self {
        self.short = Some(short);
        self
    }

    pub(crate) fn detail(mut self, detail: Value) -> Self {
        self.detail = Some(Box::new(detail));
        self
    }

    /// Why, in words for machines.
    pub(crate) fn info(self, reason: &str, domain: &str, metadata: &Value) -> Self {
        self.detail(json!({
            "@type": "type.googleapis.com/google.rpc.ErrorInfo",
            "reason": reason,
            "domain": domain,
            "metadata": metadata,
        }))
    }

    pub(crate) fn header(mut self, name: &str, value: impl Into<String>) -> Self {
        self.headers.push((name.into(), value.into()));
        self
    }

    /// The envelope that every error comes in.
    pub(crate) fn envelope(&self) -> Value {
        let domain = if ["rateLimitExceeded", "accessNotConfigured"].contains(&self.reason.as_str()) {
            "usageLimits"
        } else {
            "global"
        };
        let message = self.short.unwrap_or(&self.message);
        let mut entry = json!({ "message": message, "domain": domain, "reason": self.reason });
        if self.status == 401 {
            entry["location"] = "Authorization".into();
            entry["locationType"] = "header".into();
        }
        let mut error = json!({ "code": self.status, "message": self.message, "errors": [entry] });
        let rpc = self.rpc.or(match self.status {
            500 => Some("INTERNAL"),
            503 => Some("UNAVAILABLE"),
            504 => Some("DEADLINE_EXCEEDED"),
            _ => None,
        });
        if let Some(rpc) = rpc {
            error["status"] = rpc.into();
        }
        if let Some(detail) = &self.detail {
            error["details"] = json!([detail]);
        }
        json!({ "error": error })
    }
}
