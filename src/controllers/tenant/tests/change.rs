//! Changes of plan, stops and restarts, with simaws: in their window, once, and through crashes.

use serde_json::{Value, json};
use simaws::{Effect, FaultKind, FaultSpec};

use super::{READY, instance_of, ready};
use crate::{
    api::{AccessPolicy, Backup, ChangeKind, ConditionType, Incident, Key, Tenant, TenantClass, TenantPhase},
    cloud::InstanceState,
    controllers::testing::{Env, class, policy, tenant},
    report::conditions::find_condition,
};

/// A window that is open at the beginning of every test: Tuesday, 24 November 2026.
fn tuesday() -> Value {
    json!({"days": ["Tue"], "from": "00:00", "duration": "24h", "timeZone": "UTC"})
}

fn sunday() -> Value {
    json!({"days": ["Sun"], "from": "02:00", "duration": "3h", "timeZone": "Asia/Tokyo"})
}

/// The class, with more plans and this window.
fn class_with(window: Option<Value>) -> Value {
    let mut class = class();
    let volume = |gib: i32| json!([{"device": "/dev/sdf", "sizeGiB": gib}]);
    class["spec"]["plans"] = json!({
        "standard": {"instanceType": "m6i.large", "volumes": volume(20)},
        "large": {"instanceType": "m6i.xlarge", "volumes": volume(20)},
        "roomy": {"instanceType": "m6i.large", "volumes": volume(40)},
        "huge": {"instanceType": "m6i.large", "volumes": volume(80)},
    });
    if let Some(window) = window {
        class["spec"]["maintenanceWindow"] = window;
    }
    class
}

/// A Tenant that is Ready, of a class with this window.
async fn ready_with(window: Option<Value>) -> Env {
    let mut env = ready().await;
    env.put::<TenantClass>(class_with(window));
    env.pass(10).await;
    env
}

fn wish(env: &Env, change: &Value) {
    let mut tenant = tenant("jira");
    for (field, value) in change.as_object().unwrap() {
        tenant["spec"][field] = value.clone();
    }
    env.put::<Tenant>(tenant);
}

/// The type and the state of the instance, as AWS has them.
async fn instance(env: &Env) -> (String, InstanceState) {
    let cloud = env
        .ctx
        .inventories
        .cloud(&"ap-northeast-1".into(), crate::cloud::Lane::Drift);
    let found = cloud
        .find_instance(&instance_of(env).as_str().into())
        .await
        .unwrap()
        .unwrap();
    (found.instance_type, found.state)
}

fn running(instance_type: &str) -> (String, InstanceState) {
    (instance_type.to_owned(), InstanceState::Running)
}

fn message(env: &Env, type_: ConditionType) -> String {
    let status = env.tenant("jira").status.unwrap();
    find_condition(&status.conditions, type_.as_str())
        .map(|condition| condition.message.clone())
        .unwrap_or_default()
}

/// The calls that change an instance, in their order.
fn changes(env: &Env) -> Vec<String> {
    let calls = env.sim.calls().into_iter();
    let is_change = |operation: &str| {
        [
            "StopInstances",
            "StartInstances",
            "ModifyInstanceAttribute",
            "ModifyVolume",
            "RebootInstances",
        ]
        .contains(&operation)
    };
    calls
        .filter(|call| call.effect && is_change(&call.operation))
        .map(|call| call.operation.clone())
        .collect()
}

#[tokio::test]
async fn in_the_window_another_plan_is_a_stop_a_type_and_a_start() {
    let mut env = ready_with(Some(tuesday())).await;
    let id = instance_of(&env);
    wish(&env, &json!({"plan": "large"}));
    env.settle().await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::InstanceReady),
        "False Resizing"
    );
    assert_eq!(
        env.tenant_is("jira", ConditionType::PlanApplied),
        "False Resizing"
    );
    env.pass(60).await;
    assert_eq!(
        changes(&env),
        ["StopInstances", "ModifyInstanceAttribute", "StartInstances"]
    );
    assert_eq!(instance(&env).await, running("m6i.xlarge"));
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    assert_eq!(
        env.tenant_is("jira", ConditionType::PlanApplied),
        "True Succeeded"
    );
    assert_eq!(instance_of(&env), id);
    let status = env.tenant("jira").status.unwrap();
    assert_eq!(status.plan_in_force.unwrap().name, "large");
    assert!(status.change.unwrap().ended_at.is_some());
    assert!(!env.events().contains("StoppedByHand"), "{}", env.events());
    assert!(
        env.events().contains("from m6i.large to m6i.xlarge is over"),
        "{}",
        env.events()
    );
    // And back.
    wish(&env, &json!({"plan": "standard"}));
    env.pass(60).await;
    assert_eq!(instance(&env).await, running("m6i.large"));
    let before = changes(&env).len();
    env.pass(60).await;
    assert_eq!(changes(&env).len(), before);
}

