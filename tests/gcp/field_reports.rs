//! What people met on this cloud, as docs/field-reports.md lists it. The page says what each report has to be.

mod again_and_again;
mod broken_holder;
mod gone;
mod in_use;
mod last_instant;
mod metadata;
mod outsiders;
mod rights;
mod room;
mod slow;
mod throttled;
mod told;
mod under_way;
mod unread;

use super::{Member, common::*, writes};
use crate::common::field_reports::told;
use cloudsim::gcp::{PUBLIC_IP, ROUTED_VIP, Simulator, VIP, VM_A, VM_B, World, ZONE_A};
use cloudsim::{Fault, Rule};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

const SECOND: &str = "10.0.0.252/32";
const THIRD: &str = "10.0.0.253/32";
const PATCH: &str = "PATCH updateNetworkInterface";

fn public() -> Value {
    json!({ "gcp": { "publicIp": PUBLIC_IP } })
}

/// The article's layout with a third member, which holds `THIRD`; nobody holds `SECOND`.
fn three_members() -> (Simulator, Value) {
    let mut world = World::article();
    world.add_instance("third", ZONE_A, "10.0.0.33");
    world.place_alias(THIRD, "third", None);
    let overlay = json!({ "vip": [VIP, SECOND, THIRD], "deadlineSeconds": 6,
        "gcp": { "instances": [VM_A, VM_B, "third"] } });
    (Simulator::start(world), overlay)
}

fn holders(sim: &Simulator) -> [Option<String>; 3] {
    [VIP, SECOND, THIRD].map(|vip| sim.world().holder_of(vip))
}

#[test]
fn a_peer_that_hangs_holds_up_its_own_vip_alone() {
    let (sim, overlay) = three_members();
    sim.operations().hang(VM_A);
    let report = Member::b(&sim).with(overlay.clone()).hook();
    told("GCP-3", &report);
    assert_eq!(holders(&sim), [VM_A, VM_B, VM_B].map(|vm| Some(vm.to_owned())), "{report:#}");
    // What was free came before anything left its holder.
    assert_eq!(writes(&sim)[0], format!("{PATCH} {VM_B}"));
    sim.operations().let_go(VM_A);
    assert_eq!(Member::b(&sim).with(overlay).hook()["ok"], true);

    // The peer's VM does not even accept the write.
    let (sim, overlay) = three_members();
    sim.faults().on(Rule { target: Some(VM_A), ..Rule::always("compute", PATCH, Fault::HangBefore) });
    let report = Member::b(&sim).with(overlay).hook();
    told("GCP-4", &report);
    assert_eq!(holders(&sim), [VM_A, VM_B, VM_B].map(|vm| Some(vm.to_owned())), "{report:#}");
}

/// What cannot be put here soon is not taken off its holder.
#[test]
fn nothing_leaves_a_healthy_peer_while_this_members_interface_takes_nothing() {
    let (sim, overlay) = three_members();
    sim.operations().hang(VM_B);
    let report = Member::b(&sim).with(overlay).hook();
    told("GCP-30", &report);
    assert_eq!(holders(&sim), [Some(VM_A.to_owned()), None, Some("third".to_owned())], "{report:#}");
}

#[test]
fn a_public_address_that_is_slow_does_not_hide_the_private_one() {
    let sim = Simulator::start(World::article());
    // addAccessConfig is the second operation on this member's VM.
    sim.operations().duration_of(VM_B, Duration::from_millis(2_400));
    let report = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 4 })).hook();
    told("GCP-5", &report);
    let parts = report["parts"].as_array().expect("parts");
    assert_eq!((&parts[0]["after"], &parts[1]["after"]), (&json!(VM_B), &json!(null)), "{report:#}");
    // The next call waits for the operation, and begins no other one.
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
    assert_eq!(writes(&sim).iter().filter(|write| write.starts_with("POST addAccessConfig")).count(), 1);
}

#[test]
fn a_peer_that_is_being_stopped_has_its_share_of_the_time_and_is_told() {
    let mut world = World::article();
    world.set_status(VM_A, "STOPPING");
    let sim = Simulator::start(world);
    let begun = Instant::now();
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 6 })).hook();
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
    told("GCP-6", &report);
    // Once it has stopped it gives its alias ranges up.
    sim.change(|world| world.stop_instance(VM_A));
    assert_outcome(&Member::b(&sim).hook(), "moved");

    // It holds nobody else up, and a state that comes after the first look is told as well.
    let (sim, overlay) = three_members();
    sim.faults().before(PATCH, 1, Box::new(|world| world.set_status(VM_A, "SUSPENDING")));
    let report = Member::b(&sim).with(overlay).hook();
    assert_error(&report, "partial", "unavailable");
    assert_message(&report, &format!("{VM_A} is SUSPENDING"));
    assert_eq!(holders(&sim), [VM_A, VM_B, VM_B].map(|vm| Some(vm.to_owned())), "{report:#}");
}

