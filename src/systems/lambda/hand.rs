//! What a mapping holds of one shard before its lanes do.

use crate::engine::time::Nanos;
use crate::systems::kinesis::log::Record;
use crate::systems::stalls::Stalls;

/// What the mapping holds of one shard before its lanes do.
#[derive(Clone, Debug)]
pub(super) struct Hand {
    /// Read, and on the way to the function.
    pub(super) fetched: Vec<Record>,
    /// When it was read.
    pub(super) polled: Nanos,
    /// Since when there is no room to read.
    pub(super) stalled: Option<Nanos>,
    /// Since when there was none before the read that is due; later than any moment if there was.
    pub(super) stalled_from: Nanos,
    /// When there was none.
    pub(super) stalls: Stalls,
    /// Whether the read left records behind.
    pub(super) behind: bool,
    /// Whether the shard is closed and read to its end, and some of its records are not settled.
    pub(super) over: bool,
    /// The pause before its first read, in which the shard was being found: from, to.
    pub(super) pause: (Nanos, Nanos),
    /// Records that wait in its lanes.
    pub(super) waiting: u64,
    /// Lanes whose function runs.
    pub(super) running: u32,
    /// Since when there are some.
    pub(super) busy_since: Nanos,
}

impl Hand {
    /// Nothing, of a shard that is about to be read.
    pub(super) fn new() -> Self {
        Self {
            fetched: Vec::new(),
            polled: 0,
            stalled: None,
            stalled_from: Nanos::MAX,
            stalls: Stalls::default(),
            behind: false,
            over: false,
            pause: (0, 0),
            waiting: 0,
            running: 0,
            busy_since: 0,
        }
    }
}
