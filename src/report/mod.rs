//! Reports: what a run came to, as data first.
