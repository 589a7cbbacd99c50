//! What a run has used so far of everything that is billed, as plain counts.

use super::Pipeline;
use super::fleet::quantities::FleetQuantities;
use super::source::OnDemandUse;
use crate::engine::time::Nanos;
use crate::systems::dynamodb::table::Table;
use crate::systems::lambda::meter::MappingMeter;
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
    /// Of each stream: records that came more than once, and bytes read by calls though they were older than seven days.
    pub copies: Vec<[u64; 2]>,
    /// Shards open at the moment, of each stream.
    pub open_shards: Vec<u64>,
    /// Bytes that each polling consumer read.
    pub read: Vec<[u64; 1]>,
    /// Of each polling consumer: nanoseconds for which its workers were processing, all together, and records processed.
    pub polling: Vec<[u64; 2]>,
    /// GetRecords calls of each consumer on tables' streams: those that returned records, and those that did not.
    pub streams_reads: Vec<[u64; 2]>,
    /// What each stream used in on-demand mode.
    pub on_demand: Vec<OnDemandUse>,
    /// Bytes taken and bytes billed by each delivery stream.
    pub deliveries: Vec<[u64; 2]>,
    /// What each function used.
    pub lambdas: Vec<LambdaQuantities>,
    /// What each queue and its function used.
    pub queues: Vec<QueueQuantities>,
    /// What each fleet used.
    pub fleets: Vec<FleetQuantities>,
    /// PUT requests, bytes stored and objects for each delivery stream.
    pub s3: Vec<[u64; 3]>,
    /// What the transforming function of each delivery stream used; nothing where there is none.
    pub transforms: Vec<LambdaQuantities>,
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
    /// Items that have come for good since the start, at the moment and not since an earlier one.
    pub new_items: u64,
    /// Writes accepted from producers that are no other Region's replica.
    pub local_writes: u64,
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
            new_items: self.new_items,
            local_writes: self.local_writes - earlier.local_writes,
        }
    }
}

impl Quantities {
    /// What was used since `earlier`.
    pub fn since(mut self, earlier: &Self) -> Self {
        self.at -= earlier.at;
        subtract(&mut self.copies, &earlier.copies);
        subtract(&mut self.read, &earlier.read);
        subtract(&mut self.polling, &earlier.polling);
        subtract(&mut self.feeds, &earlier.feeds);
        subtract(&mut self.streams, &earlier.streams);
        subtract(&mut self.kept, &earlier.kept);
        subtract(&mut self.streams_reads, &earlier.streams_reads);
        subtract(&mut self.deliveries, &earlier.deliveries);
        self.lambdas.iter_mut().zip(&earlier.lambdas).for_each(|(now, before)| now.subtract(before));
        self.queues.iter_mut().zip(&earlier.queues).for_each(|(now, before)| now.subtract(before));
        self.fleets.iter_mut().zip(&earlier.fleets).for_each(|(now, before)| now.subtract(before));
        subtract(&mut self.s3, &earlier.s3);
        self.transforms.iter_mut().zip(&earlier.transforms).for_each(|(now, before)| now.subtract(before));
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
    /// Records processed.
    pub processed: u64,
    /// Messages or objects sent to the destination of failures.
    pub sent: u64,
    /// Bytes pushed by enhanced fan-out.
    pub pushed_bytes: u64,
    /// Requests of a pipe.
    pub pipe_requests: [u64; 2],
    /// Shards times nanoseconds for which it was registered for enhanced fan-out, as far as those are billed.
    pub registered_nanos: u128,
}

/// What a queue and its function used, as counts. First tries and later ones are apart.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct QueueQuantities {
    /// Requests to send, receive and delete.
    pub requests: [u64; 2],
    /// Receives that found nothing.
    pub empty_receives: u64,
    /// The function.
    pub function: LambdaQuantities,
}

impl QueueQuantities {
    fn subtract(&mut self, before: &Self) {
        (0..2).for_each(|which| self.requests[which] -= before.requests[which]);
        self.empty_receives -= before.empty_receives;
        self.function.subtract(&before.function);
    }

