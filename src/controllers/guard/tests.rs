use serde_json::{Value, json};
use simaws::{FaultKind, FaultSpec};

use super::*;
use crate::{
    api::ConditionType,
    controllers::testing::{Env, class, tenant},
};

/// A stranger's account.
const STRANGER: &str = "999988887777";

/// The key that a class could name; what has AWS's own cannot be shared.
const KEY: &str = "arn:aws:kms:ap-northeast-1:111122223333:key/11111111-2222-3333-4444-555555555555";

/// A class, so that its site is listed.
async fn env() -> Env {
    let env = Env::new().await;
    env.class();
    env.settle().await;
    env.sweep().await;
    env
}

fn ours<'a>(more: &[(&'a str, &'a str)]) -> Vec<(&'a str, &'a str)> {
    let mut carried = vec![(tags::CLUSTER, "test"), (tags::TENANT, "acme/web")];
    carried.extend(more);
    carried
}

fn text(answer: &str, name: &str) -> String {
    let rest = answer.split_once(&format!("<{name}>")).unwrap().1;
    rest.split_once('<').unwrap().0.to_owned()
}

/// A snapshot of a volume, whose data anybody could use who it is opened to.
fn snapshot(env: &Env, key: Option<&str>, carried: &[(&str, &str)]) -> String {
    let mut params = vec![("AvailabilityZone", "ap-northeast-1a"), ("Size", "8")];
    if let Some(key) = key {
        params.extend([("Encrypted", "true"), ("KmsKeyId", key)]);
    }
    let volume = text(&env.someone("CreateVolume", &params), "volumeId");
    let names: Vec<_> = (1..=carried.len())
        .map(|number| {
            let tag = format!("TagSpecification.1.Tag.{number}");
            (format!("{tag}.Key"), format!("{tag}.Value"))
        })
        .collect();
    let mut params = vec![
        ("VolumeId", volume.as_str()),
        ("TagSpecification.1.ResourceType", "snapshot"),
    ];
    for ((key, value), tag) in names.iter().zip(carried) {
        params.extend([(key.as_str(), tag.0), (value.as_str(), tag.1)]);
    }
    text(&env.someone("CreateSnapshot", &params), "snapshotId")
}

fn publish(env: &Env, id: &str) {
    let public = ("CreateVolumePermission.Add.1.Group", "all");
    env.someone("ModifySnapshotAttribute", &[("SnapshotId", id), public]);
}

fn share(env: &Env, id: &str) {
    let account = ("CreateVolumePermission.Add.1.UserId", STRANGER);
    env.someone("ModifySnapshotAttribute", &[("SnapshotId", id), account]);
}

/// To whom a snapshot is open, as AWS says it.
fn open_to(env: &Env, id: &str) -> String {
    let asked = [("SnapshotId", id), ("Attribute", "createVolumePermission")];
    let answer = env.someone("DescribeSnapshotAttribute", &asked);
    let public = answer.contains("<group>all</group>").then_some("all");
    let named = answer.contains(STRANGER).then_some(STRANGER);
    public.into_iter().chain(named).collect::<Vec<_>>().join(" ")
}

fn count(env: &Env, copy: &str, outcome: &str) -> Option<String> {
    let text = env.ctx.metrics.render().unwrap();
    let line = format!("yagura_sharing_revoked_total{{copy=\"{copy}\",outcome=\"{outcome}\"}} ");
    text.lines()
        .find_map(|other| other.strip_prefix(line.as_str()).map(str::to_owned))
}

#[tokio::test]
async fn a_public_snapshot_is_closed_by_the_first_listing_that_shows_it_and_its_tenant_told() {
    let mut env = env().await;
    env.put::<Tenant>(tenant("web"));
    let uid = env.tenant("web").metadata.uid.unwrap();
    let id = snapshot(&env, None, &ours(&[(tags::UID, &uid)]));
    env.pass(5).await;
    share(&env, &id);
    publish(&env, &id);
    assert_eq!(open_to(&env, &id), format!("all {STRANGER}"));
    env.pass(5).await;
    assert_eq!(open_to(&env, &id), "");
    let told = format!(
        "Tenant acme/web SharingRevoked: snapshot {id} was public and shared with {STRANGER}: it is closed to them\n"
    );
    assert_eq!(env.events().matches(&told).count(), 1, "{}", env.events());
    assert_eq!(count(&env, "snapshot", "revoked").as_deref(), Some("1"));
    // It is read back, and nothing more is done or told.
    env.pass(30).await;
    let site = env.cluster_class().site();
    let view = env.ctx.inventories.of(&site).view();
    let id = id.as_str().into();
    assert!(view.sharing_of(&id).present().unwrap().is_private());
    assert_eq!(view.is_public(&id).present(), Some(&false));
    assert_eq!(view.exposed(), []);
    assert_eq!(
        env.calls("ModifySnapshotAttribute"),
        2 + 1,
        "a stranger's two, and ours"
    );
}

