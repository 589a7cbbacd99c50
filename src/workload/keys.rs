//! Which item a write goes to. Keys are dense numbers from 0; rank order is kept, so key 0 is the hottest of
//! a zipfian or hotspot plan (the hash of its text decides its shard, not its number).

use super::operation::WriteKind;
use super::trace::Trace;
use crate::engine::random::Draws;
use crate::engine::zipf::Zipf;
use std::sync::Arc;

/// A rule for choosing keys. Immutable and cheap to clone: replications share one.
#[derive(Clone, Debug)]
pub enum KeyPlan {
    /// Every key is equally likely.
    Uniform {
        /// Number of keys, at least 1.
        items: u32,
    },
    /// Zipf's law: the key of rank k with probability proportional to k^-exponent.
    Zipfian {
        /// Number of keys.
        items: u32,
        /// How steeply probability falls with rank.
        exponent: f64,
        /// The sampler of ranks.
        ranks: Zipf,
    },
    /// A few hot keys share a given part of the traffic evenly; the others share the rest.
    Hotspot(Hotspot),
    /// Zipf's law over recency, as YCSB's `latest`: the newest item is the likeliest, and an insert makes a
    /// newer one. The window of the newest `items` items moves along; older ones are not written again.
    Latest {
        /// Number of keys at the start and in the window.
        items: u32,
        /// How steeply probability falls with age.
        exponent: f64,
        /// The sampler of ages; 0 is the newest.
        ages: Zipf,
    },
    /// One key after another, round and round.
    Sequential {
        /// Number of keys, at least 1.
        items: u32,
    },
    /// The keys of a recorded trace in its order, round and round.
    Trace(Arc<Trace>),
}

/// What a plan remembers between fills, for each replication.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct KeyState {
    next: usize,
    items: u32,
}

impl KeyState {
    /// Number of keys that exist so far; it grows under [`KeyPlan::Latest`].
    pub fn items(&self) -> u32 {
        self.items
    }
}

impl KeyPlan {
    /// Every key equally likely.
    pub fn uniform(items: u32) -> Result<Self, String> {
        check_items(items)?;
        Ok(Self::Uniform { items })
    }

    /// Zipf's law; `exponent` is 0 (uniform) to 10.
    pub fn zipfian(items: u32, exponent: f64) -> Result<Self, String> {
        Ok(Self::Zipfian { items, exponent, ranks: zipf(items, exponent)? })
    }

    /// A part `hot_items` of the keys gets a part `hot_traffic` of the writes.
    pub fn hotspot(items: u32, hot_items: f64, hot_traffic: f64) -> Result<Self, String> {
        Ok(Self::Hotspot(Hotspot::new(items, hot_items, hot_traffic)?))
    }

    /// Zipf's law over recency; `exponent` is 0 to 10.
    pub fn latest(items: u32, exponent: f64) -> Result<Self, String> {
        Ok(Self::Latest { items, exponent, ages: zipf(items, exponent)? })
    }

    /// Round robin.
    pub fn sequential(items: u32) -> Result<Self, String> {
        check_items(items)?;
        Ok(Self::Sequential { items })
    }

    /// Number of keys at the start of a run.
    pub fn items(&self) -> u32 {
        match self {
            Self::Uniform { items }
            | Self::Zipfian { items, .. }
            | Self::Latest { items, .. }
            | Self::Sequential { items } => *items,
            Self::Hotspot(hotspot) => hotspot.items,
            Self::Trace(trace) => trace.keys().len() as u32,
        }
    }

    /// The state before the first write.
    pub fn start(&self) -> KeyState {
        KeyState { next: 0, items: self.items() }
    }

