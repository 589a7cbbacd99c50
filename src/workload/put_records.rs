//! A producer that puts records straight into a stream: an open flow of user records, drawn a batch ahead.

use std::sync::Arc;

use crate::engine::random::{Draws, Keyed, Streams};
use crate::engine::sampler::Sampler;
use crate::engine::time::Nanos;
use crate::systems::kinesis::hash_range::hash_key;
use crate::systems::kinesis::producer::plan::DirectPlan;
use crate::workload::arrivals::{ArrivalPlan, ArrivalStream};
use crate::workload::key_name::KeyBuffer;
use crate::workload::key_names::KeyNames;
use crate::workload::keys::{KeyPlan, KeyState};
use crate::workload::operation::WriteKind;
use crate::workload::trace::Trace;

/// Records drawn at a time.
const BATCH: usize = 256;

/// Where the records come from.
#[derive(Clone, Debug)]
pub enum RecordSource {
    /// Drawn from distributions.
    Drawn {
        /// When.
        arrivals: ArrivalPlan,
        /// Which partition keys.
        keys: KeyPlan,
        /// How much data.
        sizes: DataPlan,
    },
    /// Read from a file: a record for each change, as large as the larger of its two sizes.
    Trace(Arc<Trace>),
}

/// Bytes of data in a record.
#[derive(Clone, Debug, PartialEq)]
pub struct DataPlan {
    /// The size.
    pub sampler: Sampler,
    /// Smaller draws count as this.
    pub min: u32,
    /// Larger draws count as this.
    pub max: u32,
}

/// Which hash key a record goes by.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Placement {
    /// The MD5 of its partition key (KDS-H2).
    PartitionKey,
    /// The same explicit hash key for all (KDS-H3).
    Fixed(u128),
    /// An explicit hash key of its own for each, evenly over all hash keys (KDS-H3).
    Spread,
    /// A partition key of its own for each, of this length, and so an even hash key: what the agent gives.
    OwnKey(u32),
}

/// A direct producer as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct PutPlan {
    /// Its name in the scenario.
    pub name: String,
    /// Number of the stream it puts into.
    pub stream: usize,
    /// Its records.
    pub source: RecordSource,
    /// Their partition keys.
    pub names: KeyNames,
    /// Their hash keys.
    pub placement: Placement,
    /// Its client.
    pub direct: DirectPlan,
}

impl PutPlan {
    /// Length of a record's partition key.
    pub fn key_bytes(&self, key: u32) -> u32 {
        match self.placement {
            Placement::OwnKey(bytes) => bytes,
            _ => self.names.length(key) as u32,
        }
    }

    /// The hash key of one record; `address` is the record's own number among all.
    pub fn hash(&self, key: u32, address: u64, spread: &Keyed) -> u128 {
        match self.placement {
            Placement::PartitionKey => {
                let mut buffer = KeyBuffer::default();
                hash_key(self.names.write(key, &mut buffer))
            }
            Placement::Fixed(hash) => hash,
            Placement::Spread | Placement::OwnKey(_) => {
                (u128::from(spread.bits(address, 0)) << 64) | u128::from(spread.bits(address, 1))
            }
        }
    }

    /// Whether records bring explicit hash keys.
    pub fn explicit(&self) -> bool {
        matches!(self.placement, Placement::Fixed(_) | Placement::Spread)
    }
}

/// A record, as drawn.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Made {
    /// When it is meant to be written.
    pub at: Nanos,
    /// Number of its partition key.
    pub key: u32,
    /// Bytes of its data.
    pub data: u32,
}

#[derive(Clone, Debug)]
enum State {
    Drawn { arrivals: ArrivalStream, keys: KeyState },
    Trace { next: usize },
}

/// The flow of records of one producer. What a batch holds does not depend on what becomes of the records.
#[derive(Clone, Debug)]
pub struct RecordFlow {
    plan: Arc<PutPlan>,
    state: State,
    arrivals: Draws,
    keys: Draws,
    sizes: Draws,
    times: Vec<Nanos>,
    numbers: Vec<u32>,
    scratch: Vec<f64>,
    batch: Vec<Made>,
    next: usize,
}

impl RecordFlow {
    /// A producer before its first record.
    pub fn new(plan: Arc<PutPlan>, streams: &Streams) -> Self {
        let state = match &plan.source {
            RecordSource::Drawn { arrivals, keys, .. } => {
                State::Drawn { arrivals: ArrivalStream::new(arrivals), keys: keys.start() }
            }
            RecordSource::Trace(_) => State::Trace { next: 0 },
        };
        let named = |purpose: &str| streams.named(&format!("workload.{}.{purpose}", plan.name));
        Self {
            state,
            arrivals: named("arrivals"),
            keys: named("keys"),
            sizes: named("sizes"),
            times: Vec::new(),
            numbers: Vec::new(),
            scratch: vec![0.0; BATCH],
            batch: Vec::new(),
            next: 0,
            plan,
        }
    }

    /// The next record, which stays; `None` when there is none any more.
    pub fn peek(&mut self) -> Option<Made> {
        if self.next == self.batch.len() {
            self.refill();
        }
        self.batch.get(self.next).copied()
    }

    /// The same, where it was asked for before.
    pub fn next_made(&self) -> Option<Made> {
        self.batch.get(self.next).copied()
    }

    /// Steps over the record that [`peek`](Self::peek) showed.
    pub fn step(&mut self) {
        self.next += 1;
    }

    fn refill(&mut self) {
        self.batch.clear();
        self.next = 0;
        let plan = Arc::clone(&self.plan);
        match (&plan.source, &mut self.state) {
            (RecordSource::Drawn { keys, sizes, .. }, State::Drawn { arrivals, keys: state }) => {
                self.times.clear();
                self.numbers.clear();
                arrivals.fill(&mut self.arrivals, &mut self.times, BATCH);
                let writes = [WriteKind::Modify; BATCH];
                keys.fill(&mut self.keys, state, &writes[..self.times.len()], &mut self.numbers);
                let scratch = &mut self.scratch[..self.times.len()];
                sizes.sampler.fill(&mut self.sizes, scratch);
                let drawn = self.times.iter().zip(&self.numbers).zip(scratch.iter());
                self.batch.extend(drawn.map(|((at, key), size)| Made {
                    at: *at,
                    key: *key,
                    data: (*size as u32).clamp(sizes.min, sizes.max),
                }));
            }
            (RecordSource::Trace(trace), State::Trace { next }) => {
                let rows = &trace.rows()[*next..];
                let rows = &rows[..rows.len().min(BATCH)];
                *next += rows.len();
                let made =
                    rows.iter().map(|row| Made { at: row.at, key: row.key, data: row.before.max(row.after) });
                self.batch.extend(made);
            }
            _ => {}
        }
    }
}
