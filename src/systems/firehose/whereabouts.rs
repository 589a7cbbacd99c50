//! Where one record lies in a delivery stream's buffers, for whoever follows it.

use super::{Batch, Firehose, Held};
use crate::engine::time::{MICROSECOND, Nanos};

/// A buffered record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffered {
    /// Number of the buffer.
    pub buffer: usize,
    /// When the record was read.
    pub polled: Nanos,
}

impl Batch {
    /// When such a record was read; nothing if there is none.
    pub fn polled(&self, such: impl Fn(&Held) -> bool) -> Option<Nanos> {
        let place = self.records.iter().position(such)?;
        let mark = self.marks.iter().find(|mark| place < mark.end as usize)?;
        Some(mark.polled * MICROSECOND)
    }
}

impl Firehose {
    /// Where such a record is buffered; nothing if it is not.
    pub fn whereabouts(&self, such: impl Fn(&Held) -> bool) -> Option<Buffered> {
        let mut buffers = self.buffers.iter().enumerate();
        buffers.find_map(|(buffer, it)| Some(Buffered { buffer, polled: it.batch.polled(&such)? }))
    }
}
