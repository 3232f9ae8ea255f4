use std::{collections::BTreeSet, time::Duration};

use crate::{
    aws::stage::{Stage, launch, new_group, our_tags},
    cloud::{
        Direction, ErrorKind, Instance, Lane, Listable, MetadataOptions, NewSnapshotSet, Operation,
        Permission, Probe, SecurityGroup,
    },
};

/// Every probe there is, about things that are there.
fn probes(instance: &Instance, group: &SecurityGroup) -> Vec<Probe> {
    let interface = &instance.interfaces[0];
    let mut order = launch("other", group);
    order.token = "another".to_owned();
    let mut probes = vec![
        Probe::Launch(order),
        Probe::CreateGroup(new_group("one-more")),
        Probe::Authorize(group.id.clone(), Direction::Ingress),
        Probe::Authorize(group.id.clone(), Direction::Egress),
        Probe::Revoke(group.id.clone(), Direction::Ingress),
        Probe::Revoke(group.id.clone(), Direction::Egress),
        Probe::SetTags(instance.id.to_string(), our_tags("web")),
        Probe::CreateSnapshots(NewSnapshotSet {
            instance_id: instance.id.clone(),
            description: "a probe".to_owned(),
            tags: our_tags("web"),
        }),
        Probe::Protect(instance.id.clone()),
        Probe::SetMetadataOptions(
            instance.id.clone(),
            MetadataOptions {
                tokens_required: true,
                hop_limit: 1,
            },
        ),
        Probe::SetInterfaceGroups(interface.id.clone(), interface.groups.clone()),
        Probe::ReadProtection(instance.id.clone()),
        Probe::DeleteTags(instance.id.to_string()),
        Probe::Stop(instance.id.clone()),
        Probe::Start(instance.id.clone()),
        Probe::Reboot(instance.id.clone()),
        Probe::Terminate(instance.id.clone()),
        Probe::GrowVolume(instance.volumes[0].id.clone(), 100),
        Probe::DeleteVolume(instance.volumes[0].id.clone()),
        Probe::DeleteGroup(group.id.clone()),
    ];
    let listed = [
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
    probes.extend(listed.map(Probe::List));
    probes
}

async fn ground(stage: &Stage) -> Vec<Probe> {
    let instance = stage.instance("web").await;
    let group = stage.group("shared").await;
    let set = NewSnapshotSet {
        instance_id: instance.id.clone(),
        description: "asked about".to_owned(),
        tags: our_tags("web"),
    };
    let snapshot = stage.cloud.create_snapshots(&set).await.unwrap().remove(0).id;
    let image = stage.image(&instance.id).await;
    stage.advance(Duration::from_secs(60));
    let (free, _) = stage.elastic_ip(&our_tags("web")).await;
    let (taken, public_ip) = stage.elastic_ip(&our_tags("web")).await;
    let interface = &instance.interfaces[0].id;
    stage.cloud.associate_address(&taken, interface).await.unwrap();
    let taken = stage.cloud.find_address(&public_ip).await.unwrap().unwrap();
    let mut probes = probes(&instance, &group);
    probes.extend([
        Probe::DeleteSnapshot(snapshot.clone()),
        Probe::LockSnapshot(snapshot.clone()),
        Probe::ReadSnapshotSharing(snapshot.clone()),
        Probe::UnshareSnapshot(snapshot),
        Probe::ReadImageSharing(image.clone()),
        Probe::UnshareImage(image),
        Probe::AssociateAddress(free, interface.clone()),
        Probe::DisassociateAddress(taken.association_id.unwrap()),
    ]);
    probes
}

/// The operations that need no right, or whose right every other call shows.
const OF_IDENTITY: [Operation; 2] = [Operation::AssumeRole, Operation::GetCallerIdentity];

#[tokio::test]
async fn every_operation_can_be_asked_for_and_no_probe_changes_anything() {
    let stage = Stage::new().await;
    let probes = ground(&stage).await;
    let asked: BTreeSet<_> = probes.iter().map(Probe::operation).collect();
    let all: BTreeSet<_> = Operation::ALL.into_iter().collect();
    let without: BTreeSet<_> = all.difference(&asked).copied().collect();
    // AWS Backup knows no dry run.
    let of_backup = all.iter().filter(|operation| operation.service() == "backup");
    assert_eq!(without, OF_IDENTITY.iter().chain(of_backup).copied().collect());

    let cloud = stage.cloud.clone();
    let (before, last) = (stage.sim.state(None, None), stage.sim.calls().last().unwrap().seq);
    for probe in &probes {
        let permission = cloud.permission(probe).await.unwrap();
        assert_eq!(permission, Permission::Permitted, "{probe:?}");
    }
    assert_eq!(before, stage.sim.state(None, None), "a probe changed something");
    let calls = stage.sim.calls_since(last);
    assert!(calls.iter().all(|call| !call.effect));
    // The one question that is none: what a launch must say depends on the image.
    let real = calls.iter().filter(|call| !call.dry_run);
    assert!(
        real.clone().all(|call| call.operation == "DescribeImages"),
        "{real:?}"
    );
    assert_eq!(calls.iter().filter(|call| call.dry_run).count(), probes.len());
}

#[tokio::test]
async fn a_missing_right_is_denied_by_either_word() {
    let stage = Stage::new().await;
    let probes = ground(&stage).await;
    for probe in &probes {
        let operation = probe.operation();
        for code in ["UnauthorizedOperation", "AccessDenied"] {
            stage.dry_run_error(operation, code, 403);
            let permission = stage.cloud.permission(probe).await.unwrap();
            assert_eq!(permission, Permission::Denied, "{operation} {code}");
        }
    }
}

#[tokio::test]
async fn any_other_refusal_says_nothing_about_rights() {
    let stage = Stage::new().await;
    let probes = ground(&stage).await;
    for probe in &probes {
        let operation = probe.operation();
        for code in [
            "InvalidInstanceID.NotFound",
            "InvalidInstanceID.Malformed",
            "IncorrectInstanceState",
            "InvalidGroup.Duplicate",
            "IdempotentParameterMismatch",
            "InstanceLimitExceeded",
            "OperationNotPermitted",
            "OptInRequired",
            "NobodyKnowsThisCode",
        ] {
            stage.dry_run_error(operation, code, 400);
            let permission = stage.cloud.permission(probe).await.unwrap();
            assert_eq!(permission, Permission::NotKnown, "{operation} {code}");
        }
    }
}

#[tokio::test]
async fn a_question_without_an_answer_is_asked_again_later() {
    let stage = Stage::new().await;
    let probes = ground(&stage).await;
    for (code, status, kind) in [
        ("RequestLimitExceeded", 503, ErrorKind::Throttled),
        ("InternalError", 500, ErrorKind::Lost),
    ] {
        stage.dry_run_error(Operation::RunInstances, code, status);
        let error = stage.cloud.permission(&probes[0]).await.unwrap_err();
        assert_eq!(error.kind, kind);
    }
}

#[tokio::test]
async fn an_account_that_lets_nobody_in_is_no_answer_about_the_call() {
    let stage = Stage::new().await;
    let probes = ground(&stage).await;
    stage.sim.deny("sts:AssumeRole");
    let door = stage.in_account("222233334444", "ap-northeast-1", Lane::CleanUp);
    let error = door.permission(&probes[0]).await.unwrap_err();
    assert_eq!(
        (error.operation, error.kind),
        (Operation::AssumeRole, ErrorKind::Denied)
    );
}
