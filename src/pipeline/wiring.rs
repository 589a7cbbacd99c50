//! From the checked scenario to a pipeline ready to run: who is connected to whom.

use super::deliver::{Delivery, Objects};
use super::event::Kind;
use super::feed::Feed;
use super::fleet::FleetConsumer;
use super::key_bytes::KeyBytes;
use super::lambda::{Access, Creation, LambdaConsumer};
use super::long_way::LongWay;
use super::processed::Followed;
use super::read::{Backfill, Consumer};
use super::source::{OnDemandMeter, StreamSource};
use super::sqs::QueuePlace;
use super::streams::{TableStream, partition_starts};
use super::transform::Transforming;
use super::write::{NextWrite, TableSource, Writer, WriterMeter};
use super::{Cohort, EventCounts, Pipeline};
use crate::engine::fingerprint::Fingerprint;
use crate::engine::histogram::Histogram;
use crate::engine::queue::EventQueue;
use crate::engine::random::Streams;
use crate::engine::slab::Slab;
use crate::engine::time::{END_OF_TIME, MICROSECOND, Nanos};
use crate::measure::by_hour::ByHour;
use crate::measure::latency::Latency;
use crate::measure::prefixes::Prefixes;
use crate::measure::series::Series;
use crate::measure::timeline::Timeline;
use crate::scenario::checked::{ItemSpace, Scenario, Study};
use crate::scenario::path::resource;
use crate::systems::dynamodb::contents::AtStart;
use crate::systems::dynamodb::destination::CUT_OFF_AGE;
use crate::systems::dynamodb::items::{Item, Items};
use crate::systems::dynamodb::replication::{Order, ReplicationPlan};
use crate::systems::dynamodb::streams::StreamsPlan;
use crate::systems::dynamodb::table::{Table, TablePlan};
use crate::systems::firehose::endpoint::Endpoint;
use crate::systems::firehose::transform::Transform;
use crate::systems::firehose::{Firehose, FirehosePlan};
use crate::systems::kinesis::capacity::Capacity;
use crate::systems::kinesis::fan_out::FanOut;
use crate::systems::kinesis::hash_range::HashRanges;
use crate::systems::kinesis::log::Attic;
use crate::systems::kinesis::past::Past;
use crate::systems::kinesis::plan::StreamPlan;
use crate::systems::kinesis::reader::ReaderPlan;
use crate::systems::kinesis::stream::Stream;
use crate::systems::lambda::concurrency::Account;
use crate::systems::lambda::mapping::{LambdaPlan, Mapping, Via};
use crate::systems::polling::Polling;
use crate::systems::s3::Bucket;
use crate::systems::tolls::Tolls;
use crate::workload::key_name::KeyBuffer;
use crate::workload::key_names::KeyNames;
use crate::workload::producer::{Producer, ProducerPlan};
use std::num::NonZeroU32;
use std::sync::Arc;

/// What all replications of a scenario share and is dear to make: the shard and the partition of every item, and the memory
/// that records lie in.
#[derive(Clone, Debug)]
pub struct Prepared {
    routes: Vec<Arc<Route>>,
    tables: Vec<Table>,
    attic: Attic,
}

/// How the items of one table find their shards.
#[derive(Clone, Debug)]
pub struct Route {
    names: KeyNames,
    replication: Option<ReplicationPlan>,
    /// The shard of each item that has a number from the start on.
    shards: Vec<u16>,
    /// Which of them exist then.
    at_start: AtStart,
}

impl Route {
    /// The hash key of an item, by which it finds its shard (KDS-H2); 0 where there is no feed.
    pub fn hash_key(&self, key: u32) -> u128 {
        let mut buffer = KeyBuffer::default();
        let hash =
            |plan: &ReplicationPlan| plan.hash_key(self.names.write(plan.stands_for(key), &mut buffer));
        self.replication.as_ref().map_or(0, hash)
    }

    /// How many items have come for good.
    pub fn gained(&self, items: &Items) -> u64 {
        let came = |(number, item): &(usize, &Item)| {
            item.version > 0 && (*number >= self.shards.len() || self.at_start.gains(*number))
        };
        // Where all exist only those beyond the start can come.
        let from = if self.at_start == AtStart::All { self.shards.len() } else { 0 };
        items.items.iter().enumerate().skip(from).filter(came).count() as u64
    }

