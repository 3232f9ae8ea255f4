//! Control planes: one shared by tests that only talk to the API server, one each for tests that run an operator.

use std::sync::{Arc, Mutex, OnceLock, Weak};

use controlplane::{Binaries, ControlPlane, User, ensure_binaries};
use kube::{Client, Config};

/// The binaries, found or built once per test process.
pub(crate) fn binaries() -> &'static Binaries {
    static BINARIES: OnceLock<Binaries> = OnceLock::new();
    BINARIES.get_or_init(|| {
        ensure_binaries(&|line| eprintln!("{line}")).expect("etcd, kube-apiserver and kubectl can be had")
    })
}

/// An API server with our CRDs, rights and admission policies.
pub(crate) struct Plane {
    inner: ControlPlane,
    _dir: tempfile::TempDir,
}

impl Plane {
    /// Starts one and installs `crds/` and `deploy/`.
    pub(crate) fn start() -> Self {
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        let inner = ControlPlane::start(binaries(), dir.path()).expect("the control plane starts");
        let plane = Self { inner, _dir: dir };
        let root = env!("CARGO_MANIFEST_DIR");
        plane.kubectl(&["apply", "--server-side", "-f", &format!("{root}/crds")]);
        plane.kubectl(&[
            "wait",
            "--for=condition=Established",
            "crd",
            "--all",
            "--timeout=60s",
        ]);
        for file in ["namespace", "rbac", "admission", "lease"] {
            plane.kubectl(&[
                "apply",
                "--server-side",
                "-f",
                &format!("{root}/deploy/{file}.yaml"),
            ]);
        }
        plane
    }

    /// Runs kubectl as the administrator; it must succeed.
    pub(crate) fn kubectl(&self, args: &[&str]) -> String {
        self.inner
            .kubectl(User::Admin, args, None)
            .unwrap_or_else(|error| panic!("kubectl {}: {error}", args.join(" ")))
    }

    /// Runs kubectl as one of the users.
    pub(crate) fn kubectl_as(
        &self,
        user: User,
        args: &[&str],
        stdin: Option<&str>,
    ) -> Result<String, String> {
        self.inner
            .kubectl(user, args, stdin)
            .map_err(|error| error.to_string())
    }

    /// The requests of a user that the API server forbade. Nobody may make anything, events included, in a namespace
    /// that is being deleted: that is no missing right.
    pub(crate) fn denied(&self, user: User) -> Vec<String> {
        let is_ending = |entry: &serde_json::Value| {
            let message = entry["responseStatus"]["message"].as_str().unwrap_or_default();
            message.contains("is being terminated")
        };
        self.audited(user)
            .filter(|entry| entry["responseStatus"]["code"] == 403 && !is_ending(entry))
            .map(|entry| format!("{} {}", entry["verb"], entry["requestURI"]))
            .collect()
    }

    /// Every completed request of a user, as the audit log has it.
    pub(crate) fn audited(&self, user: User) -> impl Iterator<Item = serde_json::Value> {
        let log = std::fs::read_to_string(self.inner.audit_log()).unwrap_or_default();
        let entries: Vec<serde_json::Value> = log
            .lines()
            // The last line may be half written.
            .filter_map(|line| serde_json::from_str(line).ok())
            .filter(|entry: &serde_json::Value| entry["user"]["username"] == user.username())
            .collect();
        entries.into_iter()
    }

    /// A client for one of the users.
    pub(crate) fn client(&self, user: User) -> Client {
        let url = self.inner.url().parse().expect("the url is one");
        let mut config = Config::new(url);
        config.accept_invalid_certs = true;
        config.default_retry = false;
        config.auth_info.token = Some(self.inner.token(user).into());
        Client::try_from(config).expect("a client can be made")
    }
}

impl std::ops::Deref for Plane {
    type Target = ControlPlane;

    fn deref(&self) -> &ControlPlane {
        &self.inner
    }
}

/// The shared one: started by the first test that asks, ended with the last one that holds it.
pub(crate) fn shared_plane() -> Arc<Plane> {
    static SHARED: Mutex<Weak<Plane>> = Mutex::new(Weak::new());
    let mut shared = SHARED.lock().unwrap_or_else(std::sync::PoisonError::into_inner);
    if let Some(plane) = shared.upgrade() {
        return plane;
    }
    let plane = Arc::new(Plane::start());
    *shared = Arc::downgrade(&plane);
    plane
}
