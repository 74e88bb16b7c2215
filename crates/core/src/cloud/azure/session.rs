//! What every mechanism of Azure stands on: the settings, the VIPs, who this member is, and the authenticated way to
//! Resource Manager. A session serves one call and knows no mechanism.

use super::{
    arm::{Arm, Door},
    identity::{Here, management_of},
    metadata,
    settings::Settings,
    token,
};
use crate::{
    check::CheckItem,
    cloud::{
        Setup,
        local::{System, add_for_good},
    },
    error::{Code, Error, Result},
    host::LocalNetwork,
    net::{
        retry::Caller,
        transport::{Client, Destination},
    },
    vip::{Member, Vip},
};
use tokio::sync::OnceCell;

/// The cloud of a VM whose metadata name none.
const PUBLIC_CLOUD: &str = "";

/// One call's way to Azure.
pub struct Session {
    /// The configuration's block `azure`.
    pub settings: Settings,
    /// The VIPs of the configuration.
    pub vips: Vec<Vip>,
    local: LocalNetwork,
    caller: Caller,
    http: Client,
    metadata_http: Client,
    start: OnceCell<(Here, Arm)>,
}

impl Session {
    /// Sets the clients up. Sends nothing.
    ///
    /// # Errors
    /// When the HTTP clients cannot be set up.
    pub fn new(settings: &Settings, setup: Setup<'_>) -> Result<Self> {
        let Setup { http, vips, local, caller, .. } = setup;
        let endpoints = &settings.endpoints;
        let metadata = endpoints.metadata.as_deref();
        Ok(Session {
            metadata_http: caller.client(Destination::Metadata { endpoint: metadata }, http)?,
            http: caller.client(Destination::Api { endpoint: endpoints.management.as_deref() }, http)?,
            settings: settings.clone(),
            vips,
            local,
            caller,
            start: OnceCell::new(),
        })
    }

    /// Who this VM is, and the way to Resource Manager. The first caller asks the metadata service; the others read the
    /// answer. The way may still lack a token.
    ///
    /// # Errors
    /// Those of the metadata service; `unsupported` for an Azure cloud whose management endpoint nobody has configured.
    pub async fn start(&self) -> Result<&(Here, Arm)> {
        self.start
            .get_or_try_init(async || {
                let endpoints = &self.settings.endpoints;
                let metadata = endpoints.metadata.as_deref();
                // Almost every VM is in the public cloud: its token comes while the metadata service tells which cloud this is, so
                // that a slow service does not use the whole call up. In another cloud the token is asked for once more.
                let instance = metadata::instance(&self.metadata_http, metadata, &self.caller);
                let (client_id, likely) = (self.settings.client_id.as_deref(), management_of(PUBLIC_CLOUD));
                let early = async {
                    match likely {
                        Some(audience) => {
                            Ok(Some(token::get(&self.metadata_http, metadata, client_id, audience, &self.caller).await))
                        }
                        None => Ok(None),
                    }
                };
                let (instance, early) = tokio::try_join!(instance, early)?;
                let audience = management_of(&instance.compute.az_environment).map(str::to_owned);
                let endpoint = match (&endpoints.management, &audience) {
                    (Some(configured), _) => configured.trim_end_matches('/').to_owned(),
                    (None, Some(known)) => known.clone(),
                    (None, None) => {
                        return Err(Error::new(
                            Code::Unsupported,
                            format!(
                                "the Azure cloud {:?} has no known management endpoint",
                                instance.compute.az_environment
                            ),
                            "set `azure.endpoints.management`",
                        ));
                    }
                };
                let door = Door {
                    http: self.http.clone(),
                    metadata_http: self.metadata_http.clone(),
                    metadata: endpoints.metadata.clone(),
                    client_id: self.settings.client_id.clone(),
                    audience: audience.unwrap_or_else(|| endpoint.clone()),
                    endpoint,
                };
                let early = early.filter(|_| likely == Some(door.audience.as_str()));
                let arm = Arm::new(door, self.caller.clone());
                let arm = match early {
                    Some(token) => arm.with_token(token?),
                    None => arm,
                };
                Ok((Here::new(&instance, &self.settings), arm))
            })
            .await
    }

    /// The same, with a token. A read has a share of the call's time, which the identity service must not use up.
    ///
    /// # Errors
    /// Those of [`Session::start`] and of the identity service.
    pub async fn start_with_token(&self) -> Result<&(Here, Arm)> {
        let start = self.start().await?;
        start.1.prepare().await?;
        Ok(start)
    }

    /// This member, as the metadata service and the identity service know it.
    ///
    /// # Errors
    /// Those of [`Session::start_with_token`].
    pub async fn identify(&self) -> Result<Member> {
        let (here, _) = self.start_with_token().await?;
        Ok(here.member())
    }

    /// A warning where this identity may not read operations, so that nobody sees why one has failed.
    pub fn tracking(&self) -> Option<CheckItem> {
        let (_, arm) = self.start.get()?;
        arm.untracked()
    }

    /// Whether the operating system accepts packets for the VIPs.
    pub fn local_address(&self, here: &Here) -> CheckItem {
        let vips: Vec<&Vip> = self.vips.iter().collect();
        System::new(&self.local, here.addresses()).item(&vips, add_for_good)
    }
}
