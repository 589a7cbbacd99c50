//! A scenario as it is written: parsed, units checked, nothing resolved yet.

use indexmap::IndexMap;
use schemars::{JsonSchema, Schema, SchemaGenerator, json_schema};
use serde::Deserialize;
use serde::de::IgnoredAny;
use std::borrow::Cow;
use std::fmt;

use super::timeline::EventSettings;
use crate::pricing::Date;
use crate::settings::parameter::Parameter;
use crate::settings::reference::Reference;
use crate::systems::athena::settings::AthenaSettings;
use crate::systems::cloudwatch::settings::AlarmSettings;
use crate::systems::dynamodb::capacity_settings::DynamoDbQuotas;
use crate::systems::dynamodb::settings::TableSettings;
use crate::systems::firehose::settings::FirehoseSettings;
use crate::systems::flink::settings::FlinkSettings;
use crate::systems::kcl::settings::KclSettings;
use crate::systems::kinesis::capacity_settings::KinesisQuotas;
use crate::systems::kinesis::settings::StreamSettings;
use crate::systems::lambda::pipe_settings::PipeSettings;
use crate::systems::lambda::settings::{CONCURRENCY, LambdaSettings, OTHERS};
use crate::systems::network::NetworkSettings;
use crate::systems::polling::settings::PollingSettings;
use crate::systems::sqs::settings::QueueSettings;
use crate::units::{Duration, Timestamp};
use crate::workload::settings::WorkloadSettings;

const fn choice(key: &'static str, what: &'static str, value: &'static str) -> Parameter {
    Parameter::published("", key, what, value)
}

/// AWS Region.
pub const REGION: Parameter = choice("region", "AWS Region", "us-east-1");
/// Start of the simulated calendar.
pub const START: Parameter = choice("start", "moment at which the run starts", "2026-01-05T00:00:00Z");
/// Seed.
pub const SEED: Parameter = choice("seed", "seed of all random streams", "1");
/// Kind of study.
pub const STUDY: Parameter = choice("study", "kind of question", "steady");
/// Warm-up.
pub const WARM_UP: Parameter = choice("warm_up", "writes before this are not measured", "0s");
/// Replications.
pub const REPLICATIONS: Parameter = choice("replications", "independent replications", "1");
/// End of the run.
pub const END: Parameter = choice("end", "what happens after the measured span", "drain");
/// Billed month.
pub const MONTH: Parameter =
    choice("month", "length of the billed month, as AWS's calculator takes it", "730h");
/// Free quantities.
pub const FREE_TIER: Parameter =
    choice("free_tier", "whether monthly free quantities are taken off", "false");
/// Estimates.
pub const ALLOW_ESTIMATES: Parameter =
    choice("allow_estimates", "whether estimates stand in for prices that are not known", "false");

