//! What must be, and what must never be, by what the simulated AWS truly holds.
//!
//! Two kinds of findings: what is not as declared *yet*, which the operator may still bring about, and what is wrong
//! for good. Neither asks the operator's own view; its statuses are only compared with the truth.

use std::collections::{BTreeMap, BTreeSet};

use yagura::{
    api::{Backup, Containment, Incident, Tenant, TenantClass, names::tags},
    cluster::{Cluster, Kind},
};

use crate::{
    Broken, World,
    sets::{self, Guarantee, Set},
    truth::{Group, Instance, Snapshot, Truth, says},
};

/// What every environment may reach: HTTPS, DNS and the time.
const EGRESS: [&str; 4] = ["tcp 443", "tcp 53", "udp 53", "udp 123"];

/// What a scenario expects beyond the objects themselves.
#[derive(Clone, Debug, Default)]
pub struct Expected {
    /// The account of everything; `None` is the operator's own.
    pub account: Option<&'static str>,
    /// The sources that may reach every environment.
    pub cidrs: Vec<&'static str>,
    /// Whether everything that is isolated must stay so without a gap.
    pub without_gap: bool,
}

/// What was there before the act: it must be there after it.
#[derive(Clone, Debug, Default)]
pub struct Keepsakes {
    instances: BTreeSet<String>,
    others: BTreeSet<String>,
    /// What is kept as long as its day is one of the guaranteed ones.
    sets: Vec<Set>,
}

impl Keepsakes {
    /// What is there now.
    ///
    /// # Errors
    /// Where the truth cannot be read.
    pub fn of(world: &World, expected: &Expected) -> Result<Self, Broken> {
        let truth = Truth::of(world, expected.account)?;
        let live = truth.instances.iter().filter(|instance| instance.is_live());
        let volumes = truth.volumes.iter().map(|one| &one.id);
        let groups = truth.security_groups.iter().map(|one| &one.id);
        // What AWS Backup holds behind an image goes with its recovery point.
        let snapshots = truth.snapshots.iter().filter(|one| !one.is_of_aws_backup());
        let snapshots = snapshots.map(|one| &one.id);
        let sets = sets::all(&truth, &world.cluster);
        let of_sets: BTreeSet<_> = sets.iter().flat_map(|set| &set.ids).collect();
        let others = volumes.chain(groups).chain(snapshots);
        Ok(Self {
            instances: live.map(|one| one.id.clone()).collect(),
            others: others.filter(|id| !of_sets.contains(id)).cloned().collect(),
            sets,
        })
    }

    fn missing(&self, truth: &Truth, world: &World) -> Vec<String> {
        let live: BTreeSet<_> = truth.instances.iter().filter(|one| one.is_live()).collect_ids();
        let volumes = truth.volumes.iter().map(|one| one.id.as_str());
        let groups = truth.security_groups.iter().map(|one| one.id.as_str());
        let snapshots = truth.snapshots.iter().map(|one| one.id.as_str());
        let others: BTreeSet<_> = volumes.chain(groups).chain(snapshots).collect();
        let instances = self.instances.iter().filter(|id| !live.contains(id.as_str()));
        let gone = instances.chain(self.others.iter().filter(|id| !others.contains(id.as_str())));
        let gone = gone.map(|id| format!("{id} was destroyed"));
        gone.chain(self.lost_days(truth, world)).collect()
    }

    /// The sets that are gone, or not whole any more, and have fewer newer good days than are guaranteed.
    fn lost_days(&self, truth: &Truth, world: &World) -> Vec<String> {
        let now = sets::all(truth, &world.cluster);
        let wanted = Guarantee::of(&world.cluster).good_days;
        let is_there = |before: &Set| now.iter().any(|set| set.ids == before.ids && set.is_whole);
        let before = self.sets.iter().filter(|set| set.is_whole && !is_there(set));
        before
            .filter(|set| sets::newer_days(&now, set) < wanted)
            .map(|set| format!("the set of {} was destroyed: {:?}", set.day, set.ids))
            .collect()
    }
}

trait CollectIds<'a> {
    fn collect_ids(self) -> BTreeSet<&'a str>;
}

impl<'a, I: Iterator<Item = &'a Instance>> CollectIds<'a> for I {
    fn collect_ids(self) -> BTreeSet<&'a str> {
        self.map(|instance| instance.id.as_str()).collect()
    }
}

/// What is declared, read from the cluster past every cache.
struct Declared {
    classes: Vec<std::sync::Arc<TenantClass>>,
    tenants: Vec<std::sync::Arc<Tenant>>,
    backups: Vec<std::sync::Arc<Backup>>,
    incidents: Vec<std::sync::Arc<Incident>>,
}

