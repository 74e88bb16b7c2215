//! The one error value. The place where an error is born chooses its code, because only that place knows whether a retry can
//! help and what an operator should do; everything above passes it on unchanged.
//!
//! Words: lower case, what was tried, on what, what came back. The remedy is a second sentence of its own.

use crate::fate::Fate;
use serde::{Serialize, Serializer};
use std::{fmt, time::Duration};

/// A result of this library.
pub type Result<T> = std::result::Result<T, Error>;

/// The remedy for a fault of this library.
pub const REPORT_IT: &str = "report this with the library's version";

/// What an error means to the caller. The spelling in the report is fixed: scripts compare it.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Hash)]
pub enum Code {
    /// The request string could not be understood.
    InvalidRequest,
    /// The configuration is missing, unreadable or wrong.
    InvalidConfig,
    /// The cloud does not accept who we are: no credentials, expired, or refused.
    Unauthenticated,
    /// The cloud knows who we are and says no: a permission is missing.
    Denied,
    /// A named resource does not exist.
    NotFound,
    /// Something else stands where the VIP should go.
    Conflict,
    /// A quota is used up.
    LimitExceeded,
    /// The cloud asked us to slow down and there was no time left to do so.
    Throttled,
    /// No answer, or an answer that says "try later".
    Unavailable,
    /// A change was sent and its answer was lost: it may or may not have been made.
    Ambiguous,
    /// The call's own time ran out.
    Deadline,
    /// The process was asked to end, or the whole machine had been paused.
    Interrupted,
    /// This build, this mechanism or this member cannot do what is configured.
    Unsupported,
    /// The cloud answered something that is not understood.
    Unexpected,
    /// A fault of this library.
    Internal,
}

impl Code {
    /// Every code, in the order of docs/errors.md.
    pub const ALL: [Code; 15] = [
        Code::InvalidRequest,
        Code::InvalidConfig,
        Code::Unauthenticated,
        Code::Denied,
        Code::NotFound,
        Code::Conflict,
        Code::LimitExceeded,
        Code::Throttled,
        Code::Unavailable,
        Code::Ambiguous,
        Code::Deadline,
        Code::Interrupted,
        Code::Unsupported,
        Code::Unexpected,
        Code::Internal,
    ];

    /// As the report spells it.
    pub fn as_str(self) -> &'static str {
        match self {
            Code::InvalidRequest => "invalid_request",
            Code::InvalidConfig => "invalid_config",
            Code::Unauthenticated => "unauthenticated",
            Code::Denied => "denied",
            Code::NotFound => "not_found",
            Code::Conflict => "conflict",
            Code::LimitExceeded => "limit_exceeded",
            Code::Throttled => "throttled",
            Code::Unavailable => "unavailable",
            Code::Ambiguous => "ambiguous",
            Code::Deadline => "deadline",
            Code::Interrupted => "interrupted",
            Code::Unsupported => "unsupported",
            Code::Unexpected => "unexpected",
            Code::Internal => "internal",
        }
    }

    /// Whether the same call, made again without anybody having repaired anything, may end better.
    pub fn repeat_may_help(self) -> bool {
        matches!(
            self,
            Code::Unauthenticated
                | Code::Throttled
                | Code::Unavailable
                | Code::Ambiguous
                | Code::Deadline
                | Code::Interrupted
                | Code::Internal
        )
    }

    /// Whether the very same request to the cloud should be sent again within this call.
    pub fn try_again_now(self) -> bool {
        matches!(self, Code::Throttled | Code::Unavailable)
    }
}

impl Serialize for Code {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        serializer.serialize_str(self.as_str())
    }
}

/// Boxed, so that a `Result` stays as small as its success.
#[derive(Debug, Clone)]
pub struct Error(Box<Details>);

/// What an error carries.
#[derive(Debug, Clone, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct Details {
    /// What it means to the caller.
    pub code: Code,
    /// What was tried, on what, and what came back. One line.
    pub message: String,
    /// What to do about it.
    pub remedy: String,
    /// The cloud call that failed, for example `ec2:ReplaceRoute`.
    pub call: Option<String>,
    /// The status of the cloud's response.
    pub http_status: Option<u16>,
    /// The cloud's own name for the error, for example `UnauthorizedOperation`.
    pub cloud_code: Option<String>,
    /// The cloud's own id of the request, for its support.
    pub request_id: Option<String>,
    /// How long the cloud asked us to stay away.
    #[serde(skip)]
    pub retry_after: Option<Duration>,
    /// What became of the change that this error is about, if there was one.
    #[serde(skip)]
    pub fate: Fate,
    /// Whether the cause may be gone at the next call, although the code says nothing of that.
    #[serde(skip)]
    pub may_pass: bool,
    /// The operation that says what became of the change, where the cloud accepted the change and nobody saw the end.
    #[serde(skip)]
    pub operation: Option<Box<str>>,
}

impl Error {
    /// An error about no change, or about one that was not sent.
    pub fn new(code: Code, message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Error(Box::new(Details {
            code,
            message: one_line(&message.into()),
            remedy: remedy.into(),
            call: None,
            http_status: None,
            cloud_code: None,
            request_id: None,
            retry_after: None,
            fate: Fate::NotSent,
            may_pass: false,
            operation: None,
        }))
    }

