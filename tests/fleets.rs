//! Fleets of workers: the Kinesis Client Library and Flink against AWS's rules and against arithmetic.

use rust_decimal::Decimal;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pipeline::fleet::quantities::FleetOutcome;
use streamgauge::pricing::{Cause, Confidence};
use streamgauge::report::markdown;
use streamgauge::report::result::RunResult;
use streamgauge::scenario::load_check::LoadCheck;
use streamgauge::systems::fleet::host::FargateSize;
use streamgauge::systems::fleet::meter::Redelivery;
use streamgauge::systems::fleet::{ControlPlan, Via};

#[path = "fleets/starts.rs"]
mod starts;
mod support;

/// One producer of `rate` small writes a second, one stream, and one consumer `f`.
fn text(duration: &str, rate: u32, shards: u32, consumer: &str, more: &str) -> String {
    format!(
        "\
name: test
seed: 5
study: terminating
duration: {duration}
workload:
  writer: {{ writes_to: tables.t, arrivals: {{ constant: {{ rate: {rate}/s }} }}, keys: {{ uniform: {{ items: 5_000 }} }}, item: {{ size: 300 B }} }}
tables:
  t:
    capacity: {{ provisioned: {{ write_units: 20000 }} }}
    kinesis: {{ stream: s, replication: {{ delay: 50ms, reorder: 0%, duplicates: 0% }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: {shards} }} }} }}
consumers:
  f: {{ reads: kinesis.s, {consumer} }}
{more}
"
    )
}

fn run(text: &str) -> Outcome {
    let scenario = support::scenario(text, &[]);
    support::run::<true>(&scenario, 0)
}

fn fleet(text: &str) -> FleetOutcome {
    run(text).fleets.swap_remove(0)
}

#[track_caller]
fn near(what: &str, simulated: f64, expected: f64, share: f64) {
    assert!((simulated / expected - 1.0).abs() <= share, "{what}: {simulated} against {expected}");
}

#[test]
fn kcl_3_kwk_16_from_version_2_on_records_are_pushed_unless_told_otherwise() {
    let pushed = |kcl: &str| {
        let scenario = support::load(&text("1m", 10, 1, &format!("kcl: {{ {kcl} }}"), "")).unwrap();
        matches!(scenario.fleets[0].via, Via::FanOut(_))
    };
    assert_eq!(
        ["version: 1.14", "version: 2", "version: 3", "version: 3, via: polling"].map(pushed),
        [false, true, true, false]
    );
    let error =
        support::load(&text("1m", 10, 1, "kcl: { version: 1, via: enhanced_fan_out }", "")).unwrap_err();
    assert!(error.contains("version 1 of the library only polls"), "{error}");
}

#[test]
fn kcl_1_kcl_2_kwk_9_a_shard_gives_what_its_calls_ask_for_and_no_more() {
    let error =
        support::load(&text("1m", 10, 1, "kcl: { via: polling, max_records: 10_001 }", "")).unwrap_err();
    assert!(error.contains("expected 1 to 10000 (KCL-2)"), "{error}");
    let error = support::load(&text("1m", 10, 1, "kcl: { via: polling, idle_time: 100ms }", "")).unwrap_err();
    assert!(error.contains("expected 200ms to 1h (KCL-1)"), "{error}");
    // 100 records a second come in, and 30 are asked for every 1.5 s: 20 a second are read.
    let of = |version: &str, per_call: u32| {
        let kcl = format!("kcl: {{ version: {version}, via: polling, max_records: {per_call} }}");
        fleet(&text("10m", 100, 1, &kcl, "end: stop")).meter.processed as f64 / 600.0
    };
    near("every 1.5 s", of("3", 30), 20.0, 0.01);
    near("every second", of("2.5", 30), 30.0, 0.01);
}

