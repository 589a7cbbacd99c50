//! What each way to repair order and duplicates comes to.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ordering::Spread;
use crate::engine::histogram::Histogram;
use crate::measure::repair::{PLAIN, Repairs, WINDOWS};
use crate::report::number::{rounded, share};

/// The buffer whose window is given or sought.
const REORDER: &str = "reorder_buffer";

/// The buffer of what has been seen, by which second copies are known.
const DEDUPE: &str = "dedupe_buffer";

/// Repaired shares of late records, or dropped shares of second copies, of 10,000, for which the smallest buffer is sought.
const AIMS: [u64; 3] = [9_900, 9_999, 10_000];

/// A last-writer-wins copy under one strategy. Counts are summed over replications. A reorder buffer holds every record for
/// `window_s` after its arrival and applies what it holds of an item in the order of creation times.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct RepairRow {
    /// `none`, `drop_duplicates`, `compare_timestamps` (by item; an equal time is applied, KDC-3), `compare_sequence_numbers` (by item),
    /// `reorder_buffer`, `sequence_buffer`: the smallest one after which an item's records have the order of their sequence numbers, or
    /// `dedupe_buffer`: the smallest one of identities seen by which so many second copies are known and dropped.
    pub strategy: String,
    /// The share of late records that this buffer is the smallest to repair, or of second copies to drop, for buffers that were sought
    /// so. Their span is exact to 0.2 %, and null when no buffer does it, because creation times are equal.
    pub aim: Option<f64>,
    /// How long the buffer holds a record, or remembers its identity, seconds.
    pub window_s: Option<f64>,
    /// Items whose copy does not end with their newest change in the stream; warm-up and all that was still written afterwards included.
    pub wrong_final_states: Option<u64>,
    /// Their share of the items with a change in the stream.
    pub wrong_share: Option<f64>,
    /// The share of measured late records, late copies included, that were not applied over a newer state; of a `dedupe_buffer`, the
    /// share of second copies that it drops.
    pub repaired_share: Option<f64>,
    /// What the strategy adds to the latency of every record that is not late, milliseconds.
    pub added_latency_ms: Option<f64>,
    /// Records in the buffer in the mean: arrivals per second times the window (Little's law).
    pub buffer_entries_mean: Option<f64>,
    /// How long copies showed an older state, where that ended; not followed for buffers. Pooled over replications.
    pub pooled_stale_ms: Option<Spread>,
}

impl RepairRow {
    /// The strategy with its window, as a word for columns.
    pub fn label(&self) -> String {
        match (self.aim, self.window_s) {
            (Some(aim), _) => format!("{}_for_{}", self.strategy, aim),
            (None, Some(window)) if self.strategy == REORDER => format!("{}_{window}s", self.strategy),
            _ => self.strategy.clone(),
        }
    }
}

/// The rows of one feed, to which so many records a second come, and second copies so long after the first ones (microseconds).
pub fn rows(each: &[&Repairs], duplicates: &Histogram, records_per_s: f64) -> Vec<RepairRow> {
    let mut all = Repairs::default();
    each.iter().for_each(|repairs| all.merge(repairs));
    let plain = PLAIN.iter().enumerate().map(|(which, name)| RepairRow {
        strategy: (*name).to_owned(),
        aim: None,
        window_s: None,
        wrong_final_states: Some(all.wrong[which]),
        wrong_share: share(all.wrong[which], all.items).and_then(rounded),
        repaired_share: share(all.kept_out[which], all.late).and_then(rounded),
        added_latency_ms: Some(0.0),
        buffer_entries_mean: None,
        pooled_stale_ms: Some(Spread::of(&all.stale_micros[which], 1e3)),
    });
    let fixed = WINDOWS.iter().zip(all.within).map(|(window, within)| (None, Some((*window, within))));
    let sought = AIMS.iter().map(|aim| (rounded(*aim as f64 / 1e4), all.smallest_window(*aim)));
    // Where nothing is late, no buffer is needed and none is sought.
    let sought = sought.filter(|_| all.late > 0);
    let buffers = fixed.chain(sought).map(|(aim, found)| buffer(&all, records_per_s, aim, found));
    let by_sequence = by_sequence(&all, records_per_s);
    let seen = AIMS.iter().filter_map(|aim| dedupe(duplicates, records_per_s, *aim));
    plain.chain([by_sequence.0]).chain(buffers).chain(by_sequence.1).chain(seen).collect()
}

