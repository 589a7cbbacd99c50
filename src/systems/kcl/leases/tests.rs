//! Leases against the rules that AWS's documents and code give for them.

use super::*;
use crate::engine::time::{HOUR, MINUTE};

fn plan(version: &str) -> LeasePlan {
    LeasePlan {
        version: version.parse().unwrap(),
        failover: 10 * SECOND,
        graceful_shutdown: true,
        restart: MINUTE,
        by_cpu: true,
        discovery: 0,
    }
}

fn leases(version: &str, shards: usize, workers: usize, seed: u64) -> Leases {
    Leases::new(&plan(version), &Streams::new(seed, 0), "consumers.x", shards, workers)
}

/// Lets all workers, or the leader, run until then, and what is scheduled come due. Returns who began to read which shard
/// when.
fn run(leases: &mut Leases, from: Nanos, until: Nanos, bytes: &[u64]) -> Vec<(Nanos, usize, usize)> {
    let workers = leases.up.len();
    let has_leader = leases.plan.version.has_leader();
    let runners = if has_leader { 1 } else { workers };
    let mut runs: Vec<Nanos> = (0..runners).map(|worker| leases.next_run(from, worker)).collect();
    let (mut pending, mut begun): (Vec<Scheduled>, _) = (Vec::new(), Vec::new());
    loop {
        let next_run = (0..runners).min_by_key(|worker| runs[*worker]).unwrap();
        let next_due = pending.iter().enumerate().min_by_key(|(_, (_, at))| *at);
        let (now, due) = match next_due {
            Some((index, (_, at))) if *at <= runs[next_run] => (*at, Some(index)),
            _ => (runs[next_run], None),
        };
        if now > until {
            return begun;
        }
        let Some(index) = due else {
            pending.extend(if has_leader { leases.assign(now, bytes) } else { leases.take(now, next_run) });
            runs[next_run] = leases.next_run(now, next_run);
            continue;
        };
        let (shard, _) = pending.swap_remove(index);
        match leases.due(now, shard) {
            Due::Start(worker, ..) => begun.push((now, shard, worker)),
            Due::HandOver(_) => pending.extend(leases.handed_over(now, shard)),
            Due::Lost(..) => pending.extend(leases.lost(now, shard)),
            Due::Nothing => {}
        }
    }
}

#[test]
fn kwk_1_kcl_8_each_shard_has_one_lease_and_each_lease_one_worker() {
    let leases = leases("2", 10, 4, 1);
    assert_eq!(leases.held_by_worker(), [3, 3, 2, 2]);
    assert_eq!(leases.alive(), 10);
}

#[test]
fn kcl_4_kwk_2_kwk_3_a_dead_workers_shards_are_taken_within_ten_to_thirty_seconds() {
    let mut gaps = Vec::new();
    for seed in 0..200 {
        let mut leases = leases("2", 8, 4, seed);
        let died = 100 * SECOND + seed * 77 * MILLISECOND;
        let (shards, others) = leases.gone(died, 1, (false, died + HOUR));
        assert_eq!(others, []);
        assert_eq!(shards, [1, 5]);
        let begun = run(&mut leases, died, died + 2 * MINUTE, &[]);
        let first = |shard: usize| begun.iter().find(|(_, of, _)| *of == shard).unwrap().0;
        gaps.extend(shards.into_iter().map(|shard| first(shard) - died));
    }
    // It had renewed them up to 3.3 s before; another worker looks every 20 s, and begins within the next second.
    let (least, most) = (gaps.iter().min().unwrap(), gaps.iter().max().unwrap());
    assert!(*least >= 10 * SECOND - 3_309 * MILLISECOND, "{least}");
    assert!(*most <= 10 * SECOND + 20_050 * MILLISECOND + SECOND, "{most}");
}