#[tokio::test]
async fn a_snapshot_shared_with_an_account_is_found_in_rotation_and_who_opens_it_again_closed_out_again() {
    let mut env = env().await;
    let id = snapshot(&env, Some(KEY), &ours(&[]));
    env.pass(5).await;
    for _ in 0..2 {
        share(&env, &id);
        env.pass(30).await;
        assert_eq!(open_to(&env, &id), "");
    }
    assert_eq!(count(&env, "snapshot", "revoked").as_deref(), Some("2"));
    let site = env.cluster_class().site();
    assert!(
        env.ctx
            .inventories
            .of(&site)
            .sharing_rotation()
            .unwrap()
            .as_secs()
            <= 10
    );
}

#[tokio::test]
async fn the_backup_that_a_snapshot_belongs_to_is_told_and_no_other() {
    let mut env = env().await;
    for (namespace, of) in [("acme", "web"), ("globex", "other")] {
        env.put::<Backup>(json!({
            "apiVersion": "yagura.dev/v1alpha1", "kind": "Backup",
            "metadata": {"name": "nightly", "namespace": namespace},
            "spec": {"tenantRef": of, "reason": "before an upgrade"},
        }));
    }
    let right = snapshot(&env, None, &ours(&[(tags::BACKUP, "acme/nightly")]));
    // It says that it is acme's, and names another customer's Backup.
    let forged = snapshot(&env, None, &ours(&[(tags::BACKUP, "globex/nightly")]));
    publish(&env, &right);
    publish(&env, &forged);
    env.pass(5).await;
    assert_eq!(open_to(&env, &right) + &open_to(&env, &forged), "");
    let events = env.events();
    assert_eq!(events.matches("SharingRevoked").count(), 1, "{events}");
    assert!(events.contains("Backup acme/nightly SharingRevoked"), "{events}");
}

#[tokio::test]
async fn what_was_released_and_what_is_not_ours_is_left_as_it_is() {
    let mut env = env().await;
    let released = snapshot(&env, None, &ours(&[(tags::RELEASED, "2026-11-01T00:00:00Z")]));
    let others = snapshot(&env, None, &[(tags::CLUSTER, "another")]);
    let untagged = snapshot(&env, None, &[("Name", "theirs")]);
    let ids = [released, others, untagged];
    for id in &ids {
        publish(&env, id);
        share(&env, id);
    }
    let before = env.calls("ModifySnapshotAttribute");
    env.pass(60).await;
    for id in &ids {
        assert_eq!(open_to(&env, id), format!("all {STRANGER}"));
    }
    assert_eq!(env.calls("ModifySnapshotAttribute"), before);
}

