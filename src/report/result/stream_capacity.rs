//! Streams whose capacity moves: what they took against what they could take, what was refused, what scaling did (Q7, Q8, Q11,
//! Q12).

use rust_decimal::Decimal;
use rust_decimal::prelude::ToPrimitive;
use schemars::JsonSchema;
use serde::{Deserialize, Serialize};

use super::shards::TopKey;
use crate::engine::random::Streams;
use crate::engine::time::{HOUR, Nanos};
use crate::measure::series::Series;
use crate::pipeline::finish::{Outcome, StreamOutcome};
use crate::pipeline::source::{Snapshot, column};
use crate::pricing::{Bill, BillError, Cause, PriceBook, Terms, Usage};
use crate::report::number::rounded;
use crate::scenario::checked::Scenario;
use crate::systems::kinesis::lineage::Lineage;
use crate::workload::key_name::KeyBuffer;
use crate::workload::put_records::Placement;

/// Steps of a curve at most.
const STEPS: usize = 30;
/// Bytes of the GB that AWS bills by.
const GIGABYTE: u64 = 1 << 30;

/// How a stream's capacity moved up to the end of the measured span. Refused puts and their times are those of all replications, to
/// the end of the run; all else is of replication 0.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StreamCapacityRow {
    /// Open shards at the end of the measured span.
    pub shards_at_end: u32,
    /// The most that were open at once.
    pub shards_most: u32,
    /// Puts refused, first tries and retries.
    pub refused: u64,
    /// When the first was, simulated seconds.
    pub first_refused_s: Option<f64>,
    /// When the last was.
    pub last_refused_s: Option<f64>,
    /// Seconds in which some were, on the average of the replications.
    pub seconds_refused: Option<f64>,
    /// Those refused in seconds in which the open shards together accepted less than they can take.
    pub refused_with_room: u64,
    /// The key with the most records.
    pub hottest_key: Option<HottestKey>,
    /// Capacity against load.
    pub curve: StreamCurve,
    /// The largest hash range over the mean one, at the worst moment; 1 is even.
    pub range_unevenness_max: Option<f64>,
    /// The same at the end.
    pub range_unevenness_at_end: Option<f64>,
    /// Shards that on-demand mode split.
    pub splits: u64,
    /// Planned calls that were refused.
    pub refused_calls: u64,
    /// What a scaling policy did; all 0 without one.
    pub scaling: ScalingRow,
    /// Each stretch in one capacity mode; the last one ends with the measured span.
    pub modes: Vec<ModeRow>,
}

/// The key with the most records, wherever it lay.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct HottestKey {
    /// Its table or direct producer.
    pub table: String,
    /// The key.
    pub key: String,
    /// Puts refused on the shards that it lay on, one after the other.
    pub refused_on_its_shards: u64,
    /// How many shards those were.
    pub shards: u32,
}

/// Capacity against load in equal steps from the start on; at most 30.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct StreamCurve {
    /// Length of a step, simulated seconds.
    pub step_s: f64,
    /// Open shards at the end of the step: each takes 1 MiB and 1,000 records a second.
    pub shards: Vec<u32>,
    /// Bytes taken, a second.
    pub bytes_per_s: Vec<Option<f64>>,
    /// User records taken, a second.
    pub records_per_s: Vec<Option<f64>>,
    /// Puts refused, a second.
    pub refused_per_s: Vec<Option<f64>>,
}

/// What a scaling policy saw and did.
#[derive(Clone, Copy, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ScalingRow {
    /// Calls of UpdateShardCount, refused ones included.
    pub calls: u64,
    /// Calls refused because the stream was being changed.
    pub refused_in_use: u64,
    /// Calls refused for a quota: ten a day, or the account's shards.
    pub refused_quota: u64,
    /// Calls refused for more than double or less than half the open shards.
    pub refused_range: u64,
    /// Calls that went the other way than the one before.
    pub reversals: u64,
    /// How long use was above the target, simulated seconds.
    pub above_target_s: Option<f64>,
    /// How long it was below the share at which shards are taken away.
    pub below_s: Option<f64>,
}

/// A stretch in one capacity mode.
#[derive(Clone, Debug, PartialEq, Serialize, Deserialize, JsonSchema)]
pub struct ModeRow {
    /// `on_demand` or `provisioned`.
    pub mode: String,
    /// When it began, simulated seconds.
    pub from_s: Option<f64>,
    /// When it ended.
    pub to_s: Option<f64>,
    /// Shards open at its end.
    pub shards: u32,
    /// Kinesis records taken.
    pub records: u64,
    /// Bytes taken.
    pub bytes: u64,
    /// Puts refused.
    pub refused: u64,
    /// What the stream itself cost, USD an hour: shards and payload units, or stream-hours and GB written and read by polling;
    /// null where a price is unknown.
    pub usd_per_hour: Option<f64>,
}

