//! The bill in the summary.

use crate::pricing::{Bill, Confidence};
use crate::report::cost_tree;
use crate::report::result::RunResult;
use crate::report::table::Table;
use crate::report::terminal::spans_of;
use crate::report::words::{self, NONE};

/// How a row below a service, and one below its line, is set in.
const INDENTS: [&str; 2] = ["\u{2003}", "\u{2003}\u{2003}"];

pub(super) fn bill(result: &RunResult) -> String {
    let bill = &result.cost.bill;
    let table = tree(bill);
    let of = spans_of(result, |hours| format!("for {hours} h"));
    let total = match bill.total {
        Some(total) => {
            let interval = result.cost.total_interval95.ends().filter(|(low, high)| low != high);
            let interval = interval.map(|(low, high)| {
                let [low, high] = [low, high].map(|end| words::figure("cost.month", Some(end)));
                format!(" (95 % interval {low} to {high})")
            });
            format!("**{} {of}**{}", words::usd(total), interval.unwrap_or_default())
        }
        None => format!(
            "**The total is unknown.** {} {of} are known; not {}",
            words::usd(bill.known_subtotal),
            bill.unknown.join(", ")
        ),
    };
    let causes = cost_tree::dearest_first(&result.cost.by_cause).into_iter();
    let causes: Vec<String> =
        causes.map(|(cause, amount)| format!("{} {}", cause.words(), words::usd(amount))).collect();
    let stands_for = if of == "a month" { "" } else { " The run stands for no more than that." };
    let compiled = match bill.terms.at == bill.prices_as_of {
        true => String::new(),
        false => format!(", by a price book of {}", bill.prices_as_of),
    };
    let title = if of == "a month" { "A month's bill" } else { "Bill" };
    format!(
        "## {title}\n\n{total}, of a month of {} h, at list prices in {} of {}{}.{stands_for} By cause: {}.\n\n{}\n{}\n\n`V`: \
         seen in a public source that names the Region; `V*`: such a source, but old; `C`: one indirect source; `M`: \
         from memory; `E`: an estimate that was allowed, not AWS's price; `own`: your own price.\n",
        bill.terms.month_hours,
        bill.terms.region,
        bill.terms.at,
        compiled,
        causes.join(", "),
        table.markdown(),
        result.cost.rules.join(" "),
    )
}

/// Services, what is bought of each, and why it arose.
fn tree(bill: &Bill) -> Table {
    let mut table =
        Table::new(&["<cost tree", "quantity", "<unit", "unit price", "amount, USD", "of all", "<sure"]);
    let percent =
        |part| cost_tree::share(bill, part).map_or(NONE.to_owned(), |share| format!("{share:.1} %"));
    for service in cost_tree::services(bill) {
        let amount = service.amount(|known| known.to_string());
        let is_unknown = !service.complete && service.known.is_zero();
        let of_all = if is_unknown { NONE.to_owned() } else { percent(service.known) };
        let empty = String::new;
        table.row([service.name.to_owned(), empty(), empty(), empty(), amount, of_all]);
        for line in service.lines {
            let sure = line.confidence.map_or(NONE, Confidence::letter).to_owned();
            let note = line.note.as_ref().map_or(String::new(), |note| format!(": {note}"));
            table.row([
                format!("{}{}: {}", INDENTS[0], line.id, line.item),
                words::quantity(line.quantity),
                line.unit.clone(),
                line.unit_price.map_or("unknown".to_owned(), |price| price.to_string()),
                line.amount.map_or("unknown".to_owned(), |amount| amount.to_string()),
                line.amount.map_or(String::new(), percent),
                sure + &note,
            ]);
            for (cause, amount) in cost_tree::causes(line) {
                let name = format!("{}{}", INDENTS[1], cause.words());
                table.row([name, empty(), empty(), empty(), amount.to_string(), percent(amount)]);
            }
        }
    }
    table
}
