//! The series of replication 0 under CloudWatch's names and in its units.

use super::Sheet;
use crate::engine::time::{MINUTE, Nanos, SECOND};
use crate::measure::series::Series;
use crate::pipeline::finish::{Outcome, StreamOutcome, TableOutcome};
use crate::pipeline::{feed, fleet, lambda, read, source, sqs, streams, write};
use crate::report::result::stream_capacity::open_at;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::dynamodb::capacity::CapacityPlan;
use crate::systems::dynamodb::table::TablePlan;
use crate::systems::dynamodb::throttle::ThrottleLimit;

/// A metric in a series: its CloudWatch name and unit, its column, and what CloudWatch's unit divides it by.
pub(super) struct Metric {
    pub(super) name: &'static str,
    pub(super) statistic: &'static str,
    pub(super) unit: &'static str,
    pub(super) column: usize,
    pub(super) divisor: u64,
    /// Of a maximum whose 0 is a value as any other: the column that is above 0 in every bin in which it was measured.
    pub(super) measured_with: Option<usize>,
}

pub(super) const fn sum(name: &'static str, unit: &'static str, column: usize) -> Metric {
    Metric { name, statistic: "Sum", unit, column, divisor: 1, measured_with: None }
}

pub(super) const fn maximum(name: &'static str, unit: &'static str, column: usize, divisor: u64) -> Metric {
    Metric { name, statistic: "Maximum", unit, column, divisor, measured_with: None }
}

/// What is left of something, so that 0 says that it is used up.
const fn level(name: &'static str, column: usize, measured_with: usize) -> Metric {
    let it = maximum(name, "Count", column, 1);
    Metric { measured_with: Some(measured_with), ..it }
}

/// DynamoDB's metrics of a table (DDB-X1, DDB-X2); the burst balance is not one of CloudWatch's.
const TABLE: [Metric; 3] = [
    sum("ConsumedWriteCapacityUnits", "Count", write::column::UNITS),
    sum("WriteThrottleEvents", "Count", write::column::THROTTLED),
    level("BurstBalance", write::column::BURST_BALANCE, write::column::CAPACITY),
];
/// Metrics of a table that are listed where they are not 0 throughout: what failed (DDB-X2), refusals by cause (DDB-X3),
/// removals by time to live (DDB-X4), and, not among CloudWatch's, open partitions.
const TABLE_RARE: [Metric; 10] = [
    sum("ThrottledRequests", "Count", write::column::THROTTLED_REQUESTS),
    sum("ConditionalCheckFailedRequests", "Count", write::column::CONDITION_FAILED),
    sum("TransactionConflict", "Count", write::column::CONFLICTS),
    sum("SystemErrors", "Count", write::column::SYSTEM_ERRORS),
    sum("TimeToLiveDeletedItemCount", "Count", write::column::EXPIRED_ITEMS),
    sum("WriteKeyRangeThroughputThrottleEvents", "Count", cause(ThrottleLimit::KeyRange)),
    sum("WriteProvisionedThroughputThrottleEvents", "Count", cause(ThrottleLimit::Provisioned)),
    sum("WriteAccountLimitThrottleEvents", "Count", cause(ThrottleLimit::AccountLimit)),
    sum("WriteMaxOnDemandThroughputThrottleEvents", "Count", cause(ThrottleLimit::MaxOnDemand)),
    maximum("Partitions", "Count", write::column::PARTITIONS, 1),
];
/// What a table takes: CloudWatch has it for provisioned tables.
const PROVISIONED: [Metric; 1] =
    [maximum("ProvisionedWriteCapacityUnits", "Count", write::column::CAPACITY, 1)];
/// What an on-demand table takes.
const ON_DEMAND: [Metric; 1] = [maximum("WriteCapacityUnitsAtOnce", "Count", write::column::CAPACITY, 1)];

