//! Editors check scenarios by the schema: it takes what the program takes.

use serde_json::Value as Json;
use std::fs;
use std::path::Path;
use std::sync::LazyLock;
use streamgauge::scenario::{LoadOptions, load_text, schema};

/// Checks a document by the part of draft-07 that the schema uses. Of patterns it knows those that list words; those of quantities have
/// tests of their own.
struct Validator {
    root: Json,
}

impl Validator {
    fn check(&self, schema: &Json, value: &Json, at: &str) -> Result<(), String> {
        if let Some(pointer) = schema["$ref"].as_str() {
            let schema = self.root.pointer(&pointer[1..]).unwrap_or_else(|| panic!("no {pointer}"));
            return self.check(schema, value, at);
        }
        let fail = |why: &str| Err(format!("{at}: {why}: {value}"));
        if schema == false || schema.get("const").is_some_and(|only| only != value) {
            return fail("not this");
        }
        if !schema["type"].is_null() && !list(&schema["type"]).iter().any(|kind| is(value, kind)) {
            return fail("another type");
        }
        if let (Some(pattern), Some(text)) = (schema["pattern"].as_str(), value.as_str())
            && words(pattern).is_some_and(|words| !words.contains(&text))
        {
            return fail("another word");
        }
        for all in list(&schema["allOf"]) {
            self.check(&all, value, at)?;
        }
        for (kind, most) in [("anyOf", usize::MAX), ("oneOf", 1)] {
            let tried: Vec<_> = list(&schema[kind]).iter().map(|it| self.check(it, value, at)).collect();
            let fitting = tried.iter().filter(|it| it.is_ok()).count();
            if !tried.is_empty() && !(1..=most).contains(&fitting) {
                let why: Vec<String> = tried.into_iter().filter_map(Result::err).collect();
                return Err(format!("{at}: fits {fitting} of {kind}; {}", why.join("; ")));
            }
        }
        let items = value.as_array().into_iter().flatten().enumerate();
        for (number, item) in items.filter(|_| !schema["items"].is_null()) {
            self.check(&schema["items"], item, &format!("{at}[{number}]"))?;
        }
        value.as_object().map_or(Ok(()), |map| self.check_map(schema, map, at))
    }

    fn check_map(&self, schema: &Json, map: &serde_json::Map<String, Json>, at: &str) -> Result<(), String> {
        let size = map.len() as u64;
        let bounds = (schema["minProperties"].as_u64(), schema["maxProperties"].as_u64());
        if bounds.0.is_some_and(|least| size < least) || bounds.1.is_some_and(|most| size > most) {
            return Err(format!("{at}: {size} keys"));
        }
        for key in list(&schema["required"]) {
            let key = key.as_str().expect("a key");
            map.get(key).ok_or_else(|| format!("{at}: no {key}"))?;
        }
        for (key, value) in map {
            let at = format!("{at}.{key}");
            let patterns = schema["patternProperties"].as_object().into_iter().flatten();
            let spelt =
                patterns.filter(|(pattern, _)| words(pattern).is_some_and(|it| it.contains(&key.as_str())));
            let named = schema["properties"].get(key).into_iter().chain(spelt.map(|(_, schema)| schema));
            let mut known = false;
            for schema in named {
                self.check(schema, value, &at)?;
                known = true;
            }
            if let (false, Some(others)) = (known, schema.get("additionalProperties")) {
                self.check(others, value, &at)?;
            }
        }
        Ok(())
    }
}

/// What a keyword lists, or the one thing that it holds.
fn list(keyword: &Json) -> Vec<Json> {
    match keyword {
        Json::Null => Vec::new(),
        Json::Array(items) => items.clone(),
        one => vec![one.clone()],
    }
}

