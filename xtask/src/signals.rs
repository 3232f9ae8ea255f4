//! Ctrl-C and SIGTERM: end the children in order, then ourselves.

use crate::failure::{Failure, Outcome};
use controlplane::pause;
use signal_hook::consts::{SIGHUP, SIGINT, SIGTERM};
use std::sync::Arc;
use std::sync::OnceLock;
use std::sync::atomic::{AtomicBool, Ordering};
use std::time::Duration;

static FLAG: OnceLock<Arc<AtomicBool>> = OnceLock::new();

/// From now on signals are only noted. A second one changes nothing: a terminal and a wrapper such as `timeout` may
/// both deliver the same Ctrl-C, and ending takes seconds at most.
pub(crate) fn catch() -> Outcome {
    let flag = FLAG.get_or_init(Arc::default);
    for signal in [SIGINT, SIGTERM, SIGHUP] {
        signal_hook::flag::register(signal, Arc::clone(flag)).map_err(Failure::of("catch signals"))?;
    }
    Ok(())
}

/// Whether a signal has come.
pub(crate) fn came() -> bool {
    FLAG.get().is_some_and(|flag| flag.load(Ordering::Relaxed))
}

/// Fails when a signal has come.
pub(crate) fn check() -> Outcome {
    if came() {
        Err(Failure::interrupted())
    } else {
        Ok(())
    }
}

/// Stays until a signal comes; `look` runs in between and may end the wait with its failure.
pub(crate) fn stay(mut look: impl FnMut() -> Outcome) -> Outcome {
    while !came() {
        look()?;
        pause(Duration::from_millis(200));
    }
    Ok(())
}
