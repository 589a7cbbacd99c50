//! What resolving a scenario needs everywhere: defaults, errors with their places, the list of assumptions.

use std::fmt::Display;
use std::ops::RangeInclusive;

use serde::de::DeserializeOwned;

use super::checked::Assumption;
use super::diagnostic::{Diagnostic, Diagnostics, did_you_mean, quoted};
use super::path::{Path, Segment};
use super::source::Source;
use super::tree::{Node, Value};
use super::{canonical, de, yaml};
use crate::settings::parameter::Parameter;

/// A parameter that the scenario's section `assumptions` sets.
struct Chosen<'a> {
    id: &'static str,
    key: &'static str,
    path: Path,
    value: &'a Node,
    used: bool,
}

/// Collects what is found on the way from a file to a scenario.
pub(super) struct Resolver<'a> {
    tree: &'a Node,
    chosen: Vec<Chosen<'a>>,
    errors: Vec<Diagnostic>,
    assumptions: Vec<Assumption>,
    /// Notes on the input files, whole sentences.
    pub notes: Vec<String>,
}

impl<'a> Resolver<'a> {
    /// A resolver over a tree; `parameters` are those that the section `assumptions` may set.
    pub fn new(tree: &'a Node, parameters: &[Parameter]) -> Self {
        let mut this =
            Self { tree, chosen: Vec::new(), errors: Vec::new(), assumptions: Vec::new(), notes: Vec::new() };
        let path = Path::ROOT.key("assumptions");
        let section = tree.get(&path);
        if let Some(Value::Map(map)) = section.map(|section| &section.value) {
            for (id, entry) in map {
                this.choose(path.key(id), id, &entry.value, parameters);
            }
        }
        this
    }

    /// Notes one entry of the section `assumptions`.
    fn choose(&mut self, path: Path, id: &str, value: &'a Node, parameters: &[Parameter]) {
        let listed = || parameters.iter().filter(|parameter| !parameter.published);
        let found: Vec<_> = listed().filter(|parameter| parameter.id == id).collect();
        let settable: Vec<_> = found.iter().filter(|parameter| !parameter.key.is_empty()).collect();
        match (&settable[..], &value.value) {
            ([], _) if found.is_empty() => {
                let near = did_you_mean(id, listed().map(|parameter| parameter.id));
                self.error(&path, format!("there is no assumption `{id}`{near}"));
            }
            ([], _) => self.error(&path, format!("the assumption `{id}` is built in and cannot be set")),
            ([one], _) => self.chosen.push(Chosen { id: one.id, key: one.key, path, value, used: false }),
            (several, Value::Map(map)) => {
                for (key, entry) in map {
                    let keys = several.iter().map(|parameter| parameter.key);
                    let path = path.key(key);
                    match several.iter().find(|parameter| parameter.key == key) {
                        Some(one) => {
                            let (id, key, value) = (one.id, one.key, &entry.value);
                            self.chosen.push(Chosen { id, key, path, value, used: false });
                        }
                        None => {
                            let near = did_you_mean(key, keys.clone());
                            let help = format!("it has {}", quoted(keys));
                            self.error_with_help(&path, format!("there is no `{key}` in `{id}`{near}"), help);
                        }
                    }
                }
            }
            (several, _) => {
                let keys = quoted(several.iter().map(|parameter| parameter.key));
                self.error(&path, format!("`{id}` stands for several values; give a map of {keys}"));
            }
        }
    }

    /// Reports an error about a node.
    pub fn error(&mut self, path: &Path, message: impl Into<String>) {
        self.report(path, Diagnostic::new(message));
    }

    /// Reports an error about a node, with advice.
    pub fn error_with_help(&mut self, path: &Path, message: impl Into<String>, help: impl Into<String>) {
        self.report(path, Diagnostic::new(message).help(help));
    }

    /// What many parts take from the section `assumptions` is reported once, where it is written.
    fn report(&mut self, path: &Path, error: Diagnostic) {
        let path = self.assumed_at(path).unwrap_or(path);
        let error = error.at(self.tree.origin_at(path)).on(path.clone());
        if !self.errors.contains(&error) {
            self.errors.push(error);
        }
    }

    /// The entry of the section `assumptions` that gave a node its value, if the node is not written itself.
    fn assumed_at(&self, path: &Path) -> Option<&Path> {
        let steps = path.segments();
        let written =
            (0..=steps.len()).rev().find(|end| self.tree.get(&Path(steps[..*end].to_vec())).is_some())?;
        let names = (written..steps.len()).flat_map(|at| {
            // A parameter within a part bears the part's name too: `retry.base` is `retry_base`.
            let within =
                steps[at.saturating_sub(1)..=at].iter().map(Segment::to_string).collect::<Vec<_>>().join("_");
            [steps[at].to_string(), within]
        });
        let used: Vec<_> = self.chosen.iter().filter(|chosen| chosen.used).collect();
        names
            .into_iter()
            .find_map(|name| used.iter().find(|chosen| chosen.key == name))
            .map(|chosen| &chosen.path)
    }

    /// Reports errors in a file that the scenario names.
    pub fn adopt(&mut self, errors: Diagnostics) {
        self.errors.extend(errors.into_errors());
    }

    /// The value, or an error about a node.
    pub fn check<T>(&mut self, path: &Path, result: Result<T, impl Display>) -> Option<T> {
        result.map_err(|error| self.error(path, error.to_string())).ok()
    }

