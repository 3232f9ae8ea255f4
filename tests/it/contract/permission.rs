//! What is guaranteed of asking whether a call is permitted.

use std::collections::BTreeSet;

use yagura::cloud::{
    AllocationId, AssociationId, Direction, ImageId, Instance, InstanceId, Launch, Listable, MetadataOptions,
    NetworkInterfaceId, NewSnapshotSet, Permission, Probe, SecurityGroup, SecurityGroupId, SnapshotId,
};

use super::stand::{Stand, range, tcp};

/// The rule that is asked about when it comes to rules.
const ASKED: (i32, &str) = (443, "192.0.2.1/32");

const LISTABLE: [Listable; 12] = [
    Listable::Addresses,
    Listable::Images,
    Listable::InstanceStatus,
    Listable::Instances,
    Listable::Groups,
    Listable::Locks,
    Listable::RecycledSnapshots,
    Listable::RecycledVolumes,
    Listable::Snapshots,
    Listable::Subnets,
    Listable::Volumes,
    Listable::Vpcs,
];

/// What the questions are about: things that are there, none of which is as a call would leave it.
struct Ground {
    instance: Instance,
    /// A group that has the rule.
    open: SecurityGroup,
    /// A group that does not.
    closed: SecurityGroup,
    snapshot: SnapshotId,
    image: ImageId,
    /// An address that is on nothing.
    free: AllocationId,
    /// The place of an address that is on something.
    taken: AssociationId,
}

impl Ground {
    async fn prepare(stand: &Stand) -> Self {
        let instance = stand.instance("asked").await;
        stand.unprotect(&instance).await;
        let image = stand.image("imaged").await;
        stand.whole_image(&image).await;
        let (open, closed) = (stand.group("open").await, stand.group("closed").await);
        for direction in [Direction::Ingress, Direction::Egress] {
            let rule = tcp(direction, ASKED.0, range(ASKED.1));
            let rules = BTreeSet::from([rule]);
            stand.cloud.authorize(&open.id, direction, &rules).await.unwrap();
        }
        let stranger = &stand.stranger;
        let free = stranger.allocate_address().send().await.unwrap().allocation_id;
        let taken = stranger.allocate_address().send().await.unwrap().allocation_id;
        let other = stand.instance("addressed").await;
        let associate = stranger.associate_address().set_allocation_id(taken);
        let associate = associate.network_interface_id(other.interfaces[0].id.as_str());
        let taken = associate.send().await.unwrap().association_id;
        Self {
            free: AllocationId::new(free.unwrap()),
            taken: AssociationId::new(taken.unwrap()),
            instance,
            open,
            closed,
            snapshot: stand.plain_snapshot("asked").await,
            image,
        }
    }

    fn order(&self, stand: &Stand) -> Launch {
        stand.launch("another", &self.closed)
    }

    /// One question of each kind.
    fn probes(&self, stand: &Stand) -> Vec<Probe> {
        let instance = &self.instance;
        let weak = MetadataOptions {
            tokens_required: false,
            hop_limit: 3,
        };
        let set = NewSnapshotSet {
            instance_id: instance.id.clone(),
            description: stand.name("asked"),
            tags: stand.our_tags("asked"),
        };
        let groups = BTreeSet::from([self.closed.id.clone()]);
        let mut probes = vec![
            Probe::Launch(self.order(stand)),
            Probe::CreateGroup(stand.new_group("another")),
            Probe::Authorize(self.closed.id.clone(), Direction::Ingress),
            Probe::Authorize(self.closed.id.clone(), Direction::Egress),
            Probe::Revoke(self.open.id.clone(), Direction::Ingress),
            Probe::Revoke(self.open.id.clone(), Direction::Egress),
            Probe::SetTags(instance.id.to_string(), stand.our_tags("changed")),
            Probe::CreateSnapshots(set),
            Probe::Protect(instance.id.clone()),
            Probe::SetMetadataOptions(instance.id.clone(), weak),
            Probe::SetInterfaceGroups(instance.interfaces[0].id.clone(), groups),
            Probe::ReadProtection(instance.id.clone()),
            Probe::DeleteTags(instance.id.to_string()),
            Probe::Stop(instance.id.clone()),
            Probe::Start(instance.id.clone()),
            Probe::Reboot(instance.id.clone()),
            Probe::Terminate(instance.id.clone()),
            Probe::GrowVolume(instance.volumes[0].id.clone(), 100),
            Probe::DeleteVolume(instance.volumes[0].id.clone()),
            Probe::DeleteGroup(self.closed.id.clone()),
            Probe::AssociateAddress(self.free.clone(), instance.interfaces[0].id.clone()),
            Probe::DisassociateAddress(self.taken.clone()),
            Probe::DeleteSnapshot(self.snapshot.clone()),
            Probe::LockSnapshot(self.snapshot.clone()),
            Probe::ReadSnapshotSharing(self.snapshot.clone()),
            Probe::UnshareSnapshot(self.snapshot.clone()),
            Probe::ReadImageSharing(self.image.clone()),
            Probe::UnshareImage(self.image.clone()),
        ];
        probes.extend(LISTABLE.map(Probe::List));
        probes
    }
}

/// Whether every emulator knows that a question of this kind is none of these calls.
fn is_understood_everywhere(probe: &Probe) -> bool {
    matches!(
        probe,
        Probe::Launch(_)
            | Probe::Authorize(_, Direction::Ingress)
            | Probe::SetTags(..)
            | Probe::Protect(_)
            | Probe::List(Listable::Instances)
    )
}

