//! SQS queues and pipes as the other way to fan out: latencies against measurements, order, limits, the bill.

use rust_decimal::Decimal;
use streamgauge::engine::random::Streams;
use streamgauge::engine::time::SECOND;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pricing::Cause;
use streamgauge::report::result::RunResult;
use streamgauge::report::{markdown, terminal, words};
use streamgauge::scenario::checked::Scenario;
use streamgauge::scenario::load_check::{LoadCheck, Verdict};
use streamgauge::systems::kinesis::log::Record;
use streamgauge::systems::kinesis::reader::From;
use streamgauge::systems::sqs::consumer::QueueConsumer;
use streamgauge::systems::sqs::queue::Queue;

mod support;

/// What differs between the scenarios of these tests: a stream whose records go into one queue.
#[derive(Clone, Copy)]
struct Case<'a> {
    duration: &'a str,
    start: &'a str,
    rate: &'a str,
    items: u32,
    size: &'a str,
    sender: &'a str,
    queue: &'a str,
    function: &'a str,
    more: &'a str,
}

const CASE: Case = Case {
    duration: "10m",
    start: "2026-01-05T00:00:00Z",
    rate: "{ constant: { rate: 10/s } }",
    items: 1_000,
    size: "500 B",
    sender: "pipe: { to: sqs.q }",
    queue: "",
    function: "duration: { base: 0s }",
    more: "",
};

impl Case<'_> {
    fn text(&self) -> String {
        let Self { duration, start, rate, items, size, sender, queue, function, more } = self;
        format!(
            "\
name: test
study: terminating
duration: {duration}
start: {start}
workload:
  writer: {{ writes_to: tables.t, arrivals: {rate}, keys: {{ uniform: {{ items: {items} }} }}, item: {{ size: {size} }} }}
tables:
  t: {{ capacity: {{ provisioned: {{ write_units: 20000 }} }}, kinesis: {{ stream: s, replication: {{ reorder: 0%, duplicates: 0% }} }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 4 }} }} }}
consumers:
  sender: {{ reads: kinesis.s, {sender} }}
  f: {{ reads: sqs.q, lambda: {{ {function} }} }}
sqs:
  q: {{ {queue} }}
{more}
"
        )
    }

    fn load(&self) -> Scenario {
        support::scenario(&self.text(), &[])
    }

    fn error(&self) -> String {
        support::load(&self.text()).err().unwrap_or_default()
    }

    fn run(&self) -> Outcome {
        support::run::<true>(&self.load(), 0)
    }

    fn result(&self) -> RunResult {
        let scenario = self.load();
        let outcomes = [support::run::<true>(&scenario, 0)];
        RunResult::new(&scenario, &outcomes, scenario.billing.book()).expect("it can be billed")
    }
}

/// From the queue to the start of the handler; the handler takes no time, and neither does its first environment.
#[test]
fn lat_4_def_10_a_function_gets_messages_as_soon_as_was_measured() {
    let function = "duration: { base: 0s }, cold_start: 0s";
    let case = Case { duration: "2h", rate: "{ poisson: { rate: 4/s } }", function, ..CASE };
    let measured = [("", [16.2, 33.8, 105.0]), ("fifo: {}", [28.1, 61.2, 645.0])];
    for (queue, published) in measured {
        let outcome = Case { queue, items: 100_000, ..case }.run();
        // What came before the queue is another part.
        let place = &outcome.queues[0];
        let parts = place.latency.mean_parts().expect("messages");
        assert_eq!(parts[2..].iter().sum::<f64>(), 0.0, "nothing waits: {parts:?}");
        let whole = |share: f64| place.latency.histogram().quantile(share).expect("messages") / 1e3;
        let sender =
            |share: f64| outcome.lambdas[0].latency.histogram().quantile(share).expect("records") / 1e3;
        // Means add up; and so, nearly, do medians of a long way and a short one.
        let mean =
            place.latency.mean().expect("messages") - outcome.lambdas[0].latency.mean().expect("records");
        assert!((parts[1] - mean).abs() < 1.0, "{} against {mean}", parts[1]);
        assert!(whole(0.5) > sender(0.5));
        // The draws themselves, through the same sampler.
        let scenario = Case { queue, ..case }.load();
        let plan = scenario.queues[0].consumer.as_ref().expect("a function");
        let mut draws = streamgauge::engine::random::Streams::new(1, 0).named("delivery");
        let mut drawn: Vec<f64> = (0..100_000).map(|_| plan.delivery.sample(&mut draws) / 1e6).collect();
        drawn.sort_by(f64::total_cmp);
        for (share, published) in [0.5, 0.9, 0.99].into_iter().zip(published) {
            let simulated = drawn[(share * 100_000.0) as usize];
            assert!((simulated / published - 1.0).abs() < 0.05, "{share}: {simulated} against {published}");
        }
    }
}

