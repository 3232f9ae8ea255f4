//! One Tenant with a running instance on a simulated AWS, and Incidents about it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use aws_smithy_runtime_api::shared::IntoShared;
use serde_json::json;
use simaws::{Clock as SimClock, FaultKind, FaultSpec, Options, Sim};

use crate::{
    api::{
        Incident, IncidentStatus, Key, Notification, NotificationChannel, NotificationResult, Reason, Tenant,
        TenantClass, TenantStatus, Time, time,
    },
    aws::{AwsSites, Connection, Pace, Transport},
    clock::{Clock, ManualClock},
    cloud::{
        Cloud, Direction, InstanceId, Lane, Launch, NetworkInterfaceId, NewGroup, Observed, Peer, Protocol,
        Rule, SecurityGroup, SecurityGroupId, Site, Sites, Tags, VpcId,
    },
    cluster::{Cluster, Kind, MemoryCluster},
    controllers::{IncidentReconciler, Waker},
    engine::{Context, ControllerName, Identity, Services, Stepper},
    inventory::Inventories,
    metrics::Metrics,
    plan::{
        class::quarantine_name,
        firewall::{RULE_QUOTA, RuleChange, desired_rules, plan_rules},
    },
    terms::Registry,
};

const NAMESPACE: &str = "acme";

pub(super) struct Stage {
    pub(super) sim: Sim,
    pub(super) cluster: MemoryCluster,
    pub(super) instance_id: InstanceId,
    clock: ManualClock,
    ctx: Arc<Context<MemoryCluster>>,
    stepper: Stepper<MemoryCluster>,
    waker: Waker,
    cloud: Arc<dyn Cloud>,
    own_group: SecurityGroupId,
    interface: NetworkInterfaceId,
}

fn vpc() -> VpcId {
    simaws::DEFAULT_VPC_ID.into()
}

fn our_tags(uid: &str) -> Tags {
    Tags::from([
        ("yagura.dev/cluster".into(), "test".into()),
        ("yagura.dev/tenant".into(), "acme/acme-jira".into()),
        ("yagura.dev/uid".into(), uid.into()),
    ])
}

impl Stage {
    pub(super) async fn new() -> Self {
        let sim_clock = SimClock::manual();
        let clock = ManualClock::new(sim_clock.now());
        let sim = Sim::new(Options {
            clock: sim_clock,
            ..Options::default()
        });
        let regions = AwsSites::connect(Connection {
            transport: Transport::InMemory(sim.connector().into_shared()),
            cluster: "test".into(),
            clock: Arc::new(clock.clone()),
            observer: Arc::new(|_, _| {}),
            pace: Pace::Free,
        })
        .await;
        let site = Site::from("ap-northeast-1");
        let cloud = regions.door(&site, Lane::Drift);
        let shared: Arc<dyn Clock> = Arc::new(clock.clone());
        let cluster = MemoryCluster::new(Arc::clone(&shared));
        let ctx = Arc::new(Context::new(
            cluster.clone(),
            Arc::clone(&shared),
            Identity {
                cluster_id: "test".into(),
                cluster_uid: "kube-system-uid".into(),
            },
            Arc::new(Inventories::new(Arc::new(regions), shared, "test".into())),
            Services {
                terms: Arc::new(Registry::built_in().unwrap()),
                metrics: Arc::new(Metrics::new().unwrap()),
            },
        ));
        put_class(&cluster);
        let tenant = put_tenant(&cluster, "acme-jira", "acme");
        let own_group = make_own_group(&*cloud, tenant.uid()).await;
        let instance = cloud.launch(&launch(tenant.uid(), &own_group)).await.unwrap();
        let stage = Self {
            sim,
            instance_id: instance.id.clone(),
            clock,
            stepper: Stepper::new(Arc::clone(&ctx)).with(IncidentReconciler),
            waker: Waker::default(),
            cloud,
            own_group,
            interface: instance.interfaces[0].id.clone(),
            cluster,
            ctx,
        };
        stage.bind("acme-jira", &instance.id).await;
        stage.sweep().await;
        stage.sweep().await;
        stage
    }

