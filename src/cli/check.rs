//! `check`: validate scenarios and show their load against every limit.

use super::exit::{Ended, Exit, Failure};
use super::output;
use clap::{Args, ValueEnum};
use comfy_table::{CellAlignment, ContentArrangement, Table, presets};
use serde::Serialize;
use std::path::{Path, PathBuf};
use streamgauge::report::words;
use streamgauge::scenario::checked::Scenario;
use streamgauge::scenario::diagnostic::Diagnostics;
use streamgauge::scenario::load_check::LoadCheck;
use streamgauge::scenario::{self, LoadOptions};

/// Validate scenarios and show their load against every limit, without simulating.
///
/// Shows each scenario and all its variants. A load above a limit is shown, not an error: such a scenario can be run, and
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
            format!("{}{variant} ({})\n{}\n", self.scenario, self.file, table(&self.load, width).trim_fmt());
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
                "size: {} of {}: item {} B, {} write units; record {} B, {} PUT payload units (DDB-U11, KDC-J6)",
                item.change,
                item.path,
                number(f64::from(item.item_bytes)),
                item.write_units,
                number(f64::from(item.record_bytes)),
                item.put_payload_units,
            ));
        }
        for estimate in &self.load.shard_estimates {
            said.push(format!(
                "by AWS's formulas {} needs {} shards (KDC-S1), or {} as of 2023 (KDC-S2)",
                estimate.path, estimate.shards, estimate.shards_2023,
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
        match scenario::load(file, &options) {
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

/// The table: a line a row, unless that is wider than `width`; then paths and units go on in further lines.
fn table(load: &LoadCheck, width: Option<usize>) -> Table {
    let whole = drawn(load, None);
    let widest = whole.lines().map(|line| line.chars().count()).max().unwrap_or(0);
    let room = |width: usize| {
        let path = load.rows.iter().map(|row| row.path.chars().count()).max().unwrap_or(0);
        let narrow = drawn(load, Some(path)).lines().map(|line| line.chars().count()).max().unwrap_or(0);
        (path + width).saturating_sub(narrow).max(PATH_MIN)
    };
    width.filter(|width| widest > *width).map_or(whole, |width| drawn(load, Some(room(width))))
}

/// Columns that a path keeps, however narrow the terminal is.
const PATH_MIN: usize = 14;
/// Columns of units where there is little room.
const UNIT: usize = 14;

/// The table, with paths in so many columns and narrow units if that is given.
fn drawn(load: &LoadCheck, path: Option<usize>) -> Table {
    let mut table = Table::new();
    table.load_style(presets::NOTHING).set_content_arrangement(ContentArrangement::Disabled);
    let second = if path.is_some() { "peak\nsecond" } else { "peak second" };
    table.set_header(["path", "limit", "unit", "mean", "peak", second, "allowed", "verdict"]);
    for row in &load.rows {
        table.add_row([
            path.map_or(row.path.clone(), |width| broken(&row.path, width)),
            row.limit.clone(),
            path.map_or(row.unit.clone(), |_| words::wrapped(&row.unit, "", UNIT).join("\n")),
            number(row.mean),
            number(row.peak),
            number(row.peak_second),
            number(row.allowed),
            row.verdict.to_string(),
        ]);
    }
    for (number, column) in table.column_iter_mut().enumerate() {
        column.set_padding((0, 2));
        if (3..7).contains(&number) {
            column.set_cell_alignment(CellAlignment::Right);
        }
    }
    table
}

/// A path in lines of so many columns: broken behind its dots, and within names that are longer than a line.
fn broken(path: &str, width: usize) -> String {
    let (mut text, mut used) = (String::new(), 0);
    for step in path.split_inclusive('.') {
        let length = step.chars().count();
        if used > 0 && length <= width && used + length > width {
            text.push('\n');
            used = 0;
        }
        for letter in step.chars() {
            if used == width {
                text.push('\n');
                used = 0;
            }
            text.push(letter);
            used += 1;
        }
    }
    text
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
    fn a_path_is_broken_behind_its_dots_and_keeps_every_letter() {
        assert_eq!(broken("kinesis.changes.shards[1]", 16), "kinesis.changes.\nshards[1]");
        assert_eq!(broken("kinesis.changes", 15), "kinesis.changes");
        assert_eq!(broken("tables.a-rather-long-name.items", 12), "tables.a-rat\nher-long-nam\ne.items");
    }

    #[test]
    fn figures_are_short_and_their_thousands_apart() {
        let texts = [0.0, 0.345, 99.5, 100.0, 999.7, 12_345.6, 1_048_576.0, -1234.0].map(number);
        assert_eq!(texts, ["0.00", "0.34", "99.50", "100", "1,000", "12,346", "1,048,576", "-1,234"]);
    }
}
