//! Flows of events that are in time order already: only the first one of each competes.

use super::event::Event;
use std::collections::VecDeque;
use std::hint::select_unpredictable;

/// A flow of events in time order that waits outside the wheel.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Lane(u8);

/// Lanes that can compete; further ones are like no lane at all.
const LANES_MAX: u8 = 64;

/// What waits in a lane behind its first event.
#[derive(Clone, Debug)]
struct Waiting {
    behind: VecDeque<Event>,
    /// The last event that ever joined: the next one is not to come before it.
    last: Event,
}

/// All lanes.
#[derive(Clone, Debug)]
pub(super) struct Lanes {
    /// The first event of all, or never.
    first: Event,
    first_lane: u8,
    /// A power of two, so that a few lanes make a low tree.
    leaves: u8,
    waiting: Vec<Waiting>,
    /// The first event of each lane, or never. As long as a byte can count, so that any byte finds its place.
    heads: [Event; 256],
    /// A tree of winners over the first `leaves` lanes: which one has the earliest head below each node. Node 1 is the root, the
    /// children of node `n` are `2n` and `2n + 1`, and the leaves are the lanes.
    winners: [u8; 256],
}

impl Default for Lanes {
    fn default() -> Self {
        Self {
            first: Event::NEVER,
            first_lane: 0,
            leaves: 1,
            waiting: Vec::new(),
            heads: [Event::NEVER; 256],
            winners: [0; 256],
        }
    }
}

impl Lanes {
    /// Opens a lane.
    pub(super) fn open(&mut self) -> Lane {
        let number = self.waiting.len().min(usize::from(LANES_MAX)) as u8;
        if number < LANES_MAX {
            self.waiting.push(Waiting { behind: VecDeque::new(), last: Event::FIRST });
            self.leaves = (number + 1).next_power_of_two();
            (0..self.leaves).for_each(|lane| self.winners[usize::from(self.leaves + lane)] = lane);
            (0..self.leaves).for_each(|lane| self.compete(lane, self.heads[usize::from(lane)]));
        }
        Lane(number)
    }

    /// The first event of all lanes, or never.
    #[inline(always)]
    pub(super) fn first(&self) -> Event {
        self.first
    }

    /// Adds an event to a lane, unless a later one is there; whether it did.
    #[inline(always)]
    pub(super) fn join(&mut self, lane: Lane, event: Event) -> bool {
        let Some(waiting) = self.waiting.get_mut(usize::from(lane.0)) else { return false };
        if waiting.last > event {
            return false;
        }
        waiting.last = event;
        if self.heads[usize::from(lane.0)] == Event::NEVER {
            self.compete(lane.0, event);
        } else {
            waiting.behind.push_back(event);
        }
        true
    }

    /// Takes the first event of all, which is there.
    #[inline]
    pub(super) fn pop(&mut self) -> Event {
        let (event, lane) = (self.first, self.first_lane);
        let next = self.waiting[usize::from(lane)].behind.pop_front();
        self.compete(lane, next.unwrap_or(Event::NEVER));
        event
    }

    /// Finds the first head of all again, now that this lane has another one: it meets the winners along its way to the root.
    /// Who wins is anybody's guess, so nothing branches on it.
    #[inline]
    fn compete(&mut self, lane: u8, head: Event) {
        self.heads[usize::from(lane)] = head;
        let (mut winner, mut head, mut node) = (lane, head, self.leaves + lane);
        while node > 1 {
            let rival = self.winners[usize::from(node ^ 1)];
            let other = self.heads[usize::from(rival)];
            let earlier = other < head;
            winner = select_unpredictable(earlier, rival, winner);
            head = Event::select(earlier, other, head);
            node /= 2;
            self.winners[usize::from(node)] = winner;
        }
        (self.first_lane, self.first) = (winner, head);
    }

    /// Takes every event out, with its lane, in no particular order.
    pub(super) fn drain(&mut self) -> Vec<(Event, Lane)> {
        let mut events = Vec::new();
        for (lane, waiting) in self.waiting.iter_mut().enumerate() {
            let head = std::mem::replace(&mut self.heads[lane], Event::NEVER);
            let there = Some(head).filter(|head| *head != Event::NEVER);
            let all = there.into_iter().chain(waiting.behind.drain(..));
            events.extend(all.map(|event| (event, Lane(lane as u8))));
            waiting.last = Event::FIRST;
        }
        self.first = Event::NEVER;
        events
    }

    /// How many events wait.
    pub(super) fn len(&self) -> usize {
        let heads = self.heads[..self.waiting.len()].iter().filter(|head| **head != Event::NEVER).count();
        heads + self.waiting.iter().map(|waiting| waiting.behind.len()).sum::<usize>()
    }
}
