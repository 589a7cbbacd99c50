//! What was lost, and what did not arrive but lies somewhere, in one sentence.

use super::result::RunResult;
use super::words;
use crate::measure::fate::{Meaning, meaning};

/// Every loss with its place, and what lies aside, against the writes that were offered; without a full stop.
pub(super) fn sentence(result: &RunResult) -> String {
    let offered: u64 = result.producers.iter().map(|producer| producer.offered).sum();
    let (mut lost, mut aside) = (Vec::new(), Vec::new());
    for account in &result.ledger {
        let mut places: Vec<(&str, u64)> = Vec::new();
        for (name, count) in account.fates.iter().filter(|(_, count)| **count > 0) {
            match meaning(name) {
                Some(Meaning::Lost) => {
                    lost.push(format!(
                        "{} {} at {}",
                        words::count(*count),
                        name.replace('_', " "),
                        account.path
                    ));
                }
                Some(Meaning::Aside(place)) => match places.iter_mut().find(|(found, _)| *found == place) {
                    Some((_, sum)) => *sum += count,
                    None => places.push((place, *count)),
                },
                _ => {}
            }
        }
        let words = |(place, count): (&str, u64)| format!("{} {place} {}", words::count(count), account.path);
        aside.extend(places.into_iter().map(words));
    }
    let lost = if lost.is_empty() { "nothing".to_owned() } else { lost.join(", ") };
    let aside = if aside.is_empty() { String::new() } else { format!("; {}", aside.join(", ")) };
    format!("{lost} of {} writes in all replications{aside}", words::count(offered))
}
