//! What is guaranteed of what becomes of instances.

use yagura::cloud::{ErrorKind, Instance, InstanceId, InstanceState};

use super::stand::Stand;
use crate::support::eventually;

/// An id that AWS takes and nobody has.
const NOWHERE: &str = "i-0abcdef0123456789";

async fn until(stand: &Stand, instance: &Instance, state: InstanceState) -> Instance {
    eventually("the instance is in another state", || async {
        let found = stand.look(instance).await;
        if found.state == state {
            Ok(found)
        } else {
            Err(found)
        }
    })
    .await
}

async fn stopped(stand: &Stand, part: &str) -> Instance {
    let instance = stand.instance(part).await;
    stand.cloud.stop(&instance.id).await.unwrap();
    until(stand, &instance, InstanceState::Stopped).await
}

pub(super) async fn one_is_stopped_and_started_twice(stand: &Stand) {
    let before = stand.instance("stopped").await;
    for _ in 0..2 {
        stand.cloud.stop(&before.id).await.unwrap();
        let stopped = until(stand, &before, InstanceState::Stopped).await;
        let reason = stopped.state_reason.as_deref();
        assert_eq!(reason, Some("Client.UserInitiatedShutdown"));
        assert_eq!(
            (&stopped.volumes, &stopped.private_ip),
            (&before.volumes, &before.private_ip)
        );
    }
    for _ in 0..2 {
        stand.cloud.start(&before.id).await.unwrap();
        let running = until(stand, &before, InstanceState::Running).await;
        assert!(running.launched_at >= before.launched_at, "{running:?}");
        assert_eq!(running.interfaces, before.interfaces);
    }
}

pub(super) async fn a_type_is_changed_while_stopped_only(stand: &Stand) {
    let running = stand.instance("running").await;
    let refused = stand.cloud.set_instance_type(&running.id, "m6i.xlarge").await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::IncorrectState);
    let stopped = stopped(stand, "stopped").await;
    for _ in 0..2 {
        let set = stand.cloud.set_instance_type(&stopped.id, "m6i.xlarge").await;
        assert_eq!(set, Ok(()));
        assert_eq!(stand.look(&stopped).await.instance_type, "m6i.xlarge");
    }
}

pub(super) async fn a_type_that_is_none_is_the_users_mistake(stand: &Stand) {
    let stopped = stopped(stand, "stopped").await;
    let refused = stand.cloud.set_instance_type(&stopped.id, "no type").await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::InvalidSpec);
    assert_eq!(stand.look(&stopped).await.instance_type, stopped.instance_type);
}

pub(super) async fn a_reboot_leaves_everything_as_it_was(stand: &Stand) {
    let instance = stand.instance("rebooted").await;
    stand.cloud.reboot(&instance.id).await.unwrap();
    assert_eq!(stand.look(&instance).await, instance);
}

pub(super) async fn a_protected_one_is_terminated_only_once_it_is_let_go(stand: &Stand) {
    let instance = stand.instance("ended").await;
    stand.cloud.protect(&instance.id).await.unwrap();
    let refused = stand.cloud.terminate(&instance.id).await;
    assert_eq!(refused.unwrap_err().kind, ErrorKind::IncorrectState);
    for _ in 0..2 {
        stand.cloud.unprotect(&instance.id).await.unwrap();
        assert_eq!(stand.cloud.is_protected(&instance.id).await, Ok(false));
    }
    for _ in 0..2 {
        stand.cloud.terminate(&instance.id).await.unwrap();
    }
    until(stand, &instance, InstanceState::Terminated).await;
}

pub(super) async fn one_that_is_gone_does_not_start(stand: &Stand) {
    let instance = stand.instance("gone").await;
    stand.terminate(&instance).await;
    for refused in [
        stand.cloud.start(&instance.id).await,
        stand.cloud.stop(&instance.id).await,
    ] {
        assert_eq!(refused.unwrap_err().kind, ErrorKind::IncorrectState);
    }
}

pub(super) async fn what_names_none_is_not_found(stand: &Stand) {
    let (cloud, id) = (&stand.cloud, InstanceId::from(NOWHERE));
    let refused = [
        cloud.stop(&id).await,
        cloud.start(&id).await,
        cloud.reboot(&id).await,
        cloud.set_instance_type(&id, "m6i.xlarge").await,
        cloud.unprotect(&id).await,
        cloud.terminate(&id).await,
    ];
    let kinds = refused.map(|refused| refused.unwrap_err().kind);
    assert_eq!(kinds, [ErrorKind::NotFound; 6]);
}