fn is(value: &Json, kind: &Json) -> bool {
    match kind.as_str().expect("a type") {
        "null" => value.is_null(),
        "boolean" => value.is_boolean(),
        "integer" => value.is_i64() || value.is_u64(),
        "number" => value.is_number(),
        "string" => value.is_string(),
        "array" => value.is_array(),
        "object" => value.is_object(),
        other => panic!("unknown type {other}"),
    }
}

/// The words of a pattern that lists words.
fn words(pattern: &str) -> Option<Vec<&str>> {
    let words: Vec<&str> = pattern.strip_prefix("^(")?.strip_suffix(")$")?.split('|').collect();
    words.iter().all(|word| word.chars().all(|c| c.is_ascii_alphanumeric() || c == '_')).then_some(words)
}

fn check(text: &str) -> Result<(), String> {
    static VALIDATOR: LazyLock<Validator> = LazyLock::new(|| Validator { root: schema() });
    let value: Json = serde_yaml::from_str_with_options(text, serde_yaml::options! { strict_booleans: true })
        .expect("YAML");
    VALIDATOR.check(&VALIDATOR.root, &value, "")
}

#[test]
fn every_bundled_scenario_fits_the_schema() {
    let entries = fs::read_dir("scenarios").expect("a folder").map(|entry| entry.expect("an entry").path());
    let scenarios = entries.filter(|path| path.extension().is_some_and(|end| end == "yaml"));
    let wrong: Vec<String> = scenarios
        .filter_map(|path| {
            Some(format!("{}{}", path.display(), check(&fs::read_to_string(&path).ok()?).err()?))
        })
        .collect();
    assert!(wrong.is_empty(), "{}", wrong.join("\n"));
}

const AWS: &str = "\
name: orders
duration: 10m
WarmUp: 1m
workload:
  checkout: { writes_to: tables.orders, arrivals: { poisson: { rate: 100/s } }, keys: { uniform: { items: 10 } }, item: { size: 700 B } }
tables:
  orders:
    BillingMode: PAY_PER_REQUEST
    kinesis: { StreamName: changes, ApproximateCreationDateTimePrecision: MICROSECOND }
    streams: { StreamViewType: NEW_AND_OLD_IMAGES }
kinesis:
  changes: { StreamMode: { PROVISIONED: { ShardCount: 2 } }, RetentionPeriodHours: 48 }
consumers:
  handler:
    reads: kinesis.changes
    lambda: { BatchSize: 100, parallelizationFactor: 2, MaximumBatchingWindowInSeconds: 1, MemorySize: 256, duration: { base: 10ms } }
firehose:
  lake: { reads: kinesis.changes, BufferingHints: { SizeInMBs: 5, IntervalInSeconds: 60 }, compression: { GZIP: { ratio: 25% } }, to: { s3: {} } }
";

/// Program and schema agree on AWS's names, and on what is none of them.
#[test]
fn the_schema_takes_the_spellings_that_the_program_takes() {
    let both = |text: &str| {
        let read = load_text("s.yaml", text, Path::new(""), &LoadOptions::default());
        (read.map(drop).map_err(|errors| errors.to_string()), check(text))
    };
    let (read, checked) = both(AWS);
    assert_eq!((read, checked), (Ok(()), Ok(())));
    for (old, new) in [
        ("BatchSize", "Batch-Size"),
        ("BillingMode", "BillingModes"),
        ("PAY_PER_REQUEST", "PAY_BY_REQUEST"),
        ("    BillingMode: PAY_PER_REQUEST\n", ""),
        ("NEW_AND_OLD_IMAGES", "NEW-IMAGE"),
        ("ShardCount", "Shard"),
        ("PROVISIONED: {", "PROVISION: {"),
        ("GZIP", "GUNZIP"),
        ("RetentionPeriodHours: 48", "retention: 48"),
    ] {
        assert!(AWS.contains(old), "{old}");
        let (read, checked) = both(&AWS.replacen(old, new, 1));
        assert!(read.is_err() && checked.is_err(), "{new}: {read:?} {checked:?}");
    }
}
