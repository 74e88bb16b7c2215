//! Public addresses on network interfaces.

use super::super::{InUse, Policy};
use super::*;

fn vip_config() -> Value {
    json!({ "name": PUBLIC_IP, "type": "ONE_TO_ONE_NAT", "natIP": PUBLIC_ADDRESS })
}

#[test]
fn a_public_address_moves_in_two_steps() {
    let sim = Simulator::start(World::article_with_public_ip());
    let before = sim.world();
    assert_eq!(before.public_holder_of(PUBLIC_IP).as_deref(), Some(VM_A));
    let gone = delete_config(&sim, VM_A, PUBLIC_IP);
    assert_eq!(look(&sim, &gone).json()["operationType"], "deleteAccessConfig");
    assert_eq!(nic(&sim, VM_A).get("accessConfigs"), None);
    let added = add_config(&sim, VM_B, &vip_config());
    assert_eq!(look(&sim, &added).failure(), "");
    let after = sim.world();
    assert_eq!(after.public_holder_of(PUBLIC_IP).as_deref(), Some(VM_B));
    let config = &after.access_configs(VM_B)[0];
    assert_eq!((&config["name"], &config["networkTier"]), (&PUBLIC_IP.into(), &"PREMIUM".into()));
    for vm in [VM_A, VM_B] {
        assert_eq!(after.without_vip(vm), before.without_vip(vm));
    }
}

#[test]
fn an_interface_has_one_access_config() {
    let sim = article();
    sim.change(|world| world.set_access_config(VM_B, "external-nat", None));
    let reply = add_config(&sim, VM_B, &vip_config());
    assert_eq!(reply.outcome(), bad("badRequest"));
    assert_eq!(reply.message(), "At most one access config currently supported.");
    // One that is being deleted still counts.
    sim.operations().hang(VM_B);
    assert_eq!(delete_config(&sim, VM_B, "external-nat").status, 200);
    assert_eq!(add_config(&sim, VM_B, &vip_config()).outcome(), bad("badRequest"));
}

#[test]
fn a_wrong_name_is_accepted_and_does_nothing() {
    let sim = Simulator::start(World::article_with_public_ip());
    let reply = delete_config(&sim, VM_A, "external-nat");
    assert_eq!((reply.status, look(&sim, &reply).json().get("error")), (200, None));
    assert_eq!(sim.world(), World::article_with_public_ip());
    assert_eq!(delete_config(&sim, VM_B, PUBLIC_IP).status, 200);
    let nameless = compute(&sim, "POST", &format!("{}/deleteAccessConfig?networkInterface=nic0", at(VM_A)), None);
    assert_eq!(nameless.outcome(), bad("required"));
}

#[test]
fn an_address_that_is_in_use_is_refused_in_one_of_two_ways() {
    let sim = Simulator::start(World::article_with_public_ip());
    let refused = add_config(&sim, VM_B, &vip_config());
    assert_eq!(refused.status, 400);
    assert!(refused.message().contains("already in-use"), "{refused:?}");
    sim.operations().in_use(InUse::Failed);
    let accepted = add_config(&sim, VM_B, &vip_config());
    assert_eq!(accepted.status, 200);
    assert_eq!(look(&sim, &accepted).failure(), "IP_IN_USE_BY_ANOTHER_RESOURCE");
    assert_eq!(sim.world(), World::article_with_public_ip());
}

#[test]
fn an_address_must_be_reserved_in_the_region() {
    let sim = article();
    let with = |address: &str| add_config(&sim, VM_B, &json!({ "natIP": address }));
    let unknown = with("203.0.113.11");
    assert_eq!(unknown.outcome(), bad("invalid"));
    assert!(unknown.message().ends_with("address '203.0.113.11' was not found in region 'europe-west1'."));
    assert_eq!(with("mine").outcome(), bad("invalid"));
    sim.change(|world| world.add_internal_address("inside", "10.0.0.9"));
    assert_eq!(with("10.0.0.9").outcome(), bad("invalid"));
    let tier = json!({ "natIP": PUBLIC_ADDRESS, "networkTier": "STANDARD" });
    assert_eq!(add_config(&sim, VM_B, &tier).outcome(), bad("invalid"));
    assert_eq!(add_config(&sim, VM_B, &json!({ "type": "DIRECT_IPV6" })).outcome(), bad("invalid"));
    assert_eq!(add_config(&sim, VM_B, &json!({ "type": "NAT" })).outcome(), bad("badRequest"));
    assert!(sim.world().access_configs(VM_B).is_empty());
}

