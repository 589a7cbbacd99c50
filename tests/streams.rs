//! DynamoDB Streams as the fact sheet has them: records, shards, readers, the bill.

use streamgauge::engine::time::{HOUR, MINUTE, SECOND};
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pipeline::streams::column;
use streamgauge::pricing::Cause;
use streamgauge::report::result::RunResult;
use streamgauge::scenario::checked::Scenario;
use streamgauge::systems::kinesis::get_records::ReadMeter;

mod support;

/// What differs between the scenarios of these tests.
struct Case<'a> {
    duration: &'a str,
    rate: &'a str,
    keys: &'a str,
    operations: &'a str,
    table: &'a str,
    more: &'a str,
}

/// A table of one partition, or as many as the test says, written to evenly.
const CASE: Case = Case {
    duration: "100s",
    rate: "{ constant: { rate: 100/s } }",
    keys: "{ uniform: { items: 500 } }",
    operations: "{ modify: 100% }",
    table: "capacity: { provisioned: { write_units: 1000 } }, streams: { view: new_image }",
    more: "",
};

/// A consumer that polls every second; `more` are further settings.
fn reader(name: &str, more: &str) -> String {
    format!("  {name}: {{ reads: tables.orders.streams, polling: {{ interval: 1s{more} }} }}\n")
}

impl Case<'_> {
    fn text(&self) -> String {
        let Self { duration, rate, keys, operations, table, more } = self;
        format!(
            "\
name: orders
study: terminating
duration: {duration}
workload:
  app:
    writes_to: tables.orders
    arrivals: {rate}
    keys: {keys}
    item: {{ size: 1000 B }}
    operations: {operations}
tables:
  orders: {{ {table} }}
{more}"
        )
    }

    fn load(&self) -> Scenario {
        support::scenario(&self.text(), &[])
    }

    fn error(&self) -> String {
        support::load(&self.text()).expect_err("it is refused")
    }

    fn run(&self) -> Outcome {
        support::run::<true>(&self.load(), 0)
    }

    fn result(&self) -> RunResult {
        let scenario = self.load();
        let outcomes = [self.run()];
        RunResult::new(&scenario, &outcomes, scenario.billing.book()).expect("it can be billed")
    }
}

fn refused(reads: &ReadMeter) -> u64 {
    reads.refused_calls + reads.refused_bytes
}

/// A table whose shards each take 900 records of 1,000 bytes a second, with so many readers.
fn crowded(readers: usize) -> Outcome {
    let consumers: String = (0..readers).map(|number| reader(&format!("r{number}"), "")).collect();
    let more = format!("consumers:\n{consumers}");
    Case { duration: "3m", rate: "{ constant: { rate: 900/s } }", more: &more, ..CASE }.run()
}

#[test]
fn dds_2_3_every_change_appears_once_and_an_items_changes_in_order_whatever_the_delays() {
    let outcome = Case {
        keys: "{ uniform: { items: 5 } }",
        table: "capacity: { provisioned: { write_units: 1000 } }, \
                streams: { view: keys_only, delay: { lognormal: { median: 300ms, sigma: 2.0 } } }",
        ..CASE
    }
    .run();
    let own = outcome.tables[0].streams.as_ref().expect("a stream");
    assert_eq!(own.meter.published, 10_000);
    assert_eq!((own.ordering.records, own.ordering.duplicates, own.ordering.late()), (10_000, 0, 0));
    // The delays themselves are in disorder: a median of 300 ms with writes of an item 50 ms apart.
    assert!(own.latency.mean().expect("records") > 300_000.0);
}

