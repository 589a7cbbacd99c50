use super::*;
use crate::engine::time::{MINUTE, SECOND};
use crate::systems::dynamodb::capacity::{ControlPlan, ProvisionedPlan};
use crate::systems::dynamodb::partition::{PartitionPlan, Placement};
use crate::systems::dynamodb::throttle::ThrottleLimit;

#[test]
fn ddb_u1_u3_u4_u5_writes_are_charged_by_whole_kb_of_the_larger_image() {
    assert_eq!(write_units(0, 1), 1);
    assert_eq!(write_units(0, 1_024), 1);
    assert_eq!(write_units(0, 1_025), 2);
    assert_eq!(write_units(3_000, 100), 3);
    assert_eq!(write_units(2_048, 0), 2);
    assert_eq!(write_units(0, 0), 1);
    assert_eq!(write_units(0, ITEM_BYTES_MAX), 400);
}

fn throughput(write_units: u64, partitions: u16) -> ThroughputPlan {
    let placement = Placement { salt: 5, collections: None, whole: false };
    let partitions = PartitionPlan { initial: partitions, placement, heat: None, bytes: 0 };
    ThroughputPlan { partitions: Some(partitions), ..ThroughputPlan::provisioned(write_units, 300 * SECOND) }
}

fn index(write_units: u64, values: u32) -> IndexPlan {
    let throughput = ThroughputPlan::provisioned(write_units, SECOND);
    IndexPlan { name: "by-day".into(), throughput, values, members: None, keys_only: false, salt: 9 }
}

fn table(throughput: ThroughputPlan, indexes: Vec<IndexPlan>) -> Table {
    Table::new(
        &TablePlan { name: "orders".into(), throughput, indexes, replication: None, streams: None },
        1_000,
    )
}

/// Writes of one unit, `per_second` for `seconds`; how many were accepted.
fn drive(table: &mut Table, per_second: u64, seconds: u64, item: impl Fn(u64) -> u32) -> u64 {
    let write =
        |number: &u64| table.write(number * SECOND / per_second, item(*number), 1, WriteKind::Insert).is_ok();
    (0..per_second * seconds).filter(write).count() as u64
}

#[test]
fn ddb_p7_a_hot_partition_gets_more_than_its_share_up_to_its_own_limit() {
    // 1,200 units over 4 partitions: an even share would be 300, yet one item gets 900.
    let mut fine = table(throughput(1_200, 4), vec![]);
    assert_eq!(drive(&mut fine, 900, 60, |_| 3), 54_000);
    // 2,000 on one item while the table has 4,000: its partition takes 1,000, and says so.
    let mut hot = table(throughput(4_000, 4), vec![]);
    // A second's worth was saved, and the last write comes half a millisecond before the minute is over.
    assert_eq!(drive(&mut hot, 2_000, 60, |_| 3), 60_999);
    let reasons = hot.throughput().throttled;
    assert_eq!((reasons.of(ThrottleLimit::KeyRange), reasons.total()), (59_001, 59_001));
    // Bounded by the table's total: 10 units and 300 s of savings.
    let mut small = table(throughput(10, 4), vec![]);
    assert_eq!(small.write(0, 3, 1, WriteKind::Insert), Ok(()));
    let accepted = drive(&mut small, 100, 100, |_| 3);
    let (reasons, limit) = (small.throughput().throttled, ThrottleLimit::Provisioned);
    assert_eq!((accepted + 1, reasons.of(limit)), (3_999, 10_000 - accepted));
}

#[test]
fn ddb_p14_an_index_without_room_refuses_the_tables_write() {
    let mut table =
        table(ThroughputPlan::provisioned(1_000, SECOND), vec![index(500, 1_000_000), index(100, 3)]);
    let accepted = drive(&mut table, 800, 10, |number| (number % 1_000) as u32);
    // 100 a second for ten seconds, and what was saved in one. Nothing was taken from anyone for the others.
    assert_eq!(accepted, 1_099);
    assert_eq!(table.throughput().units, 1_099);
    assert_eq!(table.indexes()[0].throughput.units, 1_099);
    assert_eq!(table.indexes()[1].throughput.throttled.of(ThrottleLimit::Provisioned), 8_000 - 1_099);
    assert_eq!(table.throughput().throttled.total(), 0);
    assert_eq!(table.meter.throttled, 8_000 - 1_099);
}

