//! A simulated AWS in memory with the adapter before it, for tests.

use std::{
    sync::{Arc, Mutex},
    time::Duration,
};

use aws_sdk_ec2::types::{
    AttributeBooleanValue, AttributeValue, BlockDeviceMapping, EbsBlockDevice,
    EbsInstanceBlockDeviceSpecification, InstanceBlockDeviceMappingSpecification, InstanceType, LockMode,
    ResourceType, Tag,
};
use aws_smithy_runtime_api::client::http::SharedHttpClient;
use aws_smithy_types::DateTime;
use jiff::Timestamp;

use super::{AwsSites, Connection, Pace, Transport};
use crate::{
    api::names::tags,
    clock::ManualClock,
    cloud::{
        Account, AllocationId, Cloud, ClusterId, Direction, ImageId, Instance, InstanceId, Lane, Launch,
        NewGroup, NewVolume, Operation, Peer, Protocol, Rule, SecurityGroup, Site, Sites, SnapshotId, Tags,
        VolumeId,
    },
};

/// The installation that the tests stand for.
pub(crate) const CLUSTER: &str = "test";

/// AWS, the clock that both sides go by, and the door.
pub(crate) struct Stage {
    pub(crate) sim: simaws::Sim,
    pub(crate) clock: Arc<ManualClock>,
    pub(crate) regions: Arc<AwsSites>,
    pub(crate) cloud: Arc<dyn Cloud>,
    /// Every call that the adapter reported, with its outcome.
    pub(crate) observed: Arc<Mutex<Vec<(Operation, &'static str)>>>,
    sim_clock: simaws::ManualClock,
}

impl Stage {
    pub(crate) async fn new() -> Self {
        // Any instant does; this one is far from the machine's, so that nothing can read that unnoticed.
        let start: Timestamp = "2031-05-01T00:00:00Z".parse().unwrap();
        let clock = Arc::new(ManualClock::new(start));
        let sim_clock = simaws::ManualClock::at(start);
        let sim = simaws::Sim::new(simaws::Options {
            clock: simaws::Clock::Manual(sim_clock.clone()),
            ..simaws::Options::default()
        });
        let observed = Arc::new(Mutex::new(Vec::new()));
        let seen = Arc::clone(&observed);
        let regions = AwsSites::connect(Connection {
            transport: Transport::InMemory(SharedHttpClient::new(sim.connector())),
            cluster: ClusterId::from(CLUSTER),
            clock: Arc::<ManualClock>::clone(&clock),
            observer: Arc::new(move |operation, outcome| seen.lock().unwrap().push((operation, outcome))),
            pace: Pace::Free,
        });
        let regions = Arc::new(regions.await);
        let cloud = regions.door(&"ap-northeast-1".into(), Lane::Drift);
        Self {
            sim,
            clock,
            regions,
            cloud,
            observed,
            sim_clock,
        }
    }

    /// Lets time pass, for AWS first.
    pub(crate) fn advance(&self, span: Duration) {
        self.sim_clock.advance(span);
        self.clock.advance(span);
    }

    /// How often this operation was called since the start.
    pub(crate) fn calls_of(&self, operation: Operation) -> usize {
        let name = operation.to_string();
        self.sim
            .calls()
            .iter()
            .filter(|call| call.operation == name)
            .count()
    }

    /// Lets the next call of this operation fail this way.
    pub(crate) fn fault(&self, operation: Operation, kind: simaws::FaultKind) {
        let spec = simaws::FaultSpec::new(operation.to_string(), kind);
        self.sim.add_fault(spec);
    }

    /// Lets the next call of this operation answer this error.
    pub(crate) fn error(&self, operation: Operation, code: &str, status: u16) {
        let mut spec = simaws::FaultSpec::new(operation.to_string(), simaws::FaultKind::Error);
        spec.code = Some(code.to_owned());
        spec.status = Some(status);
        self.sim.add_fault(spec);
    }

    /// Lets the next dry run of this operation answer this error.
    pub(crate) fn dry_run_error(&self, operation: Operation, code: &str, status: u16) {
        let mut spec = simaws::FaultSpec::new(operation.to_string(), simaws::FaultKind::Error);
        spec.code = Some(code.to_owned());
        spec.status = Some(status);
        spec.dry_run = true;
        self.sim.add_fault(spec);
    }

    /// The door to a region of another account, entered by a role that asks for the external id `x1`.
    pub(crate) fn in_account(&self, account: &str, region: &str, lane: Lane) -> Arc<dyn Cloud> {
        let site = Site {
            account: Some(Account {
                role_arn: format!("arn:aws:iam::{account}:role/yagura"),
                external_id: Some("x1".to_owned()),
            }),
            region: region.into(),
        };
        self.regions.door(&site, lane)
    }

    /// A group of ours.
    pub(crate) async fn group(&self, name: &str) -> SecurityGroup {
        self.cloud.create_group(&new_group(name)).await.unwrap()
    }

