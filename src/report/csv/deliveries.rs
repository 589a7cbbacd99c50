//! CloudWatch's metrics of delivery streams.

use super::timeseries::{Metric, MetricSeries, maximum, points_of, series, sum};
use crate::engine::time::SECOND;
use crate::pipeline::direct_put::{self, Front};
use crate::pipeline::finish::{DeliveryOutcome, Outcome};
use crate::pipeline::{deliver, transform};
use crate::systems::firehose::FirehosePlan;
use crate::systems::firehose::endpoint::EndpointKind;
use crate::systems::firehose::ingest::Quota;

/// FH-M1, FH-M2. The count of uploads that worked stands for the ratio `Success`.
const DELIVERY: [Metric; 5] = [
    sum("DeliveryToS3.Records", "Count", deliver::column::RECORDS),
    sum("DeliveryToS3.Bytes", "Bytes", deliver::column::BYTES),
    sum("DeliveryToS3.ObjectCount", "Count", deliver::column::OBJECTS),
    sum("DeliveryToS3.Success", "Count", deliver::column::OBJECTS),
    maximum("DeliveryToS3.DataFreshness", "Seconds", deliver::column::FRESHNESS, 1_000_000),
];

/// The names of [`DELIVERY`] for a destination.
macro_rules! of_destination {
    ($name:literal) => {
        [
            concat!("DeliveryTo", $name, ".Records"),
            concat!("DeliveryTo", $name, ".Bytes"),
            concat!("DeliveryTo", $name, ".RequestCount"),
            concat!("DeliveryTo", $name, ".Success"),
            concat!("DeliveryTo", $name, ".DataFreshness"),
        ]
    };
}

/// FH-M4, of delivery streams that read a Kinesis stream.
const READS: [Metric; 4] = [
    sum("DataReadFromKinesisStream.Records", "Count", deliver::column::READ_RECORDS),
    sum("DataReadFromKinesisStream.Bytes", "Bytes", deliver::column::READ_BYTES),
    sum("ThrottledGetRecords", "Count", deliver::column::REFUSED),
    maximum("KinesisMillisBehindLatest", "Milliseconds", deliver::column::BEHIND, 1_000),
];

/// FH-M3, of delivery streams that take Direct PUT.
const DIRECT_PUT: [Metric; 4] = [
    sum("IncomingRecords", "Count", direct_put::column::RECORDS),
    sum("IncomingBytes", "Bytes", direct_put::column::BYTES),
    sum("IncomingPutRequests", "Count", direct_put::column::REQUESTS),
    sum("ThrottledRecords", "Count", direct_put::column::THROTTLED),
];

/// FH-M5, of delivery streams whose records a function transforms. Counts of invocations stand for the ratio `Success`.
const TRANSFORM: [Metric; 5] = [
    maximum("ExecuteProcessing.Duration", "Milliseconds", transform::column::DURATION, 1_000),
    sum("ExecuteProcessing.SampleCount", "Count", transform::column::INVOCATIONS),
    sum("ExecuteProcessing.Success", "Count", transform::column::SUCCESSES),
    sum("SucceedProcessing.Records", "Count", transform::column::RECORDS),
    sum("SucceedProcessing.Bytes", "Bytes", transform::column::BYTES),
];

/// FH-M5, of delivery streams that convert.
const CONVERSION: [Metric; 4] = [
    sum("SucceedConversion.Records", "Count", deliver::column::CONVERTED),
    sum("SucceedConversion.Bytes", "Bytes", deliver::column::CONVERTED_BYTES),
    sum("FailedConversion.Records", "Count", deliver::column::UNCONVERTED),
    sum("FailedConversion.Bytes", "Bytes", deliver::column::UNCONVERTED_BYTES),
];

/// FH-M5, of delivery streams that partition.
const PARTITIONS: [Metric; 3] = [
    maximum("PartitionCount", "Count", deliver::column::PARTITIONS, 1),
    maximum("PartitionCountExceeded", "Count", deliver::column::EXCEEDED, 1),
    maximum("PerPartitionThroughput", "Bytes", deliver::column::PARTITION_BYTES, 1),
];

/// The metrics of one delivery stream.
pub(super) fn metrics(
    sheet: &mut Vec<MetricSeries>,
    plan: &FirehosePlan,
    (outcome, delivery): (&Outcome, &DeliveryOutcome),
) {
    let path = &plan.path;
    let names = names_of(plan);
    let named: Vec<Metric> =
        DELIVERY.into_iter().zip(names).map(|(metric, name)| Metric { name, ..metric }).collect();
    series(sheet, path, &delivery.series, &named);
    let front = outcome.streams.get(plan.stream).and_then(|stream| stream.front.as_ref());
    if let Some(front) = front.filter(|_| plan.backup_of.is_none()) {
        series(sheet, path, &front.series, &DIRECT_PUT);
        quotas(sheet, path, front);
    }
    if plan.polls().is_some() {
        series(sheet, path, &delivery.series, &READS);
    }
    if let Some(it) = &delivery.transform {
        series(sheet, path, &it.series, &TRANSFORM);
    }
    if plan.converts {
        series(sheet, path, &delivery.series, &CONVERSION);
    }
    if plan.partitioning.is_some() {
        series(sheet, path, &delivery.series, &PARTITIONS);
    }
}

/// CloudWatch's names of [`DELIVERY`], by the destination; a backup has its own.
fn names_of(plan: &FirehosePlan) -> [&'static str; 5] {
    match plan.endpoint.as_ref().map(|endpoint| endpoint.kind) {
        None if plan.backup_of.is_some() => [
            "BackupToS3.Records",
            "BackupToS3.Bytes",
            "BackupToS3.ObjectCount",
            "BackupToS3.Success",
            "BackupToS3.DataFreshness",
        ],
        None => DELIVERY.map(|metric| metric.name),
        Some(EndpointKind::Redshift) => of_destination!("Redshift"),
        Some(EndpointKind::OpenSearch) => of_destination!("AmazonOpenSearchService"),
        Some(EndpointKind::OpenSearchServerless) => of_destination!("AmazonOpenSearchServerless"),
        Some(EndpointKind::Splunk) => of_destination!("Splunk"),
        Some(EndpointKind::Http) => of_destination!("HttpEndpoint"),
        Some(EndpointKind::Iceberg) => of_destination!("Iceberg"),
        Some(EndpointKind::Snowflake) => of_destination!("Snowflake"),
    }
}

/// The quotas of Direct PUT at the end of each bin (FH-M3).
fn quotas(sheet: &mut Vec<MetricSeries>, path: &str, front: &Front) {
    let (width, bins) = (front.series.width(), front.series.bins().len() as u64);
    let quota = |bin: u64| {
        let end = (bin + 1) * width;
        let scale = front.ingest.scales.iter().rev().find(|(from, _)| *from < end).map_or(1, |scale| scale.1);
        front.ingest.quota_at(scale)
    };
    let mut limit = |name, unit, of: fn(&Quota) -> u64| {
        let points = (0..bins).map(|bin| (bin * width / SECOND, of(&quota(bin)))).collect();
        sheet.push(points_of(path, &maximum(name, unit, 0, 1), width / SECOND, points));
    };
    limit("RecordsPerSecondLimit", "Count", |quota| quota.records);
    limit("BytesPerSecondLimit", "Bytes", |quota| quota.bytes);
    limit("PutRequestsPerSecondLimit", "Count", |quota| quota.requests);
}
