//! What the VIP's entry on a peer carries (pools, groups, the name of a range) while it is on no interface. The peer's entry goes
//! before the own one comes, and a call may end in between: then its report hands these settings on, in `resume`.

use crate::{error::Result, vip::Vip};
use serde_json::{Map, Value, json};
use std::cell::RefCell;

/// The entries that this call, or an earlier one of the same takeover, took off a peer.
#[derive(Debug, Default)]
pub struct Carried(RefCell<Map<String, Value>>);

impl Carried {
    /// What an earlier call handed on. Whatever is not for this mechanism, or not an entry that `is_entry` accepts for its VIP,
    /// is ignored: a request can say anything.
    pub fn of_request(
        resume: &Value,
        cloud: &str,
        mechanism: &str,
        vips: &[Vip],
        is_entry: impl Fn(&Vip, &Value) -> bool,
    ) -> Self {
        let carried = Carried::default();
        let says = |key: &str| resume.get(key).and_then(Value::as_str).unwrap_or_default();
        if says("cloud") != cloud || says("mechanism") != mechanism {
            return carried;
        }
        for vip in vips {
            let entry = resume.get("entries").and_then(|entries| entries.get(vip.to_string()));
            if let Some(entry) = entry.filter(|entry| is_entry(vip, entry)) {
                carried.0.borrow_mut().insert(vip.to_string(), entry.clone());
            }
        }
        carried
    }

    /// Keeps the entries that a write took off a peer, or may have.
    pub fn keep(&self, entries: &[(String, Value)], written: &Result<()>) {
        if written.as_ref().err().is_some_and(|error| !error.fate.may_have_changed()) {
            return;
        }
        let mut carried = self.0.borrow_mut();
        for (vip, entry) in entries {
            let earlier = carried.remove(vip);
            carried.insert(vip.clone(), completed(entry.clone(), earlier));
        }
    }

    /// The entry of this VIP.
    pub fn entry(&self, vip: &Vip) -> Option<Value> {
        self.0.borrow().get(&vip.to_string()).cloned()
    }

    /// A peer's entry of this VIP, with what an earlier one carried: a member that takes the VIP back between two writes of this call
    /// may do so without it.
    pub fn complete(&self, vip: &Vip, entry: Value) -> Value {
        completed(entry, self.entry(vip))
    }

    /// What the next call must not forget.
    pub fn resume(&self, cloud: &str, mechanism: &str) -> Option<Value> {
        let entries = self.0.borrow();
        (!entries.is_empty()).then(|| json!({ "cloud": cloud, "mechanism": mechanism, "entries": *entries }))
    }
}

/// The entry, with what the earlier one has and this one lacks.
fn completed(entry: Value, earlier: Option<Value>) -> Value {
    match (entry, earlier) {
        (Value::Object(mut now), Some(Value::Object(earlier))) => {
            for (key, value) in earlier {
                let known = now.remove(&key).unwrap_or_default();
                now.insert(key, completed(known, Some(value)));
            }
            Value::Object(now)
        }
        (Value::Null, Some(earlier)) => earlier,
        (Value::Array(now), Some(earlier)) if now.is_empty() => earlier,
        (now, _) => now,
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::error::{Code, Error};

    #[test]
    fn a_bare_entry_takes_nothing_away_from_an_earlier_one() {
        let vip = Vip { address: "10.0.0.1/32".parse().expect("a VIP"), public_ip: None, name: None };
        let carried = Carried::default();
        let rich = json!({ "name": "vip", "properties": { "pools": ["a"], "rules": ["r"], "primary": false } });
        let bare = json!({ "name": "new", "properties": { "pools": ["b"], "rules": [], "primary": true } });
        let both = json!({ "name": "new", "properties": { "pools": ["b"], "rules": ["r"], "primary": true } });
        assert_eq!(carried.complete(&vip, bare.clone()), bare, "nothing came before");
        carried.keep(&[(vip.to_string(), rich)], &Ok(()));
        assert_eq!(carried.complete(&vip, bare.clone()), both);
        carried.keep(&[(vip.to_string(), bare)], &Ok(()));
        assert_eq!(carried.entry(&vip), Some(both));
    }

    #[test]
    fn a_request_brings_only_what_fits() {
        let vip = |text: &str| Vip { address: text.parse().expect("a VIP"), public_ip: None, name: None };
        let vips = [vip("10.0.0.1/32"), vip("10.0.0.2/32")];
        let carried = Carried::default();
        let entries = [(vips[0].to_string(), json!({ "pool": 1 }))];
        carried.keep(&entries, &Err(Error::new(Code::Denied, "no", "")));
        assert_eq!(carried.resume("azure", "ipConfig"), None, "the peer still has it");
        carried.keep(&entries, &Err(Error::in_doubt("lost", "")));
        let resume = carried.resume("azure", "ipConfig").expect("an entry");
        let read = |resume: &Value, cloud: &str| {
            let read = Carried::of_request(resume, cloud, "ipConfig", &vips, |_, entry| entry.is_object());
            vips.each_ref().map(|vip| read.entry(vip))
        };
        assert_eq!(read(&resume, "azure"), [Some(json!({ "pool": 1 })), None]);
        for (resume, cloud) in [
            (resume.clone(), "gcp"),
            (
                json!({ "cloud": "azure", "mechanism": "ipConfig", "entries": { "10.0.0.1/32": 7, "10.9.9.9/32": {} } }),
                "azure",
            ),
            (json!(["anything"]), "azure"),
            (Value::Null, "azure"),
        ] {
            assert_eq!(read(&resume, cloud), [None, None], "{resume}");
        }
        assert_eq!(Carried::default().resume("azure", "ipConfig"), None);
    }
}
