//! One pass of one object.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use kube::Resource;

use super::{AT_ONCE, Backoff, Context, Failure, Outcome, OutcomeOf, Reconciler, Report, StatusOf};
use crate::{
    api::{Key, Reason, names},
    clock::{elapsed, later},
    cloud::{Cloud, ErrorKind, Lane, Site},
    cluster::{Cluster, ClusterError, Happened, Kind, OwnedMeta, Seen},
    governor::on_behalf_of,
    report::{failure::needs_a_person, kstatus},
};

/// How soon a Stalled object is looked at again by itself: rights and quotas change without us.
const STALLED_RECHECK: Duration = Duration::from_secs(420);

/// A pass under way, as its steps see it.
pub struct Pass<'a, C, K> {
    /// What every pass has at hand.
    pub ctx: &'a Context<C>,
    /// The object, with the newest status.
    pub object: K,
    /// The precedence of its calls to AWS.
    pub lane: Lane,
    /// When the pass began.
    pub now: Timestamp,
    /// Edges to tell when the pass is over.
    pub events: Vec<Happened>,
}

impl<C: Cluster, K: Kind> Pass<'_, C, K> {
    /// Writes the status before an effect that depends on it: the write-ahead record. Only the version that the
    /// pass looked at is changed, so of two operators one gets a conflict and stops here.
    ///
    /// # Errors
    /// Where the status could not be written; the effect must then not happen.
    pub async fn write_ahead(&mut self, status: K::Status) -> Result<(), Failure> {
        let version = self.object.meta().resource_version.clone().unwrap_or_default();
        let written = self
            .ctx
            .cluster
            .apply_status::<K>(&self.object.key(), &version, &status)
            .await?;
        if let Some(version) = &written.meta().resource_version {
            self.ctx.wrote(K::NAME, &self.object.key(), version);
        }
        self.object = written;
        Ok(())
    }

    /// The door to a site, for the work of this pass.
    pub fn cloud(&self, site: &Site) -> Arc<dyn Cloud> {
        self.ctx.inventories.cloud(site, self.lane)
    }

    /// Tells an edge when the pass is over.
    pub fn happened(&mut self, happened: Happened) {
        self.events.push(happened);
    }
}

/// Brings one object closer to its spec, and says in its status how far it got.
pub(super) async fn pass<C: Cluster, R: Reconciler<C>>(
    reconciler: &R,
    ctx: &Context<C>,
    backoff: &Backoff,
    key: &Key,
) {
    let _inside = ctx.enter().await;
    let Some(seen) = ctx.cluster.seen::<R::Kind>(key) else {
        backoff.succeeded(key);
        return;
    };
    let version = seen.meta().resource_version.clone();
    // The newer copy is on its way, and its arrival wakes the object.
    if ctx.is_older_than_our_write(R::Kind::NAME, key, version.as_deref()) {
        if let Some(queue) = ctx.wakes.queue(R::NAME) {
            queue.hurry(key.clone());
        }
        return;
    }
    let object = match seen.readable() {
        Ok(object) => Arc::clone(object),
        Err(error) => return tell_unreadable::<C, R>(ctx, &seen, error).await,
    };
    let started = ctx.now();
    let result = match prepare::<C, R>(ctx, &object).await {
        Ok(Prepared::Go) => {
            let name = format!("{} {key}", R::NAME);
            on_behalf_of(&name, carry_out(reconciler, ctx, backoff, &object)).await
        }
        Ok(Prepared::Wait) => Ok(Next::default()),
        Err(error) => Err(error),
    };
    let outcome = schedule::<C, R>(ctx, backoff, key, result);
    ctx.metrics
        .pass_ended(R::NAME.as_str(), outcome, elapsed(started, ctx.now()));
}

