//! What is guaranteed of the door as a whole: its listings, its tags, and where it leads.

use std::{collections::BTreeSet, time::Duration};

use aws_sdk_ec2::types::{BlockDeviceMapping, EbsBlockDevice, ResourceType};
use futures::{StreamExt, TryStreamExt, stream};
use jiff::Timestamp;
use simaws::FaultKind;
use yagura::{
    clock::{Clock, ManualClock},
    cloud::{Account, Cloud, CloudError, ErrorKind, InstanceId, Lane, Operation, Site, Sites, Tags},
    governor::on_behalf_of,
};

use super::stand::{REGION, Stand, tagged};

/// One more than the largest page that AWS gives of groups, instances and snapshots.
const MORE_THAN_A_PAGE: usize = 1001;

/// With its root volume and those ordered, so many instances have more volumes than a page of AWS's holds (500),
/// and two snapshots of each are more than a page of snapshots.
const INSTANCES: i32 = 24;
const VOLUMES_ORDERED: u8 = 20;

/// Each is all of one kind.
const LISTINGS: [Operation; 4] = [
    Operation::DescribeInstances,
    Operation::DescribeSecurityGroups,
    Operation::DescribeVolumes,
    Operation::DescribeSnapshots,
];

pub(super) async fn of_many_who_ask_each_has_a_turn_and_nothing_is_called(stand: &Stand) {
    let clock = ManualClock::new("2031-05-01T00:00:00Z".parse().unwrap());
    let sites = stand.governed(&clock).await;
    let site = Site::own(REGION);
    let door = sites.door(&site, Lane::Backup);
    clock.advance(Duration::from_secs(3600));
    let (at_once, turns) = asked(&*door, "one").await;
    assert!(at_once >= 60 && turns.len() >= 100, "{at_once}, {}", turns.len());
    assert!(
        turns.is_sorted_by(|one, next| one < next),
        "each has its own turn: {turns:?}"
    );
    // A caller of several calls has the turn of the last of them.
    let several = door.book_calls(Operation::CreateSnapshots, 8);
    let several = on_behalf_of("several", several).await.unwrap_err().turn_at;
    let next = on_behalf_of("next", door.book(Operation::CreateSnapshots)).await;
    assert!(next.unwrap_err().turn_at > several);
    // Whom nobody can tell to come back stands in line.
    assert_eq!(door.book(Operation::CreateSnapshots).await, Ok(()));
}

pub(super) async fn after_a_slot_more_are_let_through_there_and_nowhere_else(stand: &Stand) {
    let clock = ManualClock::new("2031-05-01T00:00:00Z".parse().unwrap());
    let sites = stand.governed(&clock).await;
    let (here, there) = (Site::own(REGION), Site::own("ap-northeast-3"));
    let doors = [&here, &there].map(|site| sites.door(site, Lane::Backup));
    sites.slot_began(&here, clock.now());
    clock.advance(Duration::from_secs(600));
    let (rushed, _) = asked(&*doors[0], "one").await;
    let (shared, _) = asked(&*doors[1], "one").await;
    assert!(rushed > shared + 10, "{rushed} and {shared}");
}

/// Two hundred ask for a turn: how many have it at once, and when the others come back.
async fn asked(door: &dyn Cloud, who: &str) -> (usize, Vec<Timestamp>) {
    let mut turns = Vec::new();
    let mut at_once = 0;
    for number in 0..200 {
        let asked = door.book(Operation::CreateSnapshots);
        match on_behalf_of(&format!("{who} {number}"), asked).await {
            Ok(()) => at_once += 1,
            Err(error) => {
                assert_eq!(error.code, "HeldBack");
                turns.push(error.turn_at.unwrap());
            }
        }
    }
    (at_once, turns)
}

pub(super) async fn every_lane_leads_to_one_site(stand: &Stand) {
    let group = stand.group("here").await;
    for lane in Lane::ALL {
        let door = stand.sites.door(&Site::own(REGION), lane);
        assert_eq!(door.find_group(&group.id).await, Ok(Some(group.clone())));
    }
    let elsewhere = stand.sites.door(&Site::own("eu-central-1"), Lane::Drift);
    assert_eq!(elsewhere.find_group(&group.id).await, Ok(None));
    assert_eq!(elsewhere.list_groups().await.unwrap().items, []);
}

