//! Tables: their capacity, their items, their feeds.

use indexmap::IndexMap;
use std::num::NonZeroU32;

use super::capacity::{self, Account};
use super::{distribution, streams};
use crate::engine::backoff::Backoff;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::settings::distribution::Time;
use crate::settings::one_or_map::OneOrMap;
use crate::settings::parameter::Parameter;
use crate::systems::dynamodb::change_record::{ItemShape, RecordTemplate, TimestampPrecision};
use crate::systems::dynamodb::replication::{Chance, Order, PartitionKey, RecordSize, ReplicationPlan};
use crate::systems::dynamodb::replication_settings::{
    ChanceSettings, DELAY, DUPLICATES, DUPLICATES_DELAY, FeedRetrySettings, HASHED, JitterSettings,
    KinesisFeedSettings, METERED, ORDER, OrderSettings, PARTITION_KEY, PartitionKeySettings, Precision,
    RECORD_SIZE, REORDER, REORDER_DELAY, RETRY_BASE, RETRY_CAP, RETRY_JITTER, RETRY_UNIT, RecordSizeSettings,
    TIMESTAMP_PRECISION,
};
use crate::systems::dynamodb::settings::{KEY_DIGITS, KEY_PREFIX, KeySettings, TableSettings};
use crate::systems::dynamodb::table::TablePlan;
use crate::systems::kinesis::settings::StreamSettings;
use crate::units::{Duration, Percent};
use crate::workload::key_name::KeyName;

/// Resolves how the keys of a table's items are written.
pub(super) fn key_name(
    resolver: &mut Resolver,
    path: &Path,
    settings: Option<&KeySettings>,
) -> Option<KeyName> {
    let settings = settings.cloned().unwrap_or_default();
    let prefix: String = resolver.take(settings.prefix, &KEY_PREFIX);
    let digits = resolver.take(settings.digits, &KEY_DIGITS);
    resolver.check(path, KeyName::new(&prefix, digits))
}

/// Resolves a table whose items have this shape; nothing if its feed has no stream.
pub(super) fn resolve(
    resolver: &mut Resolver,
    (path, name): (&Path, &str),
    settings: &TableSettings,
    shape: &ItemShape,
    region: &str,
    streams: &IndexMap<String, StreamSettings>,
    account: &Account,
) -> Option<TablePlan> {
    let throughput = capacity::table(resolver, path, name, settings, account);
    let indexes = capacity::indexes(resolver, (path, name), settings, &throughput);
    let replication = match &settings.kinesis {
        None => None,
        Some(feed) => {
            let precision = match resolver.take(feed.timestamp_precision, &TIMESTAMP_PRECISION) {
                Precision::Millisecond => TimestampPrecision::Millisecond,
                Precision::Microsecond => TimestampPrecision::Microsecond,
            };
            let template = RecordTemplate::new(region, name, shape, precision);
            let collections = settings.sort_key.as_ref().and_then(|key| NonZeroU32::new(key.collections));
            Some(replication(
                resolver,
                &path.key("kinesis"),
                feed,
                (template, precision),
                collections,
                streams,
            )?)
        }
    };
    let streams = match &settings.streams {
        None => None,
        Some(written) => {
            let template = RecordTemplate::new(region, name, shape, TimestampPrecision::Millisecond);
            Some(streams::resolve(resolver, &path.key("streams"), written, template, &throughput)?)
        }
    };
    Some(TablePlan { name: name.to_owned(), throughput, indexes, replication, streams })
}

