//! Planned events at work: what begins at its moment, and what ends.

use super::Pipeline;
use super::event::Kind;
use crate::engine::queue::EventQueue;
use crate::engine::time::Nanos;
use crate::scenario::timeline::{Action, Occurrence};
use crate::systems::fleet::meter::Redelivery;
use crate::systems::kinesis::exception::Exception;

/// Schedules the beginning and the end of every planned event: handle 2n begins event n, and 2n + 1 ends it.
pub(super) fn schedule(plan: &[Occurrence], queue: &mut EventQueue) {
    for (number, occurrence) in plan.iter().enumerate() {
        let handle = 2 * number as u32;
        queue.push(occurrence.at, Kind::Planned as u8, handle);
        if let Some(until) = occurrence.until {
            queue.push(until, Kind::Planned as u8, handle + 1);
        }
    }
}

impl<const FULL: bool> Pipeline<FULL> {
    /// A planned event begins or ends.
    pub(super) fn planned(&mut self, now: Nanos, handle: u32) {
        let number = (handle / 2) as usize;
        if number >= self.plan.len() {
            let table = handle as usize - 2 * self.plan.len();
            self.wake_changes(now, table);
            return self.note_status(now, table);
        }
        let (begins, occurrence) = (handle.is_multiple_of(2), &self.plan[number]);
        let what = if begins { occurrence.what.clone() } else { format!("{}: over", occurrence.what) };
        self.timeline.planned(now, &occurrence.place, what, &occurrence.name);
        let until = occurrence.until.unwrap_or(now);
        if let (false, Action::Destination(table, _)) = (begins, &occurrence.action) {
            let table = *table;
            return self.wake_changes(now, table);
        }
        if begins && let Err(refused) = self.begin(now, occurrence.action.clone(), until) {
            let occurrence = &self.plan[number];
            let why = refused.to_string();
            self.timeline.refused(now, &occurrence.place, &why, &occurrence.name);
        }
    }

    fn begin(&mut self, now: Nanos, action: Action, until: Nanos) -> Result<(), Exception> {
        match action {
            Action::Spike => {}
            Action::Fault(part, fault) => self.disturb(now, part, fault, until),
            Action::Crash(number, worker, away) => {
                self.stop_worker(now, number, worker, (Redelivery::Crash, away));
            }
            Action::Deploy(number, away) => self.deploy(now, number, away),
            Action::CutOff(number, worker) => self.cut_worker_off(now, number, worker, until),
            Action::Destination(table, turn) => self.turn_destination(now, table, turn, until),
            Action::TableCapacity(table, index, to) => self.change_capacity(now, table, index, &to),
            Action::Retention(number, retention) => {
                self.streams[number].set_retention(now, retention);
                let readers = self.lambdas.iter_mut().filter(|consumer| consumer.stream == number);
                readers.for_each(|consumer| consumer.mapping.set_retention(retention));
            }
            Action::StreamCapacity(number, change) => self.change_stream(now, number, change),
            Action::ShardCount(number, shards) => self.update_shard_count(now, number, shards)?,
            Action::Split(number, which, at) => self.split_planned(now, number, which, at)?,
            Action::Merge(number, one, other) => self.merge_shards(now, number, one, other)?,
        }
        Ok(())
    }
}
