//! Numbers as people read them: three digits, a unit that fits, and a word where there is no number.

pub use crate::units::{counted as plural, grouped as count};
use rust_decimal::{Decimal, RoundingStrategy};

use super::number::Interval95;
use super::result::figure::unit;
use super::result::objects::PartitionsRow;
use crate::engine::math;
use crate::scenario::checked::Unit;

/// What stands where there is no number.
pub const NONE: &str = "-";

/// A whole number given by its digits, in groups of three.
fn grouped(digits: &str) -> String {
    digits.parse().map_or_else(|_| digits.to_owned(), count)
}

/// A number with three significant digits, without an exponent; whole ones above.
pub fn number(value: f64) -> String {
    let size = value.abs();
    if value == 0.0 || !value.is_finite() {
        return "0".into();
    }
    if size >= 99.95 {
        let whole = format!("{:.0}", size);
        return format!("{}{}", if value < 0.0 { "-" } else { "" }, grouped(&whole));
    }
    // Digits after the point so that three are significant, at most six; noughts at the end say nothing.
    let decimals = (2 - math::log10(size).floor() as i32).clamp(0, 6) as usize;
    let text = format!("{value:.decimals$}");
    if text.contains('.') { text.trim_end_matches('0').trim_end_matches('.').to_owned() } else { text }
}

/// A latency or an age given in milliseconds.
pub fn milliseconds(value: f64) -> String {
    let size = value.abs();
    match () {
        // Time is measured in microseconds: more digits would say nothing.
        () if value > 0.0 && value < 0.01 => "<0.01 ms".to_owned(),
        () if size < 999.5 => format!("{} ms", number(value)),
        () if size < 119_950.0 => format!("{} s", number(value / 1e3)),
        () if size < 7_170_000.0 => format!("{} min", number(value / 60e3)),
        () => format!("{} h", number(value / 3.6e6)),
    }
}

/// A share as a percentage.
pub fn percent(share: f64) -> String {
    format!("{} %", number(share * 100.0))
}

/// A size in bytes, in powers of 1,024.
pub fn bytes(value: f64) -> String {
    let units = ["B", "KiB", "MiB", "GiB", "TiB"];
    let mut scaled = value;
    let mut unit = 0;
    while scaled.abs() >= 1_023.5 && unit + 1 < units.len() {
        scaled /= 1_024.0;
        unit += 1;
    }
    format!("{} {}", number(scaled), units[unit])
}

/// A quantity to two decimals, in groups of three digits.
pub fn quantity(quantity: Decimal) -> String {
    let text = quantity.abs().round_dp(2).normalize().to_string();
    let (whole, rest) = text
        .split_once('.')
        .map_or((text.as_str(), String::new()), |(whole, rest)| (whole, format!(".{rest}")));
    let sign = if quantity.is_sign_negative() { "-" } else { "" };
    format!("{sign}{}{rest}", grouped(whole))
}

/// An amount of US dollars to the cent.
pub fn usd(amount: Decimal) -> String {
    // A decimal is cut, not rounded, where it is printed with fewer digits than it has.
    let cents = amount.abs().round_dp_with_strategy(2, RoundingStrategy::MidpointAwayFromZero);
    let text = format!("{cents:.2}");
    let (whole, cents) = text.split_once('.').unwrap_or((&text, "00"));
    let sign = if amount.is_sign_negative() { "-" } else { "" };
    format!("{sign}{}.{cents} USD", grouped(whole))
}

/// A span of simulated time in the scenario's language, such as `1h` or `5m`.
pub fn span(seconds: f64) -> String {
    crate::units::Duration::from_nanos(crate::engine::time::round(seconds * 1e9)).to_string()
}

/// A figure in the unit of its path.
pub fn figure(path: &str, value: Option<f64>) -> String {
    let Some(value) = value else { return NONE.into() };
    match unit(path) {
        Unit::Milliseconds => milliseconds(value),
        Unit::Share => percent(value),
        Unit::Usd => Decimal::from_f64_retain(value).map_or_else(|| number(value), usd),
        Unit::Count if path.ends_with("_bytes") => bytes(value),
        Unit::Count => number(value),
    }
}

