//! The operator killed again and again while a customer's slot runs: each slot has its one set all the same, and it is
//! locked.

use std::{collections::BTreeMap, time::Duration};

use jiff::{Timestamp, tz::TimeZone};
use simaws::{Effect, FaultKind, FaultSpec};
use yagura::{
    api::{Backup, BackupPhase, BackupPolicy, Key, Tenant},
    report::conditions::is_true,
};

use crate::support::{Env, within};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");

/// What takes a set.
const CREATE: &str = "CreateSnapshots";

/// What locks a snapshot.
const LOCK: &str = "LockSnapshot";

/// How many environments the slot is of.
const TENANTS: usize = 50;

/// How many calls are held when a kill comes.
const HELD: usize = 12;

/// In how many seconds the slot comes, at most: environments that are Ready before it are due.
const SOON: i64 = 60;

/// With this set the operator is killed fifty times, at any moment, which takes a quarter of an hour:
/// `cargo xtask bench --sweep` sets it.
const LONG: &str = "YAGURA_KILLS";

/// The kills: the call that is held then, and how many of it.
const KILLS: [(&str, usize); 5] = [
    (CREATE, HELD),
    (CREATE, HELD),
    (CREATE, HELD),
    (LOCK, 8),
    (LOCK, 8),
];

/// How many kills the long run has.
const MANY: u64 = 50;

/// The longest that all sets may take after the last kill: an attempt of unknown outcome is looked for during two and a
/// half minutes before the next one is made.
const PATIENCE: Duration = Duration::from_secs(600);

fn key(name: &str) -> Key {
    Key::new("acme", name)
}

fn names() -> Vec<String> {
    (1..=TENANTS).map(|number| format!("web-{number}")).collect()
}

/// Environments that are Ready, and a policy whose time is far off.
async fn serve(env: &Env, names: &[String]) {
    env.apply(CLASS);
    env.apply(NAMESPACES);
    let mut manifests = vec![
        "{apiVersion: yagura.dev/v1alpha1, kind: AccessPolicy, metadata: {name: office, namespace: acme}, \
         spec: {ingress: {cidrs: [203.0.113.0/24]}}}"
            .to_owned(),
    ];
    for name in names {
        manifests.push(format!(
            "{{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {{name: {name}, namespace: acme}}, \
             spec: {{className: tokyo-standard, customer: acme, label: {name}-prod, plan: small, \
             application: {{name: jira, version: \"9.12.4\"}}}}}}"
        ));
    }
    env.apply(&manifests.join("\n---\n"));
    daily(env, 6 * 3600).await;
    within(Duration::from_secs(150), "all are Ready once", || async {
        let mut waiting = Vec::new();
        for name in names {
            let tenant = env.object::<Tenant>(&key(name)).await.unwrap();
            let status = tenant.status.unwrap_or_default();
            if status.first_ready_at.is_none() {
                waiting.push(name);
            }
        }
        if waiting.is_empty() {
            Ok(())
        } else {
            Err(waiting.len())
        }
    })
    .await;
}

/// Sets the daily time to so many seconds from now, of the same date: in a zone where it is about noon.
async fn daily(env: &Env, from_now: i64) {
    #[expect(
        clippy::disallowed_methods,
        reason = "the operator under test is a process in real time"
    )]
    let now = Timestamp::now();
    let hours = TimeZone::UTC.to_datetime(now).hour() - 12;
    // The names of these zones count westwards.
    let (zone, sign) = if hours >= 0 {
        (format!("Etc/GMT+{hours}"), hours)
    } else {
        (format!("Etc/GMT{hours}"), hours)
    };
    let offset =
        jiff::SignedDuration::from_hours(-i64::from(sign)) + jiff::SignedDuration::from_secs(from_now);
    let local = TimeZone::UTC.to_datetime(now.saturating_add(offset).unwrap());
    let at = local.strftime("%H:%M").to_string();
    env.apply(&format!(
        "{{apiVersion: yagura.dev/v1alpha1, kind: BackupPolicy, metadata: {{name: daily, namespace: acme}}, \
         spec: {{at: \"{at}\", timeZone: {zone}}}}}"
    ));
    env.until::<BackupPolicy, _>(&key("daily"), "accepted", |policy| {
        let status = policy.status.as_ref()?;
        let is_of_it = status.observed_generation == policy.metadata.generation;
        (is_of_it && is_true(&status.conditions, "Ready")).then_some(())
    })
    .await;
}

