//! Alarms: which series they watch, and by which rules.

use crate::engine::time::{DAY, HOUR, MINUTE, Nanos, SECOND};
use crate::measure::series::bin_width;
use crate::scenario::checked::Scenario;
use crate::scenario::diagnostic::nearest;
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::{Path, Segment, resource};
use crate::scenario::resolver::Resolver;
use crate::systems::cloudwatch::settings::{
    AlarmSettings, BACKUP, CONSUMER, CONVERSION, ComparisonSettings, DELAY, DIRECT_PUT, EVALUATION_PERIODS,
    FAN_OUT, FEED, FIREHOSE_READS, FLEET, FUNCTION, MOVING_STREAM, Metric, MissingSettings, ON_DEMAND_TABLE,
    PARTITIONS, PERIOD, PROVISIONED_TABLE, QUEUE, STREAM, StatisticSettings, TABLE, TABLE_STREAM, TO_S3,
    TRANSFORM, to_endpoint,
};
use crate::systems::cloudwatch::{AlarmPlan, Comparison, MetricUnit, Missing};
use crate::systems::dynamodb::capacity_settings::TableCapacity;
use crate::systems::lambda::plan::Via;
use crate::units::Duration;

/// CloudWatch has a feed's metrics every five minutes (DDB-X7).
const FEED_BINS: Nanos = 5 * MINUTE;

/// Resolves all alarms, in file order.
pub(super) fn resolve(resolver: &mut Resolver, file: &ScenarioFile, scenario: &mut Scenario) {
    for (name, settings) in &file.alarms {
        let path = Path::ROOT.key("alarms").key(name);
        let plan = alarm(resolver, &path, name, settings, (file, &*scenario));
        scenario.alarms.extend(plan);
    }
}

/// What the metric is of, and which metrics that has.
struct Watched {
    of: String,
    metrics: Vec<Metric>,
    /// Width of its bins at least.
    bins: Nanos,
    /// Whether its metrics are in DynamoDB's namespace.
    of_dynamodb: bool,
}

impl Watched {
    fn new(of: String, metrics: &[Metric]) -> Self {
        Self { of, metrics: metrics.to_vec(), bins: 0, of_dynamodb: false }
    }

    /// With these besides, where it has them.
    fn and(mut self, has: bool, more: &[Metric]) -> Self {
        self.metrics.extend(more.iter().filter(|_| has));
        self
    }
}

fn watched(
    resolver: &mut Resolver,
    path: &Path,
    of: &str,
    (file, scenario): (&ScenarioFile, &Scenario),
) -> Option<Watched> {
    let target = of.parse::<Path>().ok();
    let keys = target.iter().flat_map(|path| path.segments()).filter_map(|segment| match segment {
        Segment::Key(key) => Some(key.as_str()),
        Segment::Index(_) => None,
    });
    match keys.collect::<Vec<_>>()[..] {
        ["tables", name, ref rest @ ..] => of_table(resolver, path, name, rest, file),
        ["kinesis", name] => {
            resolver.named(path, "kinesis", name, file.kinesis.keys())?;
            let plan = scenario.streams.iter().find(|plan| plan.name == name);
            let moves = plan.is_some_and(|plan| plan.capacity.moves);
            Some(Watched::new(resource("kinesis", name), STREAM).and(moves, MOVING_STREAM))
        }
        ["sqs", name] => {
            resolver.named(path, "sqs", name, file.sqs.keys())?;
            Some(Watched::new(resource("sqs", name), QUEUE))
        }
        ["firehose", name] => {
            resolver.named(path, "firehose", name, file.firehose.keys())?;
            of_delivery(scenario, &resource("firehose", name))
        }
        ["firehose", name, "backup"] => {
            resolver.named(path, "firehose", name, file.firehose.keys())?;
            let place = format!("{}.backup", resource("firehose", name));
            let watched = of_delivery(scenario, &place);
            if watched.is_none() {
                resolver.error(path, format!("there is no `{place}`"));
            }
            watched
        }
        ["consumers", name] => of_consumer(resolver, path, name, (file, scenario)),
        _ => {
            let message = format!(
                "expected a table, its feed or stream, a stream, a consumer, a delivery stream or a queue; found `{of}`"
            );
            resolver.error(path, message);
            None
        }
    }
}

