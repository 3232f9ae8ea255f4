//! The steps of isolating and undoing, as calls.

use std::collections::BTreeSet;

use super::IncidentWorld;
use crate::{
    api::{ConditionType, Incident, IncidentStatus, IsolatedInterface, Reason, time},
    cloud::{Direction, ErrorKind, NetworkInterfaceId, Observed, Rule, SecurityGroupId, Site},
    cluster::{Cluster, Happened, Kind},
    engine::{Failure, Pass},
    inventory::Effect,
    plan::{
        firewall::describe,
        incident::isolation::{Held, Place, Purpose, Step, Swap, TenantWorld},
    },
    report::standing::{Because, Conditions, Standing},
};

pub(super) async fn apply<C: Cluster>(
    pass: &mut Pass<'_, C, Incident>,
    world: &IncidentWorld,
    step: &Step,
) -> Result<(), Failure> {
    match step {
        Step::RecordOriginals(entries) => record_originals(pass, world, entries).await,
        Step::CreateQuarantine(place) => create_quarantine(pass, world, place).await,
        Step::EmptyQuarantine {
            site,
            group,
            direction,
            rules,
        } => empty_quarantine(pass, world, site, (group, *direction, rules)).await,
        Step::Swap(swap) => swap_groups(pass, swap).await,
        Step::RecordReturned(interfaces) => record_returned(pass, interfaces).await,
    }
}

async fn record_originals<C: Cluster>(
    pass: &mut Pass<'_, C, Incident>,
    world: &IncidentWorld,
    entries: &[Held],
) -> Result<(), Failure> {
    let mut status = begun(pass);
    let at = time(pass.now);
    for entry in entries {
        let id = entry.interface.as_str();
        match status
            .isolated
            .iter_mut()
            .find(|old| old.network_interface_id == id)
        {
            // Isolated once more: what was recorded first stays.
            Some(old) => {
                old.swapped_at = None;
                old.reconnected_at = None;
            }
            None => status.isolated.push(IsolatedInterface {
                tenant: entry.tenant.clone(),
                instance_id: entry.instance.to_string(),
                network_interface_id: entry.interface.to_string(),
                security_group_ids: entry.originals.iter().map(ToString::to_string).collect(),
                at: at.clone(),
                swapped_at: None,
                reconnected_at: None,
            }),
        }
    }
    pass.write_ahead(status).await?;
    for entry in entries.iter().filter(|entry| was_isolated_by_hand(entry, world)) {
        pass.happened(Happened::warning(
            Reason::IsolatedByHand,
            format!(
                "took over {} of {}: a person had put it into quarantine, so its groups from before are not known",
                entry.interface, entry.instance
            ),
        ));
    }
    Ok(())
}

/// Whether the interface stood in quarantine, and no other Incident knows from where it came.
fn was_isolated_by_hand(entry: &Held, world: &IncidentWorld) -> bool {
    let Some(tenant) = world.isolation.tenants.get(&entry.tenant) else {
        return false;
    };
    let groups = tenant
        .target
        .present()
        .and_then(|target| target.interfaces.get(&entry.interface));
    let quarantine = quarantine_id(tenant, world);
    let stood_there = groups
        .zip(quarantine)
        .is_some_and(|(groups, quarantine)| groups.len() == 1 && groups.contains(quarantine));
    let known = tenant.elsewhere.iter().flat_map(|other| &other.held);
    stood_there
        && !known
            .into_iter()
            .any(|held| held.interface == entry.interface && !held.returned)
}

/// The id of the Tenant's quarantine group, where it is known.
pub(super) fn quarantine_id<'a>(
    tenant: &'a TenantWorld,
    world: &'a IncidentWorld,
) -> Option<&'a SecurityGroupId> {
    let quarantine = world.isolation.quarantines.get(tenant.place.as_ref()?)?;
    quarantine.observed.present().map(|group| &group.id)
}

async fn record_returned<C: Cluster>(
    pass: &mut Pass<'_, C, Incident>,
    interfaces: &[NetworkInterfaceId],
) -> Result<(), Failure> {
    let mut status = begun(pass);
    let at = time(pass.now);
    for entry in &mut status.isolated {
        let is_named = interfaces
            .iter()
            .any(|interface| interface.as_str() == entry.network_interface_id);
        if is_named && entry.reconnected_at.is_none() {
            entry.reconnected_at = Some(at.clone());
        }
    }
    pass.write_ahead(status).await
}

