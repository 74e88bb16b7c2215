//! Reads around the moves: public addresses, networks, machines, lists.

use super::super::{PUBLIC_IP, SUBNET, VM_B, VNET};
use super::*;

#[test]
fn a_public_address_says_who_has_it() {
    let sim = article();
    let read = || arm(&sim, "GET", &url(&sim, "publicIPAddresses", PUBLIC_IP), None).json();
    assert_eq!(read()["properties"].get("ipConfiguration"), None);
    sim.change(|world| world.attach_public_ip(NIC_A, VIP_CONFIG, PUBLIC_IP));
    let holder = read()["properties"]["ipConfiguration"]["id"].as_str().unwrap().to_owned();
    assert!(holder.ends_with("mirrora290_z1/ipConfigurations/vip"));
    let missing = arm(&sim, "GET", &url(&sim, "publicIPAddresses", "none"), None);
    assert_eq!(missing.outcome(), (404, "ResourceNotFound".into()));
    sim.change(|world| world.deny(VM_A, "Microsoft.Network/publicIPAddresses/read", None));
    assert_eq!(arm(&sim, "GET", &url(&sim, "publicIPAddresses", PUBLIC_IP), None).status, 403);
}

#[test]
fn networks_show_their_ranges() {
    let sim = article();
    let vnet = arm(&sim, "GET", &url(&sim, "virtualNetworks", VNET), None).json();
    assert_eq!(vnet["properties"]["addressSpace"]["addressPrefixes"], json!(["10.0.0.0/24"]));
    let path = format!("virtualNetworks/{VNET}/subnets");
    let subnet = arm(&sim, "GET", &url(&sim, &path, SUBNET), None).json();
    assert_eq!(subnet["properties"]["addressPrefix"], "10.0.0.0/24");
    assert_eq!(subnet, vnet["properties"]["subnets"][0]);
    assert_eq!(arm(&sim, "GET", &url(&sim, &path, "none"), None).outcome(), (404, "NotFound".into()));
    sim.change(|world| world.deny(VM_A, "Microsoft.Network/virtualNetworks/read", None));
    assert_eq!(arm(&sim, "GET", &url(&sim, "virtualNetworks", VNET), None).status, 403);
    assert_eq!(arm(&sim, "GET", &url(&sim, &path, SUBNET), None).status, 200);
}

#[test]
fn a_machine_names_its_interfaces() {
    let sim = article();
    let url = url(&sim, "virtualMachines", VM_B).replace("Microsoft.Network", "Microsoft.Compute");
    assert_eq!(arm(&sim, "GET", &url, None).outcome(), bad("NoRegisteredProviderFound"));
    let machine = arm(&sim, "GET", &url.replace("2024-05-01", "2024-07-01"), None).json();
    let nic = &machine["properties"]["networkProfile"]["networkInterfaces"][0];
    assert!(nic["id"].as_str().unwrap().ends_with(NIC_B));
    assert_eq!((&nic["properties"]["primary"], &machine["zones"]), (&true.into(), &json!(["2"])));
}

#[test]
fn lists_come_in_pages_if_forced() {
    let sim = Simulator::start(World::routes());
    let group = url(&sim, "networkInterfaces", "").replace("/?", "?");
    let names = |body: &Value| -> Vec<String> {
        body["value"].as_array().unwrap().iter().map(|entry| entry["name"].as_str().unwrap().to_owned()).collect()
    };
    assert_eq!(names(&arm(&sim, "GET", &group, None).json()), [NIC_A, NIC_B]);
    let tables = url(&sim, "routeTables", "").replace("/?", "?");
    assert_eq!(names(&arm(&sim, "GET", &tables, None).json()), ["rt1"]);
    let all = tables.replace("/resourceGroups/rg", "");
    assert_eq!(names(&arm(&sim, "GET", &all, None).json()), ["rt1", "rt2"]);

    sim.faults().page_size(1);
    let mut next = Some(group);
    let mut seen = Vec::new();
    while let Some(url) = next {
        let body = arm(&sim, "GET", &url, None).json();
        seen.push(names(&body));
        next = body["nextLink"].as_str().map(Into::into);
    }
    assert_eq!(seen, [vec![NIC_A], vec![NIC_B], vec![]]);
}
