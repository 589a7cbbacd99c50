//! A consumer written with the SDK: workers that call GetRecords, process what they got, and call again.

pub mod settings;

use crate::engine::random::Streams;
use crate::engine::time::{MICROSECOND, Nanos, round};
use crate::systems::kinesis::log::{Micros, Record};
use crate::systems::kinesis::poll_grid::PollPlan;
use crate::systems::kinesis::reader::ReaderPlan;
use crate::systems::lag::Lag;
use crate::systems::sink::writers::Writers;
use crate::systems::sink::{SinkMeter, SinkPlan};
use crate::systems::stalls::Stalls;
use std::collections::VecDeque;
use std::ops::Range;

/// A polling consumer as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct PollingPlan {
    /// Its name in the scenario.
    pub name: String,
    /// Number of the stream it reads: those of Kinesis first, then those of tables.
    pub stream: usize,
    /// When it polls.
    pub polls: PollPlan,
    /// How long it stands at the end of a shard before it reads the children (DDS-Y2).
    pub discovery: Nanos,
    /// Records asked for in one call, at most 10,000 (KDS-R2).
    pub batch_size: u32,
    /// Processing time of one call's records, whatever their number.
    pub per_batch: Nanos,
    /// Processing time of each record.
    pub per_record: Nanos,
    /// Workers; each has every `workers`-th shard and does one thing at a time.
    pub workers: u32,
    /// What it writes its records to, if that has a limit or a latency of its own.
    pub sink: Option<SinkPlan>,
    /// Where it begins, and how it reads.
    pub reader: ReaderPlan,
}

/// What a consumer did.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct PollingMeter {
    /// Records processed.
    pub processed: u64,
    /// Time that workers spent processing.
    pub busy: Nanos,
    /// Batches processed.
    pub batches: u64,
    /// Where there is a sink, the time from the poll of records to the end of their processing; records times nanoseconds.
    pub ran: u128,
}

/// What a worker has in hand for one shard.
#[derive(Clone, Debug, Default)]
pub struct InHand {
    /// The records of the last call.
    pub records: Vec<Record>,
    /// How many of them are written to the sink and so processed; none where there is no sink.
    written: usize,
    /// When the shard's poll was due.
    pub due: Nanos,
    /// When it took place.
    pub polled: Nanos,
    /// When all of it is processed.
    until: Nanos,
    /// Whether it left records behind, as MillisBehindLatest tells (KDS-R9).
    pub behind: bool,
    /// When its worker was busy while more was there to read.
    pub stalls: Stalls,
    /// From when until when the consumer stood at the end of the shard's parent.
    pub pause: (Nanos, Nanos),
}

/// Names of the parts of a polling consumer's latency; those after the fourth are 0 but for readers of DynamoDB streams, and where
/// an outage is planned.
pub const PARTS: [&str; 6] = ["propagation", "polling", "queueing", "execution", "rollover", "outage"];

/// What the latencies of the records in hand are told by, microseconds.
#[derive(Clone, Copy, Debug)]
pub struct Moments {
    due: Micros,
    polled: Micros,
    done: Micros,
    stood: (Micros, Micros),
}

impl Moments {
    /// The latency of one of the records in hand by its [parts](PARTS). `queued` is how long the worker had earlier ones since it
    /// arrived, and `down` how long the consumer did not read.
    #[inline]
    pub fn parts(&self, record: &Record, queued: Micros, down: Micros) -> [u64; PARTS.len()] {
        let Self { due, polled, done, stood } = *self;
        // Waiting for the worker counts from when both the record and its poll were there, and as long as it had earlier ones.
        let queueing = queued + polled - due.max(record.appended).min(polled);
        let polling = polled - record.appended - queueing;
        let rollover = stood.1.saturating_sub(stood.0.max(record.appended)).min(polling);
        let outage = down.min(polling - rollover);
        let propagation = record.appended - record.written;
        [propagation, polling - rollover - outage, queueing, done - polled, rollover, outage]
    }
}

impl InHand {
    /// What tells how long its records waited, where those that are processed are so at `now`.
    #[inline]
    pub fn moments(&self, now: Nanos) -> Moments {
        let micros = |at: Nanos| at / MICROSECOND;
        Moments {
            due: micros(self.due),
            polled: micros(self.polled),
            done: micros(now),
            stood: (micros(self.pause.0), micros(self.pause.1)),
        }
    }

    /// The records that are not processed yet.
    pub fn to_do(&self) -> &[Record] {
        &self.records[self.written..]
    }
}

#[derive(Clone, Debug, Default)]
struct Worker {
    busy: bool,
    /// Shards whose poll is due while the worker is busy, first come first served.
    waiting: VecDeque<u32>,
}

/// A polling consumer at work.
#[derive(Clone, Debug)]
pub struct Polling {
    interval: Nanos,
    per_batch: Nanos,
    per_record: Nanos,
    /// Records asked for in one call.
    pub batch_size: u32,
    workers: Vec<Worker>,
    writers: Option<Box<Writers>>,
    hands: Vec<InHand>,
    /// So many times as long its processing takes before this moment.
    slow: (f64, Nanos),
    /// What it counted.
    pub meter: PollingMeter,
    /// How late it is, where a planned event holds it up.
    pub lag: Option<Box<Lag>>,
}

