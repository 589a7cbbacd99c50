//! A followed record at a delivery stream, in its objects, and at the first queries that scan them.

use rust_decimal::Decimal;
use rust_decimal::prelude::FromPrimitive;

use super::polling::read_charge;
use super::{Charge, Found, Sight, Step, Tracker};
use crate::engine::time::{HOUR, MICROSECOND, MILLISECOND, Nanos, SECOND};
use crate::pipeline::Pipeline;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::athena::QueryPlan;
use crate::systems::firehose::endpoint::EndpointKind;
use crate::systems::firehose::transform::{TransformPlan, Whereabouts};
use crate::systems::firehose::{
    ErrorOutput, FirehoseMeter, FirehosePlan, FirehoseSource, FlushReason, Held, Object, billed_bytes,
};
use crate::units::counted;

/// Looks for a record in a delivery stream's buffers and uploads.
#[derive(Debug)]
pub struct DeliveryTracker<'a> {
    scenario: &'a Scenario,
    number: usize,
    place: String,
    /// When the last step took place; nothing before it was read.
    since: Option<Nanos>,
    /// Where it was in the hands of the function at the last look, and since when that ran.
    transforms: Option<(Whereabouts, Nanos)>,
    /// Whether it has come into a buffer.
    buffered: bool,
    object: Option<Shipment>,
    meter: FirehoseMeter,
}

/// What is remembered of the object that the record is in.
#[derive(Clone, Copy, Debug)]
struct Shipment {
    records: usize,
    bytes: u64,
    oldest: Nanos,
    waits: bool,
    stored: bool,
    staged: bool,
    error: Option<ErrorOutput>,
}

impl Shipment {
    fn of(object: &Object) -> Self {
        Self {
            records: object.batch.records.len(),
            bytes: object.batch.bytes,
            oldest: object.batch.oldest_arrival().unwrap_or(0) * MICROSECOND,
            waits: object.waits,
            stored: object.stored,
            staged: object.staged,
            error: object.error,
        }
    }
}

/// What has happened to a record that its destination has.
fn delivered_to(kind: Option<EndpointKind>) -> &'static str {
    match kind {
        None => "in a complete object in S3",
        Some(EndpointKind::Redshift) => "copied into the Redshift table",
        Some(EndpointKind::OpenSearch) => "indexed by OpenSearch",
        Some(EndpointKind::OpenSearchServerless) => "indexed by OpenSearch Serverless",
        Some(EndpointKind::Splunk) => "taken by Splunk",
        Some(EndpointKind::Http) => "taken by the HTTP endpoint",
        Some(EndpointKind::Iceberg) => "committed to the Iceberg table",
        Some(EndpointKind::Snowflake) => "taken by Snowflake",
    }
}

impl<'a> DeliveryTracker<'a> {
    /// For the delivery stream of this number.
    pub fn new(scenario: &'a Scenario, number: usize) -> Self {
        Self {
            scenario,
            number,
            place: scenario.deliveries[number].path.clone(),
            since: None,
            transforms: None,
            buffered: false,
            object: None,
            meter: FirehoseMeter::default(),
        }
    }

