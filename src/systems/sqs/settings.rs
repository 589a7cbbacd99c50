//! How a scenario describes a queue.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::units::{Duration, Rate};

/// How long messages stay.
pub const RETENTION: Parameter =
    Parameter::published("SQS-3", "retention", "how long a queue keeps messages", "4d");
/// How long they are hidden after a receive.
pub const VISIBILITY: Parameter = Parameter::published(
    "SQS-3",
    "visibility_timeout",
    "after how long a message that was not deleted can be received again",
    "30s",
);
/// Delay of new messages.
pub const DELAY: Parameter =
    Parameter::published("SQS-3", "delay", "how long a new message stays hidden", "0s");
/// Throughput of a FIFO queue in high-throughput mode.
pub const HIGH_THROUGHPUT: Parameter = Parameter::assumed(
    "UNV-7",
    "high_throughput",
    "calls a second and action of a FIFO queue in high-throughput mode",
    "70000/s",
    "the largest Regions, as a third party has it (SQS-2); others allow less",
);
/// From a message's arrival at a standard queue to the function.
pub const DELIVERY: Parameter = Parameter::assumed(
    "DEF-10",
    "delivery",
    "from a message's arrival at a standard queue to the function",
    "{ quantiles: { min: 8ms, p50: 16.2ms, p90: 33.8ms, p99: 105ms, max: 300ms } }",
    "the quantiles of LAT-4; the ends are ours",
);
/// The same for a FIFO queue.
pub const DELIVERY_FIFO: Parameter = Parameter::assumed(
    "DEF-10",
    "delivery_fifo",
    "from a message's arrival at a FIFO queue to the function",
    "{ quantiles: { min: 14ms, p50: 28.1ms, p90: 61.2ms, p99: 645ms, max: 1500ms } }",
    "the quantiles of LAT-4; the ends are ours",
);
/// Time of a SendMessageBatch call.
pub const SEND: Parameter = Parameter::assumed(
    "OWN-42",
    "send",
    "how long a SendMessageBatch call takes",
    "{ lognormal: { median: 10ms, sigma: 0.4 } }",
    "a small call within a Region; measure your own",
);
/// Size of a message.
pub const MESSAGE_SIZE: Parameter = Parameter::built_in(
    "OWN-42",
    "size of a message that carries a record",
    "the record as JSON, as an invocation of a function has it",
    "senders usually pass on what they got",
);
/// How Lambda grows its pollers.
pub const POLLERS: Parameter = Parameter::built_in(
    "LAM-M2",
    "pollers of a mapping on a queue",
    "5 at first, and 5 more a second while messages wait; each runs one batch at a time and polls for up to 20 s (SQS-3), and those beyond 5 stop when that finds nothing",
    "AWS says five batches at first and up to 300 more a minute, outside provisioned mode",
);
/// What pollers do that may not receive.
pub const REFUSED_POLLERS: Parameter = Parameter::built_in(
    "SQS-3",
    "requests of a mapping that may not receive from its queue",
    "none is billed: its pollers ask again when they may",
    "AWS bills each request and each empty receive; it publishes neither how often such a mapping tries nor that a refused call is billed",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[
    RETENTION,
    VISIBILITY,
    DELAY,
    HIGH_THROUGHPUT,
    DELIVERY,
    DELIVERY_FIFO,
    SEND,
    MESSAGE_SIZE,
    POLLERS,
    REFUSED_POLLERS,
];

/// A queue. Consumers with `sends_to` and pipes put messages into it; one function reads it.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct QueueSettings {
    /// A FIFO queue: an item's messages stay in order, repeated ones are dropped for five minutes, and there are limits on
    /// calls (SQS-2, SQS-6). A standard queue when left out (SQS-1).
    pub fifo: Option<FifoSettings>,
    /// How long messages stay: 60s to 14d (SQS-3).
    #[schemars(extend("default" = RETENTION.value))]
    pub retention: Option<Duration>,
    /// After how long a message that was received and not deleted can be received again: 1s to 12h.
    #[schemars(extend("default" = VISIBILITY.value))]
    pub visibility_timeout: Option<Duration>,
    /// How long a new message stays hidden: 0s to 15m (SQS-3).
    #[schemars(extend("default" = DELAY.value))]
    pub delay: Option<Duration>,
    /// Receives after which a message goes to a dead-letter queue: 1 to 1,000; it is received until it is too old when left
    /// out.
    #[schemars(range(min = 1, max = 1_000))]
    pub max_receive_count: Option<u32>,
    /// How long a SendMessageBatch call to it takes.
    #[schemars(extend("default" = SEND.value))]
    pub send: Option<Time>,
}

/// What makes a queue FIFO.
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct FifoSettings {
    /// Calls a second and action in high-throughput mode; without the mode 300 when left out (SQS-2).
    pub high_throughput: Option<Rate>,
}
