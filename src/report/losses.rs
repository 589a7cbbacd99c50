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
    /// Until when the first of them can be read again where they came from, simulated seconds, if only pointers to them lie there.
    pub readable_until_s: Option<f64>,
    /// Records.
    pub records: u64,
}

/// What was set aside, by account and fate.
pub(super) fn set_aside(result: &RunResult) -> Vec<SetAside<'_>> {
    let fates =
        result.ledger.iter().flat_map(|account| account.fates.iter().map(move |fate| (account, fate)));
    let aside = fates.filter_map(|(account, (fate, records))| match meaning(fate) {
        Some(Meaning::Aside(place)) if *records > 0 => {
            let readable_until_s = readable_until(result, &account.path, fate);
            Some(SetAside { path: &account.path, fate, place, records: *records, readable_until_s })
        }
        _ => None,
    });
    aside.collect()
}

/// Until when the first record of this fate can be read where it came from, where only pointers are kept (LAM-E5).
fn readable_until(result: &RunResult, path: &str, fate: &str) -> Option<f64> {
    let of_it = result.losses.iter().filter(|row| row.path == path && row.fate == fate);
    of_it.filter_map(|row| row.readable_until_s).reduce(f64::min)
}

/// When the first record of this fate was lost, and why.
fn since(result: &RunResult, path: &str, fate: &str) -> String {
    let of_it = result.losses.iter().filter(|row| row.path == path && row.fate == fate);
    let first =
        of_it.min_by(|one, other| one.first_s.unwrap_or(0.0).total_cmp(&other.first_s.unwrap_or(0.0)));
    let Some((row, at)) = first.and_then(|row| Some((row, row.first_s?))) else { return String::new() };
    format!(" from {} on ({})", words::milliseconds(at * 1e3), row.cause)
}

/// Every loss with its place, and what lies aside, against the writes that were offered; without a full stop.
pub(super) fn sentence(result: &RunResult) -> String {
    let offered: u64 = result.producers.iter().map(|producer| producer.offered).sum();
    let mut lost = Vec::new();
    for account in &result.ledger {
        let losses = account.fates.iter().filter(|(name, _)| meaning(name) == Some(Meaning::Lost));
        for (name, count) in losses.filter(|(_, count)| **count > 0) {
            let since = since(result, &account.path, name);
            lost.push(format!(
                "{} {} at {}{since}",
                words::count(*count),
                name.replace('_', " "),
                account.path
            ));
        }
    }
    let mut aside: Vec<(&str, &str, u64)> = Vec::new();
    let mut pointers = Vec::new();
    for it in set_aside(result) {
        if let Some(until) = it.readable_until_s {
            pointers.push(format!(
                "{} only as pointers {} {}: read again before retention ends, the first by {}",
                words::count(it.records),
                it.place,
                it.path,
                words::milliseconds(until * 1e3)
            ));
            continue;
        }
        match aside.iter_mut().find(|(place, path, _)| (*place, *path) == (it.place, it.path)) {
            Some((_, _, sum)) => *sum += it.records,
            None => aside.push((it.place, it.path, it.records)),
        }
    }
    let lost = if lost.is_empty() { "nothing".to_owned() } else { lost.join(", ") };
    let aside = aside.iter().map(|(place, path, sum)| format!("{} {place} {path}", words::count(*sum)));
    let aside = aside.chain(pointers).collect::<Vec<_>>().join(", ");
    let aside = if aside.is_empty() { aside } else { format!("; {aside}") };
    format!("{lost} of {} in all replications{aside}", words::plural(offered, "write"))
}
