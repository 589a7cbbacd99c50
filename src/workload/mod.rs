//! Producers: when they write, which items, how large, and what their clients do when a write is refused.

pub mod producer;
pub mod retry;
