//! What was used: quantities by price id, each split by the reason it arose.

use std::collections::BTreeMap;
use std::fmt;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::de::{self, Deserializer, MapAccess, Visitor};
use serde::{Deserialize, Serialize};

use super::exact;

/// Decimals kept when usage is scaled: a thousandth of a byte in a quantity of GB, and room for 7.9e16 units.
const SCALED_DECIMALS: u32 = 12;

/// Why a quantity arose, and so what could be saved.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum Cause {
    /// The work itself, at its true size.
    Base,
    /// Sizes rounded up to a metering step (1 KB, 5 KB, 25 KB, 1 ms).
    Rounding,
    /// Work done again after a failure or a throttle.
    Retries,
    /// Polls and receives that came back empty.
    EmptyPolls,
    /// Records that arrived more than once.
    Duplicates,
    /// Further consumers of the same data.
    FanOut,
    /// Data kept longer than what is included.
    Retention,
    /// Progress kept by consumers: lease tables, snapshots.
    Checkpoints,
    /// Log lines and custom metrics.
    LogsAndMetrics,
    /// A minimum that was committed to and not used.
    Commitment,
}

impl Cause {
    /// Its name in files.
    pub fn name(self) -> &'static str {
        match self {
            Self::Base => "base",
            Self::Rounding => "rounding",
            Self::Retries => "retries",
            Self::EmptyPolls => "empty_polls",
            Self::Duplicates => "duplicates",
            Self::FanOut => "fan_out",
            Self::Retention => "retention",
            Self::Checkpoints => "checkpoints",
            Self::LogsAndMetrics => "logs_and_metrics",
            Self::Commitment => "commitment",
        }
    }

    /// Its name in sentences.
    pub fn words(self) -> String {
        self.name().replace('_', " ")
    }
}

/// The quantity used at one price, in single units (never in the millions that a price may be quoted for).
/// Written in full, as its schema says; a bare quantity is read too.
#[derive(Debug, Clone, Default, PartialEq, Serialize, JsonSchema)]
pub struct UsageLine {
    /// Single units: one request, one GB, one shard-hour.
    #[schemars(with = "String")]
    pub quantity: Decimal,
    /// The quantity by cause; empty, or adding up to the quantity exactly.
    #[serde(default, skip_serializing_if = "BTreeMap::is_empty")]
    #[schemars(with = "BTreeMap<Cause, String>")]
    pub causes: BTreeMap<Cause, Decimal>,
}

/// Quantities by price id, in the order of the ids. A tiered price may be named without its tier (`fh.put`).
#[derive(Debug, Clone, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
#[serde(transparent)]
pub struct Usage(pub BTreeMap<String, UsageLine>);

/// Usage that cannot be billed.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
pub enum UsageError {
    /// A quantity, or one of its causes, is below zero.
    #[error("usage of {id} is negative.")]
    Negative {
        /// The price id.
        id: String,
    },
    /// The causes of a quantity do not add up to it.
    #[error("usage of {id} is {quantity}, but its causes add up to {causes}.")]
    CausesDiffer {
        /// The price id.
        id: String,
        /// The quantity stated.
        quantity: Decimal,
        /// The sum of the causes.
        causes: Decimal,
    },
    /// A number does not fit in 28 digits.
    #[error("usage of {id} is too large to be counted exactly.")]
    TooLarge {
        /// The price id.
        id: String,
    },
    /// Usage was to be scaled from a span of no length.
    #[error("usage of an empty span cannot be scaled.")]
    EmptySpan,
}

impl Usage {
    /// Adds a quantity (single units, not negative) to a price id under one cause.
    ///
    /// # Errors
    /// [`UsageError::Negative`] and [`UsageError::TooLarge`]; the usage is then unchanged.
    pub fn add(&mut self, id: &str, cause: Cause, quantity: Decimal) -> Result<(), UsageError> {
        if quantity < Decimal::ZERO {
            return Err(UsageError::Negative { id: id.to_owned() });
        }
        let too_large = || UsageError::TooLarge { id: id.to_owned() };
        let old = self.0.get(id);
        let of_cause = old.and_then(|line| line.causes.get(&cause)).copied().unwrap_or_default();
        let total = old.map_or(Decimal::ZERO, |line| line.quantity);
        let of_cause = of_cause.checked_add(quantity).ok_or_else(too_large)?;
        let total = total.checked_add(quantity).ok_or_else(too_large)?;

        let line = self.0.entry(id.to_owned()).or_default();
        line.quantity = total;
        line.causes.insert(cause, of_cause);
        Ok(())
    }

