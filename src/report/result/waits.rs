//! What a consumer's records wait for: the share of each resource in the time from the write to the end of processing (Q24).

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::latency::LatencyRow;
use crate::report::number::rounded;

/// Time that records spend at one resource.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WaitRow {
    /// The resource, in words.
    pub resource: String,
    /// Mean time, milliseconds.
    pub mean_ms: f64,
    /// Share of the mean latency.
    pub share: f64,
}

/// What the records of one reader wait for.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BottleneckRow {
    /// The reader, such as `consumers.search`.
    pub path: String,
    /// Where its records spend their time, the longest first; the shares add up to 1.
    pub waits: Vec<WaitRow>,
}

/// The rows of all readers.
pub fn rows(latency: &[LatencyRow]) -> Vec<BottleneckRow> {
    let readers =
        latency.iter().filter(|row| row.path.starts_with("consumers.") || row.path.starts_with("firehose."));
    let row = |leg: &LatencyRow| {
        let path = leg.path.rsplit_once('.').map_or(leg.path.as_str(), |(path, _)| path);
        BottleneckRow { path: path.to_owned(), waits: of(leg) }
    };
    readers.map(row).filter(|row| !row.waits.is_empty()).collect()
}

/// The resource behind a part of a latency; nothing for what is no part of this list.
fn resource(part: &str) -> Option<&'static str> {
    Some(match part {
        "propagation" | "replication" => "the change feed",
        "polling" => "reading the stream",
        "window" => "the batching window",
        "queueing" => "the consumer, busy with earlier records",
        "retry" => "retries",
        "concurrency" => "the account's concurrency",
        "cold_start" => "cold starts",
        "execution" => "the processing itself",
        "rollover" => "finding the next shard",
        "checkpoint" => "the checkpoint store",
        "buffering" => "the buffer",
        "upload" => "the upload",
        _ => return None,
    })
}

/// Parts that occupy a function's lane: a record that is queued waits for those of earlier batches.
const IN_LANE: [&str; 4] = ["retry", "concurrency", "cold_start", "execution"];

/// What the records of one leg wait for, the longest first; nothing where its parts are not known. The time that records are
/// queued behind earlier batches of a function goes to what kept those, in proportion.
fn of(leg: &LatencyRow) -> Vec<WaitRow> {
    let Some((parts, mean)) = leg.parts.get("mean_ms").zip(leg.mean_ms.filter(|mean| *mean > 0.0)) else {
        return Vec::new();
    };
    let known = |part: &str| parts.get(part).copied().flatten().unwrap_or(0.0);
    let lane: f64 = IN_LANE.iter().map(|part| known(part)).sum();
    let spreads = parts.contains_key("concurrency") && lane > 0.0;
    let queued = if spreads { known("queueing") } else { 0.0 };
    let row = |(part, value): (&String, &Option<f64>)| {
        let own = match part.as_str() {
            "queueing" if spreads => return None,
            part if IN_LANE.contains(&part) => (*value)? * (1.0 + queued / lane.max(f64::MIN_POSITIVE)),
            _ => (*value)?,
        };
        Some(WaitRow {
            resource: resource(part)?.to_owned(),
            mean_ms: rounded(own)?,
            share: rounded(own / mean)?,
        })
    };
    let mut rows: Vec<WaitRow> = parts.iter().filter_map(row).filter(|row| row.mean_ms > 0.0).collect();
    rows.sort_by(|a, b| b.share.total_cmp(&a.share));
    rows
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;

    /// 100 ms in the feed, 300 ms queued, 30 ms for concurrency, 70 ms of running: of what is queued, 30 % waits for batches
    /// that wait for concurrency.
    #[test]
    fn what_is_queued_waits_for_what_keeps_earlier_batches() {
        let mut leg = example::result(1).latency.swap_remove(0);
        let parts = [("propagation", 100.0), ("queueing", 300.0), ("concurrency", 30.0), ("execution", 70.0)];
        let parts = parts.map(|(part, ms)| (part.to_owned(), Some(ms))).into_iter().collect();
        leg.parts = [("mean_ms".to_owned(), parts)].into_iter().collect();
        leg.mean_ms = Some(500.0);
        let shares: Vec<(String, f64)> = of(&leg).into_iter().map(|row| (row.resource, row.share)).collect();
        let share = |resource: &str| shares.iter().find(|(it, _)| it == resource).map(|(_, share)| *share);
        assert_eq!(share("the processing itself"), Some(0.56));
        assert_eq!(share("the account's concurrency"), Some(0.24));
        assert_eq!(share("the change feed"), Some(0.2));
        assert_eq!(shares.len(), 3);
    }
}
