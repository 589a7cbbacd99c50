//! The shapes of load that scenarios name, compiled to a [`RateProfile`].
//!
//! A ramp and a day's wave become short steps, each with the rate at its middle. Integrals and their inverses
//! are then exact, and the same on every platform; the total of a ramp or a day is that of the smooth curve.

use super::rate_profile::{RateProfile, Stretch, check_rate};
use crate::engine::math;
use crate::engine::time::{DAY, END_OF_TIME, MINUTE, Nanos, SECOND};

/// Steps in a day's wave: one a minute.
const DAY_STEPS: u64 = DAY / MINUTE;
/// A ramp takes one step a second, within these bounds.
const RAMP_STEPS_MIN: u64 = 60;
const RAMP_STEPS_MAX: u64 = 3_600;

/// One stage of a load test.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stage {
    /// Events per second at its start.
    pub rate: f64,
    /// Events per second at its end, reached along a straight line; `None` to stay at `rate`.
    pub ramp_to: Option<f64>,
    /// How long it lasts; only the last stage may leave it open.
    pub length: Option<Nanos>,
}

/// Stages one after another; the last one's final rate holds for ever after.
///
/// Errors: no stage, one without length before the last, a ramp without length, a rate out of range.
pub fn stages(stages: &[Stage]) -> Result<RateProfile, String> {
    let Some(last) = stages.last() else {
        return Err("`stages` needs at least one stage".to_owned());
    };
    let mut stretches = Vec::new();
    for (index, stage) in stages.iter().enumerate() {
        append_stage(stage, index + 1 == stages.len(), &mut stretches)
            .map_err(|message| format!("stage {}: {message}", index + 1))?;
    }
    stretches.push(Stretch { length: END_OF_TIME, rate: last.ramp_to.unwrap_or(last.rate) });
    RateProfile::new(&stretches, false)
}

fn append_stage(stage: &Stage, is_last: bool, stretches: &mut Vec<Stretch>) -> Result<(), String> {
    check_rate(stage.rate)?;
    check_rate(stage.ramp_to.unwrap_or(0.0))?;
    match (stage.length, stage.ramp_to) {
        (Some(0), _) => return Err("it must last longer than nothing".to_owned()),
        (None, Some(_)) => return Err("a ramp needs to know how long it lasts (`for`)".to_owned()),
        (None, None) if is_last => {}
        (None, None) => return Err("only the last stage may leave out how long it lasts (`for`)".to_owned()),
        (Some(length), None) => stretches.push(Stretch { length, rate: stage.rate }),
        (Some(length), Some(ramp_to)) => append_ramp(stage.rate, ramp_to, length, stretches),
    }
    Ok(())
}

fn append_ramp(from: f64, to: f64, length: Nanos, stretches: &mut Vec<Stretch>) {
    let steps = (length / SECOND).clamp(RAMP_STEPS_MIN, RAMP_STEPS_MAX).min(length);
    let edge = |step: u64| (u128::from(length) * u128::from(step) / u128::from(steps)) as Nanos;
    stretches.extend((0..steps).map(|step| Stretch {
        length: edge(step + 1) - edge(step),
        rate: from + (to - from) * ((step as f64 + 0.5) / steps as f64),
    }));
}

/// A wave with a period of 24 hours: a sinusoid in steps of a minute.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Diurnal {
    /// Events per second at the quietest time of the day.
    pub low: f64,
    /// Events per second at the busiest time of the day.
    pub high: f64,
    /// The busiest time, counted from midnight; less than a day.
    pub peak_at: Nanos,
    /// The time of day when the run starts, counted from midnight; less than a day.
    pub starts_at: Nanos,
}

impl Diurnal {
    /// The wave with this mean and this highest rate: its lowest lies as far below the mean.
    ///
    /// Errors: `high` below the mean or more than twice it.
    pub fn with_mean(mean: f64, high: f64, peak_at: Nanos, starts_at: Nanos) -> Result<Self, String> {
        if (mean..=2.0 * mean).contains(&high) {
            Ok(Self { low: 2.0 * mean - high, high, peak_at, starts_at })
        } else {
            Err(format!(
                "a day's highest rate must lie between its mean {mean}/s and twice that; found {high}/s"
            ))
        }
    }

    /// Compiles it. Errors: a rate out of range, `low` above `high`, a time of day of 24 hours or more.
    pub fn compile(&self) -> Result<RateProfile, String> {
        check_rate(self.low)?;
        check_rate(self.high)?;
        if self.low > self.high {
            return Err(format!("the low rate {}/s is above the high rate {}/s", self.low, self.high));
        }
        if self.peak_at >= DAY || self.starts_at >= DAY {
            return Err("a time of day must be less than 24 hours".to_owned());
        }
        let (mean, amplitude) = (0.5 * (self.low + self.high), 0.5 * (self.high - self.low));
        let minute = |step: u64| {
            let since_peak = (step * MINUTE + MINUTE / 2) as f64 - self.peak_at as f64;
            let rate = mean + amplitude * math::cos(std::f64::consts::TAU * (since_peak / DAY as f64));
            Stretch { length: MINUTE, rate: rate.clamp(self.low, self.high) }
        };
        RateProfile::new(&rotate((0..DAY_STEPS).map(minute), self.starts_at), true)
    }
}

