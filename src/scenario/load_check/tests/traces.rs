//! Traces against limits: each row counts when it comes, where it goes and with what it costs itself.

use super::*;
use crate::systems::dynamodb::partition::Partitions;
use crate::systems::kinesis::hash_range::hash_key;
use std::collections::BTreeMap;
use std::path::Path as FilePath;

const HEADER: &str = "timestamp_ms,key,op,bytes_before,bytes_after\n";

/// A table of four partitions and a stream of four shards, by the MD5 of the items' own keys.
fn of_table(folder: &FilePath, trace: &str, duration: &str) -> Scenario {
    scenario(
        folder,
        &format!(
            "\
name: played
study: terminating
duration: {duration}
workload:
  app: {{ writes_to: tables.t, arrivals: {{ trace: {trace} }} }}
tables:
  t:
    capacity: {{ on_demand: {{}} }}
    kinesis: {{ stream: s, record: {{ size: item, partition_key: raw }} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 4 }} }} }}
"
        ),
    )
}

fn scenario(folder: &FilePath, text: &str) -> Scenario {
    let loaded = load_text("s.yaml", text, folder, &LoadOptions::default());
    loaded.unwrap_or_else(|errors| panic!("{errors}")).base
}

/// Item `hot` is written once a second, with 2,500 bytes; 3,000 others once each, with 500 bytes, within one second.
fn burst(folder: &FilePath) {
    let hot = (0..600).map(|second| (second * 1_000, "hot".to_owned()));
    let others = (0..3_000).map(|number| (300_000 + number / 4, format!("k{number:04}")));
    let mut rows: Vec<(u64, String)> = hot.chain(others).collect();
    rows.sort();
    let line = |(at, key): &(u64, String)| match (key.as_str(), at) {
        ("hot", 0) => "0,hot,INSERT,0,2500\n".to_owned(),
        ("hot", at) => format!("{at},hot,MODIFY,2500,2500\n"),
        (key, at) => format!("{at},{key},INSERT,0,500\n"),
    };
    let text: String = rows.iter().map(line).collect();
    std::fs::write(folder.join("burst.csv"), format!("{HEADER}{text}")).unwrap();
}

/// Mean and peak second of the first such row, to a thousandth: the feed's copies are 0.001 % more.
fn figures(check: &LoadCheck, path: &str, unit: &str) -> (String, f64, f64) {
    let row = row(check, path, unit);
    let round = |value: f64| (value * 0.999_99 * 1e3).round() / 1e3;
    (row.path.clone(), round(row.mean), round(row.peak_second))
}

#[test]
fn ddb_p1_p8_kds_w1_one_second_of_a_trace_does_not_heat_what_is_written_at_other_times() {
    let folder = tempfile::tempdir().unwrap();
    burst(folder.path());
    let check = LoadCheck::of(&of_table(folder.path(), "{ file: burst.csv }", "600s"));
    let units = |path: &str| {
        let row = row(&check, path, "write units/s");
        (row.mean, row.peak_second)
    };
    // 2,500 bytes are three units: 1,800 of `hot`, and 3,000 of the others.
    assert_eq!(units("tables.t"), (8.0, 3_003.0));
    assert_eq!(units("tables.t.items.hot"), (3.0, 3.0));
    // A quarter of 3,000, give or take five standard deviations of a fair draw, and one write of `hot`.
    let (_, partition) = units("tables.t.partitions");
    assert!((750.0..=750.0 + 5.0 * 23.8 + 3.0).contains(&partition), "{partition}");
    // By the first two bits of their MD5, computed elsewhere, 760 of the 3,000 keys go to shard 0, 754, 742 and 744 to the
    // others; `hot` goes to shard 0.
    assert_eq!(figures(&check, "kinesis.s", "records/s"), ("kinesis.s".to_owned(), 6.0, 3_001.0));
    assert_eq!(figures(&check, "kinesis.s", "B/s"), ("kinesis.s".to_owned(), 5_000.0, 1_502_500.0));
    let shard = "kinesis.s.shards[0]".to_owned();
    assert_eq!(figures(&check, &shard, "records/s"), (shard.clone(), 2.267, 761.0));
    assert_eq!(figures(&check, &shard, "B/s"), (shard.clone(), 3_133.333, 382_500.0));
    // At double speed `hot` is written twice a second, and the means are twice as high.
    let check = LoadCheck::of(&of_table(folder.path(), "{ file: burst.csv, speed: 2 }", "300s"));
    let item = row(&check, "tables.t.items.hot", "write units/s");
    assert_eq!((item.mean, item.peak_second), (6.0, 6.0));
    assert_eq!(row(&check, "tables.t", "write units/s").peak_second, 3_006.0);
    assert_eq!(figures(&check, &shard, "records/s"), (shard.clone(), 4.533, 762.0));
    // What comes after the end of the run does not count.
    let check = LoadCheck::of(&of_table(folder.path(), "{ file: burst.csv }", "200s"));
    assert_eq!(figures(&check, "kinesis.s.shards", "B/s"), (shard, 2_500.0, 2_500.0));
}

