//! Channels by which on-demand streams deliver by themselves.

use super::{POLLED, fate, refused, result, run};
use streamgauge::engine::time::SECOND;

const CHANNEL: &[&str] = &[
    "kinesis.changes.capacity={ on_demand: {} }",
    "firehose={}",
    "kinesis.changes.delivery={ s3: { put: 100ms } }",
];

#[test]
fn kds_d1_d2_on_demand_streams_deliver_by_themselves_every_300_to_900_seconds() {
    let (_, outcome) = run(POLLED, CHANNEL);
    let path = "kinesis.changes.delivery.s3";
    assert_eq!(fate(&outcome, path, "delivered"), (60_000, 60_000));
    let rows = &outcome.deliveries[0].rows;
    assert!(rows.iter().all(|row| row.flushed - row.opened == 300 * SECOND), "{rows:?}");
    // Four shards, ten minutes.
    assert!((8..=12).contains(&rows.len()), "{}", rows.len());
    let delivery = |more: &str| [CHANNEL[0], CHANNEL[1], more].map(str::to_owned);
    for freshness in ["299s", "901s"] {
        let sets = delivery(&format!("kinesis.changes.delivery={{ s3: {{ freshness: {freshness} }} }}"));
        let sets: Vec<&str> = sets.iter().map(String::as_str).collect();
        assert!(refused(POLLED, &sets).contains("KDS-D2"));
    }
    assert!(refused(POLLED, &["kinesis.changes.delivery={ s3: {} }"]).contains("KDS-D1"), "provisioned");
    assert!(
        refused(POLLED, &[CHANNEL[0], "kinesis.changes.delivery={ s3: { transform: {} } }"])
            .contains("transform")
    );
}

#[test]
fn kds_d3_a_channel_takes_nothing_from_the_shards_readers_and_stores_each_record_once() {
    let readers = ["a", "b", "c", "d", "e"]
        .map(|name| format!("firehose.{name}={{ reads: kinesis.changes, to: {{ s3: {{}} }} }}"));
    let mut sets: Vec<&str> = vec![CHANNEL[0], "firehose={}"];
    sets.extend(readers.iter().map(String::as_str));
    let refused = |sets: &[&str]| {
        let (_, outcome) = run(POLLED, sets);
        outcome.deliveries.iter().map(|delivery| delivery.reads.refused_calls).sum::<u64>()
    };
    let before = refused(&sets);
    sets.push(CHANNEL[2]);
    assert_eq!(refused(&sets), before);
    let (scenario, outcome) = run(POLLED, CHANNEL);
    assert_eq!((outcome.deliveries[0].meter.repeated, outcome.deliveries[0].meter.delivered), (0, 60_000));
    let (used, cost) = {
        let json = result(&scenario, outcome);
        (json.usage, json.cost)
    };
    assert!(!used.0.contains_key("kds.od.out_gb") && !used.0.contains_key("fh.put"), "{used:?}");
    // Its price is not in the book: unknown by name, not zero.
    assert_eq!((cost.bill.total, cost.bill.unknown), (None, vec!["kds.channel_s3_gb".to_owned()]));
}

#[test]
fn kds_d4_one_channel_to_s3_and_one_to_iceberg_in_parquet_with_a_dead_letter_prefix() {
    let both = "kinesis.changes.delivery={ s3: {}, iceberg: { ratio: 25%, bad_records: 5% } }";
    let advantage = "account.on_demand_advantage=true";
    let (scenario, outcome) = run(POLLED, &[CHANNEL[0], "firehose={}", both, advantage]);
    let plan = &scenario.deliveries[1];
    assert_eq!((scenario.deliveries.len(), plan.extension.as_str(), plan.compression), (2, ".parquet", 0.25));
    let (bad, entered) = fate(&outcome, "kinesis.changes.delivery.iceberg", "conversion_failed");
    assert!((bad as f64 / entered as f64 - 0.05).abs() < 0.005);
    let json = result(&scenario, outcome);
    assert_eq!(json.objects[1].errors[0].prefix, "dead-letter/");
    assert!(json.usage.0.contains_key("kds.adv.channel_s3tables_gb"));
}
