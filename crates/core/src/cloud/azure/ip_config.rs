//! The mechanism `ipConfig`: the VIP is an ip-configuration of the holder's interface, with the public address on it.
//!
//! There is no call for one ip-configuration: the whole interface is written. So its body goes back as it came, as untyped
//! JSON, and only under the version that was read (`If-Match`). The address has to leave the peer's interface before it can
//! come to this one. Source: "Network Interfaces - Create Or Update" (REST API reference).

use super::{
    Azure, Change, Here, Seen as All, Write,
    arm::{self, Accepted, Arm, Id},
    members::{self, Members},
    nic::{Nic, address_of, is_primary, name_of, public_of, subnet_of},
    subnet,
};
use crate::{
    cloud::{
        After, Effect, Need, Plan, Step,
        peers::{several, share},
    },
    error::{Code, Error, Result},
    fate::Fate,
    vip::{Goal, Holder, Part, PartId, Vip},
};
use futures_util::future::{join, join_all};
use serde_json::Value;

#[derive(Debug, Clone)]
pub struct Seen {
    pub members: Members,
    /// The configured public addresses, each as it was read or as the error that came instead.
    pub public: Vec<(Id, Result<Value>)>,
}

/// All interfaces and the public addresses, side by side.
pub async fn look(azure: &Azure, arm: &Arm, here: &Here) -> Result<Seen> {
    // The private addresses do not wait for a public one longer than its share, and not twice.
    let public = azure.vips.iter().filter_map(|vip| azure.public_id(here, vip)).map(|id| async move {
        let known = azure.silent_public.borrow().get(&id).cloned();
        let read = match known {
            Some(why) => Err(why),
            None => arm.get_share_of(&id).await,
        };
        if let Some(why) = read.as_ref().err().filter(|error| error.code == Code::Unavailable) {
            azure.silent_public.borrow_mut().insert(id.clone(), why.clone());
        }
        (id, read)
    });
    let (members, public) = join(members::look(azure, arm, here), join_all(public)).await;
    let stop = public.iter().filter_map(|(_, read)| read.as_ref().err());
    match stop.into_iter().find(|error| matches!(error.code, Code::Deadline | Code::Interrupted)) {
        Some(stop) => Err(stop.clone()),
        None => Ok(Seen { members: members?, public }),
    }
}

/// Waits for what an earlier call began on the interfaces that a move would write.
pub async fn let_earlier_operations_end(azure: &Azure, arm: &Arm, seen: &Seen) -> Result<bool> {
    let nics = seen.members.nics.iter();
    let concerned =
        nics.filter(|nic| nic.own || azure.vips.iter().any(|vip| nic.entry_with(vip.address.addr()).is_some()));
    let waits = concerned.filter(|nic| nic.state() == "Updating").map(|nic| async move {
        // An end that will not come on a peer must not take all the time. On the own interface a second write would only
        // undo the first one.
        let bound = (!nic.own).then(|| share(arm.deadline()));
        arm.finish(Accepted::running(&nic.id), bound).await
    });
    let ended = join_all(waits).await;
    // What has come of it is looked at afterwards, whatever it is.
    let stop = ended.iter().filter_map(|end| end.as_ref().err());
    match stop.into_iter().find(|error| matches!(error.code, Code::Deadline | Code::Interrupted)) {
        Some(stop) => Err(stop.clone()),
        None => Ok(!ended.is_empty()),
    }
}

/// Waits for the peers that still give an address up which they no longer list: each for its share of the time, and once in
/// a call. After that the write is tried all the same, since Azure may have freed the address earlier.
async fn let_leave(azure: &Azure, arm: &Arm, leaving: &[Id]) -> Result<()> {
    let new: Vec<&Id> = leaving.iter().filter(|id| !azure.outlasted.borrow().contains(*id)).collect();
    let waits = new.into_iter().map(|id| async move {
        let end = arm.finish(Accepted::running(id), Some(share(arm.deadline()))).await;
        (id, end.err())
    });
    for (id, error) in join_all(waits).await {
        match error {
            // Nothing of our own was sent.
            Some(stop) if matches!(stop.code, Code::Deadline | Code::Interrupted) => {
                return Err(stop.with_fate(Fate::NotSent));
            }
            Some(error) if error.fate.is_in_doubt() => {
                azure.outlasted.borrow_mut().insert(id.clone());
            }
            // However the operation ended, the answer to our write tells who has the address.
            Some(_) | None => {}
        }
    }
    Ok(())
}