    /// A change that may have been made: no answer says what became of it.
    pub fn in_doubt(message: impl Into<String>, remedy: impl Into<String>) -> Self {
        Error::new(Code::Ambiguous, message, remedy).with_fate(Fate::InDoubt)
    }

    /// A response that the service `of` cannot have given, to a request that changes nothing.
    pub fn impostor(message: impl Into<String>, of: &str) -> Self {
        Error::new(Code::Unexpected, message, answered_for(of)).passing()
    }

    /// The same response to a change, which the service may have received.
    pub fn impostor_in_doubt(message: impl Into<String>, of: &str) -> Self {
        Error::in_doubt(message, answered_for(of))
    }

    /// Sets what became of the change.
    pub fn with_fate(mut self, fate: Fate) -> Self {
        self.0.fate = fate;
        self
    }

    /// The same error, where its cause may be gone at the next call: whatever answered in the cloud's place may not answer then.
    pub fn passing(self) -> Self {
        self.with(|details| details.may_pass = true)
    }

    /// Whether the same call, made again without anybody having repaired anything, may end better.
    pub fn repeat_may_help(&self) -> bool {
        self.may_pass || self.code.repeat_may_help()
    }

    /// Whether the whole call has to end: its time is over, or the process or the machine stopped.
    pub fn ends_the_call(&self) -> bool {
        matches!(self.code, Code::Deadline | Code::Interrupted)
    }

    /// The same error, where it leaves a change in doubt. What ends the whole call keeps its code.
    pub fn left_in_doubt(self) -> Self {
        let error = self.with_fate(Fate::InDoubt);
        if error.ends_the_call() { error } else { error.with(|details| details.code = Code::Ambiguous) }
    }

    /// The same error, with the operation that may still say what became of the change in doubt.
    pub fn of_operation(self, operation: &str) -> Self {
        let is_in_doubt = self.fate.is_in_doubt();
        self.with(|details| details.operation = is_in_doubt.then(|| operation.into()))
    }

    /// Changes the details in place; reads as `Error::new(…).with(|d| d.call = …)`.
    pub fn with(mut self, change: impl FnOnce(&mut Details)) -> Self {
        change(&mut self.0);
        // All mistakes of a configuration are told, and each of them is short.
        let most = if self.0.code == Code::InvalidConfig { 4 * LONGEST_LINE } else { LONGEST_LINE };
        self.0.message = shortened(&self.0.message, most);
        for name in [&mut self.0.cloud_code, &mut self.0.request_id].into_iter().flatten() {
            *name = one_line(name).chars().take(LONGEST_NAME).collect();
        }
        self
    }
}

fn answered_for(service: &str) -> String {
    format!("something between this machine and {service} answers in its place; look for a proxy")
}

/// No cloud's name of an error or a request is longer than this.
const LONGEST_NAME: usize = 128;

/// A message may quote what somebody else wrote: a path, a key, a cloud's answer. It goes to a log of lines and into a
/// report of bounded length, so it is one line of a bounded length itself.
pub fn one_line(text: &str) -> String {
    shortened(text, LONGEST_LINE)
}

const LONGEST_LINE: usize = 800;

fn shortened(text: &str, most: usize) -> String {
    let plain = |character: char| if character.is_control() { ' ' } else { character };
    if text.chars().count() <= most {
        return text.chars().map(plain).collect();
    }
    let (head, tail) = (most * 2 / 3, most / 3);
    let end: Vec<char> = text.chars().rev().take(tail).collect();
    text.chars().take(head).chain(" … ".chars()).chain(end.into_iter().rev()).map(plain).collect()
}

impl std::ops::Deref for Error {
    type Target = Details;
    fn deref(&self) -> &Details {
        &self.0
    }
}

impl Serialize for Error {
    fn serialize<S: Serializer>(&self, serializer: S) -> std::result::Result<S::Ok, S::Error> {
        self.0.serialize(serializer)
    }
}

impl fmt::Display for Error {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(&self.0.message)
    }
}

impl std::error::Error for Error {}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn every_code_has_its_own_spelling() {
        let spellings: std::collections::HashSet<_> = Code::ALL.iter().map(|code| code.as_str()).collect();
        assert_eq!(spellings.len(), Code::ALL.len());
    }

    #[test]
    fn a_message_is_one_line_and_keeps_both_its_ends() {
        let long = format!("could not read \n\u{1b}[2J{}: No such file", "x".repeat(30_000));
        let message = Error::new(Code::InvalidConfig, long, "").message.clone();
        assert!(message.starts_with("could not read   [2Jx") && message.ends_with("x: No such file"), "{message}");
        assert!(message.chars().count() < 900);
        let named = Error::new(Code::Denied, "x", "").with(|details| details.cloud_code = Some("a\n".repeat(9_000)));
        assert!(named.cloud_code.as_ref().is_some_and(|name| name.len() <= 128 && !name.contains('\n')));
    }

    #[test]
    fn what_only_a_person_can_repair_is_not_repeated() {
        for code in [Code::Denied, Code::InvalidConfig, Code::Conflict, Code::Unsupported] {
            assert!(!code.repeat_may_help(), "{code:?}");
        }
        assert!(Code::Throttled.repeat_may_help());
    }

    #[test]
    fn what_answered_in_the_clouds_place_may_be_gone_at_the_next_call() {
        assert!(Error::impostor("HTTP 302", "Resource Manager").repeat_may_help());
        assert!(!Error::new(Code::Unexpected, "400: SomethingNew", "").repeat_may_help());
    }
}
