//! Nothing is lost unseen: random scenarios, drawn from seeds, whose figures must agree with each other.
//!
//! `SWARM_SEED=17 cargo test --test conservation` runs one seed alone; `SWARM_SEEDS=5000` runs that many.

use std::sync::Arc;
use streamgauge::engine::backoff::Backoff;
use streamgauge::engine::random::{Draws, Streams};
use streamgauge::engine::sampler::Sampler;
use streamgauge::engine::time::{END_OF_TIME, MILLISECOND, Nanos, SECOND};
use streamgauge::measure::ordering::Cause;
use streamgauge::pipeline::finish::{DeliveryOutcome, Outcome, TableOutcome};
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::pipeline::{Pipeline, deliver, feed, read, source, write};
use streamgauge::retry::{Client, RetryProfile};
use streamgauge::scenario::checked::{End, Scenario, Study};
use streamgauge::scenario::timeline::{Action, Occurrence, SplitAt, Which};
use streamgauge::systems::dynamodb::replication::{Chance, Order, PartitionKey, ReplicationPlan, lognormal};
use streamgauge::systems::dynamodb::throughput::ThroughputPlan;
use streamgauge::systems::firehose::{BufferPer, FirehosePlan, FirehoseSource};
use streamgauge::systems::kinesis::get_records::ReadMeter;
use streamgauge::systems::kinesis::past::PastShard;
use streamgauge::systems::kinesis::plan::HistoryPlan;
use streamgauge::systems::kinesis::poll_grid::{PollPhase, PollPlan};
use streamgauge::systems::kinesis::reader::{From, ReaderPlan, WhenTrimmed};
use streamgauge::systems::polling::PollingPlan;
use streamgauge::workload::arrivals::ArrivalPlan;
use streamgauge::workload::keys::KeyPlan;
use streamgauge::workload::operation::OperationMix;
use streamgauge::workload::producer::{ProducerPlan, SizePlan, Source};
use streamgauge::workload::rate_profile::{RateProfile, Stretch};

mod support;

/// Chooses with a seed's draws.
struct Choice(Draws);

impl Choice {
    fn below(&mut self, bound: u64) -> u64 {
        self.0.below(bound)
    }

    fn between(&mut self, low: f64, high: f64) -> f64 {
        low + (high - low) * self.0.unit()
    }

    /// A number whose logarithm is equally likely anywhere: small ones are as likely as large ones.
    fn spread(&mut self, low: f64, high: f64) -> f64 {
        use streamgauge::engine::math::{exp, ln};
        exp(self.between(ln(low), ln(high)))
    }

    fn chance(&mut self, percent: u64) -> bool {
        self.below(100) < percent
    }

    fn one_of<T: Clone>(&mut self, choices: &[T]) -> T {
        choices[self.below(choices.len() as u64) as usize].clone()
    }
}

/// Writes that one scenario offers at most, about: enough to cross every limit, little enough to be quick.
const WRITES: f64 = 6_000.0;

