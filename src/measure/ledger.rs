//! The ledger: everything that entered a stretch of the pipeline ends in exactly one named fate.

use super::fate::{Meaning, meaning};
use std::fmt;

/// One stretch of the pipeline, with what entered it and what became of that.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Account {
    /// The stretch, such as `firehose.lake`.
    pub path: String,
    /// What entered, by origin.
    pub entered: Vec<(&'static str, u64)>,
    /// What became of it. What still waits was counted by walking the containers.
    pub fates: Vec<(&'static str, u64)>,
}

impl Account {
    /// Sum of what entered.
    pub fn total_entered(&self) -> u64 {
        self.entered.iter().map(|(_, count)| count).sum()
    }

    /// Sum of the fates.
    pub fn total_fates(&self) -> u64 {
        self.fates.iter().map(|(_, count)| count).sum()
    }

    /// Adds another replication's account of the same stretch.
    pub fn add(&mut self, other: &Self) {
        let pairs =
            self.entered.iter_mut().zip(&other.entered).chain(self.fates.iter_mut().zip(&other.fates));
        pairs.for_each(|(mine, theirs)| mine.1 += theirs.1);
    }
}

/// All accounts of a run, in the order of the flow.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Ledger {
    /// The accounts.
    pub accounts: Vec<Account>,
}

/// A stretch whose fates do not add up: a fault in the simulator.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Unbalanced(pub Account);

impl fmt::Display for Unbalanced {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(
            f,
            "the ledger of {} does not balance: {} entered ({:?}), {} are accounted for ({:?}). This is a fault in the simulator; please report it with the scenario.",
            self.0.path,
            self.0.total_entered(),
            self.0.entered,
            self.0.total_fates(),
            self.0.fates
        )
    }
}

impl std::error::Error for Unbalanced {}

impl Ledger {
    /// Checks every account.
    ///
    /// # Errors
    /// The first one that does not balance.
    pub fn check(&self) -> Result<(), Unbalanced> {
        let names = || self.accounts.iter().flat_map(|account| &account.fates).map(|(name, _)| *name);
        debug_assert_eq!(
            names().find(|name| meaning(name).is_none()),
            None,
            "say in measure::fate what it means"
        );
        match self.accounts.iter().find(|account| account.total_entered() != account.total_fates()) {
            Some(account) => Err(Unbalanced(account.clone())),
            None => Ok(()),
        }
    }

    /// The sum of one fate over all stretches.
    pub fn fate(&self, name: &str) -> u64 {
        let fates = self.accounts.iter().flat_map(|account| &account.fates);
        fates.filter(|(fate, _)| *fate == name).map(|(_, count)| count).sum()
    }

    /// What never arrives and lies nowhere, over all stretches: once for each reader that it does not reach.
    pub fn lost(&self) -> u64 {
        let fates = self.accounts.iter().flat_map(|account| &account.fates);
        fates.filter(|(fate, _)| meaning(fate) == Some(Meaning::Lost)).map(|(_, count)| count).sum()
    }

    /// Adds another replication's ledger of the same scenario.
    pub fn add(&mut self, other: &Self) {
        if self.accounts.is_empty() {
            self.accounts.clone_from(&other.accounts);
            return;
        }
        self.accounts.iter_mut().zip(&other.accounts).for_each(|(mine, theirs)| mine.add(theirs));
    }
}
