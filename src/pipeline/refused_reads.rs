//! Refused reads: whose, on which shard, and when.

use super::Pipeline;
use super::source::{Reader, StreamSource};
use crate::measure::series::Series;
use crate::systems::kinesis::refusals::Refused;

/// Calls of one reader that one shard refused.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct RefusedReads {
    /// Number of the shard.
    pub shard: usize,
    /// Path of the reader, such as `consumers.search`.
    pub reader: String,
    /// How many, and why.
    pub refused: Refused,
}

impl<const FULL: bool> Pipeline<FULL> {
    /// The refused reads of each stream by shard and reader, at the end of the run.
    pub(super) fn refused_reads(&self) -> Vec<Vec<RefusedReads>> {
        self.streams.iter().map(|source| self.refused_on(source)).collect()
    }

    fn refused_on(&self, source: &StreamSource) -> Vec<RefusedReads> {
        let mut all = Vec::new();
        for (number, handle) in source.readers.iter().enumerate() {
            if source.stream.refused_by_bin(number).is_empty() {
                continue;
            }
            let path = self.path_of_reader(*handle as usize);
            for shard in 0..source.stream.shard_count() {
                let refused = source.stream.refused_on(shard, number);
                if refused != Refused::default() {
                    all.push(RefusedReads { shard, reader: path.to_owned(), refused });
                }
            }
        }
        all
    }

    fn path_of_reader(&self, handle: usize) -> &str {
        match self.reader(handle) {
            Reader::Consumer(number) => &self.consumers[number as usize].place,
            Reader::Delivery(number) => &self.deliveries[number as usize].path,
            Reader::Lambda(number) => &self.lambdas[number as usize].place,
            Reader::Fleet(number) => &self.fleets[number as usize].place,
        }
    }
}

/// The series of one of a stream's readers, with its refused calls in a column: those that it made awake, and those that it would
/// have made asleep and that nobody saw.
pub(super) fn with_refusals<const COLUMNS: usize>(
    mut series: Series<COLUMNS>,
    source: &StreamSource,
    reader: usize,
    column: usize,
) -> Series<COLUMNS> {
    series.add_bins(column, source.stream.refused_by_bin(reader));
    series
}