/// The scenario of a seed.
fn draw(seed: u64) -> Scenario {
    let mut choice = Choice(Streams::new(seed, 0).named("swarm"));
    let choice = &mut choice;
    let duration = (choice.between(1.0, 5.0) * SECOND as f64) as Nanos;
    let mut scenario = support::empty(seed, duration);
    if choice.chance(40) {
        scenario.study = Study::Steady;
    }
    scenario.warm_up = if choice.chance(30) { choice.below(duration / 2) } else { 0 };
    scenario.end = choice.one_of(&[End::Drain, End::Drain, End::Stop]);
    let streams = 1 + choice.below(2) as usize;
    for stream in 0..streams {
        let plan = support::stream(&format!("stream-{stream}"), 1 + choice.below(40) as u32);
        let retention = choice.one_of(&[SECOND, 3 * SECOND, 60 * SECOND, 300 * SECOND]);
        let (record_bytes_max, limit_calls) =
            (choice.one_of(&[20_000, 1_048_576, 4 * 1_048_576]), choice.chance(80));
        scenario.streams.push(streamgauge::systems::kinesis::plan::StreamPlan {
            retention,
            record_bytes_max,
            limit_calls,
            reshard_step: choice.one_of(&[0, 50, 400]) * MILLISECOND,
            history: choice.chance(20).then(|| history(choice, plan.shards, retention)),
            ..plan
        });
    }
    let tables = 1 + choice.below(2) as usize;
    for table in 0..tables {
        let stream = choice.below(streams as u64) as usize;
        let replication = (!choice.chance(10)).then(|| replication(choice, stream));
        let items = choice.spread(1.0, 5_000.0) as u32;
        support::add_table(&mut scenario, support::table(&format!("table-{table}"), replication), items);
    }
    let mut units_a_second = vec![0.0; tables];
    let producers = 1 + choice.below(3) as usize;
    for number in 0..producers {
        let table = if number < tables { number } else { choice.below(tables as u64) as usize };
        let rate = choice.spread(20.0, WRITES * SECOND as f64 / duration as f64) / producers as f64;
        let bytes = choice.spread(50.0, 30_000.0);
        units_a_second[table] += rate * (bytes / 1_024.0).max(1.0);
        let items = scenario.items(table);
        scenario.producers.push(Arc::new(producer(choice, number, table, rate, bytes, items, &scenario)));
    }
    for (table, units) in scenario.tables.iter_mut().zip(units_a_second) {
        // A write of 400 KiB takes 400 units, and has to fit.
        let burst = choice.one_of(&[SECOND, 300 * SECOND]);
        let write_units = ((units * choice.spread(0.3, 10.0)) as u64).max(400);
        table.throughput = ThroughputPlan::provisioned(write_units, burst);
    }
    for number in 0..choice.below(7) {
        let stream = choice.below(streams as u64) as usize;
        scenario.consumers.push(consumer(choice, &format!("consumer-{number}"), stream));
    }
    for number in 0..choice.below(3) {
        let stream = choice.below(streams as u64) as usize;
        scenario.deliveries.push(delivery(choice, &format!("lake-{number}"), stream));
    }
    for number in 0..choice.below(6) {
        let occurrence = resharding(choice, number, &scenario);
        scenario.timeline.push(occurrence);
    }
    scenario
}

fn history(choice: &mut Choice, shards: u32, retention: Nanos) -> HistoryPlan {
    let shard = |choice: &mut Choice| PastShard {
        records: choice.below(3_000),
        bytes: choice.one_of(&[1, 300, 20_000]),
    };
    HistoryPlan {
        span: choice.one_of(&[retention / 2, retention]),
        shards: (0..shards).map(|_| shard(choice)).collect(),
    }
}

/// Something that happens to the shards of a stream, or is refused.
fn resharding(choice: &mut Choice, number: u64, scenario: &Scenario) -> Occurrence {
    let stream = choice.below(scenario.streams.len() as u64) as usize;
    let shards = u64::from(scenario.streams[stream].shards);
    let action = match choice.below(5) {
        0 => Action::ShardCount(stream, 1 + choice.below(2 * shards) as u32),
        1 => Action::Split(stream, Which::Hottest, SplitAt::Share(choice.between(0.0, 1.0))),
        2 => Action::Split(stream, Which::Number(choice.below(2 * shards) as usize), SplitAt::Share(0.5)),
        3 => {
            let one = choice.below(2 * shards) as usize;
            Action::Merge(stream, one, one + 1)
        }
        _ => Action::Retention(stream, choice.one_of(&[SECOND, 60 * SECOND])),
    };
    Occurrence {
        name: format!("event-{number}"),
        at: choice.below(scenario.duration),
        until: None,
        place: format!("kinesis.stream-{stream}"),
        what: "changes".into(),
        action,
    }
}

