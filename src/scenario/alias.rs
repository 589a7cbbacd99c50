//! AWS's own names for what the scenario language calls otherwise.
//!
//! Two rules. A key in AWS's spelling (`BatchSize`, `batchSize`) stands for its snake_case form; values likewise
//! (`NEW_AND_OLD_IMAGES`). And the names in [`ALIASES`] stand for other words; where AWS's name bears a unit,
//! a bare number takes it.

use std::borrow::Cow;

/// AWS's property, in its spelling or in snake_case; our key; the unit that AWS's name bears.
///
/// The names are those of the APIs of DynamoDB, Kinesis Data Streams, Firehose, Lambda and SQS.
const ALIASES: &[(&str, &str, Option<&str>)] = &[
    // DynamoDB
    ("ApproximateCreationDateTimePrecision", "timestamp_precision", None),
    ("BillingMode", "capacity", None),
    ("MaxCapacity", "max", None),
    ("MaxWriteRequestUnits", "max", None),
    ("MinCapacity", "min", None),
    ("ProvisionedThroughput", "provisioned", None),
    ("ReadCapacityUnits", "read_units", None),
    ("StreamViewType", "view", None),
    ("TargetValue", "target", Some("%")),
    ("WriteCapacityUnits", "write_units", None),
    // Kinesis Data Streams
    ("MaxRecordSizeInKiB", "max_record", Some("KiB")),
    ("RetentionPeriodHours", "retention", Some("h")),
    ("ShardCount", "shards", None),
    ("StreamMode", "capacity", None),
    ("StreamName", "stream", None),
    ("TargetShardCount", "shards", None),
    ("WarmThroughputMiBps", "warm_throughput", Some("MiB/s")),
    // Kinesis Producer Library
    ("AggregationEnabled", "aggregation", None),
    ("AggregationMaxSize", "aggregation_max_size", Some("B")),
    ("CollectionMaxSize", "collection_max_size", Some("B")),
    ("RecordMaxBufferedTime", "record_max_buffered_time", Some("ms")),
    ("RecordTtl", "record_ttl", Some("ms")),
    ("RequestTimeout", "request_timeout", Some("ms")),
    // Kinesis Agent
    ("maxBufferAgeMillis", "max_buffer_age", Some("ms")),
    ("maxBufferSizeBytes", "max_buffer_size", Some("B")),
    ("maxBufferSizeRecords", "max_buffer_records", None),
    ("minTimeBetweenFilePollsMillis", "file_polls", Some("ms")),
    // Firehose
    ("BufferingHints", "buffer", None),
    ("IntervalInSeconds", "interval", Some("s")),
    ("SizeInMBs", "size", Some("MiB")),
    // Lambda
    ("BisectBatchOnFunctionError", "bisect", None),
    ("MaximumRecordAgeInSeconds", "maximum_record_age", Some("s")),
    ("MaximumRetryAttempts", "retries", None),
    ("ReservedConcurrentExecutions", "reserved_concurrency", None),
    ("MaximumBatchingWindowInSeconds", "batch_window", Some("s")),
    ("MemorySize", "memory", Some("MiB")),
    ("StartingPosition", "from", None),
    ("TumblingWindowInSeconds", "tumbling_window", Some("s")),
    // Managed Service for Apache Flink
    ("ParallelismPerKPU", "parallelism_per_kpu", None),
    // SQS
    ("DelaySeconds", "delay", Some("s")),
    ("MessageRetentionPeriod", "retention", Some("s")),
    ("VisibilityTimeout", "visibility_timeout", Some("s")),
];

/// AWS's values that mean another word.
const VALUES: &[(&str, &str)] = &[("PAY_PER_REQUEST", "on_demand")];

/// A key recognized among the keys that a map may have.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub(super) struct Match<'a> {
    /// The key in our words.
    pub name: &'a str,
    /// The unit of a bare number under the key as written.
    pub unit: Option<&'static str>,
}

/// Finds which of `names` the written key stands for.
pub(super) fn resolve<'a>(written: &str, names: &[&'a str]) -> Option<Match<'a>> {
    let find = |wanted: &str| names.iter().copied().find(|name| *name == wanted);
    if let Some(name) = find(written) {
        return Some(Match { name, unit: None });
    }
    if let Some((_, ours, unit)) = alias(written) {
        return find(ours).map(|name| Match { name, unit: *unit });
    }
    find(&snake_case(written)).map(|name| Match { name, unit: None })
}

/// Finds which of the variants a written value stands for.
pub(super) fn resolve_value<'a>(written: &str, variants: &[&'a str]) -> Option<&'a str> {
    let find = |wanted: &str| variants.iter().copied().find(|variant| *variant == wanted);
    let ours = VALUES.iter().find(|(aws, _)| *aws == written).and_then(|(_, ours)| find(ours));
    ours.or_else(|| resolve(written, variants).map(|found| found.name))
        .or_else(|| find(&written.to_lowercase()))
}

