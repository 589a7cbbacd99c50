//! What partition keys take of the records in a stream: a delivery stream reads records and keeps their data alone.
//!
//! Kinesis counts a record's partition key with its data (KDS-W1); Firehose's buffers, objects and bill are of data.

use crate::scenario::checked::Scenario;
use crate::systems::dynamodb::partition_key::PARTITION_KEY_BYTES;
use crate::systems::dynamodb::replication::{RecordSize, ReplicationPlan};
use crate::systems::kinesis::log::Record;
use crate::workload::put_records::PutPlan;
use std::sync::Arc;

/// How many bytes of a stream's records are their partition keys.
#[derive(Clone, Debug)]
pub enum KeyBytes {
    /// As many of each.
    Each(u32),
    /// Those of one producer's records, which its own names have.
    Of(Arc<PutPlan>),
}

impl KeyBytes {
    /// What they are in the records of a stream. A record does not tell who put it there, so where several producers use keys of
    /// different lengths it is the shortest of them.
    pub fn of_stream(scenario: &Scenario, stream: usize) -> Self {
        if scenario.direct_put_of_stream(stream).is_some() {
            return Self::Each(0);
        }
        let feeds = scenario.tables.iter().filter_map(|table| table.replication.as_ref());
        let feeds: Vec<u32> = feeds.filter(|feed| feed.stream == stream).map(of_feed).collect();
        let direct: Vec<&Arc<PutPlan>> =
            scenario.direct.iter().filter(|plan| plan.stream == stream).collect();
        match (&feeds[..], &direct[..]) {
            ([], [plan]) => Self::Of(Arc::clone(plan)),
            _ => Self::Each(
                feeds.into_iter().chain(direct.iter().map(|plan| plan.key_bytes(0))).min().unwrap_or(0),
            ),
        }
    }

    /// What a delivery stream keeps of a record.
    #[inline]
    pub fn kept_of(&self, record: Record) -> Record {
        let key_bytes = match self {
            Self::Each(bytes) => *bytes,
            Self::Of(plan) => plan.key_bytes(record.key),
        };
        Record { bytes: record.bytes.saturating_sub(key_bytes), ..record }
    }

    /// Leaves of records what a delivery stream keeps.
    #[inline]
    pub fn strip(&self, records: &mut [Record]) {
        if !matches!(self, Self::Each(0)) {
            records.iter_mut().for_each(|record| *record = self.kept_of(*record));
        }
    }
}

/// A record that is sized like its item has no key beside it.
fn of_feed(plan: &ReplicationPlan) -> u32 {
    match plan.record {
        RecordSize::Item => 0,
        RecordSize::Json(_) => PARTITION_KEY_BYTES,
    }
}
