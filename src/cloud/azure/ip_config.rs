//! The mechanism `ipConfig`: the VIP is an ip-configuration of the holder's interface, with the public address on it.
//!
//! There is no call for one ip-configuration: the whole interface is written. So its body goes back as it came, as untyped
//! JSON, and only under the version that was read (`If-Match`). The address has to leave the peer's interface before it can
//! come to this one. Source: "Network Interfaces - Create Or Update" (REST API reference).

use super::{
    Azure, Change, Seen as All,
    arm::{Accepted, Arm, Id},
    metadata::same_mac,
    part,
};
use crate::{
    cloud::{After, Effect, Need, Plan, Step},
    error::{Code, Error, Result},
    vip::{Goal, Holder, Part, PartId, Vip},
};
use futures_util::future::{join_all, try_join, try_join_all};
use serde_json::{Value, json};
use std::{net::IpAddr, time::Duration};

#[derive(Debug, Clone)]
pub struct Seen {
    pub nics: Vec<Nic>,
    /// Listed interfaces that do not exist.
    pub missing: Vec<Id>,
    /// The configured public addresses, each as it was read or as the error that came instead.
    pub public: Vec<(Id, Result<Value>)>,
}

#[derive(Debug, Clone)]
pub struct Nic {
    pub id: Id,
    pub body: Value,
    /// This VM's.
    pub own: bool,
}

impl Nic {
    fn state(&self) -> &str {
        self.body.pointer("/properties/provisioningState").and_then(Value::as_str).unwrap_or("Succeeded")
    }

    fn version(&self) -> Option<&str> {
        self.body.get("etag").and_then(Value::as_str)
    }

    fn entries(&self) -> impl Iterator<Item = &Value> {
        self.body.pointer("/properties/ipConfigurations").and_then(Value::as_array).into_iter().flatten()
    }

    fn entry_with(&self, address: IpAddr) -> Option<&Value> {
        self.entries().find(|entry| address_of(entry) == Some(address))
    }

    fn primary(&self) -> Option<&Value> {
        self.entries().find(|entry| entry.pointer("/properties/primary") == Some(&Value::Bool(true)))
    }

    fn subnet(&self) -> Option<&str> {
        self.primary()?.pointer("/properties/subnet/id")?.as_str()
    }

    pub fn forwards(&self) -> bool {
        self.body.pointer("/properties/enableIPForwarding") == Some(&Value::Bool(true))
    }
}

fn address_of(entry: &Value) -> Option<IpAddr> {
    // A block is written with its prefix; its first address stands for it.
    let text = entry.pointer("/properties/privateIPAddress")?.as_str()?;
    text.split('/').next()?.parse().ok()
}

fn name_of(entry: &Value) -> &str {
    entry.get("name").and_then(Value::as_str).unwrap_or_default()
}

/// Both interfaces and the public addresses, side by side.
pub async fn look(azure: &Azure, arm: &Arm, here: &super::Here) -> Result<Seen> {
    let nics = azure.config.nics.iter().map(|nic| async {
        let id = here.id(nic, "networkInterfaces");
        match arm.get(&id).await {
            Ok(body) => Ok((id, Some(body))),
            Err(error)
                if error.code == Code::NotFound && error.cloud_code.as_deref() != Some("SubscriptionNotFound") =>
            {
                Ok((id, None))
            }
            Err(error) => Err(error),
        }
    });
    let public = azure.vips.iter().filter_map(|vip| azure.public_id(here, vip)).map(|id| async move {
        let body = arm.get(&id).await;
        (id, body)
    });
    let (nics, public) = try_join(try_join_all(nics), async { Ok(join_all(public).await) }).await?;
    let mut seen = Seen { nics: Vec::new(), missing: Vec::new(), public };
    for (id, body) in nics {
        match body {
            Some(body) => {
                let mac = body.pointer("/properties/macAddress").and_then(Value::as_str).unwrap_or_default();
                let own = here.macs.iter().any(|known| same_mac(known, mac));
                seen.nics.push(Nic { id, body, own });
            }
            None => seen.missing.push(id),
        }
    }
    if let Some(stop) = seen.public.iter().find_map(|(_, read)| {
        read.as_ref().err().filter(|error| matches!(error.code, Code::Deadline | Code::Interrupted))
    }) {
        return Err(stop.clone());
    }
    if !seen.nics.iter().any(|nic| nic.own) {
        return Err(Error::new(
            Code::Unsupported,
            format!("none of the interfaces in `azure.nics` is one of this VM ({})", here.vm),
            "add this member's interface to `azure.nics` on every member; a member elsewhere cannot hold this VIP",
        ));
    }
    Ok(seen)
}

