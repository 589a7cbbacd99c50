//! The KPL's aggregated record, to the byte (KPL-7).
//!
//! Several user records travel in one Kinesis record: four bytes of magic, a protobuf message, and its MD5. The message
//! holds a table of partition keys, a table of explicit hash keys where records bring some, and the records, which
//! refer to the tables by number. The Kinesis record itself goes by the hash key of its first member and has the
//! partition key `a`. A record that stays alone is put as it is.

use std::collections::BTreeMap;

/// Magic number and MD5 around the message.
pub const FIXED_BYTES: u32 = 4 + 16;
/// The aggregate's own partition key, `a`.
pub const PARTITION_KEY_BYTES: u32 = 1;

/// A user record as far as its size in an aggregate goes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Content {
    /// Number of its partition key.
    pub key: u32,
    /// Length of that key's text.
    pub key_bytes: u32,
    /// Its explicit hash key, if it brings one (KDS-H3).
    pub explicit: Option<u128>,
    /// Bytes of its data.
    pub data: u32,
}

/// An aggregate that is being filled: what of it decides how long it will be.
#[derive(Clone, Debug, Default)]
pub struct Aggregate {
    keys: BTreeMap<u32, u32>,
    hashes: BTreeMap<u128, u32>,
    message: u32,
    count: u32,
    /// Size of the first member if it stays alone.
    alone: u32,
}

impl Aggregate {
    /// User records in it.
    pub fn count(&self) -> u32 {
        self.count
    }

    /// Bytes of data that Kinesis gets for it, its partition key left out.
    pub fn data_bytes(&self) -> u32 {
        if self.count < 2 { self.alone } else { FIXED_BYTES + self.message }
    }

    /// The same, once this record has joined.
    pub fn data_bytes_with(&self, record: &Content) -> u32 {
        if self.count == 0 { record.data } else { FIXED_BYTES + self.message + self.growth(record) }
    }

    /// Adds a record.
    pub fn add(&mut self, record: &Content) {
        self.message += self.growth(record);
        let (keys, hashes) = (self.keys.len() as u32, self.hashes.len() as u32);
        self.keys.entry(record.key).or_insert(keys);
        if let Some(hash) = record.explicit {
            self.hashes.entry(hash).or_insert(hashes);
        }
        if self.count == 0 {
            self.alone = record.data;
        }
        self.count += 1;
    }

    /// Empties it.
    pub fn clear(&mut self) {
        *self = Self::default();
    }

    /// Bytes of the message that a record adds: itself, and what the tables lack.
    fn growth(&self, record: &Content) -> u32 {
        let known = self.keys.get(&record.key);
        let mut inner = field(record.data) + 1 + varint(known.copied().unwrap_or(self.keys.len() as u32));
        let mut tables = if known.is_some() { 0 } else { field(record.key_bytes) };
        if let Some(hash) = record.explicit {
            let known = self.hashes.get(&hash);
            inner += 1 + varint(known.copied().unwrap_or(self.hashes.len() as u32));
            tables += if known.is_some() { 0 } else { field(digits(hash)) };
        }
        tables + field(inner)
    }
}

/// Bytes of a field of this length, in a message whose field numbers are below 16: tag, length, content.
fn field(length: u32) -> u32 {
    1 + varint(length) + length
}

/// Bytes of a number: seven bits each.
fn varint(number: u32) -> u32 {
    (32 - (number | 1).leading_zeros()).div_ceil(7)
}

fn digits(number: u128) -> u32 {
    number.checked_ilog10().unwrap_or(0) + 1
}

#[cfg(test)]
mod tests {
    use super::*;

    fn content(key: u32, data: u32) -> Content {
        Content { key, key_bytes: 8, explicit: None, data }
    }

    /// By hand from aggregation-format.md: key table entries of 1 + 1 + 8 bytes; a record of 100 bytes of data has
    /// 1 + 1 + 100 of data and 1 + 1 of key index, so 104 bytes, with 1 + 1 in front of them.
    #[test]
    fn kpl_7_an_aggregate_is_magic_message_and_md5() {
        let mut aggregate = Aggregate::default();
        aggregate.add(&content(7, 100));
        assert_eq!(aggregate.data_bytes(), 100, "a record that stays alone is put as it is");
        assert_eq!(aggregate.data_bytes_with(&content(7, 100)), 20 + 10 + 2 * 106);
        aggregate.add(&content(7, 100));
        assert_eq!(aggregate.data_bytes(), 20 + 10 + 2 * 106);
        aggregate.add(&content(8, 100));
        assert_eq!(aggregate.data_bytes(), 20 + 2 * 10 + 3 * 106);
        // 128 bytes take two bytes of length, and so does the record around them.
        let before = aggregate.data_bytes();
        aggregate.add(&content(8, 128));
        assert_eq!(aggregate.data_bytes() - before, 1 + 2 + (1 + 2 + 128) + 2);
    }

    #[test]
    fn kpl_7_kds_h3_explicit_hash_keys_have_a_table_of_their_own() {
        let mut aggregate = Aggregate::default();
        let with = |hash| Content { explicit: Some(hash), ..content(1, 10) };
        aggregate.add(&with(0));
        aggregate.add(&with(u128::MAX));
        // Keys 10; hashes 1 + 1 + 1 digit and 1 + 1 + 39 digits; records 2 + (12 + 2 + 2).
        assert_eq!(aggregate.data_bytes(), 20 + 10 + 3 + 41 + 2 * 18);
    }
}
