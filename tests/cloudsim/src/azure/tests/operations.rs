//! Writes that go on after their answer.

use std::time::Duration;

use super::super::{Overlap, Style};
use super::*;

const LONG: Duration = Duration::from_secs(600);

fn state(sim: &Simulator, nic: &str) -> Value {
    get_nic(sim, nic)["properties"]["provisioningState"].clone()
}

#[test]
fn an_operation_goes_on_until_its_time_is_over() {
    let sim = article();
    sim.operations().duration(Duration::from_millis(150));
    let reply = release(&sim);
    assert_eq!((reply.status, reply.header("retry-after")), (200, None));
    assert_eq!(reply.json()["properties"]["provisioningState"], "Updating");
    assert_eq!(reply.json()["properties"]["ipConfigurations"][0]["properties"]["provisioningState"], "Updating");
    assert_eq!(status_of(&sim, &reply), json!({ "status": "InProgress" }));
    assert_eq!(state(&sim, NIC_A), "Updating");
    assert!(!sim.world().is_settled(NIC_A));
    std::thread::sleep(Duration::from_millis(180));
    assert_eq!(status_of(&sim, &reply), json!({ "status": "Succeeded" }));
    assert_eq!(state(&sim, NIC_A), "Succeeded");
}

#[test]
fn the_answer_says_in_three_ways_that_it_goes_on() {
    for style in [Style::AzureAsyncOperation, Style::LocationOnly, Style::BodyOnly, Style::Finished] {
        let sim = article();
        sim.operations().style(style);
        sim.operations().retry_after(Some(10));
        sim.operations().hang(NIC_A);
        let reply = release(&sim);
        let expected = match style {
            Style::AzureAsyncOperation => (200, true, true, Some("10")),
            Style::LocationOnly => (202, false, true, Some("10")),
            Style::BodyOnly | Style::Finished => (200, false, false, None),
        };
        let header = |name| reply.header(name).is_some();
        let got = (reply.status, header("azure-asyncoperation"), header("location"), reply.header("retry-after"));
        assert_eq!(got, expected, "{style:?}");
        assert_eq!(reply.text.is_empty(), style == Style::LocationOnly);
        let now = if style == Style::Finished { "Succeeded" } else { "Updating" };
        assert_eq!(state(&sim, NIC_A), now, "{style:?}");
        if let Some(location) = reply.header("location") {
            let running = arm(&sim, "GET", location, None);
            assert_eq!((running.status, running.header("retry-after")), (202, Some("10")));
            sim.operations().let_go(NIC_A);
            let over = arm(&sim, "GET", location, None);
            assert_eq!((over.status, over.json()["name"].as_str()), (200, Some(NIC_A)));
        }
    }
}

#[test]
fn a_failed_operation_says_why_and_may_leave_either_state() {
    for rolls_back in [false, true] {
        let sim = article();
        sim.operations().fail_next(NIC_A, "InternalExecutionError", "Retry later.");
        sim.operations().rolls_back(rolls_back);
        let reply = release(&sim);
        assert_eq!(reply.status, 200);
        let status = status_of(&sim, &reply);
        assert_eq!((&status["status"], &status["error"]["code"]), (&"Failed".into(), &"InternalExecutionError".into()));
        assert_eq!(sim.world().holder_of(VIP).is_some(), rolls_back);
        assert_eq!(state(&sim, NIC_A), if rolls_back { "Succeeded" } else { "Failed" });
        let location = arm(&sim, "GET", reply.header("location").unwrap(), None);
        assert_eq!(location.outcome(), bad("InternalExecutionError"));
        assert_eq!(put_nic(&sim, NIC_A, &get_nic(&sim, NIC_A)).status, 200);
        assert_eq!(state(&sim, NIC_A), "Succeeded");
    }
}

#[test]
fn a_canceled_operation_names_the_one_that_won() {
    let sim = article();
    let before = sim.world();
    sim.operations().cancel_next(&NIC_A.to_uppercase());
    let reply = release(&sim);
    let status = status_of(&sim, &reply);
    assert_eq!((&status["status"], &status["error"]["code"]), (&"Canceled".into(), &"Canceled".into()));
    let detail = &status["error"]["details"][0];
    assert_eq!(detail["code"], "CanceledAndSupersededDueToAnotherOperation");
    let world = sim.world();
    assert_eq!(world.without_vip(NIC_A), before.without_vip(NIC_A));
    assert_eq!(world.holder_of(VIP).as_deref(), Some(NIC_A));
    assert_ne!(world.nic(NIC_A).unwrap()["etag"], before.nic(NIC_A).unwrap()["etag"]);
}

