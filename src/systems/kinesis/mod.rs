//! Kinesis Data Streams: how a partition key finds its shard.

pub mod hash_range;
