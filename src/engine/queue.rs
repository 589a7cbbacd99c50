//! The future event list.
//!
//! Events leave in the order of (time, rank, insertion number), which is total. The list is a wheel of buckets, and
//! lanes for flows that are in time order already. None of that shows: the order of events is the key's alone.

mod event;
mod front;
mod lanes;
mod wheel;

use super::time::{END_OF_TIME, Nanos};
pub use event::Event;
pub use lanes::Lane;
use lanes::Lanes;
use wheel::Wheel;

/// The future event list. Amortised O(1) a push and a pop when events are spread evenly; never worse than
/// O(log n). Equal (time, rank) leave in insertion order.
#[derive(Clone, Debug, Default)]
pub struct EventQueue {
    wheel: Wheel,
    lanes: Lanes,
    sequence: u32,
    follower: u32,
}

impl EventQueue {
    /// Opens a lane.
    pub fn lane(&mut self) -> Lane {
        self.lanes.open()
    }

    /// Schedules an event, not before the last one popped. A moment beyond [`END_OF_TIME`] counts as that.
    #[inline(always)]
    pub fn push(&mut self, time: Nanos, rank: u8, handle: u32) {
        let event = self.number(time, rank, handle);
        self.wheel.place(event);
    }

    /// Schedules an event of a flow that is usually in time order: O(1) when it is, like
    /// [`push`](Self::push) when it is not.
    #[inline(always)]
    pub fn push_in_lane(&mut self, lane: Lane, time: Nanos, rank: u8, handle: u32) {
        let event = self.number(time, rank, handle);
        if !self.lanes.join(lane, event) {
            self.wheel.place(event);
        }
    }

    /// Takes the next event, or `None` when nothing is scheduled.
    #[inline]
    pub fn pop(&mut self) -> Option<Event> {
        self.pop_until(END_OF_TIME)
    }

    /// Takes the next event if it is not after `until`.
    #[inline]
    pub fn pop_until(&mut self, until: Nanos) -> Option<Event> {
        self.pop_before(until + 1, 0)
    }

    /// Takes the next event if it comes before everything of this rank at this time.
    #[inline(always)]
    pub fn pop_before(&mut self, time: Nanos, rank: u8) -> Option<Event> {
        if self.wheel.head() == Event::NEVER {
            self.wheel.advance();
        }
        let limit = (time << 8) | u64::from(rank);
        let event = self.wheel.head();
        if self.lanes.first() < event {
            return (self.lanes.first().key() < limit).then(|| self.pop_lane());
        }
        if event.key() >= limit {
            return None;
        }
        self.wheel.drop_head();
        self.follower = self.wheel.head().handle();
        Some(event)
    }

    #[inline]
    fn pop_lane(&mut self) -> Event {
        let event = self.lanes.pop();
        self.follower = self.lanes.first().handle();
        event
    }

    /// A guess at the next event, good for bringing its memory near: the handle of the one that lies where the last one came
    /// from, or of none.
    #[inline]
    pub fn follower(&self) -> u32 {
        self.follower
    }

    #[inline]
    fn number(&mut self, time: Nanos, rank: u8, handle: u32) -> Event {
        if self.sequence == u32::MAX {
            self.renumber();
        }
        let event = Event::new(time.min(END_OF_TIME), rank, self.sequence, handle);
        self.sequence += 1;
        event
    }

