//! Amazon Kinesis Data Streams: streams of shards with throughput limits, and the logs inside them.

pub mod api;
pub mod capacity;
pub mod capacity_settings;
pub mod encryption;
pub mod exception;
pub mod fan_out;
pub mod hash_range;
pub mod lineage;
pub mod log;
pub mod losses;
pub mod on_demand;
pub mod past;
pub mod plan;
pub mod poll_grid;
pub mod poll_settings;
pub mod producer;
mod push;
pub mod read_limit;
pub mod reader;
pub mod reshard;
pub mod scaling;
pub mod settings;
pub mod shard;
pub mod shard_metrics;
pub mod stream;
mod waiting;
