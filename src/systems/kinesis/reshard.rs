//! Resharding: splits, merges and new shard counts, one step after the other while the stream is `UPDATING`.
//!
//! Who may ask for what, and how often, is the caller's rule; what is here holds for streams of any capacity mode.

use std::collections::VecDeque;
use std::num::NonZeroU32;

use super::audience::{ASLEEP, Audience, NEVER};
use super::exception::Exception;
use super::hash_range;
use super::lineage::Lineage;
use super::on_demand::Taken;
use super::shard::Shard;
use super::stream::Stream;
use crate::engine::time::{DAY, Nanos, SECOND};
use crate::units::counted;

/// `UpdateShardCount` calls that a stream takes in any 24 hours (KDS-S8).
pub const UPDATES_PER_DAY: usize = 10;
/// Open shards that `UpdateShardCount` goes to at most (KDS-S8).
pub const SHARDS_MAX: u32 = 10_000;
/// Boundaries this near to each other count as one: even ranges are rounded down, so that those of 24 and of 48 shards
/// differ by a few of the 2^128 hash keys.
const NEAR: u128 = 1 << 16;

/// What a stream is doing (KDS-S12).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum StreamStatus {
    /// Nothing: it can be resharded.
    Active,
    /// It is being resharded; reads and writes go on (KDS-S5).
    Updating,
}

#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    Split(usize, u128),
    Merge(usize, usize),
}

#[derive(Clone, Copy, Debug)]
enum Goal {
    One(Step),
    /// So many even shards, made range by range from the lowest hash key on.
    Even(NonZeroU32),
}

/// A stream's resharding under way.
#[derive(Clone, Debug)]
pub struct Resharding {
    /// How long one split or merge takes (OPEN-11); one at a time (KDS-S9).
    step: Nanos,
    goal: Option<Goal>,
    /// When its next step takes effect.
    due: Nanos,
    /// `UpdateShardCount` calls of the last 24 hours.
    updates: VecDeque<Nanos>,
    /// Whether the stream is in on-demand mode, where nobody but the service reshards it (KDS-S5).
    on_demand: bool,
    /// Whether it is on its way to the other mode.
    switching: bool,
}

impl Resharding {
    /// Nothing is under way; splits and merges will take `step` each.
    pub fn new(step: Nanos) -> Self {
        Self { step, goal: None, due: NEVER, updates: VecDeque::new(), on_demand: false, switching: false }
    }

    /// What the stream is doing.
    pub fn status(&self) -> StreamStatus {
        let idle = self.goal.is_none() && !self.switching;
        if idle { StreamStatus::Active } else { StreamStatus::Updating }
    }
}

/// A poll that a reader makes next on a shard that it has just come to, or whose end it will find.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct NextPoll {
    /// The shard.
    pub shard: usize,
    /// The stream's number of the reader.
    pub reader: usize,
    /// When.
    pub at: Nanos,
}

/// What one step of a resharding did.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Stepped {
    /// Polls to come: of sleeping readers on shards that closed, and of those that go to new shards at once.
    pub polls: Vec<NextPoll>,
    /// When the next step takes effect; none when the stream is `ACTIVE` again.
    pub next: Option<Nanos>,
    /// Why the step was refused, which ends the resharding short of its goal.
    pub refused: Option<Exception>,
}

/// The next step towards `count` even shards, if any is left.
fn next_step(lineage: &Lineage, count: NonZeroU32) -> Option<Step> {
    let mut open = lineage.open().iter().map(|number| usize::from(*number)).peekable();
    let width = hash_range::even_width(count);
    for index in 1..=u128::from(count.get()) {
        let boundary = (index < u128::from(count.get())).then(|| index * width);
        let first = open.next()?;
        let end = lineage.shard(first)?.end;
        match boundary {
            // The last range takes all that is left.
            None => return open.next().map(|second| Step::Merge(first, second)),
            Some(boundary) if end.wrapping_add(1).abs_diff(boundary) <= NEAR => {}
            Some(boundary) if end >= boundary => return Some(Step::Split(first, boundary)),
            Some(boundary) => {
                let second = open.next()?;
                let reaches = lineage.shard(second)?.end.saturating_sub(boundary.saturating_sub(1));
                // A neighbour that goes far beyond the range is cut first, so that few temporary shards are needed.
                let cut = reaches > NEAR;
                return Some(if cut { Step::Split(second, boundary) } else { Step::Merge(first, second) });
            }
        }
    }
    None
}

