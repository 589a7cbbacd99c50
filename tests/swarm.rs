//! Nothing is lost unseen, whatever the language can say: whole scenarios drawn from seeds, written as YAML, read, checked,
//! run and reported.
//!
//! `STREAMGAUGE_SWARM=2000 cargo test --locked --test swarm` runs so many seeds, `STREAMGAUGE_SWARM=17..18` those; with
//! `STREAMGAUGE_SWARM_TO=folder` it writes their scenarios there, for the command line, and runs none.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::collections::BTreeMap;
use std::fmt::Write as _;
use std::ops::Range;
use std::panic::{AssertUnwindSafe, catch_unwind};
use std::path::Path;

use streamgauge::engine::time::{END_OF_TIME, Nanos};
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::report::result::RunResult;
use streamgauge::report::{csv, json, markdown, terminal};
use streamgauge::scenario::checked::{End, Scenario, Study};
use streamgauge::scenario::load_check::LoadCheck;
use streamgauge::scenario::timeline::{Action, Fault, Part};

#[path = "swarm/alarms.rs"]
mod alarms;
#[path = "swarm/choice.rs"]
mod choice;
#[path = "swarm/deliveries.rs"]
mod deliveries;
#[path = "swarm/events.rs"]
mod events;
#[path = "swarm/fleets.rs"]
mod fleets;
#[path = "swarm/functions.rs"]
mod functions;
#[path = "swarm/laws.rs"]
mod laws;
#[path = "swarm/plan.rs"]
mod plan;
#[path = "swarm/rare.rs"]
mod rare;
#[path = "swarm/readers.rs"]
mod readers;
mod support;
#[path = "swarm/tables.rs"]
mod tables;
#[path = "swarm/workload.rs"]
mod workload;

use choice::{Choice, Map};
use plan::Plan;

/// Seeds of the suite.
const SEEDS: u64 = 150;

/// The scenario of a seed, as a user would write it.
fn text(seed: u64) -> String {
    let plan = Plan::draw(seed);
    let mut text = general(seed, &plan);
    let sections = [
        ("workload", workload::workload(seed, &plan)),
        ("tables", tables::tables(seed, &plan)),
        ("kinesis", tables::streams(seed, &plan)),
        ("consumers", readers::consumers(seed, &plan)),
        ("sqs", functions::queues(seed, &plan)),
        ("firehose", deliveries::firehose(seed, &plan)),
        ("athena", readers::athena(seed, &plan)),
        ("events", events::events(seed, &plan)),
        ("alarms", alarms::alarms(seed, &plan)),
    ];
    for (section, parts) in sections.into_iter().filter(|(_, parts)| !parts.is_empty()) {
        let _ = writeln!(text, "{section}:");
        parts.iter().for_each(|part| {
            let _ = writeln!(text, "  {part}");
        });
    }
    text
}

/// What concerns the scenario as a whole.
fn general(seed: u64, plan: &Plan) -> String {
    let choice = &mut Choice::new(seed, "general");
    let end = choice.one_of(&["drain", "drain", "stop"]);
    let warm_up = if choice.chance(30) { choice.below(plan.duration / 2) } else { 0 };
    let region = choice.one_of(&["us-east-1", "eu-central-1"]);
    let account = Map::new(choice)
        .must("on_demand_advantage", plan.advantage)
        .may(30, "lambda_concurrency", &["1000", "150"])
        .may(20, "lambda_others", &["50", "100"])
        .may(15, "kinesis", &["{ shards: 130 }"])
        .end();
    let billing = Map::new(choice)
        .may(20, "month", &["28d", "744h"])
        .may(20, "represents", &["1d", "100h"])
        .may(30, "free_tier", &["true", "false"])
        .end();
    let study = if plan.steady { "steady" } else { "terminating" };
    format!(
        "name: swarm\nseed: {seed}\nregion: {region}\nstudy: {study}\nduration: {}s\nwarm_up: {warm_up}s\nend: {end}\naccount: {account}\nbilling: {billing}\n",
        plan.duration
    )
}

