//! Where the bills of two variants cross, along each swept quantity.

use indexmap::IndexMap;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::scale::Scale;
use super::{AxisRow, PointRow};
use crate::report::number::rounded;
use crate::scenario::sweep::VARIANTS;

/// Two variants along one swept quantity, the others standing still: where the cheaper of them changes, or that it does not.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct BreakEven {
    /// The two variants.
    pub between: [String; 2],
    /// The swept path.
    pub along: String,
    /// The values of the other paths, as written.
    pub at: IndexMap<String, String>,
    /// The variant that is cheaper below the crossing; everywhere if there is none.
    pub cheaper_below: String,
    /// The one that is cheaper above it.
    pub cheaper_above: String,
    /// The swept values between which the bills cross, as written; null if they do not.
    pub within: Option<[String; 2]>,
    /// Where they cross by a straight line between those, in words; null if they do not, and if bills are no straight line over
    /// what is swept: sizes are billed rounded up.
    pub crossing: Option<String>,
    /// What shares of its shards' limits are used at the crossing, by figure.
    pub utilisation: IndexMap<String, f64>,
}

/// The grid of points, by the numbers of their values.
struct Grid<'a> {
    axes: &'a [AxisRow],
    points: &'a [PointRow],
}

impl<'a> Grid<'a> {
    fn point(&self, values: &[usize]) -> Option<&'a PointRow> {
        let number =
            self.axes.iter().zip(values).fold(0, |number, (axis, value)| number * axis.values.len() + value);
        self.points.get(number)
    }

    fn cost(&self, values: &[usize]) -> Option<f64> {
        self.point(values)?.figures.get("cost.month")?.value
    }

    /// Every choice of values for the axes but these two, whose places hold 0.
    fn others(&self, except: [usize; 2]) -> Vec<Vec<usize>> {
        let mut all = vec![Vec::new()];
        for (number, axis) in self.axes.iter().enumerate() {
            let count = if except.contains(&number) { 1 } else { axis.values.len() };
            let with = |values: &Vec<usize>| {
                let more = |value| values.iter().copied().chain([value]).collect::<Vec<usize>>();
                (0..count).map(more).collect::<Vec<_>>()
            };
            all = all.iter().flat_map(with).collect();
        }
        all
    }
}

/// All crossings of a sweep over variants and at least one quantity.
pub fn find(axes: &[AxisRow], points: &[PointRow]) -> Vec<BreakEven> {
    let grid = Grid { axes, points };
    let Some(variants) = axes.iter().position(|axis| axis.path == VARIANTS) else { return Vec::new() };
    let count = axes[variants].values.len();
    let mut found = Vec::new();
    for (along, axis) in axes.iter().enumerate().filter(|(number, _)| *number != variants) {
        let Some(scale) = Scale::of(&axis.values) else { continue };
        for values in grid.others([variants, along]) {
            for pair in (0..count).flat_map(|first| (first + 1..count).map(move |second| [first, second])) {
                found.extend(pairwise(&grid, (variants, pair), (along, &scale), &values));
            }
        }
    }
    found
}

/// The crossings of one pair along one axis; nothing where a bill is not known.
fn pairwise(
    grid: &Grid,
    (variants, pair): (usize, [usize; 2]),
    (along, scale): (usize, &Scale),
    others: &[usize],
) -> Vec<BreakEven> {
    let at = |variant: usize, value: usize| {
        let mut values = others.to_vec();
        (values[variants], values[along]) = (variant, value);
        values
    };
    let gap = |value: usize| Some(grid.cost(&at(pair[0], value))? - grid.cost(&at(pair[1], value))?);
    let Some(gaps) = (0..scale.values.len()).map(gap).collect::<Option<Vec<f64>>>() else {
        return Vec::new();
    };
    let name = |which: usize| grid.axes[variants].values[pair[which]].clone();
    let cheaper = |gap: f64| name(usize::from(gap > 0.0));
    let standing = grid.axes.iter().zip(others).enumerate();
    let standing = standing.filter(|(number, _)| ![variants, along].contains(number));
    // Where bills are the same, neither is cheaper: what counts is the sign before and after.
    let unequal: Vec<usize> = (0..gaps.len()).filter(|value| gaps[*value] != 0.0).collect();
    let Some(first) = unequal.first() else { return Vec::new() };
    let never = BreakEven {
        between: [name(0), name(1)],
        along: grid.axes[along].path.clone(),
        at: standing.map(|(_, (axis, value))| (axis.path.clone(), axis.values[*value].clone())).collect(),
        cheaper_below: cheaper(gaps[*first]),
        cheaper_above: cheaper(gaps[*first]),
        within: None,
        crossing: None,
        utilisation: IndexMap::new(),
    };
    let mut crossings = Vec::new();
    for ends in unequal.windows(2).filter(|ends| gaps[ends[0]] * gaps[ends[1]] < 0.0) {
        let [lower, upper] = [ends[0], ends[1]];
        let gap = [gaps[lower], gaps[upper]];
        let part = gap[0] / (gap[0] - gap[1]);
        let ends = [scale.values[lower], scale.values[upper]];
        let ends_written = [lower, upper].map(|value| grid.axes[along].values[value].clone());
        let points = pair.map(|variant| [at(variant, lower), at(variant, upper)]);
        crossings.push(BreakEven {
            cheaper_below: cheaper(gap[0]),
            cheaper_above: cheaper(gap[1]),
            within: Some(ends_written),
            crossing: scale.is_linear().then(|| scale.words(ends[0] + part * (ends[1] - ends[0]))),
            utilisation: if scale.is_linear() { utilisation(grid, &points, part) } else { IndexMap::new() },
            ..never.clone()
        });
    }
    if crossings.is_empty() { vec![never] } else { crossings }
}

