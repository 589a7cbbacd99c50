//! What does not get further by itself: when it began, why, and what retention took from each shard.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::time::Nanos;
use crate::measure::fate::{Meaning, meaning};
use crate::pipeline::finish::Outcome;
use crate::pipeline::tolls::PlaceTolls;
use crate::report::number::rounded;
use crate::systems::kinesis::losses::{Loss, Losses};

/// Shards that are listed; the rest is in the sums.
const SHARDS_MAX: usize = 32;

/// Records lost.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LossRow {
    /// Records lost in all replications.
    pub records: u64,
    /// When the first one ceased to be readable in any replication, simulated seconds.
    pub first_s: Option<f64>,
    /// Shards that lost some in replication 0.
    pub shards: u64,
    /// By shard in replication 0, in the order in which they began to lose; the first 32.
    pub by_shard: Vec<ShardLossRow>,
}

/// Records lost on one shard.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ShardLossRow {
    /// The shard.
    pub shard: u32,
    /// Records lost.
    pub records: u64,
    /// When the first of them ceased to be readable, simulated seconds.
    pub first_s: Option<f64>,
}

/// Records that met one fate at one place for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CauseRow {
    /// The reader, producer or feed: a path such as `consumers.search`, `workload.orders` or `tables.orders.kinesis`.
    pub path: String,
    /// The ledger's fate.
    pub fate: String,
    /// Why.
    pub cause: String,
    /// Whether nobody keeps them; otherwise they lie somewhere for somebody to look at.
    pub lost: bool,
    /// How many, in all replications.
    pub records: u64,
    /// When the first of them was in any replication, simulated seconds.
    pub first_s: Option<f64>,
    /// When the last one was.
    pub last_s: Option<f64>,
    /// How often they began in the replication in which that was most: once, and again after each minute without. The list of what happened has the
    /// first eight of replication 0.
    #[serde(default)]
    pub spells: u64,
    /// Of those that are kept only as pointers to where they came from (LAM-E5): until when the first of them can still be read there,
    /// simulated seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub readable_until_s: Option<f64>,
}

/// All of them, by place, fate and cause.
pub fn causes(outcomes: &[Outcome]) -> Vec<CauseRow> {
    let mut rows: Vec<CauseRow> = Vec::new();
    let seconds = |at: u64| rounded(at as f64 / 1e9);
    let earlier = |one: Option<f64>, other: Option<f64>| match (one, other) {
        (Some(one), Some(other)) => Some(one.min(other)),
        (one, other) => one.or(other),
    };
    for (place, toll) in outcomes.iter().flat_map(|outcome| &outcome.tolls).flat_map(PlaceTolls::each) {
        let (first_s, last_s) = (seconds(toll.first()), seconds(toll.last()));
        let readable_until_s = toll.readable_until.and_then(seconds);
        let same = |row: &&mut CauseRow| {
            (&*row.path, &*row.fate, &*row.cause) == (&*place.path, toll.fate, toll.cause)
        };
        match rows.iter_mut().find(same) {
            Some(row) => {
                row.records += toll.records;
                row.spells = row.spells.max(toll.began().len() as u64);
                row.first_s = earlier(row.first_s, first_s);
                row.last_s = Some(row.last_s.unwrap_or(0.0).max(last_s.unwrap_or(0.0)));
                row.readable_until_s = earlier(row.readable_until_s, readable_until_s);
            }
            None => rows.push(CauseRow {
                path: place.path.clone(),
                fate: toll.fate.to_owned(),
                cause: toll.cause.to_owned(),
                lost: meaning(toll.fate) == Some(Meaning::Lost),
                records: toll.records,
                first_s,
                last_s,
                spells: toll.began().len() as u64,
                readable_until_s,
            }),
        }
    }
    rows
}

/// A first record that does not get further by itself.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct First {
    /// When.
    pub at: Nanos,
    fate: &'static str,
    cause: &'static str,
}

impl First {
    /// What became of it and why.
    pub fn what(&self) -> String {
        format!("{}: {}", self.fate.replace('_', " "), self.cause)
    }
}

/// The first record within a span, both ends included, that does not get further by itself at this path; of a path where nothing is
/// lost, such as that of a table or a stream, the first one anywhere.
pub fn first_within(outcome: &Outcome, path: &str, from: Nanos, until: Nanos) -> Option<First> {
    let is_known = outcome.tolls.iter().any(|place| place.is(path));
    let places = outcome.tolls.iter().filter(|place| !is_known || place.is(path));
    let firsts = places.flat_map(|place| place.tolls.all()).filter_map(|toll| {
        let at = toll.first_within(from, until)?;
        Some(First { at, fate: toll.fate, cause: toll.cause })
    });
    firsts.min_by_key(|first| first.at)
}

impl LossRow {
    /// Of one reader in all replications; nothing where nothing was lost.
    pub fn of<'a>(losses: impl Iterator<Item = &'a Losses>) -> Option<Self> {
        let all: Vec<&Losses> = losses.collect();
        let records = all.iter().map(|losses| losses.records()).sum();
        let seconds = |at: u64| rounded(at as f64 / 1e9);
        let mut by_shard: Vec<Loss> = all.first()?.by_shard().collect();
        by_shard.sort_by_key(|loss| (loss.first, loss.shard));
        let row = |loss: &Loss| ShardLossRow {
            shard: loss.shard as u32,
            records: loss.records,
            first_s: seconds(loss.first),
        };
        (records > 0).then(|| Self {
            records,
            first_s: all.iter().filter_map(|losses| losses.first()).min().and_then(seconds),
            shards: by_shard.len() as u64,
            by_shard: by_shard.iter().take(SHARDS_MAX).map(row).collect(),
        })
    }
}
