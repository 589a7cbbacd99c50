//! Writes that are more than plain ones: what each kind of them came to (Q51), and what their clients met.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use crate::pipeline::calls::CallMeter;
use crate::pipeline::finish::Outcome;
use crate::pipeline::long_way::{KindMeter, LongMeter};
use crate::pipeline::write::WriterMeter;
use crate::report::number::{rounded, share};
use crate::scenario::checked::Scenario;
use crate::systems::dynamodb::write_kind::WriteKind;

/// What a producer's writes came to, kind by kind. Counts are summed over all replications.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct WritesRow {
    /// The kinds of writes that occurred.
    pub by_kind: Vec<KindRow>,
    /// Whether they are replicated writes of a global table, `Source = GlobalTable` in CloudWatch (DDB-G4).
    pub replicated: bool,
    /// Writes that failed for their condition (`ConditionalCheckFailedRequests`).
    pub condition_failed: u64,
    /// Writes cancelled with a transaction of which another condition failed.
    pub cancelled: u64,
    /// Writes refused with their call: a transaction above 4 MB, or a call with an item that is too large.
    pub call_refused: u64,
    /// Requests, by item, that met a transaction in progress (`TransactionConflict`).
    pub conflicts: u64,
    /// Answers that left the outcome open (`SystemErrors`).
    pub server_errors: u64,
    /// Writes given up although they had taken place.
    pub applied_unheard: u64,
    /// Times that a client's retry quota was empty and it gave up early.
    pub quota_empty: u64,
    /// Calls of several items; null for single writes.
    pub calls: Option<CallRow>,
}

/// Writes of one kind.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct KindRow {
    /// The kind, such as `modify` or `ttl`.
    pub kind: String,
    /// Writes offered.
    pub offered: u64,
    /// Writes carried out; of conditional failures, those that failed for their condition.
    pub carried_out: u64,
    /// Write units consumed, cancelled transactions included.
    pub write_units: u64,
    /// Change records made.
    pub records: u64,
    /// Change data capture units of one attempt to send each of them.
    pub change_data_capture_units: u64,
    /// Mean bytes of a record as the stream counts it, partition key included; null without records.
    pub record_bytes_mean: Option<f64>,
}

/// Calls of several items.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct CallRow {
    /// Calls sent, repeated ones included.
    pub calls: u64,
    /// Calls refused as a whole (`ThrottledRequests`).
    pub throttled: u64,
    /// Items that came back unprocessed.
    pub unprocessed: u64,
    /// Transactions cancelled.
    pub cancelled: u64,
    /// Calls refused as invalid (`ValidationException`).
    pub invalid: u64,
}

impl WritesRow {
    /// The row of one producer; nothing for plain writes.
    pub fn of(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> Option<Self> {
        let client = scenario.producers[number].client.as_ref()?;
        let meters: Vec<LongMeter> =
            outcomes.iter().filter_map(|outcome| outcome.long_ways[number]).collect();
        let sum = |of: fn(&WriterMeter) -> u64| {
            outcomes.iter().map(|outcome| of(&outcome.producers[number].0)).sum()
        };
        let kind = |kind: WriteKind| {
            let sum =
                |of: fn(&KindMeter) -> u64| meters.iter().map(|meter| of(&meter.kinds[kind as usize])).sum();
            let records = sum(|meter| meter.records);
            KindRow {
                kind: kind.name().to_owned(),
                offered: sum(|meter| meter.offered),
                carried_out: sum(|meter| meter.carried_out),
                write_units: sum(|meter| meter.units),
                records,
                change_data_capture_units: sum(|meter| meter.capture_units),
                record_bytes_mean: share(sum(|meter| meter.record_bytes), records).and_then(rounded),
            }
        };
        let calls = |of: fn(&CallMeter) -> u64| meters.iter().map(|meter| of(&meter.calls)).sum();
        Some(Self {
            by_kind: WriteKind::ALL.into_iter().map(kind).filter(|row| row.offered > 0).collect(),
            replicated: client.replicated_after.is_some(),
            condition_failed: sum(|meter| meter.condition_failed),
            cancelled: sum(|meter| meter.cancelled),
            call_refused: sum(|meter| meter.call_refused),
            conflicts: sum(|meter| meter.conflicts),
            server_errors: sum(|meter| meter.server_errors),
            applied_unheard: sum(|meter| meter.applied_unheard),
            quota_empty: sum(|meter| meter.quota_empty),
            calls: (client.call != crate::workload::client::Call::Single).then(|| CallRow {
                calls: calls(|meter| meter.calls),
                throttled: calls(|meter| meter.throttled),
                unprocessed: calls(|meter| meter.unprocessed),
                cancelled: calls(|meter| meter.cancelled),
                invalid: calls(|meter| meter.invalid),
            }),
        })
    }
}
