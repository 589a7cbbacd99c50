//! Execution environments: kept warm for a while after use; a new one starts cold (LAM-L2, LAM-L3).

use crate::engine::time::Nanos;
use std::collections::VecDeque;

/// A function's idle environments. The one used last is used first. O(1) each.
#[derive(Clone, Debug)]
pub struct Environments {
    keep_warm: Nanos,
    /// Since when each is idle, longest first.
    idle: VecDeque<Nanos>,
}

impl Environments {
    /// None yet; each stays for `keep_warm` after its last use.
    pub fn new(keep_warm: Nanos) -> Self {
        Self { keep_warm, idle: VecDeque::new() }
    }

    /// Takes a warm environment, if there is one.
    pub fn take_warm(&mut self, now: Nanos) -> bool {
        while self.idle.front().is_some_and(|since| since + self.keep_warm < now) {
            self.idle.pop_front();
        }
        self.idle.pop_back().is_some()
    }

    /// An environment has nothing to do any more.
    pub fn give_back(&mut self, now: Nanos) {
        self.idle.push_back(now);
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn lam_l2_only_a_further_environment_or_one_left_alone_too_long_starts_cold() {
        let mut environments = Environments::new(100);
        assert!(!environments.take_warm(0) && !environments.take_warm(0));
        environments.give_back(10);
        environments.give_back(20);
        assert!(environments.take_warm(115));
        assert!(!environments.take_warm(115), "the other one was left alone for more than 100");
    }
}
