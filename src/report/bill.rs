//! A bill that was not simulated.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use serde::Serialize;

use super::cost_tree;
use super::table::Table;
use super::words;
use crate::pricing::{Bill, Cause, Confidence};

/// A bill as JSON.
#[derive(Debug, Serialize)]
pub struct BillReport<'a> {
    /// Its lines and totals.
    #[serde(flatten)]
    bill: &'a Bill,
    /// Known amounts by cause, USD; they add up to `known_subtotal`.
    by_cause: BTreeMap<Cause, Decimal>,
}

impl<'a> BillReport<'a> {
    /// A report on a bill.
    pub fn new(bill: &'a Bill) -> Self {
        Self { bill, by_cause: bill.by_cause() }
    }
}

/// A bill as a table for the terminal, with what it is made out for and its total, in lines of at most `width` columns where that
/// is given.
pub fn text(bill: &Bill, width: Option<usize>) -> String {
    let mut table =
        Table::new(&["<price", "<service", "<item", "quantity", "unit price", "<for", "amount", "<sure"]);
    for line in &bill.lines {
        table.row([
            line.id.clone(),
            line.service.clone(),
            line.item.clone(),
            words::quantity(line.quantity),
            line.unit_price.map_or("unknown".to_owned(), |price| price.to_string()),
            line.unit.clone(),
            line.amount.map_or("unknown".to_owned(), |amount| amount.to_string()),
            line.confidence.map_or(words::NONE, Confidence::letter).to_owned(),
        ]);
    }
    let width = width.unwrap_or(usize::MAX);
    // What is bought is said in three words.
    let table = if table.is_empty() { vec!["Nothing was used.".to_owned()] } else { table.fitted(width, 3) };
    let mut lines: Vec<String> =
        bill.lines.iter().filter_map(|line| Some(format!("{}: {}.", line.id, line.note.as_ref()?))).collect();
    lines.push(match bill.total {
        Some(total) => format!("total {} a month", words::usd(total)),
        None => {
            let known = words::usd(bill.known_subtotal);
            format!("total unknown; {known} a month are known, not {}", bill.unknown.join(", "))
        }
    });
    let causes = cost_tree::dearest_first(&bill.by_cause()).into_iter();
    let causes: Vec<String> =
        causes.map(|(cause, amount)| format!("{} {}", cause.words(), words::usd(amount))).collect();
    if causes.len() > 1 {
        lines.push(format!("by cause: {}", causes.join(", ")));
    }
    let terms = &bill.terms;
    lines.push(format!(
        "{} at prices of {}, a month of {} h, {} free quantities; price book of {}. Before tax, credits and discounts.",
        terms.region,
        terms.at,
        terms.month_hours,
        if terms.free_tier { "with" } else { "without" },
        bill.prices_as_of,
    ));
    let said = lines.iter().flat_map(|line| words::wrapped(line, "  ", width));
    table.into_iter().chain([String::new()]).chain(said).collect::<Vec<_>>().join("\n") + "\n"
}
