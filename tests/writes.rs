//! What a write can be, what its client does, and what both make of the feed.

use streamgauge::engine::random::Streams;
use streamgauge::engine::time::SECOND;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pipeline::long_way::KindMeter;
use streamgauge::report::result::RunResult;
use streamgauge::systems::dynamodb::write_kind::WriteKind;

mod support;

/// A table that takes everything, with a feed that neither repeats nor reorders.
fn text(workload: &str, units: u32) -> String {
    format!(
        "\
name: orders
study: terminating
duration: 100s
workload:
{workload}
tables:
  orders:
    capacity: {{ provisioned: {{ write_units: {units}, burst: 1s }} }}
    kinesis: {{ stream: changes, replication: {{ delay: 100ms, reorder: 0%, duplicates: 0% }} }}
kinesis:
  changes:
    capacity: {{ provisioned: {{ shards: 4 }} }}
"
    )
}

fn error(workload: &str) -> String {
    support::load(&text(workload, 1_000)).expect_err("it is refused")
}

fn run(workload: &str, units: u32) -> Outcome {
    support::run::<true>(&support::scenario(&text(workload, units), &[]), 0)
}

/// A producer of 1,500-byte items: two write units each.
fn producer(rate: u32, more: &str) -> String {
    format!(
        "  app:
    writes_to: tables.orders
    arrivals: {{ constant: {{ rate: {rate}/s }} }}
    keys: {{ sequential: {{ items: 5000 }} }}
    item: {{ size: 1500 B }}
{more}"
    )
}

fn kind(outcome: &Outcome, kind: WriteKind) -> KindMeter {
    outcome.long_ways[0].expect("its writes are more than plain ones").kinds[kind as usize]
}

fn records(outcome: &Outcome) -> u64 {
    outcome.tables[0].feed.as_ref().expect("a feed").meter.replicated
}

#[test]
fn ddb_n1_n2_open_14_an_unchanged_write_costs_units_and_leaves_no_record() {
    let outcome = run(&producer(100, "    operations: { unchanged: 100% }"), 10_000);
    assert_eq!(outcome.producers[0].0.accepted, 10_000);
    assert_eq!((outcome.tables[0].meter.units, records(&outcome)), (20_000, 0));
}

#[test]
fn ddb_u6_a_failed_condition_costs_units_and_fails() {
    let outcome = run(&producer(100, "    operations: { conditional_failure: 100% }"), 10_000);
    let meter = outcome.producers[0].0;
    assert_eq!((meter.condition_failed, meter.accepted), (10_000, 0));
    assert_eq!((outcome.tables[0].meter.units, records(&outcome)), (20_000, 0));
    assert_eq!(outcome.ledger.fate("condition_failed"), 10_000);
}

#[test]
fn ddb_l2_l5_kdc_8_expired_items_go_free_of_charge_and_are_captured() {
    // The table takes one write unit a second and has room for none of these.
    let outcome = run(&producer(100, "    operations: { ttl: 100% }"), 1);
    assert_eq!((outcome.tables[0].meter.units, outcome.tables[0].meter.throttled), (0, 0));
    assert_eq!((outcome.producers[0].0.accepted, records(&outcome)), (10_000, 10_000));
    // The feed bills them like any other change: two units each (KDC-M1).
    assert_eq!(kind(&outcome, WriteKind::TimeToLive).capture_units, 20_000);
}

#[test]
fn ddb_l3_kdc_j8_the_record_says_that_the_service_removed_the_item() {
    let bytes = |operations: &str, of| {
        let meter = kind(&run(&producer(100, operations), 10_000), of);
        meter.record_bytes / meter.records
    };
    let removed =
        bytes("    operations: { remove: 100%, ttl: 0% }\n    client: { clients: 1 }", WriteKind::Remove);
    assert_eq!(bytes("    operations: { ttl: 100% }", WriteKind::TimeToLive), removed + 50);
}