#[test]
fn dds_s2_s5_there_is_an_open_shard_for_each_partition_and_it_is_split_with_it() {
    let outcome = Case {
        table: "capacity: { provisioned: { write_units: 2000 } }, streams: { view: keys_only }",
        more: "events:\n  grow: { at: 20s, set: { tables.orders.capacity.provisioned.write_units: 8000 } }\n\
               consumers:\n  search: { reads: tables.orders.streams, polling: { interval: 1s } }\n",
        duration: "10m",
        ..CASE
    }
    .run();
    let partitions = outcome.tables[0].table.throughput().partitions().expect("partitions");
    let lineage = &outcome.streams[0].lineage;
    assert_eq!(partitions.open().len(), 8);
    assert_eq!(lineage.open().len(), 8);
    for (shard, partition) in lineage.open().iter().zip(partitions.open()) {
        let kin = &lineage.shards()[usize::from(*shard)];
        let partition = &partitions.all()[usize::from(*partition)];
        assert_eq!((kin.start, kin.end), (partition.first, partition.last));
    }
    let meter = outcome.tables[0].streams.as_ref().expect("a stream").meter;
    assert_eq!(meter.splits, 6);
    assert_eq!(outcome.consumers[0].meter.processed, meter.published);
}

#[test]
fn open_4_lat_14_dds_s1_s3_s4_s7_r10_shards_roll_over_without_load_and_readers_go_from_parent_to_child() {
    let more = format!("consumers:\n{}", reader("search", ", shard_discovery: 10s"));
    let outcome = Case { duration: "25h", rate: "{ constant: { rate: 2/s } }", more: &more, ..CASE }.run();
    let lineage = &outcome.streams[0].lineage;
    let mut shard = 0;
    // One shard after the other, each open for four hours or a quarter of an hour less or more; the first was found old.
    while let [child] = lineage.shards()[shard].children[..] {
        let kin = &lineage.shards()[shard];
        let open = kin.closed.expect("it has a child") - kin.opened;
        assert!(open <= 4 * HOUR + 15 * MINUTE && (shard == 0 || open >= 4 * HOUR - 15 * MINUTE), "{open}");
        assert_eq!(lineage.shards()[usize::from(child)].parents, [shard as u16]);
        shard = usize::from(child);
    }
    assert_eq!((shard + 1, lineage.open().len()), (lineage.shards().len(), 1));
    assert!((6..=8).contains(&lineage.shards().len()), "six or seven generations a day");
    let consumer = &outcome.consumers[0];
    assert_eq!(consumer.meter.processed, 25 * 3_600 * 2);
    assert_eq!(outcome.tables[0].streams.as_ref().expect("a stream").ordering.late(), 0);
}

#[test]
fn dds_y2_adp_4_a_rollover_holds_the_records_of_the_child_up_until_it_is_found() {
    let latency = |discovery: &str| {
        let more = format!("consumers:\n{}", reader("search", &format!(", shard_discovery: {discovery}")));
        let outcome = Case {
            duration: "20m",
            table: "capacity: { provisioned: { write_units: 1000 } }, \
                    streams: { view: keys_only, rollover: { interval: 5m, jitter: 0s } }",
            more: &more,
            ..CASE
        }
        .run();
        outcome.consumers[0].latency.clone()
    };
    let (slow, fast) = (latency("10s"), latency("0s"));
    let rollover = slow.mean_parts().expect("records")[4];
    // A record that comes while its reader stands waits up to 10 s, 5 s on average; they are 10 s in every 300 s.
    let expected = 10.0 / 300.0 * 5.0 * 1e6;
    assert!((rollover / expected - 1.0).abs() < 0.35, "{rollover} against {expected}");
    assert_eq!(fast.mean_parts().expect("records")[4], 0.0);
    assert!(slow.histogram().max() > 9_000_000 && fast.histogram().max() < 3_000_000);
}

#[test]
fn dds_r1_r4_two_readers_of_a_busy_shard_get_all_and_a_third_is_throttled() {
    let two = crowded(2);
    assert!(two.consumers.iter().all(|consumer| refused(&consumer.reads) == 0));
    assert!(two.consumers.iter().all(|consumer| consumer.latency.histogram().max() < 3_000_000));
    let three = crowded(3);
    let all: u64 = three.consumers.iter().map(|consumer| consumer.reads.refused_bytes).sum();
    assert!(all > 100, "2.7 MB/s are asked of a shard that gives 2: {all}");
    let slowest = three.consumers.iter().map(|consumer| consumer.latency.histogram().max()).max();
    assert!(slowest > Some(30_000_000), "{slowest:?}");
    // All is read in the end, for the stream keeps it.
    assert!(three.consumers.iter().all(|consumer| consumer.meter.processed == 162_000));
}

