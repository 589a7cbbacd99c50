//! The write that took longest on one leg of the pipeline.

use super::{Happening, Observer};
use crate::engine::histogram::Histogram;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::pipeline::Pipeline;
use crate::pipeline::event::{Kind, unpack};

/// A leg whose latency is measured: where it ends.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leg {
    /// At the table, by number of the producer.
    Producer(usize),
    /// In the stream that a table feeds, by number of the table.
    Feed(usize),
    /// In a table's own stream, by number of the table.
    Streams(usize),
    /// At a polling consumer.
    Consumer(usize),
    /// In S3, by number of the delivery stream.
    Delivery(usize),
    /// At a function.
    Lambda(usize),
    /// At a fleet's worker.
    Fleet(usize),
    /// In the stream that a direct producer puts into, by number of the producer.
    Direct(usize),
    /// At the function that reads a queue, by number of the queue.
    Queue(usize),
}

/// Looks for the slowest write of a leg.
#[derive(Clone, Debug)]
pub struct Slowest {
    leg: Leg,
    longest: u64,
    /// When the work ended that the next event settles, if that was before it.
    ended: Option<Nanos>,
    /// When it was meant to be written, to the microsecond.
    pub written: Option<Nanos>,
}

impl Slowest {
    /// Of this leg.
    pub fn of(leg: Leg) -> Self {
        Self { leg, longest: 0, ended: None, written: None }
    }

    /// How long it took, microseconds.
    pub fn longest(&self) -> u64 {
        self.longest
    }
}

impl Pipeline<true> {
    fn latencies(&self, leg: Leg) -> Option<&Histogram> {
        Some(match leg {
            Leg::Producer(number) => self.writers[number].latency.histogram(),
            Leg::Feed(number) => self.tables[number].feed.as_ref()?.latency.histogram(),
            Leg::Streams(number) => self.tables[number].streams.as_ref()?.latency.histogram(),
            Leg::Consumer(number) => self.consumers[number].latency.histogram(),
            Leg::Delivery(number) => self.deliveries[number].latency.histogram(),
            Leg::Lambda(number) => self.lambdas[number].latency.histogram(),
            Leg::Fleet(number) => self.fleets[number].latency.histogram(),
            Leg::Direct(number) => self.direct[number].latency.histogram(),
            Leg::Queue(number) => self.queues[number].latency.histogram(),
        })
    }
}

impl Observer for Slowest {
    fn before(&mut self, pipeline: &Pipeline<true>, event: &Happening) {
        // What a queue's function has done counts from when it ended, though its poller may delete it later.
        let (queue, running) = unpack(event.handle);
        let is_of_queue = event.kind == Kind::Answered && self.leg == Leg::Queue(queue);
        let consumer = if is_of_queue { pipeline.queues[queue].consumer.as_ref() } else { None };
        self.ended = consumer.and_then(|consumer| consumer.ended_at(running as u32));
    }

    fn after(&mut self, pipeline: &Pipeline<true>, event: &Happening) -> bool {
        let longest = pipeline.latencies(self.leg).map_or(0, Histogram::max);
        if longest > self.longest {
            self.longest = longest;
            // Latencies end at the microsecond of their last event.
            let ended = self.ended.unwrap_or(event.at) / MICROSECOND;
            self.written = Some((ended - longest) * MICROSECOND);
        }
        false
    }
}
