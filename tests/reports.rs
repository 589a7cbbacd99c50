//! What reports say in words must be what the run came to: conservation and arithmetic against sentences and tables.

use streamgauge::pipeline::finish::Outcome;
use streamgauge::pricing::PriceBook;
use streamgauge::report::result::RunResult;
use streamgauge::report::{markdown, terminal};
use streamgauge::scenario::checked::Scenario;

mod support;

/// `rate` small writes a second, evenly spaced, into a table with two shards behind it, and further sections.
fn text(rate: &str, duration: &str, more: &str) -> String {
    format!(
        "\
name: test
study: terminating
duration: {duration}
workload:
  writer: {{ writes_to: tables.t, arrivals: {{ constant: {{ rate: {rate} }} }}, keys: {{ uniform: {{ items: 1_000 }} }}, item: {{ size: 300 B }} }}
tables:
  t:
    capacity: {{ provisioned: {{ write_units: 1000 }} }}
    kinesis: {{ stream: s, replication: {{ delay: 50ms, reorder: 0%, duplicates: 0% }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 2 }} }} }}
{more}
"
    )
}

fn run(text: &str) -> (Scenario, Outcome, RunResult) {
    let scenario = support::scenario(text, &[]);
    let outcome = support::run::<true>(&scenario, 0);
    let result =
        RunResult::new(&scenario, std::slice::from_ref(&outcome), PriceBook::builtin()).expect("a bill");
    (scenario, outcome, result)
}

/// The terminal's summary as one line, so that it does not matter where lines are broken.
fn said(result: &RunResult) -> String {
    let text = terminal::render(result, None, terminal::Screen::PLAIN);
    text.split_whitespace().collect::<Vec<_>>().join(" ")
}

/// One reader and nothing under way at the end: what it did not process is what the sentence and the figure call lost.
#[test]
fn what_a_function_discards_and_a_feed_leaves_out_is_said_to_be_lost() {
    let cases = [
        (
            "consumers:\n  c: { reads: kinesis.s, lambda: { errors: { rate: 100% }, retries: 0 } }",
            "discarded at consumers.c",
        ),
        (
            "consumers:\n  c: { reads: kinesis.s, polling: {} }\nevents:\n  off: { at: 1m, disable: tables.t.kinesis }\n  on: { at: 2m, enable: tables.t.kinesis }",
            "not captured at tables.t.kinesis",
        ),
    ];
    for (more, fate) in cases {
        let (_, outcome, result) = run(&text("20/s", "4m", more));
        let offered = outcome.producers[0].0.offered;
        let processed: u64 = outcome.consumers.iter().map(|it| it.meter.processed).sum();
        let processed = processed + outcome.lambdas.iter().map(|it| it.meter.processed).sum::<u64>();
        let missing = offered - processed;
        assert!(missing > 0);
        assert_eq!(result.figure("lost"), Some(missing as f64), "{fate}");
        let sentence = format!("{missing} {fate} of 4800 writes")
            .replace("4800", "4,800")
            .replace(&format!("{missing} "), &format!("{} ", streamgauge::report::words::count(missing)));
        assert!(
            said(&result).contains(&format!("lost {sentence}")),
            "{sentence} is missing in {}",
            said(&result)
        );
        assert!(markdown::render(&result).contains(&format!("Lost: {sentence}")));
    }
}

/// A destination that is down for longer than it is tried again: its documents lie under the error prefix.
#[test]
fn what_lies_under_the_error_prefix_is_not_lost_but_said() {
    let more = "firehose:\n  search: { reads: kinesis.s, to: { opensearch: { buffer: { interval: 60s }, retry: 60s } } }\nevents:\n  down: { at: 2m, for: 5m, outage: firehose.search }";
    let (_, outcome, result) = run(&text("20/s", "12m", more));
    let aside = outcome.producers[0].0.offered - outcome.deliveries[0].meter.delivered;
    assert!(aside > 0);
    assert_eq!(result.figure("lost"), Some(0.0));
    let sentence = format!(
        "lost nothing of 14,400 writes in all replications; {} under the error prefix of firehose.search",
        streamgauge::report::words::count(aside)
    );
    assert!(said(&result).contains(&sentence), "{sentence} is missing in {}", said(&result));
}
