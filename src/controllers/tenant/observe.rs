//! Looking: at the objects around a Tenant, and at AWS by way of the inventory.
//!
//! The inventory answers nearly everything. Only what it does not show is looked for by id, name or token: a thing
//! that was just made, or that lost our tag.

use std::{collections::BTreeSet, sync::Arc};

use futures::future::try_join_all;
use jiff::Timestamp;

use super::{
    References, TenantReconciler, World, change,
    foreign::volumes_of_others,
    resolve::{identity_of, mistakes, subnet_of},
};
use crate::{
    api::{AccessPolicy, AllowedNamespaces, Incident, Key, Launch, Reason, Tenant, TenantClass, names},
    clock::later,
    cloud::{
        Cloud, Instance, InstanceId, Observed, SecurityGroup, SecurityGroupId, Site, Subnet, SubnetId,
        Volume, VpcId,
    },
    cluster::{Cluster, Index, Kind, NamespaceFacts},
    controllers::selector,
    engine::{Context, Failure, Reconciler},
    inventory::{Effect, Inventory, View},
    plan::{
        class::quarantine_name,
        firewall::desired_rules,
        incident::hold,
        tenant::{
            CONSISTENCY_LAG, ChangeFacts, Claim, Isolation, LaunchRecord, TenantIdentity, TenantWorld, holder,
        },
    },
    report::conditions::find_condition,
};

/// Looks at everything a pass needs.
pub(super) async fn observe<C: Cluster>(
    reconciler: &TenantReconciler,
    ctx: &Context<C>,
    tenant: &Tenant,
) -> Result<World, Failure> {
    let lane = Reconciler::<C>::lane(reconciler, tenant);
    let references = references(ctx, tenant).await?;
    let Some(class) = references.class.clone() else {
        return Ok(World {
            references,
            site: None,
            subnet: None,
            networks: None,
            aws: None,
            failing_checks: Observed::Unknown,
        });
    };
    let site = class.site();
    let inventory = ctx.inventories.of(&site);
    if !inventory.has_swept() {
        // A look for each of thousands of Tenants, where the first sweep will show them all in a moment.
        return Ok(World {
            references,
            site: Some(site),
            subnet: None,
            networks: None,
            aws: None,
            failing_checks: Observed::Unknown,
        });
    }
    let identity = identity_of(&ctx.identity, tenant);
    let looking = Looking {
        reconciler,
        cloud: ctx.inventories.cloud(&site, lane),
        view: inventory.view(),
        inventory,
        site,
        now: ctx.now(),
        identity,
        tenant,
        class: &class,
    };
    let mut world = looking.look(references).await?;
    if let Some(aws) = &mut world.aws {
        let volumes = aws.volumes.present().map(Vec::as_slice).unwrap_or_default();
        aws.foreign_volumes = volumes_of_others(ctx, tenant, volumes);
    }
    change::look(ctx, &reconciler.memory, (tenant, &class), &mut world);
    Ok(world)
}

/// The objects around a Tenant.
async fn references<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> Result<References, Failure> {
    let key = tenant.key();
    let class = ctx
        .cluster
        .cached::<TenantClass>(&Key::new("", &tenant.spec.class_name));
    let is_allowed = match &class {
        Some(class) => allows(ctx, class, &key.namespace).await?,
        None => false,
    };
    let incidents = ctx.cluster.cached_in::<Incident>(&key.namespace);
    Ok(References {
        is_allowed,
        terms: class.as_ref().and_then(|class| ctx.terms.find(&class.spec.terms)),
        class,
        policies: ctx.cluster.cached_in::<AccessPolicy>(&key.namespace),
        is_isolated: hold::is_isolated(incidents.iter().map(Arc::as_ref), &key),
        claims: claims(ctx, tenant),
    })
}

