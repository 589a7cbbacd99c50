//! What was lost, and what did not arrive but lies somewhere for somebody to look at, in words.

use super::result::RunResult;
use super::words;
use crate::measure::fate::{Meaning, meaning};

/// Records that were set aside at one place.
pub(super) struct SetAside<'a> {
    /// By whom: a path such as `consumers.search`.
    pub path: &'a str,
    /// The ledger's fate.
    pub fate: &'a str,
    /// Where they lie, up to the path.
    pub place: &'static str,
    /// Records.
    pub records: u64,
}

/// What was set aside, by account and fate.
pub(super) fn set_aside(result: &RunResult) -> Vec<SetAside<'_>> {
    let fates =
        result.ledger.iter().flat_map(|account| account.fates.iter().map(move |fate| (account, fate)));
    let aside = fates.filter_map(|(account, (fate, records))| match meaning(fate) {
        Some(Meaning::Aside(place)) if *records > 0 => {
            Some(SetAside { path: &account.path, fate, place, records: *records })
        }
        _ => None,
    });
    aside.collect()
}

/// Every loss with its place, and what lies aside, against the writes that were offered; without a full stop.
pub(super) fn sentence(result: &RunResult) -> String {
    let offered: u64 = result.producers.iter().map(|producer| producer.offered).sum();
    let mut lost = Vec::new();
    for account in &result.ledger {
        let losses = account.fates.iter().filter(|(name, _)| meaning(name) == Some(Meaning::Lost));
        for (name, count) in losses.filter(|(_, count)| **count > 0) {
            lost.push(format!("{} {} at {}", words::count(*count), name.replace('_', " "), account.path));
        }
    }
    let mut aside: Vec<(&str, &str, u64)> = Vec::new();
    for it in set_aside(result) {
        match aside.iter_mut().find(|(place, path, _)| (*place, *path) == (it.place, it.path)) {
            Some((_, _, sum)) => *sum += it.records,
            None => aside.push((it.place, it.path, it.records)),
        }
    }
    let lost = if lost.is_empty() { "nothing".to_owned() } else { lost.join(", ") };
    let aside = aside.iter().map(|(place, path, sum)| format!("{} {place} {path}", words::count(*sum)));
    let aside = aside.collect::<Vec<_>>().join(", ");
    let aside = if aside.is_empty() { aside } else { format!("; {aside}") };
    format!("{lost} of {} in all replications{aside}", words::plural(offered, "write"))
}
