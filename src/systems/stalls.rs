//! When a reader did not read a shard because it was busy with earlier records: a function whose batches are full, or a
//! worker that still processes. A record that arrives meanwhile waits for the reader, not for a poll.

use super::kinesis::log::Micros;

/// Marks kept at most. Beyond that every other one goes, and between two marks stalled time is taken to rise evenly.
const MARKS_MAX: usize = 512;

/// Stretches in which a shard was not read for that reason.
#[derive(Clone, Debug, Default)]
pub struct Stalls {
    /// Moments, and the stalled time up to each; in order of time.
    marks: Vec<(Micros, Micros)>,
    /// All stalled time.
    total: Micros,
}

impl Stalls {
    /// Its reader was busy from one moment to another; stretches come in order and do not overlap.
    #[cold]
    pub fn note(&mut self, from: Micros, until: Micros) {
        if self.marks.len() >= MARKS_MAX {
            let mut number = 0;
            self.marks.retain(|_| {
                number += 1;
                number % 2 == 1
            });
        }
        self.marks.push((from, self.total));
        self.total += until - from;
        self.marks.push((until, self.total));
    }

    /// How much of the time since a moment was stalled: of a record that arrived then, the time that it waited for
    /// earlier batches.
    #[inline]
    pub fn since(&self, at: Micros) -> Micros {
        match self.marks.last() {
            Some((last, _)) if at < *last => self.total - self.up_to(at),
            _ => 0,
        }
    }

    /// All stalled time.
    pub fn total(&self) -> Micros {
        self.total
    }

    /// Whether there is none that somebody may still ask about.
    #[inline]
    pub fn is_empty(&self) -> bool {
        self.marks.is_empty()
    }

    /// How much of the time from one moment to another was stalled.
    #[inline]
    pub fn between(&self, from: Micros, until: Micros) -> Micros {
        if self.marks.is_empty() || until <= from {
            return 0;
        }
        self.up_to(until) - self.up_to(from)
    }

    /// These stretches as far as they lie in others. Where marks of either were taken together, their shares are taken to be
    /// independent of each other.
    pub fn during(&self, others: &Self) -> Self {
        let mut both = Self::default();
        if self.marks.is_empty() || others.marks.is_empty() {
            return both;
        }
        let mut moments: Vec<Micros> = self.marks.iter().chain(&others.marks).map(|(at, _)| *at).collect();
        // Of two runs that are in order a stable sort makes one merge; so all of this takes one walk over the marks.
        moments.sort();
        moments.dedup();
        let mut walks = [(self, 0), (others, 0)];
        let mut last = None;
        for until in moments {
            let totals = walks.each_mut().map(|(stalls, next)| stalls.walk_to(until, next));
            let Some((from, before)) = last.replace((until, totals)) else { continue };
            let [own, other] = [0, 1].map(|which| u128::from(totals[which] - before[which]));
            let part = (own * other / u128::from(until - from)) as Micros;
            if part > 0 {
                both.marks.push((from, both.total));
                both.total += part;
                both.marks.push((until, both.total));
            }
        }
        both
    }

    /// Stalled time up to a moment.
    fn up_to(&self, at: Micros) -> Micros {
        if self.marks.last().is_none_or(|(last, _)| at >= *last) {
            return self.total;
        }
        self.up_to_before(at, self.marks.partition_point(|(mark, _)| *mark <= at))
    }

    /// The same at moments that come in order, where `next` was the first mark after the last of them, 0 at first.
    fn walk_to(&self, at: Micros, next: &mut usize) -> Micros {
        *next += self.marks[*next..].iter().take_while(|(mark, _)| *mark <= at).count();
        self.up_to_before(at, *next)
    }

    /// The same, where `next` is the first mark after that moment.
    fn up_to_before(&self, at: Micros, next: usize) -> Micros {
        let Some((to, total)) = self.marks.get(next).copied() else { return self.total };
        let Some((from, before)) = next.checked_sub(1).map(|place| self.marks[place]) else { return total };
        let (part, whole) = (u128::from(at - from), u128::from(to - from));
        before + (u128::from(total - before) * part / whole) as Micros
    }