/// A figure with its interval, such as `1.2 s (1.1 s to 1.3 s)`.
pub fn with_interval(path: &str, value: Option<f64>, interval: Option<&Interval95>) -> String {
    let text = figure(path, value);
    match interval.and_then(Interval95::ends) {
        Some((low, high)) if value.is_some() && low != high => {
            format!("{text} ({} to {})", figure(path, Some(low)), figure(path, Some(high)))
        }
        _ => text,
    }
}

/// A text cut to a width in characters, with a mark where it was cut. The last step of a path stays, as it says which
/// figure of many it is.
pub fn cut(text: &str, width: usize) -> String {
    if text.chars().count() <= width {
        return text.to_owned();
    }
    let last = text.rfind('.').map_or("", |at| &text[at..]);
    let last = if last.chars().count() * 2 < width { last } else { "" };
    let room = width.saturating_sub(1 + last.chars().count());
    text.chars().take(room).chain(['…']).chain(last.chars()).collect()
}

/// A name of several cut to a width in characters so that it does not read like another one: at its end, in its middle, or
/// around the first letter that it does not share with a name that it would else be taken for.
pub fn cut_apart(name: &str, width: usize, names: &[&str]) -> String {
    let alike = |cut: &dyn Fn(&str) -> String| {
        let short = cut(name);
        names.iter().copied().find(|other| *other != name && cut(other) == short)
    };
    let (at_end, in_middle) = (|name: &str| cut(name, width), |name: &str| cut_middle(name, width));
    let Some(other) = alike(&at_end) else { return at_end(name) };
    if alike(&in_middle).is_none() {
        return in_middle(name);
    }
    let shared = name.chars().zip(other.chars()).take_while(|(one, other)| one == other).count();
    // A word of what is shared says where that letter is.
    let rest: String = name.chars().skip(shared.saturating_sub(width / 3)).collect();
    cut(&format!("…{rest}"), width)
}

/// A name shortened to a width in characters: its beginning says what it is, and its end which one.
pub fn cut_middle(name: &str, width: usize) -> String {
    let length = name.chars().count();
    if length <= width {
        return name.to_owned();
    }
    let room = width.saturating_sub(1);
    let (head, tail) = (room - room / 2, room / 2);
    name.chars().take(head).chain(['…']).chain(name.chars().skip(length - tail)).collect()
}

/// A space that no line is broken at; it is an ordinary one where the text is shown.
const GLUE: char = '\u{a0}';

/// A text that is not to be broken between two lines, for [`wrapped`].
pub fn glued(text: &str) -> String {
    text.replace(' ', &GLUE.to_string())
}

/// What stands behind a number and belongs to it.
const UNITS: [&str; 12] = ["ms", "s", "min", "h", "%", "B", "KiB", "MiB", "GiB", "TiB", "GB", "USD"];

/// Whether two words stay on one line: a number and its unit.
fn stay_together(word: &str, next: &str) -> bool {
    let number = word.trim_start_matches(['(', '<', '~', '≥', '-']);
    let unit = next.trim_end_matches([',', ';', '.', ':', ')']);
    number.starts_with(|digit: char| digit.is_ascii_digit())
        && number.ends_with(|digit: char| digit.is_ascii_digit())
        && UNITS.contains(&unit)
}

/// The lines of a text of words, no wider than `width`; further lines begin with `indent`. A number stays with its unit.
pub fn wrapped(text: &str, indent: &str, width: usize) -> Vec<String> {
    let mut words: Vec<String> = Vec::new();
    let mut before = "";
    for word in
        text.split(|space: char| space.is_whitespace() && space != GLUE).filter(|word| !word.is_empty())
    {
        match words.last_mut().filter(|_| stay_together(before, word)) {
            Some(last) => *last = format!("{last} {word}"),
            None => words.push(word.to_owned()),
        }
        before = word;
    }
    let mut lines = vec![String::new()];
    for word in words {
        let word = word.replace(GLUE, " ");
        let last = lines.len() - 1;
        let line = &mut lines[last];
        if line.is_empty() {
            line.push_str(&word);
        } else if line.chars().count() + 1 + word.chars().count() <= width {
            line.push(' ');
            line.push_str(&word);
        } else {
            lines.push(format!("{indent}{word}"));
        }
    }
    lines
}

