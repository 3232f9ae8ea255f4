//! What the door to AWS guarantees, on every way to AWS: in memory and over HTTP.
//!
//! The same suite runs on each, so that a test in memory stands for a process on the wire.

use std::{collections::BTreeSet, net::SocketAddr, sync::Arc};

use aws_smithy_runtime_api::client::http::SharedHttpClient;
use simaws::{FaultKind, FaultSpec, Sim};
use yagura::{
    aws::{AwsSites, Connection, Pace, Transport},
    clock::SystemClock,
    cloud::{
        Cloud, ClusterId, Direction, ErrorKind, Lane, Launch, MetadataOptions, NewGroup, NewSnapshotSet,
        NewVolume, Operation, Peer, Protocol, Rule, SecurityGroup, Sites, Tags,
    },
};

const CLUSTER: &str = "contract";

#[tokio::test]
async fn the_door_keeps_its_guarantees_in_memory() {
    let sim = Sim::new(simaws::Options::default());
    let client = SharedHttpClient::new(sim.connector());
    let cloud = door(Transport::InMemory(client)).await;
    guarantees(cloud.as_ref(), &sim).await;
}

#[tokio::test]
async fn the_door_keeps_its_guarantees_over_http() {
    let sim = Sim::new(simaws::Options::default());
    let any_port = SocketAddr::from(([127, 0, 0, 1], 0));
    let server = sim.serve(any_port).await.unwrap();
    let cloud = door(Transport::Endpoint(server.url())).await;
    guarantees(cloud.as_ref(), &sim).await;
    // On the wire a lost answer is a broken connection, seen at once; in memory only the timeout ends the wait.
    a_lost_launch_is_found_by_its_token(cloud.as_ref(), &sim).await;
}

async fn door(transport: Transport) -> Arc<dyn Cloud> {
    let regions = AwsSites::connect(Connection {
        transport,
        cluster: ClusterId::from(CLUSTER),
        clock: Arc::new(SystemClock),
        observer: Arc::new(|_, _| {}),
        pace: Pace::Free,
    });
    regions.await.door(&"ap-northeast-1".into(), Lane::Drift)
}

async fn guarantees(cloud: &dyn Cloud, sim: &Sim) {
    a_launch_is_made_once(cloud).await;
    a_group_is_made_once(cloud).await;
    rules_come_and_go_all_or_none(cloud).await;
    a_repeated_setting_changes_nothing(cloud).await;
    a_set_holds_every_volume(cloud).await;
    what_is_not_there_is_not_found(cloud).await;
    an_answer_cut_short_is_an_error(cloud, sim).await;
}

async fn a_launch_is_made_once(cloud: &dyn Cloud) {
    let group = cloud.create_group(&new_group("launch")).await.unwrap();
    let mut order = launch("launch", &group);
    let first = cloud.launch(&order).await.unwrap();
    assert_eq!(cloud.launch(&order).await.unwrap().id, first.id);
    let found = cloud.find_launched(&order.token).await.unwrap();
    assert_eq!(found.len(), 1);
    assert!(cloud.is_protected(&first.id).await.unwrap());
    assert!(
        cloud
            .list_volumes()
            .await
            .unwrap()
            .items
            .iter()
            .all(|volume| volume.encrypted)
    );
    order.volumes.clear();
    let refused = cloud.launch(&order).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::TokenReused);
}

async fn a_group_is_made_once(cloud: &dyn Cloud) {
    let order = new_group("once");
    let group = cloud.create_group(&order).await.unwrap();
    let refused = cloud.create_group(&order).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Duplicate);
    let found = cloud.find_group_named(&order.vpc_id, "once").await.unwrap();
    assert_eq!(found, Some(group));
}

async fn rules_come_and_go_all_or_none(cloud: &dyn Cloud) {
    let group = cloud.create_group(&new_group("rules")).await.unwrap();
    let one = BTreeSet::from([https_from("198.51.100.0/24")]);
    let both = BTreeSet::from([https_from("198.51.100.0/24"), https_from("2001:db8::/32")]);
    cloud
        .authorize(&group.id, Direction::Ingress, &one)
        .await
        .unwrap();
    let refused = cloud
        .authorize(&group.id, Direction::Ingress, &both)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::Duplicate);
    assert_eq!(ingress(cloud, &group).await, one);
    cloud.revoke(&group.id, Direction::Ingress, &one).await.unwrap();
    assert!(ingress(cloud, &group).await.is_empty());
    let refused = cloud
        .revoke(&group.id, Direction::Ingress, &one)
        .await
        .unwrap_err();
    assert_eq!(refused.kind, ErrorKind::NotFound);
    cloud
        .revoke(&group.id, Direction::Egress, &group.rules)
        .await
        .unwrap();
    let bare = cloud.find_group(&group.id).await.unwrap().unwrap();
    assert!(bare.rules.is_empty());
}

