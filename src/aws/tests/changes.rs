use super::super::stage::{Stage, our_tags};
use super::*;
use crate::cloud::{Address, AllocationId, Recycled, Tags};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// AWS's reason for a stop that somebody asked for.
const ASKED_FOR: &str = "Client.UserInitiatedShutdown";

async fn look(stage: &Stage, id: &InstanceId) -> crate::cloud::Instance {
    stage.cloud.find_instance(id).await.unwrap().unwrap()
}

#[tokio::test]
async fn an_instance_is_stopped_given_another_type_and_started() {
    let stage = Stage::new().await;
    let before = stage.instance("web").await;
    let (cloud, id) = (&stage.cloud, &before.id);
    let running = cloud.set_instance_type(id, "m6i.xlarge").await.unwrap_err();
    assert_eq!(running.kind, ErrorKind::IncorrectState, "{running}");
    cloud.stop(id).await.unwrap();
    let stopping = look(&stage, id).await;
    assert_eq!(stopping.state, InstanceState::Stopping);
    assert_eq!(stopping.state_reason.as_deref(), Some(ASKED_FOR));
    let early = cloud.start(id).await.unwrap_err();
    assert_eq!(early.kind, ErrorKind::IncorrectState, "{early}");
    stage.advance(Duration::from_secs(60));
    for _ in 0..2 {
        cloud.stop(id).await.unwrap();
        cloud.set_instance_type(id, "m6i.xlarge").await.unwrap();
    }
    let stopped = look(&stage, id).await;
    assert_eq!(stopped.state, InstanceState::Stopped);
    assert_eq!(stopped.instance_type, "m6i.xlarge");
    for _ in 0..2 {
        cloud.start(id).await.unwrap();
    }
    stage.advance(Duration::from_secs(60));
    let after = look(&stage, id).await;
    assert_eq!((after.state, after.state_reason), (InstanceState::Running, None));
    assert!(after.launched_at > before.launched_at);
    assert_eq!(after.volumes, before.volumes);
    assert_eq!(after.root_device.as_deref(), Some("/dev/xvda"));
}

#[tokio::test]
async fn a_protected_instance_is_terminated_only_once_it_is_let_go() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let (cloud, id) = (&stage.cloud, &instance.id);
    let guarded = cloud.terminate(id).await.unwrap_err();
    assert_eq!(guarded.kind, ErrorKind::IncorrectState, "{guarded}");
    assert_eq!(guarded.code, "OperationNotPermitted");
    cloud.unprotect(id).await.unwrap();
    cloud.terminate(id).await.unwrap();
    cloud.terminate(id).await.unwrap();
    stage.advance(Duration::from_secs(120));
    assert_eq!(look(&stage, id).await.state, InstanceState::Terminated);
    let ids: Vec<_> = instance.volumes.iter().map(|volume| volume.id.clone()).collect();
    let volumes = cloud.find_volumes(&ids).await.unwrap();
    assert_eq!(volumes.len(), 2, "its volumes are kept");
    assert!(volumes.iter().all(|volume| volume.attached_to.is_none()));
}

#[tokio::test]
async fn a_volume_grows_once_in_six_hours_and_never_shrinks() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let data = instance
        .volumes
        .iter()
        .find(|volume| volume.device == "/dev/sdf")
        .unwrap();
    let (cloud, id) = (&stage.cloud, &data.id);
    let smaller = cloud.grow_volume(id, 10).await.unwrap_err();
    assert_eq!(smaller.kind, ErrorKind::InvalidSpec, "{smaller}");
    cloud.grow_volume(id, 40).await.unwrap();
    let found = cloud.find_volumes(std::slice::from_ref(id)).await.unwrap();
    assert_eq!(found[0].size_gib, 40);
    let again = cloud.grow_volume(id, 80).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::IncorrectState, "{again}");
    assert_eq!(again.code, "VolumeModificationRateExceeded");
    stage.advance(Duration::from_secs(6 * 3600));
    cloud.grow_volume(id, 80).await.unwrap();
}

#[tokio::test]
async fn volumes_are_found_by_id_in_as_few_calls_as_there_have_to_be() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let id = &instance.volumes[0].id;
    stage.untag(id.as_str(), crate::api::names::tags::CLUSTER).await;
    let calls = || stage.calls_of(Operation::DescribeVolumes);
    assert_eq!(stage.cloud.find_volumes(&[]).await, Ok(Vec::new()));
    assert_eq!(calls(), 0, "no id would mean all volumes");
    let unknown = (0..399).map(|number| format!("vol-{number:017x}").into());
    let mut ids: Vec<crate::cloud::VolumeId> = unknown.collect();
    ids.push(id.clone());
    let found = stage.cloud.find_volumes(&ids).await.unwrap();
    assert_eq!(found.iter().map(|one| &one.id).collect::<Vec<_>>(), [id]);
    assert_eq!(calls(), 2);
}

#[tokio::test]
async fn what_is_attached_or_named_is_not_deleted_and_what_is_free_is_gone() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let (cloud, volume) = (&stage.cloud, &instance.volumes[0].id);
    let group = instance.interfaces[0].groups.first().unwrap();
    for refused in [cloud.delete_volume(volume).await, cloud.delete_group(group).await] {
        assert_eq!(refused.unwrap_err().kind, ErrorKind::IncorrectState);
    }
    stage.terminate(&instance.id).await;
    stage.advance(Duration::from_secs(120));
    cloud.delete_volume(volume).await.unwrap();
    cloud.delete_group(group).await.unwrap();
    for gone in [cloud.delete_volume(volume).await, cloud.delete_group(group).await] {
        assert_eq!(gone.unwrap_err().kind, ErrorKind::NotFound);
    }
}

