//! The words that every layer shares: a VIP, who is who, and where a VIP stands.

use ipnet::IpNet;
use serde::Serialize;
use std::fmt;

/// One virtual address (or range) that follows the primary.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Vip {
    /// As configured, with its host part, since an address of the operating system has one.
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

    /// Whether it is one address, and no network.
    pub fn is_one_address(&self) -> bool {
        self.address.prefix_len() == self.address.max_prefix_len()
    }
}

impl fmt::Display for Vip {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        self.address.fmt(f)
    }
}

/// One configured VIP, its address perhaps still to be asked from the operating system.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct VipSource {
    /// Its address, or the label that leads to it.
    pub address: Address,
    /// The public address that belongs to it, as its cloud names it.
    pub public_ip: Option<String>,
    /// The name of its ip-configuration or route.
    pub name: Option<String>,
}

/// Where the address of a VIP comes from.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Address {
    /// The configuration has it.
    Literal(IpNet),
    /// The address under this label, for example `eth0:1`.
    Label(String),
}

/// This member, as the cloud knows it.
#[derive(Debug, Clone, Default, Serialize)]
pub struct Member {
    /// The machine.
    pub instance: Option<String>,
    /// The interface that carries the VIP.
    pub interface: Option<String>,
    /// The zone of the machine.
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
    /// Here by name, and nobody can say yet whether it works: the cloud has not finished, or did not answer a question.
    Arriving(String),
    /// Here by name, but the cloud says that it does not work.
    ThisMemberBroken(String),
    /// Another member, or a stranger.
    Other(String),
    /// Another member by name, and no packet arrives there: its machine does not run, or its interface is gone.
    OtherBroken(String),
    /// Several at once, so that each gets some of the traffic.
    Several {
        /// Their names, joined.
        names: String,
        /// Whether this member is one of them.
        here: bool,
    },
    /// Nobody: every member was seen without it.
    Nobody,
    /// Not this member, as a read showed; who else may have it could not be read.
    NotHere,
    /// It could not be read.
    Unknown,
}

impl Holder {
    /// Whether this member holds it, alone or not, and whether it works or not.
    pub fn is_here(&self) -> bool {
        match self {
            Holder::ThisMember | Holder::Arriving(_) | Holder::ThisMemberBroken(_) => true,
            Holder::Several { here, .. } => *here,
            Holder::Other(_) | Holder::OtherBroken(_) | Holder::Nobody | Holder::NotHere | Holder::Unknown => false,
        }
    }

    /// Whether this member holds it by name, and the cloud has not finished.
    pub fn is_arriving(&self) -> bool {
        matches!(self, Holder::Arriving(_))
    }

    /// Whether nobody can say who holds it.
    pub fn is_unknown(&self) -> bool {
        matches!(self, Holder::NotHere | Holder::Unknown)
    }

    /// Whether traffic reaches nobody, as far as a read shows.
    pub fn is_nobody(&self) -> bool {
        matches!(self, Holder::Nobody | Holder::OtherBroken(_))
    }

    /// Another member by name, where it receives nothing.
    pub fn broken_other(&self) -> Option<&str> {
        match self {
            Holder::OtherBroken(name) => Some(name),
            _ => None,
        }
    }

    /// Whether another member has it by name, whether a packet arrives there or not.
    pub fn is_elsewhere(&self) -> bool {
        self.others().is_some() || matches!(self, Holder::OtherBroken(_))
    }

    /// Whom traffic reaches beside this member.
    pub fn others(&self) -> Option<&str> {
        match self {
            Holder::Other(names) | Holder::Several { names, .. } => Some(names),
            Holder::ThisMember
            | Holder::Arriving(_)
            | Holder::ThisMemberBroken(_)
            | Holder::OtherBroken(_)
            | Holder::Nobody
            | Holder::NotHere
            | Holder::Unknown => None,
        }
    }
}

/// One thing in the cloud that has to point at the holder: a route in one table, an address on an interface.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct Part {
    /// Which part it is.
    pub id: PartId,
    /// Who has it.
    pub holder: Holder,
}

/// What a part is called.
#[derive(Debug, Clone, PartialEq, Eq, Hash, PartialOrd, Ord)]
pub struct PartId {
    /// The VIP, as configured.
    pub vip: String,
    /// `route rtb-1`, `public ip eipalloc-1`, …
    pub part: String,
}

impl PartId {
    /// The part of this name of a VIP.
    pub fn new(vip: &Vip, part: String) -> Self {
        PartId { vip: vip.to_string(), part }
    }
}

impl fmt::Display for PartId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{} ({})", self.vip, self.part)
    }
}

impl Write {
    /// Whether a part with this holder needs a change to reach the goal of holding.
    pub fn is_wanted(self, holder: &Holder) -> bool {
        self == Write::Always || *holder != Holder::ThisMember
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
    /// Only where the read shows that it is needed.
    IfNeeded,
    /// From a mirror hook, where a stale read must not leave the VIP on a dead member.
    Always,
}
