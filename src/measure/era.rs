//! A stream's load between two changes of its shards: how even it is before, during and after a resharding (Q5).

use super::shard_load::{ShardLoad, Traffic};
use crate::engine::time::Nanos;

/// One span in the life of a stream.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Era {
    /// When it began.
    pub from: Nanos,
    /// When it ended.
    pub to: Nanos,
    /// Whether the stream was being resharded.
    pub updating: bool,
    /// Traffic of this span by shard, closed shards included.
    pub traffic: Vec<Traffic>,
    /// The shards that were open at its end, in the order of their hash keys.
    pub open: Vec<u16>,
}

impl Era {
    /// An era that begins now; until it ends, `traffic` is what every shard had taken before.
    pub fn begin(now: Nanos, updating: bool, loads: &[ShardLoad]) -> Self {
        let traffic = loads.iter().map(ShardLoad::so_far).collect();
        Self { from: now, to: now, updating, traffic, open: Vec::new() }
    }

    /// Ends it, with what every shard has taken by now.
    pub fn end(mut self, now: Nanos, open: &[u16], loads: &[ShardLoad]) -> Self {
        self.traffic.resize(loads.len(), Traffic::default());
        for (traffic, load) in self.traffic.iter_mut().zip(loads) {
            *traffic = load.so_far().since(*traffic);
        }
        self.to = now;
        self.open = open.to_vec();
        self
    }
}
