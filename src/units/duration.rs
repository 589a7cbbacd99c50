//! A span of simulated time.

use std::{fmt, str::FromStr};

use super::{Quantity, QuantityError, impl_serde, number};

/// A span of time in whole nanoseconds, 0 to about 584 years.
///
/// Written `200ms`, `1.5s`, `1m30s`, `2h`, `7d`; units `ns us µs ms s m h d`, from large to small, each once.
/// Decimals are rounded to the nanosecond. `m` is a minute: months and years have no fixed length and no unit.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Duration(u64);

const SECOND: u64 = 1_000_000_000;

/// Units and their nanoseconds, from large to small.
const UNITS: &[(&str, u64)] = &[
    ("d", 86_400 * SECOND),
    ("h", 3_600 * SECOND),
    ("m", 60 * SECOND),
    ("s", SECOND),
    ("ms", 1_000_000),
    ("us", 1_000),
    ("µs", 1_000), // U+00B5, the micro sign.
    ("μs", 1_000), // U+03BC, the Greek letter that looks like it.
    ("ns", 1),
];

impl Duration {
    /// No time at all.
    pub const ZERO: Self = Self(0);

    /// From whole nanoseconds.
    pub const fn from_nanos(nanos: u64) -> Self {
        Self(nanos)
    }

    /// Whole nanoseconds.
    pub const fn nanos(self) -> u64 {
        self.0
    }

    /// Seconds, to the nearest `f64`.
    pub fn as_secs_f64(self) -> f64 {
        self.0 as f64 / SECOND as f64
    }
}

impl FromStr for Duration {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let mut rest = text.trim();
        let mut nanos = 0_u64;
        let mut previous = u64::MAX;
        while !rest.is_empty() || previous == u64::MAX {
            let (number, after) = number::split(rest)?;
            let end = after.find(|c: char| c.is_ascii_digit() || c.is_whitespace()).unwrap_or(after.len());
            let (name, after) = after.split_at(end);
            let unit = unit(name, text)?;
            if unit >= previous {
                return Err(QuantityError::new(format!("the units of `{text}` must go from large to small")));
            }
            nanos = number.times(unit).and_then(|part| nanos.checked_add(part)).ok_or_else(|| {
                QuantityError::new(format!("`{text}` is too long: a duration ends at about 584 years"))
            })?;
            previous = unit;
            rest = after.trim_start();
        }
        Ok(Self(nanos))
    }
}

fn unit(name: &str, text: &str) -> Result<u64, QuantityError> {
    let found = UNITS.iter().find(|(unit, _)| *unit == name);
    found.map(|(_, nanos)| *nanos).ok_or_else(|| {
        QuantityError::new(match name {
            "" => format!("expected {}; found `{text}`", Duration::EXPECTED),
            _ => format!("`{name}` in `{text}` is not a unit of time; use ns, us, ms, s, m, h or d"),
        })
    })
}

impl fmt::Display for Duration {
    /// Whole days from two days on, otherwise hours, minutes and seconds; below a minute one decimal number.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self(nanos) = *self;
        let (day, hour, minute) = (UNITS[0].1, UNITS[1].1, UNITS[2].1);
        match nanos {
            0 => formatter.write_str("0s"),
            1..1_000 => write!(formatter, "{nanos}ns"),
            1_000..1_000_000 => write!(formatter, "{}us", number::decimal(nanos, 3)),
            1_000_000..SECOND => write!(formatter, "{}ms", number::decimal(nanos, 6)),
            _ if nanos % day == 0 && nanos >= 2 * day => write!(formatter, "{}d", nanos / day),
            _ => {
                for (count, name) in [(nanos / hour, "h"), (nanos % hour / minute, "m")] {
                    if count > 0 {
                        write!(formatter, "{count}{name}")?;
                    }
                }
                match nanos % minute {
                    0 => Ok(()),
                    rest => write!(formatter, "{}s", number::decimal(rest, 9)),
                }
            }
        }
    }
}

impl Quantity for Duration {
    const EXPECTED: &'static str = "a duration with a unit, such as `300s`";
    const PATTERN: &'static str = r"^\s*([0-9][0-9_.]*\s*(ns|us|µs|μs|ms|s|m|h|d)\s*)+$";
    const EXAMPLES: &'static [&'static str] = &["200ms", "1.5s", "1m30s", "2h", "7d"];
}
impl_serde!(Duration);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    fn nanos(text: &str) -> u64 {
        text.parse::<Duration>().unwrap().nanos()
    }

    #[test]
    fn reads_what_people_write() {
        assert_eq!(nanos("200ms"), 200_000_000);
        assert_eq!(nanos("1.5s"), 1_500_000_000);
        assert_eq!(nanos("1m30s"), 90_000_000_000);
        assert_eq!(nanos("1h 0.25s"), 3_600_250_000_000);
        assert_eq!(nanos("7d"), 604_800_000_000_000);
        assert_eq!(nanos("150 µs"), 150_000);
        // 0.1 has no exact binary fraction, yet no nanosecond is lost.
        assert_eq!(nanos("0.1s"), 100_000_000);
        assert_eq!(nanos("0.0000000005s"), 1);
    }

    #[test]
    fn refuses_bare_numbers_unknown_units_and_overflow() {
        for text in ["5", "", "1M", "5 Mb", "30s1m", "1s1s", "-3s", "1m30", "1e3s", "s", "600y", "214000d"] {
            assert!(text.parse::<Duration>().is_err(), "{text}");
        }
        let error = "1M".parse::<Duration>().unwrap_err().to_string();
        assert_eq!(error, "`M` in `1M` is not a unit of time; use ns, us, ms, s, m, h or d");
    }

    #[test]
    fn prints_the_usual_form() {
        for text in ["0s", "240ms", "1.5s", "1m30s", "24h", "7d", "730h", "1h30m", "150us", "12ns", "1m0.5s"]
        {
            assert_eq!(text.parse::<Duration>().unwrap().to_string(), text);
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(nanos in any::<u64>(), shift in 0_u32..64) {
            let duration = Duration::from_nanos(nanos >> shift);
            prop_assert_eq!(duration.to_string().parse::<Duration>(), Ok(duration));
        }
    }
}
