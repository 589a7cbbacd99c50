//! Price books as files: CSV with one row a price and one column a Region.
//!
//! A user's own file is laid out in the same way but needs no column besides `id` and one Region (or `*` for
//! all of them). What it leaves out is as in the book.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use sha2::{Digest, Sha256};

use super::date::Date;
use super::entry::{Confidence, Entry, Rate};

/// The columns that are no Regions, in the order of the built-in file.
const COLUMNS: [&str; 12] = [
    "id",
    "service",
    "item",
    "unit",
    "per",
    "tier_from",
    "tier_to",
    "free",
    "free_pool",
    "valid_from",
    "valid_to",
    "source",
];

/// A price file that does not hold together.
#[derive(Debug, Clone, PartialEq, Eq, thiserror::Error)]
#[error("{}{what}", id.as_ref().map_or(String::new(), |id| format!("{id}: ")))]
pub struct BookError {
    /// The line in the file, from 1; `None` for prices that stand in no CSV file.
    pub line: Option<u64>,
    /// The price it is about, if it is about one.
    pub id: Option<String>,
    /// What is wrong, without a full stop.
    pub what: String,
}

/// One row as it stands in a file.
#[derive(Debug, Clone, Default, PartialEq)]
pub struct Row {
    /// The line, from 1.
    pub line: Option<u64>,
    /// Such as `kds.prov.shard_h`.
    pub id: String,
    /// The service that bills it.
    pub service: Option<String>,
    /// What is bought.
    pub item: Option<String>,
    /// What one price buys, in words.
    pub unit: Option<String>,
    /// The single units that one price buys.
    pub per: Option<u64>,
    /// Where the tier starts.
    pub tier_from: Option<Decimal>,
    /// Where the tier ends.
    pub tier_to: Option<Decimal>,
    /// Single units free each month.
    pub free: Option<Decimal>,
    /// The name of a shared free quantity.
    pub free_pool: Option<String>,
    /// First day on which it holds.
    pub valid_from: Option<Date>,
    /// First day on which it holds no more.
    pub valid_to: Option<Date>,
    /// Where it was read.
    pub source: Option<String>,
    /// By Region.
    pub rates: BTreeMap<String, Rate>,
}

impl Row {
    /// An error about this row.
    pub fn wrong(&self, what: &str) -> BookError {
        BookError { line: self.line, id: Some(self.id.clone()), what: what.to_owned() }
    }

    /// The row with what it leaves out taken from `base`. Its prices hold on any day unless it says on which.
    pub(super) fn over(&self, base: Option<&Entry>) -> Result<Entry, BookError> {
        let row = self.clone();
        let per = row.per.or(base.map(|base| base.per)).unwrap_or(1);
        if per == 0 {
            return Err(self.wrong("a price must buy at least one unit"));
        }
        let text = |own: Option<String>, of: fn(&Entry) -> &String, otherwise: &str| {
            own.or_else(|| base.map(|base| of(base).clone())).unwrap_or_else(|| otherwise.to_owned())
        };
        Ok(Entry {
            service: text(row.service, |base| &base.service, "Other"),
            item: text(row.item, |base| &base.item, &row.id),
            unit: text(row.unit, |base| &base.unit, "unit"),
            per,
            tier_from: row.tier_from.or(base.map(|base| base.tier_from)).unwrap_or_default(),
            tier_to: row.tier_to.or(base.and_then(|base| base.tier_to)),
            free: row.free.or(base.and_then(|base| base.free)),
            free_pool: row.free_pool.or_else(|| base.and_then(|base| base.free_pool.clone())),
            valid_from: row.valid_from,
            valid_to: row.valid_to,
            source: row.source.unwrap_or_else(|| "own".to_owned()),
            rates: row.rates,
            id: row.id,
        })
    }
}

/// SHA-256 of some texts one after another, as 64 hex digits.
pub(super) fn digest<'a>(texts: impl IntoIterator<Item = &'a str>) -> String {
    let mut hash = Sha256::new();
    texts.into_iter().for_each(|text| hash.update(text));
    hash.finalize().iter().map(|byte| format!("{byte:02x}")).collect()
}

/// Refuses a book that lacks one of the fixed columns or all Regions.
pub(super) fn check_header(text: &str) -> Result<(), BookError> {
    let header = header(&mut reader(text))?;
    match header.len() > COLUMNS.len() && header.iter().zip(COLUMNS).all(|(found, wanted)| found == wanted) {
        true => Ok(()),
        false => {
            Err(of_header(format!("the header must be {} and then one Region or more", COLUMNS.join(","))))
        }
    }
}

/// The Regions that have a column, in the order of the file.
pub(super) fn regions(text: &str) -> Result<Vec<String>, BookError> {
    let header = header(&mut reader(text))?;
    Ok(header.iter().filter(|name| !COLUMNS.contains(name)).map(str::to_owned).collect())
}

/// The rows of a file.
///
/// # Errors
/// The first row that is malformed; also a file without the column `id` or without any price column.
pub fn rows(text: &str) -> Result<Vec<Row>, BookError> {
    let mut reader = reader(text);
    let header = header(&mut reader)?;
    if !header.iter().any(|name| name == "id") {
        return Err(of_header("there is no column `id`".to_owned()));
    }
    if header.iter().all(|name| COLUMNS.contains(&name)) {
        return Err(of_header(
            "there is no column with prices; name it by its Region, or `*` for all".to_owned(),
        ));
    }
    if let Some(twice) =
        header.iter().enumerate().find(|(at, name)| header.iter().take(*at).any(|it| it == *name))
    {
        return Err(of_header(format!("the column `{}` is there twice", twice.1)));
    }
    let row = |record: Result<csv::StringRecord, csv::Error>| {
        let record = record.map_err(csv_error)?;
        row(record.position().map(csv::Position::line), header.iter().zip(&record))
    };
    reader.records().map(row).collect()
}

