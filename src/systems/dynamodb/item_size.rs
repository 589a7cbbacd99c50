//! How large an item is: in its table, and as the JSON text a change record carries.
//!
//! A size needs lengths only, so a [`Value`] describes a value by them and can stand for one that nobody has
//! written down. Table bytes follow `DDB-U11`; JSON bytes follow `KDC-J4`, `KDC-J9` and `KDC-J10`.

use std::ops::Add;

/// One named attribute of an item, or one entry of a map.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Attribute {
    /// The attribute's name as written.
    pub name: String,
    /// Its value.
    pub value: Value,
}

impl Attribute {
    /// An attribute of this name and value.
    pub fn new(name: impl Into<String>, value: Value) -> Self {
        Self { name: name.into(), value }
    }
}

/// A DynamoDB value, known by its type and its lengths.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Value {
    /// `S`: text.
    String(Text),
    /// `N`: a decimal number, which JSON carries as text.
    Number(Number),
    /// `B`: raw bytes; the length before any encoding.
    Binary(u32),
    /// `BOOL`.
    Boolean(bool),
    /// `NULL`.
    Null,
    /// `L`: values of any type.
    List(Vec<Value>),
    /// `M`: named values.
    Map(Vec<Attribute>),
    /// `SS`: a set of texts.
    StringSet(Vec<Text>),
    /// `NS`: a set of numbers.
    NumberSet(Vec<Number>),
    /// `BS`: a set of raw byte strings, by their lengths.
    BinarySet(Vec<u32>),
}

/// The lengths of a text.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Text {
    /// Length in UTF-8 bytes.
    pub bytes: u32,
    /// Bytes that JSON escaping adds: one for a quote, a backslash or a named control character, five for
    /// another control character.
    pub escapes: u32,
}

impl Text {
    /// A text of this many bytes, none of which needs an escape.
    pub const fn plain(bytes: u32) -> Self {
        Self { bytes, escapes: 0 }
    }
}

impl From<&str> for Text {
    fn from(text: &str) -> Self {
        let escapes = text.bytes().fold(0_u32, |sum, byte| sum.saturating_add(escape_bytes(byte)));
        Self { bytes: length(text), escapes }
    }
}

/// The lengths of a number.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Number {
    /// Significant digits, without leading and trailing zeros; DynamoDB keeps up to 38 (`DDB-U14`).
    pub digits: u32,
    /// Characters of its decimal text, with sign and point.
    pub characters: u32,
}

impl Number {
    /// A positive whole number of this many significant digits.
    pub const fn whole(digits: u32) -> Self {
        Self { digits, characters: digits }
    }
}

impl From<&str> for Number {
    /// Reads plain decimal notation, such as `-12.50`.
    fn from(text: &str) -> Self {
        let digits: String = text.chars().filter(char::is_ascii_digit).collect();
        Self { digits: length(digits.trim_matches('0')), characters: length(text) }
    }
}

/// The two sizes of one thing.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Sizes {
    /// Bytes in the table (`DDB-U11`): what capacity, the item limit and `SizeBytes` count.
    pub table_bytes: u32,
    /// Bytes of its JSON text in a change record.
    pub json_bytes: u32,
}

impl Add for Sizes {
    type Output = Self;

    /// Adds both sizes. Absurd shapes end at `u32::MAX` instead of wrapping into plausible ones.
    fn add(self, other: Self) -> Self {
        Self {
            table_bytes: self.table_bytes.saturating_add(other.table_bytes),
            json_bytes: self.json_bytes.saturating_add(other.json_bytes),
        }
    }
}

impl Sizes {
    /// The sizes of an item, a key or the inside of a map: `{"name":value,…}`.
    pub fn of<'a>(attributes: impl IntoIterator<Item = &'a Attribute>) -> Self {
        // In JSON each name has two quotes and a colon; the table stores the bare name.
        joined(
            2,
            attributes.into_iter().map(|attribute| {
                let name = Text::from(attribute.name.as_str());
                Self::new(name.bytes, 3).with_text(name) + attribute.value.sizes()
            }),
        )
    }

    const fn new(table_bytes: u32, json_bytes: u32) -> Self {
        Self { table_bytes, json_bytes }
    }

    /// Adds a text to the JSON only.
    fn with_text(self, text: Text) -> Self {
        self + Self::new(0, text.bytes) + Self::new(0, text.escapes)
    }
}

impl Value {
    /// A text value with exactly this content.
    pub fn string(content: &str) -> Self {
        Self::String(content.into())
    }

    /// The sizes of the value alone, with its type tag in JSON and without a name.
    pub fn sizes(&self) -> Sizes {
        match self {
            Self::String(text) => tag(8) + text_sizes(*text),
            Self::Number(number) => tag(8) + number_sizes(*number),
            Self::Binary(bytes) => tag(8) + binary_sizes(*bytes),
            Self::Boolean(truth) => Sizes::new(1, if *truth { 13 } else { 14 }),
            Self::Null => Sizes::new(1, 13),
            Self::List(values) => {
                Sizes::new(3, 0) + joined(8, values.iter().map(|value| PER_ELEMENT + value.sizes()))
            }
            Self::Map(entries) => {
                let per_element = Sizes::new(u32::try_from(entries.len()).unwrap_or(u32::MAX), 0);
                Sizes::new(3, 6) + per_element + Sizes::of(entries)
            }
            Self::StringSet(texts) => joined(9, texts.iter().map(|text| QUOTES + text_sizes(*text))),
            Self::NumberSet(numbers) => {
                joined(9, numbers.iter().map(|number| QUOTES + number_sizes(*number)))
            }
            Self::BinarySet(lengths) => joined(9, lengths.iter().map(|bytes| QUOTES + binary_sizes(*bytes))),
        }
    }
}