fn seconds(at: Nanos) -> Option<f64> {
    rounded(at as f64 / 1e9)
}

impl StreamCapacityRow {
    /// The row of a stream; nothing for one whose capacity does not move.
    ///
    /// # Errors
    /// [`BillError`].
    pub fn of(
        scenario: &Scenario,
        outcomes: &[Outcome],
        number: usize,
        keys: &[TopKey],
        hottest: Option<(bool, usize, u32)>,
        book: &PriceBook,
    ) -> Result<Option<Self>, BillError> {
        let Some(outcome) = outcomes.first().map(|outcome| &outcome.streams[number]) else { return Ok(None) };
        let Some(meter) = &outcome.capacity else { return Ok(None) };
        let loads = || outcomes.iter().map(|outcome| &outcome.streams[number].room);
        let (most, worst, at_end) = shape(&outcome.lineage, scenario.duration);
        let [in_use, quota, range] = meter.scaling.refused;
        Ok(Some(Self {
            shards_at_end: open_at(&outcome.lineage, scenario.duration + 1),
            shards_most: most,
            refused: loads().map(|load| load.refused).sum(),
            first_refused_s: loads().filter_map(|load| load.first_refused).min().and_then(seconds),
            last_refused_s: loads().filter_map(|load| load.last_refused).max().and_then(seconds),
            seconds_refused: rounded(
                loads().map(|load| load.seconds_refused).sum::<u64>() as f64 / outcomes.len() as f64,
            ),
            refused_with_room: loads().map(|load| load.refused_with_room).sum(),
            hottest_key: hottest_key(scenario, outcome, keys, hottest),
            curve: curve(&outcome.series, &outcome.lineage, scenario.duration),
            range_unevenness_max: rounded(worst),
            range_unevenness_at_end: rounded(at_end),
            splits: meter.splits,
            refused_calls: meter.refused_calls,
            scaling: ScalingRow {
                calls: meter.scaling.calls,
                refused_in_use: in_use,
                refused_quota: quota,
                refused_range: range,
                reversals: meter.scaling.reversals,
                above_target_s: seconds(meter.scaling.above),
                below_s: seconds(meter.scaling.below),
            },
            modes: modes(scenario, &outcome.modes, book)?,
        }))
    }
}

/// The most shards open at once, and the largest range over the mean one at the worst moment and at the end of a span.
fn shape(lineage: &Lineage, span: Nanos) -> (u32, f64, f64) {
    let opened = lineage.shards().iter().map(|kin| kin.opened);
    let mut moments: Vec<Nanos> = opened.filter(|at| *at <= span).collect();
    moments.dedup();
    let (mut most, mut worst, mut last) = (0, 1.0, 1.0);
    for now in moments {
        let open =
            lineage.shards().iter().filter(|kin| kin.opened <= now && kin.closed.is_none_or(|at| at > now));
        let (count, largest) =
            open.fold((0_u32, 0.0_f64), |(count, largest), kin| (count + 1, largest.max(kin.share())));
        most = most.max(count);
        last = largest * f64::from(count);
        worst = f64::max(worst, last);
    }
    (most, worst, last)
}

/// Open shards at a moment.
pub fn open_at(lineage: &Lineage, now: Nanos) -> u32 {
    let open = lineage
        .shards()
        .iter()
        .filter(|kin| kin.opened < now.max(1) && kin.closed.is_none_or(|at| at >= now));
    open.count() as u32
}

fn curve(series: &Series<{ column::COUNT }>, lineage: &Lineage, span: Nanos) -> StreamCurve {
    let bins = &series.bins()[..series.bins().len().min(span.div_ceil(series.width()) as usize)];
    let bins_a_step = bins.len().div_ceil(STEPS).max(1);
    let step = bins_a_step as u64 * series.width();
    let mut curve = StreamCurve {
        step_s: step as f64 / 1e9,
        shards: Vec::new(),
        bytes_per_s: Vec::new(),
        records_per_s: Vec::new(),
        refused_per_s: Vec::new(),
    };
    for (number, bins) in bins.chunks(bins_a_step).enumerate() {
        let length = (bins.len() as u64 * series.width()) as f64 / 1e9;
        let rate = |column: usize| rounded(bins.iter().map(|bin| bin[column]).sum::<u64>() as f64 / length);
        curve.shards.push(open_at(lineage, (number as u64 + 1) * step));
        curve.bytes_per_s.push(rate(column::BYTES));
        curve.records_per_s.push(rate(column::RECORDS));
        curve.refused_per_s.push(rate(column::REFUSED));
    }
    curve
}

