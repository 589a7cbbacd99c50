//! From what was written to a scenario that cannot be wrong: references found, defaults filled in, limits checked.
//!
//! Errors are collected, each with its place; only a scenario without any comes out.

mod alarms;
mod arrivals;
mod athena;
mod billing;
mod capacity;
mod capacity_change;
mod client;
mod destination;
mod direct;
mod distribution;
mod firehose;
mod fleet;
mod fleet_events;
mod flow;
mod lambda;
mod objectives;
mod part_events;
mod pipe;
mod producer;
mod reader;
mod shape;
mod shard_events;
mod sidelines;
mod sink;
mod sqs;
mod stream;
mod stream_capacity;
mod streams;
mod table;
mod timeline;

use super::canonical;
use super::checked::{Billing, End, Identity, Scenario, Study, WarmUpRule};
use super::diagnostic::Diagnostics;
use super::file::{
    END, EndSettings, REPLICATIONS, SEED, START, STUDY, ScenarioFile, StudySettings, WARM_UP, WarmUp,
};
use super::inputs::Inputs;
use super::load_check;
use super::path::{Path, resource};
use super::resolver::Resolver;
use super::sidelines::Sidelines;
use super::tree::Node;
use crate::engine::time::DAY;
use crate::settings::parameter::Parameter;
use crate::systems::lambda::concurrency::AccountPlan;
use crate::systems::{self, dynamodb, kinesis, polling};
use crate::units::{Duration, Timestamp};
use crate::workload;
use crate::workload::producer::ProducerPlan;
use arrivals::Surroundings;
use std::sync::Arc;

/// As many of a kind as an event's handle can number.
const COUNT_MAX: usize = 255;

/// All parameters that scenarios leave open.
pub fn parameters() -> Vec<Parameter> {
    let rooms = [
        workload::settings::PARAMETERS,
        workload::settings::direct::PARAMETERS,
        dynamodb::settings::PARAMETERS,
        dynamodb::capacity_settings::PARAMETERS,
        dynamodb::replication_settings::PARAMETERS,
        dynamodb::streams_settings::PARAMETERS,
        kinesis::settings::PARAMETERS,
        kinesis::capacity_settings::PARAMETERS,
        &[kinesis::poll_settings::PHASE],
        polling::settings::PARAMETERS,
        systems::firehose::settings::PARAMETERS,
        systems::firehose::settings::destination::PARAMETERS,
        systems::firehose::settings::direct_put::PARAMETERS,
        systems::firehose::settings::transform::PARAMETERS,
        kinesis::delivery_settings::PARAMETERS,
        systems::athena::settings::PARAMETERS,
        systems::cloudwatch::settings::PARAMETERS,
        kinesis::fan_out::PARAMETERS,
        systems::lambda::settings::PARAMETERS,
        systems::sink::PARAMETERS,
        systems::lambda::pipe_settings::PARAMETERS,
        systems::sqs::settings::PARAMETERS,
        systems::lambda::logs::PARAMETERS,
        systems::network::PARAMETERS,
        kinesis::encryption::PARAMETERS,
        systems::fleet::settings::PARAMETERS,
        systems::kcl::settings::PARAMETERS,
        systems::flink::settings::PARAMETERS,
    ];
    rooms.concat()
}

/// What stands around a tree: where it comes from.
pub(super) struct Setting<'a> {
    /// The files it names.
    pub inputs: &'a mut Inputs,
    /// Overrides in force, as written.
    pub overrides: Vec<String>,
    /// The variant's name.
    pub variant: Option<String>,
}

/// Resolves a scenario read from this tree.
pub(super) fn resolve(tree: &Node, file: &ScenarioFile, setting: Setting) -> Result<Scenario, Diagnostics> {
    let mut resolver = Resolver::new(tree, &parameters());
    let mut files = Vec::new();
    let billing = billing::resolve(&mut resolver, file, setting.inputs, &mut files);
    let mut scenario = general(&mut resolver, file, billing);
    scenario.objectives = objectives::resolve(&mut resolver, file);
    count(&mut resolver, file);
    let start = scenario.start;
    let around = &mut Surroundings { inputs: setting.inputs, files: &mut files, start };
    flow::resolve(&mut resolver, file, &mut scenario, around);
    timeline::resolve(&mut resolver, file, &mut scenario);
    alarms::resolve(&mut resolver, file, &mut scenario);
    shard_events::check(&mut resolver, &scenario);
    sidelines::resolve(&mut resolver, file, &mut scenario);
    billing::add_hosts(&mut resolver, &mut scenario);
    let digest = |file: &String| setting.inputs.digest(file).unwrap_or_default().to_owned();
    scenario.identity = Identity {
        digest: canonical::digest(tree),
        inputs: files.iter().map(|file| (file.clone(), digest(file))).collect(),
        overrides: setting.overrides,
        variant: setting.variant,
    };
    look_at_histories(&mut resolver, &scenario);
    look_at_global_tables(&mut resolver, &scenario);
    (scenario.assumptions, scenario.notes) = resolver.finish()?;
    load_check::fill_histories(&mut scenario);
    Ok(scenario)
}