/// Resharding.
impl Stream {
    /// SplitShard at the first hash key of the upper half (KDS-S5). Returns when it takes effect.
    ///
    /// # Errors
    /// A stream that is not `ACTIVE`, a shard that is not open, a hash key not inside its range.
    pub fn split_shard(&mut self, now: Nanos, shard: usize, at: u128) -> Result<Nanos, Exception> {
        self.check_active()?;
        self.lineage.check_split(shard, at)?;
        Ok(self.begin(now, Goal::One(Step::Split(shard, at))))
    }

    /// MergeShards of two neighbours (KDS-S5). Returns when it takes effect.
    ///
    /// # Errors
    /// A stream that is not `ACTIVE`, shards that are not open or not adjacent.
    pub fn merge_shards(&mut self, now: Nanos, one: usize, other: usize) -> Result<Nanos, Exception> {
        self.check_active()?;
        self.lineage.check_merge(one, other)?;
        Ok(self.begin(now, Goal::One(Step::Merge(one, other))))
    }

    /// UpdateShardCount (KDS-S8). Returns when its first step takes effect.
    ///
    /// # Errors
    /// A stream that is not `ACTIVE`, more than ten calls in 24 hours, more than double or less than half the open
    /// shards, more than 10,000.
    pub fn update_shard_count(&mut self, now: Nanos, target: u32) -> Result<Nanos, Exception> {
        self.check_active()?;
        let open = self.lineage.open().len() as u64;
        let invalid = |message: String| Err(Exception::InvalidArgument(message));
        let Some(count) = NonZeroU32::new(target) else {
            return invalid("the target is not a number of shards".to_owned());
        };
        if target > SHARDS_MAX {
            return Err(Exception::LimitExceeded(format!("{target} shards are more than {SHARDS_MAX}")));
        }
        if u64::from(target) > open * 2 {
            return invalid(format!(
                "a target of {target} is more than double the {}",
                counted(open, "open shard")
            ));
        }
        if u64::from(target) * 2 < open {
            return invalid(format!(
                "a target of {target} is less than half the {}",
                counted(open, "open shard")
            ));
        }
        let updates = &mut self.resharding.updates;
        while updates.front().is_some_and(|call| call + DAY <= now) {
            updates.pop_front();
        }
        if updates.len() >= UPDATES_PER_DAY {
            let message = format!("UpdateShardCount was called {UPDATES_PER_DAY} times in the last 24 hours");
            return Err(Exception::LimitExceeded(message));
        }
        updates.push_back(now);
        Ok(self.begin(now, Goal::Even(count)))
    }

    /// How long one split or merge takes from now on.
    pub fn set_reshard_step(&mut self, step: Nanos) {
        self.resharding.step = step;
    }

    /// What the stream is doing.
    pub fn status(&self) -> StreamStatus {
        self.resharding.status()
    }

    /// The open shard that took the most records a second since it opened; the first of several.
    pub fn hottest(&self, now: Nanos) -> usize {
        let rate = |shard: usize| {
            let open = now - self.lineage.shards()[shard].opened;
            u128::from(self.shards[shard].log.appended()) * u128::from(SECOND) / u128::from(open.max(1))
        };
        let open = self.lineage.open().iter().map(|number| usize::from(*number));
        open.max_by_key(|shard| (rate(*shard), usize::MAX - shard)).unwrap_or_default()
    }

    fn check_active(&self) -> Result<(), Exception> {
        if self.resharding.on_demand {
            return Err(Exception::InvalidArgument("the stream is in on-demand mode".to_owned()));
        }
        match self.resharding.status() {
            StreamStatus::Active => Ok(()),
            StreamStatus::Updating => Err(Exception::ResourceInUse("the stream is UPDATING".to_owned())),
        }
    }

    /// The stream is in on-demand mode from now on, or in provisioned mode.
    pub fn set_on_demand(&mut self, on_demand: bool) {
        self.resharding.on_demand = on_demand;
    }

    /// The stream is on its way to the other mode, or no longer: meanwhile it is `UPDATING`.
    pub fn set_switching(&mut self, switching: bool) {
        self.resharding.switching = switching;
    }

    /// Kinesis records and bytes that a shard has accepted so far.
    pub fn taken(&self, shard: usize) -> Taken {
        self.shards[shard].taken
    }

