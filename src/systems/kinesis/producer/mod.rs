//! Clients that put records straight into a stream: what they gather, how they pack it, and when they call.
//!
//! A client takes user records and gives calls; it knows neither the stream behind them nor the clock's events. Its
//! outbox holds the moments at which it wants to be looked at again.

pub mod aggregate;
pub mod calls;
pub mod gather;
pub mod kpl;
pub mod plan;
pub mod record;

use std::collections::VecDeque;

use crate::engine::slab::Slab;
use crate::engine::time::Nanos;
use aggregate::Content;
use gather::Gatherer;
use kpl::Kpl;
use plan::{ClientPlan, DirectPlan};
use record::{Parcel, UserRecord};

/// What a client asks for while it handles something.
#[derive(Clone, Debug, Default)]
pub struct Outbox {
    /// Moments at which it wants to be looked at again, and the number of what is then due.
    pub looks: Vec<(Nanos, u32)>,
    /// Records to be packed again, or to fail where their time to live is over.
    pub apart: VecDeque<u32>,
}

/// A client at work.
#[derive(Clone, Debug)]
pub enum Client {
    /// An SDK with the application's own gathering, or the Kinesis Agent.
    Gatherer(Gatherer),
    /// The Kinesis Producer Library.
    Kpl(Box<Kpl>),
}

impl Client {
    /// A client that holds nothing; `shards` are those of its stream now.
    pub fn new(plan: &DirectPlan, shards: usize) -> Self {
        match &plan.client {
            ClientPlan::Gather(plan) => Self::Gatherer(Gatherer::new(plan)),
            ClientPlan::Kpl(plan) => Self::Kpl(Box::new(Kpl::new(plan, shards))),
        }
    }

    /// Takes a user record up; `shard` is where its hash key belongs.
    pub fn add(
        &mut self,
        now: Nanos,
        handle: u32,
        content: &Content,
        shard: usize,
        records: &mut Slab<UserRecord>,
        out: &mut Outbox,
    ) {
        match self {
            Self::Gatherer(gatherer) => gatherer.add(now, handle, content, records, out),
            Self::Kpl(kpl) => kpl.add(now, handle, content, shard, records, out),
        }
    }

    /// Something may be due.
    pub fn look(&mut self, now: Nanos, what: u32, records: &mut Slab<UserRecord>, out: &mut Outbox) {
        match self {
            Self::Gatherer(_) => {}
            Self::Kpl(kpl) => kpl.look(now, what, records, out),
        }
    }

    /// The next call that is due, into an empty list of parcels; whether there is one.
    pub fn next_call(
        &mut self,
        now: Nanos,
        records: &Slab<UserRecord>,
        call: &mut Vec<Parcel>,
        out: &mut Outbox,
    ) -> bool {
        match self {
            Self::Gatherer(gatherer) => gatherer.next_call(now, records, call, out),
            Self::Kpl(kpl) => kpl.next_call(call),
        }
    }
}
