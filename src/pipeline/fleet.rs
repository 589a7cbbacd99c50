//! From the stream to fleets of workers: polls and pushes, and the processing of what they bring. Who reads which shard is
//! decided in [`control`].

pub mod control;
pub mod quantities;
mod removal;
mod start;
mod unread;
pub mod wiring;

use super::Pipeline;
use super::event::{Kind, pack, unpack};
use super::processed::{Following, of_redelivery};
use crate::engine::random::Keyed;
use crate::engine::sampler::Sampler;
use crate::engine::time::{MICROSECOND, Nanos, round};
use crate::measure::latency::Latency;
use crate::measure::ledger::Account;
use crate::measure::series::Series;
use crate::scenario::path::resource;
use crate::systems::fleet::meter::Redelivery;
use crate::systems::fleet::progress::{Ended, PARTS};
use crate::systems::fleet::{Cadence, Fleet, Next};
use crate::systems::kinesis::fan_out::FanOut;
use crate::systems::kinesis::losses::EXPIRED;
use crate::systems::kinesis::stream::Stream;
use control::Control;

/// Columns of a fleet's series.
pub mod column {
    /// Records processed for the first time.
    pub const RECORDS: usize = 0;
    /// Records processed again.
    pub const REPEATED: usize = 1;
    /// `MillisBehindLatest` peak, microseconds: the age of what is read, and of the oldest record on a shard that nobody reads.
    pub const ITERATOR_AGE: usize = 2;
    /// `ReadProvisionedThroughputExceeded`.
    pub const REFUSED: usize = 3;
    /// `GetRecords.Records`.
    pub const READ_RECORDS: usize = 4;
    /// The age of what is read alone, microseconds.
    pub const READ_AGE: usize = 5;
    /// How many there are.
    pub const COUNT: usize = 6;
}

/// Interruptions that results list.
const INTERRUPTIONS_MAX: usize = 64;

/// How a fleet gets at its stream.
#[derive(Clone, Debug)]
pub enum Access {
    /// By polls; what they return takes a while to reach the worker.
    Polling {
        /// Time between them.
        cadence: Cadence,
        /// From a poll to the worker.
        delivery: Sampler,
        /// The draws for it.
        draws: Keyed,
    },
    /// By pushes.
    FanOut(Box<FanOut>),
}

/// One fleet at work.
#[derive(Clone, Debug)]
pub struct FleetConsumer {
    /// Its path, such as `consumers.search`.
    pub place: String,
    /// Its workers and what they have done.
    pub fleet: Fleet,
    /// Who reads which shard.
    pub control: Control,
    /// How it reads.
    pub access: Access,
    /// Records asked for in one call.
    pub records_max: u32,
    /// Number of the stream it reads.
    pub stream: usize,
    /// Its number among the stream's readers.
    pub reader: usize,
    /// Its number among the handles of readers' polls.
    pub handle: usize,
    /// Whether it begins with what the stream held before the run.
    pub reads_history: bool,
    /// Shards times nanoseconds that its stream had had when it began; nothing before that.
    pub begun: Option<u128>,
    /// When it begins, if that is within the run.
    pub starts: Nanos,
    /// When it was removed, and shards times nanoseconds for which it had been registered with its stream by then.
    pub removed: Option<(Nanos, u128)>,
    /// Whether the stream is that of a table.
    pub of_table: bool,
    /// From the intended write to the end of the processing that saw it first.
    pub latency: Latency<{ PARTS.len() }>,
    /// What was lost and repeated when workers stopped, the first of them.
    pub interruptions: Vec<Interruption>,
    /// Order of what it processes.
    pub following: Option<Box<Following>>,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

/// A worker that stopped reading other than by a hand-over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Interruption {
    /// When.
    pub at: Nanos,
    /// The worker; of a job, how many.
    pub worker: usize,
    /// Why.
    pub why: Redelivery,
    /// Shards that it read.
    pub shards: u32,
    /// Records that are lost by it.
    pub lost: u64,
    /// Records that are processed again because of it.
    pub again: u64,
}

impl FleetConsumer {
    /// What was pushed to it, if it is pushed to.
    pub fn fan_out(&self) -> Option<&FanOut> {
        match &self.access {
            Access::Polling { .. } => None,
            Access::FanOut(fan_out) => Some(fan_out),
        }
    }

