//! Promises that somebody lets go unkept for a while.

use serde_json::json;

use super::ready;
use crate::{
    api::{ConditionType, PromiseResult, Tenant, TenantClass, Verdict},
    controllers::testing::{Env, class, tenant},
};

fn result(env: &Env, id: &str) -> PromiseResult {
    let promises = env.tenant("jira").status.unwrap().promises.unwrap();
    promises
        .results
        .into_iter()
        .find(|result| result.id == id)
        .unwrap()
}

#[tokio::test]
async fn an_exception_counts_once_its_approver_may_and_until_it_ends() {
    let mut env = ready().await;
    let now = env.ctx.now();
    let later = |seconds| (now + std::time::Duration::from_secs(seconds)).to_string();
    let mut excepted = tenant("jira");
    excepted["spec"]["exceptions"] = json!([{
        "promise": "P15", "reason": "an old client needs port 80", "approver": "ciso@example.com",
        "approvedAt": now.to_string(), "until": later(900),
    }]);
    env.put::<Tenant>(excepted);
    env.pass(30).await;
    assert_eq!(result(&env, "P15").verdict, Verdict::Pass);

    let mut class = class();
    class["spec"]["exceptionApprovers"] = json!(["ciso@example.com"]);
    env.put::<TenantClass>(class);
    env.pass(60).await;
    let waived = result(&env, "P15");
    assert_eq!(waived.verdict, Verdict::Waived, "{}", waived.reason);
    assert!(
        waived.reason.contains("an old client needs port 80"),
        "{}",
        waived.reason
    );
    let promises = env.tenant("jira").status.unwrap().promises.unwrap();
    assert_eq!(promises.waived, 1);

    env.pass(900).await;
    assert_eq!(result(&env, "P15").verdict, Verdict::Pass);
}

#[tokio::test]
async fn an_exception_to_what_nobody_promised_is_a_mistake() {
    let mut env = ready().await;
    let now = env.ctx.now();
    let mut excepted = tenant("jira");
    excepted["spec"]["exceptions"] = json!([{
        "promise": "P99", "reason": "an old client needs port 80", "approver": "ciso@example.com",
        "approvedAt": now.to_string(), "until": (now + std::time::Duration::from_secs(900)).to_string(),
    }]);
    env.put::<Tenant>(excepted);
    env.pass(30).await;
    assert_eq!(env.tenant_is("jira", ConditionType::Stalled), "True InvalidSpec");
}
