use std::collections::BTreeSet;

use jiff::Timestamp;

use super::*;
use crate::{
    cloud::Lane,
    governor::MAX_WAIT,
    promises::Verdict,
    terms::{Method, PromiseId},
};

struct Fixed(State);

impl Source for Fixed {
    fn read(&self) -> State {
        self.0.clone()
    }
}

fn at(second: i64) -> Timestamp {
    Timestamp::from_second(second).unwrap()
}

fn tenant(name: &str) -> TenantRow {
    TenantRow {
        namespace: "acme".to_owned(),
        tenant: name.to_owned(),
        customer: "acme".to_owned(),
        label: "acme-jira-prod".to_owned(),
        environment: "Production".to_owned(),
        application: "jira".to_owned(),
        version: "9.12.4".to_owned(),
        plan: "standard".to_owned(),
        ..TenantRow::default()
    }
}

fn incident(open: bool, notify_by: Option<i64>) -> IncidentRow {
    IncidentRow {
        namespace: "acme".to_owned(),
        tenants: vec!["jira".to_owned(), "wiki".to_owned()],
        type_: "Security",
        open,
        notify_by: notify_by.map(at),
    }
}

fn rendered(state: State) -> String {
    let metrics = Metrics::new().unwrap();
    metrics.show(Arc::new(Fixed(state))).unwrap();
    metrics.render().unwrap()
}

#[track_caller]
fn assert_has(text: &str, line: &str) {
    assert!(
        text.lines().any(|other| other == line),
        "{line:?} is not in\n{text}"
    );
}

