//! The scenario language: from YAML to typed values, with a position for every mistake.
//!
//! ```text
//! file --source--> text --yaml--> tree <--overrides-- variants, sweeps, --set
//!                                  |
//!                                  +--de--> typed values, or diagnostics that point into the file
//! ```

mod alias;
pub mod checked;
pub mod de;
pub mod diagnostic;
pub mod overrides;
pub mod path;
pub mod source;
pub mod tree;
pub mod yaml;
