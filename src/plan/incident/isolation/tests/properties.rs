use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection, prelude::*, sample::select};

use super::given::{place, quarantine_id, simulate, worlds};
use crate::{
    cloud::{NetworkInterfaceId, Observed, SecurityGroupId},
    plan::incident::isolation::{Intent, Purpose, Step, World, is_contained, is_undone, plan},
};

fn intents() -> impl Strategy<Value = Intent> {
    select(vec![Intent::Isolate, Intent::Undo, Intent::LeaveAlone])
}

/// A new quarantine group is only known once it is made, so isolating from nothing takes two rounds.
const ROUNDS: usize = 3;

fn converge(intent: Intent, mut world: World) -> World {
    for _ in 0..ROUNDS {
        let steps = plan(intent, &world).steps;
        world = simulate(world, &steps);
    }
    world
}

/// Plans, carries out the first `steps` steps only, and forgets the rest, as a killed process does.
fn cut(intent: Intent, world: World, steps: usize) -> World {
    let plan = plan(intent, &world);
    simulate(world, &plan.steps[..steps.min(plan.steps.len())])
}

fn blinded(mut world: World) -> World {
    for tenant in world.tenants.values_mut() {
        tenant.target = Observed::Unknown;
    }
    for quarantine in world.quarantines.values_mut() {
        quarantine.observed = Observed::Unknown;
    }
    world
}

fn reversed(world: &World) -> World {
    let mut world = world.clone();
    world.held.reverse();
    for tenant in world.tenants.values_mut() {
        tenant.elsewhere.reverse();
        for other in &mut tenant.elsewhere {
            other.held.reverse();
        }
    }
    world
}

/// The groups of every interface that is seen.
fn groups_seen(world: &World) -> BTreeMap<NetworkInterfaceId, BTreeSet<SecurityGroupId>> {
    world
        .tenants
        .values()
        .filter_map(|tenant| tenant.target.present())
        .flat_map(|target| target.interfaces.clone())
        .collect()
}

/// An act between two passes.
#[derive(Clone, Debug)]
enum Act {
    /// A pass that is cut off after some steps.
    Pass { intent: Intent, steps: usize },
    /// Somebody attaches a group to an interface.
    Attack { interface: usize },
    /// Somebody puts a rule into the quarantine group.
    Open,
}

fn acts() -> impl Strategy<Value = Vec<Act>> {
    let pass = (select(vec![Intent::Isolate, Intent::Undo]), 0..6_usize)
        .prop_map(|(intent, steps)| Act::Pass { intent, steps });
    let act = prop_oneof![4 => pass, 1 => (0..6_usize).prop_map(|interface| Act::Attack { interface }), 1 => Just(Act::Open)];
    collection::vec(act, 1..12)
}

