use k8s_openapi::api::coordination::v1::LeaseSpec;

use super::*;

fn held_by(holder: &str, renewed_at: Timestamp) -> Lease {
    Lease {
        metadata: ObjectMeta::default(),
        spec: Some(LeaseSpec {
            holder_identity: Some(holder.to_owned()),
            lease_duration_seconds: Some(15),
            renew_time: Some(MicroTime(renewed_at)),
            acquire_time: Some(MicroTime(renewed_at)),
            lease_transitions: Some(4),
            ..LeaseSpec::default()
        }),
    }
}

fn seconds(count: u64) -> Timestamp {
    later(start(), Duration::from_secs(count))
}

fn decided(lease: &Lease, before: Option<&Sighting>, now: Timestamp) -> (Decision, Sighting) {
    let sighting = Sighting::of(lease, before, now);
    (decide(lease, &claimant("me"), &sighting, now), sighting)
}

#[test]
fn a_free_lease_is_taken() {
    for lease in [
        Lease::default(),
        held_by("", start()),
        release(&held_by("other", start()), start()),
    ] {
        assert_eq!(decided(&lease, None, start()).0, Decision::Take);
    }
}

#[test]
fn a_held_lease_is_waited_for_until_its_holder_is_silent_too_long() {
    let lease = held_by("other", start());
    assert_eq!(
        decided(&lease, None, seconds(14)).0,
        Decision::Wait { until: seconds(15) }
    );
    assert_eq!(decided(&lease, None, seconds(15)).0, Decision::Take);
}

#[test]
fn our_own_lease_is_ours_whatever_its_age() {
    for now in [start(), seconds(3), seconds(1000)] {
        assert_eq!(decided(&held_by("me", start()), None, now).0, Decision::Take);
    }
}

#[test]
fn a_holder_whose_clock_is_behind_is_not_robbed_twice() {
    // Its renewals bear a time half a minute ago; once seen to renew, it is alive.
    let (_, first) = decided(&held_by("other", start()), None, seconds(30));
    let (decision, second) = decided(&held_by("other", seconds(5)), Some(&first), seconds(35));
    assert_eq!(decision, Decision::Wait { until: seconds(45) });
    let (decision, third) = decided(&held_by("other", seconds(5)), Some(&second), seconds(44));
    assert_eq!(decision, Decision::Wait { until: seconds(45) });
    assert_eq!(
        decided(&held_by("other", seconds(5)), Some(&third), seconds(45)).0,
        Decision::Take
    );
}

#[test]
fn a_holder_whose_clock_is_ahead_does_not_keep_the_lease_for_ever() {
    let lease = held_by("other", seconds(10_000));
    let (decision, first) = decided(&lease, None, start());
    assert_eq!(decision, Decision::Wait { until: seconds(15) });
    assert_eq!(decided(&lease, Some(&first), seconds(15)).0, Decision::Take);
}

#[test]
fn a_renewal_between_two_looks_is_dated_by_itself() {
    let (_, first) = decided(&held_by("other", start()), None, start());
    let (decision, _) = decided(&held_by("other", seconds(1)), Some(&first), seconds(2));
    assert_eq!(decision, Decision::Wait { until: seconds(16) });
}

#[test]
fn another_cluster_id_is_refused_even_on_a_free_lease() {
    let other = Claimant {
        cluster: "osaka".into(),
        ..claimant("me")
    };
    let lease = release(&claim(&Lease::default(), &other, start()), start());
    assert_eq!(
        decided(&lease, None, start()).0,
        Decision::Refuse {
            recorded: "osaka".into()
        }
    );
}

#[test]
fn a_claim_records_holder_time_and_cluster() {
    let lease = claim(&held_by("other", start()), &claimant("me"), seconds(20));
    let spec = lease.spec.clone().unwrap();
    assert_eq!(spec.holder_identity.as_deref(), Some("me"));
    assert_eq!(spec.lease_transitions, Some(5));
    assert_eq!(spec.acquire_time, Some(MicroTime(seconds(20))));
    assert_eq!(
        lease.metadata.annotations.clone().unwrap()[CLUSTER_ANNOTATION],
        "tokyo"
    );
    let renewed = claim(&lease, &claimant("me"), seconds(25)).spec.unwrap();
    assert_eq!(renewed.renew_time, Some(MicroTime(seconds(25))));
    assert_eq!(
        LeaseSpec {
            renew_time: spec.renew_time.clone(),
            ..renewed
        },
        spec
    );
}

#[test]
fn a_request_and_a_retry_fit_before_another_may_take_over() {
    assert!(RENEW + REQUEST_TIMEOUT + RETRY < RENEW_DEADLINE);
    assert!(RENEW_DEADLINE + RETRY <= DURATION);
    assert!(DURATION + RETRY <= Duration::from_secs(17));
}
