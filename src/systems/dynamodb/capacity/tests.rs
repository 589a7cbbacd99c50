use super::*;

const CONTROL: ControlPlan = ControlPlan {
    alarm_lag: MINUTE,
    update: 3 * MINUTE,
    update_warm: 10 * SECOND,
    switch: 5 * MINUTE,
    quota: 40_000,
    day_at_start: 0,
};

fn provisioned(write_units: u64) -> CapacityPlan {
    let burst = BURST_SECONDS * SECOND;
    CapacityPlan::Provisioned(ProvisionedPlan { write_units, read_units: 0, burst, auto_scaling: None })
}

fn on_demand(previous_peak: u64, max: Option<u64>) -> CapacityPlan {
    CapacityPlan::OnDemand(OnDemandPlan { previous_peak, max, ..OnDemandPlan::new_table() })
}

fn take(capacity: &mut WriteCapacity, now: Nanos, units: u32) -> Result<(), ThrottleLimit> {
    capacity.check(now, units)?;
    capacity.spend(units);
    Ok(())
}

/// Asks for a capacity and waits until it is in effect; when that is.
fn change(capacity: &mut WriteCapacity, now: Nanos, to: CapacityPlan) -> Option<Nanos> {
    capacity.change(now, to);
    let due = capacity.due()?;
    capacity.finish_change(due);
    Some(due)
}

#[test]
fn ddb_p6_a_burst_hides_too_little_capacity_for_300_seconds_of_savings() {
    // At 100 units provisioned and 200 written a second, 300 s of savings last 300 s.
    let mut capacity = WriteCapacity::new(&provisioned(100), CONTROL);
    let first_refused = (1_u64..).find(|i| take(&mut capacity, i * SECOND / 200, 1).is_err()).unwrap();
    let seconds = first_refused as f64 / 200.0;
    assert!((seconds - 300.0).abs() < 1.0, "{seconds}");
}

#[test]
fn ddb_m1_m2_on_demand_takes_four_thousand_or_double_the_peak() {
    for (peak, units) in [(0, 4_000), (1_500, 4_000), (5_000, 10_000)] {
        let mut capacity = WriteCapacity::new(&on_demand(peak, None), CONTROL);
        let accepted =
            (0..200_000_u64).filter(|i| take(&mut capacity, i * SECOND / 20_000, 1).is_ok()).count() as u64;
        // Ten seconds, and one second's worth that was saved.
        assert!(accepted.abs_diff(11 * units) <= 1, "{accepted} at a peak of {peak}");
        assert_eq!(take(&mut capacity, 10 * SECOND, 4_000), Err(ThrottleLimit::KeyRange));
    }
}

#[test]
fn ddb_m9_m10_a_maximum_and_a_quota_refuse_under_their_own_names() {
    let mut capped = WriteCapacity::new(&on_demand(0, Some(500)), CONTROL);
    assert_eq!(take(&mut capped, 0, 500), Ok(()));
    assert_eq!(take(&mut capped, 0, 1), Err(ThrottleLimit::MaxOnDemand));
    let mut large = WriteCapacity::new(&on_demand(30_000, None), CONTROL);
    assert_eq!(large.units_per_second(), 40_000);
    assert_eq!(take(&mut large, 0, 40_001), Err(ThrottleLimit::AccountLimit));
    // A provisioned table does not get beyond the quota at all.
    let mut table = WriteCapacity::new(&provisioned(100), CONTROL);
    assert_eq!(change(&mut table, 0, provisioned(40_001)), None);
    assert!(table.actions[0].what.contains("DDB-M10"), "{:?}", table.actions);
}

#[test]
fn ddb_m8_a_raise_within_warm_throughput_is_quick_and_beyond_it_takes_minutes() {
    let mut table = WriteCapacity::new(&provisioned(2_000), CONTROL);
    assert_eq!(change(&mut table, 0, provisioned(500)), Some(3 * MINUTE));
    assert_eq!(change(&mut table, 10 * MINUTE, provisioned(2_000)), Some(10 * MINUTE + 10 * SECOND));
    assert_eq!(change(&mut table, 20 * MINUTE, provisioned(2_001)), Some(23 * MINUTE));
    // What was there before holds until then (DDB-M12), and one change goes on at a time.
    table.change(30 * MINUTE, provisioned(9_000));
    assert_eq!(table.units_per_second(), 2_001);
    table.change(31 * MINUTE, provisioned(8_000));
    assert!(table.actions.last().unwrap().what.starts_with("refused"));
}

#[test]
fn ddb_m12_four_decreases_are_saved_one_comes_back_an_hour_and_a_day_has_27() {
    let mut decreases = Decreases::default();
    let taken = |decreases: &mut Decreases, time: Nanos| (0..10).filter(|_| decreases.take(time)).count();
    assert_eq!(taken(&mut decreases, 0), 4);
    assert_eq!(taken(&mut decreases, 59 * MINUTE), 0);
    assert_eq!(taken(&mut decreases, HOUR), 1);
    assert_eq!(taken(&mut decreases, 4 * HOUR), 3);
    // At most four are saved, over however long.
    assert_eq!(taken(&mut decreases, 20 * HOUR), 4);
    assert_eq!(taken(&mut decreases, DAY), 4);
    let mut greedy = Decreases::default();
    let all: usize = (0..24).map(|hour| taken(&mut greedy, hour * HOUR)).sum();
    assert_eq!(all, 27);
}

