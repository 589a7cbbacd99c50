//! Amazon S3, as the delivery stream sees it: one PUT an object, and a limit on the rate of requests.

use crate::engine::random::Draws;
use crate::engine::sampler::Sampler;
use crate::engine::time::{Nanos, SECOND, round};

/// PUT, COPY, POST and DELETE requests a second that a partitioned prefix takes at least (S3-1).
pub const PUTS_PER_SECOND: u64 = 3_500;
/// GET and HEAD requests a second that a partitioned prefix takes at least (S3-1).
pub const GETS_PER_SECOND: u64 = 5_500;

/// What was stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct S3Meter {
    /// PUT requests.
    pub puts: u64,
    /// Objects that are complete; of another destination than S3, buffers that it took.
    pub objects: u64,
    /// Bytes in them, as stored.
    pub bytes: u64,
    /// Complete objects under the error prefix; not among `objects`.
    pub error_objects: u64,
    /// Requests that were refused with 503 Slow Down (S3-2).
    pub slow_downs: u64,
}

/// How many requests a prefix takes, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct PrefixPlan {
    /// Requests a second that one partition takes (S3-1).
    pub per_second: u64,
    /// Time between a refused request and the next try of its client.
    pub retry_wait: Nanos,
    /// From the first refusal to twice as many partitions (S3-2).
    pub repartition: Nanos,
}

impl Default for PrefixPlan {
    fn default() -> Self {
        Self { per_second: PUTS_PER_SECOND, retry_wait: SECOND, repartition: 2_700 * SECOND }
    }
}

/// The requests that one prefix takes: a second's worth at once, and partitions that double some time after it was too much.
#[derive(Clone, Debug)]
struct Prefix {
    plan: PrefixPlan,
    partitions: u64,
    /// When all requests so far would have passed, one after the other.
    passed: Nanos,
    doubles_at: Option<Nanos>,
}

impl Prefix {
    fn new(plan: PrefixPlan) -> Self {
        Self { plan, partitions: 1, passed: 0, doubles_at: None }
    }

    /// Lets so many requests through after all before them; returns how long that takes from `now` on.
    fn pass(&mut self, now: Nanos, requests: u64) -> Nanos {
        if self.doubles_at.is_some_and(|at| at <= now) {
            (self.partitions, self.doubles_at) = (self.partitions * 2, None);
        }
        let rate = self.plan.per_second.saturating_mul(self.partitions).max(1);
        self.passed = self.passed.max(now) + requests * SECOND / rate;
        self.passed - now
    }

    /// It was too much: there are twice as many partitions some time later (S3-2).
    fn overflow(&mut self, now: Nanos) {
        self.doubles_at = self.doubles_at.or(Some(now + self.plan.repartition));
    }

    /// Takes so many requests at `now`; returns how long their client waits, and how often it was refused.
    fn take(&mut self, now: Nanos, requests: u64) -> (Nanos, u64) {
        let ahead = self.pass(now, requests);
        if ahead <= SECOND {
            return (0, 0);
        }
        self.overflow(now);
        let refused = (ahead - SECOND).div_ceil(self.plan.retry_wait.max(1));
        (refused * self.plan.retry_wait, refused)
    }
}

/// What readers of one prefix get through together (S3-1): GET and LIST requests in the order in which their readers began.
#[derive(Clone, Debug)]
pub struct Reads(Prefix);

impl Reads {
    /// Nobody has read yet; with too many requests there are twice as many partitions so long after.
    pub fn new(repartition: Nanos) -> Self {
        Self(Prefix::new(PrefixPlan { per_second: GETS_PER_SECOND, repartition, ..PrefixPlan::default() }))
    }

    /// Somebody begins at `now`, no sooner than others before, and makes so many requests within so long, if S3 answers all of them;
    /// returns how much longer it takes. A second's worth is answered at once.
    pub fn slow_down(&mut self, now: Nanos, requests: u64, takes: Nanos) -> Nanos {
        if requests == 0 {
            return 0;
        }
        let longer = self.0.pass(now, requests).saturating_sub(takes + SECOND);
        if longer > 0 {
            self.0.overflow(now);
        }
        longer
    }
}