const fn cause(limit: ThrottleLimit) -> usize {
    write::column::THROTTLED_BY_LIMIT + limit as usize
}
/// CloudWatch has a feed's metrics every five minutes (DDB-X7).
const FEED_PERIOD: Nanos = 5 * MINUTE;
/// DynamoDB's metrics of a feed (DDB-X6).
const FEED: [Metric; 4] = [
    maximum("AgeOfOldestUnreplicatedRecord", "Milliseconds", feed::column::AGE, 1_000),
    sum("ThrottledPutRecordCount", "Count", feed::column::THROTTLED),
    sum("ConsumedChangeDataCaptureUnits", "Count", feed::column::UNITS),
    sum("FailedToReplicateRecordCount", "Count", feed::column::FAILED),
];
/// DDB-X5; the open shards are not one of CloudWatch's.
const TABLE_STREAM: [Metric; 3] = [
    sum("ReturnedRecordsCount", "Count", streams::column::RETURNED_RECORDS),
    sum("ReturnedBytes", "Bytes", streams::column::RETURNED_BYTES),
    maximum("OpenShards", "Count", streams::column::SHARDS, 1),
];
/// KDS-M1, KDS-M2.
const STREAM: [Metric; 3] = [
    sum("IncomingRecords", "Count", source::column::RECORDS),
    sum("IncomingBytes", "Bytes", source::column::BYTES),
    sum("WriteProvisionedThroughputExceeded", "Count", source::column::REFUSED),
];
/// KDS-M2, KDS-M3; the processed records are not one of CloudWatch's.
const CONSUMER: [Metric; 5] = [
    sum("ProcessedRecords", "Count", read::column::RECORDS),
    sum("GetRecords.Records", "Count", read::column::READ_RECORDS),
    sum("GetRecords.Bytes", "Bytes", read::column::READ_BYTES),
    maximum("GetRecords.IteratorAgeMilliseconds", "Milliseconds", read::column::ITERATOR_AGE, 1_000),
    sum("ReadProvisionedThroughputExceeded", "Count", read::column::REFUSED),
];
/// Lambda's metrics; the processed records are not one of CloudWatch's. `IteratorAge` is by hand-off (LAM-M1).
const LAMBDA: [Metric; 8] = [
    sum("ProcessedRecords", "Count", lambda::column::RECORDS),
    sum("Invocations", "Count", lambda::column::INVOCATIONS),
    sum("Errors", "Count", lambda::column::ERRORS),
    sum("Throttles", "Count", lambda::column::THROTTLES),
    maximum("ConcurrentExecutions", "Count", lambda::column::CONCURRENCY, 1),
    maximum("IteratorAge", "Milliseconds", lambda::column::ITERATOR_AGE, 1_000),
    maximum(
        "IteratorAge at the end of processing",
        "Milliseconds",
        lambda::column::ITERATOR_AGE_AT_END,
        1_000,
    ),
    sum("ReadProvisionedThroughputExceeded", "Count", lambda::column::REFUSED),
];
/// KDS-M5, of functions that are registered consumers; the successful SubscribeToShard calls stand in the result.
const FAN_OUT: [Metric; 3] = [
    sum("SubscribeToShardEvent.Records", "Count", lambda::column::PUSHED_RECORDS),
    sum("SubscribeToShardEvent.Bytes", "Bytes", lambda::column::PUSHED_BYTES),
    maximum("SubscribeToShardEvent.MillisBehindLatest", "Milliseconds", lambda::column::PUSHED_BEHIND, 1_000),
];
/// SQS's metrics in its guide of 2023.
const QUEUE: [Metric; 6] = [
    sum("NumberOfMessagesSent", "Count", sqs::column::SENT),
    sum("NumberOfMessagesReceived", "Count", sqs::column::RECEIVED),
    sum("NumberOfMessagesDeleted", "Count", sqs::column::DELETED),
    maximum("ApproximateNumberOfMessagesVisible", "Count", sqs::column::VISIBLE, 1),
    maximum("ApproximateNumberOfMessagesNotVisible", "Count", sqs::column::NOT_VISIBLE, 1),
    maximum("ApproximateAgeOfOldestMessage", "Seconds", sqs::column::AGE, 1_000_000),
];
/// KDS-M2, KDS-M3 and the library's own `MillisBehindLatest`; the counts of processing are not CloudWatch's.
const FLEET: [Metric; 5] = [
    sum("ProcessedRecords", "Count", fleet::column::RECORDS),
    sum("ProcessedAgain", "Count", fleet::column::REPEATED),
    sum("GetRecords.Records", "Count", fleet::column::READ_RECORDS),
    maximum("MillisBehindLatest", "Milliseconds", fleet::column::ITERATOR_AGE, 1_000),
    sum("ReadProvisionedThroughputExceeded", "Count", fleet::column::REFUSED),
];

/// The data points of one metric under CloudWatch's name and in its unit. Maxima have none for a bin in which nothing was measured,
/// as CloudWatch has none then.
#[derive(Clone, Debug)]
pub struct MetricSeries {
    /// What it is of, such as `consumers.search`.
    pub resource: String,
    /// CloudWatch's name of it.
    pub name: &'static str,
    statistic: &'static str,
    unit: &'static str,
    period_s: u64,
    divisor: u64,
    /// By the second at which each bin begins.
    points: Vec<(u64, u64)>,
}

impl MetricSeries {
    /// The data points: when each bin begins, and its value.
    pub fn points(&self) -> impl Iterator<Item = (Nanos, f64)> {
        self.points.iter().map(|(second, value)| (second * SECOND, *value as f64 / self.divisor as f64))
    }
}

/// `timeseries.csv`: the metrics of replication 0, a row for each metric and bin.
pub fn timeseries(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut sheet = Sheet::new(&["second", "period_s", "resource", "metric", "statistic", "unit", "value"]);
    for metric in metrics(scenario, outcome) {
        for (second, value) in &metric.points {
            let value = match metric.divisor {
                1 => value.to_string(),
                divisor => (*value as f64 / divisor as f64).to_string(),
            };
            let head = [second.to_string(), metric.period_s.to_string(), metric.resource.clone()];
            let tail = [metric.name, metric.statistic, metric.unit].map(str::to_owned);
            sheet.row(head.into_iter().chain(tail).chain([value]));
        }
    }
    sheet.text()
}

