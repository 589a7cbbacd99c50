//! Objectives: figures and their bounds.

use rust_decimal::prelude::ToPrimitive;

use crate::scenario::checked::{Objective, Test, Unit};
use crate::scenario::diagnostic::nearest;
use crate::scenario::file::{Amount, Bound, ScenarioFile};
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::units::{Duration, Money, Percent};

/// Figures of a latency.
const STATISTICS: [&str; 6] = ["mean", "p50", "p90", "p99", "p999", "max"];

/// Counts of a function.
const FUNCTION_COUNTS: [&str; 7] =
    ["invocations", "errors", "throttled", "concurrency", "batches_at_once", "processed_again", "given_up"];

/// Counts and shares of a fleet of workers.
const FLEET_COUNTS: [&str; 3] = ["repeated", "lost", "checkpoints"];
const FLEET_SHARES: [&str; 2] = ["cpu_max_share", "cpu_share"];

/// The figures that objectives can be about, with their units.
fn figures(file: &ScenarioFile) -> Vec<(Path, Unit)> {
    let mut legs: Vec<Path> = Vec::new();
    let section = |section: &str| Path::ROOT.key(section);
    legs.extend(file.workload.keys().map(|name| section("workload").key(name).key("latency")));
    let fed = file.tables.iter().filter(|(_, table)| table.kinesis.is_some());
    legs.extend(fed.map(|(name, _)| section("tables").key(name).key("kinesis").key("latency")));
    let with_streams = file.tables.iter().filter(|(_, table)| table.streams.is_some());
    legs.extend(with_streams.map(|(name, _)| section("tables").key(name).key("streams").key("latency")));
    legs.extend(file.consumers.keys().map(|name| section("consumers").key(name).key("latency")));
    legs.extend(file.firehose.keys().map(|name| section("firehose").key(name).key("freshness")));
    let queries = file.athena.keys().map(|name| section("athena").key(name));
    legs.extend(queries.flat_map(|query| [query.key("time"), query.key("data_age")]));
    let of_legs = legs.iter().flat_map(|leg| STATISTICS.map(|name| (leg.key(name), Unit::Milliseconds)));
    let functions = file.consumers.iter().filter(|(_, consumer)| consumer.lambda.is_some());
    let of_functions = functions.flat_map(|(name, _)| {
        let path = section("consumers").key(name);
        let counts = FUNCTION_COUNTS.map(|count| (path.key(count), Unit::Count));
        let times = ["iterator_age", "blocked"].map(|time| (path.key(time).key("max"), Unit::Milliseconds));
        counts.into_iter().chain(times)
    });
    let fleets =
        file.consumers.iter().filter(|(_, consumer)| consumer.kcl.is_some() || consumer.flink.is_some());
    let of_fleets = fleets.flat_map(|(name, _)| {
        let path = section("consumers").key(name);
        let counts = FLEET_COUNTS.map(|count| (path.key(count), Unit::Count));
        let shares = FLEET_SHARES.map(|share| (path.key(share), Unit::Share));
        let age = (path.key("iterator_age").key("max"), Unit::Milliseconds);
        counts.into_iter().chain(shares).chain([age])
    });
    let readers = file.consumers.iter().filter(|(_, consumer)| !consumer.reads.0.starts_with("sqs."));
    let readers = readers.map(|(name, _)| section("consumers").key(name));
    let readers = readers.chain(file.firehose.keys().map(|name| section("firehose").key(name)));
    let of_readers = readers.flat_map(|path| {
        [(path.key("refused_reads"), Unit::Count), (path.key("refused_reads_share"), Unit::Share)]
    });
    let consumers = file.consumers.keys().map(|name| section("consumers").key(name));
    let of_consumers = consumers.map(|path| (path.key("processed_per_s"), Unit::Count));
    let totals = [
        (section("lost"), Unit::Count),
        (section("throttled"), Unit::Count),
        (section("refused_reads"), Unit::Count),
        (section("cost").key("month"), Unit::Usd),
        (section("duplicates"), Unit::Share),
        (section("out_of_order"), Unit::Share),
    ];
    of_legs.chain(of_functions).chain(of_fleets).chain(of_consumers).chain(of_readers).chain(totals).collect()
}

