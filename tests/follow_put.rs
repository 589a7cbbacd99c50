//! Following records that producers put straight into streams: what is seen of them adds up to what the run measures and bills.

use std::collections::BTreeMap;

use streamgauge::engine::time::MICROSECOND;
use streamgauge::pipeline::follow::slowest::Leg;
use streamgauge::report::follow::Followed;
use streamgauge::scenario::checked::Scenario;

#[path = "support/following.rs"]
mod following;
mod support;

use following::{Fates, slowest, tally, trail_of_direct};

/// Small records at a rate from a client into two shards, read by a poller, a function and a delivery stream.
fn scenario(rate: &str, client: &str) -> Scenario {
    let text = format!(
        "\
name: put
study: terminating
seed: 11
duration: 5s
workload:
  w: {{ writes_to: kinesis.s, arrivals: {{ poisson: {{ rate: {rate} }} }}, keys: {{ uniform: {{ items: 40 }} }}, record: {{ size: 200 B }}, client: {{ {client} }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 2 }} }} }}
consumers:
  c: {{ reads: kinesis.s, polling: {{ per_batch: 20ms }} }}
  f: {{ reads: kinesis.s, lambda: {{ via: enhanced_fan_out, duration: {{ base: 30ms }} }} }}
firehose:
  lake: {{ reads: kinesis.s, buffer: {{ size: 1 MiB, interval: 2s }}, to: {{ s3: {{}} }} }}
"
    );
    support::scenario(&text, &[])
}

/// Fates of all records and their copies, and what they are charged.
fn all(scenario: &Scenario, records: u64) -> (Fates, BTreeMap<&'static str, f64>) {
    tally((1..=records).map(|number| trail_of_direct(scenario, number)))
}

const CLIENTS: [&str; 3] =
    ["sdk: { call: put_records, linger: 100ms, lost_replies: 0% }", "kpl: { lost_replies: 0% }", "agent: {}"];

#[test]
fn waits_of_a_record_add_up_to_each_of_its_ends() {
    for client in CLIENTS {
        let scenario = scenario("20/s", client);
        for number in [1, 30, 80] {
            let trail = trail_of_direct(&scenario, number);
            let ends: Vec<_> = trail.fates.iter().filter(|fate| !fate.copy).collect();
            assert_eq!(ends.len(), 3, "{client}: {ends:?}");
            for fate in ends {
                let places = ["workload.w", "kinesis.s", fate.place.as_str()];
                let on_the_way = trail.steps.iter().filter(|step| places.contains(&step.place.as_str()));
                let waited: u64 = on_the_way.flat_map(|step| &step.waits).map(|wait| wait.nanos).sum();
                let took = fate.at.expect("an end") - trail.subject.at;
                let close = took.abs_diff(waited) <= trail.steps.len() as u64 * MICROSECOND;
                assert!(close, "{client}, record {number}: {fate:?}, {waited}\n{trail:#?}");
            }
        }
    }
}

#[test]
fn shares_of_all_records_add_up_to_what_the_run_uses() {
    for client in ["sdk: { call: put_records, linger: 100ms, lost_replies: 10% }", CLIENTS[1]] {
        let scenario = scenario("20/s", client);
        let outcome = support::run::<true>(&scenario, 0);
        let meter = outcome.direct[0].meter;
        let (fates, charges) = all(&scenario, meter.offered);
        assert_eq!(meter.copies > 0, client.starts_with("sdk"), "{meter:?}");
        let of =
            |place: &str, name: &str| fates.get(&(place.to_owned(), name.to_owned())).copied().unwrap_or(0);
        assert_eq!(of("consumers.c", "processed"), outcome.consumers[0].meter.processed, "{client}");
        assert_eq!(of("firehose.lake", "delivered"), meter.accepted + meter.copies, "{client}");
        let invocations = outcome.lambdas[0].meter.invocations;
        for (id, used) in [("kds.prov.put_unit", meter.put_units), ("lambda.req", invocations)] {
            let share = charges[id] / used as f64;
            assert!((share - 1.0).abs() < 1e-6, "{client}, {id}: {share}");
        }
    }
}

/// 1,500 records a second at each of two shards, which take 1,000 (KDS-W1); nobody sends what was refused again.
#[test]
fn what_a_shard_refuses_is_followed_to_its_end() {
    let client = "sdk: { call: put_records, linger: 50ms, lost_replies: 0%, in_flight: 40, resend: none, retries: none }";
    let scenario = scenario("5000/s", client);
    let meter = support::run::<true>(&scenario, 0).direct[0].meter;
    assert!(meter.given_up > 0);
    let given_up = (meter.offered - 40..meter.offered).find_map(|number| {
        let trail = trail_of_direct(&scenario, number);
        let fate = trail.fates.first().filter(|fate| fate.name == "given_up")?;
        assert_eq!((fate.place.as_str(), trail.fates.len()), ("workload.w", 1), "no reader has it");
        Some(trail.steps.iter().map(|step| step.what.clone()).collect::<Vec<_>>())
    });
    let steps = given_up.expect("some of the last ones is refused");
    assert_eq!(steps[1..], ["sent", "refused", "not put: given up"]);
}

#[test]
fn the_slowest_put_of_a_producer_takes_as_long_as_the_run_measures() {
    let scenario = scenario("60/s", CLIENTS[0]);
    let outcome = support::run::<true>(&scenario, 0);
    let legs = [
        (Leg::Direct(0), "kinesis.s", outcome.direct[0].latency.histogram().max()),
        (Leg::Consumer(0), "consumers.c", outcome.consumers[0].latency.histogram().max()),
    ];
    for (leg, place, longest) in legs {
        let trail = slowest(&scenario, leg);
        let start = trail.subject.at / MICROSECOND;
        let here = trail.steps.iter().filter(|step| step.place == place);
        let took: Vec<u64> = here.map(|step| step.at / MICROSECOND - start).collect();
        assert!(took.contains(&longest), "{place}: {longest} is not among {took:?}");
        let followed = Followed::new(&scenario, &trail, 0, scenario.billing.book()).expect("prices");
        assert_eq!((followed.write.to.as_str(), followed.write.operation.as_str()), ("kinesis.s", "put"));
    }
}

/// Records that go straight into a delivery stream are followed to their object.
#[test]
fn a_record_put_into_a_delivery_stream_is_followed_to_its_object() {
    let text = "\
name: put
study: terminating
duration: 5s
workload:
  w: { writes_to: firehose.lake, arrivals: { poisson: { rate: 10/s } }, keys: { uniform: { items: 9 } }, record: { size: 1 KiB }, client: { sdk: { call: put_record_batch, lost_replies: 0% } } }
firehose:
  lake: { direct_put: {}, buffer: { size: 1 MiB, interval: 1s }, to: { s3: {} } }
";
    let scenario = support::scenario(text, &[]);
    let outcome = support::run::<true>(&scenario, 0);
    let (fates, charges) = all(&scenario, outcome.direct[0].meter.offered);
    let delivered = ("firehose.lake".to_owned(), "delivered".to_owned());
    assert_eq!(fates, BTreeMap::from([(delivered, outcome.direct[0].meter.accepted)]));
    let puts = outcome.deliveries[0].s3.puts as f64;
    assert!((charges["s3.put"] / puts - 1.0).abs() < 1e-6, "{charges:?} {puts}");
}
