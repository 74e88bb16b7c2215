//! `--retry-for`, and where it stops at once.

use crate::*;
use cloudsim::{
    Fault, Rule,
    aws::{ENI_A, MEMBER_B, Simulator, World},
};
use std::time::{Duration, Instant};

#[test]
fn what_a_repeat_may_mend_is_repeated() {
    let sim = Simulator::start(World::overlay(1).held(VIP, ENI_A));
    let b = on_aws(&sim, MEMBER_B);
    let one_bad_call = Rule { times: 2, ..Rule::always("ec2", "DescribeRouteTables", Fault::HangBefore) };
    sim.faults().on(one_bad_call.clone());
    let once = b.run("acquire", &["--deadline", "1"]);
    assert_eq!(once.status, Some(1), "{once:?}");
    sim.faults().clear();
    sim.faults().on(one_bad_call);
    let ran = b.run("acquire", &["--deadline", "1", "--retry-for", "60", "--json"]);
    assert_eq!(ran.status, Some(0), "{ran:?}");
    assert!(ran.err.contains("once more in"), "{ran:?}");
    assert_eq!(ran.json()["outcome"], "moved");
}

/// Another member has taken the VIP back: only IRIS knows which of the two is the primary.
#[test]
fn a_report_that_asks_iris_first_is_never_repeated() {
    let sim = Simulator::start(World::overlay(1).held(VIP, ENI_A));
    let again = |world: &mut World| world.set_route(&World::table_id(1), VIP, ENI_A);
    sim.faults().after("ReplaceRoute", 1, Box::new(again));
    let begun = Instant::now();
    let ran = on_aws(&sim, MEMBER_B).run("acquire", &["--retry-for", "600"]);
    assert!(ran.out.starts_with("lost: "), "{ran:?}");
    assert!(ran.out.contains("not repeated: IRIS decides"), "{ran:?}");
    assert_eq!(ran.status, Some(1));
    assert!(begun.elapsed() < Duration::from_secs(60), "{:?}", begun.elapsed());
    let writes = sim.log().iter().filter(|call| call.action == "ReplaceRoute" && !call.dry_run).count();
    assert_eq!(writes, 1);
}

#[test]
fn what_no_repeat_would_mend_is_not_repeated() {
    let sim = Simulator::start(World::overlay(1).held(VIP, ENI_A));
    sim.change(|world| world.deny(cloudsim::aws::ROLE, "ec2:ReplaceRoute"));
    let ran = on_aws(&sim, MEMBER_B).run("acquire", &["--retry-for", "600"]);
    assert_eq!((ran.status, ran.err.as_str()), (Some(1), ""), "{ran:?}");
    assert!(ran.out.contains("error denied: ") && ran.out.contains("more: mirrorvip explain denied"), "{ran:?}");
}
