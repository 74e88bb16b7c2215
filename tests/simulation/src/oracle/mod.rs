//! The promises of the library, held against what happened. The numbers are those of the public contract.

mod truth;

use std::time::Duration;

use crate::cloud::Part;
use crate::play::Run;
use crate::record::{Call, Sent};
use crate::schedule::{Action, Blow, Order};
use truth::tells_the_truth;

/// One broken promise.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Violation {
    /// Which one, in few words that a list of known ones can name.
    pub kind: &'static str,
    pub what: String,
}

/// A call ends at most this much after its deadline.
const GRACE: Duration = Duration::from_secs(1);
/// A call that is asked to end looks for that every 50 ms, and before each request that it begins.
const UNTIL_IT_LOOKS: Duration = Duration::from_millis(100);
/// A gap that the library has to notice.
const PAUSE: Duration = Duration::from_secs(3);

/// Everything that a run broke.
pub fn judge(run: &Run) -> Vec<Violation> {
    let mut found = Vec::new();
    let all = run.calls.iter().chain(&run.repeat).chain(&run.recovery);
    for call in all {
        ends_in_time(call, &mut found);
        sends_nothing_after_a_blow(call, &mut found);
        tells_the_truth(call, run, &mut found);
        does_not_fight(call, run, &mut found);
        releases_its_own(call, run, &mut found);
        has_a_cause(call, &mut found);
    }
    for (at, parts) in &run.history.0 {
        if let Some(part) = parts.iter().find(|part| part.holders.len() > 1) {
            say(&mut found, "two holders", format!("{} at {:.3} s: {:?}", part.name, at.as_secs_f64(), part.holders));
        }
    }
    if !run.damage.is_empty() {
        say(&mut found, "damage", run.damage.join("\n"));
    }
    repeats_as_told(run, &mut found);
    stays(run, &mut found);
    recovers(run, &mut found);
    found
}

fn say(found: &mut Vec<Violation>, kind: &'static str, what: String) {
    found.push(Violation { kind, what });
}

fn name(call: &Call) -> String {
    let member = if call.member == 0 { 'A' } else { 'B' };
    let outcome = call.outcome();
    format!("{member}'s {:?} of {:.3} s: {outcome}, {}", call.action, call.begun.as_secs_f64(), call.code())
}

/// Promise 2.
fn ends_in_time(call: &Call, found: &mut Vec<Violation>) {
    let blown = call.blow.map(|(at, _)| at);
    // A machine that stood still before the call had looked at a clock gave it no time.
    let early = if blown == Some(call.begun) { call.stood_still } else { Duration::ZERO };
    let took = call.ended - call.begun - early;
    let thawed = blown.map(|at| at - call.begun + call.stood_still - early).unwrap_or_default();
    if took > call.deadline.max(thawed) + GRACE {
        say(found, "late", format!("{} took {took:?} of {:?}", name(call), call.deadline));
    }
    if let (Some((at, Blow::Terminate)), Some(_)) = (call.blow, &call.report)
        && call.ended - at > GRACE
    {
        say(found, "slow to end", format!("{} went on for {:?}", name(call), call.ended - at));
    }
}

/// Promise 6, and the end of the process.
fn sends_nothing_after_a_blow(call: &Call, found: &mut Vec<Violation>) {
    let limit = match call.blow {
        Some((_, Blow::Terminate)) => UNTIL_IT_LOOKS,
        // A pause before the call had begun is none of the call.
        Some((at, Blow::Freeze(time) | Blow::Suspend(time))) if time > PAUSE && at > call.begun => Duration::ZERO,
        _ => return,
    };
    for sent in call.requests.iter().filter(|sent| sent.is_change) {
        if sent.after_the_blow.is_some_and(|after| limit.is_zero() || after > limit) {
            say(found, "change after a blow", format!("{}: {:?}, then {}", name(call), call.blow, sent.what));
        }
    }
    let Some(report) = call.report.as_ref().filter(|_| limit.is_zero()) else { return };
    // The call went on after the pause, as if there had been none.
    if !call.is_ok() && call.code() != "interrupted" {
        say(found, "pause not told", format!("{}: {}", name(call), report["summary"]));
    }
}

