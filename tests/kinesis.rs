//! Kinesis Data Streams as the fact sheet has it, through the interface that pipelines use; and its lazy accounting
//! of empty polls against a reference that makes every poll.

use std::collections::BTreeSet;
use std::num::NonZeroU32;
use streamgauge::engine::random::{Draws, Streams};
use streamgauge::engine::time::{DAY, MICROSECOND, MILLISECOND, Nanos, SECOND};
use streamgauge::systems::kinesis::get_records::ReadMeter;
use streamgauge::systems::kinesis::hash_range::{hash_key, shard_of};
use streamgauge::systems::kinesis::log::Record;
use streamgauge::systems::kinesis::poll_grid::PollGrid;
use streamgauge::systems::kinesis::read_limit::ReadRefused;
use streamgauge::systems::kinesis::shard::WriteRefused;
use streamgauge::systems::kinesis::stream::Stream;

mod support;

const MIB: u64 = 1_048_576;

fn record(now: Nanos, bytes: u32, key: u32) -> Record {
    Record { written: now / MICROSECOND, appended: now / MICROSECOND, bytes, key, flags: 0 }
}

/// One call that asks for as much as a call may return.
fn get(stream: &mut Stream, now: Nanos, reader: usize) -> Result<Vec<Record>, ReadRefused> {
    let mut out = Vec::new();
    stream.get_records(now, 0, reader, 10_000, &mut out)?;
    Ok(out)
}

/// A stream of one shard that allows large records, with readers that poll every second.
fn one_shard(readers: u64) -> Stream {
    let mut stream = Stream::new(1, DAY, true, true);
    for reader in 0..readers {
        stream.add_reader(PollGrid::new(SECOND, vec![reader * 100 * MILLISECOND]));
    }
    stream
}

#[test]
fn kds_w1_w6_every_shard_has_limits_of_its_own() {
    // 3,000 writes a second for ten seconds, evenly by partition key over four shards, are within 4 x 1,000; on one of
    // two keys they are far above what its shard takes: 1,000 at once and 1,000 a second.
    let four = NonZeroU32::new(4).expect("four");
    let (mut spread, mut hot) = (Stream::new(4, DAY, false, true), Stream::new(4, DAY, false, true));
    let shard = |key: u32| shard_of(hash_key(format!("key-{key}").as_bytes()), four) as usize;
    let cold_key = (1..).find(|key| shard(*key) != shard(0)).expect("another shard");
    let mut refused = [0, 0];
    for i in 0..30_000_u32 {
        let now = u64::from(i) * SECOND / 3_000;
        let even = spread.put_record(now, shard(i), &record(now, 100, i));
        assert_eq!(even, Ok(()));
        let key = if i % 100 == 0 { cold_key } else { 0 };
        let outcome = hot.put_record(now, shard(key), &record(now, 100, key));
        assert!(matches!(outcome, Ok(()) | Err(WriteRefused::Records)));
        refused[usize::from(key == 0)] += u32::from(outcome.is_err());
    }
    assert_eq!(refused[0], 0);
    assert!(refused[1].abs_diff(29_700 - 11_000) <= 1, "{refused:?}");
    assert_eq!(hot.appended_total(), u64::from(30_000 - refused[1]));
}

#[test]
fn kds_b2_large_records_burst_to_10_mib_and_average_1_mib_a_second() {
    let mut stream = one_shard(0);
    let puts = |stream: &mut Stream, now| {
        (0..20).filter(|_| stream.put_record(now, 0, &record(now, MIB as u32, 0)).is_ok()).count()
    };
    assert_eq!(puts(&mut stream, 0), 10);
    assert_eq!(puts(&mut stream, 5 * SECOND), 5);
    assert_eq!((6..60).map(|second| puts(&mut stream, second * SECOND)).sum::<usize>(), 54);
}

