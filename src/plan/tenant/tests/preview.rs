//! What a preview says of the environments of these tests.

use proptest::prelude::*;

use super::{super::*, cases::*};
use crate::{
    api::{MaintenanceWindow, PlanOp, Weekday},
    cloud::Operation,
    plan::{
        preview::{Change, Preview, Scope, foresee},
        window::Window,
    },
};

fn preview_of(world: &TenantWorld) -> Option<Preview> {
    let desired = desired();
    let plan = plan_tenant(&desired, world, start());
    let steps = foresee(&desired, world, &plan, (Scope::All, start()));
    Preview::of(&desired.identity, world, &steps)
}

/// The changes in short: `- sg-own rule tcp 22 from 0.0.0.0/0 !`.
fn lines(preview: &Preview) -> Vec<String> {
    let line = |change: &Change| {
        let sign = match change.op {
            PlanOp::Create | PlanOp::Add => "+",
            PlanOp::Change => "~",
            PlanOp::Remove => "-",
        };
        let values = [change.from.as_deref(), change.to.as_deref()];
        let values: Vec<_> = values.into_iter().flatten().collect();
        let mark = if change.disruptive { " !" } else { "" };
        format!(
            "{sign} {} {} {}{mark}",
            change.resource,
            change.field,
            values.join(" -> ")
        )
    };
    preview.changes().iter().map(line).collect()
}

fn tampered(how: Tamper) -> Vec<String> {
    let mut world = at_stage(Stage::Bound);
    tamper(&mut world, how);
    preview_of(&world).map_or_else(Vec::new, |preview| lines(&preview))
}

#[test]
fn a_new_environment_is_previewed_with_its_group_its_rules_and_its_instance() {
    let preview = preview_of(&nothing()).unwrap();
    let group = desired().identity.group_name();
    let told = lines(&preview);
    assert_eq!(told[1], format!("+ {group} securityGroup in vpc-1"));
    assert_eq!(
        told[0],
        format!(
            "+ acme-jira-prod instance m6i.large from ami-1 in subnet-1, volumes /dev/sdf 200 GiB, groups sg-base, \
             {group}"
        )
    );
    let rule = format!("+ {group} rule tcp 443 from 203.0.113.0/24");
    assert!(told.contains(&rule), "{told:#?}");
    // Nine rules, and not the allow-all one that comes and goes with the group.
    assert_eq!(told.len(), 2 + desired().rules.len());
    assert_eq!(preview.disruptive(), 0);
    assert_eq!(preview.summary(), format!("{} changes planned", told.len()));
}

#[test]
fn each_tampering_is_one_line_that_says_what_its_repair_would_do() {
    for (how, expected) in [
        (Tamper::AddRule, "- sg-own rule all traffic to 0.0.0.0/0 !"),
        (
            Tamper::ChangeInstanceTag,
            "~ i-1 tag yagura.dev/label other -> acme-jira-prod",
        ),
        (Tamper::DropGroupTag, "+ sg-own tag yagura.dev/cluster prod"),
        (Tamper::WeakenMetadata, "~ i-1 httpTokens optional -> required !"),
        (Tamper::Unprotect, "~ i-1 terminationProtection off -> on"),
        (Tamper::AttachGroup, "- eni-1 securityGroup sg-foreign !"),
        (Tamper::DetachOwnGroup, "+ eni-1 securityGroup sg-own"),
    ] {
        assert_eq!(tampered(how), [expected], "{how:?}");
    }
    let kept = tampered(Tamper::LoseVolumes);
    assert_eq!(kept.len(), 2, "{kept:?}");
    assert!(kept[0].ends_with("deleteOnTermination true -> false"), "{kept:?}");
}

#[test]
fn a_group_that_was_deleted_is_previewed_whole() {
    let told = tampered(Tamper::DeleteGroup);
    let group = desired().identity.group_name();
    for line in [
        format!("+ {group} securityGroup in vpc-1"),
        format!("+ {group} rule tcp 443 from 203.0.113.0/24"),
        format!("+ eni-1 securityGroup {group}"),
    ] {
        assert!(told.contains(&line), "{line} is not in {told:#?}");
    }
}

#[test]
fn a_change_of_type_reads_alike_whether_its_window_is_open_or_not() {
    let window = MaintenanceWindow {
        days: vec![Weekday::Sun],
        from: "02:00".to_owned(),
        duration: "3h".to_owned(),
        time_zone: "Asia/Tokyo".to_owned(),
    };
    let mut desired = desired();
    desired.reins = Reins::Observe;
    desired.change = ChangeWish {
        size: Some(Size {
            plan: "large".to_owned(),
            instance_type: "m6i.xlarge".to_owned(),
            volumes: BTreeMap::from([("/dev/sdf".to_owned(), 8)]),
        }),
        window: Some(Window::new(&window).unwrap()),
        ..ChangeWish::default()
    };
    let mut world = at_stage(Stage::Bound);
    world.change.plan = Some("standard".to_owned());
    for now in ["2026-11-28T17:30:00Z", "2026-11-28T12:00:00Z"] {
        let now: Timestamp = now.parse().unwrap();
        let plan = plan_tenant(&desired, &world, now);
        let steps = foresee(&desired, &world, &plan, (Scope::Held, now));
        let preview = Preview::of(&desired.identity, &world, &steps).unwrap();
        assert_eq!(
            lines(&preview),
            [
                "~ i-1 instanceType m6i.large -> m6i.xlarge !",
                "~ i-1 power running -> stopped !",
                "~ i-1 power stopped -> running",
            ],
            "at {now}"
        );
    }
}

