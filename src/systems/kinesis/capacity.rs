//! A stream's capacity over time: its mode, what on-demand capacity does by itself, what a scaling policy asks for, and the
//! calls that change any of it.

use super::exception::Exception;
use super::on_demand::{NEW_STREAM_SHARDS, OnDemandClock, OnDemandPlan, Peaks, Taken, shards_for};
use super::reshard::{NextPoll, StreamStatus};
use super::scaling::{Scaler, ScalingMeter, ScalingPlan, Way};
use super::shard::WRITE_BYTES_PER_SECOND;
use super::stream::Stream;
use crate::engine::time::{DAY, MINUTE, Nanos};
use crate::units::{ByteRate, Duration, counted, noun_of};

/// Switches between the two modes that a stream makes in any 24 hours (KDS-S10).
pub const SWITCHES_PER_DAY: usize = 2;

/// Shards that a note names at most.
const NAMED: usize = 6;

/// How a stream's capacity is set.
#[derive(Clone, Debug, PartialEq)]
pub enum ModePlan {
    /// By the user, perhaps through a policy.
    Provisioned(Option<ScalingPlan>),
    /// By the traffic.
    OnDemand(OnDemandPlan),
}

/// How a stream's capacity is set and moves.
#[derive(Clone, Debug, PartialEq)]
pub struct CapacityPlan {
    /// Its mode at the start.
    pub mode: ModePlan,
    /// How on-demand capacity follows.
    pub clock: OnDemandClock,
    /// From a call for the other mode to its effect.
    pub switch: Nanos,
    /// Most open shards in on-demand mode in this Region (KDS-O6).
    pub on_demand_shards_max: u32,
    /// Most open shards of all provisioned streams of the account in this Region (KDS-S3).
    pub account_shards_max: u32,
    /// Whether the account has On-demand Advantage, without which warm throughput cannot be set (KDS-A1).
    pub advantage: bool,
    /// Time of the UTC day at the start.
    pub day_at_start: Nanos,
    /// Whether it changes at all while the run goes on.
    pub moves: bool,
}

impl Default for CapacityPlan {
    /// Provisioned shards that nothing changes, in one of the large Regions.
    fn default() -> Self {
        Self {
            mode: ModePlan::Provisioned(None),
            clock: OnDemandClock::default(),
            switch: 5 * MINUTE,
            on_demand_shards_max: 10_000,
            account_shards_max: 20_000,
            advantage: false,
            day_at_start: 0,
            moves: false,
        }
    }
}

impl CapacityPlan {
    /// Whether the stream starts in on-demand mode.
    pub fn is_on_demand(&self) -> bool {
        matches!(self.mode, ModePlan::OnDemand(_))
    }
}

/// What a call asks for.
#[derive(Clone, Debug, PartialEq)]
pub enum CapacityChange {
    /// UpdateShardCount.
    Shards(u32),
    /// Provisioned mode, or there another policy; then perhaps UpdateShardCount.
    Provisioned(Option<u32>, Option<ScalingPlan>),
    /// On-demand mode, or there another warm throughput, bytes a second.
    OnDemand(Option<u64>),
}

impl CapacityChange {
    /// In words.
    pub fn describe(&self) -> String {
        match self {
            Self::Shards(shards) => format!("UpdateShardCount to {shards}"),
            Self::Provisioned(None, _) => "provisioned mode".to_owned(),
            Self::Provisioned(Some(shards), _) => {
                format!("provisioned mode with {}", counted((*shards).into(), "shard"))
            }
            Self::OnDemand(None) => "on-demand mode".to_owned(),
            Self::OnDemand(Some(warm)) => format!("on-demand mode with {} warm", ByteRate::new(*warm)),
        }
    }
}

/// What followed from a look at a stream's capacity, or from a call.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Followed {
    /// Polls to come, of readers that shards closed on or that go to new ones.
    pub polls: Vec<NextPoll>,
    /// When the first step of a resharding that was begun takes effect.
    pub step: Option<Nanos>,
    /// When the stream wants to be looked at again, besides every minute.
    pub look: Option<Nanos>,
    /// Whether shards opened at once.
    pub opened: bool,
    /// Whether the mode changed.
    pub switched: bool,
    /// What happened, in words.
    pub notes: Vec<String>,
}

/// What went on with a stream's capacity.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct CapacityMeter {
    /// What policies saw and did, ended ones included.
    pub scaling: ScalingMeter,
    /// Planned calls that were refused.
    pub refused_calls: u64,
    /// Shards split for their use.
    pub splits: u64,
    /// Splits that the Region's maximum forbade (KDS-O6).
    pub splits_forbidden: u64,
}

#[derive(Clone, Debug)]
enum Mode {
    Provisioned(Option<Box<Scaler>>),
    OnDemand(OnDemandPlan),
}

