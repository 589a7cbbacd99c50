//! Order as a consumer meets it that may read records of one item from two shards side by side.

use super::ordering::{Cause, Ordering};
use crate::systems::kinesis::log::{Micros, Record, flags};

/// The newest change that a consumer has seen of an item.
#[derive(Clone, Copy, Debug, Default)]
struct Newest {
    /// When it was written, and one more; 0 before the first.
    written: Micros,
    /// In which shard it was.
    shard: u16,
}

/// What a consumer has seen of each item of the one table that feeds its stream.
#[derive(Clone, Debug, Default)]
pub struct Seen {
    newest: Vec<Newest>,
    /// Order as it met it.
    pub ordering: Ordering,
}

impl Seen {
    /// Notes a record that the consumer processes; `counted` if it is measured.
    pub fn note(&mut self, shard: usize, record: &Record, counted: bool) {
        if record.flags & flags::PAST != 0 {
            return;
        }
        let key = record.key as usize;
        if key >= self.newest.len() {
            self.newest.resize(key + 1, Newest::default());
        }
        let (newest, written) = (&mut self.newest[key], record.written + 1);
        if counted {
            self.ordering.records += 1;
            self.ordering.duplicates += u64::from(record.flags & flags::COPY != 0);
        }
        if written >= newest.written {
            *newest = Newest { written, shard: shard as u16 };
        } else if counted {
            // Within one shard, only what came late into it is late.
            let elsewhere = usize::from(newest.shard) != shard;
            let cause = match Cause::of(record.flags) {
                Cause::Delay if elsewhere => Cause::Resharding,
                cause => cause,
            };
            self.ordering.late_after(cause, newest.written - written);
        }
    }
}
