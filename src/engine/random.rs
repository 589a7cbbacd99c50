//! Named random streams: one generator per purpose, so that a new component shifts nobody else's draws.
//!
//! The generator is ChaCha with 8 rounds. Its key holds the seed and the replication in separate words; its
//! stream number is a hash of the purpose's path, such as `workload.checkout.arrivals`. Draws that belong
//! to one attempt of one record come from [`Keyed`], which needs no generator state at all: two scenarios
//! that differ only in how often they retry still agree on every other draw.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;

/// Makes the streams of one replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
    replication: u64,
}

impl Streams {
    /// The streams of replication `replication` (0-based) under `seed`.
    pub fn new(seed: u64, replication: u64) -> Self {
        Self { seed, replication }
    }

    /// The stream of one purpose. The path is the whole identity: equal paths give equal draws.
    pub fn named(&self, path: &str) -> Draws {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&self.replication.to_le_bytes());
        key[16..].copy_from_slice(b"streamgauge draw");
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(stream_id(path));
        Draws { generator }
    }

    /// A source of draws addressed by record and attempt instead of by order.
    pub fn keyed(&self, path: &str) -> Keyed {
        let mut draws = self.named(path);
        Keyed { key: draws.bits(), tweak: draws.bits() | 1 }
    }
}

/// The number of a purpose's stream: FNV-1a of its path (Fowler, Noll, Vo; 64 bit).
pub fn stream_id(path: &str) -> u64 {
    path.bytes().fold(0xcbf2_9ce4_8422_2325, |hash, byte| {
        (hash ^ u64::from(byte)).wrapping_mul(0x0000_0100_0000_01b3)
    })
}

/// The draws of one purpose, in order.
#[derive(Clone, Debug)]
pub struct Draws {
    generator: ChaCha8Rng,
}

impl Draws {
    /// 64 random bits.
    #[inline]
    pub fn bits(&mut self) -> u64 {
        self.generator.next_u64()
    }

    /// A number in [0, 1), one of 2^53 equally spaced ones.
    #[inline]
    pub fn unit(&mut self) -> f64 {
        unit(self.bits())
    }

    /// A whole number in `0..bound` (Lemire 2019, without the rejection step: the bias is below `bound`/2^64).
    #[inline]
    pub fn below(&mut self, bound: u64) -> u64 {
        ((u128::from(self.bits()) * u128::from(bound)) >> 64) as u64
    }
}

/// Turns 64 random bits into a number in [0, 1).
#[inline]
pub fn unit(bits: u64) -> f64 {
    (bits >> 11) as f64 * (1.0 / (1_u64 << 53) as f64)
}

/// Draws addressed by (record, attempt): the same address always gives the same bits.
///
/// The mixer is the finaliser of SplitMix64 (Steele, Lea, Flood 2014), applied twice under a random key.
#[derive(Clone, Copy, Debug)]
pub struct Keyed {
    key: u64,
    tweak: u64,
}

impl Keyed {
    /// 64 random bits for one attempt of one record.
    #[inline]
    pub fn bits(&self, record: u64, attempt: u32) -> u64 {
        let inner = mix(record.wrapping_mul(self.tweak) ^ self.key);
        mix(inner ^ u64::from(attempt).wrapping_mul(0x9e37_79b9_7f4a_7c15))
    }

    /// A whole generator for one attempt of one record, for rare events that need more than one draw.
    pub fn draws(&self, record: u64, attempt: u32) -> Draws {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.bits(record, attempt).to_le_bytes());
        key[8..16].copy_from_slice(&self.key.to_le_bytes());
        Draws { generator: ChaCha8Rng::from_seed(key) }
    }

    /// A number in [0, 1) for one attempt of one record.
    #[inline]
    pub fn unit(&self, record: u64, attempt: u32) -> f64 {
        unit(self.bits(record, attempt))
    }
}

/// The finaliser of SplitMix64 (Steele, Lea, Flood 2014): spreads any number evenly over 64 bits.
#[inline]
pub fn mix(mut z: u64) -> u64 {
    z = (z ^ (z >> 30)).wrapping_mul(0xbf58_476d_1ce4_e5b9);
    z = (z ^ (z >> 27)).wrapping_mul(0x94d0_49bb_1331_11eb);
    z ^ (z >> 31)
}

/// The probability `p` as a threshold on 64 random bits: `bits < threshold` happens with probability `p`.
pub fn threshold(p: f64) -> u64 {
    debug_assert!((0.0..=1.0).contains(&p), "a probability lies in [0, 1]");
    (p * 18_446_744_073_709_551_616.0) as u64
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn chacha8_matches_the_reference_keystream() {
        // ChaCha8 with an all-zero key and nonce: the first keystream bytes of Strombergson's published
        // test vectors (TC1, 256-bit key, 8 rounds): 3e 00 ef 2f 89 5f 40 d6.
        let mut generator = ChaCha8Rng::from_seed([0; 32]);
        assert_eq!(generator.next_u64().to_le_bytes(), [0x3e, 0x00, 0xef, 0x2f, 0x89, 0x5f, 0x40, 0xd6]);
    }

    #[test]
    fn stream_numbers_are_fnv_1a() {
        // Published vectors of FNV-1a, 64 bit.
        assert_eq!(stream_id(""), 0xcbf2_9ce4_8422_2325);
        assert_eq!(stream_id("a"), 0xaf63_dc4c_8601_ec8c);
        assert_eq!(stream_id("foobar"), 0x8594_4171_f739_67e8);
    }

    #[test]
    fn streams_differ_by_seed_replication_and_path() {
        let first = |seed, replication, path| Streams::new(seed, replication).named(path).bits();
        let base = first(1, 0, "a");
        assert_eq!(base, first(1, 0, "a"));
        assert!(base != first(2, 0, "a") && base != first(1, 1, "a") && base != first(1, 0, "b"));
    }

    #[test]
    fn keyed_draws_are_uniform_over_records_and_attempts() {
        let keyed = Streams::new(7, 0).keyed("test");
        let n = 200_000_u32;
        let mean = (0..n).map(|i| keyed.unit(u64::from(i / 4), i % 4)).sum::<f64>() / f64::from(n);
        // The standard error of the mean of n uniform numbers is sqrt(1/12n).
        assert!((mean - 0.5).abs() < 4.0 * (1.0 / (12.0 * f64::from(n))).sqrt(), "{mean}");
    }
}
