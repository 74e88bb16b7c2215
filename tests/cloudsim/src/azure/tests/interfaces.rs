//! A network interface is replaced as a whole.

use super::super::VNET;
use super::*;

#[test]
fn what_was_read_can_be_written_back() {
    let sim = article();
    let before = sim.world();
    let upper = nic_url(&sim, &NIC_A.to_uppercase()).replace("resourceGroups", "RESOURCEGROUPS");
    let body = arm(&sim, "GET", &upper, None).json();
    assert_eq!(body["name"], NIC_A);
    assert_eq!(&body, before.nic(NIC_A).unwrap());
    let reply = put_nic(&sim, NIC_A, &body);
    assert_eq!(reply.status, 200);
    assert_eq!(reply.json()["properties"]["provisioningState"], "Updating");
    let after = sim.world();
    assert_eq!(after.without_vip(NIC_A), before.without_vip(NIC_A));
    assert_eq!(after.holder_of(VIP).as_deref(), Some(NIC_A));
    assert!(after.is_settled(NIC_A));
    assert_ne!(after.nic(NIC_A).unwrap()["etag"], before.nic(NIC_A).unwrap()["etag"]);
}

#[test]
fn what_is_left_out_is_lost() {
    let sim = article();
    let full = get_nic(&sim, NIC_A);
    let body = json!({
        "location": "West Europe",
        "properties": { "ipConfigurations": full["properties"]["ipConfigurations"] },
    });
    assert_eq!(put_nic(&sim, NIC_A, &body).status, 200);
    let after = get_nic(&sim, NIC_A);
    let properties = &after["properties"];
    assert_eq!(after.get("tags"), None);
    assert_eq!(properties["enableAcceleratedNetworking"], false);
    assert_eq!(properties.get("networkSecurityGroup"), None);
    assert_eq!(properties["dnsSettings"]["dnsServers"], json!([]));
    assert_eq!(properties.get("settingOfTheFuture"), None);
    for own in ["macAddress", "virtualMachine", "resourceGuid", "primary"] {
        assert_eq!(properties[own], full["properties"][own], "{own}");
    }
}

#[test]
fn what_only_azure_writes_is_ignored() {
    let sim = article();
    let before = sim.world();
    let mut body = get_nic(&sim, NIC_A);
    body["etag"] = "W/\"mine\"".into();
    body["properties"]["provisioningState"] = "Failed".into();
    body["properties"]["macAddress"] = "00-00-00-00-00-00".into();
    body["properties"]["virtualMachine"] = json!({ "id": "/none" });
    body["properties"]["anotherUnknown"] = json!([1]);
    assert_eq!(put_nic(&sim, NIC_A, &body).status, 200);
    let mut after = sim.world().without_vip(NIC_A);
    assert_eq!(after["properties"]["anotherUnknown"], json!([1]));
    after["properties"].as_object_mut().unwrap().remove("anotherUnknown");
    assert_eq!(after, before.without_vip(NIC_A));
}

#[test]
fn a_version_may_be_demanded() {
    let sim = article();
    let body = get_nic(&sim, NIC_A);
    let etag = body["etag"].as_str().unwrap();
    let put = |etag: &str, nic: &str| {
        try_arm(&sim, "PUT", &nic_url(&sim, nic), &[("if-match", etag)], &body.to_string()).unwrap()
    };
    let first = put(etag, NIC_A);
    assert_eq!(first.status, 200);
    let second = put(etag, NIC_A);
    assert_eq!(second.outcome(), (412, "PreconditionFailed".into()));
    let detail = &second.json()["error"]["details"][0];
    assert_eq!(detail["code"], "PreconditionFailedEtagMismatch");
    assert!(
        detail["message"].as_str().unwrap().starts_with(&format!("Etag provided in if-match header {etag} does not"))
    );
    // The version in the answer is that of the running operation: it is another one when that is over.
    assert_eq!(put(first.json()["etag"].as_str().unwrap(), NIC_A).status, 412);
    assert_eq!(put("*", NIC_A).status, 200);
    assert_eq!(put("*", "created").status, 412);
    assert!(sim.log().iter().any(|call| call.params.contains(&("If-Match".into(), etag.into()))));
}

#[test]
fn exactly_one_configuration_is_primary_and_names_are_not_shared() {
    let sim = article();
    let body = get_nic(&sim, NIC_A);
    let primary = |first: bool, second: bool| {
        let mut body = body.clone();
        configs(&mut body)[0]["properties"]["primary"] = first.into();
        configs(&mut body)[1]["properties"]["primary"] = second.into();
        put_nic(&sim, NIC_A, &body).outcome()
    };
    assert_eq!(primary(false, false), bad("NetworkInterfaceMustHaveOneOneIPConfigAsPrimary"));
    assert_eq!(primary(true, true), bad("NetworkInterfaceMustHaveOneOneIPConfigAsPrimary"));
    let mut twice = body.clone();
    configs(&mut twice)[1]["name"] = "IPCONFIG1".into();
    assert_eq!(put_nic(&sim, NIC_A, &twice).outcome(), bad("DuplicateResourceName"));
    let mut none = body.clone();
    configs(&mut none).clear();
    assert_eq!(put_nic(&sim, NIC_A, &none).outcome(), bad("InvalidIPConfigCount"));
    let mut nameless = body.clone();
    configs(&mut nameless)[1].as_object_mut().unwrap().remove("name");
    assert_eq!(put_nic(&sim, NIC_A, &nameless).outcome(), bad("InvalidRequestFormat"));
    // Alone it is primary, whatever is said.
    let mut alone = without(body.clone());
    configs(&mut alone)[0]["properties"]["primary"] = false.into();
    assert_eq!(put_nic(&sim, NIC_A, &alone).status, 200);
    assert_eq!(sim.world().ip_config(NIC_A, "ipconfig1").unwrap()["properties"]["primary"], true);
}

