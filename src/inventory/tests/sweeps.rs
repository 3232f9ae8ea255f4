use std::{
    collections::BTreeSet,
    sync::{Arc, Mutex},
    time::Duration,
};

use simaws::FaultKind;

use super::super::{Effect, Inventories, Inventory, ListingKind, Owner, Swept};
use crate::{
    api::names::tags,
    aws::stage::{CLUSTER, Stage, https_from, launch, time_out},
    clock::{Clock, ManualClock, later},
    cloud::{ClusterId, Direction, InstanceState, MetadataOptions, Observed, Operation, Site, StatusCheck},
};

const PERIOD: Duration = Duration::from_secs(30);

/// All but jobs and vaults, which nobody watches here.
const KINDS: usize = ListingKind::ALL.len() - 2;

/// What comes a second time soon: all of these but the rotation, which tells nothing absent.
const SOON: usize = KINDS - 1;

/// What comes every period: all of these but locks and images.
const EVERY_TIME: usize = KINDS - 2;

fn inventory(stage: &Stage) -> Inventory {
    let clock = Arc::<ManualClock>::clone(&stage.clock);
    Inventory::new(Arc::clone(&stage.cloud), clock, ClusterId::from(CLUSTER))
}

fn tenant(label: &str) -> Owner {
    Owner::Tenant(format!("acme/{label}"))
}

#[tokio::test]
async fn a_sweep_finds_everything_of_ours_and_the_next_one_nothing_new() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let inventory = inventory(&stage);
    assert!(!inventory.has_swept());
    let first = inventory.sweep().await;
    assert!(inventory.has_swept());
    assert!(first.changed.contains(&tenant("web")));
    let view = inventory.view();
    assert_eq!(view.instance(&instance.id), Observed::Present(&instance));
    assert_eq!(view.instances_of("uid-web"), Observed::Present(vec![&instance]));
    assert_eq!(view.volumes_of(&instance.id).present().map(Vec::len), Some(2));
    assert_eq!(view.protected(&instance.id), Observed::Present(true));
    let named = view.groups_tagged(tags::TENANT, "acme/yagura-web");
    assert_eq!(named.present().map(Vec::len), Some(1));
    stage.advance(PERIOD);
    let second = inventory.sweep().await;
    assert!(second.changed.is_empty(), "{second:?}");
    assert!(second.became_conclusive && second.failed.is_empty());
}

#[tokio::test]
async fn tampering_is_told_by_the_next_sweep() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    stage.instance("other").await;
    let inventory = inventory(&stage);
    inventory.sweep().await;
    stage.weaken(&instance).await;
    stage.advance(PERIOD);
    let swept = inventory.sweep().await;
    assert_eq!(swept.changed, BTreeSet::from([tenant("web")]));
    assert_eq!(inventory.view().protected(&instance.id), Observed::Present(false));
}

#[tokio::test]
async fn an_instance_whose_cluster_tag_was_taken_vanishes_slowly_and_a_look_brings_it_back() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let inventory = inventory(&stage);
    inventory.sweep().await;
    stage.untag(instance.id.as_str(), tags::CLUSTER).await;
    assert!(inventory.sweep().await.changed.contains(&tenant("web")));
    assert_eq!(inventory.view().instance(&instance.id), Observed::Unknown);
    assert!(inventory.sweep().await.changed.contains(&tenant("web")));
    assert_eq!(inventory.view().instance(&instance.id), Observed::Absent);
    let found = stage.cloud.find_instance(&instance.id).await.unwrap().unwrap();
    inventory.record(Effect::Seen(found.clone()));
    assert_eq!(inventory.view().instance(&instance.id), Observed::Present(&found));
    // Set right, the listings take over.
    let tag = [(tags::CLUSTER.to_owned(), CLUSTER.to_owned())].into();
    stage
        .cloud
        .set_tags(&[instance.id.to_string()], &tag)
        .await
        .unwrap();
    inventory.record(Effect::Tagged {
        id: instance.id.to_string(),
        tags: tag,
    });
    assert_eq!(
        inventory.view().instance(&instance.id),
        Observed::Present(&instance)
    );
    inventory.sweep().await;
    assert_eq!(
        inventory.view().instance(&instance.id),
        Observed::Present(&instance)
    );
}

