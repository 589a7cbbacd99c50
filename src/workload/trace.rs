//! A recorded sequence of item changes from a file.

use super::input::{csv_error, csv_reader};
use super::operation::Operation;
use crate::engine::time::{self, END_OF_TIME, MILLISECOND, Nanos, SECOND};
use std::collections::BTreeMap;
use std::io::Read;

/// The largest item, in bytes (`DDB-U10`). A larger one is reported here; the table refuses it.
const ITEM_BYTES_MAX: u32 = 400 * 1_024;
/// The longest key, in bytes (`DDB-U13`).
const KEY_BYTES_MAX: usize = 2_048;
/// The most rows held, repetitions included: 1.5 GiB of them.
const ROWS_MAX: usize = 1 << 26;

const COLUMNS: [&str; 5] = ["timestamp_ms", "key", "op", "bytes_before", "bytes_after"];

/// How to read a trace.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct TraceOptions {
    /// How many times faster time passes than in the file.
    pub speed: f64,
    /// How many times the trace is played, at least once.
    pub repeat: u32,
}

impl Default for TraceOptions {
    fn default() -> Self {
        Self { speed: 1.0, repeat: 1 }
    }
}

/// One change of an item.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TraceRow {
    /// When, from the first row on.
    pub at: Nanos,
    /// Which item: an index into [`Trace::keys`].
    pub key: u32,
    /// Size of the item before, in bytes; 0 if there was none.
    pub before: u32,
    /// Size of the item after, in bytes; 0 if there is none.
    pub after: u32,
    /// What happens to it.
    pub operation: Operation,
}

/// What the rows of a trace bring to one place, a second.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct RowRate {
    /// Over the whole span.
    pub mean: f64,
    /// In the window that brings most.
    pub peak: f64,
}

/// What a trace's file was like.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TraceReport {
    /// Rows in the file.
    pub rows: u64,
    /// Time from its first row to its last, in the file's time.
    pub span_ns: Nanos,
    /// Rows with an item larger than 400 KiB, which a table refuses (`DDB-U10`).
    pub oversized_rows: u64,
    /// The first of them.
    pub first_oversized_line: Option<u64>,
}

/// A recorded sequence of item changes. Immutable: share it by `Arc`.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Trace {
    rows: Vec<TraceRow>,
    keys: Vec<String>,
    report: TraceReport,
}

impl Trace {
    /// Reads CSV, plain or gzip, with the columns `timestamp_ms,key,op,bytes_before,bytes_after` in any order
    /// and no others, sorted by time. Rows of equal time keep their order.
    ///
    /// With `repeat`, the next pass starts one mean gap between rows after the last row, so that the mean
    /// rate stays; an `INSERT` of an item that a pass before has left behind becomes a `MODIFY` of it.
    ///
    /// Errors name the line: a column that is missing or unknown, a field that does not parse, a size that
    /// contradicts the operation, a time that goes back; and no rows, or too many.
    pub fn read(source: impl Read, options: &TraceOptions) -> Result<Self, String> {
        if !(options.speed > 0.0 && options.speed.is_finite()) {
            return Err(format!("`speed` must be a positive number; found {}", options.speed));
        }
        if options.repeat == 0 {
            return Err("`repeat` must be at least 1".to_owned());
        }
        let mut loader = Loader::default();
        let mut reader = csv_reader(source)?;
        let columns = find_columns(reader.headers().map_err(|error| csv_error(&error))?)?;
        let mut record = csv::StringRecord::new();
        while reader.read_record(&mut record).map_err(|error| csv_error(&error))? {
            let line = record.position().map_or(0, csv::Position::line);
            let fields = columns.map(|column| record.get(column).unwrap_or_default());
            loader.add(fields, line).map_err(|message| format!("line {line}: {message}"))?;
        }
        let mut trace = loader.finish()?;
        trace.repeat(options)?;
        Ok(trace)
    }

    /// The rows in order; never empty.
    pub fn rows(&self) -> &[TraceRow] {
        &self.rows
    }

    /// The keys' texts, in the order in which they first occur.
    pub fn keys(&self) -> &[String] {
        &self.keys
    }

    /// What the file was like.
    pub fn report(&self) -> &TraceReport {
        &self.report
    }

    /// Mean rate in [`from`, `to`), in rows per second; 0 for an empty span.
    pub fn mean_rate(&self, from: Nanos, to: Nanos) -> f64 {
        self.within(from, to).len() as f64 / (to.saturating_sub(from).max(1) as f64 / SECOND as f64)
    }

