//! A time of day.

use std::{fmt, str::FromStr};

use super::{Quantity, QuantityError, impl_serde};

/// A time of day in UTC, to the second: `14:00`, `23:59:30`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct TimeOfDay(u32);

impl TimeOfDay {
    /// Seconds since midnight, 0 to 86,399.
    pub const fn seconds(self) -> u32 {
        self.0
    }
}

impl FromStr for TimeOfDay {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let wrong = || QuantityError::new(format!("expected {}; found `{text}`", Self::EXPECTED));
        let part = |text: Option<&str>, end: u32| match text {
            Some(digits) if digits.len() == 2 && digits.bytes().all(|byte| byte.is_ascii_digit()) => {
                digits.parse().ok().filter(|value: &u32| *value < end).ok_or_else(wrong)
            }
            _ => Err(wrong()),
        };
        let mut parts = text.trim().split(':');
        let (hour, minute) = (part(parts.next(), 24)?, part(parts.next(), 60)?);
        let second = part(Some(parts.next().unwrap_or("00")), 60)?;
        if parts.next().is_some() { Err(wrong()) } else { Ok(Self(hour * 3_600 + minute * 60 + second)) }
    }
}

impl fmt::Display for TimeOfDay {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self(seconds) = *self;
        write!(formatter, "{:02}:{:02}", seconds / 3_600, seconds / 60 % 60)?;
        if seconds % 60 > 0 { write!(formatter, ":{:02}", seconds % 60) } else { Ok(()) }
    }
}

impl Quantity for TimeOfDay {
    const EXPECTED: &'static str = "a time of day in UTC, such as `14:00`";
    const PATTERN: &'static str = r"^\s*[0-9]{2}:[0-9]{2}(:[0-9]{2})?\s*$";
    const EXAMPLES: &'static [&'static str] = &["14:00", "23:59:30"];
}
impl_serde!(TimeOfDay);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_a_clock_and_nothing_else() {
        for (text, seconds) in [("00:00", 0), ("14:00", 50_400), ("23:59:30", 86_370)] {
            let time: TimeOfDay = text.parse().unwrap();
            assert_eq!((time.seconds(), time.to_string().as_str()), (seconds, text));
        }
        for text in ["24:00", "14", "14h", "1:00", "12:60", "12:00:60", "12:00:00:00", "-1:00", ""] {
            assert!(text.parse::<TimeOfDay>().is_err(), "{text}");
        }
    }
}
