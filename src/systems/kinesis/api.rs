//! The stream as AWS's API shows it: streams and shards by name, records with data, shard iterators, exceptions.
//!
//! A thin layer over the [`Stream`] that simulations use: the same limits, the same resharding, the same retention. What it adds
//! is what simulations can do without: names, data and sequence numbers. The caller says what time it is, in nanoseconds
//! from any moment on, and time never goes back.
//!
//! A stream with one shard, a record put into it and read again:
//!
//! ```
//! use streamgauge::systems::kinesis::api::{Kinesis, ShardIteratorType};
//! use streamgauge::engine::time::SECOND;
//!
//! let mut kinesis = Kinesis::default();
//! kinesis.create_stream(0, "orders", 1)?;
//! let put = kinesis.put_record(SECOND, "orders", "customer-7", b"two apples")?;
//! assert_eq!(put.shard_id, "shardId-000000000000");
//!
//! let iterator = kinesis.get_shard_iterator(SECOND, "orders", &put.shard_id, ShardIteratorType::TrimHorizon)?;
//! let answer = kinesis.get_records(2 * SECOND, &iterator, 100)?;
//! assert_eq!(answer.records[0].data, b"two apples");
//! assert_eq!(answer.records[0].sequence_number, put.sequence_number);
//! assert!(answer.next_shard_iterator.is_some(), "the shard is open, so there may be more");
//!
//! kinesis.delete_stream(3 * SECOND, "orders")?;
//! assert!(kinesis.list_shards(4 * SECOND, "orders").is_err());
//! # Ok::<(), streamgauge::systems::kinesis::exception::Exception>(())
//! ```
//!
//! A split and a merge. The stream is `UPDATING` for 30 s each time (OPEN-11) and refuses another one:
//!
//! ```
//! use streamgauge::systems::kinesis::api::{Kinesis, ShardIteratorType};
//! use streamgauge::systems::kinesis::exception::Exception;
//! use streamgauge::engine::time::{MINUTE, SECOND};
//!
//! let mut kinesis = Kinesis::default();
//! kinesis.create_stream(0, "orders", 1)?;
//! kinesis.put_record(0, "orders", "customer-7", b"before")?;
//! let middle = 1 << 127;
//! kinesis.split_shard(SECOND, "orders", "shardId-000000000000", middle)?;
//! let early = kinesis.split_shard(2 * SECOND, "orders", "shardId-000000000000", middle + 1);
//! assert!(matches!(early, Err(Exception::ResourceInUse(_))));
//!
//! let shards = kinesis.list_shards(MINUTE, "orders")?;
//! assert_eq!(shards.len(), 3, "the parent is closed and still readable");
//! assert_eq!(shards[1].parent_shard_ids, ["shardId-000000000000"]);
//! assert_eq!((shards[1].ending_hash_key, shards[2].starting_hash_key), (middle - 1, middle));
//!
//! // At the end of the closed parent there is no next iterator, but the children to go on with.
//! let parent = kinesis.get_shard_iterator(MINUTE, "orders", "shardId-000000000000", ShardIteratorType::TrimHorizon)?;
//! let answer = kinesis.get_records(MINUTE, &parent, 100)?;
//! assert_eq!((answer.records.len(), answer.next_shard_iterator), (1, None));
//! assert_eq!(answer.child_shards, ["shardId-000000000001", "shardId-000000000002"]);
//!
//! kinesis.merge_shards(MINUTE, "orders", "shardId-000000000001", "shardId-000000000002")?;
//! assert_eq!(kinesis.describe_stream_summary(2 * MINUTE, "orders")?.open_shard_count, 1);
//! # Ok::<(), streamgauge::systems::kinesis::exception::Exception>(())
//! ```

use std::collections::{BTreeMap, VecDeque};