/// A list or map costs one byte in the table for each element.
const PER_ELEMENT: Sizes = Sizes::new(1, 0);
/// The quotes around a member of a set.
const QUOTES: Sizes = Sizes::new(0, 2);

/// What surrounds a value in JSON, such as `{"S":"` and `"}`.
const fn tag(json_bytes: u32) -> Sizes {
    Sizes::new(0, json_bytes)
}

/// Sums the parts, with commas between them and `frame` bytes of JSON around them.
fn joined(frame: u32, parts: impl Iterator<Item = Sizes>) -> Sizes {
    parts.enumerate().fold(tag(frame), |sum, (index, part)| sum + tag(u32::from(index > 0)) + part)
}

fn text_sizes(text: Text) -> Sizes {
    Sizes::new(text.bytes, 0).with_text(text)
}

/// `DDB-U11`: one byte for every two significant digits, and one more.
fn number_sizes(number: Number) -> Sizes {
    Sizes::new(number.digits.div_ceil(2).saturating_add(1), number.characters)
}

/// `KDC-J9`: the feed encodes binary values in base64 twice.
fn binary_sizes(bytes: u32) -> Sizes {
    Sizes::new(bytes, base64_length(base64_length(bytes)))
}

fn base64_length(bytes: u32) -> u32 {
    bytes.div_ceil(3).saturating_mul(4)
}

fn escape_bytes(byte: u8) -> u32 {
    match byte {
        b'"' | b'\\' | b'\n' | b'\r' | b'\t' | 0x08 | 0x0c => 1,
        0..0x20 => 5,
        _ => 0,
    }
}

fn length(text: &str) -> u32 {
    u32::try_from(text.len()).unwrap_or(u32::MAX)
}

#[cfg(test)]
mod tests {
    use super::*;
    use serde_json::json;

    #[test]
    fn ddb_u11_table_sizes_follow_the_published_rules() {
        let table_bytes = |value: Value| Sizes::of(&[Attribute::new("four", value)]).table_bytes;
        assert_eq!(table_bytes(Value::string("naïve")), 4 + 6);
        assert_eq!(table_bytes(Value::Number("-12.345".into())), 4 + 3 + 1);
        assert_eq!(table_bytes(Value::Number("0.0100".into())), 4 + 1 + 1);
        assert_eq!(table_bytes(Value::Boolean(false)), 4 + 1);
        assert_eq!(table_bytes(Value::Null), 4 + 1);
        assert_eq!(table_bytes(Value::Binary(100)), 4 + 100);
        assert_eq!(table_bytes(Value::List(vec![Value::string("ab"), Value::Null])), 4 + 3 + (2 + 1) + 2);
        let map = vec![Attribute::new("key", Value::string("ab"))];
        assert_eq!(table_bytes(Value::Map(map)), 4 + 3 + (3 + 2) + 1);
        assert_eq!(table_bytes(Value::StringSet(vec!["ab".into(), "cde".into()])), 4 + 5);
        assert_eq!(table_bytes(Value::List(vec![])), 4 + 3);
    }

    /// Every type at once, against the length of the text that a JSON library writes.
    #[test]
    fn kdc_j4_j9_j10_json_sizes_equal_the_written_text() {
        let awkward = "a \"quoted\" back\\slash,\n a bell \u{7} and naïve";
        let twice_encoded = "QUFFPQ=="; // base64 of "AAE=", itself base64 of the bytes 0 and 1.
        let item = [
            Attribute::new("text", Value::string(awkward)),
            Attribute::new("na\"me", Value::Number("-12.5".into())),
            Attribute::new("bytes", Value::Binary(2)),
            Attribute::new("yes", Value::Boolean(true)),
            Attribute::new("no", Value::Boolean(false)),
            Attribute::new("nothing", Value::Null),
            Attribute::new("list", Value::List(vec![Value::string(""), Value::List(vec![]), Value::Null])),
            Attribute::new("map", Value::Map(vec![Attribute::new("in", Value::Map(vec![]))])),
            Attribute::new("texts", Value::StringSet(vec!["a".into(), "b\t".into()])),
            Attribute::new("numbers", Value::NumberSet(vec![Number::whole(1), Number::whole(2)])),
            Attribute::new("blobs", Value::BinarySet(vec![2])),
        ];
        let written = json!({
            "text": {"S": awkward}, "na\"me": {"N": "-12.5"}, "bytes": {"B": twice_encoded},
            "yes": {"BOOL": true}, "no": {"BOOL": false}, "nothing": {"NULL": true},
            "list": {"L": [{"S": ""}, {"L": []}, {"NULL": true}]}, "map": {"M": {"in": {"M": {}}}},
            "texts": {"SS": ["a", "b\t"]}, "numbers": {"NS": ["1", "22"]}, "blobs": {"BS": [twice_encoded]},
        });
        // The two numbers have one and two digits.
        assert_eq!(Sizes::of(&item).json_bytes as usize, written.to_string().len());
    }

    #[test]
    fn absurd_lengths_do_not_wrap() {
        let item =
            [Attribute::new("a", Value::Binary(u32::MAX)), Attribute::new("b", Value::Binary(u32::MAX))];
        assert_eq!(Sizes::of(&item), Sizes { table_bytes: u32::MAX, json_bytes: u32::MAX });
    }
}
