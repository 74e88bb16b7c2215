//! Instances, as far as a holder of the VIP has to run. A stopped one keeps its interface and its private addresses ("Stop and start
//! Amazon EC2 instances", EC2 User Guide), so the interface alone does not show that nobody receives what is sent to the VIP.

use super::session::Session;
use crate::error::Result;
use aws_sdk_ec2::types::{Filter, Instance};
use std::collections::BTreeMap;

/// What EC2 tells of the instances that were asked for.
#[derive(Debug, Clone, Default)]
pub struct States {
    /// Those that do not run, each with its state.
    pub at_rest: BTreeMap<String, String>,
    /// Those that EC2 does not list. Such a one may run: EC2 shows a new instance a while late ("Eventual consistency in the Amazon EC2
    /// API"), and another account's never.
    pub unlisted: Vec<String>,
}

const CALL: &str = "ec2:DescribeInstances";

/// Which of these instances do not run.
///
/// # Errors
/// EC2's. Nothing that moves the VIP needs this read, so it is tried once.
pub async fn states(session: &Session, instances: &[String]) -> Result<States> {
    if instances.is_empty() {
        return Ok(States::default());
    }
    // As a filter: `InstanceIds` refuses the whole request for one id that does not exist any more.
    let filter = Filter::builder().name("instance-id").set_values(Some(instances.to_vec())).build();
    let answer = session
        .read_by(&session.once(), CALL, &instances.join(","), async |ec2| {
            ec2.describe_instances().filters(filter.clone()).send().await
        })
        .await?;
    let all = answer.reservations().iter().flat_map(|reservation| reservation.instances());
    let state = |found: &Instance| {
        let state = found.state()?.name()?.as_str().to_owned();
        Some((found.instance_id()?.to_owned(), state))
    };
    let states: BTreeMap<String, String> = all.filter_map(state).collect();
    let unlisted = instances.iter().filter(|id| !states.contains_key(*id)).cloned().collect();
    let rests = |state: &str| matches!(state, "stopping" | "stopped" | "shutting-down" | "terminated");
    Ok(States { at_rest: states.into_iter().filter(|(_, state)| rests(state)).collect(), unlisted })
}
