//! Where a delivery stream delivers to.

use super::PREFIX_BYTES_MAX;
use crate::engine::sampler::Sampler;
use crate::engine::time::{Nanos, SECOND};
use crate::scenario::path::Path;
use crate::scenario::resolve::distribution;
use crate::scenario::resolver::Resolver;
use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::systems::firehose::endpoint::{EndpointKind, EndpointPlan};
use crate::systems::firehose::prefix::ObjectPrefix;
use crate::systems::firehose::settings::destination::*;
use crate::systems::firehose::settings::{GROWTH, PREFIX, PUT, REQUESTS, RETRY_WAIT, UPLOADS};
use crate::systems::s3::PrefixPlan;
use crate::units::{ByteRate, Duration, Rate};

/// The error prefix where nothing goes to one.
pub(super) const NO_ERRORS: &str = "!{firehose:error-output-type}/";

/// A bucket, checked.
pub(super) struct Bucket {
    /// Where it is written.
    pub at: Path,
    pub prefix: ObjectPrefix,
    pub error_prefix: Option<ObjectPrefix>,
    pub put: Option<Sampler>,
    pub limit: PrefixPlan,
    pub retry_wait: Nanos,
    pub late_success: f64,
}

/// A destination, checked.
pub(super) struct To {
    pub bucket: Bucket,
    pub endpoint: Option<EndpointPlan>,
}

pub(super) fn resolve(resolver: &mut Resolver, path: &Path, destination: &Destination) -> To {
    let other = |kind: EndpointKind, retry: &'static Parameter| (kind, retry);
    let (settings, (kind, retry)) = match destination {
        Destination::S3(settings) => {
            return To { bucket: bucket(resolver, &path.key("s3"), settings), endpoint: None };
        }
        Destination::Redshift(settings) => return redshift(resolver, &path.key("redshift"), settings),
        Destination::Opensearch(it) => (it, other(EndpointKind::OpenSearch, &OPENSEARCH_RETRY)),
        Destination::OpensearchServerless(it) => {
            (it, other(EndpointKind::OpenSearchServerless, &OPENSEARCH_RETRY))
        }
        Destination::Splunk(it) => (it, other(EndpointKind::Splunk, &SPLUNK_RETRY)),
        Destination::Http(it) => (it, other(EndpointKind::Http, &HTTP_RETRY)),
        Destination::Iceberg(it) => (it, other(EndpointKind::Iceberg, &ICEBERG_RETRY)),
        Destination::Snowflake(it) => (it, other(EndpointKind::Snowflake, &SNOWFLAKE_RETRY)),
    };
    let path = path.key(kind.name());
    let zones = settings.vpc.map_or(0, |vpc| vpc.zones);
    if settings.vpc.is_some() {
        resolver.within(&path.key("vpc").key("zones"), zones, 1..=6, "");
    }
    let takes = Takes {
        kind,
        request: (&path.key("request"), settings.request.clone(), &REQUEST),
        throughput: settings.throughput,
        retry: (settings.retry_duration, retry),
        zones,
    };
    let endpoint = endpoint(resolver, &path, takes);
    let s3 = settings.s3.clone().unwrap_or_default();
    To { bucket: bucket(resolver, &path.key("s3"), &s3), endpoint }
}

fn redshift(resolver: &mut Resolver, path: &Path, settings: &RedshiftSettings) -> To {
    let takes = Takes {
        kind: EndpointKind::Redshift,
        request: (&path.key("copy"), settings.copy.clone(), &COPY),
        throughput: settings.throughput,
        retry: (settings.retry_duration, &REDSHIFT_RETRY),
        zones: 0,
    };
    let endpoint = endpoint(resolver, path, takes);
    let (path, mut s3) = (path.key("s3"), settings.s3.clone().unwrap_or_default());
    // CreateDeliveryStream answers: "Prefix Expressions or ErrorOutputPrefix is currently not supported for this destination".
    let expressions = s3.prefix.take_if(|prefix| prefix.contains("!{"));
    for (key, written) in [("prefix", expressions), ("error_output_prefix", s3.error_output_prefix.take())] {
        if written.is_some() {
            let message = "Redshift takes neither expressions in `prefix` nor an `error_output_prefix`; manifests of what was not copied lie under `errors/` (FH-R2)";
            resolver.error(&path.key(key), message);
        }
    }
    To { bucket: bucket(resolver, &path, &s3), endpoint }
}

/// What a destination other than S3 takes, as written.
struct Takes<'a> {
    kind: EndpointKind,
    request: (&'a Path, Option<Time>, &'static Parameter),
    throughput: Option<ByteRate>,
    retry: (Option<Duration>, &'static Parameter),
    zones: u32,
}

