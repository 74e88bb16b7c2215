//! The one line for messages.log, which an operator understands alone.

use super::{holders::common_holder, line::Line, subject::Subject};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::Error,
    outcome::Outcome,
    takeover::{Findings, UNREADABLE},
    vip::{Holder, Part},
};

/// All VIPs by name, or the first ones, so that there is room for what happened to them.
fn named(vips: &str) -> String {
    const MOST: usize = 2;
    let names: Vec<&str> = vips.split(", ").collect();
    match names.get(..MOST) {
        Some(first) if names.len() > MOST => format!("VIP {} and {} more", first.join(", "), names.len() - MOST),
        _ if vips.is_empty() => "VIP".to_owned(),
        _ => format!("VIP {vips}"),
    }
}

/// What happened, why, and what to do about it.
pub fn summary(subject: &Subject, findings: &Findings, before: Option<&str>, own: Option<&str>, ms: u64) -> Line {
    let what = what_happened(subject, findings, before, own, ms);
    // Of a VIP that is split nobody but the watch writes a line, and that says itself what comes next.
    let act = |error: &Error| if findings.outcome == Outcome::Split { String::new() } else { error.remedy.clone() };
    let cause = |error: &Error| (tells_why(findings).then(|| (": ", error.message.clone())), act(error));
    let item = |item: &CheckItem| (Some((": ", item.message.clone())), item.remedy.clone());
    let (why, act) = match findings.outcome {
        Outcome::ReadyWithWarnings => first(findings, Verdict::Warning).map(item),
        Outcome::NotReady => first(findings, Verdict::Failed).map(item),
        _ => None,
    }
    .or_else(|| findings.error.as_ref().map(cause))
    .unwrap_or_default();
    let more = match subject.action {
        "status" => "Status",
        "check" => "Check",
        _ => "Last",
    };
    Line { what, why, act, more }
}

/// Whether the cause is news beside what happened.
fn tells_why(findings: &Findings) -> bool {
    !findings.outcome.is_ok() && !matches!(findings.outcome, Outcome::Lost | Outcome::Split)
}

fn what_happened(subject: &Subject, findings: &Findings, before: Option<&str>, own: Option<&str>, ms: u64) -> String {
    let vips = named(&subject.vips);
    let here = own.map_or_else(|| "this member".to_owned(), |own| format!("this member ({own})"));
    let mine = findings.after.iter().filter(|part| part.holder == Holder::ThisMember).count();
    let left = |part: &Part| findings.before.iter().any(|was| was.id == part.id && was.holder.is_here());
    let is_gone = |part: &&Part| !part.holder.is_here() && part.holder != Holder::Unknown && left(part);
    let gone = findings.after.iter().filter(is_gone).count();
    // A member that the cloud does not know may be the holder under its right name.
    let nobody = if findings.missing.is_empty() { "nobody" } else { "none of the members found" };
    let nobody_after = !findings.after.is_empty() && findings.after.iter().all(|part| part.holder.is_nobody());
    let elsewhere = match common_holder(&findings.after, own) {
        Some(name) => name,
        None if nobody_after => nobody.to_owned(),
        None => "several holders".to_owned(),
    };
    let nobody_before = !findings.before.is_empty() && findings.before.iter().all(|part| part.holder == Holder::Nobody);
    let earlier = earlier_holders(findings, own);
    match findings.outcome {
        Outcome::Moved if nobody_before => format!("{vips} is now on {here} after {ms} ms; {nobody} held it before"),
        Outcome::Moved => match came(findings, own, nobody) {
            Some((what, from)) => {
                format!("{vips} is whole on {here} after {ms} ms: {what} came from {from}, the rest was here already")
            }
            None => format!("{vips} moved from {} to {here} in {ms} ms", before.unwrap_or(&earlier)),
        },
        Outcome::AlreadyHeld => format!("{vips} is on {here} already, confirmed in {ms} ms"),
        Outcome::WouldMove => match came(findings, own, nobody) {
            Some((what, from)) => {
                format!("{vips} is partly on {here}: {what} would come from {from}; nothing was changed")
            }
            None => format!(
                "{vips} would move from {} to {here}; nothing was changed",
                before.unwrap_or(if nobody_before { nobody } else { &earlier })
            ),
        },
        Outcome::Skipped => {
            format!("{vips} was left alone: `takeOverIn` chooses another moment than {}", subject.reason)
        }
        Outcome::Partial => format!("{vips} is only partly on {here} ({mine} of {} parts)", findings.after.len()),
        Outcome::NotMoved
            if findings.error.as_ref().is_some_and(|error| error.fate.is_in_doubt() || error.fate.is_blocked()) =>
        {
            format!("{vips} did not move, and a change of its holder may still be under way")
        }
        Outcome::NotMoved if findings.changed => format!("{vips} did not move"),
        Outcome::NotMoved => format!("{vips} did not move and nothing was changed"),
        Outcome::Stranded => format!("{vips} was taken off the peer and is not yet on {here}"),
        Outcome::Unverified if findings.error.as_ref().is_some_and(|error| error.fate.is_in_doubt()) => {
            format!("whether {vips} was changed towards {here} could not be confirmed")
        }
        Outcome::Unverified if !findings.changed => {
            format!("{vips} is on {here} as far as reads show, and the write that makes sure of it failed")
        }
        Outcome::Unverified => format!("{vips} was changed towards {here} but this could not be confirmed"),
        Outcome::Lost => format!("{vips} was taken by {} after {here} had taken it; left there", others(findings)),
        Outcome::Held => format!("{vips} is on {here}"),
        Outcome::HeldElsewhere => format!("{vips} is on {elsewhere}, not on {here}"),
        Outcome::Unheld => match broken(findings) {
            Some(why) => format!("{vips} is on {here} by name alone: the cloud says {why}"),
            None => format!("{vips} is held by nobody{}", blackhole(findings)),
        },
        Outcome::Split => format!("{vips} is split: {mine} of {} parts are on {here}", findings.after.len()),
        Outcome::Unknown if nobody_after => format!("{vips} is held by {nobody}"),
        Outcome::Unknown => format!("{vips}: the holder could not be found out"),
        Outcome::Ready => format!("{vips}: {here} is ready to take over{}", left_out(findings)),
        Outcome::ReadyWithWarnings => format!("{vips}: {here} is ready to take over, with warnings"),
        Outcome::NotReady => format!("{vips}: {here} is not ready to take over"),
        Outcome::Released => format!("{vips} was released by {here} in {ms} ms"),
        Outcome::NotHeld => format!("{vips} is not on {here}; nothing to release"),
        Outcome::WouldRelease => format!("{vips} would be released by {here}; nothing was changed"),
        Outcome::NotReleased if gone > 0 => {
            format!("{vips} was only partly released by {here} ({gone} of {} parts)", findings.after.len())
        }
        Outcome::NotReleased => format!("{vips} was not released by {here}"),
    }
}

