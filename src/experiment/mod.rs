//! Experiments: what is concluded from several replications of one scenario.

#[cfg(test)]
pub(crate) mod example;
pub mod follow;
pub mod replicate;
pub mod statistics;
pub mod student_t;
pub mod sweep;
pub mod verify;
pub mod warm_up;
