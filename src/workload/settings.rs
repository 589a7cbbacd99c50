//! How a scenario describes a producer.

pub mod arrivals;
pub mod direct;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::distribution::{Size, Time};
use crate::settings::parameter::Parameter;
use crate::settings::reference::Reference;
use crate::units::{Duration, Percent};
use arrivals::ArrivalSettings;
use direct::{AgentSettings, KplSettings, RecordSettings, SdkSettings};

/// What writes do.
pub const OPERATIONS: Parameter = Parameter::assumed(
    "OWN-4",
    "operations",
    "what writes do to their items",
    "{ modify: 100% }",
    "changes of items that are there make the largest records; write down the user's own mix",
);
/// What clients do when refused.
pub const RETRIES: Parameter = Parameter::published(
    "SDK-R1",
    "retries",
    "what the client does when a write is refused",
    "standard_2026",
);

/// Retry quota of clients.
pub const RETRY_QUOTA: Parameter = Parameter::built_in(
    "SDK-R4",
    "the retry quota of SDK clients",
    "never empty, as if many clients shared the load",
    "the scenario does not say how many `clients` write; one client alone would give up sooner",
);
/// What a write itself takes.
pub const WRITE_TIME: Parameter = Parameter::built_in(
    "DEF-6",
    "how long an accepted write takes",
    "no time: latencies count from the intended write and leave out its few milliseconds",
    "AWS says single-digit milliseconds and publishes no percentile (DDB-Y1); `client.write_time` sets it",
);
/// What a transaction takes.
pub const TRANSACTION_TIME: Parameter = Parameter::built_in(
    "DDB-Y2",
    "how long a transaction takes",
    "twice the `write_time`: it prepares and commits",
    "AWS says that transactions are slower, not by how much",
);
/// Waits of the application's own loop.
pub const RESEND: Parameter = Parameter::assumed(
    "OWN-21",
    "resend",
    "how the application sends again what its SDK does not",
    "{ base: 50ms, cap: 20s }",
    "it goes on until all is written, as AWS advises for unprocessed items; what applications do differs",
);
/// Delay of removals by time to live.
pub const TTL_DELAY: Parameter = Parameter::assumed(
    "DDB-L1",
    "ttl_delay",
    "from an item's expiry to its removal",
    "0s",
    "arrivals are then the removals themselves; AWS only says that they come within a few days",
);
/// Lag of a global table.
pub const LAG: Parameter = Parameter::assumed(
    "DDB-G1",
    "lag",
    "from a write in another Region to its arrival here",
    "{ lognormal: { median: 800ms, sigma: 0.3 } }",
    "AWS says usually within about a second",
);
/// Whether a no-op write reaches the feed.
pub const UNCHANGED: Parameter = Parameter::built_in(
    "OPEN-14",
    "writes that change nothing",
    "leave no change record",
    "AWS says so of DynamoDB Streams (DDB-N1) and nothing of the Kinesis feed (DDB-N2)",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] =
    &[OPERATIONS, RETRIES, RETRY_QUOTA, WRITE_TIME, TRANSACTION_TIME, RESEND, TTL_DELAY, LAG, UNCHANGED];

/// A producer: an open flow of writes.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct WorkloadSettings {
    /// The table it writes to, or the stream it puts into.
    pub writes_to: Reference,
    /// When writes arrive.
    pub arrivals: ArrivalSettings,
    /// Which items they go to; required unless arrivals are a trace, which brings its own.
    pub keys: Option<KeysSettings>,
    /// How large items are; required of a table's producer unless arrivals are a trace, which brings its own.
    pub item: Option<ItemSettings>,
    /// What the records of a stream's producer are like; required of it.
    pub record: Option<RecordSettings>,
    /// What writes to a table do; the shares add up to 100%. Not with a trace, which brings its own.
    #[schemars(extend("default" = OPERATIONS.value))]
    pub operations: Option<OperationSettings>,
    /// The client that writes.
    pub client: Option<ClientSettings>,
    /// Who writes: clients in this Region when left out.
    pub source: Option<SourceSettings>,
}

/// Who writes, if not clients in this Region.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum SourceSettings {
    /// The replica of a global table in another Region: its writes arrive as replicated writes, which take this
    /// table's capacity and make change records of their own (DDB-G4). Arrivals are those of the other Region.
    GlobalTable(GlobalTableSettings),
}