    /// The highest rate, in rows per second, in any window of this length within [`from`, `to`).
    pub fn peak_rate(&self, from: Nanos, to: Nanos, window: Nanos) -> f64 {
        self.rates((from, to), window, 1, |_| (0, 1)).first().map_or(0.0, |rate| rate.peak)
    }

    /// What comes to each of so many places within `span`, which is [from, to): `of` says to which place a row goes, and
    /// how much of what is counted it brings there. Peaks are over any window of this length, of each place by itself.
    pub fn rates(
        &self,
        span: (Nanos, Nanos),
        window: Nanos,
        places: usize,
        of: impl Fn(&TraceRow) -> (usize, u64),
    ) -> Vec<RowRate> {
        let length = span.1.saturating_sub(span.0).max(1);
        let window = window.clamp(1, length);
        let rows = self.within(span.0, span.1);
        // All that came to each place, what came within the window that ends with the present row, and the most of that.
        let mut sums = vec![[0_u64; 3]; places];
        let mut oldest = 0;
        for row in rows {
            while row.at - rows[oldest].at >= window {
                let (place, amount) = of(&rows[oldest]);
                sums[place][1] -= amount;
                oldest += 1;
            }
            let (place, amount) = of(row);
            let [all, recent, most] = &mut sums[place];
            *all += amount;
            *recent += amount;
            *most = (*most).max(*recent);
        }
        let rate = |count: u64, time: Nanos| count as f64 / (time as f64 / SECOND as f64);
        sums.into_iter()
            .map(|[all, _, most]| RowRate { mean: rate(all, length), peak: rate(most, window) })
            .collect()
    }

    /// The rows within [`from`, `to`).
    pub fn within(&self, from: Nanos, to: Nanos) -> &[TraceRow] {
        let index = |at: Nanos| self.rows.partition_point(|row| row.at < at);
        &self.rows[index(from)..index(to.max(from))]
    }

    /// Speeds up the rows, which are one pass in the file's time, and repeats them.
    fn repeat(&mut self, options: &TraceOptions) -> Result<(), String> {
        let once = self.rows.len();
        let total = once.saturating_mul(options.repeat as usize);
        if total > ROWS_MAX {
            return Err(format!("{once} rows played {} times are more than {ROWS_MAX}", options.repeat));
        }
        let gaps = once.max(2) as f64 - 1.0;
        let pass = self.report.span_ns as f64 * (1.0 + 1.0 / gaps) / options.speed;
        if pass * f64::from(options.repeat) >= END_OF_TIME as f64 {
            return Err("the trace lasts longer than 834 days".to_owned());
        }
        self.rows.iter_mut().for_each(|row| row.at = time::round(row.at as f64 / options.speed));
        let mut sizes = vec![0; self.keys.len()];
        self.rows.iter().for_each(|row| sizes[row.key as usize] = row.after);
        let recorded = self.rows.clone();
        for index in 1..options.repeat {
            let start = time::round(pass * f64::from(index));
            self.rows.extend(recorded.iter().map(|row| play_again(*row, start, &mut sizes)));
        }
        Ok(())
    }
}

/// A row in a later pass, which finds its item at the size that was left.
fn play_again(mut row: TraceRow, start: Nanos, sizes: &mut [u32]) -> TraceRow {
    let size = &mut sizes[row.key as usize];
    row.at += start;
    if row.operation == Operation::Insert && *size > 0 {
        (row.operation, row.before) = (Operation::Modify, *size);
    }
    *size = row.after;
    row
}

fn find_columns(header: &csv::StringRecord) -> Result<[usize; 5], String> {
    if header.is_empty() {
        return Err("the file is empty".to_owned());
    }
    let mut columns = [0; 5];
    for (column, name) in columns.iter_mut().zip(COLUMNS) {
        *column = header
            .iter()
            .position(|found| found == name)
            .ok_or_else(|| format!("line 1: no column `{name}`; the columns are `{}`", COLUMNS.join(",")))?;
    }
    if let Some((_, name)) = header.iter().enumerate().find(|(index, _)| !columns.contains(index)) {
        return Err(format!("line 1: column `{name}` is not used; the columns are `{}`", COLUMNS.join(",")));
    }
    Ok(columns)
}

#[derive(Default)]
struct Loader {
    rows: Vec<TraceRow>,
    numbers: BTreeMap<String, u32>,
    /// Time of the first and the last row, in milliseconds.
    span_ms: Option<(u64, u64)>,
    report: TraceReport,
}

