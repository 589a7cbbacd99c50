//! Files that are broken, or are none: the scenario itself, and the traces and profiles that it names.

use super::BASE;
use super::refusals::{Marked, Refusals, read, with};
use flate2::{Compression, write::GzEncoder};
use std::io::Write;
use streamgauge::scenario::{LoadOptions, load};

const PROFILE: &str = "{ profile: { file: §input.csv, value: per_second, missing: zero } }";
const TRACE: &str = "{ trace: { file: §input.csv } }";

/// The sound scenario with other arrivals; a trace brings the rest.
fn arriving(arrivals: &str) -> Marked {
    let text = with("{ poisson: { rate: 100/s } }", arrivals);
    let own = ["    keys:", "    item:", "    operations:"];
    let kept = |line: &&str| !arrivals.contains("trace") || own.iter().all(|key| !line.starts_with(key));
    Marked::new(&text.lines().filter(kept).map(|line| format!("{line}\n")).collect::<String>())
}

fn packed(text: &str) -> Vec<u8> {
    let mut encoder = GzEncoder::new(Vec::new(), Compression::default());
    encoder.write_all(text.as_bytes()).expect("memory takes it");
    encoder.finish().expect("memory takes it")
}

#[test]
fn broken_input_files() {
    let rates = "timestamp,value\n2026-01-05 00:00:00,600\n2026-01-05 00:01:00,1200\n";
    let writes = "timestamp_ms,key,op,bytes_before,bytes_after\n0,a,INSERT,0,100\n";
    let rows = |row: &str| format!("{rates}{row}\n").into_bytes();
    let traced = |row: &str| format!("{writes}{row}\n").into_bytes();
    let mut latin = rates.as_bytes().to_vec();
    latin.extend(b"caf\xe9,1\n");
    let packed = packed(&format!("{rates}{}", "2026-01-05 00:02:00,5\n".repeat(50)));
    let cases: [(&str, Vec<u8>, &str); 26] = [
        (PROFILE, Vec::new(), "input.csv: the file is empty"),
        (PROFILE, b"timestamp,value\n".to_vec(), "input.csv: the file has no rows"),
        (PROFILE, b"time,value\n1,2\n".to_vec(), "input.csv:1: no column `timestamp`"),
        (PROFILE, rows("2026-01-05 00:02:00,NaN"), "input.csv:4: the value `NaN` must be a number"),
        (PROFILE, rows("2026-01-05 00:02:00,inf"), "input.csv:4: the value `inf`"),
        (PROFILE, rows("2026-01-05 00:02:00,-1"), "input.csv:4: the value `-1`"),
        (PROFILE, rows("2026-01-05 00:02:00,many"), "input.csv:4: the value `many`"),
        (PROFILE, rows("2026-01-05 00:02:00,"), "input.csv:4: the value ``"),
        (PROFILE, rows("2026-01-05 00:02:00,1e300"), "a rate must lie between"),
        (PROFILE, rows("2026-01-04 00:02:00,1"), "input.csv:4: time goes back from line 3"),
        (PROFILE, rows("yesterday,1"), "input.csv:4: `yesterday` is no timestamp"),
        (PROFILE, rows("2026-01-05 00:02:00,1,2"), "input.csv:4: 3 fields where the header has 2"),
        (PROFILE, b"timestamp,value\n2026-01-05 00:00:00,6\n".to_vec(), "set `period`"),
        (PROFILE, latin, "input.csv:4: the text is not UTF-8"),
        (PROFILE, packed[..packed.len() - 12].to_vec(), "cannot read the file"),
        (PROFILE, b"\x1f\x8bnot gzip after all".to_vec(), "cannot read the file"),
        (TRACE, Vec::new(), "input.csv: the file is empty"),
        (TRACE, writes.as_bytes()[..45].to_vec(), "input.csv: the file has no rows"),
        (TRACE, b"timestamp_ms,key,op\n0,a,INSERT\n".to_vec(), "input.csv:1: no column `bytes_before`"),
        (TRACE, traced("1,a,UPSERT,0,9"), "input.csv:3: `op` must be INSERT, MODIFY or REMOVE"),
        (TRACE, traced("-1,a,MODIFY,9,9"), "input.csv:3: `timestamp_ms` must be a whole number"),
        (TRACE, traced("NaN,a,MODIFY,9,9"), "input.csv:3: `timestamp_ms` must be a whole number"),
        (TRACE, traced("1,a,MODIFY,0,9"), "input.csv:3: a MODIFY has a size before and after"),
        (TRACE, traced("1,a,MODIFY,9,lots"), "input.csv:3: `bytes_after` must be a whole number"),
        (TRACE, traced("1,a,MODIFY,9"), "input.csv:3: 4 fields where the header has 5"),
        (
            TRACE,
            [traced("9,a,MODIFY,9,9"), b"3,a,MODIFY,9,9\n".to_vec()].concat(),
            "input.csv:4: time goes back",
        ),
    ];
    let folder = tempfile::tempdir().unwrap();
    let mut refusals = Refusals::default();
    for (arrivals, bytes, part) in &cases {
        std::fs::write(folder.path().join("input.csv"), bytes).unwrap();
        let marked = arriving(arrivals);
        let case = format!("{arrivals} {}", String::from_utf8_lossy(bytes));
        refusals.note(&case, read(&marked.text, folder.path(), &[]), &marked.lines, &[part]);
    }
    refusals.end();
    // A value that nobody can read is not shown whole.
    std::fs::write(
        folder.path().join("input.csv"),
        rows(&format!("2026-01-05 00:02:00,{}", "9".repeat(1_000_000))),
    )
    .expect("the disk takes it");
    let errors = read(&arriving(PROFILE).text, folder.path(), &[]).unwrap_err().to_string();
    assert!(errors.contains("input.csv:4") && errors.len() < 2_000, "{errors}");
}

