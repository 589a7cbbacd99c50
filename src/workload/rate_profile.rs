//! A rate of events over time: constant on each of a list of stretches, once or again and again.

use crate::engine::time::{END_OF_TIME, Nanos, SECOND};

/// The highest rate: one event a nanosecond, the resolution of virtual time.
pub const RATE_MAX: f64 = 1e9;

/// A rate below this, in events per second, counts as none: all of virtual time would see less than one
/// event.
const RATE_MIN: f64 = 1e-9;

/// A length of time with one rate.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Stretch {
    /// How long it lasts; more than nothing.
    pub length: Nanos,
    /// Events per second, 0 to [`RATE_MAX`].
    pub rate: f64,
}

/// A stretch in its place.
#[derive(Clone, Copy, Debug, PartialEq)]
pub(super) struct Bin {
    pub(super) start: Nanos,
    pub(super) end: Nanos,
    /// Events per second.
    pub(super) rate: f64,
    /// Expected events before `start`, in the same cycle.
    events_before: f64,
}

impl Bin {
    /// Expected events in the whole bin.
    #[inline]
    pub(super) fn events(&self) -> f64 {
        self.events_until(self.end)
    }

    fn events_until(&self, at: Nanos) -> f64 {
        self.rate * ((at - self.start) as f64 / SECOND as f64)
    }
}

/// A piecewise constant rate with its integral, the expected number of events. Immutable: share it by `Arc`.
#[derive(Clone, Debug, PartialEq)]
pub struct RateProfile {
    /// Never empty, in order, without gaps, from time 0.
    bins: Vec<Bin>,
    repeats: bool,
}

impl RateProfile {
    /// The stretches one after another from time 0, then again from the first if `repeats`, else nothing
    /// more. What lies past [`END_OF_TIME`] is cut off.
    ///
    /// Errors: no stretch, one without length, a rate outside 0 to [`RATE_MAX`].
    pub fn new(stretches: &[Stretch], repeats: bool) -> Result<Self, String> {
        if stretches.is_empty() {
            return Err("a rate needs at least one stretch of time".to_owned());
        }
        let mut bins = Vec::with_capacity(stretches.len());
        let (mut start, mut events_before) = (0, 0.0);
        for stretch in stretches {
            check_rate(stretch.rate)?;
            if stretch.length == 0 {
                return Err("a stretch of time must last longer than nothing".to_owned());
            }
            let end = END_OF_TIME.min(start + stretch.length.min(END_OF_TIME));
            let rate = if stretch.rate < RATE_MIN { 0.0 } else { stretch.rate };
            if end > start {
                let bin = Bin { start, end, rate, events_before };
                events_before += bin.events();
                bins.push(bin);
            }
            start = end;
        }
        // Repeating nothing would be an endless search for the next event.
        Ok(Self { bins, repeats: repeats && events_before > 0.0 })
    }

    /// This rate, multiplied by `factor` in [`from`, `to`). A repeating profile is written out up to `until`, its last
    /// moment of interest, and ends there.
    ///
    /// Errors: a rate above [`RATE_MAX`].
    pub fn multiplied(&self, (from, to): (Nanos, Nanos), factor: f64, until: Nanos) -> Result<Self, String> {
        let cycles = if self.repeats { until.div_ceil(self.length()).max(1) } else { 1 };
        let mut stretches = Vec::new();
        for cycle in 0..cycles {
            let shift = cycle * self.length();
            for bin in &self.bins {
                let (start, end) = (bin.start + shift, bin.end + shift);
                let (first, last) = (from.clamp(start, end), to.clamp(start, end));
                let pieces = [(start, first, 1.0), (first, last, factor), (last, end, 1.0)];
                let pieces = pieces.into_iter().filter(|(start, end, _)| start < end);
                stretches.extend(
                    pieces.map(|(start, end, by)| Stretch { length: end - start, rate: bin.rate * by }),
                );
            }
        }
        Self::new(&stretches, false)
    }

    /// The same rate for ever.
    pub fn constant(rate: f64) -> Result<Self, String> {
        Self::new(&[Stretch { length: END_OF_TIME, rate }], false)
    }

    /// The rate, if it is the same for ever.
    pub fn as_constant(&self) -> Option<f64> {
        match self.bins[..] {
            [bin] if bin.end == END_OF_TIME || self.repeats => Some(bin.rate),
            _ => None,
        }
    }

    /// Length of the list of stretches: of one cycle, if it repeats.
    pub fn length(&self) -> Nanos {
        self.last().end
    }

    /// Whether it starts again at its end.
    pub fn repeats(&self) -> bool {
        self.repeats
    }

    /// Whether the listed rates differ between moments of [`from`, `to`), the end of the list among them.
    pub fn changes_in(&self, from: Nanos, to: Nanos) -> bool {
        let inside = self.bins.iter().filter(|bin| bin.start < to && bin.end > from).map(|bin| bin.rate);
        let rest = (self.length() < to).then_some(0.0);
        let mut rates = inside.chain(rest);
        let first = rates.next();
        rates.any(|rate| Some(rate) != first)
    }

    /// When the last event can occur; nothing if that is never settled.
    pub fn end(&self) -> Option<Nanos> {
        let end = self.bins.iter().rev().find(|bin| bin.rate > 0.0).map_or(0, |bin| bin.end);
        (!self.repeats && end < END_OF_TIME).then_some(end)
    }

    /// Expected events in the list of stretches: in one cycle, if it repeats.
    pub fn total(&self) -> f64 {
        self.last().events_before + self.last().events()
    }

