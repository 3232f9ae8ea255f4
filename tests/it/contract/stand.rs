//! What a guarantee is tried on: one AWS, the door to it, and somebody else who uses it, too.

use std::{collections::BTreeSet, net::SocketAddr, pin::pin, sync::Arc, time::Duration};

use aws_sdk_ec2::{
    config::{BehaviorVersion, Credentials},
    types::{
        AttributeBooleanValue, EbsInstanceBlockDeviceSpecification, InstanceBlockDeviceMappingSpecification,
        InstanceSpecification, ResourceType, Tag, TagSpecification,
    },
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use jiff::Timestamp;
use simaws::{FaultKind, FaultSpec, Sim, Timings};
use yagura::{
    aws::{AwsSites, Connection, Pace, Transport},
    clock::{Clock, ManualClock, SystemClock},
    cloud::{
        Cloud, CloudError, ClusterId, Direction, Instance, InstanceId, InstanceState, Lane, Launch, NewGroup,
        NewVolume, Operation, Peer, Protocol, Rule, SecurityGroup, Site, Sites, Snapshot, SnapshotId,
        SubnetId, Tags, Volume, VpcId,
    },
};

use super::moto::Moto;
use crate::support::eventually;

/// The region that every guarantee is tried in.
pub(super) const REGION: &str = "ap-northeast-1";

/// How long the simulated AWS takes for anything: enough to be seen, too short to wait for.
const STEP: Duration = Duration::from_millis(50);

/// Longer than the door waits for an answer.
const PATIENCE: Duration = Duration::from_secs(20);

/// One AWS, whichever it is.
pub(super) struct Aws {
    transport: Transport,
    /// Where it is ours, and so can be told to fail.
    sim: Option<Sim>,
    /// The door's clock where nothing else would end its wait for an answer.
    clock: Option<Arc<ManualClock>>,
    _server: Option<simaws::Server>,
}

impl Aws {
    /// The simulated AWS under the SDK, with no wire between.
    pub(super) fn in_memory() -> Self {
        let sim = new_sim();
        let start: Timestamp = "2031-05-01T00:00:00Z".parse().unwrap();
        Self {
            transport: Transport::InMemory(SharedHttpClient::new(sim.connector())),
            sim: Some(sim),
            clock: Some(Arc::new(ManualClock::new(start))),
            _server: None,
        }
    }

    /// The simulated AWS on a port.
    pub(super) async fn over_http() -> Self {
        let sim = new_sim();
        let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
        let server = sim.serve(any_port).await.unwrap();
        Self {
            transport: Transport::Endpoint(server.url()),
            sim: Some(sim),
            clock: None,
            _server: Some(server),
        }
    }

    /// moto, which others wrote after the same documentation.
    pub(super) fn of_moto(moto: &Moto) -> Self {
        Self {
            transport: Transport::Endpoint(moto.url()),
            sim: None,
            clock: None,
            _server: None,
        }
    }

    /// A stand in the name of a guarantee: nothing on it carries the cluster tag of another stand.
    pub(super) async fn stand(&self, name: &str) -> Stand {
        let clock: Arc<dyn Clock> = match &self.clock {
            Some(clock) => Arc::<ManualClock>::clone(clock),
            None => Arc::new(SystemClock),
        };
        let connected = AwsSites::connect(Connection {
            transport: self.transport.clone(),
            cluster: ClusterId::from(name),
            clock,
            observer: Arc::new(|_, _| {}),
            pace: Pace::Free,
        });
        let sites = connected.await;
        let stranger = self.stranger();
        // Every AWS comes with a default VPC and its subnets, but under ids of its own.
        let subnets = stranger.describe_subnets().send().await.unwrap().subnets.unwrap();
        let subnet = subnets.into_iter().find(|one| one.default_for_az == Some(true));
        let subnet = subnet.expect("a default subnet");
        Stand {
            cloud: sites.door(&Site::own(REGION), Lane::Drift),
            sites,
            stranger,
            backup: self.backup(),
            transport: self.transport.clone(),
            subnet: SubnetId::new(subnet.subnet_id.unwrap()),
            vpc: VpcId::new(subnet.vpc_id.unwrap()),
            name: name.to_owned(),
            sim: self.sim.clone(),
            clock: self.clock.clone(),
        }
    }

    fn stranger(&self) -> aws_sdk_ec2::Client {
        let config = aws_sdk_ec2::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(aws_sdk_ec2::config::Region::from_static(REGION))
            .credentials_provider(Credentials::new("stranger", "stranger", None, None, "test"));
        let config = match &self.transport {
            Transport::InMemory(client) => config.http_client(client.clone()),
            Transport::Endpoint(url) => config.endpoint_url(url),
            Transport::Environment => unreachable!("no test calls the real AWS"),
        };
        aws_sdk_ec2::Client::from_conf(config.build())
    }
}

impl Aws {
    fn backup(&self) -> aws_sdk_backup::Client {
        let config = aws_sdk_backup::Config::builder()
            .behavior_version(BehaviorVersion::latest())
            .region(aws_sdk_backup::config::Region::from_static(REGION))
            .credentials_provider(Credentials::new("stranger", "stranger", None, None, "test"));
        let config = match &self.transport {
            Transport::InMemory(client) => config.http_client(client.clone()),
            Transport::Endpoint(url) => config.endpoint_url(url),
            Transport::Environment => unreachable!("no test calls the real AWS"),
        };
        aws_sdk_backup::Client::from_conf(config.build())
    }
}

fn new_sim() -> Sim {
    let timings = Timings {
        instance: STEP,
        snapshot: STEP,
        volume: STEP,
        backup_start: STEP,
        backup_finish: STEP,
        recovery_point_deletion: STEP,
        ..Timings::default()
    };
    Sim::new(simaws::Options {
        timings,
        ..simaws::Options::default()
    })
}

/// How long the Recycle Bin keeps what is deleted.
const KEPT: Duration = Duration::from_secs(24 * 60 * 60);

/// A rule of the Recycle Bin.
pub(super) struct KeepingRule<'a>(&'a Sim);

