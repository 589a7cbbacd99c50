//! Tables adapt, or do not: partitions, on-demand capacity, scaling and indexes, through the whole pipeline.

use streamgauge::experiment::replicate::{Control, Silent, run};
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pricing::PriceBook;
use streamgauge::report::result::RunResult;
use streamgauge::scenario::checked::Scenario;

mod support;

const BASE: &str = "\
name: orders
study: terminating
duration: 20m
workload:
  checkout:
    writes_to: tables.orders
    arrivals: { constant: { rate: 100/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 700 B }
    client: { retries: none }
tables:
  orders:
    capacity: { provisioned: { write_units: 1000 } }
";

fn load(sets: &[&str]) -> Result<Scenario, String> {
    support::load_with(BASE, sets)
}

fn result(sets: &[&str]) -> (RunResult, Outcome) {
    let scenario = load(sets).unwrap_or_else(|errors| panic!("{errors}"));
    let cancelled = std::sync::atomic::AtomicBool::new(false);
    let control = Control { threads: 1, cancelled: &cancelled, observer: &Silent };
    let mut outcomes = run::<true>(&scenario, &control).expect("the ledger balances");
    let result = RunResult::new(&scenario, &outcomes, PriceBook::builtin()).expect("a bill");
    (result, outcomes.remove(0))
}

fn refused(result: &RunResult, path: &str, reason: &str) -> Option<u64> {
    let row = result.throttles.iter().find(|row| row.path == path && row.cause == reason);
    row.map(|row| row.refused)
}

#[test]
fn ddb_x3_t10_refusals_are_counted_by_cause_and_each_request_once() {
    const SETS: &[&str] = &[
        "duration=2m",
        "workload.checkout.arrivals={ constant: { rate: 3000/s } }",
        "tables.orders.capacity={ on_demand: { max: 1500 } }",
    ];
    let (result, outcome) = result(SETS);
    // 1,500 a second for two minutes and one second's worth saved; the last write comes 1/3 ms before the end.
    let expected = 360_000 - 1_500 * 121;
    let found = refused(&result, "tables.orders", "TableWriteMaxOnDemandThroughputExceeded");
    assert!(found.is_some_and(|found| found.abs_diff(expected) <= 1), "{found:?}");
    assert_eq!(result.tables[0].throttled, found.unwrap());
    assert_eq!(refused(&result, "tables.orders", "TableWriteKeyRangeThroughputExceeded"), Some(0));
    assert_eq!(result.tables[0].throughput.throttled_by_reason.values().sum::<u64>(), found.unwrap());
    // The same under CloudWatch's names.
    let scenario = load(SETS).expect("it was loaded before");
    let series = streamgauge::report::csv::timeseries(&scenario, &outcome);
    let total = |metric: &str| {
        let rows = series.lines().filter(|row| row.split(',').nth(3) == Some(metric));
        rows.map(|row| row.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum::<u64>()
    };
    assert_eq!(total("WriteMaxOnDemandThroughputThrottleEvents"), found.unwrap());
    assert_eq!(total("WriteThrottleEvents"), found.unwrap());
    assert_eq!(total("WriteKeyRangeThroughputThrottleEvents"), 0);
}

#[test]
fn ddb_m7_warm_throughput_does_not_lift_the_limit_of_a_partition() {
    let (result, _) = result(&[
        "duration=2m",
        "workload.checkout.arrivals={ constant: { rate: 2000/s } }",
        "workload.checkout.keys={ uniform: { items: 1 } }",
        "tables.orders.capacity={ on_demand: { warm_throughput: 12000 } }",
    ]);
    assert_eq!(
        result.tables[0].throughput.partitions.as_ref().map(|partitions| partitions.at_start),
        Some(12)
    );
    let found = refused(&result, "tables.orders", "TableWriteKeyRangeThroughputExceeded").unwrap();
    assert!(found.abs_diff(1_000 * 120 - 1_000) <= 1, "{found}");
}

#[test]
fn ddb_p12_m1_a_new_on_demand_table_has_four_partitions_and_the_bill_counts_requests() {
    let (result, outcome) =
        result(&["tables.orders.capacity={ on_demand: {} }", "tables.orders.partitions={}"]);
    let partitions = result.tables[0].throughput.partitions.as_ref().expect("partitions");
    assert_eq!((partitions.at_start, partitions.at_end), (4, 4));
    let units: u64 = partitions.hottest.iter().map(|partition| partition.write_units).sum();
    assert_eq!(units, result.tables[0].write_units);
    // 120,000 units in 20 minutes: 2,190 times that in 730 hours.
    assert_eq!(outcome.meter_units(), 120_000);
    let line = &result.usage.0["ddb.od.wru"];
    assert_eq!(line.quantity.to_string(), "262800000");
    assert!(!result.usage.0.contains_key("ddb.prov.wcu_h"));
}

trait Units {
    fn meter_units(&self) -> u64;
}

impl Units for Outcome {
    fn meter_units(&self) -> u64 {
        self.tables[0].meter.units
    }
}

#[test]
fn ddb_p13_provisioned_partitions_follow_units_and_size() {
    for (set, partitions) in [
        ("tables.orders.capacity.provisioned={ write_units: 3500 }", 4),
        ("tables.orders.capacity.provisioned={ write_units: 500, read_units: 4500 }", 2),
        ("tables.orders.size=95 GiB", 10),
        ("tables.orders.partitions={ initial: 3 }", 3),
    ] {
        let (result, _) = result(&["duration=10s", set]);
        let found = result.tables[0].throughput.partitions.as_ref().map(|partitions| partitions.at_start);
        assert_eq!(found, Some(partitions), "{set}");
    }
    let (result, _) = result(&["duration=10s", "tables.orders.partitions=off"]);
    assert_eq!(result.tables[0].throughput.partitions, None);
}

#[test]
fn ddb_m16_m17_scaled_capacity_is_on_the_time_axis_and_in_the_bill() {
    let (result, _) = result(&[
        "workload.checkout.arrivals={ constant: { rate: 900/s } }",
        "tables.orders.capacity={ provisioned: { write_units: 1000, auto_scaling: { target: 50%, min: 500, max: 2000 } } }",
    ]);
    // 900 of 1,000 are above 50 % in minutes 1 and 2; the alarm takes a minute, and the update three. Then 1,800.
    let events: Vec<(f64, &str)> =
        result.events.iter().map(|event| (event.at_s.unwrap(), event.what.as_str())).collect();
    assert_eq!((events[0].0, events[1].0, events[2].0), (120.0, 180.0, 360.0));
    assert_eq!(events[2].1, "provisioned, 1000 WCU, becomes provisioned, 1800 WCU");
    let curve = &result.tables[0].throughput.curve;
    let at = |second: f64| curve.capacity[(second / curve.step_s) as usize];
    assert_eq!((at(100.0), at(500.0)), (1_000, 1_800));
    // 6 minutes of 1,000 and 14 of 1,800, for 730 hours: 1,560 on average.
    assert_eq!(result.usage.0["ddb.prov.wcu_h"].quantity.to_string(), (1_560 * 730).to_string());
}

#[test]
fn ddb_m13_m14_a_planned_switch_takes_effect_minutes_later() {
    let (result, _) = result(&[
        "workload.checkout.arrivals={ constant: { rate: 3000/s } }",
        "tables.orders.partitions=off",
        "tables.orders.capacity.provisioned.burst=1s",
        "events={ switch: { at: 5m, set: { tables.orders.capacity: { on_demand: {} } } } }",
    ]);
    let row = &result.tables[0].throughput;
    // Two thirds are refused until five minutes after the call, and nothing afterwards.
    assert!((599.9..=600.0).contains(&row.last_throttled_s.unwrap()), "{:?}", row.last_throttled_s);
    let found = refused(&result, "tables.orders", "TableWriteProvisionedThroughputExceeded").unwrap();
    assert!(found.abs_diff(2_000 * 600 - 1_000) <= 3, "{found}");
    // Provisioned for half of the time, and by the request in the other half.
    assert_eq!(result.usage.0["ddb.prov.wcu_h"].quantity.to_string(), (1_000 * 365).to_string());
    assert_eq!(result.usage.0["ddb.od.wru"].quantity.to_string(), (3_000_u64 * 600 * 2_190).to_string());
}

#[test]
fn ddb_p14_an_index_holds_its_table_up_under_its_own_name() {
    let (result, _) = result(&[
        "duration=1m",
        "workload.checkout.arrivals={ constant: { rate: 900/s } }",
        "tables.orders.global_secondary_indexes={ by-day: { capacity: { provisioned: { write_units: 100, burst: 1s } } } }",
    ]);
    let path = "tables.orders.global_secondary_indexes.by-day";
    let found = refused(&result, path, "IndexWriteProvisionedThroughputExceeded").unwrap();
    assert!(found.abs_diff(800 * 60 - 100) <= 1, "{found}");
    assert_eq!(result.tables[0].throttled, found);
    assert_eq!(result.tables[0].throughput.indexes[0].writes, result.tables[0].accepted);
    // 1,100 units, of which 100 are the index's.
    let line = &result.usage.0["ddb.prov.wcu_h"];
    assert_eq!(line.quantity.to_string(), (1_100 * 730).to_string());
}

#[test]
fn ddb_m10_m11_m18_dds_q1_what_is_beyond_quotas_and_bounds_is_refused_by_name() {
    let refusals = [
        ("tables.orders.capacity.provisioned.write_units=40001", "(DDB-M10)"),
        ("tables.orders.capacity.provisioned.write_units=0", "(DDB-M11)"),
        (
            "tables.orders.capacity.provisioned.auto_scaling={ target: 95%, min: 1, max: 2000 }",
            "expected 20% to 90% (DDB-M18)",
        ),
        (
            "tables.orders.capacity.provisioned.auto_scaling={ min: 2000, max: 3000 }",
            "not within `min` and `max`",
        ),
        ("tables.orders.capacity={ on_demand: { warm_throughput: 3000 } }", "(DDB-M6)"),
        ("tables.orders.global_secondary_indexes={ x: {} }", "needs a `capacity` of its own"),
        (
            "tables.orders.global_secondary_indexes={ x: { capacity: { on_demand: {} } } }",
            "an index has the capacity mode of its table",
        ),
        ("tables.orders.partitions={ initial: 0 }", "expected 1 to 4000"),
        (
            "events={ x: { at: 1m, set: { tables.orders.capacity.on_demand.max: 10 } } }",
            "in the other capacity mode",
        ),
        ("events={ x: { at: 1m, set: { tables.orders.key: 10 } } }", "cannot be changed while a run goes on"),
    ];
    for (set, expected) in refusals {
        let errors = load(&[set]).err().unwrap_or_else(|| panic!("{set} is taken"));
        assert!(errors.contains(expected), "{set}: {errors}");
    }
    // AWS raises quotas on request.
    let raised = "account={ dynamodb: { table_write_units: 50000 } }";
    assert!(load(&[raised, "tables.orders.capacity.provisioned.write_units=40001"]).is_ok());
    let two = "tables={ orders: { capacity: { provisioned: { write_units: 40000 } } }, \
               a: { capacity: { provisioned: { write_units: 40001 } } } }";
    assert!(load(&[raised, two]).is_err_and(|errors| errors.contains("80000 (DDB-M10)")));
}

#[test]
fn partitions_of_new_items_grow_with_them_and_the_ledger_balances() {
    let (result, _) = result(&[
        "workload.checkout.keys={ latest: { items: 100, exponent: 0.5 } }",
        "workload.checkout.operations={ insert: 100% }",
        "tables.orders.sort_key={ collections: 10 }",
    ]);
    assert_eq!(result.tables[0].accepted, 120_000);
    assert!(
        result
            .ledger
            .iter()
            .all(|account| { account.entered.values().sum::<u64>() == account.fates.values().sum::<u64>() })
    );
}

/// Nothing is lost unseen, and nobody tries again what AWS will never take.
#[test]
fn ddb_p4_new_items_of_a_full_collection_are_refused_by_name() {
    let sets = [
        "duration=1s",
        "workload.checkout.keys={ sequential: { items: 100_000 } }",
        "workload.checkout.item={ size: 100 KiB }",
        "workload.checkout.arrivals={ constant: { rate: 5/s } }",
        "workload.checkout.operations={ insert: 100% }",
        "tables.orders={ capacity: { provisioned: { write_units: 3000 } }, size: 10 GiB, sort_key: { collections: 1, local_index: true } }",
    ];
    let (result, outcome) = result(&sets);
    let meter = outcome.producers[0].0;
    // The collection is full from the start.
    assert_eq!((meter.accepted, meter.collection_full, meter.retries), (0, meter.offered, 0));
    assert_eq!((outcome.ledger.fate("collection_full"), result.tables[0].throttled), (meter.offered, 0));
    assert!(
        load(&[
            sets[1],
            "tables.orders={ capacity: { provisioned: { write_units: 3000 } }, size: 11 GiB, \
                             sort_key: { collections: 1, local_index: true } }"
        ])
        .is_err_and(|errors| errors.contains("10 GiB at most (DDB-P2)"))
    );
}

/// Four items share a partition key, and with it its writes: the text does not put them all down to one item.
#[test]
fn ddb_p4_p8_a_hot_partition_is_said_to_be_stuck_for_one_item_or_for_one_partition_key() {
    let said = |items: u32, local_index: bool| {
        let keys = format!("workload.checkout.keys={{ uniform: {{ items: {items} }} }}");
        let sort_key = format!("tables.orders.sort_key={{ collections: 1, local_index: {local_index} }}");
        let heat = "tables.orders.partitions={ initial: 1, split_for_heat: { use: 5%, after: 1m } }";
        let (_, outcome) = result(&["duration=3m", &keys, &sort_key, heat]);
        let entries =
            outcome.timeline.entries().iter().filter(|entry| entry.what.contains("cannot be split"));
        entries.map(|entry| entry.what.clone()).collect::<Vec<_>>()
    };
    let of_key = said(4, true);
    assert!(of_key.len() == 1 && of_key[0].contains("one partition key"), "{of_key:?}");
    assert!(!of_key[0].contains("all its writes go to"), "{of_key:?}");
    let of_item = said(1, true);
    assert!(of_item.len() == 1 && of_item[0].contains("all its writes go to item#"), "{of_item:?}");
    // Without a local index the items come apart (DDB-P4), until each is alone.
    let apart = said(2, false);
    assert!(apart.iter().all(|what| what.contains("all its writes go to")), "{apart:?}");
}

#[test]
fn ddb_m9_m13_a_later_event_changes_what_an_earlier_one_set() {
    let switch = "{ at: 5m, set: { tables.orders.capacity: { on_demand: {} } } }";
    let cap = "{ at: 10m, set: { tables.orders.capacity.on_demand.max: 10 } }";
    // By time, whatever the order in the file.
    assert!(load(&[&format!("events={{ cap: {cap}, switch: {switch} }}")]).is_ok());
    let units = "{ at: 10m, set: { tables.orders.capacity.provisioned.write_units: 10 } }";
    let errors = load(&[&format!("events={{ switch: {switch}, units: {units} }}")]);
    assert!(errors.is_err_and(|errors| errors.contains("in the other capacity mode")));
}
