use std::collections::BTreeSet;

use jiff::Timestamp;
use serde_json::json;

use super::{COUNTED_WITHIN, Waker, swept};
use crate::{
    api::{
        BackupPolicy, BackupPolicyStatus, Incident, Key, Suspension, Tenant, TenantClass, TenantCounts, time,
    },
    clock::{Clock, later},
    cloud::Site,
    cluster::{Cluster, KindName},
    controllers::testing::{Env, class, tenant},
    engine::ControllerName,
    inventory::{Owner, Swept},
};

/// Everybody who is due.
fn woken(env: &Env) -> BTreeSet<(ControllerName, String)> {
    let mut woken = BTreeSet::new();
    for controller in ControllerName::ALL {
        let queue = env.ctx.wakes.queue(controller).unwrap();
        while let Some(key) = queue.pop(Timestamp::MAX) {
            assert!(
                woken.insert((controller, key.to_string())),
                "{key} was queued twice"
            );
        }
    }
    woken
}

fn only<const N: usize>(expected: [(ControllerName, &str); N]) -> BTreeSet<(ControllerName, String)> {
    expected
        .map(|(controller, key)| (controller, key.to_owned()))
        .into()
}

fn site() -> Site {
    "ap-northeast-1".into()
}

fn incident(name: &str, tenant: &str) -> serde_json::Value {
    json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "Incident",
        "metadata": {"name": name, "namespace": "acme"},
        "spec": {
            "tenantRefs": [tenant], "type": "Security", "detectedAt": "2026-11-24T00:00:00Z", "summary": "odd",
        },
    })
}

async fn ten_thousand() -> Env {
    let env = Env::new().await;
    env.class();
    for number in 0..10_000 {
        env.put::<Tenant>(tenant(&format!("jira-{number}")));
    }
    env
}

#[tokio::test]
async fn what_changed_of_one_among_ten_thousand_wakes_that_one_and_the_incident_that_names_it() {
    let env = ten_thousand().await;
    env.put::<Incident>(incident("ours", "jira-7777"));
    env.put::<Incident>(incident("theirs", "jira-1"));
    let found = Swept {
        changed: [Owner::Tenant("acme/jira-7777".to_owned())].into(),
        ..Swept::default()
    };
    swept(&env.ctx, &site(), &found);
    let expected = [
        (ControllerName::Tenant, "acme/jira-7777"),
        (ControllerName::Incident, "acme/ours"),
    ];
    assert_eq!(woken(&env), only(expected));
    swept(&env.ctx, &site(), &Swept::default());
    assert!(woken(&env).is_empty(), "a sweep that brings nothing wakes nobody");
}

#[tokio::test]
async fn a_tag_that_names_no_object_wakes_nobody() {
    let env = Env::new().await;
    let forged = ["", "no-namespace", "a/b/c/d"].map(|tag| Owner::Tenant(tag.to_owned()));
    let found = Swept {
        changed: forged.into(),
        ..Swept::default()
    };
    swept(&env.ctx, &site(), &found);
    let expected = woken(&env);
    assert!(expected.is_empty(), "{expected:?}");
}

#[tokio::test]
async fn a_site_that_is_listed_on_without_a_class_wakes_nobody_elsewhere() {
    let env = Env::new().await;
    env.class();
    env.put::<Tenant>(tenant("jira"));
    woken(&env);
    let retired: Site = "ap-northeast-3".into();
    for _ in 0..3 {
        swept(&env.ctx, &retired, &Swept::default());
        let woken = woken(&env);
        assert!(woken.is_empty(), "{woken:?}");
    }
}

#[tokio::test]
async fn what_can_be_told_absent_at_last_wakes_everything_of_its_site_once() {
    let env = ten_thousand().await;
    let mut elsewhere = class();
    elsewhere["metadata"]["name"] = json!("osaka");
    elsewhere["spec"]["region"] = json!("ap-northeast-3");
    env.put::<TenantClass>(elsewhere);
    let mut far = tenant("far");
    far["spec"]["className"] = json!("osaka");
    env.put::<Tenant>(far);
    let found = Swept {
        became_conclusive: true,
        ..Swept::default()
    };
    swept(&env.ctx, &site(), &found);
    let all = woken(&env);
    // Each Tenant, and its slots: there may be sets that lost their object.
    assert_eq!(all.len(), 20_001);
    assert!(all.contains(&(ControllerName::TenantClass, "tokyo".to_owned())));
    assert!(!all.contains(&(ControllerName::Tenant, "acme/far".to_owned())));
}

