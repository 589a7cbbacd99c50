//! What is billed beside the flow of records: it takes no time and stands in nobody's way.

use crate::systems::dynamodb::contents::Contents;
use crate::systems::kinesis::encryption::EncryptionPlan;
use crate::systems::lambda::logs::LogPlan;
use crate::systems::network::Network;

/// What a scenario has of it. What belongs to tables and streams goes by their numbers, in lists that may be shorter; what
/// belongs to consumers by their names.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sidelines {
    /// What tables hold.
    pub contents: Vec<Contents>,
    /// Encryption of Kinesis streams.
    pub encryption: Vec<Option<EncryptionPlan>>,
    /// How many metrics each shard of a Kinesis stream has.
    pub shard_metrics: Vec<usize>,
    /// Networks of consumers that read by themselves.
    pub networks: Vec<(String, Network)>,
    /// Logs of functions.
    pub logs: Vec<(String, LogPlan)>,
}

impl Sidelines {
    /// What a table holds.
    pub fn contents(&self, table: usize) -> Contents {
        self.contents.get(table).copied().unwrap_or_default()
    }

    /// The private network that a consumer reads from, if it does.
    pub fn network(&self, consumer: &str) -> Option<Network> {
        self.networks.iter().find(|(name, _)| name == consumer).map(|(_, network)| *network)
    }

    /// The logs of a function.
    pub fn logs(&self, consumer: &str) -> Option<LogPlan> {
        self.logs.iter().find(|(name, _)| name == consumer).map(|(_, logs)| *logs)
    }

    /// The networks that are there: consumers with the same one share it.
    pub fn doors(&self) -> Vec<crate::systems::network::Door> {
        let mut doors: Vec<_> = self.networks.iter().map(|(_, network)| network.door).collect();
        doors.sort_unstable();
        doors.dedup();
        doors
    }
}