#[tokio::test]
async fn outside_its_window_a_plan_waits_and_says_for_when() {
    let mut env = ready_with(Some(sunday())).await;
    wish(&env, &json!({"plan": "large"}));
    env.pass(30).await;
    assert_eq!(changes(&env), Vec::<String>::new());
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "True WaitsForWindow");
    assert_eq!(
        env.tenant_is("jira", ConditionType::PlanApplied),
        "False WaitsForWindow"
    );
    let told = message(&env, ConditionType::PlanApplied);
    assert!(told.ends_with("opens at 2026-11-28T17:00:00Z"), "{told}");
    // A second before it, and then in it, though nothing else wakes anybody.
    let opens: jiff::Timestamp = "2026-11-28T17:00:00Z".parse().unwrap();
    let until = u64::try_from(opens.duration_since(env.ctx.now()).as_secs()).unwrap();
    env.skip(until - 20).await;
    env.pass(19).await;
    assert_eq!(changes(&env), Vec::<String>::new());
    env.pass(60).await;
    assert_eq!(instance(&env).await, running("m6i.xlarge"));
}

#[tokio::test]
async fn without_a_window_a_plan_waits_until_the_tenant_has_one_of_its_own() {
    let mut env = ready_with(None).await;
    wish(&env, &json!({"plan": "large"}));
    env.pass(30).await;
    assert_eq!(changes(&env), Vec::<String>::new());
    assert_eq!(
        env.tenant_is("jira", ConditionType::PlanApplied),
        "False NoWindow"
    );
    assert_eq!(env.events().matches("NoWindow").count(), 1, "{}", env.events());
    wish(&env, &json!({"plan": "large", "maintenanceWindow": tuesday()}));
    env.pass(60).await;
    assert_eq!(instance(&env).await, running("m6i.xlarge"));
}

#[tokio::test]
async fn a_window_in_a_zone_that_nobody_knows_stalls_the_tenant() {
    let mut env = ready_with(Some(tuesday())).await;
    let mut window = sunday();
    window["timeZone"] = json!("Asia/Edo");
    wish(&env, &json!({"plan": "large", "maintenanceWindow": window}));
    env.pass(30).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::Stalled),
        "True UnknownTimeZone"
    );
    assert!(message(&env, ConditionType::Stalled).starts_with("spec.maintenanceWindow.timeZone: "));
    assert_eq!(changes(&env), Vec::<String>::new());
}

#[tokio::test]
async fn a_crash_at_any_step_of_a_change_is_gone_on_from() {
    for operation in ["StopInstances", "ModifyInstanceAttribute", "StartInstances"] {
        for effect in [Effect::Before, Effect::After] {
            let mut env = ready_with(Some(tuesday())).await;
            let mut lost = FaultSpec::new(operation, FaultKind::Error).striking(effect);
            lost.code = Some("InternalError".to_owned());
            lost.status = Some(500);
            env.sim.add_fault(lost.forever());
            wish(&env, &json!({"plan": "large"}));
            // Until the call was made, and its answer lost; then the process dies.
            for _ in 0..60 {
                let calls = env.sim.calls();
                if calls
                    .iter()
                    .any(|call| call.operation == operation && !call.dry_run)
                {
                    break;
                }
                env.pass(1).await;
            }
            env.sim.clear_faults();
            env.restart().await;
            env.pass(90).await;
            let case = format!("{operation} {effect:?}: {:?}\n{}", changes(&env), env.events());
            assert_eq!(instance(&env).await, running("m6i.xlarge"), "{case}");
            assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY, "{case}");
            assert!(!env.events().contains("stopped by a person"), "{case}");
        }
    }
}

#[tokio::test]
async fn a_type_that_aws_refuses_leaves_the_instance_running_as_it_was() {
    let mut env = ready_with(Some(tuesday())).await;
    let mut refused = FaultSpec::new("ModifyInstanceAttribute", FaultKind::Error);
    refused.code = Some("InvalidInstanceAttributeValue".to_owned());
    refused.status = Some(400);
    env.sim.add_fault(refused);
    wish(&env, &json!({"plan": "large"}));
    env.pass(90).await;
    assert_eq!(changes(&env), ["StopInstances", "StartInstances"]);
    assert_eq!(instance(&env).await, running("m6i.large"));
    assert_eq!(env.tenant_is("jira", ConditionType::Stalled), "True TypeRefused");
    assert_eq!(
        env.tenant_is("jira", ConditionType::InstanceReady),
        "True Running"
    );
    // It is not tried again until the plan was another one.
    env.pass(900).await;
    assert_eq!(changes(&env).len(), 2);
    wish(&env, &json!({}));
    env.pass(30).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    wish(&env, &json!({"plan": "large"}));
    env.pass(90).await;
    assert_eq!(instance(&env).await, running("m6i.xlarge"));
}