/// The peer's access config is the only place where the PTR record, its name and the edge security policy stand.
#[test]
fn what_the_access_config_has_comes_along_or_is_a_warning() {
    let settings = json!({ "name": "External NAT", "setPublicPtr": true, "publicPtrDomainName": "iris.example.com." });
    let start = |more: Value| {
        let mut world = World::article_with_public_ip();
        world.change_access_config(VM_A, &settings);
        world.change_access_config(VM_A, &more);
        Simulator::start(world)
    };
    let own = |sim: &Simulator| sim.world().access_configs(VM_B).pop().unwrap_or_default();
    let is_whole = |sim: &Simulator| {
        let fields = ["name", "setPublicPtr", "publicPtrDomainName"];
        fields.iter().all(|field| own(sim)[*field] == settings[*field])
    };
    let sim = start(json!({}));
    let report = Member::b(&sim).with(public()).hook();
    told("GCP-10", &report);
    assert!(is_whole(&sim) && report["severity"] == 0, "{:#} {report:#}", own(&sim));

    // A race after the deletion: the settings are on no interface any more.
    let sim = start(json!({}));
    sim.operations().in_use(cloudsim::gcp::InUse::Failed);
    sim.faults().on(Rule::once("compute", "POST addAccessConfig", Fault::error(409, "conflict", "Not now.")));
    assert_outcome(&Member::b(&sim).with(public()).hook(), "moved");
    assert!(is_whole(&sim), "{:#}", own(&sim));

    // Across two calls the report carries them.
    let sim = start(json!({}));
    let denied = Fault::error(403, "forbidden", "Required 'compute.instances.addAccessConfig' permission for 'it'");
    sim.faults().on(Rule::once("compute", "POST addAccessConfig", denied));
    let report = Member::b(&sim).with(public()).hook();
    assert_error(&report, "partial", "denied");
    let resume = json!({ "reason": "retry", "resume": report["resume"] });
    assert_outcome(&Member::b(&sim).with(public()).call(ACQUIRE, resume), "moved");
    assert!(is_whole(&sim), "{:#}", own(&sim));

    let sim = start(
        json!({ "securityPolicy": "https://www.googleapis.com/compute/v1/projects/p/regions/r/securityPolicies/edge" }),
    );
    let check = Member::b(&sim).with(public()).check();
    assert_outcome(&check, "ready_with_warnings");
    told("GCP-11", &Member::b(&sim).with(public()).hook());
    assert!(is_whole(&sim), "{:#}", own(&sim));

    // The domain was verified for the other member's service account alone.
    let sim = start(json!({}));
    sim.change(|world| world.unverified_domains.push("example.com.".into()));
    told("GCP-12", &Member::b(&sim).with(public()).hook());
    assert_eq!((&own(&sim)["name"], &own(&sim)["setPublicPtr"]), (&settings["name"], &json!(null)));
}

#[test]
fn an_access_config_that_comes_back_is_told_after_two_rounds() {
    let mut world = World::article();
    world.set_access_config(VM_B, "External NAT", None);
    world.restored_access_configs.push(VM_B.into());
    let sim = Simulator::start(world);
    let begun = Instant::now();
    let replace = json!({ "gcp": { "replaceAccessConfig": true } });
    let report = Member::b(&sim).with(public()).with(replace).hook();
    assert!(begun.elapsed() < Duration::from_secs(3), "{:?}", begun.elapsed());
    told("GCP-9", &report);
    let deletions = writes(&sim).iter().filter(|write| write.starts_with("POST deleteAccessConfig")).count();
    assert_eq!((deletions, sim.world().holder_of(VIP).as_deref()), (2, Some(VM_B)), "{:?}", writes(&sim));
}

/// From the moment in which the own access config is gone, nothing answers.
#[test]
fn an_address_that_was_the_only_way_to_the_api_is_told_with_the_way_back() {
    let mut world = World::article();
    world.set_access_config(VM_B, "External NAT", None);
    world.set_service_account(VM_B, "backup@mirror-demo.iam.gserviceaccount.com");
    world.api_needs_an_access_config = true;
    let sim = Simulator::start(world);
    let replace = json!({ "deadlineSeconds": 6, "gcp": { "replaceAccessConfig": true } });
    let report = Member::b(&sim).with(public()).with(replace).hook();
    told("GCP-8", &report);
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
    assert!(sim.world().access_configs(VM_B).is_empty(), "{report:#}");
}

