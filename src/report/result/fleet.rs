//! Fleets of workers: leases, load, crashes and what they cost in records. Counts are summed over all replications.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::flow::{ConsumerRow, ReadRow};
use super::losses::LossRow;
use super::processed;
use super::sink::SinkRow;
use super::stalls;
use crate::pipeline::finish::Outcome;
use crate::pipeline::fleet::column;
use crate::pipeline::fleet::quantities::FleetOutcome;
use crate::report::number::{mean, rounded, share};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::fleet::meter::{FleetMeter, Redelivery};
use crate::systems::fleet::{ControlPlan, FleetPlan};
use crate::systems::flink::job::ORCHESTRATION_KPUS;

/// What all kinds of fleets have in common.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FleetRow {
    /// How it reads: `polling` or `enhanced_fan_out`.
    pub via: String,
    /// Records processed again, by the reason: `crash`, `deploy`, `lost_lease`, `rebalance`.
    pub repeated: Vec<RepeatedRow>,
    /// Records lost, since their checkpoint was written and their processing was not done.
    pub lost: u64,
    /// Records of batches whose processing threw, and that were skipped.
    pub skipped: u64,
    /// Checkpoints written for single shards.
    pub checkpoints: u64,
    /// Busy share of the processors of the busiest worker, over the measured span.
    pub cpu_max: Option<f64>,
    /// Busy share of the processors of all workers, over the measured span.
    pub cpu_mean: Option<f64>,
    /// What was lost and repeated when workers stopped, in replication 0; the first 64 times.
    pub interruptions: Vec<InterruptionRow>,
}

/// Records processed again for one reason.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RepeatedRow {
    /// Why.
    pub cause: String,
    /// Records.
    pub records: u64,
}

/// A worker that stopped reading other than by a hand-over.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct InterruptionRow {
    /// When, simulated seconds.
    pub at_s: Option<f64>,
    /// Why: `crash`, `deploy`, `lost_lease` or `rebalance`.
    pub cause: String,
    /// The worker.
    pub worker: u32,
    /// Shards that it read.
    pub shards: u32,
    /// Records lost by it.
    pub lost: u64,
    /// Records to be processed again because of it.
    pub repeated: u64,
}

/// What workers of the Kinesis Client Library did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KclRow {
    /// Version of the library.
    pub version: String,
    /// What all kinds of fleets have in common.
    #[serde(flatten)]
    pub fleet: FleetRow,
    /// Leases taken after they had expired.
    pub taken_over: u64,
    /// Leases moved for balance.
    pub moved: u64,
    /// Times the whole lease table was read.
    pub table_scans: u64,
    /// Its workers at the end of replication 0.
    pub workers: Vec<WorkerRow>,
}

/// One worker, in replication 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WorkerRow {
    /// Leases at the end.
    pub leases: u32,
    /// Busy share of its processors over the measured span.
    pub cpu: Option<f64>,
}

/// What a Flink application did.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct FlinkRow {
    /// What all kinds of fleets have in common. Its checkpoints are those of the job.
    #[serde(flatten)]
    pub fleet: FleetRow,
    /// Subtasks at the start.
    pub parallelism: u32,
    /// Subtasks at the end, on average over the replications.
    pub parallelism_at_end: Option<f64>,
    /// The most KPUs at a time in any replication, with that of orchestration.
    pub kpus_max: u32,
    /// KPUs on average over the measured span, with that of orchestration.
    pub kpus_mean: Option<f64>,
    /// Restarts.
    pub restarts: u64,
    /// Restarts that were for another parallelism.
    pub scalings: u64,
    /// Time for which it was down, seconds, a replication on average.
    pub down_mean_s: Option<f64>,
}

