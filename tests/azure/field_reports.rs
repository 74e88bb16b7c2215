//! What people met on this cloud, as docs/field-reports.md lists it. The page says what each report has to be.

use super::{Member, common::*, writes};
use crate::common::field_reports::told;
use cloudsim::azure::{
    ADDRESS_B, NIC_A, NIC_B, OTHER_RESOURCE_GROUP, PUBLIC_IP, RESOURCE_GROUP, ROUTE_TABLE, ROUTE_TABLE_2, Simulator,
    VIP, VIP_CONFIG, VM_B, World,
};
use cloudsim::{Call, Fault, Rule};
use serde_json::{Value, json};
use std::time::{Duration, Instant};

/// Three VIPs in each of two route tables.
const ROUTED: [&str; 3] = ["10.1.0.254/32", "10.1.0.253/32", "10.1.0.252/32"];

fn routed(world: &World) -> Value {
    let second = world.id(OTHER_RESOURCE_GROUP, "Microsoft.Network/routeTables", ROUTE_TABLE_2);
    let vips: Vec<Value> = [VIP_CONFIG, "vip2", "vip3"]
        .iter()
        .zip(ROUTED)
        .map(|(name, address)| json!({ "address": address, "name": name }))
        .collect();
    json!({ "vip": vips, "azure": { "mechanism": "route", "routeTables": [ROUTE_TABLE, second] } })
}

/// How many of the VIPs a table routes to the second member.
fn routes_to_b(sim: &Simulator, table: &str) -> usize {
    let world = sim.world();
    let routes = world.route_table(table).expect("a table")["properties"]["routes"].as_array().expect("routes").clone();
    routes.iter().filter(|route| route["properties"]["nextHopIpAddress"] == ADDRESS_B).count()
}

fn puts_of(sim: &Simulator, table: &str) -> Vec<Call> {
    let of_table = |call: &Call| call.action == "PUT routes" && call.target.starts_with(&format!("{table}/"));
    sim.log().into_iter().filter(of_table).collect()
}

#[test]
fn the_routes_of_a_table_are_written_in_series_and_the_tables_side_by_side() {
    let sim = Simulator::start(World::routes());
    sim.operations().duration(Duration::from_millis(400));
    let begun = Instant::now();
    let report = Member::b(&sim).with(routed(&sim.world())).hook();
    told("AZ-1", &report);
    assert_eq!([ROUTE_TABLE, ROUTE_TABLE_2].map(|table| routes_to_b(&sim, table)), [3, 3]);
    // Nothing is refused: one write of each VIP and table.
    assert_eq!(writes(&sim).len(), 6, "{:?}", writes(&sim));
    assert!(begun.elapsed() < Duration::from_secs(5), "{:?}", begun.elapsed());
    let [first, second] = [ROUTE_TABLE, ROUTE_TABLE_2].map(|table| puts_of(&sim, table)[0].started);
    assert!(first.max(second) - first.min(second) < Duration::from_millis(300), "side by side");
}

/// Azure says eleven seconds, and is free after one.
#[test]
fn a_table_that_somebody_else_writes_is_tried_at_our_own_pace() {
    let sim = Simulator::start(World::routes());
    sim.operations().duration_of(&format!("{ROUTE_TABLE}/{VIP_CONFIG}"), Duration::from_secs(1));
    let mut other = routed(&sim.world());
    other["azure"]["routeTables"] = json!([ROUTE_TABLE]);
    let mut first = other.clone();
    first["vip"] = json!([first["vip"][0]]);
    let begun = Instant::now();
    let report = std::thread::scope(|scope| {
        let earlier = scope.spawn(|| Member::a(&sim).with(first).release());
        while puts_or_deletes(&sim) == 0 {
            std::thread::yield_now();
        }
        other["vip"] = json!([{ "address": ROUTED[1], "name": "vip2" }]);
        let report = Member::b(&sim).with(other).hook();
        assert_outcome(&earlier.join().expect("no panic"), "released");
        report
    });
    told("AZ-2", &report);
    assert!(begun.elapsed() < Duration::from_secs(6), "{:?}", begun.elapsed());
    let refused = sim.log().iter().filter(|call| call.status == 429).count();
    assert!(refused > 0, "nothing collided");
}

fn puts_or_deletes(sim: &Simulator) -> usize {
    sim.log().iter().filter(|call| call.action.ends_with(" routes") && call.ended.is_some()).count()
}

