//! Producers: which items they write, how large those are, and what they do when refused.

use super::arrivals::{Arrivals, Surroundings};
use super::distribution::{self, SizeSampler};
use super::{arrivals, client, shape};
use crate::engine::sampler::Sampler;
use crate::retry::{Client, RetryProfile};
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::settings::distribution::Size;
use crate::systems::dynamodb::change_record::ItemShape;
use crate::systems::dynamodb::table::ITEM_BYTES_MAX;
use crate::units::{Bytes, Duration, Percent};
use crate::workload::client::ClientPlan;
use crate::workload::keys::KeyPlan;
use crate::workload::operation::OperationMix;
use crate::workload::producer::{SizePlan, Source};
use crate::workload::settings::{
    ItemSettings, KeysSettings, OPERATIONS, OperationSettings, RETRIES, RetrySettings, ShapeSettings,
    WorkloadSettings,
};

/// The most items: their places in memory are made before the run.
const ITEMS_MAX: u32 = 100_000_000;

/// A producer before its table is known.
pub(super) struct Draft<'a> {
    /// Number of the table it writes to.
    pub table: usize,
    pub arrivals: Arrivals,
    pub keys: Option<KeyPlan>,
    pub shape: Option<&'a ShapeSettings>,
    pub settings: &'a WorkloadSettings,
    pub operations: Option<OperationMix>,
    pub retries: RetryProfile,
    pub client: Option<Box<ClientPlan>>,
}

/// Resolves what needs no table; nothing after an error.
pub(super) fn draft<'a>(
    resolver: &mut Resolver,
    path: &Path,
    settings: &'a WorkloadSettings,
    table: Option<usize>,
    around: &mut Surroundings,
) -> Option<Draft<'a>> {
    let arrivals = arrivals::resolve(resolver, &path.key("arrivals"), &settings.arrivals, around);
    let retries = match client::replicates(settings) {
        true => client::replication_retries(),
        false => {
            let retries = settings.client.as_ref().and_then(|client| client.retries.clone());
            let retries = resolver.take(retries, &RETRIES);
            self::retries(resolver, &path.key("client").key("retries"), &retries, Client::DynamoDb)
        }
    };
    refuse_of_streams(resolver, path, settings);
    let (mut keys, mut operations) = (None, None);
    if settings.arrivals.trace.is_some() {
        refuse_with_trace(resolver, path, settings);
    } else {
        keys = self::keys(resolver, &path.key("keys"), settings.keys.as_ref());
        operations = self::operations(resolver, &path.key("operations"), settings.operations.clone());
        if settings.item.is_none() {
            resolver.error(path, "the key `item` is missing");
        }
    }
    let shape = settings.item.as_ref().and_then(|item| item.shape.as_ref());
    let client = client::resolve(resolver, path, settings, operations.as_ref());
    Some(Draft { table: table?, arrivals: arrivals?, keys, shape, settings, operations, retries, client })
}

/// Refuses what only producers that put into streams have.
fn refuse_of_streams(resolver: &mut Resolver, path: &Path, settings: &WorkloadSettings) {
    let client = settings.client.as_ref();
    let written = [
        (path.key("record"), settings.record.is_some()),
        (path.key("client").key("sdk"), client.is_some_and(|client| client.sdk.is_some())),
        (path.key("client").key("kpl"), client.is_some_and(|client| client.kpl.is_some())),
        (path.key("client").key("agent"), client.is_some_and(|client| client.agent.is_some())),
    ];
    for (path, _) in written.iter().filter(|(_, written)| *written) {
        resolver.error(path, "this goes with `writes_to: kinesis.X` only; the producer writes to a table");
    }
}

fn refuse_with_trace(resolver: &mut Resolver, path: &Path, settings: &WorkloadSettings) {
    let keys = !matches!(settings.keys, None | Some(KeysSettings::Trace));
    for (key, written) in
        [("keys", keys), ("item", settings.item.is_some()), ("operations", settings.operations.is_some())]
    {
        if written {
            resolver.error(&path.key(key), format!("a trace brings its own `{key}`; take this out"));
        }
    }
}

