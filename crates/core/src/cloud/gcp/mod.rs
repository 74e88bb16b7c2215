//! GCP: a VIP is an alias range of a VM's interface, with a public address if wished; or a static route.
//!
//! Reads show what an operation that is over has done, and every change is conditional (a fingerprint, a name that must be
//! free), so a look decides what is written.

mod access_config;
mod alias_ip;
mod compute;
mod error;
mod identity;
mod members;
mod metadata;
mod operation;
mod path;
mod ranges;
mod rehearsal;
mod route;
mod running;
mod vm;

use super::{
    Cloud, Plan, SetAside, local_address,
    peers::{self, Silent},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    config::gcp::{Gcp as Config, Mechanism},
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
use alias_ip::Write;
use compute::Compute;
use identity::{Here, compute_of};
use members::Members;
use metadata::Metadata;
use path::Path;
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    collections::BTreeMap,
    rc::Rc,
    time::Duration,
};
use tokio::sync::OnceCell;

pub struct Gcp {
    config: Config,
    vips: Vec<Vip>,
    local: LocalNetwork,
    caller: Caller,
    http: Client,
    has_proxy: bool,
    metadata: Rc<Metadata>,
    start: OnceCell<(Here, Compute)>,
    /// Zones of members that the configuration names without one.
    zones: RefCell<BTreeMap<String, String>>,
    /// Members that did not answer; they are not asked again by this call.
    silent: RefCell<Vec<Silent>>,
    /// Why the public address could not be read; it is not asked for again by this call.
    silent_address: RefCell<Option<Error>>,
    set_aside: SetAside,
    /// Parts that this call took off a peer.
    freed: RefCell<Vec<PartId>>,
    /// Whether this call changed the own interface, so that the metadata has news to tell.
    wrote_own: Cell<bool>,
}

#[derive(Debug, Clone)]
pub struct Seen {
    here: Here,
    body: Body,
}

#[derive(Debug, Clone)]
enum Body {
    AliasIp(Box<alias_ip::Seen>),
    Routes(route::Seen),
}

#[derive(Debug, Clone)]
pub enum Change {
    /// Replaces the alias ranges of an interface.
    UpdateInterface {
        vm: Path,
        interface: usize,
        body: Value,
        write: Write,
        parts: Vec<PartId>,
    },
    DeleteAccessConfig {
        vm: Path,
        interface: usize,
        name: String,
        peer: bool,
    },
    AddAccessConfig {
        vm: Path,
        interface: usize,
        body: Value,
    },
    InsertRoute {
        project: String,
        body: Value,
    },
    DeleteRoute {
        path: Path,
        /// Whether it no longer counts.
        is_leftover: bool,
    },
}

impl Change {
    /// The machine that it works on: it takes one change at a time.
    fn vm(&self) -> Option<&Path> {
        match self {
            Change::UpdateInterface { vm, .. }
            | Change::DeleteAccessConfig { vm, .. }
            | Change::AddAccessConfig { vm, .. } => Some(vm),
            Change::InsertRoute { .. } | Change::DeleteRoute { .. } => None,
        }
    }
}

impl Gcp {
    /// # Errors
    /// When the HTTP clients cannot be set up.
    pub fn new(config: &Config, http: &Http, vips: Vec<Vip>, local: LocalNetwork, caller: Caller) -> Result<Self> {
        let endpoints = &config.endpoints;
        let metadata = endpoints.metadata.as_deref();
        let metadata_http =
            caller.client(Destination::Metadata { endpoint: metadata, connect_timeout: CONNECT }, http)?;
        Ok(Gcp {
            metadata: Rc::new(Metadata::new(metadata_http, metadata)),
            http: caller.client(Destination::Api { endpoint: endpoints.compute.as_deref() }, http)?,
            has_proxy: http.proxy.is_some(),
            config: config.clone(),
            vips,
            local,
            caller,
            start: OnceCell::new(),
            zones: RefCell::default(),
            silent: RefCell::default(),
            silent_address: RefCell::default(),
            set_aside: SetAside::default(),
            freed: RefCell::default(),
            wrote_own: Cell::default(),
        })
    }

