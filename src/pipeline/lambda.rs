//! From the stream to functions: polls and pushes, and the invocations that follow from them.

use super::Pipeline;
use super::event::{Kind, pack, unpack};
use crate::engine::random::Keyed;
use crate::engine::sampler::Sampler;
use crate::engine::time::{MICROSECOND, Nanos, round};
use crate::measure::latency::Latency;
use crate::measure::ledger::Account;
use crate::measure::series::Series;
use crate::scenario::path::resource;
use crate::systems::kinesis::fan_out::FanOut;
use crate::systems::lambda::mapping::{Mapping, Next, PARTS};

/// Columns of a function's series.
pub mod column {
    /// Records processed.
    pub const RECORDS: usize = 0;
    /// `Invocations`.
    pub const INVOCATIONS: usize = 1;
    /// `Errors`.
    pub const ERRORS: usize = 2;
    /// `Throttles`.
    pub const THROTTLES: usize = 3;
    /// `ConcurrentExecutions`, peak.
    pub const CONCURRENCY: usize = 4;
    /// `IteratorAge` peak at hand-off, microseconds (LAM-M1).
    pub const ITERATOR_AGE: usize = 5;
    /// The same when processing ends, as AWS's other page defines it (LAM-M1).
    pub const ITERATOR_AGE_AT_END: usize = 6;
    /// `ReadProvisionedThroughputExceeded`.
    pub const REFUSED: usize = 7;
    /// How many there are.
    pub const COUNT: usize = 8;
}

/// How a mapping gets at its stream.
#[derive(Clone, Debug)]
pub enum Access {
    /// By polls; what they return takes a while to reach the function.
    Shared {
        /// How long.
        delivery: Sampler,
        /// The draws for it.
        draws: Keyed,
    },
    /// By pushes.
    FanOut(Box<FanOut>),
}

/// One function with its mapping at work.
#[derive(Clone, Debug)]
pub struct LambdaConsumer {
    /// The mapping and its function.
    pub mapping: Mapping,
    /// How it reads.
    pub access: Access,
    /// Number of the stream it reads.
    pub stream: usize,
    /// Its number among the stream's readers.
    pub reader: usize,
    /// Its number among the handles of readers' polls.
    pub handle: usize,
    /// From the intended write to the end of the invocation that processed it.
    pub latency: Latency<{ PARTS.len() }>,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

impl LambdaConsumer {
    /// Makes room for shards that have come since.
    pub fn extend(&mut self, now: Nanos, shards: usize) {
        self.mapping.grow(shards);
        if let Access::FanOut(fan_out) = &mut self.access {
            fan_out.grow(now, shards);
        }
    }

