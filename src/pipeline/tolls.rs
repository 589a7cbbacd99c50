//! What each reader does not get by itself, with its cause and its moments: those who lost it noted it.

use super::Pipeline;
use crate::engine::time::Nanos;
use crate::measure::fate::{Meaning, meaning};
use crate::measure::timeline::Entry;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::kinesis::losses::Losses;
use crate::systems::sqs::queue;
use crate::systems::tolls::{Toll, Tolls};

/// The fate and the cause of what retention takes.
pub const EXPIRED: (&str, &str) = ("expired", "older than the stream's retention");

/// What one reader does not get by itself.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ReaderTolls {
    /// Its path, such as `consumers.search` or `sqs.search`.
    pub path: String,
    /// Whoever watches it under another name: the function that reads a queue.
    pub also: Option<String>,
    /// By fate and cause.
    pub tolls: Tolls,
}

impl ReaderTolls {
    fn new(path: &str, mut tolls: Tolls, losses: Option<&Losses>) -> Self {
        for loss in losses.iter().flat_map(|losses| losses.by_shard()) {
            tolls.note(loss.first, EXPIRED, loss.records);
        }
        Self { path: path.to_owned(), also: None, tolls }
    }

    /// It with each of its tolls.
    pub fn each(&self) -> impl Iterator<Item = (&Self, &Toll)> {
        self.tolls.all().iter().map(move |toll| (self, toll))
    }

    /// Whether it is known under this path.
    pub fn is(&self, path: &str) -> bool {
        self.path == path || self.also.as_deref() == Some(path)
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// What every reader does not get by itself, and the first of each kind in the list of what happened.
    pub(super) fn tolls(&mut self, scenario: &Scenario, end: Nanos) -> Vec<ReaderTolls> {
        let losses = |stream: usize, reader: usize| self.streams[stream].stream.losses(end, reader);
        let mut all = Vec::new();
        for it in &self.consumers {
            all.push(ReaderTolls::new(&it.place, Tolls::default(), Some(&losses(it.stream, it.reader))));
        }
        for it in &self.lambdas {
            let mut losses = losses(it.stream, it.reader);
            losses.add(&it.mapping.losses);
            all.push(ReaderTolls::new(&it.place, it.mapping.tolls.clone(), Some(&losses)));
        }
        for it in &self.fleets {
            let losses = losses(it.stream, it.reader);
            all.push(ReaderTolls::new(&it.place, it.fleet.tolls.clone(), Some(&losses)));
        }
        for it in &self.deliveries {
            let losses = losses(it.stream, it.reader);
            all.push(ReaderTolls::new(&it.path, it.firehose.tolls.clone(), Some(&losses)));
        }
        for (place, plan) in self.queues.iter().zip(&scenario.queues) {
            let also = plan.consumer.as_ref().map(|consumer| resource("consumers", &consumer.name));
            let (queue, mut tolls) = (&place.queue, place.queue.tolls.clone());
            queue.too_old(end).for_each(|message| tolls.note(queue.gone_at(message), queue::EXPIRED, 1));
            all.push(ReaderTolls { also, ..ReaderTolls::new(&place.path, tolls, None) });
        }
        self.timeline.merge(all.iter().flat_map(entries).collect());
        all
    }
}

/// When each kind of loss began.
fn entries(reader: &ReaderTolls) -> impl Iterator<Item = Entry> {
    reader.tolls.all().iter().map(|toll| Entry {
        at: toll.first(),
        place: reader.path.clone(),
        what: match meaning(toll.fate) {
            Some(Meaning::Aside(place)) => format!("records begin to lie {place} it: {}", toll.cause),
            _ => format!("records begin to be lost: {}, {}", toll.fate.replace('_', " "), toll.cause),
        },
        event: None,
    })
}
