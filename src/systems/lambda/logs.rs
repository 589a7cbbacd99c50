//! What a function writes to CloudWatch Logs. It costs no time here, only money.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::engine::time::Nanos;
use crate::settings::parameter::Parameter;
use crate::units::{Bytes, Duration};

/// Bytes of an invocation.
pub const PER_INVOCATION: Parameter = Parameter::assumed(
    "OWN-42",
    "per_invocation",
    "bytes that a function logs for each invocation",
    "400 B",
    "Lambda's own START, END and REPORT lines take some 300 to 400 bytes",
);
/// Bytes of a record.
pub const PER_RECORD: Parameter = Parameter::assumed(
    "OWN-42",
    "per_record",
    "bytes that a function logs for each record it processes",
    "0 B",
    "the user's own lines: write down what they are",
);
/// How long logs stay.
pub const KEPT: Parameter = Parameter::assumed(
    "OWN-42",
    "kept",
    "how long logs are kept",
    "30d",
    "CloudWatch keeps them for ever unless told otherwise",
);

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[PER_INVOCATION, PER_RECORD, KEPT];

/// What a function logs (`cwlogs.ingest_gb`, `cwlogs.store_gbmo`).
#[derive(Clone, Copy, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct LogSettings {
    /// Bytes for each invocation.
    #[schemars(extend("default" = PER_INVOCATION.value))]
    pub per_invocation: Option<Bytes>,
    /// Bytes for each record that it processes.
    #[schemars(extend("default" = PER_RECORD.value))]
    pub per_record: Option<Bytes>,
    /// How long they are kept: 1d to 3650d.
    #[schemars(extend("default" = KEPT.value))]
    pub kept: Option<Duration>,
}

/// Logs, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct LogPlan {
    /// Bytes an invocation.
    pub per_invocation: u64,
    /// Bytes a record.
    pub per_record: u64,
    /// How long they are kept.
    pub kept: Nanos,
}
