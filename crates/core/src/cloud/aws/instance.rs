//! Instances, as far as a holder of the VIP has to run. A stopped one keeps its interface and its private addresses ("Stop and start
//! Amazon EC2 instances", EC2 User Guide), so the interface alone does not show that nobody receives what is sent to the VIP.

use super::session::Session;
use crate::error::Result;
use aws_sdk_ec2::types::{Filter, Instance};
use std::collections::BTreeMap;

const CALL: &str = "ec2:DescribeInstances";

/// Of these instances, those that do not run, each with its state.
///
/// # Errors
/// EC2's. Nothing that moves the VIP needs this read, so it is tried once.
pub async fn at_rest(session: &Session, instances: &[String]) -> Result<BTreeMap<String, String>> {
    if instances.is_empty() {
        return Ok(BTreeMap::new());
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
    // EC2 forgets an instance about an hour after its end.
    let of_each = |id: &String| (id.clone(), states.get(id).cloned().unwrap_or_else(|| "terminated".into()));
    let rests = |(_, state): &(String, String)| {
        matches!(state.as_str(), "stopping" | "stopped" | "shutting-down" | "terminated")
    };
    Ok(instances.iter().map(of_each).filter(rests).collect())
}
