//! The discrete-event engine: virtual time, the future event list, random streams, samplers, token
//! buckets, waits that double, histograms and the fingerprint. Nothing here knows of AWS.

pub mod alias;
pub mod backoff;
pub mod bucket;
pub mod fingerprint;
pub mod histogram;
pub mod math;
pub mod memory;
pub mod queue;
pub mod random;
pub mod sampler;
pub mod slab;
pub mod slots;
pub mod time;
pub mod zipf;
