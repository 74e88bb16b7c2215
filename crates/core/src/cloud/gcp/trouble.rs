//! Trouble with this member's own access config, which nobody but us can explain to the operator: an API that is silent since
//! the VM lost its only public address, and something that gives the VM an address back.
//!
//! Sources: doitintl/kubeip#34, #84 (a VM without an address does not reach the API); "Private Google Access" and "Cloud NAT
//! overview" (VPC documentation); ZcashFoundation/zebra#10158 (an instance group restores the access config of its template).

use super::{
    compute::Compute,
    interface::{Action, Change},
    vm::{access_configs, text},
};
use crate::{
    check::{CheckItem, CheckName, Verdict},
    cloud::Effect,
    error::{Code, Error, Result},
};
use serde_json::Value;
use std::{
    cell::{Cell, RefCell},
    time::Duration,
};
use tokio::time::Instant;

/// What this call knows of its own access configs.
#[derive(Default)]
pub struct Trouble {
    /// The public address that this call takes off this VM, where the VM has no other one.
    last_address: RefCell<Option<String>>,
    /// When it was gone, or may have been: what answers later has another way here.
    gone_since: Cell<Option<Instant>>,
    /// This VM's own access config that this call has deleted to make room, and its address.
    given_up: RefCell<Option<(String, String)>>,
    /// How often this call has deleted an access config of this VM to make room.
    deleted: Cell<u32>,
}

/// An API that answers is not silent for so long: a poll of an operation is answered at once, or its `wait` is followed by one.
const SILENCE: Duration = Duration::from_secs(1);
/// The most that the question may take whether the API answers at all.
const LONGEST_QUESTION: Duration = Duration::from_secs(1);
/// How many deletions have to be of no use.
const MOST_DELETIONS: u32 = 2;

impl Trouble {
    /// Takes note of a change that is about to be sent.
    pub fn begin(&self, change: &Change) {
        if let Action::DeleteAccessConfig { address, is_last: true, .. } = &change.action {
            self.last_address.replace(Some(address.clone()));
            self.gone_since.set(None);
        }
    }

    /// Takes note of how a change ended. A refused deletion leaves the address where it is.
    pub fn note(&self, change: &Change, made: &Result<()>) {
        let has_effect = made.as_ref().err().is_none_or(|error| error.fate.may_have_changed());
        if let Action::DeleteAccessConfig { name, address, effect: Effect::Prepares, .. } = &change.action
            && has_effect
            && !address.is_empty()
        {
            self.given_up.replace(Some((name.clone(), address.clone())));
        }
        match &change.action {
            Action::DeleteAccessConfig { is_last, .. } if !change.is_peer && has_effect => {
                self.deleted.set(self.deleted.get() + u32::from(made.is_ok()));
                if *is_last && self.gone_since.get().is_none() {
                    self.gone_since.set(Some(Instant::now()));
                }
            }
            Action::DeleteAccessConfig { .. } if !has_effect => drop(self.last_address.take()),
            // This VM has a public address again.
            Action::AddAccessConfig { .. } if made.is_ok() => drop(self.last_address.take()),
            _ => {}
        }
    }

    /// A warning about this VM's own public address, where it gave way to the VIP's. `configs` are those of the VM by now.
    pub fn given_up(&self, vm: &str, configs: &[Value], is_replaced: bool) -> Option<CheckItem> {
        let (name, address) = self.given_up.borrow().clone()?;
        if configs.iter().any(|config| text(config, "natIP") == address) {
            return None;
        }
        let came = if is_replaced { "" } else { ", which has not come yet" };
        Some(CheckItem::new(
            CheckName::SettingLost,
            Verdict::Warning,
            format!("{vm} gave up its own public address {address} (access config {name}) for that of the VIP{came}"),
            if is_replaced {
                "nothing, since `gcp.replaceAccessConfig` asks for this; an ephemeral address does not come back: change what still names it"
            } else {
                "call again; if the VIP's address cannot come, give the VM an address again (gcloud compute instances \
                 add-access-config)"
            },
        ))
    }

    /// The same for a change. One deletion without an answer is no silence: only the API's silence on a plain read as well tells that
    /// the way there is gone.
    ///
    /// # Errors
    /// The same error, explained.
    pub async fn explain_change(&self, compute: &Compute, change: &Change, made: Result<()>) -> Result<()> {
        let is_deletion = matches!(change.action, Action::DeleteAccessConfig { is_last: true, .. });
        if is_deletion && made.as_ref().is_err_and(is_silence) {
            let (asked, bound) = (Instant::now(), LONGEST_QUESTION.min(compute.deadline().remaining() / 4));
            // Ignore what it says: the look shows that.
            let _answer = compute.get_within(bound, "instances.get", &change.vm).await;
            let answers = compute.silent_for() < asked.elapsed();
            self.gone_since.set((!answers).then(Instant::now));
        }
        self.explain(compute, made)
    }

    /// Says why the API is silent, where this VM has just lost its way there.
    ///
    /// # Errors
    /// The same error, explained.
    pub fn explain<T>(&self, compute: &Compute, answer: Result<T>) -> Result<T> {
        let (Some(address), Some(since)) = (self.last_address.borrow().clone(), self.gone_since.get()) else {
            return answer;
        };
        answer.map_err(|error| {
            let silent_for = compute.silent_for();
            if !is_silence(&error) || silent_for < SILENCE || silent_for < since.elapsed() {
                return error;
            }
            error.with(|details| {
                details.message = format!(
                    "this VM has just lost its only public address ({address}), and Google's API has not answered since: {}",
                    details.message
                );
                details.remedy = "give the subnet Private Google Access (gcloud compute networks subnets update \
                    --enable-private-ip-google-access), or Cloud NAT, on every member; then call again"
                    .into();
            })
        })
    }

    /// Refuses to make room on this interface once more, where that has been of no use: somebody puts an access config back.
    ///
    /// # Errors
    /// Who it may be.
    pub fn may_make_room(&self, own: &Value, ip: &str) -> Result<()> {
        let deleted = self.deleted.get();
        let Some(other) = access_configs(own).iter().find(|config| text(config, "natIP") != ip) else { return Ok(()) };
        if deleted < MOST_DELETIONS {
            return Ok(());
        }
        Err(Error::new(
            Code::Conflict,
            format!(
                "something gives this VM its address back: this call has deleted its access config {deleted} times, and there is \
                 one again, {:?} ({})",
                text(other, "name"),
                text(other, "natIP")
            ),
            "if an instance group manages this VM, take the access config out of its instance template, or take the VM out of \
             the group (gcloud compute instance-groups managed abandon-instances)",
        ))
    }
}

fn is_silence(error: &Error) -> bool {
    matches!(error.code, Code::Unavailable | Code::Ambiguous | Code::Deadline) && error.http_status.is_none()
}
