//! The files that a scenario names: read once for all its variants.

use std::collections::BTreeMap;
use std::path::{Path, PathBuf};
use std::sync::Arc;

use super::canonical::sha256;
use super::source::Source;
use crate::workload::profile::{Profile, ProfileOptions};
use crate::workload::trace::{Trace, TraceOptions};

/// The largest file that is read: what fits easily beside a run.
const FILE_BYTES_MAX: u64 = 1 << 30;

/// Files by the names that the scenario gives them.
#[derive(Debug)]
pub(super) struct Inputs {
    folder: PathBuf,
    files: BTreeMap<String, (Arc<[u8]>, String)>,
    traces: BTreeMap<(String, u64, u32), Arc<Trace>>,
    /// Files that the command line names, which are not in the folder.
    elsewhere: BTreeMap<String, PathBuf>,
}

impl Inputs {
    /// Files relative to this folder.
    pub fn new(folder: &Path) -> Self {
        let folder = folder.to_owned();
        Self { folder, files: BTreeMap::new(), traces: BTreeMap::new(), elsewhere: BTreeMap::new() }
    }

    /// From here on, this name stands for a file outside of the folder.
    pub fn find_elsewhere(&mut self, name: &str, path: &Path) {
        self.elsewhere.insert(name.to_owned(), path.to_owned());
    }

    /// A text.
    pub fn source(&mut self, name: &str) -> Result<Arc<Source>, String> {
        let bytes = self.bytes(name)?;
        let text =
            std::str::from_utf8(&bytes).map_err(|error| format!("{name}: it is not UTF-8 text: {error}"))?;
        Ok(Source::new(name, text))
    }

    /// A trace.
    pub fn trace(&mut self, name: &str, options: &TraceOptions) -> Result<Arc<Trace>, String> {
        let key = (name.to_owned(), options.speed.to_bits(), options.repeat);
        if let Some(trace) = self.traces.get(&key) {
            return Ok(Arc::clone(trace));
        }
        let bytes = self.bytes(name)?;
        let trace = Trace::read(&*bytes, options).map_err(|message| placed(name, &message))?;
        Ok(Arc::clone(self.traces.entry(key).or_insert(Arc::new(trace))))
    }

    /// A profile.
    pub fn profile(&mut self, name: &str, options: &ProfileOptions) -> Result<Profile, String> {
        let bytes = self.bytes(name)?;
        Profile::read(&*bytes, options).map_err(|message| placed(name, &message))
    }

    /// SHA-256 of a file that was read, as hex digits.
    pub fn digest(&self, name: &str) -> Option<&str> {
        self.files.get(name).map(|(_, digest)| digest.as_str())
    }

    fn bytes(&mut self, name: &str) -> Result<Arc<[u8]>, String> {
        if let Some((bytes, _)) = self.files.get(name) {
            return Ok(Arc::clone(bytes));
        }
        let cannot = |why: &dyn std::fmt::Display| format!("cannot read `{name}`: {why}");
        let path = self.elsewhere.get(name).cloned().unwrap_or_else(|| self.folder.join(name));
        let size = match std::fs::metadata(&path) {
            Err(error) if error.kind() == std::io::ErrorKind::NotFound => {
                return Err(cannot(&"there is no such file (paths are relative to the scenario's folder)"));
            }
            Err(error) => return Err(cannot(&error)),
            Ok(metadata) if !metadata.is_file() => return Err(cannot(&"it is no file")),
            Ok(metadata) => metadata.len(),
        };
        if size > FILE_BYTES_MAX {
            return Err(cannot(&"it is larger than 1 GiB"));
        }
        let bytes: Arc<[u8]> = std::fs::read(&path).map_err(|error| cannot(&error))?.into();
        self.files.insert(name.to_owned(), (Arc::clone(&bytes), sha256(&bytes)));
        Ok(bytes)
    }
}

/// `line 3: no time` becomes `rates.csv:3: no time`.
fn placed(name: &str, message: &str) -> String {
    let line = message.strip_prefix("line ").and_then(|rest| rest.split_once(": "));
    match line {
        Some((line, rest)) if line.bytes().all(|byte| byte.is_ascii_digit()) => {
            format!("{name}:{line}: {rest}")
        }
        _ => format!("{name}: {message}"),
    }
}