impl Declared {
    fn of(world: &World) -> Self {
        Self {
            classes: world.cluster.cached_all(),
            tenants: world.cluster.cached_all(),
            backups: world.cluster.cached_all(),
            incidents: world.cluster.cached_all(),
        }
    }

    fn is_isolated(&self, tenant: &Tenant) -> bool {
        let names = |incident: &&std::sync::Arc<Incident>| {
            incident.spec.containment == Containment::Isolate
                && incident.spec.tenant_refs.contains(&tenant.key().name)
        };
        self.incidents.iter().any(|incident| names(&incident))
    }

    /// The quarantine groups, which nobody may ever take for original ones.
    fn quarantines<'a>(&self, truth: &'a Truth) -> BTreeSet<&'a str> {
        let names: BTreeSet<_> = self
            .classes
            .iter()
            .map(|class| format!("yagura-quarantine-{}", class.uid()))
            .collect();
        let groups = truth.security_groups.iter();
        groups
            .filter(|group| names.contains(&group.name))
            .map(|group| group.id.as_str())
            .collect()
    }
}

/// What is not as declared yet.
///
/// # Errors
/// Where the truth cannot be read.
pub fn not_yet(world: &World, expected: &Expected) -> Result<Vec<String>, Broken> {
    let truth = Truth::of(world, expected.account)?;
    let declared = Declared::of(world);
    let mut found = Vec::new();
    for tenant in &declared.tenants {
        environment(tenant, &declared, &truth, expected, &mut found);
    }
    for group in declared.quarantines(&truth) {
        let rules = truth.group(group).map(Group::rules).unwrap_or_default();
        if !rules.is_empty() {
            found.push(format!("the quarantine {group} has the rules {rules:?}"));
        }
    }
    orphans(&declared, &truth, &mut found);
    opened(&truth, &mut found);
    Ok(found)
}

/// One environment: its instance, firewall and hardening.
fn environment(
    tenant: &Tenant,
    declared: &Declared,
    truth: &Truth,
    expected: &Expected,
    found: &mut Vec<String>,
) {
    let key = tenant.key();
    let status = tenant.status.clone().unwrap_or_default();
    let (Some(instance), Some(group)) = (
        truth.live(tenant.uid()).first().copied(),
        truth.groups(tenant.uid()).first().copied(),
    ) else {
        return found.push(format!("{key} has no instance or no group"));
    };
    if status.instance_id.as_ref() != Some(&instance.id) {
        found.push(format!("{key} does not name {}", instance.id));
    }
    if status.security_group_id.as_ref() != Some(&group.id) {
        found.push(format!("{key} does not name {}", group.id));
    }
    let rules = firewall(&expected.cidrs);
    if group.rules() != rules {
        found.push(format!("{key}: the firewall is {:?}", group.rules()));
    }
    let quarantines = declared.quarantines(truth);
    let wanted = if declared.is_isolated(tenant) {
        quarantines.iter().map(|id| (*id).to_owned()).collect()
    } else {
        BTreeSet::from([group.id.clone()])
    };
    let groups = truth.interface(instance).map(|one| one.group_ids.clone());
    if groups.as_ref() != Some(&wanted) {
        found.push(format!("{key} stands in {groups:?}"));
    }
    hardening(tenant, instance, truth, found);
}

fn hardening(tenant: &Tenant, instance: &Instance, truth: &Truth, found: &mut Vec<String>) {
    let key = tenant.key();
    let options = &instance.metadata_options;
    let is_strict = options.get("httpTokens").is_some_and(|it| it == "required")
        && options.get("httpPutResponseHopLimit").is_some_and(|it| it == 1);
    if !is_strict {
        found.push(format!("{key}: metadata options {options}"));
    }
    if !instance.disable_api_termination {
        found.push(format!("{key} can be terminated"));
    }
    let mut tagged = vec![(&instance.id, &instance.tags)];
    for volume in truth.volumes_of(instance) {
        tagged.push((&volume.id, &volume.tags));
        let is_doomed = volume
            .attachment
            .as_ref()
            .is_none_or(|at| at.delete_on_termination);
        if is_doomed || !volume.encrypted {
            found.push(format!("{key}: {} is doomed or not encrypted", volume.id));
        }
    }
    tagged.extend(truth.groups(tenant.uid()).iter().map(|one| (&one.id, &one.tags)));
    for (id, found_tags) in tagged {
        let wanted = [
            (tags::CLUSTER, crate::CLUSTER_ID.to_owned()),
            (tags::TENANT, key.to_string()),
            (tags::UID, tenant.uid().to_owned()),
            (tags::LABEL, tenant.spec.label.to_string()),
            (tags::CUSTOMER, tenant.spec.customer.clone()),
        ];
        for (name, value) in wanted {
            if !says(found_tags, name, &value) {
                found.push(format!("{id}: {name} is not {value}"));
            }
        }
    }
}