#[tokio::test]
async fn a_terminated_instance_is_shown_as_that() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let inventory = inventory(&stage);
    inventory.sweep().await;
    stage.terminate(&instance.id).await;
    stage.advance(Duration::from_secs(60));
    assert!(inventory.sweep().await.changed.contains(&tenant("web")));
    let view = inventory.view();
    let found = view.instance(&instance.id);
    assert_eq!(
        found.present().map(|one| one.state),
        Some(InstanceState::Terminated)
    );
}

#[tokio::test]
async fn a_launch_is_seen_while_aws_does_not_show_it_yet() {
    let stage = Stage::new().await;
    let inventory = inventory(&stage);
    let group = stage.group("web").await;
    inventory.sweep().await;
    inventory.sweep().await;
    stage.sim.set_describe_lag(Duration::from_secs(100));
    let launched = stage.cloud.launch(&launch("web", &group)).await.unwrap();
    inventory.record(Effect::Launched(launched.clone()));
    stage.advance(PERIOD);
    inventory.sweep().await;
    let view = inventory.view();
    assert_eq!(view.instances_of("uid-web"), Observed::Present(vec![&launched]));
    assert_eq!(view.protected(&launched.id), Observed::Present(true));
    stage.advance(Duration::from_secs(100));
    assert!(inventory.sweep().await.changed.contains(&tenant("web")));
    let view = inventory.view();
    let found = view.instance(&launched.id);
    assert_eq!(found.present().map(|one| one.state), Some(InstanceState::Running));
}

#[tokio::test]
async fn every_write_of_ours_is_seen_at_once_as_the_next_sweep_sees_it() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let group = stage.group("other").await;
    let inventory = inventory(&stage);
    stage.weaken(&instance).await;
    inventory.sweep().await;
    let cloud = &stage.cloud;
    let rules = BTreeSet::from([https_from("198.51.100.0/24")]);
    cloud
        .authorize(&group.id, Direction::Ingress, &rules)
        .await
        .unwrap();
    inventory.record(Effect::RulesChanged {
        group: group.id.clone(),
        rules: rules.union(&group.rules).cloned().collect(),
    });
    let interface = instance.interfaces[0].id.clone();
    let groups = BTreeSet::from([group.id.clone()]);
    cloud.set_interface_groups(&interface, &groups).await.unwrap();
    inventory.record(Effect::InterfaceGroups {
        instance: instance.id.clone(),
        interface,
        groups,
    });
    let options = MetadataOptions {
        tokens_required: true,
        hop_limit: 2,
    };
    cloud.set_metadata_options(&instance.id, options).await.unwrap();
    inventory.record(Effect::MetadataOptions {
        instance: instance.id.clone(),
        options,
    });
    cloud.keep_volumes(&instance.id, &instance.volumes).await.unwrap();
    inventory.record(Effect::VolumesKept {
        instance: instance.id.clone(),
        volumes: instance.volumes.iter().map(|volume| volume.id.clone()).collect(),
    });
    cloud.protect(&instance.id).await.unwrap();
    inventory.record(Effect::Protected(instance.id.clone()));
    let before = inventory.view();
    stage.advance(PERIOD);
    inventory.sweep().await;
    let after = inventory.view();
    assert_eq!(before.group(&group.id), after.group(&group.id));
    assert_eq!(before.instance(&instance.id), after.instance(&instance.id));
    assert_eq!(before.protected(&instance.id), Observed::Present(true));
    assert!(inventory.sweep().await.changed.is_empty());
}

#[tokio::test]
async fn a_listing_that_fails_keeps_what_the_others_bring() {
    let stage = Stage::new().await;
    let inventory = inventory(&stage);
    stage.error(Operation::DescribeVolumes, "InternalError", 500);
    let swept = inventory.sweep().await;
    assert_eq!(swept.failed.len(), 1);
    assert!(!inventory.has_swept());
    inventory.sweep().await;
    assert!(inventory.has_swept());
    let view = inventory.view();
    assert_eq!(view.instances(), Observed::Absent);
    assert_eq!(view.volumes_of(&"i-1".into()), Observed::Unknown);
}

