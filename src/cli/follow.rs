//! `follow`: one write through all of the pipeline, step by step.

use super::Changes;
use super::exit::{Ended, Exit, Failure};
use super::output;
use super::simulate::{Manner, Session, variant};
use clap::{Args, ValueEnum};
use std::path::PathBuf;
use streamgauge::engine::time::MICROSECOND;
use streamgauge::pipeline::follow::Trail;
use streamgauge::pipeline::follow::arrival::Choice;
use streamgauge::report::follow::{Followed, leg, terminal};
use streamgauge::report::json;
use streamgauge::report::result::leg::legs;
use streamgauge::scenario;
use streamgauge::scenario::checked::Scenario;
use streamgauge::scenario::diagnostic::nearest;
use streamgauge::units::Duration;

/// Follow one write through all of the pipeline: each step with its time, what it waited for, its size and its cost.
///
/// Without further options that is the first write that is measured. Costs are those of a million such writes at list prices.
/// Of what is paid by the hour they have a second of the provisioned write units that a write takes, and nothing else; what
/// several records share, such as an invocation or an object, is divided by their number.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Scenario file
    #[arg(value_hint = clap::ValueHint::FilePath)]
    scenario: PathBuf,
    /// A write of this producer
    #[arg(long, value_name = "NAME")]
    workload: Option<String>,
    /// The write of this number, from 1, counted by producer
    #[arg(long, value_name = "N", value_parser = clap::value_parser!(u64).range(1..))]
    number: Option<u64>,
    /// The first write to the item of this name
    #[arg(long, value_name = "ITEM")]
    key: Option<String>,
    /// The first write at or after this moment, such as `2m30s`
    #[arg(long, value_name = "DURATION")]
    at: Option<Duration>,
    /// The measured write that took longest, such as `consumers.search.latency`
    #[arg(long, value_name = "LATENCY", conflicts_with_all = ["workload", "number", "key", "at"])]
    slowest: Option<String>,
    /// In this replication, from 0
    #[arg(long, value_name = "N", default_value_t)]
    replication: u64,
    /// Follow it through this variant instead of the base
    #[arg(long, value_name = "NAME")]
    variant: Option<String>,
    #[command(flatten)]
    changes: Changes,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
    #[command(flatten)]
    manner: Manner,
}

/// What `follow` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// The steps, place by place
    #[default]
    Text,
    /// The steps in order of time as data; see `schema follow`
    Json,
}

/// Simulates until the write has come to the end of all its ways, and prints them.
///
/// # Errors
/// A wrong scenario, no such write, an interruption, or a failure of the simulator.
pub fn follow(arguments: &Arguments) -> Ended {
    let loaded = scenario::load(&arguments.scenario, &arguments.changes.options())?;
    let mut scenario = match &arguments.variant {
        Some(name) => variant(&loaded, name)?,
        None => loaded.base,
    };
    let session = Session::start(&arguments.manner)?;
    session.settle(std::slice::from_mut(&mut scenario))?;
    let trail = find(&scenario, arguments, &session)?;
    let book = scenario.billing.book();
    let followed =
        Followed::new(&scenario, &trail, arguments.replication, book).map_err(Failure::internal)?;
    output::print(&match arguments.format {
        Format::Text => terminal::render(&followed),
        Format::Json => json::render(&followed).map_err(Failure::internal)?,
    })?;
    Ok(Exit::Fine)
}

fn find(scenario: &Scenario, arguments: &Arguments, session: &Session) -> Result<Trail, Failure> {
    if scenario.producers.is_empty() && scenario.direct.is_empty() {
        return Err(Failure::rejected("no producer of this scenario writes anything"));
    }
    if let Some(wanted) = &arguments.slowest {
        let legs = legs(scenario);
        let Some(leg) = legs.iter().find(|leg| leg.path == *wanted).map(leg) else {
            let known = legs.iter().map(|leg| leg.path.as_str()).collect();
            return Err(unknown("measured latency", wanted, known));
        };
        let trail = session.slowest(scenario, arguments.replication, leg)?;
        return trail.ok_or_else(|| Failure::rejected(format_args!("`{wanted}` measured no write")));
    }
    let choice = choice(scenario, arguments)?;
    session.follow(scenario, arguments.replication, choice)?.ok_or_else(|| {
        Failure::rejected("there is no such write in this replication")
            .help("ask for fewer things at once, or for an earlier moment")
    })
}

fn choice(scenario: &Scenario, arguments: &Arguments) -> Result<Choice, Failure> {
    let named = arguments.workload.as_ref().map(|name| producer(scenario, name)).transpose()?;
    // The first one that is measured, unless somebody says which.
    let asked = arguments.number.is_some() || arguments.at.is_some();
    let first = if asked { 0 } else { scenario.warm_up.div_ceil(MICROSECOND) * MICROSECOND };
    Ok(Choice {
        direct: named.map_or(scenario.producers.is_empty(), |(_, direct)| direct),
        writer: named.map(|(number, _)| number),
        number: arguments.number,
        key: arguments.key.clone(),
        from: arguments.at.map_or(first, |at| at.nanos()),
        skip: 0,
    })
}

/// The number of a producer among its kind, and whether it puts straight into a stream.
fn producer(scenario: &Scenario, name: &str) -> Result<(usize, bool), Failure> {
    let name = name.strip_prefix("workload.").unwrap_or(name);
    let to_tables = scenario.producers.iter().map(|plan| plan.name.as_str());
    let direct = scenario.direct.iter().map(|plan| plan.name.as_str());
    if let Some(number) = to_tables.clone().position(|known| known == name) {
        return Ok((number, false));
    }
    match direct.clone().position(|known| known == name) {
        Some(number) => Ok((number, true)),
        None => Err(unknown("producer", name, to_tables.chain(direct).collect())),
    }
}

fn unknown(what: &str, wanted: &str, known: Vec<&str>) -> Failure {
    let meant = nearest(wanted, known.iter().copied());
    let meant = meant.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    let failure = Failure::rejected(format_args!("there is no {what} named `{wanted}`{meant}"));
    if known.is_empty() { failure } else { failure.help(&format!("those there are: {}", known.join(", "))) }
}
