//! Fleets of workers: their load, and what crashes, deployments and lost leases led to.

use super::or_none;
use crate::report::result::RunResult;
use crate::report::result::fleet::FleetRow;
use crate::report::table::Table;
use crate::report::words;

/// The tables; nothing without fleets.
pub(super) fn section(result: &RunResult) -> String {
    let of_kcl = result.consumers.iter().filter_map(|row| Some((&row.path, &row.kcl.as_ref()?.fleet)));
    let of_flink = result.consumers.iter().filter_map(|row| Some((&row.path, &row.flink.as_ref()?.fleet)));
    let fleets: Vec<_> = of_kcl.chain(of_flink).collect();
    let texts = [
        super::section("Workers", &workers(&fleets)),
        super::section("Leases", &leases(result)),
        super::section("Flink applications", &applications(result)),
        super::section("Workers that stopped (replication 0)", &interruptions(&fleets)),
    ];
    texts.into_iter().filter(|text| !text.is_empty()).collect::<Vec<_>>().join("\n")
}

type Fleets<'a> = [(&'a String, &'a FleetRow)];

fn workers(fleets: &Fleets) -> Table {
    let mut table = Table::new(&[
        "<fleet",
        "<reads via",
        "CPU mean",
        "busiest worker",
        "checkpoints",
        "processed again",
        "after a crash",
        "a deployment",
        "a lost lease",
        "a rebalance",
        "lost",
        "skipped",
    ]);
    for (path, row) in fleets {
        let all: u64 = row.repeated.iter().map(|repeated| repeated.records).sum();
        let head = [
            (*path).clone(),
            row.via.replace('_', " "),
            or_none(row.cpu_mean, words::percent),
            or_none(row.cpu_max, words::percent),
            words::count(row.checkpoints),
            words::count(all),
        ];
        let causes = row.repeated.iter().map(|repeated| words::count(repeated.records));
        table.row(head.into_iter().chain(causes).chain([words::count(row.lost), words::count(row.skipped)]));
    }
    table
}

fn leases(result: &RunResult) -> Table {
    let mut table = Table::new(&[
        "<fleet",
        "<library",
        "taken over",
        "moved for balance",
        "scans of the lease table",
        "<leases by worker at the end",
        "<CPU by worker",
    ]);
    for (path, row) in result.consumers.iter().filter_map(|row| Some((&row.path, row.kcl.as_ref()?))) {
        let listed = |of: &dyn Fn(&crate::report::result::fleet::WorkerRow) -> String| {
            let shown: Vec<String> = row.workers.iter().take(LISTED_MAX).map(of).collect();
            let more = if row.workers.len() > LISTED_MAX { ", ..." } else { "" };
            format!("{}{more}", shown.join(", "))
        };
        table.row([
            path.clone(),
            format!("KCL {}", row.version),
            words::count(row.taken_over),
            words::count(row.moved),
            words::count(row.table_scans),
            listed(&|worker| words::count(u64::from(worker.leases))),
            listed(&|worker| or_none(worker.cpu, words::percent)),
        ]);
    }
    table
}

/// Workers that a line lists.
const LISTED_MAX: usize = 12;

fn applications(result: &RunResult) -> Table {
    let mut table = Table::new(&[
        "<application",
        "parallelism",
        "at the end",
        "KPUs mean, with orchestration",
        "KPUs max, with orchestration",
        "restarts, all replications",
        "for scaling",
        "down a replication",
    ]);
    for (path, row) in result.consumers.iter().filter_map(|row| Some((&row.path, row.flink.as_ref()?))) {
        table.row([
            path.clone(),
            words::count(u64::from(row.parallelism)),
            or_none(row.parallelism_at_end, words::number),
            or_none(row.kpus_mean, words::number),
            words::count(u64::from(row.kpus_max)),
            words::count(row.restarts),
            words::count(row.scalings),
            or_none(row.down_mean_s, |seconds| words::milliseconds(seconds * 1e3)),
        ]);
    }
    table
}

fn interruptions(fleets: &Fleets) -> Table {
    let mut table =
        Table::new(&["<fleet", "at", "<why", "worker", "shards", "lost", "to be processed again"]);
    for (path, fleet) in fleets {
        for row in &fleet.interruptions {
            table.row([
                (*path).clone(),
                or_none(row.at_s, |seconds| format!("{} s", words::number(seconds))),
                row.cause.replace('_', " "),
                words::count(u64::from(row.worker)),
                words::count(u64::from(row.shards)),
                words::count(row.lost),
                words::count(row.repeated),
            ]);
        }
    }
    table
}
