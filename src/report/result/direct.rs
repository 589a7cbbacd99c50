//! Producers that put records straight into streams: what their clients did. Counts are summed over all replications.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::flow::ProducerRow;
use super::shards::RefusedRow;
use crate::measure::direct::DirectMeter;
use crate::pipeline::finish::Outcome;
use crate::report::number::{Interval95, mean_share, rounded, share};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;

/// What the client of a direct producer did. Records are user records; an aggregate is one Kinesis record of several.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct PutRow {
    /// PutRecord and PutRecords calls, repeated ones included.
    pub calls: u64,
    /// Calls that took effect and whose reply did not come back.
    pub replies_lost: u64,
    /// Puts of records: each record in each call.
    pub attempts: u64,
    /// Puts for each record accepted.
    pub attempts_per_record: Option<f64>,
    /// Records stored once more after a lost reply.
    pub copies: u64,
    /// Records that failed because their time to live was over.
    pub expired: u64,
    /// Kinesis records put.
    pub kinesis_records: u64,
    /// Those that shards accepted.
    pub kinesis_records_accepted: u64,
    /// User records in an accepted Kinesis record on average.
    pub records_per_kinesis_record: Option<f64>,
    /// Kinesis records in a call on average.
    pub kinesis_records_per_call: Option<f64>,
    /// Kinesis records refused, by the limit that refused them.
    pub refused_by_limit: RefusedRow,
    /// Records refused with their whole request, for a Firehose's quota of requests.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub refused_for_requests: Option<u64>,
    /// Share of the Kinesis records put that shards refused; under Direct PUT of the records, by any quota: mean of the replications.
    pub refused_share: Option<f64>,
    /// Its interval.
    pub refused_share_interval95: Interval95,
    /// Bytes accepted, partition keys included.
    pub bytes: u64,
    /// PUT payload units: of accepted Kinesis records alone.
    pub put_payload_units: u64,
}

/// The rows of all direct producers.
pub fn producers(scenario: &Scenario, outcomes: &[Outcome]) -> Vec<ProducerRow> {
    (0..scenario.direct.len()).map(|number| producer(scenario, outcomes, number)).collect()
}

fn producer(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> ProducerRow {
    let plan = &scenario.direct[number];
    let measured_s = scenario.duration.saturating_sub(scenario.warm_up) as f64 / 1e9;
    let meters: Vec<DirectMeter> = outcomes.iter().map(|outcome| outcome.direct[number].meter).collect();
    let sum = |of: fn(&DirectMeter) -> u64| meters.iter().map(of).sum::<u64>();
    let measured = sum(|meter| meter.cohort);
    let late = |meter: &DirectMeter| share(meter.cohort - meter.first_try_cohort, meter.cohort);
    let (throttled_share, throttled_share_interval95) =
        mean_share(&meters.iter().map(late).collect::<Vec<_>>());
    let (attempts, offered) = (sum(|meter| meter.attempts), sum(|meter| meter.offered));
    ProducerRow {
        path: resource("workload", &plan.name),
        writes_to: scenario.stream_path(plan.stream),
        offered,
        measured,
        measured_per_s: rounded(measured as f64 / outcomes.len() as f64 / measured_s),
        accepted: sum(|meter| meter.accepted),
        given_up: sum(|meter| meter.given_up),
        too_large: sum(|meter| meter.too_large),
        collection_full: 0,
        requests: attempts,
        attempts_per_write: share(attempts, offered).and_then(rounded),
        throttled_share,
        throttled_share_interval95,
        writes: None,
        puts: Some(PutRow::new(&meters)),
    }
}

impl PutRow {
    fn new(meters: &[DirectMeter]) -> Self {
        let sum = |of: fn(&DirectMeter) -> u64| meters.iter().map(of).sum::<u64>();
        let [records, bytes, both] =
            [0, 1, 2].map(|limit| meters.iter().map(|meter| meter.refused[limit]).sum::<u64>());
        let (calls, attempts, accepted) =
            (sum(|meter| meter.calls), sum(|meter| meter.attempts), sum(|meter| meter.accepted));
        let (parcels, stored) = (sum(|meter| meter.parcels), sum(|meter| meter.parcels_accepted));
        let copies = sum(|meter| meter.copies);
        let with_request = sum(|meter| meter.refused_with_request);
        let refused_of = |meter: &DirectMeter| meter.refused.iter().sum::<u64>() + meter.refused_with_request;
        let refused: Vec<_> = meters.iter().map(|meter| share(refused_of(meter), meter.parcels)).collect();
        let (refused_share, refused_share_interval95) = mean_share(&refused);
        Self {
            calls,
            replies_lost: sum(|meter| meter.calls_lost),
            attempts,
            attempts_per_record: share(attempts, accepted).and_then(rounded),
            copies,
            expired: sum(|meter| meter.expired),
            kinesis_records: parcels,
            kinesis_records_accepted: stored,
            records_per_kinesis_record: share(accepted + copies, stored).and_then(rounded),
            kinesis_records_per_call: share(parcels, calls).and_then(rounded),
            refused_by_limit: RefusedRow { records, bytes, both },
            refused_for_requests: (with_request > 0).then_some(with_request),
            refused_share,
            refused_share_interval95,
            bytes: sum(|meter| meter.bytes),
            put_payload_units: sum(|meter| meter.put_units),
        }
    }
}
