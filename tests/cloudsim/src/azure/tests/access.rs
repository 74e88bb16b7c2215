//! Who may speak, and what they may do.

use super::super::{NIC_A, OTHER_RESOURCE_GROUP, PUBLIC_IP, ROUTE_TABLE, SECURITY_GROUP, VM_B};
use super::*;

fn with(sim: &Simulator, headers: &[(&str, &str)]) -> Reply {
    exchange(&nic_url(sim, NIC_A), "GET", headers, Some("")).expect("an answer")
}

#[test]
fn a_request_needs_a_token_that_is_good_for_this() {
    let sim = article();
    let none = with(&sim, &[]);
    assert_eq!(none.outcome(), (401, "AuthenticationFailed".into()));
    assert!(none.header("www-authenticate").unwrap().contains("authorization_uri"));
    assert_eq!(with(&sim, &[("authorization", "Basic eA==")]).outcome().1, "AuthenticationFailedInvalidHeader");
    assert_eq!(with(&sim, &[("authorization", "Bearer x")]).outcome(), (401, "InvalidAuthenticationToken".into()));

    let token = format!("Bearer {}", sim.token(VM_A));
    assert_eq!(with(&sim, &[("authorization", &token)]).status, 200);
    sim.expire_tokens();
    let expired = with(&sim, &[("authorization", &token)]);
    assert_eq!(expired.outcome(), (401, "ExpiredAuthenticationToken".into()));
    assert!(expired.header("www-authenticate").is_some());
    let token = format!("Bearer {}", sim.token(VM_A));
    assert_eq!(with(&sim, &[("authorization", &token)]).status, 200);
    sim.faults().revoke_tokens();
    assert_eq!(with(&sim, &[("authorization", &token)]).outcome(), (401, "InvalidAuthenticationToken".into()));
}

#[test]
fn a_token_for_something_else_is_refused() {
    let sim = article();
    let vault = "resource=https://vault.azure.net";
    let path = format!("/metadata/identity/oauth2/token?api-version=2018-02-01&{vault}");
    let token =
        exchange(&format!("{}{path}", sim.metadata_url(VM_A)), "GET", &[("metadata", "true")], Some("")).unwrap();
    let token = format!("Bearer {}", token.json()["access_token"].as_str().unwrap());
    let reply = with(&sim, &[("authorization", &token)]);
    assert_eq!(reply.outcome(), (401, "InvalidAuthenticationTokenAudience".into()));
    assert!(reply.message().contains("'https://management.azure.com'"), "{}", reply.message());
}

#[test]
fn the_version_and_the_type_must_be_known() {
    let sim = article();
    let full = nic_url(&sim, NIC_A);
    let plain = full.split('?').next().unwrap();
    let ask = |query: &str| arm(&sim, "GET", &format!("{plain}{query}"), None);
    assert_eq!(ask("").outcome(), bad("MissingApiVersionParameter"));
    assert_eq!(ask("?api-version=latest").outcome(), bad("InvalidApiVersionParameter"));
    let unknown = ask("?api-version=2023-10-31");
    assert_eq!(unknown.outcome(), bad("NoRegisteredProviderFound"));
    assert!(unknown.message().contains("for type 'networkInterfaces'. The supported api-versions are"));
    let other = arm(&sim, "GET", &url(&sim, "networkInterface", NIC_A), None);
    assert_eq!(other.outcome(), (404, "InvalidResourceType".into()));
    let namespace = full.replace("Microsoft.Network", "Microsoft.Networks");
    assert_eq!(arm(&sim, "GET", &namespace, None).outcome(), (404, "InvalidResourceNamespace".into()));
}

#[test]
fn what_is_not_there_says_what_is_missing() {
    let sim = article();
    let full = nic_url(&sim, NIC_A);
    let ask = |url: &str| arm(&sim, "GET", url, None).outcome();
    assert_eq!(ask(&nic_url(&sim, "nobody")), (404, "ResourceNotFound".into()));
    assert_eq!(ask(&full.replace("/rg/", "/gr/")), (404, "ResourceGroupNotFound".into()));
    let other = SUBSCRIPTION.replace('1', "0");
    assert_eq!(ask(&full.replace(SUBSCRIPTION, &other)), (404, "SubscriptionNotFound".into()));
    assert_eq!(ask(&full.replace(SUBSCRIPTION, "mine")), bad("InvalidSubscriptionId"));
}