impl Drop for KeepingRule<'_> {
    fn drop(&mut self) {
        self.0.set_recycle_bin(Duration::ZERO, Duration::ZERO);
    }
}

/// What one guarantee is tried on.
pub(super) struct Stand {
    pub(super) cloud: Arc<dyn Cloud>,
    pub(super) sites: AwsSites,
    /// Another client of the same account.
    pub(super) stranger: aws_sdk_ec2::Client,
    /// The same one's client of AWS Backup.
    pub(super) backup: aws_sdk_backup::Client,
    transport: Transport,
    pub(super) subnet: SubnetId,
    pub(super) vpc: VpcId,
    name: String,
    sim: Option<Sim>,
    clock: Option<Arc<ManualClock>>,
}

impl Stand {
    /// The same AWS behind the governor, by this clock.
    pub(super) async fn governed(&self, clock: &ManualClock) -> AwsSites {
        AwsSites::connect(Connection {
            transport: self.transport.clone(),
            cluster: ClusterId::from(&*self.name),
            clock: Arc::new(clock.clone()),
            observer: Arc::new(|operation, _| panic!("{operation} was called")),
            pace: Pace::Governed {
                settings: yagura::governor::Settings::default(),
                waits: Arc::new(|_, _, _| {}),
            },
        })
        .await
    }

    /// The account that all of this is in.
    pub(super) fn account(&self) -> &str {
        self.sim
            .as_ref()
            .map_or("123456789012", |sim| sim.default_place().0)
    }

    /// A name that no other stand uses.
    pub(super) fn name(&self, part: &str) -> String {
        format!("{}-{part}", self.name)
    }

    /// What everything of ours carries.
    pub(super) fn our_tags(&self, part: &str) -> Tags {
        self.tags_of(&self.name, part)
    }

    /// What everything of another installation carries.
    pub(super) fn their_tags(&self, part: &str) -> Tags {
        self.tags_of(&self.name("theirs"), part)
    }

    fn tags_of(&self, cluster: &str, part: &str) -> Tags {
        let pairs = [
            ("yagura.dev/cluster", cluster.to_owned()),
            ("yagura.dev/label", self.name(part)),
        ];
        pairs.map(|(key, value)| (key.to_owned(), value)).into()
    }