    /// Reports a value outside its range; `fact` says whose range it is.
    pub fn within<T: PartialOrd + Display>(
        &mut self,
        path: &Path,
        value: T,
        range: RangeInclusive<T>,
        fact: &str,
    ) {
        if !range.contains(&value) {
            let (least, most) = range.into_inner();
            let why = if fact.is_empty() { String::new() } else { format!(" ({fact})") };
            self.error(path, format!("expected {least} to {most}{why}; found `{value}`"));
        }
    }

    /// Reports unless exactly one of these keys is there.
    pub fn exactly_one(&mut self, path: &Path, keys: &[(&str, bool)]) -> bool {
        let there: Vec<_> = keys.iter().filter(|(_, there)| *there).map(|(key, _)| *key).collect();
        if there.len() == 1 {
            return true;
        }
        let found = if there.is_empty() { "none".to_owned() } else { quoted(there) };
        let all = quoted(keys.iter().map(|(key, _)| *key));
        self.error(path, format!("expected exactly one of {all}; found {found}"));
        false
    }

    /// The number of what a name stands for; an error with the nearest name if there is no such thing.
    pub fn named<'n>(
        &mut self,
        path: &Path,
        section: &str,
        name: &str,
        names: impl IntoIterator<Item = &'n String>,
    ) -> Option<usize> {
        let names: Vec<&str> = names.into_iter().map(String::as_str).collect();
        let found = names.iter().position(|other| *other == name);
        if found.is_none() {
            let near = did_you_mean(name, names.iter().copied());
            let message = format!("there is no `{name}` in `{section}`{near}");
            match names.is_empty() {
                true => self.error(path, message),
                false => self.error_with_help(path, message, format!("it has {}", quoted(names))),
            }
        }
        found
    }

    /// The number of what a reference such as `tables.orders` stands for.
    pub fn reference<'n>(
        &mut self,
        path: &Path,
        section: &str,
        written: &str,
        names: impl IntoIterator<Item = &'n String>,
    ) -> Option<usize> {
        match written.parse::<Path>().ok().as_ref().map(Path::segments) {
            Some([Segment::Key(found), Segment::Key(name)]) if found == section => {
                self.named(path, section, name, names)
            }
            _ => {
                self.error(
                    path,
                    format!("expected a name in `{section}`, such as `{section}.x`; found `{written}`"),
                );
                None
            }
        }
    }

    /// The value as written, or else as the section `assumptions` has it, or else the parameter's own.
    pub fn take<T: DeserializeOwned>(&mut self, written: Option<T>, parameter: &Parameter) -> T {
        if let Some(written) = written {
            return written;
        }
        let chosen = self.chosen.iter_mut().find(|it| it.id == parameter.id && it.key == parameter.key);
        if let Some(Chosen { path, value, used, .. }) = chosen {
            let value: &Node = value;
            *used = true;
            match de::from_node::<T>(value) {
                Ok(read) => {
                    let value = canonical::line(value);
                    self.note_assumption(parameter, value, "set in the scenario's section `assumptions`");
                    return read;
                }
                Err(errors) => {
                    let path = path.clone();
                    self.errors.extend(errors.into_errors().into_iter().map(|error| error.on(path.clone())));
                }
            }
        } else if !parameter.published {
            self.note_assumption(parameter, parameter.value.to_owned(), parameter.basis);
        }
        let node = yaml::parse_value(&Source::new("default", parameter.value)).ok();
        let value = node.and_then(|node| de::from_node(&node).ok());
        value.expect("a declared default reads as what it is a default of: a test reads them all")
    }

    /// The value that stands at a path whose type depends on the path, such as a new value in `events`.
    pub fn value<T: DeserializeOwned>(&mut self, path: &Path) -> Option<T> {
        let read = de::from_node::<T>(self.tree.get(path)?);
        let note = |errors: Diagnostics| {
            let errors = errors.into_errors().into_iter().map(|error| error.on(path.clone()));
            self.errors.extend(errors);
        };
        read.map_err(note).ok()
    }

    /// Lists something that is assumed and built in.
    pub fn assume(&mut self, parameter: &Parameter) {
        self.note_assumption(parameter, parameter.value.to_owned(), parameter.basis);
    }

    fn note_assumption(&mut self, parameter: &Parameter, value: String, basis: &str) {
        let Parameter { id, what, .. } = *parameter;
        let assumption =
            Assumption { id: id.to_owned(), what: what.to_owned(), value, basis: basis.to_owned() };
        if !self.assumptions.contains(&assumption) {
            self.assumptions.push(assumption);
        }
    }

    /// The assumptions in the order of their ids, unless there were errors.
    pub fn finish(mut self) -> Result<(Vec<Assumption>, Vec<String>), Diagnostics> {
        let unused = self.chosen.iter().filter(|chosen| !chosen.used);
        self.notes
            .extend(unused.map(|Chosen { path, .. }| format!("Nothing in this scenario uses `{path}`.")));
        // What concerns two parts of a scenario is said once.
        let mut notes: Vec<String> = Vec::new();
        self.notes.retain(|note| {
            !notes.contains(note) && {
                notes.push(note.clone());
                true
            }
        });
        self.assumptions.sort_by(|a, b| (&a.id, &a.what).cmp(&(&b.id, &b.what)));
        Diagnostics::new(self.errors).or((self.assumptions, self.notes))
    }
}
