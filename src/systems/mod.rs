//! One room per simulated system, named as AWS names it.

pub mod dynamodb;
pub mod kinesis;
