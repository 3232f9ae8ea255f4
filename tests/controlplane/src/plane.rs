//! One etcd and one kube-apiserver, started and stopped together.

use crate::kubectl::Kubectl;
use crate::user::{Tokens, kubeconfig};
use crate::{Binaries, Error, Process, User, free_port};
use std::fs;
use std::net::{Ipv4Addr, SocketAddr, TcpStream};
use std::path::{Path, PathBuf};
use std::process::Command;
use std::time::Duration;

/// Both are up in 3 to 4 s on an idle machine; a busy CI runner may take ten times that.
const READY_WITHIN: Duration = Duration::from_secs(90);

/// How often a start is repeated when somebody took one of its ports between our look and its bind.
const ATTEMPTS: u32 = 3;

/// Every request of everybody but the server itself, without bodies: enough to compare the verbs a
/// user used with the verbs granted, and to count writes by user.
const AUDIT_POLICY: &str = r#"{
  "apiVersion": "audit.k8s.io/v1",
  "kind": "Policy",
  "omitStages": ["RequestReceived"],
  "rules": [
    {"level": "None", "users": ["system:apiserver"]},
    {"level": "None", "nonResourceURLs": ["/readyz*", "/livez*", "/healthz*"]},
    {"level": "Metadata"}
  ]
}
"#;

/// A running control plane; dropping it ends both processes. Its folder is left to the caller.
#[derive(Debug)]
pub struct ControlPlane {
    dir: PathBuf,
    url: String,
    tokens: Tokens,
    kubectl: PathBuf,
    // Fields drop in this order: the server before the store it talks to.
    server: Process,
    etcd: Process,
}

impl ControlPlane {
    /// Starts a control plane whose files all lie in `dir`, and waits until it is ready. Any number may run
    /// side by side, each in a folder of its own.
    ///
    /// # Errors
    /// When a process cannot be started, ends, or is not ready in time; the error shows its log.
    pub fn start(binaries: &Binaries, dir: &Path) -> Result<Self, Error> {
        fs::create_dir_all(dir).map_err(Error::io(format!("make {}", dir.display())))?;
        let mut attempt = 1;
        loop {
            match Self::try_start(binaries, dir) {
                Err(Error::Ended { tail, .. }) if attempt < ATTEMPTS && is_port_taken(&tail) => attempt += 1,
                result => return result,
            }
        }
    }

    fn try_start(binaries: &Binaries, dir: &Path) -> Result<Self, Error> {
        let tokens = Tokens::draw()?;
        let (etcd, etcd_url) = start_etcd(&binaries.etcd, dir)?;
        let port = port()?;
        let url = format!("https://127.0.0.1:{port}");
        write(&dir.join("tokens.csv"), &tokens.file())?;
        write(&dir.join("audit-policy.json"), AUDIT_POLICY)?;
        let mut command = server_command(&binaries.kube_apiserver, dir, &etcd_url, port);
        let server = Process::spawn("kube-apiserver", &mut command, &dir.join("kube-apiserver.log"))?;
        let mut plane = Self {
            dir: dir.to_owned(),
            url,
            tokens,
            kubectl: binaries.kubectl.clone(),
            server,
            etcd,
        };
        for user in User::ALL {
            let config = kubeconfig(user, &plane.url, &plane.token(user));
            write(&plane.kubeconfig(user), &format!("{config:#}\n"))?;
        }
        plane.wait_until_ready(port)?;
        Ok(plane)
    }

    fn wait_until_ready(&mut self, port: u16) -> Result<(), Error> {
        let address = SocketAddr::from((Ipv4Addr::LOCALHOST, port));
        let kubectl = self.as_user(User::Admin);
        self.server.wait_until_ready(READY_WITHIN, || {
            // Cheap first: each kubectl costs a tenth of a second of processor time.
            TcpStream::connect(address).map_err(|error| format!("no answer on {address}: {error}"))?;
            kubectl
                .run(&["get", "--raw", "/readyz"], None)
                .map(drop)
                .map_err(|error| error.to_string())
        })
    }

    /// `https://127.0.0.1:PORT`. The certificate is the server's own.
    #[must_use]
    pub fn url(&self) -> &str {
        &self.url
    }

    /// The bearer token of `user`.
    #[must_use]
    pub fn token(&self, user: User) -> String {
        self.tokens.of(user)
    }