    /// The service splits an open shard in the middle of its range (KDS-O4); whether there was room for two.
    pub fn split_evenly(&mut self, now: Nanos, shard: usize, polls: &mut Vec<NextPoll>) -> bool {
        let Some(kin) = self.lineage.shard(shard) else { return false };
        let middle = kin.start + (kin.end - kin.start) / 2 + 1;
        // What the service wanted before, such as fewer shards, no longer holds.
        self.resharding.goal = None;
        self.take_step(now, Some(Step::Split(shard, middle)), polls).is_ok()
    }

    /// The service goes to so many even shards, step by step. Returns when the first step takes effect.
    pub fn reshape(&mut self, now: Nanos, count: u32) -> Option<Nanos> {
        NonZeroU32::new(count).map(|count| self.begin(now, Goal::Even(count)))
    }

    /// The service goes to so many even shards at one moment; whether anything changed.
    pub fn reshape_at_once(&mut self, now: Nanos, count: u32, polls: &mut Vec<NextPoll>) -> bool {
        let Some(count) = NonZeroU32::new(count) else { return false };
        self.resharding.goal = None;
        let mut changed = false;
        while let Some(step) = next_step(&self.lineage, count) {
            if self.take_step(now, Some(step), polls).is_err() {
                break;
            }
            changed = true;
        }
        changed
    }

    fn begin(&mut self, now: Nanos, goal: Goal) -> Nanos {
        self.resharding.goal = Some(goal);
        self.resharding.due = now + self.resharding.step;
        self.resharding.due
    }

    /// One step takes effect: shards close and their children open. None if no step is due now, since the service has
    /// given up meanwhile what this one was for.
    pub fn reshard(&mut self, now: Nanos) -> Option<Stepped> {
        let mut stepped = Stepped::default();
        let goal = self.resharding.goal.filter(|_| self.resharding.due == now)?;
        let step = match goal {
            Goal::One(step) => Some(step),
            Goal::Even(count) => next_step(&self.lineage, count),
        };
        stepped.refused = self.take_step(now, step, &mut stepped.polls).err();
        match goal {
            // Only a stream that ran out of numbers is refused in the middle.
            Goal::Even(count) if stepped.refused.is_none() && next_step(&self.lineage, count).is_some() => {
                stepped.next = Some(self.begin(now, goal));
            }
            _ => self.resharding.goal = None,
        }
        Some(stepped)
    }

    /// Splits or merges, if that is possible.
    fn take_step(
        &mut self,
        now: Nanos,
        step: Option<Step>,
        polls: &mut Vec<NextPoll>,
    ) -> Result<(), Exception> {
        let made = self.lineage.shards().len();
        let outcome = match step {
            Some(Step::Split(shard, at)) => self.lineage.split(now, shard, at).map(|_| ()),
            Some(Step::Merge(one, other)) => self.lineage.merge(now, one, other).map(|_| ()),
            None => Ok(()),
        };
        polls.extend(self.open_shards(now, made));
        outcome
    }

    /// A shard closes and two open in its place, at once and without a call: the second takes keys from `at` on. Returns
    /// the polls that follow.
    ///
    /// # Errors
    /// A shard that is not open, a key not inside its range, more shards than there are numbers.
    pub fn split_now(&mut self, now: Nanos, shard: usize, at: u128) -> Result<Vec<NextPoll>, Exception> {
        let made = self.lineage.split(now, shard, at)?;
        Ok(self.open_shards(now, usize::from(made[0])))
    }

    /// A shard closes and one child opens in its place, at once and without a call (DDS-S3). Returns the polls that follow.
    ///
    /// # Errors
    /// A shard that is not open, more shards than there are numbers.
    pub fn roll_over(&mut self, now: Nanos, shard: usize) -> Result<Vec<NextPoll>, Exception> {
        let child = self.lineage.roll_over(now, shard)?;
        Ok(self.open_shards(now, usize::from(child)))
    }

    fn open_shards(&mut self, now: Nanos, from: usize) -> Vec<NextPoll> {
        let mut polls = Vec::new();
        (from..self.lineage.shards().len()).for_each(|number| self.open_shard(now, number, &mut polls));
        polls
    }

    fn open_shard(&mut self, now: Nanos, number: usize, polls: &mut Vec<NextPoll>) {
        self.shards.push(Shard::new(&self.write_limits));
        self.audiences.push(Audience::new(&self.read_limits));
        for reader in 0..self.readers.len() {
            self.seats.push(self.readers[reader].fresh_seat());
            self.readers[reader].grid.extend(number + 1);
            if self.readers[reader].started && !self.readers[reader].plan.parents_first {
                let at = self.turn_to(now, number, reader);
                polls.extend(at.map(|at| NextPoll { shard: number, reader, at }));
            }
        }
        for parent in self.lineage.shards()[number].parents.clone() {
            let shard = usize::from(parent);
            if !self.shards[shard].log.closed {
                self.shards[shard].log.closed = true;
                polls.extend(self.wake(now, shard).map(|(reader, at)| NextPoll { shard, reader, at }));
            }
        }
    }