/// Shares of limits at a crossing, of the first variant that has them.
fn utilisation(grid: &Grid, points: &[[Vec<usize>; 2]; 2], part: f64) -> IndexMap<String, f64> {
    let mut found = IndexMap::new();
    for [lower, upper] in points {
        let (Some(lower), Some(upper)) = (grid.point(lower), grid.point(upper)) else { continue };
        for (path, figure) in lower.figures.iter().filter(|(path, _)| path.ends_with(".utilisation_share")) {
            let above = upper.figures.get(path).and_then(|figure| figure.value);
            let between = figure.value.zip(above).map(|(low, high)| low + part * (high - low));
            if let Some(share) = between.and_then(rounded) {
                found.entry(path.clone()).or_insert(share);
            }
        }
    }
    found
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::report::sweep::tests::{axis, point};

    /// 40 + 2 x against 10 + 5 x cross at x = 10; at the second size both are dearer by the same, and cross there too; the third
    /// variant is dearer than both throughout.
    #[test]
    fn straight_lines_cross_where_algebra_says() {
        let axes = [
            axis("variants", &["fixed", "used", "dear"]),
            axis("size", &["1 KiB", "2 KiB"]),
            axis("rate", &["4/s", "8/s", "16/s"]),
        ];
        let mut points = Vec::new();
        for variant in 0..3 {
            for size in [0.0, 100.0] {
                for rate in [4.0, 8.0, 16.0] {
                    let cost = [40.0 + 2.0 * rate, 10.0 + 5.0 * rate, 1_000.0 + rate][variant] + size;
                    let share = (variant == 0).then_some(rate / 100.0);
                    points.push(point(points.len(), cost, &[("kinesis.a.utilisation_share", share)]));
                }
            }
        }
        let found = find(&axes, &points);
        let crossing: Vec<_> =
            found.iter().filter(|it| it.along == "rate" && it.crossing.is_some()).collect();
        assert_eq!(crossing.len(), 2, "{found:?}");
        for (it, size) in crossing.iter().zip(["1 KiB", "2 KiB"]) {
            assert_eq!(it.crossing.as_deref(), Some("10/s"));
            assert_eq!((it.cheaper_below.as_str(), it.cheaper_above.as_str()), ("used", "fixed"));
            assert_eq!((it.at["size"].as_str(), it.utilisation["kinesis.a.utilisation_share"]), (size, 0.1));
            assert_eq!(it.within, Some(["8/s".to_owned(), "16/s".to_owned()]));
        }
        let dear = found.iter().filter(|it| it.between[1] == "dear");
        assert!(
            dear.clone().count() > 0
                && dear.clone().all(|it| it.crossing.is_none() && it.cheaper_above != "dear")
        );
    }

    /// One USD a started KB against 2.5 USD: dearer from the first byte above 2 KiB on. A line from 1 KiB (1 USD) to 9 KiB (9 USD)
    /// would cross at 2.5 KiB, where the bill is 3 USD already; so only the points around the step are named.
    #[test]
    fn bills_over_sizes_are_steps_and_cross_between_two_points() {
        let axes = [axis("variants", &["by-size", "flat"]), axis("size", &["1 KiB", "2 KiB", "9 KiB"])];
        let costs = [1.0, 2.0, 9.0, 2.5, 2.5, 2.5];
        let points: Vec<_> =
            costs.into_iter().enumerate().map(|(number, cost)| point(number, cost, &[])).collect();
        let [it] = &find(&axes, &points)[..] else { panic!("one crossing") };
        assert_eq!(
            (it.within.clone(), it.crossing.clone()),
            (Some(["2 KiB".to_owned(), "9 KiB".to_owned()]), None)
        );
        assert_eq!((it.cheaper_below.as_str(), it.cheaper_above.as_str()), ("by-size", "flat"));
    }

    #[test]
    fn equal_bills_have_no_cheaper_one_and_a_crossing_may_lie_on_a_point() {
        let axes = [axis("variants", &["a", "b"]), axis("rate", &["1/s", "2/s", "3/s"])];
        let of = |costs: [f64; 6]| {
            let points: Vec<_> =
                costs.into_iter().enumerate().map(|(number, cost)| point(number, cost, &[])).collect();
            find(&axes, &points)
        };
        assert_eq!(of([5.0, 6.0, 7.0, 5.0, 6.0, 7.0]), []);
        let [crossing] = &of([4.0, 6.0, 8.0, 5.0, 6.0, 7.0])[..] else { panic!("one crossing") };
        assert_eq!((crossing.crossing.as_deref(), crossing.cheaper_below.as_str()), (Some("2/s"), "a"));
    }
}