/// A stream's capacity at work.
#[derive(Clone, Debug)]
pub struct Capacity {
    plan: CapacityPlan,
    mode: Mode,
    peaks: Peaks,
    /// What each shard had taken a minute ago, and when it is to be split, if it is.
    shards: Vec<(Taken, Option<Nanos>)>,
    looked: Nanos,
    pending: Option<(Nanos, CapacityChange)>,
    switches: Vec<Nanos>,
    meter: CapacityMeter,
}

impl Capacity {
    /// The capacity of a stream at the start.
    pub fn new(plan: &CapacityPlan) -> Self {
        let (mode, before) = match &plan.mode {
            ModePlan::Provisioned(scaling) => (Mode::Provisioned(scaler(scaling.clone(), 0)), 0),
            ModePlan::OnDemand(on_demand) => (Mode::OnDemand(*on_demand), on_demand.peak),
        };
        Self {
            peaks: Peaks::new(plan.clock.peak_kept, before),
            mode,
            shards: Vec::new(),
            looked: 0,
            pending: None,
            switches: Vec::new(),
            meter: CapacityMeter::default(),
            plan: plan.clone(),
        }
    }

    /// Whether it is in on-demand mode.
    pub fn is_on_demand(&self) -> bool {
        matches!(self.mode, Mode::OnDemand(_))
    }

    /// What went on so far.
    pub fn meter(&self) -> CapacityMeter {
        let mut meter = self.meter;
        if let Mode::Provisioned(Some(scaler)) = &self.mode {
            add(&mut meter.scaling, &scaler.meter);
        }
        meter
    }

    /// The first minute of the calendar after `now`: when to look next.
    pub fn next_minute(&self, now: Nanos) -> Nanos {
        now + MINUTE - (self.plan.day_at_start + now) % MINUTE
    }

    /// A minute has ended: shards that were busy are split, peaks are remembered, a policy may ask for another shard count.
    /// `others` are the open shards of the account's other provisioned streams.
    pub fn close_minute(&mut self, now: Nanos, stream: &mut Stream, others: u64) -> Followed {
        let span = now - self.looked;
        let mut followed = Followed::default();
        if span == 0 {
            return followed;
        }
        let all = self.mark(now, span, stream);
        let (rate, from) = (all.bytes_per_second(span), self.looked);
        self.peaks.close_minute(now, rate);
        self.looked = now;
        let day = (self.plan.day_at_start + now) % DAY;
        let open = stream.lineage().open().len() as u32;
        match &mut self.mode {
            Mode::OnDemand(_) => {
                self.split_due(now, stream, &mut followed);
                if now / DAY > from / DAY {
                    self.scale_down(now, stream, &mut followed);
                }
            }
            Mode::Provisioned(Some(scaler)) => {
                let worth = rate as f64 / WRITE_BYTES_PER_SECOND as f64;
                if let Some(shards) = scaler.close_minute(now, span, day, worth, open) {
                    let outcome = self.update_shard_count(now, stream, others, shards, &mut followed);
                    if let Mode::Provisioned(Some(scaler)) = &mut self.mode {
                        scaler.called(outcome);
                    }
                }
            }
            Mode::Provisioned(None) => {}
        }
        followed
    }

    /// Counts what each shard took in the span that ends now, marks those that were busy, and returns what all took.
    fn mark(&mut self, now: Nanos, span: Nanos, stream: &Stream) -> Taken {
        let on_demand = self.is_on_demand();
        let due = now - span + self.plan.clock.split;
        self.shards.resize(stream.shard_count(), Default::default());
        let mut all = Taken::default();
        for (shard, (before, marked)) in self.shards.iter_mut().enumerate() {
            let taken = stream.taken(shard);
            let minute = taken.since(*before);
            *before = taken;
            all.records += minute.records;
            all.bytes += minute.bytes;
            if on_demand && marked.is_none() && minute.is_hot(span) && !stream.is_closed(shard) {
                *marked = Some(due);
            }
        }
        all
    }

