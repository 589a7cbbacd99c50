//! Amazon Athena: scheduled queries over the objects of a delivery stream.
//!
//! Queries change nothing in the pipeline, so they are worked out when a run is over, from the objects and the moments at which
//! they were complete: S3 shows an object as soon as its PUT returns (S3-5).

pub mod settings;

use std::cmp::Reverse;
use std::collections::{BTreeMap, BinaryHeap};

use crate::engine::histogram::Histogram;
use crate::engine::random::Draws;
use crate::engine::sampler::Sampler;
use crate::engine::time::{HOUR, MICROSECOND, MINUTE, Nanos, SECOND, round};
use crate::systems::kinesis::log::Micros;
use crate::systems::s3::Reads;

const MB: u64 = 1 << 20;

/// Bytes that one query that finished is billed for: whole MB of what it scanned, at least 10 MB (ATH-1).
pub fn billed_bytes(scanned_bytes: u64) -> u64 {
    scanned_bytes.div_ceil(MB).max(10) * MB
}

/// A query of the data definition language apart, a query ends after this at the latest (ATH-9).
pub const TIMEOUT: Nanos = 30 * MINUTE;
/// Bytes that one reader takes of an object: a Parquet block (ATH-6).
const SPLIT: u64 = 128 << 20;
/// Objects that one LIST request names.
const LISTED: u64 = 1_000;

/// Queries as a scenario describes them, checked.
#[derive(Clone, Debug)]
pub struct QueryPlan {
    /// Their name in the scenario.
    pub name: String,
    /// Number of the delivery stream whose objects they scan.
    pub delivery: usize,
    /// Time between two rounds of queries.
    pub every: Nanos,
    /// Queries started at once in each round.
    pub at_once: u32,
    /// How far back they look; the prefixes of the hours before it are skipped (ATH-4), or else nothing is.
    pub window: Option<Nanos>,
    /// They ask for the partitions below this one, if for some only.
    pub partitions: Option<u32>,
    /// Share of an object's bytes that they read: columns times row groups; 1 for rows of text (ATH-3).
    pub share: f64,
    /// The further share that removing duplicates reads; nothing where duplicates stay.
    pub deduplicates: Option<f64>,
    /// Queueing and planning, nanoseconds (DEF-9).
    pub overhead: Sampler,
    /// Time for each object opened (ATH-5).
    pub per_object: Nanos,
    /// Bytes scanned a second.
    pub scan_rate: u64,
    /// How long after too many requests the prefix they read takes more (S3-2).
    pub repartition: Nanos,
    /// Merges the objects of past hours.
    pub compaction: Option<Compaction>,
}

/// Small objects of an hour are merged into larger ones.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Compaction {
    /// Size of a merged object.
    pub target: u64,
    /// How long after the end of the hour they are there.
    pub after: Nanos,
}

/// An object as queries find it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StoredObject {
    /// When it was complete.
    pub complete: Nanos,
    /// Arrival of its oldest record, by which its prefix is named (FH-O3).
    pub oldest: Micros,
    /// Arrival of its newest record.
    pub newest: Micros,
    /// Its records.
    pub records: u64,
    /// Those that are second copies.
    pub copies: u64,
    /// Its bytes, as stored.
    pub bytes: u64,
    /// Its partition.
    pub partition: u32,
}

/// What queries came to.
#[derive(Clone, Debug, Default)]
pub struct QueryMeter {
    /// Queries that ran to their end.
    pub done: u64,
    /// Refused: too many were active (ATH-8).
    pub refused: u64,
    /// Ended by the timeout, and free (ATH-1, ATH-9).
    pub timed_out: u64,
    /// Objects opened.
    pub objects: u64,
    /// Bytes scanned.
    pub scanned: u64,
    /// Those of them that only removing duplicates reads.
    pub scanned_to_deduplicate: u64,
    /// Bytes billed (ATH-1).
    pub billed: u64,
    /// Time that queries lost to S3's limit on requests (S3-1), microseconds.
    pub slowed: u64,
    /// GET requests.
    pub gets: u64,
    /// LIST requests.
    pub lists: u64,
    /// Rows in the objects opened.
    pub rows: u64,
    /// Those that are second copies.
    pub copies: u64,
    /// Rows that came into the objects of their delivery stream in the measured span, whoever asked for them, and second copies
    /// among them.
    pub stored: [u64; 2],
    /// Objects read and objects written by compaction.
    pub compacted: [u64; 2],
    /// Sums of the two that follow, microseconds.
    pub sums: [u64; 2],
    /// Time from the start of a query to its answer, microseconds.
    pub time: Histogram,
    /// Age of the newest record there was at the start of a query, microseconds since it arrived in the stream.
    pub age: Histogram,
}

