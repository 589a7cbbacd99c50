//! A direct producer's client, checked.

use crate::engine::sampler::Sampler;
use crate::engine::time::Nanos;
use crate::retry::RetryProfile;

/// A client of a data stream.
#[derive(Clone, Debug)]
pub struct DirectPlan {
    /// How it gathers records.
    pub client: ClientPlan,
    /// How long a call takes, nanoseconds (LAT-19).
    pub latency: Sampler,
    /// How long it waits for a reply.
    pub timeout: Nanos,
    /// Probability that a call takes effect and its reply does not come back (KDS-W9).
    pub lost_replies: f64,
    /// Calls under way at once.
    pub in_flight: u32,
}

/// How a client gathers records.
#[derive(Clone, Debug)]
pub enum ClientPlan {
    /// By the application, or by the agent.
    Gather(GatherPlan),
    /// By the Kinesis Producer Library.
    Kpl(KplPlan),
}

/// Gathering by count, bytes and time.
#[derive(Clone, Debug)]
pub struct GatherPlan {
    /// Whether calls are PutRecord, whose refusal is an error of the call; otherwise PutRecords, where members fail one
    /// by one (KDS-W6, KDS-W7).
    pub single: bool,
    /// Records a call at most: 1 to 500 (KDS-W3).
    pub records_max: u32,
    /// Bytes a call at most (KDS-W3).
    pub bytes_max: u32,
    /// How long the oldest record waits for more.
    pub linger: Nanos,
    /// What the SDK does when a call fails as a whole (SDK-R13).
    pub retries: RetryProfile,
    /// What the application does about records that failed.
    pub resend: RetryProfile,
    /// Whether each record of a key waits for the sequence number of the one before (KDS-W10).
    pub sequence_numbers: bool,
    /// How often new records are looked for: a file's tail; 0 for at once.
    pub pick_up: Nanos,
}

/// What an aggregate holds at most.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct AggregateMax {
    /// Bytes (`AggregationMaxSize`, KPL-1).
    pub bytes: u32,
    /// User records (`AggregationMaxCount`).
    pub count: u32,
}

/// The Kinesis Producer Library's settings.
#[derive(Clone, Debug)]
pub struct KplPlan {
    /// What an aggregate holds at most; absent when records are not aggregated (KPL-1).
    pub aggregate: Option<AggregateMax>,
    /// Kinesis records a call at most (KPL-2).
    pub collect_records: u32,
    /// Bytes a call at most (KPL-2).
    pub collect_bytes: u64,
    /// `RecordMaxBufferedTime` (KPL-3).
    pub buffered: Nanos,
    /// `RecordTtl` (KPL-4).
    pub ttl: Nanos,
    /// `RateLimit`, as a share of a shard's limits (KPL-6).
    pub rate_limit: f64,
}
