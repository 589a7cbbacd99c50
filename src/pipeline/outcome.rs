//! What a run came to, part by part.

use super::EventCounts;
use super::backlog::Backlog;
use super::deliver::ObjectRow;
use super::feed;
use super::fleet::quantities::FleetOutcome;
use super::lambda::{self};
use super::long_way::LongMeter;
use super::quantities::Quantities;
use super::read::Backfill;
use super::refused_reads::RefusedReads;
use super::source::Snapshot;
use super::sqs::{self, QueuePlace};
use super::streams::{self, StreamsMeter};
use super::tolls::PlaceTolls;
use super::write::{self, WriterMeter};
use crate::engine::fingerprint::Fingerprint;
use crate::engine::histogram::Histogram;
use crate::engine::time::Nanos;
use crate::measure::direct::DirectMeter;
use crate::measure::era::Era;
use crate::measure::latency::Latency;
use crate::measure::ledger::Ledger;
use crate::measure::ordering::Ordering;
use crate::measure::prefixes::Prefixes;
use crate::measure::processed::Outcome as Processed;
use crate::measure::repair::Repairs;
use crate::measure::series::Series;
use crate::measure::shard_load::ShardLoad;
use crate::measure::stream_load::StreamLoad;
use crate::measure::timeline::Timeline;
use crate::systems::athena::QueryMeter;
use crate::systems::dynamodb::replication::ReplicationMeter;
use crate::systems::dynamodb::table::{Table, TableMeter};
use crate::systems::firehose::FirehoseMeter;
use crate::systems::firehose::transform::TransformMeter;
use crate::systems::kinesis::capacity::CapacityMeter;
use crate::systems::kinesis::fan_out::FanOutMeter;
use crate::systems::kinesis::get_records::ReadMeter;
use crate::systems::kinesis::lineage::Lineage;
use crate::systems::kinesis::losses::Losses;
use crate::systems::lag::Ages;
use crate::systems::lambda::mapping::{MappingMeter, PARTS};
use crate::systems::polling::{self, PollingMeter};
use crate::systems::s3::S3Meter;
use crate::systems::sink::SinkMeter;
use crate::systems::sqs::queue::QueueMeter;

/// What one replication came to.
#[derive(Clone, Debug)]
pub struct Outcome {
    /// When the last event took place.
    pub end: Nanos,
    /// Hash of all outcomes.
    pub fingerprint: Fingerprint,
    /// Events.
    pub events: EventCounts,
    /// Whether the measured writes were followed to their end; otherwise latencies are "at least".
    pub complete: bool,
    /// Everything accounted for.
    pub ledger: Ledger,
    /// What happened to the pipeline itself.
    pub timeline: Timeline,
    /// What the measured span used of everything that is billed.
    pub quantities: Quantities,
    /// What readers do not get by themselves, and when that began.
    pub tolls: Vec<PlaceTolls>,
    /// How late each reader was that a planned event holds up, by its path.
    pub lateness: Vec<(String, Ages)>,
    /// What waited at moments spread evenly over the span.
    pub backlogs: Vec<Backlog>,
    /// Producers.
    pub producers: Vec<(WriterMeter, Latency<1>)>,
    /// What producers whose writes are more than plain ones counted besides.
    pub long_ways: Vec<Option<LongMeter>>,
    /// Direct producers.
    pub direct: Vec<DirectOutcome>,
    /// Tables.
    pub tables: Vec<TableOutcome>,
    /// Streams: those of Kinesis first, then those of tables.
    pub streams: Vec<StreamOutcome>,
    /// Consumers.
    pub consumers: Vec<ConsumerOutcome>,
    /// Delivery streams.
    pub deliveries: Vec<DeliveryOutcome>,
    /// Scheduled queries.
    pub queries: Vec<QueryMeter>,
    /// Functions.
    pub lambdas: Vec<LambdaOutcome>,
    /// Queues with the functions that read them.
    pub queues: Vec<QueueOutcome>,
    /// Fleets of workers.
    pub fleets: Vec<FleetOutcome>,
}

/// What one table and its feed came to.
#[derive(Clone, Debug)]
pub struct TableOutcome {
    /// Requests and units.
    pub meter: TableMeter,
    /// What it took at the end, its partitions and its indexes, with what they counted.
    pub table: Table,
    /// By partition, the items with the most changes that lie there at the end; empty where partitions are off.
    pub top_of_partition: Vec<Vec<(String, u64)>>,
    /// Its series.
    pub series: Series<{ write::column::COUNT }>,
    /// Its feed.
    pub feed: Option<FeedOutcome>,
    /// Its DynamoDB stream.
    pub streams: Option<TableStreamOutcome>,
    /// Accepted changes by item, largest first: item number, shard, changes. Not listed beyond the first few of a shard.
    pub top_items: Vec<TopItem>,
    /// Accepted changes by the shard that they belong to; empty without a feed.
    pub changes_by_shard: Vec<u64>,
}

/// An item that many of a shard's records belong to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TopItem {
    /// Number of the item.
    pub key: u32,
    /// Its shard.
    pub shard: u32,
    /// Its accepted changes.
    pub changes: u32,
}

/// What one feed came to.
#[derive(Clone, Debug)]
pub struct FeedOutcome {
    /// Puts and units.
    pub meter: ReplicationMeter,
    /// From the intended write to the shard.
    pub latency: Latency<2>,
    /// Order and duplicates in the stream.
    pub ordering: Ordering,
    /// What ways to repair that come to.
    pub repairs: Repairs,
    /// Its series.
    pub series: Series<{ feed::column::COUNT }>,
}

