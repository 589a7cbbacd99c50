//! Virtual time, events and randomness: the parts that know nothing of AWS.

pub mod math;
