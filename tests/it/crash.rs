//! The operator killed while it launches, and another one taking over: whatever was lost, AWS holds what it should.
//!
//! What happened is read from simulated AWS itself, never from what the operator says. Kills within a backup's slot
//! stand in `backup`, those within an isolation in `isolation`.

use std::{
    collections::{BTreeMap, BTreeSet},
    time::Duration,
};

use aws_sdk_ec2::types::{IpPermission, IpRange};
use jiff::Timestamp;
use simaws::{Call, Effect, FaultKind, FaultSpec, Matching};
use yagura::{
    api::{Key, Tenant, names::tags},
    clock::{Clock, SystemClock, elapsed},
    cluster::Kind,
};

use crate::support::{Env, eventually, with_operator, within};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");

/// Whom the environments let in: all of the namespace, since it names none. Without one they are not Ready.
const OFFICE: &str = "{apiVersion: yagura.dev/v1alpha1, kind: AccessPolicy, metadata: {name: office, namespace: acme}, \
                      spec: {ingress: {cidrs: [203.0.113.0/24]}}}";

/// What makes an instance.
const LAUNCH: &str = "RunInstances";

/// How many environments are launched around one kill.
const TENANTS: usize = 20;

/// How many of their launches must be under way when the operator dies. AWS's limits let it make two a second, and a
/// launch without an answer is given up after ten.
const HELD: usize = 6;

/// How long all of them may take to be Ready, counted from the start of the next process.
const RECOVERY: Duration = Duration::from_secs(60);

/// How often something that lasts a moment is looked at.
const GLANCE: Duration = Duration::from_millis(5);

fn key(name: &str) -> Key {
    Key::new("acme", name)
}

/// Asks for environments of one customer, all at once.
fn declare(env: &Env, names: &[String]) {
    env.apply(CLASS);
    env.apply(NAMESPACES);
    let manifests: Vec<_> = names
        .iter()
        .map(|name| {
            format!(
                "{{apiVersion: yagura.dev/v1alpha1, kind: Tenant, metadata: {{name: {name}, namespace: acme}}, \
                 spec: {{className: tokyo-standard, customer: acme, label: {name}-prod, plan: small, \
                 application: {{name: jira, version: \"9.12.4\"}}}}}}"
            )
        })
        .collect();
    env.apply(OFFICE);
    env.apply(&manifests.join("\n---\n"));
}

/// Why a Tenant is not Ready, `None` when it is.
fn not_ready(tenant: &Tenant) -> Option<String> {
    let mut conditions = tenant.status.iter().flat_map(|status| &status.conditions);
    match conditions.find(|one| one.type_ == "Ready") {
        Some(ready) if ready.status == "True" => None,
        Some(ready) => Some(format!("{}: {}", tenant.key(), ready.message)),
        None => Some(format!("{}: nothing yet", tenant.key())),
    }
}

/// The Tenants as the API server has them.
async fn tenants(env: &Env, names: &[String]) -> Vec<Tenant> {
    let mut found = Vec::new();
    for name in names {
        found.push(env.object(&key(name)).await.expect("the Tenant is there"));
    }
    found
}

async fn until_all_ready(env: &Env, names: &[String]) -> Vec<Tenant> {
    within(RECOVERY, "every Tenant is Ready", || async {
        let tenants = tenants(env, names).await;
        let waiting: Vec<_> = tenants.iter().filter_map(not_ready).collect();
        if waiting.is_empty() {
            Ok(tenants)
        } else {
            Err(waiting)
        }
    })
    .await
}

/// Every instance there is or was, by the uid of the Tenant it was made for: its id and its state.
fn instances_by_uid(env: &Env) -> BTreeMap<String, Vec<(String, String)>> {
    let state = env.sim.state(None, None);
    let text = |value: &serde_json::Value| value.as_str().unwrap_or_default().to_owned();
    let mut by_uid: BTreeMap<_, Vec<_>> = BTreeMap::new();
    for instance in state["instances"].as_array().expect("a list of instances") {
        let uid = text(&instance["tags"][tags::UID]);
        let found = (text(&instance["id"]), text(&instance["state"]));
        by_uid.entry(uid).or_default().push(found);
    }
    by_uid
}

/// One running instance per Tenant, the one its status names, and not one more, not even a terminated one.
fn check_one_instance_each(env: &Env, tenants: &[Tenant]) {
    let wanted: BTreeMap<_, _> = tenants
        .iter()
        .map(|tenant| {
            let bound = tenant
                .status
                .as_ref()
                .and_then(|status| status.instance_id.clone());
            let bound = bound.expect("a Ready Tenant names its instance");
            (tenant.uid().to_owned(), vec![(bound, "running".to_owned())])
        })
        .collect();
    assert_eq!(instances_by_uid(env), wanted);
    assert_eq!(env.sim.effects(LAUNCH).len(), tenants.len());
}

