//! The words that every layer shares: a VIP, who is who, and where a VIP stands.

use ipnet::IpNet;
use serde::Serialize;
use std::fmt;

/// One virtual address (or range) that follows the primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vip {
    /// As configured: the host part is kept, since an operating system's address has one.
    pub address: IpNet,
    /// The public address that belongs to it: an Elastic IP's allocation id on AWS.
    pub public_ip: Option<String>,
    /// The name of its ip-configuration or route, where the cloud wants one.
    pub name: Option<String>,
}

impl Vip {
    /// The network that a route would carry: `10.109.10.254/27` becomes `10.109.10.224/27`.
    pub fn destination(&self) -> IpNet {
        self.address.trunc()
    }
}

impl fmt::Display for Vip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// This member, as the cloud knows it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Member {
    pub instance: Option<String>,
    pub interface: Option<String>,
    pub zone: Option<String>,
    /// What a holder is called in this cloud, where that is not its interface.
    #[serde(skip)]
    pub holds_as: Option<String>,
}

impl Member {
    /// What this member is called as a holder.
    pub fn as_holder(&self) -> Option<&str> {
        self.holds_as.as_deref().or(self.interface.as_deref())
    }
}

impl fmt::Display for Member {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let known: Vec<_> =
            [&self.instance, &self.interface, &self.zone].into_iter().flatten().map(String::as_str).collect();
        f.write_str(&known.join(", "))
    }
}

/// Where one part of a VIP stands.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Holder {
    /// Here, and in use.
    ThisMember,
    /// Here by name, but the cloud says that it does not work.
    ThisMemberBroken(String),
    Other(String),
    /// Several at once, so that each gets some of the traffic.
    Several {
        names: String,
        /// Whether this member is one of them.
        here: bool,
    },
    Nobody,
    /// It could not be read.
    Unknown,
}

impl Holder {
    /// Whether this member holds it, alone or not, and whether it works or not.
    pub fn is_here(&self) -> bool {
        match self {
            Holder::ThisMember | Holder::ThisMemberBroken(_) => true,
            Holder::Several { here, .. } => *here,
            Holder::Other(_) | Holder::Nobody | Holder::Unknown => false,
        }
    }

    /// Whom traffic reaches beside this member.
    pub fn others(&self) -> Option<&str> {
        match self {
            Holder::Other(names) | Holder::Several { names, .. } => Some(names),
            Holder::ThisMember | Holder::ThisMemberBroken(_) | Holder::Nobody | Holder::Unknown => None,
        }
    }
}

/// One thing in the cloud that has to point at the holder: a route in one table, an address on an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    pub id: PartId,
    pub holder: Holder,
}

#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartId {
    pub vip: String,
    /// `route rtb-1`, `public ip eipalloc-1`, …
    pub part: String,
}

impl PartId {
    pub fn new(vip: &Vip, part: String) -> Self {
        PartId { vip: vip.to_string(), part }
    }
}

impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.vip, self.part)
    }
}

/// What the caller wants.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Goal {
    /// This member holds the VIP.
    Hold(Write),
    /// This member does not hold the VIP.
    LetGo,
}

/// Whether a change is sent for a part that a read already shows in place.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Write {
    IfNeeded,
    /// From a mirror hook, where a stale read must not leave the VIP on a dead member.
    Always,
}
