//! The metadata of an instance, and its tokens.

use super::super::{ADDRESS_B, OTHER_ALIAS_A, OTHER_ALIAS_B, SERVICE_ACCOUNT};
use super::*;

const HEADERS: [(&str, &str); 1] = [("metadata-flavor", "Google")];

fn ask(sim: &Simulator, vm: &str, path: &str) -> Reply {
    exchange(&format!("{}/computeMetadata/v1/{path}", sim.metadata_url(vm)), "GET", &HEADERS, None).expect("an answer")
}

fn text(sim: &Simulator, vm: &str, path: &str) -> String {
    let reply = ask(sim, vm, path);
    assert_eq!((reply.status, reply.header("content-type")), (200, Some("application/text")), "{path}");
    reply.text
}

#[test]
fn the_metadata_tells_who_the_instance_is() {
    let sim = article();
    for (path, expected) in [
        ("project/project-id", PROJECT),
        ("project/numeric-project-id", "123456789012"),
        ("instance/name", VM_B),
        ("instance/zone", "projects/123456789012/zones/europe-west1-c"),
        ("instance/network-interfaces/0/ip", ADDRESS_B),
        ("instance/network-interfaces/0/mac", "42:01:0a:00:00:04"),
        ("instance/network-interfaces/0/ip-aliases/0", OTHER_ALIAS_B),
        ("universe/universe-domain", "googleapis.com"),
    ] {
        assert_eq!(text(&sim, VM_B, path), expected);
    }
    assert_eq!(text(&sim, VM_A, "instance/id"), get(&sim, VM_A)["id"].as_str().unwrap());
}

#[test]
fn directories_are_listed_or_shown_whole() {
    let sim = Simulator::start(World::article_with_public_ip());
    assert_eq!(text(&sim, VM_A, ""), "instance/\nproject/\nuniverse/\n");
    assert_eq!(text(&sim, VM_A, "instance/network-interfaces/0/ip-aliases/"), "0\n1\n");
    let whole = ask(&sim, VM_A, "instance/network-interfaces/?recursive=true");
    assert_eq!(whole.header("content-type"), Some("application/json"));
    let nic = &whole.json()[0];
    assert_eq!(nic["ipAliases"], json!([OTHER_ALIAS_A, VIP]));
    assert_eq!(nic["accessConfigs"], json!([{ "externalIp": PUBLIC_ADDRESS, "type": "ONE_TO_ONE_NAT" }]));
    assert_eq!(nic["network"], "projects/123456789012/networks/isc-mirror");
    assert_eq!(
        (&nic["subnetmask"], &nic["gateway"], &nic["mtu"]),
        (&"255.255.255.0".into(), &"10.0.0.1".into(), &1460.into())
    );
    let lines = text(&sim, VM_A, "instance/network-interfaces/?recursive=true&alt=text");
    assert!(lines.contains(&format!("0/ip-aliases/1 {VIP}\n")), "{lines}");
    let instance = ask(&sim, VM_A, "instance/?recursive=True").json();
    assert_eq!(instance["networkInterfaces"][0], *nic);
    assert_eq!(instance["serviceAccounts"]["default"]["email"], SERVICE_ACCOUNT);
    assert!(instance["serviceAccounts"][SERVICE_ACCOUNT].get("token").is_none());
    assert!(instance["id"].is_u64());
    assert_eq!(ask(&sim, VM_A, "instance/name?alt=json").json(), VM_A);
    assert_eq!(ask(&sim, VM_A, "instance/name?alt=xml").status, 400);
    sim.change(|world| world.unplace_alias(VIP));
    assert_eq!(text(&sim, VM_A, "instance/network-interfaces/0/ip-aliases/"), "0\n");
}

#[test]
fn a_directory_has_a_slash_and_a_leaf_has_none() {
    let sim = article();
    let moved = ask(&sim, VM_A, "instance/network-interfaces?recursive=true");
    let location = "/computeMetadata/v1/instance/network-interfaces/?recursive=true";
    assert_eq!((moved.status, moved.header("location")), (301, Some(location)));
    for missing in ["instance/name/", "instance/names", "instance/network-interfaces/1/ip", "instance/zone/x"] {
        assert_eq!(ask(&sim, VM_A, missing).status, 404, "{missing}");
    }
}

#[test]
fn a_request_must_come_from_the_instance_itself() {
    let sim = article();
    let url = format!("{}/computeMetadata/v1/instance/name", sim.metadata_url(VM_A));
    for headers in [&[][..], &[("metadata-flavor", "google")], &[HEADERS[0], ("x-forwarded-for", "10.0.0.9")]] {
        let reply = exchange(&url, "GET", headers, None).unwrap();
        assert_eq!((reply.status, reply.header("metadata-flavor")), (403, Some("Google")), "{headers:?}");
    }
    assert_eq!(exchange(&url, "POST", &HEADERS, Some("")).unwrap().status, 405);
    let root = exchange(&format!("{}/", sim.metadata_url(VM_A)), "GET", &HEADERS, None).unwrap();
    assert_eq!((root.status, root.header("metadata-flavor")), (200, Some("Google")));
}

#[test]
fn a_token_is_the_same_until_it_is_nearly_over() {
    let sim = article();
    let token = || ask(&sim, VM_A, "instance/service-accounts/default/token").json();
    let first = token();
    assert_eq!(first["token_type"], "Bearer");
    assert!((3500..=3600).contains(&first["expires_in"].as_u64().unwrap()));
    assert_eq!(first["access_token"], sim.token(VM_A).as_str());
    assert_eq!(token()["access_token"], first["access_token"]);
    sim.change(|world| world.set_scopes(VM_A, &["https://www.googleapis.com/auth/compute"]));
    assert_ne!(token()["access_token"], first["access_token"]);
    assert_eq!(
        text(&sim, VM_A, "instance/service-accounts/default/scopes"),
        "https://www.googleapis.com/auth/compute\n"
    );
    sim.faults().revoke_tokens();
    assert_ne!(token()["access_token"], first["access_token"]);
    assert_eq!(text(&sim, VM_A, "instance/service-accounts/"), format!("default/\n{SERVICE_ACCOUNT}/\n"));
}

#[test]
fn without_a_service_account_there_is_no_token() {
    let sim = article();
    sim.change(|world| world.remove_service_account(VM_A));
    for leaf in ["token", "email", "scopes"] {
        assert_eq!(ask(&sim, VM_A, &format!("instance/service-accounts/default/{leaf}")).status, 404);
    }
    assert_eq!(text(&sim, VM_A, "instance/service-accounts/"), "");
    assert_eq!(ask(&sim, VM_A, "instance/service-accounts/?recursive=true").json(), json!({}));
    assert_eq!(ask(&sim, VM_B, "instance/service-accounts/default/token").status, 200);
}
