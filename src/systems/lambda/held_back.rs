//! What holds a lane's records back besides the work itself: tries that were refused for want of concurrency, and batches that
//! were tried again. Each moment is one of these or neither, so that a record which waited has each millisecond in one part.

use crate::engine::time::{MICROSECOND, Nanos};
use crate::systems::kinesis::log::Micros;
use crate::systems::stalls::Stalls;

/// When a lane's tries were refused, and when its batches were tried again.
#[derive(Clone, Debug, Default)]
pub struct HeldBack {
    /// When tries waited because they were refused.
    refused: Stalls,
    /// From the first failure of each batch to its end, without what was refused meanwhile.
    retried: Stalls,
    /// Up to when the present batch has such time behind it.
    noted: Nanos,
    /// The same of the time in which the shard was not read for want of room.
    unread: [Stalls; 2],
}

/// How long something was refused, and how long something was tried again; microseconds.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Back {
    /// Waiting for concurrency.
    pub refused: Micros,
    /// For the retries of a batch.
    pub retried: Micros,
}

impl HeldBack {
    /// A try was refused from one moment on and let in at another; its batch had failed first at `failed`, if it had. Nobody
    /// asks about times before `oldest` any more.
    #[cold]
    pub fn note_refused(&mut self, from: Nanos, until: Nanos, failed: Option<Nanos>, oldest: Option<Micros>) {
        failed.into_iter().for_each(|failed| self.note_retried(failed, from, oldest));
        oldest.into_iter().for_each(|oldest| self.refused.forget(oldest));
        self.refused.note(from / MICROSECOND, until / MICROSECOND);
        self.noted = until;
    }

    /// A batch that had failed first at one moment was still being tried again, or came to its end, at another.
    #[cold]
    pub fn note_retried(&mut self, failed: Nanos, until: Nanos, oldest: Option<Micros>) {
        oldest.into_iter().for_each(|oldest| self.retried.forget(oldest));
        let from = failed.max(self.noted);
        if from < until {
            self.retried.note(from / MICROSECOND, until / MICROSECOND);
            self.noted = until;
        }
    }

    /// Finds out what was such time when the shard was not read for want of room, before the records of a batch are asked for.
    #[inline]
    pub fn while_unread(&mut self, stalls: &Stalls) {
        if !self.refused.is_empty() || !self.retried.is_empty() {
            self.unread = [&self.refused, &self.retried].map(|own| own.during(stalls));
        }
    }

    /// What a record waited for while earlier batches left no room to read it, and then in its lane from when it came to when its
    /// batch was gathered.
    pub fn behind_others(&self, appended: Micros, came: Micros, gathered: Micros) -> Back {
        let [refused, retried] = &self.unread;
        Back {
            refused: refused.between(appended, came) + self.refused.between(came, gathered),
            retried: retried.between(appended, came) + self.retried.between(came, gathered),
        }
    }

    /// For how long tries were refused from one moment to another.
    pub fn refused_between(&self, from: Micros, until: Micros) -> Micros {
        self.refused.between(from, until)
    }
}
