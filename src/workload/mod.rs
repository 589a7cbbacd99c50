//! Producers: what their clients do when a write is refused.

pub mod retry;