    /// Forgets what was over before a moment; nobody asks about earlier ones any more. What was there before the run arrived at
    /// moments that wrap around below 0, and tells nothing.
    pub fn forget(&mut self, at: Micros) {
        if self.marks.last().is_none_or(|(last, _)| at > *last) {
            return;
        }
        let over = self.marks.partition_point(|(mark, _)| *mark <= at);
        if over > 1 {
            self.marks.drain(..over - 1);
        }
    }

    /// Forgets all: nothing waits.
    pub fn clear(&mut self) {
        self.marks.clear();
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    /// No room from 10 to 20 and from 30 to 60.
    #[test]
    fn the_time_without_room_since_a_moment_is_the_sum_of_what_each_stretch_has_after_it() {
        let mut stalls = Stalls::default();
        assert_eq!(stalls.since(5), 0);
        stalls.note(10, 20);
        stalls.note(30, 60);
        for (at, expected) in [(0, 40), (10, 40), (15, 35), (25, 30), (40, 20), (60, 0), (70, 0)] {
            assert_eq!(stalls.since(at), expected, "since {at}");
        }
        stalls.forget(25);
        for (at, expected) in [(25, 30), (40, 20), (70, 0)] {
            assert_eq!(stalls.since(at), expected, "since {at}");
        }
    }

    /// From 10 to 20 and from 30 to 60, of which from 15 to 40 and from 55 to 70: 5, 10 and 5.
    #[test]
    fn what_two_kinds_of_stretches_share_is_in_both() {
        let of = |stretches: [(Micros, Micros); 2]| {
            let mut stalls = Stalls::default();
            stretches.iter().for_each(|(from, until)| stalls.note(*from, *until));
            stalls
        };
        let (one, other) = (of([(10, 20), (30, 60)]), of([(15, 40), (55, 70)]));
        for both in [one.during(&other), other.during(&one)] {
            let spans = [(0, 100), (0, 15), (0, 18), (18, 35), (40, 55), (50, 57), (60, 100)];
            assert_eq!(spans.map(|(from, until)| both.between(from, until)), [20, 0, 3, 7, 0, 2, 0]);
        }
        assert_eq!(one.between(0, 100), 40);
        assert_eq!([(0, 15), (12, 35), (25, 28), (61, 99)].map(|(a, b)| one.between(a, b)), [5, 13, 0, 0]);
        assert!(one.during(&Stalls::default()).is_empty());
    }

    /// The first third of each 30 and the first half of each 20: of each 60 they share the first 10.
    #[test]
    fn what_two_rhythms_share_is_that_of_their_common_period() {
        let (mut one, mut other) = (Stalls::default(), Stalls::default());
        (0..100).for_each(|number| one.note(number * 30, number * 30 + 10));
        (0..150).for_each(|number| other.note(number * 20, number * 20 + 10));
        one.forget(600);
        for both in [one.during(&other), other.during(&one)] {
            assert_eq!([(600, 3_000), (665, 725), (670, 720)].map(|(a, b)| both.between(a, b)), [400, 10, 0]);
        }
    }

    /// A third of all time is stalled; where marks are taken together, that share stays, and no more than a moment's own time is stalled.
    #[test]
    fn marks_taken_together_keep_the_share_of_stalled_time() {
        let mut stalls = Stalls::default();
        (0..100_000).for_each(|number| stalls.note(number * 30, number * 30 + 10));
        assert!(stalls.marks.len() <= MARKS_MAX + 2);
        let end = 99_999 * 30 + 10;
        for at in (0..end).step_by(1_777) {
            let (found, exact) = (stalls.since(at) as f64, (end - at) as f64 / 3.0);
            assert!(
                stalls.since(at) <= end - at && (found - exact).abs() < 0.01 * end as f64,
                "{found} of {exact}"
            );
        }
    }
}
