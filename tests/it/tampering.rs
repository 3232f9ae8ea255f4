//! Tampering: whatever a stranger changes at AWS is found, undone and told, by the operator as a process.

mod firewall;
mod stranger;

use std::future::Future;

use serde_json::Value;
use yagura::api::{AccessPolicy, Key, Tenant, TenantStatus};

pub(crate) use self::{firewall::sweeps, stranger::Stranger};
use crate::support::{Env, Truth, eventually, with_operator};

const SETUP: [&str; 3] = [
    include_str!("../../examples/00-class.yaml"),
    include_str!("../../examples/10-namespaces.yaml"),
    include_str!("../../examples/20-acme-jira.yaml"),
];

const RULE_ADDED: &str = "RuleRevoked";
const RULE_REMOVED: &str = "RuleRestored";
const DRIFT: &str = "DriftRepaired";

/// A reason and a part of the note of an event.
type Told = (&'static str, String);

pub(crate) fn key(name: &str) -> Key {
    Key::new("acme", name)
}

/// Waits until an environment is Ready; gives what is said of it then.
pub(crate) async fn until_ready(env: &Env, name: &str) -> TenantStatus {
    env.until::<Tenant, _>(&key(name), "Ready", |tenant| {
        let status = tenant.status.as_ref()?;
        let ready = status.conditions.iter().find(|one| one.type_ == "Ready")?;
        (ready.status == "True").then(|| status.clone())
    })
    .await
}

/// One environment, and how it must be.
struct Stage {
    env: Env,
    stranger: Stranger,
    instance: String,
    interface: String,
    group: String,
    /// The data volume and its device.
    volume: (String, String),
    wanted: Value,
    findings: i32,
}

impl Stage {
    fn new(env: Env, status: &TenantStatus) -> Self {
        let instance = status.instance_id.clone().unwrap();
        let group = status.security_group_id.clone().unwrap();
        let truth = Truth::of(&env.sim);
        let text = |value: &Value| value.as_str().unwrap().to_owned();
        let volume = truth
            .volumes(&instance)
            .find(|volume| volume["size"] == 200)
            .unwrap();
        Self {
            stranger: Stranger(env.stranger.clone()),
            interface: truth.interface(&instance),
            volume: (text(&volume["id"]), text(&volume["attachment"]["device"])),
            wanted: truth.guarded(&instance, &group),
            env,
            instance,
            group,
            findings: 0,
        }
    }

    /// Lets the stranger act, and waits until all is as before and told: one finding for each of `told`.
    async fn undoes<F>(&mut self, what: &str, act: impl FnOnce(Stranger) -> F, told: &[Told])
    where
        F: Future<Output = ()>,
    {
        let before = self.env.sim.calls().last().map_or(0, |call| call.seq);
        act(Stranger(self.stranger.0.clone())).await;
        eventually(&format!("{what}, and undone"), || async {
            let found = Truth::of(&self.env.sim).guarded(&self.instance, &self.group);
            if found == self.wanted { Ok(()) } else { Err(found) }
        })
        .await;
        self.print_time(what, before);
        for (reason, part) in told {
            self.env.event(&key("acme-jira"), reason, part).await;
        }
        self.findings += i32::try_from(told.len()).unwrap();
    }

    /// Prints how long the repair took by the clock of AWS.
    fn print_time(&self, what: &str, before: u64) {
        let calls = self.env.sim.calls_since(before);
        let last_by = |who: &str| {
            let mut calls = calls.iter().rev();
            calls.find(|call| call.effect && call.access_key.as_deref() == Some(who))
        };
        let done = last_by("stranger").expect("the stranger did something").at;
        let undone = last_by("operator").expect("the operator undid it").at;
        let seconds = undone.duration_since(done).as_secs_f64();
        println!("{seconds:>5.1} s  {what}");
    }

    async fn until_policy_records(&self, rule: &str) {
        self.env
            .until::<AccessPolicy, _>(&key("acme-office"), "the tampering", |policy| {
                let last = policy.status.as_ref()?.last_tampering.as_ref()?;
                last.rule.contains(rule).then_some(())
            })
            .await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn every_tampering_is_undone_and_told() {
    with_operator(async |env| {
        for manifests in SETUP {
            env.apply(manifests);
        }
        let ready = until_ready(&env, "acme-jira").await;
        let mut stage = Stage::new(env, &ready);
        change_rules(&mut stage).await;
        weaken(&mut stage).await;
        change_tags(&mut stage).await;
        change_groups(&mut stage).await;
        change_much_at_once(&mut stage).await;

        let Stage { env, findings, .. } = stage;
        let status = until_ready(&env, "acme-jira").await;
        let drift = status.drift.clone().unwrap();
        assert_eq!(drift.count, findings, "each finding is counted once");
        let last = status.last_tampering.clone().unwrap();
        assert_eq!(drift.last_seen_at, Some(last.at));
        assert!(
            last.found.contains("rule tcp 3389 from ::/0 was added"),
            "{}",
            last.found
        );
        // Each was undone in the pass that found it, so the environment was Ready all the time.
        assert_eq!(ready_since(&status), ready_since(&ready));
        env
    })
    .await;
}

fn ready_since(status: &TenantStatus) -> String {
    let ready = status.conditions.iter().find(|one| one.type_ == "Ready");
    format!(
        "{:?}",
        ready.map(|ready| (&ready.status, &ready.last_transition_time))
    )
}

async fn change_rules(stage: &mut Stage) {
    let group = stage.group.clone();
    let rule = "rule tcp 22 from 0.0.0.0/0 was added";
    stage
        .undoes(
            "a rule added",
            async |stranger| stranger.opens(&group, 22, "0.0.0.0/0").await,
            &[(RULE_ADDED, format!("{rule} to {group}"))],
        )
        .await;
    stage.until_policy_records(rule).await;
    let rule = format!("rule tcp 443 from 203.0.113.0/24 of {group} was removed");
    stage
        .undoes(
            "a rule removed",
            async |stranger| stranger.closes(&group, 443, "203.0.113.0/24").await,
            &[(RULE_REMOVED, rule.clone())],
        )
        .await;
    stage.until_policy_records(&rule).await;
    stage
        .undoes(
            "everything let out over IPv6",
            async |stranger| stranger.lets_out(&group, "::/0").await,
            &[(
                RULE_ADDED,
                format!("rule all traffic to ::/0 was added to {group}"),
            )],
        )
        .await;
}

async fn weaken(stage: &mut Stage) {
    let instance = stage.instance.clone();
    let (volume, device) = stage.volume.clone();
    stage
        .undoes(
            "metadata options weakened",
            async |stranger| stranger.weakens_metadata(&instance).await,
            &[(
                DRIFT,
                format!("metadata options of {instance} were weakened to tokens optional, hop limit 3"),
            )],
        )
        .await;
    stage
        .undoes(
            "protection switched off",
            async |stranger| stranger.unprotects(&instance).await,
            &[(
                DRIFT,
                format!("the termination protection of {instance} was switched off"),
            )],
        )
        .await;
    stage
        .undoes(
            "a volume to be deleted with its instance",
            async |stranger| stranger.dooms_volume(&instance, &device).await,
            &[(
                DRIFT,
                format!("volume {volume} ({device}) would have been deleted with {instance}"),
            )],
        )
        .await;
}

async fn change_tags(stage: &mut Stage) {
    let resources = [
        ("the instance", stage.instance.clone()),
        ("the security group", stage.group.clone()),
        ("a volume", stage.volume.0.clone()),
    ];
    for (name, id) in resources {
        stage
            .undoes(
                &format!("a tag of {name} changed"),
                async |stranger| stranger.tags(&id, "customer", "globex").await,
                &[(
                    DRIFT,
                    format!("tag yagura.dev/customer of {id} was changed to \"globex\""),
                )],
            )
            .await;
        stage
            .undoes(
                &format!("a tag of {name} removed"),
                async |stranger| stranger.untags(&id, "label").await,
                &[(DRIFT, format!("tag yagura.dev/label of {id} was removed"))],
            )
            .await;
        // Without this one it is in no listing of ours.
        stage
            .undoes(
                &format!("the cluster tag of {name} removed"),
                async |stranger| stranger.untags(&id, "cluster").await,
                &[(DRIFT, format!("tag yagura.dev/cluster of {id} was removed"))],
            )
            .await;
    }
}

async fn change_groups(stage: &mut Stage) {
    let (interface, own) = (stage.interface.clone(), stage.group.clone());
    let foreign = stage.stranger.makes_group("backdoor").await;
    let off = format!("security group {foreign} on interface {interface} does not belong there");
    stage
        .undoes(
            "a foreign group attached",
            async |stranger| stranger.puts_into(&interface, &[&own, &foreign]).await,
            &[(DRIFT, off.clone())],
        )
        .await;
    stage
        .undoes(
            "its own group exchanged for a foreign one",
            async |stranger| stranger.puts_into(&interface, &[&foreign]).await,
            &[
                (DRIFT, off),
                (
                    DRIFT,
                    format!("security group {own} was missing on interface {interface}"),
                ),
            ],
        )
        .await;
}

/// What was found last is the rule, whatever else was found with it.
async fn change_much_at_once(stage: &mut Stage) {
    let (instance, group, volume) = (
        stage.instance.clone(),
        stage.group.clone(),
        stage.volume.0.clone(),
    );
    let rule = "rule tcp 3389 from ::/0 was added";
    let told = [
        (RULE_ADDED, format!("{rule} to {group}")),
        (DRIFT, format!("metadata options of {instance} were weakened")),
        (DRIFT, format!("tag yagura.dev/uid of {instance} was removed")),
        (DRIFT, format!("tag yagura.dev/role of {volume} was removed")),
    ];
    let act = async |stranger: Stranger| {
        tokio::join!(
            stranger.weakens_metadata(&instance),
            stranger.untags(&instance, "uid"),
            stranger.untags(&volume, "role"),
        );
        stranger.opens(&group, 3389, "::/0").await;
    };
    stage.undoes("four things at once", act, &told).await;
    stage.until_policy_records(rule).await;
}
