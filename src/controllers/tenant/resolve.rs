//! What a Tenant asks for, or what its author must correct.

use super::{Desired, References, World, access, change};
use crate::{
    api::{Key, Reason, Tenant, TenantClass},
    cloud::{NewVolume, Region, SubnetId},
    engine::{Identity, Refusal, Resolved},
    plan::{
        firewall::desired_rules,
        tenant::{LaunchParameters, Reins, TenantDesired, TenantIdentity, holder},
    },
};

/// Who the environment is.
pub(in crate::controllers) fn identity_of(us: &Identity, tenant: &Tenant) -> TenantIdentity {
    TenantIdentity {
        cluster: us.cluster_id.to_string(),
        cluster_uid: us.cluster_uid.clone(),
        tenant: Key::of(tenant),
        uid: tenant.metadata.uid.clone().unwrap_or_default(),
        label: tenant.spec.label.to_string(),
        customer: tenant.spec.customer.clone(),
    }
}

/// Turns the spec and what it refers to into what is desired.
///
/// A mistake forbids a launch; it takes nothing from an environment that is there. Only a label that is somebody
/// else's leaves nothing to go by.
pub(super) fn resolve(us: &Identity, tenant: &Tenant, world: &World) -> Resolved<Desired> {
    let identity = identity_of(us, tenant);
    if tenant.metadata.deletion_timestamp.is_some() {
        return Resolved {
            desired: Some(Desired::Released(identity)),
            refusals: Vec::new(),
        };
    }
    let references = &world.references;
    let mut refusals = mistakes(tenant, references);
    if let Some(duplicate) = duplicate(&identity, references) {
        refusals.insert(0, duplicate);
        return Resolved {
            desired: None,
            refusals,
        };
    }
    let Some(class) = &references.class else {
        return Resolved {
            desired: None,
            refusals,
        };
    };
    if let Some((id, None)) = &world.subnet {
        refusals.push(refusal(
            Reason::InvalidSpec,
            format!(
                "TenantClass {}: spec.network.subnetIds: {id} does not exist in {}",
                tenant.spec.class_name, class.spec.region
            ),
        ));
    }
    let before = tenant.status.as_ref().and_then(|status| status.access.as_ref());
    let in_force = access::in_force(&identity.tenant.name, &references.policies, before)
        .outside(world.networks.as_deref(), before);
    let launch = if refusals.is_empty() {
        launch_parameters(tenant, class, world)
    } else {
        None
    };
    let base_groups = &class.spec.network.base_group_ids;
    let desired = TenantDesired {
        launch,
        vpc_id: vpc_of(world),
        rules: desired_rules(&in_force.access),
        base_groups: base_groups.iter().map(|id| id.as_str().into()).collect(),
        reins: Reins::new(tenant.mode(), tenant.suspended(class)),
        change: change::wish_of(tenant, class),
        identity,
    };
    Resolved {
        desired: Some(Desired::Kept(Box::new(desired), in_force)),
        refusals,
    }
}

fn vpc_of(world: &World) -> Option<crate::cloud::VpcId> {
    let bound = world.aws.as_ref().and_then(|aws| aws.instance.present());
    let subnet = world.subnet.as_ref().and_then(|(_, subnet)| subnet.as_ref());
    bound
        .and_then(|instance| instance.vpc_id.clone())
        .or_else(|| subnet.map(|subnet| subnet.vpc_id.clone()))
}

fn refusal(reason: Reason, message: String) -> Refusal {
    Refusal { reason, message }
}

fn duplicate(identity: &TenantIdentity, references: &References) -> Option<Refusal> {
    let holder = holder(&references.claims)?;
    (holder.tenant != identity.tenant).then(|| {
        refusal(
            Reason::DuplicateLabel,
            format!(
                "spec.label: {} belongs to the Tenant {}; labels are unique everywhere, upper and lower case being the \
                 same",
                identity.label, holder.tenant
            ),
        )
    })
}

/// Every mistake of the spec and of the class it names.
pub(super) fn mistakes(tenant: &Tenant, references: &References) -> Vec<Refusal> {
    let spec = &tenant.spec;
    let Some(class) = &references.class else {
        let message = format!("spec.className: there is no TenantClass {}", spec.class_name);
        return vec![refusal(Reason::UnknownClass, message)];
    };
    let mut found = Vec::new();
    if !references.is_allowed {
        let namespace = tenant.metadata.namespace.as_deref().unwrap_or_default();
        found.push(refusal(
            Reason::NamespaceNotAllowed,
            format!(
                "spec.className: TenantClass {} does not allow the namespace {namespace} (its spec.allowedNamespaces)",
                spec.class_name
            ),
        ));
    }
    found.extend(class_mistake(class, references));
    if !class.spec.plans.contains_key(&spec.plan) {
        found.push(refusal(
            Reason::UnknownPlan,
            format!(
                "spec.plan: TenantClass {} has no plan {}; it has {}",
                spec.class_name,
                spec.plan,
                list(class.spec.plans.keys())
            ),
        ));
    }
    found.extend(application_mistake(tenant, class));
    found.extend(change::window_of(tenant, class).err());
    found.extend(exception_mistake(tenant, references));
    found
}

