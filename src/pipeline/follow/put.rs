//! The way of a followed record from a direct producer into its stream.

use super::arrival::Choice;
use super::ways::{Ways, is_upstream};
use super::{Charge, Happening, Observer, Step, Subject, Trail};
use crate::engine::time::{MICROSECOND, Nanos};
use crate::measure::direct::DirectMeter;
use crate::pipeline::Pipeline;
use crate::pipeline::direct::Direct;
use crate::pipeline::event::{Kind, unpack};
use crate::pricing::meter::{gigabytes, on_demand_ingest_bytes, put_payload_units};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::kinesis::log::{Record, flags};
use crate::systems::kinesis::producer::record::{UserRecord, mark};
use crate::workload::put_records::Made;
use rust_decimal::Decimal;

/// The record that was chosen.
#[derive(Clone, Debug)]
struct Chosen {
    /// Its producer, by number among the direct ones.
    producer: usize,
    number: u64,
    made: Made,
    /// It is the so-manieth record of its key.
    version: u32,
    key: String,
}

/// Follows one record of a direct producer.
pub struct PutFollower<'a> {
    scenario: &'a Scenario,
    choice: Choice,
    candidate: Option<Chosen>,
    subject: Option<Chosen>,
    /// What its producer had counted before an event, and each shard of its stream accepted.
    before: (DirectMeter, Vec<u64>),
    /// The record as it was with its client at the last look; nothing once that has heard the last of it.
    with_client: Option<UserRecord>,
    /// Whether it has just been made.
    is_new: bool,
    /// When its last step took place.
    since: Nanos,
    ways: Ways<'a>,
}

impl<'a> PutFollower<'a> {
    /// Before the first event. A producer of the choice is one of the direct ones, by number.
    pub fn new(scenario: &'a Scenario, choice: Choice) -> Self {
        Self {
            scenario,
            choice,
            candidate: None,
            subject: None,
            before: (DirectMeter::default(), Vec::new()),
            with_client: None,
            is_new: false,
            since: 0,
            ways: Ways::new(scenario),
        }
    }

    /// What was seen; nothing if no record was like the one asked for.
    pub fn finish(mut self) -> Option<Trail> {
        let subject = self.subject?;
        let plan = &self.scenario.direct[subject.producer];
        let workload = resource("workload", &plan.name);
        if self.with_client.is_some_and(|record| !record.has(mark::ACCEPTED)) {
            self.ways.is_open(&workload, false, "waiting");
        }
        Some(self.ways.finish(Subject {
            workload,
            number: subject.number,
            to: self.scenario.stream_path(plan.stream),
            key: subject.key,
            operation: "put".to_owned(),
            at: subject.made.at,
            write_units: 0,
            record_bytes: subject.made.data + plan.key_bytes(subject.made.key),
        }))
    }

    /// The record that is about to be made, if it is the one asked for.
    fn consider(&mut self, direct: &Direct, producer: usize) {
        let Some(made) = direct.next_record() else { return };
        let number = direct.meter.offered + 1;
        let Choice { writer, number: nth, key, from, .. } = &self.choice;
        let would_do = writer.is_none_or(|wanted| wanted == producer)
            && made.at >= *from
            && nth.is_none_or(|nth| nth == number);
        if !would_do {
            return;
        }
        let name = direct.key_name(made.key);
        if key.as_ref().is_some_and(|key| *key != name) {
            return;
        }
        if self.choice.skip > 0 {
            self.choice.skip -= 1;
            return;
        }
        let version = direct.made_of(made.key) + 1;
        self.candidate = Some(Chosen { producer, number, made, version, key: name });
    }

    fn step(&mut self, now: Nanos, place: &str, what: impl Into<String>, on: &str) -> Step {
        let step = Step::new(now, place, what).after(on, now.saturating_sub(self.since));
        self.since = now;
        step
    }

    /// Looks at what an event of its producer has done to the record.
    fn look_at_client(&mut self, pipeline: &Pipeline<true>, event: &Happening, chosen: &Chosen) {
        let direct = &pipeline.direct[chosen.producer];
        let place = resource("workload", &direct.plan.name);
        let (now, before) = (event.at, self.with_client);
        let after = direct.record_of(chosen.made.key, chosen.version);
        self.with_client = after.map(|(_, record)| record);
        match (before, after) {
            (Some(before), Some((handle, record))) => {
                if event.kind == Kind::PutRecords {
                    self.arrives(pipeline, event, chosen, (handle, before));
                }
                if record.attempts > before.attempts {
                    let on =
                        if before.attempts == 0 { "its client to gather records" } else { "another try" };
                    let step = self.step(now, &place, "sent", on);
                    self.ways.steps.push(step);
                }
            }
            (Some(before), None) if !before.has(mark::ACCEPTED) => {
                let expired = direct.meter.expired > self.before.0.expired;
                let fate = if expired { "expired" } else { "given_up" };
                let step =
                    self.step(now, &place, format!("not put: {}", fate.replace('_', " ")), "an answer");
                self.ways.steps.push(step);
                self.ways.end(&place, false, fate, now);
            }
            (None, Some((_, record))) if record.attempts > 0 => {
                let step = self.step(now, &place, "sent", "its client to gather records");
                self.ways.steps.push(step);
            }
            (None, None) if self.is_new && direct.meter.too_large > self.before.0.too_large => {
                let step = self.step(now, &place, "not put: too large", "");
                self.ways.steps.push(step);
                self.ways.end(&place, false, "too_large", now);
            }
            _ => {}
        }
    }