    pub(super) fn key(&self, name: &str) -> Key {
        Key::new(NAMESPACE, name)
    }

    pub(super) fn put_tenant(&self, name: &str, customer: &str) {
        put_tenant(&self.cluster, name, customer);
    }

    pub(super) async fn bind(&self, tenant: &str, id: &InstanceId) {
        let status = TenantStatus {
            instance_id: Some(id.to_string()),
            ..TenantStatus::default()
        };
        self.set_status(tenant, status).await;
    }

    pub(super) async fn set_status(&self, tenant: &str, status: TenantStatus) {
        let tenant = self.cluster.cached::<Tenant>(&self.key(tenant)).unwrap();
        let version = tenant.metadata.resource_version.clone().unwrap();
        self.cluster
            .apply_status::<Tenant>(&tenant.key(), &version, &status)
            .await
            .unwrap();
    }

    pub(super) fn file(&self, containment: &str) {
        self.file_named("one", containment);
    }

    pub(super) fn file_named(&self, name: &str, containment: &str) {
        self.put_incident(name, &["acme-jira"], containment);
    }

    pub(super) fn file_for(&self, tenants: &[&str], containment: &str) {
        self.put_incident("one", tenants, containment);
    }

    fn put_incident(&self, name: &str, tenants: &[&str], containment: &str) {
        let incident: Incident = serde_json::from_value(json!({
            "apiVersion": "yagura.dev/v1alpha1",
            "kind": "Incident",
            "metadata": {"name": name, "namespace": NAMESPACE},
            "spec": {
                "tenantRefs": tenants,
                "type": "Security",
                "detectedAt": time(self.clock.now()),
                "summary": "odd logins",
                "containment": containment,
            },
        }))
        .unwrap();
        self.cluster.put(&incident);
    }

    pub(super) fn edit(&self, change: impl FnOnce(&mut Incident)) {
        self.edit_named("one", change);
    }

    pub(super) fn edit_named(&self, name: &str, change: impl FnOnce(&mut Incident)) {
        let mut incident = (*self.incident(name)).clone();
        change(&mut incident);
        self.cluster.put(&incident);
    }

    pub(super) fn delete(&self, name: &str) {
        self.cluster.delete::<Incident>(&self.key(name));
    }

    pub(super) fn call_customer(&self) {
        let at = time(self.clock.now());
        self.edit(|incident| {
            incident.spec.notifications.push(Notification {
                tenant: "acme-jira".into(),
                channel: NotificationChannel::Phone,
                by: "sato@example.com".into(),
                to: "Mr. Tanaka".into(),
                at,
                result: NotificationResult::Reached,
            });
        });
    }

    /// Runs passes until nothing is due now.
    pub(super) async fn settle(&self) {
        // More than any chain of steps needs; a pass that finds work for ever must not hang the test.
        for _ in 0..60 {
            for (kind, key) in self.cluster.take_changes() {
                self.waker.object_changed(&self.ctx, kind, &key);
            }
            if self.stepper.run_due().await == 0 {
                return;
            }
        }
        panic!("the passes do not come to rest: {:?}", self.cluster.events());
    }

    /// Lives through a span, minute by minute.
    pub(super) async fn advance(&self, span: Duration) {
        let minute = Duration::from_secs(60);
        let mut left = span;
        while !left.is_zero() {
            let step = left.min(minute * 10);
            self.clock.advance(step);
            if let SimClock::Manual(clock) = self.sim.clock() {
                clock.set(self.clock.now());
            }
            self.sweep().await;
            self.wake_all();
            self.settle().await;
            left -= step;
        }
    }

    /// Lets back-offs end: the longest is five minutes.
    pub(super) async fn advance_once(&self) {
        self.advance(Duration::from_secs(600)).await;
    }

    pub(super) async fn sweep(&self) {
        self.ctx.inventories.of(&"ap-northeast-1".into()).sweep().await;
    }

    pub(super) fn wake_all(&self) {
        for incident in self.cluster.cached_all::<Incident>() {
            self.ctx
                .wakes
                .wake_at(ControllerName::Incident, incident.key(), self.clock.now());
        }
    }

