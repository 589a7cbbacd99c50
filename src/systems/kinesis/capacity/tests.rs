use super::*;
use crate::engine::time::{HOUR, SECOND};
use crate::systems::kinesis::log::Record;
use crate::systems::kinesis::scaling::{Slot, TargetPlan};

const MIB: u64 = 1 << 20;

/// A stream whose capacity moves, with the moment up to which it has lived.
struct Life {
    stream: Stream,
    capacity: Capacity,
    plan: CapacityPlan,
    now: Nanos,
    notes: Vec<(Nanos, String)>,
    step: Option<Nanos>,
    look: Option<Nanos>,
}

impl Life {
    fn new(shards: usize, plan: CapacityPlan) -> Self {
        let mut stream = Stream::new(shards, DAY, false, true);
        stream.set_reshard_step(30 * SECOND);
        stream.set_on_demand(plan.is_on_demand());
        let capacity = Capacity::new(&plan);
        Self { stream, capacity, plan, now: 0, notes: Vec::new(), step: None, look: None }
    }

    fn on_demand(peak: u64, warm: Option<u64>) -> Self {
        let mode = ModePlan::OnDemand(OnDemandPlan { peak, warm });
        let plan =
            CapacityPlan { mode, advantage: true, on_demand_shards_max: 200, ..CapacityPlan::default() };
        let shards = OnDemandPlan { peak, warm }.shards(200) as usize;
        Self::new(shards, plan)
    }

    fn provisioned(shards: usize, policy: Option<ScalingPlan>) -> Self {
        Self::new(shards, CapacityPlan { mode: ModePlan::Provisioned(policy), ..CapacityPlan::default() })
    }

    fn open(&self) -> usize {
        self.stream.lineage().open().len()
    }

    fn take(&mut self, followed: Followed) {
        self.step = followed.step.or(self.step);
        self.look = followed.look.or(self.look);
        let now = self.now;
        self.notes.extend(followed.notes.into_iter().map(|note| (now, note)));
    }

    /// Minutes in which every open shard, or the one that has hash key `only`, is offered so many bytes a second.
    fn live(&mut self, minutes: u64, per_second: u64, only: Option<u128>) -> u64 {
        let mut refused = 0;
        for _ in 0..minutes {
            let hot = only.map(|hash| self.stream.lineage().shard_of(hash));
            for second in 0..60 {
                let at = self.now + second * SECOND;
                while let Some(step) = self.step.filter(|step| *step <= at) {
                    self.step = self.stream.reshard(step).and_then(|stepped| stepped.next);
                }
                if let Some(look) = self.look.take_if(|look| *look <= at) {
                    self.now = look.max(self.now);
                    let followed = self.capacity.look(look, &mut self.stream, 0);
                    self.take(followed);
                }
                for shard in self.stream.lineage().open().to_vec() {
                    if hot.is_some_and(|_| self.stream.lineage().shard_of(only.unwrap()) != shard) {
                        continue;
                    }
                    // Four records a second, a quarter of a second apart.
                    for part in 0..4 {
                        let at = at + part * SECOND / 4;
                        let bytes = (per_second / 4) as u32;
                        let record = Record { written: 0, appended: at / 1_000, bytes, key: 0, flags: 0 };
                        refused +=
                            u64::from(self.stream.put_record(at, usize::from(shard), &record).is_err());
                    }
                }
            }
            self.now = self.now / MINUTE * MINUTE + MINUTE;
            let followed = self.capacity.close_minute(self.now, &mut self.stream, 0);
            self.take(followed);
        }
        refused
    }

    fn change(&mut self, change: CapacityChange) {
        let followed = self.capacity.change(self.now, &mut self.stream, 0, change);
        self.take(followed);
    }

    fn last(&self) -> &str {
        &self.notes.last().unwrap().1
    }
}

#[test]
fn kds_o4_a_shard_above_500_kb_a_second_is_split_in_half_within_15_minutes() {
    let mut life = Life::on_demand(0, None);
    life.live(14, 600 * 1_024, None);
    assert_eq!(life.open(), 4);
    life.live(1, 600 * 1_024, None);
    assert_eq!(life.open(), 8);
    let shares = life
        .stream
        .lineage()
        .open()
        .iter()
        .map(|shard| life.stream.lineage().shards()[usize::from(*shard)].share());
    assert!(shares.into_iter().all(|share| (share - 0.125).abs() < 1e-9));
    // Half of it on each is not too much.
    life.live(60, 300 * 1_024, None);
    assert_eq!(life.open(), 8);
}

