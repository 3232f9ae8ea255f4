//! What can go wrong before and while a control plane runs.

use std::path::PathBuf;

/// Why a control plane could not be built, started or asked.
#[derive(Debug, thiserror::Error)]
pub enum Error {
    /// A file or process operation failed.
    #[error("could not {attempt}")]
    Io {
        /// What was attempted.
        attempt: String,
        /// What the system answered.
        source: std::io::Error,
    },
    /// There is no home for the cache.
    #[error("there is no place for the cache: set YAGURA_CACHE, XDG_CACHE_HOME or HOME")]
    NoCacheDir,
    /// `KUBEBUILDER_ASSETS` is set but does not hold what it promises.
    #[error("KUBEBUILDER_ASSETS names {dir}, which has no {binary}; unset it to have it built")]
    AssetsIncomplete {
        /// The folder that was named.
        dir: PathBuf,
        /// The missing binary.
        binary: &'static str,
    },
    /// Binaries have to be built and Go is missing or too old.
    #[error(
        "{missing} must be built and that needs Go {needed} or newer, but {found}; \
         get it from https://go.dev/dl/, or {instead}"
    )]
    Go {
        /// The binaries that nobody has yet.
        missing: String,
        /// The oldest Go that will do.
        needed: String,
        /// What there is instead.
        found: String,
        /// What else mends it.
        instead: &'static str,
    },
    /// `go build` ended with an error.
    #[error("go could not build {binary}:\n{output}")]
    Build {
        /// The binary being built.
        binary: &'static str,
        /// The end of what go printed.
        output: String,
    },
    /// A process ended that should have stayed.
    #[error("{name} ended by itself ({status}); the end of {log}:\n{tail}")]
    Ended {
        /// The process.
        name: String,
        /// Its exit status.
        status: String,
        /// Where it logs.
        log: PathBuf,
        /// The last lines of that log.
        tail: String,
    },
    /// A process is alive but does not answer.
    #[error("{name} was not ready within {seconds} s: {last}; the end of {log}:\n{tail}")]
    NotReady {
        /// The process.
        name: String,
        /// How long it was given.
        seconds: u64,
        /// What it answered last.
        last: String,
        /// Where it logs.
        log: PathBuf,
        /// The last lines of that log.
        tail: String,
    },
    /// kubectl ended with an error.
    #[error("kubectl {args} failed: {stderr}")]
    Kubectl {
        /// The arguments it was given.
        args: String,
        /// What it printed on standard error.
        stderr: String,
    },
}

impl Error {
    /// Wraps an I/O error with what was attempted: `map_err(Error::io("read the log"))`.
    pub(crate) fn io(attempt: impl Into<String>) -> impl FnOnce(std::io::Error) -> Self {
        let attempt = attempt.into();
        move |source| Self::Io { attempt, source }
    }
}