pub(super) async fn what_is_permitted_is_said_to_be(stand: &Stand) {
    let ground = Ground::prepare(stand).await;
    let mut probes = ground.probes(stand);
    probes.retain(is_understood_everywhere);
    assert_eq!(probes.len(), 5);
    are_permitted(stand, &ground, &probes).await;
}

pub(super) async fn every_call_can_be_asked_for(stand: &Stand) {
    let ground = Ground::prepare(stand).await;
    are_permitted(stand, &ground, &ground.probes(stand)).await;
    let locks = stand.cloud.list_locks().await.unwrap().items;
    assert!(locks.iter().all(|lock| lock.id != ground.snapshot), "{locks:?}");
}

async fn are_permitted(stand: &Stand, ground: &Ground, probes: &[Probe]) {
    let before = picture(stand, ground).await;
    for probe in probes {
        let permission = stand.cloud.permission(probe).await;
        assert_eq!(permission, Ok(Permission::Permitted), "{probe:?}");
    }
    let after = picture(stand, ground).await;
    let changed: Vec<_> = before.symmetric_difference(&after).collect();
    assert!(changed.is_empty(), "a question changed something: {changed:#?}");
}

/// Everything of ours.
async fn picture(stand: &Stand, ground: &Ground) -> BTreeSet<String> {
    let mut all = BTreeSet::new();
    let instances = stand.listed_instances().await.unwrap();
    all.extend(instances.iter().map(|one| format!("{one:?}")));
    let groups = stand.listed_groups().await.unwrap();
    all.extend(groups.iter().map(|one| format!("{one:?}")));
    let volumes = stand.listed_volumes().await.unwrap();
    all.extend(volumes.iter().map(|one| format!("{one:?}")));
    let snapshots = stand.listed_snapshots().await.unwrap();
    all.extend(snapshots.iter().map(|one| format!("{one:?}")));
    let images = stand.cloud.list_images().await.unwrap().items;
    all.extend(images.iter().map(|one| format!("{one:?}")));
    let addresses = stand.cloud.list_addresses().await.unwrap().items;
    all.extend(addresses.iter().map(|one| format!("{one:?}")));
    let is_protected = stand.cloud.is_protected(&ground.instance.id).await.unwrap();
    all.insert(format!("protected: {is_protected}"));
    all
}

pub(super) async fn what_is_denied_is_said_to_be(stand: &Stand) {
    let ground = Ground::prepare(stand).await;
    let before = picture(stand, &ground).await;
    for probe in ground.probes(stand) {
        let answer = stand.cloud.permission(&probe);
        let permission = stand.denying(probe.operation(), answer).await;
        assert_eq!(permission, Ok(Permission::Denied), "{probe:?}");
    }
    assert_eq!(picture(stand, &ground).await, before);
}

pub(super) async fn of_an_image_that_is_not_there_nothing_is_known(stand: &Stand) {
    let mut order = stand.launch("image", &stand.group("image").await);
    order.image_id = "ami-0abcdef0123456789".into();
    let permission = stand.cloud.permission(&Probe::Launch(order)).await;
    assert_eq!(permission, Ok(Permission::NotKnown));
}

pub(super) async fn of_what_is_not_there_nothing_is_known(stand: &Stand) {
    let ground = Ground::prepare(stand).await;
    let instance = InstanceId::from("i-0abcdef0123456789");
    let group = SecurityGroupId::from("sg-0abcdef0123456789");
    let set = NewSnapshotSet {
        instance_id: instance.clone(),
        description: stand.name("nowhere"),
        tags: stand.our_tags("nowhere"),
    };
    let mut order = ground.order(stand);
    order.subnet_id = "subnet-0abcdef0123456789".into();
    let probes = [
        Probe::Launch(order),
        Probe::Authorize(group.clone(), Direction::Ingress),
        Probe::Authorize(group.clone(), Direction::Egress),
        Probe::Revoke(group.clone(), Direction::Ingress),
        Probe::Revoke(group.clone(), Direction::Egress),
        Probe::SetTags(instance.to_string(), stand.our_tags("nowhere")),
        Probe::CreateSnapshots(set),
        Probe::Protect(instance.clone()),
        Probe::SetMetadataOptions(instance.clone(), ground.instance.metadata),
        Probe::SetInterfaceGroups(
            NetworkInterfaceId::from("eni-0abcdef0123456789"),
            BTreeSet::from([ground.closed.id.clone()]),
        ),
        Probe::DeleteTags(instance.to_string()),
        Probe::Stop(instance.clone()),
        Probe::Start(instance.clone()),
        Probe::Reboot(instance.clone()),
        Probe::Terminate(instance.clone()),
        Probe::GrowVolume("vol-0abcdef0123456789".into(), 100),
        Probe::DeleteVolume("vol-0abcdef0123456789".into()),
        Probe::DeleteGroup(group.clone()),
        Probe::AssociateAddress(
            "eipalloc-0abcdef0123456789".into(),
            ground.instance.interfaces[0].id.clone(),
        ),
        Probe::DisassociateAddress("eipassoc-0abcdef0123456789".into()),
        Probe::ReadProtection(instance),
        Probe::DeleteSnapshot("snap-0abcdef0123456789".into()),
        Probe::LockSnapshot("snap-0abcdef0123456789".into()),
        Probe::ReadSnapshotSharing("snap-0abcdef0123456789".into()),
        Probe::UnshareSnapshot("snap-0abcdef0123456789".into()),
        Probe::ReadImageSharing("ami-0abcdef0123456789".into()),
        Probe::UnshareImage("ami-0abcdef0123456789".into()),
    ];
    for probe in probes {
        let permission = stand.cloud.permission(&probe).await;
        assert_eq!(permission, Ok(Permission::NotKnown), "{probe:?}");
    }
}
