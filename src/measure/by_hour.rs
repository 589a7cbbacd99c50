//! A histogram by hour of the day, for nothing an entry: what came in an hour is what the whole has more at its end than at its
//! beginning.

use crate::engine::histogram::Histogram;
use crate::engine::time::{HOUR, Nanos, SECOND};

/// Hours of a day.
pub const HOURS: usize = 24;

/// What a growing histogram gained in each hour of the day, over all days.
#[derive(Clone, Debug)]
pub struct ByHour {
    /// The time since midnight at virtual time 0.
    into_day: Nanos,
    end_of_hour: Nanos,
    /// What it held when the hour under way began.
    before: Histogram,
    hours: Vec<Histogram>,
}

impl ByHour {
    /// Of a run that starts at this moment, seconds since 1970.
    pub fn new(start: i64) -> Self {
        let into_day = start.rem_euclid(86_400).unsigned_abs() * SECOND;
        let end_of_hour = HOUR - into_day % HOUR;
        Self { into_day, end_of_hour, before: Histogram::default(), hours: Vec::new() }
    }

    /// Something is about to be added to the histogram at `now`.
    #[inline]
    pub fn turn(&mut self, now: Nanos, whole: &Histogram) {
        if now >= self.end_of_hour {
            self.close(whole);
            self.end_of_hour = now + HOUR - (now + self.into_day) % HOUR;
        }
    }

    /// What each hour gained, in the order of the day; empty if all of it came in one hour of the calendar.
    pub fn finish(mut self, whole: &Histogram) -> Vec<Histogram> {
        if self.hours.is_empty() {
            return Vec::new();
        }
        self.close(whole);
        self.hours
    }

    #[cold]
    fn close(&mut self, whole: &Histogram) {
        // The hour under way is the one before its end.
        let hour = ((self.end_of_hour - 1 + self.into_day) / HOUR) as usize % HOURS;
        self.hours.resize(HOURS, Histogram::default());
        self.hours[hour].merge(&whole.since(&self.before));
        self.before.clone_from(whole);
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::MINUTE;

    /// From half past ten in the evening on, two days long: a value every minute, as large as its hour of the day.
    #[test]
    fn each_hour_has_what_came_in_it_on_all_days() {
        let start = 22 * 3_600 + 1_800;
        let mut whole = Histogram::default();
        let mut by_hour = ByHour::new(start);
        let hour_at = |now: Nanos| (now / SECOND + start as u64) / 3_600 % 24;
        for now in (0..2 * 24 * 60).map(|minute| minute * MINUTE) {
            by_hour.turn(now, &whole);
            whole.record(hour_at(now));
        }
        let hours = by_hour.finish(&whole);
        for (hour, values) in hours.iter().enumerate() {
            assert_eq!(values.count(), 120, "hour {hour}");
            assert_eq!([0.0, 0.5, 1.0].map(|q| values.quantile(q)), [Some(hour as f64); 3], "hour {hour}");
        }
        assert_eq!(hours.iter().map(Histogram::count).sum::<u64>(), whole.count());
    }

    #[test]
    fn one_hour_is_not_told_apart() {
        let mut by_hour = ByHour::new(0);
        let mut whole = Histogram::default();
        by_hour.turn(0, &whole);
        whole.record(1);
        by_hour.turn(HOUR - 1, &whole);
        assert_eq!(by_hour.finish(&whole), []);
    }
}
