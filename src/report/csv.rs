//! Tables for spreadsheets and scripts: comma-separated, one heading line, empty where there is no number.

mod deliveries;
mod timeseries;

pub use timeseries::{MetricSeries, metrics, timeseries};

use ::csv::{QuoteStyle, WriterBuilder};
use indexmap::IndexMap;

use super::result::RunResult;
use super::result::objects;
use super::result::ordering::OrderingRow;
use super::result::prefixes;
use super::result::repair::RepairRow;
use super::result::shards::{EraRow, EraShardRow, ShardRow};
use crate::engine::time::{Nanos, SECOND};
use crate::measure::ordering::{CAUSES_OF_STREAMS, Cause};
use crate::pipeline::finish::Outcome;
use crate::pricing::{Bill, Confidence};
use crate::scenario::checked::Scenario;

/// A table under way.
pub(super) struct Sheet(::csv::Writer<Vec<u8>>);

impl Sheet {
    pub fn new(columns: &[&str]) -> Self {
        let mut sheet = Self(WriterBuilder::new().quote_style(QuoteStyle::Necessary).from_writer(Vec::new()));
        sheet.row(columns.iter().map(|column| (*column).to_owned()));
        sheet
    }

    pub fn row(&mut self, cells: impl IntoIterator<Item = String>) {
        // Writing to memory cannot fail, and every row of a sheet has as many cells as its heading.
        let written = self.0.write_record(cells);
        debug_assert!(written.is_ok(), "{written:?}");
    }

    pub fn text(self) -> String {
        let bytes = self.0.into_inner().unwrap_or_default();
        String::from_utf8(bytes).unwrap_or_default()
    }
}

pub(super) fn cell(value: Option<impl ToString>) -> String {
    value.map_or(String::new(), |value| value.to_string())
}

