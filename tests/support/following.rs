//! Following records, for tests of what is seen of them.
#![allow(dead_code, reason = "each test file uses the parts it needs")]

use std::collections::BTreeMap;
use std::sync::atomic::AtomicBool;

use rust_decimal::prelude::ToPrimitive;
use streamgauge::experiment::follow;
use streamgauge::experiment::replicate::{Control, Silent};
use streamgauge::pipeline::follow::Trail;
use streamgauge::pipeline::follow::arrival::Choice;
use streamgauge::pipeline::follow::slowest::Leg;
use streamgauge::scenario::checked::Scenario;

/// The way of a chosen write or record.
pub fn trail(scenario: &Scenario, choice: Choice) -> Trail {
    let never = AtomicBool::new(false);
    let control = Control { threads: 1, cancelled: &never, observer: &Silent };
    follow::follow(scenario, 0, choice, &control).expect("a run").expect("a record")
}

/// The way of a record of a direct producer, by its number.
pub fn trail_of_direct(scenario: &Scenario, number: u64) -> Trail {
    trail(scenario, Choice { direct: true, number: Some(number), ..Choice::default() })
}

/// The way of the record that was slowest on a leg.
pub fn slowest(scenario: &Scenario, leg: Leg) -> Trail {
    let never = AtomicBool::new(false);
    let control = Control { threads: 1, cancelled: &never, observer: &Silent };
    follow::slowest(scenario, 0, leg, &control).expect("a run").expect("a record")
}

/// How often each fate, by place and name.
pub type Fates = BTreeMap<(String, String), u64>;

/// Fates of records and of their copies, and what they are charged.
pub fn tally(trails: impl Iterator<Item = Trail>) -> (Fates, BTreeMap<&'static str, f64>) {
    let (mut fates, mut charges) = (BTreeMap::new(), BTreeMap::new());
    for trail in trails {
        for fate in trail.fates {
            *fates.entry((fate.place, fate.name)).or_default() += 1;
        }
        for charge in trail.steps.iter().flat_map(|step| &step.charges) {
            *charges.entry(charge.id).or_default() += charge.quantity.to_f64().expect("a number");
        }
    }
    (fates, charges)
}