#[test]
fn ddb_l1_items_that_expire_at_once_go_over_the_hours_that_follow() {
    let delayed = "    operations: { ttl: 100%, ttl_delay: { uniform: { low: 0s, high: 48h } } }";
    let outcome = run(&producer(100, delayed), 1);
    assert_eq!((outcome.producers[0].0.accepted, records(&outcome)), (10_000, 10_000));
    let last = outcome.end as f64 / 3.6e12;
    assert!((47.0..48.1).contains(&last), "the last goes after {last} h");
}

/// Neither how long requests take nor that removals come due in the measured half makes a write of them.
#[test]
fn nobody_waits_for_a_removal_by_time_to_live() {
    let delayed = "    operations: { modify: 50%, ttl: 50%, ttl_delay: { uniform: { low: 0s, high: 100s } } }
    client: { write_time: 20ms }";
    let text =
        text(&producer(100, delayed), 10_000).replace("duration: 100s", "duration: 100s\nwarm_up: 50s");
    let scenario = support::scenario(&text, &[]);
    let outcome = support::run::<true>(&scenario, 0);
    let (meter, latency) = &outcome.producers[0];
    assert_eq!((meter.cohort, meter.first_try_cohort), (5_000, 5_000), "all is taken at once");
    assert_eq!(latency.histogram().count(), meter.timed_cohort);
    assert!(meter.timed_cohort.abs_diff(2_500) < 5 * 36, "half of them are requests: {meter:?}");
    let result = RunResult::new(&scenario, &[outcome], scenario.billing.book()).expect("a result");
    assert_eq!(result.latency[0].count, 5_000);
}

#[test]
fn ddb_u8_t6_a_transaction_costs_twice_and_is_all_or_nothing() {
    let outcome = run(&producer(100, "    client: { transaction: 4 }"), 10_000);
    assert_eq!((outcome.tables[0].meter.units, records(&outcome)), (40_000, 10_000));
    assert_eq!(outcome.long_ways[0].expect("calls").calls.calls, 2_500);
    // One condition fails in each: nothing is written, everything is paid for.
    let outcome = run(
        &producer(
            100,
            "    operations: { modify: 90%, conditional_failure: 10% }\n    client: { transaction: 100 }",
        ),
        10_000,
    );
    let meter = outcome.producers[0].0;
    assert_eq!((meter.accepted, records(&outcome), outcome.tables[0].meter.units), (0, 0, 40_000));
    assert_eq!(meter.condition_failed + meter.cancelled, 10_000);
    assert!((meter.condition_failed as f64 - 1_000.0).abs() < 5.0 * 30.0, "{meter:?}");
}

#[test]
fn ddb_t6_u8_a_throttled_transaction_is_cancelled_as_a_whole_and_paid_for() {
    // A transaction of 10 items takes 40 units; the table saves 45 at most and gets 45 a second.
    let outcome = run(&producer(20, "    client: { transaction: 10, resend: { attempts: 1 } }"), 45);
    let (meter, table) = (outcome.producers[0].0, outcome.tables[0].meter);
    let calls = outcome.long_ways[0].expect("calls").calls;
    assert!(calls.cancelled > 0 && calls.cancelled < calls.calls, "{calls:?}");
    assert_eq!(meter.accepted % 10, 0);
    assert_eq!(
        (meter.accepted, meter.given_up),
        (10 * (calls.calls - calls.cancelled), 10 * calls.cancelled)
    );
    assert_eq!((records(&outcome), table.changes()), (meter.accepted, meter.accepted));
    assert!(table.units > 4 * meter.accepted, "cancelled ones consumed nothing: {table:?}");
}

#[test]
fn ddb_b1_u7_a_batch_rounds_each_item_up_and_holds_25() {
    let outcome = run(&producer(100, "    client: { batch: 25 }"), 10_000);
    assert_eq!(outcome.tables[0].meter.units, 20_000);
    assert_eq!(outcome.long_ways[0].expect("calls").calls.calls, 400);
    assert!(error(&producer(1, "    client: { batch: 26 }")).contains("2 to 25 (DDB-B1)"));
    assert!(error(&producer(1, "    client: { transaction: 101 }")).contains("1 to 100 (DDB-B3)"));
}