#[test]
fn a_write_that_is_accepted_and_lost_is_told_as_such() {
    for (vm, id) in [(VM_B, "GCP-25"), (VM_A, "GCP-26")] {
        let mut world = World::article();
        world.ignored_aliases.push(vm.into());
        let sim = Simulator::start(world);
        let begun = Instant::now();
        let report = Member::b(&sim).with(json!({ "deadlineSeconds": 8 })).hook();
        told(id, &report);
        assert!(begun.elapsed() < Duration::from_secs(9), "{:?}", begun.elapsed());
    }
}

/// Nobody had the address before: a repeat would meet the same policy.
#[test]
fn a_policy_of_the_organisation_is_named() {
    for (policy, id) in [(cloudsim::gcp::Policy::Refused, "GCP-1"), (cloudsim::gcp::Policy::Failed, "GCP-2")] {
        let mut world = World::article();
        world.external_ip_access = Some(vec![VM_A.into()]);
        let sim = Simulator::start(world);
        sim.operations().policy(policy);
        told(id, &Member::b(&sim).with(public()).hook());
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
    }
}

#[test]
fn a_refusal_is_told_by_its_meaning() {
    let perimeter = "Request is prohibited by organization's policy. vpcServiceControlsUniqueIdentifier: x";
    for (id, status, reason, message) in [
        ("GCP-14", 400, "failedPrecondition", "This cannot be done now."),
        ("GCP-15", 403, "forbidden", "This is not allowed here."),
        ("GCP-16", 403, "forbidden", perimeter),
        ("GCP-17", 403, "quotaExceeded", "Quota 'ALIASES_PER_NETWORK' exceeded. Limit: 15000.0 globally."),
    ] {
        let sim = Simulator::start(World::article());
        sim.faults().on(Rule::always("compute", PATCH, Fault::error(status, reason, message)));
        told(id, &Member::b(&sim).hook());
    }
    let mut world = World::article();
    world.api_is_off = true;
    told("GCP-18", &Member::b(&Simulator::start(world)).hook());
    // A rate passes.
    let sim = Simulator::start(World::article());
    sim.faults().on(Rule::once("compute", PATCH, Fault::error(403, "rateLimitExceeded", "Rate Limit Exceeded")));
    told("GCP-19", &Member::b(&sim).hook());
    let sim = Simulator::start(World::article());
    sim.faults().on(Rule::always("compute", PATCH, Fault::error(403, "rateLimitExceeded", "Rate Limit Exceeded")));
    told("GCP-20", &Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook());
}

/// The list is optional, whatever the server makes of its parameter.
#[test]
fn a_parameter_that_google_has_dropped_does_not_make_a_passing_failure_final() {
    let mut world = World::article();
    world.unknown_parameters.push("returnPartialSuccess".into());
    for status in [503, 500, 429] {
        let sim = Simulator::start(world.clone());
        let passing = Fault::error(status, "backendError", "later");
        sim.faults().on(Rule::once("compute", "GET aggregated/instances", passing));
        told("GCP-13", &Member::b(&sim).hook());
    }
}

/// A list of operations that nobody answers is a step of the report, and no more.
#[test]
fn a_list_of_operations_without_an_answer_costs_next_to_nothing() {
    for mechanism in ["aliasIp", "route"] {
        let world = if mechanism == "route" { World::routes() } else { World::article() };
        let sim = Simulator::start(world);
        sim.faults().on(Rule::always("compute", "GET operations list", Fault::HangBefore));
        let vip = if mechanism == "route" { ROUTED_VIP } else { VIP };
        let begun = Instant::now();
        let report = Member::b(&sim).with(json!({ "vip": vip, "gcp": { "mechanism": mechanism } })).hook();
        assert!(begun.elapsed() < Duration::from_millis(900), "{mechanism}: {:?}", begun.elapsed());
        told("GCP-27", &report);
        let call = if mechanism == "route" { "compute:globalOperations.list" } else { "compute:zoneOperations.list" };
        assert!(steps(&report, call) >= 1, "{report:#}");
    }
}

