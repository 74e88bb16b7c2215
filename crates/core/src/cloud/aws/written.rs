//! What this takeover has written, and when. A hook and its retries write even where a read shows the VIP here, because the read
//! may be old; what was written longer ago than a read can be old needs no second write. Forty tables and EC2's bucket of tokens
//! would otherwise keep a takeover from ever coming to its last table.

use serde_json::{Map, Value, json};
use std::{
    cell::RefCell,
    time::{Duration, SystemTime, UNIX_EPOCH},
};

/// How long EC2's reads may show the state before a change. "Eventual consistency in the Amazon EC2 API" (EC2 Developer
/// Guide) gives no bound and speaks of seconds; we believe a read that still shows the old holder after this time.
pub const READS_LAG: Duration = Duration::from_secs(10);

/// A report has room for these, at less than 25 bytes each. A takeover of more parts writes the rest again in each call.
const MOST: usize = 600;

/// What was written, by a short name, each with the second of the Unix epoch at which EC2 had accepted it.
#[derive(Debug, Default)]
pub struct Written(RefCell<Map<String, Value>>);

impl Written {
    /// What an earlier call of the same takeover handed on. A request can say anything: whatever it says is used only where a
    /// read shows the part here as well.
    pub fn of_request(resume: &Value) -> Self {
        let is_ours = resume.get("cloud").and_then(Value::as_str) == Some("aws");
        let written = resume.get("written").and_then(Value::as_object).filter(|_| is_ours);
        Written(RefCell::new(
            written.into_iter().flatten().take(MOST).map(|(key, at)| (key.clone(), at.clone())).collect(),
        ))
    }

    /// Notes that EC2 has accepted a write. One that only repeats an earlier write, because a read showed the part here, makes
    /// that no younger.
    pub fn note(&self, key: &str, was_here: bool, now: SystemTime) {
        let (mut written, key) = (self.0.borrow_mut(), short(key));
        if written.contains_key(&key) && was_here {
            return;
        }
        if written.len() < MOST || written.contains_key(&key) {
            written.insert(key, seconds(now).into());
        }
    }

    /// Another member may have written since.
    pub fn forget(&self) {
        self.0.borrow_mut().clear();
    }

    /// Whether a read that shows the part here, made now, cannot be older than the write.
    pub fn is_settled(&self, key: &str, now: SystemTime) -> bool {
        let at = self.0.borrow().get(&short(key)).and_then(Value::as_u64);
        at.is_some_and(|at| seconds(now).checked_sub(at).is_some_and(|age| Duration::from_secs(age) > READS_LAG))
    }

    /// What the next call must not forget.
    pub fn resume(&self) -> Option<Value> {
        let written = self.0.borrow();
        (!written.is_empty()).then(|| json!({ "cloud": "aws", "written": *written }))
    }
}

/// Forty tables with eight VIPs have to fit into a report, so a key is shown by eight of its digits of FNV-1a.
fn short(key: &str) -> String {
    const OFFSET: u64 = 0xcbf2_9ce4_8422_2325;
    const PRIME: u64 = 0x0000_0100_0000_01b3;
    let hash = key.bytes().fold(OFFSET, |hash, byte| (hash ^ u64::from(byte)).wrapping_mul(PRIME));
    format!("{:08x}", (hash >> 32) ^ (hash & 0xffff_ffff))
}

fn seconds(time: SystemTime) -> u64 {
    time.duration_since(UNIX_EPOCH).unwrap_or_default().as_secs()
}

#[cfg(test)]
mod tests {
    use super::*;

    fn at(seconds: u64) -> SystemTime {
        UNIX_EPOCH + Duration::from_secs(seconds)
    }

    #[test]
    fn only_what_was_written_longer_ago_than_a_read_can_be_old_is_settled() {
        let written = Written::default();
        written.note("rtb-1 10.0.0.1/32", true, at(500));
        written.note("rtb-1 10.0.0.1/32", false, at(1_000));
        written.note("rtb-1 10.0.0.1/32", true, at(1_005));
        let handed_on = Written::of_request(&written.resume().expect("something"));
        for (key, now, settled) in [
            ("rtb-1 10.0.0.1/32", 1_010, false),
            ("rtb-1 10.0.0.1/32", 1_011, true),
            // The clock was set back.
            ("rtb-1 10.0.0.1/32", 900, false),
            ("rtb-2 10.0.0.1/32", 1_011, false),
        ] {
            assert_eq!(handed_on.is_settled(key, at(now)), settled, "{key} at {now}");
        }
    }

    #[test]
    fn a_request_that_says_something_else_says_nothing() {
        for resume in [
            Value::Null,
            json!({ "cloud": "gcp", "written": { "a": 1 } }),
            json!({ "cloud": "aws", "written": { "a": "1" } }),
            json!({ "cloud": "aws", "written": ["a"] }),
        ] {
            assert!(!Written::of_request(&resume).is_settled("a", at(1_000)), "{resume}");
        }
        let many: Map<String, Value> = (0..5_000).map(|n| (n.to_string(), json!(1))).collect();
        let kept = Written::of_request(&json!({ "cloud": "aws", "written": many }));
        assert_eq!(kept.0.borrow().len(), MOST, "a report stays bounded");
        (0..MOST).for_each(|n| kept.note(&n.to_string(), false, at(1_800_000_000)));
        let bytes = kept.resume().expect("something").to_string().len();
        assert!(bytes < 25 * MOST, "{bytes}");
        kept.forget();
        assert_eq!(kept.resume(), None, "another member may have written since");
    }
}
