//! Whether Azure would allow the changes. Resource Manager has no dry run, but it lists what the caller's roles allow on a
//! resource ("Permissions - List For Resource", REST API reference). That list leaves out locks, which are read apart, policies and
//! deny assignments.

use super::{arm::Arm, error::remove_lock, id::Id, nic::Nic, session::Session};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    error::{Code, Error},
};
use futures_util::future::{join, join_all};
use serde_json::Value;
use std::collections::BTreeMap;

/// The actions that a mechanism needs on each resource.
#[derive(Debug, Default)]
pub struct Needs(BTreeMap<Id, Vec<&'static str>>);

/// Compares the needs with the identity's roles, a check for each resource, side by side.
pub async fn all(session: &Session, needs: &Needs) -> Vec<CheckItem> {
    match session.start().await {
        Ok((_, arm)) => {
            let rights = join_all(needs.0.iter().map(|(id, actions)| rehearse(arm, id, actions)));
            let written = needs.0.iter().filter(|(_, actions)| actions.iter().any(|action| action.ends_with("/write")));
            let locks = join_all(written.map(|(id, _)| unlocked(arm, id)));
            let (rights, locks) = join(rights, locks).await;
            rights.into_iter().chain(locks.into_iter().flatten()).collect()
        }
        Err(error) => vec![CheckItem::failed(CheckName::Permissions, &error)],
    }
}

/// The action that the write of an interface needs on it.
pub const WRITE_INTERFACE: &str = "Microsoft.Network/networkInterfaces/write";

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

/// Lists of references in an ip-configuration, and the action that a write needs on each reference.
const OF_A_LIST: [(&str, &str); 4] = [
    ("applicationSecurityGroups", "Microsoft.Network/applicationSecurityGroups/joinIpConfiguration/action"),
    ("loadBalancerBackendAddressPools", "Microsoft.Network/loadBalancers/backendAddressPools/join/action"),
    ("loadBalancerInboundNatRules", "Microsoft.Network/loadBalancers/inboundNatRules/join/action"),
    ("applicationGatewayBackendAddressPools", "Microsoft.Network/applicationGateways/backendAddressPools/join/action"),
];

impl Needs {
    /// Adds what the write of an interface needs. A write sends the whole interface, so Azure checks every reference in it,
    /// those without a change as well.
    pub fn write_interface(&mut self, nic: &Nic) {
        self.add(nic.id.clone(), "Microsoft.Network/networkInterfaces/read");
        self.add(nic.id.clone(), WRITE_INTERFACE);
        let group = nic.body.pointer("/properties/networkSecurityGroup");
        self.add_reference(group, "Microsoft.Network/networkSecurityGroups/join/action");
        for properties in nic.entries().filter_map(|entry| entry.get("properties")) {
            for (field, action) in OF_A_REFERENCE {
                self.add_reference(properties.get(field), action);
            }
            for (field, action) in OF_A_LIST {
                let list = properties.get(field).and_then(Value::as_array).into_iter().flatten();
                list.for_each(|reference| self.add_reference(Some(reference), action));
            }
        }
    }

    /// Adds what a public address needs that comes to an ip-configuration.
    pub fn take_public_ip(&mut self, id: Id) {
        self.add(id.clone(), "Microsoft.Network/publicIPAddresses/read");
        self.join_public_ip(id);
    }

    /// Adds what the write of an interface needs on a public address.
    pub fn join_public_ip(&mut self, id: Id) {
        self.add(id, "Microsoft.Network/publicIPAddresses/join/action");
    }

    /// Adds what the changes of a table's routes need.
    pub fn write_routes(&mut self, table: &Id) {
        for action in OF_A_TABLE {
            self.add(table.clone(), action);
        }
    }

    /// Takes out what these show as well.
    pub fn leave_out(&mut self, others: &Needs) {
        for (id, actions) in &mut self.0 {
            let shown: Vec<_> = others.0.iter().filter(|(other, _)| other.same(id.as_str())).collect();
            actions.retain(|action| !shown.iter().any(|(_, known)| known.contains(action)));
        }
        self.0.retain(|_, actions| !actions.is_empty());
    }

    /// Adds what these need.
    pub fn extend(&mut self, others: Needs) {
        for (id, actions) in others.0 {
            actions.into_iter().for_each(|action| self.add(id.clone(), action));
        }
    }

    /// Each resource with the actions that are needed on it.
    pub fn each(&self) -> impl Iterator<Item = (&Id, &[&'static str])> {
        self.0.iter().map(|(id, actions)| (id, actions.as_slice()))
    }

    /// What the write of an interface needs on what it refers to.
    pub fn of_references(nic: &Nic) -> Self {
        let mut needs = Needs::default();
        needs.write_interface(nic);
        needs.0.retain(|id, _| !id.same(nic.id.as_str()));
        needs
    }

    fn add_reference(&mut self, reference: Option<&Value>, action: &'static str) {
        if let Some(id) = reference.and_then(|reference| reference.get("id")?.as_str()) {
            self.add(Id::from_text(id), action);
        }
    }

    fn add(&mut self, id: Id, action: &'static str) {
        // Resource Manager ignores the case of ids.
        let known = self.0.keys().find(|known| known.same(id.as_str())).cloned();
        let actions = self.0.entry(known.unwrap_or(id)).or_default();
        if !actions.contains(&action) {
            actions.push(action);
        }
    }
}

/// Whether a lock of the kind ReadOnly would refuse the writes of a resource ("Lock your Azure resources to protect your
/// infrastructure"). Without this check a takeover would meet the lock only after the peer has given the VIP up. Returns `None`
/// where no lock is in the way.
async fn unlocked(arm: &Arm, id: &Id) -> Option<CheckItem> {
    const RIGHT: &str = "Microsoft.Authorization/locks/read";
    let name = CheckName::Permission.of(format!("locks of {}", id.shown()));
    let locks = match arm.locks(arm.caller(), id).await {
        Ok(locks) => locks,
        Err(error) => {
            let message = format!("whether a lock refuses the write is not known: {}", error.message);
            let remedy = format!("let the identity read locks ({RIGHT}), or move the VIP once on purpose");
            return Some(CheckItem::new(name, Verdict::Skipped, message, remedy));
        }
    };
    let scope = read_only(&locks)?;
    let message = format!("a lock of the kind ReadOnly on {scope} refuses every write of {}", id.shown());
    Some(CheckItem::failed(name, &Error::new(Code::Denied, message, remove_lock(scope))))
}

/// The scope of a lock of the kind ReadOnly.
pub fn read_only(locks: &[Value]) -> Option<&str> {
    let is_read_only = |lock: &&Value| lock.pointer("/properties/level").and_then(Value::as_str) == Some("ReadOnly");
    let place = locks.iter().find(is_read_only)?.get("id").and_then(Value::as_str).unwrap_or_default();
    // The provider's name is written in any case.
    let at = place.to_ascii_lowercase().find("/providers/microsoft.authorization/locks");
    Some(at.and_then(|at| place.get(..at)).unwrap_or(place))
}

/// The actions that none of these roles gives.
pub fn missing<'a>(roles: &[Value], actions: &[&'a str]) -> Vec<&'a str> {
    actions.iter().filter(|action| !roles.iter().any(|role| gives(role, action))).copied().collect()
}

async fn rehearse(arm: &Arm, id: &Id, actions: &[&str]) -> CheckItem {
    let name = CheckName::Permission.of(id.shown());
    let roles = match arm.permissions(arm.caller(), id).await {
        Ok(roles) => roles,
        Err(error) => {
            return CheckItem::new(
                name,
                Verdict::Skipped,
                format!("what this identity may do on {} is not known: {}", id.typed(), error.message),
                "let the identity read its permissions (Microsoft.Authorization/permissions/read), or compare its role \
                 with docs/install-azure.md and move the VIP once on purpose",
            );
        }
    };
    let missing = missing(&roles, actions);
    if missing.is_empty() {
        return CheckItem::ok(name, format!("the identity's roles on {} allow {}", id.typed(), actions.join(", ")));
    }
    let error = Error::new(
        Code::Denied,
        format!("the identity's roles on {} do not allow {}", id.typed(), missing.join(", ")),
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
