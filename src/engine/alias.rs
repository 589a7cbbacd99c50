//! Draws from any finite distribution in constant time: the alias method (Walker 1977, Vose 1991).

use super::random::Draws;
use std::hint::select_unpredictable;

/// An alias table: 8 bytes an outcome, one 64-bit draw a sample, O(n) to build.
#[derive(Clone, Debug)]
pub struct AliasTable {
    /// For each cell: the chance of keeping it, as a fraction of 2^32, and the outcome otherwise.
    cells: Vec<(u32, u32)>,
}

impl AliasTable {
    /// Builds the table for outcomes `0..weights.len()`. Weights are finite, not negative, and not all zero;
    /// there are at most 2^32 of them.
    pub fn new(mut weights: Vec<f64>) -> Self {
        let n = weights.len();
        let sum: f64 = weights.iter().sum();
        debug_assert!(n > 0 && sum > 0.0, "some outcome must be possible");
        weights.iter_mut().for_each(|weight| *weight *= n as f64 / sum);
        let (mut small, mut large): (Vec<u32>, Vec<u32>) =
            (0..n as u32).partition(|outcome| weights[*outcome as usize] < 1.0);
        let mut cells: Vec<(u32, u32)> = (0..n as u32).map(|outcome| (u32::MAX, outcome)).collect();
        while let (Some(poor), Some(rich)) = (small.pop(), large.last().copied()) {
            let kept = weights[poor as usize];
            cells[poor as usize] = ((kept * 4_294_967_296.0) as u32, rich);
            weights[rich as usize] -= 1.0 - kept;
            if weights[rich as usize] < 1.0 {
                large.pop();
                small.push(rich);
            }
        }
        Self { cells }
    }

    /// One outcome.
    #[inline]
    pub fn sample(&self, draws: &mut Draws) -> u32 {
        // The high half of the product picks the cell; the low half is uniform inside it and serves as the coin.
        let product = u128::from(draws.bits()) * self.cells.len() as u128;
        let cell = (product >> 64) as usize;
        let coin = (product >> 32) as u32;
        let (keep, other) = self.cells[cell];
        select_unpredictable(coin < keep, cell as u32, other)
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
    fn frequencies_follow_the_weights() {
        let weights = vec![5.0, 0.0, 1.0, 3.5, 0.5];
        let table = AliasTable::new(weights.clone());
        let mut draws = Streams::new(1, 0).named("alias");
        let n = 1_000_000;
        let mut counts = [0_u32; 5];
        (0..n).for_each(|_| counts[table.sample(&mut draws) as usize] += 1);
        for (count, weight) in counts.iter().zip(&weights) {
            let expected = f64::from(n) * weight / 10.0;
            assert!((f64::from(*count) - expected).abs() <= 5.0 * expected.sqrt(), "{counts:?}");
        }
    }
}