    fn note(&mut self, interruption: Interruption) {
        if self.interruptions.len() < INTERRUPTIONS_MAX {
            self.interruptions.push(interruption);
        }
    }

    /// When it may read a shard again after a call that was made now.
    fn next_read(&self, now: Nanos, shard: usize, stream: &Stream) -> Nanos {
        let Access::Polling { cadence, .. } = &self.access else { return now };
        let now = now + stream.call_time(now, shard, self.reader);
        let Some((behind, times)) = cadence.catch_up else { return now + cadence.idle };
        let oldest = stream.next_arrival(shard, self.reader);
        let late = oldest.is_some_and(|appended| now > appended * MICROSECOND + behind);
        now + if late { cadence.idle / Nanos::from(times.max(1)) } else { cadence.idle }
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// A poll of a shard is due, or records wait to be pushed.
    pub(super) fn read_for_fleet(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.fleets[number];
        let progress = consumer.fleet.shard_mut(shard);
        if progress.poll_due.is_some_and(|due| due != now) || !consumer.control.fetches(shard) {
            return;
        }
        let stream = &self.streams[consumer.stream].stream;
        if now < stream.paused_until(consumer.reader) {
            let at = stream.next_poll(stream.paused_until(consumer.reader), shard, consumer.reader);
            return self.read_at(at, number, shard);
        }
        // Until the next one is known, no other one is welcome.
        consumer.fleet.shard_mut(shard).poll_due = Some(Nanos::MAX);
        if !consumer.fleet.has_room(now, shard) {
            return;
        }
        consumer.fleet.shard_mut(shard).reads(now);
        let again = consumer.fleet.shard(shard).has_to_refetch() && !self.expire_again(now, number, shard);
        match (&self.fleets[number].access, again) {
            (_, true) => self.read_again(now, number, shard),
            (Access::Polling { .. }, false) => self.poll_for_fleet(now, number, shard),
            (Access::FanOut(_), false) => self.push_to_fleet(now, number, shard),
        }
        self.work(now, number, shard);
    }

    /// Takes what retention has removed from what is to be read again; whether nothing is left of it.
    fn expire_again(&mut self, now: Nanos, number: usize, shard: usize) -> bool {
        let consumer = &mut self.fleets[number];
        let retention = self.streams[consumer.stream].stream.retention();
        let horizon = now.saturating_sub(retention);
        let expired = consumer.fleet.shard_mut(shard).expire(horizon / MICROSECOND);
        consumer.fleet.meter.expired += expired.len() as u64;
        // They were gone when they were that old, not when somebody comes for them.
        for appended in expired {
            consumer.fleet.tolls.note(appended * MICROSECOND + retention, EXPIRED, 1);
        }
        !consumer.fleet.shard(shard).has_to_refetch()
    }

    /// What was read before the last checkpoint's end is read again.
    fn read_again(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.fleets[number];
        let stream = &mut self.streams[consumer.stream].stream;
        let (most, reader) = (consumer.records_max, consumer.reader);
        let sizes = consumer.fleet.shard(shard).sizes_to_refetch();
        let mut at = now;
        match &mut consumer.access {
            Access::FanOut(fan_out) => {
                let (records, bytes) = fan_out.push_again(now, shard, most, sizes);
                stream.note_pushed_again(reader, records, bytes);
                consumer.fleet.meter.refetched += records as u64;
                consumer.note_read_again(now, shard, records);
                consumer.fleet.shard_mut(shard).refetched(now, records, now);
                // The rest comes as fast as the shard pushes.
                at += MICROSECOND;
            }
            Access::Polling { delivery, draws, .. } => {
                match stream.get_records_again(now, shard, reader, most, sizes) {
                    Ok(records) => {
                        let got = now + round(delivery.sample(&mut draws.draws(now, shard as u32)));
                        consumer.fleet.meter.refetched += records as u64;
                        consumer.note_read_again(now, shard, records);
                        consumer.fleet.shard_mut(shard).refetched(now, records, got);
                    }
                    Err(_) => return self.try_read_again(now, number, shard),
                }
                at = consumer.next_read(now, shard, stream);
            }
        }
        self.read_at(at, number, shard);
    }

    fn poll_for_fleet(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.fleets[number];
        let Access::Polling { cadence, delivery, draws } = &consumer.access else { return };
        let stream = &mut self.streams[consumer.stream].stream;
        self.batch.clear();
        let outcome = stream.get_records(now, shard, consumer.reader, consumer.records_max, &mut self.batch);
        let (found, mut idle) = (self.batch.last().copied(), cadence.idle);
        if let Some(last) = found {
            consumer.fleet.shard_mut(shard).behind = stream.behind(shard, consumer.reader) > 0;
            let got = now + round(delivery.sample(&mut draws.draws(now, shard as u32)));
            consumer.fleet.shard_mut(shard).fetch(now, &self.batch, got);
            if FULL {
                unread::note_age(&mut consumer.series, now, last.appended);
                consumer.series.add(now, column::READ_RECORDS, self.batch.len() as u64);
            }
        } else {
            idle = cadence.idle_after_empty;
        }
        if outcome.is_err() {
            if stream.is_closed(shard) || !stream.sleep_if_drained(now, shard, consumer.reader) {
                return self.try_read_again(now, number, shard);
            }
            // It sleeps, and tries again all the same: any wake-up is welcome.
            consumer.fleet.shard_mut(shard).poll_due = None;
            return;
        }
        if !stream.sleep_if_drained(now, shard, consumer.reader) {
            let at = consumer.next_read(now, shard, stream);
            return self.read_at(at, number, shard);
        }
        // It sleeps: any wake-up is welcome.
        consumer.fleet.shard_mut(shard).poll_due = None;
        if stream.is_closed(shard) {
            consumer.fleet.shard_mut(shard).at_end = true;
        } else {
            let reply = now + stream.call_time(now, shard, consumer.reader);
            stream.call_next_at(reply + idle, shard, consumer.reader);
        }
    }

    fn push_to_fleet(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.fleets[number];
        let Access::FanOut(fan_out) = &mut consumer.access else { return };
        let stream = &mut self.streams[consumer.stream].stream;
        let Some(oldest) = stream.oldest(now, shard, consumer.reader) else {
            if stream.is_closed(shard) {
                fan_out.end(now, shard);
                consumer.fleet.shard_mut(shard).at_end = true;
            }
            let _drained = stream.sleep_if_drained(now, shard, consumer.reader);
            consumer.fleet.shard_mut(shard).poll_due = None;
            return;
        };
        let at = fan_out.arrives(now, shard, &oldest);
        if at > now {
            return self.read_at(at, number, shard);
        }
        self.batch.clear();
        fan_out.receive(now, shard, &oldest, (stream, consumer.reader), &mut self.batch);
        if FULL && let Some(last) = self.batch.last() {
            unread::note_age(&mut consumer.series, now, last.appended);
            consumer.series.add(now, column::READ_RECORDS, self.batch.len() as u64);
        }
        consumer.fleet.shard_mut(shard).fetch(now, &self.batch, now);
        self.read_at(now, number, shard);
    }

    /// A call was refused: it is made again when the stream's clock for this reader says so.
    fn try_read_again(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &self.fleets[number];
        let at = self.streams[consumer.stream].stream.next_poll(now + 1, shard, consumer.reader);
        self.read_at(at, number, shard);
    }

    /// A shard is read next at this moment.
    pub(super) fn read_at(&mut self, at: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.fleets[number];
        consumer.fleet.shard_mut(shard).poll_due = Some(at);
        self.queue.push(at, Kind::Poll as u8, pack(consumer.handle, shard));
    }

    /// A shard's timer has come: a batch is there or done, or a checkpoint is written.
    pub(super) fn worked(&mut self, now: Nanos, handle: u32) {
        let (number, shard) = unpack(handle);
        if self.fleets[number].fleet.shard_mut(shard).timer_came(now) {
            self.work(now, number, shard);
        }
    }

    /// Does all that the worker of a shard can do with it now.
    pub(super) fn work(&mut self, now: Nanos, number: usize, shard: usize) {
        loop {
            let consumer = &mut self.fleets[number];
            let Some(worker) = consumer.control.worker(shard) else { return };
            let writer = consumer.control.writer(shard);
            if let Some(ended) = consumer.fleet.done(now, shard, writer) {
                self.count_done(now, number, shard, &ended);
                if let Some(worker) = self.fleets[number].control.overdue(now, shard).filter(|_| !ended.last)
                {
                    return self.cut_hand_over(now, number, shard, worker);
                }
                let consumer = &mut self.fleets[number];
                if ended.last {
                    consumer.fleet.close(now, shard, consumer.control.may_save(shard));
                    if consumer.control.is_leaving(shard) {
                        consumer.fleet.last_save(now, shard, 0);
                    }
                }
            }
            let consumer = &mut self.fleets[number];
            if consumer.fleet.has_left(now, shard) {
                return self.leave_shard(now, number, shard);
            }
            if consumer.fleet.would_save_first(shard) && !consumer.control.may_save(shard) {
                // Its next checkpoint is refused, and what would come after it is not done.
                return;
            }
            match consumer.fleet.go_on(now, worker, shard) {
                Next::At(at) if at <= now => {}
                Next::At(at) => {
                    if consumer.fleet.shard_mut(shard).set_timer(at) {
                        self.queue.push(at, Kind::Worked as u8, pack(number, shard));
                    }
                    break;
                }
                Next::Nothing => {
                    let progress = consumer.fleet.shard(shard);
                    if !progress.at_end || !progress.is_idle() || !consumer.control.may_save(shard) {
                        break;
                    }
                    // The end of the shard is written down, and then its children are looked for.
                    consumer.fleet.last_save(now, shard, consumer.control.discovery());
                }
            }
        }
        self.read_more(now, number, shard);
    }

    /// Reads on where reading stopped for want of room, and there is some again.
    fn read_more(&mut self, now: Nanos, number: usize, shard: usize) {
        let consumer = &mut self.fleets[number];
        if consumer.fleet.shard_mut(shard).wants_more() && consumer.fleet.has_room(now, shard) {
            let polled = consumer.fleet.shard(shard).polled;
            let stream = &self.streams[consumer.stream].stream;
            let at = consumer.next_read(polled, shard, stream).max(now);
            self.read_at(at, number, shard);
        }
    }

    /// Records were processed: those that were so for the first time have reached the consumer.
    pub(super) fn count_done(&mut self, now: Nanos, number: usize, shard: usize, ended: &Ended) {
        let consumer = &mut self.fleets[number];
        let progress = consumer.fleet.shard(shard);
        if let (Some(following), false) = (&mut consumer.following, ended.thrown) {
            let why = Some(of_redelivery(ended.why));
            let again = progress.kept().range(ended.again.clone()).map(|record| (record, why, why));
            let fresh = progress.kept().range(ended.fresh.clone()).map(|record| (record, None, None));
            following.note(now, &self.tables, self.cohort, again.chain(fresh));
        }
        if !ended.thrown {
            for record in progress.kept().range(ended.fresh.clone()) {
                if self.cohort.has(record.written) {
                    consumer.latency.record(progress.parts(record, ended.at));
                }
            }
        }
        let count = ended.fresh.len() as u64;
        if FULL {
            consumer.series.add(now, column::RECORDS, count);
            consumer.series.add(now, column::REPEATED, ended.repeated);
        }
        let what = u64::from(pack(number, shard)) << 32 | (count + ended.repeated);
        self.fingerprint.outcome(now, what, 12);
    }

    /// What became of the records of a fleet's stream; what waits is counted where it lies.
    pub(super) fn fleet_account(&self, name: &str, end: Nanos, consumer: &FleetConsumer) -> Account {
        let source = &self.streams[consumer.stream];
        let removed = consumer.removed.is_some();
        let (waiting, expired) = if removed { (0, 0) } else { source.stream.waiting(end, consumer.reader) };
        let meter = &consumer.fleet.meter;
        let mut account = Account {
            path: resource("consumers", name),
            entered: vec![("records", source.stream.appended_total())],
            fates: vec![
                ("processed", meter.processed),
                ("lost", meter.lost),
                ("skipped", meter.skipped),
                ("in_hand", consumer.fleet.in_hand()),
                ("waiting", waiting),
                ("expired", expired + meter.expired + source.meter(consumer.reader).expired),
            ],
        };
        let past = source.stream.past().filter(|_| consumer.reads_history);
        if let Some(past) = past {
            account.entered.push(("history", past.records()));
        }
        if past.is_some() || consumer.starts > 0 {
            account.fates.push(("before_start", source.stream.before_start(consumer.reader)));
        }
        if removed {
            let unread = source.stream.after_removal(end, consumer.reader);
            account.fates.push(("after_removal", unread + meter.after_removal));
        }
        account
    }
}
