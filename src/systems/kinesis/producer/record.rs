//! What a client holds: user records, and the Kinesis records that it packs them into.

use crate::engine::slab::Slab;
use crate::engine::time::{MICROSECOND, Nanos};

/// No record.
pub const NOBODY: u32 = u32::MAX;

/// A user record between its making and the client's last word on it: 32 bytes in a slab.
#[derive(Clone, Copy, Debug)]
pub struct UserRecord {
    /// When it was meant to be written.
    pub written: Nanos,
    /// Number of its partition key.
    pub key: u32,
    /// It is the so-manieth record of its key.
    pub version: u32,
    /// Bytes of its data.
    pub data: u32,
    /// Microseconds from its making to its first call; [`NOBODY`] before that.
    pub buffered: u32,
    /// The next record of its parcel, or the next one of its key, which waits behind it.
    pub link: u32,
    /// Calls it was in, saturating.
    pub attempts: u16,
    /// See [`mark`].
    pub marks: u8,
}

/// What a user record's marks mean.
pub mod mark {
    /// It is in the stream, whether its client knows or not.
    pub const ACCEPTED: u8 = 1;
    /// A shard refused it at least once.
    pub const REFUSED: u8 = 2;
}

impl UserRecord {
    /// A record that was just made.
    pub fn new(written: Nanos, key: u32, version: u32, data: u32) -> Self {
        Self { written, key, version, data, buffered: NOBODY, link: NOBODY, attempts: 0, marks: 0 }
    }

    /// Whether all of these marks are set.
    pub fn has(&self, marks: u8) -> bool {
        self.marks & marks == marks
    }

    /// Notes that a call at `now` takes it along.
    pub fn sent(&mut self, now: Nanos) {
        if self.buffered == NOBODY {
            let micros = now / MICROSECOND - self.written / MICROSECOND;
            self.buffered = u32::try_from(micros).unwrap_or(NOBODY - 1).min(NOBODY - 1);
        }
        self.attempts = self.attempts.saturating_add(1);
    }
}

/// A Kinesis record to be put: one user record, or an aggregate of several, in the order of their links.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Parcel {
    /// Its first member, by whose hash key it goes.
    pub first: u32,
    /// Its last member.
    pub last: u32,
    /// Members.
    pub count: u32,
    /// Bytes that Kinesis counts: data and partition key.
    pub bytes: u32,
    /// Whether its last call put it into the stream.
    pub accepted: bool,
}

impl Parcel {
    /// A user record by itself.
    pub fn single(handle: u32, bytes: u32) -> Self {
        Self { first: handle, last: handle, count: 1, bytes, accepted: false }
    }

    /// Handles of its members.
    pub fn members<'a>(&self, records: &'a Slab<UserRecord>) -> impl Iterator<Item = u32> + use<'a> {
        let mut next = self.first;
        (0..self.count).map(move |_| {
            let member = next;
            next = records.get(member).link;
            member
        })
    }

    /// Appends a member.
    pub fn join(&mut self, handle: u32, records: &mut Slab<UserRecord>) {
        if self.count > 0 {
            records.get_mut(self.last).link = handle;
        } else {
            self.first = handle;
        }
        self.last = handle;
        self.count += 1;
    }
}

impl Default for Parcel {
    /// Without a member yet.
    fn default() -> Self {
        Self { first: NOBODY, last: NOBODY, count: 0, bytes: 0, accepted: false }
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_user_record_in_flight_takes_32_bytes() {
        assert_eq!(size_of::<super::UserRecord>(), 32);
    }
}
