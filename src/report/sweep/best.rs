//! The cheapest point of a sweep that meets every objective, and what stands beside it.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::PointRow;
use crate::report::result::slo::Judgement;

/// The best point of a sweep, by number.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize, JsonSchema)]
pub struct Best {
    /// The point with the lowest bill of those that meet every objective; the first of equals.
    pub point: usize,
    /// The next one of those.
    pub runner_up: Option<usize>,
    /// The dearest of the points that cost less: it does not meet them.
    pub next_cheaper: Option<usize>,
    /// The first objective that this one does not surely meet.
    pub fails: Option<String>,
}

impl Best {
    /// The best of these points; nothing where no point is known to meet every objective, or there is none to meet.
    pub fn of(points: &[PointRow]) -> Option<Self> {
        let mut by_cost: Vec<&PointRow> =
            points.iter().filter(|point| point.run.cost_month.is_some()).collect();
        by_cost.sort_by_key(|point| (point.run.cost_month, point.point));
        let passes = |point: &PointRow| point.verdict() == Some(Judgement::Pass.name());
        let at = by_cost.iter().position(|point| passes(point))?;
        let cheaper = by_cost[..at].last();
        let failed = cheaper.and_then(|point| point.run.slo.iter().find(|it| it.verdict != Judgement::Pass));
        Some(Self {
            point: by_cost[at].point,
            runner_up: by_cost[at + 1..].iter().find(|point| passes(point)).map(|point| point.point),
            next_cheaper: cheaper.map(|point| point.point),
            fails: failed.map(|verdict| verdict.path.clone()),
        })
    }
}
