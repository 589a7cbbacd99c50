//! Fleets that begin: with what their stream held before the run, or later than the run.

use super::control::Control;
use super::{Access, FleetConsumer};
use crate::engine::time::Nanos;
use crate::pipeline::Pipeline;
use crate::units::counted;

impl FleetConsumer {
    /// Makes room for shards that have come since.
    pub fn extend(&mut self, now: Nanos, shards: usize) {
        self.fleet.grow(shards);
        self.control.grow(shards);
        match &mut self.access {
            // One that is still to be registered subscribes to nothing.
            Access::FanOut(fan_out) if self.begun.is_some() => fan_out.grow(now, shards),
            _ => {}
        }
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// A fleet begins, or one that was there before the run finds what its stream held by then.
    pub(in crate::pipeline) fn start_fleet(&mut self, now: Nanos, number: usize) {
        let consumer = &mut self.fleets[number];
        let place = &mut self.streams[consumer.stream];
        if place.stream.is_removed(consumer.reader) {
            // It was removed before it was to begin.
            return;
        }
        let polls = place.stream.start_reader(now, consumer.reader);
        let there = place.stream.behind_in_all(consumer.reader);
        match consumer.begun {
            Some(_) => place.schedule(&polls, &mut self.queue),
            None => {
                consumer.begun = Some(place.shard_nanos(now));
                self.create_fleet(now, number);
            }
        }
        let place = &self.fleets[number].place;
        self.timeline.note(now, place, format!("begins to read, with {} there", counted(there, "record")));
    }

    /// A fleet that is new: nobody has read a shard, and its workers or its job begin with those whose parents have nothing for it.
    fn create_fleet(&mut self, now: Nanos, number: usize) {
        let FleetConsumer { fleet, control, access, stream, reader, .. } = &mut self.fleets[number];
        let stream = &mut self.streams[*stream].stream;
        let shards = stream.shard_count();
        if let Access::FanOut(fan_out) = access {
            fan_out.register(shards);
        }
        match control {
            Control::Kcl(leases) => leases.create(now),
            Control::Flink(job) => job.create(now),
        }
        let mut begun = Vec::new();
        for shard in 0..shards {
            stream.hold(now, shard, *reader);
            fleet.shard_mut(shard).left = now;
            let parents = &stream.lineage().shards()[shard].parents;
            let waits = parents.iter().any(|parent| !stream.has_ended(usize::from(*parent), *reader));
            match control {
                _ if waits => {}
                Control::Kcl(leases) if stream.has_ended(shard, *reader) => leases.ended(now, shard),
                Control::Kcl(leases) => leases.offered(now, shard),
                Control::Flink(job) if stream.has_ended(shard, *reader) => job.ended(shard),
                Control::Flink(job) => {
                    job.found(shard);
                    begun.push(shard);
                }
            }
        }
        for shard in begun {
            self.begin_reading(now, number, shard, (now, false));
        }
        self.start_control(now, number);
    }
}
