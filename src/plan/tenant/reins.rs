//! How far a plan is carried out: what the mode or a suspension keeps from it.
//!
//! The plan is the same in every mode, so a preview shows what Enforce would do. What may not be done is held back here,
//! after everything was planned.

use super::{TenantAction, TenantStep};
use crate::{api::Mode, plan::Plan};

/// How far a plan is carried out.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Reins {
    /// All of it.
    #[default]
    Enforce,
    /// Only tags: backups find what they need, and nothing that serves the customer changes.
    Protect,
    /// Nothing in AWS.
    Observe,
    /// Nothing in AWS, for a while: why.
    Suspended(String),
}

impl Reins {
    /// The reins of a mode, unless somebody suspended it, and why.
    pub fn new(mode: Mode, suspended: Option<String>) -> Self {
        match (mode, suspended) {
            // It writes nothing anyway, and says so in its own word.
            (Mode::Observe, _) => Self::Observe,
            (_, Some(why)) => Self::Suspended(why),
            (Mode::Protect, None) => Self::Protect,
            (Mode::Enforce, None) => Self::Enforce,
        }
    }

    /// Whether this may be done.
    fn let_through(&self, action: &TenantAction) -> bool {
        match action {
            // Only Kubernetes learns of it.
            TenantAction::Bind(_) | TenantAction::EndChange => true,
            TenantAction::SetTags { .. } => matches!(self, Self::Enforce | Self::Protect),
            // The record comes before the call and is worth nothing without it.
            TenantAction::RecordLaunch(_)
            | TenantAction::CreateGroup(_)
            | TenantAction::ChangeRules { .. }
            | TenantAction::Launch(_)
            | TenantAction::Protect(_)
            | TenantAction::SetMetadataOptions(..)
            | TenantAction::KeepVolumes(..)
            | TenantAction::SetInterfaceGroups(..)
            | TenantAction::RecordChange(_)
            | TenantAction::Stop(_)
            | TenantAction::SetInstanceType(..)
            | TenantAction::Start(_)
            | TenantAction::RecordGrowth { .. }
            | TenantAction::GrowVolume { .. }
            | TenantAction::RecordRestart(_)
            | TenantAction::Reboot(_) => *self == Self::Enforce,
        }
    }

    /// Moves what may not be done from the steps of a plan to what it holds back.
    pub(super) fn hold(&self, plan: &mut Plan<TenantStep>) {
        let (steps, held) = std::mem::take(&mut plan.steps)
            .into_iter()
            .partition(|step| self.let_through(&step.action));
        plan.steps = steps;
        // What a window holds back is in it already.
        let held: Vec<_> = held;
        plan.held.splice(0..0, held);
    }
}
