//! Planned events: what they name, and what can be changed while a run goes on.

use std::sync::Arc;

use crate::engine::time::MICROSECOND;
use crate::scenario::checked::Scenario;
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::{Path, Segment, index_path, resource};
use crate::scenario::resolver::Resolver;
use crate::scenario::timeline::{
    Action, EventSettings, Fault, MergeSettings, Occurrence, SpikeSettings, SplitAt, SplitSettings, Which,
};
use crate::systems::kinesis::lineage::{shard_id, shard_number};
use crate::systems::kinesis::reshard::SHARDS_MAX;
use crate::units::{Duration, Percent};
use crate::workload::producer::Source;
use crate::workload::put_records::RecordSource;

use super::capacity_change::{self, Change};
use super::{destination, fleet_events, part_events, stream, stream_capacity};

/// The paths that `set` can change.
const SETTABLE: &str = "`kinesis.X.retention`, `kinesis.X.capacity`, `kinesis.X.capacity.provisioned.shards`, `kinesis.X.capacity.on_demand.warm_throughput`, `tables.X.capacity`, `tables.X.capacity.provisioned.write_units`, `tables.X.capacity.on_demand.max`, and the same of `tables.X.global_secondary_indexes.Y`";

/// What happens, where, in words.
pub(super) struct Happening {
    pub place: String,
    pub what: String,
    pub action: Action,
}

/// Resolves the events, in order of time as later ones build on earlier ones, and draws up the arrivals of producers that have spikes.
pub(super) fn resolve(resolver: &mut Resolver, file: &ScenarioFile, scenario: &mut Scenario) {
    let mut events: Vec<_> = file.events.iter().collect();
    events.sort_by_key(|(_, settings)| settings.at.nanos());
    for (name, settings) in events {
        let path = Path::ROOT.key("events").key(name);
        if settings.at.nanos() >= scenario.duration {
            let message = format!(
                "expected a moment within the `duration` of {}; found `{}`",
                file.duration, settings.at
            );
            resolver.error(&path.key("at"), message);
        }
        let until = settings.lasts.map(|lasts| settings.at.nanos().saturating_add(lasts.nanos()));
        let occurrence = |it: Happening| Occurrence {
            name: name.clone(),
            at: settings.at.nanos(),
            until,
            place: it.place,
            what: it.what,
            action: it.action,
        };
        for happening in happenings(resolver, &path, file, scenario, settings) {
            let mut occurrence = occurrence(happening);
            if let Some(by) = part_events::removed_by(scenario, &occurrence.place) {
                let message = format!("`{}` has been removed by the event `{by}`", occurrence.place);
                resolver.error(&path, message);
                continue;
            }
            if let Some(lasts) = fleet_events::lasts(&scenario.fleets, &occurrence.action) {
                occurrence.until = Some(occurrence.at + lasts);
            }
            part_events::check_overlap(resolver, &path, &scenario.timeline, &occurrence);
            if let Some(spike) = &settings.spike {
                multiply(resolver, &path.key("spike"), scenario, &occurrence, spike);
            }
            if let Action::Fault(part, Fault::Poison) = occurrence.action {
                part_events::poison(scenario, part, occurrence.at / MICROSECOND);
            }
            scenario.timeline.push(occurrence);
        }
    }
}

/// Draws up the arrivals of a producer again, with a spike.
fn multiply(
    resolver: &mut Resolver,
    path: &Path,
    scenario: &mut Scenario,
    spike: &Occurrence,
    settings: &SpikeSettings,
) {
    let ends_by = scenario.ends_by();
    let named = |name: &str| resource("workload", name) == spike.place;
    if let Some(producer) = scenario.direct.iter_mut().find(|producer| named(&producer.name)) {
        if let RecordSource::Drawn { arrivals, .. } = &mut Arc::make_mut(producer).source {
            let span = (spike.at, spike.until.unwrap_or(spike.at));
            let multiplied = resolver.check(path, arrivals.multiplied(span, settings.factor, ends_by));
            *arrivals = multiplied.unwrap_or_else(|| arrivals.clone());
        }
        return;
    }
    // After an error elsewhere the producer may be missing.
    let Some(producer) = scenario.producers.iter_mut().find(|producer| named(&producer.name)) else { return };
    let producer = Arc::make_mut(producer);
    if let Source::Drawn { arrivals, .. } = &mut producer.source {
        let span = (spike.at, spike.until.unwrap_or(spike.at));
        let multiplied = resolver.check(path, arrivals.multiplied(span, settings.factor, ends_by));
        *arrivals = multiplied.unwrap_or_else(|| arrivals.clone());
    }
}