/// A partition is written to with 1,000 units a second at most (DDB-P1), here nearly that many items of one unit each; two readers take
/// all of it, which is twice that, and nothing is refused.
#[test]
fn dds_r1_r4_two_readers_read_twice_what_the_table_may_be_written() {
    let consumers = reader("one", "") + &reader("two", "");
    let more = format!("consumers:\n{consumers}");
    let outcome = Case { duration: "3m", rate: "{ constant: { rate: 990/s } }", more: &more, ..CASE }.run();
    assert_eq!(outcome.tables[0].meter.units, 990 * 180);
    let read: u64 = outcome.consumers.iter().map(|consumer| consumer.reads.records).sum();
    assert_eq!(read, 2 * 990 * 180);
    let slowest = outcome.consumers.iter().map(|consumer| consumer.latency.histogram().max()).max();
    assert!(slowest < Some(4_000_000), "{slowest:?}");
    assert!(outcome.consumers.iter().all(|consumer| refused(&consumer.reads) == 0));
}

/// Streams work on any table: a local secondary index changes how its collections are split, and nothing of its stream.
#[test]
fn a_table_with_a_local_index_has_the_stream_of_one_without() {
    let of = |local_index: bool| {
        let table = format!(
            "capacity: {{ provisioned: {{ write_units: 1000 }} }}, streams: {{ view: new_image }}, sort_key: {{ collections: 50, local_index: {local_index} }}"
        );
        let outcome = Case { table: &table, ..CASE }.run();
        let own = outcome.tables[0].streams.as_ref().expect("a stream");
        (own.meter.published, own.ordering.records, own.ordering.duplicates, own.ordering.late())
    };
    assert_eq!(of(true), (10_000, 10_000, 0, 0));
    assert_eq!(of(true), of(false));
}

/// Replication reads the stream, so that it is there whether it is written down or not.
#[test]
fn ddb_g2_the_stream_of_a_global_table_is_on_and_says_so() {
    let noted = |streams: &str| {
        let table = format!("capacity: {{ provisioned: {{ write_units: 1000 }} }}{streams}");
        let text = Case { table: &table, ..CASE }.text();
        let text = text.replace("    arrivals:", "    source: { global_table: {} }\n    arrivals:");
        let scenario = support::load(&text).expect("it is sound");
        scenario.notes.iter().any(|note| note.contains("DDB-G2") && note.contains("always on"))
    };
    assert_eq!([noted(""), noted(", streams: { view: new_image }")], [true, false]);
}

/// A gateway endpoint is no way to a stream: an interface endpoint is, or NAT.
#[test]
fn pl_1_there_is_no_gateway_endpoint_for_a_stream() {
    let of = |network: &str| {
        let more = format!(
            "consumers:\n  r: {{ reads: tables.orders.streams, network: {{ {network} }}, polling: {{}} }}\n"
        );
        support::load(&Case { more: &more, ..CASE }.text()).err().unwrap_or_default()
    };
    assert_eq!([of("interface_endpoint: {}"), of("nat_gateway: {}")], ["", ""]);
    let refused = of("gateway_endpoint: {}");
    assert!(
        refused.contains("unknown key `gateway_endpoint`") && refused.contains("interface_endpoint"),
        "{refused}"
    );
}

#[test]
fn dds_r3_k1_a_call_returns_1000_records_and_the_default_poll_is_each_second() {
    let more = |polling: &str| {
        format!("consumers:\n  search: {{ reads: tables.orders.streams, polling: {polling} }}\n")
    };
    let scenario = Case { more: &more("{}"), ..CASE }.load();
    assert_eq!((scenario.consumers[0].batch_size, scenario.consumers[0].polls.interval), (1_000, SECOND));
    let error = Case { more: &more("{ batch_size: 1001 }"), ..CASE }.error();
    assert!(error.contains("1001") && error.contains("DDS-R3"), "{error}");
    // 900 records of 5 s wait at each poll.
    let slow = Case { rate: "{ constant: { rate: 900/s } }", more: &more("{ interval: 5s }"), ..CASE }.run();
    let reads = slow.consumers[0].reads;
    assert_eq!(reads.records, 90_000);
    assert!(reads.records.div_ceil(reads.polls) <= 1_000 && reads.polls >= 90, "{reads:?}");
}

