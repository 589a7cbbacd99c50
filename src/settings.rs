//! What the settings of all rooms have in common: parameters with their defaults, references to other parts of the
//! scenario, and values that are one quantity or a map.

pub mod distribution;
pub mod one_or_map;
pub mod parameter;
pub mod reference;
