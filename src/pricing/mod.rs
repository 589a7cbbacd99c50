//! What a month costs: metering rules, the price book, and the bill.
//!
//! ```text
//! events --meter--> Usage (price id -> quantity, by cause) --Bill::of(book, terms)--> Bill (lines, total)
//! ```
//!
//! Every price comes from `prices.csv`, or from the user's own, and carries how sure we are of it. An estimate is used only
//! where the user allows it, and marked; it is never shown as AWS's price. An unknown price is never taken as zero: the line stays open and the bill has no total, only a
//! known subtotal.
//!
//! **Numbers in files.** Quantities and money are exact decimals. They are written as JSON *strings*
//! (`"219.00"`), as the AWS Price List and Cost Explorer write theirs, because a JSON number becomes a binary
//! float in most readers.

mod bill;
mod book;
mod book_file;
pub mod commitment;
mod date;
mod entry;
mod exact;
pub mod meter;
mod usage;

pub use bill::{Bill, BillError, Line, Terms};
pub use book::{Lookup, LookupError, PriceBook, Tier};
pub use book_file::{BookError, Row, rows, to_csv};
pub use date::{Date, NotADate};
pub use entry::{Asked, Confidence, EVERYWHERE, Entry, Rate, Unpriced};
pub use usage::{Cause, Usage, UsageError, UsageLine};
