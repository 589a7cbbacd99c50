//! A run from its start to its end, and what was measured by then.

use super::backlog::Backlog;
use super::deliver::{self, Delivery};
use super::direct::Direct;
use super::event::Kind;
use super::fleet::quantities::FleetOutcome;
use super::fleet::{self, FleetConsumer};
use super::lambda::{self, LambdaConsumer};
pub use super::outcome::{
    ConsumerOutcome, DeliveryOutcome, DirectOutcome, FeedOutcome, LambdaOutcome, Outcome, QueueOutcome,
    StreamOutcome, TableOutcome, TableStreamOutcome, TopItem, TransformOutcome,
};
use super::quantities::Quantities;
use super::read::{self, Consumer};
use super::refused_reads::{RefusedReads, with_refusals};
use super::source::StreamSource;
use super::tables::busiest_items;
use super::write::{TableSource, Writer};
use super::{Pause, Pipeline};
use crate::engine::random::Collision;
use crate::engine::time::{MICROSECOND, Nanos, SECOND};
use crate::measure::ledger::Unbalanced;
use crate::measure::series::Series;
use crate::scenario::checked::{End, Scenario, Study};
use crate::systems::athena::{self, QueryMeter, Span, StoredObject, active_limit};
use crate::systems::dynamodb::items::Items;
use crate::systems::kinesis::get_records::ReadMeter;
use crate::systems::kinesis::losses::Losses;
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
        if FULL {
            self.streams.iter_mut().for_each(|source| source.end_span(scenario.duration));
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
        self.settle_up_to(end);
        self.note_tables(scenario);
        let ledger = self.ledger(scenario, end);
        ledger.check()?;
        let tolls = self.tolls(scenario, end);
        let lateness = self.lateness(scenario, end);
        let top_items = self.top_items();
        let queries = self.queries(scenario);
        let refused_reads = self.refused_reads();
        let ended = Ended { streams: &self.streams, at: end };
        let long_way = |writer: &Writer| writer.long.as_ref().map(|long| long.meter());
        Ok(Outcome {
            end,
            fingerprint: self.fingerprint(),
            events: self.counts,
            complete,
            ledger,
            timeline: self.timeline,
            quantities,
            tolls,
            lateness,
            backlogs,
            long_ways: self.writers.iter().map(long_way).collect(),
            producers: self.writers.into_iter().map(|writer| (writer.meter, writer.latency)).collect(),
            direct: self.direct.into_iter().map(|direct| ended.direct(direct)).collect(),
            consumers: self.consumers.into_iter().map(|consumer| ended.consumer(consumer)).collect(),
            deliveries: self.deliveries.into_iter().map(|delivery| ended.delivery(delivery)).collect(),
            queries,
            lambdas: self.lambdas.into_iter().map(|lambda| ended.lambda(lambda)).collect(),
            queues: self.queues.into_iter().map(QueueOutcome::from).collect(),
            fleets: self.fleets.into_iter().map(|fleet| ended.fleet(fleet)).collect(),
            tables: self
                .tables
                .into_iter()
                .zip(top_items)
                .map(|(table, (top, by_shard))| table_outcome(table, top, by_shard))
                .collect(),
            streams: self.streams.into_iter().zip(refused_reads).map(StreamOutcome::from).collect(),
        })
    }

    /// Accounts for all up to the end that was never an event.
    fn settle_up_to(&mut self, end: Nanos) {
        for source in &mut self.streams {
            source.stream.finish(end);
            if FULL {
                source.turn_era(end, false);
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
        self.count_asleep(end);
        self.tables.iter_mut().for_each(|source| source.table.settle(end));
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
}

/// The streams at the end of the run, on which the outcomes of their readers draw.
struct Ended<'a> {
    streams: &'a [StreamSource],
    at: Nanos,
}

impl Ended<'_> {
    fn reads(&self, stream: usize, reader: usize) -> ReadMeter {
        *self.streams[stream].meter(reader)
    }

    fn losses(&self, stream: usize, reader: usize) -> Losses {
        self.streams[stream].stream.losses(self.at, reader)
    }

    /// A reader's series with its refused calls in a column.
    fn series<const COLUMNS: usize>(
        &self,
        series: Series<COLUMNS>,
        (stream, reader): (usize, usize),
        column: usize,
    ) -> Series<COLUMNS> {
        with_refusals(series, &self.streams[stream], reader, column)
    }

    fn direct(&self, direct: Direct) -> DirectOutcome {
        let lineage = self.streams[direct.plan.stream].stream.lineage();
        let (top_keys, records_by_shard) = direct.top_keys(lineage);
        let Direct { meter, latency, ordering, .. } = direct;
        DirectOutcome { meter, latency, ordering, top_keys, records_by_shard }
    }

    fn consumer(&self, consumer: Consumer) -> ConsumerOutcome {
        ConsumerOutcome {
            meter: consumer.polling.meter,
            sink: consumer.polling.sink(),
            reads: self.reads(consumer.stream, consumer.reader),
            losses: self.losses(consumer.stream, consumer.reader),
            stuck_shards: self.streams[consumer.stream].stream.stuck_shards(consumer.reader),
            backfill: consumer.backfill,
            processed: consumer.following.map(|following| following.finish()),
            latency: consumer.latency,
            series: self.series(consumer.series, (consumer.stream, consumer.reader), read::column::REFUSED),
        }
    }

    fn delivery(&self, delivery: Delivery) -> DeliveryOutcome {
        DeliveryOutcome {
            meter: delivery.firehose.meter,
            transform: delivery
                .transforming
                .map(|it| TransformOutcome { meter: it.transform.meter, series: it.series }),
            active_partitions_max: delivery.firehose.partitioning().map(|it| it.active_peak),
            reads: self.reads(delivery.stream, delivery.reader),
            losses: self.losses(delivery.stream, delivery.reader),
            s3: delivery.bucket.meter,
            by_hour: delivery.hours.finish(delivery.latency.histogram()),
            latency: delivery.latency,
            sizes: delivery.sizes,
            prefixes: delivery.prefixes,
            rows: delivery.rows,
            series: self.series(
                delivery.series,
                (delivery.stream, delivery.reader),
                deliver::column::REFUSED,
            ),
        }
    }

    fn lambda(&self, consumer: LambdaConsumer) -> LambdaOutcome {
        LambdaOutcome {
            reads: self.reads(consumer.stream, consumer.reader),
            losses: {
                let mut all = self.losses(consumer.stream, consumer.reader);
                all.add(&consumer.mapping.losses);
                all
            },
            fan_out: consumer.fan_out().map(|fan_out| fan_out.meter),
            creation: consumer.creation,
            processed: consumer.following.map(|following| following.finish()),
            sink: consumer.mapping.function.sink.as_ref().map(|sink| sink.meter),
            meter: consumer.mapping.meter,
            latency: consumer.latency,
            series: self.series(consumer.series, (consumer.stream, consumer.reader), lambda::column::REFUSED),
        }
    }

    fn fleet(&self, mut consumer: FleetConsumer) -> FleetOutcome {
        let reader = (consumer.stream, consumer.reader);
        consumer.series = self.series(consumer.series, reader, fleet::column::REFUSED);
        let reads = self.reads(consumer.stream, consumer.reader);
        let losses = self.losses(consumer.stream, consumer.reader);
        consumer.outcome(reads, losses)
    }
}

impl From<(StreamSource, Vec<RefusedReads>)> for StreamOutcome {
    fn from((source, refused_reads): (StreamSource, Vec<RefusedReads>)) -> Self {
        Self {
            refused_reads,
            loads: source.loads,
            lineage: source.stream.into_lineage(),
            capacity: source.moved,
            modes: source.modes,
            room: source.room,
            eras: source.eras,
            series: source.series,
            front: source.front.map(|front| *front),
        }
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