/// What a table's DynamoDB stream came to.
#[derive(Clone, Debug)]
pub struct TableStreamOutcome {
    /// Records and shards.
    pub meter: StreamsMeter,
    /// From the intended write to the stream.
    pub latency: Latency<2>,
    /// Order and duplicates in the stream.
    pub ordering: Ordering,
    /// Its series.
    pub series: Series<{ streams::column::COUNT }>,
}

/// What one stream came to.
#[derive(Clone, Debug)]
pub struct StreamOutcome {
    /// Load by shard.
    pub loads: Vec<ShardLoad>,
    /// Reads that its shards refused, by reader, then by shard.
    pub refused_reads: Vec<RefusedReads>,
    /// Its shards, open and closed.
    pub lineage: Lineage,
    /// What moved its capacity; nothing where nothing did.
    pub capacity: Option<CapacityMeter>,
    /// What stood on its counters at the end of each stretch in one capacity mode.
    pub modes: Vec<Snapshot>,
    /// Its load as a whole.
    pub room: StreamLoad,
    /// Its load before, during and after each resharding; one era where there was none.
    pub eras: Vec<Era>,
    /// Its series.
    pub series: Series<{ super::source::column::COUNT }>,
    /// What stands before it under Direct PUT.
    pub front: Option<super::direct_put::Front>,
}

/// What one direct producer came to.
#[derive(Clone, Debug)]
pub struct DirectOutcome {
    /// Records and calls.
    pub meter: DirectMeter,
    /// From the intended write to the shard.
    pub latency: Latency<3>,
    /// Order and duplicates in the stream.
    pub ordering: Ordering,
    /// Keys with the most records, as those of a table's items.
    pub top_keys: Vec<TopItem>,
    /// Records made for each shard.
    pub records_by_shard: Vec<u64>,
}

/// What one consumer came to.
#[derive(Clone, Debug)]
pub struct ConsumerOutcome {
    /// Processing.
    pub meter: PollingMeter,
    /// What its sink saw, if it has one.
    pub sink: Option<SinkMeter>,
    /// Reading.
    pub reads: ReadMeter,
    /// What retention took.
    pub losses: Losses,
    /// Shards that it had given up at the end.
    pub stuck_shards: usize,
    /// What was there when it began.
    pub backfill: Backfill,
    /// Order of what it processed, if that was followed.
    pub processed: Option<Processed>,
    /// From the intended write to the end of processing.
    pub latency: Latency<{ polling::PARTS.len() }>,
    /// Its series.
    pub series: Series<{ super::read::column::COUNT }>,
}

/// What a delivery stream's function came to.
#[derive(Clone, Debug)]
pub struct TransformOutcome {
    /// Counts.
    pub meter: TransformMeter,
    /// Its series.
    pub series: Series<{ super::transform::column::COUNT }>,
}

/// What one delivery stream came to.
#[derive(Clone, Debug)]
pub struct DeliveryOutcome {
    /// Flushes.
    pub meter: FirehoseMeter,
    /// What its function came to, if it has one.
    pub transform: Option<TransformOutcome>,
    /// The most partitions active at a time, if it partitions.
    pub active_partitions_max: Option<u32>,
    /// Reading.
    pub reads: ReadMeter,
    /// What retention took.
    pub losses: Losses,
    /// Objects.
    pub s3: S3Meter,
    /// From the intended write to the complete object.
    pub latency: Latency<5>,
    /// The totals of that by the hour of the day in which objects were complete; empty where all were within one.
    pub by_hour: Vec<Histogram>,
    /// Sizes of objects.
    pub sizes: Histogram,
    /// Objects by prefix and hour.
    pub prefixes: Prefixes,
    /// The first objects.
    pub rows: Vec<ObjectRow>,
    /// Its series.
    pub series: Series<{ super::deliver::column::COUNT }>,
}

/// What one function and its mapping came to.
#[derive(Clone, Debug)]
pub struct LambdaOutcome {
    /// Invocations.
    pub meter: MappingMeter,
    /// Reading.
    pub reads: ReadMeter,
    /// What retention took.
    pub losses: Losses,
    /// What was pushed to it, if it is a registered consumer.
    pub fan_out: Option<FanOutMeter>,
    /// How its mapping came into being, if that was within the run.
    pub creation: Option<lambda::Creation>,
    /// Order of what it processed, if that was followed.
    pub processed: Option<Processed>,
    /// What its sink saw, if it has one.
    pub sink: Option<SinkMeter>,
    /// From the intended write to the end of the invocation.
    pub latency: Latency<{ PARTS.len() }>,
    /// Its series.
    pub series: Series<{ lambda::column::COUNT }>,
}

/// What one queue and the function that reads it came to.
#[derive(Clone, Debug)]
pub struct QueueOutcome {
    /// Messages and requests.
    pub queue: QueueMeter,
    /// The function, if there is one.
    pub function: Option<MappingMeter>,
    /// Order of what it processed, if that was followed.
    pub processed: Option<Processed>,
    /// What its sink saw, if it has one.
    pub sink: Option<SinkMeter>,
    /// From the intended write to the end of the invocation.
    pub latency: Latency<{ crate::systems::sqs::consumer::PARTS.len() }>,
    /// The queue's series.
    pub series: Series<{ sqs::column::COUNT }>,
}

impl From<QueuePlace> for QueueOutcome {
    fn from(place: QueuePlace) -> Self {
        let sink = place.consumer.as_ref().and_then(|consumer| consumer.function.sink.as_ref());
        Self {
            queue: place.queue.meter,
            sink: sink.map(|sink| sink.meter),
            processed: place.following.map(|following| following.finish()),
            function: place.consumer.map(|consumer| consumer.meter),
            latency: place.latency,
            series: place.series,
        }
    }
}