/// A failing function: a standard queue hands later changes of an item out before earlier ones that wait for their visibility
/// timeout; a FIFO queue holds them back. Both deliver everything at least once.
#[test]
fn sqs_1_sqs_6_top_8_standard_queues_lose_the_order_and_fifo_queues_keep_it() {
    let function = "duration: { base: 5ms }, errors: { rate: 10% }";
    let case = Case { items: 20, function, ..CASE };
    let of = |queue: &str| Case { queue, ..case }.run();
    let (standard, fifo) = (of(""), of("fifo: {}"));
    for outcome in [&standard, &fifo] {
        let meter = &outcome.queues[0].queue;
        assert_eq!((meter.deleted, meter.sent), (6_000, 6_000));
        assert!(meter.received_again > 100);
    }
    // A tenth of the messages comes back after half a minute, in which its item changes 15 times.
    let late = standard.queues[0].queue.out_of_order;
    assert!(late > 400, "{late}");
    assert_eq!(fifo.queues[0].queue.out_of_order, 0);
}

/// A sender that fails after it has sent sends again: a FIFO queue drops what it took within five minutes.
#[test]
fn sqs_6_a_fifo_queue_drops_what_a_retrying_sender_repeats() {
    let sender = "lambda: { sends_to: [sqs.q], batch_size: 10, batch_window: 1s, duration: { base: 5ms }, errors: { rate: 20% } }";
    let of = |queue: &str| Case { sender, queue, ..CASE }.run();
    let (standard, fifo) = (of(""), of("fifo: {}"));
    let repeated = standard.lambdas[0].meter.repeated;
    assert!(repeated > 100);
    assert_eq!(standard.queues[0].queue.deleted, 6_000 + repeated);
    assert_eq!(fifo.queues[0].queue.deleted, 6_000);
    assert_eq!(fifo.queues[0].queue.deduplicated, fifo.lambdas[0].meter.repeated);
}

/// 60,000 changes of 32 items without a retry or a copy: whatever their times and items have in common, each is a message of
/// its own, and each is processed.
#[test]
fn sqs_6_a_fifo_queue_drops_nothing_where_nothing_is_sent_twice() {
    let outcome = Case {
        duration: "1m",
        rate: "{ poisson: { rate: 1000/s } }",
        items: 32,
        size: "100 B",
        queue: "fifo: { high_throughput: 5000/s }",
        ..CASE
    }
    .run();
    let meter = &outcome.queues[0].queue;
    assert!(meter.sent > 59_000, "{meter:?}");
    assert_eq!((meter.deduplicated, meter.deleted), (0, meter.sent));
}

/// 300 calls a second and ten messages each are 3,000 messages a second: 4,000 records a second wait in the stream, and the
/// sender that is held back shows in its age. In high-throughput mode they pass.
#[test]
fn sqs_2_a_fifo_queue_takes_3000_messages_a_second_in_batches_of_ten() {
    let sender = "pipe: { to: sqs.q, via: enhanced_fan_out, parallelization_factor: 10, delivery: 20ms }";
    let queue = "fifo: {}, send: 5ms";
    let case = Case {
        duration: "30s\nend: stop",
        rate: "{ constant: { rate: 4000/s } }",
        items: 100_000,
        size: "100 B",
        sender,
        queue,
        ..CASE
    };
    let sent = case.run().queues[0].queue.sent;
    // A second's worth of calls was saved up.
    assert!((80_000..=93_000).contains(&sent), "{sent}");
    let fast =
        Case { queue: "fifo: { high_throughput: 70000/s }, send: 5ms", ..case }.run().queues[0].queue.sent;
    assert!(fast > 110_000, "{fast}");
    assert!(Case { queue: "fifo: { high_throughput: 100/s }", ..CASE }.error().contains("SQS-2"));
}

