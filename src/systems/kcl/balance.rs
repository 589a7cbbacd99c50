//! How the leader of KCL 3 balances: by what its workers' processors do, not by counting leases (KCL-10 to KCL-12).

use crate::engine::time::Nanos;

/// Weight of the newest value in a smoothed one (KCL-10, KWK-6).
const ALPHA: f64 = 0.5;
/// Workers this far off the fleet's mean make it rebalance (KCL-11, KWK-5).
const VARIANCE: f64 = 0.10;
/// Share of the surplus that one balancing moves: what the code and the guide say; a document of the repository says 80 %
/// (KCL-12).
pub const DAMPENING: f64 = 0.60;

/// A value smoothed over its reports; none before the first.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Smoothed(Option<f64>);

impl Smoothed {
    /// A new value comes in.
    pub fn note(&mut self, value: f64) {
        self.0 = Some(self.0.map_or(value, |before| ALPHA * value + (1.0 - ALPHA) * before));
    }

    /// As it stands.
    pub fn value(self) -> f64 {
        self.0.unwrap_or(0.0)
    }
}

/// A meter that only grows, turned into a smoothed rate.
#[derive(Clone, Copy, Debug, Default, PartialEq)]
pub struct Rate {
    smoothed: Smoothed,
    before: u64,
    at: Nanos,
}

impl Rate {
    /// The meter shows `count` now.
    pub fn note(&mut self, now: Nanos, count: u64) {
        if now > self.at {
            self.smoothed.note(count.saturating_sub(self.before) as f64 / (now - self.at) as f64);
        }
        (self.before, self.at) = (count, now);
    }

    /// Its count a nanosecond.
    pub fn value(&self) -> f64 {
        self.smoothed.value()
    }

    /// The worker starts again: what it did before says nothing.
    pub fn restart(&mut self, now: Nanos, count: u64) {
        *self = Self { smoothed: Smoothed::default(), before: count, at: now };
    }
}

/// A worker as the leader sees it.
#[derive(Clone, Debug, PartialEq)]
pub struct Seat {
    /// Its number.
    pub worker: usize,
    /// Its load: CPU, or bytes a second.
    pub load: f64,
    /// Its leases, by shard, with the bytes a second of each.
    pub leases: Vec<(usize, f64)>,
}

impl Seat {
    fn throughput(&self) -> f64 {
        self.leases.iter().map(|(_, rate)| rate).sum()
    }
}

/// The leases to move: (shard, from, to). Nothing while every worker is within 10 % of the mean.
pub fn moves(mut seats: Vec<Seat>) -> Vec<(usize, usize, usize)> {
    let mut moves = Vec::new();
    let mean = seats.iter().map(|seat| seat.load).sum::<f64>() / seats.len().max(1) as f64;
    let off = |seat: &Seat| (seat.load - mean).abs() > mean * VARIANCE;
    if seats.len() < 2 || !seats.iter().any(off) {
        return moves;
    }
    // The most loaded give first; ties by number, so that the order is total.
    seats.sort_by(|a, b| b.load.total_cmp(&a.load).then(a.worker.cmp(&b.worker)));
    for giver in 0..seats.len() {
        if seats[giver].load <= mean || seats[giver].leases.len() < 2 {
            continue;
        }
        let total = seats[giver].throughput();
        let cost = if total > 0.0 { seats[giver].load / total } else { 0.0 };
        let mut surplus = total * (seats[giver].load - mean) / seats[giver].load * DAMPENING;
        let mut given = false;
        seats[giver].leases.sort_by(|a, b| b.1.total_cmp(&a.1).then(a.0.cmp(&b.0)));
        while seats[giver].leases.len() > 1 {
            let fits = seats[giver].leases.iter().position(|(_, rate)| *rate <= surplus);
            // Where every lease is more than the surplus, the smallest goes: the library may overshoot.
            let Some(chosen) = fits.or((!given).then(|| seats[giver].leases.len() - 1)) else { break };
            let (shard, rate) = seats[giver].leases[chosen];
            let least = |a: &usize, b: &usize| seats[*a].load.total_cmp(&seats[*b].load);
            let others = (0..seats.len()).filter(|seat| *seat != giver);
            let Some(taker) = others.min_by(|a, b| least(a, b).then(seats[*a].worker.cmp(&seats[*b].worker)))
            else {
                break;
            };
            let after = seats[taker].load + rate * cost;
            // No worker is filled above the mean, unless that leaves it below where the giver stands.
            if seats[taker].load >= mean || after >= seats[giver].load || rate <= 0.0 {
                break;
            }
            seats[giver].leases.remove(chosen);
            seats[giver].load -= rate * cost;
            seats[taker].load = after;
            seats[taker].leases.push((shard, rate));
            moves.push((shard, seats[giver].worker, seats[taker].worker));
            surplus -= rate;
            given = true;
            if surplus <= 0.0 {
                break;
            }
        }
    }
    moves
}

#[cfg(test)]
mod tests {
    use super::*;

    fn seat(worker: usize, load: f64, rates: &[(usize, f64)]) -> Seat {
        Seat { worker, load, leases: rates.to_vec() }
    }

    #[test]
    fn kcl_10_kwk_6_a_smoothed_value_is_half_the_new_one() {
        let mut rate = Rate::default();
        rate.note(10, 100);
        rate.note(20, 120);
        assert_eq!(rate.value(), 0.5 * 2.0 + 0.5 * 10.0);
    }

    #[test]
    fn kcl_11_kwk_5_within_ten_percent_of_the_mean_nothing_moves() {
        let of = |high: f64, low: f64| {
            moves(vec![
                seat(0, high, &[(0, 1.0), (1, 1.0), (2, 1.0), (3, 1.0)]),
                seat(1, low, &[(4, 1.0), (5, 1.0)]),
            ])
        };
        assert_eq!(of(0.54, 0.46), []);
        assert_ne!(of(0.60, 0.40), []);
    }

    #[test]
    fn kcl_12_one_balancing_moves_sixty_percent_of_the_surplus() {
        // Load 1.0 on 100 leases against 0.0 on none: half of it is surplus, and 60 % of 50 leases go.
        let leases: Vec<(usize, f64)> = (0..100).map(|shard| (shard, 1.0)).collect();
        assert_eq!(moves(vec![seat(0, 1.0, &leases), seat(1, 0.0, &[])]).len(), 30);
    }

    #[test]
    fn top_10_by_count_even_and_by_load_not() {
        // Two leases each; one of them is hot. By count nothing would move.
        let moved = moves(vec![seat(0, 0.8, &[(0, 6.0), (2, 2.0)]), seat(1, 0.2, &[(1, 1.0), (3, 1.0)])]);
        assert_eq!(moved, [(2, 0, 1)]);
    }

    #[test]
    fn a_worker_with_one_lease_keeps_it_and_nothing_moves_where_it_would_only_swap_the_roles() {
        assert_eq!(moves(vec![seat(0, 0.9, &[(0, 9.0)]), seat(1, 0.1, &[(1, 1.0)])]), []);
        assert_eq!(moves(vec![seat(0, 0.9, &[(0, 5.0), (1, 5.0)]), seat(1, 0.6, &[(2, 3.0)])]), []);
    }
}