#[test]
fn def_4_def_5_lat_6_lat_7_lat_8_from_the_shard_to_a_worker_it_takes_as_long_as_measured() {
    let parts = |kcl: &str| {
        let fleet = fleet(&text("10m", 50, 2, &format!("kcl: {{ {kcl} }}"), ""));
        fleet.latency.mean_parts().unwrap().map(|micros| micros / 1e3)
    };
    near("pushed", parts("version: 3")[1], 70.0, 0.05);
    // Half of the time between two polls, and the mean of a lognormal with a median of 30 ms: 34 ms.
    near("polled", parts("version: 3, via: polling")[1], 750.0 + 34.0, 0.04);
    let by_default = parts("version: 2.5, via: polling")[1];
    near("polled every second", by_default, 500.0 + 34.0, 0.05);
    assert!(by_default < 1_000.0, "as AWS says of the library's default");
    near("polled fast", parts("version: 3, via: polling, idle_time: 200ms")[1], 100.0 + 34.0, 0.06);
}

/// A worker of two dies three and a half minutes into the run.
const CRASH: &str = "events: { death: { at: 210s, for: 60s, crash: consumers.f } }";

#[test]
fn kcl_9_kwk_12_a_crash_repeats_what_came_since_the_last_checkpoint() {
    let repeated = |interval: u32| {
        let kcl = format!(
            "kcl: {{ version: 2, via: polling, workers: 2, checkpoint: {{ every: {{ interval: {interval}s }} }} }}"
        );
        let fleet = fleet(&text("10m", 80, 8, &kcl, CRASH));
        assert_eq!((fleet.meter.lost, fleet.meter.processed), (0, 80 * 600));
        let told: u64 = fleet.interruptions.iter().map(|it| it.again).sum();
        assert_eq!(fleet.meter.repeated_total(), told, "what was to be repeated was");
        fleet.meter.repeated[Redelivery::Crash as usize] as f64
    };
    // Four of eight shards, 40 records a second. Checkpoints at the first batch's end past 30, 60, 90 ... s after the last
    // one, each up to a poll of 1.5 s late: 210 s are on average seven halves of 1.5 s and some into a span of 30 s.
    let short = repeated(10);
    assert!((40.0..=40.0 * 11.5).contains(&short), "{short}");
    let long = repeated(100);
    // The second checkpoint came 200 to 203 s after the start.
    assert!((40.0 * 5.0..=40.0 * 11.0).contains(&long), "{long}");
    let never = repeated(600);
    near("none before the crash", never, 40.0 * 209.2, 0.02);
}

/// The first worker of one dies for a minute, and again half a minute later for a minute and a half.
#[test]
fn a_worker_that_dies_again_while_it_is_away_comes_back_later() {
    let longest = |second: &str| {
        let events = format!("events: {{ first: {{ at: 100s, for: 60s, crash: consumers.f }}{second} }}");
        let fleet = fleet(&text("6m", 20, 2, "kcl: { version: 2, via: polling }", &events));
        assert_eq!(fleet.meter.processed, 20 * 360);
        fleet.latency.histogram().max() as f64 / 1e6
    };
    // What was written just after the crash waits for the worker to come back, and up to 20 s for it to look for leases.
    let (once, twice) = (longest(""), longest(", second: { at: 130s, for: 90s, crash: consumers.f }"));
    assert!((58.0..=60.0 + 22.6).contains(&once), "{once}");
    assert!((118.0..=120.0 + 22.6).contains(&twice), "{twice}");
    let shorter = longest(", second: { at: 130s, for: 10s, crash: consumers.f }");
    assert_eq!(shorter, once, "a shorter one that ends before changes nothing");
}

/// What a deployment or a crash takes is in the timeline: until the last worker is back.
#[test]
fn a_deployment_lasts_until_its_last_worker_is_back() {
    let until = |consumer: &str, event: &str| {
        let events = format!("events: {{ it: {{ at: 200s, {event} }} }}");
        let scenario = support::scenario(&text("20m", 20, 6, consumer, &events), &[]);
        scenario.timeline[0].until.expect("it passes") / 1_000_000_000
    };
    let kcl = "kcl: { workers: 3, restart: 25s }";
    assert_eq!(until(kcl, "for: 20s, deploy: consumers.f"), 200 + 3 * 20);
    assert_eq!(until(kcl, "deploy: consumers.f"), 200 + 3 * 25);
    assert_eq!(until(kcl, "crash: consumers.f"), 200 + 25);
    assert_eq!(until("flink: { parallelism: 3, restart: 40s }", "deploy: consumers.f"), 200 + 40);
    // The last of three workers stops 40 s after the first, and its shards are behind until it is back.
    let events = "events: { release: { at: 200s, for: 20s, deploy: consumers.f } }";
    let json = result(&text("10m", 60, 6, "kcl: { version: 3, workers: 3, via: polling }", events));
    let stops: Vec<f64> =
        json.consumers[0].kcl.as_ref().unwrap().fleet.interruptions.iter().filter_map(|it| it.at_s).collect();
    assert_eq!(stops, [200.0, 220.0, 240.0]);
    assert_eq!(json.consumers[0].stalls[0].until_s, Some(260.0));
}

