//! The public address that follows a VIP: it belongs on the VIP's own ip-configuration, so the write of an interface moves
//! both.
//!
//! A public address that Azure does not return never holds up the private address.

use super::{
    arm::{Arm, SILENT},
    id::Id,
    identity::Here,
    members::Members,
    nic::{Nic, address_of, has_public, name_of},
    session::Session,
    settings::Reference,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{late::beside, peers::several},
    error::{Code, Error, Result},
    vip::{Holder, PartId, Vip},
};
use futures_util::future::join_all;
use serde_json::Value;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
};

/// The configured public addresses as far as a look has read them.
#[derive(Debug, Clone)]
pub struct Seen {
    /// Each as Azure returned it, or with the error that came instead.
    read: Vec<(Id, Result<Value>)>,
    /// Those that the look has not waited for.
    late: Vec<Id>,
}

/// Public addresses that did not answer, each with its error. This call does not read them again.
#[derive(Debug, Default)]
pub struct Silent(RefCell<BTreeMap<Id, Error>>);

/// The state of an address that is on this member's interface, but not on the VIP's ip-configuration.
const ON_ANOTHER_ENTRY: &str = "on another ip-configuration";

const UNFIT: &str = "choose a public address of SKU Standard in all zones (docs/install-azure.md has the command): neither the SKU \
    nor the zones of one that is in use can be changed";

const OF_ITS_FAMILY: &str = "name a public address of the VIP's family in `publicIp`";

/// A region as Resource Manager compares it: `West Europe` is `westeurope`.
fn plain_region(name: &str) -> String {
    name.chars().filter(|character| !character.is_whitespace()).collect::<String>().to_ascii_lowercase()
}

/// Reads the public addresses side by side, beside the reads of what a move cannot do without, which wait for them a moment only.
///
/// # Errors
/// Only what ends the whole call.
pub async fn look_beside<T>(
    session: &Session,
    here: &Here,
    arm: &Arm,
    silent: &Silent,
    private: impl Future<Output = T>,
) -> (T, Result<Seen>) {
    let ids: Vec<Id> = session.vips.iter().filter_map(|vip| id_of(session, here, vip)).collect();
    let read = RefCell::default();
    let (private, _) = beside(private, read_all(arm, silent, &ids, &read)).await;
    let read: Vec<(Id, Result<Value>)> = read.into_inner();
    let late = ids.into_iter().filter(|id| !read.iter().any(|(known, _)| known == id)).collect();
    (private, Seen { read, late }.unless_it_ends())
}

/// Reads these side by side, each with a share of the call's time, and adds each read as soon as it is there.
async fn read_all(arm: &Arm, silent: &Silent, ids: &[Id], to: &RefCell<Vec<(Id, Result<Value>)>>) {
    let reads = ids.iter().map(|id| async move {
        let known = silent.0.borrow().get(id).cloned();
        let read = match known {
            Some(why) => Err(why),
            None => arm.get_share_of(id).await.map_err(of_no_zone),
        };
        if let Some(why) = read.as_ref().err().filter(|error| error.code == Code::Unavailable) {
            silent.0.borrow_mut().insert(id.clone(), why.clone());
        }
        to.borrow_mut().push((id.clone(), read));
    });
    join_all(reads).await;
}

/// The public address that the configuration gives to a VIP.
pub fn id_of(session: &Session, here: &Here, vip: &Vip) -> Option<Id> {
    let own = vip.public_ip.as_deref().map(|text| match text.starts_with('/') {
        true => Reference::Id(text.to_owned()),
        false => Reference::Name(text.to_owned()),
    });
    // `azure.publicIp` is the short form for a single VIP.
    own.or_else(|| session.settings.public_ip.clone()).map(|reference| here.id(&reference, "publicIPAddresses"))
}

/// The part of a VIP that a public address is.
pub fn part(vip: &Vip, id: &Id) -> PartId {
    PartId::new(vip, format!("public ip {}", id.name()))
}

