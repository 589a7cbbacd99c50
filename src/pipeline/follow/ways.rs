//! The ways of a record from its shard on: one for each reader, and one for each queue that a reader sends it to.

use super::queue::QueueTracker;
use super::{Fate, Found, Sight, Step, Subject, Tracker, Trail, tracker};
use crate::engine::time::{MICROSECOND, Nanos};
use crate::pipeline::Pipeline;
use crate::pipeline::event::Kind;
use crate::pipeline::source::Reader;
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::kinesis::get_records::ReadMeter;
use crate::systems::kinesis::log::Record;

/// What becomes of a record in a stream that nobody reads.
pub const UNREAD: &str = "unread";

/// One record at one reader.
struct Branch<'a> {
    found: Found,
    copy: bool,
    /// The record's place among all of its shard.
    sequence: u64,
    tracker: Box<dyn Tracker + 'a>,
    taken: bool,
    meter: ReadMeter,
}

/// The ways of one write.
pub(super) struct Ways<'a> {
    scenario: &'a Scenario,
    branches: Vec<Branch<'a>>,
    /// The record in queues that its readers send it to.
    in_queues: Vec<QueueTracker<'a>>,
    /// Steps of the write.
    pub steps: Vec<Step>,
    /// Where its ways ended.
    pub fates: Vec<Fate>,
}

impl<'a> Ways<'a> {
    /// Before the write is in a stream.
    pub fn new(scenario: &'a Scenario) -> Self {
        Self { scenario, branches: Vec::new(), in_queues: Vec::new(), steps: Vec::new(), fates: Vec::new() }
    }

    /// Whether all of them that have begun have ended.
    pub fn are_over(&self) -> bool {
        self.branches.is_empty() && self.in_queues.is_empty()
    }

    /// A way has not ended with the run.
    pub fn is_open(&mut self, place: &str, copy: bool, name: &str) {
        self.fates.push(Fate { place: place.to_owned(), copy, name: name.to_owned(), at: None });
    }

    /// What was seen of the write.
    pub fn finish(mut self, subject: Subject) -> Trail {
        for branch in std::mem::take(&mut self.branches) {
            let name = if branch.taken { "in_hand" } else { "waiting" };
            self.is_open(branch.tracker.place(), branch.copy, name);
        }
        for queue in std::mem::take(&mut self.in_queues).iter().filter(|queue| queue.is_sent()) {
            self.is_open(&queue.place, queue.copy, "waiting");
        }
        // Some steps are stamped with whole microseconds: within one, they stand as they were seen.
        self.steps.sort_by_key(|step| step.at / MICROSECOND);
        Trail { subject, steps: self.steps, fates: self.fates }
    }

    /// Looks where each reader's copy is after an event of the readers' side.
    pub fn look(&mut self, now: Nanos, pipeline: &Pipeline<true>) {
        if !self.branches.is_empty() {
            self.look_at_branches(now, pipeline);
        }
        if !self.in_queues.is_empty() {
            self.look_at_queues(now, pipeline);
        }
    }

    /// The record is in this shard, at this place among all of it: from here on every reader of the stream has its own way.
    pub fn branch(
        &mut self,
        pipeline: &Pipeline<true>,
        (stream, shard, sequence): (usize, usize, u64),
        record: Record,
        copy: bool,
    ) {
        let source = &pipeline.streams[stream];
        if source.readers.is_empty() {
            self.end(&source.place, copy, UNREAD, record.appended * MICROSECOND);
        }
        for (reader, handle) in source.readers.iter().enumerate() {
            let kind: Reader = pipeline.reader(*handle as usize);
            self.branches.push(Branch {
                found: Found { stream, shard, record, reader },
                copy,
                sequence,
                tracker: tracker(self.scenario, kind),
                taken: false,
                meter: *source.meter(reader),
            });
            let Reader::Lambda(number) = kind else { continue };
            let number = number as usize;
            let queues = self.scenario.lambdas[number].function.sends_to.iter();
            let trackers =
                queues.map(|send| QueueTracker::new(self.scenario, send.queue, number, (record, copy)));
            self.in_queues.extend(trackers);
        }
    }

    /// Looks where it is in the queues that its readers have sent it to.
    fn look_at_queues(&mut self, now: Nanos, pipeline: &Pipeline<true>) {
        let (branches, steps, fates) = (&self.branches, &mut self.steps, &mut self.fates);
        let has = |sender: usize, copy: bool| {
            let place = resource("consumers", &self.scenario.lambdas[sender].name);
            branches.iter().any(|branch| branch.copy == copy && branch.tracker.place() == place)
        };
        self.in_queues.retain_mut(|queue| {
            let sender_is_done = !has(queue.sender, queue.copy);
            match queue.look(now, pipeline, sender_is_done, steps) {
                // A sender that never had it, or that failed for good, sends nothing.
                Sight::Ahead => !sender_is_done,
                Sight::Held => true,
                Sight::Ended(name) => {
                    let (place, copy, at) = (queue.place.clone(), queue.copy, Some(queue.since()));
                    fates.push(Fate { place, copy, name: name.to_owned(), at });
                    false
                }
            }
        });
    }

    fn look_at_branches(&mut self, now: Nanos, pipeline: &Pipeline<true>) {
        let (steps, fates) = (&mut self.steps, &mut self.fates);
        self.branches.retain_mut(|branch| {
            let first = steps.len();
            let mut sight = branch.tracker.look(now, pipeline, &branch.found, steps);
            steps[first..].iter_mut().for_each(|step| step.copy = branch.copy);
            if sight == Sight::Ahead {
                sight = branch.passed_over(pipeline);
            }
            branch.taken |= sight == Sight::Held;
            let Sight::Ended(name) = sight else { return true };
            let (place, copy) = (branch.tracker.place().to_owned(), branch.copy);
            if !branch.taken {
                let step = Step::new(now, &place, format!("never read: {}", name.replace('_', " ")));
                steps.push(Step { copy, ..step });
            }
            fates.push(Fate { place, copy, name: name.to_owned(), at: Some(now) });
            false
        });
    }

    /// A way has ended.
    pub fn end(&mut self, place: &str, copy: bool, name: &str, at: Nanos) {
        self.fates.push(Fate { place: place.to_owned(), copy, name: name.to_owned(), at: Some(at) });
    }
}

impl Branch<'_> {
    /// Whether its reader has gone past a record that it never had in its hands.
    fn passed_over(&mut self, pipeline: &Pipeline<true>) -> Sight {
        let Found { stream, shard, reader, .. } = self.found;
        let source = &pipeline.streams[stream];
        let (before, now) = (self.meter, *source.meter(reader));
        self.meter = now;
        if source.stream.read_up_to(shard, reader) <= self.sequence {
            return Sight::Ahead;
        }
        match () {
            () if source.stream.is_removed(reader) => Sight::Ended("after_removal"),
            () if now.expired > before.expired => Sight::Ended("expired"),
            () if now.skipped > before.skipped => Sight::Ended("skipped"),
            () => Sight::Ended("before_start"),
        }
    }
}

/// Whether events of this kind can only concern what lies before the streams' readers.
pub(super) fn is_upstream(kind: Kind) -> bool {
    use Kind::{Arrive, CallAgain, Gathered, Publish, Put, PutRecords, Record, Replied, WriteAgain};
    let to_tables = matches!(kind, Arrive | WriteAgain | Put | Publish);
    to_tables || matches!(kind, Record | CallAgain | Gathered | PutRecords | Replied)
}
