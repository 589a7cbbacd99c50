//! When a batch is complete: by number, by window, by payload (LAM-B1 to LAM-B4).

use crate::engine::time::Nanos;
use crate::systems::kinesis::log::{Micros, Record};

/// The payload of one synchronous invocation (LAM-B3).
pub const PAYLOAD_MAX: u64 = 6 * 1_048_576;

/// The JSON around the data of one Kinesis record, as an invocation carries it: names, sequence number twice, ARNs
/// of usual length, partition key of 32 digits.
const KINESIS_RECORD: &str = concat!(
    r#"{"kinesis":{"kinesisSchemaVersion":"1.0","partitionKey":"00000000000000000000000000000000","#,
    r#""sequenceNumber":"49590338271490256608559692538361571095921575989136588898","data":"","#,
    r#""approximateArrivalTimestamp":1545084650.987},"eventSource":"aws:kinesis","eventVersion":"1.0","#,
    r#""eventID":"shardId-000000000006:49590338271490256608559692538361571095921575989136588898","#,
    r#""eventName":"aws:kinesis:record","invokeIdentityArn":"arn:aws:iam::123456789012:role/lambda-role","#,
    r#""awsRegion":"us-east-1","eventSourceARN":"arn:aws:kinesis:us-east-1:123456789012:stream/lambda-stream"},"#,
);

/// The JSON of one DynamoDB Streams record, as an invocation carries it, without the keys and images themselves.
const STREAMS_RECORD: &str = concat!(
    r#"{"eventID":"f07f8ca4b0b26cb9c4e5e77e69f274ee","eventName":"INSERT","eventVersion":"1.1","#,
    r#""eventSource":"aws:dynamodb","awsRegion":"us-east-1","dynamodb":{"ApproximateCreationDateTime":1480642020,"#,
    r#""Keys":,"NewImage":,"OldImage":,"SequenceNumber":"1405400000000002063282832","SizeBytes":540,"#,
    r#""StreamViewType":"NEW_AND_OLD_IMAGES"},"eventSourceARN":"#,
    r#""arn:aws:dynamodb:us-east-1:123456789012:table/Example-Table/stream/2016-12-01T00:00:00.000"},"#,
);

/// How a source's records look in an invocation.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Payload {
    /// Bytes of JSON around the data of each record.
    pub envelope: u32,
    /// Whether the data is written in base64, four characters for three bytes.
    pub base64: bool,
}

impl Payload {
    /// Records of a data stream (LAM-B3).
    pub const KINESIS: Self = Self { envelope: KINESIS_RECORD.len() as u32, base64: true };

    /// Records of a table's stream, whose keys and images take so many bytes more in JSON than in the table.
    pub fn streams(more: u32) -> Self {
        Self { envelope: STREAMS_RECORD.len() as u32 + more, base64: false }
    }

    /// Bytes that a record of this size takes.
    #[inline]
    pub fn bytes(&self, record_bytes: u32) -> u64 {
        let data = u64::from(record_bytes);
        u64::from(self.envelope) + if self.base64 { data.div_ceil(3) * 4 } else { data }
    }
}

/// When to invoke.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Batching {
    /// Records at most: 1 to 10,000 (LAM-B1).
    pub size: u32,
    /// How long to wait for more (LAM-B2); 0 for not at all.
    pub window: Nanos,
    /// From the end of an invocation to the next one of its lane (LAM-L4).
    pub turnaround: Nanos,
    /// What a record adds to the payload.
    pub payload: Payload,
}

/// A record that the poller has handed over.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Held {
    /// The record.
    pub record: Record,
    /// How long it lay in its shard while the poller had no room for more.
    pub stalled: Micros,
    /// When it came to its lane.
    pub came: Micros,
}

impl Batching {
    /// Whether records of this number and payload wait no longer.
    #[inline]
    pub fn complete(&self, records: usize, payload: u64) -> bool {
        records >= self.size as usize || payload >= PAYLOAD_MAX
    }

    /// How many of the first waiting records make one batch.
    pub fn cut<'a>(&self, waiting: impl Iterator<Item = &'a Held>) -> usize {
        let mut payload = 0;
        let fits = |held: &&Held| {
            payload += self.payload.bytes(held.record.bytes);
            payload <= PAYLOAD_MAX
        };
        waiting.take(self.size as usize).take_while(fits).count().max(1)
    }

    /// When the window in which a first record comes ends. The one that opened when the last invocation ended is
    /// still good if it is open (LAM-B2); otherwise one opens now.
    #[inline]
    pub fn window_end(&self, now: Nanos, last_invocation_ended: Option<Nanos>) -> Nanos {
        match last_invocation_ended {
            Some(ended) if now < ended + self.window => ended + self.window,
            _ => now + self.window,
        }
    }
}

#[cfg(test)]
mod tests {
    use super::*;

    fn held(bytes: u32) -> Held {
        Held { record: Record { written: 0, appended: 0, bytes, key: 0, flags: 0 }, stalled: 0, came: 0 }
    }

    /// A record of 1 MiB takes 1.33 MiB in base64: four of them fit 6 MiB, five do not.
    #[test]
    fn lam_b3_base64_counts_towards_six_megabytes() {
        let batching = Batching { size: 10_000, window: 0, turnaround: 0, payload: Payload::KINESIS };
        let waiting = vec![held(1_048_576); 10];
        assert_eq!(batching.cut(waiting.iter()), 4);
        // 1,200 bytes take 1,600 in base64, and the JSON around them some 500 to 700 more: 6 MiB hold fewer than
        // 3,000 of them, and far fewer than the 10,000 asked for.
        assert!((2_600..3_000).contains(&batching.cut(vec![held(1_200); 10_000].iter())));
    }

    /// The text around a record is that of the event that AWS's guide shows, without its keys, its image and its identity.
    #[test]
    fn dds_l3_streams_records_are_json_without_base64() {
        let (small, large) = (Payload::streams(24).bytes(100), Payload::streams(24).bytes(1_100));
        assert_eq!((small, large - small), (437 + 24 + 100, 1_000));
        let batching = Batching { size: 10_000, window: 0, turnaround: 0, payload: Payload::streams(24) };
        assert_eq!(batching.cut(vec![held(1_100); 10_000].iter()), (6 << 20) / (437 + 24 + 1_100));
    }

    /// Of the 10 MiB that a stream may allow, a function gets 4.5 MiB: a third more in base64 is 6 MiB.
    #[test]
    fn kds_b4_a_large_record_fits_a_stream_and_no_invocation() {
        let mebibytes = |quarters: u32| Payload::KINESIS.bytes(quarters * (1 << 18));
        assert!(mebibytes(17) <= PAYLOAD_MAX && mebibytes(18) > PAYLOAD_MAX);
    }

    #[test]
    fn lam_b1_a_batch_has_at_most_its_size() {
        let batching = Batching { size: 100, window: 0, turnaround: 0, payload: Payload::KINESIS };
        assert_eq!(batching.cut(vec![held(100); 250].iter()), 100);
        assert!(batching.complete(100, 0) && !batching.complete(99, PAYLOAD_MAX - 1));
    }

    #[test]
    fn lam_b2_the_next_window_opens_when_the_last_invocation_ends() {
        let batching = Batching { size: 100, window: 10, turnaround: 0, payload: Payload::KINESIS };
        assert_eq!(batching.window_end(107, Some(100)), 110);
        assert_eq!(batching.window_end(150, Some(100)), 160);
        assert_eq!(batching.window_end(7, None), 17);
    }
}
