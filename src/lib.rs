//! Streamgauge: a deterministic discrete-event simulator of the DynamoDB change-data-capture pipeline.

pub mod scenario;
pub mod units;