#[test]
fn kcl_6_one_lease_at_a_time_is_stolen_every_twenty_seconds() {
    let mut leases = leases("2", 12, 3, 1);
    leases.gone(0, 2, (false, 2 * MINUTE));
    let from = 2 * MINUTE;
    run(&mut leases, 0, from, &[]);
    assert_eq!(leases.held_by_worker(), [6, 6, 0]);
    leases.back(from, 2, 0);
    let begun = run(&mut leases, from, from + 3 * MINUTE, &[]);
    let mine: Vec<Nanos> = begun.iter().filter(|(.., worker)| *worker == 2).map(|(at, ..)| *at).collect();
    assert_eq!(leases.held_by_worker(), [4, 4, 4]);
    assert_eq!(mine.len(), 4);
    let steps = mine.windows(2).map(|pair| pair[1] - pair[0]);
    // Up to a renewal and a second pass before each one begins.
    assert!(
        steps.into_iter().all(|step| step.abs_diff(20_050 * MILLISECOND) < 4_400 * MILLISECOND),
        "{mine:?}"
    );
    assert_eq!(leases.moved, 4);
}

#[test]
fn kcl_16_every_worker_reads_the_whole_table_before_version_3_and_then_only_the_leader() {
    let scans = |version: &str| {
        let mut leases = leases(version, 100, 5, 1);
        run(&mut leases, 0, 10 * MINUTE, &[0; 100]);
        leases.table.scans
    };
    // Runs in ten minutes: every 20 s or so, of five workers or of one leader.
    assert!((5 * 29..=5 * 31).contains(&scans("2")), "{}", scans("2"));
    assert!((29..=31).contains(&scans("3")), "{}", scans("3"));
}

#[test]
fn kcl_10_kwk_4_without_its_leader_a_fleet_waits_up_to_two_minutes() {
    let mut gaps = Vec::new();
    for seed in 0..100 {
        let mut leases = leases("3", 6, 3, seed);
        leases.gone(5 * MINUTE, 0, (false, HOUR));
        let begun = run(&mut leases, 5 * MINUTE, 10 * MINUTE, &[0; 6]);
        gaps.push(begun[0].0 - 5 * MINUTE);
    }
    // The lock lasts 120 s from its last heartbeat, of which there is one in 30 s; then 20 s, and 10 s and 1 s more.
    assert!(gaps.iter().all(|gap| (90 * SECOND..=151 * SECOND).contains(gap)), "{gaps:?}");
    let mut other = leases("3", 6, 3, 1);
    other.gone(5 * MINUTE, 2, (false, HOUR));
    let begun = run(&mut other, 5 * MINUTE, 10 * MINUTE, &[0; 6]);
    assert!(begun[0].0 - 5 * MINUTE <= 41 * SECOND, "of another worker it does not");
}

/// Six leases of two workers, three each, of which the first worker's are busier.
fn uneven() -> Leases {
    let mut leases = leases("3", 6, 2, 1);
    for report in 1..=20 {
        leases.report(report * REPORT_INTERVAL, &[report * 24 * SECOND, report * 6 * SECOND]);
    }
    leases
}

#[test]
fn kcl_11_the_leader_looks_at_the_balance_every_third_time() {
    let mut leases = uneven();
    let mut moved = Vec::new();
    for run in 1..=7 {
        let now = 10 * MINUTE + run * 20 * SECOND;
        let before = leases.moved;
        // Each of the first worker's shards has four times the bytes of one of the other's.
        let bytes = [0, 1, 2, 3, 4, 5].map(|shard| if shard % 2 == 0 { 4_000 * run } else { 1_000 * run });
        leases.assign(now, &bytes);
        moved.push(leases.moved - before);
    }
    assert_eq!(
        moved.iter().enumerate().filter(|(_, moved)| **moved > 0).map(|(run, _)| run + 1).next(),
        Some(3)
    );
    assert!([0, 1, 3, 4, 6].iter().all(|run| moved[*run] == 0), "{moved:?}");
}

#[test]
fn kcl_13_where_cpu_cannot_be_read_bytes_are_balanced() {
    let moved = |by_cpu: bool| {
        let mut leases = uneven();
        leases.plan.by_cpu = by_cpu;
        for run in 1..=3 {
            // As many bytes of each shard: only the CPU is uneven.
            leases.assign(10 * MINUTE + run * 20 * SECOND, &[1_000 * run; 6]);
        }
        leases.moved
    };
    assert_eq!((moved(true) > 0, moved(false)), (true, 0));
}

