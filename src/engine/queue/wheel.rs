//! A wheel of buckets that sizes itself to the density of events.
//!
//! Events of the ring's present lap lie in its buckets, those of the laps to come are chained lap by lap, and a heap holds
//! what is further off still.

use super::event::Event;
use crate::engine::time::Nanos;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

const NO_NODE: u32 = u32::MAX;
const RING_BITS_MIN: u32 = 12;
const RING_BITS_MAX: u32 = 18;
/// Laps of the ring, the present one among them, whose events need no heap.
const LAPS: usize = 64;
/// Pops between two looks at the density of events.
const REVIEW_EVERY: u32 = 8_192;
/// So many events of a bucket are sorted without a branch.
const FEW: usize = 16;
/// Events that a bucket should hold: fewer cost more steps, more cost more sorting.
const EVENTS_A_BUCKET: u64 = 8;

/// All events that are in no lane.
#[derive(Clone, Debug)]
pub(super) struct Wheel {
    /// The first event of the bucket being served, or never.
    head: Event,
    /// The bucket being served, as it was found.
    due: [Event; FEW],
    /// The places in `due` of the first `left` events, so that the next one is last.
    order: [u8; FEW],
    left: usize,
    /// Events pushed into the bucket being served, or that are too many or too near each other for `due`.
    near: BinaryHeap<Reverse<Event>>,
    /// Heads of the buckets' chains in `nodes`.
    ring: Vec<u32>,
    occupied: Vec<u64>,
    nodes: Vec<Event>,
    /// The next node of the same chain, or of the free list.
    links: Vec<u32>,
    free: u32,
    in_ring: usize,
    /// Heads of the chains of events for laps of the ring to come, by the lap's number.
    laps: [u32; LAPS],
    /// Which of them hold any, one bit each.
    laps_occupied: u64,
    in_laps: usize,
    /// Events of laps beyond those.
    far: BinaryHeap<Reverse<Event>>,
    /// Number of the bucket being served, counted from time 0.
    serving: u64,
    /// A bucket spans 2^shift ns.
    shift: u32,
    pops_to_review: u32,
    reviewed_at: Nanos,
}

impl Default for Wheel {
    fn default() -> Self {
        Self {
            head: Event::NEVER,
            due: [Event::NEVER; FEW],
            order: [0; FEW],
            left: 0,
            near: BinaryHeap::new(),
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
            reviewed_at: 0,
        }
    }
}

impl Wheel {
    /// The first event, once [`advance`](Self::advance) has looked for it; never if there is none.
    #[inline(always)]
    pub(super) fn head(&self) -> Event {
        self.head
    }

    /// Forgets the head of the bucket being served and looks at the one behind it.
    #[inline]
    pub(super) fn drop_head(&mut self) {
        if self.near.is_empty() {
            self.left -= 1;
            self.head = self.first_due();
        } else {
            self.drop_head_beside_near();
        }
    }

    #[cold]
    fn drop_head_beside_near(&mut self) {
        if self.near.peek().is_some_and(|near| near.0 == self.head) {
            self.near.pop();
        } else {
            self.left -= 1;
        }
        self.head = self.first_near().min(self.first_due());
    }

    #[inline]
    fn first_due(&self) -> Event {
        match self.left {
            0 => Event::NEVER,
            left => self.due[usize::from(self.order[(left - 1) % FEW]) % FEW],
        }
    }

    fn first_near(&self) -> Event {
        self.near.peek().map_or(Event::NEVER, |near| near.0)
    }

    /// Adds an event.
    #[inline(always)]
    pub(super) fn place(&mut self, event: Event) {
        let bucket = event.time() >> self.shift;
        if bucket <= self.serving {
            self.near.push(Reverse(event));
            self.head = self.head.min(event);
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
            if self.head != Event::NEVER {
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
        self.unchain();
        self.head = if self.near.is_empty() { self.first_due() } else { self.first_near() };
    }

    /// Begins the next lap of the ring that has any event; whether there is one.
    #[cold]
    fn next_lap(&mut self) -> bool {
        let present = self.serving >> self.ring_bits();
        let ahead = self.laps_occupied.rotate_right((present as usize % LAPS) as u32).trailing_zeros();
        let near = (self.laps_occupied != 0).then_some(present + u64::from(ahead));
        let far = self.far.peek().map(|event| self.lap(event.0));
        let Some(lap) = near.into_iter().chain(far).min() else { return false };
        self.serving = lap << self.ring_bits();
        if near == Some(lap) {
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

    /// Moves the events of the bucket being served into `due` and finds out their order.
    #[inline]
    fn unchain(&mut self) {
        let slot = self.serving as usize & (self.ring.len() - 1);
        let first = std::mem::replace(&mut self.ring[slot], NO_NODE);
        self.occupied[slot >> 6] &= !(1 << (slot & 63));
        // What tells events of one bucket apart, on 31 bits.
        let (base, squeeze) = (self.serving << self.shift << 8, (self.shift + 8).saturating_sub(31));
        let (mut keys, mut count) = ([i32::MIN; FEW], 0);
        let (mut node, mut last) = (first, first);
        while node != NO_NODE && count < FEW {
            let event = self.nodes[node as usize];
            self.due[count] = event;
            keys[count] = ((event.key() - base) >> squeeze) as i32;
            (count, last) = (count + 1, node);
            node = self.links[node as usize];
        }
        if node != NO_NODE || count == 0 {
            return self.unchain_many(first);
        }
        self.links[last as usize] = std::mem::replace(&mut self.free, first);
        self.in_ring -= count;
        self.pops_to_review = self.pops_to_review.saturating_sub(count as u32);
        let mut places = 0;
        for (place, later) in later_ones(&keys, count).into_iter().enumerate().take(count) {
            self.order[later as usize % FEW] = place as u8;
            places += later as usize;
        }
        self.left = count;
        // Events that are not told apart, which are rare, got the same place: then the places do not add up.
        if 2 * places != count * (count - 1) {
            self.left = 0;
            self.near.extend(self.due[..count].iter().copied().map(Reverse));
        }
    }

    #[cold]
    fn unchain_many(&mut self, first: u32) {
        let mut node = first;
        while node != NO_NODE {
            self.near.push(Reverse(self.nodes[node as usize]));
            let next = std::mem::replace(&mut self.links[node as usize], self.free);
            self.free = node;
            node = next;
            self.in_ring -= 1;
            self.pops_to_review = self.pops_to_review.saturating_sub(1);
        }
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
        self.head = Event::NEVER;
        let due = self.order[..std::mem::take(&mut self.left)].iter();
        let mut events: Vec<Event> = due.map(|place| self.due[usize::from(*place)]).collect();
        events.extend(self.near.drain().map(|event| event.0));
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
        self.left + self.near.len() + self.in_ring + self.in_laps + self.far.len()
    }
}

/// How many of the first `count` keys are later than each. Times within a bucket are random, so a sort that branches on them
/// guesses wrong about once an event; these comparisons are more, but nothing hangs on one of them, and the processor makes
/// several at once.
#[inline]
fn later_ones(keys: &[i32; FEW], count: usize) -> [i32; FEW] {
    let mut later = [0; FEW];
    for other in &keys[..count] {
        for (later, key) in later.iter_mut().zip(keys) {
            *later += i32::from(other > key);
        }
    }
    later
}
