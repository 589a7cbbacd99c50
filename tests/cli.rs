//! The command line as scripts and people meet it: exit codes, what goes to which stream, and files.

use std::path::Path;
use std::process::{Command, Output, Stdio};

/// A call of the real binary in a folder of its own.
struct Call {
    command: Command,
}

/// What came of it.
struct Ended {
    code: Option<i32>,
    stdout: String,
    stderr: String,
}

impl Call {
    fn new(folder: &Path, arguments: &[&str]) -> Self {
        let mut command = Command::new(env!("CARGO_BIN_EXE_streamgauge"));
        command.args(arguments).current_dir(folder).stdin(Stdio::null());
        Self { command }
    }

    fn end(mut self) -> Ended {
        let Output { status, stdout, stderr } = self.command.output().expect("the binary starts");
        let text = |bytes| String::from_utf8(bytes).expect("UTF-8");
        Ended { code: status.code(), stdout: text(stdout), stderr: text(stderr) }
    }
}

impl Ended {
    /// Asserts the code; on failure shows what was said.
    #[track_caller]
    fn code(self, expected: i32) -> Self {
        assert_eq!(self.code, Some(expected), "stdout:\n{}\nstderr:\n{}", self.stdout, self.stderr);
        self
    }

    /// Asserts that an error, and nothing but the error, was said.
    #[track_caller]
    fn error(self, expected: &str) {
        assert_eq!(self.stdout, "");
        assert!(self.stderr.contains(expected), "{}", self.stderr);
        assert!(self.stderr.starts_with("error: "), "{}", self.stderr);
        assert!(!self.stderr.contains('\u{1b}'), "escapes in a file: {:?}", self.stderr);
    }
}

fn folder() -> tempfile::TempDir {
    tempfile::tempdir().expect("a folder for temporary files")
}

/// A folder with the starter scenario `orders.yaml`.
fn folder_with_orders() -> tempfile::TempDir {
    let folder = folder();
    call(folder.path(), &["init", "orders"]).code(0);
    folder
}

fn call(folder: &Path, arguments: &[&str]) -> Ended {
    Call::new(folder, arguments).end()
}

/// Settings that keep a run short.
const SHORT: [&str; 6] = ["--set", "duration=1m", "--set", "warm_up=10s", "--replications", "2"];

fn short<'a>(arguments: &[&'a str]) -> Vec<&'a str> {
    arguments.iter().copied().chain(SHORT).collect()
}

#[test]
fn wrong_arguments_end_with_2() {
    let folder = folder_with_orders();
    let wrong: [&[&str]; 10] = [
        &[],
        &["sweep", "orders.yaml"],
        &["run"],
        &["run", "orders.yaml", "--format", "xml"],
        &["run", "orders.yaml", "--replications", "0"],
        &["run", "orders.yaml", "--threads", "0"],
        &["run", "orders.yaml", "--threads", "100000"],
        &["run", "orders.yaml", "--seed", "-1"],
        &["check"],
        &["init", "../orders"],
    ];
    for arguments in wrong {
        let ended = call(folder.path(), arguments).code(2);
        assert_eq!(ended.stdout, "", "{arguments:?}");
        assert!(!ended.stderr.is_empty(), "{arguments:?}");
    }
    assert!(!folder.path().join("reports").exists());
}

#[test]
fn a_wrong_scenario_ends_with_2_and_leaves_no_report() {
    let folder = folder_with_orders();
    std::fs::write(folder.path().join("torn.yaml"), "name: torn\nworkload: [").unwrap();
    let end = |arguments: &[&str]| call(folder.path(), arguments).code(2);
    end(&["run", "absent.yaml"]).error("there is no such file");
    end(&["run", "torn.yaml"]).error("torn.yaml:2:");
    end(&["run", "orders.yaml", "--set", "seed"]).error("expected path=value");
    end(&["run", "orders.yaml", "--seed", "5", "--set", "seed=6"]).error("`seed` is set by --seed 5 too");
    end(&["run", "orders.yaml", "--set", "replications=2", "--replications", "3"])
        .error("--replications 3 too");
    end(&["run", "orders.yaml", "--variant", "9-shards"]).error("did you mean `8-shards`?");
    end(&["compare", "orders.yaml", "--variant", "none-such"]).error("its variants: 8-shards");
    assert!(!folder.path().join("reports").exists());
}

