//! Records put straight into a Firehose: quotas, scaling, hints.

use super::{DIRECT, POLLED, fate, refused, result, run, support};
use streamgauge::engine::time::SECOND;
use streamgauge::pipeline::direct_put::column as put_column;
use streamgauge::report::csv;
use streamgauge::scenario::load_check::{LoadCheck, Verdict};

#[test]
fn fh_s1_q7_records_put_straight_into_a_firehose_all_arrive_in_batches_of_at_most_500() {
    let (scenario, outcome) = run(DIRECT, &[]);
    let meter = &outcome.direct[0].meter;
    // 10 minutes at 1,000 a second, and none refused: 1,000,000 bytes a second are less than 1 MiB.
    assert_eq!((meter.accepted, meter.refused_records, meter.calls), (600_000, 0, 6_000));
    assert_eq!(fate(&outcome, "firehose.lake", "delivered"), (600_000, 600_000));
    assert!(refused(DIRECT, &["workload.clicks.client.sdk.records_per_call=501"]).contains("500"));
    let json = result(&scenario, outcome);
    assert_eq!(
        (json.producers[0].writes_to.as_str(), json.objects[0].reads.as_str()),
        ("firehose.lake", "firehose.lake")
    );
}

#[test]
fn fh_q7_a_batch_holds_4_mib_at_most() {
    let sets = [
        "workload.clicks.record.size=900 KiB",
        "workload.clicks.arrivals={ constant: { rate: 5/s } }",
        "workload.clicks.client.sdk.linger=10s",
        "firehose.lake.direct_put={ scale: 8 }",
        "duration=1m",
    ];
    let (_, outcome) = run(DIRECT, &sets);
    let meter = &outcome.direct[0].meter;
    // Four of 900 KiB fit into 4 MiB, five do not.
    assert_eq!(meter.accepted, 300);
    assert!((75..=77).contains(&meter.calls), "{}", meter.calls);
}

#[test]
fn fh_q8_records_above_1000_kib_are_refused() {
    for (size, too_large) in [("1000 KiB", 0), ("1024001 B", 10)] {
        let size = format!("workload.clicks.record.size={size}");
        let sets = [&size, "workload.clicks.arrivals={ constant: { rate: 1/s } }", "duration=10s"];
        let (_, outcome) = run(DIRECT, &sets);
        assert_eq!(outcome.direct[0].meter.too_large, too_large, "{size}");
    }
}

#[test]
fn fh_q2_q7_what_is_above_the_quota_is_refused_record_by_record_and_sent_again() {
    // 2,000,000 bytes a second meet 1,048,576; the first second's worth is there from the start.
    let (_, outcome) = run(DIRECT, &["workload.clicks.record.size=2000 B", "end=stop"]);
    let meter = &outcome.direct[0].meter;
    let allowed = 1_048_576 * 601 / 2_000;
    assert!(meter.accepted <= allowed && meter.accepted + 200 > allowed, "{} of {allowed}", meter.accepted);
    assert!(meter.refused_records > 0 && meter.refused_requests == 0);
    assert_eq!(meter.refused[1], meter.refused_records, "bytes refused all of them");
}

#[test]
fn fh_q3_the_older_page_allows_1000_records_a_second() {
    let sets = [
        "firehose.lake.direct_put.quota=legacy",
        "workload.clicks.record.size=100 B",
        "workload.clicks.arrivals={ constant: { rate: 1500/s } }",
        "end=stop",
        "duration=2m",
    ];
    let (_, outcome) = run(DIRECT, &sets);
    let meter = &outcome.direct[0].meter;
    assert!((120_000..=121_000).contains(&meter.accepted), "{}", meter.accepted);
    assert_eq!(meter.refused[0], meter.refused_records);
}

