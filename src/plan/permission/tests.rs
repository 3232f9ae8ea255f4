use std::collections::BTreeMap;

use jiff::Timestamp;
use proptest::{collection::btree_map, option, prelude::*, sample::select};

use super::{
    Answer, Answers, DENIED_RECHECK, Demand, Ground, RECHECK, due_at, is_asked_for, probe_of, verdict,
};
use crate::{
    api::{Application, Plan, Reason, TenantClassSpec, names},
    clock::later,
    cloud::{Instance, InstanceState, MetadataOptions, NetworkInterface, Operation, Permission, Probe, Tags},
    plan::class::ClassIdentity,
};

fn at() -> Timestamp {
    "2026-11-24T00:00:00Z".parse().unwrap()
}

fn spec() -> TenantClassSpec {
    let plan = Plan {
        instance_type: "m6i.large".to_owned(),
        volumes: Vec::new(),
    };
    let image = serde_json::from_value(serde_json::json!({"9.12.4": "ami-0123456789abcdef0"}));
    let jira = Application {
        images: image.unwrap(),
    };
    TenantClassSpec {
        plans: BTreeMap::from([("standard".to_owned(), plan)]),
        applications: BTreeMap::from([("jira".to_owned(), jira)]),
        ..TenantClassSpec::default()
    }
}

fn instance() -> Instance {
    Instance {
        id: "i-1".into(),
        state: InstanceState::Running,
        state_reason: None,
        image_id: "ami-1".into(),
        instance_type: "m6i.large".to_owned(),
        subnet_id: None,
        vpc_id: None,
        private_ip: None,
        public_ip: None,
        launched_at: at(),
        client_token: None,
        metadata: MetadataOptions {
            tokens_required: true,
            hop_limit: 1,
        },
        instance_profile: None,
        interfaces: vec![NetworkInterface {
            id: "eni-1".into(),
            groups: ["sg-1".into()].into(),
        }],
        root_device: None,
        volumes: Vec::new(),
        tags: Tags::from([
            ("Name".to_owned(), "web".to_owned()),
            (names::tags::CLUSTER.to_owned(), "test".to_owned()),
        ]),
    }
}

fn ground<'a>(spec: &'a TenantClassSpec, instance: Option<&'a Instance>) -> Ground<'a> {
    Ground {
        identity: ClassIdentity {
            cluster: "test".to_owned(),
            cluster_uid: "c-1".to_owned(),
            name: "tokyo".to_owned(),
            uid: "u-1".to_owned(),
        },
        spec,
        subnet: Some(("subnet-1".into(), "vpc-1".into())),
        group: Some("sg-1".into()),
        instance,
        snapshot: instance.map(|_| "snap-1".into()),
        volume: instance.map(|_| ("vol-1".into(), 8)),
        image: instance.map(|_| "ami-1".into()),
    }
}

fn answered(permission: Permission) -> Answers {
    let answer = Answer { permission, at: at() };
    let asked = Operation::ALL.into_iter().filter(|one| is_asked_for(*one));
    asked.map(|operation| (operation, answer)).collect()
}

#[test]
fn every_operation_is_asked_for_by_a_probe_of_its_own() {
    let (spec, instance) = (spec(), instance());
    let ground = ground(&spec, Some(&instance));
    for operation in Operation::ALL {
        let probe = probe_of(operation, &ground);
        assert_eq!(probe.is_some(), is_asked_for(operation), "{operation}");
        if let Some(probe) = probe {
            assert_eq!(probe.operation(), operation);
        }
    }
}

#[test]
fn without_an_instance_only_what_needs_none_is_asked_for() {
    let spec = spec();
    let mut ground = ground(&spec, None);
    assert!(probe_of(Operation::RunInstances, &ground).is_some());
    assert!(probe_of(Operation::AuthorizeSecurityGroupIngress, &ground).is_some());
    assert_eq!(probe_of(Operation::CreateSnapshots, &ground), None);
    ground.group = None;
    assert_eq!(probe_of(Operation::AuthorizeSecurityGroupIngress, &ground), None);
    assert!(probe_of(Operation::RunInstances, &ground).is_some());
    ground.subnet = None;
    assert_eq!(probe_of(Operation::RunInstances, &ground), None);
    assert_eq!(probe_of(Operation::CreateSecurityGroup, &ground), None);
}