/// An object that does not fit our types is told about, and left alone: an apply of a status without the fields
/// that we cannot read would remove them.
async fn tell_unreadable<C: Cluster, R: Reconciler<C>>(ctx: &Context<C>, seen: &Seen<R::Kind>, error: &str) {
    let key = Key::of(seen);
    let deleted_at = seen.meta().deletion_timestamp.as_ref().map(|at| at.0);
    let patience = R::RELEASE_UNREADABLE_AFTER.filter(|_| has_our_finalizer(seen));
    let lets_go_at = deleted_at.zip(patience).map(|(at, patience)| later(at, patience));
    let (happened, look_again) = match lets_go_at {
        Some(at) if at <= ctx.now() => return let_go::<C, R>(ctx, seen).await,
        Some(at) => {
            let message = format!(
                "the stored object does not fit this release: {error}; it is let go at {at:.0}, and what stands in AWS \
                 stays as it is"
            );
            (Happened::warning(Reason::Unreadable, message), at)
        }
        None => {
            let way_out = match (R::FINALIZER, patience) {
                (true, None) => "correct it with kubectl edit",
                _ => "correct it with kubectl edit, or delete it where the field cannot be changed",
            };
            let message = format!("the stored object does not fit this release: {error}; {way_out}");
            let look_again = later(ctx.now(), STALLED_RECHECK);
            (Happened::warning(Reason::Unreadable, message), look_again)
        }
    };
    tracing::warn!(kind = %R::Kind::NAME, %key, %error, "unreadable object");
    if let Err(error) = ctx.cluster.tell(seen, &happened).await {
        tracing::warn!(%error, "event not told");
    }
    ctx.wakes.wake_at(R::NAME, key, look_again);
}

/// Takes our finalizer off an object that cannot be read.
async fn let_go<C: Cluster, R: Reconciler<C>>(ctx: &Context<C>, seen: &Seen<R::Kind>) {
    let key = Key::of(seen);
    let message =
        "the object could not be read, so what stands in AWS was left as it is, without the tag of a release";
    let happened = Happened::warning(Reason::ReleasedUntagged, message);
    if let Err(error) = ctx.cluster.tell(seen, &happened).await {
        tracing::warn!(%error, "event not told");
    }
    let uid = seen.meta().uid.clone().unwrap_or_default();
    if let Err(error) = ctx
        .cluster
        .patch_metadata::<R::Kind>(&key, &uid, &OwnedMeta::default())
        .await
    {
        tracing::warn!(kind = %R::Kind::NAME, %key, %error, "an unreadable object was not let go");
        ctx.wakes.wake_at(R::NAME, key, later(ctx.now(), STALLED_RECHECK));
    }
}

/// The longest request that a status takes.
const REQUEST_MAX: usize = 128;

enum Prepared {
    Go,
    Wait,
}

/// Puts our finalizer on before the first effect.
async fn prepare<C: Cluster, R: Reconciler<C>>(
    ctx: &Context<C>,
    object: &R::Kind,
) -> Result<Prepared, ClusterError> {
    if !R::FINALIZER {
        return Ok(if object.is_terminating() {
            Prepared::Wait
        } else {
            Prepared::Go
        });
    }
    match (object.is_terminating(), has_our_finalizer(object)) {
        // Ours is gone already: others hold it.
        (true, false) => Ok(Prepared::Wait),
        (true, true) | (false, true) => Ok(Prepared::Go),
        (false, false) => {
            let owned = OwnedMeta {
                finalizer: true,
                ..OwnedMeta::default()
            };
            let version = ctx
                .cluster
                .patch_metadata::<R::Kind>(&object.key(), object.uid(), &owned)
                .await?;
            ctx.wrote(R::Kind::NAME, &object.key(), &version);
            Ok(Prepared::Wait)
        }
    }
}

fn has_our_finalizer(object: &impl kube::Resource) -> bool {
    object
        .meta()
        .finalizers
        .iter()
        .flatten()
        .any(|name| name == names::FINALIZER)
}

/// What a pass asks of the queue.
#[derive(Debug, Default)]
struct Next {
    /// Something was done: look at the result at once.
    worked: bool,
    /// What failed, if anything.
    failure: Option<Failure>,
    /// When there is something to tell though nothing changed.
    look_again: Option<Timestamp>,
    /// When the plan wants to see what came of its steps.
    planned: Option<Timestamp>,
    /// A person must act.
    stalled: bool,
}

