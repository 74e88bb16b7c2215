//! The scenes. Member A is the first one, and has the VIP unless a scene says otherwise.

use super::member::Stage;
use crate::common::{ACQUIRE, Calls, RELEASE, assert_error, assert_outcome};
use cloudsim::Fault;
use serde_json::{Value, json};
use simulation::cloud::{Mechanism, Setup, Start};

/// Long enough for another attempt after one that is never answered.
fn impatient() -> Value {
    json!({ "http": { "requestTimeoutMs": 700 } })
}

/// The answers to a change that was made, none of which says so.
fn lost_answers() -> Vec<Fault> {
    let failed = |status| Fault::ErrorAfter { status, code: "InternalError".into(), message: "sorry".into() };
    let mut faults: Vec<Fault> = [500, 502, 503, 504, 408].map(failed).into();
    faults.extend([Fault::DropAfter, Fault::HangAfter, Fault::HalfBody]);
    faults
}

pub fn moves_there_and_back_and_changes_nothing_else(mechanism: Mechanism) {
    let stage = Stage::of(mechanism, Start::First);
    let [a, b] = stage.names();
    let there = stage.b().hook();
    assert_outcome(&there, "moved");
    assert_eq!((&there["ok"], &there["holderBefore"], &there["holder"]), (&json!(true), &json!(a), &json!(b)));
    let parts = there["parts"].as_array().expect("parts");
    assert!(parts.iter().all(|part| part["before"] == a && part["after"] == b), "{there:#}");
    assert!(there["member"]["instance"].as_str().is_some_and(|name| !name.is_empty()), "{there:#}");
    assert_eq!(there["reason"], "NotifyBecomePrimary");
    let changes: Vec<_> = stage.changes().into_iter().map(|(action, _)| action).collect();
    assert_eq!(changes, stage.takeover());
    stage.assert_held_by(&[1]);
    assert_outcome(&stage.b().hook(), "already_held");
    let back = stage.a().hook();
    assert_outcome(&back, "moved");
    assert_eq!((&back["holderBefore"], &back["holder"]), (&json!(b), &json!(a)));
    let summary = back["summary"].as_str().expect("text");
    assert!(summary.contains(&format!(" moved from {b} to this member ({a}) in ")), "{summary}");
    stage.assert_held_by(&[0]);
}

pub fn takes_the_vip_that_nobody_has(mechanism: Mechanism) {
    let stage = Stage::of(mechanism, Start::Nobody);
    let report = stage.b().hook();
    assert_outcome(&report, "moved");
    assert_eq!((&report["holderBefore"], &report["holder"]), (&Value::Null, &json!(stage.names()[1])), "{report:#}");
    stage.assert_held_by(&[1]);
}

pub fn moves_two_vips_and_ends_a_split(mechanism: Mechanism) {
    let both = |start| Stage::with(Setup { vips: 2, ..Setup::plain(mechanism, start) });
    let stage = both(Start::First);
    assert_outcome(&stage.b().hook(), "moved");
    stage.assert_held_by(&[1]);
    let stage = both(Start::Split);
    assert_outcome(&stage.a().status(), "split");
    let [a, b] = stage.names();
    let planned = stage.b().call(ACQUIRE, json!({ "dryRun": true }));
    let report = stage.b().hook();
    assert_outcome(&report, "moved");
    stage.assert_held_by(&[1]);
    // What was here already did not move.
    let line = |report: &Value| report["summary"].as_str().expect("text").to_owned();
    assert!(line(&planned).contains(&format!(" would come from {a}; ")), "{planned:#}");
    assert!(line(&report).contains(&format!(" came from {a}, the rest was here already")), "{report:#}");
    assert!(!line(&report).contains(&format!("from {b}")), "{report:#}");
    assert_outcome(&stage.b().release(), "released");
    stage.assert_held_by(&[]);
}

/// Without the word of a hook, what is seen to be here is not written again.
pub fn leaves_what_is_here_already(mechanism: Mechanism) {
    let stage = Stage::of(mechanism, Start::First);
    let report = stage.a().acquire();
    assert_outcome(&report, "already_held");
    assert_eq!((&report["ok"], &report["holder"]), (&json!(true), &json!(stage.names()[0])));
    assert_eq!(stage.changes(), []);
    stage.assert_held_by(&[0]);
}

pub fn tells_of_a_dry_run_and_changes_nothing(mechanism: Mechanism) {
    let stage = Stage::of(mechanism, Start::First);
    let dry = json!({ "dryRun": true });
    let planned = |report: &Value| {
        let steps = report["steps"].as_array().expect("steps");
        steps.iter().filter(|step| step["result"] == "planned").count()
    };
    let taking = stage.b().call(ACQUIRE, dry.clone());
    assert_outcome(&taking, "would_move");
    let giving = stage.a().call(RELEASE, dry);
    assert_outcome(&giving, "would_release");
    assert_eq!(stage.changes(), []);
    stage.assert_held_by(&[0]);
    // As many changes as are made in earnest.
    assert_outcome(&stage.b().hook(), "moved");
    let taken = stage.changes().len();
    assert_outcome(&stage.b().release(), "released");
    let given = stage.changes().len() - taken;
    assert_eq!((planned(&taking), planned(&giving)), (taken, given), "{taking:#} {giving:#}");
}

