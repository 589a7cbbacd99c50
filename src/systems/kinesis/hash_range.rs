//! Which shard a partition key belongs to.
//!
//! The MD5 of the partition key, read as a big-endian 128-bit number, is the record's hash key; the shard whose
//! range contains it takes the record (`KDS-H2`). The ranges of the open shards cover all hash keys without a gap
//! (`KDS-H4`).
//!
//! A new stream of `n` shards has ranges of width `floor(2^128 / n)`, of which the last also takes the remainder
//! (`KDS-H5`). The rule `floor(hash * n / 2^128)`, which reference workloads use, places its boundaries at
//! `ceil(i * 2^128 / n)`: the same places when `n` is a power of two, and fewer than `n` hash keys away otherwise.

use std::num::NonZeroU32;

use md5::{Digest, Md5};
use thiserror::Error;

/// The hash key of a partition key (`KDS-H2`).
pub fn hash_key(partition_key: &[u8]) -> u128 {
    u128::from_be_bytes(Md5::digest(partition_key).into())
}

/// The first hash key of each of `shards` even ranges, in order (`KDS-H5`).
pub fn starts(shards: NonZeroU32) -> impl ExactSizeIterator<Item = u128> {
    let width = even_width(shards);
    (0..shards.get()).map(move |index| u128::from(index) * width)
}

/// The index of the even range that contains `hash`: the inverse of [`starts`].
pub fn shard_of(hash: u128, shards: NonZeroU32) -> u32 {
    let last = shards.get() - 1;
    u32::try_from(hash / even_width(shards)).map_or(last, |index| index.min(last))
}

/// `floor(2^128 / shards)`, except that a single range is one hash key short, since 2^128 does not fit; its
/// start and its index come out right all the same.
pub(super) const fn even_width(shards: NonZeroU32) -> u128 {
    let shards = shards.get() as u128;
    // Dividing 2^128 - 1 instead gives the same floor unless the shards divide 2^128.
    if shards > 1 && shards.is_power_of_two() { u128::MAX / shards + 1 } else { u128::MAX / shards }
}

/// Ranges that cover all hash keys without a gap, of any widths: what resharding leaves behind.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct HashRanges {
    starts: Vec<u128>,
}

impl HashRanges {
    /// The even ranges of a new stream (`KDS-H5`).
    pub fn even(shards: NonZeroU32) -> Self {
        Self { starts: starts(shards).collect() }
    }

    /// Ranges that begin at these hash keys; each ends where the next begins, the last at 2^128 - 1.
    ///
    /// # Errors
    /// When the first start is not 0 or the starts do not grow.
    pub fn from_starts(starts: Vec<u128>) -> Result<Self, HashRangeError> {
        if starts.first() != Some(&0) {
            return Err(HashRangeError::FirstStart);
        }
        match starts.windows(2).position(|pair| pair[0] >= pair[1]) {
            Some(index) => Err(HashRangeError::Order { index: index + 1 }),
            None => Ok(Self { starts }),
        }
    }

    /// The index of the range that contains `hash`. O(log n).
    pub fn index_of(&self, hash: u128) -> usize {
        // The first start is 0, so at least one start is not above any hash.
        self.starts.partition_point(|start| *start <= hash) - 1
    }

    /// The first hash key of each range, in order.
    pub fn starts(&self) -> &[u128] {
        &self.starts
    }

    /// The first and the last hash key of a range; `None` when there is no such range.
    pub fn range(&self, index: usize) -> Option<(u128, u128)> {
        let start = *self.starts.get(index)?;
        Some((start, self.starts.get(index + 1).map_or(u128::MAX, |next| next - 1)))
    }
}

/// Why a list of starts is no cover of the hash keys.
#[derive(Clone, Copy, Debug, Error, PartialEq, Eq)]
pub enum HashRangeError {
    /// The first range must begin at 0.
    #[error("the first hash range must begin at 0.")]
    FirstStart,
    /// A range begins at or before the start of the one in front of it.
    #[error("hash range {index} must begin after the range in front of it.")]
    Order {
        /// The offending range, counted from 0.
        index: usize,
    },
}

#[cfg(test)]
mod tests {
    use super::*;
    use proptest::prelude::*;

    fn shards(count: u32) -> NonZeroU32 {
        NonZeroU32::new(count).unwrap()
    }

    /// The test suite of RFC 1321, appendix A.5.
    #[test]
    fn the_hash_key_is_the_big_endian_md5() {
        assert_eq!(hash_key(b""), 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e);
        assert_eq!(hash_key(b"abc"), 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72);
    }

    /// The figures that DescribeStream returned for real streams (KDS-H5).
    #[test]
    fn kds_h5_starts_equal_the_published_ones() {
        let three = [0, 113427455640312821154458202477256070485, 226854911280625642308916404954512140970];
        assert_eq!(starts(shards(3)).collect::<Vec<_>>(), three);
        assert_eq!(starts(shards(4)).collect::<Vec<_>>(), [0, 1 << 126, 2 << 126, 3 << 126]);
        assert_eq!(starts(shards(1)).collect::<Vec<_>>(), [0]);
    }

    #[test]
    fn uneven_ranges_are_found_and_bounded() {
        let ranges = HashRanges::from_starts(vec![0, 10, 11]).unwrap();
        assert_eq!([0, 9, 10, 11, u128::MAX].map(|hash| ranges.index_of(hash)), [0, 0, 1, 2, 2]);
        assert_eq!(ranges.range(1), Some((10, 10)));
        assert_eq!(ranges.range(3), None);
        assert_eq!(HashRanges::from_starts(vec![]), Err(HashRangeError::FirstStart));
        assert_eq!(HashRanges::from_starts(vec![0, 5, 5]), Err(HashRangeError::Order { index: 2 }));
    }

    proptest! {
        /// KDS-H4: no gap and no overlap, and both ways of looking a hash up agree.
        #[test]
        fn even_ranges_cover_all_hash_keys(count in 1_u32..3_000, hash: u128) {
            let ranges = HashRanges::even(shards(count));
            let mut next = Some(0);
            for index in 0..count {
                let (start, end) = ranges.range(index as usize).unwrap();
                prop_assert_eq!(Some(start), next);
                prop_assert_eq!(shard_of(start, shards(count)), index);
                prop_assert_eq!(shard_of(end, shards(count)), index);
                next = end.checked_add(1);
            }
            prop_assert_eq!(next, None);
            prop_assert_eq!(ranges.index_of(hash), shard_of(hash, shards(count)) as usize);
        }
    }
}
