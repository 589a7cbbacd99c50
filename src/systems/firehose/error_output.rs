//! What goes to the error prefix, and why.

/// Why a record went to the error prefix (FH-O4).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ErrorOutput {
    /// Its partition would have been one too many (FH-D1): `activePartitionExceeded`.
    ActivePartitionExceeded,
    /// Its attribute could not be read (FH-D6): `processing-failed`.
    ProcessingFailed,
    /// The function that transforms said so, or failed too often (FH-T3): `processing-failed`.
    TransformFailed,
    /// It could not be converted (FH-F3): `format-conversion-failed`.
    FormatConversionFailed,
    /// The destination took nothing for as long as Firehose tries (FH-R2).
    DestinationFailed,
}

impl ErrorOutput {
    /// The name of this fate in the ledger.
    pub fn fate(self) -> &'static str {
        match self {
            Self::ActivePartitionExceeded => "active_partition_exceeded",
            Self::ProcessingFailed => "processing_failed",
            Self::TransformFailed => "transform_failed",
            Self::FormatConversionFailed => "conversion_failed",
            Self::DestinationFailed => "destination_failed",
        }
    }

    /// Why, in words.
    pub fn cause(self) -> &'static str {
        match self {
            Self::ActivePartitionExceeded => "too many partitions were active",
            Self::ProcessingFailed => "their partition could not be read",
            Self::TransformFailed => "the transforming function failed at them",
            Self::FormatConversionFailed => "they could not be converted",
            Self::DestinationFailed => "the destination took nothing for as long as Firehose tries",
        }
    }

    /// All of them, by place.
    pub const ALL: [Self; 5] = [
        Self::ActivePartitionExceeded,
        Self::ProcessingFailed,
        Self::TransformFailed,
        Self::FormatConversionFailed,
        Self::DestinationFailed,
    ];
}