/// Where no route of the table `local` has the range, the operating system drops what arrives. The metadata say that this process
/// runs on the VM: the VM's own address is this machine's.
#[test]
fn an_alias_that_the_operating_system_does_not_accept_is_a_warning() {
    let mut world = World::article();
    world.instance_mut(VM_B).expect("there")["networkInterfaces"][0]["networkIP"] = json!("127.0.0.1");
    let sim = Simulator::start(world);
    told("GCP-7", &Member::b(&sim).hook());
    let is_warned = |report: &Value| report["warnings"].to_string().contains("vipNotLocal");
    assert!(is_warned(&Member::b(&sim).status()) && is_warned(&Member::b(&sim).hook()));
    assert_outcome(&Member::b(&sim).check(), "ready_with_warnings");
    // A member that does not hold the VIP needs no route.
    assert_outcome(&Member::a(&sim).hook(), "moved");
    assert!(!is_warned(&Member::b(&sim).status()));
    // A process with a network of its own cannot tell.
    let report = Member::a(&sim).check();
    let items = report["checks"].as_array().expect("checks");
    let item = items.iter().find(|item| item["name"] == "vipNotLocal").expect("an item");
    assert_eq!(item["result"], "skipped", "{report:#}");
}

#[test]
fn what_mirrorvip_does_not_support_is_told_as_ours() {
    let sim = Simulator::start(World::routes());
    let report = Member::b(&sim).with(json!({ "vip": "fd00::1", "gcp": { "mechanism": "route" } })).hook();
    told("GCP-21", &report);
}

#[test]
fn what_was_right_stays_right() {
    // The VIP is reserved, as an internal address for VMs and alias ranges.
    let mut world = World::article();
    world.add_internal_address("vip", "10.0.0.250");
    let sim = Simulator::start(world);
    told("GCP-22", &Member::b(&sim).hook());
    // All other ranges of both interfaces stay, those from secondary ranges included.
    told("GCP-23", &Member::a(&sim).hook());
    assert_eq!(sim.world().without_vip(VM_A), World::article().without_vip(VM_A));
    assert_eq!(sim.world().without_vip(VM_B), World::article().without_vip(VM_B));
    // Its address has the tier STANDARD, and the access config must have it as well.
    let mut world = World::article_with_public_ip();
    world.addresses[0]["networkTier"] = json!("STANDARD");
    world.change_access_config(VM_A, &json!({ "networkTier": "STANDARD" }));
    let sim = Simulator::start(world);
    told("GCP-24", &Member::b(&sim).with(public()).hook());
    assert_eq!(sim.world().access_configs(VM_B)[0]["networkTier"], "STANDARD");
}

/// Google does not route what it has reserved for subnets, and mirrorvip does not know all of that.
#[test]
fn a_route_over_reserved_space_is_told_with_what_to_choose() {
    let hides = "The destination range 10.1.0.250/32 hides the address space of the network (10.1.0.0/24).";
    let mut world = World::routes();
    world.remove_route("vip");
    let sim = Simulator::start(world.clone());
    sim.faults().on(Rule::always("compute", "POST routes", Fault::error(400, "invalid", hides)));
    let route = |vip: &str| json!({ "vip": vip, "gcp": { "mechanism": "route" } });
    told("GCP-28", &Member::b(&sim).with(route(ROUTED_VIP)).hook());
    // An auto mode network keeps a range for its subnets. That is known before anything is written.
    world.networks[0]["autoCreateSubnetworks"] = json!(true);
    let sim = Simulator::start(world);
    told("GCP-29", &Member::b(&sim).with(route("10.132.0.250/32")).hook());
    assert!(writes(&sim).is_empty());
    assert_outcome(&Member::b(&sim).with(route("10.132.0.250/32")).check(), "not_ready");
    assert_outcome(&Member::b(&sim).with(route(ROUTED_VIP)).hook(), "moved");
}

/// The alias moves at once, although nobody tells where the public address is.
#[test]
fn a_public_address_that_nobody_tells_holds_no_alias_up() {
    for (row, fault) in [
        ("GCP-31", Fault::HangBefore),
        ("GCP-32", Fault::error(403, "forbidden", "Required 'compute.addresses.get' permission for 'isc-mirror'")),
    ] {
        let sim = Simulator::start(World::article());
        sim.faults().on(Rule::always("compute", "GET addresses", fault));
        let report = Member::b(&sim).with(public()).with(json!({ "deadlineSeconds": 8 })).hook();
        told(row, &report);
        let log = sim.log();
        let begun = log.iter().map(|call| call.started).min().expect("calls");
        let moved = log.iter().filter(|call| call.action == PATCH).map(|call| call.started).max();
        assert!(
            moved.is_some_and(|at| at - begun < Duration::from_millis(2_000)),
            "{row}: the alias waited: {moved:?}"
        );
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_B));
    }
    // One that is only slow comes as well.
    let sim = Simulator::start(World::article());
    sim.faults().on(Rule::once("compute", "GET addresses", Fault::Delay(Duration::from_millis(1_500))));
    told("GCP-33", &Member::b(&sim).with(public()).hook());
}
