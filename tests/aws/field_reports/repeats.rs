//! Writes that are sent to be sure, and the repeat of a call that has come here in part.

use super::*;
use std::thread;

/// Everything is here already, and the hook's write is refused: a look ten seconds later shows as much.
#[test]
fn a_write_to_be_sure_that_is_denied() {
    for (seconds, id) in [(20, "AWS-121"), (6, "AWS-122")] {
        let mut world = World::overlay(1).held(VIP, ENI_B);
        world.deny("mirrorvip", "ec2:ReplaceRoute");
        let sim = Simulator::start(world);
        let report = Member::b(&sim).with(json!({ "deadlineSeconds": seconds })).hook();
        told(id, &report);
        assert!(!report["summary"].as_str().expect("text").contains("changed"), "{report:#}");
    }
}

/// The first call brings one table here, and another member takes that one before the repeat: reads are younger than that by now.
#[test]
fn a_repeat_does_not_take_back_what_another_member_took_meanwhile() {
    let transit = |world: &mut World| {
        world.remove_route(&table(1), VIP);
        let foreign = route(VIP, Target::TransitGateway("tgw-1".into()), Origin::CreateRoute);
        world.table_mut(&table(1)).expect("there").routes.push(foreign);
    };
    let member = |world: &mut World| world.set_route(&table(1), VIP, ENI_A);
    let takes: [(&str, Take); 2] = [("AWS-123", member), ("AWS-124", transit)];
    // Side by side: each of them waits for eleven seconds.
    thread::scope(|scope| {
        for (id, take) in takes {
            scope.spawn(move || repeat(id, take));
        }
    });
}

/// How the part goes to somebody else.
type Take = fn(&mut World);

fn repeat(id: &str, take: Take) {
    let sim = Simulator::start(held_by_a(2));
    let second = table(2);
    sim.faults().on(Rule { target: Some(&second), ..Rule::always("ec2", "ReplaceRoute", Fault::HangBefore) });
    let call = |reason: &str, resume: &Value| {
        let request = json!({ "reason": reason, "deadlineSeconds": 6, "resume": resume });
        Member::b(&sim).with(json!({ "aws": { "members": [ENI_A, ENI_B] } })).call(ACQUIRE, request)
    };
    let first = call("NotifyBecomePrimary", &Value::Null);
    assert_outcome(&first, "partial");
    sim.faults().clear();
    sim.change(take);
    thread::sleep(Duration::from_secs(11));
    let taken = sim.world().table(&table(1)).expect("there").routes.clone();
    let second = call("retry", &first["resume"]);
    told(id, &second);
    assert_eq!(sim.world().table(&table(1)).expect("there").routes, taken);
    let is_lost = second["outcome"] == "lost";
    assert_eq!((&second["askFirst"], second["resume"].is_null()), (&json!(is_lost), is_lost), "{second:#}");
}
