//! The engine against theory: queues, buckets, buffers and intervals whose figures are known in closed form.
//!
//! A figure is taken once per replication; the exact value has to lie in the 99 % Student-t interval over the
//! replications, and the interval has to be narrow enough to say something. Seeds are fixed.

use std::collections::VecDeque;
use streamgauge::engine::bucket::Limit;
use streamgauge::engine::histogram::Histogram;
use streamgauge::engine::math;
use streamgauge::engine::queue::EventQueue;
use streamgauge::engine::random::Streams;
use streamgauge::engine::sampler::Sampler;
use streamgauge::engine::time::{MICROSECOND, MILLISECOND, Nanos, SECOND, round};
use streamgauge::experiment::statistics::Interval;
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::systems::firehose::{Firehose, FlushReason, Object};
use streamgauge::systems::kinesis::log::Record;
use streamgauge::systems::kinesis::poll_grid::PollPhase;

mod support;

const REPLICATIONS: u64 = 20;

/// The same run with the random streams of each replication.
fn replicate<Result>(run: impl Fn(Streams) -> Result) -> Vec<Result> {
    (0..REPLICATIONS).map(|replication| run(Streams::new(1, replication))).collect()
}

/// Asserts that `exact` lies in the interval of one figure per replication, whose half-width is at most the share
/// `precision` of it.
#[track_caller]
fn agrees(what: &str, exact: f64, precision: f64, figures: impl Iterator<Item = f64>) {
    let interval = Interval::of(&figures.collect::<Vec<_>>(), 0.99).expect("finite figures");
    assert!(interval.contains(exact), "{what}: {exact} is not in {interval:?}");
    assert!(interval.half_width <= precision * exact, "{what}: {interval:?} says too little");
}

/// A queue in front of one server: customers come, wait their turn, are served and go.
struct Visit {
    /// Mean time in the queue of the customers counted, seconds.
    waiting: f64,
    /// Times in the system of the customers counted, microseconds.
    sojourns: Histogram,
    /// Time spent in the system by all customers together, nanoseconds.
    spent: u128,
    /// Integral over time of the number of customers in the system, nanoseconds.
    present: u128,
    /// Time average of that number while counted customers came.
    mean_present: f64,
}

const DEPART: u8 = 0;
const ARRIVE: u8 = 1;

/// Poisson arrivals at `rate` a second for `customers` customers, of which the first `warm_up` are not counted. Starts
/// and ends empty.
fn single_server(streams: Streams, rate: f64, service: &Sampler, warm_up: u64, customers: u64) -> Visit {
    let gap = Sampler::Exponential { mean: SECOND as f64 / rate };
    let (mut gaps, mut services) = (streams.named("gaps"), streams.named("services"));
    let mut queue = EventQueue::default();
    let mut line: VecDeque<(u64, Nanos)> = VecDeque::new();
    let mut visit =
        Visit { waiting: 0.0, sojourns: Histogram::default(), spent: 0, present: 0, mean_present: 0.0 };
    let (mut arrived, mut waited, mut last) = (0, 0_u128, 0);
    let (mut from, mut to) = ((0, 0), (0, 0));
    queue.push(round(gap.sample(&mut gaps)), ARRIVE, 0);
    while let Some(event) = queue.pop() {
        let now = event.time();
        visit.present += u128::from(now - last) * line.len() as u128;
        last = now;
        if event.rank() == ARRIVE {
            if arrived == warm_up {
                from = (now, visit.present);
            }
            to = (now, visit.present);
            line.push_back((arrived, now));
            arrived += 1;
            if arrived < customers {
                queue.push(now + round(gap.sample(&mut gaps)), ARRIVE, 0);
            }
        } else if let Some((number, came)) = line.pop_front() {
            visit.spent += u128::from(now - came);
            if number >= warm_up {
                visit.sojourns.record((now - came) / MICROSECOND);
            }
        }
        // Whoever is now first and was not before is served from now on.
        let served_anew = event.rank() == DEPART || line.len() == 1;
        if let Some((number, came)) = line.front().filter(|_| served_anew) {
            if *number >= warm_up {
                waited += u128::from(now - came);
            }
            queue.push(now + round(service.sample(&mut services)), DEPART, 0);
        }
    }
    visit.waiting = waited as f64 / (customers - warm_up) as f64 / SECOND as f64;
    visit.mean_present = (to.1 - from.1) as f64 / (to.0 - from.0) as f64;
    visit
}

