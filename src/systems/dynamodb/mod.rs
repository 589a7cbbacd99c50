//! Amazon DynamoDB: tables, their capacity, their items, and their two feeds of changes: DynamoDB Streams and into Kinesis.

pub mod auto_scaling;
pub mod capacity;
pub mod capacity_settings;
pub mod change_record;
pub mod contents;
pub mod destination;
pub mod feed_stream;
pub mod index;
pub mod item_size;
pub mod items;
pub mod on_demand;
pub mod operation;
pub mod partition;
pub mod partition_key;
pub mod replication;
pub mod replication_settings;
pub mod settings;
pub mod streams;
pub mod streams_settings;
pub mod table;
pub mod throttle;
pub mod throughput;
pub mod write_kind;
