//! An isolation and its undoing, cut off at each of their calls by SIGKILL and by lost messages, on either side of the
//! effect.
//!
//! Whatever was cut, the groups from before stay on record, the quarantine group is never one of them, and the end is
//! the one that the Incident asks for. What AWS holds is read from simulated AWS itself, never from the operator.

use std::collections::BTreeSet;

use simaws::{Call, Effect, FaultKind, FaultSpec, Matching};
use yagura::{
    api::{Incident, IncidentPhase, IncidentStatus, Key, Tenant},
    report::conditions::is_true,
};

use crate::{
    incident::{contain, file, until_status},
    support::{Env, Truth, eventually, with_operator},
};

const CLASS: &str = include_str!("../../examples/00-class.yaml");
const NAMESPACES: &str = include_str!("../../examples/10-namespaces.yaml");
const TENANT: &str = include_str!("../../examples/20-acme-jira.yaml");

/// How the names of quarantine groups begin.
const QUARANTINE: &str = "yagura-quarantine-";

/// A call of an isolation or of its undoing. Before the first of them the groups are recorded.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Step {
    /// The quarantine group is made, where it is not there.
    MakeQuarantine,
    /// The rule that AWS gives every new group is taken out of it.
    EmptyQuarantine,
    /// The interface is moved into it.
    Isolate,
    /// The interface gets the groups of a connected one. Then it is recorded as connected.
    Reconnect,
}

impl Step {
    fn operation(self) -> &'static str {
        match self {
            Self::MakeQuarantine => "CreateSecurityGroup",
            Self::EmptyQuarantine => "RevokeSecurityGroupEgress",
            Self::Isolate | Self::Reconnect => "ModifyNetworkInterfaceAttribute",
        }
    }
}

/// How a call is cut off.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
enum Cut {
    /// The operator dies after it sent the call, before AWS does anything.
    KilledBefore,
    /// The operator dies after AWS did it, before the answer comes.
    KilledAfter,
    /// The call gets lost, and the operator lives.
    RequestLost,
    /// The answer gets lost, and the operator lives.
    AnswerLost,
}

impl Cut {
    const ALL: [Self; 4] = [
        Self::KilledBefore,
        Self::KilledAfter,
        Self::RequestLost,
        Self::AnswerLost,
    ];

    fn kills(self) -> bool {
        matches!(self, Self::KilledBefore | Self::KilledAfter)
    }

    fn takes_effect(self) -> bool {
        matches!(self, Self::KilledAfter | Self::AnswerLost)
    }

    fn fault(self, step: Step) -> FaultSpec {
        let kind = if self.kills() {
            FaultKind::Hold
        } else {
            FaultKind::Drop
        };
        FaultSpec::new(step.operation(), kind).striking(if self.takes_effect() {
            Effect::After
        } else {
            Effect::Before
        })
    }
}

/// An installation with one environment, connected as it should be.
struct Ground {
    env: Env,
    instance: String,
    /// The Tenant's own group.
    own: String,
    /// Its rules.
    rules: BTreeSet<String>,
    /// The groups on the interface: the Tenant's own and a shared one.
    connected: BTreeSet<String>,
    incidents: Vec<String>,
}

impl Ground {
    async fn prepare(env: Env) -> Self {
        let request = env.stranger.create_security_group().group_name("shared");
        let request = request.description("of the platform team");
        let shared = request.vpc_id(simaws::DEFAULT_VPC_ID).send().await.unwrap();
        let shared = shared.group_id.unwrap();
        let class = CLASS.replace(
            "  network:\n",
            &format!("  network:\n    baseGroupIds: [{shared}]\n"),
        );
        assert_ne!(class, CLASS, "the class has a shared group");
        for manifests in [&class, NAMESPACES, TENANT] {
            env.apply(manifests);
        }
        let key = Key::new("acme", "acme-jira");
        let (instance, own) = env
            .until::<Tenant, _>(&key, "Ready", |tenant| {
                let status = tenant.status.as_ref()?;
                let made = status.instance_id.clone().zip(status.security_group_id.clone());
                is_true(&status.conditions, "Ready").then_some(made)?
            })
            .await;
        let truth = Truth::of(&env.sim);
        let connected = BTreeSet::from([own.clone(), shared]);
        assert_eq!(truth.groups_on(&instance), connected);
        Self {
            rules: truth.rules(&own),
            env,
            instance,
            own,
            connected,
            incidents: Vec::new(),
        }
    }