    /// Who this VM is, and an authenticated way to Compute Engine. Found out once; the token comes meanwhile.
    async fn start(&self) -> Result<&(Here, Compute)> {
        self.start
            .get_or_try_init(async || {
                let endpoint = self.config.endpoints.compute.clone();
                match endpoint {
                    Some(endpoint) => {
                        let compute = self.compute(&endpoint);
                        let (instance, ()) = tokio::try_join!(self.metadata.instance(&self.caller), compute.prepare())?;
                        Ok((Here::new(instance, &self.config)?, compute))
                    }
                    None => {
                        let instance = self.metadata.instance(&self.caller).await?;
                        let compute = self.compute(&compute_of(&instance.universe));
                        Ok((Here::new(instance, &self.config)?, compute))
                    }
                }
            })
            .await
    }

    fn compute(&self, endpoint: &str) -> Compute {
        Compute::new(self.http.clone(), endpoint, self.metadata.clone(), self.caller.clone())
    }

    async fn look(&self) -> Result<Seen> {
        let (here, compute) = self.start().await?;
        self.network(here)?;
        let body = match self.config.mechanism {
            Mechanism::AliasIp => Body::AliasIp(Box::new(alias_ip::look(self, compute, here).await?)),
            Mechanism::Route => Body::Routes(route::look(self, compute, here).await?),
        };
        Ok(Seen { here: here.clone(), body })
    }

    fn route_name<'a>(&'a self, vip: &'a Vip) -> &'a str {
        vip.name.as_deref().unwrap_or(&self.config.route_name)
    }

    fn has_public_ip(&self) -> bool {
        self.config.public_ip.is_some() || self.vips.iter().any(|vip| vip.public_ip.is_some())
    }

    /// A write that was refused because of some parts is planned again without them.
    fn note_trouble(&self, error: Error, write: Write, parts: &[PartId]) -> Error {
        if let (Write::Takes, Code::Conflict, false, Some(silent)) =
            (write, error.code, error.fate.is_race(), self.silent.borrow().first())
        {
            return silent.may_hold(error);
        }
        self.set_aside.note(alias_ip::parts_at_fault(self, &error, write, parts, &self.freed.borrow()), error)
    }
}

impl Cloud for Gcp {
    type Seen = Seen;
    type Change = Change;

    /// What an operation that is over has done is read at once.
    const READS_LAG: Duration = Duration::ZERO;
    const LOOK_TWICE_AFTER: Duration = Duration::ZERO;

