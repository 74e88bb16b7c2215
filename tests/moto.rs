//! A third party's word: the built library against moto's EC2, which knows nothing of this project, and boto3 to say what
//! came of it.
//!
//! `tests/aws` asks what the library does when EC2 refuses, lags or fails, against a simulator that is as strict as EC2;
//! but that simulator and the library were written from the same reading of the documentation. moto was not, so here the
//! common ways are gone through once more: do requests and answers mean to others what they mean to us?
//!
//! moto is laxer than EC2. It knows no `DryRun` for CreateRoute, ReplaceRoute and DeleteRoute and makes the change
//! instead, so Check, which rehearses with it, is never called here (nor would it be told the truth). CreateRoute with an
//! interface overwrites a route that is there, destinations are kept as they were written, every route is active, and
//! nobody looks at signatures and permissions. All of that is the simulator's part.

mod scene;
mod server;

use crate::common;
use common::{ACQUIRE, RELEASE, assert_outcome, steps};
use scene::{Dump, MEMBERS_ACCOUNT, Scene, VIP, two_zones};
use serde_json::{Value, json};

#[test]
fn failover_failback_and_release_leave_every_table_as_boto3_would() {
    let Some(scene) = Scene::two_zones() else { return };
    let (main, second) = (scene.id("main"), scene.id("second"));
    let untouched = scene.dump();
    scene.assert_held_by(None);

    let planned = scene.a.call(ACQUIRE, json!({ "dryRun": true }));
    assert_outcome(&planned, "would_move");
    assert_eq!(scene.dump(), untouched, "a dry run only plans");

    let report = scene.a.hook();
    assert_outcome(&report, "moved");
    assert_eq!((&report["holderBefore"], &report["holder"]), (&json!(null), &json!(scene.a.eni)));
    assert_eq!((steps(&report, "ec2:CreateRoute"), steps(&report, "ec2:ReplaceRoute")), (2, 0));
    assert!(!warns_of_source_dest_check(&report), "boto3 switched it off: {report:#}");
    let on_a = scene.dump();
    on_a.assert_routes(VIP, &[(&main, &scene.a), (&second, &scene.a)]);
    assert_eq!(on_a.clone().without_routes(VIP), untouched);
    scene.assert_held_by(Some(&scene.a));

    let report = scene.b.hook();
    assert_outcome(&report, "moved");
    assert_eq!((&report["holderBefore"], &report["holder"]), (&json!(scene.a.eni), &json!(scene.b.eni)));
    assert_eq!((steps(&report, "ec2:CreateRoute"), steps(&report, "ec2:ReplaceRoute")), (0, 2));
    let on_b = scene.dump();
    on_b.assert_routes(VIP, &[(&main, &scene.b), (&second, &scene.b)]);
    assert_eq!(on_b.clone().without_routes(VIP), untouched);
    scene.assert_held_by(Some(&scene.b));

    // Who does not hold it has nothing to give up.
    assert_outcome(&scene.a.release(), "not_held");
    assert_eq!(scene.dump(), on_b);

    assert_outcome(&scene.a.hook(), "moved");
    assert_eq!(scene.dump(), on_a);
    assert_outcome(&scene.a.hook(), "already_held");
    assert_eq!(scene.dump(), on_a);
    scene.assert_held_by(Some(&scene.a));

    assert_outcome(&scene.a.call(RELEASE, json!({ "dryRun": true })), "would_release");
    assert_eq!(scene.dump(), on_a);
    assert_outcome(&scene.a.release(), "released");
    assert_eq!(scene.dump(), untouched);
    scene.assert_held_by(None);
}

