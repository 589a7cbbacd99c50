//! The channels by which a Kinesis stream delivers without a Firehose (KDS-D1).

use super::destination;
use crate::engine::time::SECOND;
use crate::scenario::path::{Path, resource};
use crate::scenario::resolver::Resolver;
use crate::settings::distribution::Time;
use crate::systems::firehose::settings::FORMAT_RATIO;
use crate::systems::firehose::settings::destination::S3Settings;
use crate::systems::firehose::{FirehosePlan, FirehoseSource};
use crate::systems::kinesis::capacity_settings::StreamCapacity;
use crate::systems::kinesis::delivery_settings::*;
use crate::systems::kinesis::settings::StreamSettings;
use crate::units::{Duration, Percent};

/// Resolves what a stream delivers by itself: to S3, to Iceberg tables, or both (KDS-D4).
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    (number, name): (usize, &str),
    stream: &StreamSettings,
    settings: &DeliverySettings,
) -> Vec<FirehosePlan> {
    if !matches!(stream.capacity, StreamCapacity::OnDemand(_)) {
        resolver.error(
            path,
            "only on-demand streams deliver by themselves (KDS-D1); a Firehose reads any stream",
        );
    }
    if settings.s3.is_none() && settings.iceberg.is_none() {
        resolver.error(path, "expected `s3`, `iceberg` or both");
    }
    let place = |kind: &str| (path.key(kind), format!("{}.delivery.{kind}", resource("kinesis", name)));
    let mut plans = Vec::new();
    if let Some(it) = &settings.s3 {
        let written = (it.freshness, it.prefix.clone(), it.put.clone());
        plans.extend(channel(resolver, place("s3"), (number, &format!("{name}.s3")), written));
    }
    if let Some(it) = &settings.iceberg {
        let written = (it.freshness, None, it.put.clone());
        let (path, reported) = place("iceberg");
        let ratio: Percent = resolver.take(it.ratio, &FORMAT_RATIO);
        if ratio == Percent::default() {
            resolver.error(&path.key("ratio"), "expected more than 0%, for no object is empty");
        }
        let plan = channel(resolver, (path, reported), (number, &format!("{name}.iceberg")), written);
        plans.extend(plan.map(|plan| FirehosePlan {
            compression: ratio.fraction(),
            converts: true,
            conversion_failures: it.bad_records.unwrap_or_default().fraction(),
            extension: ".parquet".to_owned(),
            ..plan
        }));
    }
    plans
}

fn channel(
    resolver: &mut Resolver,
    (path, reported): (Path, String),
    (stream, name): (usize, &str),
    (freshness, prefix, put): (Option<Duration>, Option<String>, Option<Time>),
) -> Option<FirehosePlan> {
    let freshness: Duration = resolver.take(freshness, &FRESHNESS);
    let seconds = |count: u64| Duration::from_nanos(count * SECOND);
    resolver.within(&path.key("freshness"), freshness, seconds(300)..=seconds(900), "KDS-D2");
    resolver.assume(&ONE_OBJECT);
    let error_output_prefix = Some(destination::NO_ERRORS.to_owned());
    let s3 = S3Settings { prefix, error_output_prefix, put, ..S3Settings::default() };
    let bucket = destination::bucket(resolver, &path, &s3);
    destination::not_partitioned(resolver, &path.key("prefix"), &bucket.prefix);
    Some(FirehosePlan {
        source: FirehoseSource::Channel,
        path: reported,
        size: u64::MAX,
        interval: freshness.nanos(),
        prefix: bucket.prefix,
        put: bucket.put?,
        ..FirehosePlan::to_s3(name, stream)
    })
}
