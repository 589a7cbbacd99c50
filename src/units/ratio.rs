//! A size against another one.

use std::{fmt, str::FromStr};

use super::{Quantity, QuantityError, impl_serde, number, percent};

/// A size against another one, above 0 and up to 100 times, written as a percentage: `250%` is two and a half times as much.
#[derive(Clone, Copy, Debug, PartialEq, PartialOrd)]
pub struct Ratio(f64);

impl Ratio {
    /// The greatest one.
    const MAX: f64 = 100.0;

    /// Times as much: 2.5 for `250%`.
    pub const fn times(self) -> f64 {
        self.0
    }
}

impl FromStr for Ratio {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, unit) = number::split(text)?;
        if unit != "%" {
            return Err(QuantityError::new(format!("expected {}; found `{text}`", Self::EXPECTED)));
        }
        let times = number.to_f64(-2);
        if times > 0.0 && times <= Self::MAX {
            return Ok(Self(times));
        }
        Err(QuantityError::new(format!("a ratio must be more than 0%, and 10000% at most; found `{text}`")))
    }
}

impl fmt::Display for Ratio {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        percent::write(self.0, formatter)
    }
}

impl Quantity for Ratio {
    const EXPECTED: &'static str = "a percentage, such as `40%` or `250%`";
    const PATTERN: &'static str = r"^\s*[0-9][0-9_.]*\s*%\s*$";
    const EXAMPLES: &'static [&'static str] = &["40%", "100%", "250%"];
}
impl_serde!(Ratio);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn prints_ratios_and_refuses_the_rest() {
        for (text, times) in [("0.1%", 0.001), ("40%", 0.4), ("100%", 1.0), ("250%", 2.5), ("10000%", 100.0)]
        {
            let ratio: Ratio = text.parse().unwrap();
            assert_eq!((ratio.times(), ratio.to_string()), (times, text.to_owned()));
        }
        for text in ["0%", "10000.1%", "1.5", "-1%", "%"] {
            assert!(text.parse::<Ratio>().is_err(), "{text}");
        }
    }
}
