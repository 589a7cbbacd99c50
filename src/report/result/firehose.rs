//! What a delivery stream does besides writing objects: Direct PUT, transformation, errors. All in replication 0.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figure::Figure;
use crate::pipeline::finish::{DeliveryOutcome, Outcome, TransformOutcome};
use crate::report::number::{rounded, share};
use crate::scenario::checked::Scenario;
use crate::systems::firehose::{ErrorOutput, FirehosePlan};

/// What Direct PUT took in.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct DirectPutRow {
    /// Records a second that it took at the start (FH-Q1, FH-Q2).
    pub records_per_s: u64,
    /// Requests a second.
    pub requests_per_s: u64,
    /// Bytes a second.
    pub bytes_per_s: u64,
    /// Requests refused as a whole for their number.
    pub refused_requests: u64,
    /// Records refused for any of the three quotas (`ThrottledRecords`).
    pub throttled_records: u64,
    /// Its scale over time: each rise adds channels with a buffer each (FH-Q5).
    pub scales: Vec<ScaleRow>,
}

/// A scale and since when it holds.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScaleRow {
    /// Since when, simulated seconds.
    pub from_s: Option<f64>,
    /// Times the default quotas, and channels.
    pub scale: u32,
    /// The size hint of each channel's buffer then, bytes.
    pub buffer_bytes: u64,
}

impl DirectPutRow {
    /// The row of a delivery stream that takes Direct PUT.
    pub fn of(plan: &FirehosePlan, outcome: &Outcome) -> Option<Self> {
        let front = outcome.streams.get(plan.stream)?.front.as_ref().filter(|_| plan.backup_of.is_none())?;
        let ingest = &front.ingest;
        let (_, first) = ingest.scales.first().copied()?;
        let quota = ingest.quota_at(first);
        let scale = |(from, scale): &(u64, u32)| ScaleRow {
            from_s: rounded(*from as f64 / 1e9),
            scale: *scale,
            buffer_bytes: plan.size / u64::from(*scale),
        };
        Some(Self {
            records_per_s: quota.records,
            requests_per_s: quota.requests,
            bytes_per_s: quota.bytes,
            refused_requests: ingest.refused_requests,
            throttled_records: ingest.refused_records,
            scales: ingest.scales.iter().map(scale).collect(),
        })
    }
}

/// What the transforming function did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct TransformRow {
    /// Invocations, repeated ones included.
    pub invocations: u64,
    /// Those that were repetitions.
    pub retried: u64,
    /// Those that failed by an error.
    pub errors: u64,
    /// Those that took longer than they may (FH-T2).
    pub timeouts: u64,
    /// Those whose request or response was larger than 6 MB (FH-T2).
    pub too_large: u64,
    /// Those that started cold (LAM-L2).
    pub cold_starts: u64,
    /// Tries that Lambda refused, which are none of the invocations (LAM-C6).
    pub throttled: u64,
    /// Batches given up after the last retry (FH-T3).
    pub given_up: u64,
    /// The most invocations at a time.
    pub concurrency_max: u32,
    /// Records that came back `Ok`.
    pub ok: u64,
    /// Records that came back `Dropped`.
    pub dropped: u64,
    /// Records that came back `ProcessingFailed`, or not at all.
    pub failed: u64,
    /// Records of a batch on average.
    pub records_per_batch: Option<f64>,
}

impl TransformRow {
    /// The row of a function.
    pub fn of(outcome: &TransformOutcome) -> Self {
        let meter = &outcome.meter;
        let records = meter.ok + meter.dropped + meter.failed;
        Self {
            invocations: meter.invocations,
            retried: meter.retried,
            errors: meter.errors,
            timeouts: meter.timeouts,
            too_large: meter.too_large,
            cold_starts: meter.cold_starts,
            throttled: meter.throttled.iter().sum(),
            given_up: meter.given_up,
            concurrency_max: meter.concurrency_max,
            ok: meter.ok,
            dropped: meter.dropped,
            failed: meter.failed,
            records_per_batch: share(records, meter.invocations - meter.retried).and_then(rounded),
        }
    }
}

/// Records under an error prefix, by why (FH-O4).
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ErrorRow {
    /// What the names of their objects begin with.
    pub prefix: String,
    /// Why, in words.
    pub cause: String,
    /// Records.
    pub records: u64,
}

/// The rows of a delivery stream, errors that there were alone; those of partitions stand with the partitions.
pub fn errors(plan: &FirehosePlan, delivery: &DeliveryOutcome) -> Vec<ErrorRow> {
    let destination = plan.endpoint.as_ref().map_or("", |endpoint| endpoint.kind.error_prefix());
    let conversion = if plan.is_channel() { "dead-letter/" } else { "format-conversion-failed/" };
    let all = [
        (ErrorOutput::TransformFailed, "processing-failed/", "the function failed or said so"),
        (ErrorOutput::FormatConversionFailed, conversion, "does not fit the schema"),
        (ErrorOutput::DestinationFailed, destination, "the destination took nothing for too long"),
    ];
    let row = |(error, prefix, cause): (ErrorOutput, &str, &str)| ErrorRow {
        prefix: plan.error_prefix_of(prefix.trim_end_matches('/'), prefix),
        cause: cause.to_owned(),
        records: delivery.meter.failed[error as usize],
    };
    all.into_iter().map(row).filter(|row| row.records > 0).collect()
}

/// The named figures of what a delivery stream does besides writing objects, where it does.
pub(super) fn figures(plan: &FirehosePlan, number: usize, all: &mut Vec<Figure>) {
    let (path, stream) = (&plan.path, plan.stream);
    if plan.ingest().is_some() && plan.backup_of.is_none() {
        let of = move |outcome: &Outcome| outcome.streams.get(stream).and_then(|it| it.front.clone());
        all.push(Figure::new(format!("{path}.channels"), move |outcome| {
            of(outcome).map(|front| f64::from(front.ingest.channels()))
        }));
        all.push(Figure::new(format!("{path}.throttled_records"), move |outcome| {
            of(outcome).map(|front| front.ingest.refused_records as f64)
        }));
    }
    if plan.transform.is_some() {
        let of = move |outcome: &Outcome| outcome.deliveries[number].transform.as_ref().map(|it| it.meter);
        all.push(Figure::new(format!("{path}.invocations"), move |outcome| {
            of(outcome).map(|meter| meter.invocations as f64)
        }));
    }
    if plan.transform.is_some() || plan.endpoint.is_some() || plan.conversion_failures > 0.0 {
        all.push(Figure::new(format!("{path}.error_records"), move |outcome| {
            Some(outcome.deliveries[number].meter.failed.iter().sum::<u64>() as f64)
        }));
    }
}

/// What takes the buffers of a delivery stream, if it is not S3 alone.
pub fn destination(plan: &FirehosePlan) -> Option<String> {
    plan.endpoint.as_ref().map(|endpoint| endpoint.kind.name().to_owned())
}

/// The word for what a delivery stream's records come from.
pub fn reads(scenario: &Scenario, plan: &FirehosePlan) -> String {
    scenario.stream_path(plan.stream)
}
