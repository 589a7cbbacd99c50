//! From the stream to functions: polls and pushes, and the invocations that follow from them.

use super::Pipeline;
use super::event::{Kind, pack, unpack};
use super::processed::Following;
use crate::engine::random::Keyed;
use crate::engine::sampler::Sampler;
use crate::engine::time::{MICROSECOND, Nanos, round};
use crate::measure::latency::Latency;
use crate::measure::ledger::Account;
use crate::measure::ordering::Cause;
use crate::measure::series::Series;
use crate::scenario::path::resource;
use crate::systems::kinesis::fan_out::FanOut;
use crate::systems::kinesis::log::Record;
use crate::systems::lambda::mapping::{Mapping, Next, PARTS, Role};
use crate::systems::sqs::requests::requests;
use crate::units::counted;

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
    /// `SubscribeToShardEvent.Records` (KDS-M5).
    pub const PUSHED_RECORDS: usize = 8;
    /// `SubscribeToShardEvent.Bytes`.
    pub const PUSHED_BYTES: usize = 9;
    /// `SubscribeToShardEvent.MillisBehindLatest` peak, microseconds.
    pub const PUSHED_BEHIND: usize = 10;
    /// How many there are.
    pub const COUNT: usize = 11;
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

/// A mapping that is created while the run goes on.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Creation {
    /// When.
    pub at: Nanos,
    /// Records in the stream by then, once it is.
    before: Option<u64>,
    /// Records that came between then and its first poll, once it has begun.
    pub meanwhile: Option<u64>,
}

impl Creation {
    /// A mapping that is still to be created.
    pub fn planned(at: Nanos) -> Self {
        Self { at, before: None, meanwhile: None }
    }

    /// Notes its creation, and then its start, with the records in the stream by then. Returns whether it starts.
    fn step(&mut self, appended: u64) -> bool {
        match self.before {
            None => self.before = Some(appended),
            Some(before) => self.meanwhile = Some(appended - before),
        }
        self.meanwhile.is_some()
    }
}

/// One function with its mapping at work.
#[derive(Clone, Debug)]
pub struct LambdaConsumer {
    /// Its path, such as `consumers.search`.
    pub place: String,
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
    /// The table whose DynamoDB stream it reads, if it does.
    pub of_table: Option<usize>,
    /// How long it stands at the end of a DynamoDB stream's shard before it reads the children.
    pub discovery: Nanos,
    /// Whether it begins within the run, or with something that was there before it.
    pub begins: bool,
    /// Who reads, and what runs.
    pub role: Role,
    /// Requests that a pipe is billed for, each started 64 KB of a batch one: first tries, later ones (EBP-4).
    pub pipe_requests: [u64; 2],
    /// Numbers of the queues that it sends its records to.
    pub sends_to: Vec<usize>,
    /// The stream's shards times nanoseconds by the time when it was registered with it (KDS-E1), once it is.
    pub registered: Option<u128>,
    /// The same by the time when it was removed.
    pub deregistered: Option<u128>,
    /// How its mapping came into being, if that was within the run.
    pub creation: Option<Creation>,
    /// Order of what it processes, if it may process something again.
    pub following: Option<Box<Following>>,
    /// From the intended write to the end of the invocation that processed it.
    pub latency: Latency<{ PARTS.len() }>,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

impl LambdaConsumer {
    /// The age of the last record of what a lane has the function run with: since its arrival in the stream, or, of a
    /// DynamoDB stream, since the whole second in which its item was written (DDS-F2).
    fn iterator_age(&self, now: Nanos, lane: usize) -> u64 {
        let since = |last: &Record| match self.of_table {
            Some(_) => last.written / 1_000_000 * 1_000_000,
            None => last.appended,
        };
        self.mapping.last_of_part(lane).map_or(0, |last| (now / MICROSECOND).wrapping_sub(since(last)))
    }

