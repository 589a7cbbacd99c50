//! What reports say in words must be what the run came to: conservation and arithmetic against sentences and tables.

use std::sync::atomic::AtomicBool;
use streamgauge::experiment::follow;
use streamgauge::experiment::replicate::{Control, Silent};
use streamgauge::pipeline::follow::arrival::Choice;
use streamgauge::report::result::RunResult;
use streamgauge::report::{markdown, terminal};

mod support;

use support::{fed_table as text, reported as run};

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
        let lost = format!("lost {} {fate}", streamgauge::report::words::count(missing));
        let said = said(&result);
        assert!(said.contains(&lost) && said.contains(" of 4,800 writes"), "{lost} is missing in {said}");
        assert!(markdown::render(&result).contains(&lost.replacen("lost", "Lost:", 1)));
    }
}

/// A destination that is down for longer than it is tried again: its documents lie under the error prefix.
#[test]
fn what_lies_under_the_error_prefix_is_not_lost_but_said() {
    let more = "firehose:\n  search: { reads: kinesis.s, buffer: { interval: 60s }, to: { opensearch: { retry_duration: 60s } } }\nevents:\n  down: { at: 2m, for: 5m, outage: firehose.search }";
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

/// A fluid queue: ten minutes' writes wait, and the worker takes 5 a second of 3. It catches up after 10 min x 3 / (5 - 3), however
/// late an outage of half an hour had made it before.
#[test]
fn what_an_earlier_outage_left_behind_is_not_usual() {
    let more = "consumers:\n  c: { reads: kinesis.s, polling: { workers: 1, batch_size: 20, per_record: 200ms } }\nevents:\n  first: { at: 20m, for: 30m, outage: consumers.c }\n  second: { at: 105m, for: 10m, outage: consumers.c }";
    let (_, _, result) = run(&text("3/s", "140m", more));
    let stalls = &result.consumers[0].stalls;
    for (stall, minutes) in stalls.iter().zip([30.0, 10.0]) {
        let expected = minutes * 60.0 * 3.0 / (5.0 - 3.0);
        let found = stall.recovered_after_s.expect("it catches up");
        assert!((found / expected - 1.0).abs() < 0.05, "{found} instead of {expected} after {}", stall.event);
    }
}

/// 26 hours without reading, of 24 that are kept: the loss is theirs, not that of the ten minutes before.
#[test]
fn a_loss_belongs_to_the_event_that_caused_it() {
    let more = "consumers:\n  c: { reads: kinesis.s, polling: {} }\nevents:\n  short: { at: 1h, for: 10m, outage: consumers.c }\n  long: { at: 3h, for: 26h, outage: consumers.c }";
    let (_, _, result) = run(&text("0.2/s", "30h", more));
    let lost: Vec<Option<f64>> =
        result.consumers[0].stalls.iter().map(|stall| stall.first_loss_after_s).collect();
    assert_eq!(lost[0], None);
    let day = lost[1].expect("two hours' worth is lost");
    assert!((day / 86_400.0 - 1.0).abs() < 0.001, "{day}");
}

/// Thirty records come in a second, more than the consumer `c` can take: who is to blame for it?
fn overloaded(consumers: &str, more: &str) -> (RunResult, Vec<(String, f64)>) {
    let more = format!("{more}consumers:\n  c: {{ reads: kinesis.s, {consumers}");
    let (_, _, result) = run(&text("30/s", "6m", &more));
    let row = result.bottlenecks.iter().find(|row| row.path == "consumers.c").expect("its waits");
    let waits = row.waits.iter().map(|wait| (wait.resource.clone(), wait.mean_ms)).collect();
    (result, waits)
}

/// Each case has its limit by design: 20 records a second of a function of a second a batch, of a sink, of one execution for four
/// lanes, of one worker. None of them waits longer for a poll than polls are apart and a few of those that other readers have refused.
#[test]
fn what_waits_for_a_busy_reader_does_not_wait_for_a_poll() {
    let others: String = (1..=2)
        .map(|n| format!("\n  p{n}: {{ reads: kinesis.s, polling: {{ interval: 400ms }} }}"))
        .collect();
    let second = "\n  d: { reads: kinesis.s, lambda: { batch_size: 10, duration: { base: 500ms } } }";
    let cases = [
        (format!("lambda: {{ batch_size: 10, duration: {{ base: 1s }} }} }}{others}"), "", "the processing itself", "consumers.c: 1 batch a shard"),
        (
            "lambda: { duration: { base: 10ms }, sink: { limit: 20/s, latency: 2ms, records_per_call: 10 } } }".into(),
            "",
            "the sink, at its limit",
            "consumers.c.sink: 20 records/s",
        ),
        (
            format!("lambda: {{ batch_size: 10, duration: {{ base: 500ms }} }} }}{second}"),
            "account: { lambda_concurrency: 1000, lambda_others: 999 }\n",
            "the account's concurrency",
            "the account: 1,000 concurrent executions",
        ),
        (
            "polling: { workers: 1, batch_size: 20, per_record: 50ms } }".into(),
            "",
            "the consumer, busy with earlier records",
            "consumers.c: 1 worker",
        ),
        (
            "kcl: { via: polling, max_records: 100, host: { vcpu: 1 }, per_record: 50ms } }".into(),
            "",
            "the processing itself",
            "consumers.c: 1 worker",
        ),
        (
            "kcl: { version: 1, max_records: 50, prefetch: 0, host: { vcpu: 1 }, per_record: 50ms } }".into(),
            "",
            "the processing itself",
            "consumers.c: 1 worker",
        ),
        (
            "flink: { parallelism: 1, via: enhanced_fan_out, autoscaling: false, per_record: 50ms } }".into(),
            "",
            "the processing itself",
            "consumers.c: 1 KPU",
        ),
    ];
    for (consumer, more, resource, limit) in cases {
        let (result, waits) = overloaded(&consumer, more);
        assert_eq!(waits[0].0, resource, "{waits:?}");
        let polling = waits.iter().find(|(resource, _)| resource == "reading the stream");
        // Polls are a second apart at most, and some are refused a few times.
        assert!(polling.is_none_or(|(_, mean_ms)| *mean_ms < 3_000.0), "{waits:?}");
        let noted = |note: &String| note.contains("consumers.c was still growing") && note.contains(limit);
        assert!(result.notes.iter().any(noted), "{limit} is missing in {:?}", result.notes);
    }
}

/// The write that is followed in a run with an outage ends as the ledger of that run says.
#[test]
fn what_becomes_of_a_followed_write_has_its_name_in_the_ledger() {
    let more = "firehose:\n  search: { reads: kinesis.s, buffer: { interval: 60s }, backup: { prefix: all/ }, to: { opensearch: { retry_duration: 60s } } }\nevents:\n  down: { at: 2m, for: 5m, outage: firehose.search }";
    let (scenario, _, result) = run(&text("20/s", "12m", more));
    let cancelled = AtomicBool::new(false);
    let control = Control { threads: 1, cancelled: &cancelled, observer: &Silent };
    let choice = Choice { number: Some(20 * 150), ..Choice::default() };
    let trail = follow::follow(&scenario, 0, choice, &control).expect("a run").expect("a trail");
    let fates: Vec<(&str, &str)> =
        trail.fates.iter().map(|fate| (fate.place.as_str(), fate.name.as_str())).collect();
    assert_eq!(fates.len(), 2, "{fates:?}");
    for (place, fate) in fates {
        let account = result.ledger.iter().find(|account| account.path == place).expect(place);
        assert!(account.fates.get(fate).is_some_and(|count| *count > 0), "{place}: {fate}");
        assert_eq!(fate == "delivered", place == "firehose.search.backup", "{place}: {fate}");
    }
}

/// A shard answers five calls a second, whoever makes them (KDS-R3): three readers that ask for eight together are refused some.
#[test]
fn refused_reads_are_figures_of_each_reader_and_of_all() {
    let readers: String = (1..=3)
        .map(|n| format!("\n  p{n}: {{ reads: kinesis.s, polling: {{ interval: 375ms }} }}"))
        .collect();
    let (_, outcome, result) = run(&text("30/s", "2m", &format!("consumers:{readers}")));
    let figure = |path: &str| result.figure(path).expect("a figure");
    let all: f64 = (1..=3).map(|n| figure(&format!("consumers.p{n}.refused_reads"))).sum();
    assert!((figure("refused_reads") - all).abs() < 1e-4 * all, "{all}");
    let answered: u64 = outcome.consumers.iter().map(|it| it.reads.polls + it.reads.empty_polls).sum();
    let seconds = outcome.end as f64 / 1e9;
    // A full bucket comes on top of what is earned.
    assert!((answered as f64) <= 2.0 * (5.0 * seconds + 5.0), "{answered} in {seconds} s");
    assert!(all > 0.1 * answered as f64, "{all} refused, {answered} answered");
    for (number, consumer) in outcome.consumers.iter().enumerate() {
        let answered = (consumer.reads.polls + consumer.reads.empty_polls) as f64;
        let refused = figure(&format!("consumers.p{}.refused_reads", number + 1));
        let share = figure(&format!("consumers.p{}.refused_reads_share", number + 1));
        assert!((share - refused / (refused + answered)).abs() < 1e-6, "{share}");
    }
}

/// A table that takes fewer writes than come has refused one, at a moment.
#[test]
fn whoever_was_refused_was_so_first_at_some_moment() {
    let text = text("30/s", "2m", "consumers:\n  c: { reads: kinesis.s, polling: {} }");
    let text = text.replace("write_units: 1000", "write_units: 5");
    let (_, _, result) = run(&text);
    let refused: Vec<_> = result.throttles.iter().filter(|row| row.refused > 0).collect();
    assert!(refused.iter().any(|row| row.path == "workload.writer"), "{refused:?}");
    for row in refused {
        // Five units a second save 1,500 in five minutes at the most.
        assert!(row.first_s.is_some_and(|first| first > 0.0 && first < 120.0), "{row:?}");
    }
}

/// Each shard of even ranges takes its share of evenly spread keys, whenever it came up.
#[test]
fn shards_that_come_up_at_different_moments_are_compared_by_what_they_take_a_second() {
    let events = "events:\n  more: { at: 1m, set: { kinesis.s.capacity.provisioned.shards: 4 } }";
    let (_, _, result) = run(&text("200/s", "4m", events));
    let eras = &result.shards[0].resharding;
    assert!(eras.iter().any(|era| era.updating), "{eras:?}");
    for era in eras {
        let (range, load) = (era.hash_range_max_over_mean.unwrap(), era.load_max_over_mean.unwrap());
        assert!((load / range - 1.0).abs() < 0.2, "{load} of {range}: {era:?}");
        let shares: f64 = era.shards.iter().filter_map(|shard| shard.load_share).sum();
        assert!((shares - 1.0).abs() < 1e-4, "{shares}");
    }
}
