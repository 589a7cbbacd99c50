//! When writes arrive. Arrivals are an open system: they do not wait for earlier ones to be answered.

use super::integrated_rate::IntegratedRate;
use super::rate_profile::RateProfile;
use super::trace::Trace;
use crate::engine::random::Draws;
use crate::engine::sampler::{exponential, exponentials};
use crate::engine::time::{self, END_OF_TIME, Nanos, SECOND};
use std::sync::Arc;

/// A rule for arrival times. Immutable and cheap to clone: replications share one.
#[derive(Clone, Debug)]
pub enum ArrivalPlan {
    /// A Poisson process with this rate: independent arrivals, as of many unrelated users.
    Poisson(Arc<RateProfile>),
    /// Evenly spaced: the k-th arrival when the integrated rate reaches k - 1/2. No randomness.
    Regular(Arc<RateProfile>),
    /// At the moments of a recorded trace.
    Trace(Arc<Trace>),
}

impl ArrivalPlan {
    /// Evenly spaced arrivals at the same rate for ever, in events per second.
    pub fn constant(rate: f64) -> Result<Self, String> {
        Ok(Self::Regular(Arc::new(RateProfile::constant(rate)?)))
    }

    /// A Poisson process with the same rate for ever, in events per second.
    pub fn poisson(rate: f64) -> Result<Self, String> {
        Ok(Self::Poisson(Arc::new(RateProfile::constant(rate)?)))
    }

    /// These arrivals with their rate multiplied in [`from`, `to`); see [`RateProfile::multiplied`]. A trace stays as recorded.
    pub fn multiplied(&self, span: (Nanos, Nanos), factor: f64, until: Nanos) -> Result<Self, String> {
        let multiply = |profile: &RateProfile| profile.multiplied(span, factor, until).map(Arc::new);
        Ok(match self {
            Self::Poisson(profile) => Self::Poisson(multiply(profile)?),
            Self::Regular(profile) => Self::Regular(multiply(profile)?),
            Self::Trace(trace) => Self::Trace(Arc::clone(trace)),
        })
    }

    /// Mean rate in [`from`, `to`), in events per second; 0 for an empty span.
    pub fn mean_rate(&self, from: Nanos, to: Nanos) -> f64 {
        match self {
            Self::Poisson(profile) | Self::Regular(profile) => profile.mean_rate(from, to),
            Self::Trace(trace) => trace.mean_rate(from, to),
        }
    }

    /// The highest mean rate, in events per second, over any window of this length within [`from`, `to`). Of
    /// a Poisson process it is the highest *expected* rate.
    pub fn peak_rate(&self, from: Nanos, to: Nanos, window: Nanos) -> f64 {
        match self {
            Self::Poisson(profile) | Self::Regular(profile) => profile.peak_rate(from, to, window),
            Self::Trace(trace) => trace.peak_rate(from, to, window),
        }
    }

    /// The time after which the rate repeats; nothing if it does not, or is always the same.
    pub fn period(&self) -> Option<Nanos> {
        match self {
            Self::Poisson(profile) | Self::Regular(profile) => {
                (profile.repeats() && profile.as_constant().is_none()).then(|| profile.length())
            }
            Self::Trace(_) => None,
        }
    }

    /// Whether the rate changes in [`from`, `to`) and does not repeat; nothing of a trace, which is a sample as it stands.
    pub fn changes_once_in(&self, from: Nanos, to: Nanos) -> bool {
        match self {
            Self::Poisson(profile) | Self::Regular(profile) => {
                !profile.repeats() && profile.changes_in(from, to)
            }
            Self::Trace(_) => false,
        }
    }

    /// When the last arrival can occur; nothing if arrivals go on for ever.
    pub fn end(&self) -> Option<Nanos> {
        match self {
            Self::Poisson(profile) | Self::Regular(profile) => profile.end(),
            Self::Trace(trace) => Some(trace.rows().last().map_or(0, |row| row.at)),
        }
    }
}

/// Whether a stream has more to give.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Supply {
    /// Another arrival may follow.
    More,
    /// There is none.
    Ended,
}

/// The arrivals of one replication, in order.
#[derive(Clone, Debug)]
pub struct ArrivalStream {
    pace: Pace,
    supply: Supply,
}