    /// A kubeconfig file for `user`.
    #[must_use]
    pub fn kubeconfig(&self, user: User) -> PathBuf {
        self.dir.join(format!("kubeconfig-{user}.json"))
    }

    /// The audit log: one JSON object a line, for each request of everybody but the server itself.
    #[must_use]
    pub fn audit_log(&self) -> PathBuf {
        self.dir.join("audit.log")
    }

    /// Runs kubectl as `user` and gives its standard output.
    ///
    /// # Errors
    /// [`Error::Kubectl`] with what it printed when it ends with an error.
    pub fn kubectl(&self, user: User, args: &[&str], stdin: Option<&str>) -> Result<String, Error> {
        self.as_user(user).run(args, stdin)
    }

    /// The process ids, for tests of what is left running.
    #[must_use]
    pub fn process_ids(&self) -> [u32; 2] {
        [self.etcd.id(), self.server.id()]
    }

    /// Fails, with the end of its log, when one of the two has ended.
    ///
    /// # Errors
    /// [`Error::Ended`].
    pub fn expect_alive(&mut self) -> Result<(), Error> {
        self.etcd.expect_alive()?;
        self.server.expect_alive()
    }

    fn as_user(&self, user: User) -> Kubectl {
        Kubectl {
            binary: self.kubectl.clone(),
            kubeconfig: self.kubeconfig(user),
            cache: self.dir.join("kubectl-cache"),
        }
    }
}

fn start_etcd(binary: &Path, dir: &Path) -> Result<(Process, String), Error> {
    let client = format!("http://127.0.0.1:{}", port()?);
    let peer = format!("http://127.0.0.1:{}", port()?);
    // A repeated start begins with an empty store, like the first.
    let data = dir.join("etcd");
    let _ = fs::remove_dir_all(&data);
    let mut command = Command::new(binary);
    command
        .arg("--data-dir")
        .arg(&data)
        .args(["--listen-client-urls", &client, "--advertise-client-urls", &client])
        .args(["--listen-peer-urls", &peer, "--initial-advertise-peer-urls", &peer])
        .args(["--initial-cluster", &format!("default={peer}")])
        // Nothing here has to survive a power cut.
        .arg("--unsafe-no-fsync")
        .args(["--log-level", "warn"]);
    let process = Process::spawn("etcd", &mut command, &dir.join("etcd.log"))?;
    Ok((process, client))
}

fn server_command(binary: &Path, dir: &Path, etcd_url: &str, port: u16) -> Command {
    let certificates = dir.join("certificates");
    // The server makes this key at its first start, before it looks for the keys of service accounts; nothing
    // here verifies such a token from outside, so one key does for both.
    let key = certificates.join("apiserver.key");
    let mut command = Command::new(binary);
    command
        .args(["--etcd-servers", etcd_url])
        .args(["--bind-address", "127.0.0.1", "--secure-port", &port.to_string()])
        .arg("--cert-dir")
        .arg(&certificates)
        .args(["--service-cluster-ip-range", "10.0.0.0/24"])
        // Without it the server refuses a loopback address as that of the service `kubernetes`.
        .args(["--endpoint-reconciler-type", "none"])
        .args(["--authorization-mode", "RBAC"])
        .arg("--token-auth-file")
        .arg(dir.join("tokens.csv"))
        // It would wait for a controller-manager to make each namespace's default account.
        .args(["--disable-admission-plugins", "ServiceAccount"])
        .args(["--service-account-issuer", "https://kubernetes.default.svc"])
        .arg("--service-account-key-file")
        .arg(&key)
        .arg("--service-account-signing-key-file")
        .arg(&key)
        .arg("--audit-policy-file")
        .arg(dir.join("audit-policy.json"))
        .arg("--audit-log-path")
        .arg(dir.join("audit.log"));
    command
}

fn is_port_taken(log: &str) -> bool {
    log.contains("address already in use")
}

fn port() -> Result<u16, Error> {
    free_port().ok_or_else(|| Error::Io {
        attempt: "find a free port on 127.0.0.1".to_owned(),
        source: std::io::ErrorKind::AddrNotAvailable.into(),
    })
}

fn write(path: &Path, text: &str) -> Result<(), Error> {
    fs::write(path, text).map_err(Error::io(format!("write {}", path.display())))
}
