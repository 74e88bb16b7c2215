//! Dates of the instance's own clock, as text.

use super::Run;
use crate::{iris::errors::Outcome, value::Value};

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
        let date = date(days - 47_117);
        if name == "zdate" {
            return Ok(Value::from(date));
        }
        let seconds = crate::value::Decimal::leading(seconds);
        let whole = seconds.to_i64();
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

/// The date of a day after 1 January 1970, by Howard Hinnant's `civil_from_days`.
fn date(days: i64) -> String {
    let days = days + 719_468;
    let era = days.div_euclid(146_097);
    let day_of_era = days.rem_euclid(146_097);
    let year_of_era = (day_of_era - day_of_era / 1460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let shifted = (5 * day_of_year + 2) / 153;
    let day = day_of_year - (153 * shifted + 2) / 5 + 1;
    let month = if shifted < 10 { shifted + 3 } else { shifted - 9 };
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    format!("{year:04}-{month:02}-{day:02}")
}
