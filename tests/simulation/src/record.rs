//! What is kept of one call of a member, for the oracle.

use std::collections::BTreeMap;
use std::time::Duration;

use serde_json::Value;

use crate::cloud::Part;
use crate::schedule::{Action, Blow};

/// One call, from its beginning to its report, or to the end of its process. Times are counted from the start of the run.
#[derive(Debug, Clone)]
pub struct Call {
    pub member: usize,
    pub action: Action,
    pub reason: &'static str,
    pub dry_run: bool,
    pub begun: Duration,
    pub ended: Duration,
    pub deadline: Duration,
    /// `None` when the process was killed.
    pub report: Option<Value>,
    /// The blow that fell, if one did, with its time.
    pub blow: Option<(Duration, Blow)>,
    /// For how long the call stood still.
    pub stood_still: Duration,
    pub requests: Vec<Sent>,
    /// Whether it was given what an earlier call of its takeover had to say.
    pub was_given: bool,
    /// What the next call of this takeover is given. A report without any leaves what an earlier one had.
    pub resume: Value,
}

/// One request of a call.
#[derive(Debug, Clone)]
pub struct Sent {
    pub what: String,
    pub at: Duration,
    pub is_change: bool,
    pub is_api: bool,
    /// Whether the call had stood still for longer than a pause, or was asked to end, before it sent this; and for how long by then.
    pub after_the_blow: Option<Duration>,
    /// When the cloud processed it.
    pub processed: Option<Duration>,
    /// When the answer reached the call, and its status.
    pub answered: Option<(Duration, u16)>,
}

impl Call {
    pub fn is_ok(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report["ok"] == true)
    }

    pub fn outcome(&self) -> &str {
        self.report.as_ref().and_then(|report| report["outcome"].as_str()).unwrap_or("killed")
    }

    /// Whether the cloud took a change of this call.
    pub fn has_changed(&self) -> bool {
        let taken = |sent: &Sent| sent.is_change && sent.answered.is_some_and(|(_, status)| status < 300);
        self.requests.iter().any(taken)
    }

    pub fn says_retry(&self) -> bool {
        self.report.as_ref().is_some_and(|report| report["retry"] == true)
    }

    pub fn code(&self) -> &str {
        self.report.as_ref().and_then(|report| report["error"]["code"].as_str()).unwrap_or("-")
    }

    /// The time in which the last look of the call was taken: from the earliest to the latest of those reads that were the last
    /// of their kind, without what was read only before the last change.
    pub fn last_look(&self) -> Option<(Duration, Duration)> {
        let changes = self.requests.iter().filter(|sent| sent.is_change).filter_map(|sent| sent.answered);
        let changed = changes.map(|(at, _)| at).max().unwrap_or_default();
        let mut last_reads = BTreeMap::new();
        for sent in self.requests.iter().filter(|sent| sent.is_look()) {
            if let (Some(processed), Some((_, 200))) = (sent.processed, sent.answered) {
                let last = last_reads.entry(&sent.what).or_insert(processed);
                *last = processed.max(*last);
            }
        }
        let after = || last_reads.values().copied().filter(|processed| *processed >= changed);
        let all = || last_reads.values().copied();
        Some((after().min().or_else(|| all().min())?, after().max().or_else(|| all().max())?))
    }
}

impl Sent {
    /// Whether the request looks at the cloud, and not at an operation or at the machine itself.
    pub fn is_look(&self) -> bool {
        self.is_api && !self.is_change && !self.what.contains("/operation")
    }

    /// Whether it asks for the end of an operation.
    pub fn is_question(&self) -> bool {
        self.is_api && !self.is_change && self.what.contains("/operation")
    }

    /// When its answer came, if the cloud processed the request after this time.
    pub fn answered_after(&self, time: Duration) -> Option<Duration> {
        let (at, _) = self.answered.filter(|(_, status)| *status == 200)?;
        (self.processed? > time).then_some(at)
    }
}

/// Who had what over time: one entry for each change that was seen.
#[derive(Debug, Clone, Default)]
pub struct History(pub Vec<(Duration, Vec<Part>)>);

impl History {
    pub fn note(&mut self, at: Duration, parts: Vec<Part>) {
        if self.0.last().is_none_or(|(_, last)| *last != parts) {
            self.0.push((at, parts));
        }
    }

    /// Everything that was true at some moment of this time; of the very moment `from`, also what was true just before.
    pub fn within(&self, from: Duration, to: Duration) -> impl Iterator<Item = &Vec<Part>> {
        let first = self.0.iter().rposition(|(at, _)| *at < from).unwrap_or(0);
        self.0.iter().skip(first).filter(move |(at, _)| *at <= to).map(|(_, parts)| parts)
    }
}