/// Resolves the objectives, in file order.
pub(super) fn resolve(resolver: &mut Resolver, file: &ScenarioFile) -> Vec<Objective> {
    let figures = figures(file);
    let mut objectives = Vec::new();
    for (written, bound) in &file.slo {
        let path = Path::ROOT.key("slo").key(written);
        let wanted = written.parse::<Path>().ok();
        match figures.iter().find(|(figure, _)| Some(figure) == wanted.as_ref()) {
            Some((figure, unit)) => {
                objectives.extend(bounds(resolver, &path, (&figure.to_string(), *unit), bound));
            }
            None => unknown(resolver, &path, written, &figures),
        }
    }
    objectives
}

fn unknown(resolver: &mut Resolver, path: &Path, written: &str, figures: &[(Path, Unit)]) {
    let names: Vec<String> = figures.iter().map(|(figure, _)| figure.to_string()).collect();
    let near = nearest(written, names.iter().map(String::as_str));
    let near = near.map(|best| format!("; did you mean `{best}`?")).unwrap_or_default();
    let help = "figures are `workload.X.latency`, `tables.X.kinesis.latency`, `tables.X.streams.latency`, `consumers.X.latency` and \
                `firehose.X.freshness`, `athena.X.time`, `athena.X.data_age` with `.mean`, `.p50`, `.p90`, `.p99`, `.p999` or `.max`; of a function also \
                `consumers.X.iterator_age.max`, `.blocked.max`, `.invocations`, `.errors`, `.throttled`, \
                `.concurrency`, `.batches_at_once`, `.processed_again` and `.given_up`; of a KCL fleet or a Flink application `consumers.X.iterator_age.max`, \
                `.repeated`, `.lost`, `.checkpoints`, `.cpu_share` and `.cpu_max_share`; of who polls `.refused_reads` and `.refused_reads_share`; of every consumer `.processed_per_s`; and `lost`, `throttled`, `refused_reads`, `duplicates`, `out_of_order`, `cost.month`";
    resolver.error_with_help(path, format!("there is no figure `{written}`{near}"), help);
}

type MakeTest = fn(f64) -> Test;

fn bounds(
    resolver: &mut Resolver,
    path: &Path,
    (figure, unit): (&str, Unit),
    Bound { max, min, equals }: &Bound,
) -> Vec<Objective> {
    let tests: [(&str, &Option<Amount>, MakeTest); 3] =
        [("max", max, Test::Max), ("min", min, Test::Min), ("equals", equals, Test::Equals)];
    if tests.iter().all(|(_, amount, _)| amount.is_none()) {
        resolver.error(path, "expected `max`, `min` or `equals`");
    }
    let objective = |(key, amount, test): (&str, &Option<Amount>, MakeTest)| {
        let Amount(text) = amount.as_ref()?;
        let value = resolver.check(&path.key(key), amount_in(unit, text))?;
        Some(Objective {
            path: figure.to_owned(),
            test: test(value),
            unit,
            written: format!("{key}: {text}"),
        })
    };
    let found: Vec<Objective> = tests.into_iter().filter_map(objective).collect();
    if let Some(message) = contradiction(&found) {
        resolver.error(path, message);
    }
    found
}

/// Why bounds on one figure cannot stand together.
fn contradiction(bounds: &[Objective]) -> Option<String> {
    let tests: Vec<Test> = bounds.iter().map(|bound| bound.test).collect();
    match tests[..] {
        [_, .., Test::Equals(_)] => {
            Some("`equals` leaves nothing for `max` and `min` to say; keep one of them".into())
        }
        [Test::Max(max), Test::Min(min)] if min > max => {
            Some(format!("nothing can meet both `{}` and `{}`", bounds[1].written, bounds[0].written))
        }
        _ => None,
    }
}

fn amount_in(unit: Unit, text: &str) -> Result<f64, String> {
    let count = || text.replace('_', "").parse::<u64>().map(|count| count as f64);
    match unit {
        Unit::Milliseconds => {
            text.parse::<Duration>().map(|it| it.nanos() as f64 / 1e6).map_err(|e| e.to_string())
        }
        Unit::Share => text.parse::<Percent>().map(Percent::fraction).map_err(|e| e.to_string()),
        Unit::Usd => {
            let money = text.parse::<Money>().map_err(|e| e.to_string())?;
            money.amount().to_f64().ok_or_else(|| format!("`{text}` is too much money"))
        }
        Unit::Count => count().map_err(|_| format!("expected a whole number; found `{text}`")),
    }
}
