//! `summary.md` of a comparison: every figure of every variant.

use super::{Change, Comparison, Statistic, side_by_side};
use crate::report::table::{Table, escaped};
use crate::report::words::{self, NONE};

/// The whole summary.
pub fn render(comparison: &Comparison) -> String {
    let names: Vec<String> = comparison.variants.iter().map(|variant| escaped(&variant.name)).collect();
    let mut text = format!("# {}\n", names.join(" / "));
    text += if comparison.paired {
        "\nDifferences are taken replication by replication on the same draws, against the first variant; intervals are 95 % \
         (Student's t). Where an interval includes 0 there is no clear difference.\n"
    } else {
        "\nThe variants have different draws or spans: their differences are not judged.\n"
    };
    for variant in &comparison.variants {
        for overload in &variant.overloaded {
            text +=
                &format!("\n**{} is overloaded: {}.**\n", escaped(&variant.name), escaped(&overload.limit));
        }
        if !variant.complete {
            let name = escaped(&variant.name);
            text += &format!(
                "\n**{name}: some measured writes had not arrived by the end;** its latencies are at least these.\n"
            );
        }
    }
    text += &format!("\n## Side by side\n\n{}", side_by_side::table(comparison).markdown());
    for book in &comparison.price_book {
        text += &format!("\nBills by the price book of {} for {}.\n", book.as_of, book.region);
    }
    text += &format!("\n## Variants\n\n{}", variants(comparison).markdown());
    let objectives = objectives(comparison);
    if !objectives.is_empty() {
        text += &format!("\n## Objectives\n\n{}", objectives.markdown());
    }
    text + &format!(
        "\n## Figures\n\nA value is the mean of the replications; for greatest values and counts of failures the worst of them, whose \
         difference is still the mean of the replications' own differences; for the bill the bill of their mean usage.\n\n{}",
        figures(comparison).markdown()
    )
}

fn variants(comparison: &Comparison) -> Table {
    let bill = side_by_side::bill_heading(comparison);
    let mut table = Table::new(&[
        "<variant",
        "<overrides",
        &bill,
        "more than the first",
        "replications",
        "seed",
        "duration",
        "warm-up",
        "<fingerprint",
        "<scenario, SHA-256",
    ]);
    // Bills for different spans have no difference that says anything.
    let alike = side_by_side::one_span(comparison).is_some();
    let first = comparison.variants.first().and_then(|variant| variant.cost_month);
    for variant in &comparison.variants {
        table.row([
            variant.name.clone(),
            variant.overrides.join("; "),
            side_by_side::bill_cell(comparison, variant),
            variant
                .cost_month
                .zip(first)
                .filter(|_| alike)
                .map_or(NONE.to_owned(), |(cost, first)| words::usd(cost - first)),
            variant.replications.to_string(),
            variant.seed.to_string(),
            words::span(variant.duration_s),
            words::span(variant.warm_up_s),
            variant.fingerprint.clone(),
            variant.scenario_digest.clone(),
        ]);
    }
    table
}

fn objectives(comparison: &Comparison) -> Table {
    let mut table = Table::new(&["<variant", "<objective", "<asked", "found", "<verdict", "<why"]);
    for variant in &comparison.variants {
        for verdict in &variant.slo {
            table.row([
                variant.name.clone(),
                verdict.path.clone(),
                verdict.asked.clone(),
                words::with_interval(&verdict.path, verdict.value, verdict.interval95.as_ref()),
                verdict.verdict.name().to_owned(),
                verdict.reason.clone().unwrap_or_default(),
            ]);
        }
    }
    table
}

fn figures(comparison: &Comparison) -> Table {
    let mut columns = vec!["<figure".to_owned(), "<value is".to_owned()];
    columns.extend(comparison.variants.iter().map(|variant| variant.name.clone()));
    columns.extend(comparison.variants.iter().skip(1).map(|variant| format!("<{} differs by", variant.name)));
    let mut table = Table::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    for figure in &comparison.figures {
        let text = |value| words::figure(&figure.path, value);
        let values = figure.values.iter().map(|value| text(*value));
        let differences = figure.differences.iter().map(|difference| match difference.change {
            Change::Same | Change::Unknown => difference.change.name().to_owned(),
            change => {
                let interval = difference.low.zip(difference.high);
                let interval = interval.map_or(String::new(), |(low, high)| {
                    format!(" ({} to {})", text(Some(low)), text(Some(high)))
                });
                let mean = difference.mean.map_or(NONE.to_owned(), |mean| text(Some(mean)));
                let what = if figure.statistic == Statistic::Worst { "on average " } else { "" };
                format!("{what}{mean}{interval}: {}", change.name())
            }
        });
        let figure = [figure.path.clone(), figure.statistic.name().to_owned()];
        table.row(figure.into_iter().chain(values).chain(differences));
    }
    table
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::comparison::tests::comparison;

    #[test]
    fn every_figure_is_there_with_what_can_be_said_of_it() {
        let comparison = comparison(3);
        let text = render(&comparison);
        for figure in &comparison.figures {
            assert!(text.contains(&format!("| {} |", figure.path)), "{}", figure.path);
        }
        assert!(text.contains(": higher |") && text.contains("| the same |"), "{text}");
    }
}
