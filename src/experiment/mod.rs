//! Experiments: what is concluded from several replications of one scenario.

pub mod statistics;
pub mod student_t;
