//! Measures: observers that count. They can neither draw numbers nor schedule, and the models never read them.

pub mod by_hour;
pub mod copies;
pub mod direct;
pub mod era;
pub mod fate;
pub mod latency;
pub mod ledger;
pub mod ordering;
pub mod prefixes;
pub mod processed;
pub mod repair;
pub mod sample;
pub mod sequence;
pub mod series;
pub mod shard_load;
pub mod stream_load;
pub mod timeline;