/// What moto 5.2.5 tells of Elastic IPs is not always what EC2 would: an address that was associated by
/// `NetworkInterfaceId` is told without an `InstanceId`, so that the library asks the interface whose it is; and the
/// interface that has lost the address goes on showing it. Where the address is, it says itself.
#[test]
fn the_elastic_ip_follows() {
    let Some(mut scene) = Scene::two_zones() else { return };
    let (main, second, public) = (scene.id("main"), scene.id("second"), scene.id("publicIp"));
    scene.configure(json!({ "aws": { "publicIp": public } }));
    let untouched = scene.dump();
    let rest = |dump: Dump| dump.without_routes(VIP).without_association(&public);

    for (member, before) in [(&scene.a, None), (&scene.b, Some(&scene.a)), (&scene.a, Some(&scene.b))] {
        let report = member.hook();
        assert_outcome(&report, "moved");
        assert_eq!(report["holderBefore"], json!(before.map(|before| &before.eni)), "{report:#}");
        assert_eq!(steps(&report, "ec2:AssociateAddress"), 1, "{report:#}");
        let dump = scene.dump();
        dump.assert_routes(VIP, &[(&main, member), (&second, member)]);
        let address = dump.address(&public);
        assert_eq!(address["NetworkInterfaceId"], member.eni);
        assert_eq!(address["PrivateIpAddress"], member.private_ip);
        assert_eq!(rest(dump), rest(untouched.clone()));
        scene.assert_held_by(Some(member));
    }

    assert_outcome(&scene.a.release(), "released");
    let released = scene.dump();
    assert_eq!(released.address(&public), untouched.address(&public), "on nobody, as in the beginning");
    assert_eq!(rest(released), rest(untouched));
    scene.assert_held_by(None);
}

/// moto 5.2.5 lacks two things that this mechanism stands on:
/// - `DescribeNetworkInterfaces` compares the filter `addresses.private-ip-address` with the primary address alone
///   (`NetworkInterface.get_filter_value`), so nobody ever sees a secondary address by it;
/// - `AssignPrivateIpAddresses` ignores `AllowReassignment` (`assign_private_ip_addresses`): the address is added to the
///   new interface and stays on the old one too.
///
/// What is left to ask of it: the call reaches the right interface with the right address and touches nothing else, and
/// since no read shows the address there, the library does not call it moved. That it says so is also how a moto that has
/// learned the filter shows itself here; then this test should become the one of the routes.
#[test]
fn a_secondary_address_is_assigned_and_not_called_moved_while_no_read_shows_it() {
    let layout = json!({ "vpc": "10.0.0.0/16", "subnets": ["10.0.1.0/24"], "members": [0, 0] });
    let Some(mut scene) = Scene::new(layout, MEMBERS_ACCOUNT) else { return };
    let vip = "10.0.1.250";
    // The deadline bounds the waiting for a read that will never come.
    scene.configure(json!({ "vip": vip, "deadlineSeconds": 3, "aws": { "mechanism": "secondaryIp" } }));
    let untouched = scene.dump();
    scene.assert_held_by(None);

    let mut carriers = Vec::new();
    for member in [&scene.a, &scene.b] {
        let report = member.hook();
        assert_outcome(&report, "unverified");
        assert_eq!((steps(&report, "ec2:AssignPrivateIpAddresses"), &report["retry"]), (1, &json!(true)), "{report:#}");
        carriers.push(member.eni.clone());
        let dump = scene.dump();
        assert_eq!(dump.carriers(vip), carriers);
        assert_eq!(dump.without_secondary(vip), untouched);
    }
}

#[test]
fn the_articles_layout_routes_an_empty_subnet_of_the_vpc() {
    let layout = json!({
        "vpc": "10.109.10.0/24",
        "subnets": ["10.109.10.0/27", "10.109.10.32/27", "10.109.10.224/27"],
        "members": [0, 1],
    });
    let Some(mut scene) = Scene::new(layout, MEMBERS_ACCOUNT) else { return };
    let (main, second) = (scene.id("main"), scene.id("second"));
    let destination = "10.109.10.224/27";
    scene.configure(json!({ "vip": "10.109.10.254/27" }));
    let untouched = scene.dump();

    for member in [&scene.a, &scene.b] {
        assert_outcome(&member.hook(), "moved");
        let dump = scene.dump();
        dump.assert_routes(destination, &[(&main, member), (&second, member)]);
        assert_eq!(dump.without_routes(destination), untouched);
        scene.assert_held_by(Some(member));
    }

    // The subnets of the members are no place for a VIP: there, nothing is written.
    let dump = scene.dump();
    scene.configure(json!({ "vip": "10.109.10.20/27" }));
    common::assert_error(&scene.a.hook(), "not_moved", "conflict");
    scene.configure(json!({ "vip": "10.109.10.254/32" }));
    common::assert_error(&scene.a.hook(), "not_moved", "invalid_config");
    assert_eq!(scene.dump(), dump);

    scene.configure(json!({ "vip": "10.109.10.254/27" }));
    assert_outcome(&scene.b.release(), "released");
    assert_eq!(scene.dump(), untouched);
}