/// A base load with a burst at regular intervals.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Bursts {
    /// Events per second between bursts.
    pub base: f64,
    /// Events per second in a burst; it may also be lower than `base`, a lull.
    pub burst: f64,
    /// From one burst's start to the next one's.
    pub every: Nanos,
    /// How long a burst lasts; less than `every`.
    pub length: Nanos,
    /// When the first burst starts; less than `every`.
    pub phase: Nanos,
}

impl Bursts {
    /// Compiles it. Errors: a rate out of range, a burst without length or as long as its interval or longer,
    /// a phase past the interval.
    pub fn compile(&self) -> Result<RateProfile, String> {
        if self.length == 0 || self.length >= self.every {
            return Err("a burst must last longer than nothing and end before the next one starts".to_owned());
        }
        if self.phase >= self.every {
            return Err("the first burst must start within the first interval".to_owned());
        }
        let cycle = [
            Stretch { length: self.length, rate: self.burst },
            Stretch { length: self.every - self.length, rate: self.base },
        ];
        RateProfile::new(&rotate(cycle.into_iter(), (self.every - self.phase) % self.every), true)
    }
}

/// The cycle as it looks from `by` after its start on.
fn rotate(cycle: impl Iterator<Item = Stretch>, by: Nanos) -> Vec<Stretch> {
    let (mut before, mut after) = (Vec::new(), Vec::new());
    let mut start = 0;
    for Stretch { length, rate } in cycle {
        let cut = by.clamp(start, start + length);
        before.push(Stretch { length: cut - start, rate });
        after.push(Stretch { length: start + length - cut, rate });
        start += length;
    }
    after.append(&mut before);
    after.retain(|stretch| stretch.length > 0);
    after
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::HOUR;

    fn stage(rate: f64, ramp_to: Option<f64>, seconds: Option<u64>) -> Stage {
        Stage { rate, ramp_to, length: seconds.map(|s| s * SECOND) }
    }

    #[test]
    fn a_ramp_has_the_area_of_its_trapezium_and_the_last_rate_holds() {
        let profile =
            stages(&[stage(10.0, Some(50.0), Some(100)), stage(50.0, Some(20.0), Some(7))]).unwrap();
        assert!((profile.events_until(100 * SECOND) - 3_000.0).abs() < 1e-6);
        assert!((profile.events_until(50 * SECOND) - 1_000.0).abs() < 1e-6, "half way: (10 + 30) / 2 * 50");
        assert!((profile.mean_rate(107 * SECOND, DAY) - 20.0).abs() < 1e-6);
        assert_eq!(profile.end(), None);
        let open = stages(&[stage(5.0, None, Some(60)), stage(7.0, None, None)]).unwrap();
        assert_eq!(open.mean_rate(0, 120 * SECOND), 6.0);
    }

    #[test]
    fn wrong_stages_are_named() {
        let error = stages(&[stage(1.0, None, None), stage(1.0, None, None)]).unwrap_err();
        assert!(error.starts_with("stage 1: "), "{error}");
        assert!(stages(&[]).is_err() && stages(&[stage(1.0, Some(2.0), None)]).is_err());
        assert!(stages(&[stage(f64::NAN, None, None)]).is_err());
    }

    #[test]
    fn a_day_has_its_mean_its_peak_hour_and_the_sinusoids_integral() {
        let wave = Diurnal::with_mean(100.0, 160.0, 14 * HOUR, 9 * HOUR).unwrap();
        let profile = wave.compile().unwrap();
        assert!((profile.mean_rate(0, DAY) - 100.0).abs() < 1e-9);
        // The run starts at nine, so the peak is five hours in and the trough twelve hours later.
        let around = |at: Nanos| profile.mean_rate(at - MINUTE, at + MINUTE);
        assert!((around(5 * HOUR) - 160.0).abs() < 0.01 && (around(17 * HOUR) - 40.0).abs() < 0.01);
        // From the peak on for six hours: 100 * 6 + 60 * 24 / (2 pi) hours.
        let hours = (profile.events_until(11 * HOUR) - profile.events_until(5 * HOUR)) / 3_600.0;
        assert!((hours - (600.0 + 60.0 * 24.0 / std::f64::consts::TAU)).abs() < 0.001, "{hours}");
        assert!(Diurnal::with_mean(100.0, 201.0, 0, 0).is_err());
        assert!(Diurnal { low: 2.0, high: 1.0, peak_at: 0, starts_at: 0 }.compile().is_err());
    }

    #[test]
    fn bursts_start_at_their_phase_and_wrap_round() {
        for phase in [0, 3, 8] {
            let [every, length, phase] = [10, 4, phase].map(|s| s * SECOND);
            let profile = Bursts { base: 1.0, burst: 11.0, every, length, phase }.compile().unwrap();
            assert!((profile.total() - (4.0 * 11.0 + 6.0)).abs() < 1e-9);
            let second = every + phase;
            assert_eq!(profile.mean_rate(second, second + length), 11.0);
            assert_eq!(profile.mean_rate(second + length, second + every), 1.0);
        }
        assert!(Bursts { base: 1.0, burst: 2.0, every: 5, length: 5, phase: 0 }.compile().is_err());
    }
}
