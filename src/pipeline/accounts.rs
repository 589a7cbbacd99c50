//! The accounts of the ledger: what entered at each place, and what became of it. Everything that waits is counted where
//! it lies, so that nothing is lost unseen.

use super::Pipeline;
use super::direct::Direct;
use super::read::Consumer;
use super::write::{PendingWrite, TableSource, Writer};
use crate::engine::time::Nanos;
use crate::measure::ledger::{Account, Ledger};
use crate::scenario::checked::Scenario;
use crate::scenario::path::resource;
use crate::scenario::timeline::{Action, Fault, Occurrence, Part};
use crate::systems::firehose::ErrorOutput;
use crate::systems::kinesis::reader::WhenTrimmed;
use crate::systems::polling::PollingPlan;
use crate::workload::client::Call;

impl<const FULL: bool> Pipeline<FULL> {
    /// Where everything is: what waits is counted where it lies.
    pub(super) fn ledger(&self, scenario: &Scenario, end: Nanos) -> Ledger {
        let mut accounts = Vec::new();
        for (number, writer) in self.writers.iter().enumerate() {
            accounts.push(self.writer_account(&scenario.producers[number].name, number, writer));
        }
        accounts.extend(self.direct.iter().map(direct_account));
        for (number, table) in self.tables.iter().enumerate() {
            accounts.extend(self.feed_account(&scenario.tables[number].name, number, table));
            accounts.extend(self.streams_account(&scenario.tables[number].name, number, table));
        }
        for (plan, consumer) in scenario.consumers.iter().zip(&self.consumers) {
            accounts.push(self.consumer_account(plan, end, consumer));
        }
        for (number, plan) in scenario.deliveries.iter().enumerate() {
            accounts.push(self.delivery_account(scenario, &plan.path, end, number));
        }
        for (plan, consumer) in scenario.lambdas.iter().zip(&self.lambdas) {
            accounts.push(self.lambda_account(&plan.name, end, consumer));
        }
        accounts.extend((0..self.queues.len()).map(|number| self.queue_account(number, end)));
        for (plan, consumer) in scenario.fleets.iter().zip(&self.fleets) {
            accounts.push(self.fleet_account(&plan.name, end, consumer));
        }
        Ledger { accounts }
    }

    fn writer_account(&self, name: &str, number: usize, writer: &Writer) -> Account {
        let single = |pending: &&PendingWrite| pending.writer() as usize == number && !pending.is_call();
        let waiting = self.pending.iter().filter(single).count();
        let not_due = self.pending.iter().filter(single).filter(|pending| pending.is_not_due()).count();
        let in_calls = writer.long.as_ref().map_or(0, |long| long.calls.items().count());
        let meter = &writer.meter;
        debug_assert_eq!(meter.retrying(), (waiting - not_due + in_calls) as u64, "of writer {name}");
        let mut fates = vec![
            ("accepted", meter.accepted),
            ("given_up", meter.given_up),
            ("too_large", meter.too_large),
            ("waiting_for_retry", (waiting - not_due + in_calls) as u64),
        ];
        if writer.long.is_some() {
            fates.extend([
                ("condition_failed", meter.condition_failed),
                ("cancelled", meter.cancelled),
                ("applied_unheard", meter.applied_unheard),
                ("not_due", not_due as u64),
            ]);
        }
        if meter.collection_full > 0 {
            fates.push(("collection_full", meter.collection_full));
        }
        if writer.plan().is_some_and(|plan| plan.call != Call::Single) {
            fates.push(("call_refused", meter.call_refused));
        }
        Account { path: resource("workload", name), entered: vec![("offered", meter.offered)], fates }
    }

    fn feed_account(&self, name: &str, number: usize, table: &TableSource) -> Option<Account> {
        let feed = table.feed.as_ref()?;
        let waiting = self.changes.iter().filter(|change| change.table as usize == number).count();
        let meter = &feed.meter;
        let mut fates = vec![
            ("replicated", meter.replicated),
            ("too_large", meter.originals_too_large),
            (
                "copies_lost",
                meter.too_large + meter.dropped - meter.originals_too_large - meter.originals_dropped,
            ),
            ("waiting", waiting as u64),
        ];
        if feed.destination().is_some() {
            fates.extend([("not_captured", meter.not_captured), ("dropped", meter.originals_dropped)]);
        }
        Some(Account {
            path: format!("{}.kinesis", resource("tables", name)),
            entered: vec![("changes", table.table.meter.changes()), ("copies", meter.copies)],
            fates,
        })
    }

