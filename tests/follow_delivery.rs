//! Following records through what a delivery stream can do with them: fates are those of the ledger, charges those of the bill.

use std::collections::BTreeMap;

use streamgauge::engine::time::MICROSECOND;
use streamgauge::pipeline::follow::UNREAD;
use streamgauge::pipeline::follow::slowest::Leg;
use streamgauge::report::follow::{Followed, terminal};
use streamgauge::scenario::checked::Scenario;

#[path = "support/following.rs"]
mod following;
mod support;

use following::{Fates, slowest, tally, trail_of_direct};

/// Records of 1 KiB with their keys, put into a stream that a delivery stream reads.
const POLLED: &str = "\
name: delivered
study: terminating
seed: 5
duration: 6s
workload:
  w: { writes_to: kinesis.s, arrivals: { poisson: { rate: 20/s } }, keys: { uniform: { items: 40 } }, record: { size: 1 KiB }, client: { sdk: { call: put_record, lost_replies: 0% } } }
kinesis:
  s: { capacity: { provisioned: { shards: 2 } } }
firehose:
  lake: { reads: kinesis.s, buffer: { size: 1 MiB, interval: 60s }, to: { s3: {} } }
";

/// Fates of all records, and what they are charged; on the way, that the waits of each record add up to its ends.
fn all(scenario: &Scenario) -> (Fates, BTreeMap<&'static str, f64>) {
    let records = support::run::<true>(scenario, 0).direct[0].meter.offered;
    tally((1..=records).map(|number| {
        let trail = trail_of_direct(scenario, number);
        for fate in &trail.fates {
            let places = ["workload.w", "kinesis.s", fate.place.as_str()];
            let here = trail.steps.iter().filter(|step| places.contains(&step.place.as_str()));
            let waited: u64 = here.flat_map(|step| &step.waits).map(|wait| wait.nanos).sum();
            let took = fate.at.expect("an end") - trail.subject.at;
            let close = took.abs_diff(waited) <= trail.steps.len() as u64 * MICROSECOND;
            assert!(close, "record {number}: {fate:?}: {took}, {waited}\n{trail:#?}");
        }
        assert!(trail.steps.windows(2).all(|two| two[0].at / MICROSECOND <= two[1].at / MICROSECOND));
        trail
    }))
}

/// What the ledger of a run says of its delivery streams, without fates of nothing.
fn by_ledger(scenario: &Scenario) -> Fates {
    let accounts = support::run::<true>(scenario, 0).ledger.accounts;
    let of_firehose = accounts.into_iter().filter(|account| account.path.starts_with("firehose."));
    let fates = of_firehose.flat_map(|account| {
        let path = account.path.clone();
        account.fates.into_iter().map(move |(name, count)| ((path.clone(), name.to_owned()), count))
    });
    fates.filter(|(_, count)| *count > 0).collect()
}

fn is_charged(charges: &BTreeMap<&'static str, f64>, id: &str, used: f64) {
    let charged = charges.get(id).copied().unwrap_or(0.0);
    assert!((charged - used).abs() <= used * 1e-6, "{id}: {charged} instead of {used}");
}

const GIB: f64 = (1_u64 << 30) as f64;

/// A function leaves records out, fails at others, fails as a whole and is tried again; the source is backed up.
#[test]
fn fh_t1_t3_t4_records_are_followed_through_a_transforming_function_and_into_the_backup() {
    let function = "firehose.lake.transform={ buffer: { size: 1 MiB, interval: 1s }, duration: { base: 200ms, per_record: 1ms }, dropped: 20%, failed: 10%, size_ratio: 50%, errors: 30% }";
    let scenario = support::scenario(
        POLLED,
        &[function, "firehose.lake.backup={ buffer: { size: 1 MiB, interval: 60s } }"],
    );
    let outcome = support::run::<true>(&scenario, 0);
    let meter = outcome.deliveries[0].transform.as_ref().expect("a function").meter;
    assert!(meter.dropped > 0 && meter.failed > 0 && meter.retried > 0, "{meter:?}");
    let (fates, charges) = all(&scenario);
    assert_eq!(fates, by_ledger(&scenario));
    let records = outcome.direct[0].meter.accepted as f64;
    // 5 KiB are billed for each record, once: the backup is the same ingestion.
    is_charged(&charges, "fh.put", records * 5.0 * 1_024.0 / GIB);
    is_charged(&charges, "lambda.req", meter.invocations as f64);
    let billed: u64 = meter.billed_millis.iter().sum();
    let memory = f64::from(scenario.deliveries[0].transform.as_ref().expect("a function").memory_mib);
    is_charged(&charges, "lambda.gbs.x86", billed as f64 / 1e3 * memory / 1_024.0);
}