/// Whether the address is on another ip-configuration of this member's interface.
pub fn serves_another_entry(holder: &Holder) -> bool {
    *holder == Holder::ThisMemberBroken(ON_ANOTHER_ENTRY.into())
}

impl Seen {
    /// Whether a read is late.
    pub fn is_late(&self) -> bool {
        !self.late.is_empty()
    }

    /// Whether a read is late without which nothing is known of an address. Where an interface lists the address, its read would
    /// tell a move nothing new.
    pub fn is_wanted(&self, members: &Members) -> bool {
        self.late.iter().any(|id| members.nics.iter().all(|nic| nic.entry_of(id).is_none()))
    }

    /// Makes the late reads as well.
    ///
    /// # Errors
    /// Only what ends the whole call.
    pub async fn complete(self, arm: &Arm, silent: &Silent) -> Result<Self> {
        let read = RefCell::new(self.read);
        read_all(arm, silent, &self.late, &read).await;
        Seen { read: read.into_inner(), late: Vec::new() }.unless_it_ends()
    }

    fn unless_it_ends(self) -> Result<Self> {
        let mut errors = self.read.iter().filter_map(|(_, read)| read.as_ref().err());
        match errors.find(|error| error.ends_the_call()) {
            Some(stop) => Err(stop.clone()),
            None => Ok(self),
        }
    }

    /// Who has a public address of a VIP: by the members' interfaces, which name it, and only then by the address itself. An
    /// interface that was read without the address does not have it, whatever the address says: the two reads may be of
    /// different moments. Nobody has an address that does not exist.
    /// `here_in` says how this member holds what is on its interface in a state.
    pub fn holder(&self, members: &Members, vip: &Vip, id: &Id, here_in: impl Fn(&str) -> Holder) -> Holder {
        let names_it = |entry: &Value| has_public(entry, id);
        let with: Vec<&Nic> = members.nics.iter().filter(|nic| nic.entries().any(names_it)).collect();
        match with.as_slice() {
            [] if self.is_unread(id) => Holder::NotHere,
            [] => match self.user(id) {
                None => Holder::Nobody,
                Some(user) if members.nics.iter().any(|nic| nic.owns(user)) => Holder::NotHere,
                Some(user) => Holder::Other(stranger_name(user)),
            },
            [nic] if nic.own && nic.entry_with(vip.address.addr()).is_some_and(names_it) => here_in(nic.state()),
            [nic] if nic.own => Holder::ThisMemberBroken(ON_ANOTHER_ENTRY.into()),
            [nic] if members.idle.iter().any(|idle| idle.rests && idle.nic == nic.id) => {
                Holder::OtherBroken(nic.id.name().to_owned())
            }
            [nic] => Holder::Other(nic.id.name().to_owned()),
            nics => several(nics.iter().map(|nic| nic.id.name()), nics.iter().any(|nic| nic.own)),
        }
    }

    /// Checks that a public address may come to this member.
    ///
    /// # Errors
    /// `conflict` when another ip-configuration of a member uses the address, or somebody outside `azure.nics`; the error of its
    /// read, where no member's interface lists the address.
    pub fn may_be_taken(&self, members: &Members, vips: &[Vip], vip: &Vip, id: &Id) -> Result<()> {
        let listed = members.nics.iter().find_map(|nic| Some((nic, nic.entry_of(id)?)));
        if let Some((nic, entry)) = listed {
            // The write that takes a VIP off a peer sets free what belongs to the VIP; on the own interface it may be on its way.
            let is_of = |vip: &Vip| address_of(entry) == Some(vip.address.addr());
            let is_right = if nic.own { is_of(vip) } else { vips.iter().any(is_of) };
            return if is_right { Ok(()) } else { Err(on_another_entry(nic, entry, id, "")) };
        }
        if self.late.contains(id) {
            return Err(not_read_yet(id));
        }
        if let Some(error) = self.error(id) {
            return Err(error.clone());
        }
        self.must_fit(members, vip, id)?;
        let Some(user) = self.user(id) else { return Ok(()) };
        if members.nics.iter().any(|nic| nic.owns(user)) {
            return Ok(());
        }
        let by = stranger_name(user);
        let used = format!("the public address {} is used by {by}", id.name());
        if let Some(silent) = members.silent.iter().find(|silent| silent.name.eq_ignore_ascii_case(&by)) {
            return Err(silent.may_hold(Error::new(Code::Conflict, used, "")));
        }
        Err(Error::new(
            Code::Conflict,
            format!("{used}, which is not in `azure.nics`"),
            "find out who this is; add its interface to `azure.nics` if it belongs to this mirror",
        ))
    }

