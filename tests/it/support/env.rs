//! A whole installation for one test: control plane, simulated AWS, and operators as processes.

use std::{future::Future, path::PathBuf, process::Command, time::Duration};

use aws_sdk_ec2::config::{BehaviorVersion, Credentials, Region};
use controlplane::{Process, User, free_port, tail};
use kube::{Api, Client};
use tokio::sync::Semaphore;
use yagura::{api::Key, cluster::Kind};

use super::{
    plane::Plane,
    sim::Sim,
    wait::{eventually, within},
};

/// Two control planes are what two cores carry.
static PLANES: Semaphore = Semaphore::const_new(2);

/// How often the operators of tests list what they own.
const PERIOD: &str = "1s";

/// The cluster id of every operator in a test.
pub(crate) const CLUSTER_ID: &str = "test";

/// One installation.
pub(crate) struct Env {
    pub(crate) plane: Plane,
    pub(crate) sim: Sim,
    /// Kubernetes as the administrator.
    pub(crate) client: Client,
    /// AWS as somebody who is not the operator.
    pub(crate) stranger: aws_sdk_ec2::Client,
    operators: Vec<Operator>,
    dir: tempfile::TempDir,
}

struct Operator {
    name: String,
    process: Process,
    url: String,
}

/// Runs a test with an installation of its own, and shows the operators' logs if it fails.
pub(crate) async fn with_operator<F>(test: impl FnOnce(Env) -> F)
where
    F: Future<Output = Env>,
{
    let permit = PLANES.acquire().await.expect("the semaphore is never closed");
    let mut env = Env::start().await;
    env.start_operator("one").await;
    let env = test(env).await;
    env.check_rights();
    drop(env);
    drop(permit);
}

impl Env {
    async fn start() -> Self {
        let plane = tokio::task::spawn_blocking(Plane::start)
            .await
            .expect("the control plane starts");
        let sim = Sim::start().await;
        let client = plane.client(User::Admin);
        let stranger = stranger(&sim.url());
        let dir = tempfile::tempdir().expect("a temporary folder can be made");
        Self {
            plane,
            sim,
            client,
            stranger,
            operators: Vec::new(),
            dir,
        }
    }

    /// Starts an operator under this identity and waits until it answers.
    pub(crate) async fn start_operator(&mut self, identity: &str) {
        let port = free_port().expect("a port is free");
        let listen = format!("127.0.0.1:{port}");
        let mut command = Command::new(env!("CARGO_BIN_EXE_yagura"));
        command
            .args(["controller", "--cluster-id", CLUSTER_ID, "--identity", identity])
            .args([
                "--inventory-period",
                PERIOD,
                "--aws-share",
                "1",
                "--listen",
                &listen,
            ])
            .env("RUST_LOG", "info,yagura=debug")
            .env("KUBECONFIG", self.plane.kubeconfig(User::Operator))
            .env("AWS_ENDPOINT_URL", self.sim.url())
            .env("AWS_REGION", "ap-northeast-1")
            .env("AWS_ACCESS_KEY_ID", "operator")
            .env("AWS_SECRET_ACCESS_KEY", "operator");
        let process =
            Process::spawn(identity, &mut command, &self.log(identity)).expect("the operator starts");
        let url = format!("http://{listen}");
        self.operators.push(Operator {
            name: identity.to_owned(),
            process,
            url: url.clone(),
        });
        eventually("the operator answers", || async {
            ureq::get(format!("{url}/readyz"))
                .call()
                .map(drop)
                .map_err(|error| error.to_string())
        })
        .await;
    }

    /// Kills the operator of this identity with SIGKILL.
    pub(crate) fn kill_operator(&mut self, identity: &str) {
        let at = self
            .operators
            .iter()
            .position(|operator| operator.name == identity)
            .expect("it runs");
        self.operators.remove(at).process.kill();
    }

    /// Asks the operator of this identity to end, and says whether it ended well.
    pub(crate) fn stop_operator(&mut self, identity: &str) -> bool {
        let at = self
            .operators
            .iter()
            .position(|operator| operator.name == identity)
            .expect("it runs");
        self.operators
            .remove(at)
            .process
            .terminate()
            .is_some_and(|status| status.success())
    }

