//! What a write does to its item, as DynamoDB names it.

/// A change of an item, as DynamoDB names it in `eventName`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub enum Operation {
    /// A new item.
    Insert,
    /// An existing item changes.
    Modify,
    /// An item goes.
    Remove,
}

impl Operation {
    /// From `INSERT`, `MODIFY` or `REMOVE`, in any case.
    pub fn from_name(name: &str) -> Option<Self> {
        [Self::Insert, Self::Modify, Self::Remove]
            .into_iter()
            .find(|operation| operation.name().eq_ignore_ascii_case(name))
    }

    /// `INSERT`, `MODIFY` or `REMOVE`.
    pub fn name(self) -> &'static str {
        match self {
            Self::Insert => "INSERT",
            Self::Modify => "MODIFY",
            Self::Remove => "REMOVE",
        }
    }
}
