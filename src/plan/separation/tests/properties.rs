use std::collections::BTreeSet;

use proptest::{collection::vec, prelude::*, sample::Index};

use super::*;

/// Something that a stranger does to a fleet.
#[derive(Clone, Debug)]
enum Tampering {
    /// Puts a group of one on an interface of another.
    Attach(Index, Index),
    /// Puts the base group, or one that nobody knows, on an interface.
    AttachOther(Index, bool),
    /// Moves a volume.
    Mount(Index, Index),
    /// Takes a snapshot of one under the name of another.
    Copy(Index, Index),
    /// Sets a tag of one to what another's is.
    Tag(Index, Index, Index),
    /// Opens a group of one to a group of another.
    Refer(Index, Index, bool),
    /// Opens a group to a range around the address of another.
    Open(Index, Index, u8),
    /// Lets a Tenant go.
    Release(Index),
}

fn tampering() -> impl Strategy<Value = Tampering> {
    let one = any::<Index>;
    prop_oneof![
        (one(), one()).prop_map(|(a, b)| Tampering::Attach(a, b)),
        (one(), any::<bool>()).prop_map(|(a, base)| Tampering::AttachOther(a, base)),
        (one(), one()).prop_map(|(a, b)| Tampering::Mount(a, b)),
        (one(), one()).prop_map(|(a, b)| Tampering::Copy(a, b)),
        (one(), one(), one()).prop_map(|(a, b, key)| Tampering::Tag(a, b, key)),
        (one(), one(), any::<bool>()).prop_map(|(a, b, base)| Tampering::Refer(a, b, base)),
        (one(), one(), 24_u8..=32).prop_map(|(a, b, length)| Tampering::Open(a, b, length)),
        one().prop_map(Tampering::Release),
    ]
}

fn fleet() -> impl Strategy<Value = Fleet> {
    let kinds = vec((0..3_u8, any::<bool>()), 2..7);
    (kinds, vec(tampering(), 0..6)).prop_map(|(kinds, tamperings)| {
        let parties = kinds
            .into_iter()
            .enumerate()
            .map(|(number, (customer, verifies))| Party {
                environment: Some(match verifies {
                    true => Environment::Verification,
                    false => Environment::Production,
                }),
                ..party(&format!("c{customer}"), &format!("t{number}"))
            });
        let mut fleet = Fleet::of(parties.collect());
        for tampering in tamperings {
            tamper(&mut fleet, &tampering);
        }
        fleet
    })
}

fn tamper(fleet: &mut Fleet, tampering: &Tampering) {
    // Instances and groups stay in their order and number; Tenants may go.
    let of = |index: &Index| index.index(fleet.instances.len());
    match tampering {
        Tampering::Attach(a, b) => {
            let group = fleet.groups[of(a)].id.to_string();
            let to = of(b);
            fleet.attach(to, &group);
        }
        Tampering::AttachOther(a, base) => {
            let to = of(a);
            fleet.attach(to, if *base { "sg-base" } else { "sg-odd" });
        }
        Tampering::Mount(a, b) => {
            let (from, to) = (of(a), of(b));
            if let Some(volume) = fleet.instances[from].volumes.pop() {
                fleet.instances[to].volumes.push(volume);
            }
        }
        Tampering::Copy(a, b) => {
            let (from, to) = (of(a), of(b));
            fleet.snapshots[to].volume_id = fleet.volumes[from].id.clone();
        }
        Tampering::Tag(a, b, key) => {
            let (from, to) = (of(a), of(b));
            let tags: Vec<_> = fleet.images[from].tags.clone().into_iter().collect();
            let (key, value) = key.get(&tags).clone();
            fleet.volumes[to].tags.insert(key, value);
        }
        Tampering::Refer(a, b, base) => {
            let (from, to) = (of(a), of(b));
            let other = match base {
                true => "sg-base".into(),
                false => fleet.groups[to].id.clone(),
            };
            let opened = rule(Direction::Ingress, Peer::Group(other));
            fleet.groups[from].rules.insert(opened);
        }
        Tampering::Open(a, b, length) => {
            let (from, to) = (of(a), of(b));
            let address = fleet.instances[to].private_ip.clone().unwrap();
            let range: IpNet = format!("{address}/{length}").parse().unwrap();
            let opened = rule(Direction::Ingress, Peer::Cidr(range.trunc()));
            fleet.groups[from].rules.insert(opened);
        }
        Tampering::Release(a) => {
            if fleet.parties.len() > 1 {
                let gone = a.index(fleet.parties.len());
                fleet.parties.remove(gone);
            }
        }
    }
}