    /// The name of an item.
    pub fn name(&self, key: u32) -> String {
        let mut buffer = KeyBuffer::default();
        String::from_utf8_lossy(self.names.write(key, &mut buffer)).into_owned()
    }
}

impl Prepared {
    /// Hashes every item's key once.
    pub fn new(scenario: &Scenario) -> Self {
        let route = |number: usize| {
            let table = &scenario.tables[number];
            let replication = table.replication.clone();
            let shards = replication.as_ref().map_or(1, |plan| scenario.streams[plan.stream].shards);
            let ranges = HashRanges::even(NonZeroU32::new(shards).unwrap_or(NonZeroU32::MIN));
            let names = scenario.key_names(number);
            let at_start = scenario.items[number].at_start.clone();
            let mut route = Route { names, replication, shards: Vec::new(), at_start };
            let shard = |key| ranges.index_of(route.hash_key(key)) as u16;
            route.shards = (0..scenario.items(number)).map(shard).collect();
            Arc::new(route)
        };
        let tables = scenario.tables.iter().enumerate();
        Self {
            routes: (0..scenario.tables.len()).map(route).collect(),
            tables: tables.map(|(number, plan)| table_at_start(scenario, number, plan)).collect(),
            attic: Attic::default(),
        }
    }

    /// How the items of a table find their shards.
    pub fn route(&self, table: usize) -> &Route {
        &self.routes[table]
    }
}

fn table_at_start(scenario: &Scenario, number: usize, plan: &TablePlan) -> Table {
    let ItemSpace { items, at_start, .. } = &scenario.items[number];
    let mut table = Table::new(plan, *items);
    if *at_start != AtStart::All {
        table.begin_with(|item| at_start.has(item));
    }
    table
}

impl<const FULL: bool> Pipeline<FULL> {
    /// A pipeline before its first event, for one replication.
    pub fn new(scenario: &Scenario, prepared: &Prepared, replication: u64) -> Self {
        let draws = Streams::new(scenario.seed, replication);
        let mut queue = EventQueue::default();
        let tables = (0..scenario.tables.len())
            .map(|number| table::<FULL>(scenario, prepared, number, &draws, &mut queue))
            .collect();
        let mut streams = streams::<FULL>(scenario, prepared);
        let mut consumers = consumers(scenario, &draws, &mut streams, &mut queue);
        let deliveries = deliveries(scenario, &draws, &mut streams);
        let mut lambdas = lambdas(scenario, &draws, &mut streams, &mut queue);
        let mut queues = super::sqs::queues(scenario, &draws);
        let mut fleets = super::fleet::wiring::fleets(scenario, &draws, &mut streams, &mut queue);
        if FULL {
            follow_order(Followed(scenario), &mut consumers, &mut lambdas, &mut queues, &mut fleets);
        }
        let mut pipeline = Self {
            queue,
            arrivals_end: arrivals_end(scenario),
            cohort: cohort(scenario),
            next_write: NextWrite { at: END_OF_TIME + 1, writer: 0 },
            writes_ahead: if writes_are_apart(scenario) { WRITES_AHEAD } else { 1 },
            writers: scenario.producers.iter().map(|plan| writer(plan, &draws)).collect(),
            tables,
            streams,
            kinesis_streams: scenario.streams.len(),
            direct: super::direct::producers(scenario, &draws),
            consumers,
            deliveries,
            lambdas,
            queues,
            absent: Default::default(),
            account: account(scenario),
            fleets,
            changes: Slab::default(),
            created: Vec::new(),
            publications: Slab::default(),
            pending: Slab::default(),
            objects: Objects::default(),
            query_draws: scenario
                .queries
                .iter()
                .map(|plan| draws.named(&format!("athena.{}.overhead", plan.name)))
                .collect(),
            batch: Vec::new(),
            fingerprint: Fingerprint::default(),
            at_tables: Fingerprint::default(),
            counts: EventCounts::default(),
            collision: draws.collision(),
            looks: 0,
            plan: scenario.timeline.clone(),
            timeline: Timeline::default(),
            now: 0,
        };
        super::timeline::schedule(&scenario.timeline, &mut pipeline.queue);
        if FULL {
            pipeline.watch_lateness(scenario);
        }
        (0..scenario.producers.len() as u32).for_each(|writer| pipeline.find_next_write(writer));
        pipeline.start_direct();
        pipeline.start_looks();
        pipeline.start_fleets();
        pipeline
    }
}