#[test]
fn check_shows_what_is_valid_beside_what_is_not() {
    let folder = folder_with_orders();
    let ended = call(folder.path(), &["check", "orders.yaml", "absent.yaml"]).code(2);
    assert!(ended.stdout.contains("orders, variant 8-shards"), "{}", ended.stdout);
    assert!(ended.stderr.contains("absent.yaml"), "{}", ended.stderr);

    let ended = call(folder.path(), &["check", "orders.yaml", "--format", "json"]).code(0);
    let rows: serde_json::Value = serde_json::from_str(&ended.stdout).unwrap();
    let variants: Vec<_> = rows.as_array().unwrap().iter().map(|row| row["variant"].as_str()).collect();
    assert_eq!(variants, [None, Some("8-shards"), Some("small-files")]);
    assert!(rows[0]["rows"][0]["allowed"].is_number(), "{}", rows[0]);
}

#[test]
fn init_writes_a_valid_scenario_and_overwrites_nothing() {
    let folder = folder_with_orders();
    let file = folder.path().join("orders.yaml");
    let starter = std::fs::read_to_string(&file).unwrap();
    assert!(starter.starts_with("# yaml-language-server: $schema="));
    assert!(starter.contains("\nname: orders\n"));
    call(folder.path(), &["check", "orders.yaml"]).code(0);

    std::fs::write(&file, "mine").unwrap();
    call(folder.path(), &["init", "orders"]).code(2).error("`orders.yaml` is there already");
    assert_eq!(std::fs::read_to_string(&file).unwrap(), "mine");
    call(folder.path(), &["init", "orders", "--force"]).code(0);
    assert_eq!(std::fs::read_to_string(&file).unwrap(), starter);
    assert_eq!(call(folder.path(), &["init", "orders", "--out", "-"]).code(0).stdout, starter);
}

#[test]
fn run_prints_data_and_tells_people_apart() {
    let folder = folder_with_orders();
    let json = short(&["run", "orders.yaml", "--format", "json", "--verify"]);
    let ended = call(folder.path(), &json);
    // The objectives may be undecided in so short a run.
    assert!(matches!(ended.code, Some(0 | 3 | 4)), "{}", ended.stderr);
    let stored = std::fs::read_to_string(folder.path().join("reports/orders/result.json")).unwrap();
    assert_eq!(ended.stdout, stored);
    assert!(ended.stderr.contains("ns a write"), "{}", ended.stderr);
    assert!(ended.stderr.contains("Verified"), "{}", ended.stderr);

    let quiet = short(&["run", "orders.yaml", "--format", "none", "--quiet", "--out", "elsewhere"]);
    let ended = call(folder.path(), &quiet);
    assert_eq!((ended.stdout.as_str(), ended.stderr.as_str()), ("", ""));
    let elsewhere = std::fs::read_to_string(folder.path().join("elsewhere/result.json")).unwrap();
    assert_eq!(elsewhere, stored, "the folder must not matter");

    let variant = short(&["run", "orders.yaml", "--variant", "8-shards"]);
    call(folder.path(), &variant);
    assert!(folder.path().join("reports/orders-8-shards/result.json").exists());
}