fn replication(
    resolver: &mut Resolver,
    path: &Path,
    settings: &KinesisFeedSettings,
    (template, precision): (RecordTemplate, TimestampPrecision),
    collections: Option<NonZeroU32>,
    streams: &IndexMap<String, StreamSettings>,
) -> Option<ReplicationPlan> {
    let stream = resolver.named(&path.key("stream"), "kinesis", &settings.stream.0, streams.keys());
    let record = settings.record.clone().unwrap_or_default();
    let size = match resolver.take(record.size, &RECORD_SIZE) {
        RecordSizeSettings::Json => RecordSize::Json(template),
        RecordSizeSettings::Item => RecordSize::Item,
    };
    let partition_key =
        partition_key(resolver, &path.key("record").key("partition_key"), record.partition_key, collections);
    resolver.assume(&METERED);
    let path = path.key("replication");
    let settings = settings.replication.clone().unwrap_or_default();
    let delay = resolver.take(settings.delay, &DELAY);
    let delay = distribution::time(resolver, &path.key("delay"), &delay);
    let order = match resolver.take(settings.order, &ORDER) {
        OrderSettings::PerItem => Order::PerItem,
        OrderSettings::Independent => Order::Independent,
    };
    let disorder = match order {
        Order::PerItem => chance(resolver, &path.key("reorder"), settings.reorder, &REORDER, &REORDER_DELAY),
        Order::Independent => {
            if settings.reorder.is_some() {
                let message = "`reorder` needs `order: per_item`: independent delays reorder by themselves";
                resolver.error(&path.key("reorder"), message);
            }
            None
        }
    };
    let duplicates_path = path.key("duplicates");
    let duplicates = chance(resolver, &duplicates_path, settings.duplicates, &DUPLICATES, &DUPLICATES_DELAY);
    let backoff = backoff(resolver, &path.key("retry"), settings.retry.unwrap_or_default());
    let (stream, delay) = (stream?, delay?);
    Some(ReplicationPlan {
        stream,
        delay,
        order,
        disorder,
        duplicates,
        backoff,
        record: size,
        precision,
        partition_key,
    })
}

/// Resolves the partition key of a feed's records; `collections` is how many the table has.
fn partition_key(
    resolver: &mut Resolver,
    path: &Path,
    written: Option<PartitionKeySettings>,
    collections: Option<NonZeroU32>,
) -> PartitionKey {
    match resolver.take(written, &PARTITION_KEY) {
        PartitionKeySettings::Raw => PartitionKey::Raw,
        PartitionKeySettings::HashedPartitionKey => collections.map_or_else(
            || {
                resolver.error(path, "`hashed_partition_key` needs a table with a `sort_key`");
                PartitionKey::Hashed
            },
            PartitionKey::HashedCollection,
        ),
        PartitionKeySettings::Hashed => {
            resolver.assume(&HASHED);
            PartitionKey::Hashed
        }
    }
}

/// Resolves a share of records and their delay; nothing if the share is 0.
fn chance(
    resolver: &mut Resolver,
    path: &Path,
    written: Option<ChanceSettings>,
    share: &Parameter,
    delay: &Parameter,
) -> Option<Chance> {
    let (written_share, written_delay) = match written {
        None => (None, None),
        Some(OneOrMap::One(share)) => (Some(share), None),
        Some(OneOrMap::Map(map)) => (map.probability, map.delay),
    };
    let probability: Percent = resolver.take(written_share, share);
    if probability == Percent::default() {
        return None;
    }
    let delay: Time = resolver.take(written_delay, delay);
    let delay = distribution::time(resolver, &path.key("delay"), &delay)?;
    Some(Chance { probability: probability.fraction(), delay })
}

fn backoff(resolver: &mut Resolver, path: &Path, settings: FeedRetrySettings) -> Backoff {
    let base: Duration = resolver.take(settings.base, &RETRY_BASE);
    let cap: Duration = resolver.take(settings.cap, &RETRY_CAP);
    let (least, most) = (Duration::from_nanos(1_000_000), Duration::from_nanos(crate::engine::time::HOUR));
    resolver.within(&path.key("base"), base, least..=most, "");
    resolver.within(&path.key("cap"), cap, least..=most, "");
    if base > cap {
        resolver.error(path, format!("the first wait {base} is longer than the longest, {cap}"));
    }
    let jitter = resolver.take(settings.jitter, &RETRY_JITTER) == JitterSettings::Full;
    resolver.assume(&RETRY_UNIT);
    Backoff { base: base.nanos(), cap: cap.nanos(), jitter }
}
