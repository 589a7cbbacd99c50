//! Draws from any finite distribution in constant time: the alias method (Walker 1977, Vose 1991).

use super::random::Draws;
use std::hint::select_unpredictable;

/// An alias table: 8 bytes an outcome in two arrays, one 64-bit draw a sample, O(n) to build. A sample reads the second array only
/// where the first bits of a chance do not decide, with 100,000 outcomes one time in 2^15: both fill a processor's cache.
#[derive(Clone, Debug)]
pub struct AliasTable {
    /// For each cell: the outcome if it is not kept, and below it the first bits of the chance of keeping it.
    cells: Vec<u32>,
    /// How many bits of a chance lie in a cell.
    bits: u32,
    /// All of those chances, as fractions of 2^32: asked where the first bits do not tell.
    keep: Vec<u32>,
}

impl AliasTable {
    /// Builds the table for outcomes `0..weights.len()`. Weights are finite, not negative, and not all zero;
    /// there are at most 2^31 of them.
    pub fn new(mut weights: Vec<f64>) -> Self {
        let n = weights.len();
        let sum: f64 = weights.iter().sum();
        debug_assert!(n > 0 && sum > 0.0, "some outcome must be possible");
        weights.iter_mut().for_each(|weight| *weight *= n as f64 / sum);
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            (0..n as u32).partition(|outcome| weights[*outcome as usize] < 1.0);
        let (mut keep, mut other): (Vec<u32>, Vec<u32>) = (vec![u32::MAX; n], (0..n as u32).collect());
        while let (Some(poor), Some(rich)) = (small.pop(), large.last().copied()) {
            let kept = weights[poor as usize];
            (keep[poor as usize], other[poor as usize]) = ((kept * 4_294_967_296.0) as u32, rich);
            weights[rich as usize] -= 1.0 - kept;
            if weights[rich as usize] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        let bits = ((n - 1) as u32).leading_zeros().clamp(1, 31);
        other.iter_mut().zip(&keep).for_each(|(other, keep)| *other = *other << bits | keep >> (32 - bits));
        Self { cells: other, bits, keep }
    }

    /// One outcome.
    #[inline]
    pub fn sample(&self, draws: &mut Draws) -> u32 {
        // The high half of the product picks the cell; the low half is uniform inside it and serves as the coin.
        let product = u128::from(draws.bits()) * self.cells.len() as u128;
        let cell = (product >> 64) as usize;
        let coin = (product >> 32) as u32;
        self.pick(cell, coin)
    }

    /// The outcome of a cell by a fair coin, a fraction of 2^32.
    #[inline]
    fn pick(&self, cell: usize, coin: u32) -> u32 {
        let packed = self.cells[cell];
        let (rest, first) = (32 - self.bits, packed << (32 - self.bits));
        // A coin whose first bits are those of the chance is compared with all of it.
        let open = (coin ^ first) >> rest == 0;
        let keep = if open { self.keep[cell] } else { first };
        select_unpredictable(coin < keep, cell as u32, packed >> self.bits)
    }

    /// Number of outcomes.
    pub fn len(&self) -> usize {
        self.cells.len()
    }

    /// Whether there is no outcome; never true for a table that was built.
    pub fn is_empty(&self) -> bool {
        self.cells.is_empty()
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Streams;

    #[test]
    fn the_first_bits_decide_what_the_whole_chance_would() {
        for n in [1, 2, 3, 5, 1_000, 70_000] {
            let weights = (0..n).map(|outcome| 1.0 + f64::from(outcome % 97)).collect();
            let table = AliasTable::new(weights);
            for (cell, keep) in table.keep.iter().copied().enumerate() {
                let (first, span) = (keep >> (32 - table.bits) << (32 - table.bits), 1 << (32 - table.bits));
                let coins = [first, keep, first.wrapping_add(span)].map(|edge| [edge.wrapping_sub(1), edge]);
                for coin in coins.into_iter().flatten().chain([0, u32::MAX]) {
                    let other = table.cells[cell] >> table.bits;
                    let expected = if coin < keep { cell as u32 } else { other };
                    assert_eq!(table.pick(cell, coin), expected, "{n} {cell} {coin}");
                }
            }
        }
    }

    #[test]
    fn frequencies_follow_the_weights() {
        let weights = [5.0, 0.0, 1.0, 3.5, 0.5];
        let mut draws = Streams::new(1, 0).named("alias");
        let n = 1_000_000;
        // The more outcomes, the fewer bits of a chance lie in a cell.
        for copies in [1, 20_000, 1_000_000] {
            let table = AliasTable::new(weights.repeat(copies));
            let mut counts = [0_u32; 5];
            (0..n).for_each(|_| counts[table.sample(&mut draws) as usize % 5] += 1);
            for (count, weight) in counts.iter().zip(&weights) {
                let expected = f64::from(n) * weight / 10.0;
                assert!((f64::from(*count) - expected).abs() <= 5.0 * expected.sqrt(), "{counts:?}");
            }
        }
    }
}
