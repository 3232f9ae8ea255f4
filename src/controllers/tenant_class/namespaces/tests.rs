use serde_json::json;

use crate::{
    api::{ConditionType, Key, Tenant, TenantClass},
    cluster::Kind,
    controllers::testing::{Env, tenant},
    report::conditions::find_condition,
};

fn said(env: &Env) -> String {
    let status = env.cluster_class().status.unwrap();
    let found = find_condition(&status.conditions, ConditionType::NamespaceShared.as_str());
    found.map_or_else(String::new, |condition| {
        format!("{} {}: {}", condition.status, condition.reason, condition.message)
    })
}

#[tokio::test]
async fn a_namespace_that_two_customers_use_is_said_while_they_do() {
    let mut env = Env::new().await;
    env.class();
    env.put::<Tenant>(tenant("jira"));
    env.put::<Tenant>(tenant("confluence"));
    env.pass(10).await;
    assert_eq!(said(&env), "");
    // Of another class, that does not even exist: they can be read together all the same.
    let mut other = tenant("wiki");
    other["spec"]["customer"] = json!("globex");
    other["spec"]["className"] = json!("osaka");
    env.put::<Tenant>(other);
    env.pass(10).await;
    let message = "namespace acme is used by the customers acme, globex";
    assert_eq!(said(&env), format!("True SeveralCustomersInNamespace: {message}"));
    let told = format!("TenantClass tokyo SeveralCustomersInNamespace: {message}\n");
    assert_eq!(env.events().matches(&told).count(), 1, "{}", env.events());
    assert_eq!(
        env.condition::<TenantClass>(&Key::new("", "tokyo"), ConditionType::Ready),
        "True Succeeded",
        "the class can be used all the same"
    );

    env.cluster.delete::<Tenant>(&Key::new("acme", "wiki"));
    env.pass(30).await;
    assert_eq!(said(&env), "");
    let told = "TenantClass tokyo OneCustomerPerNamespace: ";
    assert_eq!(env.events().matches(told).count(), 1, "{}", env.events());
}

#[tokio::test]
async fn a_namespace_without_tenants_of_the_class_is_not_its_business() {
    let mut env = Env::new().await;
    env.class();
    env.put::<Tenant>(tenant("jira"));
    for (name, customer) in [("wiki", "globex"), ("crm", "initech")] {
        let mut other = tenant(name);
        other["metadata"]["namespace"] = json!("globex");
        other["spec"]["customer"] = json!(customer);
        other["spec"]["className"] = json!("osaka");
        env.put::<Tenant>(other);
    }
    env.pass(10).await;
    assert_eq!(said(&env), "");
    assert_eq!(env.cluster_class().key().name, "tokyo");
}