fn replication(choice: &mut Choice, stream: usize) -> ReplicationPlan {
    let rare = |choice: &mut Choice| {
        let probability = choice.one_of(&[0.001, 0.05, 1.0]);
        let delay = choice.one_of(&[
            Sampler::Constant(0.0),
            Sampler::Exponential { mean: 3e8 },
            Sampler::Uniform { low: 0.0, high: 2e6 },
        ]);
        choice.chance(30).then_some(Chance { probability, delay })
    };
    let (disorder, duplicates) = (rare(choice), rare(choice));
    ReplicationPlan {
        delay: choice.one_of(&[
            Sampler::Constant(0.0),
            Sampler::Constant(2e8),
            Sampler::Exponential { mean: 1e8 },
            lognormal(240 * MILLISECOND, 0.55),
        ]),
        order: choice.one_of(&[Order::PerItem, Order::PerItem, Order::Independent]),
        disorder,
        duplicates,
        backoff: Backoff {
            base: choice.one_of(&[10, 50, 700]) * MILLISECOND,
            cap: choice.one_of(&[700, 1_000, 5_000]) * MILLISECOND,
            jitter: choice.chance(50),
        },
        partition_key: choice.one_of(&[PartitionKey::Hashed, PartitionKey::Raw]),
        ..support::replication(stream)
    }
}

fn producer(
    choice: &mut Choice,
    number: usize,
    table: usize,
    rate: f64,
    bytes: f64,
    items: u32,
    scenario: &Scenario,
) -> ProducerPlan {
    // An overloaded steady study goes on writing for half an hour: here its writes end by themselves, unless they are few.
    let endless = scenario.study == Study::Terminating || scenario.end == End::Stop || rate < 30.0;
    let length = if endless { END_OF_TIME } else { 3 * scenario.duration };
    let profile = Arc::new(RateProfile::new(&[Stretch { length, rate }], false).expect("a rate"));
    let arrivals =
        if choice.chance(30) { ArrivalPlan::Regular(profile) } else { ArrivalPlan::Poisson(profile) };
    let keys = match choice.below(5) {
        0 if items >= 20 => KeyPlan::hotspot(items, 0.1, 0.9),
        0 | 1 => KeyPlan::uniform(items),
        2 => KeyPlan::latest(items, 0.8),
        3 => KeyPlan::sequential(items),
        _ => KeyPlan::zipfian(items, 1.1),
    };
    let insert = choice.between(0.0, 0.5);
    let retries = match choice.below(6) {
        0 => RetryProfile::fixed(vec![100 * MILLISECOND, SECOND], Some(5)),
        name => {
            RetryProfile::named(RetryProfile::NAMES[name as usize - 1], Client::DynamoDb).expect("a name")
        }
    };
    ProducerPlan {
        source: Source::Drawn {
            arrivals,
            keys: keys.expect("items"),
            sizes: SizePlan {
                after: lognormal(bytes as u64, choice.between(0.0, 1.0)),
                before: choice.chance(30).then_some(Sampler::Uniform { low: 10.0, high: bytes }),
                min: 1,
                // Some are larger than an item may be.
                max: choice.one_of(&[50_000, 400 * 1_024, 500 * 1_024]),
            },
            operations: OperationMix::new(insert, 0.9 - insert, 0.1).expect("shares"),
        },
        retries,
        ..support::producer(&format!("producer-{number}"), table)
    }
}

fn polls(choice: &mut Choice) -> PollPlan {
    let interval = choice.one_of(&[100, 200, 250, 1_000, 3_000]) * MILLISECOND;
    PollPlan::new(interval, choice.one_of(&[PollPhase::Random, PollPhase::Staggered(17 * MILLISECOND)]))
}

fn consumer(choice: &mut Choice, name: &str, stream: usize) -> PollingPlan {
    PollingPlan {
        polls: polls(choice),
        batch_size: choice.one_of(&[1, 50, 1_000, 10_000]),
        per_batch: choice.one_of(&[0, 20, 300]) * MILLISECOND,
        per_record: choice.one_of(&[0, 50_000, MILLISECOND]),
        workers: choice.one_of(&[1, 3, 50]),
        reader: ReaderPlan {
            from: choice.one_of(&[From::Latest, From::TrimHorizon, From::AtTimestamp(-700_000)]),
            starts: choice.one_of(&[0, 0, 0, 300, 1_700]) * MILLISECOND,
            parents_first: choice.chance(70),
            when_trimmed: choice.one_of(&[WhenTrimmed::Skip, WhenTrimmed::Stick, WhenTrimmed::Restart]),
        },
        ..support::consumer(name, stream)
    }
}

