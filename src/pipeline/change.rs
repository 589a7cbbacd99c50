//! A change on its way from a table to a stream: 32 bytes in a slab.

use crate::engine::time::{MICROSECOND, Nanos};
use crate::systems::dynamodb::destination::CUT_OFF_AGE;
use crate::workload::producer::ChangeRecord;

/// A change, or a copy of one, between the table's acceptance and the shard's.
#[derive(Clone, Copy, Debug)]
pub struct Change {
    /// When it was meant to be written.
    pub written: Nanos,
    /// Number of its item in its table.
    pub key: u32,
    /// The version that it made of the item.
    pub version: u32,
    bytes_and_flags: u32,
    /// The feed's delay for it, microseconds (saturating at 71 minutes).
    pub propagation: u32,
    /// The shard it goes to; or, under [`LINKED`], the next change of the same item, which waits behind it.
    pub link: u32,
    /// Change data capture units of one attempt (KDC-M1).
    pub units: u16,
    /// Refused puts so far, saturating.
    pub failures: u8,
    /// Number of its table.
    pub table: u8,
}

/// Set while this change is refused and later changes of its item have to wait behind it.
pub const LEADS: u8 = 8;
/// Set when a later change of the item waits behind this one.
pub const LINKED: u8 = 16;
/// Set on both copies of a change that is sent twice.
pub const TWICE: u8 = 32;
/// Set once an attempt has reached the stream and was metered, so that further ones are metered as retries (KDC-M2).
pub const METERED: u8 = 64;

impl Change {
    /// A change that a table accepted as version `version` of an item, and how long its feed delays it.
    #[inline]
    pub fn new(
        written: Nanos,
        table: u8,
        key: u32,
        version: u32,
        record: ChangeRecord,
        delay: Nanos,
    ) -> Self {
        debug_assert!(record.bytes < 1 << 24, "records are smaller than 16 MiB");
        Self {
            written,
            key,
            version,
            bytes_and_flags: record.bytes,
            propagation: u32::try_from(delay / MICROSECOND).unwrap_or(u32::MAX),
            link: 0,
            units: record.units,
            failures: 0,
            table,
        }
    }

    /// Notes that the feed, which took it up at `now`, delays it to `ready`.
    #[inline]
    pub fn delayed_to(&mut self, now: Nanos, ready: Nanos) {
        self.propagation = u32::try_from((ready - now) / MICROSECOND).unwrap_or(u32::MAX);
    }

    /// Whether it has waited so long that its table gives up replication (KDC-R3).
    #[inline]
    pub fn is_overdue(&self, now: Nanos) -> bool {
        now - self.written >= CUT_OFF_AGE
    }

    /// Bytes it takes in the stream.
    #[inline]
    pub fn bytes(&self) -> u32 {
        self.bytes_and_flags & 0xff_ffff
    }

    /// Its flags: those of a record, and [`LEADS`].
    #[inline]
    pub fn flags(&self) -> u8 {
        (self.bytes_and_flags >> 24) as u8
    }

    /// Units of this attempt if an earlier one was metered, which makes it a retry (KDC-M2).
    #[inline]
    pub fn units_retried(&self) -> u64 {
        u64::from(self.units) * u64::from(self.flags() & METERED != 0)
    }

    /// Sets flags.
    #[inline]
    pub fn set(&mut self, flags: u8) {
        self.bytes_and_flags |= u32::from(flags) << 24;
    }

    /// What its random draws are addressed by: the same in every variant of a scenario, whatever its fate.
    #[inline]
    pub fn address(&self) -> u64 {
        self.written ^ (u64::from(self.key) << 24)
    }

    /// Its identity among the outcomes of a run.
    #[inline]
    pub fn identity(&self) -> u64 {
        (u64::from(self.key) << 32) | u64::from(self.version)
    }
}

#[cfg(test)]
mod tests {
    #[test]
    fn a_change_in_flight_takes_32_bytes() {
        assert_eq!(size_of::<super::Change>(), 32);
    }
}
