//! The month's bill, with how sure it is.

use std::collections::BTreeMap;

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::usage;
use crate::engine::time::{HOUR, SECOND};
use crate::pipeline::finish::Outcome;
use crate::pricing::{Bill, BillError, Cause, PriceBook, Usage};
use crate::report::number::Interval95;
use crate::scenario::checked::Scenario;

/// The bill, its causes and its interval.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct Cost {
    /// The bill for the mean usage.
    #[serde(flatten)]
    pub bill: Bill,
    /// Known amounts by cause, USD; they add up to `known_subtotal`.
    #[schemars(with = "BTreeMap<Cause, String>")]
    pub by_cause: BTreeMap<Cause, Decimal>,
    /// The interval of the total over the replications' own bills.
    pub total_interval95: Interval95,
    /// Hours of the month that the scenario stands for.
    pub represents_hours: f64,
    /// The total if AWS did not meter the feeds' retries (OPEN-8, KDC-M2), USD; absent where there are none or the total
    /// is unknown.
    #[serde(default, skip_serializing_if = "Option::is_none")]
    #[schemars(with = "Option<String>")]
    pub without_feed_retries: Option<Decimal>,
    /// The rules by which usage was drawn up, in whole sentences.
    pub rules: Vec<String>,
}

impl Cost {
    /// The bill for `usage`, and the totals of the replications' own bills in USD: `None` where a price is
    /// unknown.
    ///
    /// # Errors
    /// [`BillError`].
    pub fn new(
        scenario: &Scenario,
        outcomes: &[Outcome],
        usage: &Usage,
        book: &PriceBook,
    ) -> Result<(Self, Vec<Option<f64>>), BillError> {
        let mut bill = Bill::of(usage, book, scenario.terms(book))?;
        let unpriced = add_unpriced(scenario, outcomes, &mut bill);
        let total = |outcome: &Outcome| {
            let usage = usage::of(scenario, std::slice::from_ref(outcome))?;
            let total = Bill::of(&usage, book, scenario.terms(book))?.total.filter(|_| !unpriced);
            Ok(total.and_then(|total| total.to_f64()))
        };
        let totals: Vec<Option<f64>> = outcomes.iter().map(total).collect::<Result<_, BillError>>()?;
        let without = without_feed_retries(&bill);
        let mut rules = usage::rules(scenario);
        rules.extend(without.map(|total| {
            format!(
                "Puts that a shard refused count as attempts of the feed: were they not metered (OPEN-8), the total would be {} USD.",
                total.round_dp(2)
            )
        }));
        let cost = Self {
            without_feed_retries: without,
            by_cause: bill.by_cause(),
            bill,
            total_interval95: Interval95::of_money(&totals),
            represents_hours: scenario.billing.represents as f64 / HOUR as f64,
            rules,
        };
        Ok((cost, totals))
    }
}

impl Cost {
    /// The bill's total in US dollars; `None` where a price is unknown.
    pub fn total(&self) -> Option<f64> {
        self.bill.total.and_then(|total| total.to_f64())
    }

    /// The hours that the bill is for, where that is no month.
    pub fn part_of_month(&self) -> Option<f64> {
        let is_part = (self.represents_hours - f64::from(self.bill.terms.month_hours)).abs() > 1e-9;
        is_part.then_some(self.represents_hours)
    }
}

/// The service that bills deliveries by channel, as the price book names it.
const CHANNELS: &str = "Kinesis Data Streams";

/// Adds what is used and has no price in the book; whether there is something. Quantities are of the month, in GB.
fn add_unpriced(scenario: &Scenario, outcomes: &[Outcome], bill: &mut Bill) -> bool {
    let spans: u128 = outcomes.iter().map(|outcome| u128::from(outcome.quantities.at)).sum();
    let lines = usage::unpriced(scenario, outcomes);
    for (id, item, bytes) in &lines {
        let month = Decimal::from(*bytes) * Decimal::from(scenario.billing.represents / SECOND);
        let span = Decimal::from(u64::try_from(spans / u128::from(SECOND)).unwrap_or(u64::MAX).max(1));
        let gigabytes = (month / span / Decimal::from(1_u64 << 30)).round_dp(6).normalize();
        bill.add_unpriced(CHANNELS, id, item.clone(), "GB", gigabytes);
    }
    !lines.is_empty()
}

/// The total without what the feeds' retries cost, where they cost something.
fn without_feed_retries(bill: &Bill) -> Option<Decimal> {
    let lines = bill.lines.iter().filter(|line| line.id.starts_with("ddb.cdc.kinesis"));
    let retries: Decimal = lines.filter_map(|line| line.causes.get(&Cause::Retries)).sum();
    if retries.is_zero() { None } else { Some(bill.total? - retries) }
}