/// Gives those whose order is asked for what they note it in.
fn follow_order(
    followed: Followed,
    consumers: &mut [Consumer],
    lambdas: &mut [LambdaConsumer],
    queues: &mut [QueuePlace],
    fleets: &mut [FleetConsumer],
) {
    for (number, consumer) in consumers.iter_mut().enumerate() {
        consumer.following = followed.polling(number).map(Box::new);
    }
    for (number, function) in lambdas.iter_mut().enumerate() {
        function.following = followed.lambda(number).map(Box::new);
    }
    for (number, queue) in queues.iter_mut().enumerate() {
        queue.following = followed.queue(number).map(Box::new);
    }
    for (number, fleet) in fleets.iter_mut().enumerate() {
        fleet.following = followed.fleet(number).map(Box::new);
    }
}

fn writer(plan: &Arc<ProducerPlan>, draws: &Streams) -> Writer {
    Writer {
        producer: Producer::new(Arc::clone(plan), draws),
        next_at: 0,
        backoff: draws.keyed(&format!("workload.{}.backoff", plan.name)),
        meter: WriterMeter::default(),
        tolls: Tolls::default(),
        latency: Latency::default(),
        long: LongWay::new(plan, draws),
    }
}

/// Writes made in one go where that changes nothing.
const WRITES_AHEAD: usize = 64;

/// Whether nothing but their producers acts upon the tables, and nothing but their feeds looks at them: then it does not show
/// whether a write is made before or after what else happens around it. The outcomes of writes that end at their tables are
/// hashed beside all others for that.
fn writes_are_apart(scenario: &Scenario) -> bool {
    let plain = scenario.producers.iter().all(|plan| plan.client.is_none());
    let fed = scenario.tables.iter().all(|plan| plan.replication.is_some() && plan.streams.is_none());
    let followed = (0..scenario.tables.len()).any(|table| Followed(scenario).has_table(table));
    // A feed that has been held up for a week stops taking changes.
    let cut_off = scenario.ends_by() >= CUT_OFF_AGE;
    plain && fed && scenario.timeline.is_empty() && !followed && !cut_off
}

/// All streams: those of Kinesis, those of tables, and what stands for them before a Firehose that takes puts.
fn streams<const FULL: bool>(scenario: &Scenario, prepared: &Prepared) -> Vec<StreamSource> {
    let of_kinesis = |plan: &StreamPlan| {
        let measured = if FULL { plan.shards as usize } else { 0 };
        let path = resource("kinesis", &plan.name);
        StreamSource {
            capacity: plan.capacity.moves.then(|| Box::new(Capacity::new(&plan.capacity))),
            on_demand: OnDemandMeter::new(plan.capacity.is_on_demand()),
            ..StreamSource::new(path, stream(plan), measured, scenario.duration)
        }
    };
    let mut streams: Vec<_> = scenario.streams.iter().map(of_kinesis).collect();
    streams.extend(table_streams(scenario, prepared));
    streams.extend(super::direct_put::streams(scenario));
    streams.iter_mut().for_each(|source| source.stream.keep_in(&prepared.attic));
    streams
}

fn cohort(scenario: &Scenario) -> Cohort {
    let from = scenario.warm_up.div_ceil(MICROSECOND);
    Cohort { from, length: scenario.duration.div_ceil(MICROSECOND).saturating_sub(from) }
}

/// In a steady study writes go on, unmeasured, so that the measured ones meet the same pipeline to their end.
fn arrivals_end(scenario: &Scenario) -> Nanos {
    match scenario.study {
        Study::Terminating => scenario.duration,
        Study::Steady => crate::engine::time::END_OF_TIME,
    }
}

fn table<const FULL: bool>(
    scenario: &Scenario,
    prepared: &Prepared,
    number: usize,
    draws: &Streams,
    queue: &mut EventQueue,
) -> TableSource {
    let plan = &scenario.tables[number];
    let route = &prepared.routes[number];
    let in_order = plan.replication.as_ref().is_some_and(|plan| plan.order == Order::PerItem);
    let items = Items::new(&route.shards, in_order);
    let feed = plan.replication.as_ref().map(|replication| {
        let bytes_max = scenario.streams[replication.stream].record_bytes_max;
        (replication, bytes_max)
    });
    let (items, feed) = match feed {
        Some((replication, bytes_max)) => {
            let feed = Feed::new(replication, items, draws, &plan.name, queue, bytes_max, scenario.duration);
            (Items::default(), Some(feed))
        }
        None => (items, None),
    };
    let streams = plan.streams.as_ref().map(|plan| {
        let path = format!("tables.{}.streams", scenario.tables[number].name);
        let source = (number, &prepared.tables[number], route.shards.len());
        let last = arrivals_end(scenario);
        Box::new(TableStream::new(plan, source, draws, &path, (queue, last), scenario.duration))
    });
    TableSource {
        table: prepared.tables[number].clone(),
        items,
        feed,
        tolls: Tolls::default(),
        streams,
        route: Arc::clone(route),
        series: Series::new(scenario.duration),
        held: Vec::new(),
        accepted: (FULL && Followed(scenario).has_table(number)).then(Default::default),
    }
}

