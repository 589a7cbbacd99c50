//! The scenario language: from YAML to typed values, with a position for every mistake.
//!
//! ```text
//! file --source--> text --yaml--> tree <--overrides-- variants, sweeps, --set
//!                                  |
//!                                  +--de--> ScenarioFile --resolve--> Scenario, or diagnostics that point into the file
//! ```
//!
//! Price and usage files are read by the same steps; see [`price_file`] and [`usage_file`].

mod alias;
mod canonical;
pub mod checked;
pub mod de;
pub mod diagnostic;
mod feed_rule;
pub mod file;
mod inputs;
mod load;
pub mod load_check;
mod misplaced;
pub mod overrides;
pub mod path;
pub mod price_file;
pub mod resolve;
mod resolver;
mod schema;
pub mod sidelines;
pub mod source;
pub mod sweep;
pub mod timeline;
pub mod tree;
pub mod usage_file;
pub mod yaml;

pub use load::{LoadOptions, Loaded, check, load, load_sweep, load_text};
pub use schema::schema;