    fn of(place: &mut super::sqs::QueuePlace, at: Nanos) -> Self {
        let mut used = Self::default();
        if let Some(consumer) = &mut place.consumer {
            consumer.count_empty_receives(at, &mut place.queue);
            used.function = LambdaQuantities::of_meter(&consumer.meter);
        }
        let meter = &place.queue.meter;
        used.requests = [0, 1].map(|which| meter.sends[which] + meter.receives[which]);
        used.empty_receives = meter.empty_receives;
        used
    }
}

impl LambdaQuantities {
    fn subtract(&mut self, before: &Self) {
        for which in 0..2 {
            self.requests[which] -= before.requests[which];
            self.run_micros[which] -= before.run_micros[which];
            self.billed_millis[which] -= before.billed_millis[which];
            self.pipe_requests[which] -= before.pipe_requests[which];
        }
        self.processed -= before.processed;
        self.sent -= before.sent;
        self.pushed_bytes -= before.pushed_bytes;
        self.registered_nanos -= before.registered_nanos;
    }

    fn of_transform(delivery: &super::deliver::Delivery) -> Self {
        let meter = delivery.transforming.as_ref().map(|it| it.transform.meter).unwrap_or_default();
        Self {
            requests: [meter.invocations - meter.retried, meter.retried],
            run_micros: meter.run_micros,
            billed_millis: meter.billed_millis,
            ..Self::default()
        }
    }

    fn of(consumer: &super::lambda::LambdaConsumer, shard_nanos: u128) -> Self {
        let until = consumer.deregistered.unwrap_or(shard_nanos);
        let lasted = consumer.registered.map_or(0, |since| until - since);
        let registered = consumer.fan_out().map(|_| lasted);
        Self {
            registered_nanos: registered.unwrap_or(0),
            pushed_bytes: consumer.fan_out().map_or(0, |fan_out| fan_out.meter.bytes),
            pipe_requests: consumer.pipe_requests,
            ..Self::of_meter(&consumer.mapping.meter)
        }
    }

    fn of_meter(meter: &MappingMeter) -> Self {
        Self {
            requests: [meter.invocations - meter.retried, meter.retried],
            run_micros: meter.run_micros,
            billed_millis: meter.billed_millis,
            processed: meter.processed,
            sent: meter.sent,
            ..Self::default()
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
            tables: (0..self.tables.len()).map(|table| self.table_quantities(at, table)).collect(),
            copies: (0..self.streams.len()).map(|stream| self.copies_in(stream)).collect(),
            open_shards: self
                .streams
                .iter()
                .map(|source| source.stream.lineage().open().len() as u64)
                .collect(),
            read: self
                .consumers
                .iter()
                .map(|consumer| [self.streams[consumer.stream].meter(consumer.reader).bytes])
                .collect(),
            polling: self
                .consumers
                .iter()
                .map(|consumer| [consumer.polling.busy(at), consumer.polling.meter.processed])
                .collect(),
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
            lambdas: self
                .lambdas
                .iter()
                .map(|it| LambdaQuantities::of(it, self.streams[it.stream].shard_nanos(at)))
                .collect(),
            queues: self.queues.iter_mut().map(|place| QueueQuantities::of(place, at)).collect(),
            transforms: self.deliveries.iter().map(LambdaQuantities::of_transform).collect(),
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

    fn table_quantities(&self, at: Nanos, number: usize) -> TableQuantities {
        let source = &self.tables[number];
        let local = |writer: &&super::write::Writer| {
            let replicated = writer.plan().is_some_and(|plan| plan.replicated_after.is_some());
            writer.producer.table() == number && !replicated
        };
        TableQuantities {
            new_items: source.route.gained(source.items()),
            local_writes: self.writers.iter().filter(local).map(|writer| writer.meter.accepted).sum(),
            ..TableQuantities::of(&source.table, at)
        }
    }

    /// Records of a stream that came more than once, by the feed's or a producer's doing; and bytes of long ago.
    fn copies_in(&self, stream: usize) -> [u64; 2] {
        let feeds = self.tables.iter().filter_map(|source| source.feed.as_ref());
        let feeds = feeds.filter(|feed| feed.plan.stream == stream).map(|feed| feed.meter.copies_replicated);
        let direct = self.direct.iter().filter(|direct| direct.plan.stream == stream);
        let copies = feeds.sum::<u64>() + direct.map(|direct| direct.meter.copies).sum::<u64>();
        [copies, self.streams[stream].long_ago_bytes]
    }
}