/// What an event brings: one thing, or one for each path that it sets.
fn happenings(
    resolver: &mut Resolver,
    path: &Path,
    file: &ScenarioFile,
    scenario: &Scenario,
    settings: &EventSettings,
) -> Vec<Happening> {
    let kinds = kinds(settings);
    if !resolver.exactly_one(path, &kinds) {
        return Vec::new();
    }
    if fleet_events::is_about(settings) {
        return fleet_events::happening(resolver, path, file, scenario, settings).into_iter().collect();
    }
    if settings.worker.is_some() {
        resolver.error(&path.key("worker"), "`worker` says which worker `crash` or `cut_off` is about");
    }
    kinds.iter().filter(|(_, written)| *written).for_each(|(kind, _)| {
        check_how_long(resolver, path, kind, settings.lasts);
    });
    if let Some(values) = &settings.set {
        let path = path.key("set");
        let values = values.keys();
        return values.filter_map(|written| new_value(resolver, &path, written, file, scenario)).collect();
    }
    happening(resolver, path, file, scenario, settings).into_iter().collect()
}

/// The keys that say what an event is, with whether each is written.
fn kinds(settings: &EventSettings) -> Vec<(&'static str, bool)> {
    let spike = [("spike", settings.spike.is_some())];
    let of_streams = [
        ("split", settings.split.is_some()),
        ("merge", settings.merge.is_some()),
        ("set", settings.set.is_some()),
    ];
    let first = spike.into_iter().chain(part_events::kinds(settings)).chain(of_streams);
    first.chain(destination::kinds(settings)).chain(fleet_events::kinds(settings)).collect()
}

/// An event of this kind does not say how long it lasts.
pub(super) fn needs_for(resolver: &mut Resolver, path: &Path, kind: &str) {
    resolver.error(path, format!("`{kind}` needs `for`: how long it lasts"));
}

/// What lasts says how long, and nothing else does. Kinds of other files look at that themselves.
fn check_how_long(resolver: &mut Resolver, path: &Path, kind: &str, lasts: Option<Duration>) {
    let stays = match kind {
        "spike" => {
            if lasts.is_none_or(|lasts| lasts == Duration::ZERO) {
                needs_for(resolver, path, kind);
            }
            return;
        }
        "set" => "`set` holds until it is set again",
        "split" | "merge" => "shards stay as they become",
        _ => return,
    };
    if lasts.is_some() {
        resolver.error(&path.key("for"), format!("{stays}; take `for` out"));
    }
}

/// The one thing that an event brings which sets no value.
fn happening(
    resolver: &mut Resolver,
    path: &Path,
    file: &ScenarioFile,
    scenario: &Scenario,
    settings: &EventSettings,
) -> Option<Happening> {
    if let Some(written) = part_events::written(settings) {
        return part_events::happening(resolver, path, file, scenario, written, settings.lasts);
    }
    if let Some(written) = destination::written(settings) {
        return destination::happening(resolver, path, file, written, settings.lasts);
    }
    if let Some(settings) = &settings.split {
        return split(resolver, &path.key("split"), settings, file);
    }
    if let Some(settings) = &settings.merge {
        return merge(resolver, &path.key("merge"), settings, file);
    }
    spike(resolver, &path.key("spike"), settings.spike.as_ref()?, file)
}

fn spike(
    resolver: &mut Resolver,
    path: &Path,
    settings: &SpikeSettings,
    file: &ScenarioFile,
) -> Option<Happening> {
    let factors = 0.0..=1_000.0;
    if !factors.contains(&settings.factor) {
        resolver.within(&path.key("factor"), settings.factor, factors, "");
        return None;
    }
    let of = &settings.of.0;
    let number = resolver.reference(&path.key("of"), "workload", of, file.workload.keys())?;
    let (name, producer) = file.workload.get_index(number)?;
    if producer.arrivals.trace.is_some() {
        resolver.error(&path.key("of"), format!("`{of}` is a trace, whose writes are as recorded"));
    }
    let what = format!("writes {} times as much", settings.factor);
    Some(Happening { place: resource("workload", name), what, action: Action::Spike })
}

/// Whether some event changes the shards of a stream.
pub(super) fn reshards(file: &ScenarioFile, name: &str) -> bool {
    let path = resource("kinesis", name);
    let set = format!("{path}.capacity");
    file.events.values().any(|event| {
        event.split.as_ref().is_some_and(|split| split.stream.0 == path)
            || event.merge.as_ref().is_some_and(|merge| merge.stream.0 == path)
            || event.set.iter().flat_map(|values| values.keys()).any(|written| written.starts_with(&set))
    })
}

fn split(
    resolver: &mut Resolver,
    path: &Path,
    settings: &SplitSettings,
    file: &ScenarioFile,
) -> Option<Happening> {
    let number =
        resolver.reference(&path.key("stream"), "kinesis", &settings.stream.0, file.kinesis.keys())?;
    let (name, _) = file.kinesis.get_index(number)?;
    let which = match settings.shard.as_str() {
        "hottest" => Which::Hottest,
        written => Which::Number(shard(resolver, &path.key("shard"), written)?),
    };
    let written = settings.at.as_deref().unwrap_or("50%");
    let at = if written.ends_with('%') {
        let share: Percent = resolver.check(&path.key("at"), written.parse())?;
        if share.fraction() <= 0.0 || share.fraction() >= 1.0 {
            resolver.error(&path.key("at"), format!("expected a place inside the range; found `{written}`"));
        }
        SplitAt::Share(share.fraction())
    } else {
        let Ok(hash_key) = written.replace('_', "").parse() else {
            let message =
                format!("expected a share such as `25%`, or a hash key (KDS-H4); found `{written}`");
            resolver.error(&path.key("at"), message);
            return None;
        };
        SplitAt::HashKey(hash_key)
    };
    let of = match which {
        Which::Hottest => "the hottest shard".to_owned(),
        Which::Number(number) => shard_id(number),
    };
    let what = format!("SplitShard of {of} at {written}");
    Some(Happening { place: resource("kinesis", name), what, action: Action::Split(number, which, at) })
}

