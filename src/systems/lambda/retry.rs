//! What follows a failed invocation: the same records again, fewer of them, or none (LAM-E1 to LAM-E6).

use super::batch::Held;
use crate::engine::backoff::Backoff;
use crate::engine::time::{Nanos, round};
use std::ops::Range;

/// Where a mapping sends what it gives up on (LAM-E5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Destination {
    /// A queue: one message with the place of the records.
    Sqs,
    /// A bucket: one object with the records.
    S3,
}

/// Why records are given up.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum GivenUp {
    /// They fit no invocation (KDS-B4).
    TooLarge,
    /// They are older than `maximum_record_age` (LAM-E2).
    TooOld,
    /// They failed as often as `retries` allows (LAM-E2).
    RetriesUsedUp,
}

impl GivenUp {
    /// It in words.
    pub fn cause(self) -> &'static str {
        match self {
            Self::TooLarge => "too large for an invocation",
            Self::TooOld => "older than maximum_record_age",
            Self::RetriesUsedUp => "retries used up",
        }
    }
}

/// The error handling of one mapping.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct RetryPlan {
    /// Tries after the first one; `None` for as long as the records are there (LAM-E1, LAM-E2).
    pub retries: Option<u32>,
    /// Records older than this are given up (LAM-E2).
    pub record_age_max: Option<Nanos>,
    /// Whether a failed batch is halved (LAM-E3).
    pub bisect: bool,
    /// Whether the function says where it failed (LAM-E4).
    pub report_failures: bool,
    /// Waits between tries, without jitter (LAM-E6).
    pub backoff: Backoff,
    /// Share of a wait after a refusal that chance may take off, 0 to 1 (LAM-E6).
    pub refused_jitter: f64,
    /// Where what is given up goes.
    pub destination: Option<Destination>,
}

impl RetryPlan {
    /// The wait after the `refusals`-th refusal in a row, counted from 1; `unit` is from [0, 1).
    pub fn refused_wait(&self, refusals: u32, unit: f64) -> Nanos {
        let full = self.backoff.before_jitter(refusals);
        (full - round(full as f64 * self.refused_jitter * unit)).max(1)
    }
}

/// The batch that a lane works on, and the part of it that is tried now. Parts are tried in order; what lies before the
/// present part is settled.
#[derive(Clone, Debug, Default)]
pub struct Work {
    /// The batch.
    pub records: Vec<Held>,
    /// First record of the present part.
    pub from: usize,
    /// End of the present part.
    pub to: usize,
    /// Ends of later parts and the retries they have used, the next one last.
    later: Vec<(usize, u32)>,
    retries: u32,
    failures: u32,
    /// No try before this moment.
    pub not_before: Nanos,
    /// When the first invocation failed.
    pub first_failed: Option<Nanos>,
    /// Records before this place were processed by some try, whether it failed later or not.
    pub processed: usize,
    /// When the last of those tries began.
    pub processed_at: Nanos,
    /// Tries so far.
    pub tries: u32,
    /// Records before this place were handed to the function by some try.
    pub handed: usize,
}

/// What a failure settles.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Failed {
    /// Records before the one that failed, where the function reports it.
    pub done: Range<usize>,
    /// Records that are not tried again.
    pub given_up: Range<usize>,
}

impl Work {
    /// Starts on a batch that is complete in `records`.
    pub fn open(&mut self, now: Nanos) {
        (self.from, self.to) = (0, self.records.len());
        self.later.clear();
        (self.retries, self.failures, self.tries) = (0, 0, 0);
        (self.processed, self.handed) = (0, 0);
        (self.not_before, self.first_failed) = (now, None);
    }

    /// The present part.
    pub fn part(&self) -> &[Held] {
        &self.records[self.from..self.to]
    }

    /// Whether a try comes after a failed one.
    pub fn is_retry(&self) -> bool {
        self.first_failed.is_some()
    }

    /// The present part is settled: the next one, if there is one, is tried from now on.
    pub fn next_part(&mut self) -> bool {
        self.from = self.to;
        self.failures = 0;
        match self.later.pop() {
            Some((to, retries)) => {
                (self.to, self.retries) = (to, retries);
                true
            }
            None => false,
        }
    }

    /// The invocation failed at the record in place `at`.
    pub fn failed(&mut self, now: Nanos, at: usize, plan: &RetryPlan) -> Failed {
        self.first_failed.get_or_insert(now);
        let done = self.from..if plan.report_failures { at } else { self.from };
        self.from = done.end;
        let mut given_up = self.from..self.from;
        // Waits grow while the same records are tried again, and not from one part to the next.
        if !done.is_empty() {
            self.failures = 0;
        }
        if plan.bisect && !done.is_empty() {
            // The batch is split at the record that failed, and a split uses no retry (LAM-E3, LAM-E4).
        } else if plan.bisect && self.to - self.from > 1 {
            self.later.push((self.to, self.retries));
            self.to = self.from + (self.to - self.from) / 2;
            self.failures = 0;
        } else {
            self.failures += 1;
            self.retries += 1;
            if plan.retries.is_some_and(|retries| self.retries > retries) {
                given_up = self.from..self.to;
                self.from = self.to;
            }
        }
        let wait = plan.backoff.before_jitter(self.failures.max(1));
        self.not_before = if given_up.is_empty() { now + wait } else { now };
        Failed { done, given_up }
    }

    /// Whether all retries are used up.
    pub fn is_exhausted(&self, plan: &RetryPlan) -> bool {
        plan.retries.is_some_and(|retries| self.retries > retries)
    }

