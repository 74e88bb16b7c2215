//! Application security groups: all IPv4 configurations of a network interface refer to the same ones. Code and text as in
//! <https://github.com/Azure/azure-cli/issues/21551>; that the rule is about IPv4 is in
//! <https://github.com/hashicorp/terraform-provider-azurerm/pull/5815>.

use std::collections::BTreeSet;

use serde_json::Value;

use super::super::error::{ArmError, Result};
use super::super::world::ip_configs;

pub(super) fn must_agree(nic: &Value) -> Result<()> {
    let mut configs = ip_configs(nic).iter().filter(|config| config["properties"]["privateIPAddressVersion"] != "IPv6");
    let Some(first) = configs.next() else { return Ok(()) };
    match configs.find(|config| groups(config) != groups(first)) {
        None => Ok(()),
        Some(other) => {
            let told = |config: &Value| {
                let ids: Vec<String> = groups(config).into_iter().collect();
                format!(
                    "IPConfiguration {} references ASG(s) {}",
                    config["id"].as_str().unwrap_or_default(),
                    ids.join(",")
                )
            };
            let message = format!(
                "All IPConfigurations on a Network Interface should reference the same set of Application Security Groups. \
                 {}, wheras {}.",
                told(first),
                told(other)
            );
            Err(ArmError::bad("AllIpConfigurationsOnANicMustBelongToTheSameApplicationSecurityGroups", message))
        }
    }
}

fn groups(config: &Value) -> BTreeSet<String> {
    let groups = config["properties"]["applicationSecurityGroups"].as_array().into_iter().flatten();
    groups.filter_map(|group| group["id"].as_str()).map(str::to_lowercase).collect()
}
