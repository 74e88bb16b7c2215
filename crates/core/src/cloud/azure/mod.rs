//! Azure: a VIP is an ip-configuration of a network interface, with a public address if wished; or a user-defined route.
//!
//! Reads of Resource Manager are consistent and every change is conditional (`If-Match`), so a look decides what is
//! written, and what another member does afterwards is never overwritten.

mod arm;
mod error;
mod identity;
mod ip_config;
mod members;
mod metadata;
mod nic;
mod ranges;
mod refusal;
mod rehearsal;
mod route;
mod subnet;
mod token;

use super::{Cloud, Plan, SetAside, local_address, peers::Silent};
use crate::{
    check::{CheckItem, CheckName},
    config::azure::{Azure as Config, Mechanism, Reference},
    error::{Code, Error, Result},
    host::LocalNetwork,
    net::{
        metadata::CONNECT,
        retry::Caller,
        settings::Http,
        transport::{Client, Destination},
    },
    vip::{Goal, Member, Part, PartId, Vip},
};
use arm::{Arm, Door, Id};
use identity::{Here, management_of};
use serde_json::Value;
use std::{
    cell::RefCell,
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};
use tokio::sync::OnceCell;

pub struct Azure {
    config: Config,
    vips: Vec<Vip>,
    local: LocalNetwork,
    caller: Caller,
    http: Client,
    metadata_http: Client,
    start: OnceCell<(Here, Arm)>,
    /// Members that did not answer; they are not asked again by this call.
    silent: RefCell<Vec<Silent>>,
    /// Public addresses that could not be read; they are not asked for again by this call.
    silent_public: RefCell<BTreeMap<Id, Error>>,
    /// Peers whose operation has outlasted its share of the time; this call does not wait for it again.
    outlasted: RefCell<BTreeSet<Id>>,
    set_aside: SetAside,
}

#[derive(Debug, Clone)]
pub struct Seen {
    here: Here,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    IpConfig(ip_config::Seen),
    Routes(route::Seen),
}

#[derive(Debug, Clone)]
pub enum Change {
    /// Replaces an interface as a whole.
    WriteNic {
        id: Id,
        body: Value,
        version: String,
        write: Write,
    },
    PutRoute {
        id: Id,
        body: Value,
        version: Option<String>,
    },
    DeleteRoute {
        id: Id,
        version: Option<String>,
    },
}

/// What the write of an interface is for.
#[derive(Debug, Clone, PartialEq, Eq)]
pub enum Write {
    /// A peer's, without the VIP.
    Frees,
    /// The own, with the VIP.
    Takes {
        /// Public addresses that come with it.
        publics: Vec<(PartId, Id)>,
        /// Peers that are being written while the VIP is with nobody: they may still be giving it up.
        leaving: Vec<Id>,
    },
    /// The own, without the VIP.
    LetsGo,
}

impl Azure {
    /// # Errors
    /// When the HTTP clients cannot be set up.
    pub fn new(config: &Config, http: &Http, vips: Vec<Vip>, local: LocalNetwork, caller: Caller) -> Result<Self> {
        let endpoints = &config.endpoints;
        let metadata = endpoints.metadata.as_deref();
        Ok(Azure {
            metadata_http: caller
                .client(Destination::Metadata { endpoint: metadata, connect_timeout: CONNECT }, http)?,
            http: caller.client(Destination::Api { endpoint: endpoints.management.as_deref() }, http)?,
            config: config.clone(),
            vips,
            local,
            caller,
            start: OnceCell::new(),
            silent: RefCell::default(),
            silent_public: RefCell::default(),
            outlasted: RefCell::default(),
            set_aside: SetAside::default(),
        })
    }

    /// Who this VM is, and an authenticated way to Resource Manager. Found out once.
    async fn start(&self) -> Result<&(Here, Arm)> {
        self.start
            .get_or_try_init(async || {
                let metadata = self.config.endpoints.metadata.as_deref();
                let instance = metadata::instance(&self.metadata_http, metadata, &self.caller).await?;
                let audience = management_of(&instance.compute.az_environment).map(str::to_owned);
                let endpoint = match (&self.config.endpoints.management, &audience) {
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
                    metadata: self.config.endpoints.metadata.clone(),
                    client_id: self.config.client_id.clone(),
                    audience: audience.unwrap_or_else(|| endpoint.clone()),
                    endpoint,
                };
                let arm = Arm::new(door, self.caller.clone());
                Ok((Here::new(&instance, &self.config), arm))
            })
            .await
    }

    async fn look(&self, first: bool) -> Result<Seen> {
        let (here, arm) = self.start().await?;
        // Apart from the reads, whose share of the time is not for the identity service.
        arm.prepare().await?;
        let body = match self.config.mechanism {
            Mechanism::IpConfig => {
                let seen = ip_config::look(self, arm, here).await?;
                if first && ip_config::let_earlier_operations_end(self, arm, &seen).await? {
                    Body::IpConfig(ip_config::look(self, arm, here).await?)
                } else {
                    Body::IpConfig(seen)
                }
            }
            Mechanism::Route => Body::Routes(route::look(self, arm, here).await?),
        };
        Ok(Seen { here: here.clone(), body })
    }

