//! The one number grammar: digits with optional underscores, and optionally a point and more digits.

use super::QuantityError;

/// A non-negative decimal, exact: `digits * 10^-scale`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Number {
    digits: u128,
    scale: u32,
}

/// Takes a number from the front of `text`; the rest comes back without the space around it.
pub(super) fn split(text: &str) -> Result<(Number, &str), QuantityError> {
    let text = text.trim();
    if text.starts_with('-') {
        return Err(QuantityError::new(format!("`{text}` is negative; it must be zero or more")));
    }
    let end = text.find(|c: char| !(c.is_ascii_digit() || c == '_' || c == '.')).unwrap_or(text.len());
    let (number, rest) = text.split_at(end);
    Ok((parse(number, text)?, rest.trim()))
}

fn parse(number: &str, whole: &str) -> Result<Number, QuantityError> {
    let (integer, fraction) = match number.split_once('.') {
        Some((integer, fraction)) if well_formed(fraction) => (integer, fraction),
        None => (number, ""),
        Some(_) => ("", ""),
    };
    if !well_formed(integer) {
        return Err(QuantityError::new(format!("`{whole}` does not start with a number")));
    }
    let too_long = || QuantityError::new(format!("`{whole}` has too many digits"));
    let mut digits = 0_u128;
    for digit in integer.chars().chain(fraction.chars()).filter_map(|c| c.to_digit(10)) {
        digits =
            digits.checked_mul(10).and_then(|d| d.checked_add(u128::from(digit))).ok_or_else(too_long)?;
    }
    let scale =
        u32::try_from(fraction.chars().filter(char::is_ascii_digit).count()).map_err(|_| too_long())?;
    Ok(Number { digits, scale })
}

/// Digits, in groups that underscores part.
fn well_formed(digits: &str) -> bool {
    digits.split('_').all(|group| !group.is_empty() && group.bytes().all(|b| b.is_ascii_digit()))
}

impl Number {
    /// `self * factor`, rounded to the nearest whole number, halves up; `None` beyond `u64`.
    pub(super) fn times(self, factor: u64) -> Option<u64> {
        let product = self.digits.checked_mul(u128::from(factor))?;
        // 10^38 is the largest power of ten in 128 bits; any product over a larger one rounds to zero.
        let Some(divisor) = 10_u128.checked_pow(self.scale) else { return Some(0) };
        let (quotient, remainder) = (product / divisor, product % divisor);
        u64::try_from(quotient + u128::from(remainder >= divisor - remainder)).ok()
    }

    /// `self * 10^exponent` as the nearest `f64`, rounded once.
    pub(super) fn to_f64(self, exponent: i64) -> f64 {
        let exponent = exponent - i64::from(self.scale);
        format!("{}e{exponent}", self.digits).parse().expect("digits with an exponent are a float")
    }

    /// The value if it is whole.
    pub(super) fn to_u64(self) -> Option<u64> {
        let divisor = 10_u128.checked_pow(self.scale)?;
        self.digits.is_multiple_of(divisor).then(|| u64::try_from(self.digits / divisor).ok())?
    }
}

/// `value / 10^places` in full, without trailing zeros: the inverse of [`Number::times`] with that power.
pub(super) fn decimal(value: u64, places: u32) -> String {
    let unit = 10_u64.pow(places);
    let (whole, part) = (value / unit, value % unit);
    if part == 0 {
        return whole.to_string();
    }
    let fraction = format!("{part:0width$}", width = places as usize);
    format!("{whole}.{}", fraction.trim_end_matches('0'))
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn rounds_halves_up_and_reports_overflow() {
        let number = |text| split(text).unwrap().0;
        assert_eq!(number("0.5").times(1), Some(1));
        assert_eq!(number("0.49999999999999999999").times(1), Some(0));
        assert_eq!(number("18446744073709551615").times(1), Some(u64::MAX));
        assert_eq!(number("18446744073709551615.5").times(1), None);
        assert_eq!(number(&format!("0.{}1", "0".repeat(60))).times(1), Some(0));
    }

    #[test]
    fn refuses_what_only_looks_like_a_number() {
        for text in
            ["", ".5", "5.", "1.2.3", "1__0", "_1", "1_", "-3", "+3", "x", "1._5", ".", &"9".repeat(40)]
        {
            assert!(split(text).is_err(), "{text}");
        }
        assert_eq!(split("1_000.2_5 k").unwrap(), (Number { digits: 100_025, scale: 2 }, "k"));
    }
}
