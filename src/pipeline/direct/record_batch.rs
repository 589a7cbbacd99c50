//! A direct producer's call reaches a Firehose: PutRecord or PutRecordBatch (FH-Q7).

use super::super::Pipeline;
use super::identity;
use crate::engine::time::{MICROSECOND, Nanos};
use crate::systems::kinesis::log::{Record, flags};
use crate::systems::kinesis::producer::record::mark;

impl<const FULL: bool> Pipeline<FULL> {
    /// The whole request is refused, or each record of it is taken or refused by itself.
    #[cold]
    pub(super) fn put_record_batch(&mut self, now: Nanos, number: usize, slot: usize) {
        let direct = &mut self.direct[number];
        let place = &mut self.streams[direct.plan.stream];
        let Some(front) = &mut place.front else { return };
        let call = direct.calls.get(slot as u32);
        let issued = call.issued;
        let mut parcels = std::mem::take(&mut call.parcels);
        let records = parcels.len() as u64;
        let taken = front.request(now, records);
        call.refused = !taken;
        direct.meter.attempts += records;
        direct.meter.parcels += records;
        direct.meter.refused_requests += u64::from(!taken);
        direct.meter.refused_with_request += if taken { 0 } else { records };
        for parcel in &mut parcels {
            let record = direct.records.get(parcel.first);
            let outcome = if taken { front.admit(now, parcel.bytes).map_err(Some) } else { Err(None) };
            if let Err(why) = outcome {
                direct.records.get_mut(parcel.first).marks |= mark::REFUSED;
                direct.meter.refused_records += 1;
                direct.meter.first_refused.get_or_insert(now);
                if let Some(why) = why {
                    direct.meter.refused[why as usize] += 1;
                }
                continue;
            }
            parcel.accepted = true;
            direct.meter.parcels_accepted += 1;
            direct.meter.bytes += u64::from(parcel.bytes);
            direct.records.get_mut(parcel.first).marks |= mark::ACCEPTED;
            let marks = if record.has(mark::ACCEPTED) { flags::COPY } else { 0 }
                | if record.has(mark::REFUSED) { flags::RETRIED } else { 0 };
            let (written, appended) = (record.written / MICROSECOND, now / MICROSECOND);
            let logged = Record { written, appended, bytes: record.data, key: record.key, flags: marks };
            place.stream.append(0, &logged);
            let counted = self.cohort.has(written);
            direct.note(&record, &logged, issued / MICROSECOND, counted);
            self.fingerprint.outcome(now, identity(&record), 7);
        }
        direct.calls.get(slot as u32).parcels = parcels;
        place.wake_readers(now, 0, &mut self.queue);
    }
}
