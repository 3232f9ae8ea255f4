use super::{super::*, cases::*};
use crate::{
    api::{Key, names},
    cloud::InstanceState,
};

fn actions(plan: &Plan<TenantStep>) -> Vec<&TenantAction> {
    plan.steps.iter().map(|step| &step.action).collect()
}

fn findings(plan: &Plan<TenantStep>) -> Vec<&str> {
    let findings = plan.steps.iter().flat_map(|step| &step.findings);
    findings.map(|finding| finding.message.as_str()).collect()
}

fn reasons(plan: &Plan<TenantStep>) -> Vec<Reason> {
    plan.waiting_for.iter().map(|waiting| waiting.reason).collect()
}

fn plan(world: &TenantWorld) -> Plan<TenantStep> {
    plan_tenant(&desired(), world, later(start(), Duration::from_secs(1000)))
}

fn tampered(how: Tamper) -> Plan<TenantStep> {
    let mut world = at_stage(Stage::Bound);
    tamper(&mut world, how);
    plan(&world)
}

#[test]
fn a_new_environment_gets_its_group_first_and_nothing_else() {
    let plan = plan(&nothing());
    assert!(matches!(actions(&plan)[..], [TenantAction::CreateGroup(_)]));
    assert_eq!(reasons(&plan), [Reason::GroupChanging]);
}

#[test]
fn a_launch_is_recorded_before_it_is_asked_for() {
    let mut world = at_stage(Stage::GroupMade);
    world.group = Observed::Present(SecurityGroup {
        rules: desired().rules,
        ..world.group.present().unwrap().clone()
    });
    let plan = plan(&world);
    let [TenantAction::RecordLaunch(record), TenantAction::Launch(launch)] = actions(&plan)[..] else {
        panic!("{plan:?}");
    };
    assert_eq!(record.token, "yagura-6f1d8a52-0c6e-4b5c-9d8b-0a4f6c1b2d3e-1");
    assert_eq!(record.token, launch.token);
    assert_eq!(record.incarnation, 1);
    assert_eq!(launch.groups, BTreeSet::from(["sg-own".into(), "sg-base".into()]));
    assert_eq!(
        launch.tags.get(names::tags::ROLE).map(String::as_str),
        Some("live")
    );
    assert!(launch.token.len() <= 64 && launch.token.is_ascii());
}

#[test]
fn a_lost_answer_is_followed_by_exactly_the_same_call_though_the_class_has_a_new_image() {
    let world = at_stage(Stage::Recorded);
    let mut desired = desired();
    desired.launch.as_mut().unwrap().image_id = "ami-2".into();
    let plan = plan_tenant(&desired, &world, start());
    let [TenantAction::Launch(launch)] = actions(&plan)[..] else {
        panic!("{plan:?}")
    };
    assert_eq!(launch.image_id.as_str(), "ami-1");
    assert_eq!(
        Some(&launch.token),
        world.launch.as_ref().map(|record| &record.token)
    );
}

#[test]
fn an_instance_that_the_token_finds_is_bound_once_it_runs() {
    assert_eq!(reasons(&plan(&at_stage(Stage::Starting))), [Reason::Launching]);
    let plan = plan(&at_stage(Stage::Running));
    assert!(matches!(actions(&plan)[..], [TenantAction::Bind(_)]));
}

#[test]
fn a_refused_token_is_looked_for_and_replaced_only_when_nothing_can_come_of_it() {
    let mut world = at_stage(Stage::Recorded);
    world.token_refused = true;
    world.last_call_at = Some(later(start(), Duration::from_secs(900)));
    let early = plan(&world);
    assert!(early.steps.is_empty());
    assert_eq!(early.look_again, Some(later(start(), Duration::from_secs(1050))));
    let late = plan_tenant(&desired(), &world, later(start(), Duration::from_secs(1050)));
    let [TenantAction::RecordLaunch(record), _] = actions(&late)[..] else {
        panic!("{late:?}")
    };
    assert_eq!(record.incarnation, 2);
}

#[test]
fn an_earlier_incarnation_that_shows_late_is_bound_instead_of_launching_again() {
    let mut world = at_stage(Stage::Recorded);
    world.launch.as_mut().unwrap().incarnation = 2;
    world.launch.as_mut().unwrap().token = desired().identity.token(2);
    world.kin = Observed::Present(vec![launched_as(1, InstanceState::Running)]);
    let plan = plan(&world);
    assert!(matches!(actions(&plan)[..], [TenantAction::Bind(id)] if id.as_str() == "i-1"));
}