#[test]
fn ddb_b1_b3_no_item_comes_twice_in_one_call() {
    for client in ["batch: 25", "transaction: 25"] {
        let one_item =
            producer(100, &format!("    client: {{ {client} }}")).replace("items: 5000", "items: 1");
        let outcome = run(&one_item, 10_000);
        assert_eq!(outcome.long_ways[0].expect("calls").calls.calls, 10_000, "{client}");
    }
}

#[test]
fn ddb_t5_t10_sdk_r13_what_a_batch_leaves_unprocessed_the_application_sends_again() {
    // Each second 100 units come in and 200 are asked for, for 100 s; the drain sends the rest.
    let outcome = run(&producer(100, "    client: { batch: 20 }"), 100);
    let (meter, calls) = (outcome.producers[0].0, outcome.long_ways[0].expect("calls").calls);
    assert_eq!(meter.accepted + meter.given_up, 10_000);
    assert!(calls.unprocessed > 0, "{calls:?} {meter:?}");
    // Only calls of which nothing was processed count as throttled requests, and only those are the SDK's to retry.
    assert!(calls.throttled < meter.refused / 2, "{calls:?} {meter:?}");
}

#[test]
fn sdk_r13_a_batch_sent_again_is_a_new_call_with_all_its_attempts() {
    // One call of 20 items, of which the table takes one a second. What is left is sent again at once and refused as a
    // whole, but every call has ten attempts, whose waits add up to many times the second until the next one fits.
    let client = "    client: { batch: 20, retries: legacy, resend: { base: 1ms, cap: 1ms } }";
    let calls = producer(1, client).replace("rate: 1/s", "rate: 0.2/s");
    let outcome = run(&calls, 2);
    let meter = outcome.producers[0].0;
    assert!(outcome.long_ways[0].expect("calls").calls.throttled > 10, "{meter:?}");
    assert_eq!((meter.accepted, meter.given_up), (20, 0));
}

#[test]
fn sdk_r4_one_client_fails_fast_where_many_go_on() {
    let given_up = |clients: u32| {
        let client = format!("    client: {{ clients: {clients}, retries: standard_2026 }}");
        let meter = run(&producer(500, &client), 100).producers[0].0;
        assert_eq!(meter.accepted + meter.given_up, 50_000);
        (meter.retries, meter.quota_empty)
    };
    let (retries_of_one, empty_of_one) = given_up(1);
    let (retries_of_many, empty_of_many) = given_up(10_000);
    // 500 tokens pay for 100 retries after throttling; each success gives one token or what its retry took.
    assert!(empty_of_one > 10_000 && retries_of_one < 20_000, "{retries_of_one}, {empty_of_one}");
    assert!(empty_of_many == 0 && retries_of_many > 80_000, "{retries_of_many}, {empty_of_many}");
}

#[test]
fn little_s_law_holds_for_a_closed_system() {
    let closed = "  app:
    writes_to: tables.orders
    arrivals: { closed: { clients: 50, think_time: { exponential: { mean: 400ms } } } }
    keys: { uniform: { items: 100 } }
    item: { size: 100 B }
    client: { write_time: 100ms }";
    let outcome = run(closed, 10_000);
    // 50 clients, each 400 ms thinking and 100 ms writing: 100 writes a second.
    let offered = outcome.producers[0].0.offered as f64;
    assert!((offered / 100.0 - 100.0).abs() < 5.0, "{offered}");
    let slow = run(closed, 20);
    assert!((slow.producers[0].0.accepted as f64 / 100.0) < 22.0, "clients wait for a slow table");
}

#[test]
fn ddb_y1_def_6_a_write_takes_its_time_and_its_change_follows() {
    let outcome = run(&producer(100, "    client: { write_time: 8ms }"), 10_000);
    let latency = &outcome.producers[0].1;
    assert_eq!((latency.histogram().count(), latency.mean()), (10_000, Some(8_000.0)));
    let feed = outcome.tables[0].feed.as_ref().expect("a feed").latency.mean();
    assert_eq!(feed, Some(108_000.0));
}

#[test]
fn ddb_y2_a_transaction_takes_two_phases() {
    let outcome = run(&producer(100, "    client: { write_time: 8ms, transaction: 2 }"), 10_000);
    assert_eq!(outcome.producers[0].1.mean(), Some(16_000.0));
}

