//! How much waits at each stretch of the way, sampled while the writes of the span come in: by this a pipeline that
//! keeps up is told from one that falls behind for ever.

use super::Pipeline;
use crate::engine::time::Nanos;

/// What waits at one moment.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Backlog {
    /// The moment.
    pub at: Nanos,
    /// Refused writes that wait for a retry, by producer.
    pub writers: Vec<u64>,
    /// Records that direct producers hold, by direct producer.
    pub direct: Vec<u64>,
    /// Changes on their way to a stream, by table; 0 without a feed.
    pub feeds: Vec<u64>,
    /// Records in the stream that a consumer has not processed, by consumer.
    pub consumers: Vec<u64>,
    /// Records in the stream that a delivery stream has not read, by delivery stream, and those in buffers whose objects wait for the
    /// destination. What it buffers otherwise is left out: its size and interval bound that, and its rise and fall would hide
    /// whether the rest grows.
    pub deliveries: Vec<u64>,
    /// Records that are being uploaded or wait for the destination, by delivery stream.
    pub uploads: Vec<u64>,
    /// Records in the stream that a function has not processed, by function.
    pub lambdas: Vec<u64>,
    /// Messages in a queue and in flight, by queue.
    pub queues: Vec<u64>,
    /// Records in the stream that a fleet has not processed, by fleet.
    pub fleets: Vec<u64>,
}

impl<const FULL: bool> Pipeline<FULL> {
    /// What waits now.
    pub fn backlog(&self, at: Nanos) -> Backlog {
        let behind = |stream: usize, reader: usize| -> u64 {
            let stream = &self.streams[stream].stream;
            let reads = stream.has_started(reader) && !stream.is_removed(reader);
            if reads { stream.behind_in_all(reader) } else { 0 }
        };
        Backlog {
            at,
            writers: self.writers.iter().map(|writer| writer.meter.retrying()).collect(),
            direct: self.direct.iter().map(|direct| direct.meter.waiting()).collect(),
            feeds: self
                .tables
                .iter()
                .map(|table| {
                    table.feed.as_ref().map_or(0, |feed| feed.meter.in_flight(table.table.meter.changes()))
                })
                .collect(),
            consumers: self
                .consumers
                .iter()
                .map(|consumer| behind(consumer.stream, consumer.reader) + consumer.polling.in_hand())
                .collect(),
            deliveries: self
                .deliveries
                .iter()
                .map(|delivery| {
                    // What waits for a function that is too slow grows without end as well.
                    let queued = delivery.transforming.as_ref().map_or(0, |it| it.transform.queued());
                    behind(delivery.stream, delivery.reader) + queued + delivery.firehose.held_up()
                })
                .collect(),
            uploads: (0..self.deliveries.len()).map(|number| self.objects.uploading(number)).collect(),
            lambdas: self
                .lambdas
                .iter()
                .map(|lambda| behind(lambda.stream, lambda.reader) + lambda.mapping.in_hand())
                .collect(),
            queues: (0..self.queues.len()).map(|number| self.queue_backlog(number)).collect(),
            fleets: self
                .fleets
                .iter()
                .map(|consumer| behind(consumer.stream, consumer.reader) + consumer.fleet.in_hand())
                .collect(),
        }
    }

    /// Count and sum, in microseconds, of every latency measured so far: those of the feeds in the order of their
    /// tables, then of consumers, then of delivery streams, then of direct producers, then of functions, then of fleets.
    pub fn latency_totals(&self) -> Vec<(u64, u128)> {
        let feeds = self.tables.iter().filter_map(|table| table.feed.as_ref());
        let feeds = feeds.map(|feed| feed.latency.totals());
        let consumers = self.consumers.iter().map(|consumer| consumer.latency.totals());
        let deliveries = self.deliveries.iter().map(|delivery| delivery.latency.totals());
        let direct = self.direct.iter().map(|direct| direct.latency.totals());
        let lambdas = self.lambdas.iter().map(|lambda| lambda.latency.totals());
        let fleets = self.fleets.iter().map(|consumer| consumer.latency.totals());
        feeds.chain(consumers).chain(deliveries).chain(direct).chain(lambdas).chain(fleets).collect()
    }
}
