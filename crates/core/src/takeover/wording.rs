//! What the engine says of its own: the errors that no cloud has answered.

use crate::{
    cloud::outsiders::Missing,
    error::{Code, Error},
    vip::{Goal, Holder, Part},
};
use std::time::Duration;

/// A holder that nobody could read.
pub const UNREADABLE: &str = "a holder that could not be read";
/// Who is right, only IRIS knows.
const ASK_IRIS: &str = "ask IRIS which member is the primary, and call Acquire there";
/// A look that was too early.
const STATUS_AGAIN: &str = "call Status again in some seconds";

pub fn unconfirmed(parts: &[Part]) -> Error {
    let broken: Vec<&Part> = parts.iter().filter(|part| matches!(part.holder, Holder::ThisMemberBroken(_))).collect();
    if !broken.is_empty() {
        let message =
            format!("the change was made, and the VIP is here by name alone: {}", whereabouts(broken.into_iter()));
        return Error::new(
            Code::Deadline,
            message,
            "put right what the cloud says of this member (the warnings say how); then call Acquire again",
        );
    }
    Error::new(
        Code::Deadline,
        "the change was made, but no fresh read showed it before time was out",
        "call Status to see where the VIP is; call Acquire again if it is not here",
    )
}

pub fn taken_by_another() -> Error {
    Error::new(Code::Conflict, "another member took the VIP after this one had taken it", ASK_IRIS)
}

pub fn maybe_taken_by_another(elsewhere: &[Part]) -> Error {
    if elsewhere.iter().all(|part| part.holder == Holder::Nobody) {
        return Error::new(
            Code::Unavailable,
            format!(
                "the change was made, and a read after it showed another member; at the last one {}: another member may have had it meanwhile",
                whereabouts(elsewhere.iter())
            ),
            "ask IRIS which member is the primary, and call Acquire there at once",
        );
    }
    Error::new(
        Code::Deadline,
        format!(
            "the change was made, and a read after it showed another member; at the last one {}: the read was old, or another member has taken the VIP since",
            whereabouts(elsewhere.iter())
        ),
        ASK_IRIS,
    )
}

/// Nothing was refused, and yet the last look does not show every part here: somebody changed them after the plan.
pub fn changed_meanwhile(parts: &[Part]) -> Error {
    let mut elsewhere = parts.iter().filter(|part| part.holder != Holder::ThisMember).peekable();
    if elsewhere.peek().is_some() && elsewhere.clone().all(|part| part.holder.is_arriving()) {
        return Error::new(
            Code::Unavailable,
            format!("an operation of an earlier call has not ended: {}", whereabouts(elsewhere)),
            "call again when that operation is over: it may still take the VIP off this member",
        );
    }
    Error::new(
        Code::Unavailable,
        format!("the VIP changed while this call was under way: {}", whereabouts(elsewhere)),
        "call again if this member is the primary; find out who else moves the VIP if it happens every time",
    )
}

pub fn parts_disagree(parts: &[Part]) -> Error {
    Error::new(
        Code::Conflict,
        format!("the parts disagree: {}", whereabouts(parts.iter())),
        "call Acquire on the primary",
    )
}

/// `why` an Acquire from here would not bring the parts together.
pub fn apart_for_good(parts: &[Part], why: Error) -> Error {
    let apart = parts_disagree(parts);
    why.with(|details| {
        details.message = format!("{}; Acquire from here would be refused: {}", apart.message, details.message);
        details.remedy = format!("{}; then {}", details.remedy, apart.remedy);
    })
}

/// No two looks at the parts were alike, because somebody moves them or because a look failed.
pub fn while_it_moves(error: Error, failed: Option<Error>) -> Error {
    let why =
        failed.map_or_else(|| "no two looks were alike".to_owned(), |failed| format!("a second look failed: {failed}"));
    error.with(|details| {
        details.code = Code::Unavailable;
        details.message = format!("{}; {why}", details.message);
        details.remedy = STATUS_AGAIN.into();
    })
}

/// The looks were alike, and so close to one another that both may show what was before a change.
pub fn while_reads_may_be_old(error: Error) -> Error {
    error.with(|details| {
        details.code = Code::Unavailable;
        details.message = format!("{}; the reads may be older than the last change", details.message);
        details.remedy = "call Status again in some seconds, or with more `deadlineSeconds`; if it says the same then, call Acquire on the primary".into();
    })
}

