//! Choosing with a seed's draws.

use streamgauge::engine::math::{exp, ln};
use streamgauge::engine::random::{Draws, Streams};

/// Chooses with the draws of one seed.
pub struct Choice(Draws);

impl Choice {
    /// The choices of a seed for one section: what another section draws changes nothing here.
    pub fn new(seed: u64, section: &str) -> Self {
        Self(Streams::new(seed, 0).named(&format!("swarm.{section}")))
    }

    /// A whole number below `bound`.
    pub fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    /// A whole number from `low` to `high`.
    pub fn between(&mut self, low: u64, high: u64) -> u64 {
        low + self.below(high + 1 - low)
    }

    /// A number whose logarithm is equally likely anywhere: small ones are as likely as large ones.
    pub fn spread(&mut self, low: f64, high: f64) -> f64 {
        exp(ln(low) + (ln(high) - ln(low)) * self.0.unit())
    }

    /// Such a number, whole.
    pub fn count(&mut self, low: u64, high: u64) -> u64 {
        (self.spread(low as f64, high as f64 + 1.0) as u64).clamp(low, high)
    }

    /// True so many times out of a hundred.
    pub fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    /// One of these.
    pub fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }

    /// One of these names; none if there is none.
    pub fn name(&mut self, names: &[String]) -> Option<String> {
        (!names.is_empty()).then(|| self.one_of(names))
    }
}

/// The keys of a YAML map, some of them left out.
pub struct Map<'a> {
    choice: &'a mut Choice,
    keys: Vec<String>,
}

impl<'a> Map<'a> {
    /// An empty map.
    pub fn new(choice: &'a mut Choice) -> Self {
        Self { choice, keys: Vec::new() }
    }

    /// A key that is always there.
    pub fn must(mut self, key: &str, value: impl std::fmt::Display) -> Self {
        self.keys.push(format!("{key}: {value}"));
        self
    }

    /// A key that is there so many times out of a hundred, with one of these values.
    pub fn may(mut self, percent: u64, key: &str, values: &[&str]) -> Self {
        if self.choice.chance(percent) {
            let value = self.choice.one_of(values);
            self.keys.push(format!("{key}: {value}"));
        }
        self
    }

    /// A key that is there if the value is.
    pub fn if_some(mut self, key: &str, value: Option<String>) -> Self {
        self.keys.extend(value.map(|value| format!("{key}: {value}")));
        self
    }

    /// The map in flow style.
    pub fn end(self) -> String {
        format!("{{ {} }}", self.keys.join(", "))
    }
}
