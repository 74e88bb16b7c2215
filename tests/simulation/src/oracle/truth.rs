//! Whether a report is true of the moment of the call's last read.

use std::time::Duration;

use super::{Violation, name, say};
use crate::cloud::Part;
use crate::play::Run;
use crate::record::Call;
use crate::schedule::Action;

/// Promise 5.
pub(super) fn tells_the_truth(call: &Call, run: &Run, found: &mut Vec<Violation>) {
    let me = call.member;
    let held = |part: &Part| part.holders == [me];
    let free = |part: &Part| !part.holders.contains(&me);
    let elsewhere = |part: &Part| part.holders == [1 - me];
    let nobody = |part: &Part| part.holders.is_empty() || part.has_failed;
    let is_true: &dyn Fn(&Part) -> bool = match (call.action, call.outcome()) {
        (Action::Acquire, "moved" | "already_held") | (Action::Status, "held") => &held,
        (Action::Release, "released" | "not_held") => &free,
        (Action::Status, "held_elsewhere") => &elsewhere,
        (Action::Status, "unheld") => &nobody,
        _ => &|_| true,
    };
    let Some((first, last)) = call.last_look() else {
        if call.is_ok() && call.outcome() != "skipped" {
            say(found, "no read", format!("{} without a read", name(call)));
        }
        return;
    };
    // Where reads are stale they show what was true until this long ago.
    let from = first.saturating_sub(run.schedule.stale_for);
    each_part_is_true(call, run, last, found);
    // Each part is read for itself, so each was so at a moment of its own.
    let parts = run.history.0.first().map_or(0, |(_, parts)| parts.len());
    let was_so = |at: usize| run.history.within(from, last).any(|parts| parts.get(at).is_some_and(is_true));
    if !(0..parts).all(was_so) {
        let seen: Vec<_> = run.history.within(from, last).collect();
        say(found, "not true", format!("{} between {from:?} and {last:?}: {seen:?}", name(call)));
    }
}

/// Whom the report names as the holder of a part had it during the call, and where the report says "nobody", nobody had it
/// after the last change of the call.
fn each_part_is_true(call: &Call, run: &Run, last: Duration, found: &mut Vec<Violation>) {
    let Some(report) = &call.report else { return };
    let stale = run.schedule.stale_for;
    let begun = call.begun.saturating_sub(stale);
    let changes = call.requests.iter().filter(|sent| sent.is_change).filter_map(|sent| sent.answered);
    let changed = changes.map(|(at, _)| at.saturating_sub(stale)).max().unwrap_or(begun).min(last);
    let was = |from: Duration, is_it: &dyn Fn(&Part) -> bool, is_so: &dyn Fn(&Part) -> bool| {
        run.history.within(from, last).any(|parts| parts.iter().any(|part| is_it(part) && is_so(part)))
    };
    for line in report["parts"].as_array().into_iter().flatten() {
        let text = |key: &str| line[key].as_str().unwrap_or_default();
        let member = run.names.iter().position(|name| *name == text("after"));
        let Some(member) = member else { continue };
        if !was(begun, &|part| is_about(part, text("vip"), text("part")), &|part| part.holders.contains(&member)) {
            say(found, "part not true", format!("{}: {line}", name(call)));
        }
    }
    // An error that names several parts has them one after the other: `VIP (part) is with …, VIP (part) is with …`.
    let message = report["error"]["message"].as_str().unwrap_or_default();
    let message = message.strip_prefix("the parts disagree: ").unwrap_or_default();
    for said in message.split(", ").filter_map(|said| said.strip_suffix(" is with nobody")) {
        if !was(changed, &|part| is_about(part, said, said), &|part| part.holders.is_empty()) {
            say(found, "said nobody", format!("{}: {said}", name(call)));
        }
    }
    let is_said =
        report["error"]["message"].as_str().is_some_and(|text| text.contains("a moment later it was not there"));
    if is_said && !was(changed, &|_| true, &|part| part.holders.is_empty()) {
        say(found, "said undone", format!("{}: {}", name(call), report["error"]["message"]));
    }
}

/// Whether the world's part is the one that a report means.
fn is_about(part: &Part, vip: &str, words: &str) -> bool {
    let is_public = |text: &str| text.contains("public ip");
    let address = vip.split(['/', ' ']).next().unwrap_or_default();
    is_public(&part.name) == is_public(words) && (is_public(&part.name) || part.name.contains(address))
}
