//! How late readers are that a planned event holds up, and what waits for them longest at the end.

use super::Pipeline;
use crate::engine::time::Nanos;
use crate::measure::series;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::kinesis::stream::Stream;
use crate::systems::lag::{Ages, Lag};

/// Of arrivals, where those before the run wrap around below 0, the earliest.
fn earliest(arrivals: impl Iterator<Item = u64>) -> Option<u64> {
    arrivals.min_by_key(|arrived| *arrived as i64)
}

/// When the oldest record had come that a reader has not read, of what its stream held before the run too, or has in hand.
fn oldest_left(stream: &Stream, reader: usize, in_hand: impl IntoIterator<Item = u64>) -> Option<u64> {
    let reads = stream.has_started(reader) && !stream.is_removed(reader);
    let shards = (0..stream.shard_count()).filter(|_| reads);
    earliest(shards.filter_map(|shard| stream.oldest_waiting(shard, reader)).chain(in_hand))
}

impl<const FULL: bool> Pipeline<FULL> {
    /// Has those watched that planned events hold up; nobody else pays for it.
    pub(super) fn watch_lateness(&mut self, scenario: &Scenario) {
        let lag = |place: &str| {
            let held_up = scenario.holds_up(place).next().is_some();
            held_up.then(|| Box::new(Lag::new(series::bins(scenario.duration))))
        };
        self.consumers.iter_mut().for_each(|it| it.polling.lag = lag(&it.place));
        self.lambdas.iter_mut().for_each(|it| it.mapping.lag = lag(&it.place));
        self.fleets.iter_mut().for_each(|it| it.fleet.lag = lag(&it.place));
        self.deliveries.iter_mut().for_each(|it| it.lag = lag(&it.path));
        for (place, plan) in self.queues.iter_mut().zip(&scenario.queues) {
            let reader = plan.consumer.as_ref().map(|consumer| resource("consumers", &consumer.name));
            place.queue.lag = reader.and_then(|reader| lag(&reader));
        }
    }

    /// How late each of them was, by its path.
    pub(super) fn lateness(&mut self, scenario: &Scenario, end: Nanos) -> Vec<(String, Ages)> {
        let mut all = Vec::new();
        let mut enter = |place: &str, lag: Lag, left: Option<u64>| {
            all.push((place.to_owned(), lag.ages(end, left)));
        };
        for consumer in &mut self.consumers {
            let Some(lag) = consumer.polling.lag.take() else { continue };
            let stream = &self.streams[consumer.stream].stream;
            enter(
                &consumer.place,
                *lag,
                oldest_left(stream, consumer.reader, consumer.polling.oldest_in_hand()),
            );
        }
        for function in &mut self.lambdas {
            let Some(lag) = function.mapping.lag.take() else { continue };
            let stream = &self.streams[function.stream].stream;
            enter(
                &function.place,
                *lag,
                oldest_left(stream, function.reader, function.mapping.oldest_in_hand()),
            );
        }
        for fleet in &mut self.fleets {
            let Some(lag) = fleet.fleet.lag.take() else { continue };
            let stream = &self.streams[fleet.stream].stream;
            let in_hand = (0..fleet.fleet.shards()).filter_map(|shard| fleet.fleet.oldest_in_hand(shard));
            enter(&fleet.place, *lag, oldest_left(stream, fleet.reader, in_hand));
        }
        for (number, delivery) in self.deliveries.iter_mut().enumerate() {
            let Some(lag) = delivery.lag.take() else { continue };
            let stream = &self.streams[delivery.stream].stream;
            let transforming = delivery.transforming.as_ref().and_then(|it| it.transform.oldest());
            let held = [transforming, delivery.firehose.oldest_buffered(), self.objects.oldest(number)];
            enter(&delivery.path, *lag, oldest_left(stream, delivery.reader, held.into_iter().flatten()));
        }
        for (number, plan) in scenario.queues.iter().enumerate() {
            let Some(lag) = self.queues[number].queue.lag.take() else { continue };
            let Some(consumer) = &plan.consumer else { continue };
            enter(&resource("consumers", &consumer.name), *lag, self.oldest_message(number));
        }
        all
    }
}