#[test]
fn dds_r5_r9_an_iterator_older_than_15_minutes_has_expired() {
    let expired = |per_batch: &str| {
        let more = format!("consumers:\n{}", reader("search", &format!(", per_batch: {per_batch}")));
        let case = Case { duration: "2h", rate: "{ constant: { rate: 1/s } }", more: &more, ..CASE };
        case.run().consumers[0].reads.expired_iterators
    };
    assert_eq!(expired("14m"), 0);
    assert!(expired("16m") > 5);
}

#[test]
fn dds_1_r9_what_is_older_than_a_day_is_trimmed_and_counted() {
    let more = format!(
        "consumers:\n{}events:\n  down: {{ at: 1h, for: 30h, outage: consumers.search }}\n",
        reader("search", "")
    );
    let outcome = Case { duration: "36h", rate: "{ constant: { rate: 1/s } }", more: &more, ..CASE }.run();
    let consumer = &outcome.consumers[0];
    // It comes back 30 hours after it left, and the first six hours of these are gone.
    let lost = consumer.reads.expired;
    assert!(lost.abs_diff(6 * 3_600) <= 15, "{lost}");
    assert_eq!(consumer.meter.processed + lost, 36 * 3_600);
}

#[test]
fn dds_m1_calls_are_billed_empty_ones_too_and_a_stream_without_readers_costs_nothing() {
    let idle = "{ constant: { rate: 0.01/s } }";
    let more = format!("consumers:\n{}", reader("search", ""));
    let result = Case { duration: "1000s", rate: idle, more: &more, ..CASE }.result();
    let line = &result.usage.0["ddb.streams.rru"];
    // One call a second for a month of 730 hours.
    let month = rust_decimal::Decimal::from(730 * 3_600);
    assert!(((line.quantity - month) / month).abs() < rust_decimal::Decimal::new(2, 3), "{line:?}");
    assert!(line.causes[&Cause::EmptyPolls] > line.causes[&Cause::Base]);
    let billed = result.cost.bill.lines.iter().find(|line| line.id.starts_with("ddb.streams.rru"));
    // 26.28 times 100,000 calls at 0.02 USD.
    let amount = billed.and_then(|line| line.amount).expect("a price");
    assert_eq!(amount, rust_decimal::Decimal::new(53, 2));
    let unread = Case { duration: "1000s", rate: idle, ..CASE }.result();
    assert!(!unread.usage.0.contains_key("ddb.streams.rru"));
}

#[test]
fn dds_m2_the_first_calls_of_a_month_are_free() {
    let more = format!("billing: {{ free_tier: true }}\nconsumers:\n{}", reader("search", ""));
    let result =
        Case { duration: "1000s", rate: "{ constant: { rate: 0.01/s } }", more: &more, ..CASE }.result();
    let lines = result.cost.bill.lines.iter().filter(|line| line.id.starts_with("ddb.streams.rru"));
    let amount: rust_decimal::Decimal = lines.filter_map(|line| line.amount).sum();
    // 128,000 of 2,628,000 calls are left, and 1.28 times 0.02 USD.
    assert_eq!(amount, rust_decimal::Decimal::new(3, 2));
}

