//! The members' interfaces, as `azure.nics` names them, read side by side.
//!
//! We report an interface that does not exist and skip it. We read an interface once in a call if Resource Manager does not
//! answer within its share of the time, or if this identity may not read it: a move that works without this interface must
//! not wait for it. Such an interface may still have the VIP; where Azure says so, the call asks it again until time is out.

use super::{
    arm::{self, Arm, SILENT},
    id::Id,
    identity::Here,
    nic::Nic,
    power::Idle,
    replaced::Replaced,
    session::Session,
    state::{DELETING, LAST_WRITE_FAILED, UNDER_WAY},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::{
        outsiders::Outsiders,
        peers::{DEAD_ZONE, Silent},
    },
    error::{Code, Error, Result},
};
use futures_util::stream::{FuturesUnordered, StreamExt};
use serde_json::Value;
use std::{net::IpAddr, time::Duration};
use tokio::time::{Instant, timeout};

/// The interfaces of `azure.nics`, as one read showed them.
#[derive(Debug, Clone)]
pub struct Members {
    /// The interfaces that Resource Manager returned; exactly one of them is this VM's.
    pub nics: Vec<Nic>,
    /// Listed interfaces that do not exist, by name.
    pub missing: Vec<String>,
    /// Peers' interfaces whose machine receives nothing, where somebody has looked.
    pub idle: Vec<Idle>,
    /// Who has what no member has, where somebody has asked.
    pub outsiders: Outsiders,
    /// Listed interfaces in an unknown state: Resource Manager did not answer, or refused the read.
    pub silent: Vec<Silent>,
}

impl Members {
    /// This VM's interface.
    pub fn own(&self) -> Option<&Nic> {
        self.nics.iter().find(|nic| nic.own)
    }

    /// The other members' interfaces.
    pub fn peers(&self) -> impl Iterator<Item = &Nic> {
        self.nics.iter().filter(|nic| !nic.own)
    }

    /// What an operator should repair: missing and silent interfaces, and groups that differ.
    pub fn remarks(&self) -> Vec<CheckItem> {
        let missing = self.outsiders.explain(&self.missing).into_iter().map(|missing| {
            CheckItem::new(
                CheckName::MemberMissing,
                Verdict::Warning,
                format!("the interface {} of `azure.nics` does not exist ({})", missing.name, missing.why()),
                missing.remedy("its name or its resource group", "azure.nics"),
            )
        });
        let silent = self.silent.iter().map(|silent| silent.remark("the interface", "azure.nics"));
        let states = self.nics.iter().filter_map(state_of);
        let idle = self.idle.iter().map(|idle| idle.remark(&format!("the interface {}", idle.nic.name())));
        missing.chain(idle).chain(silent).chain(states).chain(self.groups_differ()).collect()
    }

    /// The VIP's entry has the groups of its holder's interface, so a move may change which rules apply to the VIP.
    fn groups_differ(&self) -> Option<CheckItem> {
        let first = self.nics.first()?.groups();
        if self.nics.iter().all(|nic| nic.groups() == first) {
            return None;
        }
        let each = self.nics.iter().map(|nic| {
            let names: Vec<String> = nic.groups().iter().map(|id| Id::from_text(id).name().to_owned()).collect();
            let names = if names.is_empty() { "none".to_owned() } else { names.join(" and ") };
            format!("{} in {names}", nic.id.name())
        });
        let each = each.collect::<Vec<_>>().join(", ");
        Some(CheckItem::new(
            CheckName::ApplicationSecurityGroups,
            Verdict::Warning,
            format!(
                "the interfaces of `azure.nics` are in different application security groups: {each}; the VIP is in those of its holder"
            ),
            "put the interfaces of all members into the same application security groups, each with all its ip-configurations",
        ))
    }
}

/// What an interface's state means for the VIP. An interface in the state `Failed` may well work
/// (kubernetes-sigs/cluster-api-provider-azure#5515; "Troubleshoot Azure Microsoft.Network failed provisioning state").
fn state_of(nic: &Nic) -> Option<CheckItem> {
    let (state, name) = (nic.state(), nic.id.name());
    let (means, remedy) = match state {
        "Succeeded" => return None,
        "Failed" | "Canceled" => (
            LAST_WRITE_FAILED,
            format!(
                "put it again as it is: `az network nic update --ids {}`, or call Acquire on that member",
                nic.id.as_str()
            ),
        ),
        DELETING => (
            "it is being deleted",
            "take it out of `azure.nics` on every member if its machine is gone for good".to_owned(),
        ),
        _ => (
            UNDER_WAY,
            "call again in some seconds; look in its activity log for who began the operation if this goes on"
                .to_owned(),
        ),
    };
    let message = format!("the interface {name} is in the state {state}: {means}");
    Some(CheckItem::new(CheckName::ProvisioningState, Verdict::Warning, message, remedy))
}

/// The ids of `azure.nics`.
pub fn ids(session: &Session, here: &Here) -> impl Iterator<Item = Id> {
    session.settings.nics.iter().map(|nic| here.id(nic, "networkInterfaces"))
}

/// For which interfaces a look waits.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub enum Patience {
    /// For all, each within its share of the time. Once every VIP and the own interface have been found, the others are as for
    /// `Own`: no address of a network is on two interfaces.
    All,
    /// For the own one; for the others at most three times as long as that took, or [`SHORTEST_PATIENCE`]. Those that are late count
    /// as silent until somebody needs them.
    Own,
}

