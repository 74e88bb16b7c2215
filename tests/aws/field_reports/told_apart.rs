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

#[test]
fn each_cause_that_keeps_a_part_away_is_told() {
    let mut world = held_by_a(4).with_elastic_ip(ENI_A);
    world.remove_route(&table(1), VIP);
    let foreign = route(VIP, Target::TransitGateway("tgw-1".into()), Origin::CreateRoute);
    world.table_mut(&table(1)).expect("there").routes.push(foreign);
    (2..4).for_each(|n| world.deny_on("mirrorvip", "ec2:ReplaceRoute", &table(n)));
    world.deny("mirrorvip", "ec2:AssociateAddress");
    let sim = Simulator::start(world);
    let report = Member::b(&sim).with(public()).hook();
    told("AWS-126", &report);
    assert!(report["error"]["message"].as_str().is_some_and(|text| text.contains("tgw-1")), "{report:#}");
    let warnings = report["warnings"].as_array().expect("warnings").iter();
    assert_eq!(warnings.filter(|warning| warning["code"] == "partRefused").count(), 2, "{report:#}");
}

#[test]
fn a_release_that_may_not_read_the_elastic_ip() {
    let mut world = held_by_a(1).with_elastic_ip(ENI_A);
    world.deny("mirrorvip", "ec2:DescribeAddresses");
    let sim = Simulator::start(world);
    told("AWS-127", &Member::a(&sim).with(public()).release());
}

#[test]
fn a_release_whose_time_a_read_uses_up() {
    let fifteen = || json!({ "deadlineSeconds": 15 });
    let sim = Simulator::start(held_by_a(1).with_elastic_ip(ENI_A));
    sim.faults().on(Rule::always("ec2", "DescribeRouteTables", Fault::HangBefore));
    told("AWS-128", &Member::a(&sim).with(public()).with(fifteen()).release());

    let sim = Simulator::start(held_by_a(1));
    let slow = Fault::Delay(Duration::from_millis(5_500));
    sim.faults().on(Rule { times: 2, ..Rule::once("ec2", "DescribeRouteTables", slow) });
    told("AWS-129", &Member::a(&sim).with(fifteen()).release());
    assert_eq!(writes(&sim), [""; 0]);
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

#[test]
fn another_interface_of_this_instance_is_no_other_member() {
    let mut world = held_by_a(1);
    let own = world.interface(ENI_B).expect("there").clone();
    world.interfaces.push(Interface {
        id: FORMER.into(),
        primary_private_ip: "10.0.2.99".parse().expect("one"),
        ..own
    });
    world.set_route(&table(1), VIP, FORMER);
    let sim = Simulator::start(world);
    told("AWS-131", &Member::b(&sim).status());
    told("AWS-132", &Member::b(&sim).hook());
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
