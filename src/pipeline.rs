//! The map of the flow: what happens at each event, and what follows from it.
//!
//! One line per arm; the arms lie in `pipeline/`, one file per stretch of the way:
//!
//! * into the pipeline: [`mod@write`] (producer to table; [`long_way`] and [`calls`] where a write is more than a plain one),
//!   [`direct`] (producer to stream), [`direct_put`] (producer to Firehose);
//! * from table to shards: [`feed`] with its [`destination`], [`streams`] (the table's own stream);
//! * from shards to readers: [`read`] (polling consumers and delivery), [`lambda`] (functions and pipes), [`fleet`] (KCL
//!   workers and Flink jobs), and from functions on: [`sqs`] (queues and who reads them);
//! * to objects: [`transform`] (what a function does before delivery), [`deliver`] (buffer to objects);
//! * what happens to the pipeline itself: [`reshard`] (shards that close and open), [`capacity`], [`tables`], [`timeline`].
//!
//! [`wiring`] puts a pipeline together, [`finish`] runs it to its [`outcome`], and [`follow`] tells the way of one record.

mod accounts;
mod asleep;
pub mod backlog;
pub mod calls;
pub mod capacity;
pub mod change;
pub mod deliver;
pub mod destination;
pub mod direct;
pub mod direct_put;
pub mod event;
mod fault;
pub mod feed;
pub mod finish;
pub mod fleet;
pub mod follow;
pub mod key_bytes;
pub mod lambda;
mod lateness;
pub mod long_way;
pub mod outcome;
pub mod processed;
pub mod quantities;
pub mod read;
pub mod refused_reads;
pub mod reshard;
pub mod source;
pub mod sqs;
pub mod streams;
pub mod tables;
pub mod timeline;
pub mod tolls;
pub mod transform;
pub mod wiring;
pub mod write;

use crate::engine::fingerprint::Fingerprint;
use crate::engine::queue::EventQueue;
use crate::engine::random::{Collision, Draws};
use crate::engine::slab::Slab;
use crate::engine::time::Nanos;
use crate::measure::timeline::Timeline;
use crate::scenario::timeline::Occurrence;
use crate::systems::kinesis::log::{Micros, Record};
use crate::systems::lambda::concurrency::Account;
use change::Change;
use deliver::Delivery;
use event::Kind;
use fleet::FleetConsumer;
use lambda::LambdaConsumer;
use read::Consumer;
use source::StreamSource;
use write::{NextWrite, PendingWrite, TableSource, Writer};

/// The writes that are measured: those meant for [from, from + length), microseconds.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Cohort {
    /// First microsecond that counts.
    pub from: u64,
    /// How many count.
    pub length: u64,
}

/// One replication of one scenario. `FULL` measures everything that reports show; without it only
/// what the reference work PIPE-1 asks for is measured. Models behave the same either way.
#[derive(Clone, Debug)]
pub struct Pipeline<const FULL: bool> {
    queue: EventQueue,
    /// Writes start up to this moment.
    arrivals_end: Nanos,
    cohort: Cohort,
    /// The next write of all producers.
    next_write: NextWrite,
    /// How many writes may be made in one go.
    writes_ahead: usize,
    writers: Vec<Writer>,
    tables: Vec<TableSource>,
    /// Those of Kinesis, then those of tables, then those that stand for Direct PUT.
    streams: Vec<StreamSource>,
    /// How many of them are Kinesis streams.
    kinesis_streams: usize,
    direct: Vec<direct::Direct>,
    consumers: Vec<Consumer>,
    deliveries: Vec<Delivery>,
    lambdas: Vec<LambdaConsumer>,
    queues: Vec<sqs::QueuePlace>,
    absent: sqs::AbsentMessages,
    account: Account,
    fleets: Vec<FleetConsumer>,
    changes: Slab<Change>,
    /// When the table accepted each of `changes`, microseconds, by handle; empty unless `FULL`.
    created: Vec<Micros>,
    publications: Slab<streams::Publication>,
    pending: Slab<PendingWrite>,
    objects: deliver::Objects,
    /// Draws for the times of queries, by number of the query.
    query_draws: Vec<Draws>,
    batch: Vec<Record>,
    fingerprint: Fingerprint,
    /// The same of plain writes that end at their tables, which may be made ahead of what happens before them.
    at_tables: Fingerprint,
    counts: EventCounts,
    /// Two purposes that would draw the same random numbers: such a run is refused.
    collision: Option<Collision>,
    /// Minutely looks at streams' capacity that are scheduled.
    looks: usize,
    /// Planned events.
    plan: Vec<Occurrence>,
    /// What happened to the pipeline itself so far.
    pub timeline: Timeline,
    now: Nanos,
}

/// How many events of each kind took place, for the guards and the benchmark.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct EventCounts {
    /// By rank.
    pub by_kind: [u64; Kind::ALL.len()],
}

