//! Writes that go on after their answer.

use std::time::Instant;

use super::super::Overlap;
use super::*;

const LONG: Duration = Duration::from_secs(600);

fn status(reply: &Reply) -> String {
    reply.json()["status"].as_str().unwrap_or_default().into()
}

#[test]
fn an_operation_goes_on_until_its_time_is_over() {
    let sim = article();
    sim.operations().duration(Duration::from_millis(500));
    let reply = release(&sim);
    let operation = reply.json();
    assert_eq!(
        (operation["kind"].as_str(), operation["operationType"].as_str()),
        (Some("compute#operation"), Some("updateNetworkInterface"))
    );
    assert_eq!(operation["targetLink"], get(&sim, VM_A)["selfLink"]);
    assert_eq!(operation["targetId"], get(&sim, VM_A)["id"]);
    assert!(operation["zone"].as_str().unwrap().ends_with(ZONE_A));
    let running = look(&sim, &reply).json();
    assert_eq!(
        (&running["status"], &running["progress"], running.get("endTime")),
        (&"RUNNING".into(), &0.into(), None)
    );
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_A));
    let done = wait(&sim, &reply).json();
    assert_eq!((&done["status"], &done["progress"]), (&"DONE".into(), &100.into()));
    assert!(done["endTime"].as_str().unwrap() >= done["startTime"].as_str().unwrap());
    assert_eq!(done.get("httpErrorStatusCode"), None);
    assert_eq!(sim.world().holder_of(VIP), None);
}

#[test]
fn waiting_ends_with_the_operation() {
    let sim = article();
    sim.operations().duration(Duration::from_millis(200));
    let started = Instant::now();
    let reply = release(&sim);
    assert_eq!(status(&wait(&sim, &reply)), "DONE");
    assert!(started.elapsed() >= Duration::from_millis(200));
}

#[test]
fn waiting_holds_up_nobody_and_ends_when_an_operation_is_let_go() {
    let sim = article();
    sim.operations().hang(VM_A);
    let reply = release(&sim);
    std::thread::scope(|scope| {
        let waiting = scope.spawn(|| wait(&sim, &reply));
        while !sim.log().iter().any(|call| call.action == "POST operations/wait") {
            std::thread::yield_now();
        }
        assert_eq!(status(&look(&sim, &reply)), "RUNNING");
        sim.operations().let_go(VM_A);
        assert_eq!(status(&waiting.join().unwrap()), "DONE");
    });
}

#[test]
fn waiting_may_end_before_the_operation() {
    let sim = article();
    sim.operations().hang(VM_A);
    let reply = release(&sim);
    for limit in [0, 50] {
        sim.operations().wait_limit(Duration::from_millis(limit));
        assert_eq!(status(&wait(&sim, &reply)), "RUNNING");
    }
    let body = json!({ "error": "none" });
    let path = format!("{}/wait", operation_path(&reply));
    assert_eq!(compute(&sim, "POST", &path, Some(&body)).outcome(), bad("badRequest"));
}

#[test]
fn a_failed_operation_says_why_and_changes_nothing() {
    let sim = article();
    sim.operations().fail_next(VM_A, "INTERNAL_ERROR", "Internal error. Please try again.");
    let reply = release(&sim);
    let done = look(&sim, &reply);
    assert_eq!((status(&done).as_str(), done.failure().as_str()), ("DONE", "INTERNAL_ERROR"));
    assert_eq!(done.json()["httpErrorStatusCode"], 503);
    assert_eq!(done.json()["httpErrorMessage"], "SERVICE UNAVAILABLE");
    assert_eq!(sim.world(), World::article());
    assert_eq!(look(&sim, &release(&sim)).failure(), "");
}

#[test]
fn an_alias_is_free_when_its_removal_ends_or_when_it_begins() {
    for early in [false, true] {
        let sim = article();
        sim.operations().duration_of(VM_A, LONG);
        sim.operations().early_release(early);
        assert_eq!(release(&sim).status, 200);
        assert_eq!(sim.world().holder_of(VIP).is_none(), early);
        let failure = look(&sim, &claim(&sim)).failure();
        assert_eq!(failure, if early { "" } else { "IP_IN_USE_BY_ANOTHER_RESOURCE" });
    }
}

#[test]
fn of_two_who_want_the_same_alias_the_first_gets_it() {
    let sim = article();
    sim.change(|world| world.unplace_alias(VIP));
    sim.operations().duration_of(VM_A, Duration::from_millis(100));
    let first = set_aliases(&sim, VM_A, &json!([{ "ipCidrRange": VIP }]));
    assert_eq!(look(&sim, &claim(&sim)).failure(), "IP_IN_USE_BY_ANOTHER_RESOURCE");
    assert_eq!(wait(&sim, &first).failure(), "");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_A));
}