#[test]
fn kcl_7_kwk_11_a_worker_of_version_1_looks_at_the_parents_every_ten_seconds() {
    let starts = |version: &str| -> Vec<Nanos> {
        (0..100)
            .map(|seed| {
                let mut leases = leases(version, 2, 2, seed);
                leases.grow(3);
                assert_eq!(leases.state(2), State::Unborn, "not before its parents are done");
                leases.ended(MINUTE, 0);
                leases.ended(MINUTE, 1);
                leases.born(MINUTE, 2);
                run(&mut leases, MINUTE, 3 * MINUTE, &[])[0].0 - MINUTE
            })
            .collect()
    };
    let mean = |starts: Vec<Nanos>| starts.iter().sum::<Nanos>() as f64 / 1e9 / starts.len() as f64;
    // The lease is taken at the next run of either worker, 6.7 s later on average, and the parents are looked at 5 s after
    // that, or the worker begins half a second after that.
    let (first, second) = (mean(starts("1")), mean(starts("2")));
    assert!((first - 11.7).abs() < 1.5 && (second - 7.2).abs() < 1.2, "{first} {second}");
}

#[test]
fn kwk_13_a_worker_that_is_cut_off_goes_on_until_its_leases_expire() {
    let mut leases = leases("2", 4, 2, 1);
    let scheduled = leases.cut_off(MINUTE, 0, 2 * MINUTE);
    assert_eq!(scheduled.len(), 2);
    for (shard, at) in scheduled {
        assert!((6_691 * MILLISECOND..=10 * SECOND).contains(&(at - MINUTE)), "{at}");
        assert!(leases.fetches(shard) && !leases.may_save(shard));
        assert_eq!(leases.due(at, shard), Due::Lost(0, false));
    }
    assert_eq!(leases.cut_off(MINUTE, 1, MINUTE + SECOND), [], "a short cut does no harm");
}

/// A worker of twelve shards' three that has come back and steals its first lease: the fleet, the moment, the shard, whose it
/// was, and when that one will have noticed.
fn theft() -> (Leases, Nanos, usize, usize, Nanos) {
    let mut leases = leases("2", 12, 3, 1);
    leases.gone(0, 2, (false, 2 * MINUTE));
    run(&mut leases, 0, 2 * MINUTE, &[]);
    leases.back(2 * MINUTE, 2, 0);
    let at = leases.next_run(2 * MINUTE, 2);
    let scheduled = leases.take(at, 2);
    let [(shard, notices)] = scheduled[..] else { panic!("one lease at a time: {scheduled:?}") };
    let State::Losing { worker, .. } = leases.state(shard) else { panic!("{:?}", leases.state(shard)) };
    (leases, at, shard, worker, notices)
}

#[test]
fn kcl_6_kwk_3_a_stolen_lease_is_the_thiefs_also_when_the_loser_dies() {
    let (mut leases, at, shard, loser, _) = theft();
    let (read, scheduled) = leases.gone(at + MILLISECOND, loser, (false, at + MINUTE));
    assert!(read.contains(&shard));
    let [(of, begins)] = scheduled[..] else { panic!("{scheduled:?}") };
    // The lease table names the thief: it begins with its next pass over the shards, and waits for no lease to expire.
    assert_eq!(of, shard);
    assert!(begins <= at + MILLISECOND + DISPATCH);
    assert_eq!(leases.due(begins, shard), Due::Start(2, at + MILLISECOND, false));
}

#[test]
fn kcl_4_kwk_2_a_lease_whose_thief_dies_expires_before_others_have_it() {
    let (mut leases, at, shard, loser, notices) = theft();
    // It is back within seconds, as a process of a new name that does not know of the theft.
    leases.gone(at + MILLISECOND, 2, (false, at + SECOND));
    leases.back(at + SECOND, 2, 0);
    assert_eq!(leases.due(notices, shard), Due::Lost(loser, true));
    assert_eq!(leases.lost(notices, shard), None);
    let begun = run(&mut leases, notices, notices + 2 * MINUTE, &[]);
    let first = begun.iter().find(|(_, of, _)| *of == shard).expect("somebody takes it").0;
    // Renewals, of which a theft is one, are 3.3 s apart at most.
    assert!(first >= at + 10 * SECOND - 3_309 * MILLISECOND, "{}", first - at);
    assert!(first <= at + 10 * SECOND + 20_050 * MILLISECOND + SECOND, "{}", first - at);
}

