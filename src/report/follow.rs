//! What became of one write, step by step, with what each step cost.

pub mod terminal;

use rust_decimal::Decimal;
use schemars::generate::SchemaSettings;
use schemars::{JsonSchema, Schema};
use serde::Serialize;

use super::result::identity::PriceBookIdentity;
use super::result::leg::{Leg, Place};
use crate::engine::time::Nanos;
use crate::pipeline::follow::{Charge, Fate, Step, Trail, slowest};
use crate::pricing::{Asked, Confidence, LookupError, PriceBook};
use crate::scenario::checked::Scenario;

/// What a record put straight into a stream does.
const PUT: &str = "put";
/// Writes that costs are given for: those of one would be full of noughts.
const WRITES: u64 = 1_000_000;

/// One write and its way.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct Followed {
    /// The scenario's name.
    pub scenario: String,
    /// The variant's, if it is one.
    pub variant: Option<String>,
    /// The digest of the resolved scenario.
    pub scenario_digest: String,
    /// The seed.
    pub seed: u64,
    /// The replication, from 0.
    pub replication: u64,
    /// The prices that costs are computed by.
    pub price_book: PriceBookIdentity,
    /// The write.
    pub write: WriteRow,
    /// Its steps, in order of time.
    pub steps: Vec<StepRow>,
    /// Where its ways ended.
    pub ends: Vec<EndRow>,
    /// What a million such writes cost, US dollars: all charges of all steps whose price is known. Capacity that is paid by
    /// the hour, such as open shards, is left out; provisioned write units count as one second of as many.
    #[schemars(with = "String")]
    pub usd_a_million: Decimal,
    /// Price ids that have no known price.
    pub unknown: Vec<String>,
}

/// A write as it was meant.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WriteRow {
    /// Its producer.
    pub workload: String,
    /// Its number among its producer's, from 1.
    pub number: u64,
    /// The table it writes to, or the stream that it is put into.
    pub to: String,
    /// The name of its item, or its partition key.
    pub item: String,
    /// What it does to it; `put` for a record put straight into a stream.
    pub operation: String,
    /// When it was meant to take place, simulated seconds.
    pub at_s: f64,
    /// Its write units; 0 for a record put straight into a stream.
    pub write_units: u16,
    /// Size of its record for Kinesis, bytes.
    pub record_bytes: u32,
}

/// One step.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct StepRow {
    /// When, simulated seconds.
    pub at_s: f64,
    /// How long after the intended write, milliseconds.
    pub after_ms: f64,
    /// Where: a path.
    pub path: String,
    /// Whether it is a step of the second copy of the change.
    pub second_copy: bool,
    /// What happened.
    pub what: String,
    /// What the time since the step before it went on.
    pub waits: Vec<WaitRow>,
    /// The size that counts here.
    pub bytes: Option<u64>,
    /// What it costs.
    pub costs: Vec<CostRow>,
}

impl StepRow {
    /// What the step costs a million writes, US dollars: nothing where it has no known price.
    pub fn usd_a_million(&self) -> Option<Decimal> {
        self.costs.iter().filter_map(|cost| cost.usd_a_million).reduce(|sum, cost| sum + cost)
    }
}

/// A wait.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct WaitRow {
    /// For what.
    #[serde(rename = "for")]
    pub on: String,
    /// How long, milliseconds.
    pub ms: f64,
}

/// A charge.
#[derive(Clone, Debug, PartialEq, Serialize, JsonSchema)]
pub struct CostRow {
    /// The price id.
    pub id: String,
    /// Single units that this write takes.
    #[schemars(with = "String")]
    pub quantity: Decimal,
    /// What `unit_price` buys.
    pub unit: String,
    /// The single units that `unit_price` buys.
    pub per: u64,
    /// US dollars of the first tier; null if unknown.
    #[schemars(with = "Option<String>")]
    pub unit_price: Option<Decimal>,
    /// US dollars for a million such writes; null if unknown.
    #[schemars(with = "Option<String>")]
    pub usd_a_million: Option<Decimal>,
    /// How sure the price is; null if there is none.
    pub confidence: Option<Confidence>,
}

/// The end of a way.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, JsonSchema)]
pub struct EndRow {
    /// Where.
    pub path: String,
    /// Whether it is that of the second copy.
    pub second_copy: bool,
    /// How, by the ledger's name of a fate; `unread` in a stream that nobody reads.
    pub fate: String,
    /// How long after the intended write, microseconds; null if it was still under way when the run ended.
    pub after_us: Option<u64>,
}

/// Microseconds as a number of some larger unit, written exactly.
fn micros(nanos: Nanos, in_one: f64) -> f64 {
    (nanos / 1_000) as f64 / in_one
}