/// The smallest buffer of identities seen that drops so many of 10,000 second copies; nothing where there are none.
fn dedupe(gaps: &Histogram, records_per_s: f64, of_10_000: u64) -> Option<RepairRow> {
    let copies = gaps.count();
    let (window, dropped) = gaps.cover((copies * of_10_000).div_ceil(10_000)).filter(|_| copies > 0)?;
    Some(RepairRow {
        strategy: DEDUPE.to_owned(),
        aim: rounded(of_10_000 as f64 / 1e4),
        window_s: rounded(window as f64 / 1e6),
        wrong_final_states: None,
        wrong_share: None,
        repaired_share: share(dropped, copies).and_then(rounded),
        added_latency_ms: Some(0.0),
        buffer_entries_mean: rounded(records_per_s * window as f64 / 1e6),
        pooled_stale_ms: None,
    })
}

/// What ordering by sequence numbers comes to: comparing them, and the smallest buffer that sorts by them, where something is late.
fn by_sequence(all: &Repairs, records_per_s: f64) -> (RepairRow, Option<RepairRow>) {
    let by = &all.by_sequence;
    let comparing = RepairRow {
        strategy: "compare_sequence_numbers".to_owned(),
        aim: None,
        window_s: None,
        wrong_final_states: Some(by.wrong),
        wrong_share: share(by.wrong, all.items).and_then(rounded),
        repaired_share: share(by.kept_out, all.late).and_then(rounded),
        added_latency_ms: Some(0.0),
        buffer_entries_mean: None,
        pooled_stale_ms: Some(Spread::of(&by.stale_micros, 1e3)),
    };
    let window = by.smallest_window() as f64;
    let buffer = RepairRow {
        strategy: "sequence_buffer".to_owned(),
        window_s: rounded(window / 1e6),
        repaired_share: share(by.sorted, all.late).and_then(rounded),
        added_latency_ms: rounded(window / 1e3),
        buffer_entries_mean: rounded(records_per_s * window / 1e6),
        pooled_stale_ms: None,
        ..comparing.clone()
    };
    (comparing, (all.late > 0).then_some(buffer))
}

fn buffer(all: &Repairs, records_per_s: f64, aim: Option<f64>, found: Option<(u64, u64)>) -> RepairRow {
    let window = found.map(|(window, _)| window);
    let wrong = window.map(|window| all.wrong_with(window));
    RepairRow {
        strategy: REORDER.to_owned(),
        aim,
        window_s: window.and_then(|window| rounded(window as f64 / 1e6)),
        wrong_final_states: wrong,
        wrong_share: wrong.and_then(|wrong| share(wrong, all.items)).and_then(rounded),
        repaired_share: found.and_then(|(_, repaired)| share(repaired, all.late)).and_then(rounded),
        added_latency_ms: window.and_then(|window| rounded(window as f64 / 1e3)),
        buffer_entries_mean: window.and_then(|window| rounded(records_per_s * window as f64 / 1e6)),
        pooled_stale_ms: None,
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// A thousand second copies come 1 ms, 2 ms, ... 1 s after the first ones: to drop 99 % of them takes 990 ms, and what arrives
    /// meanwhile at 200 a second is 198 identities.
    #[test]
    fn the_smallest_dedupe_buffer_is_as_long_as_the_gap_of_so_many_second_copies() {
        let mut gaps = Histogram::default();
        (1..=1_000_u64).for_each(|millis| gaps.record(millis * 1_000));
        let row = dedupe(&gaps, 200.0, 9_900).expect("there are copies");
        let near = |found: Option<f64>, expected: f64| (found.expect("known") / expected - 1.0).abs() < 0.004;
        assert!(near(row.window_s, 0.99) && near(row.buffer_entries_mean, 198.0), "{row:?}");
        assert!(near(row.repaired_share, 0.99), "{row:?}");
        assert!(near(dedupe(&gaps, 200.0, 10_000).and_then(|row| row.window_s), 1.0));
        assert_eq!(dedupe(&Histogram::default(), 200.0, 9_900), None);
    }
}
