//! What happens to a feed whose destination is not simply active.

use super::Pipeline;
use super::change::Change;
use super::event::Kind;
use super::write::TableSource;
use crate::engine::time::Nanos;
use crate::scenario::path::resource;
use crate::systems::dynamodb::destination::{CUT_OFF_AGE, Destination, Obstacle, Turn};
use crate::systems::kinesis::log::flags;
use crate::workload::producer::Write;

impl<const FULL: bool> Pipeline<FULL> {
    /// A planned event turns a table's destination.
    pub(super) fn turn_destination(&mut self, now: Nanos, table: usize, turn: Turn, until: Nanos) {
        self.wake_changes(now, table);
        let Some(feed) = &mut self.tables[table].feed else { return };
        let destination = feed.destination.get_or_insert_default();
        // When its status changes by itself.
        let later = match turn {
            Turn::Disable(tail) => {
                destination.disable(now, tail);
                Some(tail)
            }
            Turn::Enable(after) => {
                destination.enable(now, after);
                Some(after)
            }
            Turn::LosePermission => {
                destination.deny(until);
                None
            }
            Turn::ThrottleKey(share) => {
                destination.throttle_key(until, share);
                None
            }
        };
        if let Some(wait) = later {
            self.note_status(now, table);
            let handle = (2 * self.plan.len() + table) as u32;
            self.queue.push(now + wait, Kind::Planned as u8, handle);
        }
    }

    /// Notes a destination's status in the list of what happened.
    pub(super) fn note_status(&mut self, now: Nanos, table: usize) {
        let Some(feed) = &self.tables[table].feed else { return };
        let status = feed.destination.unwrap_or_default().status(now);
        let place = format!("{}.kinesis", resource("tables", &feed.table));
        self.timeline.note(now, &place, status.name());
    }

    /// Whether a change is not captured, for then it never reaches the stream (KDC-9, KDC-R4).
    #[cold]
    pub(super) fn passes_by(&mut self, now: Nanos, table: usize, write: &Write) -> bool {
        let TableSource { feed: Some(feed), tolls, .. } = &mut self.tables[table] else { return false };
        if feed.destination.is_none_or(|destination| destination.captures(now)) {
            return false;
        }
        feed.items.items[write.key as usize].version += 1;
        feed.meter.not_captured += 1;
        tolls.note(now, ("not_captured", "made while replication was off"), 1);
        self.fingerprint.outcome(now, u64::from(write.key), 8);
        true
    }

    /// What a put meets at a destination that is not simply active: nothing, an obstacle, or the end.
    #[cold]
    pub(super) fn put_in_trouble(&mut self, now: Nanos, handle: u32, change: Change) -> Trouble {
        let TableSource { feed: Some(feed), tolls, .. } = &mut self.tables[change.table as usize] else {
            return Trouble::None;
        };
        let Some(destination) = &feed.destination else { return Trouble::None };
        if !destination.sends(now) {
            feed.meter.dropped += 1;
            let originals = u64::from(change.flags() & flags::COPY == 0);
            feed.meter.originals_dropped += originals;
            tolls.note(now, ("dropped", "waited when replication was switched off"), originals);
            self.fingerprint.outcome(now, change.identity(), 9);
            return Trouble::Ended(self.leave(handle, change));
        }
        let unit = feed.chances.key_unit(change.address(), now);
        match destination.obstacle(now, unit) {
            None => Trouble::None,
            Some(obstacle) => {
                match obstacle {
                    Obstacle::Permission => feed.meter.denied += 1,
                    Obstacle::Key => feed.meter.key_throttled += 1,
                }
                self.cut_off_if_due(now, handle);
                let Some(feed) = self.tables[change.table as usize].feed.as_mut() else {
                    return Trouble::Waits;
                };
                let change = self.changes.get_mut(handle);
                feed.put_failed::<FULL>(now, handle, change);
                if !feed.falls_asleep(now, handle, change, change.failures) {
                    feed.try_again_later(now, handle, change, &mut self.queue);
                }
                Trouble::Waits
            }
        }
    }

    /// Whether this change has waited too long is looked at whenever a put of it fails.
    #[inline(always)]
    pub(super) fn cut_off_if_due(&mut self, now: Nanos, handle: u32) {
        let change = self.changes.get(handle);
        if change.is_overdue(now) {
            self.cut_off(now, change.table as usize);
        }
    }

    /// A change has waited for a week: replication is switched off, and what waits is lost (KDC-R3, KDC-R4).
    #[cold]
    fn cut_off(&mut self, now: Nanos, table: usize) {
        let Some(feed) = &mut self.tables[table].feed else { return };
        let destination = feed.destination.get_or_insert_default();
        if destination.sends(now) {
            destination.disable(now, 0);
            let hours = CUT_OFF_AGE / crate::engine::time::HOUR;
            let place = format!("{}.kinesis", resource("tables", &feed.table));
            let what = format!("a change waited for {hours} h: replication is switched off");
            self.timeline.note(now, &place, what);
            self.wake_changes(now, table);
        }
    }
}

/// What became of a put at a destination in trouble.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) enum Trouble {
    /// Nothing stands in its way.
    None,
    /// It waits for another try.
    Waits,
    /// It ended; the change of the same item that waited behind it may be tried now.
    Ended(Option<u32>),
}

impl super::feed::Feed {
    /// The destination, if something has happened to it.
    pub fn destination(&self) -> Option<&Destination> {
        self.destination.as_ref()
    }
}
