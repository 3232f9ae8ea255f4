//! Worlds to plan in, and what steps do to them.

use std::collections::{BTreeMap, BTreeSet};

use proptest::{collection, option, prelude::*, sample::select};

use crate::{
    cloud::{
        Direction, InstanceId, NetworkInterfaceId, NewGroup, Observed, Peer, Protocol, Rule, SecurityGroup,
        SecurityGroupId, Tags,
    },
    plan::incident::isolation::{
        Elsewhere, Held, Interfaces, OwnGroup, Place, Quarantine, Step, Target, TenantWorld, World,
    },
};

pub(super) fn eni(id: &str) -> NetworkInterfaceId {
    id.into()
}

pub(super) fn group_ids(ids: &[&str]) -> BTreeSet<SecurityGroupId> {
    ids.iter().map(|id| SecurityGroupId::from(*id)).collect()
}

pub(super) fn quarantine_id() -> SecurityGroupId {
    "sg-quarantine".into()
}

pub(super) fn place() -> Place {
    Place {
        site: "ap-northeast-1".into(),
        vpc: "vpc-1".into(),
        class: "tokyo".into(),
    }
}

fn instance_of(tenant: &str) -> InstanceId {
    InstanceId::new(format!("i-{tenant}"))
}

pub(super) fn held(tenant: &str, interface: &str, originals: &[&str]) -> Held {
    Held {
        tenant: tenant.to_owned(),
        instance: instance_of(tenant),
        interface: eni(interface),
        originals: group_ids(originals),
        returned: false,
    }
}

pub(super) fn tenant_world(interfaces: &[(&str, &[&str])]) -> TenantWorld {
    TenantWorld {
        place: Some(place()),
        target: Observed::Present(Target {
            instance: instance_of("a"),
            interfaces: interfaces
                .iter()
                .map(|(id, groups)| (eni(id), group_ids(groups)))
                .collect(),
        }),
        foreign: None,
        own_group: Observed::Present(OwnGroup {
            id: "sg-own".into(),
            exact: true,
        }),
        base_groups: group_ids(&["sg-base"]),
        elsewhere: Vec::new(),
    }
}

fn quarantine(rules: BTreeSet<Rule>) -> Quarantine {
    let tags = Tags::from([("yagura.dev/uid".into(), "class-uid".into())]);
    Quarantine {
        wanted: NewGroup {
            name: "quarantine".into(),
            description: "no rule at all".into(),
            vpc_id: "vpc-1".into(),
            tags: tags.clone(),
        },
        observed: Observed::Present(SecurityGroup {
            id: quarantine_id(),
            name: "quarantine".into(),
            vpc_id: "vpc-1".into(),
            rules,
            tags,
        }),
    }
}

pub(super) fn world_of(name: &str, tenant: TenantWorld) -> World {
    World {
        held: Vec::new(),
        tenants: BTreeMap::from([(name.to_owned(), tenant)]),
        quarantines: BTreeMap::from([(place(), quarantine(BTreeSet::new()))]),
    }
}

pub(super) fn allow_all_egress() -> Rule {
    rule(Direction::Egress, "0.0.0.0/0")
}

fn rule(direction: Direction, cidr: &str) -> Rule {
    Rule {
        direction,
        protocol: Protocol::All,
        from_port: -1,
        to_port: -1,
        peer: Peer::Cidr(cidr.parse().unwrap()),
    }
}

pub(super) fn add_rule(world: &mut World, rule: Rule) {
    quarantine_group(world).rules.insert(rule);
}

pub(super) fn disown_quarantine(world: &mut World) {
    quarantine_group(world).tags = Tags::from([("yagura.dev/uid".into(), "another".into())]);
}

fn quarantine_group(world: &mut World) -> &mut SecurityGroup {
    match &mut world.quarantines.get_mut(&place()).unwrap().observed {
        Observed::Present(group) => group,
        other => panic!("no group: {other:?}"),
    }
}

pub(super) fn forget_quarantine(world: &mut World) {
    world.quarantines.get_mut(&place()).unwrap().observed = Observed::Absent;
}

/// What these steps do: to AWS, and to the Incident's status.
pub(super) fn simulate(mut world: World, steps: &[Step]) -> World {
    for step in steps {
        match step {
            Step::RecordOriginals(entries) => {
                for entry in entries {
                    world.held.retain(|old| old.interface != entry.interface);
                    world.held.push(entry.clone());
                }
            }
            Step::CreateQuarantine(place) => {
                // As AWS does, with an allow-all egress rule.
                world
                    .quarantines
                    .insert(place.clone(), quarantine(BTreeSet::from([allow_all_egress()])));
            }
            Step::EmptyQuarantine { rules, .. } => {
                let group = quarantine_group(&mut world);
                group.rules.retain(|rule| !rules.contains(rule));
            }
            Step::Swap(swap) => {
                let Observed::Present(target) = &mut world.tenants.get_mut(&swap.tenant).unwrap().target
                else {
                    panic!("swapped an interface of nothing")
                };
                target.interfaces.insert(swap.interface.clone(), swap.to.clone());
            }
            Step::RecordReturned(interfaces) => {
                for entry in &mut world.held {
                    entry.returned |= interfaces.contains(&entry.interface);
                }
            }
        }
    }
    world
}

