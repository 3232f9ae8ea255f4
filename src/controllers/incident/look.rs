//! What is known around an Incident: from caches first, and by looks at AWS before anything is acted on.
//!
//! A picture that is half a minute old is good enough to see that nothing is to be done, and not good enough to
//! record as evidence or to cut somebody off.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::Arc,
};

use super::{IncidentWorld, NoticeTerms, TenantFacts, intent};
use crate::{
    api::{Incident, Key, NotificationChannel, Tenant, TenantClass, TenantStatus},
    cloud::{Instance, InstanceId, Lane, Observed, SecurityGroup, SecurityGroupId, Site, VpcId},
    cluster::{Cluster, Kind},
    engine::{Context, Failure},
    inventory::Effect,
    plan::{
        class::ClassIdentity,
        firewall::desired_rules,
        incident::{
            hold,
            isolation::{
                self, Elsewhere, Held, Intent, OwnGroup, Place, Quarantine, Target, TenantWorld, Waiting,
                World,
            },
        },
        tenant::TenantIdentity,
    },
    terms::{Channel, Registry, Terms},
};

/// One Tenant that the Incident names.
struct Named {
    tenant: Arc<Tenant>,
    class: Option<Arc<TenantClass>>,
}

/// What looks at AWS found, in the place of what the view says.
#[derive(Default)]
struct Looked {
    instances: BTreeMap<InstanceId, Observed<Instance>>,
    groups: BTreeMap<(VpcId, String), Observed<SecurityGroup>>,
}

/// A pass's means of knowing.
struct Look<'a, C> {
    ctx: &'a Context<C>,
    incident: &'a Incident,
    named: BTreeMap<String, Named>,
    others: Vec<Arc<Incident>>,
    looked: Looked,
}

pub(super) async fn observe<C: Cluster>(
    ctx: &Context<C>,
    incident: &Incident,
) -> Result<IncidentWorld, Failure> {
    let mut look = Look::new(ctx, incident);
    let mut world = look.world();
    if look.must_be_certain(&world) {
        look.at_instances().await;
        look.at_groups(&look.world()).await;
        world = look.world();
        if has_unexplained_quarantine(&world) {
            // Another Incident may have recorded what our cache of it does not show yet.
            look.at_others().await?;
            world = look.world();
        }
    }
    let strictest = strictest(&ctx.terms);
    let notice = incident.spec.tenant_refs.iter().map(|name| {
        let terms = look.named.get(name).and_then(|named| terms_of(ctx, named));
        (name.clone(), terms.unwrap_or_else(|| strictest.clone()))
    });
    let notice = notice.collect();
    let tenants = look.named.into_iter().map(|(name, named)| {
        let facts = TenantFacts {
            customer: named.tenant.spec.customer.clone(),
            class: named.tenant.spec.class_name.clone(),
            has_class: named.class.is_some(),
        };
        (name, facts)
    });
    Ok(IncidentWorld {
        tenants: tenants.collect(),
        notice,
        isolation: world,
    })
}

impl<'a, C: Cluster> Look<'a, C> {
    fn new(ctx: &'a Context<C>, incident: &'a Incident) -> Self {
        let key = incident.key();
        let named = incident.spec.tenant_refs.iter().filter_map(|name| {
            let tenant = ctx.cluster.cached::<Tenant>(&key.sibling(name))?;
            let class = ctx
                .cluster
                .cached::<TenantClass>(&Key::new("", &tenant.spec.class_name));
            Some((name.clone(), Named { tenant, class }))
        });
        let others = ctx.cluster.cached_in::<Incident>(&key.namespace).into_iter();
        let others = others.filter(|other| other.key() != key && !hold::is_closed(other));
        Self {
            ctx,
            incident,
            named: named.collect(),
            others: others.collect(),
            looked: Looked::default(),
        }
    }