#[tokio::test]
async fn a_type_that_aws_neither_takes_nor_refuses_is_given_up_after_half_an_hour() {
    let mut env = ready_with(Some(tuesday())).await;
    env.sim
        .add_fault(FaultSpec::new("ModifyInstanceAttribute", FaultKind::Unavailable).forever());
    wish(&env, &json!({"plan": "large"}));
    env.pass(120).await;
    assert_eq!(changes(&env), ["StopInstances"]);
    env.skip(1_800).await;
    env.pass(60).await;
    assert_eq!(changes(&env), ["StopInstances", "StartInstances"]);
    assert_eq!(instance(&env).await, running("m6i.large"));
    assert_eq!(env.tenant_is("jira", ConditionType::Stalled), "True TypeRefused");
}

#[tokio::test]
async fn a_type_that_there_is_no_room_for_is_taken_back() {
    let mut env = ready_with(Some(tuesday())).await;
    let mut full = FaultSpec::new("StartInstances", FaultKind::Error);
    full.code = Some("InsufficientInstanceCapacity".to_owned());
    full.status = Some(500);
    env.sim.add_fault(full);
    wish(&env, &json!({"plan": "large"}));
    env.pass(90).await;
    let back = [
        "StopInstances",
        "ModifyInstanceAttribute",
        "ModifyInstanceAttribute",
        "StartInstances",
    ];
    assert_eq!(changes(&env), back);
    assert_eq!(instance(&env).await, running("m6i.large"));
    assert_eq!(env.tenant_is("jira", ConditionType::Stalled), "True TypeRefused");
}

#[tokio::test]
async fn calls_that_are_denied_are_made_seldom_and_cost_few_writes() {
    let mut env = ready_with(Some(tuesday())).await;
    env.pass(60).await;
    for operation in ["StopInstances", "RebootInstances", "ModifyVolume"] {
        env.sim
            .add_fault(FaultSpec::new(operation, FaultKind::Deny).forever());
    }
    let asked_at = env.ctx.now().to_string();
    // A restart first: it waits while a stop that was asked for may still come.
    for change in [
        json!({"restart": {"requestedAt": asked_at, "reason": "it hangs"}}),
        json!({"plan": "large"}),
        json!({"plan": "roomy"}),
        json!({"powerState": "Stopped", "powerReason": "winter"}),
    ] {
        wish(&env, &change);
        env.pass(10).await;
        assert_eq!(
            env.tenant_is("jira", ConditionType::Stalled),
            "True Denied",
            "{change}"
        );
        let (writes, calls) = (env.cluster.writes(), env.sim.calls().len());
        env.pass(600).await;
        let is_tried = |call: &&simaws::Call| call.code != "OK" && !call.dry_run;
        let tried = env.sim.calls()[calls..].iter().filter(is_tried).count();
        assert!((1..=10).contains(&tried), "{change}: {tried} tries");
        let writes = env.cluster.writes() - writes;
        assert!(writes <= 12, "{change}: {writes} writes\n{}", env.events());
    }
}

#[tokio::test]
async fn a_change_that_never_came_is_not_taken_for_a_stop_by_a_person_later() {
    let mut env = ready_with(Some(tuesday())).await;
    env.sim
        .add_fault(FaultSpec::new("StopInstances", FaultKind::Deny).forever());
    wish(&env, &json!({"plan": "large"}));
    env.settle().await;
    env.put::<TenantClass>(class_with(Some(sunday())));
    env.pass(10).await;
    env.skip(900).await;
    env.sim.clear_faults();
    let id = instance_of(&env);
    env.someone("StopInstances", &[("InstanceId.1", &id)]);
    env.pass(60).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::InstanceReady),
        "False StoppedByHand"
    );
    assert_eq!(env.calls("StartInstances"), 0);
}