use super::exception::Exception;
use super::hash_range::hash_key;
use super::lineage::{ShardState, shard_id, shard_number};
use super::log::{Micros, Record};
use super::reshard::{SHARDS_MAX, StreamStatus};
use super::stream::Stream;
use crate::engine::time::{DAY, MICROSECOND, MINUTE, Nanos, SECOND};

/// Records that one PutRecords call takes (KDS-W3).
const RECORDS_PER_PUT: usize = 500;
/// Bytes that one PutRecords call takes, partition keys included (KDS-W3).
const BYTES_PER_PUT: usize = 10 << 20;
/// Bytes of one record, partition key included (KDS-W4).
const RECORD_BYTES_MAX: usize = 1 << 20;
/// Characters of a partition key (KDS-H1).
const PARTITION_KEY_MAX: usize = 256;
/// How long a shard iterator can be used (KDS-R7).
const ITERATOR_LASTS: Nanos = 5 * MINUTE;
/// Time that one split or merge takes (OPEN-11).
const RESHARD_STEP: Nanos = 30 * SECOND;
/// Shards of an account in the largest Regions (KDS-S3).
const SHARD_QUOTA: usize = 20_000;

/// A record as GetRecords returns it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ApiRecord {
    /// Its place in its shard; it grows from record to record (KDS-H7).
    pub sequence_number: u64,
    /// When it arrived: microseconds, and whole milliseconds in what GetRecords returns (KDS-H8).
    pub approximate_arrival: Micros,
    /// Its partition key.
    pub partition_key: String,
    /// Its data.
    pub data: Vec<u8>,
}

/// Where a record went.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct PutResult {
    /// The shard that took it.
    pub shard_id: String,
    /// Its place there.
    pub sequence_number: u64,
}

/// Where a shard iterator begins (KDS-R8).
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum ShardIteratorType {
    /// With the oldest record left.
    TrimHorizon,
    /// With the next record to arrive.
    Latest,
    /// With this record.
    AtSequenceNumber(u64),
    /// With the one after this record.
    AfterSequenceNumber(u64),
    /// With the first record that arrived at this microsecond or later.
    AtTimestamp(Micros),
}

/// A place in a shard, good for five minutes.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardIterator {
    stream: String,
    shard: usize,
    next: u64,
    given: Nanos,
}

/// What GetRecords returns (KDS-R9).
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct GetRecordsResult {
    /// The records, in order.
    pub records: Vec<ApiRecord>,
    /// Where to go on; none at the end of a closed shard.
    pub next_shard_iterator: Option<ShardIterator>,
    /// At the end of a closed shard, the shards that took its place.
    pub child_shards: Vec<String>,
    /// How old the oldest record is that was left behind, milliseconds; 0 at the tip.
    pub millis_behind_latest: u64,
}

/// A shard as ListShards shows it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ShardDescription {
    /// Its id.
    pub shard_id: String,
    /// Those it was split or merged from.
    pub parent_shard_ids: Vec<String>,
    /// Its first hash key.
    pub starting_hash_key: u128,
    /// Its last hash key.
    pub ending_hash_key: u128,
    /// Whether it takes records.
    pub state: ShardState,
}

/// A stream as DescribeStreamSummary shows it.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct StreamSummary {
    /// What it is doing.
    pub status: StreamStatus,
    /// Open shards.
    pub open_shard_count: usize,
}

/// A stream with the data of its records.
#[derive(Clone, Debug)]
struct Named {
    stream: Stream,
    /// When the next step of a resharding takes effect.
    due: Option<Nanos>,
    /// What each shard holds, oldest first.
    held: Vec<VecDeque<ApiRecord>>,
}

/// The streams of one account in one Region.
#[derive(Clone, Debug, Default)]
pub struct Kinesis {
    streams: BTreeMap<String, Named>,
}

