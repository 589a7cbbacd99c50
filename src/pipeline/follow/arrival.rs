//! The way of a followed write from its producer into the streams.

use super::ways::{Ways, is_upstream};
use super::{Charge, Happening, Observer, Step, Subject, Trail};
use crate::engine::time::{MICROSECOND, Nanos};
use crate::pipeline::Pipeline;
use crate::pipeline::change::{Change, LINKED};
use crate::pipeline::event::Kind;
use crate::pipeline::wiring::Prepared;
use crate::pipeline::write::WriterMeter;
use crate::pricing::meter::{on_demand_ingest_bytes, put_payload_units};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::dynamodb::index::Index;
use crate::systems::dynamodb::write_kind::WriteKind;
use crate::systems::kinesis::log::{Record, flags};
use crate::units::counted;
use crate::workload::producer::Write;
use rust_decimal::Decimal;

/// Which write to follow: the first one that is all of this.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Choice {
    /// Whether its producer is one of those that put straight into streams.
    pub direct: bool,
    /// Its producer, by number among its kind.
    pub writer: Option<usize>,
    /// Its number among its producer's, from 1.
    pub number: Option<u64>,
    /// The name of its item.
    pub key: Option<String>,
    /// Meant to be written at or after this.
    pub from: Nanos,
    /// So many that would do are passed over.
    pub skip: u64,
}

/// The write that was chosen.
#[derive(Clone, Debug)]
struct Chosen {
    /// Its producer, by number.
    writer: usize,
    /// Its number among its producer's, from 1.
    number: u64,
    /// The name of its item.
    key: String,
    /// The write.
    write: Write,
}

/// One copy of the change between table and stream.
#[derive(Clone, Debug)]
struct InFeed {
    handle: u32,
    change: Change,
    copy: bool,
    /// When its last step took place.
    since: Nanos,
    /// Whether the delay of the feed lies behind it.
    sent: bool,
    /// Whether it is known to wait behind an earlier change.
    lines_up: bool,
}

/// Follows one write.
pub struct Follower<'a> {
    scenario: &'a Scenario,
    prepared: &'a Prepared,
    choice: Choice,
    /// The write whose turn it is, if it would do, and what its producer had counted before.
    candidate: Option<(Chosen, WriterMeter)>,
    subject: Option<Chosen>,
    /// The write among those that wait for another try.
    pending: Option<u32>,
    /// When the last step at the table took place.
    tried: Nanos,
    accepted: Option<Nanos>,
    in_feed: Vec<InFeed>,
    publication: Option<u32>,
    /// What each shard of the stream that the next put goes to had accepted before.
    appended: Vec<u64>,
    lost_before: [u64; 2],
    ways: Ways<'a>,
}

impl<'a> Follower<'a> {
    /// Before the first event.
    pub fn new(scenario: &'a Scenario, prepared: &'a Prepared, choice: Choice) -> Self {
        Self {
            scenario,
            prepared,
            choice,
            candidate: None,
            subject: None,
            pending: None,
            tried: 0,
            accepted: None,
            in_feed: Vec::new(),
            publication: None,
            appended: Vec::new(),
            lost_before: [0; 2],
            ways: Ways::new(scenario),
        }
    }

    /// What was seen; nothing if no write was like the one asked for.
    pub fn finish(mut self) -> Option<Trail> {
        let subject = self.subject?;
        let open = self.in_feed.iter().map(|it| (it.copy, "waiting"));
        let open: Vec<_> = open.chain(self.publication.map(|_| (false, "waiting"))).collect();
        let producer = &self.scenario.producers[subject.writer];
        let table = resource("tables", &self.scenario.tables[producer.table].name);
        open.into_iter().for_each(|(copy, name)| self.ways.is_open(&table, copy, name));
        if self.accepted.is_none() && self.ways.fates.is_empty() {
            self.ways.is_open(&table, false, "waiting_for_retry");
        }
        Some(self.ways.finish(Subject {
            workload: resource("workload", &producer.name),
            number: subject.number,
            to: table,
            key: subject.key,
            operation: subject.write.kind.name().to_owned(),
            at: subject.write.at,
            write_units: subject.write.units,
            record_bytes: subject.write.record.bytes,
        }))
    }

