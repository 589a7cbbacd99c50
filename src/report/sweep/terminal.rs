//! A sweep on one screen: a line a point, with the figures that differ.

use super::SweepResult;
use super::markdown::{findings, headline};
use crate::report::table::Table;
use crate::report::words::{self, NONE};

/// The most points that are shown.
const SHOWN: usize = 40;

/// The sweep, at most `width` columns wide. `files` is the folder that it was written to.
pub fn render(sweep: &SweepResult, files: &str, width: usize) -> String {
    let identity = &sweep.identity;
    let mut lines = vec![format!(
        "{}: {} on the same draws, seed {}",
        identity.scenario,
        words::plural(identity.point_count as u64, "point"),
        identity.seed
    )];
    if !identity.about.is_empty() {
        lines.extend(words::wrapped(&identity.about, "", width));
    }
    lines.push(String::new());
    let (same, differing): (Vec<&str>, Vec<&str>) =
        headline(sweep).into_iter().partition(|path| sweep.points.len() > 1 && is_same(sweep, path));
    let (table, shown) = widest(sweep, &differing, width);
    lines.extend(table.fitted(width, sweep.identity.axes.len()));
    if let Some(more) = sweep.points.len().checked_sub(SHOWN).filter(|more| *more > 0) {
        lines.push(format!("... and {} more in points.csv", words::plural(more as u64, "point")));
    }
    lines.push(String::new());
    let said = |paths: &[&str]| paths.iter().map(|path| figure(sweep, 0, path)).collect::<Vec<_>>();
    let pairs = same.iter().zip(said(&same)).map(|(path, text)| format!("{path} {text}"));
    let pairs: Vec<String> = pairs.collect();
    if !pairs.is_empty() {
        lines.extend(words::wrapped(&format!("the same at all points: {}", pairs.join(", ")), "  ", width));
    }
    if shown < differing.len() {
        let further = format!("in points.csv also: {}", differing[shown..].join(", "));
        lines.extend(words::wrapped(&further, "  ", width));
    }
    lines.extend(overloads(sweep, width));
    lines.extend(findings(sweep).iter().flat_map(|text| words::wrapped(text, "  ", width)));
    lines.push(format!("files    {files}"));
    lines.join("\n") + "\n"
}

fn figure(sweep: &SweepResult, point: usize, path: &str) -> String {
    let figure = sweep.points.get(point).and_then(|point| point.figures.get(path));
    words::figure(path, figure.and_then(|figure| figure.value))
}

fn is_same(sweep: &SweepResult, path: &str) -> bool {
    let value = |point: &super::PointRow| point.figures.get(path).and_then(|figure| figure.value);
    sweep.points.windows(2).all(|pair| value(&pair[0]) == value(&pair[1]))
}

/// The table with as many figures as fit, and how many those are.
fn widest(sweep: &SweepResult, paths: &[&str], width: usize) -> (Table, usize) {
    let fits = |count: &usize| {
        table(sweep, &paths[..*count]).plain(usize::MAX).iter().all(|line| line.chars().count() <= width)
    };
    let count = (1..=paths.len()).rev().find(fits).unwrap_or(paths.len().min(1));
    (table(sweep, &paths[..count]), count)
}

fn table(sweep: &SweepResult, paths: &[&str]) -> Table {
    let axes: Vec<&str> = sweep.identity.axes.iter().map(|axis| axis.path.as_str()).collect();
    let judged = sweep.points.iter().any(|point| !point.run.slo.is_empty());
    let mut columns: Vec<String> = shortened(&axes, 1).into_iter().map(|name| format!("<{name}")).collect();
    columns.extend(shortened(paths, 3));
    columns.extend(judged.then(|| "<objectives".to_owned()));
    let mut table = Table::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    for (number, point) in sweep.points.iter().take(SHOWN).enumerate() {
        let figures = paths.iter().map(|path| figure(sweep, number, path));
        let verdict = judged.then(|| point.verdict().unwrap_or(NONE).to_owned());
        table.row(point.values.iter().cloned().chain(figures).chain(verdict));
    }
    table
}

/// Paths by their last words: so many at least, and as many as tell them apart.
fn shortened(paths: &[&str], least: usize) -> Vec<String> {
    let last = |path: &str, words: usize| {
        let steps: Vec<&str> = path.split('.').collect();
        steps[steps.len().saturating_sub(words)..].join(".")
    };
    let unlike = |path: &str, words: usize| {
        paths.iter().filter(|other| last(other, words) == last(path, words)).count() == 1
    };
    let longest = paths.iter().map(|path| path.split('.').count()).max().unwrap_or(least);
    let words = |path: &str| (least..longest).find(|words| unlike(path, *words)).unwrap_or(longest);
    paths.iter().map(|path| last(path, words(path))).collect()
}

fn overloads(sweep: &SweepResult, width: usize) -> Vec<String> {
    let overloaded = sweep.points.iter().filter(|point| !point.run.overloaded.is_empty());
    let names: Vec<String> = overloaded
        .map(|point| {
            let limits: Vec<&str> = point.run.overloaded.iter().map(|it| it.limit.as_str()).collect();
            format!("overloaded at {}: {}", point.values.join(", "), limits.join("; "))
        })
        .collect();
    let more = names.len().saturating_sub(SHOWN);
    let lines = names.into_iter().take(SHOWN).flat_map(|text| words::wrapped(&text, "  ", width));
    lines
        .chain(
            (more > 0).then(|| format!("... and {} overloaded besides", words::plural(more as u64, "point"))),
        )
        .collect()
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn headings_are_as_short_as_tells_them_apart() {
        let axes = ["consumers.a.polling.interval", "consumers.b.polling.interval", "seed"];
        let short = ["a.polling.interval", "b.polling.interval", "seed"];
        assert_eq!(shortened(&axes, 1), short);
        let figures = ["consumers.a.latency.p99", "lost", "firehose.a.freshness.p99"];
        assert_eq!(shortened(&figures, 3), ["a.latency.p99", "lost", "a.freshness.p99"]);
        assert_eq!(shortened(&["consumers.a.latency.p99"], 3), ["a.latency.p99"]);
        assert_eq!(shortened(&["seed"], 1), ["seed"]);
    }
}
