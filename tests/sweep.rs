//! Sweeps: every point of a grid, killed and resumed, in parts, and what they refuse.

#![cfg(unix)]
#![expect(clippy::unwrap_used, reason = "a test may panic")]

use std::fs;
use std::path::Path;
use std::process::{Child, Command, Output, Stdio};
use std::time::Duration;

/// Six points of about a thousand writes each.
const SCENARIO: &str = "\
name: orders
seed: 3
study: terminating
duration: 4s
replications: 2
workload:
  checkout:
    writes_to: tables.orders
    arrivals: { poisson: { rate: 250/s } }
    keys: { uniform: { items: 1_000 } }
    item: { size: 700 B }
tables:
  orders:
    capacity: { provisioned: { write_units: 500 } }
    kinesis: { stream: changes }
kinesis:
  changes: { capacity: { provisioned: { shards: 2 } } }
consumers:
  search: { reads: kinesis.changes, polling: { interval: 1s } }
slo:
  consumers.search.latency.mean: { max: 1ms }
variants:
  small: { workload.checkout.item.size: 70 B }
sweep:
  kinesis.changes.capacity.provisioned.shards: [1, 2, 4]
  consumers.search.polling.interval: [500ms, 1s]
";

fn folder() -> tempfile::TempDir {
    let folder = tempfile::tempdir().unwrap();
    fs::write(folder.path().join("orders.yaml"), SCENARIO).unwrap();
    folder
}

fn command(folder: &Path, arguments: &[&str]) -> Command {
    let mut command = Command::new(env!("CARGO_BIN_EXE_streamgauge"));
    command.current_dir(folder).args(["sweep", "orders.yaml"]).args(arguments);
    command.stdin(Stdio::null()).stdout(Stdio::piped()).stderr(Stdio::piped());
    command
}

#[track_caller]
fn sweep(folder: &Path, arguments: &[&str], code: i32) -> String {
    let Output { status, stdout, stderr } = command(folder, arguments).output().unwrap();
    let (stdout, stderr) = (String::from_utf8(stdout).unwrap(), String::from_utf8(stderr).unwrap());
    assert_eq!(status.code(), Some(code), "{stdout}{stderr}");
    if code == 0 { stdout } else { stderr }
}

/// All files below a folder with their bytes.
fn files(folder: &Path) -> Vec<(String, Vec<u8>)> {
    let mut all = Vec::new();
    for entry in fs::read_dir(folder).unwrap() {
        let path = entry.unwrap().path();
        match path.is_dir() {
            true => all.extend(files(&path)),
            false => {
                all.push((path.file_name().unwrap().to_string_lossy().into_owned(), fs::read(path).unwrap()))
            }
        }
    }
    all.sort();
    all
}

fn points(folder: &Path) -> usize {
    let names = fs::read_dir(folder.join("points")).into_iter().flatten();
    names.filter(|name| name.as_ref().unwrap().path().extension().is_some_and(|it| it == "json")).count()
}

/// Waits until so many points are done; false if the process ended before.
fn wait_for(child: &mut Child, folder: &Path, count: usize) -> bool {
    while points(folder) < count {
        if child.try_wait().unwrap().is_some() {
            return false;
        }
        std::thread::sleep(Duration::from_millis(1));
    }
    true
}

#[test]
fn a_killed_sweep_goes_on_to_the_bytes_of_an_unbroken_one() {
    let folder = folder();
    sweep(folder.path(), &["--out", "whole", "--threads", "1", "--quiet"], 0);
    let broken = folder.path().join("broken");
    let mut kills = 0;
    for done in [0, 1, 2, 3, 5] {
        let mut child = command(folder.path(), &["--out", "broken", "--threads", "2"]).spawn().unwrap();
        kills += u32::from(wait_for(&mut child, &broken, done));
        // What is half written at this moment is as chance has it.
        child.kill().unwrap();
        child.wait().unwrap();
    }
    assert!(kills > 0);
    sweep(folder.path(), &["--out", "broken", "--quiet"], 0);
    assert!(files(&folder.path().join("whole")) == files(&broken));
    // A finished one is not simulated again.
    let again = command(folder.path(), &["--out", "broken"]).output().unwrap();
    let said = String::from_utf8(again.stderr).unwrap();
    assert!(said.contains("Already done: 6 of 6 points.") && !said.contains("simulated"), "{said}");
    assert!(files(&folder.path().join("whole")) == files(&broken));
}

