//! What people declared, now and a while ago.

use std::{
    collections::{BTreeMap, BTreeSet, VecDeque},
    sync::Arc,
};

use jiff::Timestamp;
use yagura::{
    api::{AccessPolicy, Containment, Incident, Tenant, TenantClass},
    clock::elapsed,
    cluster::{Cluster, Kind, MemoryCluster},
};

use super::GRACE;

/// What everything may reach: HTTPS, DNS and the time.
const EGRESS: [&str; 4] = ["tcp 443", "tcp 53", "udp 53", "udp 123"];

/// A Tenant that is or was.
#[derive(Clone, Debug, PartialEq, Eq)]
pub(super) struct TenantFacts {
    pub(super) name: String,
    pub(super) key: String,
    pub(super) uid: String,
    pub(super) label: String,
    pub(super) customer: String,
    /// The ids of what its status names.
    pub(super) bound: BTreeSet<String>,
}

/// What was declared at one time.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub(super) struct Version {
    /// The rules of every environment.
    pub(super) rules: BTreeSet<String>,
    /// The names of the Tenants that some Incident isolates.
    pub(super) isolated: BTreeSet<String>,
    /// The uids of those that are not being deleted.
    pub(super) kept: BTreeSet<String>,
}

/// What was declared, as far back as it matters.
pub(super) struct History {
    cluster: MemoryCluster,
    tenants: BTreeMap<String, TenantFacts>,
    /// Each with the time from which on it was so.
    versions: VecDeque<(Timestamp, Version)>,
    now: Timestamp,
}

impl History {
    pub(super) fn new(cluster: MemoryCluster) -> Self {
        Self {
            cluster,
            tenants: BTreeMap::new(),
            versions: VecDeque::new(),
            now: Timestamp::MIN,
        }
    }

    /// Takes note of what is declared now.
    pub(super) fn look(&mut self, now: Timestamp) {
        self.now = now;
        let tenants = self.cluster.cached_all::<Tenant>();
        for tenant in &tenants {
            self.tenants.insert(tenant.uid().to_owned(), facts_of(tenant));
        }
        let version = self.declared(&tenants);
        if self.versions.back().is_none_or(|(_, last)| *last != version) {
            self.versions.push_back((now, version));
        }
        // A version was in force until the next one began.
        while self
            .versions
            .get(1)
            .is_some_and(|(until, _)| elapsed(*until, now) > GRACE)
        {
            self.versions.pop_front();
        }
    }

    fn declared(&self, tenants: &[Arc<Tenant>]) -> Version {
        let incidents = self.cluster.cached_all::<Incident>();
        let isolating = incidents
            .iter()
            .filter(|incident| incident.spec.containment == Containment::Isolate);
        Version {
            rules: rules(&self.cluster.cached_all::<AccessPolicy>()),
            isolated: isolating
                .flat_map(|incident| incident.spec.tenant_refs.iter().cloned())
                .collect(),
            kept: tenants
                .iter()
                .filter(|tenant| !tenant.is_terminating())
                .map(|tenant| tenant.uid().to_owned())
                .collect(),
        }
    }

    /// What is declared and was done, past every cache.
    pub(super) fn cluster(&self) -> &MemoryCluster {
        &self.cluster
    }

    /// Every Tenant that is or was.
    pub(super) fn tenants(&self) -> impl Iterator<Item = &TenantFacts> {
        self.tenants.values()
    }

    /// Everything that was in force within the grace.
    pub(super) fn recent(&self) -> impl Iterator<Item = &Version> {
        self.versions.iter().map(|(_, version)| version)
    }

    /// The rules that were wanted all the time.
    pub(super) fn always_wanted(&self) -> BTreeSet<String> {
        let mut all = self.recent().map(|version| version.rules.clone());
        let first = all.next().unwrap_or_default();
        all.fold(first, |wanted, rules| {
            wanted.intersection(&rules).cloned().collect()
        })
    }

    /// Whether these Incidents' records keep the groups of an interface, and which.
    pub(super) fn originals(&self, interface: &str) -> Vec<BTreeSet<String>> {
        let incidents = self.cluster.cached_all::<Incident>();
        let statuses = incidents.iter().filter_map(|incident| incident.status.as_ref());
        let records = statuses.flat_map(|status| &status.isolated);
        records
            .filter(|record| record.network_interface_id == interface)
            .map(|record| record.security_group_ids.iter().cloned().collect())
            .collect()
    }

    /// The names of the quarantine groups.
    pub(super) fn quarantine_names(&self) -> BTreeSet<String> {
        let classes = self.cluster.cached_all::<TenantClass>();
        let names = classes
            .iter()
            .map(|class| format!("yagura-quarantine-{}", class.uid()));
        names.collect()
    }
}

fn facts_of(tenant: &Tenant) -> TenantFacts {
    let status = tenant.status.clone().unwrap_or_default();
    let ids = status.instance_id.into_iter().chain(status.security_group_id);
    TenantFacts {
        name: tenant.key().name,
        key: tenant.key().to_string(),
        uid: tenant.uid().to_owned(),
        label: tenant.spec.label.to_string(),
        customer: tenant.spec.customer.clone(),
        bound: ids.chain(status.volume_ids).collect(),
    }
}

/// The rules that the policies and the defaults come to, each as [`crate::truth::Group::rules`] says it.
fn rules(policies: &[Arc<AccessPolicy>]) -> BTreeSet<String> {
    let mut rules = BTreeSet::new();
    for way in EGRESS {
        for anywhere in ["0.0.0.0/0", "::/0"] {
            rules.insert(format!("egress {way} {anywhere}"));
        }
    }
    for policy in policies {
        for cidr in &policy.spec.ingress.cidrs {
            for port in &policy.spec.ingress.ports {
                rules.insert(format!("ingress tcp {} {cidr}", port.number()));
            }
        }
    }
    rules
}