#[test]
fn fh_q5_top_3_unv_2_a_scaled_stream_fills_a_buffer_a_channel_each_smaller() {
    let size = "firehose.lake.buffer={ size: 128 MiB, interval: 60s }";
    let objects = |scale: u32| {
        let (_, outcome) = run(DIRECT, &[size, &format!("firehose.lake.direct_put.scale={scale}")]);
        (outcome.deliveries[0].s3.objects, outcome.deliveries[0].s3.bytes)
    };
    // A buffer's interval runs from its first record, so ten minutes hold ten objects of each channel.
    let (one, bytes) = objects(1);
    assert!((10..=11).contains(&one), "{one}");
    for scale in [2, 4] {
        let (more, same) = objects(scale);
        assert_eq!(same, bytes);
        assert!((10 * u64::from(scale)..=11 * u64::from(scale)).contains(&more), "{scale}: {more}");
    }
    // By size the hint is shared out: four channels flush at a quarter of it.
    let small = "firehose.lake.buffer={ size: 4 MiB, interval: 900s }";
    let (_, outcome) = run(DIRECT, &[small, "firehose.lake.direct_put.scale=4"]);
    let full = outcome.deliveries[0].rows.iter().filter(|row| row.complete < 590 * SECOND);
    let sizes: Vec<u64> = full.map(|row| row.bytes).collect();
    assert!(sizes.len() > 500);
    assert!(sizes.iter().all(|bytes| (1 << 20..(1 << 20) + 1_000).contains(bytes)), "{sizes:?}");
}

#[test]
fn fh_q5_m3_a_throttled_stream_grows_until_nothing_is_refused_and_its_metrics_say_so() {
    let sets = [
        "firehose.lake.direct_put={ ramp: 60s }",
        "workload.clicks.record.size=3000 B",
        "workload.clicks.client.sdk.in_flight=50",
        "workload.clicks.client.sdk.resend=none",
    ];
    let (scenario, outcome) = run(DIRECT, &sets);
    let front = outcome.streams[0].front.as_ref().unwrap();
    // 3,000,000 bytes a second need 4 MiB: two doublings, a minute after the first refusal and a minute after the next.
    let scales: Vec<u32> = front.ingest.scales.iter().map(|(_, scale)| *scale).collect();
    assert_eq!(scales, [1, 2, 4]);
    let [first, last] = [1, 2].map(|rise| front.ingest.scales[rise].0);
    assert!((120 * SECOND..=140 * SECOND).contains(&last), "{last}");
    let later = last / front.series.width() + 2;
    let late = front.series.bins().iter().skip(later as usize);
    assert_eq!(late.map(|bin| bin[put_column::THROTTLED]).sum::<u64>(), 0);
    let sheet = csv::timeseries(&scenario, &outcome);
    let sum = |metric: &str| -> u64 {
        let rows = sheet.lines().filter(|line| line.contains(&format!(",firehose.lake,{metric},Sum,")));
        rows.map(|line| line.rsplit(',').next().unwrap().parse::<u64>().unwrap()).sum()
    };
    assert_eq!(sum("IncomingRecords"), outcome.direct[0].meter.accepted);
    assert_eq!(sum("IncomingBytes"), outcome.direct[0].meter.bytes);
    assert_eq!(sum("ThrottledRecords"), outcome.direct[0].meter.refused_records);
    assert_eq!(sum("IncomingPutRequests"), outcome.direct[0].meter.calls);
    assert!(sheet.contains(",firehose.lake,BytesPerSecondLimit,Maximum,Bytes,1048576"));
    assert!(sheet.contains(",firehose.lake,BytesPerSecondLimit,Maximum,Bytes,4194304"));
    assert!(sheet.contains(",firehose.lake,PutRequestsPerSecondLimit,Maximum,Count,4000"));
    assert!(sheet.contains(",firehose.lake,RecordsPerSecondLimit,Maximum,Count,400000"));
    let json = result(&scenario, outcome);
    let of_producer = json.throttles.iter().find(|row| row.path == "workload.clicks").unwrap();
    // To a bin of a second: the first rise came a minute after the first refusal.
    let refused = of_producer.first_s.expect("something was refused");
    assert!((0.0..=1.0).contains(&(first as f64 / 1e9 - 60.0 - refused)), "{refused}, {first}");
}