    /// The write that is about to be made, if it is the one asked for.
    fn consider(&mut self, pipeline: &Pipeline<true>, event: &Happening) {
        let writer = event.handle as usize;
        let place = &pipeline.writers[writer];
        let Some(write) = place.producer.peek() else { return };
        let number = place.meter.offered + 1;
        let Choice { writer: wanted, number: nth, key, from, .. } = &self.choice;
        let would_do = wanted.is_none_or(|wanted| wanted == writer)
            && event.at >= *from
            && nth.is_none_or(|nth| nth == number);
        if !would_do {
            return;
        }
        let name = self.prepared.route(place.producer.table()).name(write.key);
        if key.as_ref().is_some_and(|key| *key != name) {
            return;
        }
        if self.choice.skip > 0 {
            self.choice.skip -= 1;
            return;
        }
        let write = Write { at: event.at, ..write };
        self.candidate = Some((Chosen { writer, number, key: name, write }, place.meter));
    }

    fn table(&self, subject: &Chosen) -> usize {
        self.scenario.producers[subject.writer].table
    }

    /// What the first request, or one more try, came to.
    fn tried(&mut self, now: Nanos, pipeline: &Pipeline<true>, before: &WriterMeter) {
        let Some(subject) = self.subject.clone() else { return };
        let place = resource("tables", &self.scenario.tables[self.table(&subject)].name);
        let meter = &pipeline.writers[subject.writer].meter;
        self.find_changes(now, pipeline, &subject);
        let makes_change = !self.in_feed.is_empty() || self.publication.is_some();
        let took = meter.accepted > before.accepted || meter.condition_failed > before.condition_failed;
        let on = if before.offered < meter.offered { "the moment when it is due" } else { "another try" };
        let step =
            |what: &str| Step::new(now, &place, what).after(on, now - self.tried.max(subject.write.at));
        if makes_change || took {
            let what = match subject.write.kind {
                WriteKind::ConditionalFailure => "its condition fails",
                WriteKind::Unchanged => "accepted, and changes nothing",
                _ => "accepted",
            };
            let charge = self.write_charge(pipeline, &subject);
            let bytes = u64::from(subject.write.units) * 1_024;
            let units = counted(u64::from(subject.write.units), "write unit");
            let step = step(&format!("{what}: {units}"));
            self.ways.steps.push(step.sized(bytes).charged(charge));
            self.accepted = Some(now);
            if !makes_change {
                self.ways.end(&place, false, "accepted", now);
            }
            return;
        }
        let ends = [
            (meter.given_up > before.given_up, "given_up"),
            (meter.too_large > before.too_large, "too_large"),
            (meter.collection_full > before.collection_full, "collection_full"),
            (meter.cancelled > before.cancelled, "cancelled"),
            (meter.applied_unheard > before.applied_unheard, "applied_unheard"),
        ];
        if let Some((_, fate)) = ends.iter().find(|(ended, _)| *ended) {
            self.ways.steps.push(step(&format!("not written: {}", fate.replace('_', " "))));
            return self.ways.end(&place, false, fate, now);
        }
        let why = match () {
            () if meter.not_due > before.not_due => "not due yet",
            () if meter.conflicts > before.conflicts => "refused: a transaction in progress has its item",
            () if meter.server_errors > before.server_errors => "its answer left the outcome open",
            () => "refused: throttled",
        };
        self.ways.steps.push(step(why));
        self.tried = now;
        let Chosen { writer, write, .. } = subject;
        // Items of a call are sent again with it: the place of any call of this producer may be theirs.
        let is_it = |it: &crate::pipeline::write::PendingWrite| {
            it.writer() as usize == writer
                && (it.is_call() || (it.write.key == write.key && it.intended() >= write.at))
        };
        self.pending = pipeline.pending.find(is_it).last().copied();
    }

    /// What the write costs at the table: units of the table and of its indexes.
    fn write_charge(&self, pipeline: &Pipeline<true>, subject: &Chosen) -> Vec<Charge> {
        let table = &pipeline.tables[self.table(subject)].table;
        let units = u32::from(subject.write.units);
        let indexes = table.indexes().iter().filter(|_| units > 0);
        let entry = |index: &Index| index.entry(subject.write.key, units, subject.write.kind);
        let entries = indexes.filter_map(|index| Some((entry(index)?.1, index)));
        let own = (units, table.throughput().capacity().is_provisioned());
        let all = entries.map(|(units, index)| (units, index.throughput.capacity().is_provisioned()));
        let charge = |(units, provisioned): (u32, bool)| match provisioned {
            false => Charge { id: "ddb.od.wru", quantity: Decimal::from(units) },
            // A second of so many units is the least that takes the write.
            true => Charge { id: "ddb.prov.wcu_h", quantity: Decimal::from(units) / Decimal::from(3_600) },
        };
        std::iter::once(own).chain(all).map(charge).collect()
    }

