//! Where one record lies in a delivery stream's buffers, for whoever follows it.

use super::{Batch, ErrorOutput, Firehose, Held};
use crate::engine::time::{MICROSECOND, Nanos};

/// A buffered record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Buffered {
    /// Number of the buffer.
    pub buffer: usize,
    /// When the record was read.
    pub polled: Nanos,
    /// When it came into the buffer.
    pub entered: Nanos,
    /// What is wrong with it, if it waits for the error prefix.
    pub error: Option<ErrorOutput>,
}

impl Batch {
    /// When such a record was read and when it came into the buffer; nothing if there is none.
    pub fn moments(&self, such: impl Fn(&Held) -> bool) -> Option<[Nanos; 2]> {
        let place = self.records.iter().position(such)?;
        let mark = self.marks.iter().find(|mark| place < mark.end as usize)?;
        Some([mark.polled * MICROSECOND, mark.entered * MICROSECOND])
    }
}

impl Firehose {
    /// Where such a record is buffered; nothing if it is not.
    pub fn whereabouts(&self, such: impl Fn(&Held) -> bool) -> Option<Buffered> {
        let sound = self.buffers.iter().enumerate().map(|(buffer, it)| (buffer, it, None));
        let errors = self.errors.iter().zip(ErrorOutput::ALL);
        let errors = errors.enumerate().map(|(buffer, (it, error))| (buffer, it, Some(error)));
        sound.chain(errors).find_map(|(buffer, it, error)| {
            let [polled, entered] = it.batch.moments(&such)?;
            Some(Buffered { buffer, polled, entered, error })
        })
    }
}
