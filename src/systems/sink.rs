//! What a consumer writes its records to: a table, a search index, an API. It takes so many records a second from all who
//! write to it, and each call takes its time. A writer that finds no room waits, and so pushes back.

pub mod writers;

use std::collections::BTreeMap;

use schemars::JsonSchema;
use serde::Deserialize;

use crate::engine::random::{Keyed, Streams};
use crate::engine::sampler::Sampler;
use crate::engine::time::{END_OF_TIME, Nanos, SECOND, round};
use crate::settings::distribution::Time;
use crate::settings::parameter::Parameter;
use crate::units::Rate;

const OWN_SINK: &str = "it is the user's own: measure it and write it down";

/// Time of one call.
pub const LATENCY: Parameter = Parameter::assumed(
    "OWN-41",
    "sink_latency",
    "how long a call to a consumer's sink takes",
    "{ lognormal: { median: 10ms, sigma: 0.5 } }",
    "as small writes to a table take from a client (LAT-11, LAT-12); measure your own and write it down",
);
/// Records of one call.
pub const PER_CALL: Parameter = Parameter::assumed(
    "OWN-41",
    "records_per_call",
    "records that a consumer writes to its sink with one call",
    "1",
    OWN_SINK,
);

/// The parameters of this file.
pub const PARAMETERS: &[Parameter] = &[LATENCY, PER_CALL];

/// What a consumer writes each of its records to, one call after the other. Time spent there is part of the processing.
#[derive(Clone, Debug, Deserialize, JsonSchema)]
#[serde(deny_unknown_fields)]
pub struct SinkSettings {
    /// Records a second that it takes, a second's worth of unused room at most kept; without a limit when left out. Writers
    /// that find no room wait their turn.
    pub limit: Option<Rate>,
    /// How long a call takes.
    #[schemars(extend("default" = LATENCY.value))]
    pub latency: Option<Time>,
    /// Records written with one call: 1 to 10,000.
    #[schemars(extend("default" = PER_CALL.value), range(min = 1, max = 10_000))]
    pub records_per_call: Option<u32>,
}

/// A sink as the scenario describes it, checked.
#[derive(Clone, Debug, PartialEq)]
pub struct SinkPlan {
    /// Time that each record takes of what the sink can do, in thousandths of a nanosecond; 0 without a limit.
    pub picos_per_record: u64,
    /// How long a call takes, nanoseconds.
    pub latency: Sampler,
    /// Records of one call, at least 1.
    pub records_per_call: u32,
}

/// What a sink saw.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct SinkMeter {
    /// Calls.
    pub calls: u64,
    /// Records written.
    pub records: u64,
    /// Calls that had to wait for room.
    pub delayed: u64,
    /// The time that they waited.
    pub waited: Nanos,
    /// The time that calls took, waits left out.
    pub busy: Nanos,
    /// Of workers' batches, the time for which records waited for room, and all for which they waited for a call to be answered:
    /// their own, or one before it. Records times nanoseconds.
    pub of_records: [u128; 2],
}

/// A call on its way.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Call {
    /// When its writer was ready to make it.
    ready: Nanos,
    /// When there was room for it.
    begun: Nanos,
    /// When it is answered.
    pub ends: Nanos,
    /// Its records.
    pub records: usize,
    /// Those with what is left of the batch: all of that waits for it.
    left: usize,
}

/// What one writer got done.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Written {
    /// When it was done, or had to stop.
    pub ended: Nanos,
    /// Records written by then.
    pub records: usize,
}

/// A sink at work.
#[derive(Clone, Debug)]
pub struct Sink {
    plan: SinkPlan,
    draws: Keyed,
    /// Room taken of each slot of time, in thousandths of a nanosecond of it; calls that are settled ahead take that of later ones.
    taken: BTreeMap<u64, u128>,
    /// All slots before this one are full or gone.
    full_before: u64,
    /// What it saw.
    pub meter: SinkMeter,
}

/// Thousandths of a nanosecond: even at a million records a second the room of one is off by a millionth at most.
const PICOS: u128 = 1_000;

impl SinkPlan {
    /// Records a second that it takes, if that is limited.
    pub fn limit(&self) -> Option<f64> {
        let picos = (SECOND as f64) * PICOS as f64;
        (self.picos_per_record > 0).then(|| picos / self.picos_per_record as f64)
    }

    /// Time of each record in full calls, nanoseconds.
    pub fn time_per_record(&self) -> f64 {
        self.latency.mean() / f64::from(self.records_per_call)
    }

