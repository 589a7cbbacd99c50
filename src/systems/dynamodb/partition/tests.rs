use super::*;
use crate::engine::time::{MINUTE, SECOND};

const OWN_KEYS: Placement = Placement { salt: 7, collections: None, whole: false };

fn plan(initial: u16, placement: Placement) -> PartitionPlan {
    let heat = HeatPlan { units_per_minute: 54_000, minutes: 10 };
    PartitionPlan { initial, placement, heat: Some(heat), bytes: 0 }
}

/// One write of one unit, if the partition has room.
fn write(partitions: &mut Partitions, now: Nanos, item: u32) -> bool {
    let room = partitions.has(now, item, 1);
    if room {
        partitions.spend(now, item, 1)
    } else {
        partitions.refuse(item)
    }
    room
}

/// `per_second` writes a second for some minutes, to the items that `item` chooses; accepted ones of each minute.
fn drive(
    partitions: &mut Partitions,
    from: u64,
    minutes: u64,
    per_second: u64,
    item: impl Fn(u64) -> u32,
) -> Vec<u64> {
    let minute = |minute: u64| {
        let mut accepted = 0;
        for number in 0..60 * per_second {
            let now = minute * MINUTE + number * SECOND / per_second;
            accepted += u64::from(write(partitions, now, item(minute * 60 * per_second + number)));
        }
        partitions.close_minute((minute + 1) * MINUTE);
        accepted
    };
    (from..from + minutes).map(minute).collect()
}

/// Whatever was split: the open partitions cover all places once, and every item is where its place is.
fn check(partitions: &Partitions, items: u32) {
    let open: Vec<&Partition> =
        partitions.open().iter().map(|number| &partitions.all()[usize::from(*number)]).collect();
    assert_eq!((open[0].first, open[open.len() - 1].last), (0, u128::MAX));
    assert!(open.windows(2).all(|pair| pair[0].last + 1 == pair[1].first));
    for item in 0..items {
        let own = &partitions.all()[usize::from(partitions.of(item))];
        assert!(own.closed.is_none() && (own.first..=own.last).contains(&partitions.placement.of(item)));
    }
    for split in partitions.splits() {
        let [parent, low, high] = [split.parent, split.children[0], split.children[1]]
            .map(|number| &partitions.all()[usize::from(number)]);
        assert_eq!((parent.closed, low.opened, high.opened), (Some(split.at), split.at, split.at));
        assert_eq!((parent.first, low.last + 1, parent.last), (low.first, high.first, high.last));
    }
}

#[test]
fn ddb_p1_a_partition_takes_a_thousand_units_a_second_and_saves_one_second() {
    let mut partitions = Partitions::new(&plan(1, OWN_KEYS), 100);
    // Two thousand at once: a second's worth was saved. Then two thousand a second for nine seconds.
    let first = (0..2_000).filter(|item| write(&mut partitions, 0, item % 100)).count();
    assert_eq!(first, 1_000);
    let later =
        (1..=18_000_u64).filter(|i| write(&mut partitions, i * SECOND / 2_000, (i % 100) as u32)).count();
    assert_eq!(later, 9_000);
    assert_eq!(partitions.all()[0].refused, 10_000);
}

#[test]
fn ddb_p3_items_are_spread_evenly_by_their_keys_hash() {
    let partitions = Partitions::new(&plan(8, OWN_KEYS), 80_000);
    let mut counts = [0_u32; 8];
    (0..80_000).for_each(|item| counts[usize::from(partitions.of(item))] += 1);
    // Binomial: mean 10,000, standard deviation 94.
    assert!(counts.iter().all(|count| count.abs_diff(10_000) < 5 * 94), "{counts:?}");
    check(&partitions, 80_000);
}

#[test]
fn ddb_p5_p11_open_1_ten_hot_minutes_split_a_partition_and_nothing_merges_it_again() {
    let items = 1_000;
    let mut partitions = Partitions::new(&plan(1, OWN_KEYS), items);
    let spread = |number: u64| (number * 7_919 % 1_000) as u32;
    let accepted = drive(&mut partitions, 0, 12, 1_600, spread);
    // A thousand a second until the tenth minute has ended; afterwards 1,600 for two partitions.
    assert!(accepted[..10].iter().all(|units| (60_000..=61_000).contains(units)), "{accepted:?}");
    assert_eq!(accepted[11], 96_000);
    assert_eq!(partitions.splits().len(), 1);
    assert_eq!((partitions.splits()[0].at, partitions.splits()[0].reason), (10 * MINUTE, SplitReason::Heat));
    // Idle hours later there are still two.
    drive(&mut partitions, 12, 120, 1, spread);
    assert_eq!(partitions.open().len(), 2);
    check(&partitions, items);
}

