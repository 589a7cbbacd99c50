//! What a month costs: metering rules, the price book, and the bill.
//!
//! ```text
//! events --meter--> Usage (price id -> quantity, by cause) --Bill::of(book, terms)--> Bill (lines, total)
//! ```
//!
//! Every price comes from `prices.csv` and carries how sure we are of it. An estimate is never used as AWS's
//! price and an unknown price is never taken as zero: the line stays open and the bill has no total, only a
//! known subtotal.
//!
//! **Numbers in files.** Quantities and money are exact decimals. They are written as JSON *strings*
//! (`"219.00"`), as the AWS Price List and Cost Explorer write theirs, because a JSON number becomes a binary
//! float in most readers.

mod bill;
mod book;
mod date;
mod exact;
pub mod meter;
mod usage;

pub use bill::{Bill, BillError, Line, Terms};
pub use book::{BookError, Confidence, Entry, Lookup, LookupError, PriceBook, Rate, Tier, Unpriced};
pub use date::{Date, NotADate};
pub use usage::{Cause, Usage, UsageError, UsageLine};