async fn a_repeated_setting_changes_nothing(cloud: &dyn Cloud) {
    let group = cloud.create_group(&new_group("settings")).await.unwrap();
    let launched = cloud.launch(&launch("settings", &group)).await.unwrap();
    let id = launched.id;
    let other = cloud.create_group(&new_group("settings-other")).await.unwrap();
    let groups = BTreeSet::from([other.id]);
    let options = MetadataOptions {
        tokens_required: true,
        hop_limit: 2,
    };
    let tags = Tags::from([("extra".to_owned(), String::new())]);
    let mut seen = Vec::new();
    for _ in 0..2 {
        let instance = cloud.find_instance(&id).await.unwrap().unwrap();
        cloud
            .set_interface_groups(&instance.interfaces[0].id, &groups)
            .await
            .unwrap();
        cloud.set_metadata_options(&id, options).await.unwrap();
        cloud.keep_volumes(&id, &instance.volumes).await.unwrap();
        cloud.protect(&id).await.unwrap();
        cloud.set_tags(&[id.to_string()], &tags).await.unwrap();
        let after = cloud.find_instance(&id).await.unwrap().unwrap();
        assert_eq!(after.interfaces[0].groups, groups);
        assert_eq!(after.metadata, options);
        assert!(after.tags.contains_key("extra"));
        seen.push((after.interfaces, after.metadata, after.tags));
    }
    assert_eq!(seen[0], seen[1]);
}

async fn a_set_holds_every_volume(cloud: &dyn Cloud) {
    let group = cloud.create_group(&new_group("set")).await.unwrap();
    let launched = cloud.launch(&launch("set", &group)).await.unwrap();
    let order = NewSnapshotSet {
        instance_id: launched.id.clone(),
        description: "set-of-the-contract".to_owned(),
        tags: our_tags("set"),
    };
    let made = cloud.create_snapshots(&order).await.unwrap();
    let instance = cloud.find_instance(&launched.id).await.unwrap().unwrap();
    let volumes: BTreeSet<_> = instance.volumes.iter().map(|volume| &volume.id).collect();
    assert_eq!(
        made.iter().map(|one| &one.volume_id).collect::<BTreeSet<_>>(),
        volumes
    );
    let found = cloud.find_snapshots("set-of-the-contract").await.unwrap();
    assert_eq!(found.len(), made.len());
    assert!(found.iter().all(|one| one.tags == our_tags("set")));
}

async fn what_is_not_there_is_not_found(cloud: &dyn Cloud) {
    let instance = cloud.find_instance(&"i-0abcdef0123456789".into()).await;
    assert_eq!(instance, Ok(None));
    let group = cloud.find_group(&"sg-0abcdef0123456789".into()).await;
    assert_eq!(group, Ok(None));
    let subnet = cloud.find_subnet(&"subnet-0abcdef0123456789".into()).await;
    assert_eq!(subnet, Ok(None));
    let mut order = launch(
        "nowhere",
        &cloud.create_group(&new_group("nowhere")).await.unwrap(),
    );
    order.image_id = "ami-0abcdef0123456789".into();
    let refused = cloud.launch(&order).await.unwrap_err();
    assert_eq!(refused.kind, ErrorKind::InvalidSpec);
}

async fn an_answer_cut_short_is_an_error(cloud: &dyn Cloud, sim: &Sim) {
    fault(sim, Operation::DescribeSecurityGroups, FaultKind::Truncate);
    let cut = cloud.list_groups().await.unwrap_err();
    assert_eq!(cut.kind, ErrorKind::Transient);
    assert!(!cloud.list_groups().await.unwrap().items.is_empty());
}

async fn a_lost_launch_is_found_by_its_token(cloud: &dyn Cloud, sim: &Sim) {
    let group = cloud.create_group(&new_group("lost")).await.unwrap();
    let order = launch("lost", &group);
    fault(sim, Operation::RunInstances, FaultKind::Drop);
    let lost = cloud.launch(&order).await.unwrap_err();
    assert_eq!(lost.kind, ErrorKind::Lost);
    let found = cloud.find_launched(&order.token).await.unwrap();
    assert_eq!(found.len(), 1);
    assert_eq!(cloud.launch(&order).await.unwrap().id, found[0].id);
}

fn fault(sim: &Sim, operation: Operation, kind: FaultKind) {
    sim.add_fault(FaultSpec::new(operation.to_string(), kind));
}

async fn ingress(cloud: &dyn Cloud, group: &SecurityGroup) -> BTreeSet<Rule> {
    let group = cloud.find_group(&group.id).await.unwrap().unwrap();
    let ingress = |rule: &Rule| rule.direction == Direction::Ingress;
    group.rules.into_iter().filter(ingress).collect()
}

fn our_tags(name: &str) -> Tags {
    let pairs = [("yagura.dev/cluster", CLUSTER), ("yagura.dev/label", name)];
    pairs
        .map(|(key, value)| (key.to_owned(), value.to_owned()))
        .into()
}

fn new_group(name: &str) -> NewGroup {
    NewGroup {
        name: name.to_owned(),
        description: "made by the contract suite".to_owned(),
        vpc_id: simaws::DEFAULT_VPC_ID.into(),
        tags: our_tags(name),
    }
}

fn launch(name: &str, group: &SecurityGroup) -> Launch {
    Launch {
        token: format!("token-{name}"),
        image_id: simaws::DEFAULT_IMAGE_ID.into(),
        instance_type: "m6i.large".to_owned(),
        subnet_id: simaws::DEFAULT_SUBNET_ID.into(),
        groups: [group.id.clone()].into(),
        volumes: vec![NewVolume {
            device: "/dev/sdf".to_owned(),
            size_gib: Some(8),
        }],
        kms_key_id: None,
        tags: our_tags(name),
    }
}

fn https_from(range: &str) -> Rule {
    Rule {
        direction: Direction::Ingress,
        protocol: Protocol::Tcp,
        from_port: 443,
        to_port: 443,
        peer: Peer::Cidr(range.parse().unwrap()),
    }
}
