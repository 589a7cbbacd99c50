//! What a simulation meters, rule by rule of the price book's section "Metering rules", on scenarios whose quantities follow by hand.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

mod support;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use streamgauge::engine::time::HOUR;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pricing::Cause;
use streamgauge::report::result::RunResult;
use streamgauge::scenario::checked::Scenario;

/// 100 writes a second to a thousand items of 700 bytes, a stream and a reader.
const BASE: &str = "\
name: metered
study: terminating
duration: 20s
workload:
  w:
    writes_to: tables.t
    arrivals: { constant: { rate: 100/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 700 B }
tables:
  t:
    capacity: { on_demand: {} }
    kinesis: { stream: s }
kinesis:
  s:
    capacity: { provisioned: { shards: 4 } }
consumers:
  c:
    reads: kinesis.s
    polling: { interval: 1s }
";

/// Bytes of a GB.
const GB: f64 = 1_073_741_824.0;

fn load(text: &str) -> Scenario {
    support::scenario(text, &[])
}

fn metered(text: &str) -> (Scenario, Outcome, RunResult) {
    let scenario = load(text);
    let outcome = support::run::<true>(&scenario, 0);
    let result = RunResult::new(&scenario, std::slice::from_ref(&outcome), scenario.billing.book()).unwrap();
    (scenario, outcome, result)
}

fn quantity(result: &RunResult, id: &str) -> f64 {
    result.usage.0.get(id).unwrap_or_else(|| panic!("{id} is used")).quantity.to_f64().unwrap()
}

/// How many measured spans make up the month.
fn spans(scenario: &Scenario, outcome: &Outcome) -> f64 {
    scenario.billing.represents as f64 / outcome.quantities.at as f64
}

#[track_caller]
fn close(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-6, "{found} and {expected}");
}

#[test]
fn ddb_storage_gbmo_is_the_bytes_and_100_more_an_item() {
    let (_, _, result) = metered(BASE);
    // A thousand items of 700 bytes for the whole month.
    close(quantity(&result, "ddb.storage_gbmo"), 800_000.0 / GB);
    assert!(!result.usage.0.contains_key("ddb.pitr_gbmo"), "backups are off unless they are asked for");

    let large = "    size: 7 GiB\n    point_in_time_recovery: true\n    kinesis: { stream: s }\n";
    let half = "billing: { represents: 365h }\n";
    let (_, _, result) = metered(&(BASE.replace("    kinesis: { stream: s }\n", large) + half));
    // 7 GiB in items of 700 bytes, 100 bytes more for each, for half of the month.
    for id in ["ddb.storage_gbmo", "ddb.pitr_gbmo"] {
        close(quantity(&result, id), 8.0 / 2.0);
    }
}

/// The same with nothing but inserts.
fn inserting(text: &str) -> String {
    text.replace("item: { size: 700 B }\n", "item: { size: 700 B }\n    operations: { insert: 100% }\n")
}

#[test]
fn ddb_storage_gbmo_of_a_table_that_is_only_inserted_into_begins_with_nothing() {
    let base = BASE.replace("100/s", "1/s").replace("duration: 20s", "duration: 2000s")
        + "billing: { represents: 73h }\n";
    let keys = |keys: u32| {
        base.replace("{ uniform: { items: 1_000 } }", &format!("{{ sequential: {{ items: {keys} }} }}"))
    };
    // An item a second of 700 + 100 bytes for 73 h are 262,800; there is half of that on the average, for a tenth of the month.
    let month = 73.0 * 3_600.0 * 800.0 / GB / 10.0;
    let (_, _, result) = metered(&inserting(&keys(300_000)));
    within_a_thousandth(quantity(&result, "ddb.storage_gbmo"), month / 2.0);
    // What is stated to be there is there the whole month, and what comes is added.
    let sized = keys(300_000)
        .replace("    kinesis: { stream: s }\n", "    size: 7 GiB\n    kinesis: { stream: s }\n");
    let (_, _, result) = metered(&inserting(&sized));
    within_a_thousandth(quantity(&result, "ddb.storage_gbmo"), 0.8 + month / 2.0);
    // With a quarter of the keys all are there after a quarter of the month: half of them until then, and then all.
    let (_, _, result) = metered(&inserting(&keys(65_700)));
    within_a_thousandth(quantity(&result, "ddb.storage_gbmo"), month / 4.0 * (0.25 / 2.0 + 0.75));
    // What is changed must have been there.
    let (_, _, result) = metered(&keys(5_000));
    close(quantity(&result, "ddb.storage_gbmo"), 5_000.0 * 800.0 / GB / 10.0);
}

