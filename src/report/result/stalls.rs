//! How consumers came through planned outages and slow-downs: how late they got, and when they had caught up.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::figure::Figure;
use super::losses;
use crate::engine::time::Nanos;
use crate::pipeline::backlog::Backlog;
use crate::pipeline::finish::Outcome;
use crate::report::number::{Interval95, mean, rounded};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::scenario::timeline::Occurrence;
use crate::systems::lag::Ages;

/// The part of an event's length for which a consumer has to keep up after it, before it has caught up.
const STEADY_PART: u64 = 20;
/// Points of a curve at most.
const POINTS_MAX: usize = 48;

/// One planned event that holds a consumer up.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StallRow {
    /// The event's name.
    pub event: String,
    /// When it began, simulated seconds.
    pub from_s: Option<f64>,
    /// When it ended; null for one that does not pass, such as a poison record.
    pub until_s: Option<f64>,
    /// The greatest age from its beginning until the consumer had caught up, seconds; mean of the replications. It is that of the
    /// oldest record that is not done with, since its arrival in what is read: in the stream, in the consumer's hands, in a buffer.
    pub peak_lag_s: Option<f64>,
    /// When that was, in replication 0, simulated seconds, to a bin of the series.
    pub peak_at_s: Option<f64>,
    /// The most records that waited for it meanwhile, in replication 0; sampled 200 times a run.
    pub peak_records: u64,
    /// From the event's end until that age was as usual, and stayed so for a twentieth of the event's length, seconds; mean
    /// of the replications, to a bin. Usual is no more than twice what nine tenths of the bins do not exceed in the second half of the time before the first event
    /// of all, or than a bin of the series: what an earlier event left behind is not usual, nor is the start. Of an event that does not
    /// pass, from its beginning to the last time that the consumer was late before its next event. One that is late with its last record
    /// has caught up with that if nothing waits for it at the end of the run. Null where some replication did not come there.
    pub recovered_after_s: Option<f64>,
    /// Its interval.
    pub recovered_after_interval95: Interval95,
    /// From the event's beginning until the consumer's first record that it will not get by itself, lost or set aside: how long a stall
    /// may be, seconds; of replication 0. Null where there was none before it had caught up.
    pub first_loss_after_s: Option<f64>,
    /// What became of that record and why, such as `discarded: older than maximum_record_age`.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    pub first_loss_cause: Option<String>,
    /// Replications that did not catch up before the end of the run.
    pub not_recovered: u64,
    /// What waited for it, from before the event until it had caught up, in replication 0.
    pub curve: Vec<LagPoint>,
}

/// One point of a curve.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct LagPoint {
    /// Simulated seconds.
    pub at_s: Option<f64>,
    /// Records that waited.
    pub records: u64,
    /// The greatest age of the oldest record in the bin of the series, seconds; null where nothing waited.
    pub age_s: Option<f64>,
}

/// Questions about the ages of the oldest records that wait for a reader.
trait Course {
    fn at(&self, at: Nanos) -> Option<f64>;
    fn usual(&self, first: Nanos) -> u64;
    fn recovery(&self, from: Nanos, until: Nanos, usual: u64) -> Option<Nanos>;
    fn last_late(&self, from: Nanos, next: Nanos, usual: u64) -> Option<Nanos>;
    fn peak(&self, from: Nanos, until: Nanos) -> Option<(usize, u64)>;
}

impl Course for Ages {
    fn at(&self, at: Nanos) -> Option<f64> {
        let age = self.bins.get((at / self.width) as usize).copied().filter(|age| *age > 0)?;
        rounded(age as f64 / 1e6)
    }

    /// The greatest age that is usual: twice what nine tenths of the bins do not exceed in the second half of the time before anything
    /// happened, at `first`. The first half is that of the start, when a consumer may have a backlog to read or workers to start; and
    /// a restart of its own, such as for more subtasks, is not usual either.
    fn usual(&self, first: Nanos) -> u64 {
        let bins = (first / self.width) as usize;
        let mut before: Vec<u64> = self.bins.iter().take(bins).skip(bins / 2).copied().collect();
        before.sort_unstable();
        let most = before.get((before.len() * 9 / 10).min(before.len().saturating_sub(1))).copied();
        (2 * most.unwrap_or(0)).max(self.width / 1_000)
    }

