mod given;
mod properties;

use std::collections::BTreeSet;

use self::given::{eni, group_ids, held, quarantine_id, simulate, tenant_world, world_of};
use super::*;
use crate::cloud::Direction;

fn swaps(plan: &Plan) -> Vec<&Swap> {
    plan.steps
        .iter()
        .filter_map(|step| match step {
            Step::Swap(swap) => Some(swap),
            _ => None,
        })
        .collect()
}

#[test]
fn the_originals_are_recorded_before_the_first_swap() {
    let world = world_of("a", tenant_world(&[("eni-1", &["sg-own", "sg-base"])]));
    let plan = plan(Intent::Isolate, &world);
    let [Step::RecordOriginals(entries), Step::Swap(swap)] = plan.steps.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(entries, &[held("a", "eni-1", &["sg-own", "sg-base"])]);
    assert_eq!(swap.to, BTreeSet::from([quarantine_id()]));
    assert_eq!(swap.from, group_ids(&["sg-own", "sg-base"]));
}

#[test]
fn nothing_is_moved_into_a_group_that_still_has_a_rule() {
    let mut world = world_of("a", tenant_world(&[("eni-1", &["sg-own"])]));
    given::add_rule(&mut world, given::allow_all_egress());
    let plan = plan(Intent::Isolate, &world);
    assert!(
        matches!(
            plan.steps.as_slice(),
            [
                Step::RecordOriginals(_),
                Step::EmptyQuarantine {
                    direction: Direction::Egress,
                    ..
                },
                Step::Swap(_)
            ]
        ),
        "{plan:?}"
    );
}

#[test]
fn without_a_quarantine_group_one_is_made_and_nothing_is_moved_yet() {
    let mut world = world_of("a", tenant_world(&[("eni-1", &["sg-own"])]));
    given::forget_quarantine(&mut world);
    let plan = plan(Intent::Isolate, &world);
    assert!(
        matches!(
            plan.steps.as_slice(),
            [Step::RecordOriginals(_), Step::CreateQuarantine(_)]
        ),
        "{plan:?}"
    );
    assert!(matches!(plan.waiting_for.first(), Some(Waiting::Quarantine(_))));
}

#[test]
fn a_strangers_group_of_the_same_name_is_neither_used_nor_emptied() {
    let mut world = world_of("a", tenant_world(&[("eni-1", &["sg-own"])]));
    given::add_rule(&mut world, given::allow_all_egress());
    given::disown_quarantine(&mut world);
    let plan = plan(Intent::Isolate, &world);
    assert_eq!(plan.steps, []);
    assert!(matches!(
        plan.waiting_for.first(),
        Some(Waiting::ForeignQuarantine { .. })
    ));
}

#[test]
fn an_interface_attached_later_is_isolated_too() {
    let mut world = world_of(
        "a",
        tenant_world(&[("eni-1", &["sg-quarantine"]), ("eni-2", &["sg-new"])]),
    );
    world.held = vec![held("a", "eni-1", &["sg-own"])];
    let plan = plan(Intent::Isolate, &world);
    assert_eq!(swaps(&plan).len(), 1);
    assert_eq!(
        plan.steps[0],
        Step::RecordOriginals(vec![held("a", "eni-2", &["sg-new"])])
    );
}

#[test]
fn a_second_incident_copies_the_originals_of_the_first() {
    let mut tenant = tenant_world(&[("eni-1", &["sg-quarantine"])]);
    tenant.elsewhere = vec![Elsewhere {
        incident: "first".into(),
        isolates: true,
        held: vec![held("a", "eni-1", &["sg-evil"])],
    }];
    let plan = plan(Intent::Isolate, &world_of("a", tenant));
    assert_eq!(
        plan.steps,
        [Step::RecordOriginals(vec![held("a", "eni-1", &["sg-evil"])])]
    );
}

#[test]
fn what_a_person_isolated_is_taken_over_with_what_it_should_have() {
    let plan = plan(
        Intent::Isolate,
        &world_of("a", tenant_world(&[("eni-1", &["sg-quarantine"])])),
    );
    assert_eq!(
        plan.steps,
        [Step::RecordOriginals(vec![held(
            "a",
            "eni-1",
            &["sg-own", "sg-base"]
        )])]
    );
}

#[test]
fn undoing_gives_the_tenants_own_groups_and_not_an_attackers() {
    let mut world = world_of("a", tenant_world(&[("eni-1", &["sg-quarantine"])]));
    world.held = vec![held("a", "eni-1", &["sg-evil"])];
    let plan = plan(Intent::Undo, &world);
    let [Step::Swap(swap), Step::RecordReturned(returned)] = plan.steps.as_slice() else {
        panic!("{plan:?}")
    };
    assert_eq!(swap.to, group_ids(&["sg-own", "sg-base"]));
    assert_eq!(returned, &[eni("eni-1")]);
    let after = simulate(world, &plan.steps);
    assert_eq!(
        after.held[0].originals,
        group_ids(&["sg-evil"]),
        "the record stays as evidence"
    );
    assert!(is_undone(&after));
}