#[test]
fn a_checkpoint_before_the_write_loses_and_one_after_it_repeats() {
    // One worker of one processor that is busy for nine tenths of its time, so that it dies over a batch.
    let of = |order: &str| {
        let kcl = format!(
            "kcl: {{ version: 2, via: polling, workers: 2, host: {{ vcpu: 1 }}, per_record: 30ms, \
             checkpoint: {{ order: {order} }} }}"
        );
        fleet(&text("10m", 60, 2, &kcl, CRASH)).meter
    };
    let (after, before) = (of("after"), of("before"));
    assert_eq!((after.lost, before.repeated_total()), (0, 0));
    // A batch of 1.5 s has 45 records, and others may be behind it; none of those is checkpointed.
    assert!((1..=90).contains(&after.repeated_total()), "{after:?}");
    assert!((1..=90).contains(&before.lost), "{before:?}");
    assert_eq!(after.processed, 60 * 600);
    assert_eq!(before.processed + before.lost, 60 * 600);
}

#[test]
fn kcl_14_kwk_7_a_hand_over_repeats_nothing_and_a_theft_does() {
    // A deployment without last checkpoints leaves leases to be rebalanced.
    let of = |version: &str| {
        let kcl = format!(
            "kcl: {{ version: {version}, via: polling, workers: 3, per_record: 2ms, checkpoint: {{ every: {{ interval: 60s }} }} }}"
        );
        fleet(&text("20m", 120, 12, &kcl, CRASH)).meter
    };
    let (third, second) = (of("3"), of("2"));
    assert_eq!(third.repeated[Redelivery::Rebalance as usize], 0);
    assert!(second.repeated[Redelivery::Rebalance as usize] > 0, "{second:?}");
    assert!(third.repeated[Redelivery::Crash as usize] > 0);
    assert_eq!((third.processed, second.processed), (120 * 1_200, 120 * 1_200));
}

#[test]
fn a_graceful_deployment_repeats_nothing_and_an_abrupt_one_does() {
    let of = |shutdown: &str| {
        let kcl = format!(
            "kcl: {{ version: 3, workers: 3, shutdown: {shutdown}, checkpoint: {{ every: {{ interval: 60s }} }} }}"
        );
        let events = "events: { release: { at: 200s, for: 20s, deploy: consumers.f } }";
        fleet(&text("10m", 60, 6, &kcl, events))
    };
    let (graceful, abrupt) = (of("graceful"), of("abrupt"));
    let deploys =
        |fleet: &FleetOutcome| fleet.interruptions.iter().filter(|it| it.why == Redelivery::Deploy).count();
    assert_eq!((deploys(&graceful), deploys(&abrupt)), (3, 3), "one worker after the other");
    assert_eq!(graceful.meter.repeated_total(), 0);
    assert!(abrupt.meter.repeated[Redelivery::Deploy as usize] > 0);
    assert_eq!((graceful.meter.lost, abrupt.meter.lost), (0, 0));
}

#[test]
fn kwk_13_two_workers_process_what_a_cut_off_one_had_no_checkpoint_for() {
    // It writes a checkpoint after each batch, so that only what it did between its last renewal's end and the cut counts.
    let events = "events: { cut: { at: 200s, for: 60s, cut_off: consumers.f, worker: 1 } }";
    let kcl = "kcl: { version: 2, via: polling, workers: 2 }";
    let fleet = fleet(&text("10m", 80, 8, kcl, events));
    let lost_lease = fleet.meter.repeated[Redelivery::LostLease as usize] as f64;
    // 40 records a second for 6.7 to 10 s, a poll more or less.
    assert!((40.0 * 5.0..=40.0 * 11.5).contains(&lost_lease), "{lost_lease}");
    assert_eq!(fleet.meter.processed, 80 * 600);
}