/// The streams of tables, in the order of their numbers. Writes to them meet no limit, so their load is not measured.
fn table_streams(scenario: &Scenario, prepared: &Prepared) -> Vec<StreamSource> {
    let tables = scenario.tables.iter().zip(&prepared.tables);
    let plans = tables.filter_map(|(plan, table)| Some((plan.streams.as_ref()?, table)));
    let source = |(plan, table): (&StreamsPlan, &Table)| {
        let stream = plan.stream_of(&partition_starts(table));
        StreamSource::new(scenario.stream_path(plan.stream), stream, 0, scenario.duration)
    };
    plans.map(source).collect()
}

fn stream(plan: &StreamPlan) -> Stream {
    let mut stream =
        Stream::new(plan.shards as usize, plan.retention, plan.large_records(), plan.limit_calls);
    stream.set_reshard_step(plan.reshard_step);
    if let Some(history) = &plan.history {
        stream.set_past(Past::new(history.span / MICROSECOND, history.shards.clone()));
    }
    stream
}

fn consumers(
    scenario: &Scenario,
    draws: &Streams,
    streams: &mut [StreamSource],
    queue: &mut EventQueue,
) -> Vec<Consumer> {
    let mut consumer = |(number, plan): (usize, &crate::systems::polling::PollingPlan)| {
        let source = &mut streams[plan.stream];
        let shards = source.stream.shard_count();
        let path = format!("consumers.{}", plan.name);
        let grid = plan.polls.grid(shards, draws, &path);
        source.readers.push(number as u32);
        let reader = source.stream.add_reader_as(grid, plan.reader);
        if !source.stream.has_started(reader) {
            queue.push(plan.reader.starts, Kind::Start as u8, number as u32);
        }
        Consumer {
            place: resource("consumers", &plan.name),
            polling: Polling::new(plan, draws, &path, shards),
            stream: plan.stream,
            reader,
            following: None,
            backfill: Backfill::default(),
            down_until: 0,
            outages: None,
            discovery: if plan.reader.parents_first { plan.discovery } else { 0 },
            of_table: scenario.table_of_stream(plan.stream).map(|(table, _)| table),
            latency: Latency::default(),
            series: Series::new(scenario.duration),
        }
    };
    scenario.consumers.iter().enumerate().map(&mut consumer).collect()
}

fn deliveries(scenario: &Scenario, draws: &Streams, streams: &mut [StreamSource]) -> Vec<Delivery> {
    let delivery = |(number, plan): (usize, &FirehosePlan)| {
        let source = &mut streams[plan.stream];
        let shards = source.stream.shard_count();
        let named = |purpose: &str| draws.named(&format!("firehose.{}.{purpose}", plan.name));
        source.readers.push((scenario.consumers.len() + number) as u32);
        let mut firehose = Firehose::new(number, plan, shards, named("hold"));
        if let Some(partitioning) = &plan.partitioning {
            firehose.partition(partitioning, draws.keyed(&format!("firehose.{}.partitions", plan.name)));
        }
        let keyed = |purpose: &str| draws.keyed(&format!("firehose.{}.{purpose}", plan.name));
        firehose.fail_conversions(plan.conversion_failures, keyed("conversions"));
        let transforming = plan.transform.as_ref().map(|transform| {
            let transform = Transform::new(transform, draws, &format!("firehose.{}", plan.name));
            Box::new(Transforming { transform, series: Series::new(scenario.duration) })
        });
        let scanned = scenario.queries.iter().any(|query| query.delivery == number);
        if scanned {
            firehose.count_copies();
        }
        Delivery {
            scanned: scanned.then(Vec::new),
            firehose,
            bucket: Bucket::new(
                plan.put.clone(),
                plan.requests_per_object(),
                plan.prefix_limit,
                named("put"),
            ),
            transforming,
            endpoint: plan.endpoint.as_ref().map(|it| Endpoint::new(it, named("endpoint"))),
            path: plan.path.clone(),
            stream: plan.stream,
            pushed: plan.polls().is_none(),
            pushes: 0,
            reader: match plan.polls() {
                Some(polls) => source.stream.add_reader(polls.grid(shards, draws, &plan.path)),
                None => source.stream.register_stream_consumer(),
            },
            key_bytes: KeyBytes::of_stream(scenario, plan.stream),
            compression: plan.compression,
            down_until: 0,
            retry_wait: plan.retry_wait,
            retention: source.stream.retention(),
            hours: Box::new(ByHour::new(scenario.start)),
            late: (plan.late_success > 0.0).then(|| (plan.late_success, named("late"))),
            latency: Latency::default(),
            sizes: Histogram::default(),
            prefixes: Prefixes::new(scenario.start, plan.prefix.period()),
            partitions: plan.partitioning.is_some(),
            rows: Vec::new(),
            lag: None,
            series: Series::new(scenario.duration),
        }
    };
    scenario.deliveries.iter().enumerate().map(delivery).collect()
}