#[test]
fn dds_8_both_feeds_of_a_table_carry_all_changes() {
    let outcome = Case {
        table: "capacity: { provisioned: { write_units: 1000 } }, streams: { view: NEW_AND_OLD_IMAGES }, \
                kinesis: { stream: changes, replication: { reorder: 0%, duplicates: 0% } }",
        more: "kinesis:\n  changes: { capacity: { provisioned: { shards: 2 } } }\n\
               consumers:\n  a: { reads: tables.orders.streams, polling: {} }\n  \
               b: { reads: kinesis.changes, polling: {} }\n",
        ..CASE
    }
    .run();
    assert_eq!(outcome.consumers[0].meter.processed, 10_000);
    assert_eq!(outcome.consumers[1].meter.processed, 10_000);
    assert_eq!(outcome.tables[0].feed.as_ref().expect("a feed").meter.replicated, 10_000);
}

#[test]
fn dds_7_q2_the_stream_changes_nothing_for_the_table() {
    // Twice what the table takes.
    let table = |streams: &str| {
        let table = format!("capacity: {{ provisioned: {{ write_units: 500, burst: 1s }} }}{streams}");
        Case { rate: "{ constant: { rate: 1000/s } }", table: &table, ..CASE }.run().tables[0].meter
    };
    assert_eq!(table(""), table(", streams: { view: new_and_old_images }"));
}

#[test]
fn ddb_n1_l5_unchanged_writes_leave_no_record_and_expired_items_do() {
    let outcome = Case {
        operations: "{ modify: 40%, unchanged: 30%, ttl: 30% }",
        keys: "{ sequential: { items: 100_000 } }",
        more: "consumers:\n  search: { reads: tables.orders.streams, polling: {} }\n",
        ..CASE
    }
    .run();
    let meter = outcome.tables[0].meter;
    let published = outcome.tables[0].streams.as_ref().expect("a stream").meter.published;
    assert_eq!(published, meter.changes());
    assert!((published as f64 / 7_000.0 - 1.0).abs() < 0.1, "{published}");
}

#[test]
fn dds_f2_the_age_that_a_reader_sees_is_from_the_whole_second_of_the_write() {
    // Ten writes in the first second, each visible after 50 ms and read within 200 ms, at whole fifths of a second.
    let outcome = Case {
        duration: "1s",
        rate: "{ constant: { rate: 10/s } }",
        table: "capacity: { provisioned: { write_units: 1000 } }, streams: { view: keys_only, delay: 50ms }",
        more: "consumers:\n  search:\n    reads: tables.orders.streams\n    \
               polling: { interval: 200ms, phase: { stagger: 0ms } }\n",
        ..CASE
    }
    .run();
    let bins = outcome.consumers[0].series.bins();
    let age = bins.iter().map(|bin| bin[streamgauge::pipeline::read::column::ITERATOR_AGE]).max();
    assert!(age.is_some_and(|age| age >= 800_000 && age % 200_000 == 0), "{age:?}");
    assert!(outcome.consumers[0].latency.histogram().max() < 260_000);
}

#[test]
fn ddb_x5_the_series_count_what_readers_got() {
    let more = format!("consumers:\n{}{}", reader("a", ""), reader("b", ""));
    let outcome = Case { more: &more, ..CASE }.run();
    let own = outcome.tables[0].streams.as_ref().expect("a stream");
    let sum = |column: usize| own.series.bins().iter().map(|bin| bin[column]).sum::<u64>();
    assert_eq!(sum(column::RETURNED_RECORDS), 20_000);
    assert_eq!(sum(column::RETURNED_BYTES), 2 * own.meter.bytes);
    assert_eq!(own.meter.bytes, outcome.consumers[0].reads.bytes);
}

#[test]
fn dds_r2_ddb_g2_readers_beyond_two_or_one_beside_replication_are_pointed_out() {
    let three = format!("consumers:\n{}{}{}", reader("a", ""), reader("b", ""), reader("c", ""));
    let notes = Case { more: &three, ..CASE }.load().notes;
    assert!(notes.iter().any(|note| note.contains("3 readers") && note.contains("DDS-R1")), "{notes:?}");
    let two = format!("consumers:\n{}{}", reader("a", ""), reader("b", ""));
    assert_eq!(Case { more: &two, ..CASE }.load().notes, Vec::<String>::new());
    let replica = Case { more: &two, ..CASE };
    let text = replica.text().replace("    item:", "    source: { global_table: { lag: 500ms } }\n    item:");
    let notes = support::scenario(&text, &[]).notes;
    assert!(notes.iter().any(|note| note.contains("2 readers") && note.contains("DDS-R2")), "{notes:?}");
}