/// Queries that may be active, queued ones included, in a Region (ATH-8).
pub fn active_limit(region: &str) -> usize {
    match region {
        "us-east-1" => 200,
        "us-east-2" | "us-west-2" | "eu-west-1" | "eu-central-1" | "ap-northeast-1" => 150,
        "ap-south-1" | "ap-northeast-2" | "ap-southeast-1" | "ap-southeast-2" | "eu-west-2" => 100,
        _ => 20,
    }
}

/// The objects of one prefix: an hour's.
#[derive(Clone, Copy, Debug, Default)]
struct Prefix {
    objects: u64,
    bytes: u64,
    splits: u64,
    rows: u64,
    copies: u64,
}

/// One user's view of the bucket, hour by hour.
struct View<'a> {
    plan: &'a QueryPlan,
    rest: std::iter::Peekable<std::slice::Iter<'a, StoredObject>>,
    hours: BTreeMap<u64, Prefix>,
    newest: Option<Micros>,
    draws: Draws,
    meter: QueryMeter,
}

/// The span in which queries start, and where the calendar's hours lie in it.
#[derive(Clone, Copy, Debug)]
pub struct Span {
    /// Start of the measured span.
    pub from: Nanos,
    /// Its end.
    pub until: Nanos,
    /// The time since a full hour at virtual time 0.
    pub into_hour: Nanos,
}

impl Span {
    fn hour(&self, at: Nanos) -> u64 {
        (at + self.into_hour) / HOUR
    }

    fn end_of_hour(&self, hour: u64) -> Nanos {
        ((hour + 1) * HOUR).saturating_sub(self.into_hour)
    }
}

/// Works out all queries that start within a span, over the objects of each delivery stream in the order in which they were
/// complete; `active_max` may be active at a time.
pub fn run(
    plans: &[QueryPlan],
    objects: &[&[StoredObject]],
    draws: &[Draws],
    span: Span,
    active_max: usize,
) -> Vec<QueryMeter> {
    let pairs = plans.iter().zip(draws);
    let mut views: Vec<View<'_>> =
        pairs.map(|(plan, draws)| View::new(plan, objects[plan.delivery], draws.clone())).collect();
    // Objects of one delivery stream lie under one prefix, whoever queries them.
    let repartition = |delivery| plans.iter().find(|plan| plan.delivery == delivery).map(|it| it.repartition);
    let mut reads: Vec<Reads> =
        (0..objects.len()).map(|delivery| Reads::new(repartition(delivery).unwrap_or(HOUR))).collect();
    let mut active = BinaryHeap::new();
    let mut rounds: BinaryHeap<_> =
        plans.iter().enumerate().map(|(number, plan)| Reverse((plan.every, number))).collect();
    while let Some(Reverse((at, number))) = rounds.pop().filter(|Reverse((at, _))| *at < span.until) {
        let view = &mut views[number];
        rounds.push(Reverse((at + view.plan.every, number)));
        view.see(at, span);
        while active.peek().is_some_and(|Reverse(end)| *end <= at) {
            active.pop();
        }
        for _ in 0..view.plan.at_once {
            let measured = at >= span.from;
            if active.len() >= active_max {
                view.meter.refused += u64::from(measured);
                continue;
            }
            let time = view.query(at, span, measured, &mut reads[view.plan.delivery]);
            active.push(Reverse(at + time));
        }
    }
    for (view, plan) in views.iter_mut().zip(plans) {
        view.count_stored(objects[plan.delivery], span);
        view.compact(span);
    }
    views.into_iter().map(|view| view.meter).collect()
}

impl<'a> View<'a> {
    fn new(plan: &'a QueryPlan, objects: &'a [StoredObject], draws: Draws) -> Self {
        let rest = objects.iter().peekable();
        Self { plan, rest, hours: BTreeMap::new(), newest: None, draws, meter: QueryMeter::default() }
    }