impl Kinesis {
    /// CreateStream, with even shards (KDS-H5) and a retention of 24 hours (KDS-S1). It is `ACTIVE` at once.
    ///
    /// # Errors
    /// `ResourceInUseException` for a name that is taken, `InvalidArgumentException` for no shard, and
    /// `LimitExceededException` beyond the account's shards (KDS-S3).
    pub fn create_stream(&mut self, now: Nanos, name: &str, shards: u32) -> Result<(), Exception> {
        if self.streams.contains_key(name) {
            return Err(Exception::ResourceInUse(format!("stream {name} exists")));
        }
        if shards == 0 || shards > SHARDS_MAX {
            return Err(Exception::InvalidArgument(format!("a stream has 1 to {SHARDS_MAX} shards")));
        }
        self.check_quota(now, shards as usize)?;
        let mut stream = Stream::new(shards as usize, DAY, false, true);
        stream.set_reshard_step(RESHARD_STEP);
        let held = vec![VecDeque::new(); shards as usize];
        self.streams.insert(name.to_owned(), Named { stream, due: None, held });
        Ok(())
    }

    /// DeleteStream, with all that is in it.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn delete_stream(&mut self, now: Nanos, name: &str) -> Result<(), Exception> {
        self.named(now, name)?;
        self.streams.remove(name);
        Ok(())
    }

    /// PutRecord (KDS-W1, KDS-H2).
    ///
    /// # Errors
    /// `ResourceNotFoundException`, `InvalidArgumentException` for a record or key of a wrong size, and
    /// `ProvisionedThroughputExceededException`.
    pub fn put_record(
        &mut self,
        now: Nanos,
        name: &str,
        partition_key: &str,
        data: &[u8],
    ) -> Result<PutResult, Exception> {
        check_record(partition_key, data)?;
        self.named(now, name)?.put(now, partition_key, data)
    }

    /// PutRecords: each record on its own is taken or refused, in the order given (KDS-W7).
    ///
    /// # Errors
    /// As a whole only for a stream that does not exist and for a call of a wrong size (KDS-W3).
    pub fn put_records(
        &mut self,
        now: Nanos,
        name: &str,
        records: &[(&str, &[u8])],
    ) -> Result<Vec<Result<PutResult, Exception>>, Exception> {
        let bytes: usize = records.iter().map(|(key, data)| key.len() + data.len()).sum();
        if records.is_empty() || records.len() > RECORDS_PER_PUT || bytes > BYTES_PER_PUT {
            let message = format!("a call takes 1 to {RECORDS_PER_PUT} records and {BYTES_PER_PUT} bytes");
            return Err(Exception::InvalidArgument(message));
        }
        records.iter().try_for_each(|(key, data)| check_record(key, data))?;
        let named = self.named(now, name)?;
        Ok(records.iter().map(|(key, data)| named.put(now, key, data)).collect())
    }

    /// GetShardIterator (KDS-R8).
    ///
    /// # Errors
    /// `ResourceNotFoundException` for a stream or shard that does not exist or has expired.
    pub fn get_shard_iterator(
        &mut self,
        now: Nanos,
        name: &str,
        shard: &str,
        kind: ShardIteratorType,
    ) -> Result<ShardIterator, Exception> {
        let named = self.named(now, name)?;
        let shard = named.shard(now, shard)?;
        let (held, end) = (&named.held[shard], named.stream.appended(shard));
        let oldest = held.front().map_or(end, |record| record.sequence_number);
        let next = match kind {
            ShardIteratorType::TrimHorizon => oldest,
            ShardIteratorType::Latest => end,
            ShardIteratorType::AtSequenceNumber(number) => number.max(oldest),
            ShardIteratorType::AfterSequenceNumber(number) => number.saturating_add(1).max(oldest),
            ShardIteratorType::AtTimestamp(moment) => {
                let found = held.iter().find(|record| record.approximate_arrival >= moment);
                found.map_or(end, |record| record.sequence_number)
            }
        };
        Ok(ShardIterator { stream: name.to_owned(), shard, next, given: now })
    }

    /// GetRecords: at most `limit` records (KDS-R2), within the shard's limits on reading (KDS-R1).
    ///
    /// # Errors
    /// `ExpiredIteratorException`, `ResourceNotFoundException` and `ProvisionedThroughputExceededException`.
    pub fn get_records(
        &mut self,
        now: Nanos,
        iterator: &ShardIterator,
        limit: u32,
    ) -> Result<GetRecordsResult, Exception> {
        if now > iterator.given + ITERATOR_LASTS {
            return Err(Exception::ExpiredIterator);
        }
        let named = self.named(now, &iterator.stream)?;
        let shard = iterator.shard;
        let held = &named.held[shard];
        let from = held.partition_point(|record| record.sequence_number < iterator.next);
        let sizes = held.range(from..).map(|record| (record.partition_key.len() + record.data.len()) as u64);
        let taken = named.stream.admit_read(now, shard, limit, sizes).map_err(|refused| {
            Exception::ProvisionedThroughputExceeded(format!("{refused:?} of {}", shard_id(shard)))
        })?;
        let told = |record: &ApiRecord| ApiRecord {
            approximate_arrival: record.approximate_arrival / 1_000 * 1_000,
            ..record.clone()
        };
        let records: Vec<ApiRecord> = held.range(from..from + taken).map(told).collect();
        let left = held.get(from + taken);
        let age = left.map_or(0, |record| now / MICROSECOND - record.approximate_arrival);
        let ended = left.is_none() && named.stream.is_closed(shard);
        let children = named.stream.lineage().shards()[shard].children.iter();
        let next = records.last().map_or(iterator.next, |record| record.sequence_number + 1);
        let next = ShardIterator { next, given: now, ..iterator.clone() };
        Ok(GetRecordsResult {
            records,
            next_shard_iterator: (!ended).then_some(next),
            child_shards: children.filter(|_| ended).map(|child| shard_id(usize::from(*child))).collect(),
            millis_behind_latest: age / 1_000,
        })
    }

    /// SplitShard (KDS-S5).
    ///
    /// # Errors
    /// As [`Stream::split_shard`], and `LimitExceededException` beyond the account's shards (KDS-S3).
    pub fn split_shard(
        &mut self,
        now: Nanos,
        name: &str,
        shard: &str,
        new_starting_hash_key: u128,
    ) -> Result<(), Exception> {
        self.check_quota(now, 1)?;
        let named = self.named(now, name)?;
        let shard = named.shard(now, shard)?;
        named.due = Some(named.stream.split_shard(now, shard, new_starting_hash_key)?);
        Ok(())
    }

    /// MergeShards (KDS-S5).
    ///
    /// # Errors
    /// As [`Stream::merge_shards`].
    pub fn merge_shards(
        &mut self,
        now: Nanos,
        name: &str,
        shard: &str,
        adjacent: &str,
    ) -> Result<(), Exception> {
        let named = self.named(now, name)?;
        let (one, other) = (named.shard(now, shard)?, named.shard(now, adjacent)?);
        named.due = Some(named.stream.merge_shards(now, one, other)?);
        Ok(())
    }

    /// UpdateShardCount (KDS-S8).
    ///
    /// # Errors
    /// As [`Stream::update_shard_count`], and `LimitExceededException` beyond the account's shards (KDS-S3).
    pub fn update_shard_count(&mut self, now: Nanos, name: &str, target: u32) -> Result<(), Exception> {
        let open = self.named(now, name)?.stream.lineage().open().len();
        self.check_quota(now, (target as usize).saturating_sub(open))?;
        let named = self.named(now, name)?;
        named.due = Some(named.stream.update_shard_count(now, target)?);
        Ok(())
    }

    /// ListShards: open and closed ones, by number; expired ones are gone (KDS-S6).
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn list_shards(&mut self, now: Nanos, name: &str) -> Result<Vec<ShardDescription>, Exception> {
        let stream = &self.named(now, name)?.stream;
        let shards = stream.lineage().shards().iter().enumerate();
        let shard = |(number, kin): (usize, &super::lineage::Kin)| ShardDescription {
            shard_id: shard_id(number),
            parent_shard_ids: kin.parents.iter().map(|parent| shard_id(usize::from(*parent))).collect(),
            starting_hash_key: kin.start,
            ending_hash_key: kin.end,
            state: stream.shard_state(now, number),
        };
        Ok(shards.map(shard).filter(|shard| shard.state != ShardState::Expired).collect())
    }

    /// DescribeStreamSummary.
    ///
    /// # Errors
    /// `ResourceNotFoundException`.
    pub fn describe_stream_summary(&mut self, now: Nanos, name: &str) -> Result<StreamSummary, Exception> {
        let stream = &self.named(now, name)?.stream;
        Ok(StreamSummary { status: stream.status(), open_shard_count: stream.lineage().open().len() })
    }

    /// The stream as it is now.
    fn named(&mut self, now: Nanos, name: &str) -> Result<&mut Named, Exception> {
        let named = self.streams.get_mut(name);
        let named = named.ok_or_else(|| Exception::ResourceNotFound(format!("stream {name}")))?;
        named.catch_up(now);
        Ok(named)
    }

    fn check_quota(&mut self, now: Nanos, more: usize) -> Result<(), Exception> {
        self.streams.values_mut().for_each(|named| named.catch_up(now));
        let open: usize = self.streams.values().map(|named| named.stream.lineage().open().len()).sum();
        if open + more > SHARD_QUOTA {
            return Err(Exception::LimitExceeded(format!("an account has {SHARD_QUOTA} shards")));
        }
        Ok(())
    }
}

