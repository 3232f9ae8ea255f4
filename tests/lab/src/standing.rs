//! Environments that stand when a run begins: made once, as an operator makes them, and then copied.
//!
//! Ten thousand of them take an operator over an hour under AWS's limits. A copy takes the calls that made the first
//! one, in the name of another Tenant, and that Tenant's status says of its own what the first one's says.

use std::{collections::BTreeMap, ops::Range, time::Duration};

use futures::executor::block_on;
use simaws::Call;
use yagura::{
    api::{Key, Tenant, TenantStatus},
    cluster::{Cluster, Kind},
};

use crate::{
    Broken, Settings, World,
    converge::is_ready,
    fleet,
    memory::template::quarantine,
    truth::{Instance, Truth},
};

/// How long before the begin of the run they were made.
const EARLIER: Duration = Duration::from_secs(3600);

/// How long AWS is left alone with what was made: long enough for every instance to run.
const SETTLED: Duration = Duration::from_secs(60);

/// What one environment is called, and what AWS calls the parts of it.
struct Names {
    key: Key,
    uid: String,
    instance: String,
    group: String,
    address: String,
    volumes: Vec<String>,
}

impl Names {
    fn of(tenant: &Tenant, instance: &Instance, group: String) -> Self {
        Self {
            key: tenant.key(),
            uid: tenant.uid().to_owned(),
            instance: instance.id.clone(),
            group,
            address: instance.private_ip.clone(),
            volumes: instance.volumes.values().cloned().collect(),
        }
    }

    /// A text about the environment of these names, said of another.
    fn say(&self, text: &str, other: &Self) -> String {
        let said = text
            .replace(&self.uid, &other.uid)
            .replace(&self.key.to_string(), &other.key.to_string())
            .replace(&self.key.name, &other.key.name)
            .replace(&self.instance, &other.instance)
            .replace(&self.group, &other.group)
            .replace(
                &format!("\"{}\"", self.address),
                &format!("\"{}\"", other.address),
            );
        let volumes = self.volumes.iter().zip(&other.volumes);
        volumes.fold(said, |said, (mine, others)| said.replace(mine, others))
    }
}

/// The first environment, as an operator made it.
struct First {
    names: Names,
    status: String,
    /// What changed something at AWS, in order.
    calls: Vec<Call>,
}

impl First {
    fn make(settings: &Settings) -> Result<Self, Broken> {
        let start = settings.start.checked_sub(EARLIER).unwrap_or(settings.start);
        let mut world = World::new(Settings {
            start,
            ..Settings::seeded(settings.seed)
        })?;
        fleet::declare(&world, 0..1, None)?;
        let key = fleet::key(0);
        world.run_until("the first environment", EARLIER, |world| {
            let tenant = world.cluster.cached::<Tenant>(&key);
            tenant.is_some_and(|tenant| is_ready(&tenant))
        })?;
        world.run_for(world.settings.sweep_every * 3)?;
        let tenant = world.cluster.cached::<Tenant>(&key);
        let tenant = tenant.ok_or_else(|| Broken::SetUp("there is no Tenant".to_owned()))?;
        let truth = Truth::of(&world, None)?;
        let class = quarantine(&world)?;
        let is_the_class = |call: &Call| call.params.values().any(|value| class.contains(value));
        let calls = world.sim.calls().into_iter();
        let status = serde_json::to_string(&tenant.status);
        Ok(Self {
            names: names(&truth, &tenant)?,
            status: status.map_err(|error| Broken::SetUp(error.to_string()))?,
            calls: calls
                .filter(|call| call.effect && !call.dry_run && !is_the_class(call))
                .collect(),
        })
    }

    /// Makes the same for another Tenant.
    fn repeat(&self, world: &World, tenant: &Tenant) -> Result<(), Broken> {
        let mut other = Names {
            key: tenant.key(),
            uid: tenant.uid().to_owned(),
            instance: self.names.instance.clone(),
            group: self.names.group.clone(),
            address: self.names.address.clone(),
            volumes: self.names.volumes.clone(),
        };
        for call in &self.calls {
            let params: Vec<_> = call
                .params
                .iter()
                .filter(|(name, _)| !matches!(name.as_str(), "Action" | "Version"))
                .map(|(name, value)| (name.as_str(), self.names.say(value, &other)))
                .collect();
            let params: Vec<_> = params
                .iter()
                .map(|(name, value)| (*name, value.as_str()))
                .collect();
            let answer = world.someone(&call.operation, &params)?;
            match call.operation.as_str() {
                "CreateSecurityGroup" => other.group = between(&answer, "<groupId>")?,
                "RunInstances" => other.instance = between(&answer, "<instanceId>")?,
                _ => {}
            }
        }
        Ok(())
    }
}

fn between(answer: &str, tag: &str) -> Result<String, Broken> {
    let rest = answer.split_once(tag).map(|(_, rest)| rest);
    let id = rest.and_then(|rest| Some(rest.split_once('<')?.0.to_owned()));
    id.ok_or_else(|| Broken::SetUp(format!("no {tag} in {answer}")))
}

fn names(truth: &Truth, tenant: &Tenant) -> Result<Names, Broken> {
    let instance = truth.live(tenant.uid()).first().copied();
    let group = truth.groups(tenant.uid()).first().map(|group| group.id.clone());
    let found = instance.zip(group);
    let found = found.map(|(instance, group)| Names::of(tenant, instance, group));
    found.ok_or_else(|| Broken::SetUp(format!("{} has no instance or no group", tenant.key())))
}

/// Declares the environments of these numbers in a world in which nothing was done yet, and makes them.
///
/// # Errors
/// Where one cannot be made.
pub fn fill(world: &mut World, numbers: Range<usize>) -> Result<(), Broken> {
    let first = First::make(&world.settings)?;
    fleet::declare(world, numbers, None)?;
    let tenants = world.cluster.cached_all::<Tenant>();
    for tenant in &tenants {
        first.repeat(world, tenant)?;
    }
    world.wait(SETTLED);
    let truth = Truth::of(world, None)?;
    let by_uid = |tags: &BTreeMap<String, String>| tags.get(yagura::api::names::tags::UID).cloned();
    let instances: BTreeMap<_, _> = truth
        .instances
        .iter()
        .filter_map(|one| Some((by_uid(&one.tags)?, one)))
        .collect();
    let groups: BTreeMap<_, _> = truth
        .security_groups
        .iter()
        .filter_map(|one| Some((by_uid(&one.tags)?, one)))
        .collect();
    for tenant in &tenants {
        let found = instances.get(tenant.uid()).zip(groups.get(tenant.uid()));
        let Some((instance, group)) = found else {
            return Err(Broken::SetUp(format!("{} was not made", tenant.key())));
        };
        let names = Names::of(tenant, instance, group.id.clone());
        let status = first.names.say(&first.status, &names);
        let status: TenantStatus =
            serde_json::from_str(&status).map_err(|error| Broken::SetUp(format!("{status}: {error}")))?;
        let version = tenant.metadata.resource_version.as_deref().unwrap_or_default();
        let applied = block_on(
            world
                .cluster
                .apply_status::<Tenant>(&tenant.key(), version, &status),
        );
        applied.map_err(|error| Broken::SetUp(error.to_string()))?;
    }
    Ok(())
}
