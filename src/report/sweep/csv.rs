//! `points.csv`: a row for each replication of each point.

use std::collections::BTreeSet;

use super::{PointResult, SweepIdentity};
use crate::report::csv::{Sheet, cell};

/// Columns between the swept values and the figures.
const COLUMNS: [&str; 8] = [
    "replication",
    "scenario_seed",
    "warm_up_s",
    "complete",
    "overloaded",
    "objectives",
    "fingerprint",
    "end_s",
];

/// The table: the point's number, the swept values, what holds for the point, and the named figures of the replication: those
/// of all points, empty where there is no such figure.
pub fn points(identity: &SweepIdentity, points: &[PointResult]) -> String {
    let mut seen = BTreeSet::new();
    let paths = points.iter().flat_map(|point| point.row.figures.keys());
    let paths: Vec<&str> = paths.map(String::as_str).filter(|path| seen.insert(*path)).collect();
    let mut columns = vec!["point"];
    columns.extend(identity.axes.iter().map(|axis| axis.path.as_str()));
    columns.extend(COLUMNS);
    columns.extend(&paths);
    let mut sheet = Sheet::new(&columns);
    for PointResult { row, replications, .. } in points {
        for replication in replications {
            let mut cells = vec![row.point.to_string()];
            cells.extend(row.values.iter().cloned());
            cells.extend([
                replication.replication.to_string(),
                row.run.seed.to_string(),
                row.run.warm_up_s.to_string(),
                row.run.complete.to_string(),
                (!row.run.overloaded.is_empty()).to_string(),
                cell(row.verdict()),
                replication.fingerprint.clone(),
                cell(replication.end_s),
            ]);
            cells.extend(paths.iter().map(|path| cell(replication.figures.get(*path).copied().flatten())));
            sheet.row(cells);
        }
    }
    sheet.text()
}
