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
    /// All of them, by place.
    pub const ALL: [Self; 5] = [
        Self::ActivePartitionExceeded,
        Self::ProcessingFailed,
        Self::TransformFailed,
        Self::FormatConversionFailed,
        Self::DestinationFailed,
    ];
}
