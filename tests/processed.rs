//! Order and duplicates of what consumers process: by cause, against what the consumers' own meters count.

use streamgauge::measure::ordering::Cause;
use streamgauge::measure::processed::Outcome as Processed;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::report::result::RunResult;
use streamgauge::report::result::figure;
use streamgauge::scenario::checked::Scenario;

mod support;

fn load(keys: &str, units: u32, more: &str) -> Scenario {
    let text = format!(
        "\
name: test
study: terminating
duration: 5m
workload:
  writer: {{ writes_to: tables.t, arrivals: {{ poisson: {{ rate: 40/s }} }}, keys: {keys}, item: {{ size: 500 B }} }}
tables:
  t: {{ capacity: {{ provisioned: {{ write_units: {units} }} }}, kinesis: {{ stream: s, replication: {{ reorder: 0%, duplicates: 0% }} }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 2 }} }} }}
{more}
"
    );
    support::scenario(&text, &[])
}

const MANY: &str = "{ uniform: { items: 200 } }";
const ONE: &str = "{ uniform: { items: 1 } }";

fn run(keys: &str, more: &str) -> Outcome {
    support::run::<true>(&load(keys, 1_000, more), 0)
}

/// Repeats, by cause, and late records by cause, of which there are some.
fn causes(processed: &Processed) -> [Vec<(Cause, u64)>; 2] {
    let named = |counts: &[u64]| {
        let counts = Cause::ALL.into_iter().zip(counts.iter().copied());
        counts.filter(|(_, count)| *count > 0).collect()
    };
    [named(&processed.ordering.repeats), named(&processed.ordering.out_of_order)]
}

/// What each measure says of the same records agrees.
fn agrees(processed: &Processed) {
    let (ordering, repairs) = (&processed.ordering, &processed.repairs);
    assert_eq!(ordering.repeats.iter().sum::<u64>(), ordering.duplicates);
    assert_eq!(ordering.duplicate_micros.count(), ordering.duplicates);
    assert_eq!(
        (ordering.distance_micros.count(), ordering.distance_records.count()),
        (ordering.late(), ordering.late())
    );
    assert_eq!(repairs.late, ordering.late());
    // Comparing creation times keeps every change out that is older by a millisecond at least; so does a long buffer.
    assert!(repairs.kept_out[2] <= repairs.late && repairs.lateness.count() <= repairs.late);
    assert!(repairs.kept_out[1] <= ordering.duplicates);
}

/// Without a partial response the whole batch comes again: what the run had reached is processed again, as often as the
/// mapping counts. The items' changes of one batch then go back, and forward again.
#[test]
fn lam_e1_what_a_failed_batch_had_reached_is_processed_again() {
    let function = "lambda: { batch_size: 50, batch_window: 5s, errors: { rate: 20% } }";
    let outcome = run(MANY, &format!("consumers: {{ f: {{ reads: kinesis.s, {function} }} }}"));
    let (meter, processed) =
        (&outcome.lambdas[0].meter, outcome.lambdas[0].processed.as_ref().expect("followed"));
    assert!(meter.repeated > 100, "{meter:?}");
    let [repeats, late] = causes(processed);
    assert_eq!(repeats, [(Cause::BatchRetry, meter.repeated)]);
    assert_eq!(late.iter().map(|(cause, _)| *cause).collect::<Vec<_>>(), [Cause::BatchRetry]);
    assert_eq!(processed.ordering.records, meter.processed + meter.repeated);
    agrees(processed);
    // Whoever drops what came before, or ends with the newest try, ends right.
    assert_eq!((processed.repairs.items, processed.repairs.wrong), (200, [0; 3]));
    assert_eq!(processed.repairs.kept_out[1], processed.ordering.late());
    // Nothing was out of order before the put, so that sequence numbers tell all of it.
    let by = &processed.repairs.by_sequence;
    assert_eq!((by.kept_out, by.sorted, by.wrong), (processed.ordering.late(), processed.ordering.late(), 0));
}

/// A function that says where it failed gets nothing again that it has processed.
#[test]
fn lam_e4_a_partial_response_repeats_nothing() {
    let function = "lambda: { batch_size: 50, batch_window: 5s, report_batch_item_failures: true, errors: { rate: 20% } }";
    let outcome = run(MANY, &format!("consumers: {{ f: {{ reads: kinesis.s, {function} }} }}"));
    assert!(outcome.lambdas[0].meter.errors > 10);
    let processed = outcome.lambdas[0].processed.as_ref().expect("followed");
    assert_eq!(causes(processed), [vec![], vec![]]);
    assert_eq!(processed.ordering.records, outcome.lambdas[0].meter.processed);
}

/// What cannot fail has its stream's order, and is not followed.
#[test]
fn a_function_that_cannot_fail_has_no_order_of_its_own() {
    let outcome = run(MANY, "consumers: { f: { reads: kinesis.s, lambda: { batch_size: 50 } } }");
    assert!(outcome.lambdas[0].processed.is_none() && outcome.lambdas[0].meter.processed > 0);
}

