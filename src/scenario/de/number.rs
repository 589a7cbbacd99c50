//! Unquoted text as a number: decimal, with underscores between digits.

use indexmap::IndexMap;
use rust_decimal::Decimal;

use crate::scenario::tree::{Entry, Node, Value};

/// The tree with its unquoted numbers as text with all their digits, for readers of decimals: none then passes
/// through a binary float.
pub fn exact(node: &Node) -> Node {
    let value = match &node.value {
        Value::Plain(text) => match float(text).ok().and_then(|_| decimal(&text.replace('_', ""))) {
            Some(number) => Value::Quoted(number.to_string()),
            None => node.value.clone(),
        },
        Value::List(items) => Value::List(items.iter().map(exact).collect()),
        Value::Map(map) => {
            let entry = |entry: &Entry| Entry { key: entry.key.clone(), value: exact(&entry.value) };
            Value::Map(map.iter().map(|(name, it)| (name.clone(), entry(it))).collect::<IndexMap<_, _>>())
        }
        other => other.clone(),
    };
    Node { value, origin: node.origin.clone() }
}

fn decimal(text: &str) -> Option<Decimal> {
    if text.contains(['e', 'E']) {
        Decimal::from_scientific(text).ok()
    } else {
        Decimal::from_str_exact(text).ok()
    }
}

/// A number of whatever kind the text has.
pub(super) enum Any {
    Unsigned(u64),
    Signed(i64),
    Float(f64),
}

/// The number that the text is, if it is one.
pub(super) fn any(text: &str) -> Option<Any> {
    let whole = |range| integer(text, range).ok();
    if let Some(number) = whole((0, u64::MAX.into())) {
        return u64::try_from(number).ok().map(Any::Unsigned);
    }
    if let Some(number) = whole((i64::MIN.into(), i64::MAX.into())) {
        return i64::try_from(number).ok().map(Any::Signed);
    }
    float(text).ok().map(Any::Float)
}

/// A whole number within a range, both ends included.
pub(super) fn integer(text: &str, (least, most): (i128, i128)) -> Result<i128, String> {
    let wrong = || format!("expected a whole number; found `{text}`");
    let (negative, digits) = sign(text);
    if !is_digits(digits) {
        return Err(wrong());
    }
    refuse_octal(text, digits)?;
    // More digits than fit 127 bits are beyond every range.
    let magnitude = digits.replace('_', "").parse::<i128>().unwrap_or(i128::MAX);
    let number = if negative { -magnitude } else { magnitude };
    if (least..=most).contains(&number) {
        Ok(number)
    } else {
        Err(format!("expected a whole number from {least} to {most}; found `{text}`"))
    }
}

/// A finite number: digits, perhaps a point and digits, perhaps an exponent.
pub(super) fn float(text: &str) -> Result<f64, String> {
    let wrong = || format!("expected a number; found `{text}`");
    let (mantissa, exponent) = match text.split_once(['e', 'E']) {
        Some((mantissa, exponent)) => (mantissa, Some(exponent)),
        None => (text, None),
    };
    let (_, digits) = sign(mantissa);
    let (whole, fraction) = match digits.split_once('.') {
        Some((whole, fraction)) => (whole, Some(fraction)),
        None => (digits, None),
    };
    let exponent_digits = exponent.map(|exponent| sign(exponent.strip_prefix('+').unwrap_or(exponent)).1);
    if !is_digits(whole) || !fraction.is_none_or(is_digits) || !exponent_digits.is_none_or(is_digits) {
        return Err(wrong());
    }
    refuse_octal(text, whole)?;
    let number: f64 = text.replace('_', "").parse().map_err(|_| wrong())?;
    if number.is_finite() { Ok(number) } else { Err(format!("`{text}` is too large for a number")) }
}

fn sign(text: &str) -> (bool, &str) {
    text.strip_prefix('-').map_or((false, text), |digits| (true, digits))
}

fn is_digits(text: &str) -> bool {
    text.split('_').all(|group| !group.is_empty() && group.bytes().all(|byte| byte.is_ascii_digit()))
}

/// `010` is 8 to some YAML parsers and 10 to others.
fn refuse_octal(text: &str, digits: &str) -> Result<(), String> {
    if digits.len() > 1 && digits.starts_with('0') {
        return Err(format!(
            "`{text}` begins with a zero: write it without, or in quotation marks if it is a name"
        ));
    }
    Ok(())
}