pub fn releases_what_is_here_and_nothing_else(mechanism: Mechanism) {
    let stage = Stage::of(mechanism, Start::First);
    assert_outcome(&stage.b().release(), "not_held");
    assert_eq!(stage.changes(), []);
    stage.assert_held_by(&[0]);
    let report = stage.a().release();
    assert_outcome(&report, "released");
    assert_eq!((&report["holderBefore"], &report["holder"]), (&json!(stage.names()[0]), &Value::Null));
    stage.assert_held_by(&[]);
    assert_outcome(&stage.a().release(), "not_held");
}

pub fn tells_who_has_the_vip_and_only_reads(mechanism: Mechanism) {
    for (start, of_a, of_b) in [
        (Start::First, "held", "held_elsewhere"),
        (Start::Second, "held_elsewhere", "held"),
        (Start::Nobody, "unheld", "unheld"),
        (Start::Split, "split", "split"),
        (Start::HalfFree, "split", "split"),
    ] {
        let stage = Stage::with(Setup { vips: 2, ..Setup::plain(mechanism, start) });
        let holder = match start {
            Start::First => json!(stage.names()[0]),
            Start::Second => json!(stage.names()[1]),
            Start::Nobody | Start::Split | Start::HalfFree => Value::Null,
        };
        for (report, outcome) in [(stage.a().status(), of_a), (stage.b().status(), of_b)] {
            assert_outcome(&report, outcome);
            assert_eq!(report["holder"], holder, "{report:#}");
        }
        assert_eq!(stage.changes(), []);
    }
}

pub fn is_refused_and_changes_nothing(mechanism: Mechanism) {
    let stage = Stage::of(mechanism, Start::First);
    stage.forbid_taking();
    let report = stage.b().hook();
    assert_error(&report, "not_moved", "denied");
    assert_eq!((&report["retry"], &report["severity"]), (&json!(false), &json!(2)), "{report:#}");
    stage.assert_held_by(&[0]);
}

/// What was made is looked for, found, and not made again.
pub fn finds_a_change_whose_answer_was_lost(mechanism: Mechanism) {
    for fault in lost_answers() {
        let stage = Stage::of(mechanism, Start::First);
        stage.always(stage.taking(), fault.clone());
        assert_outcome(&stage.b().with(impatient()).hook(), "moved");
        stage.assert_held_by(&[1]);
        let mut changes = stage.changes();
        let sent = changes.len();
        changes.sort();
        changes.dedup();
        assert_eq!(changes.len(), sent, "{fault:?}: one was sent twice: {:?}", stage.changes());
    }
}

pub fn finds_a_release_whose_answer_was_lost(mechanism: Mechanism) {
    for fault in lost_answers() {
        let stage = Stage::of(mechanism, Start::First);
        stage.always(stage.giving(), fault);
        assert_outcome(&stage.a().with(impatient()).release(), "released");
        stage.assert_held_by(&[]);
    }
}

/// Each look shows where the VIP still is; what was sent may all the same be under way. On EC2 such a look may be too old to tell.
pub fn stays_where_it_is_while_no_change_is_accepted(mechanism: Mechanism) {
    let stage = Stage::of(mechanism, Start::First);
    stage.always(stage.taking(), Fault::error(503, "ServiceUnavailable", "later"));
    let report = stage.b().with(json!({ "deadlineSeconds": 3 })).hook();
    let (outcome, words) = if mechanism.is_aws() {
        ("unverified", "could not be confirmed")
    } else {
        ("not_moved", "may still be under way")
    };
    assert_error(&report, outcome, "unavailable");
    assert_eq!(report["retry"], true, "{report:#}");
    let summary = report["summary"].as_str().expect("text");
    assert!(!summary.contains("nothing was changed") && summary.contains(words), "{summary}");
    let results = report["steps"].as_array().expect("steps").iter().map(|step| &step["result"]);
    assert!(results.filter(|result| **result == "ambiguous").count() > 1, "{report:#}");
    stage.assert_held_by(&[0]);
}

pub fn takes_the_public_address_along(mechanism: Mechanism) {
    let stage = Stage::with(Setup { public: true, ..Setup::plain(mechanism, Start::First) });
    let report = stage.b().hook();
    assert_outcome(&report, "moved");
    let parts = report["parts"].as_array().expect("parts");
    let is_public = |part: &&Value| part["part"].as_str().is_some_and(|name| name.starts_with("public ip "));
    let public = parts.iter().find(is_public).unwrap_or_else(|| panic!("no part of its own: {report:#}"));
    assert_eq!(public["after"], stage.names()[1], "{report:#}");
    stage.assert_held_by(&[1]);
    assert_outcome(&stage.a().hook(), "moved");
    stage.assert_held_by(&[0]);
    assert_outcome(&stage.a().release(), "released");
    stage.assert_held_by(&[]);
}