/// The files that scenarios of the swarm read.
fn write_inputs(folder: &Path) {
    let choice = &mut Choice::new(1, "inputs");
    let mut trace = "timestamp_ms,key,op,bytes_before,bytes_after\n".to_owned();
    let mut at = 0;
    for _ in 0..400 {
        at += choice.one_of(&[0, 0, 1, 40]);
        let (key, bytes) = (choice.below(40), choice.count(20, 450_000));
        let op = choice.one_of(&["INSERT", "MODIFY", "REMOVE"]);
        let (before, after) = match op {
            "INSERT" => (0, bytes),
            "MODIFY" => (bytes, choice.count(20, 2_000)),
            _ => (bytes, 0),
        };
        let _ = writeln!(trace, "{at},key-{key},{op},{before},{after}");
    }
    std::fs::write(folder.join("trace.csv"), trace).unwrap();
    let profile = "timestamp,value\n2026-01-05 00:00:00,60\n2026-01-05 00:00:01,0\n2026-01-05 00:00:04,120\n2026-01-05 00:00:05,30\n";
    std::fs::write(folder.join("profile.csv"), profile).unwrap();
}

fn load(text: &str, folder: &Path) -> Scenario {
    support::load_in(folder, text, &[])
        .unwrap_or_else(|errors| panic!("the swarm writes only sound scenarios:\n{errors}"))
}

/// How many records met each fate, over all seeds.
type Fates = BTreeMap<&'static str, u64>;

/// Everything that one scenario is asked; the seed decides where it stops on the way.
fn try_scenario(text: &str, seed: u64, folder: &Path, fates: &mut Fates) {
    let scenario = load(text, folder);
    let outcome = support::run::<true>(&scenario, 0);
    laws::check(&scenario, &outcome);
    check_reports(&scenario, &outcome);
    check_other_ways_to_run(&scenario, &outcome, seed);
    for (fate, count) in outcome.ledger.accounts.iter().flat_map(|account| &account.fates) {
        *fates.entry(fate).or_default() += count;
    }
}

/// The result adds up, can be read back, and every format can show it.
fn check_reports(scenario: &Scenario, outcome: &Outcome) {
    let checked = LoadCheck::of(scenario);
    assert!(checked.rows.iter().all(|row| row.mean.is_finite() && row.allowed >= 0.0), "{:#?}", checked.rows);
    let result = RunResult::new(scenario, std::slice::from_ref(outcome), scenario.billing.book()).unwrap();
    for account in &result.ledger {
        assert_eq!(account.entered.values().sum::<u64>(), account.fates.values().sum::<u64>(), "{account:?}");
    }
    for line in &result.cost.bill.lines {
        assert!(line.quantity.is_sign_positive() || line.quantity.is_zero(), "{line:?}");
    }
    for row in &result.latency {
        let parts: f64 = row.parts.get("mean_ms").map_or(0.0, |parts| parts.values().flatten().sum());
        let mean = row.mean_ms.unwrap_or(parts);
        assert!((parts - mean).abs() <= 1e-4 * mean.max(0.01), "{row:?}");
    }
    let bytes = json::render(&result).unwrap();
    let read: RunResult = serde_json::from_str(&bytes).unwrap();
    assert_eq!(json::render(&read).unwrap(), bytes);
    let screen = terminal::render(&result, None, terminal::Screen::PLAIN);
    assert!(!screen.is_empty() && !markdown::render(&result).is_empty());
    assert!(!csv::tables(&result).is_empty() && !csv::timeseries(scenario, outcome).is_empty());
}

/// Measuring everything, and stopping on the way, change nothing.
fn check_other_ways_to_run(scenario: &Scenario, outcome: &Outcome, seed: u64) {
    let lean = support::run::<false>(scenario, 0);
    assert_eq!((lean.fingerprint, lean.events, lean.end), (outcome.fingerprint, outcome.events, outcome.end));
    assert_eq!(lean.ledger, outcome.ledger);
    let mut choice = Choice::new(seed, "steps");
    let mut pipeline = Pipeline::<false>::new(scenario, &Prepared::new(scenario), 0);
    let mut at = 0;
    while at < outcome.end {
        at = outcome.end.min(at + 1 + (outcome.end as f64 * choice.spread(1e-5, 0.2)) as Nanos);
        pipeline.run_until(at);
        assert!(pipeline.now() <= at);
    }
    assert_eq!((pipeline.fingerprint(), pipeline.counts()), (outcome.fingerprint, outcome.events));
    if scenario.study == Study::Terminating && scenario.end == End::Drain {
        check_nothing_is_left(scenario, outcome, pipeline);
    }
}

