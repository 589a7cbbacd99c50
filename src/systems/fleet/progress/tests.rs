//! Progress on one shard: every record has one fate, whatever is interrupted when.

use super::*;
use crate::engine::random::Streams;
use crate::engine::time::{MILLISECOND, SECOND};

const PREFETCH: Prefetch = Prefetch { batches: 3, bytes: 8 << 20, records: 30_000 };

fn records(count: u64, bytes: u32) -> Vec<Record> {
    (0..count).map(|at| Record { written: at, appended: at, bytes, key: 0, flags: 0 }).collect()
}

#[test]
fn kwk_10_three_batches_or_eight_mib_or_30_000_records_wait_for_a_worker() {
    let batches_until_full = |records_a_batch: u64, bytes: u32| {
        let mut progress = Progress::default();
        let mut batches = 0;
        while progress.has_room(0, &PREFETCH) {
            progress.fetch(0, &records(records_a_batch, bytes), 0);
            batches += 1;
        }
        batches
    };
    assert_eq!(batches_until_full(10, 100), 3);
    assert_eq!(batches_until_full(100, 50_000), 2, "5 MB each");
    assert_eq!(batches_until_full(30_000, 10), 1);
    let mut without = Progress::default();
    let none = Prefetch { batches: 0, ..PREFETCH };
    assert!(without.has_room(0, &none));
    without.fetch(0, &records(1, 1), 0);
    assert!(!without.has_room(0, &none), "version 1 fetches when it has nothing to do");
}

/// A worker takes batch after batch of ten records, a second each, and checkpoints them.
fn process(progress: &mut Progress, batches: u64, checkpoint_first: bool) -> u64 {
    let mut done = 0;
    for batch in 0..batches {
        let now = batch * SECOND;
        assert_eq!(progress.take_batch(now), Taken::InHand);
        let (_, until) = progress.hand();
        if checkpoint_first {
            progress.save(until, now);
            progress.settle_save(now);
        }
        progress.execute(now, now + SECOND);
        let ended = progress.end(until, false);
        done += ended.fresh.len() as u64;
        progress.close(now + SECOND, Step::Idle, now + SECOND);
    }
    done
}

#[test]
fn kcl_9_kwk_12_what_was_processed_since_the_last_checkpoint_comes_again_and_is_counted_so() {
    let mut progress = Progress::default();
    for _ in 0..5 {
        progress.fetch(0, &records(10, 10), 0);
    }
    assert_eq!(process(&mut progress, 2, false), 20);
    progress.set_saved(2 * SECOND, 10);
    // The third batch is 40 % done when the worker dies.
    progress.take_batch(2 * SECOND);
    progress.execute(2 * SECOND, 3 * SECOND);
    let done = progress.done_by(2 * SECOND + 400 * MILLISECOND).unwrap();
    let ended = progress.end(done, false);
    assert_eq!((done, ended.fresh.len()), (24, 4));
    assert_eq!(progress.roll_back(3 * SECOND, Redelivery::Crash), (0, 14));
    assert_eq!(progress.sizes_to_refetch().count(), 40);
    progress.refetched(9 * SECOND, 40, 9 * SECOND);
    progress.take_batch(9 * SECOND);
    let again = progress.end(50, false);
    assert_eq!((again.repeated, again.fresh.len(), again.why), (14, 26, Redelivery::Crash));
}

#[test]
fn a_checkpoint_before_the_write_loses_the_rest_of_the_batch_and_repeats_nothing() {
    let mut progress = Progress::default();
    progress.fetch(0, &records(10, 10), 0);
    progress.take_batch(0);
    progress.save(10, 0);
    progress.settle_save(0);
    progress.execute(0, SECOND);
    let done = progress.done_by(700 * MILLISECOND).unwrap();
    assert_eq!(progress.end(done, false).fresh.len(), 7);
    assert_eq!(progress.roll_back(SECOND, Redelivery::Crash), (3, 0));
    assert_eq!(progress.unsettled().count(), 0);
}

#[test]
fn whatever_is_interrupted_each_record_is_processed_first_once_or_lost() {
    for seed in 0..300 {
        let draws = Streams::new(seed, 0).keyed("interruptions");
        let mut step = 0;
        let mut pick = |below: u64| {
            step += 1;
            draws.bits(step, 0) % below
        };
        let mut progress = Progress::default();
        let (mut read, mut fresh, mut lost, mut now) = (0, 0, 0, 0);
        for _ in 0..200 {
            now += SECOND;
            match pick(5) {
                0 if progress.has_to_refetch() => {
                    let there = progress.sizes_to_refetch().count();
                    progress.refetched(now, 1 + pick(there as u64) as usize, now);
                }
                0 => {
                    let count = 1 + pick(20);
                    progress.fetch(now, &records(count, 10), now);
                    read += count;
                }
                1 | 2 if progress.step == Step::Idle && progress.take_batch(now) == Taken::InHand => {
                    let (_, until) = progress.hand();
                    if pick(3) == 0 {
                        progress.save(until, now);
                        progress.settle_save(now);
                    }
                    progress.execute(now, now + 10 * SECOND);
                }
                3 if progress.step == Step::Executing => {
                    let (_, until) = progress.hand();
                    fresh += progress.end(until, false).fresh.len() as u64;
                    if pick(2) == 0 {
                        progress.save(until, now);
                    }
                    progress.close(now, Step::Idle, now);
                    progress.settle_save(now);
                }
                4 => {
                    if let Some(done) = progress.done_by(now) {
                        fresh += progress.end(done, false).fresh.len() as u64;
                    }
                    lost += progress.roll_back(now, Redelivery::Crash).0;
                }
                _ => {}
            }
            let left = progress.unsettled().count() as u64;
            assert_eq!(read, fresh + lost + left, "seed {seed}");
        }
    }
}