    /// Checks what no interface may change about an address: a NAT gateway's is taken, and neither its region nor its family is
    /// another one tomorrow. Azure refuses it otherwise, at the failover ("Configure IP addresses for an Azure network interface",
    /// "What is Azure NAT Gateway?"; MicrosoftDocs/azure-docs#81734 for the region).
    fn must_fit(&self, members: &Members, vip: &Vip, id: &Id) -> Result<()> {
        let Some(address) = self.found(id) else { return Ok(()) };
        let name = id.name();
        if let Some(gateway) = address.pointer("/properties/natGateway/id").and_then(Value::as_str) {
            return Err(Error::new(
                Code::Conflict,
                format!("the public address {name} is used by the NAT gateway {}", Id::from_text(gateway).name()),
                "give the VIP a public address of its own, or take this one off the NAT gateway",
            ));
        }
        let region = |body: &Value| body.get("location").and_then(Value::as_str).map(plain_region);
        if let (Some(there), Some(here)) = (region(address), members.own().and_then(|own| region(&own.body)))
            && there != here
        {
            let why = format!("the public address {name} is in {there}, this member's interface in {here}");
            return Err(Error::new(Code::InvalidConfig, format!("{why}: both have to be in the same region"), UNFIT));
        }
        let family = if vip.address.addr().is_ipv4() { "IPv4" } else { "IPv6" };
        let its = address.pointer("/properties/publicIPAddressVersion").and_then(Value::as_str).unwrap_or(family);
        if its != family {
            let why = format!("the public address {name} is {its}, the VIP {vip} is {family}");
            return Err(Error::new(
                Code::InvalidConfig,
                format!("{why}: Azure puts no such address on it"),
                OF_ITS_FAMILY,
            ));
        }
        Ok(())
    }

    /// Whether each address that Azure returned fits this machine. Azure refuses it otherwise, at the failover
    /// (fortinet/azure-templates#43, MicrosoftDocs/azure-docs#64801 and #112083).
    pub fn checks(&self, here: &Here) -> Vec<CheckItem> {
        let read = || self.read.iter().filter_map(|(id, read)| Some((id, read.as_ref().ok()?)));
        let sku = |address: &Value| address.pointer("/sku/name").and_then(Value::as_str).unwrap_or("Basic").to_owned();
        let skus: BTreeSet<String> = read().map(|(_, address)| sku(address)).collect();
        let unfit = read().filter_map(|(id, address)| {
            let zones = address.get("zones").and_then(Value::as_array).into_iter().flatten();
            let zones: Vec<&str> = zones.filter_map(Value::as_str).collect();
            let name = id.name();
            let why = match &here.zone {
                Some(zone) if !zones.is_empty() && !zones.contains(&zone.as_str()) => {
                    format!("the public address {name} is in zone {}, this machine in zone {zone}", zones.join(", "))
                }
                Some(zone) if zones.is_empty() && sku(address) == "Basic" => {
                    format!("the public address {name} is of SKU Basic and in no zone, this machine in zone {zone}")
                }
                _ if skus.len() > 1 => {
                    format!("the public address {name} is of SKU {}, another of these of another SKU", sku(address))
                }
                _ => return None,
            };
            let why = format!("{why}: Azure would refuse it on this machine");
            Some(CheckItem::failed(CheckName::PublicIp, &Error::new(Code::InvalidConfig, why, UNFIT)))
        });
        unfit.chain(read().filter_map(|(id, address)| not_ready(id, address))).collect()
    }