fn class_mistake(class: &TenantClass, references: &References) -> Option<Refusal> {
    let name = class.metadata.name.as_deref().unwrap_or_default();
    let Some(terms) = &references.terms else {
        return Some(refusal(
            Reason::UnknownTerms,
            format!(
                "spec.className: TenantClass {name} names the terms {}, which are not known",
                class.spec.terms
            ),
        ));
    };
    let region = Region::from(class.spec.region.as_str());
    (!terms.regions.contains(&region)).then(|| {
        refusal(
            Reason::RegionNotInTerms,
            format!(
                "spec.className: TenantClass {name} is in {region}, where the terms {} allow no environment",
                terms.name
            ),
        )
    })
}

/// An exception to a promise that nobody gave is most likely meant for another one.
fn exception_mistake(tenant: &Tenant, references: &References) -> Option<Refusal> {
    let terms = references.terms.as_ref()?;
    let promised: Vec<_> = terms
        .promises
        .iter()
        .map(|promise| promise.id.to_string())
        .collect();
    let unknown = tenant
        .spec
        .exceptions
        .iter()
        .find(|exception| !promised.contains(&exception.promise))?;
    Some(refusal(
        Reason::InvalidSpec,
        format!(
            "spec.exceptions: the terms {} have no promise {}",
            terms.name, unknown.promise
        ),
    ))
}

fn application_mistake(tenant: &Tenant, class: &TenantClass) -> Option<Refusal> {
    let wanted = &tenant.spec.application;
    let class_name = &tenant.spec.class_name;
    let Some(application) = class.spec.applications.get(&wanted.name) else {
        return Some(refusal(
            Reason::UnknownApplication,
            format!(
                "spec.application.name: TenantClass {class_name} has no application {}; it has {}",
                wanted.name,
                list(class.spec.applications.keys())
            ),
        ));
    };
    (!application.images.contains_key(&wanted.version)).then(|| {
        refusal(
            Reason::UnknownVersion,
            format!(
                "spec.application.version: TenantClass {class_name} has no image for {} {}; it has {}",
                wanted.name,
                wanted.version,
                list(application.images.keys())
            ),
        )
    })
}

fn list<'a>(names: impl Iterator<Item = &'a String>) -> String {
    names.map(String::as_str).collect::<Vec<_>>().join(", ")
}

fn launch_parameters(tenant: &Tenant, class: &TenantClass, world: &World) -> Option<LaunchParameters> {
    let plan = class.spec.plans.get(&tenant.spec.plan)?;
    let application = class.spec.applications.get(&tenant.spec.application.name)?;
    let image = application.images.get(&tenant.spec.application.version)?;
    let (subnet_id, subnet) = world.subnet.as_ref()?;
    subnet.as_ref()?;
    let volumes = plan.volumes.iter().map(|volume| NewVolume {
        device: volume.device.clone(),
        size_gib: Some(volume.size_gib),
    });
    Some(LaunchParameters {
        image_id: image.as_str().into(),
        instance_type: plan.instance_type.clone(),
        subnet_id: subnet_id.clone(),
        volumes: volumes.collect(),
        kms_key_id: class
            .spec
            .encryption
            .as_ref()
            .map(|encryption| encryption.kms_key_id.clone()),
    })
}

/// The subnet for a Tenant's launch: always the same of the class's, and another for another Tenant.
pub(super) fn subnet_of(tenant: &Tenant, class: &TenantClass) -> Option<SubnetId> {
    let uid = tenant.metadata.uid.as_deref().unwrap_or_default();
    let mut subnets: Vec<_> = class.spec.network.subnet_ids.iter().collect();
    // The order of a set in a spec means nothing.
    subnets.sort();
    let spread = uid
        .bytes()
        .fold(0usize, |sum, byte| sum.wrapping_mul(31).wrapping_add(byte.into()));
    let index = spread.checked_rem(subnets.len())?;
    subnets.get(index).map(|id| id.as_str().into())
}