#[test]
fn ddb_m13_m14_four_switches_to_on_demand_a_day_each_in_effect_minutes_later() {
    let mut table = WriteCapacity::new(&provisioned(1_000), CONTROL);
    let mut now = HOUR;
    for _ in 0..4 {
        assert_eq!(change(&mut table, now, on_demand(0, None)), Some(now + 5 * MINUTE));
        assert_eq!(change(&mut table, now + 10 * MINUTE, provisioned(1_000)), Some(now + 15 * MINUTE));
        now += HOUR;
    }
    assert_eq!(change(&mut table, now, on_demand(0, None)), None);
    assert!(table.actions.last().unwrap().what.contains("DDB-M13"));
    // The first one was at 1 h: a day later it no longer counts.
    assert!(change(&mut table, 25 * HOUR + 1, on_demand(0, None)).is_some());
}

#[test]
fn ddb_m14_the_old_throughput_holds_while_the_mode_is_switched() {
    let mut table = WriteCapacity::new(&provisioned(100), CONTROL);
    table.change(0, on_demand(0, None));
    assert_eq!((table.units_per_second(), table.is_provisioned()), (100, true));
    table.finish_change(5 * MINUTE);
    assert_eq!((table.units_per_second(), table.is_provisioned()), (4_000, false));
}

#[test]
fn ddb_m15_a_switched_table_takes_what_it_was_ever_provisioned_for() {
    let mut table = WriteCapacity::new(&provisioned(9_000), CONTROL);
    change(&mut table, 0, provisioned(100));
    change(&mut table, HOUR, on_demand(0, None));
    assert_eq!(table.units_per_second(), 9_000);
    let mut small = WriteCapacity::new(&provisioned(100), CONTROL);
    change(&mut small, 0, on_demand(0, None));
    assert_eq!(small.units_per_second(), 4_000);
}

#[test]
fn ddb_m17_auto_scaling_acts_after_two_minutes_the_alarm_and_the_update() {
    let policy = AutoScalingPlan { target: 0.7, too_low: 0.5, min: 100, max: 5_000 };
    let plan = ProvisionedPlan {
        write_units: 1_000,
        read_units: 0,
        burst: BURST_SECONDS * SECOND,
        auto_scaling: Some(policy),
    };
    let mut table = WriteCapacity::new(&CapacityPlan::Provisioned(plan), CONTROL);
    table.close_minute(MINUTE, 60 * 1_400);
    assert_eq!(table.due(), None);
    table.close_minute(2 * MINUTE, 60 * 1_400);
    // Two minutes, one for the alarm, three for the update: a level that the table was never made for.
    assert_eq!(table.due(), Some(6 * MINUTE));
    table.finish_change(6 * MINUTE);
    assert_eq!(table.units_per_second(), 2_000);
}

#[test]
fn provisioned_units_are_paid_for_by_the_time_they_stood() {
    let mut table = WriteCapacity::new(&provisioned(1_000), CONTROL);
    change(&mut table, HOUR - 3 * MINUTE, provisioned(2_000));
    change(&mut table, 2 * HOUR - 5 * MINUTE, on_demand(0, None));
    let [_, write, read] = table.integrals(5 * HOUR);
    // An hour of 1,000, an hour of 2,000, and then none.
    assert_eq!((write, read), (u128::from(3_000 * HOUR), 0));
}

#[test]
fn ddb_m18_a_new_scaling_policy_replaces_the_old_one() {
    let plan = |max: u64| {
        let policy = AutoScalingPlan { target: 0.7, too_low: 0.5, min: 100, max };
        CapacityPlan::Provisioned(ProvisionedPlan {
            write_units: 1_000,
            read_units: 0,
            burst: BURST_SECONDS * SECOND,
            auto_scaling: Some(policy),
        })
    };
    let mut table = WriteCapacity::new(&plan(5_000), CONTROL);
    let due = change(&mut table, 0, plan(1_200)).unwrap();
    // 1,400 / 0.7 would be 2,000, which the new policy does not allow.
    table.close_minute(due + MINUTE, 60 * 1_400);
    table.close_minute(due + 2 * MINUTE, 60 * 1_400);
    table.finish_change(table.due().unwrap());
    assert_eq!(table.units_per_second(), 1_200);
}

#[test]
fn ddb_m12_a_call_dated_ahead_gives_no_decreases_back() {
    // Auto scaling asks by the lag of its alarm ahead; a planned call then comes from before that.
    let mut decreases = Decreases::default();
    assert!(decreases.take(HOUR + MINUTE));
    assert!(decreases.take(HOUR - MINUTE));
    let left = (0..10).filter(|_| decreases.take(HOUR + 2 * MINUTE)).count();
    assert_eq!(left, 2);
    // Nor does the end of the day before, once the next one has begun.
    assert_eq!((0..10).filter(|_| decreases.take(DAY)).count(), 4);
    assert!(!decreases.take(DAY - MINUTE));
    assert!(!decreases.take(DAY));
}
