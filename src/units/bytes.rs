//! A size in bytes.

use std::{fmt, str::FromStr};

use super::{Quantity, QuantityError, impl_serde, number};

/// A size in whole bytes.
///
/// Written `700 B`, `64KiB`, `5 MiB` (powers of 1024) or `5 kB`, `5 MB` (powers of 1000). `Mb` is refused, for
/// it means megabits to some and megabytes to others.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Bytes(u64);

/// Units and their bytes, from large to small.
const UNITS: &[(&str, u64)] = &[
    ("TiB", 1 << 40),
    ("TB", 1_000_000_000_000),
    ("GiB", 1 << 30),
    ("GB", 1_000_000_000),
    ("MiB", 1 << 20),
    ("MB", 1_000_000),
    ("KiB", 1 << 10),
    ("kB", 1_000),
    ("KB", 1_000),
    ("B", 1),
];

impl Bytes {
    /// From a number of bytes.
    pub const fn new(bytes: u64) -> Self {
        Self(bytes)
    }

    /// The number of bytes.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for Bytes {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let (number, name) = number::split(text)?;
        let unit = UNITS.iter().find(|(unit, _)| *unit == name).map(|(_, bytes)| *bytes);
        let unit = unit.ok_or_else(|| {
            QuantityError::new(if name.is_empty() {
                format!("expected {}; found `{text}`", Self::EXPECTED)
            } else if name.ends_with('b') {
                format!("`{name}` in `{text}` could mean bits or bytes; use B, kB, MB, GB, KiB, MiB or GiB")
            } else {
                format!("`{name}` in `{text}` is not a unit of size; use B, kB, MB, GB, KiB, MiB or GiB")
            })
        })?;
        let bytes = number.times(unit);
        bytes.map(Self).ok_or_else(|| QuantityError::new(format!("`{text}` is more than 2^64 bytes")))
    }
}

impl fmt::Display for Bytes {
    /// In the largest unit that divides it exactly.
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        let Self(bytes) = *self;
        let divides = UNITS.iter().find(|(_, unit)| bytes >= *unit && bytes.is_multiple_of(*unit));
        let (name, unit) = divides.copied().unwrap_or(("B", 1));
        write!(formatter, "{} {name}", bytes / unit)
    }
}

impl Quantity for Bytes {
    const EXPECTED: &'static str = "a size with a unit, such as `5 MiB`";
    const PATTERN: &'static str = r"^\s*[0-9][0-9_.]*\s*([KMGT]iB|[kKMGT]B|B)\s*$";
    const EXAMPLES: &'static [&'static str] = &["700 B", "64KiB", "5 MiB", "5 MB"];
}
impl_serde!(Bytes);

#[cfg(test)]
mod tests {
    use proptest::prelude::*;

    use super::*;

    #[test]
    fn binary_and_decimal_units_differ() {
        let bytes = |text: &str| text.parse::<Bytes>().unwrap().get();
        assert_eq!(bytes("700 B"), 700);
        assert_eq!(bytes("5 MiB"), 5_242_880);
        assert_eq!(bytes("5MB"), 5_000_000);
        assert_eq!(bytes("1.5KiB"), 1_536);
        assert_eq!(bytes("10_240 B"), 10_240);
    }

    #[test]
    fn refuses_bits_bare_numbers_and_overflow() {
        let error = "5 Mb".parse::<Bytes>().unwrap_err().to_string();
        assert!(error.contains("could mean bits or bytes"), "{error}");
        for text in ["5", "5 M", "5 mib", "MiB", "17000000 TiB", "-1 B", "5 MiB 3 B"] {
            assert!(text.parse::<Bytes>().is_err(), "{text}");
        }
    }

    proptest! {
        #[test]
        fn what_is_printed_reads_back(count in any::<u64>(), shift in 0_u32..64, unit in 0_usize..10) {
            let bytes = Bytes::new((count >> shift).wrapping_mul(UNITS[unit].1));
            prop_assert_eq!(bytes.to_string().parse::<Bytes>(), Ok(bytes));
        }
    }
}