#[tokio::test]
async fn a_volume_grows_at_once_and_waits_for_the_second_time() {
    let mut env = ready_with(None).await;
    wish(&env, &json!({"plan": "roomy"}));
    env.pass(30).await;
    assert_eq!(changes(&env), ["ModifyVolume"]);
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    wish(&env, &json!({"plan": "huge"}));
    env.pass(30).await;
    assert_eq!(changes(&env), ["ModifyVolume"]);
    assert_eq!(
        env.tenant_is("jira", ConditionType::Ready),
        "True VolumeCoolingDown"
    );
    env.restart().await;
    env.pass(10).await;
    assert_eq!(changes(&env), ["ModifyVolume"]);
    env.skip(6 * 3_600).await;
    env.pass(10).await;
    assert_eq!(changes(&env), ["ModifyVolume", "ModifyVolume"]);
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    // Smaller again: refused as a whole.
    wish(&env, &json!({"plan": "large", "maintenanceWindow": tuesday()}));
    env.pass(30).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::Stalled),
        "True VolumeWouldShrink"
    );
    assert_eq!(changes(&env).len(), 2);
}

#[tokio::test]
async fn a_volume_that_somebody_else_changed_a_moment_ago_waits_too() {
    let mut env = ready_with(None).await;
    let volumes = env.tenant("jira").status.unwrap().volume_ids;
    for volume in &volumes {
        env.someone("ModifyVolume", &[("VolumeId", volume), ("Size", "30")]);
    }
    env.pass(10).await;
    wish(&env, &json!({"plan": "roomy"}));
    env.pass(30).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::Ready),
        "True VolumeCoolingDown"
    );
    env.skip(6 * 3_600).await;
    env.pass(30).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    assert_eq!(env.calls("ModifyVolume"), volumes.len() + 1);
}

#[tokio::test]
async fn a_person_stops_the_instance_by_power_state_and_starts_it_again() {
    let mut env = ready_with(None).await;
    wish(
        &env,
        &json!({"powerState": "Stopped", "powerReason": "the customer is away"}),
    );
    env.pass(30).await;
    assert_eq!(
        env.tenant_is("jira", ConditionType::InstanceReady),
        "False StoppedAsAsked"
    );
    assert_eq!(
        env.tenant_is("jira", ConditionType::Ready),
        "False StoppedAsAsked"
    );
    assert!(message(&env, ConditionType::Ready).contains("the customer is away"));
    let status = env.tenant("jira").status.unwrap();
    assert_eq!(status.phase, Some(TenantPhase::Stopped));
    assert_eq!(status.change.unwrap().kind, ChangeKind::Stop);
    env.restart().await;
    env.pass(600).await;
    assert_eq!(changes(&env), ["StopInstances"]);
    wish(&env, &json!({}));
    env.pass(60).await;
    assert_eq!(changes(&env), ["StopInstances", "StartInstances"]);
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), READY);
    assert_eq!(env.tenant("jira").status.unwrap().phase, Some(TenantPhase::Ready));
}

#[tokio::test]
async fn a_restart_by_hand_is_one_reboot_though_the_operator_dies_over_it() {
    let mut env = ready_with(None).await;
    env.pass(60).await;
    let at = env.ctx.now();
    wish(
        &env,
        &json!({"restart": {"requestedAt": at.to_string(), "reason": "it hangs"}}),
    );
    env.settle().await;
    assert_eq!(changes(&env), ["RebootInstances"]);
    assert!(
        env.events().contains("was restarted, as was asked for: it hangs"),
        "{}",
        env.events()
    );
    env.restart().await;
    env.pass(60).await;
    assert_eq!(changes(&env), ["RebootInstances"]);

    // While a backup runs it waits; when that is over, it comes.
    let backup: Value = json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "Backup",
        "metadata": {"name": "by-hand", "namespace": "acme"},
        "spec": {"tenantRef": "jira", "reason": "before an upgrade"},
    });
    env.put::<Backup>(backup);
    let at = env.ctx.now();
    wish(
        &env,
        &json!({"restart": {"requestedAt": at.to_string(), "reason": "again"}}),
    );
    env.pass(30).await;
    assert_eq!(changes(&env), ["RebootInstances"]);
    assert_eq!(env.tenant_is("jira", ConditionType::Ready), "True WaitsForBackup");
    env.cluster.delete::<Backup>(&Key::new("acme", "by-hand"));
    env.settle().await;
    assert_eq!(changes(&env), ["RebootInstances", "RebootInstances"]);
}