#[test]
fn fh_q6_b13_check_warns_of_far_too_large_quotas_and_small_hints() {
    let warnings =
        |sets: &[&str]| LoadCheck::of(&support::load_with(DIRECT, sets).unwrap()).warnings.join("\n");
    assert!(warnings(&["firehose.lake.direct_put.scale=20"]).contains("FH-Q6"));
    assert!(!warnings(&["firehose.lake.direct_put.scale=2"]).contains("FH-Q6"));
    // 1,000,000 bytes a second want 10,000,000.
    assert!(warnings(&[]).contains("FH-B13"), "5 MiB");
    assert!(!warnings(&["firehose.lake.buffer.size=10 MiB"]).contains("FH-B13"));
    let rows =
        LoadCheck::of(&support::load_with(DIRECT, &["workload.clicks.record.size=2000 B"]).unwrap()).rows;
    let bytes = rows.iter().find(|row| row.path == "firehose.lake.direct_put" && row.unit == "B/s").unwrap();
    assert_eq!((bytes.limit.as_str(), bytes.mean, bytes.allowed), ("FH-Q1", 2e6, 1_048_576.0));
    assert_eq!(bytes.verdict, Verdict::Overloaded);
}

#[test]
fn fh_q13_direct_put_keeps_a_record_for_24_hours_while_the_destination_is_down() {
    let sets = [
        "duration=26h",
        "workload.clicks.arrivals={ stages: [{ for: 1h, rate: 1/s }, { for: 25h, rate: 0/s }] }",
        "workload.clicks.client.sdk.records_per_call=1",
        "firehose.lake.to.s3.retry_wait=60s",
    ];
    let down = |hours: &str| format!("events={{ down: {{ at: 0s, for: {hours}, outage: firehose.lake }} }}");
    let (_, kept) = run(DIRECT, &[&sets[..], &[&down("23h")]].concat());
    assert_eq!(fate(&kept, "firehose.lake", "undeliverable").0, 0);
    let (_, lost) = run(DIRECT, &[&sets[..], &[&down("1500m")]].concat());
    let (undeliverable, entered) = fate(&lost, "firehose.lake", "undeliverable");
    assert!(entered > 3_000 && undeliverable == entered, "{undeliverable} of {entered}");
    let [first, last] = lost.deliveries[0].meter.gave_up_at.unwrap();
    assert!(first >= 86_400 * SECOND && last <= 25 * 3_600 * SECOND + 60 * SECOND, "{first} {last}");
    let told = lost
        .timeline
        .entries()
        .iter()
        .any(|entry| entry.place == "firehose.lake" && entry.what.contains("lost"));
    assert!(told);
}

#[test]
fn fh_s5_a_firehose_that_reads_a_stream_takes_no_puts() {
    let put = "workload.clicks={ writes_to: firehose.lake, arrivals: { constant: { rate: 1/s } }, keys: { uniform: { items: 1 } }, \
               record: { size: 1 KiB }, client: { sdk: { call: put_record } } }";
    assert!(refused(POLLED, &[put]).contains("FH-S5"));
    // And it starts at the newest record: what is there before the run is never delivered.
    let (_, outcome) = run(POLLED, &["kinesis.changes.history=1h"]);
    let (delivered, _) = fate(&outcome, "firehose.lake", "delivered");
    assert_eq!(delivered, 60_000);
    assert!(refused(DIRECT, &["workload.clicks.client={ kpl: {} }"]).contains("KPL"));
    assert!(
        refused(DIRECT, &["workload.clicks.client={ sdk: { call: put_records } }"])
            .contains("put_record_batch")
    );
    assert!(refused(DIRECT, &["firehose.lake.reads=kinesis.x"]).contains("exactly one"));
}