#[test]
fn without_an_address_there_is_an_ephemeral_one() {
    let sim = article();
    for vm in [VM_A, VM_B] {
        assert_eq!(add_config(&sim, vm, &json!({})).status, 200);
    }
    let configs = [VM_A, VM_B].map(|vm| sim.world().access_configs(vm)[0].clone());
    assert_eq!(configs[0]["name"], "External NAT");
    assert_ne!(configs[0]["natIP"], configs[1]["natIP"]);
    assert_eq!(sim.world().public_holder_of(PUBLIC_IP), None);
}

#[test]
fn a_policy_of_the_organisation_says_who_may_have_a_public_address() {
    let sim = article();
    sim.change(|world| world.external_ip_access = Some(vec![VM_A.into()]));
    let refused = add_config(&sim, VM_B, &vip_config());
    assert_eq!(refused.outcome(), (412, "conditionNotMet".into()));
    let start =
        "Constraint constraints/compute.vmExternalIpAccess violated for project 123456789012. Add instance projects/";
    assert!(refused.message().starts_with(start), "{refused:?}");
    sim.operations().policy(Policy::Failed);
    let accepted = add_config(&sim, VM_B, &vip_config());
    assert_eq!((accepted.status, look(&sim, &accepted).failure()), (200, "CONDITION_NOT_MET".into()));
    assert_eq!(sim.world().public_holder_of(PUBLIC_IP), None);
    let allowed = add_config(&sim, VM_A, &vip_config());
    assert_eq!(look(&sim, &allowed).failure(), "");
}

#[test]
fn a_ptr_record_is_kept_unless_its_domain_is_not_verified_and_a_policy_is_ignored() {
    let sim = article();
    let mut config = vip_config();
    config["setPublicPtr"] = true.into();
    config["publicPtrDomainName"] = "iris.example.com.".into();
    config["securityPolicy"] = "projects/p/regions/r/securityPolicies/edge".into();
    sim.change(|world| world.unverified_domains.push("example.com.".into()));
    let refused = add_config(&sim, VM_B, &config);
    assert_eq!(refused.outcome(), bad("invalid"));
    assert!(refused.message().contains("verify ownership of the PTR domain"), "{refused:?}");
    sim.change(|world| world.unverified_domains.clear());
    assert_eq!(look(&sim, &add_config(&sim, VM_B, &config)).failure(), "");
    let shown = &sim.world().access_configs(VM_B)[0];
    assert_eq!((&shown["setPublicPtr"], &shown["publicPtrDomainName"]), (&json!(true), &config["publicPtrDomainName"]));
    assert!(shown.get("securityPolicy").is_none());
}

#[test]
fn a_group_gives_its_instance_another_access_config() {
    let sim = article();
    sim.change(|world| {
        world.set_access_config(VM_B, "mine", None);
        world.restored_access_configs.push(VM_B.into());
    });
    assert_eq!(look(&sim, &delete_config(&sim, VM_B, "mine")).failure(), "");
    let names: Vec<Value> = sim.world().access_configs(VM_B).iter().map(|config| config["name"].clone()).collect();
    assert_eq!(names, ["External NAT"]);
}

#[test]
fn an_instance_between_two_states_takes_no_write() {
    let sim = Simulator::start(World::article_with_public_ip());
    for (state, accepted) in [("STOPPING", false), ("STAGING", false), ("TERMINATED", true), ("RUNNING", true)] {
        sim.change(|world| world.set_status(VM_A, state));
        let outcome = if accepted { ok() } else { bad("resourceNotReady") };
        assert_eq!(release(&sim).outcome(), outcome, "{state}");
        assert_eq!(delete_config(&sim, VM_A, "no-such-name").outcome(), outcome, "{state}");
    }
}

#[test]
fn a_write_of_aliases_may_be_lost() {
    let sim = article();
    sim.change(|world| world.ignored_aliases.push(VM_A.into()));
    assert_eq!(look(&sim, &release(&sim)).failure(), "");
    assert_eq!(sim.world().holder_of(VIP).as_deref(), Some(VM_A));
}

#[test]
fn without_an_access_config_nothing_answers_where_the_api_needs_one() {
    let sim = Simulator::start(World::article_with_public_ip());
    sim.change(|world| {
        world.set_service_account(VM_A, "first@mirror-demo.iam.gserviceaccount.com");
        world.api_needs_an_access_config = true;
    });
    assert_eq!(get(&sim, VM_A)["name"], VM_A);
    sim.change(|world| world.remove_access_configs(VM_A));
    assert!(try_compute(&sim, "GET", &at(VM_A), "").is_none());
}