impl Polling {
    /// A consumer whose workers are idle, over a stream of `shards` shards; `path` names it.
    pub fn new(plan: &PollingPlan, draws: &Streams, path: &str, shards: usize) -> Self {
        let writers = |sink| Box::new(Writers::new(sink, draws, &format!("{path}.sink"), shards));
        Self {
            interval: plan.polls.interval,
            per_batch: plan.per_batch,
            per_record: plan.per_record,
            batch_size: plan.batch_size,
            workers: vec![Worker::default(); plan.workers as usize],
            writers: plan.sink.as_ref().map(writers),
            hands: vec![InHand::default(); shards],
            slow: (1.0, 0),
            meter: PollingMeter::default(),
            lag: None,
        }
    }

    fn worker(&mut self, shard: usize) -> &mut Worker {
        let workers = self.workers.len();
        &mut self.workers[shard % workers]
    }

    /// The poll of a shard is due: gives its worker, or makes the shard wait for it. Returns whether to poll now.
    pub fn due(&mut self, now: Nanos, shard: usize) -> bool {
        self.hands[shard].due = now;
        let worker = self.worker(shard);
        if worker.busy {
            worker.waiting.push_back(shard as u32);
            return false;
        }
        worker.busy = true;
        true
    }

    /// The buffer for the records of a shard's poll.
    pub fn hand(&mut self, shard: usize) -> &mut InHand {
        &mut self.hands[shard]
    }

    /// What the worker of a shard has in hand for it.
    pub fn in_hand_of(&self, shard: usize) -> &InHand {
        &self.hands[shard]
    }

    /// A batch is processed, of which the first record arrived at `first`. What its call left behind waits for the worker from the
    /// moment at which that call was due; what came later does so from the poll on that would have been next.
    pub fn done(&mut self, now: Nanos, shard: usize, first: Option<Micros>) {
        let hand = &mut self.hands[shard];
        hand.written = 0;
        let busy_from = if hand.behind { hand.due } else { hand.polled + self.interval };
        match first {
            Some(first) if hand.behind => hand.stalls.forget(first),
            _ => hand.stalls.clear(),
        }
        if busy_from < now {
            hand.stalls.note(busy_from / MICROSECOND, now / MICROSECOND);
        }
    }

    /// Starts processing what a poll returned; returns how long that takes.
    pub fn process(&mut self, now: Nanos, shard: usize) -> Nanos {
        let hand = &mut self.hands[shard];
        hand.polled = now;
        let mut time = self.per_batch + self.per_record * hand.records.len() as u64;
        if now < self.slow.1 {
            time = round(time as f64 * self.slow.0);
        }
        hand.until = now + time;
        self.meter.batches += 1;
        self.meter.busy += time;
        time
    }

    /// How long its workers were processing up to `now`, all together.
    pub fn busy(&self, now: Nanos) -> Nanos {
        let left = self.hands.iter().map(|hand| hand.until.saturating_sub(now));
        self.meter.busy - left.sum::<Nanos>()
    }

    /// A worker is through with what it does to a batch, or a call to the sink is answered: the places of the records that are
    /// processed by that, and when the next ones will be, if some are left.
    #[inline]
    pub fn advance(&mut self, now: Nanos, shard: usize) -> (Range<usize>, Option<Nanos>) {
        let advance = match self.writers.is_some() {
            false => (0..self.hands[shard].records.len(), None),
            true => self.write(now, shard),
        };
        if let Some(lag) = self.lag.as_mut().filter(|_| !advance.0.is_empty()) {
            lag.settled(now, self.hands[shard].records[advance.0.start].appended);
        }
        advance
    }

    #[cold]
    fn write(&mut self, now: Nanos, shard: usize) -> (Range<usize>, Option<Nanos>) {
        let (hand, worker) = (&mut self.hands[shard], shard % self.workers.len());
        let from = hand.written;
        let Some(writers) = &mut self.writers else { return (from..from, None) };
        let records = writers.end(now, shard);
        hand.written += records;
        self.meter.ran += u128::from(now - hand.polled) * records as u128;
        let next = hand.records.get(hand.written).map(|record| {
            let left = hand.records.len() - hand.written;
            writers.begin(now, (shard, worker), left, (record.identity(), 0))
        });
        hand.until = next.unwrap_or(now);
        self.meter.busy += hand.until - now;
        (from..hand.written, next)
    }

    /// What its sink saw, if it has one.
    pub fn sink(&self) -> Option<SinkMeter> {
        self.writers.as_ref().map(|writers| writers.sink.meter)
    }

    /// What begins to be processed before `until` takes so many times as long.
    pub fn slow_down(&mut self, factor: f64, until: Nanos) {
        self.slow = (factor, until);
    }

    /// Frees the worker of a shard; returns the shard that has waited longest for it and is polled at once.
    pub fn release(&mut self, shard: usize) -> Option<u32> {
        let worker = self.worker(shard);
        let next = worker.waiting.pop_front();
        worker.busy = next.is_some();
        next
    }

    /// Makes room for shards up to this many.
    pub fn extend(&mut self, shards: usize) {
        self.hands.resize(shards.max(self.hands.len()), InHand::default());
        if let Some(writers) = &mut self.writers {
            writers.grow(shards);
        }
    }

    /// Whether some record in a worker's hands is such a one.
    pub fn any_in_hand(&self, such: impl Fn(&Record) -> bool) -> bool {
        self.hands.iter().any(|hand| hand.to_do().iter().any(&such))
    }

    /// When the oldest record in workers' hands had come.
    pub fn oldest_in_hand(&self) -> Option<Micros> {
        let records = self.hands.iter().flat_map(|hand| hand.to_do());
        records.map(|record| record.appended).min_by_key(|appended| *appended as i64)
    }

    /// Records in workers' hands, by walking them.
    pub fn in_hand(&self) -> u64 {
        self.hands.iter().map(|hand| hand.to_do().len() as u64).sum()
    }
}