#[test]
fn kwk_14_a_batch_that_throws_is_skipped_and_does_not_come_again() {
    let kcl = "kcl: { version: 2, via: polling, errors: 20% }";
    let meter = fleet(&text("10m", 40, 4, kcl, "")).meter;
    assert_eq!(meter.processed + meter.skipped, 40 * 600);
    near("skipped", meter.skipped as f64, 0.2 * 40.0 * 600.0, 0.12);
    assert_eq!(meter.repeated_total(), 0);
}

#[test]
fn kwk_15_kds_s7_children_are_read_from_their_oldest_record_once_their_parent_is_done() {
    for kcl in ["version: 1", "version: 2, via: polling", "version: 3", "version: 2, workers: 3"] {
        let events = "events: { wider: { at: 100s, split: { stream: kinesis.s, shard: 0 } }, narrower: { at: 300s, merge: { stream: kinesis.s, shards: [1, 2] } } }";
        let fleet = fleet(&text("10m", 60, 2, &format!("kcl: {{ {kcl} }}"), events));
        assert_eq!(fleet.meter.processed, 60 * 600, "{kcl}");
        let rollover = fleet.latency.mean_parts().unwrap()[5];
        assert!(rollover > 0.0, "{kcl}: children wait");
    }
}

#[test]
fn kcl_15_top_10_version_3_needs_fewer_hosts_only_where_load_is_uneven() {
    // The fewest workers of one processor each whose busiest one stays below 85 %.
    let hosts = |version: &str, keys: &str| {
        let enough = |workers: &u32| {
            let kcl = format!(
                "kcl: {{ version: {version}, via: polling, workers: {workers}, host: {{ vcpu: 1 }}, per_record: 15ms }}"
            );
            let text = text("40m", 100, 16, &kcl, "warm_up: 15m");
            let text = text.replace("keys: { uniform: { items: 5_000 } }", keys);
            let outcome = run(&text);
            let span = outcome.quantities.at as f64;
            outcome.quantities.fleets[0].busy.iter().all(|busy| *busy as f64 / span <= 0.85)
        };
        (2..9).find(enough).unwrap_or(9)
    };
    let even = "keys: { uniform: { items: 5_000 } }";
    assert_eq!(hosts("3", even), hosts("2", even));
    let uneven = "keys: { zipfian: { items: 60, exponent: 0.9 } }";
    let (third, second) = (hosts("3", uneven), hosts("2", uneven));
    assert!(third < second, "{third} against {second}");
}

#[test]
fn flk_1_flk_2_kpus_are_charged_with_one_more_for_orchestration() {
    let flink = "flink: { parallelism: 8, parallelism_per_kpu: 4, autoscaling: false }";
    let outcome = run(&text("10m", 10, 4, flink, ""));
    let [working, charged] = outcome.quantities.fleets[0].kpu_nanos;
    let span = u128::from(outcome.quantities.at);
    assert_eq!((working, charged), (2 * span, 3 * span));
    let error = support::load(&text("1m", 10, 1, "flink: { parallelism: 257 }", "")).unwrap_err();
    assert!(error.contains("expected 1 to 256 (FLK-2)"), "{error}");
    let error = support::load(&text("1m", 10, 1, "flink: { parallelism: 65 }", "")).unwrap_err();
    assert!(error.contains("65 KPUs; an application has 64 at most (FLK-2)"), "{error}");
}