#[tokio::test]
async fn a_listing_without_an_answer_ends_by_its_timeout() {
    let stage = Stage::new().await;
    let inventory = inventory(&stage);
    stage.fault(Operation::DescribeSnapshots, FaultKind::Drop);
    let swept = time_out(&stage, Operation::DescribeSnapshots, inventory.sweep()).await;
    assert_eq!(swept.failed[0].operation, Operation::DescribeSnapshots);
}

#[tokio::test]
async fn protection_is_read_in_turn_and_no_faster_than_the_share_allows() {
    let stage = Stage::new().await;
    for number in 0..25 {
        stage.instance(&format!("web-{number}")).await;
    }
    let inventory = inventory(&stage);
    let operation = Operation::DescribeInstanceAttribute;
    inventory.sweep().await;
    assert_eq!(stage.calls_of(operation), 20);
    stage.advance(Duration::from_secs(5));
    inventory.sweep().await;
    assert_eq!(stage.calls_of(operation), 25);
    let asked = stage
        .sim
        .calls()
        .into_iter()
        .filter(|call| call.operation == operation.to_string());
    let asked: BTreeSet<_> = asked.map(|call| call.params["InstanceId"].clone()).collect();
    assert_eq!(asked.len(), 25, "everyone had a turn before anyone had a second");
}

#[tokio::test]
async fn a_region_sweeps_by_itself_once_it_is_in_use_and_ends_with_its_owner() {
    let stage = Stage::new().await;
    stage.instance("web").await;
    let told = Arc::new(Mutex::new(Vec::new()));
    let tell = Arc::clone(&told);
    let clock = Arc::<ManualClock>::clone(&stage.clock);
    let regions = Arc::<crate::aws::AwsSites>::clone(&stage.regions);
    let inventories = Inventories::new(regions, clock, ClusterId::from(CLUSTER)).sweeping(
        Arc::new(|sweeps| drop(tokio::spawn(sweeps))),
        Arc::new(move |site: &Site, swept| tell.lock().unwrap().push((site.clone(), swept))),
    );
    assert!(inventories.has_swept(), "no site is in use yet");
    let site = Site::from("ap-northeast-1");
    let inventory = inventories.of(&site);
    assert!(!inventories.has_swept());
    let sweeps = async |count| {
        while told.lock().unwrap().len() < count {
            tokio::task::yield_now().await;
        }
    };
    // Each listing is told by itself.
    sweeps(KINDS).await;
    assert!(inventories.has_swept());
    let found = |(_, swept): &(Site, Swept)| swept.changed.contains(&tenant("web"));
    assert!(told.lock().unwrap().iter().any(found));
    // The second comes soon, since nothing counts as absent before it.
    stage.advance(Duration::from_secs(5));
    sweeps(KINDS + SOON).await;
    stage.advance(PERIOD);
    sweeps(KINDS + SOON + EVERY_TIME).await;
    assert!(Arc::ptr_eq(&inventory, &inventories.of(&site)));
    drop(inventories);
    tokio::task::yield_now().await;
    assert_eq!(Arc::strong_count(&inventory), 1);
}

fn listings_made(stage: &Stage) -> usize {
    let operations = [
        Operation::DescribeInstances,
        Operation::DescribeVolumes,
        Operation::DescribeSecurityGroups,
        Operation::DescribeSnapshots,
    ];
    operations.map(|operation| stage.calls_of(operation)).iter().sum()
}