pub(super) fn keys(resolver: &mut Resolver, path: &Path, settings: Option<&KeysSettings>) -> Option<KeyPlan> {
    let Some(settings) = settings else {
        resolver.error(path, "the key `keys` is missing");
        return None;
    };
    let (kind, items) = match settings {
        KeysSettings::Uniform(it) => ("uniform", it.items),
        KeysSettings::Zipfian(it) => ("zipfian", it.items),
        KeysSettings::Hotspot(it) => ("hotspot", it.items),
        KeysSettings::Latest(it) => ("latest", it.items),
        KeysSettings::Sequential(it) => ("sequential", it.items),
        KeysSettings::Trace => {
            resolver.error(path, "`keys: trace` goes with `arrivals: { trace: ... }` only");
            return None;
        }
    };
    if !(1..=ITEMS_MAX).contains(&items) {
        resolver.within(&path.key(kind).key("items"), items, 1..=ITEMS_MAX, "");
        return None;
    }
    let plan = match settings {
        KeysSettings::Uniform(_) => KeyPlan::uniform(items),
        KeysSettings::Zipfian(it) => KeyPlan::zipfian(items, it.exponent),
        KeysSettings::Hotspot(it) => {
            KeyPlan::hotspot(items, it.hot_items.fraction(), it.hot_traffic.fraction())
        }
        KeysSettings::Latest(it) => KeyPlan::latest(items, it.exponent),
        KeysSettings::Sequential(_) | KeysSettings::Trace => KeyPlan::sequential(items),
    };
    resolver.check(&path.key(kind), plan)
}

fn operations(
    resolver: &mut Resolver,
    path: &Path,
    written: Option<OperationSettings>,
) -> Option<OperationMix> {
    let OperationSettings { insert, modify, remove, unchanged, conditional_failure, ttl, ttl_delay } =
        resolver.take(written, &OPERATIONS);
    let shares = [insert, modify, remove, unchanged, conditional_failure, ttl];
    let shares = shares.map(|share| share.map_or(0.0, Percent::fraction));
    let sum = shares.iter().fold(0.0, |sum, share| sum + share);
    if (sum - 1.0).abs() > 1e-9 {
        let found = (sum * 1e4).round() / 1e2;
        resolver.error(path, format!("the shares of all operations must add up to 100%; found {found}%"));
        return None;
    }
    if ttl_delay.is_some() && ttl.is_none() {
        resolver.error(&path.key("ttl_delay"), "`ttl_delay` goes with a share of `ttl` only");
    }
    resolver.check(path, OperationMix::of(shares))
}

/// Resolves what a client of this kind does when a call fails.
pub(super) fn retries(
    resolver: &mut Resolver,
    path: &Path,
    settings: &RetrySettings,
    client: Client,
) -> RetryProfile {
    match settings {
        RetrySettings::None => RetryProfile::none(),
        RetrySettings::Standard2026 => RetryProfile::standard_2026(client),
        RetrySettings::Standard2020 => RetryProfile::standard_2020(),
        RetrySettings::Legacy => RetryProfile::legacy(client),
        RetrySettings::LegacyJava => RetryProfile::legacy_java(client),
        RetrySettings::LegacyGo => RetryProfile::legacy_go(),
        RetrySettings::LegacyJavascript => RetryProfile::legacy_javascript(),
        RetrySettings::LegacyDotnet => RetryProfile::legacy_dotnet(client),
        RetrySettings::LegacyCpp => RetryProfile::legacy_cpp(),
        RetrySettings::Fixed(fixed) => {
            let path = path.key("fixed");
            if fixed.delays.is_empty() {
                resolver.error(&path.key("delays"), "expected at least one delay; or write `retries: none`");
            }
            let (least, most) = (Duration::from_nanos(1_000), Duration::from_nanos(crate::engine::time::DAY));
            for (index, delay) in fixed.delays.iter().enumerate() {
                resolver.within(&path.key("delays").index(index), *delay, least..=most, "");
            }
            if fixed.attempts == Some(0) {
                resolver.error(&path.key("attempts"), "expected at least 1 attempt; found `0`");
            }
            RetryProfile::fixed(fixed.delays.iter().map(|delay| delay.nanos()).collect(), fixed.attempts)
        }
    }
}