    /// The integrated rate: expected events in [0, `at`).
    pub fn events_until(&self, at: Nanos) -> f64 {
        let (cycles, rest) = if self.repeats { (at / self.length(), at % self.length()) } else { (0, at) };
        let bin = self.bins.get(self.bins.partition_point(|bin| bin.end <= rest));
        cycles as f64 * self.total()
            + bin.map_or(self.total(), |bin| bin.events_before + bin.events_until(rest))
    }

    /// Mean rate in [`from`, `to`), in events per second; 0 for an empty span.
    pub fn mean_rate(&self, from: Nanos, to: Nanos) -> f64 {
        if from >= to {
            return 0.0;
        }
        (self.events_until(to) - self.events_until(from)) / ((to - from) as f64 / SECOND as f64)
    }

    /// The highest mean rate, in events per second, over any window of this length within [`from`, `to`).
    ///
    /// The integral is piecewise linear, so an extreme window starts or ends where two stretches meet, or at
    /// the span's own ends. Of a repeating profile one cycle of windows is enough.
    pub fn peak_rate(&self, from: Nanos, to: Nanos, window: Nanos) -> f64 {
        let window = window.clamp(1, to.saturating_sub(from).max(1));
        let last = to.saturating_sub(window).max(from);
        let edges = self.bins.iter().flat_map(|bin| [bin.start, bin.end]);
        edges
            .flat_map(|edge| [self.first_from(from, edge, 0), self.first_from(from, edge, window)])
            .flatten()
            .filter(|start| *start <= last)
            .chain([from, last])
            .map(|start| self.mean_rate(start, start + window))
            .fold(0.0, f64::max)
    }

    /// The first moment from `from` on that lies `before` ahead of this edge in any cycle.
    fn first_from(&self, from: Nanos, edge: Nanos, before: Nanos) -> Option<Nanos> {
        if !self.repeats {
            return edge.checked_sub(before).filter(|start| *start >= from);
        }
        let cycle = self.length();
        let place = (edge % cycle + cycle - before % cycle) % cycle;
        Some(from + (place + cycle - from % cycle) % cycle)
    }

    pub(super) fn bins(&self) -> &[Bin] {
        &self.bins
    }

    fn last(&self) -> &Bin {
        self.bins.last().expect("a profile has at least one bin")
    }
}

/// Errors unless `rate` is a number of events per second from 0 to [`RATE_MAX`].
pub fn check_rate(rate: f64) -> Result<(), String> {
    if (0.0..=RATE_MAX).contains(&rate) {
        Ok(())
    } else {
        Err(format!("a rate must lie between 0 and {RATE_MAX:e} events per second; found {rate}"))
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn steps(repeats: bool) -> RateProfile {
        let stretches =
            [(10, 5.0), (5, 0.0), (20, 1.0)].map(|(s, rate)| Stretch { length: s * SECOND, rate });
        RateProfile::new(&stretches, repeats).unwrap()
    }

    #[test]
    fn the_integral_is_the_area_under_the_rate() {
        let once = steps(false);
        let areas = [(0, 0.0), (4, 20.0), (10, 50.0), (15, 50.0), (35, 70.0), (99, 70.0)];
        assert!(areas.iter().all(|(s, area)| once.events_until(s * SECOND) == *area));
        assert_eq!(once.end(), Some(35 * SECOND));
        let again = steps(true);
        assert_eq!(again.events_until((2 * 35 + 4) * SECOND), 2.0 * 70.0 + 20.0);
        assert_eq!((again.end(), again.mean_rate(35 * SECOND, 70 * SECOND)), (None, 2.0));
    }

    #[test]
    fn the_peak_is_the_best_window_found_by_trying_every_second() {
        for profile in [steps(false), steps(true)] {
            for (from, to) in [(0, 100), (3, 40), (12, 33)] {
                for window in [1, 7, 12, 36] {
                    let tried = (from..=to - window.min(to - from))
                        .map(|s| profile.mean_rate(s * SECOND, (s + window).min(to) * SECOND))
                        .fold(0.0, f64::max);
                    let found = profile.peak_rate(from * SECOND, to * SECOND, window * SECOND);
                    assert!((found - tried).abs() < 1e-12, "{from} {to} {window}: {found}, {tried}");
                }
            }
        }
    }

    #[test]
    fn a_spike_adds_what_its_factor_says_and_nothing_elsewhere() {
        for profile in [steps(false), steps(true)] {
            let spiked = profile.multiplied((7 * SECOND, 20 * SECOND), 3.0, 100 * SECOND).unwrap();
            for s in 0..=100 {
                let before = profile.events_until(s * SECOND);
                let within = profile.events_until((s * SECOND).clamp(7 * SECOND, 20 * SECOND));
                let added = 2.0 * (within - profile.events_until(7 * SECOND));
                assert!((spiked.events_until(s * SECOND) - before - added).abs() < 1e-9, "{s}");
            }
        }
    }

    #[test]
    fn nonsense_is_refused() {
        assert!(RateProfile::new(&[], false).is_err());
        assert!(RateProfile::new(&[Stretch { length: 0, rate: 1.0 }], true).is_err());
        assert!(
            [f64::NAN, -1.0, f64::INFINITY, 2e9].iter().all(|rate| RateProfile::constant(*rate).is_err())
        );
        assert_eq!(RateProfile::constant(0.0).unwrap().end(), Some(0));
    }
}
