//! What never reached someone, and what was set aside for somebody to look at, in words.

use super::result::RunResult;
use super::result::identity::AccountRow;
use super::words;

/// Fates of the ledger that count as lost.
const LOST: [&str; 10] = [
    "given_up",
    "too_large",
    "call_refused",
    "not_captured",
    "dropped",
    "expired",
    "skipped",
    "discarded",
    "lost",
    "undeliverable",
];

/// Fates that are neither delivered nor lost, with where such records lie: somebody has to look after them. Of an on-failure
/// destination of a function on a stream that is where they lay, and not they (LAM-E5).
const SET_ASIDE: [(&str, &str); 7] = [
    ("on_failure", "its on-failure destination"),
    ("dead_letter", "its dead-letter queue"),
    ("transform_failed", "its error prefix"),
    ("conversion_failed", "its error prefix"),
    ("destination_failed", "its backup bucket"),
    ("active_partition_exceeded", "its error prefix"),
    ("processing_failed", "its error prefix"),
];

/// Records that were set aside at one place.
pub(super) struct SetAside<'a> {
    /// By whom: a path such as `consumers.search`.
    pub path: &'a str,
    /// The ledger's fate.
    pub fate: &'static str,
    /// Where they lie.
    pub at: &'static str,
    /// Records.
    pub records: u64,
}

/// What was set aside, place by place.
pub(super) fn set_aside(result: &RunResult) -> Vec<SetAside<'_>> {
    let of = |account: &AccountRow, fate: &str| account.fates.get(fate).copied().unwrap_or(0);
    let all = result.ledger.iter().flat_map(|account| SET_ASIDE.map(|(fate, at)| (account, fate, at)));
    let there = all.filter(|(account, fate, _)| of(account, fate) > 0);
    there
        .map(|(account, fate, at)| SetAside { path: &account.path, fate, at, records: of(account, fate) })
        .collect()
}

/// What was lost, and what was set aside, in a sentence.
pub(super) fn sentence(result: &RunResult) -> String {
    let offered: u64 = result.producers.iter().map(|producer| producer.offered).sum();
    let mut fates: Vec<String> = Vec::new();
    for account in &result.ledger {
        for name in LOST {
            let count = account.fates.get(name).copied().unwrap_or(0);
            if count > 0 {
                fates.push(format!("{} {} at {}", words::count(count), name.replace('_', " "), account.path));
            }
        }
    }
    let lost = if fates.is_empty() { "nothing".to_owned() } else { fates.join(", ") };
    let aside: Vec<String> = set_aside(result)
        .iter()
        .map(|it| format!("{} of {} ({})", words::count(it.records), it.path, it.fate.replace('_', " ")))
        .collect();
    let aside = if aside.is_empty() {
        String::new()
    } else {
        format!("; not lost but set aside: {}", aside.join(", "))
    };
    format!("{lost} of {} writes in all replications{aside}", words::count(offered))
}