impl Loader {
    fn add(&mut self, fields: [&str; 5], line: u64) -> Result<(), String> {
        let [at, key, operation, before, after] = fields;
        if self.rows.len() == ROWS_MAX {
            return Err(format!("more than {ROWS_MAX} rows"));
        }
        let operation = Operation::from_name(operation)
            .ok_or_else(|| format!("`op` must be INSERT, MODIFY or REMOVE; found `{operation}`"))?;
        let (before, after) = (size("bytes_before", before)?, size("bytes_after", after)?);
        check_sizes(operation, before, after)?;
        let at = self.time(at)?;
        let key = self.number(key)?;
        if before.max(after) > ITEM_BYTES_MAX {
            self.report.oversized_rows += 1;
            self.report.first_oversized_line.get_or_insert(line);
        }
        self.rows.push(TraceRow { at, key, before, after, operation });
        Ok(())
    }

    /// The time from the first row on.
    fn time(&mut self, text: &str) -> Result<Nanos, String> {
        let at: u64 = text.parse().map_err(|_| {
            format!("`timestamp_ms` must be a whole number of milliseconds, not negative; found `{text}`")
        })?;
        let (first, last) = self.span_ms.unwrap_or((at, at));
        if at < last {
            return Err(format!("time goes back from {last} to {at}; sort the rows"));
        }
        self.span_ms = Some((first, at));
        (at - first).checked_mul(MILLISECOND).ok_or_else(|| "the trace lasts too long".to_owned())
    }

    fn number(&mut self, key: &str) -> Result<u32, String> {
        if let Some(number) = self.numbers.get(key) {
            return Ok(*number);
        }
        if !(1..=KEY_BYTES_MAX).contains(&key.len()) {
            return Err(format!("a key must have 1 to {KEY_BYTES_MAX} bytes; found {}", key.len()));
        }
        let number = self.numbers.len() as u32;
        self.numbers.insert(key.to_owned(), number);
        Ok(number)
    }

    fn finish(mut self) -> Result<Trace, String> {
        let last = self.rows.last().ok_or("the file has no rows")?;
        self.report.span_ns = last.at;
        self.report.rows = self.rows.len() as u64;
        let mut keys = vec![String::new(); self.numbers.len()];
        self.numbers.into_iter().for_each(|(key, number)| keys[number as usize] = key);
        Ok(Trace { rows: self.rows, keys, report: self.report })
    }
}

fn size(name: &str, text: &str) -> Result<u32, String> {
    text.parse().map_err(|_| format!("`{name}` must be a whole number of bytes; found `{text}`"))
}

fn check_sizes(operation: Operation, before: u32, after: u32) -> Result<(), String> {
    let expected = match operation {
        Operation::Insert => (false, true),
        Operation::Modify => (true, true),
        Operation::Remove => (true, false),
    };
    if (before > 0, after > 0) == expected {
        return Ok(());
    }
    let name = operation.name();
    Err(match operation {
        Operation::Insert => {
            format!("an {name} has no size before and one after; found {before} and {after}")
        }
        Operation::Modify => format!("a {name} has a size before and after; found {before} and {after}"),
        Operation::Remove => format!("a {name} has a size before and none after; found {before} and {after}"),
    })
}

#[cfg(test)]
mod tests {
    use super::*;

    const SMALL: &str = "timestamp_ms,key,op,bytes_before,bytes_after\n\
        1000,b,INSERT,0,100\n\
        1000,a,insert,0,500000\n\
        1500,b,Modify,100,120\n\
        4000,a,REMOVE,500000,0\n";

    fn read(text: &str, options: TraceOptions) -> Result<Trace, String> {
        Trace::read(text.as_bytes(), &options)
    }

    #[test]
    fn ddb_u10_rows_keep_their_order_and_items_over_400_kib_are_counted() {
        let trace = read(SMALL, TraceOptions::default()).unwrap();
        assert_eq!(trace.keys(), ["b", "a"]);
        let times: Vec<_> = trace.rows().iter().map(|row| (row.at, row.key)).collect();
        assert_eq!(times, [(0, 0), (0, 1), (SECOND / 2, 0), (3 * SECOND, 1)]);
        let report = trace.report();
        assert_eq!((report.rows, report.span_ns), (4, 3 * SECOND));
        assert_eq!((report.oversized_rows, report.first_oversized_line), (2, Some(3)));
        assert_eq!((trace.mean_rate(0, 4 * SECOND), trace.peak_rate(0, 4 * SECOND, SECOND)), (1.0, 3.0));
    }

