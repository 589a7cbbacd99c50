//! Amazon S3, as the delivery stream sees it: one PUT an object.

use crate::engine::random::Draws;
use crate::engine::sampler::Sampler;
use crate::engine::time::{Nanos, round};

/// What was stored.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct S3Meter {
    /// PUT requests.
    pub puts: u64,
    /// Objects that are complete.
    pub objects: u64,
    /// Bytes in complete objects, as stored.
    pub bytes: u64,
    /// Complete objects under the error prefix; not among `objects`.
    pub error_objects: u64,
}

/// A bucket that takes objects at its own pace; PUTs do not wait for each other (UNV-2).
#[derive(Clone, Debug)]
pub struct Bucket {
    put: Sampler,
    requests: u64,
    draws: Draws,
    /// What it counted.
    pub meter: S3Meter,
}

impl Bucket {
    /// `put` is the duration of one upload in nanoseconds (S3-3, DEF-8), `requests` what it counts for in PUT-class
    /// requests.
    pub fn new(put: Sampler, requests: u64, draws: Draws) -> Self {
        Self { put, requests, draws, meter: S3Meter::default() }
    }

    /// Starts one PUT; returns how long it takes.
    pub fn put_object(&mut self) -> Nanos {
        self.meter.puts += self.requests;
        round(self.put.sample(&mut self.draws))
    }

    /// Counts a complete object of `bytes` stored bytes.
    pub fn complete(&mut self, bytes: u64) {
        self.meter.objects += 1;
        self.meter.bytes += bytes;
    }
}