    /// Why Release leaves a public address where it is: Release removes the VIP alone, and another ip-configuration of this
    /// member uses the address.
    pub fn left_in_place(&self, own: &Nic, id: &Id) -> Error {
        let entry = own.entry_of(id).unwrap_or(&Value::Null);
        on_another_entry(own, entry, id, ": Release left it there")
    }

    /// Why nobody knows who has some of the addresses.
    pub fn failures(&self, members: &Members) -> impl Iterator<Item = &Error> {
        let is_listed = |id: &Id| members.nics.iter().any(|nic| nic.entry_of(id).is_some());
        let unread = self.read.iter().filter(move |(id, _)| self.is_unread(id) && !is_listed(id));
        unread.filter_map(|(_, read)| read.as_ref().err())
    }

    /// Whether nobody knows who has a public address. One that does not exist is known to be with nobody.
    fn is_unread(&self, id: &Id) -> bool {
        self.late.contains(id) || self.error(id).is_some_and(|error| error.code != Code::NotFound)
    }

    fn error(&self, id: &Id) -> Option<&Error> {
        self.read.iter().find(|(known, _)| known == id)?.1.as_ref().err()
    }

    /// The id of the ip-configuration or the NAT gateway that has a public address; `None` also where Azure did not return the
    /// address.
    fn user(&self, id: &Id) -> Option<&str> {
        let address = self.found(id)?;
        let user = address.pointer("/properties/ipConfiguration/id").or(address.pointer("/properties/natGateway/id"));
        user?.as_str()
    }

    fn found(&self, id: &Id) -> Option<&Value> {
        let (_, read) = self.read.iter().find(|(known, _)| known == id)?;
        read.as_ref().ok()
    }
}

/// Azure moves a public address only in the state `Succeeded`.
fn not_ready(id: &Id, address: &Value) -> Option<CheckItem> {
    let state = address.pointer("/properties/provisioningState").and_then(Value::as_str)?;
    if state == "Succeeded" {
        return None;
    }
    let message = format!("the public address {} is in the state {state}: Azure would not move it now", id.name());
    let remedy = format!(
        "where the state does not pass, put it again as it is, for example `az resource update --ids {}`",
        id.as_str()
    );
    Some(CheckItem::new(CheckName::PublicIp, Verdict::Warning, message, remedy))
}

/// Nothing but the VIP's own ip-configuration is written, so nobody takes the address off another one.
fn on_another_entry(nic: &Nic, entry: &Value, id: &Id, then: &str) -> Error {
    let entry = name_of(entry);
    let (address, nic) = (id.name(), nic.id.name());
    Error::new(
        Code::Conflict,
        format!("the public address {address} is on the ip-configuration {entry} of {nic}, not on the VIP's{then}"),
        format!("take it off {entry} if it belongs to the VIP, or correct `publicIp` in the configuration"),
    )
}

/// The rest does not wait for this address.
fn not_read_yet(id: &Id) -> Error {
    let message = format!("arm:GET publicIPAddresses on {}: no answer while the rest was read", id.name());
    Error::new(Code::Unavailable, message, SILENT)
}

/// A public address is in no member's zone.
fn of_no_zone(error: Error) -> Error {
    match error.code {
        Code::Unavailable => error.with(|details| details.remedy = SILENT.into()),
        _ => error,
    }
}

/// The name of an address's user: `nic` for `…/networkInterfaces/nic/ipConfigurations/name`, the last name of any other id.
fn stranger_name(user: &str) -> String {
    let parts: Vec<_> = user.trim_end_matches('/').rsplit('/').collect();
    match parts.as_slice() {
        [_, kind, owner, ..] if kind.to_ascii_lowercase().ends_with("ipconfigurations") => (*owner).to_owned(),
        [name, ..] => (*name).to_owned(),
        [] => user.to_owned(),
    }
}
