//! Producers: when writes arrive, to which items, and what they do.
//!
//! Everything here is the resolved form: plain values that cannot be wrong, made by constructors that say what is
//! wrong. The scenario's room turns YAML into them.

pub mod arrivals;
pub mod client;
pub mod input;
pub mod integrated_rate;
pub mod key_name;
pub mod key_names;
pub mod key_shares;
pub mod keys;
pub mod operation;
pub mod producer;
pub mod profile;
pub mod put_records;
pub mod rate_profile;
pub mod rate_shapes;
pub mod settings;
pub mod timestamp;
pub mod trace;