/// Promise 6: once the VIP was here because of this call, and a whole look showed it with the other member, nothing is changed.
fn does_not_fight(call: &Call, run: &Run, found: &mut Vec<Violation>) {
    let me = call.member;
    // Azure shows a change before its operation has ended. One that fails, or that a later one supersedes, has not succeeded,
    // whatever the world showed.
    let mechanism = run.schedule.setup.mechanism;
    let may_fail = |order: &Order| {
        matches!(order, Order::Fail(_) | Order::Cancel(_)) || mechanism.is_azure() && order.supersedes()
    };
    let fails = run.schedule.orders.iter().any(may_fail);
    // A stale look is none.
    if call.action != Action::Acquire || !run.schedule.stale_for.is_zero() || fails {
        return;
    }
    let changes = || call.requests.iter().filter(|sent| sent.is_change);
    let made = changes().filter_map(|sent| sent.answered).filter(|(_, status)| *status < 300);
    let Some(changed) = made.map(|(at, _)| at).min() else { return };
    let mut later = run.history.0.iter().filter(|(at, _)| (changed..call.ended).contains(at));
    let is_with = |parts: &[Part], member: usize| parts.iter().any(|part| part.holders == [member]);
    let Some((brought, _)) = later.find(|(_, parts)| parts.iter().all(|part| part.holders == [me])) else { return };
    // A call that does not know what became of its change does not know that it had the VIP.
    let knows = |(_, status): (Duration, u16)| (1..500).contains(&status);
    if !changes().filter(|sent| sent.at <= *brought).all(|sent| sent.answered.is_some_and(knows)) {
        return;
    }
    let Some((taken, _)) = later.find(|(_, parts)| is_with(parts, 1 - me)) else { return };
    let until = later.find(|(_, parts)| !is_with(parts, 1 - me)).map_or(call.ended, |(until, _)| *until);
    let looks = || call.requests.iter().filter(|sent| sent.is_look() && sent.at > changed);
    let seen_since = |what: &str| {
        let same =
            looks().filter(|sent| sent.what == what && sent.processed.is_some_and(|processed| processed < until));
        same.filter_map(|sent| sent.answered_after(*taken)).next()
    };
    // Every resource that the call looks at was read since.
    let Some(seen) = looks().map(|sent| seen_since(&sent.what)).try_fold(*taken, |last, at| Some(last.max(at?))) else {
        return;
    };
    // What is only cleaned up takes nothing from the other member.
    let takes_it = |from: Duration| run.history.within(from, call.ended).any(|parts| !is_with(parts, 1 - me));
    // Where the cloud has told nothing of the operation, the call does not know that it had the VIP.
    let knows_its_end = |at: Duration| {
        let mut questions = call.requests.iter().filter(|sent| sent.is_question() && sent.at < at);
        questions.next_back().is_none_or(|sent| sent.answered.is_some_and(|(_, status)| status < 300))
    };
    let first = changes().find(|sent| sent.at > seen && takes_it(sent.at));
    if let Some(sent) = first.filter(|sent| knows_its_end(sent.at)) {
        say(found, "fights", format!("{}: {} at {:.3} s", name(call), sent.what, sent.at.as_secs_f64()));
    }
}

/// Promise 4: what another member had before a release began stays with it. A release whose time is short waits less than a read of
/// EC2 may be old.
const LONG_ENOUGH: Duration = Duration::from_secs(15);

fn releases_its_own(call: &Call, run: &Run, found: &mut Vec<Violation>) {
    let (me, other) = (call.member, 1 - call.member);
    // While the other one acts as well, or an operation is under way, somebody else may have taken it away.
    let acts = |of: &&Call| of.member == other && of.begun < call.ended && of.ended > call.begun;
    let all = || run.calls.iter().chain(&run.repeat).chain(&run.recovery);
    // A change of an earlier call that has no answer may be made now.
    let arrives = |sent: &Sent| sent.is_change && sent.answered.is_none();
    let is_late = |of: &Call| of.begun < call.begun && of.requests.iter().any(arrives);
    let is_alone = all().find(acts).is_none() && !all().any(is_late);
    if call.action != Action::Release || !is_alone || !run.schedule.orders.is_empty() || call.deadline < LONG_ENOUGH {
        return;
    }
    let mut before: Option<&Vec<Part>> = None;
    for parts in run.history.within(call.begun, call.ended) {
        let taken = parts.iter().zip(before.into_iter().flatten());
        for (part, _) in taken.filter(|(now, was)| was.holders == [other] && now.holders.is_empty()) {
            say(found, "released what is another's", format!("{} of {me}: {}", name(call), part.name));
        }
        before = Some(parts);
    }
}

fn has_a_cause(call: &Call, found: &mut Vec<Violation>) {
    let Some(report) = &call.report else { return };
    if !call.is_ok() && (report["error"]["code"].is_null() || report["error"]["remedy"].is_null()) {
        say(found, "no cause", name(call));
    }
    if call.code() == "internal" {
        say(found, "internal", format!("{}: {}", name(call), report["error"]["message"]));
    }
}

/// How much of what it was asked to do a call did.
fn grade(call: &Call) -> u8 {
    match call.outcome() {
        _ if call.is_ok() => 2,
        "partial" => 1,
        _ => 0,
    }
}

