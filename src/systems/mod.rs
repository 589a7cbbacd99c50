//! The systems of the pipeline, one room each, named as AWS names them.

pub mod athena;
pub mod cloudwatch;
pub mod dynamodb;
pub mod firehose;
pub mod fleet;
pub mod flink;
pub mod kcl;
pub mod kinesis;
pub mod lag;
pub mod lambda;
pub mod network;
pub mod polling;
pub mod s3;
pub mod sink;
pub mod sqs;
pub mod stalls;
pub mod tolls;
