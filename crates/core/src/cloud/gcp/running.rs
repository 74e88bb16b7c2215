//! The operations that are under way: those of this call, and those that an earlier call or another member began.

use super::{error::Bound, path::Path, vm::text};
use serde_json::Value;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};
use tokio::time::Instant;

/// An operation, as the last read described it.
pub struct Operation {
    pub path: String,
    pub body: Value,
    /// The call that began it, for example `instances.addAccessConfig`.
    pub call: &'static str,
    /// The name of the resource that it changes.
    pub on: String,
    /// What the call was conditional on.
    pub bound: Bound,
    /// Since when this call knows of it.
    pub since: Instant,
    /// The body of the request, where this call sent one.
    pub asked: Option<Value>,
    /// Whether an earlier call or another member began it. Google tells us which resource it changes, but no more of the change.
    pub is_earlier: bool,
}

/// A call and the resource that it changes.
pub type Key = (&'static str, Path);

/// Operations that had not ended at their last read. Those of an earlier call remain where IRIS killed that call's process.
#[derive(Default)]
pub struct Running {
    by_change: RefCell<BTreeMap<Key, Operation>>,
    /// The scopes that this call has asked for operations that it did not begin.
    asked: RefCell<BTreeSet<String>>,
    /// The resources that an operation of somebody else was changing at some time of this call.
    changed_by_others: RefCell<BTreeSet<Path>>,
    /// The names of the operations that this call began.
    own: RefCell<BTreeSet<String>>,
}

impl Running {
    /// Takes the operation of this call on this resource out, if there is one.
    pub fn take(&self, key: &Key) -> Option<Operation> {
        self.by_change.borrow_mut().remove(key)
    }

    /// Takes out the first operation that this call did not begin and whose resource `concerns` accepts.
    pub fn take_earlier(&self, concerns: impl Fn(&Path) -> bool) -> Option<(Key, Operation)> {
        let mut by_change = self.by_change.borrow_mut();
        let key = {
            let mut earlier = by_change.iter().filter(|((_, on), operation)| operation.is_earlier && concerns(on));
            earlier.next().map(|(key, _)| key.clone())?
        };
        by_change.remove_entry(&key)
    }

    /// Whether any operation, begun by this call or not, changes a resource that `concerns` accepts.
    pub fn changes(&self, concerns: impl Fn(&Path) -> bool) -> bool {
        self.by_change.borrow().keys().any(|(_, on)| concerns(on))
    }

    /// The calls of somebody else that are changing this resource.
    pub fn changes_of_others(&self, on: &Path) -> Vec<&'static str> {
        let by_change = self.by_change.borrow();
        let others = by_change.iter().filter(|((_, path), operation)| path == on && operation.is_earlier);
        others.map(|((call, _), _)| *call).collect()
    }

    /// Whether the route of this number is being deleted, by whomever. Google gives a number to one route alone.
    pub fn deletes(&self, number: &str) -> bool {
        let by_change = self.by_change.borrow();
        by_change
            .values()
            .any(|operation| operation.call == "routes.delete" && text(&operation.body, "targetId") == number)
    }

    /// The operations that this call did not begin, on resources that `concerns` accepts: each with its path.
    pub fn earlier(&self, concerns: impl Fn(&Path) -> bool) -> Vec<(Key, String)> {
        let by_change = self.by_change.borrow();
        let earlier = by_change.iter().filter(|((_, on), operation)| operation.is_earlier && concerns(on));
        earlier.map(|(key, operation)| (key.clone(), operation.path.clone())).collect()
    }

    /// Forgets an operation that has ended.
    pub fn forget(&self, key: &Key, path: &str) {
        self.by_change.borrow_mut().retain(|known, operation| known != key || operation.path != path);
    }

    /// Any change that is under way, as far as this call knows.
    pub fn any(&self) -> Option<Key> {
        self.by_change.borrow().keys().next().cloned()
    }

    /// Whether another change of this call than `call` is still under way on this resource.
    pub fn is_changing_otherwise(&self, on: &Path, call: &str) -> bool {
        let by_change = self.by_change.borrow();
        by_change.iter().any(|((known, path), operation)| path == on && *known != call && !operation.is_earlier)
    }

    /// Whether an operation of somebody else was changing one of these at some time of this call.
    pub fn were_changed_by_others(&self, on: &[Path]) -> bool {
        on.iter().any(|path| self.changed_by_others.borrow().contains(path))
    }

    /// Remembers that this call began the operation of this name.
    pub fn note_own(&self, name: &str) {
        self.own.borrow_mut().insert(name.to_owned());
    }

    /// Whether this call began the operation of this name.
    pub fn is_own(&self, name: &str) -> bool {
        self.own.borrow().contains(name)
    }

    pub fn keep(&self, key: Key, operation: Operation) {
        if operation.is_earlier {
            self.changed_by_others.borrow_mut().insert(key.1.clone());
        }
        self.by_change.borrow_mut().insert(key, operation);
    }

    /// The scopes among these that nobody has asked yet. From now on they count as asked.
    pub fn unasked(&self, scopes: impl IntoIterator<Item = String>) -> Vec<String> {
        scopes.into_iter().filter(|scope| self.asked.borrow_mut().insert(scope.clone())).collect()
    }
}

/// Changes that are worth a wait: a part of the resource's kind, the type of the operation, and the call. Any other
/// operation, such as a VM's stop, takes its time and has nothing to do with the VIP.
const KINDS: [(&str, &str, &str); 5] = [
    ("/instances/", "updateNetworkInterface", "instances.updateNetworkInterface"),
    ("/instances/", "addAccessConfig", "instances.addAccessConfig"),
    ("/instances/", "deleteAccessConfig", "instances.deleteAccessConfig"),
    ("/routes/", "insert", "routes.insert"),
    ("/routes/", "delete", "routes.delete"),
];

/// The name of an operation. It becomes part of a path, so any other character makes it `None`.
pub fn name_of(operation: &Value) -> Option<&str> {
    let name = operation.get("name").and_then(Value::as_str)?;
    let plain = |byte: u8| byte.is_ascii_alphanumeric() || byte == b'-' || byte == b'_';
    (!name.is_empty() && name.bytes().all(plain)).then_some(name)
}

/// The call that began a listed operation, and the resource that the operation changes.
pub fn subject(operation: &Value) -> Option<Key> {
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
    fn subject_knows_the_changes_of_this_library_alone() {
        let subject = |kind: &str, target: &str| {
            let link = format!("https://www.googleapis.com/compute/v1/{target}");
            subject(&json!({ "operationType": kind, "targetLink": link })).map(|(call, on)| format!("{call} {on}"))
        };
        let vm = "projects/p/zones/z/instances/i";
        assert_eq!(subject("addAccessConfig", vm).as_deref(), Some("instances.addAccessConfig i"));
        let route = "projects/p/global/routes/r";
        assert_eq!(subject("delete", route).as_deref(), Some("routes.delete r"));
        // A VM's stop takes its time, and a VM's deletion has nothing to do with a route's.
        for (kind, target) in [("stop", vm), ("delete", vm), ("insert", "projects/p/zones/z/disks/d"), ("insert", "")] {
            assert_eq!(subject(kind, target), None, "{kind} {target}");
        }
    }
}
