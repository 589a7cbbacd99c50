//! What on-demand streams use: by the stream-hour and GB, or under On-demand Advantage by the GB with a commitment.

use rust_decimal::Decimal;

use super::{LONG_TERM, copies, unit_seconds};
use crate::engine::time::{DAY, SECOND};
use crate::pipeline::finish::Outcome;
use crate::pipeline::quantities::Quantities;
use crate::pipeline::source::OnDemandUse;
use crate::pricing::{Cause, Usage, UsageError};
use crate::scenario::checked::Scenario;

/// Bytes a second that On-demand Advantage commits to, written and again read (KDS-A4).
const COMMITMENT_BYTES_PER_SECOND: u128 = 25 << 20;

/// Bytes written and read in on-demand mode, and what is missing to the commitment.
pub(super) fn gigabytes(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    let [write, read] = if scenario.on_demand_advantage {
        ["kds.adv.in_gb", "kds.adv.out_gb"]
    } else {
        ["kds.od.in_gb", "kds.od.out_gb"]
    };
    for outcome in outcomes {
        let (mut written, mut taken) = (0, 0);
        for (stream, on_demand) in outcome.quantities.on_demand.iter().enumerate() {
            let OnDemandUse { bytes, billed_bytes, read: readers, .. } = on_demand;
            let copies = copies(&outcome.quantities, stream);
            usage.add_split(write, Decimal::from(*bytes), Cause::Base, copies)?;
            usage.add_split(write, Decimal::from(billed_bytes - bytes), Cause::Rounding, copies)?;
            // A delivery channel takes a reader's place and reads nothing that is billed here.
            for (number, bytes) in readers.iter().filter(|bytes| **bytes > 0).enumerate() {
                let cause = if number == 0 { Cause::Base } else { Cause::FanOut };
                usage.add_split(read, Decimal::from(*bytes), cause, copies)?;
            }
            written += u128::from(*billed_bytes);
            taken += readers.iter().map(|bytes| u128::from(*bytes)).sum::<u128>();
        }
        for (plan, used) in scenario.lambdas.iter().zip(&outcome.quantities.lambdas) {
            taken += u128::from(pushed(&outcome.quantities, plan.stream, used.pushed_bytes));
        }
        for (plan, used) in scenario.fleets.iter().zip(&outcome.quantities.fleets) {
            taken += u128::from(pushed(&outcome.quantities, plan.stream, used.pushed_bytes));
        }
        if scenario.on_demand_advantage {
            let span = u128::from(outcome.quantities.at);
            let committed = COMMITMENT_BYTES_PER_SECOND * span / u128::from(SECOND);
            for (id, used) in [(write, written), (read, taken)] {
                let missing = u64::try_from(committed.saturating_sub(used)).unwrap_or(u64::MAX);
                usage.add(id, Cause::Commitment, Decimal::from(missing))?;
            }
        }
    }
    Ok(usage)
}

/// Bytes of those pushed to an enhanced fan-out consumer that count as pushed in on-demand mode: of a stream that changed its
/// mode the share that was written in it.
pub(super) fn pushed(quantities: &Quantities, stream: usize, bytes: u64) -> u64 {
    let written = u128::from(quantities.streams[stream][2]).max(1);
    let on_demand = u128::from(quantities.on_demand[stream].bytes);
    u64::try_from(u128::from(bytes) * on_demand / written).unwrap_or(bytes)
}

/// Seconds that streams spent in on-demand mode; free under On-demand Advantage (KDS-A5).
pub(super) fn stream_seconds(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    let id = "kds.od.stream_h";
    if !scenario.on_demand_advantage {
        for used in outcomes.iter().flat_map(|outcome| &outcome.quantities.on_demand) {
            usage.add(id, Cause::Base, unit_seconds(id, used.nanos)?)?;
        }
    }
    Ok(usage)
}

/// Bytes written in on-demand mode times the seconds for which they stay beyond the first day.
pub(super) fn stored(scenario: &Scenario, outcomes: &[Outcome]) -> Result<Usage, UsageError> {
    let mut usage = Usage::default();
    let [days, long] = if scenario.on_demand_advantage {
        ["kds.adv.ext_ret_gbmo", "kds.adv.lt_ret_gbmo"]
    } else {
        ["kds.od.ext_ret_gbmo", "kds.od.lt_ret_gbmo"]
    };
    for (number, stream) in scenario.streams.iter().enumerate() {
        let first_week = stream.retention.min(LONG_TERM).saturating_sub(DAY);
        for (id, span) in [(days, first_week), (long, stream.retention.saturating_sub(LONG_TERM))] {
            for outcome in outcomes {
                let bytes = Decimal::from(outcome.quantities.on_demand[number].bytes);
                let stayed = bytes.checked_mul(Decimal::from(span / SECOND));
                let stayed = stayed.ok_or_else(|| UsageError::TooLarge { id: id.to_owned() })?;
                usage.add(id, Cause::Retention, stayed)?;
            }
        }
    }
    Ok(usage)
}

/// The rules that apply, in whole sentences.
pub(super) fn rules(scenario: &Scenario) -> Vec<String> {
    let mut rules = Vec::new();
    if scenario.streams.iter().any(|stream| stream.capacity.is_on_demand()) {
        rules.push(
            "On-demand streams: each record written is rounded up to whole KB; what each reader reads is billed again, \
             unrounded."
                .to_owned(),
        );
    }
    if scenario.on_demand_advantage {
        rules.push(
            "On-demand Advantage commits the account to 25 MiB/s written and 25 MiB/s read in this Region; what this scenario's \
             streams leave unused is billed at the same price a GB (KDS-A4)."
                .to_owned(),
        );
    }
    rules
}