/// A table, or what of it the further steps of the path name.
fn of_table(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    rest: &[&str],
    file: &ScenarioFile,
) -> Option<Watched> {
    let number = resolver.named(path, "tables", name, file.tables.keys())?;
    let (name, table) = file.tables.get_index(number)?;
    let place = resource("tables", name);
    let (of, metrics, bins) = match rest {
        [] => (place, TABLE, 0),
        ["kinesis"] if table.kinesis.is_some() => (format!("{place}.kinesis"), FEED, FEED_BINS),
        ["streams"] if table.streams.is_some() => (format!("{place}.streams"), TABLE_STREAM, 0),
        _ => {
            resolver.error(path, format!("`{place}` has no `{}`", rest.join(".")));
            return None;
        }
    };
    let provisioned = matches!(table.capacity, TableCapacity::Provisioned(_));
    let watched = Watched::new(of, metrics)
        .and(rest.is_empty() && provisioned, PROVISIONED_TABLE)
        .and(rest.is_empty() && !provisioned, ON_DEMAND_TABLE);
    Some(Watched { bins, of_dynamodb: true, ..watched })
}

/// A delivery stream, with the metrics of what it does.
fn of_delivery(scenario: &Scenario, place: &str) -> Option<Watched> {
    let plan = scenario.deliveries.iter().find(|plan| plan.path == place)?;
    let is_backup = plan.backup_of.is_some();
    let delivery = match &plan.endpoint {
        Some(endpoint) => to_endpoint(endpoint.kind),
        None if is_backup => BACKUP,
        None => TO_S3,
    };
    let watched = Watched::new(place.to_owned(), delivery)
        .and(plan.polls().is_some(), FIREHOSE_READS)
        .and(plan.ingest().is_some() && !is_backup, DIRECT_PUT)
        .and(plan.transform.is_some(), TRANSFORM)
        .and(plan.converts, CONVERSION)
        .and(plan.partitioning.is_some(), PARTITIONS);
    Some(watched)
}

/// A consumer of a stream; that of a queue is seen at the queue.
fn of_consumer(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    (file, scenario): (&ScenarioFile, &Scenario),
) -> Option<Watched> {
    let number = resolver.named(path, "consumers", name, file.consumers.keys())?;
    let (name, settings) = file.consumers.get_index(number)?;
    let place = resource("consumers", name);
    if settings.reads.0.starts_with("sqs.") {
        let message = format!("`{place}` reads a queue; watch that instead");
        resolver.error_with_help(path, message, format!("write `{}`", settings.reads.0));
        return None;
    }
    let metrics = match () {
        () if settings.polling.is_some() => CONSUMER,
        () if settings.lambda.is_some() || settings.pipe.is_some() => FUNCTION,
        () => FLEET,
    };
    let fan_out =
        scenario.lambdas.iter().any(|plan| plan.name == *name && matches!(plan.via, Via::FanOut(_)));
    Some(Watched::new(place, metrics).and(fan_out, FAN_OUT))
}

fn alarm(
    resolver: &mut Resolver,
    path: &Path,
    name: &str,
    settings: &AlarmSettings,
    (file, scenario): (&ScenarioFile, &Scenario),
) -> Option<AlarmPlan> {
    let watched = watched(resolver, &path.key("of"), &settings.of.0, (file, scenario));
    let bins = watched.as_ref().map_or(0, |it| it.bins);
    let period = period(resolver, path, settings, bins, scenario.duration);
    let evaluation_periods: u32 = resolver.take(settings.evaluation_periods, &EVALUATION_PERIODS);
    resolver.within(&path.key("evaluation_periods"), evaluation_periods, 1..=1_440, "");
    let datapoints = settings.datapoints_to_alarm.unwrap_or(evaluation_periods);
    if !(1..=evaluation_periods.max(1)).contains(&datapoints) {
        let message =
            format!("expected 1 to the `evaluation_periods`, {evaluation_periods}; found {datapoints}");
        resolver.error(&path.key("datapoints_to_alarm"), message);
    }
    let delay: Duration = resolver.take(settings.delay, &DELAY);
    resolver.within(&path.key("delay"), delay, Duration::ZERO..=Duration::from_nanos(HOUR), "");
    let watched = watched?;
    let missing = missing(settings, watched.of_dynamodb);
    let metric = metric(resolver, path, settings, &watched)?;
    let threshold = threshold(resolver, &path.key("threshold"), metric.unit, &settings.threshold)?;
    Some(AlarmPlan {
        name: name.to_owned(),
        of: watched.of,
        metric: metric.name,
        unit: metric.unit,
        sums: metric.sums,
        threshold,
        comparison: match settings.comparison.unwrap_or(ComparisonSettings::GreaterThan) {
            ComparisonSettings::GreaterThan => Comparison::GreaterThan,
            ComparisonSettings::GreaterThanOrEqualTo => Comparison::GreaterThanOrEqualTo,
            ComparisonSettings::LessThan => Comparison::LessThan,
            ComparisonSettings::LessThanOrEqualTo => Comparison::LessThanOrEqualTo,
        },
        period,
        evaluation_periods: evaluation_periods as usize,
        datapoints_to_alarm: datapoints as usize,
        missing,
        delay: delay.nanos(),
    })
}