#[test]
fn flk_3_a_busy_job_doubles_after_fifteen_minutes_and_stands_still_meanwhile() {
    // Two shards on two subtasks that share one KPU: 90 % of it.
    let flink = "flink: { parallelism: 2, parallelism_per_kpu: 2, per_record: 9ms, restart: 40s }";
    let outcome = run(&text("30m", 100, 4, flink, ""));
    let job = outcome.fleets[0].job.unwrap();
    assert_eq!((job.parallelism, job.meter.scalings, job.meter.kpus_max), (4, 1, 2));
    assert_eq!(job.meter.down, 40_000_000_000);
    assert_eq!(outcome.fleets[0].meter.repeated_total(), 0, "it goes on from a snapshot");
    assert_eq!(outcome.fleets[0].meter.processed, 100 * 1_800);
}

#[test]
fn a_job_that_crashes_goes_back_to_its_last_checkpoint_as_a_whole() {
    let events = "events: { death: { at: 230s, crash: consumers.f } }";
    let outcome = fleet(&text("10m", 100, 4, "flink: { parallelism: 2, checkpoint_interval: 60s }", events));
    // The checkpoint of second 180 was complete: 50 s of all shards are done again.
    near("repeated", outcome.meter.repeated_total() as f64, 100.0 * 50.0, 0.02);
    assert_eq!(outcome.meter.processed, 100 * 600);
}

/// A shard takes five calls a second (KDS-R1), and somebody else makes ten, of which nearly all find nothing: after each that is
/// answered the next one comes too soon. Whose calls are refused is chance, so that both get what they came for.
#[test]
fn kds_r1_kds_w6_a_reader_that_calls_too_often_does_not_keep_others_from_its_shard() {
    for kind in ["kcl: { version: 2, via: polling }", "flink: { parallelism: 1, poll_interval: 1s }"] {
        let text = text("2m", 5, 1, kind, "");
        let greedy = "consumers:\n  greedy: { reads: kinesis.s, polling: { interval: 100ms } }\n";
        let outcome = run(&text.replace("consumers:\n", greedy));
        assert!(outcome.complete && outcome.end < 300_000_000_000, "{kind}: {}", outcome.end);
        assert_eq!(outcome.fleets[0].meter.processed, 5 * 120, "{kind}");
        assert_eq!(outcome.consumers[0].meter.processed, 5 * 120, "{kind}");
        let reads = [outcome.fleets[0].reads, outcome.consumers[0].reads];
        let sum = |of: fn(&streamgauge::systems::kinesis::get_records::ReadMeter) -> u64| {
            reads.iter().map(of).sum::<u64>() as f64
        };
        let (admitted, refused) = (sum(|it| it.polls + it.empty_polls), sum(|it| it.refused_calls));
        // Five were saved, and five a second are earned to the end.
        let most = 5.0 + 5.0 * outcome.end as f64 / 1e9;
        assert!(admitted <= most && refused / (admitted + refused) > 0.25, "{kind}: {reads:?}");
    }
}

/// `check` names who calls how often.
#[test]
fn kds_r1_check_names_the_readers_that_call_more_often_than_a_shard_takes() {
    let warnings = |interval: &str| {
        let other =
            format!("consumers:\n  greedy: {{ reads: kinesis.s, polling: {{ interval: {interval} }} }}\n");
        let text =
            text("2m", 5, 1, "kcl: { version: 2.5, via: polling }", "").replace("consumers:\n", &other);
        LoadCheck::of(&support::scenario(&text, &[])).warnings
    };
    let said = "The readers of kinesis.s make 11.0 GetRecords calls a second on each shard, which takes 5 (KDS-R1): \
                consumers.greedy 10, consumers.f 1.";
    assert!(warnings("100ms").iter().any(|it| it.starts_with(said)), "{:?}", warnings("100ms"));
    assert!(!warnings("250ms").iter().any(|it| it.contains("KDS-R1")), "four and one are five");
}

#[test]
fn a_job_that_dies_while_it_is_busy_has_made_no_calls_meanwhile() {
    // 20 records a second of 60 ms each: its buffers are full, and it does not call for long spells. Another reader's calls
    // go by the same budget, whose time does not run backwards.
    let events = "events: { death: { at: 200s, for: 30s, crash: consumers.f } }";
    let text = text(
        "5m",
        20,
        1,
        "flink: { parallelism: 1, poll_interval: 250ms, per_record: 60ms, autoscaling: false }",
        events,
    );
    let other = "consumers:\n  other: { reads: kinesis.s, polling: { interval: 250ms } }\n";
    let outcome = run(&text.replace("consumers:\n", other));
    assert_eq!(outcome.fleets[0].meter.processed, 20 * 300);
    assert_eq!(outcome.consumers[0].meter.processed, 20 * 300);
}

