//! The customers' environments: from manifests to running instances.

use super::{condition, items, standing, text};
use crate::failure::{Failure, Outcome};
use crate::stage::{Seen, Stage};
use crate::{repo, say};
use controlplane::Patience;
use serde_json::Value;
use std::collections::BTreeMap;
use std::fs;
use std::path::PathBuf;
use std::time::Duration;

const READY_WITHIN: Duration = Duration::from_secs(120);

/// The customer whose environment the rest of the story happens to.
pub(super) const NAMESPACE: &str = "acme";
pub(super) const TENANT: &str = "acme-jira";

/// Incidents are not part of a normal day: this one is opened later in the story.
pub(super) const INCIDENT: &str = "incident/isolate.yaml";

/// Applies the examples and waits until every Tenant is Ready.
pub(super) fn enter(stage: &mut Stage) -> Outcome {
    say::heading("two customers, each with an environment of its own");
    for path in manifests()? {
        let manifest =
            fs::read_to_string(&path).map_err(Failure::of(format_args!("read {}", path.display())))?;
        stage.apply(&manifest)?;
        say::step(format!(
            "applied examples/{}",
            path.file_name().unwrap_or_default().display()
        ));
    }
    let patience = Patience::new(READY_WITHIN);
    let mut said: BTreeMap<String, String> = BTreeMap::new();
    stage.wait_for("every Tenant is Ready", READY_WITHIN, |stage| {
        let list = stage.get(&["tenants", "-A"])?;
        for tenant in items(&list) {
            announce(tenant, &patience, &mut said);
        }
        let waiting: Vec<String> = items(&list)
            .iter()
            .filter(|tenant| !is_ready(tenant))
            .map(|tenant| format!("{}: {}", text(tenant, "/metadata/name"), standing(tenant)))
            .collect();
        Ok(match waiting.is_empty() && !items(&list).is_empty() {
            true => Seen::Done(()),
            false => Seen::NotYet(waiting.join("; ")),
        })
    })?;
    say::block(format!(
        "\n{}",
        stage.kubectl(&["get", "tenants", "-A", "-o", "wide"])?
    ));
    Ok(())
}

/// Says how a Tenant stands when that is news.
fn announce(tenant: &Value, patience: &Patience, said: &mut BTreeMap<String, String>) {
    let name = text(tenant, "/metadata/name");
    let line = if is_ready(tenant) {
        format!("Ready on {}", text(tenant, "/status/instanceId"))
    } else {
        standing(tenant)
    };
    if said.get(name) != Some(&line) {
        let took = if is_ready(tenant) {
            format!(", after {}", say::duration(patience.elapsed()))
        } else {
            String::new()
        };
        say::step(format!("{name}: {line}{took}"));
        said.insert(name.to_owned(), line);
    }
}

/// At the generation that was applied: an old Ready is no answer to a new spec.
fn is_ready(object: &Value) -> bool {
    object.pointer("/status/observedGeneration") == object.pointer("/metadata/generation")
        && condition(object, "Ready").is_some_and(|(status, _, _)| status == "True")
}

/// The examples as `kubectl apply -f examples/` takes them, but namespaces first: those of subfolders are not
/// part of a normal day.
fn manifests() -> Outcome<Vec<PathBuf>> {
    let folder = repo::root().join("examples");
    let mut found: Vec<(bool, PathBuf)> = fs::read_dir(&folder)
        .map_err(Failure::of(format_args!("read {}", folder.display())))?
        .filter_map(|entry| entry.ok().map(|entry| entry.path()))
        .filter(|path| path.extension().is_some_and(|extension| extension == "yaml"))
        .filter(|path| path.file_name().is_some_and(|name| name != "kustomization.yaml"))
        .map(|path| {
            let makes_namespace = fs::read_to_string(&path)
                .is_ok_and(|manifest| manifest.lines().any(|line| line.trim() == "kind: Namespace"));
            (!makes_namespace, path)
        })
        .collect();
    found.sort();
    if found.is_empty() {
        return Err(super::missing("manifest"));
    }
    Ok(found.into_iter().map(|(_, path)| path).collect())
}

/// The Tenant of the story.
pub(super) fn tenant(stage: &Stage) -> Outcome<Value> {
    stage.get(&["tenant", TENANT, "-n", NAMESPACE])
}
