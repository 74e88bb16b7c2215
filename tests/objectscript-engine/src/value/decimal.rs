//! Numbers as ObjectScript has them: decimal, so that `.1 + .2` is `.3`, and written without a leading zero.

use std::{cmp::Ordering, fmt};

/// IRIS keeps about nineteen digits; what is longer is rounded.
const MOST_DIGITS: u32 = 19;

/// `mantissa * 10^exponent`, the mantissa without trailing zeros.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Decimal {
    mantissa: i128,
    exponent: i32,
}

impl Decimal {
    pub const ZERO: Self = Self { mantissa: 0, exponent: 0 };
    pub const ONE: Self = Self { mantissa: 1, exponent: 0 };

    fn new(mut mantissa: i128, mut exponent: i32) -> Self {
        if mantissa == 0 {
            return Self::ZERO;
        }
        while mantissa.unsigned_abs() >= 10u128.pow(MOST_DIGITS) {
            let last = mantissa % 10;
            mantissa /= 10;
            if last.abs() >= 5 && mantissa.unsigned_abs() < 10u128.pow(MOST_DIGITS) {
                mantissa += last.signum();
            }
            exponent += 1;
        }
        while mantissa % 10 == 0 {
            mantissa /= 10;
            exponent += 1;
        }
        Self { mantissa, exponent }
    }

    /// The number at the start of a text, as every arithmetic operator takes its operands: "2DOGS" is 2, "DOGS" is 0.
    pub fn leading(text: &str) -> Self {
        let bytes = text.as_bytes();
        let signs = bytes.iter().take_while(|byte| matches!(byte, b'+' | b'-')).count();
        let negative = bytes[..signs].iter().filter(|byte| **byte == b'-').count() % 2 == 1;
        let (mut mantissa, mut exponent, mut place, mut digits, mut point) = (0i128, 0i32, signs, 0, false);
        while let Some(byte) = bytes.get(place) {
            match byte {
                b'0'..=b'9' if mantissa < 10i128.pow(30) => {
                    mantissa = mantissa * 10 + i128::from(byte - b'0');
                    exponent -= i32::from(point);
                    digits += 1;
                }
                b'0'..=b'9' => exponent += i32::from(!point),
                b'.' if !point => point = true,
                _ => break,
            }
            place += 1;
        }
        if digits == 0 {
            return Self::ZERO;
        }
        if matches!(bytes.get(place), Some(b'E' | b'e')) {
            let rest = &text[place + 1..];
            let sign = usize::from(rest.starts_with(['+', '-']));
            let length = sign + rest[sign..].bytes().take_while(u8::is_ascii_digit).count();
            if length > sign {
                exponent = exponent.saturating_add(rest[..length].parse::<i32>().unwrap_or(0));
            }
        }
        Self::new(if negative { -mantissa } else { mantissa }, exponent)
    }

    /// The value of a text that is a number in canonical form: its subscript sorts as a number, and it looks like one.
    pub fn canonical(text: &str) -> Option<Self> {
        let number = Self::leading(text);
        (number.to_string() == text).then_some(number)
    }

    pub fn is_zero(self) -> bool {
        self.mantissa == 0
    }

    pub fn is_negative(self) -> bool {
        self.mantissa < 0
    }

    pub fn negated(self) -> Self {
        Self { mantissa: -self.mantissa, ..self }
    }

    /// Both mantissas at the smaller exponent.
    fn aligned(self, other: Self) -> Option<(i128, i128, i32)> {
        let exponent = self.exponent.min(other.exponent);
        let scale = |number: Self| {
            let factor = 10i128.checked_pow(u32::try_from(number.exponent - exponent).ok()?)?;
            number.mantissa.checked_mul(factor)
        };
        Some((scale(self)?, scale(other)?, exponent))
    }

    /// What is too far apart for exact arithmetic loses its last digits, as in IRIS.
    pub fn plus(self, other: Self) -> Self {
        match self.aligned(other).and_then(|(a, b, exponent)| Some((a.checked_add(b)?, exponent))) {
            Some((sum, exponent)) => Self::new(sum, exponent),
            None => Self::from_f64(self.to_f64() + other.to_f64()),
        }
    }

    pub fn minus(self, other: Self) -> Self {
        self.plus(other.negated())
    }

    pub fn times(self, other: Self) -> Self {
        match self.mantissa.checked_mul(other.mantissa) {
            Some(product) => Self::new(product, self.exponent + other.exponent),
            None => Self::from_f64(self.to_f64() * other.to_f64()),
        }
    }

    /// `None` for a division by zero.
    pub fn over(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        // Nineteen digits have at least as many of the 38 that fit above them.
        let quotient = (self.mantissa * 10i128.pow(18)).checked_div(other.mantissa)?;
        Some(Self::new(quotient, self.exponent - other.exponent - 18))
    }

    /// `\`: the quotient without its fraction.
    pub fn quotient(self, other: Self) -> Option<Self> {
        match self.aligned(other) {
            Some((a, b, _)) => Some(Self::new(a.checked_div(b)?, 0)),
            None => Some(self.over(other)?.truncated()),
        }
    }

    /// `#`: what is left has the sign of the divisor.
    pub fn modulo(self, other: Self) -> Option<Self> {
        if other.is_zero() {
            return None;
        }
        let floor = |number: Self| match number.truncated() {
            whole if number.is_negative() && whole != number => whole.minus(Self::ONE),
            whole => whole,
        };
        match self.aligned(other) {
            Some((a, b, exponent)) => Some(Self::new(((a % b) + b) % b, exponent)),
            None => Some(self.minus(floor(self.over(other)?).times(other))),
        }
    }

