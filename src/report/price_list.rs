//! The price book, to be read and, as CSV, to be changed and given back.

use serde::Serialize;

use super::table::Table;
use super::words;
use crate::pricing::{Date, EVERYWHERE, Entry, PriceBook, to_csv};

/// What of the book is shown.
#[derive(Debug, Serialize)]
pub struct PriceList {
    /// The day on which the book was compiled.
    as_of: Date,
    /// SHA-256 of the book.
    digest: String,
    /// The day whose prices are shown; all of them if there is none.
    at: Option<Date>,
    /// The Regions shown.
    regions: Vec<String>,
    /// Its rows.
    prices: Vec<Entry>,
}

impl PriceList {
    /// The rows that hold on the day, with the price of the Region; all if none is named.
    pub fn new(book: &PriceBook, region: Option<&str>, at: Option<Date>) -> Self {
        let regions = region.map_or_else(|| book.regions().to_vec(), |region| vec![region.to_owned()]);
        let of_region = |mut entry: Entry| {
            let everywhere = entry.rates.remove(EVERYWHERE);
            let rate =
                |region: &String| Some((region.clone(), entry.rates.get(region).copied().or(everywhere)?));
            entry.rates = regions.iter().filter_map(rate).collect();
            entry
        };
        let holds = |entry: &Entry| at.is_none_or(|at| entry.holds_on(at));
        let prices = book.entries().filter(holds).map(of_region).collect();
        Self { as_of: book.as_of(), digest: book.digest().to_owned(), at, regions, prices }
    }

    /// As a file that `--prices` takes.
    pub fn csv(&self) -> String {
        to_csv(&self.prices, &self.regions)
    }

    /// As a table for the terminal.
    pub fn text(&self) -> String {
        let table = match &self.regions[..] {
            [region] => self.one(region),
            _ => self.all(),
        };
        let legend = "USD list prices, before tax, credits and discounts. V: seen in a public source that names the \
                      Region; V*: such a source, but old; C: one indirect source; M: from memory; E: an estimate, not \
                      AWS's price and not used unless you allow it; own: yours; -: unknown.";
        let mut lines = table.plain(usize::MAX);
        lines.extend([
            String::new(),
            legend.to_owned(),
            format!("Compiled on {}; SHA-256 {}.", self.as_of, self.digest),
        ]);
        lines.join("\n") + "\n"
    }

    fn one(&self, region: &str) -> Table {
        let price = format!("USD in {region}");
        let mut table = Table::new(&[
            "<price", "<service", "<item", &price, "<for", "<sure", "free", "<valid", "<source",
        ]);
        for entry in &self.prices {
            let rate = entry.rate(region);
            let or_none = |text: Option<String>| text.unwrap_or_else(|| words::NONE.to_owned());
            table.row([
                entry.id.clone(),
                entry.service.clone(),
                entry.item.clone(),
                or_none(rate.map(|rate| rate.price.to_string())),
                entry.unit.clone(),
                or_none(rate.map(|rate| rate.confidence.letter().to_owned())),
                entry.free.map_or(String::new(), words::quantity),
                valid(entry),
                entry.source.clone(),
            ]);
        }
        table
    }

    fn all(&self) -> Table {
        let columns = ["<price", "<for", "<valid"].into_iter().chain(self.regions.iter().map(String::as_str));
        let mut table = Table::new(&columns.collect::<Vec<_>>());
        for entry in &self.prices {
            let cell = |region: &String| {
                let rate = entry.rate(region);
                rate.map_or(words::NONE.to_owned(), |rate| {
                    format!("{} {}", rate.price, rate.confidence.letter())
                })
            };
            let head = [entry.id.clone(), entry.unit.clone(), valid(entry)];
            table.row(head.into_iter().chain(self.regions.iter().map(cell)));
        }
        table
    }
}

fn valid(entry: &Entry) -> String {
    match (entry.valid_from, entry.valid_to) {
        (None, None) => String::new(),
        (Some(from), None) => format!("since {from}"),
        (None, Some(to)) => format!("before {to}"),
        (Some(from), Some(to)) => format!("{from} to {to}"),
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn ddb_od_wru_is_listed_at_the_price_of_the_day() {
        let list = |at: &str| PriceList::new(PriceBook::builtin(), Some("us-east-1"), at.parse().ok()).csv();
        assert!(list("2024-10-31").contains("ddb.od.wru.old") && !list("2024-10-31").contains("ddb.od.wru,"));
        assert!(list("2024-11-01").contains("ddb.od.wru,") && !list("2024-11-01").contains("ddb.od.wru.old"));
    }

    #[test]
    fn the_list_of_one_region_has_its_prices_alone() {
        let list = PriceList::new(PriceBook::builtin(), Some("ap-northeast-1"), None);
        assert!(list.prices.iter().all(|entry| entry.rates.len() <= 1));
        let line = |text: &str| text.lines().find(|line| line.starts_with("fh.put.t1")).unwrap().to_owned();
        assert!(
            line(&list.text()).contains("0.036") && line(&list.text()).contains("V*"),
            "{}",
            line(&list.text())
        );
        let all = PriceList::new(PriceBook::builtin(), None, None).text();
        assert!(line(&all).contains("0.029 V") && line(&all).contains("0.036 V*"), "{}", line(&all));
    }
}
