//! A delivery stream as the scenario describes it, checked.

use super::endpoint::EndpointPlan;
use super::ingest::IngestPlan;
use super::partitioning::PartitioningPlan;
use super::prefix::{Evaluated, ObjectPrefix};
use super::transform::TransformPlan;
use crate::engine::sampler::Sampler;
use crate::engine::time::{MINUTE, Nanos, SECOND};
use crate::systems::kinesis::poll_grid::{PollPhase, PollPlan};
use crate::systems::s3::PrefixPlan;

/// The largest record of a Direct PUT source: 1,000 KiB before base64 (FH-Q8).
pub const RECORD_BYTES_MAX: u32 = 1_000 << 10;
/// For how long the data of a Direct PUT source is kept while the destination is down (FH-Q13).
pub const DIRECT_PUT_RETENTION: Nanos = 24 * 60 * MINUTE;

/// What one buffer is for.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum BufferPer {
    /// One buffer a shard, as AWS does it (FH-B3).
    Shard,
    /// One buffer for the whole stream: for comparisons.
    Stream,
}

/// Where records come from (FH-S1).
#[derive(Clone, Debug)]
pub enum FirehoseSource {
    /// A Kinesis stream whose shards it polls (FH-S2).
    Polls(PollPlan),
    /// Producers that put records into it.
    DirectPut(IngestPlan),
    /// A Kinesis stream that delivers without Firehose: a channel of the stream itself (KDS-D1), which takes nothing from its
    /// readers (KDS-D3).
    Channel,
}

/// A delivery stream.
#[derive(Clone, Debug)]
pub struct FirehosePlan {
    /// Its name in the scenario; that of a backup is `X.backup`.
    pub name: String,
    /// Its path, such as `firehose.lake`.
    pub path: String,
    /// Number of the stream it reads; under Direct PUT that of its own.
    pub stream: usize,
    /// Where its records come from.
    pub source: FirehoseSource,
    /// The delivery stream whose source records it backs up (FH-T4), if it is a backup.
    pub backup_of: Option<usize>,
    /// Size hint in bytes before compression (FH-B2, FH-B11).
    pub size: u64,
    /// Interval hint (FH-B2); 0 is zero buffering (FH-B8).
    pub interval: Nanos,
    /// For how long a buffer is really held, nanoseconds, where that is not the interval: with zero buffering
    /// (FH-B8), and with dynamic partitioning (FH-D4).
    pub hold: Option<Sampler>,
    /// Scope of a buffer.
    pub per: BufferPer,
    /// Bytes added to each record in the object (FH-F4).
    pub delimiter_bytes: u32,
    /// Object size as a share of the buffered bytes (FH-B11, FH-F2); 1 without compression and format conversion.
    pub compression: f64,
    /// Whether records are converted to a columnar format (FH-F1), which is billed.
    pub converts: bool,
    /// Share of the records whose conversion fails (FH-F3).
    pub conversion_failures: f64,
    /// Dynamic partitioning: then a buffer is for a partition, over the whole stream (FH-B3).
    pub partitioning: Option<PartitioningPlan>,
    /// The function that transforms records before they are buffered (FH-T1).
    pub transform: Option<TransformPlan>,
    /// Prefix of the object names (FH-O1).
    pub prefix: ObjectPrefix,
    /// That of records that could not be processed, where it is not AWS's own (FH-O4).
    pub error_prefix: Option<ObjectPrefix>,
    /// End of the object names.
    pub extension: String,
    /// Duration of an S3 PUT, nanoseconds.
    pub put: Sampler,
    /// How many requests the prefix takes (S3-1, S3-2).
    pub prefix_limit: PrefixPlan,
    /// Where buffers go if not to S3 alone.
    pub endpoint: Option<EndpointPlan>,
    /// Time between two attempts to store an object while the destination is down.
    pub retry_wait: Nanos,
    /// Probability that an upload is taken for failed though its object is stored (FH-O5).
    pub late_success: f64,
}

impl FirehosePlan {
    /// What the names of a partition's objects begin with whose oldest record arrived at a moment, seconds since 1970: before the hour,
    /// where the prefix does not say the time itself (FH-O2).
    pub fn prefix_of(&self, partition: u32, at: i64, random: &str) -> String {
        let evaluated = self.prefix.evaluate(Evaluated { at, partition, random });
        let named = self.prefix.partition_keys().next().is_some();
        match self.partitioning.as_ref().filter(|_| !named) {
            Some(it) => format!("{evaluated}{}={partition}/", it.attribute),
            None => evaluated,
        }
    }

    /// What the names of objects begin with that hold records which could not be processed, for this reason; `default` is AWS's own.
    /// The time stays as it is written.
    pub fn error_prefix_of(&self, error: &str, default: &str) -> String {
        let prefix =
            self.error_prefix.as_ref().map(|it| it.written().replace("!{firehose:error-output-type}", error));
        prefix.unwrap_or_else(|| default.to_owned())
    }

    /// A delivery stream to S3 with AWS's defaults (FH-B2) that polls a Kinesis stream once a second (FH-S2). A PUT takes no
    /// time.
    pub fn to_s3(name: &str, stream: usize) -> Self {
        Self {
            name: name.to_owned(),
            path: format!("firehose.{name}"),
            stream,
            source: FirehoseSource::Polls(PollPlan::new(SECOND, PollPhase::Staggered(0))),
            backup_of: None,
            size: 5 << 20,
            interval: 5 * MINUTE,
            hold: None,
            per: BufferPer::Shard,
            delimiter_bytes: 0,
            compression: 1.0,
            converts: false,
            conversion_failures: 0.0,
            partitioning: None,
            transform: None,
            prefix: ObjectPrefix::default(),
            error_prefix: None,
            extension: String::new(),
            put: Sampler::Constant(0.0),
            prefix_limit: PrefixPlan::default(),
            endpoint: None,
            retry_wait: 30 * SECOND,
            late_success: 0.0,
        }
    }

    /// PUT-class requests of one object: intervals under 60 s use multipart uploads (FH-B9: create, one part, complete).
    pub fn requests_per_object(&self) -> u64 {
        if self.interval < MINUTE { 3 } else { 1 }
    }

    /// When it polls its stream, if it does.
    pub fn polls(&self) -> Option<&PollPlan> {
        match &self.source {
            FirehoseSource::Polls(polls) => Some(polls),
            FirehoseSource::DirectPut(_) | FirehoseSource::Channel => None,
        }
    }

    /// What it takes in under Direct PUT.
    pub fn ingest(&self) -> Option<&IngestPlan> {
        match &self.source {
            FirehoseSource::DirectPut(plan) => Some(plan),
            FirehoseSource::Polls(_) | FirehoseSource::Channel => None,
        }
    }

    /// Whether it is a channel of a Kinesis stream instead of a Firehose (KDS-D1).
    pub fn is_channel(&self) -> bool {
        matches!(self.source, FirehoseSource::Channel)
    }
}