async fn allows<C: Cluster>(ctx: &Context<C>, class: &TenantClass, namespace: &str) -> Result<bool, Failure> {
    let Some(AllowedNamespaces { names, selector }) = &class.spec.allowed_namespaces else {
        return Ok(false);
    };
    if names.iter().any(|name| name == namespace) {
        return Ok(true);
    }
    let Some(selector) = selector else {
        return Ok(false);
    };
    let facts: Option<NamespaceFacts> = ctx.cluster.namespace(namespace).await?;
    Ok(facts.is_some_and(|facts| selector::matches(selector, &facts.labels)))
}

/// Every Tenant that asks for the label of this one.
fn claims<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> Vec<Claim> {
    let label = tenant.spec.label.as_str().to_ascii_lowercase();
    let rivals = ctx.cluster.cached_by::<Tenant>(Index::Label, &label);
    let is_contested = rivals.iter().any(|rival| rival.key() != tenant.key());
    let claim = |rival: &Tenant| Claim {
        tenant: rival.key(),
        created_at: rival
            .metadata
            .creation_timestamp
            .as_ref()
            .map(|time| time.0)
            .unwrap_or_default(),
        is_in_aws: is_contested && is_in_aws(ctx, rival),
    };
    let mut claims: Vec<_> = rivals
        .iter()
        .filter(|rival| rival.key() != tenant.key())
        .map(|rival| claim(rival))
        .collect();
    claims.push(claim(tenant));
    claims
}

/// Whether a live instance of this Tenant carries its label.
fn is_in_aws<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> bool {
    let class = ctx
        .cluster
        .cached::<TenantClass>(&Key::new("", &tenant.spec.class_name));
    let Some(class) = class else { return false };
    let view = ctx.inventories.of(&class.site()).view();
    let identity = identity_of(&ctx.identity, tenant);
    view.instances_of(&identity.uid)
        .present()
        .into_iter()
        .flatten()
        .any(|instance| instance.state.is_live() && identity.incarnation_of(instance).is_some())
}

/// One look at AWS for one Tenant.
struct Looking<'a> {
    reconciler: &'a TenantReconciler,
    cloud: Arc<dyn Cloud>,
    inventory: Arc<Inventory>,
    view: Arc<View>,
    site: Site,
    now: Timestamp,
    identity: TenantIdentity,
    tenant: &'a Tenant,
    class: &'a TenantClass,
}