/// Mean waiting time at one server (Pollaczek 1930, Khinchine 1932): `rate * E[S^2] / (2 (1 - rho))`.
fn pollaczek_khinchine(rate: f64, mean: f64, mean_square: f64) -> f64 {
    rate * mean_square / (2.0 * (1.0 - rate * mean))
}

const SERVICE: f64 = 0.1;

fn exponential_service() -> Sampler {
    Sampler::Exponential { mean: SERVICE * SECOND as f64 }
}

fn constant_service() -> Sampler {
    Sampler::Constant(SERVICE * SECOND as f64)
}

/// The visits of 60,000 customers after 2,000 of warm-up, at `rho` arrivals a service.
fn visits(rho: f64, service: &Sampler) -> Vec<Visit> {
    replicate(|streams| single_server(streams, rho / SERVICE, service, 2_000, 62_000))
}

#[test]
fn waiting_at_one_server_is_pollaczek_and_khinchines() {
    for rho in [0.5, 0.8] {
        let squares = [(2.0, exponential_service()), (1.0, constant_service())];
        for (square, service) in squares {
            let exact = pollaczek_khinchine(rho / SERVICE, SERVICE, square * SERVICE * SERVICE);
            let waiting = visits(rho, &service).into_iter().map(|visit| visit.waiting);
            agrees(&format!("{service:?} at {rho}"), exact, 0.04, waiting);
        }
    }
}

#[test]
fn the_sojourn_in_mm1_is_exponential() {
    // Its mean is s / (1 - rho), so the share q of customers stays less than -ln(1 - q) times that.
    let visits = visits(0.5, &exponential_service());
    for q in [0.1, 0.5, 0.9, 0.99] {
        let exact = -math::ln(1.0 - q) * SERVICE / (1.0 - 0.5) * 1e6;
        let quantiles = visits.iter().map(|visit| visit.sojourns.quantile(q).expect("customers came"));
        agrees(&format!("quantile {q} of M/M/1"), exact, 0.04, quantiles);
    }
}

#[test]
fn little_holds_exactly_from_empty_to_empty_and_on_average() {
    // M/M/1 holds rho / (1 - rho) customers; M/D/1 holds rho + rho^2 / (2 (1 - rho)).
    let services = [(0.7 / 0.3, exponential_service()), (0.7 + 0.49 / 0.6, constant_service())];
    for (exact, service) in services {
        let visits = visits(0.7, &service);
        // Little 1961: the integral of the number present is the sum of the times spent, to the nanosecond.
        assert!(visits.iter().all(|visit| visit.present == visit.spent));
        agrees(&format!("number at {service:?}"), exact, 0.04, visits.iter().map(|visit| visit.mean_present));
    }
}

#[test]
fn the_95_percent_interval_covers_the_mean_as_often_as_it_says() {
    // 1,000 experiments of 20 replications. A replication is an M/M/1 at rho = 0.5 of 600 customers after 60 of
    // warm-up (the effect of the empty start fades by a factor e every six customers): 13 million customers in all.
    let exact = pollaczek_khinchine(0.5 / SERVICE, SERVICE, 2.0 * SERVICE * SERVICE);
    let covers = |seed: &u64| {
        let figures: Vec<f64> = (0..20)
            .map(|replication| {
                let streams = Streams::new(*seed, replication);
                single_server(streams, 0.5 / SERVICE, &exponential_service(), 60, 660).waiting
            })
            .collect();
        Interval::of(&figures, 0.95).expect("finite figures").contains(exact)
    };
    let covered = (0..1_000).filter(covers).count();
    assert!((930..=970).contains(&covered), "{covered} of 1000");
}

