//! Named random streams: one generator per purpose, so that a new component shifts nobody else's draws.
//!
//! The generator is ChaCha with 8 rounds. Its key holds the seed and the replication in separate words; its
//! stream number is a hash of the purpose's path, such as `workload.checkout.arrivals`. Draws that belong
//! to one attempt of one record come from [`Keyed`], which needs no generator state at all: two scenarios
//! that differ only in how often they retry still agree on every other draw.

use rand::{Rng, SeedableRng};
use rand_chacha::ChaCha8Rng;
use std::cell::RefCell;
use std::collections::BTreeMap;

/// Makes the streams of one replication.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Streams {
    seed: u64,
    replication: u64,
    /// The purposes that were asked for, by the number of their stream.
    purposes: RefCell<BTreeMap<u64, String>>,
    collision: RefCell<Option<Collision>>,
}

/// Two purposes whose paths hash to one stream: their draws would be the same.
#[derive(Clone, Debug, PartialEq, Eq, thiserror::Error)]
#[error("`{first}` and `{second}` would draw the same random numbers; give one of them another name")]
pub struct Collision {
    /// The one that was there.
    pub first: String,
    /// The one that came.
    pub second: String,
}

impl Streams {
    /// The streams of replication `replication` (0-based) under `seed`.
    pub fn new(seed: u64, replication: u64) -> Self {
        Self { seed, replication, purposes: RefCell::default(), collision: RefCell::default() }
    }

    /// The stream of one purpose. The path is the whole identity: equal paths give equal draws.
    pub fn named(&self, path: &str) -> Draws {
        let mut key = [0; 32];
        key[..8].copy_from_slice(&self.seed.to_le_bytes());
        key[8..16].copy_from_slice(&self.replication.to_le_bytes());
        key[16..].copy_from_slice(b"streamgauge draw");
        let mut generator = ChaCha8Rng::from_seed(key);
        generator.set_stream(stream_id(path));
        self.register(path, stream_id(path));
        Draws { generator }
    }

    fn register(&self, path: &str, id: u64) {
        let mut purposes = self.purposes.borrow_mut();
        let first = purposes.entry(id).or_insert_with(|| path.to_owned());
        if first != path {
            let collision = Collision { first: first.clone(), second: path.to_owned() };
            self.collision.borrow_mut().get_or_insert(collision);
        }
    }

    /// The first two purposes asked for so far that share a stream, if any do.
    pub fn collision(&self) -> Option<Collision> {
        self.collision.borrow().clone()
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

    /// The first draws of a purpose, worked out apart from this code: ChaCha8 as RFC 8439 writes it down but for the rounds, with a
    /// 64-bit counter and the stream's number as nonce; SplitMix64's finaliser; products of 128 bits.
    #[test]
    fn the_first_draws_of_a_purpose_are_frozen() {
        let named = || Streams::new(7, 3).named("golden");
        let mut draws = named();
        let bits = [(); 4].map(|()| draws.bits());
        assert_eq!(
            bits,
            [0xd012_7627_1741_1254, 0xaf55_f37e_69cb_eeb8, 0xf781_bb80_f5a3_bad2, 0x8f1c_c1a1_5f11_c26d]
        );
        let mut draws = named();
        let units = [(); 2].map(|()| draws.unit().to_bits());
        assert_eq!(units, [0x3fea_024e_c4e2_e822, 0x3fe5_eabe_6fcd_397d]);
        let mut draws = named();
        assert_eq!([(); 4].map(|()| draws.below(1_000)), [812, 684, 966, 559]);
        let keyed = Streams::new(7, 3).keyed("golden");
        let attempts = [(0, 0), (0, 1), (41, 2)].map(|(record, attempt)| keyed.bits(record, attempt));
        assert_eq!(attempts, [0x035e_1d79_0f87_e687, 0x1809_81f0_1081_7da5, 0x99d3_1a47_7ac2_20ca]);
    }

    #[test]
    fn streams_differ_by_seed_replication_and_path() {
        let first = |seed, replication, path| Streams::new(seed, replication).named(path).bits();
        let base = first(1, 0, "a");
        assert_eq!(base, first(1, 0, "a"));
        assert!(base != first(2, 0, "a") && base != first(1, 1, "a") && base != first(1, 0, "b"));
    }

    #[test]
    fn purposes_that_share_a_stream_are_named() {
        // No two short texts with one hash are known, so the register is told of one.
        let streams = Streams::new(1, 0);
        streams.named("a");
        streams.named("a");
        assert_eq!(streams.collision(), None);
        streams.register("b", stream_id("a"));
        let collision = Collision { first: "a".to_owned(), second: "b".to_owned() };
        assert_eq!(streams.collision(), Some(collision));
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
