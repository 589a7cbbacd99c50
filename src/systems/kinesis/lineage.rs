//! A stream's shards, present and past: which hash keys each has, whom it came from, whether it takes records.
//!
//! The open shards cover all hash keys without gap or overlap at every moment (`KDS-H4`): a split puts two in the
//! place of one, a merge one in the place of two neighbours. Shards are numbered as they are made and never forgotten.

use std::num::NonZeroU32;

use super::exception::Exception;
use super::hash_range;
use crate::engine::time::Nanos;

/// Shards that one stream can make in one run: their numbers take 16 bits.
pub const SHARDS_EVER_MAX: usize = 1 << 16;

/// A shard's place in its family.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Kin {
    /// Its first hash key.
    pub start: u128,
    /// Its last hash key.
    pub end: u128,
    /// Those it was split or merged from: none, one or two.
    pub parents: Vec<u16>,
    /// Those that took its place.
    pub children: Vec<u16>,
    /// When it opened.
    pub opened: Nanos,
    /// When it closed: readable until retention has passed, then expired (`KDS-S6`).
    pub closed: Option<Nanos>,
}

impl Kin {
    /// Its share of all hash keys.
    pub fn share(&self) -> f64 {
        (self.end - self.start) as f64 / u128::MAX as f64
    }
}

/// What a shard does.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardState {
    /// It takes records.
    Open,
    /// It takes none; what it holds can be read.
    Closed,
    /// Retention has removed all it held.
    Expired,
}

/// The name by which AWS calls shard `number` (`KDS-H6`).
pub fn shard_id(number: usize) -> String {
    format!("shardId-{number:012}")
}

/// The number of the shard with this name.
pub fn shard_number(id: &str) -> Option<usize> {
    id.strip_prefix("shardId-")?.parse().ok()
}

/// All shards that a stream ever had.
#[derive(Clone, Debug)]
pub struct Lineage {
    shards: Vec<Kin>,
    /// Open shards in the order of their hash keys.
    open: Vec<u16>,
}

impl Lineage {
    /// The even shards of a new stream (`KDS-H5`); at most [`SHARDS_EVER_MAX`].
    pub fn even(shards: NonZeroU32) -> Self {
        Self::from_starts(&hash_range::starts(shards).collect::<Vec<_>>())
    }

    /// Open shards that begin at these keys, in order, of which the first is 0.
    pub fn from_starts(starts: &[u128]) -> Self {
        let end = |number: usize| starts.get(number + 1).map_or(u128::MAX, |next| next - 1);
        let kin = |(number, start): (usize, &u128)| Kin {
            start: *start,
            end: end(number),
            parents: Vec::new(),
            children: Vec::new(),
            opened: 0,
            closed: None,
        };
        Self {
            shards: starts.iter().enumerate().map(kin).collect(),
            open: (0..starts.len() as u16).collect(),
        }
    }

    /// One of the shards.
    pub fn shard(&self, number: usize) -> Option<&Kin> {
        self.shards.get(number)
    }

    /// All shards ever made, by number.
    pub fn shards(&self) -> &[Kin] {
        &self.shards
    }

    /// The open shards, in the order of their hash keys.
    pub fn open(&self) -> &[u16] {
        &self.open
    }

    /// What a shard does at `now` where records stay for `retention`.
    pub fn state(&self, number: usize, now: Nanos, retention: Nanos) -> ShardState {
        match self.shards[number].closed {
            None => ShardState::Open,
            Some(closed) if now.saturating_sub(closed) < retention => ShardState::Closed,
            Some(_) => ShardState::Expired,
        }
    }

    /// The open shard that takes this hash key (`KDS-H2`). O(log n).
    pub fn shard_of(&self, hash: u128) -> u16 {
        self.open[self.place_of(hash)]
    }

    fn place_of(&self, hash: u128) -> usize {
        // The first open shard begins at 0, so at least one begins no later than any hash key.
        self.open.partition_point(|shard| self.shards[usize::from(*shard)].start <= hash) - 1
    }