    #[test]
    fn later_passes_keep_the_rate_and_find_what_was_left() {
        let trace = read(SMALL, TraceOptions { speed: 2.0, repeat: 3 }).unwrap();
        // Three gaps of a second on average, at double speed: a pass starts every two seconds.
        assert_eq!(trace.rows().len(), 12);
        assert_eq!([0, 4, 8].map(|index| trace.rows()[index].at), [0, 2 * SECOND, 4 * SECOND]);
        let again = &trace.rows()[4..6];
        assert_eq!((again[0].operation, again[0].before, again[0].after), (Operation::Modify, 120, 100));
        assert_eq!((again[1].operation, again[1].before), (Operation::Insert, 0));
        assert!(trace.rows().is_sorted_by_key(|row| row.at));
        assert!(read(SMALL, TraceOptions { speed: 1.0, repeat: u32::MAX }).is_err());
        assert!(read(SMALL, TraceOptions { speed: f64::NAN, repeat: 1 }).is_err());
    }

    #[test]
    fn ddb_u13_a_key_has_1_to_2048_bytes() {
        let read_key = |bytes: usize| {
            let key = "k".repeat(bytes);
            read(
                &format!("timestamp_ms,key,op,bytes_before,bytes_after\n1,{key},INSERT,0,9\n"),
                TraceOptions::default(),
            )
        };
        assert!(read_key(1).is_ok() && read_key(2_048).is_ok());
        assert!(read_key(0).is_err() && read_key(2_049).is_err());
    }

    #[test]
    fn errors_name_the_line() {
        let header = "timestamp_ms,key,op,bytes_before,bytes_after\n";
        for (rows, part) in [
            ("", "no rows"),
            ("1,a,INSERT,0,9\n0,a,MODIFY,9,9\n", "line 3: time goes back"),
            ("1,a,UPSERT,0,9\n", "line 2: `op`"),
            ("1,a,INSERT,5,9\n", "line 2: an INSERT has no size before"),
            ("1,a,REMOVE,5,9\n", "line 2: a REMOVE"),
            ("1,a,MODIFY,0,9\n", "line 2: a MODIFY"),
            ("1.5,a,INSERT,0,9\n", "line 2: `timestamp_ms`"),
            ("1,a,INSERT,0,-9\n", "line 2: `bytes_after`"),
            ("1,,INSERT,0,9\n", "line 2: a key"),
            ("1,a,INSERT,0\n", "line 2: 4 fields"),
            ("0,a,INSERT,0,9\n99999999999999999,b,INSERT,0,9\n", "line 3: the trace lasts too long"),
            ("0,a,INSERT,0,9\n9000000000000,b,INSERT,0,9\n", "longer than 834 days"),
        ] {
            let error = read(&format!("{header}{rows}"), TraceOptions::default()).unwrap_err();
            assert!(error.contains(part), "{rows:?}: {error}");
        }
        let extra = "timestamp_ms,key,op,bytes_before,bytes_after,user\n";
        assert!(read(extra, TraceOptions::default()).unwrap_err().contains("column `user`"));
        assert!(read("key,op\n", TraceOptions::default()).unwrap_err().contains("no column `timestamp_ms`"));
        assert!(read("", TraceOptions::default()).unwrap_err().contains("empty"));
    }

    #[test]
    fn the_sample_traces_have_their_published_counts() {
        // Rows, keys, inserts, span in seconds, largest item and busiest second, as the samples' own page
        // states.
        for (name, rows, keys, inserts, span, largest, busiest) in [
            ("retail_stock_2011-11", 41_062, 2_689, 2_689, 13.3 * 86_400.0, 219, Some(625.0)),
            ("llm_requests_2023-11-16", 28_185, 28_185, 28_185, 3_513.0, 104, None),
            ("block_writes_2h", 66_898, 33_165, 33_165, 7_200.0, 69_632, Some(2_513.0)),
        ] {
            let path = format!("{}/../shared/data/traces/{name}.csv.gz", env!("CARGO_MANIFEST_DIR"));
            let Ok(file) = std::fs::File::open(&path) else {
                println!("skipped: no {path}");
                continue;
            };
            let trace = Trace::read(file, &TraceOptions::default()).unwrap();
            assert_eq!((trace.rows().len(), trace.keys().len()), (rows, keys), "{name}");
            let count = trace.rows().iter().filter(|row| row.operation == Operation::Insert).count();
            assert_eq!(count, inserts, "{name}");
            assert!((trace.report().span_ns as f64 / 1e9 / span - 1.0).abs() < 0.005, "{name}");
            assert_eq!(trace.rows().iter().map(|row| row.after).max(), Some(largest), "{name}");
            if let Some(busiest) = busiest {
                assert_eq!(trace.peak_rate(0, END_OF_TIME, SECOND), busiest, "{name}");
            }
        }
    }
}
