use std::time::Duration;

use yagura::{
    api::{AccessPolicy, Tenant, TenantClass},
    cluster::Cluster,
    report::conditions::is_true,
};

use super::{Broken, Settings, World};
use crate::objects::{class, key, policy, tenant};

/// A world whose one Tenant became Ready.
fn ready(seed: u64) -> World {
    let mut world = World::new(Settings::seeded(seed)).unwrap();
    world.put::<TenantClass>(class()).unwrap();
    world.put::<AccessPolicy>(policy(&["203.0.113.0/24"])).unwrap();
    world.put::<Tenant>(tenant("jira")).unwrap();
    let is_ready = |world: &World| {
        let tenant = world.cluster.cached::<Tenant>(&key("jira")).unwrap();
        let status = tenant.status.as_ref();
        status.is_some_and(|status| is_true(&status.conditions, "Ready"))
    };
    world
        .run_until("Ready", Duration::from_secs(600), is_ready)
        .unwrap();
    world
}

/// Every call, with its time and parameters.
fn calls(world: &World) -> Vec<String> {
    let calls = world.sim.calls().into_iter();
    calls
        .map(|call| format!("{} {} {:?} {}", call.at, call.operation, call.params, call.code))
        .collect()
}

#[test]
fn the_same_seed_gives_the_same_run_to_the_nanosecond() {
    let (one, other) = (calls(&ready(7)), calls(&ready(7)));
    assert!(one.len() > 20, "{one:#?}");
    assert_eq!(one, other);
    assert_ne!(one, calls(&ready(8)));
}

#[test]
fn time_passes_without_a_wait_and_a_condition_that_never_comes_is_told() {
    let mut world = ready(1);
    let before = world.sim.calls().len();
    world.run_for(Duration::from_secs(3600)).unwrap();
    assert!(
        world.sim.calls().len() > before + 400,
        "a sweep every half minute"
    );
    let never = world.run_until("never", Duration::from_secs(60), |_| false);
    assert!(matches!(never, Err(Broken::Late { .. })), "{never:?}");
}
