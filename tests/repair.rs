//! Ways to repair order and duplicates, in the whole pipeline.

use streamgauge::pipeline::finish::FeedOutcome;

mod support;

/// What the feed of one table came to; 100 items, each written every second, creation times whole milliseconds apart.
fn feed(replication: &str) -> FeedOutcome {
    let text = format!(
        "\
name: orders
study: terminating
duration: 10m
workload:
  checkout:
    writes_to: tables.orders
    arrivals: {{ constant: {{ rate: 100/s }} }}
    keys: {{ sequential: {{ items: 100 }} }}
    item: {{ size: 700 B }}
tables:
  orders:
    capacity: {{ provisioned: {{ write_units: 1000 }} }}
    kinesis: {{ stream: changes, replication: {replication} }}
kinesis:
  changes:
    capacity: {{ provisioned: {{ shards: 2 }} }}
"
    );
    let outcome = support::run::<true>(&support::scenario(&text, &[]), 0);
    outcome.tables.into_iter().next().and_then(|table| table.feed).expect("a feed")
}

#[test]
fn nothing_is_to_be_repaired_where_nothing_is_injected() {
    let feed = feed("{ reorder: 0%, duplicates: 0% }");
    let repairs = &feed.repairs;
    assert_eq!((repairs.late, repairs.items, repairs.wrong), (0, 100, [0; 3]));
    assert!(repairs.wrong_below.is_empty());
}

#[test]
fn kdc_1_kdc_2_every_late_record_is_followed_to_its_repair() {
    for replication in ["{ reorder: 20%, duplicates: 10% }", "{ order: independent, duplicates: 10% }"] {
        let feed = feed(replication);
        let repairs = &feed.repairs;
        assert_eq!((repairs.late, repairs.items), (feed.ordering.late(), 100));
        // An item's changes are a second apart, so that all times differ: comparing them or a long buffer repairs all.
        assert_eq!((repairs.kept_out[2], repairs.wrong[2]), (repairs.late, 0));
        assert_eq!(repairs.lateness.count(), repairs.late);
        let longest = repairs.smallest_window(10_000).map(|(window, _)| window);
        assert_eq!(longest, Some(repairs.lateness.max()));
        assert_eq!(repairs.wrong_with(repairs.lateness.max()), 0);
        // Changes were out of order before they were put: sequence numbers say nothing of that, however long one waits.
        let by = &repairs.by_sequence;
        assert_eq!((by.kept_out, by.sorted, by.smallest_window()), (0, 0, 0));
        assert_eq!((by.wrong, &by.stale_micros), (repairs.wrong[0], &repairs.stale_micros[0]));
    }
}
