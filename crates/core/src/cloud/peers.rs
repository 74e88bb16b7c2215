//! The other members. The zone of any of them may be the one that is lost.

use crate::{
    check::{CheckItem, CheckName, Verdict},
    deadline::Deadline,
    error::{Code, Error, Result},
    net::retry::{Caller, SILENT},
    vip::Holder,
};
use std::time::Duration;

/// What to do where a member's zone does not answer.
pub const DEAD_ZONE: &str = "the zone of that member may be lost; call again, and consider the mechanism `route`, which does not touch the other member";

/// A member that did not answer, so that nothing is known of it.
#[derive(Debug, Clone)]
pub struct Silent {
    /// Its name in the configuration.
    pub name: String,
    /// Why nothing is known of it.
    pub why: Error,
}

impl Silent {
    /// `kind` and `key` say what it is and where it is listed.
    pub fn remark(&self, kind: &str, key: &str) -> CheckItem {
        let message = format!("{kind} {} of `{key}` could not be asked: {}", self.name, self.why);
        CheckItem::new(CheckName::MemberUnreachable, Verdict::Warning, message, self.why.remedy.clone())
    }

    /// The error for an address that is in use while this member is silent, which may well be its user. A missing right stays
    /// `denied`: a retry does not give it. A cloud that throttles its read has lost no zone.
    pub fn may_hold(&self, error: Error) -> Error {
        let (code, remedy) = match self.why.code {
            code @ (Code::Denied | Code::Throttled) => (code, self.why.remedy.as_str()),
            _ => (Code::Unavailable, DEAD_ZONE),
        };
        error.with(|details| {
            details.code = code;
            details.retry_after = details.retry_after.max(self.why.retry_after);
            details.message = format!("{}; {} could not be asked: {}", details.message, self.name, self.why);
            details.remedy = remedy.into();
        })
    }
}

/// Why the holder could not be read, where these failures hide it. What a person has to mend goes first; a repeat may help if any of
/// them may pass.
pub fn unreadable<'a>(failures: impl Iterator<Item = &'a Error>) -> Option<Error> {
    let failures: Vec<&Error> = failures.collect();
    let first = failures.iter().find(|error| !error.repeat_may_help()).or(failures.first())?;
    let mut messages: Vec<&str> = vec![&first.message];
    for error in &failures {
        if !messages.contains(&error.message.as_str()) {
            messages.push(&error.message);
        }
    }
    let message = format!("the holder could not be read: {}", messages.join("; "));
    let may_pass = failures.iter().any(|error| error.repeat_may_help());
    let told = (*first).clone().with(|details| details.message = message);
    Some(if may_pass { told.passing() } else { told })
}

/// Several members at once, this one among them or not.
pub fn several<'a>(names: impl Iterator<Item = &'a str>, here: bool) -> Holder {
    Holder::Several { names: names.collect::<Vec<_>>().join(" and "), here }
}

/// What one call on a peer may take: half of the time that is left, so that the rest can still be used.
pub fn share(deadline: &Deadline) -> Duration {
    deadline.remaining() / 2
}

/// A read that may take its share of the time and no more. A failure keeps its cause; where no response came, the error names
/// `call`.
pub async fn share_of<T, F>(caller: &Caller, call: &str, read: impl FnOnce(Caller) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let share = share(caller.deadline());
    let answer = tokio::time::timeout(share, read(caller.within(share))).await.unwrap_or_else(|_| {
        let message = format!("{call}: no answer within {:.1} s", share.as_secs_f64());
        Err(Error::new(Code::Unavailable, message, DEAD_ZONE))
    });
    answer.map_err(|error| match error.remedy == SILENT {
        true => error.with(|details| details.remedy = DEAD_ZONE.into()),
        false => error,
    })
}
