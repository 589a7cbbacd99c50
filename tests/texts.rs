//! What a user reads, whatever the numbers are: nouns that follow their number, lines that fit the terminal.

use std::fs;
use std::process::Command;

/// One of everything: a shard, a write a second, a replication, a consumer, a delivery stream that transforms and partitions.
const ONE: &str = "\
name: one
study: terminating
seed: 2
duration: 1s
workload:
  w: { writes_to: tables.t, arrivals: { constant: { rate: 1/s } }, keys: { sequential: { items: 10 } }, item: { size: 400 B } }
  p: { writes_to: firehose.direct, arrivals: { constant: { rate: 1/s } }, keys: { sequential: { items: 9 } }, record: { size: 1 KiB }, client: { sdk: { call: put_record_batch, lost_replies: 0% } } }
tables:
  t: { capacity: { provisioned: { write_units: 1 } }, kinesis: { stream: s }, streams: { view: new_image } }
kinesis:
  s: { capacity: { provisioned: { shards: 1 } } }
consumers:
  c: { reads: kinesis.s, polling: {} }
  f: { reads: tables.t.streams, lambda: {} }
  k: { reads: kinesis.s, kcl: { version: 2, via: polling, workers: 1, host: { vcpu: 2 } } }
firehose:
  lake: { reads: kinesis.s, buffer: { size: 1 MiB, interval: 60s }, transform: { duration: { base: 50ms } }, to: { s3: {} } }
  direct: { direct_put: {}, buffer: { size: 1 MiB, interval: 60s }, to: { s3: {} } }
alarms:
  late: { of: consumers.c, metric: GetRecords.IteratorAgeMilliseconds, threshold: 1ms, period: 60s }
";

/// Places where a 1 stands before a noun in the plural.
fn ones_with_plurals(text: &str) -> Vec<String> {
    let words: Vec<&str> = text.split_whitespace().collect();
    let is_plural = |word: &str| {
        // `records/s` is a unit of rates.
        let word = word.trim_matches(|letter: char| !letter.is_ascii_alphabetic());
        !word.contains('/')
            && word.len() > 3
            && word.ends_with('s')
            && !["times", "less", "does"].contains(&word)
    };
    let pairs =
        words.windows(2).filter(|pair| pair[0].trim_start_matches(['(', '[']) == "1" && is_plural(pair[1]));
    pairs.map(|pair| pair.join(" ")).collect()
}

#[test]
fn one_is_not_many_in_anything_that_is_printed() {
    assert_eq!(
        ones_with_plurals("it has 1 shards, (1 records) and 1 write; 11 shards"),
        ["1 shards,", "(1 records)"]
    );
    let folder = tempfile::tempdir().expect("a folder");
    let file = folder.path().join("one.yaml");
    fs::write(&file, ONE).expect("a file");
    let said = |arguments: &[&str]| {
        let mut command = Command::new(env!("CARGO_BIN_EXE_streamgauge"));
        let ended = command.current_dir(folder.path()).args(arguments).output().expect("the binary starts");
        let text =
            String::from_utf8(ended.stdout).expect("text") + &String::from_utf8(ended.stderr).expect("text");
        assert!(ended.status.code().is_some_and(|code| code != 1 && code != 2), "{arguments:?}: {text}");
        text
    };
    let mut texts = vec![
        said(&["check", "one.yaml"]),
        said(&["run", "one.yaml", "--out", "out"]),
        said(&["report", "out", "--format", "markdown"]),
        said(&["follow", "one.yaml"]),
        said(&["follow", "one.yaml", "--workload", "p"]),
        said(&["sweep", "one.yaml", "--over", "seed=1", "--out", "points"]),
        said(&["sweep", "one.yaml", "--over", "seed=1", "--out", "points"]),
    ];
    texts.push(fs::read_to_string(folder.path().join("out/summary.md")).expect("a summary"));
    for text in &texts {
        assert_eq!(ones_with_plurals(text), Vec::<String>::new(), "{text}");
    }
}