/// The number of the latest call.
fn mark(env: &Env) -> u64 {
    env.sim.calls().last().map_or(0, |call| call.seq)
}

/// The calls that a fault holds at this moment.
fn held(env: &Env, fault: &str) -> Vec<u64> {
    let faults = env.sim.faults().into_iter();
    faults
        .filter(|status| status.id == fault)
        .flat_map(|status| status.held)
        .collect()
}

async fn until_held(env: &Env, fault: &str, least: usize) {
    eventually(&format!("{least} launches are held"), || async {
        let held = held(env, fault).len();
        if held >= least { Ok(()) } else { Err(held) }
    })
    .await;
}

/// Holds every launch that concerns something of this name.
fn hold(env: &Env, part: &str, effect: Effect) -> String {
    env.sim.add_fault(FaultSpec {
        effect: Some(effect),
        times: 0,
        matching: Some(Matching {
            param: None,
            contains: part.to_owned(),
        }),
        ..FaultSpec::new(LAUNCH, FaultKind::Hold)
    })
}

/// Starts the next process of this identity, which must bring everything to Ready, and tells how long that took.
async fn recover(env: &mut Env, names: &[String]) -> Vec<Tenant> {
    let since = SystemClock.now();
    env.start_operator("one").await;
    let answered = elapsed(since, SystemClock.now());
    let tenants = until_all_ready(env, names).await;
    let took = elapsed(since, SystemClock.now());
    eprintln!("restarted: leading and listed after {answered:.1?}, all {TENANTS} Ready after {took:.1?}");
    assert!(took <= RECOVERY, "{took:?}");
    tenants
}

/// The client tokens of some calls.
fn tokens(env: &Env, calls: &[u64]) -> BTreeSet<String> {
    let all = env.sim.calls().into_iter();
    all.filter(|call| calls.contains(&call.seq))
        .map(|call| call.params["ClientToken"].clone())
        .collect()
}

/// How many Tenants recorded a launch with one of these tokens, and no instance.
async fn unbound(env: &Env, names: &[String], tokens: &BTreeSet<String>) -> usize {
    let tenants = tenants(env, names).await.into_iter();
    let statuses = tenants.filter_map(|tenant| tenant.status);
    let unbound = statuses.filter(|status| {
        let launch = status.launch.as_ref();
        launch.is_some_and(|launch| tokens.contains(&launch.token)) && status.instance_id.is_none()
    });
    unbound.count()
}

