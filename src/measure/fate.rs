//! What the names of fates mean. Which of them is a loss is said here alone: the figure `lost`, objectives and every
//! report ask this list.

use Meaning::{Aside, Done, LeftOut, Lost, UnderWay};

/// What a fate means to those who wait for the record.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Meaning {
    /// It got where it was sent.
    Done,
    /// It was still on its way when the run ended.
    UnderWay,
    /// It goes no further because the scenario wants it so, such as a record that a filter leaves out.
    LeftOut,
    /// It never arrives, and nobody keeps it.
    Lost,
    /// It does not arrive by itself, but lies at this place.
    Aside(&'static str),
}

const ERROR_PREFIX: Meaning = Aside("under the error prefix of");

/// Every fate of the ledger. What a reader may take up elsewhere is not told here: each account speaks of itself.
const FATES: [(&str, Meaning); 39] = [
    ("accepted", Done),
    ("applied_unheard", Done),
    ("replicated", Done),
    ("published", Done),
    ("processed", Done),
    ("delivered", Done),
    ("deduplicated", Done),
    ("waiting_for_retry", UnderWay),
    ("not_due", UnderWay),
    ("waiting", UnderWay),
    ("in_hand", UnderWay),
    ("buffered", UnderWay),
    ("transforming", UnderWay),
    ("uploading", UnderWay),
    ("condition_failed", LeftOut),
    ("cancelled", LeftOut),
    ("filtered", LeftOut),
    ("dropped_by_transform", LeftOut),
    ("before_start", LeftOut),
    ("after_removal", LeftOut),
    // The change itself is told apart from its second copy.
    ("copies_lost", LeftOut),
    ("given_up", Lost),
    ("too_large", Lost),
    ("call_refused", Lost),
    ("collection_full", Lost),
    ("not_captured", Lost),
    ("dropped", Lost),
    ("expired", Lost),
    ("skipped", Lost),
    ("discarded", Lost),
    ("lost", Lost),
    ("undeliverable", Lost),
    ("on_failure", Aside("at the on-failure destination of")),
    ("dead_letter", Aside("in the dead-letter queue of")),
    ("transform_failed", ERROR_PREFIX),
    ("conversion_failed", ERROR_PREFIX),
    ("destination_failed", ERROR_PREFIX),
    ("active_partition_exceeded", ERROR_PREFIX),
    ("processing_failed", ERROR_PREFIX),
];

/// What the fate of this name means; nothing for a name that is no fate.
pub fn meaning(fate: &str) -> Option<Meaning> {
    FATES.iter().find(|(name, _)| *name == fate).map(|(_, meaning)| *meaning)
}
