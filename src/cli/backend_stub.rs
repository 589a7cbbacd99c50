//! Stand-ins until the remaining renderers are merged.

pub mod report {
    pub mod folder {
        use std::path::Path;
        use streamgauge::pipeline::finish::Outcome;
        use streamgauge::report::result::RunResult;

        pub fn write(folder: &Path, result: &RunResult, _: &[Outcome], _: bool) -> std::io::Result<()> {
            let text = streamgauge::report::json::render(result).map_err(std::io::Error::other)?;
            write_file(&folder.join("result.json"), text.as_bytes())
        }

        pub fn write_file(file: &Path, bytes: &[u8]) -> std::io::Result<()> {
            std::fs::write(file, bytes)
        }
    }

    pub mod markdown {
        pub fn render(_: &streamgauge::report::result::RunResult) -> String {
            String::new()
        }
    }

    pub mod csv {
        pub fn tables(_: &streamgauge::report::result::RunResult) -> Vec<(&'static str, String)> {
            Vec::new()
        }
    }

    pub mod comparison {
        use streamgauge::report::result::RunResult;

        pub struct Comparison(Vec<(String, RunResult)>);
        impl Comparison {
            pub fn new(results: Vec<(String, RunResult)>) -> Self {
                Self(results)
            }
        }
        pub fn text(comparison: &Comparison) -> String {
            format!("{}", comparison.0.len())
        }
        pub fn markdown(_: &Comparison) -> String {
            String::new()
        }
        pub fn json(_: &Comparison) -> String {
            String::new()
        }
        pub fn schema() -> serde_json::Value {
            serde_json::json!({})
        }
    }
}
