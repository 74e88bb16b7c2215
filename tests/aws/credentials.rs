//! Who speaks to EC2: the instance's role, an assumed role, and what happens when either is refused.

use super::{Member, VIP, common::*, held_by_a, table, writes};
use cloudsim::{
    Fault, Rule,
    aws::{ACCOUNT, ENI_B, MEMBER_B, Simulator, World},
};
use serde_json::{Value, json};

fn world() -> World {
    held_by_a(2)
}

fn role_arn() -> Value {
    json!({ "aws": { "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/network") } })
}

#[test]
fn an_instance_without_a_role_is_unauthenticated() {
    let mut world = world();
    world.instance_mut(MEMBER_B).expect("there").role = None;
    let sim = Simulator::start(world);
    let report = Member::b(&sim).hook();
    assert_error(&report, "not_moved", "unauthenticated");
    assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains("instance profile")));
}

#[test]
fn credentials_that_expire_mid_way_are_renewed_once() {
    let sim = Simulator::start(world());
    sim.faults().on(Rule::once("ec2", "ReplaceRoute", Fault::error(400, "RequestExpired", "Request has expired.")));
    assert_outcome(&Member::b(&sim).hook(), "moved");
    // For good: a renewal does not help, and that is said.
    sim.faults().on(Rule::always("ec2", "ReplaceRoute", Fault::error(400, "RequestExpired", "Request has expired.")));
    let report = Member::a(&sim).hook();
    assert_error(&report, "not_moved", "unauthenticated");
    assert_eq!(report["retry"], true);
    assert_eq!(sim.world().holder(&table(1), VIP).as_deref(), Some(ENI_B));
}

#[test]
fn expired_credentials_are_fetched_anew_from_the_metadata_service() {
    let sim = Simulator::start(world());
    sim.faults().latency("ec2", std::time::Duration::from_millis(50));
    let expire = Rule::once(
        "ec2",
        "DescribeRouteTables",
        Fault::error(401, "AuthFailure", "AWS was not able to validate the provided access credentials"),
    );
    sim.faults().on(expire);
    assert_outcome(&Member::b(&sim).hook(), "moved");
    let fetched = sim
        .log()
        .iter()
        .filter(|call| call.action == "GET /latest/meta-data/iam/security-credentials/mirrorvip")
        .count();
    assert_eq!(fetched, 2);
}

#[test]
fn a_permission_taken_away_is_denied_and_changes_nothing() {
    for action in ["ec2:ReplaceRoute", "ec2:DescribeRouteTables"] {
        let mut world = world();
        world.deny("mirrorvip", action);
        let sim = Simulator::start(world.clone());
        let report = Member::b(&sim).hook();
        assert_error(&report, "not_moved", "denied");
        assert_eq!((report["error"]["call"].as_str(), &report["error"]["httpStatus"]), (Some(action), &json!(403)));
        assert!(report["error"]["remedy"].as_str().is_some_and(|remedy| remedy.contains(action)));
        assert!(report["error"]["requestId"].is_string(), "{report:#}");
        assert_eq!(sim.world(), world);
    }
}

#[test]
fn the_role_is_assumed_for_the_route_tables_and_for_nothing_else() {
    let mut world = world();
    world.add_assumable_role("network", "mirrorvip");
    world.deny("mirrorvip", "ec2:ReplaceRoute");
    world.deny("mirrorvip", "ec2:DescribeRouteTables");
    world.deny("network", "ec2:DescribeNetworkInterfaces");
    world.deny("network", "ec2:DescribeAddresses");
    world.deny("network", "ec2:AssociateAddress");
    world.add_address("eipalloc-00000000000000001", "203.0.113.10");
    let sim = Simulator::start(world);
    let public = json!({ "aws": { "publicIp": "eipalloc-00000000000000001" } });
    assert_outcome(&Member::b(&sim).with(role_arn()).with(public).hook(), "moved");
    assert!(sim.log().iter().any(|call| call.face == "sts" && call.action == "AssumeRole"));
}

#[test]
fn a_role_that_may_not_be_assumed_is_denied() {
    let sim = Simulator::start(world());
    let report = Member::b(&sim).with(role_arn()).hook();
    assert_error(&report, "not_moved", "denied");
    assert_eq!(report["error"]["call"], "sts:AssumeRole");
    assert_eq!(writes(&sim), [""; 0]);
}

#[test]
fn no_secret_is_ever_in_a_report() {
    let sim = Simulator::start(world());
    let credentials = sim.credentials(MEMBER_B);
    sim.faults().on(Rule::always("ec2", "ReplaceRoute", Fault::error(403, "UnauthorizedOperation", "no")));
    let text = Member::b(&sim).hook().to_string();
    let token = credentials.token.expect("temporary");
    for secret in [credentials.access_key, credentials.secret, token, "AWS4-HMAC".into()] {
        assert!(!text.contains(&secret), "{text}");
    }
}