#[test]
fn a_launch_that_ends_before_it_ran_is_tried_three_times() {
    let mut world = at_stage(Stage::Running);
    let mut now = start();
    let mut tries = Vec::new();
    for _ in 0..30 {
        let incarnation = world.launch.as_ref().unwrap().incarnation;
        let mut ended = launched_as(incarnation, InstanceState::Terminated);
        ended.state_reason = Some("Client.InvalidSnapshot.NotFound".to_owned());
        world.launched = Observed::Present(ended);
        let plan = plan_tenant(&desired(), &world, now);
        if let [TenantAction::RecordLaunch(record), TenantAction::Launch(_)] = actions(&plan)[..] {
            tries.push(record.incarnation);
        }
        for step in &plan.steps {
            world = super::super::simulate::simulate(world, step, now);
        }
        now = later(now, Duration::from_secs(20));
    }
    assert_eq!(tries, [2, 3]);
    let plan = plan_tenant(&desired(), &world, now);
    assert!(plan.steps.is_empty());
    assert_eq!(reasons(&plan), [Reason::LaunchFailed]);
    assert!(
        plan.waiting_for[0]
            .message
            .contains("Client.InvalidSnapshot.NotFound")
    );

    let mut changed = desired();
    changed.launch.as_mut().unwrap().image_id = "ami-2".into();
    let plan = plan_tenant(&changed, &world, now);
    assert!(matches!(
        actions(&plan)[..],
        [TenantAction::RecordLaunch(_), TenantAction::Launch(_)]
    ));
}

#[test]
fn an_instance_that_a_person_terminated_while_it_started_is_not_made_again() {
    let mut world = at_stage(Stage::Running);
    let mut ended = launched_as(1, InstanceState::Terminated);
    ended.state_reason = Some("Client.UserInitiatedShutdown".to_owned());
    world.launched = Observed::Present(ended);
    assert!(plan(&world).steps.is_empty());
    assert_eq!(reasons(&plan(&world)), [Reason::Vanished]);
}

#[test]
fn an_environment_whose_status_was_lost_finds_its_instance_again() {
    let mut world = nothing();
    world.group = at_stage(Stage::Bound).group;
    world.labelled = Observed::Present(vec![launched_as(2, InstanceState::Running)]);
    let plan = plan(&world);
    assert!(matches!(actions(&plan)[..], [TenantAction::Bind(id)] if id.as_str() == "i-2"));
}

#[test]
fn without_a_class_nothing_is_made_but_what_is_there_is_kept() {
    let mut desired = desired();
    desired.launch = None;
    assert!(plan_tenant(&desired, &nothing(), start()).steps.is_empty());
    let mut world = at_stage(Stage::Bound);
    tamper(&mut world, Tamper::AddRule);
    tamper(&mut world, Tamper::WeakenMetadata);
    assert_eq!(plan_tenant(&desired, &world, start()).steps.len(), 2);
}

#[test]
fn a_vanished_instance_is_said_and_not_replaced_while_its_firewall_is_kept() {
    let mut world = at_stage(Stage::Bound);
    world.instance = Observed::Absent;
    tamper(&mut world, Tamper::AddRule);
    let plan = plan(&world);
    assert!(matches!(actions(&plan)[..], [TenantAction::ChangeRules { .. }]));
    assert_eq!(reasons(&plan), [Reason::Vanished]);
}

#[test]
fn an_instance_that_does_not_show_yet_is_waited_for() {
    let mut world = at_stage(Stage::Bound);
    world.instance = Observed::Absent;
    let plan = plan_tenant(&desired(), &world, later(start(), Duration::from_secs(10)));
    assert_eq!(reasons(&plan), [Reason::Starting]);
    assert!(plan.look_again.is_some());
}

#[test]
fn a_person_who_stops_an_instance_is_not_contradicted() {
    let plan = tampered(Tamper::Stop);
    assert!(plan.steps.is_empty());
    assert_eq!(reasons(&plan), [Reason::StoppedByHand]);
}

#[test]
fn an_interface_in_quarantine_without_an_incident_is_not_reconnected() {
    let plan = tampered(Tamper::Quarantine);
    assert!(plan.steps.is_empty());
    assert_eq!(reasons(&plan), [Reason::IsolatedByHand]);
}

#[test]
fn while_an_incident_isolates_groups_are_left_to_it_and_the_rest_is_kept() {
    let mut world = at_stage(Stage::Bound);
    for how in [Tamper::Incident, Tamper::AttachGroup, Tamper::WeakenMetadata] {
        tamper(&mut world, how);
    }
    let plan = plan(&world);
    assert!(matches!(
        actions(&plan)[..],
        [TenantAction::SetMetadataOptions(..)]
    ));
    assert_eq!(reasons(&plan), [Reason::Isolated]);
}

#[test]
fn every_repair_names_what_was_found() {
    let found = |how| findings(&tampered(how)).join("\n");
    assert_eq!(
        found(Tamper::AddRule),
        "rule all traffic to 0.0.0.0/0 was added to sg-own by someone else and was removed"
    );
    assert_eq!(
        found(Tamper::RemoveRule),
        "rule tcp 443 from 203.0.113.0/24 of sg-own was removed by someone else and was put back"
    );
    assert_eq!(
        found(Tamper::ChangeInstanceTag),
        "tag yagura.dev/label of i-1 was changed to \"other\" and was set back to \"acme-jira-prod\""
    );
    assert_eq!(
        found(Tamper::WeakenMetadata),
        "the metadata options of i-1 were weakened to tokens optional, hop limit 1 and were set back"
    );
    assert_eq!(
        found(Tamper::AttachGroup),
        "security group sg-foreign on interface eni-1 does not belong there and was taken off"
    );
    assert!(found(Tamper::Unprotect).contains("termination protection of i-1"));
    assert!(found(Tamper::DeleteGroup).contains("was deleted by someone else and was made again"));
    assert!(found(Tamper::DropInstanceTags).contains("tag yagura.dev/cluster of i-1 was removed"));
}