#[test]
fn the_state_of_a_tenant_is_shown() {
    let row = TenantRow {
        promises: vec![(PromiseId(3), Verdict::Pass), (PromiseId(25), Verdict::Fail)],
        drift_items: Some(2),
        good_days: Some(3),
        start_skew: Some(Duration::from_millis(4500)),
        backups: vec![BackupRow {
            method: Method::Snapshot,
            last_success: at(1_700_000_000),
        }],
        backup_interval: Some(Duration::from_secs(86_400)),
        locked_until: Some(at(1_700_345_600)),
        protected_lag: Some(Duration::from_secs(120)),
        protected: Some(false),
        separated: Some(false),
        ..tenant("jira")
    };
    let text = rendered(State {
        tenants: vec![row],
        ..State::default()
    });
    assert_has(
        &text,
        r#"yagura_promise_status{namespace="acme",tenant="jira",promise="P3"} 1"#,
    );
    assert_has(
        &text,
        r#"yagura_promise_status{namespace="acme",tenant="jira",promise="P25"} 0"#,
    );
    assert_has(&text, r#"yagura_drift_items{namespace="acme",tenant="jira"} 2"#);
    assert_has(
        &text,
        r#"yagura_backup_good_days{namespace="acme",tenant="jira"} 3"#,
    );
    for line in [
        "expected_interval_seconds{namespace=\"acme\",tenant=\"jira\"} 86400",
        "locked_until_timestamp_seconds{namespace=\"acme\",tenant=\"jira\"} 1700345600",
        "protected_lag_seconds{namespace=\"acme\",tenant=\"jira\"} 120",
        "protected{namespace=\"acme\",tenant=\"jira\"} 0",
    ] {
        assert_has(&text, &format!("yagura_backup_{line}"));
    }
    assert_has(
        &text,
        r#"yagura_tenant_separated{namespace="acme",tenant="jira"} 0"#,
    );
    assert_has(
        &text,
        r#"yagura_backup_start_skew_seconds{namespace="acme",tenant="jira"} 4.5"#,
    );
    assert_has(
        &text,
        r#"yagura_backup_last_success_timestamp_seconds{namespace="acme",tenant="jira",method="Snapshot"} 1700000000"#,
    );
    assert_has(
        &text,
        concat!(
            r#"yagura_tenant_info{namespace="acme",tenant="jira",customer="acme",label="acme-jira-prod","#,
            r#"environment="Production",application="jira",version="9.12.4",plan="standard"} 1"#
        ),
    );
}

#[test]
fn what_a_policy_says_of_quota_and_suspension_is_shown() {
    let policy = |name: &str, quota_sufficient, suspended| PolicyRow {
        namespace: "acme".to_owned(),
        policy: name.to_owned(),
        quota_sufficient,
        suspended,
    };
    let text = rendered(State {
        policies: vec![
            policy("nightly", Some(false), true),
            policy("weekly", None, false),
        ],
        ..State::default()
    });
    assert_has(
        &text,
        r#"yagura_backup_quota_sufficient{namespace="acme",policy="nightly"} 0"#,
    );
    assert_has(
        &text,
        r#"yagura_backup_suspended{namespace="acme",policy="nightly"} 1"#,
    );
    assert_has(
        &text,
        r#"yagura_backup_suspended{namespace="acme",policy="weekly"} 0"#,
    );
    assert!(!text.contains(r#"quota_sufficient{namespace="acme",policy="weekly""#));
}

#[test]
fn what_is_not_known_is_not_shown() {
    let text = rendered(State {
        tenants: vec![tenant("jira")],
        listings: vec![ListingRow {
            site: "ap-northeast-1".into(),
            listing: "instances",
            last_success: None,
            pages: None,
            period: Duration::from_secs(30),
        }],
        ..State::default()
    });
    for family in [
        "drift_items",
        "backup_good_days",
        "backup_start_skew",
        "backup_last_success",
        "backup_expected_interval",
        "backup_locked_until",
        "backup_protected",
        "tenant_separated",
        "inventory_last_success",
        "inventory_pages",
    ] {
        assert!(!text.contains(&format!("yagura_{family}")), "{family}");
    }
}

#[test]
fn every_verdict_has_a_number_of_its_own() {
    let values: Vec<f64> = Verdict::ALL.iter().copied().map(promise_value).collect();
    assert_eq!(values, [1.0, 0.0, -1.0, -2.0, -3.0, -4.0]);
}

#[test]
fn open_incidents_are_counted_and_none_is_a_zero() {
    let incidents = vec![incident(true, None), incident(true, None), incident(false, None)];
    let text = rendered(State {
        incidents,
        ..State::default()
    });
    assert_has(&text, r#"yagura_incident_open{type="Security"} 2"#);
    assert_has(&text, r#"yagura_incident_open{type="Availability"} 0"#);
    assert_has(&text, r#"yagura_incident_open{type="Drift"} 0"#);
}

#[test]
fn the_earliest_deadline_of_a_tenant_counts() {
    let incidents = vec![
        incident(true, Some(900)),
        incident(true, Some(300)),
        incident(true, None),
    ];
    let text = rendered(State {
        incidents,
        ..State::default()
    });
    for name in ["jira", "wiki"] {
        let labels = format!(r#"{{namespace="acme",tenant="{name}"}}"#);
        assert_has(
            &text,
            &format!("yagura_incident_notify_deadline_timestamp_seconds{labels} 300"),
        );
    }
}

#[test]
fn the_leader_and_its_inventory_are_shown() {
    let listings = vec![ListingRow {
        site: "ap-northeast-1".into(),
        listing: "instances",
        last_success: Some(at(500)),
        pages: Some(7),
        period: Duration::from_secs(30),
    }];
    let text = rendered(State {
        leader: true,
        listings,
        ..State::default()
    });
    assert_has(&text, "yagura_leader 1");
    let labels = r#"{account="",region="ap-northeast-1",listing="instances"}"#;
    assert_has(
        &text,
        &format!("yagura_inventory_last_success_timestamp_seconds{labels} 500"),
    );
    assert_has(&text, &format!("yagura_inventory_pages{labels} 7"));
    assert_has(&text, &format!("yagura_inventory_period_seconds{labels} 30"));
    assert_has(&rendered(State::default()), "yagura_leader 0");
}

#[test]
fn requests_and_passes_are_counted() {
    let metrics = Metrics::new().unwrap();
    for outcome in ["ok", "ok", "throttled"] {
        metrics.clone().request_ended(Operation::RunInstances, outcome);
    }
    metrics.pass_ended("Tenant", "settled", Duration::from_millis(20));
    let text = metrics.render().unwrap();
    let labels = |outcome| format!(r#"{{operation="RunInstances",outcome="{outcome}",service="ec2"}}"#);
    assert_has(&text, &format!("yagura_aws_requests_total{} 2", labels("ok")));
    assert_has(
        &text,
        &format!("yagura_aws_requests_total{} 1", labels("throttled")),
    );
    assert_has(
        &text,
        r#"yagura_reconcile_duration_seconds_bucket{kind="Tenant",outcome="settled",le="0.025"} 1"#,
    );
    assert_has(
        &text,
        r#"yagura_reconcile_duration_seconds_bucket{kind="Tenant",outcome="settled",le="0.005"} 0"#,
    );
    assert_has(
        &text,
        concat!(
            r#"yagura_build_info{version=""#,
            env!("CARGO_PKG_VERSION"),
            r#""} 1"#
        ),
    );
}

#[test]
fn waits_are_sorted_and_calls_held_back_are_counted() {
    let metrics = Metrics::new().unwrap();
    let admitted = Waited {
        operation: Operation::CreateTags,
        lane: Lane::UserChange,
        took: Duration::from_millis(700),
        end: WaitEnd::Admitted,
    };
    metrics.waited(None, &"ap-northeast-1".into(), admitted);
    let text = metrics.render().unwrap();
    let labels = r#"account="",lane="user_change",operation="CreateTags",region="ap-northeast-1""#;
    let bucket = |bound| format!(r#"yagura_aws_throttle_wait_seconds_bucket{{{labels},le="{bound}"}}"#);
    assert_has(&text, &format!("{} 0", bucket("0.5")));
    assert_has(&text, &format!("{} 1", bucket("1")));
    assert!(!text.contains("yagura_aws_held_back_total{"));
    metrics.waited(
        None,
        &"ap-northeast-1".into(),
        Waited {
            took: MAX_WAIT,
            end: WaitEnd::HeldBack,
            ..admitted
        },
    );
    let text = metrics.render().unwrap();
    // The longest wait there is has a bound of its own.
    assert_has(&text, &format!("{} 2", bucket("15")));
    assert_has(&text, &format!("yagura_aws_held_back_total{{{labels}}} 1"));
}

#[test]
fn a_state_can_be_shown_once_only() {
    let metrics = Metrics::new().unwrap();
    metrics.show(Arc::new(Fixed(State::default()))).unwrap();
    assert!(metrics.show(Arc::new(Fixed(State::default()))).is_err());
}

/// A Tenant of which everything is known.
fn whole() -> TenantRow {
    TenantRow {
        promises: vec![(PromiseId(1), Verdict::Unknown)],
        drift_items: Some(0),
        good_days: Some(0),
        start_skew: Some(Duration::ZERO),
        backups: vec![BackupRow {
            method: Method::Snapshot,
            last_success: at(1),
        }],
        backup_interval: Some(Duration::from_secs(1)),
        locked_until: Some(at(1)),
        protected_lag: Some(Duration::ZERO),
        protected: Some(true),
        separated: Some(true),
        ..tenant("jira")
    }
}

#[test]
fn every_family_that_is_shown_is_documented() {
    let metrics = Metrics::new().unwrap();
    metrics.request_ended(Operation::RunInstances, "ok");
    metrics.pass_ended("Tenant", "settled", Duration::ZERO);
    metrics.backup_expired(&"r".into());
    metrics.expiry_braked(&"r".into(), false);
    metrics.waited(
        None,
        &"ap-northeast-1".into(),
        Waited {
            operation: Operation::RunInstances,
            lane: Lane::UserChange,
            took: MAX_WAIT,
            end: WaitEnd::HeldBack,
        },
    );
    let state = State {
        leader: true,
        tenants: vec![whole()],
        policies: vec![PolicyRow {
            quota_sufficient: Some(true),
            ..PolicyRow::default()
        }],
        incidents: vec![incident(true, Some(1))],
        listings: vec![ListingRow {
            site: "r".into(),
            listing: "l",
            last_success: Some(at(1)),
            pages: Some(7),
            period: Duration::from_secs(30),
        }],
        rotations: vec![RotationRow {
            site: "r".into(),
            length: Duration::from_secs(1),
        }],
    };
    metrics.sharing_revoked("image", "failed");
    metrics.show(Arc::new(Fixed(state))).unwrap();
    let text = metrics.render().unwrap();
    let shown: BTreeSet<&str> = text
        .lines()
        .filter_map(|line| line.strip_prefix("# TYPE "))
        .collect();
    let listed: Vec<String> = FAMILIES
        .iter()
        .map(|family| format!("{} {}", family.name, family.kind.as_str()))
        .collect();
    assert_eq!(shown, listed.iter().map(String::as_str).collect());
    let docs = docs();
    for family in FAMILIES {
        assert!(family.name.starts_with("yagura_") && docs.contains(&format!("| `{}` |", family.name)));
        assert!(
            family.alert.contains(family.name),
            "{} has no alert of its own",
            family.name
        );
        assert!(text.contains(&format!("# HELP {} ", family.name)));
    }
}
