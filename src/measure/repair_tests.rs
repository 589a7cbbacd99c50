//! The strategies against a model that plays each of them record by record.

use super::super::copies::{COMPARE, NONE};
use super::*;

/// A small generator for tests (Knuth's MMIX constants).
struct Dice(u64);

impl Dice {
    fn roll(&mut self, sides: u64) -> u64 {
        self.0 = self.0.wrapping_mul(6_364_136_223_846_793_005).wrapping_add(1_442_695_040_888_963_407);
        (self.0 >> 33) % sides
    }
}

/// One record of a recorded feed.
#[derive(Clone, Copy, Debug)]
struct Sent {
    key: u32,
    version: u32,
    created: Micros,
    arrived: Micros,
    twice: bool,
}

/// Changes of a few items with random delays and second copies, in the order of arrival; arrivals differ.
fn feed(seed: u64, gap: u64, delay: u64, copies: u64) -> Vec<Sent> {
    let mut dice = Dice(seed);
    let mut versions = [0; 5];
    let mut sent = Vec::new();
    let mut created = 1;
    for _ in 0..200 {
        created += 1 + dice.roll(gap);
        let key = dice.roll(5) as usize;
        versions[key] += 1;
        let twice = copies > 0 && dice.roll(copies) == 0;
        for _ in 0..=usize::from(twice) {
            let arrived = created + dice.roll(delay + 1);
            sent.push(Sent { key: key as u32, version: versions[key], created, arrived, twice });
        }
    }
    sent.sort_by_key(|record| record.arrived);
    let mut last = 0;
    for record in &mut sent {
        record.arrived = record.arrived.max(last + 1);
        last = record.arrived;
    }
    sent
}

fn observed(sent: &[Sent], precision: Micros) -> Repairs {
    let mut repair = Repair::new(precision, Sample::default());
    let mut newest = [0; 5];
    for &Sent { key, version, created, arrived, twice } in sent {
        let before = newest[key as usize];
        newest[key as usize] = before.max(version);
        let arrival = Arrival { key, version, newest: before, created, arrived, twice, counted: true };
        repair.note(&arrival);
    }
    repair.finish()
}

/// What a strategy applies of one item, in its order: versions.
fn applied(sent: &[Sent], key: u32, strategy: usize, precision: Micros, window: Option<Micros>) -> Vec<Sent> {
    let mut applied: Vec<Sent> = Vec::new();
    let mut waiting: Vec<Sent> = Vec::new();
    let cut = |record: &Sent| record.created / precision;
    for record in sent.iter().filter(|record| record.key == key) {
        match (window, strategy) {
            (Some(window), _) => {
                release(&mut waiting, &mut applied, record.arrived, window, precision);
                waiting.push(*record);
            }
            (None, 1) if applied.iter().any(|other| other.version == record.version) => {}
            (None, 2) if applied.last().is_some_and(|last| cut(record) < cut(last)) => {}
            (None, _) => applied.push(*record),
        }
    }
    if let Some(window) = window {
        release(&mut waiting, &mut applied, Micros::MAX, window, precision);
    }
    applied
}

/// Applies all that is due before `now`, one after the other, each after what waits with an earlier creation time.
fn release(waiting: &mut Vec<Sent>, applied: &mut Vec<Sent>, now: Micros, window: Micros, precision: Micros) {
    loop {
        let due =
            waiting.iter().filter(|record| record.arrived + window < now).min_by_key(|record| record.arrived);
        let Some(due) = due.copied() else { return };
        waiting.sort_by_key(|record| (record.created / precision, record.arrived));
        let place = waiting.iter().position(|record| record.arrived == due.arrived).unwrap();
        applied.extend(waiting.drain(..=place));
    }
}

/// Wrong final states, records applied over a newer state, and for how long in all.
fn played(
    sent: &[Sent],
    strategy: usize,
    precision: Micros,
    window: Option<Micros>,
) -> (u64, u64, Vec<Micros>) {
    let (mut wrong, mut harmful, mut stale) = (0, 0, Vec::new());
    for key in 0..5 {
        let newest = sent.iter().filter(|record| record.key == key).map(|record| record.version).max();
        let applied = applied(sent, key, strategy, precision, window);
        wrong += u64::from(applied.last().map(|last| last.version) != newest);
        let (mut highest, mut since) = (0, None);
        for record in applied {
            harmful += u64::from(record.version < highest);
            highest = highest.max(record.version);
            if record.version < highest {
                since.get_or_insert(record.arrived);
            } else if let Some(since) = since.take() {
                // A buffer applies out of the order of arrival; there it says nothing.
                stale.push(record.arrived.saturating_sub(since));
            }
        }
    }
    stale.sort_unstable();
    (wrong, harmful, stale)
}

/// Creation times an item, delays, copies, precision: crowded and sparse, with and without ties.
const FEEDS: [(u64, u64, u64, Micros); 7] = [
    (50, 2_000, 0, 1),
    (50, 2_000, 4, 1),
    (400, 20_000, 3, 1_000),
    (2_000, 3_000, 2, 1_000),
    (5_000, 60_000, 5, 1),
    (100, 300_000, 2, 1_000),
    (20_000, 1_500_000, 3, 1_000),
];

