//! What Direct PUT takes in: three quotas that scale together, and the channels behind them.

use crate::engine::bucket::{Limit, TokenBucket};
use crate::engine::time::Nanos;
use crate::systems::kinesis::shard::WriteRefused;

/// Regions with the larger quotas (FH-Q1).
pub const LARGE_REGIONS: [&str; 3] = ["us-east-1", "us-west-2", "eu-west-1"];

/// What a Direct PUT stream takes a second.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Quota {
    /// Records.
    pub records: u64,
    /// PutRecord and PutRecordBatch requests.
    pub requests: u64,
    /// Bytes.
    pub bytes: u64,
}

impl Quota {
    /// The default of a Region: FH-Q1 or FH-Q2, or as an older page and the API's text have it (FH-Q3).
    pub fn of(region: &str, legacy: bool) -> Self {
        let large = LARGE_REGIONS.contains(&region);
        let (requests, bytes) = if large { (2_000, 5 << 20) } else { (1_000, 1 << 20) };
        let records = match (legacy, large) {
            (false, true) => 500_000,
            (false, false) => 100_000,
            (true, true) => 5_000,
            (true, false) => 1_000,
        };
        Self { records, requests, bytes }
    }

    /// The three scaled together (FH-Q4).
    pub fn times(self, factor: u64) -> Self {
        Self { records: self.records * factor, requests: self.requests * factor, bytes: self.bytes * factor }
    }
}

/// Direct PUT as the scenario describes it, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct IngestPlan {
    /// The quota at a scale of 1.
    pub quota: Quota,
    /// How many times that it has at the start: a quota that was raised on request.
    pub scale: u32,
    /// From the first refusal to a doubled quota (FH-Q5, UNV-2); nothing where it does not scale.
    pub ramp: Option<Nanos>,
}

/// The largest scale: beyond it doubling ends, far above any stream.
pub const SCALE_MAX: u32 = 1_024;

#[derive(Clone, Copy, Debug)]
struct Limits {
    records: Limit,
    requests: Limit,
    bytes: Limit,
}

impl Limits {
    fn new(quota: Quota) -> Self {
        Self {
            records: Limit::per_second(quota.records),
            requests: Limit::per_second(quota.requests),
            bytes: Limit::per_second(quota.bytes),
        }
    }
}

/// What a Direct PUT stream takes in, at work: any of its three token buckets refuses (FH-Q1).
#[derive(Clone, Debug)]
pub struct Ingest {
    plan: IngestPlan,
    scale: u32,
    limits: Limits,
    records: TokenBucket,
    requests: TokenBucket,
    bytes: TokenBucket,
    doubles_at: Option<Nanos>,
    /// When its scale rose, and to what: the scale at the start first.
    pub scales: Vec<(Nanos, u32)>,
    /// Requests refused for the quota of requests.
    pub refused_requests: u64,
    /// Records refused, those of refused requests among them (`ThrottledRecords`).
    pub refused_records: u64,
}

impl Ingest {
    /// A stream that has taken nothing in yet.
    pub fn new(plan: &IngestPlan) -> Self {
        let limits = Limits::new(plan.quota.times(plan.scale.into()));
        Self {
            plan: *plan,
            scale: plan.scale,
            records: limits.records.full(),
            requests: limits.requests.full(),
            bytes: limits.bytes.full(),
            limits,
            doubles_at: None,
            scales: vec![(0, plan.scale)],
            refused_requests: 0,
            refused_records: 0,
        }
    }

    /// Parallel channels, each with a buffer of its own: as many as its scale (FH-Q5).
    pub fn channels(&self) -> u32 {
        self.scale
    }

    /// What it takes at a scale.
    pub fn quota_at(&self, scale: u32) -> Quota {
        self.plan.quota.times(scale.into())
    }

    /// A doubled quota holds from its moment on.
    fn settle(&mut self, now: Nanos) {
        let Some(at) = self.doubles_at.filter(|at| *at <= now) else { return };
        self.doubles_at = None;
        self.scale = (self.scale * 2).min(SCALE_MAX);
        self.limits = Limits::new(self.quota_at(self.scale));
        // New channels begin with full buckets.
        self.records = self.limits.records.full();
        self.requests = self.limits.requests.full();
        self.bytes = self.limits.bytes.full();
        self.scales.push((at, self.scale));
    }

    /// The quota rises while requests are refused (FH-Q5).
    fn refused(&mut self, now: Nanos) {
        if self.doubles_at.is_none() && self.scale < SCALE_MAX {
            self.doubles_at = self.plan.ramp.map(|ramp| now + ramp);
        }
    }