    /// When the consumer had caught up after an event: the beginning of the first bin after its end in which it was no later than
    /// `usual`, and from which on it stayed so for a twentieth of the event's length.
    fn recovery(&self, from: Nanos, until: Nanos, usual: u64) -> Option<Nanos> {
        let steady = ((until - from) / STEADY_PART / self.width).max(2) as usize;
        let first = until.div_ceil(self.width) as usize;
        let caught_up = |bin: &usize| self.bins.iter().skip(*bin).take(steady).all(|age| *age <= usual);
        let bin = (first..self.bins.len()).find(caught_up);
        bin.map(|bin| (bin as Nanos * self.width).max(until))
    }

    /// The same for an event that does not pass: the end of the last bin before `next` in which the consumer was late, as a poison
    /// record shows at each try only. Its beginning where there is none.
    fn last_late(&self, from: Nanos, next: Nanos, usual: u64) -> Option<Nanos> {
        let ends = self.bins.len().min((next / self.width) as usize);
        let begins = (from / self.width) as usize;
        let last = (begins..ends).rev().find(|bin| self.bins[*bin] > usual);
        let Some(last) = last else { return Some(from) };
        (last + 1 < ends).then_some((last + 1) as Nanos * self.width)
    }

    /// The greatest age in a span, and the bin where it was.
    fn peak(&self, from: Nanos, until: Nanos) -> Option<(usize, u64)> {
        let bins = self.bins.iter().enumerate();
        let span = bins.take((until / self.width) as usize + 1).skip((from / self.width) as usize);
        // Of equal ones the first.
        span.map(|(bin, age)| (bin, *age)).filter(|(_, age)| *age > 0).rev().max_by_key(|(_, age)| *age)
    }
}