#[test]
fn kds_w1_a_trace_that_is_put_straight_into_a_stream_counts_row_by_row_too() {
    let folder = tempfile::tempdir().unwrap();
    burst(folder.path());
    let check = |client: &str| {
        LoadCheck::of(&scenario(
            folder.path(),
            &format!(
                "\
name: put
study: terminating
duration: 600s
workload:
  app: {{ writes_to: kinesis.s, arrivals: {{ trace: {{ file: burst.csv }} }}, client: {client} }}
kinesis:
  s: {{ capacity: {{ provisioned: {{ shards: 4 }} }} }}
"
            ),
        ))
    };
    let figures = |check: &LoadCheck, path: &str, unit: &str| {
        let row = row(check, path, unit);
        (row.path.clone(), row.peak_second)
    };
    let plain = check("{ kpl: { aggregation: false } }");
    let shard = "kinesis.s.shards[0]".to_owned();
    // Keys of 3 and 5 bytes count.
    assert_eq!(figures(&plain, "kinesis.s", "B/s").1, 2_503.0 + 3_000.0 * 505.0);
    assert_eq!(figures(&plain, "kinesis.s.shards", "records/s"), (shard.clone(), 761.0));
    assert_eq!(figures(&plain, "kinesis.s.shards", "B/s"), (shard.clone(), 2_503.0 + 760.0 * 505.0));
    // Gathered for 100 ms, 761 records a second are aggregates of 77.1.
    let (_, records) = figures(&check("{ kpl: {} }"), "kinesis.s.shards", "records/s");
    assert!((records - 761.0 / 77.1).abs() < 1e-9, "{records}");
}

#[test]
fn ddb_u10_what_the_table_refuses_is_not_said_to_be_skipped_by_its_stream() {
    let folder = tempfile::tempdir().unwrap();
    for (rows, units) in [("0,a,INSERT,0,500000\n", 0.0), ("0,a,INSERT,0,500000\n1,b,INSERT,0,500\n", 1.0)] {
        std::fs::write(folder.path().join("large.csv"), format!("{HEADER}{rows}")).unwrap();
        let scenario = of_table(folder.path(), "{ file: large.csv }", "10s");
        assert!(scenario.notes.iter().any(|note| note.contains("(DDB-U10), which a table refuses")));
        let check = LoadCheck::of(&scenario);
        assert!(!check.warnings.iter().any(|text| text.contains("KDC-J12")), "{:?}", check.warnings);
        assert_eq!(row(&check, "tables.t", "write units/s").peak_second, units);
        assert_eq!(figures(&check, "kinesis.s", "B/s").2, 500.0 * units);
    }
}

/// What a count second by second finds for each place: the most, and the place.
#[derive(Default)]
struct Count(BTreeMap<(u64, String), u64>);

impl Count {
    fn add(&mut self, second: u64, place: String, amount: u64) {
        *self.0.entry((second, place)).or_default() += amount;
    }

    fn most(&self) -> f64 {
        self.0.values().copied().max().unwrap_or(0) as f64
    }
}

/// The rows of a real trace, whose times are whole seconds, counted by second.
#[test]
fn the_peaks_of_a_recorded_trace_are_what_a_count_of_its_rows_finds() {
    let folder = FilePath::new(env!("CARGO_MANIFEST_DIR")).join("../shared/data/traces");
    let Ok(packed) = std::fs::File::open(folder.join("block_writes_2h.csv.gz")) else {
        eprintln!("skipped: the recorded traces ({}) are not here to count.", folder.display());
        return;
    };
    let scenario = of_table(&folder, "{ file: block_writes_2h.csv.gz }", "7201s");
    let plan = scenario.tables[0].throughput.partitions.as_ref().expect("partitions");
    let partitions = Partitions::new(plan, 0);
    let mut numbers: BTreeMap<String, u32> = BTreeMap::new();
    let [mut table, mut items, mut of_partitions, mut of_shards] = [(); 4].map(|()| Count::default());
    for line in std::io::read_to_string(flate2::read::MultiGzDecoder::new(packed)).unwrap().lines().skip(1) {
        let cells: Vec<&str> = line.split(',').collect();
        let number = |cell: usize| cells[cell].parse::<u64>().unwrap();
        let (at, key, bytes) = (number(0), cells[1].to_owned(), number(3).max(number(4)));
        assert_eq!(at % 1_000, 0, "so that no other second has more than those of the clock");
        let (second, units, next) = (at / 1_000, bytes.div_ceil(1_024), numbers.len() as u32);
        let item = *numbers.entry(key.clone()).or_insert(next);
        let partition = partitions.find(plan.placement.of(item));
        table.add(second, String::new(), units);
        of_partitions.add(second, partition.to_string(), units);
        of_shards.add(second, (hash_key(key.as_bytes()) >> 126).to_string(), bytes);
        items.add(second, key, units);
    }
    // What two counts with other tools found, too.
    assert_eq!((table.most(), items.most()), (168_466.0, 136.0));
    let check = LoadCheck::of(&scenario);
    for (path, count) in
        [("tables.t", &table), ("tables.t.items", &items), ("tables.t.partitions", &of_partitions)]
    {
        assert_eq!(row(&check, path, "write units/s").peak_second, count.most(), "{path}");
    }
    let shard = row(&check, "kinesis.s.shards", "B/s").peak_second;
    assert!((shard / of_shards.most() - 1.000_01).abs() < 1e-9, "{shard}");
}
