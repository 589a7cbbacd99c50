//! Who is connected to whom: producers to tables, tables to streams, streams to their readers.

use std::sync::Arc;

use super::arrivals::{Arrivals, Surroundings};
use super::capacity::Account;
use super::producer::{self, Draft};
use super::{
    athena, client, direct, firehose, lambda, reader, shape, sqs, stream, stream_capacity, streams, table,
    timeline,
};
use crate::scenario::checked::{ItemSpace, Scenario};
use crate::scenario::file::ScenarioFile;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::systems::dynamodb::change_record::ItemShape;
use crate::systems::dynamodb::contents::AtStart;
use crate::systems::dynamodb::replication::RecordSize;
use crate::systems::dynamodb::settings::{SHAPE, TableSettings};
use crate::systems::kinesis::stream::READERS_MAX;
use crate::workload::key_name::KeyName;
use crate::workload::key_names::KeyNames;
use crate::workload::keys::KeyPlan;
use crate::workload::producer::ProducerPlan;

fn at(section: &str, name: &str) -> Path {
    Path::ROOT.key(section).key(name)
}

/// Resolves everything that flows. After an error the scenario lacks parts, and is not used.
pub(super) fn resolve(
    resolver: &mut Resolver,
    file: &ScenarioFile,
    scenario: &mut Scenario,
    around: &mut Surroundings,
) {
    let streams = stream_capacity::Account::resolve(resolver, file, scenario);
    for (name, settings) in &file.kinesis {
        let moved = (timeline::reshards(file, name), stream_capacity::changes(file, name));
        scenario.streams.push(stream::resolve(
            resolver,
            &at("kinesis", name),
            name,
            settings,
            &streams,
            moved,
        ));
    }
    streams.check(resolver, scenario);
    scenario.on_demand_advantage = streams.advantage;
    let mut drafts = Vec::new();
    for (name, settings) in &file.workload {
        let path = at("workload", name);
        let to = &settings.writes_to.0;
        if to.starts_with("kinesis.") || to.starts_with("firehose.") {
            let target = direct::target(resolver, &path.key("writes_to"), to, file, &scenario.streams);
            let plan = direct::resolve(resolver, &path, name, settings, target, around);
            scenario.direct.extend(plan.map(Arc::new));
            continue;
        }
        let to = resolver.reference(&path.key("writes_to"), "tables", to, file.tables.keys());
        drafts.extend(producer::draft(resolver, &path, settings, to, around).map(|draft| (name, draft)));
    }
    client::meet_transactions(&mut drafts);
    let shapes = tables(resolver, file, scenario, &drafts);
    let with_streams = scenario.tables.iter_mut().filter_map(|table| table.streams.as_mut());
    with_streams.zip(scenario.streams.len()..).for_each(|(plan, number)| plan.stream = number);
    for (name, draft) in drafts {
        let (table, retries, client) = (draft.table, draft.retries.clone(), draft.client.clone());
        if let Some(source) = draft.source(resolver, &at("workload", name), &shapes[table]) {
            let name = name.clone();
            scenario.producers.push(Arc::new(ProducerPlan { name, table, source, retries, client }));
        }
    }
    readers(resolver, file, scenario);
}

/// Resolves the tables, with what those who write to them have drafted; the shapes of their items.
fn tables(
    resolver: &mut Resolver,
    file: &ScenarioFile,
    scenario: &mut Scenario,
    drafts: &[(&String, Draft)],
) -> Vec<ItemShape> {
    let account = Account::resolve(resolver, file, scenario.start);
    let mut shapes = Vec::new();
    for (number, (name, settings)) in file.tables.iter().enumerate() {
        let path = at("tables", name);
        let writers: Vec<_> = drafts.iter().filter(|(_, draft)| draft.table == number).collect();
        let (items, shape) = contents(resolver, &path, settings, &writers);
        let place = (&path, name.as_str());
        let plan =
            table::resolve(resolver, place, settings, &shape, &scenario.region, &file.kinesis, &account);
        let in_json = plan.as_ref().and_then(|plan| plan.replication.as_ref());
        let in_json = in_json.is_some_and(|feed| matches!(feed.record, RecordSize::Json(_)));
        if in_json && writers.iter().all(|(_, draft)| draft.shape.is_none()) {
            resolver.assume(&SHAPE);
        }
        scenario.tables.extend(plan);
        scenario.items.push(items);
        shapes.push(shape);
    }
    account.check(resolver, &scenario.tables);
    shapes
}