fn queued(keys: &str, kind: &str, function: &str) -> Outcome {
    let more = format!(
        "consumers:\n  sender: {{ reads: kinesis.s, pipe: {{ to: sqs.q }} }}\n  f: {{ reads: sqs.q, lambda: {{ {function} }} }}\n\
         sqs: {{ q: {{ {kind} }} }}\n"
    );
    run(keys, &more)
}

/// One hot item: batches of a standard queue run side by side and end in any order; those of a FIFO queue follow each other.
#[test]
fn sqs_1_sqs_6_only_a_fifo_queue_keeps_the_order_of_an_item() {
    let function = "batch_size: 1, duration: { base: 20ms, spread: 0.8 }";
    let standard = queued(ONE, "", function);
    let processed = standard.queues[0].processed.as_ref().expect("followed");
    let [repeats, late] = causes(processed);
    assert!(repeats.is_empty() && matches!(late[..], [(Cause::Queue, _)]), "{repeats:?} {late:?}");
    // The queue counts by itself what is deleted out of order.
    assert_eq!(processed.ordering.late(), standard.queues[0].queue.out_of_order);
    assert!(processed.ordering.late() > 100);
    agrees(processed);
    let by = &processed.repairs.by_sequence;
    assert_eq!((by.kept_out, by.sorted, by.wrong), (processed.ordering.late(), processed.ordering.late(), 0));
    let fifo = queued(ONE, "fifo: {}", function);
    let processed = fifo.queues[0].processed.as_ref().expect("followed");
    assert!(processed.ordering.records > 1_000);
    assert_eq!(causes(processed), [vec![], vec![]]);
    assert_eq!(processed.repairs.wrong, [0; 3]);
}

/// What a failed batch of messages had reached is processed again once its messages are visible again: later than that, and as
/// often as the function counts.
#[test]
fn sqs_1_a_failed_batch_is_processed_again_after_its_visibility_timeout() {
    let outcome = queued(
        MANY,
        "visibility_timeout: 20s",
        "batch_size: 10, duration: { base: 10ms }, cold_start: 0s, errors: { rate: 20% }",
    );
    let place = &outcome.queues[0];
    let processed = place.processed.as_ref().expect("followed");
    let repeated = place.function.as_ref().expect("a function").repeated;
    let [repeats, late] = causes(processed);
    assert!(repeated > 50);
    assert_eq!(repeats, [(Cause::Visibility, repeated)]);
    let by = |cause: Cause| late.iter().find(|(other, _)| *other == cause).map_or(0, |(_, count)| *count);
    // Messages of the batch that the run did not reach come back late too, for the first time.
    assert!(by(Cause::Visibility) > repeated, "{late:?}");
    // Hidden from its receive on, while a run ends at most 10 ms after that.
    let (least, ..) = processed.ordering.duplicate_micros.buckets().next().expect("repeats");
    assert!(least as f64 >= 19_990_000.0 * 0.998, "{least}");
    agrees(processed);
}

fn fleet(checkpoint: &str) -> Outcome {
    let more = format!(
        "consumers: {{ w: {{ reads: kinesis.s, kcl: {{ version: 2, via: polling, workers: 1, host: {{ vcpu: 2 }}, per_record: 1ms, checkpoint: {{ {checkpoint} }} }} }} }}\n\
         events: {{ dies: {{ at: 2m, for: 10s, crash: consumers.w }} }}\n"
    );
    run(MANY, &more)
}

/// A worker that dies before its checkpoint leaves its records to be processed again, as many as the fleet counts; one that
/// wrote its checkpoint first leaves none.
#[test]
fn kwk_4_only_checkpoints_after_the_work_repeat_it() {
    let outcome = fleet("every: { interval: 20s }");
    let (meter, processed) =
        (&outcome.fleets[0].meter, outcome.fleets[0].processed.as_ref().expect("followed"));
    let [repeats, late] = causes(processed);
    assert!(meter.repeated_total() > 100, "{meter:?}");
    assert_eq!(repeats, [(Cause::Crash, meter.repeated_total())]);
    assert!(late.iter().all(|(cause, _)| *cause == Cause::Crash) && !late.is_empty());
    agrees(processed);
    assert_eq!(processed.repairs.wrong, [0; 3]);
    let first = fleet("every: batch, order: before");
    assert_eq!(causes(first.fleets[0].processed.as_ref().expect("followed")), [vec![], vec![]]);
}

/// A change that its table refused at first is as new as its acceptance: what was meant to be written before it and was
/// accepted later is no older.
#[test]
fn order_is_that_of_acceptance_and_not_of_intent() {
    let more = "consumers: { f: { reads: kinesis.s, lambda: { batch_size: 50, report_batch_item_failures: true, errors: { rate: 5% } } } }";
    let outcome = support::run::<true>(&load("{ uniform: { items: 5 } }", 10, more), 0);
    let writer = &outcome.producers[0].0;
    assert!(writer.retries > 1_000 && writer.accepted > 5_000, "{writer:?}");
    assert_eq!(causes(outcome.lambdas[0].processed.as_ref().expect("followed")), [vec![], vec![]]);
}

