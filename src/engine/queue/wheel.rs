//! A wheel of buckets that sizes itself to the density of events.
//!
//! Events of the ring's present lap lie in its buckets, those of the laps to come are chained lap by lap, and a heap holds
//! what is further off still.

use super::event::Event;
use super::front::Front;
use crate::engine::time::Nanos;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const NO_NODE: u32 = u32::MAX;
const RING_BITS_MIN: u32 = 12;
const RING_BITS_MAX: u32 = 18;
/// Laps of the ring, the present one among them, whose events need no heap.
const LAPS: usize = 64;
/// The fewest pops between two looks at the density of events.
const REVIEW_EVERY: u32 = 8_192;
/// Events that a bucket should hold: fewer cost more steps, more cost more sorting.
const EVENTS_A_BUCKET: u64 = 8;

/// All events that are in no lane.
#[derive(Clone, Debug)]
pub(super) struct Wheel {
    front: Front,
    /// Heads of the chains of the present lap's buckets in `nodes`.
    ring: Vec<u32>,
    occupied: Vec<u64>,
    nodes: Vec<Event>,
    /// The next node of the same chain, or of the free list.
    links: Vec<u32>,
    free: u32,
    in_ring: usize,
    /// Heads of the chains of events for laps of the ring to come, by the lap's number modulo [`LAPS`].
    laps: [u32; LAPS],
    /// Which of them hold any, one bit each.
    laps_occupied: u64,
    in_laps: usize,
    /// Events of laps that were beyond those when they were pushed.
    far: BinaryHeap<Reverse<Event>>,
    /// Number of the bucket being served, counted from time 0.
    serving: u64,
    /// A bucket spans 2^shift ns.
    shift: u32,
    pops_to_review: u32,
    /// Those between the last look and the next one.
    pops_a_review: u32,
    reviewed_at: Nanos,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            front: Front::default(),
            ring: vec![NO_NODE; 1 << RING_BITS_MIN],
            occupied: vec![0; 1 << (RING_BITS_MIN - 6)],
            nodes: Vec::new(),
            links: Vec::new(),
            free: NO_NODE,
            in_ring: 0,
            laps: [NO_NODE; LAPS],
            laps_occupied: 0,
            in_laps: 0,
            far: BinaryHeap::new(),
            serving: 0,
            shift: 20,
            pops_to_review: REVIEW_EVERY,
            pops_a_review: REVIEW_EVERY,
            reviewed_at: 0,
        }
    }
}

impl Wheel {
    /// The first event, once [`advance`](Self::advance) has looked for it; never if there is none.
    #[inline(always)]
    pub(super) fn head(&self) -> Event {
        self.front.head()
    }

    /// Forgets the head.
    #[inline(always)]
    pub(super) fn drop_head(&mut self) {
        self.front.drop_head();
    }

    /// Adds an event.
    #[inline(always)]
    pub(super) fn place(&mut self, event: Event) {
        let bucket = event.time() >> self.shift;
        if bucket <= self.serving {
            self.front.push(event);
        } else if bucket ^ self.serving < self.ring.len() as u64 {
            self.chain(bucket, event);
        } else {
            self.place_far(event);
        }
    }

    /// Keeps an event for a later lap of the ring.
    #[inline(never)]
    fn place_far(&mut self, event: Event) {
        let lap = self.lap(event);
        if lap - (self.serving >> self.ring_bits()) >= LAPS as u64 {
            return self.far.push(Reverse(event));
        }
        let slot = lap as usize % LAPS;
        self.laps[slot] = self.node(event, self.laps[slot]);
        self.laps_occupied |= 1 << slot;
        self.in_laps += 1;
    }

    fn ring_bits(&self) -> u32 {
        self.ring.len().ilog2()
    }

    fn lap(&self, event: Event) -> u64 {
        event.time() >> self.shift >> self.ring_bits()
    }

    /// Puts an event into a node before another one.
    #[inline(always)]
    fn node(&mut self, event: Event, next: u32) -> u32 {
        let node = self.free;
        if node == NO_NODE {
            self.nodes.push(event);
            self.links.push(next);
            return self.nodes.len() as u32 - 1;
        }
        self.nodes[node as usize] = event;
        self.free = std::mem::replace(&mut self.links[node as usize], next);
        node
    }

    /// Adds an event to the chain of a bucket of the present lap.
    #[inline(always)]
    fn chain(&mut self, bucket: u64, event: Event) {
        let slot = bucket as usize & (self.ring.len() - 1);
        self.ring[slot] = self.node(event, self.ring[slot]);
        self.occupied[slot >> 6] |= 1 << (slot & 63);
        self.in_ring += 1;
    }

    /// Moves on to the next bucket that holds an event, if there is one.
    #[inline(never)]
    pub(super) fn advance(&mut self) {
        if self.pops_to_review == 0 {
            self.review();
            if self.front.head() != Event::NEVER {
                // Wider buckets: the one being served has taken in events of its neighbours.
                return;
            }
        }
        let mut from = (self.serving as usize + 1) & (self.ring.len() - 1);
        if self.in_ring == 0 {
            if !self.next_lap() {
                return;
            }
            from = 0;
        }
        let lap = self.serving & !(self.ring.len() as u64 - 1);
        self.serving = lap + self.first_occupied(from) as u64;
        self.serve();
    }