#[test]
fn a_saturated_bucket_admits_its_depth_and_its_rate_and_loses_the_rest() {
    // The bucket never overflows after its first second, so nothing that it earns is wasted.
    for (rate, depth, offered_a_second) in [(7, 2, 1_000), (1_000, 1_000, 1_300), (40, 12_000, 400)] {
        let limit = Limit::new(rate, depth);
        let mut bucket = limit.full();
        let (offered, gap) = (600 * offered_a_second, SECOND / offered_a_second);
        let admitted = (0..offered).filter(|i| bucket.try_take(&limit, i * gap, 1)).count() as u64;
        assert_eq!(admitted, depth + rate * (offered - 1) * gap / SECOND);
    }
}

/// The share of Poisson arrivals that M/D/1/K refuses at `load` arrivals a service, from the chain of numbers left
/// behind by departures (Gross and Harris 1998, *Fundamentals of Queueing Theory*, 5.1.8): `1 - 1 / (p(0) + load)`.
fn blocked_share(load: f64, capacity: usize) -> f64 {
    let arrivals: Vec<f64> = (0..=capacity)
        .scan(math::exp(-load), |share, k| {
            let this = *share;
            *share *= load / (k + 1) as f64;
            Some(this)
        })
        .collect();
    let mut left_behind = vec![1.0];
    for j in 0..capacity - 1 {
        let flow: f64 = (1..=j).map(|i| left_behind[i] * arrivals[j - i + 1]).sum();
        left_behind.push((left_behind[j] - arrivals[j] - flow) / arrivals[0]);
    }
    let empty = 1.0 / left_behind.iter().sum::<f64>();
    1.0 - 1.0 / (empty + load)
}

#[test]
fn a_bucket_refuses_poisson_arrivals_as_a_finite_queue_with_constant_service_does() {
    // The tokens that are missing are the work of a server that does one a refill time; a token is there for an arrival
    // as long as the work is at most `depth - 1` services. So a bucket of depth K is M/D/1/K, and one of depth 1 loses
    // a / (1 + a) whatever the service (Erlang 1917).
    assert!((blocked_share(0.8, 1) - 0.8 / 1.8).abs() < 1e-12);
    assert!((blocked_share(0.8, 2) - (1.0 - 1.0 / (math::exp(-0.8) + 0.8))).abs() < 1e-12);
    let refused = |streams: Streams, load: f64, depth: u64| {
        let limit = Limit::new(50, depth);
        let gap = Sampler::Exponential { mean: SECOND as f64 / (50.0 * load) };
        let (mut bucket, mut gaps, mut now) = (limit.full(), streams.named("gaps"), 0);
        let offered = 100_000;
        let refused = (0..offered).filter(|_| {
            now += round(gap.sample(&mut gaps));
            !bucket.try_take(&limit, now, 1)
        });
        refused.count() as f64 / f64::from(offered)
    };
    for (load, depth) in [(0.8, 1), (2.0, 1), (0.8, 2), (0.9, 5), (1.3, 20)] {
        let what = format!("bucket of depth {depth} at load {load}");
        let shares = replicate(|streams| refused(streams, load, depth));
        agrees(&what, blocked_share(load, depth as usize), 0.03, shares.into_iter());
    }
}

/// What came of buffering one Poisson flow of equal records.
struct Buffered {
    records: f64,
    by_interval: f64,
    open: f64,
}

const ARRIVAL: u8 = 0;
const INTERVAL: u8 = 1;

