//! Alias ranges, all of them at once.

use super::super::{ADDRESS_A, ADDRESS_B, OTHER_ALIAS_A, OTHER_ALIAS_B, SECONDARY_RANGE};
use super::*;

fn ranges(list: &[(&str, Option<&str>)]) -> Value {
    list.iter()
        .map(|(cidr, name)| match name {
            Some(name) => json!({ "ipCidrRange": cidr, "subnetworkRangeName": name }),
            None => json!({ "ipCidrRange": cidr }),
        })
        .collect()
}

#[test]
fn a_move_in_two_steps_changes_nothing_else() {
    let sim = article();
    let before = sim.world();
    assert_eq!(before.holder_of("10.0.0.250").as_deref(), Some(VM_A));
    assert_eq!(before.aliases(VM_A), [OTHER_ALIAS_A, VIP]);
    let taken = release(&sim);
    assert_eq!((taken.status, &taken.json()["status"]), (200, &"RUNNING".into()));
    assert_eq!(look(&sim, &taken).json()["status"], "DONE");
    assert_eq!(sim.world().holder_of(VIP), None);
    let given = claim(&sim);
    assert_eq!(look(&sim, &given).failure(), "");
    let after = sim.world();
    assert_eq!(after.holder_of(VIP).as_deref(), Some(VM_B));
    assert_eq!(after.aliases(VM_B), [OTHER_ALIAS_B, VIP]);
    for vm in [VM_A, VM_B] {
        assert_eq!(after.without_vip(vm), before.without_vip(vm));
        assert_ne!(after.instance(vm).unwrap()["fingerprint"], before.instance(vm).unwrap()["fingerprint"]);
    }
}

#[test]
fn what_is_left_out_stays_and_what_is_empty_goes() {
    let sim = article();
    let fingerprint = nic(&sim, VM_A)["fingerprint"].clone();
    let trap = update(&sim, VM_A, &json!({ "fingerprint": fingerprint }));
    let done = look(&sim, &trap).json();
    assert_eq!((trap.status, &done["status"], done.get("error")), (200, &"DONE".into(), None));
    assert_eq!(sim.world(), World::article());
    let empty = set_aliases(&sim, VM_A, &json!([]));
    assert_eq!(look(&sim, &empty).failure(), "");
    assert!(sim.world().aliases(VM_A).is_empty());
    assert_eq!(nic(&sim, VM_A).get("aliasIpRanges"), None);
}

#[test]
fn a_fingerprint_is_needed_and_must_be_the_last_one() {
    let sim = article();
    let with = |fingerprint: &Value| update(&sim, VM_A, &json!({ "aliasIpRanges": [], "fingerprint": fingerprint }));
    let none = update(&sim, VM_A, &json!({ "aliasIpRanges": [] }));
    assert_eq!(none.outcome(), bad("required"));
    assert_eq!(none.message(), "Required field 'resource.fingerprint' not specified");
    let old = nic(&sim, VM_A)["fingerprint"].clone();
    sim.change(|world| world.place_alias("10.0.0.99", VM_A, None));
    assert_eq!(with(&old).outcome(), (412, "conditionNotMet".into()));
    assert_eq!(with(&json!("no!")).outcome(), bad("badRequest"));
    // The bytes count, not the alphabet.
    let fingerprint = nic(&sim, VM_A)["fingerprint"].as_str().unwrap().to_owned();
    let other = fingerprint.replace('+', "-").replace('/', "_").replace('=', "");
    assert_eq!(with(&json!(other)).outcome(), ok());
    assert_ne!(nic(&sim, VM_A)["fingerprint"], fingerprint.as_str());
}

#[test]
fn an_access_config_makes_a_new_fingerprint_too() {
    let sim = Simulator::start(World::article_with_public_ip());
    let fingerprint = nic(&sim, VM_A)["fingerprint"].clone();
    assert_eq!(delete_config(&sim, VM_A, PUBLIC_IP).status, 200);
    let reply = update(&sim, VM_A, &json!({ "aliasIpRanges": [], "fingerprint": fingerprint }));
    assert_eq!(reply.outcome(), (412, "conditionNotMet".into()));
}

