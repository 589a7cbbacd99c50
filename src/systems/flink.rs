//! Managed Service for Apache Flink: one job, spread over processing units, that goes back to its last checkpoint as a whole.

pub mod job;
pub mod settings;