    /// Splits the shards whose time has come (KDS-O4).
    fn split_due(&mut self, now: Nanos, stream: &mut Stream, followed: &mut Followed) {
        let mut split = Vec::new();
        let open: Vec<usize> = stream.lineage().open().iter().map(|shard| usize::from(*shard)).collect();
        for shard in open {
            if self.shards[shard].1.is_none_or(|due| due > now) {
                continue;
            }
            self.shards[shard].1 = None;
            if stream.lineage().open().len() as u32 >= self.plan.on_demand_shards_max {
                if self.meter.splits_forbidden == 0 {
                    let most = self.plan.on_demand_shards_max;
                    followed.notes.push(format!(
                        "shard {shard} is not split: the Region's maximum of {most} MB/s is reached (KDS-O6)"
                    ));
                }
                self.meter.splits_forbidden += 1;
                continue;
            }
            if stream.split_evenly(now, shard, &mut followed.polls) {
                split.push(shard.to_string());
            }
        }
        if split.is_empty() {
            return;
        }
        self.meter.splits += split.len() as u64;
        followed.opened = true;
        let open = stream.lineage().open().len();
        let which = if split.len() > NAMED {
            counted(split.len() as u64, "shard")
        } else {
            format!("{} {}", noun_of(split.len() as u64, "shard"), split.join(", "))
        };
        followed.notes.push(format!(
            "more than half of the limit in use: {which} split in half; {} open now",
            counted(open as u64, "shard")
        ));
    }

    /// Once a day: merges shards that double the remembered peak does not need (KDS-O8, OPEN-12).
    fn scale_down(&mut self, now: Nanos, stream: &mut Stream, followed: &mut Followed) {
        let Mode::OnDemand(plan) = &self.mode else { return };
        let wanted = shards_for(self.peaks.highest().saturating_mul(2));
        let wanted = wanted.max(plan.warm.map_or(0, shards_for)).max(NEW_STREAM_SHARDS);
        let open = stream.lineage().open().len() as u32;
        if wanted < open && stream.status() == StreamStatus::Active {
            followed.step = stream.reshape(now, wanted);
            followed.notes.push(format!(
                "from {open} to {}: room for double the remembered peak",
                counted(wanted.into(), "shard")
            ));
        }
    }

    /// A call asks for another capacity. It takes effect at once or later, or is refused, which the notes say.
    pub fn change(
        &mut self,
        now: Nanos,
        stream: &mut Stream,
        others: u64,
        change: CapacityChange,
    ) -> Followed {
        let mut followed = Followed::default();
        match self.admit(now, stream, &change) {
            Err(why) => {
                self.meter.refused_calls += 1;
                followed.notes.push(format!("refused: {}; {why}", change.describe()));
            }
            Ok(0) => self.take_up(now, stream, others, change, &mut followed),
            Ok(wait) => {
                let what = change.describe();
                let span = Duration::from_nanos(wait);
                followed.notes.push(format!("asked for: {what}; in effect after {span}"));
                followed.look = Some(now + wait);
                stream.set_switching(!self.stays(&change));
                self.pending = Some((now + wait, change));
            }
        }
        followed
    }

    /// Whether a change leaves the mode as it is.
    fn stays(&self, change: &CapacityChange) -> bool {
        match change {
            CapacityChange::Shards(_) => true,
            CapacityChange::Provisioned(..) => !self.is_on_demand(),
            CapacityChange::OnDemand(_) => self.is_on_demand(),
        }
    }

    /// How long a change takes, or why it is refused.
    fn admit(&mut self, now: Nanos, stream: &Stream, change: &CapacityChange) -> Result<Nanos, Exception> {
        if let CapacityChange::OnDemand(Some(_)) = change
            && !self.plan.advantage
        {
            let message = "warm throughput needs On-demand Advantage (KDS-A1)".to_owned();
            return Err(Exception::InvalidArgument(message));
        }
        if self.pending.is_some() {
            return Err(Exception::ResourceInUse("another change is under way".to_owned()));
        }
        if self.stays(change) {
            let warm = matches!(change, CapacityChange::OnDemand(Some(_)));
            return Ok(if warm { self.plan.clock.warm } else { 0 });
        }
        if stream.status() == StreamStatus::Updating {
            return Err(Exception::ResourceInUse("the stream is UPDATING".to_owned()));
        }
        self.switches.retain(|at| *at + DAY > now);
        if self.switches.len() >= SWITCHES_PER_DAY {
            let message = "two switches of the mode in 24 hours are all (KDS-S10)".to_owned();
            return Err(Exception::LimitExceeded(message));
        }
        self.switches.push(now);
        Ok(self.plan.switch)
    }

    /// The change under way may be due.
    pub fn look(&mut self, now: Nanos, stream: &mut Stream, others: u64) -> Followed {
        let mut followed = Followed::default();
        if let Some((_, change)) = self.pending.take_if(|(due, _)| *due <= now) {
            self.take_up(now, stream, others, change, &mut followed);
        }
        followed
    }

