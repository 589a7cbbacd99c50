//! From a scenario file to checked scenarios: the base and each of its variants.

use std::path::{Path as FilePath, PathBuf};
use std::sync::Arc;

use super::checked::Scenario;
use super::diagnostic::{Diagnostic, Diagnostics};
use super::file::ScenarioFile;
use super::inputs::Inputs;
use super::overrides::Override;
use super::path::{Path, Segment};
use super::resolve::{Setting, resolve};
use super::source::Source;
use super::sweep::{Axis, BASE, Sweep, is_within};
use super::tree::{Node, Value};
use super::{de, feed_rule, misplaced, yaml};

/// What the command line adds to the file.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct LoadOptions {
    /// Overrides `path=value`, in order; they come after a variant's.
    pub sets: Vec<String>,
    /// Seed in place of the file's.
    pub seed: Option<u64>,
    /// Replications in place of the file's.
    pub replications: Option<u32>,
    /// A file of prices in place of the scenario's.
    pub prices: Option<PathBuf>,
}

/// A scenario file, checked.
#[derive(Clone, Debug)]
pub struct Loaded {
    /// The scenario without its variants.
    pub base: Scenario,
    /// Its variants by name, in file order.
    pub variants: Vec<(String, Scenario)>,
}

/// Reads and checks a scenario file and the files that it names. Of its sweep only the form is checked.
///
/// # Errors
/// Every mistake that was found, sorted by place: in the file, in a variant, in an override, in an input file.
pub fn load(path: &FilePath, options: &LoadOptions) -> Result<Loaded, Diagnostics> {
    File::read(path, options).map(|file| file.loaded)
}

/// As [`load`], and checks each value of the scenario's sweep. What is wrong with several values only when they come together,
/// [`load_sweep`] finds.
///
/// # Errors
/// As [`load`]; also what is wrong with a value of the sweep.
pub fn check(path: &FilePath, options: &LoadOptions) -> Result<Loaded, Diagnostics> {
    let file = File::read(path, options)?;
    Sweep::check_values(file.tree, file.arguments, file.axes, file.inputs)?;
    Ok(file.loaded)
}

/// Checks the text of a scenario; `name` stands for it in messages, and its input files are looked for in `folder`.
///
/// # Errors
/// As [`load`].
pub fn load_text(
    name: &str,
    text: &str,
    folder: &FilePath,
    options: &LoadOptions,
) -> Result<Loaded, Diagnostics> {
    File::of(&Source::new(name, text), folder, options).map(|file| file.loaded)
}

/// Reads a scenario file and checks every point of its sweep. Each of `over` is `path=a,b,c`: it stands for the list that the
/// file has for this path, or comes after those lists. `None` when there is nothing to sweep over.
///
/// # Errors
/// As [`load`]; also what is wrong at any point.
pub fn load_sweep(
    path: &FilePath,
    options: &LoadOptions,
    over: &[String],
) -> Result<Option<Sweep>, Diagnostics> {
    let file = File::read(path, options)?;
    let mut axes = file.axes;
    for argument in over {
        let axis = Axis::parse(argument, &file.variants)?;
        match axes.iter_mut().find(|it| it.name == axis.name) {
            Some(written) => *written = axis,
            None => axes.push(axis),
        }
    }
    if axes.is_empty() {
        return Ok(None);
    }
    Sweep::new(file.tree, file.arguments, axes, file.inputs).map(Some)
}

/// A scenario file with all that came of reading it.
struct File {
    tree: Node,
    arguments: Arguments,
    inputs: Inputs,
    variants: Vec<Variant>,
    axes: Vec<Axis>,
    loaded: Loaded,
}

impl File {
    fn read(path: &FilePath, options: &LoadOptions) -> Result<Self, Diagnostics> {
        let source = Source::read(path)?;
        Self::of(&source, path.parent().unwrap_or(FilePath::new("")), options)
    }

    fn of(source: &Arc<Source>, folder: &FilePath, options: &LoadOptions) -> Result<Self, Diagnostics> {
        let tree = yaml::parse(source)?;
        let arguments = Arguments::parse(options)?;
        let mut inputs = Inputs::new(folder);
        if let Some(prices) = &options.prices {
            inputs.find_elsewhere(&prices.display().to_string(), prices);
        }
        let base = arguments.scenario(&tree, None, &mut inputs);
        let base = base.map_err(|errors| arguments.blame(errors, &tree, &mut inputs))?;
        let (mut scenarios, mut errors) = (Vec::new(), Vec::new());
        let variants = Variant::all(&tree)?;
        for variant in &variants {
            match arguments.scenario(&tree, Some(variant), &mut inputs) {
                Ok(scenario) => scenarios.push((variant.name.clone(), scenario)),
                Err(found) => {
                    errors.extend(found.into_errors().into_iter().map(|error| blame(error, &variant.label)));
                }
            }
        }
        Diagnostics::new(errors).or(())?;
        let axes = Axis::all(&tree, &variants)?;
        let loaded = Loaded { base, variants: scenarios };
        Ok(Self { tree, arguments, inputs, variants, axes, loaded })
    }
}

fn variants_path() -> Path {
    Path::ROOT.key("variants")
}

/// A named set of overrides.
pub(super) struct Variant {
    pub name: String,
    label: Arc<str>,
    pub overrides: Vec<Override>,
    /// As written.
    written: Vec<String>,
}