/// A history is of what the run's producers write: of a stream that has none, nothing is known.
fn look_at_histories(resolver: &mut Resolver, scenario: &Scenario) {
    let feeds = |table: usize, number: usize| {
        scenario.tables[table].replication.as_ref().is_some_and(|it| it.stream == number)
    };
    for (number, stream) in scenario.streams.iter().enumerate().filter(|(_, it)| it.history.is_some()) {
        let direct = scenario.direct.iter().any(|plan| plan.stream == number);
        if !direct && !scenario.producers.iter().any(|plan| feeds(plan.table, number)) {
            let path = resource("kinesis", &stream.name);
            resolver.notes.push(format!(
                "The `history` of {path} is empty: it is what its producers would have written, and nothing writes to it."
            ));
        }
    }
}

/// Replication from another Region reads the table's stream, which therefore cannot be off.
fn look_at_global_tables(resolver: &mut Resolver, scenario: &Scenario) {
    for (number, table) in scenario.tables.iter().enumerate().filter(|(_, table)| table.streams.is_none()) {
        let replicated = |plan: &&Arc<ProducerPlan>| {
            plan.table == number
                && plan.client.as_ref().is_some_and(|client| client.replicated_after.is_some())
        };
        if scenario.producers.iter().any(|plan| replicated(&plan)) {
            let path = resource("tables", &table.name);
            resolver.notes.push(format!(
                "{path} is part of a global table, so that its DynamoDB stream is always on, and replication is one of its readers (DDB-G2); \
                 without `streams` nobody else reads it here."
            ));
        }
    }
}

/// What concerns the run as a whole; what flows through it is still missing.
fn general(resolver: &mut Resolver, file: &ScenarioFile, billing: Billing) -> Scenario {
    let path = |key: &str| Path::ROOT.key(key);
    let start: Timestamp = resolver.take(file.start, &START);
    let nanos = Duration::from_nanos;
    resolver.within(&path("duration"), file.duration, nanos(1_000)..=nanos(800 * DAY), "");
    let replications = resolver.take(file.replications, &REPLICATIONS);
    resolver.within(&path("replications"), replications, 1..=10_000, "");
    let study = match resolver.take(file.study, &STUDY) {
        StudySettings::Steady => Study::Steady,
        StudySettings::Terminating => Study::Terminating,
    };
    let (warm_up, warm_up_rule) = warm_up(resolver, file, study);
    Scenario {
        identity: Identity::default(),
        warm_up_rule,
        objectives: Vec::new(),
        assumptions: Vec::new(),
        notes: Vec::new(),
        name: file.name.clone(),
        about: file.about.clone().unwrap_or_default(),
        region: billing::region(resolver, file, &billing),
        billing,
        start: start.unix_seconds(),
        seed: resolver.take(file.seed, &SEED),
        study,
        duration: file.duration.nanos(),
        warm_up,
        replications,
        end: match resolver.take(file.end, &END) {
            EndSettings::Drain => End::Drain,
            EndSettings::Stop => End::Stop,
        },
        producers: Vec::new(),
        direct: Vec::new(),
        tables: Vec::new(),
        items: Vec::new(),
        streams: Vec::new(),
        on_demand_advantage: false,
        consumers: Vec::new(),
        deliveries: Vec::new(),
        queries: Vec::new(),
        lambdas: Vec::new(),
        queues: Vec::new(),
        fleets: Vec::new(),
        account: AccountPlan { concurrency: 0, others: 0 },
        timeline: Vec::new(),
        alarms: Vec::new(),
        sidelines: Sidelines::default(),
    }
}

fn warm_up(resolver: &mut Resolver, file: &ScenarioFile, study: Study) -> (u64, WarmUpRule) {
    let path = Path::ROOT.key("warm_up");
    match resolver.take(file.warm_up, &WARM_UP) {
        WarmUp::Auto => {
            if study == Study::Terminating {
                resolver.error(
                    &path,
                    "`auto` looks for a steady state, which `study: terminating` does not have",
                );
            }
            (0, WarmUpRule::Mser5)
        }
        WarmUp::Fixed(warm_up) => {
            let duration = file.duration;
            // A duration of nothing is a mistake of its own.
            if warm_up >= duration && duration > Duration::ZERO {
                resolver.error(
                    &path,
                    format!("expected less than the `duration` of {duration}; found `{warm_up}`"),
                );
            }
            (warm_up.nanos(), WarmUpRule::Fixed)
        }
    }
}

/// Checks that there is something to simulate, and no more than can be numbered.
fn count(resolver: &mut Resolver, file: &ScenarioFile) {
    let readers = file.consumers.len() + file.firehose.len();
    let sections = [
        ("workload", file.workload.len(), 1),
        ("tables", file.tables.len(), 0),
        ("kinesis", file.kinesis.len(), 0),
        ("consumers", readers, 0),
        ("sqs", file.sqs.len(), 0),
    ];
    for (section, found, least) in sections {
        let path = Path::ROOT.key(section);
        if found < least {
            resolver.error(&path, format!("`{section}` is empty; there is nothing to simulate"));
        }
        if found > COUNT_MAX {
            let of = if section == "consumers" { "`consumers` and `firehose` together" } else { section };
            resolver.error(&path, format!("expected at most {COUNT_MAX} in {of}; found {found}"));
        }
    }
}
