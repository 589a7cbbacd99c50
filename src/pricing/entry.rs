//! One row of the price book: what one unit costs, where, since when, and how sure we are.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::date::Date;

/// Stands for every Region in a price of the user's own.
pub const EVERYWHERE: &str = "*";

/// How sure we are of a price.
#[derive(Debug, Clone, Copy, PartialEq, Eq, PartialOrd, Ord, Serialize, Deserialize, JsonSchema)]
pub enum Confidence {
    /// Printed in a source that names the Region.
    #[serde(rename = "V")]
    Verified,
    /// Verified, but from about 2018.
    #[serde(rename = "V*")]
    VerifiedOld,
    /// One indirect source that agrees with memory.
    #[serde(rename = "C")]
    Corroborated,
    /// From memory; no source seen.
    #[serde(rename = "M")]
    Memory,
    /// Computed from another Region's ratio; not AWS's price, and used only where the user allows it.
    #[serde(rename = "E")]
    Estimate,
    /// Stated by the user.
    #[serde(rename = "own")]
    Own,
}

impl Confidence {
    const ALL: [(Self, &'static str); 6] = [
        (Self::Verified, "V"),
        (Self::VerifiedOld, "V*"),
        (Self::Corroborated, "C"),
        (Self::Memory, "M"),
        (Self::Estimate, "E"),
        (Self::Own, "own"),
    ];

    /// The letter for it.
    pub fn letter(self) -> &'static str {
        Self::ALL.iter().find(|(known, _)| *known == self).map_or("", |(_, letter)| letter)
    }

    pub(super) fn of_letter(letter: &str) -> Option<Self> {
        Self::ALL.iter().find(|(_, known)| *known == letter).map(|(confidence, _)| *confidence)
    }
}

/// One cell of the book: what it says for one Region.
#[derive(Debug, Clone, Copy, PartialEq, Eq, Serialize, JsonSchema)]
pub struct Rate {
    /// USD for [`Entry::per`] single units, with every digit as printed.
    #[schemars(with = "String")]
    pub price: Decimal,
    /// How sure it is.
    pub confidence: Confidence,
}

/// One row of the book: one price, or one tier of one.
#[derive(Debug, Clone, PartialEq, Serialize, JsonSchema)]
pub struct Entry {
    /// Such as `kds.prov.shard_h`; tiers end in `.t1`, `.t2` ..., superseded prices in `.old`.
    pub id: String,
    /// The AWS service that bills it.
    pub service: String,
    /// What is bought, in human words.
    pub item: String,
    /// What one price buys, as AWS prints it: `1M PUT payload units`.
    pub unit: String,
    /// The single units that one price buys: 1,000,000 for the example above.
    pub per: u64,
    /// Where this tier starts, in single units a month.
    #[schemars(with = "String")]
    pub tier_from: Decimal,
    /// Where this tier ends; `None` if it never does.
    #[schemars(with = "Option<String>")]
    pub tier_to: Option<Decimal>,
    /// Single units free each month, if there are any.
    #[schemars(with = "Option<String>")]
    pub free: Option<Decimal>,
    /// The name under which several prices share one free quantity.
    pub free_pool: Option<String>,
    /// First day on which this price holds, where known.
    pub valid_from: Option<Date>,
    /// First day on which it holds no more.
    pub valid_to: Option<Date>,
    /// Keys of the sources it was read in.
    pub source: String,
    /// By Region; a Region that is not there has no known price.
    pub rates: BTreeMap<String, Rate>,
}

/// Why there is no price to use.
#[derive(Debug, Clone, PartialEq, Eq, Serialize, JsonSchema, thiserror::Error)]
#[serde(rename_all = "snake_case")]
pub enum Unpriced {
    /// The book has no price for the Region.
    #[error("the price in {region} is not known")]
    Missing {
        /// The Region.
        region: String,
    },
    /// The book has only an estimate.
    #[error("the price in {region} is not known; a ratio to other Regions gives about {price} USD")]
    Estimate {
        /// The Region.
        region: String,
        /// The estimate in USD, not for use.
        #[schemars(with = "String")]
        price: Decimal,
    },
    /// The book's price did not hold on that day.
    #[error("the price on {date} is not known; {}", held(*valid_from, *valid_to))]
    OutOfDate {
        /// The day asked for.
        date: Date,
        /// First day on which the price held, where known.
        valid_from: Option<Date>,
        /// First day on which it held no more.
        valid_to: Option<Date>,
    },
    /// The usage is above the last tier whose price is known.
    #[error("the price above {above} a month is not known")]
    BeyondLastTier {
        /// Where the last tier ends, in single units.
        #[schemars(with = "String")]
        above: Decimal,
    },
    /// The book has no column for the Region.
    #[error("{0}")]
    NoSuchRegion(String),
}

/// Where and when a price is asked for.
#[derive(Debug, Clone, Copy, PartialEq, Eq)]
pub struct Asked<'a> {
    /// Such as `us-east-1`.
    pub region: &'a str,
    /// The day whose prices hold.
    pub at: Date,
    /// Whether estimates may stand in for prices that are not known.
    pub estimates: bool,
}

