//! A calendar day, to tell which price was in force.

use std::fmt;
use std::str::FromStr;

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

/// A day of the proleptic Gregorian calendar, written `2026-11-21`. Ordered by time.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(try_from = "String", into = "String")]
#[schemars(with = "String")]
pub struct Date {
    // The order of the fields is the order of time.
    year: u16,
    month: u8,
    day: u8,
}

/// The text is not a day written `YYYY-MM-DD`.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{0:?} is not a date; write it as 2026-11-21.")]
pub struct NotADate(pub String);

impl Date {
    /// The day with this year (0 to 9999), month (1 to 12) and day of the month; `None` if there is no such
    /// day.
    pub const fn new(year: u16, month: u8, day: u8) -> Option<Date> {
        let leap = year.is_multiple_of(4) && !year.is_multiple_of(100) || year.is_multiple_of(400);
        let days = match month {
            4 | 6 | 9 | 11 => 30,
            2 if leap => 29,
            2 => 28,
            1..=12 => 31,
            _ => 0,
        };
        if year <= 9999 && day >= 1 && day <= days { Some(Date { year, month, day }) } else { None }
    }
}

impl FromStr for Date {
    type Err = NotADate;

    fn from_str(text: &str) -> Result<Date, NotADate> {
        let parse = || {
            let digits =
                |range| text.get(range).filter(|part: &&str| part.bytes().all(|b| b.is_ascii_digit()));
            if text.len() != 10 || text.get(4..5) != Some("-") || text.get(7..8) != Some("-") {
                return None;
            }
            let (year, month, day) = (digits(0..4)?, digits(5..7)?, digits(8..10)?);
            Date::new(year.parse().ok()?, month.parse().ok()?, day.parse().ok()?)
        };
        parse().ok_or_else(|| NotADate(text.to_owned()))
    }
}

impl fmt::Display for Date {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{:04}-{:02}-{:02}", self.year, self.month, self.day)
    }
}

impl TryFrom<String> for Date {
    type Error = NotADate;

    fn try_from(text: String) -> Result<Date, NotADate> {
        text.parse()
    }
}

impl From<Date> for String {
    fn from(date: Date) -> String {
        date.to_string()
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn the_gregorian_leap_rule_holds_and_dates_order_by_time() {
        for (text, exists) in [
            ("2024-02-29", true),
            ("2000-02-29", true),
            ("1900-02-29", false),
            ("2026-11-31", false),
            ("2026-1-1", false),
        ] {
            assert_eq!(text.parse::<Date>().is_ok(), exists, "{text}");
        }
        let (before, after): (Date, Date) = ("2024-10-31".parse().unwrap(), "2024-11-01".parse().unwrap());
        assert!(before < after);
        assert_eq!(after.to_string(), "2024-11-01");
    }
}
