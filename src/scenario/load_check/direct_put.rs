//! Load of delivery streams: Direct PUT against its quotas, and buffers against AWS's advice.

use super::direct::Direct;
use super::{Load, LoadCheck, ShardLoads, Verdict, hottest};
use crate::engine::time::SECOND;
use crate::scenario::checked::Scenario;
use crate::scenario::path::Path;
use crate::systems::firehose::partitioning::PARTITION_BYTES_PER_SECOND;
use crate::systems::firehose::{BufferPer, FirehosePlan, GROWN_MAX};
use crate::systems::kinesis::producer::plan::ClientPlan;
use crate::systems::s3::GETS_PER_SECOND;
use crate::units::counted;

/// Seconds of what arrives that the size hint should hold (FH-B13).
const ADVISED_SECONDS: f64 = 10.0;
/// From this many times what arrives on, a quota makes for small objects (FH-Q6).
const FAR_ABOVE: f64 = 10.0;

impl LoadCheck {
    /// One producer's records against the three quotas of the delivery stream that takes them (FH-Q1).
    pub(super) fn direct_put(&mut self, scenario: &Scenario, stream: usize, direct: &Direct) {
        let Some(plan) = scenario.direct_put_of_stream(stream) else { return };
        let Some(ingest) = plan.ingest() else { return };
        let quota = ingest.quota.times(ingest.scale.into());
        let path = Path::ROOT.key("firehose").key(&plan.name).key("direct_put");
        let (records, bytes) = (direct.records, direct.bytes);
        let requests = records.times(1.0 / records_per_call(direct));
        let fact = "FH-Q1";
        self.row(&path, fact, "records/s", records, quota.records as f64);
        self.row(&path, fact, "requests/s", requests, quota.requests as f64);
        self.row(&path, fact, "B/s", bytes, quota.bytes as f64);
        // Quotas that rise are above the load in the end (FH-Q5).
        let rows = self.rows.iter_mut().rev().take(3).filter(|row| row.verdict == Verdict::Overloaded);
        rows.filter(|_| ingest.ramp.is_some()).for_each(|row| row.verdict = Verdict::PeakAbove);
        if quota.bytes as f64 > FAR_ABOVE * bytes.peak && ingest.scale > 1 {
            self.warnings.push(format!(
                "The quota of firehose.{} is {:.0} times what arrives, and it has {}, with a buffer each: objects will be \
                 small (FH-Q6).",
                plan.name,
                quota.bytes as f64 / bytes.peak.max(1.0),
                counted(ingest.scale.into(), "channel")
            ));
        }
        self.small_hint(plan, bytes.mean);
        self.destination(plan, bytes, &[bytes]);
    }

    /// What delivery streams that read shards deserve to be told.
    pub(super) fn deliveries(&mut self, scenario: &Scenario, shards: &[ShardLoads]) {
        for plan in &scenario.deliveries {
            if let Some(loads) = shards.get(plan.stream) {
                self.destination(plan, loads.all_bytes, &loads.bytes);
            }
            if let (Some(partitioning), Some(loads)) = (&plan.partitioning, shards.get(plan.stream)) {
                let load = loads.all_bytes.times(partitioning.largest_share());
                let path = Path::ROOT.key("firehose").key(&plan.name).key("dynamic_partitioning");
                self.row(&path, "FH-D3", "B/s of a partition", load, PARTITION_BYTES_PER_SECOND as f64);
                continue;
            }
            if let Some(loads) = shards.get(plan.stream).filter(|_| plan.polls().is_some()) {
                let (_, load) = hottest(&loads.bytes, 0.0);
                self.small_hint(plan, load.mean);
            }
        }
    }

    /// What comes to the destination of a delivery stream, from the buffers of so many shards, against what that takes.
    fn destination(&mut self, plan: &FirehosePlan, bytes: Load, shards: &[Load]) {
        let path = plan.path.parse().unwrap_or(Path::ROOT).key("to");
        let flushes = flushes(plan, bytes, shards);
        let Some(endpoint) = &plan.endpoint else {
            // Partitions have prefixes of their own.
            if plan.partitioning.is_some() {
                return;
            }
            let requests = flushes.times(plan.requests_per_object() as f64);
            let allowed = plan.prefix_limit.per_second as f64;
            return self.row(&path.key("s3"), "S3-1", "requests/s", requests, allowed);
        };
        let path = path.key(endpoint.kind.name());
        if let Some(rate) = endpoint.bytes_per_second {
            self.row(&path, "FH-B10", "B/s", bytes.times(plan.compression), rate as f64);
        }
        if endpoint.kind.is_serial() {
            let allowed = SECOND as f64 / endpoint.request.mean().max(1.0);
            // Buffers grow while they wait, so only the largest ones decide whether it keeps up.
            let grown = bytes.times(1.0 / GROWN_MAX as f64);
            self.row(&path.key("copy"), "FH-R4", "COPY/s of grown buffers", grown, allowed);
            if flushes.mean > allowed {
                self.warnings.push(format!(
                    "{} flushes {:.3} buffers a second and COPY takes {allowed:.3}: buffers grow beyond their hints (FH-B10), and each \
                     waits for the COPY before it (FH-R4).",
                    plan.path, flushes.mean
                ));
            }
        }
    }

    /// GET requests that the queries of one round make of a prefix, as fast as they open objects (S3-1).
    pub(super) fn queries(&mut self, scenario: &Scenario) {
        for plan in scenario.queries.iter().filter(|plan| plan.per_object > 0) {
            let rate = plan.at_once as f64 * SECOND as f64 / plan.per_object as f64;
            let path = Path::ROOT.key("athena").key(&plan.name);
            let load = Load { mean: rate, peak: rate };
            self.row(&path, "S3-1", "GET/s of a prefix", load, GETS_PER_SECOND as f64);
        }
    }

    /// AWS advises a size hint above what arrives in 10 s (FH-B13).
    fn small_hint(&mut self, plan: &FirehosePlan, bytes_per_second: f64) {
        let advised = ADVISED_SECONDS * bytes_per_second;
        if plan.interval > 0 && (plan.size as f64) < advised {
            self.warnings.push(format!(
                "The size hint of {}, {} bytes, is less than the {advised:.0} bytes that come to one buffer in 10 s; AWS advises \
                 more (FH-B13).",
                plan.path, plan.size
            ));
        }
    }
}

/// Buffers flushed a second: by size or by interval, whichever comes first (FH-B1), one for each shard or for all of them (FH-B3).
fn flushes(plan: &FirehosePlan, bytes: Load, shards: &[Load]) -> Load {
    let held = plan.hold.as_ref().map_or(plan.interval as f64, |hold| hold.mean()) / SECOND as f64;
    let all = [bytes];
    let buffers = if plan.per == BufferPer::Shard { shards } else { &all };
    let rate = |bytes: f64| {
        let by_size = bytes / plan.size as f64;
        if bytes > 0.0 { by_size.max(1.0 / held.max(1e-9)) } else { 0.0 }
    };
    Load::sum(buffers.iter().map(|bytes| Load { mean: rate(bytes.mean), peak: rate(bytes.peak) }))
}

/// Records of a call on average: those that come while the first one waits.
fn records_per_call(direct: &Direct) -> f64 {
    match &direct.plan.direct.client {
        ClientPlan::Gather(plan) => {
            let waiting = plan.linger as f64 / SECOND as f64 * direct.records.mean;
            (1.0 + waiting).min(f64::from(plan.records_max))
        }
        ClientPlan::Kpl(_) => 1.0,
    }
}
