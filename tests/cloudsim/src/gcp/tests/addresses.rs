//! Reserved addresses, which follow what the instances do.

use super::super::REGION;
use super::*;

#[test]
fn an_address_says_who_uses_it() {
    let sim = article();
    let path = format!("regions/{REGION}/addresses/{PUBLIC_IP}");
    let address = || compute(&sim, "GET", &path, None).json();
    let free = address();
    assert_eq!(
        (&free["address"], &free["status"], free.get("users")),
        (&PUBLIC_ADDRESS.into(), &"RESERVED".into(), None)
    );
    sim.change(|world| world.set_access_config(VM_B, PUBLIC_IP, Some(PUBLIC_ADDRESS)));
    let used = address();
    assert_eq!(used["status"], "IN_USE");
    assert_eq!(used["users"], json!([get(&sim, VM_B)["selfLink"]]));
    let nobody = compute(&sim, "GET", &format!("{path}x"), None);
    assert_eq!(nobody.outcome(), (404, "notFound".into()));
    assert_eq!(nobody.message(), format!("The resource 'projects/{PROJECT}/{path}x' was not found"));
}

#[test]
fn addresses_are_listed_by_region_and_in_all() {
    let sim = article();
    sim.change(|world| world.add_internal_address("vip", "10.0.0.250"));
    let filter = format!("filter=address%20%3D%20%22{PUBLIC_ADDRESS}%22");
    let list = compute(&sim, "GET", &format!("regions/{REGION}/addresses?{filter}"), None).json();
    assert_eq!((list["items"].as_array().unwrap().len(), &list["items"][0]["name"]), (1, &PUBLIC_IP.into()));
    let all = compute(&sim, "GET", "aggregated/addresses", None).json();
    assert_eq!(all["items"]["global"]["warning"]["code"], "NO_RESULTS_ON_PAGE");
    let here = &all["items"]["regions/europe-west1"]["addresses"];
    assert_eq!((&here[1]["name"], &here[1]["status"]), (&"vip".into(), &"IN_USE".into()));
    let elsewhere = compute(&sim, "GET", "regions/us-central1/addresses", None).json();
    assert_eq!(elsewhere.get("items"), None);
    assert_eq!(compute(&sim, "GET", "regions/mars-north1/addresses", None).outcome(), bad("invalid"));
}
