//! One environment as a run made it, to be copied many times.

use std::time::Duration;

use serde_json::{Map, Value, json};
use simaws::Call;
use yagura::{
    api::{AccessPolicy, Backup, BackupPhase, BackupPolicy, Key, Tenant},
    clock::Clock,
    cluster::{Cluster, Kind},
};

use crate::{Broken, Settings, World, converge::is_ready, fleet, truth::Truth};

/// The time of the slot; the run begins at midnight UTC.
const SLOT: &str = "00:30";

/// How many backups an environment has.
pub(super) const BACKUPS: usize = 5;

/// The objects of one environment, and the calls that made it.
pub(super) struct Template {
    tenant: String,
    access_policy: String,
    backup_policy: String,
    backup: String,
    /// What changed something at AWS, in order.
    pub(super) calls: Vec<Call>,
    /// When it was complete.
    pub(super) at: jiff::Timestamp,
    key: Key,
    uid: String,
    backup_name: String,
    backup_uid: String,
}

impl Template {
    /// Makes one environment and one backup of it.
    pub(super) fn make() -> Result<Self, Broken> {
        let mut settings = Settings::seeded(0);
        settings.is_paced = false;
        let mut world = World::new(settings)?;
        fleet::declare(&world, 0..1, Some(SLOT))?;
        world.run_until(
            "one environment and its backup",
            Duration::from_secs(7200),
            is_made,
        )?;
        world.run_for(Duration::from_secs(1800))?;
        let tenant = the_one::<Tenant>(&world)?;
        let backup = the_one::<Backup>(&world)?;
        let quarantine = quarantine(&world)?;
        let is_the_class = |call: &Call| {
            let mut values = call.params.values();
            values.any(|value| quarantine.contains(value))
        };
        let calls = world.sim.calls().into_iter();
        Ok(Self {
            at: world.clock.now(),
            calls: calls
                .filter(|call| call.effect && !call.dry_run && !is_the_class(call))
                .collect(),
            key: tenant.key(),
            uid: tenant.uid().to_owned(),
            backup_name: backup.key().name,
            backup_uid: backup.uid().to_owned(),
            tenant: sent(&*tenant)?,
            access_policy: sent(&*the_one::<AccessPolicy>(&world)?)?,
            backup_policy: sent(&*the_one::<BackupPolicy>(&world)?)?,
            backup: sent(&*backup)?,
        })
    }

    /// The objects of a kind for the environment of this number, as the API server sends them.
    pub(super) fn objects(&self, plural: &str, number: usize) -> Vec<String> {
        match plural {
            "tenants" => vec![self.text(&self.tenant, number, 0)],
            "accesspolicies" => vec![self.text(&self.access_policy, number, 0)],
            "backuppolicies" => vec![self.text(&self.backup_policy, number, 0)],
            "backups" => (0..BACKUPS)
                .map(|backup| self.text(&self.backup, number, backup))
                .collect(),
            _ => Vec::new(),
        }
    }

    /// A text about the first environment, or about its one backup, said of another. Everything keeps its length.
    pub(super) fn text(&self, text: &str, number: usize, backup: usize) -> String {
        let mut backup_name = self.backup_name.clone();
        backup_name.pop();
        backup_name.push_str(&backup.to_string());
        let number = number + 1;
        text.replace(&self.backup_uid, &uid(1 + backup, number))
            .replace(&self.backup_name, &backup_name)
            .replace(&self.uid, &uid(0, number))
            .replace(&self.key.name, &format!("jira-{number:05}"))
            .replace(
                &format!("\"namespace\":\"{}\"", self.key.namespace),
                &format!("\"namespace\":\"c-{number:010}\""),
            )
    }
}

/// The names of the class's own group, which all environments share.
pub(crate) fn quarantine(world: &World) -> Result<[String; 2], Broken> {
    let groups = Truth::of(world, None)?.security_groups.into_iter();
    let mut found = groups.filter(|group| group.name.starts_with("yagura-quarantine"));
    let found = found.next().map(|group| [group.id, group.name]);
    found.ok_or_else(|| Broken::SetUp("the class has no quarantine group".to_owned()))
}

fn uid(kind: usize, number: usize) -> String {
    format!("{kind:08x}-0000-4000-9000-{number:012x}")
}

fn is_made(world: &World) -> bool {
    let tenants = world.cluster.cached_all::<Tenant>();
    let backups = world.cluster.cached_all::<Backup>();
    let is_complete = |backup: &Backup| {
        let status = backup.status.as_ref();
        status.and_then(|status| status.phase) == Some(BackupPhase::Complete)
    };
    tenants.iter().all(|tenant| is_ready(tenant))
        && backups.len() == 1
        && backups.iter().all(|one| is_complete(one))
}

fn the_one<K: Kind>(world: &World) -> Result<std::sync::Arc<K>, Broken> {
    let mut all = world.cluster.cached_all::<K>().into_iter();
    all.next()
        .ok_or_else(|| Broken::SetUp(format!("there is no {}", K::NAME)))
}

/// An object as the API server sends it, with who manages which field.
fn sent<K: Kind>(object: &K) -> Result<String, Broken> {
    let broken = |error: serde_json::Error| Broken::SetUp(error.to_string());
    let mut value = serde_json::to_value(object).map_err(broken)?;
    let managers = json!([
        manager("kubectl", value.get("spec"), "f:spec"),
        manager("yagura", value.get("status"), "f:status"),
    ]);
    if let Some(metadata) = value.get_mut("metadata").and_then(Value::as_object_mut) {
        metadata.insert("managedFields".to_owned(), managers);
    }
    serde_json::to_string(&value).map_err(broken)
}

fn manager(name: &str, part: Option<&Value>, field: &str) -> Value {
    json!({
        "manager": name, "operation": "Apply", "apiVersion": "yagura.dev/v1alpha1", "time": "2026-11-25T00:00:00Z",
        "fieldsType": "FieldsV1", "fieldsV1": {field: part.map_or(json!({}), fields)},
    })
}

fn fields(value: &Value) -> Value {
    match value {
        Value::Object(object) => {
            let fields = object
                .iter()
                .map(|(name, value)| (format!("f:{name}"), fields(value)));
            Value::Object(fields.collect::<Map<_, _>>())
        }
        Value::Array(items) => {
            let items = items
                .iter()
                .enumerate()
                .map(|(at, value)| (format!("k:{{\"type\":\"{at}\"}}"), fields(value)));
            Value::Object(items.collect::<Map<_, _>>())
        }
        _ => json!({}),
    }
}