    fn world(&self) -> World {
        let mut world = World {
            held: self
                .incident
                .status
                .iter()
                .flat_map(|status| &status.isolated)
                .map(Held::from)
                .collect(),
            ..World::default()
        };
        for (name, named) in &self.named {
            let tenant = self.tenant_world(name, named);
            if let (Some(place), Some(class)) = (&tenant.place, &named.class) {
                world
                    .quarantines
                    .insert(place.clone(), self.quarantine(place, class));
            }
            world.tenants.insert(name.clone(), tenant);
        }
        world
    }

    fn tenant_world(&self, name: &str, named: &Named) -> TenantWorld {
        let mut world = TenantWorld {
            place: None,
            target: Observed::Unknown,
            foreign: None,
            own_group: Observed::Unknown,
            base_groups: BTreeSet::new(),
            elsewhere: self.elsewhere(name),
        };
        let Some(class) = &named.class else { return world };
        world.base_groups = class
            .spec
            .network
            .base_group_ids
            .iter()
            .map(|id| SecurityGroupId::new(id.as_str()))
            .collect();
        let site = class.site();
        let (instance, foreign) = self.own_instance(&site, name, &named.tenant);
        world.foreign = foreign;
        if let Observed::Present(instance) = &instance
            && let Some(vpc) = &instance.vpc_id
        {
            let class = class.key().name;
            world.own_group = self.own_group(&site, vpc, &named.tenant);
            world.place = Some(Place {
                site,
                vpc: vpc.clone(),
                class,
            });
        }
        world.target = target(instance);
        world
    }

    /// The Tenant's own instance, and the one that its status names without being its own.
    ///
    /// A status can be edited by hand, so what it names is the Tenant's only if a launch of this Tenant made it. What
    /// this Incident isolated is still to be undone then.
    fn own_instance(
        &self,
        site: &Site,
        name: &str,
        tenant: &Tenant,
    ) -> (Observed<Instance>, Option<InstanceId>) {
        let is_launching = status(tenant).is_some_and(|status| status.launch.is_some());
        if is_launching && bound(tenant).is_none() {
            // The instance may run already, behind the Tenant's own group.
            return (Observed::Unknown, None);
        }
        let identity = self.identity(tenant);
        let is_own = |instance: &Instance| identity.incarnation_of(instance).is_some();
        let named = bound(tenant).map_or(Observed::Absent, |id| self.instance(site, &id));
        let foreign = match named {
            Observed::Unknown => return (Observed::Unknown, None),
            Observed::Present(instance) if is_own(&instance) => return (Observed::Present(instance), None),
            Observed::Present(instance) => Some(instance.id),
            Observed::Absent => None,
        };
        let recorded = self.recorded(name).map(|id| self.instance(site, &id));
        let own = match recorded {
            Some(Observed::Present(instance)) if !is_own(&instance) => Observed::Absent,
            Some(seen) => seen,
            None => Observed::Absent,
        };
        (own, foreign)
    }

    /// The instance of this Tenant that was isolated last and not connected again.
    fn recorded(&self, tenant: &str) -> Option<InstanceId> {
        let entries = self.incident.status.iter().flat_map(|status| &status.isolated);
        entries
            .rev()
            .find(|entry| entry.tenant == tenant && entry.reconnected_at.is_none())
            .map(|entry| InstanceId::new(entry.instance_id.as_str()))
    }

    fn elsewhere(&self, tenant: &str) -> Vec<Elsewhere> {
        let others = self.others.iter().map(|other| hold::elsewhere(other, tenant));
        others
            .filter(|other| other.isolates || !other.held.is_empty())
            .collect()
    }

    fn instance(&self, site: &Site, id: &InstanceId) -> Observed<Instance> {
        match self.looked.instances.get(id) {
            Some(seen) => seen.clone(),
            None => self
                .ctx
                .inventories
                .of(site)
                .view()
                .instance(id)
                .map(Clone::clone),
        }
    }

    fn group(&self, site: &Site, vpc: &VpcId, name: &str) -> Observed<SecurityGroup> {
        match self.looked.groups.get(&(vpc.clone(), name.to_owned())) {
            Some(seen) => seen.clone(),
            None => self
                .ctx
                .inventories
                .of(site)
                .view()
                .group_named(vpc, name)
                .map(Clone::clone),
        }
    }