/// Waits for what an earlier call began on the interfaces that a move would write.
pub async fn let_earlier_operations_end(azure: &Azure, arm: &Arm, seen: &Seen) -> Result<bool> {
    let concerned = seen
        .nics
        .iter()
        .filter(|nic| nic.own || azure.vips.iter().any(|vip| nic.entry_with(vip.address.addr()).is_some()));
    let mut waited = false;
    for nic in concerned.filter(|nic| nic.state() == "Updating") {
        waited = true;
        // The end itself is looked at afterwards, and one that will not come must not take all the time.
        match arm.finish(Accepted::running(&nic.id), Some(share_of(arm))).await {
            Err(error) if matches!(error.code, Code::Deadline | Code::Interrupted) => return Err(error),
            _ => {}
        }
    }
    Ok(waited)
}

/// What one operation of a peer may take: half of the time that is left, so that the rest can still be used.
fn share_of(arm: &Arm) -> Duration {
    arm.deadline().remaining() / 2
}

pub fn placement(azure: &Azure, all: &All, seen: &Seen) -> Vec<Part> {
    let mut parts = Vec::new();
    for vip in &azure.vips {
        let holder = match seen.nics.iter().find_map(|nic| Some((nic, nic.entry_with(vip.address.addr())?))) {
            None => Holder::Nobody,
            Some((nic, _)) if nic.own && nic.state() == "Succeeded" => Holder::ThisMember,
            Some((nic, _)) if nic.own => Holder::ThisMemberBroken(nic.state().to_owned()),
            Some((nic, _)) => Holder::Other(nic.id.name().to_owned()),
        };
        parts.push(Part { id: private_part(azure, vip), holder });
    }
    for vip in &azure.vips {
        let Some(id) = azure.public_id(&all.here, vip) else { continue };
        let read = seen.public.iter().find(|(known, _)| *known == id).and_then(|(_, read)| read.as_ref().ok());
        let user = read.and_then(|body| body.pointer("/properties/ipConfiguration/id")).and_then(Value::as_str);
        let holder = match user {
            None => Holder::Nobody,
            Some(user) => match seen.nics.iter().find(|nic| {
                user.to_ascii_lowercase().starts_with(&format!("{}/", nic.id.as_str()).to_ascii_lowercase())
            }) {
                Some(nic)
                    if nic.own
                        && nic
                            .entry_with(vip.address.addr())
                            .is_some_and(|entry| Id::from_text(user).name().eq_ignore_ascii_case(name_of(entry))) =>
                {
                    if nic.state() == "Succeeded" {
                        Holder::ThisMember
                    } else {
                        Holder::ThisMemberBroken(nic.state().to_owned())
                    }
                }
                Some(nic) if nic.own => Holder::ThisMemberBroken("on another ip-configuration".into()),
                Some(nic) => Holder::Other(nic.id.name().to_owned()),
                None => Holder::Other(stranger_name(user)),
            },
        };
        parts.push(Part { id: public_part(vip, &id), holder });
    }
    parts
}

/// `…/networkInterfaces/nic/ipConfigurations/name` is called `nic`; any other user of an address by its own name.
fn stranger_name(user: &str) -> String {
    let parts: Vec<_> = user.trim_end_matches('/').rsplit('/').collect();
    match parts.as_slice() {
        [_, kind, owner, ..] if kind.to_ascii_lowercase().ends_with("ipconfigurations") => (*owner).to_owned(),
        [name, ..] => (*name).to_owned(),
        [] => user.to_owned(),
    }
}

fn private_part(azure: &Azure, vip: &Vip) -> PartId {
    part(vip, format!("ip configuration {}", azure.entry_name(vip)))
}

fn public_part(vip: &Vip, id: &Id) -> PartId {
    part(vip, format!("public ip {}", id.name()))
}

