//! Destinations behind or beside S3: how long they take a buffer, and what becomes of it when they take nothing.

use crate::engine::random::Draws;
use crate::engine::sampler::Sampler;
use crate::engine::time::{Nanos, SECOND, round};

/// What a destination is.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum EndpointKind {
    /// Amazon Redshift: an object in S3, then COPY, one after the other (FH-R4).
    Redshift,
    /// Amazon OpenSearch Service.
    OpenSearch,
    /// Amazon OpenSearch Serverless.
    OpenSearchServerless,
    /// Splunk.
    Splunk,
    /// Any HTTP endpoint.
    Http,
    /// Apache Iceberg tables.
    Iceberg,
    /// Snowflake.
    Snowflake,
}

impl EndpointKind {
    /// Its name in scenarios and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Redshift => "redshift",
            Self::OpenSearch => "opensearch",
            Self::OpenSearchServerless => "opensearch_serverless",
            Self::Splunk => "splunk",
            Self::Http => "http",
            Self::Iceberg => "iceberg",
            Self::Snowflake => "snowflake",
        }
    }

    /// What the names of objects begin with that hold what it did not take (FH-O4, FH-R2).
    pub fn error_prefix(self) -> &'static str {
        match self {
            Self::Redshift => "errors/",
            Self::OpenSearch | Self::OpenSearchServerless => "AmazonOpenSearchService-failed/",
            Self::Splunk => "splunk-failed/",
            Self::Http => "http-endpoint-failed/",
            Self::Iceberg => "iceberg-failed/",
            Self::Snowflake => "snowflake-failed/",
        }
    }

    /// Whether its buffers lie in S3 besides: before a COPY, or as the table's own files.
    pub fn is_in_s3(self) -> bool {
        matches!(self, Self::Redshift | Self::Iceberg)
    }

    /// Whether a buffer waits for the one before it (FH-R4).
    pub fn is_serial(self) -> bool {
        self == Self::Redshift
    }
}

/// A destination, checked.
#[derive(Clone, Debug)]
pub struct EndpointPlan {
    /// What it is.
    pub kind: EndpointKind,
    /// How long it takes a buffer apart from its bytes, nanoseconds: a request, a COPY, a commit.
    pub request: Sampler,
    /// Bytes a second that it takes at most, from all buffers together; without limit if nothing.
    pub bytes_per_second: Option<u64>,
    /// How long a buffer is tried again (FH-R2, FH-R3) before it goes to the error prefix.
    pub retry: Nanos,
    /// Availability Zones of a delivery into a VPC, which are billed; 0 without one.
    pub vpc_zones: u32,
}

/// A destination at work.
#[derive(Clone, Debug)]
pub struct Endpoint {
    plan: EndpointPlan,
    draws: Draws,
    /// When it will have taken all that it was given.
    free_at: Nanos,
    /// So many times as long it takes for what it is given before this moment.
    slow: (f64, Nanos),
}

impl Endpoint {
    /// One that has been given nothing yet.
    pub fn new(plan: &EndpointPlan, draws: Draws) -> Self {
        Self { plan: plan.clone(), draws, free_at: 0, slow: (1.0, 0) }
    }

    /// What it is.
    pub fn kind(&self) -> EndpointKind {
        self.plan.kind
    }

    /// How long a buffer is tried again.
    pub fn retry(&self) -> Nanos {
        self.plan.retry
    }

    /// Whether a buffer that is ready for it now has to wait for others.
    pub fn is_busy(&self, now: Nanos) -> bool {
        now < self.free_at
    }

    /// What it is given before `until` takes so many times as long.
    pub fn slow_down(&mut self, factor: f64, until: Nanos) {
        self.slow = (factor, until);
    }

    /// When it has taken a buffer that is ready for it at `ready`.
    pub fn take(&mut self, ready: Nanos, bytes: u64) -> Nanos {
        let factor = if ready < self.slow.1 { self.slow.0 } else { 1.0 };
        let request = round(self.plan.request.sample(&mut self.draws) * factor);
        let passing = self.plan.bytes_per_second.map_or(0, |rate| {
            let nanos = u128::from(bytes) * u128::from(SECOND) / u128::from(rate.max(1));
            let nanos = u64::try_from(nanos).unwrap_or(Nanos::MAX / 4);
            if factor > 1.0 { round(nanos as f64 * factor) } else { nanos }
        });
        let start = ready.max(self.free_at);
        if self.plan.kind.is_serial() {
            self.free_at = start + passing + request;
            return self.free_at;
        }
        self.free_at = start + passing;
        self.free_at + request
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Streams;

    fn endpoint(kind: EndpointKind, bytes_per_second: Option<u64>) -> Endpoint {
        let request = Sampler::Constant(20.0 * SECOND as f64);
        let plan = EndpointPlan { kind, request, bytes_per_second, retry: 0, vpc_zones: 0 };
        Endpoint::new(&plan, Streams::new(1, 0).named("endpoint"))
    }

    #[test]
    fn fh_r4_a_copy_waits_for_the_one_before_it_and_requests_do_not() {
        let mut redshift = endpoint(EndpointKind::Redshift, None);
        assert_eq!([0, 5, 70].map(|at| redshift.take(at * SECOND, 1) / SECOND), [20, 40, 90]);
        let mut search = endpoint(EndpointKind::OpenSearch, None);
        assert_eq!([0, 5, 70].map(|at| search.take(at * SECOND, 1) / SECOND), [20, 25, 90]);
    }

    #[test]
    fn bytes_pass_one_after_the_other_at_the_rate_of_the_destination() {
        let mut splunk = endpoint(EndpointKind::Splunk, Some(1_000));
        assert_eq!([0, 1].map(|at| splunk.take(at * SECOND, 10_000) / SECOND), [30, 40]);
    }
}