    fn streams_account(&self, name: &str, number: usize, table: &TableSource) -> Option<Account> {
        let own = table.streams.as_ref()?;
        let waiting = self.publications.iter().filter(|change| usize::from(change.table) == number).count();
        Some(Account {
            path: format!("{}.streams", resource("tables", name)),
            entered: vec![("changes", table.table.meter.changes())],
            fates: vec![("published", own.meter.published), ("waiting", waiting as u64)],
        })
    }

    fn consumer_account(&self, plan: &PollingPlan, end: Nanos, consumer: &Consumer) -> Account {
        let source = &self.streams[consumer.stream];
        let removed = source.stream.is_removed(consumer.reader);
        let (waiting, expired) = if removed { (0, 0) } else { source.stream.waiting(end, consumer.reader) };
        let meter = source.meter(consumer.reader);
        let mut account = Account {
            path: resource("consumers", &plan.name),
            entered: vec![("records", source.stream.appended_total())],
            fates: vec![
                ("processed", consumer.polling.meter.processed),
                ("in_hand", consumer.polling.in_hand()),
                ("waiting", waiting),
                ("expired", expired + meter.expired),
            ],
        };
        if let Some(past) = source.stream.past() {
            account.entered.push(("history", past.records()));
        }
        // Fates that only some consumers can have.
        if source.stream.past().is_some() || plan.reader.starts > 0 {
            account.fates.push(("before_start", source.stream.before_start(consumer.reader)));
        }
        if removed {
            account.fates.push(("after_removal", source.stream.after_removal(end, consumer.reader)));
        }
        if plan.reader.when_trimmed == WhenTrimmed::Restart {
            account.fates.push(("skipped", meter.skipped));
        }
        account
    }

    fn delivery_account(&self, scenario: &Scenario, name: &str, end: Nanos, number: usize) -> Account {
        let delivery = &self.deliveries[number];
        let source = &self.streams[delivery.stream];
        let (waiting, expired) = source.stream.waiting(end, delivery.reader);
        let mut account = Account {
            path: name.to_owned(),
            entered: vec![("records", source.stream.appended_total())],
            fates: vec![
                ("delivered", delivery.firehose.meter.delivered),
                ("buffered", delivery.firehose.buffered()),
                ("uploading", self.objects.uploading(number)),
                ("waiting", waiting),
                ("expired", expired + source.meter(delivery.reader).expired),
            ],
        };
        // Fates that need a function, a format or another destination than S3.
        let plan = &scenario.deliveries[number];
        let failed = |error: ErrorOutput| (error.fate(), delivery.firehose.meter.failed[error as usize]);
        if let Some(it) = &delivery.transforming {
            let dropped = it.transform.meter.dropped;
            account.fates.extend([
                ("transforming", it.transform.in_hand()),
                ("dropped_by_transform", dropped),
                failed(ErrorOutput::TransformFailed),
            ]);
        }
        if plan.conversion_failures > 0.0 {
            account.fates.push(failed(ErrorOutput::FormatConversionFailed));
        }
        if plan.endpoint.is_some() {
            account.fates.push(failed(ErrorOutput::DestinationFailed));
        }
        // A fate that needs an outage.
        let outage = |it: &Occurrence| it.action == Action::Fault(Part::Delivery(number), Fault::Outage);
        if scenario.timeline.iter().any(outage) {
            account.fates.push(("undeliverable", delivery.firehose.meter.undeliverable));
        }
        // Fates that only partitioned records can have: they lie under the error prefix.
        if delivery.firehose.partitioning().is_some() {
            account.fates.extend([
                failed(ErrorOutput::ActivePartitionExceeded),
                failed(ErrorOutput::ProcessingFailed),
            ]);
        }
        account
    }
}

fn direct_account(direct: &Direct) -> Account {
    let meter = &direct.meter;
    debug_assert_eq!(meter.waiting(), direct.waiting(), "of direct producer {}", direct.plan.name);
    Account {
        path: resource("workload", &direct.plan.name),
        entered: vec![("offered", meter.offered), ("copies", meter.copies)],
        fates: vec![
            ("accepted", meter.accepted + meter.copies),
            ("given_up", meter.given_up),
            ("expired", meter.expired),
            ("too_large", meter.too_large),
            ("waiting", direct.waiting()),
        ],
    }
}
