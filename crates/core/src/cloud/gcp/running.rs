//! What is known of operations that are under way: this call's own, and those that an earlier call began.

use super::{error::Bound, path::Path, vm::text};
use serde_json::Value;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

pub struct Operation {
    pub path: String,
    pub body: Value,
    pub call: &'static str,
    pub on: String,
    pub bound: Bound,
    /// Whether it was running before this call began: what it does is not known, only what it works on.
    pub is_earlier: bool,
}

/// Operations that are under way: those of this call that were still running when they were last looked at, and those that
/// an earlier one began, which may have been killed over them.
#[derive(Default)]
pub struct Running {
    pub by_change: RefCell<BTreeMap<(&'static str, Path), Operation>>,
    /// Zones, or the global scope, that have been asked for those of earlier calls.
    pub asked: RefCell<BTreeSet<String>>,
}

/// Changes that are worth waiting for, by the type of their operation. Another one, such as a VM's stop, takes its time and
/// has nothing to do with the VIP.
const KINDS: [(&str, &str, &str); 5] = [
    ("/instances/", "updateNetworkInterface", "instances.updateNetworkInterface"),
    ("/instances/", "addAccessConfig", "instances.addAccessConfig"),
    ("/instances/", "deleteAccessConfig", "instances.deleteAccessConfig"),
    ("/routes/", "insert", "routes.insert"),
    ("/routes/", "delete", "routes.delete"),
];

/// The name of an operation, which goes into a path.
pub fn name_of(operation: &Value) -> Option<&str> {
    let name = operation.get("name").and_then(Value::as_str)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

/// The call that a listed operation belongs to, and what it works on.
pub fn subject(operation: &Value) -> Option<(&'static str, Path)> {
    let on = Path::from_link(text(operation, "targetLink"))?;
    let kind = text(operation, "operationType");
    let known = KINDS.iter().find(|(of, name, _)| on.as_str().contains(of) && *name == kind)?;
    Some((known.2, on))
}

#[cfg(test)]
mod tests {
    use super::subject;
    use serde_json::json;

    #[test]
    fn only_changes_that_this_library_makes_are_waited_for() {
        let subject = |kind: &str, target: &str| {
            let link = format!("https://www.googleapis.com/compute/v1/{target}");
            subject(&json!({ "operationType": kind, "targetLink": link })).map(|(call, on)| format!("{call} {on}"))
        };
        let vm = "projects/p/zones/z/instances/i";
        assert_eq!(subject("addAccessConfig", vm).as_deref(), Some("instances.addAccessConfig i"));
        let route = "projects/p/global/routes/r";
        assert_eq!(subject("delete", route).as_deref(), Some("routes.delete r"));
        // A VM's stop takes its time, and its deletion has nothing to do with a route's.
        for (kind, target) in [("stop", vm), ("delete", vm), ("insert", "projects/p/zones/z/disks/d"), ("insert", "")] {
            assert_eq!(subject(kind, target), None, "{kind} {target}");
        }
    }
}
