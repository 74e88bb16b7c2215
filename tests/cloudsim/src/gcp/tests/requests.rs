//! Requests held against the description of the API.

use super::*;

#[test]
fn what_is_unknown_is_refused() {
    let sim = article();
    let parameter = compute(&sim, "GET", &format!("{}?view=FULL", at(VM_A)), None);
    assert_eq!(parameter.outcome(), bad("badRequest"));
    let expected = "Invalid JSON payload received. Unknown name \"view\": Cannot bind query parameter.";
    assert!(parameter.message().starts_with(expected), "{}", parameter.message());
    assert_eq!(parameter.json()["error"]["status"], "INVALID_ARGUMENT");
    let field = update(&sim, VM_A, &json!({ "aliasIpRanges": [{ "cidr": VIP }] }));
    let expected = "Invalid JSON payload received. Unknown name \"cidr\" at \
                    'network_interface_resource.alias_ip_ranges[0]': Cannot find field.";
    assert_eq!((field.outcome(), field.message().as_str()), (bad("badRequest"), expected));
    let body = compute(
        &sim,
        "POST",
        &format!("{}/deleteAccessConfig?networkInterface=nic0&accessConfig=x", at(VM_A)),
        Some(&json!({ "name": "x" })),
    );
    assert_eq!(body.outcome(), bad("badRequest"));
}

#[test]
fn what_has_the_wrong_type_is_refused() {
    let sim = article();
    for body in [
        json!({ "aliasIpRanges": "10.0.0.250" }),
        json!({ "aliasIpRanges": [VIP] }),
        json!({ "aliasIpRanges": [{ "ipCidrRange": 10 }] }),
        json!({ "fingerprint": "***" }),
        json!({ "queueCount": "many" }),
        json!({ "enableVpcScopedDns": "yes" }),
        json!({ "stackType": "IPV5_ONLY" }),
        json!([]),
    ] {
        assert_eq!(update(&sim, VM_A, &body).outcome(), bad("badRequest"), "{body}");
    }
    let broken = try_compute(&sim, "PATCH", &format!("{}/updateNetworkInterface?networkInterface=nic0", at(VM_A)), "{");
    assert_eq!(broken.unwrap().outcome(), bad("badRequest"));
    let pages = compute(&sim, "GET", "aggregated/instances?maxResults=all", None);
    assert_eq!(pages.message(), "Invalid value at 'max_results' (TYPE_UINT32), \"all\"");
    assert_eq!(compute(&sim, "GET", "aggregated/instances?includeAllScopes=1", None).outcome(), bad("badRequest"));
}

#[test]
fn what_every_call_takes_is_taken() {
    let sim = article();
    let query = "alt=json&prettyPrint=false&fields=name,networkInterfaces&quotaUser=me&%24alt=json";
    assert_eq!(compute(&sim, "GET", &format!("{}?{query}", at(VM_A)), None).status, 200);
    assert_eq!(compute(&sim, "GET", "aggregated/instances?returnPartialSuccess=true", None).status, 200);
    // A Compute Engine that follows the discovery document to the letter.
    sim.change(|world| world.unknown_parameters.push("returnPartialSuccess".into()));
    let unknown = compute(&sim, "GET", "aggregated/instances?returnPartialSuccess=true", None);
    assert_eq!(unknown.outcome(), bad("badRequest"));
    assert!(unknown.message().contains("Unknown name \"returnPartialSuccess\""), "{unknown:?}");
    sim.change(|world| world.unknown_parameters.clear());
    let null = json!({ "fingerprint": nic(&sim, VM_A)["fingerprint"], "aliasIpRanges": null, "name": "nic0" });
    assert_eq!(update(&sim, VM_A, &null).outcome(), ok());
    assert_eq!(sim.world(), World::article());
}

#[test]
fn what_is_no_method_gets_a_page() {
    let sim = article();
    for (method, path) in [("GET", "zones"), ("PUT", "global/routes"), ("DELETE", &at(VM_A))] {
        let reply = compute(&sim, method, path, None);
        assert_eq!((reply.status, reply.header("content-type")), (404, Some("text/html; charset=UTF-8")), "{path}");
        assert!(reply.text.starts_with("<!DOCTYPE html>"));
    }
}

#[test]
fn a_post_says_how_long_it_is() {
    let sim = article();
    let url = format!("{}/compute/v1/projects/{PROJECT}/{}/deleteAccessConfig", sim.compute_url(), at(VM_A));
    let reply = exchange(&url, "POST", &[], None).unwrap();
    assert_eq!((reply.status, reply.header("content-type")), (411, Some("text/html; charset=UTF-8")));
}

#[test]
fn places_must_be_there() {
    let sim = article();
    let zone = compute(&sim, "GET", &format!("zones/mars-north1-a/instances/{VM_A}"), None);
    assert_eq!(zone.message(), "Invalid value for field 'zone': 'mars-north1-a'. Unknown zone.");
    let token = format!("Bearer {}", sim.token(VM_A));
    let number = format!("{}/compute/v1/projects/{}/{}", sim.compute_url(), sim.world().project_number, at(VM_A));
    assert_eq!(exchange(&number, "GET", &[("authorization", &token)], None).unwrap().json()["name"], VM_A);
    let url = format!("{}/compute/v1/projects/other/{}", sim.compute_url(), at(VM_A));
    let project = exchange(&url, "GET", &[("authorization", &token)], None).unwrap();
    assert_eq!(
        (project.outcome(), project.message().as_str()),
        ((404, "notFound".into()), "Failed to find project other")
    );
}
