//! Refused GetRecords calls by reader, shard and time, whether somebody saw them happen or they were accounted for later. They lie
//! apart from shards and readers: only a refusal touches them.

use super::read_limit::ReadRefused;
use super::stream::Stream;
use crate::engine::time::Nanos;

/// Refused calls on a shard: for exceeding its calls a second, and for exceeding its bytes a second.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Refused {
    /// Too many calls.
    pub calls: u64,
    /// Too many bytes.
    pub bytes: u64,
}

/// The refused calls of a stream's readers.
#[derive(Clone, Debug)]
pub(super) struct Refusals {
    width: Nanos,
    /// Of reader `r` on shard `s`: at `s * readers + r`, as far as any was refused.
    by_slot: Vec<Refused>,
    /// By reader, then by bin. Calls that nobody saw are counted after later ones on other shards, so bins are not in order.
    by_bin: Vec<Vec<u64>>,
}

impl Default for Refusals {
    /// One bin for all time.
    fn default() -> Self {
        Self { width: Nanos::MAX, by_slot: Vec::new(), by_bin: Vec::new() }
    }
}

impl Refusals {
    /// Counts a refused call of one of `readers` readers.
    #[cold]
    pub(super) fn note(
        &mut self,
        now: Nanos,
        (shard, reader, readers): (usize, usize, usize),
        why: ReadRefused,
    ) {
        let slot = shard * readers + reader;
        if self.by_slot.len() <= slot {
            self.by_slot.resize((shard + 1) * readers, Refused::default());
        }
        match why {
            ReadRefused::Calls => self.by_slot[slot].calls += 1,
            ReadRefused::Bytes => self.by_slot[slot].bytes += 1,
        }
        let bin = (now / self.width) as usize;
        if self.by_bin.len() < readers {
            self.by_bin.resize(readers, Vec::new());
        }
        let bins = &mut self.by_bin[reader];
        if bins.len() <= bin {
            bins.resize(bin + 1, 0);
        }
        bins[bin] += 1;
    }
}

impl Stream {
    /// Counts refused calls in bins of this width; before the first call.
    pub fn count_refusals_by(&mut self, width: Nanos) {
        self.refusals.width = width.max(1);
    }

    /// A reader's refused calls by bin. They are complete once the stream is [finished](Self::finish).
    pub fn refused_by_bin(&self, reader: usize) -> &[u64] {
        self.refusals.by_bin.get(reader).map_or(&[], Vec::as_slice)
    }

    /// A reader's refused calls on a shard; complete once the stream is [finished](Self::finish).
    pub fn refused_on(&self, shard: usize, reader: usize) -> Refused {
        let slot = self.slot(shard, reader);
        self.refusals.by_slot.get(slot).copied().unwrap_or_default()
    }
}