#[test]
fn a_change_of_the_policy_is_no_tampering() {
    let mut world = at_stage(Stage::Bound);
    let mut narrowed = desired();
    narrowed.rules.pop_first();
    world.previous_rules = Some(desired().rules);
    let plan = plan_tenant(&narrowed, &world, start());
    assert_eq!(plan.steps.len(), 1);
    assert!(findings(&plan).is_empty());
}

#[test]
fn a_change_of_the_base_groups_of_a_class_is_no_tampering() {
    let mut world = at_stage(Stage::Bound);
    let mut more = desired();
    more.base_groups.insert("sg-new".into());
    let mut fewer = desired();
    assert!(fewer.base_groups.pop_first().is_some());
    // Until it is known what they were, nobody is blamed for what is missing.
    for previous in [None, Some(desired().base_groups)] {
        world.previous_base_groups = previous;
        let plan = plan_tenant(&more, &world, start());
        assert_eq!(plan.steps.len(), 1);
        assert!(findings(&plan).is_empty());
    }
    let plan = plan_tenant(&fewer, &world, start());
    assert_eq!(plan.steps.len(), 1);
    assert!(findings(&plan).is_empty());
    // One that was there, and is still declared, was taken off by somebody.
    world.previous_base_groups = Some(more.base_groups.clone());
    let plan = plan_tenant(&more, &world, start());
    let taken_off = "security group sg-new was missing on interface eni-1 and was put on again";
    assert_eq!(findings(&plan), [taken_off]);
}

#[test]
fn two_live_instances_of_one_tenant_are_for_a_person_to_sort_out() {
    let mut world = at_stage(Stage::Bound);
    world.kin = Observed::Present(vec![
        launched_as(1, InstanceState::Running),
        launched_as(2, InstanceState::Running),
    ]);
    tamper(&mut world, Tamper::WeakenMetadata);
    let plan = plan(&world);
    assert!(plan.steps.is_empty());
    assert_eq!(reasons(&plan), [Reason::SeveralInstances]);
    assert!(needs_a_person(reasons(&plan)[0]));
}

#[test]
fn a_token_is_ours_only_to_the_last_sign() {
    let identity = desired().identity;
    let with = |token: &str| {
        let mut instance = launched_as(1, InstanceState::Running);
        instance.client_token = Some(token.to_owned());
        identity.incarnation_of(&instance)
    };
    assert_eq!(with(&identity.token(12)), Some(12));
    for forged in ["", "yagura-", "yagura-6f1d8a52-0c6e-4b5c-9d8b-0a4f6c1b2d3e-"] {
        assert_eq!(with(forged), None);
    }
    for end in ["0", "-1", "01", "+1", "1x"] {
        assert_eq!(with(&format!("yagura-{}-{end}", identity.uid)), None);
    }
}

#[test]
fn a_label_belongs_to_whom_aws_names_then_to_the_older_then_by_name() {
    let claim = |name: &str, second: i64, is_in_aws| Claim {
        tenant: Key::new("acme", name),
        created_at: Timestamp::from_second(second).unwrap(),
        is_in_aws,
    };
    let held = |claims: &[Claim]| holder(claims).map(|claim| claim.tenant.name.clone());
    assert_eq!(
        held(&[claim("a", 1, false), claim("b", 2, true)]).as_deref(),
        Some("b")
    );
    assert_eq!(
        held(&[claim("b", 1, false), claim("a", 2, false)]).as_deref(),
        Some("b")
    );
    assert_eq!(
        held(&[claim("b", 1, false), claim("a", 1, false)]).as_deref(),
        Some("a")
    );
    assert_eq!(held(&[]), None);
}

#[test]
fn a_volume_that_is_another_tenants_keeps_its_tags() {
    let mut world = at_stage(Stage::Bound);
    let Observed::Present(instance) = &mut world.instance else {
        panic!("{world:?}")
    };
    let foreign = VolumeId::new("vol-foreign");
    instance.volumes.push(AttachedVolume {
        device: "/dev/sdz".to_owned(),
        id: foreign.clone(),
        delete_on_termination: false,
    });
    let is_tagged = |world: &TenantWorld| {
        plan(world).steps.iter().any(|step| {
            matches!(&step.action, TenantAction::SetTags { ids, .. } if ids.contains(&foreign.to_string()))
        })
    };
    assert!(is_tagged(&world));
    world.foreign_volumes.insert(foreign.clone());
    assert!(!is_tagged(&world));
}