#[test]
fn ddb_p8_a_hot_item_comes_to_lie_alone_and_then_gets_a_thousand_units() {
    let items = 1_000;
    let mut partitions = Partitions::new(&plan(1, OWN_KEYS), items);
    // 1,400 a second, of which 1,000 go to item 3.
    let mostly_one = |number: u64| if number % 7 < 5 { 3 } else { (number % 1_000) as u32 };
    let accepted = drive(&mut partitions, 0, 40, 1_400, mostly_one);
    assert_eq!(*accepted.last().unwrap(), 60 * 1_400);
    let own = partitions.of(3);
    assert_eq!((0..items).filter(|item| partitions.of(*item) == own).count(), 1);
    check(&partitions, items);
    // More than that an item never gets, however long it is hot.
    let mut single = Partitions::new(&plan(4, OWN_KEYS), items);
    let accepted = drive(&mut single, 0, 40, 1_500, |_| 3);
    assert_eq!(*accepted.last().unwrap(), 60_000);
    assert!(single.splits().is_empty());
    assert_eq!(single.stuck()[0].item, 3);
}

#[test]
fn ddb_p10_without_splits_for_heat_a_hot_partition_stays_hot() {
    let mut partitions = Partitions::new(&PartitionPlan { heat: None, ..plan(1, OWN_KEYS) }, 1_000);
    let accepted = drive(&mut partitions, 0, 30, 1_600, |number| (number % 1_000) as u32);
    assert_eq!((accepted[29], partitions.open().len()), (60_000, 1));
}

#[test]
fn ddb_p4_a_collection_is_split_by_sort_key_unless_it_has_a_local_index() {
    for (whole, open) in [(false, 2), (true, 1)] {
        let placement = Placement { salt: 1, collections: Some(1), whole };
        let mut partitions = Partitions::new(&plan(1, placement), 1_000);
        drive(&mut partitions, 0, 12, 1_600, |number| (number % 1_000) as u32);
        assert_eq!(partitions.open().len(), open, "local index: {whole}");
        check(&partitions, 1_000);
    }
}

#[test]
fn ddb_p9_a_rising_sort_key_stays_hot_whatever_is_split() {
    let placement = Placement { salt: 1, collections: Some(1), whole: false };
    let minutes = 45;
    let items = minutes * 60 * 1_500;
    let mut partitions = Partitions::new(&plan(1, placement), items as u32);
    let accepted = drive(&mut partitions, 0, minutes, 1_500, |number| number as u32);
    assert!(partitions.splits().len() >= 3);
    // All writes still go to the partition with the highest sort keys. It is never more than a second ahead.
    assert!(accepted.iter().all(|units| *units <= 62_000), "{accepted:?}");
    assert!(accepted[40] < 61_000);
}

#[test]
fn ddb_p2_a_full_partition_is_split_in_the_middle_of_its_items() {
    // 9.9999 GiB are there; each new item brings one KB.
    let bytes = BYTES_MAX - 1_000 * 1_024;
    let mut partitions = Partitions::new(&PartitionPlan { bytes, ..plan(1, OWN_KEYS) }, 1_000);
    partitions.extend(3_000);
    let mut now = 0;
    for item in 1_000..3_000 {
        now += SECOND / 100;
        assert!(write(&mut partitions, now, item));
        // Writing an item again takes no room.
        assert!(write(&mut partitions, now, item));
        assert_eq!(partitions.open().len(), if item < 1_999 { 1 } else { 2 });
    }
    assert_eq!(partitions.splits()[0].reason, SplitReason::Size);
    let side = partitions.splits()[0].children[0];
    let low = (0..2_000).filter(|item| partitions.of(*item) == side).count();
    assert_eq!(low, 1_000);
    check(&partitions, 3_000);
}

#[test]
fn ddb_p5_more_throughput_than_ever_splits_until_even_writes_fit() {
    let mut partitions = Partitions::new(&plan(4, OWN_KEYS), 10_000);
    partitions.hold(SECOND, 4_000);
    assert_eq!(partitions.open().len(), 4);
    partitions.hold(2 * SECOND, 8_000);
    assert_eq!(partitions.open().len(), 8);
    partitions.hold(3 * SECOND, 3_000);
    assert_eq!(partitions.open().len(), 8);
    check(&partitions, 10_000);
}

