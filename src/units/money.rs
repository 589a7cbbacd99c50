//! An amount of money.

use std::{fmt, str::FromStr};

use rust_decimal::Decimal;

use super::{Quantity, QuantityError, impl_serde};

/// An amount in US dollars, exact, zero or more. Written `9000 USD`, `$9000` or `12.50 USD`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Money(Decimal);

impl Money {
    /// From US dollars; an error if negative.
    pub fn usd(amount: Decimal) -> Result<Self, QuantityError> {
        if amount.is_sign_negative() && !amount.is_zero() {
            return Err(QuantityError::new(format!(
                "an amount of money must be zero or more; found {amount} USD"
            )));
        }
        Ok(Self(amount))
    }

    /// The amount in US dollars.
    pub const fn amount(self) -> Decimal {
        self.0
    }
}

impl FromStr for Money {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let trimmed = text.trim();
        let amount = trimmed.strip_prefix('$').or_else(|| trimmed.strip_suffix("USD"));
        let wrong = || QuantityError::new(format!("expected {}; found `{text}`", Self::EXPECTED));
        let digits = amount.ok_or_else(wrong)?.trim();
        // Decimal itself would also take a sign and an exponent.
        if !digits.starts_with(|c: char| c.is_ascii_digit()) || digits.contains(['e', 'E']) {
            return Err(wrong());
        }
        Self::usd(Decimal::from_str_exact(digits).map_err(|_| wrong())?)
    }
}

impl fmt::Display for Money {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{} USD", self.0)
    }
}

impl Quantity for Money {
    const EXPECTED: &'static str = "an amount in US dollars, such as `9000 USD`";
    const PATTERN: &'static str = r"^\s*(\$\s*[0-9][0-9_.]*|[0-9][0-9_.]*\s*USD)\s*$";
    const EXAMPLES: &'static [&'static str] = &["9000 USD", "$9000", "12.50 USD"];
}
impl_serde!(Money);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn is_exact_and_dollars_only() {
        assert_eq!("$9000".parse::<Money>(), "9_000 USD".parse::<Money>());
        assert_eq!("0.1 USD".parse::<Money>().unwrap().amount() * Decimal::from(3), Decimal::new(3, 1));
        for text in ["9000", "9000 EUR", "-1 USD", "$-1", "$", "USD", "$1,000", "$1e3", "$5 USD"] {
            assert!(text.parse::<Money>().is_err(), "{text}");
        }
        let money = "12.50 USD".parse::<Money>().unwrap();
        assert_eq!(money.to_string().parse(), Ok(money));
    }
}