/// How many calls of an operation the slot takes: each environment has two volumes.
fn all(operation: &str) -> usize {
    if operation == LOCK { 2 * TENANTS } else { TENANTS }
}

/// Holds every call of an operation once it has taken effect.
fn hold(env: &Env, operation: &str) -> String {
    let mut hold = FaultSpec::new(operation, FaultKind::Hold);
    hold.effect = Some(Effect::After);
    hold.times = 0;
    env.sim.add_fault(hold)
}

fn held(env: &Env, fault: &str) -> usize {
    let faults = env.sim.faults().into_iter();
    let held = faults.filter(|status| status.id == fault);
    held.map(|status| status.held.len()).sum()
}

/// Waits until every slot has its run, whole and locked; none has more than one call or one set.
async fn check(env: &Env) {
    let backups = within(PATIENCE, "every Backup is complete and protected", || async {
        let api = <Backup as yagura::cluster::Kind>::api(env.client.clone(), "acme");
        let backups = api.list(&kube::api::ListParams::default()).await.unwrap().items;
        let is_kept = |backup: &&Backup| {
            let status = backup.status.as_ref();
            status.is_some_and(|status| {
                status.phase == Some(BackupPhase::Complete) && status.protected_at.is_some()
            })
        };
        let kept = backups.iter().filter(is_kept).count();
        if kept >= TENANTS { Ok(backups) } else { Err(kept) }
    })
    .await;
    assert_eq!(backups.len(), TENANTS, "one Backup a slot");
    let mut by_backup = BTreeMap::<String, Vec<serde_json::Value>>::new();
    let state = env.sim.state(None, None);
    for snapshot in state["snapshots"].as_array().unwrap() {
        let description = snapshot["description"].as_str().unwrap();
        by_backup
            .entry(description.to_owned())
            .or_default()
            .push(snapshot.clone());
    }
    for backup in &backups {
        let (name, uid) = (&backup.metadata.name, backup.metadata.uid.as_ref().unwrap());
        let set = &by_backup[uid];
        assert_eq!(set.len(), 2, "{name:?} has a snapshot of each of its two volumes");
        for snapshot in set {
            assert_eq!(snapshot["state"], "completed", "{name:?}");
            assert!(!snapshot["lock"].is_null(), "{name:?} is locked");
        }
    }
    assert_eq!(env.sim.effects(CREATE).len(), TENANTS, "one set a slot");
}

#[tokio::test(flavor = "multi_thread")]
async fn five_kills_during_a_slot_of_fifty_tenants_lose_none_and_take_none_twice() {
    crate::support::with_operator(async |mut env| {
        if std::env::var_os(LONG).is_some() {
            many_kills(&mut env).await;
            check(&env).await;
            return env;
        }
        serve(&env, &names()).await;
        let mut fault = hold(&env, KILLS[0].0);
        daily(&env, SOON).await;
        for (number, (operation, count)) in KILLS.into_iter().enumerate() {
            within(
                PATIENCE,
                &format!("{count} calls of {operation} are held"),
                || async {
                    // A slow machine may let through all there is before the kill comes.
                    let is_over = env.sim.effects(operation).len() >= all(operation);
                    let held = held(&env, &fault);
                    if held >= count || is_over {
                        Ok(())
                    } else {
                        Err(held)
                    }
                },
            )
            .await;
            env.kill_operator("one");
            let made = env.sim.effects(operation).len();
            eprintln!("kill {} with {made} calls of {operation} made", number + 1);
            env.sim.clear_faults();
            if let Some((next, _)) = KILLS.get(number + 1) {
                fault = hold(&env, next);
            }
            env.start_operator("one").await;
        }
        check(&env).await;
        env
    })
    .await;
}

/// At any moment, so that some attempts are written down whose calls are never made.
async fn many_kills(env: &mut Env) {
    serve(env, &names()).await;
    daily(env, SOON).await;
    let seed = fastrand::u64(..);
    eprintln!("seed {seed}");
    let mut chance = fastrand::Rng::with_seed(seed);
    for number in 1..=MANY {
        let before = env.sim.operator_effects().len();
        // There are three effects a Tenant, and as many kills as Tenants.
        let more = chance.usize(1..=3);
        let went_on = within(PATIENCE, "the next effect", || async {
            let effects = env.sim.operator_effects().len() - before;
            if effects >= more {
                Ok(effects)
            } else {
                Err(effects)
            }
        })
        .await;
        env.kill_operator("one");
        eprintln!("kill {number} after {went_on} effects");
        env.start_operator("one").await;
    }
}
