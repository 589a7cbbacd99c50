//! The Kinesis API of the library, against what AWS says of its calls.

use streamgauge::engine::time::{DAY, MILLISECOND, MINUTE, Nanos, SECOND};
use streamgauge::systems::kinesis::api::{Kinesis, PutResult, ShardIterator, ShardIteratorType};
use streamgauge::systems::kinesis::exception::Exception;
use streamgauge::systems::kinesis::hash_range::hash_key;
use streamgauge::systems::kinesis::log::Record;
use streamgauge::systems::kinesis::reshard::StreamStatus;
use streamgauge::systems::kinesis::stream::Stream;

const MIB: usize = 1 << 20;
const SHARD: &str = "shardId-000000000000";

/// A stream of so many shards.
fn account(shards: u32) -> Kinesis {
    let mut kinesis = Kinesis::default();
    kinesis.create_stream(0, "s", shards).expect("a stream");
    kinesis
}

fn iterator(kinesis: &mut Kinesis, now: Nanos, kind: ShardIteratorType) -> ShardIterator {
    kinesis.get_shard_iterator(now, "s", SHARD, kind).expect("an iterator")
}

fn is_refused<T>(outcome: &Result<T, Exception>) -> bool {
    matches!(outcome, Err(Exception::ProvisionedThroughputExceeded(_)))
}

fn is_invalid<T>(outcome: &Result<T, Exception>) -> bool {
    matches!(outcome, Err(Exception::InvalidArgument(_)))
}

#[test]
fn kds_w3_a_call_takes_500_records_and_10_mib_partition_keys_included() {
    let mut kinesis = account(20);
    let many = |count| vec![("key", &b"x"[..]); count];
    assert!(kinesis.put_records(0, "s", &many(500)).is_ok());
    assert!(is_invalid(&kinesis.put_records(0, "s", &many(501))));
    assert!(is_invalid(&kinesis.put_records(0, "s", &[])));
    // Ten records of 1 MiB, keys included, are 10 MiB; one further byte is too much.
    let data = vec![0; MIB - 1];
    let full: Vec<(&str, &[u8])> =
        ["0", "1", "2", "3", "4", "5", "6", "7", "8", "9"].map(|key| (key, &data[..])).to_vec();
    assert!(kinesis.put_records(DAY, "s", &full).is_ok());
    let over: Vec<(&str, &[u8])> = full.iter().copied().chain([("a", &b""[..])]).collect();
    assert!(is_invalid(&kinesis.put_records(2 * DAY, "s", &over)));
}

#[test]
fn kds_w4_a_record_has_at_most_1_mib_with_its_partition_key() {
    let mut kinesis = account(1);
    assert!(kinesis.put_record(0, "s", "key", &vec![0; MIB - 3]).is_ok());
    assert!(is_invalid(&kinesis.put_record(DAY, "s", "key", &vec![0; MIB - 2])));
    // One such record makes the whole call invalid, and nothing of it is taken.
    let large = vec![0; MIB];
    assert!(is_invalid(&kinesis.put_records(DAY, "s", &[("a", b"small"), ("b", &large)])));
    let from = iterator(&mut kinesis, DAY, ShardIteratorType::AtSequenceNumber(1));
    assert_eq!(kinesis.get_records(DAY, &from, 10).expect("an answer").records, []);
}

#[test]
fn kds_w6_a_shard_over_its_limit_refuses_the_whole_put_record_and_takes_nothing() {
    let mut kinesis = account(1);
    let half = vec![0; MIB / 2];
    assert!(kinesis.put_record(0, "s", "k", &half).is_ok());
    assert!(is_refused(&kinesis.put_record(0, "s", "k", &half)));
    // The refusal took nothing: what was left of the second is still there for a smaller record.
    assert!(kinesis.put_record(0, "s", "k", &half[..MIB / 2 - 2]).is_ok());
    // The 1,001st record of a second is refused however small it is.
    let taken = (0..1_001).filter(|_| kinesis.put_record(DAY, "s", "k", b"").is_ok()).count();
    assert_eq!(taken, 1_000);
}