#[test]
fn an_operation_may_go_on_for_ever() {
    let sim = article();
    sim.operations().hang(NIC_A);
    let reply = release(&sim);
    assert_eq!(status_of(&sim, &reply)["status"], "InProgress");
    assert_eq!(claim(&sim).outcome(), bad("PrivateIPAddressIsAllocated"));
    sim.operations().let_go(NIC_A);
    assert_eq!(claim(&sim).status, 200);
    assert_eq!(status_of(&sim, &reply)["status"], "Succeeded");
}

#[test]
fn an_address_is_free_when_the_removal_ends_or_at_once() {
    for early in [false, true] {
        let sim = article();
        sim.operations().duration_of(NIC_A, LONG);
        sim.operations().early_release(early);
        assert_eq!(release(&sim).status, 200);
        // The interface is being written and no longer lists the address, free or not.
        assert_eq!((state(&sim, NIC_A), sim.world().holder_of(VIP)), ("Updating".into(), None));
        let expected = if early { (200, String::new()) } else { bad("PrivateIPAddressIsAllocated") };
        assert_eq!(claim(&sim).outcome(), expected);
    }
}

#[test]
fn one_write_at_a_time() {
    let refusals = [
        (Overlap::Retryable, (429, "RetryableErrorDueToAnotherOperation")),
        (Overlap::Conflict, (409, "AnotherOperationInProgress")),
    ];
    for (overlap, (status, code)) in refusals {
        let sim = article();
        sim.operations().duration(LONG);
        sim.operations().overlap(overlap);
        let first = release(&sim);
        let second = put_nic(&sim, NIC_A, &get_nic(&sim, NIC_A));
        assert_eq!(second.outcome(), (status, code.into()));
        let id = first.header("azure-asyncoperation").unwrap().rsplit('/').next().unwrap();
        assert!(second.message().contains(id.split('?').next().unwrap()));
        assert_eq!(put_nic(&sim, NIC_B, &get_nic(&sim, NIC_B)).status, 200);
    }
}

#[test]
fn a_newer_write_may_win() {
    let sim = article();
    sim.operations().duration_of(NIC_A, LONG);
    sim.operations().overlap(Overlap::Supersede);
    let older = release(&sim);
    let newer = put_nic(&sim, NIC_A, &get_nic(&sim, NIC_A));
    assert_eq!(newer.status, 200);
    let status = status_of(&sim, &older);
    assert_eq!(status["status"], "Canceled");
    let id = newer.header("azure-asyncoperation").unwrap().split("operations/").nth(1).unwrap();
    let message = status["error"]["details"][0]["message"].as_str().unwrap();
    assert!(message.contains(id.split('?').next().unwrap()), "{message}");
    assert_eq!(status_of(&sim, &newer)["status"], "InProgress");
    // What the older one gave up is not free before the newer one ends.
    assert_eq!(claim(&sim).outcome(), bad("PrivateIPAddressIsAllocated"));
}

#[test]
fn addresses_of_operations_may_be_long_and_unknown_ones_are_refused() {
    let sim = article();
    sim.operations().long_urls(true);
    let reply = release(&sim);
    let url = reply.header("azure-asyncoperation").unwrap();
    assert!((3800..4096).contains(&url.len()));
    assert_eq!(arm(&sim, "GET", url, None).status, 200);
    let id = url.split("operations/").nth(1).unwrap().split('?').next().unwrap();
    assert_eq!(arm(&sim, "GET", &url.replace(id, "0"), None).outcome(), (404, "NotFound".into()));
    assert_eq!(arm(&sim, "GET", &url.replace("westeurope", "eastus"), None).outcome(), (404, "NotFound".into()));
    sim.operations().clear();
    assert!(release(&sim).header("azure-asyncoperation").unwrap().len() < 400);
}