#[test]
fn ddb_t7_a_plain_write_that_meets_a_transaction_fails_and_comes_again() {
    let both = format!(
        "{}\n{}",
        producer(50, "    client: { transaction: 2, write_time: 200ms }").replace("items: 5000", "items: 2"),
        producer(10, "").replace("  app:", "  other:").replace("items: 5000", "items: 2"),
    );
    let outcome = run(&both, 10_000);
    let other = outcome.producers[1].0;
    assert!(other.conflicts > 0);
    assert_eq!(other.accepted, 1_000);
}

#[test]
fn ddb_t8_sdk_r14_an_answer_that_is_lost_makes_a_second_write_but_no_second_record() {
    let errors = |repeat: &str| {
        let client =
            format!("    client: {{ server_errors: {{ share: 10%, applied: 50%, repeat: {repeat} }} }}");
        run(&producer(100, &client), 10_000)
    };
    let same = errors("unchanged");
    let (meter, table) = (same.producers[0].0, same.tables[0].meter);
    assert!((meter.server_errors as f64 - 1_111.0).abs() < 200.0, "{meter:?}");
    // Every second lost answer was of a write that had taken place, and its repetition was paid for.
    let twice = table.accepted - meter.accepted;
    assert!((twice as f64 - meter.server_errors as f64 / 2.0).abs() < 120.0, "{twice}");
    // DDB-N1: a repetition that changes nothing leaves no record.
    assert_eq!(records(&same), meter.accepted + meter.applied_unheard);
    let again = errors("modify");
    assert_eq!(records(&again), again.tables[0].meter.accepted);
    assert!(records(&again) > 10_000);
}

#[test]
fn ddb_t8_every_request_ends_in_one_way_and_a_throttled_one_is_no_server_error() {
    let client = "    client: { server_errors: { share: 50%, applied: 100%, repeat: unchanged } }";
    let meter = run(&producer(100, client), 100).producers[0].0;
    assert!(meter.refused > 0 && meter.server_errors > 0, "{meter:?}");
    assert_eq!(meter.accepted + meter.refused + meter.server_errors, meter.requests());
}

#[test]
fn ddb_g4_g5_l6_replicated_writes_take_capacity_and_make_records_here() {
    let both = format!(
        "{}\n{}",
        producer(50, "    source: { global_table: { lag: 1s } }\n    operations: { modify: 50%, ttl: 50% }"),
        producer(50, "").replace("  app:", "  local:"),
    );
    let outcome = run(&both, 10_000);
    // Removals by time to live come as replicated writes that cost units and are told from no others.
    assert_eq!(outcome.tables[0].meter.units, 2 * 10_000);
    assert_eq!(records(&outcome), 10_000);
    let (ttl, modify) = (kind(&outcome, WriteKind::TimeToLive), kind(&outcome, WriteKind::Modify));
    assert!(ttl.units == 2 * ttl.carried_out && modify.units == 2 * modify.carried_out);
    assert_eq!(outcome.producers[0].1.mean(), Some(1_000_000.0));
}

#[test]
fn ddb_g1_replicated_writes_are_never_given_up() {
    let outcome = run(&producer(60, "    source: { global_table: { lag: 1s } }"), 100);
    let meter = outcome.producers[0].0;
    assert!(meter.refused > 0, "120 units a second are asked for, and 100 there");
    assert_eq!((meter.accepted, meter.given_up), (6_000, 0));
}

#[test]
fn lat_15_a_global_tables_lag_is_usually_under_a_second_and_commonly_half_to_two_and_a_half() {
    let scenario = support::scenario(&text(&producer(60, "    source: { global_table: {} }"), 100), &[]);
    let client = scenario.producers[0].client.as_ref().expect("a source of its own");
    let lag = client.replicated_after.as_ref().expect("a lag");
    let mut draws = Streams::new(1, 0).named("lag");
    let seconds: Vec<f64> = (0..10_000).map(|_| lag.sample(&mut draws) / 1e9).collect();
    let share =
        |within: &dyn Fn(f64) -> bool| seconds.iter().filter(|lag| within(**lag)).count() as f64 / 1e4;
    assert!(share(&|lag| lag < 1.0) > 0.7 && share(&|lag| (0.5..2.5).contains(&lag)) > 0.9);
}