/// Another Region's replica.
#[derive(Clone, Debug, Default, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct GlobalTableSettings {
    /// From a write in the other Region to its arrival here (DDB-G1).
    #[schemars(extend("default" = LAG.value))]
    pub lag: Option<Time>,
    /// How replicas agree. Only `mrec` is simulated.
    #[schemars(extend("default" = "mrec"))]
    pub consistency: Option<ConsistencySettings>,
}

/// How the replicas of a global table agree.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum ConsistencySettings {
    /// Multi-Region eventual consistency (DDB-G1).
    Mrec,
    /// Multi-Region strong consistency (DDB-G6), which is not simulated.
    Mrsc,
}

/// Which items writes go to.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeysSettings {
    /// Every item is equally likely.
    Uniform(Items),
    /// Zipf's law: the item of rank k with probability proportional to k^-exponent.
    Zipfian(ZipfianItems),
    /// A few hot items get much of the traffic.
    Hotspot(HotspotItems),
    /// Zipf's law over recency: the newest item is the likeliest, and an insert makes a newer one.
    Latest(ZipfianItems),
    /// One item after another, round and round.
    Sequential(Items),
    /// Those of the trace.
    Trace,
}

/// A number of items.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct Items {
    /// Items: 1 to 100,000,000.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub items: u32,
}

/// Items by Zipf's law.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ZipfianItems {
    /// Items: 1 to 100,000,000.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub items: u32,
    /// 0 (all alike) to 10; 0.99 is usual.
    #[schemars(range(min = 0, max = 10))]
    pub exponent: f64,
}

/// Items, some of them hot.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct HotspotItems {
    /// Items: 1 to 100,000,000.
    #[schemars(range(min = 1, max = 100_000_000))]
    pub items: u32,
    /// Share of the items that are hot.
    pub hot_items: Percent,
    /// Share of the writes that go to them.
    pub hot_traffic: Percent,
}

/// How large items are: a `size`, or a `shape` for exact sizes, or a shape with a `filler` and a size.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ItemSettings {
    /// Size after the write, attribute names included (DDB-U11); at most 400 KiB (DDB-U10).
    pub size: Option<Size>,
    /// Size before it; the same as after it when left out.
    pub before: Option<Size>,
    /// Its attributes.
    pub shape: Option<ShapeSettings>,
}

/// The attributes of an item, by name and length: sizes in the table and in records follow exactly (DDB-U11, KDC-J6).
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ShapeSettings {
    /// The partition key: a text, as `tables.X.key` has it.
    pub key: KeyAttribute,
    /// The other attributes.
    pub attributes: IndexMap<String, AttributeSettings>,
    /// Name of one more text attribute that makes up the rest of the item's `size`.
    pub filler: Option<String>,
}

/// The partition key's attribute.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct KeyAttribute {
    /// Its name.
    pub name: String,
}

/// An attribute's type and length.
#[derive(Clone, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum AttributeSettings {
    /// Text of this many bytes, none of which needs an escape in JSON.
    String(u32),
    /// A positive whole number of this many digits, at most 38 (DDB-U14).
    Number(u32),
    /// This many raw bytes.
    Binary(u32),
    /// `true` or `false`; it counts as `false`, a byte longer in JSON.
    Boolean,
    /// Nothing.
    Null,
    /// Values one after another.
    List(Vec<AttributeSettings>),
    /// Attributes of its own.
    Map(IndexMap<String, AttributeSettings>),
}

/// What writes do: shares that add up to 100%.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct OperationSettings {
    /// Share that makes new items.
    #[schemars(extend("default" = "0%"))]
    pub insert: Option<Percent>,
    /// Share that changes items.
    #[schemars(extend("default" = "0%"))]
    pub modify: Option<Percent>,
    /// Share that removes items.
    #[schemars(extend("default" = "0%"))]
    pub remove: Option<Percent>,
    /// Share that writes items as they were: write units, and no change record (DDB-N1, OPEN-14).
    #[schemars(extend("default" = "0%"))]
    pub unchanged: Option<Percent>,
    /// Share whose condition does not hold: write units, and nothing else (DDB-U6).
    #[schemars(extend("default" = "0%"))]
    pub conditional_failure: Option<Percent>,
    /// Share that is no request at all: expired items that DynamoDB removes, free of write units, with a change record
    /// (DDB-L2, DDB-L5).
    #[schemars(extend("default" = "0%"))]
    pub ttl: Option<Percent>,
    /// From an item's expiry to its removal (DDB-L1). With it, the arrivals of `ttl` are expiries.
    #[schemars(extend("default" = TTL_DELAY.value))]
    pub ttl_delay: Option<Time>,
}

