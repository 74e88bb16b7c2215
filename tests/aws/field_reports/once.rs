//! Answers that come once and would be others a moment later: none of them ends a call.

use super::*;

/// EC2 does not know this member's own interface yet.
#[test]
fn an_own_interface_that_ec2_does_not_know_yet() {
    for name in ["InvalidNetworkInterfaceID.NotFound", "InvalidNetworkInterfaceId.NotFound"] {
        let unknown = || Fault::error(400, name, &format!("The network interface ID '{ENI_B}' does not exist"));
        let mut world = held_by_a(2).with_elastic_ip(ENI_A);
        world.remove_route(&table(2), VIP);
        let sim = Simulator::start(world);
        for action in ["ReplaceRoute", "CreateRoute", "AssociateAddress"] {
            sim.faults().on(Rule::once("ec2", action, unknown()));
        }
        told("AWS-95", &Member::b(&sim).with(public()).hook());

        let sim = Simulator::start(World::one_subnet());
        sim.faults().on(Rule::once("ec2", "AssignPrivateIpAddresses", unknown()));
        let member = Member::b(&sim).with(json!({ "vip": SECONDARY_IP, "aws": { "mechanism": "secondaryIp" } }));
        told("AWS-95", &member.hook());
        sim.faults().on(Rule::once("ec2", "UnassignPrivateIpAddresses", unknown()));
        assert_outcome(&member.release(), "released");
    }
}

/// Each value that the call needs, missing or empty once.
#[test]
fn metadata_that_are_missing_once() {
    let roles = "iam/security-credentials/";
    let needed = ["instance-id", "placement/region", "mac", roles, "iam/security-credentials/mirrorvip"];
    for value in needed {
        for fault in [Fault::error(404, "Not Found", ""), Fault::Garbage(String::new())] {
            let sim = Simulator::start(held_by_a(1));
            let action = format!("GET /latest/meta-data/{value}");
            sim.faults().on(Rule::once("imds", &action, fault));
            told("AWS-96", &Member::b(&sim).hook());
            assert_eq!(sim.faults().met(), 1, "{value}");
        }
    }
    // For good: told in plain words.
    let sim = Simulator::start(held_by_a(1));
    let region = "GET /latest/meta-data/placement/region";
    sim.faults().on(Rule::always("imds", region, Fault::Garbage(String::new())));
    told("AWS-97", &Member::b(&sim).hook());
}

/// A read of the tables that leaves one out, this one only.
fn leaves_out(sim: &Simulator, read: usize, n: usize) {
    let left_out = sim.world().table(&table(n)).expect("there").clone();
    sim.faults().before(
        "DescribeRouteTables",
        read,
        Box::new(move |world| world.route_tables.retain(|known| known.id != table(n))),
    );
    sim.faults().after("DescribeRouteTables", read, Box::new(move |world| world.route_tables.push(left_out)));
}

#[test]
fn a_table_that_one_read_leaves_out() {
    for tables in [json!("all"), json!([table(1), table(2)])] {
        // The first read, before the plan; the second one, after the writes.
        for read in [1, 2] {
            let sim = Simulator::start(held_by_a(2));
            match read {
                1 => leaves_out(&sim, 1, 2),
                _ => {
                    // The table comes back as the write had left it.
                    let mut after = held_by_a(2);
                    after.set_route(&table(2), VIP, ENI_B);
                    let written = after.table(&table(2)).expect("there").clone();
                    let is_other = |known: &cloudsim::aws::world::RouteTable| known.id != table(2);
                    sim.faults().before(
                        "DescribeRouteTables",
                        2,
                        Box::new(move |world| world.route_tables.retain(is_other)),
                    );
                    sim.faults().after(
                        "DescribeRouteTables",
                        2,
                        Box::new(move |world| world.route_tables.push(written)),
                    );
                }
            }
            let report = Member::b(&sim).with(json!({ "aws": { "routeTables": tables } })).hook();
            told("AWS-98", &report);
            assert_eq!(report["parts"].as_array().map(Vec::len), Some(2), "{tables} {read}: {report:#}");
            assert_eq!(sim.world().holder(&table(2), VIP).as_deref(), Some(ENI_B), "{tables} {read}");
        }
    }
}

#[test]
fn a_table_that_appears_during_the_call() {
    let sim = Simulator::start(held_by_a(2));
    let new = cloudsim::aws::world::RouteTable { id: table(3), ..sim.world().table(&table(2)).expect("there").clone() };
    sim.faults().after("ReplaceRoute", 1, Box::new(move |world| world.route_tables.push(new)));
    told("AWS-99", &Member::b(&sim).hook());
    assert_eq!(sim.world().holder(&table(3), VIP).as_deref(), Some(ENI_B));
}

/// EC2 refuses the token of the second page that it gave a moment ago.
#[test]
fn a_page_whose_token_is_refused_once() {
    for (code, message) in [
        ("InvalidNextToken", "The token was invalid"),
        ("InvalidParameterValue", "Value (x) for parameter NextToken is invalid. The token is invalid."),
    ] {
        let sim = Simulator::start(held_by_a(3));
        sim.faults().page_size(1);
        let refused = Fault::error(400, code, message);
        sim.faults().on(Rule { skip: 1, ..Rule::once("ec2", "DescribeRouteTables", refused.clone()) });
        let report = Member::b(&sim).hook();
        told("AWS-100", &report);
        assert_eq!(report["parts"].as_array().map(Vec::len), Some(3), "{report:#}");
        // Twice in one list is no accident.
        sim.faults().on(Rule { skip: 1, ..Rule::once("ec2", "DescribeRouteTables", refused.clone()) });
        sim.faults().on(Rule { skip: 3, ..Rule::once("ec2", "DescribeRouteTables", refused) });
        assert_outcome(&Member::b(&sim).status(), "unknown");
    }
}
