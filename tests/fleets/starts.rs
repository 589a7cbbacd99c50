//! Fleets that begin: in what their stream held before the run, or later than the run.

use super::{fleet, near, run, support, text};

/// A stream holds ten minutes of 20 records a second from before the run.
#[test]
fn kwk_15_kds_r8_an_application_goes_on_in_a_streams_history_where_it_is_told_to() {
    let with = |kcl: &str| {
        let text = text("5m", 20, 2, &format!("kcl: {{ {kcl} }}"), "");
        text.replace("shards: 2 } }", "shards: 2 } }, history: 10m")
    };
    let of_history = |kcl: &str| {
        let fleet = fleet(&with(&format!("version: 3, via: polling{kcl}")));
        assert_eq!((fleet.meter.lost, fleet.meter.repeated_total()), (0, 0));
        fleet.meter.processed - 20 * 300
    };
    near("all of it", of_history(", from: trim_horizon") as f64, 20.0 * 600.0, 0.001);
    // The run begins with 5 January.
    let half = of_history(", from: { at_timestamp: 2026-01-04T23:55:00Z }");
    near("half of it", half as f64, 20.0 * 300.0, 0.001);
    assert_eq!((of_history(", from: latest"), of_history("")), (0, 0));
    // Where its position is left open it is an assumption of the report.
    let assumes = |kcl: &str| {
        let assumptions = support::scenario(&with(kcl), &[]).assumptions;
        assumptions.iter().any(|it| it.what.starts_with("where a fleet goes on"))
    };
    assert!(assumes("via: polling") && !assumes("via: polling, from: latest") && assumes("version: 3"));
    let error = |kcl: &str| support::load(&with(kcl)).map(|_| ()).unwrap_err();
    let later = error("via: polling, from: { at_timestamp: 2026-01-05T00:00:01Z }");
    assert!(later.contains("no later than that at which it starts (KDS-R8)"), "{later}");
}

/// A stream holds ten minutes of 20 records a second from before the run, and pushes them as fast as it may.
#[test]
fn kds_e1_kds_r8_what_a_stream_held_before_the_run_is_pushed_too() {
    let of = |consumer: &str, history: &str| {
        let text = text("5m", 20, 2, consumer, "");
        fleet(&text.replace("shards: 2 } }", &format!("shards: 2 }} }}, history: {history}")))
    };
    for consumer in [
        "kcl: { from: trim_horizon }",
        "flink: { parallelism: 2, via: enhanced_fan_out, from: trim_horizon }",
    ] {
        let all = of(consumer, "10m");
        near(consumer, all.meter.processed as f64, 20.0 * (300.0 + 600.0), 0.001);
        assert!(all.fan_out.expect("it is pushed to").bytes > 0);
    }
    assert_eq!(of("flink: { parallelism: 2, via: polling }", "10m").meter.processed, 20 * 300);
    let polled = of("flink: { parallelism: 2, via: polling, from: trim_horizon }", "10m");
    near("polled", polled.meter.processed as f64, 20.0 * (300.0 + 600.0), 0.001);
    // A record of 300 bytes and the name of its item weighs some 0.9 kB: a day of them comes at 2 MiB a second from each shard.
    let day = of("kcl: { from: trim_horizon }", "24h");
    // The first of them come out of what a shard may push at once.
    let most = day.series.bins().iter().skip(2).map(|bin| bin[4]).max().expect("some bins");
    let bytes = day.reads.bytes as f64 / day.reads.records as f64;
    let a_second = 1e9 / day.series.width() as f64;
    near("bytes a second", most as f64 * bytes * a_second, 2.0 * 2.0 * 1_048_576.0, 0.02);
}