    fn own_group(&self, site: &Site, vpc: &VpcId, tenant: &Tenant) -> Observed<OwnGroup> {
        let rules = desired_rules(&access(tenant).unwrap_or_default());
        let group = self.group(site, vpc, &self.own_group_name(tenant));
        group.map(|group| OwnGroup {
            exact: group.rules == rules,
            id: group.id,
        })
    }

    fn own_group_name(&self, tenant: &Tenant) -> String {
        self.identity(tenant).group_name()
    }

    fn identity(&self, tenant: &Tenant) -> TenantIdentity {
        TenantIdentity {
            cluster: self.ctx.identity.cluster_id.to_string(),
            cluster_uid: self.ctx.identity.cluster_uid.clone(),
            tenant: tenant.key(),
            uid: tenant.uid().to_owned(),
            label: tenant.spec.label.to_string(),
            customer: tenant.spec.customer.clone(),
        }
    }

    fn quarantine(&self, place: &Place, class: &TenantClass) -> Quarantine {
        let identity = ClassIdentity {
            cluster: self.ctx.identity.cluster_id.to_string(),
            cluster_uid: self.ctx.identity.cluster_uid.clone(),
            name: class.key().name,
            uid: class.uid().to_owned(),
        };
        let wanted = identity.quarantine(&place.vpc);
        Quarantine {
            observed: self.group(&place.site, &place.vpc, &wanted.name),
            wanted,
        }
    }

    /// Whether something is to be done, or the view does not show what it should.
    fn must_be_certain(&self, world: &World) -> bool {
        let intent = intent(self.incident);
        let plan = isolation::plan(intent, world);
        let is_blind = || {
            plan.waiting_for
                .iter()
                .any(|waiting| matches!(waiting, Waiting::View { .. }))
        };
        // Whoever takes our tags off an instance takes it out of the view, and must not escape by that.
        let is_missing = || {
            intent == Intent::Isolate
                && self.named.iter().any(|(name, named)| {
                    bound(&named.tenant).is_some()
                        && world
                            .tenants
                            .get(name)
                            .is_none_or(|tenant| tenant.target.present().is_none())
                })
        };
        !plan.steps.is_empty() || is_blind() || is_missing()
    }

    async fn at_instances(&mut self) {
        let mut wanted = BTreeMap::new();
        for (name, named) in &self.named {
            let Some(class) = &named.class else { continue };
            let site = class.site();
            for id in bound(&named.tenant).into_iter().chain(self.recorded(name)) {
                wanted.insert(id, (site.clone(), self.identity(&named.tenant)));
            }
        }
        for (id, (site, identity)) in wanted {
            let found = self
                .ctx
                .inventories
                .cloud(&site, Lane::Contain)
                .find_instance(&id)
                .await;
            let seen = match found {
                Ok(Some(instance)) => {
                    // A stranger's is no part of the picture that others go by.
                    if identity.incarnation_of(&instance).is_some() {
                        self.ctx
                            .inventories
                            .of(&site)
                            .record(Effect::Seen(instance.clone()));
                    }
                    Observed::Present(instance)
                }
                Ok(None) => Observed::Absent,
                Err(error) => {
                    tracing::warn!(%id, %error, "an instance could not be looked at");
                    Observed::Unknown
                }
            };
            self.looked.instances.insert(id, seen);
        }
    }

