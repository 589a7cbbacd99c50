//! A producer: an open flow of writes, drawn a batch ahead.
//!
//! Nothing that a batch holds depends on what becomes of the writes, so it can be drawn ahead: misses of the memory
//! overlap, and every arrival takes the same draws of every purpose whatever its fate.

use crate::engine::random::{Draws, Streams};
use crate::engine::sampler::Sampler;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::systems::dynamodb::items::Items;
use crate::systems::dynamodb::operation::Operation;
use crate::systems::dynamodb::replication::ReplicationPlan;
use crate::systems::dynamodb::table::{ITEM_BYTES_MAX, write_units};
use crate::workload::arrivals::{ArrivalPlan, ArrivalStream};
use crate::workload::keys::{KeyPlan, KeyState};
use crate::workload::operation::OperationMix;
use crate::workload::retry::RetryProfile;
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
}

/// What a change becomes in the stream.
#[derive(Clone, Copy, Debug)]
pub struct ChangeRecord {
    /// Bytes, partition key included.
    pub bytes: u32,
    /// The feed's delay for it, microseconds.
    pub propagation: u32,
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
    /// Write units; 0 when the item is larger than DynamoDB takes (DDB-U10).
    pub units: u16,
    /// The feed's delay for it.
    pub delay: Nanos,
    /// Its record in the stream, if the table feeds one.
    pub record: ChangeRecord,
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
    operations: Vec<Operation>,
    keys: Vec<u32>,
    delays: Vec<Nanos>,
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

    /// Draws the next batch. `replication` and `items` belong to the table written to.
    pub fn refill(&mut self, replication: Option<&ReplicationPlan>, items: &Items) {
        self.batch.clear();
        self.times.clear();
        self.operations.clear();
        self.keys.clear();
        self.delays.clear();
        self.next = 0;
        let plan = Arc::clone(&self.plan);
        match &plan.source {
            Source::Drawn { keys, sizes, operations, .. } => {
                self.draw_times_and_keys(keys, operations);
                std::hint::black_box(items.warm(&self.keys));
                self.draw_delays(replication);
                self.draw_writes(sizes, replication);
            }
            Source::Trace(trace) => self.read_trace(trace, replication),
        }
    }

    fn draw_times_and_keys(&mut self, plan: &KeyPlan, mix: &OperationMix) {
        if let State::Drawn { arrivals, keys } = &mut self.state {
            arrivals.fill(&mut self.draws.arrivals, &mut self.times, BATCH);
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
    }

    fn draw_writes(&mut self, sizes: &SizePlan, replication: Option<&ReplicationPlan>) {
        let count = self.times.len();
        sizes.after.fill(&mut self.draws.sizes, &mut self.scratch[..count]);
        if let Some(before) = &sizes.before {
            before.fill(&mut self.draws.sizes_before, &mut self.scratch_before[..count]);
        }
        let in_range = |size: f64| (size as u32).clamp(sizes.min, sizes.max);
        let keys = self.times.iter().zip(&self.keys).zip(&self.operations);
        let draws = self.scratch.iter().zip(&self.scratch_before).zip(&self.delays);
        for (((at, key), operation), ((after, before), delay)) in keys.zip(draws) {
            let after = in_range(*after);
            let before = if sizes.before.is_some() { in_range(*before) } else { after };
            let (before, after) = match operation {
                Operation::Insert => (0, after),
                Operation::Modify => (before, after),
                Operation::Remove => (before, 0),
            };
            self.batch.push(resolve(*at, *key, *operation, before, after, *delay, replication));
        }
    }

    fn read_trace(&mut self, trace: &Trace, replication: Option<&ReplicationPlan>) {
        let State::Trace { next } = &mut self.state else { return };
        let rows = trace.rows();
        let rows = &rows[*next..(*next + BATCH).min(rows.len())];
        *next += rows.len();
        self.times.extend(rows.iter().map(|row| row.at));
        self.draw_delays(replication);
        for (row, delay) in rows.iter().zip(&self.delays) {
            let write = resolve(row.at, row.key, row.operation, row.before, row.after, *delay, replication);
            self.batch.push(write);
        }
    }
}

#[inline]
fn resolve(
    at: Nanos,
    key: u32,
    operation: Operation,
    before: u32,
    after: u32,
    delay: Nanos,
    replication: Option<&ReplicationPlan>,
) -> Write {
    let fits = before.max(after) <= ITEM_BYTES_MAX;
    let units = if fits { write_units(before, after) as u16 } else { 0 };
    let bytes = replication.map_or(0, |plan| plan.record_bytes(operation, before, after));
    let propagation = u32::try_from(delay / MICROSECOND).unwrap_or(u32::MAX);
    Write { at, key, units, delay, record: ChangeRecord { bytes, propagation, units } }
}