    fn name(&self) -> &'static str {
        "gcp"
    }

    fn mechanism(&self) -> &'static str {
        self.config.mechanism.as_str()
    }

    async fn identify(&self) -> Result<Member> {
        let (here, compute) = self.start().await?;
        compute.prepare().await?;
        Ok(self.own_member(here))
    }

    async fn discover(&self) -> Result<Seen> {
        self.look().await
    }

    async fn observe(&self, _: &Seen) -> Result<Seen> {
        self.look().await
    }

    fn member(&self, seen: &Seen) -> Member {
        self.own_member(&seen.here)
    }

    fn placement(&self, seen: &Seen) -> Vec<Part> {
        match &seen.body {
            Body::AliasIp(body) => alias_ip::placement(self, body),
            Body::Routes(body) => route::placement(self, seen, body),
        }
    }

    fn plan(&self, seen: &Seen, goal: Goal) -> Result<Plan<Change>> {
        match &seen.body {
            Body::AliasIp(body) => alias_ip::plan(self, seen, body, goal),
            Body::Routes(body) => route::plan(self, seen, body, goal),
        }
    }

    async fn apply(&self, change: &Change) -> Result<()> {
        let (here, compute) = self.start().await?;
        match change {
            Change::UpdateInterface { vm, interface, body, write, parts } => {
                if here.is(vm) {
                    self.wrote_own.set(true);
                }
                if *write == Write::Frees {
                    compute.let_earlier_end(|path| here.is(path), peers::share(compute.deadline())).await?;
                }
                let made = alias_ip::update(compute, vm, *interface, body, *write).await;
                if *write == Write::Frees && made.is_ok() {
                    self.freed.borrow_mut().extend(parts.iter().cloned());
                }
                made.map_err(|error| self.note_trouble(error, *write, parts))
            }
            Change::DeleteAccessConfig { vm, interface, name, peer } => {
                access_config::delete_from(compute, vm, *interface, name, *peer).await
            }
            Change::AddAccessConfig { vm, interface, body } => {
                access_config::add_to(compute, vm, *interface, body).await
            }
            Change::InsertRoute { project, body } => route::insert(compute, project, body).await,
            Change::DeleteRoute { path, is_leftover } => route::remove(compute, path, *is_leftover).await,
        }
    }

    fn describe(&self, change: &Change) -> (String, String) {
        let (call, target) = match change {
            Change::UpdateInterface { vm, .. } => ("instances.updateNetworkInterface", vm.name()),
            Change::DeleteAccessConfig { vm, .. } => ("instances.deleteAccessConfig", vm.name()),
            Change::AddAccessConfig { vm, .. } => ("instances.addAccessConfig", vm.name()),
            Change::InsertRoute { body, .. } => ("routes.insert", vm::text(body, "name")),
            Change::DeleteRoute { path, .. } => ("routes.delete", path.name()),
        };
        (format!("compute:{call}"), target.to_owned())
    }

    fn missing(&self, seen: &Seen) -> Vec<String> {
        match &seen.body {
            Body::AliasIp(body) => body.members.missing.clone(),
            // A route names its holder.
            Body::Routes(_) => Vec::new(),
        }
    }

    fn remarks(&self, seen: &Seen) -> Vec<CheckItem> {
        match &seen.body {
            // Google's guest agent gives the operating system a route for each alias range, and no address.
            Body::AliasIp(body) => self.member_remarks(&body.members),
            Body::Routes(body) => {
                let mut items = vec![local_address(&self.vips, &self.local)];
                items.extend(route::leftovers(self, seen, body));
                items
            }
        }
    }

    async fn advice(&self) -> Vec<CheckItem> {
        let Ok((here, compute)) = self.start().await else { return Vec::new() };
        match self.config.mechanism {
            Mechanism::AliasIp => access_config::way_to_the_api(self, compute, here).await.into_iter().collect(),
            Mechanism::Route => vec![route::forwarding(compute, here).await],
        }
    }

    async fn rehearse(&self, seen: &Seen) -> Vec<CheckItem> {
        match self.start().await {
            Ok((_, compute)) => rehearsal::all(self, compute, seen).await,
            Err(error) => vec![CheckItem::failed(CheckName::Permissions, &error)],
        }
    }
}

impl Gcp {
    fn own_member(&self, here: &Here) -> Member {
        Member {
            instance: Some(here.name.clone()),
            interface: Some(format!("nic{}", self.config.network_interface)),
            zone: Some(here.zone.clone()),
            holds_as: Some(here.name.clone()),
        }
    }

    fn member_remarks(&self, members: &Members) -> Vec<CheckItem> {
        let gone = members.missing.iter().map(|name| {
            CheckItem::new(
                CheckName::MemberMissing,
                Verdict::Warning,
                format!("the VM {name} of `gcp.instances` does not exist (misspelt or deleted)"),
                "correct its name and zone in `gcp.instances` on every member, or remove it there",
            )
        });
        let silent = members.silent.iter().map(|silent| silent.remark("the VM", "gcp.instances"));
        gone.chain(silent).collect()
    }
}