#[test]
fn report_renders_finished_folders_only() {
    let folder = folder_with_orders();
    let printed = call(folder.path(), &short(&["run", "orders.yaml", "--quiet"])).stdout;
    assert_eq!(call(folder.path(), &["report", "reports/orders"]).code(0).stdout, printed);
    for format in ["markdown", "json", "csv"] {
        let ended = call(folder.path(), &["report", "reports/orders", "--format", format]).code(0);
        assert!(!ended.stdout.is_empty(), "{format}");
    }
    let end = |arguments: &[&str]| call(folder.path(), arguments).code(2);
    end(&["report", "reports/orders", "--format", "csv", "--table", "none"]).error("the tables: latency");
    end(&["run", "orders.yaml", "--out", "orders.yaml"]).error("is a file");
    end(&["report", "reports/orders", "--table", "cost"]).error("add --format csv");
    end(&["bill", "reports/orders", "--month-hours", "700"]).error("--set billing.month=700h");
    call(folder.path(), &["bill", "reports/orders", "--month-hours", "730"]).code(0);
    let file = folder.path().join("reports/orders/result.json");
    let other = std::fs::read_to_string(&file).unwrap().replacen("\"format\": 1", "\"format\": 99", 1);
    std::fs::write(&file, other).unwrap();
    for verb in ["report", "compare", "bill"] {
        let paths = if verb == "compare" { &["reports/orders"; 2][..] } else { &["reports/orders"] };
        let arguments: Vec<&str> = std::iter::once(verb).chain(paths.iter().copied()).collect();
        end(&arguments).error("is a result of format 99; this version reads format 1");
    }
    std::fs::remove_file(file).unwrap();
    end(&["report", "reports/orders"]).error("is unfinished");
    end(&["report", "nowhere"]).error("there is no folder `nowhere`");
    std::fs::write(folder.path().join("reports/orders/result.json"), "{}").unwrap();
    end(&["report", "reports/orders"]).error("is not a result that this version can read");
}

#[test]
fn report_says_what_a_folder_of_a_comparison_is_and_shows_its_summary() {
    let folder = folder_with_orders();
    let end = |arguments: &[&str]| call(folder.path(), arguments);
    end(&short(&["compare", "orders.yaml", "--quiet", "--out", "both"])).code(0);
    let file = |name: &str| std::fs::read_to_string(folder.path().join("both").join(name)).unwrap();
    assert_eq!(end(&["report", "both"]).code(0).stdout, file("summary.md"));
    assert_eq!(end(&["report", "both", "--format", "json"]).code(0).stdout, file("experiment.json"));
    end(&["report", "both", "--format", "csv"]).code(2).error("holds a sweep or a comparison");
    end(&["compare", "both", "both"]).code(2).error("holds a sweep or a comparison, not a run");
}

#[test]
fn follow_takes_a_record_that_is_put_straight_into_a_stream() {
    let folder = folder();
    let direct = "\
name: direct
duration: 1m
study: terminating
workload:
  clicks: { writes_to: kinesis.s, arrivals: { constant: { rate: 10/s } }, keys: { uniform: { items: 10 } }, record: { size: 100 B }, client: { sdk: { call: put_records } } }
kinesis:
  s: { capacity: { provisioned: { shards: 1 } } }
";
    std::fs::write(folder.path().join("direct.yaml"), direct).unwrap();
    let shown = call(folder.path(), &["follow", "direct.yaml", "--quiet"]).code(0).stdout;
    assert!(shown.contains("record 1 of workload.clicks") && shown.contains("in shard 0"), "{shown}");
    let ended = call(folder.path(), &["follow", "direct.yaml", "--workload", "click"]).code(2);
    ended.error("there is no producer named `click`; did you mean `clicks`?");
}

#[test]
fn compare_takes_variants_files_and_folders() {
    let folder = folder_with_orders();
    call(folder.path(), &["init", "other"]).code(0);
    call(folder.path(), &short(&["run", "orders.yaml", "--quiet"]));
    let end = |arguments: &[&str]| call(folder.path(), arguments);
    let variants = end(&short(&["compare", "orders.yaml", "--quiet"])).code(0).stdout;
    assert!(["base", "8-shards", "small-files"].iter().all(|name| variants.contains(name)), "{variants}");
    let files = end(&short(&["compare", "orders.yaml", "other.yaml", "--out", "both"])).code(0).stdout;
    assert!(["orders", "other"].iter().all(|name| files.contains(name)), "{files}");
    assert!(folder.path().join("both/experiment.json").exists());
    end(&["compare", "reports/orders", "reports/orders"]).code(0);
    end(&["compare", "reports/orders"]).code(2).error("nothing to compare");
    end(&["compare", "reports/orders", "reports/orders", "--seed", "1"]).code(2).error("cannot be changed");
}

