//! What fleets count.

use super::progress::Ended;

/// Why records are given to a worker a second time.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, PartialOrd, Ord)]
pub enum Redelivery {
    /// A worker died.
    #[default]
    Crash,
    /// A worker was stopped for a deployment.
    Deploy,
    /// A worker lost its lease: it was cut off from the lease table.
    LostLease,
    /// A shard was given to another worker.
    Rebalance,
}

impl Redelivery {
    /// All of them.
    pub const ALL: [Self; 4] = [Self::Crash, Self::Deploy, Self::LostLease, Self::Rebalance];

    /// Its name in results.
    pub fn name(self) -> &'static str {
        match self {
            Self::Crash => "crash",
            Self::Deploy => "deploy",
            Self::LostLease => "lost_lease",
            Self::Rebalance => "rebalance",
        }
    }
}

/// Counts of one fleet.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetMeter {
    /// Records processed, each once.
    pub processed: u64,
    /// Records processed again, by the reason.
    pub repeated: [u64; Redelivery::ALL.len()],
    /// Records lost: their checkpoint was written and their processing was not done.
    pub lost: u64,
    /// Records of batches whose processing threw (KWK-14).
    pub skipped: u64,
    /// Records that retention removed before they were read again, and that were not processed before.
    pub expired: u64,
    /// Records that were read, and not processed, when it was removed.
    pub after_removal: u64,
    /// Batches processed.
    pub batches: u64,
    /// The time that records took from when their batch had a processor, and of that the time at the sink; records times nanoseconds.
    pub ran: [u128; 2],
    /// Checkpoints written.
    pub checkpoints: u64,
    /// Records given to a worker again.
    pub refetched: u64,
}

impl FleetMeter {
    /// Counts what a worker did.
    pub fn count(&mut self, ended: &Ended) {
        self.batches += u64::from(ended.last);
        (self.ran[0], self.ran[1]) = (self.ran[0] + ended.took[0], self.ran[1] + ended.took[1]);
        let fresh = ended.fresh.len() as u64;
        *(if ended.thrown { &mut self.skipped } else { &mut self.processed }) += fresh;
        if !ended.thrown {
            self.repeated[ended.why as usize] += ended.repeated;
        }
    }

    /// Records processed again, for whatever reason.
    pub fn repeated_total(&self) -> u64 {
        self.repeated.iter().sum()
    }
}