#[tokio::test]
async fn a_suspended_or_isolated_tenant_is_not_changed() {
    let mut env = ready_with(Some(tuesday())).await;
    let suspended = json!({"plan": "large", "suspend": true, "suspendReason": "moved"});
    wish(&env, &suspended);
    env.pass(30).await;
    assert_eq!(changes(&env), Vec::<String>::new());
    assert_eq!(
        env.tenant_is("jira", ConditionType::PlanApplied),
        "False Suspended"
    );
    assert_eq!(
        env.tenant_is("jira", ConditionType::InstanceReady),
        "True Running"
    );
    let incident = json!({
        "apiVersion": "yagura.dev/v1alpha1", "kind": "Incident",
        "metadata": {"name": "odd", "namespace": "acme"},
        "spec": {
            "type": "Security", "tenantRefs": ["jira"], "detectedAt": "2026-11-24T00:00:00Z",
            "summary": "odd", "containment": "Isolate",
        },
    });
    env.put::<Incident>(incident);
    wish(&env, &json!({"plan": "large"}));
    env.pass(30).await;
    assert_eq!(changes(&env), Vec::<String>::new());
    assert_eq!(
        env.tenant_is("jira", ConditionType::PlanApplied),
        "False WaitsForIncident"
    );
}

#[tokio::test]
async fn an_edit_of_the_class_reaches_one_tenant_an_hour_and_a_restart_forgets_none() {
    let mut env = Env::new().await;
    env.put::<TenantClass>(class_with(Some(tuesday())));
    let names = ["one", "two", "three"];
    for name in names {
        env.put::<Tenant>(tenant(name));
    }
    env.pass(40).await;
    let mut edited = class_with(Some(tuesday()));
    edited["spec"]["plans"]["standard"]["instanceType"] = json!("m6i.2xlarge");
    env.put::<TenantClass>(edited);
    env.pass(120).await;
    assert_eq!(env.calls("StopInstances"), 1, "{}", env.events());
    let waiting = names
        .iter()
        .filter(|name| env.tenant_is(name, ConditionType::PlanApplied) == "False WaitsForTurn");
    assert_eq!(waiting.count(), 2);
    env.restart().await;
    env.pass(60).await;
    assert_eq!(env.calls("StopInstances"), 1);
    for expected in [2, 3] {
        env.skip(3_600).await;
        env.pass(90).await;
        assert_eq!(env.calls("StopInstances"), expected, "{}", env.events());
    }
    assert_eq!(env.calls("StartInstances"), 3);
}

#[tokio::test]
async fn a_request_by_annotation_is_honoured_and_echoed() {
    let mut env = ready_with(None).await;
    env.pass(60).await;
    let mut asked = tenant("jira");
    asked["metadata"]["annotations"] = json!({"yagura.dev/requested-at": "2026-11-24T00:10:00Z"});
    env.put::<Tenant>(asked);
    let mut asked = policy("office", &["203.0.113.0/24"]);
    asked["metadata"]["annotations"] = json!({"yagura.dev/requested-at": "now, please"});
    env.put::<AccessPolicy>(asked);
    env.settle().await;
    let status = env.tenant("jira").status.unwrap();
    assert_eq!(
        status.last_handled_request_at.as_deref(),
        Some("2026-11-24T00:10:00Z")
    );
    let status = env.policy("office").status.unwrap();
    assert_eq!(status.last_handled_request_at.as_deref(), Some("now, please"));
}

#[tokio::test]
async fn a_volume_that_cannot_grow_keeps_no_instance_stopped() {
    let mut env = ready_with(Some(tuesday())).await;
    wish(&env, &json!({"powerState": "Stopped", "powerReason": "winter"}));
    env.pass(60).await;
    assert_eq!(instance(&env).await.1, InstanceState::Stopped);
    env.sim
        .add_fault(FaultSpec::new("ModifyVolume", FaultKind::Deny).forever());
    wish(&env, &json!({"plan": "roomy"}));
    env.pass(120).await;
    assert_eq!(instance(&env).await.1, InstanceState::Running);
    assert_eq!(env.tenant_is("jira", ConditionType::Stalled), "True Denied");
}

#[tokio::test]
async fn a_plan_that_is_edited_while_an_instance_is_stopped_comes_when_it_runs_again() {
    let mut env = ready_with(Some(tuesday())).await;
    wish(&env, &json!({"powerState": "Stopped", "powerReason": "winter"}));
    env.pass(60).await;
    wish(
        &env,
        &json!({"plan": "large", "powerState": "Stopped", "powerReason": "winter"}),
    );
    env.pass(60).await;
    assert_eq!(
        instance(&env).await,
        ("m6i.large".to_owned(), InstanceState::Stopped)
    );
    wish(&env, &json!({"plan": "large"}));
    // What was stopped is started first, and changed in the window that is open.
    env.pass(1_200).await;
    assert_eq!(instance(&env).await, running("m6i.xlarge"));
}
