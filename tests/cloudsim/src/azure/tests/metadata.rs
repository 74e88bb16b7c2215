//! The metadata of a machine, and its tokens.

use super::super::VM_B;
use super::*;

const INSTANCE: &str = "/metadata/instance?api-version=2021-02-01";
const TOKEN: &str = "/metadata/identity/oauth2/token?api-version=2018-02-01&resource=https://management.azure.com/";

fn ask(sim: &Simulator, vm: &str, path: &str) -> Reply {
    exchange(&format!("{}{path}", sim.metadata_url(vm)), "GET", &[("metadata", "true")], Some("")).expect("an answer")
}

#[test]
fn the_document_tells_who_the_machine_is() {
    let sim = article();
    let document = ask(&sim, VM_B, INSTANCE).json();
    let compute = &document["compute"];
    assert_eq!((&compute["name"], &compute["zone"]), (&VM_B.into(), &"2".into()));
    assert_eq!(compute["subscriptionId"], SUBSCRIPTION);
    assert_eq!((&compute["azEnvironment"], &compute["location"]), (&"AzurePublicCloud".into(), &"westeurope".into()));
    let interface = &document["network"]["interface"][0];
    assert_eq!(interface["macAddress"], "000D3A000005");
    assert_eq!(interface["ipv4"]["subnet"][0], json!({ "address": "10.0.0.0", "prefix": "24" }));
    let addresses = |vm| ask(&sim, vm, INSTANCE).json()["network"]["interface"][0]["ipv4"]["ipAddress"].clone();
    assert_eq!(addresses(VM_B), json!([{ "privateIpAddress": "10.0.0.5", "publicIpAddress": "" }]));
    assert_eq!(addresses(VM_A).as_array().unwrap().len(), 2);
    let leaf = ask(&sim, VM_A, "/metadata/instance/compute/zone?api-version=2021-02-01&format=text");
    assert_eq!((leaf.status, leaf.text.as_str()), (200, "1"));
    assert_eq!(ask(&sim, VM_A, "/metadata/instance/compute?api-version=2025-04-07").json()["name"], VM_A);
    assert!(ask(&sim, VM_A, "/metadata/versions").json()["apiVersions"].is_array());
}

#[test]
fn a_request_must_come_from_the_machine_itself() {
    let sim = article();
    let url = |path: &str| format!("{}{path}", sim.metadata_url(VM_A));
    let bare = exchange(&url(INSTANCE), "GET", &[], Some("")).unwrap();
    assert_eq!(bare.outcome(), bad("Bad request. Required metadata header not specified"));
    assert_eq!(exchange(&url(INSTANCE), "GET", &[("metadata", "True")], Some("")).unwrap().status, 400);
    let token = exchange(&url(TOKEN), "GET", &[], Some("")).unwrap();
    assert_eq!(
        (token.outcome(), token.message().as_str()),
        (bad("bad_request_102"), "Required metadata header not specified")
    );
    let forwarded = [("metadata", "true"), ("x-forwarded-for", "10.0.0.9")];
    assert_eq!(exchange(&url(INSTANCE), "GET", &forwarded, Some("")).unwrap().status, 400);
    assert_eq!(exchange(&url(INSTANCE), "POST", &[("metadata", "true")], Some("")).unwrap().status, 405);
    assert_eq!(ask(&sim, VM_A, "/latest/meta-data").status, 404);
}

#[test]
fn versions_must_be_known() {
    let sim = article();
    let none = ask(&sim, VM_A, "/metadata/instance");
    assert_eq!(none.status, 400);
    assert!(none.json()["error"].as_str().unwrap().starts_with("Bad request. api-version was not specified"));
    assert_eq!(none.json()["newest-versions"][0], "2025-04-07");
    assert_eq!(ask(&sim, VM_A, "/metadata/instance?api-version=2021-02-02").status, 400);
    assert_eq!(ask(&sim, VM_A, &TOKEN.replace("2018-02-01", "2017-12-01")).outcome(), bad("invalid_request"));
}

#[test]
fn a_token_comes_in_strings_and_stays_the_same() {
    let sim = article();
    let first = ask(&sim, VM_A, TOKEN).json();
    for field in [
        "access_token",
        "client_id",
        "expires_in",
        "expires_on",
        "ext_expires_in",
        "not_before",
        "resource",
        "token_type",
    ] {
        assert!(first[field].is_string(), "{field}");
    }
    assert_eq!(first["token_type"], "Bearer");
    assert_eq!(ask(&sim, VM_A, TOKEN).json()["access_token"], first["access_token"]);
    assert_ne!(ask(&sim, VM_B, TOKEN).json()["access_token"], first["access_token"]);
    sim.expire_tokens();
    assert_ne!(ask(&sim, VM_A, TOKEN).json()["access_token"], first["access_token"]);
}

#[test]
fn a_token_is_for_an_identity_that_the_machine_has() {
    let sim = article();
    let identities = |system: bool, user: &[&str]| {
        sim.change(|world| {
            let vm = world.vm_mut(VM_A).unwrap();
            vm.identities.system = system;
            vm.identities.user = user.iter().map(ToString::to_string).collect();
        });
    };
    let token = |more: &str| ask(&sim, VM_A, &format!("{TOKEN}{more}"));
    let refused = |reply: Reply, text: &str| {
        assert_eq!(reply.outcome(), bad("invalid_request"));
        assert!(reply.message().starts_with(text), "{}", reply.message());
    };
    identities(false, &[]);
    refused(token(""), "Identity not found");
    identities(false, &["one"]);
    assert_eq!(token("").json()["client_id"], "one");
    identities(false, &["one", "two"]);
    refused(token(""), "Multiple user assigned identities exist, please specify the clientId");
    assert_eq!(token("&client_id=two").json()["client_id"], "two");
    refused(token("&client_id=three"), "Identity not found");
    identities(true, &["one", "two"]);
    assert_eq!(token("").status, 200);
    sim.change(|world| world.deny("two", "Microsoft.Network/*", None));
    let two = token("&client_id=two").json()["access_token"].as_str().unwrap().to_owned();
    let reply =
        exchange(&nic_url(&sim, NIC_A), "GET", &[("authorization", &format!("Bearer {two}"))], Some("")).unwrap();
    assert_eq!(reply.status, 403);
    assert!(reply.message().contains("client 'two'"));
}

#[test]
fn a_token_is_for_a_resource_that_the_tenant_knows() {
    let sim = article();
    let path = "/metadata/identity/oauth2/token?api-version=2018-02-01";
    assert_eq!(ask(&sim, VM_A, path).outcome(), bad("invalid_request"));
    let resource = |resource: &str| ask(&sim, VM_A, &format!("{path}&resource={resource}")).outcome();
    assert_eq!(resource("https://management.usgovcloudapi.net/"), bad("invalid_resource"));
    assert_eq!(resource("https%3A%2F%2Fmanagement.azure.com").0, 200);
    sim.change(|world| world.environment = "AzureUSGovernmentCloud".into());
    assert_eq!(resource("https://management.usgovcloudapi.net/").0, 200);
    assert_eq!(resource("https://management.azure.com/"), bad("invalid_resource"));
}

#[test]
fn a_machine_has_a_rate() {
    let sim = article();
    sim.faults().rate("imds", 2, 0.0);
    let statuses: Vec<u16> = (0..3).map(|_| ask(&sim, VM_A, INSTANCE).status).collect();
    assert_eq!(statuses, [200, 200, 429]);
    assert_eq!(ask(&sim, VM_B, INSTANCE).status, 200);
}