#[test]
fn kds_w7_members_fail_alone_later_ones_go_on_and_the_reply_keeps_the_order_of_the_request() {
    let mut kinesis = account(1);
    let large = vec![0; 3 * MIB / 4];
    let request: [(&str, &[u8]); 4] = [("a", &large), ("b", &large), ("c", b"small"), ("d", &large)];
    let reply = kinesis.put_records(0, "s", &request).expect("a reply");
    let taken: Vec<bool> = reply.iter().map(Result::is_ok).collect();
    assert_eq!(taken, [true, false, true, false]);
    assert!(is_refused(&reply[1]) && is_refused(&reply[3]));
    let place = |answer: &Result<PutResult, Exception>| answer.as_ref().ok().map(|put| put.sequence_number);
    let from = iterator(&mut kinesis, 0, ShardIteratorType::TrimHorizon);
    let stored = kinesis.get_records(0, &from, 10).expect("an answer").records;
    let keys: Vec<&str> = stored.iter().map(|record| &record.partition_key[..]).collect();
    assert_eq!(keys, ["a", "c"]);
    let places: Vec<_> = stored.iter().map(|record| Some(record.sequence_number)).collect();
    assert_eq!(places, [place(&reply[0]), place(&reply[2])]);
}

/// What a shard that has been idle takes of records of `bytes`: at once, and in the ten seconds after that.
fn taken(large_records: bool, bytes: u32) -> (u64, u64) {
    let mut stream = Stream::new(1, DAY, large_records, true);
    let mut put = |now: Nanos| {
        let record = Record { written: now / 1_000, appended: now / 1_000, bytes, key: 0, flags: 0 };
        stream.put_record(now, 0, &record).is_ok()
    };
    let at_once = (0..100_000).take_while(|_| put(MINUTE)).count() as u64;
    let later = (1..=100_000).filter(|step| put(MINUTE + step * 100_000)).count() as u64;
    (at_once, later)
}

#[test]
fn kds_w2_open_10_a_shard_saves_one_second_of_records_and_of_bytes() {
    assert_eq!(taken(false, 1), (1_000, 10_000));
    assert_eq!(taken(false, MIB as u32 / 64), (64, 640));
}

#[test]
fn kds_w5_ten_mib_a_second_is_room_for_a_burst_and_not_a_rate() {
    // Records of 1 MiB into a shard that allows large ones: ten at once, and one a second from then on.
    assert_eq!(taken(true, MIB as u32), (10, 10));
}

#[test]
fn kds_h2_the_md5_of_the_key_as_a_big_endian_number_selects_the_shard() {
    // RFC 1321 has these digests in its test suite.
    assert_eq!(hash_key(b""), 0xd41d_8cd9_8f00_b204_e980_0998_ecf8_427e);
    assert_eq!(hash_key(b"abc"), 0x9001_5098_3cd2_4fb0_d696_3f7d_28e1_7f72);
    // Of two even shards the first has the hash keys that begin with 0 to 7, the second those with 8 to f.
    let mut kinesis = account(2);
    for (key, shard) in [("abc", 1), ("a", 0), ("message digest", 1), ("abcdefghijklmnopqrstuvwxyz", 1)] {
        let put = kinesis.put_record(0, "s", key, b"").expect("room");
        assert_eq!(put.shard_id, format!("shardId-00000000000{shard}"), "{key}");
    }
}

#[test]
fn kds_h8_the_time_of_arrival_is_the_stream_s_own_in_whole_milliseconds() {
    let mut kinesis = account(1);
    kinesis.put_record(1_234_567_890, "s", "key", b"").expect("room");
    let from = iterator(&mut kinesis, 2 * SECOND, ShardIteratorType::TrimHorizon);
    let answer = kinesis.get_records(2 * SECOND, &from, 1).expect("an answer");
    assert_eq!(answer.records[0].approximate_arrival, 1_234_000);
}

#[test]
fn kds_r5_get_records_answers_at_once_and_may_find_nothing() {
    let mut kinesis = account(1);
    let latest = iterator(&mut kinesis, 0, ShardIteratorType::Latest);
    let answer = kinesis.get_records(0, &latest, 10).expect("an answer");
    assert_eq!(answer.records, []);
    // An open shard always has a next iterator, which finds what came meanwhile.
    let next = answer.next_shard_iterator.expect("the shard is open");
    kinesis.put_record(SECOND, "s", "key", b"data").expect("room");
    assert_eq!(kinesis.get_records(SECOND, &next, 10).expect("an answer").records.len(), 1);
}

#[test]
fn kds_r9_an_answer_tells_how_far_behind_it_is_and_where_a_closed_shard_goes_on() {
    let mut kinesis = account(1);
    for second in 0..3 {
        kinesis.put_record(second * SECOND, "s", "key", b"data").expect("room");
    }
    let first = iterator(&mut kinesis, 5 * SECOND, ShardIteratorType::TrimHorizon);
    // Two of three records are left, the older of which came four seconds ago.
    let answer = kinesis.get_records(5 * SECOND, &first, 1).expect("an answer");
    assert_eq!((answer.millis_behind_latest, answer.child_shards.len()), (4_000, 0));
    let next = answer.next_shard_iterator.expect("there is more");
    kinesis.split_shard(6 * SECOND, "s", SHARD, 1 << 127).expect("a split");
    let answer = kinesis.get_records(MINUTE, &next, 10).expect("an answer");
    assert_eq!((answer.records.len(), answer.millis_behind_latest), (2, 0));
    assert_eq!(answer.next_shard_iterator, None);
    assert_eq!(answer.child_shards, ["shardId-000000000001", "shardId-000000000002"]);
}

