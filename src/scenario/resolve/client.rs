//! Clients whose requests are more than plain writes that are answered at once.

use super::distribution;
use super::producer::Draft;
use crate::engine::backoff::Backoff;
use crate::engine::sampler::Sampler;
use crate::engine::time::MILLISECOND;
use crate::retry::{Backoff as RetryBackoff, Jitter, RetryProfile};
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::units::Duration;
use crate::workload::client::{
    BATCH_ITEMS_MAX, Call, ClientPlan, Resend, ServerErrors, TRANSACTION_ITEMS_MAX,
};
use crate::workload::operation::{OperationMix, WriteKind};
use crate::workload::settings::{
    ClientSettings, ConsistencySettings, LAG, RESEND, RETRY_QUOTA, RepeatSettings, ResendSettings,
    SourceSettings, TRANSACTION_TIME, TTL_DELAY, UNCHANGED, WRITE_TIME, WorkloadSettings,
};

/// The most clients: each has a retry quota in memory.
pub(super) const CLIENTS_MAX: u32 = 1_000_000;

/// Whether the writes are those of another Region's replica.
pub(super) fn replicates(settings: &WorkloadSettings) -> bool {
    settings.source.is_some()
}

/// Replication tries again until it succeeds. Its waits are not published; these are those of the feed (OPEN-7).
pub(super) fn replication_retries() -> RetryProfile {
    RetryProfile {
        name: "global_table",
        attempts_max: None,
        backoff: RetryBackoff::Exponential {
            throttling_ns: 50 * MILLISECOND,
            transient_ns: 50 * MILLISECOND,
            cap_ns: 5_000 * MILLISECOND,
        },
        jitter: Jitter::Full,
        quota: None,
    }
}

/// Resolves what a producer's requests are like; nothing if they are plain writes.
pub(super) fn resolve(
    resolver: &mut Resolver,
    path: &Path,
    settings: &WorkloadSettings,
    operations: Option<&OperationMix>,
) -> Option<Box<ClientPlan>> {
    let client = settings.client.clone().unwrap_or_default();
    let (at, closed) = (path.key("client"), settings.arrivals.closed.as_ref());
    let call = call(resolver, &at, &client, settings);
    let think_time = closed.and_then(|closed| {
        // What is wrong with it is said where the arrivals are resolved.
        distribution::time(
            resolver,
            &path.key("arrivals").key("closed").key("think_time"),
            &closed.think_time,
        )
    });
    let plan = ClientPlan {
        clients: clients(resolver, &at, &client, closed.map(|closed| closed.clients)),
        think_time,
        call,
        resend: Resend { attempts_max: client.resend.and_then(|it| it.attempts), ..default_resend() },
        write_time: write_time(resolver, &at, &client),
        server_errors: server_errors(resolver, &at, &client, call),
        ttl_delay: ttl_delay(resolver, path, settings, operations),
        replicated_after: lag(resolver, path, settings),
    };
    let special = operations.is_some_and(OperationMix::is_special);
    if operations.is_some_and(|mix| mix.share(WriteKind::Unchanged) > 0.0) {
        resolver.assume(&UNCHANGED);
    }
    refuse(resolver, path, &plan, operations);
    let plain = ClientPlan::plain(default_resend());
    let same = plan.clients.is_none()
        && plan.think_time.is_none()
        && plan.call == plain.call
        && plan.write_time.is_none()
        && plan.server_errors.is_none()
        && plan.replicated_after.is_none();
    if same && !special {
        if client.resend.is_some() {
            let message = "`resend` is for what an SDK does not retry: write `batch` or `transaction` too";
            resolver.error(&at.key("resend"), message);
        }
        return None;
    }
    let resend = resend(resolver, &at, &client, call);
    Some(Box::new(ClientPlan { resend, ..plan }))
}

/// Producers of a table that transactions write meet them (DDB-T7), whatever they write themselves.
pub(super) fn meet_transactions(drafts: &mut [(&String, Draft)]) {
    let holds = |draft: &Draft| {
        let plan = draft.client.as_ref()?;
        (matches!(plan.call, Call::Transaction(_)) && plan.write_time.is_some()).then_some(draft.table)
    };
    let tables: Vec<usize> = drafts.iter().filter_map(|(_, draft)| holds(draft)).collect();
    for (_, draft) in drafts.iter_mut().filter(|(_, draft)| tables.contains(&draft.table)) {
        draft.client.get_or_insert_with(|| Box::new(ClientPlan::plain(default_resend())));
    }
}

fn default_resend() -> Resend {
    let backoff = Backoff { base: 50 * MILLISECOND, cap: 20_000 * MILLISECOND, jitter: true };
    Resend { backoff, attempts_max: None }
}

fn call(resolver: &mut Resolver, path: &Path, client: &ClientSettings, settings: &WorkloadSettings) -> Call {
    let (call, key) = match (client.batch, client.transaction) {
        (None, None) => return Call::Single,
        (Some(items), None) => {
            resolver.within(&path.key("batch"), items, 2..=BATCH_ITEMS_MAX, "DDB-B1");
            (Call::Batch(items.clamp(2, BATCH_ITEMS_MAX)), "batch")
        }
        (None, Some(items)) => {
            resolver.within(&path.key("transaction"), items, 1..=TRANSACTION_ITEMS_MAX, "DDB-B3");
            (Call::Transaction(items.clamp(1, TRANSACTION_ITEMS_MAX)), "transaction")
        }
        (Some(_), Some(_)) => {
            resolver.error(path, "`batch` and `transaction` exclude each other; keep one");
            return Call::Single;
        }
    };
    if settings.arrivals.closed.is_some() {
        let message = format!("clients of closed arrivals write one item at a time; take `{key}` out");
        resolver.error(&path.key(key), message);
        return Call::Single;
    }
    call
}

