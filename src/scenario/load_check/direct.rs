//! What one direct producer asks of its stream.

use super::{Load, ShardLoads};
use crate::engine::random::Streams;
use crate::engine::time::{Nanos, SECOND};
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
use crate::workload::trace::{Trace, TraceRow};
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
    /// Those that the stream takes.
    taken: Load,
    /// Bytes of those, partition keys included.
    pub(super) bytes: Load,
    /// Share of the records that are larger than the stream takes.
    refused: f64,
    /// Share of those that it takes above 1 MiB.
    large: f64,
    flow: Flow<'a>,
    /// The largest record that the stream takes.
    most: u32,
    span: Nanos,
    course: Course,
}

/// Which keys the records have.
#[derive(Clone, Debug)]
enum Flow<'a> {
    Drawn(KeyShares),
    Trace(&'a Trace),
}

impl<'a> Direct<'a> {
    /// The demand of a direct producer.
    pub fn of(scenario: &'a Scenario, plan: &'a PutPlan) -> Self {
        let ((_, most), span) = (scenario.put_limits(plan.stream), scenario.duration);
        let (arrivals, flow, sizes): (ArrivalPlan, Flow, Vec<f64>) = match &plan.source {
            RecordSource::Drawn { arrivals, keys, sizes } => {
                let mut drawn = vec![0.0; DRAWS];
                sizes.sampler.fill(&mut Streams::new(1, 0).named("check.sizes"), &mut drawn);
                let bounds = (f64::from(sizes.min), f64::from(sizes.max));
                let key_bytes = f64::from(plan.key_bytes(0));
                let bytes = |size: f64| size.floor().clamp(bounds.0, bounds.1) + key_bytes;
                let modify = OperationMix::new(0.0, 1.0, 0.0).expect("the shares add up to 1");
                let shares = KeyShares::of(keys, &modify);
                (arrivals.clone(), Flow::Drawn(shares), drawn.into_iter().map(bytes).collect())
            }
            RecordSource::Trace(trace) => {
                let sizes = trace.within(0, span).iter().map(|row| f64::from(row_bytes(plan, row)));
                (ArrivalPlan::Trace(trace.clone()), Flow::Trace(trace), sizes.collect())
            }
        };
        let all = sizes.len().max(1) as f64;
        let fit: Vec<f64> = sizes.into_iter().filter(|size| *size <= f64::from(most)).collect();
        let large = fit.iter().filter(|size| **size > f64::from(RECORD_BYTES_USUAL)).count();
        let large = large as f64 / fit.len().max(1) as f64;
        let records = Load { mean: arrivals.mean_rate(0, span), peak: arrivals.peak_rate(0, span, SECOND) };
        let taken = records.times(fit.len() as f64 / all);
        let bytes = taken.times(fit.iter().sum::<f64>() / fit.len().max(1) as f64);
        let refused = 1.0 - fit.len() as f64 / all;
        let course = Course::of(scenario, &arrivals);
        let mut direct = Self { plan, records, taken, bytes, refused, large, flow, most, span, course };
        if let Flow::Trace(trace) = direct.flow {
            [direct.taken, direct.bytes] = direct.recorded(trace, 1, |_| 0).map(Load::sum);
        }
        direct
    }

    /// Adds it to the load of its stream's shards.
    pub fn add_to(&self, loads: &mut ShardLoads) {
        let mut all = [Load::default(); 2];
        for (shard, [taken, bytes]) in self.by_shard(loads.records.len()).into_iter().enumerate() {
            let mean = self.packed(taken.mean, bytes.mean);
            let peak = self.packed(taken.peak, bytes.peak);
            let more = [Load { mean: mean.0, peak: peak.0 }, Load { mean: mean.1, peak: peak.1 }];
            loads.records[shard].add(more[0], 1.0);
            loads.bytes[shard].add(more[1], 1.0);
            all.iter_mut().zip(more).for_each(|(all, more)| all.add(more, 1.0));
        }
        // What is packed shard by shard is added up; the rest has peaks of its own.
        let [records, bytes] = if self.aggregates().is_some() { all } else { [self.taken, self.bytes] };
        loads.all_records.add(records, 1.0);
        loads.all_bytes.add(bytes, 1.0);
    }