/// A Streamgauge scenario: a change stream from DynamoDB writes to objects in S3, and what to ask of it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
#[schemars(title = "Streamgauge scenario")]
pub struct ScenarioFile {
    /// Its name, in reports.
    #[schemars(example = &"orders")]
    pub name: String,
    /// The question it answers.
    pub about: Option<String>,
    /// AWS Region; one that the price book has.
    #[schemars(extend("default" = REGION.value))]
    pub region: Option<String>,
    /// Start of the simulated calendar.
    #[schemars(extend("default" = START.value))]
    pub start: Option<Timestamp>,
    /// Seed of all random streams.
    #[schemars(extend("default" = SEED.value))]
    pub seed: Option<u64>,
    /// Kind of question.
    #[schemars(extend("default" = STUDY.value))]
    pub study: Option<StudySettings>,
    /// Span of the writes, warm-up included: 1us to 800d.
    pub duration: Duration,
    /// Writes before this are not measured; `auto` finds it by MSER-5 (steady studies only).
    #[schemars(extend("default" = WARM_UP.value))]
    pub warm_up: Option<WarmUp>,
    /// Independent replications: 1 to 10,000.
    #[schemars(extend("default" = REPLICATIONS.value), range(min = 1, max = 10_000))]
    pub replications: Option<u32>,
    /// What happens after the measured span.
    #[schemars(extend("default" = END.value))]
    pub end: Option<EndSettings>,
    /// How the measured span becomes a month's bill.
    pub billing: Option<BillingSettings>,
    /// Quotas of the AWS account.
    pub account: Option<AccountSettings>,
    /// Producers, by name.
    pub workload: IndexMap<String, WorkloadSettings>,
    /// DynamoDB tables, by name.
    #[serde(default)]
    pub tables: IndexMap<String, TableSettings>,
    /// Kinesis data streams, by name.
    #[serde(default)]
    pub kinesis: IndexMap<String, StreamSettings>,
    /// Consumers of streams, by name.
    #[serde(default)]
    pub consumers: IndexMap<String, ConsumerSettings>,
    /// SQS queues, by name.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "search": { "fifo": {}, "max_receive_count": 5 } }))]
    pub sqs: IndexMap<String, QueueSettings>,
    /// Firehose delivery streams, by name.
    #[serde(default)]
    pub firehose: IndexMap<String, FirehoseSettings>,
    /// Scheduled queries over objects, by name.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "dashboards": { "scans": "firehose.lake", "every": "5m", "window": "1h" } }))]
    pub athena: IndexMap<String, AthenaSettings>,
    /// Planned events, by name: what changes while the run goes on.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "sale": { "at": "20m", "for": "10m", "spike": { "of": "workload.checkout", "factor": 3 } } }))]
    pub events: IndexMap<String, EventSettings>,
    /// Alarms, by name: CloudWatch's, on the series of the run.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "late": { "of": "consumers.search", "metric": "IteratorAge", "threshold": "15m", "period": "1m", "evaluation_periods": 5, "datapoints_to_alarm": 3 } }))]
    pub alarms: IndexMap<String, AlarmSettings>,
    /// Objectives: a figure's path and its bound.
    #[serde(default)]
    #[schemars(example = serde_json::json!({ "firehose.lake.freshness.max": { "max": "2m" }, "lost": { "equals": 0 } }))]
    pub slo: IndexMap<String, Bound>,
    /// Named overrides: values by path; a value replaces what is there, null removes it.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, IndexMap<String, serde_json::Value>>")]
    #[schemars(example = serde_json::json!({ "24-shards": { "kinesis.changes.capacity.provisioned.shards": 24 } }))]
    pub variants: IndexMap<String, IgnoredAny>,
    /// A grid of overrides for `sweep`: by path, the values to try. The path `variants` takes names of variants, and `base`.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, Vec<serde_json::Value>>")]
    #[schemars(example = serde_json::json!({ "kinesis.changes.capacity.provisioned.shards": [10, 12, 16] }))]
    pub sweep: IndexMap<String, IgnoredAny>,
    /// Values of listed assumptions by their ids; a map where several have one id.
    #[serde(default)]
    #[schemars(with = "IndexMap<String, serde_json::Value>")]
    #[schemars(example = serde_json::json!({ "OPEN-6": { "reorder": "0%" } }))]
    pub assumptions: IndexMap<String, IgnoredAny>,
}

/// A consumer of a stream: what it reads, and exactly one kind.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ConsumerSettings {
    /// What it reads: `kinesis.X`, the DynamoDB stream of a table, `tables.X.streams`, or with `lambda` a queue, `sqs.X`.
    pub reads: Reference,
    /// A consumer written with the SDK: workers call GetRecords, process what they got, and call again.
    pub polling: Option<PollingSettings>,
    /// A Lambda function with an event source mapping.
    pub lambda: Option<LambdaSettings>,
    /// An EventBridge Pipe from a stream to a queue.
    pub pipe: Option<PipeSettings>,
    /// Workers of the Kinesis Client Library.
    pub kcl: Option<KclSettings>,
    /// An application of Managed Service for Apache Flink.
    pub flink: Option<FlinkSettings>,
    /// How it reaches its stream from a private network, for the bill; not for functions and pipes.
    pub network: Option<NetworkSettings>,
}

/// Kind of question.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum StudySettings {
    /// How the pipeline behaves for ever under this load.
    Steady,
    /// What happens in one stretch of time; nothing comes after it.
    Terminating,
}

