//! How a scenario describes a producer.

pub mod arrivals;
pub mod direct;

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::distribution::Size;
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

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[OPERATIONS, RETRIES];

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
}

/// The client that writes.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct ClientSettings {
    /// What it does when a table refuses a write.
    #[schemars(extend("default" = RETRIES.value))]
    pub retries: Option<RetrySettings>,
    /// An SDK that puts records into a stream.
    pub sdk: Option<SdkSettings>,
    /// The Kinesis Producer Library.
    pub kpl: Option<KplSettings>,
    /// The Kinesis Agent.
    pub agent: Option<AgentSettings>,
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
