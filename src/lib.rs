//! Streamgauge: a deterministic discrete-event simulator of the DynamoDB change-data-capture pipeline.
//!
//! ```text
//! workload ──write──▶ table ──replication──▶ Kinesis shards ──poll──▶ consumers
//!    ▲                  │        ▲   │                       └──poll──▶ Firehose buffer ──▶ S3
//!    └── SDK retry ◀────┘        └───┘ throttled: wait and try again
//! direct producers (SDK, KPL, agent) ──put──▶ the same shards
//! ```
//!
//! Arrows point down only: what is lower in this list never knows of what is above it.
//!
//! * [`report`]: what a result says, and how it looks in each format.
//! * [`experiment`]: replications, warm-up, statistics, sweeps, checking a rerun.
//! * [`pipeline`]: the map of the flow: which event does what, and who is wired to whom.
//! * [`scenario`]: the language: from YAML to a checked scenario.
//! * [`pricing`]: the price book, metering rules and the bill.
//! * [`measure`]: observers that count.
//! * [`systems`]: one room a system: DynamoDB, Kinesis, Firehose, S3, Lambda, polling consumers.
//! * [`workload`]: producers: when they write, which items, how large, and their retries.
//! * [`settings`]: what all rooms' settings share: parameters with their defaults and basis, distributions.
//! * [`engine`]: virtual time, the event list, random streams, samplers, token buckets, histograms. Knows nothing of AWS.
//! * [`units`]: bytes, rates, durations, money, percentages.

pub mod engine;
pub mod experiment;
pub mod measure;
pub mod pipeline;
pub mod pricing;
pub mod report;
pub mod scenario;
pub mod settings;
pub mod systems;
pub mod units;
pub mod workload;