    async fn at_groups(&mut self, world: &World) {
        let mut wanted = BTreeSet::new();
        for (place, quarantine) in &world.quarantines {
            wanted.insert((
                place.site.clone(),
                place.vpc.clone(),
                quarantine.wanted.name.clone(),
            ));
        }
        for (name, tenant) in &world.tenants {
            if let (Some(place), Some(named)) = (&tenant.place, self.named.get(name)) {
                let own = self.own_group_name(&named.tenant);
                wanted.insert((place.site.clone(), place.vpc.clone(), own));
            }
        }
        for (site, vpc, name) in wanted {
            let found = self
                .ctx
                .inventories
                .cloud(&site, Lane::Contain)
                .find_group_named(&vpc, &name)
                .await;
            let seen = match found {
                Ok(Some(group)) => {
                    self.ctx
                        .inventories
                        .of(&site)
                        .record(Effect::SeenGroup(group.clone()));
                    Observed::Present(group)
                }
                Ok(None) => Observed::Absent,
                Err(error) => {
                    tracing::warn!(%name, %error, "a security group could not be looked at");
                    Observed::Unknown
                }
            };
            self.looked.groups.insert((vpc, name), seen);
        }
    }

    /// Reads the other Incidents past the cache.
    async fn at_others(&mut self) -> Result<(), Failure> {
        for other in &mut self.others {
            if let Some(newer) = self.ctx.cluster.read::<Incident>(&other.key()).await? {
                *other = Arc::new(newer);
            }
        }
        Ok(())
    }
}

/// Whether an interface stands in quarantine and no Incident that we know of says why.
fn has_unexplained_quarantine(world: &World) -> bool {
    world.tenants.values().any(|tenant| {
        let quarantine = tenant
            .place
            .as_ref()
            .and_then(|place| world.quarantines.get(place))
            .and_then(|quarantine| quarantine.observed.present());
        let (Some(quarantine), Some(target)) = (quarantine, tenant.target.present()) else {
            return false;
        };
        let recorded = || {
            world
                .held
                .iter()
                .chain(tenant.elsewhere.iter().flat_map(|other| &other.held))
        };
        target.interfaces.iter().any(|(interface, groups)| {
            groups.contains(&quarantine.id) && !recorded().any(|held| held.interface == *interface)
        })
    })
}

fn bound(tenant: &Tenant) -> Option<InstanceId> {
    status(tenant)?.instance_id.as_deref().map(InstanceId::new)
}

fn access(tenant: &Tenant) -> Option<crate::api::AcceptedAccess> {
    status(tenant)?.access.clone()
}

fn status(tenant: &Tenant) -> Option<&TenantStatus> {
    tenant.status.as_ref()
}

fn target(instance: Observed<Instance>) -> Observed<Target> {
    match instance {
        Observed::Unknown => Observed::Unknown,
        Observed::Present(instance) if instance.state.is_live() => Observed::Present(Target {
            instance: instance.id,
            interfaces: instance
                .interfaces
                .into_iter()
                .map(|one| (one.id, one.groups))
                .collect(),
        }),
        Observed::Absent | Observed::Present(_) => Observed::Absent,
    }
}

fn terms_of<C: Cluster>(ctx: &Context<C>, named: &Named) -> Option<NoticeTerms> {
    let terms = ctx.terms.find(&named.class.as_ref()?.spec.terms)?;
    Some(notice_terms(&terms))
}

fn notice_terms(terms: &Terms) -> NoticeTerms {
    NoticeTerms {
        within: terms.notify_within,
        channels: terms
            .notify_channels
            .iter()
            .map(|channel| notification_channel(*channel))
            .collect(),
    }
}

/// The strictest of all terms: a promise is not dropped because a class, or its terms, cannot be found.
fn strictest(registry: &Registry) -> NoticeTerms {
    let all = registry
        .names()
        .filter_map(|name| registry.find(name))
        .map(|terms| notice_terms(&terms));
    let strictest = all.reduce(|one, other| NoticeTerms {
        within: one.within.min(other.within),
        channels: one.channels.intersection(&other.channels).copied().collect(),
    });
    // A build has at least one sheet; without any, nobody was promised anything.
    strictest.unwrap_or(NoticeTerms {
        within: std::time::Duration::MAX,
        channels: BTreeSet::new(),
    })
}

fn notification_channel(channel: Channel) -> NotificationChannel {
    match channel {
        Channel::Phone => NotificationChannel::Phone,
        Channel::Email => NotificationChannel::Email,
        Channel::Portal => NotificationChannel::Portal,
    }
}