    /// A running instance of ours, with a group of its own.
    pub(crate) async fn instance(&self, label: &str) -> Instance {
        let group = self.group(&format!("yagura-{label}")).await;
        let instance = self.cloud.launch(&launch(label, &group)).await.unwrap();
        self.advance(Duration::from_secs(60));
        self.cloud.find_instance(&instance.id).await.unwrap().unwrap()
    }

    /// Someone else makes an image of an instance.
    pub(crate) async fn image(&self, id: &InstanceId) -> ImageId {
        let made = self
            .stranger()
            .create_image()
            .instance_id(id.as_str())
            .name("by hand");
        let made = made.no_reboot(true).send().await.unwrap();
        ImageId::new(made.image_id.unwrap())
    }

    /// Someone else makes an image that uses a snapshot.
    pub(crate) async fn image_from(&self, snapshot: &str) -> ImageId {
        let ebs = EbsBlockDevice::builder().snapshot_id(snapshot).build();
        let root = BlockDeviceMapping::builder().device_name("/dev/xvda").ebs(ebs);
        let request = self.stranger().register_image().name("restore");
        let request = request.root_device_name("/dev/xvda");
        let made = request.block_device_mappings(root.build()).send().await.unwrap();
        ImageId::new(made.image_id.unwrap())
    }

    /// Someone else deregisters an image.
    pub(crate) async fn deregister(&self, id: &ImageId) {
        let request = self.stranger().deregister_image().image_id(id.as_str());
        request.send().await.unwrap();
    }

    /// Someone else takes a tag away.
    pub(crate) async fn untag(&self, id: &str, key: &str) {
        let request = self.stranger().delete_tags().resources(id);
        request
            .tags(Tag::builder().key(key).build())
            .send()
            .await
            .unwrap();
    }

    /// Someone else terminates an instance, its protection first.
    pub(crate) async fn terminate(&self, id: &InstanceId) {
        let off = AttributeBooleanValue::builder().value(false).build();
        let request = self
            .stranger()
            .modify_instance_attribute()
            .instance_id(id.as_str());
        request.disable_api_termination(off).send().await.unwrap();
        let request = self.stranger().terminate_instances().instance_ids(id.as_str());
        request.send().await.unwrap();
    }

    /// Someone else stops an instance, and it is stopped.
    pub(crate) async fn stop(&self, id: &InstanceId) {
        let request = self.stranger().stop_instances().instance_ids(id.as_str());
        request.send().await.unwrap();
        self.advance(Duration::from_secs(60));
    }

    /// Someone else starts an instance, and it runs.
    pub(crate) async fn start(&self, id: &InstanceId) {
        let request = self.stranger().start_instances().instance_ids(id.as_str());
        request.send().await.unwrap();
        self.advance(Duration::from_secs(60));
    }

    /// Someone else gives a stopped instance another type.
    pub(crate) async fn resize(&self, id: &InstanceId, instance_type: &str) {
        let value = AttributeValue::builder().value(instance_type).build();
        let request = self.stranger().modify_instance_attribute();
        let request = request.instance_id(id.as_str()).instance_type(value);
        request.send().await.unwrap();
    }

    /// Someone else tags anything.
    pub(crate) async fn tag(&self, id: &str, key: &str, value: &str) {
        let request = self.stranger().create_tags().resources(id);
        let tag = Tag::builder().key(key).value(value).build();
        request.tags(tag).send().await.unwrap();
    }

    /// Someone else locks a snapshot until then.
    pub(crate) async fn lock(&self, id: &SnapshotId, until: Timestamp) {
        let request = self.stranger().lock_snapshot().snapshot_id(id.as_str());
        let request = request.lock_mode(LockMode::Governance);
        let request = request.expiration_date(DateTime::from_secs(until.as_second()));
        request.send().await.unwrap();
    }

    /// Someone else makes a snapshot of a volume, with these tags.
    pub(crate) async fn snapshot(&self, volume: &VolumeId, tags: &Tags) {
        let tags = super::convert::tag_specification(ResourceType::Snapshot, tags);
        let request = self.stranger().create_snapshot().volume_id(volume.as_str());
        request.tag_specifications(tags).send().await.unwrap();
    }

    /// Someone gets an Elastic IP with these tags: its allocation and the address.
    pub(crate) async fn elastic_ip(&self, tags: &Tags) -> (AllocationId, String) {
        let tags = super::convert::tag_specification(ResourceType::ElasticIp, tags);
        let request = self.stranger().allocate_address().tag_specifications(tags);
        let made = request.send().await.unwrap();
        let id = AllocationId::new(made.allocation_id.unwrap());
        (id, made.public_ip.unwrap())
    }

    /// Someone else launches an instance by hand, with these tags on it and on its volumes and nothing of ours.
    pub(crate) async fn foreign_instance(&self, tags: &Tags) -> Instance {
        let tagged = [ResourceType::Instance, ResourceType::Volume];
        let tagged = tagged.map(|kind| super::convert::tag_specification(kind, tags));
        let request = self.stranger().run_instances().min_count(1).max_count(1);
        let request = request.image_id(simaws::DEFAULT_IMAGE_ID);
        let request = request.subnet_id(simaws::DEFAULT_SUBNET_ID);
        let request = request.instance_type(InstanceType::M6iLarge);
        let tagged = tagged.into_iter().filter(|_| !tags.is_empty());
        let request = request.set_tag_specifications(Some(tagged.collect()));
        let made = request.send().await.unwrap().instances.unwrap();
        let id = InstanceId::new(made[0].instance_id.clone().unwrap());
        self.advance(Duration::from_secs(60));
        self.cloud.find_instance(&id).await.unwrap().unwrap()
    }