/// A finished run has nothing left to do.
fn check_nothing_is_left(scenario: &Scenario, outcome: &Outcome, mut finished: Pipeline<false>) {
    finished.run_until(END_OF_TIME);
    assert_eq!(finished.fingerprint(), outcome.fingerprint);
    let removals = |action: &Action| {
        matches!(action, Action::Fault(Part::Polling(_) | Part::Function(_), Fault::Removal))
    };
    // A poll that was due may still come, and finds that its reader has gone.
    if !scenario.timeline.iter().any(|planned| removals(&planned.action)) {
        assert_eq!(finished.counts(), outcome.events);
    }
}

/// The seeds that are asked for by the environment; nothing for those of the suite.
fn asked() -> Option<Range<u64>> {
    let written = std::env::var("STREAMGAUGE_SWARM").ok()?;
    let number = |text: &str| {
        text.trim().parse::<u64>().expect("STREAMGAUGE_SWARM is a number, or a range such as 17..18")
    };
    Some(match written.split_once("..") {
        Some((from, to)) => number(from)..number(to),
        None => 0..number(&written),
    })
}

fn seeds() -> Range<u64> {
    asked().unwrap_or(0..SEEDS)
}

/// Writes the scenarios into a folder, for the command line.
fn keep(folder: &Path) {
    std::fs::create_dir_all(folder).unwrap();
    write_inputs(folder);
    for seed in seeds() {
        std::fs::write(folder.join(format!("swarm-{seed}.yaml")), text(seed)).unwrap();
    }
}

/// Failures after which the swarm stops.
const FAILURES_MAX: usize = 20;

#[test]
fn whatever_the_language_says_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    write_inputs(folder.path());
    if let Some(kept) = std::env::var_os("STREAMGAUGE_SWARM_TO") {
        return keep(Path::new(&kept));
    }
    let mut fates = Fates::new();
    let mut failed = Vec::new();
    for seed in seeds() {
        let tried =
            catch_unwind(AssertUnwindSafe(|| try_scenario(&text(seed), seed, folder.path(), &mut fates)));
        if tried.is_err() {
            eprintln!("seed {seed} failed, whose scenario is:\n{}", text(seed));
            eprintln!(
                "repeat it with: STREAMGAUGE_SWARM={seed}..{} cargo test --locked --test swarm\n",
                seed + 1
            );
            failed.push(seed);
        }
        if failed.len() == FAILURES_MAX {
            break;
        }
    }
    assert!(failed.is_empty(), "these seeds failed: {failed:?}");
    if asked().is_none() {
        check_met(&fates, &FATES);
        let listed = |fate: &str| FATES.contains(&fate) || rare::FATES.contains(&fate);
        let met = fates.iter().filter(|(_, count)| **count > 0).map(|(fate, _)| fate);
        let unlisted: Vec<_> = met.filter(|fate| !listed(fate)).collect();
        assert!(unlisted.is_empty(), "the lists of fates lack {unlisted:?}");
    }
}

#[test]
fn what_seldom_happens_is_accounted_for() {
    let folder = tempfile::tempdir().unwrap();
    let mut fates = Fates::new();
    for (seed, text) in (0..).zip(rare::SCENARIOS) {
        try_scenario(text, seed, folder.path(), &mut fates);
    }
    check_met(&fates, &rare::FATES);
}

#[track_caller]
fn check_met(fates: &Fates, wanted: &[&str]) {
    let missing: Vec<_> =
        wanted.iter().filter(|fate| fates.get(*fate).is_none_or(|count| *count == 0)).collect();
    assert!(missing.is_empty(), "no record meets {missing:?}: {fates:#?}");
}

/// The fates of the ledger that records of the suite's seeds meet: a generator that no longer draws what leads to one says so.
const FATES: [&str; 31] = [
    "accepted",
    "active_partition_exceeded",
    "after_removal",
    "applied_unheard",
    "before_start",
    "buffered",
    "call_refused",
    "cancelled",
    "condition_failed",
    "conversion_failed",
    "dead_letter",
    "deduplicated",
    "delivered",
    "discarded",
    "dropped_by_transform",
    "expired",
    "filtered",
    "given_up",
    "in_hand",
    "not_captured",
    "not_due",
    "on_failure",
    "processed",
    "processing_failed",
    "published",
    "replicated",
    "too_large",
    "transform_failed",
    "transforming",
    "waiting",
    "waiting_for_retry",
];
