//! One request: what IRIS, an administrator or a script sends, before any of it is carried out.

use super::surroundings::Surroundings;
use crate::{
    config::{self, source},
    error::{Code, Error, Result},
    outcome::Outcome,
    vip::Write,
};
use serde::{
    Deserialize, Deserializer,
    de::{DeserializeOwned, IntoDeserializer},
};
use serde_json::{Value, value::RawValue};
use std::path::PathBuf;

/// The longest request, in bytes.
pub const LONGEST_REQUEST: usize = 32_767;

/// What a call is to do.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Action {
    /// Make this member the holder of the VIP.
    Acquire,
    /// Report who holds the VIP.
    Status,
    /// Report whether a takeover would succeed.
    Check,
    /// Give the VIP up where this member holds it.
    Release,
}

impl Action {
    /// As the report spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Action::Acquire => "acquire",
            Action::Status => "status",
            Action::Check => "check",
            Action::Release => "release",
        }
    }

    /// How this action ends when it could not begin.
    pub fn unable(self) -> Outcome {
        match self {
            Action::Acquire => Outcome::NotMoved,
            Action::Status => Outcome::Unknown,
            Action::Check => Outcome::NotReady,
            Action::Release => Outcome::NotReleased,
        }
    }
}

/// Where a call comes from.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Default, Deserialize)]
pub enum Reason {
    NotifyBecomePrimary,
    CheckBecomePrimaryOK,
    #[serde(rename = "ZSTART")]
    ZStart,
    #[serde(rename = "ZSTOP")]
    ZStop,
    #[serde(rename = "task")]
    Task,
    #[serde(rename = "retry")]
    Retry,
    #[default]
    #[serde(rename = "terminal")]
    Terminal,
}

impl Reason {
    /// As the request and the report spell it.
    pub fn as_str(self) -> &'static str {
        match self {
            Reason::NotifyBecomePrimary => "NotifyBecomePrimary",
            Reason::CheckBecomePrimaryOK => "CheckBecomePrimaryOK",
            Reason::ZStart => "ZSTART",
            Reason::ZStop => "ZSTOP",
            Reason::Task => "task",
            Reason::Retry => "retry",
            Reason::Terminal => "terminal",
        }
    }

    /// Whether the mirror waits for the call.
    pub fn is_hook(self) -> bool {
        matches!(self, Reason::NotifyBecomePrimary | Reason::CheckBecomePrimaryOK)
    }

    /// A mirror hook writes even if a read says that it need not, and so does the retry that finishes the work of one.
    pub fn write(self) -> Write {
        match self {
            Reason::NotifyBecomePrimary | Reason::CheckBecomePrimaryOK | Reason::Retry => Write::Always,
            Reason::ZStart | Reason::ZStop | Reason::Task | Reason::Terminal => Write::IfNeeded,
        }
    }
}

#[derive(Default, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Request {
    /// Kept as text: a parsed value would have lost the keys that stand twice.
    config: Option<Box<RawValue>>,
    #[serde(default, deserialize_with = "word")]
    pub reason: Option<Reason>,
    pub deadline_seconds: Option<u64>,
    pub resume: Option<Value>,
    pub dry_run: Option<bool>,
}

/// Where the configuration comes from.
pub enum Source {
    File(PathBuf),
    Inline(String),
}

/// Reads a request.
///
/// # Errors
/// `invalid_request` for a mistake in it, `invalid_config` when neither the request nor the host names a configuration.
pub fn read(bytes: &[u8], surroundings: &impl Surroundings) -> Result<(Request, Source)> {
    let invalid = |message: String, remedy: &str| Error::new(Code::InvalidRequest, message, remedy);
    if bytes.len() > LONGEST_REQUEST {
        return Err(invalid(
            format!("the request has {} bytes, more than {LONGEST_REQUEST}", bytes.len()),
            "put the configuration into a file and name its path",
        ));
    }
    let text = std::str::from_utf8(bytes).map_err(|error| {
        invalid(
            format!("the request is not UTF-8: byte {} is wrong", error.valid_up_to()),
            "convert it: $zconvert(text,\"O\",\"UTF8\")",
        )
    })?;
    if text.contains('\0') {
        return Err(invalid("the request contains a NUL character".into(), "name a path, or give a JSON object"));
    }
    let text = text.trim_start_matches(['\u{feff}', ' ', '\t', '\r', '\n']);
    if !text.starts_with('{') && text.contains('{') {
        // Not shown: a request that was meant as JSON may hold a proxy's password.
        return Err(invalid(
            "the request is neither a path nor a JSON object".into(),
            "name a path, or give a JSON object",
        ));
    }
    if !text.starts_with('{') {
        let source =
            if text.is_empty() { in_manager_directory(surroundings)? } else { Source::File(PathBuf::from(text)) };
        return Ok((Request::default(), source));
    }
    let request: Request = serde_json::from_str(text).map_err(|error| {
        invalid(
            format!("the request is no valid request object: {error}"),
            "its keys are config, reason, deadlineSeconds, dryRun and resume; a configuration goes under config",
        )
    })?;
    if let Some(seconds) = request.deadline_seconds.filter(|seconds| !config::DEADLINE_SECONDS.contains(seconds)) {
        return Err(invalid(format!("`deadlineSeconds` is {seconds}, expected 1 to 600"), "correct the request"));
    }
    if request.resume.as_ref().is_some_and(|resume| !resume.is_object() && !is_nothing(resume)) {
        return Err(invalid(
            "`resume` is no object".into(),
            "pass `resume` on as the last report of the same takeover has it, or leave it out",
        ));
    }
    let request = Request { resume: request.resume.filter(Value::is_object), ..request };
    let source = match request.config.as_ref().map(|raw| raw.get()) {
        None | Some("null" | "\"\"") => in_manager_directory(surroundings)?,
        Some(object) if object.starts_with('{') => Source::Inline(object.to_owned()),
        Some(other) => match serde_json::from_str::<String>(other) {
            Ok(path) => Source::File(PathBuf::from(path)),
            Err(_) => {
                let kind = if other.starts_with('[') { "a list" } else { "a number or a word" };
                return Err(invalid(
                    format!("`config` is {kind}, expected a path or an object"),
                    "correct the request",
                ));
            }
        },
    };
    Ok((request, source))
}

/// One of an enumeration's words, as a string and in no other form: serde would take `{"word": null}` for it as well.
fn word<'de, D: Deserializer<'de>, T: DeserializeOwned>(deserializer: D) -> std::result::Result<Option<T>, D::Error> {
    let text: Option<String> = Option::deserialize(deserializer)?;
    text.map(|text| T::deserialize(text.into_deserializer())).transpose()
}

/// What a script passes on that has nothing to pass on: ObjectScript has no null, and an empty list says no more.
fn is_nothing(value: &Value) -> bool {
    match value {
        Value::Null => true,
        Value::String(text) => text.is_empty(),
        Value::Array(items) => items.is_empty(),
        Value::Bool(_) | Value::Number(_) | Value::Object(_) => false,
    }
}

fn in_manager_directory(surroundings: &impl Surroundings) -> Result<Source> {
    let directory = surroundings.manager_directory().ok_or_else(|| {
        Error::new(
            Code::InvalidConfig,
            "the host does not tell its manager's directory",
            "name the configuration's path in the request",
        )
    })?;
    Ok(Source::File(source::in_manager_directory(&directory)))
}
