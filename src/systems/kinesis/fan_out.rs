//! Enhanced fan-out: a registered consumer has its own 2 MB/s of every shard and is pushed to (KDS-E1, KDS-E3).
//!
//! A record leaves its shard as it arrives there and is with the consumer one push delay later, in order. What
//! arrives within a few milliseconds shares a push.

use super::log::Record;
use super::stream::Stream;
use crate::engine::bucket::{Limit, TokenBucket};
use crate::engine::random::{Keyed, Streams};
use crate::engine::sampler::Sampler;
use crate::engine::time::{MICROSECOND, MILLISECOND, MINUTE, Nanos, SECOND, round};
use crate::settings::parameter::Parameter;

/// Bytes a second that one shard pushes to one registered consumer (KDS-E1).
pub const BYTES_PER_SECOND: u64 = 2 * 1_048_576;
/// Registered consumers that one stream can have (KDS-E2).
pub const CONSUMERS_MAX: usize = 20;
/// Consumers that an on-demand stream can have registered with On-demand Advantage (KDS-E2).
pub const CONSUMERS_MAX_ADVANTAGE: usize = 50;
/// How long a subscription lasts (KDS-E4).
pub const SUBSCRIPTION: Nanos = 5 * MINUTE;
/// A new call for a shard is refused for so long after one that succeeded (KDS-E5).
pub const TAKEOVER: Nanos = 5 * SECOND;
/// SubscribeToShard calls: one a second for each consumer and shard (KDS-E5).
const CALL_INTERVAL: Nanos = SECOND;
/// Records that arrive within so long after the first one share its push.
const GATHER: Nanos = 5 * MILLISECOND;
/// Pushes of one shard that leave within one such slot take equally long.
const SLOT: Nanos = 100 * MILLISECOND;

/// How long a shard pushes nothing while its subscription is renewed.
pub const RENEWAL: Parameter = Parameter::assumed(
    "KDS-E4",
    "renewal",
    "pause of a shard's pushes while its five-minute subscription is renewed",
    "100ms",
    "one call and the opening of one HTTP/2 stream",
);
/// Which pushes share their delay.
pub const GROUPS: Parameter = Parameter::built_in(
    "KDS-E3",
    "pushes of one shard that share one delay",
    "those that leave within 100 ms; records within 5 ms share a push",
    "AWS does not publish how records are grouped into events",
);

/// The parameters of this file.
pub const PARAMETERS: &[Parameter] = &[RENEWAL, GROUPS];

/// A registered consumer as the scenario describes it, checked.
#[derive(Clone, Debug)]
pub struct FanOutPlan {
    /// From arrival in the shard to the consumer, nanoseconds.
    pub push: Sampler,
    /// Pause at each renewal of a subscription.
    pub renewal: Nanos,
}

/// Why a SubscribeToShard call was refused (KDS-E5).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum SubscribeRefused {
    /// `LimitExceededException`: the last call for this shard is less than a second ago.
    LimitExceeded,
    /// `ResourceInUseException`: a call succeeded less than five seconds ago.
    ResourceInUse,
}

/// What one registered consumer was given.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct FanOutMeter {
    /// `SubscribeToShard.Success` (KDS-M5): subscriptions made, renewals among them.
    pub subscriptions: u64,
    /// Pushes (`SubscribeToShardEvent.Success`).
    pub pushes: u64,
    /// Bytes pushed (`SubscribeToShardEvent.Bytes`), which are billed.
    pub bytes: u64,
}

/// The subscription of one consumer to one shard.
#[derive(Clone, Debug)]
struct Subscription {
    budget: TokenBucket,
    /// When it runs out; never, once the shard has ended.
    until: Nanos,
    /// The last call that succeeded, if any in this run.
    made: Option<Nanos>,
    called: Option<Nanos>,
    /// The last slot for which a delay was drawn, and that delay.
    slot: u64,
    delay: Nanos,
}

/// A registered consumer's side of a stream.
#[derive(Clone, Debug)]
pub struct FanOut {
    push: Sampler,
    renewal: Nanos,
    limit: Limit,
    delays: Keyed,
    subscriptions: Vec<Subscription>,
    /// What it counted.
    pub meter: FanOutMeter,
}

impl FanOut {
    /// A consumer that subscribed to each shard within the five minutes before the run; `path` names it.
    pub fn new(plan: &FanOutPlan, draws: &Streams, path: &str, shards: usize) -> Self {
        let mut this = Self {
            push: plan.push.clone(),
            renewal: plan.renewal,
            // One record may be larger than a second's worth (KDS-B1).
            limit: Limit::per_second(BYTES_PER_SECOND),
            delays: draws.keyed(&format!("{path}.push")),
            subscriptions: Vec::new(),
            meter: FanOutMeter::default(),
        };
        // Consumers subscribe at moments of their own, spread over the five minutes.
        for shard in 0..shards {
            this.add(this.delays.bits(shard as u64, 1) % SUBSCRIPTION);
        }
        this
    }