/// The limit is the queue's: two senders that could each make 300 calls a second make 300 together. Each gets a record a call.
#[test]
fn sqs_2_senders_share_what_a_fifo_queue_takes() {
    let sender =
        "lambda: { sends_to: [sqs.q], batch_size: 1, parallelization_factor: 10, duration: { base: 1ms } }";
    let case = Case {
        duration: "20s\nend: stop",
        rate: "{ constant: { rate: 250/s } }",
        items: 100_000,
        sender,
        queue: "fifo: {}, send: 5ms",
        ..CASE
    };
    let text = case.text();
    let other = format!("  other: {{ reads: kinesis.s, {sender} }}\n  f:");
    let both = support::scenario(&text.replace("  f:", &other), &[]);
    let calls = |scenario: &Scenario| support::run::<true>(scenario, 0).queues[0].queue.sends[0];
    let (alone, together) = (calls(&case.load()), calls(&both));
    assert!((4_700..=5_000).contains(&alone), "{alone}");
    // The first records come with a poll in the first second.
    assert!((19 * 300..=20 * 300).contains(&together), "{together}");
}

/// 400 functions that end at once: 300 calls to delete are made in that second, and the others in the next one.
#[test]
fn sqs_2_a_fifo_queue_takes_300_calls_a_second_to_delete() {
    let scenario = Case { queue: "fifo: {}", ..CASE }.load();
    let place = &scenario.queues[0];
    let plan = place.consumer.as_ref().expect("a function");
    let mut queue = Queue::new(place.queue);
    let mut consumer = QueueConsumer::new(plan, place.queue.fifo, &Streams::new(1, 0), "consumers.f");
    let record = |key| Record { written: 1, appended: 1, bytes: 100, key, flags: 0 };
    let records: Vec<Record> = (0..4_000).map(record).collect();
    for message in queue.send(0, 0, &records, (false, 0)) {
        queue.show(message, 0);
    }
    let runs: Vec<u32> =
        (0..400).map(|_| consumer.start(0, &mut queue, false).expect("ten messages").0).collect();
    let mut ends = |run: &u32| consumer.ends(SECOND, *run, &mut queue).expect("it has not ended before");
    let deleted: Vec<u64> = runs.iter().map(&mut ends).map(|at| at / SECOND).collect();
    assert_eq!(deleted.iter().filter(|second| **second == 1).count(), 300);
    assert_eq!(deleted.iter().filter(|second| **second == 2).count(), 100);
}

#[test]
fn sqs_3_the_settings_have_awss_bounds() {
    let of = |queue: &str| Case { queue, ..CASE }.error();
    for queue in ["retention: 30s", "retention: 15d", "delay: 16m", "visibility_timeout: 13h"] {
        assert!(of(queue).contains("SQS-3"), "{queue}");
    }
    assert_eq!(of("retention: 14d, delay: 15m, visibility_timeout: 12h"), "");
    let plan = CASE.load().queues[0].queue;
    assert_eq!((plan.retention, plan.visibility, plan.delay), (4 * 86_400 * SECOND, 30 * SECOND, 0));
    // More than ten in a batch need a window, and AWS refuses a timeout beyond the visibility timeout.
    let function = |function: &str| Case { function, ..CASE }.error();
    assert!(function("batch_size: 11").contains("SQS-3"));
    assert_eq!(function("batch_size: 1000, batch_window: 1s"), "");
    assert!(function("timeout: 31s").contains("visible") || function("timeout: 31s").contains("refuses"));
}

/// Messages that nobody gets done with are gone after the retention, unless a dead-letter queue takes them sooner.
#[test]
fn sqs_3_what_fails_for_ever_expires_or_goes_to_the_dead_letters() {
    let more = "events: { broken: { at: 0s, for: 10m, outage: consumers.f } }";
    let of = |queue: &str| {
        Case { rate: "{ constant: { rate: 1/s } }", duration: "10m", queue, more, ..CASE }.run()
    };
    let kept = of("retention: 2m");
    let meter = &kept.queues[0].queue;
    assert!(meter.expired > 300 && meter.dead == 0, "{meter:?}");
    assert_eq!(meter.expired + meter.deleted, 600);
    assert!(kept.ledger.fate("expired") >= meter.expired);
    let dead = of("max_receive_count: 3");
    let meter = &dead.queues[0].queue;
    assert!(meter.dead > 300 && meter.expired == 0, "{meter:?}");
    assert_eq!(meter.dead + meter.deleted, 600);
}