#[test]
fn kcl_10_kwk_4_a_leader_that_is_cut_off_is_followed_by_another_once_its_lock_has_run_out() {
    let first_start = |seed: u64, cut: Nanos| {
        let mut leases = leases("3", 6, 3, seed);
        let from = 5 * MINUTE;
        let pending = leases.cut_off(from, 0, from + cut);
        // What it holds itself is not looked at here; another worker dies, whose shards somebody has to assign.
        drop(pending);
        leases.gone(from, 2, (false, from + HOUR));
        let begun = run(&mut leases, from, from + 10 * MINUTE, &[0; 6]);
        let (at, _, worker) = begun[0];
        (at - from, worker)
    };
    for seed in 0..50 {
        // The lock lasts 120 s from its last heartbeat, of which there is one in 30 s; then 20 s, and 10 s and 1 s more.
        let (gap, worker) = first_start(seed, HOUR);
        assert!((90 * SECOND..=151 * SECOND).contains(&gap), "{gap}");
        assert_eq!(worker, 1, "the cut-off one is given nothing");
        // Back before that it goes on leading; the dead worker's leases have to expire all the same.
        let (gap, _) = first_start(seed, 40 * SECOND);
        assert!((40 * SECOND..=71 * SECOND).contains(&gap), "{gap}");
    }
}

#[test]
fn kwk_13_a_cut_off_worker_does_not_begin_with_what_it_was_given() {
    let given = || {
        let mut leases = leases("2", 4, 2, 1);
        leases.gone(0, 1, (false, HOUR));
        let at = leases.next_run(MINUTE, 0);
        let scheduled = leases.take(at, 0);
        assert_eq!(scheduled.len(), 2, "the dead worker's");
        (leases, at, scheduled)
    };
    // A short cut puts it off.
    let (mut short, at, scheduled) = given();
    let later = short.cut_off(at, 0, at + 3 * SECOND);
    assert_eq!(later.len(), 2);
    for ((shard, before), (of, then)) in scheduled.iter().zip(&later) {
        assert_eq!((shard, short.due(*before, *shard)), (of, Due::Nothing));
        assert!((at + 3 * SECOND..=at + 4 * SECOND).contains(then));
        assert!(matches!(short.due(*then, *of), Due::Start(0, ..)));
    }
    // In a long one they expire.
    let (mut long, at, scheduled) = given();
    long.cut_off(at, 0, at + MINUTE);
    for (shard, due) in scheduled {
        assert_eq!(long.due(due, shard), Due::Nothing);
        let State::Expiring { worker: 0, until } = long.state(shard) else {
            panic!("{:?}", long.state(shard))
        };
        assert!((at + 6_691 * MILLISECOND..=at + 10 * SECOND).contains(&until));
    }
}

#[test]
fn kcl_14_kwk_13_a_hand_over_by_a_cut_off_worker_is_refused_its_checkpoint() {
    for told in [false, true] {
        let mut leases = leases("3", 4, 2, 1);
        let hears = leases.discovers(MINUTE, 0);
        leases.set(0, State::Handing { from: 0, to: 1, told: false }, hears);
        let at = if told { hears } else { MINUTE };
        if told {
            assert_eq!(leases.due(hears, 0), Due::HandOver(0));
        }
        let scheduled = leases.cut_off(at, 0, at + 2 * MINUTE);
        let (_, expires) = *scheduled.iter().find(|(shard, _)| *shard == 0).expect("it finds out");
        assert!(!leases.may_save(0));
        assert_eq!(leases.fetches(0), !told, "one that was told has stopped fetching");
        assert!((at + 6_691 * MILLISECOND..=at + 10 * SECOND).contains(&expires));
        assert!(matches!(leases.due(expires, 0), Due::Lost(0, _)));
        // Then it is the other one's.
        let (_, begins) = leases.lost(expires, 0).expect("the other one is there");
        assert!(matches!(leases.due(begins, 0), Due::Start(1, ..)));
    }
}

#[test]
fn two_crashes_of_one_worker_keep_it_away_until_the_later_return() {
    let mut leases = leases("2", 4, 2, 1);
    leases.gone(MINUTE, 0, (false, 2 * MINUTE));
    assert!(leases.stay_away(0, 3 * MINUTE));
    assert!(!leases.stay_away(0, 2 * MINUTE), "one that ends before changes nothing");
    leases.back(2 * MINUTE, 0, 0);
    assert!(!leases.is_up(0));
    leases.back(3 * MINUTE, 0, 0);
    assert!(leases.is_up(0));
}
