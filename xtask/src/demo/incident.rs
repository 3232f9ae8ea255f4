//! An incident cuts an instance off, and gives it back.

use super::cast::{INCIDENT, NAMESPACE, TENANT, tenant};
use super::{new_events, print_events, text};
use crate::failure::{Failure, Outcome};
use crate::stage::{Seen, Stage};
use crate::{clock, http, repo, say};
use controlplane::Patience;
use serde_json::{Value, json};
use std::collections::BTreeSet;
use std::fs;
use std::time::Duration;

const WITHIN: Duration = Duration::from_secs(60);

/// Opens the example's incident with containment Isolate, then takes the containment back.
pub(super) fn isolates_and_is_undone(stage: &mut Stage) -> Outcome {
    say::heading("an incident isolates the instance, and is undone");
    let before = new_events(stage, NAMESPACE, &[])?;
    let instance = text(&tenant(stage)?, "/status/instanceId").to_owned();
    let original = groups(stage, &instance)?;
    let name = open(stage)?;
    let patience = Patience::new(WITHIN);
    say::step(format!(
        "incident {name}: isolate {TENANT} ({instance}, groups {})",
        join(&original)
    ));
    let quarantine = stage.wait_for("the instance has the quarantine group only", WITHIN, |stage| {
        let now = groups(stage, &instance)?;
        let is_isolated = now.len() == 1 && now.is_disjoint(&original);
        Ok(if is_isolated {
            Seen::Done(now)
        } else {
            Seen::NotYet(format!("its groups are {}", join(&now)))
        })
    })?;
    say::step(format!("isolated after {}", say::duration(patience.elapsed())));
    for group in &quarantine {
        say::block(format!("its only group: {}", describe(stage, group)?));
    }
    stage.wait_for("the Incident says what it isolated", WITHIN, |stage| {
        let incident = stage.get(&["incident", &name, "-n", NAMESPACE])?;
        let recorded = text(&incident, "/status/isolated/0/instanceId") == instance;
        Ok(if recorded {
            Seen::Done(())
        } else {
            Seen::NotYet(super::standing(&incident))
        })
    })?;
    say::block(stage.kubectl(&["get", "incidents", "-n", NAMESPACE])?);
    undo(stage, &name, &instance, &original)?;
    print_events(stage, NAMESPACE, &before)
}

/// Creates the example as of now: its clock of 24 hours begins when the incident was detected.
fn open(stage: &Stage) -> Outcome<String> {
    let path = repo::root().join("examples").join(INCIDENT);
    if !fs::exists(&path).unwrap_or(false) {
        return Err(super::missing(INCIDENT));
    }
    let file = path.display().to_string();
    let text_of_object = stage.kubectl(&["create", "--dry-run=client", "-o", "json", "-f", &file])?;
    let mut incident: Value =
        serde_json::from_str(&text_of_object).map_err(Failure::of(format_args!("read {INCIDENT}")))?;
    if let Some(spec) = incident.get_mut("spec").and_then(Value::as_object_mut) {
        spec.insert("detectedAt".into(), json!(clock::rfc3339(clock::unix_now())));
        spec.insert("containment".into(), json!("Isolate"));
        spec.insert("tenantRefs".into(), json!([TENANT]));
    }
    stage.apply(&incident.to_string())?;
    Ok(text(&incident, "/metadata/name").to_owned())
}

fn undo(stage: &mut Stage, name: &str, instance: &str, original: &BTreeSet<String>) -> Outcome {
    let patch = json!({"spec": {"containment": "None"}}).to_string();
    stage.kubectl(&[
        "patch",
        "incident",
        name,
        "-n",
        NAMESPACE,
        "--type=merge",
        "-p",
        &patch,
    ])?;
    let patience = Patience::new(WITHIN);
    say::step("the danger is over: containment None");
    stage.wait_for("the instance has its own groups again", WITHIN, |stage| {
        let now = groups(stage, instance)?;
        Ok(if now == *original {
            Seen::Done(())
        } else {
            Seen::NotYet(format!("its groups are {}", join(&now)))
        })
    })?;
    say::step(format!(
        "groups {} are back after {}",
        join(original),
        say::duration(patience.elapsed())
    ));
    Ok(())
}

/// The groups on the instance's network interfaces, as AWS tells them to an onlooker.
fn groups(stage: &Stage, instance: &str) -> Outcome<BTreeSet<String>> {
    let xml = http::ec2(
        stage.endpoint(),
        "onlooker",
        "DescribeInstances",
        &[("InstanceId.1", instance)],
    )?;
    let interfaces = http::elements(&xml, "networkInterfaceSet");
    Ok(interfaces
        .iter()
        .flat_map(|set| http::elements(set, "groupId"))
        .map(str::to_owned)
        .collect())
}

fn describe(stage: &Stage, group: &str) -> Outcome<String> {
    let xml = http::ec2(
        stage.endpoint(),
        "onlooker",
        "DescribeSecurityGroups",
        &[("GroupId.1", group)],
    )?;
    let name = http::elements(&xml, "groupName")
        .first()
        .copied()
        .unwrap_or_default()
        .to_owned();
    let rules = http::elements(&xml, "ipProtocol").len();
    Ok(format!("{group} ({name}), rules: {rules}"))
}

fn join(groups: &BTreeSet<String>) -> String {
    groups.iter().map(String::as_str).collect::<Vec<_>>().join(", ")
}