/// A fleet that is created four minutes into ten reads what is there or what comes, and costs nothing before.
#[test]
fn a_fleet_that_is_added_later_begins_then() {
    let kinds = [
        "kcl: { version: 1, workers: 3, host: { ec2: c6g.large }",
        "kcl: { version: 2, via: polling, workers: 3, host: { ec2: c6g.large }",
        "kcl: { version: 3, via: polling, workers: 3, host: { ec2: c6g.large }",
        "kcl: { version: 3, workers: 3, host: { ec2: c6g.large }",
        "flink: { parallelism: 3",
        "flink: { parallelism: 3, via: enhanced_fan_out",
    ];
    let minute = 60_000_000_000_u128;
    for kind in kinds {
        let of = |from: &str| run(&text("10m", 20, 4, &format!("{kind}, starts: 4m, from: {from} }}"), ""));
        let (all, latest) = (of("trim_horizon"), of("latest"));
        assert_eq!(all.fleets[0].meter.processed, 20 * 600, "{kind}");
        near(kind, latest.fleets[0].meter.processed as f64, 20.0 * 360.0, 0.01);
        for outcome in [&all, &latest] {
            let (fleet, used) = (&outcome.fleets[0], &outcome.quantities.fleets[0]);
            assert!(
                used.kpu_nanos[0] == 3 * 6 * minute || used.host_nanos == 3 * 6 * minute,
                "{kind}: {used:?}"
            );
            let registered = if fleet.fan_out.is_some() { 4 * 6 * minute } else { 0 };
            assert_eq!(used.registered_nanos, registered, "{kind}");
            let before = (4 * minute as u64 / fleet.series.width()) as usize;
            assert!(fleet.series.bins()[..before].iter().all(|bin| *bin == [0; 6]), "{kind}");
            // Each of its workers looks for leases within 20 s, and a version that steals has them shared later.
            let longest = fleet.latency.histogram().max() as f64 / 1e6;
            assert!(
                longest < if outcome.fleets[0].meter.processed == 20 * 600 { 300.0 } else { 60.0 },
                "{kind}: {longest}"
            );
        }
        assert!(
            all.timeline.entries().iter().any(|note| note.what.contains("begins to read, with")),
            "{kind}"
        );
    }
    let early = "events: { death: { at: 3m, for: 60s, crash: consumers.f } }";
    let error = support::load(&text("10m", 20, 4, "kcl: { starts: 4m }", early)).unwrap_err();
    assert!(error.contains("`consumers.f` begins only 4m into the run"), "{error}");
    let error = support::load(&text("10m", 20, 4, "kcl: { starts: 11m }", "")).unwrap_err();
    assert!(error.contains("the duration at most"), "{error}");
}

/// A shard is split before the fleet is there: it reads the parent first, then its children.
#[test]
fn kds_s7_a_fleet_that_is_added_after_a_split_reads_parents_first() {
    let split = "events: { wider: { at: 100s, split: { stream: kinesis.s, shard: 0 } } }";
    for kind in ["kcl: { version: 2, via: polling", "kcl: { version: 3", "flink: { parallelism: 2"] {
        let of = |from: &str| {
            fleet(&text("10m", 60, 2, &format!("{kind}, starts: 4m, from: {from} }}"), split)).meter.processed
        };
        assert_eq!(of("trim_horizon"), 60 * 600, "{kind}");
        near(kind, of("latest") as f64, 60.0 * 360.0, 0.01);
    }
}

/// The worker reads a record of ten minutes of history every ten seconds, and dies after a minute: meanwhile the oldest one that is
/// left grows older, ten minutes more than the run.
#[test]
fn what_a_stream_held_before_the_run_is_as_old_as_that_on_shards_that_nobody_reads() {
    let kcl =
        "kcl: { version: 2, via: polling, from: trim_horizon, max_records: 1, prefetch: 0, idle_time: 10s }";
    let events = "events: { death: { at: 60s, for: 120s, crash: consumers.f } }";
    let text = text("5m", 20, 1, kcl, &format!("{events}\nend: stop"));
    let fleet = fleet(&text.replace("shards: 1 } }", "shards: 1 } }, history: 10m"));
    let width = fleet.series.width();
    for second in [90_u64, 120, 170] {
        let bin = fleet.series.bins()[(second * 1_000_000_000 / width) as usize];
        let age = bin[streamgauge::pipeline::fleet::column::ITERATOR_AGE] as f64 / 1e6;
        near("the oldest", age, 600.0 + second as f64, 0.01);
    }
}