#[test]
fn ddb_p15_one_put_on_a_table_with_three_indexes_is_four_write_events() {
    let mut table =
        table(ThroughputPlan::provisioned(10, SECOND), vec![index(10, 5), index(10, 5), index(10, 5)]);
    assert_eq!(table.write(0, 1, 2, WriteKind::Insert), Ok(()));
    let of_indexes: u64 = table.indexes().iter().map(|index| index.writes).sum();
    assert_eq!(table.meter.accepted + of_indexes, 4);
}

#[test]
fn ddb_p14_an_index_of_keys_is_written_only_where_keys_come_and_go() {
    let keys = IndexPlan { keys_only: true, ..index(10, 5) };
    let mut table = table(ThroughputPlan::provisioned(1_000, SECOND), vec![keys, index(1_000, 5)]);
    let kinds = [WriteKind::Insert, WriteKind::Modify, WriteKind::Modify, WriteKind::Remove];
    kinds.into_iter().for_each(|kind| assert_eq!(table.write(0, 1, 3, kind), Ok(())));
    // The entry is put once and deleted once, a unit each; the other index has all of an item, whatever happens to it.
    let of = |index: &Index| (index.writes, index.throughput.units);
    assert_eq!(table.indexes().iter().map(of).collect::<Vec<_>>(), [(2, 2), (4, 12)]);
    // What writes nothing there cannot be refused there.
    let mut modified = |number: u64| table.write(number, 1, 1, WriteKind::Modify).is_ok();
    assert!((0..100).all(&mut modified));
}

#[test]
fn a_sparse_index_takes_its_share_of_the_items() {
    let sparse = IndexPlan { members: Some(crate::engine::random::threshold(0.3)), ..index(10_000, 10) };
    let mut table = table(ThroughputPlan::provisioned(10_000, SECOND), vec![sparse]);
    (0..1_000).for_each(|item| {
        assert_eq!(table.write(u64::from(item) * SECOND, item, 1, WriteKind::Insert), Ok(()))
    });
    // Binomial: mean 300, standard deviation 14.5.
    assert!(table.indexes()[0].writes.abs_diff(300) < 5 * 15);
}

#[test]
fn ddb_m4_m5_m6_an_on_demand_table_grows_with_its_traffic_and_stays_so() {
    let control = ControlPlan {
        alarm_lag: MINUTE,
        update: MINUTE,
        update_warm: MINUTE,
        switch: MINUTE,
        quota: 40_000,
        day_at_start: 0,
    };
    let plan = OnDemandPlan { warm: 4_000, previous_peak: 2_000, max: None };
    let mut table =
        table(ThroughputPlan { capacity: CapacityPlan::OnDemand(plan), control, ..throughput(1, 4) }, vec![]);
    let even = |number: u64| (number % 1_000) as u32;
    // 3,000 a second for 31 minutes: the peak of the first minute is half an hour old after the thirtieth.
    drive(&mut table, 3_000, 30 * 60 - 1, even);
    assert_eq!(table.throughput().capacity().units_per_second(), 4_000);
    table.settle(30 * MINUTE);
    assert_eq!(table.throughput().capacity().units_per_second(), 6_000);
    // More throughput than ever before: more partitions (DDB-P5).
    assert_eq!(table.throughput().partitions().map(|partitions| partitions.open().len()), Some(8));
    table.settle(10_000 * MINUTE);
    assert_eq!(table.throughput().capacity().units_per_second(), 6_000);
}

