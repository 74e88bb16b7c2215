//! Errors of EC2, STS and the metadata service, by what they mean for the operator.

use super::*;

/// The routes have moved, and EC2 refuses the Elastic IP.
#[test]
fn an_elastic_ip_that_cannot_come_is_told_by_its_reason() {
    for (id, code, message) in [
        ("AWS-68", "AuthFailure", "The address '203.0.113.10' does not belong to you."),
        ("AWS-69", "Gateway.NotAttached", "Network vpc-1 is not attached to any internet gateway"),
        ("AWS-70", "InvalidAddress.Locked", "The address is locked."),
        ("AWS-71", "OperationNotPermitted", "You are not allowed to manage 'ela-attach' attachments."),
    ] {
        let sim = Simulator::start(held_by_a(1).with_elastic_ip(ENI_A));
        sim.faults().on(Rule::always("ec2", "AssociateAddress", Fault::error(400, code, message)));
        told(id, &Member::b(&sim).with(public()).hook());
    }
}

#[test]
fn an_interface_that_takes_no_more_addresses_needs_no_quota() {
    let sim = Simulator::start(World::one_subnet());
    let full = Fault::error(400, "PrivateIpAddressLimitExceeded", "Number of private addresses will exceed limit.");
    sim.faults().on(Rule::always("ec2", "AssignPrivateIpAddresses", full));
    let member = Member::b(&sim).with(json!({ "vip": SECONDARY_IP, "aws": { "mechanism": "secondaryIp" } }));
    told("AWS-72", &member.hook());
}

#[test]
fn an_interface_without_room_for_the_vip_is_known_beforehand() {
    let mut world = World::one_subnet();
    world.instances.iter_mut().for_each(|instance| instance.instance_type = "t3.micro".into());
    world.interface_mut(ENI_B).expect("there").secondary_private_ips.push("10.0.1.77".parse().expect("literal"));
    let sim = Simulator::start(world);
    let member = Member::b(&sim).with(json!({ "vip": SECONDARY_IP, "aws": { "mechanism": "secondaryIp" } }));
    told("AWS-139", &member.check());
    told("AWS-140", &member.hook());
    sim.change(|world| world.interface_mut(ENI_B).expect("there").secondary_private_ips.clear());
    assert_outcome(&member.check(), "ready");
    assert_outcome(&member.hook(), "moved");
    // The one who has it needs no more room; without the right nobody knows.
    assert!(!member.check().to_string().contains("addressLimit"));
    sim.change(|world| world.deny("mirrorvip", "ec2:DescribeInstanceTypes"));
    told(
        "AWS-141",
        &Member::a(&sim).with(json!({ "vip": SECONDARY_IP, "aws": { "mechanism": "secondaryIp" } })).check(),
    );
}

#[test]
fn a_region_that_is_not_this_members_is_told() {
    let sim = Simulator::start(held_by_a(1));
    let member = Member::b(&sim).with(json!({ "aws": { "region": "eu-central-1" } }));
    told("AWS-142", &member.check());
    told("AWS-143", &member.hook());
    assert_eq!(writes(&sim), [""; 0]);
    let own = sim.world().region;
    assert_outcome(&Member::b(&sim).with(json!({ "aws": { "region": own } })).hook(), "moved");
}

#[test]
fn a_route_that_ec2_calls_invalid_is_told_with_what_to_do() {
    let sim = Simulator::start(held_by_a(1));
    let invalid = Fault::error(400, "InvalidRoute.InvalidState", "The route is not in a valid state");
    sim.faults().on(Rule::always("ec2", "ReplaceRoute", invalid));
    told("AWS-73", &Member::b(&sim).hook());
}

#[test]
fn a_role_that_cannot_be_assumed_is_told_by_whom_it_has_to_trust() {
    let sim = Simulator::start(held_by_a(1));
    let answer = json!({ "Code": "AssumeRoleUnauthorizedAccess", "Message": "EC2 cannot assume the role mirrorvip." });
    let path = "GET /latest/meta-data/iam/security-credentials/mirrorvip";
    sim.faults().on(Rule::always("imds", path, Fault::Garbage(answer.to_string())));
    told("AWS-74", &Member::b(&sim).hook());

    let sim = Simulator::start(held_by_a(1));
    let message = "STS is not activated in this region for account:123456789012.";
    sim.faults().on(Rule::always("sts", "AssumeRole", Fault::error(403, "RegionDisabledException", message)));
    let role = json!({ "aws": { "roleArn": format!("arn:aws:iam::{ACCOUNT}:role/network") } });
    told("AWS-75", &Member::b(&sim).with(role).hook());
}
