//! Timestamps as clouds write them.

use std::time::SystemTime;

use time::format_description::well_known::Rfc3339;
use time::macros::format_description;
use time::{OffsetDateTime, PrimitiveDateTime};

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
