//! What On-demand Advantage bills at least (KDS-A4): 25 MiB a second written and, for itself, 25 MiB a second read.

use rust_decimal::Decimal;

use super::meter;
use super::usage::{Cause, Usage, UsageError};

const WRITTEN: &str = "kds.adv.in_gb";
const READ: &str = "kds.adv.out_gb";
/// What enhanced fan-out delivers counts as read.
const PUSHED: &str = "kds.adv.efo_gb";
/// What only an account with Advantage uses.
const USED: [&str; 5] = [WRITTEN, READ, PUSHED, "kds.adv.ext_ret_gbmo", "kds.adv.lt_ret_gbmo"];

/// Whether this usage is that of an account with Advantage and does not say what of it makes up the commitment.
pub fn is_open(usage: &Usage) -> bool {
    let lines = || USED.iter().filter_map(|id| usage.0.get(*id));
    lines().next().is_some() && lines().all(|line| !line.causes.contains_key(&Cause::Commitment))
}

/// Adds what is missing to the commitment of a month of so many hours, written and read.
///
/// # Errors
/// [`UsageError::TooLarge`]. Usage that is wrong in itself is left to [`Usage::check`].
pub fn add(usage: &mut Usage, month_hours: u32) -> Result<(), UsageError> {
    if usage.check().is_err() {
        return Ok(());
    }
    let of = |usage: &Usage, id: &str| usage.0.get(id).map(|line| line.quantity).unwrap_or_default();
    let least = meter::advantage_commitment_gb(month_hours);
    let used = [(WRITTEN, of(usage, WRITTEN)), (READ, of(usage, READ) + of(usage, PUSHED))];
    for (id, used) in used.into_iter().filter(|(_, used)| *used < least) {
        // A quantity without causes is the work itself.
        if let Some(line) = usage.0.get_mut(id).filter(|line| line.causes.is_empty()) {
            line.causes.insert(Cause::Base, line.quantity);
        }
        usage.add(id, Cause::Commitment, least - used)?;
    }
    Ok(())
}

/// What a bill says of a line that makes up the commitment.
pub(super) fn note(id: &str, causes: impl IntoIterator<Item = (Cause, Decimal)>) -> Option<String> {
    let what = match id {
        WRITTEN => "written",
        READ => "read, fan-out included",
        _ => return None,
    };
    let mut missing =
        causes.into_iter().filter(|(cause, quantity)| *cause == Cause::Commitment && !quantity.is_zero());
    missing.next().map(|(_, quantity)| {
        let quantity = quantity.round_dp(2).normalize();
        format!(
            "{quantity} GB of it were not used: On-demand Advantage bills at least 25 MiB/s {what} (KDS-A4)"
        )
    })
}