/// A part is here by name, and nobody can say yet whether it works.
pub fn still_arriving(parts: &[Part]) -> Error {
    Error::new(
        Code::Unavailable,
        format!("a part is here, and whether it works could not be seen yet: {}", whereabouts(parts.iter())),
        STATUS_AGAIN,
    )
}

pub fn not_read(parts: &[Part]) -> Error {
    let unread: Vec<_> = parts.iter().filter(|part| part.holder.is_unknown()).map(|part| part.id.to_string()).collect();
    Error::new(
        Code::Unavailable,
        format!("the holder of {} could not be read", shortened(unread)),
        "call again; each of `warnings` names a member that did not answer, and why",
    )
}

pub fn do_not_exist(missing: &[Missing]) -> Error {
    let verb = if missing.len() == 1 { "does" } else { "do" };
    let names: Vec<&str> = missing.iter().map(|missing| missing.name.as_str()).collect();
    let similar: Vec<&str> = missing.iter().filter_map(|missing| missing.similar.as_deref()).collect();
    let similar = if similar.is_empty() { String::new() } else { format!("; similar: {}", similar.join(", ")) };
    Error::new(
        Code::NotFound,
        format!("{} {verb} not exist (misspelt or deleted{similar})", names.join(", ")),
        "correct the name in the configuration on every member, or remove it there if that machine is gone",
    )
}

/// The parts, each with its holder.
fn whereabouts<'a>(parts: impl Iterator<Item = &'a Part>) -> String {
    let holder = |part: &Part| match &part.holder {
        Holder::ThisMember => "this member".to_owned(),
        Holder::Arriving(why) | Holder::ThisMemberBroken(why) => format!("this member, where the cloud says {why}"),
        Holder::Other(name) | Holder::Several { names: name, .. } => name.clone(),
        Holder::OtherBroken(name) => format!("{name}, which receives nothing"),
        Holder::Nobody => "nobody".to_owned(),
        Holder::NotHere | Holder::Unknown => UNREADABLE.to_owned(),
    };
    shortened(parts.map(|part| format!("{} is with {}", part.id, holder(part))).collect())
}

/// A message stays one that a person reads.
fn shortened(mut items: Vec<String>) -> String {
    const MOST: usize = 3;
    let more = items.len().saturating_sub(MOST);
    items.truncate(MOST);
    let items = items.join(", ");
    if more == 0 { items } else { format!("{items} and {more} more") }
}

pub fn not_seen_gone() -> Error {
    Error::new(
        Code::Deadline,
        "no fresh read showed before time was out that the VIP is gone from here",
        "call Status to see where the VIP is; call Release again if it is still here",
    )
}

/// `time` is for how long a read may be old, `given` what the call had.
pub fn too_short_to_release(time: Duration, given: Duration) -> Error {
    let (seconds, enough) = (time.as_secs(), time + Duration::from_secs(5));
    let (why, remedy) = match given < enough {
        true => (
            "the call was too short for them".to_owned(),
            format!("call Release again with at least {} s (`deadlineSeconds`)", enough.as_secs()),
        ),
        false => (
            format!("the first one left too little of the call's {} s", given.as_secs()),
            "call Release again; if this happens every time, look at `steps` for what was slow".to_owned(),
        ),
    };
    let message = format!(
        "nothing was deleted: a read may be {seconds} s old, so only two reads that far apart show whether another member has taken the VIP, and {why}"
    );
    Error::new(Code::Deadline, message, remedy)
}

/// A dry run whose plan leaves parts behind, the first of them for this reason.
pub fn only_in_part(goal: Goal, why: Error) -> Error {
    let verb = if goal == Goal::LetGo { "be released" } else { "move" };
    why.with(|details| details.message = format!("the VIP would {verb} only in part: {}", details.message))
}

/// The last read was a fresh one, and no change was left to make.
pub fn left_here() -> Error {
    Error::new(
        Code::Unexpected,
        "a fresh read shows the VIP here, whole or in part, and Release found nothing that it may change",
        "call Status: `parts` says what is still here; take that off by hand",
    )
}

pub fn stranded() -> Error {
    Error::new(
        Code::Unexpected,
        "the VIP was taken off its holder and is with nobody",
        "call Acquire again at once: a repeat finishes the move",
    )
}

pub fn nothing_to_move() -> Error {
    Error::new(
        Code::NotFound,
        "the configuration names nothing that could hold the VIP",
        "check the names in the configuration",
    )
}