/// All metrics of one replication.
pub fn metrics(scenario: &Scenario, outcome: &Outcome) -> Vec<MetricSeries> {
    let mut all = Vec::new();
    let sheet = &mut all;
    for (plan, table) in scenario.tables.iter().zip(&outcome.tables) {
        of_table(sheet, plan, table);
    }
    for (plan, stream) in scenario.streams.iter().zip(&outcome.streams) {
        let path = resource("kinesis", &plan.name);
        series(sheet, &path, &stream.series, &STREAM);
        if stream.capacity.is_some() {
            open_shards(sheet, &path, stream);
        }
    }
    for (plan, consumer) in scenario.consumers.iter().zip(&outcome.consumers) {
        series(sheet, &resource("consumers", &plan.name), &consumer.series, &CONSUMER);
    }
    for (plan, function) in scenario.lambdas.iter().zip(&outcome.lambdas) {
        series(sheet, &resource("consumers", &plan.name), &function.series, &LAMBDA);
        if function.fan_out.is_some() {
            series(sheet, &resource("consumers", &plan.name), &function.series, &FAN_OUT);
        }
    }
    for (plan, queue) in scenario.queues.iter().zip(&outcome.queues) {
        series(sheet, &resource("sqs", &plan.name), &queue.series, &QUEUE);
    }
    for (plan, fleet) in scenario.fleets.iter().zip(&outcome.fleets) {
        series(sheet, &resource("consumers", &plan.name), &fleet.series, &FLEET);
    }
    for (plan, delivery) in scenario.deliveries.iter().zip(&outcome.deliveries) {
        super::deliveries::metrics(sheet, plan, (outcome, delivery));
    }
    all
}

fn of_table(sheet: &mut Vec<MetricSeries>, plan: &TablePlan, table: &TableOutcome) {
    let path = resource("tables", &plan.name);
    series(sheet, &path, &table.series, &TABLE);
    let provisioned = matches!(plan.throughput.capacity, CapacityPlan::Provisioned(_));
    series(sheet, &path, &table.series, if provisioned { &PROVISIONED } else { &ON_DEMAND });
    for metric in TABLE_RARE {
        if table.series.bins().iter().any(|bin| bin[metric.column] > 0) {
            series(sheet, &path, &table.series, &[metric]);
        }
    }
    if let Some(feed) = &table.feed {
        coarse_series(sheet, &format!("{path}.kinesis"), &feed.series, &FEED, FEED_PERIOD);
    }
    if let Some(own) = &table.streams {
        series(sheet, &format!("{path}.streams"), &own.series, &TABLE_STREAM);
    }
}

/// Open shards at the end of each bin: `OpenShardCount` of CloudWatch.
fn open_shards(sheet: &mut Vec<MetricSeries>, path: &str, stream: &StreamOutcome) {
    let period = stream.series.width() / SECOND;
    let open = |bin| open_at(&stream.lineage, (bin + 1) * stream.series.width()) as u64;
    let bins = 0..stream.series.bins().len() as u64;
    let points = bins.map(|bin| (bin * period, open(bin))).collect();
    sheet.push(points_of(path, &maximum("OpenShardCount", "Count", 0, 1), period, points));
}

/// The data points of a metric as a series.
pub(super) fn points_of(path: &str, metric: &Metric, period_s: u64, points: Vec<(u64, u64)>) -> MetricSeries {
    let Metric { name, statistic, unit, divisor, .. } = *metric;
    MetricSeries { resource: path.to_owned(), name, statistic, unit, period_s, divisor, points }
}

pub(super) fn series<const COLUMNS: usize>(
    sheet: &mut Vec<MetricSeries>,
    path: &str,
    series: &Series<COLUMNS>,
    metrics: &[Metric],
) {
    coarse_series(sheet, path, series, metrics, series.width());
}

/// A series in bins of at least this width.
fn coarse_series<const COLUMNS: usize>(
    sheet: &mut Vec<MetricSeries>,
    path: &str,
    series: &Series<COLUMNS>,
    metrics: &[Metric],
    width: Nanos,
) {
    let together = (width / series.width()).max(1);
    let period = together * series.width() / SECOND;
    for metric in metrics {
        let chunks = series.bins().chunks(together as usize).enumerate();
        let points = chunks.filter_map(|(bin, bins)| {
            let values = bins.iter().map(|values| values[metric.column]);
            let value = if metric.statistic == "Sum" { values.sum() } else { values.max().unwrap_or(0) };
            let at_all = |with: usize| bins.iter().any(|values| values[with] > 0);
            let measured = value > 0 || metric.statistic == "Sum" || metric.measured_with.is_some_and(at_all);
            measured.then_some((bin as u64 * period, value))
        });
        sheet.push(points_of(path, metric, period, points.collect()));
    }
}
