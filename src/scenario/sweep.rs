//! Sweeps: a grid of overrides, each point of it a scenario of its own.

use std::collections::BTreeSet;
use std::sync::{Arc, Mutex, PoisonError};

use super::alias;
use super::canonical::{self, sha256};
use super::checked::Scenario;
use super::diagnostic::{Diagnostic, Diagnostics, did_you_mean};
use super::inputs::Inputs;
use super::load::{Arguments, Changed, Variant, blame};
use super::overrides::{Override, split, without_places};
use super::path::{Path, Segment};
use super::source::{Origin, Source};
use super::tree::{Node, Value};
use super::yaml;

/// The most points that a grid may have.
pub const POINTS_MAX: usize = 100_000;
/// The axis whose values are names of variants.
pub const VARIANTS: &str = "variants";
/// What the scenario without any variant is called, there and in comparisons.
pub(super) const BASE: &str = "base";
/// Mistakes at different points of a grid tend to be the same few: after so many no further points are looked at.
const MISTAKES_MAX: usize = 20;

/// One path of a sweep with the values that it takes.
#[derive(Clone, Debug)]
pub struct Axis {
    /// The path as a path prints, or `variants`.
    pub name: String,
    values: Vec<AxisValue>,
}

#[derive(Clone, Debug)]
struct AxisValue {
    /// On one line, in the scenario's language.
    written: String,
    /// What it changes; several things if it is a variant.
    overrides: Vec<Override>,
}

impl Axis {
    /// Its values on one line each, in their order.
    pub fn values(&self) -> impl ExactSizeIterator<Item = &str> {
        self.values.iter().map(|value| value.written.as_str())
    }

    /// The axes that a scenario's `sweep` has, in file order.
    pub(super) fn all(tree: &Node, variants: &[Variant]) -> Result<Vec<Self>, Diagnostics> {
        let Some(Value::Map(map)) = tree.get(&Path::ROOT.key("sweep")).map(|sweep| &sweep.value) else {
            return Ok(Vec::new());
        };
        let (mut axes, mut errors) = (Vec::new(), Vec::new());
        for (path, entry) in map {
            match Self::new(path, &entry.value, &entry.key, variants) {
                Ok(axis) => axes.push(axis),
                Err(error) => errors.push(error.on(Path::ROOT.key("sweep").key(path))),
            }
        }
        Diagnostics::new(errors).or(axes)
    }

    /// Reads an argument `path=a,b,c`; each value is YAML, and the list may stand in brackets.
    pub(super) fn parse(argument: &str, variants: &[Variant]) -> Result<Self, Diagnostic> {
        let label: Arc<str> = format!("--over {argument}").into();
        let origin = Origin::Override { label: Arc::clone(&label), written: None };
        let fail = |message: String| Diagnostic::new(message).at(origin.clone());
        let (path, values) = split(argument)
            .ok_or_else(|| fail(format!("expected path=a,b,c, such as `seed=1,2,3`; found `{argument}`")))?;
        let list = yaml::parse_value(&Source::new(&*label, format!("[{values}]")));
        let mut list = list.map_err(|error| fail(error.message))?;
        if let Value::List(items) = &mut list.value
            && let [Node { value: Value::List(_), .. }] = items[..]
        {
            list = items.remove(0);
        }
        Self::new(path.trim(), &without_places(list, &origin), &origin, variants)
    }

    fn new(path: &str, list: &Node, key: &Origin, variants: &[Variant]) -> Result<Self, Diagnostic> {
        let Value::List(items) = &list.value else {
            let message = format!("expected a list of values to sweep over; found {}", list.describe());
            return Err(Diagnostic::new(message).at(list.place(Some(key)).clone()));
        };
        if items.is_empty() {
            return Err(Diagnostic::new("there are no values to sweep over").at(key.clone()));
        }
        let parsed =
            path.parse::<Path>().map_err(|error| Diagnostic::new(error.to_string()).at(key.clone()))?;
        let value = |item: &Node| match path {
            VARIANTS => of_variant(item, key, variants),
            _ => Ok(AxisValue {
                written: canonical::line(item),
                overrides: vec![Override { path: parsed.clone(), value: item.clone() }],
            }),
        };
        let axis = Self {
            name: parsed.to_string(),
            values: items.iter().map(value).collect::<Result<_, Diagnostic>>()?,
        };
        let mut seen = BTreeSet::new();
        match items.iter().zip(&axis.values).find(|(_, value)| !seen.insert(&value.written)) {
            Some((item, value)) => {
                let message = format!("`{}` stands twice in the list", value.written);
                Err(Diagnostic::new(message).at(item.place(Some(key)).clone()))
            }
            None => Ok(axis),
        }
    }

