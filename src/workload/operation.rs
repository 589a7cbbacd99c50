//! What a write does to its item.

use crate::engine::random::Draws;

pub use crate::systems::dynamodb::operation::Operation;

/// How often each operation occurs.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct OperationMix {
    insert: f64,
    modify: f64,
    remove: f64,
    /// Thresholds on 63 random bits, so that a certain outcome (2^63) has one too.
    insert_below: u64,
    modify_below: u64,
}

impl OperationMix {
    /// From three fractions. Errors: one that is negative or no number, or a sum other than 1 (to within 1e-9).
    pub fn new(insert: f64, modify: f64, remove: f64) -> Result<Self, String> {
        let fractions = [("insert", insert), ("modify", modify), ("remove", remove)];
        if let Some((name, fraction)) = fractions.iter().find(|(_, x)| !(0.0..=1.0).contains(x)) {
            return Err(format!("the share of `{name}` must lie between 0 and 1; found {fraction}"));
        }
        let sum = insert + modify + remove;
        if (sum - 1.0).abs() > 1e-9 {
            return Err(format!("the shares of insert, modify and remove must add up to 1; found {sum}"));
        }
        let below = |share: f64| (share * (1_u64 << 63) as f64) as u64;
        // Without removals the last threshold is all of it, whatever rounding made of the sum.
        let modify_below = if remove == 0.0 { 1 << 63 } else { below(insert + modify) };
        Ok(Self { insert, modify, remove, insert_below: below(insert), modify_below })
    }

    /// The fraction of writes that are this operation.
    pub fn share(&self, operation: Operation) -> f64 {
        match operation {
            Operation::Insert => self.insert,
            Operation::Modify => self.modify,
            Operation::Remove => self.remove,
        }
    }

    /// The operation that these 64 random bits stand for.
    #[inline]
    pub fn choose(&self, bits: u64) -> Operation {
        let bits = bits >> 1;
        if bits < self.insert_below {
            Operation::Insert
        } else if bits < self.modify_below {
            Operation::Modify
        } else {
            Operation::Remove
        }
    }

    /// Appends the next `n` operations, one draw each; none where only one operation can occur.
    pub fn fill(&self, draws: &mut Draws, out: &mut Vec<Operation>, n: usize) {
        let all = [Operation::Insert, Operation::Modify, Operation::Remove];
        if let Some(only) = all.into_iter().find(|operation| self.share(*operation) == 1.0) {
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
        let mix = OperationMix::new(0.1, 0.85, 0.05).unwrap();
        let (n, mut out) = (1_000_000, Vec::new());
        mix.fill(&mut Streams::new(1, 0).named("operations"), &mut out, n);
        for operation in [Operation::Insert, Operation::Modify, Operation::Remove] {
            let count = out.iter().filter(|x| **x == operation).count() as f64;
            let p = mix.share(operation);
            assert!((count - n as f64 * p).abs() < 5.0 * (n as f64 * p * (1.0 - p)).sqrt(), "{operation:?}");
        }
    }

    #[test]
    fn the_extreme_bits_never_give_an_impossible_operation() {
        for (insert, modify, remove, first, last) in [
            (1.0, 0.0, 0.0, Operation::Insert, Operation::Insert),
            (0.0, 1.0, 0.0, Operation::Modify, Operation::Modify),
            (0.0, 0.0, 1.0, Operation::Remove, Operation::Remove),
            (0.3, 0.7, 0.0, Operation::Insert, Operation::Modify),
        ] {
            let mix = OperationMix::new(insert, modify, remove).unwrap();
            assert_eq!((mix.choose(0), mix.choose(u64::MAX)), (first, last));
        }
        assert!(OperationMix::new(0.5, 0.6, 0.0).is_err() && OperationMix::new(1.5, -0.5, 0.0).is_err());
        assert!(OperationMix::new(f64::NAN, 0.5, 0.5).is_err());
    }
}