#[test]
fn input_files_used_wrongly() {
    let folder = tempfile::tempdir().unwrap();
    std::fs::create_dir(folder.path().join("data")).unwrap();
    let rates = "timestamp,value\n2026-01-05 00:00:00,600\n2026-01-05 00:01:00,1200\n";
    std::fs::write(folder.path().join("r.csv"), rates).unwrap();
    std::fs::write(
        folder.path().join("t.csv"),
        "timestamp_ms,key,op,bytes_before,bytes_after\n0,a,INSERT,0,9\n",
    )
    .unwrap();
    let profile = |more: &str| {
        format!("{{ profile: {{ file: r.csv, value: per_second, missing: zero,\n      {more} }} }}")
    };
    let cases = [
        (
            "{ profile: { file: §no.csv, value: per_second, missing: zero } }".to_owned(),
            "`no.csv`: there is no such file",
        ),
        ("{ trace: { file: §data } }".to_owned(), "cannot read `data`"),
        ("{ trace: { file: §'' } }".to_owned(), "cannot read ``"),
        ("{ §trace: {} }".to_owned(), "the key `file` is missing"),
        ("{ §profile: { file: r.csv, value: per_second } }".to_owned(), "the key `missing` is missing"),
        (
            "{ profile: { file: r.csv, value: §per_minute, missing: zero } }".to_owned(),
            "unknown value `per_minute`",
        ),
        (profile("scale: §-1"), "expected a number that is not negative; found `-1`"),
        (profile("speed: §0"), "expected a number above 0; found `0`"),
        (profile("speed: §.inf"), "expected a number; found `.inf`"),
        (profile("period: §0s"), "expected more than nothing"),
        (profile("scale: 2, peak: §5/s"), "`scale` and `peak` exclude each other"),
        (
            profile("to: 2027-01-05T00:00:00Z").replace("r.csv", "§r.csv"),
            "outside the time that the rows cover",
        ),
        ("{ trace: { file: t.csv,\n      speed: §-1 } }".to_owned(), "expected a number above 0; found `-1`"),
        ("{ trace: { file: t.csv,\n      repeat: §0 } }".to_owned(), "expected at least 1; found `0`"),
        ("{ trace: { file: §t.csv, repeat: 4_000_000_000 } }".to_owned(), "played 4000000000 times"),
    ];
    let mut refusals = Refusals::default();
    for (arrivals, part) in &cases {
        let marked = arriving(arrivals);
        refusals.note(arrivals, read(&marked.text, folder.path(), &[]), &marked.lines, &[part]);
    }
    refusals.end();
}

#[test]
fn scenario_files_that_cannot_be_read() {
    let folder = tempfile::tempdir().unwrap();
    let latin = [&b"name: caf\xe9\n"[..], BASE.as_bytes()].concat();
    let wide: Vec<u8> = BASE.encode_utf16().flat_map(u16::to_le_bytes).collect();
    let marked_wide = [&b"\xff\xfe"[..], &wide].concat();
    let cases: [(&str, Option<Vec<u8>>, &str); 6] = [
        ("absent.yaml", None, "there is no such file"),
        ("latin.yaml", Some(latin), "it is not UTF-8 text (byte offset 9, line 1)"),
        ("wide.yaml", Some(marked_wide), "it is not UTF-8 text (byte offset 0, line 1)"),
        ("unmarked.yaml", Some(wide), "unexpected character: `\\u{0}'"),
        ("packed.yaml", Some(packed(BASE)), "it is not UTF-8 text"),
        ("large.yaml", Some(vec![b'#'; (4 << 20) + 1]), "it is larger than 4 MiB"),
    ];
    std::fs::create_dir(folder.path().join("folder.yaml")).unwrap();
    let cases = cases.into_iter().chain([("folder.yaml", None, "it is a folder; name the file in it")]);
    for (name, bytes, part) in cases {
        let path = folder.path().join(name);
        if let Some(bytes) = bytes {
            std::fs::write(&path, bytes).unwrap();
        }
        let errors = load(&path, &LoadOptions::default()).map(drop).unwrap_err();
        let shown = errors.to_string();
        assert!(shown.contains(part) && shown.contains(name), "{name}: {shown}");
        assert_eq!(errors.errors().len(), 1, "{shown}");
    }
}
