//! Instances, lists, and what the moves refer to.

use super::super::{NETWORK, REGION, SECONDARY_RANGE, SUBNETWORK};
use super::*;

fn names(list: &Value) -> Vec<String> {
    let scopes = list["items"].as_object().into_iter().flat_map(|items| items.values());
    let instances = scopes.filter_map(|scope| scope["instances"].as_array()).flatten();
    instances.filter_map(|instance| instance["name"].as_str()).map(Into::into).collect()
}

fn aggregated(sim: &Simulator, query: &str) -> Reply {
    compute(sim, "GET", &format!("aggregated/instances?{query}"), None)
}

#[test]
fn an_instance_is_read_by_name_and_by_id() {
    let sim = article();
    let instance = get(&sim, VM_A);
    assert_eq!(&instance, sim.world().instance(VM_A).unwrap());
    let by_id = format!("zones/{ZONE_A}/instances/{}", instance["id"].as_str().unwrap());
    assert_eq!(compute(&sim, "GET", &by_id, None).json(), instance);
    let elsewhere = compute(&sim, "GET", &format!("zones/{ZONE_B}/instances/{VM_A}"), None);
    let expected = format!("The resource 'projects/{PROJECT}/zones/{ZONE_B}/instances/{VM_A}' was not found");
    assert_eq!((elsewhere.outcome(), elsewhere.message()), ((404, "notFound".into()), expected));
}

#[test]
fn instances_are_found_in_all_zones() {
    let sim = article();
    let all = aggregated(&sim, "").json();
    assert_eq!(names(&all), [VM_A, VM_B]);
    let empty = &all["items"]["zones/us-central1-a"];
    assert_eq!(empty["warning"]["code"], "NO_RESULTS_ON_PAGE");
    assert_eq!(empty["warning"]["data"], json!([{ "key": "scope", "value": "zones/us-central1-a" }]));
    let one = aggregated(&sim, &format!("filter=name%20%3D%20%22{VM_B}%22")).json();
    assert_eq!(names(&one), [VM_B]);
    assert!(one["items"]["zones/europe-west1-b"]["warning"].is_object());
    let both = aggregated(&sim, &format!("filter=(name%3D%22{VM_B}%22)%20OR%20(name%3D%22{VM_A}%22)"));
    assert_eq!(names(&both.json()).len(), 2);
    assert_eq!(names(&aggregated(&sim, "filter=name%20eq%20isc-b.*").json()), [VM_B]);
    assert_eq!(aggregated(&sim, "filter=name%3A*").outcome(), bad("invalid"));
    assert_eq!(aggregated(&sim, "orderBy=id").outcome(), bad("invalid"));
    let zone = compute(&sim, "GET", &format!("zones/{ZONE_B}/instances"), None).json();
    assert_eq!((&zone["kind"], &zone["items"][0]["name"]), (&"compute#instanceList".into(), &VM_B.into()));
}

#[test]
fn one_name_may_be_in_two_zones() {
    let sim = article();
    sim.change(|world| world.add_instance(VM_A, ZONE_B, "10.0.0.5"));
    let found = aggregated(&sim, &format!("filter=name%3D{VM_A}")).json();
    assert_eq!(names(&found), [VM_A, VM_A]);
    let path = format!("zones/{ZONE_B}/instances/{VM_A}");
    assert_eq!(compute(&sim, "GET", &path, None).json()["networkInterfaces"][0]["networkIP"], "10.0.0.5");
}

#[test]
fn pages_go_on_by_token() {
    let sim = article();
    let first = aggregated(&sim, "maxResults=1").json();
    let token = first["nextPageToken"].as_str().unwrap();
    let second = aggregated(&sim, &format!("maxResults=1&pageToken={token}")).json();
    assert_eq!((names(&first), names(&second)), (vec![VM_A.into()], vec![VM_B.into()]));
    assert_eq!(second.get("nextPageToken"), None);
    assert_eq!(aggregated(&sim, "pageToken=x").outcome(), bad("invalid"));
    assert_eq!(aggregated(&sim, "maxResults=501").outcome(), bad("invalid"));
    // Forced pages: the last is an empty one.
    sim.faults().page_size(2);
    let all = aggregated(&sim, "").json();
    assert_eq!(names(&all).len(), 2);
    let last = aggregated(&sim, &format!("pageToken={}", all["nextPageToken"].as_str().unwrap())).json();
    assert_eq!((names(&last).len(), last.get("nextPageToken")), (0, None));
}

#[test]
fn the_network_can_be_read() {
    let sim = article();
    let subnetwork = compute(&sim, "GET", &format!("regions/{REGION}/subnetworks/{SUBNETWORK}"), None).json();
    assert_eq!(subnetwork["ipCidrRange"], "10.0.0.0/24");
    assert_eq!(subnetwork["secondaryIpRanges"][0]["rangeName"], SECONDARY_RANGE);
    let network = compute(&sim, "GET", &format!("global/networks/{NETWORK}"), None).json();
    assert_eq!(network["selfLink"], subnetwork["network"]);
    assert_eq!(compute(&sim, "GET", "global/networks/none", None).status, 404);
    let token = format!("Bearer {}", sim.token(VM_A));
    let url = format!("{}/compute/v1/projects/{PROJECT}", sim.compute_url());
    assert_eq!(exchange(&url, "GET", &[("authorization", &token)], None).unwrap().json()["name"], PROJECT);
    for (permission, path) in [
        ("compute.networks.get", format!("global/networks/{NETWORK}")),
        ("compute.subnetworks.get", format!("regions/{REGION}/subnetworks/{SUBNETWORK}")),
    ] {
        sim.change(|world| world.deny("*", permission, None));
        assert_eq!(compute(&sim, "GET", &path, None).outcome(), (403, "forbidden".into()));
    }
}
