//! What a report says of the cause: whose permission is missing, what else stays behind, what used the time up.

use super::*;

#[test]
fn a_permission_that_the_role_of_role_arn_lacks() {
    let mut world = held_by_a(1);
    world.add_assumable_role("network", "mirrorvip");
    world.deny("network", "ec2:ReplaceRoute");
    let sim = Simulator::start(world);
    let role = json!({ "aws": { "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/network") } });
    told("AWS-125", &Member::b(&sim).with(role).hook());
}

/// A device of this machine that has a hardware address.
fn device() -> Option<String> {
    let devices =
        std::fs::read_dir("/sys/class/net").ok()?.filter_map(|entry| entry.ok()?.file_name().into_string().ok());
    let mac = |name: &str| std::fs::read_to_string(format!("/sys/class/net/{name}/address")).unwrap_or_default();
    devices.into_iter().find(|name| mac(name).trim().len() == 17 && !mac(name).starts_with("00:00:00:00:00:00"))
}

#[test]
fn a_device_that_is_no_interface_of_the_instance() {
    let Some(device) = device() else {
        return say_not_tested("this machine has no network device with a hardware address");
    };
    let sim = Simulator::start(held_by_a(1));
    let member = Member::b(&sim).with(json!({ "aws": { "networkInterface": format!("device:{device}") } }));
    told("AWS-130", &member.hook());
}

/// A subnet without a count of its free addresses, so that the check looks for interfaces in it, which hangs to the end.
#[test]
fn a_permission_that_nobody_asked_about_is_skipped() {
    let sim = Simulator::start(World::article());
    let subnets = "<DescribeSubnetsResponse><requestId>r</requestId><subnetSet><item><subnetId>subnet-1</subnetId>\
        <cidrBlock>10.109.10.224/27</cidrBlock></item></subnetSet></DescribeSubnetsResponse>";
    sim.faults().on(Rule::always("ec2", "DescribeSubnets", Fault::Garbage(subnets.into())));
    sim.faults().on(Rule::always("ec2", "DescribeNetworkInterfaces", Fault::HangBefore));
    let report = Member::b(&sim).with(json!({ "vip": "10.109.10.224/27", "deadlineSeconds": 6 })).check();
    told("AWS-133", &report);
    let checks = report["checks"].as_array().expect("checks");
    let is_of = |item: &Value, name: &str| item["name"].as_str().is_some_and(|known| known.starts_with(name));
    let mut permissions = checks.iter().filter(|item| is_of(item, "permission "));
    assert!(permissions.all(|item| item["result"] == "skipped"), "{report:#}");
    let check = checks.iter().find(|item| is_of(item, "sourceDestCheck")).expect("an item");
    let remedy = check["remedy"].to_string();
    assert!(!remedy.contains("requestTimeoutMs"), "another limit cut it: {remedy}");
}