    /// Adds users' records a second at each shard that share a Kinesis record with others before them.
    pub fn add_packed(&self, more: &mut [f64]) {
        let shards = self.by_shard(more.len());
        for (more, [taken, bytes]) in more.iter_mut().zip(shards) {
            *more += taken.mean - self.packed(taken.mean, bytes.mean).0;
        }
    }

    /// The most that an aggregate holds, and for how long it is gathered.
    fn aggregates(&self) -> Option<(f64, f64, f64)> {
        let ClientPlan::Kpl(KplPlan { aggregate: Some(most), buffered, .. }) = &self.plan.direct.client
        else {
            return None;
        };
        Some((f64::from(most.bytes), f64::from(most.count), *buffered as f64 / SECOND as f64))
    }

    /// Kinesis records and bytes that this many user records and their bytes a second make at one shard.
    fn packed(&self, rate: f64, bytes: f64) -> (f64, f64) {
        let Some((most_bytes, most_count, seconds)) = self.aggregates().filter(|_| rate > 0.0) else {
            return (rate, bytes);
        };
        let member = bytes / rate + MEMBER_BYTES + 2.0;
        let fit = ((most_bytes - f64::from(FIXED_BYTES)) / member).min(most_count);
        // The first member starts the clock; others join while it runs.
        let members = (1.0 + rate * seconds).min(fit.max(1.0));
        if members < 2.0 {
            return (rate / members, bytes);
        }
        let fixed = f64::from(FIXED_BYTES + PARTITION_KEY_BYTES);
        (rate / members, rate * member + rate / members * fixed)
    }

    /// User records and their bytes that each shard takes.
    fn by_shard(&self, shards: usize) -> Vec<[Load; 2]> {
        let count = NonZeroU32::new(shards as u32).unwrap_or(NonZeroU32::MIN);
        let ranges = HashRanges::even(count);
        let even = 1.0 / shards as f64;
        let mut parts = vec![0.0; shards];
        match (self.plan.placement, &self.flow) {
            (Placement::Spread | Placement::OwnKey(_), _) => parts.fill(even),
            (Placement::Fixed(hash), _) => parts[ranges.index_of(hash)] = 1.0,
            (Placement::PartitionKey, flow) => {
                let spread = Streams::new(1, 0).keyed("check.spread");
                let place = |key| ranges.index_of(self.plan.hash(key, 0, &spread));
                match flow {
                    Flow::Drawn(shares) => {
                        parts.fill(shares.rest * even);
                        shares.single.iter().for_each(|(key, share)| parts[place(*key)] += share);
                    }
                    Flow::Trace(trace) => {
                        let [taken, bytes] = self.recorded(trace, shards, place);
                        return taken.into_iter().zip(bytes).map(|(taken, bytes)| [taken, bytes]).collect();
                    }
                }
            }
        }
        parts.into_iter().map(|part| [self.taken.times(part), self.bytes.times(part)]).collect()
    }

    /// Records that the stream takes, and their bytes, by place.
    fn recorded(&self, trace: &Trace, places: usize, place: impl Fn(u32) -> usize) -> [Vec<Load>; 2] {
        let of_keys: Vec<usize> = (0..trace.keys().len() as u32).map(place).collect();
        let counts: [fn(u32) -> u64; 2] = [|_| 1, u64::from];
        counts.map(|count| {
            let of_row = |row: &TraceRow| {
                let bytes = Some(row_bytes(self.plan, row)).filter(|bytes| *bytes <= self.most);
                (of_keys[row.key as usize], bytes.map_or(0, count))
            };
            Load::of_rows(trace, self.span, SECOND, places, of_row)
        })
    }

    /// What about it deserves a thought.
    pub fn warnings(&self, scenario: &Scenario) -> Vec<String> {
        let name = &self.plan.name;
        let mut warnings = Vec::new();
        if self.refused > 0.0 {
            let percent = 100.0 * self.refused;
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

/// Bytes of the record that a row of a trace becomes, its partition key included.
fn row_bytes(plan: &PutPlan, row: &TraceRow) -> u32 {
    row.before.max(row.after).saturating_add(plan.key_bytes(row.key))
}
