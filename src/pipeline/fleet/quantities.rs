//! What fleets used, and what became of them.

use super::control::Control;
use super::{FleetConsumer, Interruption, column};
use crate::engine::time::Nanos;
use crate::measure::latency::Latency;
use crate::measure::processed::Outcome as Processed;
use crate::measure::series::Series;
use crate::pipeline::Pipeline;
use crate::systems::fleet::meter::FleetMeter;
use crate::systems::fleet::progress::PARTS;
use crate::systems::flink::job::{JobMeter, ORCHESTRATION_KPUS};
use crate::systems::kinesis::fan_out::FanOutMeter;
use crate::systems::kinesis::get_records::ReadMeter;
use crate::systems::kinesis::losses::Losses;
use crate::systems::sink::SinkMeter;

/// Counts of what one fleet used.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct FleetQuantities {
    /// Writes to the lease table and its companions: checkpoints, and everything else.
    pub writes: [u64; 2],
    /// Reads of them, in halves of a read request unit.
    pub half_reads: u64,
    /// Workers' hosts times nanoseconds.
    pub host_nanos: u128,
    /// KPUs times nanoseconds: those that work, and with that of orchestration.
    pub kpu_nanos: [u128; 2],
    /// Bytes read, by calls or pushed, those that were read again among them.
    pub read_bytes: u64,
    /// Bytes pushed by enhanced fan-out.
    pub pushed_bytes: u64,
    /// Shards times nanoseconds for which it was registered for enhanced fan-out, as far as those are billed.
    pub registered_nanos: u128,
    /// Calls to a table's stream that returned records, and that did not.
    pub streams_reads: [u64; 2],
    /// Records processed, each once.
    pub processed: u64,
    /// Processor time taken, by worker.
    pub busy: Vec<Nanos>,
}

impl FleetQuantities {
    /// What was used since `before`.
    pub fn subtract(&mut self, before: &Self) {
        for which in 0..2 {
            self.writes[which] -= before.writes[which];
            self.kpu_nanos[which] -= before.kpu_nanos[which];
            self.streams_reads[which] -= before.streams_reads[which];
        }
        self.half_reads -= before.half_reads;
        self.host_nanos -= before.host_nanos;
        self.read_bytes -= before.read_bytes;
        self.pushed_bytes -= before.pushed_bytes;
        self.processed -= before.processed;
        self.registered_nanos -= before.registered_nanos;
        self.busy.iter_mut().zip(&before.busy).for_each(|(now, before)| *now -= before);
    }
}

/// What one fleet came to.
#[derive(Clone, Debug)]
pub struct FleetOutcome {
    /// Processing.
    pub meter: FleetMeter,
    /// What its sink saw, if it has one.
    pub sink: Option<SinkMeter>,
    /// Reading.
    pub reads: ReadMeter,
    /// What retention took.
    pub losses: Losses,
    /// What was pushed to it, if it is a registered consumer.
    pub fan_out: Option<FanOutMeter>,
    /// Its leases, if it has any.
    pub leases: Option<LeasesOutcome>,
    /// Its job, if it is one.
    pub job: Option<JobOutcome>,
    /// From the intended write to the end of the processing that saw it first.
    pub latency: Latency<{ PARTS.len() }>,
    /// What was lost and repeated when workers stopped.
    pub interruptions: Vec<Interruption>,
    /// Order of what it processed, if that was followed.
    pub processed: Option<Processed>,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

/// What leases came to.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LeasesOutcome {
    /// Leases of each worker at the end.
    pub held: Vec<usize>,
    /// Leases moved for balance.
    pub moved: u64,
    /// Leases taken after they had expired.
    pub taken_over: u64,
    /// Times the whole lease table was read.
    pub scans: u64,
}

/// What a job came to.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct JobOutcome {
    /// Checkpoints and restarts.
    pub meter: JobMeter,
    /// Subtasks at the end.
    pub parallelism: u32,
}

impl FleetConsumer {
    /// What it came to, with what its calls did and what retention took.
    pub fn outcome(self, reads: ReadMeter, losses: Losses) -> FleetOutcome {
        let leases = match &self.control {
            Control::Kcl(leases) => Some(LeasesOutcome {
                held: leases.held_by_worker(),
                moved: leases.moved,
                taken_over: leases.taken_over,
                scans: leases.table.scans,
            }),
            Control::Flink(_) => None,
        };
        let job = match &self.control {
            Control::Flink(job) => Some(JobOutcome { meter: job.meter, parallelism: job.parallelism() }),
            Control::Kcl(_) => None,
        };
        FleetOutcome {
            reads,
            losses,
            fan_out: self.fan_out().map(|fan_out| fan_out.meter),
            leases,
            job,
            sink: self.fleet.sink(),
            meter: self.fleet.meter,
            latency: self.latency,
            interruptions: self.interruptions,
            processed: self.following.map(|following| following.finish()),
            series: self.series,
        }
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// What every fleet used up to the present moment.
    pub(in crate::pipeline) fn fleet_quantities(&mut self, at: Nanos) -> Vec<FleetQuantities> {
        let streams = &self.streams;
        let of = |consumer: &mut FleetConsumer| {
            let workers = consumer.fleet.workers();
            let mut used = FleetQuantities {
                busy: workers.iter().map(|worker| worker.busy(at)).collect(),
                read_bytes: streams[consumer.stream].meter(consumer.reader).bytes,
                pushed_bytes: consumer.fan_out().map_or(0, |fan_out| fan_out.meter.bytes),
                processed: consumer.fleet.meter.processed,
                ..FleetQuantities::default()
            };
            let shard_nanos = || streams[consumer.stream].shard_nanos(at);
            let (until, registered) = consumer.removed.unwrap_or_else(|| (at, shard_nanos()));
            let lasted = u128::from(until.saturating_sub(consumer.starts));
            let since = consumer.begun.unwrap_or(registered);
            used.registered_nanos = consumer.fan_out().map_or(0, |_| registered - since);
            if consumer.of_table {
                let meter = streams[consumer.stream].meter(consumer.reader);
                used.streams_reads = [meter.polls, meter.empty_polls];
            }
            match &mut consumer.control {
                Control::Kcl(leases) => {
                    leases.settle(at);
                    let renewals = leases.table.renewals(leases.plan().renewal());
                    used.writes = [consumer.fleet.meter.checkpoints, renewals + leases.table.writes];
                    used.half_reads = leases.table.half_reads;
                    used.host_nanos = lasted * workers.len() as u128;
                }
                Control::Flink(job) => {
                    let working = job.kpu_nanos(at);
                    let all = working + lasted * u128::from(ORCHESTRATION_KPUS);
                    used.kpu_nanos = [working, all];
                }
            }
            used
        };
        self.fleets.iter_mut().map(of).collect()
    }

    /// Counts what was never an event up to the end of the run.
    pub(in crate::pipeline) fn finish_fleets(&mut self, end: Nanos) {
        if FULL {
            self.note_unread_at(end);
        }
        for consumer in &mut self.fleets {
            if let super::Access::FanOut(fan_out) = &mut consumer.access {
                fan_out.finish(end);
            }
        }
    }
}
