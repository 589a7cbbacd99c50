//! Amazon DynamoDB: tables, their capacity, their items, and the feed of changes into Kinesis.

pub mod capacity;
pub mod change_record;
pub mod destination;
pub mod item_size;
pub mod items;
pub mod operation;
pub mod partition_key;
pub mod replication;
pub mod replication_settings;
pub mod settings;
pub mod table;
pub mod write_kind;