/// The write meant for the very end of the span may fall to either side.
#[track_caller]
fn within_a_thousandth(found: f64, expected: f64) {
    assert!((found / expected - 1.0).abs() < 1e-3, "{found} and {expected}");
}

#[test]
fn ddb_storage_gbmo_grows_with_a_growing_key_space_for_half_of_the_month() {
    let growing = BASE
        .replace("{ uniform: { items: 1_000 } }", "{ latest: { items: 1_000, exponent: 0.9 } }")
        + "events: {}\n";
    let (scenario, outcome, result) = metered(&inserting(&growing));
    let new = outcome.quantities.tables[0].new_items as f64;
    assert!((1_990.0..=2_000.0).contains(&new), "every write makes an item: {new}");
    let month = new * spans(&scenario, &outcome);
    close(quantity(&result, "ddb.storage_gbmo"), (1_000.0 + month / 2.0) * 800.0 / GB);
}

#[test]
fn ddb_od_wru_and_cdc_units_say_what_of_them_is_rounding() {
    let (_, _, result) = metered(BASE);
    for id in ["ddb.od.wru", "ddb.cdc.kinesis"] {
        let line = &result.usage.0[id];
        // 700 bytes fill 700 / 1,024 of a unit.
        let base = (line.causes[&Cause::Base] / line.quantity).to_f64().unwrap();
        assert!((base - 700.0 / 1_024.0).abs() < 1e-6, "{id}: {base}");
        assert_eq!(line.causes.values().sum::<Decimal>(), line.quantity);
    }
}