    /// SplitShard: two shards take the place of one, the second from hash key `at` on (`KDS-S5`).
    ///
    /// # Errors
    /// A shard that does not exist or is not open, and a hash key that would leave one of the two without any.
    pub fn split(&mut self, now: Nanos, number: usize, at: u128) -> Result<[u16; 2], Exception> {
        self.check_split(number, at)?;
        let Kin { start, end, .. } = self.shards[number];
        let place = self.place_of(start);
        let parent = vec![number as u16];
        let lower = self.add(now, start, at - 1, parent.clone());
        let upper = self.add(now, at, end, parent);
        self.open.splice(place..=place, [lower, upper]);
        self.close(now, number, vec![lower, upper]);
        Ok([lower, upper])
    }

    /// One shard takes the place of another one as it is, as those of DynamoDB streams do from time to time (`DDS-S3`).
    ///
    /// # Errors
    /// A shard that does not exist or is not open.
    pub fn roll_over(&mut self, now: Nanos, number: usize) -> Result<u16, Exception> {
        let Kin { start, end, .. } = *self.open_shard(number)?;
        self.room_for(1)?;
        let place = self.place_of(start);
        let child = self.add(now, start, end, vec![number as u16]);
        self.open.splice(place..=place, [child]);
        self.close(now, number, vec![child]);
        Ok(child)
    }

    /// Whether [`split`](Self::split) would be refused.
    pub(super) fn check_split(&self, number: usize, at: u128) -> Result<(), Exception> {
        let shard = self.open_shard(number)?;
        if at <= shard.start || at > shard.end {
            let message = format!(
                "hash key {at} does not lie inside the range {} to {} of {}",
                shard.start,
                shard.end,
                shard_id(number)
            );
            return Err(Exception::InvalidArgument(message));
        }
        self.room_for(2)
    }

    /// MergeShards: one shard takes the place of two neighbours (`KDS-S5`), named in either order.
    ///
    /// # Errors
    /// Shards that do not exist, are not open or are no neighbours.
    pub fn merge(&mut self, now: Nanos, one: usize, other: usize) -> Result<u16, Exception> {
        let (lower, upper) = self.check_merge(one, other)?;
        let (start, end) = (self.shards[lower].start, self.shards[upper].end);
        let place = self.place_of(start);
        let child = self.add(now, start, end, vec![lower as u16, upper as u16]);
        self.open.splice(place..=place + 1, [child]);
        self.close(now, lower, vec![child]);
        self.close(now, upper, vec![child]);
        Ok(child)
    }

    /// The two in the order of their hash keys, unless [`merge`](Self::merge) would be refused.
    pub(super) fn check_merge(&self, one: usize, other: usize) -> Result<(usize, usize), Exception> {
        let first = self.open_shard(one)?.start;
        let second = self.open_shard(other)?.start;
        let (lower, upper) = if first <= second { (one, other) } else { (other, one) };
        if self.shards[lower].end.checked_add(1) != Some(self.shards[upper].start) {
            let message = format!("{} and {} are not adjacent", shard_id(one), shard_id(other));
            return Err(Exception::InvalidArgument(message));
        }
        self.room_for(1)?;
        Ok((lower, upper))
    }

    fn open_shard(&self, number: usize) -> Result<&Kin, Exception> {
        let id = || shard_id(number);
        let shard = self.shards.get(number).ok_or_else(|| Exception::ResourceNotFound(id()))?;
        match shard.closed {
            None => Ok(shard),
            Some(_) => Err(Exception::InvalidArgument(format!("{} is closed", id()))),
        }
    }

    fn room_for(&self, more: usize) -> Result<(), Exception> {
        if self.shards.len() + more <= SHARDS_EVER_MAX {
            return Ok(());
        }
        Err(Exception::LimitExceeded(format!("this program numbers {SHARDS_EVER_MAX} shards a stream")))
    }

    fn add(&mut self, now: Nanos, start: u128, end: u128, parents: Vec<u16>) -> u16 {
        self.shards.push(Kin { start, end, parents, children: Vec::new(), opened: now, closed: None });
        (self.shards.len() - 1) as u16
    }