/// A queue that nobody reads keeps what came within its retention, and no more.
#[test]
fn sqs_3_what_nobody_reads_expires_as_well() {
    let text = Case { rate: "{ constant: { rate: 1/s } }", queue: "retention: 2m", ..CASE }.text();
    let unread: Vec<&str> = text.lines().filter(|line| !line.starts_with("  f: ")).collect();
    let outcome = support::run::<true>(&support::scenario(&(unread.join("\n") + "\n"), &["end=stop"]), 0);
    let account = outcome.ledger.accounts.iter().find(|account| account.path == "sqs.q").expect("a queue");
    let fate = |fate: &str| account.fates.iter().find(|(name, _)| *name == fate).expect("a fate").1;
    // The last ones are still on their way into the queue.
    assert!((115..=122).contains(&fate("waiting")), "{account:?}");
    assert!(fate("expired") + fate("waiting") >= 595, "{account:?}");
    // The losses say so too: the first message came within the first seconds, and was gone two minutes later.
    let reader = outcome.tolls.iter().find(|reader| reader.path == "sqs.q").expect("a queue");
    let [lost] = reader.tolls.all() else { panic!("one cause: {reader:?}") };
    assert_eq!((lost.fate, lost.records), ("expired", fate("expired")));
    let (first, last) = (lost.first() / SECOND, lost.last() / SECOND);
    let end = outcome.end / SECOND;
    assert!((120..=125).contains(&first) && (end - 5..=end).contains(&last), "{lost:?}");
}

/// A function that may not receive for seven of ten minutes comes back to messages of which the oldest were gone after two.
#[test]
fn sqs_3_a_message_is_lost_when_it_is_too_old_and_not_when_that_is_found_out() {
    let more = "events: { shut: { at: 1m, for: 7m, lost_permission: consumers.f } }";
    let outcome = Case { rate: "{ constant: { rate: 1/s } }", queue: "retention: 2m", more, ..CASE }.run();
    let reader = outcome.tolls.iter().find(|reader| reader.path == "sqs.q").expect("a queue");
    let [lost] = reader.tolls.all() else { panic!("one cause: {reader:?}") };
    // What came from minute 1 to minute 6 was two minutes old at minute 8 or before.
    assert!(lost.records.abs_diff(300) <= 5, "{lost:?}");
    let (first, last) = (lost.first() / SECOND, lost.last() / SECOND);
    assert!((178..=184).contains(&first) && (474..=480).contains(&last), "{lost:?}");
}

/// 1 MiB since August 2025, and 256 KiB before.
#[test]
fn sqs_4_messages_are_as_large_as_the_date_allows() {
    let of = |start: &str| {
        Case { start, size: "300 KiB", rate: "{ constant: { rate: 1/s } }", duration: "1m", ..CASE }.run()
    };
    let (before, since) = (of("2025-07-01T00:00:00Z"), of("2025-09-01T00:00:00Z"));
    assert_eq!((before.queues[0].queue.too_large, since.queues[0].queue.too_large), (60, 0));
    assert_eq!(before.ledger.fate("discarded"), 60);
}

/// By hand: ten messages a second in one call each to send, receive and delete, and 5 idle pollers that ask every twenty
/// seconds once nothing comes any more.
#[test]
fn sqs_4_the_bill_counts_calls_by_64_kb_and_empty_receives() {
    let rate = "{ stages: [ { for: 1m, rate: 10/s }, { for: 100m, rate: 0/s } ] }";
    let sender = "pipe: { to: sqs.q, batch_window: 0s, delivery: 1ms }";
    let outcome = Case { duration: "101m", rate, sender, ..CASE }.run();
    let used = outcome.quantities.queues[0];
    let meter = &outcome.queues[0].queue;
    assert_eq!(used.requests[1], 0, "nothing fails");
    // Each call to send meets one to receive and one to delete, all of one request.
    assert_eq!(used.requests[0], 3 * meter.sends[0]);
    let expected = 5 * 100 * 60 / 20;
    assert!(used.empty_receives.abs_diff(expected) < 100, "{}", used.empty_receives);
    let result = Case { duration: "101m", rate, sender, ..CASE }.result();
    let line = &result.usage.0["sqs.std"];
    assert!(line.causes[&Cause::EmptyPolls] > line.causes[&Cause::Base]);
    // A pipe's requests cost 0.40 USD a million in us-east-1.
    let pipe = result.cost.bill.lines.iter().find(|line| line.id == "pipes.req").expect("a line");
    let by_hand = pipe.quantity * Decimal::new(40, 2) / Decimal::from(1_000_000);
    assert!((pipe.amount.expect("an amount") - by_hand).abs() <= Decimal::new(5, 3), "{pipe:?}");
    assert!(result.cost.bill.unknown.is_empty() && result.cost.bill.total.is_some());
    assert!(!result.usage.0.contains_key("sqs.fifo"));
}