#[test]
fn a_permission_is_asked_for_each_action_and_scope() {
    let sim = article();
    sim.change(|world| {
        let nic = world.nic(NIC_A).unwrap()["id"].as_str().unwrap().to_owned();
        world.deny(VM_A, "Microsoft.Network/networkInterfaces/write", Some(&nic.to_uppercase()));
    });
    let reply = release(&sim);
    assert_eq!(reply.outcome(), (403, "AuthorizationFailed".into()));
    assert!(reply.message().contains("perform action 'Microsoft.Network/networkInterfaces/write' over scope"));
    assert!(reply.message().contains(NIC_A));
    assert_eq!(put_nic(&sim, NIC_B, &get_nic(&sim, NIC_B)).status, 200);

    sim.change(|world| world.deny("*", "Microsoft.Network/networkInterfaces/*", None));
    assert_eq!(arm(&sim, "GET", &nic_url(&sim, NIC_B), None).status, 403);
    sim.change(|world| world.allow("*", "Microsoft.Network/networkInterfaces/*"));
    sim.change(|world| world.deny(VM_B, "Microsoft.Network/*", None));
    assert_eq!(arm(&sim, "GET", &nic_url(&sim, NIC_B), None).status, 200);
}

#[test]
fn everything_that_is_referred_to_must_be_joined() {
    let group = "Microsoft.Network/networkSecurityGroups/join/action";
    let subnet = "Microsoft.Network/virtualNetworks/subnets/join/action";
    let public = "Microsoft.Network/publicIPAddresses/join/action";
    for (action, scope) in [(group, SECURITY_GROUP), (subnet, "subnets/default"), (public, PUBLIC_IP)] {
        let sim = Simulator::start(World::article_with_public_ip());
        sim.change(|world| world.deny(VM_A, action, None));
        let reply = put_nic(&sim, NIC_A, &get_nic(&sim, NIC_A));
        assert_eq!(reply.outcome(), (403, "LinkedAuthorizationFailed".into()), "{action}");
        assert!(reply.message().contains(&format!("'{action}'")), "{}", reply.message());
        assert!(reply.message().contains(scope), "{}", reply.message());
    }
}

#[test]
fn pools_and_application_groups_are_joined_too() {
    let kinds = [
        ("applicationSecurityGroups", "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action"),
        ("loadBalancerBackendAddressPools", "Microsoft.Network/loadBalancers/backendAddressPools/join/action"),
    ];
    for (field, action) in kinds {
        let mut world = World::article();
        let id = world.id(RESOURCE_GROUP, "Microsoft.Network/things", "one");
        world.others.push(id.clone());
        for config in configs(world.nic_mut(NIC_A).unwrap()) {
            config["properties"][field] = json!([{ "id": id }]);
        }
        let sim = Simulator::start(world);
        assert_eq!(put_nic(&sim, NIC_A, &get_nic(&sim, NIC_A)).status, 200);
        sim.change(|world| world.deny(VM_A, action, Some(&id)));
        let reply = put_nic(&sim, NIC_A, &get_nic(&sim, NIC_A));
        assert_eq!(reply.outcome(), (403, "LinkedAuthorizationFailed".into()), "{field}");
    }
}

#[test]
fn tracking_an_operation_needs_a_permission_of_its_own() {
    let sim = article();
    sim.change(|world| world.deny(VM_A, "Microsoft.Network/locations/operations/read", None));
    let reply = release(&sim);
    assert_eq!(reply.status, 200);
    let status = status_of(&sim, &reply);
    assert_eq!(status["error"]["code"], "AuthorizationFailed");
}

#[test]
fn one_can_ask_what_one_may_do() {
    let sim = Simulator::start(World::routes());
    sim.change(|world| world.deny(VM_A, "Microsoft.Network/networkInterfaces/write", None));
    let about = url(&sim, "networkInterfaces", NIC_A);
    let about = about.split('?').next().unwrap();
    let ask = |base: &str| {
        let url = format!("{base}/providers/Microsoft.Authorization/permissions?api-version=2022-04-01");
        arm(&sim, "GET", &url, None).json()["value"][0]["notActions"].clone()
    };
    assert_eq!(ask(about), json!(["Microsoft.Network/networkInterfaces/write"]));
    sim.change(|world| {
        world.allow(VM_A, "Microsoft.Network/networkInterfaces/write");
        let table = world.route_table(ROUTE_TABLE).unwrap()["id"].as_str().unwrap().to_owned();
        world.deny(VM_A, "Microsoft.Network/routeTables/routes/write", Some(&table));
    });
    assert_eq!(ask(about), json!([]));
    assert!(ask(&about.replace("networkInterfaces", "routeTables").replace(NIC_A, ROUTE_TABLE))[0].is_string());
    let group = about.split("/providers").next().unwrap().replace("/rg", &format!("/{OTHER_RESOURCE_GROUP}"));
    assert_eq!(ask(&group), json!([]));
}
