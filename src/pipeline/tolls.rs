//! What does not get further by itself at each reader, producer and feed, with its cause and its moments: those who lost it noted it.

use super::Pipeline;
use crate::engine::time::Nanos;
use crate::measure::fate::{Meaning, meaning};
use crate::measure::timeline::Entry;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::sqs::queue;
use crate::systems::tolls::{Toll, Tolls};

/// The fate and the cause of what its producer no longer tries.
pub(super) const GIVEN_UP: (&str, &str) = ("given_up", "no retry is left");
/// Those of writes to an item collection that holds 10 GB (DDB-P4).
pub(super) const COLLECTION_FULL: (&str, &str) = ("collection_full", "its item collection is full");
/// Those of records that the stream does not take.
pub(super) const TOO_LARGE: (&str, &str) = ("too_large", "larger than the stream takes");

/// Moments of one kind at one place that are listed; how many more there are is in the result.
const LISTED_MAX: usize = 8;

/// What does not get further by itself at one place.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PlaceTolls {
    /// The path of a reader, a producer or a feed, such as `consumers.search`, `workload.orders` or `tables.orders.kinesis`.
    pub path: String,
    /// Whoever watches it under another name: the function that reads a queue.
    pub also: Option<String>,
    /// By fate and cause.
    pub tolls: Tolls,
}

impl PlaceTolls {
    fn new(path: &str, tolls: &[&Tolls]) -> Self {
        let mut all = Tolls::default();
        tolls.iter().for_each(|tolls| all.add(tolls));
        Self { path: path.to_owned(), also: None, tolls: all }
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
    /// What does not get further by itself at every reader, producer and feed, and when each kind began, in the list of what happened.
    pub(super) fn tolls(&mut self, scenario: &Scenario, end: Nanos) -> Vec<PlaceTolls> {
        let losses = |stream: usize, reader: usize| self.streams[stream].stream.losses(end, reader);
        let mut all = Vec::new();
        for it in &self.consumers {
            all.push(PlaceTolls::new(&it.place, &[losses(it.stream, it.reader).tolls()]));
        }
        for it in &self.lambdas {
            let (losses, own) = (losses(it.stream, it.reader), &it.mapping);
            all.push(PlaceTolls::new(&it.place, &[&own.tolls, losses.tolls(), own.losses.tolls()]));
        }
        for it in &self.fleets {
            all.push(PlaceTolls::new(&it.place, &[&it.fleet.tolls, losses(it.stream, it.reader).tolls()]));
        }
        for it in &self.deliveries {
            let losses = losses(it.stream, it.reader);
            all.push(PlaceTolls::new(&it.path, &[&it.firehose.tolls, losses.tolls()]));
        }
        for (place, plan) in self.queues.iter().zip(&scenario.queues) {
            let also = plan.consumer.as_ref().map(|consumer| resource("consumers", &consumer.name));
            let (queue, mut tolls) = (&place.queue, place.queue.tolls.clone());
            queue.too_old(end).for_each(|message| tolls.note(queue.gone_at(message), queue::EXPIRED, 1));
            all.push(PlaceTolls { also, ..PlaceTolls::new(&place.path, &[&tolls]) });
        }
        for (writer, plan) in self.writers.iter().zip(&scenario.producers) {
            all.push(PlaceTolls::new(&resource("workload", &plan.name), &[&writer.tolls]));
        }
        for direct in &self.direct {
            all.push(PlaceTolls::new(&resource("workload", &direct.plan.name), &[&direct.tolls]));
        }
        for (table, plan) in self.tables.iter().zip(&scenario.tables).filter(|(it, _)| it.feed.is_some()) {
            let path = format!("{}.kinesis", resource("tables", &plan.name));
            all.push(PlaceTolls::new(&path, &[&table.tolls]));
        }
        self.timeline.merge(all.iter().flat_map(PlaceTolls::each).flat_map(entries).collect());
        all
    }
}

/// When a kind of loss began, and when it began again.
fn entries<'a>((at, toll): (&'a PlaceTolls, &'a Toll)) -> impl Iterator<Item = Entry> + 'a {
    let what = match meaning(toll.fate) {
        Some(Meaning::Aside(place)) => format!("records begin to lie {place} it: {}", toll.cause),
        _ => format!("records begin to be lost: {}, {}", toll.fate.replace('_', " "), toll.cause),
    };
    let place = at.path.clone();
    let entry = move |at| Entry { at, place: place.clone(), what: what.clone(), event: None };
    toll.began().take(LISTED_MAX).map(entry)
}
