//! Permissions that this member lacks, and that would show only once a peer has given the VIP up.

use super::super::{Member, common::*, writes};
use super::{PATCH, public};
use crate::common::field_reports::told;
use cloudsim::gcp::{PUBLIC_ADDRESS, PUBLIC_IP, SUBNETWORK, Simulator, VIP, VM_A, VM_B, World};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const TEST: &str = "POST testIamPermissions";

fn lacking(mut world: World, permission: &str, resource: &str) -> Simulator {
    world.deny("*", permission, Some(resource));
    Simulator::start(world)
}

fn dry(member: &Member<'_>) -> Value {
    member.call(ACQUIRE, json!({ "dryRun": true }))
}

/// What this member may not have stays with a peer that runs, as Check and a dry run say.
#[test]
fn nothing_leaves_a_running_peer_for_a_member_that_may_not_take_it() {
    for (permission, resource, id) in [
        ("compute.instances.updateNetworkInterface", VM_B, "GCP-94"),
        ("compute.subnetworks.use", SUBNETWORK, "GCP-95"),
    ] {
        let sim = lacking(World::article(), permission, resource);
        assert_error(&Member::b(&sim).check(), "not_ready", "denied");
        told("GCP-96", &dry(&Member::b(&sim)));
        told(id, &Member::b(&sim).hook());
        assert_eq!((writes(&sim).len(), sim.world().holder_of(VIP).as_deref()), (0, Some(VM_A)), "{permission}");
        sim.change(|world| world.allow("*", permission));
        assert_outcome(&dry(&Member::b(&sim)), "would_move");
        assert_outcome(&Member::b(&sim).hook(), "moved");
    }
    // The subnet of a shared network is the host project's.
    let mut world = World::article();
    world.share_network("host");
    let sim = lacking(world, "compute.subnetworks.use", SUBNETWORK);
    told("GCP-95", &Member::b(&sim).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_A));
}

