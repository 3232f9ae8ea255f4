//! Whether Tenants of several customers are in one namespace, where whoever may read one may read the others'.

use std::collections::{BTreeMap, BTreeSet};

use crate::{
    api::{ConditionType, Reason, Tenant, TenantClass, TenantClassStatus},
    cluster::{Cluster, Happened, Kind},
    engine::Context,
    promises::list,
    report::{
        conditions::{find_condition, is_true},
        standing::{Because, Conditions},
    },
};

/// Writes into a class's conditions which of the namespaces of its Tenants are used by several customers, whatever the
/// classes of the others.
pub(super) fn show<C: Cluster>(ctx: &Context<C>, class: &TenantClass, conditions: &mut Conditions) {
    let shared = shared(ctx, &class.key().name);
    if shared.is_empty() {
        conditions.clear(ConditionType::NamespaceShared);
        return;
    }
    let because = Because::new(Reason::SeveralCustomersInNamespace, list(shared));
    conditions.set(ConditionType::NamespaceShared, Some(true), &because);
}

/// What is new about it between two statuses of a class.
pub(super) fn edges(before: &TenantClassStatus, after: &TenantClassStatus) -> Option<Happened> {
    let type_ = ConditionType::NamespaceShared.as_str();
    let is_shared = |status: &TenantClassStatus| is_true(&status.conditions, type_);
    match (is_shared(before), is_shared(after)) {
        (false, true) => {
            let condition = find_condition(&after.conditions, type_)?;
            let reason = Reason::SeveralCustomersInNamespace;
            Some(Happened::warning(reason, condition.message.clone()))
        }
        (true, false) => Some(Happened::normal(
            Reason::OneCustomerPerNamespace,
            "no namespace of the class's Tenants is used by several customers any more",
        )),
        _ => None,
    }
}

/// The namespaces, each with its customers.
fn shared<C: Cluster>(ctx: &Context<C>, class: &str) -> Vec<String> {
    let tenants = ctx.cluster.cached_all::<Tenant>();
    let mut used: BTreeMap<&str, (bool, BTreeSet<&str>)> = BTreeMap::new();
    for tenant in &tenants {
        let namespace = tenant.metadata.namespace.as_deref().unwrap_or_default();
        let (is_ours, customers) = used.entry(namespace).or_default();
        *is_ours |= tenant.spec.class_name == class;
        customers.insert(&tenant.spec.customer);
    }
    let shared = used
        .into_iter()
        .filter(|(_, (is_ours, customers))| *is_ours && customers.len() > 1);
    shared
        .map(|(namespace, (_, customers))| {
            format!(
                "namespace {namespace} is used by the customers {}",
                list(customers)
            )
        })
        .collect()
}

#[cfg(test)]
mod tests;