#[test]
fn a_table_that_cannot_be_read_or_written_holds_no_other_up() {
    let sim = Simulator::start(World::routes());
    let (hangs, denied) = (
        Fault::HangBefore,
        Fault::error(
            403,
            "AuthorizationFailed",
            "The client 'c' does not have authorization to perform action 'Microsoft.Network/routeTables/routes/write' over scope '/subscriptions/s/rt2' or the scope is invalid.",
        ),
    );
    for (row, action, target, fault) in [
        ("AZ-3", "GET routeTables", ROUTE_TABLE_2, hangs.clone()),
        ("AZ-4", "PUT routes", "rt2/vip", denied),
        (
            "AZ-5",
            "GET routeTables",
            ROUTE_TABLE_2,
            Fault::error(404, "ResourceNotFound", "The Resource was not found."),
        ),
    ] {
        sim.change(|world| *world = World::routes());
        sim.clear_log();
        sim.faults().clear();
        sim.faults().on(Rule { target: Some(target), ..Rule::always("arm", action, fault) });
        let report = Member::b(&sim).with(routed(&sim.world())).hook();
        told(row, &report);
        assert_eq!(routes_to_b(&sim, ROUTE_TABLE), 3, "{row}: {report:#}");
        let begun = sim.log()[0].started;
        let last = puts_of(&sim, ROUTE_TABLE).iter().filter_map(|call| call.ended).max().expect("an answer");
        assert!(last - begun < Duration::from_secs(4), "{row}: the other table waited for {:?}", last - begun);
    }
}

#[test]
fn a_vip_whose_name_stands_for_something_else_holds_no_other_vip_up() {
    let sim = Simulator::start(World::routes());
    sim.change(|world| world.set_route(ROUTE_TABLE, "vip2", "172.16.0.0/12", "10.0.0.77"));
    let report = Member::b(&sim).with(routed(&sim.world())).hook();
    told("AZ-6", &report);
    assert_eq!(routes_to_b(&sim, ROUTE_TABLE), 2, "{report:#}");
    assert_eq!(routes_to_b(&sim, ROUTE_TABLE_2), 3, "{report:#}");
}

const SECOND: &str = "10.0.0.250";

/// The VIP and another one, which is with nobody.
fn two_vips() -> Value {
    json!({ "vip": [VIP, { "address": SECOND, "name": "vip2" }] })
}

fn on(target: &'static str, action: &'static str, fault: Fault) -> Rule<'static> {
    Rule { target: Some(target), ..Rule::always("arm", action, fault) }
}

/// When an address arrived at the second member's interface, by the log.
fn second_vip_is_here_by(sim: &Simulator, time: Duration) {
    assert_eq!(sim.world().holder_of(SECOND).as_deref(), Some(NIC_B));
    let first = sim.log()[0].started;
    let put = sim.log().into_iter().find(|call| {
        call.action == "PUT networkInterfaces"
            && call.target == NIC_B
            && call.params.iter().any(|(_, value)| value.contains(SECOND))
    });
    let took = put.expect("a write with the second VIP").started - first;
    assert!(took < time, "the other VIP waited for {took:?}");
}

#[test]
fn a_peer_that_cannot_be_written_keeps_its_own_vip_and_no_other() {
    let another = "Another operation on this or dependent resource is in progress.";
    for (row, fault) in [
        (
            "AZ-7",
            Fault::error(
                403,
                "AuthorizationFailed",
                "The client 'c' does not have authorization to perform action 'Microsoft.Network/networkInterfaces/write' over scope '/s/mirrora290_z1' or the scope is invalid.",
            ),
        ),
        ("AZ-8", Fault::error(409, "AnotherOperationInProgress", another)),
        ("AZ-9", Fault::error(429, "RetryableErrorDueToAnotherOperation", another)),
        ("AZ-10", Fault::error(409, "OperationNotAllowed", "Operation is not allowed now.")),
        ("AZ-11", Fault::HangBefore),
    ] {
        let sim = Simulator::start(World::article());
        sim.faults().on(on(NIC_A, "PUT networkInterfaces", fault));
        let begun = Instant::now();
        let report = Member::b(&sim).with(two_vips()).with(json!({ "deadlineSeconds": 5 })).hook();
        told(row, &report);
        assert!(begun.elapsed() < Duration::from_secs(6), "{row}: {:?}", begun.elapsed());
        second_vip_is_here_by(&sim, Duration::from_millis(1500));
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A), "{row}");
    }
}

