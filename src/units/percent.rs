//! A share of a whole.

use std::{fmt, str::FromStr};

use super::{Quantity, QuantityError, impl_serde, number};

/// A share between 0 and 1, written as a percentage: `0.1%` is 0.001.
#[derive(Clone, Copy, Debug, Default, PartialEq, PartialOrd)]
pub struct Percent(f64);

impl Percent {
    /// From a fraction; an error unless 0 <= `fraction` <= 1.
    pub fn new(fraction: f64) -> Result<Self, QuantityError> {
        if (0.0..=1.0).contains(&fraction) {
            Ok(Self(fraction + 0.0)) // Turns -0.0 into 0.0.
        } else {
            Err(QuantityError::new(format!(
                "a percentage must be between 0% and 100%; found the share {fraction}"
            )))
        }
    }

    /// The share of one: 0.25 for `25%`.
    pub const fn fraction(self) -> f64 {
        self.0
    }
}

impl FromStr for Percent {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, unit) = number::split(text)?;
        if unit != "%" {
            return Err(QuantityError::new(format!("expected {}; found `{text}`", Self::EXPECTED)));
        }
        let outside =
            |_| QuantityError::new(format!("a percentage must be between 0% and 100%; found `{text}`"));
        Self::new(number.to_f64(-2)).map_err(outside)
    }
}

impl fmt::Display for Percent {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write(self.0, formatter)
    }
}

/// The shortest digits that identify the fraction, with the point moved two places: exact both ways.
pub(super) fn write(fraction: f64, formatter: &mut fmt::Formatter) -> fmt::Result {
    let fraction = fraction.to_string();
    let (whole, part) = fraction.split_once('.').unwrap_or((&fraction, ""));
    let (moved, rest) = part.split_at(part.len().min(2));
    let percent = format!("{whole}{moved:0<2}");
    let percent = percent.trim_start_matches('0');
    let percent = if percent.is_empty() { "0" } else { percent };
    match rest {
        "" => write!(formatter, "{percent}%"),
        rest => write!(formatter, "{percent}.{rest}%"),
    }
}

impl Quantity for Percent {
    const EXPECTED: &'static str = "a percentage, such as `0.1%`";
    const PATTERN: &'static str = r"^\s*[0-9][0-9_.]*\s*%\s*$";
    const EXAMPLES: &'static [&'static str] = &["0.1%", "10%", "100%"];
}
impl_serde!(Percent);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn a_percentage_is_rounded_once() {
        let fraction = |text: &str| text.parse::<Percent>().unwrap().fraction();
        assert_eq!(fraction("0.1%"), 0.001);
        assert_eq!(fraction("29%"), 0.29); // 29.0 / 100.0 agrees, 29.0 * 0.01 does not.
        assert_eq!(fraction("100 %"), 1.0);
        assert_eq!(fraction("0%"), 0.0);
    }

    #[test]
    fn prints_percentages_and_refuses_the_rest() {
        for text in ["0%", "0.1%", "0.001%", "7%", "29%", "85%", "99.99%", "100%"] {
            assert_eq!(text.parse::<Percent>().unwrap().to_string(), text);
        }
        for text in ["101%", "0.5", "1/1000", "-1%", "%", "5 %%"] {
            assert!(text.parse::<Percent>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(fraction in 0.0..=1.0, shrink in 0_u32..20) {
            let percent = Percent::new(fraction / f64::from(1_u32 << shrink)).unwrap();
            prop_assert_eq!(percent.to_string().parse::<Percent>(), Ok(percent));
        }
    }
}
