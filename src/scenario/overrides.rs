//! Changes to a scenario by path: variants, sweep points, timed changes and `--set` arguments.

use std::sync::Arc;

use super::{
    diagnostic::{Diagnostic, Diagnostics},
    path::Path,
    source::{Origin, Source},
    tree::{Node, Value},
    yaml,
};

/// One change: at this path, this value; null removes the node.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Override {
    /// Where in the scenario.
    pub path: Path,
    /// What to put there.
    pub value: Node,
}

impl Override {
    /// Reads an argument `path=value`; the value is YAML. `flag` is the option's name, for messages: `--set`.
    pub fn parse(flag: &str, argument: &str) -> Result<Self, Diagnostics> {
        // An option of its own, such as `--seed 7`, is named as it was given.
        let own = split(argument).filter(|(path, _)| flag.strip_prefix("--") == Some(*path));
        let label: Arc<str> = format!("{flag} {}", own.map_or(argument, |(_, value)| value)).into();
        let origin = Origin::Override { label: Arc::clone(&label), written: None };
        let fail = |message: String| Diagnostics::from(Diagnostic::new(message).at(origin.clone()));
        let (path, value) = split(argument)
            .filter(|(path, _)| !path.trim().is_empty())
            .ok_or_else(|| fail(format!("expected path=value, such as `seed=7`; found `{argument}`")))?;
        let path = path.trim().parse::<Path>().map_err(|error| fail(error.to_string()))?;
        if value.trim().is_empty() {
            return Err(fail(format!("there is no value after `{path}=`; write `{path}=null` to remove it")));
        }
        let value = yaml::parse_value(&Source::new(&*label, value)).map_err(|error| fail(error.message))?;
        Ok(Self { path, value: without_places(value, &origin) })
    }

    /// The argument `--prices`: other prices.
    pub fn prices(file: &str) -> Self {
        let label: Arc<str> = format!("--prices {file}").into();
        let value = Value::Quoted(file.to_owned());
        let origin = Origin::Override { label, written: None };
        Self { path: Path::ROOT.key("billing").key("prices"), value: Node { value, origin } }
    }

    /// Reads a map from paths to values, as a variant has it. `label` says whose it is: ``variant `small` ``.
    pub fn list(map: &Node, label: &str) -> Result<Vec<Self>, Diagnostics> {
        let label: Arc<str> = label.into();
        let Value::Map(entries) = &map.value else {
            let message = format!("expected a map from paths to values; found {}", map.describe());
            return Err(Diagnostic::new(message).at(map.origin.labelled(&label)).into());
        };
        let (mut overrides, mut errors) = (Vec::new(), Vec::new());
        for (path, entry) in entries {
            match path.parse() {
                Ok(path) => overrides.push(Self { path, value: entry.value.clone().labelled(&label) }),
                Err(error) => {
                    let error: super::path::PathError = error;
                    errors.push(Diagnostic::new(error.to_string()).at(entry.key.labelled(&label)));
                }
            }
        }
        Diagnostics::new(errors).or(overrides)
    }

    /// As an argument of `--set` would have it.
    pub fn written(&self) -> String {
        format!("{}={}", self.path, super::canonical::line(&self.value))
    }

    /// Changes the scenario; see [`Node::set`] and [`Node::remove`].
    pub fn apply(&self, scenario: &mut Node) -> Result<(), Diagnostic> {
        scenario.apply(&self.path, self.value.clone())
    }
}

/// Splits at the first equals sign outside quotation marks.
pub(super) fn split(argument: &str) -> Option<(&str, &str)> {
    let (mut quoted, mut escaped) = (false, false);
    for (at, letter) in argument.char_indices() {
        match letter {
            _ if escaped => escaped = false,
            '\\' => escaped = quoted,
            '"' => quoted = !quoted,
            '=' if !quoted => return Some((&argument[..at], &argument[at + 1..])),
            _ => {}
        }
    }
    None
}

/// An argument is one line already in view: its label says more than a place in it.
pub(super) fn without_places(node: Node, origin: &Origin) -> Node {
    let value = match node.value {
        Value::List(items) => {
            Value::List(items.into_iter().map(|item| without_places(item, origin)).collect())
        }
        Value::Map(mut map) => {
            for entry in map.values_mut() {
                let value =
                    std::mem::replace(&mut entry.value, Node { value: Value::Null, origin: Origin::Builtin });
                entry.value = without_places(value, origin);
                entry.key = origin.clone();
            }
            Value::Map(map)
        }
        scalar => scalar,
    };
    Node { value, origin: origin.clone() }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn scenario() -> Node {
        let text = "seed: 7\nslo:\n  cost.month: { max: 9000 USD }\nvariants:\n  small: { seed: 8, \"x y\": 1, slo: null }\n";
        yaml::parse(&Source::new("s.yaml", text)).unwrap()
    }

    #[test]
    fn an_argument_is_a_path_and_a_yaml_value() {
        let mut scenario = scenario();
        let set = Override::parse("--set", "slo.\"cost.month\"={ max: [1, 'a=b'] }").unwrap();
        set.apply(&mut scenario).unwrap();
        let value = scenario.get(&"slo.\"cost.month\".max[1]".parse().unwrap()).unwrap();
        assert_eq!(value.value, Value::Quoted("a=b".to_owned()));
        assert_eq!(value.origin.label(), Some("--set slo.\"cost.month\"={ max: [1, 'a=b'] }"));
        assert_eq!(value.origin.place(), None);
    }

    #[test]
    fn wrong_arguments_are_named() {
        let message = |argument: &str| Override::parse("--set", argument).unwrap_err().to_string();
        assert!(message("seed").starts_with("error: expected path=value, such as `seed=7`; found `seed`\n"));
        assert!(message("=5s").starts_with("error: expected path=value, such as `seed=7`; found `=5s`\n"));
        let option = Override::parse("--replications", "replications=2").unwrap();
        assert_eq!(option.value.origin.label(), Some("--replications 2"));
        assert!(message("seed=").contains("write `seed=null` to remove it"));
        assert!(message("a..b=1").contains("`a..b` is not a path: a key is missing"));
        assert!(message("a=[1").contains("--> --set a=[1"));
    }

    #[test]
    fn a_variants_overrides_know_their_line_and_variant() {
        let scenario = scenario();
        let small = scenario.get(&"variants.small".parse().unwrap()).unwrap();
        let error = Override::list(small, "variant `small`").unwrap_err().to_string();
        assert!(error.contains("--> s.yaml:5:21 in variant `small`"), "{error}");
        let Value::Map(map) = &small.value else { panic!("a map") };
        let sound =
            map.iter().filter(|(key, _)| *key != "x y").map(|(key, entry)| (key.clone(), entry.clone()));
        let sound = Node { value: Value::Map(sound.collect()), origin: small.origin.clone() };
        let overrides = Override::list(&sound, "variant `small`").unwrap();
        let mut scenario = scenario;
        for change in &overrides {
            change.apply(&mut scenario).unwrap();
        }
        assert!(scenario.get(&"slo".parse().unwrap()).is_none());
        let seed = scenario.origin_at(&"seed".parse().unwrap());
        assert_eq!(seed.label(), Some("variant `small`"));
        assert_eq!(seed.place().map(|(source, span)| source.position(span.start).line), Some(5));
    }
}