    /// Slots by which room is kept: a tenth of a second, or longer where calls take so much that each would walk over many.
    fn slot_time(&self) -> Nanos {
        let call = u128::from(self.picos_per_record) * u128::from(self.records_per_call) / PICOS;
        (SECOND / 10).max(Nanos::try_from(call / 16).unwrap_or(END_OF_TIME))
    }

    /// The room that each record takes at so many a second.
    pub fn picos_per_record(limit: Rate) -> u64 {
        let picos = (SECOND as f64 * PICOS as f64 / limit.per_second()).round();
        picos.clamp(1.0, u64::MAX as f64) as u64
    }
}

impl Sink {
    /// A sink that nobody has written to; `path` names it, such as `consumers.search.sink`.
    pub fn new(plan: &SinkPlan, draws: &Streams, path: &str) -> Self {
        let draws = draws.keyed(path);
        Self {
            plan: plan.clone(),
            draws,
            taken: BTreeMap::new(),
            full_before: 0,
            meter: SinkMeter::default(),
        }
    }

    /// Writes records from `ready` on, one call after the other, until they are written or it is `deadline`; this is settled
    /// `now`, and the room taken that is there first. The calls' times are drawn for `(first, attempt)`: the first record, and
    /// which try of it this is.
    pub fn write(
        &mut self,
        now: Nanos,
        (ready, deadline): (Nanos, Nanos),
        records: usize,
        address: (u64, u32),
    ) -> Written {
        self.call(ready, deadline, records, address, |sink, at, count| sink.reserve(now, at, count))
    }

    /// Makes one call, with as many of `left` records as it takes, as soon as its writer is `ready`; its time is drawn as
    /// [those of a batch](Self::write) are. It counts once it is [over](Self::end).
    pub fn begin(&mut self, now: Nanos, ready: Nanos, left: usize, (first, attempt): (u64, u32)) -> Call {
        let records = left.min(self.plan.records_per_call as usize);
        let begun = self.reserve(now, ready, records as u64);
        let time = round(self.plan.latency.sample(&mut self.draws.draws(first, attempt)));
        Call { ready, begun, ends: begun + time, records, left }
    }

    /// A call is over now: answered, or given up before that, which writes nothing. Returns the records written.
    pub fn end(&mut self, now: Nanos, call: Call) -> usize {
        if now < call.ready {
            // Its writer had another one under way, and never made it.
            return 0;
        }
        self.meter.calls += 1;
        self.meter.delayed += u64::from(call.begun > call.ready);
        let (waited, took) = (call.begun.min(now) - call.ready, call.ends.min(now) - call.ready);
        self.meter.waited += waited;
        self.meter.busy += took - waited;
        let [of_wait, of_all] = [waited, took].map(|time| u128::from(time) * call.left as u128);
        let before = self.meter.of_records;
        self.meter.of_records = [before[0] + of_wait, before[1] + of_all];
        let records = if now < call.ends { 0 } else { call.records };
        self.meter.records += records as u64;
        records
    }

    /// The same, where `turn` says when a call with so many records that is ready at some moment can be made.
    pub fn call(
        &mut self,
        now: Nanos,
        deadline: Nanos,
        records: usize,
        (first, attempt): (u64, u32),
        mut turn: impl FnMut(&mut Self, Nanos, u64) -> Nanos,
    ) -> Written {
        let mut draws = self.draws.draws(first, attempt);
        let mut written = Written { ended: now, records: 0 };
        while written.records < records {
            let count = (records - written.records).min(self.plan.records_per_call as usize);
            let begun = turn(self, written.ended, count as u64);
            let time = round(self.plan.latency.sample(&mut draws));
            self.meter.calls += 1;
            self.meter.delayed += u64::from(begun > written.ended);
            self.meter.waited += begun.min(deadline) - written.ended.min(deadline);
            self.meter.busy += (begun + time).min(deadline) - begun.min(deadline);
            if begun + time > deadline {
                return Written { ended: deadline, ..written };
            }
            written = Written { ended: begun + time, records: written.records + count };
            self.meter.records += count as u64;
        }
        written
    }