pub fn placement(azure: &Azure, all: &All, seen: &Seen) -> Vec<Part> {
    let mut parts = Vec::new();
    for vip in &azure.vips {
        let with: Vec<&Nic> =
            seen.members.nics.iter().filter(|nic| nic.entry_with(vip.address.addr()).is_some()).collect();
        let holder = match with.as_slice() {
            // A member that could not be asked may have it.
            [] if !seen.members.silent.is_empty() => Holder::Unknown,
            [] => Holder::Nobody,
            [nic] if nic.own && nic.state() == "Succeeded" => Holder::ThisMember,
            [nic] if nic.own => Holder::ThisMemberBroken(nic.state().to_owned()),
            [nic] => Holder::Other(nic.id.name().to_owned()),
            // Azure refuses this within a subnet; whoever is told so anyway must not rely on either.
            nics => several(nics.iter().map(|nic| nic.id.name()), nics.iter().any(|nic| nic.own)),
        };
        parts.push(Part { id: private_part(azure, vip), holder });
    }
    for vip in &azure.vips {
        let Some(id) = azure.public_id(&all.here, vip) else { continue };
        let holder = match public_user(seen, &id) {
            None => Holder::Nobody,
            Some(user) => match seen.members.nics.iter().find(|nic| nic.owns(user)) {
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
                Some(nic) if nic.own => Holder::ThisMemberBroken(ON_ANOTHER_ENTRY.into()),
                Some(nic) => Holder::Other(nic.id.name().to_owned()),
                None => Holder::Other(stranger_name(user)),
            },
        };
        parts.push(Part { id: public_part(vip, &id), holder });
    }
    parts
}

const ON_ANOTHER_ENTRY: &str = "on another ip-configuration";

/// The id of the ip-configuration that has a public address; `None` also where the address could not be read.
fn public_user<'a>(seen: &'a Seen, id: &Id) -> Option<&'a str> {
    let (_, read) = seen.public.iter().find(|(known, _)| known == id)?;
    read.as_ref().ok()?.pointer("/properties/ipConfiguration/id")?.as_str()
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

pub fn private_part(azure: &Azure, vip: &Vip) -> PartId {
    PartId::new(vip, format!("ip configuration {}", azure.entry_name(vip)))
}

fn public_part(vip: &Vip, id: &Id) -> PartId {
    PartId::new(vip, format!("public ip {}", id.name()))
}

pub fn plan(azure: &Azure, all: &All, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
    let mut plan = Plan { steps: Vec::new(), refused: Vec::new() };
    let current = placement(azure, all, seen);
    let Some(own) = seen.members.own() else { return Ok(plan) };
    if goal == Goal::LetGo {
        let foreign = |part: &Part| part.holder == Holder::ThisMemberBroken(ON_ANOTHER_ENTRY.into());
        for vip in &azure.vips {
            let Some(id) = azure.public_id(&all.here, vip) else { continue };
            let part = public_part(vip, &id);
            if current.iter().any(|known| known.id == part && foreign(known)) {
                plan.refused.push((part, serves_another_entry(seen, own, &id)));
            }
        }
        let here: Vec<&Vip> = azure.vips.iter().filter(|vip| own.entry_with(vip.address.addr()).is_some()).collect();
        if !here.is_empty() {
            let ours = current.iter().filter(|part| part.holder.is_here() && !foreign(part));
            let parts = ours.map(|part| part.id.clone()).collect();
            let change = change(own, own.without(&here)?, Write::LetsGo)?;
            plan.steps.push(Step { parts, change, effect: Effect::Reaches, after: Vec::new() });
        }
        return Ok(plan);
    }
    let mut wanted: Vec<PartId> = Vec::new();
    let mut coming: Vec<&Vip> = Vec::new();
    let mut body = own.body.clone();
    let mut publics: Vec<(PartId, Id)> = Vec::new();
    for vip in &azure.vips {
        let missing = |id: &PartId| current.iter().any(|part| part.id == *id && part.holder != Holder::ThisMember);
        let private = private_part(azure, vip);
        let public = azure.public_id(&all.here, vip);
        if let Err(error) = may_be_taken(azure, &all.here, seen, own, vip) {
            plan.refused.extend(public.map(|id| (public_part(vip, &id), error.clone())));
            plan.refused.push((private, error));
            continue;
        }
        let public = match public {
            None => None,
            Some(id) => {
                let part = public_part(vip, &id);
                match public_may_be_taken(azure, seen, &id, &part) {
                    Ok(()) => {
                        if missing(&part) {
                            wanted.push(part.clone());
                            publics.push((part, id.clone()));
                        }
                        Some(id)
                    }
                    Err(error) => {
                        plan.refused.push((part, error));
                        None
                    }
                }
            }
        };
        if missing(&private) {
            wanted.push(private);
        }
        let address = vip.address.addr();
        let there = seen.members.peers().find_map(|peer| peer.entry_with(address));
        // Without a configured one the entry keeps the public address that it has.
        let brought = there.and_then(public_of).filter(|_| azure.public_id(&all.here, vip).is_none());
        let brought = brought.filter(|id| azure.set_aside.allows(&public_part(vip, id)).is_ok());
        publics.extend(brought.iter().map(|id| (public_part(vip, id), id.clone())));
        own.put_entry(&mut body, azure.entry_name(vip), address, public.or(brought).as_ref(), there)?;
        coming.push(vip);
    }
    if wanted.is_empty() {
        return Ok(plan);
    }
    for peer in seen.members.peers() {
        let there: Vec<&Vip> =
            coming.iter().copied().filter(|vip| peer.entry_with(vip.address.addr()).is_some()).collect();
        if there.is_empty() {
            continue;
        }
        let is_there = |holder: &Holder| {
            *holder == Holder::Other(peer.id.name().to_owned()) || matches!(holder, Holder::Several { .. })
        };
        let moves = |part: &&Part| is_there(&part.holder) && wanted.contains(&part.id);
        let parts = current.iter().filter(moves).map(|part| part.id.clone()).collect();
        let change = change(peer, peer.without(&there)?, Write::Frees)?;
        plan.steps.push(Step { parts, change, effect: Effect::Frees, after: Vec::new() });
    }
    if plan.steps.is_empty() && body == own.body && own.state() == "Updating" {
        // It is being written already, by this call or an earlier one: a second write would take its place and begin anew.
        return Ok(plan);
    }
    let after = (0..plan.steps.len()).map(|step| After { step, need: Need::Success }).collect();
    let lists = |nic: &Nic, vip: &Vip| nic.entry_with(vip.address.addr()).is_some();
    let leaving = if coming.iter().any(|vip| !seen.members.nics.iter().any(|nic| lists(nic, vip))) {
        let busy = seen.members.peers().filter(|peer| peer.state() == "Updating");
        busy.map(|peer| peer.id.clone()).collect()
    } else {
        Vec::new()
    };
    let change = change(own, body, Write::Takes { publics, leaving })?;
    plan.steps.push(Step { parts: wanted, change, effect: Effect::Reaches, after });
    Ok(plan)
}