    /// The path that each of its values replaces; none if it is the axis of variants.
    fn path(&self) -> Option<&Path> {
        let [change] = &self.values.first()?.overrides[..] else { return None };
        (self.name != VARIANTS).then_some(&change.path)
    }
}

fn of_variant(item: &Node, key: &Origin, variants: &[Variant]) -> Result<AxisValue, Diagnostic> {
    let (Value::Plain(name) | Value::Quoted(name)) = &item.value else {
        let message = format!("expected the name of a variant; found {}", item.describe());
        return Err(Diagnostic::new(message).at(item.place(Some(key)).clone()));
    };
    let overrides = match variants.iter().find(|variant| variant.name == *name) {
        Some(variant) => variant.overrides.clone(),
        None if name == BASE => Vec::new(),
        None => {
            let near = did_you_mean(name, variants.iter().map(|variant| variant.name.as_str()));
            let message = format!("the scenario has no variant `{name}`{near}");
            return Err(Diagnostic::new(message).at(item.origin.clone()));
        }
    };
    Ok(AxisValue { written: name.clone(), overrides })
}

/// A grid of scenarios: every combination of its axes' values, the last axis's changing fastest.
pub struct Sweep {
    tree: Node,
    arguments: Arguments,
    /// The axes.
    pub axes: Vec<Axis>,
    inputs: Mutex<Inputs>,
    /// SHA-256 of what is swept and of the scenario at every point with its input files, hex.
    pub digest: String,
}

impl Sweep {
    /// Checks the scenarios at all points.
    pub(super) fn new(
        tree: Node,
        arguments: Arguments,
        axes: Vec<Axis>,
        inputs: Inputs,
    ) -> Result<Self, Diagnostics> {
        let inputs = Mutex::new(inputs);
        let mut sweep = Self { tree, arguments, axes, inputs, digest: String::new() };
        sweep.check_size()?;
        Diagnostics::new(sweep.without_effect()).or(())?;
        sweep.digest = sweep.check_points(0..sweep.points())?;
        Ok(sweep)
    }

    /// Checks each value at one point at least: all axes but one are at their first.
    pub(super) fn check_values(
        tree: Node,
        arguments: Arguments,
        axes: Vec<Axis>,
        inputs: Inputs,
    ) -> Result<(), Diagnostics> {
        let sweep = Self { tree, arguments, axes, inputs: Mutex::new(inputs), digest: String::new() };
        sweep.check_size()?;
        let (mut points, mut stride) = (vec![0], 1);
        for axis in sweep.axes.iter().rev() {
            points.extend((1..axis.values.len()).map(|value| value * stride));
            stride *= axis.values.len();
        }
        sweep.check_points(points).map(drop)
    }

    /// Points of the grid.
    pub fn points(&self) -> usize {
        self.axes.iter().map(|axis| axis.values.len()).product()
    }

    /// The values at a point, one an axis, on one line each.
    pub fn values(&self, point: usize) -> Vec<&str> {
        self.at(point).into_iter().map(|value| value.written.as_str()).collect()
    }

    /// The scenario at a point.
    ///
    /// # Errors
    /// None but for input files that can no longer be read: every point was checked.
    pub fn scenario(&self, point: usize) -> Result<Scenario, Diagnostics> {
        let values = self.at(point);
        let (variants, paths): (Vec<_>, Vec<_>) =
            self.axes.iter().zip(&values).partition(|(axis, _)| axis.name == VARIANTS);
        let label: Arc<str> = format!("sweep point {point} ({})", self.described(point)).into();
        let labelled = |(_, value): &(&Axis, &&AxisValue)| -> Vec<Override> {
            let change =
                |it: &Override| Override { path: it.path.clone(), value: it.value.clone().labelled(&label) };
            value.overrides.iter().map(change).collect()
        };
        let variant = variants.first().map(|(_, value)| value.written.clone()).filter(|name| name != BASE);
        // As everywhere, a variant comes before the arguments; the sweep has the last word.
        let before: Vec<Override> = variants.iter().flat_map(labelled).collect();
        let after: Vec<Override> = paths.iter().flat_map(labelled).collect();
        let written = before.iter().map(Override::written);
        let written = written.chain(self.arguments.written.iter().cloned());
        let changed = Changed {
            written: written.chain(after.iter().map(Override::written)).collect(),
            overrides: before.iter().chain(&self.arguments.overrides).chain(&after).collect(),
            variant,
        };
        let mut inputs = self.inputs.lock().unwrap_or_else(PoisonError::into_inner);
        changed.scenario(&self.tree, &mut inputs).map_err(|errors| {
            Diagnostics::new(errors.into_errors().into_iter().map(|error| blame(error, &label)).collect())
        })
    }