#[test]
fn kds_o4_what_was_busy_before_a_switch_of_the_mode_is_not_split_after_it() {
    let mut life = Life::on_demand(0, None);
    life.live(8, 600 * 1_024, None);
    life.change(CapacityChange::Provisioned(None, None));
    life.live(10, 100, None);
    assert!(!life.capacity.is_on_demand());
    life.change(CapacityChange::OnDemand(None));
    life.live(30, 100, None);
    assert_eq!((life.capacity.is_on_demand(), life.open()), (true, 4));
}

#[test]
fn kds_o2_o3_double_the_peak_has_room_and_more_is_throttled_for_about_15_minutes() {
    // A peak of 8 MiB/s: 16 shards. Double of it is 1 MiB/s a shard.
    let mut life = Life::on_demand(8 * MIB, None);
    assert_eq!(life.open(), 16);
    assert_eq!(life.live(10, MIB, None), 0);
    // Three times the peak: a third is refused until the shards are split, and nothing afterwards.
    let mut life = Life::on_demand(8 * MIB, None);
    let refused: Vec<u64> = (0..20)
        .map(|_| {
            let per_shard = 24 * MIB / life.open() as u64;
            life.live(1, per_shard, None)
        })
        .collect();
    assert!(refused[..15].iter().all(|refused| *refused > 0), "{refused:?}");
    assert!(refused[15..].iter().all(|refused| *refused == 0), "{refused:?}");
    assert_eq!(life.open(), 32);
}

#[test]
fn kds_o5_a_hot_key_is_throttled_however_often_its_shard_is_split() {
    let mut life = Life::on_demand(0, None);
    let early = life.live(10, 2 * MIB, Some(12_345));
    life.live(110, 2 * MIB, Some(12_345));
    let late = life.live(10, 2 * MIB, Some(12_345));
    assert!(life.open() >= 11, "{}", life.open());
    assert!(early > 0 && late == early, "{early} and {late}");
}

#[test]
fn kds_o6_the_regions_maximum_stops_the_splits() {
    let mut life = Life::on_demand(0, None);
    life.capacity.plan.on_demand_shards_max = 6;
    life.live(40, 900 * 1_024, None);
    assert_eq!(life.open(), 6);
    assert!(life.capacity.meter().splits_forbidden > 0);
    assert!(life.notes.iter().any(|(_, note)| note.contains("KDS-O6")));
    assert_eq!(
        (shards_of_region(is_large_region("eu-west-1")), shards_of_region(is_large_region("eu-central-1"))),
        (10_000, 200)
    );
}

#[test]
fn kds_o7_every_shard_of_on_demand_mode_reads_at_double_its_write_rate() {
    use crate::systems::kinesis::read_limit::BYTES_PER_SECOND;
    assert_eq!(BYTES_PER_SECOND / WRITE_BYTES_PER_SECOND, 2);
    assert_eq!(OnDemandPlan::default().shards(200) as u64 * BYTES_PER_SECOND, 8 * MIB);
}

#[test]
fn kds_o8_open_12_shards_that_the_remembered_peak_does_not_need_are_merged_by_the_day() {
    let mut life = Life::on_demand(16 * MIB, None);
    life.capacity = Capacity::new(&CapacityPlan {
        clock: OnDemandClock { peak_kept: 12 * HOUR, ..OnDemandClock::default() },
        ..life.plan.clone()
    });
    life.live(1_439, 100, None);
    assert_eq!(life.open(), 32, "not before the day is over");
    life.live(40, 100, None);
    assert_eq!(life.open(), 4);
}

#[test]
fn kds_a2_a_raised_warm_throughput_is_there_after_some_minutes() {
    let mut life = Life::on_demand(0, Some(10 * MIB));
    assert_eq!(life.open(), 10);
    life.change(CapacityChange::OnDemand(Some(100 * MIB)));
    life.live(5, 100, None);
    assert_eq!(life.open(), 10);
    life.live(1, 100, None);
    assert_eq!(life.open(), 100);
}