/// The rows of a polling consumer.
pub fn of_consumer(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> Vec<StallRow> {
    let place = resource("consumers", &scenario.consumers[number].name);
    rows(scenario, outcomes, &place, |backlog| backlog.consumers[number])
}

/// The rows of a function.
pub fn of_function(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> Vec<StallRow> {
    let place = resource("consumers", &scenario.lambdas[number].name);
    rows(scenario, outcomes, &place, |backlog| backlog.lambdas[number])
}

/// The rows of a fleet of workers.
pub fn of_fleet(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> Vec<StallRow> {
    let place = resource("consumers", &scenario.fleets[number].name);
    rows(scenario, outcomes, &place, |backlog| backlog.fleets[number])
}

/// The rows of a function that reads a queue, by number of the queue.
pub fn of_queue(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> Vec<StallRow> {
    let Some(place) = queue_reader(scenario, number) else { return Vec::new() };
    rows(scenario, outcomes, &place, |backlog| backlog.queues[number])
}

/// The rows of a delivery stream.
pub fn of_delivery(scenario: &Scenario, outcomes: &[Outcome], number: usize) -> Vec<StallRow> {
    rows(scenario, outcomes, &scenario.deliveries[number].path, |backlog| {
        backlog.deliveries[number] + backlog.uploads[number]
    })
}

fn queue_reader(scenario: &Scenario, number: usize) -> Option<String> {
    let consumer = scenario.queues[number].consumer.as_ref()?;
    Some(resource("consumers", &consumer.name))
}

/// How late the reader at this path was.
fn ages<'a>(outcome: &'a Outcome, place: &str) -> Option<&'a Ages> {
    outcome.lateness.iter().find(|(path, _)| path == place).map(|(_, ages)| ages)
}

/// What bounds the search for the moment at which a consumer had caught up after an event.
#[derive(Clone, Copy, Debug)]
struct Bounds {
    /// When the first event of all begins: before it, everything is as usual.
    first: Nanos,
    from: Nanos,
    until: Option<Nanos>,
    /// When the next event begins that holds the same consumer up.
    next: Nanos,
}

impl Bounds {
    fn of(scenario: &Scenario, place: &str, event: &Occurrence) -> Self {
        let later = scenario.holds_up(place).map(|it| it.at).filter(|at| *at > event.at);
        Self {
            first: scenario.timeline.iter().map(|it| it.at).min().unwrap_or(0),
            from: event.at,
            until: event.until,
            next: later.min().unwrap_or(Nanos::MAX),
        }
    }

    /// When the event ends; of one that does not pass, when it begins.
    fn end(&self) -> Nanos {
        self.until.unwrap_or(self.from)
    }

    fn recovery(&self, ages: &Ages) -> Option<Nanos> {
        let usual = ages.usual(self.first);
        match self.until {
            Some(until) => ages.recovery(self.from, until, usual),
            None => ages.last_late(self.from, self.next, usual),
        }
    }
}

/// The figures of stalls: how late each made its consumer, and when that had caught up.
pub fn figures(scenario: &Scenario, all: &mut Vec<Figure>) {
    let consumers = scenario.consumers.iter().map(|plan| resource("consumers", &plan.name));
    let functions = scenario.lambdas.iter().map(|plan| resource("consumers", &plan.name));
    let fleets = scenario.fleets.iter().map(|plan| resource("consumers", &plan.name));
    let deliveries = scenario.deliveries.iter().map(|plan| plan.path.clone());
    let queues = (0..scenario.queues.len()).filter_map(|number| queue_reader(scenario, number));
    for place in consumers.chain(functions).chain(fleets).chain(queues).chain(deliveries) {
        for event in scenario.holds_up(&place) {
            figures_of(all, &place, &event.name, Bounds::of(scenario, &place, event));
        }
    }
}

fn figures_of(all: &mut Vec<Figure>, place: &str, event: &str, bounds: Bounds) {
    let path = format!("{place}.{event}");
    let place = place.to_owned();
    let of = place.clone();
    all.push(Figure::new(format!("{path}.peak_lag.max"), move |outcome| {
        let ages = ages(outcome, &of)?;
        let end = bounds.recovery(ages).unwrap_or(outcome.end);
        ages.peak(bounds.from, end).map(|(_, age)| age as f64 / 1e3)
    }));
    all.push(Figure::new(format!("{path}.recovery.mean"), move |outcome| {
        let at = bounds.recovery(ages(outcome, &place)?);
        at.map(|at| (at - bounds.end()) as f64 / 1e6)
    }));
}

fn rows(
    scenario: &Scenario,
    outcomes: &[Outcome],
    place: &str,
    behind: impl Fn(&Backlog) -> u64,
) -> Vec<StallRow> {
    let ages: Vec<&Ages> = outcomes.iter().filter_map(|outcome| ages(outcome, place)).collect();
    let of_event =
        |event: &Occurrence| row(event, place, Bounds::of(scenario, place, event), outcomes, &ages, &behind);
    scenario.holds_up(place).filter_map(of_event).collect()
}

fn row(
    event: &Occurrence,
    place: &str,
    bounds: Bounds,
    outcomes: &[Outcome],
    ages: &[&Ages],
    behind: &impl Fn(&Backlog) -> u64,
) -> Option<StallRow> {
    let (from, until) = (bounds.from, bounds.end());
    let seconds = |at: Nanos| rounded(at as f64 / 1e9);
    let recoveries: Vec<Option<Nanos>> = ages.iter().map(|ages| bounds.recovery(ages)).collect();
    let after: Vec<Option<f64>> =
        recoveries.iter().map(|at| at.map(|at| (at - until) as f64 / 1e9)).collect();
    let end = |which: usize| recoveries[which].unwrap_or(outcomes[which].end);
    let peaks: Vec<Option<(usize, u64)>> =
        ages.iter().enumerate().map(|(which, ages)| ages.peak(from, end(which))).collect();
    let (first, first_ages) = (outcomes.first()?, ages.first()?);
    let width = first_ages.width;
    let (step, span) = (first.backlogs.first().map_or(0, |backlog| backlog.at), from..=end(0));
    let within = |backlog: &&Backlog| backlog.at + step >= *span.start() && backlog.at <= *span.end() + step;
    let sampled: Vec<&Backlog> = first.backlogs.iter().filter(within).collect();
    let every = sampled.len().div_ceil(POINTS_MAX).max(1);
    let point = |backlog: &&Backlog| LagPoint {
        at_s: seconds(backlog.at),
        records: behind(backlog),
        age_s: first_ages.at(backlog.at.saturating_sub(1)),
    };
    let lost = losses::first_within(first, place, from, end(0));
    let known = after.iter().all(Option::is_some);
    Some(StallRow {
        event: event.name.clone(),
        from_s: seconds(from),
        until_s: event.until.and_then(seconds),
        peak_lag_s: mean(peaks.iter().map(|peak| peak.map(|(_, age)| age as f64 / 1e6))).and_then(rounded),
        peak_at_s: peaks[0].and_then(|(bin, _)| seconds(bin as Nanos * width)),
        peak_records: sampled.iter().map(|backlog| behind(backlog)).max().unwrap_or(0),
        recovered_after_s: mean(after.iter().copied()).filter(|_| known).and_then(rounded),
        recovered_after_interval95: Interval95::of(&after, true),
        first_loss_after_s: lost.as_ref().and_then(|lost| seconds(lost.at - from)),
        first_loss_cause: lost.map(|lost| lost.what()),
        not_recovered: after.iter().filter(|after| after.is_none()).count() as u64,
        curve: sampled.iter().step_by(every).map(point).collect(),
    })
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::SECOND;

    fn ages(seconds: &[u64]) -> Ages {
        let bins: Vec<u64> = seconds.iter().map(|second| second * 1_000_000).collect();
        Ages { width: SECOND, bins }
    }

    /// Normal at 1 s; nothing is read from second 3 to 6; then it is 4, 3 and 1 s late.
    #[test]
    fn recovery_is_the_return_to_what_was_usual() {
        let ages = ages(&[1, 1, 1, 0, 0, 0, 4, 3, 1, 1]);
        let usual = ages.usual(3 * SECOND);
        assert_eq!(ages.recovery(3 * SECOND, 6 * SECOND, usual), Some(8 * SECOND));
        assert_eq!(ages.peak(3 * SECOND, 8 * SECOND), Some((6, 4_000_000)));
        assert_eq!(ages.recovery(3 * SECOND, 10 * SECOND, usual), None);
    }

    /// A start of 30 s and an earlier event that left the consumer 20 s late do not make 9 s usual.
    #[test]
    fn neither_the_start_nor_an_earlier_event_is_usual() {
        let ages = ages(&[30, 20, 1, 1, 20, 1, 0, 9, 9, 1, 1]);
        let usual = ages.usual(4 * SECOND);
        assert_eq!(usual, 2_000_000);
        assert_eq!(ages.recovery(6 * SECOND, 7 * SECOND, usual), Some(9 * SECOND));
    }

    /// A second of 50 s among twenty of 1 s.
    #[test]
    fn a_restart_before_the_first_event_is_not_usual() {
        let mut seconds = [1; 40];
        seconds[30] = 50;
        assert_eq!(ages(&seconds).usual(40 * SECOND), 2_000_000);
    }

    /// A poison record at second 3 is tried at seconds 5 and 8; the run ends, or the next event begins.
    #[test]
    fn an_event_that_does_not_pass_is_over_after_the_last_time_that_the_consumer_is_late() {
        let ages = ages(&[1, 1, 1, 1, 1, 5, 1, 1, 9, 1, 1, 1]);
        let usual = ages.usual(3 * SECOND);
        let last_late = |from: u64, next: u64| ages.last_late(from * SECOND, next * SECOND, usual);
        assert_eq!(last_late(3, 1_000), Some(9 * SECOND));
        assert_eq!(last_late(3, 8), Some(6 * SECOND));
        assert_eq!(last_late(3, 9), None);
        assert_eq!(last_late(9, 1_000), Some(9 * SECOND));
    }
}
