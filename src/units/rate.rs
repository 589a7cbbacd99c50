//! How often something happens.

use std::{fmt, str::FromStr};

use super::{Quantity, QuantityError, impl_serde, number};

/// Events per second: finite, 0 to 10^12.
///
/// Written `5000/s`, `1.5k/s`, `300/min`, `10/h`, `1/d`; `k`, `M` and `G` are decimal. What is counted may be
/// named: `5000 writes/s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Rate(f64);

const LARGEST: f64 = 1e12;
const MULTIPLES: &[(&str, i64)] = &[("k", 3), ("M", 6), ("G", 9)];
const COUNTED: &[&str] = &["", "writes", "reads", "records", "items", "events", "requests", "messages"];
/// Spans and their seconds; the plain letter `m` is left out, for it could mean a month.
const PER: &[(&str, f64)] = &[("s", 1.0), ("min", 60.0), ("h", 3_600.0), ("d", 86_400.0)];

impl Rate {
    /// From events per second; an error unless 0 <= `per_second` <= 10^12.
    pub fn new(per_second: f64) -> Result<Self, QuantityError> {
        if (0.0..=LARGEST).contains(&per_second) {
            Ok(Self(per_second + 0.0)) // Turns -0.0 into 0.0.
        } else {
            Err(QuantityError::new(format!("a rate must be between 0/s and 1000G/s; found {per_second}/s")))
        }
    }

    /// Events per second.
    pub const fn per_second(self) -> f64 {
        self.0
    }
}

impl FromStr for Rate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, rest) = number::split(text)?;
        let wrong = || QuantityError::new(format!("expected {}; found `{text}`", Self::EXPECTED));
        let (counted, per) = rest.split_once('/').ok_or_else(wrong)?;
        let counted = counted.trim();
        let (exponent, counted) = MULTIPLES
            .iter()
            .find_map(|(name, exponent)| match counted.strip_prefix(name)? {
                "" => Some((*exponent, "")),
                rest => rest.strip_prefix(' ').map(|rest| (*exponent, rest)),
            })
            .unwrap_or((0, counted));
        let (_, seconds) = PER.iter().find(|(name, _)| *name == per.trim()).ok_or_else(|| {
            QuantityError::new(format!("`/{per}` in `{text}` is not a span; use /s, /min, /h or /d"))
        })?;
        if !COUNTED.contains(&counted.trim()) {
            return Err(wrong());
        }
        Self::new(number.to_f64(exponent) / seconds)
    }
}

impl fmt::Display for Rate {
    /// Per second, in as many digits as identify the value.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}/s", self.0)
    }
}

impl Quantity for Rate {
    const EXPECTED: &'static str = "a rate, such as `5000/s`, `1.5k/s` or `300/min`";
    const PATTERN: &'static str = r"^\s*[0-9][0-9_.]*\s*[kMG]?\s*[a-z]*\s*/\s*(s|min|h|d)\s*$";
    const EXAMPLES: &'static [&'static str] =
        &["5000/s", "1.5k/s", "300/min", "10/h", "1/d", "5000 writes/s"];
}
impl_serde!(Rate);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn reads_multiples_and_spans() {
        let rate = |text: &str| text.parse::<Rate>().unwrap().per_second();
        assert_eq!(rate("5000/s"), 5000.0);
        assert_eq!(rate("1.5k/s"), 1500.0);
        assert_eq!(rate("300/min"), 5.0);
        assert_eq!(rate("86_400/d"), 1.0);
        assert_eq!(rate("36k writes/h"), 10.0);
        assert_eq!(rate("0/s"), 0.0);
    }

    #[test]
    fn refuses_other_spans_counts_and_sizes() {
        for text in
            ["5", "5/", "5/m", "5/month", "5 bananas/s", "-1/s", "1e3/s", "2000G/s", "5 kwrites/s", "nan/s"]
        {
            assert!(text.parse::<Rate>().is_err(), "{text}");
        }
        assert!(Rate::new(f64::NAN).is_err());
        assert!(Rate::new(f64::INFINITY).is_err());
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(count in 0_u64..1_000_000_000_000, seconds in 1_u32..1_000_000) {
            let rate = Rate::new(count as f64 / f64::from(seconds)).unwrap();
            prop_assert_eq!(rate.to_string().parse::<Rate>(), Ok(rate));
        }
    }
}
