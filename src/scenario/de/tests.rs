use std::collections::BTreeMap;

use indexmap::IndexMap;
use serde::Deserialize;

use super::*;
use crate::{
    scenario::{source::Source, yaml},
    units::{Bytes, Duration, Rate, WriteUnits},
};

fn read<T: DeserializeOwned>(text: &str) -> Result<T, Diagnostics> {
    from_node(&yaml::parse(&Source::new("s.yaml", text)).unwrap())
}

/// "line:column path: message" of each error.
fn errors<T: DeserializeOwned + std::fmt::Debug>(text: &str) -> Vec<String> {
    let errors = read::<T>(text).unwrap_err().into_errors();
    errors.iter().map(line).collect()
}

fn line(error: &Diagnostic) -> String {
    let (source, span) = error.origin.place().expect("every error has a place");
    let position = source.position(span.start);
    let path = error.path.as_ref().map(Path::to_string).unwrap_or_default();
    format!("{}:{} {path}: {}", position.line, position.column, error.message)
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum Capacity {
    OnDemand(OnDemand),
    Provisioned { shards: u32 },
}

#[derive(Debug, Default, PartialEq, Deserialize)]
#[serde(default)]
struct OnDemand {
    warm_throughput: Option<WriteUnits>,
}

#[derive(Debug, PartialEq, Deserialize)]
#[serde(rename_all = "snake_case")]
enum View {
    KeysOnly,
    NewAndOldImages,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Buffer {
    size: Bytes,
    interval: Duration,
}

#[derive(Debug, PartialEq, Deserialize)]
struct Stream {
    capacity: Capacity,
    retention: Option<Duration>,
    #[serde(default)]
    batch_size: u16,
    view: Option<View>,
    buffer: Option<Buffer>,
}

#[derive(Debug, Deserialize)]
struct File {
    kinesis: IndexMap<String, Stream>,
}

#[test]
fn reads_our_words() {
    let text = "kinesis:\n  b: { capacity: { provisioned: { shards: 1_000 } }, retention: 24h }\n  a: { capacity: on_demand }\n";
    let file: File = read(text).unwrap();
    assert_eq!(file.kinesis.keys().collect::<Vec<_>>(), ["b", "a"]);
    assert_eq!(file.kinesis["b"].capacity, Capacity::Provisioned { shards: 1_000 });
    assert_eq!(file.kinesis["b"].retention, "24h".parse().ok());
    assert_eq!(file.kinesis["a"].capacity, Capacity::OnDemand(OnDemand::default()));
}

#[test]
fn reads_awss_words_and_gives_their_units_to_bare_numbers() {
    let text = "\
capacity: PAY_PER_REQUEST
RetentionPeriodHours: 48
BatchSize: 100
StreamViewType: NEW_AND_OLD_IMAGES
BufferingHints: { IntervalInSeconds: 300, SizeInMBs: 5 }
";
    let stream: Stream = read(text).unwrap();
    assert_eq!(stream.capacity, Capacity::OnDemand(OnDemand::default()));
    assert_eq!(stream.retention, "48h".parse().ok());
    assert_eq!((stream.batch_size, stream.view), (100, Some(View::NewAndOldImages)));
    assert_eq!(stream.buffer, Some(Buffer { size: Bytes::new(5 << 20), interval: "300s".parse().unwrap() }));
    // A unit of one's own is as good; our own word bears none.
    assert!(read::<Buffer>("{ IntervalInSeconds: 5m, size: 5 MiB }").is_ok());
    let bare = "1:13 interval: expected a duration with a unit, such as `300s`; found the bare number 5";
    assert_eq!(errors::<Buffer>("{ interval: 5, size: 5 MiB }"), [bare]);
}

#[test]
fn one_setting_under_two_names_is_an_error() {
    let twice =
        "2:1 IntervalInSeconds: `IntervalInSeconds` and `interval` are two names for one setting; keep one";
    assert_eq!(errors::<Buffer>("interval: 5s\nIntervalInSeconds: 5\nsize: 1 B\n"), [twice]);
}

#[test]
fn every_error_is_found_once_and_in_order() {
    let text = "\
kinesis:
  first:
    capacity: { provisioned: { shard: 3 } }
    retention: 24
  second:
    capacity: { provisioned: { shards: many } }
    batch_size: 65536
    colour: red
  third: {}
  fourth: { capacity: on_demnd }
  fifth: 5
";
    assert_eq!(
        errors::<File>(text),
        [
            "3:32 kinesis.first.capacity.provisioned.shard: unknown key `shard`; did you mean `shards`?",
            "4:16 kinesis.first.retention: expected a duration with a unit, such as `300s`; found the bare number 24",
            "6:40 kinesis.second.capacity.provisioned.shards: expected a whole number; found `many`",
            "7:17 kinesis.second.batch_size: expected a whole number from 0 to 65535; found `65536`",
            "8:5 kinesis.second.colour: unknown key `colour`",
            "9:3 kinesis.third: the key `capacity` is missing",
            "10:23 kinesis.fourth.capacity: unknown value `on_demnd`; did you mean `on_demand`?",
            "11:10 kinesis.fifth: expected a map; found `5`",
        ]
    );
    let help = read::<Buffer>("{ sizes: 1 B }").unwrap_err().errors()[0].help.clone();
    assert_eq!(help.as_deref(), Some("expected one of `size`, `interval`"));
}

#[test]
fn an_enum_is_exactly_one_variant() {
    let one = "expected exactly one of `on_demand`, `provisioned`; found";
    let both = "{ capacity: { on_demand: {}, provisioned: { shards: 1 } } }";
    assert_eq!(errors::<Stream>(both), [format!("1:3 capacity: {one} `on_demand`, `provisioned`")]);
    assert_eq!(errors::<Stream>("capacity: {}"), [format!("1:1 capacity: {one} a map")]);
    assert_eq!(errors::<Stream>("capacity:"), [format!("1:1 capacity: {one} nothing")]);
    let missing = ["1:11 capacity.provisioned: the key `shards` is missing"];
    assert_eq!(errors::<Stream>("capacity: provisioned"), missing);
    let setting = "1:12 : `KEYS_ONLY` takes no settings";
    assert!(read::<View>("KEYS_ONLY: {}").is_ok());
    assert_eq!(errors::<View>("KEYS_ONLY: x"), [setting.replace(" :", " KEYS_ONLY:")]);
}

#[test]
fn numbers_are_read_as_their_type_wants() {
    let number = |text: &str| read::<BTreeMap<String, u32>>(&format!("a: {text}")).map(|map| map["a"]);
    assert_eq!(number("1_000_000"), Ok(1_000_000));
    for text in ["010", "1e3", "1.0", "-1", "4294967296", "0x10", "+5", "\"5\"", "true", "5 MiB", "", "[1]"] {
        assert!(number(text).is_err(), "{text}");
    }
    let float = |text: &str| read::<BTreeMap<String, f64>>(&format!("a: {text}")).map(|map| map["a"]);
    assert_eq!(float("1e3"), Ok(1000.0));
    assert_eq!(float("-0.99"), Ok(-0.99));
    for text in [".nan", "nan", ".inf", "inf", "1e999", "010", "'5'", "5%", "1.", ".5"] {
        assert!(float(text).is_err(), "{text}");
    }
    // Names may look like numbers.
    let text =
        |text: &str| read::<BTreeMap<String, String>>(&format!("a: {text}")).map(|map| map["a"].clone());
    for name in ["010", "5", "no", "true", "1e999"] {
        assert_eq!(text(name).as_deref(), Ok(name));
    }
    assert!(text("~").is_err());
}

#[test]
fn tuples_lists_keys_and_options() {
    let pairs: BTreeMap<u16, (Rate, Option<bool>)> = read("1: [5/s, true]\n2: [6/s, null]\n").unwrap();
    assert_eq!(pairs[&1], (Rate::new(5.0).unwrap(), Some(true)));
    assert_eq!(pairs[&2].1, None);
    assert_eq!(
        errors::<BTreeMap<u16, Vec<bool>>>("x: []\n2: [true, yes, on]\n"),
        [
            "1:1 x: expected a whole number; found `x`",
            "2:11 2[1]: expected `true` or `false`; found `yes`",
            "2:16 2[2]: expected `true` or `false`; found `on`",
        ]
    );
    assert_eq!(errors::<Vec<(u8, u8)>>("- [1]\n").len(), 1);
}

#[test]
fn custom_checks_are_placed_at_their_value_and_silent_about_parts_left_out() {
    #[derive(Debug, Deserialize)]
    #[serde(try_from = "Pair")]
    struct Ordered;
    #[derive(Debug, Deserialize)]
    #[serde(default)]
    struct Pair {
        low: u8,
        high: u8,
    }
    impl Default for Pair {
        fn default() -> Self {
            Self { low: 9, high: 9 }
        }
    }
    impl TryFrom<Pair> for Ordered {
        type Error = &'static str;
        fn try_from(pair: Pair) -> Result<Self, &'static str> {
            if pair.low < pair.high { Ok(Self) } else { Err("`low` must be below `high`") }
        }
    }
    type Map = BTreeMap<String, Ordered>;
    assert!(read::<Map>("a: { low: 1, high: 2 }").is_ok());
    assert_eq!(errors::<Map>("x: { low: 1 }\na: { low: 3, high: 2 }"), ["2:1 a: `low` must be below `high`"]);
    assert_eq!(errors::<Map>("a: { low: no, high: 2 }"), ["1:11 a.low: expected a whole number; found `no`"]);
}