/// An instance whose volume carries our tags, and the image and the snapshot that AWS Backup makes of it.
async fn recovery_point(env: &mut Env, token: &str, carried: &Value) -> (String, String) {
    let params = [
        ("ImageId", "ami-0123456789abcdef0"),
        ("InstanceType", "m6i.large"),
        ("MinCount", "1"),
        ("MaxCount", "1"),
        ("TagSpecification.1.ResourceType", "volume"),
        ("TagSpecification.1.Tag.1.Key", tags::CLUSTER),
        ("TagSpecification.1.Tag.1.Value", "test"),
        ("TagSpecification.2.ResourceType", "instance"),
        ("TagSpecification.2.Tag.1.Key", tags::CLUSTER),
        ("TagSpecification.2.Tag.1.Value", "test"),
    ];
    let instance = text(&env.someone("RunInstances", &params), "instanceId");
    env.pass(30).await;
    env.aws_backup("PUT", &format!("/backup-vaults/{token}"), &json!({}));
    let job = json!({
        "BackupVaultName": token, "IamRoleArn": "arn:aws:iam::111122223333:role/backup",
        "ResourceArn": format!("arn:aws:ec2:ap-northeast-1:111122223333:instance/{instance}"),
        "IdempotencyToken": token, "RecoveryPointTags": carried,
    });
    let started = env.aws_backup("PUT", "/backup-jobs", &job);
    let id = started["BackupJobId"].as_str().unwrap().to_owned();
    env.pass(60).await;
    let done = env.aws_backup("GET", &format!("/backup-jobs/{id}"), &Value::Null);
    assert_eq!(done["State"], "COMPLETED", "{done}");
    let image = done["RecoveryPointArn"].as_str().unwrap();
    let image = image.split_once("image/").unwrap().1.to_owned();
    let images = env.someone("DescribeImages", &[("ImageId.1", image.as_str())]);
    (image, text(&images, "snapshotId"))
}

fn image_is_open(env: &Env, id: &str) -> bool {
    let asked = [("ImageId", id), ("Attribute", "launchPermission")];
    let answer = env.someone("DescribeImageAttribute", &asked);
    answer.contains("<group>all</group>") || answer.contains(STRANGER)
}

#[tokio::test]
async fn of_what_aws_backup_made_only_what_our_own_jobs_made_is_guarded() {
    let mut env = env().await;
    let plans = recovery_point(&mut env, "plan", &json!({})).await;
    env.put::<Backup>(json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "Backup",
        "metadata": {"name": "nightly", "namespace": "acme"},
        "spec": {"tenantRef": "web", "reason": "before an upgrade"},
    }));
    let carried = json!({tags::CLUSTER: "test", tags::TENANT: "acme/web", tags::BACKUP: "acme/nightly"});
    let own = recovery_point(&mut env, "own", &carried).await;
    for (image, snapshot) in [&plans, &own] {
        share(&env, snapshot);
        for (name, value) in [
            ("LaunchPermission.Add.1.Group", "all"),
            ("LaunchPermission.Add.1.UserId", STRANGER),
        ] {
            env.someone("ModifyImageAttribute", &[("ImageId", image), (name, value)]);
        }
        assert!(image_is_open(&env, image));
    }
    env.pass(60).await;
    assert!(image_is_open(&env, &plans.0), "somebody's own plan made it");
    assert!(!image_is_open(&env, &own.0));
    assert_eq!(open_to(&env, &plans.1), STRANGER);
    assert_eq!(
        open_to(&env, &own.1),
        "",
        "what is behind it is a customer's data too"
    );
    assert_eq!(count(&env, "image", "revoked").as_deref(), Some("1"));
    assert_eq!(count(&env, "snapshot", "revoked").as_deref(), Some("1"));
    // The snapshot names no Backup, but its image does.
    let told = format!(
        "Backup acme/nightly SharingRevoked: snapshot {} was shared with {STRANGER}",
        own.1
    );
    assert!(env.events().contains(&told), "{}", env.events());
}

#[tokio::test]
async fn two_operators_that_close_the_same_snapshot_do_no_harm() {
    let mut env = env().await;
    let (other, guard) = (env.another().await, Guard::default());
    let site = env.cluster_class().site();
    let id = snapshot(&env, None, &ours(&[]));
    env.pass(5).await;
    publish(&env, &id);
    share(&env, &id);
    other.inventories.of(&site).sweep().await;
    env.ctx.inventories.of(&site).sweep().await;
    let ours = Guard::default();
    tokio::join!(guard.look(&other, &site), ours.look(&env.ctx, &site));
    assert_eq!(open_to(&env, &id), "");
    // Whoever comes too late finds it closed and tells nobody.
    publish(&env, &id);
    other.inventories.of(&site).sweep().await;
    env.pass(5).await;
    assert_eq!(open_to(&env, &id), "");
    let before = other.metrics.render().unwrap();
    guard.look(&other, &site).await;
    assert_eq!(other.metrics.render().unwrap(), before);
    assert_eq!(open_to(&env, &id), "");
}