#[test]
fn a_second_write_waits_its_turn_and_its_fingerprint_is_too_old_by_then() {
    let sim = article();
    sim.operations().hang(VM_A);
    let first = release(&sim);
    let second = release(&sim);
    let third = delete_config(&sim, VM_A, "none");
    assert_eq!([status(&second), status(&third)], ["PENDING", "PENDING"]);
    assert_eq!(look(&sim, &second).json().get("startTime"), None);
    assert_eq!(look(&sim, &first).json()["status"], "RUNNING");
    sim.operations().let_go(VM_A);
    assert_eq!(look(&sim, &first).failure(), "");
    let done = look(&sim, &second);
    assert_eq!((status(&done).as_str(), done.failure().as_str()), ("DONE", "CONDITION_NOT_MET"));
    assert_eq!(done.json()["httpErrorStatusCode"], 412);
    assert_eq!(status(&look(&sim, &third)), "DONE");
}

#[test]
fn a_second_write_may_be_refused() {
    let sim = article();
    sim.operations().busy(Overlap::NotReady);
    sim.operations().duration(LONG);
    assert_eq!(release(&sim).status, 200);
    let second = release(&sim);
    assert_eq!(second.outcome(), bad("resourceNotReady"));
    assert_eq!(second.message(), format!("The resource 'projects/{PROJECT}/{}' is not ready", at(VM_A)));
    assert_eq!(delete_config(&sim, VM_A, "none").outcome(), bad("resourceNotReady"));
    assert_eq!(claim(&sim).status, 200);
}

#[test]
fn an_operation_is_where_it_is() {
    let sim = article();
    let reply = release(&sim);
    let path = operation_path(&reply);
    let ask = |path: &str| compute(&sim, "GET", path, None).outcome();
    let missing = (404, "notFound".to_owned());
    assert_eq!(ask(&path.replace(ZONE_A, ZONE_B)), missing);
    assert_eq!(ask(&path.replace(&format!("zones/{ZONE_A}"), "global")), missing);
    assert_eq!(ask(&format!("{path}0")), missing);
    let by_id = path.replace(reply.json()["name"].as_str().unwrap(), reply.json()["id"].as_str().unwrap());
    assert_eq!(ask(&by_id), ok());
    assert!(reply.json()["selfLink"].as_str().unwrap().starts_with("https://www.googleapis.com/compute/v1/"));
}

#[test]
fn the_same_request_id_starts_one_operation() {
    let sim = article();
    sim.operations().hang(VM_A);
    let id = "7d444840-9dc0-11d1-b245-5ffdce74fad2";
    let path = format!("{}/updateNetworkInterface?networkInterface=nic0&requestId={id}", at(VM_A));
    let body = json!({ "aliasIpRanges": [], "fingerprint": nic(&sim, VM_A)["fingerprint"] });
    let first = compute(&sim, "PATCH", &path, Some(&body)).json();
    let again = compute(&sim, "PATCH", &path, Some(&body)).json();
    assert_eq!((&first["clientOperationId"], &first["name"]), (&id.into(), &again["name"]));
    sim.operations().let_go(VM_A);
    // The fingerprint is old by now, and that does not matter.
    let late = compute(&sim, "PATCH", &path, Some(&body)).json();
    assert_eq!((&late["name"], &late["status"]), (&first["name"], &"DONE".into()));
    let other = compute(&sim, "PATCH", &path.replace(id, &id.replace('7', "8")), Some(&body));
    assert_eq!(other.outcome(), (412, "conditionNotMet".into()));
    for wrong in ["1", "00000000-0000-0000-0000-000000000000"] {
        let refused = compute(&sim, "PATCH", &path.replace(id, wrong), Some(&body));
        assert_eq!(refused.outcome(), bad("invalid"), "{wrong}");
    }
    let delete = format!("{}/deleteAccessConfig?networkInterface=nic0&accessConfig=x&requestId={id}", at(VM_A));
    assert_ne!(compute(&sim, "POST", &delete, None).json()["name"], first["name"]);
}

#[test]
fn operations_are_listed_where_they_are_and_filtered_by_their_status() {
    let sim = article();
    assert_eq!(status(&wait(&sim, &set_aliases(&sim, VM_B, &json!([])))), "DONE");
    sim.operations().hang(VM_A);
    let running = release(&sim).json();
    let list = |zone: &str, filter: &str| {
        let query: String = form_urlencoded::byte_serialize(filter.as_bytes()).collect();
        let path = format!("zones/{zone}/operations?filter={query}");
        let items = compute(&sim, "GET", &path, None).json()["items"].clone();
        items.as_array().into_iter().flatten().map(|item| item["name"].clone()).collect::<Vec<_>>()
    };
    assert_eq!(list(ZONE_A, "status != \"DONE\""), [running["name"].clone()]);
    assert_eq!(list(ZONE_B, "status != \"DONE\""), Vec::<Value>::new());
    assert_eq!((list(ZONE_A, "").len(), list(ZONE_B, "").len()), (1, 1));
    sim.change(|world| world.deny("*", "compute.zoneOperations.list", None));
    let refused = compute(&sim, "GET", &format!("zones/{ZONE_A}/operations"), None);
    assert_eq!(refused.outcome(), (403, "forbidden".into()));
}
