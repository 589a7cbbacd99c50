//! The end of a run: what was measured, and the ledger, for which everything that waits is counted where it lies.

use super::backlog::Backlog;
use super::deliver::Delivery;
use super::direct::Direct;
use super::event::Kind;
use super::lambda::{self, LambdaConsumer};
pub use super::outcome::{
    ConsumerOutcome, DeliveryOutcome, DirectOutcome, FeedOutcome, LambdaOutcome, Outcome, QueueOutcome,
    StreamOutcome, TableOutcome, TableStreamOutcome, TopItem, TransformOutcome,
};
use super::quantities::Quantities;
use super::read::Consumer;
use super::source::StreamSource;
use super::tables::busiest_items;
use super::write::{PendingWrite, TableSource, Writer};
use super::{Pause, Pipeline};
use crate::engine::random::Collision;
use crate::engine::time::{MICROSECOND, Nanos, SECOND};
use crate::measure::ledger::{Account, Ledger, Unbalanced};
use crate::scenario::checked::{End, Scenario, Study};
use crate::scenario::path::resource;
use crate::scenario::timeline::{Action, Occurrence};
use crate::systems::athena::{self, QueryMeter, Span, StoredObject, active_limit};
use crate::systems::dynamodb::items::Items;
use crate::systems::firehose::ErrorOutput;
use crate::systems::kinesis::reader::WhenTrimmed;
use crate::systems::polling::PollingPlan;
use crate::workload::client::Call;
use std::fmt;

/// How far a run has come.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Progress {
    /// The present moment.
    pub now: Nanos,
    /// Events so far.
    pub events: u64,
}

/// Why a run failed. Either is a fault in the simulator or a scenario beyond its means.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum RunError {
    /// Something was lost or made twice without a name.
    Ledger(Unbalanced),
    /// Two parts of the scenario would draw the same random numbers.
    Collision(Collision),
    /// Too many events; most of the last ones were of this kind.
    Guard(Kind),
}

impl fmt::Display for RunError {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self {
            Self::Ledger(unbalanced) => unbalanced.fmt(f),
            Self::Collision(collision) => collision.fmt(f),
            Self::Guard(kind) => {
                write!(
                    f,
                    "the run was stopped: simulated time no longer moves, at events of the kind `{}`.",
                    kind.name()
                )
            }
        }
    }
}

impl std::error::Error for RunError {}

impl<const FULL: bool> Pipeline<FULL> {
    /// Runs one replication from start to end, telling `progress` now and then how far it is; `progress` answers
    /// whether to go on.
    ///
    /// # Errors
    /// An unbalanced ledger, or a guard. `Ok(None)` when `progress` asked to stop.
    pub fn run(
        mut self,
        scenario: &Scenario,
        mut progress: impl FnMut(Progress) -> bool,
    ) -> Result<Option<Outcome>, RunError> {
        if let Some(collision) = self.collision.take() {
            return Err(RunError::Collision(collision));
        }
        let mut at_warm_up = None;
        let mut backlogs = Vec::new();
        let mut at = 0;
        while at < scenario.duration {
            let next = (at + (scenario.duration / 200).max(1)).min(scenario.duration);
            at = if at < scenario.warm_up { next.min(scenario.warm_up) } else { next };
            if let Pause::Guard(kind) = self.run_until(at) {
                return Err(RunError::Guard(kind));
            }
            self.streams.iter_mut().for_each(|source| source.stream.forget_expired(at));
            if at == scenario.warm_up {
                at_warm_up = Some(self.quantities(at));
            }
            backlogs.push(self.backlog(at));
            if !progress(self.progress(at)) {
                return Ok(None);
            }
        }
        let quantities = self.quantities(scenario.duration).since(&at_warm_up.unwrap_or_default());
        let complete = match scenario.end {
            End::Stop => Some(self.queue.len() <= self.looks),
            End::Drain => self.drain(scenario, &mut progress)?,
        };
        let Some(complete) = complete else { return Ok(None) };
        self.finish(scenario, quantities, backlogs, complete).map(Some).map_err(RunError::Ledger)
    }

    fn progress(&self, now: Nanos) -> Progress {
        Progress { now, events: self.counts.total() }
    }

