//! The date and time of the simulated clouds, and timestamps as clouds write them.

use std::cell::Cell;
use std::sync::LazyLock;
use std::time::{Instant, SystemTime};

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

/// A date and time, and the moment of tokio's clock that it belongs to.
type Anchor = (SystemTime, Instant);

thread_local! {
    static OF_THIS_THREAD: Cell<Option<Anchor>> = const { Cell::new(None) };
}

/// The date and time by tokio's clock: where a runtime has paused that clock, expiry and signatures stand still with it.
pub fn now() -> SystemTime {
    static OF_THE_PROCESS: LazyLock<Anchor> = LazyLock::new(|| (SystemTime::now(), Instant::now()));
    let (time, at) = OF_THIS_THREAD.get().unwrap_or_else(|| *OF_THE_PROCESS);
    let now = tokio::time::Instant::now().into_std();
    match now.checked_duration_since(at) {
        Some(later) => time + later,
        None => time - at.duration_since(now),
    }
}

/// Sets the clock of this thread, which goes on from `time` by tokio's clock. A simulation that begins at the same time
/// each time can be repeated to the second.
pub fn set(time: SystemTime) {
    OF_THIS_THREAD.set(Some((time, tokio::time::Instant::now().into_std())));
}

/// `20261120T131415Z`, as in `X-Amz-Date`.
pub(crate) fn parse_basic(text: &str) -> Option<SystemTime> {
    let format = format_description!(version = 2, "[year][month][day]T[hour][minute][second]Z");
    // `[year]` also takes a sign, which the basic format lacks.
    if text.starts_with(['+', '-']) {
        return None;
    }
    PrimitiveDateTime::parse(text, format).ok().map(|time| time.assume_utc().into())
}

/// `2026-11-20T13:14:15Z`.
pub(crate) fn iso(time: SystemTime) -> String {
    OffsetDateTime::from(time).truncate_to_second().format(&Rfc3339).expect("RFC 3339 can write the years up to 9999")
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::time::Duration;

    #[tokio::test(start_paused = true)]
    async fn the_date_follows_a_paused_clock() {
        let before = now();
        tokio::time::advance(Duration::from_secs(3600)).await;
        assert_eq!(now().duration_since(before).ok(), Some(Duration::from_secs(3600)));
        set(SystemTime::UNIX_EPOCH);
        tokio::time::advance(Duration::from_secs(1)).await;
        assert_eq!(iso(now()), "1970-01-01T00:00:01Z");
    }

    #[test]
    fn there_and_back() {
        for (basic, extended) in [
            ("19700101T000000Z", "1970-01-01T00:00:00Z"),
            ("20240229T235959Z", "2024-02-29T23:59:59Z"),
            ("20261120T131415Z", "2026-11-20T13:14:15Z"),
        ] {
            assert_eq!(parse_basic(basic).map(iso).as_deref(), Some(extended));
        }
        for wrong in [
            "",
            "2026-11-20T13:14",
            "20261320T131415Z",
            "20261120 131415Z",
            "20261120T131415Z ",
            "20260229T131415Z",
            "20261120T241415Z",
            "+20261120T131415Z",
        ] {
            assert_eq!(parse_basic(wrong), None, "{wrong}");
        }
    }
}
