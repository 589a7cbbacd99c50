//! A rate over time from a file: a metric's export, one row per period.

use super::input::{csv_error, csv_reader};
use super::rate_profile::{RateProfile, Stretch};
use super::timestamp;
use crate::engine::time::{self, END_OF_TIME, Nanos, SECOND};
use std::collections::BTreeMap;
use std::io::Read;
use std::sync::Arc;

/// What a row's value means.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ValueMeaning {
    /// Events in the row's period.
    PerPeriod,
    /// Events per second.
    PerSecond,
}

/// What holds where rows are missing.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Missing {
    /// No events: metrics leave out periods in which nothing happened.
    Zero,
    /// The rate of the row before.
    Hold,
}

/// How rates are changed, all by one factor.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Scale {
    /// By this factor.
    Factor(f64),
    /// So that the highest becomes this many events per second.
    Peak(f64),
}

/// How to read a profile.
#[derive(Clone, Debug, PartialEq)]
pub struct ProfileOptions {
    /// Name of the column with timestamps; see [`timestamp::parse`] for their forms.
    pub timestamp_column: String,
    /// Name of the column with values. Other columns are left alone: an export may hold several metrics.
    pub value_column: String,
    /// What a value means.
    pub value: ValueMeaning,
    /// The rows' period; `None` for their most common step (the shortest of equally common ones).
    pub period: Option<Nanos>,
    /// What holds where rows are missing.
    pub missing: Missing,
    /// Where time 0 lies, in nanoseconds since 1970; `None` for the first row.
    pub from: Option<i64>,
    /// Where the profile ends (exclusive), in nanoseconds since 1970; `None` for the end of the last row's
    /// period.
    pub to: Option<i64>,
    /// How rates are changed; after `speed`.
    pub scale: Scale,
    /// How many times faster time passes than in the file. The number of events stays, so rates grow by as
    /// much.
    pub speed: f64,
    /// Whether the profile starts again at its end; otherwise arrivals end there.
    pub repeats: bool,
}

impl Default for ProfileOptions {
    fn default() -> Self {
        Self {
            timestamp_column: "timestamp".to_owned(),
            value_column: "value".to_owned(),
            value: ValueMeaning::PerPeriod,
            period: None,
            missing: Missing::Zero,
            from: None,
            to: None,
            scale: Scale::Factor(1.0),
            speed: 1.0,
            repeats: false,
        }
    }
}

/// A rate over time and what its file was like.
#[derive(Clone, Debug, PartialEq)]
pub struct Profile {
    /// The rate from the start of the run on.
    pub bins: Arc<RateProfile>,
    /// What was found.
    pub report: ProfileReport,
}

/// What a profile's file was like within the window that is used; spans are in the file's time.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct ProfileReport {
    /// Rows, repeated ones included.
    pub rows: u64,
    /// The period given or found.
    pub period_ns: Nanos,
    /// Stretches that no row covers.
    pub missing_stretches: u64,
    /// Their total length.
    pub missing_ns: Nanos,
    /// The line before the first of them.
    pub first_missing_line: Option<u64>,
    /// Rows whose timestamp a later row repeats; the later one holds.
    pub repeated_rows: u64,
    /// Steps between rows that are no multiple of the period. The earlier row's value is spread over the step
    /// or over one period, whichever is shorter; the rest of a longer step is a missing stretch.
    pub irregular_steps: u64,
    /// Expected events in the profile (in one cycle, if it repeats).
    pub total_events_expected: f64,
}

impl Profile {
    /// Reads `timestamp,value` rows, plain or gzip.
    ///
    /// Errors name the line: no header or a missing column, a value that is negative or no finite number, a
    /// timestamp that is none or goes back; and options that make no sense for the file.
    pub fn read(source: impl Read, options: &ProfileOptions) -> Result<Self, String> {
        check(options)?;
        let rows = read_rows(source, options)?;
        let period = match options.period {
            Some(period) => period as i64,
            None => common_step(&rows).ok_or("one row alone does not tell its period; set `period`")?,
        };
        let pieces = clip(lay_out(&rows, period, options), options)?;
        let mut report = tally(&pieces);
        report.period_ns = period as Nanos;
        let bins = compile(&pieces, options)?;
        report.total_events_expected = bins.total();
        Ok(Self { bins: Arc::new(bins), report })
    }
}

fn check(options: &ProfileOptions) -> Result<(), String> {
    if !(options.speed > 0.0 && options.speed.is_finite()) {
        return Err(format!("`speed` must be a positive number; found {}", options.speed));
    }
    let (Scale::Factor(scale) | Scale::Peak(scale)) = options.scale;
    if !(scale >= 0.0 && scale.is_finite()) {
        return Err(format!("a scale must be a number and not negative; found {scale}"));
    }
    if options.period.is_some_and(|period| !(1..=END_OF_TIME).contains(&period)) {
        return Err("`period` must be longer than nothing and no longer than 834 days".to_owned());
    }
    match (options.from, options.to) {
        (Some(from), Some(to)) if from >= to => {
            Err("the window must start (`from`) before it ends (`to`)".to_owned())
        }
        _ => Ok(()),
    }
}