    /// Drops records at the head of the present part that are `such`; how many.
    pub fn shed(&mut self, such: impl Fn(&Held) -> bool) -> usize {
        let count = self.part().iter().take_while(|held| such(held)).count();
        self.from += count;
        count
    }

    /// Records not settled yet.
    pub fn unsettled(&self) -> &[Held] {
        &self.records[self.from..]
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{MILLISECOND, MINUTE};
    use crate::systems::kinesis::log::Record;

    fn plan() -> RetryPlan {
        RetryPlan {
            retries: Some(3),
            record_age_max: None,
            bisect: false,
            report_failures: false,
            backoff: Backoff { base: 100 * MILLISECOND, cap: MINUTE, jitter: false },
            refused_jitter: 0.0,
            destination: None,
        }
    }

    /// Invokes until a batch of `records` with one poison record is settled:
    /// (invocations, records processed, given up, handed over in all).
    fn isolate(records: usize, poison: usize, plan: &RetryPlan) -> (u32, usize, Vec<usize>, usize) {
        let record = Record { written: 0, appended: 0, bytes: 1, key: 0, flags: 0 };
        let mut work =
            Work { records: vec![Held { record, stalled: 0, came: 0 }; records], ..Work::default() };
        work.open(0);
        let (mut invocations, mut done, mut given_up, mut handed) = (0, 0, Vec::new(), 0);
        loop {
            invocations += 1;
            handed += work.to - work.from;
            assert!(invocations < 1_000);
            if (work.from..work.to).contains(&poison) {
                let failed = work.failed(0, poison, plan);
                done += failed.done.len();
                given_up.extend(failed.given_up);
            } else {
                done += work.to - work.from;
                work.from = work.to;
            }
            if work.from == work.to && !work.next_part() {
                return (invocations, done, given_up, handed);
            }
        }
    }

    #[test]
    fn lam_e1_lam_e2_the_whole_batch_is_tried_again_and_then_given_up() {
        assert_eq!(isolate(64, 17, &plan()), (4, 0, (0..64).collect(), 4 * 64));
        assert_eq!(isolate(64, 17, &RetryPlan { retries: Some(0), ..plan() }).0, 1);
    }

    /// A batch of 64 is halved six times, which uses no retry; then the poison record alone fails three times more
    /// after its first time. Each halving leaves one good half to be invoked.
    #[test]
    fn lam_e3_top_6_halving_isolates_one_record_in_log2_steps_and_uses_no_retry() {
        let (invocations, done, given_up, _) = isolate(64, 17, &RetryPlan { bisect: true, ..plan() });
        assert_eq!((invocations, done, given_up), (6 + 6 + 4, 63, vec![17]));
    }

    #[test]
    fn lam_e4_what_comes_before_the_reported_record_is_done() {
        let reported = RetryPlan { report_failures: true, ..plan() };
        let (invocations, done, given_up, handed) = isolate(64, 17, &reported);
        assert_eq!((invocations, done, given_up), (4, 17, (17..64).collect()));
        assert_eq!(handed, 64 + 3 * 47);
        // With halving too, the first split is where the function failed, and nothing good is lost.
        let (_, done, given_up, _) = isolate(64, 17, &RetryPlan { bisect: true, ..reported });
        assert_eq!((done, given_up), (63, vec![17]));
    }

    /// Six halvings wait 100 ms each, as a split is no retry; then the record alone is tried again after 100, 200 and 400 ms, with the
    /// place of the failure reported or not.
    #[test]
    fn lam_e3_lam_e6_waits_grow_with_retries_and_not_with_splits() {
        for report_failures in [false, true] {
            let plan = RetryPlan { bisect: true, report_failures, ..plan() };
            let record = Record { written: 0, appended: 0, bytes: 1, key: 0, flags: 0 };
            let mut work =
                Work { records: vec![Held { record, stalled: 0, came: 0 }; 64], ..Work::default() };
            work.open(0);
            let mut waits = Vec::new();
            // The first record of the batch fails: it is the head of every part.
            while work.failed(0, 0, &plan).given_up.is_empty() {
                waits.push(work.not_before / MILLISECOND);
            }
            assert_eq!(waits, [100, 100, 100, 100, 100, 100, 100, 200, 400]);
        }
    }

    /// By hand: of 100, 200 and 60,000 ms half is sure, and of the other half chance takes as much off as its draw says.
    #[test]
    fn lam_e6_chance_takes_its_share_off_a_wait_after_a_refusal() {
        let half = RetryPlan { refused_jitter: 0.5, ..plan() };
        let waits = [(1, 0.0), (1, 0.5), (2, 0.25), (60, 0.75)]
            .map(|(refusals, unit)| half.refused_wait(refusals, unit));
        assert_eq!(waits.map(|wait| wait / MILLISECOND), [100, 75, 175, 37_500]);
        assert_eq!(RetryPlan { refused_jitter: 1.0, ..plan() }.refused_wait(1, 1.0 - f64::EPSILON), 1);
        assert_eq!(plan().refused_wait(2, 0.9), 200 * MILLISECOND);
    }

    #[test]
    fn lam_e6_waits_double_up_to_their_cap() {
        let waits: Vec<u64> = [1, 2, 3, 10, 11, 60, u32::MAX]
            .map(|failures| plan().backoff.before_jitter(failures) / MILLISECOND)
            .into();
        assert_eq!(waits, [100, 200, 400, 51_200, 60_000, 60_000, 60_000]);
    }
}
