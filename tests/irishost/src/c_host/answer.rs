//! What the C host writes and reads, taken apart.

use std::time::Duration;

/// The answer to `call`, `repeat` and half of `fork`.
#[derive(Debug, Clone, PartialEq, Eq)]
pub struct CallResult {
    /// What the function returned.
    pub status: i32,
    /// The result; empty unless the status is 0.
    pub bytes: Vec<u8>,
    /// How long the call took.
    pub elapsed: Duration,
    /// How much processor time the whole process used during it.
    pub cpu: Duration,
    /// How often the library called `SIGRTCHK`.
    pub sigrtchk_calls: u64,
    /// The longest time without such a call, from the call's beginning to its end.
    pub largest_gap: Duration,
}

impl CallResult {
    /// Takes a result line apart.
    ///
    /// # Panics
    /// If it is none.
    pub fn parse(line: &str) -> Self {
        Self::try_parse(line).unwrap_or_else(|| panic!("not a result line: {line:?}"))
    }

    fn try_parse(line: &str) -> Option<Self> {
        let words: Vec<&str> = line.split(' ').collect();
        let ["result", status, length, bytes, elapsed, cpu, checks, gap] = words[..] else {
            return None;
        };
        let bytes = unhex(bytes)?;
        (length.parse() == Ok(bytes.len())).then_some(())?;
        Some(Self {
            status: status.parse().ok()?,
            bytes,
            elapsed: milliseconds(elapsed)?,
            cpu: Duration::from_micros(cpu.parse().ok()?),
            sigrtchk_calls: checks.parse().ok()?,
            largest_gap: milliseconds(gap)?,
        })
    }

    /// The result as JSON.
    ///
    /// # Panics
    /// If the status is not 0, or the result is not JSON.
    pub fn json(&self) -> serde_json::Value {
        let text = String::from_utf8_lossy(&self.bytes);
        assert_eq!(self.status, 0, "the call failed");
        serde_json::from_slice(&self.bytes).unwrap_or_else(|why| panic!("the result is not JSON: {why}: {text:?}"))
    }
}

/// Bytes as the C host takes them: hexadecimal, `-` where there are none.
pub fn hex(bytes: &[u8]) -> String {
    match bytes {
        [] => "-".to_owned(),
        _ => hex::encode(bytes),
    }
}

fn unhex(text: &str) -> Option<Vec<u8>> {
    hex::decode(if text == "-" { "" } else { text }).ok()
}

/// `12.345`, as the C host writes milliseconds: always three decimals.
fn milliseconds(text: &str) -> Option<Duration> {
    let (whole, decimals) = text.split_once('.').filter(|(_, decimals)| decimals.len() == 3)?;
    let microseconds = whole.parse::<u64>().ok()? * 1000 + decimals.parse::<u64>().ok()?;
    Some(Duration::from_micros(microseconds))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn result_lines() {
        let parsed = CallResult::parse("result 0 2 7b7D 12.045 300 4 3.000");
        assert_eq!(parsed.bytes, b"{}");
        assert_eq!(parsed.elapsed, Duration::from_micros(12_045));
        assert_eq!(parsed.cpu, Duration::from_micros(300));
        assert_eq!((parsed.status, parsed.sigrtchk_calls), (0, 4));
        assert_eq!(parsed.largest_gap, Duration::from_millis(3));
        assert_eq!(parsed.json(), serde_json::json!({}));
        for strange in [
            "fatal no",
            "result 0 1 - 0.000 0 0 0.000",
            "result 0 1 4 0.000 0 0 0.000",
            "result 0 1 +4 0.000 0 0 0.000",
            "result 0 1 4 0.000 0 0 0.000 1",
            "result 0 0 - 0.00 0 0 0.000",
        ] {
            assert_eq!(CallResult::try_parse(strange), None, "{strange}");
        }
    }
}