/// A burst needs many pollers; in the quiet hour after it five ask three times a minute, but for those that a message found.
#[test]
fn sqs_3_pollers_of_a_burst_do_not_ask_for_ever() {
    let outcome = Case {
        duration: "62m",
        rate: "{ stages: [ { for: 2m, rate: 200/s }, { for: 60m, rate: 0.05/s } ] }",
        function: "duration: { base: 1s }, batch_size: 1",
        ..CASE
    }
    .run();
    let function = outcome.queues[0].function.as_ref().expect("a function");
    let most = u64::from(function.concurrency_max);
    assert!(most > 100, "{most}");
    let empty = outcome.quantities.queues[0].empty_receives;
    let five = 5 * 60 * 60 / 20;
    // Each message ends one wait, and each poller of the burst waits once more.
    assert!((five - 180..=five + most + 50).contains(&empty), "{empty} against {five}, and {most}");
}

/// A pipe reads as a mapping does and keeps the order; a queue takes ten of its records at a time.
#[test]
fn ebp_1_ebp_2_ebp_3_a_pipe_polls_as_a_mapping_does_and_hands_on_ten_at_a_time() {
    let table = "pipe: { to: sqs.q, delivery: 1ms }";
    let streams =
        Case { sender: table, ..CASE }.text().replace("reads: kinesis.s", "reads: tables.t.streams").replace(
            "kinesis: { stream: s, replication: { reorder: 0%, duplicates: 0% } }",
            "streams: { view: new_image }",
        );
    let outcome = support::run::<true>(&support::scenario(&streams, &[]), 0);
    let reads = &outcome.lambdas[0].reads;
    // Four polls a second and shard (EBP-1), of which the table has 20.
    let shards = outcome.streams[1].lineage.open().len() as u64;
    let (calls, full) = (reads.polls + reads.empty_polls, 4 * 600 * shards);
    assert!(calls.abs_diff(full) * 50 < full, "{calls} against {full}");
    let kinesis = Case { sender: table, ..CASE }.run();
    let reads = &kinesis.lambdas[0].reads;
    assert!((reads.polls + reads.empty_polls).abs_diff(4 * 600) < 60);
    assert_eq!(kinesis.queues[0].queue.out_of_order, 0);
    assert!(Case { sender: "pipe: { to: sqs.q, batch_size: 11 }", ..CASE }.error().contains("EBP-3"));
    let batched = Case {
        rate: "{ constant: { rate: 500/s } }",
        sender: "pipe: { to: sqs.q, batch_window: 1s }",
        ..CASE
    };
    let outcome = Case { duration: "1m", ..batched }.run();
    let meter = &outcome.queues[0].queue;
    // 30,000 records in calls of ten, but for the rest of each poll.
    assert!((3_000..3_400).contains(&meter.sends[0]), "{}", meter.sends[0]);
    // It takes no concurrency of the account, and is billed by requests.
    assert_eq!(outcome.lambdas[0].meter.concurrency_max, 0);
}

#[test]
fn ebp_4_what_a_filter_drops_is_not_billed() {
    let of = |filter: &str| {
        let sender = format!("pipe: {{ to: sqs.q, batch_size: 1{filter} }}");
        Case { sender: &sender, ..CASE }.run()
    };
    let (all, few) = (of(""), of(", filter: { passes: 10% }"));
    let [first, later] = all.quantities.lambdas[0].pipe_requests;
    assert!((5_950..=6_000).contains(&first) && later == 0, "{first}");
    let passed = few.queues[0].queue.sent;
    assert!(few.quantities.lambdas[0].pipe_requests[0].abs_diff(passed) < 20);
    assert!((500..700).contains(&passed), "{passed}");
}