#[test]
fn kds_r2_a_call_returns_at_most_10_mib() {
    let mut stream = one_shard(1);
    for second in 0..24 {
        stream.put_record(second * SECOND, 0, &record(second * SECOND, MIB as u32, 0)).expect("room");
    }
    assert_eq!(get(&mut stream, 30 * SECOND, 0).map(|records| records.len()), Ok(10));
    assert_eq!(get(&mut stream, 40 * SECOND, 0).map(|records| records.len()), Ok(10));
    assert_eq!(get(&mut stream, 50 * SECOND, 0).map(|records| records.len()), Ok(4));
    // KDS-R5: a call never waits for records.
    assert_eq!(get(&mut stream, 60 * SECOND, 0), Ok(vec![]));
}

#[test]
fn kds_r4_after_too_many_bytes_calls_fail_for_another_second() {
    let mut stream = one_shard(2);
    // 3 MiB are there; a shard lends at once what it earns in a second, 2 MiB: 0.5 s of debt, and one second more.
    for second in 0..3 {
        stream.put_record(second * SECOND, 0, &record(second * SECOND, MIB as u32, 0)).expect("room");
    }
    let start = 10 * SECOND;
    assert_eq!(get(&mut stream, start, 0).map(|records| records.len()), Ok(3));
    for reader in [0, 1] {
        assert_eq!(get(&mut stream, start + 1_499 * MILLISECOND, reader), Err(ReadRefused::Bytes));
    }
    assert_eq!(get(&mut stream, start + 1_500 * MILLISECOND, 1).map(|records| records.len()), Ok(3));
}

#[test]
fn kds_r1_r13_polling_readers_share_2_mib_a_second() {
    // Readers that call five times a second in all, on a shard that is written at its limit of 1 MiB/s with records of
    // 64 KiB. Two get all of it (twice the put rate is what a shard gives, KDS-R13); four together cannot.
    for readers in [1, 2, 4] {
        let (mut stream, mut bytes, seconds) = (one_shard(readers), 0, 600);
        let mut next = 0;
        for tick in 0..seconds * 16 {
            let now = tick * SECOND / 16;
            stream.put_record(now, 0, &record(now, 65_536, 0)).expect("within the limit");
            while next * SECOND / 5 <= now {
                if let Ok(records) = get(&mut stream, now, (next % readers) as usize) {
                    bytes += records.iter().map(|record| u64::from(record.bytes)).sum::<u64>();
                }
                next += 1;
            }
        }
        let most = (readers * MIB * seconds).min(2 * MIB * seconds + 10 * MIB);
        assert!(bytes <= most, "{readers} readers took {bytes}");
        // Nearly all of that is used: what is missing is on its way, or was refused for a moment.
        assert!(
            bytes as f64 > 0.97 * (readers.min(2) * MIB * seconds) as f64,
            "{readers} readers took {bytes}"
        );
    }
}

#[test]
fn kds_r10_five_readers_fit_at_a_poll_a_second_and_six_do_not() {
    for (readers, fits) in [(5, true), (6, false)] {
        let mut stream = one_shard(readers);
        stream.finish(1_000 * SECOND);
        let refused: u64 = (0..readers).map(|reader| stream.meter(reader as usize).refused_calls).sum();
        assert_eq!(refused == 0, fits, "{readers} readers, {refused} refused");
    }
}

#[test]
fn kds_s1_retention_takes_records_from_slow_readers_only() {
    let mut stream = Stream::new(1, 10 * SECOND, false, true);
    for _ in 0..2 {
        stream.add_reader(PollGrid::new(SECOND, vec![0]));
    }
    let mut prompt = Vec::new();
    for second in 0..30 {
        let now = second * SECOND;
        stream.put_record(now, 0, &record(now, 10, second as u32)).expect("room");
        prompt.extend(get(&mut stream, now, 0).expect("one call a second"));
    }
    assert_eq!(prompt.len(), 30);
    // At 35 s what came before 25 s is past its 10 s, whether the reader has asked for it or not.
    assert_eq!(stream.waiting(35 * SECOND, 1), (5, 25));
    let keys: Vec<u32> = get(&mut stream, 35 * SECOND, 1).expect("a call").iter().map(|it| it.key).collect();
    assert_eq!(keys, [25, 26, 27, 28, 29]);
    assert_eq!((stream.meter(0).expired, stream.meter(1).expired), (0, 25));
}