#[test]
fn ddb_g6_strong_consistency_is_refused() {
    let message = error(&producer(1, "    source: { global_table: { consistency: mrsc } }"));
    assert!(message.contains("not simulated") && message.contains("DDB-G6"), "{message}");
}

#[test]
fn what_does_not_go_together_is_refused() {
    for (more, expected) in [
        ("    operations: { modify: 50%, ttl: 50% }\n    client: { batch: 5 }", "no requests"),
        ("    operations: { conditional_failure: 100% }\n    client: { batch: 5 }", "no conditions (DDB-B1)"),
        ("    client: { batch: 5, transaction: 5 }", "exclude each other"),
        ("    client: { resend: { attempts: 3 } }", "`batch` or `transaction`"),
        ("    client: { batch: 5, server_errors: { share: 1%, applied: 50% } }", "single writes only"),
        ("    operations: { modify: 100%, ttl_delay: 1h }", "goes with a share of `ttl`"),
        ("    source: { global_table: {} }\n    operations: { unchanged: 100% }", "carries changes only"),
        ("    source: { global_table: {} }\n    client: { clients: 2 }", "has no client"),
    ] {
        let message = error(&producer(1, more));
        assert!(message.contains(expected), "{message}");
    }
}

/// The base pipeline with planned events.
fn run_with(events: &str, workload: &str, change: impl Fn(String) -> String) -> Outcome {
    let text = change(format!("{}events:\n{events}", text(workload, 10_000)));
    support::run::<true>(&support::scenario(&text, &[]), 0)
}

#[test]
fn kdc_9_11_a_feed_that_is_off_captures_nothing_and_nothing_is_made_up_for() {
    let events = "  off: { at: 10s, disable: tables.orders.kinesis }
  on: { at: 30s, enable: tables.orders.kinesis }
";
    let outcome = run_with(events, &producer(100, ""), |text| text);
    let meter = outcome.tables[0].feed.as_ref().expect("a feed").meter;
    // Off from 10 s to 30 s, and captured again a minute after: 80 s of 100 writes a second. What was under way came.
    assert_eq!((meter.not_captured, meter.dropped, meter.replicated), (8_000, 0, 2_000));
    let states: Vec<&str> = outcome.timeline.entries().iter().map(|entry| &entry.what[..]).collect();
    let lost = "records begin to be lost: not captured, made while replication was off";
    assert_eq!(
        states,
        ["is switched off", "DISABLING", lost, "is switched on", "ENABLING", "ENABLING", "ACTIVE"],
        "off for 20 s only, its tail of 30 s is not over when it is switched on"
    );
}

#[test]
fn kdc_r2_r6_kdc_4_changes_wait_while_permission_is_lost_and_the_table_does_not_notice() {
    let events = "  lost: { at: 20s, for: 40s, lost_permission: tables.orders.kinesis }\n";
    let outcome = run_with(events, &producer(100, ""), |text| text);
    let meter = outcome.tables[0].feed.as_ref().expect("a feed").meter;
    assert_eq!((meter.replicated, meter.not_captured + meter.dropped), (10_000, 0));
    // The oldest is 40 s old when permission is back, and waits 5 s more at most for its next try.
    let oldest = meter.age_max_micros as f64 / 1e6;
    assert!((39.0..46.0).contains(&oldest), "{oldest}");
    assert_eq!((outcome.tables[0].meter.throttled, meter.throttled), (0, 0));
    assert_eq!(outcome.producers[0].0.accepted, 10_000);
}

#[test]
fn kdc_r2_a_throttled_key_refuses_its_share_of_the_puts() {
    let events = "  keys: { at: 0s, for: 100s, kms_throttling: { of: tables.orders.kinesis, share: 50% } }\n";
    let outcome = run_with(events, &producer(100, ""), |text| text);
    let meter = outcome.tables[0].feed.as_ref().expect("a feed").meter;
    // Each change needs two tries on average: 10,000 +- 5 times the square root of 20,000.
    assert!((meter.key_throttled as f64 - 10_000.0).abs() < 5.0 * 142.0, "{meter:?}");
    assert_eq!(meter.replicated, 10_000);
}

