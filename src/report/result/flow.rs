//! Producers, tables with their feeds, and consumers: what each did. Counts are summed over all replications.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::direct::PutRow;
use super::processed;
use super::sink::SinkRow;
use super::streams::StreamsRow;
use super::throughput::ThroughputRow;
use super::writes::WritesRow;
use crate::pipeline::finish::{ConsumerOutcome, Outcome};
use crate::pipeline::read::{self, Backfill};
use crate::report::number::{Interval95, mean_share, rounded, share};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::dynamodb::capacity::CapacityPlan;
use crate::systems::kinesis::get_records::ReadMeter;
use crate::systems::polling::PollingPlan;

/// What a producer offered and what became of it at the table, or at the stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ProducerRow {
    /// Its path, such as `workload.checkout`.
    pub path: String,
    /// Where it writes, such as `tables.orders` or `kinesis.changes`.
    pub writes_to: String,
    /// Writes offered.
    pub offered: u64,
    /// Those whose intended time lies in the measured span.
    pub measured: u64,
    /// Measured writes offered a second, by intended time.
    pub measured_per_s: Option<f64>,
    /// Accepted by the table, or by the stream.
    pub accepted: u64,
    /// Given up after the last retry.
    pub given_up: u64,
    /// Refused for good as larger than an item, or a record of the stream, may be.
    pub too_large: u64,
    /// New items refused as those of their partition key hold 10 GB already, with a local secondary index (DDB-P4).
    #[serde(default, skip_serializing_if = "is_zero")]
    pub collection_full: u64,
    /// Requests sent, retries among them.
    pub requests: u64,
    /// Requests for each write offered.
    pub attempts_per_write: Option<f64>,
    /// Share of the measured writes that were not accepted at their first try: mean of the replications.
    pub throttled_share: Option<f64>,
    /// Its interval.
    pub throttled_share_interval95: Interval95,
    /// What its writes came to by kind, where they are more than plain inserts, changes and removals.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub writes: Option<WritesRow>,
    /// What its client did, if it puts records straight into a stream; its writes are then user records.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub puts: Option<PutRow>,
}

/// The rows of all producers.
pub fn producers(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<ProducerRow> {
    let measured_s = scenario.duration.saturating_sub(scenario.warm_up) as f64 / 1e9;
    let row = |number: usize| {
        let plan = &scenario.producers[number];
        let meters: Vec<_> = outcomes.iter().map(|outcome| outcome.producers[number].0).collect();
        let sum = |of: fn(&crate::pipeline::write::WriterMeter) -> u64| meters.iter().map(of).sum::<u64>();
        let measured = sum(|meter| meter.cohort);
        let refused = meters.iter().map(|meter| share(meter.cohort - meter.first_try_cohort, meter.cohort));
        let (throttled_share, throttled_share_interval95) = mean_share(&refused.collect::<Vec<_>>());
        let (accepted, requests) = (sum(|meter| meter.accepted), sum(|meter| meter.requests()));
        ProducerRow {
            path: resource("workload", &plan.name),
            writes_to: resource("tables", &scenario.tables[plan.table].name),
            offered: sum(|meter| meter.offered),
            measured,
            measured_per_s: rounded(measured as f64 / outcomes.len() as f64 / measured_s),
            accepted,
            given_up: sum(|meter| meter.given_up),
            too_large: sum(|meter| meter.too_large),
            collection_full: sum(|meter| meter.collection_full),
            requests,
            attempts_per_write: share(requests, sum(|meter| meter.offered)).and_then(rounded),
            throttled_share,
            throttled_share_interval95,
            writes: WritesRow::of(scenario, outcomes, number),
            puts: None,
        }
    };
    let direct = super::direct::producers(scenario, outcomes);
    (0..scenario.producers.len()).map(row).chain(direct).collect()
}

/// A table.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TableRow {
    /// Its path, such as `tables.orders`.
    pub path: String,
    /// Its capacity mode at the start.
    pub mode: ModeName,
    /// Write units a second that it takes at the start: provisioned, or at once in on-demand mode.
    pub write_units_per_s: u64,
    /// Write requests, each retry counted.
    pub requests: u64,
    /// Accepted.
    pub accepted: u64,
    /// Refused.
    pub throttled: u64,
    /// Write units consumed (`ConsumedWriteCapacityUnits`).
    pub write_units: u64,
    /// What it took, over time and by partition.
    pub throughput: ThroughputRow,
    /// Its feed into a stream, if it has one.
    pub kinesis: Option<FeedRow>,
    /// Its DynamoDB stream, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub streams: Option<StreamsRow>,
}

/// A capacity mode.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ModeName {
    /// So many units a second.
    Provisioned,
    /// By the traffic.
    OnDemand,
}