/// Promise 8. What a status shows is true of its moment: where the VIP moved on later, a repeat has something else to show. Where
/// reads may be old, that moment is so much earlier, and no number of looks brings it nearer.
fn repeats_as_told(run: &Run, found: &mut Vec<Violation>) {
    let (Some(last), Some(repeat)) = (run.calls.last(), &run.repeat) else { return };
    let looked = last.last_look().map_or(last.ended, |(first, _)| first);
    let shown = looked.saturating_sub(run.schedule.stale_for);
    let has_moved = run.history.within(shown, repeat.begun).count() > 1;
    let is_of_its_moment = last.action == Action::Status && has_moved;
    if !last.says_retry() && grade(repeat) > grade(last) && !is_of_its_moment {
        let message = last.report.as_ref().map(|report| report["error"]["message"].to_string()).unwrap_or_default();
        say(found, "gave up", format!("{} with {message}, and the repeat: {}", name(last), name(repeat)));
    }
    let is_permanent =
        ["denied", "invalid_config", "invalid_request", "not_found", "unsupported"].contains(&last.code());
    // What was taken off the peer has to come here, whatever stands in the way.
    let parts = last.report.iter().flat_map(|report| report["parts"].as_array().into_iter().flatten());
    let left_with_nobody = parts.into_iter().any(|part| !part["before"].is_null() && part["after"].is_null());
    // What no read has confirmed is there at the next call, or is made again.
    let is_unconfirmed = last.outcome() == "unverified" || last.has_changed() && last.outcome() == "not_released";
    // One part may come although another one cannot: some call of the report then ended without that answer.
    let steps = last.report.iter().flat_map(|report| report["steps"].as_array().into_iter().flatten());
    let passing = ["ambiguous", "conflict", "deadline", "not_awaited", "throttled", "unavailable", "unexpected"];
    let some_may_come = steps.into_iter().any(|step| passing.contains(&step["result"].as_str().unwrap_or_default()));
    // An operation that runs on when the call ends moves a part by itself: that part has no cause that stays.
    let moves_on = run.history.within(last.ended, repeat.begun).count() > 1;
    let is_permanent = is_permanent && !some_may_come && !moves_on;
    if last.says_retry() && is_permanent && !left_with_nobody && !is_unconfirmed {
        say(found, "repeats what stays", name(last));
    }
}

/// Promise 2: what a report says is here does not go away because of an operation that was already running and that could be listed.
fn stays(run: &Run, found: &mut Vec<Violation>) {
    let (Some(last), Some(next)) = (run.calls.last(), run.recovery.first()) else { return };
    // An old read shows what may be gone.
    if last.action != Action::Acquire || !last.is_ok() || last.dry_run || !run.schedule.stale_for.is_zero() {
        return;
    }
    let Some((looked, _)) = last.last_look() else { return };
    // Each list is asked for once. An operation that begins after that is seen by its effect alone, at its end.
    let lists = last.requests.iter().filter(|sent| sent.what.ends_with("/operations "));
    let listed = lists.filter_map(|sent| sent.processed).max().unwrap_or(looked);
    // What arrives after the last look shows in none, also if an earlier call of the same member sent it.
    let comes_later =
        |sent: &Sent| sent.is_change && sent.processed.is_none_or(|processed| processed >= looked.min(listed));
    let others = run.calls.iter().take(run.calls.len() - 1);
    let is_disturbed = others.flat_map(|call| &call.requests).any(comes_later);
    // The list of operations is one that a call does without.
    let is_told = |sent: &Sent| sent.answered.is_some_and(|(_, status)| status == 200);
    let is_told = last.requests.iter().filter(|sent| sent.what.ends_with("/operations ")).all(is_told);
    let Some(parts) = run.history.within(next.begun, next.begun).next() else { return };
    let lost = parts.iter().find(|part| part.holders.is_empty()).filter(|_| is_told && !is_disturbed);
    if let Some(part) = lost {
        say(found, "gone in the end", format!("{}, and nobody has {}", name(last), part.name));
    }
}

/// Promise 3.
fn recovers(run: &Run, found: &mut Vec<Violation>) {
    if run.schedule.denial.is_some() {
        return;
    }
    let Some(last) = run.recovery.last() else { return };
    if !last.is_ok() {
        let message = last.report.as_ref().map(|report| report["error"]["message"].to_string()).unwrap_or_default();
        return say(found, "stuck", format!("{}: {message}", name(last)));
    }
    let held = |parts: &Vec<Part>| parts.iter().all(|part| part.holders == [last.member]);
    if !run.history.0.last().is_some_and(|(_, parts)| held(parts)) {
        say(found, "not there in the end", format!("{}: {:?}", name(last), run.history.0.last()));
    }
    if run.recovery.len() > 1 {
        say(found, "slow recovery", format!("{} needed {} calls", name(last), run.recovery.len()));
    }
}