proptest! {
    /// By all pairs, as the word says: what is told, of whom, and how much more there is.
    #[test]
    fn each_is_told_of_what_it_has_in_common_with_others_and_of_nothing_else(fleet in fleet()) {
        let matrix = fleet.compare();
        let pairs = fleet.pairs();
        let (found, _) = compare::find(&fleet.ground());
        for party in &fleet.parties {
            let row = matrix.row(&party.uid).unwrap();
            let own: Vec<_> = pairs.iter().filter(|(_, one, ..)| *one == party.uid).collect();
            let things: BTreeSet<_> = own.iter().map(|(thing, ..)| thing).collect();
            let told: BTreeSet<_> = row.breaches.iter().map(|breach| &breach.thing).collect();
            prop_assert!(told.is_subset(&things), "{:?}", told);
            prop_assert_eq!(told.len(), things.len().min(rows::KEPT));
            prop_assert!(row.breaches.len() + row.more >= things.len());
            for breach in &row.breaches {
                prop_assert!(breach.text.contains(&party.to_string()), "{}", breach.text);
                let others: Vec<_> = own.iter().filter(|(thing, ..)| *thing == breach.thing).collect();
                // Who opens a way in and stands at its end too is told of it as the one who opens it.
                let is_on_both_sides = others.iter().any(|pair| pair.3) && others.iter().any(|pair| !pair.3);
                // The tags of one thing may name one more precisely than another, which are two findings.
                let is_one = found.iter().filter(|one| one.thing == breach.thing).count() == 1;
                if !is_one || (breach.thing.is_way_in() && is_on_both_sides) {
                    continue;
                }
                let by_uid = |uid: &String| fleet.parties.iter().find(|party| party.uid == *uid);
                let live = others.iter().filter_map(|(_, _, other, _)| by_uid(other));
                let named = |other: &Party| breach.text.contains(&other.to_string());
                let is_cut = breach.text.contains(" and others");
                prop_assert!(is_cut || live.clone().all(named), "{}", breach.text);
                let customers = live.clone().any(|other| other.customer != party.customer);
                let purposes = live.clone().any(|other| other.environment != party.environment);
                // Of those that were let go the tags say the customer, and nothing their purpose.
                let is_known = others.iter().all(|(_, _, other, _)| by_uid(other).is_some());
                if is_known {
                    prop_assert_eq!(breach.is_between_customers, customers, "{}", breach.text);
                    prop_assert_eq!(breach.is_between_environments, purposes, "{}", breach.text);
                }
            }
        }
    }

    #[test]
    fn the_order_does_not_matter((fleet, other) in fleet().prop_flat_map(|fleet| {
        let shuffled = (
            Just(fleet.parties.clone()).prop_shuffle(),
            Just(fleet.instances.clone()).prop_shuffle(),
            Just(fleet.volumes.clone()).prop_shuffle(),
            Just(fleet.groups.clone()).prop_shuffle(),
            Just(fleet.snapshots.clone()).prop_shuffle(),
            Just(fleet.images.clone()).prop_shuffle(),
        );
        let shuffled = shuffled.prop_map(|(parties, instances, volumes, groups, snapshots, images)| Fleet {
            parties, instances, volumes, groups, snapshots, images,
        });
        (Just(fleet), shuffled)
    })) {
        prop_assert_eq!(fleet.compare(), other.compare());
    }

    #[test]
    fn base_groups_never_count(fleet in fleet()) {
        let mut without = fleet.clone();
        for instance in &mut without.instances {
            for interface in &mut instance.interfaces {
                interface.groups.remove(&"sg-base".into());
            }
        }
        for group in &mut without.groups {
            group.rules.retain(|rule| rule.peer != Peer::Group("sg-base".into()));
        }
        prop_assert_eq!(fleet.compare(), without.compare());
    }

    #[test]
    fn one_customers_environments_of_one_kind_never_count(mut fleet in fleet()) {
        // Everything is one customer's, and of one kind: whatever was done to it, nothing stands between two.
        let own = |tags: &mut Tags| {
            tags.insert(tags::CUSTOMER.to_owned(), "c0".to_owned());
        };
        for party in &mut fleet.parties {
            party.customer = "c0".to_owned();
            party.environment = Some(Environment::Production);
        }
        fleet.instances.iter_mut().for_each(|item| own(&mut item.tags));
        fleet.volumes.iter_mut().for_each(|item| own(&mut item.tags));
        fleet.groups.iter_mut().for_each(|item| own(&mut item.tags));
        fleet.snapshots.iter_mut().for_each(|item| own(&mut item.tags));
        fleet.images.iter_mut().for_each(|item| own(&mut item.tags));
        prop_assert!(fleet.pairs().is_empty());
        let matrix = fleet.compare();
        prop_assert!(fleet.parties.iter().all(|party| matrix.row(&party.uid).unwrap().breaches.is_empty()));
    }

    #[test]
    fn a_fleet_that_nobody_touched_shares_nothing(kinds in vec(0..4_u8, 1..8)) {
        let parties = kinds.iter().enumerate().map(|(number, customer)| party(&format!("c{customer}"), &format!("t{number}")));
        let fleet = Fleet::of(parties.collect());
        prop_assert!(fleet.pairs().is_empty());
        let matrix = fleet.compare();
        prop_assert!(fleet.parties.iter().all(|party| matrix.row(&party.uid).unwrap().breaches.is_empty()));
    }
}
