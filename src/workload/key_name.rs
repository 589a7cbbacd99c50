//! The text of a generated key: a prefix and a zero-padded number.

use std::sync::Arc;

/// Characters of a partition key: what Kinesis takes at most (KDS-H1). DynamoDB takes partition keys of up to 2,048 bytes
/// (DDB-U13), which these always fit.
pub const KEY_CHARACTERS_MAX: usize = 256;

/// Bytes of a text that is put together in place.
const SHORT_BYTES_MAX: usize = 64;

/// Where a key's text is put together.
#[derive(Clone, Debug)]
pub struct KeyBuffer {
    short: [u8; SHORT_BYTES_MAX],
    /// A longer text; nothing is allocated before there is one.
    long: Vec<u8>,
}

impl Default for KeyBuffer {
    fn default() -> Self {
        Self { short: [0; SHORT_BYTES_MAX], long: Vec::new() }
    }
}

/// Digits that the largest key number, 2^32, takes.
const DIGITS_OF_LARGEST: usize = 10;

/// The digits of 0 to 99, two bytes each.
const PAIRS: [u8; 200] = pairs();

/// How the keys of a key space are written: `user#00000000001` is key 0 with the prefix `user#` and 11
/// digits.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct KeyName {
    /// The prefix, then zeros: copied whole, it costs a few moves where the exact lengths would cost two
    /// calls.
    template: [u8; SHORT_BYTES_MAX],
    /// The prefix of texts that do not fit there.
    long: Option<Arc<str>>,
    prefix_bytes: usize,
    digits: usize,
}

impl KeyName {
    /// Digits unless told otherwise: more than any key number takes, so that all keys are equally long.
    pub const DIGITS: u8 = 11;

    /// # Errors
    /// A text of more than [`KEY_CHARACTERS_MAX`] characters.
    pub fn new(prefix: &str, digits: u8) -> Result<Self, String> {
        let digits = usize::from(digits);
        let with = digits.max(DIGITS_OF_LARGEST);
        let length = prefix.chars().count() + with;
        if length > KEY_CHARACTERS_MAX {
            return Err(format!(
                "a key of {length} characters is too long; prefix and digits must fit {KEY_CHARACTERS_MAX} characters (KDS-H1)"
            ));
        }
        let mut template = [b'0'; SHORT_BYTES_MAX];
        let long = (prefix.len() + with > SHORT_BYTES_MAX).then(|| Arc::from(prefix));
        if long.is_none() {
            template[..prefix.len()].copy_from_slice(prefix.as_bytes());
        }
        Ok(Self { template, long, prefix_bytes: prefix.len(), digits })
    }

    /// Length of this key's text in bytes.
    pub fn length(&self, key: u32) -> usize {
        self.prefix_bytes + self.width(u64::from(key) + 1)
    }

    /// Writes the text of a key to the front of the buffer and gives it back. A number that needs more digits
    /// than asked for gets them.
    #[inline]
    pub fn write<'buffer>(&self, key: u32, buffer: &'buffer mut KeyBuffer) -> &'buffer [u8] {
        if let Some(prefix) = &self.long {
            return self.write_long(prefix, key, &mut buffer.long);
        }
        let buffer = &mut buffer.short;
        let mut number = u64::from(key) + 1;
        let length = self.prefix_bytes + self.width(number);
        *buffer = self.template;
        let mut at = length;
        while number >= 10 {
            let pair = 2 * (number % 100) as usize;
            at -= 2;
            buffer[at..at + 2].copy_from_slice(&PAIRS[pair..pair + 2]);
            number /= 100;
        }
        if number > 0 {
            at -= 1;
            buffer[at] = b'0' + number as u8;
        }
        &buffer[..length]
    }

    #[cold]
    fn write_long<'buffer>(&self, prefix: &str, key: u32, buffer: &'buffer mut Vec<u8>) -> &'buffer [u8] {
        buffer.clear();
        buffer.extend_from_slice(prefix.as_bytes());
        buffer.extend_from_slice(format!("{:0width$}", u64::from(key) + 1, width = self.digits).as_bytes());
        buffer
    }

    fn width(&self, number: u64) -> usize {
        self.digits.max(number.ilog10() as usize + 1)
    }
}

const fn pairs() -> [u8; 200] {
    let mut pairs = [0; 200];
    let mut number = 0;
    while number < 100 {
        pairs[2 * number] = b'0' + (number / 10) as u8;
        pairs[2 * number + 1] = b'0' + (number % 10) as u8;
        number += 1;
    }
    pairs
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn it_writes_what_the_standard_formatter_writes() {
        let mut buffer = KeyBuffer::default();
        let long = ["x".repeat(54), "x".repeat(55), "x".repeat(230), "\u{1f4e6}".repeat(60)];
        for prefix in ["user#", ""].into_iter().chain(long.iter().map(String::as_str)) {
            for digits in [0, 1, 4, KeyName::DIGITS, 20] {
                let name = KeyName::new(prefix, digits).unwrap();
                for key in [0, 8, 9, 98, 99, 100, 998, 4_711, 999_999, 1_000_000, u32::MAX - 1, u32::MAX] {
                    let number = u64::from(key) + 1;
                    let expected = format!("{prefix}{number:0width$}", width = usize::from(digits));
                    assert_eq!(name.write(key, &mut buffer), expected.as_bytes());
                    assert_eq!(name.length(key), expected.len());
                }
            }
        }
    }

    /// Characters and not bytes: this one takes four bytes.
    #[test]
    fn kds_h1_keys_have_up_to_256_characters() {
        for prefix in ["x", "\u{1f4e6}"] {
            assert!(KeyName::new(&prefix.repeat(246), 10).is_ok());
            assert!(KeyName::new(&prefix.repeat(247), 1).is_err());
            assert!(KeyName::new(&prefix.repeat(56), 201).is_err());
        }
    }
}
