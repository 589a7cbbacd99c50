//! What a run has used so far of everything that is billed, as plain counts.

use super::Pipeline;
use crate::engine::time::Nanos;
use crate::systems::dynamodb::table::Table;

/// Counts up to one moment. The difference of two moments is the use of the span between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantities {
    /// The moment.
    pub at: Nanos,
    /// Change data capture units of each table's feed: first tries, copies, retries.
    pub feeds: Vec<[u64; 3]>,
    /// What each table used of its capacity.
    pub tables: Vec<TableQuantities>,
    /// PUT payload units, records and bytes accepted by each stream.
    pub streams: Vec<[u64; 3]>,
    /// Open shards of each stream times the nanoseconds for which they were open.
    pub shard_nanos: Vec<u128>,
    /// Bytes taken and bytes billed by each delivery stream.
    pub deliveries: Vec<[u64; 2]>,
    /// PUT requests, bytes stored and objects for each delivery stream.
    pub s3: Vec<[u64; 3]>,
}

/// What one table and its indexes used, indexes added up.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct TableQuantities {
    /// Write units that the table consumed in on-demand mode.
    pub on_demand: u64,
    /// Those that its indexes consumed in on-demand mode.
    pub on_demand_indexes: u64,
    /// Provisioned write units of the table times nanoseconds.
    pub provisioned: u128,
    /// Those of its indexes.
    pub provisioned_indexes: u128,
    /// Provisioned read units times nanoseconds.
    pub provisioned_reads: u128,
}

impl TableQuantities {
    fn of(table: &Table, at: Nanos) -> Self {
        let mut used = Self::default();
        let own = table.throughput();
        [_, used.provisioned, used.provisioned_reads] = own.capacity().integrals(at);
        used.on_demand = own.on_demand_units();
        for index in table.indexes() {
            let [_, write, read] = index.throughput.capacity().integrals(at);
            used.provisioned_indexes += write;
            used.provisioned_reads += read;
            used.on_demand_indexes += index.throughput.on_demand_units();
        }
        used
    }

    fn since(self, earlier: &Self) -> Self {
        Self {
            on_demand: self.on_demand - earlier.on_demand,
            on_demand_indexes: self.on_demand_indexes - earlier.on_demand_indexes,
            provisioned: self.provisioned - earlier.provisioned,
            provisioned_indexes: self.provisioned_indexes - earlier.provisioned_indexes,
            provisioned_reads: self.provisioned_reads - earlier.provisioned_reads,
        }
    }
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
        self.tables.iter_mut().zip(&earlier.tables).for_each(|(now, before)| *now = now.since(before));
        self
    }
}

fn subtract<const N: usize>(now: &mut [[u64; N]], before: &[[u64; N]]) {
    for (now, before) in now.iter_mut().zip(before) {
        now.iter_mut().zip(before).for_each(|(now, before)| *now -= before);
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// The counts at this moment, which is the present.
    pub fn quantities(&mut self, at: Nanos) -> Quantities {
        self.tables.iter_mut().for_each(|source| source.table.settle(at));
        let feed = |table: &super::write::TableSource| {
            let meter = table.feed.as_ref().map(|feed| feed.meter).unwrap_or_default();
            [meter.units - meter.units_copied - meter.units_retried, meter.units_copied, meter.units_retried]
        };
        Quantities {
            at,
            feeds: self.tables.iter().map(feed).collect(),
            tables: self.tables.iter().map(|source| TableQuantities::of(&source.table, at)).collect(),
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
                .map(|delivery| {
                    let meter = &delivery.bucket.meter;
                    [meter.puts, meter.bytes, meter.objects]
                })
                .collect(),
        }
    }
}