    /// Follows the measured writes to their end; whether they all got there. In a steady study others are still
    /// being written, so the run stops when nothing measured is under way any more.
    fn drain(
        &mut self,
        scenario: &Scenario,
        progress: &mut impl FnMut(Progress) -> bool,
    ) -> Result<Option<bool>, RunError> {
        let step = (scenario.duration / 50).max(1);
        let mut until = scenario.duration;
        loop {
            until += step;
            match self.run_until(until) {
                Pause::Guard(kind) => return Err(RunError::Guard(kind)),
                Pause::Finished => return Ok(Some(true)),
                Pause::Reached => {}
            }
            self.streams.iter_mut().for_each(|source| source.stream.forget_expired(until));
            if !progress(self.progress(until)) {
                return Ok(None);
            }
            if scenario.study == Study::Steady {
                if !self.measured_are_under_way() {
                    return Ok(Some(true));
                }
                if until >= scenario.ends_by() {
                    return Ok(Some(false));
                }
            }
        }
    }

    /// Whether some measured write is still on its way, by walking the containers.
    pub(super) fn measured_are_under_way(&self) -> bool {
        let cohort = self.cohort;
        let measured = |written: u64| cohort.has(written);
        self.changes.iter().any(|change| measured(change.written / MICROSECOND))
            || self.publications.iter().any(|change| measured(change.written / MICROSECOND))
            || self.direct.iter().any(|direct| direct.any_waiting(|written| measured(written / MICROSECOND)))
            || self.pending.iter().any(|pending| measured(pending.intended() / MICROSECOND))
            || self
                .writers
                .iter()
                .filter_map(|writer| writer.long.as_ref())
                .any(|long| long.calls.items().any(|item| measured(item.intended() / MICROSECOND)))
            || self.consumers.iter().any(|consumer| {
                let stream = &self.streams[consumer.stream].stream;
                consumer.polling.any_in_hand(|record| measured(record.written))
                    || stream.any_waiting(consumer.reader, |record| measured(record.written))
            })
            || self.deliveries.iter().any(|delivery| {
                let stream = &self.streams[delivery.stream].stream;
                let transform = delivery.transforming.as_ref().map(|it| &it.transform);
                delivery.firehose.any_buffered(|held| measured(held.written))
                    || transform.is_some_and(|it| it.any(|record| measured(record.written)))
                    || stream.any_waiting(delivery.reader, |record| measured(record.written))
            })
            || self.lambdas.iter().any(|lambda| {
                let stream = &self.streams[lambda.stream].stream;
                lambda.mapping.any_in_hand(|record| measured(record.written))
                    || stream.any_waiting(lambda.reader, |record| measured(record.written))
            })
            || self.fleets.iter().any(|consumer| {
                let stream = &self.streams[consumer.stream].stream;
                consumer.fleet.any_in_hand(|record| measured(record.written))
                    || stream.any_waiting(consumer.reader, |record| measured(record.written))
            })
            || self.objects.any(|held| measured(held.written))
            || self.measured_in_queues(measured)
    }