/// A shard whose readers make every poll of their clocks: the facts written down once more, without any shortcut.
struct EveryPoll {
    records: Vec<Record>,
    retention: u64,
    limit_calls: bool,
    /// Billionths of calls and of bytes that may be taken, and when that was so (KDS-R1).
    calls: u128,
    bytes: u128,
    seen: Nanos,
    blocked_until: Nanos,
    /// Whether it has refused a call since it last had a second's calls to give (OWN-8).
    tight: bool,
    places: Vec<usize>,
    meters: Vec<ReadMeter>,
}

const CALLS: u128 = 5;
const BYTES: u128 = 2 * MIB as u128;
const NANO: u128 = SECOND as u128;

impl EveryPoll {
    fn poll(&mut self, now: Nanos, reader: usize) -> Result<Vec<Record>, ReadRefused> {
        let elapsed = u128::from(now - self.seen);
        self.calls = (self.calls + CALLS * elapsed).min(CALLS * NANO);
        self.bytes = (self.bytes + BYTES * elapsed).min(BYTES * NANO);
        self.seen = now;
        let meter = &mut self.meters[reader];
        let place = &mut self.places[reader];
        while self.records.get(*place).is_some_and(|it| it.appended + self.retention < now / MICROSECOND) {
            *place += 1;
            meter.expired += 1;
        }
        if now < self.blocked_until {
            meter.refused_bytes += 1;
            self.tight = true;
            return Err(ReadRefused::Bytes);
        }
        self.tight &= self.limit_calls && self.calls < CALLS * NANO;
        if self.limit_calls && self.calls < NANO {
            meter.refused_calls += 1;
            self.tight = true;
            return Err(ReadRefused::Calls);
        }
        self.calls -= NANO.min(self.calls);
        let (mut answer, mut bytes) = (Vec::new(), 0);
        for record in &self.records[*place..] {
            if answer.len() == 10_000 || bytes + u64::from(record.bytes) > 10 * MIB {
                break;
            }
            bytes += u64::from(record.bytes);
            answer.push(*record);
        }
        *place += answer.len();
        *(if answer.is_empty() { &mut meter.empty_polls } else { &mut meter.polls }) += 1;
        meter.records += answer.len() as u64;
        meter.bytes += bytes;
        let wanted = u128::from(bytes) * NANO;
        if wanted > self.bytes {
            let debt = u128::from(bytes) - self.bytes / NANO;
            self.blocked_until = now + (debt * NANO).div_ceil(BYTES) as Nanos + SECOND;
        }
        // Whole bytes are lent; what is less than a byte stays.
        self.bytes -= wanted.min(self.bytes / NANO * NANO);
        Ok(answer)
    }
}

/// When a reader polls, and for how long a call's records then keep it busy.
#[derive(Clone, Copy, Debug)]
struct Clock {
    interval: Nanos,
    phase: Nanos,
    busy: Nanos,
}

impl Clock {
    fn at_or_after(&self, now: Nanos) -> Nanos {
        (self.phase..).step_by(self.interval as usize).find(|at| *at >= now).expect("a later poll")
    }
}

/// One random case.
#[derive(Clone, Debug)]
struct Case {
    limit_calls: bool,
    retention: Nanos,
    readers: Vec<Clock>,
    /// Times and bytes.
    puts: Vec<(Nanos, u32)>,
    end: Nanos,
}

