//! `check`: validate scenarios and show their load against every limit.

use super::exit::{Ended, Exit, Failure};
use super::output;
use clap::{Args, ValueEnum};
use serde::Serialize;
use std::path::{Path, PathBuf};
use streamgauge::report::table::Table;
use streamgauge::report::words;
use streamgauge::scenario::checked::Scenario;
use streamgauge::scenario::diagnostic::Diagnostics;
use streamgauge::scenario::load_check::LoadCheck;
use streamgauge::scenario::{self, LoadOptions};

/// Validate scenarios and show their load against every limit, without simulating.
///
/// Shows each scenario and all its variants, and tries each value of its sweep. A load above a limit is shown, not an error: such a scenario can be run, and
/// `check` ends with 0.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Scenario files
    #[arg(required = true, value_hint = clap::ValueHint::FilePath)]
    scenarios: Vec<PathBuf>,
    /// Change the scenarios at a path; may be given several times. The value is YAML, null removes the node
    #[arg(long = "set", value_name = "PATH=VALUE")]
    sets: Vec<String>,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What `check` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for each scenario and variant
    #[default]
    Text,
    /// A list with one object for each scenario and variant
    Json,
}

/// One scenario or variant with its load.
#[derive(Debug, Serialize)]
struct Checked {
    file: String,
    scenario: String,
    variant: Option<String>,
    #[serde(flatten)]
    load: LoadCheck,
    overloaded: Vec<String>,
    notes: Vec<String>,
}

impl Checked {
    fn new(file: &Path, variant: Option<&str>, scenario: &Scenario) -> Self {
        let load = LoadCheck::of(scenario);
        Self {
            file: file.display().to_string(),
            scenario: scenario.name.clone(),
            variant: variant.map(str::to_owned),
            overloaded: load.overloaded(),
            notes: scenario.notes.clone(),
            load,
        }
    }

    /// The table and what there is to say, in lines of at most `width` columns where that is given.
    fn text(&self, width: Option<usize>) -> String {
        let variant = self.variant.as_ref().map(|name| format!(", variant {name}")).unwrap_or_default();
        let mut text =
            format!("{}{variant} ({})\n{}\n", self.scenario, self.file, table(&self.load, width).join("\n"));
        self.sayings().iter().for_each(|said| match width {
            Some(width) => {
                words::wrapped(said, "  ", width).iter().for_each(|line| text += &format!("{line}\n"))
            }
            None => text += &format!("{said}\n"),
        });
        text
    }

    /// What there is to say besides the table, a text each.
    fn sayings(&self) -> Vec<String> {
        let mut said = Vec::new();
        for item in &self.load.items {
            said.push(format!(
                "size: {} of {}: item {} B, {}; record {} B, {} (DDB-U11, KDC-J6)",
                item.change,
                item.path,
                words::count(item.item_bytes.into()),
                words::plural(item.write_units.into(), "write unit"),
                words::count(item.record_bytes.into()),
                words::plural(item.put_payload_units, "PUT payload unit"),
            ));
        }
        for estimate in &self.load.shard_estimates {
            said.push(format!(
                "by AWS's formulas {} needs {} (KDC-S1), or {} as of 2023 (KDC-S2)",
                estimate.path,
                words::plural(estimate.shards, "shard"),
                words::count(estimate.shards_2023),
            ));
        }
        said.extend(self.overloaded.iter().map(|overloaded| format!("overloaded: {overloaded}")));
        said.extend(self.load.warnings.iter().map(|warning| format!("warning: {warning}")));
        said.extend(self.notes.iter().map(|note| format!("note: {note}")));
        said
    }
}

/// Checks every file and every variant in it. What is valid is shown even when another file is not.
///
/// # Errors
/// All that is wrong in any of the files.
pub fn check(arguments: &Arguments) -> Ended {
    let options = LoadOptions { sets: arguments.sets.clone(), ..LoadOptions::default() };
    let (mut checked, mut errors) = (Vec::new(), Vec::new());
    for file in &arguments.scenarios {
        match scenario::check(file, &options) {
            Ok(loaded) => {
                checked.push(Checked::new(file, None, &loaded.base));
                let variants = loaded.variants.iter();
                checked.extend(variants.map(|(name, scenario)| Checked::new(file, Some(name), scenario)));
            }
            Err(wrong) => errors.extend(wrong.into_errors()),
        }
    }
    match arguments.format {
        Format::Text => {
            let width = output::terminal_columns();
            let texts: Vec<String> = checked.iter().map(|checked| checked.text(width)).collect();
            output::print(&texts.join("\n"))?;
        }
        Format::Json => output::print_json(&checked)?,
    }
    Diagnostics::new(errors).or(Exit::Fine).map_err(Failure::from)
}

/// The table: a line a row, or two where that is wider than `width`.
fn table(load: &LoadCheck, width: Option<usize>) -> Vec<String> {
    let columns = ["<path", "<limit", "<unit", "mean", "peak", "peak second", "allowed", "<verdict"];
    let mut table = Table::new(&columns);
    for row in &load.rows {
        let figures = [row.mean, row.peak, row.peak_second, row.allowed].map(number);
        let words = [row.path.clone(), row.limit.clone(), row.unit.clone()];
        table.row(words.into_iter().chain(figures).chain([row.verdict.to_string()]));
    }
    // What a limit is of is said in three words.
    table.fitted(width.unwrap_or(usize::MAX), 3)
}

/// A figure for people: whole above 100, two decimals below, thousands apart.
fn number(value: f64) -> String {
    if !value.is_finite() {
        return value.to_string();
    }
    let plain = if value.abs() >= 100.0 { format!("{value:.0}") } else { format!("{value:.2}") };
    let digits = plain.trim_start_matches('-').find('.').unwrap_or(plain.trim_start_matches('-').len());
    let sign = plain.len() - plain.trim_start_matches('-').len();
    let mut text = String::new();
    for (at, letter) in plain.chars().enumerate() {
        if at > sign && at < sign + digits && (sign + digits - at).is_multiple_of(3) {
            text.push(',');
        }
        text.push(letter);
    }
    text
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn figures_are_short_and_their_thousands_apart() {
        let texts = [0.0, 0.345, 99.5, 100.0, 999.7, 12_345.6, 1_048_576.0, -1234.0].map(number);
        assert_eq!(texts, ["0.00", "0.34", "99.50", "100", "1,000", "12,346", "1,048,576", "-1,234"]);
    }
}