fn delivery(choice: &mut Choice, name: &str, stream: usize) -> FirehosePlan {
    FirehosePlan {
        source: FirehoseSource::Polls(polls(choice)),
        size: choice.spread(10_000.0, 4e6) as u64,
        interval: choice.one_of(&[1, 2, 20]) * SECOND,
        per: choice.one_of(&[BufferPer::Shard, BufferPer::Stream]),
        delimiter_bytes: choice.one_of(&[0, 1]),
        compression: choice.one_of(&[1.0, 0.13]),
        put: choice.one_of(&[Sampler::Constant(0.0), lognormal(120 * MILLISECOND, 0.5)]),
        ..support::firehose(name, stream)
    }
}

/// Says how to repeat a seed when its checks panic.
struct Repeat(u64);

impl Drop for Repeat {
    fn drop(&mut self) {
        if std::thread::panicking() {
            eprintln!(
                "seed {0} failed; repeat it with: SWARM_SEED={0} cargo test --test conservation",
                self.0
            );
        }
    }
}

#[test]
fn whatever_enters_is_accounted_for() {
    let number = |name: &str| std::env::var(name).ok().and_then(|text| text.parse::<u64>().ok());
    let seeds = match number("SWARM_SEED") {
        Some(seed) => seed..seed + 1,
        None => 0..number("SWARM_SEEDS").unwrap_or(200),
    };
    let mut seen = Coverage::default();
    let several = seeds.end - seeds.start >= 100;
    for seed in seeds {
        let _repeat = Repeat(seed);
        let scenario = draw(seed);
        let outcome = support::run::<true>(&scenario, 0);
        check(&scenario, &outcome);
        check_other_ways_to_run(&scenario, &outcome, seed);
        seen.add(&outcome);
    }
    assert!(!several || seen.all(), "the seeds do not reach everything: {seen:?}");
}

/// Whether the swarm reaches what it is there for.
#[derive(Debug, Default)]
struct Coverage {
    refused_writes: u64,
    given_up: u64,
    refused_puts: u64,
    too_large: u64,
    copies: u64,
    late: u64,
    expired: u64,
    refused_calls: u64,
    refused_bytes: u64,
    objects: u64,
    incomplete: u64,
}

impl Coverage {
    fn add(&mut self, outcome: &Outcome) {
        for table in &outcome.tables {
            self.refused_writes += table.meter.throttled;
            if let Some(feed) = &table.feed {
                self.refused_puts += feed.meter.throttled;
                self.too_large += feed.meter.too_large;
                self.copies += feed.meter.copies;
                self.late += feed.ordering.late();
            }
        }
        self.given_up += outcome.ledger.fate("given_up");
        self.expired += outcome.ledger.fate("expired");
        self.incomplete += u64::from(!outcome.complete);
        self.objects += outcome.deliveries.iter().map(|delivery| delivery.s3.objects).sum::<u64>();
        let reads = outcome.consumers.iter().map(|consumer| consumer.reads);
        for reads in reads.chain(outcome.deliveries.iter().map(|delivery| delivery.reads)) {
            self.refused_calls += reads.refused_calls;
            self.refused_bytes += reads.refused_bytes;
        }
    }

    fn all(&self) -> bool {
        let writes = [self.refused_writes, self.given_up, self.refused_puts, self.too_large, self.copies];
        let reads = [self.late, self.expired, self.refused_calls, self.refused_bytes, self.objects];
        writes.into_iter().chain(reads).chain([self.incomplete]).all(|count| count > 0)
    }
}

/// Laws between figures that were counted apart. That the ledger balances is checked by the run itself.
fn check(scenario: &Scenario, outcome: &Outcome) {
    for number in 0..scenario.tables.len() {
        check_table(scenario, outcome, number);
    }
    for number in 0..scenario.streams.len() {
        check_stream(scenario, outcome, number);
    }
    for (plan, consumer) in scenario.consumers.iter().zip(&outcome.consumers) {
        let in_hand = consumer.reads.records - consumer.meter.processed;
        assert_eq!(in_hand, fate(outcome, &format!("consumers.{}", plan.name), "in_hand"));
        assert_eq!(consumer.meter.batches, consumer.reads.polls, "each answer is one batch");
        let processed = consumer.series.bins().iter().map(|bin| bin[read::column::RECORDS]).sum::<u64>();
        assert_eq!(processed, consumer.meter.processed);
        let time = plan.per_batch * consumer.meter.batches + plan.per_record * consumer.reads.records;
        assert_eq!(time, consumer.meter.busy);
    }
    for (plan, delivery) in scenario.deliveries.iter().zip(&outcome.deliveries) {
        check_delivery(scenario, outcome, plan, delivery);
    }
}

