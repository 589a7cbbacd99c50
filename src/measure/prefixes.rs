//! Objects by the prefix and the hour in their names (FH-O2, FH-O3).

use std::collections::BTreeMap;

use crate::systems::kinesis::log::Micros;

/// Pairs of a prefix and an hour that are told apart at most; objects of further ones are counted together.
pub const PREFIXES_MAX: usize = 10_000;

/// Objects of one prefix and hour.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Objects {
    /// How many.
    pub objects: u64,
    /// Bytes in them, as stored.
    pub bytes: u64,
    /// Records in them.
    pub records: u64,
}

impl Objects {
    fn add(&mut self, other: Self) {
        self.objects += other.objects;
        self.bytes += other.bytes;
        self.records += other.records;
    }
}

/// The objects of one delivery stream. O(log n) an object.
#[derive(Clone, Debug, Default)]
pub struct Prefixes {
    /// The time since a full hour at virtual time 0.
    into_hour: i64,
    /// The time that one name is for, microseconds: an hour, or less where names tell it more closely.
    period: i64,
    by: BTreeMap<(u32, i64), Objects>,
    rest: Objects,
}

impl Prefixes {
    /// None yet, of a run that starts at this moment, seconds since 1970; each name is for so many seconds.
    pub fn new(start: i64, period: u64) -> Self {
        let period = period.cast_signed() * 1_000_000;
        Self { into_hour: start.rem_euclid(3_600) * 1_000_000, period, ..Self::default() }
    }

    /// Notes a complete object of a partition, whose oldest record arrived at a moment.
    pub fn note(&mut self, partition: u32, oldest_arrival: Micros, records: u64, bytes: u64) {
        // What was there before the run arrived at moments that wrap around below 0.
        let hour = (oldest_arrival.cast_signed() + self.into_hour).div_euclid(self.period);
        let object = Objects { objects: 1, bytes, records };
        let full = self.by.len() == PREFIXES_MAX;
        match self.by.get_mut(&(partition, hour)) {
            Some(objects) => objects.add(object),
            None if full => self.rest.add(object),
            None => _ = self.by.insert((partition, hour), object),
        }
    }

    /// Each partition, the microsecond since the start of the run in which its hour begins, and its objects.
    pub fn iter(&self) -> impl Iterator<Item = (u32, i64, Objects)> {
        self.by
            .iter()
            .map(|((partition, hour), objects)| (*partition, hour * self.period - self.into_hour, *objects))
    }

    /// Objects of further prefixes and hours.
    pub fn rest(&self) -> Objects {
        self.rest
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn fh_o3_an_object_lies_in_the_hour_in_which_its_oldest_record_arrived() {
        // The run starts at half past: what arrives 29 minutes later lies in the first hour, and what was there before, too.
        let mut prefixes = Prefixes::new(1_767_571_200 + 1_800, 3_600);
        let minute = 60_000_000;
        for at in [0, 29 * minute, 31 * minute, (-29_i64 * 60_000_000).cast_unsigned()] {
            prefixes.note(7, at, 10, 100);
        }
        let of = |objects, bytes, records| Objects { objects, bytes, records };
        let half = 1_800_000_000;
        let all: Vec<_> = prefixes.iter().collect();
        assert_eq!(all, [(7, -half, of(3, 300, 30)), (7, half, of(1, 100, 10))]);
    }

    #[test]
    fn further_prefixes_are_counted_together() {
        let mut prefixes = Prefixes::new(0, 3_600);
        (0..PREFIXES_MAX as u32 + 5).for_each(|partition| prefixes.note(partition, 0, 1, 2));
        prefixes.note(3, 1, 1, 2);
        let of = |objects| Objects { objects, bytes: 2 * objects, records: objects };
        assert_eq!((prefixes.iter().count(), prefixes.rest()), (PREFIXES_MAX, of(5)));
        assert_eq!(prefixes.iter().nth(3), Some((3, 0, of(2))));
    }
}