/// The rows of all fleets, as consumers.
pub fn rows(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<ConsumerRow> {
    let row = |(number, plan): (usize, &FleetPlan)| {
        let all: Vec<&FleetOutcome> = outcomes.iter().map(|outcome| &outcome.fleets[number]).collect();
        let sum = |of: fn(&FleetMeter) -> u64| all.iter().map(|one| of(&one.meter)).sum::<u64>();
        let (processed, batches) = (sum(|meter| meter.processed), sum(|meter| meter.batches));
        let handled = processed + sum(FleetMeter::repeated_total);
        let busy = mean(outcomes.iter().map(|outcome| cpu(plan, outcome, number).1));
        let ages = all.iter().flat_map(|one| one.series.bins());
        let age = ages.map(|bin| bin[column::ITERATOR_AGE]).max();
        let (kcl, flink) = match &plan.control {
            ControlPlan::Kcl(_) => (Some(kcl(plan, &all, outcomes, number)), None),
            ControlPlan::Flink(_) => (None, Some(flink(plan, &all, outcomes, number))),
        };
        ConsumerRow {
            path: resource("consumers", &plan.name),
            reads: scenario.stream_path(plan.stream),
            workers: Some(plan.workers),
            processed,
            processed_per_s: processed::mean_per_second(outcomes, number, processed::FLEET),
            batches,
            records_per_batch: share(handled, batches).and_then(rounded),
            busy_share: busy.and_then(rounded),
            iterator_age_max_ms: age.and_then(|micros| rounded(micros as f64 / 1e3)),
            calls: Some(ReadRow::sum(all.iter().map(|one| &one.reads))),
            backfill: None,
            losses: LossRow::of(all.iter().map(|one| &one.losses)),
            stalls: stalls::of_fleet(scenario, outcomes, number),
            stuck_shards: 0,
            skipped: 0,
            sink: SinkRow::sum(all.iter().filter_map(|one| one.sink)),
            lambda: None,
            kcl,
            flink,
        }
    };
    scenario.fleets.iter().enumerate().map(row).collect()
}

/// Busy shares of the busiest worker and of all of them, over the measured span of a replication.
fn cpu(plan: &FleetPlan, outcome: &Outcome, number: usize) -> (Option<f64>, Option<f64>) {
    let used = &outcome.quantities.fleets[number];
    let (span, cores) = (outcome.quantities.at as f64, (plan.host.vcpu as u64).max(1) as f64);
    let of = |busy: f64, workers: f64| (span > 0.0).then(|| busy / (span * cores * workers));
    let all: u64 = used.busy.iter().sum();
    // A job's units come and go: those that it had count.
    let workers = match plan.control {
        ControlPlan::Kcl(_) => used.busy.len() as f64,
        ControlPlan::Flink(_) => used.kpu_nanos[0] as f64 / span.max(1.0),
    };
    let busiest = used.busy.iter().max().copied().unwrap_or(0);
    (of(busiest as f64, 1.0), of(all as f64, workers))
}

fn fleet(plan: &FleetPlan, all: &[&FleetOutcome], outcomes: &[Outcome], number: usize) -> FleetRow {
    let sum = |of: fn(&FleetMeter) -> u64| all.iter().map(|one| of(&one.meter)).sum::<u64>();
    let repeated = |cause: Redelivery| RepeatedRow {
        cause: cause.name().to_owned(),
        records: all.iter().map(|one| one.meter.repeated[cause as usize]).sum(),
    };
    let interruptions = all.first().map(|first| first.interruptions.iter());
    let interruption = |it: &crate::pipeline::fleet::Interruption| InterruptionRow {
        at_s: rounded(it.at as f64 / 1e9),
        cause: it.why.name().to_owned(),
        worker: it.worker as u32,
        shards: it.shards,
        lost: it.lost,
        repeated: it.again,
    };
    let cpu = |outcome: &Outcome| cpu(plan, outcome, number);
    FleetRow {
        via: if plan.is_pushed_to() { "enhanced_fan_out" } else { "polling" }.to_owned(),
        repeated: Redelivery::ALL.map(repeated).to_vec(),
        lost: sum(|meter| meter.lost),
        skipped: sum(|meter| meter.skipped),
        checkpoints: sum(|meter| meter.checkpoints),
        cpu_max: mean(outcomes.iter().map(|outcome| cpu(outcome).0)).and_then(rounded),
        cpu_mean: mean(outcomes.iter().map(|outcome| cpu(outcome).1)).and_then(rounded),
        interruptions: interruptions.into_iter().flatten().map(interruption).collect(),
    }
}

fn kcl(plan: &FleetPlan, all: &[&FleetOutcome], outcomes: &[Outcome], number: usize) -> KclRow {
    let leases = || all.iter().filter_map(|one| one.leases.as_ref());
    let first = outcomes.first().map(|outcome| &outcome.quantities);
    let span = first.map_or(0, |quantities| quantities.at) * (plan.host.vcpu as u64).max(1);
    let busy = first.map(|quantities| quantities.fleets[number].busy.clone()).unwrap_or_default();
    let held = leases().next().map(|leases| leases.held.clone()).unwrap_or_default();
    let worker = |(leases, busy): (usize, u64)| WorkerRow {
        leases: leases as u32,
        cpu: share(busy, span).and_then(rounded),
    };
    KclRow {
        version: match &plan.control {
            ControlPlan::Kcl(leases) => leases.version.to_string(),
            ControlPlan::Flink(_) => String::new(),
        },
        fleet: fleet(plan, all, outcomes, number),
        taken_over: leases().map(|leases| leases.taken_over).sum(),
        moved: leases().map(|leases| leases.moved).sum(),
        table_scans: leases().map(|leases| leases.scans).sum(),
        workers: held.into_iter().zip(busy).map(worker).collect(),
    }
}

fn flink(plan: &FleetPlan, all: &[&FleetOutcome], outcomes: &[Outcome], number: usize) -> FlinkRow {
    let jobs = || all.iter().filter_map(|one| one.job.as_ref());
    let mut fleet = fleet(plan, all, outcomes, number);
    fleet.checkpoints = jobs().map(|job| job.meter.checkpoints).sum();
    let kpus = |outcome: &Outcome| {
        let [_, all] = outcome.quantities.fleets[number].kpu_nanos;
        (outcome.quantities.at > 0).then(|| all as f64 / outcome.quantities.at as f64)
    };
    FlinkRow {
        fleet,
        parallelism: match &plan.control {
            ControlPlan::Flink(job) => job.parallelism,
            ControlPlan::Kcl(_) => 0,
        },
        parallelism_at_end: mean(jobs().map(|job| Some(f64::from(job.parallelism)))).and_then(rounded),
        kpus_max: jobs().map(|job| job.meter.kpus_max + ORCHESTRATION_KPUS).max().unwrap_or(0),
        kpus_mean: mean(outcomes.iter().map(kpus)).and_then(rounded),
        restarts: jobs().map(|job| job.meter.restarts).sum(),
        scalings: jobs().map(|job| job.meter.scalings).sum(),
        down_mean_s: mean(jobs().map(|job| Some(job.meter.down as f64 / 1e9))).and_then(rounded),
    }
}

/// The figures of one fleet.
pub fn figures(scenario: &Scenario, number: usize, all: &mut Vec<Figure>) {
    let plan = scenario.fleets[number].clone();
    let path = resource("consumers", &plan.name);
    let of = |name: &str, of: fn(&FleetOutcome) -> Option<f64>| {
        Figure::new(format!("{path}.{name}"), move |outcome| of(&outcome.fleets[number]))
    };
    all.push(of("iterator_age.max", |fleet| {
        let bins = fleet.series.bins();
        bins.iter().map(|bin| bin[column::ITERATOR_AGE]).max().map(|micros| micros as f64 / 1e3)
    }));
    all.push(of("repeated", |fleet| Some(fleet.meter.repeated_total() as f64)));
    all.push(of("lost", |fleet| Some(fleet.meter.lost as f64)));
    all.push(of("checkpoints", |fleet| {
        let of_job = fleet.job.map(|job| job.meter.checkpoints);
        Some(of_job.unwrap_or(fleet.meter.checkpoints) as f64)
    }));
    let shares = plan.clone();
    all.push(Figure::new(format!("{path}.cpu_max_share"), move |outcome| cpu(&shares, outcome, number).0));
    all.push(Figure::new(format!("{path}.cpu_share"), move |outcome| cpu(&plan, outcome, number).1));
}
