//! The real command refuses wrong scenarios: exit code 2, nothing on standard output, the message on standard error.

#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A sound scenario.
const SOUND: &str = "\
name: orders
duration: 10m
warm_up: 1m
workload:
  checkout:
    writes_to: tables.orders
    arrivals: { poisson: { rate: 100/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 700 B }
tables:
  orders:
    capacity: { provisioned: { write_units: 500 } }
    kinesis: { stream: changes }
kinesis:
  changes: { capacity: { provisioned: { shards: 2 } } }
firehose:
  lake: { reads: kinesis.changes, to: { s3: {} } }
variants:
  more-shards: { kinesis.changes.capacity.provisioned.shards: 4 }
";

fn check(folder: &Path, arguments: &[&str]) -> Output {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamgauge"));
    command.arg("check").args(arguments).current_dir(folder).stdin(Stdio::null());
    command.output().expect("the binary starts")
}

#[track_caller]
fn refused(folder: &Path, arguments: &[&str], parts: &[&str]) {
    let Output { status, stdout, stderr } = check(folder, arguments);
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(2), "{arguments:?}\n{stdout}\n{stderr}");
    assert_eq!(stdout, "", "{arguments:?}");
    assert!(stderr.starts_with("error: "), "{arguments:?}\n{stderr}");
    assert_eq!(stderr.matches("error: ").count(), 1, "{arguments:?}\n{stderr}");
    for part in parts {
        assert!(stderr.contains(part), "{arguments:?} does not say {part:?}\n{stderr}");
    }
}

/// A folder with the scenario in it.
fn folder(text: impl AsRef<[u8]>) -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    std::fs::write(folder.path().join("orders.yaml"), text).unwrap();
    folder
}

#[test]
fn a_sound_scenario_is_accepted() {
    let folder = folder(SOUND);
    assert_eq!(check(folder.path(), &["orders.yaml"]).status.code(), Some(0));
}

#[test]
fn wrong_scenarios_are_refused_at_their_lines() {
    for (old, new, line, part) in [
        ("10m", "10", 2, "a duration with a unit"),
        ("warm_up: 1m", "warm_up: 10m", 3, "expected less than the `duration` of 10m"),
        ("workload", "worklaod", 4, "did you mean `workload`?"),
        ("tables.orders", "tables.order", 6, "did you mean `orders`?"),
        ("100/s", "100", 7, "a rate, such as `5000/s`"),
        ("700 B", "700 Mb", 9, "could mean bits or bytes"),
        ("shards: 2 }", "shards: 10_001 }", 15, "expected 1 to 10000 (KDS-S8)"),
        (
            "provisioned: { shards: 2 }",
            "on_demnd: {}",
            15,
            "unknown value `on_demnd`; did you mean `on_demand`?",
        ),
        ("shards: 4", "shards: 0", 19, "in variant `more-shards`"),
        ("firehose:", "\tfirehose:", 16, "indent with spaces"),
        ("variants:", "---\nvariants:", 19, "a second document begins here"),
        ("{ poisson: { rate: 100/s } }", "{ trace: { file: no.csv } }", 7, "there is no such file"),
    ] {
        assert!(SOUND.contains(old), "{old}");
        let mut text = SOUND.replacen(old, new, 1);
        if new.contains("trace") {
            let kept = |line: &&str| !line.starts_with("    keys:") && !line.starts_with("    item:");
            text = text.lines().filter(kept).map(|line| format!("{line}\n")).collect();
        }
        let folder = folder(text);
        refused(folder.path(), &["orders.yaml"], &[part, &format!("--> orders.yaml:{line}:")]);
    }
}

#[test]
fn wrong_files_and_arguments_are_refused_by_name() {
    let folder = folder(SOUND);
    let write = |name: &str, bytes: &[u8]| std::fs::write(folder.path().join(name), bytes).unwrap();
    write("latin.yaml", b"name: caf\xe9\n");
    write("empty.yaml", b"");
    for (arguments, part) in [
        (&["absent.yaml"][..], "`absent.yaml`: there is no such file"),
        (&["."], "it is a folder; name the file in it"),
        (&["latin.yaml"], "it is not UTF-8 text"),
        (&["empty.yaml"], "the scenario is empty"),
        (&["orders.yaml", "--set", "seed"], "expected path=value"),
        (&["orders.yaml", "--set", "seed=x"], "--set seed=x"),
        (&["orders.yaml", "--set", "kinesis.chnages.retention=48h"], "did you mean `changes`?"),
        (&["orders.yaml", "--set", "duration=30s"], "in --set duration=30s"),
    ] {
        refused(folder.path(), arguments, &[part]);
    }
}

/// However many points of a sweep have a mistake, and though no other verb looks at them.
#[test]
fn wrong_sweeps_are_refused_once() {
    for (sweep, parts) in [
        ("{ kinesis.changes.shards: [1, 2], seed: [1, 2] }", ["unknown key `shards`", "orders.yaml:20:"]),
        ("{ kinesis.changes.capacity.provisioned.shards: [1, two] }", ["found `two`", "orders.yaml:20:"]),
        ("{ kinesis.changes.capacity.provisioned.shards: [1, 2], seed: [1, x, 2] }", ["`x`", "seed=x"]),
        ("{ duration: [10m, 30s], seed: [1, 2] }", ["the `duration` of 30s; found `1m`", "orders.yaml:3:"]),
    ] {
        refused(folder(format!("{SOUND}sweep: {sweep}\n")).path(), &["orders.yaml"], &parts);
    }
    let sound = folder(format!("{SOUND}sweep: {{ seed: [1, 2], duration: [10m, 20m] }}\n"));
    assert_eq!(check(sound.path(), &["orders.yaml"]).status.code(), Some(0));
}
