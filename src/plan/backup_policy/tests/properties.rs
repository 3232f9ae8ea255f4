//! Any row of edits to a policy, published one by one as the controller does it.

use std::sync::LazyLock;

use proptest::{collection, option, prelude::*, sample::select};

use super::*;

fn specs() -> impl Strategy<Value = BackupPolicySpec> {
    let at = select(&["00:00", "02:15", "23:59", "24:00", "2:15", "noon"][..]);
    let zone = select(&["UTC", "Europe/Berlin", "Asia/Tokyo", "Mars/Olympus", ""][..]);
    (
        option::of(at),
        option::of(zone),
        option::of(option::of(-1..=9_i32)),
        any::<bool>(),
    )
        .prop_map(|(at, zone, good_days, names_method)| BackupPolicySpec {
            at: at.map(Into::into),
            time_zone: zone.map(Into::into),
            retention: good_days.map(|good_days| Retention { good_days }),
            methods: if names_method {
                vec![Method::Snapshot]
            } else {
                Vec::new()
            },
            ..BackupPolicySpec::default()
        })
}

/// The same terms, which may promise more or fewer days by then.
fn promising(days: u32) -> BackupTerms {
    // Reading the sheets takes longer than a case.
    static BUILT_IN: LazyLock<BackupTerms> = LazyLock::new(terms);
    BackupTerms {
        good_days: days,
        ..BUILT_IN.clone()
    }
}

/// The policy with what it has in force written into its status.
fn publish(mut policy: BackupPolicy, found: &InForce) -> BackupPolicy {
    policy.status = Some(BackupPolicyStatus {
        accepted: found.accepted.clone(),
        accepted_schedule_at: found.schedule_at.map(Time),
        effective: Some(found.effective.clone()),
        ..BackupPolicyStatus::default()
    });
    policy
}

fn holds(edits: &[BackupPolicySpec], days: u32) -> Result<(), TestCaseError> {
    let terms = promising(days);
    let promised = by_terms(&terms);
    let mut published = policy(BackupPolicySpec::default(), 0);
    published.status = None;
    for (n, spec) in edits.iter().enumerate() {
        let now = at("2026-11-20T00:00:00Z") + jiff::SignedDuration::from_hours(i64::try_from(n).unwrap());
        let before = published.status.clone();
        let next = edited(&published, spec.clone());
        let found = in_force(&next, &terms, &BTreeSet::new(), now);
        prop_assert!(found.effective.good_days >= promised.good_days, "{found:?}");
        prop_assert!(!found.effective.methods.is_empty());
        prop_assert!(Schedule::new(&found.effective.at, &found.effective.time_zone).is_ok());
        prop_assert_eq!(found.mistake.is_some(), effective(spec, &terms).is_err());
        if found.mistake.is_some() {
            // A mistake changes nothing of what was in force, be it a policy's or the terms'.
            let kept = before
                .as_ref()
                .and_then(|before| before.effective.clone())
                .unwrap_or_else(|| promised.clone());
            prop_assert_eq!(&found.effective, &kept);
            prop_assert_eq!(
                &found.accepted,
                &before.as_ref().and_then(|before| before.accepted.clone())
            );
            prop_assert_eq!(
                found.schedule_at,
                before
                    .and_then(|before| before.accepted_schedule_at)
                    .map(|at| at.0)
            );
        } else {
            let accepted = found.accepted.as_ref();
            prop_assert_eq!(accepted.map(|accepted| &accepted.spec), Some(spec));
        }
        published = publish(next, &found);
        let later = now + jiff::SignedDuration::from_mins(30);
        prop_assert_eq!(
            in_force(&published, &terms, &BTreeSet::new(), later),
            found,
            "published, it stays as it is"
        );
    }
    Ok(())
}

/// Terms that become stricter take nothing from what was accepted, and what is accepted then keeps to them.
fn outlives_stricter_terms(first: &BackupPolicySpec, days: (u32, u32)) -> Result<(), TestCaseError> {
    let now = at("2026-11-20T00:00:00Z");
    let draft = policy(first.clone(), 1);
    let before = in_force(&draft, &promising(days.0), &BTreeSet::new(), now);
    let published = publish(draft, &before);
    let after = in_force(&published, &promising(days.1), &BTreeSet::new(), now);
    if before.mistake.is_none() {
        prop_assert_eq!(&after.accepted, &before.accepted);
        prop_assert_eq!(&after.effective.at, &before.effective.at);
        prop_assert_eq!(&after.effective.time_zone, &before.effective.time_zone);
    }
    prop_assert!(after.effective.good_days >= before.effective.good_days);
    let again = in_force(
        &publish(published, &after),
        &promising(days.1),
        &BTreeSet::new(),
        now,
    );
    prop_assert_eq!(again, after);
    Ok(())
}

proptest! {
    #![proptest_config(ProptestConfig::with_cases(512))]

    #[test]
    fn whatever_is_edited_the_promise_is_kept_and_a_mistake_changes_nothing(
        edits in collection::vec(specs(), 1..=6),
        days in 1..=7_u32,
    ) {
        holds(&edits, days)?;
    }

    #[test]
    fn stricter_terms_take_nothing_from_what_was_accepted(
        first in specs(),
        days in (1..=7_u32, 0..=4_u32),
    ) {
        outlives_stricter_terms(&first, (days.0, days.0 + days.1))?;
    }
}