/// How long the peers have at least, once nothing waits for them.
const SHORTEST_PATIENCE: Duration = Duration::from_secs(2);
/// The bound on reads that have no other: longer than any call.
const LONGEST_READ: Duration = Duration::from_secs(600);

/// Reads these side by side.
async fn read(
    session: &Session,
    here: &Here,
    arm: &Arm,
    replaced: &Replaced,
    ids: Vec<Id>,
    patience: Patience,
) -> Vec<(Id, Result<Value>)> {
    let mut sought: Vec<IpAddr> = match patience {
        Patience::All => session.vips.iter().map(|vip| vip.address.addr()).collect(),
        Patience::Own => Vec::new(),
    };
    let mut is_own_known = false;
    let begun = Instant::now();
    let mut late = ids.clone();
    let mut reads: FuturesUnordered<_> =
        ids.into_iter().map(|id| async move { (replaced.read(arm, &id).await, id) }).collect();
    let (mut all, mut until): (Vec<(Id, Result<Value>)>, Option<Duration>) = (Vec::new(), None);
    while !reads.is_empty() {
        let left = until.map_or(LONGEST_READ, |until| until.saturating_sub(begun.elapsed()));
        let Ok(Some((read, id))) = timeout(left, reads.next()).await else { break };
        late.retain(|known| *known != id);
        if let Ok(body) = &read {
            let nic = Nic { id: id.clone(), body: body.clone(), own: false };
            is_own_known |= here.interface_of(&nic).is_some();
            sought.retain(|address| nic.entry_with(*address).is_none());
        }
        if until.is_none() && is_own_known && sought.is_empty() {
            until = Some((begun.elapsed() * 3).max(SHORTEST_PATIENCE));
        }
        all.push((id, read));
    }
    let waited = begun.elapsed().as_secs_f64();
    all.extend(late.into_iter().map(|id| {
        let message = format!("arm:GET networkInterfaces on {}: no answer within {waited:.1} s", id.name());
        (id, Err(Error::new(Code::Unavailable, message, DEAD_ZONE)))
    }));
    all
}

/// Reads the interfaces, except those that were silent before: these stay silent.
///
/// # Errors
/// `unsupported` when none of the interfaces is this VM's, `invalid_config` when several are; what a silent interface failed
/// with, when this VM's may be that one.
pub async fn look(
    session: &Session,
    here: &Here,
    arm: &Arm,
    replaced: &Replaced,
    silent: Vec<Silent>,
    patience: Patience,
) -> Result<Members> {
    let asked = ids(session, here).filter(|id| !silent.iter().any(|known| known.name == id.name())).collect();
    let reads = read(session, here, arm, replaced, asked, patience).await;
    let mut missing: Vec<Id> = Vec::new();
    let mut members =
        Members { nics: Vec::new(), missing: Vec::new(), idle: Vec::new(), outsiders: Outsiders::default(), silent };
    for (id, read) in reads {
        match read {
            Ok(body) => {
                let mut nic = Nic { id, body, own: false };
                nic.own = here.interface_of(&nic).is_some();
                members.nics.push(nic);
            }
            Err(error)
                if error.code == Code::NotFound && error.cloud_code.as_deref() != Some("SubscriptionNotFound") =>
            {
                missing.push(id);
            }
            // Resource Manager refuses (403) before it checks whether the interface exists, so the holder stays unknown.
            Err(why) if matches!(why.code, Code::Unavailable | Code::Denied | Code::Throttled | Code::Unexpected) => {
                members.silent.push(Silent { name: id.name().to_owned(), why });
            }
            Err(error) => return Err(error),
        }
    }
    members.missing = missing.iter().map(|id| id.name().to_owned()).collect();
    let own: Vec<&str> = members.nics.iter().filter(|nic| nic.own).map(|nic| nic.id.name()).collect();
    match own.as_slice() {
        [_] => {}
        // Any silent interface may be this VM's: also the one that may answer the next time.
        [] => {
            let passes = members.silent.iter().find(|silent| silent.why.repeat_may_help());
            let silent = passes.or(members.silent.first());
            return Err(silent.map_or_else(|| not_listed(here, &members, &missing), |silent| may_be_own(&silent.why)));
        }
        several => {
            return Err(Error::new(
                Code::InvalidConfig,
                format!("`azure.nics` names several interfaces of this VM: {}", several.join(", ")),
                "name one interface of each member: the one that carries the VIP",
            ));
        }
    }
    Ok(members)
}

/// The zone of this member is not lost.
fn may_be_own(why: &Error) -> Error {
    let why = why.clone();
    if why.remedy == DEAD_ZONE { why.with(|details| details.remedy = SILENT.into()) } else { why }
}

fn not_listed(here: &Here, members: &Members, missing: &[Id]) -> Error {
    if let (true, Some(missing)) = (members.nics.is_empty(), missing.first()) {
        return Error::new(
            Code::NotFound,
            format!("none of the interfaces in `azure.nics` exists, the first being {}", missing.as_str()),
            "correct the interfaces' names (not those of the VMs), `azure.resourceGroup` or `azure.subscriptionId`",
        );
    }
    if let Some(odd) = members.nics.iter().find(|nic| nic.entries().next().is_none()) {
        return Error::impostor(odd.without_entries(), arm::NAME);
    }
    let also = missing.first().map(|id| format!("; {} does not exist (misspelt or deleted)", id.name()));
    Error::new(
        Code::Unsupported,
        format!("none of the interfaces in `azure.nics` is one of this VM ({}){}", here.vm, also.unwrap_or_default()),
        "add this member's interface to `azure.nics` on every member; a member elsewhere cannot hold this VIP",
    )
}
