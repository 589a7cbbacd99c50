//! A followed record at a delivery stream, in its objects, and at the first queries that scan them.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::polling::read_charge;
use super::{Charge, Found, Sight, Step, Tracker};
use crate::engine::time::{HOUR, MICROSECOND, Nanos, SECOND};
use crate::pipeline::Pipeline;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::athena::QueryPlan;
use crate::systems::firehose::{
    ErrorOutput, FirehoseMeter, FirehosePlan, FlushReason, Held, Object, billed_bytes,
};

/// Looks for a record in a delivery stream's buffers and uploads.
#[derive(Debug)]
pub struct DeliveryTracker<'a> {
    scenario: &'a Scenario,
    number: usize,
    place: String,
    polled: Option<Nanos>,
    object: Option<Shipment>,
    meter: FirehoseMeter,
}

/// What is remembered of the object that the record is in.
#[derive(Clone, Copy, Debug)]
struct Shipment {
    flushed: Nanos,
    records: usize,
    bytes: u64,
    oldest: Nanos,
    waits: bool,
    stored: bool,
    error: Option<ErrorOutput>,
}

impl Shipment {
    fn of(object: &Object) -> Self {
        Self {
            flushed: object.flushed,
            records: object.batch.records.len(),
            bytes: object.batch.bytes,
            oldest: object.batch.oldest_arrival().unwrap_or(0) * MICROSECOND,
            waits: object.waits,
            stored: object.stored,
            error: object.error,
        }
    }
}

impl<'a> DeliveryTracker<'a> {
    /// For the delivery stream of this number.
    pub fn new(scenario: &'a Scenario, number: usize) -> Self {
        let place = scenario.deliveries[number].path.clone();
        let meter = FirehoseMeter::default();
        Self { scenario, number, place, polled: None, object: None, meter }
    }

