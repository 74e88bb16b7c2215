//! The members' interfaces, as `azure.nics` names them, read side by side.
//!
//! One that does not exist is told and left out. One that is not heard of within its share of the time is left out for the
//! rest of the call, so that it does not hold up a move that does not need it.

use super::{
    Azure,
    arm::{self, Arm, Id},
    identity::Here,
    nic::Nic,
};
use crate::{
    cloud::peers::Silent,
    error::{Code, Error, Result},
    report::{CheckItem, Verdict},
};
use futures_util::future::join_all;

#[derive(Debug, Clone)]
pub struct Members {
    pub nics: Vec<Nic>,
    /// Listed interfaces that do not exist.
    pub missing: Vec<Id>,
    /// Listed interfaces that nothing is known of, because Resource Manager did not answer.
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
        let missing = self.missing.iter().map(|id| {
            CheckItem::new(
                "memberMissing",
                Verdict::Warning,
                format!("the interface {} of `azure.nics` does not exist", id.name()),
                "remove it from `azure.nics` on every member, or correct its name",
            )
        });
        missing.chain(self.silent.iter().map(|silent| silent.remark("the interface", "azure.nics"))).collect()
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
                members.missing.push(id);
            }
            Err(why) if why.code == Code::Unavailable => {
                members.silent.push(Silent { name: id.name().to_owned(), why });
            }
            Err(error) => return Err(error),
        }
    }
    let own: Vec<&str> = members.nics.iter().filter(|nic| nic.own).map(|nic| nic.id.name()).collect();
    match own.as_slice() {
        [_] => {}
        // It may be one of those that were not heard of.
        [] => {
            return Err(members.silent.first().map_or_else(|| not_listed(here, &members), |silent| silent.why.clone()));
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

fn not_listed(here: &Here, members: &Members) -> Error {
    if let (true, Some(missing)) = (members.nics.is_empty(), members.missing.first()) {
        return Error::new(
            Code::NotFound,
            format!("none of the interfaces in `azure.nics` exists, the first being {}", missing.as_str()),
            "correct the interfaces' names (not those of the VMs), `azure.resourceGroup` or `azure.subscriptionId`",
        );
    }
    if let Some(odd) = members.nics.iter().find(|nic| nic.entries().next().is_none()) {
        return Error::impostor(
            Code::Unexpected,
            format!("the interface {} came without ip-configurations", odd.id.name()),
            arm::NAME,
        );
    }
    Error::new(
        Code::Unsupported,
        format!("none of the interfaces in `azure.nics` is one of this VM ({})", here.vm),
        "add this member's interface to `azure.nics` on every member; a member elsewhere cannot hold this VIP",
    )
}
