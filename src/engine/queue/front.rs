//! The bucket being served: its events in the order in which they leave.

use super::event::Event;
use std::cmp::Reverse;
use std::collections::BinaryHeap;

/// So many events of a bucket are sorted without a branch.
const FEW: usize = 16;

/// The bucket being served.
#[derive(Clone, Debug)]
pub(super) struct Front {
    /// The first event, or never.
    head: Event,
    /// What the bucket held when its turn came, in no order.
    due: [Event; FEW],
    /// The places in `due` of the first `left` events, so that the next one is last.
    order: [u8; FEW],
    left: usize,
    /// The same where there are too many, or some that are not told apart: sorted so that the next one is last.
    crowd: Vec<Event>,
    /// Events pushed since.
    pushed: BinaryHeap<Reverse<Event>>,
}

impl Default for Front {
    fn default() -> Self {
        Self {
            head: Event::NEVER,
            due: [Event::NEVER; FEW],
            order: [0; FEW],
            left: 0,
            crowd: Vec::new(),
            pushed: BinaryHeap::new(),
        }
    }
}

impl Front {
    /// The first event, or never.
    #[inline(always)]
    pub(super) fn head(&self) -> Event {
        self.head
    }

    /// Forgets the head and looks at the event behind it.
    #[inline]
    pub(super) fn drop_head(&mut self) {
        if self.left > 0 && self.pushed.is_empty() {
            self.left -= 1;
            self.head = self.first_due();
        } else {
            self.drop_head_of_several();
        }
    }

    #[inline(never)]
    fn drop_head_of_several(&mut self) {
        if self.pushed.peek().is_some_and(|pushed| pushed.0 == self.head) {
            self.pushed.pop();
        } else if self.left > 0 {
            self.left -= 1;
        } else {
            self.crowd.pop();
        }
        let pushed = self.pushed.peek().map_or(Event::NEVER, |pushed| pushed.0);
        self.head = pushed.min(self.first_due());
    }

    #[inline]
    fn first_due(&self) -> Event {
        match self.left {
            0 => self.crowd.last().copied().unwrap_or(Event::NEVER),
            left => self.due[usize::from(self.order[(left - 1) % FEW]) % FEW],
        }
    }

    /// Adds an event.
    pub(super) fn push(&mut self, event: Event) {
        self.pushed.push(Reverse(event));
        self.head = self.head.min(event);
    }

    /// Takes in all events of a bucket whose turn has come, when nothing is left of the one before; how many they are. None
    /// has a key below `base`, and keys differ from it by less than 2^(31 + `squeeze`).
    #[inline]
    pub(super) fn fill(&mut self, events: impl Iterator<Item = Event>, base: u64, squeeze: u32) -> usize {
        let (mut keys, mut count) = ([i32::MIN; FEW], 0);
        for event in events {
            if count < FEW {
                self.due[count] = event;
                keys[count] = ((event.key() - base) >> squeeze) as i32;
            } else {
                self.crowd.push(event);
            }
            count += 1;
        }
        self.left = count.min(FEW);
        if count > FEW || !self.put_in_order(&keys) {
            self.sort_as_crowd();
        }
        self.head = self.first_due();
        count
    }

    /// Finds out the order of the few that are due by these keys; whether it tells all of them apart.
    #[inline]
    fn put_in_order(&mut self, keys: &[i32; FEW]) -> bool {
        let (few, mut places) = (self.left, 0);
        for (place, later) in later_ones(keys, few).into_iter().enumerate().take(few) {
            self.order[later as usize % FEW] = place as u8;
            places += later as usize;
        }
        // Two that are not told apart got the same place: then the places do not add up.
        2 * places == few * few.saturating_sub(1)
    }

    #[inline(never)]
    fn sort_as_crowd(&mut self) {
        self.crowd.extend_from_slice(&self.due[..std::mem::take(&mut self.left)]);
        self.crowd.sort_unstable_by(|one, other| other.cmp(one));
    }

    /// Takes every event out, in no particular order.
    pub(super) fn drain(&mut self) -> Vec<Event> {
        self.head = Event::NEVER;
        let due = self.order[..std::mem::take(&mut self.left)].iter();
        let mut events: Vec<Event> = due.map(|place| self.due[usize::from(*place)]).collect();
        events.append(&mut self.crowd);
        events.extend(self.pushed.drain().map(|event| event.0));
        events
    }

    /// How many events wait.
    pub(super) fn len(&self) -> usize {
        self.left + self.crowd.len() + self.pushed.len()
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