fn each(mut look: impl FnMut(&[Sent], Micros, &Repairs)) {
    for (gap, delay, copies, precision) in FEEDS {
        for seed in 0..30 {
            let sent = feed(seed, gap, delay, copies);
            look(&sent, precision, &observed(&sent, precision));
        }
    }
}

#[test]
fn kdc_3_plain_strategies_come_to_what_playing_them_comes_to() {
    each(|sent, precision, repairs| {
        let (_, late, _) = played(sent, 0, precision, None);
        assert_eq!(repairs.late, late);
        for strategy in 0..3 {
            let (wrong, harmful, stale) = played(sent, strategy, precision, None);
            assert_eq!(repairs.wrong[strategy], wrong, "{strategy}");
            assert_eq!(repairs.kept_out[strategy], late - harmful, "{strategy}");
            let mut expected = Histogram::default();
            stale.iter().for_each(|micros| expected.record(*micros));
            assert_eq!(repairs.stale_micros[strategy], expected, "{strategy}");
        }
    });
}

#[test]
fn buffers_of_any_window_come_to_what_playing_them_comes_to() {
    each(|sent, precision, repairs| {
        for (which, window) in WINDOWS.into_iter().enumerate() {
            let (wrong, harmful, _) = played(sent, 0, precision, Some(window));
            assert_eq!(repairs.within[which], repairs.late - harmful, "{window}");
            assert_eq!(repairs.wrong_with(window), wrong, "{window}");
        }
        for window in [0, 17, 300, 1_000, 2_500, 40_000, 700_000] {
            let (wrong, _, _) = played(sent, 0, precision, Some(window));
            assert_eq!(repairs.wrong_with(window), wrong, "{window}");
        }
        for aim in [5_000, 9_000, 9_999, 10_000] {
            let Some((window, repaired)) = repairs.smallest_window(aim) else { continue };
            let (_, harmful, _) = played(sent, 0, precision, Some(window));
            assert_eq!(repaired, repairs.late - harmful);
            assert!(repaired * 10_000 >= repairs.late * aim);
            // One percent less is not enough, where the window is longer than the histogram's resolution.
            if window > 1_000 && repairs.late > 0 {
                let (_, harmful, _) = played(sent, 0, precision, Some(window - window / 100));
                assert!((repairs.late - harmful) * 10_000 < repairs.late * aim, "{window} for {aim}");
            }
        }
    });
}

#[test]
fn kdc_3_comparing_distinct_times_repairs_every_final_state() {
    each(|sent, precision, repairs| {
        if precision == 1 {
            assert_eq!((repairs.wrong[COMPARE], repairs.kept_out[COMPARE]), (0, repairs.late));
        }
        let all = observed(sent, 1);
        assert_eq!((all.wrong[COMPARE], all.kept_out[COMPARE]), (0, all.late));
    });
}

#[test]
fn kdc_1_dropping_duplicates_never_repairs_disorder() {
    for seed in 0..50 {
        let repairs = observed(&feed(seed, 50, 2_000, 0), 1);
        assert!(repairs.late > 0);
        assert_eq!(repairs.kept_out[1], 0);
        assert_eq!(repairs.wrong[1], repairs.wrong[NONE]);
    }
}

/// Each item in order, but second copies come late: whoever drops them has no trouble at all.
#[test]
fn kdc_2_dropping_duplicates_repairs_late_copies() {
    let mut harmed = 0;
    for seed in 0..50 {
        let mut sent = feed(seed, 500, 0, 2);
        let mut seen = [0; 5];
        for record in &mut sent {
            let newest = &mut seen[record.key as usize];
            // The second copy comes 30 ms later.
            record.arrived = record.arrived * 10 + if record.version > *newest { 0 } else { 30_001 };
            *newest = record.version.max(*newest);
        }
        sent.sort_by_key(|record| record.arrived);
        let repairs = observed(&sent, 1);
        assert_eq!((repairs.wrong[1], repairs.kept_out[1]), (0, repairs.late));
        harmed += repairs.wrong[NONE];
    }
    assert!(harmed > 0, "without that, copies do harm");
}

#[test]
fn a_buffer_as_long_as_the_greatest_lateness_repairs_all() {
    for seed in 0..50 {
        let repairs = observed(&feed(seed, 50, 2_000, 4), 1);
        let longest = repairs.lateness.max();
        assert_eq!(repairs.wrong_with(longest), 0);
        assert_eq!(repairs.smallest_window(10_000), Some((longest, repairs.late)));
    }
}

/// A change 2 s late, after one 3 s and another 1 s before: the buffer has to reach back to the first.
#[test]
fn lateness_counts_from_the_first_newer_arrival() {
    let second = |version: u32, created: u64, arrived: u64| Sent {
        key: 0,
        version,
        created: created * 1_000_000,
        arrived: arrived * 1_000_000,
        twice: false,
    };
    let repairs = observed(&[second(1, 1, 1), second(3, 3, 3), second(4, 5, 5), second(2, 2, 6)], 1_000);
    assert_eq!((repairs.late, repairs.lateness.max()), (1, 3_000_000));
    // Its final state is already right when the last newer one, 1 s before, still waits.
    assert_eq!((repairs.wrong_with(999_999), repairs.wrong_with(1_000_000)), (1, 0));
}