    fn truth(&self) -> Truth {
        Truth::of(&self.env.sim)
    }

    fn file(&mut self, name: &str) {
        file(&self.env, name);
        self.incidents.push(name.to_owned());
    }

    /// The groups that an Incident has on record; `None` before it recorded any.
    async fn recorded(&self, name: &str) -> Option<BTreeSet<String>> {
        let incident = self.env.object::<Incident>(&Key::new("acme", name)).await;
        let isolated = incident.and_then(|incident| incident.status)?.isolated;
        assert!(isolated.len() <= 1, "one interface, one entry: {isolated:?}");
        let entry = isolated.into_iter().next()?;
        Some(entry.security_group_ids.into_iter().collect())
    }

    /// Cuts the next call of this step off that names this.
    fn arm(&self, step: Step, cut: Cut, names: &str) -> String {
        self.env.sim.add_fault(FaultSpec {
            matching: Some(Matching {
                param: None,
                contains: names.to_owned(),
            }),
            ..cut.fault(step)
        })
    }

    /// Waits until the call is cut off, and if the operator is to die of it, kills it; gives the call.
    async fn strike(&mut self, step: Step, cut: Cut, fault: &str) -> Call {
        let sim = &self.env.sim;
        eventually(&format!("{step:?} comes to be {cut:?}"), || async {
            let status = sim.faults().into_iter().find(|status| status.id == fault);
            let status = status.expect("the fault is in force");
            let has_come = status.fired > 0 && (!cut.kills() || !status.held.is_empty());
            if has_come { Ok(()) } else { Err(status) }
        })
        .await;
        if cut.kills() {
            self.env.kill_operator("one");
            // The connection is gone: what has not taken place never will.
            eventually("nothing is held", || async {
                let faults = self.env.sim.faults();
                let held: Vec<_> = faults.into_iter().flat_map(|status| status.held).collect();
                if held.is_empty() { Ok(()) } else { Err(held) }
            })
            .await;
        }
        let calls = self.env.sim.calls().into_iter();
        let mut struck = calls.filter(|call| call.fault.as_deref() == Some(fault));
        let (Some(call), None) = (struck.next(), struck.next()) else {
            panic!("not one call was {cut:?} at {step:?}")
        };
        assert_eq!(call.access_key.as_deref(), Some("operator"), "{call:?}");
        assert_eq!(
            call.effect,
            cut.takes_effect(),
            "cut off on the wrong side: {call:?}"
        );
        assert!(!call.delivered, "the operator was told: {call:?}");
        call
    }

    async fn start(&mut self) {
        self.env.start_operator("one").await;
    }

    /// An Incident ends in quarantine, with the right groups on record.
    async fn check_contained(&self, name: &str) {
        let status = until_status(&self.env, name, "contained", |status| {
            status.phase == Some(IncidentPhase::Contained)
        })
        .await;
        let truth = self.truth();
        let quarantine = truth.group_named(QUARANTINE);
        assert_eq!(
            truth.groups_on(&self.instance),
            BTreeSet::from([quarantine.clone()])
        );
        assert_eq!(truth.rules(&quarantine), BTreeSet::new());
        self.check_record(name, &status);
    }

    /// The undoing of an Incident ends in the groups of a connected interface, the Tenant's own as it was.
    async fn check_reconnected(&self, name: &str) {
        let status = until_status(&self.env, name, "reconnected", |status| {
            status.isolated.iter().all(|entry| entry.reconnected_at.is_some())
        })
        .await;
        let truth = self.truth();
        assert_eq!(truth.groups_on(&self.instance), self.connected);
        assert_eq!(
            truth.rules(&self.own),
            self.rules,
            "the Tenant's own group is exact"
        );
        self.check_record(name, &status);
    }

    fn check_record(&self, name: &str, status: &IncidentStatus) {
        let [entry] = status.isolated.as_slice() else {
            panic!("{name}: {status:?}")
        };
        assert_eq!(entry.network_interface_id, self.truth().interface(&self.instance));
        let recorded: BTreeSet<_> = entry.security_group_ids.iter().cloned().collect();
        assert_eq!(recorded, self.connected, "{name}");
    }

