//! A Check that says `ready` is followed by an Acquire that succeeds.
//!
//! Each permission in turn is taken away for good, for everything or for the resources of one member. The second member checks and
//! then takes over, and nobody else acts.

use std::time::Duration;

use simulation::{
    Schedule, carry_out,
    cloud::{Mechanism, Setup, Start},
    oracle::judge,
    record::Call,
    schedule::{Action, Turn},
};

/// More permissions than any cloud has here, for everything and for each of two members.
const DENIALS: u32 = 48;

fn schedule(setup: Setup, denial: Option<u32>) -> Schedule {
    let turn = |action, reason| Turn { wait: Duration::from_secs(1), ..Turn::quiet(action, reason, 20) };
    let turns = vec![turn(Action::Check, "terminal"), turn(Action::Acquire, "NotifyBecomePrimary")];
    Schedule { denial, ..Schedule::undisturbed(setup, [Vec::new(), turns]) }
}

/// Check and Acquire of one schedule.
fn both(setup: Setup, denial: Option<u32>) -> [Call; 2] {
    let run = carry_out(schedule(setup, denial), false);
    assert!(judge(&run).is_empty(), "{setup:?} {denial:?}: {:?}", judge(&run));
    <[Call; 2]>::try_from(run.calls).expect("two calls")
}

/// The items of a check that are not `ok`, by name.
fn not_ok(check: &Call) -> Vec<&str> {
    let items = check.report.iter().flat_map(|report| report["checks"].as_array().into_iter().flatten());
    items.filter(|item| item["result"] != "ok").filter_map(|item| item["name"].as_str()).collect()
}

fn says_ready_only_where_it_is(mechanism: Mechanism) {
    let (mut fails, mut wrong) = (0, Vec::new());
    for start in [Start::First, Start::Nobody, Start::HalfFree, Start::Second] {
        let setup = Setup { vips: 2, public: mechanism.has_public_address(), ..Setup::plain(mechanism, start) };
        let [check, acquire] = both(setup, None);
        assert!(check.is_ok() && acquire.is_ok(), "{setup:?}: {:?}", check.report);
        // Two calls have no dry run.
        let expected = ["permission ec2:AssignPrivateIpAddresses", "permission compute.routes.create"];
        assert!(not_ok(&check).iter().all(|name| expected.contains(name)), "{setup:?}: {:?}", not_ok(&check));
        for n in 0..DENIALS {
            let [check, acquire] = both(setup, Some(n));
            fails += usize::from(!acquire.is_ok());
            // What no dry run can tell is said to be skipped.
            let is_told = not_ok(&check).iter().any(|name| name.starts_with("permission"));
            if check.is_ok() && !acquire.is_ok() && !is_told {
                let report = acquire.report.as_ref().map(|report| report["error"]["message"].to_string());
                wrong.push(format!("{start:?}, {n}: {}, then {report:?}", check.outcome()));
            }
        }
    }
    assert!(fails >= 10, "{fails} denials kept the VIP away");
    assert_eq!(wrong, [""; 0]);
}

of_each_mechanism!(says_ready_only_where_it_is);
