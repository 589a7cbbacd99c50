//! What a mapping and its function did, as counts.

use crate::engine::histogram::Histogram;
use crate::engine::time::Nanos;

/// What a mapping did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct MappingMeter {
    /// Records processed.
    pub processed: u64,
    /// Records that the filter dropped (LAM-F1).
    pub filtered: u64,
    /// Records given up and sent to a destination (LAM-E5).
    pub on_failure: u64,
    /// Records given up that went nowhere.
    pub discarded: u64,
    /// Of the records given up, those at which the function does not always fail.
    pub good_given_up: u64,
    /// Records that outlived their source's retention in the mapping's hands.
    pub expired: u64,
    /// Messages or objects sent to the destination.
    pub sent: u64,
    /// Invocations (`Invocations`), the second and later tries of a batch among them.
    pub invocations: u64,
    /// Those that ended a tumbling window, and of these the ones that did so for the size of its state (LAM-W1).
    pub window_ends: [u64; 2],
    /// Those after a failure of the same batch.
    pub retried: u64,
    /// Invocations that failed (`Errors`).
    pub errors: u64,
    /// Invocations refused (`Throttles`), by [`Throttled`](super::concurrency::Throttled).
    pub throttled: [u64; 3],
    /// Invocations that started cold.
    pub cold_starts: u64,
    /// Records handed to the function again.
    pub handed_again: u64,
    /// Records that an earlier try had processed and a later one processed again.
    pub repeated: u64,
    /// Records between the two times that a repeated record was processed.
    pub repeat_records: Histogram,
    /// Time between them, microseconds.
    pub repeat_micros: Histogram,
    /// Running time, microseconds: of first tries, and of later ones.
    pub run_micros: [u64; 2],
    /// Running time as billed, each invocation rounded up to a millisecond; of first tries, and of later ones.
    pub billed_millis: [u64; 2],
    /// Time in which some batch of a shard ran, summed over shards.
    pub busy_shard: Nanos,
    /// The longest time from a batch's first failure to its end.
    pub blocked_max: Nanos,
    /// The sum of these times.
    pub blocked: Nanos,
    /// Batches that failed at least once.
    pub blocks: u64,
    /// The most executions at once.
    pub concurrency_max: u32,
}