    /// Nothing that came later touched any record.
    async fn check_every_record(&self) {
        for name in &self.incidents {
            assert_eq!(
                self.recorded(name).await.as_ref(),
                Some(&self.connected),
                "{name}"
            );
        }
    }

    /// An isolation and its undoing, the swap of both cut off in the same way.
    async fn swaps(&mut self, cut: Cut) {
        let name = format!("{cut:?}").to_lowercase();
        let quarantine = self.truth().group_named(QUARANTINE);
        let fault = self.arm(Step::Isolate, cut, &quarantine);
        self.file(&name);
        self.strike(Step::Isolate, cut, &fault).await;
        // An interface is recorded before it is touched.
        assert_eq!(self.recorded(&name).await.as_ref(), Some(&self.connected));
        if cut.kills() {
            let stands_in = if cut.takes_effect() {
                BTreeSet::from([quarantine])
            } else {
                self.connected.clone()
            };
            assert_eq!(self.truth().groups_on(&self.instance), stands_in);
            self.start().await;
        }
        self.check_contained(&name).await;

        let fault = self.arm(Step::Reconnect, cut, &self.own);
        contain(&self.env, &name, "None");
        self.strike(Step::Reconnect, cut, &fault).await;
        if cut.kills() {
            self.start().await;
        }
        self.check_reconnected(&name).await;
    }

    /// An isolation for which the quarantine group has to be made first, cut off on the way there.
    async fn quarantine(&mut self, step: Step, cut: Cut) {
        let name = format!("{step:?}-{cut:?}").to_lowercase();
        // While no operator runs, so that the next one makes it for the Incident and not before.
        self.env.kill_operator("one");
        let gone = self.truth().group_named(QUARANTINE);
        let request = self.env.stranger.delete_security_group().group_id(gone);
        request.send().await.unwrap();
        self.file(&name);
        let names = match step {
            Step::MakeQuarantine => QUARANTINE,
            Step::EmptyQuarantine | Step::Isolate | Step::Reconnect => "sg-",
        };
        let fault = self.arm(step, cut, names);
        self.start().await;
        let call = self.strike(step, cut, &fault).await;
        if step == Step::EmptyQuarantine {
            assert_eq!(call.params["GroupId"], self.truth().group_named(QUARANTINE));
        }
        // Nothing is moved before the group is there and empty, and nothing but the truth is on record.
        if cut.kills() {
            assert_eq!(self.truth().groups_on(&self.instance), self.connected);
            let recorded = self.recorded(&name).await;
            assert!(
                recorded.is_none_or(|recorded| recorded == self.connected),
                "{name}"
            );
            self.start().await;
        }
        self.check_contained(&name).await;
        contain(&self.env, &name, "None");
        self.check_reconnected(&name).await;
    }

    /// Two Incidents of one environment, the second filed while the first one's swap is known to nobody.
    async fn two_incidents(&mut self) {
        let quarantine = self.truth().group_named(QUARANTINE);
        let fault = self.arm(Step::Isolate, Cut::KilledAfter, &quarantine);
        self.file("first");
        self.strike(Step::Isolate, Cut::KilledAfter, &fault).await;
        self.file("second");
        self.start().await;
        self.check_contained("first").await;
        self.check_contained("second").await;
        contain(&self.env, "first", "None");
        contain(&self.env, "second", "None");
        self.check_reconnected("second").await;
        self.check_reconnected("first").await;
    }
}

#[tokio::test(flavor = "multi_thread")]
async fn a_swap_cut_off_on_the_way_there_or_back_loses_no_originals() {
    with_operator(async |env| {
        let mut ground = Ground::prepare(env).await;
        for cut in Cut::ALL {
            ground.swaps(cut).await;
        }
        ground.two_incidents().await;
        ground.check_every_record().await;
        ground.env
    })
    .await;
}

#[tokio::test(flavor = "multi_thread")]
async fn a_quarantine_group_cut_off_in_the_making_is_never_taken_for_an_original() {
    with_operator(async |env| {
        let mut ground = Ground::prepare(env).await;
        for cut in Cut::ALL {
            for step in [Step::MakeQuarantine, Step::EmptyQuarantine] {
                ground.quarantine(step, cut).await;
            }
        }
        ground.check_every_record().await;
        ground.env
    })
    .await;
}