    /// The metrics of the first operator.
    pub(crate) fn metrics(&self) -> String {
        let url = &self.operators.first().expect("an operator runs").url;
        let mut answer = ureq::get(format!("{url}/metrics"))
            .call()
            .expect("the metrics are served");
        answer.body_mut().read_to_string().expect("the metrics are text")
    }

    fn log(&self, identity: &str) -> PathBuf {
        self.dir.path().join(format!("{identity}.log"))
    }

    /// Applies manifests as the administrator.
    pub(crate) fn apply(&self, manifests: &str) {
        if let Err(error) = self.apply_as(User::Admin, manifests) {
            panic!("the manifests are refused: {error}");
        }
    }

    /// Applies manifests as one of the users.
    pub(crate) fn apply_as(&self, user: User, manifests: &str) -> Result<String, String> {
        let args = ["apply", "--server-side", "--force-conflicts", "-f", "-"];
        self.plane.kubectl_as(user, &args, Some(manifests))
    }

    /// The object as it is now.
    pub(crate) async fn object<K: Kind>(&self, key: &Key) -> Option<K> {
        K::api(self.client.clone(), &key.namespace)
            .get_opt(&key.name)
            .await
            .expect("the API server answers")
    }

    /// Waits, at most a minute, until the object's status satisfies `look`.
    pub(crate) async fn until<K: Kind, T>(&self, key: &Key, what: &str, look: impl Fn(&K) -> Option<T>) -> T {
        self.until_within(Duration::from_secs(60), key, what, look).await
    }

    /// Waits until the object's status satisfies `look`.
    pub(crate) async fn until_within<K: Kind, T>(
        &self,
        limit: Duration,
        key: &Key,
        what: &str,
        look: impl Fn(&K) -> Option<T>,
    ) -> T {
        within(limit, &format!("{} {key}: {what}", K::NAME), || async {
            let Some(object) = self.object::<K>(key).await else {
                return Err("no such object".to_owned());
            };
            look(&object).ok_or_else(|| serde_json::to_string_pretty(&object).expect("objects are JSON"))
        })
        .await
    }

    /// Waits until the events about an object include one that `look` takes.
    pub(crate) async fn event(&self, key: &Key, reason: &str, part: &str) {
        let events: Api<k8s_openapi::api::events::v1::Event> =
            Api::namespaced(self.client.clone(), &key.namespace);
        eventually(
            &format!("an event {reason} with {part:?} about {key}"),
            || async {
                let all = events
                    .list(&kube::api::ListParams::default())
                    .await
                    .expect("events can be listed");
                let mut about = all.items.into_iter().filter(|event| {
                    event.regarding.as_ref().and_then(|object| object.name.as_deref()) == Some(&key.name)
                });
                let told: Vec<_> = about
                    .by_ref()
                    .map(|event| (event.reason.unwrap_or_default(), event.note.unwrap_or_default()))
                    .collect();
                let found = told
                    .iter()
                    .any(|(why, note)| why == reason && note.contains(part));
                if found { Ok(()) } else { Err(told) }
            },
        )
        .await;
    }

    /// What the operators' user was denied: rights in `deploy/` must suffice for everything that is tried.
    fn check_rights(&self) {
        let denied = self.plane.denied(User::Operator);
        assert!(denied.is_empty(), "the operator lacks rights: {denied:#?}");
    }
}

impl Drop for Env {
    fn drop(&mut self) {
        if std::thread::panicking() {
            for operator in &self.operators {
                eprintln!(
                    "--- log of operator {}\n{}",
                    operator.name,
                    tail(&self.log(&operator.name), 80)
                );
            }
        }
    }
}

/// A client of AWS that is not the operator's, told apart in the call log by its access key.
fn stranger(url: &str) -> aws_sdk_ec2::Client {
    let config = aws_sdk_ec2::Config::builder()
        .behavior_version(BehaviorVersion::latest())
        .region(Region::new("ap-northeast-1"))
        .credentials_provider(Credentials::new("stranger", "stranger", None, None, "test"))
        .endpoint_url(url)
        .build();
    aws_sdk_ec2::Client::from_conf(config)
}
