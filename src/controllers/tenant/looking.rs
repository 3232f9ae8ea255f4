//! The environment as the newest view shows it, in the judges' terms.

use std::collections::BTreeSet;

use jiff::Timestamp;

use crate::{
    api::{Tenant, TenantClass, TenantStatus, names},
    cloud::{Instance, InstanceId, Observed, SecurityGroupId},
    cluster::Kind,
    inventory::View,
    plan::{
        class::quarantine_name,
        tenant::{Claim, holder},
    },
    promises::{AttachedGroup, GroupRole, LabelFacts},
};

/// The environment as the newest view shows it.
pub(super) struct Looking<'a> {
    /// The Tenant.
    pub(super) tenant: &'a Tenant,
    /// Its status so far.
    pub(super) status: &'a TenantStatus,
    /// What is known of AWS, with the class that says where.
    pub(super) view: Option<(&'a TenantClass, &'a View)>,
}

impl<'a> Looking<'a> {
    pub(super) fn heartbeat(&self) -> Option<Timestamp> {
        self.view.and_then(|(_, view)| view.listed_at())
    }

    fn bound(&self) -> Option<InstanceId> {
        self.status.instance_id.as_deref().map(InstanceId::from)
    }

    pub(super) fn instance(&self) -> Observed<&'a Instance> {
        let Some(id) = self.bound() else {
            return Observed::Absent;
        };
        let Some((_, view)) = self.view else {
            return Observed::Unknown;
        };
        match view.instance(&id) {
            Observed::Present(instance) if !instance.state.is_live() => Observed::Absent,
            seen => seen,
        }
    }

    pub(super) fn profile(&self) -> Observed<String> {
        match self.instance() {
            Observed::Unknown => Observed::Unknown,
            Observed::Absent => Observed::Absent,
            Observed::Present(instance) => match &instance.instance_profile {
                Some(profile) => Observed::Present(profile.clone()),
                None => Observed::Absent,
            },
        }
    }

    pub(super) fn label(&self, claims: Option<&[Claim]>) -> LabelFacts {
        let label = self.tenant.spec.label.as_str();
        let bound = self.bound();
        let others = self.view.and_then(
            |(_, view)| match view.instances_tagged(names::tags::LABEL, label) {
                Observed::Unknown => None,
                Observed::Absent => Some(BTreeSet::new()),
                Observed::Present(found) => Some(
                    found
                        .into_iter()
                        .filter(|instance| instance.state.is_live() && Some(&instance.id) != bound.as_ref())
                        .map(|instance| instance.id.to_string())
                        .collect(),
                ),
            },
        );
        let tag = match self.instance() {
            Observed::Unknown => Observed::Unknown,
            Observed::Absent => Observed::Absent,
            Observed::Present(instance) => match instance.tags.get(names::tags::LABEL) {
                Some(tag) => Observed::Present(tag.clone()),
                None => Observed::Absent,
            },
        };
        LabelFacts {
            tenant: self.tenant.key().to_string(),
            value: label.to_owned(),
            holder: claims.and_then(holder).map(|claim| claim.tenant.to_string()),
            other_instances: others,
            tag,
        }
    }

    pub(super) fn groups(&self) -> Observed<Vec<AttachedGroup>> {
        self.instance().map(|instance| {
            let ids: BTreeSet<_> = instance
                .interfaces
                .iter()
                .flat_map(|interface| &interface.groups)
                .collect();
            ids.into_iter().filter_map(|id| self.group(id)).collect()
        })
    }

    fn group(&self, id: &SecurityGroupId) -> Option<AttachedGroup> {
        let (class, view) = self.view?;
        let found = view.group(id);
        let is_named = |name: &str| {
            found
                .present()
                .is_some_and(|group| group.name.eq_ignore_ascii_case(name))
        };
        let is_base = class
            .spec
            .network
            .base_group_ids
            .iter()
            .any(|base| base == id.as_str());
        let role = if self.status.security_group_id.as_deref() == Some(id.as_str()) {
            GroupRole::Own
        } else if is_base {
            GroupRole::Base
        } else if is_named(&quarantine_name(class.uid())) {
            GroupRole::Quarantine
        } else {
            GroupRole::Foreign
        };
        Some(AttachedGroup {
            id: id.clone(),
            role,
            // A group without our tag is in no listing: not to see it is not to know it.
            rules: match found {
                Observed::Present(group) => Observed::Present(group.rules.clone()),
                Observed::Unknown | Observed::Absent => Observed::Unknown,
            },
        })
    }
}