/// Rows, figures and totals say the same.
#[test]
fn reports_show_the_rows_of_consumers() {
    let function = "lambda: { batch_size: 50, batch_window: 5s, errors: { rate: 20% } }";
    let scenario = load(MANY, 1_000, &format!("consumers: {{ f: {{ reads: kinesis.s, {function} }} }}"));
    let outcomes = [support::run::<true>(&scenario, 0)];
    let result = RunResult::new(&scenario, &outcomes, scenario.billing.book()).expect("it can be billed");
    let row = result.ordering.iter().find(|row| row.path == "consumers.f").expect("a row");
    assert_eq!(row.duplicate_causes.values().sum::<u64>(), row.duplicates);
    assert_eq!(row.causes.values().sum::<u64>(), row.out_of_order);
    assert_eq!(row.duplicate_causes.keys().collect::<Vec<_>>(), ["batch_retry"]);
    assert!(row.repair.len() > 3);
    let figures = figure::figures(&scenario);
    let value = |path: &str| {
        let figure = figures.iter().find(|figure| figure.path == path).expect("a figure");
        figure.value(&outcomes[0]).value
    };
    let share = row.duplicates as f64 / row.records as f64;
    assert_eq!(value("consumers.f.duplicate_share"), Some(share));
    // Nothing is repeated or late in the stream: the worst is the consumer's.
    assert_eq!(value("duplicates"), Some(share));
    assert_eq!(value("out_of_order"), value("consumers.f.out_of_order_share"));
    assert_eq!(value("consumers.f.wrong_final_states"), Some(0.0));
}

/// Two tables whose items have the same numbers, each with a stream and a sender of its own, into one queue: what is processed out of
/// turn is that of each alone, as if it had a queue to itself.
#[test]
fn senders_to_one_queue_are_followed_each_by_itself() {
    let text = |second: &str| {
        format!(
            "\
name: test
study: terminating
duration: 2m
workload:
  first: {{ writes_to: tables.a, arrivals: {{ constant: {{ rate: 20/s }} }}, keys: {{ uniform: {{ items: 1 }} }}, item: {{ size: 500 B }} }}
  second: {{ writes_to: tables.b, arrivals: {{ constant: {{ rate: 20/s }} }}, keys: {{ uniform: {{ items: 1 }} }}, item: {{ size: 500 B }} }}
tables:
  a: {{ capacity: {{ provisioned: {{ write_units: 100 }} }}, kinesis: {{ stream: s, replication: {{ reorder: 0%, duplicates: 0% }} }} }}
  b: {{ capacity: {{ provisioned: {{ write_units: 100 }} }}, kinesis: {{ stream: {second}, replication: {{ reorder: 0%, duplicates: 0% }} }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 1 }} }} }}
  t: {{ capacity: {{ provisioned: {{ shards: 1 }} }} }}
consumers:
  one: {{ reads: kinesis.s, pipe: {{ to: sqs.q }} }}
  two: {{ reads: kinesis.t, pipe: {{ to: sqs.q }} }}
  f: {{ reads: sqs.q, lambda: {{ batch_size: 1, duration: {{ base: 20ms, spread: 0.8 }} }} }}
sqs: {{ q: {{}} }}
"
        )
    };
    let scenario = support::scenario(&text("t"), &[]);
    let outcome = support::run::<true>(&scenario, 0);
    let processed = outcome.queues[0].processed.as_ref().expect("followed");
    assert_eq!(processed.ordering.records, outcome.queues[0].queue.deleted);
    assert_eq!((processed.repairs.items, processed.ordering.duplicates), (2, 0));
    let [_, late] = causes(processed);
    assert!(matches!(late[..], [(Cause::Queue, _)]), "{late:?}");
    agrees(processed);
    // The queue itself takes the two items for one: what is late among both is more than what is late within each.
    let late = processed.ordering.late();
    assert!(late > 100 && late < outcome.queues[0].queue.out_of_order, "{late}");
    let by = &processed.repairs.by_sequence;
    assert_eq!((by.sorted, by.wrong), (late, 0));
    // Records of one stream do not say which of two tables they are of.
    let mixed = support::scenario(&text("s"), &[]);
    let outcome = support::run::<true>(&mixed, 0);
    assert!(outcome.queues[0].processed.is_none());
    let result = RunResult::new(&mixed, &[outcome], mixed.billing.book()).expect("it can be billed");
    let rows: Vec<_> = result.ordering_not_followed.iter().map(|row| row.path.as_str()).collect();
    assert_eq!(rows, ["consumers.one", "consumers.f"]);
    let summary = streamgauge::report::markdown::render(&result);
    assert!(summary.contains("is not measured: several tables feed its stream"), "{summary}");
}