#[test]
fn a_question_carries_the_tags_that_a_policy_asks_for() {
    let (spec, instance) = (spec(), instance());
    let ground = ground(&spec, Some(&instance));
    for operation in Operation::ALL {
        let tags = match probe_of(operation, &ground) {
            Some(Probe::Launch(launch)) => launch.tags,
            Some(Probe::CreateGroup(group)) => group.tags,
            Some(Probe::CreateSnapshots(set)) => set.tags,
            Some(Probe::SetTags(_, tags)) => tags,
            _ => continue,
        };
        assert_eq!(tags.get(names::tags::CLUSTER).unwrap(), "test", "{operation}");
        assert!(tags.keys().all(|key| key.starts_with("yagura.dev/")), "{tags:?}");
    }
}

#[test]
fn an_answer_is_good_for_six_hours_and_at_rest_for_ever() {
    let rest = Demand::default();
    let busy = Demand {
        is_busy: true,
        ..rest
    };
    let answer = |permission| Answer { permission, at: at() };
    assert_eq!(due_at(None, &rest), Some(Timestamp::MIN));
    for permission in [Permission::Permitted, Permission::NotKnown] {
        assert_eq!(due_at(Some(&answer(permission)), &rest), None);
        assert_eq!(
            due_at(Some(&answer(permission)), &busy),
            Some(later(at(), RECHECK))
        );
    }
    let denied = answer(Permission::Denied);
    assert_eq!(due_at(Some(&denied), &rest), Some(later(at(), DENIED_RECHECK)));
}

#[test]
fn a_denied_step_puts_older_answers_in_doubt() {
    let answer = Answer {
        permission: Permission::Permitted,
        at: at(),
    };
    let doubted = |doubted_at| Demand {
        is_busy: false,
        doubted_at: Some(doubted_at),
    };
    let after = later(at(), std::time::Duration::from_secs(1));
    assert_eq!(due_at(Some(&answer), &doubted(at())), None);
    assert_eq!(
        due_at(Some(&answer), &doubted(after)),
        Some(later(at(), DENIED_RECHECK))
    );
}

#[test]
fn missing_rights_are_named_as_a_policy_names_them() {
    let mut answers = answered(Permission::Permitted);
    answers.insert(
        Operation::RunInstances,
        Answer {
            permission: Permission::Denied,
            at: at(),
        },
    );
    let verdict = verdict(&answers, Some(Operation::CreateTags));
    assert_eq!((verdict.holds, verdict.reason), (Some(false), Reason::Denied));
    assert!(
        verdict
            .message
            .contains("lacks ec2:CreateTags, ec2:RunInstances;"),
        "{}",
        verdict.message
    );
}

#[test]
fn what_cannot_be_asked_for_yet_is_told() {
    let mut answers = answered(Permission::Permitted);
    assert_eq!(verdict(&answers, None).holds, Some(true));
    answers.remove(&Operation::CreateSnapshots);
    let partly = verdict(&answers, None);
    assert_eq!(partly.holds, Some(true));
    assert!(partly.message.ends_with("not known yet: ec2:CreateSnapshots"));
    answers.remove(&Operation::RunInstances);
    let unknown = verdict(&answers, None);
    assert_eq!((unknown.holds, unknown.reason), (None, Reason::NotKnown));
    assert_eq!(verdict(&Answers::new(), None).holds, None);
}

proptest! {
    #[test]
    fn a_verdict_is_false_exactly_if_something_was_denied(
        permissions in btree_map(
            select(Operation::ALL.to_vec()),
            select(vec![Permission::Permitted, Permission::Denied, Permission::NotKnown]),
            0..22,
        ),
        refused in option::of(select(Operation::ALL.to_vec())),
    ) {
        let answers: Answers = permissions
            .iter()
            .map(|(operation, permission)| (*operation, Answer { permission: *permission, at: at() }))
            .collect();
        let is_denied = refused.is_some() || permissions.values().any(|one| *one == Permission::Denied);
        let verdict = verdict(&answers, refused);
        prop_assert_eq!(verdict.holds == Some(false), is_denied);
        for (operation, permission) in &permissions {
            let is_named = verdict.message.contains(operation.action());
            if is_denied && *permission == Permission::Denied {
                prop_assert!(is_named);
            }
            if *permission == Permission::Permitted && refused.is_none() {
                // One action's name may be the beginning of another's.
                let others = Operation::ALL.into_iter().filter(|other| other != operation);
                let is_prefix = others.into_iter().any(|other| other.action().starts_with(operation.action()));
                prop_assert!(!is_named || is_prefix);
            }
        }
    }
}