#[tokio::test]
async fn a_changed_incident_wakes_its_namespace_alone() {
    let env = Env::new().await;
    env.put::<Tenant>(tenant("jira"));
    let mut other = tenant("wiki");
    other["metadata"]["namespace"] = json!("globex");
    env.put::<Tenant>(other);
    env.put::<Incident>(incident("ours", "jira"));
    Waker::default().object_changed(&env.ctx, KindName::Incident, &Key::new("acme", "ours"));
    let expected = [
        (ControllerName::Tenant, "acme/jira"),
        (ControllerName::Incident, "acme/ours"),
    ];
    assert_eq!(woken(&env), only(expected));
}

#[tokio::test]
async fn of_tenants_that_change_at_once_their_class_counts_all_in_one_pass_soon() {
    let mut env = Env::new().await;
    env.class();
    env.put::<Tenant>(tenant("first"));
    let waker = Waker::default();
    waker.object_changed(&env.ctx, KindName::Tenant, &Key::new("acme", "first"));
    let first = {
        let queue = env.ctx.wakes.queue(ControllerName::TenantClass).unwrap();
        queue.pop(env.clock.now())
    };
    assert_eq!(
        first,
        Some(Key::new("", "tokyo")),
        "it makes what the first one needs"
    );
    env.pass(30).await;
    woken(&env);
    for name in ["confluence", "jira", "wiki"] {
        env.put::<Tenant>(tenant(name));
        waker.object_changed(&env.ctx, KindName::Tenant, &Key::new("acme", name));
    }
    let queue = env.ctx.wakes.queue(ControllerName::TenantClass).unwrap();
    let now = env.clock.now();
    assert_eq!(
        queue.pop(now),
        None,
        "each change would cost a look at all Tenants"
    );
    assert_eq!(queue.pop(later(now, COUNTED_WITHIN)), Some(Key::new("", "tokyo")));
    assert_eq!(queue.pop(Timestamp::MAX), None);
}

fn midnight() -> k8s_openapi::apimachinery::pkg::apis::meta::v1::Time {
    time(Timestamp::UNIX_EPOCH)
}

fn suspension() -> Suspension {
    Suspension {
        since: midnight(),
        until: midnight(),
    }
}

#[tokio::test]
async fn a_policy_that_only_counts_anew_wakes_nobody_but_itself() {
    let env = Env::new().await;
    for name in ["confluence", "jira"] {
        env.put::<Tenant>(tenant(name));
    }
    let policy = json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "BackupPolicy",
        "metadata": {"name": "daily", "namespace": "acme"}, "spec": {},
    });
    env.put::<BackupPolicy>(policy);
    let key = Key::new("acme", "daily");
    let waker = Waker::default();
    let all = only([
        (ControllerName::BackupPolicy, "acme/daily"),
        (ControllerName::Schedule, "acme/confluence"),
        (ControllerName::Schedule, "acme/jira"),
        (ControllerName::Tenant, "acme/confluence"),
        (ControllerName::Tenant, "acme/jira"),
    ]);
    waker.object_changed(&env.ctx, KindName::BackupPolicy, &key);
    assert_eq!(woken(&env), all, "it is new");
    let status = async |change: fn(&mut BackupPolicyStatus)| {
        let policy = env.cluster.cached::<BackupPolicy>(&key).unwrap();
        let mut status = policy.status.clone().unwrap_or_default();
        change(&mut status);
        let version = policy.metadata.resource_version.as_deref().unwrap();
        let written = env.cluster.apply_status::<BackupPolicy>(&key, version, &status);
        written.await.unwrap();
        waker.object_changed(&env.ctx, KindName::BackupPolicy, &key);
        woken(&env)
    };
    assert_eq!(
        status(|status| status.accepted_schedule_at = Some(midnight())).await,
        all
    );
    let itself = only([(ControllerName::BackupPolicy, "acme/daily")]);
    let counts: [fn(&mut BackupPolicyStatus); 4] = [
        |status| status.max_skew_seconds = Some(7),
        |status| status.good_days_held = Some(3),
        |status| status.next_run_time = Some(midnight()),
        |status| status.tenants = Some(TenantCounts::default()),
    ];
    for count in counts {
        assert_eq!(status(count).await, itself);
    }
    assert_eq!(status(|status| status.suspension = Some(suspension())).await, all);
    env.cluster.delete::<BackupPolicy>(&key);
    waker.object_changed(&env.ctx, KindName::BackupPolicy, &key);
    assert_eq!(woken(&env), all, "it is gone");
}
