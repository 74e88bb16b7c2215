//! What a look showed of the addresses: who carries each, and whether it runs.

use crate::{
    cloud::aws::{
        identity::Identity,
        instance,
        interface::{self, Interface},
        public_ip,
    },
    error::Result,
};
use std::{net::IpAddr, time::SystemTime};

/// What a look showed.
#[derive(Debug, Clone)]
pub struct Seen {
    /// This member.
    pub identity: Identity,
    /// When the look began.
    pub looked: SystemTime,
    /// The interfaces that carry any of the VIPs.
    pub holders: Vec<Interface>,
    /// Whether the holders' instances run, or why that is not known. Not asked for during a move.
    pub instances: Result<instance::States>,
    /// The Elastic IPs of the VIPs.
    pub public_ips: public_ip::Seen,
}

impl Seen {
    /// The interface that has the address, and the address on it. In the middle of a move a read may show two interfaces;
    /// then the other member's wins, because we never report a VIP as moved while a read still shows it elsewhere.
    pub fn holder(&self, address: IpAddr) -> Option<(&Interface, &interface::Address)> {
        let carries = |holder: &'_ Interface| holder.addresses.iter().position(|known| known.private == address);
        let holders = self.holders.iter().filter(|holder| carries(holder).is_some());
        let found = holders.max_by_key(|holder| holder.id != self.identity.interface)?;
        Some((found, found.addresses.get(carries(found)?)?))
    }

    /// The instances of the other members that carry a VIP.
    pub fn instances_of_others(&self) -> Vec<String> {
        let others = self.holders.iter().filter(|holder| holder.id != self.identity.interface);
        others.filter_map(|holder| holder.instance.clone()).collect()
    }

    /// The state of the holder's instance, where that does not run. An instance that EC2 does not list may be a live holder.
    pub fn rests(&self, holder: &Interface) -> Option<&str> {
        self.instances.as_ref().ok()?.at_rest.get(holder.instance.as_ref()?).map(String::as_str)
    }
}
