//! The environment's own security group: there, ours, and holding exactly the accepted rules.

use std::collections::BTreeSet;

use super::{
    Finding, Lacking, Standing, TenantAction, TenantDesired, TenantStep, TenantWorld, lack, push_tags,
    standing_of,
};
use crate::{
    api::{Reason, names},
    cloud::{NewGroup, Observed, Rule, SecurityGroup, Tags},
    plan::{
        Plan,
        firewall::{RULE_QUOTA, RuleChange, RuleStep, describe, plan_rules},
    },
};

/// The environment's own group as it was observed.
#[derive(Clone, Copy)]
pub(super) struct Own<'a> {
    pub(super) group: &'a SecurityGroup,
    /// Whether its rules were exact before this plan.
    pub(super) is_exact: bool,
}

/// Plans the group; answers with it where it is there and ours.
pub(super) fn plan_group<'a>(
    desired: &TenantDesired,
    world: &'a TenantWorld,
    plan: &mut Plan<TenantStep>,
) -> Option<Own<'a>> {
    let group = match &world.group {
        Observed::Unknown => {
            plan.wait(Reason::ViewStale, "what AWS holds is not known at the moment");
            return None;
        }
        Observed::Absent => {
            plan_creation(desired, world, plan);
            return None;
        }
        Observed::Present(group) => group,
    };
    if standing(desired, world, group) == Standing::Foreign {
        plan.wait(
            Reason::ForeignGroup,
            format!(
                "security group {} has the name {} but not our tags: rename or delete it",
                group.id, group.name
            ),
        );
        return None;
    }
    let mut lacking = Lacking::new();
    lack(
        &mut lacking,
        group.id.as_str(),
        &desired.identity.tags(),
        &group.tags,
    );
    // Without the cluster tag a policy may permit nothing else with the group.
    let lacks_ours = |tags: &Tags| tags.contains_key(names::tags::CLUSTER);
    let (first, last): (Lacking, Lacking) = lacking.into_iter().partition(|(tags, _)| lacks_ours(tags));
    push_tags(first, plan);
    let calls = plan_rules(
        &desired.rules,
        &Observed::Present(group.rules.clone()),
        RULE_QUOTA,
    );
    let is_exact = calls.is_empty();
    for change in calls {
        let findings = findings_of(&change, group, world.previous_rules.as_ref());
        plan.steps.push(TenantStep {
            action: TenantAction::ChangeRules {
                group: group.id.clone(),
                change,
            },
            findings,
        });
    }
    push_tags(last, plan);
    Some(Own { group, is_exact })
}

fn standing(desired: &TenantDesired, world: &TenantWorld, group: &SecurityGroup) -> Standing {
    let attached = world.instance.present().is_some_and(|instance| {
        desired.identity.incarnation_of(instance).is_some()
            && instance
                .interfaces
                .iter()
                .any(|interface| interface.groups.contains(&group.id))
    });
    standing_of(&desired.identity.tags(), group, attached)
}

/// A group is made for an instance: one that is there, or one that may be launched.
fn plan_creation(desired: &TenantDesired, world: &TenantWorld, plan: &mut Plan<TenantStep>) {
    let identity = &desired.identity;
    let serves = match &world.bound {
        None => desired.launch.is_some(),
        Some(_) => world
            .instance
            .present()
            .is_some_and(|instance| instance.state.is_live() && identity.incarnation_of(instance).is_some()),
    };
    let Some(vpc_id) = desired.vpc_id.as_ref().filter(|_| serves) else {
        return;
    };
    let findings = world.bound.iter().map(|id| {
        Finding::drift(format!(
            "the security group of {id} was deleted by someone else and was made again"
        ))
    });
    plan.steps.push(TenantStep {
        findings: findings.collect(),
        action: TenantAction::CreateGroup(NewGroup {
            name: identity.group_name(),
            description: format!("Yagura: the environment {}", identity.label),
            vpc_id: vpc_id.clone(),
            tags: identity.tags(),
        }),
    });
    plan.wait(Reason::GroupChanging, "the security group is being made");
}

/// What a change of rules undoes, as far as it is somebody else's doing and not a change of the policy.
fn findings_of(change: &RuleStep, group: &SecurityGroup, previous: Option<&BTreeSet<Rule>>) -> Vec<Finding> {
    let Some(previous) = previous else {
        return Vec::new();
    };
    let finding = |rule: &Rule| match change.change {
        RuleChange::Authorize => previous.contains(rule).then(|| Finding {
            reason: Reason::RuleRestored,
            message: format!(
                "rule {} of {} was removed by someone else and was put back",
                describe(rule),
                group.id
            ),
        }),
        RuleChange::Revoke => (!previous.contains(rule)).then(|| Finding {
            reason: Reason::RuleRevoked,
            message: format!(
                "rule {} was added to {} by someone else and was removed",
                describe(rule),
                group.id
            ),
        }),
    };
    change.rules.iter().filter_map(finding).collect()
}
