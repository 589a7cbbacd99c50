//! Streamgauge: a deterministic discrete-event simulator of the DynamoDB change-data-capture pipeline.

pub mod engine;
pub mod units;
pub mod workload;
