//! The call log: every request in the order of its arrival, with calls that are still in flight.

use std::sync::{Arc, Mutex, MutexGuard, PoisonError};
use std::time::Duration;

use tokio::time::Instant;

/// One request as the simulated cloud saw it.
#[derive(Clone, Debug, PartialEq)]
pub struct Call {
    /// The endpoint that was called: `ec2`, `sts`, `arm`, `imds`, `compute` or `metadata`.
    pub face: String,
    /// The action of the API; for instance metadata the method and the path.
    pub action: String,
    /// What the call acts upon (route table, network interface, allocation; the machine for `imds`), or empty.
    pub target: String,
    /// The parameters as they were sent, without the ones that only frame the request.
    pub params: Vec<(String, String)>,
    /// Whose access key or token was presented; it may still have been refused.
    pub principal: Option<String>,
    /// When the request had arrived in full, counted from the start of the simulator.
    pub started: Duration,
    /// When the answer was ready or the caller gave up; `None` while the call is in flight.
    pub ended: Option<Duration>,
    /// The status of the answer; 0 when there was none.
    pub status: u16,
    /// The error code of the answer.
    pub code: Option<String>,
    /// Whether the caller asked for a permission check alone.
    pub dry_run: bool,
}

/// The largest number of calls in sequence: each started after the one before it had ended.
///
/// It is what the round trip time gets multiplied by. A call in flight can only be the last of a sequence.
pub fn longest_chain(calls: &[Call]) -> usize {
    let mut spans: Vec<(Duration, Duration)> =
        calls.iter().map(|call| (call.started, call.ended.unwrap_or(Duration::MAX))).collect();
    spans.sort_by_key(|(_, ended)| *ended);
    let mut free_from = Duration::ZERO;
    let mut length = 0;
    for (started, ended) in spans {
        if started >= free_from {
            length += 1;
            free_from = ended;
        }
    }
    length
}

/// The log of one simulator; clones share it.
#[derive(Clone)]
pub struct Log {
    start: Instant,
    entries: Arc<Mutex<Entries>>,
}

#[derive(Default)]
struct Entries {
    next: u64,
    calls: Vec<(u64, Call)>,
}

impl Log {
    pub(crate) fn new() -> Self {
        Self { start: Instant::now(), entries: Arc::default() }
    }

    /// The time since the simulator was started.
    pub fn now(&self) -> Duration {
        self.start.elapsed()
    }

    /// All calls so far, in order of arrival.
    pub fn calls(&self) -> Vec<Call> {
        self.lock().calls.iter().map(|(_, call)| call.clone()).collect()
    }

    /// Forgets all calls; those in flight do not come back.
    pub fn clear(&self) {
        self.lock().calls.clear();
    }

    pub(crate) fn open(&self, mut call: Call) -> Entry {
        let mut entries = self.lock();
        call.started = self.now();
        let id = entries.next;
        entries.next += 1;
        entries.calls.push((id, call));
        Entry { log: self.clone(), id }
    }

    fn edit(&self, id: u64, edit: impl FnOnce(&mut Call)) {
        if let Some((_, call)) = self.lock().calls.iter_mut().find(|(known, _)| *known == id) {
            edit(call);
        }
    }

    fn lock(&self) -> MutexGuard<'_, Entries> {
        self.entries.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A call in flight; dropping it ends the call, be it answered or given up by the caller.
pub(crate) struct Entry {
    log: Log,
    id: u64,
}

impl Entry {
    pub(crate) fn answered(&self, status: u16, code: Option<String>) {
        self.log.edit(self.id, |call| {
            call.status = status;
            call.code = code;
        });
    }
}

impl Drop for Entry {
    fn drop(&mut self) {
        let now = self.log.now();
        self.log.edit(self.id, |call| call.ended = Some(now));
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn call(started: u64, ended: Option<u64>) -> Call {
        Call {
            face: "ec2".into(),
            action: "DescribeRouteTables".into(),
            target: String::new(),
            params: Vec::new(),
            principal: None,
            started: Duration::from_millis(started),
            ended: ended.map(Duration::from_millis),
            status: 200,
            code: None,
            dry_run: false,
        }
    }

    #[test]
    fn calls_side_by_side_count_once() {
        assert_eq!(longest_chain(&[]), 0);
        assert_eq!(longest_chain(&[call(0, Some(10)), call(1, Some(9)), call(2, Some(11))]), 1);
        assert_eq!(longest_chain(&[call(0, Some(10)), call(10, Some(20)), call(5, Some(12)), call(20, Some(30))]), 3);
    }

    #[test]
    fn a_call_in_flight_ends_the_chain() {
        assert_eq!(longest_chain(&[call(0, None), call(5, Some(6)), call(7, None)]), 2);
    }
}