fn endpoint(resolver: &mut Resolver, path: &Path, takes: Takes) -> Option<EndpointPlan> {
    let (at, written, parameter) = takes.request;
    let request: Time = resolver.take(written, parameter);
    let request = distribution::time(resolver, at, &request);
    if takes.throughput.is_some_and(|rate| rate.get() == 0) {
        resolver.error(&path.key("throughput"), "expected more than 0 bytes a second");
    }
    let (written, parameter) = takes.retry;
    let retry: Duration = resolver.take(written, parameter);
    let longest = Duration::from_nanos(7_200 * SECOND);
    resolver.within(&path.key("retry_duration"), retry, Duration::ZERO..=longest, "FH-R2");
    Some(EndpointPlan {
        kind: takes.kind,
        request: request?,
        bytes_per_second: takes.throughput.map(ByteRate::get),
        retry: retry.nanos(),
        vpc_zones: takes.zones,
    })
}

fn object_prefix(resolver: &mut Resolver, path: &Path, written: &str) -> ObjectPrefix {
    if written.len() > PREFIX_BYTES_MAX {
        resolver.error(path, format!("expected at most {PREFIX_BYTES_MAX} bytes (FH-O4)"));
    }
    resolver.check(path, ObjectPrefix::parse(written)).unwrap_or_default()
}

/// What AWS asks of expressions in prefixes.
fn expressions(resolver: &mut Resolver, path: &Path, prefix: &ObjectPrefix, errors: Option<&ObjectPrefix>) {
    if prefix.has_error_type() {
        let message = "`!{firehose:error-output-type}` is for `error_output_prefix`";
        resolver.error(&path.key("prefix"), message);
    }
    match errors {
        None if prefix.has_expressions() => resolver.error(
            &path.key("prefix"),
            "a `prefix` with expressions needs an `error_output_prefix`, such as `errors/!{firehose:error-output-type}/`",
        ),
        Some(errors) if errors.has_expressions() && !errors.has_error_type() => resolver.error(
            &path.key("error_output_prefix"),
            "expected `!{firehose:error-output-type}` among its expressions",
        ),
        _ => {}
    }
}

/// Only what goes to a delivery stream's own prefix is partitioned.
pub(super) fn not_partitioned(resolver: &mut Resolver, path: &Path, prefix: &ObjectPrefix) {
    if prefix.partition_keys().next().is_some() {
        let message = "`!{partitionKeyFromQuery:...}` is for the `prefix` of a delivery stream with `dynamic_partitioning`, not for this one";
        resolver.error(path, message);
    }
}

pub(super) fn bucket(resolver: &mut Resolver, path: &Path, settings: &S3Settings) -> Bucket {
    let prefix: String = resolver.take(settings.prefix.clone(), &PREFIX);
    let prefix = object_prefix(resolver, &path.key("prefix"), &prefix);
    let error_prefix = settings.error_output_prefix.as_ref();
    let error_prefix = error_prefix.map(|it| object_prefix(resolver, &path.key("error_output_prefix"), it));
    expressions(resolver, path, &prefix, error_prefix.as_ref());
    if let Some(prefix) = &error_prefix {
        not_partitioned(resolver, &path.key("error_output_prefix"), prefix);
    }
    resolver.assume(&REPARTITION);
    resolver.assume(&GROWTH);
    resolver.assume(&UPLOADS);
    resolver.assume(&REQUESTS);
    let put = resolver.take(settings.put.clone(), &PUT);
    let put = distribution::time(resolver, &path.key("put"), &put);
    let rate: Rate = resolver.take(settings.request_rate, &REQUEST_RATE);
    if rate.per_second() < 1.0 {
        resolver.error(&path.key("request_rate"), "expected at least 1/s");
    }
    let retry_wait = settings.retry_wait.unwrap_or(RETRY_WAIT);
    let waits = Duration::from_nanos(SECOND)..=Duration::from_nanos(3_600 * SECOND);
    resolver.within(&path.key("retry_wait"), retry_wait, waits, "");
    let late_success = settings.late_success.unwrap_or_default();
    if late_success.fraction() >= 0.5 {
        resolver.error(&path.key("late_success"), "expected less than 50%");
    }
    let limit = PrefixPlan { per_second: rate.per_second() as u64, ..PrefixPlan::default() };
    let (retry_wait, late_success) = (retry_wait.nanos(), late_success.fraction());
    Bucket { at: path.clone(), prefix, error_prefix, put, limit, retry_wait, late_success }
}
