//! Doing: one call per step, and its effect told to the inventory.

use std::{collections::BTreeSet, sync::Arc};

use super::{TenantReconciler, World, change};
use crate::{
    api::{Incident, Launch as LaunchStatus, Reason, Tenant, time},
    cloud::{Cloud, ErrorKind, Launch, NewGroup, Observed, SecurityGroupId, Tags, VolumeId},
    cluster::{Cluster, Kind},
    engine::{Context, Failure, Pass},
    inventory::{Effect, Inventory},
    plan::{
        firewall::{RuleChange, RuleStep},
        incident::hold,
        tenant::{LaunchRecord, TenantAction, TenantStep},
    },
};

/// Takes one step.
pub(super) async fn apply<C: Cluster>(
    reconciler: &TenantReconciler,
    pass: &mut Pass<'_, C, Tenant>,
    world: &World,
    step: &TenantStep,
) -> Result<(), Failure> {
    let Some(site) = &world.site else {
        return Ok(());
    };
    let ctx = pass.ctx;
    let cloud = pass.cloud(site);
    let inventory = ctx.inventories.of(site);
    let (cloud, inventory) = (&*cloud, &*inventory);
    match &step.action {
        TenantAction::CreateGroup(group) => create_group(cloud, inventory, group).await,
        TenantAction::ChangeRules { group, change } => change_rules(cloud, inventory, group, change).await,
        TenantAction::RecordLaunch(record) => record_launch(pass, record).await,
        TenantAction::Launch(launch) => {
            let uid = pass.object.uid().to_owned();
            launch_instance(reconciler, ctx, inventory, &uid, (cloud, launch)).await
        }
        TenantAction::Bind(_) => {
            // The status is where it is bound, and the report writes it.
            reconciler.memory.launch_over(pass.object.uid());
            Ok(())
        }
        TenantAction::SetTags { ids, tags } => {
            cloud.set_tags(ids, tags).await?;
            tagged(reconciler, ctx, inventory, ids, tags);
            Ok(())
        }
        TenantAction::Protect(id) => {
            cloud.protect(id).await?;
            inventory.record(Effect::Protected(id.clone()));
            Ok(())
        }
        TenantAction::SetMetadataOptions(id, options) => {
            cloud.set_metadata_options(id, *options).await?;
            inventory.record(Effect::MetadataOptions {
                instance: id.clone(),
                options: *options,
            });
            Ok(())
        }
        TenantAction::KeepVolumes(id, volumes) => {
            cloud.keep_volumes(id, volumes).await?;
            inventory.record(Effect::VolumesKept {
                instance: id.clone(),
                volumes: volumes.iter().map(|volume| volume.id.clone()).collect(),
            });
            Ok(())
        }
        TenantAction::SetInterfaceGroups(id, groups) => {
            yield_to_incidents(pass)?;
            cloud.set_interface_groups(id, groups).await?;
            let instance = world.aws.as_ref().and_then(|aws| aws.bound.clone());
            inventory.record(Effect::InterfaceGroups {
                instance: instance.unwrap_or_else(|| "".into()),
                interface: id.clone(),
                groups: groups.clone(),
            });
            Ok(())
        }
        action => change::apply(pass, site, action).await,
    }
}

/// An Incident may have come since the pass began to look; to connect what it isolates would undo it.
pub(super) fn yield_to_incidents<C: Cluster>(pass: &Pass<'_, C, Tenant>) -> Result<(), Failure> {
    let key = pass.object.key();
    let incidents = pass.ctx.cluster.cached_in::<Incident>(&key.namespace);
    if hold::is_isolated(incidents.iter().map(Arc::as_ref), &key) {
        return Err(Failure::Blocked {
            reason: Reason::Isolated,
            message: "an Incident keeps the environment isolated".to_owned(),
        });
    }
    Ok(())
}