#[test]
fn kds_r12_a_record_can_be_read_as_soon_as_it_is_written() {
    let mut kinesis = account(1);
    let latest = iterator(&mut kinesis, 0, ShardIteratorType::Latest);
    kinesis.put_record(7 * MILLISECOND, "s", "key", b"data").expect("room");
    assert_eq!(kinesis.get_records(7 * MILLISECOND, &latest, 1).expect("an answer").records.len(), 1);
}

#[test]
fn kds_s3_an_account_has_20000_shards_in_the_largest_regions() {
    let mut kinesis = account(10_000);
    assert_eq!(kinesis.create_stream(0, "t", 10_000), Ok(()));
    assert!(matches!(kinesis.create_stream(0, "u", 1), Err(Exception::LimitExceeded(_))));
    // A split needs one shard more.
    assert!(matches!(kinesis.split_shard(0, "s", SHARD, 1), Err(Exception::LimitExceeded(_))));
    kinesis.delete_stream(0, "t").expect("it is there");
    assert_eq!(kinesis.create_stream(0, "u", 1), Ok(()));
}

#[test]
fn kds_s12_a_stream_is_updating_while_it_reshards_and_then_refuses_another_change() {
    let mut kinesis = account(2);
    let status = |kinesis: &mut Kinesis, now| kinesis.describe_stream_summary(now, "s").map(|it| it.status);
    assert_eq!(status(&mut kinesis, 0), Ok(StreamStatus::Active));
    kinesis.update_shard_count(SECOND, "s", 4).expect("twice as many");
    assert_eq!(status(&mut kinesis, SECOND), Ok(StreamStatus::Updating));
    assert!(matches!(kinesis.update_shard_count(2 * SECOND, "s", 3), Err(Exception::ResourceInUse(_))));
    // Writes go on meanwhile.
    assert!(kinesis.put_record(2 * SECOND, "s", "key", b"").is_ok());
    assert_eq!(status(&mut kinesis, DAY), Ok(StreamStatus::Active));
    kinesis.delete_stream(DAY, "s").expect("it is there");
    assert!(matches!(status(&mut kinesis, DAY), Err(Exception::ResourceNotFound(_))));
}

#[test]
fn kds_h1_a_partition_key_has_1_to_256_characters() {
    let mut kinesis = account(1);
    // Characters count, not bytes.
    for (key, sound) in [
        ("k".repeat(256), true),
        ("\u{e9}".repeat(256), true),
        ("k".repeat(257), false),
        (String::new(), false),
    ] {
        assert_eq!(
            kinesis.put_record(0, "s", &key, b"data").is_ok(),
            sound,
            "{} characters",
            key.chars().count()
        );
    }
}

/// Sequence numbers grow, and nobody can count by them: what retention took is missing before the first one that is left, and those of
/// two shards say nothing of each other.
#[test]
fn kds_h7_a_sequence_number_tells_neither_how_many_records_there_are_nor_which_of_two_shards_is_older() {
    let mut kinesis = account(2);
    let put = |kinesis: &mut Kinesis, hour: u64, key: &str| {
        let result = kinesis.put_record(hour * 60 * MINUTE, "s", key, b"data").expect("room");
        (result.shard_id, result.sequence_number)
    };
    // Two keys on two shards.
    let keys: Vec<String> = (0..100).map(|number| number.to_string()).collect();
    let on = |shard: usize| {
        keys.iter()
            .find(|key| usize::from(hash_key(key.as_bytes()) >> 127 == 1) == shard)
            .expect("one of many")
    };
    let early: Vec<u64> = (0..5).map(|hour| put(&mut kinesis, hour, on(0)).1).collect();
    assert!(early.windows(2).all(|pair| pair[0] < pair[1]));
    let (other, late) = put(&mut kinesis, 26, on(1));
    assert_ne!(other, SHARD);
    assert!(late < early[4], "a later record of another shard has a smaller number");
    let now = 27 * 60 * MINUTE;
    let oldest = iterator(&mut kinesis, now, ShardIteratorType::TrimHorizon);
    let left: Vec<u64> = kinesis
        .get_records(now, &oldest, 10)
        .expect("an answer")
        .records
        .iter()
        .map(|it| it.sequence_number)
        .collect();
    assert_eq!(left, early[3..], "three of five are older than a day");
}