fn groups(
    pool: &'static [&'static str],
    sizes: std::ops::RangeInclusive<usize>,
) -> impl Strategy<Value = BTreeSet<SecurityGroupId>> {
    collection::btree_set(select(pool).prop_map(SecurityGroupId::from), sizes)
}

const GROUPS: &[&str] = &["sg-own", "sg-base", "sg-evil", "sg-other", "sg-quarantine"];

fn held_by(tenant: &'static str) -> impl Strategy<Value = Vec<Held>> {
    let entry = (
        select(&["eni-1", "eni-2", "eni-3"][..]),
        groups(GROUPS, 0..=3),
        any::<bool>(),
    )
        .prop_map(move |(interface, originals, returned)| Held {
            tenant: tenant.to_owned(),
            instance: instance_of(tenant),
            interface: NetworkInterfaceId::new(format!("{interface}-{tenant}")),
            originals,
            returned,
        });
    collection::vec(entry, 0..=3).prop_map(|mut entries| {
        entries.sort();
        entries.dedup_by(|a, b| a.interface == b.interface);
        entries
    })
}

fn interfaces(tenant: &'static str) -> impl Strategy<Value = Interfaces> {
    let id = select(&["eni-1", "eni-2", "eni-3"][..])
        .prop_map(move |id| NetworkInterfaceId::new(format!("{id}-{tenant}")));
    collection::btree_map(id, groups(GROUPS, 1..=3), 0..=3)
}

fn observed<T: std::fmt::Debug + Clone>(
    present: impl Strategy<Value = T>,
) -> impl Strategy<Value = Observed<T>> {
    (0..8, present).prop_map(|(kind, thing)| match kind {
        0 => Observed::Unknown,
        1 => Observed::Absent,
        _ => Observed::Present(thing),
    })
}

fn tenant(name: &'static str) -> impl Strategy<Value = TenantWorld> {
    let target = interfaces(name).prop_map(move |interfaces| Target {
        instance: instance_of(name),
        interfaces,
    });
    let own_group = any::<bool>().prop_map(|exact| OwnGroup {
        id: "sg-own".into(),
        exact,
    });
    let other = (select(&["first", "second"][..]), any::<bool>(), held_by(name)).prop_map(
        |(incident, isolates, held)| Elsewhere {
            incident: incident.to_owned(),
            isolates,
            held,
        },
    );
    (
        option::weighted(0.9, Just(place())),
        observed(target),
        observed(own_group),
        groups(&["sg-base", "sg-monitoring"], 0..=2),
        collection::vec(other, 0..=2),
    )
        .prop_map(|(place, target, own_group, base_groups, elsewhere)| TenantWorld {
            place,
            target,
            foreign: None,
            own_group,
            base_groups,
            elsewhere,
        })
}

fn quarantines() -> impl Strategy<Value = Quarantine> {
    let rules = collection::btree_set(
        select(vec![
            allow_all_egress(),
            rule(Direction::Ingress, "0.0.0.0/0"),
            rule(Direction::Ingress, "203.0.113.0/24"),
        ]),
        0..=2,
    );
    (0..10, rules).prop_map(|(kind, rules)| {
        let mut quarantine = quarantine(rules);
        match (kind, &mut quarantine.observed) {
            (0, observed) => *observed = Observed::Unknown,
            (1 | 2, observed) => *observed = Observed::Absent,
            (3, Observed::Present(group)) => {
                group.tags = Tags::from([("yagura.dev/uid".into(), "another".into())]);
            }
            _ => {}
        }
        quarantine
    })
}

/// Any world, whole or in parts unknown, tidy or tampered with.
pub(super) fn worlds() -> impl Strategy<Value = World> {
    (
        tenant("a"),
        tenant("b"),
        held_by("a"),
        held_by("b"),
        quarantines(),
    )
        .prop_map(|(a, b, held_a, held_b, quarantine)| {
            let is_absent = quarantine.observed == Observed::Absent;
            let mut tenants = BTreeMap::from([("a".to_owned(), a), ("b".to_owned(), b)]);
            if is_absent {
                // AWS deletes no group that an interface still has.
                tenants.values_mut().for_each(never_quarantined);
            }
            World {
                held: held_a.into_iter().chain(held_b).map(without_quarantine).collect(),
                tenants,
                quarantines: BTreeMap::from([(place(), quarantine)]),
            }
        })
}

fn never_quarantined(tenant: &mut TenantWorld) {
    for other in &mut tenant.elsewhere {
        other.held = other.held.drain(..).map(without_quarantine).collect();
    }
    if let Observed::Present(target) = &mut tenant.target {
        for groups in target.interfaces.values_mut() {
            groups.remove(&quarantine_id());
            if groups.is_empty() {
                groups.insert("sg-other".into());
            }
        }
    }
}

/// Our own record never held the quarantine group: that is what the properties prove of every step that writes it.
fn without_quarantine(mut held: Held) -> Held {
    held.originals.remove(&quarantine_id());
    held
}