    pub(super) fn new_group(&self, part: &str) -> NewGroup {
        NewGroup {
            name: self.name(part),
            description: "made by the contract suite".to_owned(),
            vpc_id: self.vpc.clone(),
            tags: self.our_tags(part),
        }
    }

    pub(super) async fn group(&self, part: &str) -> SecurityGroup {
        self.cloud.create_group(&self.new_group(part)).await.unwrap()
    }

    /// A launch with one volume besides the image's own, which is ordered, too.
    pub(super) fn launch(&self, part: &str, group: &SecurityGroup) -> Launch {
        Launch {
            token: self.name(part),
            image_id: simaws::DEFAULT_IMAGE_ID.into(),
            instance_type: "m6i.large".to_owned(),
            subnet_id: self.subnet.clone(),
            groups: [group.id.clone()].into(),
            volumes: [("/dev/xvda", 20), ("/dev/sdf", 8)]
                .map(|(device, size)| NewVolume {
                    device: device.to_owned(),
                    size_gib: Some(size),
                })
                .into(),
            kms_key_id: None,
            tags: self.our_tags(part),
        }
    }

    /// A running instance with a group of its own.
    pub(super) async fn instance(&self, part: &str) -> Instance {
        let group = self.group(part).await;
        let order = self.launch(part, &group);
        self.launched(&order).await
    }

    /// The running instance of this launch.
    pub(super) async fn launched(&self, order: &Launch) -> Instance {
        let id = self.cloud.launch(order).await.unwrap().id;
        eventually("the instance runs", || async {
            let found = self.cloud.find_instance(&id).await.unwrap();
            found
                .clone()
                .filter(|instance| instance.state == InstanceState::Running)
                .ok_or(found)
        })
        .await
    }

    /// For a guarantee that takes thousands of resources to try.
    pub(super) fn needs_room(&self) {
        assert!(
            self.sim.is_some(),
            "this AWS answers in time for few resources only"
        );
    }

    /// Lets the next call of this operation fail this way.
    pub(super) fn fault(&self, operation: Operation, kind: FaultKind) {
        let sim = self.sim.as_ref().expect("an AWS that can be told to fail");
        sim.add_fault(FaultSpec::new(operation.to_string(), kind));
    }

    /// The outcome of something while the right to this operation is missing.
    pub(super) async fn denying<T>(&self, operation: Operation, call: impl Future<Output = T>) -> T {
        let sim = self.sim.as_ref().expect("an AWS that can be told to deny");
        sim.deny(operation.to_string());
        let outcome = call.await;
        sim.permit_all();
        outcome
    }

    /// The outcome of a call whose answer gets lost. On the wire that is a broken connection, seen at once; in
    /// memory only the timeout ends the wait.
    pub(super) async fn lost<T>(&self, operation: Operation, call: impl Future<Output = T>) -> T {
        let (Some(sim), Some(clock)) = (&self.sim, &self.clock) else {
            return call.await;
        };
        let name = operation.to_string();
        let count = || sim.calls().iter().filter(|call| call.operation == name).count();
        let before = count();
        let mut call = pin!(call);
        while count() == before {
            assert!(
                futures::poll!(call.as_mut()).is_pending(),
                "{name} was not called"
            );
            tokio::task::yield_now().await;
        }
        clock.advance(PATIENCE);
        call.await
    }

    /// Somebody takes a snapshot of every volume of an instance.
    pub(super) async fn snapshots(
        &self,
        id: &InstanceId,
        description: &str,
        tags: &Tags,
    ) -> BTreeSet<SnapshotId> {
        let instance = InstanceSpecification::builder().instance_id(id.as_str()).build();
        let request = self.stranger.create_snapshots().instance_specification(instance);
        let request = request.description(self.name(description));
        let request = request.tag_specifications(tagged(ResourceType::Snapshot, tags));
        let made = request.send().await.unwrap().snapshots.unwrap();
        made.into_iter()
            .map(|one| SnapshotId::new(one.snapshot_id.unwrap()))
            .collect()
    }

