mod properties;
mod stage;

use simaws::FaultKind;

use self::stage::Stage;
use crate::{
    api::{Incident, IncidentPhase, Launch, Reason, TenantStatus},
    cloud::Direction,
    cluster::Cluster,
};

const HOUR: std::time::Duration = std::time::Duration::from_hours(1);

#[tokio::test]
async fn an_instance_is_isolated_and_reconnected() {
    let stage = Stage::new().await;
    let connected = stage.groups().await;
    stage.file("Isolate");
    stage.settle().await;

    let quarantine = stage.quarantine().await.unwrap();
    assert!(quarantine.rules.is_empty(), "{quarantine:?}");
    assert_eq!(stage.groups().await, [quarantine.id.clone()].into());
    let status = stage.status();
    let [entry] = status.isolated.as_slice() else {
        panic!("{status:?}")
    };
    assert_eq!(entry.tenant, "acme-jira");
    assert_eq!(entry.instance_id, stage.instance_id.to_string());
    assert_eq!(
        entry.security_group_ids,
        connected.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    assert!(entry.swapped_at.is_some() && entry.reconnected_at.is_none());
    assert_eq!(status.phase, Some(IncidentPhase::Contained));
    assert_eq!(stage.condition("Isolated"), ("True", "Isolated"));
    assert_eq!(stage.condition("ConnectionsCut"), ("Unknown", "NotObserved"));
    assert_eq!(stage.condition("Ready"), ("True", "Isolated"));
    assert_eq!(stage.events(Reason::Isolated).len(), 1);

    stage.edit(|incident| incident.spec.containment = crate::api::Containment::None);
    stage.settle().await;
    assert_eq!(stage.groups().await, connected);
    let status = stage.status();
    assert_eq!(status.phase, Some(IncidentPhase::Recovering));
    assert!(status.isolated[0].reconnected_at.is_some());
    assert_eq!(stage.condition("Isolated"), ("False", "Reconnected"));
    assert_eq!(stage.events(Reason::Reconnected).len(), 1);
}

#[tokio::test]
async fn at_rest_nothing_is_written_and_nothing_is_called() {
    let stage = Stage::new().await;
    stage.file("Isolate");
    stage.settle().await;
    let (writes, calls) = (stage.cluster.writes(), stage.calls().len());
    stage.wake_all();
    stage.settle().await;
    assert_eq!((stage.cluster.writes(), stage.calls().len()), (writes, calls));
}

#[tokio::test]
async fn an_attackers_group_is_recorded_and_does_not_come_back() {
    let stage = Stage::new().await;
    let connected = stage.groups().await;
    let evil = stage.make_group("evil").await;
    let mut groups = connected.clone();
    groups.insert(evil.clone());
    stage.set_groups(&groups).await;
    stage.file("Isolate");
    stage.settle().await;
    assert!(
        stage.status().isolated[0]
            .security_group_ids
            .contains(&evil.to_string())
    );
    stage.edit(|incident| incident.spec.containment = crate::api::Containment::None);
    stage.settle().await;
    assert_eq!(stage.groups().await, connected);
}

#[tokio::test]
async fn the_groups_wait_until_the_tenants_own_is_exact() {
    let stage = Stage::new().await;
    let connected = stage.groups().await;
    stage.file("Isolate");
    stage.settle().await;
    stage.open_own_group().await;
    stage.edit(|incident| incident.spec.containment = crate::api::Containment::None);
    stage.settle().await;
    assert_ne!(stage.groups().await, connected);
    assert_eq!(stage.condition("Ready"), ("False", "GroupChanging"));
    assert_eq!(stage.condition("Reconciling"), ("True", "GroupChanging"));
    stage.make_own_group_exact().await;
    stage.advance(HOUR).await;
    assert_eq!(stage.groups().await, connected);
}

#[tokio::test]
async fn a_rule_in_the_quarantine_group_is_removed_and_told() {
    let stage = Stage::new().await;
    stage.file("Isolate");
    stage.settle().await;
    let quarantine = stage.quarantine().await.unwrap();
    stage
        .authorize(&quarantine.id, Direction::Ingress, "0.0.0.0/0")
        .await;
    stage.sweep().await;
    stage.wake_all();
    stage.settle().await;
    assert!(stage.quarantine().await.unwrap().rules.is_empty());
    assert_eq!(stage.events(Reason::RuleRevoked).len(), 1);
}

#[tokio::test]
async fn a_person_who_reconnects_an_isolated_instance_is_undone() {
    let stage = Stage::new().await;
    let connected = stage.groups().await;
    stage.file("Isolate");
    stage.settle().await;
    let isolated = stage.groups().await;
    stage.set_groups(&connected).await;
    stage.sweep().await;
    stage.wake_all();
    stage.settle().await;
    assert_eq!(stage.groups().await, isolated);
}

#[tokio::test]
async fn an_interface_that_a_person_had_isolated_is_taken_over_and_given_back_whole() {
    let stage = Stage::new().await;
    let connected = stage.groups().await;
    stage.file("Isolate");
    stage.settle().await;
    let quarantine = stage.groups().await;
    stage.edit(|incident| incident.spec.containment = crate::api::Containment::None);
    stage.settle().await;

    stage.set_groups(&quarantine).await;
    stage.sweep().await;
    stage.file_named("second", "Isolate");
    stage.settle().await;
    assert_eq!(stage.events(Reason::IsolatedByHand).len(), 1);
    let recorded = stage.status_of("second").isolated.remove(0).security_group_ids;
    assert_eq!(
        recorded,
        connected.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    stage.edit_named("second", |incident| {
        incident.spec.containment = crate::api::Containment::None;
    });
    stage.settle().await;
    assert_eq!(stage.groups().await, connected);
}

#[tokio::test]
async fn the_groups_return_with_the_last_of_two_incidents() {
    let stage = Stage::new().await;
    let connected = stage.groups().await;
    stage.file("Isolate");
    stage.settle().await;
    stage.file_named("second", "Isolate");
    stage.settle().await;
    assert_eq!(
        stage.status().isolated[0].security_group_ids,
        stage.status_of("second").isolated[0].security_group_ids
    );
    stage.edit(|incident| incident.spec.containment = crate::api::Containment::None);
    stage.settle().await;
    assert_ne!(stage.groups().await, connected, "the second still isolates");
    assert_eq!(stage.condition("Ready"), ("True", "Open"));
    stage.edit_named("second", |incident| {
        incident.spec.containment = crate::api::Containment::None;
    });
    stage.settle().await;
    assert_eq!(stage.groups().await, connected);
    for name in ["one", "second"] {
        assert!(
            stage.status_of(name).isolated[0].reconnected_at.is_some(),
            "{name}"
        );
    }
}

#[tokio::test]
async fn an_instance_whose_tags_are_gone_is_isolated_all_the_same() {
    let stage = Stage::new().await;
    stage.strip_tags().await;
    stage.sweep().await;
    stage.sweep().await;
    let connected = stage.groups().await;
    stage.file("Isolate");
    stage.settle().await;
    assert_ne!(stage.groups().await, connected);
    assert_eq!(stage.status().phase, Some(IncidentPhase::Contained));
}

#[tokio::test]
async fn an_instance_that_is_not_the_tenants_is_not_touched_whatever_its_status_names() {
    let stage = Stage::new().await;
    let stranger = stage.strangers_instance().await;
    let before = stage.groups_of(&stranger).await;
    stage.bind("acme-jira", &stranger).await;
    stage.file("Isolate");
    stage.settle().await;
    stage.advance_once().await;
    assert_eq!(stage.groups_of(&stranger).await, before);
    assert_eq!(stage.status().isolated.len(), 0);
    assert_eq!(stage.condition("Isolated"), ("Unknown", "ForeignInstance"));
    assert_eq!(stage.condition("Stalled"), ("True", "ForeignInstance"));
    assert_ne!(stage.status().phase, Some(IncidentPhase::Contained));

    stage.bind("acme-jira", &stage.instance_id).await;
    stage.settle().await;
    assert_eq!(stage.condition("Isolated"), ("True", "Isolated"));
}

#[tokio::test]
async fn a_tenant_that_is_being_launched_is_not_called_contained() {
    let stage = Stage::new().await;
    stage
        .set_status(
            "acme-jira",
            TenantStatus {
                launch: Some(Launch {
                    incarnation: 1,
                    token: "yagura-1".into(),
                    subnet_id: simaws::DEFAULT_SUBNET_ID.into(),
                    image_id: simaws::DEFAULT_IMAGE_ID.into(),
                    parameters_hash: String::new(),
                    at: stage.time(),
                }),
                ..TenantStatus::default()
            },
        )
        .await;
    stage.file("Isolate");
    stage.settle().await;
    assert_eq!(stage.condition("Isolated"), ("Unknown", "ViewStale"));
    assert_ne!(stage.status().phase, Some(IncidentPhase::Contained));

    stage.bind("acme-jira", &stage.instance_id).await;
    stage.settle().await;
    assert_eq!(stage.condition("Isolated"), ("True", "Isolated"));
}

#[tokio::test]
async fn what_was_isolated_is_reconnected_though_the_status_names_a_stranger_by_then() {
    let stage = Stage::new().await;
    let connected = stage.groups().await;
    stage.file("Isolate");
    stage.settle().await;
    let stranger = stage.strangers_instance().await;
    let before = stage.groups_of(&stranger).await;
    stage.bind("acme-jira", &stranger).await;
    stage.edit(|incident| incident.spec.containment = crate::api::Containment::None);
    stage.settle().await;
    stage.advance_once().await;
    assert_eq!(stage.groups().await, connected);
    assert_eq!(stage.groups_of(&stranger).await, before);
    assert!(stage.status().isolated[0].reconnected_at.is_some());
}

#[tokio::test]
async fn a_call_that_is_denied_stalls_and_is_tried_again() {
    let stage = Stage::new().await;
    stage.sim.deny("ModifyNetworkInterfaceAttribute");
    stage.file("Isolate");
    stage.settle().await;
    assert_eq!(stage.condition("Stalled"), ("True", "Denied"));
    assert_eq!(
        stage.status().isolated.len(),
        1,
        "the originals are on record before the call"
    );
    stage.sim.permit_all();
    stage.advance(HOUR).await;
    assert_eq!(stage.condition("Ready"), ("True", "Isolated"));
}

#[tokio::test]
async fn a_lost_answer_loses_no_originals() {
    let stage = Stage::new().await;
    let connected = stage.groups().await;
    stage.fault("ModifyNetworkInterfaceAttribute", FaultKind::Truncate);
    stage.file("Isolate");
    stage.settle().await;
    stage.advance(HOUR).await;
    assert_eq!(
        stage.status().isolated[0].security_group_ids,
        connected.iter().map(ToString::to_string).collect::<Vec<_>>()
    );
    stage.fault("ModifyNetworkInterfaceAttribute", FaultKind::Truncate);
    stage.edit(|incident| incident.spec.containment = crate::api::Containment::None);
    stage.settle().await;
    stage.advance(HOUR).await;
    assert_eq!(stage.groups().await, connected);
}

#[tokio::test]
async fn a_tenant_that_is_not_there_stalls_the_incident_and_nothing_holds_it() {
    let stage = Stage::new().await;
    stage.file_for(&["acme-jira", "nobody"], "Isolate");
    let connected = stage.groups().await;
    stage.settle().await;
    assert_eq!(stage.condition("Stalled"), ("True", "UnknownTenant"));
    assert_eq!(stage.groups().await, connected);
    assert_eq!(stage.status().notify_by, None);
    stage.delete("one");
    stage.settle().await;
    assert!(stage.cluster.cached::<Incident>(&stage.key("one")).is_none());
}

#[tokio::test]
async fn tenants_of_two_customers_stall_the_incident() {
    let stage = Stage::new().await;
    stage.put_tenant("globex-wiki", "globex");
    stage.file_for(&["acme-jira", "globex-wiki"], "None");
    stage.settle().await;
    assert_eq!(stage.condition("Stalled"), ("True", "SeveralCustomers"));
}

#[tokio::test]
async fn the_clock_alerts_at_its_edges_and_a_breach_stays() {
    let stage = Stage::new().await;
    stage.file("None");
    stage.settle().await;
    assert_eq!(stage.condition("Notified"), ("False", "NotNotified"));
    assert_eq!(stage.condition("Ready"), ("True", "Open"));
    stage.advance(12 * HOUR).await;
    assert_eq!(stage.condition("Notified"), ("False", "NotifyHalfSpent"));
    assert_eq!(
        stage.events(Reason::NotifyHalfSpent),
        ["notification deadline in 12 h"]
    );
    stage.advance(6 * HOUR).await;
    assert_eq!(
        stage.events(Reason::NotifyMostSpent),
        ["notification deadline in 6 h"]
    );
    stage.advance(7 * HOUR).await;
    assert_eq!(stage.condition("Notified"), ("False", "NotifyOverdue"));
    assert_eq!(stage.status().breached, Some(true));
    assert_eq!(stage.events(Reason::NotifyOverdue).len(), 1);

    stage.call_customer();
    stage.settle().await;
    assert_eq!(stage.condition("Notified"), ("True", "Reached"));
    assert_eq!(stage.status().breached, Some(true));
    assert_eq!(stage.status().phase, Some(IncidentPhase::Notified));
}

#[tokio::test]
async fn an_incident_closed_without_a_valid_notice_is_not_closed_and_not_let_go() {
    let stage = Stage::new().await;
    stage.file("None");
    stage.settle().await;
    stage.edit(|incident| incident.spec.closed = true);
    stage.settle().await;
    assert_eq!(stage.condition("Stalled"), ("True", "NotNotified"));
    assert_ne!(stage.status().phase, Some(IncidentPhase::Closed));
    stage.delete("one");
    stage.settle().await;
    assert!(stage.cluster.cached::<Incident>(&stage.key("one")).is_some());
    stage.advance(25 * HOUR).await;
    assert_eq!(stage.status().breached, Some(true), "the clock runs on");

    stage.call_customer();
    stage.settle().await;
    assert!(
        stage.cluster.cached::<Incident>(&stage.key("one")).is_none(),
        "closed, so let go"
    );
}

#[tokio::test]
async fn a_closed_incident_says_so_once() {
    let stage = Stage::new().await;
    stage.file("None");
    stage.settle().await;
    stage.call_customer();
    stage.edit(|incident| incident.spec.closed = true);
    stage.settle().await;
    assert_eq!(stage.condition("Ready"), ("True", "Closed"));
    assert_eq!(stage.events(Reason::Closed).len(), 1);
    stage.advance(48 * HOUR).await;
    assert_eq!(stage.events(Reason::Closed).len(), 1);
    assert_eq!(stage.status().breached, Some(false));
}