/// Rows as a file that can be read again, with the columns of these Regions.
pub fn to_csv(entries: &[Entry], regions: &[String]) -> String {
    let mut writer = csv::Writer::from_writer(Vec::new());
    // Writing to memory cannot fail, and every row has as many cells as the header.
    let _ = writer.write_record(COLUMNS.into_iter().chain(regions.iter().map(String::as_str)));
    for entry in entries {
        let text = |value: Option<String>| value.unwrap_or_default();
        let fixed = [
            entry.id.clone(),
            entry.service.clone(),
            entry.item.clone(),
            entry.unit.clone(),
            entry.per.to_string(),
            entry.tier_from.to_string(),
            text(entry.tier_to.map(|to| to.to_string())),
            text(entry.free.map(|free| free.to_string())),
            text(entry.free_pool.clone()),
            text(entry.valid_from.map(|from| from.to_string())),
            text(entry.valid_to.map(|to| to.to_string())),
            entry.source.clone(),
        ];
        let cell = |region: &String| {
            text(entry.rate(region).map(|rate| format!("{}|{}", rate.price, rate.confidence.letter())))
        };
        let _ = writer.write_record(fixed.into_iter().chain(regions.iter().map(cell)));
    }
    String::from_utf8(writer.into_inner().unwrap_or_default()).unwrap_or_default()
}

fn reader(text: &str) -> csv::Reader<&[u8]> {
    csv::ReaderBuilder::new().trim(csv::Trim::All).from_reader(text.as_bytes())
}

fn header(reader: &mut csv::Reader<&[u8]>) -> Result<csv::StringRecord, BookError> {
    reader.headers().cloned().map_err(csv_error)
}

fn of_header(what: String) -> BookError {
    BookError { line: Some(1), id: None, what }
}

fn csv_error(error: csv::Error) -> BookError {
    let what = match error.kind() {
        csv::ErrorKind::UnequalLengths { expected_len, len, .. } => {
            format!("the header has {expected_len} columns, this row {len}")
        }
        _ => error.to_string(),
    };
    BookError { line: error.position().map(csv::Position::line), id: None, what }
}

fn row<'a>(line: Option<u64>, cells: impl Iterator<Item = (&'a str, &'a str)>) -> Result<Row, BookError> {
    let mut row = Row { line, ..Row::default() };
    for (column, cell) in cells.filter(|(_, cell)| !cell.is_empty()) {
        let wrong =
            |row: &Row, wanted: &str| row.wrong(&format!("`{column}` is `{cell}`; expected {wanted}"));
        let text = || Some(cell.to_owned());
        let quantity =
            |row: &Row| decimal(cell).map(Some).ok_or_else(|| wrong(row, "a quantity such as 512000"));
        let date = |row: &Row| cell.parse().map(Some).map_err(|_| wrong(row, "a day such as 2026-11-21"));
        match column {
            "id" => row.id = cell.to_owned(),
            "service" => row.service = text(),
            "item" => row.item = text(),
            "unit" => row.unit = text(),
            "per" => row.per = Some(cell.parse().map_err(|_| wrong(&row, "a whole number such as 1000000"))?),
            "tier_from" => row.tier_from = quantity(&row)?,
            "tier_to" => row.tier_to = quantity(&row)?,
            "free" => row.free = quantity(&row)?,
            "free_pool" => row.free_pool = text(),
            "valid_from" => row.valid_from = date(&row)?,
            "valid_to" => row.valid_to = date(&row)?,
            "source" => row.source = text(),
            region => {
                let rate = rate(cell).ok_or_else(|| wrong(&row, "a price such as 0.015 or 0.015|V"))?;
                row.rates.insert(region.to_owned(), rate);
            }
        }
    }
    if row.id.is_empty() { Err(row.wrong("the `id` is empty")) } else { Ok(row) }
}

/// Reads a cell: `0.015|V`, or the user's own `0.015`.
fn rate(cell: &str) -> Option<Rate> {
    let (price, letter) = cell.split_once('|').unwrap_or((cell, Confidence::Own.letter()));
    Some(Rate { price: decimal(price)?, confidence: Confidence::of_letter(letter)? })
}

fn decimal(text: &str) -> Option<Decimal> {
    Decimal::from_str_exact(text).ok().filter(|number| !number.is_sign_negative())
}

#[cfg(test)]
mod tests {
    use super::super::book::PriceBook;
    use super::*;

    #[test]
    fn what_is_written_reads_back_as_the_same_book() {
        let book = PriceBook::builtin();
        let text = to_csv(&book.entries().collect::<Vec<_>>(), book.regions());
        let read = PriceBook::parse(&text, book.as_of()).unwrap();
        assert!(read.entries().eq(book.entries()));
        assert_eq!(read.regions(), book.regions());
    }

    #[test]
    fn mistakes_name_their_line_and_column() {
        for (text, line, what) in [
            (
                "id,us-east-1\na,1\nb,-1\n",
                3,
                "b: `us-east-1` is `-1`; expected a price such as 0.015 or 0.015|V",
            ),
            ("id,per,*\na,many,1\n", 2, "a: `per` is `many`; expected a whole number such as 1000000"),
            (
                "id,valid_to,*\na,2026-02-30,1\n",
                2,
                "a: `valid_to` is `2026-02-30`; expected a day such as 2026-11-21",
            ),
            ("id,*,*\na,1,1\n", 1, "the column `*` is there twice"),
            ("us-east-1\n1\n", 1, "there is no column `id`"),
        ] {
            let error = rows(text).unwrap_err();
            assert_eq!((error.line, error.to_string().as_str()), (Some(line), what));
        }
    }
}
