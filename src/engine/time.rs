//! Virtual time: whole nanoseconds since the start of the run.

/// A moment or a span of virtual time, in nanoseconds. The event list keeps 56 bits: 834 days.
pub type Nanos = u64;

/// Nanoseconds in one microsecond.
pub const MICROSECOND: Nanos = 1_000;
/// Nanoseconds in one millisecond.
pub const MILLISECOND: Nanos = 1_000_000;
/// Nanoseconds in one second.
pub const SECOND: Nanos = 1_000_000_000;
/// Nanoseconds in one minute.
pub const MINUTE: Nanos = 60 * SECOND;
/// Nanoseconds in one hour.
pub const HOUR: Nanos = 3_600 * SECOND;
/// Nanoseconds in one day.
pub const DAY: Nanos = 24 * HOUR;

/// The last moment that an event can carry; 56 bits of all ones mean "never".
pub const END_OF_TIME: Nanos = (1 << 56) - 2;

/// Rounds a non-negative number of nanoseconds to the nearest whole one, saturating at [`END_OF_TIME`].
///
/// This is the one place where a sampled float becomes time.
#[inline]
pub fn round(nanos: f64) -> Nanos {
    debug_assert!(nanos >= 0.0, "time does not run backwards");
    ((nanos + 0.5) as i64 as u64).min(END_OF_TIME)
}
