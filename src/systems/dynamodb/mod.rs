//! DynamoDB: item sizes and the change records a table sends to Kinesis Data Streams.

pub mod change_record;
pub mod item_size;
pub mod partition_key;