    /// Subscribes to shards that have come since.
    pub fn grow(&mut self, now: Nanos, shards: usize) {
        for shard in self.subscriptions.len()..shards {
            self.add(now);
            let made = self.subscribe_to_shard(now, shard);
            debug_assert!(made.is_ok(), "nobody called before");
        }
    }

    fn add(&mut self, until: Nanos) {
        self.subscriptions.push(Subscription {
            budget: self.limit.full(),
            until,
            made: None,
            called: None,
            slot: u64::MAX,
            delay: 0,
        });
    }

    /// A consumer is registered within the run: each shard pushes once somebody [takes it over](Self::take_over).
    pub fn register(&mut self, shards: usize) {
        for _ in self.subscriptions.len()..shards {
            self.add(Nanos::MAX);
        }
    }

    /// A shard has come to its end: its subscription runs out and is not renewed.
    #[cold]
    pub fn end(&mut self, now: Nanos, shard: usize) {
        self.subscribed_at(now, shard);
        self.subscriptions[shard].until = Nanos::MAX;
    }

    /// The consumer is deregistered: no subscription is renewed any more.
    pub fn end_all(&mut self, now: Nanos) {
        (0..self.subscriptions.len()).for_each(|shard| self.end(now, shard));
    }

    /// SubscribeToShard (KDS-E4, KDS-E5). After five seconds a new call takes the shard over.
    ///
    /// # Errors
    /// Calls that come too soon after another one.
    pub fn subscribe_to_shard(&mut self, now: Nanos, shard: usize) -> Result<(), SubscribeRefused> {
        let subscription = &mut self.subscriptions[shard];
        let soon = |since: Option<Nanos>, span: Nanos| since.is_some_and(|since| now < since + span);
        if soon(subscription.made, TAKEOVER) {
            return Err(SubscribeRefused::ResourceInUse);
        }
        if soon(subscription.called.replace(now), CALL_INTERVAL) {
            return Err(SubscribeRefused::LimitExceeded);
        }
        (subscription.made, subscription.until) = (Some(now), now + SUBSCRIPTION);
        self.meter.subscriptions += 1;
        Ok(())
    }

    /// Renews what has run out (KDS-E4), and says from when on the shard pushes at or after `at`.
    fn subscribed_at(&mut self, at: Nanos, shard: usize) -> Nanos {
        while self.subscriptions[shard].until <= at {
            let until = self.subscriptions[shard].until;
            let renewed = self.subscribe_to_shard(until, shard);
            debug_assert!(renewed.is_ok(), "five minutes are more than five seconds");
        }
        self.subscriptions[shard].made.map_or(at, |made| at.max(made + self.renewal))
    }

    /// The delay of pushes that leave a shard at this moment.
    fn delay(&mut self, left: Nanos, shard: usize) -> Nanos {
        let slot = left / SLOT;
        let subscription = &mut self.subscriptions[shard];
        if subscription.slot != slot {
            let mut draws = self.delays.draws(((shard as u64) << 40) | slot, 0);
            (subscription.slot, subscription.delay) = (slot, round(self.push.sample(&mut draws)));
        }
        subscription.delay
    }

    /// When the push that carries `oldest`, the oldest record waiting on the shard, is with the consumer: not before
    /// `now`.
    pub fn arrives(&mut self, now: Nanos, shard: usize, oldest: &Record) -> Nanos {
        let left = left_shard(oldest);
        let at = (left + self.delay(left, shard)).max(now);
        let at = self.subscribed_at(at, shard);
        let wanted = u64::from(oldest.bytes).min(self.limit.depth());
        let ready = self.subscriptions[shard].budget.ready_at(&self.limit, now, wanted);
        at.max(ready.unwrap_or(at))
    }

    /// What the push that is due now brings, at the end of `out`.
    pub fn receive(
        &mut self,
        now: Nanos,
        shard: usize,
        oldest: &Record,
        (stream, reader): (&mut Stream, usize),
        out: &mut Vec<Record>,
    ) {
        // A push that was held up brings all that has left the shard in time to be here by now.
        let left = left_shard(oldest);
        let held = now.saturating_sub(self.delay(left, shard));
        let until = (left + GATHER).max(held).min(now) / MICROSECOND;
        let there = self.subscriptions[shard].budget.available(&self.limit, now);
        let bytes = stream.push_records(shard, reader, until, there, out);
        self.subscriptions[shard].budget.spend(bytes.min(there));
        self.meter.pushes += 1;
        self.meter.bytes += bytes;
    }