/// A table's feed into a stream.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FeedRow {
    /// Where it puts, such as `kinesis.changes`.
    pub stream: String,
    /// Puts tried.
    pub attempts: u64,
    /// Puts refused (`ThrottledPutRecordCount`).
    pub throttled: u64,
    /// Records accepted by the stream, copies included.
    pub replicated: u64,
    /// Puts for each accepted record.
    pub attempts_per_record: Option<f64>,
    /// Second copies sent.
    pub copies: u64,
    /// Records skipped as larger than the stream allows.
    pub too_large: u64,
    /// Change data capture units of all attempts.
    pub change_data_capture_units: u64,
    /// What happened to it apart from throttling, if something did.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub trouble: Option<TroubleRow>,
    /// Peak of `AgeOfOldestUnreplicatedRecord` in any replication, among records that were refused at least once; 0 when
    /// none was.
    pub age_of_oldest_max_ms: Option<f64>,
}

/// What happened to a feed apart from throttling.
#[derive(Clone, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TroubleRow {
    /// Changes made while it did not capture: switched off, or cut off after 168 hours.
    pub not_captured: u64,
    /// Records dropped on their way when it stopped sending.
    pub dropped: u64,
    /// Puts refused for want of permission.
    pub denied: u64,
    /// Puts refused because the stream's encryption key was throttled.
    pub key_throttled: u64,
}

/// The rows of all tables.
pub fn tables(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<TableRow> {
    let row = |number: usize| {
        let plan = &scenario.tables[number];
        let sum = |of: fn(&crate::systems::dynamodb::table::TableMeter) -> u64| {
            outcomes.iter().map(|outcome| of(&outcome.tables[number].meter)).sum::<u64>()
        };
        TableRow {
            path: resource("tables", &plan.name),
            mode: match plan.throughput.capacity {
                CapacityPlan::Provisioned(_) => ModeName::Provisioned,
                CapacityPlan::OnDemand(_) => ModeName::OnDemand,
            },
            write_units_per_s: plan.throughput.capacity.units_at_start(),
            throughput: ThroughputRow::of(scenario, outcomes, number),
            requests: sum(|meter| meter.accepted + meter.throttled),
            accepted: sum(|meter| meter.accepted),
            throttled: sum(|meter| meter.throttled),
            write_units: sum(|meter| meter.units),
            kinesis: plan.replication.as_ref().map(|replication| {
                let stream = resource("kinesis", &scenario.streams[replication.stream].name);
                feed(stream, number, outcomes)
            }),
            streams: plan.streams.as_ref().map(|streams| StreamsRow::of(streams, number, scenario, outcomes)),
        }
    };
    (0..scenario.tables.len()).map(row).collect()
}

fn feed(stream: String, number: usize, outcomes: &[Outcome]) -> FeedRow {
    let feeds = outcomes.iter().filter_map(|outcome| outcome.tables[number].feed.as_ref());
    let meters: Vec<_> = feeds.map(|feed| feed.meter).collect();
    let sum = |of: fn(&crate::systems::dynamodb::replication::ReplicationMeter) -> u64| {
        meters.iter().map(of).sum::<u64>()
    };
    let (attempts, replicated) = (sum(|meter| meter.attempts()), sum(|meter| meter.replicated));
    FeedRow {
        stream,
        attempts,
        throttled: sum(|meter| meter.throttled),
        replicated,
        attempts_per_record: share(attempts, replicated).and_then(rounded),
        copies: sum(|meter| meter.copies),
        too_large: sum(|meter| meter.too_large),
        change_data_capture_units: sum(|meter| meter.units),
        trouble: Some(TroubleRow {
            not_captured: sum(|meter| meter.not_captured),
            dropped: sum(|meter| meter.dropped),
            denied: sum(|meter| meter.denied),
            key_throttled: sum(|meter| meter.key_throttled),
        })
        .filter(|trouble| *trouble != TroubleRow::default()),
        age_of_oldest_max_ms: meters
            .iter()
            .map(|meter| meter.age_max_micros)
            .max()
            .and_then(|micros| rounded(micros as f64 / 1e3)),
    }
}

/// A consumer.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ConsumerRow {
    /// Its path, such as `consumers.search`.
    pub path: String,
    /// What it reads, such as `kinesis.changes`.
    pub reads: String,
    /// Workers; null where its kind has none.
    pub workers: Option<u32>,
    /// Records processed.
    pub processed: u64,
    /// Records processed a second of the measured span, mean of the replications.
    #[serde(default)]
    pub processed_per_s: Option<f64>,
    /// Batches processed.
    pub batches: u64,
    /// Records in a batch on average.
    pub records_per_batch: Option<f64>,
    /// Share of the workers' time in the measured span in which they processed; null where its kind has none.
    pub busy_share: Option<f64>,
    /// Peak of `GetRecords.IteratorAgeMilliseconds` in any replication.
    pub iterator_age_max_ms: Option<f64>,
    /// Its GetRecords calls; for a registered consumer, its pushes; null for a queue's function, which makes none.
    pub calls: Option<ReadRow>,
    /// What was there when it began; left out where it began with nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub backfill: Option<BackfillRow>,
    /// What retention took before it came; left out where it took nothing.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub losses: Option<super::losses::LossRow>,
    /// How it came through planned outages and slow-downs; left out where there were none.
    #[serde(default, skip_serializing_if = "Vec::is_empty")]
    pub stalls: Vec<super::stalls::StallRow>,
    /// Shards that it had given up at the end, because retention had passed its position.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub stuck_shards: u64,
    /// Records that it passed over when it began again after a gap.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub skipped: u64,
    /// What its sink saw, if it has one.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub sink: Option<super::sink::SinkRow>,
    /// What a Lambda function did; null for other kinds.
    pub lambda: Option<super::lambda::LambdaRow>,
    /// What workers of the Kinesis Client Library did; left out for other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub kcl: Option<super::fleet::KclRow>,
    /// What a Flink application did; left out for other kinds.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub flink: Option<super::fleet::FlinkRow>,
}

