//! A scenario that cannot be wrong: units resolved, defaults filled in, names turned into numbers.

use crate::engine::time::Nanos;
use crate::systems::dynamodb::table::TablePlan;
use crate::systems::firehose::FirehosePlan;
use crate::systems::kinesis::plan::StreamPlan;
use crate::systems::polling::PollingPlan;
use crate::workload::key_names::KeyNames;
use crate::workload::producer::{ProducerPlan, Source};
use std::sync::Arc;

/// What kind of question a run answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Study {
    /// How the pipeline behaves for ever under this load: writes go on until the measured ones have arrived.
    Steady,
    /// What happens in one stretch of time, such as a business day: nothing comes after it.
    Terminating,
}

/// What happens at the end of the measured span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The measured writes are followed to where they end up.
    Drain,
    /// The run stops, and what is under way stays so.
    Stop,
}

/// A table's items.
#[derive(Clone, Debug)]
pub struct ItemSpace {
    /// Items at the start.
    pub items: u32,
    /// Their keys.
    pub names: KeyNames,
}

/// One scenario, resolved.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// Its name.
    pub name: String,
    /// The question it answers.
    pub about: String,
    /// AWS Region.
    pub region: String,
    /// Seconds since the Unix epoch at virtual time 0.
    pub start: i64,
    /// Seed of all random streams.
    pub seed: u64,
    /// Kind of study.
    pub study: Study,
    /// Span of the measured and warming-up writes.
    pub duration: Nanos,
    /// Writes before this are not measured.
    pub warm_up: Nanos,
    /// Independent replications.
    pub replications: u32,
    /// What happens at the end.
    pub end: End,
    /// Producers, in file order.
    pub producers: Vec<Arc<ProducerPlan>>,
    /// Tables, in file order.
    pub tables: Vec<TablePlan>,
    /// Items of each table.
    pub items: Vec<ItemSpace>,
    /// Streams, in file order.
    pub streams: Vec<StreamPlan>,
    /// Polling consumers, in file order.
    pub consumers: Vec<PollingPlan>,
    /// Delivery streams, in file order.
    pub deliveries: Vec<FirehosePlan>,
}

impl Scenario {
    /// Keys of a table's items.
    pub fn key_names(&self, table: usize) -> KeyNames {
        self.items[table].names.clone()
    }

    /// Items of a table at the start.
    pub fn items(&self, table: usize) -> u32 {
        self.items[table].items
    }

    /// Whether a producer reads its writes from a file.
    pub fn is_trace(&self, producer: usize) -> bool {
        matches!(self.producers[producer].source, Source::Trace(_))
    }
}
