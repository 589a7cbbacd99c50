//! Streamgauge: a deterministic discrete-event simulator of the DynamoDB change-data-capture pipeline.

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
