//! The members' interfaces, as `azure.nics` names them, read side by side.
//!
//! One that does not exist is a warning and left out. One that Resource Manager does not answer for within its share of the time,
//! or that this identity may not read, is left out for the rest of the call, so that it does not hold up a move that does not
//! need it; it may have the VIP all the same.

use super::{
    Azure,
    arm::{self, Arm, Id},
    identity::Here,
    nic::Nic,
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::peers::Silent,
    error::{Code, Error, Result},
};
use futures_util::future::join_all;

#[derive(Debug, Clone)]
pub struct Members {
    pub nics: Vec<Nic>,
    /// Listed interfaces that do not exist, by name.
    pub missing: Vec<String>,
    /// Listed interfaces that nothing is known of, because Resource Manager did not answer or refused to.
    pub silent: Vec<Silent>,
}

impl Members {
    pub fn own(&self) -> Option<&Nic> {
        self.nics.iter().find(|nic| nic.own)
    }

    pub fn peers(&self) -> impl Iterator<Item = &Nic> {
        self.nics.iter().filter(|nic| !nic.own)
    }

    pub fn remarks(&self) -> Vec<CheckItem> {
        let missing = self.missing.iter().map(|name| {
            CheckItem::new(
                CheckName::MemberMissing,
                Verdict::Warning,
                format!("the interface {name} of `azure.nics` does not exist (misspelt or deleted)"),
                "correct its name or its resource group in `azure.nics`, or remove it from there, on every member",
            )
        });
        let silent = self.silent.iter().map(|silent| silent.remark("the interface", "azure.nics"));
        missing.chain(silent).chain(self.groups_differ()).collect()
    }

    /// The VIP's entry takes the groups of its holder's interface, so what rules allow changes with the holder.
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

/// # Errors
/// `unsupported` when none of the interfaces is this VM's.
pub async fn look(azure: &Azure, arm: &Arm, here: &Here) -> Result<Members> {
    let silent = azure.silent.borrow().clone();
    let ids = azure.config.nics.iter().map(|nic| here.id(nic, "networkInterfaces"));
    let asked = ids.filter(|id| !silent.iter().any(|known| known.name == id.name()));
    let reads = join_all(asked.map(|id| async move {
        let read = arm.get_share_of(&id).await;
        (id, read)
    }));
    let mut missing: Vec<Id> = Vec::new();
    let mut members = Members { nics: Vec::new(), missing: Vec::new(), silent };
    for (id, read) in reads.await {
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
            // Resource Manager refuses (403) before it tells whether an interface exists: a refusal says nothing of who holds the VIP.
            Err(why) if matches!(why.code, Code::Unavailable | Code::Denied) => {
                members.silent.push(Silent { name: id.name().to_owned(), why });
            }
            Err(error) => return Err(error),
        }
    }
    members.missing = missing.iter().map(|id| id.name().to_owned()).collect();
    let own: Vec<&str> = members.nics.iter().filter(|nic| nic.own).map(|nic| nic.id.name()).collect();
    match own.as_slice() {
        [_] => {}
        // It may be one of those that were not heard of.
        [] => {
            return Err(members
                .silent
                .first()
                .map_or_else(|| not_listed(here, &members, &missing), |silent| silent.why.clone()));
        }
        several => {
            return Err(Error::new(
                Code::InvalidConfig,
                format!("`azure.nics` names several interfaces of this VM: {}", several.join(", ")),
                "name one interface of each member: the one that carries the VIP",
            ));
        }
    }
    azure.silent.replace(members.silent.clone());
    Ok(members)
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
        return Error::impostor(format!("the interface {} came without ip-configurations", odd.id.name()), arm::NAME);
    }
    let also = missing.first().map(|id| format!("; {} does not exist (misspelt or deleted)", id.name()));
    Error::new(
        Code::Unsupported,
        format!("none of the interfaces in `azure.nics` is one of this VM ({}){}", here.vm, also.unwrap_or_default()),
        "add this member's interface to `azure.nics` on every member; a member elsewhere cannot hold this VIP",
    )
}
