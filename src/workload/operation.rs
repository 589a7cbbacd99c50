//! What a write does to its item.

use crate::engine::random::Draws;

pub use crate::systems::dynamodb::operation::Operation;
pub use crate::systems::dynamodb::write_kind::WriteKind;

/// How many kinds of writes there are.
const KINDS: usize = WriteKind::ALL.len();
/// All that 63 random bits can be.
const ALL: u64 = 1 << 63;

/// How often each kind of write occurs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperationMix {
    /// Thresholds on 63 random bits, so that a certain outcome (2^63) has one too; that of the last kind is always so.
    below: [u64; KINDS - 1],
}

impl OperationMix {
    /// From three fractions. Errors: one that is negative or no number, or a sum other than 1 (to within 1e-9).
    pub fn new(insert: f64, modify: f64, remove: f64) -> Result<Self, String> {
        Self::of([insert, modify, remove, 0.0, 0.0, 0.0])
    }

    /// From the fraction of each kind, in the order of [`WriteKind::ALL`]. Errors: as for [`OperationMix::new`].
    pub fn of(shares: [f64; KINDS]) -> Result<Self, String> {
        let wrong = WriteKind::ALL.iter().zip(shares).find(|(_, x)| !(0.0..=1.0).contains(x));
        if let Some((kind, fraction)) = wrong {
            let name = kind.name();
            return Err(format!("the share of `{name}` must lie between 0 and 1; found {fraction}"));
        }
        let sum = shares.iter().fold(0.0, |sum, share| sum + share);
        if (sum - 1.0).abs() > 1e-9 {
            return Err(format!("the shares of all operations must add up to 1; found {sum}"));
        }
        // From the last kind that occurs on, the threshold is all of it, whatever rounding made of the sum.
        let last = shares.iter().rposition(|share| *share > 0.0).unwrap_or(0);
        let (mut below, mut so_far) = ([ALL; KINDS - 1], 0.0);
        for (kind, share) in shares.iter().enumerate().take(last) {
            so_far += share;
            below[kind] = (so_far * ALL as f64) as u64;
        }
        Ok(Self { below })
    }

    /// The fraction of writes that are of this kind.
    pub fn share(&self, kind: impl Into<WriteKind>) -> f64 {
        let kind = kind.into() as usize;
        let before = kind.checked_sub(1).map_or(0, |before| self.below[before]);
        (self.below.get(kind).unwrap_or(&ALL) - before) as f64 / ALL as f64
    }

    /// Whether some writes are neither insert, modify nor remove.
    pub fn is_special(&self) -> bool {
        self.below[WriteKind::Remove as usize] < ALL
    }

    /// The kind of write that these 64 random bits stand for.
    #[inline]
    pub fn choose(&self, bits: u64) -> WriteKind {
        let bits = bits >> 1;
        if bits < self.below[0] {
            WriteKind::Insert
        } else if bits < self.below[1] {
            WriteKind::Modify
        } else if bits < self.below[2] {
            WriteKind::Remove
        } else {
            self.choose_special(bits)
        }
    }

    #[cold]
    fn choose_special(&self, bits: u64) -> WriteKind {
        let kinds = WriteKind::ALL.into_iter().zip(self.below).skip(WriteKind::Unchanged as usize);
        kinds.filter(|(_, below)| bits < *below).map(|(kind, _)| kind).next().unwrap_or(WriteKind::TimeToLive)
    }

    /// Appends the next `n` kinds of writes, one draw each; none where only one kind can occur.
    pub fn fill(&self, draws: &mut Draws, out: &mut Vec<WriteKind>, n: usize) {
        if let Some(only) = WriteKind::ALL.into_iter().find(|kind| self.share(*kind) == 1.0) {
            out.resize(out.len() + n, only);
            return;
        }
        out.extend((0..n).map(|_| self.choose(draws.bits())));
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Streams;

    #[test]
    fn frequencies_follow_the_shares() {
        for shares in [[0.1, 0.85, 0.05, 0.0, 0.0, 0.0], [0.1, 0.3, 0.05, 0.2, 0.15, 0.2]] {
            let mix = OperationMix::of(shares).unwrap();
            let (n, mut out) = (1_000_000, Vec::new());
            mix.fill(&mut Streams::new(1, 0).named("operations"), &mut out, n);
            for kind in WriteKind::ALL {
                let count = out.iter().filter(|x| **x == kind).count() as f64;
                let p = shares[kind as usize];
                assert!((count - n as f64 * p).abs() <= 5.0 * (n as f64 * p * (1.0 - p)).sqrt(), "{kind:?}");
            }
        }
    }

    #[test]
    fn the_extreme_bits_never_give_an_impossible_operation() {
        for (shares, first, last) in [
            ([1.0, 0.0, 0.0, 0.0, 0.0, 0.0], WriteKind::Insert, WriteKind::Insert),
            ([0.0, 1.0, 0.0, 0.0, 0.0, 0.0], WriteKind::Modify, WriteKind::Modify),
            ([0.0, 0.0, 1.0, 0.0, 0.0, 0.0], WriteKind::Remove, WriteKind::Remove),
            ([0.3, 0.7, 0.0, 0.0, 0.0, 0.0], WriteKind::Insert, WriteKind::Modify),
            ([0.1, 0.2, 0.7, 0.0, 0.0, 0.0], WriteKind::Insert, WriteKind::Remove),
            ([0.0, 0.0, 0.0, 0.5, 0.5, 0.0], WriteKind::Unchanged, WriteKind::ConditionalFailure),
            ([0.0, 0.1, 0.0, 0.0, 0.0, 0.9], WriteKind::Modify, WriteKind::TimeToLive),
        ] {
            let mix = OperationMix::of(shares).unwrap();
            assert_eq!((mix.choose(0), mix.choose(u64::MAX)), (first, last));
        }
        assert!(OperationMix::new(0.5, 0.6, 0.0).is_err() && OperationMix::new(1.5, -0.5, 0.0).is_err());
        assert!(OperationMix::new(f64::NAN, 0.5, 0.5).is_err());
    }
}