#[derive(Clone, Debug)]
enum Pace {
    /// A Poisson process with one rate for ever: gaps are rounded to the nanosecond and added up as integers.
    /// Rounding shifts the mean gap by less than 1e-7 of it at up to a million events a second.
    Steady {
        mean_gap: f64,
        now: Nanos,
    },
    Poisson(IntegratedRate),
    Regular {
        inverse: IntegratedRate,
        step: f64,
    },
    Trace {
        trace: Arc<Trace>,
        next: usize,
    },
}

impl ArrivalStream {
    /// The plan's arrivals from time 0.
    pub fn new(plan: &ArrivalPlan) -> Self {
        let pace = match plan {
            ArrivalPlan::Poisson(profile) => match profile.as_constant() {
                Some(rate) if rate > 0.0 => Pace::Steady { mean_gap: SECOND as f64 / rate, now: 0 },
                _ => Pace::Poisson(IntegratedRate::new(Arc::clone(profile))),
            },
            ArrivalPlan::Regular(profile) => {
                Pace::Regular { inverse: IntegratedRate::new(Arc::clone(profile)), step: 0.5 }
            }
            ArrivalPlan::Trace(trace) => Pace::Trace { trace: Arc::clone(trace), next: 0 },
        };
        Self { pace, supply: Supply::More }
    }

    /// Appends the next arrival times, `up_to` at most, never decreasing; fewer only when the plan or time
    /// itself ends, which the answer then says.
    ///
    /// A Poisson arrival takes exactly one exponential draw; the others take none. Times do not depend on how
    /// the stream is cut into fills.
    pub fn fill(&mut self, draws: &mut Draws, out: &mut Vec<Nanos>, up_to: usize) -> Supply {
        if self.supply == Supply::Ended {
            return Supply::Ended;
        }
        let wanted = out.len() + up_to;
        match &mut self.pace {
            Pace::Steady { mean_gap, now } => fill_steady(*mean_gap, now, draws, out, up_to),
            Pace::Poisson(inverse) => {
                out.extend((0..up_to).map_while(|_| inverse.advance(exponential(draws))));
            }
            Pace::Regular { inverse, step } => {
                out.extend((0..up_to).map_while(|_| inverse.advance(std::mem::replace(step, 1.0))));
            }
            Pace::Trace { trace, next } => {
                out.extend(trace.rows()[*next..].iter().take(up_to).map(|row| row.at));
                *next = trace.rows().len().min(*next + up_to);
            }
        }
        if out.len() < wanted {
            self.supply = Supply::Ended;
        }
        self.supply
    }
}

