//! An error on its way out of serde.

use std::fmt;

use serde::de::{self, Unexpected};

use crate::scenario::{
    diagnostic::{Diagnostic, did_you_mean, quoted},
    path::Path,
    source::Origin,
};
use crate::units::counted;

/// An error that gets its place where the deserializer knows it: the innermost node wins.
#[derive(Debug)]
pub(super) struct Failure {
    message: String,
    help: Option<String>,
    /// The field that is missing, if that is the error.
    pub missing: Option<&'static str>,
    place: Option<Box<(Path, Origin)>>,
}

impl Failure {
    pub fn new(message: impl Into<String>) -> Self {
        Self { message: message.into(), help: None, missing: None, place: None }
    }

    pub fn at(mut self, place: impl FnOnce() -> (Path, Origin)) -> Self {
        if self.place.is_none() {
            self.place = Some(Box::new(place()));
        }
        self
    }

    /// The node it is about.
    pub fn path(&self) -> Path {
        self.place.as_ref().map_or(Path::ROOT, |place| place.0.clone())
    }

    pub fn into_diagnostic(self) -> Diagnostic {
        let (path, origin) = self.place.map_or((Path::ROOT, Origin::Builtin), |place| *place);
        Diagnostic { help: self.help, ..Diagnostic::new(self.message).at(origin).on(path) }
    }
}

impl From<Diagnostic> for Failure {
    fn from(error: Diagnostic) -> Self {
        Self { help: error.help, ..Self::new(error.message) }
    }
}

/// An unknown key or value with what may have been meant.
pub(super) fn unknown(kind: &str, name: &str, known: &[&str]) -> Diagnostic {
    let near = did_you_mean(name, known.iter().copied());
    let error = Diagnostic::new(format!("unknown {kind} `{name}`{near}"));
    if let Some((key, _)) = name.split_once(':').filter(|_| kind == "key") {
        return error.help(format!("put a space after the colon: `{key}: ...`"));
    }
    match known {
        [] => error.help("no keys are allowed here"),
        [only] => error.help(format!("expected `{only}`")),
        all => error.help(format!("expected one of {}", quoted(all.iter().copied()))),
    }
}

impl fmt::Display for Failure {
    fn fmt(&self, formatter: &mut fmt::Formatter) -> fmt::Result {
        formatter.write_str(&self.message)
    }
}

impl std::error::Error for Failure {}

impl de::Error for Failure {
    fn custom<T: fmt::Display>(message: T) -> Self {
        Self::new(message.to_string())
    }

    fn invalid_type(found: Unexpected, expected: &dyn de::Expected) -> Self {
        let found = match found {
            Unexpected::Unit | Unexpected::Option => "nothing".to_owned(),
            Unexpected::Seq => "a list".to_owned(),
            Unexpected::Map => "a map".to_owned(),
            Unexpected::Str(text) => format!("`{text}`"),
            Unexpected::Bool(value) => format!("`{value}`"),
            Unexpected::Unsigned(number) => format!("`{number}`"),
            Unexpected::Signed(number) => format!("`{number}`"),
            other => other.to_string(),
        };
        Self::new(format!("expected {expected}; found {found}"))
    }

    fn invalid_value(found: Unexpected, expected: &dyn de::Expected) -> Self {
        Self::invalid_type(found, expected)
    }

    fn invalid_length(length: usize, expected: &dyn de::Expected) -> Self {
        Self::new(format!("expected {expected}; found {}", counted(length as u64, "item")))
    }

    fn unknown_variant(name: &str, known: &'static [&'static str]) -> Self {
        unknown("value", name, known).into()
    }

    fn unknown_field(name: &str, known: &'static [&'static str]) -> Self {
        unknown("key", name, known).into()
    }

    fn missing_field(field: &'static str) -> Self {
        Self { missing: Some(field), ..Self::new(format!("the key `{field}` is missing")) }
    }

    fn duplicate_field(field: &'static str) -> Self {
        Self::new(format!("the key `{field}` is there twice"))
    }
}
