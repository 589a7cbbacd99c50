//! The kinds of events, in the order in which they happen at one instant.

/// What an event is. The number is its rank: at equal times, lower ranks go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// An object is complete. First, so that whoever acts now finds it.
    Uploaded = 0,
    /// A consumer has processed a batch. Before polls, so that its worker is free for one that is due now.
    Processed = 1,
    /// A direct producer's call is answered. Before new records, so that its connection is free for them.
    Replied = 2,
    /// A producer writes. Before all that follows from writes.
    Arrive = 3,
    /// A producer's client tries a refused write again: after first tries, which came in no later.
    WriteAgain = 4,
    /// A direct producer makes a record. With the writes, after those to tables.
    Record = 5,
    /// A direct producer makes a failed call again: after new records, which found its connection taken.
    CallAgain = 6,
    /// A direct producer's gathering may be over: after records of this instant, which go along.
    Gathered = 7,
    /// A change reaches its stream. Before polls, so that a poll at the same instant finds it.
    Put = 8,
    /// A direct producer's call reaches its stream: before polls likewise, after the changes, which are older.
    PutRecords = 9,
    /// A reader polls a shard.
    Poll = 10,
    /// A buffer's interval ends. Last, so that what is read at this instant still belongs to the buffer.
    Interval = 11,
}

impl Kind {
    /// All kinds, by rank.
    pub const ALL: [Self; 12] = [
        Self::Uploaded,
        Self::Processed,
        Self::Replied,
        Self::Arrive,
        Self::WriteAgain,
        Self::Record,
        Self::CallAgain,
        Self::Gathered,
        Self::Put,
        Self::PutRecords,
        Self::Poll,
        Self::Interval,
    ];

    /// The kind with this rank.
    #[inline]
    pub fn of(rank: u8) -> Self {
        match rank {
            0 => Self::Uploaded,
            1 => Self::Processed,
            2 => Self::Replied,
            3 => Self::Arrive,
            4 => Self::WriteAgain,
            5 => Self::Record,
            6 => Self::CallAgain,
            7 => Self::Gathered,
            8 => Self::Put,
            9 => Self::PutRecords,
            10 => Self::Poll,
            _ => Self::Interval,
        }
    }

    /// The word for it in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uploaded => "object uploaded",
            Self::Processed => "batch processed",
            Self::Replied => "reply to a direct producer",
            Self::Arrive => "write",
            Self::WriteAgain => "write retry",
            Self::Record => "record of a direct producer",
            Self::CallAgain => "call made again",
            Self::Gathered => "end of gathering",
            Self::Put => "put into a stream",
            Self::PutRecords => "call of a direct producer",
            Self::Poll => "poll of a shard",
            Self::Interval => "end of a buffer interval",
        }
    }
}

/// A number of 8 bits and one of 24 in one event handle.
#[inline]
pub fn pack(high: usize, low: usize) -> u32 {
    debug_assert!(high < 1 << 8 && low < 1 << 24, "counted when the scenario was checked");
    (high << 24 | low) as u32
}

/// The two numbers of a packed handle.
#[inline]
pub fn unpack(handle: u32) -> (usize, usize) {
    ((handle >> 24) as usize, (handle & 0xff_ffff) as usize)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ranks_are_the_places_in_the_list() {
        assert!(
            (0..12).all(|rank| Kind::of(rank) as u8 == rank && Kind::ALL[rank as usize] == Kind::of(rank))
        );
    }
}