#[test]
fn hosts_lease_tables_and_processing_units_are_in_the_bill() {
    let usage = |consumer: &str| {
        let scenario = support::load(&text("10m", 12, 12, consumer, "end: stop")).unwrap();
        let outcome = support::run::<true>(&scenario, 0);
        let usage = streamgauge::report::result::usage::of(&scenario, &[outcome]).unwrap();
        move |id: &str| usage.0.get(id).map_or(0.0, |line| line.quantity.try_into().unwrap())
    };
    let month = 730.0;
    let fargate = "kcl: { version: 2, via: polling, workers: 4, host: { fargate: { vcpu: 0.5, memory: 1 GiB } }, checkpoint: { every: { interval: 1d } } }";
    let of: &dyn Fn(&str) -> f64 = &usage(fargate);
    assert_eq!((of("fargate.x86.vcpu_h"), of("fargate.x86.gb_h")), (4.0 * 0.5 * month, 4.0 * month));
    // Twelve leases renewed every 3.308 s, and four workers that read the table of under 8 KB every 20.05 s: one unit each.
    near("renewals", of("ddb.od.wru"), month * 3_600.0 * 12.0 / 3.308, 0.01);
    near("scans", of("ddb.od.rru"), month * 3_600.0 * 4.0 / 20.05, 0.05);
    let ec2 = "kcl: { version: 3, workers: 3, host: { ec2: c6g.large } }";
    let of: &dyn Fn(&str) -> f64 = &usage(ec2);
    assert_eq!((of("ec2.c6g.large_h"), of("kds.prov.efo_shard_h")), (3.0 * month, 12.0 * month));
    let flink: &dyn Fn(&str) -> f64 = &usage("flink: { parallelism: 4, parallelism_per_kpu: 2 }");
    assert_eq!((flink("flink.kpu_h"), flink("flink.run_storage_gbmo")), (3.0 * month, 2.0 * 50.0));
}

/// An hour of each of three workers at 17 cents, in any Region, beside what the book has.
#[test]
fn a_host_of_ones_own_is_billed_by_its_own_price() {
    let of = |host: &str| {
        let kcl = format!("kcl: {{ version: 2, workers: 3, host: {host} }}");
        result(&format!("region: ap-southeast-1\n{}", text("1m", 10, 2, &kcl, "end: stop")))
    };
    let priced = of("{ own: { vcpu: 4, price_per_hour: 0.17 USD } }");
    let line = priced.cost.bill.lines.iter().find(|line| line.id == "host.f_h").expect("a line");
    let cents = |amount: i64| Some(Decimal::new(amount, 2));
    assert_eq!((line.quantity, line.amount), (Decimal::from(3 * 730), cents(3 * 730 * 17)));
    assert_eq!((line.confidence, line.unit.as_str()), (Some(Confidence::Own), "host-hour"));
    assert_eq!(line.causes.keys().collect::<Vec<_>>(), [&Cause::Base]);
    let unpriced = of("{ vcpu: 4 }");
    assert!(unpriced.cost.bill.lines.iter().all(|line| !line.id.starts_with("host.")));
    let left_out = "The workers' hosts are not in this bill: `host` does not say what they are.";
    assert!(unpriced.cost.rules.iter().any(|rule| rule == left_out));
    assert_ne!(priced.identity.price_book.digest, unpriced.identity.price_book.digest);
    assert_eq!(priced.identity.fingerprint, unpriced.identity.fingerprint, "money takes no time");
}