    /// Someone else takes the protection from an instance, and lets its volumes go with it.
    pub(crate) async fn weaken(&self, instance: &Instance) {
        let off = AttributeBooleanValue::builder().value(false).build();
        let request = self.stranger().modify_instance_attribute();
        let request = request.instance_id(instance.id.as_str());
        request.disable_api_termination(off).send().await.unwrap();
        let mappings = instance.volumes.iter().map(|volume| {
            let ebs = EbsInstanceBlockDeviceSpecification::builder().delete_on_termination(true);
            let mapping = InstanceBlockDeviceMappingSpecification::builder().device_name(&volume.device);
            mapping.ebs(ebs.build()).build()
        });
        let request = self.stranger().modify_instance_attribute();
        let request = request.instance_id(instance.id.as_str());
        let request = request.set_block_device_mappings(Some(mappings.collect()));
        request.send().await.unwrap();
    }

    /// Someone makes a vault, with a lock that keeps for so many days at the least.
    pub(crate) async fn vault(&self, name: &str, min_days: Option<i64>) {
        let vaults = self.stranger_to_backup();
        let made = vaults.create_backup_vault().backup_vault_name(name);
        made.send().await.unwrap();
        if let Some(days) = min_days {
            let lock = vaults.put_backup_vault_lock_configuration();
            let lock = lock.backup_vault_name(name).min_retention_days(days);
            lock.send().await.unwrap();
        }
    }

    /// Someone else has an instance backed up by AWS Backup.
    pub(crate) async fn foreign_backup(&self, id: &InstanceId, vault: &str) {
        // Those of the simulation where nothing else is said.
        let (region, account) = ("ap-northeast-1", "111122223333");
        let job = self.stranger_to_backup().start_backup_job();
        let job = job
            .backup_vault_name(vault)
            .resource_arn(format!("arn:aws:ec2:{region}:{account}:instance/{id}"))
            .iam_role_arn(format!("arn:aws:iam::{account}:role/backup"));
        job.send().await.unwrap();
    }

    /// Another client of the same AWS Backup.
    pub(crate) fn stranger_to_backup(&self) -> aws_sdk_backup::Client {
        aws_sdk_backup::Client::new(&self.regions.config)
    }

    /// Another client of the same AWS.
    pub(crate) fn stranger(&self) -> aws_sdk_ec2::Client {
        aws_sdk_ec2::Client::new(&self.regions.config)
    }
}

/// What everything of ours carries.
pub(crate) fn our_tags(label: &str) -> Tags {
    let pairs = [
        (tags::CLUSTER, CLUSTER.to_owned()),
        (tags::LABEL, label.to_owned()),
        (tags::TENANT, format!("acme/{label}")),
        (tags::UID, format!("uid-{label}")),
    ];
    pairs.map(|(key, value)| (key.to_owned(), value)).into()
}

/// A group to be made in the default VPC.
pub(crate) fn new_group(name: &str) -> NewGroup {
    NewGroup {
        name: name.to_owned(),
        description: "made by a test".to_owned(),
        vpc_id: simaws::DEFAULT_VPC_ID.into(),
        tags: our_tags(name),
    }
}

/// A launch into the default subnet, with one volume besides the image's own.
pub(crate) fn launch(label: &str, group: &SecurityGroup) -> Launch {
    Launch {
        token: format!("token-{label}"),
        image_id: simaws::DEFAULT_IMAGE_ID.into(),
        instance_type: "m6i.large".to_owned(),
        subnet_id: simaws::DEFAULT_SUBNET_ID.into(),
        groups: [group.id.clone()].into(),
        volumes: vec![NewVolume {
            device: "/dev/sdf".to_owned(),
            size_gib: Some(20),
        }],
        kms_key_id: None,
        tags: our_tags(label),
    }
}

/// A rule that lets HTTPS in from this range.
pub(crate) fn https_from(range: &str) -> Rule {
    Rule {
        direction: Direction::Ingress,
        protocol: Protocol::Tcp,
        from_port: 443,
        to_port: 443,
        peer: Peer::Cidr(range.parse().unwrap()),
    }
}

/// Lets a call that waits for its answer go on until AWS has seen `calls` calls, then lets it time out.
pub(crate) async fn time_out<T>(stage: &Stage, operation: Operation, call: impl Future<Output = T>) -> T {
    let mut call = std::pin::pin!(call);
    let before = stage.calls_of(operation);
    while stage.calls_of(operation) == before {
        assert!(futures::poll!(call.as_mut()).is_pending());
        tokio::task::yield_now().await;
    }
    stage.clock.advance(Duration::from_secs(10));
    call.await
}
