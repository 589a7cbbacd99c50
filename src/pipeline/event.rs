//! The kinds of events, in the order in which they happen at one instant.

/// Declares the kinds once: their place in the list is their rank.
macro_rules! kinds {
    ($($(#[$doc:meta])* $kind:ident $name:literal,)*) => {
        /// What an event is. Its place in the list is its rank: at equal times, lower ranks go first.
        #[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
        #[repr(u8)]
        pub enum Kind {
            $($(#[$doc])* $kind,)*
        }

        impl Kind {
            /// All kinds, by rank.
            pub const ALL: &[Self] = &[$(Self::$kind,)*];

            /// The kind with this rank; ranks come from kinds.
            #[inline]
            pub fn of(rank: u8) -> Self {
                match rank {
                    $(rank if rank == Self::$kind as u8 => Self::$kind,)*
                    _ => Self::Interval,
                }
            }

            /// The word for it in messages.
            pub fn name(self) -> &'static str {
                match self {
                    $(Self::$kind => $name,)*
                }
            }
        }
    };
}

kinds! {
    /// A planned event begins or ends. First of all, so that everything at this instant meets the new state.
    Planned "planned event",
    /// An object is complete. Before all traffic, so that whoever acts now finds it.
    Uploaded "object uploaded",
    /// A consumer has processed a batch. Before polls, so that its worker is free for one that is due now.
    Processed "batch processed",
    /// A function has ended. Before polls and pushes, so that its lane and its concurrency are free for what comes now.
    Returned "function ended",
    /// A function that reads a queue has ended. Likewise.
    Answered "function on a queue ended",
    /// A function that transforms a delivery stream's records has ended, or is tried again. Before polls likewise.
    Transformed "transformation ended",
    /// A fleet's worker has a batch, has processed one or has written a checkpoint. Likewise before polls.
    Worked "turn of a worker",
    /// A direct producer's call is answered. Before new records, so that its connection is free for them.
    Replied "reply to a direct producer",
    /// A producer writes. Before all that follows from writes.
    Arrive "write",
    /// A producer's client tries a refused write again: after first tries, which came in no later.
    WriteAgain "write retry",
    /// A direct producer makes a record. With the writes, after those to tables.
    Record "record of a direct producer",
    /// A direct producer makes a failed call again: after new records, which found its connection taken.
    CallAgain "call made again",
    /// A direct producer's gathering may be over: after records of this instant, which go along.
    Gathered "end of gathering",
    /// A stream's capacity is looked at: on-demand mode, a scaling policy, a change that is due. Before puts likewise.
    Capacity "look at a stream's capacity",
    /// Shards of a stream close and their children open. Before puts, which meet the new shards.
    Reshard "resharding",
    /// A shard of a DynamoDB stream closes and a child opens. Likewise before what is put there.
    RollOver "rollover of a shard",
    /// A consumer begins to read. Before polls, of which it may make one at once.
    Start "start of a consumer",
    /// Something is due about the lease of a shard. Before polls, so that its new worker polls at once.
    Lease "turn of a lease",
    /// Leases are taken or assigned, CPU is reported, a job makes its checkpoint. After what changes hands at this instant.
    Control "look at a fleet",
    /// A change reaches its stream. Before polls, so that a poll at the same instant finds it. Writes alone plan these, in their
    /// own order: that lets them be made ahead.
    Put "put into a stream",
    /// A refused change is put again: after first tries of this instant, in whatever order both were planned.
    PutAgain "put tried again",
    /// A direct producer's call reaches its stream: before polls likewise, after the changes, which are older.
    PutRecords "call of a direct producer",
    /// A change becomes visible in its table's DynamoDB stream. Before polls likewise.
    Publish "change visible in a DynamoDB stream",
    /// Messages can be received from a queue. After what sends them.
    Visible "messages at a queue's pollers",
    /// A reader finds the children of a shard that it has read to its end. Before polls, which may be of those.
    Discover "children of a shard found",
    /// A reader polls a shard.
    Poll "poll of a shard",
    /// What a poll returned has reached a function. After the polls that may have returned it at once.
    Fetched "records at a function",
    /// A batching window or a wait of a function's lane ends. After what comes in at this instant, which still belongs to
    /// the window.
    Lane "end of a batching window or wait",
    /// The pollers of a queue look again. After what comes in at this instant, likewise.
    Pollers "look of a queue's pollers",
    /// The interval of a transformation's buffer ends. After what comes in at this instant, which goes along.
    Transform "end of a transformation's interval",
    /// A buffer's interval ends. Last, so that what is read at this instant still belongs to the buffer.
    Interval "end of a buffer interval",
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
        for (rank, kind) in Kind::ALL.iter().enumerate() {
            assert!(Kind::of(rank as u8) == *kind && *kind as usize == rank);
        }
    }
}
