//! What part of the writes each key gets in the long run: exact where it matters, without drawing.

use super::keys::KeyPlan;
use super::operation::{OperationMix, WriteKind};
use super::trace::Trace;
use crate::engine::math;

/// Keys with a share of their own; the others share the rest evenly.
const OWN_SHARES_MAX: u32 = 1 << 20;

/// Shares of writes by key; they add up to 1.
#[derive(Clone, Debug, PartialEq)]
pub struct KeyShares {
    /// Shares of single keys.
    pub single: Vec<(u32, f64)>,
    /// What all other keys share evenly.
    pub rest: f64,
}

impl KeyShares {
    /// The shares of a plan under this mix of operations.
    ///
    /// Up to 2^20 keys have a share of their own: the hottest, where they differ. With inserts the window of a
    /// plan of the latest keys moves on for ever, so that in the long run all its writes are spread evenly.
    pub fn of(plan: &KeyPlan, operations: &OperationMix) -> Self {
        match plan {
            KeyPlan::Uniform { items } | KeyPlan::Sequential { items } => even(*items),
            KeyPlan::Zipfian { items, exponent, .. } => zipfian(*items, *exponent, |rank| rank),
            KeyPlan::Latest { .. } if operations.share(WriteKind::Insert) > 0.0 => {
                Self { single: Vec::new(), rest: 1.0 }
            }
            KeyPlan::Latest { items, exponent, .. } => zipfian(*items, *exponent, |age| items - 1 - age),
            KeyPlan::Hotspot(hotspot) => {
                let (hot, traffic) = (hotspot.hot_keys(), hotspot.hot_traffic());
                let of_hot = traffic / f64::from(hot);
                let cold = plan.items() - hot;
                let of_cold = (1.0 - traffic) / f64::from(cold);
                let share = |key: u32| (key, if key < hot { of_hot } else { of_cold });
                Self::single((0..plan.items().min(OWN_SHARES_MAX)).map(share).collect(), plan.items())
            }
            KeyPlan::Trace(trace) => Self::of_trace(trace),
        }
    }

    /// The shares of the keys of a trace.
    fn of_trace(trace: &Trace) -> Self {
        let mut counts = vec![0_u32; trace.keys().len()];
        trace.rows().iter().for_each(|row| counts[row.key as usize] += 1);
        let rows = trace.rows().len() as f64;
        let share = |(key, count): (usize, &u32)| (key as u32, f64::from(*count) / rows);
        Self { single: counts.iter().enumerate().map(share).collect(), rest: 0.0 }
    }

    fn single(single: Vec<(u32, f64)>, items: u32) -> Self {
        let listed: f64 = single.iter().map(|(_, share)| *share).sum();
        let rest = if single.len() as u32 == items { 0.0 } else { (1.0 - listed).max(0.0) };
        Self { single, rest }
    }
}

fn even(items: u32) -> KeyShares {
    let share = 1.0 / f64::from(items);
    KeyShares::single((0..items.min(OWN_SHARES_MAX)).map(|key| (key, share)).collect(), items)
}

fn zipfian(items: u32, exponent: f64, key: impl Fn(u32) -> u32) -> KeyShares {
    let single = items.min(OWN_SHARES_MAX);
    let weights: Vec<f64> = (1..=single).map(|rank| math::pow(f64::from(rank), -exponent)).collect();
    let sum = weights.iter().sum::<f64>() + power_sum(single, items, exponent);
    let shares = weights.iter().zip(0..).map(|(weight, rank)| (key(rank), weight / sum)).collect();
    KeyShares::single(shares, items)
}

/// The sum of `k^-s` for `from < k <= to` by the midpoint rule, which errs by less than `s^2 from^(-s-1) / 12`.
fn power_sum(from: u32, to: u32, s: f64) -> f64 {
    let (from, to) = (f64::from(from) + 0.5, f64::from(to) + 0.5);
    let t = 1.0 - s;
    if t.abs() < 1e-9 {
        return math::ln(to / from);
    }
    (math::pow(to, t) - math::pow(from, t)) / t
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::random::Streams;

    /// Counts of drawn keys follow the shares: chi-squared over keys with 25 expected or more.
    #[test]
    fn draws_follow_the_shares() {
        let modify = OperationMix::new(0.0, 1.0, 0.0).unwrap();
        for plan in [
            KeyPlan::zipfian(500, 0.99).unwrap(),
            KeyPlan::latest(500, 0.5).unwrap(),
            KeyPlan::hotspot(500, 0.02, 0.8).unwrap(),
            KeyPlan::uniform(500).unwrap(),
        ] {
            let (count, mut keys) = (400_000, Vec::new());
            let writes = vec![WriteKind::Modify; count];
            plan.fill(&mut Streams::new(1, 0).named("shares"), &mut plan.start(), &writes, &mut keys);
            let mut counts = [0.0; 500];
            keys.iter().for_each(|key| counts[*key as usize] += 1.0);
            let shares = KeyShares::of(&plan, &modify);
            assert!((shares.single.iter().map(|(_, share)| share).sum::<f64>() - 1.0).abs() < 1e-9);
            let terms = shares.single.iter().map(|(key, share)| {
                let expected = share * count as f64;
                (counts[*key as usize] - expected) * (counts[*key as usize] - expected) / expected
            });
            // 499 degrees of freedom: mean 499, standard deviation 31.6.
            let chi_squared: f64 = terms.sum();
            assert!((chi_squared - 499.0).abs() < 5.0 * 31.6, "{plan:?}: {chi_squared}");
        }
    }

    #[test]
    fn sums_beyond_the_list_are_those_of_the_series() {
        for s in [0.0, 0.5, 0.99, 1.0, 1.7] {
            let exact: f64 = (1_001..=5_000).map(|k| math::pow(f64::from(k), -s)).sum();
            assert!((power_sum(1_000, 5_000, s) / exact - 1.0).abs() < 1e-6, "{s}");
        }
    }
}
