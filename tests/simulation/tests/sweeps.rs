//! Each request of a call meets each fault, once and for good, with nothing else going wrong.
//!
//! The seeds draw faults at random and several at a time; here none is left out. A call without a fault tells which requests
//! there are. Then each of them has a schedule for each fault, and the oracle judges it like any other.

use std::collections::BTreeMap;
use std::time::Duration;

use simulation::{
    Run, Schedule, carry_out,
    cloud::{Mechanism, Part, Setup, Start},
    oracle::{Violation, judge},
    schedule::{Action, Blow, FaultKind, FaultPlan, Trigger, Turn},
};

/// What is called, and where the VIP is at that time. The call is the second member's.
const CALLS: [(Action, Start); 4] = [
    (Action::Acquire, Start::First),
    (Action::Acquire, Start::Nobody),
    (Action::Release, Start::Second),
    (Action::Status, Start::First),
];

/// Which requests are swept.
#[derive(Debug, Clone, Copy, PartialEq)]
enum Of {
    /// Those to the metadata as well. The mechanisms of a cloud ask them alike, but GCP's `route` has the VM's name from there alone.
    Everything,
    Api,
    /// The same, with a public address that goes along.
    ApiWithPublicAddress,
}

/// Fewer requests than this make no call: a fault would then have nothing to meet.
const FEWEST_REQUESTS: usize = 4;

/// Fewer schedules than this make no sweep.
const FEWEST_SCHEDULES: usize = 250;

/// How long a request has been waiting when the process is asked to end.
const TOLD_TO_END: Duration = Duration::from_millis(300);

/// Within this time after that, the call has ended: it looks every 50 ms.
const PROMPT: Duration = Duration::from_millis(100);

/// A request of a call, by its place among those of its face.
#[derive(Debug, Clone, Copy)]
struct Place {
    at_metadata: bool,
    number: usize,
    is_change: bool,
    /// When it is sent.
    at: Duration,
}

/// What happens to a request: a fault, whether all requests like it meet the fault from then on, and what hits the call.
#[derive(Debug, Clone, Copy)]
struct Trial {
    kind: FaultKind,
    for_good: bool,
    blow: Option<(Trigger, Blow)>,
}

/// Everything that can happen to a request.
fn trials(place: Place) -> Vec<Trial> {
    // One of each sort: for good, one error of the cloud is like another, and so is one loss of an answer.
    let mut sorts = vec![FaultKind::Error(0, None), FaultKind::Denied, FaultKind::HangBefore, FaultKind::Garbage(0)];
    let mut once = vec![FaultKind::DropBefore, FaultKind::HalfBody, FaultKind::Redirect, FaultKind::Revoke];
    once.extend([3, 25].map(|seconds| FaultKind::Delay(Duration::from_secs(seconds))));
    once.push(FaultKind::Error(0, Some(2)));
    once.extend((1..4).map(|n| FaultKind::Error(n, None)));
    once.extend((1..5).map(FaultKind::Garbage));
    // Whether a read was processed before its answer was lost makes no difference to anybody.
    if place.is_change {
        sorts.extend([FaultKind::ErrorAfter(0), FaultKind::HangAfter, FaultKind::DropAfter]);
        once.push(FaultKind::Elsewhere);
        once.extend((0..6).map(FaultKind::ChangeError));
    }
    once.extend(&sorts);
    let end = Some((Trigger::After(place.at + TOLD_TO_END), Blow::Terminate));
    let silences = sorts.iter().filter(|kind| matches!(kind, FaultKind::HangBefore | FaultKind::HangAfter));
    let ended = silences.map(|kind| Trial { kind: *kind, for_good: true, blow: end });
    let once = once.into_iter().map(|kind| Trial { kind, for_good: false, blow: None });
    let for_good = sorts.iter().map(|kind| Trial { kind: *kind, for_good: true, blow: None });
    once.chain(for_good).chain(ended).collect()
}

/// One call of the second member, and nothing else. The first member takes the VIP afterwards if the number is odd.
fn schedule(setup: Setup, action: Action, number: usize, fault: Option<(Place, Trial)>) -> Schedule {
    let plan = |(place, trial): (Place, Trial)| FaultPlan {
        at_metadata: place.at_metadata,
        action: None,
        skip: place.number,
        times: if trial.for_good { usize::MAX } else { 1 },
        alike: trial.for_good,
        kind: trial.kind,
    };
    let turn = Turn { blow: fault.and_then(|(_, trial)| trial.blow), ..Turn::quiet(action, "NotifyBecomePrimary", 20) };
    Schedule {
        seed: number as u64,
        faults: fault.map(plan).into_iter().collect(),
        ..Schedule::undisturbed(setup, [Vec::new(), vec![turn]])
    }
}

/// The requests of a call in which nothing goes wrong, and its outcome.
fn places(setup: Setup, action: Action) -> (Vec<Place>, String) {
    let run = carry_out(schedule(setup, action, 0, None), false);
    let call = &run.calls[0];
    // The VIP of `secondaryIp` begins without its public address: that is a split.
    let is_well = call.is_ok() || (action == Action::Status && call.outcome() == "split");
    assert!(is_well && judge(&run).is_empty(), "{setup:?} {action:?}: {:?}", call.report);
    let mut counts = BTreeMap::new();
    let place = |sent: &simulation::record::Sent| {
        let count = counts.entry(sent.is_api).or_insert(0);
        *count += 1;
        Place { at_metadata: !sent.is_api, number: *count - 1, is_change: sent.is_change, at: sent.at }
    };
    let places: Vec<Place> = call.requests.iter().map(place).collect();
    assert!(places.len() >= FEWEST_REQUESTS, "{setup:?} {action:?} sends {places:?} alone");
    let changes = places.iter().filter(|place| place.is_change).count();
    assert_eq!(changes > 0, action != Action::Status, "{setup:?} {action:?}: {places:?}");
    (places, call.outcome().to_owned())
}

