//! Numbers as reports give them: rounded once, when the result is made, so that every rendering shows the same.

use serde::{Deserialize, Serialize};

use schemars::JsonSchema;

use crate::experiment::statistics::{Interval, LEVEL_DEFAULT};

/// Significant digits of a measured number in a result. A histogram is good for three.
const DIGITS: usize = 6;

/// A measured number as results hold it: six significant digits, never infinite.
pub fn rounded(value: f64) -> Option<f64> {
    if !value.is_finite() {
        return None;
    }
    // Decimal printing rounds exactly, on every platform alike; and -0 has no place in a report.
    let rounded: f64 = format!("{value:.*e}", DIGITS - 1).parse().ok()?;
    Some(rounded + 0.0)
}

/// An amount of US dollars as results hold it: to the cent, however large it is, and never infinite.
pub fn cents(value: f64) -> Option<f64> {
    if !value.is_finite() {
        return None;
    }
    let rounded: f64 = format!("{value:.2}").parse().ok()?;
    Some(rounded + 0.0)
}

/// A share of two counts; `None` when there is nothing to have a share of.
pub fn share(part: u64, whole: u64) -> Option<f64> {
    (whole > 0).then(|| part as f64 / whole as f64)
}

/// The mean of the values that are there; `None` without any.
pub fn mean(values: impl IntoIterator<Item = Option<f64>>) -> Option<f64> {
    let (mut sum, mut count) = (0.0, 0_u64);
    for value in values.into_iter().flatten() {
        sum += value;
        count += 1;
    }
    (count > 0).then(|| sum / count as f64)
}

/// The mean of a share over replications with its interval: what stands beside an interval lies in its middle, which the share of
/// all replications' counts together need not.
pub fn mean_share(shares: &[Option<f64>]) -> (Option<f64>, Interval95) {
    (mean(shares.iter().copied()).and_then(rounded), Interval95::of(shares, true))
}

/// A 95 % interval for the mean of a figure over replications, by Student's t.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Interval95 {
    /// Its lower end; null with one replication, or when some replication has no such figure.
    pub low: Option<f64>,
    /// Its upper end.
    pub high: Option<f64>,
    /// False when some replication has too few records beyond a percentile to tell it by.
    pub sure: bool,
}

impl Interval95 {
    /// The interval for the mean of one value a replication. Of figures that are never below 0 it is cut off there.
    pub fn of(values: &[Option<f64>], sure: bool) -> Self {
        Self::kept_by(values, sure, rounded)
    }

    /// The interval for the mean of an amount of US dollars, to the cent.
    pub fn of_money(values: &[Option<f64>]) -> Self {
        Self::kept_by(values, true, cents)
    }

    fn kept_by(values: &[Option<f64>], sure: bool, kept: fn(f64) -> Option<f64>) -> Self {
        let values: Option<Vec<f64>> = values.iter().copied().collect();
        let floor = if values.iter().flatten().any(|value| *value < 0.0) { f64::NEG_INFINITY } else { 0.0 };
        let interval = values.and_then(|values| Interval::of(&values, LEVEL_DEFAULT));
        Self {
            low: interval.and_then(|interval| kept(interval.low.max(floor))),
            high: interval.and_then(|interval| kept(interval.high)),
            sure,
        }
    }

    /// Both ends, if there are any.
    pub fn ends(&self) -> Option<(f64, f64)> {
        self.low.zip(self.high)
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_keep_six_digits() {
        let cases = [(1234567.4, 1234570.0), (0.1 + 0.2, 0.3), (9.999_999_6, 10.0), (-0.0, 0.0), (0.0, 0.0)];
        for (value, expected) in cases {
            assert_eq!(rounded(value), Some(expected));
        }
        assert_eq!(rounded(-1e-320 * 0.0).map(f64::is_sign_negative), Some(false));
        assert_eq!((rounded(f64::NAN), rounded(f64::INFINITY)), (None, None));
    }

    #[test]
    fn money_keeps_its_cents_where_six_digits_would_not() {
        assert_eq!((cents(123_456.785_1), rounded(123_456.785_1)), (Some(123_456.79), Some(123_457.0)));
        assert_eq!((cents(f64::NAN), cents(-0.001).map(f64::is_sign_negative)), (None, Some(false)));
        let bills = [Some(123_456.78), Some(123_456.80)];
        let (low, high) = Interval95::of_money(&bills).ends().unwrap();
        assert!(low < 123_456.79 && 123_456.79 < high && high - low < 1.0, "{low} to {high}");
    }

    /// Samples 4, 5, 6 have mean 5 and standard error 1/sqrt(3); t at 2 degrees of freedom is 4.30265.
    #[test]
    fn intervals_are_students_and_absent_for_one_replication() {
        let interval = Interval95::of(&[Some(4.0), Some(5.0), Some(6.0)], true);
        assert_eq!(interval, Interval95 { low: Some(2.51586), high: Some(7.48414), sure: true });
        assert_eq!(Interval95::of(&[Some(4.0)], true).ends(), None);
        assert_eq!(Interval95::of(&[Some(4.0), None], true).ends(), None);
    }
}