    /// Ends the run: settles what was never an event, counts what waits, and checks the ledger.
    fn finish(
        mut self,
        scenario: &Scenario,
        quantities: Quantities,
        backlogs: Vec<Backlog>,
        complete: bool,
    ) -> Result<Outcome, Unbalanced> {
        let end = self.now.max(scenario.duration);
        for source in &mut self.streams {
            source.stream.finish(end);
            if FULL {
                source.turn_era(end, false);
                source.modes.push(source.snapshot(end));
                source.room.close_second();
            }
            for (load, kin) in source.loads.iter_mut().zip(source.stream.lineage().shards()) {
                load.finish(kin.closed.unwrap_or(end));
            }
        }
        for consumer in &mut self.lambdas {
            consumer.mapping.finish(end);
            if let lambda::Access::FanOut(fan_out) = &mut consumer.access {
                fan_out.finish(end);
            }
        }
        self.finish_fleets(end);
        self.tables.iter_mut().for_each(|source| source.table.settle(end));
        self.note_tables(scenario);
        let ledger = self.ledger(scenario, end);
        ledger.check()?;
        let top_items = self.top_items();
        let queries = self.queries(scenario);
        let streams = self.streams;
        let reads = |stream: usize, reader: usize| *StreamSource::meter(&streams[stream], reader);
        let losses = |stream: usize, reader: usize| streams[stream].stream.losses(end, reader);
        let direct = |direct: Direct| {
            let (top_keys, records_by_shard) = direct.top_keys(streams[direct.plan.stream].stream.lineage());
            let Direct { meter, latency, ordering, .. } = direct;
            DirectOutcome { meter, latency, ordering, top_keys, records_by_shard }
        };
        let consumer = |consumer: Consumer| ConsumerOutcome {
            meter: consumer.polling.meter,
            reads: reads(consumer.stream, consumer.reader),
            losses: losses(consumer.stream, consumer.reader),
            stuck_shards: streams[consumer.stream].stream.stuck_shards(consumer.reader),
            backfill: consumer.backfill,
            ordering: consumer.seen.map(|seen| seen.ordering),
            latency: consumer.latency,
            series: consumer.series,
        };
        let delivery = |delivery: Delivery| DeliveryOutcome {
            meter: delivery.firehose.meter,
            transform: delivery
                .transforming
                .map(|it| TransformOutcome { meter: it.transform.meter, series: it.series }),
            active_partitions_max: delivery.firehose.partitioning().map(|it| it.active_peak),
            reads: reads(delivery.stream, delivery.reader),
            losses: losses(delivery.stream, delivery.reader),
            s3: delivery.bucket.meter,
            latency: delivery.latency,
            sizes: delivery.sizes,
            rows: delivery.rows,
            series: delivery.series,
        };
        let lambda = |consumer: LambdaConsumer| LambdaOutcome {
            reads: reads(consumer.stream, consumer.reader),
            losses: {
                let mut all = losses(consumer.stream, consumer.reader);
                all.add(&consumer.mapping.losses);
                all
            },
            fan_out: consumer.fan_out().map(|fan_out| fan_out.meter),
            creation: consumer.creation,
            processed: consumer.following.map(|following| following.finish()),
            sink: consumer.mapping.function.sink.as_ref().map(|sink| sink.meter),
            meter: consumer.mapping.meter,
            latency: consumer.latency,
            series: consumer.series,
        };
        Ok(Outcome {
            end,
            fingerprint: self.fingerprint,
            events: self.counts,
            complete,
            ledger,
            timeline: self.timeline,
            quantities,
            backlogs,
            long_ways: self
                .writers
                .iter()
                .map(|writer| writer.long.as_ref().map(|long| long.meter()))
                .collect(),
            producers: self.writers.into_iter().map(|writer| (writer.meter, writer.latency)).collect(),
            direct: self.direct.into_iter().map(direct).collect(),
            consumers: self.consumers.into_iter().map(consumer).collect(),
            deliveries: self.deliveries.into_iter().map(delivery).collect(),
            queries,
            lambdas: self.lambdas.into_iter().map(lambda).collect(),
            queues: self.queues.into_iter().map(QueueOutcome::from).collect(),
            fleets: self
                .fleets
                .into_iter()
                .map(|consumer| {
                    let reads = reads(consumer.stream, consumer.reader);
                    let losses = losses(consumer.stream, consumer.reader);
                    consumer.outcome(reads, losses)
                })
                .collect(),
            tables: self
                .tables
                .into_iter()
                .zip(top_items)
                .map(|(table, (top, by_shard))| table_outcome(table, top, by_shard))
                .collect(),
            streams: streams
                .into_iter()
                .map(|source| StreamOutcome {
                    loads: source.loads,
                    lineage: source.stream.lineage().clone(),
                    capacity: source.capacity.as_ref().map(|capacity| capacity.meter()),
                    modes: source.modes,
                    room: source.room,
                    eras: source.eras,
                    series: source.series,
                    front: source.front.map(|front| *front),
                })
                .collect(),
        })
    }

    /// The queries that started in the measured span, over the objects that were there at their moments.
    fn queries(&self, scenario: &Scenario) -> Vec<QueryMeter> {
        let objects: Vec<&[StoredObject]> =
            self.deliveries.iter().map(|delivery| delivery.scanned.as_deref().unwrap_or_default()).collect();
        let into_hour = scenario.start.rem_euclid(3_600) as u64 * SECOND;
        let span = Span { from: scenario.warm_up, until: scenario.duration, into_hour };
        athena::run(&scenario.queries, &objects, &self.query_draws, span, active_limit(&scenario.region))
    }

    /// For each table, the items with the most changes on each shard, and all changes of each shard.
    fn top_items(&self) -> Vec<(Vec<TopItem>, Vec<u64>)> {
        let of = |table: &TableSource| {
            if FULL && table.feed.is_some() { top_items(table.items()) } else { Default::default() }
        };
        self.tables.iter().map(of).collect()
    }

