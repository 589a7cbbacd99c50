//! Server-side encryption of a stream with a KMS key. It costs no time here, only money.

use schemars::JsonSchema;
use serde::Deserialize;

use crate::engine::time::{MINUTE, Nanos};
use crate::settings::parameter::Parameter;

/// Which key.
pub const KEY: Parameter = Parameter::published("kms.key_mo", "key", "whose key it is", "customer_managed");
/// Who calls KMS.
pub const CREDENTIALS: Parameter = Parameter::assumed(
    "OWN-41",
    "credentials",
    "credentials that put into or read an encrypted stream, each with data keys of its own",
    "1",
    "calls grow with the distinct credentials (`kms.req`); one for each role that producers and consumers assume",
);

/// KMS calls of a stream for one credential in [`CALLS_EVERY`]: data keys are cached for about five minutes (`kms.req`).
pub const CALLS: u64 = 12;
/// The time in which they are made.
pub const CALLS_EVERY: Nanos = 5 * MINUTE;

/// The parameters of this room.
pub const PARAMETERS: &[Parameter] = &[KEY, CREDENTIALS];

/// Encryption of what a stream holds.
#[derive(Clone, Debug, Default, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct EncryptionSettings {
    /// Whose key it is.
    #[schemars(extend("default" = KEY.value))]
    pub key: Option<KeyOwner>,
    /// Distinct credentials that put into the stream or read it: 1 to 10,000. Each makes about 12 KMS calls in five minutes.
    #[schemars(extend("default" = CREDENTIALS.value), range(min = 1, max = 10_000))]
    pub credentials: Option<u32>,
}

/// Whose key encrypts.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, JsonSchema)]
#[serde(rename_all = "snake_case")]
pub enum KeyOwner {
    /// The user's own, which has a price a month beside that of the calls.
    CustomerManaged,
    /// `aws/kinesis`, of which only the calls are billed.
    AwsManaged,
}

/// Encryption, checked.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct EncryptionPlan {
    /// Whose key it is.
    pub key: KeyOwner,
    /// Distinct credentials.
    pub credentials: u32,
}
