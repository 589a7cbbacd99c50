//! Planned events do what they say, at their moment and no longer.

use streamgauge::pipeline::finish::Outcome;
use streamgauge::pricing::PriceBook;
use streamgauge::report::result::RunResult;
use streamgauge::report::{markdown, terminal};
use streamgauge::scenario::checked::Scenario;

mod support;

const BASE: &str = support::orders!(
    "",
    "consumers:\n  search: { reads: kinesis.changes, polling: { interval: 1s, batch_size: 500 } }\n"
);

fn scenario(events: &str) -> Scenario {
    support::scenario(&format!("{BASE}events:\n{events}"), &[])
}

fn run(events: &str) -> Outcome {
    support::run::<true>(&scenario(events), 0)
}

#[test]
fn a_spike_of_three_for_a_minute_adds_two_minutes_of_writes() {
    let outcome = run("  sale: { at: 2m, for: 1m, spike: { of: workload.checkout, factor: 3 } }\n");
    assert_eq!(outcome.producers[0].0.offered, 100 * (600 + 2 * 60));
    let happened: Vec<(u64, &str)> =
        outcome.timeline.entries().iter().map(|entry| (entry.at / 1_000_000_000, &entry.what[..])).collect();
    assert_eq!(happened, [(120, "writes 3 times as much"), (180, "writes 3 times as much: over")]);
}

#[test]
fn nothing_is_read_in_an_outage_and_everything_afterwards() {
    let outcome = run("  down: { at: 2m, for: 3m, outage: consumers.search }\n");
    let consumer = &outcome.consumers[0];
    assert_eq!(consumer.meter.processed, outcome.producers[0].0.accepted + copies(&outcome));
    // The record that came in as the outage began waits for all of it.
    let longest = consumer.latency.histogram().max() as f64 / 1e6;
    assert!((180.0..184.0).contains(&longest), "{longest}");
    // Two shards are polled once a second, but not in these three minutes; the 18,000 records that waited take up to 36
    // calls more.
    let calls = consumer.reads.polls + consumer.reads.empty_polls;
    let all = 2 * (outcome.end / 1_000_000_000);
    assert!((all - 2 * 180 - 4..=all - 2 * 180 + 40).contains(&calls), "{calls} of {all}");
}

fn copies(outcome: &Outcome) -> u64 {
    outcome.tables[0].feed.as_ref().map_or(0, |feed| feed.meter.copies)
}

#[test]
fn kds_s2_a_longer_retention_does_not_bring_back_what_is_gone() {
    let day = |events: &str| {
        let text = BASE.replace("duration: 10m", "duration: 60h").replace("100/s", "1/s");
        support::run::<true>(&support::scenario(&format!("{text}events:\n{events}"), &[]), 0)
    };
    let outage = "  down: { at: 1h, for: 40h, outage: consumers.search }\n";
    let longer =
        |at: &str| format!("{outage}  longer: {{ at: {at}, set: {{ kinesis.changes.retention: 48h }} }}\n");
    let lost = |outcome: &Outcome| outcome.consumers[0].reads.expired;
    // Of 40 hours without a reader 16 are lost at a record a second; none if retention is raised in time; raised 30 hours
    // into the run, what the first 30 - 24 - 1 hours of the outage wrote is gone.
    for (events, hours) in [(outage.to_owned(), 16), (longer("20h"), 0), (longer("30h"), 5)] {
        let lost = lost(&day(&events));
        assert!(lost.abs_diff(hours * 3_600) <= 10, "{lost} against {hours} h");
    }
}

#[test]
fn kds_s5_a_refused_event_is_told_in_a_sentence() {
    // The second split comes while the stream is UPDATING.
    let events = "  first: { at: 2m, split: { stream: kinesis.changes, shard: 0 } }
  second: { at: 121s, split: { stream: kinesis.changes, shard: 1 } }
";
    let scenario = scenario(events);
    let result =
        RunResult::new(&scenario, &[run(events), run(events)], PriceBook::builtin()).expect("a bill");
    let [refusal] = &result.refusals[..] else { panic!("{:?}", result.refusals) };
    let told = "The planned events.second was refused in 2 of 2 replications: ResourceInUseException";
    assert!(refusal.starts_with(told), "{refusal}");
    let screen = terminal::render(&result, None, terminal::Screen::PLAIN).replace("\n  ", " ");
    assert!(screen.contains(told) && markdown::render(&result).contains(told), "{screen}");
}