impl Named {
    /// Does what was due by now: steps of a resharding, and the end of retention.
    fn catch_up(&mut self, now: Nanos) {
        while let Some(due) = self.due.filter(|due| *due <= now) {
            self.due = self.stream.reshard(due).and_then(|stepped| stepped.next);
        }
        self.held.resize_with(self.stream.shard_count(), VecDeque::new);
        let horizon = self.stream.horizon(now).max(0) as Micros;
        for held in &mut self.held {
            let expired = held.partition_point(|record| record.approximate_arrival < horizon);
            held.drain(..expired);
        }
    }

    fn shard(&self, now: Nanos, id: &str) -> Result<usize, Exception> {
        let found = shard_number(id).filter(|number| *number < self.stream.shard_count());
        let there = found.filter(|number| self.stream.shard_state(now, *number) != ShardState::Expired);
        there.ok_or_else(|| Exception::ResourceNotFound(format!("shard {id}")))
    }

    fn put(&mut self, now: Nanos, partition_key: &str, data: &[u8]) -> Result<PutResult, Exception> {
        let shard = usize::from(self.stream.lineage().shard_of(hash_key(partition_key.as_bytes())));
        let sequence_number = self.stream.appended(shard);
        let arrival = now / MICROSECOND;
        let bytes = (partition_key.len() + data.len()) as u32;
        let record = Record { written: arrival, appended: arrival, bytes, key: 0, flags: 0 };
        self.stream.put_record(now, shard, &record).map_err(|refused| {
            Exception::ProvisionedThroughputExceeded(format!("{refused:?} of {}", shard_id(shard)))
        })?;
        let (partition_key, data) = (partition_key.to_owned(), data.to_vec());
        self.held[shard].push_back(ApiRecord {
            sequence_number,
            approximate_arrival: arrival,
            partition_key,
            data,
        });
        Ok(PutResult { shard_id: shard_id(shard), sequence_number })
    }
}

