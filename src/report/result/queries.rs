//! Scheduled queries over objects: what they scanned, how long they took and how old the data was.

use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::ordering::Spread;
use crate::engine::time::DAY;
use crate::pipeline::finish::Outcome;
use crate::pricing::meter::terabytes;
use crate::pricing::{Bill, BillError, Cause, PriceBook, Terms, Usage};
use crate::report::number::{mean as mean_of, rounded, share};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::systems::athena::QueryMeter;
use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;

/// Queries that started in the measured span. Counts are summed over all replications; times and ages are replication 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct QueryRow {
    /// Their path, such as `athena.dashboards`.
    pub path: String,
    /// What they scan, such as `firehose.lake`.
    pub scans: String,
    /// Queries that ran to their end.
    pub done: u64,
    /// Refused with TooManyRequestsException: too many were active.
    pub refused: u64,
    /// Ended by the timeout of 30 minutes.
    pub timed_out: u64,
    /// Objects opened by a query, on the average.
    pub objects_mean: Option<f64>,
    /// Bytes scanned by a query, on the average.
    pub scanned_bytes_mean: Option<f64>,
    /// Bytes billed for a query, on the average: whole MB, at least ten.
    pub billed_bytes_mean: Option<f64>,
    /// Bytes of those scanned that only removing duplicates reads, on the average.
    pub deduplication_bytes_mean: Option<f64>,
    /// Second copies among the rows that come into the objects in a day, at the rate of the measured span: mean of the replications.
    #[serde(default)]
    pub duplicate_rows_per_day: Option<f64>,
    /// What a query costs, US dollars: the bytes billed for it, and the requests that S3 charges for; compaction is left out, and is on
    /// the bill. Null where a price is unknown, or none ran to its end.
    #[serde(default)]
    pub usd_mean: Option<f64>,
    /// Share of the rows scanned that are second copies.
    pub duplicate_share: Option<f64>,
    /// Time that S3's limit on requests added to a query (S3-1), on the average, seconds.
    pub slowed_by_s3_mean_s: Option<f64>,
    /// Objects read by compaction.
    pub compaction_objects_read: u64,
    /// Objects written by compaction.
    pub compaction_objects_written: u64,
    /// Time from the start of a query to its answer, seconds.
    pub time_s: Spread,
    /// Age of the newest record there at the start of a query, seconds since it arrived in the stream.
    pub data_age_s: Spread,
}

/// The rows of all queries.
///
/// # Errors
/// [`BillError`].
pub fn rows(scenario: &Scenario, outcomes: &[Outcome], book: &PriceBook) -> Result<Vec<QueryRow>, BillError> {
    let row = |number: usize| {
        let plan = &scenario.queries[number];
        let sum = |of: fn(&QueryMeter) -> u64| {
            outcomes.iter().map(|outcome| of(&outcome.queries[number])).sum::<u64>()
        };
        let done = sum(|meter| meter.done);
        let mean = |of: fn(&QueryMeter) -> u64| share(sum(of), done).and_then(rounded);
        let first = outcomes.first().map(|outcome| &outcome.queries[number]);
        let spread = |of: fn(&QueryMeter) -> &crate::engine::histogram::Histogram| {
            Spread::of(first.map(of).unwrap_or(&Default::default()), 1e6)
        };
        Ok(QueryRow {
            duplicate_rows_per_day: mean_of(outcomes.iter().map(|it| duplicates_a_day(it, number)))
                .and_then(rounded),
            usd_mean: usd_each(scenario, outcomes, number, book)?,
            path: resource("athena", &plan.name),
            scans: resource("firehose", &scenario.deliveries[plan.delivery].name),
            done,
            refused: sum(|meter| meter.refused),
            timed_out: sum(|meter| meter.timed_out),
            objects_mean: mean(|meter| meter.objects),
            scanned_bytes_mean: mean(|meter| meter.scanned),
            billed_bytes_mean: mean(|meter| meter.billed),
            deduplication_bytes_mean: plan.deduplicates.and_then(|_| mean(|it| it.scanned_to_deduplicate)),
            duplicate_share: share(sum(|meter| meter.copies), sum(|meter| meter.rows)).and_then(rounded),
            slowed_by_s3_mean_s: share(sum(|meter| meter.slowed), done).and_then(|it| rounded(it / 1e6)),
            compaction_objects_read: sum(|meter| meter.compacted[0]),
            compaction_objects_written: sum(|meter| meter.compacted[1]),
            time_s: spread(|meter| &meter.time),
            data_age_s: spread(|meter| &meter.age),
        })
    };
    (0..scenario.queries.len()).map(row).collect()
}

/// Second copies that come into the objects of a delivery stream in a day.
pub(super) fn duplicates_a_day(outcome: &Outcome, number: usize) -> Option<f64> {
    let [_, copies] = outcome.queries.get(number)?.stored;
    let span = outcome.quantities.at;
    (span > 0).then(|| copies as f64 * DAY as f64 / span as f64)
}

/// Queries of which the price is asked at once: the lines of a bill are whole cents, and one of them costs less.
const MANY: u128 = 1_000_000;

/// What a query of the measured spans costs on the average.
fn usd_each(
    scenario: &Scenario,
    outcomes: &[Outcome],
    number: usize,
    book: &PriceBook,
) -> Result<Option<f64>, BillError> {
    let sum =
        |of: fn(&QueryMeter) -> u64| outcomes.iter().map(|outcome| of(&outcome.queries[number])).sum::<u64>();
    let done = sum(|meter| meter.done);
    if done == 0 {
        return Ok(None);
    }
    let mut usage = Usage::default();
    usage.add("athena.scan_tb", Cause::Base, terabytes(sum(|meter| meter.billed)))?;
    usage.add("s3.get", Cause::Base, Decimal::from(sum(|meter| meter.gets)))?;
    usage.add("s3.put", Cause::Base, Decimal::from(sum(|meter| meter.lists)))?;
    let terms = Terms { free_tier: false, ..scenario.terms(book) };
    let total = Bill::of(&usage.scale(MANY, u128::from(done))?, book, terms)?.total;
    Ok(total.and_then(|total| total.to_f64()).and_then(|total| rounded(total / MANY as f64)))
}