    pub fn power(self, other: Self) -> Self {
        match u32::try_from(other.to_i64()) {
            Ok(times) if times <= 64 && other == Self::from(i64::from(times)) => {
                (0..times).fold(Self::ONE, |product, _| product.times(self))
            }
            _ => Self::from_f64(self.to_f64().powf(other.to_f64())),
        }
    }

    pub fn truncated(self) -> Self {
        let Ok(places) = u32::try_from(-self.exponent) else {
            return self;
        };
        10i128.checked_pow(places).map_or(Self::ZERO, |factor| Self::new(self.mantissa / factor, 0))
    }

    /// Rounded half away from zero.
    pub fn rounded(self, places: i32) -> Self {
        let drop = -self.exponent - places;
        let Some(factor) = u32::try_from(drop).ok().filter(|drop| *drop > 0).and_then(|drop| 10i128.checked_pow(drop))
        else {
            return self;
        };
        let (whole, rest) = (self.mantissa / factor, self.mantissa % factor);
        let up = if rest.abs() * 2 >= factor { rest.signum() } else { 0 };
        Self::new(whole + up, -places)
    }

    /// Always with so many places, as `$justify` and `$fnumber` write it.
    pub fn fixed(self, places: usize) -> String {
        let rounded = self.rounded(i32::try_from(places).unwrap_or(0));
        let text = rounded.to_string();
        let (sign, text) = text.strip_prefix('-').map_or(("", text.as_str()), |rest| ("-", rest));
        let (whole, fraction) = text.split_once('.').unwrap_or((text, ""));
        let whole = if whole.is_empty() { "0" } else { whole };
        let point = if places > 0 { "." } else { "" };
        format!("{sign}{whole}{point}{fraction:0<places$}")
    }

    pub fn to_i64(self) -> i64 {
        let whole = self.truncated();
        let factor = u32::try_from(whole.exponent).ok().and_then(|exponent| 10i128.checked_pow(exponent));
        let number = factor.and_then(|factor| whole.mantissa.checked_mul(factor));
        let limit = if self.is_negative() { i64::MIN } else { i64::MAX };
        number.and_then(|number| i64::try_from(number).ok()).unwrap_or(limit)
    }

    pub fn to_f64(self) -> f64 {
        format!("{}E{}", self.mantissa, self.exponent).parse().unwrap_or(0.0)
    }

    pub fn from_f64(number: f64) -> Self {
        Self::leading(&format!("{number:.17e}"))
    }

    pub fn compare(self, other: Self) -> Ordering {
        match self.aligned(other) {
            Some((a, b, _)) => a.cmp(&b),
            None => self.to_f64().total_cmp(&other.to_f64()),
        }
    }
}

impl From<i64> for Decimal {
    fn from(number: i64) -> Self {
        Self::new(i128::from(number), 0)
    }
}

impl fmt::Display for Decimal {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        let sign = if self.mantissa < 0 { "-" } else { "" };
        let digits = self.mantissa.unsigned_abs().to_string();
        match self.exponent {
            0 => write!(f, "{sign}{digits}"),
            // IRIS writes long numbers with an exponent only where they cannot be held otherwise.
            1..=40 => write!(f, "{sign}{digits}{}", "0".repeat(usize::try_from(self.exponent).unwrap_or(0))),
            -60..=-1 => {
                let places = usize::try_from(-self.exponent).unwrap_or(0);
                match digits.len().checked_sub(places) {
                    Some(whole) => write!(f, "{sign}{}.{}", &digits[..whole], &digits[whole..]),
                    None => write!(f, "{sign}.{digits:0>places$}"),
                }
            }
            exponent => write!(f, "{sign}{digits}E{exponent}"),
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_are_decimal_and_canonical() {
        let number = Decimal::leading;
        for (text, expected) in [
            ("2DOGS", "2"),
            ("DOGS", "0"),
            ("007.50", "7.5"),
            ("-0.5x", "-.5"),
            ("--3", "3"),
            ("1E3", "1000"),
            ("1E", "1"),
            (".", "0"),
            ("", "0"),
        ] {
            assert_eq!(number(text).to_string(), expected, "{text:?}");
        }
        assert_eq!(number(".1").plus(number(".2")).to_string(), ".3");
        assert_eq!(number("1").over(number("3")).expect("not zero").to_string(), ".333333333333333333");
        assert_eq!(number("7").over(Decimal::ZERO), None);
        assert_eq!(number("-7").quotient(number("2")).expect("not zero").to_string(), "-3");
        assert_eq!(number("-7").modulo(number("5")).expect("not zero").to_string(), "3");
        assert_eq!(number("7").modulo(number("-5")).expect("not zero").to_string(), "-3");
        assert_eq!(number("2").power(number("10")).to_string(), "1024");
        assert_eq!(number("2").power(number(".5")).to_string().get(..6), Some("1.4142"));
        assert_eq!(number("2.345").fixed(2), "2.35");
        assert_eq!(number(".5").fixed(2), "0.50");
        assert_eq!(Decimal::canonical("1.0"), None);
        assert_eq!(Decimal::canonical("-1"), Some(number("-1")));
    }
}
