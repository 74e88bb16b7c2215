//! The reserved address: which one, and what a look at it showed.

use super::super::{
    identity::Here,
    path::Path,
    session::{Connection, Session},
    vm::text,
};
use crate::{
    cloud::peers::DEAD_ZONE,
    error::{Code, Error, Result},
    vip::{PartId, Vip},
};
use serde_json::Value;
use std::{cell::RefCell, time::Duration};
use tokio::time::Instant;

/// The reserved address as the API described it, or the error of the read.
#[derive(Debug, Clone)]
pub struct Address {
    pub(super) name: String,
    pub(super) read: Result<Value>,
}

impl Address {
    /// Its path, if the read succeeded.
    pub fn path(&self) -> Option<Path> {
        Path::from_link(text(self.read.as_ref().ok()?, "selfLink"))
    }

    /// Why it could not be read.
    pub fn failure(&self) -> Option<&Error> {
        self.read.as_ref().err()
    }

    /// The address itself, once it is known.
    pub fn ip(&self) -> Option<&str> {
        self.read.as_ref().ok().map(|body| text(body, "address")).filter(|ip| !ip.is_empty())
    }
}

/// The VIP with a public address, and that address's name: at most one VIP has one.
pub(super) fn wanted(session: &Session) -> Option<(&Vip, &str)> {
    session.vips.iter().find_map(|vip| {
        // `gcp.publicIp` is the short form for the only VIP.
        let name = vip.public_ip.as_deref().or(session.settings.public_ip.as_deref())?;
        Some((vip, name))
    })
}

/// Whether a VIP has a public address.
pub fn is_wanted(session: &Session) -> bool {
    wanted(session).is_some()
}

/// The part that stands for the public address of this VIP, where it has one.
pub fn part_of(session: &Session, vip: &Vip) -> Option<PartId> {
    let (with_public, name) = wanted(session)?;
    (with_public == vip).then(|| PartId::new(vip, format!("public ip {name}")))
}

/// The path of the address, before anybody has read it.
pub fn path_of(session: &Session, here: &Here) -> Option<Path> {
    wanted(session).map(|(_, name)| Path::regional(&here.project, here.region(), "addresses", name))
}

/// What this call remembers of the address.
#[derive(Default)]
pub struct Known {
    /// Why Google did not answer. This call does not ask for the address again.
    silent: RefCell<Option<Error>>,
    /// That Google throttles the reads, and until when this call leaves it at that.
    throttled: RefCell<Option<(Error, Instant)>>,
}

/// How long a read rests that was throttled for its whole share of the time, where Google asks for no longer.
const REST: Duration = Duration::from_secs(2);

impl Known {
    /// Reads the address. The read gets its share of the time, and only once.
    ///
    /// # Errors
    /// When the call's time is over. Any other error becomes part of the address.
    pub async fn look(&self, session: &Session, connection: &Connection) -> Result<Option<Address>> {
        let Connection { here, compute, .. } = connection;
        let Some((_, name)) = wanted(session) else { return Ok(None) };
        let Some(path) = path_of(session, here) else { return Ok(None) };
        let resting = self.throttled.borrow().clone().filter(|(_, until)| *until > Instant::now());
        let known = self.silent.borrow().clone().or(resting.as_ref().map(|(why, _)| why.clone()));
        let read = match known {
            Some(why) => Err(why),
            None => compute.get_share_of("addresses.get", &path).await.map_err(of_no_member),
        };
        match read {
            Err(error) if error.ends_the_call() => Err(error),
            read => {
                let unavailable = read.as_ref().err().filter(|error| error.code == Code::Unavailable);
                self.silent.replace(unavailable.cloned());
                if let Err(error) = &read
                    && error.code == Code::Throttled
                    && resting.is_none()
                {
                    let until = Instant::now() + REST.max(error.retry_after.unwrap_or_default());
                    self.throttled.replace(Some((error.clone(), until)));
                }
                Ok(Some(Address { name: name.to_owned(), read }))
            }
        }
    }
}

/// An address is in a region: a silent read of it tells nothing of a member's zone.
fn of_no_member(error: Error) -> Error {
    if error.remedy != DEAD_ZONE {
        return error;
    }
    error.with(|details| details.remedy = "call again, and look at status.cloud.google.com if it does not pass".into())
}

/// Stands for the address that a look did not wait for.
pub fn not_read_yet(session: &Session) -> Option<Address> {
    let (_, name) = wanted(session)?;
    let error = Error::new(
        Code::Unavailable,
        format!("compute:addresses.get on {name}: no answer yet"),
        "call again: the private address does not wait for this, the public one does",
    );
    Some(Address { name: name.to_owned(), read: Err(error) })
}