#[test]
fn an_interrupted_sweep_keeps_what_is_done() {
    let folder = folder();
    let out = folder.path().join("reports/orders-sweep");
    let endless = sweep(folder.path(), &["--over", "duration=4s,3000d"], 2);
    assert!(endless.contains("duration=3000d") && !out.exists(), "{endless}");
    let long = ["--over", "duration=4s,700d", "--threads", "1"];
    let mut child = command(folder.path(), &long).spawn().unwrap();
    assert!(wait_for(&mut child, &out, 1));
    assert!(Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap().success());
    let ended = child.wait_with_output().unwrap();
    assert_eq!(ended.status.code(), Some(130));
    let said = String::from_utf8(ended.stderr).unwrap();
    assert!(
        said.contains("error: interrupted\nhelp: kept in")
            && said.contains(": 1 of 12 points; the same call"),
        "{said}"
    );
    assert!(points(&out) == 1 && !out.join("experiment.json").exists());
}

#[test]
fn parts_make_the_whole() {
    let folder = folder();
    sweep(folder.path(), &["--out", "whole", "--quiet"], 0);
    let parts = ["1/2", "2/2"].map(|part| {
        let arguments = ["--out", "parts", "--part", part, "--quiet"];
        command(folder.path(), &arguments).spawn().unwrap()
    });
    for part in parts {
        assert!(part.wait_with_output().unwrap().status.success());
    }
    let out = folder.path().join("parts");
    assert!(points(&out) == 6 && !out.join("experiment.json").exists());
    sweep(folder.path(), &["--out", "parts", "--quiet"], 0);
    assert!(files(&out) == files(&folder.path().join("whole")));
}

#[test]
fn a_folder_is_for_one_sweep() {
    let folder = folder();
    sweep(folder.path(), &["--quiet"], 0);
    let refused = |arguments: &[&str], part: &str| {
        let said = sweep(folder.path(), arguments, 2);
        assert!(said.contains(part) && said.contains("name another folder with --out"), "{said}");
    };
    refused(&["--seed", "4"], "`reports/orders-sweep` holds another sweep: its seed is 3, not 4");
    refused(&["--over", "kinesis.changes.capacity.provisioned.shards=1,2,3"], "it goes over other values");
    refused(&["--set", "duration=3s"], "its scenario or an input file has changed since");
    let run = Command::new(env!("CARGO_BIN_EXE_streamgauge"))
        .current_dir(folder.path())
        .args(["run", "orders.yaml", "--quiet"])
        .output()
        .unwrap();
    // The scenario runs by itself too, and misses its objective.
    assert_eq!(run.status.code(), Some(3));
    refused(&["--out", "reports/orders"], "holds another report: there is a result.json, but no sweep.json");
}