/// Names for some environments.
fn named(part: &str, count: usize) -> Vec<String> {
    (1..=count).map(|number| format!("{part}-{number}")).collect()
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_before_the_answers_to_its_launches_arrive_it_makes_one_instance_each() {
    with_operator(async |mut env| {
        // Most launches take place and are not answered; a few never reach AWS at all.
        let cut = named("cut", 4);
        // These first: the others alone would fill all passes.
        let names = [cut.clone(), named("lost", TENANTS - cut.len())].concat();
        let lost_fault = hold(&env, "lost-", Effect::After);
        let cut_fault = hold(&env, "cut-", Effect::Before);
        declare(&env, &names);
        until_held(&env, &lost_fault, HELD).await;
        until_held(&env, &cut_fault, 1).await;

        let before = mark(&env);
        let under_way = held(&env, &lost_fault);
        let not_begun = held(&env, &cut_fault).len();
        env.kill_operator("one");
        // The connections are gone: what has not taken place never will.
        for fault in [&lost_fault, &cut_fault] {
            eventually("nothing is held", || async {
                let held = held(&env, fault);
                if held.is_empty() { Ok(()) } else { Err(held) }
            })
            .await;
        }
        let effects = env.sim.effects(LAUNCH);
        let lost = effects.iter().filter(|call| call.seq <= before).count();
        assert!(lost >= HELD, "{lost}");
        assert!(effects.iter().all(|call| !call.delivered), "AWS told nobody");
        let made = instances_by_uid(&env);
        for tenant in tenants(&env, &cut).await {
            assert!(!made.contains_key(tenant.uid()), "{}", tenant.key());
        }
        let unbound = unbound(&env, &names, &tokens(&env, &under_way)).await;
        eprintln!(
            "killed with {unbound} launches unanswered that had taken place, and {not_begun} that had not"
        );
        assert!(unbound >= HELD, "the kill came at the wrong moment");

        env.sim.clear_faults();
        let tenants = recover(&mut env, &names).await;
        check_one_instance_each(&env, &tenants);
        env
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn killed_right_after_its_launches_were_answered_it_makes_one_instance_each() {
    with_operator(async |mut env| {
        let names = named("told", TENANTS);
        let fault = hold(&env, "told-", Effect::After);
        declare(&env, &names);
        until_held(&env, &fault, HELD).await;
        // All at once, so that many answers have come and little was made of them.
        let released = held(&env, &fault);
        env.sim.release_fault(&fault);
        let heard = until_heard(&env, HELD).await;
        env.kill_operator("one");

        let calls = env.sim.calls().into_iter();
        // A launch held too long is asked for again; that answer tells of the effect of the first.
        let answered: Vec<_> = calls
            .filter(|call| released.contains(&call.seq) && call.delivered)
            .filter(|call| call.effect || call.replayed)
            .map(|call| call.seq)
            .collect();
        assert!(answered.len() >= HELD, "{answered:?}");
        let unbound = unbound(&env, &names, &tokens(&env, &answered)).await;
        eprintln!("killed with {heard} answers heard; {unbound} of these Tenants do not know their instance");
        assert!(unbound > 0, "the kill came too late to show anything");

        let tenants = recover(&mut env, &names).await;
        check_one_instance_each(&env, &tenants);
        env
    })
    .await;
}

/// Waits until the operator counts as many launches that succeeded: their answers have reached it.
async fn until_heard(env: &Env, least: usize) -> usize {
    let heard = || {
        let metrics = env.metrics();
        let counted = metrics.lines().find(|line| {
            line.starts_with("yagura_aws_requests_total")
                && line.contains("operation=\"RunInstances\"")
                && line.contains("outcome=\"ok\"")
        });
        let count = counted.and_then(|line| line.rsplit(' ').next()?.parse().ok());
        count.unwrap_or(0)
    };
    let mut glances = tokio::time::interval(GLANCE);
    let listening = async {
        loop {
            glances.tick().await;
            let heard = heard();
            if heard >= least {
                return heard;
            }
        }
    };
    tokio::time::timeout(Duration::from_secs(60), listening)
        .await
        .expect("the answers reach the operator")
}

#[tokio::test(flavor = "multi_thread")]
async fn the_next_operator_acts_within_seconds_of_the_kill() {
    with_operator(async |mut env| {
        let names = named("web", 1);
        declare(&env, &names);
        let tenants = until_all_ready(&env, &names).await;
        let group = tenants[0]
            .status
            .as_ref()
            .unwrap()
            .security_group_id
            .clone()
            .unwrap();
        env.start_operator("two").await;
        // Right after a renewal: the longest that the Lease outlives its holder.
        let (holder, renewed) = lease(&env);
        assert_eq!(holder, "one");
        eventually("the Lease is renewed", || async {
            let (_, again) = lease(&env);
            if again == renewed { Err(again) } else { Ok(()) }
        })
        .await;

        env.kill_operator("one");
        let killed_at = SystemClock.now();
        let before = mark(&env);
        let declared = ranges(&env, &group).await;
        tamper(&env, &group).await;
        assert_eq!(ranges(&env, &group).await.len(), declared.len() + 1);
        let acted_at = within(Duration::from_secs(40), "the rule is revoked", || async {
            let revoked = env.sim.effects("RevokeSecurityGroupIngress").into_iter();
            let by_operator = |call: &Call| call.access_key.as_deref() == Some("operator");
            let mut ours = revoked.filter(|call| call.seq > before && by_operator(call));
            ours.next().map(|call| call.at).ok_or("no call")
        })
        .await;
        let idle = elapsed(killed_at, acted_at);
        eprintln!("the next operator acted {idle:.1?} after the kill");
        assert!(idle <= Duration::from_secs(20), "{idle:?}");
        assert_eq!(lease(&env).0, "two");
        assert_eq!(
            ranges(&env, &group).await,
            declared,
            "the stranger's rule is gone"
        );
        env
    })
    .await;
}

/// Who holds the Lease, and when it was renewed.
fn lease(env: &Env) -> (String, Option<Timestamp>) {
    let path = "jsonpath={.spec.holderIdentity} {.spec.renewTime}";
    let shown = env
        .plane
        .kubectl(&["-n", "yagura-system", "get", "lease", "yagura", "-o", path]);
    let (holder, renewed) = shown.split_once(' ').expect("two words");
    (holder.to_owned(), renewed.trim().parse().ok())
}

/// A stranger opens an environment to the world.
async fn tamper(env: &Env, group: &str) {
    let everywhere = IpRange::builder().cidr_ip("0.0.0.0/0").build();
    let rule = IpPermission::builder()
        .ip_protocol("tcp")
        .from_port(22)
        .to_port(22)
        .ip_ranges(everywhere)
        .build();
    let request = env.stranger.authorize_security_group_ingress().group_id(group);
    request.ip_permissions(rule).send().await.unwrap();
}

/// The ranges a group lets in, as AWS has them.
async fn ranges(env: &Env, group: &str) -> BTreeSet<String> {
    let request = env.stranger.describe_security_groups().group_ids(group);
    let answer = request.send().await.unwrap();
    let ingress = answer.security_groups()[0].ip_permissions().iter();
    let ranges = ingress.flat_map(IpPermission::ip_ranges);
    ranges
        .filter_map(|range| range.cidr_ip().map(str::to_owned))
        .collect()
}
