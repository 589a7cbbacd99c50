//! The DynamoDB Streams Kinesis Adapter: the Kinesis Client Library on a table's stream.

use streamgauge::pipeline::finish::Outcome;
use streamgauge::systems::fleet::{Cadence, Via};

mod support;

/// A table that is written twice a second, and a reader of its stream with the adapter.
fn adapter(duration: &str, kcl: &str, rate: &str, more: &str) -> String {
    format!(
        "\
name: test
study: terminating
duration: {duration}
workload:
  writer: {{ writes_to: tables.t, arrivals: {{ poisson: {{ rate: {rate} }} }}, keys: {{ uniform: {{ items: 500 }} }}, item: {{ size: 300 B }} }}
tables:
  t: {{ capacity: {{ provisioned: {{ write_units: 900 }} }}, streams: {{ view: keys_only }} }}
consumers:
  f: {{ reads: tables.t.streams, kcl: {{ {kcl} }} }}
{more}
"
    )
}

fn run(text: &str) -> Outcome {
    let scenario = support::scenario(text, &[]);
    support::run::<true>(&scenario, 0)
}

#[test]
fn adp_1_dds_k1_the_adapter_calls_each_second_and_every_two_after_an_empty_call() {
    let idle = run(&adapter("30m", "version: 3", "0.001/s", "end: stop"));
    let reads = idle.fleets[0].reads;
    assert!(reads.polls <= 6);
    assert!((895..=905).contains(&(reads.polls + reads.empty_polls)), "{reads:?}");
    // Where something comes all the time there is a call a second, and all of them are billed.
    let busy = run(&adapter("30m", "version: 3", "50/s", "end: stop"));
    let reads = busy.fleets[0].reads;
    assert!((1_780..=1_801).contains(&reads.polls), "{reads:?}");
    assert_eq!(busy.quantities.fleets[0].streams_reads, [reads.polls, reads.empty_polls]);
    let error = support::load(&adapter("30m", "version: 3, max_records: 1_001", "1/s", "")).unwrap_err();
    assert!(error.contains("expected 1 to 1000 (ADP-1)"), "{error}");
}

#[test]
fn adp_2_dds_k2_once_a_minute_behind_it_calls_three_times_as_often() {
    // Down for three minutes of 300 writes a second: a thousand records a call catch up slowly.
    let caught_up_after = |catch_up: bool| {
        let events = "events: { death: { at: 1m, for: 3m, crash: consumers.f } }";
        let outcome = run(&adapter("7m", &format!("version: 3, catch_up: {catch_up}"), "300/s", events));
        let fleet = &outcome.fleets[0];
        assert_eq!(fleet.meter.processed + fleet.meter.lost, outcome.producers[0].0.accepted);
        let bins = fleet.series.bins();
        let column = streamgauge::pipeline::fleet::column::ITERATOR_AGE;
        bins.iter().rposition(|bin| bin[column] > 60_000_000).unwrap()
    };
    let (plain, fast) = (caught_up_after(false), caught_up_after(true));
    // About 200 s of 300 records: 700 a second are gained, or 2,700. Down to a minute behind it takes 60 s, or 16 s.
    assert!(plain > fast + 20, "{plain} {fast}");
    let cadence = |kcl: &str| match support::load(&adapter("1m", kcl, "1/s", "")).unwrap().fleets[0].via {
        Via::Polling(cadence) => cadence,
        Via::FanOut(_) => panic!("it is polled"),
    };
    let second = 1_000_000_000;
    let usual = Cadence { idle_after_empty: 2 * second, ..Cadence::every(second) };
    assert_eq!(cadence("version: 3"), usual, "off by default");
    assert_eq!(cadence("version: 3, catch_up: true"), Cadence { catch_up: Some((60 * second, 3)), ..usual });
}

#[test]
fn adp_3_the_adapter_goes_with_version_1_and_version_3() {
    let error = |kcl: &str| support::load(&adapter("1m", kcl, "1/s", "")).map(|_| ()).unwrap_err();
    assert!(error("version: 2").contains("ADP-3"));
    assert!(error("version: 1, catch_up: true").contains("ADP-2"));
    assert!(error("version: 3, via: enhanced_fan_out").contains("a table's stream has no enhanced fan-out"));
    assert!(support::load(&adapter("30m", "version: 1", "1/s", "")).is_ok());
}

#[test]
fn dds_r8_a_tables_stream_is_not_read_from_a_moment_on() {
    let moment = "version: 3, from: { at_timestamp: 2026-01-04T23:55:00Z }";
    let of_table = support::load(&adapter("1m", moment, "1/s", "")).map(|_| ()).unwrap_err();
    assert!(of_table.contains("is not read from a moment on (DDS-R8)"), "{of_table}");
}
