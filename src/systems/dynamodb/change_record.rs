//! The size of the record that a table sends to its Kinesis stream for each change of an item.
//!
//! [`Envelope`] is the exact formula (`KDC-J6`) for any images. [`RecordTemplate`] is the same formula for items
//! that differ in one text only, so that a record costs a few integer operations.

use super::item_size::{Attribute, Sizes, Text, Value};
use super::operation::Operation;

/// The unit of `ApproximateCreationDateTime` (`KDC-T1`).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum TimestampPrecision {
    /// 13 digits and no further field (`KDC-T3`).
    Millisecond,
    /// 16 digits and a field that names the precision (`KDC-T3`).
    Microsecond,
}

impl TimestampPrecision {
    /// What times are cut to, microseconds.
    pub fn micros(self) -> u64 {
        match self {
            Self::Millisecond => 1_000,
            Self::Microsecond => 1,
        }
    }
}

/// Bytes that a removal by time to live adds, because `userIdentity` is then an object. An estimate (`KDC-J8`).
pub const TIME_TO_LIVE_IDENTITY_BYTES: u32 = 50;

/// Text of every record, the event's name apart (`KDC-J6`).
const CONSTANT_BYTES: u32 = 268;
/// Every event name has six letters.
const EVENT_NAME_BYTES: u32 = 6;
/// A second image brings its name, `"OldImage":`, and a comma (`KDC-J6`).
const SECOND_IMAGE_BYTES: u32 = 12;
/// Three more digits of time and `,"ApproximateCreationDateTimePrecision":"MICROSECOND"` (`KDC-J6`).
const MICROSECOND_BYTES: u32 = 56;

/// What all records of one table have in common: the text around keys, images and `SizeBytes`.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Envelope {
    fixed_bytes: u32,
}

impl Envelope {
    /// The envelope of the records of `table` in `region`, both in ASCII as AWS requires.
    pub fn new(region: &str, table: &str, precision: TimestampPrecision) -> Self {
        let precision_bytes = match precision {
            TimestampPrecision::Millisecond => 0,
            TimestampPrecision::Microsecond => MICROSECOND_BYTES,
        };
        let names = Text::from(region).bytes.saturating_add(Text::from(table).bytes);
        Self { fixed_bytes: names.saturating_add(CONSTANT_BYTES + EVENT_NAME_BYTES + precision_bytes) }
    }

    /// The record's length as JSON in bytes (`KDC-J6`): what Kinesis counts, the partition key apart.
    ///
    /// An insertion has no `old` image and a removal no `new` one.
    #[inline]
    pub fn json_bytes(&self, keys: Sizes, old: Option<Sizes>, new: Option<Sizes>) -> u32 {
        let second_image = if old.is_some() && new.is_some() { SECOND_IMAGE_BYTES } else { 0 };
        let total = content(keys, old, new);
        let digits = decimal_digits(total.table_bytes);
        self.fixed_bytes.saturating_add(second_image + digits).saturating_add(total.json_bytes)
    }
}

/// The record's `SizeBytes` field: table bytes of the keys and of each image, keys counted again (`KDC-J5`).
pub fn size_bytes(keys: Sizes, old: Option<Sizes>, new: Option<Sizes>) -> u32 {
    content(keys, old, new).table_bytes
}

#[inline]
fn content(keys: Sizes, old: Option<Sizes>, new: Option<Sizes>) -> Sizes {
    keys + old.unwrap_or_default() + new.unwrap_or_default()
}

#[inline]
const fn decimal_digits(number: u32) -> u32 {
    match number.checked_ilog10() {
        Some(power) => power + 1,
        None => 1,
    }
}

/// The shape of a table's items: everything is fixed except the length of one text attribute, the filler, if there is one.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ItemShape {
    /// The primary key.
    pub keys: Vec<Attribute>,
    /// Attributes outside the key, the filler apart.
    pub others: Vec<Attribute>,
    /// Name of the text attribute that makes up the rest of an item's size, without characters to escape. Without one
    /// all items are equally large.
    pub filler: Option<String>,
}

impl ItemShape {
    /// Name of the partition key of an item known only by its size.
    pub const ASSUMED_KEY: &'static str = "pk";
    /// Name of the rest of an item known only by its size.
    pub const ASSUMED_FILLER: &'static str = "data";

    /// The shape assumed of an item known only by its size: a text key `pk` of this many bytes and one other
    /// text, `data`. More attributes would cost more JSON for the same item size (`KDC-J4`), so the records of
    /// this shape are about the smallest for their items.
    pub fn assumed(key_bytes: u32) -> Self {
        let key = Attribute::new(Self::ASSUMED_KEY, Value::String(Text::plain(key_bytes)));
        Self { keys: vec![key], others: Vec::new(), filler: Some(Self::ASSUMED_FILLER.to_owned()) }
    }

