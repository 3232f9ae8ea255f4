//! Random histories through the real adapters and the simulated AWS: what somebody does, which calls fail before
//! or after their effect, when the process dies. Whatever it was, the environment comes back, and is one.

use proptest::{collection::vec, prelude::*, sample::select};

use super::{READY, group_of, instance_of, ready};
use crate::{
    api::{AccessPolicy, ConditionType, Tenant},
    cloud::Observed,
    controllers::testing::{Env, faults, policy, strike, tenant},
    inventory::MAX_AGE,
    plan::{firewall::desired_rules, tenant::METADATA},
};

/// The cases of each property.
const CASES: u32 = 64;

/// Calls that may fail, before or after their effect.
const FAILING: [&str; 10] = [
    "CreateSecurityGroup",
    "AuthorizeSecurityGroupIngress",
    "AuthorizeSecurityGroupEgress",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
    "RunInstances",
    "CreateTags",
    "ModifyInstanceMetadataOptions",
    "DescribeInstances",
    "DescribeSecurityGroups",
];

#[derive(Clone, Copy, Debug)]
enum Deed {
    OpenSsh,
    CloseHttps,
    CloseDns,
    WeakenMetadata,
    Unprotect,
    Relabel,
    Untag,
    UntagGroup,
    LoseVolume,
    Restart,
}

const DEEDS: [Deed; 10] = [
    Deed::OpenSsh,
    Deed::CloseHttps,
    Deed::CloseDns,
    Deed::WeakenMetadata,
    Deed::Unprotect,
    Deed::Relabel,
    Deed::Untag,
    Deed::UntagGroup,
    Deed::LoseVolume,
    Deed::Restart,
];

async fn commit(env: &mut Env, deed: Deed) {
    let (instance, group) = (instance_of(env), group_of(env));
    let on_rule = |action: &str, port: &str, protocol: &str, cidr: &str| {
        let params = [
            ("GroupId", group.as_str()),
            ("IpPermissions.1.IpProtocol", protocol),
            ("IpPermissions.1.FromPort", port),
            ("IpPermissions.1.ToPort", port),
            ("IpPermissions.1.IpRanges.1.CidrIp", cidr),
        ];
        env.try_someone(action, &params);
    };
    let on_instance = |action: &str, id: &str, more: &[(&str, &str)]| {
        let mut params = vec![(id, instance.as_str())];
        params.extend(more);
        env.try_someone(action, &params);
    };
    let untag = [("Tag.1.Key", "yagura.dev/cluster")];
    match deed {
        Deed::OpenSsh => on_rule("AuthorizeSecurityGroupIngress", "22", "tcp", "0.0.0.0/0"),
        Deed::CloseHttps => on_rule("RevokeSecurityGroupIngress", "443", "tcp", "203.0.113.0/24"),
        Deed::CloseDns => on_rule("RevokeSecurityGroupEgress", "53", "udp", "0.0.0.0/0"),
        Deed::WeakenMetadata => on_instance(
            "ModifyInstanceMetadataOptions",
            "InstanceId",
            &[("HttpPutResponseHopLimit", "3")],
        ),
        Deed::Unprotect => on_instance(
            "ModifyInstanceAttribute",
            "InstanceId",
            &[("DisableApiTermination.Value", "false")],
        ),
        Deed::Relabel => {
            let tag = [("Tag.1.Key", "yagura.dev/label"), ("Tag.1.Value", "mine")];
            on_instance("CreateTags", "ResourceId.1", &tag);
        }
        Deed::Untag => on_instance("DeleteTags", "ResourceId.1", &untag),
        Deed::UntagGroup => env.try_someone("DeleteTags", &[("ResourceId.1", &group), untag[0]]),
        Deed::LoseVolume => on_instance(
            "ModifyInstanceAttribute",
            "InstanceId",
            &[
                ("BlockDeviceMapping.1.DeviceName", "/dev/sdf"),
                ("BlockDeviceMapping.1.Ebs.DeleteOnTermination", "true"),
            ],
        ),
        Deed::Restart => env.restart().await,
    }
}

/// What AWS really holds, whatever the operator believes.
async fn check(env: &Env) -> Result<(), TestCaseError> {
    env.sweep().await;
    let told = || format!("{:#?}\n{}", env.tenant("jira").status, env.events());
    prop_assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY, "{}", told());
    prop_assert_eq!(env.calls("RunInstances"), 1);
    // One for the class, one for the Tenant.
    prop_assert_eq!(env.calls("CreateSecurityGroup"), 2);
    let view = env.ctx.inventories.of(&"ap-northeast-1".into()).view();
    let status = env.tenant("jira").status.unwrap();
    let id = status.instance_id.unwrap();
    let found = view.instance(&id.as_str().into());
    let instance = found.present().unwrap();
    prop_assert_eq!(instance.metadata, METADATA);
    let kept = instance
        .volumes
        .iter()
        .all(|volume| !volume.delete_on_termination);
    prop_assert!(kept);
    prop_assert_eq!(view.protected(&instance.id), Observed::Present(true));
    let tag = |key: &str| instance.tags.get(key).map(String::as_str);
    prop_assert_eq!(tag("yagura.dev/label"), Some("jira-prod"));
    prop_assert_eq!(tag("yagura.dev/cluster"), Some("test"));
    let group = status.security_group_id.unwrap();
    let found = view.group(&group.as_str().into());
    let group = found.present().unwrap();
    prop_assert_eq!(&group.rules, &desired_rules(&status.access.unwrap()));
    prop_assert_eq!(
        group.tags.get("yagura.dev/cluster").map(String::as_str),
        Some("test")
    );
    Ok(())
}

fn run(test: impl Future<Output = Result<(), TestCaseError>>) -> Result<(), TestCaseError> {
    let runtime = tokio::runtime::Builder::new_current_thread()
        .enable_all()
        .build()
        .unwrap();
    runtime.block_on(test)
}

fn config() -> ProptestConfig {
    ProptestConfig {
        cases: CASES,
        max_shrink_iters: 20,
        ..ProptestConfig::default()
    }
}

proptest! {
    #![proptest_config(config())]

    #[test]
    fn whatever_is_done_and_whatever_fails_the_environment_comes_back(
        deeds in vec(select(DEEDS.to_vec()), 1..5),
        faults in faults(&FAILING),
    ) {
        run(async {
            let mut env = ready().await;
            strike(&env, &faults);
            for deed in &deeds {
                commit(&mut env, *deed).await;
                env.pass(3).await;
            }
            // Tags taken again before a listing showed what we set are missed while our own write is believed.
            let untags = deeds.iter().filter(|deed| matches!(deed, Deed::Untag | Deed::UntagGroup)).count();
            env.pass(if untags > 1 { MAX_AGE.as_secs() + 30 } else { 60 }).await;
            check(&env).await
        })?;
    }

    #[test]
    fn whatever_fails_on_the_way_one_instance_and_one_group_are_made(
        faults in faults(&FAILING),
        deaths in vec(1u64..20, 0..3),
    ) {
        run(async {
            let mut env = Env::new().await;
            env.class();
            env.put::<AccessPolicy>(policy("office", &["203.0.113.0/24"]));
            env.put::<Tenant>(tenant("jira"));
            strike(&env, &faults);
            for seconds in deaths {
                env.pass(seconds).await;
                env.restart().await;
            }
            env.pass(60).await;
            check(&env).await
        })?;
    }
}