#[test]
fn undoing_waits_until_the_tenants_own_group_is_exact() {
    let mut tenant = tenant_world(&[("eni-1", &["sg-quarantine"])]);
    tenant.own_group = Observed::Present(OwnGroup {
        id: "sg-own".into(),
        exact: false,
    });
    let mut world = world_of("a", tenant);
    world.held = vec![held("a", "eni-1", &["sg-own"])];
    let plan = plan(Intent::Undo, &world);
    assert_eq!(plan.steps, []);
    assert_eq!(
        plan.waiting_for,
        BTreeSet::from([Waiting::OwnGroup { tenant: "a".into() }])
    );
}

#[test]
fn the_groups_return_with_the_last_incident() {
    let mut tenant = tenant_world(&[("eni-1", &["sg-quarantine"])]);
    let theirs = held("a", "eni-1", &["sg-own"]);
    tenant.elsewhere = vec![Elsewhere {
        incident: "second".into(),
        isolates: true,
        held: vec![theirs.clone()],
    }];
    let mut world = world_of("a", tenant);
    world.held = vec![theirs];
    assert_eq!(plan(Intent::Undo, &world).steps, []);
    assert!(
        is_undone(&world),
        "the second one has recorded it and will undo it"
    );
    world.tenants.get_mut("a").unwrap().elsewhere[0].isolates = false;
    assert_eq!(swaps(&plan(Intent::Undo, &world)).len(), 1);
}

#[test]
fn an_incident_is_not_done_while_its_successor_has_recorded_nothing() {
    let mut tenant = tenant_world(&[("eni-1", &["sg-quarantine"])]);
    tenant.elsewhere = vec![Elsewhere {
        incident: "second".into(),
        isolates: true,
        held: Vec::new(),
    }];
    let mut world = world_of("a", tenant);
    world.held = vec![held("a", "eni-1", &["sg-own"])];
    assert_eq!(plan(Intent::Undo, &world).steps, []);
    assert!(!is_undone(&world));
}

#[test]
fn a_tenant_that_is_gone_left_its_instance_as_it_was() {
    let mut world = World {
        held: vec![held("a", "eni-1", &["sg-own"])],
        ..World::default()
    };
    assert_eq!(plan(Intent::Undo, &world), Plan::default());
    assert!(is_undone(&world));
    world.held[0].tenant = "b".into();
    assert_eq!(plan(Intent::Isolate, &world), Plan::default());
}

#[test]
fn what_is_gone_needs_no_reconnecting() {
    let mut world = world_of("a", tenant_world(&[("eni-2", &["sg-quarantine"])]));
    world.held = vec![held("a", "eni-1", &["sg-own"])];
    assert_eq!(
        plan(Intent::Undo, &world).steps,
        [Step::RecordReturned(vec![eni("eni-1")])]
    );
}

#[test]
fn an_interface_that_seems_connected_is_still_reconnected_by_a_call() {
    // What is seen may be older than the isolation.
    let mut world = world_of("a", tenant_world(&[("eni-1", &["sg-own", "sg-base"])]));
    world.held = vec![held("a", "eni-1", &["sg-own", "sg-base"])];
    assert_eq!(swaps(&plan(Intent::Undo, &world)).len(), 1);
}

#[test]
fn an_interface_that_a_person_put_in_quarantine_is_not_reconnected() {
    let world = world_of("a", tenant_world(&[("eni-1", &["sg-quarantine"])]));
    assert_eq!(plan(Intent::Undo, &world), Plan::default());
}

#[test]
fn a_second_isolation_by_the_same_incident_keeps_the_first_record() {
    let mut world = world_of("a", tenant_world(&[("eni-1", &["sg-own", "sg-base"])]));
    world.held = vec![Held {
        returned: true,
        ..held("a", "eni-1", &["sg-evil"])
    }];
    let plan = plan(Intent::Isolate, &world);
    assert_eq!(
        plan.steps[0],
        Step::RecordOriginals(vec![held("a", "eni-1", &["sg-evil"])])
    );
    assert_eq!(swaps(&plan).len(), 1);
}

#[test]
fn containment_is_told_from_what_is_seen() {
    let mut world = world_of("a", tenant_world(&[("eni-1", &["sg-quarantine"])]));
    assert_eq!(is_contained(&world), Some(true));
    given::add_rule(&mut world, given::allow_all_egress());
    assert_eq!(is_contained(&world), Some(false));
    world.tenants.get_mut("a").unwrap().target = Observed::Unknown;
    assert_eq!(is_contained(&world), None);
}

#[test]
fn of_a_tenant_whose_status_names_a_strangers_instance_containment_is_not_known() {
    let mut world = world_of("a", tenant_world(&[]));
    let tenant = world.tenants.get_mut("a").unwrap();
    (tenant.target, tenant.foreign) = (Observed::Absent, Some("i-stranger".into()));
    assert_eq!(is_contained(&world), None);
    let plan = plan(Intent::Isolate, &world);
    assert_eq!(plan.steps, []);
    assert!(matches!(
        plan.waiting_for.first(),
        Some(Waiting::ForeignInstance { .. })
    ));
}
