//! How old what a fleet reads is, and what waits for it on shards that nobody reads.
//!
//! While a shard has no worker, no call tells how far behind it is. Its records wait all the same, and whoever watches the
//! fleet has to see that.

use super::{FleetConsumer, column};
use crate::engine::time::{MICROSECOND, Nanos};
use crate::measure::series::Series;
use crate::pipeline::Pipeline;
use crate::systems::kinesis::log::Micros;
use crate::systems::kinesis::stream::Stream;

/// Records were read, the last of which came into the stream at `appended`.
pub(super) fn note_age(series: &mut Series<{ column::COUNT }>, now: Nanos, appended: Micros) {
    let age = (now / MICROSECOND).wrapping_sub(appended);
    let bin = series.bin(now);
    for column in [column::ITERATOR_AGE, column::READ_AGE] {
        bin[column] = bin[column].max(age);
    }
}

impl FleetConsumer {
    /// So many records are read again.
    pub(super) fn note_read_again(&mut self, now: Nanos, shard: usize, records: usize) {
        let last = records.checked_sub(1).and_then(|last| self.fleet.shard(shard).to_refetch(last));
        if let Some(appended) = last.map(|record| record.appended) {
            note_age(&mut self.series, now, appended);
        }
    }

    /// Nobody read a shard between these moments: its oldest record waited meanwhile.
    pub(super) fn note_unread(&mut self, (since, until): (Nanos, Nanos), shard: usize, stream: &Stream) {
        let again = self.fleet.shard(shard).to_refetch(0).map(|record| record.appended);
        let Some(oldest) = again.or_else(|| stream.oldest_waiting(shard, self.reader)) else { return };
        // What arrived before the run did so at moments that wrap around below 0.
        let from = since.max(oldest.checked_mul(MICROSECOND).unwrap_or(0));
        if from < until {
            let age = |at: Nanos| (at / MICROSECOND).wrapping_sub(oldest);
            self.series.raise_between((from, until), column::ITERATOR_AGE, age);
        }
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// Notes what waits at the end on shards that nobody reads.
    pub(super) fn note_unread_at(&mut self, end: Nanos) {
        for consumer in &mut self.fleets {
            let stream = &self.streams[consumer.stream].stream;
            if !stream.has_started(consumer.reader) || stream.is_removed(consumer.reader) {
                continue;
            }
            for shard in 0..consumer.fleet.shards() {
                if consumer.control.worker(shard).is_none() {
                    let since = consumer.fleet.shard(shard).left;
                    consumer.note_unread((since, end), shard, stream);
                }
            }
        }
    }
}
