//! How a pass runs, for any kind: observe → resolve → plan → apply → report.
//!
//! A kind supplies its parts as a [`Reconciler`]; the engine owns what is the same for all: finalizers, stale
//! caches, the write-ahead status, the status write, events, back-off and due times. One writer per status:
//! a second reconciler of the same kind reports none.
//!
//! Deliberately absent: any knowledge of a kind, of AWS or of time zones.

mod backoff;
mod context;
mod pass;
mod permissions;
mod queue;
mod run;
mod step;

use std::{fmt::Debug, future::Future, time::Duration};

use jiff::Timestamp;

pub use self::{
    backoff::Backoff,
    context::{Context, ControllerName, Failure, Identity, Services, Wakes},
    pass::Pass,
    permissions::Permissions,
    queue::{AT_ONCE, DueQueue},
    run::run,
    step::{BoxedPass, Stepper},
};
use crate::{
    api::Reason,
    cloud::Lane,
    cluster::{Cluster, Happened, Kind},
    plan::Plan,
};

/// A user's mistake: only a change of the object, or of one it refers to, can help.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Refusal {
    /// Why, in one word.
    pub reason: Reason,
    /// What a person should change; names the field.
    pub message: String,
}

/// What a spec and its references come to.
#[derive(Clone, Debug)]
pub struct Resolved<D> {
    /// What should be; `None` where the mistakes leave nothing to go by. A mistake in one part does not take
    /// protection away from the others, so both may be there.
    pub desired: Option<D>,
    /// The user's mistakes; any makes the object Stalled.
    pub refusals: Vec<Refusal>,
}

/// What the first four steps of a pass came to.
#[derive(Debug)]
pub struct Outcome<W, D, S> {
    /// What was observed, or why nothing was.
    pub world: Result<W, Failure>,
    /// What the spec came to; `None` if nothing was observed.
    pub resolved: Option<Resolved<D>>,
    /// The plan; `None` if nothing is desired.
    pub plan: Option<Plan<S>>,
    /// The steps that succeeded.
    pub done: Vec<S>,
    /// The step that failed; those behind it were not tried.
    pub failed: Option<(S, Failure)>,
}

/// What a pass leaves behind.
#[derive(Clone, Debug, Default)]
pub struct Report<T> {
    /// The whole status; written only if it differs. `None` leaves it alone.
    pub status: Option<T>,
    /// Edges to tell as events.
    pub events: Vec<Happened>,
    /// When to look again though nothing changed; the plan's own time counts too.
    pub look_again: Option<Timestamp>,
    /// Whether a deleted object may go now.
    pub release: bool,
}

/// The outcome that a reconciler's own types make.
pub type OutcomeOf<R, C> =
    Outcome<<R as Reconciler<C>>::World, <R as Reconciler<C>>::Desired, <R as Reconciler<C>>::Step>;

/// The status of a reconciler's kind.
pub type StatusOf<R, C> = <<R as Reconciler<C>>::Kind as Kind>::Status;

/// One kind's parts of a pass. Only `observe` reads the world and only `apply` changes it.
pub trait Reconciler<C: Cluster>: Send + Sync + 'static {
    /// The kind it is about.
    type Kind: Kind;
    /// What it looks at.
    type World: Debug + Send + Sync;
    /// What it wants.
    type Desired: Debug + Send + Sync;
    /// What it can do.
    type Step: Clone + Debug + Send + Sync;

    /// Its name in logs, metrics and the wake table.
    const NAME: ControllerName;

    /// Whether our finalizer is put on the object before the first step.
    const FINALIZER: bool;

    /// How long after its deletion an object that cannot be read is let go, `None`: never. Nothing in AWS is told of
    /// it, but a namespace would otherwise hang on it for ever.
    const RELEASE_UNREADABLE_AFTER: Option<Duration> = None;

    /// The precedence of the calls to AWS that a pass of this object makes: what a person just declared goes before
    /// the repair of what was declared long ago.
    fn lane(&self, object: &Self::Kind) -> Lane {
        let seen = object.status().and_then(Self::Kind::observed_generation);
        if seen == Some(object.generation()) {
            Lane::Drift
        } else {
            Lane::UserChange
        }
    }

    /// Reads what the pass needs. Waiting is no error: a thing that is not there yet belongs into the world.
    ///
    /// # Errors
    /// Where something could not be read at all.
    fn observe(
        &self,
        ctx: &Context<C>,
        object: &Self::Kind,
    ) -> impl Future<Output = Result<Self::World, Failure>> + Send;

    /// Turns spec and references into what is desired, or names the user's mistakes.
    fn resolve(&self, ctx: &Context<C>, object: &Self::Kind, world: &Self::World) -> Resolved<Self::Desired>;

    /// The steps from the world to what is desired. Pure.
    fn plan(
        &self,
        object: &Self::Kind,
        desired: &Self::Desired,
        world: &Self::World,
        now: Timestamp,
    ) -> Plan<Self::Step>;

    /// Takes one step. Records its effect in the inventory, so that the next pass does not repeat it.
    ///
    /// # Errors
    /// Where the step failed, or its outcome is unknown.
    fn apply(
        &self,
        pass: &mut Pass<'_, C, Self::Kind>,
        world: &Self::World,
        step: &Self::Step,
    ) -> impl Future<Output = Result<(), Failure>> + Send;

    /// What to say. Reached on success and on failure alike. Pure.
    ///
    /// `object` carries the newest status, with what `apply` wrote ahead.
    fn report(
        &self,
        ctx: &Context<C>,
        object: &Self::Kind,
        outcome: &OutcomeOf<Self, C>,
        now: Timestamp,
    ) -> Report<StatusOf<Self, C>>
    where
        Self: Sized;
}