fn fate(outcome: &Outcome, path: &str, name: &str) -> u64 {
    let account = outcome.ledger.accounts.iter().find(|account| account.path == path).expect("an account");
    account.fates.iter().filter(|(fate, _)| *fate == name).map(|(_, count)| count).sum()
}

fn sum<const N: usize>(bins: &[[u64; N]], column: usize) -> u64 {
    bins.iter().map(|bin| bin[column]).sum()
}

fn check_table(scenario: &Scenario, outcome: &Outcome, number: usize) {
    let table = &outcome.tables[number];
    let meters = || {
        let producers = scenario.producers.iter().zip(&outcome.producers);
        producers.filter(|(plan, _)| plan.table == number).map(|(plan, (meter, _))| (plan, meter))
    };
    // Every request is either accepted or refused, and every refusal leads to a retry, now or later, or to giving up.
    let requests: u64 = meters().map(|(_, meter)| meter.offered - meter.too_large + meter.retries).sum();
    assert_eq!(requests, table.meter.accepted + table.meter.throttled);
    let waiting =
        |plan: &ProducerPlan| fate(outcome, &format!("workload.{}", plan.name), "waiting_for_retry");
    let led_to: u64 = meters().map(|(plan, meter)| meter.retries + meter.given_up + waiting(plan)).sum();
    assert_eq!(table.meter.throttled, led_to);
    assert_eq!(table.meter.accepted, meters().map(|(_, meter)| meter.accepted).sum::<u64>());
    assert_eq!(table.meter.units, sum(table.series.bins(), write::column::UNITS));
    assert_eq!(table.meter.throttled, sum(table.series.bins(), write::column::THROTTLED));
    // No table gives more than it was provisioned for, and what it had saved.
    let plan = &scenario.tables[number];
    let (units, burst) = (plan.throughput.capacity.units_at_start(), plan.throughput.capacity.window());
    let earned = u128::from(units) * u128::from(burst + outcome.end) / u128::from(SECOND);
    assert!(u128::from(table.meter.units) <= earned + 1);
    let Some(feed) = &table.feed else { return };
    assert_eq!(table.meter.accepted, table.changes_by_shard.iter().sum::<u64>());
    assert_eq!(feed.meter.throttled, sum(feed.series.bins(), feed::column::THROTTLED));
    assert_eq!(feed.meter.units, sum(feed.series.bins(), feed::column::UNITS));
    assert_eq!(feed.ordering.records, feed.latency.histogram().count());
    let offered: u64 = meters().map(|(_, meter)| meter.cohort).sum();
    let lost: u64 = meters().map(|(_, meter)| meter.too_large + meter.given_up).sum();
    check_cohort(scenario, table, offered, lost, outcome.complete);
    check_order(plan.replication.as_ref().expect("a feed"), table);
}

/// Of each write that was measured there is one record, if it was not lost, and as many more as it has copies.
fn check_cohort(scenario: &Scenario, table: &TableOutcome, offered: u64, lost: u64, complete: bool) {
    let Some(feed) = &table.feed else { return };
    let arrived = feed.latency.histogram().count() - feed.ordering.duplicates;
    assert!(arrived <= offered);
    if complete {
        assert!(arrived + lost + feed.meter.too_large >= offered, "{arrived} of {offered}, {lost} lost");
    }
    let all_measured = scenario.warm_up == 0 && scenario.study == Study::Terminating && complete;
    if all_measured && feed.meter.too_large == 0 {
        assert_eq!(arrived + lost, offered);
        assert_eq!(feed.ordering.duplicates, feed.meter.copies);
    }
}

