//! Dates of the instance's own clock, as text.

use super::Run;
use crate::{iris::errors::Outcome, value::Value};
use time::{Date, Duration, macros::date};

/// Day 0 of `$horolog`.
const FIRST_DAY: Date = date!(1840 - 12 - 31);

impl Run<'_> {
    /// `$zdate(h, 3)` and `$zdatetime(h, 3 or -3, 1, decimals)`: ODBC, which sorts and which everybody can read.
    pub(crate) fn date_function(&mut self, name: &str, given: &[Value]) -> Outcome<Value> {
        let text = given[0].to_text();
        let (days, seconds) = text.split_once(',').unwrap_or((&text, "0"));
        let number = |place: usize, default: i64| match given.get(place) {
            Some(value) if !value.is_empty() => value.to_number().to_i64(),
            _ => default,
        };
        if number(1, 1) != 3 || (name == "zdatetime" && number(2, 1) != 1) || given.len() > 4 {
            return self.refuse(&format!("${name} in any format but 3,1 is not known to the engine"));
        }
        let Ok(days) = days.parse::<i64>() else {
            return self.raise("<ILLEGAL VALUE>", "");
        };
        // For both IRIS and the crate, 31 December 9999 is the last date.
        let days = u32::try_from(days).ok().map(|days| Duration::days(days.into()));
        let Some(date) = days.and_then(|days| FIRST_DAY.checked_add(days)) else {
            return self.raise("<VALUE OUT OF RANGE>", "");
        };
        if name == "zdate" {
            return Ok(Value::from(date.to_string()));
        }
        let seconds = crate::value::Decimal::leading(seconds);
        let whole = seconds.to_i64();
        if seconds.is_negative() || whole >= 86_400 {
            return self.raise("<ILLEGAL VALUE>", "");
        }
        let places = usize::try_from(number(3, 0)).unwrap_or(0);
        let second = format!("{:02}", whole % 60);
        let fraction = match places {
            0 => String::new(),
            places => {
                let rest = seconds.minus(whole.into()).fixed(places);
                rest.strip_prefix('0').unwrap_or(&rest).to_owned()
            }
        };
        Ok(Value::from(format!("{date} {:02}:{:02}:{second}{fraction}", whole / 3600, whole / 60 % 60)))
    }
}
