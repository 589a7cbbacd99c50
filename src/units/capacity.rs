//! DynamoDB capacity: read and write units.

use std::{fmt, str::FromStr};

use super::{Quantity, QuantityError, impl_serde, number};

macro_rules! capacity_units {
    ($name:ident, $what:literal, $provisioned:literal, $request:literal, $expected:literal, $pattern:literal,
     $examples:expr) => {
        #[doc = concat!("DynamoDB ", $what, " capacity in units per second; a whole number.")]
        ///
        #[doc = concat!("Written `5000 ", $provisioned, "` or `5000 ", $request, "/s`, or as a bare whole")]
        /// number, as in AWS's own property.
        #[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
        pub struct $name(u64);

        impl $name {
            /// From units per second.
            pub const fn new(per_second: u64) -> Self {
                Self(per_second)
            }

            /// Units per second.
            pub const fn get(self) -> u64 {
                self.0
            }
        }

        impl FromStr for $name {
            type Err = QuantityError;

            fn from_str(text: &str) -> Result<Self, QuantityError> {
                let (number, name) = number::split(text)?;
                if !matches!(name, "" | $provisioned | concat!($request, "/s")) {
                    return Err(QuantityError::new(format!("expected {}; found `{text}`", $expected)));
                }
                let units = number.to_u64();
                units
                    .map(Self)
                    .ok_or_else(|| QuantityError::new(format!("`{text}` is not a whole number of units")))
            }
        }

        impl fmt::Display for $name {
            fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
                write!(formatter, "{} {}", self.0, $provisioned)
            }
        }

        impl Quantity for $name {
            const EXPECTED: &'static str = $expected;
            const PATTERN: &'static str = $pattern;
            const EXAMPLES: &'static [&'static str] = $examples;
            const BARE: bool = true;

            fn from_bare(number: u64) -> Result<Self, QuantityError> {
                Ok(Self(number))
            }
        }
        impl_serde!($name);
    };
}

capacity_units!(
    WriteUnits,
    "write",
    "WCU",
    "WRU",
    "write units, such as `5000 WCU` or `12000 WRU/s`",
    r"^\s*[0-9][0-9_.]*\s*(WCU|WRU/s)?\s*$",
    &["5000 WCU", "12000 WRU/s"]
);
capacity_units!(
    ReadUnits,
    "read",
    "RCU",
    "RRU",
    "read units, such as `5000 RCU` or `12000 RRU/s`",
    r"^\s*[0-9][0-9_.]*\s*(RCU|RRU/s)?\s*$",
    &["5000 RCU", "12000 RRU/s"]
);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn reads_both_names_of_the_unit_and_no_other() {
        assert_eq!("12_000 WRU/s".parse(), Ok(WriteUnits::new(12_000)));
        assert_eq!("5000 WCU".parse(), Ok(WriteUnits::new(5_000)));
        assert_eq!("5000".parse(), Ok(WriteUnits::new(5_000)));
        for text in ["5 RCU", "5 WRU", "5.5 WCU", "5/s", "-5"] {
            assert!(text.parse::<WriteUnits>().is_err(), "{text}");
        }
        let units = ReadUnits::new(7);
        assert_eq!(units.to_string().parse(), Ok(units));
    }
}
