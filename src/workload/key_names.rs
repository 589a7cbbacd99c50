//! The keys of a table's items as texts: made by a rule, or listed in a trace.

use super::key_name::{KeyBuffer, KeyName};
use std::sync::Arc;

/// How the dense number of an item becomes its key.
#[derive(Clone, Debug)]
pub enum KeyNames {
    /// A prefix and a number.
    Made(KeyName),
    /// As recorded.
    Listed(Arc<[String]>),
}

impl KeyNames {
    /// The key of one item. `buffer` holds it where it has to be made.
    pub fn write<'a>(&'a self, key: u32, buffer: &'a mut KeyBuffer) -> &'a [u8] {
        match self {
            Self::Made(name) => name.write(key, buffer),
            Self::Listed(names) => names.get(key as usize).map_or(&[], |name| name.as_bytes()),
        }
    }

    /// Length of the text of a key in bytes.
    #[inline]
    pub fn length(&self, key: u32) -> usize {
        match self {
            Self::Made(name) => name.length(key),
            Self::Listed(names) => names.get(key as usize).map_or(0, String::len),
        }
    }

    /// The usual length of a key in bytes: the mean, rounded.
    pub fn usual_bytes(&self) -> u32 {
        match self {
            Self::Made(name) => name.length(0) as u32,
            Self::Listed(names) => {
                let total: usize = names.iter().map(String::len).sum();
                (total + names.len() / 2).checked_div(names.len()).unwrap_or(0) as u32
            }
        }
    }
}
