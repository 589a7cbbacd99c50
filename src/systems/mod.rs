//! The systems of the pipeline, one room each, named as AWS names them.

pub mod dynamodb;
pub mod kinesis;