impl Followed {
    /// Prices a trail.
    ///
    /// # Errors
    /// A price id or a Region that the book does not have.
    pub fn new(
        scenario: &Scenario,
        trail: &Trail,
        replication: u64,
        book: &PriceBook,
    ) -> Result<Self, LookupError> {
        let start = trail.subject.at;
        let at = scenario.billing.at.unwrap_or(book.as_of());
        let asked = Asked { region: &scenario.region, at, estimates: scenario.billing.allow_estimates };
        let steps = trail.steps.iter().map(|step| row(step, start, book, asked));
        let steps: Vec<StepRow> = steps.collect::<Result<_, _>>()?;
        let costs = || steps.iter().flat_map(|step| &step.costs);
        let mut unknown: Vec<String> =
            costs().filter(|cost| cost.usd_a_million.is_none()).map(|cost| cost.id.clone()).collect();
        unknown.sort();
        unknown.dedup();
        Ok(Self {
            scenario: scenario.name.clone(),
            variant: scenario.identity.variant.clone(),
            scenario_digest: scenario.identity.digest.clone(),
            seed: scenario.seed,
            replication,
            price_book: PriceBookIdentity {
                region: scenario.region.clone(),
                as_of: book.as_of(),
                digest: book.digest().to_owned(),
            },
            write: write(trail),
            usd_a_million: costs().filter_map(|cost| cost.usd_a_million).sum::<Decimal>().normalize(),
            unknown,
            ends: trail.fates.iter().map(|fate| end(fate, start)).collect(),
            steps,
        })
    }

    /// The JSON Schema, draft-07.
    pub fn schema() -> Schema {
        SchemaSettings::draft07().into_generator().into_root_schema_for::<Self>()
    }
}

fn write(trail: &Trail) -> WriteRow {
    let subject = &trail.subject;
    WriteRow {
        workload: subject.workload.clone(),
        number: subject.number,
        to: subject.to.clone(),
        item: subject.key.clone(),
        operation: subject.operation.clone(),
        at_s: micros(subject.at, 1e6),
        write_units: subject.write_units,
        record_bytes: subject.record_bytes,
    }
}

fn end(fate: &Fate, start: Nanos) -> EndRow {
    EndRow {
        path: fate.place.clone(),
        second_copy: fate.copy,
        fate: fate.name.clone(),
        // As latencies are measured: both ends are cut to the microsecond.
        after_us: fate.at.map(|at| at / 1_000 - start / 1_000),
    }
}

fn row(step: &Step, start: Nanos, book: &PriceBook, asked: Asked<'_>) -> Result<StepRow, LookupError> {
    let wait =
        |wait: &crate::pipeline::follow::Wait| WaitRow { on: wait.on.clone(), ms: micros(wait.nanos, 1e3) };
    let costs = step.charges.iter().map(|charge| cost(charge, book, asked));
    Ok(StepRow {
        at_s: micros(step.at, 1e6),
        after_ms: (step.at / 1_000 - start / 1_000) as f64 / 1e3,
        path: step.place.clone(),
        second_copy: step.copy,
        what: step.what.clone(),
        waits: step.waits.iter().map(wait).collect(),
        bytes: step.bytes,
        costs: costs.collect::<Result<_, _>>()?,
    })
}

/// A charge at the price of the first tier.
fn cost(charge: &Charge, book: &PriceBook, asked: Asked<'_>) -> Result<CostRow, LookupError> {
    let lookup = book.price(charge.id, asked)?;
    let first = &lookup.tiers[0];
    let rate = first.price.as_ref().ok();
    let units = charge.quantity * Decimal::from(WRITES) / Decimal::from(first.entry.per);
    Ok(CostRow {
        id: charge.id.to_owned(),
        quantity: charge.quantity.normalize(),
        unit: first.entry.unit.clone(),
        per: first.entry.per,
        unit_price: rate.map(|rate| rate.price),
        usd_a_million: rate.map(|rate| (units * rate.price).round_dp(9).normalize()),
        confidence: rate.map(|rate| rate.confidence),
    })
}

/// The leg whose slowest write is looked for.
pub fn leg(leg: &Leg) -> slowest::Leg {
    match leg.place {
        Place::Writer(number) => slowest::Leg::Producer(number),
        Place::Feed(number) => slowest::Leg::Feed(number),
        Place::Streams(number) => slowest::Leg::Streams(number),
        Place::Consumer(number) => slowest::Leg::Consumer(number),
        Place::Delivery(number) => slowest::Leg::Delivery(number),
        Place::Lambda(number) => slowest::Leg::Lambda(number),
        Place::Fleet(number) => slowest::Leg::Fleet(number),
        Place::Direct(number) => slowest::Leg::Direct(number),
        Place::Queue(number) => slowest::Leg::Queue(number),
    }
}