#[test]
fn dds_q1_a_provisioned_table_with_a_stream_takes_40_000_write_units_by_default() {
    let table = |units: u32| {
        format!("capacity: {{ provisioned: {{ write_units: {units} }} }}, streams: {{ view: keys_only }}")
    };
    Case { table: &table(40_000), ..CASE }.load();
    let error = Case { table: &table(40_001), ..CASE }.error();
    assert!(error.contains("40"), "{error}");
}

#[test]
fn dds_5_a_stream_needs_a_view_and_partitions_and_readers_name_it() {
    let table = |rest: &str| format!("capacity: {{ provisioned: {{ write_units: 1000 }} }}, {rest}");
    let error = |rest: &str, more: &str| Case { table: &table(rest), more, ..CASE }.error();
    assert!(error("streams: {}", "").contains("view"));
    assert!(error("streams: { view: all }", "").contains("keys_only"));
    assert!(error("partitions: off, streams: { view: keys_only }", "").contains("DDS-S2"));
    let reads = |what: &str| format!("consumers:\n  a: {{ reads: {what}, polling: {{}} }}\n");
    assert!(error("size: 1 GiB", &reads("tables.orders.streams")).contains("has no `streams`"));
    assert!(
        error("streams: { view: keys_only }", &reads("tables.orders")).contains("`tables.orders.streams`")
    );
    assert!(error("streams: { view: keys_only }", &reads("tables.order.streams")).contains("did you mean"));
}

#[test]
fn dds_r8_a_reader_begins_at_the_oldest_or_the_newest_record_and_not_at_a_moment() {
    let more =
        |from: &str| format!("consumers:\n{}", reader("search", &format!(", starts: 50s, from: {from}")));
    let processed = |from: &str| Case { more: &more(from), ..CASE }.run().consumers[0].meter.processed;
    assert_eq!(processed("trim_horizon"), 10_000);
    assert!(processed("latest").abs_diff(5_000) < 100);
    let error = Case { more: &more("{ at_timestamp: 2026-01-05T00:00:10Z }"), ..CASE }.error();
    assert!(error.contains("DDS-R8"), "{error}");
}

/// Six readers that would call once a second share five calls a second, so that each comes round every 1.2 s: 0.2 s more than its
/// clock says, which is one refusal with its wait of 200 ms on average for each call that is answered.
#[test]
fn open_3_six_idle_readers_share_five_calls_a_second() {
    let readers: String = (0..6).map(|number| reader(&format!("r{number}"), "")).collect();
    let more = format!("consumers:\n{readers}");
    let outcome =
        Case { duration: "1000s", rate: "{ constant: { rate: 0.001/s } }", more: &more, ..CASE }.run();
    let reads = || outcome.consumers.iter().map(|consumer| &consumer.reads);
    let answered: u64 = reads().map(|it| it.polls + it.empty_polls).sum();
    assert!((4_900..=5_010).contains(&answered), "{answered}");
    let refused: u64 = reads().map(|it| it.refused_calls).sum();
    assert!((refused as f64 / answered as f64 - 1.0).abs() < 0.15, "{refused} of {answered}");
}

#[test]
fn open_5_changes_are_visible_after_40_ms_at_the_median() {
    let outcome = Case { keys: "{ uniform: { items: 100_000 } }", ..CASE }.run();
    let own = outcome.tables[0].streams.as_ref().expect("a stream");
    let median = own.latency.histogram().quantile(0.5).expect("records");
    assert!((median / 40_000.0 - 1.0).abs() < 0.05, "{median}");
    // A lognormal of spread 0.6 has its 99th percentile at exp(0.6 x 2.326) medians.
    let p99 = own.latency.histogram().quantile(0.99).expect("records");
    assert!((p99 / (40_000.0 * 4.04) - 1.0).abs() < 0.15, "{p99}");
}
