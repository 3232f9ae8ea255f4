use proptest::{collection::vec, prelude::*, sample::subsequence};

use super::*;

const TENANTS: [&str; 4] = ["a", "b", "c", "d"];

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn candidate(name: &str, second: i64, is_accepted: bool, tenants: &[&str]) -> Candidate {
    Candidate {
        name: name.to_owned(),
        created_at: at(second),
        is_accepted,
        tenants: tenants.iter().map(|&tenant| tenant.to_owned()).collect(),
    }
}

fn candidates() -> impl Strategy<Value = Vec<Candidate>> {
    let one = (0i64..3, any::<bool>(), subsequence(TENANTS.to_vec(), 0..=4));
    vec(one, 0..6).prop_map(|all| {
        all.into_iter()
            .enumerate()
            .map(|(n, (second, is_accepted, tenants))| {
                candidate(&format!("p{n}"), second, is_accepted, &tenants)
            })
            .collect()
    })
}

fn everyone() -> BTreeSet<String> {
    TENANTS.iter().map(|&tenant| tenant.to_owned()).collect()
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn the_order_of_policies_does_not_matter(all in candidates(), turn in 0usize..6) {
        let mut turned = all.clone();
        turned.rotate_left(turn % all.len().max(1));
        turned.reverse();
        for tenant in TENANTS {
            prop_assert_eq!(winner(&all, tenant), winner(&turned, tenant));
        }
    }

    #[test]
    fn every_tenant_that_is_matched_has_exactly_one_policy(all in candidates()) {
        for tenant in TENANTS {
            let holders: Vec<_> = all
                .iter()
                .filter(|own| share_of(&own.name, &all, &everyone()).matched.contains(tenant))
                .collect();
            prop_assert_eq!(holders.len(), usize::from(all.iter().any(|own| own.is_for(tenant))));
            prop_assert_eq!(holders.first().copied(), winner(&all, tenant));
        }
    }

    #[test]
    fn a_loser_is_told_every_tenant_it_lost(all in candidates()) {
        for own in &all {
            let share = share_of(&own.name, &all, &everyone());
            for tenant in TENANTS {
                let told = share.contested.contains_key(tenant) || share.matched.contains(tenant);
                prop_assert_eq!(told, own.is_for(tenant));
            }
        }
    }

    #[test]
    fn a_policy_that_was_never_accepted_takes_nothing_from_an_accepted_one(
        accepted in candidates(),
        mistakes in candidates(),
    ) {
        let mut all: Vec<_> = accepted
            .into_iter()
            .map(|own| Candidate { is_accepted: true, ..own })
            .collect();
        let before: Vec<_> = TENANTS.iter().map(|tenant| winner(&all, tenant).cloned()).collect();
        all.extend(mistakes.into_iter().map(|own| Candidate {
            is_accepted: false,
            name: format!("mistake-{}", own.name),
            ..own
        }));
        for (tenant, before) in TENANTS.iter().zip(before) {
            if before.is_some() {
                prop_assert_eq!(winner(&all, tenant).cloned(), before);
            }
        }
    }
}

#[test]
fn naming_a_tenant_beats_being_for_all_though_younger() {
    let all = [
        candidate("all", 0, true, &[]),
        candidate("named", 9, true, &["a"]),
    ];
    assert_eq!(winner(&all, "a").unwrap().name, "named");
    assert_eq!(winner(&all, "b").unwrap().name, "all");
}

#[test]
fn among_equals_the_older_wins_and_then_the_name() {
    let all = [
        candidate("y", 1, true, &[]),
        candidate("z", 0, true, &[]),
        candidate("x", 1, true, &[]),
    ];
    assert_eq!(winner(&all, "a").unwrap().name, "z");
    assert_eq!(winner(&[all[0].clone(), all[2].clone()], "a").unwrap().name, "x");
}

#[test]
fn a_policy_that_is_not_there_is_in_force_for_nothing() {
    assert_eq!(share_of("gone", &[], &everyone()), Share::default());
}