fn check_order(plan: &ReplicationPlan, table: &TableOutcome) {
    let Some(feed) = &table.feed else { return };
    let late = feed.ordering.late();
    assert_eq!(late, feed.ordering.distance_records.count());
    if plan.order == Order::PerItem {
        let of = |cause: Cause| feed.ordering.out_of_order[cause as usize];
        assert_eq!(late, of(Cause::Duplicate) + of(Cause::Injected), "nothing else disturbs an item's order");
        assert!(plan.disorder.is_some() || of(Cause::Injected) == 0);
        assert!(plan.duplicates.is_some() || of(Cause::Duplicate) == 0);
    }
    let constant = matches!(plan.delay, Sampler::Constant(_)) && plan.disorder.is_none();
    if constant && plan.duplicates.is_none() && feed.meter.throttled == 0 {
        assert_eq!(late, 0, "equal delays keep all order");
    }
    let always = plan.duplicates.as_ref().is_some_and(|chance| chance.probability == 1.0);
    let copies = if always { table.meter.accepted } else { feed.meter.copies };
    assert_eq!(feed.meter.copies, copies);
    assert!(plan.duplicates.is_some() || copies == 0);
}

fn check_stream(scenario: &Scenario, outcome: &Outcome, number: usize) {
    let stream = &outcome.streams[number];
    let feeds = || {
        let tables = scenario.tables.iter().zip(&outcome.tables);
        let here = tables.filter(|(plan, _)| plan.replication.as_ref().is_some_and(|it| it.stream == number));
        here.filter_map(|(_, table)| table.feed.as_ref())
    };
    let (records, refused): (u64, u64) =
        feeds().fold((0, 0), |sum, feed| (sum.0 + feed.meter.replicated, sum.1 + feed.meter.throttled));
    let totals = || stream.loads.iter().map(|load| load.total);
    assert_eq!(records, totals().map(|total| total.records).sum::<u64>());
    assert_eq!(refused, totals().map(|total| total.refused).sum::<u64>());
    assert_eq!(refused, stream.loads.iter().flat_map(|load| load.refused_by_limit).sum::<u64>());
    assert_eq!(records, sum(stream.series.bins(), source::column::RECORDS));
    assert_eq!(refused, sum(stream.series.bins(), source::column::REFUSED));
    let bytes = totals().map(|total| total.bytes).sum::<u64>();
    assert_eq!(bytes, sum(stream.series.bins(), source::column::BYTES));
    // KDS-W1: no shard takes more than a full bucket and 1,000 records or 1 MiB a second.
    let plan = &scenario.streams[number];
    let seconds = outcome.end.div_ceil(SECOND);
    let depth = if plan.large_records() { 10 } else { 1 };
    for total in totals() {
        assert!(total.records <= 1_000 * (1 + seconds) && total.bytes <= 1_048_576 * (depth + seconds));
    }
    // Whoever reads sees every measured record once.
    let measured: u64 = feeds().map(|feed| feed.latency.histogram().count()).sum();
    let consumers = scenario.consumers.iter().zip(&outcome.consumers);
    let consumers = consumers.filter(|(plan, _)| plan.stream == number).map(|(plan, consumer)| {
        (format!("consumers.{}", plan.name), &consumer.reads, consumer.latency.histogram().count())
    });
    let deliveries = scenario.deliveries.iter().zip(&outcome.deliveries);
    let deliveries = deliveries.filter(|(plan, _)| plan.stream == number).map(|(plan, delivery)| {
        (format!("firehose.{}", plan.name), &delivery.reads, delivery.latency.histogram().count())
    });
    for (path, reads, seen) in consumers.chain(deliveries) {
        let (waiting, expired) = (fate(outcome, &path, "waiting"), fate(outcome, &path, "expired"));
        let account =
            outcome.ledger.accounts.iter().find(|account| account.path == path).expect("an account");
        let entered: u64 = account.entered.iter().map(|(_, count)| count).sum();
        let passed = fate(outcome, &path, "before_start") + fate(outcome, &path, "skipped");
        assert_eq!(entered, reads.records + waiting + expired + passed, "{path}");
        assert!(seen <= measured, "{path}");
        if entered == records {
            assert!(reads.bytes <= bytes, "{path}");
        }
        if outcome.complete {
            // What waits at the end of a complete run waits for a reader that has given up.
            let gone = expired + passed + waiting;
            assert!(seen + gone >= measured, "{path}: {seen} of {measured}, {gone} gone");
        }
    }
}

