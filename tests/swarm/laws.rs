//! What has to hold whatever a scenario says: accounts that are counted apart agree.

use streamgauge::measure::fate::{Meaning, meaning};
use streamgauge::measure::ledger::Account;
use streamgauge::pipeline::deliver::OBJECT_ROWS_MAX;
use streamgauge::pipeline::finish::Outcome;
use streamgauge::scenario::checked::{End, Scenario, Study};
use streamgauge::systems::tolls::Toll;

/// Interruptions of a fleet that its outcome lists.
const INTERRUPTIONS_LISTED: usize = 64;

/// Checks all of it.
pub fn check(scenario: &Scenario, outcome: &Outcome) {
    let accounts = Accounts { scenario, outcome };
    accounts.check_streams();
    accounts.check_queues();
    check_deliveries(scenario, outcome);
    accounts.check_fleets();
    accounts.check_tolls();
    for consumer in &outcome.consumers {
        let processed = consumer.meter.processed;
        assert_eq!(
            consumer.sink.map_or(processed, |sink| sink.records),
            processed,
            "what is written is processed"
        );
    }
}

struct Accounts<'a> {
    scenario: &'a Scenario,
    outcome: &'a Outcome,
}

impl Accounts<'_> {
    fn fate(&self, path: &str, wanted: &str) -> u64 {
        let fates = self.account(path).fates.iter().filter(|(fate, _)| *fate == wanted);
        fates.map(|(_, count)| count).sum()
    }

    fn entered(&self, path: &str, wanted: &str) -> u64 {
        let entered = self.account(path).entered.iter().filter(|(what, _)| *what == wanted);
        entered.map(|(_, count)| count).sum()
    }

    fn account(&self, path: &str) -> &Account {
        let found = self.outcome.ledger.accounts.iter().find(|account| account.path == path);
        found.unwrap_or_else(|| panic!("no account of {path}"))
    }

    /// Records that entered a stream, by those who wrote.
    fn written(&self, stream: usize) -> u64 {
        let tables = &self.scenario.tables;
        let feeds = tables.iter().filter(|it| it.replication.as_ref().is_some_and(|it| it.stream == stream));
        let replicated = feeds.map(|it| self.fate(&format!("tables.{}.kinesis", it.name), "replicated"));
        let own = tables.iter().filter(|it| it.streams.as_ref().is_some_and(|it| it.stream == stream));
        let published = own.map(|it| self.fate(&format!("tables.{}.streams", it.name), "published"));
        let direct = self.scenario.direct.iter().filter(|plan| plan.stream == stream);
        let put = direct.map(|plan| self.fate(&format!("workload.{}", plan.name), "accepted"));
        replicated.chain(published).chain(put).sum()
    }

    /// Those who read streams, with the streams' numbers.
    fn readers(&self) -> Vec<(String, usize)> {
        let of = |name: &str, stream| (format!("consumers.{name}"), stream);
        let polling = self.scenario.consumers.iter().map(|plan| of(&plan.name, plan.stream));
        let lambdas = self.scenario.lambdas.iter().map(|plan| of(&plan.name, plan.stream));
        let fleets = self.scenario.fleets.iter().map(|plan| of(&plan.name, plan.stream));
        let deliveries = self.scenario.deliveries.iter().map(|plan| (plan.path.clone(), plan.stream));
        polling.chain(lambdas).chain(fleets).chain(deliveries).collect()
    }

    /// What entered a stream, by those who wrote, is what each of its readers was offered.
    fn check_streams(&self) {
        for (reader, stream) in self.readers() {
            assert_eq!(self.entered(&reader, "records"), self.written(stream), "{reader} of {stream}");
        }
    }

    /// What a queue got is what those who send to it have sent at least: a batch that fails in part is sent again.
    fn check_queues(&self) {
        for (number, queue) in self.scenario.queues.iter().enumerate() {
            let senders = self.scenario.lambdas.iter();
            let senders = senders.filter(|it| it.function.sends_to.iter().any(|send| send.queue == number));
            let sent: u64 = senders.map(|it| self.fate(&format!("consumers.{}", it.name), "processed")).sum();
            let entered = self.entered(&format!("sqs.{}", queue.name), "sent");
            assert!(entered >= sent, "{}: {entered} of {sent} processed", queue.name);
        }
    }

    /// Whatever is lost or set aside has moments and a cause, and nothing else has.
    fn check_tolls(&self) {
        for account in &self.outcome.ledger.accounts {
            let places = self.outcome.tolls.iter().filter(|place| place.path == account.path);
            let tolls: Vec<&Toll> = places.flat_map(|place| place.tolls.all()).collect();
            for (fate, count) in &account.fates {
                let noted =
                    tolls.iter().filter(|toll| toll.fate == *fate).map(|toll| toll.records).sum::<u64>();
                let is_toll = matches!(meaning(fate), Some(Meaning::Lost | Meaning::Aside(_)));
                assert_eq!(noted, if is_toll { *count } else { 0 }, "{fate} at {}", account.path);
            }
            assert!(tolls.iter().all(|toll| toll.first() <= toll.last() && toll.last() <= self.outcome.end));
        }
    }

    /// A fleet tells of each interruption what it lost and what it does again at most.
    fn check_fleets(&self) {
        let drained = self.scenario.study == Study::Terminating
            && self.scenario.end == End::Drain
            && self.outcome.complete;
        for (plan, fleet) in self.scenario.fleets.iter().zip(&self.outcome.fleets) {
            let done = fleet.meter.processed + fleet.meter.repeated_total();
            // What is written is processed, for the first time or again.
            assert_eq!(fleet.sink.map_or(done, |sink| sink.records), done, "{}", plan.name);
            // The first ones are listed alone.
            if fleet.interruptions.len() >= INTERRUPTIONS_LISTED {
                continue;
            }
            let again: u64 = fleet.interruptions.iter().map(|it| it.again).sum();
            assert!(fleet.meter.repeated_total() <= again, "{}: {:?}", plan.name, fleet.meter);
            let lost: u64 = fleet.interruptions.iter().map(|it| it.lost).sum();
            assert_eq!(fleet.meter.lost, lost, "{}", plan.name);
            let path = format!("consumers.{}", plan.name);
            if drained {
                assert_eq!(self.fate(&path, "in_hand") + self.fate(&path, "waiting"), 0, "{path}");
            }
        }
    }
}

