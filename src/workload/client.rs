//! A client whose requests are more than plain writes that are answered at once.

use super::operation::WriteKind;
use super::producer::{BATCH, Way, Write};
use crate::engine::backoff::Backoff;
use crate::engine::sampler::Sampler;
use crate::engine::time::Nanos;
use crate::systems::dynamodb::change_record::TIME_TO_LIVE_IDENTITY_BYTES;
use crate::systems::dynamodb::replication::{RecordSize, ReplicationPlan};

/// Items that one BatchWriteItem call takes (DDB-B1).
pub const BATCH_ITEMS_MAX: u32 = 25;
/// Items that one TransactWriteItems call takes (DDB-B3).
pub const TRANSACTION_ITEMS_MAX: u32 = 100;
/// Whole KB that one TransactWriteItems call takes (DDB-B3).
pub const TRANSACTION_KB_MAX: u32 = 4 * 1_024;

/// How writes are called.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Call {
    /// PutItem, UpdateItem, DeleteItem: each write by itself.
    Single,
    /// BatchWriteItem of so many items (DDB-B1).
    Batch(u32),
    /// TransactWriteItems of so many items (DDB-B3).
    Transaction(u32),
}

impl Call {
    /// Items of one call.
    pub fn items(self) -> usize {
        match self {
            Self::Single => 1,
            Self::Batch(items) | Self::Transaction(items) => items as usize,
        }
    }
}

/// Answers with HTTP 500, after which nobody knows whether the write took place (DDB-T8, SDK-R14).
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct ServerErrors {
    /// Share of requests, in [0, 1].
    pub probability: f64,
    /// Share of those whose write took place, in [0, 1].
    pub applied: f64,
    /// Whether a repeated write changes the item once more, as a counter's does; otherwise it changes nothing (DDB-N1).
    pub changes_again: bool,
}

/// The application's own loop: it sends again what the SDK does not (DDB-T5, DDB-T6, SDK-R13).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Resend {
    /// Waits between its tries.
    pub backoff: Backoff,
    /// Tries in all, the first included; without limit if absent.
    pub attempts_max: Option<u32>,
}

/// What a producer's requests are like.
#[derive(Clone, Debug)]
pub struct ClientPlan {
    /// Clients that share the writes, each with a retry quota of its own (SDK-R4); without one if absent.
    pub clients: Option<u32>,
    /// How long a client of a closed system thinks between the answer and its next write; nanoseconds.
    pub think_time: Option<Sampler>,
    /// How writes are called.
    pub call: Call,
    /// What the application sends again.
    pub resend: Resend,
    /// From a request to its answer (DDB-Y1); nanoseconds.
    pub write_time: Option<Sampler>,
    /// Answers that leave the outcome open.
    pub server_errors: Option<ServerErrors>,
    /// From an item's expiry to its removal (DDB-L1); nanoseconds.
    pub ttl_delay: Option<Sampler>,
    /// The writes are those of another Region's replica, which arrive so much later (DDB-G1); nanoseconds.
    pub replicated_after: Option<Sampler>,
}

impl ClientPlan {
    /// A client that does nothing but what it is asked for.
    pub fn plain(resend: Resend) -> Self {
        Self {
            clients: None,
            think_time: None,
            call: Call::Single,
            resend,
            write_time: None,
            server_errors: None,
            ttl_delay: None,
            replicated_after: None,
        }
    }

    /// Phases of a write: a transaction prepares and commits (DDB-Y2).
    pub fn phases(&self) -> u64 {
        if matches!(self.call, Call::Transaction(_)) { 2 } else { 1 }
    }

    /// How many writes are drawn at a time: whole calls; of a closed system, whose times are not known before, one.
    pub fn writes_at_once(&self) -> usize {
        if self.think_time.is_some() { 1 } else { BATCH / self.call.items() * self.call.items() }
    }

    /// Moves each write to the moment of its call: when the last write of the call is due.
    pub fn gather(&self, times: &mut [Nanos]) {
        for call in times.chunks_mut(self.call.items()) {
            let last = call[call.len() - 1];
            call.fill(last);
        }
    }

    /// How long a write waits before it reaches the table, if it does.
    pub fn waits(&self, kind: WriteKind) -> Option<&Sampler> {
        let expiry = self.ttl_delay.as_ref().filter(|_| kind == WriteKind::TimeToLive);
        expiry.or(self.replicated_after.as_ref())
    }

    /// Write units of a write whose item takes `units` (DDB-U8, DDB-L2, DDB-L6).
    pub fn units(&self, kind: WriteKind, units: u64) -> u64 {
        match self.call {
            _ if kind == WriteKind::TimeToLive && self.replicated_after.is_none() => 0,
            Call::Transaction(_) => 2 * units,
            Call::Single | Call::Batch(_) => units,
        }
    }

    /// Marks a write as this client's.
    pub fn prepare(&self, write: &mut Write, replication: Option<&ReplicationPlan>) {
        write.way = Way::Long;
        write.units = self.units(write.kind, u64::from(write.units)) as u16;
        // Its record says who removed the item (DDB-L3), but not in another Region's replica (DDB-L6).
        let in_json = replication.is_some_and(|plan| matches!(plan.record, RecordSize::Json(_)));
        if in_json && write.kind == WriteKind::TimeToLive && self.replicated_after.is_none() {
            write.record.bytes += TIME_TO_LIVE_IDENTITY_BYTES;
        }
    }
}