/// What happens after the measured span.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum EndSettings {
    /// The measured writes are followed to where they end up.
    Drain,
    /// The run stops, and what is under way stays so.
    Stop,
}

/// Quotas of the AWS account in the scenario's Region.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct AccountSettings {
    /// DynamoDB's.
    pub dynamodb: Option<DynamoDbQuotas>,
    /// Kinesis Data Streams'.
    pub kinesis: Option<KinesisQuotas>,
    /// Whether the account has On-demand Advantage in this Region: warm throughput, lower prices a GB, no price for a stream, and
    /// a commitment to 25 MiB/s written and 25 MiB/s read (KDS-A1, KDS-A4, KDS-A5).
    #[schemars(extend("default" = false))]
    pub on_demand_advantage: Option<bool>,
    /// Concurrent executions of all Lambda functions: 10 to 1,000,000 (LAM-C6).
    #[schemars(extend("default" = CONCURRENCY.value))]
    pub lambda_concurrency: Option<u32>,
    /// Those that functions outside the scenario keep busy all the time.
    #[schemars(extend("default" = OTHERS.value))]
    pub lambda_others: Option<u32>,
}

/// How the measured span becomes a month's bill.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct BillingSettings {
    /// Length of the billed month.
    #[schemars(extend("default" = MONTH.value))]
    pub month: Option<Duration>,
    /// How much of the month the scenario stands for; all of it when left out.
    pub represents: Option<Duration>,
    /// The day whose prices hold: the price book's own when left out, whatever the simulated calendar says.
    #[schemars(example = &"2024-05-01")]
    pub at: Option<Date>,
    /// Whether monthly free quantities are taken off.
    #[schemars(extend("default" = FREE_TIER.value))]
    pub free_tier: Option<bool>,
    /// Whether estimates by a ratio to other Regions stand in for prices that are not known; such lines are marked.
    #[schemars(extend("default" = ALLOW_ESTIMATES.value))]
    pub allow_estimates: Option<bool>,
    /// Your own prices over those of the price book: a file relative to the scenario's folder, CSV like the book (`bill --prices
    /// --format csv` prints it) or YAML with a price by id.
    #[schemars(example = &"prices.csv")]
    pub prices: Option<String>,
}

/// How long the warm-up is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WarmUp {
    /// So long.
    Fixed(Duration),
    /// As long as MSER-5 says.
    Auto,
}

struct WarmUpVisitor;

impl serde::de::Visitor<'_> for WarmUpVisitor {
    type Value = WarmUp;

    fn expecting(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str("`auto` or a duration with a unit, such as `5m`")
    }

    fn visit_str<E: serde::de::Error>(self, text: &str) -> Result<WarmUp, E> {
        match text {
            "auto" => Ok(WarmUp::Auto),
            _ => text.parse().map(WarmUp::Fixed).map_err(E::custom),
        }
    }
}

impl<'de> Deserialize<'de> for WarmUp {
    fn deserialize<D: serde::Deserializer<'de>>(deserializer: D) -> Result<Self, D::Error> {
        deserializer.deserialize_any(WarmUpVisitor)
    }
}

impl JsonSchema for WarmUp {
    fn schema_name() -> Cow<'static, str> {
        "WarmUp".into()
    }

    fn json_schema(generator: &mut SchemaGenerator) -> Schema {
        json_schema!({ "anyOf": [generator.subschema_for::<Duration>(), { "const": "auto" }] })
    }
}

/// What an objective asks of its figure: at least one bound.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Bound {
    /// At most this much.
    pub max: Option<Amount>,
    /// At least this much.
    pub min: Option<Amount>,
    /// Exactly this much.
    pub equals: Option<Amount>,
}

/// A quantity whose unit depends on the figure.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
pub struct Amount(pub String);

impl JsonSchema for Amount {
    fn schema_name() -> Cow<'static, str> {
        "Amount".into()
    }

    fn json_schema(_: &mut SchemaGenerator) -> Schema {
        json_schema!({
            "description": "A duration, a percentage, an amount of money or a count, as the figure needs.",
            "type": ["string", "integer"],
            "examples": ["2s", "0.1%", "9000 USD", 0],
        })
    }
}
