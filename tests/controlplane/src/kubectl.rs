//! Asking the control plane the way a person would.

use crate::Error;
use std::io::Write;
use std::path::{Path, PathBuf};
use std::process::{Command, Stdio};

/// kubectl as one user of one control plane.
#[derive(Clone, Debug)]
pub(crate) struct Kubectl {
    pub(crate) binary: PathBuf,
    pub(crate) kubeconfig: PathBuf,
    /// Discovery is cached per run: the ports repeat, the kinds behind them differ.
    pub(crate) cache: PathBuf,
}

impl Kubectl {
    pub(crate) fn command(&self) -> Command {
        let mut command = Command::new(&self.binary);
        command
            .env("KUBECONFIG", &self.kubeconfig)
            .env("KUBECACHEDIR", &self.cache);
        command
    }

    pub(crate) fn run(&self, args: &[&str], stdin: Option<&str>) -> Result<String, Error> {
        let mut command = self.command();
        command.args(args).stdout(Stdio::piped()).stderr(Stdio::piped());
        command.stdin(if stdin.is_some() {
            Stdio::piped()
        } else {
            Stdio::null()
        });
        let mut child = command.spawn().map_err(Error::io(start(&self.binary)))?;
        if let (Some(text), Some(mut pipe)) = (stdin, child.stdin.take()) {
            // A kubectl that ends without reading says why on standard error.
            let _ = pipe.write_all(text.as_bytes());
        }
        let output = child.wait_with_output().map_err(Error::io("wait for kubectl"))?;
        if output.status.success() {
            return Ok(String::from_utf8_lossy(&output.stdout).into_owned());
        }
        Err(Error::Kubectl {
            args: args.join(" "),
            stderr: String::from_utf8_lossy(&output.stderr).trim().to_owned(),
        })
    }
}

fn start(binary: &Path) -> String {
    format!("start {}", binary.display())
}
