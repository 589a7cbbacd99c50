//! The exceptions of Kinesis Data Streams, by AWS's names.

use thiserror::Error;

/// Why a call was refused.
#[derive(Clone, Debug, Error, PartialEq, Eq)]
pub enum Exception {
    /// There is no such stream or shard.
    #[error("ResourceNotFoundException: {0} does not exist.")]
    ResourceNotFound(String),
    /// The stream is not `ACTIVE` (`KDS-S5`, `KDS-S12`), or its name is taken.
    #[error("ResourceInUseException: {0}.")]
    ResourceInUse(String),
    /// An argument that no state of the stream would make good.
    #[error("InvalidArgumentException: {0}.")]
    InvalidArgument(String),
    /// A quota of the account or of the stream (`KDS-S3`, `KDS-S8`).
    #[error("LimitExceededException: {0}.")]
    LimitExceeded(String),
    /// A shard's rate was exceeded (`KDS-W6`, `KDS-R3`).
    #[error("ProvisionedThroughputExceededException: {0}.")]
    ProvisionedThroughputExceeded(String),
    /// A shard iterator older than five minutes (`KDS-R7`).
    #[error("ExpiredIteratorException: the iterator was given more than five minutes ago.")]
    ExpiredIterator,
}
