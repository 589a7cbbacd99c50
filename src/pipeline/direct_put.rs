//! From producers straight into a delivery stream (Direct PUT), and from a stream to those that it pushes to without calls.
//!
//! A Direct PUT stream stands in the list of streams as one of a single shard behind whose quotas records are handed on at once.

use super::Pipeline;
use super::deliver::{Delivery, column as delivery_column};
use super::event::Kind;
use super::source::StreamSource;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::measure::series::Series;
use crate::scenario::checked::Scenario;
use crate::systems::firehose::ingest::{Ingest, IngestPlan};
use crate::systems::firehose::plan::DIRECT_PUT_RETENTION;
use crate::systems::kinesis::log::Record;
use crate::systems::kinesis::read_limit::ReadRefused;
use crate::systems::kinesis::shard::WriteRefused;
use crate::systems::kinesis::stream::Stream;

/// Columns of a Direct PUT stream's series (FH-M3): all but the last count what was taken in.
pub mod column {
    /// `IncomingRecords`.
    pub const RECORDS: usize = 0;
    /// `IncomingBytes`.
    pub const BYTES: usize = 1;
    /// `IncomingPutRequests`.
    pub const REQUESTS: usize = 2;
    /// `ThrottledRecords`.
    pub const THROTTLED: usize = 3;
    /// How many there are.
    pub const COUNT: usize = 4;
}

/// What stands before a Direct PUT stream.
#[derive(Clone, Debug)]
pub struct Front {
    /// Its quotas.
    pub ingest: Ingest,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

impl Front {
    fn new(plan: &IngestPlan, span: Nanos) -> Self {
        Self { ingest: Ingest::new(plan), series: Series::new(span) }
    }

    /// A request of so many records arrives: whether it is taken.
    pub fn request(&mut self, now: Nanos, records: u64) -> bool {
        let taken = self.ingest.request(now, records);
        match taken {
            true => self.series.add(now, column::REQUESTS, 1),
            false => self.series.add(now, column::THROTTLED, records),
        }
        taken
    }

    /// One record of a request that was taken.
    ///
    /// # Errors
    /// The quota that was spent.
    pub fn admit(&mut self, now: Nanos, bytes: u32) -> Result<(), WriteRefused> {
        let outcome = self.ingest.admit(now, bytes);
        match outcome {
            Ok(()) => {
                self.series.add(now, column::RECORDS, 1);
                self.series.add(now, column::BYTES, u64::from(bytes));
            }
            Err(_) => self.series.add(now, column::THROTTLED, 1),
        }
        outcome
    }
}

/// The streams that stand for Direct PUT, in the order of their numbers.
pub(super) fn streams(scenario: &Scenario) -> Vec<StreamSource> {
    let fronts = scenario.deliveries.iter().filter(|plan| plan.backup_of.is_none());
    let fronts = fronts.filter_map(|plan| Some((plan, plan.ingest()?)));
    let source = |(plan, ingest): (&crate::systems::firehose::FirehosePlan, &IngestPlan)| {
        let stream = Stream::new(1, DIRECT_PUT_RETENTION, false, false);
        StreamSource {
            front: Some(Box::new(Front::new(ingest, scenario.duration))),
            ..StreamSource::new(plan.path.clone(), stream, 0, scenario.duration)
        }
    };
    fronts.map(source).collect()
}

impl<const FULL: bool> Pipeline<FULL> {
    /// A stream pushes what waits on a shard to a delivery stream: at once, and beside the shard's limits on reading.
    #[cold]
    pub(super) fn push_to_delivery(&mut self, now: Nanos, number: usize, handle: u32, shard: usize) {
        let delivery = &mut self.deliveries[number];
        let place = &mut self.streams[delivery.stream];
        self.batch.clear();
        if place.stream.oldest(now, shard, delivery.reader).is_some() {
            place.stream.push_records(shard, delivery.reader, now / MICROSECOND, u64::MAX, &mut self.batch);
            // On a closed shard this finds out that there is nothing more.
            place.stream.oldest(now, shard, delivery.reader);
        }
        if place.stream.sleep_if_drained(now, shard, delivery.reader) {
            place.rest(now, shard, delivery.reader, &mut self.queue);
        } else {
            self.queue.push(now + MICROSECOND, Kind::Poll as u8, handle);
        }
        if self.batch.is_empty() {
            return;
        }
        delivery.key_bytes.strip(&mut self.batch);
        let channel = match &place.front {
            Some(front) => {
                let channels = front.ingest.channels();
                delivery.firehose.set_channels(channels);
                delivery.pushes += 1;
                (delivery.pushes % u64::from(channels)) as usize
            }
            None => shard,
        };
        self.buffer(now, number, channel);
    }
}

impl Delivery {
    /// Measures one GetRecords call (FH-M4).
    pub(super) fn note_read(
        &mut self,
        now: Nanos,
        outcome: Result<u64, ReadRefused>,
        records: &[Record],
        behind: bool,
    ) {
        if let Ok(bytes) = outcome {
            self.series.add(now, delivery_column::READ_RECORDS, records.len() as u64);
            self.series.add(now, delivery_column::READ_BYTES, bytes);
        }
        // What was there before the run arrived at moments that wrap around below 0.
        if let Some(last) = records.last().filter(|_| behind) {
            let micros = (now / MICROSECOND).wrapping_sub(last.appended);
            self.series.raise(now, delivery_column::BEHIND, micros);
        }
    }
}
