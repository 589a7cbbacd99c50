//! The kinds of events, in the order in which they happen at one instant.

/// What an event is. The number is its rank: at equal times, lower ranks go first.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum Kind {
    /// A planned event begins or ends. First of all, so that everything at this instant meets the new state.
    Planned = 0,
    /// An object is complete. Before all traffic, so that whoever acts now finds it.
    Uploaded = 1,
    /// A consumer has processed a batch. Before polls, so that its worker is free for one that is due now.
    Processed = 2,
    /// A producer writes. Before all that follows from writes.
    Arrive = 3,
    /// A producer's client tries a refused write again: after first tries, which came in no later.
    WriteAgain = 4,
    /// Shards of a stream close and their children open. Before puts, which meet the new shards.
    Reshard = 5,
    /// A consumer begins to read. Before polls, of which it may make one at once.
    Start = 6,
    /// A change reaches its stream. Before polls, so that a poll at the same instant finds it.
    Put = 7,
    /// A reader polls a shard.
    Poll = 8,
    /// A buffer's interval ends. Last, so that what is read at this instant still belongs to the buffer.
    Interval = 9,
}

impl Kind {
    /// All kinds, by rank.
    pub const ALL: [Self; 10] = [
        Self::Planned,
        Self::Uploaded,
        Self::Processed,
        Self::Arrive,
        Self::WriteAgain,
        Self::Reshard,
        Self::Start,
        Self::Put,
        Self::Poll,
        Self::Interval,
    ];

    /// The kind with this rank.
    #[inline]
    pub fn of(rank: u8) -> Self {
        match rank {
            0 => Self::Planned,
            1 => Self::Uploaded,
            2 => Self::Processed,
            3 => Self::Arrive,
            4 => Self::WriteAgain,
            5 => Self::Reshard,
            6 => Self::Start,
            7 => Self::Put,
            8 => Self::Poll,
            _ => Self::Interval,
        }
    }

    /// The word for it in messages.
    pub fn name(self) -> &'static str {
        match self {
            Self::Planned => "planned event",
            Self::Uploaded => "object uploaded",
            Self::Processed => "batch processed",
            Self::Arrive => "write",
            Self::WriteAgain => "write retry",
            Self::Reshard => "resharding",
            Self::Start => "start of a consumer",
            Self::Put => "put into a stream",
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
            (0..10).all(|rank| Kind::of(rank) as u8 == rank && Kind::ALL[rank as usize] == Kind::of(rank))
        );
    }
}