    /// Gives waiting events fresh insertion numbers, in their order, once 32 bits of them are spent.
    #[cold]
    fn renumber(&mut self) {
        let of_wheel = self.wheel.drain().into_iter().map(|event| (event, None));
        let of_lanes = self.lanes.drain().into_iter().map(|(event, lane)| (event, Some(lane)));
        let mut events: Vec<(Event, Option<Lane>)> = of_wheel.chain(of_lanes).collect();
        events.sort_unstable_by_key(|(event, _)| *event);
        for (number, (event, lane)) in events.iter().enumerate() {
            let event = event.with_sequence(number as u32);
            if !lane.is_some_and(|lane| self.lanes.join(lane, event)) {
                self.wheel.place(event);
            }
        }
        self.sequence = events.len() as u32;
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        self.wheel.len() + self.lanes.len()
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.wheel.len() == 0 && self.lanes.first() == Event::NEVER
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::{Draws, Streams};

    /// Runs the queue beside a sorted reference and compares every event.
    fn agrees_with_a_sorted_list(mut gap: impl FnMut(&mut Draws, u32) -> Nanos, pending: u32, steps: u32) {
        let mut draws = Streams::new(1, 0).named("queue");
        let mut queue = EventQueue::default();
        let lanes = [queue.lane(), queue.lane()];
        let mut reference = std::collections::BTreeSet::new();
        let (mut now, mut number) = (0, 0_u64);
        let mut schedule = |queue: &mut EventQueue, draws: &mut Draws, now: Nanos, step: u32| {
            let time = now + gap(draws, step);
            let rank = draws.below(3) as u8;
            match draws.below(4) {
                0 => queue.push_in_lane(lanes[0], now + 1_000, rank, number as u32),
                1 => queue.push_in_lane(lanes[1], time, rank, number as u32),
                _ => queue.push(time, rank, number as u32),
            }
            number += 1;
            (time, rank, number - 1)
        };
        for step in 0..pending {
            let before = draws.clone();
            let (time, rank, id) = schedule(&mut queue, &mut draws, now, step);
            reference.insert((actual_time(before, time, now, step), rank, id));
        }
        for step in 0..steps {
            let event = queue.pop().unwrap();
            let expected = reference.pop_first().unwrap();
            assert_eq!((event.time(), event.rank(), u64::from(event.handle())), expected, "step {step}");
            now = event.time();
            let before = draws.clone();
            let (time, rank, id) = schedule(&mut queue, &mut draws, now, step);
            reference.insert((actual_time(before, time, now, step), rank, id));
        }
        while let Some(expected) = reference.pop_first() {
            let event = queue.pop().unwrap();
            assert_eq!((event.time(), event.rank(), u64::from(event.handle())), expected);
        }
        assert!(queue.pop().is_none() && queue.is_empty());

        fn actual_time(mut before: Draws, time: Nanos, now: Nanos, _step: u32) -> Nanos {
            // Every gap function below takes exactly one draw; then come the rank and the choice of lane.
            before.bits();
            before.below(3);
            if before.below(4) == 0 { now + 1_000 } else { time }
        }
    }

    #[test]
    fn order_is_total_under_every_density() {
        agrees_with_a_sorted_list(|draws, _| draws.below(1_000_000_000), 1_000, 60_000);
        agrees_with_a_sorted_list(|draws, _| draws.below(50), 20, 40_000);
        agrees_with_a_sorted_list(|draws, _| draws.below(40_000_000_000_000), 30_000, 60_000);
        // From nanoseconds to hours ahead: buckets, laps and the heap all hold some.
        agrees_with_a_sorted_list(|draws, _| 1 << draws.below(44), 3_000, 60_000);
        // Density changes by six orders of magnitude on the way, so the ring is rebuilt.
        agrees_with_a_sorted_list(
            |draws, step| draws.below(10) << ((step / 10_000) * 4).min(24),
            500,
            80_000,
        );
    }

    #[test]
    fn equal_keys_leave_in_insertion_order_across_renumbering() {
        let mut queue = EventQueue::default();
        let lane = queue.lane();
        queue.sequence = u32::MAX - 50;
        for i in 0..100 {
            if i % 3 == 0 { queue.push_in_lane(lane, 7, 1, i) } else { queue.push(7, 1, i) }
        }
        assert!(queue.sequence < 1_000, "the numbers were renewed");
        let handles: Vec<u32> = std::iter::from_fn(|| queue.pop()).map(Event::handle).collect();
        assert_eq!(handles, (0..100).collect::<Vec<_>>());
    }

    #[test]
    fn lower_ranks_go_first_at_equal_times() {
        let mut queue = EventQueue::default();
        for rank in [3, 1, 2, 0] {
            queue.push(5, rank, u32::from(rank));
        }
        let ranks: Vec<u8> = std::iter::from_fn(|| queue.pop()).map(Event::rank).collect();
        assert_eq!(ranks, [0, 1, 2, 3]);
    }
}
