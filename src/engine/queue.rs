//! The future event list.
//!
//! Events leave in the order of (time, rank, insertion number), which is total. The list is a wheel of
//! buckets that sizes itself to the density of events, a heap for what lies beyond the wheel's horizon, and lanes
//! for flows that are in time order already. None of that shows: the order of events is the key's alone.

use super::time::{END_OF_TIME, Nanos};
use std::cmp::Reverse;
use std::collections::{BinaryHeap, VecDeque};
use std::hint::select_unpredictable;

/// A scheduled event in 16 bytes: 56 bits of time, 8 of rank, 32 of insertion number, 32 of handle.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Event(u128);

impl Event {
    const NEVER: Self = Self(u128::MAX);

    #[inline]
    fn new(time: Nanos, rank: u8, sequence: u32, handle: u32) -> Self {
        debug_assert!(time <= END_OF_TIME, "an event lies within 834 days");
        let high = (time << 8) | u64::from(rank);
        let low = (u64::from(sequence) << 32) | u64::from(handle);
        Self((u128::from(high) << 64) | u128::from(low))
    }

    /// When it happens.
    #[inline]
    pub fn time(self) -> Nanos {
        (self.0 >> 72) as Nanos
    }

    /// Time and rank as one number.
    #[inline]
    fn key(self) -> u64 {
        (self.0 >> 64) as u64
    }

    /// The rank of its kind: at equal times, lower ranks go first.
    #[inline]
    pub fn rank(self) -> u8 {
        (self.0 >> 64) as u8
    }

    /// What it is about; its meaning belongs to the kind.
    #[inline]
    pub fn handle(self) -> u32 {
        self.0 as u32
    }

    fn with_sequence(self, sequence: u32) -> Self {
        Self::new(self.time(), self.rank(), sequence, self.handle())
    }
}

/// A flow of events in time order that waits outside the wheel; only its head competes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane(usize);

const NO_NODE: u32 = u32::MAX;
const RING_BITS_MIN: u32 = 10;
const RING_BITS_MAX: u32 = 18;
/// Lanes that can compete; further ones are like no lane at all.
const LANES_MAX: usize = 64;
/// Pops between two looks at the density of events.
const REVIEW_EVERY: u32 = 8_192;
/// Events that a bucket should hold: fewer cost more steps, more cost more sorting.
const EVENTS_A_BUCKET: u64 = 4;

/// The future event list. Amortised O(1) a push and a pop when events are spread evenly; never worse than
/// O(log n). Equal (time, rank) leave in insertion order.
#[derive(Clone, Debug)]
pub struct EventQueue {
    /// The first event of the bucket being served, or never.
    head: Event,
    /// The bucket being served, sorted so that the next event is last.
    due: Vec<Event>,
    /// Events pushed into the bucket being served.
    near: BinaryHeap<Reverse<Event>>,
    /// Heads of the buckets' chains in `nodes`.
    ring: Vec<u32>,
    occupied: Vec<u64>,
    nodes: Vec<Event>,
    /// The next node of the same chain, or of the free list.
    links: Vec<u32>,
    free: u32,
    in_ring: usize,
    /// Events beyond the ring's horizon.
    far: BinaryHeap<Reverse<Event>>,
    /// Number of the bucket being served, counted from time 0.
    serving: u64,
    /// A bucket spans 2^shift ns.
    shift: u32,
    sequence: u32,
    pops_to_review: u32,
    reviewed_at: Nanos,
    lanes: Vec<VecDeque<Event>>,
    /// The first event of each lane that competes, or never.
    lane_heads: [Event; LANES_MAX],
    /// A tree of winners over the first `leaves` lanes: which one has the earliest head below each node. Node 1 is the root, the
    /// children of node `n` are `2n` and `2n + 1`, and the leaves are the lanes.
    winners: [u8; 2 * LANES_MAX],
    /// A power of two, so that a few lanes make a low tree.
    leaves: usize,
    first_head: Event,
    first_lane: usize,
}

