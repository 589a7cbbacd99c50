//! The text of a generated key: a prefix and a zero-padded number.

/// The longest key text, in bytes. DynamoDB takes partition keys of 1 to 2048 bytes (`DDB-U13`); generated
/// ones need no more than this.
pub const KEY_NAME_BYTES_MAX: usize = 64;

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
    template: [u8; KEY_NAME_BYTES_MAX],
    prefix_bytes: usize,
    digits: usize,
}

impl KeyName {
    /// Digits unless told otherwise: more than any key number takes, so that all keys are equally long.
    pub const DIGITS: u8 = 11;

    /// Errors: a text longer than [`KEY_NAME_BYTES_MAX`].
    pub fn new(prefix: &str, digits: u8) -> Result<Self, String> {
        let digits = usize::from(digits);
        let length = prefix.len() + digits.max(DIGITS_OF_LARGEST);
        if length > KEY_NAME_BYTES_MAX {
            return Err(format!(
                "a key of {length} bytes is too long; prefix and digits must fit {KEY_NAME_BYTES_MAX} bytes"
            ));
        }
        let mut template = [b'0'; KEY_NAME_BYTES_MAX];
        template[..prefix.len()].copy_from_slice(prefix.as_bytes());
        Ok(Self { template, prefix_bytes: prefix.len(), digits })
    }

    /// Length of this key's text in bytes.
    pub fn length(&self, key: u32) -> usize {
        self.prefix_bytes + self.width(u64::from(key) + 1)
    }

    /// Writes the text of a key to the front of the buffer and gives it back. A number that needs more digits
    /// than asked for gets them.
    #[inline]
    pub fn write<'buffer>(&self, key: u32, buffer: &'buffer mut [u8; KEY_NAME_BYTES_MAX]) -> &'buffer [u8] {
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
        let mut buffer = [0; KEY_NAME_BYTES_MAX];
        for digits in [0, 1, 4, KeyName::DIGITS, 20] {
            let name = KeyName::new("user#", digits).unwrap();
            for key in [0, 8, 9, 98, 99, 100, 998, 4_711, 999_999, 1_000_000, u32::MAX - 1, u32::MAX] {
                let expected = format!("user#{:0width$}", u64::from(key) + 1, width = usize::from(digits));
                assert_eq!(name.write(key, &mut buffer), expected.as_bytes());
                assert_eq!(name.length(key), expected.len());
            }
        }
        assert!(KeyName::new(&"x".repeat(54), 10).is_ok() && KeyName::new(&"x".repeat(55), 1).is_err());
    }
}
