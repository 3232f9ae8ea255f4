//! Whether Tenants of several customers are in one namespace, where whoever may read one may read the others'.

use std::collections::BTreeSet;

use crate::{
    api::{ConditionType, Reason, Tenant, TenantClass, TenantClassStatus},
    cluster::{Cluster, Happened, Index, Kind},
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
    let own = ctx.cluster.cached_by::<Tenant>(Index::Class, class);
    let namespaces: BTreeSet<&str> = own
        .iter()
        .filter_map(|tenant| tenant.metadata.namespace.as_deref())
        .collect();
    let used = namespaces.into_iter().filter_map(|namespace| {
        let tenants = ctx.cluster.cached_in::<Tenant>(namespace);
        let customers: BTreeSet<&str> = tenants
            .iter()
            .map(|tenant| tenant.spec.customer.as_str())
            .collect();
        (customers.len() > 1).then(|| {
            format!(
                "namespace {namespace} is used by the customers {}",
                list(customers)
            )
        })
    });
    used.collect()
}

#[cfg(test)]
mod tests;