/// The pairs of the ECS Developer Guide: each end of each row is there, and what lies between its steps is not.
#[test]
fn fargate_tasks_have_the_pairs_of_vcpus_and_memory_that_aws_offers() {
    let gib = |gib: u64| gib << 30;
    for (vcpu, least, most, step) in [
        (0.5, 1, 4, 1),
        (1.0, 2, 8, 1),
        (2.0, 4, 16, 1),
        (4.0, 8, 30, 1),
        (8.0, 16, 60, 4),
        (16.0, 32, 120, 8),
    ] {
        let size = FargateSize::of(vcpu).expect("AWS has it");
        let offered: Vec<u64> = (0..=128).filter(|memory| size.has(gib(*memory))).collect();
        let published: Vec<u64> = (least..=most).step_by(step).collect();
        assert_eq!(offered, published, "{vcpu} vCPU");
        assert!(!size.has(gib(least) + (512 << 20)));
    }
    let smallest = FargateSize::of(0.25).expect("AWS has it");
    let offered: Vec<u64> = (0..=64).filter(|quarter| smallest.has(quarter << 28)).collect();
    assert_eq!(offered, [2, 4, 8], "in quarters of a GiB");
}

/// `1.10` is the tenth minor version and no number; quoted or not.
#[test]
fn a_version_of_the_library_is_read_as_text() {
    for version in ["1.10", "'1.10'"] {
        let scenario =
            support::scenario(&text("1m", 10, 1, &format!("kcl: {{ version: {version} }}"), ""), &[]);
        let ControlPlan::Kcl(leases) = &scenario.fleets[0].control else { panic!("it is the library") };
        assert_eq!(leases.version.to_string(), "1.10");
    }
}

#[test]
fn what_is_wrong_about_a_fleet_is_said() {
    let error = |consumer: &str, more: &str| {
        support::load(&text("10m", 10, 2, consumer, more)).map(|_| ()).unwrap_err()
    };
    for (consumer, more, message) in [
        (
            "kcl: { version: 4 }",
            "",
            "expected a version of the library, such as `1.14`, `2` or `3.5`; found `4`",
        ),
        ("kcl: { worker: 4 }", "", "unknown key `worker`; did you mean `workers`?"),
        ("kcl: { workers: 0 }", "", "expected 1 to 1000; found `0`"),
        ("kcl: { host: { ec2: m9.huge } }", "", "the price book has no instance `m9.huge`"),
        ("kcl: { host: { vcpu: 0 } }", "", "expected 0.01 to 192; found `0`"),
        (
            "kcl: { host: { own: { vcpu: 200, price_per_hour: 1 USD } } }",
            "",
            "at consumers.f.kcl.host.own.vcpu",
        ),
        ("kcl: { host: { own: { vcpu: 2, price_per_hour: 0.1 } } }", "", "expected an amount in US dollars"),
        ("kcl: { host: { own: { vcpu: 2 } } }", "", "the key `price_per_hour` is missing"),
        (
            "kcl: { host: { fargate: { vcpu: 3, memory: 1 GiB } } }",
            "",
            "expected 0.25, 0.5, 1, 2, 4, 8 or 16; found `3`",
        ),
        (
            "kcl: { host: { fargate: { vcpu: 0.25, memory: 120 GiB } } }",
            "",
            "a task with 0.25 vCPU has 512 MiB, 1 GiB or 2 GiB; found `120 GiB`",
        ),
        (
            "kcl: { host: { fargate: { vcpu: 8, memory: 18 GiB } } }",
            "",
            "a task with 8 vCPU has 16 to 60 GiB in steps of 4 GiB",
        ),
        ("kcl: { host: { fargate: { vcpu: 0.25, memory: 1536 MiB } } }", "", "512 MiB, 1 GiB or 2 GiB"),
        ("kcl: { version: 3.99 }", "", "there is no version 3.99 of the library; the last one is 3.5"),
        ("kcl: { version: 1.16 }", "", "there is no version 1.16"),
        ("kcl: { idle_time: 1s }", "", "a fleet that is pushed to makes none"),
        (
            "kcl: { version: 2, balance: cpu }",
            "",
            "before version 3 the library balances the number of leases",
        ),
        ("kcl: { catch_up: true }", "", "`catch_up` is for readers of DynamoDB streams"),
        ("kcl: {}, flink: { parallelism: 1 }", "", "expected exactly one of"),
        ("flink: {}", "", "the key `parallelism` is missing"),
        ("kcl: {}", "events: { e: { at: 1m, crash: consumers.f, worker: 1 } }", "expected 0 to 0; found `1`"),
        ("kcl: {}", "events: { e: { at: 1m, cut_off: consumers.f } }", "`cut_off` needs `for`"),
        ("kcl: {}", "events: { e: { at: 1m, poison: consumers.f } }", "is a fleet of workers: no `poison`"),
        (
            "polling: {}",
            "events: { e: { at: 1m, crash: consumers.f } }",
            "is not a KCL fleet or a Flink application",
        ),
        (
            "flink: { parallelism: 1 }",
            "events: { e: { at: 1m, for: 1m, cut_off: consumers.f } }",
            "is not a KCL fleet",
        ),
        ("kcl: {}", "events: { e: { at: 1m, crash: consumers.g } }", "consumers"),
    ] {
        let found = error(consumer, more);
        assert!(found.contains(message), "{consumer} {more}: {found}");
    }
}