/// The five steps and the status.
async fn carry_out<C: Cluster, R: Reconciler<C>>(
    reconciler: &R,
    ctx: &Context<C>,
    backoff: &Backoff,
    object: &R::Kind,
) -> Result<Next, ClusterError> {
    let now = ctx.now();
    let mut pass = Pass {
        ctx,
        object: object.clone(),
        lane: reconciler.lane(object),
        now,
        events: Vec::new(),
    };
    let mut outcome = advance(reconciler, &mut pass).await;
    count_unexplained(&mut outcome, backoff, &object.key());
    if matches!(
        &outcome.failed,
        Some((_, Failure::Cluster(ClusterError::Conflict)))
    ) {
        // Somebody wrote the object meanwhile; nothing was done on the older one, and the watch will come.
        return Err(ClusterError::Conflict);
    }
    // Reached on success and on failure alike: a failed pass must show in the status.
    let mut report = reconciler.report(ctx, &pass.object, &outcome, now);
    if outcome.world.is_ok()
        && let (Some(status), Some(value)) = (&mut report.status, requested(object))
    {
        R::Kind::echo_request(status, value);
    }
    let next = next_of::<C, R>(&outcome, &report);
    pass.events.extend(report.events.clone());
    publish(&mut pass, report).await?;
    Ok(next)
}

/// What a person asked for by annotation; what is no sensible value is not echoed.
fn requested(object: &impl Kind) -> Option<&str> {
    let annotations = object.meta().annotations.as_ref()?;
    let value = annotations.get(names::annotations::REQUESTED_AT)?;
    (value.len() <= REQUEST_MAX).then_some(value.as_str())
}

/// An answer that nobody can explain is taken for a passing one at first, and then shown to a person.
fn count_unexplained<W, D, S>(outcome: &mut Outcome<W, D, S>, backoff: &Backoff, key: &Key) {
    let ((Err(failure), _) | (_, Some((_, failure)))) = (&mut outcome.world, &mut outcome.failed) else {
        return backoff.explained(key);
    };
    match failure {
        Failure::Cloud(error) if matches!(error.kind, ErrorKind::Unexpected | ErrorKind::Defect) => {
            if backoff.unexplained(key) {
                *failure = Failure::Unexplained(error.clone());
            }
        }
        _ => backoff.explained(key),
    }
}

/// Observe, resolve, plan, apply.
async fn advance<C: Cluster, R: Reconciler<C>>(
    reconciler: &R,
    pass: &mut Pass<'_, C, R::Kind>,
) -> OutcomeOf<R, C> {
    let world = match reconciler.observe(pass.ctx, &pass.object).await {
        Ok(world) => world,
        Err(failure) => {
            let done = Vec::new();
            return Outcome {
                world: Err(failure),
                resolved: None,
                plan: None,
                done,
                failed: None,
            };
        }
    };
    let resolved = reconciler.resolve(pass.ctx, &pass.object, &world);
    let plan = resolved
        .desired
        .as_ref()
        .map(|desired| reconciler.plan(&pass.object, desired, &world, pass.now));
    let mut done = Vec::new();
    let mut failed = None;
    for step in plan.iter().flat_map(|plan| &plan.steps) {
        tracing::info!(controller = %R::NAME, key = %pass.object.key(), ?step, "step");
        match reconciler.apply(pass, &world, step).await {
            Ok(()) => done.push(step.clone()),
            Err(failure) => {
                tracing::warn!(controller = %R::NAME, key = %pass.object.key(), ?step, %failure, "step failed");
                failed = Some((step.clone(), failure));
                break;
            }
        }
    }
    Outcome {
        world: Ok(world),
        resolved: Some(resolved),
        plan,
        done,
        failed,
    }
}

fn next_of<C: Cluster, R: Reconciler<C>>(outcome: &OutcomeOf<R, C>, report: &Report<StatusOf<R, C>>) -> Next {
    let failure = match (&outcome.world, &outcome.failed) {
        (Err(failure), _) | (_, Some((_, failure))) => Some(failure.clone()),
        (Ok(_), None) => None,
    };
    Next {
        worked: !outcome.done.is_empty(),
        failure,
        look_again: report.look_again,
        planned: outcome.plan.as_ref().and_then(|plan| plan.look_again),
        stalled: outcome
            .resolved
            .as_ref()
            .is_some_and(|resolved| !resolved.refusals.is_empty()),
    }
}