/// The client that writes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    /// What it does when a table refuses a write.
    #[schemars(extend("default" = RETRIES.value))]
    pub retries: Option<RetrySettings>,
    /// Clients that share the writes, each with a retry quota of its own (SDK-R4): 1 to 1,000,000. Without it no quota
    /// runs dry.
    #[schemars(range(min = 1, max = 1_000_000))]
    pub clients: Option<u32>,
    /// Items of a BatchWriteItem call: 2 to 25 (DDB-B1). Arrivals are items; those of one call come together.
    #[schemars(range(min = 2, max = 25))]
    pub batch: Option<u32>,
    /// Items of a TransactWriteItems call: 1 to 100 (DDB-B3). Twice the write units, all or nothing (DDB-U8, DDB-T6).
    /// Arrivals are items; those of one call come together.
    #[schemars(range(min = 1, max = 100))]
    pub transaction: Option<u32>,
    /// How the application sends again what its SDK does not: unprocessed items of a batch (DDB-T5), cancelled
    /// transactions (DDB-T6), writes that met one (DDB-T7).
    #[schemars(extend("default" = RESEND.value))]
    pub resend: Option<ResendSettings>,
    /// From a request to its answer (DDB-Y1); changes reach the feed at its end. No time when left out.
    pub write_time: Option<Time>,
    /// Answers with HTTP 500, after which the client does not know whether its write took place (DDB-T8).
    pub server_errors: Option<ServerErrorSettings>,
    /// An SDK that puts records into a stream.
    pub sdk: Option<SdkSettings>,
    /// The Kinesis Producer Library.
    pub kpl: Option<KplSettings>,
    /// The Kinesis Agent.
    pub agent: Option<AgentSettings>,
}

/// The application's own loop.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ResendSettings {
    /// The first wait; each further one is twice as long, and an even share of it is waited.
    pub base: Option<Duration>,
    /// The longest wait.
    pub cap: Option<Duration>,
    /// Tries in all, the first included; without limit when left out.
    #[schemars(range(min = 1))]
    pub attempts: Option<u32>,
}

/// Answers that leave the outcome open.
#[derive(Clone, Copy, Debug, PartialEq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ServerErrorSettings {
    /// Share of requests.
    pub share: Percent,
    /// Share of those whose write took place.
    pub applied: Percent,
    /// What a repeated write does to its item (DDB-N1): nothing unless said otherwise.
    #[schemars(extend("default" = "unchanged"))]
    pub repeat: Option<RepeatSettings>,
}

/// What a repeated write does to its item.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RepeatSettings {
    /// It puts the same values once more.
    Unchanged,
    /// It changes the item once more, as an update that counts does.
    Modify,
}

/// What an SDK client does when a write is refused.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum RetrySettings {
    /// It gives up.
    None,
    /// The SDKs' standard mode since November 2026 (SDK-R2, SDK-R3).
    #[serde(rename = "standard_2026")]
    Standard2026,
    /// Their standard mode before (SDK-R6).
    #[serde(rename = "standard_2020")]
    Standard2020,
    /// The legacy mode of botocore (SDK-R7).
    Legacy,
    /// The legacy mode of the Java SDK 2.x (SDK-R9).
    LegacyJava,
    /// The Go SDK 2.x before 2026 (SDK-R10).
    LegacyGo,
    /// The JavaScript SDK v3 before 2026 (SDK-R10).
    LegacyJavascript,
    /// The .NET SDK before 2026 (SDK-R10).
    LegacyDotnet,
    /// The C++ SDK before 2026 (SDK-R10).
    LegacyCpp,
    /// Delays written down one by one.
    Fixed(FixedRetries),
}

/// Delays written down one by one.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FixedRetries {
    /// One wait after another; the last repeats.
    pub delays: Vec<Duration>,
    /// Attempts in all, the first included; without limit when left out.
    #[schemars(range(min = 1))]
    pub attempts: Option<u32>,
}