/// A queue's function makes no GetRecords calls: the table says so, rather than that it made none.
#[test]
fn a_function_on_a_queue_has_no_calls_of_a_reader() {
    let result = Case { duration: "1m", ..CASE }.result();
    let calls =
        |path: &str| result.consumers.iter().find(|row| row.path == path).map(|row| row.calls.is_some());
    assert_eq!((calls("consumers.sender"), calls("consumers.f")), (Some(true), Some(false)));
    let summary = streamgauge::report::markdown::render(&result);
    let readers = summary.split("## Readers").nth(1).expect("the section");
    let row = readers.lines().find(|line| line.contains("consumers.f")).expect("a row");
    let cells: Vec<&str> = row.trim_matches('|').split('|').map(str::trim).collect();
    assert_eq!(cells[cells.len() - 4..], ["-"; 4], "calls, empty, refused, expired");
}

#[test]
fn wirings_that_cannot_work_are_refused() {
    let unfed = CASE.text().replace("sqs:\n", "sqs:\n  other: {}\n");
    assert!(support::load(&unfed).unwrap_err().contains("nobody sends to this queue"));
    let twice = CASE.text().replace("sqs:\n", "  g: { reads: sqs.q, lambda: {} }\nsqs:\n");
    assert!(support::load(&twice).unwrap_err().contains("reads this queue already"));
    assert!(Case { function: "bisect: true", ..CASE }.error().contains("reads a queue"));
    assert!(Case { sender: "pipe: { to: sqs.p }", ..CASE }.error().contains("there is no `p`"));
    let polled = CASE.text().replace("lambda: { duration: { base: 0s } }", "polling: {}");
    assert!(support::load(&polled).unwrap_err().contains("only a `lambda` reads a queue"));
}

/// AWS's property names and values, as templates have them.
#[test]
fn aws_names_are_understood() {
    let queue = "MessageRetentionPeriod: 86400, VisibilityTimeout: 60, DelaySeconds: 5, maxReceiveCount: 4";
    let sender = "pipe: { to: sqs.q, StartingPosition: TRIM_HORIZON }";
    let scenario = Case { queue, sender, function: "MaximumConcurrency: 20", ..CASE }.load();
    let place = &scenario.queues[0];
    assert_eq!((place.queue.retention, place.queue.visibility), (86_400 * SECOND, 60 * SECOND));
    assert_eq!((place.queue.delay, place.queue.receives_max), (5 * SECOND, Some(4)));
    assert_eq!(place.consumer.as_ref().and_then(|plan| plan.concurrency_max), Some(20));
    assert_eq!(scenario.lambdas[0].reader.from, From::TrimHorizon);
    let tumbling =
        Case { sender: "lambda: { sends_to: [sqs.q], TumblingWindowInSeconds: 30 }", ..CASE }.load();
    let window = tumbling.lambdas[0].mapping.tumbling.map(|plan| plan.window);
    assert_eq!(window, Some(30 * SECOND));
}

/// `check` knows the limit of a FIFO queue without simulating: 4,000 messages a second against 3,000.
#[test]
fn sqs_2_check_sees_a_fifo_queue_that_gets_too_much() {
    let verdict = |rate: &str| {
        let rate = format!("{{ constant: {{ rate: {rate} }} }}");
        let scenario = Case { rate: &rate, queue: "fifo: {}", size: "100 B", ..CASE }.load();
        let rows = LoadCheck::of(&scenario).rows;
        let row = rows.into_iter().find(|row| row.path == "sqs.q").expect("a row");
        assert_eq!((row.limit.as_str(), row.allowed), ("SQS-2", 3_000.0));
        row.verdict
    };
    assert_eq!([verdict("1000/s"), verdict("4000/s")], [Verdict::Fine, Verdict::Overloaded]);
}