#[tokio::test]
async fn a_step_lists_what_is_due_and_nothing_else() {
    let stage = Stage::new().await;
    let inventory = inventory(&stage);
    assert!(inventory.next_due() <= stage.clock.now());
    inventory.sweep_due().await;
    assert_eq!(
        listings_made(&stage),
        5,
        "snapshots twice: ours, and which of them are public"
    );
    assert_eq!(stage.calls_of(Operation::DescribeInstanceStatus), 3);
    inventory.sweep_due().await;
    assert_eq!(listings_made(&stage), 5, "nothing is due");
    assert_eq!(
        inventory.next_due(),
        later(stage.clock.now(), Duration::from_secs(5))
    );
    stage.advance(Duration::from_secs(5));
    assert!(inventory.sweep_due().await.became_conclusive);
    // The rotation goes on at its own pace.
    assert_eq!(
        inventory.next_due(),
        later(stage.clock.now(), PERIOD - Duration::from_secs(5))
    );
    // One that AWS throttles waits for its period, and the others do not.
    stage.advance(PERIOD);
    stage.error(Operation::DescribeVolumes, "RequestLimitExceeded", 503);
    assert_eq!(inventory.sweep_due().await.failed.len(), 1);
    stage.advance(PERIOD);
    assert!(inventory.sweep_due().await.failed.is_empty());
    let listings = inventory.listings();
    let pages: Vec<_> = listings.iter().take(5).map(|listing| listing.pages).collect();
    assert_eq!(pages, [Some(1), Some(1), Some(1), Some(1), Some(3)]);
}

#[tokio::test]
async fn a_listing_without_an_answer_holds_up_no_other() {
    let stage = Stage::new().await;
    stage.fault(Operation::DescribeSnapshots, FaultKind::Drop);
    let inventory = Arc::new(inventory(&stage));
    let told = Arc::new(Mutex::new(0));
    let tell = Arc::clone(&told);
    let running = tokio::spawn(Arc::clone(&inventory).run(move |_| *tell.lock().unwrap() += 1));
    while *told.lock().unwrap() < KINDS - 1 {
        tokio::task::yield_now().await;
    }
    let view = inventory.view();
    assert!(view.volumes_listed_at().is_some());
    assert_eq!(view.listed_at(), None, "snapshots are still under way");
    stage.advance(Duration::from_secs(5));
    while *told.lock().unwrap() < KINDS + SOON - 2 {
        tokio::task::yield_now().await;
    }
    assert_eq!(inventory.view().instances(), Observed::Absent);
    // The public ones are listed by the same operation.
    assert_eq!(stage.calls_of(Operation::DescribeSnapshots), 1 + 2);
    running.abort();
}

#[tokio::test]
async fn a_failing_status_check_is_told_to_its_tenant_alone() {
    let stage = Stage::new().await;
    let sick = stage.instance("web").await;
    let well = stage.instance("other").await;
    let inventory = inventory(&stage);
    inventory.sweep().await;
    inventory.sweep().await;
    assert_eq!(inventory.view().failing_checks(&sick.id), Observed::Absent);
    stage.sim.impair(sick.id.as_str(), simaws::StatusCheck::Ebs);
    stage.advance(PERIOD);
    let swept = inventory.sweep().await;
    assert_eq!(swept.changed, BTreeSet::from([tenant("web")]));
    let view = inventory.view();
    let ebs = BTreeSet::from([StatusCheck::AttachedEbs]);
    assert_eq!(view.failing_checks(&sick.id), Observed::Present(&ebs));
    assert_eq!(view.failing_checks(&well.id), Observed::Absent);
    assert!(inventory.sweep().await.changed.is_empty());
    stage.sim.heal(sick.id.as_str(), simaws::StatusCheck::Ebs);
    for _ in 0..2 {
        assert_eq!(inventory.sweep().await.changed, BTreeSet::from([tenant("web")]));
    }
    assert_eq!(inventory.view().failing_checks(&sick.id), Observed::Absent);
}

#[tokio::test]
async fn an_account_that_denies_the_status_checks_is_looked_after_all_the_same() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let inventory = inventory(&stage);
    for _ in 0..2 {
        stage.error(Operation::DescribeInstanceStatus, "UnauthorizedOperation", 403);
        inventory.sweep().await;
    }
    assert!(inventory.has_swept());
    let view = inventory.view();
    assert!(view.instance(&instance.id).present().is_some());
    assert_eq!(view.failing_checks(&instance.id), Observed::Unknown);
}
