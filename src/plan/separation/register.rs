//! Whose a thing in AWS is.

use std::{collections::HashMap, sync::Arc};

use super::{Party, sides::Side};
use crate::{
    api::{Key, names::tags},
    cloud::{Instance, SecurityGroup, Tags},
    plan::tenant::{uid_of_group, uid_of_launch},
};

/// Every environment by what names it.
pub(super) struct Register {
    by_uid: HashMap<String, Arc<Party>>,
    by_tenant: HashMap<String, Arc<Party>>,
    by_label: HashMap<String, Arc<Party>>,
    by_customer: HashMap<String, Side>,
    /// The customers' environments that no Tenant is for any more, by the uid of the one that was.
    released: HashMap<String, Arc<Party>>,
}

impl Register {
    pub(super) fn new(parties: &[Arc<Party>]) -> Self {
        let by = |name: fn(&Party) -> String| {
            let named = parties.iter().map(|party| (name(party), Arc::clone(party)));
            named.collect::<HashMap<_, _>>()
        };
        let mut by_customer: HashMap<String, Vec<_>> = HashMap::new();
        for party in parties {
            let same = by_customer.entry(party.customer.clone()).or_default();
            same.push(Arc::clone(party));
        }
        Self {
            by_uid: by(|party| party.uid.clone()),
            by_tenant: by(|party| party.tenant.to_string()),
            by_label: by(|party| party.label.to_ascii_lowercase()),
            by_customer: by_customer
                .into_iter()
                .map(|(customer, parties)| (customer, Side::new(parties)))
                .collect(),
            released: HashMap::new(),
        }
    }

    /// The owner by the uid in the tags: a live Tenant, or the customer whose it was.
    pub(super) fn of_tags(&mut self, carried: &Tags) -> Option<Arc<Party>> {
        let uid = carried.get(tags::UID)?;
        if let Some(party) = self.by_uid.get(uid).or_else(|| self.released.get(uid)) {
            return Some(Arc::clone(party));
        }
        let party = Arc::new(Party {
            customer: carried.get(tags::CUSTOMER)?.clone(),
            tenant: carried.get(tags::TENANT).and_then(|tag| Key::parse(tag))?,
            uid: uid.clone(),
            environment: None,
            label: carried.get(tags::LABEL).cloned().unwrap_or_default(),
        });
        self.released.insert(uid.clone(), Arc::clone(&party));
        Some(party)
    }

    /// The owner of an instance: for whom it was launched, which no tag can change.
    pub(super) fn of_instance(&mut self, instance: &Instance) -> Option<Arc<Party>> {
        let launched_for = instance.client_token.as_deref().and_then(uid_of_launch);
        let party = launched_for.and_then(|uid| self.by_uid.get(uid));
        match party {
            Some(party) => Some(Arc::clone(party)),
            None => self.of_tags(&instance.tags),
        }
    }

    /// The owner of a group: whom its name says, which nobody can change.
    pub(super) fn of_group(&mut self, group: &SecurityGroup) -> Option<Arc<Party>> {
        match uid_of_group(&group.name).and_then(|uid| self.by_uid.get(uid)) {
            Some(party) => Some(Arc::clone(party)),
            None => self.of_tags(&group.tags),
        }
    }

    /// The live Tenants that the tags of something name beside the one whose it is.
    pub(super) fn named_beside(&self, owner: &Party, carried: &Tags) -> Named {
        let mut named = Named::default();
        // What was let go may have left its name, and later its label, to somebody else.
        if owner.environment.is_none() {
            return named;
        }
        let value = |key: &str| carried.get(key).map(String::as_str).unwrap_or_default();
        let label = value(tags::LABEL).to_ascii_lowercase();
        // A label that two ask for is the one's of whom it is.
        let is_other = label != owner.label.to_ascii_lowercase();
        let by_tags = [
            self.by_uid.get(value(tags::UID)),
            self.by_tenant.get(value(tags::TENANT)),
            self.by_label.get(&label).filter(|_| is_other),
        ];
        for other in by_tags.into_iter().flatten() {
            if other.uid != owner.uid {
                named.parties.push(Arc::clone(other));
            }
        }
        let customer = value(tags::CUSTOMER);
        let is_named = |other: &Arc<Party>| other.customer == customer;
        if customer != owner.customer && !named.parties.iter().any(is_named) {
            named.customer = self.by_customer.get(customer).cloned();
        }
        named
    }
}

/// Those whose tags something carries that is another's.
#[derive(Default)]
pub(super) struct Named {
    pub(super) parties: Vec<Arc<Party>>,
    /// All of a customer, where no tag says more.
    pub(super) customer: Option<Side>,
}