#[test]
fn no_calls_to_a_stream_are_told_of_a_function_that_reads_a_queue() {
    let result = Case { duration: "1m", ..CASE }.result();
    assert!(result.consumers.iter().any(|row| row.path == "consumers.f" && row.processed > 0));
    let summary = markdown::render(&result);
    fn last(line: &str) -> Vec<&str> {
        let cells: Vec<&str> = line.trim_matches('|').split('|').map(str::trim).collect();
        cells[cells.len() - 4..].to_vec()
    }
    let readers: Vec<&str> = summary.lines().skip_while(|line| *line != "## Readers").collect();
    let row = |start: &str| readers.iter().find(|line| line.starts_with(start)).map(|line| last(line));
    assert_eq!(row("| reader"), Some(vec!["calls", "empty", "refused", "expired unread"]));
    assert_eq!(row("| consumers.f | sqs.q |"), Some(vec!["-"; 4]));
    assert!(row("| consumers.sender |").is_some_and(|cells| !cells.contains(&"-")));
}

/// `check` sees the functions behind queues: of a second for ten messages, two batches at once take 20 a second, and one item of
/// a FIFO queue 10.
#[test]
fn sqs_6_lam_c6_check_sees_a_function_that_is_too_slow_for_its_queue() {
    let rows = |rate: &str, queue: &str, items: u32, function: &str| {
        let rate = format!("{{ constant: {{ rate: {rate} }} }}");
        let scenario = Case { rate: &rate, queue, items, function, ..CASE }.load();
        LoadCheck::of(&scenario).rows
    };
    let row = |rows: Vec<streamgauge::scenario::load_check::LoadRow>, path: &str| {
        let row = rows.into_iter().find(|row| row.path == path).expect("a row");
        (row.limit, (row.mean * 1e6).round() / 1e6, row.allowed, row.verdict)
    };
    let two = "duration: { base: 1s }, turnaround: 0s, maximum_concurrency: 2";
    let found = row(rows("30/s", "", 1_000, two), "consumers.f");
    assert_eq!(found, ("LAM-C6".to_owned(), 3.0, 2.0, Verdict::Overloaded));
    assert_eq!(row(rows("15/s", "", 1_000, two), "consumers.f").3, Verdict::Fine);
    // Ten a second are too many for it by 10 a second: that is what waits after ten minutes.
    let case = Case { rate: "{ constant: { rate: 30/s } }", function: two, more: "end: stop", ..CASE };
    let account = case.run().ledger.accounts.into_iter().find(|account| account.path == "sqs.q").unwrap();
    let waits = account.fates.iter().find(|(fate, _)| *fate == "waiting").unwrap().1 as f64;
    assert!((waits / (10.0 * 600.0) - 1.0).abs() < 0.02, "{waits}");
    let found = row(rows("12/s", "fifo: {}", 1, two), "consumers.f.groups");
    assert_eq!(found, ("SQS-6".to_owned(), 1.2, 1.0, Verdict::Overloaded));
    // Without a limit of its own it has the account's, or its reservation.
    let of = |function: &str| row(rows("30/s", "", 1_000, function), "consumers.f").2;
    assert_eq!(of("duration: { base: 1s }"), 1_000.0);
    assert_eq!(of("duration: { base: 1s }, reserved_concurrency: 7"), 7.0);
}

/// Two batches of one message at once, 100 ms each: 20 a second of 10. For two minutes they take four times as long, and five
/// messages a second wait; after that there are 10 a second to spare.
#[test]
fn a_function_behind_a_queue_that_slows_down_leaves_what_it_cannot_take() {
    let function =
        "batch_size: 1, duration: { base: 100ms }, maximum_concurrency: 2, turnaround: 0s, cold_start: 0s";
    let more = "events: { slow: { at: 4m, for: 2m, slow_down: { of: consumers.f, factor: 4 } } }";
    let outcome = Case { function, more, ..CASE }.run();
    let visible = streamgauge::pipeline::sqs::column::VISIBLE;
    let most = outcome.queues[0].series.bins().iter().map(|bin| bin[visible]).max().unwrap() as f64;
    assert!((most / (5.0 * 120.0) - 1.0).abs() < 0.05, "{most}");
    let width = outcome.queues[0].series.width();
    let bins = outcome.queues[0].series.bins();
    let last = bins.iter().rposition(|bin| bin[visible] > 30).unwrap() as f64;
    let caught_up = (last + 1.0) * width as f64 / SECOND as f64;
    assert!((caught_up - (360.0 + 600.0 / 10.0)).abs() < 10.0, "{caught_up}");
    assert_eq!(outcome.queues[0].queue.deleted, 10 * 600);
}