/// The tables that need nothing but the result, by name: file names without `.csv`.
pub fn tables(result: &RunResult) -> [(&'static str, String); 5] {
    [
        ("latency", latency(result)),
        ("ordering", ordering(result)),
        ("cost", cost(result)),
        ("throttles", throttles(result)),
        ("shards", shards(result)),
    ]
}

/// `latency.csv`: a row for each figure of each leg, then one for each of its parts.
pub fn latency(result: &RunResult) -> String {
    let mut sheet = Sheet::new(&[
        "path",
        "figure",
        "part",
        "ms",
        "low95_ms",
        "high95_ms",
        "sure",
        "at_least",
        "withheld",
    ]);
    for row in &result.latency {
        let flags = [row.at_least.to_string(), row.withheld.to_string()];
        for (figure, value) in row.figures() {
            let interval = row.interval95.get(figure);
            let (low, high) = (interval.and_then(|i| i.low), interval.and_then(|i| i.high));
            let head = [row.path.clone(), figure.to_owned(), "total".to_owned()];
            let numbers = [cell(value), cell(low), cell(high), row.sure(figure).to_string()];
            sheet.row(head.into_iter().chain(numbers).chain(flags.clone()));
            for (part, value) in row.parts.get(figure).into_iter().flatten() {
                let head = [row.path.clone(), figure.to_owned(), part.clone()];
                let numbers = [cell(*value), String::new(), String::new(), row.sure(figure).to_string()];
                sheet.row(head.into_iter().chain(numbers).chain(flags.clone()));
            }
        }
    }
    sheet.text()
}

/// `ordering.csv`: a row for each feed and each consumer that is followed; distances and gaps are pooled over replications, repairs
/// stand in columns. Causes that only consumers have get columns where they occur.
pub fn ordering(result: &RunResult) -> String {
    let mut columns: Vec<String> =
        ["path", "records", "duplicates", "duplicate_share", "out_of_order", "out_of_order_share"]
            .map(str::to_owned)
            .to_vec();
    let names = Cause::ALL.map(|cause| cause.name()).into_iter().enumerate();
    let occurs = |of: fn(&OrderingRow) -> &IndexMap<String, u64>, name: &str| {
        result.ordering.iter().any(|row| of(row).contains_key(name))
    };
    let causes: Vec<&str> = names
        .filter(|(place, name)| *place < CAUSES_OF_STREAMS || occurs(|row| &row.causes, name))
        .map(|(_, name)| name)
        .collect();
    columns.extend(causes.iter().map(|cause| format!("late_by_{cause}")));
    let repeats = Cause::ALL.map(|cause| cause.name());
    let repeats: Vec<&str> =
        repeats.into_iter().filter(|name| occurs(|row| &row.duplicate_causes, name)).collect();
    columns.extend(repeats.iter().map(|cause| format!("repeated_by_{cause}")));
    for what in ["distance_records", "distance_ms", "duplicate_gap_ms"] {
        columns.extend(["p50", "p90", "p99", "max"].map(|figure| format!("{what}_{figure}")));
    }
    let feed = result.ordering.iter().max_by_key(|row| row.repair.len());
    let labels: Vec<String> = feed.into_iter().flat_map(|row| &row.repair).map(RepairRow::label).collect();
    for label in &labels {
        let figures = ["window_s", "wrong_final_states", "repaired_share"];
        columns.extend(figures.map(|figure| format!("{label}_{figure}")));
    }
    let mut sheet = Sheet::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    for row in &result.ordering {
        let head = [
            row.path.clone(),
            row.records.to_string(),
            row.duplicates.to_string(),
            cell(row.duplicate_share),
            row.out_of_order.to_string(),
            cell(row.out_of_order_share),
        ];
        let late = causes.iter().map(|cause| cell(row.causes.get(*cause)));
        let again = repeats.iter().map(|cause| cell(row.duplicate_causes.get(*cause)));
        let spreads = [row.pooled_distance_records, row.pooled_distance_ms, row.pooled_duplicate_gap_ms];
        let spreads =
            spreads.iter().flat_map(|spread| [spread.p50, spread.p90, spread.p99, spread.max].map(cell));
        let repairs = labels.iter().flat_map(|label| {
            let row = row.repair.iter().find(|row| row.label() == *label);
            let of = |figure: fn(&RepairRow) -> Option<f64>| cell(row.and_then(figure));
            let wrong = cell(row.and_then(|row| row.wrong_final_states));
            [of(|row| row.window_s), wrong, of(|row| row.repaired_share)]
        });
        sheet.row(head.into_iter().chain(late).chain(again).chain(spreads).chain(repairs));
    }
    sheet.text()
}

/// `cost.csv`: the bill.
pub fn cost(result: &RunResult) -> String {
    bill(&result.cost.bill)
}

/// A bill: a row for each line and each cause; amounts add up to the known subtotal.
pub fn bill(bill: &Bill) -> String {
    let mut sheet = Sheet::new(&[
        "id",
        "service",
        "item",
        "quantity",
        "unit",
        "per",
        "unit_price_usd",
        "cause",
        "amount_usd",
        "confidence",
        "note",
    ]);
    for line in &bill.lines {
        let confidence = cell(line.confidence.map(Confidence::letter));
        let mut row = |cause: String, amount: String| {
            let head = [line.id.clone(), line.service.clone(), line.item.clone(), line.quantity.to_string()];
            let price = [line.unit.clone(), line.per.to_string(), cell(line.unit_price), cause, amount];
            sheet.row(head.into_iter().chain(price).chain([confidence.clone(), cell(line.note.clone())]));
        };
        for (cause, amount) in &line.causes {
            row(cause.name().to_owned(), amount.to_string());
        }
        if line.causes.is_empty() {
            row(String::new(), cell(line.amount));
        }
    }
    sheet.text()
}

/// `throttles.csv`: a row for each limit at each place.
pub fn throttles(result: &RunResult) -> String {
    let mut sheet = Sheet::new(&["path", "cause", "refused", "share", "first_s"]);
    for row in &result.throttles {
        let refused = row.refused.to_string();
        sheet.row([row.path.clone(), row.cause.clone(), refused, cell(row.share), cell(row.first_s)]);
    }
    sheet.text()
}

/// `shards.csv`: a row for each of the worst shards of each stream, in replication 0; then, where shards changed, one for
/// each open shard in each span between two changes, which `from_s` and `to_s` tell.
pub fn shards(result: &RunResult) -> String {
    let mut sheet = Sheet::new(&[
        "stream",
        "shard",
        "hash_range_share",
        "load_share",
        "utilisation_max",
        "utilisation_p99",
        "records",
        "bytes",
        "refused",
        "refused_by_records",
        "refused_by_bytes",
        "refused_by_both",
        "worst_minute_s",
        "worst_minute_records",
        "worst_minute_bytes",
        "worst_minute_refused",
        "worst_minute_utilisation_mean",
        "worst_second_records",
        "worst_second_bytes",
        "top_key",
        "top_key_share",
        "state",
        "parents",
        "from_s",
        "to_s",
        "refused_read_calls",
        "refused_read_bytes",
    ]);
    for stream in &result.shards {
        stream.worst.iter().for_each(|row| worst_shard(&mut sheet, &stream.path, row));
    }
    let eras = result.shards.iter().flat_map(|stream| stream.resharding.iter().map(move |era| (stream, era)));
    for (stream, era) in eras {
        era.shards.iter().for_each(|row| shard_in_span(&mut sheet, &stream.path, era, row));
    }
    sheet.text()
}

fn worst_shard(sheet: &mut Sheet, path: &str, row: &ShardRow) {
    let (refused, minute) = (&row.refused_by_limit, &row.worst_minute);
    let top = row.top_keys.first();
    let counts =
        [row.total.records, row.total.bytes, row.total.refused, refused.records, refused.bytes, refused.both];
    let of_minute = [minute.at_s, minute.minute.records, minute.minute.bytes, minute.minute.refused];
    let of_second = [minute.busiest_second.records, minute.busiest_second.bytes];
    let shares = [row.hash_range_share, row.load_share, row.utilisation_max, row.utilisation_p99];
    sheet.row(
        [path.to_owned(), row.shard.to_string()]
            .into_iter()
            .chain(shares.map(cell))
            .chain(counts.map(|count| count.to_string()))
            .chain(of_minute.map(|count| count.to_string()))
            .chain([cell(minute.utilisation_mean)])
            .chain(of_second.map(|count| count.to_string()))
            .chain([cell(top.map(|key| key.key.clone())), cell(top.and_then(|key| key.share))])
            .chain([cell(row.state.clone()), numbers(&row.parents), String::new(), String::new()])
            .chain([row.refused_read_calls, row.refused_read_bytes].map(|count| count.to_string())),
    );
}

/// A shard in a span between two reshardings, with what is known of spans.
fn shard_in_span(sheet: &mut Sheet, path: &str, era: &EraRow, row: &EraShardRow) {
    let head = [path.to_owned(), row.shard.to_string(), cell(row.hash_range_share), cell(row.load_share)];
    let refused = [String::new(), String::new(), String::new(), String::new(), row.refused.to_string()];
    let state = if era.updating { "open while updating" } else { "open" };
    let span = [state.to_owned(), numbers(&row.parents), cell(era.from_s), cell(era.to_s)];
    let tail = span.into_iter().chain([String::new(), String::new()]);
    sheet.row(head.into_iter().chain(refused).chain((0..12).map(|_| String::new())).chain(tail));
}

fn numbers(numbers: &[u32]) -> String {
    numbers.iter().map(u32::to_string).collect::<Vec<_>>().join(" ")
}

/// `objects.csv`: a row for each object of replication 0, up to the number that a run lists.
pub fn objects(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut sheet = Sheet::new(&[
        "firehose",
        "key",
        "buffer",
        "records",
        "bytes_before_compression",
        "bytes",
        "opened_s",
        "flushed_s",
        "complete_s",
        "oldest_arrival_s",
        "flushed_by",
    ]);
    for (plan, delivery) in scenario.deliveries.iter().zip(&outcome.deliveries) {
        for (number, object) in delivery.rows.iter().enumerate() {
            let stored = (object.bytes as f64 * plan.compression + 0.5) as u64;
            sheet.row([
                plan.path.clone(),
                objects::name(scenario, plan, number, object),
                object.buffer.to_string(),
                object.records.to_string(),
                object.bytes.to_string(),
                stored.to_string(),
                seconds(object.opened),
                seconds(object.flushed),
                seconds(object.complete),
                seconds(object.oldest_arrival * 1_000),
                objects::reason(object.reason).to_owned(),
            ]);
        }
    }
    sheet.text()
}

/// `prefixes.csv`: the objects of replication 0 by prefix and hour, up to [`PREFIXES_MAX`](crate::measure::prefixes::PREFIXES_MAX)
/// of each delivery stream.
pub fn prefixes(scenario: &Scenario, outcome: &Outcome) -> String {
    let mut sheet =
        Sheet::new(&["firehose", "prefix", "hour", "objects", "bytes", "records", "object_bytes_mean"]);
    for (plan, delivery) in scenario.deliveries.iter().zip(&outcome.deliveries) {
        for row in prefixes::rows(scenario, plan, delivery) {
            let counts = [row.objects, row.bytes, row.records].map(|count| count.to_string());
            let head = [plan.path.clone(), row.prefix, row.hour];
            sheet.row(head.into_iter().chain(counts).chain([cell(row.object_bytes_mean)]));
        }
    }
    sheet.text()
}

/// Seconds to the microsecond, written exactly.
fn seconds(nanos: Nanos) -> String {
    format!("{}.{:06}", nanos / SECOND, nanos % SECOND / 1_000)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::example;
    use rust_decimal::Decimal;

    fn records(text: &str) -> Vec<Vec<String>> {
        let mut reader = ::csv::Reader::from_reader(text.as_bytes());
        reader.records().map(|record| record.unwrap().iter().map(str::to_owned).collect()).collect()
    }

    #[test]
    fn amounts_by_cause_add_up_to_the_total_and_parts_to_the_mean() {
        let result = example::result(2);
        let amounts = records(&cost(&result)).iter().map(|row| row[8].parse::<Decimal>().unwrap()).sum();
        assert_eq!(result.cost.bill.total, Some(amounts));
        let rows = records(&latency(&result));
        let lake = |row: &&Vec<String>| row[0] == "firehose.lake.freshness" && row[1] == "mean_ms";
        let (total, parts): (Vec<_>, Vec<_>) = rows.iter().filter(lake).partition(|row| row[2] == "total");
        let sum: f64 = parts.iter().map(|row| row[3].parse::<f64>().unwrap()).sum();
        assert!((sum / total[0][3].parse::<f64>().unwrap() - 1.0).abs() < 1e-5);
        assert_eq!(parts.len(), 4);
    }

    #[test]
    fn fh_m2_the_series_have_cloudwatchs_names_and_lose_nothing() {
        let scenario = example::scenario(1);
        let outcomes = example::outcomes(&scenario, 1);
        let rows = records(&timeseries(&scenario, &outcomes[0]));
        let total = |metric: &str| -> u64 {
            rows.iter().filter(|row| row[3] == metric).map(|row| row[6].parse::<u64>().unwrap()).sum()
        };
        let accepted = outcomes[0].streams[0].loads.iter().map(|load| load.total.records).sum::<u64>();
        assert_eq!(total("IncomingRecords"), accepted);
        assert_eq!(total("DeliveryToS3.Records"), outcomes[0].deliveries[0].meter.delivered);
        assert_eq!(total("DeliveryToS3.ObjectCount"), outcomes[0].deliveries[0].s3.objects);
        let listed = records(&objects(&scenario, &outcomes[0]));
        assert_eq!(listed.len() as u64, outcomes[0].deliveries[0].s3.objects);
        let stored: u64 = listed.iter().map(|row| row[5].parse::<u64>().unwrap()).sum();
        assert_eq!(stored, outcomes[0].deliveries[0].s3.bytes);
        let mut keys: Vec<&String> = listed.iter().map(|row| &row[1]).collect();
        keys.sort();
        keys.dedup();
        assert_eq!(keys.len(), listed.len());
    }

    /// The table by prefix and hour holds every object once, where its name says.
    #[test]
    fn fh_o2_o3_objects_by_prefix_and_hour_are_those_of_the_list() {
        let scenario = example::scenario(1);
        let outcomes = example::outcomes(&scenario, 1);
        let listed = records(&objects(&scenario, &outcomes[0]));
        let rows = records(&prefixes(&scenario, &outcomes[0]));
        assert!(!rows.is_empty());
        let sum = |place: usize| rows.iter().map(|row| row[place].parse::<u64>().unwrap()).sum::<u64>();
        let s3 = &outcomes[0].deliveries[0].s3;
        assert_eq!((sum(3), sum(4)), (s3.objects, s3.bytes));
        for row in &rows {
            let begins = format!("{}{}/", row[1], row[2].replace(['-', 'T'], "/"));
            let here = listed.iter().filter(|object| object[1].starts_with(&begins));
            assert_eq!(here.count().to_string(), row[3], "{begins}");
        }
    }

    #[test]
    fn ddb_x6_x7_a_feeds_metrics_come_every_five_minutes_and_lose_nothing() {
        let scenario = example::scenario(1);
        let outcomes = example::outcomes(&scenario, 1);
        let rows = records(&timeseries(&scenario, &outcomes[0]));
        let of = |metric: &str| rows.iter().filter(|row| row[3] == metric).collect::<Vec<_>>();
        for metric in
            ["ThrottledPutRecordCount", "ConsumedChangeDataCaptureUnits", "FailedToReplicateRecordCount"]
        {
            assert!(!of(metric).is_empty() && of(metric).iter().all(|row| row[1] == "300"), "{metric}");
        }
        let units: u64 =
            of("ConsumedChangeDataCaptureUnits").iter().map(|row| row[6].parse::<u64>().unwrap()).sum();
        assert_eq!(units, outcomes[0].tables[0].feed.as_ref().unwrap().meter.units);
        assert_eq!(of("AgeOfOldestUnreplicatedRecord")[0][5], "Milliseconds");
    }

    #[test]
    fn every_sheet_has_one_row_for_each_thing() {
        let result = example::result(1);
        assert_eq!(records(&shards(&result)).len(), 4);
        assert_eq!(records(&throttles(&result)).len(), result.throttles.len());
        assert_eq!(records(&ordering(&result)).len(), 1);
    }
}
