//! A moment of the simulated calendar.

use std::{fmt, str::FromStr};

use super::{Quantity, QuantityError, impl_serde};

const DAY: i64 = 86_400;

/// A moment in UTC, in whole seconds since 1970-01-01, from the year 0000 to 9999.
///
/// Written as in RFC 3339 with a `Z`: `2026-01-05T00:00:00Z`. Leap seconds do not exist, as in Unix time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Timestamp(i64);

/// A date and a time of day in UTC.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Civil {
    /// Year; negative before the year 0.
    pub year: i64,
    /// Month, 1 to 12.
    pub month: u32,
    /// Day of the month, 1 to 31.
    pub day: u32,
    /// Hour, 0 to 23.
    pub hour: u32,
    /// Minute, 0 to 59.
    pub minute: u32,
    /// Second, 0 to 59.
    pub second: u32,
}

impl Timestamp {
    /// From seconds since 1970-01-01T00:00:00Z; an error outside the years 0000 to 9999.
    pub fn from_unix_seconds(seconds: i64) -> Result<Self, QuantityError> {
        if (days_from_civil(0, 1, 1) * DAY..days_from_civil(10_000, 1, 1) * DAY).contains(&seconds) {
            Ok(Self(seconds))
        } else {
            Err(QuantityError::new(format!("{seconds} seconds from 1970 is outside the years 0000 to 9999")))
        }
    }

    /// Seconds since 1970-01-01T00:00:00Z.
    pub const fn unix_seconds(self) -> i64 {
        self.0
    }
}

/// The date and time of day, `seconds` since 1970-01-01T00:00:00Z.
///
/// Howard Hinnant, "chrono-Compatible Low-Level Date Algorithms" (2013), `civil_from_days`: the proleptic
/// Gregorian calendar in eras of 400 years, with years that begin in March.
pub fn civil(seconds: i64) -> Civil {
    let (days, time) = (seconds.div_euclid(DAY), seconds.rem_euclid(DAY) as u32);
    let shifted = days + 719_468;
    let (era, day_of_era) = (shifted.div_euclid(146_097), shifted.rem_euclid(146_097));
    let year_of_era = (day_of_era - day_of_era / 1_460 + day_of_era / 36_524 - day_of_era / 146_096) / 365;
    let day_of_year = day_of_era - (365 * year_of_era + year_of_era / 4 - year_of_era / 100);
    let march_month = (5 * day_of_year + 2) / 153;
    let day = (day_of_year - (153 * march_month + 2) / 5 + 1) as u32;
    let month = (if march_month < 10 { march_month + 3 } else { march_month - 9 }) as u32;
    let year = year_of_era + era * 400 + i64::from(month <= 2);
    Civil { year, month, day, hour: time / 3_600, minute: time / 60 % 60, second: time % 60 }
}

/// Days since 1970-01-01; the same source, `days_from_civil`.
fn days_from_civil(year: i64, month: u32, day: u32) -> i64 {
    let march_year = year - i64::from(month <= 2);
    let (era, year_of_era) = (march_year.div_euclid(400), march_year.rem_euclid(400));
    let march_month = i64::from((month + 9) % 12);
    let day_of_year = (153 * march_month + 2) / 5 + i64::from(day) - 1;
    era * 146_097 + year_of_era * 365 + year_of_era / 4 - year_of_era / 100 + day_of_year - 719_468
}

impl FromStr for Timestamp {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let text = text.trim();
        let wrong = || QuantityError::new(format!("expected {}; found `{text}`", Self::EXPECTED));
        let shape = "0000-00-00T00:00:00Z";
        let fits =
            |(found, wanted): (u8, u8)| if wanted == b'0' { found.is_ascii_digit() } else { found == wanted };
        if text.len() != shape.len() || !text.bytes().zip(shape.bytes()).all(fits) {
            return Err(wrong());
        }
        let field = |start: usize, end: usize| text[start..end].parse::<u32>().map_err(|_| wrong());
        let year = i64::from(field(0, 4)?);
        let (month, day, hour, minute, second) =
            (field(5, 7)?, field(8, 10)?, field(11, 13)?, field(14, 16)?, field(17, 19)?);
        let seconds =
            days_from_civil(year, month, day) * DAY + i64::from(hour * 3_600 + minute * 60 + second);
        // Only a real date and time of day comes back as it was written.
        if civil(seconds) == (Civil { year, month, day, hour, minute, second }) {
            Ok(Self(seconds))
        } else {
            Err(QuantityError::new(format!("`{text}` is no day of the calendar or no time of day")))
        }
    }
}

impl fmt::Display for Timestamp {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Civil { year, month, day, hour, minute, second } = civil(self.0);
        write!(formatter, "{year:04}-{month:02}-{day:02}T{hour:02}:{minute:02}:{second:02}Z")
    }
}

impl Quantity for Timestamp {
    const EXPECTED: &'static str = "a moment in UTC, such as `2026-01-05T00:00:00Z`";
    const PATTERN: &'static str = r"^[0-9]{4}-[0-9]{2}-[0-9]{2}T[0-9]{2}:[0-9]{2}:[0-9]{2}Z$";
    const EXAMPLES: &'static [&'static str] = &["2026-01-05T00:00:00Z"];
}
impl_serde!(Timestamp);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn agrees_with_published_unix_times() {
        let seconds = |text: &str| text.parse::<Timestamp>().unwrap().unix_seconds();
        assert_eq!(seconds("1970-01-01T00:00:00Z"), 0);
        assert_eq!(seconds("2001-09-09T01:46:40Z"), 1_000_000_000);
        assert_eq!(seconds("2009-02-13T23:31:30Z"), 1_234_567_890);
        assert_eq!(seconds("2038-01-19T03:14:07Z"), i64::from(i32::MAX));
        assert_eq!(seconds("2000-02-29T00:00:00Z") + DAY, seconds("2000-03-01T00:00:00Z"));
        assert_eq!(seconds("1900-02-28T00:00:00Z") + DAY, seconds("1900-03-01T00:00:00Z"));
    }

    #[test]
    fn refuses_what_is_no_moment() {
        for text in [
            "2026-02-29T00:00:00Z",
            "2026-13-01T00:00:00Z",
            "2026-00-10T00:00:00Z",
            "2026-01-05T24:00:00Z",
            "2026-01-05T00:00:60Z",
            "2026-01-05",
            "2026-01-05T00:00:00+01:00",
            "2026-01-05 00:00:00Z",
        ] {
            assert!(text.parse::<Timestamp>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(seconds in -62_167_219_200_i64..253_402_300_800) {
            let moment = Timestamp::from_unix_seconds(seconds).unwrap();
            prop_assert_eq!(moment.to_string().parse::<Timestamp>(), Ok(moment));
        }
    }
}