impl Looking<'_> {
    async fn look(self, references: References) -> Result<World, Failure> {
        let bound = self.bound();
        let (subnet, known) = match &bound {
            // Its launch is over. Only the ranges of its VPC are asked for, and what keeps it is done without them.
            Some(bound) => (None, self.known_subnet(bound).await),
            None => {
                let subnet = self.subnet().await?;
                let known = subnet.as_ref().and_then(|(_, subnet)| subnet.clone());
                (subnet, known)
            }
        };
        let aws = if self.is_held_by_another(&references) {
            // Nothing will be done for it, so nothing is looked for.
            None
        } else {
            let vpc = known.as_ref().map(|subnet| subnet.vpc_id.clone());
            Some(self.look_at_aws(&references, vpc).await?)
        };
        let failing_checks = bound.as_ref().map_or(Observed::Unknown, |bound| {
            self.view.failing_checks(bound).map(BTreeSet::clone)
        });
        let instance = aws.as_ref().and_then(|aws| aws.instance.present());
        let vpc = instance.and_then(|instance| instance.vpc_id.clone());
        let networks = known
            .filter(|subnet| vpc.is_none_or(|vpc| vpc == subnet.vpc_id))
            .map(|subnet| subnet.vpc_cidrs);
        Ok(World {
            references,
            site: Some(self.site),
            subnet,
            networks,
            aws,
            failing_checks,
        })
    }

    fn is_held_by_another(&self, references: &References) -> bool {
        let holder = holder(&references.claims);
        let is_another = holder.is_some_and(|holder| holder.tenant != self.identity.tenant);
        is_another && self.tenant.metadata.deletion_timestamp.is_none()
    }

    async fn subnet(&self) -> Result<Option<(SubnetId, Option<Subnet>)>, Failure> {
        let recorded = self.recorded().map(|launch| launch.subnet_id.as_str().into());
        let Some(id) = recorded.or_else(|| subnet_of(self.tenant, self.class)) else {
            return Ok(None);
        };
        let subnets = &self.reconciler.subnets;
        let found = subnets.find(&*self.cloud, &self.site, &id, self.now).await?;
        Ok(Some((id, found)))
    }

    fn bound(&self) -> Option<InstanceId> {
        let status = self.tenant.status.as_ref()?;
        status.instance_id.as_deref().map(InstanceId::from)
    }

    /// The subnet of the bound instance, as far as it is known.
    async fn known_subnet(&self, bound: &InstanceId) -> Option<Subnet> {
        let instance = self.view.instance(bound);
        let of_instance = instance.present().and_then(|instance| instance.subnet_id.clone());
        let recorded = || self.recorded().map(|launch| launch.subnet_id.as_str().into());
        let id = of_instance
            .or_else(recorded)
            .or_else(|| subnet_of(self.tenant, self.class))?;
        let subnets = &self.reconciler.subnets;
        subnets.known(&*self.cloud, &self.site, &id, self.now).await
    }

    fn recorded(&self) -> Option<&Launch> {
        self.tenant
            .status
            .as_ref()
            .and_then(|status| status.launch.as_ref())
    }

    async fn look_at_aws(&self, references: &References, vpc: Option<VpcId>) -> Result<TenantWorld, Failure> {
        let status = self.tenant.status.clone().unwrap_or_default();
        let bound = self.bound();
        let instance = self.instance(bound.as_ref()).await?;
        let launch = self.recorded().map(record_of);
        let launched = match (&bound, &launch) {
            (None, Some(record)) => self.launched(&record.token).await?,
            (Some(_), _) | (None, None) => Observed::Absent,
        };
        let may_launch = bound.is_none()
            && launch.is_none()
            && self.tenant.metadata.deletion_timestamp.is_none()
            && mistakes(self.tenant, references).is_empty();
        let labelled = if may_launch {
            self.labelled().await?
        } else {
            Observed::Absent
        };
        let is_worth_a_look =
            may_launch || bound.is_some() || launch.is_some() || status.security_group_id.is_some();
        let vpc = instance
            .present()
            .and_then(|instance| instance.vpc_id.clone())
            .or(vpc);
        let group = match (vpc, &status.security_group_id) {
            (Some(vpc), _) if is_worth_a_look => self.group(&vpc).await?,
            (None, Some(id)) => self.group_of_id(&id.as_str().into()).await?,
            (Some(_) | None, _) => Observed::Absent,
        };
        let (last_call_at, token_refused) = match &launch {
            Some(record) => self
                .reconciler
                .memory
                .last_call(&self.identity.uid, &record.token),
            None => (self.now, false),
        };
        Ok(TenantWorld {
            protected: bound
                .as_ref()
                .map_or(Observed::Unknown, |id| self.view.protected(id)),
            volumes: if self.tenant.is_terminating() {
                self.volumes_to_release(&instance)
            } else {
                self.volumes(&instance)
            },
            foreign_volumes: BTreeSet::new(),
            previous_rules: previous_rules(self.tenant),
            previous_base_groups: status
                .base_group_ids
                .map(|ids| ids.iter().map(|id| id.as_str().into()).collect()),
            isolation: self.isolation(references, &instance, &group).await?,
            last_call_at: launch.as_ref().map(|_| last_call_at),
            kin: self.kin(),
            // Added by whoever reads the objects around it.
            change: ChangeFacts::default(),
            bound,
            instance,
            group,
            launch,
            token_refused,
            launched,
            labelled,
        })
    }

    async fn instance(&self, bound: Option<&InstanceId>) -> Result<Observed<Instance>, Failure> {
        let Some(id) = bound else {
            return Ok(Observed::Absent);
        };
        if let Observed::Present(instance) = self.view.instance(id) {
            return Ok(Observed::Present(instance.clone()));
        }
        Ok(match self.cloud.find_instance(id).await? {
            Some(instance) => {
                self.inventory.record(Effect::Seen(instance.clone()));
                Observed::Present(instance)
            }
            None => Observed::Absent,
        })
    }

    async fn launched(&self, token: &str) -> Result<Observed<Instance>, Failure> {
        let mut found = self.cloud.find_launched(token).await?;
        for instance in &found {
            self.inventory.record(Effect::Seen(instance.clone()));
        }
        found.sort_by_key(|instance| (!instance.state.is_live(), instance.id.clone()));
        Ok(found
            .into_iter()
            .next()
            .map_or(Observed::Absent, Observed::Present))
    }

    async fn labelled(&self) -> Result<Observed<Vec<Instance>>, Failure> {
        let found = self.cloud.find_labelled(&self.identity.label).await?;
        Ok(if found.is_empty() {
            Observed::Absent
        } else {
            Observed::Present(found)
        })
    }

    fn kin(&self) -> Observed<Vec<Instance>> {
        let is_kin = |instance: &&&Instance| {
            let role = instance.tags.get(names::tags::ROLE);
            instance.state.is_live() && role.is_some_and(|role| role == names::roles::LIVE)
        };
        self.view.instances_of(&self.identity.uid).map(|found| {
            found
                .iter()
                .filter(is_kin)
                .map(|&instance| instance.clone())
                .collect()
        })
    }

    async fn group(&self, vpc: &VpcId) -> Result<Observed<SecurityGroup>, Failure> {
        let name = self.identity.group_name();
        if let Observed::Present(group) = self.view.group_named(vpc, &name) {
            return Ok(Observed::Present(group.clone()));
        }
        Ok(match self.cloud.find_group_named(vpc, &name).await? {
            Some(group) => {
                self.inventory.record(Effect::SeenGroup(group.clone()));
                Observed::Present(group)
            }
            None => Observed::Absent,
        })
    }

    /// The group that was the Tenant's, where no VPC is known in which to look for its name.
    async fn group_of_id(&self, id: &SecurityGroupId) -> Result<Observed<SecurityGroup>, Failure> {
        if let Observed::Present(group) = self.view.group(id) {
            return Ok(Observed::Present(group.clone()));
        }
        let found = self.cloud.find_group(id).await?;
        Ok(found.map_or(Observed::Absent, Observed::Present))
    }

    /// The volumes that the listing shows, with what we tagged since; unknown while it may be too early to show all.
    fn volumes(&self, instance: &Observed<Instance>) -> Observed<Vec<Volume>> {
        let Observed::Present(instance) = instance else {
            return Observed::Unknown;
        };
        let mut volumes: Vec<Volume> = match self.view.volumes_of(&instance.id) {
            Observed::Unknown => return Observed::Unknown,
            Observed::Absent => Vec::new(),
            Observed::Present(volumes) => volumes.into_iter().cloned().collect(),
        };
        let listed_at = self.view.volumes_listed_at();
        let launched_at = self.recorded().map(|launch| launch.at.0).unwrap_or_default();
        let is_early = listed_at.is_none_or(|at| at < later(launched_at, CONSISTENCY_LAG));
        let memory = &self.reconciler.memory;
        let shown = if is_early {
            let ids = volumes.iter().map(|volume| volume.id.clone());
            memory.listed_early(&self.identity.uid, ids)
        } else {
            memory.listed_in_time(&self.identity.uid);
            BTreeSet::new()
        };
        for attached in &instance.volumes {
            if volumes.iter().any(|volume| volume.id == attached.id) {
                continue;
            }
            match memory.tags_of_volume(&attached.id, listed_at) {
                Some(tags) => volumes.push(Volume {
                    id: attached.id.clone(),
                    encrypted: true,
                    kms_key_id: None,
                    size_gib: 0,
                    attached_to: Some(instance.id.clone()),
                    tags,
                }),
                None if is_early && !shown.contains(&attached.id) => return Observed::Unknown,
                None => {}
            }
        }
        Observed::Present(volumes)
    }

    /// The volumes that are the Tenant's, on its instance or on none: they outlive it.
    fn volumes_to_release(&self, instance: &Observed<Instance>) -> Observed<Vec<Volume>> {
        let mut volumes: Vec<Volume> = match self.view.volumes_tagged(names::tags::UID, &self.identity.uid) {
            Observed::Unknown => return Observed::Unknown,
            Observed::Absent => Vec::new(),
            Observed::Present(volumes) => volumes.into_iter().cloned().collect(),
        };
        if instance.present().is_some() {
            let Observed::Present(attached) = self.volumes(instance) else {
                return Observed::Unknown;
            };
            let is_new = |volume: &Volume| volumes.iter().all(|known| known.id != volume.id);
            let new: Vec<_> = attached.into_iter().filter(is_new).collect();
            volumes.extend(new);
        }
        Observed::Present(volumes)
    }

    /// Which of the groups on the interfaces are quarantine groups, told by their names.
    async fn isolation(
        &self,
        references: &References,
        instance: &Observed<Instance>,
        own: &Observed<SecurityGroup>,
    ) -> Result<Isolation, Failure> {
        let base = &self.class.spec.network.base_group_ids;
        let own = own.present().map(|group| &group.id);
        let interfaces = instance
            .present()
            .into_iter()
            .flat_map(|instance| &instance.interfaces);
        let others: BTreeSet<&SecurityGroupId> = interfaces
            .flat_map(|interface| &interface.groups)
            .filter(|id| Some(*id) != own && !base.iter().any(|base| base == id.as_str()))
            .collect();
        let named = try_join_all(others.into_iter().map(async |id| {
            let name = self.name_of_group(id).await?;
            Ok::<_, Failure>((id.clone(), name))
        }))
        .await?;
        let quarantine = quarantine_name(self.class.metadata.uid.as_deref().unwrap_or_default());
        Ok(Isolation {
            quarantine: named
                .into_iter()
                .filter(|(_, name)| {
                    name.as_deref()
                        .is_some_and(|name| name.eq_ignore_ascii_case(&quarantine))
                })
                .map(|(id, _)| id)
                .collect(),
            by_incident: references.is_isolated,
        })
    }

    async fn name_of_group(&self, id: &SecurityGroupId) -> Result<Option<String>, Failure> {
        if let Observed::Present(group) = self.view.group(id) {
            return Ok(Some(group.name.clone()));
        }
        Ok(self.cloud.find_group(id).await?.map(|group| group.name))
    }
}

/// The launch record as the planner knows it.
pub(super) fn record_of(launch: &Launch) -> LaunchRecord {
    LaunchRecord {
        incarnation: launch.incarnation,
        token: launch.token.clone(),
        subnet_id: launch.subnet_id.as_str().into(),
        image_id: launch.image_id.as_str().into(),
        parameters_hash: launch.parameters_hash.clone(),
        at: launch.at.0,
    }
}

/// The rules that we last left the group with, if it was exact then.
fn previous_rules(tenant: &Tenant) -> Option<BTreeSet<crate::cloud::Rule>> {
    let status = tenant.status.as_ref()?;
    let firewall = find_condition(
        &status.conditions,
        crate::api::ConditionType::FirewallReady.as_str(),
    )?;
    let was_exact = [
        Reason::GroupExact,
        Reason::LastAcceptedInForce,
        Reason::NoAccessPolicy,
        // Exact but for the sources that are kept out, which the status does not count as in force.
        Reason::CidrOverlapsVpc,
        Reason::ViewStale,
    ]
    .iter()
    .any(|reason| reason.as_str() == firewall.reason);
    was_exact.then(|| desired_rules(&status.access.clone().unwrap_or_default()))
}
