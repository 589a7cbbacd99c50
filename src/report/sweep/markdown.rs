//! `summary.md` of a sweep: its points in one table.

use super::{Best, BreakEven, PointRow, SweepResult};
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
        let best = sweep.best.as_ref().is_some_and(|best| best.point == point.point);
        let verdict = point.verdict().unwrap_or(NONE);
        table.row(cells.chain([if best { format!("{verdict}, best") } else { verdict.to_owned() }]));
    }
    for sentence in findings(sweep) {
        text += &format!("\n{}\n", escaped(&sentence));
    }
    text += &format!("\n## Points\n\n{}", table.markdown());
    if sweep.break_even.is_empty() {
        text
    } else {
        text + &format!("\n## Break-even\n\n{}", crossings(sweep))
    }
}

/// What follows from the points: the best of them, and where bills cross; of pairs that never do so, that they do not.
pub(super) fn findings(sweep: &SweepResult) -> Vec<String> {
    let mut found: Vec<String> = sweep.best.iter().map(|best| best_point(sweep, best)).collect();
    let crosses = |it: &&BreakEven| it.within.is_some();
    found.extend(sweep.break_even.iter().filter(crosses).map(crossing));
    let mut apart: Vec<&BreakEven> = Vec::new();
    for it in sweep.break_even.iter().filter(|it| !crosses(it)) {
        let mut pair = sweep.break_even.iter().filter(|other| other.between == it.between);
        if pair.all(|other| !crosses(&other)) && apart.iter().all(|other| other.between != it.between) {
            apart.push(it);
        }
    }
    let never = |it: &BreakEven| {
        let [first, second] = &it.between;
        format!(
            "The bills of {first} and {second} do not cross in this sweep: {} is cheaper.",
            it.cheaper_below
        )
    };
    found.extend(apart.into_iter().map(never));
    found
}

/// Every pair along every quantity.
fn crossings(sweep: &SweepResult) -> String {
    let columns = [
        "<between",
        "<along",
        "<at",
        "<cheaper below",
        "crossing",
        "<cheaper above",
        "<between the points",
        "<used there",
    ];
    let mut table = Table::new(&columns);
    for it in &sweep.break_even {
        let at: Vec<String> = it.at.iter().map(|(path, value)| format!("{path}={value}")).collect();
        let used = it.utilisation.iter().map(|(path, share)| format!("{path} {}", words::percent(*share)));
        table.row([
            it.between.join(" and "),
            it.along.clone(),
            at.join(", "),
            it.cheaper_below.clone(),
            it.crossing
                .clone()
                .unwrap_or_else(|| if it.within.is_some() { NONE.to_owned() } else { "none".to_owned() }),
            it.cheaper_above.clone(),
            it.within.as_ref().map_or(String::new(), |within| within.join(" and ")),
            used.collect::<Vec<_>>().join(", "),
        ]);
    }
    table.markdown()
        + "\nA crossing is where straight lines between the points' bills meet; over sizes and counts bills are no lines, and only the points around it are named.\n"
}

fn best_point(sweep: &SweepResult, best: &Best) -> String {
    let named = |number: usize| {
        let point = sweep.points.iter().find(|point| point.point == number);
        point.map_or(String::new(), |point| {
            format!("{} at {}", point.run.name, point.run.cost_month.map_or(NONE.to_owned(), words::usd))
        })
    };
    let mut text =
        format!("Best: {} a month, the cheapest point that meets every objective.", named(best.point));
    if let Some(runner_up) = best.runner_up {
        text += &format!(" The next one: {}.", named(runner_up));
    }
    if let Some((cheaper, fails)) = best.next_cheaper.zip(best.fails.as_ref()) {
        text += &format!(" One step cheaper, {} does not surely meet {fails}.", named(cheaper));
    }
    text
}

fn crossing(it: &BreakEven) -> String {
    let at: Vec<String> = it.at.iter().map(|(path, value)| format!("{path}={value}")).collect();
    let at = if at.is_empty() { String::new() } else { format!(" at {}", at.join(", ")) };
    let [first, second] = &it.between;
    let Some([low, high]) = &it.within else {
        return format!(
            "Break-even along {}{at}: none; {} is cheaper throughout.",
            it.along, it.cheaper_below
        );
    };
    let shares = it.utilisation.iter().map(|(path, share)| format!("{path} {}", words::percent(*share)));
    let shares: Vec<String> = shares.collect();
    let shares = if shares.is_empty() { String::new() } else { format!(" ({})", shares.join(", ")) };
    let crossing =
        it.crossing.as_ref().map_or(String::new(), |crossing| format!("about {crossing}{shares}, "));
    format!(
        "Break-even of {first} and {second} along {}{at}: {crossing}between {low} and {high}; below it {}, above it {} is cheaper.",
        it.along, it.cheaper_below, it.cheaper_above
    )
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
    // What goes wrong together, and how full what is paid for is.
    let telling = paths()
        .filter(|path| path.ends_with(".records_per_kinesis_record") || path.ends_with(".utilisation_share"));
    let totals = ["cost.month", "throttled", "refused_reads", "lost"].into_iter();
    let totals = totals.filter(|path| paths().any(|it| it == *path));
    let mut chosen: Vec<&str> = Vec::new();
    for path in asked.chain(totals).chain(telling).chain(tails) {
        if !chosen.contains(&path) {
            chosen.push(path);
        }
    }
    chosen
}