    /// A call with it may have reached the stream: its shard takes it, or refuses it.
    fn arrives(
        &mut self,
        pipeline: &Pipeline<true>,
        event: &Happening,
        chosen: &Chosen,
        (handle, before): (u32, UserRecord),
    ) {
        let (_, slot) = unpack(event.handle);
        let direct = &pipeline.direct[chosen.producer];
        let stream = direct.plan.stream;
        let source = &pipeline.streams[stream];
        let is_put = source.front.is_some();
        let mut before_it = 0;
        let parcels = direct.parcels(slot as u32, source.stream.lineage());
        let Some(own) = parcels.iter().position(|(.., members)| members.contains(&handle)) else { return };
        let (parcel, of_key, members) = &parcels[own];
        // Direct PUT stands behind a stream of one shard.
        let shard = if is_put { 0 } else { *of_key };
        let on =
            if is_put { "its call to reach the delivery stream" } else { "its call to reach the stream" };
        if !parcel.accepted {
            let step = self.step(event.at, &source.place.clone(), "refused", on);
            return self.ways.steps.push(step);
        }
        for (_, _, members) in parcels[..own].iter().filter(|it| it.0.accepted && (is_put || it.1 == shard)) {
            before_it += members.len() as u64;
        }
        let member = members.iter().position(|it| *it == handle).unwrap_or(0);
        let more = parcel.bytes - direct.data_of(members);
        let each = more / parcel.count + u32::from((member as u32) < more % parcel.count);
        let bytes = chosen.made.data + if is_put { 0 } else { each };
        let copy = before.has(mark::ACCEPTED);
        let marks =
            if copy { flags::COPY } else { 0 } | if before.has(mark::REFUSED) { flags::RETRIED } else { 0 };
        let (written, appended) = (chosen.made.at / MICROSECOND, event.at / MICROSECOND);
        let record = Record { written, appended, bytes, key: chosen.made.key, flags: marks };
        let what = match (is_put, members.len()) {
            (true, _) => "taken by the delivery stream".to_owned(),
            (_, 1) => format!("in shard {shard}"),
            (_, users) => format!("in shard {shard}, in an aggregate of {users}"),
        };
        let charge = (!is_put).then(|| self.charge(source.on_demand.is_on(), parcel.bytes, members.len()));
        let step = self.step(event.at, &source.place.clone(), what, on);
        self.ways.steps.push(Step { copy, ..step.sized(bytes).charged(charge) });
        let sequence = self.before.1.get(shard).copied().unwrap_or(0) + before_it + member as u64;
        self.ways.branch(pipeline, (stream, shard, sequence), record, copy);
    }

    /// Its share of what its Kinesis record costs.
    fn charge(&self, on_demand: bool, bytes: u32, users: usize) -> Charge {
        let bytes = u64::from(bytes);
        if !on_demand {
            return Charge::shared("kds.prov.put_unit", put_payload_units(bytes), users);
        }
        let id = if self.scenario.on_demand_advantage { "kds.adv.in_gb" } else { "kds.od.in_gb" };
        Charge { id, quantity: gigabytes(on_demand_ingest_bytes(bytes)) / Decimal::from(users.max(1)) }
    }

    fn is_over(&self) -> bool {
        self.subject.is_some() && self.with_client.is_none() && self.ways.are_over()
    }
}

/// Whether events of this kind are about direct producers.
fn is_of_producers(kind: Kind) -> bool {
    matches!(kind, Kind::Record | Kind::CallAgain | Kind::Gathered | Kind::PutRecords | Kind::Replied)
}

impl Observer for PutFollower<'_> {
    fn before(&mut self, pipeline: &Pipeline<true>, event: &Happening) {
        if !is_of_producers(event.kind) {
            return;
        }
        let (producer, _) = unpack(event.handle);
        let direct = &pipeline.direct[producer];
        if self.subject.is_none() && event.kind == Kind::Record {
            self.consider(direct, producer);
        }
        let chosen = self.subject.as_ref().or(self.candidate.as_ref());
        if chosen.is_some_and(|chosen| chosen.producer == producer) {
            let stream = &pipeline.streams[direct.plan.stream].stream;
            let shards = 0..stream.shard_count();
            self.before = (direct.meter, shards.map(|shard| stream.appended(shard)).collect());
        }
    }

    fn after(&mut self, pipeline: &Pipeline<true>, event: &Happening) -> bool {
        if let Some(chosen) = self.candidate.take() {
            let place = resource("workload", &self.scenario.direct[chosen.producer].name);
            self.ways.steps.push(Step::new(chosen.made.at, &place, format!("record of {}", chosen.key)));
            (self.since, self.is_new) = (chosen.made.at, true);
            self.subject = Some(chosen);
        }
        let chosen = self.subject.clone().filter(|_| is_of_producers(event.kind));
        if let Some(chosen) = chosen.filter(|chosen| chosen.producer == unpack(event.handle).0) {
            self.look_at_client(pipeline, event, &chosen);
            self.is_new = false;
        }
        if !is_upstream(event.kind) {
            self.ways.look(event.at, pipeline);
        }
        self.is_over()
    }
}