#[test]
fn a_peer_whose_operation_hangs_keeps_its_own_vip_and_no_other() {
    let sim = Simulator::start(World::article());
    sim.operations().hang(NIC_A);
    let report = Member::b(&sim).with(two_vips()).with(json!({ "deadlineSeconds": 5 })).hook();
    told("AZ-12", &report);
    second_vip_is_here_by(&sim, Duration::from_millis(1500));
    // So does a repeat, to which both look free.
    sim.change(|world| world.unplace(NIC_B, "vip2"));
    sim.clear_log();
    let report = Member::b(&sim).with(two_vips()).with(json!({ "deadlineSeconds": 5 })).hook();
    told("AZ-13", &report);
    second_vip_is_here_by(&sim, Duration::from_millis(1500));
    sim.operations().let_go(NIC_A);
    assert_outcome(&Member::b(&sim).with(two_vips()).hook(), "moved");
}

#[test]
fn a_vip_of_a_stranger_or_of_a_load_balancer_holds_no_other_up() {
    let mut world = World::article();
    world.add_stranger(SECOND);
    let sim = Simulator::start(world);
    told("AZ-14", &Member::b(&sim).with(two_vips()).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
    let sim = Simulator::start(World::article());
    let front = sim.world().id(RESOURCE_GROUP, "Microsoft.Network/loadBalancers", "lb/frontendIPConfigurations/front");
    let own = sim.world().nic(NIC_B).expect("there")["id"].as_str().expect("an id").to_owned();
    let message = format!(
        "IP configuration {own}/ipConfigurations/vip2 is using the private IP address {SECOND} which is already allocated to resource {front}."
    );
    let refusal = Fault::error(400, "PrivateIPAddressIsAllocated", &message);
    sim.faults().on(Rule { times: 1, ..on(NIC_B, "PUT networkInterfaces", refusal) });
    sim.change(|world| world.unplace(NIC_A, VIP_CONFIG));
    told("AZ-15", &Member::b(&sim).with(two_vips()).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

fn in_state(nic: &str, state: &str) -> impl FnOnce(&mut World) {
    let (nic, state) = (nic.to_owned(), state.to_owned());
    move |world| world.nic_mut(&nic).expect("there")["properties"]["provisioningState"] = json!(state)
}

#[test]
fn an_interface_in_the_state_failed_holds_the_vip_all_the_same() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.change(in_state(NIC_A, "Failed"));
    told("AZ-16", &Member::a(&sim).status());
    told("AZ-16", &Member::a(&sim).with(json!({ "azure": { "publicIp": PUBLIC_IP } })).status());
    told("AZ-17", &Member::a(&sim).check());
    assert!(writes(&sim).is_empty());
    let report = Member::b(&sim).status();
    told("AZ-18", &report);
    // A takeover puts it in order, and says that nothing has moved.
    let report = Member::a(&sim).hook();
    told("AZ-19", &report);
    assert_eq!((report["holderBefore"].as_str(), report["holder"].as_str()), (Some(NIC_A), Some(NIC_A)));
    assert!(sim.world().is_settled(NIC_A));
}

#[test]
fn an_interface_that_somebody_updates_is_told_without_waiting() {
    let sim = Simulator::start(World::article());
    for (nic, row, check) in [(NIC_A, "AZ-20", "AZ-21"), (NIC_B, "AZ-22", "AZ-23")] {
        sim.change(|world| *world = World::article());
        sim.change(in_state(nic, "Updating"));
        let begun = Instant::now();
        let short = json!({ "deadlineSeconds": 6 });
        told(row, &Member::a(&sim).with(short.clone()).status());
        told(check, &Member::a(&sim).with(short).check());
        assert!(begun.elapsed() < Duration::from_secs(2), "{:?}", begun.elapsed());
    }
    // A takeover waits for its own interface, and says which it is.
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook();
    told("AZ-24", &report);
    assert!(writes(&sim).is_empty(), "{:?}", writes(&sim));
}

#[test]
fn a_peer_that_is_deleted_is_not_written() {
    let sim = Simulator::start(World::article());
    sim.change(in_state(NIC_A, "Deleting"));
    sim.faults().before("PUT networkInterfaces", 1, Box::new(|world| world.nics.retain(|nic| nic["name"] != NIC_A)));
    let report = Member::b(&sim).with(json!({ "deadlineSeconds": 4 })).hook();
    told("AZ-25", &report);
    assert_eq!(writes(&sim), [format!("PUT networkInterfaces {NIC_B}")]);
    // Its machine is being deleted, and Azure says so when the operation ends.
    let sim = Simulator::start(World::article());
    sim.operations().rolls_back(true);
    for _ in 0..9 {
        sim.operations().fail_next(NIC_A, "OperationNotAllowed", "Operation 'startTenantUpdate' is not allowed on VM 'mirrora290' since the VM is marked for deletion. You can only retry the Delete operation (or wait for an ongoing one to complete).");
    }
    told("AZ-26", &Member::b(&sim).with(json!({ "deadlineSeconds": 20 })).hook());
}

/// A pool, a NAT rule and a public address that the configuration does not name.
fn with_settings() -> (World, Vec<String>) {
    let mut world = World::article_with_public_ip();
    let ids: Vec<String> = ["lb/backendAddressPools/iris", "lb/inboundNatRules/iris"]
        .iter()
        .map(|name| world.id(RESOURCE_GROUP, "Microsoft.Network/loadBalancers", name))
        .chain([world.id(RESOURCE_GROUP, "Microsoft.Network/applicationGateways", "ag/backendAddressPools/iris")])
        .collect();
    world.others.extend(ids.iter().cloned());
    let nic = world.nic_mut(NIC_A).expect("there");
    let entries = nic["properties"]["ipConfigurations"].as_array_mut().expect("a list");
    let vip = entries.iter_mut().find(|entry| entry["name"] == VIP_CONFIG).expect("the VIP");
    vip["properties"]["loadBalancerBackendAddressPools"] = json!([{ "id": ids[0] }]);
    vip["properties"]["loadBalancerInboundNatRules"] = json!([{ "id": ids[1] }]);
    vip["properties"]["applicationGatewayBackendAddressPools"] = json!([{ "id": ids[2] }]);
    (world, ids)
}

fn all_settings_came(sim: &Simulator, ids: &[String]) {
    let world = sim.world();
    let entry = world.ip_config(NIC_B, VIP_CONFIG).expect("the VIP").to_string();
    for id in ids {
        assert!(entry.contains(id.as_str()), "{id} is lost: {entry}");
    }
    assert_eq!(world.public_holder_of(PUBLIC_IP).as_deref(), Some(NIC_B));
}

#[test]
fn what_the_entry_carries_comes_along_through_races_and_long_operations() {
    let (world, ids) = with_settings();
    // The own write comes too late once.
    let raced = Fault::error(412, "PreconditionFailed", "Precondition failed.");
    let sim = Simulator::start(world.clone());
    sim.faults().on(Rule { times: 1, ..on(NIC_B, "PUT networkInterfaces", raced) });
    told("AZ-27", &Member::b(&sim).hook());
    all_settings_came(&sim, &ids);
    // The peer gives it up by itself before our write arrives.
    let sim = Simulator::start(world.clone());
    sim.faults().before("PUT networkInterfaces", 1, Box::new(|world| world.unplace(NIC_A, VIP_CONFIG)));
    told("AZ-28", &Member::b(&sim).hook());
    all_settings_came(&sim, &ids);
    // The peer's operation takes longer than half of the time, and the next call carries on.
    let sim = Simulator::start(world);
    sim.operations().duration_of(NIC_A, Duration::from_millis(2600));
    let first = Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook();
    assert_eq!(first["ok"], false, "{first:#}");
    let request = json!({ "reason": "retry", "resume": first["resume"] });
    told("AZ-29", &Member::b(&sim).call(ACQUIRE, request));
    all_settings_came(&sim, &ids);
}

#[test]
fn what_cannot_come_along_is_a_warning_and_keeps_nobody() {
    for (row, action) in [
        ("AZ-30", "Microsoft.Network/loadBalancers/backendAddressPools/join/action"),
        ("AZ-31", "Microsoft.Network/publicIPAddresses/join/action"),
    ] {
        let (mut world, _) = with_settings();
        world.deny(VM_B, action, None);
        let sim = Simulator::start(world);
        told(row, &Member::b(&sim).hook());
        let world = sim.world();
        assert_eq!(world.holder_of(VIP).as_deref(), Some(NIC_B));
        let entry = world.ip_config(NIC_B, VIP_CONFIG).expect("the VIP").to_string();
        assert!(entry.contains("inboundNatRules/iris"), "the rest comes: {entry}");
    }
}

#[test]
fn the_vip_joins_the_groups_of_its_new_interface() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    world.join_group(NIC_A, "db");
    world.join_group(NIC_B, "web");
    let sim = Simulator::start(world);
    told("AZ-32", &Member::b(&sim).check());
    told("AZ-33", &Member::b(&sim).hook());
}

#[test]
fn errors_are_told_by_what_they_mean() {
    let failed = "Cannot proceed with operation because resource /subscriptions/s/resourceGroups/rg/providers/Microsoft.Network/loadBalancers/lb used by resource /subscriptions/s/x is not in Succeeded state. Resource is in Failed state and the last operation that updated/is updating the resource is PutLoadBalancerOperation.";
    let policy = "Resource 'mirrora290_z1' was disallowed by policy. Policy identifiers: '[{\"policyAssignment\":{\"name\":\"No new addresses\"}}]'.";
    for (row, status, code, message, most) in [
        ("AZ-34", 429, "RetryableError/ReferencedResourceNotProvisioned", failed, 1),
        ("AZ-35", 403, "RequestDisallowedByPolicy", policy, 1),
        ("AZ-36", 404, "SubscriptionNotFound", "The subscription 's' could not be found.", 1),
        (
            "AZ-37",
            403,
            "LinkedAuthorizationFailed",
            "The client 'c' has permission to perform action 'Microsoft.Network/networkInterfaces/write' on scope '/s/nic'; however, it does not have permission to perform action(s) 'Microsoft.Network/networkSecurityGroups/join/action' on the linked scope(s) '/s/mirror-nsg' (respectively).",
            1,
        ),
    ] {
        let sim = Simulator::start(World::article());
        sim.faults().on(on(NIC_A, "PUT networkInterfaces", Fault::error(status, code, message)));
        told(row, &Member::b(&sim).hook());
        assert_eq!(writes(&sim).len(), most, "{row}: {:?}", writes(&sim));
        assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
    }
    // While the resource is updated, it passes.
    let sim = Simulator::start(World::article());
    let busy = failed.replace("in Failed state", "in Updating state");
    let busy = Fault::error(429, "RetryableError/ReferencedResourceNotProvisioned", &busy);
    sim.faults().on(Rule { times: 2, ..on(NIC_A, "PUT networkInterfaces", busy) });
    told("AZ-38", &Member::b(&sim).hook());
}

#[test]
fn a_lock_is_named_and_a_repeat_makes_nothing_worse() {
    let mut world = World::article();
    let lock = world.nic(NIC_A).expect("there")["id"].as_str().expect("an id").to_owned();
    world.locks.push(lock);
    let sim = Simulator::start(world);
    told("AZ-39", &Member::b(&sim).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_A));
    // On the own interface, only its own write shows the lock.
    let mut world = World::article();
    let lock = world.nic(NIC_B).expect("there")["id"].as_str().expect("an id").to_owned();
    world.locks.push(lock);
    let sim = Simulator::start(world);
    told("AZ-59", &Member::b(&sim).check());
    told("AZ-40", &Member::b(&sim).hook());
    told("AZ-41", &Member::b(&sim).hook());
    sim.change(|world| world.locks.clear());
    assert_outcome(&Member::b(&sim).hook(), "moved");
}

