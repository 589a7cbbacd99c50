//! From what a delivery stream reads to what it buffers, where a function transforms it.

use super::Pipeline;
use super::event::{Kind, pack, unpack};
use crate::engine::time::{MICROSECOND, Nanos};
use crate::measure::series::Series;
use crate::systems::firehose::ErrorOutput;
use crate::systems::firehose::transform::{Batch, Look, Returned, Transform, Verdict};
use crate::systems::kinesis::log::{Micros, Record};

/// Columns of a transformation's series (FH-M5).
pub mod column {
    /// Invocations that ended.
    pub const INVOCATIONS: usize = 0;
    /// Those of them after which records went on: `ExecuteProcessing.Success` as a count.
    pub const SUCCESSES: usize = 1;
    /// `SucceedProcessing.Records`.
    pub const RECORDS: usize = 2;
    /// `SucceedProcessing.Bytes`.
    pub const BYTES: usize = 3;
    /// The longest time through the function, waits for it included, in microseconds: `ExecuteProcessing.Duration`.
    pub const DURATION: usize = 4;
    /// How many there are.
    pub const COUNT: usize = 5;
}

/// A transformation and what is measured of it.
#[derive(Clone, Debug)]
pub struct Transforming {
    /// The function and its buffers.
    pub transform: Transform,
    /// Its series.
    pub series: Series<{ column::COUNT }>,
}

impl<const FULL: bool> Pipeline<FULL> {
    /// Hands the records of one poll to the function's buffer.
    #[cold]
    pub(super) fn transform(&mut self, now: Nanos, number: usize, shard: usize) {
        let mut looks = Vec::new();
        if let Some(it) = &mut self.deliveries[number].transforming {
            it.transform.take(now, shard, &self.batch, (&mut self.account, &mut looks));
        }
        self.look_again(number, looks);
    }

    fn look_again(&mut self, number: usize, looks: Vec<(Nanos, Look)>) {
        for (at, look) in looks {
            let (kind, which) = match look {
                Look::Buffer(shard) => (Kind::Transform, shard),
                Look::Invocation(slot) => (Kind::Transformed, slot),
            };
            self.queue.push(at, kind as u8, pack(number, which as usize));
        }
    }

    /// The interval of a function's buffer may be over.
    pub(super) fn look_at_transform(&mut self, now: Nanos, handle: u32) {
        let (number, shard) = unpack(handle);
        let mut looks = Vec::new();
        if let Some(it) = &mut self.deliveries[number].transforming {
            it.transform.look(now, shard as u32, (&mut self.account, &mut looks));
        }
        self.look_again(number, looks);
    }

    /// The function has ended, or is to be tried again.
    pub(super) fn transformed(&mut self, now: Nanos, handle: u32) {
        let (number, slot) = unpack(handle);
        let mut looks = Vec::new();
        let Some(it) = &mut self.deliveries[number].transforming else { return };
        let returned = it.transform.returned(now, slot as u32, (&mut self.account, &mut looks));
        self.look_again(number, looks);
        match returned {
            Returned::Later => {}
            Returned::Back(batch) => {
                self.fingerprint.outcome(now, u64::from(handle) << 32 | batch.records.len() as u64, 11);
                self.came_back(now, number, batch);
            }
            Returned::GivenUp(batch) => {
                self.fingerprint.outcome(now, u64::from(handle) << 32 | batch.records.len() as u64, 12);
                self.note_transformed(now, number, None);
                for (read, records) in polls_of(&batch) {
                    self.transform_failed((now, read), number, records);
                }
            }
        }
    }

    /// Records are back: they go into the buffers of the destination, whose clock starts now (FH-B12).
    fn came_back(&mut self, now: Nanos, number: usize, batch: Batch) {
        let (mut failed, mut went_on) = (Vec::new(), [0, 0]);
        let since = batch.marks.first().map_or(now / MICROSECOND, |mark| mark.1);
        for (read, records) in polls_of(&batch) {
            self.batch.clear();
            failed.clear();
            for record in records {
                let mut record = *record;
                let Some(it) = &mut self.deliveries[number].transforming else { return };
                match it.transform.verdict(&mut record) {
                    Verdict::Ok => self.batch.push(record),
                    Verdict::Failed => failed.push(record),
                    Verdict::Dropped => {}
                }
            }
            went_on[0] += self.batch.len() as u64;
            went_on[1] += self.batch.iter().map(|record| u64::from(record.bytes)).sum::<u64>();
            self.store((now, read), number, batch.shard as usize);
            self.transform_failed((now, read), number, &failed);
        }
        self.note_transformed(now, number, Some((went_on, now / MICROSECOND - since)));
    }

    fn note_transformed(&mut self, now: Nanos, number: usize, went_on: Option<([u64; 2], Micros)>) {
        let Some(it) = self.deliveries[number].transforming.as_mut().filter(|_| FULL) else { return };
        it.series.add(now, column::INVOCATIONS, 1);
        if let Some(([records, bytes], duration)) = went_on {
            it.series.add(now, column::SUCCESSES, 1);
            it.series.add(now, column::RECORDS, records);
            it.series.add(now, column::BYTES, bytes);
            it.series.raise(now, column::DURATION, duration);
        }
    }

    /// Records that the function did not do go to the error prefix (FH-T3).
    fn transform_failed(&mut self, at: (Nanos, Micros), number: usize, records: &[Record]) {
        if records.is_empty() {
            return;
        }
        let mut objects = Vec::new();
        let firehose = &mut self.deliveries[number].firehose;
        if let Some((buffer, due)) =
            firehose.take_failed(at, ErrorOutput::TransformFailed, records, &mut objects)
        {
            self.queue.push(due, Kind::Interval as u8, pack(number, buffer as usize));
        }
        self.upload(at.0, objects);
    }
}

/// The records of a batch, poll by poll, each with the moment of the poll.
fn polls_of(batch: &Batch) -> impl Iterator<Item = (Micros, &[Record])> {
    let mut first = 0;
    batch.marks.iter().map(move |(end, read)| {
        let records = &batch.records[first..*end as usize];
        first = *end as usize;
        (*read, records)
    })
}