#[test]
fn kdc_r2_every_try_meets_a_throttled_key_anew_however_many_there_were() {
    let events = "  keys: { at: 0s, for: 10h, kms_throttling: { of: tables.orders.kinesis, share: 99% } }\n";
    let slow = producer(1, "").replace("rate: 1/s", "rate: 0.01/s");
    let outcome = run_with(events, &slow, |text| text.replace("duration: 100s", "duration: 10h"));
    let meter = outcome.tables[0].feed.as_ref().expect("a feed").meter;
    assert_eq!(meter.replicated, 360);
    // Tries come 5 s apart at most, and 1,440 of them in a row all fail for one of the 360 with a chance of 0.0002.
    let oldest = meter.age_max_micros as f64 / 3.6e9;
    assert!(oldest < 2.0, "{oldest} h");
}

#[test]
fn kdc_r3_r4_after_168_hours_replication_is_switched_off_and_later_changes_are_lost() {
    let events = "  lost: { at: 1h, for: 300h, lost_permission: tables.orders.kinesis }\n";
    let slow = producer(1, "").replace("rate: 1/s", "rate: 0.01/s").replace("items: 5000", "items: 1");
    let outcome = run_with(events, &slow, |text| text.replace("duration: 100s", "duration: 200h"));
    let meter = outcome.tables[0].feed.as_ref().expect("a feed").meter;
    // 36 changes an hour: those of the first hour arrive, those of 168 h wait in vain, those of 31 h are not captured.
    assert!(meter.replicated.abs_diff(36) <= 1, "{meter:?}");
    assert!(meter.dropped.abs_diff(168 * 36) <= 2 && meter.not_captured.abs_diff(31 * 36) <= 2, "{meter:?}");
    assert!(outcome.timeline.entries().iter().any(|entry| entry.what.contains("168 h")));
    let age = meter.age_max_micros as f64 / 3.6e9;
    assert!((168.0..168.1).contains(&age), "{age}");
}

/// A change a second, each of another item, tried again every 5 s exactly, reaches its stream's door 100 ms later: of the one
/// written at `w`, those tries fail that are `w + 0.1 + 5 n` and come before permission is back, whoever sees them.
#[test]
fn open_7_kdc_r1_every_waiting_change_goes_on_trying_by_itself_also_unseen() {
    let retry = "retry: { base: 5s, cap: 5s, jitter: none }, delay";
    let of = |until: u64, events: &str| {
        let outcome =
            run_with(events, &producer(1, ""), |text| text.replace("{ delay", &format!("{{ {retry}")));
        let tries = |written: u64| (1_000 * until).saturating_sub(1_000 * written + 100).div_ceil(5_000);
        let expected: u64 = (20..until.min(100)).map(tries).sum();
        (outcome.tables[0].feed.as_ref().expect("a feed").meter, expected)
    };
    let (lost, expected) = of(90, "  lost: { at: 20s, for: 70s, lost_permission: tables.orders.kinesis }\n");
    assert_eq!((lost.denied, lost.replicated), (expected, 100));
    // A key that refuses all has the same effect, and so has permission that is lost once more meanwhile.
    let keys = "  keys: { at: 20s, for: 70s, kms_throttling: { of: tables.orders.kinesis, share: 100% } }\n";
    let (lost, expected) = of(90, keys);
    assert_eq!((lost.key_throttled, lost.replicated), (expected, 100));
    let twice = "  one: { at: 20s, for: 40s, lost_permission: tables.orders.kinesis }
  two: { at: 50s, for: 40s, lost_permission: tables.orders.kinesis }\n";
    let (lost, expected) = of(90, twice);
    assert_eq!((lost.denied, lost.replicated), (expected, 100));
    // Switched off with 30 s for what is under way, in the midst of it: all that waits is dropped, at its next try.
    let off = "  lost: { at: 20s, for: 300s, lost_permission: tables.orders.kinesis }
  off: { at: 50s, disable: tables.orders.kinesis }\n";
    let (lost, _) = of(80, off);
    assert_eq!((lost.dropped, lost.not_captured, lost.replicated), (30, 50, 20));
    let tries: u64 = (20..50).map(|written| (80_000 - 1_000 * written - 100_u64).div_ceil(5_000)).sum();
    assert_eq!(lost.denied, tries);
}

