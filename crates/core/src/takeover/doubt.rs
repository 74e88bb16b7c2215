//! How often a change in doubt is sent again. Where reads may be old, no look tells for a while whether it was made, and every round
//! would send it once more: forty route tables would use up what a cloud allows, and the takeover itself would be throttled.

use crate::vip::PartId;
use std::{collections::BTreeMap, time::Duration};
use tokio::time::Instant;

/// The first repeat is sent at once: mostly a single answer was lost.
const AT_ONCE: u32 = 2;
/// All later repeats together are no faster than this, as many as EC2 lets an account change for long ("Throttling", EC2 Developer
/// Guide: 50 changes, then 5 a second).
const EACH: Duration = Duration::from_millis(200);

/// The parts whose change is in doubt.
#[derive(Debug, Default)]
pub struct Repeats(BTreeMap<PartId, Sent>);

#[derive(Debug)]
struct Sent {
    times: u32,
    last: Instant,
}

impl Repeats {
    /// Notes what a change of these parts came to.
    pub fn note(&mut self, parts: &[PartId], in_doubt: bool) {
        for part in parts {
            if in_doubt {
                let times = self.0.get(part).map_or(0, |sent| sent.times) + 1;
                self.0.insert(part.clone(), Sent { times, last: Instant::now() });
            } else {
                self.0.remove(part);
            }
        }
    }

    /// Whether a repeat for these parts is too early.
    pub fn must_rest(&self, parts: &[PartId]) -> bool {
        let pause = EACH * u32::try_from(self.0.len()).unwrap_or(u32::MAX);
        let rests = |sent: &Sent| sent.times >= AT_ONCE && sent.last.elapsed() < pause;
        parts.iter().any(|part| self.0.get(part).is_some_and(rests))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[tokio::test(start_paused = true)]
    async fn the_more_is_in_doubt_the_longer_each_repeat_rests() {
        let parts: Vec<PartId> = (0..40).map(|n| PartId { vip: "vip".into(), part: n.to_string() }).collect();
        let mut repeats = Repeats::default();
        repeats.note(&parts, true);
        assert!(!repeats.must_rest(&parts), "the first repeat");
        repeats.note(&parts, true);
        tokio::time::sleep(Duration::from_secs(7)).await;
        assert!(repeats.must_rest(&parts));
        // All but one were seen in place.
        repeats.note(&parts[1..], false);
        assert!(!repeats.must_rest(&parts[..1]));
        repeats.note(&parts[..1], true);
        assert!(repeats.must_rest(&parts[..1]));
        tokio::time::sleep(EACH).await;
        assert!(!repeats.must_rest(&parts[..1]));
    }
}
