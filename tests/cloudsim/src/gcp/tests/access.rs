//! Who may speak, and what they may do.

use super::super::{NETWORK, ROUTE, ROUTED_VIP, SERVICE_ACCOUNT, SUBNETWORK};
use super::*;
use crate::{Fault, Rule};

fn with(sim: &Simulator, headers: &[(&str, &str)]) -> Reply {
    let url = format!("{}/compute/v1/projects/{PROJECT}/{}", sim.compute_url(), at(VM_A));
    exchange(&url, "GET", headers, None).expect("an answer")
}

fn detail(reply: &Reply) -> Value {
    reply.json()["error"]["details"][0]["reason"].clone()
}

#[test]
fn a_request_needs_a_token_that_is_good() {
    let sim = article();
    for headers in [&[][..], &[("authorization", "Basic eA==")]] {
        let none = with(&sim, headers);
        assert_eq!(none.outcome(), (401, "required".into()));
        assert_eq!(
            (detail(&none), &none.json()["error"]["status"]),
            ("CREDENTIALS_MISSING".into(), &"UNAUTHENTICATED".into())
        );
        assert!(none.header("www-authenticate").unwrap().starts_with("Bearer realm="));
    }
    let wrong = with(&sim, &[("authorization", "Bearer x")]);
    assert_eq!((wrong.outcome(), detail(&wrong)), ((401, "authError".into()), "ACCESS_TOKEN_TYPE_UNSUPPORTED".into()));
    assert!(wrong.header("www-authenticate").unwrap().ends_with("error=\"invalid_token\""));
    let token = format!("Bearer {}", sim.token(VM_A));
    assert_eq!(with(&sim, &[("authorization", &token)]).status, 200);
    sim.expire_tokens();
    assert_eq!(detail(&with(&sim, &[("authorization", &token)])), "ACCESS_TOKEN_EXPIRED");
    let token = format!("Bearer {}", sim.token(VM_A));
    assert_eq!(with(&sim, &[("authorization", &token)]).status, 200);
    sim.faults().revoke_tokens();
    assert_eq!(with(&sim, &[("authorization", &token)]).outcome(), (401, "authError".into()));
    // At the second call from now on.
    let token = format!("Bearer {}", sim.token(VM_A));
    sim.faults().on(Rule::nth("compute", 1, Fault::Revoke));
    let asked = [(); 3].map(|()| with(&sim, &[("authorization", &token)]).status);
    assert_eq!((asked, sim.faults().met()), ([200, 401, 401], 1));
}

#[test]
fn the_access_scopes_of_the_machine_must_cover_the_call() {
    let sim = article();
    let scope = |name: &str| {
        let scope = format!("https://www.googleapis.com/auth/{name}");
        sim.change(|world| world.set_scopes(VM_A, &[&scope]));
    };
    scope("devstorage.read_only");
    let refused = compute(&sim, "GET", &at(VM_A), None);
    assert_eq!(refused.outcome(), (403, "insufficientPermissions".into()));
    assert_eq!(refused.message(), "Request had insufficient authentication scopes.");
    assert_eq!(detail(&refused), "ACCESS_TOKEN_SCOPE_INSUFFICIENT");
    assert!(refused.header("www-authenticate").unwrap().contains("insufficient_scope"));
    scope("compute.readonly");
    assert_eq!(compute(&sim, "GET", &at(VM_A), None).status, 200);
    assert_eq!(delete_config(&sim, VM_A, "x").outcome(), (403, "insufficientPermissions".into()));
    scope("compute");
    assert_eq!(delete_config(&sim, VM_A, "x").status, 200);
}

