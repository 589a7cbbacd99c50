//! `summary.md` of a sweep: its points in one table.

use super::{PointRow, SweepResult};
use crate::report::table::{Table, escaped};
use crate::report::words::{self, NONE};

/// The whole summary.
pub fn render(sweep: &SweepResult) -> String {
    let identity = &sweep.identity;
    let mut text = format!("# {}: a sweep\n", escaped(&identity.scenario));
    if !identity.about.is_empty() {
        text += &format!("\n{}\n", escaped(identity.about.trim()));
    }
    text += &format!(
        "\n{}, seed {}, Streamgauge {}. All points have the same draws, so they differ by what is swept and not by chance. \
         All figures of all replications are in `points.csv`.\n",
        words::plural(identity.point_count as u64, "point"),
        identity.seed,
        identity.version
    );
    for point in &sweep.points {
        let name = escaped(&point.run.name);
        for overload in &point.run.overloaded {
            text += &format!("\n**{name} is overloaded: {}.**\n", escaped(&overload.limit));
        }
        if !point.run.complete {
            text += &format!(
                "\n**{name}: some measured writes had not arrived by the end;** its latencies are at least these.\n"
            );
        }
    }
    let paths = headline(sweep);
    let mut columns = vec!["point".to_owned()];
    columns.extend(identity.axes.iter().map(|axis| format!("<{}", axis.path)));
    columns.extend(paths.iter().map(|path| (*path).to_owned()));
    columns.push("<objectives".to_owned());
    let mut table = Table::new(&columns.iter().map(String::as_str).collect::<Vec<_>>());
    for point in &sweep.points {
        let figures = paths.iter().map(|path| with_interval(point, path));
        let cells = [point.point.to_string()].into_iter().chain(point.values.iter().cloned()).chain(figures);
        table.row(cells.chain([point.verdict().unwrap_or(NONE).to_owned()]));
    }
    text + &format!("\n## Points\n\n{}", table.markdown())
}

fn with_interval(point: &PointRow, path: &str) -> String {
    let Some(figure) = point.figures.get(path) else { return NONE.to_owned() };
    let text = words::figure(path, figure.value);
    match figure.low.zip(figure.high) {
        Some((low, high)) if low != high => {
            format!("{text} ({} to {})", words::figure(path, Some(low)), words::figure(path, Some(high)))
        }
        _ => text,
    }
}

/// The figures that a table of points shows: those that objectives ask for, the bill, what was throttled and lost, and the
/// 99th percentile of each leg's latency.
pub(super) fn headline(sweep: &SweepResult) -> Vec<&str> {
    let rows = || sweep.points.iter();
    let asked = rows().flat_map(|point| point.run.slo.iter().map(|verdict| verdict.path.as_str()));
    let paths = || rows().flat_map(|point| point.figures.keys().map(String::as_str));
    let tails = paths().filter(|path| path.ends_with(".p99"));
    let totals = ["cost.month", "throttled", "lost"].into_iter().filter(|path| paths().any(|it| it == *path));
    let mut chosen: Vec<&str> = Vec::new();
    for path in asked.chain(totals).chain(tails) {
        if !chosen.contains(&path) {
            chosen.push(path);
        }
    }
    chosen
}
