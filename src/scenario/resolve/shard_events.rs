//! Planned splits and merges that cannot succeed whatever happens before: they are found when the scenario is loaded, and
//! all others when their moment comes.

use std::num::NonZeroU32;

use crate::scenario::checked::Scenario;
use crate::scenario::path::Path;
use crate::scenario::resolver::Resolver;
use crate::scenario::timeline::{Action, Occurrence, SplitAt, Which};
use crate::systems::kinesis::capacity::ModePlan;
use crate::systems::kinesis::lineage::{Kin, Lineage, shard_id};
use crate::systems::kinesis::plan::StreamPlan;

/// The shards that a stream can have by some moment.
struct Shards {
    /// Those that it starts with.
    first: Lineage,
    /// How many it can have, closed ones included; nothing once their number depends on the run.
    most: Option<usize>,
}

impl Shards {
    fn of(plan: &StreamPlan) -> Self {
        let fixed = matches!(plan.capacity.mode, ModePlan::Provisioned(None));
        let first = Lineage::even(NonZeroU32::new(plan.shards).unwrap_or(NonZeroU32::MIN));
        Self { most: fixed.then(|| first.shards().len()), first }
    }

    /// An error if there cannot be such a shard; otherwise its range, if it is one of the first.
    fn find(&self, resolver: &mut Resolver, path: &Path, number: usize) -> Option<&Kin> {
        if let Some(most) = self.most.filter(|most| number >= *most) {
            let message = format!(
                "there is no {} by then: the last shard that there can be is {}",
                shard_id(number),
                shard_id(most - 1)
            );
            resolver.error(path, message);
        }
        self.first.shard(number)
    }

    fn split(&self, resolver: &mut Resolver, path: &Path, number: usize, at: SplitAt) {
        let Some(kin) = self.find(resolver, &path.key("shard"), number) else { return };
        if let SplitAt::HashKey(at) = at
            && (at <= kin.start || at > kin.end)
        {
            let (id, Kin { start, end, .. }) = (shard_id(number), kin);
            let message = format!("hash key {at} does not lie inside the range {start} to {end} of {id}");
            resolver.error(&path.key("at"), message);
        }
    }

    fn merge(&self, resolver: &mut Resolver, path: &Path, one: usize, other: usize) {
        let [first, second] =
            [one, other].map(|number| self.find(resolver, path, number).map(|kin| kin.start));
        // Those that the stream starts with lie in the order of their numbers.
        if first.is_some() && second.is_some() && one.abs_diff(other) > 1 {
            let [one, other] = [one, other].map(shard_id);
            resolver.error(
                path,
                format!("{one} and {other} are not adjacent, so they cannot be merged (KDS-S5)"),
            );
        }
    }

    /// What an event may make of them.
    fn meet(&mut self, action: &Action) {
        match action {
            Action::Split(..) => self.most = self.most.map(|most| most + 2),
            Action::Merge(..) => self.most = self.most.map(|most| most + 1),
            _ => self.most = None,
        }
    }
}

/// The stream whose shards an event changes.
fn stream(action: &Action) -> Option<usize> {
    match action {
        Action::StreamCapacity(number, _)
        | Action::ShardCount(number, _)
        | Action::Split(number, ..)
        | Action::Merge(number, ..) => Some(*number),
        _ => None,
    }
}

/// Reports splits and merges that AWS would refuse in any case: of shards that there cannot be by then, that are no
/// neighbours, or at a hash key outside of the shard.
pub(super) fn check(resolver: &mut Resolver, scenario: &Scenario) {
    for (number, plan) in scenario.streams.iter().enumerate() {
        let mut shards = Shards::of(plan);
        let concerns = |event: &&Occurrence| stream(&event.action) == Some(number);
        for event in scenario.timeline.iter().filter(concerns) {
            let path = Path::ROOT.key("events").key(&event.name);
            match event.action {
                Action::Split(_, Which::Number(shard), at) => {
                    shards.split(resolver, &path.key("split"), shard, at);
                }
                Action::Merge(_, one, other) => {
                    shards.merge(resolver, &path.key("merge").key("shards"), one, other);
                }
                _ => {}
            }
            shards.meet(&event.action);
        }
    }
}