fn result(text: &str) -> RunResult {
    let scenario = support::scenario(text, &[]);
    let outcome = support::run::<true>(&scenario, 0);
    RunResult::new(&scenario, &[outcome], scenario.billing.book()).expect("a result")
}

/// A worker of two dies, and nobody reads its four shards until their leases have run out: 10 s after the last renewal, which
/// was a third of that before at most. The record that waited longest tells how far behind the fleet was.
#[test]
fn a_stall_is_as_late_as_what_waits_on_shards_without_a_worker() {
    let kcl = "kcl: { version: 2, via: polling, workers: 2, checkpoint: { every: { interval: 10s } } }";
    let json = result(&text("10m", 80, 8, kcl, CRASH));
    let row = &json.consumers[0];
    let peak = row.stalls[0].peak_lag_s.expect("a lag");
    let at = row.stalls[0].peak_at_s.expect("a moment");
    assert!((210.0..=260.0).contains(&at), "{at}");
    let longest =
        json.latency.iter().find(|row| row.path == "consumers.f.latency").unwrap().max_ms.unwrap() / 1e3;
    assert!(peak >= 10.0 * 2.0 / 3.0, "{peak}");
    assert!(peak <= longest + 10.0, "what is read again came up to a checkpoint earlier: {peak}, {longest}");
    assert!(row.iterator_age_max_ms.is_some_and(|age| age >= peak * 1e3));
    assert_eq!(json.figure("consumers.f.death.peak_lag.max"), Some(peak * 1e3));
}

/// The run ends 5 s after the crash: its shards have no worker yet, and the first record of those 5 s still waits.
#[test]
fn what_waits_at_the_end_on_shards_without_a_worker_counts() {
    let kcl = "kcl: { version: 2, via: polling, workers: 2, checkpoint: { every: { interval: 1s } } }";
    let crash = "end: stop\nevents: { death: { at: 595s, for: 60s, crash: consumers.f } }";
    let json = result(&text("10m", 80, 8, kcl, crash));
    let peak = json.figure("consumers.f.death.peak_lag.max").expect("a lag") / 1e3;
    // A poll comes each 1.5 s, and what was read in the last second or so before the crash has no checkpoint yet.
    assert!((5.0 - 0.2..=5.0 + 4.5).contains(&peak), "{peak}");
}

/// Mean and greatest number of units are counted alike.
#[test]
fn a_table_of_applications_has_no_mean_above_its_maximum() {
    let json = result(&text("10m", 10, 4, "flink: { parallelism: 4, autoscaling: false }", ""));
    let summary = markdown::render(&json);
    let cells = |line: &str| line.split('|').map(|cell| cell.trim().to_owned()).collect::<Vec<String>>();
    let mut lines = summary.lines().skip_while(|line| !line.starts_with("| application"));
    let (heads, row) = (cells(lines.next().unwrap()), cells(lines.nth(1).unwrap()));
    let of = |head: &str| row[heads.iter().position(|it| it == head).unwrap()].parse::<f64>().unwrap();
    let (mean, max) = (of("KPUs mean, with orchestration"), of("KPUs max, with orchestration"));
    // Four subtasks of one unit each, and one for orchestration, all the time.
    assert_eq!((mean, max), (5.0, 5.0));
}