#[test]
fn kds_a3_the_same_or_a_lower_warm_throughput_gives_back_all_above_it_and_the_last_hours_peak() {
    for (asked, expected) in [(40, 40), (5, 24)] {
        let mut life = Life::on_demand(0, Some(40 * MIB));
        life.live(100, 100, None);
        // 40 shards of 600 KiB/s are 23.4 MiB/s.
        life.live(5, 600 * 1_024, None);
        life.live(5, 100, None);
        life.change(CapacityChange::OnDemand(Some(asked * MIB)));
        life.live(6, 100, None);
        assert_eq!(life.open(), expected, "{asked}");
    }
}

#[test]
fn kds_a1_warm_throughput_needs_on_demand_advantage() {
    let mut life = Life::on_demand(0, None);
    life.capacity.plan.advantage = false;
    life.change(CapacityChange::OnDemand(Some(100 * MIB)));
    assert!(life.last().contains("refused") && life.last().contains("KDS-A1"), "{}", life.last());
    assert_eq!(life.capacity.meter().refused_calls, 1);
}

#[test]
fn kds_s10_two_switches_fit_24_hours_and_the_shards_stay() {
    let mut life = Life::provisioned(7, None);
    life.change(CapacityChange::OnDemand(None));
    assert_eq!(life.stream.status(), StreamStatus::Updating);
    life.change(CapacityChange::OnDemand(None));
    assert!(life.last().contains("ResourceInUse"), "{}", life.last());
    life.live(6, 100, None);
    assert!(life.capacity.is_on_demand());
    assert_eq!((life.open(), life.stream.status()), (7, StreamStatus::Active));
    assert!(life.stream.split_shard(life.now, 0, 1).is_err(), "only in provisioned mode (KDS-S5)");
    life.change(CapacityChange::Provisioned(Some(9), None));
    // Five minutes for the mode, then 14 splits and merges of half a minute each.
    life.live(20, 100, None);
    assert_eq!((life.capacity.is_on_demand(), life.open()), (false, 9));
    life.change(CapacityChange::OnDemand(None));
    assert!(life.last().contains("KDS-S10"), "{}", life.last());
    // The first one leaves the rolling day after 24 hours.
    life.now = DAY;
    life.change(CapacityChange::OnDemand(None));
    assert!(life.last().contains("in effect after"), "{}", life.last());
}

#[test]
fn kds_s8_a_policy_that_flaps_uses_up_its_ten_calls_a_day() {
    let plan = TargetPlan { above: 1, below: 1, cool_down: 0, lag: 0, ..TargetPlan::default() };
    let mut life = Life::provisioned(4, Some(ScalingPlan::Target(plan)));
    for round in 0..20 {
        life.live(10, if round % 2 == 0 { 900 * 1_024 } else { 200 * 1_024 }, None);
    }
    let meter = life.capacity.meter().scaling;
    assert_eq!(meter.calls - meter.refused.iter().sum::<u64>(), 10);
    assert!(meter.refused[1] > 0 && meter.reversals >= 2, "{meter:?}");
    assert!(meter.above > 0 && meter.below > 0);
}

#[test]
fn kds_s8_a_schedule_that_asks_for_more_than_double_is_refused() {
    let slots = vec![Slot { at: HOUR, shards: 9 }, Slot { at: 2 * HOUR, shards: 8 }];
    let mut life = Life::provisioned(4, Some(ScalingPlan::Scheduled(slots)));
    life.live(61, 100, None);
    assert_eq!((life.open(), life.capacity.meter().scaling.refused), (4, [0, 0, 1]));
    life.live(70, 100, None);
    assert_eq!((life.open(), life.capacity.meter().scaling.calls), (8, 2));
}

#[test]
fn kds_s3_the_accounts_quota_of_shards_refuses_more() {
    let mut life = Life::provisioned(10, None);
    let followed = life.capacity.change(0, &mut life.stream, 19_985, CapacityChange::Shards(16));
    assert!(followed.notes[0].contains("KDS-S3"), "{:?}", followed.notes);
    let followed = life.capacity.change(0, &mut life.stream, 19_985, CapacityChange::Shards(15));
    assert!(followed.step.is_some());
}