    /// Makes room for shards that have come since.
    pub fn extend(&mut self, now: Nanos, shards: usize) {
        self.mapping.grow(shards);
        match &mut self.access {
            // One that is still to be registered subscribes to nothing.
            Access::FanOut(fan_out) if self.registered.is_some() => fan_out.grow(now, shards),
            _ => {}
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
        let stream = &self.streams[consumer.stream].stream;
        if stream.is_removed(consumer.reader) {
            return;
        }
        if now < stream.paused_until(consumer.reader) {
            let at = stream.next_poll(stream.paused_until(consumer.reader), shard, consumer.reader);
            return self.queue.push(at, Kind::Poll as u8, pack(consumer.handle, shard));
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
        place.note_age(now, out);
        if let (true, Ok(bytes), Some(table)) = (FULL, outcome, consumer.of_table) {
            self.tables[table].note_returned(now, out.len() as u64, bytes);
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
        if FULL {
            let bytes = out.iter().map(|record| u64::from(record.bytes)).sum();
            consumer.series.add(now, column::PUSHED_RECORDS, out.len() as u64);
            consumer.series.add(now, column::PUSHED_BYTES, bytes);
            let behind = out.last().map_or(0, |last| (now / MICROSECOND).wrapping_sub(last.appended));
            consumer.series.raise(now, column::PUSHED_BEHIND, behind);
        }
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
        if place.stream.is_removed(consumer.reader) {
            return;
        }
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
        if !consumer.mapping.rest(shard, closed) {
            if closed {
                self.end_windows(now, number, shard);
            }
            return;
        }
        if consumer.discovery > 0 {
            let at = now + consumer.discovery;
            return self.queue.push(at, Kind::Discover as u8, pack(consumer.handle, shard));
        }
        place.rest(now, shard, consumer.reader, &mut self.queue);
    }

    /// A closed shard is read to its end: its tumbling windows end with it (LAM-W1).
    #[cold]
    fn end_windows(&mut self, now: Nanos, number: usize, shard: usize) {
        let mapping = &mut self.lambdas[number].mapping;
        let lanes: Vec<usize> = mapping.windows_left(shard).collect();
        for lane in lanes {
            if mapping.set_timer(lane, now) {
                self.queue.push(now, Kind::Lane as u8, pack(number, lane));
            }
        }
    }

    /// A mapping has found the children of a DynamoDB stream's shard (DDS-Y2).
    pub(super) fn function_discovers(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.lambdas[number];
        let place = &mut self.streams[consumer.stream];
        let polls = place.stream.turn_to_children(now, shard, consumer.reader);
        place.schedule(&polls, &mut self.queue);
        for child in &place.stream.lineage().shards()[shard].children {
            consumer.mapping.found(usize::from(*child), (now - consumer.discovery, now));
        }
    }

    /// A mapping is created, or begins to read (LAM-P5).
    pub(super) fn start_function(&mut self, now: Nanos, number: usize) {
        let consumer = &mut self.lambdas[number];
        let place = &mut self.streams[consumer.stream];
        if place.stream.is_removed(consumer.reader) {
            // It was removed before it was to begin.
            return;
        }
        let appended = place.stream.appended_total();
        if !consumer.creation.as_mut().is_none_or(|creation| creation.step(appended)) {
            return self.timeline.note(now, &consumer.place, "its mapping is created");
        }
        let polls = place.stream.start_reader(now, consumer.reader);
        place.schedule(&polls, &mut self.queue);
        if let (Access::FanOut(fan_out), None) = (&mut consumer.access, consumer.registered) {
            fan_out.grow(now, place.stream.shard_count());
            consumer.registered = Some(place.shard_nanos(now));
        }
        if now > 0 {
            let there = place.stream.behind_in_all(consumer.reader);
            let what = format!("begins to read, with {} there", counted(there, "record"));
            self.timeline.note(now, &consumer.place, what);
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
        let age = if FULL { self.lambdas[number].iterator_age(now, lane) } else { 0 };
        let LambdaConsumer { mapping, series, role, pipe_requests, .. } = &mut self.lambdas[number];
        let account = &mut self.account;
        let let_in = match role.runs_function() {
            true => account.start(now, &mut mapping.share, &mut mapping.environments),
            false => Ok(false),
        };
        if role.is_pipe() && let_in.is_ok() {
            let (payload, again) = mapping.payload_of_part(lane);
            pipe_requests[usize::from(again)] += requests(payload);
        }
        match let_in {
            Err(why) => {
                mapping.refused(now, lane, why);
                if FULL {
                    series.add(now, column::THROTTLES, 1);
                }
            }
            Ok(cold) => {
                if FULL {
                    series.add(now, column::INVOCATIONS, 1);
                    series.raise(now, column::ITERATOR_AGE, age);
                    series.raise(now, column::CONCURRENCY, u64::from(mapping.share.in_use()));
                }
                let queues = &mut self.queues;
                let turns = &mut |queue: usize, at| queues[queue].queue.sends.call(now, at);
                let end = mapping.start(now, lane, cold, turns);
                self.queue.push(end, Kind::Returned as u8, pack(number, lane));
            }
        }
    }

    /// A function has ended.
    pub(super) fn returned(&mut self, now: Nanos, handle: u32) {
        let (number, lane) = unpack(handle);
        let age = if FULL { self.lambdas[number].iterator_age(now, lane) } else { 0 };
        if !self.lambdas[number].sends_to.is_empty() {
            self.send_on(now, number, lane);
        }
        let LambdaConsumer { mapping, series, latency, role, following, .. } = &mut self.lambdas[number];
        if let Some(following) = following {
            let (reached, repeated) = mapping.reached_again(lane);
            let again = |place| (place < repeated).then_some(Cause::BatchRetry);
            let records = reached.iter().enumerate().map(|(place, held)| (&held.record, again(place), None));
            following.note(now, &self.tables, self.cohort, records);
        }
        if role.runs_function() {
            self.account.end(now, &mut mapping.share, &mut mapping.environments);
        }
        let errors = mapping.meter.errors;
        if FULL {
            series.raise(now, column::ITERATOR_AGE_AT_END, age);
        }
        let (done, moments) = mapping.ended(now, lane);
        let count = done.len() as u64;
        for held in &mapping.batch(lane)[done] {
            if self.cohort.has(held.record.written) {
                latency.record(mapping.parts(lane, &moments, held));
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

    /// A function or a pipe has sent what it reached to its queues, whether it failed later or not.
    #[cold]
    fn send_on(&mut self, now: Nanos, number: usize, lane: usize) {
        let consumer = &self.lambdas[number];
        let (records, again) = consumer.mapping.reached(lane);
        let (_, resent) = consumer.mapping.reached_again(lane);
        for queue in consumer.sends_to.clone() {
            self.send(now, queue, number, &records, (again, resent));
        }
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
        if let Some(past) = source.stream.past().filter(|_| consumer.begins) {
            account.entered.push(("history", past.records()));
        }
        if consumer.begins {
            account.fates.push(("before_start", source.stream.before_start(consumer.reader)));
        }
        account
    }
}
