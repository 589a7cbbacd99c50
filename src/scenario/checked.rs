//! A scenario that cannot be wrong: units resolved, defaults filled in, names turned into numbers.

use super::path::resource;
use super::sidelines::Sidelines;
use super::timeline::Occurrence;
use crate::engine::sampler::Sampler;
use crate::engine::time::{HOUR, MINUTE, Nanos};
use crate::pricing::{Date, PriceBook, Terms};
use crate::systems::athena::QueryPlan;
use crate::systems::cloudwatch::AlarmPlan;
use crate::systems::dynamodb::contents::AtStart;
use crate::systems::dynamodb::streams::StreamsPlan;
use crate::systems::dynamodb::table::TablePlan;
use crate::systems::firehose::FirehosePlan;
use crate::systems::firehose::plan::RECORD_BYTES_MAX;
use crate::systems::fleet::FleetPlan;
use crate::systems::kinesis::plan::StreamPlan;
use crate::systems::lambda::concurrency::AccountPlan;
use crate::systems::lambda::mapping::LambdaPlan;
use crate::systems::polling::PollingPlan;
use crate::systems::sqs::consumer::QueueConsumerPlan;
use crate::systems::sqs::queue::QueuePlan;
use crate::workload::key_names::KeyNames;
use crate::workload::producer::ProducerPlan;
use crate::workload::put_records::PutPlan;
use std::sync::Arc;

/// What kind of question a run answers.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Study {
    /// How the pipeline behaves for ever under this load: writes go on until the measured ones have arrived.
    Steady,
    /// What happens in one stretch of time, such as a business day: nothing comes after it.
    Terminating,
}

/// What happens at the end of the measured span.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum End {
    /// The measured writes are followed to where they end up.
    Drain,
    /// The run stops, and what is under way stays so.
    Stop,
}

/// A table's items.
#[derive(Clone, Debug)]
pub struct ItemSpace {
    /// Items that have a number from the start on.
    pub items: u32,
    /// Their keys.
    pub names: KeyNames,
    /// Which of them exist then.
    pub at_start: AtStart,
}

/// How the warm-up was chosen.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUpRule {
    /// As the scenario says, or none.
    Fixed,
    /// By MSER-5 on pilot replications (White 1997), before anything is measured.
    Mser5,
}

/// How the use of the measured span becomes a month's bill.
#[derive(Clone, Debug, PartialEq)]
pub struct Billing {
    /// Length of the billed month; AWS's calculator takes 730 h.
    pub month: Nanos,
    /// How much of the month this scenario stands for: all of it, unless several scenarios share one.
    pub represents: Nanos,
    /// The day whose prices hold, where it is not that of the price book.
    pub at: Option<Date>,
    /// Whether monthly free quantities are taken off.
    pub free_tier: bool,
    /// Whether estimates stand in for prices that are not known.
    pub allow_estimates: bool,
    /// The price book with the user's own prices over it; without any, the built-in one.
    pub prices: Option<Arc<PriceBook>>,
}

impl Default for Billing {
    fn default() -> Self {
        let month = 730 * HOUR;
        Self { month, represents: month, at: None, free_tier: false, allow_estimates: false, prices: None }
    }
}

impl Billing {
    /// The prices to bill by.
    pub fn book(&self) -> &PriceBook {
        self.prices.as_deref().unwrap_or(PriceBook::builtin())
    }
}

/// What an objective asks of its figure.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Test {
    /// At most this much.
    Max(f64),
    /// At least this much.
    Min(f64),
    /// Exactly this much.
    Equals(f64),
}

/// The unit of an objective's bound.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Unit {
    /// Milliseconds, for latencies and ages.
    Milliseconds,
    /// A plain count.
    Count,
    /// A share in [0, 1].
    Share,
    /// US dollars a month.
    Usd,
}

/// One objective of `slo`.
#[derive(Clone, Debug, PartialEq)]
pub struct Objective {
    /// The figure, such as `consumers.search.latency.p99`.
    pub path: String,
    /// What is asked of it.
    pub test: Test,
    /// In what unit.
    pub unit: Unit,
    /// As written, such as `max: 2s`.
    pub written: String,
}

/// Something that AWS does not publish and that this run therefore assumes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Assumption {
    /// Fact id, such as `OPEN-6`.
    pub id: String,
    /// What is assumed, in words.
    pub what: String,
    /// Its value in this run, in the scenario's language.
    pub value: String,
    /// Why this value.
    pub basis: String,
}

/// What makes a run the same run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Identity {
    /// SHA-256 of the resolved scenario, hex: its tree after overrides, in one canonical form.
    pub digest: String,
    /// Input files as the scenario names them, with the SHA-256 of their bytes.
    pub inputs: Vec<(String, String)>,
    /// Overrides in force, as written: the variant's, then those of `--set`.
    pub overrides: Vec<String>,
    /// The variant's name, if this is one.
    pub variant: Option<String>,
}