impl Variant {
    fn all(tree: &Node) -> Result<Vec<Self>, Diagnostics> {
        let Some(Value::Map(map)) = tree.get(&variants_path()).map(|variants| &variants.value) else {
            return Ok(Vec::new());
        };
        let (mut variants, mut errors) = (Vec::new(), Vec::new());
        for (name, entry) in map {
            if name == BASE {
                let message = "the scenario without its variants is called `base`";
                errors.push(
                    Diagnostic::new(message)
                        .at(entry.key.clone())
                        .on(variants_path().key(name))
                        .help("give the variant another name"),
                );
            }
            let label: Arc<str> = format!("variant `{name}`").into();
            match Override::list(&entry.value, &label) {
                Ok(overrides) => {
                    let written = overrides.iter().map(Override::written).collect();
                    variants.push(Self { name: name.clone(), label, overrides, written });
                }
                Err(found) => errors.extend(found.into_errors()),
            }
        }
        Diagnostics::new(errors).or(variants)
    }
}

/// Says by which overrides an error came about, for those about lines that the overrides left as they are.
pub(super) fn blame(error: Diagnostic, label: &Arc<str>) -> Diagnostic {
    match error.origin.label() {
        Some(_) => error,
        None => Diagnostic { origin: error.origin.labelled(label), ..error },
    }
}

/// The overrides of the command line.
pub(super) struct Arguments {
    pub overrides: Vec<Override>,
    /// Those of `--set`, as written.
    pub written: Vec<String>,
}

impl Arguments {
    fn parse(options: &LoadOptions) -> Result<Self, Diagnostics> {
        let mut errors = Vec::new();
        let mut parse = |flag: &str, argument: &str| {
            Override::parse(flag, argument).map_err(|found| errors.extend(found.into_errors())).ok()
        };
        let sets: Vec<_> = options.sets.iter().filter_map(|set| parse("--set", set)).collect();
        let seed = options.seed.and_then(|seed| parse("--seed", &format!("seed={seed}")));
        let replications =
            options.replications.and_then(|count| parse("--replications", &format!("replications={count}")));
        let prices = options.prices.as_ref().map(|prices| Override::prices(&prices.display().to_string()));
        let own: Vec<_> = seed.into_iter().chain(replications).chain(prices).collect();
        for set in &sets {
            let again = own.iter().filter(|own| is_within(&set.path, &own.path));
            errors.extend(again.map(|own| {
                let label = own.value.origin.label().unwrap_or_default();
                let message = format!("`{}` is set by {label} too; give one of them", own.path);
                Diagnostic::new(message).at(set.value.origin.clone()).on(set.path.clone())
            }));
        }
        let overrides = sets.into_iter().chain(own).collect();
        Diagnostics::new(errors).or(Self { overrides, written: options.sets.clone() })
    }

    /// Names the overrides in errors about lines that they left as they are, if those are sound without them.
    fn blame(&self, errors: Diagnostics, tree: &Node, inputs: &mut Inputs) -> Diagnostics {
        let none = Self { overrides: Vec::new(), written: Vec::new() };
        if self.overrides.is_empty() || none.scenario(tree, None, inputs).is_err() {
            return errors;
        }
        let labels: Vec<&str> = self.overrides.iter().filter_map(|it| it.value.origin.label()).collect();
        let label = labels.join(" ").into();
        Diagnostics::new(errors.into_errors().into_iter().map(|error| blame(error, &label)).collect())
    }

    /// The scenario with a variant's overrides and then these.
    fn scenario(
        &self,
        tree: &Node,
        variant: Option<&Variant>,
        inputs: &mut Inputs,
    ) -> Result<Scenario, Diagnostics> {
        let changes = variant.map_or(&[][..], |variant| &variant.overrides);
        let written = variant.map_or(&[][..], |variant| &variant.written);
        let changed = Changed {
            overrides: changes.iter().chain(&self.overrides).collect(),
            written: written.iter().chain(&self.written).cloned().collect(),
            variant: variant.map(|it| it.name.clone()),
        };
        changed.scenario(tree, inputs)
    }
}

/// A scenario's tree with changes.
pub(super) struct Changed<'a> {
    pub overrides: Vec<&'a Override>,
    /// As written.
    pub written: Vec<String>,
    /// The variant's name, if it is one.
    pub variant: Option<String>,
}

impl Changed<'_> {
    /// The scenario that comes of it. What other scenarios there are beside it is no part of it.
    pub fn scenario(self, tree: &Node, inputs: &mut Inputs) -> Result<Scenario, Diagnostics> {
        let mut tree = tree.clone();
        let errors = self.overrides.iter().filter_map(|it| apply(it, &mut tree).err()).collect();
        Diagnostics::new(errors).or(())?;
        let file: ScenarioFile =
            de::from_node(&tree).map_err(feed_rule::explain).map_err(misplaced::explain)?;
        if let Value::Map(map) = &mut tree.value {
            OTHERS.iter().for_each(|section| drop(map.shift_remove(*section)));
        }
        let Self { written, variant, .. } = self;
        resolve(&tree, &file, Setting { inputs, overrides: written, variant })
    }
}

/// The sections that say which other scenarios there are.
const OTHERS: [&str; 2] = ["variants", "sweep"];

fn apply(change: &Override, tree: &mut Node) -> Result<(), Diagnostic> {
    match change.path.segments().first() {
        Some(Segment::Key(section)) if OTHERS.contains(&section.as_str()) => {
            let message = format!(
                "an override cannot change the {section}{}",
                if section == "sweep" { "; see --over" } else { "" }
            );
            Err(Diagnostic::new(message).at(change.value.origin.clone()).on(change.path.clone()))
        }
        _ => change.apply(tree),
    }
}

#[cfg(test)]
mod tests;