/// A line cut into pieces no wider than `width`, for names that are longer than a column.
pub fn broken(line: &str, width: usize) -> Vec<String> {
    let letters: Vec<char> = line.chars().collect();
    if letters.len() <= width {
        return vec![line.to_owned()];
    }
    letters.chunks(width.max(1)).map(|piece| piece.iter().collect()).collect()
}

/// What dynamic partitioning did, in a sentence of Markdown.
pub fn partitions(path: &str, row: &PartitionsRow) -> String {
    let PartitionsRow { attribute, values, active_max, active_limit, exceeded, unparsable, .. } = row;
    format!(
        "\n{path} partitions by {attribute}: at most {} of {} partitions active at a time ({} allowed); under the error prefix {} \
         for too many active partitions and {} unparsable.\n",
        count(*active_max),
        count(*values),
        count(*active_limit),
        plural(*exceeded, "record"),
        count(*unparsable)
    )
}

/// A count of the ledger with its name: of what enters the nouns are plurals, and of what becomes of it most are no nouns.
pub fn of_ledger(number: u64, name: &str) -> String {
    let one = match name {
        "changes" => "change",
        "copies" => "copy",
        "records" => "record",
        name => name,
    };
    format!("{} {}", count(number), if number == 1 { one } else { name }).replace('_', " ")
}

#[cfg(test)]
mod tests {
    use super::*;

    #[test]
    fn numbers_have_three_digits_and_no_exponent() {
        let cases = [
            (0.0, "0"),
            (0.000_123_4, "0.000123"),
            (0.2, "0.2"),
            (1.234, "1.23"),
            (9.999, "10"),
            (12.34, "12.3"),
            (99.96, "100"),
            (1_234.5, "1,234"),
            (-12_345.6, "-12,346"),
        ];
        for (value, expected) in cases {
            assert_eq!(number(value), expected);
        }
    }

    #[test]
    fn a_number_stays_with_its_unit_and_a_glued_text_in_one_piece() {
        let lines = wrapped("it takes 4,166.83 USD a month, 12.5 ms", "", 13);
        assert_eq!(lines, ["it takes", "4,166.83 USD", "a month,", "12.5 ms"]);
        assert_eq!(wrapped(&format!("of {} more", glued("a b c")), "", 8), ["of a b c", "more"]);
        // Numbers in words and words after numbers that are no units are broken anywhere.
        assert_eq!(wrapped("one of 12 things", "", 9), ["one of 12", "things"]);
        assert_eq!(broken("abcdefg", 3), ["abc", "def", "g"]);
    }

    #[test]
    fn quantities_have_the_unit_that_fits() {
        assert_eq!((milliseconds(0.42), milliseconds(0.0005)), ("0.42 ms".into(), "<0.01 ms".into()));
        assert_eq!(milliseconds(999.6), "1 s");
        assert_eq!(milliseconds(61_000.0), "61 s");
        assert_eq!(milliseconds(150_000.0), "2.5 min");
        assert_eq!(milliseconds(3.6e6 * 5.0), "5 h");
        assert_eq!(bytes(5_242_880.0), "5 MiB");
        assert_eq!(percent(0.000_2), "0.02 %");
        assert_eq!(usd(Decimal::new(12_345_678, 2)), "123,456.78 USD");
        assert_eq!(quantity(Decimal::new(12_345_670, 3)), "12,345.67");
        assert_eq!(figure("cost.month", Some(9_000.5)), "9,000.50 USD");
        // The float next to 1,009.67 lies below it.
        assert_eq!(figure("cost.month", Some(1_009.67)), "1,009.67 USD");
        assert_eq!(usd(Decimal::new(-5_355, 3)), "-5.36 USD");
        assert_eq!((count(1_234_567), count(12)), ("1,234,567".into(), "12".into()));
        assert_eq!(cut("abcdef", 4), "abc…");
        assert_eq!(cut_middle("tables.orders-of-2026", 13), "tables…f-2026");
        assert_eq!(cut("tables.orders.kinesis.latency.p99", 20), "tables.orders.k….p99");
    }
}
