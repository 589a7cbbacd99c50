//! Calls under way: which parcels each holds, and how often it was made.

use super::record::Parcel;
use crate::engine::time::Nanos;

/// One call, over all its retries.
#[derive(Clone, Debug, Default)]
pub struct Call {
    /// What it puts; after a reply, what is still to be put.
    pub parcels: Vec<Parcel>,
    /// When it was last made.
    pub issued: Nanos,
    /// Attempts of the SDK that failed since the application last made the call.
    pub failures: u32,
    /// Times that the application made it again.
    pub resends: u32,
    /// Times it was made in all: what its draws are addressed by, with its number.
    pub made: u32,
    /// Its number among its producer's calls.
    pub number: u64,
    /// Whether the reply of the last attempt got lost.
    pub lost: bool,
    /// Whether the last attempt was refused as a whole: a Firehose's quota of requests (FH-Q1).
    pub refused: bool,
}

/// The calls of one producer that are under way, by slot.
#[derive(Clone, Debug, Default)]
pub struct Calls {
    slots: Vec<Call>,
    free: Vec<u32>,
    begun: u64,
}

impl Calls {
    /// Calls under way.
    pub fn open(&self) -> usize {
        self.slots.len() - self.free.len()
    }

    /// A fresh call's slot; its list of parcels is empty.
    pub fn begin(&mut self) -> u32 {
        let slot = self.free.pop().unwrap_or_else(|| {
            self.slots.push(Call::default());
            (self.slots.len() - 1) as u32
        });
        let call = &mut self.slots[slot as usize];
        let mut parcels = std::mem::take(&mut call.parcels);
        parcels.clear();
        *call = Call { parcels, number: self.begun, ..Call::default() };
        self.begun += 1;
        slot
    }

    /// Takes back a call that was never made.
    pub fn cancel(&mut self, slot: u32) {
        self.begun -= 1;
        self.free.push(slot);
    }

    /// Ends a call.
    pub fn end(&mut self, slot: u32) {
        self.free.push(slot);
    }

    /// What the call in a slot puts.
    pub fn parcels(&self, slot: u32) -> &[Parcel] {
        &self.slots[slot as usize].parcels
    }

    /// The call in a slot.
    pub fn get(&mut self, slot: u32) -> &mut Call {
        &mut self.slots[slot as usize]
    }
}
