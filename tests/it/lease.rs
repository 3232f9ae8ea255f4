//! The Lease on a real API server: who acts, within which time, and for which installation.

use std::{sync::Arc, time::Duration};

use controlplane::{ControlPlane, User, ensure_binaries};
use kube::{Client, Config};
use tokio::{
    sync::{oneshot, watch},
    task::JoinHandle,
};
use yagura::{
    clock::{Clock, SystemClock, elapsed},
    lease::{Claimant, Elector, KubeLease, Leadership, LeaseError},
};

/// What `deploy/` installs for the Lease: the object, and the right to read and update it by name.
const INSTALLED: &str = r#"
apiVersion: v1
kind: Namespace
metadata: {name: election}
---
apiVersion: coordination.k8s.io/v1
kind: Lease
metadata: {name: yagura, namespace: election}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: Role
metadata: {name: yagura, namespace: election}
rules:
  - {apiGroups: [coordination.k8s.io], resources: [leases], resourceNames: [yagura], verbs: [get, update]}
---
apiVersion: rbac.authorization.k8s.io/v1
kind: RoleBinding
metadata: {name: yagura, namespace: election}
roleRef: {apiGroup: rbac.authorization.k8s.io, kind: Role, name: yagura}
subjects: [{kind: ServiceAccount, name: yagura, namespace: yagura-system}]
"#;

/// One process that takes part.
struct Process {
    told: watch::Receiver<Leadership>,
    stop: oneshot::Sender<()>,
    task: JoinHandle<Result<(), LeaseError>>,
}

impl Process {
    fn start(client: &Client, identity: &str, cluster: &str) -> Self {
        let me = Claimant {
            identity: identity.to_owned(),
            cluster: cluster.into(),
        };
        let store = KubeLease::new(client.clone(), "election", "yagura");
        let (elector, told) = Elector::new(store, me, Arc::new(SystemClock));
        let (stop, stopped) = oneshot::channel();
        let task = tokio::spawn(elector.run(async move { drop(stopped.await) }));
        Self { told, stop, task }
    }

    /// How long it takes until this process leads.
    async fn leads_after(&mut self) -> Duration {
        let since = SystemClock.now();
        let leads = self.told.wait_for(|told| *told == Leadership::Leading);
        tokio::time::timeout(Duration::from_secs(40), leads)
            .await
            .expect("somebody leads in the end")
            .expect("the elector still runs");
        elapsed(since, SystemClock.now())
    }
}

fn client(plane: &ControlPlane, user: User) -> Client {
    let mut config = Config::new(plane.url().parse().unwrap());
    config.accept_invalid_certs = true;
    config.default_retry = false;
    config.auth_info.token = Some(plane.token(user).into());
    Client::try_from(config).unwrap()
}

#[tokio::test(flavor = "multi_thread")]
async fn the_lease_passes_from_leader_to_leader_and_stays_in_its_installation() {
    let dir = tempfile::tempdir().unwrap();
    let plane =
        ControlPlane::start(&ensure_binaries(&|line| eprintln!("{line}")).unwrap(), dir.path()).unwrap();
    plane
        .kubectl(User::Admin, &["apply", "-f", "-"], Some(INSTALLED))
        .unwrap();
    let client = client(&plane, User::Operator);

    let mut first = Process::start(&client, "first", "tokyo");
    assert!(first.leads_after().await < Duration::from_secs(2));
    let mut second = Process::start(&client, "second", "tokyo");

    // Past one renewal, so that the second has seen it live.
    tokio::time::timeout(Duration::from_secs(6), second.told.changed())
        .await
        .unwrap_err();
    first.task.abort();
    let waited = second.leads_after().await;
    eprintln!("the next leader acted {waited:?} after the kill");
    assert!(waited <= Duration::from_secs(17), "{waited:?}");

    let mut third = Process::start(&client, "third", "tokyo");
    tokio::time::timeout(Duration::from_secs(3), third.told.changed())
        .await
        .unwrap_err();
    second.stop.send(()).unwrap();
    second.task.await.unwrap().unwrap();
    let waited = third.leads_after().await;
    assert!(waited <= Duration::from_secs(3), "{waited:?}");

    third.task.abort();
    let mut again = Process::start(&client, "third", "tokyo");
    let waited = again.leads_after().await;
    assert!(waited <= Duration::from_secs(2), "{waited:?}");

    let stranger = Process::start(&client, "stranger", "osaka");
    let refusal = stranger.task.await.unwrap().unwrap_err();
    assert!(matches!(refusal, LeaseError::OtherCluster { .. }), "{refusal}");
    assert_eq!(*again.told.borrow(), Leadership::Leading);
    let shown = plane
        .kubectl(
            User::Admin,
            &["get", "lease", "-n", "election", "-o", "yaml"],
            None,
        )
        .unwrap();
    eprintln!("{shown}");
    assert!(shown.contains("yagura.dev/cluster-id: tokyo"), "{shown}");
    assert!(shown.contains("holderIdentity: third"), "{shown}");
}
