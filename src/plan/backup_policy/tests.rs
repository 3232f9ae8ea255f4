mod properties;

use super::*;
use crate::{
    api::{Method, Retention, Time},
    terms::Registry,
};

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

fn terms() -> BackupTerms {
    Registry::built_in()
        .unwrap()
        .find("hosting-2023-10-11")
        .unwrap()
        .backup
        .clone()
}

fn policy(spec: BackupPolicySpec, generation: i64) -> BackupPolicy {
    let mut policy = BackupPolicy::new("daily", spec);
    policy.metadata.generation = Some(generation);
    policy.metadata.creation_timestamp = Some(Time(at("2026-11-20T00:00:00Z")));
    policy
}

/// The policy with what it has in force written into its status.
fn published(mut policy: BackupPolicy, now: &str) -> BackupPolicy {
    let in_force = in_force(&policy, &terms(), &BTreeSet::new(), at(now));
    policy.status = Some(BackupPolicyStatus {
        accepted: in_force.accepted,
        accepted_schedule_at: in_force.schedule_at.map(Time),
        effective: Some(in_force.effective),
        ..BackupPolicyStatus::default()
    });
    policy
}

/// The policy after an edit.
fn edited(policy: &BackupPolicy, spec: BackupPolicySpec) -> BackupPolicy {
    let mut policy = policy.clone();
    policy.spec = spec;
    policy.metadata.generation = policy.metadata.generation.map(|generation| generation + 1);
    policy
}

fn spec(at: &str, zone: &str) -> BackupPolicySpec {
    BackupPolicySpec {
        at: Some(at.into()),
        time_zone: Some(zone.into()),
        ..BackupPolicySpec::default()
    }
}

#[test]
fn an_empty_spec_keeps_the_published_promise() {
    let effective = effective(&BackupPolicySpec::default(), &terms()).unwrap();
    assert_eq!(
        effective,
        EffectiveBackup {
            at: "00:30".into(),
            time_zone: "Asia/Tokyo".into(),
            methods: vec![Method::Snapshot],
            good_days: 3,
            engine: Some(Engine::EC2),
            lock_mode: Some(LockMode::Governance),
            lock_days: Some(4),
            starting_deadline: Some("12h".into()),
            timeout: Some("6h".into()),
        }
    );
}

#[test]
fn fewer_good_days_than_promised_are_a_mistake_that_names_the_field() {
    let spec = BackupPolicySpec {
        retention: Some(Retention { good_days: Some(2) }),
        ..BackupPolicySpec::default()
    };
    let mistake = effective(&spec, &terms()).unwrap_err();
    assert_eq!(mistake.reason, Reason::TooFewGoodDays);
    assert_eq!(
        mistake.message,
        "spec.retention.goodDays: 2 is fewer than the terms promise, 3"
    );
}

#[test]
fn an_unknown_zone_leaves_the_last_accepted_spec_in_force() {
    let good = published(policy(spec("02:15", "Europe/Berlin"), 1), "2026-11-20T00:00:01Z");
    let bad = published(
        edited(&good, spec("03:15", "Mars/Olympus")),
        "2026-11-21T00:00:00Z",
    );
    let force = in_force(&bad, &terms(), &BTreeSet::new(), at("2026-11-21T00:00:05Z"));
    assert_eq!(force.mistake.unwrap().reason, Reason::UnknownTimeZone);
    assert_eq!(
        (force.effective.at.as_str(), force.effective.time_zone.as_str()),
        ("02:15", "Europe/Berlin")
    );
    assert_eq!(rule_of(&bad), rule_of(&good));
    assert_eq!(rule_of(&bad).unwrap().changed, None);
}

#[test]
fn a_policy_never_accepted_leaves_its_tenants_to_the_terms() {
    let bad = published(policy(spec("03:15", "Mars/Olympus"), 1), "2026-11-21T00:00:00Z");
    assert_eq!(
        bad.status.as_ref().unwrap().effective.as_ref().unwrap().at,
        "00:30"
    );
    assert_eq!(rule_of(&bad), None);
    assert_eq!(rule_of(&policy(spec("03:15", "UTC"), 1)), None);
}

#[test]
fn only_a_change_of_the_schedule_moves_its_time() {
    let first = published(policy(spec("02:15", "Europe/Berlin"), 1), "2026-11-20T00:00:01Z");
    assert_eq!(
        rule_of(&first).unwrap().changed,
        None,
        "the first spec is no change"
    );
    let more_days = BackupPolicySpec {
        retention: Some(Retention { good_days: Some(9) }),
        ..first.spec.clone()
    };
    let second = published(edited(&first, more_days), "2026-11-21T00:00:00Z");
    assert_eq!(rule_of(&second).unwrap().changed, None);
    let third = published(
        edited(&second, spec("02:16", "Europe/Berlin")),
        "2026-11-22T00:00:00.7Z",
    );
    let changed = Some(at("2026-11-22T00:00:00Z"));
    assert_eq!(
        rule_of(&third).unwrap().changed,
        changed,
        "in whole seconds, as it is stored"
    );
    let later = published(third, "2026-11-23T00:00:00Z");
    assert_eq!(rule_of(&later).unwrap().changed, changed);
}

#[test]
fn a_first_spec_that_was_mended_counts_from_then() {
    let bad = published(policy(spec("03:15", "Mars/Olympus"), 1), "2026-11-21T00:00:00Z");
    let good = published(edited(&bad, spec("03:15", "UTC")), "2026-11-22T00:00:00Z");
    assert_eq!(rule_of(&good).unwrap().changed, Some(at("2026-11-22T00:00:00Z")));
}

#[test]
fn the_strictest_terms_keep_the_most_days() {
    let three = terms();
    let nine = BackupTerms {
        good_days: 9,
        ..terms()
    };
    let all = [("a", &three), ("b", &nine), ("c", &three)];
    assert_eq!(strictest(all).unwrap().0, "b");
    assert!(strictest([]).is_none());
}
