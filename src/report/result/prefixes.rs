//! Objects by prefix and hour, in replication 0.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::measure::prefixes::Objects;
use crate::pipeline::finish::DeliveryOutcome;
use crate::report::number::{rounded, share};
use crate::scenario::checked::Scenario;
use crate::systems::firehose::FirehosePlan;
use crate::units::civil;

/// What stands for a random string.
const RANDOM: &str = "!{firehose:random-string}";
/// Rows of a delivery stream in the result; `prefixes.csv` has all.
const ROWS_MAX: usize = 100;

/// The objects of one prefix whose oldest records arrived in one hour (FH-O3).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PrefixRow {
    /// What their names begin with, up to the hour where that follows. A random string stands as it is written: each object has its own.
    pub prefix: String,
    /// The hour (UTC), such as `2026-01-05T13`.
    pub hour: String,
    /// How many.
    pub objects: u64,
    /// Bytes in them, as stored.
    pub bytes: u64,
    /// Records in them.
    pub records: u64,
    /// Mean size, bytes.
    pub object_bytes_mean: Option<f64>,
}

/// Those with the most objects, up to 100, and how many further ones there are.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PrefixRows {
    /// Most objects first.
    pub most: Vec<PrefixRow>,
    /// Further pairs of a prefix and an hour.
    pub more: u64,
}

impl PrefixRow {
    fn of(prefix: String, hour: String, found: Objects) -> Self {
        let Objects { objects, bytes, records } = found;
        Self {
            prefix,
            hour,
            objects,
            bytes,
            records,
            object_bytes_mean: share(bytes, objects).and_then(rounded),
        }
    }
}

impl PrefixRows {
    /// The rows of a delivery stream to S3; nothing of another one, or without objects.
    pub fn of(scenario: &Scenario, plan: &FirehosePlan, delivery: &DeliveryOutcome) -> Option<Self> {
        let mut most = rows(scenario, plan, delivery);
        // Equal ones stay in the order of their names.
        most.sort_by_key(|row| std::cmp::Reverse(row.objects));
        let more = most.len().saturating_sub(ROWS_MAX) as u64;
        most.truncate(ROWS_MAX);
        (!most.is_empty()).then_some(Self { most, more })
    }
}

/// All rows of a delivery stream to S3, by prefix and hour; at last those that were counted together.
pub fn rows(scenario: &Scenario, plan: &FirehosePlan, delivery: &DeliveryOutcome) -> Vec<PrefixRow> {
    if plan.endpoint.is_some() {
        return Vec::new();
    }
    let row = |(partition, begins, found): (u32, i64, Objects)| {
        let since = scenario.start + begins.div_euclid(1_000_000);
        let at = civil(since);
        let hour = format!("{:04}-{:02}-{:02}T{:02}", at.year, at.month, at.day, at.hour);
        PrefixRow::of(plan.prefix_of(partition, since, RANDOM), hour, found)
    };
    let rest = delivery.prefixes.rest();
    let rest = (rest.objects > 0).then(|| PrefixRow::of("(others)".to_owned(), String::new(), rest));
    delivery.prefixes.iter().map(row).chain(rest).collect()
}