    /// Bytes that a shard may push now.
    pub(super) fn available(&mut self, now: Nanos, shard: usize) -> u64 {
        self.subscriptions[shard].budget.available(&self.limit, now)
    }

    pub(super) fn spend(&mut self, shard: usize, bytes: u64) {
        self.subscriptions[shard].budget.spend(bytes);
    }

    /// Counts the renewals up to the end of the run.
    pub fn finish(&mut self, end: Nanos) {
        (0..self.subscriptions.len()).for_each(|shard| {
            self.subscribed_at(end, shard);
        });
    }
}

/// When a record leaves its shard: as it arrives there, and what arrived before the run at once.
fn left_shard(record: &Record) -> Nanos {
    record.appended.checked_mul(MICROSECOND).unwrap_or(0)
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::DAY;

    fn consumer(push: Nanos) -> FanOut {
        let plan = FanOutPlan { push: Sampler::Constant(push as f64), renewal: 0 };
        FanOut::new(&plan, &Streams::new(1, 0), "consumers.x", 1)
    }

    fn record(now: Nanos, bytes: u32) -> Record {
        Record { written: now / 1_000, appended: now / 1_000, bytes, key: 0, flags: 0 }
    }

    /// Follows all pushes of one shard; the bytes received by `end`.
    fn received(fan_out: &mut FanOut, stream: &mut Stream, reader: usize, end: Nanos) -> u64 {
        let (mut out, mut now) = (Vec::new(), 0);
        while let Some(oldest) = stream.oldest(now, 0, reader) {
            now = fan_out.arrives(now, 0, &oldest);
            if now > end {
                break;
            }
            fan_out.receive(now, 0, &oldest, (stream, reader), &mut out);
        }
        out.iter().map(|record| u64::from(record.bytes)).sum()
    }

    #[test]
    fn kds_e1_a_backlog_comes_at_two_mib_a_second_whatever_others_take() {
        let mut stream = Stream::new(1, DAY, true, true);
        let readers = [stream.register_stream_consumer(), stream.register_stream_consumer()];
        (0..40).for_each(|_| stream.append(0, &record(0, 1_000_000)));
        for reader in readers {
            // A second's worth is there at once; then two MiB a second.
            let bytes = received(&mut consumer(0), &mut stream, reader, 10 * SECOND);
            assert!((21_000_000..=23_100_000).contains(&bytes), "{bytes}");
        }
    }

    #[test]
    fn kds_e3_each_record_is_there_one_push_delay_after_it_came() {
        let mut stream = Stream::new(1, DAY, false, true);
        let reader = stream.register_stream_consumer();
        let mut fan_out = consumer(70 * MILLISECOND);
        for second in 1..10 {
            stream.append(0, &record(second * SECOND, 100));
            let oldest = stream.oldest(second * SECOND, 0, reader).unwrap();
            assert_eq!(fan_out.arrives(second * SECOND, 0, &oldest), second * SECOND + 70 * MILLISECOND);
            fan_out.receive(
                second * SECOND + 70 * MILLISECOND,
                0,
                &oldest,
                (&mut stream, reader),
                &mut Vec::new(),
            );
        }
        assert_eq!(stream.behind(0, reader), 0);
    }

    #[test]
    fn kds_e4_a_day_takes_one_subscription_every_five_minutes() {
        let mut fan_out = consumer(0);
        fan_out.finish(DAY);
        assert!((288..=289).contains(&fan_out.meter.subscriptions), "{:?}", fan_out.meter);
    }

    #[test]
    fn kds_e4_a_shard_is_subscribed_to_from_its_birth_to_its_end() {
        let subscriptions = |end_first: bool| {
            let mut fan_out = consumer(0);
            fan_out.end(0, 0);
            let before = fan_out.meter.subscriptions;
            // Born at hour 10, its last record read two hours later: a call at once and one every five minutes.
            fan_out.grow(10 * 60 * MINUTE, 2);
            if end_first {
                fan_out.end(12 * 60 * MINUTE, 1);
            }
            fan_out.finish(DAY);
            fan_out.meter.subscriptions - before
        };
        assert_eq!(subscriptions(true), 1 + 2 * 12);
        assert_eq!(subscriptions(false), 1 + 14 * 12);
    }

    #[test]
    fn kds_e5_a_new_call_is_refused_for_five_seconds_and_then_takes_over() {
        let mut fan_out = consumer(0);
        let start = 10 * MINUTE;
        assert_eq!(fan_out.subscribe_to_shard(start, 0), Ok(()));
        let again = |fan_out: &mut FanOut, after| fan_out.subscribe_to_shard(start + after, 0);
        assert_eq!(again(&mut fan_out, 5 * SECOND - 1), Err(SubscribeRefused::ResourceInUse));
        assert_eq!(again(&mut fan_out, 5 * SECOND), Ok(()));
    }
}