fn fill_steady(mean_gap: f64, now: &mut Nanos, draws: &mut Draws, out: &mut Vec<Nanos>, up_to: usize) {
    let filled = out.len();
    let mut at = *now;
    out.extend(exponentials(draws).take(up_to).map(|draw| {
        at = at.saturating_add(time::round(draw * mean_gap));
        at
    }));
    *now = at;
    if at > END_OF_TIME {
        let kept = out[filled..].partition_point(|at| *at <= END_OF_TIME);
        out.truncate(filled + kept);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::math;
    use crate::engine::random::Streams;
    use crate::engine::time::{HOUR, MINUTE};
    use crate::workload::rate_shapes::{Bursts, Diurnal};

    fn all(plan: &ArrivalPlan, up_to: usize) -> Vec<Nanos> {
        let mut out = Vec::new();
        ArrivalStream::new(plan).fill(&mut Streams::new(11, 0).named("arrivals"), &mut out, up_to);
        assert!(out.is_sorted());
        out
    }

    fn bursts() -> Arc<RateProfile> {
        let bursts =
            Bursts { base: 20.0, burst: 900.0, every: MINUTE, length: 7 * SECOND, phase: 31 * SECOND };
        Arc::new(bursts.compile().unwrap())
    }

    /// Kolmogorov-Smirnov distance to the exponential distribution, times sqrt(n): 1.95 is the 0.1 % point.
    fn distance_to_exponential(mut gaps: Vec<f64>) -> f64 {
        gaps.sort_by(f64::total_cmp);
        let n = gaps.len() as f64;
        let distances = gaps.iter().enumerate().map(|(i, gap)| {
            let below = -math::exp_m1(-gap);
            (below - i as f64 / n).max((i + 1) as f64 / n - below)
        });
        distances.fold(0.0, f64::max) * n.sqrt()
    }

    #[test]
    fn seen_through_the_integrated_rate_the_gaps_are_exponential() {
        // The time-rescaling theorem (Brown et al., Neural Computation 14, 2002).
        let diurnal =
            Diurnal { low: 1.0, high: 9.0, peak_at: 13 * HOUR, starts_at: 5 * HOUR }.compile().unwrap();
        for profile in [bursts(), Arc::new(diurnal), Arc::new(RateProfile::constant(1234.5).unwrap())] {
            let times = all(&ArrivalPlan::Poisson(Arc::clone(&profile)), 200_000);
            let mut last = 0.0;
            let rescale = |at: &Nanos| {
                let events = profile.events_until(*at);
                events - std::mem::replace(&mut last, events)
            };
            let distance = distance_to_exponential(times.iter().map(rescale).collect());
            assert!(distance < 1.95, "{distance}");
        }
    }

    #[test]
    fn poisson_counts_in_every_bin_follow_the_integral() {
        let profile = bursts();
        let times = all(&ArrivalPlan::Poisson(Arc::clone(&profile)), 300_000);
        let (width, mut start, mut square_sum, mut bins) = (5 * SECOND, 0, 0.0, 0.0);
        while start + width < *times.last().unwrap() {
            let count =
                times.partition_point(|at| *at < start + width) - times.partition_point(|at| *at < start);
            let expected = profile.events_until(start + width) - profile.events_until(start);
            let sigmas = (count as f64 - expected) / expected.sqrt();
            assert!(sigmas.abs() < 5.0, "{start}: {count} against {expected}");
            square_sum += sigmas * sigmas;
            bins += 1.0;
            start += width;
        }
        // The index of dispersion of a Poisson process is 1, with standard error sqrt(2 / bins).
        assert!((square_sum / bins - 1.0).abs() < 5.0 * f64::sqrt(2.0 / bins), "{}", square_sum / bins);
    }

    #[test]
    fn regular_arrivals_are_exact() {
        let third = all(&ArrivalPlan::constant(3.0).unwrap(), 3_000_000);
        assert_eq!(third[..3], [166_666_667, 500_000_000, 833_333_333]);
        assert_eq!(third[2_999_998], 999_999 * SECOND + 500_000_000);
        let profile = bursts();
        let times = all(&ArrivalPlan::Regular(Arc::clone(&profile)), 100_000);
        for (k, at) in times.iter().enumerate() {
            assert!((profile.events_until(*at) - (k as f64 + 0.5)).abs() < 1e-5, "{k}");
        }
    }

    #[test]
    fn a_stream_ends_with_its_plan_or_with_time_and_stays_ended() {
        let once = |seconds: u64, rate: f64| {
            let stretch = crate::workload::rate_profile::Stretch { length: seconds * SECOND, rate };
            ArrivalPlan::Regular(Arc::new(RateProfile::new(&[stretch], false).unwrap()))
        };
        let slow = ArrivalPlan::poisson(1e-6).unwrap();
        let none = ArrivalPlan::poisson(0.0).unwrap();
        for (plan, least, most) in [(once(10, 2.0), 20, 20), (slow, 30, 130), (none, 0, 0)] {
            let mut draws = Streams::new(1, 0).named("end");
            let (mut stream, mut out) = (ArrivalStream::new(&plan), Vec::new());
            assert_eq!(stream.fill(&mut draws, &mut out, 1_000), Supply::Ended);
            assert!((least..=most).contains(&out.len()) && out.iter().all(|at| *at <= END_OF_TIME));
            let count = out.len();
            assert_eq!(stream.fill(&mut draws, &mut out, 1_000), Supply::Ended);
            assert_eq!(out.len(), count);
        }
    }

    #[test]
    fn fills_of_any_size_give_the_same_arrivals() {
        for plan in [ArrivalPlan::poisson(5_000.0).unwrap(), ArrivalPlan::Poisson(bursts())] {
            let (mut stream, mut draws) = (ArrivalStream::new(&plan), Streams::new(11, 0).named("arrivals"));
            let mut out = Vec::new();
            while out.len() < 1_000 {
                assert_eq!(stream.fill(&mut draws, &mut out, 7), Supply::More);
            }
            assert_eq!(out, all(&plan, out.len()));
        }
    }
}