#[test]
fn bill_takes_usage_from_a_file_a_folder_and_standard_input() {
    let folder = folder_with_orders();
    let usage = "region: us-west-2\nusage: { kds.prov.shard_h: 14600, fh.put: 600000 }\n";
    std::fs::write(folder.path().join("usage.yaml"), usage).unwrap();
    let bill = |arguments: &[&str]| call(folder.path(), &[&["bill"], arguments].concat());

    let json = bill(&["usage.yaml", "--format", "json"]).code(0).stdout;
    let json: serde_json::Value = serde_json::from_str(&json).unwrap();
    let lines = json["lines"].as_array().unwrap();
    let ids: Vec<_> = lines.iter().map(|line| line["id"].as_str().unwrap()).collect();
    assert_eq!(ids, ["fh.put.t1", "fh.put.t2", "kds.prov.shard_h"]);
    // 512,000 x 0.029 + 88,000 x 0.025 + 14,600 x 0.015.
    assert_eq!((&json["total"], &lines[1]["unit_price"]), (&"17267.00".into(), &"0.025".into()));
    assert!(bill(&["usage.yaml"]).code(0).stdout.contains("total 17,267.00 USD a month"));
    assert!(
        bill(&["usage.yaml", "--format", "csv"]).code(0).stdout.contains("\nfh.put.t2,Amazon Data Firehose,")
    );

    std::fs::write(folder.path().join("mine.csv"), "id,us-west-2\nfh.put,0.01\n").unwrap();
    let mine = bill(&["usage.yaml", "--prices", "mine.csv"]).code(0).stdout;
    assert!(mine.contains("total 6,219.00 USD a month") && mine.contains(" own"), "{mine}");

    let mut piped = Call::new(folder.path(), &["bill", "-"]);
    piped.command.stdin(std::fs::File::open(folder.path().join("usage.yaml")).unwrap());
    assert!(piped.end().code(0).stdout.contains("total 17,267.00 USD"));

    call(folder.path(), &short(&["run", "orders.yaml", "--quiet", "--format", "none"]));
    let stored = std::fs::read_to_string(folder.path().join("reports/orders/result.json")).unwrap();
    let stored: serde_json::Value = serde_json::from_str(&stored).unwrap();
    let again = bill(&["reports/orders", "--format", "json"]).code(0).stdout;
    let again: serde_json::Value = serde_json::from_str(&again).unwrap();
    assert_eq!((&again["lines"], &again["total"]), (&stored["cost"]["lines"], &stored["cost"]["total"]));
    assert!(again["lines"].as_array().unwrap().len() > 3);
}

/// The how-to's example is what the program says.
#[test]
fn the_page_on_bills_shows_a_bill() {
    let page = std::fs::read_to_string(Path::new(env!("CARGO_MANIFEST_DIR")).join("docs/bill.md")).unwrap();
    let block = |fence: &str| page.split(fence).nth(1).unwrap().split("```").next().unwrap().to_owned();
    let folder = folder();
    std::fs::write(folder.path().join("usage.yaml"), block("```yaml\n")).unwrap();
    let shown = call(folder.path(), &["bill", "usage.yaml"]).code(0).stdout;
    assert_eq!(block("```text\n$ streamgauge bill usage.yaml\n"), shown);
    std::fs::write(folder.path().join("prices.csv"), block("```text\nid,").replacen("", "id,", 1)).unwrap();
    call(folder.path(), &["bill", "--prices", "prices.csv", "--region", "eu-central-1"]).code(0);
}