    fn entry_name<'a>(&'a self, vip: &'a Vip) -> &'a str {
        vip.name.as_deref().unwrap_or(&self.config.ip_config)
    }

    fn route_name<'a>(&'a self, vip: &'a Vip) -> &'a str {
        vip.name.as_deref().unwrap_or(&self.config.route_name)
    }

    /// The public address that belongs to this VIP.
    fn public_id(&self, here: &Here, vip: &Vip) -> Option<Id> {
        let own = vip.public_ip.as_deref().map(|text| match text.starts_with('/') {
            true => Reference::Id(text.to_owned()),
            false => Reference::Name(text.to_owned()),
        });
        // `azure.publicIp` is the short form for the only VIP.
        own.or_else(|| self.config.public_ip.clone()).map(|reference| here.id(&reference, "publicIPAddresses"))
    }
}

impl Cloud for Azure {
    type Seen = Seen;
    type Change = Change;

    /// Resource Manager reads what it has accepted.
    const READS_LAG: Duration = Duration::ZERO;
    const LOOK_TWICE_AFTER: Duration = Duration::ZERO;

    fn name(&self) -> &'static str {
        "azure"
    }

    fn mechanism(&self) -> &'static str {
        self.config.mechanism.as_str()
    }

    async fn identify(&self) -> Result<Member> {
        let (here, arm) = self.start().await?;
        arm.prepare().await?;
        Ok(Member { instance: Some(here.vm.clone()), zone: here.zone.clone(), ..Member::default() })
    }

    async fn discover(&self) -> Result<Seen> {
        self.look(true).await
    }

    async fn observe(&self, _: &Seen) -> Result<Seen> {
        self.look(false).await
    }

    fn member(&self, seen: &Seen) -> Member {
        let member = Member { instance: Some(seen.here.vm.clone()), zone: seen.here.zone.clone(), ..Member::default() };
        match &seen.body {
            Body::IpConfig(body) => {
                let own = body.members.own();
                Member { interface: own.map(|nic| nic.id.name().to_owned()), ..member }
            }
            // The holder of a route is the address of its next hop.
            Body::Routes(_) => {
                Member { holds_as: seen.here.addresses().next().map(|address| address.to_string()), ..member }
            }
        }
    }

    fn placement(&self, seen: &Seen) -> Vec<Part> {
        match &seen.body {
            Body::IpConfig(body) => ip_config::placement(self, seen, body),
            Body::Routes(body) => route::placement(self, seen, body),
        }
    }

    fn plan(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        match &seen.body {
            Body::IpConfig(body) => ip_config::plan(self, seen, body, goal),
            Body::Routes(body) => route::plan(self, seen, body, goal),
        }
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let (here, arm) = self.start().await?;
        match change {
            Change::WriteNic { id, body, version, write } => {
                let made = ip_config::write(self, arm, id, body, version, write).await;
                made.map_err(|error| match write {
                    Write::Takes { publics, .. } => refusal::explained(self, here, id, error, publics),
                    Write::Frees | Write::LetsGo => error,
                })
            }
            Change::PutRoute { id, body, version } => route::put(arm, id, body, version.as_deref()).await,
            Change::DeleteRoute { id, version } => route::delete(arm, id, version.as_deref()).await,
        }
    }

    fn describe(&self, change: &Change) -> (String, String) {
        match change {
            Change::WriteNic { id, .. } | Change::PutRoute { id, .. } => (format!("arm:PUT {}", id.kind()), id.shown()),
            Change::DeleteRoute { id, .. } => (format!("arm:DELETE {}", id.kind()), id.shown()),
        }
    }

    fn missing(&self, seen: &Seen) -> Vec<String> {
        match &seen.body {
            Body::IpConfig(body) => body.members.missing.clone(),
            // A route names its holder.
            Body::Routes(_) => Vec::new(),
        }
    }

    fn remarks(&self, seen: &Seen) -> Vec<CheckItem> {
        let mut items = match &seen.body {
            Body::IpConfig(body) => body.members.remarks(),
            Body::Routes(_) => Vec::new(),
        };
        items.push(local_address(&self.vips, &self.local));
        items
    }

    async fn advice(&self) -> Vec<CheckItem> {
        if self.config.mechanism == Mechanism::IpConfig {
            return Vec::new();
        }
        let look = async {
            let (here, arm) = self.start().await?;
            route::own_nics(self, arm, here).await
        };
        vec![route::forwarding(look.await)]
    }

    async fn rehearse(&self, seen: &Seen) -> Vec<CheckItem> {
        match self.start().await {
            Ok((_, arm)) => rehearsal::all(self, arm, seen).await,
            Err(error) => vec![CheckItem::failed(CheckName::Permissions, &error)],
        }
    }
}
