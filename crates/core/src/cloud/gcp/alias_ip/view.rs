//! What a look showed of the alias ranges, and who holds each of them.

use super::{
    motion::Motion,
    refusal::{Refusals, private_part},
    secondary,
};
use crate::{
    cloud::{
        gcp::{
            access_config::{Address, PublicIp},
            forecast::Forecast,
            identity::Here,
            members::Members,
            remembered::Remembered,
            session::Session,
            state,
            trouble::Trouble,
            vm::{Vm, entry_with},
        },
        peers::several,
    },
    error::Result,
    vip::{Holder, Part, Vip},
};
use ipnet::IpNet;

/// What one look showed.
#[derive(Debug, Clone)]
pub struct Seen {
    pub here: Here,
    /// The calls of somebody else that are changing this machine: what is here may be on its way out.
    pub under_way: Vec<&'static str>,
    pub members: Members,
    /// The public address, where a VIP has one.
    pub address: Option<Address>,
    /// Whether the look did not wait for it.
    pub is_late: bool,
    /// Whether it did not wait for a member that may have a part.
    pub waits: bool,
    /// The secondary ranges of this member's subnet, where a VIP may be from one of them and nothing else tells from which.
    pub secondary: Option<Result<Vec<secondary::Range>>>,
    /// The ranges that the metadata server reports for this VM. `None` where the look did not read them.
    pub told: Option<Vec<IpNet>>,
}

/// What a placement and a plan follow from.
pub struct View<'a> {
    pub session: &'a Session,
    pub seen: &'a Seen,
    /// Settings that the entries had, also where they are on no interface any more.
    pub remembered: &'a Remembered,
    /// Trouble with this member's own access config.
    pub trouble: &'a Trouble,
    /// What Google would refuse.
    pub forecast: &'a Forecast,
    pub refusals: &'a Refusals,
    pub motion: &'a Motion,
}

impl<'a> View<'a> {
    /// Whether a member that `is_late` may have a part that nobody else has. What this call took off a peer is with nobody.
    pub fn needs(&self, is_late: impl Fn(&str) -> bool) -> bool {
        let silent = &self.seen.members.silent;
        let is_with_a_late_one = |part: &Part| match &part.holder {
            Holder::NotHere => self.refusals.times_freed(&part.id) == 0,
            Holder::Other(name) => silent.iter().any(|silent| silent.name == *name && is_late(name)),
            _ => false,
        };
        silent.iter().any(|silent| is_late(&silent.name)) && self.placement().iter().any(is_with_a_late_one)
    }

    /// Who holds each VIP.
    pub fn placement(&self) -> Vec<Part> {
        let number = self.session.settings.network_interface;
        let Seen { members, told, .. } = self.seen;
        let mut parts = Vec::new();
        for vip in &self.session.vips {
            let has = |vm: &&Vm| vm.interface(number).is_some_and(|nic| entry_with(nic, vip.destination()).is_some());
            let untold = told.as_ref().is_some_and(|told| !told.contains(&vip.destination()));
            let with: Vec<&Vm> = members.vms.iter().filter(has).collect();
            let holder = match with.as_slice() {
                // A member that did not answer may hold it.
                [] if !members.silent.is_empty() => Holder::NotHere,
                [] => members.outsiders.holder(vip.destination()).map_or(Holder::Nobody, Holder::Other),
                [vm] if vm.own && untold => Holder::Arriving("not in the VM's metadata yet".into()),
                [vm] if vm.own => Holder::ThisMember,
                [vm] => state::holder(vm),
                vms => several(vms.iter().map(|vm| vm.name()), vms.iter().any(|vm| vm.own)),
            };
            parts.push(Part { id: private_part(self.session, vip), holder });
        }
        let private = parts.len();
        parts.extend(self.public_ip().placement());
        for (n, part) in parts.iter_mut().enumerate().filter(|(_, part)| part.holder == Holder::ThisMember) {
            let is_about_it = |call: &&&str| (**call == "instances.updateNetworkInterface") == (n < private);
            if let Some(call) = self.seen.under_way.iter().find(is_about_it) {
                part.holder = Holder::Arriving(format!("that an earlier operation of {call} still runs"));
            }
        }
        parts
    }

    /// The VIPs that this member holds.
    pub fn held(&self) -> Vec<&'a Vip> {
        let parts = self.placement();
        let is_here = |vip: &&Vip| {
            let part = private_part(self.session, vip);
            parts.iter().any(|known| known.id == part && known.holder == Holder::ThisMember)
        };
        self.session.vips.iter().filter(is_here).collect()
    }

    /// The other members that run and have this VIP.
    pub fn running_holders(&self, vip: &Vip) -> impl Iterator<Item = &'a Vm> {
        let (number, wanted) = (self.session.settings.network_interface, vip.destination());
        let has_it = move |vm: &&Vm| vm.interface(number).is_some_and(|nic| entry_with(nic, wanted).is_some());
        self.seen.members.vms.iter().filter(|vm| !vm.own && !state::is_down(vm.state())).filter(has_it)
    }

    /// Whether a takeover would take anything from where it is of use: a VIP off a running peer, or a public address. In a dry run
    /// it counts as well that anything would come.
    pub fn takes_something(&self) -> bool {
        if self.forecast.is_of_a_dry_run() {
            return true;
        }
        self.session.vips.iter().any(|vip| self.running_holders(vip).next().is_some())
            || self.public_ip().takes_something()
    }

    /// The zones of the running members that have a VIP or the public address.
    pub fn scopes_of_holders(&self) -> Vec<String> {
        let holders = self.session.vips.iter().flat_map(|vip| self.running_holders(vip));
        let public = self.public_ip();
        holders.chain(public.running_holders()).map(|vm| vm.path.scope().to_owned()).collect()
    }

    pub fn public_ip(&self) -> PublicIp<'a> {
        PublicIp {
            session: self.session,
            members: &self.seen.members,
            address: self.seen.address.as_ref(),
            remembered: self.remembered,
            trouble: self.trouble,
            forecast: self.forecast,
        }
    }
}