    fn take_up(
        &mut self,
        now: Nanos,
        stream: &mut Stream,
        others: u64,
        change: CapacityChange,
        followed: &mut Followed,
    ) {
        let switches = !self.stays(&change);
        stream.set_switching(false);
        stream.set_on_demand(if switches { !self.is_on_demand() } else { self.is_on_demand() });
        let open = stream.lineage().open().len();
        if switches {
            // What was busy under the other mode's eyes is no reason to split.
            self.shards.iter_mut().for_each(|(_, marked)| *marked = None);
            followed.switched = true;
            followed.notes.push(format!(
                "{} begins with the {} of before",
                change.describe(),
                counted(open as u64, "shard")
            ));
        }
        match change {
            CapacityChange::Shards(shards) => self.count_planned(now, stream, others, shards, followed),
            CapacityChange::Provisioned(shards, scaling) => {
                self.meter = self.meter();
                self.mode = Mode::Provisioned(scaler(scaling, now));
                if let Some(shards) = shards.filter(|shards| *shards as usize != open) {
                    self.count_planned(now, stream, others, shards, followed);
                }
            }
            CapacityChange::OnDemand(warm) => {
                self.meter = self.meter();
                let before = match &self.mode {
                    Mode::OnDemand(plan) => *plan,
                    Mode::Provisioned(_) => OnDemandPlan::default(),
                };
                self.mode = Mode::OnDemand(OnDemandPlan { warm, ..before });
                if let Some(warm) = warm {
                    self.warm(now, stream, before.warm.filter(|_| !switches), warm, followed);
                }
            }
        }
    }

    /// UpdateStreamWarmThroughput takes effect: at least that capacity (KDS-A2); after the same or a lower value, no more
    /// than that or the peak of the last hour (KDS-A3).
    fn warm(
        &mut self,
        now: Nanos,
        stream: &mut Stream,
        before: Option<u64>,
        warm: u64,
        followed: &mut Followed,
    ) {
        let open = stream.lineage().open().len() as u32;
        let asked = shards_for(warm);
        let lowers = before.is_some_and(|before| warm <= before);
        let wanted =
            if lowers { asked.max(shards_for(self.peaks.of_last_hour(now))) } else { asked.max(open) };
        let wanted = wanted.clamp(1, self.plan.on_demand_shards_max);
        if wanted != open {
            followed.opened |= stream.reshape_at_once(now, wanted, &mut followed.polls);
        }
        let shards = match wanted == open {
            true => counted(open.into(), "shard"),
            false => format!("from {open} to {}", counted(wanted.into(), "shard")),
        };
        followed.notes.push(format!("warm throughput is {}: {shards}", ByteRate::new(warm)));
    }

    fn count_planned(
        &mut self,
        now: Nanos,
        stream: &mut Stream,
        others: u64,
        shards: u32,
        followed: &mut Followed,
    ) {
        let outcome = self.update_shard_count(now, stream, others, shards, followed);
        self.meter.refused_calls += u64::from(outcome.is_err());
    }

    /// UpdateShardCount, within the account's quota of shards (KDS-S3): which way it goes, or which kind of refusal.
    fn update_shard_count(
        &mut self,
        now: Nanos,
        stream: &mut Stream,
        others: u64,
        shards: u32,
        followed: &mut Followed,
    ) -> Result<Way, usize> {
        let open = stream.lineage().open().len();
        let most = u64::from(self.plan.account_shards_max);
        let outcome = if u64::from(shards) + others > most && shards as usize > open {
            Err(Exception::LimitExceeded(format!(
                "the account's quota is {} (KDS-S3)",
                counted(most, "shard")
            )))
        } else {
            stream.update_shard_count(now, shards)
        };
        match outcome {
            Ok(due) => {
                followed.step = Some(due);
                followed.notes.push(format!("UpdateShardCount from {open} to {shards} begins"));
                Ok(if shards as usize > open { Way::Up } else { Way::Down })
            }
            Err(why) => {
                followed.notes.push(format!("UpdateShardCount to {shards} is refused: {why}"));
                Err(match why {
                    Exception::ResourceInUse(_) => 0,
                    Exception::LimitExceeded(_) => 1,
                    _ => 2,
                })
            }
        }
    }
}

fn scaler(plan: Option<ScalingPlan>, now: Nanos) -> Option<Box<Scaler>> {
    plan.map(|plan| Box::new(Scaler::new(plan, now)))
}

fn add(sum: &mut ScalingMeter, more: &ScalingMeter) {
    sum.calls += more.calls;
    sum.refused.iter_mut().zip(more.refused).for_each(|(sum, more)| *sum += more);
    sum.reversals += more.reversals;
    sum.above += more.above;
    sum.below += more.below;
}

/// Bytes a second that a Region's maximum comes to, one shard for a MB/s (KDS-O6).
pub const fn shards_of_region(large: bool) -> u32 {
    if large { 10_000 } else { 200 }
}

/// Whether a Region is one of the three with the high quotas (KDS-O6, KDS-S3).
pub fn is_large_region(region: &str) -> bool {
    ["us-east-1", "us-west-2", "eu-west-1"].contains(&region)
}

#[cfg(test)]
mod tests;