    /// "shards=4, seed=7" at a point.
    pub fn described(&self, point: usize) -> String {
        let pairs = self.axes.iter().zip(self.at(point));
        pairs.map(|(axis, value)| format!("{}={}", axis.name, value.written)).collect::<Vec<_>>().join(", ")
    }

    fn at(&self, point: usize) -> Vec<&AxisValue> {
        let mut rest = point;
        let mut values: Vec<&AxisValue> = Vec::with_capacity(self.axes.len());
        for axis in self.axes.iter().rev() {
            values.push(&axis.values[rest % axis.values.len()]);
            rest /= axis.values.len();
        }
        values.reverse();
        values
    }

    fn check_size(&self) -> Result<(), Diagnostic> {
        let counts = self.axes.iter().map(|axis| axis.values.len());
        let points = counts.clone().try_fold(1_usize, usize::checked_mul);
        if points.is_some_and(|points| points <= POINTS_MAX) {
            return Ok(());
        }
        let product = counts.map(|count| count.to_string()).collect::<Vec<_>>().join(" x ");
        let message = format!("the sweep has {product} points; expected at most {POINTS_MAX}");
        Err(Diagnostic::new(message).at(self.tree.origin_at(&Path::ROOT.key("sweep"))))
    }

    /// Changes that a sweep takes back at every point: nothing is accepted and ignored.
    fn without_effect(&self) -> Vec<Diagnostic> {
        let mut errors = Vec::new();
        for (number, axis) in self.axes.iter().enumerate() {
            let Some(path) = axis.path() else { continue };
            let earlier = self.axes[..number].iter().filter(|it| it.path().is_some());
            let earlier = earlier.filter_map(|it| it.values.first()?.overrides.first());
            for change in earlier.chain(&self.arguments.overrides).filter(|it| is_within(&it.path, path)) {
                let message = format!("`{}` has no effect: the sweep over `{path}` replaces it", change.path);
                errors.push(Diagnostic::new(message).at(change.value.origin.clone()).on(change.path.clone()));
            }
        }
        errors
    }

    /// Resolves these points; the digest of all of them.
    fn check_points(&self, points: impl IntoIterator<Item = usize>) -> Result<String, Diagnostics> {
        let (mut errors, mut seen) = (Vec::<Diagnostic>::new(), BTreeSet::new());
        let mut digests = String::new();
        for point in points {
            match self.scenario(point) {
                Ok(scenario) => {
                    digests += &format!("{} {}\n", self.described(point), scenario.identity.digest);
                    for (file, digest) in &scenario.identity.inputs {
                        digests += &format!("{file} {digest}\n");
                    }
                }
                Err(found) => {
                    // One mistake is made at many points; the first one tells.
                    let key = |error: &Diagnostic| (error.message.clone(), error.path.clone());
                    errors.extend(found.into_errors().into_iter().filter(|error| seen.insert(key(error))));
                }
            }
            if errors.len() >= MISTAKES_MAX {
                break;
            }
        }
        Diagnostics::new(errors).or(sha256(digests.as_bytes()))
    }
}

/// Whether a path is another one or leads further down from there, in whatever words.
pub(super) fn is_within(path: &Path, other: &Path) -> bool {
    let same = |pair: (&Segment, &Segment)| match pair {
        (Segment::Key(a), Segment::Key(b)) => alias::canonical(a) == alias::canonical(b),
        (a, b) => a == b,
    };
    let (path, other) = (path.segments(), other.segments());
    path.len() >= other.len() && path.iter().zip(other).all(same)
}