pub fn plan(azure: &Azure, all: &All, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
    let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
    let current = placement(azure, all, seen);
    let Some(own) = seen.nics.iter().find(|nic| nic.own) else { return Ok(plan) };
    if goal == Goal::LetGo {
        let here: Vec<&Vip> = azure.vips.iter().filter(|vip| own.entry_with(vip.address.addr()).is_some()).collect();
        if !here.is_empty() {
            let body = without(own, &here)?;
            let parts =
                current.iter().filter(|part| matches!(part.holder, Holder::ThisMember | Holder::ThisMemberBroken(_)));
            let parts = parts.map(|part| part.id.clone()).collect();
            let change = Change::WriteNic {
                id: own.id.clone(),
                body,
                version: own.version().map(str::to_owned),
                peer: false,
                with_public: false,
            };
            plan.steps.push(Step { parts, change, effect: Effect::Reaches, after: Vec::new() });
        }
        return Ok(plan);
    }
    let mut wanted: Vec<PartId> = Vec::new();
    let mut body = own.body.clone();
    let mut with_public = false;
    for vip in &azure.vips {
        may_be_taken(azure, seen, own, vip)?;
        let missing = |id: &PartId| current.iter().any(|part| part.id == *id && part.holder != Holder::ThisMember);
        let private = private_part(azure, vip);
        let mut public = None;
        if let Some(id) = azure.public_id(&all.here, vip) {
            let id_of_part = public_part(vip, &id);
            match public_may_be_taken(azure, seen, &id, &id_of_part) {
                Ok(()) => {
                    if missing(&id_of_part) {
                        wanted.push(id_of_part);
                        with_public = true;
                    }
                    public = Some(id);
                }
                Err(error) => plan.refused.push((id_of_part, error)),
            }
        }
        if missing(&private) {
            wanted.push(private);
        }
        put_entry(azure, own, &mut body, vip, public.as_ref())?;
    }
    if wanted.is_empty() {
        return Ok(plan);
    }
    for peer in seen.nics.iter().filter(|nic| !nic.own) {
        let there: Vec<&Vip> = azure.vips.iter().filter(|vip| peer.entry_with(vip.address.addr()).is_some()).collect();
        if there.is_empty() {
            continue;
        }
        let moves = |part: &&Part| part.holder == Holder::Other(peer.id.name().to_owned()) && wanted.contains(&part.id);
        let parts = current.iter().filter(moves).map(|part| part.id.clone()).collect();
        let change = Change::WriteNic {
            id: peer.id.clone(),
            body: without(peer, &there)?,
            version: peer.version().map(str::to_owned),
            peer: true,
            with_public: false,
        };
        plan.steps.push(Step { parts, change, effect: Effect::Frees, after: Vec::new() });
    }
    let after = (0..plan.steps.len()).map(|step| After { step, need: Need::Success }).collect();
    let change = Change::WriteNic {
        id: own.id.clone(),
        body,
        version: own.version().map(str::to_owned),
        peer: false,
        with_public,
    };
    plan.steps.push(Step { parts: wanted, change, effect: Effect::Reaches, after });
    Ok(plan)
}

fn may_be_taken(azure: &Azure, seen: &Seen, own: &Nic, vip: &Vip) -> Result<()> {
    let address = vip.address.addr();
    let name = azure.entry_name(vip);
    for nic in &seen.nics {
        let namesake = nic.entries().find(|entry| name_of(entry).eq_ignore_ascii_case(name));
        if let Some(entry) = namesake.filter(|entry| address_of(entry) != Some(address)) {
            let there = address_of(entry).map_or("a dynamic address".to_owned(), |address| address.to_string());
            return Err(Error::new(
                Code::Conflict,
                format!("the ip-configuration {name} of {} stands for {there}, not for {address}", nic.id.name()),
                "give the VIP's ip-configuration a name of its own (`azure.ipConfig`, or `name` in the VIP's item)",
            ));
        }
        let Some(entry) = nic.entry_with(address) else { continue };
        if entry.pointer("/properties/primary") == Some(&Value::Bool(true)) {
            return Err(Error::new(
                Code::Conflict,
                format!("{address} is the primary address of {}", nic.id.name()),
                "choose an address that no interface has as its own",
            ));
        }
        let (there, here) = (entry.pointer("/properties/subnet/id").and_then(Value::as_str), own.subnet());
        if let (Some(there), Some(here)) = (there, here)
            && !there.eq_ignore_ascii_case(here)
        {
            return Err(Error::new(
                Code::Unsupported,
                format!("{address} is in the subnet {there}, this member in {here}"),
                "a member elsewhere (disaster recovery) cannot hold this VIP",
            ));
        }
    }
    Ok(())
}

