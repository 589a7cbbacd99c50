//! `result.json` and `experiment.json`.

use serde::Serialize;

/// A result as JSON: keys in a fixed order, indented, with a newline at the end.
///
/// # Errors
/// None for results; any that [`serde_json`] has for other values.
pub fn render(value: &impl Serialize) -> Result<String, serde_json::Error> {
    let mut text = serde_json::to_string_pretty(value)?;
    text.push('\n');
    Ok(text)
}
