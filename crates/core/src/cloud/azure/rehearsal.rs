//! Would the changes be allowed? Resource Manager has no dry run, but it lists what the caller's roles allow on a resource
//! ("Permissions - List For Resource", REST API reference). Locks, policies and deny assignments are not in that list.

use super::{
    Azure, Body, Seen,
    arm::{Arm, Id},
    nic::Nic,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::{Code, Error},
};
use futures_util::future::join_all;
use serde_json::Value;
use std::collections::BTreeMap;

/// What is needed on one resource.
type Needs = BTreeMap<Id, Vec<&'static str>>;

pub async fn all(azure: &Azure, arm: &Arm, seen: &Seen) -> Vec<CheckItem> {
    let mut refused = Vec::new();
    let needs = match &seen.body {
        Body::IpConfig(body) => {
            // A takeover from an interface that may not be read fails for that reason.
            let denied = body.members.silent.iter().filter(|silent| silent.why.code == Code::Denied);
            refused.extend(denied.map(|silent| CheckItem::failed(CheckName::Permission.of(&silent.name), &silent.why)));
            let mut needs = Needs::new();
            body.members.nics.iter().for_each(|nic| of_interface(&mut needs, nic));
            for id in azure.vips.iter().filter_map(|vip| azure.public_id(&seen.here, vip)) {
                need(&mut needs, id.clone(), "Microsoft.Network/publicIPAddresses/read");
                need(&mut needs, id, "Microsoft.Network/publicIPAddresses/join/action");
            }
            needs
        }
        Body::Routes(body) => body.tables.iter().map(|(id, _)| (id.clone(), OF_A_TABLE.to_vec())).collect(),
    };
    let asked = join_all(needs.iter().map(|(id, actions)| rehearse(arm, id, actions))).await;
    refused.into_iter().chain(asked).collect()
}

const OF_A_TABLE: [&str; 3] = [
    "Microsoft.Network/routeTables/read",
    "Microsoft.Network/routeTables/routes/write",
    "Microsoft.Network/routeTables/routes/delete",
];

/// Single references of an ip-configuration, and the action that a write needs on each: "Azure permissions for Networking".
const OF_A_REFERENCE: [(&str, &str); 2] = [
    ("subnet", "Microsoft.Network/virtualNetworks/subnets/join/action"),
    ("publicIPAddress", "Microsoft.Network/publicIPAddresses/join/action"),
];

/// References that come in lists.
const OF_A_LIST: [(&str, &str); 4] = [
    ("applicationSecurityGroups", "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action"),
    ("loadBalancerBackendAddressPools", "Microsoft.Network/loadBalancers/backendAddressPools/join/action"),
    ("loadBalancerInboundNatRules", "Microsoft.Network/loadBalancers/inboundNatRules/join/action"),
    ("applicationGatewayBackendAddressPools", "Microsoft.Network/applicationGateways/backendAddressPools/join/action"),
];

/// The whole interface is written, so everything that it refers to is asked about, also what does not change.
fn of_interface(needs: &mut Needs, nic: &Nic) {
    need(needs, nic.id.clone(), "Microsoft.Network/networkInterfaces/read");
    need(needs, nic.id.clone(), "Microsoft.Network/networkInterfaces/write");
    let group = nic.body.pointer("/properties/networkSecurityGroup");
    need_reference(needs, group, "Microsoft.Network/networkSecurityGroups/join/action");
    for properties in nic.entries().filter_map(|entry| entry.get("properties")) {
        for (field, action) in OF_A_REFERENCE {
            need_reference(needs, properties.get(field), action);
        }
        for (field, action) in OF_A_LIST {
            let list = properties.get(field).and_then(Value::as_array).into_iter().flatten();
            list.for_each(|reference| need_reference(needs, Some(reference), action));
        }
    }
}

fn need_reference(needs: &mut Needs, reference: Option<&Value>, action: &'static str) {
    if let Some(id) = reference.and_then(|reference| reference.get("id")?.as_str()) {
        need(needs, Id::from_text(id), action);
    }
}

fn need(needs: &mut Needs, id: Id, action: &'static str) {
    // Ids are the same whatever their case.
    let known = needs.keys().find(|known| known.same(id.as_str())).cloned();
    let actions = needs.entry(known.unwrap_or(id)).or_default();
    if !actions.contains(&action) {
        actions.push(action);
    }
}

async fn rehearse(arm: &Arm, id: &Id, actions: &[&str]) -> CheckItem {
    let name = CheckName::Permission.of(id.shown());
    let roles = match arm.permissions(id).await {
        Ok(roles) => roles,
        Err(error) => {
            return CheckItem::new(
                name,
                Verdict::Skipped,
                format!("what this identity may do there is not known: {}", error.message),
                "let the identity read its permissions (Microsoft.Authorization/permissions/read), or compare its role \
                 with docs/install-azure.md and move the VIP once on purpose",
            );
        }
    };
    let missing: Vec<_> =
        actions.iter().filter(|action| !roles.iter().any(|role| gives(role, action))).copied().collect();
    if missing.is_empty() {
        return CheckItem::ok(name, format!("the identity's roles allow {}", actions.join(", ")));
    }
    let error = Error::new(
        Code::Denied,
        format!("the identity's roles on {} do not allow {}", id.shown(), missing.join(", ")),
        format!(
            "assign a role with these actions on {} to this VM's identity (docs/install-azure.md has the whole role)",
            id.as_str()
        ),
    );
    CheckItem::failed(name, &error)
}

/// One role gives what its actions name and its own `notActions` do not take away again ("Understand Azure role
/// definitions").
fn gives(role: &Value, action: &str) -> bool {
    let names = |key: &str| {
        let patterns = role.get(key).and_then(Value::as_array).into_iter().flatten();
        patterns.filter_map(Value::as_str).any(|pattern| matches(pattern, action))
    };
    names("actions") && !names("notActions")
}

/// A pattern of a role: `*` stands for any characters; case does not count.
fn matches(pattern: &str, action: &str) -> bool {
    let (pattern, action) = (pattern.to_ascii_lowercase(), action.to_ascii_lowercase());
    let mut pieces = pattern.split('*');
    let Some(mut rest) = pieces.next().and_then(|first| action.strip_prefix(first)) else { return false };
    let pieces: Vec<&str> = pieces.collect();
    let Some((last, middle)) = pieces.split_last() else { return rest.is_empty() };
    for piece in middle {
        let Some((_, after)) = rest.split_once(piece) else { return false };
        rest = after;
    }
    rest.ends_with(last)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn stars_and_not_actions_mean_what_azure_says() {
        let write = "Microsoft.Network/networkInterfaces/write";
        for (pattern, known) in [
            ("*", true),
            ("*/write", true),
            ("*/read", false),
            ("microsoft.network/*", true),
            ("Microsoft.Network/*/write", true),
            ("Microsoft.Network/networkInterfaces/write", true),
            ("Microsoft.Network/networkInterfaces/write/more", false),
            ("Microsoft.Network/networkInterfaces", false),
            ("*networkInterfaces*", true),
            ("*/networkInterfaces/write/*", false),
        ] {
            assert_eq!(matches(pattern, write), known, "{pattern}");
        }
        assert!(!gives(&json!({ "actions": ["*"], "notActions": ["Microsoft.Network/*/write"] }), write));
        assert!(gives(&json!({ "actions": ["*"], "notActions": ["*/delete"] }), write));
        assert!(!gives(&json!({}), write));
    }
}
