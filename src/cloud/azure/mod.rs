//! Azure: a VIP is an ip-configuration of a network interface, with a public address if wished; or a user-defined route.
//!
//! Reads of Resource Manager are consistent and every change is conditional (`If-Match`), so a look decides what is
//! written, and what another member does afterwards is never overwritten.

mod arm;
mod error;
mod ip_config;
mod metadata;
mod route;
mod token;

use super::{Cloud, Plan, local_address};
use crate::{
    config::{
        Http,
        azure::{Azure as Config, Mechanism, Reference},
    },
    error::{Code, Error, Result},
    host::LocalNetwork,
    net::{
        client::{self, Client},
        retry::Caller,
    },
    report::{CheckItem, Verdict},
    vip::{Goal, Member, Part, PartId, Vip},
};
use arm::{Arm, Door, Id};
use ipnet::IpNet;
use serde_json::Value;
use std::{cell::RefCell, collections::BTreeMap, net::IpAddr, time::Duration};
use tokio::sync::OnceCell;

pub struct Azure {
    config: Config,
    vips: Vec<Vip>,
    local: LocalNetwork,
    caller: Caller,
    http: Client,
    metadata_http: Client,
    start: OnceCell<(Here, Arm)>,
    /// Public addresses that a write was refused for: the private ones go without them.
    public_trouble: RefCell<BTreeMap<PartId, Error>>,
}

