//! What a write can be, beyond what it does to its item.

use super::operation::Operation;

/// A kind of write. All but the first three leave the ordinary way somewhere: see each.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
#[repr(u8)]
pub enum WriteKind {
    /// A new item.
    Insert,
    /// An item that is there changes.
    Modify,
    /// An item goes.
    Remove,
    /// An item is written as it was: it costs write units and leaves no change record (DDB-N1, DDB-N2).
    Unchanged,
    /// A condition does not hold: it costs write units, changes nothing and fails (DDB-U6).
    ConditionalFailure,
    /// An item has expired and DynamoDB removes it: no write units, but a change record like any other (DDB-L2, DDB-L5).
    TimeToLive,
}

impl WriteKind {
    /// All kinds.
    pub const ALL: [Self; 6] = [
        Self::Insert,
        Self::Modify,
        Self::Remove,
        Self::Unchanged,
        Self::ConditionalFailure,
        Self::TimeToLive,
    ];

    /// The word for it in scenarios and reports.
    pub fn name(self) -> &'static str {
        match self {
            Self::Insert => "insert",
            Self::Modify => "modify",
            Self::Remove => "remove",
            Self::Unchanged => "unchanged",
            Self::ConditionalFailure => "conditional_failure",
            Self::TimeToLive => "ttl",
        }
    }

    /// What the change record says, if there is one (DDB-N1, DDB-U6, DDB-L3).
    #[inline]
    pub fn change(self) -> Option<Operation> {
        match self {
            Self::Insert => Some(Operation::Insert),
            Self::Modify => Some(Operation::Modify),
            Self::Remove | Self::TimeToLive => Some(Operation::Remove),
            Self::Unchanged | Self::ConditionalFailure => None,
        }
    }

    /// The item's bytes before and after it, from the two sizes that a write may have.
    #[inline]
    pub fn images(self, before: u32, after: u32) -> (u32, u32) {
        match self {
            Self::Insert => (0, after),
            Self::Modify | Self::ConditionalFailure => (before, after),
            Self::Remove | Self::TimeToLive => (before, 0),
            Self::Unchanged => (after, after),
        }
    }
}

impl From<Operation> for WriteKind {
    fn from(operation: Operation) -> Self {
        match operation {
            Operation::Insert => Self::Insert,
            Operation::Modify => Self::Modify,
            Operation::Remove => Self::Remove,
        }
    }
}