/// Records of 100 bytes at `rate` a second into a buffer of `size` records and `interval`: means over the objects.
fn buffered(streams: Streams, rate: f64, size: u64, interval: Nanos) -> Buffered {
    let plan = streamgauge::systems::firehose::FirehosePlan {
        size: 100 * size,
        interval,
        ..support::firehose("lake", 0)
    };
    let mut lake = Firehose::new(0, &plan, 1, streams.named("hold"));
    let gap = Sampler::Exponential { mean: SECOND as f64 / rate };
    let (mut gaps, mut queue) = (streams.named("gaps"), EventQueue::default());
    let mut objects: Vec<Object> = Vec::new();
    queue.push(round(gap.sample(&mut gaps)), ARRIVAL, 0);
    while let Some(event) = queue.pop().filter(|_| objects.len() < 20_000) {
        let now = event.time();
        if event.rank() == INTERVAL {
            if let Some(at) = lake.look(now, event.handle(), &mut objects) {
                queue.push(at, INTERVAL, event.handle());
            }
            continue;
        }
        let moment = now / MICROSECOND;
        let record = Record { written: moment, appended: moment, bytes: 100, key: 0, flags: 0 };
        if let Some((buffer, at)) = lake.take(now, 0, &[record], &mut objects) {
            queue.push(at, INTERVAL, buffer);
        }
        queue.push(now + round(gap.sample(&mut gaps)), ARRIVAL, 0);
    }
    let mean =
        |figure: &dyn Fn(&Object) -> f64| objects.iter().map(figure).sum::<f64>() / objects.len() as f64;
    Buffered {
        records: mean(&|object| object.batch.records.len() as f64),
        by_interval: mean(&|object| f64::from(u8::from(object.reason == FlushReason::Interval))),
        open: mean(&|object| (object.flushed - object.opened) as f64 / SECOND as f64),
    }
}

#[test]
fn size_or_interval_buffering_has_its_closed_form() {
    // FH-B1. The first record opens a buffer; it is flushed with K records, or T later. So the interval wins if fewer
    // than K - 1 records follow in T, and a buffer holds 1 + min(N, K - 1) records with N Poisson of mean rate * T.
    // By Wald's identity it is open for E[min(N, K - 1)] / rate.
    for (rate, size, interval) in [(10.0, 12, SECOND), (10.0, 8, SECOND), (3.0, 10, 2 * SECOND)] {
        let mean = rate * interval as f64 / SECOND as f64;
        let (mut share, mut by_interval, mut following) = (math::exp(-mean), 0.0, (size - 1) as f64);
        for n in 0..size - 1 {
            by_interval += share;
            following -= share * (size - 1 - n) as f64;
            share *= mean / (n + 1) as f64;
        }
        let runs = replicate(|streams| buffered(streams, rate, size, interval));
        agrees("records", 1.0 + following, 0.01, runs.iter().map(|run| run.records));
        agrees("by interval", by_interval, 0.03, runs.iter().map(|run| run.by_interval));
        agrees("open", following / rate, 0.01, runs.iter().map(|run| run.open));
    }
}

#[test]
fn poisson_arrivals_meet_a_poll_clock_anywhere_in_its_interval() {
    // Wolff 1982: Poisson arrivals see time averages. So the mean wait for a poll is half its interval, on top of a
    // constant propagation; nothing else takes time in this pipeline.
    let mut scenario = support::small(4, 60 * SECOND);
    scenario.consumers.push(support::consumer("reader", 0));
    scenario.consumers[0].polls.phase = PollPhase::Staggered(70 * MILLISECOND);
    let prepared = Prepared::new(&scenario);
    let figures: Vec<_> = (0..REPLICATIONS)
        .map(|replication| {
            let pipeline = Pipeline::<true>::new(&scenario, &prepared, replication);
            let outcome = pipeline.run(&scenario, |_| true).expect("a run").expect("to its end");
            outcome.consumers[0].latency.mean_parts().expect("records")
        })
        .collect();
    let polling: Vec<f64> = figures.iter().map(|parts| parts[1] / 1e6).collect();
    let interval = Interval::of(&polling, 0.99).expect("finite figures");
    assert!(interval.contains(0.5) && interval.half_width < 0.005, "{interval:?}");
    assert!(
        figures.iter().all(|parts| (parts[0] - 100_000.0).abs() < 1.0 && parts[2] == 0.0 && parts[3] == 0.0)
    );
}
