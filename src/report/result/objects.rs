//! Delivery streams and the objects they made, in replication 0; and the objects one by one.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use super::firehose::{self, DirectPutRow, ErrorRow, TransformRow};
use super::flow::ReadRow;
use super::ordering::Spread;
use super::prefixes::PrefixRows;
use crate::engine::histogram::Histogram;
use crate::pipeline::deliver::{ObjectRow, column};
use crate::pipeline::finish::{DeliveryOutcome, Outcome};
use crate::report::number::{rounded, share};
use crate::scenario::checked::Scenario;
use crate::systems::firehose::prefix::RANDOM_STRING_CHARS;
use crate::systems::firehose::{ErrorOutput, FirehoseMeter, FirehosePlan, FlushReason};
use crate::units::civil;

/// A delivery stream and its objects. All but `calls` is replication 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryRow {
    /// Its path, such as `firehose.lake`.
    pub path: String,
    /// What it reads, such as `kinesis.changes`.
    pub reads: String,
    /// Records delivered.
    pub delivered: u64,
    /// Objects complete, those under error prefixes left out.
    pub objects: u64,
    /// Objects a day, those under error prefixes left out: at the rate at which they were complete in the measured span.
    pub objects_per_day: Option<f64>,
    /// Bytes stored.
    pub bytes: u64,
    /// Mean size of an object, bytes.
    pub object_bytes_mean: Option<f64>,
    /// Sizes of objects, bytes.
    pub object_bytes: Spread,
    /// Share of objects below 1 MiB.
    pub share_below_1_mib: Option<f64>,
    /// Share of objects below 128 MiB.
    pub share_below_128_mib: Option<f64>,
    /// Of `objects`, those whose buffers were flushed because they held the hinted size.
    pub flushed_by_size: u64,
    /// Of `objects`, those whose buffers were flushed because their first record had waited for the interval.
    pub flushed_by_interval: u64,
    /// What takes its buffers, if it is not S3 alone: `objects` then are buffers that it took.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub destination: Option<String>,
    /// What it took in, under Direct PUT.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub direct_put: Option<DirectPutRow>,
    /// What its function did, if it transforms.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub transform: Option<TransformRow>,
    /// Its objects by prefix and hour, if S3 is its destination.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub prefixes: Option<PrefixRows>,
    /// Records under error prefixes, those of partitions left out.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub errors: Vec<ErrorRow>,
    /// PUT requests that S3 refused with 503 Slow Down (S3-2).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub slow_downs: u64,
    /// What went wrong with its uploads, if something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<DeliveryTroubleRow>,
    /// Its partitions, if it partitions.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub partitions: Option<PartitionsRow>,
    /// The greatest `DeliveryToS3.DataFreshness` by UTC hour of the day, seconds: hours with objects only.
    pub freshness_max_by_hour_s: IndexMap<String, Option<f64>>,
    /// From the intended write to the complete object, seconds, of the measured records, by the UTC hour in which the object was
    /// complete; absent where all were within one.
    #[serde(default, skip_serializing_if = "IndexMap::is_empty")]
    pub freshness_by_hour_s: IndexMap<String, Spread>,
    /// Its GetRecords calls in all replications.
    pub calls: ReadRow,
    /// What retention took before it came; left out where it took nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub losses: Option<super::losses::LossRow>,
    /// How it came through planned events that held it up; left out where there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stalls: Vec<super::stalls::StallRow>,
}

/// What went wrong with uploads in replication 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DeliveryTroubleRow {
    /// Attempts that found the destination down.
    pub failed_attempts: u64,
    /// Records given up after the destination was down for as long as the stream keeps them.
    pub undeliverable: u64,
    /// Records stored once more by uploads that were repeated although they had succeeded.
    pub repeated: u64,
    /// When the first and the last records were given up, or left to the error prefix, simulated seconds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub gave_up_s: Option<[Option<f64>; 2]>,
}

impl DeliveryTroubleRow {
    fn of(delivery: &DeliveryOutcome) -> Option<Self> {
        let FirehoseMeter { failed_attempts, undeliverable, repeated, gave_up_at, .. } = delivery.meter;
        let gave_up_s = gave_up_at.map(|moments| moments.map(|at| rounded(at as f64 / 1e9)));
        let any = failed_attempts + undeliverable + repeated > 0;
        any.then_some(Self { failed_attempts, undeliverable, repeated, gave_up_s })
    }
}