    fn ledger(&self, scenario: &Scenario, end: Nanos) -> Ledger {
        let mut accounts = Vec::new();
        for (number, writer) in self.writers.iter().enumerate() {
            accounts.push(self.writer_account(&scenario.producers[number].name, number, writer));
        }
        accounts.extend(self.direct.iter().map(direct_account));
        for (number, table) in self.tables.iter().enumerate() {
            accounts.extend(self.feed_account(&scenario.tables[number].name, number, table));
            accounts.extend(self.streams_account(&scenario.tables[number].name, number, table));
        }
        for (plan, consumer) in scenario.consumers.iter().zip(&self.consumers) {
            accounts.push(self.consumer_account(plan, end, consumer));
        }
        for (number, plan) in scenario.deliveries.iter().enumerate() {
            accounts.push(self.delivery_account(scenario, &plan.path, end, number));
        }
        for (plan, consumer) in scenario.lambdas.iter().zip(&self.lambdas) {
            accounts.push(self.lambda_account(&plan.name, end, consumer));
        }
        accounts.extend((0..self.queues.len()).map(|number| self.queue_account(number)));
        for (plan, consumer) in scenario.fleets.iter().zip(&self.fleets) {
            accounts.push(self.fleet_account(&plan.name, end, consumer));
        }
        Ledger { accounts }
    }

    fn writer_account(&self, name: &str, number: usize, writer: &Writer) -> Account {
        let single = |pending: &&PendingWrite| pending.writer() as usize == number && !pending.is_call();
        let waiting = self.pending.iter().filter(single).count();
        let not_due = self.pending.iter().filter(single).filter(|pending| pending.is_not_due()).count();
        let in_calls = writer.long.as_ref().map_or(0, |long| long.calls.items().count());
        let meter = &writer.meter;
        debug_assert_eq!(meter.retrying(), (waiting - not_due + in_calls) as u64, "of writer {name}");
        let mut fates = vec![
            ("accepted", meter.accepted),
            ("given_up", meter.given_up),
            ("too_large", meter.too_large),
            ("waiting_for_retry", (waiting - not_due + in_calls) as u64),
        ];
        if writer.long.is_some() {
            fates.extend([
                ("condition_failed", meter.condition_failed),
                ("cancelled", meter.cancelled),
                ("applied_unheard", meter.applied_unheard),
                ("not_due", not_due as u64),
            ]);
        }
        if writer.plan().is_some_and(|plan| plan.call != Call::Single) {
            fates.push(("call_refused", meter.call_refused));
        }
        Account { path: resource("workload", name), entered: vec![("offered", meter.offered)], fates }
    }

    fn feed_account(&self, name: &str, number: usize, table: &TableSource) -> Option<Account> {
        let feed = table.feed.as_ref()?;
        let waiting = self.changes.iter().filter(|change| change.table as usize == number).count();
        let mut fates = vec![
            ("replicated", feed.meter.replicated),
            ("too_large", feed.meter.too_large),
            ("waiting", waiting as u64),
        ];
        if feed.destination().is_some() {
            fates.extend([("not_captured", feed.meter.not_captured), ("dropped", feed.meter.dropped)]);
        }
        Some(Account {
            path: format!("{}.kinesis", resource("tables", name)),
            entered: vec![("changes", table.table.meter.changes()), ("copies", feed.meter.copies)],
            fates,
        })
    }

    fn streams_account(&self, name: &str, number: usize, table: &TableSource) -> Option<Account> {
        let own = table.streams.as_ref()?;
        let waiting = self.publications.iter().filter(|change| usize::from(change.table) == number).count();
        Some(Account {
            path: format!("{}.streams", resource("tables", name)),
            entered: vec![("changes", table.table.meter.changes())],
            fates: vec![("published", own.meter.published), ("waiting", waiting as u64)],
        })
    }

    fn consumer_account(&self, plan: &PollingPlan, end: Nanos, consumer: &Consumer) -> Account {
        let source = &self.streams[consumer.stream];
        let removed = source.stream.is_removed(consumer.reader);
        let (waiting, expired) = if removed { (0, 0) } else { source.stream.waiting(end, consumer.reader) };
        let meter = source.meter(consumer.reader);
        let mut account = Account {
            path: resource("consumers", &plan.name),
            entered: vec![("records", source.stream.appended_total())],
            fates: vec![
                ("processed", consumer.polling.meter.processed),
                ("in_hand", consumer.polling.in_hand()),
                ("waiting", waiting),
                ("expired", expired + meter.expired),
            ],
        };
        if let Some(past) = source.stream.past() {
            account.entered.push(("history", past.records()));
        }
        // Fates that only some consumers can have.
        if source.stream.past().is_some() || plan.reader.starts > 0 {
            account.fates.push(("before_start", source.stream.before_start(consumer.reader)));
        }
        if removed {
            account.fates.push(("after_removal", source.stream.after_removal(end, consumer.reader)));
        }
        if plan.reader.when_trimmed == WhenTrimmed::Restart {
            account.fates.push(("skipped", meter.skipped));
        }
        account
    }

