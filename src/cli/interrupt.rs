//! Ctrl-C and requests to terminate: the first asks for a clean end, the second ends at once.

use super::exit::{Exit, Failure};
use std::sync::atomic::{AtomicBool, Ordering};

static STOP: AtomicBool = AtomicBool::new(false);

/// Listens for signals. The flag is raised at the first one; whoever works looks at it now and then.
///
/// # Errors
/// The system refuses.
pub fn listen() -> Result<&'static AtomicBool, Failure> {
    let on_signal = || {
        if STOP.swap(true, Ordering::Relaxed) {
            std::process::exit(Exit::Interrupted as i32);
        }
    };
    ctrlc::set_handler(on_signal)
        .map_err(|error| Failure::internal(format_args!("cannot listen for Ctrl-C: {error}")))?;
    Ok(&STOP)
}
