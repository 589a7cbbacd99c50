//! A comparison on one screen: what clearly differs, and what does not.

use super::{Change, Comparison, FigureRow, Statistic, VariantRow, side_by_side};
use crate::report::table::Table;
use crate::report::terminal::{Screen, asked_and_found, objective};
use crate::report::words;

/// The comparison. `files` is the folder that it was written to, if any.
pub fn render(comparison: &Comparison, files: Option<&str>, screen: Screen) -> String {
    let Some((baseline, variants)) = comparison.variants.split_first() else { return String::new() };
    let names: Vec<&str> = variants.iter().map(|variant| variant.name.as_str()).collect();
    let heading = match comparison.paired {
        true => format!(
            "{} against {}: {} on the same draws, seed {}",
            names.join(", "),
            baseline.name,
            words::plural(u64::from(baseline.replications), "replication"),
            baseline.seed
        ),
        false => format!(
            "variants against {}. The variants have different draws or spans: their differences are not judged.",
            baseline.name
        ),
    };
    let mut lines = words::wrapped(&heading, "  ", screen.width);
    lines.push(String::new());
    lines.extend(side_by_side::lines(comparison, screen.width));
    for (number, variant) in variants.iter().enumerate() {
        lines.push(String::new());
        lines.push(format!("{}: {}", variant.name, bill(variant)));
        for overload in &variant.overloaded {
            lines.extend(words::wrapped(&format!("overloaded: {}", overload.limit), "  ", screen.width));
        }
        lines.extend(differences(comparison, number, screen.width));
    }
    lines.push(String::new());
    lines.extend(objectives(comparison, screen));
    lines.extend(files.map(|files| format!("files    {files}")));
    lines.join("\n") + "\n"
}

fn bill(variant: &VariantRow) -> String {
    let unknown = if variant.cost_month.is_none() { "; a price of its bill is unknown" } else { "" };
    format!("{} {}{unknown}", variant.bill(), variant.bill_span())
}

/// What is shown as a table: clear differences, or all that are not judged.
fn shown(figure: &FigureRow, variant: usize) -> bool {
    let difference = &figure.differences[variant];
    difference.is_clear() || difference.change == Change::NotJudged && difference.mean != Some(0.0)
}

fn differences(comparison: &Comparison, variant: usize, width: usize) -> Vec<String> {
    let names = [&comparison.variants[0].name, &comparison.variants[variant + 1].name];
    let mut table = Table::new(&["<figure", names[0], names[1], "difference", "95 % interval"]);
    let mut unclear = Vec::new();
    for figure in &comparison.figures {
        let difference = &figure.differences[variant];
        let text = |value| words::figure(&figure.path, value);
        if shown(figure, variant) {
            let sign = if difference.mean.unwrap_or(0.0) > 0.0 { "+" } else { "" };
            let worst = figure.statistic == Statistic::Worst;
            let (of, on_average) = if worst { (" (worst)", " on average") } else { ("", "") };
            let interval = difference.low.zip(difference.high);
            table.row([
                format!("{}{of}", figure.path),
                text(figure.values[0]),
                text(figure.values[variant + 1]),
                format!("{sign}{}{on_average}", text(difference.mean)),
                interval.map_or(words::NONE.into(), |(low, high)| {
                    format!("{} to {}", text(Some(low)), text(Some(high)))
                }),
            ]);
        } else if difference.change == Change::NoClearDifference {
            unclear.push(figure.path.as_str());
        }
    }
    let mut lines = if table.is_empty() { Vec::new() } else { table.fitted(width, 1) };
    if !unclear.is_empty() {
        lines.extend(words::wrapped(&format!("no clear difference: {}", unclear.join(", ")), "  ", width));
    } else if table.is_empty() {
        lines.push("no difference in any figure".into());
    }
    lines
}

fn objectives(comparison: &Comparison, screen: Screen) -> Vec<String> {
    let all = comparison.variants.iter();
    let all = all.flat_map(|variant| variant.slo.iter().map(move |verdict| (&variant.name, verdict)));
    all.flat_map(|(name, verdict)| {
        let text = format!("{name}: {}", asked_and_found(verdict));
        objective("slo", verdict.verdict, &text, screen)
    })
    .collect()
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::tests::comparison;

    #[test]
    fn the_screen_shows_what_differs_and_names_what_does_not() {
        let text = render(&comparison(3), None, Screen::PLAIN);
        assert!(
            text.contains("firehose.lake.freshness.mean") && text.contains("slow against small"),
            "{text}"
        );
        assert!(!text.contains("consumers.search.latency.p50"), "what is the same is left out: {text}");
        for width in [80, 100, 160] {
            let text = render(&comparison(3), None, Screen { width, ..Screen::PLAIN });
            assert!(text.lines().all(|line| line.chars().count() <= width), "{text}");
        }
    }
}
