//! What is billed beside the flow of records: it takes no time and stands in nobody's way.

use crate::systems::dynamodb::contents::Contents;
use crate::systems::kinesis::encryption::EncryptionPlan;
use crate::systems::lambda::logs::LogPlan;
use crate::systems::network::Network;

/// What a scenario has of it; each list goes by the number of what it belongs to, and may be shorter.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Sidelines {
    /// What tables hold.
    pub contents: Vec<Contents>,
    /// Encryption of Kinesis streams.
    pub encryption: Vec<Option<EncryptionPlan>>,
    /// How many metrics each shard of a Kinesis stream has.
    pub shard_metrics: Vec<usize>,
    /// Networks of polling consumers.
    pub networks: Vec<Option<Network>>,
    /// Logs of functions.
    pub logs: Vec<Option<LogPlan>>,
}

impl Sidelines {
    /// What a table holds.
    pub fn contents(&self, table: usize) -> Contents {
        self.contents.get(table).copied().unwrap_or_default()
    }

    /// The networks that are there: consumers with the same one share it.
    pub fn doors(&self) -> Vec<crate::systems::network::Door> {
        let mut doors: Vec<_> = self.networks.iter().flatten().map(|network| network.door).collect();
        doors.sort_unstable();
        doors.dedup();
        doors
    }
}
