//! The destination of a table's feed, when it is not simply active: switched off and on, out of reach, cut off.
//!
//! A feed has no such thing until something happens to it, so that an active one costs nothing.

use crate::engine::time::{END_OF_TIME, HOUR, Nanos};

/// From this age of the oldest unreplicated change on, replication is switched off (KDC-R3).
pub const CUT_OFF_AGE: Nanos = 168 * HOUR;

/// What DynamoDB says of a destination (KDC-10).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Status {
    /// Switched on, and not capturing yet.
    Enabling,
    /// Capturing and sending.
    Active,
    /// Switched off; what was captured is still sent (KDC-11).
    Disabling,
    /// Nothing is captured or sent.
    Disabled,
}

impl Status {
    /// As the API has it.
    pub fn name(self) -> &'static str {
        match self {
            Self::Enabling => "ENABLING",
            Self::Active => "ACTIVE",
            Self::Disabling => "DISABLING",
            Self::Disabled => "DISABLED",
        }
    }
}

/// Why a put does not get through to the stream.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Obstacle {
    /// The feed may not write to the stream (KDC-R6).
    Permission,
    /// The stream's encryption key is throttled (KDC-R2).
    Key,
}

/// What a planned event does to a destination.
#[derive(Clone, Copy, Debug, PartialEq)]
pub enum Turn {
    /// It is switched off, and what is under way is sent for so long.
    Disable(Nanos),
    /// It is switched on, and captures after so long.
    Enable(Nanos),
    /// Permission is lost.
    LosePermission,
    /// The stream's encryption key refuses this share of the puts.
    ThrottleKey(f64),
}

/// A destination that something has happened to.
#[derive(Clone, Copy, Debug, PartialEq)]
pub struct Destination {
    /// Changes are captured from here on ...
    captures_from: Nanos,
    /// ... up to here.
    captures_until: Nanos,
    /// Captured changes are sent up to here.
    sends_until: Nanos,
    denied_until: Nanos,
    key_throttled_until: Nanos,
    key_throttled_share: f64,
}

impl Default for Destination {
    /// An active one.
    fn default() -> Self {
        Self {
            captures_from: 0,
            captures_until: END_OF_TIME,
            sends_until: END_OF_TIME,
            denied_until: 0,
            key_throttled_until: 0,
            key_throttled_share: 0.0,
        }
    }
}

impl Destination {
    /// Switches it off: nothing is captured any more, and what is under way is sent for `tail` (KDC-11).
    pub fn disable(&mut self, now: Nanos, tail: Nanos) {
        self.captures_until = self.captures_until.min(now);
        self.sends_until = self.sends_until.min(now.saturating_add(tail));
    }

    /// Switches it on: changes are captured from a moment of the service's choice on, `after` from now, and none from
    /// before (KDC-9). One that captures already stays as it is.
    pub fn enable(&mut self, now: Nanos, after: Nanos) {
        if self.captures_until <= now {
            self.captures_from = now.saturating_add(after);
            self.captures_until = END_OF_TIME;
            self.sends_until = END_OF_TIME;
        }
    }

    /// Takes the permission to write to the stream away (KDC-R6).
    pub fn deny(&mut self, until: Nanos) {
        self.denied_until = self.denied_until.max(until);
    }

    /// Throttles the stream's encryption key: so much of the puts fails (KDC-R2).
    pub fn throttle_key(&mut self, until: Nanos, share: f64) {
        (self.key_throttled_until, self.key_throttled_share) = (until, share);
    }

    /// Whether a change made now is captured.
    pub fn captures(&self, now: Nanos) -> bool {
        self.captures_from <= now && now < self.captures_until
    }

    /// Whether a captured change may still be sent.
    pub fn sends(&self, now: Nanos) -> bool {
        now < self.sends_until
    }

    /// What stands in the way of a put now; `unit` is its uniform draw.
    pub fn obstacle(&self, now: Nanos, unit: f64) -> Option<Obstacle> {
        if now < self.denied_until {
            return Some(Obstacle::Permission);
        }
        (now < self.key_throttled_until && unit < self.key_throttled_share).then_some(Obstacle::Key)
    }

    /// What refuses every put at present, if something does.
    pub fn takes_nothing(&self, now: Nanos) -> Option<Obstacle> {
        // A uniform draw is below 1, and below a share only if there is anything to it.
        self.obstacle(now, 1.0_f64.next_down())
    }

    /// Its status (KDC-10).
    pub fn status(&self, now: Nanos) -> Status {
        match (self.captures(now), now < self.captures_from) {
            (true, _) => Status::Active,
            (false, true) => Status::Enabling,
            (false, false) if self.sends(now) => Status::Disabling,
            (false, false) => Status::Disabled,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;
    use crate::engine::time::{MINUTE, SECOND};

    #[test]
    fn kdc_9_10_11_a_destination_goes_through_its_states() {
        let mut destination = Destination::default();
        assert_eq!(destination.status(0), Status::Active);
        destination.disable(MINUTE, 30 * SECOND);
        assert_eq!(destination.status(MINUTE), Status::Disabling);
        assert!(destination.sends(89 * SECOND) && !destination.captures(MINUTE));
        assert_eq!(destination.status(90 * SECOND), Status::Disabled);
        destination.enable(5 * MINUTE, MINUTE);
        assert_eq!(destination.status(5 * MINUTE), Status::Enabling);
        assert!(!destination.captures(6 * MINUTE - 1) && destination.captures(6 * MINUTE));
        // What is on already is not switched on again.
        destination.enable(7 * MINUTE, MINUTE);
        assert_eq!(destination.status(7 * MINUTE), Status::Active);
    }
}