    /// Takes room for records of a call that is ready at some moment, in the order of asking; when both are. Room that came within
    /// a second before that moment may have been saved up. Who asks ahead takes the room of that time and leaves what comes sooner
    /// to others.
    fn reserve(&mut self, now: Nanos, ready: Nanos, records: u64) -> Nanos {
        let mut room = u128::from(records) * u128::from(self.plan.picos_per_record);
        if room == 0 {
            return ready;
        }
        let slot_time = self.plan.slot_time();
        let oldest = now.saturating_sub(SECOND).div_ceil(slot_time);
        self.taken = self.taken.split_off(&oldest);
        self.full_before = self.full_before.max(oldest);
        let mut slot = ready.saturating_sub(SECOND).div_ceil(slot_time).max(self.full_before);
        loop {
            let taken = self.taken.entry(slot).or_default();
            let part = room.min(u128::from(slot_time) * PICOS - *taken);
            *taken += part;
            room -= part;
            if room == 0 {
                let there = u128::from(slot) * u128::from(slot_time) + taken.div_ceil(PICOS);
                self.note_full();
                return ready.max(Nanos::try_from(there).unwrap_or(Nanos::MAX)).min(END_OF_TIME);
            }
            slot += 1;
        }
    }

    /// Finds the first slot again that has room, so that nobody walks over full ones.
    fn note_full(&mut self) {
        let whole = u128::from(self.plan.slot_time()) * PICOS;
        while self.taken.get(&self.full_before) == Some(&whole) {
            self.full_before += 1;
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::MILLISECOND;

    fn sink(limit: f64, records_per_call: u32) -> Sink {
        let plan = SinkPlan {
            picos_per_record: SinkPlan::picos_per_record(Rate::new(limit).unwrap()),
            latency: Sampler::Constant(2.0 * MILLISECOND as f64),
            records_per_call,
        };
        Sink::new(&plan, &Streams::new(1, 0), "consumers.x.sink")
    }

    /// Calls of 25 records take 2 ms each where there is room: 100 records, 8 ms.
    #[test]
    fn calls_follow_each_other() {
        let mut sink = sink(1e6, 25);
        let start = 10 * SECOND;
        let written = sink.write(start, (start, Nanos::MAX), 100, (1, 0));
        assert_eq!(written, Written { ended: start + 8 * MILLISECOND, records: 100 });
        assert_eq!((sink.meter.calls, sink.meter.records, sink.meter.delayed), (4, 100, 0));
    }

    /// Over any span from a full second of saved room on, no more is taken than that second and the span's own room; and a
    /// sink that is kept busy takes all of it.
    #[test]
    fn whoever_writes_gets_no_more_than_the_limit_and_all_of_it() {
        let mut sink = sink(500.0, 10);
        let start = 60 * SECOND;
        let mut writers = [start; 4];
        let mut records = 0;
        while let Some(next) = writers.iter_mut().min().filter(|at| **at < start + 20 * SECOND) {
            let written = sink.write(*next, (*next, Nanos::MAX), 10, (records, 0));
            *next = written.ended;
            records += 10;
        }
        // 500 saved and 20 s x 500, and what four writers had begun at the end.
        assert!((10_500..=10_540).contains(&records), "{records}");
        assert!(sink.meter.waited > 0);
    }

    /// Two batches of 1,000 calls of 2 ms each, at 5,000 a second that are taken: neither waits for the other.
    #[test]
    fn who_writes_for_long_ahead_holds_nobody_up() {
        let mut sink = sink(5_000.0, 1);
        let start = 10 * SECOND;
        let first = sink.write(start, (start, Nanos::MAX), 1_000, (1, 0));
        let second = sink.write(start, (start + 100 * MILLISECOND, Nanos::MAX), 1_000, (2, 0));
        assert_eq!(first.ended, start + 2 * SECOND);
        assert_eq!((second.ended, sink.meter.waited), (start + 2_100 * MILLISECOND, 0));
    }

    /// 10,000 records that are ready in a minute, at 500 a second: a second's room is saved up by then, and the rest takes 19 s. All
    /// the room of that minute is left to others.
    #[test]
    fn who_asks_ahead_does_not_get_the_room_of_the_time_until_then() {
        let mut sink = sink(500.0, 10);
        for (ready, batch) in [(120 * SECOND, 1), (60 * SECOND, 2)] {
            let written = sink.write(60 * SECOND, (ready, Nanos::MAX), 10_000, (batch, 0));
            let ended = ready + 19 * SECOND;
            // To a slot, by which room is kept.
            assert!(written.ended.abs_diff(ended) <= 100 * MILLISECOND, "{} {ended}", written.ended);
        }
    }

    #[test]
    fn what_is_not_written_by_the_deadline_is_not_written() {
        let mut sink = sink(1e6, 10);
        let written = sink.write(SECOND, (SECOND, SECOND + 7 * MILLISECOND), 100, (1, 0));
        assert_eq!(written, Written { ended: SECOND + 7 * MILLISECOND, records: 30 });
        assert_eq!(sink.meter.records, 30);
    }
}