/// A VIP that is reserved as an internal address takes a right of its own.
#[test]
fn a_reserved_vip_that_this_member_may_not_use() {
    let mut world = World::article();
    world.add_internal_address("vip", VIP.split('/').next().expect("an address"));
    let sim = lacking(world, "compute.addresses.useInternal", "vip");
    told("GCP-129", &Member::b(&sim).check());
    told("GCP-130", &dry(&Member::b(&sim)));
    sim.change(|world| world.allow("*", "compute.addresses.useInternal"));
    assert_outcome(&Member::b(&sim).check(), "ready");
    sim.change(|world| world.deny("*", "compute.addresses.list", None));
    told("GCP-131", &Member::b(&sim).check());
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

/// To read a VM and to list them are two rights.
#[test]
fn a_peer_that_may_be_listed_and_not_read_gives_everything_up() {
    let sim = lacking(World::article(), "compute.instances.get", VM_A);
    told("GCP-125", &Member::b(&sim).with(public()).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
    // A list that hangs takes no more than its share.
    let sim = lacking(World::article(), "compute.instances.get", VM_A);
    sim.faults().on(Rule { skip: 1, ..Rule::always("compute", "GET aggregated/instances", Fault::HangBefore) });
    told("GCP-125", &Member::b(&sim).hook());
}

/// Where nothing can be lost, Google decides, and its refusal says why.
#[test]
fn a_vip_of_a_stopped_peer_or_of_nobody_is_tried() {
    for stop in [true, false] {
        let mut world = World::article();
        if stop {
            world.stop_instance(VM_A);
        } else {
            world.unplace_alias(VIP);
        }
        let sim = lacking(world, "compute.subnetworks.use", SUBNETWORK);
        let report = Member::b(&sim).hook();
        told(if stop { "GCP-111" } else { "GCP-112" }, &report);
        assert!(writes(&sim).contains(&format!("{PATCH} {VM_B}")), "{report:#}");
        assert_eq!(sim.log().iter().filter(|call| call.action == TEST).count(), 0);
        assert_error(&dry(&Member::b(&sim)), "not_moved", "denied");
    }
}

#[test]
fn questions_about_permissions_hold_no_move_up() {
    let faults = [
        Fault::error(403, "forbidden", "No."),
        Fault::error(503, "backendError", "later"),
        Fault::error(403, "rateLimitExceeded", "Rate Limit Exceeded"),
        Fault::HangBefore,
    ];
    for fault in faults {
        let sim = Simulator::start(World::article_with_public_ip());
        sim.faults().on(Rule::always("compute", TEST, fault));
        let begun = Instant::now();
        told("GCP-113", &Member::b(&sim).with(public()).hook());
        assert!(begun.elapsed() < Duration::from_millis(2_000), "{:?}", begun.elapsed());
    }
    // Something answers in Google's place, once.
    for stray in ["null", "", "{}", "[]", "<html>"] {
        let sim = Simulator::start(World::article());
        sim.faults().on(Rule::once("compute", TEST, Fault::Garbage(stray.into())));
        told("GCP-113", &Member::b(&sim).hook());
    }
    // Who takes nothing from anybody asks nothing.
    let sim = Simulator::start(World::article());
    assert_outcome(&Member::a(&sim).hook(), "already_held");
    assert_outcome(&Member::a(&sim).release(), "released");
    assert_eq!(sim.log().iter().filter(|call| call.action == TEST).count(), 0);
}

/// The peer keeps the VIP's public address, and this member its own.
#[test]
fn a_public_address_that_this_member_may_not_have_stays_where_it_is() {
    for (permission, resource) in [
        ("compute.addresses.use", PUBLIC_IP),
        ("compute.subnetworks.useExternalIp", SUBNETWORK),
        ("compute.instances.addAccessConfig", VM_B),
        ("compute.instances.deleteAccessConfig", VM_B),
    ] {
        let mut world = World::article_with_public_ip();
        world.set_access_config(VM_B, "External NAT", None);
        let own = world.access_configs(VM_B);
        let sim = lacking(world, permission, resource);
        let replace = json!({ "gcp": { "replaceAccessConfig": true } });
        let member = Member::b(&sim).with(public()).with(replace);
        assert_error(&dry(&member), "not_moved", "denied");
        let report = member.hook();
        told("GCP-97", &report);
        assert_message(&report, permission);
        assert_eq!(sim.world().public_holder_of(PUBLIC_IP).as_deref(), Some(VM_A), "{permission}");
        assert_eq!(sim.world().access_configs(VM_B), own, "{permission}");
        assert_eq!(sim.world().access_configs(VM_A)[0]["natIP"], PUBLIC_ADDRESS);
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B), "{permission}");
    }
}

#[test]
fn a_dry_run_knows_of_an_access_scope_that_allows_no_change() {
    for (world, overlay) in [
        (World::article(), json!({})),
        (World::routes(), json!({ "vip": cloudsim::gcp::ROUTED_VIP, "gcp": { "mechanism": "route" } })),
    ] {
        let mut world = world;
        world.set_scopes(VM_B, &["https://www.googleapis.com/auth/compute.readonly"]);
        world.set_service_account(VM_B, "backup@mirror-demo.iam.gserviceaccount.com");
        let sim = Simulator::start(world);
        let member = Member::b(&sim).with(overlay);
        told("GCP-98", &dry(&member));
        assert_error(&member.hook(), "not_moved", "denied");
    }
}

/// A public address does not wait for what only the private one lacks.
#[test]
fn a_public_address_comes_where_only_the_private_one_may_not() {
    let sim = lacking(World::article_with_public_ip(), "compute.instances.updateNetworkInterface", VM_B);
    let report = Member::b(&sim).with(public()).hook();
    told("GCP-114", &report);
    let world = sim.world();
    let holders = (world.holder_of(VIP), world.public_holder_of(PUBLIC_IP));
    assert_eq!(holders, (Some(VM_A.to_owned()), Some(VM_B.to_owned())), "{report:#}");
}