    /// Finds the change on its way to the streams.
    fn find_changes(&mut self, now: Nanos, pipeline: &Pipeline<true>, subject: &Chosen) {
        let (table, write) = (self.table(subject), &subject.write);
        let is_it = |written: Nanos, key: u32| written == write.at && key == write.key;
        let changes = pipeline
            .changes
            .find(|change| usize::from(change.table) == table && is_it(change.written, change.key));
        self.in_feed = changes
            .into_iter()
            .map(|handle| {
                let change = pipeline.changes.get(handle);
                let copy = change.flags() & flags::COPY != 0;
                InFeed { handle, change, copy, since: now, sent: false, lines_up: false }
            })
            .collect();
        let published =
            pipeline.publications.find(|it| usize::from(it.table) == table && is_it(it.written, it.key()));
        self.publication = published.first().copied();
    }

    /// What the shards of the stream that an event puts into had accepted before it.
    fn note_shards(&mut self, pipeline: &Pipeline<true>, stream: usize) {
        let stream = &pipeline.streams[stream].stream;
        self.appended.clear();
        self.appended.extend((0..stream.shard_count()).map(|shard| stream.appended(shard)));
    }

    /// Looks at the copies of the change that are on their way after a put.
    fn after_put(&mut self, now: Nanos, pipeline: &Pipeline<true>) {
        let mut left = Vec::new();
        for mut change in std::mem::take(&mut self.in_feed) {
            let there = pipeline.changes.get(change.handle);
            let same = there.identity() == change.change.identity()
                && there.flags() & flags::COPY == change.change.flags() & flags::COPY;
            if same && pipeline.changes.holds(change.handle) {
                self.note_wait(now, pipeline, &mut change, &there);
                left.push(change);
            } else {
                self.leaves_feed(now, pipeline, &change);
            }
        }
        self.in_feed = left;
    }

    /// What a change waited for up to now: the feed's delay first, then room in its shard.
    fn feed_step(&self, now: Nanos, change: &InFeed, place: &str, what: String) -> Step {
        let waited = now - change.since;
        let delay = if change.sent { 0 } else { u64::from(change.change.propagation) * MICROSECOND };
        let delay = delay.min(waited);
        let on = if change.lines_up { "the earlier change" } else { "room in its shard" };
        let what = Step::new(now, place, what).after("the feed's delay", delay).after(on, waited - delay);
        Step { copy: change.copy, ..what }
    }

    fn note_wait(&mut self, now: Nanos, pipeline: &Pipeline<true>, change: &mut InFeed, there: &Change) {
        let Some(feed) = &pipeline.tables[usize::from(there.table)].feed else { return };
        let place = format!("{}.kinesis", resource("tables", &feed.table));
        let refused = there.failures != change.change.failures;
        let due = now >= change.since + u64::from(there.propagation) * MICROSECOND;
        // It was put in line behind an earlier change: the last of the line is not due at its own time any more.
        let lines_up = !refused && !change.lines_up && !change.sent && due && there.flags() & LINKED == 0;
        if !refused && !lines_up {
            change.change.failures = there.failures;
            return;
        }
        let what = if refused { "its put is refused" } else { "waits behind an earlier change of its item" };
        let step = self.feed_step(now, change, &place, what.to_owned());
        let units = Decimal::from(there.units);
        let charge = refused.then_some(Charge { id: "ddb.cdc.kinesis", quantity: units });
        self.ways.steps.push(step.charged(charge));
        (change.since, change.sent, change.change, change.lines_up) = (now, true, *there, lines_up);
    }

    /// A copy of the change is in its shard, or will never be.
    fn leaves_feed(&mut self, now: Nanos, pipeline: &Pipeline<true>, change: &InFeed) {
        let table = usize::from(change.change.table);
        let Some(feed) = &pipeline.tables[table].feed else { return };
        let place = format!("{}.kinesis", resource("tables", &feed.table));
        let lost = [feed.meter.too_large, feed.meter.dropped];
        let names = ["too_large", "dropped"];
        let fate = (0..2).find(|which| lost[*which] > self.lost_before[*which]).map(|which| names[which]);
        if let Some(fate) = fate {
            let what = format!("never reaches the stream: {}", fate.replace('_', " "));
            let step = self.feed_step(now, change, &place, what);
            self.ways.steps.push(step);
            return self.ways.end(&place, change.copy, fate, now);
        }
        let (stream, shard) = (feed.plan.stream, usize::from(feed.items.shards[change.change.key as usize]));
        let source = &pipeline.streams[stream];
        let bytes = u64::from(change.change.bytes());
        let advantage = self.scenario.on_demand_advantage;
        let put = match source.on_demand.is_on() {
            true => {
                let id = if advantage { "kds.adv.in_gb" } else { "kds.od.in_gb" };
                Charge::gigabytes(id, on_demand_ingest_bytes(bytes))
            }
            false => Charge { id: "kds.prov.put_unit", quantity: Decimal::from(put_payload_units(bytes)) },
        };
        let capture = Charge { id: "ddb.cdc.kinesis", quantity: Decimal::from(change.change.units) };
        let step = self.feed_step(now, change, &source.place, format!("in shard {shard}"));
        self.ways.steps.push(step.sized(bytes).charged([capture, put]));
        // Its flags as they were at the last look, with what its last try may have added.
        let tried = if change.change.failures > 0 { flags::RETRIED } else { 0 };
        let kept = flags::COPY | flags::DISORDERED | flags::RETRIED;
        let record = Record {
            written: change.change.written / MICROSECOND,
            appended: now / MICROSECOND,
            bytes: change.change.bytes(),
            key: change.change.key,
            flags: (change.change.flags() & kept) | tried,
        };
        let sequence = source.stream.appended(shard).saturating_sub(1);
        self.ways.branch(pipeline, (stream, shard, sequence), record, change.copy);
    }