#[test]
fn ddb_m20_spikes_further_apart_than_a_minute_do_not_scale() {
    use crate::systems::dynamodb::auto_scaling::AutoScalingPlan;
    let policy = AutoScalingPlan { target: 0.7, too_low: 0.1, min: 100, max: 1_000 };
    let capacity =
        ProvisionedPlan { write_units: 100, read_units: 0, burst: 300 * SECOND, auto_scaling: Some(policy) };
    let plan = ThroughputPlan {
        capacity: CapacityPlan::Provisioned(capacity),
        ..ThroughputPlan::provisioned(100, SECOND)
    };
    // A minute of 90 a second, a minute of 30, for two hours: half of the minutes are above 70 %.
    let mut spiky = table(plan.clone(), vec![]);
    let mut steady = table(plan, vec![]);
    for second in 0..7_200_u64 {
        let rate = if second / 60 % 2 == 0 { 90 } else { 30 };
        (0..rate).for_each(|number| {
            assert_eq!(spiky.write(second * SECOND + number, 1, 1, WriteKind::Insert), Ok(()))
        });
        (0..90).for_each(|number| {
            assert_eq!(steady.write(second * SECOND + number, 1, 1, WriteKind::Insert), Ok(()))
        });
    }
    assert_eq!(spiky.throughput().capacity().units_per_second(), 100);
    // Two minutes in a row do: 90 / 0.7 is 129.
    assert_eq!(steady.throughput().capacity().units_per_second(), 129);
}

const CONTROL: ControlPlan = ControlPlan {
    alarm_lag: MINUTE,
    update: MINUTE,
    update_warm: MINUTE,
    switch: 5 * MINUTE,
    quota: 40_000,
    day_at_start: 0,
};

#[test]
fn ddb_m2_m3_minutes_count_one_by_one_after_a_switch_without_partitions() {
    let plan = ThroughputPlan { control: CONTROL, ..ThroughputPlan::provisioned(3_000, SECOND) };
    let mut table = table(plan, vec![]);
    table.change_capacity(0, CapacityPlan::OnDemand(OnDemandPlan::new_table()));
    for second in 0..40 * 60 {
        assert_eq!(table.write(second * SECOND, 1, 2_500, WriteKind::Insert), Ok(()));
    }
    table.settle(40 * MINUTE);
    // Every minute had 2,500 a second, before the switch, across it and after it.
    assert_eq!(table.throughput().capacity().units_per_second(), 5_000);
}

#[test]
fn ddb_m14_indexes_stay_provisioned_if_the_tables_switch_is_refused() {
    let mut table = table(ThroughputPlan::provisioned(1_000, SECOND), vec![index(500, 10)]);
    let more = ProvisionedPlan { write_units: 2_000, read_units: 0, burst: SECOND, auto_scaling: None };
    table.change_capacity(0, CapacityPlan::Provisioned(more));
    // Another change is under way: the switch is refused.
    table.change_capacity(SECOND, CapacityPlan::OnDemand(OnDemandPlan::new_table()));
    table.settle(60 * MINUTE);
    assert!(table.throughput().capacity().is_provisioned());
    assert!(table.indexes()[0].throughput.capacity().is_provisioned());
    // A switch that is admitted takes the index along.
    table.change_capacity(60 * MINUTE, CapacityPlan::OnDemand(OnDemandPlan::new_table()));
    table.settle(120 * MINUTE);
    assert!(!table.throughput().capacity().is_provisioned());
    assert!(!table.indexes()[0].throughput.capacity().is_provisioned());
}

#[test]
fn ddb_m1_p1_what_the_on_demand_table_refuses_is_not_laid_to_a_partition() {
    let capacity = CapacityPlan::OnDemand(OnDemandPlan::new_table());
    let mut table = table(ThroughputPlan { capacity, control: CONTROL, ..throughput(1, 16) }, vec![]);
    // 8,000 a second over 16 partitions are 500 for each: only the 4,000 of the table bind.
    drive(&mut table, 8_000, 5, |number| (number % 1_000) as u32);
    let refused = |table: &Table| -> u64 {
        table.throughput().partitions().into_iter().flat_map(|all| all.all()).map(|one| one.refused).sum()
    };
    assert!(table.meter.throttled > 10_000);
    assert_eq!(table.throughput().throttled.of(ThrottleLimit::KeyRange), table.meter.throttled);
    assert_eq!(refused(&table), 0);
}