#[tokio::test]
async fn what_the_recycle_bin_keeps_is_not_gone() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let (cloud, volume) = (&stage.cloud, instance.volumes[0].id.clone());
    let other = instance.volumes[1].id.clone();
    assert_eq!(cloud.list_recycled_volumes(&[]).await, Ok(Vec::new()));
    assert_eq!(stage.calls_of(Operation::ListVolumesInRecycleBin), 0);
    stage.terminate(&instance.id).await;
    stage.advance(Duration::from_secs(120));
    stage.sim.set_recycle_bin(DAY, DAY * 7);
    cloud.delete_volume(&volume).await.unwrap();
    let kept = cloud
        .list_recycled_volumes(&[volume.clone(), other])
        .await
        .unwrap();
    let until = crate::clock::later(crate::clock::Clock::now(&*stage.clock), DAY * 7);
    assert_eq!(
        kept,
        [Recycled {
            id: volume.clone(),
            until
        }]
    );
    stage.advance(DAY * 7);
    assert_eq!(cloud.list_recycled_volumes(&[volume]).await, Ok(Vec::new()));
    assert_eq!(
        cloud.list_recycled(&["snap-00000000000000000".into()]).await,
        Ok(Vec::new())
    );
}

#[tokio::test]
async fn an_elastic_ip_goes_onto_an_interface_and_is_taken_from_nobody() {
    let stage = Stage::new().await;
    let (one, two) = (stage.instance("one").await, stage.instance("two").await);
    let (allocation, public_ip) = stage.elastic_ip(&our_tags("one")).await;
    let cloud = &stage.cloud;
    let free = cloud.find_address(&public_ip).await.unwrap().unwrap();
    let expected = Address {
        allocation_id: allocation.clone(),
        public_ip: public_ip.clone(),
        association_id: None,
        instance_id: None,
        interface_id: None,
        tags: our_tags("one"),
    };
    assert_eq!(free, expected);
    let eni = &one.interfaces[0].id;
    for _ in 0..2 {
        cloud.associate_address(&allocation, eni).await.unwrap();
    }
    assert_eq!(look(&stage, &one.id).await.public_ip, Some(public_ip.clone()));
    let taken = cloud.associate_address(&allocation, &two.interfaces[0].id).await;
    assert_eq!(taken.unwrap_err().kind, ErrorKind::IncorrectState);
    let listed = cloud.list_addresses().await.unwrap();
    assert_eq!((listed.items.len(), listed.pages), (1, 1));
    let address = &listed.items[0];
    assert_eq!(
        (address.instance_id.as_ref(), address.interface_id.as_ref()),
        (Some(&one.id), Some(eni))
    );
    let association = address.association_id.clone().unwrap();
    cloud.disassociate_address(&association).await.unwrap();
    let again = cloud.disassociate_address(&association).await.unwrap_err();
    assert_eq!(again.kind, ErrorKind::NotFound);
    assert_eq!(look(&stage, &one.id).await.public_ip, None);
    assert_eq!(cloud.find_address("192.0.2.1").await, Ok(None));
    let nobody = AllocationId::from("eipalloc-00000000000000000");
    let missing = cloud.associate_address(&nobody, eni).await.unwrap_err();
    assert_eq!(missing.kind, ErrorKind::NotFound);
}

#[tokio::test]
async fn live_instances_are_found_by_any_tag_of_anybody() {
    let stage = Stage::new().await;
    let named = [("Customer".to_owned(), "acme".to_owned())].into();
    let theirs = stage.foreign_instance(&named).await;
    stage.foreign_instance(&Tags::new()).await;
    let cloud = &stage.cloud;
    let ids =
        |found: Vec<crate::cloud::Instance>| -> Vec<_> { found.into_iter().map(|one| one.id).collect() };
    let found = cloud.find_tagged("Customer", "acme").await.unwrap();
    let expected = std::slice::from_ref(&theirs.id);
    assert_eq!(ids(found), expected);
    assert_eq!(cloud.find_tagged("Customer", "ac*").await, Ok(Vec::new()));
    let having = cloud.list_having("Customer").await.unwrap().items;
    assert_eq!(ids(having), expected);
    stage.terminate(&theirs.id).await;
    stage.advance(Duration::from_secs(120));
    assert_eq!(cloud.find_tagged("Customer", "acme").await, Ok(Vec::new()));
    assert!(cloud.list_having("Customer").await.unwrap().items.is_empty());
}

#[tokio::test]
async fn named_tags_are_taken_away_and_no_others() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let ids = [instance.id.to_string(), instance.volumes[0].id.to_string()];
    let released = "yagura.dev/released";
    let tags = [(released.to_owned(), "2031-05-01".to_owned())].into();
    stage.cloud.set_tags(&ids, &tags).await.unwrap();
    stage.cloud.delete_tags(&ids, &[]).await.unwrap();
    assert_eq!(
        stage.calls_of(Operation::DeleteTags),
        0,
        "no key would mean every tag"
    );
    assert!(look(&stage, &instance.id).await.tags.contains_key(released));
    for _ in 0..2 {
        stage.cloud.delete_tags(&ids, &[released]).await.unwrap();
        assert_eq!(look(&stage, &instance.id).await.tags, our_tags("web"));
    }
}