/// What was not here before, and with whom it was, where some parts were here already.
fn came(findings: &Findings, own: Option<&str>, nobody: &str) -> Option<(String, String)> {
    let was_here = |part: &&Part| part.holder.is_here() && part.holder.others().is_none();
    let (here, away): (Vec<&Part>, Vec<&Part>) = findings.before.iter().partition(was_here);
    if here.is_empty() {
        return None;
    }
    let is_whole = |vip: &str| !here.iter().any(|part| part.id.vip == vip);
    let mut names: Vec<String> = Vec::new();
    for part in &away {
        let name = if is_whole(&part.id.vip) { part.id.vip.clone() } else { part.id.to_string() };
        if !names.contains(&name) {
            names.push(name);
        }
    }
    let (first, more) = (names.first()?, names.len() - 1);
    let what = if more == 0 { first.clone() } else { format!("{first} and {more} more") };
    let from = match away.iter().all(|part| part.holder == Holder::Nobody) {
        true => nobody.to_owned(),
        false => held_by(away.into_iter(), own),
    };
    Some((what, from))
}

/// Who held anything before, where parts were with different holders or with nobody.
fn earlier_holders(findings: &Findings, own: Option<&str>) -> String {
    held_by(findings.before.iter(), own)
}

fn held_by<'a>(parts: impl Iterator<Item = &'a Part> + Clone, own: Option<&str>) -> String {
    let unread = parts.clone().any(|part| part.holder.is_unknown());
    let known = |part: &&Part| !(part.holder == Holder::Nobody || part.holder.is_unknown());
    let held: Vec<Part> = parts.filter(known).cloned().collect();
    let several = if unread { UNREADABLE } else { "several holders" };
    common_holder(&held, own).unwrap_or_else(|| several.to_owned())
}

/// The holder by name whom no packet reaches, as the end of a line.
fn blackhole(findings: &Findings) -> String {
    let found = findings.remarks.iter().find(|item| item.name == CheckName::Blackhole.into());
    found.map(|item| format!(": {}", item.message)).unwrap_or_default()
}

/// Why this member, which holds everything by name, cannot receive.
fn broken(findings: &Findings) -> Option<&str> {
    findings.after.iter().find_map(|part| match &part.holder {
        Holder::ThisMemberBroken(why) => Some(why.as_str()),
        _ => None,
    })
}

