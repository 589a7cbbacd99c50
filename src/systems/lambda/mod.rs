//! AWS Lambda as a consumer of streams: event source mappings, the functions behind them, and their account.
//!
//! ```text
//! poll or push ──▶ filter ──▶ lanes by key hash ──▶ batch: size, window, 6 MB ──▶ invocation
//!                                  ▲                                                 │ error
//!                                  └── whole, halved or from the failed record ◀─────┘
//! ```
//!
//! A mapping does not know what kind of source it reads: a source has shards and gives batches of records. Where each
//! rule is: [`plan`] (what a scenario says), [`mapping`] (from records to invocations), [`batch`] (when a batch is complete), [`lane`] (one batch at a
//! time and in order), [`retry`] (what follows a failure), [`function`] (how long it takes and when it fails),
//! [`concurrency`] (who may run), [`cold_start`] (environments), [`settings`] (the language).

pub mod batch;
pub mod cold_start;
pub mod concurrency;
pub mod function;
mod hand;
pub mod held_back;
pub mod lane;
pub mod logs;
pub mod mapping;
pub mod meter;
pub mod moments;
pub mod pipe_settings;
pub mod plan;
pub mod poison;
pub mod retry;
pub mod settings;
pub mod tumbling;