fn draw(draws: &mut Draws) -> Case {
    let mut one_of = |choices: &[u64]| choices[draws.below(choices.len() as u64) as usize];
    let limit_calls = one_of(&[0, 1, 1, 1]) == 1;
    let retention = one_of(&[2, 10, 1_000]) * SECOND;
    let readers = one_of(&[1, 2, 3, 4, 5, 6]);
    // Clocks meet neither each other nor the writes: who is first at one instant is nobody's fact.
    let clock = |reader| {
        let interval = one_of(&[100, 150, 200, 250, 500, 1_000, 2_000, 5_000]);
        let phase = one_of(&[0, 7, 42, 91]) * MILLISECOND + reader * 10 * MICROSECOND;
        let busy = one_of(&[0, 0, 30, 500, 1_000, 3_700]) * MILLISECOND;
        Clock { interval: interval * MILLISECOND, phase, busy }
    };
    let readers = (0..readers).map(clock).collect();
    let (pause, bytes) = (one_of(&[20, 300, 4_000]), one_of(&[1_000, 100_000, MIB, 3 * MIB]));
    let end = 60 * SECOND + 999 * MICROSECOND;
    let (mut puts, mut now) = (Vec::new(), 0);
    while now < end {
        puts.push((now + 500 * MICROSECOND, 1 + draws.below(bytes) as u32));
        // Now and then a long silence, in which readers sleep.
        let silence = if draws.below(10) == 0 { 10_000 } else { 0 };
        now += (1 + draws.below(pause) + draws.below(1 + silence)) * MILLISECOND;
    }
    Case { limit_calls, retention, readers, puts, end }
}

/// What a reader saw: its records with the times of the calls that returned them.
type Seen = Vec<Vec<(Nanos, Record)>>;

const DONE: u8 = 0;
const POLL: u8 = 1;

/// Readers whose polls are events only while something waits for them, as in a pipeline.
fn lazily(case: &Case) -> (Seen, Vec<ReadMeter>) {
    let mut stream = Stream::new(1, case.retention, true, case.limit_calls);
    for clock in &case.readers {
        stream.add_reader(PollGrid::new(clock.interval, vec![clock.phase]));
    }
    let mut seen = vec![Vec::new(); case.readers.len()];
    let mut events: BTreeSet<(Nanos, u8, usize)> = BTreeSet::new();
    let mut puts = case.puts.iter().peekable();
    loop {
        let event = events.first().copied().filter(|(at, ..)| *at < case.end);
        if let Some((at, bytes)) = puts.next_if(|(at, _)| event.is_none_or(|(event, ..)| *at < event)) {
            if stream.put_record(*at, 0, &record(*at, *bytes, 0)).is_ok() {
                events.extend(stream.wake(*at, 0).map(|(reader, poll)| (poll, POLL, reader)));
            }
            continue;
        }
        let Some((now, kind, reader)) = event else { break };
        events.pop_first();
        let records = if kind == POLL { get(&mut stream, now, reader).unwrap_or_default() } else { vec![] };
        let busy = case.readers[reader].busy;
        if !records.is_empty() && busy > 0 {
            events.insert((now + busy, DONE, reader));
        } else if !stream.sleep_if_drained(now, 0, reader) {
            let next = if kind == DONE { now } else { stream.next_poll(now + 1, 0, reader) };
            events.insert((next, POLL, reader));
        }
        seen[reader].extend(records.into_iter().map(|record| (now, record)));
    }
    stream.finish(case.end);
    (seen, (0..case.readers.len()).map(|reader| *stream.meter(reader)).collect())
}

