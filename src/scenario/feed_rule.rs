//! A rule of AWS behind settings that are not there: a table feeds one stream, in its own account and Region (KDC-5).

use super::diagnostic::{Diagnostic, Diagnostics};
use super::path::Segment;

/// The errors, those that ask for a second stream or another Region saying why there is none.
pub(super) fn explain(errors: Diagnostics) -> Diagnostics {
    Diagnostics::new(errors.into_errors().into_iter().map(of).collect())
}

fn of(error: Diagnostic) -> Diagnostic {
    let steps = error.path.iter().flat_map(|path| &path.0);
    let keys: Vec<&str> = steps
        .map(|step| match step {
            Segment::Key(key) => key.as_str(),
            Segment::Index(_) => "",
        })
        .collect();
    let message = match keys[..] {
        ["tables", _, "kinesis"] if error.message.ends_with("found a list") => {
            "a table feeds one stream, and no second one (KDC-5); several readers can share it"
        }
        ["tables", _, "kinesis", "region"] | ["kinesis", _, "region"] | ["tables", _, "region"] => {
            "a feed's stream is in its table's account and Region (KDC-5): `region` stands at the top, for all of them"
        }
        _ => return error,
    };
    Diagnostic { message: message.to_owned(), help: None, ..error }
}