/// The status as it stands, or that of an object at which work has begun.
fn begun<C: Cluster>(pass: &Pass<'_, C, Incident>) -> IncidentStatus {
    let mut status = pass.object.status.clone().unwrap_or_default();
    let conditions = Conditions::over(&status.conditions, pass.object.generation(), pass.now);
    if conditions.find(ConditionType::Ready).is_none() {
        let because = Because::new(Reason::Progressing, "the instances are being isolated");
        status.conditions = conditions.settle(&Standing::Working(because));
        status.observed_generation = Some(pass.object.generation());
    }
    status
}

async fn create_quarantine<C: Cluster>(
    pass: &mut Pass<'_, C, Incident>,
    world: &IncidentWorld,
    place: &Place,
) -> Result<(), Failure> {
    let Some(quarantine) = world.isolation.quarantines.get(place) else {
        return Ok(());
    };
    let wanted = &quarantine.wanted;
    let cloud = pass.cloud(&place.site);
    let inventory = pass.ctx.inventories.of(&place.site);
    match cloud.create_group(wanted).await {
        Ok(group) => inventory.record(Effect::GroupCreated(group)),
        // Its name guards it: somebody, most likely we ourselves, was faster.
        Err(error) if error.kind == ErrorKind::Duplicate => {
            if let Some(group) = cloud.find_group_named(&wanted.vpc_id, &wanted.name).await? {
                inventory.record(Effect::SeenGroup(group));
            }
        }
        Err(error) => return Err(error.into()),
    }
    Ok(())
}

async fn empty_quarantine<C: Cluster>(
    pass: &mut Pass<'_, C, Incident>,
    world: &IncidentWorld,
    site: &Site,
    (group, direction, rules): (&SecurityGroupId, Direction, &BTreeSet<Rule>),
) -> Result<(), Failure> {
    pass.cloud(site).revoke(group, direction, rules).await?;
    let inventory = pass.ctx.inventories.of(site);
    // From the newest picture, not from the one that was planned on: the other direction may be done already.
    if let Observed::Present(seen) = inventory.view().group(group) {
        let left = seen.rules.difference(rules).cloned().collect();
        inventory.record(Effect::RulesChanged {
            group: group.clone(),
            rules: left,
        });
    }
    // A group that was just made has a rule that nobody added.
    if is_in_use(group, world) {
        for rule in rules {
            pass.happened(Happened::warning(
                Reason::RuleRevoked,
                format!(
                    "rule {} was added to the quarantine group {group} and was removed",
                    describe(rule)
                ),
            ));
        }
    }
    Ok(())
}

fn is_in_use(group: &SecurityGroupId, world: &IncidentWorld) -> bool {
    let targets = world
        .isolation
        .tenants
        .values()
        .filter_map(|tenant| tenant.target.present());
    targets
        .flat_map(|target| target.interfaces.values())
        .any(|groups| groups.contains(group))
}

async fn swap_groups<C: Cluster>(pass: &mut Pass<'_, C, Incident>, swap: &Swap) -> Result<(), Failure> {
    let cloud = pass.cloud(&swap.site);
    cloud.set_interface_groups(&swap.interface, &swap.to).await?;
    pass.ctx
        .inventories
        .of(&swap.site)
        .record(Effect::InterfaceGroups {
            instance: swap.instance.clone(),
            interface: swap.interface.clone(),
            groups: swap.to.clone(),
        });
    let (from, to) = (list(&swap.from), list(&swap.to));
    pass.happened(match swap.purpose {
        Purpose::Isolate => Happened::warning(
            Reason::Isolated,
            format!(
                "isolated {}: {} from [{from}] to quarantine {to}",
                swap.instance, swap.interface
            ),
        ),
        Purpose::Reconnect => Happened::normal(
            Reason::Reconnected,
            format!(
                "reconnected {}: {} from [{from}] to [{to}]",
                swap.instance, swap.interface
            ),
        ),
    });
    Ok(())
}

fn list(groups: &BTreeSet<SecurityGroupId>) -> String {
    let groups: Vec<_> = groups.iter().map(SecurityGroupId::as_str).collect();
    groups.join(", ")
}
