//! Quantities with units: parsed from what people write, printed so that they can be read back, never mixed up.
//!
//! Every quantity is a newtype with [`FromStr`], a [`Display`] that round-trips, serde by string and a JSON
//! Schema. Numbers are decimal, with underscores where they help (`1_000_000`). Decimals are read by integer
//! arithmetic or rounded once, so that no result depends on a platform's floats.

use std::{fmt::Display, str::FromStr};

mod byte_rate;
mod bytes;
mod capacity;
mod count;
mod duration;
mod money;
mod number;
mod percent;
mod rate;
mod ratio;
mod time_of_day;
mod timestamp;

pub use byte_rate::ByteRate;
pub use bytes::Bytes;
pub use capacity::{ReadUnits, WriteUnits};
pub use count::{counted, grouped, noun_of};
pub use duration::Duration;
pub use money::Money;
pub use percent::Percent;
pub use rate::Rate;
pub use ratio::Ratio;
pub use time_of_day::TimeOfDay;
pub use timestamp::{Civil, Timestamp, civil};

/// Why a text is not the quantity that was wanted: one sentence without a full stop, fit to follow a position.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("{0}")]
pub struct QuantityError(String);

impl QuantityError {
    fn new(message: impl Into<String>) -> Self {
        Self(message.into())
    }
}

/// What serde and the schema need to know about a quantity.
trait Quantity: FromStr<Err = QuantityError> + Display {
    /// Completes "expected ...", with an example.
    const EXPECTED: &'static str;
    /// What an editor may check; never stricter than the parser.
    const PATTERN: &'static str;
    const EXAMPLES: &'static [&'static str];
    /// Whether a bare whole number is accepted, because its unit is beyond doubt.
    const BARE: bool = false;

    fn from_bare(number: u64) -> Result<Self, QuantityError> {
        Err(bare_number::<Self>(number))
    }
}

fn bare_number<Q: Quantity>(number: impl Display) -> QuantityError {
    QuantityError::new(format!("expected {}; found the bare number {number}", Q::EXPECTED))
}

struct Visitor<Q>(std::marker::PhantomData<Q>);

impl<Q: Quantity> serde::de::Visitor<'_> for Visitor<Q> {
    type Value = Q;

    fn expecting(&self, formatter: &mut std::fmt::Formatter) -> std::fmt::Result {
        formatter.write_str(Q::EXPECTED)
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<Q, E> {
        text.parse().map_err(|error| {
            match text.trim_start().starts_with(|c: char| c.is_ascii_digit() || c == '-') {
                true => E::custom(error),
                // What is no quantity at all is best told what one looks like.
                false => E::custom(format_args!("expected {}; found `{text}`", Q::EXPECTED)),
            }
        })
    }

    fn visit_u64<E: serde::de::Error>(self, number: u64) -> Result<Q, E> {
        Q::from_bare(number).map_err(E::custom)
    }

    fn visit_i64<E: serde::de::Error>(self, number: i64) -> Result<Q, E> {
        match u64::try_from(number) {
            Ok(number) => self.visit_u64(number),
            Err(_) => Err(E::custom(bare_number::<Q>(number))),
        }
    }

    fn visit_f64<E: serde::de::Error>(self, number: f64) -> Result<Q, E> {
        Err(E::custom(bare_number::<Q>(number)))
    }
}

fn schema<Q: Quantity>() -> schemars::Schema {
    let mut schema = schemars::json_schema!({
        "description": format!("Expected: {}.", Q::EXPECTED),
        "type": "string",
        "pattern": Q::PATTERN,
        "examples": Q::EXAMPLES,
    });
    if Q::BARE {
        schema.insert("type".into(), serde_json::json!(["string", "integer"]));
        schema.insert("minimum".into(), serde_json::json!(0));
    }
    schema
}

/// Gives a [`Quantity`] its serde and schema.
macro_rules! impl_serde {
    ($name:ident) => {
        impl serde::Serialize for $name {
            fn serialize<S: serde::Serializer>(&self, serializer: S) -> Result<S::Ok, S::Error> {
                serializer.collect_str(self)
            }
        }

        impl<'de> serde::Deserialize<'de> for $name {
            fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
                // Any, because a bare number deserves a better answer than "invalid type".
                deserializer.deserialize_any($crate::units::Visitor(std::marker::PhantomData))
            }
        }

        impl schemars::JsonSchema for $name {
            fn schema_name() -> std::borrow::Cow<'static, str> {
                stringify!($name).into()
            }

            fn json_schema(_: &mut schemars::SchemaGenerator) -> schemars::Schema {
                $crate::units::schema::<Self>()
            }
        }
    };
}
use impl_serde;

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_bare_number_is_answered_with_the_unit_it_lacks() {
        let error = serde_json::from_str::<Duration>("5").unwrap_err().to_string();
        assert!(
            error.starts_with("expected a duration with a unit, such as `300s`; found the bare number 5"),
            "{error}"
        );
        assert!(serde_json::from_str::<Percent>("0.5").is_err());
        // AWS's own property is bare.
        assert_eq!(serde_json::from_str::<WriteUnits>("5000").unwrap(), WriteUnits::new(5000));
    }

    #[test]
    fn serde_uses_the_displayed_text() {
        assert_eq!(serde_json::to_string(&Bytes::new(5 << 20)).unwrap(), "\"5 MiB\"");
        assert_eq!(serde_json::from_str::<Bytes>("\"5 MiB\"").unwrap(), Bytes::new(5 << 20));
    }

    #[test]
    fn the_schema_names_a_pattern_and_examples_that_parse() {
        fn check<Q: Quantity>() {
            for example in Q::EXAMPLES {
                assert!(example.parse::<Q>().is_ok(), "{example}");
            }
            assert!(schema::<Q>().get("pattern").is_some());
        }
        check::<Duration>();
        check::<Bytes>();
        check::<Rate>();
        check::<WriteUnits>();
        check::<ReadUnits>();
        check::<Percent>();
        check::<Money>();
        check::<Timestamp>();
    }
}