fn check_delivery(scenario: &Scenario, outcome: &Outcome, plan: &FirehosePlan, delivery: &DeliveryOutcome) {
    let (meter, s3, rows) = (&delivery.meter, &delivery.s3, &delivery.rows);
    // FH-B9: an interval under a minute means a multipart upload, of three requests.
    let requests = if plan.interval < 60 * SECOND { 3 } else { 1 };
    assert_eq!(s3.puts, requests * (meter.by_size + meter.by_interval));
    assert!(s3.objects <= 100_000, "all objects are listed");
    assert_eq!(s3.objects, rows.len() as u64);
    assert_eq!(s3.objects, delivery.sizes.count());
    assert_eq!(meter.delivered, rows.iter().map(|row| row.records).sum::<u64>());
    assert_eq!(meter.bytes, delivery.reads.bytes);
    let stored = |bytes: u64| (bytes as f64 * plan.compression + 0.5) as u64;
    assert_eq!(s3.bytes, rows.iter().map(|row| stored(row.bytes)).sum::<u64>());
    let series = delivery.series.bins();
    assert_eq!(meter.delivered, sum(series, deliver::column::RECORDS));
    assert_eq!(s3.objects, sum(series, deliver::column::OBJECTS));
    assert_eq!(s3.bytes, sum(series, deliver::column::BYTES));
    if requests * s3.objects == s3.puts && meter.delivered == delivery.reads.records {
        let delimiters = u64::from(plan.delimiter_bytes) * meter.delivered;
        assert_eq!(meter.bytes + delimiters, rows.iter().map(|row| row.bytes).sum::<u64>());
    }
    for row in rows {
        assert!(row.opened <= row.flushed && row.flushed <= row.complete);
        assert!(row.flushed - row.opened <= plan.interval, "FH-B1: no record waits longer than the interval");
    }
    let refused = delivery.reads.refused_calls + delivery.reads.refused_bytes;
    // After a refused call it waits for a while of its own.
    if refused == 0
        && outcome.streams[plan.stream].lineage.shards().len()
            == scenario.streams[plan.stream].shards as usize
    {
        assert_calls(scenario, plan, outcome.end, &delivery.reads);
    }
}

/// A delivery stream calls at every moment of its clock (FH-S2), whether something is there or not.
fn assert_calls(scenario: &Scenario, plan: &FirehosePlan, end: Nanos, reads: &ReadMeter) {
    let shards = scenario.streams[plan.stream].shards as usize;
    let draws = Streams::new(scenario.seed, 0);
    let grid = plan.polls().expect("it polls").grid(shards, &draws, &format!("firehose.{}", plan.name));
    let until = |end: Nanos| -> u64 {
        (0..shards).map(|shard| end.saturating_sub(grid.first(shard)).div_ceil(grid.interval())).sum()
    };
    let calls = reads.polls + reads.empty_polls + reads.refused_calls + reads.refused_bytes;
    // One at the very end may have taken place or not.
    assert!((until(end)..=until(end + 1)).contains(&calls), "{calls} calls, {} due", until(end));
}

/// Measuring everything, and stopping on the way, change nothing.
fn check_other_ways_to_run(scenario: &Scenario, outcome: &Outcome, seed: u64) {
    let lean = support::run::<false>(scenario, 0);
    assert_eq!((lean.fingerprint, lean.events, lean.end), (outcome.fingerprint, outcome.events, outcome.end));
    assert_eq!(lean.ledger, outcome.ledger);
    let mut choice = Choice(Streams::new(seed, 0).named("steps"));
    let mut pipeline = Pipeline::<false>::new(scenario, &Prepared::new(scenario), 0);
    let mut at = 0;
    while at < outcome.end {
        at = outcome.end.min(at + choice.spread(1e6, 1e10) as Nanos);
        pipeline.run_until(at);
        assert!(pipeline.now() <= at);
    }
    assert_eq!((pipeline.fingerprint(), pipeline.counts()), (outcome.fingerprint, outcome.events));
    // A finished run has nothing left to do.
    if scenario.study == Study::Terminating && scenario.end == End::Drain {
        pipeline.run_until(END_OF_TIME);
        assert_eq!(pipeline.fingerprint(), outcome.fingerprint);
    }
}
