//! The Kinesis Client Library: workers that share a stream's shards by leases in a DynamoDB table.

pub mod balance;
pub mod lease_table;
pub mod leases;
pub mod settings;
pub mod version;
