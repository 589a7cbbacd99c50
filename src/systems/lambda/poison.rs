//! Poison records that moments choose.

use crate::systems::kinesis::log::{Micros, Record};

/// For each of some moments, the first record written then or later that comes along; it makes whoever gets it fail every time.
#[derive(Clone, Debug, Default)]
pub struct Chosen(Vec<(Micros, Option<u64>)>);

impl Chosen {
    /// None is chosen yet.
    pub fn new(moments: &[Micros]) -> Self {
        Self(moments.iter().map(|at| (*at, None)).collect())
    }

    /// Whether no record will be chosen.
    pub fn is_empty(&self) -> bool {
        self.0.is_empty()
    }

    /// Whether a record that comes along is one of them. Copies of a change fare alike.
    pub fn has(&mut self, record: &Record) -> bool {
        let mut poison = false;
        for (at, chosen) in &mut self.0 {
            if chosen.is_none() && record.written >= *at {
                *chosen = Some(record.identity());
            }
            poison |= *chosen == Some(record.identity());
        }
        poison
    }
}