/// A mapping that is deleted leaves the rest in the queue, and its pollers ask no more: three times a minute for each of five.
#[test]
fn sqs_3_a_function_that_is_removed_from_its_queue_leaves_the_rest_there() {
    let more = "events: { gone: { at: 5m, remove: consumers.f } }";
    let outcome = Case { more, ..CASE }.run();
    assert!(outcome.complete && outcome.end < 11 * 60 * SECOND, "{}", outcome.end);
    let account = outcome.ledger.accounts.iter().find(|account| account.path == "sqs.q").unwrap();
    let of = |name: &str| account.fates.iter().find(|(fate, _)| *fate == name).unwrap().1;
    assert_eq!((of("processed") + of("waiting"), of("in_hand")), (6_000, 0));
    assert!((of("waiting") as f64 / 3_000.0 - 1.0).abs() < 0.02, "{account:?}");
    let quiet = |more: &str| {
        let case = Case { rate: "{ constant: { rate: 0.001/s } }", more, duration: "40m", ..CASE };
        case.run().quantities.queues[0].empty_receives as f64
    };
    let (always, half) = (quiet(""), quiet("events: { gone: { at: 20m, remove: consumers.f } }"));
    assert!((always - 40.0 * 15.0).abs() <= 15.0 && (half - 20.0 * 15.0).abs() <= 15.0, "{always} {half}");
    let refused = quiet("events: { shut: { at: 10m, for: 30m, lost_permission: consumers.f } }");
    assert!((refused - 10.0 * 15.0).abs() <= 15.0, "{refused}");
    let twice =
        "events: { gone: { at: 5m, remove: consumers.f }, late: { at: 6m, for: 1m, outage: consumers.f } }";
    let error = Case { more: twice, ..CASE }.error();
    assert!(error.contains("`consumers.f` has been removed by the event `gone`"), "{error}");
}

/// Dead letters and what goes to an on-failure destination are no losses, and are told beside them.
#[test]
fn lam_e5_what_is_set_aside_is_told_beside_what_is_lost() {
    let told = |case: Case| {
        let result = case.result();
        let of = |path: &str, fate: &str| {
            let account = result.ledger.iter().find(|account| account.path == path).unwrap();
            account.fates.get(fate).copied().unwrap_or(0)
        };
        let counts =
            [of("sqs.q", "dead_letter"), of("consumers.sender", "on_failure"), of("sqs.q", "expired")];
        let terminal = terminal::render(&result, None, terminal::Screen::PLAIN);
        let line = |text: &str| text.split_whitespace().collect::<Vec<_>>().join(" ");
        (counts, result.figure("lost"), line(&terminal), markdown::render(&result))
    };
    let function = "errors: { rate: 30% }, retries: 0, on_failure: sqs, batch_size: 10, sends_to: [sqs.q]";
    let sender = &format!("lambda: {{ duration: {{ base: 10ms }}, {function} }}");
    let dead = Case {
        sender,
        queue: "max_receive_count: 1, visibility_timeout: 1m",
        function: "duration: { base: 10ms }, errors: { rate: 20% }",
        ..CASE
    };
    let ([letters, aside, expired], lost, terminal, summary) = told(dead);
    assert!(letters > 0 && aside > 0 && expired == 0, "{letters} {aside}");
    assert_eq!(lost, Some(0.0), "neither is lost");
    for (count, path, fate, place) in [
        (letters, "sqs.q", "dead letter", "in the dead-letter queue of"),
        (aside, "consumers.sender", "on failure", "only as pointers at the on-failure destination of"),
    ] {
        let count = words::count(count);
        assert!(terminal.contains(&format!("{count} {place} {path}")), "{terminal}");
        let row = summary.lines().find(|line| line.contains(&format!("| {path} | {fate} |"))).expect("a row");
        assert!(row.contains(&format!("| {count} |")), "{row}");
    }
    assert!(terminal.contains("nothing of 6,000 writes in all replications; "), "{terminal}");
    let ([letters, aside, _], _, terminal, summary) = told(CASE);
    assert_eq!((letters, aside), (0, 0));
    assert!(!terminal.contains("dead-letter queue of") && !summary.contains("Set aside"));
}
