//! How many bytes pass in a second.

use std::{fmt, str::FromStr};

use super::{Bytes, Quantity, QuantityError, impl_serde};

/// Whole bytes a second.
///
/// Written `100 MiB/s` or `4 MB/s`: a size and `/s`.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct ByteRate(u64);

impl ByteRate {
    /// From bytes a second.
    pub const fn new(per_second: u64) -> Self {
        Self(per_second)
    }

    /// Bytes a second.
    pub const fn get(self) -> u64 {
        self.0
    }
}

impl FromStr for ByteRate {
    type Err = QuantityError;

    fn from_str(text: &str) -> Result<Self, QuantityError> {
        let wrong = || QuantityError::new(format!("expected {}; found `{text}`", Self::EXPECTED));
        let size = text.trim_end().strip_suffix("/s").ok_or_else(wrong)?;
        size.parse::<Bytes>().map(|bytes| Self(bytes.get()))
    }
}

impl fmt::Display for ByteRate {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        write!(formatter, "{}/s", Bytes::new(self.0))
    }
}

impl Quantity for ByteRate {
    const EXPECTED: &'static str = "bytes a second, such as `100 MiB/s`";
    const PATTERN: &'static str = r"^\s*[0-9][0-9_.]*\s*([KMGT]iB|[kKMGT]B|B)\s*/s\s*$";
    const EXAMPLES: &'static [&'static str] = &["100 MiB/s", "4 MB/s"];
}
impl_serde!(ByteRate);

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn a_size_a_second_reads_back() {
        let rate: ByteRate = "100 MiB/s".parse().unwrap();
        assert_eq!((rate.get(), rate.to_string().as_str()), (104_857_600, "100 MiB/s"));
        assert_eq!("4 MB/s".parse::<ByteRate>().unwrap().get(), 4_000_000);
        for text in ["100 MiB", "100/s", "5 Mb/s", "MiB/s", ""] {
            assert!(text.parse::<ByteRate>().is_err(), "{text}");
        }
    }
}
