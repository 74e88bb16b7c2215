//! What belonged to the VIP's entry on a peer and cannot come along: Azure has refused it, and the VIP comes without it.

use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::azure::{id::Id, identity::Here, nic::public_of, public_ip, session::Session},
    error::{Code, Error},
    vip::Vip,
};
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeMap};

/// References of entries, each with its VIP and why it stays behind.
#[derive(Debug, Default)]
pub struct LeftBehind(RefCell<BTreeMap<(String, Id), Error>>);

impl LeftBehind {
    /// Notes the references of this entry that an error is about. Answers whether there were new ones.
    pub fn note(&self, vip: &Vip, entry: &Value, error: &Error, is_at_fault: impl Fn(&Id) -> bool) -> bool {
        let at_fault: Vec<Id> = references(entry).filter(|id| is_at_fault(id)).collect();
        let mut all = self.0.borrow_mut();
        let before = all.len();
        all.extend(at_fault.into_iter().map(|id| ((vip.to_string(), id), error.clone())));
        all.len() > before
    }

    /// Notes public addresses of these entries, each with its VIP, that give way to configured ones.
    pub fn note_other_publics(&self, session: &Session, here: &Here, entries: &[(String, Value)]) {
        let id_of = |vip: &Vip| public_ip::id_of(session, here, vip);
        let is_asked_for = |id: &Id| session.vips.iter().filter_map(id_of).any(|known| known.same(id.as_str()));
        for vip in &session.vips {
            let entry = entries.iter().find(|(name, _)| *name == vip.to_string()).map(|(_, entry)| entry);
            if let Some((entry, configured)) = entry.zip(id_of(vip))
                && let Some(other) = public_of(entry).filter(|other| !is_asked_for(other))
            {
                self.note(vip, entry, &gives_way(&configured), |id| *id == other);
            }
        }
    }

    /// Takes the references out of a peer's entry that stay behind.
    pub fn leave_out(&self, vip: &Vip, entry: &mut Value) {
        let all = self.0.borrow();
        let stays = |id: &str| all.keys().any(|(of, known)| *of == vip.to_string() && known.same(id));
        if all.is_empty() {
            return;
        }
        let Some(properties) = entry.get_mut("properties").and_then(Value::as_object_mut) else { return };
        properties.retain(|_, value| !value.get("id").and_then(Value::as_str).is_some_and(stays));
        for list in properties.values_mut().filter_map(Value::as_array_mut) {
            list.retain(|value| !value.get("id").and_then(Value::as_str).is_some_and(stays));
        }
    }

    /// A warning for each.
    pub fn remarks(&self) -> Vec<CheckItem> {
        let all = self.0.borrow();
        let told = all.iter().map(|((vip, id), why)| {
            CheckItem::new(
                CheckName::LeftBehind,
                Verdict::Warning,
                format!("{} of the entry of {vip} did not come along: {}", id.as_str(), why.message),
                format!("{}; then add it to the VIP's ip-configuration", why.remedy),
            )
        });
        told.collect()
    }
}

/// Why a public address of a peer's entry stays behind where the configuration names another one.
pub fn gives_way(configured: &Id) -> Error {
    Error::new(
        Code::Conflict,
        format!("`publicIp` gives the VIP {} in its place", configured.name()),
        "correct `publicIp` on every member if this address is the right one",
    )
}

/// What an entry refers to beside its subnet: pools, rules, a public address.
pub fn references(entry: &Value) -> impl Iterator<Item = Id> {
    let properties = entry.get("properties").and_then(Value::as_object).into_iter().flatten();
    let lists =
        properties.filter(|(key, _)| *key != "applicationSecurityGroups").filter_map(|(_, value)| value.as_array());
    let ids = lists.flatten().filter_map(|value| value.get("id")?.as_str()).map(Id::from_text);
    ids.chain(public_of(entry))
}
