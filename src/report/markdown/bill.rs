//! The bill in the summary.

use crate::pricing::Confidence;
use crate::report::result::RunResult;
use crate::report::table::Table;
use crate::report::words::{self, NONE};

pub(super) fn bill(result: &RunResult) -> String {
    let bill = &result.cost.bill;
    let mut table = Table::new(&[
        "<price",
        "<service",
        "<item",
        "quantity",
        "<unit",
        "unit price",
        "amount",
        "<causes",
        "<sure",
    ]);
    for line in &bill.lines {
        let causes: Vec<String> = line
            .causes
            .iter()
            .filter(|(_, amount)| !amount.is_zero())
            .map(|(cause, amount)| format!("{} {amount}", cause.words()))
            .collect();
        let sure = line.confidence.map_or(NONE, Confidence::letter).to_owned();
        let note = line.note.as_ref().map_or(String::new(), |note| format!(": {note}"));
        table.row([
            line.id.clone(),
            line.service.clone(),
            line.item.clone(),
            words::quantity(line.quantity),
            line.unit.clone(),
            line.unit_price.map_or("unknown".to_owned(), |price| price.to_string()),
            line.amount.map_or("unknown".to_owned(), |amount| amount.to_string()),
            causes.join(", "),
            sure + &note,
        ]);
    }
    let total = match bill.total {
        Some(total) => {
            let interval = result.cost.total_interval95.ends().filter(|(low, high)| low != high);
            let interval = interval.map(|(low, high)| {
                let [low, high] = [low, high].map(|end| words::figure("cost.month", Some(end)));
                format!(" (95 % interval {low} to {high})")
            });
            format!("**{} a month**{}", words::usd(total), interval.unwrap_or_default())
        }
        None => format!(
            "**The total is unknown.** {} a month are known; not {}",
            words::usd(bill.known_subtotal),
            bill.unknown.join(", ")
        ),
    };
    let causes: Vec<String> = result
        .cost
        .by_cause
        .iter()
        .filter(|(_, amount)| !amount.is_zero())
        .map(|(cause, amount)| format!("{} {}", cause.words(), words::usd(*amount)))
        .collect();
    format!(
        "## A month's bill\n\n{total}, of a month of {} h, at list prices in {} of {}. By cause: {}.\n\n{}\n{}\n\n`V`: \
         seen in a public source that names the Region; `V*`: such a source, but old; `C`: one indirect source; `M`: \
         from memory; `E`: an estimate that was allowed, not AWS's price; `own`: your own price.\n",
        bill.terms.month_hours,
        bill.terms.region,
        bill.prices_as_of,
        causes.join(", "),
        table.markdown(),
        result.cost.rules.join(" "),
    )
}