fn public_may_be_taken(azure: &Azure, seen: &Seen, id: &Id, part: &PartId) -> Result<()> {
    if let Some(error) = azure.public_trouble.borrow().get(part) {
        return Err(error.clone());
    }
    let read = seen.public.iter().find(|(known, _)| known == id).map(|(_, read)| read);
    let body = match read {
        Some(Ok(body)) => body,
        Some(Err(error)) => return Err(error.clone()),
        None => return Ok(()),
    };
    let Some(user) = body.pointer("/properties/ipConfiguration/id").and_then(Value::as_str) else { return Ok(()) };
    let listed =
        |nic: &Nic| user.to_ascii_lowercase().starts_with(&format!("{}/", nic.id.as_str()).to_ascii_lowercase());
    if seen.nics.iter().any(listed) {
        return Ok(());
    }
    Err(Error::new(
        Code::Conflict,
        format!("the public address {} is used by {}, which is not in `azure.nics`", id.name(), stranger_name(user)),
        "find out who this is; add its interface to `azure.nics` if it belongs to this mirror",
    ))
}

/// The interface's body without these VIPs. Everything else goes back as it came.
fn without(nic: &Nic, vips: &[&Vip]) -> Result<Value> {
    let mut body = nic.body.clone();
    let entries = entries_mut(&mut body, nic)?;
    entries.retain(|entry| !vips.iter().any(|vip| address_of(entry) == Some(vip.address.addr())));
    one_primary(nic, entries)?;
    Ok(body)
}

/// Puts the VIP's entry into this member's body, or its public address on the entry that is there.
fn put_entry(azure: &Azure, own: &Nic, body: &mut Value, vip: &Vip, public: Option<&Id>) -> Result<()> {
    let address = vip.address.addr();
    let subnet = own.subnet().ok_or_else(|| {
        Error::new(
            Code::Unexpected,
            format!("the interface {} has no primary ip-configuration with a subnet", own.id.name()),
            "look at the interface in Azure",
        )
    })?;
    let entries = entries_mut(body, own)?;
    let public = public.map(|id| json!({ "id": id.as_str() }));
    match entries.iter_mut().find(|entry| address_of(entry) == Some(address)) {
        Some(entry) => {
            if let (Some(public), Some(properties)) =
                (public, entry.get_mut("properties").and_then(Value::as_object_mut))
            {
                properties.insert("publicIPAddress".into(), public);
            }
        }
        None => {
            let version = if address.is_ipv4() { "IPv4" } else { "IPv6" };
            let mut properties = json!({
                "privateIPAddress": address.to_string(),
                "privateIPAllocationMethod": "Static",
                "privateIPAddressVersion": version,
                "primary": false,
                "subnet": { "id": subnet },
            });
            if let (Some(public), Some(properties)) = (public, properties.as_object_mut()) {
                properties.insert("publicIPAddress".into(), public);
            }
            entries.push(json!({ "name": azure.entry_name(vip), "properties": properties }));
        }
    }
    one_primary(own, entries)
}

fn entries_mut<'a>(body: &'a mut Value, nic: &Nic) -> Result<&'a mut Vec<Value>> {
    body.pointer_mut("/properties/ipConfigurations").and_then(Value::as_array_mut).ok_or_else(|| {
        Error::new(
            Code::Unexpected,
            format!("the interface {} came without ip-configurations", nic.id.name()),
            "look at the interface in Azure",
        )
    })
}

/// An interface without exactly one primary entry would lose its machine.
fn one_primary(nic: &Nic, entries: &[Value]) -> Result<()> {
    let primary =
        entries.iter().filter(|entry| entry.pointer("/properties/primary") == Some(&Value::Bool(true))).count();
    if primary == 1 {
        return Ok(());
    }
    Err(Error::new(
        Code::Unexpected,
        format!("the interface {} would have {primary} primary ip-configurations", nic.id.name()),
        "look at the interface in Azure: exactly one of its ip-configurations has to be primary",
    ))
}

/// Writes one interface and waits for the operation; a peer's not longer than its share of the time.
pub async fn write(arm: &Arm, id: &Id, body: &Value, version: Option<&str>, peer: bool) -> Result<()> {
    let accepted = arm.put(id, body, version).await?;
    let bound = peer.then(|| share_of(arm));
    arm.finish(accepted, bound).await
}