#[test]
fn without_the_right_to_read_operations_a_warning_names_it() {
    let mut world = World::article();
    world.deny(VM_B, "Microsoft.Network/locations/operations/read", None);
    let sim = Simulator::start(world);
    told("AZ-42", &Member::b(&sim).hook());
    sim.change(|world| {
        world.unplace(NIC_B, VIP_CONFIG);
        world.place(VIP_CONFIG, VIP, NIC_A);
    });
    for _ in 0..9 {
        sim.operations().fail_next(NIC_B, "SubnetIsFull", "the subnet is full");
    }
    told("AZ-43", &Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook());
}

#[test]
fn a_public_address_that_does_not_fit_is_found_by_check_and_keeps_nobody() {
    let public = json!({ "azure": { "publicIp": PUBLIC_IP } });
    let mut world = World::article();
    let address = |world: &mut World| {
        world.public_ips.iter_mut().position(|address| address["name"] == PUBLIC_IP).expect("there")
    };
    let at = address(&mut world);
    world.public_ips[at]["zones"] = json!(["1"]);
    let sim = Simulator::start(world.clone());
    told("AZ-44", &Member::b(&sim).with(public.clone()).check());
    told("AZ-45", &Member::b(&sim).with(public.clone()).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
    world.public_ips[at]["zones"] = json!([]);
    world.public_ips[at]["sku"]["name"] = json!("Basic");
    let sim = Simulator::start(world);
    told("AZ-46", &Member::b(&sim).with(public.clone()).check());
    let denied = Fault::error(
        403,
        "RequestDisallowedByPolicy",
        &format!("Resource '{NIC_B}' was disallowed by policy. Policy identifiers: 'no public addresses'."),
    );
    let sim = Simulator::start(World::article());
    sim.faults().on(Rule { times: 1, ..on(NIC_B, "PUT networkInterfaces", denied) });
    told("AZ-47", &Member::b(&sim).with(public).hook());
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(NIC_B));
}

