//! Order and duplicates of what consumers process: who is followed, and what of their records is noted.

use super::Cohort;
use super::write::TableSource;
use crate::engine::time::{MICROSECOND, Nanos, SECOND};
use crate::measure::ordering::Cause;
use crate::measure::processed::{Handled, Outcome, Processed};
use crate::scenario::checked::Scenario;
use crate::scenario::timeline::{Action, Fault, Part};
use crate::systems::dynamodb::replication::Order;
use crate::systems::fleet::meter::Redelivery;
use crate::systems::kinesis::log::{Micros, Record, flags};
use crate::systems::lambda::plan::LambdaPlan;
use crate::systems::polling::PollingPlan;
use crate::systems::sqs::queue::Message;
use std::collections::BTreeMap;

/// When a table accepted the writes that it did not accept when they were meant to happen, by item and that moment.
pub type Accepted = BTreeMap<(u32, Micros), Micros>;

/// A consumer that may process a change again, or out of turn, with what it has processed.
#[derive(Clone, Debug)]
pub struct Following {
    /// Number of the table whose changes it processes.
    table: usize,
    /// Whether its stream keeps the order of each item, so that a delay or a refused put makes nothing late.
    in_order: bool,
    processed: Processed,
}

/// A consumer, by its kind and number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Kind {
    /// A polling consumer.
    Polling(usize),
    /// A function on a stream, or a pipe.
    Lambda(usize),
    /// The function on the queue with this number.
    Queue(usize),
    /// A fleet of workers.
    Fleet(usize),
}

/// The consumers of a scenario that are followed.
#[derive(Clone, Copy, Debug)]
pub struct Followed<'a>(pub &'a Scenario);

impl Followed<'_> {
    /// A polling consumer, if it or another one on its stream reads shards beside their parents.
    pub fn polling(self, number: usize) -> Option<Following> {
        self.polled(number).and_then(|stream| self.source(stream))
    }

    /// The stream of a polling consumer that reads shards beside their parents, or that stands beside such a one, for comparison.
    fn polled(self, number: usize) -> Option<usize> {
        let stream = self.0.consumers[number].stream;
        let ignores = |plan: &PollingPlan| plan.stream == stream && !plan.reader.parents_first;
        self.0.consumers.iter().any(ignores).then_some(stream)
    }

    /// A function that reads a stream, if it may fail, by the plan or by its events: then its batch comes again (LAM-E1). That one
    /// may run into its timeout counts where an invocation of a full batch takes half of it in the mean.
    pub fn lambda(self, number: usize) -> Option<Following> {
        self.mapped(number).and_then(|stream| self.source(stream))
    }

    /// The stream of a function that may fail.
    fn mapped(self, number: usize) -> Option<usize> {
        let plan = &self.0.lambdas[number];
        let (function, errors) = (&plan.function, &plan.function.errors);
        let poison =
            errors.poison_share > 0.0 || !errors.poison_keys.is_empty() || !errors.poison_at.is_empty();
        let full = function.base + function.per_record * Nanos::from(plan.mapping.batching.size);
        let slow = 2 * full > function.timeout;
        let depends = function.sink.is_some() || !function.sends_to.is_empty();
        let turned = |action: &Action| match action {
            Action::Fault(Part::Function(other), Fault::ErrorRate(_) | Fault::SlowDown(_)) => {
                *other == number
            }
            _ => false,
        };
        let turned = self.0.timeline.iter().any(|occurrence| turned(&occurrence.action));
        let may_fail = errors.rate > 0.0 || poison || slow || depends || turned;
        may_fail.then_some(plan.stream)
    }

    /// A fleet of workers: whoever takes a shard over begins at its last checkpoint.
    pub fn fleet(self, number: usize) -> Option<Following> {
        self.source(self.0.fleets[number].stream)
    }

    /// The function that reads a queue: what each sender sends it is followed by itself.
    pub fn queue(self, number: usize) -> Option<BySender> {
        let senders = self.senders(number).map(|(sender, stream)| Some((sender, self.source(stream)?)));
        let senders = senders.collect::<Option<Vec<_>>>()?;
        (!senders.is_empty()).then_some(BySender(senders))
    }

    /// Those that send to a queue which a function reads, by number, and the streams that they read.
    fn senders(self, number: usize) -> impl Iterator<Item = (usize, usize)> {
        let is_read = self.0.queues[number].consumer.is_some();
        let all = self.0.lambdas.iter().enumerate().filter(move |_| is_read);
        let sends = move |(_, plan): &(usize, &LambdaPlan)| {
            plan.function.sends_to.iter().any(|send| send.queue == number)
        };
        all.filter(sends).map(|(sender, plan)| (sender, plan.stream)).filter(move |(_, it)| self.is_fed(*it))
    }

    /// Whether anything comes into a stream.
    fn is_fed(self, stream: usize) -> bool {
        let mut feeds = self.0.tables.iter().filter_map(|plan| plan.replication.as_ref());
        self.0.table_of_stream(stream).is_some()
            || feeds.any(|feed| feed.stream == stream)
            || self.0.direct.iter().any(|direct| direct.stream == stream)
    }

    /// Why what a consumer processes is not followed although it has an order of its own; nothing if it is, or has none.
    pub fn why_not(self, consumer: Kind) -> Option<&'static str> {
        let streams: Vec<usize> = match consumer {
            Kind::Polling(number) => self.polled(number).into_iter().collect(),
            Kind::Lambda(number) => self.mapped(number).into_iter().collect(),
            Kind::Fleet(number) => vec![self.0.fleets[number].stream],
            Kind::Queue(number) => self.senders(number).map(|(_, stream)| stream).collect(),
        };
        let unknown = |stream: &usize| self.is_fed(*stream) && self.source(*stream).is_none();
        let unknown = streams.into_iter().find(unknown)?;
        Some(match self.0.direct.iter().any(|direct| direct.stream == unknown) {
            true => {
                "direct producers put into its stream: records do not say whose change of which item they are"
            }
            false => "several tables feed its stream: records do not say of which one their item is",
        })
    }

    /// Whether changes of this table are followed at some consumer.
    pub fn has_table(self, table: usize) -> bool {
        let polling = (0..self.0.consumers.len()).filter_map(|number| self.polling(number));
        let lambdas = (0..self.0.lambdas.len()).filter_map(|number| self.lambda(number));
        let fleets = (0..self.0.fleets.len()).filter_map(|number| self.fleet(number));
        let queues = (0..self.0.queues.len()).filter_map(|number| self.queue(number));
        let queues = queues.flat_map(|senders| senders.0.into_iter().map(|(_, following)| following));
        polling.chain(lambdas).chain(fleets).chain(queues).any(|following| following.table == table)
    }

    /// A record names its item by its number in its table, so that a stream has to have one source, and that a table.
    fn source(self, stream: usize) -> Option<Following> {
        let following = |table: usize, in_order: bool, precision: Micros| {
            let processed = Processed::new(precision, self.0.items(table) as usize);
            Following { table, in_order, processed }
        };
        if let Some((table, _)) = self.0.table_of_stream(stream) {
            // Its records tell when their items were written in whole seconds (DDS-F2).
            return Some(following(table, true, SECOND / MICROSECOND));
        }
        let tables = self.0.tables.iter().enumerate();
        let feeds = tables.filter_map(|(table, plan)| Some((table, plan.replication.as_ref()?)));
        let mut feeds = feeds.filter(|(_, feed)| feed.stream == stream);
        let (table, feed) = feeds.next().filter(|_| feeds.next().is_none())?;
        let direct = self.0.direct.iter().any(|direct| direct.stream == stream);
        (!direct).then(|| following(table, feed.order == Order::PerItem, feed.precision.micros()))
    }
}