    fn plan(&self) -> &'a FirehosePlan {
        &self.scenario.deliveries[self.number]
    }

    /// What Firehose charges for taking a record in.
    fn ingestion(&self, bytes: u64) -> Vec<Charge> {
        let (plan, billed) = (self.plan(), billed_bytes(bytes));
        let mut charges = vec![Charge::gigabytes("fh.put", billed)];
        if plan.converts {
            charges.push(Charge::gigabytes("fh.dfc_gb", billed));
        }
        if plan.partitioning.is_some() {
            charges.push(Charge::gigabytes("fh.dp_gb", bytes));
        }
        charges
    }

    fn buffered(
        &mut self,
        at: Nanos,
        what: String,
        pipeline: &Pipeline<true>,
        found: &Found,
        steps: &mut Vec<Step>,
    ) {
        if self.polled.is_some() {
            return;
        }
        self.polled = Some(at);
        let bytes = u64::from(found.record.bytes);
        let step = Step::new(at, &self.place, what)
            .after("a poll to reach it", at.saturating_sub(found.record.appended * MICROSECOND));
        let read = read_charge(self.scenario, pipeline, found, 1);
        steps.push(step.sized(bytes).charged(self.ingestion(bytes)).charged(read));
    }

    /// Its buffer has been flushed: it is being uploaded, or waits for its destination.
    fn shipped(&mut self, now: Nanos, object: &Object, steps: &mut Vec<Step>) {
        let shipment = Shipment::of(object);
        let before = self.object.replace(shipment);
        if before.is_none() {
            let by = match object.reason {
                FlushReason::Size => "its size",
                FlushReason::Interval => "its interval",
            };
            let what = format!("flushed by {by} with {} records", shipment.records);
            let step = Step::new(object.flushed, &self.place, what);
            let buffered = object.flushed.saturating_sub(self.polled.unwrap_or(object.flushed));
            steps.push(step.after("the buffer", buffered).sized(shipment.bytes));
        }
        if shipment.waits && !before.is_some_and(|before| before.waits) {
            steps.push(Step::new(now, &self.place, "the destination is down: it is tried again and again"));
        }
        if shipment.stored && !before.is_some_and(|before| before.stored) {
            let what = "stored, but taken for failed: the upload is repeated";
            let since = before.map_or(object.flushed, |before| before.flushed);
            steps.push(Step::new(now, &self.place, what).after("the upload", now - since));
        }
    }

    fn fate(&self, meter: &FirehoseMeter, object: &Shipment) -> &'static str {
        match object.error {
            _ if meter.undeliverable > self.meter.undeliverable => "undeliverable",
            None => "delivered",
            Some(error) => error.fate(),
        }
    }

    /// The object is complete, or was given up.
    fn completed(&self, now: Nanos, object: &Shipment, fate: &'static str, steps: &mut Vec<Step>) {
        let plan = self.plan();
        let what = match fate {
            "delivered" => "in a complete object in S3".to_owned(),
            fate => format!("not delivered: {}", fate.replace('_', " ")),
        };
        let step = Step::new(now, &self.place, what).after("the upload", now.saturating_sub(object.flushed));
        if fate == "undeliverable" {
            return steps.push(step);
        }
        let share = Decimal::from(object.records.max(1));
        let stored = (object.bytes as f64 * plan.compression + 0.5) as u64;
        let mut charges = vec![
            Charge::shared("s3.put", plan.requests_per_object(), object.records),
            // Kept for one month, as the bill has it.
            Charge { id: "s3.std", quantity: crate::pricing::meter::gigabytes(stored) / share },
        ];
        if plan.partitioning.is_some() {
            charges.push(Charge::shared("fh.dp_objects", 1, object.records));
        }
        steps.push(step.sized(stored).charged(charges));
        if fate == "delivered" {
            for query in self.scenario.queries.iter().filter(|query| query.delivery == self.number) {
                steps.extend(self.scanned(now, query, object, stored));
            }
        }
    }

    /// The first query that scans its object, with the record's share of what is scanned.
    fn scanned(&self, complete: Nanos, query: &QueryPlan, object: &Shipment, stored: u64) -> Option<Step> {
        let at = complete.div_ceil(query.every).max(1) * query.every;
        let into_hour = self.scenario.start.rem_euclid(3_600) as u64 * SECOND;
        let hour = |at: Nanos| (at + into_hour) / HOUR;
        // Queries skip the prefixes of hours before their window (ATH-4).
        let first = query.window.map_or(0, |window| hour(at.saturating_sub(window)));
        if at >= self.scenario.duration || hour(object.oldest) < first {
            return None;
        }
        let share = query.share + query.deduplicates.unwrap_or(0.0);
        let share = Decimal::from_f64(share).unwrap_or(Decimal::ONE) / Decimal::from(object.records.max(1));
        let scanned = crate::pricing::meter::terabytes(stored) * share;
        let place = resource("athena", &query.name);
        let step = Step::new(at, &place, "scanned by the first query after that");
        let gets = Charge::shared("s3.get", stored.div_ceil(128 << 20).max(1), object.records);
        let step = step.after("the next query", at - complete).sized(stored);
        Some(step.charged([Charge { id: "athena.scan_tb", quantity: scanned }, gets]))
    }
}

impl Tracker for DeliveryTracker<'_> {
    fn place(&self) -> &str {
        &self.place
    }

    fn look(&mut self, now: Nanos, pipeline: &Pipeline<true>, found: &Found, steps: &mut Vec<Step>) -> Sight {
        // Two records written and accepted within the same microseconds share their way, so that either may stand for both.
        let (written, appended) = (found.record.written, found.record.appended);
        let such = |held: &Held| held.written == written && held.appended == appended;
        let firehose = &pipeline.deliveries[self.number].firehose;
        let mut sight = if self.polled.is_some() { Sight::Held } else { Sight::Ahead };
        if let Some(object) = pipeline.objects.find(self.number, such) {
            let polled = object.batch.polled(such).unwrap_or(object.flushed);
            self.buffered(polled, "read into a buffer".to_owned(), pipeline, found, steps);
            self.shipped(now, object, steps);
            sight = Sight::Held;
        } else if let Some(object) = self.object {
            let fate = self.fate(&firehose.meter, &object);
            self.completed(now, &object, fate, steps);
            sight = Sight::Ended(fate);
        } else if let Some(buffered) = firehose.whereabouts(such) {
            let what = format!("read into buffer {}", buffered.buffer);
            self.buffered(buffered.polled, what, pipeline, found, steps);
            sight = Sight::Held;
        }
        self.meter = firehose.meter;
        sight
    }
}