    fn close(&mut self, now: Nanos, number: usize, children: Vec<u16>) {
        self.shards[number].closed = Some(now);
        self.shards[number].children = children;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Streams;

    fn even(shards: u32) -> Lineage {
        Lineage::even(NonZeroU32::new(shards).unwrap())
    }

    /// KDS-H4, by walking the open shards: each begins where the one before it ends.
    fn assert_covers(lineage: &Lineage) {
        let mut next = Some(0);
        for shard in lineage.open() {
            let kin = lineage.shard(usize::from(*shard)).unwrap();
            assert_eq!((Some(kin.start), kin.closed), (next, None));
            assert!(kin.start <= kin.end);
            next = kin.end.checked_add(1);
        }
        assert_eq!(next, None, "the last shard ends at 2^128 - 1");
    }

    #[test]
    fn kds_h4_open_shards_cover_all_hash_keys_after_any_splits_and_merges() {
        let mut draws = Streams::new(1, 0).named("lineage");
        let mut refused = 0;
        for _ in 0..3_000 {
            let mut lineage = even(1 + draws.below(40) as u32);
            for now in 0..30 {
                let any = |draws: &mut crate::engine::random::Draws| {
                    draws.below(lineage.shards().len() as u64) as usize
                };
                let (one, other) = (any(&mut draws), any(&mut draws));
                let at = u128::from(draws.bits()) << 64 | u128::from(draws.bits());
                let before = lineage.shards().len();
                let outcome = match draws.below(4) {
                    0 => lineage.merge(now, one, other).map(|_| ()),
                    1 => {
                        // Neighbours always merge.
                        let place = draws.below(lineage.open().len() as u64) as usize;
                        let pair = lineage.open().get(place..place + 2).map(|pair| [pair[0], pair[1]]);
                        pair.map_or(Ok(()), |[a, b]| {
                            lineage.merge(now, usize::from(b), usize::from(a)).map(|_| ())
                        })
                    }
                    2 => lineage.split(now, one, at).map(|_| ()),
                    _ => {
                        let shard = usize::from(lineage.shard_of(at));
                        let inside = lineage.shard(shard).is_some_and(|kin| kin.start < at);
                        let outcome = lineage.split(now, shard, at).map(|_| ());
                        assert_eq!(outcome.is_ok(), inside);
                        outcome
                    }
                };
                if outcome.is_err() {
                    refused += 1;
                    assert_eq!(lineage.shards().len(), before, "what is refused changes nothing");
                }
                assert_covers(&lineage);
                let owner = lineage.shard(usize::from(lineage.shard_of(at))).unwrap();
                assert!(owner.start <= at && at <= owner.end && owner.closed.is_none());
            }
        }
        assert!(refused > 1_000, "{refused}");
    }

    #[test]
    fn kds_s5_splits_fall_inside_a_range_and_merges_join_neighbours() {
        let mut lineage = even(4);
        let quarter = 1 << 126;
        for outside in [0, quarter, 2 * quarter] {
            // The first hash key of a shard leaves its lower half empty; 2 quarters belong to the next one.
            assert!(matches!(lineage.split(1, 1, outside), Err(Exception::InvalidArgument(_))));
        }
        assert_eq!(lineage.split(1, 1, quarter + 1), Ok([4, 5]));
        assert_eq!((lineage.shards()[4].start, lineage.shards()[4].end), (quarter, quarter));
        assert!(matches!(lineage.split(2, 1, quarter + 1), Err(Exception::InvalidArgument(_))), "closed");
        assert!(matches!(lineage.merge(2, 0, 5), Err(Exception::InvalidArgument(_))), "not adjacent");
        assert!(matches!(lineage.merge(2, 0, 0), Err(Exception::InvalidArgument(_))), "itself");
        assert!(matches!(lineage.merge(2, 0, 9), Err(Exception::ResourceNotFound(_))));
        assert_eq!(lineage.merge(2, 4, 0), Ok(6));
        assert_eq!(lineage.open(), [6, 5, 2, 3]);
        assert_eq!(
            (&lineage.shards()[6].parents[..], &lineage.shards()[1].children[..]),
            (&[0, 4][..], &[4, 5][..])
        );
    }

    #[test]
    fn kds_s6_a_parent_is_closed_until_retention_has_passed() {
        let mut lineage = even(1);
        lineage.split(100, 0, 1 << 127).unwrap();
        let state = |now| lineage.state(0, now, 50);
        assert_eq!(
            [state(100), state(149), state(150)],
            [ShardState::Closed, ShardState::Closed, ShardState::Expired]
        );
        assert_eq!(lineage.state(1, 1_000, 50), ShardState::Open);
    }

    #[test]
    fn kds_h6_shards_are_named_by_twelve_digits() {
        assert_eq!(shard_id(3), "shardId-000000000003");
        assert_eq!(shard_number("shardId-000000000003"), Some(3));
        assert_eq!(shard_number("shard-3"), None);
    }
}