fn lambdas(
    scenario: &Scenario,
    draws: &Streams,
    streams: &mut [StreamSource],
    queue: &mut EventQueue,
) -> Vec<LambdaConsumer> {
    let lambda = |(number, plan): (usize, &LambdaPlan)| {
        let source = &mut streams[plan.stream];
        let shards = source.stream.shard_count();
        let path = format!("consumers.{}", plan.name);
        let handle = scenario.consumers.len() + scenario.deliveries.len() + number;
        source.readers.push(handle as u32);
        let begins = plan.reader != ReaderPlan::default();
        let (access, reader) = match &plan.via {
            Via::Shared(polls) => {
                let draws_of_delivery = draws.keyed(&format!("{path}.delivery"));
                let grid = polls.grid(shards, draws, &path);
                let access = Access::Shared { delivery: plan.delivery.clone(), draws: draws_of_delivery };
                let reader = match begins {
                    true => source.stream.add_reader_as(grid, plan.reader),
                    false => source.stream.add_reader(grid),
                };
                (access, reader)
            }
            Via::FanOut(fan_out) => {
                let subscribed = if plan.reader.starts > 0 { 0 } else { shards };
                let fan_out = FanOut::new(fan_out, draws, &path, subscribed);
                let reader = match begins {
                    true => source.stream.register_stream_consumer_as(plan.reader),
                    false => source.stream.register_stream_consumer(),
                };
                (Access::FanOut(Box::new(fan_out)), reader)
            }
        };
        // First it is created, then it begins to read.
        let created = plan.created.into_iter();
        let starts = (!source.stream.has_started(reader)).then_some(plan.reader.starts);
        created.chain(starts).for_each(|at| queue.push(at, Kind::Start as u8, handle as u32));
        LambdaConsumer {
            place: resource("consumers", &plan.name),
            mapping: Mapping::new(&plan.mapping, &plan.function, draws, &path, shards),
            access,
            stream: plan.stream,
            reader,
            handle,
            of_table: scenario.table_of_stream(plan.stream).map(|(table, _)| table),
            discovery: plan.discovery,
            begins,
            role: plan.role,
            pipe_requests: [0; 2],
            sends_to: plan.function.sends_to.iter().map(|send| send.queue).collect(),
            registered: (plan.reader.starts == 0).then_some(0),
            deregistered: None,
            creation: plan.created.map(Creation::planned),
            following: None,
            latency: Latency::default(),
            series: Series::new(scenario.duration),
        }
    };
    scenario.lambdas.iter().enumerate().map(lambda).collect()
}

/// The account whose concurrency all functions share.
fn account(scenario: &Scenario) -> Account {
    let of_streams = scenario.lambdas.iter().map(|plan| &plan.function);
    let of_queues = scenario.queues.iter().filter_map(|queue| queue.consumer.as_ref());
    let functions = of_streams.chain(of_queues.map(|plan| &plan.function));
    let of_deliveries = scenario.deliveries.iter().filter_map(|plan| plan.transform.as_ref()?.reserved);
    let reserved = functions.filter_map(|plan| plan.reserved).chain(of_deliveries);
    Account::new(&scenario.account, reserved.sum())
}
