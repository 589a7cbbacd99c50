//! The workers of one consumer at its sink: each writes the records of its batch, a call at a time.

use super::{Call, Sink, SinkPlan};
use crate::engine::random::Streams;
use crate::engine::time::Nanos;

/// A sink, and the calls that are under way to it: one for each shard. Whoever writes makes one call after the other, those of
/// several shards too.
#[derive(Clone, Debug)]
pub struct Writers {
    /// The sink that they share.
    pub sink: Sink,
    /// The call under way, by shard, with its writer.
    calls: Vec<Option<(Call, usize)>>,
    /// When each writer's last call is answered.
    free: Vec<Nanos>,
}

impl Writers {
    /// Writers that have written nothing; `path` names their sink.
    pub fn new(plan: &SinkPlan, draws: &Streams, path: &str, shards: usize) -> Self {
        Self { sink: Sink::new(plan, draws, path), calls: vec![None; shards], free: Vec::new() }
    }

    /// Makes room for shards up to this many.
    pub fn grow(&mut self, shards: usize) {
        self.calls.resize(shards.max(self.calls.len()), None);
    }

    /// The writer that has a shard's batch makes the next call, with as many of its `left` records as that takes. Returns when
    /// it is answered. Its time is drawn for `address`: its first record, and which try of it this is.
    pub fn begin(
        &mut self,
        now: Nanos,
        (shard, writer): (usize, usize),
        left: usize,
        address: (u64, u32),
    ) -> Nanos {
        if writer >= self.free.len() {
            self.free.resize(writer + 1, 0);
        }
        let call = self.sink.begin(now, now.max(self.free[writer]), left, address);
        self.free[writer] = call.ends;
        self.calls[shard] = Some((call, writer));
        call.ends
    }

    /// The call of a shard is over, if there is one: answered by now, or given up. Returns the records that it wrote.
    pub fn end(&mut self, now: Nanos, shard: usize) -> usize {
        let Some((call, writer)) = self.calls[shard].take() else { return 0 };
        if now < call.ends {
            self.free[writer] = self.free[writer].min(now);
        }
        self.sink.end(now, call)
    }

    /// The rest of a shard's batch is written whatever comes: the call under way, and those after it from when the batch is
    /// `ready` for them. Returns when that is done.
    pub fn finish(
        &mut self,
        (now, ready): (Nanos, Nanos),
        shard: usize,
        left: usize,
        address: (u64, u32),
    ) -> Nanos {
        let call = self.calls[shard].take();
        let written = call.map_or(0, |(call, _)| self.sink.end(call.ends, call));
        let ended = self.sink.write(now, (ready, Nanos::MAX), left - written, address).ended;
        if let Some((_, writer)) = call {
            self.free[writer] = self.free[writer].max(ended);
        }
        ended
    }
}