    fn plan(&self) -> &'a FirehosePlan {
        &self.scenario.deliveries[self.number]
    }

    fn step(&mut self, at: Nanos, what: impl Into<String>, on: &str) -> Step {
        let since = self.since.unwrap_or(at);
        self.since = Some(since.max(at));
        Step::new(at, &self.place, what).after(on, at.saturating_sub(since))
    }

    /// What is charged for taking a record in. A backup takes nothing in: it is the same ingestion.
    fn ingestion(&self, bytes: u64) -> Vec<Charge> {
        let (plan, billed) = (self.plan(), billed_bytes(bytes));
        if plan.is_channel() {
            let id = match plan.converts {
                true if self.scenario.on_demand_advantage => "kds.adv.channel_s3tables_gb",
                true => "kds.channel_s3tables_gb",
                false => "kds.channel_s3_gb",
            };
            return vec![Charge::gigabytes(id, bytes)];
        }
        if plan.backup_of.is_some() {
            return Vec::new();
        }
        match plan.endpoint.as_ref().map(|endpoint| endpoint.kind) {
            Some(EndpointKind::Iceberg) => return vec![Charge::gigabytes("fh.iceberg", bytes)],
            Some(EndpointKind::Snowflake) => return vec![Charge::gigabytes("fh.snowflake_gb", bytes)],
            _ => {}
        }
        let mut charges = vec![Charge::gigabytes("fh.put", billed)];
        if plan.converts {
            charges.push(Charge::gigabytes("fh.dfc_gb", billed));
        }
        if plan.partitioning.is_some() {
            charges.push(Charge::gigabytes("fh.dp_gb", bytes));
        }
        charges
    }

    /// It is with the delivery stream.
    fn arrives(&mut self, at: Nanos, into: &str, pipeline: &Pipeline<true>, found: &Found) -> Option<Step> {
        if self.since.is_some() {
            return None;
        }
        self.since = Some((found.record.appended * MICROSECOND).min(at));
        let (verb, on) = match self.plan().source {
            FirehoseSource::Polls(_) => ("read", "a poll to reach it"),
            FirehoseSource::DirectPut(_) | FirehoseSource::Channel => ("put", "its turn"),
        };
        let kept = pipeline.deliveries[self.number].key_bytes.kept_of(found.record);
        let bytes = u64::from(kept.bytes);
        let read = match self.plan().source {
            FirehoseSource::Polls(_) => read_charge(self.scenario, pipeline, found, 1),
            FirehoseSource::DirectPut(_) | FirehoseSource::Channel => None,
        };
        let step = self.step(at, format!("{verb} into {into}"), on);
        Some(step.sized(bytes).charged(self.ingestion(bytes)).charged(read))
    }

    /// It is in a buffer of the destination, or for the error prefix.
    fn buffered(
        &mut self,
        [polled, entered]: [Nanos; 2],
        buffer: &str,
        pipeline: &Pipeline<true>,
        found: &Found,
        steps: &mut Vec<Step>,
    ) {
        if self.plan().transform.is_some() {
            steps.extend(self.arrives(polled, "the function's buffer", pipeline, found));
            if !std::mem::replace(&mut self.buffered, true) {
                steps.push(self.step(entered, format!("into {buffer}"), "the function"));
            }
        }
        steps.extend(self.arrives(polled, buffer, pipeline, found));
    }

    /// It is with the function, or in the buffer before it.
    fn transforms(
        &mut self,
        now: Nanos,
        seen: Whereabouts,
        pipeline: &Pipeline<true>,
        found: &Found,
        steps: &mut Vec<Step>,
    ) {
        steps.extend(self.arrives(now, "the function's buffer", pipeline, found));
        let started = match self.transforms {
            Some((last, started)) if last.attempts == seen.attempts => {
                if last.runs && !seen.runs {
                    steps.push(self.end_of_try(now, (last, started), "failed"));
                }
                started
            }
            last => {
                if let Some(last) = last.filter(|(last, _)| last.runs) {
                    steps.push(self.end_of_try(now, last, "failed"));
                }
                if seen.attempts > 0 {
                    let on = if seen.attempts == 1 { "the function's buffer" } else { "the next try" };
                    let tries =
                        if seen.attempts == 1 { String::new() } else { format!(", try {}", seen.attempts) };
                    let records = counted(seen.records as u64, "record");
                    let what = match seen.runs {
                        true => format!("the function is invoked with {records}{tries}"),
                        false => format!("Lambda refuses to run the function{tries}"),
                    };
                    steps.push(self.step(now, what, on));
                }
                now
            }
        };
        self.transforms = Some((seen, started));
    }

    /// An invocation of the transforming function has ended: its share of what that costs.
    fn end_of_try(&mut self, now: Nanos, (last, started): (Whereabouts, Nanos), what: &str) -> Step {
        let step = self.step(now, what, "the function");
        let Some(function) = &self.plan().transform else { return step };
        step.charged(invocation(function, now - started, last.records))
    }

    /// It is with the function no more.
    fn is_back(&mut self, now: Nanos, what: &str, steps: &mut Vec<Step>) {
        let Some(last) = self.transforms.take() else { return };
        if last.0.runs {
            steps.push(self.end_of_try(now, last, what));
        } else if what == DROPPED {
            steps.push(self.step(now, what, "the function"));
        }
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
            let what = format!("flushed by {by} with {}", counted(shipment.records as u64, "record"));
            steps.push(self.step(object.flushed, what, "the buffer").sized(shipment.bytes));
        }
        if shipment.error == Some(ErrorOutput::DestinationFailed)
            && before.is_some_and(|it| it.error.is_none())
        {
            let what = "retries are over: it goes to the error prefix in S3";
            steps.push(self.step(now, what, "the destination"));
        } else if shipment.waits && !before.is_some_and(|before| before.waits) {
            steps.push(self.step(now, "the destination is down: it is tried again and again", "the upload"));
        } else if !shipment.waits && before.is_some_and(|before| before.waits) {
            steps.push(self.step(now, "the destination takes uploads again", "the destination"));
        }
        if shipment.staged && !before.is_some_and(|before| before.staged) {
            steps.push(self.step(now, "in S3, from where the destination takes it", "the upload"));
        }
        if shipment.stored && !before.is_some_and(|before| before.stored) {
            let what = "stored, but taken for failed: the upload is repeated";
            steps.push(self.step(now, what, "the upload"));
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
    fn completed(&mut self, now: Nanos, object: &Shipment, fate: &'static str, steps: &mut Vec<Step>) {
        let plan = self.plan();
        let endpoint = plan.endpoint.as_ref().filter(|_| fate == "delivered");
        let what = match fate {
            "delivered" => delivered_to(endpoint.map(|it| it.kind)).to_owned(),
            "undeliverable" => "given up: the destination was down for too long".to_owned(),
            fate => format!("in S3 under the error prefix: {}", fate.replace('_', " ")),
        };
        let on = match endpoint {
            Some(it) if object.staged || !it.kind.is_in_s3() => "the destination",
            _ => "the upload",
        };
        let step = self.step(now, what, on);
        if fate == "undeliverable" {
            return steps.push(step);
        }
        let share = Decimal::from(object.records.max(1));
        let stored = (object.bytes as f64 * plan.compression + 0.5) as u64;
        let mut charges = Vec::new();
        if endpoint.is_none_or(|it| it.kind.is_in_s3()) {
            charges.push(Charge::shared("s3.put", plan.requests_per_object(), object.records));
            // Kept for one month, as the bill has it.
            charges.push(Charge { id: "s3.std", quantity: crate::pricing::meter::gigabytes(stored) / share });
        }
        if endpoint.is_some_and(|it| it.vpc_zones > 0) {
            let quantity = crate::pricing::meter::gigabytes(stored) / share;
            charges.push(Charge { id: "fh.vpc_gb", quantity });
        }
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

/// What the step is called by which a record leaves that the function leaves out.
const DROPPED: &str = "left out by the function";

/// A share `1/records` of an invocation of a transforming function.
fn invocation(function: &TransformPlan, ran: Nanos, records: usize) -> [Charge; 2] {
    let id = if function.arm { "lambda.gbs.arm" } else { "lambda.gbs.x86" };
    let memory = Decimal::from(function.memory_mib) / Decimal::from(1_024);
    let seconds = Decimal::from(ran.div_ceil(MILLISECOND)) / Decimal::from(1_000);
    let quantity = seconds * memory / Decimal::from(records.max(1));
    [Charge::shared("lambda.req", 1, records), Charge { id, quantity }]
}

impl Tracker for DeliveryTracker<'_> {
    fn place(&self) -> &str {
        &self.place
    }

    fn look(&mut self, now: Nanos, pipeline: &Pipeline<true>, found: &Found, steps: &mut Vec<Step>) -> Sight {
        // Two records written and accepted within the same microseconds share their way, so that either may stand for both.
        let (written, appended) = (found.record.written, found.record.appended);
        let such = |held: &Held| held.written == written && held.appended == appended;
        let delivery = &pipeline.deliveries[self.number];
        let function = delivery.transforming.as_ref();
        let kept = delivery.key_bytes.kept_of(found.record);
        let transforms = function.and_then(|it| it.transform.whereabouts(&kept));
        let mut sight = if self.since.is_some() { Sight::Held } else { Sight::Ahead };
        if let Some(object) = pipeline.objects.find(self.number, such) {
            self.is_back(now, "transformed", steps);
            let moments = object.batch.moments(such).unwrap_or([object.flushed; 2]);
            self.buffered(moments, "a buffer", pipeline, found, steps);
            self.shipped(now, object, steps);
            sight = Sight::Held;
        } else if let Some(object) = self.object {
            let fate = self.fate(&delivery.firehose.meter, &object);
            self.completed(now, &object, fate, steps);
            sight = Sight::Ended(fate);
        } else if let Some(seen) = transforms {
            self.transforms(now, seen, pipeline, found, steps);
            sight = Sight::Held;
        } else if let Some(buffered) = delivery.firehose.whereabouts(such) {
            let buffer = match buffered.error {
                None => format!("buffer {}", buffered.buffer),
                Some(error) => format!("the buffer for the error prefix: {}", error.fate().replace('_', " ")),
            };
            let failed = buffered.error == Some(ErrorOutput::TransformFailed);
            self.is_back(now, if failed { "failed" } else { "transformed" }, steps);
            self.buffered([buffered.polled, buffered.entered], &buffer, pipeline, found, steps);
            sight = Sight::Held;
        } else if self.transforms.is_some() {
            self.is_back(now, DROPPED, steps);
            sight = Sight::Ended("dropped_by_transform");
        }
        self.meter = delivery.firehose.meter;
        sight
    }
}
