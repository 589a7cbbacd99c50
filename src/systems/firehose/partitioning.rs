//! Dynamic partitioning: an attribute of each record names the prefix that its object goes to (FH-D6).

use std::sync::Arc;

use super::error_output::ErrorOutput;
use crate::engine::math;
use crate::engine::random::Keyed;
use crate::systems::kinesis::log::Record;

/// What has a value of the attribute.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum AttributeOf {
    /// An item keeps its value, as an order keeps its customer.
    Item,
    /// Each change has a value of its own.
    Change,
}

/// Bytes a second that one active partition takes (FH-D3: 1 GB).
pub const PARTITION_BYTES_PER_SECOND: u64 = 1_000_000_000;

/// How records are partitioned, checked.
#[derive(Clone, Debug)]
pub struct PartitioningPlan {
    /// Name of the attribute, by which prefixes are named.
    pub attribute: String,
    /// What has a value.
    pub of: AttributeOf,
    /// Partitions that may be active at a time (FH-D1).
    pub active_max: u32,
    /// Share of the records without a readable value (FH-D6).
    pub unparsable: f64,
    /// For each value, the share of those that have it or one before it.
    cumulative: Arc<[f64]>,
}

impl PartitioningPlan {
    /// `values` values whose shares go as `1, 2^-exponent, 3^-exponent ...`; nothing is unparsable.
    pub fn new(attribute: &str, of: AttributeOf, values: u32, exponent: f64, active_max: u32) -> Self {
        let weights = || (1..=values).map(|rank| math::pow(f64::from(rank), -exponent));
        let total: f64 = weights().sum();
        let mut sum = 0.0;
        let cumulative = weights().map(|weight| {
            sum += weight / total;
            sum
        });
        let cumulative = cumulative.collect();
        Self { attribute: attribute.to_owned(), of, active_max, unparsable: 0.0, cumulative }
    }

    /// Share of the records that have the commonest value.
    pub fn largest_share(&self) -> f64 {
        self.cumulative.first().copied().unwrap_or(0.0)
    }

    /// Distinct values.
    pub fn values(&self) -> usize {
        self.cumulative.len()
    }
}

/// Dynamic partitioning at work.
#[derive(Clone, Debug)]
pub struct Partitioning {
    plan: PartitioningPlan,
    draws: Keyed,
    /// Buffered objects that are not delivered yet, by partition: open buffers and uploads.
    open: Vec<u32>,
    active: u32,
    /// The most partitions that were active at a time.
    pub active_peak: u32,
}

impl Partitioning {
    /// Without any active partition.
    pub fn new(plan: &PartitioningPlan, draws: Keyed) -> Self {
        Self { open: vec![0; plan.values()], plan: plan.clone(), draws, active: 0, active_peak: 0 }
    }

    /// The partition of a record: copies of one change have the same one.
    pub fn partition(&self, record: &Record) -> Result<usize, ErrorOutput> {
        let change = record.identity();
        if self.plan.unparsable > 0.0 && self.draws.unit(change, 1) < self.plan.unparsable {
            return Err(ErrorOutput::ProcessingFailed);
        }
        let unit = match self.plan.of {
            AttributeOf::Item => self.draws.unit(u64::from(record.key), 0),
            AttributeOf::Change => self.draws.unit(change, 0),
        };
        let partition = self.plan.cumulative.partition_point(|share| *share <= unit);
        let partition = partition.min(self.plan.values() - 1);
        let full = self.open[partition] == 0 && self.active >= self.plan.active_max;
        if full { Err(ErrorOutput::ActivePartitionExceeded) } else { Ok(partition) }
    }

    /// Partitions with a buffer that is not delivered yet (FH-D2).
    pub fn active(&self) -> u32 {
        self.active
    }

    /// A partition's buffer gets its first record.
    pub fn opened(&mut self, buffer: usize) {
        let Some(open) = self.open.get_mut(buffer) else { return };
        *open += 1;
        self.active += u32::from(*open == 1);
        self.active_peak = self.active_peak.max(self.active);
    }

    /// An object of a partition is complete.
    pub fn delivered(&mut self, buffer: usize) {
        let Some(open) = self.open.get_mut(buffer) else { return };
        *open -= 1;
        self.active -= u32::from(*open == 0);
    }
}
