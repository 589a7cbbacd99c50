//! Amazon SQS as the other way to fan out: senders put a message for each record into a queue of each consumer, and a
//! Lambda function takes them from there.
//!
//! ```text
//! sender ──▶ dedupe (FIFO) ──▶ long poll ──▶ visible ──▶ batch ──▶ invocation ──▶ deleted
//!                                               ▲                      │ failed, again after the visibility timeout
//!                                               └──────────────────────┘ or, received too often, to the dead-letter queue
//! ```
//!
//! Where each rule is: [`queue`] (what is in it, in which order, for how long), `quota` (calls a second),
//! [`requests`] (what is billed), `pollers` (how many there are, and empty receives), [`consumer`] (batches and the function),
//! [`settings`] (the language).

pub mod consumer;
mod pollers;
pub mod queue;
mod quota;
pub mod requests;
pub mod settings;
