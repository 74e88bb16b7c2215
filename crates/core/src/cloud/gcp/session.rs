//! One call's session with Google: the settings, the VIPs, the clients, and who this member is.
//!
//! Each mechanism holds a session and calls down to it. The session knows no mechanism.

use super::{
    compute::Compute,
    identity::{Here, compute_of},
    metadata::Metadata,
    operation::Operations,
    settings::Settings,
};
use crate::{
    cloud::{Setup, local::System},
    error::{Error, Result},
    host::LocalNetwork,
    net::{
        retry::Caller,
        transport::{Client, Destination},
    },
    vip::{Member, Vip},
};
use std::rc::Rc;
use tokio::sync::OnceCell;

/// What both mechanisms work with.
pub struct Session {
    pub settings: Settings,
    pub vips: Vec<Vip>,
    pub local: LocalNetwork,
    pub caller: Caller,
    pub metadata: Rc<Metadata>,
    /// Whether requests to the API go through a proxy.
    pub has_proxy: bool,
    http: Client,
    connection: OnceCell<Connection>,
}

/// Who this VM is, and the way to Compute Engine in its name.
pub struct Connection {
    pub here: Here,
    pub compute: Rc<Compute>,
    pub operations: Operations,
}

impl Session {
    /// Sets up the clients. Sends nothing.
    ///
    /// # Errors
    /// When the HTTP clients cannot be set up.
    pub fn new(settings: &Settings, setup: Setup<'_>) -> Result<Self> {
        let Setup { http, vips, local, caller, .. } = setup;
        // "Rate quotas" (Compute Engine): methods of different groups have quotas of their own.
        let caller = caller.throttled_by_action();
        let endpoints = &settings.endpoints;
        let metadata = endpoints.metadata.as_deref();
        let metadata_http = caller.client(Destination::Metadata { endpoint: metadata }, http)?;
        Ok(Session {
            metadata: Rc::new(Metadata::new(metadata_http, metadata)),
            http: caller.client(Destination::Api { endpoint: endpoints.compute.as_deref() }, http)?,
            has_proxy: http.proxy.is_some(),
            settings: settings.clone(),
            vips,
            local,
            caller,
            connection: OnceCell::new(),
        })
    }

    /// Asks the metadata server who this VM is, once in a call, and for a token meanwhile: a slow server must not use the whole
    /// call up. Without a configured endpoint the answer names it.
    ///
    /// # Errors
    /// What the metadata server answers, or `unsupported` for a VM in another project than the configured one;
    /// `unauthenticated` without a service account.
    pub async fn connect(&self) -> Result<&Connection> {
        self.connection
            .get_or_try_init(async || {
                let Session { metadata, caller, settings, .. } = self;
                let (instance, token) = tokio::try_join!(metadata.instance(caller), metadata.token(caller))?;
                let configured = settings.endpoints.compute.clone();
                let endpoint = configured.unwrap_or_else(|| compute_of(&instance.universe));
                let compute = Compute::new(self.http.clone(), &endpoint, metadata.clone(), caller.clone(), token);
                let (here, compute) = (Here::new(instance, settings)?, Rc::new(compute));
                Ok(Connection { here, operations: Operations::new(compute.clone()), compute })
            })
            .await
    }

    /// Who this member is, once its service account has a token.
    ///
    /// # Errors
    /// As [`Session::connect`], and `unauthenticated` without a service account.
    pub async fn identify(&self) -> Result<Member> {
        let Connection { here, compute, .. } = self.connect().await?;
        compute.prepare().await?;
        Ok(self.member(here))
    }

    /// What a status says of parts that are apart while a change is under way. Asks nobody.
    pub fn while_a_change_runs(&self) -> Option<Error> {
        self.connection.get()?.operations.while_one_runs()
    }

    /// The operating system: that of the VM if it has the address of its interface.
    pub fn system(&self, here: &Here) -> System<'_> {
        let interface = here.interfaces.get(self.settings.network_interface);
        System::new(&self.local, interface.and_then(|interface| interface.ip.parse().ok()))
    }

    /// This member in the words of a report.
    pub fn member(&self, here: &Here) -> Member {
        Member {
            instance: Some(here.name.clone()),
            interface: Some(format!("nic{}", self.settings.network_interface)),
            zone: Some(here.zone.clone()),
            holds_as: Some(here.name.clone()),
        }
    }
}
