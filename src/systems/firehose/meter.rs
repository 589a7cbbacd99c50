//! What a delivery stream counts.

use super::billed_bytes;
use super::error_output::ErrorOutput;
use crate::engine::time::Nanos;
use crate::systems::kinesis::log::Record;

/// What a delivery stream did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FirehoseMeter {
    /// Records delivered to S3.
    pub delivered: u64,
    /// Records written to the error prefix, by [`ErrorOutput`].
    pub failed: [u64; ErrorOutput::ALL.len()],
    /// Records given up after the destination was down for too long (FH-R1).
    pub undeliverable: u64,
    /// Records stored once more by uploads that were repeated after a late success (FH-O5).
    pub repeated: u64,
    /// Attempts that found the destination down.
    pub failed_attempts: u64,
    /// Buffers flushed by size.
    pub by_size: u64,
    /// Buffers flushed by interval.
    pub by_interval: u64,
    /// Objects complete outside error prefixes, by why their buffers were flushed: size, interval.
    pub stored_by: [u64; 2],
    /// Bytes taken from the source.
    pub bytes: u64,
    /// Bytes taken, each record rounded up to 5 KB: what is billed.
    pub billed_bytes: u64,
    /// When the first and the last object were given up or went to the error prefix because the destination was down.
    pub gave_up_at: Option<[Nanos; 2]>,
    /// Interval timers that found a buffer to flush.
    pub timers: u64,
}

impl FirehoseMeter {
    /// An object is given up, or goes to the error prefix instead.
    pub(super) fn note_loss(&mut self, now: Nanos) {
        let first = self.gave_up_at.map_or(now, |[first, _]| first);
        self.gave_up_at = Some([first, now]);
    }

    #[inline]
    pub(super) fn count(&mut self, records: &[Record]) {
        let bytes = || records.iter().map(|record| u64::from(record.bytes));
        self.bytes += bytes().sum::<u64>();
        self.billed_bytes += bytes().map(billed_bytes).sum::<u64>();
    }
}