/// What dynamic partitioning did in replication 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PartitionsRow {
    /// The attribute.
    pub attribute: String,
    /// Its distinct values.
    pub values: u64,
    /// The most partitions active at a time.
    pub active_max: u64,
    /// How many may be.
    pub active_limit: u64,
    /// Records under the error prefix because too many partitions were active.
    pub exceeded: u64,
    /// Records under the error prefix because their attribute could not be read.
    pub unparsable: u64,
    /// Objects under the error prefix.
    pub error_objects: u64,
}

impl PartitionsRow {
    fn of(plan: &FirehosePlan, delivery: &DeliveryOutcome) -> Option<Self> {
        let partitioning = plan.partitioning.as_ref()?;
        let failed = |error: ErrorOutput| delivery.meter.failed[error as usize];
        Some(Self {
            attribute: partitioning.attribute.clone(),
            values: partitioning.values() as u64,
            active_max: u64::from(delivery.active_partitions_max.unwrap_or(0)),
            active_limit: u64::from(partitioning.active_max),
            exceeded: failed(ErrorOutput::ActivePartitionExceeded),
            unparsable: failed(ErrorOutput::ProcessingFailed),
            error_objects: delivery.s3.error_objects,
        })
    }
}

/// The rows of all delivery streams.
pub fn rows(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<DeliveryRow> {
    let Some(first) = outcomes.first() else { return Vec::new() };
    let row = |(number, plan): (usize, &FirehosePlan)| {
        let delivery = &first.deliveries[number];
        let [_, _, in_span] = first.quantities.s3[number];
        let span_s = first.quantities.at as f64 / 1e9;
        let [by_size, by_interval] = delivery.meter.stored_by;
        DeliveryRow {
            path: plan.path.clone(),
            reads: firehose::reads(scenario, plan),
            delivered: delivery.meter.delivered,
            objects: delivery.s3.objects,
            objects_per_day: rounded(in_span as f64 / span_s * 86_400.0),
            bytes: delivery.s3.bytes,
            object_bytes_mean: share(delivery.s3.bytes, delivery.s3.objects).and_then(rounded),
            object_bytes: Spread::of(&delivery.sizes, 1.0),
            share_below_1_mib: share_below(&delivery.sizes, 1 << 20),
            share_below_128_mib: share_below(&delivery.sizes, 128 << 20),
            flushed_by_size: by_size,
            flushed_by_interval: by_interval,
            destination: firehose::destination(plan),
            direct_put: DirectPutRow::of(plan, first),
            transform: delivery.transform.as_ref().map(TransformRow::of),
            prefixes: PrefixRows::of(scenario, plan, delivery),
            errors: firehose::errors(plan, delivery),
            slow_downs: delivery.s3.slow_downs,
            trouble: DeliveryTroubleRow::of(delivery),
            partitions: PartitionsRow::of(plan, delivery),
            freshness_max_by_hour_s: freshness_by_hour(scenario, delivery),
            freshness_by_hour_s: spread_by_hour(&delivery.by_hour),
            calls: ReadRow::sum(outcomes.iter().map(|outcome| &outcome.deliveries[number].reads)),
            losses: super::losses::LossRow::of(
                outcomes.iter().map(|outcome| &outcome.deliveries[number].losses),
            ),
            stalls: super::stalls::of_delivery(scenario, outcomes, number),
        }
    };
    scenario.deliveries.iter().enumerate().map(row).collect()
}

fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// Share of values below a bound, interpolated inside its bucket.
fn share_below(histogram: &Histogram, bound: u64) -> Option<f64> {
    let below = histogram.buckets().map(|(low, width, count)| {
        let inside = bound.saturating_sub(low).min(width) as f64 / width as f64;
        count as f64 * inside
    });
    let below: f64 = below.sum();
    (histogram.count() > 0).then(|| below / histogram.count() as f64).and_then(rounded)
}

fn spread_by_hour(hours: &[Histogram]) -> IndexMap<String, Spread> {
    let known = hours.iter().enumerate().filter(|(_, hour)| hour.count() > 0);
    known.map(|(number, hour)| (format!("{number:02}"), Spread::of(hour, 1e6))).collect()
}

fn freshness_by_hour(scenario: &Scenario, delivery: &DeliveryOutcome) -> IndexMap<String, Option<f64>> {
    let mut hours = [None::<u64>; 24];
    for (number, bin) in delivery.series.bins().iter().enumerate().filter(|(_, bin)| bin[column::OBJECTS] > 0)
    {
        let second = number as u64 * delivery.series.width() / 1_000_000_000;
        let hour = &mut hours[civil(scenario.start + second as i64).hour as usize];
        *hour = (*hour).max(Some(bin[column::FRESHNESS]));
    }
    let known = hours.iter().enumerate().filter_map(|(hour, micros)| micros.map(|micros| (hour, micros)));
    known.map(|(hour, micros)| (format!("{hour:02}"), rounded(micros as f64 / 1e6))).collect()
}

/// The name of an object (FH-O1, FH-O2, FH-O3): the prefix, the hour and the second at which the oldest record in it
/// arrived in the stream (UTC), the delivery stream's name and version, and a UUID.
///
/// AWS's UUID is random; this one stands for the seed, the delivery stream and the object's number, so that the same run
/// gives the same names.
pub fn name(scenario: &Scenario, plan: &FirehosePlan, number: usize, object: &ObjectRow) -> String {
    let at = civil(scenario.start + (object.oldest_arrival / 1_000_000) as i64);
    let day = match plan.prefix.has_timestamp() {
        true => String::new(),
        false => format!("{:04}/{:02}/{:02}/{:02}/", at.year, at.month, at.day, at.hour),
    };
    let second = format!(
        "{:04}-{:02}-{:02}-{:02}-{:02}-{:02}",
        at.year, at.month, at.day, at.hour, at.minute, at.second
    );
    let FirehosePlan { name, extension, .. } = plan;
    let uuid = uuid(scenario.seed, name, number);
    let since = scenario.start + (object.oldest_arrival / 1_000_000) as i64;
    let prefix = plan.prefix_of(object.buffer, since, &random_string(&uuid));
    format!("{prefix}{day}{name}-1-{second}-{uuid}{extension}")
}

/// What stands for an object's random string (FH-O4): its own, and the same in every run.
fn random_string(uuid: &str) -> String {
    let digest = Sha256::digest(uuid);
    let letter = |byte: &u8| char::from(b'a' + byte % 26);
    digest.iter().take(RANDOM_STRING_CHARS).map(letter).collect()
}

/// A UUID of version 8 (RFC 9562: made by the application's own rule).
fn uuid(seed: u64, name: &str, number: usize) -> String {
    let digest = Sha256::digest(format!("{seed}/{name}/{number}"));
    let mut bytes = [0; 16];
    bytes.copy_from_slice(&digest[..16]);
    bytes[6] = bytes[6] & 0x0f | 0x80;
    bytes[8] = bytes[8] & 0x3f | 0x80;
    let hex: String = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
    [&hex[..8], &hex[8..12], &hex[12..16], &hex[16..20], &hex[20..]].join("-")
}

/// The word for why a buffer was flushed.
pub fn reason(reason: FlushReason) -> &'static str {
    match reason {
        FlushReason::Size => "size",
        FlushReason::Interval => "interval",
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::experiment::example;

    #[test]
    fn objects_are_named_as_aws_does_by_the_arrival_of_their_oldest_record() {
        let scenario = example::scenario(1);
        let object = ObjectRow {
            buffer: 0,
            oldest_arrival: 3_599_999_999,
            opened: 0,
            flushed: 0,
            complete: 0,
            records: 1,
            bytes: 1,
            reason: FlushReason::Size,
        };
        // The example starts at 2026-01-05T00:00:00Z, and this record came in the last second of the first hour.
        let name = name(&scenario, &scenario.deliveries[0], 3, &object);
        let (front, back) = ("raw/2026/01/05/00/lake-1-2026-01-05-00-59-59-", ".gz");
        assert!(name.starts_with(front) && name.ends_with(back), "{name}");
        assert_eq!(name.len(), front.len() + 36 + back.len());
        assert_ne!(uuid(7, "lake", 3), uuid(7, "lake", 4));
    }

    #[test]
    fn shares_below_a_size_count_the_objects_below_it() {
        let mut sizes = Histogram::default();
        [100, 1 << 20, 2 << 20, 200 << 20].iter().for_each(|size| sizes.record(*size));
        assert_eq!(share_below(&sizes, 1 << 20), Some(0.25));
        assert_eq!(share_below(&sizes, 128 << 20), Some(0.75));
        assert_eq!(share_below(&Histogram::default(), 1), None);
    }
}