#[test]
fn the_identity_service_is_told_by_what_it_answers() {
    for (row, status) in [("AZ-48", 410), ("AZ-49", 429)] {
        let sim = Simulator::start(World::article());
        sim.faults().on(Rule::always("imds", "GET /metadata/identity/oauth2/token", Fault::error(status, "", "")));
        told(row, &Member::b(&sim).with(json!({ "deadlineSeconds": 2 })).hook());
    }
    let mut world = World::article();
    let vm = world.vm_mut(VM_B).expect("there");
    vm.identities.system = false;
    vm.identities.user = ["1", "2"].map(|end| format!("aaaaaaaa-0000-0000-0000-00000000000{end}")).to_vec();
    told("AZ-50", &Member::b(&Simulator::start(world)).hook());
}

#[test]
fn an_accepted_write_that_changes_nothing_is_told_after_a_few_rounds() {
    for (row, nic, most) in [("AZ-51", NIC_A, 2), ("AZ-52", NIC_B, 3)] {
        let sim = Simulator::start(World::article());
        sim.operations().ignore(nic);
        told(row, &Member::b(&sim).with(json!({ "deadlineSeconds": 20 })).hook());
        let accepted = sim
            .log()
            .into_iter()
            .filter(|call| call.action == "PUT networkInterfaces" && call.target == nic && call.status == 200);
        assert!(accepted.count() <= most, "{:?}", writes(&sim));
    }
}

