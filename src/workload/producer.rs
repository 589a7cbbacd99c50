//! A producer: an open flow of writes, drawn a batch ahead.
//!
//! Nothing that a batch holds depends on what becomes of the writes, so it can be drawn ahead: misses of the memory
//! overlap, and every arrival takes the same draws of every purpose whatever its fate.

use crate::engine::random::{Draws, Streams};
use crate::engine::sampler::Sampler;
use crate::engine::time::{MICROSECOND, Nanos, round};
use crate::retry::RetryProfile;
use crate::systems::dynamodb::items::Items;
use crate::systems::dynamodb::operation::Operation;
use crate::systems::dynamodb::replication::ReplicationPlan;
use crate::systems::dynamodb::streams::StreamsPlan;
use crate::systems::dynamodb::table::{ITEM_BYTES_MAX, write_units};
use crate::systems::dynamodb::write_kind::WriteKind;
use crate::workload::arrivals::{ArrivalPlan, ArrivalStream};
use crate::workload::client::ClientPlan;
use crate::workload::keys::{KeyPlan, KeyState};
use crate::workload::operation::OperationMix;
use crate::workload::trace::Trace;
use std::sync::Arc;

/// Writes drawn at a time.
pub const BATCH: usize = 256;

/// Sizes of items in bytes.
#[derive(Clone, Debug, PartialEq)]
pub struct SizePlan {
    /// The size after the write.
    pub after: Sampler,
    /// The size before it; the same as after it when absent.
    pub before: Option<Sampler>,
    /// Smaller draws count as this.
    pub min: u32,
    /// Larger draws count as this.
    pub max: u32,
}

/// Where the writes come from.
#[derive(Clone, Debug)]
pub enum Source {
    /// Drawn from distributions.
    Drawn {
        /// When.
        arrivals: ArrivalPlan,
        /// Which items.
        keys: KeyPlan,
        /// How large.
        sizes: SizePlan,
        /// Which operations.
        operations: OperationMix,
    },
    /// Read from a file.
    Trace(Arc<Trace>),
}

/// A producer as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct ProducerPlan {
    /// Its name in the scenario.
    pub name: String,
    /// Number of the table it writes to.
    pub table: usize,
    /// Its writes.
    pub source: Source,
    /// What its client does when a write is refused.
    pub retries: RetryProfile,
    /// What its requests are like where they are more than plain writes that are answered at once.
    pub client: Option<Box<ClientPlan>>,
}

/// Which way a write goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Way {
    /// A plain write, answered at once.
    Short,
    /// A write that is more than that, or larger than an item may be.
    Long,
    /// Such a one that has waited until it was due.
    Due,
}

/// Where the changes of a table go.
#[derive(Clone, Copy, Debug, Default)]
pub struct Feeds<'a> {
    /// Into Kinesis.
    pub kinesis: Option<&'a ReplicationPlan>,
    /// Into DynamoDB Streams.
    pub streams: Option<&'a StreamsPlan>,
}

/// What a change becomes in the stream.
#[derive(Clone, Copy, Debug)]
pub struct ChangeRecord {
    /// Bytes in Kinesis, partition key included.
    pub bytes: u32,
    /// Bytes in the table's own stream.
    pub streams_bytes: u32,
    /// Change data capture units of one attempt.
    pub units: u16,
}

/// One write, as drawn.
#[derive(Clone, Copy, Debug)]
pub struct Write {
    /// When it is meant to happen.
    pub at: Nanos,
    /// Number of its item.
    pub key: u32,
    /// Write units; 0 when the item is larger than DynamoDB takes (DDB-U10), and of a removal by time to live (DDB-L2).
    pub units: u16,
    /// What it does.
    pub kind: WriteKind,
    /// Which way it goes.
    pub way: Way,
    /// How long it takes from the request to the answer, microseconds; part of the feed's delay.
    pub takes: u32,
    /// The feed's delay for it.
    pub delay: Nanos,
    /// Its record in the stream, if the table feeds one.
    pub record: ChangeRecord,
}

impl Write {
    /// What its random draws are addressed by.
    #[inline]
    pub fn address(&self) -> u64 {
        self.at ^ (u64::from(self.key) << 24)
    }

    /// Whether its item is larger than DynamoDB takes (DDB-U10).
    pub fn is_too_large(&self) -> bool {
        self.record.units == 0
    }
}

#[derive(Clone, Debug)]
enum State {
    Drawn { arrivals: ArrivalStream, keys: KeyState },
    Trace { next: usize },
}