impl Default for EventQueue {
    fn default() -> Self {
        Self {
            head: Event::NEVER,
            due: Vec::new(),
            near: BinaryHeap::new(),
            ring: vec![NO_NODE; 1 << RING_BITS_MIN],
            occupied: vec![0; 1 << (RING_BITS_MIN - 6)],
            nodes: Vec::new(),
            links: Vec::new(),
            free: NO_NODE,
            in_ring: 0,
            far: BinaryHeap::new(),
            serving: 0,
            shift: 20,
            sequence: 0,
            pops_to_review: REVIEW_EVERY,
            reviewed_at: 0,
            lanes: Vec::new(),
            lane_heads: [Event::NEVER; LANES_MAX],
            winners: [0; 2 * LANES_MAX],
            leaves: 1,
            first_head: Event::NEVER,
            first_lane: 0,
        }
    }
}

impl EventQueue {
    /// Opens a lane.
    pub fn lane(&mut self) -> Lane {
        self.lanes.push(VecDeque::new());
        self.leaves = self.lanes.len().min(LANES_MAX).next_power_of_two();
        self.compete_all();
        Lane(self.lanes.len() - 1)
    }

    /// Schedules an event, not before the last one popped. A moment beyond [`END_OF_TIME`] counts as that.
    #[inline(always)]
    pub fn push(&mut self, time: Nanos, rank: u8, handle: u32) {
        let event = self.number(time, rank, handle);
        self.place(event);
    }

