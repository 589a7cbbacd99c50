//! What happened to the pipeline itself: planned events, and what services did by themselves.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};
use std::collections::BTreeSet;

use crate::pipeline::finish::Outcome;
use crate::report::number::rounded;
use crate::scenario::path::resource;

/// One thing that happened in replication 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct EventRow {
    /// When, simulated seconds.
    pub at_s: Option<f64>,
    /// To what: a path such as `kinesis.changes`.
    pub path: String,
    /// What, in words.
    pub what: String,
    /// The planned event that it is a part of; null where the service acted by itself.
    pub event: Option<String>,
}

/// All rows of replication 0, in order of time. A last one without a time says how many more there were.
pub fn rows(outcomes: &[Outcome]) -> Vec<EventRow> {
    let Some(outcome) = outcomes.first() else { return Vec::new() };
    let row = |entry: &crate::measure::timeline::Entry| EventRow {
        at_s: rounded(entry.at as f64 / 1e9),
        path: entry.place.clone(),
        what: entry.what.clone(),
        event: entry.event.clone(),
    };
    let mut rows: Vec<EventRow> = outcome.timeline.entries().iter().map(row).collect();
    if outcome.timeline.left_out() > 0 {
        let what = format!("{} more are not listed", outcome.timeline.left_out());
        rows.push(EventRow { at_s: None, path: String::new(), what, event: None });
    }
    rows
}

/// A sentence on each planned event that was refused: what it was planned for did not happen.
pub fn refusals(outcomes: &[Outcome]) -> Vec<String> {
    let all = || outcomes.iter().flat_map(|outcome| outcome.timeline.refusals());
    let mut seen = BTreeSet::new();
    let first: Vec<_> = all().filter(|(event, _)| seen.insert(event)).collect();
    let sentence = |(event, why): &(String, String)| {
        let refused = |outcome: &&Outcome| outcome.timeline.refusals().iter().any(|(name, _)| name == event);
        let times = outcomes.iter().filter(refused).count();
        let of = match outcomes.len() {
            1 => String::new(),
            all => format!(" in {times} of {all} replications"),
        };
        format!("The planned {} was refused{of}: {why}", resource("events", event))
    };
    first.into_iter().map(sentence).collect()
}