    /// Somebody takes a tag away.
    pub(super) async fn untag(&self, id: &str, key: &str) {
        let request = self.stranger.delete_tags().resources(id);
        let request = request.tags(Tag::builder().key(key).build());
        request.send().await.unwrap();
    }

    /// Somebody takes the protection away.
    pub(super) async fn unprotect(&self, instance: &Instance) {
        let off = AttributeBooleanValue::builder().value(false).build();
        let request = self.stranger.modify_instance_attribute();
        let request = request.instance_id(instance.id.as_str());
        request.disable_api_termination(off).send().await.unwrap();
    }

    /// Somebody lets the volumes go with the instance.
    pub(super) async fn let_volumes_go(&self, instance: &Instance) {
        let mappings = instance.volumes.iter().map(|volume| {
            let ebs = EbsInstanceBlockDeviceSpecification::builder().delete_on_termination(true);
            let mapping = InstanceBlockDeviceMappingSpecification::builder().device_name(&volume.device);
            mapping.ebs(ebs.build()).build()
        });
        let request = self.stranger.modify_instance_attribute();
        let request = request.instance_id(instance.id.as_str());
        let request = request.set_block_device_mappings(Some(mappings.collect()));
        request.send().await.unwrap();
    }

    /// Somebody terminates the instance, and it is gone.
    pub(super) async fn terminate(&self, instance: &Instance) {
        self.unprotect(instance).await;
        let request = self.stranger.terminate_instances();
        request.instance_ids(instance.id.as_str()).send().await.unwrap();
        eventually("the instance is terminated", || async {
            let found = self.cloud.find_instance(&instance.id).await.unwrap();
            match found.as_ref().map(|instance| instance.state) {
                Some(InstanceState::Terminated) => Ok(()),
                _ => Err(found),
            }
        })
        .await;
    }

    /// Lets the system status check of an instance fail.
    pub(super) fn impair(&self, instance: &Instance) {
        let sim = self.sim.as_ref().expect("no status check fails here");
        assert!(sim.impair(instance.id.as_str(), simaws::StatusCheck::System));
    }

    /// A rule of the Recycle Bin, in force until it is dropped: nothing else is to be kept by it.
    pub(super) fn keep_what_is_deleted(&self) -> KeepingRule<'_> {
        let sim = self.sim.as_ref().expect("an AWS with rules of the Recycle Bin");
        sim.set_recycle_bin(KEPT, KEPT);
        KeepingRule(sim)
    }

    pub(super) async fn listed_instances(&self) -> Result<Vec<Instance>, CloudError> {
        self.cloud.list_instances().await.map(|listed| listed.items)
    }

    pub(super) async fn listed_groups(&self) -> Result<Vec<SecurityGroup>, CloudError> {
        self.cloud.list_groups().await.map(|listed| listed.items)
    }

    pub(super) async fn listed_volumes(&self) -> Result<Vec<Volume>, CloudError> {
        self.cloud.list_volumes().await.map(|listed| listed.items)
    }

    pub(super) async fn listed_snapshots(&self) -> Result<Vec<Snapshot>, CloudError> {
        self.cloud.list_snapshots().await.map(|listed| listed.items)
    }

    /// The instance as it is now.
    pub(super) async fn look(&self, instance: &Instance) -> Instance {
        self.cloud.find_instance(&instance.id).await.unwrap().unwrap()
    }
}

/// Tags as a stranger's call takes them.
pub(super) fn tagged(resource: ResourceType, tags: &Tags) -> TagSpecification {
    let tags = tags
        .iter()
        .map(|(key, value)| Tag::builder().key(key).value(value).build());
    TagSpecification::builder()
        .resource_type(resource)
        .set_tags(Some(tags.collect()))
        .build()
}

/// A rule that lets TCP through on one port.
pub(super) fn tcp(direction: Direction, port: i32, peer: Peer) -> Rule {
    Rule {
        direction,
        protocol: Protocol::Tcp,
        from_port: port,
        to_port: port,
        peer,
    }
}

/// The peer that is this range of addresses.
pub(super) fn range(text: &str) -> Peer {
    Peer::Cidr(text.parse().unwrap())
}
