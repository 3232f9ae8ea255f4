//! What came meanwhile: an Incident during a pass, the end of the instance before the end of the Tenant.

use serde_json::json;

use super::{group_of, instance_of, ready};
use crate::api::{ConditionType, Incident, Key, Tenant};

#[tokio::test]
async fn an_incident_that_comes_during_a_pass_is_not_undone_by_a_repair() {
    let mut env = ready().await;
    let (instance, group) = (instance_of(&env), group_of(&env));
    let made = env.someone(
        "CreateSecurityGroup",
        &[
            ("GroupName", "quarantine-to-be"),
            ("GroupDescription", "x"),
            ("VpcId", "vpc-0123456789abcdef0"),
        ],
    );
    let after = made.split("<groupId>").nth(1).unwrap();
    let foreign = after.split('<').next().unwrap().to_owned();
    let view = env.ctx.inventories.of(&"ap-northeast-1".into()).view();
    let found = view.instance(&instance.as_str().into());
    let eni = found.present().unwrap().interfaces[0].id.to_string();
    // A rule is mended before an interface, and that call is held until the Incident is there.
    env.someone(
        "AuthorizeSecurityGroupIngress",
        &[
            ("GroupId", &group),
            ("IpPermissions.1.IpProtocol", "tcp"),
            ("IpPermissions.1.FromPort", "22"),
            ("IpPermissions.1.ToPort", "22"),
            ("IpPermissions.1.IpRanges.1.CidrIp", "0.0.0.0/0"),
        ],
    );
    env.someone(
        "ModifyNetworkInterfaceAttribute",
        &[("NetworkInterfaceId", &eni), ("SecurityGroupId.1", &foreign)],
    );
    let hold = json!({"operation": "RevokeSecurityGroupIngress", "kind": "hold"});
    let hold = env.sim.add_fault(serde_json::from_value(hold).unwrap());
    env.sweep().await;
    let incident = async {
        while env.sim.faults().iter().all(|fault| fault.fired == 0) {
            tokio::task::yield_now().await;
        }
        env.put::<Incident>(json!({
            "apiVersion": "yagura.dev/v1alpha1", "kind": "Incident",
            "metadata": {"name": "intrusion", "namespace": "acme"},
            "spec": {
                "tenantRefs": ["jira"], "type": "Security", "containment": "Isolate",
                "detectedAt": "2026-11-24T00:00:00Z", "summary": "x",
            },
        }));
        env.sim.release_fault(&hold);
    };
    tokio::join!(env.settle(), incident);
    env.pass(20).await;
    assert_eq!(
        env.calls("ModifyNetworkInterfaceAttribute"),
        1,
        "{}",
        env.events()
    );
    assert_eq!(env.tenant_is("jira", ConditionType::Hardened), "False Isolated");
}

#[tokio::test]
async fn a_deleted_tenant_whose_instance_vanished_leaves_its_group_and_volumes_with_the_tag() {
    let mut env = ready().await;
    let (instance, group) = (instance_of(&env), group_of(&env));
    let volumes = env.tenant("jira").status.unwrap().volume_ids;
    let unprotect = [
        ("InstanceId", instance.as_str()),
        ("DisableApiTermination.Value", "false"),
    ];
    env.someone("ModifyInstanceAttribute", &unprotect);
    env.someone("TerminateInstances", &[("InstanceId.1", &instance)]);
    env.pass(4000).await;
    env.cluster.delete::<Tenant>(&Key::new("acme", "jira"));
    env.pass(30).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "gone");
    assert!(!env.events().contains("ReleasedUntagged"), "{}", env.events());
    env.sweep().await;
    let view = env.ctx.inventories.of(&"ap-northeast-1".into()).view();
    let released = "yagura.dev/released";
    let found = view.group(&group.as_str().into());
    assert!(found.present().unwrap().tags.contains_key(released));
    assert_eq!(volumes.len(), 2);
    for volume in &volumes {
        let found = view.volume(&volume.as_str().into());
        assert!(found.present().unwrap().tags.contains_key(released), "{volume}");
    }
}
