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
