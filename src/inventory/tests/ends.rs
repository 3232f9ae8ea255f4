//! That what ends, stops or grows by a call of ours is seen at once, as the next listing shows it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use super::super::{Effect, Inventory};
use crate::{
    api::names::tags,
    aws::stage::{CLUSTER, Stage, our_tags},
    clock::ManualClock,
    cloud::{ClusterId, InstanceState, Observed, Tags},
};

const PERIOD: Duration = Duration::from_secs(30);

fn inventory(stage: &Stage) -> Inventory {
    let clock = Arc::<ManualClock>::clone(&stage.clock);
    Inventory::new(Arc::clone(&stage.cloud), clock, ClusterId::from(CLUSTER))
}

/// Sweeps, and holds that this changes nothing of what is shown of the instance.
async fn as_listed(inventory: &Inventory, id: &crate::cloud::InstanceId) {
    let before = inventory
        .view()
        .instance(id)
        .present()
        .map(|&shown| shown.clone());
    inventory.sweep().await;
    let after = inventory
        .view()
        .instance(id)
        .present()
        .map(|&shown| shown.clone());
    assert_eq!(before, after);
}

#[tokio::test]
async fn a_plan_change_is_seen_step_by_step() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let (cloud, id) = (&stage.cloud, &instance.id);
    let inventory = inventory(&stage);
    inventory.sweep().await;

    cloud.stop(id).await.unwrap();
    inventory.record(Effect::InstanceStopped(id.clone()));
    let view = inventory.view();
    let state = view.instance(id).present().map(|shown| shown.state);
    assert_eq!(state, Some(InstanceState::Stopping));
    as_listed(&inventory, id).await;

    stage.advance(PERIOD);
    inventory.sweep().await;
    cloud.set_instance_type(id, "m6i.xlarge").await.unwrap();
    inventory.record(Effect::TypeChanged {
        instance: id.clone(),
        instance_type: "m6i.xlarge".to_owned(),
    });
    let view = inventory.view();
    let shown = view
        .instance(id)
        .present()
        .map(|shown| shown.instance_type.clone());
    assert_eq!(shown.as_deref(), Some("m6i.xlarge"));
    as_listed(&inventory, id).await;

    cloud.start(id).await.unwrap();
    inventory.record(Effect::InstanceStarted(id.clone()));
    let view = inventory.view();
    let shown = view
        .instance(id)
        .present()
        .map(|shown| (shown.state, shown.state_reason.clone()));
    assert_eq!(shown, Some((InstanceState::Pending, None)));
    inventory.sweep().await;
    let view = inventory.view();
    let state = view.instance(id).present().map(|shown| shown.state);
    assert_eq!(state, Some(InstanceState::Pending));
}

#[tokio::test]
async fn what_others_do_to_an_instance_is_seen_by_the_next_sweep() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let inventory = inventory(&stage);
    inventory.sweep().await;
    stage.stop(&instance.id).await;
    stage.resize(&instance.id, "m6i.xlarge").await;
    stage.tag(instance.id.as_str(), tags::ADOPT, "acme/web").await;
    inventory.sweep().await;
    let view = inventory.view();
    let shown = *view.instance(&instance.id).present().unwrap();
    assert_eq!(shown.state, InstanceState::Stopped);
    assert_eq!(
        shown.state_reason.as_deref(),
        Some("Client.UserInitiatedShutdown")
    );
    assert_eq!(shown.instance_type, "m6i.xlarge");
    assert_eq!(shown.tags.get(tags::ADOPT).map(String::as_str), Some("acme/web"));
    stage.start(&instance.id).await;
    inventory.sweep().await;
    let view = inventory.view();
    let state = view.instance(&instance.id).present().map(|shown| shown.state);
    assert_eq!(state, Some(InstanceState::Running));
}

#[tokio::test]
async fn an_instance_that_we_end_is_gone_with_its_volumes_and_group() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let (cloud, id) = (&stage.cloud, &instance.id);
    let inventory = inventory(&stage);
    inventory.sweep().await;
    stage.advance(PERIOD);
    inventory.sweep().await;

    cloud.unprotect(id).await.unwrap();
    inventory.record(Effect::Unprotected(id.clone()));
    assert_eq!(inventory.view().protected(id), Observed::Present(false));
    cloud.terminate(id).await.unwrap();
    inventory.record(Effect::InstanceTerminated(id.clone()));
    let view = inventory.view();
    let state = view.instance(id).present().map(|shown| shown.state);
    assert_eq!(state, Some(InstanceState::ShuttingDown));
    as_listed(&inventory, id).await;

    stage.advance(Duration::from_secs(120));
    let group = instance.interfaces[0].groups.first().unwrap();
    let volume = &instance.volumes[0].id;
    cloud.delete_volume(volume).await.unwrap();
    inventory.record(Effect::VolumeDeleted(volume.clone()));
    cloud.delete_group(group).await.unwrap();
    inventory.record(Effect::GroupDeleted(group.clone()));
    for _ in 0..3 {
        let view = inventory.view();
        assert_eq!(view.volume(volume), Observed::Absent);
        assert_eq!(view.group(group), Observed::Absent);
        stage.advance(PERIOD);
        inventory.sweep().await;
    }
}

#[tokio::test]
async fn a_larger_volume_an_address_and_a_tag_that_went_are_seen_at_once() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let (cloud, id) = (&stage.cloud, &instance.id);
    let released: Tags = [(tags::RELEASED.to_owned(), "2031-05-01".to_owned())].into();
    cloud.set_tags(&[id.to_string()], &released).await.unwrap();
    let inventory = inventory(&stage);
    inventory.sweep().await;

    let volume = &instance.volumes[0].id;
    cloud.grow_volume(volume, 100).await.unwrap();
    inventory.record(Effect::VolumeGrown {
        volume: volume.clone(),
        size_gib: 100,
    });
    cloud
        .delete_tags(&[id.to_string()], &[tags::RELEASED])
        .await
        .unwrap();
    inventory.record(Effect::Untagged {
        id: id.to_string(),
        keys: BTreeSet::from([tags::RELEASED.to_owned()]),
    });
    let (allocation, public_ip) = stage.elastic_ip(&our_tags("web")).await;
    let eni = &instance.interfaces[0].id;
    cloud.associate_address(&allocation, eni).await.unwrap();
    inventory.record(Effect::AddressChanged {
        instance: id.clone(),
        public_ip: Some(public_ip.clone()),
    });
    let view = inventory.view();
    let size = view.volume(volume).present().map(|shown| shown.size_gib);
    assert_eq!(size, Some(100));
    let shown = *view.instance(id).present().unwrap();
    assert_eq!(shown.tags, our_tags("web"));
    assert_eq!(shown.public_ip.as_ref(), Some(&public_ip));
    as_listed(&inventory, id).await;
}