#[test]
fn nothing_but_the_aliases_can_be_changed() {
    let sim = Simulator::start(World::article_with_public_ip());
    let mut whole = nic(&sim, VM_A);
    let unknown = update(&sim, VM_A, &whole);
    assert_eq!(unknown.outcome(), bad("badRequest"));
    assert!(unknown.message().contains("Unknown name \"settingOfTheFuture\" at 'network_interface_resource'"));
    whole.as_object_mut().unwrap().remove("settingOfTheFuture");
    let configs = update(&sim, VM_A, &whole);
    assert_eq!(configs.outcome(), bad("invalid"));
    let expected = "Invalid value for field 'resource.accessConfigs': ''. Updating this field is not supported.";
    assert_eq!(configs.message(), expected);
    whole.as_object_mut().unwrap().remove("accessConfigs");
    assert_eq!(update(&sim, VM_A, &whole).outcome(), ok());
    let mut other = nic(&sim, VM_A);
    for unknown in ["settingOfTheFuture", "accessConfigs"] {
        other.as_object_mut().unwrap().remove(unknown);
    }
    other["networkIP"] = "10.0.0.9".into();
    assert_eq!(update(&sim, VM_A, &other).outcome(), bad("invalid"));
}

#[test]
fn a_range_must_be_one_of_the_subnet() {
    let sim = article();
    let mut rejected = vec![
        ("10.0.1.7/32", None),
        ("10.0.0.0/23", None),
        ("10.8.0.7/32", None),
        ("10.0.0.7/32", Some(SECONDARY_RANGE)),
        ("10.8.0.7/32", Some("nowhere")),
        ("10.0.0.9/28", None),
        ("/28", None),
        ("ten", None),
        ("fd00::1/128", None),
    ];
    rejected.extend(["10.0.0.0", "10.0.0.1", "10.0.0.254", "10.0.0.255"].map(|reserved| (reserved, None)));
    for range in rejected {
        let reply = set_aliases(&sim, VM_A, &ranges(&[range]));
        assert_eq!(reply.outcome(), bad("invalid"), "{range:?}");
        assert!(reply.message().starts_with("Invalid value for field 'resource.aliasIpRanges[0]."), "{reply:?}");
    }
    let twice = [("10.0.0.32/28", None), ("10.0.0.33", None)];
    assert_eq!(set_aliases(&sim, VM_A, &ranges(&twice)).outcome(), bad("invalid"));
    assert_eq!(set_aliases(&sim, VM_A, &json!([{}])).outcome(), bad("required"));
    assert_eq!(sim.world(), World::article());
    let good = [("10.0.0.7", None), ("10.8.0.0/28", Some(SECONDARY_RANGE))];
    assert_eq!(set_aliases(&sim, VM_A, &ranges(&good)).outcome(), ok());
    assert_eq!(sim.world().aliases(VM_A), ["10.0.0.7/32", "10.8.0.0/28"]);
    assert_eq!(nic(&sim, VM_A)["aliasIpRanges"][1]["subnetworkRangeName"], SECONDARY_RANGE);
}

#[test]
fn a_range_cannot_be_made_larger_or_smaller() {
    let sim = article();
    for other in ["10.8.0.16/29", "10.8.0.0/27"] {
        let reply = set_aliases(&sim, VM_A, &ranges(&[(other, Some(SECONDARY_RANGE))]));
        assert_eq!(reply.outcome(), bad("invalid"), "{other}");
    }
}

#[test]
fn what_is_in_use_shows_in_the_operation() {
    let sim = article();
    for taken in [VIP, ADDRESS_A, ADDRESS_B, "10.0.0.248/30"] {
        let reply = set_aliases(&sim, VM_B, &ranges(&[(taken, None)]));
        assert_eq!(reply.outcome(), ok(), "{taken}");
        let done = look(&sim, &reply);
        assert_eq!(
            (&done.json()["status"], done.failure().as_str()),
            (&"DONE".into(), "IP_IN_USE_BY_ANOTHER_RESOURCE")
        );
        assert_eq!(done.json()["httpErrorStatusCode"], 400);
        let message = done.json()["error"]["errors"][0]["message"].as_str().unwrap().to_owned();
        assert!(message.ends_with("is already being used by another resource."), "{message}");
    }
    assert_eq!(sim.world(), World::article());
}

#[test]
fn an_interface_must_be_there() {
    let sim = article();
    let path = format!("{}/updateNetworkInterface", at(VM_A));
    let none = compute(&sim, "PATCH", &path, Some(&json!({})));
    assert_eq!((none.outcome(), none.message().contains("'networkInterface'")), (bad("required"), true));
    let other = compute(&sim, "PATCH", &format!("{path}?networkInterface=nic1"), Some(&json!({})));
    assert_eq!(other.outcome(), bad("invalid"));
    let nobody = compute(&sim, "PATCH", &format!("{}x/updateNetworkInterface?networkInterface=nic0", at(VM_A)), None);
    assert_eq!(nobody.outcome(), (404, "notFound".into()));
}
