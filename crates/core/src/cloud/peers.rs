//! The other members, any of whose zones may be the very one that is lost.

use crate::{
    check::{CheckItem, CheckName, Verdict},
    deadline::Deadline,
    error::{Code, Error, Result},
    net::retry::Caller,
    vip::Holder,
};
use std::time::Duration;

/// What to do where a member's zone does not answer.
pub const DEAD_ZONE: &str = "the zone of that member may be lost; call again, and consider the mechanism `route`, which does not touch the other member";

/// A member that nothing is known of, because what could tell did not answer.
#[derive(Debug, Clone)]
pub struct Silent {
    pub name: String,
    pub why: Error,
}

impl Silent {
    /// `kind` and `key` say what it is and where it is listed.
    pub fn remark(&self, kind: &str, key: &str) -> CheckItem {
        let message = format!("{kind} {} of `{key}` could not be asked: {}", self.name, self.why);
        CheckItem::new(CheckName::MemberUnreachable, Verdict::Warning, message, self.why.remedy.clone())
    }

    /// An address that is in use where this member could not be asked: it may well be there. A missing right stays one: no
    /// repeat gives it.
    pub fn may_hold(&self, error: Error) -> Error {
        let (code, remedy) = match self.why.code {
            Code::Denied => (Code::Denied, self.why.remedy.as_str()),
            _ => (Code::Unavailable, DEAD_ZONE),
        };
        error.with(|details| {
            details.code = code;
            details.message = format!("{}; {} could not be asked: {}", details.message, self.name, self.why);
            details.remedy = remedy.into();
        })
    }
}

/// Several members at once, this one among them or not.
pub fn several<'a>(names: impl Iterator<Item = &'a str>, here: bool) -> Holder {
    Holder::Several { names: names.collect::<Vec<_>>().join(" and "), here }
}

/// What one call on a peer may take: half of the time that is left, so that the rest can still be used.
pub fn share(deadline: &Deadline) -> Duration {
    deadline.remaining() / 2
}

/// A read that may take its share of the time and no more: what fails is told with its cause, and `call` names what is not
/// answered at all.
pub async fn share_of<T, F>(caller: &Caller, call: &str, read: impl FnOnce(Caller) -> F) -> Result<T>
where
    F: Future<Output = Result<T>>,
{
    let share = share(caller.deadline());
    tokio::time::timeout(share, read(caller.within(share))).await.unwrap_or_else(|_| {
        let message = format!("{call}: no answer within {:.1} s", share.as_secs_f64());
        Err(Error::new(Code::Unavailable, message, DEAD_ZONE))
    })
}