    /// A reader turns to a shard: it sleeps there if there is nothing to find yet; otherwise returns when it polls.
    pub(super) fn turn_to(&mut self, now: Nanos, shard: usize, reader: usize) -> Option<Nanos> {
        let slot = self.slot(shard, reader);
        let from = now.max(self.readers[reader].paused_until);
        let at = self.readers[reader].grid.at_or_after(shard, from);
        self.seats[slot].next_poll = self.readers[reader].next_call(shard, from);
        if self.behind(shard, reader) == 0 && !self.shards[shard].log.closed {
            self.lay_to_sleep(shard, reader);
            self.seats[slot].awake_from = ASLEEP;
            return None;
        }
        self.seats[slot].awake_from = at;
        Some(at)
    }

    /// A reader that has come to the end of a closed shard, and has done with what it read there, turns to its children:
    /// to each once that holds for both parents (KDS-S7). Returns the polls to come.
    #[cold]
    pub fn turn_to_children(&mut self, now: Nanos, shard: usize, reader: usize) -> Vec<NextPoll> {
        let mut polls = Vec::new();
        if !self.readers[reader].plan.parents_first {
            return polls;
        }
        // Who has given the shard up never comes to its end. The end may be known long before the last batch is done
        // with, so that only those count that rest, and each of them once.
        let bit = 1 << reader;
        if self.audiences[shard].ended & bit == 0 || self.audiences[shard].rested & bit != 0 {
            return polls;
        }
        self.audiences[shard].rested |= bit;
        for child in self.lineage.shards()[shard].children.clone() {
            let child = usize::from(child);
            let parents = &self.lineage.shards()[child].parents;
            let read = |parent: &u16| self.audiences[usize::from(*parent)].rested & bit != 0;
            if parents.iter().all(read) {
                let at = self.turn_to(now, child, reader);
                polls.extend(at.map(|at| NextPoll { shard: child, reader, at }));
            }
        }
        polls
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::HOUR;
    use crate::systems::kinesis::hash_range::HashRanges;
    use crate::systems::kinesis::lineage::SHARDS_EVER_MAX;
    use crate::systems::kinesis::log::Record;
    use crate::systems::kinesis::poll_grid::PollGrid;

    fn stream(shards: usize) -> Stream {
        let mut stream = Stream::new(shards, DAY, false, true);
        stream.set_reshard_step(30 * SECOND);
        stream
    }

    /// Does all steps of what is under way; returns when the last one took effect, how many there were and the most
    /// shards that were open meanwhile.
    fn settle(stream: &mut Stream, mut at: Nanos) -> (Nanos, usize, usize) {
        let (mut steps, mut most) = (0, 0);
        loop {
            steps += 1;
            let next = stream.reshard(at).unwrap().next;
            most = most.max(stream.lineage().open().len());
            match next {
                Some(next) => at = next,
                None => return (at, steps, most),
            }
        }
    }

    #[test]
    fn kds_s5_s9_open_11_a_stream_that_is_updating_takes_no_other_call_and_a_step_takes_its_time() {
        let mut stream = stream(2);
        let due = stream.split_shard(100 * SECOND, 0, 1 << 126).unwrap();
        assert_eq!((due, stream.status()), (130 * SECOND, StreamStatus::Updating));
        for refused in [
            stream.split_shard(101 * SECOND, 1, 3 << 126),
            stream.merge_shards(101 * SECOND, 0, 1),
            stream.update_shard_count(101 * SECOND, 4),
        ] {
            assert!(matches!(refused, Err(Exception::ResourceInUse(_))));
        }
        assert_eq!(stream.lineage().open(), [0, 1], "until the step takes effect");
        assert_eq!(stream.reshard(due).unwrap().next, None);
        assert_eq!((stream.lineage().open(), stream.status()), (&[2, 3, 1][..], StreamStatus::Active));
    }

    #[test]
    fn kds_s7_a_merged_shard_is_read_once_its_reader_has_done_with_both_parents() {
        let mut stream = stream(2);
        let reader = stream.add_reader(PollGrid::new(SECOND, vec![0, 0]));
        let record =
            |now: Nanos| Record { written: now / 1_000, appended: now / 1_000, bytes: 10, key: 0, flags: 0 };
        (0..2).for_each(|shard| stream.put_record(0, shard, &record(0)).unwrap());
        let due = stream.merge_shards(0, 0, 1).unwrap();
        stream.reshard(due).unwrap();
        stream.put_record(due, 2, &record(due)).unwrap();
        // The last batches of both parents are in hand before either is processed.
        for shard in 0..2 {
            let mut batch = Vec::new();
            stream.get_records(due + SECOND, shard, reader, 10_000, &mut batch).unwrap();
            assert_eq!(batch.len(), 1);
        }
        assert_eq!(
            stream.turn_to_children(due + 2 * SECOND, 0, reader),
            [],
            "the other parent's batch is in hand"
        );
        let at = due + 3 * SECOND;
        assert_eq!(stream.turn_to_children(at, 1, reader), [NextPoll { shard: 2, reader, at }]);
        assert_eq!(stream.turn_to_children(at, 1, reader), [], "one poll is outstanding");
    }

    #[test]
    fn kds_s8_targets_lie_between_half_and_double_and_ten_calls_fit_a_day() {
        let mut wide = stream(10);
        for target in [0, 4, 21] {
            assert!(
                matches!(wide.update_shard_count(0, target), Err(Exception::InvalidArgument(_))),
                "{target}"
            );
        }
        let mut widest = stream(6_000);
        assert!(matches!(widest.update_shard_count(0, 10_001), Err(Exception::LimitExceeded(_))));
        for call in 0..10 {
            let target = if call % 2 == 0 { 11 } else { 10 };
            let due = wide.update_shard_count(call * HOUR, target).unwrap();
            settle(&mut wide, due);
        }
        // A refused call is not counted; the first one leaves the rolling day after exactly 24 hours.
        assert!(matches!(wide.update_shard_count(DAY - 1, 11), Err(Exception::LimitExceeded(_))));
        assert!(wide.update_shard_count(DAY, 11).is_ok());
    }

    #[test]
    fn kds_s9_a_step_of_what_was_given_up_does_not_hasten_what_came_instead() {
        let mut stream = stream(8);
        let stale = stream.reshape(0, 4).unwrap();
        // A busy shard is split instead, and ten seconds later the service asks for fewer shards again.
        assert!(stream.split_evenly(10 * SECOND, 0, &mut Vec::new()));
        let due = stream.reshape(20 * SECOND, 4).unwrap();
        assert_eq!((stale, due), (30 * SECOND, 50 * SECOND));
        assert_eq!(stream.reshard(stale), None);
        assert_eq!(stream.lineage().open().len(), 9, "no step was due");
        assert_eq!(stream.reshard(due).unwrap().next, Some(80 * SECOND));
    }

    #[test]
    fn a_step_that_is_refused_says_why() {
        // One number is left for a shard, and a split takes two.
        let mut stream = stream(SHARDS_EVER_MAX - 1);
        let due = stream.reshape(0, SHARDS_EVER_MAX as u32 - 2).unwrap();
        let stepped = stream.reshard(due).unwrap();
        assert!(matches!(stepped.refused, Some(Exception::LimitExceeded(_))), "{stepped:?}");
        assert_eq!((stepped.next, stream.status()), (None, StreamStatus::Active));
    }

    #[test]
    fn kds_s8_h4_any_target_leaves_even_ranges() {
        for from in [1_u32, 2, 3, 5, 8, 20, 24, 100] {
            for target in from.div_ceil(2)..=from * 2 {
                let mut stream = stream(from as usize);
                let due = stream.update_shard_count(0, target).unwrap();
                let (_, steps, most) = settle(&mut stream, due);
                let even = HashRanges::even(NonZeroU32::new(target).unwrap());
                let lineage = stream.lineage();
                assert_eq!(lineage.open().len(), target as usize, "{from} to {target}");
                for (number, start) in lineage.open().iter().zip(even.starts()) {
                    let shard = lineage.shard(usize::from(*number)).unwrap();
                    assert!(shard.start.abs_diff(*start) <= NEAR, "{from} to {target}");
                }
                // Each boundary that is new takes a split, each one that goes a merge, and no more.
                let shared = (1..from).filter(|i| i * target % from == 0).count() as u32;
                let needed = (target - 1 - shared) + (from - 1 - shared);
                assert_eq!(steps as u32, needed.max(1), "{from} to {target}");
                assert!(most <= from.max(target) as usize + 1, "{from} to {target}: {most} open at once");
            }
        }
    }
}
