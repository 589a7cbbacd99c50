//! `bill`: usage in, bill out; and the price book.

use super::exit::{Ended, Exit, Failure};
use super::output;
use clap::{Args, ValueEnum};
use std::path::{Path, PathBuf};
use std::sync::Arc;
use streamgauge::pricing::{Date, PriceBook};
use streamgauge::report::bill::{BillReport, text};
use streamgauge::report::result::stored::check_format;
use streamgauge::report::{csv, folder, price_list::PriceList};
use streamgauge::scenario::diagnostic::{Diagnostic, nearest};
use streamgauge::scenario::price_file;
use streamgauge::scenario::source::Source;
use streamgauge::scenario::usage_file::{self, BillOptions};

/// Make out a month's bill from usage, or show the price book.
///
/// USAGE is YAML or JSON with the keys region, month_hours, free_tier, at, prices and usage (price id: quantity in single
/// units), a CSV with the columns id and quantity, or a result.json or its folder. Lines are rounded to the cent and then
/// added. Without USAGE, --prices shows the price book.
#[derive(Debug, Args)]
pub struct Arguments {
    /// Usage file, folder with a result.json, or - for standard input
    #[arg(value_name = "USAGE", value_hint = clap::ValueHint::AnyPath, required_unless_present = "prices")]
    usage: Option<PathBuf>,
    /// Your own prices, CSV or YAML, over those of the book; without USAGE, show the book
    #[arg(long, value_name = "FILE", num_args = 0..=1, value_hint = clap::ValueHint::FilePath)]
    prices: Option<Option<PathBuf>>,
    /// AWS Region, instead of the file's
    #[arg(long, value_name = "REGION")]
    region: Option<String>,
    /// Day whose prices hold, instead of the file's or the book's own; written as 2026-11-21
    #[arg(long, value_name = "DATE")]
    at: Option<Date>,
    /// Hours of the month, instead of the file's or 730
    #[arg(long, value_name = "N")]
    month_hours: Option<u32>,
    /// Whether the monthly free quantities are taken off, instead of what the file says
    #[arg(long, value_name = "BOOL", num_args = 0..=1, require_equals = true, default_missing_value = "true")]
    free_tier: Option<bool>,
    /// Show ids and prices that are not known as unknown instead of refusing them
    #[arg(long)]
    allow_unknown: bool,
    /// Let estimates stand in for prices that are not known; they are marked
    #[arg(long)]
    allow_estimates: bool,
    /// What to print
    #[arg(long, value_enum, default_value_t)]
    format: Format,
}

/// What `bill` prints.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, ValueEnum)]
enum Format {
    /// A table for the terminal
    #[default]
    Text,
    /// An object with the lines and the total; money and quantities are strings
    Json,
    /// A row for each line and cause; of the book, a file that --prices takes
    Csv,
}

/// Bills, or shows the price book.
///
/// # Errors
/// A file that is wrong or cannot be read, or usage whose price is not known.
pub fn bill(arguments: &Arguments) -> Ended {
    let Some(usage) = &arguments.usage else { return show_prices(arguments) };
    if arguments.prices == Some(None) {
        return Err(Failure::rejected("--prices names no file").help("leave out USAGE to see the price book"));
    }
    let options = BillOptions {
        region: arguments.region.clone(),
        at: arguments.at,
        month_hours: arguments.month_hours,
        free_tier: arguments.free_tier,
        prices: arguments.prices.clone().flatten(),
        allow_unknown: arguments.allow_unknown,
        allow_estimates: arguments.allow_estimates,
    };
    let source = source(usage)?;
    check_format(source.text())
        .map_err(|why| Failure::rejected(format_args!("`{}` {why}", source.name())))?;
    let bill = usage_file::bill(&source, &options)?;
    let other = usage_file::other_prices(&source, &bill);
    if let Some(id) = other.first() {
        let more = if other.len() > 1 { format!(" and {} more", other.len() - 1) } else { String::new() };
        output::tell(&format!(
            "The result was billed by other prices ({id}{more}); give them with --prices for the same bill."
        ));
    }
    match arguments.format {
        Format::Text => output::print(&text(&bill, output::terminal_columns()))?,
        Format::Json => output::print_json(&BillReport::new(&bill))?,
        Format::Csv => output::print(&csv::bill(&bill))?,
    }
    Ok(Exit::Fine)
}

fn source(usage: &Path) -> Result<Arc<Source>, Diagnostic> {
    if usage == Path::new("-") {
        return Source::read_from("<stdin>", std::io::stdin());
    }
    match usage.is_dir() {
        true => Source::read(&usage.join(folder::RESULT)),
        false => Source::read(usage),
    }
}

fn show_prices(arguments: &Arguments) -> Ended {
    let book = match arguments.prices.clone().flatten() {
        Some(file) => price_file::over(PriceBook::builtin(), &Source::read(&file)?)?,
        None => PriceBook::builtin().clone(),
    };
    if let Some(region) = arguments.region.as_ref().filter(|region| !book.regions().contains(region)) {
        return Err(no_region(&book, region).into());
    }
    let list = PriceList::new(&book, arguments.region.as_deref(), arguments.at);
    match arguments.format {
        Format::Text => output::print(&list.text())?,
        Format::Json => output::print_json(&list)?,
        Format::Csv => output::print(&list.csv())?,
    }
    Ok(Exit::Fine)
}

fn no_region(book: &PriceBook, region: &str) -> Diagnostic {
    let regions = || book.regions().iter().map(String::as_str);
    let near = nearest(region, regions());
    let near = near.map(|name| format!("; did you mean `{name}`?")).unwrap_or_default();
    Diagnostic::new(format!("the price book has no Region `{region}`{near}"))
        .help(format!("it has {}", book.regions().join(", ")))
}
