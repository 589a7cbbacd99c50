//! Streamgauge: a deterministic discrete-event simulator of the DynamoDB change-data-capture pipeline.
//!
//! ```text
//! producers ──write──▶ table ──replication──▶ Kinesis shards ──▶ polling consumers, KCL fleets, Flink
//!   ▲                  │ │       ▲   │            ▲      ├──▶ functions and pipes ──▶ SQS queues ──▶ functions
//!   └── SDK retry ◀────┘ │       └───┘            │      ├──▶ Firehose (transform) ──▶ S3 and others ──▶ Athena
//!                        │  throttled: waits and  │      └──▶ delivery channels of on-demand streams ──▶ S3
//!                        │  tries again           │
//!                        └──▶ DynamoDB stream ──▶ polling consumers, functions
//! direct producers (SDK, KPL, agent) ──put────────┘
//!                                    ──put batch──▶ Firehose (Direct PUT)
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
//! * [`workload`]: producers: when they write, which items, and how large.
//! * [`systems`]: one room a system: DynamoDB, Kinesis, Lambda, SQS, Firehose, S3, Athena, CloudWatch, Flink, consumers
//!   that poll and fleets of workers (KCL).
//! * [`retry`]: what an AWS client does when a call fails.
//! * [`settings`]: what all rooms' settings share: parameters with their defaults and basis, distributions.
//! * [`engine`]: virtual time, the event list, random streams, samplers, token buckets, waits that double, histograms. Knows
//!   nothing of AWS.
//! * [`units`]: bytes, rates, durations, money, percentages.

pub mod engine;
pub mod experiment;
pub mod measure;
pub mod pipeline;
pub mod pricing;
pub mod report;
pub mod retry;
pub mod scenario;
pub mod settings;
pub mod systems;
pub mod units;
pub mod workload;
