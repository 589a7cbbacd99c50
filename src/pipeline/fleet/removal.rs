//! Consumers that go for good: what they have begun is finished, and nobody waits for the rest.

use super::control::{Control, Stop};
use super::{Access, FleetConsumer};
use crate::engine::time::Nanos;
use crate::pipeline::Pipeline;

impl<const FULL: bool> Pipeline<FULL> {
    /// A fleet is stopped for good, in order: batches in hand are finished and written down, and what was fetched ahead is
    /// left.
    pub(in crate::pipeline) fn remove_fleet(&mut self, now: Nanos, number: usize) {
        let consumer = &self.fleets[number];
        if consumer.removed.is_some() {
            return;
        }
        let control = &consumer.control;
        let read = (0..consumer.fleet.shards()).filter(|shard| control.worker(*shard).is_some());
        let stop = |shard| if control.may_save(shard) { Stop::InOrder } else { Stop::Refused };
        let shards: Vec<(usize, Stop)> = read.map(|shard| (shard, stop(shard))).collect();
        for (shard, stop) in shards {
            self.interrupt(now, number, shard, stop);
        }
        let FleetConsumer { fleet, control, access, stream, reader, removed, .. } = &mut self.fleets[number];
        let source = &mut self.streams[*stream];
        *removed = Some((now, source.shard_nanos(now)));
        fleet.abandon(now);
        match control {
            Control::Kcl(leases) => leases.remove(now),
            Control::Flink(job) => job.remove(now),
        }
        if let Access::FanOut(fan_out) = access {
            fan_out.end_all(now);
        }
        source.stream.remove_reader(now, *reader);
    }

    /// A function's mapping is deleted, and a registered consumer with it.
    pub(in crate::pipeline) fn remove_function(&mut self, now: Nanos, number: usize) {
        let consumer = &mut self.lambdas[number];
        let source = &mut self.streams[consumer.stream];
        consumer.deregistered.get_or_insert(source.shard_nanos(now));
        if let crate::pipeline::lambda::Access::FanOut(fan_out) = &mut consumer.access {
            fan_out.end_all(now);
        }
        source.stream.remove_reader(now, consumer.reader);
    }
}
