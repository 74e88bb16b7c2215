//! A part that cannot move, or is slow, never holds another up.
//!
//! A call moves several VIPs, route tables and a public address. One kind of its requests fails for good. Which parts need that
//! request is not written down here: a call that is configured for one part alone tells what that part needs. Every part that does
//! not need the request must have moved when the call ends.

use std::collections::{BTreeMap, BTreeSet};

use simulation::{
    Run, Schedule, carry_out,
    cloud::{Mechanism, Only, Part, Setup, Start},
    schedule::{Action, FaultKind, FaultPlan, Turn},
};

/// The member that takes over.
const MEMBER: usize = 1;
/// Fewer trials than this make no test.
const FEWEST_TRIALS: usize = 30;

/// A request as the cloud names it: action and target.
type Request = (String, String);

fn schedule(setup: Setup, fault: Option<FaultPlan>) -> Schedule {
    let turn = Turn::quiet(Action::Acquire, "NotifyBecomePrimary", 20);
    Schedule { faults: fault.into_iter().collect(), ..Schedule::undisturbed(setup, [Vec::new(), vec![turn]]) }
}

/// The requests to the API in their order, without the questions for operations, which have other names in each run.
fn requests(run: &Run) -> Vec<(usize, Request)> {
    let api = run.log.iter().filter(|call| !["imds", "metadata"].contains(&call.face.as_str()));
    let api = api.filter(|call| call.face != "sts").enumerate();
    let named = api.map(|(n, call)| (n, (call.action.clone(), call.target.clone())));
    named.filter(|(_, (action, _))| !action.contains("operations")).collect()
}

/// The parts at the end of the call.
fn parts(run: &Run) -> &[Part] {
    let ended = run.calls[0].ended;
    let last = run.history.0.iter().rfind(|(at, _)| *at <= ended);
    last.map(|(_, parts)| parts.as_slice()).unwrap_or_default()
}

fn is_here(part: &Part) -> bool {
    part.holders == [MEMBER]
}

/// The configuration of each part alone, in the order in which the cloud tells the parts.
fn alone(setup: Setup) -> Vec<Only> {
    let has_tables = matches!(setup.mechanism, Mechanism::AwsRoute | Mechanism::AzureRoute);
    let tables: Vec<Option<usize>> = if has_tables { (0..setup.tables).map(Some).collect() } else { vec![None] };
    let of_vip = |vip| tables.iter().map(move |table| Only { vip, table: *table, public: false });
    let public = setup.public.then_some(Only { vip: 0, table: None, public: true });
    (0..setup.vips).flat_map(of_vip).chain(public).collect()
}

/// Nobody else may be held up by one kind of request that meets this fault for good.
fn bystanders(mechanism: Mechanism) {
    let (mut trials, mut held_up) = (0, BTreeMap::new());
    for start in [Start::First, Start::Nobody, Start::Split, Start::HalfFree] {
        let setup = Setup { vips: 2, public: mechanism.has_public_address(), ..Setup::plain(mechanism, start) };
        let run = carry_out(schedule(setup, None), true);
        assert!(run.calls[0].is_ok() && parts(&run).iter().all(is_here), "{start:?}: {:?}", run.calls[0].report);
        let needs: Vec<BTreeSet<Request>> = alone(setup)
            .into_iter()
            .map(|only| carry_out(schedule(Setup { only: Some(only), ..setup }, None), true))
            .map(|run| requests(&run).into_iter().map(|(_, request)| request).collect())
            .collect();
        assert_eq!(needs.len(), parts(&run).len(), "{setup:?}");
        let mut seen = BTreeSet::new();
        for (number, request) in requests(&run) {
            if !seen.insert(request.clone()) {
                continue;
            }
            let changes = ["GET", "Describe"].iter().all(|read| !request.0.starts_with(read));
            let mut kinds = vec![FaultKind::Denied, FaultKind::HangBefore, FaultKind::Error(0, None)];
            kinds.extend([FaultKind::HangAfter, FaultKind::DropBefore].into_iter().filter(|_| changes));
            for kind in kinds {
                let plan =
                    FaultPlan { at_metadata: false, action: None, skip: number, times: usize::MAX, alike: true, kind };
                let run = carry_out(schedule(setup, Some(plan)), true);
                assert!(run.faults_met > 0, "{request:?} met nothing");
                trials += 1;
                let waits =
                    needs.iter().zip(parts(&run)).filter(|(needs, part)| !needs.contains(&request) && !is_here(part));
                let waits: Vec<&str> = waits.map(|(_, part)| part.name.as_str()).collect();
                if !waits.is_empty() {
                    let (count, first) = held_up.entry(format!("{start:?}, {request:?}")).or_insert((0, String::new()));
                    *count += 1;
                    if *count == 1 {
                        *first = format!(
                            "{kind:?}: {waits:?} ({})",
                            run.calls[0]
                                .report
                                .as_ref()
                                .map(|report| report["summary"].to_string())
                                .unwrap_or_default()
                        );
                    }
                }
            }
        }
    }
    println!("{mechanism:?}: {trials} trials");
    for (request, (count, first)) in &held_up {
        println!("{request}: {count} times, first {first}");
    }
    assert!(trials >= FEWEST_TRIALS, "{trials} trials");
    assert!(held_up.is_empty());
}

of_each_mechanism!(bystanders);
