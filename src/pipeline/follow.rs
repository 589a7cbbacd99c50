//! One write, followed through all of the pipeline.
//!
//! Whoever follows stands outside: the run goes on event by event, and before and after each the observer looks at what
//! lies where, through a shared reference. It can neither draw numbers nor schedule, and a run that nobody follows does not
//! know that one could be: there is not one instruction for it in the event loop.
//!
//! A kind of reader joins in with a [`Tracker`] of its own and a line in `tracker`.

pub mod arrival;
pub mod delivery;
pub mod fleet;
pub mod lambda;
pub mod polling;
pub mod put;
pub mod queue;
pub mod slowest;
mod ways;

pub use ways::UNREAD;

use rust_decimal::Decimal;

use super::event::Kind;
use super::finish::{Progress, RunError};
use super::source::Reader;
use super::{EVENTS_MAX, LOOKS_STUCK_MAX, Pause, Pipeline};
use crate::engine::time::{MICROSECOND, Nanos};
use crate::scenario::checked::{End, Scenario, Study};
use crate::systems::kinesis::log::Record;

/// An event that is about to take place, or just has.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Happening {
    /// When.
    pub at: Nanos,
    /// Of what kind.
    pub kind: Kind,
    /// What it is about; of a write, its producer.
    pub handle: u32,
}

/// Whoever looks on event by event.
pub trait Observer {
    /// What it sees before an event.
    fn before(&mut self, pipeline: &Pipeline<true>, event: &Happening);

    /// What it sees after it. Returns whether it has seen enough.
    fn after(&mut self, pipeline: &Pipeline<true>, event: &Happening) -> bool;
}

/// What is charged for the write at one step, by price id, in single units.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Charge {
    /// The price.
    pub id: &'static str,
    /// How much of it.
    pub quantity: Decimal,
}

impl Charge {
    /// A share `1/of` of some whole units.
    pub fn shared(id: &'static str, units: u64, of: usize) -> Self {
        Self { id, quantity: Decimal::from(units) / Decimal::from(of.max(1)) }
    }

    /// A share `1/of` of some bytes that are billed by the GB.
    pub fn gigabytes(id: &'static str, bytes: u64) -> Self {
        Self { id, quantity: crate::pricing::meter::gigabytes(bytes) }
    }
}

/// Time that the write waited for something before a step.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Wait {
    /// For what.
    pub on: String,
    /// How long.
    pub nanos: Nanos,
}

/// One step of the way.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Step {
    /// When.
    pub at: Nanos,
    /// Where: a path such as `consumers.search`.
    pub place: String,
    /// Whether it is one of the second copy of the change.
    pub copy: bool,
    /// What happened, in words.
    pub what: String,
    /// What the time since the step before it went on; waits of nothing are left out.
    pub waits: Vec<Wait>,
    /// The size that counts here, bytes.
    pub bytes: Option<u64>,
    /// What it costs.
    pub charges: Vec<Charge>,
}

impl Step {
    /// A step that took no time and costs nothing.
    pub fn new(at: Nanos, place: &str, what: impl Into<String>) -> Self {
        let (place, what) = (place.to_owned(), what.into());
        Self { at, place, copy: false, what, waits: Vec::new(), bytes: None, charges: Vec::new() }
    }

    /// After a wait; less than a microsecond is none.
    #[must_use]
    pub fn after(mut self, on: impl Into<String>, nanos: Nanos) -> Self {
        if nanos >= MICROSECOND {
            self.waits.push(Wait { on: on.into(), nanos });
        }
        self
    }

    /// Of this size.
    #[must_use]
    pub fn sized(mut self, bytes: impl Into<u64>) -> Self {
        self.bytes = Some(bytes.into());
        self
    }

    /// At this charge; nothing is no charge.
    #[must_use]
    pub fn charged(mut self, charges: impl IntoIterator<Item = Charge>) -> Self {
        self.charges.extend(charges.into_iter().filter(|charge| !charge.quantity.is_zero()));
        self
    }
}

/// Where the way of a write, or of one of its copies at one reader, has ended.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Fate {
    /// Where.
    pub place: String,
    /// Whether it is that of the second copy.
    pub copy: bool,
    /// How, by the ledger's name, or [`UNREAD`].
    pub name: String,
    /// When; nothing if it had not ended when the run did.
    pub at: Option<Nanos>,
}

/// What is followed: a write to a table, or a record put straight into a stream.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Subject {
    /// Its producer: a path.
    pub workload: String,
    /// Its number among its producer's, from 1.
    pub number: u64,
    /// The table or the stream: a path.
    pub to: String,
    /// The name of its item, or its partition key.
    pub key: String,
    /// What it does.
    pub operation: String,
    /// When it was meant to take place.
    pub at: Nanos,
    /// Its write units; none of a record.
    pub write_units: u16,
    /// Size of its record, bytes.
    pub record_bytes: u32,
}