#[test]
fn bill_refuses_what_it_does_not_know_with_the_nearest_name() {
    let folder = folder();
    let file = |name: &str, text: &str| std::fs::write(folder.path().join(name), text).unwrap();
    file("typo.yaml", "usage:\n  fh.putt: 1\n");
    file("unknown.yaml", "region: eu-central-1\nusage:\n  fh.put: 1\n");
    file("prices.csv", "id,us-east-1\nfh.put,dear\n");
    let end = |arguments: &[&str]| call(folder.path(), &[&["bill"], arguments].concat());
    end(&["typo.yaml"]).code(2).error("typo.yaml:2:3 at usage.\"fh.putt\"");
    end(&["typo.yaml"]).code(2).error("the nearest is `fh.put`");
    end(&["unknown.yaml"]).code(2).error("the price in eu-central-1 is not known");
    end(&["typo.yaml", "--prices", "prices.csv"]).code(2).error("prices.csv:2:1");
    end(&["typo.yaml", "--prices"]).code(2).error("--prices names no file");
    end(&["absent.yaml"]).code(2).error("there is no such file");
    end(&["--prices", "--region", "eu-west-9"]).code(2).error("did you mean `eu-west-1`?");
    for file in ["typo.yaml", "unknown.yaml"] {
        let allowed = end(&[file, "--allow-unknown", "--format", "json"]).code(0).stdout;
        assert!(allowed.contains("\"total\": null"), "{allowed}");
    }
    assert_eq!(end(&[]).code, Some(2));
}

#[test]
fn the_price_book_is_shown_and_what_is_shown_can_be_given_back() {
    let folder = folder();
    let end = |arguments: &[&str]| call(folder.path(), &[&["bill"], arguments].concat()).code(0).stdout;
    let table = end(&["--prices", "--region", "ap-northeast-1", "--at", "2024-10-31"]);
    assert!(table.contains("ddb.od.wru.old") && table.contains("1.4269"), "{table}");
    let json: serde_json::Value = serde_json::from_str(&end(&["--prices", "--format", "json"])).unwrap();
    assert!(json["prices"].as_array().unwrap().len() > 100);
    let csv = end(&["--prices", "--region", "us-east-1", "--format", "csv"]);
    std::fs::write(folder.path().join("mine.csv"), csv.replace("0.015|V", "0.010")).unwrap();
    let mine = end(&["--prices", "mine.csv", "--region", "us-east-1"]);
    let shards = mine.lines().find(|line| line.starts_with("kds.prov.shard_h")).unwrap();
    assert!(shards.contains("0.010") && shards.contains("own"), "{shards}");
}

#[test]
fn every_verb_has_help_and_a_manual_page() {
    let folder = folder();
    call(folder.path(), &["man", "--dir", "pages"]).code(0);
    let main = call(folder.path(), &["man"]).code(0).stdout;
    assert!(main.contains(".TH streamgauge 1"), "{main}");
    let verbs = [
        "init",
        "check",
        "run",
        "compare",
        "sweep",
        "follow",
        "report",
        "bill",
        "schema",
        "completions",
        "man",
    ];
    for verb in verbs {
        assert!(!call(folder.path(), &[verb, "--help"]).code(0).stdout.is_empty());
        let page =
            std::fs::read_to_string(folder.path().join(format!("pages/streamgauge-{verb}.1"))).unwrap();
        assert!(page.contains(".SH SYNOPSIS"), "{verb}");
        assert!(main.contains(&format!("streamgauge\\-{verb}(1)")), "{verb}");
    }
    assert_eq!(std::fs::read_to_string(folder.path().join("pages/streamgauge.1")).unwrap(), main);
}

#[test]
fn completions_are_scripts() {
    let folder = folder();
    for shell in ["bash", "elvish", "fish", "powershell", "zsh"] {
        let script = call(folder.path(), &["completions", shell]).code(0).stdout;
        assert!(script.contains("replications"), "{shell}");
        std::fs::write(folder.path().join(shell), script).unwrap();
    }
    if let Ok(status) = Command::new("bash").arg("-n").arg(folder.path().join("bash")).status() {
        assert!(status.success());
    }
}

