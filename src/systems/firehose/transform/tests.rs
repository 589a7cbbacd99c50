use super::*;
use crate::engine::time::{MILLISECOND, SECOND};
use crate::systems::lambda::concurrency::AccountPlan;

fn plan() -> TransformPlan {
    TransformPlan {
        size: 1 << 20,
        interval: 60 * SECOND,
        retries: 3,
        retry_wait: SECOND,
        concurrency: 5,
        base: SECOND,
        per_record: 0,
        spread: Sampler::Constant(1.0),
        timeout: TIMEOUT_MAX,
        memory_mib: 128,
        arm: false,
        cold_start: Sampler::Constant(0.0),
        keep_warm: 600 * SECOND,
        reserved: None,
        poison_at: Vec::new(),
        errors: 0.0,
        dropped: 0.0,
        failed: 0.0,
        size_ratio: 1.0,
    }
}

fn transform(plan: &TransformPlan) -> Transform {
    Transform::new(plan, &Streams::new(1, 0), "firehose.lake")
}

/// An account in which the function is alone.
fn account() -> Account {
    Account::new(&AccountPlan { concurrency: 1_000, others: 0 }, 0)
}

fn records(count: u32, bytes: u32) -> Vec<Record> {
    (0..count).map(|key| Record { written: 0, appended: 0, bytes, key, flags: 0 }).collect()
}

/// Runs what is asked for in the order of its times; what came back, with its moment, and whether it was given up.
fn run(
    transform: &mut Transform,
    account: &mut Account,
    looks: Vec<(Nanos, Look)>,
) -> Vec<(Nanos, usize, bool)> {
    let (mut looks, mut back) = (looks, Vec::new());
    while !looks.is_empty() {
        let first = (0..looks.len()).min_by_key(|place| looks[*place].0).unwrap();
        let (now, look) = looks.remove(first);
        match look {
            Look::Buffer(shard) => transform.look(now, shard, (account, &mut looks)),
            Look::Invocation(slot) => match transform.returned(now, slot, (account, &mut looks)) {
                Returned::Later => {}
                Returned::Back(batch) => back.push((now, batch.records.len(), false)),
                Returned::GivenUp(batch) => back.push((now, batch.records.len(), true)),
            },
        }
    }
    back
}

#[test]
fn fh_t1_a_batch_is_sent_when_it_is_full_or_its_first_record_has_waited() {
    let mut account = account();
    let (mut transform, mut looks) = (transform(&plan()), Vec::new());
    // 11 records of 100,000 bytes are the first to reach 1 MiB.
    transform.take(0, 0, &records(15, 100_000), (&mut account, &mut looks));
    assert_eq!(run(&mut transform, &mut account, looks), [(SECOND, 11, false), (61 * SECOND, 4, false)]);
    assert_eq!((transform.meter.invocations, transform.in_hand()), (2, 0));
}

#[test]
fn fh_q12_five_invocations_of_a_shard_are_under_way_at_most() {
    let mut account = account();
    let (mut transform, mut looks) = (transform(&plan()), Vec::new());
    transform.take(0, 0, &records(12, 1 << 20), (&mut account, &mut looks));
    transform.take(0, 1, &records(5, 1 << 20), (&mut account, &mut looks));
    assert_eq!((transform.meter.concurrency_max, transform.queued()), (10, 7));
    let back = run(&mut transform, &mut account, looks);
    let at = |second: u64| back.iter().filter(|(now, ..)| *now == second * SECOND).count();
    assert_eq!([1, 2, 3].map(at), [10, 5, 2]);
}

#[test]
fn fh_t3_a_batch_that_fails_is_tried_three_times_more_and_then_given_up_whole() {
    let mut account = account();
    let (mut transform, mut looks) = (transform(&plan()), Vec::new());
    transform.fail_until(100 * SECOND);
    transform.take(0, 0, &records(1, 2 << 20), (&mut account, &mut looks));
    // Four runs of a second each with three waits of a second between them.
    assert_eq!(run(&mut transform, &mut account, looks), [(7 * SECOND, 1, true)]);
    let TransformMeter { invocations, retried, errors, failed, .. } = transform.meter;
    assert_eq!((invocations, retried, errors, failed), (4, 3, 4, 1));
}