/// The draws of one producer, one stream a purpose.
#[derive(Clone, Debug)]
struct Purposes {
    arrivals: Draws,
    keys: Draws,
    sizes: Draws,
    sizes_before: Draws,
    operations: Draws,
    delays: Draws,
    write_times: Draws,
}

impl Purposes {
    fn new(streams: &Streams, name: &str) -> Self {
        let named = |purpose: &str| streams.named(&format!("workload.{name}.{purpose}"));
        Self {
            arrivals: named("arrivals"),
            keys: named("keys"),
            sizes: named("sizes"),
            sizes_before: named("sizes_before"),
            operations: named("operations"),
            delays: named("replication_delay"),
            write_times: named("write_time"),
        }
    }
}

/// A producer at work.
#[derive(Clone, Debug)]
pub struct Producer {
    plan: Arc<ProducerPlan>,
    state: State,
    draws: Purposes,
    times: Vec<Nanos>,
    operations: Vec<WriteKind>,
    keys: Vec<u32>,
    delays: Vec<Nanos>,
    write_times: Vec<u32>,
    scratch: Vec<f64>,
    scratch_before: Vec<f64>,
    batch: Vec<Write>,
    next: usize,
}

impl Producer {
    /// A producer before its first write.
    pub fn new(plan: Arc<ProducerPlan>, streams: &Streams) -> Self {
        let state = match &plan.source {
            Source::Drawn { arrivals, keys, .. } => {
                State::Drawn { arrivals: ArrivalStream::new(arrivals), keys: keys.start() }
            }
            Source::Trace(_) => State::Trace { next: 0 },
        };
        Self {
            draws: Purposes::new(streams, &plan.name),
            plan,
            state,
            times: Vec::with_capacity(BATCH),
            operations: Vec::with_capacity(BATCH),
            keys: Vec::with_capacity(BATCH),
            delays: Vec::with_capacity(BATCH),
            write_times: Vec::new(),
            scratch: vec![0.0; BATCH],
            scratch_before: vec![0.0; BATCH],
            batch: Vec::with_capacity(BATCH),
            next: 0,
        }
    }

    /// When the next write of the present batch is meant to happen.
    #[inline]
    pub fn next_at(&self) -> Option<Nanos> {
        self.batch.get(self.next).map(|write| write.at)
    }

    /// Takes the write that [`next_at`](Self::next_at) spoke of.
    #[inline]
    pub fn take(&mut self) -> Write {
        let write = self.batch[self.next];
        self.next += 1;
        write
    }

    /// The next write of the present batch, which stays there.
    pub fn peek(&self) -> Option<Write> {
        self.batch.get(self.next).copied()
    }

    /// Puts the next write of the present batch off, or forward, to `at`; whether there is one.
    pub fn move_next(&mut self, at: Nanos) -> bool {
        let next = self.batch.get_mut(self.next);
        next.map(|write| write.at = at).is_some()
    }

    /// What its requests are like, if they are more than plain writes.
    pub fn client(&self) -> Option<&ClientPlan> {
        self.plan.client.as_deref()
    }

    /// The item numbers of the present batch.
    pub fn batch_keys(&self) -> impl Iterator<Item = u32> {
        self.batch.iter().map(|write| write.key)
    }

    /// What its client does when a write is refused.
    pub fn retries(&self) -> &RetryProfile {
        &self.plan.retries
    }

    /// Number of the table it writes to.
    #[inline]
    pub fn table(&self) -> usize {
        self.plan.table
    }

    /// Draws the next batch. `feeds` and `items` belong to the table written to.
    pub fn refill(&mut self, feeds: Feeds, items: &Items) {
        self.batch.clear();
        self.times.clear();
        self.operations.clear();
        self.keys.clear();
        self.delays.clear();
        self.write_times.clear();
        self.next = 0;
        let plan = Arc::clone(&self.plan);
        match &plan.source {
            Source::Drawn { keys, sizes, operations, .. } => {
                self.draw_times_and_keys(keys, operations);
                std::hint::black_box(items.warm(&self.keys));
                self.draw_delays(feeds.kinesis);
                self.draw_writes(sizes, feeds);
            }
            Source::Trace(trace) => self.read_trace(trace, feeds),
        }
    }

