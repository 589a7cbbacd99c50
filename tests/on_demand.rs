//! Streams whose capacity moves, through the whole pipeline: what is throttled, what is billed, what `check` says.

use streamgauge::experiment::replicate::{Control, Silent, run};
use streamgauge::pricing::{Cause, PriceBook};
use streamgauge::report::result::RunResult;
use streamgauge::scenario::load_check::{LoadCheck, Verdict};

mod support;

const BASE: &str = "\
name: clicks
study: terminating
duration: 40m
workload:
  clicks:
    writes_to: kinesis.events
    arrivals: { constant: { rate: 20/s } }
    keys: { uniform: { items: 1_000 } }
    record: { size: 64000 B, partition_key: { prefix: k, digits: 7 } }
    client: { sdk: { call: put_records, records_per_call: 20, in_flight: 64, lost_replies: 0% } }
kinesis:
  events:
    capacity: { on_demand: {} }
consumers:
  search: { reads: kinesis.events, polling: { interval: 1s } }
";

fn load(sets: &[&str]) -> Result<streamgauge::scenario::checked::Scenario, String> {
    support::load_with(BASE, sets)
}

fn result(sets: &[&str]) -> RunResult {
    let scenario = load(sets).unwrap_or_else(|errors| panic!("{errors}"));
    let cancelled = std::sync::atomic::AtomicBool::new(false);
    let control = Control { threads: 1, cancelled: &cancelled, observer: &Silent };
    let outcomes = run::<true>(&scenario, &control).expect("the ledger balances");
    RunResult::new(&scenario, &outcomes, PriceBook::builtin()).expect("a bill")
}

fn used(result: &RunResult, id: &str) -> f64 {
    result.usage.0.get(id).map_or(0.0, |line| line.quantity.to_string().parse().expect("a number"))
}

#[test]
fn kds_o1_o3_a_new_stream_throttles_what_is_above_four_shards_for_a_quarter_of_an_hour() {
    // 100 records of 64,008 bytes a second are 6.1 MiB/s for 4 shards, from the tenth minute on.
    let result =
        result(&["workload.clicks.arrivals={ stages: [{ rate: 20/s, for: 10m }, { rate: 100/s }] }"]);
    let capacity = result.shards[0].capacity.as_ref().expect("on-demand capacity moves");
    assert_eq!(result.shards[0].shards, 4);
    let first = capacity.first_refused_s.unwrap();
    assert!((600.0..660.0).contains(&first), "{first}");
    // From then on a fifth and more of the puts is refused; once each shard has become two, next to none.
    let refused = |from: f64, to: f64| -> f64 {
        let steps = capacity.curve.refused_per_s.iter().enumerate();
        let inside = |step: usize| (from..to).contains(&(step as f64 * capacity.curve.step_s));
        steps.filter(|(step, _)| inside(*step)).filter_map(|(_, rate)| *rate).sum()
    };
    let (before, after) = (refused(640.0, 1_440.0), refused(1_520.0, 2_400.0));
    assert!(before > 10.0 * 20.0 && after < before / 20.0, "{before} and {after}");
    assert!(capacity.refused > 0 && capacity.shards_at_end >= 8);
}

#[test]
fn kds_a4_a5_advantage_bills_no_stream_and_fills_up_to_25_mib_a_second() {
    let standard = result(&[]);
    let hours = 730.0;
    assert!((used(&standard, "kds.od.stream_h") - hours).abs() < 1e-6);
    // 64,008 bytes take 63 KB: 20 a second for the month, read once and unrounded.
    let month = hours * 3_600.0 / f64::from(1 << 30);
    let written = 20.0 * 63.0 * 1_024.0 * month;
    assert!((used(&standard, "kds.od.in_gb") / written - 1.0).abs() < 1e-3);
    assert!((used(&standard, "kds.od.out_gb") / (20.0 * 64_008.0 * month) - 1.0).abs() < 1e-2);
    let advantage = result(&["account={ on_demand_advantage: true }"]);
    assert_eq!(used(&advantage, "kds.od.stream_h"), 0.0);
    for id in ["kds.adv.in_gb", "kds.adv.out_gb"] {
        let committed = 25.0 * f64::from(1 << 20) * month;
        assert!((used(&advantage, id) / committed - 1.0).abs() < 1e-6, "{id}");
        assert!(advantage.usage.0[id].causes.contains_key(&Cause::Commitment));
    }
}