#[test]
fn schemas_are_draft_07() {
    let folder = folder();
    let of = |arguments: &[&str]| -> serde_json::Value {
        serde_json::from_str(&call(folder.path(), arguments).code(0).stdout).unwrap()
    };
    for format in ["scenario", "result", "experiment", "follow"] {
        assert_eq!(of(&["schema", format])["$schema"], "http://json-schema.org/draft-07/schema#", "{format}");
    }
    assert_eq!(of(&["schema"]), of(&["schema", "scenario"]));
}

#[test]
fn a_reader_that_has_gone_is_no_failure() {
    let folder = folder_with_orders();
    for arguments in [&["check", "orders.yaml"][..], &["completions", "bash"], &["man"], &["schema"]] {
        let (reader, writer) = std::io::pipe().unwrap();
        drop(reader);
        let mut call = Call::new(folder.path(), arguments);
        call.command.stdout(writer).stderr(Stdio::piped());
        let ended = call.end().code(0);
        assert_eq!(ended.stderr, "", "{arguments:?}");
    }
}

#[cfg(target_os = "linux")]
#[test]
fn a_full_disk_is_a_failure() {
    let folder = folder();
    let full = std::fs::OpenOptions::new().write(true).open("/dev/full").unwrap();
    let mut call = Call::new(folder.path(), &["schema"]);
    call.command.stdout(full);
    call.end().code(1).error("cannot write to standard output");
}

/// Before anything is simulated: nobody waits an hour for that. Nobody can write into the first folder, whatever their rights.
#[cfg(target_os = "linux")]
#[test]
fn a_folder_that_cannot_be_written_is_found_out_at_once() {
    let folder = folder_with_orders();
    for verb in ["run", "compare"] {
        let ended = call(folder.path(), &[verb, "orders.yaml", "--out", "/proc", "--set", "duration=60d"]);
        ended.code(1).error("cannot write `/proc/");
    }
}

#[cfg(unix)]
#[test]
fn an_interrupted_run_is_unfinished() {
    let folder = folder_with_orders();
    let reports = folder.path().join("reports/orders");
    std::fs::create_dir_all(&reports).unwrap();
    for older in ["result.json", "summary.md"] {
        std::fs::write(reports.join(older), "of an older run").unwrap();
    }
    let mut call = Call::new(folder.path(), &["run", "orders.yaml", "--set", "duration=60d"]);
    let mut child = call.command.stdout(Stdio::piped()).stderr(Stdio::piped()).spawn().unwrap();
    // The program listens for signals before it touches the folder.
    while reports.join("summary.md").exists() {
        assert_eq!(child.try_wait().unwrap(), None, "ended by itself");
        std::thread::sleep(std::time::Duration::from_millis(5));
    }
    let signalled = Command::new("kill").args(["-INT", &child.id().to_string()]).status().unwrap();
    assert!(signalled.success());
    let output = child.wait_with_output().unwrap();
    assert_eq!(output.status.code(), Some(130));
    let stderr = String::from_utf8(output.stderr).unwrap();
    assert!(stderr.contains("interrupted") && stderr.contains("it holds no result.json"), "{stderr}");
    assert!(output.stdout.is_empty());
    // The older report is whole, in a folder of its own, and the message says where.
    assert!(stderr.contains("the report before it is in `reports/orders/previous`"), "{stderr}");
    let names = |folder: &std::path::Path| {
        let entries = std::fs::read_dir(folder).unwrap();
        let mut names: Vec<_> =
            entries.map(|entry| entry.unwrap().file_name().into_string().unwrap()).collect();
        names.sort();
        names
    };
    assert_eq!(names(&reports), ["previous"]);
    assert_eq!(names(&reports.join("previous")), ["result.json", "summary.md"]);
}