struct Row {
    line: u64,
    at: i64,
    value: f64,
    /// Earlier rows with the same timestamp.
    repeats: u64,
}

fn read_rows(source: impl Read, options: &ProfileOptions) -> Result<Vec<Row>, String> {
    let mut reader = csv_reader(source)?;
    let columns = find_columns(reader.headers().map_err(|error| csv_error(&error))?, options)?;
    let mut rows: Vec<Row> = Vec::new();
    let mut record = csv::StringRecord::new();
    while reader.read_record(&mut record).map_err(|error| csv_error(&error))? {
        let line = record.position().map_or(0, csv::Position::line);
        let mut row =
            read_row(&record, columns, line).map_err(|message| format!("line {line}: {message}"))?;
        match rows.last_mut() {
            Some(last) if row.at < last.at => {
                return Err(format!("line {line}: time goes back from line {}; sort the rows", last.line));
            }
            Some(last) if row.at == last.at => {
                row.repeats = last.repeats + 1;
                *last = row;
            }
            _ => rows.push(row),
        }
    }
    if rows.is_empty() { Err("the file has no rows".to_owned()) } else { Ok(rows) }
}

fn find_columns(header: &csv::StringRecord, options: &ProfileOptions) -> Result<[usize; 2], String> {
    if header.is_empty() {
        return Err("the file is empty".to_owned());
    }
    let find = |name: &str| {
        header.iter().position(|column| column == name).ok_or_else(|| {
            let found: Vec<&str> = header.iter().collect();
            format!("line 1: no column `{name}` in the header; found `{}`", found.join(","))
        })
    };
    Ok([find(&options.timestamp_column)?, find(&options.value_column)?])
}

fn read_row(record: &csv::StringRecord, columns: [usize; 2], line: u64) -> Result<Row, String> {
    let [at, value] = columns.map(|column| record.get(column).unwrap_or_default());
    let number = value.parse().ok().filter(|number: &f64| number.is_finite() && *number >= 0.0);
    let value = number.ok_or_else(|| format!("the value `{value}` must be a number and not negative"))?;
    Ok(Row { line, at: timestamp::parse(at)?, value, repeats: 0 })
}

/// The most common step between rows, the shortest of equally common ones.
fn common_step(rows: &[Row]) -> Option<i64> {
    let mut counts: BTreeMap<i64, u64> = BTreeMap::new();
    rows.windows(2).for_each(|pair| *counts.entry(pair[1].at - pair[0].at).or_default() += 1);
    counts.into_iter().rev().max_by_key(|(_, count)| *count).map(|(step, _)| step)
}

/// A stretch of the file's time with one rate.
#[derive(Clone, Copy, Debug)]
struct Piece {
    from: i64,
    to: i64,
    /// Events per second.
    rate: f64,
    origin: Origin,
}

#[derive(Clone, Copy, Debug)]
enum Origin {
    Row { repeats: u64, irregular: bool },
    Missing { line: u64 },
}

fn lay_out(rows: &[Row], period: i64, options: &ProfileOptions) -> Vec<Piece> {
    let mut pieces = Vec::with_capacity(rows.len());
    for (index, row) in rows.iter().enumerate() {
        let step = rows.get(index + 1).map_or(period, |next| next.at - row.at);
        let covered = step.min(period);
        let rate = match options.value {
            ValueMeaning::PerPeriod => row.value / (covered as f64 / SECOND as f64),
            ValueMeaning::PerSecond => row.value,
        };
        let origin = Origin::Row { repeats: row.repeats, irregular: step % period != 0 };
        let border = row.at + covered;
        pieces.push(Piece { from: row.at, to: border, rate, origin });
        if step > covered {
            let rate = if options.missing == Missing::Hold { rate } else { 0.0 };
            let origin = Origin::Missing { line: row.line };
            pieces.push(Piece { from: border, to: row.at + step, rate, origin });
        }
    }
    pieces
}

/// The pieces within the window asked for, which the file must cover.
fn clip(mut pieces: Vec<Piece>, options: &ProfileOptions) -> Result<Vec<Piece>, String> {
    let ends = pieces.first().zip(pieces.last()).map(|(first, last)| (first.from, last.to));
    let (first, last) = ends.ok_or("the file has no rows")?;
    let (from, to) = (options.from.unwrap_or(first), options.to.unwrap_or(last));
    if from < first || from >= last {
        return Err("the window starts (`from`) outside the time that the rows cover".to_owned());
    }
    if to > last || to <= first {
        return Err("the window ends (`to`) outside the time that the rows cover".to_owned());
    }
    for piece in &mut pieces {
        (piece.from, piece.to) = (piece.from.max(from), piece.to.min(to));
    }
    pieces.retain(|piece| piece.from < piece.to);
    Ok(pieces)
}

