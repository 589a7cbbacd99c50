//! Everything that was refused, where and by which limit.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::engine::time::Nanos;
use crate::measure::series::Series;
use crate::pipeline::finish::Outcome;
use crate::pipeline::{deliver, feed, fleet, lambda, read, source};
use crate::report::number::{rounded, share};
use crate::scenario::checked::Scenario;
use crate::scenario::path::{index_path, resource};
use crate::systems::dynamodb::capacity::CapacityPlan;
use crate::systems::dynamodb::throttle::ThrottleLimit;
use crate::systems::dynamodb::throughput::{Throughput, ThroughputPlan};
use crate::systems::kinesis::get_records::ReadMeter;
use crate::systems::lambda::mapping::Via;

/// Requests that one limit refused at one place.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ThrottleRow {
    /// Whose requests, such as `workload.checkout`, or which stream's limit, such as `kinesis.changes`. The same
    /// refusal shows at both ends.
    pub path: String,
    /// The limit, in a word or two; of a table or an index the reason that AWS names (DDB-T2).
    pub cause: String,
    /// Requests refused in all replications.
    pub refused: u64,
    /// Their share of all requests there.
    pub share: Option<f64>,
    /// When the first one was refused in any replication, simulated seconds; for streams and readers to a bin of
    /// the series; null when there was none or it is not known.
    pub first_s: Option<f64>,
}