    /// Takes the token of one request of so many records, or refuses all of it.
    pub fn request(&mut self, now: Nanos, records: u64) -> bool {
        self.settle(now);
        let taken = self.requests.try_take(&self.limits.requests, now, 1);
        if !taken {
            self.refused_requests += 1;
            self.refused_records += records;
            self.refused(now);
        }
        taken
    }

    /// Takes the tokens for one record of a request, or refuses and takes nothing (FH-Q7: records fail one by one).
    ///
    /// # Errors
    /// The quota that was spent.
    pub fn admit(&mut self, now: Nanos, bytes: u32) -> Result<(), WriteRefused> {
        let bytes = u64::from(bytes);
        let records = self.records.has(&self.limits.records, now, 1);
        let enough = self.bytes.has(&self.limits.bytes, now, bytes);
        let refused = match (records, enough) {
            (true, true) => {
                self.records.spend(1);
                self.bytes.spend(bytes);
                return Ok(());
            }
            (false, true) => WriteRefused::Records,
            (true, false) => WriteRefused::Bytes,
            (false, false) => WriteRefused::Both,
        };
        self.refused_records += 1;
        self.refused(now);
        Err(refused)
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::SECOND;

    fn plan(region: &str, ramp: Option<Nanos>) -> IngestPlan {
        IngestPlan { quota: Quota::of(region, false), scale: 1, ramp }
    }

    #[test]
    fn fh_q1_q2_q3_quotas_are_those_of_the_region() {
        let quota = |records, requests, bytes| Quota { records, requests, bytes };
        for region in ["us-east-1", "us-west-2", "eu-west-1"] {
            assert_eq!(Quota::of(region, false), quota(500_000, 2_000, 5_242_880));
            assert_eq!(Quota::of(region, true).records, 5_000);
        }
        assert_eq!(Quota::of("eu-central-1", false), quota(100_000, 1_000, 1_048_576));
        assert_eq!(Quota::of("eu-central-1", true), quota(1_000, 1_000, 1_048_576));
    }

    #[test]
    fn fh_q4_the_three_quotas_scale_together() {
        let doubled = Quota::of("us-east-1", false).times(2);
        assert_eq!(doubled, Quota { records: 1_000_000, requests: 4_000, bytes: 10 << 20 });
    }

    /// Each bucket by itself: a second's worth at once, and nothing more at the same moment.
    #[test]
    fn fh_q1_any_one_of_three_buckets_refuses() {
        let mut requests = Ingest::new(&plan("us-east-1", None));
        assert_eq!((0..2_500).filter(|_| requests.request(0, 1)).count(), 2_000);
        assert_eq!((requests.refused_requests, requests.refused_records), (500, 500));
        let mut bytes = Ingest::new(&plan("us-east-1", None));
        let outcomes: Vec<_> = (0..6).map(|_| bytes.admit(0, 1_000_000)).collect();
        assert_eq!(outcomes.iter().filter(|outcome| outcome.is_ok()).count(), 5, "of 5,242,880 bytes");
        assert_eq!(outcomes[5], Err(WriteRefused::Bytes));
        let mut records = Ingest::new(&plan("us-east-1", None));
        assert!((0..500_000).all(|_| records.admit(0, 1).is_ok()));
        assert_eq!(records.admit(0, 1), Err(WriteRefused::Records));
    }

    #[test]
    fn fh_q5_unv_2_the_quota_doubles_a_ramp_after_a_refusal_and_so_do_the_channels() {
        let mut ingest = Ingest::new(&plan("us-east-1", Some(60 * SECOND)));
        assert!((0..2_001).map(|_| ingest.request(SECOND, 1)).any(|taken| !taken));
        assert!(ingest.request(60 * SECOND, 1));
        assert_eq!(ingest.channels(), 1);
        assert!(ingest.request(62 * SECOND, 1));
        assert_eq!((ingest.channels(), ingest.scales.as_slice()), (2, &[(0, 1), (61 * SECOND, 2)][..]));
        assert_eq!((0..5_000).filter(|_| ingest.request(70 * SECOND, 1)).count(), 4_000);
        // Where no more is refused, it stays.
        let mut calm = Ingest::new(&plan("us-east-1", Some(60 * SECOND)));
        assert!((0..1_000).all(|second| calm.request(second * SECOND, 1)));
        assert_eq!(calm.channels(), 1);
    }
}