/// As many partitions as there can be, and two items that lie on the same one.
fn no_more_partitions() -> (Partitions, [u32; 2]) {
    let partitions = Partitions::new(&plan(PARTITIONS_MAX as u16, OWN_KEYS), 1_000);
    let mut of: Vec<(u16, u32)> = (0..1_000).map(|item| (partitions.of(item), item)).collect();
    of.sort_unstable();
    let pair = of.windows(2).find(|pair| pair[0].0 == pair[1].0).unwrap();
    let items = [pair[0].1, pair[1].1];
    (partitions, items)
}

#[test]
fn ddb_p5_p11_a_hot_partition_that_cannot_be_split_is_named_once() {
    let (mut partitions, items) = no_more_partitions();
    drive(&mut partitions, 0, 25, 1_000, |number| items[(number % 2) as usize]);
    assert!(partitions.splits().is_empty());
    let stuck: Vec<_> = partitions.stuck().iter().map(|it| (it.at, it.partition, it.reason)).collect();
    assert_eq!(stuck, [(10 * MINUTE, partitions.of(items[0]), SplitReason::Heat)]);
}

#[test]
fn ddb_p2_p4_a_full_collection_of_a_table_with_a_local_index_takes_no_new_item() {
    // Two collections of even and odd items; each begins with 9.9995 GiB and takes five more items of 100 KB.
    let placement = Placement { salt: 7, collections: Some(2), whole: true };
    let bytes = 2 * (BYTES_MAX - 5 * 100 * 1_024);
    let mut partitions = Partitions::new(&PartitionPlan { bytes, ..plan(2, placement) }, 10);
    partitions.extend(40);
    let mut now = 0;
    let mut insert = |partitions: &mut Partitions, item: u32| {
        now += SECOND;
        let fits = partitions.has(now, item, 100);
        if fits {
            partitions.spend(now, item, 100);
        }
        fits
    };
    let even: Vec<bool> = (10..40).step_by(2).map(|item| insert(&mut partitions, item)).collect();
    assert_eq!(even.iter().filter(|taken| **taken).count(), 5, "{even:?}");
    assert!(even[..5].iter().all(|taken| *taken), "the first five");
    assert!(partitions.is_beyond_its_collection(38) && !partitions.is_beyond_its_collection(11));
    // What is there can be written again, and the other collection has its own room.
    assert!(insert(&mut partitions, 0) && insert(&mut partitions, 11));
    assert!(!insert(&mut partitions, 38));
}

#[test]
fn ddb_p2_what_is_inserted_under_keys_known_beforehand_fills_partitions_too() {
    // 25 GiB on three partitions are 8.33 GiB each; 1.67 GiB more fill each of them.
    let mut partitions =
        Partitions::new(&PartitionPlan { bytes: 25 << 30, initial: 3, ..plan(1, OWN_KEYS) }, 60_000);
    partitions.begin_with(|_| false);
    let kilobytes = 100;
    let split_at = |partitions: &mut Partitions, from: u32, to: u32| {
        for item in from..to {
            let now = u64::from(item + 1) * SECOND;
            assert!(partitions.has(now, item, kilobytes));
            partitions.spend(now, item, kilobytes);
        }
        partitions.splits().iter().filter(|split| split.reason == SplitReason::Size).count()
    };
    // 3.3 GiB cannot fill all three, which takes 5 GiB; 5.7 GiB do so, however unevenly the keys fall.
    assert!(split_at(&mut partitions, 0, 35_000) < 3);
    assert_eq!(split_at(&mut partitions, 35_000, 60_000), 3);
    check(&partitions, 60_000);
}

#[test]
fn ddb_p2_p5_a_full_partition_that_cannot_be_split_is_named() {
    let (mut partitions, items) = no_more_partitions();
    let new = (1_000..).find(|item| partitions.find(OWN_KEYS.of(*item)) == partitions.of(items[0])).unwrap();
    partitions.extend(new as usize + 1);
    let number = partitions.of(new);
    partitions.all[usize::from(number)].bytes = BYTES_MAX - 1;
    assert!(write(&mut partitions, MINUTE, new));
    let stuck: Vec<_> = partitions.stuck().iter().map(|it| (it.at, it.partition, it.reason)).collect();
    assert_eq!(stuck, [(MINUTE, number, SplitReason::Size)]);
}
