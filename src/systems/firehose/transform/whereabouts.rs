//! Where one record is on its way through the function, for whoever follows it.

use super::Transform;
use crate::systems::kinesis::log::Record;

/// A record that is not back yet.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Whereabouts {
    /// Records of its batch, as many as there are by now.
    pub records: usize,
    /// Tries of its batch that were begun.
    pub attempts: u32,
    /// Whether the function runs with it.
    pub runs: bool,
}

impl Transform {
    /// Where a record is; nothing if the function does not have it, and no buffer of its own either.
    pub fn whereabouts(&self, record: &Record) -> Option<Whereabouts> {
        let batch = self.batches().find(|batch| batch.records.contains(record))?;
        let (records, attempts, runs) = (batch.records.len(), batch.attempts, batch.runs);
        Some(Whereabouts { records, attempts, runs })
    }
}