/// A bucket that takes objects at its own pace; PUTs do not wait for each other (UNV-2).
#[derive(Clone, Debug)]
pub struct Bucket {
    put: Sampler,
    requests: u64,
    draws: Draws,
    prefix: Prefix,
    /// So many times as long a PUT takes before this moment.
    slow: (f64, Nanos),
    /// What it counted.
    pub meter: S3Meter,
}

impl Bucket {
    /// `put` is the duration of one upload in nanoseconds (S3-3, DEF-8), `requests` what it counts for in PUT-class
    /// requests.
    pub fn new(put: Sampler, requests: u64, prefix: PrefixPlan, draws: Draws) -> Self {
        Self { put, requests, draws, prefix: Prefix::new(prefix), slow: (1.0, 0), meter: S3Meter::default() }
    }

    /// PUTs that begin before `until` take so many times as long.
    pub fn slow_down(&mut self, factor: f64, until: Nanos) {
        self.slow = (factor, until);
    }

    /// Starts one PUT; returns how long it takes, waits after 503 Slow Down included, and whether there were any.
    pub fn put_object(&mut self, now: Nanos) -> (Nanos, bool) {
        self.meter.puts += self.requests;
        let (waits, refused) = self.prefix.take(now, self.requests);
        self.meter.slow_downs += refused;
        let factor = if now < self.slow.1 { self.slow.0 } else { 1.0 };
        (waits + round(self.put.sample(&mut self.draws) * factor), refused > 0)
    }

    /// Counts a complete object of `bytes` stored bytes.
    pub fn complete(&mut self, bytes: u64) {
        self.meter.objects += 1;
        self.meter.bytes += bytes;
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Streams;

    fn bucket() -> Bucket {
        let prefix = PrefixPlan { repartition: 1_800 * SECOND, ..PrefixPlan::default() };
        Bucket::new(Sampler::Constant(0.0), 1, prefix, Streams::new(1, 0).named("put"))
    }

    #[test]
    fn s3_1_a_prefix_takes_3500_puts_a_second() {
        let mut within = bucket();
        assert!((0..35_000).all(|put| within.put_object(put * SECOND / 3_500).0 == 0));
        assert_eq!(within.meter.slow_downs, 0);
        // 3,500 of 10,000 at once pass; the last of the others comes through two seconds later.
        let mut crowd = bucket();
        let waits: Vec<Nanos> = (0..10_000).map(|_| crowd.put_object(0).0).collect();
        assert_eq!(waits.iter().filter(|wait| **wait == 0).count(), 3_500);
        assert_eq!((waits[9_999], crowd.meter.puts), (2 * SECOND, 10_000));
        assert_eq!(crowd.meter.slow_downs, 3_500 + 2 * 3_000);
    }

    /// One reader opens 800 objects a second, ten of them 8,000: S3 answers 5,500, so that the last one is done after the time that
    /// all requests take.
    #[test]
    fn s3_1_a_prefix_takes_5500_gets_a_second() {
        let mut alone = Reads::new(1_800 * SECOND);
        assert_eq!(alone.slow_down(0, 55_000, 69 * SECOND), 0);
        let mut crowd = Reads::new(1_800 * SECOND);
        let longer: Vec<Nanos> = (0..10).map(|_| crowd.slow_down(0, 55_000, 69 * SECOND)).collect();
        assert_eq!(longer[..7], [0; 7]);
        assert_eq!(longer[7..], [10, 20, 30].map(|seconds| seconds * SECOND));
        // Twice the partitions take twice as much.
        assert!((0..10).all(|_| crowd.slow_down(1_800 * SECOND, 55_000, 69 * SECOND) == 0));
    }

    #[test]
    fn s3_2_what_was_too_much_is_not_any_more_when_the_prefix_has_been_partitioned() {
        let mut bucket = bucket();
        assert!((0..5_000).map(|_| bucket.put_object(0).0).any(|wait| wait > 0));
        assert!((0..5_000).all(|_| bucket.put_object(1_800 * SECOND).0 == 0));
    }
}
