//! Steps that the cloud throttles. Such a step gives way to those that come after it however it ends, and is tried again beside
//! them: a call that one part has too many of says nothing of the calls of the other parts.

use crate::{
    error::{Code, Error},
    fate::Fate,
    vip::PartId,
};
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

const FIRST: Duration = Duration::from_millis(200);
const LONGEST: Duration = Duration::from_secs(2);

/// The parts whose change the cloud throttles, each with the time before which it is not sent again.
#[derive(Debug, Default)]
pub struct Throttled(BTreeMap<PartId, Rest>);

#[derive(Debug)]
struct Rest {
    last: Duration,
    until: Instant,
}

impl Throttled {
    /// Notes that the cloud throttled a change of these parts, and returns how long it rests: as long as the cloud has asked for,
    /// and a little longer each time where it asked for nothing.
    pub fn note(&mut self, parts: &[PartId], error: &Error) -> Duration {
        let last = parts.iter().filter_map(|part| self.0.get(part)).map(|rest| rest.last).max();
        let own = last.map_or(FIRST, |last| (last * 2).min(LONGEST));
        let rest = own.max(error.retry_after.unwrap_or_default());
        for part in parts {
            self.0.insert(part.clone(), Rest { last: own, until: Instant::now() + rest });
        }
        rest
    }

    /// How long a step of these parts rests still.
    pub fn left(&self, parts: &[PartId]) -> Duration {
        let until = parts.iter().filter_map(|part| self.0.get(part)).map(|rest| rest.until).max();
        until.map(|until| until.saturating_duration_since(Instant::now())).unwrap_or_default()
    }

    /// Notes that the cloud took a change of these parts, or refused it for another cause.
    pub fn forget(&mut self, parts: &[PartId]) {
        self.0.retain(|part, _| !parts.contains(part));
    }
}

/// Whether the cloud only said that there were too many calls, so that the very same change may be sent again.
pub fn is_throttled(error: &Error) -> bool {
    error.code == Code::Throttled && matches!(error.fate, Fate::NotSent | Fate::Refused(_))
}