    fn delivery_account(&self, scenario: &Scenario, name: &str, end: Nanos, number: usize) -> Account {
        let delivery = &self.deliveries[number];
        let source = &self.streams[delivery.stream];
        let (waiting, expired) = source.stream.waiting(end, delivery.reader);
        let mut account = Account {
            path: name.to_owned(),
            entered: vec![("records", source.stream.appended_total())],
            fates: vec![
                ("delivered", delivery.firehose.meter.delivered),
                ("buffered", delivery.firehose.buffered()),
                ("uploading", self.objects.uploading(number)),
                ("waiting", waiting),
                ("expired", expired + source.meter(delivery.reader).expired),
            ],
        };
        // Fates that need a function, a format or another destination than S3.
        let plan = &scenario.deliveries[number];
        let failed = |error: ErrorOutput| delivery.firehose.meter.failed[error as usize];
        if let Some(it) = &delivery.transforming {
            let dropped = it.transform.meter.dropped;
            account.fates.extend([
                ("transforming", it.transform.in_hand()),
                ("dropped_by_transform", dropped),
                ("transform_failed", failed(ErrorOutput::TransformFailed)),
            ]);
        }
        if plan.conversion_failures > 0.0 {
            account.fates.push(("conversion_failed", failed(ErrorOutput::FormatConversionFailed)));
        }
        if plan.endpoint.is_some() {
            account.fates.push(("destination_failed", failed(ErrorOutput::DestinationFailed)));
        }
        // A fate that needs an outage.
        let outage = |it: &Occurrence| it.action == Action::DeliveryOutage(number);
        if scenario.timeline.iter().any(outage) {
            account.fates.push(("undeliverable", delivery.firehose.meter.undeliverable));
        }
        // Fates that only partitioned records can have: they lie under the error prefix.
        if delivery.firehose.partitioning().is_some() {
            account.fates.extend([
                ("active_partition_exceeded", failed(ErrorOutput::ActivePartitionExceeded)),
                ("processing_failed", failed(ErrorOutput::ProcessingFailed)),
            ]);
        }
        account
    }
}

fn direct_account(direct: &Direct) -> Account {
    let meter = &direct.meter;
    debug_assert_eq!(meter.waiting(), direct.waiting(), "of direct producer {}", direct.plan.name);
    Account {
        path: resource("workload", &direct.plan.name),
        entered: vec![("offered", meter.offered), ("copies", meter.copies)],
        fates: vec![
            ("accepted", meter.accepted + meter.copies),
            ("given_up", meter.given_up),
            ("expired", meter.expired),
            ("too_large", meter.too_large),
            ("waiting", direct.waiting()),
        ],
    }
}

fn table_outcome(source: TableSource, top_items: Vec<TopItem>, changes_by_shard: Vec<u64>) -> TableOutcome {
    let items = source.items().items.iter();
    let versions = items.zip(0..).map(|(item, number)| (number, item.version));
    let partitions = source.table.throughput().partitions();
    let top_of_partition =
        partitions.map(|partitions| busiest_items(&source.route, partitions, versions, TOP_ITEMS_A_SHARD));
    TableOutcome {
        meter: source.table.meter,
        top_of_partition: top_of_partition.unwrap_or_default(),
        table: source.table,
        series: source.series,
        feed: source.feed.map(|feed| FeedOutcome {
            meter: feed.meter,
            latency: feed.latency,
            ordering: feed.ordering,
            repairs: feed.repair.finish(),
            series: feed.series,
        }),
        streams: source.streams.map(|own| TableStreamOutcome {
            meter: own.meter,
            latency: own.latency,
            ordering: own.ordering,
            series: own.series,
        }),
        top_items,
        changes_by_shard,
    }
}

/// Items listed for a shard.
const TOP_ITEMS_A_SHARD: usize = 5;

fn top_items(items: &Items) -> (Vec<TopItem>, Vec<u64>) {
    let shards = items.shards.iter().map(|shard| usize::from(*shard) + 1).max().unwrap_or(0);
    let mut top: Vec<Vec<TopItem>> = vec![Vec::new(); shards];
    let mut changes = vec![0; shards];
    for (key, (item, shard)) in items.items.iter().zip(&items.shards).enumerate() {
        if item.version == 0 {
            continue;
        }
        let list = &mut top[usize::from(*shard)];
        changes[usize::from(*shard)] += u64::from(item.version);
        if list.len() == TOP_ITEMS_A_SHARD && list[TOP_ITEMS_A_SHARD - 1].changes >= item.version {
            continue;
        }
        let place = list.partition_point(|other| other.changes >= item.version);
        list.insert(place, TopItem { key: key as u32, shard: u32::from(*shard), changes: item.version });
        list.truncate(TOP_ITEMS_A_SHARD);
    }
    (top.concat(), changes)
}