fn check_record(partition_key: &str, data: &[u8]) -> Result<(), Exception> {
    if !(1..=PARTITION_KEY_MAX).contains(&partition_key.chars().count()) {
        let message = format!("a partition key has 1 to {PARTITION_KEY_MAX} characters");
        return Err(Exception::InvalidArgument(message));
    }
    if partition_key.len() + data.len() > RECORD_BYTES_MAX {
        return Err(Exception::InvalidArgument(format!("a record has at most {RECORD_BYTES_MAX} bytes")));
    }
    Ok(())
}

#[cfg(test)]
mod tests {
    use super::*;

    fn with_stream(shards: u32) -> Kinesis {
        let mut kinesis = Kinesis::default();
        kinesis.create_stream(0, "s", shards).unwrap();
        kinesis
    }

    fn oldest(kinesis: &mut Kinesis, now: Nanos, shard: &str) -> ShardIterator {
        kinesis.get_shard_iterator(now, "s", shard, ShardIteratorType::TrimHorizon).unwrap()
    }

    #[test]
    fn kds_r7_an_iterator_lasts_five_minutes() {
        let mut kinesis = with_stream(1);
        let iterator = oldest(&mut kinesis, 0, &shard_id(0));
        assert!(kinesis.get_records(5 * MINUTE, &iterator, 1).is_ok());
        assert_eq!(kinesis.get_records(5 * MINUTE + 1, &iterator, 1), Err(Exception::ExpiredIterator));
    }

