//! The planner on a simulated AWS: what it plans is carried out by calls and observed again.

use std::collections::BTreeSet;

use proptest::{collection, prelude::*, sample::select};
use simaws::FaultKind;

use super::stage::Stage;
use crate::{
    api::Containment,
    cloud::{Direction, SecurityGroupId},
};

/// What stands on the interface before the Incident.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord)]
enum Before {
    Own,
    Evil,
    Other,
    Quarantine,
}

/// What goes wrong with a call.
#[derive(Clone, Copy, Debug)]
struct Mishap {
    operation: &'static str,
    kind: FaultKind,
    /// How many such calls pass first.
    skip: u32,
}

#[derive(Clone, Debug)]
struct Case {
    before: BTreeSet<Before>,
    /// Whether the quarantine group is there before, and has a stranger's rule.
    quarantine: Option<bool>,
    mishaps: Vec<Mishap>,
    second: bool,
}

const OPERATIONS: &[&str] = &[
    "ModifyNetworkInterfaceAttribute",
    "CreateSecurityGroup",
    "RevokeSecurityGroupEgress",
    "RevokeSecurityGroupIngress",
    "DescribeInstances",
    "DescribeSecurityGroups",
];

fn cases() -> impl Strategy<Value = Case> {
    let before = select(vec![Before::Own, Before::Evil, Before::Other, Before::Quarantine]);
    // An answer that is cut short tells no more than one that never came, and needs no waiting.
    let kind = select(vec![FaultKind::Error, FaultKind::Truncate]);
    let mishap = (select(OPERATIONS), kind, 0..3_u32).prop_map(|(operation, kind, skip)| Mishap {
        operation,
        kind,
        skip,
    });
    (
        collection::btree_set(before, 1..=3),
        prop_oneof![Just(None), Just(Some(false)), Just(Some(true))],
        collection::vec(mishap, 0..=4),
        any::<bool>(),
    )
        .prop_map(|(before, quarantine, mishaps, second)| Case {
            before,
            quarantine,
            mishaps,
            second,
        })
}

/// Makes the case's world; gives the groups that stand on the interface but for the quarantine group.
async fn arrange(stage: &Stage, case: &Case) -> BTreeSet<SecurityGroupId> {
    let own = stage.groups().await;
    let evil = stage.make_group("evil").await;
    let other = stage.make_group("other").await;
    let needs_quarantine = case.before.contains(&Before::Quarantine);
    let mut groups = BTreeSet::new();
    if case.quarantine.is_some() || needs_quarantine {
        let quarantine = stage.make_quarantine().await;
        if case.quarantine == Some(true) {
            stage
                .authorize(&quarantine, Direction::Ingress, "198.51.100.0/24")
                .await;
        }
        if needs_quarantine {
            groups.insert(quarantine);
        }
    }
    let mut connected = BTreeSet::new();
    for before in &case.before {
        match before {
            Before::Own => connected.extend(own.iter().cloned()),
            Before::Evil => connected.extend([evil.clone()]),
            Before::Other => connected.extend([other.clone()]),
            Before::Quarantine => {}
        }
    }
    groups.extend(connected.iter().cloned());
    stage.set_groups(&groups).await;
    stage.sweep().await;
    // By hand, so that the true ones are not known.
    if connected.is_empty() { own } else { connected }
}

async fn isolate_and_undo(case: &Case) -> Result<(), TestCaseError> {
    let stage = Stage::new().await;
    let own = stage.groups().await;
    let originals = arrange(&stage, case).await;
    for mishap in &case.mishaps {
        stage.mishap(mishap.operation, mishap.kind, mishap.skip);
    }
    stage.file("Isolate");
    if case.second {
        stage.file_named("second", "Isolate");
    }
    stage.settle().await;
    stage.advance_once().await;
    stage.sim.clear_faults();
    stage.advance_once().await;

    let quarantine = stage.quarantine().await.unwrap();
    prop_assert!(quarantine.rules.is_empty());
    prop_assert_eq!(stage.groups().await, BTreeSet::from([quarantine.id.clone()]));
    let names: &[&str] = if case.second { &["one", "second"] } else { &["one"] };
    for name in names {
        let recorded: BTreeSet<_> = stage.status_of(name).isolated[0]
            .security_group_ids
            .iter()
            .map(|id| SecurityGroupId::from(id.as_str()))
            .collect();
        prop_assert_eq!(&recorded, &originals, "of {}", name);
    }
    prop_assert_eq!(stage.condition("Ready"), ("True", "Isolated"));
    at_rest(&stage).await?;

    for mishap in &case.mishaps {
        stage.mishap(mishap.operation, mishap.kind, mishap.skip);
    }
    for name in names {
        stage.edit_named(name, |incident| incident.spec.containment = Containment::None);
        stage.settle().await;
    }
    stage.advance_once().await;
    stage.sim.clear_faults();
    stage.advance_once().await;
    prop_assert_eq!(stage.groups().await, own);
    for name in names {
        prop_assert!(stage.status_of(name).isolated[0].reconnected_at.is_some());
    }
    at_rest(&stage).await
}

/// A converged world plans nothing: another pass calls nothing and writes nothing.
async fn at_rest(stage: &Stage) -> Result<(), TestCaseError> {
    let before = (stage.cluster.writes(), stage.calls().len());
    stage.wake_all();
    stage.settle().await;
    prop_assert_eq!((stage.cluster.writes(), stage.calls().len()), before);
    Ok(())
}

proptest! {
    // Each case is some fifty calls.
    #![proptest_config(ProptestConfig::with_cases(64))]

    #[test]
    fn isolating_and_undoing_on_a_simulated_aws_converge_whatever_fails_in_between(case in cases()) {
        let runtime = tokio::runtime::Builder::new_current_thread().enable_all().build().unwrap();
        runtime.block_on(isolate_and_undo(&case))?;
    }
}