    /// Adds a quantity of which `part` in `whole` has another cause, to 12 decimals; all of it has `cause` if `part` is 0.
    ///
    /// # Errors
    /// As for [`Usage::add`].
    pub fn add_split(
        &mut self,
        id: &str,
        quantity: Decimal,
        cause: Cause,
        (other, part, whole): (Cause, u64, u64),
    ) -> Result<(), UsageError> {
        if part == 0 || whole == 0 {
            return self.add(id, cause, quantity);
        }
        let (part, whole) = (u128::from(part.min(whole)), u128::from(whole));
        let of_other = exact::scale(quantity.normalize(), part, whole, SCALED_DECIMALS)
            .ok_or_else(|| UsageError::TooLarge { id: id.to_owned() })?;
        self.add(id, other, of_other)?;
        self.add(id, cause, quantity - of_other)
    }

    /// Every quantity times `numerator / denominator`: say, the nanoseconds of the month over those of the
    /// span.
    ///
    /// The ratio is exact; results are rounded half-up to 12 decimals (more if the quantity has more), and
    /// causes share the rounded quantity by largest remainder, so that they still add up to it.
    ///
    /// # Errors
    /// [`UsageError::EmptySpan`] if the denominator is 0; [`UsageError::TooLarge`]; and what [`Usage::check`]
    /// finds.
    pub fn scale(&self, numerator: u128, denominator: u128) -> Result<Usage, UsageError> {
        if denominator == 0 {
            return Err(UsageError::EmptySpan);
        }
        self.check()?;
        let scaled = self.0.iter().map(|(id, line)| {
            let line =
                line.scale(numerator, denominator).ok_or_else(|| UsageError::TooLarge { id: id.clone() })?;
            Ok((id.clone(), line))
        });
        scaled.collect::<Result<_, _>>().map(Usage)
    }

    /// Checks that nothing is negative and that causes add up to their quantity.
    ///
    /// # Errors
    /// The first line, in the order of ids, that does not hold.
    pub fn check(&self) -> Result<(), UsageError> {
        self.0.iter().try_for_each(|(id, line)| line.check(id))
    }
}

impl UsageLine {
    fn scale(&self, numerator: u128, denominator: u128) -> Option<UsageLine> {
        let quantity = exact::scale(self.quantity.normalize(), numerator, denominator, SCALED_DECIMALS)?;
        if self.causes.is_empty() || self.quantity.is_zero() {
            return Some(UsageLine { quantity: quantity.normalize(), causes: self.causes.clone() });
        }
        let weights: Vec<Decimal> = self.causes.values().copied().collect();
        let shares = exact::apportion(quantity, &weights, quantity.scale())?;
        let causes = self.causes.keys().copied().zip(shares.iter().map(Decimal::normalize)).collect();
        Some(UsageLine { quantity: quantity.normalize(), causes })
    }

    fn check(&self, id: &str) -> Result<(), UsageError> {
        let id = id.to_owned();
        if self.quantity < Decimal::ZERO || self.causes.values().any(|part| *part < Decimal::ZERO) {
            return Err(UsageError::Negative { id });
        }
        if self.causes.is_empty() {
            return Ok(());
        }
        let sum = self.causes.values().try_fold(Decimal::ZERO, |sum, part| sum.checked_add(*part));
        match sum {
            None => Err(UsageError::TooLarge { id }),
            Some(causes) if causes != self.quantity => {
                Err(UsageError::CausesDiffer { id, quantity: self.quantity, causes })
            }
            Some(_) => Ok(()),
        }
    }
}

/// Reads either a bare quantity (`12000`, `"0.5"`) or `{ quantity: ..., causes: ... }`.
impl<'de> Deserialize<'de> for UsageLine {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<UsageLine, D::Error> {
        deserializer.deserialize_any(LineVisitor)
    }
}

