//! Windows, power and restarts of Tenants and their classes.

use serde_json::{Value, json};
use yagura::api::{Tenant, TenantClass};

use super::{Ground, Sample};

fn tenant() -> Sample {
    Sample::of::<Tenant>(json!({
        "className": "tokyo-standard",
        "customer": "acme",
        "label": "acme-jira-prod",
        "application": {"name": "jira", "version": "9.12.4"},
        "plan": "standard",
    }))
}

fn class() -> Sample {
    Sample::of::<TenantClass>(json!({
        "region": "ap-northeast-1",
        "network": {"subnetIds": ["subnet-0123456789abcdef0"]},
        "plans": {"standard": {"instanceType": "m6i.large"}},
        "applications": {"jira": {"images": {"9.12.4": "ami-0123456789abcdef0"}}},
        "contact": {"helpdesk": "+81-3-0000-0000"},
        "terms": "hosting-2023-10-11",
    }))
}

/// A whole window, but for this.
fn window(change: &Value) -> Value {
    let mut window =
        json!({"days": ["Sat", "Sun"], "from": "02:00", "duration": "3h", "timeZone": "Asia/Tokyo"});
    for (field, value) in change.as_object().expect("it is an object") {
        window[field] = value.clone();
    }
    json!({"maintenanceWindow": window})
}

#[tokio::test]
async fn a_window_is_days_a_time_a_span_and_a_zone() {
    let ground = Ground::new();
    for sample in [tenant(), class()] {
        for change in [
            json!({}),
            json!({"duration": "15m"}),
            json!({"duration": "24h"}),
            json!({"duration": "1440m"}),
            json!({"duration": "1h30m"}),
            json!({"from": "23:59", "days": ["Mon"]}),
        ] {
            ground.takes(&sample, window(&change)).await;
        }
        for (change, message) in [
            (json!({"duration": "14m"}), "duration is from 15m to 24h"),
            (json!({"duration": "24h1m"}), "duration is from 15m to 24h"),
            (json!({"duration": "3 hours"}), "spec.maintenanceWindow.duration"),
            (json!({"from": "24:00"}), "spec.maintenanceWindow.from"),
            (json!({"from": "2:00"}), "spec.maintenanceWindow.from"),
            (json!({"days": []}), "spec.maintenanceWindow.days"),
            (
                json!({"days": ["Sunday"]}),
                "spec.maintenanceWindow.days[0]: Unsupported value",
            ),
            (json!({"days": ["Sun", "Sun"]}), "Duplicate value"),
            (json!({"timeZone": ""}), "spec.maintenanceWindow.timeZone"),
        ] {
            ground.refuses(&sample, window(&change), message).await;
        }
        for field in ["days", "from", "duration", "timeZone"] {
            let mut lacking = window(&json!({}));
            lacking["maintenanceWindow"]
                .as_object_mut()
                .expect("it is an object")
                .remove(field);
            let message = format!("spec.maintenanceWindow.{field}: Required value");
            ground.refuses(&sample, lacking, &message).await;
        }
    }
}

#[tokio::test]
async fn a_stop_has_a_reason_and_a_reason_stands_for_a_stop() {
    let (ground, tenant) = (Ground::new(), tenant());
    let stopped = json!({"powerState": "Stopped", "powerReason": "the customer is away"});
    ground.takes(&tenant, stopped).await;
    ground.takes(&tenant, json!({"powerState": "Running"})).await;
    let message = "powerState: Stopped needs powerReason, which does not stand without it";
    for change in [
        json!({"powerState": "Stopped"}),
        json!({"powerReason": "why"}),
        json!({"powerState": "Running", "powerReason": "why"}),
    ] {
        ground.refuses(&tenant, change, message).await;
    }
    let unknown = json!({"powerState": "Off"});
    ground
        .refuses(&tenant, unknown, "spec.powerState: Unsupported value: \"Off\"")
        .await;
}

#[tokio::test]
async fn a_restart_has_a_time_and_a_reason() {
    let (ground, tenant) = (Ground::new(), tenant());
    let whole = json!({"restart": {"requestedAt": "2026-11-24T00:00:00Z", "reason": "it hangs"}});
    ground.takes(&tenant, whole).await;
    let message = "requestedAt and reason are set together";
    for restart in [
        json!({"requestedAt": "2026-11-24T00:00:00Z"}),
        json!({"reason": "it hangs"}),
    ] {
        ground
            .refuses(&tenant, json!({ "restart": restart }), message)
            .await;
    }
    let malformed = json!({"restart": {"requestedAt": "now", "reason": "it hangs"}});
    ground
        .refuses(&tenant, malformed, "spec.restart.requestedAt")
        .await;
}