/// What was seen of it.
#[derive(Clone, Debug)]
pub struct Trail {
    /// The write or the record.
    pub subject: Subject,
    /// Its steps, in order of time.
    pub steps: Vec<Step>,
    /// Where its ways ended, in the order of the scenario.
    pub fates: Vec<Fate>,
}

/// One record in a stream as one reader is to find it.
#[derive(Clone, Debug)]
pub struct Found {
    /// Number of its stream.
    pub stream: usize,
    /// Its shard.
    pub shard: usize,
    /// The record.
    pub record: Record,
    /// The reader's number among the stream's readers.
    pub reader: usize,
}

/// What a tracker makes of a record at one moment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Sight {
    /// It is still in its shard.
    Ahead,
    /// The reader has it.
    Held,
    /// It has ended, in this fate of the ledger.
    Ended(&'static str),
}

/// What looks for one record at one reader.
pub trait Tracker {
    /// The reader's path, such as `consumers.search`.
    fn place(&self) -> &str;

    /// Where the record is now; steps that it has taken since the last look are added to `steps`.
    fn look(&mut self, now: Nanos, pipeline: &Pipeline<true>, found: &Found, steps: &mut Vec<Step>) -> Sight;
}

/// The tracker for a kind of reader: a line each.
fn tracker<'a>(scenario: &'a Scenario, reader: Reader) -> Box<dyn Tracker + 'a> {
    match reader {
        Reader::Consumer(number) => Box::new(polling::PollingTracker::new(scenario, number as usize)),
        Reader::Delivery(number) => Box::new(delivery::DeliveryTracker::new(scenario, number as usize)),
        Reader::Lambda(number) => Box::new(lambda::LambdaTracker::new(scenario, number as usize)),
        Reader::Fleet(number) => Box::new(fleet::FleetTracker::new(scenario, number as usize)),
    }
}

impl Pipeline<true> {
    /// Runs as [`run`](Self::run) does, before the eyes of an observer and no longer than it wants; returns the pipeline
    /// as it is then, or nothing if `progress` asked to stop.
    ///
    /// # Errors
    /// A guard, or two parts of the scenario that would draw the same numbers.
    pub fn watched(
        mut self,
        scenario: &Scenario,
        observer: &mut impl Observer,
        mut progress: impl FnMut(Progress) -> bool,
    ) -> Result<Option<Self>, RunError> {
        if let Some(collision) = self.collision.take() {
            return Err(RunError::Collision(collision));
        }
        let mut until = 0;
        loop {
            let step =
                if until < scenario.duration { scenario.duration / 200 } else { scenario.duration / 50 };
            let next = until + step.max(1);
            until = if until < scenario.duration { next.min(scenario.duration) } else { next };
            if until > scenario.duration && scenario.end == End::Stop {
                return Ok(Some(self));
            }
            let (enough, pause) = self.watch_until(until, observer);
            if let Pause::Guard(kind) = pause {
                return Err(RunError::Guard(kind));
            }
            let drained = pause == Pause::Finished && until >= scenario.duration;
            if enough || drained {
                return Ok(Some(self));
            }
            self.streams.iter_mut().for_each(|source| source.stream.forget_expired(until));
            let drains = scenario.study == Study::Steady && until > scenario.duration;
            if drains && (!self.measured_are_under_way() || until >= scenario.ends_by()) {
                return Ok(Some(self));
            }
            if !progress(Progress { now: until, events: self.counts.total() }) {
                return Ok(None);
            }
        }
    }

    /// Runs up to a moment, or until the observer has seen enough.
    fn watch_until(&mut self, until: Nanos, observer: &mut impl Observer) -> (bool, Pause) {
        let mut stuck: u64 = 0;
        loop {
            let Some(event) = self.next_event(until) else { return (false, self.pause()) };
            observer.before(self, &event);
            stuck = if self.now == event.at { stuck + 1 } else { 0 };
            self.now = event.at;
            self.counts.by_kind[event.kind as usize] += 1;
            match event.kind {
                Kind::Arrive => _ = self.arrive(event.at),
                kind => self.step(event.at, kind, event.handle),
            }
            if observer.after(self, &event) {
                return (true, Pause::Reached);
            }
            let is_stuck = stuck > u64::from(LOOKS_STUCK_MAX) * u64::from(super::EVENTS_A_LOOK);
            if is_stuck || self.counts.total() > EVENTS_MAX {
                return (false, Pause::Guard(event.kind));
            }
        }
    }

    /// Takes the next event off the list, or the next write.
    fn next_event(&mut self, until: Nanos) -> Option<Happening> {
        let write_at = self.next_write.at;
        let writes = write_at <= until;
        let (time, rank) = if writes { (write_at, Kind::Arrive as u8) } else { (until + 1, 0) };
        match self.queue.pop_before(time, rank) {
            Some(event) => {
                let (at, kind) = (event.time(), Kind::of(event.rank()));
                Some(Happening { at, kind, handle: event.handle() })
            }
            None => writes.then_some(Happening {
                at: write_at,
                kind: Kind::Arrive,
                handle: self.next_write.writer,
            }),
        }
    }
}