#[test]
fn a_permission_is_asked_for_each_resource() {
    let sim = article();
    let path = format!("projects/{PROJECT}/{}", at(VM_A));
    sim.change(|world| world.deny(SERVICE_ACCOUNT, "compute.instances.get", Some(&path)));
    let reply = compute(&sim, "GET", &at(VM_A), None);
    assert_eq!(reply.outcome(), (403, "forbidden".into()));
    assert_eq!(reply.message(), format!("Required 'compute.instances.get' permission for '{path}'"));
    assert_eq!(compute(&sim, "GET", &at(VM_B), None).status, 200);
    sim.change(|world| world.allow(SERVICE_ACCOUNT, "compute.instances.get"));
    sim.change(|world| world.deny("*", "compute.*", Some(VM_B)));
    assert_eq!(
        (compute(&sim, "GET", &at(VM_A), None).status, compute(&sim, "GET", &at(VM_B), None).status),
        (200, 403)
    );
    sim.change(|world| world.deny("someone@else", "compute.*", None));
    assert_eq!(compute(&sim, "GET", &at(VM_A), None).status, 200);
}

#[test]
fn each_call_needs_the_permissions_that_google_names() {
    type Do = fn(&Simulator) -> Reply;
    let cases: [(&str, &str, Do); 16] = [
        ("compute.instances.list", PROJECT, |sim| compute(sim, "GET", "aggregated/instances", None)),
        ("compute.instances.updateNetworkInterface", VM_B, |sim| set_aliases(sim, VM_B, &json!([]))),
        ("compute.subnetworks.use", SUBNETWORK, |sim| set_aliases(sim, VM_B, &json!([{ "ipCidrRange": "10.0.0.7" }]))),
        ("compute.addresses.useInternal", "inside", |sim| {
            set_aliases(sim, VM_B, &json!([{ "ipCidrRange": "10.0.0.8" }]))
        }),
        ("compute.instances.addAccessConfig", VM_B, |sim| add_config(sim, VM_B, &json!({}))),
        ("compute.subnetworks.useExternalIp", SUBNETWORK, |sim| add_config(sim, VM_B, &json!({}))),
        ("compute.addresses.use", PUBLIC_IP, |sim| add_config(sim, VM_B, &json!({ "natIP": PUBLIC_ADDRESS }))),
        ("compute.instances.deleteAccessConfig", VM_B, |sim| delete_config(sim, VM_B, "x")),
        ("compute.forwardingRules.list", PROJECT, |sim| {
            compute(sim, "GET", "regions/europe-west1/forwardingRules", None)
        }),
        ("compute.addresses.list", PROJECT, |sim| compute(sim, "GET", "aggregated/addresses", None)),
        ("compute.routes.list", PROJECT, |sim| compute(sim, "GET", "global/routes", None)),
        ("compute.routes.get", ROUTE, |sim| compute(sim, "GET", &format!("global/routes/{ROUTE}"), None)),
        ("compute.routes.delete", ROUTE, |sim| compute(sim, "DELETE", &format!("global/routes/{ROUTE}"), None)),
        ("compute.networks.updatePolicy", NETWORK, |sim| {
            compute(sim, "DELETE", &format!("global/routes/{ROUTE}"), None)
        }),
        ("compute.routes.create", "other", insert_other),
        ("compute.instances.use", VM_B, insert_other),
    ];
    for (permission, resource, call) in cases {
        let mut world = World::routes();
        world.add_internal_address("inside", "10.0.0.8");
        let sim = Simulator::start(world);
        sim.change(|world| world.deny("*", permission, Some(resource)));
        let reply = call(&sim);
        assert_eq!(reply.outcome(), (403, "forbidden".into()), "{permission}");
        assert!(reply.message().starts_with(&format!("Required '{permission}' permission for 'projects/")));
        sim.change(|world| world.allow("*", permission));
        assert_eq!(call(&sim).outcome(), ok(), "{permission}");
    }
}

fn insert_other(sim: &Simulator) -> Reply {
    let body = json!({
        "name": "other",
        "network": format!("global/networks/{NETWORK}"),
        "destRange": ROUTED_VIP,
        "nextHopInstance": at(VM_B),
    });
    compute(sim, "POST", "global/routes", Some(&body))
}

#[test]
fn removing_ranges_does_not_need_the_subnet() {
    let sim = article();
    sim.change(|world| world.deny("*", "compute.subnetworks.use", None));
    assert_eq!(release(&sim).status, 200);
    assert_eq!(claim(&sim).outcome(), (403, "forbidden".into()));
}