/// A decimal that may be written as a number or as a string.
#[derive(Deserialize)]
#[serde(transparent)]
struct Quantity(#[serde(deserialize_with = "quantity")] Decimal);

fn quantity<'de, D: Deserializer<'de>>(deserializer: D) -> Result<Decimal, D::Error> {
    deserializer.deserialize_any(QuantityVisitor)
}

struct QuantityVisitor;

impl Visitor<'_> for QuantityVisitor {
    type Value = Decimal;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity in single units, such as 12000 or \"0.5\"")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<Decimal, E> {
        Ok(Decimal::from(value))
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<Decimal, E> {
        Ok(Decimal::from(value))
    }

    /// The shortest text of a float has the digits that were written, up to the 15 that any float keeps.
    fn visit_f64<E: de::Error>(self, value: f64) -> Result<Decimal, E> {
        self.visit_str(&value.to_string())
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<Decimal, E> {
        Decimal::from_str_exact(text).map_err(|_| E::invalid_value(de::Unexpected::Str(text), &self))
    }
}

struct LineVisitor;

impl<'de> Visitor<'de> for LineVisitor {
    type Value = UsageLine;

    fn expecting(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str("a quantity in single units, or { quantity, causes }")
    }

    fn visit_u64<E: de::Error>(self, value: u64) -> Result<UsageLine, E> {
        QuantityVisitor.visit_u64(value).map(UsageLine::from)
    }

    fn visit_i64<E: de::Error>(self, value: i64) -> Result<UsageLine, E> {
        QuantityVisitor.visit_i64(value).map(UsageLine::from)
    }

    fn visit_f64<E: de::Error>(self, value: f64) -> Result<UsageLine, E> {
        QuantityVisitor.visit_f64(value).map(UsageLine::from)
    }

    fn visit_str<E: de::Error>(self, text: &str) -> Result<UsageLine, E> {
        QuantityVisitor.visit_str(text).map(UsageLine::from)
    }

    fn visit_map<A: MapAccess<'de>>(self, map: A) -> Result<UsageLine, A::Error> {
        #[derive(Deserialize)]
        #[serde(deny_unknown_fields)]
        struct Fields {
            quantity: Quantity,
            #[serde(default)]
            causes: BTreeMap<Cause, Quantity>,
        }
        let fields = Fields::deserialize(de::value::MapAccessDeserializer::new(map))?;
        let causes = fields.causes.into_iter().map(|(cause, part)| (cause, part.0)).collect();
        Ok(UsageLine { quantity: fields.quantity.0, causes })
    }
}

/// A quantity whose causes are not known.
impl From<Decimal> for UsageLine {
    fn from(quantity: Decimal) -> UsageLine {
        UsageLine { quantity, causes: BTreeMap::new() }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn usage(json: &str) -> Usage {
        serde_json::from_str(json).unwrap()
    }

    #[test]
    fn an_hour_scales_to_a_month_of_730_hours_exactly() {
        const HOUR_NS: u128 = 3_600_000_000_000;
        let hour = usage(r#"{ "kds.prov.shard_h": 20, "kds.od.in_gb": "0.1" }"#);
        let month = hour.scale(730 * HOUR_NS, HOUR_NS).unwrap();
        assert_eq!(month, usage(r#"{ "kds.prov.shard_h": 14600, "kds.od.in_gb": 73 }"#));
    }

    #[test]
    fn scaled_causes_still_add_up_when_the_ratio_does_not_end() {
        let mut third = Usage::default();
        for cause in [Cause::Base, Cause::Rounding, Cause::Retries] {
            third.add("s3.put", cause, Decimal::ONE).unwrap();
        }
        // 3 * 10/9 = 3.333..., of which each cause has 1.111...
        let scaled = third.scale(10, 9).unwrap();
        assert_eq!(scaled.check(), Ok(()));
        assert_eq!(scaled.0["s3.put"].quantity.to_string(), "3.333333333333");
    }

    #[test]
    fn a_split_quantity_has_both_causes_and_nothing_is_left_over() {
        let mut usage = Usage::default();
        usage.add_split("fh.put", Decimal::from(100), Cause::Base, (Cause::Duplicates, 1, 3)).unwrap();
        usage.add_split("fh.put", Decimal::from(7), Cause::Base, (Cause::Duplicates, 0, 3)).unwrap();
        let line = &usage.0["fh.put"];
        assert_eq!(line.quantity, Decimal::from(107));
        assert_eq!(line.causes[&Cause::Duplicates].to_string(), "33.333333333333");
        assert_eq!(usage.check(), Ok(()));
    }

    #[test]
    fn usage_that_does_not_add_up_is_refused() {
        let wrong =
            usage(r#"{ "s3.put": { "quantity": 3, "causes": { "base": 1, "empty_polls": "1.5" } } }"#);
        let error = wrong.check().unwrap_err().to_string();
        assert_eq!(error, "usage of s3.put is 3, but its causes add up to 2.5.");
        assert!(matches!(usage(r#"{ "s3.put": -1 }"#).check(), Err(UsageError::Negative { .. })));
        assert_eq!(Usage::default().scale(1, 0), Err(UsageError::EmptySpan));
    }

    #[test]
    fn numbers_and_strings_read_alike_and_are_written_as_strings() {
        let both = usage(r#"{ "a": 0.1, "b": "0.1" }"#);
        assert_eq!(both.0["a"], both.0["b"]);
        let json = serde_json::to_string(&both).unwrap();
        assert_eq!(json, r#"{"a":{"quantity":"0.1"},"b":{"quantity":"0.1"}}"#);
        assert_eq!(usage(&json), both);
    }
}