/// The other spellings that [`resolve`] takes for one of `names`, each with the unit of a bare number under it.
pub(super) fn spellings(ours: &str, names: &[&str]) -> Vec<(String, Option<&'static str>)> {
    let listed = ALIASES.iter().filter(|(_, it, _)| *it == ours);
    let listed =
        listed.flat_map(|(aws, _, _)| [(*aws).to_owned(), small_first(aws), snake_case(aws).into_owned()]);
    let camel = camel_case(ours);
    let small = small_first(&camel);
    let mut all: Vec<(String, Option<&str>)> = Vec::new();
    for written in listed.chain([camel, small]) {
        let known = names.contains(&written.as_str()) || all.iter().any(|(other, _)| *other == written);
        match resolve(&written, names) {
            Some(found) if found.name == ours && !known => all.push((written, found.unit)),
            _ => {}
        }
    }
    all
}

/// The other spellings that [`resolve_value`] takes for one of the variants, but for mixtures of large and small letters.
pub(super) fn value_spellings(ours: &str, variants: &[&str]) -> Vec<String> {
    let listed = VALUES.iter().filter(|(_, it)| *it == ours).map(|(aws, _)| (*aws).to_owned());
    let as_keys = spellings(ours, variants).into_iter().map(|(written, _)| written);
    let mut all: Vec<String> = Vec::new();
    for written in listed.chain([ours.to_uppercase()]).chain(as_keys) {
        let known = variants.contains(&written.as_str()) || all.contains(&written);
        if !known && resolve_value(&written, variants) == Some(ours) {
            all.push(written);
        }
    }
    all
}

/// `batch_size` becomes `BatchSize`.
fn camel_case(name: &str) -> String {
    let words = name.split('_').map(|word| {
        let first = word.chars().next().map(|letter| letter.to_ascii_uppercase());
        first.into_iter().chain(word.chars().skip(1))
    });
    words.flatten().collect()
}

/// `BatchSize` becomes `batchSize`.
fn small_first(name: &str) -> String {
    let first = name.chars().next().map(|letter| letter.to_ascii_lowercase());
    first.into_iter().chain(name.chars().skip(1)).collect()
}

/// The key in our words as far as that can be told without knowing which keys are allowed.
pub(super) fn canonical(written: &str) -> Cow<'_, str> {
    match alias(written) {
        Some((_, ours, _)) => Cow::Borrowed(ours),
        None => snake_case(written),
    }
}

fn alias(written: &str) -> Option<&'static (&'static str, &'static str, Option<&'static str>)> {
    let snake = snake_case(written);
    ALIASES.iter().find(|(aws, _, _)| *aws == written || snake_case(aws) == snake)
}

/// `BatchSize` and `batchSize` become `batch_size`; a name without small letters stays as it is.
fn snake_case(name: &str) -> Cow<'_, str> {
    let mixed =
        name.contains(|c: char| c.is_ascii_uppercase()) && name.contains(|c: char| c.is_ascii_lowercase());
    if !mixed || name.contains(|c: char| !c.is_ascii_alphanumeric()) {
        return Cow::Borrowed(name);
    }
    let mut snake = String::with_capacity(name.len() + 4);
    let letters: Vec<char> = name.chars().collect();
    for (at, letter) in letters.iter().enumerate() {
        let after_small = at > 0 && !letters[at - 1].is_ascii_uppercase();
        let before_small = at > 0 && letters.get(at + 1).is_some_and(char::is_ascii_lowercase);
        if letter.is_ascii_uppercase() && (after_small || before_small) {
            snake.push('_');
        }
        snake.push(letter.to_ascii_lowercase());
    }
    Cow::Owned(snake)
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn knows_spelling_table_and_units() {
        let fields = ["interval", "batch_size", "parallelization_factor", "shards", "max_record"];
        let found = |written| resolve(written, &fields).map(|found| (found.name, found.unit));
        assert_eq!(found("interval"), Some(("interval", None)));
        assert_eq!(found("IntervalInSeconds"), Some(("interval", Some("s"))));
        assert_eq!(found("interval_in_seconds"), Some(("interval", Some("s"))));
        assert_eq!(found("MaxRecordSizeInKiB"), Some(("max_record", Some("KiB"))));
        assert_eq!(found("BatchSize"), Some(("batch_size", None)));
        assert_eq!(found("ParallelizationFactor"), Some(("parallelization_factor", None)));
        assert_eq!(found("batchSize"), Some(("batch_size", None)));
        assert_eq!(found("shard_count"), Some(("shards", None)));
        assert_eq!(found("SizeInMBs"), None);
        assert_eq!(found("batch-size"), None);
    }

    #[test]
    fn knows_values() {
        let views = ["keys_only", "new_and_old_images"];
        assert_eq!(resolve_value("NEW_AND_OLD_IMAGES", &views), Some("new_and_old_images"));
        assert_eq!(resolve_value("PAY_PER_REQUEST", &["on_demand", "provisioned"]), Some("on_demand"));
        assert_eq!(resolve_value("ON_DEMAND", &["on_demand"]), Some("on_demand"));
        assert_eq!(resolve_value("PAY_PER_REQUEST", &views), None);
    }
}