    /// The sizes of the item whose filler is empty.
    pub fn smallest(&self) -> Sizes {
        let filler = self.filler.as_ref().map(|name| Attribute::new(name, Value::String(Text::plain(0))));
        Sizes::of(self.keys.iter().chain(&self.others).chain(&filler))
    }
}

/// Sizes of the change records of a table whose items have one [`ItemShape`].
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct RecordTemplate {
    envelope: Envelope,
    keys: Sizes,
    smallest: Sizes,
}

impl RecordTemplate {
    /// The template for items of `shape` in `table`.
    pub fn new(region: &str, table: &str, shape: &ItemShape, precision: TimestampPrecision) -> Self {
        Self {
            envelope: Envelope::new(region, table, precision),
            keys: Sizes::of(&shape.keys),
            smallest: shape.smallest(),
        }
    }

    /// The record's length as JSON in bytes, from the item's table bytes before and after the change.
    /// `before` is ignored for an insertion, `after` for a removal.
    // Its many cases would crowd the loop that draws writes.
    #[inline(never)]
    pub fn json_bytes(&self, operation: Operation, before: u32, after: u32) -> u32 {
        let (old, new) = self.images(operation, before, after);
        self.envelope.json_bytes(self.keys, old, new)
    }

    /// The record's `SizeBytes` field, from the same arguments as [`RecordTemplate::json_bytes`].
    #[inline]
    pub fn size_bytes(&self, operation: Operation, before: u32, after: u32) -> u32 {
        let (old, new) = self.images(operation, before, after);
        size_bytes(self.keys, old, new)
    }

    /// Table bytes of the keys and of those images, old and new, that a view `holds`.
    // As in `json_bytes`.
    #[inline(never)]
    pub fn view_bytes(
        &self,
        operation: Operation,
        (before, after): (u32, u32),
        (holds_old, holds_new): (bool, bool),
    ) -> u32 {
        let (old, new) = self.images(operation, before, after);
        size_bytes(self.keys, old.filter(|_| holds_old), new.filter(|_| holds_new))
    }

    /// What the same keys and images take in JSON beyond their table bytes.
    pub fn view_json_overhead(&self, operation: Operation, (holds_old, holds_new): (bool, bool)) -> u32 {
        let smallest = self.smallest.table_bytes;
        let (old, new) = self.images(operation, smallest, smallest);
        let all = content(self.keys, old.filter(|_| holds_old), new.filter(|_| holds_new));
        all.json_bytes.saturating_sub(all.table_bytes)
    }

    #[inline]
    fn images(&self, operation: Operation, before: u32, after: u32) -> (Option<Sizes>, Option<Sizes>) {
        match operation {
            Operation::Insert => (None, Some(self.image(after))),
            Operation::Modify => (Some(self.image(before)), Some(self.image(after))),
            Operation::Remove => (Some(self.image(before)), None),
        }
    }

    /// Each byte of filler is one byte in the table and one in JSON, so the map is linear and exact.
    #[inline]
    fn image(&self, item_bytes: u32) -> Sizes {
        let filler_bytes = item_bytes.saturating_sub(self.smallest.table_bytes);
        self.smallest + Sizes { table_bytes: filler_bytes, json_bytes: filler_bytes }
    }
}

#[cfg(test)]
mod tests {
    use super::TimestampPrecision::{Microsecond, Millisecond};
    use super::*;

    fn texts(attributes: &[(&str, u32)]) -> Sizes {
        let attributes: Vec<_> = attributes
            .iter()
            .map(|(name, bytes)| Attribute::new(*name, Value::String(Text::plain(*bytes))))
            .collect();
        Sizes::of(&attributes)
    }

    /// A record published in aws-powertools/powertools-lambda-typescript (MIT-0),
    /// `packages/parser/tests/events/kinesis/dynamodb-stream.json`.
    const RECORDED: &str = concat!(
        r#"{"awsRegion":"eu-west-1","eventID":"d9428029-0f63-4056-86da-ce10d545b1b9","eventName":"INSERT","#,
        r#""userIdentity":null,"recordFormat":"application/json","#,
        r#""tableName":"PowertoolsEventsStack-DynamoDBTable59784FC0-8NKAMTERTAXY","#,
        r#""dynamodb":{"ApproximateCreationDateTime":1731924555370,"Keys":{"id":{"S":"record-1qit2y819gi"}},"#,
        r#""NewImage":{"id":{"S":"record-1qit2y819gi"},"data":{"S":"data-x6aq7ckdpgk"}},"SizeBytes":60},"#,
        r#""eventSource":"aws:dynamodb"}"#,
    );