/// The rules of an environment that these sources may reach.
pub(crate) fn firewall(cidrs: &[&str]) -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    for way in EGRESS {
        for anywhere in ["0.0.0.0/0", "::/0"] {
            rules.insert(format!("egress {way} {anywhere}"));
        }
    }
    rules.extend(cidrs.iter().map(|cidr| format!("ingress tcp 443 {cidr}")));
    rules
}

/// What carries our tags, and no object claims it.
fn orphans(declared: &Declared, truth: &Truth, found: &mut Vec<String>) {
    let mut claimed: BTreeSet<String> = declared
        .quarantines(truth)
        .iter()
        .map(|id| (*id).to_owned())
        .collect();
    for tenant in &declared.tenants {
        let Some(status) = &tenant.status else { continue };
        claimed.extend(status.instance_id.clone());
        claimed.extend(status.security_group_id.clone());
        claimed.extend(status.volume_ids.iter().cloned());
    }
    for backup in &declared.backups {
        let methods = backup.status.iter().flat_map(|status| &status.methods);
        for method in methods {
            claimed.extend(method.snapshot_ids.iter().cloned());
            // Its last part is the image.
            let arn = method.recovery_point_arn.as_deref();
            claimed.extend(arn.and_then(|arn| arn.rsplit('/').next()).map(str::to_owned));
        }
    }
    for (id, found_tags) in truth.ours() {
        if !claimed.contains(id) && !found_tags.contains_key(tags::RELEASED) {
            found.push(format!("{id} is an orphan: {found_tags:?}"));
        }
    }
}

/// What is ours, and others may use.
fn opened(truth: &Truth, found: &mut Vec<String>) {
    let snapshots = truth.snapshots.iter();
    let snapshots = snapshots.map(|one| (&one.id, one.is_public, &one.shared_with, &one.tags));
    let images = truth.images.iter();
    let images = images.map(|one| (&one.id, one.is_public, &one.shared_with, &one.tags));
    for (id, is_public, shared_with, found_tags) in snapshots.chain(images) {
        let is_ours = says(found_tags, tags::CLUSTER, crate::CLUSTER_ID);
        if is_ours && (is_public || !shared_with.is_empty()) {
            found.push(format!("{id} is open to {shared_with:?}, public: {is_public}"));
        }
    }
}

/// What is wrong for good.
///
/// # Errors
/// Where the truth cannot be read.
pub fn never(world: &World, expected: &Expected, before: &Keepsakes) -> Result<Vec<String>, Broken> {
    let truth = Truth::of(world, expected.account)?;
    let declared = Declared::of(world);
    let mut found = before.missing(&truth, world);
    duplicates(&truth, &mut found);
    sets(&declared, &truth, &mut found);
    found.extend(isolation(&declared, &truth));
    Ok(found)
}

/// More than one instance or group of one owner, by tags, tokens and names, so that no lost tag hides one.
fn duplicates(truth: &Truth, found: &mut Vec<String>) {
    let mut by_owner = BTreeMap::<String, BTreeSet<&str>>::new();
    for instance in truth.instances.iter().filter(|one| one.is_live()) {
        let owner = instance.tags.get(tags::UID).or(instance.client_token.as_ref());
        if let Some(owner) = owner {
            by_owner
                .entry(format!("instance of {owner}"))
                .or_default()
                .insert(&instance.id);
        }
    }
    for group in &truth.security_groups {
        if let Some(owner) = group.tags.get(tags::UID) {
            by_owner
                .entry(format!("group of {owner}"))
                .or_default()
                .insert(&group.id);
        } else if group.name.starts_with("yagura") {
            found.push(format!("the group {} ({}) has no owner", group.id, group.name));
        }
    }
    let many = by_owner.iter().filter(|(_, ids)| ids.len() > 1);
    found.extend(many.map(|(what, ids)| format!("more than one {what}: {ids:?}")));
}