#[test]
fn kdc_r3_kdc_r4_changes_that_wait_a_week_for_permission_cost_little_to_follow_and_keep_their_ages() {
    let events = "  lost: { at: 1h, for: 300h, lost_permission: tables.orders.kinesis }\n";
    let slow = producer(1, "").replace("rate: 1/s", "rate: 0.1/s").replace("items: 5000", "items: 100000");
    let outcome = run_with(events, &slow, |text| text.replace("duration: 100s", "duration: 200h"));
    let feed = outcome.tables[0].feed.as_ref().expect("a feed");
    let meter = feed.meter;
    // 360 changes an hour, each of another item: those of 168 h wait in vain, and 31 h are left after that.
    assert!(
        meter.dropped.abs_diff(168 * 360) <= 2 && meter.not_captured.abs_diff(31 * 360) <= 2,
        "{meter:?}"
    );
    let age = meter.age_max_micros as f64 / 3.6e9;
    assert!((168.0..168.002).contains(&age), "{age}");
    // Each waits half a week on average, and tries 2 times in 5 s: waits are anything up to 5 s.
    let tries = 168.0 * 360.0 * 84.0 * 3_600.0 / 2.5;
    assert!((meter.denied as f64 / tries - 1.0).abs() < 0.01, "{} against {tries}", meter.denied);
    // The feed's age grows by an hour an hour all the while, and is small again after that.
    let bins = feed.series.bins();
    let width = feed.series.width() as f64 / 3.6e12;
    let column = streamgauge::pipeline::feed::column::AGE;
    for (number, bin) in bins.iter().enumerate().filter(|(number, _)| *number as f64 * width < 160.0) {
        let end = (number as f64 + 1.0) * width;
        let age = bin[column] as f64 / 3.6e9;
        assert!((age - (end - 1.0).max(0.0)).abs() <= width + 0.1, "{age} h at {end} h");
    }
}

#[test]
fn kdc_j12_kdc_j13_a_record_over_the_limit_is_skipped_and_later_ones_go_on() {
    // Both images of a 400 KB item exceed 1 MiB only with the bloat of JSON: here binary data (KDC-J9).
    let large = "  app:
    writes_to: tables.orders
    arrivals: { constant: { rate: 1/s } }
    keys: { sequential: { items: 10 } }
    item: { shape: { key: { name: pk }, attributes: { data: { binary: 300_000 } } } }
    operations: { insert: 50%, modify: 50% }";
    let outcome = run(large, 10_000);
    let meter = outcome.tables[0].feed.as_ref().expect("a feed").meter;
    // One image is 533 KB of base64 text, two are more than a stream takes.
    assert!(meter.too_large > 20 && meter.replicated > 20, "{meter:?}");
    assert_eq!(meter.too_large + meter.replicated, 100);
    let place = outcome.tolls.iter().find(|it| it.path == "tables.orders.kinesis").expect("the feed");
    let [lost] = place.tolls.all() else { panic!("one kind: {place:?}") };
    assert_eq!((lost.fate, lost.records), ("too_large", meter.too_large));
    assert!(lost.first() < lost.last() && lost.last() < 101 * SECOND, "{lost:?}");
}

#[test]
fn kdc_m1_m2_open_8_every_attempt_is_metered_by_the_item_not_by_the_record() {
    let one_shard = |rate: u32| {
        let text = text(&producer(rate, ""), 10_000).replace("shards: 4", "shards: 1");
        let outcome = support::run::<true>(&support::scenario(&text, &[]), 0);
        outcome.tables[0].feed.as_ref().expect("a feed").meter
    };
    let calm = one_shard(100);
    assert_eq!((calm.throttled, calm.units), (0, 2 * calm.replicated));
    // A shard takes 1 MiB a second: some 300 of these records, whose both images are twice the item.
    let busy = one_shard(400);
    assert!(busy.throttled > 0);
    assert_eq!(
        (busy.units, busy.units_retried),
        (2 * (busy.replicated + busy.throttled), 2 * busy.throttled)
    );
}