/// The key with the most records, with what was refused where it lay. `hottest` says whether it is a table's, whose, and
/// its number.
fn hottest_key(
    scenario: &Scenario,
    outcome: &StreamOutcome,
    keys: &[TopKey],
    hottest: Option<(bool, usize, u32)>,
) -> Option<HottestKey> {
    let (of_table, source, key) = hottest?;
    let mut buffer = KeyBuffer::default();
    let hash = if of_table {
        let names = scenario.key_names(source);
        scenario.tables[source].replication.as_ref()?.hash_key(names.write(key, &mut buffer))
    } else {
        let plan = &scenario.direct[source];
        if !matches!(plan.placement, Placement::PartitionKey) {
            return None;
        }
        plan.hash(key, 0, &Streams::new(1, 0).keyed("report.spread"))
    };
    let lay = outcome.lineage.shards().iter().zip(&outcome.loads);
    let lay = lay.filter(|(kin, _)| kin.start <= hash && hash <= kin.end);
    let refused: Vec<u64> = lay.map(|(_, load)| load.total.refused).collect();
    let TopKey { table, key, .. } = keys.first()?;
    Some(HottestKey {
        table: table.clone(),
        key: key.clone(),
        refused_on_its_shards: refused.iter().sum(),
        shards: refused.len() as u32,
    })
}

fn modes(scenario: &Scenario, ends: &[Snapshot], book: &PriceBook) -> Result<Vec<ModeRow>, BillError> {
    let mut rows = Vec::new();
    let mut begin = Snapshot::default();
    for end in ends.iter().filter(|end| end.at > 0) {
        let counts: [u64; 4] = std::array::from_fn(|count| end.counts[count] - begin.counts[count]);
        rows.push(ModeRow {
            mode: if end.on_demand { "on_demand" } else { "provisioned" }.to_owned(),
            from_s: seconds(begin.at),
            to_s: seconds(end.at),
            shards: end.open as u32,
            records: counts[1],
            bytes: counts[2],
            refused: counts[3],
            usd_per_hour: usd_per_hour(scenario, &begin, end, counts[0], book)?,
        });
        begin = end.clone();
    }
    Ok(rows)
}

fn usd_per_hour(
    scenario: &Scenario,
    begin: &Snapshot,
    end: &Snapshot,
    put_units: u64,
    book: &PriceBook,
) -> Result<Option<f64>, BillError> {
    let span = end.at - begin.at;
    let hours = |nanos: u128| Decimal::from(nanos) / Decimal::from(HOUR);
    let gigabytes = |bytes: u64| Decimal::from(bytes) / Decimal::from(GIGABYTE);
    let mut usage = Usage::default();
    let used = end.used.clone().since(&begin.used);
    let read = used.read.iter().sum();
    let quantities = match (end.on_demand, scenario.on_demand_advantage) {
        (false, _) => vec![
            ("kds.prov.shard_h", hours(end.shard_nanos - begin.shard_nanos)),
            ("kds.prov.put_unit", Decimal::from(put_units)),
        ],
        (true, false) => vec![
            ("kds.od.stream_h", hours(used.nanos)),
            ("kds.od.in_gb", gigabytes(used.billed_bytes)),
            ("kds.od.out_gb", gigabytes(read)),
        ],
        (true, true) => {
            vec![("kds.adv.in_gb", gigabytes(used.billed_bytes)), ("kds.adv.out_gb", gigabytes(read))]
        }
    };
    for (id, quantity) in quantities.into_iter().filter(|(_, quantity)| !quantity.is_zero()) {
        // Scaling keeps all the digits that it is given, and there is room for 28.
        usage.add(id, Cause::Base, quantity.round_dp(12))?;
    }
    let terms = Terms { free_tier: false, ..scenario.terms(book) };
    // The lines of a bill are whole cents; an hour's share of a month is far less, so the stretch is stretched to a month.
    let month = u128::from(scenario.billing.month);
    let total = Bill::of(&usage.scale(month, u128::from(span.max(1)))?, book, terms)?.total;
    let months_hours = scenario.billing.month as f64 / HOUR as f64;
    Ok(total.and_then(|total| total.to_f64()).and_then(|total| rounded(total / months_hours)))
}