fn tamper(world: &mut World, act: &Act) {
    match act {
        Act::Pass { .. } => {}
        Act::Attack { interface } => {
            let interfaces = world
                .tenants
                .values_mut()
                .flat_map(|tenant| match &mut tenant.target {
                    Observed::Present(target) => target.interfaces.values_mut().collect(),
                    Observed::Unknown | Observed::Absent => Vec::new(),
                });
            if let Some(groups) = interfaces.into_iter().nth(*interface) {
                groups.insert("sg-evil".into());
            }
        }
        Act::Open => {
            if let Observed::Present(group) = &mut world.quarantines.get_mut(&place()).unwrap().observed {
                group.rules.insert(super::given::allow_all_egress());
            }
        }
    }
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn a_plan_carried_out_leaves_nothing_to_plan(intent in intents(), world in worlds()) {
        let world = converge(intent, world);
        prop_assert_eq!(plan(intent, &world).steps, vec![]);
    }

    #[test]
    fn a_converged_world_plans_nothing_and_stays_as_it_is(world in worlds()) {
        let isolated = converge(Intent::Isolate, world);
        let waiting = plan(Intent::Isolate, &isolated).waiting_for;
        if waiting.is_empty() {
            prop_assert_eq!(is_contained(&isolated), Some(true));
        }
        let undone = converge(Intent::Undo, isolated);
        let waiting = plan(Intent::Undo, &undone).waiting_for;
        if waiting.is_empty() {
            prop_assert!(is_undone(&undone));
        }
    }

    #[test]
    fn an_unknown_world_is_left_alone(intent in intents(), world in worlds()) {
        prop_assert_eq!(plan(intent, &blinded(world)).steps, vec![]);
    }

    #[test]
    fn only_what_is_ours_or_recorded_is_touched(intent in intents(), world in worlds()) {
        let plan = plan(intent, &world);
        let recorded_now: BTreeSet<_> = plan.steps.iter().filter_map(|step| match step {
            Step::RecordOriginals(entries) => Some(entries.iter().map(|entry| entry.interface.clone())),
            _ => None,
        }).flatten().collect();
        for step in &plan.steps {
            match step {
                Step::EmptyQuarantine { group, rules, .. } => {
                    let quarantine = &world.quarantines[&place()];
                    let seen = quarantine.observed.present().unwrap();
                    prop_assert_eq!(group, &seen.id);
                    prop_assert_eq!(&seen.tags, &quarantine.wanted.tags);
                    prop_assert!(rules.is_subset(&seen.rules));
                }
                Step::Swap(swap) => {
                    let open = world.held.iter().any(|held| held.interface == swap.interface && !held.returned);
                    match swap.purpose {
                        Purpose::Isolate => prop_assert!(open || recorded_now.contains(&swap.interface)),
                        Purpose::Reconnect => prop_assert!(open),
                    }
                    prop_assert!(groups_seen(&world).contains_key(&swap.interface));
                }
                Step::RecordOriginals(_) | Step::CreateQuarantine(_) | Step::RecordReturned(_) => {}
            }
        }
    }

    #[test]
    fn the_order_of_what_is_listed_does_not_matter(intent in intents(), world in worlds()) {
        let (one, other) = (plan(intent, &world), plan(intent, &reversed(&world)));
        prop_assert_eq!(one, other);
    }

    #[test]
    fn stopping_after_any_step_and_starting_over_converges(
        intent in intents(),
        world in worlds(),
        steps in 0..6_usize,
    ) {
        let whole = converge(intent, world.clone());
        let resumed = converge(intent, cut(intent, world, steps));
        prop_assert_eq!(groups_seen(&whole), groups_seen(&resumed));
        prop_assert_eq!(plan(intent, &resumed).steps, vec![]);
    }

    #[test]
    fn no_interface_is_moved_before_its_originals_are_recorded_and_none_is_ever_rewritten(
        world in worlds(),
        acts in acts(),
    ) {
        let mut world = world;
        for act in &acts {
            tamper(&mut world, act);
            let Act::Pass { intent, steps } = act else { continue };
            for step in plan(*intent, &world).steps.iter().take(*steps) {
                if let Step::Swap(swap) = step {
                    let entry = world.held.iter().find(|held| held.interface == swap.interface);
                    prop_assert!(entry.is_some_and(|held| !held.returned), "moved without a record");
                }
                let before = world.clone();
                world = simulate(world, std::slice::from_ref(step));
                for held in &before.held {
                    let after = world.held.iter().find(|entry| entry.interface == held.interface);
                    prop_assert_eq!(after.map(|entry| &entry.originals), Some(&held.originals));
                }
            }
        }
    }

    #[test]
    fn the_quarantine_group_is_never_an_original_and_never_given_back(world in worlds(), acts in acts()) {
        let mut world = world;
        for act in &acts {
            tamper(&mut world, act);
            let Act::Pass { intent, steps } = act else { continue };
            let plan = plan(*intent, &world);
            for step in &plan.steps {
                match step {
                    Step::RecordOriginals(entries) => {
                        for entry in entries {
                            prop_assert!(!entry.originals.contains(&quarantine_id()));
                        }
                    }
                    Step::Swap(swap) if swap.purpose == Purpose::Reconnect => {
                        prop_assert!(!swap.to.contains(&quarantine_id()));
                    }
                    _ => {}
                }
            }
            world = simulate(world, &plan.steps[..(*steps).min(plan.steps.len())]);
        }
    }

    #[test]
    fn nothing_is_reconnected_while_another_incident_isolates(world in worlds()) {
        for step in plan(Intent::Undo, &world).steps {
            if let Step::Swap(swap) = step {
                prop_assert!(world.tenants[&swap.tenant].elsewhere.iter().all(|other| !other.isolates));
            }
        }
    }
}
