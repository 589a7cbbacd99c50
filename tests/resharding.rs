//! Resharding under load: what readers see of each item, what is lost, and where load goes.

mod support;

use streamgauge::engine::time::{MINUTE, Nanos};
use streamgauge::pipeline::Pipeline;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::pipeline::wiring::Prepared;
use streamgauge::scenario::checked::Scenario;

/// Two polling consumers and a delivery stream on a stream of `shards` shards.
fn scenario(shards: u32, duration: Nanos) -> Scenario {
    let mut scenario = support::small(shards, duration);
    scenario.consumers.push(support::consumer("search", 0));
    scenario.deliveries.push(support::firehose("lake", 0));
    scenario
}

/// Runs it, and does `act` at half its span.
fn run(scenario: &Scenario, act: impl FnOnce(&mut Pipeline<true>, Nanos)) -> Outcome {
    let mut pipeline = Pipeline::<true>::new(scenario, &Prepared::new(scenario), 0);
    let half = scenario.duration / 2;
    pipeline.run_until(half);
    act(&mut pipeline, half);
    pipeline.run(scenario, |_| true).expect("a ledger that balances").expect("nobody asked to stop")
}

#[test]
fn kds_s7_every_record_reaches_every_reader_through_splits_and_merges() {
    for target in [4, 3, 2] {
        let scenario = scenario(3, 4 * MINUTE);
        let outcome = run(&scenario, |pipeline, now| {
            pipeline.update_shard_count(now, 0, target).expect("between half and double");
        });
        let of = |account: usize, fate: &str| {
            let account = &outcome.ledger.accounts[account];
            account.fates.iter().find(|(name, _)| *name == fate).map_or(0, |(_, count)| *count)
        };
        let replicated = of(1, "replicated");
        assert!(replicated > 100_000);
        assert_eq!((of(2, "processed"), of(3, "delivered")), (replicated, replicated), "to {target}");
        assert_eq!(outcome.streams[0].lineage.open().len(), target as usize);
    }
}

#[test]
fn kds_s5_puts_of_a_split_shard_go_to_its_children_by_hash_key() {
    let scenario = scenario(1, 4 * MINUTE);
    // A quarter of the hash keys for the lower child.
    let outcome = run(&scenario, |pipeline, now| {
        pipeline.split_shard(now, 0, 0, 1 << 126).expect("inside the range");
    });
    let stream = &outcome.streams[0];
    let [before, after] = [&stream.eras[0], &stream.eras[2]];
    assert_eq!((before.open.as_slice(), after.open.as_slice()), (&[0][..], &[1, 2][..]));
    assert_eq!((before.traffic[0].records > 0, after.traffic[0].records), (true, 0), "the parent is closed");
    let total: u64 = after.traffic.iter().map(|traffic| traffic.records).sum();
    let share = after.traffic[1].records as f64 / total as f64;
    // Of 1,000 items a quarter, within four standard deviations of the binomial, goes there.
    assert!((share - 0.25).abs() < 4.0 * (0.25_f64 * 0.75 / 1_000.0).sqrt(), "{share}");
    assert_eq!((before.to, after.from), (2 * MINUTE, 2 * MINUTE));
}
