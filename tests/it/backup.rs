//! Backups end to end: a policy's minute comes, the operator as a process asks AWS over HTTP, and dies in between.

use controlplane::User;
use jiff::{Timestamp, Unit, tz::TimeZone};
use simaws::{Effect, FaultKind, FaultSpec};
use yagura::{
    api::{Backup, BackupPhase, BackupPolicy, BackupPolicyStatus, Key, Tenant},
    plan::slot::backup_name,
    report::conditions::is_true,
};

use crate::support::{Env, eventually, with_operator};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");

/// What takes a set.
const CREATE: &str = "CreateSnapshots";

fn key(name: &str) -> Key {
    Key::new("acme", name)
}

/// Environments that are Ready.
async fn serve(env: &Env, names: &[&str]) {
    env.apply(CLASS);
    env.apply(NAMESPACES);
    env.apply(
        "{apiVersion: yagura.dev/v1alpha1, kind: AccessPolicy, metadata: {name: office, namespace: acme}, \
         spec: {ingress: {cidrs: [203.0.113.0/24]}}}",
    );
    for name in names {
        env.apply(&format!(
            "{{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {{name: {name}, namespace: acme}}, \
             spec: {{className: tokyo-standard, customer: acme, label: {name}-prod, plan: small, \
             application: {{name: jira, version: \"9.12.4\"}}}}}}"
        ));
    }
    for name in names {
        env.until::<Tenant, _>(&key(name), "Ready once", |tenant| {
            tenant.status.as_ref()?.first_ready_at.clone()
        })
        .await;
    }
}

/// The next full minute that leaves time to apply something.
fn next_minute() -> Timestamp {
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator under test is a process in real time"
    )]
    let now = Timestamp::now();
    let soon = now.saturating_add(jiff::SignedDuration::from_secs(70)).unwrap();
    soon.round(
        jiff::TimestampRound::new()
            .smallest(Unit::Minute)
            .mode(jiff::RoundMode::Trunc),
    )
    .unwrap()
}

fn daily(env: &Env, slot: Timestamp, zone: &str) {
    let at = TimeZone::UTC.to_datetime(slot).strftime("%H:%M").to_string();
    env.apply(&format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: BackupPolicy, metadata: {{name: daily, namespace: acme}}, \
         spec: {{at: \"{at}\", timeZone: {zone}}}}}"
    ));
}

async fn until_policy(
    env: &Env,
    what: &str,
    look: impl Fn(&BackupPolicyStatus) -> bool,
) -> BackupPolicyStatus {
    env.until::<BackupPolicy, _>(&key("daily"), what, |policy| {
        policy.status.clone().filter(|status| look(status))
    })
    .await
}

async fn until_complete(env: &Env, name: &str) -> Backup {
    let limit = std::time::Duration::from_secs(150);
    env.until_within::<Backup, _>(limit, &key(name), "Complete", |backup| {
        let status = backup.status.as_ref()?;
        (status.phase == Some(BackupPhase::Complete)).then(|| backup.clone())
    })
    .await
}

#[tokio::test(flavor = "multi_thread")]
async fn a_policy_edited_into_nonsense_still_fires_at_its_minute() {
    with_operator(async |env| {
        serve(&env, &["web"]).await;
        let slot = next_minute();
        daily(&env, slot, "Etc/UTC");
        let status = until_policy(&env, "accepted", |status| is_true(&status.conditions, "Ready")).await;
        assert_eq!(status.next_run_time.map(|time| time.0), Some(slot));
        daily(&env, slot, "Mars/Olympus");
        until_policy(&env, "Stalled", |status| is_true(&status.conditions, "Stalled")).await;
        env.event(&key("daily"), "UnknownTimeZone", "spec.timeZone").await;

        let name = backup_name("web", slot);
        let backup = until_complete(&env, &name).await;
        let status = backup.status.unwrap();
        assert!(
            status.start_skew_seconds.unwrap() <= 5,
            "{:?}",
            status.start_skew_seconds
        );
        assert_eq!(status.late, Some(false));
        assert!(is_true(&status.conditions, "Complete") && is_true(&status.conditions, "Ready"));
        assert_eq!(env.sim.effects(CREATE).len(), 1);
        env.event(&key(&name), "BackupComplete", "").await;
        let status = until_policy(&env, "one good day", |status| status.good_days_held == Some(1)).await;
        assert_eq!(
            status.tenants.map(|tenants| (tenants.matched, tenants.protected)),
            Some((1, 1))
        );
        assert!(status.next_run_time.is_some_and(|next| next.0 > slot));

        // By hand too; and nobody but the operator makes a slot's.
        let by_hand = "{apiVersion: yagura.dev/v1alpha1, kind: Backup, metadata: {name: before-upgrade, \
                       namespace: acme}, spec: {tenantRef: web, reason: before the upgrade}}";
        env.apply(by_hand);
        until_complete(&env, "before-upgrade").await;
        let forged = by_hand.replace("reason:", "scheduledTime: \"2031-01-01T00:00:00Z\", reason:");
        let forged = forged.replace("before-upgrade", "forged");
        let refused = env.apply_as(User::Admin, &forged).unwrap_err();
        assert!(refused.contains("spec.scheduledTime"), "{refused}");
        env
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn an_operator_killed_before_its_answer_arrives_leaves_one_set_per_slot() {
    with_operator(async |mut env| {
        let tenants = ["one", "two", "three"];
        serve(&env, &tenants).await;
        let mut hold = FaultSpec::new(CREATE, FaultKind::Hold);
        hold.effect = Some(Effect::After);
        hold.times = 0;
        env.sim.add_fault(hold);
        let slot = next_minute();
        daily(&env, slot, "Etc/UTC");
        let limit = std::time::Duration::from_secs(150);
        crate::support::within(limit, "the calls are held", || async {
            let calls = env.sim.effects(CREATE);
            if calls.len() == tenants.len() {
                Ok(())
            } else {
                Err(calls.len())
            }
        })
        .await;
        env.kill_operator("one");
        // AWS made every set, and told nobody.
        assert!(env.sim.effects(CREATE).iter().all(|call| !call.delivered));
        env.sim.clear_faults();
        env.start_operator("one").await;
        for tenant in tenants {
            let backup = until_complete(&env, &backup_name(tenant, slot)).await;
            let status = backup.status.unwrap();
            assert_eq!(status.methods[0].attempts.len(), 1);
            assert_eq!(status.methods[0].snapshot_ids.len(), 2);
        }
        assert_eq!(env.sim.effects(CREATE).len(), tenants.len(), "one set per slot");
        eventually("three Tenants protected", || async {
            let policy = env.object::<BackupPolicy>(&key("daily")).await.unwrap();
            let counts = policy.status.and_then(|status| status.tenants);
            if counts.as_ref().is_some_and(|counts| counts.protected == 3) {
                Ok(())
            } else {
                Err(counts)
            }
        })
        .await;
        env
    })
    .await;
}