/// Iceberg tables have a price of their own without rounding, what OpenSearch takes lies in no bucket of ours, and a COPY is made
/// from an object in S3 (FH-R4).
#[test]
fn fh_r4_a_destination_beside_s3_is_named_and_charged_as_what_it_is() {
    let to = |to: &str| support::scenario(POLLED, &[&format!("firehose.lake.to={{ {to} }}")]);
    let taken =
        |scenario: &Scenario| support::run::<true>(scenario, 0).deliveries[0].meter.bytes as f64 / GIB;
    let iceberg = to("iceberg: { request: 2s }");
    let (fates, charges) = all(&iceberg);
    assert_eq!(fates, by_ledger(&iceberg));
    is_charged(&charges, "fh.iceberg", taken(&iceberg));
    is_charged(&charges, "fh.put", 0.0);
    let search = to("opensearch: { request: 1s, vpc: { zones: 2 } }");
    let (_, charges) = all(&search);
    is_charged(&charges, "s3.std", 0.0);
    is_charged(&charges, "s3.put", 0.0);
    is_charged(&charges, "fh.vpc_gb", taken(&search));
    let redshift = to("redshift: { copy: 20s }");
    let followed = trail_of_direct(&redshift, 7);
    let steps: Vec<&str> = followed.steps.iter().map(|step| step.what.as_str()).collect();
    let place = |what: &str| steps.iter().position(|step| step.contains(what)).expect(what);
    assert!(place("in S3") < place("Redshift"), "{steps:?}");
    let copied = followed.steps.last().expect("a step");
    assert!(copied.waits.iter().any(|wait| wait.on == "the destination" && wait.nanos >= 20_000_000_000));
}

/// What a stream delivers by itself has no price in the book: it is unknown, and not nothing.
#[test]
fn kds_d1_delivery_by_a_stream_itself_is_followed_at_an_unknown_price() {
    let sets = ["kinesis.s.capacity={ on_demand: {} }", "firehose=null", "kinesis.s.delivery={ s3: {} }"];
    let scenario = support::scenario(POLLED, &sets);
    let trail = trail_of_direct(&scenario, 3);
    let followed = Followed::new(&scenario, &trail, 0, scenario.billing.book()).expect("prices");
    assert_eq!(followed.unknown, ["kds.channel_s3_gb"]);
    assert!(terminal::render(&followed).contains("kds.channel_s3_gb"), "{followed:?}");
    let ids: Vec<&str> =
        followed.steps.iter().flat_map(|step| &step.costs).map(|it| it.id.as_str()).collect();
    assert!(!ids.contains(&"fh.put") && !ids.contains(&"kds.od.out_gb"), "{ids:?}");
}

/// A record put into a delivery stream is with it before it is in its buffer, though both happen at once.
#[test]
fn a_direct_put_is_taken_before_it_is_buffered() {
    let direct = POLLED.replace("kinesis:\n  s: { capacity: { provisioned: { shards: 2 } } }\n", "");
    let direct = direct.replace("writes_to: kinesis.s", "writes_to: firehose.lake");
    let direct = direct.replace("reads: kinesis.s", "direct_put: {}");
    let scenario = support::scenario(&direct, &[]);
    for number in 1..40 {
        let trail = trail_of_direct(&scenario, number);
        let steps: Vec<&str> = trail.steps.iter().map(|step| step.what.as_str()).collect();
        let taken = steps.iter().position(|what| what.starts_with("taken")).expect("it is taken");
        let buffered = steps.iter().position(|what| what.contains("into buffer")).expect("it is buffered");
        assert_eq!(buffered, taken + 1, "{steps:?}");
    }
}

#[test]
fn a_stream_that_nobody_reads_is_an_end_too() {
    let scenario = support::scenario(POLLED, &["firehose=null"]);
    let trail = trail_of_direct(&scenario, 2);
    let ends: Vec<_> = trail.fates.iter().map(|fate| (fate.place.as_str(), fate.name.as_str())).collect();
    assert_eq!(ends, [("kinesis.s", UNREAD)]);
}

/// A function behind a FIFO queue whose pollers have too few calls to delete at once what it has done (SQS-2): its latency ends
/// with its work, and the slowest record is found by that.
#[test]
fn sqs_2_the_slowest_write_behind_a_queue_takes_as_long_as_the_run_measures() {
    let cases =
        [("", "batch_window: 1s, ", 30, false), ("fifo: {}", "batch_size: 1, turnaround: 0s, ", 450, true)];
    for (queue, function, rate, waits_to_delete) in cases {
        let text = format!(
            "\
name: queued
study: terminating
seed: 6
duration: 4s
workload:
  writer: {{ writes_to: tables.t, arrivals: {{ poisson: {{ rate: {rate}/s }} }}, keys: {{ uniform: {{ items: 50000 }} }}, item: {{ size: 400 B }} }}
tables:
  t: {{ capacity: {{ provisioned: {{ write_units: 4000 }} }}, kinesis: {{ stream: s }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 2 }} }} }}
consumers:
  sender: {{ reads: kinesis.s, pipe: {{ to: sqs.q }} }}
  f: {{ reads: sqs.q, lambda: {{ {function}duration: {{ base: 10ms }} }} }}
sqs:
  q: {{ {queue} }}
"
        );
        let scenario = support::scenario(&text, &[]);
        let longest = support::run::<true>(&scenario, 0).queues[0].latency.histogram().max();
        let trail = slowest(&scenario, Leg::Queue(0));
        let start = trail.subject.at / MICROSECOND;
        let here = trail.steps.iter().filter(|step| step.place == "consumers.f");
        let took: Vec<u64> = here.map(|step| step.at / MICROSECOND - start).collect();
        let waits = trail.steps.iter().any(|step| step.what == "deleted" && !step.waits.is_empty());
        assert_eq!(waits, waits_to_delete, "{queue}: {trail:#?}");
        assert!(took.contains(&longest), "{queue}: {longest} is not among {took:?}\n{trail:#?}");
    }
}