fn clients(
    resolver: &mut Resolver,
    path: &Path,
    client: &ClientSettings,
    closed: Option<u32>,
) -> Option<u32> {
    if let (Some(clients), None) = (client.clients, closed) {
        resolver.within(&path.key("clients"), clients, 1..=CLIENTS_MAX, "");
        return Some(clients.clamp(1, CLIENTS_MAX));
    }
    if closed.is_some() && client.clients.is_some() {
        resolver
            .error(&path.key("clients"), "closed arrivals say how many `clients` there are; take this out");
    }
    if closed.is_none() {
        resolver.assume(&RETRY_QUOTA);
    }
    closed.map(|clients| clients.clamp(1, CLIENTS_MAX))
}

fn write_time(resolver: &mut Resolver, path: &Path, client: &ClientSettings) -> Option<Sampler> {
    let Some(time) = &client.write_time else {
        resolver.assume(&WRITE_TIME);
        return None;
    };
    if client.transaction.is_some() {
        resolver.assume(&TRANSACTION_TIME);
    }
    distribution::time(resolver, &path.key("write_time"), time)
}

fn server_errors(
    resolver: &mut Resolver,
    path: &Path,
    client: &ClientSettings,
    call: Call,
) -> Option<ServerErrors> {
    let errors = client.server_errors?;
    if call != Call::Single {
        let message = "server errors are simulated for single writes only (DDB-T8)";
        resolver.error(&path.key("server_errors"), message);
    }
    Some(ServerErrors {
        probability: errors.share.fraction(),
        applied: errors.applied.fraction(),
        changes_again: errors.repeat == Some(RepeatSettings::Modify),
    })
}

fn ttl_delay(
    resolver: &mut Resolver,
    path: &Path,
    settings: &WorkloadSettings,
    operations: Option<&OperationMix>,
) -> Option<Sampler> {
    operations.filter(|mix| mix.share(WriteKind::TimeToLive) > 0.0)?;
    let written = settings.operations.as_ref().and_then(|operations| operations.ttl_delay.clone());
    let delay = resolver.take(written, &TTL_DELAY);
    let delay = distribution::time(resolver, &path.key("operations").key("ttl_delay"), &delay)?;
    Some(delay).filter(|delay| delay.mean() > 0.0)
}

fn lag(resolver: &mut Resolver, path: &Path, settings: &WorkloadSettings) -> Option<Sampler> {
    let SourceSettings::GlobalTable(global) = settings.source.as_ref()?;
    let path = path.key("source").key("global_table");
    if global.consistency == Some(ConsistencySettings::Mrsc) {
        resolver.error(
            &path.key("consistency"),
            "a global table with strong consistency is not simulated: its replicas write at once and together (DDB-G6)",
        );
    }
    let lag = resolver.take(global.lag.clone(), &LAG);
    distribution::time(resolver, &path.key("lag"), &lag)
}

fn resend(resolver: &mut Resolver, path: &Path, client: &ClientSettings, call: Call) -> Resend {
    let path = path.key("resend");
    if client.resend.is_some_and(|it| it.attempts == Some(0)) {
        resolver.error(&path.key("attempts"), "expected at least 1 try; found `0`");
    }
    let attempts_max = client.resend.and_then(|it| it.attempts);
    if call == Call::Single && client.resend.is_none() {
        return default_resend();
    }
    let assumed: ResendSettings = match client.resend {
        Some(ResendSettings { base: Some(_), cap: Some(_), .. }) => ResendSettings::default(),
        _ => resolver.take(None, &RESEND),
    };
    let written = client.resend.unwrap_or_default();
    let default = default_resend().backoff;
    let or = |written: Option<Duration>, assumed: Option<Duration>, default: u64| {
        written.or(assumed).map_or(default, Duration::nanos)
    };
    let base = or(written.base, assumed.base, default.base);
    let cap = or(written.cap, assumed.cap, default.cap);
    if base == 0 || cap < base {
        resolver.error(&path, "expected a `base` of more than nothing and a `cap` that is not below it");
    }
    Resend { backoff: Backoff { base: base.max(1), cap: cap.max(1), jitter: true }, attempts_max }
}

/// Refuses what does not go together.
fn refuse(resolver: &mut Resolver, path: &Path, plan: &ClientPlan, operations: Option<&OperationMix>) {
    let Some(mix) = operations else { return };
    let at = path.key("operations");
    let share = |kind| mix.share(kind) > 0.0;
    if share(WriteKind::TimeToLive) && (plan.call != Call::Single || plan.think_time.is_some()) {
        let message = "removals by time to live are no requests; give them a workload of their own";
        resolver.error(&at.key("ttl"), message);
    }
    if share(WriteKind::ConditionalFailure) && matches!(plan.call, Call::Batch(_)) {
        let message = "BatchWriteItem takes no conditions (DDB-B1); take this out, or `batch`";
        resolver.error(&at.key("conditional_failure"), message);
    }
    if plan.replicated_after.is_some() {
        if share(WriteKind::ConditionalFailure) || share(WriteKind::Unchanged) {
            let message = "replication carries changes only: take `unchanged` and `conditional_failure` out";
            resolver.error(&at, message);
        }
        let client = path.key("client");
        if plan.call != Call::Single || plan.think_time.is_some() || plan.clients.is_some() {
            let message = "replication from another Region has no client: take its settings out";
            resolver.error(&client, message);
        }
    }
}
