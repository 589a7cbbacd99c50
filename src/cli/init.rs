//! `init`: a starter scenario with comments.

use super::exit::{Ended, Exit, Failure};
use super::output;
use super::unfinished::cannot_write;
use clap::Args;
use std::fs::OpenOptions;
use std::io::{ErrorKind, Write};
use std::path::{Path, PathBuf};

/// The starter scenario, which goes by the name [`STARTER_NAME`].
const STARTER: &str = include_str!("starter.yaml");
const STARTER_NAME: &str = "my-pipeline";

/// Write a starter scenario with comments.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Name of the scenario: letters, digits, `-` and `_`
    #[arg(default_value = STARTER_NAME, value_parser = name)]
    name: String,
    /// File to write, `-` for standard output; `<NAME>.yaml` unless given
    #[arg(long, value_name = "FILE", value_hint = clap::ValueHint::FilePath)]
    out: Option<PathBuf>,
    /// Overwrite the file if it is there
    #[arg(long)]
    force: bool,
}

/// Writes the starter scenario.
///
/// # Errors
/// The file is there already, or cannot be written.
pub fn init(arguments: &Arguments) -> Ended {
    let text = STARTER.replacen(&format!("name: {STARTER_NAME}"), &format!("name: {}", arguments.name), 1);
    let file = arguments.out.clone().unwrap_or_else(|| format!("{}.yaml", arguments.name).into());
    if file == Path::new("-") {
        output::print(&text)?;
        return Ok(Exit::Fine);
    }
    write(&file, &text, arguments.force).map_err(|error| match error.kind() {
        ErrorKind::AlreadyExists => Failure::rejected(format_args!("`{}` is there already", file.display()))
            .help("name another file with --out, or overwrite it with --force"),
        _ => cannot_write(&file, &error),
    })?;
    output::tell(&format!(
        "Wrote `{0}`. Next: `streamgauge check {0}`, then `streamgauge run {0}`.",
        file.display()
    ));
    Ok(Exit::Fine)
}

fn write(file: &Path, text: &str, force: bool) -> std::io::Result<()> {
    let mut options = OpenOptions::new();
    let options = if force { options.create(true).truncate(true) } else { options.create_new(true) };
    options.write(true).open(file)?.write_all(text.as_bytes())
}

/// A name that is a file's and a folder's name everywhere, and needs no quotes in YAML.
fn name(text: &str) -> Result<String, String> {
    let sound = |letter: char| letter.is_ascii_alphanumeric() || matches!(letter, '-' | '_');
    match text.chars().next() {
        _ if matches!(text, "true" | "false" | "null") => Err("YAML takes this for a value".to_owned()),
        Some(first) if first.is_ascii_alphabetic() && text.chars().all(sound) => Ok(text.to_owned()),
        _ => Err("a name begins with a letter and has letters, digits, `-` and `_`".to_owned()),
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use std::sync::Arc;
    use streamgauge::scenario::{source::Source, tree::Value, yaml};

    #[test]
    fn the_starter_bears_its_name_once() {
        let source = Source::new("starter.yaml", STARTER);
        let tree = yaml::parse(&Arc::clone(&source)).unwrap();
        let name = tree.get(&"name".parse().unwrap()).unwrap();
        assert_eq!(name.value, Value::Plain(STARTER_NAME.to_owned()));
    }

    #[test]
    fn names_are_safe() {
        assert!(["orders", "Orders-2", "a_b"].iter().all(|text| name(text).is_ok()));
        assert!(
            ["", "../x", "a b", "-x", "1e5", "a/b", "naïve", "null"].iter().all(|text| name(text).is_err())
        );
    }
}