#[test]
fn kds_s10_billing_follows_the_mode() {
    let switched = result(&[
        "kinesis.events.capacity={ provisioned: { shards: 3 } }",
        "events={ switch: { at: 15m, set: { kinesis.events.capacity: { on_demand: {} } } } }",
        "assumptions={ KDS-S10: 5m }",
    ]);
    // Half of the month in either mode: 20 of 40 minutes with 3 shards.
    assert!((used(&switched, "kds.prov.shard_h") - 3.0 * 365.0).abs() < 1e-6);
    assert!((used(&switched, "kds.od.stream_h") - 365.0).abs() < 1e-6);
    let modes = &switched.shards[0].capacity.as_ref().unwrap().modes;
    let [before, after] = &modes[..] else { panic!("{modes:?}") };
    assert_eq!((before.mode.as_str(), after.mode.as_str(), before.shards), ("provisioned", "on_demand", 3));
    assert!((before.usd_per_hour.unwrap() - 3.0 * 0.015).abs() < 0.005, "{before:?}");
}

/// One reader takes 10 of 20 records a second, so that ten minutes of writes take it twenty to read: half of that is the drain. What a
/// stretch cost an hour is what the bill says of a month, and another reader that has 1 ms of work for each record is busy for 2 %
/// of the time in which records come.
#[test]
fn what_a_span_comes_to_leaves_out_the_time_until_all_is_drained() {
    let slow = result(&[
        "duration=10m",
        "consumers.search.polling={ interval: 1s, workers: 1, batch_size: 100, per_record: 100ms }",
        "consumers.fast={ reads: kinesis.events, polling: { interval: 1s, workers: 1, per_batch: 0ms, per_record: 1ms } }",
    ]);
    let [only] = &slow.shards[0].capacity.as_ref().unwrap().modes[..] else { panic!("one mode") };
    assert_eq!((only.from_s, only.to_s), (Some(0.0), Some(600.0)));
    // Those that were put in the last moment have not come yet.
    assert!(only.records.abs_diff(20 * 600) <= 40, "{}", only.records);
    let of_stream = slow.cost.bill.lines.iter().filter(|line| line.id.starts_with("kds.od."));
    let month: f64 = of_stream
        .map(|line| line.amount.expect("a price").to_string().parse::<f64>().expect("a number"))
        .sum();
    assert!((only.usd_per_hour.unwrap() * 730.0 / month - 1.0).abs() < 1e-4, "{only:?} of {month}");
    let busy = |which: usize| slow.consumers[which].busy_share.expect("it has workers");
    assert!(
        (0.98..=1.0).contains(&busy(0)) && (busy(1) / 0.02 - 1.0).abs() < 0.02,
        "{}, {}",
        busy(0),
        busy(1)
    );
}

#[test]
fn kds_s4_o6_a1_quotas_are_checked() {
    let few = load(&["account={ kinesis: { on_demand_streams: 0 } }"]).unwrap_err();
    assert!(few.contains("KDS-S4"), "{few}");
    let warm = "kinesis.events.capacity={ on_demand: { warm_throughput: 300 MiB/s } }";
    assert!(load(&[warm]).unwrap_err().contains("KDS-A1"));
    let advantage = "account={ on_demand_advantage: true }";
    assert_eq!(load(&[warm, advantage]).unwrap().streams[0].shards, 300);
    let elsewhere = load(&[warm, advantage, "region=eu-central-1"]).unwrap_err();
    assert!(elsewhere.contains("200 MiB/s"), "{elsewhere}");
}

#[test]
fn kds_o2_o6_check_shows_what_is_taken_at_once_and_what_a_stream_can_grow_to() {
    let check = LoadCheck::of(&load(&["workload.clicks.arrivals={ constant: { rate: 120/s } }"]).unwrap());
    let row = |limit: &str| check.rows.iter().find(|row| row.limit == limit && row.unit == "B/s").unwrap();
    assert_eq!((row("KDS-O2").allowed, row("KDS-O2").verdict), (4.0 * 1_048_576.0, Verdict::PeakAbove));
    assert_eq!((row("KDS-O6").allowed, row("KDS-O6").verdict), (10_000.0 * 1_048_576.0, Verdict::Fine));
}