#[test]
fn kdc_m2_kdc_r6_only_what_reached_the_stream_before_is_metered_as_a_retry() {
    let events = "  lost: { at: 20s, for: 40s, lost_permission: tables.orders.kinesis }
  keys: { at: 60s, for: 20s, kms_throttling: { of: tables.orders.kinesis, share: 50% } }
";
    let twice = |text: String| text.replace("duplicates: 0%", "duplicates: 10%");
    let outcome = run_with(events, &producer(100, ""), twice);
    let meter = outcome.tables[0].feed.as_ref().expect("a feed").meter;
    assert!(meter.denied > 0 && meter.key_throttled > 0 && meter.copies > 0, "{meter:?}");
    // The stream itself had room for all: each change and each copy was metered once, two units each.
    assert_eq!((meter.throttled, meter.units), (0, 2 * (10_000 + meter.copies)));
    assert_eq!((meter.units_retried, meter.units_copied), (0, 2 * meter.copies));
}

#[test]
fn ddb_b3_a_transaction_above_4_mb_is_refused_whole() {
    let of = |rate: u32, bytes: &str, client: &str| {
        let producer = producer(rate, &format!("    client: {client}")).replace("1500 B", bytes);
        let outcome = run(&producer, 40_000);
        let invalid = outcome.long_ways[0].expect("calls").calls.invalid;
        (
            outcome.producers[0].0.accepted,
            outcome.ledger.fate("call_refused"),
            invalid,
            outcome.tables[0].meter.units,
        )
    };
    // A hundred items of 40 KB are 4,000 KB; of 41 KB, 4,100 KB, and 4 MB are 4,096.
    assert_eq!(of(100, "40 KiB", "{ transaction: 100 }"), (10_000, 0, 0, 2 * 40 * 10_000));
    assert_eq!(of(100, "41 KiB", "{ transaction: 100 }"), (0, 10_000, 100, 0));
    // BatchWriteItem has 16 MB, more than 25 of the largest items (DDB-B1).
    assert_eq!(of(5, "400 KiB", "{ batch: 25 }"), (500, 0, 0, 400 * 500));
}

#[test]
fn ddb_u10_one_item_that_is_too_large_takes_its_call_along() {
    let folder = tempfile::tempdir().expect("a folder");
    // Two batches of three; an item of the second one is larger than 400 KiB.
    let rows = "0,a,INSERT,0,500\n0,b,INSERT,0,500\n0,c,INSERT,0,500\n1000,a,MODIFY,500,500\n1000,b,MODIFY,500,500000\n1000,c,MODIFY,500,500\n";
    let trace = format!("timestamp_ms,key,op,bytes_before,bytes_after\n{rows}");
    std::fs::write(folder.path().join("trace.csv"), trace).expect("a file");
    let producer = "  app:
    writes_to: tables.orders
    arrivals: { trace: { file: trace.csv } }
    client: { batch: 3 }
";
    let scenario = support::load_in(folder.path(), &text(producer, 1_000), &[]).expect("it is sound");
    let outcome = support::run::<true>(&scenario, 0);
    let (meter, calls) = (outcome.producers[0].0, outcome.long_ways[0].expect("calls").calls);
    assert_eq!((meter.accepted, meter.too_large, meter.call_refused, calls.invalid), (3, 1, 2, 1));
}

#[test]
fn ddb_t6_a_transaction_that_never_fits_is_given_up_and_the_run_ends() {
    // A hundred items of two units take 400 at once, twice their own; a table of 100 units a second that saves them for a second never has as many.
    let client = "    client: { transaction: 100 }";
    let meter = run(&producer(20, client), 100).producers[0].0;
    assert!(meter.offered > 0 && meter.accepted == 0 && meter.given_up == meter.offered, "{meter:?}");
}