    /// Appends one key for each of these writes, in order. Each takes one draw whatever its fate (none from a
    /// sequential plan or a trace; more than 64 bits only from a zipfian plan of over 2^24 keys).
    pub fn fill(&self, draws: &mut Draws, state: &mut KeyState, writes: &[WriteKind], out: &mut Vec<u32>) {
        match self {
            Self::Uniform { items } => {
                out.extend(writes.iter().map(|_| draws.below(u64::from(*items)) as u32));
            }
            Self::Zipfian { ranks, .. } => out.extend(writes.iter().map(|_| ranks.sample(draws) as u32)),
            Self::Hotspot(hotspot) => out.extend(writes.iter().map(|_| hotspot.choose(draws.bits()))),
            Self::Latest { ages, .. } => {
                out.extend(writes.iter().map(|write| state.latest(*write, ages.sample(draws) as u32)));
            }
            Self::Sequential { items } => {
                out.extend(writes.iter().map(|_| state.step(*items as usize) as u32));
            }
            Self::Trace(trace) => {
                out.extend(writes.iter().map(|_| trace.rows()[state.step(trace.rows().len())].key));
            }
        }
    }
}

impl KeyState {
    fn step(&mut self, length: usize) -> usize {
        let at = self.next;
        self.next = if at + 1 == length { 0 } else { at + 1 };
        at
    }

    /// An insert is a new key while there are numbers left; any other write goes to an item of this age.
    fn latest(&mut self, write: WriteKind, age: u32) -> u32 {
        if write == WriteKind::Insert && self.items < u32::MAX {
            self.items += 1;
            return self.items - 1;
        }
        self.items - 1 - age
    }
}

/// The two parts of a [`KeyPlan::Hotspot`].
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Hotspot {
    items: u32,
    hot: Part,
    cold: Part,
}

/// Keys that share the random numbers from `start` on, out of 2^63, evenly.
#[derive(Clone, Copy, Debug, PartialEq)]
struct Part {
    start: u64,
    first: u32,
    keys: u32,
    /// Keys per random number, as a fraction of 2^96: index and rounding error both fit with room to spare.
    scale: u128,
}

impl Part {
    fn new(numbers: std::ops::Range<u64>, first: u32, keys: u32) -> Self {
        let count = u128::from(numbers.end - numbers.start).max(1);
        Self { start: numbers.start, first, keys, scale: (u128::from(keys) << 96) / count }
    }

    #[inline]
    fn choose(&self, number: u64) -> u32 {
        let index = (u128::from(number - self.start) * self.scale) >> 96;
        self.first + (index as u32).min(self.keys - 1)
    }
}

impl Hotspot {
    fn new(items: u32, hot_items: f64, hot_traffic: f64) -> Result<Self, String> {
        check_items(items)?;
        for (name, share) in [("keys that are hot", hot_items), ("traffic to them", hot_traffic)] {
            if !(0.0..=1.0).contains(&share) {
                return Err(format!("the share of {name} must lie between 0 and 1; found {share}"));
            }
        }
        let hot = (hot_items * f64::from(items) + 0.5) as u32;
        if hot == 0 || hot >= items {
            return Err(format!(
                "a hotspot needs both hot and other keys; a share of {hot_items} makes {hot} of {items} keys hot"
            ));
        }
        let end = 1 << 63;
        let border = (hot_traffic * end as f64) as u64;
        Ok(Self { items, hot: Part::new(0..border, 0, hot), cold: Part::new(border..end, hot, items - hot) })
    }

    /// Number of hot keys: they are the keys from 0 on.
    pub fn hot_keys(&self) -> u32 {
        self.hot.keys
    }

    /// The share of writes that hot keys get, together.
    pub fn hot_traffic(&self) -> f64 {
        self.cold.start as f64 / (1_u64 << 63) as f64
    }

    /// The key that these 64 random bits stand for: one draw decides both the part and the key in it.
    #[inline]
    fn choose(&self, bits: u64) -> u32 {
        let number = bits >> 1;
        if number < self.cold.start { self.hot.choose(number) } else { self.cold.choose(number) }
    }
}

fn zipf(items: u32, exponent: f64) -> Result<Zipf, String> {
    check_items(items)?;
    if !(0.0..=10.0).contains(&exponent) {
        return Err(format!("a zipfian exponent must lie between 0 and 10; found {exponent}"));
    }
    Ok(Zipf::new(u64::from(items), exponent))
}