fn readers(resolver: &mut Resolver, file: &ScenarioFile, scenario: &mut Scenario) {
    for (name, settings) in &file.sqs {
        sqs::queue(resolver, &at("sqs", name), name, settings, scenario);
    }
    for (name, settings) in &file.consumers {
        reader::consumer(resolver, &at("consumers", name), name, settings, &file.tables, scenario);
    }
    firehose::resolve_all(resolver, file, scenario);
    for (name, settings) in &file.athena {
        let plan = athena::resolve(resolver, &at("athena", name), name, settings, file, scenario);
        scenario.queries.extend(plan);
    }
    sqs::check(resolver, scenario);
    scenario.account = lambda::account(resolver, &file.account.clone().unwrap_or_default(), scenario);
    lambda::count_registered(resolver, scenario);
    let read_by = |number: usize| {
        let consumers = scenario.consumers.iter().map(|consumer| consumer.stream);
        let functions = scenario.lambdas.iter().map(|lambda| lambda.stream);
        let read =
            consumers.chain(scenario.deliveries.iter().map(|delivery| delivery.stream)).chain(functions);
        let read = read.chain(scenario.fleets.iter().map(|fleet| fleet.stream));
        read.filter(|stream| *stream == number).count()
    };
    let of_tables = scenario
        .tables
        .iter()
        .filter_map(|table| Some((at("tables", &table.name).key("streams"), table.streams.as_ref()?.stream)));
    let of_kinesis = file.kinesis.keys().zip(0..).map(|(name, number)| (at("kinesis", name), number));
    for (path, number) in of_kinesis.chain(of_tables) {
        let readers = read_by(number);
        if readers > READERS_MAX {
            let message =
                format!("{readers} readers read this stream; this program takes {READERS_MAX} at most");
            resolver.error(&path, message);
        }
    }
    for (number, table) in scenario.tables.iter().enumerate() {
        let readers = table.streams.as_ref().map_or(0, |plan| read_by(plan.stream));
        resolver.notes.extend(streams::too_many_readers(scenario, number, readers));
    }
}

/// The items of a table and their shape, from those that write them.
fn contents(
    resolver: &mut Resolver,
    path: &Path,
    settings: &TableSettings,
    writers: &[&(&String, Draft)],
) -> (ItemSpace, ItemShape) {
    let trace = writers.iter().find_map(|(name, draft)| match &draft.arrivals {
        Arrivals::Trace(trace) => Some((*name, trace)),
        Arrivals::Drawn(_) => None,
    });
    let Some((tracer, trace)) = trace else { return drawn_contents(resolver, path, settings, writers) };
    if let Some((other, _)) = writers.iter().find(|(name, _)| *name != tracer) {
        let message = format!(
            "a table that a trace writes has no other producer; `{tracer}` is a trace, and `{other}` writes it too"
        );
        resolver.error(&at("workload", other).key("writes_to"), message);
    }
    if settings.key.is_some() {
        resolver.error(&path.key("key"), "a trace brings its own keys; take `key` out");
    }
    let names = KeyNames::Listed(trace.keys().into());
    let shape = ItemShape::assumed(names.usual_bytes());
    (ItemSpace { items: trace.keys().len() as u32, names, at_start: AtStart::All }, shape)
}

fn drawn_contents(
    resolver: &mut Resolver,
    path: &Path,
    settings: &TableSettings,
    writers: &[&(&String, Draft)],
) -> (ItemSpace, ItemShape) {
    let name = table::key_name(resolver, &path.key("key"), settings.key.as_ref());
    // After an error any name will do.
    let name =
        name.or_else(|| KeyName::new("", KeyName::DIGITS).ok()).expect("eleven digits fit a key's text");
    let names = KeyNames::Made(name);
    let items =
        writers.iter().filter_map(|(_, draft)| draft.keys.as_ref()).map(KeyPlan::items).max().unwrap_or(0);
    let mut shape = None;
    for (index, (name, draft)) in writers.iter().enumerate() {
        if draft.shape != writers[0].1.shape {
            let message =
                format!("producers of one table give its items one shape; `{}` has another", writers[0].0);
            resolver.error(&at("workload", name).key("item"), message);
        } else if index == 0
            && let Some(settings) = draft.shape
        {
            let path = at("workload", name).key("item").key("shape");
            shape = Some(shape::resolve(resolver, &path, settings, names.usual_bytes()));
        }
    }
    let shape = shape.unwrap_or_else(|| ItemShape::assumed(names.usual_bytes()));
    (ItemSpace { items, names, at_start: AtStart::All }, shape)
}