fn merge(
    resolver: &mut Resolver,
    path: &Path,
    settings: &MergeSettings,
    file: &ScenarioFile,
) -> Option<Happening> {
    let number =
        resolver.reference(&path.key("stream"), "kinesis", &settings.stream.0, file.kinesis.keys())?;
    let (name, _) = file.kinesis.get_index(number)?;
    let path = path.key("shards");
    let [one, other] = &settings.shards[..] else {
        resolver.error(&path, format!("expected two shards; found {}", settings.shards.len()));
        return None;
    };
    let (one, other) = (shard(resolver, &path, one)?, shard(resolver, &path, other)?);
    if one == other {
        resolver.error(&path, format!("expected two different shards; found {} twice", shard_id(one)));
    }
    let what = format!("MergeShards of {} and {}", shard_id(one), shard_id(other));
    Some(Happening { place: resource("kinesis", name), what, action: Action::Merge(number, one, other) })
}

/// The number of a shard, written as such or as AWS's id.
fn shard(resolver: &mut Resolver, path: &Path, written: &str) -> Option<usize> {
    let number = written.parse().ok().or_else(|| shard_number(written));
    if number.is_none() {
        let message =
            format!("expected a shard's number or id, such as `{}`; found `{written}`", shard_id(3));
        resolver.error(path, message);
    }
    number
}

/// What setting this path to the value that stands there does.
fn new_value(
    resolver: &mut Resolver,
    section: &Path,
    written: &str,
    file: &ScenarioFile,
    scenario: &Scenario,
) -> Option<Happening> {
    let path = section.key(written);
    let target = resolver.check(&path, written.parse::<Path>())?;
    let keys: Vec<&str> = target.segments().iter().map_while(key).collect();
    match keys[..] {
        ["kinesis", name, "retention"] => {
            let number = resolver.named(&path, "kinesis", name, file.kinesis.keys())?;
            let retention: Duration = resolver.value(&path)?;
            stream::check_retention(resolver, &path, retention);
            Some(Happening {
                place: resource("kinesis", name),
                what: format!("keeps records for {retention}"),
                action: Action::Retention(number, retention.nanos()),
            })
        }
        ["kinesis", name, "capacity", ref rest @ ..] if rest != ["provisioned", "shards"] => {
            let number = resolver.named(&path, "kinesis", name, file.kinesis.keys())?;
            // After an error elsewhere the stream may be missing.
            let plan = &scenario.streams.get(number)?.capacity;
            match stream_capacity::change(resolver, &path, plan, rest) {
                Some(change) => change.map(|change| Happening {
                    place: resource("kinesis", name),
                    what: format!("another capacity is asked for: {}", change.describe()),
                    action: Action::StreamCapacity(number, change),
                }),
                None => not_settable(resolver, &path, written),
            }
        }
        ["kinesis", name, "capacity", "provisioned", "shards"] => {
            let number = resolver.named(&path, "kinesis", name, file.kinesis.keys())?;
            let shards: u32 = resolver.value(&path)?;
            resolver.within(&path, shards, 1..=SHARDS_MAX, "KDS-S8");
            Some(Happening {
                place: resource("kinesis", name),
                what: format!("UpdateShardCount to {shards}"),
                action: Action::ShardCount(number, shards),
            })
        }
        ["tables", name, ref rest @ ..] => {
            let number = resolver.named(&path, "tables", name, file.tables.keys())?;
            match capacity_change::resolve(resolver, &path, scenario, name, rest) {
                Some(change) => change.map(|change| of_table(scenario, number, name, &change)),
                None => not_settable(resolver, &path, written),
            }
        }
        _ => not_settable(resolver, &path, written),
    }
}

fn of_table(scenario: &Scenario, number: usize, name: &str, change: &Change) -> Happening {
    let table = resource("tables", name);
    let index = change.index.and_then(|index| scenario.tables.get(number)?.indexes.get(index));
    Happening {
        place: index.map_or(table.clone(), |index| index_path(&table, &index.name)),
        what: format!("another capacity is asked for: {}", change.to.describe()),
        action: Action::TableCapacity(number, change.index, change.to),
    }
}

fn not_settable(resolver: &mut Resolver, path: &Path, written: &str) -> Option<Happening> {
    let message = format!("`{written}` cannot be changed while a run goes on");
    resolver.error_with_help(path, message, format!("what can be set: {SETTABLE}"));
    None
}

pub(super) fn key(segment: &Segment) -> Option<&str> {
    match segment {
        Segment::Key(key) => Some(key),
        Segment::Index(_) => None,
    }
}