fn check_items(items: u32) -> Result<(), String> {
    if items == 0 { Err("a key space needs at least one item".to_owned()) } else { Ok(()) }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::math;
    use crate::engine::random::Streams;

    const N: usize = 500_000;

    fn keys(plan: &KeyPlan, operation: WriteKind) -> (Vec<u32>, KeyState) {
        let (mut state, mut out) = (plan.start(), Vec::new());
        plan.fill(&mut Streams::new(6, 0).named("keys"), &mut state, &vec![operation; N], &mut out);
        (out, state)
    }

    /// Checks the share of keys that fulfil a condition to five standard errors.
    fn assert_share(keys: &[u32], expected: f64, condition: impl Fn(u32) -> bool) {
        let share = keys.iter().filter(|key| condition(**key)).count() as f64 / keys.len() as f64;
        let error = (expected * (1.0 - expected) / keys.len() as f64).sqrt();
        assert!((share - expected).abs() <= 5.0 * error, "{share} against {expected}");
    }

    #[test]
    fn shares_follow_their_closed_forms() {
        let (uniform, _) = keys(&KeyPlan::uniform(1_000).unwrap(), WriteKind::Modify);
        assert_share(&uniform, 0.25, |key| key < 250);
        assert_share(&uniform, 0.001, |key| key == 999);
        let (zipfian, _) = keys(&KeyPlan::zipfian(1_000, 0.99).unwrap(), WriteKind::Modify);
        let harmonic = |n: u32| (1..=n).map(|k| math::pow(f64::from(k), -0.99)).sum::<f64>();
        assert_share(&zipfian, 1.0 / harmonic(1_000), |key| key == 0);
        assert_share(&zipfian, harmonic(100) / harmonic(1_000), |key| key < 100);
        let (hotspot, _) = keys(&KeyPlan::hotspot(1_000, 0.2, 0.8).unwrap(), WriteKind::Modify);
        assert_share(&hotspot, 0.8, |key| key < 200);
        assert_share(&hotspot, 0.8 / 200.0, |key| key == 199);
        assert_share(&hotspot, 0.2 / 800.0, |key| key == 200);
        assert_share(&hotspot, 0.2 / 800.0, |key| key == 999);
    }

    #[test]
    fn a_hotspot_may_take_all_traffic_or_none() {
        let (all, _) = keys(&KeyPlan::hotspot(10, 0.3, 1.0).unwrap(), WriteKind::Modify);
        assert_share(&all, 1.0, |key| key < 3);
        let (none, _) = keys(&KeyPlan::hotspot(10, 0.3, 0.0).unwrap(), WriteKind::Modify);
        assert_share(&none, 0.0, |key| key < 3);
        let plan = Hotspot::new(10, 0.3, 0.5).unwrap();
        assert_eq!((plan.choose(0), plan.choose(u64::MAX)), (0, 9));
    }

    #[test]
    fn latest_follows_recency_and_inserts_grow_the_key_space() {
        let plan = KeyPlan::latest(100, 1.0).unwrap();
        let (inserted, state) = keys(&plan, WriteKind::Insert);
        assert_eq!(inserted[..3], [100, 101, 102]);
        assert_eq!(state.items() as usize, 100 + N);
        let (modified, state) = keys(&plan, WriteKind::Modify);
        let harmonic: f64 = (1..=100).map(|k| 1.0 / f64::from(k)).sum();
        assert_share(&modified, 1.0 / harmonic, |key| key == 99);
        assert_share(&modified, 1.0 / 10.0 / harmonic, |key| key == 90);
        assert_eq!(state.items(), 100);
    }

    #[test]
    fn sequential_keys_come_in_turn_across_fills() {
        let plan = KeyPlan::sequential(5).unwrap();
        let (mut state, mut out) = (plan.start(), Vec::new());
        let mut draws = Streams::new(1, 0).named("keys");
        (0..4).for_each(|_| plan.fill(&mut draws, &mut state, &[WriteKind::Modify; 3], &mut out));
        assert_eq!(out, [0, 1, 2, 3, 4, 0, 1, 2, 3, 4, 0, 1]);
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(KeyPlan::uniform(0).is_err() && KeyPlan::sequential(0).is_err());
        assert!(KeyPlan::zipfian(10, f64::NAN).is_err() && KeyPlan::latest(10, -1.0).is_err());
        assert!(KeyPlan::hotspot(10, 0.0, 0.5).is_err() && KeyPlan::hotspot(10, 0.99, 0.5).is_err());
        assert!(KeyPlan::hotspot(10, 0.5, 1.1).is_err());
    }
}