    /// Moves the events of the bucket whose turn has come to the front.
    #[inline]
    fn serve(&mut self) {
        let slot = self.serving as usize & (self.ring.len() - 1);
        let first = std::mem::replace(&mut self.ring[slot], NO_NODE);
        self.occupied[slot >> 6] &= !(1 << (slot & 63));
        let (nodes, links) = (&self.nodes, &self.links);
        let (mut node, mut last) = (first, first);
        let chain = std::iter::from_fn(|| {
            let event = (node != NO_NODE).then(|| nodes[node as usize])?;
            last = node;
            node = links[node as usize];
            Some(event)
        });
        // What tells events of one bucket apart, on 31 bits.
        let (base, squeeze) = (self.serving << self.shift << 8, (self.shift + 8).saturating_sub(31));
        let count = self.front.fill(chain, base, squeeze);
        self.links[last as usize] = std::mem::replace(&mut self.free, first);
        self.in_ring -= count;
        self.pops_to_review = self.pops_to_review.saturating_sub(count as u32);
    }

    /// Begins the next lap of the ring that has any event; whether there is one.
    #[cold]
    fn next_lap(&mut self) -> bool {
        let present = self.serving >> self.ring_bits();
        let ahead = self.laps_occupied.rotate_right((present as usize % LAPS) as u32).trailing_zeros();
        let chained = (self.laps_occupied != 0).then_some(present + u64::from(ahead));
        let beyond = self.far.peek().map(|event| self.lap(event.0));
        let Some(lap) = chained.into_iter().chain(beyond).min() else { return false };
        self.serving = lap << self.ring_bits();
        if chained == Some(lap) {
            let mut node = std::mem::replace(&mut self.laps[lap as usize % LAPS], NO_NODE);
            self.laps_occupied &= !(1 << (lap as usize % LAPS));
            while node != NO_NODE {
                let event = self.nodes[node as usize];
                let next = std::mem::replace(&mut self.links[node as usize], self.free);
                self.free = node;
                self.chain(event.time() >> self.shift, event);
                self.in_laps -= 1;
                node = next;
            }
        }
        while self.far.peek().is_some_and(|event| self.lap(event.0) == lap) {
            if let Some(Reverse(event)) = self.far.pop() {
                self.chain(event.time() >> self.shift, event);
            }
        }
        true
    }

    /// The first occupied slot of the ring from this one on, by the bitmap; there is one.
    #[inline]
    fn first_occupied(&self, from: usize) -> usize {
        let mut word = from >> 6;
        let mut bits = self.occupied[word] & (!0 << (from & 63));
        while bits == 0 {
            word += 1;
            bits = self.occupied[word];
        }
        (word << 6) + bits.trailing_zeros() as usize
    }

    /// Now and then compares the width of the buckets with the density of events, and rebuilds the ring if they
    /// no longer fit: about as many events a bucket as it should hold, and a ring long enough for all that wait.
    #[cold]
    fn review(&mut self) {
        let now = self.serving << self.shift;
        let span = now.saturating_sub(self.reviewed_at).max(1);
        self.reviewed_at = now;
        let waiting = self.in_ring + self.in_laps + self.far.len();
        let pops = std::mem::replace(&mut self.pops_a_review, REVIEW_EVERY.max(waiting as u32));
        self.pops_to_review = self.pops_a_review;
        // Of a few that wait, most would be pushed into the bucket being served if it were wide.
        let events = EVENTS_A_BUCKET.min(1 + waiting as u64 / 8);
        let width = (events * span / u64::from(pops)).max(1);
        let shift = (63 - width.leading_zeros()).min(40);
        let ring_bits = (usize::BITS - waiting.leading_zeros()).clamp(RING_BITS_MIN, RING_BITS_MAX);
        let fits = shift.abs_diff(self.shift) <= 1 && self.ring.len().ilog2().abs_diff(ring_bits) <= 1;
        if !fits {
            self.rebuild(shift, ring_bits);
        }
    }

    fn rebuild(&mut self, shift: u32, ring_bits: u32) {
        let now = self.serving << self.shift;
        let events = self.drain();
        self.shift = shift;
        // The bucket being served is empty: the review happens between buckets.
        self.serving = now >> shift;
        self.ring = vec![NO_NODE; 1 << ring_bits];
        self.occupied = vec![0; 1 << (ring_bits - 6)];
        events.into_iter().for_each(|event| self.place(event));
    }

    /// Takes every event out, in no particular order.
    pub(super) fn drain(&mut self) -> Vec<Event> {
        let mut events = self.front.drain();
        events.extend(self.far.drain().map(|event| event.0));
        for first in self.ring.iter_mut().chain(&mut self.laps) {
            let mut node = std::mem::replace(first, NO_NODE);
            while node != NO_NODE {
                events.push(self.nodes[node as usize]);
                node = self.links[node as usize];
            }
        }
        self.occupied.fill(0);
        (self.laps_occupied, self.in_laps) = (0, 0);
        self.nodes.clear();
        self.links.clear();
        self.free = NO_NODE;
        self.in_ring = 0;
        events
    }

    /// How many events wait.
    pub(super) fn len(&self) -> usize {
        self.front.len() + self.in_ring + self.in_laps + self.far.len()
    }
}