#[test]
fn the_articles_own_way_ends_in_the_same_state() {
    let Some(scene) = Scene::two_zones() else { return };
    assert_outcome(&scene.a.hook(), "moved");
    assert_outcome(&scene.b.hook(), "moved");
    let ours = scene.dump();
    assert_outcome(&scene.b.release(), "released");

    // A member with the article's routine and one with this library understand each other, in both directions.
    scene.article(&scene.a, VIP);
    scene.assert_held_by(Some(&scene.a));
    scene.article(&scene.b, VIP);
    assert_eq!(scene.dump(), ours);
    scene.assert_held_by(Some(&scene.b));
    assert_outcome(&scene.a.hook(), "moved");
    scene.article(&scene.b, VIP);
    assert_eq!(scene.dump(), ours);
}

#[test]
fn tables_are_chosen_by_tag_by_id_or_all_but_a_gateways() {
    let mut layout = two_zones();
    layout["edgeTable"] = json!(true);
    let Some(mut scene) = Scene::new(layout, MEMBERS_ACCOUNT) else { return };
    let (main, second) = (scene.id("main"), scene.id("second"));
    let untouched = scene.dump();
    for (chosen, tables) in [
        (json!({ "tag:Name": "carries the VIP" }), vec![&second]),
        (json!([second]), vec![&second]),
        (json!([main, second]), vec![&main, &second]),
        (json!("main"), vec![&main]),
        (json!("all"), vec![&main, &second]),
    ] {
        scene.configure(json!({ "aws": { "routeTables": null } }));
        scene.configure(json!({ "aws": { "routeTables": chosen } }));
        for member in [&scene.a, &scene.b] {
            assert_outcome(&member.hook(), "moved");
            let expected: Vec<_> = tables.iter().map(|table| (table.as_str(), member)).collect();
            scene.dump().assert_routes(VIP, &expected);
            scene.assert_held_by(Some(member));
        }
        assert_outcome(&scene.b.release(), "released");
        assert_eq!(scene.dump(), untouched, "{chosen}");
    }
}

#[test]
fn release_deletes_only_the_tables_routes_that_lead_here() {
    let Some(mut scene) = Scene::two_zones() else { return };
    let (main, second) = (scene.id("main"), scene.id("second"));
    let untouched = scene.dump();
    for (table, member) in [(&main, true), (&second, false)] {
        scene.configure(json!({ "aws": { "routeTables": [table] } }));
        let member = if member { &scene.a } else { &scene.b };
        assert_outcome(&member.hook(), "moved");
    }
    scene.configure(json!({ "aws": { "routeTables": "all" } }));
    scene.dump().assert_routes(VIP, &[(&main, &scene.a), (&second, &scene.b)]);
    assert_outcome(&scene.a.status(), "split");

    assert_outcome(&scene.a.release(), "released");
    scene.dump().assert_routes(VIP, &[(&second, &scene.b)]);
    assert_outcome(&scene.b.release(), "released");
    assert_eq!(scene.dump(), untouched);
}

/// moto keeps accounts apart, and knows by the key whose call it is: what happens in the other account happened with the
/// assumed role.
#[test]
fn route_tables_of_another_account_move_by_the_assumed_role_alone() {
    let owner = "210987654321";
    let Some(mut scene) = Scene::new(two_zones(), owner) else { return };
    let (main, second) = (scene.id("main"), scene.id("second"));
    let untouched = scene.dump();
    assert_eq!(scene.a.hook()["ok"], false, "the member's own account has no such tables");
    assert_eq!(scene.dump(), untouched);

    scene.configure(json!({ "aws": { "roleArn": format!("arn:aws:iam::{owner}:role/mirrorvip-routes") } }));
    for member in [&scene.a, &scene.b] {
        let report = member.hook();
        assert_outcome(&report, "moved");
        assert_eq!(steps(&report, "sts:AssumeRole"), 1, "{report:#}");
        let dump = scene.dump();
        dump.assert_routes(VIP, &[(&main, member), (&second, member)]);
        assert_eq!(dump.without_routes(VIP), untouched);
        scene.assert_held_by(Some(member));
    }
    assert_outcome(&scene.b.release(), "released");
    assert_eq!(scene.dump(), untouched);
}

fn warns_of_source_dest_check(report: &Value) -> bool {
    report["warnings"]
        .as_array()
        .is_some_and(|warnings| warnings.iter().any(|found| found["code"] == "sourceDestCheck"))
}