#[test]
fn operations_need_a_permission_of_their_own() {
    let sim = article();
    sim.change(|world| world.deny("*", "compute.zoneOperations.get", None));
    sim.operations().hang(VM_A);
    let reply = release(&sim);
    assert_eq!(look(&sim, &reply).outcome(), (403, "forbidden".into()));
    assert_eq!(wait(&sim, &reply).outcome(), (403, "forbidden".into()));
}

#[test]
fn one_can_ask_what_one_may_do() {
    let sim = article();
    sim.change(|world| world.deny(SERVICE_ACCOUNT, "compute.instances.addAccessConfig", Some(VM_B)));
    let both = json!({ "permissions": ["compute.instances.get", "compute.instances.addAccessConfig"] });
    let ask = |vm: &str, body: &Value| compute(&sim, "POST", &format!("{}/testIamPermissions", at(vm)), Some(body));
    assert_eq!(ask(VM_A, &both).json(), both);
    assert_eq!(ask(VM_B, &both).json(), json!({ "permissions": ["compute.instances.get"] }));
    let one = json!({ "permissions": ["compute.instances.addAccessConfig"] });
    assert_eq!(ask(VM_B, &one).json(), json!({}));
    let other = json!({ "permissions": ["compute.addresses.use"] });
    assert_eq!(ask(VM_B, &other).outcome(), bad("invalid"));
    assert_eq!(ask("nobody", &both).status, 404);
    let of = |path: &str, permission: &str| {
        let body = json!({ "permissions": [permission] });
        compute(&sim, "POST", &format!("{path}/testIamPermissions"), Some(&body)).json()["permissions"][0] == permission
    };
    let subnetwork = format!("regions/europe-west1/subnetworks/{SUBNETWORK}");
    assert!(of(&subnetwork, "compute.subnetworks.use"));
    assert!(of("regions/europe-west1/addresses/isc-mirror", "compute.addresses.use"));
    sim.change(|world| world.deny("*", "compute.subnetworks.use", None));
    assert!(!of(&subnetwork, "compute.subnetworks.use"));
}

#[test]
fn a_shared_network_belongs_to_its_host() {
    let mut world = World::routes();
    world.share_network("host");
    let sim = Simulator::start(world);
    assert!(nic(&sim, VM_B)["subnetwork"].as_str().unwrap().contains("/projects/host/regions/"));
    let subnetwork = format!("projects/host/regions/europe-west1/subnetworks/{SUBNETWORK}");
    sim.change(|world| world.deny("*", "compute.subnetworks.use", Some(&subnetwork)));
    assert!(claim(&sim).message().ends_with(&format!("'{subnetwork}'")));
    let token = format!("Bearer {}", sim.token(VM_A));
    let of_host = |path: &str| {
        let url = format!("{}/compute/v1/projects/host/{path}", sim.compute_url());
        exchange(&url, "GET", &[("authorization", &token)], None).unwrap()
    };
    for missing in [&at(VM_A), "regions/europe-west1/addresses/isc-mirror"] {
        assert_eq!(of_host(missing).outcome(), (404, "notFound".into()));
    }
    assert!(of_host("aggregated/instances").json()["items"]["zones/europe-west1-b"]["warning"].is_object());
    assert_eq!(of_host(&format!("zones/{ZONE_A}/instances")).json().get("items"), None);
    let list = of_host("global/routes").json();
    assert_eq!(list["items"].as_array().unwrap().len(), 4);
    assert_eq!(compute(&sim, "GET", "global/routes", None).json().get("items"), None);
    let hop = sim.world().next_hop_of(ROUTED_VIP);
    assert_eq!(hop.as_deref(), Some(VM_A));
}

#[test]
fn nothing_is_answered_where_the_api_is_switched_off() {
    let sim = article();
    sim.change(|world| world.api_is_off = true);
    let refused = compute(&sim, "GET", &at(VM_A), None);
    assert_eq!((refused.outcome(), detail(&refused)), ((403, "accessNotConfigured".into()), "SERVICE_DISABLED".into()));
    assert!(refused.message().starts_with("Compute Engine API has not been used in project 123456789012 before"));
}