/// Writes the status if it changed, tells the edges, lets go of a deleted object.
async fn publish<C: Cluster, K: Kind>(
    pass: &mut Pass<'_, C, K>,
    report: Report<K::Status>,
) -> Result<(), ClusterError> {
    let key = pass.object.key();
    // The edges first: a status that says "repaired" without an event would hide the edge for ever.
    for happened in std::mem::take(&mut pass.events) {
        tracing::info!(kind = %K::NAME, %key, reason = %happened.reason, "{}", happened.message);
        let told = pass
            .ctx
            .cluster
            .tell(&Seen::new(pass.object.clone()), &happened)
            .await;
        if let Err(error) = told {
            tracing::warn!(%key, %error, "event not told");
        }
    }
    if report.release && pass.object.is_terminating() {
        pass.ctx
            .cluster
            .patch_metadata::<K>(&key, pass.object.uid(), &OwnedMeta::default())
            .await?;
        return Ok(());
    }
    let Some(status) = report.status else {
        return Ok(());
    };
    let broken = kstatus::violations(
        pass.object.generation(),
        K::observed_generation(&status),
        K::conditions(&status),
    );
    if !broken.is_empty() {
        tracing::error!(kind = %K::NAME, %key, ?broken, "the status breaks the kstatus contract");
    }
    if pass.object.status() == Some(&status) {
        return Ok(());
    }
    let version = pass.object.meta().resource_version.clone().unwrap_or_default();
    let written = pass
        .ctx
        .cluster
        .apply_status::<K>(&key, &version, &status)
        .await?;
    if let Some(version) = &written.meta().resource_version {
        pass.ctx.wrote(K::NAME, &key, version);
    }
    Ok(())
}

/// Decides when the object is due next, and names how the pass ended for the metrics.
fn schedule<C: Cluster, R: Reconciler<C>>(
    ctx: &Context<C>,
    backoff: &Backoff,
    key: &Key,
    result: Result<Next, ClusterError>,
) -> &'static str {
    let now = ctx.now();
    let wake_after = |span| ctx.wakes.wake_at(R::NAME, key.clone(), later(now, span));
    match result {
        // Not a failure: the watch brings the newer object, or its deletion.
        Err(ClusterError::Conflict | ClusterError::NotFound) => "conflict",
        Err(ClusterError::OutdatedCrd(message)) => {
            tracing::error!(controller = %R::NAME, %key, %message, "the installed CRDs are older than this operator");
            wake_after(STALLED_RECHECK);
            "outdated_crd"
        }
        Err(error) => {
            tracing::warn!(controller = %R::NAME, %key, %error, "status not written");
            wake_after(backoff.failed(key));
            "error"
        }
        Ok(next) => {
            if let Some(at) = next.look_again {
                ctx.wakes.wake_at(R::NAME, key.clone(), at);
            }
            if next.stalled {
                wake_after(STALLED_RECHECK);
            }
            let retry_at = next.failure.as_ref().map(|failure| {
                // Where others come first, that is no failure, and it is known when they are through.
                let turn_at = failure.turn_at();
                turn_at.unwrap_or_else(|| later(now, backoff.failed(key)))
            });
            if let Some(at) = next.planned {
                // What failed is not tried again sooner than that, however soon the plan wants to see its work.
                let at = retry_at.map_or(at, |retry_at| retry_at.max(at));
                ctx.wakes.wake_at(R::NAME, key.clone(), at);
            }
            match next.failure.zip(retry_at) {
                Some((failure, retry_at)) if failure.turn_at().is_some() => {
                    ctx.wakes.wake_at(R::NAME, key.clone(), retry_at);
                    "held_back"
                }
                Some((failure, _)) if needs_a_person(&failure) => {
                    wake_after(STALLED_RECHECK);
                    "stalled"
                }
                Some((_, retry_at)) => {
                    ctx.wakes.wake_at(R::NAME, key.clone(), retry_at);
                    "error"
                }
                None if next.worked => {
                    // At once, so that a chain of steps is as fast as AWS; the back-off still knows an object that
                    // finds something to do for ever.
                    match backoff.worked(key) {
                        Duration::ZERO => ctx.wakes.wake_at(R::NAME, key.clone(), AT_ONCE),
                        span => wake_after(span),
                    }
                    "worked"
                }
                None => {
                    backoff.succeeded(key);
                    "quiet"
                }
            }
        }
    }
}
