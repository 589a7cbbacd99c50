//! What a run has used so far of everything that is billed, as plain counts.

use super::Pipeline;
use super::fleet::quantities::FleetQuantities;
use super::source::OnDemandUse;
use crate::engine::time::Nanos;
use crate::systems::dynamodb::table::Table;
use std::ops::SubAssign;

/// Counts up to one moment. The difference of two moments is the use of the span between them.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Quantities {
    /// The moment.
    pub at: Nanos,
    /// Change data capture units of each table's feed: first tries, copies, retries.
    pub feeds: Vec<[u64; 3]>,
    /// What each table used of its capacity.
    pub tables: Vec<TableQuantities>,
    /// PUT payload units in provisioned mode, records and bytes accepted by each stream.
    pub streams: Vec<[u64; 3]>,
    /// Open shards of each stream times the nanoseconds for which they were open in provisioned mode.
    pub shard_nanos: Vec<u128>,
    /// Of each stream: open shards times the nanoseconds with extended retention, and bytes written times the seconds for
    /// which they stay beyond seven days.
    pub kept: Vec<[u128; 2]>,
    /// GetRecords calls of each consumer on tables' streams: those that returned records, and those that did not.
    pub streams_reads: Vec<[u64; 2]>,
    /// What each stream used in on-demand mode.
    pub on_demand: Vec<OnDemandUse>,
    /// Bytes taken and bytes billed by each delivery stream.
    pub deliveries: Vec<[u64; 2]>,
    /// What each function used.
    pub lambdas: Vec<LambdaQuantities>,
    /// What each fleet used.
    pub fleets: Vec<FleetQuantities>,
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
        subtract(&mut self.kept, &earlier.kept);
        subtract(&mut self.streams_reads, &earlier.streams_reads);
        subtract(&mut self.deliveries, &earlier.deliveries);
        self.lambdas.iter_mut().zip(&earlier.lambdas).for_each(|(now, before)| now.subtract(before));
        self.fleets.iter_mut().zip(&earlier.fleets).for_each(|(now, before)| now.subtract(before));
        subtract(&mut self.s3, &earlier.s3);
        self.shard_nanos.iter_mut().zip(&earlier.shard_nanos).for_each(|(now, before)| *now -= before);
        if !earlier.on_demand.is_empty() {
            let uses = self.on_demand.into_iter().zip(&earlier.on_demand);
            self.on_demand = uses.map(|(now, before)| now.since(before)).collect();
        }
        self.tables.iter_mut().zip(&earlier.tables).for_each(|(now, before)| *now = now.since(before));
        self
    }
}

/// What a function used, as counts. First tries and later ones are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct LambdaQuantities {
    /// Requests.
    pub requests: [u64; 2],
    /// Running time, microseconds.
    pub run_micros: [u64; 2],
    /// Running time as billed, milliseconds.
    pub billed_millis: [u64; 2],
    /// Messages or objects sent to the destination of failures.
    pub sent: u64,
    /// Bytes pushed by enhanced fan-out.
    pub pushed_bytes: u64,
}

impl LambdaQuantities {
    fn subtract(&mut self, before: &Self) {
        for which in 0..2 {
            self.requests[which] -= before.requests[which];
            self.run_micros[which] -= before.run_micros[which];
            self.billed_millis[which] -= before.billed_millis[which];
        }
        self.sent -= before.sent;
        self.pushed_bytes -= before.pushed_bytes;
    }

    fn of(consumer: &super::lambda::LambdaConsumer) -> Self {
        let meter = &consumer.mapping.meter;
        Self {
            requests: [meter.invocations - meter.retried, meter.retried],
            run_micros: meter.run_micros,
            billed_millis: meter.billed_millis,
            sent: meter.sent,
            pushed_bytes: consumer.fan_out().map_or(0, |fan_out| fan_out.meter.bytes),
        }
    }
}

fn subtract<T: Copy + SubAssign, const N: usize>(now: &mut [[T; N]], before: &[[T; N]]) {
    for (now, before) in now.iter_mut().zip(before) {
        now.iter_mut().zip(before).for_each(|(now, before)| *now -= *before);
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// The counts at this moment, which is the present.
    pub fn quantities(&mut self, at: Nanos) -> Quantities {
        self.tables.iter_mut().for_each(|source| source.table.settle(at));
        for plan in self.tables.iter().filter_map(|source| source.streams.as_ref()).map(|own| &own.plan) {
            // Calls that found nothing are billed too (DDS-M1).
            self.streams[plan.stream].stream.finish(at);
        }
        let reads = |consumer: &super::read::Consumer| {
            let meter = self.streams[consumer.stream].meter(consumer.reader);
            if consumer.of_table.is_some() { [meter.polls, meter.empty_polls] } else { [0; 2] }
        };
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
            kept: self.streams.iter().map(|source| source.kept(at)).collect(),
            streams_reads: self.consumers.iter().map(reads).collect(),
            on_demand: self.streams.iter().map(|source| source.on_demand_use(at)).collect(),
            deliveries: self
                .deliveries
                .iter()
                .map(|delivery| [delivery.firehose.meter.bytes, delivery.firehose.meter.billed_bytes])
                .collect(),
            lambdas: self.lambdas.iter().map(LambdaQuantities::of).collect(),
            fleets: self.fleet_quantities(at),
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