fn tally(pieces: &[Piece]) -> ProfileReport {
    let mut report = ProfileReport::default();
    for piece in pieces {
        match piece.origin {
            Origin::Row { repeats, irregular } => {
                report.rows += 1 + repeats;
                report.repeated_rows += repeats;
                report.irregular_steps += u64::from(irregular);
            }
            Origin::Missing { line } => {
                report.missing_stretches += 1;
                report.missing_ns += (piece.to - piece.from) as Nanos;
                report.first_missing_line.get_or_insert(line);
            }
        }
    }
    report
}

/// Moves the pieces to the run's time, speeds them up and scales them.
fn compile(pieces: &[Piece], options: &ProfileOptions) -> Result<RateProfile, String> {
    let first = pieces.first().map_or(0, |piece| piece.from);
    // Borders are rounded, not lengths, so that rounding does not add up.
    let at = |moment: i64| time::round((moment - first) as f64 / options.speed);
    let highest = pieces.iter().map(|piece| piece.rate * options.speed).fold(0.0, f64::max);
    let factor = match options.scale {
        Scale::Factor(factor) => factor,
        Scale::Peak(_) if highest == 0.0 => {
            return Err("a profile without any event cannot be scaled to a peak".to_owned());
        }
        Scale::Peak(peak) => peak / highest,
    };
    let stretches: Vec<Stretch> = pieces
        .iter()
        .map(|piece| Stretch {
            length: at(piece.to) - at(piece.from),
            rate: piece.rate * options.speed * factor,
        })
        .filter(|stretch| stretch.length > 0)
        .collect();
    if pieces.last().is_some_and(|piece| at(piece.to) >= END_OF_TIME) {
        return Err("the profile is longer than 834 days; choose a window (`from`, `to`)".to_owned());
    }
    RateProfile::new(&stretches, options.repeats)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{DAY, HOUR, MINUTE};

    fn read(text: &str, options: &ProfileOptions) -> Result<Profile, String> {
        Profile::read(text.as_bytes(), options)
    }

    /// Five-minute rows with one missing, one repeated and an irregular step.
    const SMALL: &str = "timestamp,value\n\
        2014-04-10 00:00:00,300\n\
        2014-04-10 00:05:00,600\n\
        2014-04-10 00:05:00,900\n\
        2014-04-10 00:15:00,300\n\
        2014-04-10 00:20:00,30\n\
        2014-04-10 00:20:30,300\n\
        2014-04-10 00:25:30,300\n";

    #[test]
    fn odd_rows_are_counted_and_laid_out_by_the_stated_rules() {
        let profile = read(SMALL, &ProfileOptions::default()).unwrap();
        let expected = ProfileReport {
            rows: 7,
            period_ns: 5 * MINUTE,
            missing_stretches: 1,
            missing_ns: 5 * MINUTE,
            first_missing_line: Some(4),
            repeated_rows: 1,
            irregular_steps: 1,
            total_events_expected: profile.report.total_events_expected,
        };
        assert_eq!(profile.report, expected);
        assert!((profile.report.total_events_expected - 2_130.0).abs() < 1e-9);
        let rate = |minute: u64| profile.bins.mean_rate(minute * MINUTE, minute * MINUTE + SECOND);
        assert_eq!([0, 5, 10, 15, 20].map(rate), [1.0, 3.0, 0.0, 1.0, 1.0]);
        let hold = ProfileOptions { missing: Missing::Hold, ..Default::default() };
        assert!((read(SMALL, &hold).unwrap().report.total_events_expected - 3_030.0).abs() < 1e-9);
    }

    #[test]
    fn speed_keeps_the_events_and_scale_changes_them() {
        let options = ProfileOptions { speed: 60.0, ..Default::default() };
        let fast = read(SMALL, &options).unwrap();
        assert_eq!(fast.bins.length(), 30 * SECOND + SECOND / 2);
        assert!((fast.report.total_events_expected - 2_130.0).abs() < 1e-6);
        let peaked = read(SMALL, &ProfileOptions { scale: Scale::Peak(900.0), ..options }).unwrap();
        assert!((peaked.bins.peak_rate(0, MINUTE, SECOND) - 900.0).abs() < 1e-9);
        assert!((peaked.report.total_events_expected - 2_130.0 * 5.0).abs() < 1e-6);
        let per_second = ProfileOptions { value: ValueMeaning::PerSecond, ..Default::default() };
        assert_eq!(read(SMALL, &per_second).unwrap().bins.mean_rate(0, MINUTE), 300.0);
    }

    #[test]
    fn a_window_cuts_through_rows() {
        let moment = |text| Some(timestamp::parse(text).unwrap());
        let (from, to) = (moment("2014-04-10 00:04:00"), moment("2014-04-10 00:12:00"));
        let profile = read(SMALL, &ProfileOptions { from, to, ..Default::default() }).unwrap();
        // One minute at 1/s, five at 3/s, two missing.
        assert!((profile.report.total_events_expected - 960.0).abs() < 1e-9);
        assert_eq!((profile.report.rows, profile.report.missing_ns), (3, 2 * MINUTE));
        let late = ProfileOptions { from: moment("2015-01-01"), ..Default::default() };
        assert!(read(SMALL, &late).unwrap_err().contains("`from`"));
    }

    #[test]
    fn errors_name_the_line() {
        for (text, part) in [
            ("", "empty"),
            ("timestamp,value\n", "no rows"),
            ("2014-04-10 00:00:00,300\n", "line 1: no column `timestamp`"),
            ("timestamp,value\n10,1\n5,1\n", "line 3: time goes back from line 2"),
            ("timestamp,value\n0,1\n60,NaN\n", "line 3: the value `NaN`"),
            ("timestamp,value\n0,-1\n", "line 2: the value `-1`"),
            ("timestamp,value\n\n0,1\n60,x\n", "line 4: the value `x`"),
            ("timestamp,value\n0,1\n60,inf\n", "line 3: "),
            ("timestamp,value\nyesterday,1\n", "line 2: `yesterday` is no timestamp"),
            ("timestamp,value\n0,1\n60\n", "line 3: 1 fields where the header has 2"),
            ("timestamp,value\n0,1\n", "set `period`"),
            ("timestamp,value\n0,1e300\n60,1\n", "a rate must lie between"),
        ] {
            let error = read(text, &ProfileOptions::default()).unwrap_err();
            assert!(error.contains(part), "{text:?}: {error}");
        }
        let speed = ProfileOptions { speed: 0.0, ..Default::default() };
        assert!(read(SMALL, &speed).is_err());
    }

    /// A sample profile of the shared folder beside the checkout, if there is one.
    fn sample(name: &str, options: &ProfileOptions) -> Option<Profile> {
        let path = format!("{}/../shared/data/rate_profiles/{name}", env!("CARGO_MANIFEST_DIR"));
        let Ok(file) = std::fs::File::open(&path) else {
            println!("skipped: no {path}");
            return None;
        };
        Some(Profile::read(file, options).unwrap())
    }

    #[test]
    fn the_sample_profiles_have_their_published_properties() {
        // Rows, periods, gaps and means as the samples' own page states them.
        if let Some(profile) = sample("elb_request_count_8c0756.csv", &ProfileOptions::default()) {
            let report = profile.report;
            assert_eq!((report.rows, report.period_ns), (4_032, 5 * MINUTE));
            assert_eq!((report.missing_stretches, report.missing_ns), (8, 40 * MINUTE));
            assert_eq!((report.repeated_rows, report.irregular_steps), (0, 0));
            assert!((report.total_events_expected / 4_032.0 - 61.84).abs() < 0.005);
            assert!((profile.bins.peak_rate(0, profile.bins.length(), MINUTE) - 656.0 / 300.0).abs() < 1e-9);
        }
        if let Some(profile) = sample("ec2_disk_write_bytes_1ef3de.csv", &ProfileOptions::default()) {
            let report = profile.report;
            assert_eq!((report.rows, report.repeated_rows, report.irregular_steps), (4_730, 11, 2));
            assert_eq!(report.missing_ns, (3_660 - 300) * SECOND);
        }
    }

    #[test]
    fn a_week_of_the_taxi_profile_has_336_half_hours() {
        let moment = |text| Some(timestamp::parse(text).unwrap());
        let (from, to) = (moment("2014-10-06"), moment("2014-10-13"));
        let options = ProfileOptions { from, to, ..Default::default() };
        if let Some(profile) = sample("nyc_taxi.csv", &options) {
            assert_eq!((profile.report.rows, profile.report.missing_stretches), (336, 0));
            assert_eq!((profile.report.period_ns, profile.bins.length()), (HOUR / 2, 7 * DAY));
            // The sum and the highest of these rows by awk.
            assert!((profile.report.total_events_expected - 5_424_672.0).abs() < 1e-3);
            assert!((profile.bins.peak_rate(0, 7 * DAY, HOUR / 2) - 27_136.0 / 1_800.0).abs() < 1e-9);
        }
    }
}