    /// The change has become visible in its table's own stream.
    fn published(&mut self, now: Nanos, pipeline: &Pipeline<true>) {
        let Some(subject) = self.subject.clone() else { return };
        let table = self.table(&subject);
        let Some(own) = &pipeline.tables[table].streams else { return };
        let (stream, source) = (own.plan.stream, &pipeline.streams[own.plan.stream]);
        let before = |shard: usize| self.appended.get(shard).copied().unwrap_or(0);
        let shard = (0..source.stream.shard_count()).find(|it| source.stream.appended(*it) > before(*it));
        let Some(shard) = shard else { return };
        let bytes = subject.write.record.streams_bytes;
        let waited = now - self.accepted.unwrap_or(now);
        let step = Step::new(now, &source.place, format!("in shard {shard}"));
        self.ways.steps.push(step.after("the stream's delay", waited).sized(bytes));
        self.publication = None;
        let record = Record {
            written: subject.write.at / MICROSECOND,
            appended: now / MICROSECOND,
            bytes,
            key: subject.write.key,
            flags: 0,
        };
        let sequence = source.stream.appended(shard).saturating_sub(1);
        self.ways.branch(pipeline, (stream, shard, sequence), record, false);
    }

    /// Whether nothing can happen to the write any more.
    fn is_over(&self) -> bool {
        let under_way = self.pending.is_some() || !self.in_feed.is_empty() || self.publication.is_some();
        let begun = self.accepted.is_some() || !self.ways.fates.is_empty();
        self.subject.is_some() && begun && !under_way && self.ways.are_over()
    }
}

impl Observer for Follower<'_> {
    fn before(&mut self, pipeline: &Pipeline<true>, event: &Happening) {
        match event.kind {
            Kind::Arrive if self.subject.is_none() => self.consider(pipeline, event),
            Kind::WriteAgain if self.pending == Some(event.handle) => {
                let subject = self.subject.clone();
                self.candidate = subject.map(|it| {
                    let meter = pipeline.writers[it.writer].meter;
                    (it, meter)
                });
            }
            Kind::Put | Kind::PutAgain if !self.in_feed.is_empty() => {
                let feed = pipeline.tables[usize::from(self.in_feed[0].change.table)].feed.as_ref();
                self.lost_before = feed.map_or([0; 2], |feed| [feed.meter.too_large, feed.meter.dropped]);
            }
            Kind::Publish if self.publication == Some(event.handle) => {
                let table = self.subject.as_ref().map(|subject| self.table(subject));
                let own = table.and_then(|table| pipeline.tables[table].streams.as_ref());
                if let Some(own) = own {
                    self.note_shards(pipeline, own.plan.stream);
                }
            }
            _ => {}
        }
    }

    fn after(&mut self, pipeline: &Pipeline<true>, event: &Happening) -> bool {
        if let Some((subject, before)) = self.candidate.take() {
            if self.subject.is_none() {
                let place = resource("workload", &self.scenario.producers[subject.writer].name);
                let kind = subject.write.kind.name().replace('_', " ");
                self.ways.steps.push(Step::new(event.at, &place, format!("{kind} of {}", subject.key)));
                self.tried = event.at;
                self.subject = Some(subject);
            }
            self.pending = None;
            self.tried(event.at, pipeline, &before);
        } else if matches!(event.kind, Kind::Put | Kind::PutAgain) && !self.in_feed.is_empty() {
            self.after_put(event.at, pipeline);
        } else if event.kind == Kind::Publish && self.publication == Some(event.handle) {
            self.published(event.at, pipeline);
        }
        if !is_upstream(event.kind) {
            self.ways.look(event.at, pipeline);
        }
        self.is_over()
    }
}