    fn incident(&self, name: &str) -> Arc<Incident> {
        self.cluster.cached::<Incident>(&self.key(name)).unwrap()
    }

    pub(super) fn status(&self) -> IncidentStatus {
        self.status_of("one")
    }

    pub(super) fn status_of(&self, name: &str) -> IncidentStatus {
        self.incident(name).status.clone().unwrap()
    }

    /// Status and reason of a condition.
    pub(super) fn condition(&self, type_: &str) -> (&'static str, &'static str) {
        let status = self.status();
        let condition = status.conditions.iter().find(|one| one.type_ == type_);
        let condition = condition.unwrap_or_else(|| panic!("no {type_} in {:?}", status.conditions));
        let word = ["True", "False", "Unknown"]
            .into_iter()
            .find(|word| *word == condition.status);
        let reason = Reason::ALL
            .iter()
            .find(|reason| reason.as_str() == condition.reason);
        (word.unwrap(), reason.unwrap().as_str())
    }

    pub(super) fn events(&self, reason: Reason) -> Vec<String> {
        let events = self.cluster.events().into_iter().map(|(_, _, happened)| happened);
        events
            .filter(|happened| happened.reason == reason)
            .map(|happened| happened.message)
            .collect()
    }

    pub(super) fn calls(&self) -> Vec<simaws::Call> {
        self.sim.calls()
    }

    pub(super) fn fault(&self, operation: &str, kind: FaultKind) {
        self.sim.add_fault(FaultSpec::new(operation, kind));
    }

    pub(super) fn mishap(&self, operation: &str, kind: FaultKind, skip: u32) {
        self.sim.add_fault(FaultSpec {
            skip,
            ..FaultSpec::new(operation, kind)
        });
    }

    /// The groups on the instance's interface, as AWS has them.
    pub(super) async fn groups(&self) -> BTreeSet<SecurityGroupId> {
        self.groups_of(&self.instance_id).await
    }

    pub(super) async fn set_groups(&self, groups: &BTreeSet<SecurityGroupId>) {
        self.cloud
            .set_interface_groups(&self.interface, groups)
            .await
            .unwrap();
    }

    pub(super) fn time(&self) -> Time {
        time(self.clock.now())
    }

    /// An instance that somebody else launched in the same account.
    pub(super) async fn strangers_instance(&self) -> InstanceId {
        let strangers = Launch {
            token: "a-strangers".into(),
            tags: Tags::new(),
            ..launch("stranger", &self.own_group)
        };
        self.cloud.launch(&strangers).await.unwrap().id
    }

    pub(super) async fn groups_of(&self, id: &InstanceId) -> BTreeSet<SecurityGroupId> {
        let instance = self.cloud.find_instance(id).await.unwrap().unwrap();
        instance.interfaces[0].groups.clone()
    }

    pub(super) async fn quarantine(&self) -> Option<SecurityGroup> {
        let class = self
            .cluster
            .cached::<TenantClass>(&Key::new("", "tokyo"))
            .unwrap();
        self.cloud
            .find_group_named(&vpc(), &quarantine_name(class.uid()))
            .await
            .unwrap()
    }

    /// The class's quarantine group, as its controller would have made it.
    pub(super) async fn make_quarantine(&self) -> SecurityGroupId {
        let class = self
            .cluster
            .cached::<TenantClass>(&Key::new("", "tokyo"))
            .unwrap();
        let tags = Tags::from([
            ("yagura.dev/cluster".into(), "test".into()),
            ("yagura.dev/uid".into(), class.uid().to_owned()),
        ]);
        let group = self
            .cloud
            .create_group(&new_group(&quarantine_name(class.uid()), tags))
            .await
            .unwrap();
        self.cloud
            .revoke(&group.id, Direction::Egress, &group.rules)
            .await
            .unwrap();
        group.id
    }

    pub(super) async fn make_group(&self, name: &str) -> SecurityGroupId {
        self.cloud
            .create_group(&new_group(name, Tags::new()))
            .await
            .unwrap()
            .id
    }