#[tokio::test]
async fn nothing_that_pauses_an_object_pauses_the_guard() {
    let mut env = env().await;
    let mut suspended = tenant("web");
    suspended["spec"]["mode"] = json!("Observe");
    env.put::<Tenant>(suspended);
    let uid = env.tenant("web").metadata.uid.unwrap();
    let id = snapshot(&env, None, &ours(&[(tags::UID, &uid)]));
    env.pass(10).await;
    // The Tenant goes, then its class, which was Stalled; and the resources are not listed any more.
    let mut stalled = class();
    stalled["spec"]["terms"] = json!("nobody-s");
    env.put::<TenantClass>(stalled);
    env.pass(5).await;
    let class = Key::new("", "tokyo");
    assert_eq!(
        env.condition::<TenantClass>(&class, ConditionType::Stalled),
        "True UnknownTerms"
    );
    publish(&env, &id);
    env.pass(5).await;
    assert_eq!(open_to(&env, &id), "", "Stalled");
    env.cluster.delete::<Tenant>(&Key::new("acme", "web"));
    env.cluster.delete::<TenantClass>(&class);
    env.settle().await;
    publish(&env, &id);
    env.pass(5).await;
    assert_eq!(open_to(&env, &id), "", "class gone");
    // Every listing but that of the public ones fails for so long that nothing is known any more.
    for operation in ["DescribeInstances", "DescribeVolumes", "DescribeSecurityGroups"] {
        let mut fault = FaultSpec::new(operation, FaultKind::Error);
        (fault.code, fault.status, fault.times) = (Some("InternalError".to_owned()), Some(500), 1000);
        env.sim.add_fault(fault);
    }
    env.pass(320).await;
    publish(&env, &id);
    env.pass(5).await;
    assert_eq!(open_to(&env, &id), "", "nothing is known");
}

#[tokio::test]
async fn a_site_that_no_class_names_is_forgotten_once_it_holds_nothing_to_guard() {
    let mut env = env().await;
    let site = env.cluster_class().site();
    let id = snapshot(&env, None, &ours(&[]));
    env.pass(5).await;
    env.cluster.delete::<TenantClass>(&Key::new("", "tokyo"));
    env.pass(10).await;
    assert!(env.ctx.inventories.find(&site).is_some());
    env.someone("DeleteSnapshot", &[("SnapshotId", &id)]);
    env.pass(20).await;
    assert!(env.ctx.inventories.find(&site).is_none());
}

#[tokio::test]
async fn a_snapshot_that_cannot_be_closed_is_told_once_and_tried_with_every_listing() {
    let mut env = env().await;
    env.put::<Tenant>(tenant("web"));
    let uid = env.tenant("web").metadata.uid.unwrap();
    let id = snapshot(&env, None, &ours(&[(tags::UID, &uid)]));
    env.pass(5).await;
    publish(&env, &id);
    let mut fault = FaultSpec::new("ModifySnapshotAttribute", FaultKind::Error);
    (fault.code, fault.status, fault.times) = (Some("UnauthorizedOperation".to_owned()), Some(403), 3);
    env.sim.add_fault(fault);
    env.pass(15).await;
    assert_eq!(open_to(&env, &id), "all");
    let events = env.events();
    assert_eq!(events.matches("SharingNotRevoked").count(), 1, "{events}");
    assert!(events.contains("lacks ec2:ModifySnapshotAttribute"), "{events}");
    assert_eq!(count(&env, "snapshot", "failed").as_deref(), Some("3"));
    env.pass(5).await;
    assert_eq!(open_to(&env, &id), "");
    assert_eq!(env.events().matches("SharingRevoked").count(), 1);
}

#[tokio::test]
async fn a_copy_is_closed_also_where_it_may_not_be_looked_at() {
    let mut env = env().await;
    let id = snapshot(&env, None, &ours(&[]));
    env.pass(5).await;
    publish(&env, &id);
    let mut fault = FaultSpec::new("DescribeSnapshotAttribute", FaultKind::Error);
    (fault.code, fault.status, fault.times) = (Some("UnauthorizedOperation".to_owned()), Some(403), 100);
    env.sim.add_fault(fault.clone());
    env.pass(5).await;
    env.sim.clear_faults();
    assert_eq!(open_to(&env, &id), "");
}
