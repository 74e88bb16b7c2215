//! The members' interfaces, where `azure.nics` lists them: a route that leads to none of them is somebody else's.

use crate::{
    cloud::azure::{id::Id, nic::Nic, nic::address_of, session::Session},
    error::Result,
};
use futures_util::future::join_all;
use std::{cell::Cell, net::IpAddr, time::Duration};
use tokio::{sync::OnceCell, time::timeout};

/// How long a look waits for the interfaces. They say whether a route may be taken, and one of them may be in a lost zone.
const PATIENCE: Duration = Duration::from_secs(2);

/// The interfaces of `azure.nics`. One call reads them once.
#[derive(Debug, Default)]
pub struct Listed {
    nics: OnceCell<Vec<Result<Nic>>>,
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