/// Makes a group; one of that name that is there already is looked at by the next pass, which says whose it is.
pub(in crate::controllers) async fn create_group(
    cloud: &dyn Cloud,
    inventory: &Inventory,
    group: &NewGroup,
) -> Result<(), Failure> {
    match cloud.create_group(group).await {
        Ok(made) => {
            inventory.record(Effect::GroupCreated(made));
            Ok(())
        }
        Err(error) if error.kind == ErrorKind::Duplicate => {
            // Not shown yet: to call that done would ask for it again at once, and again.
            let Some(found) = cloud.find_group_named(&group.vpc_id, &group.name).await? else {
                return Err(error.into());
            };
            inventory.record(Effect::SeenGroup(found));
            Ok(())
        }
        Err(error) => Err(error.into()),
    }
}

/// Adds or removes rules. Where they turn out to be there or gone already, the picture was old: it is looked at
/// again, and the next pass plans from what it shows.
pub(in crate::controllers) async fn change_rules(
    cloud: &dyn Cloud,
    inventory: &Inventory,
    group: &SecurityGroupId,
    change: &RuleStep,
) -> Result<(), Failure> {
    let result = match change.change {
        RuleChange::Authorize => cloud.authorize(group, change.direction, &change.rules).await,
        RuleChange::Revoke => cloud.revoke(group, change.direction, &change.rules).await,
    };
    match result {
        Ok(()) => {
            let view = inventory.view();
            if let Observed::Present(known) = view.group(group) {
                let rules: BTreeSet<_> = match change.change {
                    RuleChange::Authorize => known.rules.union(&change.rules).cloned().collect(),
                    RuleChange::Revoke => known.rules.difference(&change.rules).cloned().collect(),
                };
                inventory.record(Effect::RulesChanged {
                    group: group.clone(),
                    rules,
                });
            }
            Ok(())
        }
        Err(error) => {
            if matches!(error.kind, ErrorKind::Duplicate | ErrorKind::NotFound)
                && let Some(found) = cloud.find_group(group).await?
            {
                inventory.record(Effect::SeenGroup(found));
            }
            Err(error.into())
        }
    }
}

async fn record_launch<C: Cluster>(
    pass: &mut Pass<'_, C, Tenant>,
    record: &LaunchRecord,
) -> Result<(), Failure> {
    let mut status = pass.object.status.clone().unwrap_or_default();
    status.launch = Some(LaunchStatus {
        incarnation: record.incarnation,
        token: record.token.clone(),
        subnet_id: record.subnet_id.to_string(),
        image_id: record.image_id.to_string(),
        parameters_hash: record.parameters_hash.clone(),
        at: time(record.at),
    });
    super::report::in_progress(&mut status, &pass.object, pass.now);
    pass.write_ahead(status).await
}

async fn launch_instance<C: Cluster>(
    reconciler: &TenantReconciler,
    ctx: &Context<C>,
    inventory: &Inventory,
    uid: &str,
    (cloud, launch): (&dyn Cloud, &Launch),
) -> Result<(), Failure> {
    let memory = &reconciler.memory;
    memory.launch_called(uid, &launch.token, ctx.now(), false);
    let result = cloud.launch(launch).await;
    let is_refused = matches!(&result, Err(error) if error.kind == ErrorKind::TokenReused);
    // Once more, now that it has ended: AWS may have begun it at any time until then.
    memory.launch_called(uid, &launch.token, ctx.now(), is_refused);
    inventory.record(Effect::Launched(result?));
    Ok(())
}

fn tagged<C: Cluster>(
    reconciler: &TenantReconciler,
    ctx: &Context<C>,
    inventory: &Inventory,
    ids: &[String],
    tags: &Tags,
) {
    for id in ids {
        if id.starts_with("vol-") {
            let id = VolumeId::from(id.as_str());
            reconciler.memory.volume_tagged(id, tags.clone(), ctx.now());
        }
        inventory.record(Effect::Tagged {
            id: id.clone(),
            tags: tags.clone(),
        });
    }
}
