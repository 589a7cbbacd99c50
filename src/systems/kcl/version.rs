//! Versions of the library: their defaults differ.

use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::de::{Deserialize, Deserializer, Error, Visitor};
use std::borrow::Cow;
use std::fmt;
use std::str::FromStr;

use crate::engine::time::{MILLISECOND, Nanos, SECOND};

/// A version, such as 2.7.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Version {
    major: u8,
    minor: u8,
}

/// The last minor version of each major one.
const LAST_MINOR: [(u8, u8); 3] = [(1, 15), (2, 7), (3, 5)];

impl Version {
    /// 1, 2 or 3.
    pub fn major(self) -> u8 {
        self.major
    }

    /// Time between two reads of one shard: 1,000 ms up to 2.5, 1,500 ms from 2.6 on (KCL-1, KWK-9).
    pub fn idle(self) -> Nanos {
        if self < (Self { major: 2, minor: 6 }) { SECOND } else { 1_500 * MILLISECOND }
    }

    /// Whether it uses enhanced fan-out unless told otherwise: from 2 on (KCL-3, KWK-16).
    pub fn fans_out(self) -> bool {
        self.major >= 2
    }

    /// Batches that it fetches ahead: three from 2 on, none before (KWK-10).
    pub fn prefetch(self) -> u32 {
        if self.major >= 2 { 3 } else { 0 }
    }

    /// Whether a leader assigns all leases by the workers' load, rather than each worker taking its share: from 3 on
    /// (KCL-10).
    pub fn has_leader(self) -> bool {
        self.major >= 3
    }

    /// DynamoDB tables that it keeps: leases, and from 3.0 to 3.4 workers' metrics and the coordinator's state in tables of
    /// their own (KWK-8).
    pub fn tables(self) -> u32 {
        if self.major == 3 && self.minor < 5 { 3 } else { 1 }
    }
}

impl fmt::Display for Version {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "{}.{}", self.major, self.minor)
    }
}

impl FromStr for Version {
    type Err = String;

    fn from_str(text: &str) -> Result<Self, String> {
        let wrong =
            || format!("expected a version of the library, such as `1.14`, `2` or `3.5`; found `{text}`");
        let (major, minor) = text.split_once('.').map_or((text, None), |(major, minor)| (major, Some(minor)));
        let major: u8 = major.parse().map_err(|_| wrong())?;
        let (_, last) = LAST_MINOR.into_iter().find(|(known, _)| *known == major).ok_or_else(wrong)?;
        let minor = minor.map_or(Ok(last), |minor| minor.parse::<u8>().map_err(|_| wrong()))?;
        if minor > last {
            return Err(format!(
                "there is no version {major}.{minor} of the library; the last one is {major}.{last}"
            ));
        }
        Ok(Self { major, minor })
    }
}

struct VersionVisitor;

impl Visitor<'_> for VersionVisitor {
    type Value = Version;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("a version of the library, such as `1.14`, `2` or `3.5`")
    }

    fn visit_str<E: Error>(self, text: &str) -> Result<Version, E> {
        text.parse().map_err(Error::custom)
    }
}

impl<'de> Deserialize<'de> for Version {
    fn deserialize<D: Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        // As text: 1.10 is a later version than 1.9, and as a number it would be 1.1.
        deserializer.deserialize_str(VersionVisitor)
    }
}

impl JsonSchema for Version {
    fn schema_name() -> Cow<'static, str> {
        "Version".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({ "type": ["string", "number"], "examples": ["1.14", "2", "3.5"] })
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn version(text: &str) -> Version {
        text.parse().unwrap()
    }

    #[test]
    fn kcl_1_kwk_9_the_idle_time_grew_with_2_6() {
        let idle = |text| version(text).idle();
        assert_eq!(["1", "1.14", "2.0", "2.5"].map(idle), [SECOND; 4]);
        assert_eq!(["2.6", "2", "3.0", "3"].map(idle), [1_500 * MILLISECOND; 4]);
    }

    #[test]
    fn kwk_8_a_state_of_the_coordinator_and_metrics_had_tables_of_their_own_for_a_while() {
        assert_eq!(["1.14", "2.7", "3.0", "3.4", "3.5"].map(|text| version(text).tables()), [1, 1, 3, 3, 1]);
    }

    #[test]
    fn what_is_no_version_is_refused() {
        for text in ["", "4", "2.x", "two", "2.5.1", "1.16", "2.8", "2.50", "3.6", "3.99"] {
            assert!(text.parse::<Version>().is_err(), "{text}");
        }
        assert_eq!(["1.15", "2.7", "3.5"].map(|text| version(text).to_string()), ["1.15", "2.7", "3.5"]);
    }
}