/// One scenario, resolved.
#[derive(Clone, Debug)]
pub struct Scenario {
    /// What makes it the same scenario as another one.
    pub identity: Identity,
    /// How the warm-up was chosen; with [`WarmUpRule::Mser5`] `warm_up` is 0 until the pilots have run.
    pub warm_up_rule: WarmUpRule,
    /// How the bill is scaled.
    pub billing: Billing,
    /// Objectives, in file order.
    pub objectives: Vec<Objective>,
    /// Assumptions in force.
    pub assumptions: Vec<Assumption>,
    /// What the reader of the input files noted, such as missing stretches of a profile; whole sentences.
    pub notes: Vec<String>,
    /// Its name.
    pub name: String,
    /// The question it answers.
    pub about: String,
    /// AWS Region.
    pub region: String,
    /// Seconds since the Unix epoch at virtual time 0.
    pub start: i64,
    /// Seed of all random streams.
    pub seed: u64,
    /// Kind of study.
    pub study: Study,
    /// Span of the measured and warming-up writes.
    pub duration: Nanos,
    /// Writes before this are not measured.
    pub warm_up: Nanos,
    /// Independent replications.
    pub replications: u32,
    /// What happens at the end.
    pub end: End,
    /// Producers, in file order.
    pub producers: Vec<Arc<ProducerPlan>>,
    /// Producers that put straight into streams, in file order.
    pub direct: Vec<Arc<PutPlan>>,
    /// Tables, in file order.
    pub tables: Vec<TablePlan>,
    /// Items of each table.
    pub items: Vec<ItemSpace>,
    /// Streams, in file order.
    pub streams: Vec<StreamPlan>,
    /// Whether the account has On-demand Advantage (KDS-A1).
    pub on_demand_advantage: bool,
    /// Polling consumers, in file order.
    pub consumers: Vec<PollingPlan>,
    /// Delivery streams, in file order.
    pub deliveries: Vec<FirehosePlan>,
    /// Scheduled queries over objects, in file order.
    pub queries: Vec<QueryPlan>,
    /// Functions with their mappings, in file order.
    pub lambdas: Vec<LambdaPlan>,
    /// Queues with the functions that read them, in file order.
    pub queues: Vec<QueueUse>,
    /// Fleets of workers, in file order.
    pub fleets: Vec<FleetPlan>,
    /// The account that functions share.
    pub account: AccountPlan,
    /// Planned events, in file order.
    pub timeline: Vec<Occurrence>,
    /// Alarms on the series.
    pub alarms: Vec<AlarmPlan>,
    /// What is billed beside the flow.
    pub sidelines: Sidelines,
}

/// A queue and who reads it.
#[derive(Clone, Debug)]
pub struct QueueUse {
    /// Its name.
    pub name: String,
    /// The queue.
    pub queue: QueuePlan,
    /// How long a call to send to it takes, nanoseconds.
    pub send: Sampler,
    /// The function that reads it.
    pub consumer: Option<QueueConsumerPlan>,
}

/// How long a steady study goes on at least after its span, to see its last measured writes arrive.
const DRAIN_MIN: Nanos = 30 * MINUTE;

impl Scenario {
    /// How a month of this is billed by these prices.
    pub fn terms(&self, book: &PriceBook) -> Terms {
        Terms {
            region: self.region.clone(),
            at: self.billing.at.unwrap_or(book.as_of()),
            month_hours: (self.billing.month / HOUR) as u32,
            free_tier: self.billing.free_tier,
            allow_estimates: self.billing.allow_estimates,
        }
    }

    /// The planned events that hold up the reader at this path, or the function that transforms for it. One that takes it away for
    /// good leaves nothing to catch up.
    pub fn holds_up<'a>(&'a self, place: &'a str) -> impl Iterator<Item = &'a Occurrence> {
        let is_of = move |it: &str| {
            it.strip_prefix(place).is_some_and(|rest| rest.is_empty() || rest == ".transform")
        };
        self.timeline.iter().filter(move |it| is_of(&it.place) && !it.action.removes())
    }

    /// When a run stops at the latest, whatever is still under way: a steady study goes on at most as long again as its
    /// span, and some minutes more.
    pub fn ends_by(&self) -> Nanos {
        self.duration * 2 + DRAIN_MIN
    }

    /// Keys of a table's items.
    pub fn key_names(&self, table: usize) -> KeyNames {
        self.items[table].names.clone()
    }

    /// Items of a table that have a number from the start on.
    pub fn items(&self, table: usize) -> u32 {
        self.items[table].items
    }

    /// What producers meet at a stream by its number: its shards at the start, and the largest record that it takes.
    pub fn put_limits(&self, number: usize) -> (u32, u32) {
        let stream = self.streams.get(number);
        stream.map_or((1, RECORD_BYTES_MAX), |stream| (stream.shards, stream.record_bytes_max))
    }

    /// The delivery stream that takes Direct PUT under this stream's number.
    pub fn direct_put_of_stream(&self, number: usize) -> Option<&FirehosePlan> {
        let own = |plan: &&FirehosePlan| plan.ingest().is_some() && plan.backup_of.is_none();
        self.deliveries.iter().filter(own).find(|plan| plan.stream == number)
    }

    /// The name of a stream by its number: those of Kinesis come first, then those of tables, then those that stand for Direct
    /// PUT.
    pub fn stream_path(&self, number: usize) -> String {
        if let Some(plan) = self.direct_put_of_stream(number) {
            return plan.path.clone();
        }
        let of_table = |table: &&TablePlan| table.streams.as_ref().is_some_and(|plan| plan.stream == number);
        match (self.streams.get(number), self.tables.iter().find(of_table)) {
            (None, Some(table)) => format!("{}.streams", resource("tables", &table.name)),
            (stream, _) => resource("kinesis", stream.map_or("", |stream| &stream.name)),
        }
    }

    /// Whether the changes of some table are replicated into the stream of this number, or it is that of a table. Others have
    /// what producers put straight into them.
    pub fn has_feed_into(&self, number: usize) -> bool {
        let mut feeds = self.tables.iter().filter_map(|table| table.replication.as_ref());
        feeds.any(|feed| feed.stream == number) || self.table_of_stream(number).is_some()
    }

    /// The table whose stream has this number, if it is that of a table.
    pub fn table_of_stream(&self, number: usize) -> Option<(usize, &StreamsPlan)> {
        let plans = self.tables.iter().enumerate();
        let mut plans = plans.filter_map(|(table, plan)| Some((table, plan.streams.as_ref()?)));
        plans.find(|(_, plan)| plan.stream == number)
    }
}
