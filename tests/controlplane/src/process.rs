//! A child process that never outlives us.

use crate::{Error, Patience, pause};
use std::fs::File;
use std::io::{Read, Seek, SeekFrom};
use std::os::unix::process::CommandExt;
use std::path::{Path, PathBuf};
use std::process::{Child, Command, ExitStatus, Stdio};
use std::time::Duration;

/// How long a process may take to end after SIGTERM before it is killed.
const GRACE: Duration = Duration::from_secs(10);

/// A running child with its log file; killed when dropped.
///
/// It also ends when this process ends without dropping anything (SIGKILL, a Ctrl-C nobody
/// handles): a shell beside it waits on a pipe that only we hold, and kills it when the pipe closes.
/// The child has a process group of its own, so that Ctrl-C on the terminal reaches us alone and we end
/// our children in order.
#[derive(Debug)]
pub struct Process {
    name: String,
    log: PathBuf,
    child: Child,
    guard: Option<Child>,
}

impl Process {
    /// Starts `command`, its standard output and error going to the end of `log`.
    ///
    /// # Errors
    /// When the log cannot be opened or the process cannot be started.
    pub fn spawn(name: &str, command: &mut Command, log: &Path) -> Result<Self, Error> {
        let attempt = format!("open {}", log.display());
        let out = File::options()
            .create(true)
            .append(true)
            .open(log)
            .map_err(Error::io(&attempt))?;
        let err = out.try_clone().map_err(Error::io(&attempt))?;
        let child = command
            .stdin(Stdio::null())
            .stdout(out)
            .stderr(err)
            .process_group(0)
            .spawn()
            .map_err(Error::io(format!("start {name}")))?;
        let mut process = Self {
            name: name.to_owned(),
            log: log.to_owned(),
            child,
            guard: None,
        };
        process.guard = Some(process.watch()?);
        Ok(process)
    }

    /// The process id.
    #[must_use]
    pub fn id(&self) -> u32 {
        self.child.id()
    }

    /// Where it logs.
    #[must_use]
    pub fn log(&self) -> &Path {
        &self.log
    }

    /// Fails, with the end of its log, when the process has ended.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub fn expect_alive(&mut self) -> Result<(), Error> {
        match self.try_wait() {
            None => Ok(()),
            Some(status) => Err(Error::Ended {
                name: self.name.clone(),
                status: status.to_string(),
                log: self.log.clone(),
                tail: tail(&self.log, 20),
            }),
        }
    }

    /// Its exit status, once it has ended.
    pub fn try_wait(&mut self) -> Option<ExitStatus> {
        let status = self.child.try_wait().ok().flatten()?;
        // From now on the process id may belong to somebody else.
        self.dismiss_guard();
        Some(status)
    }

    /// Asks `ready` until it says yes; its `Err` is what the process answered last.
    ///
    /// # Errors
    /// [`Error::Ended`] when the process ends, [`Error::NotReady`] when `limit` passes.
    pub fn wait_until_ready(
        &mut self,
        limit: Duration,
        mut ready: impl FnMut() -> Result<(), String>,
    ) -> Result<(), Error> {
        let patience = Patience::new(limit);
        loop {
            self.expect_alive()?;
            let Err(last) = ready() else { return Ok(()) };
            if patience.is_over() {
                return Err(Error::NotReady {
                    name: self.name.clone(),
                    seconds: patience.limit_seconds(),
                    last,
                    log: self.log.clone(),
                    tail: tail(&self.log, 20),
                });
            }
            pause(Duration::from_millis(50));
        }
    }

    /// Ends the process at once (SIGKILL) and waits for it.
    pub fn kill(&mut self) {
        // The guard first: after the wait the process id may belong to somebody else.
        self.dismiss_guard();
        // Both fail only when the process is gone already, which is what was asked for.
        let _ = self.child.kill();
        let _ = self.child.wait();
    }

    /// Asks the process to end (SIGTERM) and waits; kills it when it has not after ten seconds.
    /// Gives the status it ended with.
    pub fn terminate(&mut self) -> Option<ExitStatus> {
        self.dismiss_guard();
        if self.child.try_wait().ok().flatten().is_none() {
            // The shell's own `kill`: the standard library sends no signal but SIGKILL.
            let _ = Command::new("sh")
                .args(["-c", "kill -TERM \"$0\"", &self.id().to_string()])
                .status();
        }
        let patience = Patience::new(GRACE);
        while !patience.is_over() {
            if let Ok(Some(status)) = self.child.try_wait() {
                return Some(status);
            }
            pause(Duration::from_millis(20));
        }
        let _ = self.child.kill();
        self.child.wait().ok()
    }

    fn watch(&self) -> Result<Child, Error> {
        Command::new("sh")
            .args([
                "-c",
                "read -r _; kill -KILL \"$0\" 2>/dev/null",
                &self.id().to_string(),
            ])
            .stdin(Stdio::piped())
            .stdout(Stdio::null())
            .stderr(Stdio::null())
            .process_group(0)
            .spawn()
            .map_err(Error::io(format!("start the guard of {}", self.name)))
    }

    fn dismiss_guard(&mut self) {
        if let Some(mut guard) = self.guard.take() {
            let _ = guard.kill();
            let _ = guard.wait();
        }
    }
}

impl Drop for Process {
    fn drop(&mut self) {
        self.kill();
    }
}

/// The last `lines` lines of a log; a sentence when it cannot be read.
#[must_use]
pub fn tail(log: &Path, lines: usize) -> String {
    /// More than twenty lines of any of our processes; a log itself may be large.
    const WINDOW: u64 = 64 * 1024;
    let read = || -> std::io::Result<String> {
        let mut file = File::open(log)?;
        let length = file.metadata()?.len();
        file.seek(SeekFrom::Start(length.saturating_sub(WINDOW)))?;
        let mut bytes = Vec::new();
        file.read_to_end(&mut bytes)?;
        Ok(String::from_utf8_lossy(&bytes).into_owned())
    };
    match read() {
        Ok(text) => {
            let all: Vec<&str> = text.lines().collect();
            all.iter()
                .skip(all.len().saturating_sub(lines))
                .copied()
                .collect::<Vec<_>>()
                .join("\n")
        }
        Err(error) => format!("(the log cannot be read: {error})"),
    }
}
