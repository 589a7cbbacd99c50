//! What a run has used so far of everything that is billed, as plain counts.

use super::Pipeline;
use crate::engine::time::Nanos;

/// Counts up to one moment. The difference of two moments is the use of the span between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantities {
    /// The moment.
    pub at: Nanos,
    /// Change data capture units of each table's feed: first tries, copies, retries.
    pub feeds: Vec<[u64; 3]>,
    /// Write units consumed by each table.
    pub write_units: Vec<u64>,
    /// PUT payload units, records and bytes accepted by each stream.
    pub streams: Vec<[u64; 3]>,
    /// Open shards of each stream times the nanoseconds for which they were open.
    pub shard_nanos: Vec<u128>,
    /// Bytes taken and bytes billed by each delivery stream.
    pub deliveries: Vec<[u64; 2]>,
    /// PUT requests and bytes stored for each delivery stream.
    pub s3: Vec<[u64; 2]>,
}

impl Quantities {
    /// What was used since `earlier`.
    pub fn since(mut self, earlier: &Self) -> Self {
        self.at -= earlier.at;
        subtract(&mut self.feeds, &earlier.feeds);
        subtract(&mut self.streams, &earlier.streams);
        subtract(&mut self.deliveries, &earlier.deliveries);
        subtract(&mut self.s3, &earlier.s3);
        self.shard_nanos.iter_mut().zip(&earlier.shard_nanos).for_each(|(now, before)| *now -= before);
        self.write_units.iter_mut().zip(&earlier.write_units).for_each(|(now, before)| *now -= before);
        self
    }
}

fn subtract<const N: usize>(now: &mut [[u64; N]], before: &[[u64; N]]) {
    for (now, before) in now.iter_mut().zip(before) {
        now.iter_mut().zip(before).for_each(|(now, before)| *now -= before);
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// The counts at this moment.
    pub fn quantities(&self, at: Nanos) -> Quantities {
        let feed = |table: &super::write::TableSource| {
            let meter = table.feed.as_ref().map(|feed| feed.meter).unwrap_or_default();
            [meter.units - meter.units_copied - meter.units_retried, meter.units_copied, meter.units_retried]
        };
        Quantities {
            at,
            feeds: self.tables.iter().map(feed).collect(),
            write_units: self.tables.iter().map(|table| table.table.meter.units).collect(),
            streams: self
                .streams
                .iter()
                .map(|source| [source.put_units, source.stream.appended_total(), source.bytes])
                .collect(),
            shard_nanos: self.streams.iter().map(|source| source.shard_nanos(at)).collect(),
            deliveries: self
                .deliveries
                .iter()
                .map(|delivery| [delivery.firehose.meter.bytes, delivery.firehose.meter.billed_bytes])
                .collect(),
            s3: self
                .deliveries
                .iter()
                .map(|delivery| [delivery.bucket.meter.puts, delivery.bucket.meter.bytes])
                .collect(),
        }
    }
}