impl EventCounts {
    /// All of them.
    pub fn total(&self) -> u64 {
        self.by_kind.iter().sum()
    }
}

/// Why a run stopped.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Pause {
    /// Nothing is scheduled any more.
    Finished,
    /// The asked-for moment is reached; the run can go on.
    Reached,
    /// So many events took place that the guard stopped the run; most were of this kind.
    Guard(Kind),
}

/// Events after which a run is stopped: some hours of work, far beyond any sensible scenario.
pub const EVENTS_MAX: u64 = 200_000_000_000;
/// Events between two looks at the guards.
const EVENTS_A_LOOK: u32 = 1 << 16;
/// Looks at one instant after which a run is stopped: after 65 million events time does not move any more.
const LOOKS_STUCK_MAX: u32 = 1_000;

impl<const FULL: bool> Pipeline<FULL> {
    /// Runs until nothing is scheduled, or until the first event after `until`, which stays scheduled.
    pub fn run_until(&mut self, until: Nanos) -> Pause {
        let (mut stuck, mut written) = (0, 0);
        loop {
            let (before, mut kind) = (self.now, Kind::Interval);
            for _ in 0..EVENTS_A_LOOK {
                // Writes are the one flow that is drawn in time order, so they wait outside the event list.
                let write_at = self.next_write.at;
                let writes = write_at <= until;
                let (time, rank) = if writes { (write_at, Kind::Arrive as u8) } else { (until + 1, 0) };
                match self.queue.pop_before(time, rank) {
                    Some(event) => {
                        // Nearly always the next event is a put as well, of a change that lies far from the processor: it
                        // comes near while this one is at work.
                        let next = self.changes.peek(self.queue.follower());
                        std::hint::black_box(next.map_or(0, |change| change.key));
                        kind = Kind::of(event.rank());
                        self.now = event.time();
                        self.counts.by_kind[kind as usize] += 1;
                        self.step(event.time(), kind, event.handle());
                    }
                    None if writes => written = self.arrive_ahead(until),
                    None => {
                        self.now = self.now.max(written);
                        return self.pause();
                    }
                }
            }
            stuck = if self.now == before { stuck + 1 } else { 0 };
            if stuck == LOOKS_STUCK_MAX || self.counts.total() > EVENTS_MAX {
                return Pause::Guard(kind);
            }
        }
    }

    fn pause(&self) -> Pause {
        let writes_wait = self.next_write.at <= self.arrivals_end;
        if self.queue.is_empty() && !writes_wait { Pause::Finished } else { Pause::Reached }
    }

    /// What happens at one event of the list.
    // Always inlined: nearly all events are puts, for which saving and restoring registers shows.
    #[inline(always)]
    fn step(&mut self, now: Nanos, kind: Kind, handle: u32) {
        match kind {
            Kind::Planned => self.planned(now, handle),
            Kind::Arrive => debug_assert!(false, "writes wait outside the event list"),
            Kind::WriteAgain => self.write_again(now, handle),
            Kind::Capacity => self.look_at_capacity(now, handle),
            Kind::Reshard => self.reshard(now, handle),
            Kind::Start => self.start_consumer(now, handle as usize),
            Kind::Record => self.record_made(now, handle),
            Kind::CallAgain => self.call_again(now, handle),
            Kind::Gathered => self.gathered(now, handle),
            Kind::PutRecords => self.put_records(now, handle),
            Kind::Answered => self.answered(now, handle),
            Kind::Replied => self.replied(now, handle),
            Kind::Put => self.put(now, handle),
            Kind::PutAgain => self.put_again(now, handle),
            Kind::RollOver => self.roll_over(now, handle),
            Kind::Publish => self.publish(now, handle),
            Kind::Visible => self.visible(now, handle),
            Kind::Discover => self.discover(now, handle),
            Kind::Poll => self.poll(now, handle),
            Kind::Processed => self.processed(now, handle),
            Kind::Worked => self.worked(now, handle),
            Kind::Lease => self.lease(now, handle),
            Kind::Control => self.control(now, handle),
            Kind::Returned => self.returned(now, handle),
            Kind::Fetched => self.fetched(now, handle),
            Kind::Lane => self.lane_timer(now, handle),
            Kind::Pollers => self.poller_timer(now, handle),
            Kind::Transformed => self.transformed(now, handle),
            Kind::Transform => self.look_at_transform(now, handle),
            Kind::Interval => self.interval(now, handle),
            Kind::Uploaded => self.uploaded(now, handle),
        }
    }

    /// The present moment.
    pub fn now(&self) -> Nanos {
        self.now
    }

    /// The hash of all outcomes so far.
    pub fn fingerprint(&self) -> Fingerprint {
        self.fingerprint.beside(self.at_tables)
    }

    /// Events so far.
    pub fn counts(&self) -> EventCounts {
        self.counts
    }
}
