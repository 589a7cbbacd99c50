//! Token buckets as integer arithmetic on timestamps: a refill is never an event.

use super::time::{Nanos, SECOND};

/// The rate and depth that the buckets of one kind share.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Limit {
    rate_per_second: u64,
    depth_nano: u64,
}

impl Limit {
    /// `rate_per_second` tokens a second, and room for `depth` tokens. Saturates above 1.8e10 tokens of depth.
    pub const fn new(rate_per_second: u64, depth: u64) -> Self {
        Self { rate_per_second, depth_nano: depth.saturating_mul(SECOND) }
    }

    /// A bucket that holds what `rate_per_second` earns in one second.
    pub fn per_second(rate: u64) -> Self {
        Self::new(rate, rate)
    }

    /// Tokens earned per second.
    pub fn rate_per_second(&self) -> u64 {
        self.rate_per_second
    }

    /// Tokens that fit.
    pub fn depth(&self) -> u64 {
        self.depth_nano / SECOND
    }

    /// A full bucket at time 0.
    pub fn full(&self) -> TokenBucket {
        TokenBucket { level_nano: self.depth_nano, updated: 0 }
    }
}

/// A token bucket, refilled on sight. Levels are exact: billionths of a token, so that one token a
/// second earns one unit a nanosecond and no rate is ever rounded.
///
/// Every method takes the [`Limit`] it obeys, which its siblings share, and a time that never goes back.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TokenBucket {
    level_nano: u64,
    updated: Nanos,
}

impl TokenBucket {
    #[inline]
    fn refill(&mut self, limit: &Limit, now: Nanos) {
        debug_assert!(now >= self.updated, "time does not run backwards");
        let earned = (now - self.updated).saturating_mul(limit.rate_per_second);
        self.level_nano = self.level_nano.saturating_add(earned).min(limit.depth_nano);
        self.updated = now;
    }

    /// Whole tokens there now.
    #[inline]
    pub fn available(&mut self, limit: &Limit, now: Nanos) -> u64 {
        self.refill(limit, now);
        self.level_nano / SECOND
    }

    /// Whether `tokens` are there now; takes nothing.
    #[inline]
    pub fn has(&mut self, limit: &Limit, now: Nanos, tokens: u64) -> bool {
        self.refill(limit, now);
        self.level_nano >= tokens.saturating_mul(SECOND)
    }

    /// Takes tokens that [`has`](Self::has) or [`available`](Self::available) just showed to be there.
    #[inline]
    pub fn spend(&mut self, tokens: u64) {
        debug_assert!(self.level_nano >= tokens * SECOND, "tokens are spent only when they are there");
        self.level_nano -= tokens * SECOND;
    }

    /// Leaves nothing in the bucket before `at`, which is not past: what is earned up to then was taken ahead.
    pub fn empty_until(&mut self, at: Nanos) {
        debug_assert!(at >= self.updated, "time does not run backwards");
        (self.level_nano, self.updated) = (0, at);
    }

    /// Takes `tokens` if they are all there; otherwise takes nothing and says so.
    #[inline]
    pub fn try_take(&mut self, limit: &Limit, now: Nanos, tokens: u64) -> bool {
        let enough = self.has(limit, now, tokens);
        if enough {
            self.spend(tokens);
        }
        enough
    }

    /// Takes one token at each of `times` moments, `interval` apart, the first one at `first`, in one
    /// step. Returns how many of them found no token. `interval` earns at least one token.
    ///
    /// Once a token is there the level before each taking never falls, so the rest has a closed form.
    pub fn take_periodically(&mut self, limit: &Limit, first: Nanos, interval: Nanos, times: u64) -> u64 {
        let earned = interval.saturating_mul(limit.rate_per_second);
        debug_assert!(earned >= SECOND, "each interval earns a token");
        let mut refused = 0;
        while refused < times && !self.try_take(limit, first + refused * interval, 1) {
            refused += 1;
        }
        let more = (times - refused).saturating_sub(1);
        if more > 0 {
            let gain = more.saturating_mul(earned - SECOND);
            let before_last =
                self.level_nano.saturating_add(SECOND).saturating_add(gain).min(limit.depth_nano);
            self.level_nano = before_last - SECOND;
            self.updated = first + (times - 1) * interval;
        }
        refused
    }

    /// The first moment at which `tokens` will be there if nobody takes any before; never if they do not fit.
    pub fn ready_at(&mut self, limit: &Limit, now: Nanos, tokens: u64) -> Option<Nanos> {
        self.refill(limit, now);
        let wanted = tokens.saturating_mul(SECOND);
        if wanted <= self.level_nano {
            return Some(now);
        }
        if wanted > limit.depth_nano || limit.rate_per_second == 0 {
            return None;
        }
        Some(now.saturating_add((wanted - self.level_nano).div_ceil(limit.rate_per_second)))
    }
}

/// Two token buckets that are always looked at together: a taking needs tokens from both.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct TwinBucket {
    levels_nano: [u64; 2],
    updated: Nanos,
}

impl TwinBucket {
    /// Two full buckets at time 0.
    pub fn full(limits: &[Limit; 2]) -> Self {
        Self { levels_nano: limits.map(|limit| limit.depth_nano), updated: 0 }
    }