/// Readers that make every poll of their clocks while they are not busy. A refused call, and any on a shard that has refused
/// some, starts its reader's clock again (OWN-8).
fn by_every_poll(case: &Case) -> (Seen, Vec<ReadMeter>) {
    let mut current = case.readers.clone();
    let chance = PollGrid::new(SECOND, Vec::new());
    let readers = case.readers.len();
    let mut shard = EveryPoll {
        records: Vec::new(),
        retention: case.retention / MICROSECOND,
        limit_calls: case.limit_calls,
        calls: CALLS * NANO,
        bytes: BYTES * NANO,
        seen: 0,
        blocked_until: 0,
        tight: false,
        places: vec![0; readers],
        meters: vec![ReadMeter::default(); readers],
    };
    // Which writes the shard accepts is not the question here.
    let mut door = Stream::new(1, case.retention, true, true);
    let clocks = case.readers.iter().enumerate();
    let mut events: BTreeSet<(Nanos, u8, usize)> =
        clocks.map(|(reader, clock)| (clock.phase, POLL, reader)).collect();
    let mut last_calls = vec![0; readers];
    let mut seen = vec![Vec::new(); readers];
    let mut puts = case.puts.iter().peekable();
    while let Some((now, kind, reader)) = events.pop_first().filter(|(at, ..)| *at < case.end) {
        while let Some((at, bytes)) = puts.next_if(|(at, _)| *at < now) {
            let record = record(*at, *bytes, 0);
            if door.put_record(*at, 0, &record).is_ok() {
                shard.records.push(record);
            }
        }
        let clock = &mut current[reader];
        if kind == DONE {
            let more = shard.places[reader] < shard.records.len();
            let next = if more { now } else { clock.at_or_after(now.max(last_calls[reader] + 1)) };
            events.insert((next, POLL, reader));
            continue;
        }
        last_calls[reader] = now;
        let outcome = shard.poll(now, reader);
        match outcome {
            Err(_) => clock.phase = chance.after_refusal(now, 0),
            Ok(_) if shard.tight => clock.phase = now + clock.interval + chance.call_time(now, 0),
            Ok(_) => {}
        }
        let records = outcome.unwrap_or_default();
        let busy = clock.busy > 0 && !records.is_empty();
        let next = if busy { (now + clock.busy, DONE) } else { (clock.at_or_after(now + 1), POLL) };
        events.insert((next.0, next.1, reader));
        seen[reader].extend(records.into_iter().map(|record| (now, record)));
    }
    (seen, shard.meters)
}

#[test]
fn polls_that_are_no_events_count_as_if_they_were() {
    for seed in 0..1_000 {
        let case = draw(&mut Streams::new(seed, 0).named("polls"));
        let ((seen, found), (expected_seen, expected)) = (lazily(&case), by_every_poll(&case));
        assert_eq!(found, expected, "seed {seed}: {:?}, calls limited: {}", case.readers, case.limit_calls);
        assert_eq!(seen, expected_seen, "seed {seed}");
    }
}

/// Ten records a second, put straight into a stream.
const PUTS: &str = "\
name: puts
study: terminating
duration: 20s
workload:
  w:
    writes_to: kinesis.s
    arrivals: { constant: { rate: 10/s } }
    keys: { uniform: { items: 100 } }
    record: { size: 100 B }
    client: { sdk: { call: put_records, linger: 100ms, latency: 10ms, lost_replies: 0% } }
kinesis:
  s: { capacity: { provisioned: { shards: 1 } } }
consumers:
  all: { reads: kinesis.s, polling: { interval: 1s } }
";

/// A key of 256 characters, of which 246 take four bytes each, counts with its bytes; one of 257 is no key.
#[test]
fn kds_h1_partition_keys_have_up_to_256_characters_and_count_by_their_bytes() {
    let prefix = |characters: usize| {
        let prefix = "\u{1f511}".repeat(characters);
        format!("workload.w.record={{ size: 100 B, partition_key: {{ prefix: '{prefix}', digits: 10 }} }}")
    };
    let outcome = support::run::<true>(&support::scenario(PUTS, &[prefix(246).as_str()]), 0);
    let taken = outcome.streams[0].loads[0].total;
    assert!(taken.records > 100, "{}", taken.records);
    assert_eq!(taken.bytes, taken.records * (100 + 246 * 4 + 10));
    let message = support::load_with(PUTS, &[prefix(247).as_str()]).expect_err("it is too long");
    assert!(message.contains("KDS-H1"), "{message}");
}

#[test]
fn kds_s1_records_are_kept_for_a_day_to_a_year() {
    let kept = |retention: &str| {
        let text = support::fed_table("1/s", "1m", "")
            .replace("shards: 2 } } }", &format!("shards: 2 }} }}, retention: {retention} }}"));
        support::load(&text).map(|scenario| scenario.streams[0].retention / (3_600 * SECOND))
    };
    assert_eq!(kept("24h"), Ok(24));
    assert_eq!(kept("365d"), Ok(8_760));
    for beyond in ["23h", "366d"] {
        assert!(kept(beyond).is_err_and(|error| error.contains("KDS-S1")), "{beyond}");
    }
}