    /// Counts what came in the span.
    fn count_stored(&mut self, objects: &[StoredObject], span: Span) {
        let came = objects.iter().filter(|object| (span.from..span.until).contains(&object.complete));
        self.meter.stored =
            came.fold([0; 2], |[rows, copies], object| [rows + object.records, copies + object.copies]);
    }

    /// Takes in the objects that are complete by now.
    fn see(&mut self, now: Nanos, span: Span) {
        while let Some(object) = self.rest.next_if(|object| object.complete <= now) {
            self.newest = self.newest.max(Some(object.newest));
            if self.plan.partitions.is_some_and(|partitions| object.partition >= partitions) {
                continue;
            }
            let prefix = self.hours.entry(span.hour(object.oldest * MICROSECOND)).or_default();
            prefix.objects += 1;
            prefix.bytes += object.bytes;
            prefix.splits += object.bytes.div_ceil(SPLIT).max(1);
            prefix.rows += object.records;
            prefix.copies += object.copies;
        }
    }

    /// One query; returns how long it takes.
    fn query(&mut self, now: Nanos, span: Span, measured: bool, reads: &mut Reads) -> Nanos {
        let first = self.plan.window.map_or(0, |window| span.hour(now.saturating_sub(window)));
        let (mut found, mut lists) = (Prefix::default(), 0);
        for (hour, prefix) in self.hours.range(first..) {
            let prefix = self.merged(now, span, *hour, *prefix);
            found.objects += prefix.objects;
            found.bytes += prefix.bytes;
            found.splits += prefix.splits;
            found.rows += prefix.rows;
            found.copies += prefix.copies;
            lists += prefix.objects.div_ceil(LISTED);
        }
        let read = |share: f64| (found.bytes as f64 * share + 0.5) as u64;
        let extra = read(self.plan.deduplicates.unwrap_or(0.0));
        let scanned = read(self.plan.share) + extra;
        let scan = u128::from(scanned) * u128::from(SECOND) / u128::from(self.plan.scan_rate);
        let overhead = round(self.plan.overhead.sample(&mut self.draws));
        let takes = overhead + found.objects * self.plan.per_object + scan as Nanos;
        let slowed = reads.slow_down(now, found.splits + lists, takes);
        let time = takes + slowed;
        if !measured {
            return time.min(TIMEOUT);
        }
        let meter = &mut self.meter;
        if let Some(newest) = self.newest {
            let age = (now / MICROSECOND).saturating_sub(newest);
            meter.age.record(age);
            meter.sums[1] += age;
        }
        meter.objects += found.objects;
        meter.slowed += slowed / MICROSECOND;
        meter.gets += found.splits;
        meter.lists += lists;
        if time > TIMEOUT {
            meter.timed_out += 1;
            return TIMEOUT;
        }
        meter.done += 1;
        meter.scanned += scanned;
        meter.scanned_to_deduplicate += extra;
        meter.billed += billed_bytes(scanned);
        meter.rows += found.rows;
        meter.copies += found.copies;
        meter.time.record(time / MICROSECOND);
        meter.sums[0] += time / MICROSECOND;
        time
    }

    /// An hour's objects as they are at a moment: merged, if compaction has been there.
    fn merged(&self, now: Nanos, span: Span, hour: u64, prefix: Prefix) -> Prefix {
        let Some(compaction) = self.plan.compaction else { return prefix };
        if span.end_of_hour(hour) + compaction.after > now {
            return prefix;
        }
        let objects = prefix.bytes.div_ceil(compaction.target).max(1);
        let each = (prefix.bytes / objects).div_ceil(SPLIT).max(1);
        Prefix { objects, splits: objects * each, ..prefix }
    }

    /// Counts the requests of compaction within the measured span.
    fn compact(&mut self, span: Span) {
        let Some(compaction) = self.plan.compaction else { return };
        for (hour, prefix) in &self.hours {
            let at = span.end_of_hour(*hour) + compaction.after;
            if (span.from..span.until).contains(&at) {
                let after = self.merged(at, span, *hour, *prefix);
                self.meter.compacted[0] += prefix.objects;
                self.meter.compacted[1] += after.objects;
            }
        }
    }
}