    /// What was pushed to it, if it is pushed to.
    pub fn fan_out(&self) -> Option<&FanOut> {
        match &self.access {
            Access::Shared { .. } => None,
            Access::FanOut(fan_out) => Some(fan_out),
        }
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// A poll of a shard is due, or records wait to be pushed.
    pub(super) fn read_for_function(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.lambdas[number];
        if self.streams[consumer.stream].stream.is_removed(consumer.reader) {
            return;
        }
        if !consumer.mapping.has_room(now, shard) {
            // Blocked by its own records: read on when some are processed.
            return;
        }
        match consumer.access {
            Access::Shared { .. } => self.poll_for_function(now, number, shard),
            Access::FanOut(_) => self.push_to_function(now, number, shard),
        }
    }

    fn poll_for_function(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.lambdas[number];
        let Access::Shared { delivery, draws } = &consumer.access else { return };
        let place = &mut self.streams[consumer.stream];
        let out = consumer.mapping.read(now, shard);
        let outcome = place.stream.get_records(now, shard, consumer.reader, u32::MAX, out);
        if outcome.is_err() && FULL {
            consumer.series.add(now, column::REFUSED, 1);
        }
        if out.is_empty() {
            // Refused, or nothing was there: the next poll of the clock.
            if place.stream.sleep_if_drained(now, shard, consumer.reader) {
                return self.rest_on_shard(now, number, shard);
            }
            let at = place.stream.next_poll(now + 1, shard, consumer.reader);
            return self.queue.push(at, Kind::Poll as u8, pack(consumer.handle, shard));
        }
        let behind = place.stream.behind(shard, consumer.reader) > 0;
        consumer.mapping.left_behind(shard, behind);
        let delay = round(delivery.sample(&mut draws.draws(now, shard as u32)));
        self.queue.push(now + delay, Kind::Fetched as u8, pack(number, shard));
    }

    /// Records wait for a registered consumer: their push arrives now or later.
    fn push_to_function(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.lambdas[number];
        let Access::FanOut(fan_out) = &mut consumer.access else { return };
        let place = &mut self.streams[consumer.stream];
        let Some(oldest) = place.stream.oldest(now, shard, consumer.reader) else {
            if place.stream.is_closed(shard) {
                fan_out.end(now, shard);
            }
            let _drained = place.stream.sleep_if_drained(now, shard, consumer.reader);
            return self.rest_on_shard(now, number, shard);
        };
        let at = fan_out.arrives(now, shard, &oldest);
        if at > now {
            return self.queue.push(at, Kind::Poll as u8, pack(consumer.handle, shard));
        }
        let out = consumer.mapping.read(now, shard);
        fan_out.receive(now, shard, &oldest, (&mut place.stream, consumer.reader), out);
        consumer.mapping.left_behind(shard, true);
        self.fetched(now, pack(number, shard));
    }

    /// Records have reached the function's lanes; the shard is read on.
    pub(super) fn fetched(&mut self, now: Nanos, handle: u32) {
        let (number, shard) = unpack(handle);
        let consumer = &mut self.lambdas[number];
        let lanes = consumer.mapping.arrive(now, shard);
        for lane in lanes {
            self.look_at_lane(now, number, lane);
        }
        let behind = self.lambdas[number].mapping.is_behind(shard);
        self.read_on(now, number, shard, behind);
    }

    /// A shard that was left with records is read again at once, another one at its next poll, an empty one after its
    /// next record (LAM-P1).
    fn read_on(&mut self, now: Nanos, number: usize, shard: usize, at_once: bool) {
        let consumer = &mut self.lambdas[number];
        let place = &mut self.streams[consumer.stream];
        if place.stream.sleep_if_drained(now, shard, consumer.reader) {
            return self.rest_on_shard(now, number, shard);
        }
        let at = if at_once { now } else { place.stream.next_poll(now, shard, consumer.reader) };
        self.queue.push(at, Kind::Poll as u8, pack(consumer.handle, shard));
    }

    /// Nothing waits on a shard. If it is closed, its children are read once all of its own records are settled (KDS-S7).
    fn rest_on_shard(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.lambdas[number];
        let place = &mut self.streams[consumer.stream];
        let closed = place.stream.is_closed(shard);
        if consumer.mapping.rest(shard, closed) {
            place.rest(now, shard, consumer.reader, &mut self.queue);
        }
    }

    /// A window or a wait of a lane may be over.
    pub(super) fn lane_timer(&mut self, now: Nanos, handle: u32) {
        let (number, lane) = unpack(handle);
        self.lambdas[number].mapping.timer_came(now, lane);
        self.look_at_lane(now, number, lane);
    }

    /// Does what a lane has to do next.
    fn look_at_lane(&mut self, now: Nanos, number: usize, lane: usize) {
        loop {
            let mapping = &mut self.lambdas[number].mapping;
            match mapping.next(now, lane) {
                Next::Nothing => break,
                Next::At(at) => {
                    if mapping.set_timer(lane, at) {
                        self.queue.push(at, Kind::Lane as u8, pack(number, lane));
                    }
                    break;
                }
                Next::Invoke => self.invoke(now, number, lane),
            }
        }
        // A batch that was made leaves room to read on.
        let mapping = &mut self.lambdas[number].mapping;
        let shard = mapping.shard_of(lane);
        if mapping.resume(shard) {
            self.read_on(now, number, shard, true);
        } else if mapping.is_over(shard) {
            self.rest_on_shard(now, number, shard);
        }
    }

    /// Invokes a function, if the account has room for it.
    fn invoke(&mut self, now: Nanos, number: usize, lane: usize) {
        let LambdaConsumer { mapping, series, .. } = &mut self.lambdas[number];
        let account = &mut self.account;
        match account.start(now, &mut mapping.share, &mut mapping.environments) {
            Err(why) => {
                mapping.refused(now, lane, why);
                if FULL {
                    series.add(now, column::THROTTLES, 1);
                }
            }
            Ok(cold) => {
                if FULL {
                    let age = mapping.last_of_part(lane).map_or(0, |last| now / MICROSECOND - last.appended);
                    series.add(now, column::INVOCATIONS, 1);
                    series.raise(now, column::ITERATOR_AGE, age);
                    series.raise(now, column::CONCURRENCY, u64::from(mapping.share.in_use()));
                }
                let end = mapping.start(now, lane, cold);
                self.queue.push(end, Kind::Returned as u8, pack(number, lane));
            }
        }
    }

    /// A function has ended.
    pub(super) fn returned(&mut self, now: Nanos, handle: u32) {
        let (number, lane) = unpack(handle);
        let LambdaConsumer { mapping, series, latency, .. } = &mut self.lambdas[number];
        self.account.end(now, &mut mapping.share, &mut mapping.environments);
        let errors = mapping.meter.errors;
        if FULL {
            let age = mapping.last_of_part(lane).map_or(0, |last| now / MICROSECOND - last.appended);
            series.raise(now, column::ITERATOR_AGE_AT_END, age);
        }
        let (done, moments) = mapping.ended(now, lane);
        let count = done.len() as u64;
        for held in &mapping.batch(lane)[done] {
            if self.cohort.has(held.record.written) {
                latency.record(moments.parts(held));
            }
        }
        if FULL {
            series.add(now, column::RECORDS, count);
            series.add(now, column::ERRORS, mapping.meter.errors - errors);
        }
        self.fingerprint.outcome(now, u64::from(handle) << 32 | count, 7);
        mapping.settle(now, lane);
        self.look_at_lane(now, number, lane);
    }

    /// What became of the records of a function's stream; what waits is counted where it lies.
    pub(super) fn lambda_account(&self, name: &str, end: Nanos, consumer: &LambdaConsumer) -> Account {
        let source = &self.streams[consumer.stream];
        let removed = source.stream.is_removed(consumer.reader);
        let (waiting, expired) = if removed { (0, 0) } else { source.stream.waiting(end, consumer.reader) };
        let meter = &consumer.mapping.meter;
        let mut account = Account {
            path: resource("consumers", name),
            entered: vec![("records", source.stream.appended_total())],
            fates: vec![
                ("processed", meter.processed),
                ("filtered", meter.filtered),
                ("on_failure", meter.on_failure),
                ("discarded", meter.discarded),
                ("in_hand", consumer.mapping.in_hand()),
                ("waiting", waiting),
                ("expired", expired + meter.expired + source.meter(consumer.reader).expired),
            ],
        };
        if removed {
            account.fates.push(("after_removal", source.stream.after_removal(end, consumer.reader)));
        }
        account
    }
}
