//! Instances, as far as a holder of the VIP has to run. A stopped one keeps its interface and its private addresses ("Stop and start
//! Amazon EC2 instances", EC2 User Guide), so the interface alone does not show that nobody receives what is sent to the VIP.

use super::session::Session;
use crate::error::Result;
use std::collections::BTreeMap;

const CALL: &str = "ec2:DescribeInstances";

/// Of these instances, those that do not run, each with its state. An answer without one of them says nothing about it.
///
/// # Errors
/// EC2's. Nothing that moves the VIP needs this read, so it is tried once.
pub async fn at_rest(session: &Session, instances: &[String]) -> Result<BTreeMap<String, String>> {
    if instances.is_empty() {
        return Ok(BTreeMap::new());
    }
    let answer = session
        .read_by(&session.once(), CALL, &instances.join(","), async |ec2| {
            ec2.describe_instances().set_instance_ids(Some(instances.to_vec())).send().await
        })
        .await?;
    let all = answer.reservations().iter().flat_map(|reservation| reservation.instances());
    let told = all.filter_map(|found| {
        let state = found.state()?.name()?.as_str();
        // An instance that starts or shuts down may still receive, or soon.
        let rests = matches!(state, "stopping" | "stopped" | "shutting-down" | "terminated");
        rests.then(|| Some((found.instance_id()?.to_owned(), state.to_owned())))?
    });
    Ok(told.collect())
}
