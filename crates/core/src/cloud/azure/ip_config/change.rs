//! The writes of interfaces that a plan consists of: each of one interface as a whole.

use crate::{
    cloud::azure::{arm, id::Id, nic::Nic},
    error::{Error, Result},
    vip::{PartId, Vip},
};
use serde_json::Value;

/// The write of one interface as a whole.
#[derive(Debug, Clone)]
pub struct Change {
    /// The interface.
    pub id: Id,
    /// The interface's new body.
    pub body: Value,
    /// The version that the write is conditional on.
    pub version: String,
    /// The interface's state, as it was read.
    pub state: String,
    /// What the write is for.
    pub purpose: Purpose,
}

/// What the write of an interface is for.
#[derive(Debug, Clone)]
pub enum Purpose {
    /// A peer gives the VIP up.
    Frees {
        /// The entries that leave it, each with its VIP.
        entries: Vec<(String, Value)>,
    },
    /// This member takes the VIPs of one group: those that one peer has, or nobody. A peer that is slow or cannot be written
    /// holds up its own VIPs alone.
    Takes {
        /// What comes to the own interface.
        arrivals: Vec<Arrival>,
        /// Peers with a running operation while nobody lists the VIP, and peers that are deleted: they may still be giving it up.
        leaving: Vec<Id>,
    },
    /// This member gives the VIP up.
    LetsGo,
    /// The own interface is written as it is, since Azure is likely to refuse its writes: a peer that holds a VIP gives it up only
    /// once Azure has accepted this.
    Proves,
}

/// One VIP's entry on the own interface, as it is to be.
#[derive(Debug, Clone)]
pub struct Arrival {
    /// The VIP, as configured.
    pub vip: Vip,
    /// The name of its entry.
    pub name: String,
    /// Its public address.
    pub public: Option<Id>,
    /// The entry of the peer that had it last.
    pub peer: Option<Value>,
    /// Its parts that are elsewhere now.
    pub wanted: Vec<PartId>,
    /// The public addresses that come with it.
    pub publics: Vec<(PartId, Id)>,
}

impl Arrival {
    /// Puts the entry into `body`, which is the own interface's.
    ///
    /// # Errors
    /// Those of [`Nic::put_entry`].
    pub fn put(&self, own: &Nic, body: &mut Value) -> Result<()> {
        own.put_entry(body, &self.name, self.vip.address.addr(), self.public.as_ref(), self.peer.as_ref())
    }
}

impl Change {
    /// The write of this body to the interface, under the version of its read.
    ///
    /// # Errors
    /// `unexpected` for an interface without a version.
    pub fn new(nic: &Nic, body: Value, purpose: Purpose) -> Result<Change> {
        let version = nic.version().ok_or_else(|| {
            Error::impostor(
                format!(
                    "the interface {} came without a version (etag), and is not written without one",
                    nic.id.name()
                ),
                arm::NAME,
            )
        })?;
        Ok(Change { id: nic.id.clone(), body, version, state: nic.state().to_owned(), purpose })
    }

    /// The VIPs that come with the write.
    pub fn arrivals(&self) -> &[Arrival] {
        match &self.purpose {
            Purpose::Takes { arrivals, .. } => arrivals,
            Purpose::Frees { .. } | Purpose::LetsGo | Purpose::Proves => &[],
        }
    }
}
