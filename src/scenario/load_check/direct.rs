//! What one direct producer asks of its stream.

use super::{Load, ShardLoads};
use crate::engine::random::Streams;
use crate::engine::time::SECOND;
use crate::scenario::checked::Scenario;
use crate::scenario::load_check::course::Course;
use crate::scenario::load_check::demand::DRAWS;
use crate::systems::kinesis::hash_range::HashRanges;
use crate::systems::kinesis::plan::RECORD_BYTES_USUAL;
use crate::systems::kinesis::producer::aggregate::{FIXED_BYTES, PARTITION_KEY_BYTES};
use crate::systems::kinesis::producer::plan::{ClientPlan, KplPlan};
use crate::workload::arrivals::ArrivalPlan;
use crate::workload::key_shares::KeyShares;
use crate::workload::operation::OperationMix;
use crate::workload::put_records::{Placement, PutPlan, RecordSource};
use std::num::NonZeroU32;

/// Large records that AWS advises to stay below, as a share of the traffic (KDS-B3).
const LARGE_SHARE_MAX: f64 = 0.02;
/// Bytes around a small record in an aggregate: tags and lengths of the record, its data and its key's number (KPL-7).
const MEMBER_BYTES: f64 = 6.0;

/// What one direct producer asks of its stream.
#[derive(Clone, Debug)]
pub(super) struct Direct<'a> {
    pub(super) plan: &'a PutPlan,
    pub(super) records: Load,
    /// Bytes of a record that the stream takes, partition key included.
    pub(super) bytes: f64,
    /// Share of the records that the stream takes.
    taken: f64,
    /// Share of them above 1 MiB.
    large: f64,
    shares: KeyShares,
    course: Course,
}

impl<'a> Direct<'a> {
    /// The demand of a direct producer.
    pub fn of(scenario: &Scenario, plan: &'a PutPlan) -> Self {
        let (_, most) = scenario.put_limits(plan.stream);
        let (arrivals, shares, sizes): (ArrivalPlan, KeyShares, Vec<f64>) = match &plan.source {
            RecordSource::Drawn { arrivals, keys, sizes } => {
                let mut drawn = vec![0.0; DRAWS];
                sizes.sampler.fill(&mut Streams::new(1, 0).named("check.sizes"), &mut drawn);
                let bounds = (f64::from(sizes.min), f64::from(sizes.max));
                let drawn = drawn.into_iter().map(|size| size.floor().clamp(bounds.0, bounds.1)).collect();
                let modify = OperationMix::new(0.0, 1.0, 0.0).expect("the shares add up to 1");
                (arrivals.clone(), KeyShares::of(keys, &modify), drawn)
            }
            RecordSource::Trace(trace) => {
                let sizes = trace.rows().iter().map(|row| f64::from(row.before.max(row.after)));
                (ArrivalPlan::Trace(trace.clone()), KeyShares::of_trace(trace), sizes.collect())
            }
        };
        let key_bytes = f64::from(plan.key_bytes(0));
        let all = sizes.len().max(1) as f64;
        let taken: Vec<f64> =
            sizes.into_iter().map(|size| size + key_bytes).filter(|size| *size <= f64::from(most)).collect();
        let large = taken.iter().filter(|size| **size > f64::from(RECORD_BYTES_USUAL)).count();
        let span = scenario.duration;
        Self {
            plan,
            records: Load { mean: arrivals.mean_rate(0, span), peak: arrivals.peak_rate(0, span, SECOND) },
            bytes: taken.iter().sum::<f64>() / taken.len().max(1) as f64,
            taken: taken.len() as f64 / all,
            large: large as f64 / taken.len().max(1) as f64,
            shares,
            course: Course::of(scenario, &arrivals),
        }
    }

    /// Adds it to the load of its stream's shards.
    pub fn add_to(&self, loads: &mut ShardLoads) {
        for (shard, share) in self.shard_shares(loads.records.len()).into_iter().enumerate() {
            let mean = self.packed(self.records.mean * self.taken * share);
            let peak = self.packed(self.records.peak * self.taken * share);
            loads.records[shard].add(Load { mean: mean.0, peak: peak.0 }, 1.0);
            loads.bytes[shard].add(Load { mean: mean.1, peak: peak.1 }, 1.0);
        }
    }

    /// Adds users' records a second at each shard that share a Kinesis record with others before them.
    pub fn add_packed(&self, more: &mut [f64]) {
        let shares = self.shard_shares(more.len());
        for (more, share) in more.iter_mut().zip(shares) {
            let rate = self.records.mean * self.taken * share;
            *more += rate - self.packed(rate).0;
        }
    }

    /// Kinesis records and bytes that this many user records a second make at one shard.
    fn packed(&self, rate: f64) -> (f64, f64) {
        let ClientPlan::Kpl(KplPlan { aggregate: Some(most), buffered, .. }) = &self.plan.direct.client
        else {
            return (rate, rate * self.bytes);
        };
        let member = self.bytes + MEMBER_BYTES + 2.0;
        let fit = ((f64::from(most.bytes) - f64::from(FIXED_BYTES)) / member).min(f64::from(most.count));
        // The first member starts the clock; others join while it runs.
        let members = (1.0 + rate * *buffered as f64 / SECOND as f64).min(fit.max(1.0));
        if members < 2.0 {
            return (rate / members, rate * self.bytes);
        }
        let fixed = f64::from(FIXED_BYTES + PARTITION_KEY_BYTES);
        (rate / members, rate * member + rate / members * fixed)
    }

    fn shard_shares(&self, shards: usize) -> Vec<f64> {
        let count = NonZeroU32::new(shards as u32).unwrap_or(NonZeroU32::MIN);
        let ranges = HashRanges::even(count);
        let even = 1.0 / shards as f64;
        match self.plan.placement {
            Placement::Spread | Placement::OwnKey(_) => vec![even; shards],
            Placement::Fixed(hash) => {
                let mut shares = vec![0.0; shards];
                shares[ranges.index_of(hash)] = 1.0;
                shares
            }
            Placement::PartitionKey => {
                let mut shares = vec![self.shares.rest * even; shards];
                let spread = Streams::new(1, 0).keyed("check.spread");
                for (key, share) in &self.shares.single {
                    shares[ranges.index_of(self.plan.hash(*key, 0, &spread))] += share;
                }
                shares
            }
        }
    }

    /// What about it deserves a thought.
    pub fn warnings(&self, scenario: &Scenario) -> Vec<String> {
        let name = &self.plan.name;
        let mut warnings = Vec::new();
        if self.taken < 1.0 {
            let percent = 100.0 * (1.0 - self.taken);
            warnings.push(format!(
                "About {percent:.3} % of the records of workload.{name} are larger than their stream takes, and will be \
                 refused (KDS-W4)."
            ));
        }
        if self.large > LARGE_SHARE_MAX {
            let percent = 100.0 * self.large;
            warnings.push(format!(
                "About {percent:.1} % of the records of workload.{name} are above 1 MiB; AWS advises to keep large records \
                 below 2 % (KDS-B3)."
            ));
        }
        warnings.extend(self.course.warnings(scenario, name));
        warnings
    }
}