impl Following {
    /// Notes records whose processing ends now, in their order; with each, why it comes again, if it does, and what may have made
    /// it late at the consumer.
    pub fn note<'a>(
        &mut self,
        now: Nanos,
        tables: &[TableSource],
        cohort: Cohort,
        records: impl Iterator<Item = (&'a Record, Option<Cause>, Option<Cause>)>,
    ) {
        let accepted = tables[self.table].accepted.as_deref();
        let records = records.filter(|(record, ..)| record.flags & flags::PAST == 0);
        for (record, again, own) in records {
            let late = accepted.and_then(|late| late.get(&(record.key, record.written)));
            let copy = (record.flags & flags::COPY != 0).then_some(Cause::Duplicate);
            let cause = match Cause::of(record.flags) {
                Cause::Delay | Cause::Retry if self.in_order => own.unwrap_or(Cause::Delay),
                cause => cause,
            };
            self.processed.note(&Handled {
                key: record.key,
                created: late.copied().unwrap_or(record.written),
                done: now / MICROSECOND,
                arrived: record.appended,
                again: again.or(copy),
                cause,
                counted: cohort.has(record.written),
            });
        }
    }

    /// What it came to.
    pub fn finish(self) -> Outcome {
        self.processed.finish()
    }
}

/// What the function on a queue processes, for each of its senders by itself: a message does not tell what another sender has sent,
/// and items of different sources may have the same number.
#[derive(Clone, Debug)]
pub struct BySender(Vec<(usize, Following)>);

impl BySender {
    /// Notes messages whose processing ends now, in their order.
    pub fn note<'a>(
        &mut self,
        now: Nanos,
        tables: &[TableSource],
        cohort: Cohort,
        messages: impl Iterator<Item = &'a Message> + Clone,
    ) {
        for (sender, following) in &mut self.0 {
            let sent = messages.clone().filter(|message| usize::from(message.sender) == *sender);
            following.note(now, tables, cohort, of_messages(sent));
        }
    }

    /// What it came to, all senders together.
    pub fn finish(self) -> Outcome {
        let mut all = self.0.into_iter().map(|(_, following)| following.finish());
        let first = all.next().unwrap_or_default();
        all.fold(first, |mut sum, other| {
            sum.merge(&other);
            sum
        })
    }
}

/// Messages as they were processed, with why each comes again, and what may have made it late.
fn of_messages<'a>(
    messages: impl Iterator<Item = &'a Message>,
) -> impl Iterator<Item = (&'a Record, Option<Cause>, Option<Cause>)> {
    messages.map(|message| {
        let again = match message {
            Message { processed: true, .. } => Some(Cause::Visibility),
            Message { resent: true, .. } => Some(Cause::SenderRetry),
            _ => None,
        };
        let own = if message.receives > 1 { Cause::Visibility } else { Cause::Queue };
        (&message.record, again, Some(own))
    })
}

/// Why a record came to a worker again.
pub fn of_redelivery(why: Redelivery) -> Cause {
    match why {
        Redelivery::Crash => Cause::Crash,
        Redelivery::Deploy => Cause::Deploy,
        Redelivery::LostLease => Cause::LostLease,
        Redelivery::Rebalance => Cause::Rebalance,
    }
}

impl TableSource {
    /// The table has accepted a write, maybe later than it was meant to happen.
    pub(super) fn note_accepted(&mut self, now: Nanos, key: u32, intended: Nanos) {
        if let Some(accepted) = &mut self.accepted
            && now / MICROSECOND != intended / MICROSECOND
        {
            accepted.insert((key, intended / MICROSECOND), now / MICROSECOND);
        }
    }
}