/// The period: one that CloudWatch has, and that the series can be put together to.
fn period(resolver: &mut Resolver, path: &Path, settings: &AlarmSettings, bins: Nanos, span: Nanos) -> Nanos {
    let period: Duration = resolver.take(settings.period, &PERIOD);
    let (path, nanos) = (path.key("period"), period.nanos());
    let short = [10, 20, 30].contains(&(nanos / SECOND)) && nanos.is_multiple_of(SECOND);
    let long = nanos > 0 && nanos.is_multiple_of(MINUTE) && nanos <= DAY;
    if !short && !long {
        let message = format!("expected 10s, 20s, 30s, or whole minutes up to 1d; found `{period}`");
        resolver.error(&path, message);
        return MINUTE;
    }
    let bin = bins.max(bin_width(span));
    if !nanos.is_multiple_of(bin) {
        let bin = Duration::from_nanos(bin);
        let message = format!(
            "the series of this run has bins of {bin}; expected a multiple of that, found `{period}`"
        );
        resolver.error(&path, message);
    }
    nanos
}

/// Alarms on DynamoDB's metrics ignore missing data unless something else is chosen; the others take it for missing.
fn missing(settings: &AlarmSettings, of_dynamodb: bool) -> Missing {
    let usual = if of_dynamodb { MissingSettings::Ignore } else { MissingSettings::Missing };
    match settings.treat_missing_data.unwrap_or(usual) {
        MissingSettings::Missing => Missing::Missing,
        MissingSettings::Ignore => Missing::Ignore,
        MissingSettings::Breaching => Missing::Breaching,
        MissingSettings::NotBreaching => Missing::NotBreaching,
    }
}

fn metric(
    resolver: &mut Resolver,
    path: &Path,
    settings: &AlarmSettings,
    watched: &Watched,
) -> Option<Metric> {
    let wanted = settings.metric.as_str();
    let Some(metric) = watched.metrics.iter().find(|metric| metric.name == wanted) else {
        let names = || watched.metrics.iter().map(|metric| metric.name);
        let near = nearest(wanted, names());
        let near = near.map(|near| format!("; did you mean `{near}`?")).unwrap_or_default();
        let help = format!("its metrics: {}", names().collect::<Vec<_>>().join(", "));
        let message = format!("`{}` has no metric `{wanted}`{near}", watched.of);
        resolver.error_with_help(&path.key("metric"), message, help);
        return None;
    };
    let (has, word) =
        if metric.sums { (StatisticSettings::Sum, "sum") } else { (StatisticSettings::Maximum, "maximum") };
    if settings.statistic.is_some_and(|written| written != has) {
        resolver.error(&path.key("statistic"), format!("the series has the `{word}` of `{wanted}` only"));
    }
    Some(*metric)
}

/// A threshold in the metric's unit.
fn threshold(resolver: &mut Resolver, path: &Path, unit: MetricUnit, written: &str) -> Option<f64> {
    let number = written.replace('_', "").parse::<f64>().ok().filter(|number| number.is_finite());
    let seconds = match unit {
        MetricUnit::Milliseconds => 1e3,
        MetricUnit::Seconds => 1.0,
        MetricUnit::Count | MetricUnit::Bytes => {
            if number.is_none() {
                resolver.error(path, format!("expected a number; found `{written}`"));
            }
            return number;
        }
    };
    let duration: Duration = resolver.check(path, written.parse())?;
    Some(duration.nanos() as f64 / 1e9 * seconds)
}