    #[inline]
    fn levels(&self, limits: &[Limit; 2], now: Nanos) -> [u64; 2] {
        debug_assert!(now >= self.updated, "time does not run backwards");
        let span = now - self.updated;
        std::array::from_fn(|bucket| {
            let earned = span.saturating_mul(limits[bucket].rate_per_second);
            self.levels_nano[bucket].saturating_add(earned).min(limits[bucket].depth_nano)
        })
    }

    /// Whether both have tokens; if not, which has them. Takes nothing.
    #[inline]
    pub fn check(&self, limits: &[Limit; 2], now: Nanos, tokens: [u64; 2]) -> Result<(), [bool; 2]> {
        enough(self.levels(limits, now), tokens)
    }

    /// Takes tokens from both, if both have them; otherwise takes nothing and says which has them.
    #[inline]
    pub fn try_take(&mut self, limits: &[Limit; 2], now: Nanos, tokens: [u64; 2]) -> Result<(), [bool; 2]> {
        (self.levels_nano, self.updated) = (self.levels(limits, now), now);
        enough(self.levels_nano, tokens)?;
        self.levels_nano[0] -= tokens[0] * SECOND;
        self.levels_nano[1] -= tokens[1] * SECOND;
        Ok(())
    }
}

#[inline]
fn enough(levels_nano: [u64; 2], tokens: [u64; 2]) -> Result<(), [bool; 2]> {
    let has = [0, 1].map(|bucket| levels_nano[bucket] >= tokens[bucket].saturating_mul(SECOND));
    // One question: on a bucket that is nearly empty, each answer is anybody's guess.
    if has[0] & has[1] { Ok(()) } else { Err(has) }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn twins_take_what_two_buckets_would_take_together() {
        let limits = [Limit::new(3, 5), Limit::new(1_000, 700)];
        let (mut twin, mut apart) = (TwinBucket::full(&limits), limits.map(|limit| limit.full()));
        let mut draws = crate::engine::random::Streams::new(1, 0).named("twins");
        let (mut now, mut outcomes) = (0, [0; 4]);
        for _ in 0..10_000 {
            now += draws.below(SECOND / 2);
            let tokens = [1 + draws.below(2), draws.below(800)];
            let enough = [0, 1].map(|twin: usize| apart[twin].has(&limits[twin], now, tokens[twin]));
            if enough == [true; 2] {
                apart.iter_mut().zip(tokens).for_each(|(bucket, tokens)| bucket.spend(tokens));
            }
            let expected = if enough == [true; 2] { Ok(()) } else { Err(enough) };
            assert_eq!(twin.check(&limits, now, tokens), expected);
            assert_eq!(twin.try_take(&limits, now, tokens), expected);
            outcomes[usize::from(enough[0]) + 2 * usize::from(enough[1])] += 1;
        }
        assert!(outcomes.iter().all(|count| *count > 100), "every outcome was met: {outcomes:?}");
    }

    #[test]
    fn long_run_throughput_is_depth_plus_rate_times_time() {
        // A greedy taker gets exactly burst + rate x time, whatever the rate: nothing is rounded away.
        for rate in [1, 3, 1_000, 12_345, 1_048_576] {
            // One token more than a second's worth, so that the bucket never overflows between two looks.
            let limit = Limit::new(rate, rate + 1);
            let mut bucket = limit.full();
            let mut taken = 0;
            let end = 10 * SECOND;
            let mut now = 0;
            while now <= end {
                let tokens = bucket.available(&limit, now);
                bucket.spend(tokens);
                taken += tokens;
                now += 7_777_777;
            }
            taken += bucket.available(&limit, end);
            assert_eq!(taken, rate + 1 + 10 * rate);
        }
    }

    #[test]
    fn tokens_are_ready_exactly_when_promised() {
        let limit = Limit::new(1_048_576, 1_048_576);
        let mut bucket = limit.full();
        assert!(bucket.try_take(&limit, 0, 1_048_576));
        let ready = bucket.ready_at(&limit, 5, 700).unwrap();
        assert!(!bucket.clone().has(&limit, ready - 1, 700));
        assert!(bucket.has(&limit, ready, 700));
        // 700 bytes at 1 MiB/s take 667,572.02 ns, counted from time 0 when the bucket was emptied.
        assert_eq!(ready, 667_573);
        assert_eq!(bucket.ready_at(&limit, ready, 1_048_577), None);
    }

    #[test]
    fn periodic_taking_equals_taking_one_by_one() {
        let limit = Limit::per_second(5);
        for (empty_at, interval) in
            [(0, SECOND), (0, SECOND / 5), (9 * SECOND, 210_000_001), (9 * SECOND + 1, SECOND / 5)]
        {
            let mut slow = limit.full();
            slow.available(&limit, empty_at);
            slow.spend(5);
            let mut fast = slow;
            let first = 9 * SECOND + 100_000_000;
            let refused = (0..40).filter(|i| !slow.try_take(&limit, first + i * interval, 1)).count() as u64;
            assert_eq!(fast.take_periodically(&limit, first, interval, 40), refused);
            assert_eq!(fast, slow);
        }
    }

    #[test]
    fn an_idle_year_does_not_overflow() {
        let limit = Limit::new(10_485_760, 10_485_760);
        let mut bucket = limit.full();
        bucket.spend(10_485_760);
        assert_eq!(bucket.available(&limit, 365 * crate::engine::time::DAY), 10_485_760);
    }
}