/// All rows, in the order of the flow; limits that refused nothing have a row with 0.
pub fn rows(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<ThrottleRow> {
    let mut rows = Rows::default();
    rows.producers(scenario, outcomes);
    rows.direct(scenario, outcomes);
    rows.tables(scenario, outcomes);
    rows.streams(scenario, outcomes);
    rows.consumers(scenario, outcomes);
    rows.lambdas(scenario, outcomes);
    rows.fleets(scenario, outcomes);
    rows.deliveries(scenario, outcomes);
    rows.0
}

/// The rows so far.
#[derive(Default)]
struct Rows(Vec<ThrottleRow>);

impl Rows {
    fn push(&mut self, path: &str, cause: &str, refused: u64, requests: u64, first_s: Option<f64>) {
        self.0.push(ThrottleRow {
            path: path.to_owned(),
            cause: cause.to_owned(),
            refused,
            share: share(refused, requests).and_then(rounded),
            first_s: first_s.filter(|_| refused > 0).and_then(rounded),
        });
    }

    fn producers(&mut self, scenario: &Scenario, outcomes: &[Outcome]) {
        for (number, plan) in scenario.producers.iter().enumerate() {
            let meters = || outcomes.iter().map(|outcome| &outcome.producers[number].0);
            let requests: u64 = meters().map(|meter| meter.requests()).sum();
            let refused = meters().map(|meter| meter.refused).sum();
            let first = meters().filter_map(|meter| meter.first_refused).min().map(seconds);
            self.push(&resource("workload", &plan.name), "write capacity", refused, requests, first);
        }
    }

    fn direct(&mut self, scenario: &Scenario, outcomes: &[Outcome]) {
        for (number, plan) in scenario.direct.iter().enumerate() {
            let meters = || outcomes.iter().map(|outcome| &outcome.direct[number].meter);
            let refused = meters().flat_map(|meter| meter.refused).sum::<u64>();
            let with_request = meters().map(|meter| meter.refused_with_request).sum::<u64>();
            let puts = meters().map(|meter| meter.parcels).sum();
            let firehose = scenario.direct_put_of_stream(plan.stream).is_some();
            let cause = if firehose { "Direct PUT quotas" } else { "shard limits" };
            let first = meters().filter_map(|meter| meter.first_refused).min().map(seconds);
            self.push(&resource("workload", &plan.name), cause, refused + with_request, puts, first);
        }
    }

    fn tables(&mut self, scenario: &Scenario, outcomes: &[Outcome]) {
        for (number, plan) in scenario.tables.iter().enumerate() {
            let meters = || outcomes.iter().map(|outcome| &outcome.tables[number].meter);
            let requests = meters().map(|meter| meter.accepted + meter.throttled).sum();
            let path = resource("tables", &plan.name);
            let tables = || outcomes.iter().map(|outcome| &outcome.tables[number].table);
            let own: Vec<_> = tables().map(|table| table.throughput()).collect();
            self.by_reason(&path, &plan.throughput, &own, false, requests);
            for (at, index) in plan.indexes.iter().enumerate() {
                let own: Vec<_> = tables().map(|table| &table.indexes()[at].throughput).collect();
                self.by_reason(&index_path(&path, &index.name), &index.throughput, &own, true, requests);
            }
            if plan.replication.is_some() {
                let feeds = || outcomes.iter().filter_map(|outcome| outcome.tables[number].feed.as_ref());
                let refused = feeds().map(|feed| feed.meter.throttled).sum();
                let attempts = feeds().map(|feed| feed.meter.attempts()).sum();
                let first = first_bin(feeds().map(|feed| &feed.series), feed::column::THROTTLED);
                self.push(&format!("{path}.kinesis"), "shard limits", refused, attempts, first);
            }
        }
    }

    fn streams(&mut self, scenario: &Scenario, outcomes: &[Outcome]) {
        for (number, plan) in scenario.streams.iter().enumerate() {
            let loads = || outcomes.iter().flat_map(|outcome| &outcome.streams[number].loads);
            let puts: u64 = loads().map(|load| load.total.records + load.total.refused).sum();
            let series = outcomes.iter().map(|outcome| &outcome.streams[number].series);
            let first = first_bin(series, source::column::REFUSED);
            let causes = ["records a second", "bytes a second", "records and bytes a second"];
            for (limit, cause) in causes.into_iter().enumerate() {
                let refused = loads().map(|load| load.refused_by_limit[limit]).sum();
                self.push(&resource("kinesis", &plan.name), cause, refused, puts, first);
            }
        }
    }

    fn consumers(&mut self, scenario: &Scenario, outcomes: &[Outcome]) {
        for (number, plan) in scenario.consumers.iter().enumerate() {
            let series = outcomes.iter().map(|outcome| &outcome.consumers[number].series);
            let first = first_bin(series, read::column::REFUSED);
            let reads: Vec<_> = outcomes.iter().map(|outcome| outcome.consumers[number].reads).collect();
            self.readers(&resource("consumers", &plan.name), &reads, first);
        }
    }

    fn lambdas(&mut self, scenario: &Scenario, outcomes: &[Outcome]) {
        for (number, plan) in scenario.lambdas.iter().enumerate() {
            let all = || outcomes.iter().map(|outcome| &outcome.lambdas[number]);
            let path = resource("consumers", &plan.name);
            if matches!(plan.via, Via::Shared(_)) {
                let first = first_bin(all().map(|one| &one.series), lambda::column::REFUSED);
                let reads: Vec<_> = all().map(|one| one.reads).collect();
                self.readers(&path, &reads, first);
            }
            let first = first_bin(all().map(|one| &one.series), lambda::column::THROTTLES);
            let refused = |which: usize| all().map(|one| one.meter.throttled[which]).sum::<u64>();
            let tried =
                all().map(|one| one.meter.invocations).sum::<u64>() + (0..3).map(refused).sum::<u64>();
            let causes = ["concurrent executions", "new environments", "requests a second"];
            for (which, cause) in causes.into_iter().enumerate() {
                self.push(&path, cause, refused(which), tried, first);
            }
        }
    }

    fn fleets(&mut self, scenario: &Scenario, outcomes: &[Outcome]) {
        for (number, plan) in scenario.fleets.iter().enumerate().filter(|(_, plan)| !plan.is_pushed_to()) {
            let series = outcomes.iter().map(|outcome| &outcome.fleets[number].series);
            let first = first_bin(series, fleet::column::REFUSED);
            let reads: Vec<_> = outcomes.iter().map(|outcome| outcome.fleets[number].reads).collect();
            self.readers(&resource("consumers", &plan.name), &reads, first);
        }
    }

    fn deliveries(&mut self, scenario: &Scenario, outcomes: &[Outcome]) {
        for (number, plan) in scenario.deliveries.iter().enumerate() {
            if plan.polls().is_none() {
                // It makes no calls.
                continue;
            }
            let series = outcomes.iter().map(|outcome| &outcome.deliveries[number].series);
            let first = first_bin(series, deliver::column::REFUSED);
            let reads: Vec<_> = outcomes.iter().map(|outcome| outcome.deliveries[number].reads).collect();
            self.readers(&plan.path, &reads, first);
        }
    }

    /// A row for each limit that a table or an index has, and for each that refused something.
    fn by_reason(
        &mut self,
        path: &str,
        plan: &ThroughputPlan,
        throughputs: &[&Throughput],
        of_index: bool,
        requests: u64,
    ) {
        let has = |limit: ThrottleLimit| match (&plan.capacity, limit) {
            (CapacityPlan::Provisioned(_), ThrottleLimit::Provisioned) => true,
            (CapacityPlan::OnDemand(_), ThrottleLimit::KeyRange | ThrottleLimit::AccountLimit) => true,
            (CapacityPlan::OnDemand(plan), ThrottleLimit::MaxOnDemand) => plan.max.is_some(),
            (CapacityPlan::Provisioned(_), ThrottleLimit::KeyRange) => plan.partitions.is_some(),
            _ => false,
        };
        for limit in ThrottleLimit::ALL {
            let refused = throughputs.iter().map(|throughput| throughput.throttled.of(limit)).sum();
            let first =
                throughputs.iter().filter_map(|throughput| throughput.throttled.first[limit as usize]).min();
            if refused > 0 || has(limit) {
                self.push(path, limit.reason(of_index), refused, requests, first.map(seconds));
            }
        }
    }

    fn readers(&mut self, path: &str, reads: &[ReadMeter], first: Option<f64>) {
        let all = super::flow::ReadRow::sum(reads.iter());
        let calls = all.polls + all.empty_polls + all.refused_calls + all.refused_bytes;
        self.push(path, "calls a second", all.refused_calls, calls, first);
        self.push(path, "bytes read a second", all.refused_bytes, calls, first);
    }
}

fn seconds(at: Nanos) -> f64 {
    at as f64 / 1e9
}

/// The start of the first bin of any series in which a column is not 0, seconds.
fn first_bin<'a, const COLUMNS: usize>(
    series: impl Iterator<Item = &'a Series<COLUMNS>>,
    column: usize,
) -> Option<f64> {
    let first = |series: &Series<COLUMNS>| {
        let bin = series.bins().iter().position(|bin| bin[column] > 0)?;
        Some(bin as u64 * series.width())
    };
    series.filter_map(first).min().map(seconds)
}