fn expired(outcome: &Outcome, path: &str) -> u64 {
    let fates = outcome.ledger.accounts.iter().filter(|it| it.path == path).flat_map(|it| &it.fates);
    fates.filter(|(fate, _)| *fate == "expired").map(|(_, count)| count).sum()
}

/// What objects are listed with is what was delivered, and a backup reads what its delivery stream reads.
fn check_deliveries(scenario: &Scenario, outcome: &Outcome) {
    for (plan, delivery) in scenario.deliveries.iter().zip(&outcome.deliveries) {
        let listed: u64 = delivery.rows.iter().map(|row| row.records).sum();
        let delivered = delivery.meter.delivered + delivery.meter.repeated;
        if delivery.rows.len() < OBJECT_ROWS_MAX {
            assert_eq!(listed, delivered, "{}", plan.path);
        } else {
            assert!(listed <= delivered, "{}", plan.path);
        }
        let drained = scenario.study == Study::Terminating && outcome.complete;
        if let Some(of) = plan.backup_of.filter(|_| drained) {
            // What retention took from either was never read.
            let offered = |number: usize| {
                let delivery = &outcome.deliveries[number];
                delivery.reads.records + expired(outcome, &scenario.deliveries[number].path)
            };
            let own = scenario.deliveries.iter().position(|it| it.path == plan.path).unwrap();
            assert_eq!(offered(own), offered(of), "{}", plan.path);
        }
    }
}
