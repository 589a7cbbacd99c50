//! What fleets of workers have to do, against the processors that they have.

use super::{Load, LoadCheck, ShardLoads, hottest};
use crate::engine::time::{Nanos, SECOND};
use crate::scenario::path::Path;
use crate::systems::fleet::{ControlPlan, FleetPlan, Via};
use crate::systems::sink::SinkPlan;

/// The time between two GetRecords calls of a fleet on one shard; none if it is pushed to.
pub(super) fn interval(plan: &FleetPlan) -> Option<Nanos> {
    match plan.via {
        Via::Polling(cadence) => Some(cadence.idle),
        Via::FanOut(_) => None,
    }
}

/// Processor time a second that each shard takes.
fn work(plan: &FleetPlan, loads: &ShardLoads) -> Vec<Load> {
    let shard = |records: &Load| {
        let mut work = Load::default();
        work.add(*records, plan.per_record as f64 / SECOND as f64);
        if let Some(interval) = interval(plan) {
            // At most one batch for each call, and one for each record.
            let batches = |rate: f64| rate.min(SECOND as f64 / interval as f64);
            let load = Load { mean: batches(records.mean), peak: batches(records.peak) };
            work.add(load, plan.per_batch as f64 / SECOND as f64);
        }
        work
    };
    loads.records.iter().map(shard).collect()
}

impl LoadCheck {
    /// The processors of a fleet: of all its workers, and where shards are dealt out by number, of the busiest one.
    pub(super) fn fleet(&mut self, plan: &FleetPlan, loads: &ShardLoads) {
        let path = Path::ROOT.key("consumers").key(&plan.name);
        let work = work(plan, loads);
        if let Some(interval) = interval(plan) {
            let most_read = f64::from(plan.records_max) * SECOND as f64 / interval as f64;
            let (_, most) = hottest(&loads.records, most_read);
            self.row(&path, "KCL-2", "records/s of a shard", most, most_read);
        }
        let vcpu = plan.host.vcpu;
        let (limit, seats) = match plan.control {
            ControlPlan::Kcl(_) => ("OWN-13", plan.workers as usize),
            ControlPlan::Flink(_) => ("FLK-1", plan.workers as usize),
        };
        self.row(&path.key("workers"), limit, "vCPU", Load::sum(work.iter().copied()), vcpu * seats as f64);
        let spreads = match &plan.control {
            ControlPlan::Kcl(leases) => leases.version.has_leader(),
            ControlPlan::Flink(job) => job.keyed,
        };
        if !spreads {
            let mut workers = vec![Load::default(); seats];
            for (shard, work) in work.iter().enumerate() {
                workers[worker_of(plan, shard)].add(*work, 1.0);
            }
            let (worker, busy) = hottest(&workers, vcpu);
            self.row(&path.key("workers").index(worker), limit, "vCPU", busy, vcpu);
        }
        // One processor does one shard's batch at a time, unless all take part in it.
        if !matches!(&plan.control, ControlPlan::Flink(job) if job.keyed) {
            let (shard, busy) = hottest(&work, vcpu.min(1.0));
            self.row(&path.key("shards").index(shard), limit, "vCPU", busy, vcpu.min(1.0));
        }
        if let Some(sink) = &plan.sink {
            self.fleet_sink(&path, plan, sink, (&work, loads));
        }
    }

    /// The sink of a fleet, and those who write to it, each a call at a time: a shard's thread, or a subtask.
    fn fleet_sink(
        &mut self,
        path: &Path,
        plan: &FleetPlan,
        sink: &SinkPlan,
        (work, loads): (&[Load], &ShardLoads),
    ) {
        let (key, writers) = match plan.control {
            ControlPlan::Kcl(_) => ("shards", work.len()),
            ControlPlan::Flink(job) => ("subtasks", (job.parallelism as usize).min(work.len())),
        };
        let mut busy = vec![Load::default(); writers.max(1)];
        for (shard, (work, records)) in work.iter().zip(&loads.records).enumerate() {
            let writer = &mut busy[shard % writers.max(1)];
            // A shard is worked on and written by turns; a subtask's other shards are worked on meanwhile.
            if matches!(plan.control, ControlPlan::Kcl(_)) {
                writer.add(*work, 1.0);
            }
            writer.add(*records, sink.time_per_record() / SECOND as f64);
        }
        let (writer, busy) = hottest(&busy, 1.0);
        self.row(&path.key(key).index(writer), "OWN-41", "share of its time", busy, 1.0);
        self.sink(path, Some(sink), loads, 1.0);
    }
}

fn worker_of(plan: &FleetPlan, shard: usize) -> usize {
    match &plan.control {
        ControlPlan::Kcl(_) => shard % plan.workers as usize,
        ControlPlan::Flink(job) => (shard % job.parallelism as usize) / job.per_kpu as usize,
    }
}