/// GetRecords calls.
#[derive(Clone, Copy, Debug, Default, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ReadRow {
    /// Calls that returned records.
    pub polls: u64,
    /// Calls that returned nothing.
    pub empty_polls: u64,
    /// Calls refused for exceeding five a second on a shard, or what a table's stream allows.
    pub refused_calls: u64,
    /// Calls refused for exceeding 2 MB/s on a shard, or what a table's stream allows.
    pub refused_bytes: u64,
    /// Records returned.
    pub records: u64,
    /// Bytes returned.
    pub bytes: u64,
    /// Records that retention removed before they were read.
    pub expired: u64,
    /// Calls with an iterator that was too old, and was replaced.
    #[serde(default, skip_serializing_if = "is_zero")]
    pub expired_iterators: u64,
}

impl ReadRow {
    /// The calls of one reader in all replications.
    pub fn sum<'a>(meters: impl Iterator<Item = &'a ReadMeter>) -> Self {
        let mut row = Self::default();
        for meter in meters {
            row.polls += meter.polls;
            row.empty_polls += meter.empty_polls;
            row.refused_calls += meter.refused_calls;
            row.refused_bytes += meter.refused_bytes;
            row.records += meter.records;
            row.bytes += meter.bytes;
            row.expired += meter.expired;
            row.expired_iterators += meter.expired_iterators;
        }
        row
    }
}

#[allow(clippy::trivially_copy_pass_by_ref, reason = "as serde asks")]
pub(super) fn is_zero(count: &u64) -> bool {
    *count == 0
}

/// What was there when a consumer began, in replication 0.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BackfillRow {
    /// When it began, simulated seconds.
    pub from_s: Option<f64>,
    /// Records there to read.
    pub records: u64,
    /// How long it took to read them and what arrived meanwhile, seconds; null where it did not come to an end.
    pub lasted_s: Option<f64>,
}

impl BackfillRow {
    fn of(plan: &PollingPlan, consumer: &ConsumerOutcome) -> Option<Self> {
        let Backfill { records, done, .. } = consumer.backfill;
        let lasted = done.map(|done| (done - plan.reader.starts) as f64 / 1e9);
        (records > 0).then(|| Self {
            from_s: rounded(plan.reader.starts as f64 / 1e9),
            records,
            lasted_s: lasted.and_then(rounded),
        })
    }
}

/// The rows of all consumers.
pub fn consumers(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<ConsumerRow> {
    let row = |number: usize| {
        let plan = &scenario.consumers[number];
        let consumers = || outcomes.iter().map(|outcome| &outcome.consumers[number]);
        let processed = consumers().map(|consumer| consumer.meter.processed).sum();
        let batches = consumers().map(|consumer| consumer.meter.batches).sum();
        let used = || outcomes.iter().map(|outcome| &outcome.quantities);
        let busy: u64 = used().map(|used| used.polling[number][0]).sum();
        let time: u64 = used().map(|used| used.at * u64::from(plan.workers)).sum();
        let age = consumers().flat_map(|consumer| consumer.series.bins());
        let age = age.map(|bin| bin[read::column::ITERATOR_AGE]).max();
        ConsumerRow {
            path: resource("consumers", &plan.name),
            reads: scenario.stream_path(plan.stream),
            workers: Some(plan.workers),
            processed,
            processed_per_s: processed::mean_per_second(outcomes, number, processed::POLLING),
            batches,
            records_per_batch: share(processed, batches).and_then(rounded),
            busy_share: share(busy, time).and_then(rounded),
            iterator_age_max_ms: age.and_then(|micros| rounded(micros as f64 / 1e3)),
            calls: Some(ReadRow::sum(consumers().map(|consumer| &consumer.reads))),
            backfill: BackfillRow::of(plan, &outcomes[0].consumers[number]),
            losses: super::losses::LossRow::of(consumers().map(|consumer| &consumer.losses)),
            stalls: super::stalls::of_consumer(scenario, outcomes, number),
            stuck_shards: consumers().map(|consumer| consumer.stuck_shards as u64).sum(),
            skipped: consumers().map(|consumer| consumer.reads.skipped).sum(),
            sink: SinkRow::sum(consumers().filter_map(|consumer| consumer.sink)),
            lambda: None,
            kcl: None,
            flink: None,
        }
    };
    if outcomes.is_empty() {
        return Vec::new();
    }
    let polling = (0..scenario.consumers.len()).map(row);
    let of_streams = polling.chain(super::lambda::rows(scenario, outcomes));
    let workers = super::fleet::rows(scenario, outcomes);
    of_streams.chain(super::sqs::consumers(scenario, outcomes)).chain(workers).collect()
}