/// Each Backup has one set: one snapshot of each volume.
fn sets(declared: &Declared, truth: &Truth, found: &mut Vec<String>) {
    let mut by_backup = BTreeMap::<&str, Vec<&Snapshot>>::new();
    let ours = truth.snapshots.iter();
    for snapshot in ours.filter(|one| !one.is_of_aws_backup() && one.state != "error") {
        by_backup.entry(&snapshot.description).or_default().push(snapshot);
    }
    for (uid, snapshots) in by_backup {
        let volumes: BTreeSet<_> = snapshots.iter().map(|one| one.volume_id.as_str()).collect();
        if volumes.len() != snapshots.len() {
            found.push(format!("the Backup {uid} has more than one set"));
        }
    }
    let mut by_run = BTreeMap::<_, usize>::new();
    for job in truth.backup_jobs.iter().filter(|job| !job.has_failed()) {
        if let Some(backup) = job.tags.get(tags::BACKUP) {
            *by_run.entry(backup).or_default() += 1;
        }
    }
    let many = by_run.iter().filter(|(_, count)| **count > 1);
    found.extend(many.map(|(backup, count)| format!("{count} jobs of the Backup {backup}")));
    let mut by_slot = BTreeMap::<_, usize>::new();
    for backup in &declared.backups {
        if let Some(slot) = &backup.spec.scheduled_time {
            *by_slot.entry((&backup.spec.tenant_ref, slot.0)).or_default() += 1;
        }
    }
    let many = by_slot.iter().filter(|(_, count)| **count > 1);
    found.extend(many.map(|((tenant, slot), count)| format!("{count} Backups of {tenant} for {slot}")));
}

/// At every moment: what stands in quarantine has its original groups on record, and no record names a quarantine.
fn isolation(declared: &Declared, truth: &Truth) -> Vec<String> {
    let quarantines = declared.quarantines(truth);
    let records: Vec<_> = declared
        .incidents
        .iter()
        .filter_map(|incident| incident.status.as_ref())
        .flat_map(|status| &status.isolated)
        .collect();
    let mut found = Vec::new();
    for record in &records {
        let names_quarantine = record
            .security_group_ids
            .iter()
            .any(|id| quarantines.contains(id.as_str()));
        if names_quarantine || record.security_group_ids.is_empty() {
            let (id, groups) = (&record.network_interface_id, &record.security_group_ids);
            found.push(format!("{id} has the originals {groups:?} on record"));
        }
    }
    for interface in &truth.network_interfaces {
        let is_isolated = interface
            .group_ids
            .iter()
            .any(|id| quarantines.contains(id.as_str()));
        let is_recorded = records
            .iter()
            .any(|record| record.network_interface_id == interface.id);
        if is_isolated && !is_recorded {
            found.push(format!(
                "{} is isolated, and its groups are on no record",
                interface.id
            ));
        }
    }
    found
}

/// Looks again and again during a run, for what must hold at every moment.
#[derive(Clone, Debug, Default)]
pub struct Witness {
    /// The originals on record, by Incident and interface.
    originals: BTreeMap<(String, String), Vec<String>>,
    /// What was seen that must never be.
    pub found: BTreeSet<String>,
}

impl Witness {
    /// One look.
    ///
    /// # Errors
    /// Where the truth cannot be read.
    pub fn look(&mut self, world: &World, expected: &Expected) -> Result<(), Broken> {
        let declared = Declared::of(world);
        if declared.incidents.is_empty() {
            return Ok(());
        }
        let truth = Truth::of(world, expected.account)?;
        self.found.extend(isolation(&declared, &truth));
        if expected.without_gap {
            let isolated = declared
                .tenants
                .iter()
                .filter(|tenant| declared.is_isolated(tenant));
            for instance in isolated.flat_map(|tenant| truth.live(tenant.uid())) {
                let groups = truth.interface(instance).map(|one| &one.group_ids);
                if groups.is_none_or(|groups| {
                    !groups
                        .iter()
                        .all(|id| declared.quarantines(&truth).contains(id.as_str()))
                }) {
                    self.found
                        .insert(format!("{} was connected to {groups:?} meanwhile", instance.id));
                }
            }
        }
        let mut now = BTreeMap::new();
        for incident in &declared.incidents {
            for record in incident.status.iter().flat_map(|status| &status.isolated) {
                let key = (incident.key().name, record.network_interface_id.clone());
                now.insert(key, record.security_group_ids.clone());
            }
        }
        for (key, originals) in &self.originals {
            if now.get(key) != Some(originals) {
                self.found
                    .insert(format!("{key:?}: the originals {originals:?} were lost"));
            }
        }
        self.originals.extend(now);
        Ok(())
    }
}

#[cfg(test)]
mod tests;
