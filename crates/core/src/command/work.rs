//! What one call has to do, and how it is done with one mechanism.

use super::{
    request::{Action, Reason},
    vips,
};
use crate::{
    check::{CheckItem, CheckName},
    cloud::{Mechanism, Setup},
    config::{Config, TakeOverIn},
    deadline::Deadline,
    error::{Code, Error},
    fate::Fate,
    host::LocalNetwork,
    journal::Journal,
    net::{
        retry::{Caller, Policy},
        transport::Network,
    },
    outcome::Outcome,
    report::repeat,
    takeover::{self, Findings, Mode},
    vip::Vip,
};
use serde_json::Value;
use std::{any::Any, rc::Rc};

/// All that is known before the first request to a cloud.
pub struct Work {
    pub action: Action,
    pub reason: Reason,
    pub mode: Mode,
    pub resume: Value,
    pub config: Config,
    pub vips: Vec<Vip>,
    pub local: LocalNetwork,
    pub deadline: Deadline,
    pub journal: Journal,
    pub network: Rc<dyn Network>,
}

impl Work {
    /// Carries the call out with one mechanism. Returns the findings, and the advice that was ready by then.
    pub async fn carry_out<M: Mechanism>(&self) -> (Findings, Vec<CheckItem>) {
        let block: &dyn Any = &*self.config.block;
        let Some(settings) = block.downcast_ref::<M::Settings>() else {
            let error = Error::new(Code::Internal, "the settings are those of another cloud", "report this");
            return (Findings::failed(self.action.unable(), error), Vec::new());
        };
        match M::new(settings, self.setup()) {
            // Boxed, here and below: a cloud's SDK makes these large, and the stack is that of a database process.
            Ok(mechanism) => Box::pin(self.with(&mechanism)).await,
            Err(error) => (Findings::failed(self.action.unable(), error), Vec::new()),
        }
    }

    fn setup(&self) -> Setup<'_> {
        let http = &self.config.http;
        let policy = Policy { attempt_timeout: http.request_timeout, most_attempts: None, longest_silence: None };
        let caller = Caller::new(self.deadline.clone(), self.journal.clone(), self.network.clone(), policy);
        Setup { http, vips: self.vips.clone(), local: self.local.clone(), resume: &self.resume, caller }
    }

    async fn with<M: Mechanism>(&self, mechanism: &M) -> (Findings, Vec<CheckItem>) {
        let Work { action, reason, mode, config, deadline, journal, .. } = self;
        let is_early =
            *reason == Reason::CheckBecomePrimaryOK && config.take_over_in != TakeOverIn::CheckBecomePrimaryOK;
        // Before this call has written anything: what an earlier one may have changed.
        let is_repeat = *action == Action::Acquire && *mode == Mode::Real && mechanism.resume().is_some();
        let (findings, advice) = match action {
            Action::Acquire if is_early => return (Findings::new(Outcome::Skipped), Vec::new()),
            Action::Acquire => {
                let acquire = Box::pin(takeover::acquire(mechanism, deadline, journal, reason.write(), *mode));
                beside(acquire, Box::pin(mechanism.advice())).await
            }
            Action::Release => (Box::pin(takeover::release(mechanism, deadline, journal, *mode)).await, Vec::new()),
            Action::Status => (Box::pin(takeover::status(mechanism, deadline)).await, Vec::new()),
            Action::Check => {
                let check = Box::pin(takeover::check(mechanism));
                let (mut findings, advice) = futures_util::future::join(check, Box::pin(mechanism.advice())).await;
                let message = format!("{} with {} for {}", M::CLOUD, M::NAME, vips::shown(&self.vips));
                let configuration = CheckItem::ok(CheckName::Configuration, message);
                findings.checks.get_or_insert_default().insert(0, configuration);
                findings.add_checks(advice);
                (findings, Vec::new())
            }
        };
        let findings = if is_repeat { after_an_earlier_call(findings) } else { findings };
        let unfinished = *action == Action::Acquire && !findings.outcome.is_ok();
        let findings = after_a_pause(findings, deadline);
        if repeat::needs_the_primary(&findings) {
            mechanism.forget_writes();
        }
        let resume = if unfinished { mechanism.resume() } else { None };
        (Findings { resume, ..findings }, advice)
    }
}

/// An earlier call of this takeover has changed the VIP, or may have: where this one could read nothing, the VIP may be here.
fn after_an_earlier_call(findings: Findings) -> Findings {
    let read_nothing = findings.outcome == Outcome::NotMoved && findings.member.is_none();
    if !read_nothing {
        return Findings { changed: true, ..findings };
    }
    let error = findings.error.map(|error| error.with_fate(Fate::InDoubt));
    Findings { outcome: Outcome::Unverified, changed: true, unconfirmed: true, error, ..findings }
}

/// A pause of the machine explains a failure better than the time-out that followed from it.
fn after_a_pause(findings: Findings, deadline: &Deadline) -> Findings {
    match (findings.outcome.is_ok(), deadline.check_for_a_pause()) {
        (false, Err(pause)) => {
            let in_doubt = findings.error.as_ref().is_some_and(|error| error.fate.is_in_doubt());
            Findings { error: Some(if in_doubt { pause.with_fate(Fate::InDoubt) } else { pause }), ..findings }
        }
        _ => findings,
    }
}

/// Runs both side by side but waits for the work alone; advice that comes later is dropped.
async fn beside<T>(work: impl Future<Output = T>, advice: impl Future<Output = Vec<CheckItem>>) -> (T, Vec<CheckItem>) {
    let (mut work, mut advice) = (std::pin::pin!(work), std::pin::pin!(advice));
    tokio::select! {
        biased;
        done = &mut work => (done, Vec::new()),
        items = &mut advice => (work.await, items),
    }
}
