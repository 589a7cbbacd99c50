//! What few seeds come to: scenarios that lead there on purpose.

/// The fates that they lead to.
pub const FATES: [&str; 6] =
    ["destination_failed", "dropped", "lost", "skipped", "undeliverable", "uploading"];

/// The scenarios.
pub const SCENARIOS: [&str; 2] = [OUTAGES, DEATH];

/// A feed may not write for longer than the week after which it gives up (KDC-R4), S3 is down for longer than the day for which
/// records wait (FH-R1), and another destination while nothing is tried again.
const OUTAGES: &str = "\
name: rare
study: terminating
duration: 1h
workload:
  written: { writes_to: tables.t, arrivals: { constant: { rate: 1/s } }, keys: { uniform: { items: 50 } }, item: { size: 300 B } }
  lake: { writes_to: firehose.lake, arrivals: { constant: { rate: 1/s } }, keys: { uniform: { items: 50 } }, record: { size: 300 B }, client: { sdk: { call: put_record } } }
  web: { writes_to: firehose.web, arrivals: { constant: { rate: 1/s } }, keys: { uniform: { items: 50 } }, record: { size: 300 B }, client: { sdk: { call: put_record } } }
tables:
  t: { capacity: { provisioned: { write_units: 100 } }, kinesis: { stream: s } }
kinesis:
  s: { capacity: { provisioned: { shards: 1 } } }
firehose:
  lake: { direct_put: {}, to: { s3: {} } }
  web: { direct_put: {}, to: { http: { retry_duration: 0s, s3: {} } } }
events:
  unheard: { at: 10m, for: 200h, lost_permission: tables.t.kinesis }
  lake-down: { at: 10m, for: 30h, outage: firehose.lake }
  web-down: { at: 10m, for: 20m, outage: firehose.web }
";

/// A worker that has written its checkpoint dies over a batch, some of its batches throw, and the run ends before an upload does.
const DEATH: &str = "\
name: rare
study: terminating
duration: 1m
end: stop
workload:
  put: { writes_to: kinesis.s, arrivals: { constant: { rate: 20/s } }, keys: { uniform: { items: 50 } }, record: { size: 300 B }, client: { sdk: { call: put_record } } }
kinesis:
  s: { capacity: { provisioned: { shards: 2 } } }
consumers:
  w: { reads: kinesis.s, kcl: { version: 2, per_record: 50ms, errors: 20%, checkpoint: { order: before } } }
firehose:
  lake: { reads: kinesis.s, buffer: { size: 1 MiB, interval: 1s }, to: { s3: { put: 100s } } }
events:
  death: { at: 30s, for: 10s, crash: consumers.w }
";