/// This VM, from its metadata.
#[derive(Debug, Clone)]
pub struct Here {
    vm: String,
    zone: Option<String>,
    subscription: String,
    group: String,
    macs: Vec<String>,
    addresses: Vec<IpAddr>,
    subnets: Vec<IpNet>,
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
        version: Option<String>,
        peer: bool,
        with_public: bool,
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

impl Azure {
    /// # Errors
    /// When the HTTP clients cannot be set up.
    pub fn new(config: &Config, http: &Http, vips: Vec<Vip>, local: LocalNetwork, caller: Caller) -> Result<Self> {
        let endpoints = &config.endpoints;
        Ok(Azure {
            metadata_http: client::for_metadata(http, endpoints.metadata.as_deref(), Duration::from_secs(1))?,
            http: client::for_api(http, endpoints.management.as_deref())?,
            config: config.clone(),
            vips,
            local,
            caller,
            start: OnceCell::new(),
            public_trouble: RefCell::default(),
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

/// The endpoints of "National clouds" and of "Azure Instance Metadata Service", `azEnvironment` (Microsoft Learn).
fn management_of(environment: &str) -> Option<&'static str> {
    match environment.to_ascii_lowercase().as_str() {
        "" | "azurepubliccloud" | "azurecloud" => Some("https://management.azure.com"),
        "azureusgovernmentcloud" | "azureusgovernment" => Some("https://management.usgovcloudapi.net"),
        "azurechinacloud" => Some("https://management.chinacloudapi.cn"),
        _ => None,
    }
}

impl Here {
    fn new(instance: &metadata::Instance, config: &Config) -> Self {
        let metadata::Instance { compute, network } = instance;
        let families = || network.interface.iter().flat_map(|interface| [&interface.ipv4, &interface.ipv6]).flatten();
        let addresses = families()
            .flat_map(|family| &family.ip_address)
            .filter_map(|address| address.private_ip_address.parse().ok());
        let subnets = families()
            .flat_map(|family| &family.subnet)
            .filter_map(|subnet| format!("{}/{}", subnet.address, subnet.prefix).parse().ok());
        Here {
            vm: compute.name.clone(),
            zone: Some(compute.zone.clone()).filter(|zone| !zone.is_empty()),
            subscription: config.subscription.clone().unwrap_or_else(|| compute.subscription_id.clone()),
            group: config.resource_group.clone().unwrap_or_else(|| compute.resource_group_name.clone()),
            macs: network.interface.iter().map(|interface| interface.mac_address.clone()).collect(),
            addresses: addresses.collect(),
            subnets: subnets.collect(),
        }
    }

    fn id(&self, reference: &Reference, kind: &str) -> Id {
        match reference {
            Reference::Id(text) => Id::from_text(text),
            Reference::Name(name) => Id::new(&self.subscription, &self.group, kind, name),
        }
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
        Ok(Member { instance: Some(here.vm.clone()), interface: None, zone: here.zone.clone() })
    }

    async fn discover(&self) -> Result<Seen> {
        self.look(true).await
    }

    async fn observe(&self, _: &Seen) -> Result<Seen> {
        self.look(false).await
    }

    fn member(&self, seen: &Seen) -> Member {
        let interface = match &seen.body {
            Body::IpConfig(body) => body.nics.iter().find(|nic| nic.own).map(|nic| nic.id.name().to_owned()),
            Body::Routes(_) => seen.here.addresses.first().map(ToString::to_string),
        };
        Member { instance: Some(seen.here.vm.clone()), interface, zone: seen.here.zone.clone() }
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
        let (_, arm) = self.start().await?;
        match change {
            Change::WriteNic { id, body, version, peer, with_public } => {
                let made = ip_config::write(arm, id, body, version.as_deref(), *peer).await;
                made.map_err(|error| if *with_public { self.without_public(error) } else { error })
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

    fn remarks(&self, seen: &Seen) -> Vec<CheckItem> {
        let mut items = vec![local_address(&self.vips, &self.local)];
        if let Body::IpConfig(body) = &seen.body {
            for id in &body.missing {
                items.push(CheckItem::new(
                    "memberMissing",
                    Verdict::Warning,
                    format!("the interface {} of `azure.nics` does not exist", id.name()),
                    "remove it from `azure.nics` on every member, or correct its name",
                ));
            }
        }
        items
    }

    async fn advice(&self) -> Vec<CheckItem> {
        if self.config.mechanism == Mechanism::IpConfig || self.config.nics.is_empty() {
            return Vec::new();
        }
        const NAME: &str = "ipForwarding";
        let look = async {
            let (here, arm) = self.start().await?;
            ip_config::look(self, arm, here).await
        };
        match look.await {
            Ok(seen) => match seen.nics.iter().find(|nic| nic.own) {
                Some(nic) if !nic.forwards() => vec![CheckItem::new(
                    NAME,
                    Verdict::Warning,
                    format!(
                        "IP forwarding of {} is off: Azure drops packets for the VIP before they arrive",
                        nic.id.name()
                    ),
                    format!("az network nic update --ids {} --ip-forwarding true", nic.id.as_str()),
                )],
                _ => vec![CheckItem::ok(NAME, "IP forwarding is on")],
            },
            Err(error) => vec![CheckItem::new(
                NAME,
                Verdict::Skipped,
                format!("not looked at: {}", error.message),
                error.remedy.clone(),
            )],
        }
    }

    async fn rehearse(&self, _: &Seen) -> Vec<CheckItem> {
        vec![CheckItem::new(
            "permission arm:PUT",
            Verdict::Skipped,
            "Resource Manager offers no dry run of these calls",
            "compare the identity's role with docs/install-azure.md, and move the VIP once on purpose",
        )]
    }
}

impl Azure {
    /// A write that was refused for good with public addresses in it is planned again without them, so that the private
    /// ones do not wait for them.
    fn without_public(&self, error: Error) -> Error {
        let for_good = matches!(
            error.code,
            Code::Denied | Code::NotFound | Code::InvalidConfig | Code::LimitExceeded | Code::Unexpected
        ) || error.cloud_code.as_deref().is_some_and(|code| code.starts_with("PublicIPAddress"));
        if !for_good {
            return error;
        }
        let Some((here, _)) = self.start.get() else { return error };
        for vip in &self.vips {
            if let Some(id) = self.public_id(here, vip) {
                self.public_trouble.borrow_mut().insert(part(vip, format!("public ip {}", id.name())), error.clone());
            }
        }
        error.with(|details| details.code = Code::Conflict)
    }
}

fn part(vip: &Vip, part: String) -> PartId {
    PartId { vip: vip.to_string(), part }
}

#[cfg(test)]
mod tests {
    use super::management_of;

    #[test]
    fn each_azure_has_its_own_management_endpoint() {
        for (environment, host) in [
            ("AzurePublicCloud", Some("https://management.azure.com")),
            ("AzureUSGovernmentCloud", Some("https://management.usgovcloudapi.net")),
            ("AzureChinaCloud", Some("https://management.chinacloudapi.cn")),
            ("", Some("https://management.azure.com")),
            ("AzureStackCloud", None),
        ] {
            assert_eq!(management_of(environment), host, "{environment}");
        }
    }
}
