use std::collections::BTreeSet;

use proptest::{collection::btree_set, prelude::*};

use super::{
    simulate::{allow_all_egress, simulate},
    *,
};
use crate::plan::firewall::tests::any_rule;

const UID: &str = "6f1d8a52-0c6e-4b5c-9d8b-0a4f6c1b2d3e";

fn desired() -> NewGroup {
    ClassIdentity {
        cluster: "prod".to_owned(),
        cluster_uid: "c-1".to_owned(),
        name: "tokyo-standard".to_owned(),
        uid: UID.to_owned(),
    }
    .quarantine(&"vpc-1".into())
}

fn group(rules: BTreeSet<Rule>, tags: Tags) -> SecurityGroup {
    SecurityGroup {
        id: "sg-old".into(),
        name: desired().name,
        vpc_id: "vpc-1".into(),
        rules,
        tags,
    }
}

/// Groups of our name: ours, tampered with, or somebody else's.
fn worlds() -> impl Strategy<Value = QuarantineWorld> {
    let tags = (0u8..128, any::<bool>()).prop_map(|(keep, changed)| {
        let mut tags: Tags = desired()
            .tags
            .into_iter()
            .enumerate()
            .filter(|(n, _)| keep & (1 << n) != 0)
            .map(|(_, tag)| tag)
            .collect();
        if changed {
            tags.insert(names::tags::ROLE.to_owned(), "live".to_owned());
        }
        tags
    });
    let present =
        (btree_set(any_rule(), 0..80), tags).prop_map(|(rules, tags)| Observed::Present(group(rules, tags)));
    let group = prop_oneof![1 => Just(Observed::Absent), 6 => present];
    (group, any::<bool>()).prop_map(|(group, was_empty)| QuarantineWorld { group, was_empty })
}

fn settle(mut world: QuarantineWorld) -> QuarantineWorld {
    for _ in 0..4 {
        world = plan_quarantine(&desired(), &world)
            .steps
            .iter()
            .fold(world, simulate);
    }
    world
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn applying_plans_ends_with_an_empty_group_of_ours_or_a_foreign_one_untouched(world in worlds()) {
        let end = settle(world.clone());
        prop_assert!(plan_quarantine(&desired(), &end).steps.is_empty());
        let Observed::Present(found) = &end.group else { panic!("no group") };
        if standing_of(&desired().tags, found, false) == Standing::Ours {
            prop_assert!(found.rules.is_empty());
            prop_assert_eq!(&found.tags, &desired().tags);
        } else {
            prop_assert_eq!(&end, &world);
        }
    }

    #[test]
    fn stopping_after_any_step_and_starting_over_converges(world in worlds(), stop in 0usize..4) {
        let plan = plan_quarantine(&desired(), &world);
        let stopped = plan.steps.iter().take(stop).fold(world.clone(), simulate);
        prop_assert_eq!(settle(stopped), settle(world));
    }

    #[test]
    fn only_rules_that_are_there_are_removed_and_none_is_added(world in worlds()) {
        for step in plan_quarantine(&desired(), &world).steps {
            if let ClassStep::ChangeRules { change, .. } = step {
                prop_assert_eq!(change.change, crate::plan::firewall::RuleChange::Revoke);
                let Observed::Present(found) = &world.group else { panic!("no group") };
                prop_assert!(change.rules.is_subset(&found.rules));
            }
        }
    }

    #[test]
    fn an_unknown_world_is_left_alone(was_empty in any::<bool>()) {
        let world = QuarantineWorld { group: Observed::Unknown, was_empty };
        prop_assert!(plan_quarantine(&desired(), &world).steps.is_empty());
    }
}

#[test]
fn a_new_group_is_emptied_without_calling_it_tampering() {
    let world = QuarantineWorld {
        group: Observed::Present(group(allow_all_egress(), desired().tags)),
        was_empty: false,
    };
    let plan = plan_quarantine(&desired(), &world);
    let [ClassStep::ChangeRules { change, findings, .. }] = plan.steps.as_slice() else {
        panic!("{plan:?}");
    };
    assert_eq!(change.rules, allow_all_egress());
    assert!(findings.is_empty());
}

#[test]
fn a_rule_in_an_empty_group_is_named() {
    let world = QuarantineWorld {
        group: Observed::Present(group(allow_all_egress(), desired().tags)),
        was_empty: true,
    };
    let plan = plan_quarantine(&desired(), &world);
    let [ClassStep::ChangeRules { findings, .. }] = plan.steps.as_slice() else {
        panic!("{plan:?}");
    };
    assert_eq!(
        findings[0].message,
        "rule all traffic to 0.0.0.0/0 added by someone else was removed from the quarantine group sg-old"
    );
}

#[test]
fn a_group_of_our_name_without_our_tags_is_left_alone_and_named() {
    let world = QuarantineWorld {
        group: Observed::Present(group(allow_all_egress(), Tags::new())),
        was_empty: false,
    };
    let plan = plan_quarantine(&desired(), &world);
    assert!(plan.steps.is_empty());
    assert_eq!(plan.waiting_for[0].reason, Reason::ForeignGroup);
}
