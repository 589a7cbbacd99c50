//! The kinds of events, in the order in which they happen at one instant.

/// What an event is. The number is its rank: at equal times, lower ranks go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// An object is complete. First, so that whoever acts now finds it.
    Uploaded = 0,
    /// A consumer has processed a batch. Before polls, so that its worker is free for one that is due now.
    Processed = 1,
    /// A function has ended. Before polls and pushes, so that its lane and its concurrency are free for what comes now.
    Returned = 2,
    /// A producer writes. Before all that follows from writes.
    Arrive = 3,
    /// A producer's client tries a refused write again: after first tries, which came in no later.
    WriteAgain = 4,
    /// A change reaches its stream. Before polls, so that a poll at the same instant finds it.
    Put = 5,
    /// A reader polls a shard.
    Poll = 6,
    /// What a poll returned has reached a function. After the polls that may have returned it at once.
    Fetched = 7,
    /// A batching window or a wait of a function's lane ends. After what comes in at this instant, which still belongs to
    /// the window.
    Lane = 8,
    /// A buffer's interval ends. Last, so that what is read at this instant still belongs to the buffer.
    Interval = 9,
}

impl Kind {
    /// All kinds, by rank.
    pub const ALL: [Self; 10] = [
        Self::Uploaded,
        Self::Processed,
        Self::Returned,
        Self::Arrive,
        Self::WriteAgain,
        Self::Put,
        Self::Poll,
        Self::Fetched,
        Self::Lane,
        Self::Interval,
    ];

    /// The kind with this rank.
    #[inline]
    pub fn of(rank: u8) -> Self {
        match rank {
            0 => Self::Uploaded,
            1 => Self::Processed,
            2 => Self::Returned,
            3 => Self::Arrive,
            4 => Self::WriteAgain,
            5 => Self::Put,
            6 => Self::Poll,
            7 => Self::Fetched,
            8 => Self::Lane,
            _ => Self::Interval,
        }
    }

    /// The word for it in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Uploaded => "object uploaded",
            Self::Processed => "batch processed",
            Self::Returned => "function ended",
            Self::Arrive => "write",
            Self::WriteAgain => "write retry",
            Self::Put => "put into a stream",
            Self::Poll => "poll of a shard",
            Self::Fetched => "records at a function",
            Self::Lane => "end of a batching window or wait",
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
            (0..10).all(|rank| Kind::of(rank) as u8 == rank && Kind::ALL[rank as usize] == Kind::of(rank))
        );
    }
}