pub(super) async fn a_role_leads_to_its_account(stand: &Stand) {
    let group = stand.group("own").await;
    let account = Account {
        role_arn: "arn:aws:iam::444455556666:role/yagura".to_owned(),
        external_id: Some("of-the-contract".to_owned()),
    };
    let site = Site {
        account: Some(account),
        region: REGION.into(),
    };
    let door = stand.sites.door(&site, Lane::Drift);
    assert_eq!(door.find_group(&group.id).await, Ok(None));
    assert_eq!(door.list_groups().await.unwrap().items, []);
}

pub(super) async fn a_listing_has_every_page(stand: &Stand) {
    stand.needs_room();
    let bare = i32::try_from(MORE_THAN_A_PAGE).unwrap() - INSTANCES;
    run(stand, bare, Vec::new()).await;
    let volumes = (0..VOLUMES_ORDERED).map(|number| {
        let device = format!("/dev/sd{}", char::from(b'f' + number));
        let ebs = EbsBlockDevice::builder().volume_size(1).build();
        BlockDeviceMapping::builder().device_name(device).ebs(ebs).build()
    });
    let instances = run(stand, INSTANCES, volumes.collect()).await;
    let tags = stand.our_tags("page");
    let mut taken = BTreeSet::new();
    for instance in instances.iter().chain(&instances) {
        taken.extend(stand.snapshots(instance, "page", &tags).await);
    }
    let listed = stand.listed_instances().await.unwrap();
    let listed: BTreeSet<_> = listed.into_iter().map(|instance| instance.id).collect();
    assert_eq!(listed.len(), MORE_THAN_A_PAGE);
    let each = usize::from(VOLUMES_ORDERED) + 1;
    let volumes = stand.listed_volumes().await.unwrap();
    let volumes: BTreeSet<_> = volumes.into_iter().map(|volume| volume.id).collect();
    assert!(
        volumes.len() >= instances.len() * each,
        "{} volumes",
        volumes.len()
    );
    let snapshots = stand.listed_snapshots().await.unwrap();
    let snapshots: BTreeSet<_> = snapshots.into_iter().map(|snapshot| snapshot.id).collect();
    assert_eq!(taken.len(), 2 * instances.len() * each);
    assert_eq!(snapshots, taken);
}

pub(super) async fn a_listing_of_groups_has_every_page(stand: &Stand) {
    stand.needs_room();
    let orders = (0..MORE_THAN_A_PAGE).map(|number| stand.new_group(&number.to_string()));
    let made: Vec<()> = stream::iter(orders)
        .map(|order| async move {
            let request = stand.stranger.create_security_group();
            let request = request.group_name(&order.name).description(&order.description);
            let request = request.vpc_id(order.vpc_id.as_str());
            let tags = tagged(ResourceType::SecurityGroup, &order.tags);
            request.tag_specifications(tags).send().await.map(drop)
        })
        .buffer_unordered(16)
        .try_collect()
        .await
        .unwrap();
    let listed = stand.listed_groups().await.unwrap();
    let listed: BTreeSet<_> = listed.into_iter().map(|group| group.id).collect();
    assert_eq!(listed.len(), made.len());
}

pub(super) async fn a_listing_cut_short_is_an_error(stand: &Stand) {
    with_something_to_list(stand).await;
    for operation in LISTINGS {
        stand.fault(operation, FaultKind::Truncate);
        let cut = list(stand, operation).await.unwrap_err();
        assert_eq!((cut.operation, cut.kind), (operation, ErrorKind::Transient));
        assert!(list(stand, operation).await.unwrap() > 0);
    }
}

pub(super) async fn a_listing_without_end_is_an_error(stand: &Stand) {
    with_something_to_list(stand).await;
    for operation in LISTINGS {
        stand.fault(operation, FaultKind::EndlessToken);
        let endless = list(stand, operation).await.unwrap_err();
        assert_eq!((endless.operation, endless.kind), (operation, ErrorKind::Defect));
        assert!(list(stand, operation).await.unwrap() > 0);
    }
}