#[test]
fn a_point_is_the_run_of_its_scenario_and_the_table_has_every_replication() {
    let folder = folder();
    let out = folder.path().join("out");
    let text = sweep(folder.path(), &["--out", "out", "--quiet", "--over", "variants=base,small"], 0);
    assert!(text.contains("12 points on the same draws, seed 3") && text.contains("miss"), "{text}");
    let mut table = csv::Reader::from_path(out.join("points.csv")).unwrap();
    let heading = table.headers().unwrap().clone();
    let first: Vec<&str> = heading.iter().take(5).collect();
    assert_eq!(
        first,
        [
            "point",
            "kinesis.changes.capacity.provisioned.shards",
            "consumers.search.polling.interval",
            "variants",
            "replication"
        ]
    );
    let rows: Vec<csv::StringRecord> = table.records().map(Result::unwrap).collect();
    assert_eq!(rows.len(), 12 * 2);
    // The last axis changes fastest: point 7 has the second count of shards, the second interval and the second variant.
    let row = rows.iter().find(|row| &row[0] == "7").unwrap();
    assert_eq!([&row[1], &row[2], &row[3], &row[4]], ["2", "1s", "small", "0"]);
    let run = Command::new(env!("CARGO_BIN_EXE_streamgauge"))
        .current_dir(folder.path())
        .args(["run", "orders.yaml", "--variant", "small", "--quiet", "--format", "json"])
        .output()
        .unwrap();
    let run: serde_json::Value = serde_json::from_slice(&run.stdout).unwrap();
    let figures = &run["replications"][0]["figures"];
    for (path, cell) in heading.iter().zip(row).filter(|(path, _)| figures.get(*path).is_some()) {
        assert_eq!(figures[path].as_f64(), cell.parse().ok(), "{path}");
    }
    let experiment: serde_json::Value =
        serde_json::from_slice(&fs::read(out.join("experiment.json")).unwrap()).unwrap();
    assert_eq!(
        (experiment["kind"].as_str(), experiment["points"].as_array().unwrap().len()),
        (Some("sweep"), 12)
    );
    let point = &experiment["points"][7];
    assert_eq!(point["scenario_digest"], run["identity"]["scenario_digest"]);
    assert_eq!(point["slo"], run["slo"]);
    assert_eq!(point["fingerprint"], run["identity"]["fingerprint"]);
}

#[test]
fn wrong_sweeps_are_refused_before_anything_runs() {
    let folder = folder();
    let file = |sweep: &str| {
        let text = SCENARIO
            .replace("[500ms, 1s]", "[500ms, 1s]\n")
            .replace("  consumers.search.polling.interval: [500ms, 1s]\n", sweep);
        fs::write(folder.path().join("orders.yaml"), text).unwrap();
    };
    // Line 26 of the file is the second one of the sweep.
    let cases: [(&str, &[&str]); 9] = [
        ("  consumers.search.polling.interval: [500ms, 1]\n", &["orders.yaml:26:46", "unit"]),
        ("  consumers.search.polling.interval: 1s\n", &["orders.yaml:26:38", "expected a list of values"]),
        ("  consumers.search.polling.interval: []\n", &["orders.yaml:26:3", "there are no values"]),
        ("  consumers.search.polling.interval: [1s, 1s]\n", &["orders.yaml:26:43", "stands twice"]),
        ("  consumers.saerch.polling.interval: [1s]\n", &["orders.yaml:26:", "did you mean `search`?"]),
        ("  consumers..interval: [1s]\n", &["orders.yaml:26:3", "is not a path"]),
        ("  variants: [base, smal]\n", &["orders.yaml:26:20", "did you mean `small`?"]),
        ("  kinesis.changes.capacity: [{ provisioned: { shards: 1 } }]\n", &["has no effect"]),
        ("  sweep.seed: [1]\n", &["orders.yaml:26:", "cannot change the sweep"]),
    ];
    for (sweep_text, parts) in cases {
        file(sweep_text);
        let said = sweep(folder.path(), &[], 2);
        assert!(parts.iter().all(|part| said.contains(part)), "{sweep_text}{said}");
        // One mistake is told once, however many points have it.
        assert_eq!(said.matches("error: ").count(), 1, "{said}");
    }
    fs::write(folder.path().join("orders.yaml"), SCENARIO).unwrap();
    for (arguments, part) in [
        (&["--over", "seed"][..], "expected path=a,b,c"),
        (&["--over", "seed=[1"], "--over seed=[1"),
        (&["--over", "seed=1,x"], "seed=x"),
        (&["--set", "consumers.search.polling.interval=2s"], "has no effect"),
        (&["--part", "3/2"], "such as 1/4"),
    ] {
        let said = sweep(folder.path(), arguments, 2);
        assert!(said.contains(part), "{said}");
    }
    assert!(!folder.path().join("reports").exists());
}