/// What a run broke, without what is right in a sweep: a refusal counts as one that stays, although the fault ends here.
fn broken(run: &Run, trial: Trial, expected: &str) -> Vec<Violation> {
    let mut found = judge(run);
    found.retain(|found| trial.kind != FaultKind::Denied || !found.kind.starts_with("gave up"));
    let call = &run.calls[0];
    if let Some((at, _)) = call.blow
        && call.ended > at + PROMPT
    {
        found.push(Violation { kind: "slow to end", what: format!("it went on for {:?}", call.ended - at) });
    }
    if passes(trial) && !call.is_ok() && call.outcome() != expected {
        found.push(Violation { kind: "gave in to what passes", what: format!("{}, {}", call.outcome(), call.code()) });
    }
    found.extend(moved_as_far_as_told(run));
    found
}

/// Whether a single request is in trouble, and the next attempt in time is not.
fn passes(trial: Trial) -> bool {
    let stays = match trial.kind {
        FaultKind::Denied => true,
        FaultKind::Delay(time) => time > Duration::from_secs(20),
        kind => kind.is_impostor(),
    };
    !trial.for_good && !stays
}

/// As nobody else acts here, what a report says of all parts together can be held against the end of the call.
fn moved_as_far_as_told(run: &Run) -> Option<Violation> {
    let call = &run.calls[0];
    let (_, parts) = run.history.0.iter().rfind(|(at, _)| *at <= call.ended)?;
    let is_here = |part: &Part| part.holders == [call.member];
    let is_true = match (call.action, call.outcome()) {
        (Action::Acquire, "not_moved") => run.history.0.first().is_some_and(|(_, first)| first == parts),
        (Action::Acquire, "partial") => parts.iter().any(is_here) && !parts.iter().all(is_here),
        (Action::Acquire, "stranded") => parts.iter().any(|part| part.holders.is_empty()),
        _ => true,
    };
    (!is_true).then(|| Violation { kind: "moved further than told", what: format!("{}: {parts:?}", call.outcome()) })
}

/// Sweeps over the calls of a mechanism.
fn sweep(mechanism: Mechanism, of: Of) {
    let public = of == Of::ApiWithPublicAddress;
    let (mut schedules, mut expected) = (0, 0);
    let mut kinds_found: BTreeMap<&str, (usize, String)> = BTreeMap::new();
    for (action, start) in CALLS {
        let setup = Setup { public, ..Setup::plain(mechanism, start) };
        let (mut places, outcome) = places(setup, action);
        places.retain(|place| !place.at_metadata || of == Of::Everything);
        expected += places.iter().map(|place| trials(*place).len()).sum::<usize>();
        for (place, trial) in places.iter().flat_map(|place| trials(*place).into_iter().map(move |it| (*place, it))) {
            let schedule = || schedule(setup, action, schedules, Some((place, trial)));
            let run = carry_out(schedule(), false);
            let what = format!("{start:?} {action:?}, {place:?} {trial:?}");
            let is_met = if trial.for_good { run.faults_met > 0 } else { run.faults_met == 1 };
            assert!(is_met, "{what}: {} requests met the fault", run.faults_met);
            for found in broken(&run, trial, &outcome) {
                let (count, first) = kinds_found.entry(found.kind).or_default();
                *count += 1;
                if first.is_empty() {
                    *first = format!("{what}: {}\n{}", found.what, carry_out(schedule(), true).trace.join("\n"));
                }
            }
            schedules += 1;
        }
    }
    assert_eq!(schedules, expected);
    assert!(schedules >= FEWEST_SCHEDULES, "{mechanism:?}, {of:?}: {schedules} schedules");
    println!("{mechanism:?}, {of:?}: {schedules} schedules");
    for (kind, (count, first)) in &kinds_found {
        println!("{kind}: {count} schedules, the first: {first}");
    }
    let found: Vec<&str> = kinds_found.into_keys().collect();
    assert!(found.is_empty(), "{found:?}");
}

/// A test for each mechanism, and one for each that takes a public address along.
macro_rules! sweeps {
    ($($(#[$attribute:meta])* $name:ident: $mechanism:ident, $of:ident;)*) => {
        $(#[test] $(#[$attribute])* fn $name() { sweep(Mechanism::$mechanism, Of::$of); })*
    };
}

sweeps! {
    #[cfg(feature = "aws")] aws_route: AwsRoute, Everything;
    #[cfg(feature = "aws")] aws_route_with_public_address: AwsRoute, ApiWithPublicAddress;
    #[cfg(feature = "aws")] aws_secondary_ip: AwsSecondaryIp, Api;
    #[cfg(feature = "aws")] aws_secondary_ip_with_public_address: AwsSecondaryIp, ApiWithPublicAddress;
    azure_ip_config: AzureIpConfig, Everything;
    azure_ip_config_with_public_address: AzureIpConfig, ApiWithPublicAddress;
    azure_route: AzureRoute, Api;
    gcp_alias_ip: GcpAliasIp, Everything;
    gcp_alias_ip_with_public_address: GcpAliasIp, ApiWithPublicAddress;
    gcp_route: GcpRoute, Everything;
}