#[test]
fn a_body_must_be_json_and_say_where() {
    let sim = article();
    let url = nic_url(&sim, NIC_A);
    let put = |body: &str| try_arm(&sim, "PUT", &url, &[], body).unwrap().outcome();
    assert_eq!(put("{"), bad("InvalidRequestContent"));
    assert_eq!(put("[]"), bad("InvalidRequestContent"));
    assert_eq!(put("{}"), bad("LocationRequired"));
    assert_eq!(put(r#"{"location":"northeurope"}"#), (409, "InvalidResourceLocation".into()));
    let token = format!("Bearer {}", sim.token(VM_A));
    let plain = [("authorization", token.as_str()), ("content-type", "text/plain")];
    assert_eq!(exchange(&url, "PUT", &plain, Some("{}")).unwrap().status, 415);
    assert_eq!(arm(&sim, "DELETE", &url, None).status, 405);
    assert_eq!(sim.world(), World::article());
}

#[test]
fn a_name_that_is_not_there_is_created() {
    let sim = article();
    let mut body = without(get_nic(&sim, NIC_A));
    configs(&mut body)[0]["properties"]["privateIPAllocationMethod"] = "Dynamic".into();
    let reply = put_nic(&sim, "typing-error", &body);
    assert_eq!(reply.status, 201);
    let world = sim.world();
    assert_eq!(world.nics.len(), 3);
    let config = world.ip_config("typing-error", "ipconfig1").unwrap();
    assert_eq!(config["properties"]["privateIPAddress"], "10.0.0.6");
    assert_eq!(world.nic("typing-error").unwrap()["properties"].get("virtualMachine"), None);
    assert!(VNET.len() > 1 && world.is_settled("typing-error"));
}

#[test]
fn a_move_in_two_steps_changes_nothing_else() {
    let sim = article();
    let before = sim.world();
    assert_eq!(release(&sim).status, 200);
    assert_eq!(sim.world().holder_of(VIP), None);
    assert_eq!(claim(&sim).status, 200);
    let after = sim.world();
    assert_eq!(after.holder_of(VIP).as_deref(), Some(NIC_B));
    for nic in [NIC_A, NIC_B] {
        assert_eq!(after.without_vip(nic), before.without_vip(nic));
    }
    let config = after.ip_config(NIC_B, VIP_CONFIG).unwrap();
    assert_eq!(config["properties"]["primary"], false);
    assert_eq!(config["properties"]["provisioningState"], "Succeeded");
}

#[test]
fn all_configurations_of_one_interface_are_in_the_same_groups() {
    const CODE: &str = "AllIpConfigurationsOnANicMustBelongToTheSameApplicationSecurityGroups";
    let mut world = World::article();
    world.vnets[0].prefixes.push("fd00:0:0:1::/64".parse().unwrap());
    world.vnets[0].subnets[0].prefixes.push("fd00:0:0:1::/64".parse().unwrap());
    for group in ["web", "iris"] {
        world.join_group(NIC_B, group);
    }
    let sim = Simulator::start(world);
    sim.change(|world| world.unplace(NIC_A, VIP_CONFIG));
    // A new configuration in no group, and one in a part of the groups.
    let reply = claim(&sim);
    assert_eq!(reply.outcome(), bad(CODE));
    for text in [VIP_CONFIG, "applicationsecuritygroups/web", "same set of Application Security Groups"] {
        assert!(reply.message().contains(text), "{text}: {}", reply.message());
    }
    let with_groups = |change: &dyn Fn(&mut Vec<Value>)| {
        let mut body = with_vip(get_nic(&sim, NIC_B));
        let mut groups = configs(&mut body)[0]["properties"]["applicationSecurityGroups"].as_array().unwrap().clone();
        change(&mut groups);
        configs(&mut body)[1]["properties"]["applicationSecurityGroups"] = groups.into();
        body
    };
    assert_eq!(put_nic(&sim, NIC_B, &with_groups(&|groups| drop(groups.pop()))).outcome(), bad(CODE));
    // Order and case mean nothing.
    let same = with_groups(&|groups| {
        groups.reverse();
        groups[0]["id"] = groups[0]["id"].as_str().unwrap().to_uppercase().into();
    });
    assert_eq!(put_nic(&sim, NIC_B, &same).status, 200);
    // The rule is about IPv4.
    let mut sixth = get_nic(&sim, NIC_B);
    let subnet = configs(&mut sixth)[0]["properties"]["subnet"].clone();
    configs(&mut sixth).push(json!({ "name": "vip6", "properties": {
        "privateIPAddress": "fd00:0:0:1::fe", "privateIPAddressVersion": "IPv6", "privateIPAllocationMethod": "Static",
        "subnet": subnet,
    } }));
    assert_eq!(put_nic(&sim, NIC_B, &sixth).status, 200);
}
