//! The security group that isolates: one per class and VPC, without any rule, egress included.
//!
//! Deliberately absent: moving interfaces into it. That is an Incident's work.

use std::collections::BTreeSet;

use crate::{
    api::{Reason, names},
    cloud::{NewGroup, Observed, Rule, SecurityGroup, SecurityGroupId, Tags, VpcId},
    plan::{
        Plan,
        firewall::{RULE_QUOTA, RuleStep, describe, plan_rules},
        tenant::{Finding, Standing, drifted_tags, standing_of},
    },
};

/// A class as its quarantine group needs it.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ClassIdentity {
    /// The tag `yagura.dev/cluster`.
    pub cluster: String,
    /// The tag `yagura.dev/cluster-uid`.
    pub cluster_uid: String,
    /// The class's name.
    pub name: String,
    /// The class's uid: its name may come back with another meaning.
    pub uid: String,
}

/// The name of the quarantine group of the class with this uid.
pub fn quarantine_name(class_uid: &str) -> String {
    format!("yagura-quarantine-{class_uid}")
}

impl ClassIdentity {
    /// The quarantine group in this VPC.
    pub fn quarantine(&self, vpc_id: &VpcId) -> NewGroup {
        let tags = [
            (names::tags::CLUSTER, self.cluster.as_str()),
            (names::tags::CLUSTER_UID, &self.cluster_uid),
            (names::tags::CLASS, &self.name),
            (names::tags::UID, &self.uid),
            (names::tags::ROLE, names::roles::QUARANTINE),
        ];
        NewGroup {
            name: quarantine_name(&self.uid),
            description: "Yagura: isolates instances, so it has no rule".to_owned(),
            vpc_id: vpc_id.clone(),
            tags: tags
                .into_iter()
                .map(|(key, value)| (key.to_owned(), value.to_owned()))
                .collect(),
        }
    }
}

/// One step of keeping the quarantine group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum ClassStep {
    /// Makes it. AWS gives it an allow-all egress rule, which the next plan revokes.
    CreateGroup(NewGroup),
    /// Removes rules.
    ChangeRules {
        /// The group.
        group: SecurityGroupId,
        /// The call.
        change: RuleStep,
        /// What it repairs.
        findings: Vec<Finding>,
    },
    /// Puts tags back.
    SetTags {
        /// The group.
        group: SecurityGroupId,
        /// The tags.
        tags: Tags,
        /// What it repairs.
        findings: Vec<Finding>,
    },
}

/// What is known of a class's quarantine group.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct QuarantineWorld {
    /// The group of that name in that VPC, whoever made it.
    pub group: Observed<SecurityGroup>,
    /// Whether it was empty before, so that a rule in it is somebody else's.
    pub was_empty: bool,
}

/// The steps that make the quarantine group exist, be ours and be empty.
pub fn plan_quarantine(desired: &NewGroup, world: &QuarantineWorld) -> Plan<ClassStep> {
    let mut plan = Plan::default();
    let group = match &world.group {
        Observed::Unknown => {
            plan.wait(Reason::ViewStale, "what AWS holds is not known at the moment");
            return plan;
        }
        Observed::Absent => {
            plan.steps.push(ClassStep::CreateGroup(desired.clone()));
            return plan;
        }
        Observed::Present(group) => group,
    };
    if standing_of(&desired.tags, group, false) == Standing::Foreign {
        plan.wait(
            Reason::ForeignGroup,
            format!(
                "security group {} has the name {} but not our tags: rename or delete it, or give it the tag {}",
                group.id,
                group.name,
                names::tags::UID,
            ),
        );
        return plan;
    }
    let retag = retag(desired, group);
    // Without the cluster tag a policy may permit nothing else with the group.
    let (first, last) = match retag {
        Some(ClassStep::SetTags { ref tags, .. }) if tags.contains_key(names::tags::CLUSTER) => (retag, None),
        retag => (None, retag),
    };
    plan.steps.extend(first);
    for change in plan_rules(
        &BTreeSet::new(),
        &Observed::Present(group.rules.clone()),
        RULE_QUOTA,
    ) {
        let findings = if world.was_empty {
            change.rules.iter().map(|rule| intruder(group, rule)).collect()
        } else {
            Vec::new()
        };
        plan.steps.push(ClassStep::ChangeRules {
            group: group.id.clone(),
            change,
            findings,
        });
    }
    plan.steps.extend(last);
    plan
}

/// Puts the tags back that the group lacks.
fn retag(desired: &NewGroup, group: &SecurityGroup) -> Option<ClassStep> {
    let (tags, findings) = drifted_tags(group.id.as_str(), &desired.tags, &group.tags);
    (!tags.is_empty()).then(|| ClassStep::SetTags {
        group: group.id.clone(),
        tags,
        findings,
    })
}

fn intruder(group: &SecurityGroup, rule: &Rule) -> Finding {
    Finding {
        reason: Reason::RuleRevoked,
        message: format!(
            "rule {} added by someone else was removed from the quarantine group {}",
            describe(rule),
            group.id,
        ),
    }
}

#[cfg(test)]
mod simulate;
#[cfg(test)]
mod tests;
