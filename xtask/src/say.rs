//! Everything xtask prints goes through here: plain text that reads the same on a terminal and in a log.

use controlplane::Patience;
use std::io::Write;
use std::sync::OnceLock;
use std::time::Duration;

static START: OnceLock<Patience> = OnceLock::new();

/// One line that begins with the seconds since xtask started.
pub(crate) fn step(text: impl AsRef<str>) {
    line(format!(
        "{:>7.1} s  {}",
        since_start().as_secs_f64(),
        text.as_ref()
    ));
}

/// The start of a part of the story.
pub(crate) fn heading(text: impl AsRef<str>) {
    line(format!("\n── {} ──", text.as_ref()));
}

/// A block such as a table, set in under the steps.
pub(crate) fn block(text: impl AsRef<str>) {
    for row in text.as_ref().lines() {
        line(if row.is_empty() {
            String::new()
        } else {
            format!("           {row}")
        });
    }
}

/// One line as it is.
pub(crate) fn line(text: impl AsRef<str>) {
    // A closed pipe (`cargo xtask demo | head`) is no reason to leave processes behind.
    let _ = writeln!(std::io::stdout(), "{}", text.as_ref());
}

/// Sets the zero of the seconds that `step` prints.
pub(crate) fn start() {
    since_start();
}

fn since_start() -> Duration {
    START.get_or_init(|| Patience::new(Duration::MAX)).elapsed()
}

/// `4.2 s`, `3 min 20 s`.
pub(crate) fn duration(duration: Duration) -> String {
    match duration.as_secs() {
        0..60 => format!("{:.1} s", duration.as_secs_f64()),
        seconds => format!("{} min {} s", seconds / 60, seconds % 60),
    }
}