    fn draw_times_and_keys(&mut self, plan: &KeyPlan, mix: &OperationMix) {
        if let State::Drawn { arrivals, keys } = &mut self.state {
            let at_once = self.plan.client.as_ref().map_or(BATCH, |client| client.writes_at_once());
            arrivals.fill(&mut self.draws.arrivals, &mut self.times, at_once);
            mix.fill(&mut self.draws.operations, &mut self.operations, self.times.len());
            plan.fill(&mut self.draws.keys, keys, &self.operations, &mut self.keys);
        }
    }

    fn draw_delays(&mut self, replication: Option<&ReplicationPlan>) {
        let count = self.times.len();
        match replication {
            Some(plan) => {
                plan.fill_delays(&mut self.draws.delays, &mut self.scratch[..count], &mut self.delays)
            }
            None => self.delays.resize(count, 0),
        }
        if let Some(client) = &self.plan.client {
            client.gather(&mut self.times);
            self.draw_write_times(count);
        }
    }

    /// Draws how long writes take. The feed takes their changes up when they are done.
    #[cold]
    fn draw_write_times(&mut self, count: usize) {
        let Some(client) = &self.plan.client else { return };
        let Some(time) = &client.write_time else { return };
        time.fill(&mut self.draws.write_times, &mut self.scratch[..count]);
        for (delay, time) in self.delays.iter_mut().zip(&self.scratch) {
            let takes = round(*time) * client.phases() / MICROSECOND * MICROSECOND;
            *delay += takes;
            self.write_times.push(u32::try_from(takes / MICROSECOND).unwrap_or(u32::MAX));
        }
    }

    fn draw_writes(&mut self, sizes: &SizePlan, feeds: Feeds) {
        let count = self.times.len();
        sizes.after.fill(&mut self.draws.sizes, &mut self.scratch[..count]);
        if let Some(before) = &sizes.before {
            before.fill(&mut self.draws.sizes_before, &mut self.scratch_before[..count]);
        }
        let in_range = |size: f64| (size as u32).clamp(sizes.min, sizes.max);
        let keys = self.times.iter().zip(&self.keys).zip(&self.operations);
        let draws = self.scratch.iter().zip(&self.scratch_before).zip(&self.delays);
        for (((at, key), kind), ((after, before), delay)) in keys.zip(draws) {
            let after = in_range(*after);
            let before = if sizes.before.is_some() { in_range(*before) } else { after };
            self.batch.push(resolve(*at, *key, *kind, kind.images(before, after), *delay, feeds));
        }
        self.lead_the_long_way(feeds.kinesis);
    }

    /// Marks the writes of a client that does more than plain writes.
    #[inline]
    fn lead_the_long_way(&mut self, replication: Option<&ReplicationPlan>) {
        if let Some(client) = &self.plan.client {
            for (number, write) in self.batch.iter_mut().enumerate() {
                client.prepare(write, replication);
                write.takes = self.write_times.get(number).copied().unwrap_or(0);
            }
        }
    }

    fn read_trace(&mut self, trace: &Trace, feeds: Feeds) {
        let State::Trace { next } = &mut self.state else { return };
        let rows = trace.rows();
        let rows = &rows[*next..(*next + BATCH).min(rows.len())];
        *next += rows.len();
        self.times.extend(rows.iter().map(|row| row.at));
        self.draw_delays(feeds.kinesis);
        for (row, delay) in rows.iter().zip(&self.delays) {
            let images = (row.before, row.after);
            self.batch.push(resolve(row.at, row.key, row.operation.into(), images, *delay, feeds));
        }
        self.lead_the_long_way(feeds.kinesis);
    }
}

#[inline(always)]
fn resolve(
    at: Nanos,
    key: u32,
    kind: WriteKind,
    (before, after): (u32, u32),
    delay: Nanos,
    feeds: Feeds,
) -> Write {
    let fits = before.max(after) <= ITEM_BYTES_MAX;
    let (units, way) = if fits { (write_units(before, after) as u16, Way::Short) } else { (0, Way::Long) };
    let operation = kind.change().unwrap_or(Operation::Modify);
    // Closures in `map_or` are not inlined here, and pass all of this through memory.
    let bytes = match feeds.kinesis {
        Some(plan) => plan.record_bytes(operation, before, after),
        None => 0,
    };
    let streams_bytes = match feeds.streams {
        Some(plan) => plan.record_bytes(operation, before, after),
        None => 0,
    };
    let record = ChangeRecord { bytes, streams_bytes, units };
    Write { at, key, units, kind, way, takes: 0, delay, record }
}