impl Draft<'_> {
    /// Where its writes come from, now that the shape of its table's items is known.
    pub fn source(self, resolver: &mut Resolver, path: &Path, table_shape: &ItemShape) -> Option<Source> {
        match self.arrivals {
            Arrivals::Trace(trace) => Some(Source::Trace(trace)),
            Arrivals::Drawn(arrivals) => {
                let item = self.settings.item.as_ref()?;
                let sizes = sizes(resolver, &path.key("item"), item, table_shape)?;
                Some(Source::Drawn { arrivals, keys: self.keys?, sizes, operations: self.operations? })
            }
        }
    }
}

fn sizes(resolver: &mut Resolver, path: &Path, item: &ItemSettings, shape: &ItemShape) -> Option<SizePlan> {
    let smallest = shape.smallest().table_bytes;
    if smallest > ITEM_BYTES_MAX {
        resolver.error(
            path,
            format!("the smallest such item has {smallest} bytes; a table takes 400 KiB (DDB-U10)"),
        );
    }
    shape::check_size(resolver, path, item);
    let Some(written) = &item.size else {
        let after = Sampler::Constant(f64::from(smallest));
        return Some(SizePlan { after, before: None, min: smallest, max: smallest });
    };
    let after = bounded(resolver, &path.key("size"), written, smallest)?;
    let before = match &item.before {
        None => None,
        Some(before) => Some(bounded(resolver, &path.key("before"), before, smallest)?),
    };
    if let Some(before) = &before
        && (before.min, before.max) != (after.min, after.max)
        && !(before.is_constant() || after.is_constant())
    {
        resolver.error(&path.key("before"), "`size` and `before` must have the same `min` and `max`");
    }
    let bounds = if after.is_constant() { before.as_ref().unwrap_or(&after) } else { &after };
    let bound = |bytes: u64| u32::try_from(bytes).unwrap_or(u32::MAX);
    let max = bounds.max.map_or(ITEM_BYTES_MAX, bound);
    let min = bounds.min.map_or(0, bound).max(smallest);
    Some(SizePlan {
        min: min.min(max),
        max,
        after: after.sampler,
        before: before.map(|before| before.sampler),
    })
}

/// A size that a table takes and that the item's fixed parts fit in.
fn bounded(resolver: &mut Resolver, path: &Path, size: &Size, smallest: u32) -> Option<SizeSampler> {
    let sampler = distribution::size(resolver, path, size)?;
    let largest = Bytes::new(ITEM_BYTES_MAX.into());
    let ends = [sampler.min, sampler.max].into_iter().flatten().map(Bytes::new);
    let constant = match sampler.sampler {
        Sampler::Constant(bytes) => Some(Bytes::new(bytes as u64)),
        _ => None,
    };
    if ends.chain(constant).any(|end| end > largest) {
        resolver.error(path, format!("items have at most {largest} (DDB-U10)"));
    }
    let fixed = Bytes::new(smallest.into());
    if constant.is_some_and(|size| size < fixed) || sampler.max.is_some_and(|max| Bytes::new(max) < fixed) {
        resolver
            .error(path, format!("items have at least {fixed} for their key and the names of attributes"));
    }
    Some(sampler)
}

impl SizeSampler {
    fn is_constant(&self) -> bool {
        matches!(self.sampler, Sampler::Constant(_))
    }
}
