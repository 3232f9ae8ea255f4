//! What a plan would change, written out for whoever decides on it: one item for each rule, tag or setting.
//!
//! It is made from the very steps of the plan, so a preview cannot differ from the act. Steps of which only Kubernetes
//! learns make no item.
//!
//! A plan holds what can be done now, and a firewall comes before the instance behind it; so the preview looks ahead: it
//! lets the group be as the plan would make it, and plans again. The allow-all rule that AWS gives a new group, and
//! that goes at once, is no item.
//!
//! Deliberately absent: times and rights. The same plan has the same hash, whenever and by whomever it is made.

mod items;
mod probes;

use std::collections::BTreeSet;

use jiff::Timestamp;
pub use probes::probes;
use sha2::{Digest, Sha256};

use super::{
    Plan,
    firewall::RuleChange,
    tenant::{TenantAction, TenantDesired, TenantIdentity, TenantStep, TenantWorld, plan_tenant},
};
use crate::{
    api::{PlanOp, PlannedChange, TenantPlan},
    cloud::{Observed, Operation, SecurityGroup},
    text::hexadecimal,
};

/// How many changes a status shows.
const MOST: usize = 64;

/// How often it is planned again, as the group becomes what it will be: made, then exact.
const ROUNDS: usize = 3;

/// The longest texts that fit the fields of the status.
const RESOURCE_MAX: usize = 255;
const FIELD_MAX: usize = 160;
const VALUE_MAX: usize = 512;

/// One change in AWS.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord)]
pub struct Change {
    /// What is done. It stands first: what is made is told before what is changed.
    pub op: PlanOp,
    /// To what: its id, or the name it will have.
    pub resource: String,
    /// To which part of it.
    pub field: String,
    /// What is there now, as far as it is known.
    pub from: Option<String>,
    /// What will be there.
    pub to: Option<String>,
    /// Whether it may break what the environment serves.
    pub disruptive: bool,
    /// The call that does it.
    pub operation: Operation,
}

/// Which steps are previewed.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Scope {
    /// What the plan holds back.
    Held,
    /// All of it, held back or not.
    All,
}

impl Scope {
    fn take(self, plan: Plan<TenantStep>) -> Vec<TenantStep> {
        match self {
            Self::Held => plan.held,
            Self::All => plan.steps.into_iter().chain(plan.held).collect(),
        }
    }
}

/// All that a plan would change, at least one thing.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Preview {
    changes: Vec<Change>,
}

impl Preview {
    /// The preview of these steps; `None` where they change nothing in AWS.
    pub fn of(identity: &TenantIdentity, world: &TenantWorld, steps: &[TenantStep]) -> Option<Self> {
        let mut changes: Vec<_> = steps
            .iter()
            .flat_map(|step| items::of(identity, world, &step.action))
            .collect();
        // By what they are, so that no listing's order shows. One thing is said once.
        changes.sort();
        changes.dedup();
        (!changes.is_empty()).then_some(Self { changes })
    }

    /// Every change.
    pub fn changes(&self) -> &[Change] {
        &self.changes
    }

    /// How many may break something.
    pub fn disruptive(&self) -> usize {
        self.changes.iter().filter(|change| change.disruptive).count()
    }

    /// How much it is, in words.
    pub fn summary(&self) -> String {
        let count = self.changes.len();
        let changes = if count == 1 { "change" } else { "changes" };
        match self.disruptive() {
            0 => format!("{count} {changes} planned"),
            disruptive => format!("{count} {changes} planned, {disruptive} disruptive"),
        }
    }

    /// A SHA-256 over every change.
    pub fn hash(&self) -> String {
        let mut digest = Sha256::new();
        for change in &self.changes {
            let parts = [
                Some(change.op.as_str()),
                Some(&change.resource),
                Some(&change.field),
                change.from.as_deref(),
                change.to.as_deref(),
            ];
            for part in parts {
                // Lengths keep two parts from reading as one, and nothing apart from an empty text.
                let length = part.map_or_else(|| "-".to_owned(), |part| part.len().to_string());
                digest.update(format!("{length}:{}\n", part.unwrap_or_default()));
            }
        }
        hexadecimal(&digest.finalize())
    }

    /// The changes as a status shows them, all of them, with what `permitted` says of each call.
    pub fn items(&self, permitted: impl Fn(Operation) -> Option<bool>) -> Vec<PlannedChange> {
        let item = |change: &Change| shown(change, permitted(change.operation));
        self.changes.iter().map(item).collect()
    }

    /// What a status says, bounded.
    pub fn status(&self, permitted: impl Fn(Operation) -> Option<bool>) -> TenantPlan {
        let mut shown: Vec<_> = self.changes.iter().collect();
        let more = shown.len().saturating_sub(MOST);
        if more > 0 {
            // Stable: each part keeps its order.
            shown.sort_by_key(|change| !change.disruptive);
            shown.truncate(MOST);
            shown.sort();
        }
        let shown = Self {
            changes: shown.into_iter().cloned().collect(),
        };
        TenantPlan {
            items: shown.items(permitted),
            more: (more > 0).then(|| i32::try_from(more).unwrap_or(i32::MAX)),
            hash: self.hash(),
        }
    }
}

fn shown(change: &Change, permitted: Option<bool>) -> PlannedChange {
    let value = |text: &Option<String>| text.as_deref().map(|text| shortened(text, VALUE_MAX));
    PlannedChange {
        op: change.op,
        resource: shortened(&change.resource, RESOURCE_MAX),
        field: shortened(&change.field, FIELD_MAX),
        from: value(&change.from),
        to: value(&change.to),
        disruptive: change.disruptive,
        permitted,
    }
}

/// The text, or as much of it as fits. The API server counts characters.
fn shortened(text: &str, most: usize) -> String {
    if text.chars().count() <= most {
        return text.to_owned();
    }
    let kept: String = text.chars().take(most.saturating_sub(1)).collect();
    format!("{kept}…")
}

/// The steps of a plan, and those that would follow when its group is made and exact.
pub fn foresee(
    desired: &TenantDesired,
    world: &TenantWorld,
    plan: &Plan<TenantStep>,
    (scope, now): (Scope, Timestamp),
) -> Vec<TenantStep> {
    let mut steps = scope.take(plan.clone());
    let mut world = world.clone();
    let mut fresh = 0;
    for _ in 0..ROUNDS {
        let mut is_reshaped = false;
        for step in steps.get(fresh..).unwrap_or_default() {
            is_reshaped |= reshape(&mut world, &step.action);
        }
        if !is_reshaped {
            break;
        }
        fresh = steps.len();
        for step in scope.take(plan_tenant(desired, &world, now)) {
            if steps.iter().all(|known| known.action != step.action) {
                steps.push(step);
            }
        }
    }
    steps
}

/// Lets the group be as this step makes it; says whether it does anything to it.
fn reshape(world: &mut TenantWorld, action: &TenantAction) -> bool {
    match action {
        TenantAction::CreateGroup(new) => {
            world.group = Observed::Present(SecurityGroup {
                // AWS gives the id; until then its name stands for it.
                id: new.name.as_str().into(),
                name: new.name.clone(),
                vpc_id: new.vpc_id.clone(),
                rules: BTreeSet::new(),
                tags: new.tags.clone(),
            });
            true
        }
        TenantAction::ChangeRules { change, .. } => {
            let Observed::Present(group) = &mut world.group else {
                return false;
            };
            match change.change {
                RuleChange::Authorize => group.rules.extend(change.rules.iter().cloned()),
                RuleChange::Revoke => group.rules.retain(|rule| !change.rules.contains(rule)),
            }
            true
        }
        _ => false,
    }
}