#[test]
fn fh_t2_six_mib_of_base64_and_five_minutes_are_the_most() {
    let mut account = account();
    assert_eq!((base64_bytes(1), base64_bytes(3), base64_bytes(3 << 20)), (4, 4, 4 << 20));
    // 2 MiB that come back three times as large are 8 MiB in base64.
    let mut large = transform(&TransformPlan { size_ratio: 3.0, retries: 0, ..plan() });
    let mut looks = Vec::new();
    large.take(0, 0, &records(2, 1 << 20), (&mut account, &mut looks));
    assert_eq!(large.meter.too_large, 0, "1 MiB a batch, three of them, are 4 MiB");
    let mut large = transform(&TransformPlan { size: 2 << 20, size_ratio: 3.0, retries: 0, ..plan() });
    let mut looks = Vec::new();
    large.take(0, 0, &records(2, 1 << 20), (&mut account, &mut looks));
    assert_eq!(run(&mut large, &mut account, looks), [(SECOND, 2, true)]);
    assert_eq!(large.meter.too_large, 1);
    let mut slow = transform(&TransformPlan { per_record: 301 * SECOND, retries: 0, ..plan() });
    let mut looks = Vec::new();
    slow.take(0, 0, &records(1, 1 << 20), (&mut account, &mut looks));
    assert_eq!(run(&mut slow, &mut account, looks), [(300 * SECOND, 1, true)]);
    assert_eq!((slow.meter.timeouts, slow.meter.billed_millis), (1, [300_000, 0]));
}

#[test]
fn fh_t3_each_record_comes_back_ok_dropped_or_failed() {
    let mut transform = transform(&TransformPlan { dropped: 0.3, failed: 0.1, size_ratio: 0.5, ..plan() });
    let mut counts = [0_u32; 3];
    for mut record in records(20_000, 1_000) {
        let verdict = transform.verdict(&mut record);
        counts[verdict as usize] += 1;
        assert_eq!(record.bytes, if verdict == Verdict::Ok { 500 } else { 1_000 });
    }
    let [ok, dropped, failed] = counts.map(|count| f64::from(count) / 20_000.0);
    assert!((ok - 0.6).abs() < 0.02 && (dropped - 0.3).abs() < 0.02 && (failed - 0.1).abs() < 0.01);
    let mut again = records(1, 1_000)[0];
    let first = transform.verdict(&mut again.clone());
    assert_eq!(transform.verdict(&mut again), first, "a copy of a change fares alike");
    let mut account = account();
    let (mut quick, mut looks) = (self::transform(&plan()), Vec::new());
    quick.take(5 * MILLISECOND, 0, &records(1, 10), (&mut account, &mut looks));
    assert_eq!((quick.in_hand(), quick.queued()), (1, 0));
}

/// An account with room for two: five invocations of a shard are under way, and three of them are refused at each try.
#[test]
fn fh_t3_lam_c6_a_refusal_is_a_failed_try_and_runs_nothing() {
    let mut account = Account::new(&AccountPlan { concurrency: 100, others: 98 }, 0);
    // What runs takes longer than all tries of what is refused.
    let plan = TransformPlan { base: 10 * SECOND, ..plan() };
    let (mut transform, mut looks) = (transform(&plan), Vec::new());
    transform.take(0, 0, &records(5, 1 << 20), (&mut account, &mut looks));
    let back = run(&mut transform, &mut account, looks);
    // Four tries with three waits of a second between them.
    let given_up = (3 * SECOND, 1, true);
    assert_eq!(back, [given_up, given_up, given_up, (10 * SECOND, 1, false), (10 * SECOND, 1, false)]);
    let meter = transform.meter;
    assert_eq!((meter.invocations, meter.retried, meter.throttled, meter.given_up), (2, 0, [12, 0, 0], 3));
    assert_eq!((meter.concurrency_max, meter.billed_millis), (2, [20_000, 0]));
    let mut other = Share::new(None);
    let mut warm = Environments::new(SECOND);
    assert!(account.start(10 * SECOND, &mut other, &mut warm).is_ok(), "what has ended is free again");
}

/// Each of five batches at a time needs an environment of its own; the next five find them warm.
#[test]
fn lam_l2_a_transforming_function_starts_cold_where_no_environment_is_idle() {
    let mut account = account();
    let plan = TransformPlan { cold_start: Sampler::Constant((2 * SECOND) as f64), ..plan() };
    let (mut transform, mut looks) = (transform(&plan), Vec::new());
    transform.take(0, 0, &records(10, 1 << 20), (&mut account, &mut looks));
    let back = run(&mut transform, &mut account, looks);
    let at = |second: u64| back.iter().filter(|(now, ..)| *now == second * SECOND).count();
    assert_eq!(([3, 4].map(at), transform.meter.cold_starts), ([5, 5], 5));
    assert_eq!(transform.meter.billed_millis, [5 * 3_000 + 5 * 1_000, 0]);
    // Left alone for longer than they are kept.
    let mut looks = Vec::new();
    transform.take(700 * SECOND, 0, &records(1, 1 << 20), (&mut account, &mut looks));
    assert_eq!(transform.meter.cold_starts, 6);
}
