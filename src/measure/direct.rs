//! What a direct producer's records and calls came to.

use crate::engine::time::Nanos;

/// Counts of one direct producer. Records are user records; parcels are Kinesis records.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct DirectMeter {
    /// Records made.
    pub offered: u64,
    /// Those of the measured cohort.
    pub cohort: u64,
    /// Those of the cohort that a shard accepted in their first call.
    pub first_try_cohort: u64,
    /// Accepted by a shard.
    pub accepted: u64,
    /// Accepted once more, after a reply that got lost (KDS-W9, KPL-8).
    pub copies: u64,
    /// Given up by the application after its last try.
    pub given_up: u64,
    /// Failed because their time to live was over (KPL-4).
    pub expired: u64,
    /// Larger than the stream takes (KDS-W4).
    pub too_large: u64,
    /// Puts of records: each record in each call.
    pub attempts: u64,
    /// Records refused, in aggregates or alone.
    pub refused_records: u64,
    /// PutRecord and PutRecords calls made.
    pub calls: u64,
    /// Those that took effect and whose reply did not come back in time.
    pub calls_lost: u64,
    /// Kinesis records put.
    pub parcels: u64,
    /// Kinesis records accepted.
    pub parcels_accepted: u64,
    /// Kinesis records refused for too many records, too many bytes, both.
    pub refused: [u64; 3],
    /// When the first was, or the first record in a request that was refused as a whole.
    pub first_refused: Option<Nanos>,
    /// Requests that a Firehose refused as a whole (FH-Q1).
    pub refused_requests: u64,
    /// Records in those.
    pub refused_with_request: u64,
    /// Bytes accepted, partition keys included.
    pub bytes: u64,
    /// PUT payload units of what was accepted.
    pub put_units: u64,
}

impl DirectMeter {
    /// Records that the client still holds.
    pub fn waiting(&self) -> u64 {
        self.offered - self.accepted - self.given_up - self.expired - self.too_large
    }
}