/// Release removes nothing but the VIP: what another ip-configuration uses stays there.
fn serves_another_entry(seen: &Seen, own: &Nic, id: &Id) -> Error {
    let entry = public_user(seen, id).map(|user| Id::from_text(user).name().to_owned()).unwrap_or_default();
    Error::new(
        Code::Conflict,
        format!(
            "the public address {} is on the ip-configuration {entry} of {}, not on the VIP's: Release left it there",
            id.name(),
            own.id.name()
        ),
        format!("take it off {entry} if it belongs to the VIP, or correct `publicIp` in the configuration"),
    )
}

fn change(nic: &Nic, body: Value, write: Write) -> Result<Change> {
    let version = nic.version().ok_or_else(|| {
        Error::impostor(
            format!("the interface {} came without a version (etag), and is not written without one", nic.id.name()),
            arm::NAME,
        )
    })?;
    Ok(Change::WriteNic { id: nic.id.clone(), body, version, write })
}

/// Whether this one VIP may come here. What stands in its way does not hold the others up.
fn may_be_taken(azure: &Azure, here: &Here, seen: &Seen, own: &Nic, vip: &Vip) -> Result<()> {
    azure.set_aside.allows(&private_part(azure, vip))?;
    let address = vip.address.addr();
    let name = azure.entry_name(vip);
    for nic in &seen.members.nics {
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
        if is_primary(entry) {
            return Err(Error::new(
                Code::Conflict,
                format!("{address} is the primary address of {}", nic.id.name()),
                "choose an address that no interface has as its own",
            ));
        }
        if let (Some(there), Some(here)) = (subnet_of(entry), own.subnet())
            && !there.eq_ignore_ascii_case(here)
        {
            return Err(subnet::elsewhere(address, there, here));
        }
    }
    subnet::must_fit(here, &seen.members, own, address)
}

fn public_may_be_taken(azure: &Azure, seen: &Seen, id: &Id, part: &PartId) -> Result<()> {
    azure.set_aside.allows(part)?;
    let read = seen.public.iter().find(|(known, _)| known == id).map(|(_, read)| read);
    if let Some(Err(error)) = read {
        return Err(error.clone());
    }
    let Some(user) = public_user(seen, id) else { return Ok(()) };
    if seen.members.nics.iter().any(|nic| nic.owns(user)) {
        return Ok(());
    }
    Err(Error::new(
        Code::Conflict,
        format!("the public address {} is used by {}, which is not in `azure.nics`", id.name(), stranger_name(user)),
        "find out who this is; add its interface to `azure.nics` if it belongs to this mirror",
    ))
}

/// Writes one interface and waits for the operation; a peer's not longer than its share of the time.
pub async fn write(azure: &Azure, arm: &Arm, id: &Id, body: &Value, version: &str, write: &Write) -> Result<()> {
    if let Write::Takes { leaving, .. } = write {
        let_leave(azure, arm, leaving).await?;
    }
    let accepted = arm.put(id, body, Some(version)).await?;
    let bound = (*write == Write::Frees).then(|| share(arm.deadline()));
    let end = arm.finish(accepted, bound).await;
    if bound.is_some() && end.as_ref().is_err_and(|error| error.fate.is_in_doubt()) {
        azure.outlasted.borrow_mut().insert(id.clone());
    }
    end
}
