//! Streams whose capacity moves: looks at the end of every minute, changes that are due, calls that were planned.

use super::Pipeline;
use super::event::{Kind, pack, unpack};
use crate::engine::time::Nanos;
use crate::systems::kinesis::capacity::{CapacityChange, Followed};
use crate::systems::kinesis::reshard::StreamStatus;

/// What a look is for.
const MINUTE_ENDS: usize = 0;
const CHANGE_DUE: usize = 1;

impl<const FULL: bool> Pipeline<FULL> {
    /// Schedules the first look at every stream whose capacity moves.
    pub(super) fn start_looks(&mut self) {
        for number in 0..self.streams.len() {
            let source = &mut self.streams[number];
            source.stream.set_on_demand(source.on_demand.is_on());
            self.look_next_minute(0, number);
        }
    }

    fn look_next_minute(&mut self, now: Nanos, number: usize) {
        if let Some(capacity) = &self.streams[number].capacity {
            self.looks += 1;
            self.queue.push(capacity.next_minute(now), Kind::Capacity as u8, pack(MINUTE_ENDS, number));
        }
    }

    /// A minute has ended, or a change is due.
    #[cold]
    pub(super) fn look_at_capacity(&mut self, now: Nanos, handle: u32) {
        let (what, number) = unpack(handle);
        let others = self.provisioned_elsewhere(number);
        let source = &mut self.streams[number];
        source.settle_hours(now);
        let Some(capacity) = &mut source.capacity else { return };
        let followed = match what {
            CHANGE_DUE => capacity.look(now, &mut source.stream, others),
            _ => capacity.close_minute(now, &mut source.stream, others),
        };
        self.follow(now, number, followed);
        if what == MINUTE_ENDS {
            self.looks -= 1;
            // Looks alone do not keep a run going.
            if self.queue.len() > self.looks || self.next_write.at <= self.arrivals_end {
                self.look_next_minute(now, number);
            }
        }
    }

    /// A planned event asks for another capacity of a stream.
    pub(super) fn change_stream(&mut self, now: Nanos, number: usize, change: CapacityChange) {
        let others = self.provisioned_elsewhere(number);
        let source = &mut self.streams[number];
        source.settle_hours(now);
        let Some(capacity) = &mut source.capacity else { return };
        let followed = capacity.change(now, &mut source.stream, others, change);
        self.follow(now, number, followed);
    }

    /// Open shards of the provisioned streams but one: they share the account's quota (KDS-S3).
    fn provisioned_elsewhere(&self, number: usize) -> u64 {
        // Those of Kinesis come first; behind them are tables' streams and what stands for Direct PUT.
        let of_kinesis = self.streams.iter().take(self.kinesis_streams);
        let others = of_kinesis.enumerate().filter(|(other, _)| *other != number);
        let provisioned = others.filter(|(_, source)| !source.on_demand.is_on());
        provisioned.map(|(_, source)| source.stream.lineage().open().len() as u64).sum()
    }

    fn follow(&mut self, now: Nanos, number: usize, followed: Followed) {
        if followed.opened {
            self.meet_new_shards(now, number);
            let shards = self.streams[number].stream.shard_count();
            self.fingerprint.outcome(now, (number as u64) << 32 | shards as u64, 8);
        }
        let source = &mut self.streams[number];
        source.schedule(&followed.polls, &mut self.queue);
        if FULL && source.era.updating && source.stream.status() == StreamStatus::Active {
            // The service has given up what it was at.
            source.turn_era(now, false);
        }
        if followed.switched {
            // Stretches end with the measured span.
            if source.moved.is_none() {
                source.modes.push(source.snapshot(now));
            }
            source.switch_mode(now);
            if FULL {
                source.turn_era(now, false);
            }
        }
        for note in followed.notes {
            self.timeline.note(now, &source.place, note);
        }
        if let Some(at) = followed.look {
            self.queue.push(at, Kind::Capacity as u8, pack(CHANGE_DUE, number));
        }
        if let Some(due) = followed.step {
            self.begin_resharding(now, number, due);
        }
    }
}
