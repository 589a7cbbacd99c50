//! Shards that close and open while the run goes on.

use super::Pipeline;
use super::event::Kind;
use super::source::StreamSource;
use crate::engine::time::Nanos;
use crate::measure::era::Era;
use crate::measure::shard_load::ShardLoad;
use crate::scenario::timeline::{SplitAt, Which};
use crate::systems::kinesis::exception::Exception;
use crate::units::counted;

impl<const FULL: bool> Pipeline<FULL> {
    /// SplitShard on one stream.
    ///
    /// # Errors
    /// What AWS would answer.
    pub fn split_shard(
        &mut self,
        now: Nanos,
        stream: usize,
        shard: usize,
        at: u128,
    ) -> Result<(), Exception> {
        let due = self.streams[stream].stream.split_shard(now, shard, at)?;
        self.begin_resharding(now, stream, due);
        Ok(())
    }

    /// SplitShard of a shard that a plan names or describes.
    pub(super) fn split_planned(
        &mut self,
        now: Nanos,
        number: usize,
        which: Which,
        at: SplitAt,
    ) -> Result<(), Exception> {
        let stream = &self.streams[number].stream;
        let shard = match which {
            Which::Number(shard) => shard,
            Which::Hottest => stream.hottest(now),
        };
        let at = match (at, stream.lineage().shard(shard)) {
            (SplitAt::HashKey(at), _) => at,
            (SplitAt::Share(share), Some(kin)) => {
                let width = kin.end - kin.start;
                kin.start + ((width as f64 * share) as u128).clamp(width.min(1), width)
            }
            (SplitAt::Share(_), None) => 0,
        };
        self.split_shard(now, number, shard, at)
    }

    /// MergeShards on one stream.
    ///
    /// # Errors
    /// What AWS would answer.
    pub fn merge_shards(
        &mut self,
        now: Nanos,
        stream: usize,
        one: usize,
        other: usize,
    ) -> Result<(), Exception> {
        let due = self.streams[stream].stream.merge_shards(now, one, other)?;
        self.begin_resharding(now, stream, due);
        Ok(())
    }

    /// UpdateShardCount on one stream.
    ///
    /// # Errors
    /// What AWS would answer.
    pub fn update_shard_count(&mut self, now: Nanos, stream: usize, target: u32) -> Result<(), Exception> {
        let due = self.streams[stream].stream.update_shard_count(now, target)?;
        self.begin_resharding(now, stream, due);
        Ok(())
    }

    pub(super) fn begin_resharding(&mut self, now: Nanos, stream: usize, due: Nanos) {
        if FULL {
            self.streams[stream].turn_era(now, true);
        }
        self.queue.push(due, Kind::Reshard as u8, stream as u32);
    }

    /// Gives the readers of a stream room for all shards that it has now.
    pub(super) fn make_room(&mut self, now: Nanos, stream: usize) {
        let shards = self.streams[stream].stream.shard_count();
        for consumer in self.consumers.iter_mut().filter(|consumer| consumer.stream == stream) {
            consumer.polling.extend(shards);
        }
        for delivery in self.deliveries.iter_mut().filter(|delivery| delivery.stream == stream) {
            delivery.firehose.extend(shards);
        }
        for consumer in self.lambdas.iter_mut().filter(|consumer| consumer.stream == stream) {
            consumer.extend(now, shards);
        }
        for consumer in self.fleets.iter_mut().filter(|consumer| consumer.stream == stream) {
            consumer.extend(now, shards);
        }
    }

    /// One step of a resharding takes effect.
    pub(super) fn reshard(&mut self, now: Nanos, handle: u32) {
        let number = handle as usize;
        let source = &mut self.streams[number];
        source.settle_hours(now);
        let Some(stepped) = source.stream.reshard(now) else { return };
        let shards = source.stream.shard_count();
        self.meet_new_shards(now, number);
        let source = &mut self.streams[number];
        if let Some(why) = stepped.refused {
            self.timeline.note(
                now,
                &source.place,
                format!("a step is refused, and with it all that follow: {why}"),
            );
        }
        if FULL && stepped.next.is_none() {
            source.turn_era(now, false);
            let open = source.stream.lineage().open().len();
            self.timeline.note(
                now,
                &source.place,
                format!("ACTIVE with {}", counted(open as u64, "open shard")),
            );
        }
        source.schedule(&stepped.polls, &mut self.queue);
        if let Some(next) = stepped.next {
            self.queue.push(next, Kind::Reshard as u8, handle);
        }
        self.fingerprint.outcome(now, u64::from(handle) << 32 | shards as u64, 8);
    }

    /// Everyone who counts a stream's shards learns that there are more.
    pub(super) fn meet_new_shards(&mut self, now: Nanos, number: usize) {
        let source = &mut self.streams[number];
        let shards = source.stream.shard_count();
        if FULL {
            source.loads.resize_with(shards, || ShardLoad::opened(now));
        }
        self.make_room(now, number);
    }
}

impl StreamSource {
    /// Ends the era under way and begins the next one.
    pub(super) fn turn_era(&mut self, now: Nanos, updating: bool) {
        let next = Era::begin(now, updating, &self.loads);
        let ended = std::mem::replace(&mut self.era, next);
        self.eras.push(ended.end(now, self.stream.lineage().open(), &self.loads));
    }
}