pub(super) async fn tags_can_be_set_twice_on_anything(stand: &Stand) {
    let instance = stand.instance("tags").await;
    let group = stand.group("group").await;
    let volume = instance.volumes[0].id.clone();
    let ids = [instance.id.to_string(), group.id.to_string(), volume.to_string()];
    let tags = Tags::from([
        ("extra".to_owned(), String::new()),
        ("yagura.dev/label".to_owned(), "changed".to_owned()),
    ]);
    let mut expected = stand.our_tags("tags");
    expected.extend(tags.clone());
    for _ in 0..2 {
        stand.cloud.set_tags(&ids, &tags).await.unwrap();
        assert_eq!(stand.look(&instance).await.tags, expected);
        let group = stand.cloud.find_group(&group.id).await.unwrap().unwrap();
        assert_eq!(group.tags, expected);
        let volumes = stand.listed_volumes().await.unwrap();
        let volume = volumes.iter().find(|one| one.id == volume).unwrap();
        assert_eq!(volume.tags, expected);
    }
}

pub(super) async fn tags_that_are_named_are_taken_and_no_others(stand: &Stand) {
    let (instance, group) = (stand.instance("taken").await, stand.group("taken group").await);
    let ids = [instance.id.to_string(), group.id.to_string()];
    let extra = [("one", "1"), ("two", "2")].map(|(key, value)| (key.to_owned(), value.to_owned()));
    stand.cloud.set_tags(&ids, &extra.into()).await.unwrap();
    stand.cloud.delete_tags(&ids, &[]).await.unwrap();
    assert_eq!(stand.look(&instance).await.tags.len(), instance.tags.len() + 2);
    for _ in 0..2 {
        stand.cloud.delete_tags(&ids, &["one", "two"]).await.unwrap();
        assert_eq!(stand.look(&instance).await.tags, instance.tags);
        let group_now = stand.cloud.find_group(&group.id).await.unwrap().unwrap();
        assert_eq!(group_now.tags, group.tags);
    }
}

pub(super) async fn what_is_not_there_cannot_be_tagged(stand: &Stand) {
    let tags = stand.our_tags("nowhere");
    for id in [
        "i-0abcdef0123456789",
        "sg-0abcdef0123456789",
        "vol-0abcdef0123456789",
    ] {
        let refused = stand.cloud.set_tags(&[id.to_owned()], &tags).await;
        assert_eq!(refused.unwrap_err().kind, ErrorKind::NotFound, "{id}");
    }
}

async fn with_something_to_list(stand: &Stand) {
    let instance = stand.instance("listed").await;
    let tags = stand.our_tags("listed");
    stand.snapshots(&instance.id, "listed", &tags).await;
}

/// How much a listing has.
async fn list(stand: &Stand, operation: Operation) -> Result<usize, CloudError> {
    match operation {
        Operation::DescribeInstances => stand.listed_instances().await.map(|all| all.len()),
        Operation::DescribeSecurityGroups => stand.listed_groups().await.map(|all| all.len()),
        Operation::DescribeVolumes => stand.listed_volumes().await.map(|all| all.len()),
        Operation::DescribeSnapshots => stand.listed_snapshots().await.map(|all| all.len()),
        _ => unreachable!("{operation} lists nothing of ours"),
    }
}

/// Somebody launches many instances in one call, in our name.
async fn run(stand: &Stand, count: i32, volumes: Vec<BlockDeviceMapping>) -> Vec<InstanceId> {
    let tagged = [ResourceType::Instance, ResourceType::Volume]
        .map(|resource| tagged(resource, &stand.our_tags("page")));
    let request = stand.stranger.run_instances();
    let request = request.min_count(count).max_count(count);
    let request = request.image_id(simaws::DEFAULT_IMAGE_ID);
    let request = request.subnet_id(stand.subnet.as_str());
    let request = request.instance_type(aws_sdk_ec2::types::InstanceType::M6iLarge);
    let request = request.set_block_device_mappings(Some(volumes));
    let request = request.set_tag_specifications(Some(tagged.into()));
    let made = request.send().await.unwrap().instances.unwrap();
    made.into_iter()
        .map(|instance| InstanceId::new(instance.instance_id.unwrap()))
        .collect()
}