    /// Schedules an event of a flow that is usually in time order: O(1) when it is, like
    /// [`push`](Self::push) when it is not.
    #[inline(always)]
    pub fn push_in_lane(&mut self, lane: Lane, time: Nanos, rank: u8, handle: u32) {
        let event = self.number(time, rank, handle);
        let waiting = &mut self.lanes[lane.0];
        if lane.0 >= LANES_MAX || waiting.back().is_some_and(|last| *last > event) {
            return self.place(event);
        }
        let first = waiting.is_empty();
        waiting.push_back(event);
        if first {
            self.lane_heads[lane.0] = event;
            self.compete(lane.0);
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
        if self.head == Event::NEVER {
            self.advance();
        }
        let limit = (time << 8) | u64::from(rank);
        if self.first_head < self.head {
            return (self.first_head.key() < limit).then(|| self.pop_lane());
        }
        let event = self.head;
        if event.key() >= limit {
            return None;
        }
        self.drop_head();
        Some(event)
    }

    /// The handles of two events of which one is likely to be the next.
    #[inline]
    pub fn heads(&self) -> [u32; 2] {
        [self.head.handle(), self.first_head.handle()]
    }

    /// Forgets the head of the bucket being served and looks at the one behind it.
    #[inline]
    fn drop_head(&mut self) {
        if self.near.is_empty() {
            self.due.pop();
            self.head = self.due.last().copied().unwrap_or(Event::NEVER);
        } else {
            self.drop_head_beside_near();
        }
    }

    #[cold]
    fn drop_head_beside_near(&mut self) {
        if self.near.peek().is_some_and(|near| near.0 == self.head) {
            self.near.pop();
        } else {
            self.due.pop();
        }
        let near = self.near.peek().map_or(Event::NEVER, |near| near.0);
        self.head = near.min(self.due.last().copied().unwrap_or(Event::NEVER));
    }

    #[inline]
    fn pop_lane(&mut self) -> Event {
        let event = self.first_head;
        let waiting = &mut self.lanes[self.first_lane];
        waiting.pop_front();
        self.lane_heads[self.first_lane] = waiting.front().copied().unwrap_or(Event::NEVER);
        self.compete(self.first_lane);
        event
    }

    /// Finds the first head of all again, now that this lane has another one: it meets the winners along its way to the root.
    /// Who wins is anybody's guess, so nothing branches on it.
    #[inline]
    fn compete(&mut self, lane: usize) {
        let (mut winner, mut head) = (lane as u8, self.lane_heads[lane % LANES_MAX]);
        let mut node = self.leaves + lane;
        while node > 1 {
            let rival = self.winners[(node ^ 1) % (2 * LANES_MAX)];
            let other = self.lane_heads[usize::from(rival) % LANES_MAX];
            let earlier = other < head;
            winner = select_unpredictable(earlier, rival, winner);
            let high = select_unpredictable(earlier, other.key(), head.key());
            let low = select_unpredictable(earlier, other.0 as u64, head.0 as u64);
            head = Event((u128::from(high) << 64) | u128::from(low));
            node /= 2;
            self.winners[node % (2 * LANES_MAX)] = winner;
        }
        (self.first_lane, self.first_head) = (usize::from(winner), head);
    }

    /// The same, now that any lane may have another one.
    #[cold]
    fn compete_all(&mut self) {
        (0..self.leaves).for_each(|lane| self.winners[self.leaves + lane] = lane as u8);
        (0..self.leaves).for_each(|lane| self.compete(lane));
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

    #[inline(always)]
    fn place(&mut self, event: Event) {
        let bucket = event.time() >> self.shift;
        if bucket <= self.serving {
            self.near.push(Reverse(event));
            self.head = self.head.min(event);
        } else if bucket - self.serving < self.ring.len() as u64 {
            self.chain(bucket, event);
        } else {
            self.far.push(Reverse(event));
        }
    }

    #[inline(always)]
    fn chain(&mut self, bucket: u64, event: Event) {
        let slot = bucket as usize & (self.ring.len() - 1);
        let next = self.ring[slot];
        let node = self.free;
        if node == NO_NODE {
            self.ring[slot] = self.nodes.len() as u32;
            self.nodes.push(event);
            self.links.push(next);
        } else {
            self.nodes[node as usize] = event;
            self.free = std::mem::replace(&mut self.links[node as usize], next);
            self.ring[slot] = node;
        }
        self.occupied[slot >> 6] |= 1 << (slot & 63);
        self.in_ring += 1;
    }

    /// Moves on to the next bucket that holds an event, if there is one.
    #[inline(never)]
    fn advance(&mut self) {
        if self.pops_to_review == 0 {
            self.review();
            if self.head != Event::NEVER {
                // Wider buckets: the one being served has taken in events of its neighbours.
                return;
            }
        }
        if self.in_ring > 0 {
            self.serving += self.steps_to_next_bucket();
        } else if let Some(Reverse(event)) = self.far.peek() {
            self.serving = event.time() >> self.shift;
        } else {
            return;
        }
        if !self.far.is_empty() {
            self.bring_near();
        }
        self.unchain();
        self.pops_to_review = self.pops_to_review.saturating_sub(self.due.len() as u32);
        sort_latest_first(&mut self.due);
        self.head = self.due.last().copied().unwrap_or(Event::NEVER);
    }

    /// Moves what the ring's horizon has reached into the ring.
    fn bring_near(&mut self) {
        let horizon = self.serving + self.ring.len() as u64;
        while let Some(Reverse(event)) = self.far.peek().copied() {
            let bucket = event.time() >> self.shift;
            if bucket >= horizon {
                break;
            }
            self.far.pop();
            self.chain(bucket, event);
        }
    }

    /// Moves the events of the bucket being served into `due`.
    #[inline]
    fn unchain(&mut self) {
        let slot = self.serving as usize & (self.ring.len() - 1);
        let mut node = std::mem::replace(&mut self.ring[slot], NO_NODE);
        self.occupied[slot >> 6] &= !(1 << (slot & 63));
        while node != NO_NODE {
            self.due.push(self.nodes[node as usize]);
            let next = std::mem::replace(&mut self.links[node as usize], self.free);
            self.free = node;
            node = next;
        }
        self.in_ring -= self.due.len();
    }

    /// Distance to the next occupied slot of the ring, by the bitmap; some slot is occupied.
    #[inline]
    fn steps_to_next_bucket(&self) -> u64 {
        let mask = self.ring.len() - 1;
        let start = (self.serving as usize + 1) & mask;
        let mut word = start >> 6;
        let mut bits = self.occupied[word] & (!0 << (start & 63));
        while bits == 0 {
            word = (word + 1) & (self.occupied.len() - 1);
            bits = self.occupied[word];
        }
        let slot = (word << 6) + bits.trailing_zeros() as usize;
        1 + (slot.wrapping_sub(start) & mask) as u64
    }

    /// Now and then compares the width of the buckets with the density of events, and rebuilds the ring if they
    /// no longer fit: about four events a bucket, and a ring long enough for all that wait.
    #[cold]
    fn review(&mut self) {
        let now = self.serving << self.shift;
        let span = now.saturating_sub(self.reviewed_at).max(1);
        self.reviewed_at = now;
        let waiting = self.in_ring + self.far.len();
        self.pops_to_review = REVIEW_EVERY.max(waiting as u32);
        let width = (EVENTS_A_BUCKET * span / u64::from(REVIEW_EVERY)).max(1);
        let shift = (63 - width.leading_zeros()).min(40);
        let ring_bits = (usize::BITS - waiting.leading_zeros()).clamp(RING_BITS_MIN, RING_BITS_MAX);
        let fits = shift.abs_diff(self.shift) <= 1 && self.ring.len().ilog2().abs_diff(ring_bits) <= 1;
        if !fits {
            self.rebuild(shift, ring_bits);
        }
    }

    fn rebuild(&mut self, shift: u32, ring_bits: u32) {
        let now = self.serving << self.shift;
        let events = self.drain_wheel();
        self.shift = shift;
        // The bucket being served is empty: the review happens between buckets.
        self.serving = now >> shift;
        self.ring = vec![NO_NODE; 1 << ring_bits];
        self.occupied = vec![0; 1 << (ring_bits - 6)];
        events.into_iter().for_each(|event| self.place(event));
    }

    /// Takes every event out of the wheel, in no particular order.
    fn drain_wheel(&mut self) -> Vec<Event> {
        self.head = Event::NEVER;
        let mut events = std::mem::take(&mut self.due);
        events.extend(self.near.drain().map(|event| event.0));
        events.extend(self.far.drain().map(|event| event.0));
        for slot in 0..self.ring.len() {
            let mut node = std::mem::replace(&mut self.ring[slot], NO_NODE);
            while node != NO_NODE {
                events.push(self.nodes[node as usize]);
                node = self.links[node as usize];
            }
        }
        self.occupied.fill(0);
        self.nodes.clear();
        self.links.clear();
        self.free = NO_NODE;
        self.in_ring = 0;
        events
    }

    /// Gives waiting events fresh insertion numbers, in their order, once 32 bits of them are spent.
    #[cold]
    fn renumber(&mut self) {
        let mut events: Vec<(Event, Option<usize>)> =
            self.drain_wheel().into_iter().map(|event| (event, None)).collect();
        for (lane, waiting) in self.lanes.iter_mut().enumerate() {
            events.extend(waiting.drain(..).map(|event| (event, Some(lane))));
        }
        events.sort_unstable();
        for (number, (event, lane)) in events.iter().enumerate() {
            let event = event.with_sequence(number as u32);
            match lane {
                None => self.place(event),
                Some(lane) => self.lanes[*lane].push_back(event),
            }
        }
        self.sequence = events.len() as u32;
        for (head, waiting) in self.lane_heads.iter_mut().zip(&self.lanes) {
            *head = waiting.front().copied().unwrap_or(Event::NEVER);
        }
        self.compete_all();
    }

    /// How many events wait.
    pub fn len(&self) -> usize {
        let in_lanes: usize = self.lanes.iter().map(VecDeque::len).sum();
        self.due.len() + self.near.len() + self.in_ring + self.far.len() + in_lanes
    }

    /// Whether none waits.
    pub fn is_empty(&self) -> bool {
        self.len() == 0
    }
}

/// Sorts a bucket so that its first event is last.
#[inline]
fn sort_latest_first(events: &mut [Event]) {
    match events.len() {
        0..=1 => {}
        2..=4 => sort_by_counting::<4>(events),
        5..=8 => sort_by_counting::<8>(events),
        9..=16 => sort_by_counting::<16>(events),
        _ => events.sort_unstable_by(|a, b| b.cmp(a)),
    }
}

/// Puts each of up to `N` events behind as many as are later than it. Times within a bucket are random, so a sort that
/// branches on them guesses wrong about once an event; these comparisons are more, but nothing hangs on one of them.
/// Events at one time and of one rank, which are rare, would land on one place: then the places do not add up.
#[inline]
fn sort_by_counting<const N: usize>(events: &mut [Event]) {
    let (mut padded, mut keys, mut places) = ([Event(0); N], [0; N], 0);
    padded[..events.len()].copy_from_slice(events);
    keys.iter_mut().zip(&padded).for_each(|(key, event)| *key = event.key());
    for event in &padded[..events.len()] {
        let later = keys.iter().map(|other| usize::from(*other > event.key())).sum::<usize>();
        events[later] = *event;
        places += later;
    }
    if places != events.len() * (events.len() - 1) / 2 {
        events.copy_from_slice(&padded[..events.len()]);
        events.sort_unstable_by(|a, b| b.cmp(a));
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