#[test]
fn of_many_changes_a_status_shows_the_disruptive_ones_and_counts_the_others() {
    let mut world = at_stage(Stage::Bound);
    if let Observed::Present(group) = &mut world.group {
        group.tags.clear();
    }
    let mut wide = desired();
    let range = |at: u8| crate::cloud::Rule {
        direction: crate::cloud::Direction::Ingress,
        protocol: crate::cloud::Protocol::Tcp,
        from_port: 443,
        to_port: 443,
        peer: crate::cloud::Peer::Cidr(format!("10.{at}.0.0/16").parse().unwrap()),
    };
    wide.rules = (0..80).map(range).collect();
    let plan = plan_tenant(&wide, &world, start());
    let preview = Preview::of(&wide.identity, &world, &plan.steps).unwrap();
    let lost = preview.disruptive();
    assert!(lost >= 9, "the rules that were there go");
    let status = preview.status(|operation| Some(operation == Operation::CreateTags));
    assert_eq!(status.items.len(), 64);
    let all = preview.changes().len();
    assert_eq!(status.more, Some(i32::try_from(all - 64).unwrap()));
    let shown = status.items.iter().filter(|item| item.disruptive).count();
    assert_eq!(shown, lost);
    assert_eq!(status.hash, preview.hash());
    assert!(status.items.iter().all(|item| item.permitted.is_some()));
}

#[test]
fn a_text_that_is_too_long_for_the_status_is_cut_there_and_not_in_the_hash() {
    let mut world = at_stage(Stage::Bound);
    let mut hashes = BTreeSet::new();
    for end in ["a", "b"] {
        if let Observed::Present(instance) = &mut world.instance {
            let found = format!("{}{end}", "x".repeat(600));
            let label = crate::api::names::tags::LABEL;
            instance.tags.insert(label.to_owned(), found);
        }
        let preview = preview_of(&world).unwrap();
        let status = preview.status(|_| None);
        assert_eq!(status.items[0].from.as_ref().unwrap().chars().count(), 512);
        hashes.insert(status.hash);
    }
    assert_eq!(hashes.len(), 2);
}

/// The same world, as another listing would have told it.
fn shuffled(mut world: TenantWorld) -> TenantWorld {
    if let Observed::Present(volumes) = &mut world.volumes {
        volumes.reverse();
    }
    if let Observed::Present(kin) = &mut world.kin {
        kin.reverse();
    }
    if let Observed::Present(instance) = &mut world.instance {
        instance.volumes.reverse();
        instance.interfaces.reverse();
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(256))]

    #[test]
    fn the_order_of_what_is_observed_makes_no_other_hash(world in worlds()) {
        let told = preview_of(&world).map(|preview| preview.hash());
        let other = preview_of(&shuffled(world)).map(|preview| preview.hash());
        prop_assert_eq!(told, other);
    }

    #[test]
    fn every_step_that_writes_to_aws_is_in_the_preview_and_no_other(world in worlds()) {
        let desired = desired();
        for step in plan_tenant(&desired, &world, start()).steps {
            let is_write = !matches!(
                step.action,
                TenantAction::RecordLaunch(_)
                    | TenantAction::Bind(_)
                    | TenantAction::RecordGrowth { .. }
                    | TenantAction::RecordRestart(_)
                    | TenantAction::EndChange
            );
            let preview = Preview::of(&desired.identity, &world, std::slice::from_ref(&step));
            prop_assert_eq!(preview.is_some(), is_write, "{:?}", step);
        }
    }

    #[test]
    fn in_mode_observe_the_whole_plan_is_held_and_hashes_as_in_mode_enforce(world in worlds()) {
        let watched = TenantDesired { reins: Reins::Observe, ..desired() };
        let plan = plan_tenant(&watched, &world, start());
        let steps = foresee(&watched, &world, &plan, (Scope::Held, start()));
        let held = Preview::of(&watched.identity, &world, &steps).map(|preview| preview.hash());
        prop_assert_eq!(held, preview_of(&world).map(|preview| preview.hash()));
    }

    #[test]
    fn what_is_done_is_planned_no_more(world in worlds()) {
        let end = settle(&desired(), world, start(), usize::MAX);
        prop_assert_eq!(preview_of(&end).map(|preview| lines(&preview)), None);
    }
}