    pub(super) async fn authorize(&self, group: &SecurityGroupId, direction: Direction, cidr: &str) {
        let rule = Rule {
            direction,
            protocol: Protocol::Tcp,
            from_port: 22,
            to_port: 22,
            peer: Peer::Cidr(cidr.parse().unwrap()),
        };
        self.cloud
            .authorize(group, direction, &BTreeSet::from([rule]))
            .await
            .unwrap();
    }

    pub(super) async fn open_own_group(&self) {
        self.authorize(&self.own_group, Direction::Ingress, "0.0.0.0/0")
            .await;
        self.sweep().await;
    }

    pub(super) async fn make_own_group_exact(&self) {
        make_exact(&*self.cloud, &self.own_group).await;
    }

    /// Takes every tag of ours off the instance, as somebody with a right to may.
    pub(super) async fn strip_tags(&self) {
        let tags: Tags = our_tags("")
            .into_keys()
            .map(|key| (key, "stolen".to_owned()))
            .collect();
        self.cloud
            .set_tags(&[self.instance_id.to_string()], &tags)
            .await
            .unwrap();
    }
}

fn put_class(cluster: &MemoryCluster) {
    let class: TenantClass = serde_json::from_value(json!({
        "apiVersion": "yagura.dev/v1alpha1",
        "kind": "TenantClass",
        "metadata": {"name": "tokyo"},
        "spec": {
            "region": "ap-northeast-1",
            "allowedNamespaces": {"names": [NAMESPACE]},
            "network": {"subnetIds": [simaws::DEFAULT_SUBNET_ID]},
            "plans": {"standard": {"instanceType": "m6i.large"}},
            "applications": {"jira": {"images": {"9.12.4": simaws::DEFAULT_IMAGE_ID}}},
            "contact": {"helpdesk": "+81-3-0000-0000"},
            "terms": "hosting-2023-10-11",
        },
    }))
    .unwrap();
    cluster.put(&class);
}

fn put_tenant(cluster: &MemoryCluster, name: &str, customer: &str) -> Tenant {
    let tenant: Tenant = serde_json::from_value(json!({
        "apiVersion": "yagura.dev/v1alpha1",
        "kind": "Tenant",
        "metadata": {"name": name, "namespace": NAMESPACE},
        "spec": {
            "className": "tokyo",
            "customer": customer,
            "label": name,
            "application": {"name": "jira", "version": "9.12.4"},
            "plan": "standard",
            "contact": {"phone": "+81-3-1111-2222", "email": "it@acme.example"},
        },
    }))
    .unwrap();
    cluster.put(&tenant)
}

fn new_group(name: &str, tags: Tags) -> NewGroup {
    NewGroup {
        name: name.into(),
        description: "made by a test".into(),
        vpc_id: vpc(),
        tags,
    }
}

async fn make_own_group(cloud: &dyn Cloud, uid: &str) -> SecurityGroupId {
    let group = cloud
        .create_group(&new_group(&format!("yagura-{uid}"), our_tags(uid)))
        .await
        .unwrap();
    make_exact(cloud, &group.id).await;
    group.id
}

/// What the Tenant's controller does all the time.
async fn make_exact(cloud: &dyn Cloud, group: &SecurityGroupId) {
    let rules = cloud.find_group(group).await.unwrap().unwrap().rules;
    for step in plan_rules(
        &desired_rules(&Default::default()),
        &Observed::Present(rules),
        RULE_QUOTA,
    ) {
        match step.change {
            RuleChange::Authorize => cloud.authorize(group, step.direction, &step.rules).await.unwrap(),
            RuleChange::Revoke => cloud.revoke(group, step.direction, &step.rules).await.unwrap(),
        }
    }
}

fn launch(uid: &str, group: &SecurityGroupId) -> Launch {
    Launch {
        token: format!("yagura-{uid}-1"),
        image_id: simaws::DEFAULT_IMAGE_ID.into(),
        instance_type: "m6i.large".into(),
        subnet_id: simaws::DEFAULT_SUBNET_ID.into(),
        groups: BTreeSet::from([group.clone()]),
        volumes: Vec::new(),
        kms_key_id: None,
        tags: our_tags(uid),
    }
}