#[test]
fn azure_asks_for_ten_seconds_and_the_end_is_seen_at_our_own_pace() {
    let sim = Simulator::start(World::article());
    sim.operations().duration(Duration::from_millis(700));
    sim.operations().retry_after(Some(10));
    let begun = Instant::now();
    told("AZ-53", &Member::b(&sim).hook());
    assert!(begun.elapsed() < Duration::from_secs(4), "{:?}", begun.elapsed());
}

#[test]
fn an_address_that_azure_frees_late_is_waited_for() {
    let mut world = World::article();
    world.unplace(NIC_A, VIP_CONFIG);
    let id = |nic: &str| world.nic(nic).expect("there")["id"].as_str().expect("an id").to_owned();
    let message = format!(
        "IP configuration {}/ipConfigurations/vip is using the private IP address {VIP} which is already allocated to resource {}/ipConfigurations/vip.",
        id(NIC_B),
        id(NIC_A)
    );
    let sim = Simulator::start(world);
    let refusal = Fault::error(400, "PrivateIPAddressIsAllocated", &message);
    sim.faults().on(Rule { times: 3, ..on(NIC_B, "PUT networkInterfaces", refusal.clone()) });
    told("AZ-54", &Member::b(&sim).hook());
    sim.change(|world| world.unplace(NIC_B, VIP_CONFIG));
    sim.faults().on(on(NIC_B, "PUT networkInterfaces", refusal));
    told("AZ-55", &Member::b(&sim).with(json!({ "deadlineSeconds": 3 })).hook());
}

/// All addresses left the old member, and nothing came to the new one.
#[test]
fn taken_off_the_peer_and_refused_here_is_finished_by_a_repeat() {
    let sim = Simulator::start(World::article());
    sim.operations().rolls_back(true);
    sim.operations().fail_next(NIC_B, "InternalServerError", "An error occurred.");
    told("AZ-56", &Member::b(&sim).hook());
    sim.operations().fail_next(NIC_A, "SubnetIsFull", "the subnet is full");
    told("AZ-57", &Member::a(&sim).hook());
    told("AZ-58", &Member::a(&sim).hook());
}