    #[test]
    fn kds_r8_h7_iterators_begin_where_their_type_says() {
        let mut kinesis = with_stream(1);
        for second in 0..5 {
            kinesis.put_record(second * SECOND, "s", "key", &[second as u8]).unwrap();
        }
        let mut first = |kind| {
            let iterator = kinesis.get_shard_iterator(10 * SECOND, "s", &shard_id(0), kind).unwrap();
            let mut again = kinesis.clone();
            let records = again.get_records(10 * SECOND, &iterator, 1).unwrap().records;
            records.first().map(|record| record.data[0])
        };
        assert_eq!(first(ShardIteratorType::TrimHorizon), Some(0));
        assert_eq!(first(ShardIteratorType::Latest), None);
        assert_eq!(first(ShardIteratorType::AtSequenceNumber(2)), Some(2));
        assert_eq!(first(ShardIteratorType::AfterSequenceNumber(2)), Some(3));
        assert_eq!(first(ShardIteratorType::AtTimestamp(2_500_000)), Some(3));
    }

    #[test]
    fn kds_w7_h1_records_of_one_call_are_taken_or_refused_each_on_its_own() {
        let mut kinesis = with_stream(1);
        let half = vec![0; 600_000];
        let answer = kinesis.put_records(0, "s", &[("a", &half), ("b", &half), ("c", b"small")]).unwrap();
        let taken: Vec<bool> = answer.iter().map(Result::is_ok).collect();
        assert_eq!(taken, [true, false, true]);
        assert!(matches!(answer[1], Err(Exception::ProvisionedThroughputExceeded(_))));
        let long = "k".repeat(257);
        for key in ["", &long] {
            assert!(matches!(kinesis.put_record(0, "s", key, b""), Err(Exception::InvalidArgument(_))));
        }
    }

    #[test]
    fn kds_r1_s6_reading_is_limited_and_ends_with_retention() {
        let mut kinesis = with_stream(1);
        kinesis.put_record(0, "s", "key", b"data").unwrap();
        let iterator = oldest(&mut kinesis, 0, &shard_id(0));
        let calls = (0..6).filter(|_| kinesis.get_records(SECOND, &iterator, 1).is_ok()).count();
        assert_eq!(calls, 5);
        let later = oldest(&mut kinesis, DAY + SECOND, &shard_id(0));
        assert_eq!(kinesis.get_records(DAY + SECOND, &later, 1).unwrap().records, []);
        kinesis.split_shard(DAY + SECOND, "s", &shard_id(0), 1 << 127).unwrap();
        assert_eq!(kinesis.list_shards(DAY + MINUTE, "s").unwrap().len(), 3);
        assert_eq!(kinesis.list_shards(3 * DAY, "s").unwrap().len(), 2, "the parent has expired");
    }
}
