//! A flushed buffer on its way to the destination.

use super::batch::Batch;
use super::error_output::ErrorOutput;
use crate::engine::time::Nanos;

/// Why a buffer was flushed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum FlushReason {
    /// It held the hinted size.
    Size,
    /// Its first record had waited for the interval.
    Interval,
}

/// An object being uploaded.
#[derive(Clone, Debug)]
pub struct Object {
    /// Number of the delivery stream.
    pub firehose: u32,
    /// Number of the buffer it came from: the shard, when buffers are per shard.
    pub buffer: u32,
    /// What is in it.
    pub batch: Batch,
    /// When the buffer got its first record.
    pub opened: Nanos,
    /// When the buffer was flushed.
    pub flushed: Nanos,
    /// Why.
    pub reason: FlushReason,
    /// What is wrong with its records: then it goes to the error prefix.
    pub error: Option<ErrorOutput>,
    /// Whether an attempt found the destination down, and the next one is still to come.
    pub waits: bool,
    /// Whether it had to wait for what its destination took before it.
    pub queued: bool,
    /// Whether a copy of it is stored by an attempt that was taken for failed (FH-O5).
    pub stored: bool,
    /// Whether it lies in S3 and its destination is still to take it.
    pub staged: bool,
}