    #[test]
    fn kdc_j1_j2_j3_j6_t3_a_recorded_event_has_the_computed_size() {
        let table = "PowertoolsEventsStack-DynamoDBTable59784FC0-8NKAMTERTAXY";
        let shape = ItemShape {
            keys: vec![Attribute::new("id", Value::string("record-1qit2y819gi"))],
            ..ItemShape::assumed(0)
        };
        let template = RecordTemplate::new("eu-west-1", table, &shape, Millisecond);
        let item_bytes = 2 + 18 + 4 + 16;
        assert_eq!(template.size_bytes(Operation::Insert, 0, item_bytes), 60);
        assert_eq!(template.json_bytes(Operation::Insert, 0, item_bytes) as usize, RECORDED.len());
        assert_eq!(RECORDED.len(), 439);
    }

    /// KDC-J11 (i): the life of one item.
    #[test]
    fn kdc_j4_j5_j6_j11_7_published_updates_of_an_item_have_the_computed_sizes() {
        let envelope = Envelope::new("ap-northeast-1", "kinesis-test", Millisecond);
        let keys = texts(&[("id", 11), ("datetime", 11)]);
        let with = |bytes| Some(texts(&[("id", 11), ("datetime", 11), ("ccc", bytes)]));
        for (old, new, expected_size_bytes, expected_json_bytes) in
            [(None, Some(keys), 64, 416), (Some(keys), with(11), 110, 512), (with(11), with(8), 121, 535)]
        {
            assert_eq!(size_bytes(keys, old, new), expected_size_bytes);
            assert_eq!(envelope.json_bytes(keys, old, new), expected_json_bytes);
        }
    }

    /// KDC-J11 (ii): a map, and time in microseconds.
    #[test]
    fn kdc_j11_t1_t3_a_published_record_with_a_map_has_the_computed_size() {
        let text = |name: &str, content: &str| Attribute::new(name, Value::string(content));
        let key = text("first_index", "4");
        let person = Value::Map(vec![text("name", "danny"), text("where", "the code freese")]);
        let item =
            [key.clone(), text("hello", "world"), text("foo", "bar"), Attribute::new("person", person)];
        let (keys, new) = (Sizes::of(&[key]), Some(Sizes::of(&item)));
        assert_eq!(size_bytes(keys, None, new), 80);
        let envelope = Envelope::new("us-west-2", "df-test-table", Microsecond);
        assert_eq!(envelope.json_bytes(keys, None, new), 514);
    }

    /// KDC-J11 (iii): a list of texts with four quotes each, of which the change appends the last.
    #[test]
    fn kdc_j11_ddb_u11_a_published_record_with_a_list_has_the_computed_size() {
        let key = Attribute::new("Uuid", Value::string("111"));
        let image = |later: usize| {
            let lengths = std::iter::once(14).chain(std::iter::repeat_n(15, later));
            let events = lengths.map(|bytes| Value::String(Text { bytes, escapes: 4 })).collect();
            Some(Sizes::of(&[key.clone(), Attribute::new("Events", Value::List(events))]))
        };
        let keys = Sizes::of(std::slice::from_ref(&key));
        assert_eq!(size_bytes(keys, image(3), image(4)), 181);
        let envelope = Envelope::new("us-east-1", "ShoppingCarts", Millisecond);
        assert_eq!(envelope.json_bytes(keys, image(3), image(4)), 655);
    }

    /// The template must agree with the formula applied to an item written out in full.
    #[test]
    fn a_template_agrees_with_the_envelope() {
        let shape = ItemShape {
            others: vec![Attribute::new("flag", Value::Boolean(false))],
            ..ItemShape::assumed(16)
        };
        let template = RecordTemplate::new("us-east-1", "orders", &shape, Microsecond);
        let envelope = Envelope::new("us-east-1", "orders", Microsecond);
        let keys = Sizes::of(&shape.keys);
        let item = |data_bytes| {
            let data = Attribute::new("data", Value::String(Text::plain(data_bytes)));
            Some(Sizes::of(shape.keys.iter().chain(&shape.others).chain([&data])))
        };
        // pk and 16 bytes, flag and 1 byte, data.
        let bytes = |data_bytes: u32| 2 + 16 + 4 + 1 + 4 + data_bytes;
        for (operation, old, new) in [
            (Operation::Insert, None, item(700)),
            (Operation::Modify, item(100), item(700)),
            (Operation::Remove, item(100), None),
        ] {
            let found = template.json_bytes(operation, bytes(100), bytes(700));
            assert_eq!(found, envelope.json_bytes(keys, old, new), "{operation:?}");
        }
        let too_small = template.json_bytes(Operation::Insert, 0, 3);
        assert_eq!(too_small, template.json_bytes(Operation::Insert, 0, bytes(0)));
    }

    #[test]
    fn event_names_have_the_assumed_length() {
        for operation in [Operation::Insert, Operation::Modify, Operation::Remove] {
            assert_eq!(operation.name().len(), EVENT_NAME_BYTES as usize);
        }
    }
}
