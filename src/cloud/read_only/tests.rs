use super::*;
use crate::aws::stage::{Stage, launch, new_group, our_tags};

#[tokio::test]
async fn what_would_change_something_is_not_even_sent() {
    let stage = Stage::new().await;
    let instance = stage.instance("web").await;
    let group = stage.group("shared").await;
    let regions: Arc<dyn Sites> = Arc::<crate::aws::AwsSites>::clone(&stage.regions);
    let door = ReadOnly::new(regions).door(&"ap-northeast-1".into(), Lane::UserChange);
    let before = stage.sim.calls().len();
    let (id, rules) = (&instance.id, &group.rules);
    let interface = &instance.interfaces[0];
    let volume = &instance.volumes[0];
    let snapshot: SnapshotId = "snap-0123456789abcdef0".into();
    let image: ImageId = "ami-0123456789abcdef0".into();
    let set = NewSnapshotSet {
        instance_id: id.clone(),
        description: "x".to_owned(),
        tags: our_tags("web"),
    };
    let refusals = [
        door.launch(&launch("other", &group)).await.err(),
        door.protect(id).await.err(),
        door.unprotect(id).await.err(),
        door.set_metadata_options(id, instance.metadata).await.err(),
        door.keep_volumes(id, &instance.volumes).await.err(),
        door.stop(id).await.err(),
        door.start(id).await.err(),
        door.reboot(id).await.err(),
        door.set_instance_type(id, "m6i.large").await.err(),
        door.terminate(id).await.err(),
        door.create_group(&new_group("one-more")).await.err(),
        door.delete_group(&group.id).await.err(),
        door.authorize(&group.id, Direction::Egress, rules).await.err(),
        door.revoke(&group.id, Direction::Ingress, rules).await.err(),
        door.set_interface_groups(&interface.id, &interface.groups)
            .await
            .err(),
        door.grow_volume(&volume.id, 99).await.err(),
        door.delete_volume(&volume.id).await.err(),
        door.create_snapshots(&set).await.err(),
        door.delete_snapshot(&snapshot).await.err(),
        door.lock_snapshot(&snapshot, LockMode::Governance, Timestamp::MAX)
            .await
            .err(),
        door.set_tags(&[id.to_string()], &our_tags("web")).await.err(),
        door.delete_tags(&[id.to_string()], &["x"]).await.err(),
        door.book(Operation::RunInstances).await.err(),
        door.associate_address(&"eipalloc-1".into(), &interface.id)
            .await
            .err(),
        door.disassociate_address(&"eipassoc-1".into()).await.err(),
        door.delete_recovery_point(&"vault".into(), "arn").await.err(),
    ];
    for refusal in refusals {
        assert_eq!(refusal.expect("it is refused").code, "ReadOnly");
    }
    assert_eq!(stage.sim.calls().len(), before);

    // Looks and questions go through.
    assert!(door.find_instance(id).await.unwrap().is_some());
    let asked = door.permission(&Probe::Terminate(id.clone())).await;
    assert!(asked.is_ok(), "{asked:?}");
    let asked = door.permission(&Probe::UnshareImage(image)).await;
    assert!(asked.is_ok(), "{asked:?}");
    assert!(stage.sim.calls().len() > before);
    assert!(
        stage
            .sim
            .calls()
            .split_off(before)
            .iter()
            .all(|call| !call.effect)
    );
}