#[test]
fn ddb_gt_rwru_bills_all_writes_of_a_replica_and_what_goes_to_the_other_region() {
    let other = "  other:
    writes_to: tables.t
    source: { global_table: {} }
    arrivals: { constant: { rate: 50/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 700 B }
tables:
";
    let (scenario, outcome, result) = metered(&BASE.replace("tables:\n  t:", &format!("{other}  t:")));
    assert!(!result.usage.0.contains_key("ddb.od.wru"));
    let spans = spans(&scenario, &outcome);
    // A unit a write, whether it came from here or from there.
    let accepted = |name: usize| outcome.producers[name].0.accepted as f64;
    let all = quantity(&result, "ddb.gt.rwru") / spans;
    assert!((accepted(0) * 1.4..=accepted(0) + accepted(1)).contains(&all), "{all}");
    // Only what was written here goes out: 700 bytes of each write.
    close(
        quantity(&result, "dt.inter_region_gb"),
        outcome.quantities.tables[0].local_writes as f64 * 700.0 / GB * spans,
    );
    assert!((1_990..=2_000).contains(&outcome.quantities.tables[0].local_writes));
    // 48 bytes more an item than in a table of one Region.
    close(quantity(&result, "ddb.storage_gbmo"), 848_000.0 / GB);
}

#[test]
fn kms_req_is_12_calls_in_five_minutes_for_each_credential_and_a_key_a_month() {
    let encrypted = |text: &str| {
        BASE.replace("shards: 4 } }\n", &format!("shards: 4 }} }}\n    encryption: {{ {text} }}\n"))
    };
    let (_, _, result) = metered(&encrypted("credentials: 3"));
    // 730 h have 8,760 times five minutes.
    assert_eq!(result.usage.0["kms.req"].quantity, Decimal::from(3 * 12 * 8_760));
    assert_eq!(result.usage.0["kms.key_mo"].quantity, Decimal::ONE);
    let (_, _, result) = metered(&encrypted("key: aws_managed"));
    assert_eq!(result.usage.0["kms.req"].quantity, Decimal::from(12 * 8_760));
    assert!(!result.usage.0.contains_key("kms.key_mo"), "AWS's own key has no price");
    assert!(!metered(BASE).2.usage.0.contains_key("kms.req"), "encryption is off unless it is asked for");
}

#[test]
fn pl_2_vpce_if_h_is_by_zone_and_shared_and_vpce_if_gb_is_what_its_consumers_read() {
    let inside = "polling: { interval: 1s }\n    network: { interface_endpoint: { availability_zones: 3 }, across_zones: 50% }\n";
    let text = BASE.replace("polling: { interval: 1s }\n", inside);
    let two = text.clone() + &text[text.find("  c:\n").unwrap()..].replace("  c:", "  d:");
    let (scenario, outcome, result) = metered(&two);
    assert_eq!(
        result.usage.0["vpce.if_h"].quantity,
        Decimal::from(3 * 730),
        "two consumers share the endpoints"
    );
    let read: u64 = outcome.quantities.read.iter().map(|[bytes]| bytes).sum();
    assert!(read > 2 * outcome.quantities.streams[0][2] * 9 / 10, "both read all of it: {read}");
    let gb = read as f64 / GB * spans(&scenario, &outcome);
    close(quantity(&result, "vpce.if_gb"), gb);
    // Half of it crosses zones, which is billed in each direction.
    close(quantity(&result, "dt.cross_az_gb"), gb);
}

/// What a fleet is sent again after a crash goes through the network once more.
#[test]
fn vpce_if_gb_and_nat_gb_are_what_workers_read_by_calls_or_pushed_and_what_they_read_again() {
    let crash = "events: { death: { at: 10s, for: 1s, crash: consumers.c } }\n";
    let text = BASE.replace("duration: 20s", "duration: 120s\nend: stop") + crash;
    for kind in [
        "kcl: { version: 2, via: polling, failover_time: 10s, checkpoint: { every: { interval: 1h } } }",
        "kcl: { version: 2, via: enhanced_fan_out, failover_time: 10s, checkpoint: { every: { interval: 1h } } }",
        "flink: { parallelism: 2, checkpoint_interval: 1h, restart: 5s }",
    ] {
        for (door, hours, bytes) in [
            ("interface_endpoint: { availability_zones: 3 }", "vpce.if_h", "vpce.if_gb"),
            ("nat_gateway: { gateways: 3 }", "nat.h", "nat.gb"),
        ] {
            let inside = format!("{kind}\n    network: {{ {door}, across_zones: 25% }}\n");
            let (scenario, outcome, result) = metered(&text.replace("polling: { interval: 1s }\n", &inside));
            assert_eq!(result.usage.0[hours].quantity, Decimal::from(3 * 730), "{kind}");
            // Ten seconds' worth is read again: a twelfth of all. The last of it is still under way at the end.
            let written = outcome.quantities.streams[0][2] as f64;
            let times = quantity(&result, bytes) * GB / spans(&scenario, &outcome) / written;
            assert!((1.0 + 0.04..1.0 + 0.11).contains(&times), "{kind}: {times}");
            close(quantity(&result, "dt.cross_az_gb"), quantity(&result, bytes) / 2.0);
        }
    }
}

#[test]
fn nat_h_is_by_gateway_and_nat_gb_is_what_goes_through() {
    let inside = "polling: { interval: 1s }\n    network: { nat_gateway: { gateways: 2 } }\n";
    let (scenario, outcome, result) = metered(&BASE.replace("polling: { interval: 1s }\n", inside));
    assert_eq!(result.usage.0["nat.h"].quantity, Decimal::from(2 * 730));
    let [read] = outcome.quantities.read[0];
    close(quantity(&result, "nat.gb"), read as f64 / GB * spans(&scenario, &outcome));
    let ids = metered(BASE).2.usage.0;
    assert!(
        !ids.keys().any(|id| id.starts_with("nat.") || id.starts_with("vpce.")),
        "networks are off unless asked for"
    );
}

#[test]
fn cwlogs_ingest_gb_is_what_functions_write_and_store_gbmo_what_is_kept_of_it() {
    let logs = "lambda: { logs: { per_invocation: 500 B, per_record: 20 B, kept: 73h } }\n";
    let (scenario, outcome, result) = metered(&BASE.replace("polling: { interval: 1s }\n", logs));
    let used = outcome.quantities.lambdas[0];
    assert!(used.processed > 1_500 && used.requests[0] > 20, "{used:?}");
    let bytes = (used.requests[0] + used.requests[1]) * 500 + used.processed * 20;
    let gb = bytes as f64 / GB * spans(&scenario, &outcome);
    close(quantity(&result, "cwlogs.ingest_gb"), gb);
    // Kept for a tenth of the month, a tenth of the month's logs is always there.
    close(quantity(&result, "cwlogs.store_gbmo"), gb / 10.0);
    let causes = &result.usage.0["cwlogs.ingest_gb"].causes;
    assert_eq!(causes.keys().collect::<Vec<_>>(), [&Cause::LogsAndMetrics]);
}

#[test]
fn metrics_of_shards_are_unknown_by_name_until_the_user_states_a_price() {
    let metrics = "shards: 4 } }\n    shard_level_metrics: [incoming_bytes, incoming_records, iterator_age_milliseconds]\n";
    let (scenario, outcome, result) = metered(&BASE.replace("shards: 4 } }\n", metrics));
    assert_eq!(result.usage.0["cw.metric_mo"].quantity, Decimal::from(4 * 3));
    assert_eq!(
        (result.cost.bill.total, &result.cost.bill.unknown[..]),
        (None, &["cw.metric_mo".to_owned()][..])
    );
    let own = "id,us-east-1\ncw.metric_mo,0.30\n";
    let rows = streamgauge::pricing::rows(own).unwrap();
    let book = scenario.billing.book().with_own(&rows, own).unwrap();
    let result = RunResult::new(&scenario, &[outcome], &book).unwrap();
    let line = result.cost.bill.lines.iter().find(|line| line.id == "cw.metric_mo").unwrap();
    assert_eq!((line.amount, result.cost.bill.total.is_some()), (Some(Decimal::new(360, 2)), true));
}

#[test]
fn kds_prov_lt_read_gb_is_what_is_read_of_data_older_than_seven_days() {
    let stream = "shards: 4 } }\n    retention: 240h\n    history: 240h\n";
    let reader = "polling: { interval: 1s, from: trim_horizon, per_record: 0s, workers: 4 }\n";
    let text = BASE
        .replace("rate: 100/s", "rate: 1/s")
        .replace("duration: 20s", "duration: 2h\nend: stop")
        .replace("shards: 4 } }\n", stream)
        .replace("polling: { interval: 1s }\n", reader);
    let (scenario, outcome, result) = metered(&text);
    let [read] = outcome.quantities.read[0];
    let [_, long_ago] = outcome.quantities.copies[0];
    assert!(read > 240 * 3_600 * 700, "all ten days are read: {read}");
    // Evenly written, three of the ten days are older than seven; the two hours of the run are read too.
    let share = long_ago as f64 / read as f64;
    assert!((share - 72.0 / 242.0).abs() < 0.01, "{share}");
    close(quantity(&result, "kds.prov.lt_read_gb"), long_ago as f64 / GB * spans(&scenario, &outcome));
    assert_eq!(scenario.billing.month, 730 * HOUR);

    let young = text.replace("240h", "168h");
    assert!(
        !metered(&young).2.usage.0.contains_key("kds.prov.lt_read_gb"),
        "nothing is older than seven days"
    );
}

#[test]
fn ddb_streams_rru_of_a_second_reader_is_fan_out_and_of_empty_answers_empty_polls() {
    let text = BASE
        .replace("    kinesis: { stream: s }\n", "    streams: { view: new_image }\n")
        .replace("rate: 100/s", "rate: 1/s")
        .replace("reads: kinesis.s", "reads: tables.t.streams");
    let usage = metered(&text).2.usage.0;
    let shards = usage["kds.prov.shard_h"].quantity;
    assert_eq!(shards, Decimal::from(4 * 730), "the shards of a table's stream cost nothing");
    let one = usage["ddb.streams.rru"].clone();
    let two = text.clone() + &text[text.find("  c:\n").unwrap()..].replace("  c:", "  d:");
    let two = metered(&two).2.usage.0["ddb.streams.rru"].clone();
    assert_eq!(one.causes.keys().collect::<Vec<_>>(), [&Cause::Base, &Cause::EmptyPolls]);
    assert!(
        one.causes[&Cause::EmptyPolls] > one.causes[&Cause::Base],
        "an idle shard is polled all the same: {one:?}"
    );
    assert_eq!(two.causes[&Cause::Base], one.causes[&Cause::Base]);
    assert!(two.causes[&Cause::FanOut] > Decimal::ZERO, "{two:?}");
}

#[test]
fn second_copies_are_a_cause_of_their_own_wherever_their_bytes_are_billed() {
    let feed = "kinesis: { stream: s, replication: { duplicates: 20% } }";
    let text = BASE
        .replace("kinesis: { stream: s }", feed)
        .replace("polling: { interval: 1s }", "kcl: { version: 2 }")
        + "firehose: { f: { reads: kinesis.s, to: { s3: {} } } }\n";
    let (_, outcome, result) = metered(&text);
    let [copies, _] = outcome.quantities.copies[0];
    let records = outcome.quantities.streams[0][1];
    let expected = copies as f64 / records as f64;
    assert!((0.14..0.19).contains(&expected), "a fifth more makes a sixth of all: {expected}");
    for id in ["kds.prov.put_unit", "kds.prov.efo_gb", "fh.put", "s3.std"] {
        let line = &result.usage.0[id];
        let share = (line.causes[&Cause::Duplicates] / line.quantity).to_f64().unwrap();
        assert!((share - expected).abs() < 1e-6, "{id}: {share} and {expected}");
        assert_eq!(line.causes.values().sum::<Decimal>(), line.quantity);
    }
    let total = result.cost.by_cause.values().sum::<Decimal>();
    assert_eq!(Some(total), result.cost.bill.total);
}

#[test]
fn free_quantities_come_off_every_service_that_has_them_when_asked_for() {
    let all = "shards: 4 } }\n    encryption: { credentials: 2 }\n";
    let text = BASE
        .replace("shards: 4 } }\n", all)
        .replace("    kinesis: { stream: s }\n", "    kinesis: { stream: s }\n    size: 30 GiB\n");
    let with = metered(&(text.clone() + "billing: { free_tier: true }\n")).2;
    let free = |id: &str| with.cost.bill.lines.iter().find(|line| line.id == id).map(|line| line.quantity);
    // 25 GB of tables and 20,000 requests of KMS.
    assert_eq!(free("ddb.storage_gbmo.free"), Some(Decimal::from(25)));
    assert_eq!(free("kms.req.free"), Some(Decimal::from(20_000)));
    let without = metered(&text).2;
    assert!(without.cost.bill.lines.iter().all(|line| !line.id.ends_with(".free")));
    assert!(without.cost.bill.total > with.cost.bill.total);
}

#[test]
fn wrong_settings_are_refused_where_they_stand() {
    let refused = |text: &str, message: &str| {
        let error = support::load(text).unwrap_err();
        assert!(error.contains(message), "{error}");
    };
    let of_function = "lambda: {}\n    network: { nat_gateway: {} }\n";
    refused(&BASE.replace("polling: { interval: 1s }\n", of_function), "s.yaml:21:5 at consumers.c.network");
    let of_pipe = "pipe: { to: sqs.q }\n    network: { nat_gateway: {} }\nsqs: { q: {} }\n";
    refused(&BASE.replace("polling: { interval: 1s }\n", of_pipe), "AWS's own pollers read");
    let both = "polling: {}\n    network: { nat_gateway: {}, interface_endpoint: {} }\n";
    refused(
        &BASE.replace("polling: { interval: 1s }\n", both),
        "exactly one of `interface_endpoint`, `nat_gateway`",
    );
    let none = "shards: 4 } }\n    encryption: { credentials: 0 }\n";
    refused(&BASE.replace("shards: 4 } }\n", none), "expected 1 to 10000; found `0`");
    let twice = "shards: 4 } }\n    shard_level_metrics: [incoming_bytes, incoming_bytes]\n";
    refused(&BASE.replace("shards: 4 } }\n", twice), "a metric stands twice");
    let unknown = "shards: 4 } }\n    shard_level_metrics: [incoming_byte]\n";
    refused(&BASE.replace("shards: 4 } }\n", unknown), "incoming_bytes");
}
