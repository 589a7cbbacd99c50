//! What is in a buffer, and in the object that it becomes.

use crate::systems::kinesis::log::Micros;

/// A record in a buffer: what its delivery needs to know of it.
#[derive(Clone, Copy, Debug)]
pub struct Held {
    /// When the change was meant to be written.
    pub written: Micros,
    /// When the shard accepted it.
    pub appended: Micros,
}

/// Records that came in one poll: those before `end` in the buffer, unless an earlier mark has them.
#[derive(Clone, Copy, Debug)]
pub struct Mark {
    /// One past the last of them.
    pub end: u32,
    /// When they were read.
    pub polled: Micros,
    /// When they came into the buffer: later than that where a function transforms them.
    pub entered: Micros,
}

/// A buffer on its way to become an object.
#[derive(Clone, Debug, Default)]
pub struct Batch {
    /// The records, in the order in which they came.
    pub records: Vec<Held>,
    /// Their polls.
    pub marks: Vec<Mark>,
    /// Their bytes, delimiters included, before compression.
    pub bytes: u64,
    /// Those that are second copies of others, where that is counted.
    pub copies: u64,
}

impl Batch {
    pub(super) fn clear(&mut self) {
        self.records.clear();
        self.marks.clear();
        self.bytes = 0;
        self.copies = 0;
    }

    /// Notes which poll its last records came from.
    pub(super) fn mark(&mut self, polled: Micros, entered: Micros) {
        let end = self.records.len() as u32;
        match self.marks.last_mut() {
            Some(mark) if mark.end == end => {}
            Some(mark) if (mark.polled, mark.entered) == (polled, entered) => mark.end = end,
            _ if end == 0 => {}
            _ => self.marks.push(Mark { end, polled, entered }),
        }
    }

    /// The approximate arrival time of the oldest record, by which the object is named (FH-O3).
    pub fn oldest_arrival(&self) -> Option<Micros> {
        self.records.iter().map(|held| held.appended).min()
    }
}
