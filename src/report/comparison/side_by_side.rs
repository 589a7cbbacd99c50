//! All variants side by side: what a team asks of each first. A row a variant.

use super::{Comparison, FigureRow, Statistic, VariantRow};
use crate::report::result::figure::COST_MONTH;
use crate::report::table::Table;
use crate::report::words::{self, NONE};

/// Figures of the whole pipeline that are shown beside the bill and the latencies, the most important first.
const WHOLE: [&str; 5] = ["lost", "duplicates", "out_of_order", "throttled", "refused_reads"];

/// The figures that are shown: the bill, the 99th percentile of each way's end, and what went wrong anywhere.
fn shown(comparison: &Comparison) -> Vec<&FigureRow> {
    let ends = |figure: &&FigureRow| {
        let consumer = figure.path.starts_with("consumers.") && figure.path.ends_with(".latency.p99");
        let lake = figure.path.starts_with("firehose.") && figure.path.ends_with(".freshness.p99");
        consumer || lake
    };
    let named = |path: &str| comparison.figures.iter().find(|figure| figure.path == path);
    let ways = comparison.figures.iter().filter(ends);
    named(COST_MONTH).into_iter().chain(ways).chain(WHOLE.iter().filter_map(|path| named(path))).collect()
}

/// A heading for a figure's column: a way by its own name, and the bill with what it is for.
fn heading(comparison: &Comparison, figure: &FigureRow) -> String {
    let path = figure.path.strip_prefix("consumers.").or_else(|| figure.path.strip_prefix("firehose."));
    let name =
        path.and_then(|path| path.strip_suffix(".latency.p99").or(path.strip_suffix(".freshness.p99")));
    match (name, figure.path.as_str()) {
        (Some(name), _) => format!("{name} p99"),
        (None, COST_MONTH) => bill_heading(comparison),
        (None, "out_of_order") => "disorder".into(),
        (None, "refused_reads") => "reads refused".into(),
        (None, path) => path.into(),
    }
}

/// What all bills are for, where that is the same.
pub(super) fn one_span(comparison: &Comparison) -> Option<String> {
    let mut spans = comparison.variants.iter().map(VariantRow::bill_span);
    let first = spans.next()?;
    spans.all(|span| span == first).then_some(first)
}

pub(super) fn bill_heading(comparison: &Comparison) -> String {
    one_span(comparison).map_or("USD".to_owned(), |span| format!("USD {span}"))
}

/// A bill under that heading.
pub(super) fn bill_cell(comparison: &Comparison, variant: &VariantRow) -> String {
    let amount = variant.bill().replace(" USD", "");
    if one_span(comparison).is_some() { amount } else { format!("{amount} {}", variant.bill_span()) }
}

/// The table with all figures, each with its 95 % interval.
pub fn table(comparison: &Comparison) -> Table {
    drawn(comparison, &shown(comparison), true)
}

/// The lines of a table without intervals, and with as many of the figures as fit `width` in one line a variant, or in two.
pub fn lines(comparison: &Comparison, width: usize) -> Vec<String> {
    let figures = shown(comparison);
    let fits = |lines: &Vec<String>| lines.iter().all(|line| line.chars().count() <= width);
    let counts = (1..=figures.len()).rev();
    let mut all = counts.map(|count| drawn(comparison, &figures[..count], false).fitted(width, 1));
    all.find(fits).unwrap_or_else(|| drawn(comparison, &figures[..1], false).plain(width))
}

fn drawn(comparison: &Comparison, figures: &[&FigureRow], intervals: bool) -> Table {
    let mut columns = vec!["<variant".to_owned()];
    columns.extend(figures.iter().map(|figure| heading(comparison, figure)));
    let mut table = Table::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    let alike = one_span(comparison).is_some();
    for (number, variant) in comparison.variants.iter().enumerate() {
        let cell = |figure: &&FigureRow| {
            // The interval is that of the mean, which says nothing of a worst value.
            let of_mean = intervals && figure.statistic != Statistic::Worst;
            let interval = figure.intervals95.get(number).filter(|_| of_mean);
            match figure.values[number] {
                value if figure.path == COST_MONTH && (value.is_none() || !alike) => {
                    bill_cell(comparison, variant)
                }
                None if variant.overloaded.is_empty() => NONE.to_owned(),
                None => "overloaded".to_owned(),
                value => words::with_interval(&figure.path, value, interval).replace(" USD", ""),
            }
        };
        table.row(std::iter::once(variant.name.clone()).chain(figures.iter().map(cell)));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::tests::comparison;

    #[test]
    fn each_variant_has_its_bill_and_the_end_of_each_way() {
        let text = table(&comparison(3)).markdown();
        assert!(
            text.contains("| variant | USD a month | search p99 | lake p99 | lost | duplicates |"),
            "{text}"
        );
        assert!(text.contains("| small |") && text.contains("| slow |"), "{text}");
    }

    /// What is known of a bill is the least that it comes to.
    #[test]
    fn a_variant_of_which_a_price_is_unknown_shows_what_is_known() {
        let mut comparison = comparison(3);
        let known = comparison.variants[1].cost_month.take();
        comparison.variants[1].cost_month_at_least = known;
        let cost = comparison.figures.iter_mut().find(|figure| figure.path == COST_MONTH).unwrap();
        cost.values[1] = None;
        let known = words::usd(known.unwrap());
        let text = table(&comparison).markdown();
        assert!(text.contains(&format!("| slow | at least {} |", known.replace(" USD", ""))), "{text}");
        let text = super::super::terminal::render(&comparison, None, crate::report::terminal::Screen::PLAIN);
        assert!(
            text.contains(&format!("slow: at least {known} a month; a price of its bill is unknown")),
            "{text}"
        );
    }

    #[test]
    fn a_bill_of_less_than_a_month_says_so() {
        let mut comparison = comparison(2);
        comparison.variants[1].bill_hours = Some(1.5);
        let text = table(&comparison).markdown();
        assert!(text.contains("| variant | USD | ") && text.contains(" a month |"), "{text}");
        assert!(text.contains(" for 1.5 h |"), "{text}");
        comparison.variants.iter_mut().for_each(|variant| variant.bill_hours = Some(1.5));
        assert!(table(&comparison).markdown().contains("| variant | USD for 1.5 h |"));
    }

    #[test]
    fn on_a_narrow_screen_the_least_important_figures_are_left_out() {
        let lines = lines(&comparison(3), 50);
        assert!(lines.iter().all(|line| line.chars().count() <= 50), "{lines:?}");
        let shows = |heading: &str| lines.iter().any(|line| line.contains(heading));
        assert!(shows("USD a month") && !shows("throttled"), "{lines:?}");
    }
}
