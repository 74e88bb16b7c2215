//! The members' interfaces, where `azure.nics` lists them: a route that leads to none of them is somebody else's.

use super::{
    id::Id,
    identity::Here,
    nic::{Nic, address_of},
    power::{self, Idle},
    session::Session,
};
use crate::error::Result;
use futures_util::future::{join_all, try_join_all};
use serde_json::Value;
use std::{cell::Cell, collections::BTreeSet, net::IpAddr, time::Duration};
use tokio::{sync::OnceCell, time::timeout};

/// How long a look waits for the interfaces. They say whether a route may be taken, and one of them may be in a lost zone.
const PATIENCE: Duration = Duration::from_secs(2);

/// The interfaces of `azure.nics`. One call reads them once.
#[derive(Debug, Default)]
pub struct Listed {
    nics: OnceCell<Vec<Result<Nic>>>,
    /// This VM's interfaces, as the VM itself lists them. Read where `azure.nics` lists none.
    own: OnceCell<Vec<Nic>>,
    /// Whether a look has waited for them in vain.
    is_late: Cell<bool>,
}

impl Listed {
    /// Each interface, or why it could not be read. None where the configuration lists none.
    ///
    /// # Errors
    /// Those of [`Session::start`].
    pub async fn nics(&self, session: &Session) -> Result<&[Result<Nic>]> {
        let nics = self.nics.get_or_try_init(async || {
            let (here, arm) = session.start().await?;
            let ids = session.settings.nics.iter().map(|nic| here.id(nic, "networkInterfaces"));
            let read = async |id: Id| Ok(Nic { body: arm.get_share_of(&id).await?, own: false, id });
            Ok(join_all(ids.map(read)).await)
        });
        Ok(nics.await?)
    }

    /// This VM's interfaces among those of `azure.nics`. Without `azure.nics` the VM itself lists its interfaces.
    ///
    /// # Errors
    /// Those of the reads. One that could not be read may be this VM's.
    pub async fn own(&self, session: &Session) -> Result<Vec<Nic>> {
        let (here, _) = session.start().await?;
        if session.settings.nics.is_empty() {
            return self.own.get_or_try_init(|| listed_by_the_vm(session)).await.cloned();
        }
        let nics = self.nics(session).await?;
        let own: Vec<Nic> = nics.iter().flatten().filter(|nic| here.interface_of(nic).is_some()).cloned().collect();
        match nics.iter().find_map(|nic| nic.as_ref().err()) {
            Some(error) if own.is_empty() => Err(error.clone()),
            _ => Ok(own),
        }
    }

    /// The interfaces of this VM, as far as they have been read.
    pub fn known_own(&self, here: &Here) -> impl Iterator<Item = &Nic> {
        let listed = self.nics.get().into_iter().flatten().flatten();
        listed.filter(|nic| here.interface_of(nic).is_some()).chain(self.own.get().into_iter().flatten())
    }

    /// Reads the interfaces of this VM, unless that takes long.
    pub async fn try_own(&self, session: &Session) {
        let Ok((_, arm)) = session.start().await else { return };
        let _elapsed = timeout(PATIENCE.min(arm.deadline().remaining() / 4), self.own(session)).await;
    }

    /// Those of these next hops that receive nothing, each with the reason: the machine of its interface does not run, or the
    /// interface does not forward.
    pub async fn idle(&self, session: &Session, hops: &BTreeSet<IpAddr>) -> Vec<(IpAddr, Idle)> {
        let (Ok((_, arm)), Ok(nics)) = (session.start().await, self.nics(session).await) else { return Vec::new() };
        let has = |nic: &Nic, hop: &IpAddr| nic.entry_with(*hop).is_some();
        let known: Vec<&Nic> = nics.iter().flatten().filter(|nic| hops.iter().any(|hop| has(nic, hop))).collect();
        let deaf = known.iter().filter(|nic| !nic.forwards()).map(|nic| power::deaf(nic));
        let idle = deaf.chain(power::look(arm, known.iter().copied()).await).collect::<Vec<_>>();
        let of_nic = |idle: Idle| {
            let nic = known.iter().find(|nic| nic.id == idle.nic);
            let hops = hops.iter().filter(move |hop| nic.is_some_and(|nic| has(nic, hop)));
            hops.map(move |hop| (*hop, idle.clone()))
        };
        idle.into_iter().flat_map(of_nic).collect()
    }

    /// The addresses of all members; `None` where not every interface could be read in time, since the route may lead to that one.
    pub async fn addresses(&self, session: &Session) -> Option<Vec<IpAddr>> {
        if session.settings.nics.is_empty() || self.is_late.get() {
            return None;
        }
        let (_, arm) = session.start().await.ok()?;
        let patience = PATIENCE.min(arm.deadline().remaining() / 4);
        let Ok(read) = timeout(patience, self.nics(session)).await else {
            self.is_late.set(true);
            return None;
        };
        let nics: Vec<&Nic> = read.ok()?.iter().map(|nic| nic.as_ref().ok()).collect::<Option<_>>()?;
        Some(nics.iter().flat_map(|nic| nic.entries()).filter_map(address_of).collect())
    }
}

async fn listed_by_the_vm(session: &Session) -> Result<Vec<Nic>> {
    let (here, arm) = session.start().await?;
    let vm = arm.get(&Id::from_text(&here.vm_id)).await?;
    let named = vm.pointer("/properties/networkProfile/networkInterfaces").and_then(Value::as_array);
    let ids = named.into_iter().flatten().filter_map(|nic| nic.get("id")?.as_str()).map(Id::from_text);
    let nics = try_join_all(ids.map(async |id| Ok(Nic { body: arm.get(&id).await?, own: false, id })));
    Ok(nics.await?.into_iter().filter(|nic| here.interface_of(nic).is_some()).collect())
}