/// When a price held, in words.
fn held(valid_from: Option<Date>, valid_to: Option<Date>) -> String {
    match (valid_from, valid_to) {
        (Some(from), Some(to)) => format!("this one held from {from} until {to}"),
        (None, Some(to)) => format!("this one held until {to}"),
        (Some(from), None) => format!("this one holds from {from} on"),
        (None, None) => "this one holds on other days".to_owned(),
    }
}

/// When the sources of the book were made: their key, the beginning of the ids that were read in them then, and the day. Of those that
/// are left out no day is known.
const SOURCES: [(&str, &str, Date); 24] = [
    ("S1", "ddb.", day(2024, 11, 15)),
    ("S1", "vpce.", day(2024, 10, 18)),
    ("S1", "dt.", day(2024, 9, 25)),
    ("S1", "fargate.", day(2025, 7, 7)),
    ("S1", "", day(2024, 7, 1)),
    ("S2", "", day(2026, 5, 1)),
    ("S4", "", day(2023, 9, 21)),
    ("S5", "", day(2025, 12, 1)),
    ("S6", "", day(2026, 9, 16)),
    ("S7", "", day(2026, 8, 27)),
    ("S8", "", day(2026, 9, 19)),
    ("S9", "", day(2023, 12, 31)),
    ("S9b", "", day(2023, 12, 31)),
    ("S10", "", day(2023, 6, 30)),
    ("S12", "", day(2023, 6, 30)),
    ("S13", "", day(2026, 9, 20)),
    ("S14", "", day(2020, 10, 15)),
    ("S15", "", day(2025, 11, 30)),
    ("S15b", "", day(2023, 6, 30)),
    ("S18", "", day(2025, 5, 31)),
    ("S19", "", day(2026, 7, 10)),
    ("S20", "", day(2026, 1, 1)),
    ("S21", "", day(2026, 9, 30)),
    // Two public price guides that name us-east-1, of March and of June 2026; read later than the other sources.
    ("S22", "", day(2026, 3, 13)),
];

const fn day(year: u16, month: u8, day: u8) -> Date {
    Date::new(year, month, day).expect("a day of the calendar")
}

impl Entry {
    /// The first day on which a source of the book shows this price, where some source is dated.
    pub fn seen_from(&self) -> Option<Date> {
        let dated = |key: &str| {
            let mut dated =
                SOURCES.iter().filter(|(source, ids, _)| *source == key && self.id.starts_with(ids));
            dated.next().map(|(_, _, day)| *day)
        };
        self.source.split(' ').filter_map(dated).min()
    }

    /// Whether the price holds on that day.
    pub fn holds_on(&self, at: Date) -> bool {
        self.valid_from.is_none_or(|from| from <= at) && self.valid_to.is_none_or(|to| at < to)
    }

    /// What it says for a Region.
    pub fn rate(&self, region: &str) -> Option<Rate> {
        self.rates.get(region).or_else(|| self.rates.get(EVERYWHERE)).copied()
    }

    pub(super) fn price(&self, asked: Asked<'_>) -> Result<Rate, Unpriced> {
        if !self.holds_on(asked.at) {
            let Self { valid_from, valid_to, .. } = *self;
            return Err(Unpriced::OutOfDate { date: asked.at, valid_from, valid_to });
        }
        let region = || asked.region.to_owned();
        match self.rate(asked.region) {
            Some(Rate { price, confidence: Confidence::Estimate }) if !asked.estimates => {
                Err(Unpriced::Estimate { region: region(), price })
            }
            Some(rate) => Ok(rate),
            None => Err(Unpriced::Missing { region: region() }),
        }
    }
}

/// What AWS bills and the book has no price for: id, service, item, unit, single units of one price.
const UNPRICED: [(&str, &str, &str, &str, u64); 3] = [
    ("cw.metric_mo", "CloudWatch", "Metrics of single shards", "metric-month", 1),
    ("kds.channel_s3_gb", "Kinesis Data Streams", "Delivery by a stream itself to S3", "GB", 1),
    ("kds.channel_s3tables_gb", "Kinesis Data Streams", "Delivery by a stream itself to S3 Tables", "GB", 1),
];

/// What AWS bills without a price that is known, by id.
pub(super) fn unpriced() -> BTreeMap<String, Entry> {
    let entry = |(id, service, item, unit, per): (&str, &str, &str, &str, u64)| Entry {
        id: id.to_owned(),
        service: service.to_owned(),
        item: item.to_owned(),
        unit: unit.to_owned(),
        per,
        tier_from: Decimal::ZERO,
        tier_to: None,
        free: None,
        free_pool: None,
        valid_from: None,
        valid_to: None,
        source: String::new(),
        rates: BTreeMap::new(),
    };
    UNPRICED.into_iter().map(|row| (row.0.to_owned(), entry(row))).collect()
}