/// Who holds the parts that are not here.
fn others(findings: &Findings) -> String {
    let taken = findings.after.iter().filter_map(|part| match &part.holder {
        Holder::OtherBroken(name) => Some(name.as_str()),
        holder => holder.others(),
    });
    let mut names: Vec<&str> = taken.collect();
    names.sort_unstable();
    names.dedup();
    if names.is_empty() { "another member".to_owned() } else { names.join(" and ") }
}

/// The first check item of this kind, the most urgent ones before others.
/// That the verdict is no better than what could be looked at.
fn left_out(findings: &Findings) -> String {
    let items = findings.checks.as_deref().unwrap_or_default();
    match items.iter().filter(|item| item.result == Verdict::Skipped).count() {
        0 => String::new(),
        1 => format!("; 1 of {} items was skipped", items.len()),
        skipped => format!("; {skipped} of {} items were skipped", items.len()),
    }
}

fn first(findings: &Findings, verdict: Verdict) -> Option<&CheckItem> {
    let found = findings.checks.iter().flatten().filter(|item| item.result == verdict);
    found.min_by_key(|item| std::cmp::Reverse(item.severity()))
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::{error::Code, journal::Journal, report::Report, vip::PartId};

    fn line(outcome: Outcome, before: &[(&str, &str, Holder)]) -> String {
        let part = |(vip, part, holder): &(&str, &str, Holder)| Part {
            id: PartId { vip: (*vip).into(), part: (*part).into() },
            holder: holder.clone(),
        };
        let before: Vec<Part> = before.iter().map(part).collect();
        let findings = Findings { before, ..Findings::new(outcome) };
        let subject = Subject { vips: "10.0.0.9/32".into(), ..Subject::default() };
        what_happened(&subject, &findings, common_holder(&findings.before, Some("me")).as_deref(), Some("me"), 5)
    }

    #[test]
    fn a_line_of_many_parts_and_a_long_cause_stays_short() {
        let vips: Vec<String> = (10..18).map(|n| format!("192.168.255.{n}/32")).collect();
        let part = |n: usize| Part {
            id: PartId { vip: vips[n % 8].clone(), part: format!("route rtb-{n:017x}") },
            holder: [Holder::ThisMember, Holder::Other(format!("eni-{n:017x}")), Holder::Nobody][n % 3].clone(),
        };
        let parts: Vec<Part> = (0..320).map(part).collect();
        let subject = Subject { vips: vips.join(", "), reason: "NotifyBecomePrimary".into(), ..Subject::default() };
        let long = "x\ny".repeat(200);
        for outcome in Outcome::ALL {
            let item = CheckItem::new(CheckName::Blackhole, Verdict::Warning, long.as_str(), "y");
            let findings = Findings {
                before: parts.clone(),
                after: parts.clone(),
                error: Some(Error::new(Code::Throttled, long.as_str(), "y")),
                checks: Some(vec![item.clone()]),
                remarks: vec![item],
                ..Findings::new(outcome)
            };
            let Report { summary, .. } = Report::new(&subject, findings, &[], &Journal::default(), 1);
            assert!(summary.chars().count() <= 250 && !summary.contains('\n'), "{outcome:?}: {summary}");
            assert!(summary.contains("192.168.255.10/32, 192.168.255.11/32 and 6 more"), "{summary}");
        }
    }

    #[test]
    fn what_was_here_already_did_not_move() {
        let (here, peer) = (Holder::ThisMember, Holder::Other("peer".into()));
        let private = |holder: &Holder| ("10.0.0.9/32", "alias ip nic0", holder.clone());
        let public = |holder: &Holder| ("10.0.0.9/32", "public ip web", holder.clone());
        let second = |holder: &Holder| ("10.0.0.10/32", "alias ip nic0", holder.clone());
        for (before, words) in [
            (
                vec![private(&here), public(&peer)],
                "10.0.0.9/32 (public ip web) came from peer, the rest was here already",
            ),
            (vec![private(&here), public(&Holder::Nobody)], "10.0.0.9/32 (public ip web) came from nobody, the rest"),
            (vec![private(&here), public(&here), second(&peer)], ": 10.0.0.10/32 came from peer, the rest"),
            (vec![private(&peer), public(&here), second(&peer)], "(alias ip nic0) and 1 more came from peer, the rest"),
            (vec![private(&here), public(&Holder::Unknown)], "came from a holder that could not be read"),
            (vec![private(&peer), public(&Holder::Nobody)], "moved from peer to this member (me)"),
        ] {
            assert!(line(Outcome::Moved, &before).contains(words), "{}", line(Outcome::Moved, &before));
        }
        let planned = line(Outcome::WouldMove, &[private(&here), public(&peer)]);
        assert!(planned.contains("(public ip web) would come from peer; nothing was changed"), "{planned}");
    }
}
