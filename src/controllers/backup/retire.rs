//! What becomes of a set when its run is over, whatever its engine: whether its day is kept, when it goes, and when
//! the object goes that has nothing left.
//!
//! A Backup decides for itself alone, by looking at the Tenant's others. Nobody else deletes for it.

use std::{collections::BTreeSet, sync::Arc, time::Duration};

use jiff::{Timestamp, civil::Date};

use super::{Scene, brake, ec2, job, scene::Place, status};
use crate::{
    api::{
        Backup, BackupPhase, BackupPolicy, BackupStatus, Engine, Incident, Mode, Reason, Tenant, TenantPhase,
        time,
    },
    clock::{elapsed, later},
    cloud::Observed,
    cluster::{Cluster, ClusterError, Happened, Kind},
    controllers::backup_sources::{backups_of, class_of, is_stalled_for_any},
    engine::{Context, Failure, Pass},
    inventory::View,
    plan::{
        backup::{SWEEP, UNTOLD},
        backup_days::{day_of, day_of_set, is_good},
        backup_policy::BackupRules,
        incident::hold::is_isolated,
        retention::{Fate, Hold, Set, expires_at, fate, good_days},
    },
};

/// How long an object stays that has nothing left: long enough to be looked up on the Monday after a holiday.
const REMEMBERED: Duration = Duration::from_secs(14 * 24 * 60 * 60);

/// How old the newest good day may be while older sets expire.
const RECENT: Duration = Duration::from_secs(48 * 60 * 60);

/// How long after a slot a kept set is looked at, if nothing wakes it before: by then the slot's run is over or the
/// day has none.
const AFTER_SLOT: Duration = Duration::from_secs(60 * 60);

/// How soon to look again while the brake is on, or while something shows again that was gone. The end of a brake wakes
/// what it holds, and a listing whose copies changed: this is for a person's word that says a time to come.
const HELD: Duration = Duration::from_secs(60 * 60);

/// For so long after its end something may show once more in a listing that lags.
const LAGS: Duration = Duration::from_secs(10 * 60);

/// What an engine knows of a set.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Made {
    /// When AWS began it.
    pub(super) began: Timestamp,
    /// Whether all of what completed the run is there.
    pub(super) is_whole: bool,
    /// Until when AWS refuses to delete some of it; `Absent`: nothing of it is locked.
    pub(super) locked_until: Observed<Timestamp>,
}

/// What becomes of the set of a run that is over.
#[derive(Clone, Debug, PartialEq)]
pub(super) struct Keeping {
    /// What there is of it.
    pub(super) made: Observed<Made>,
    /// What becomes of it.
    pub(super) fate: Option<Fate>,
    /// Until when locks must last at least, of a set whose day is kept.
    pub(super) holds_until: Option<Timestamp>,
    /// From when on it may go.
    expires_at: Option<Timestamp>,
    /// Whether the brake keeps it.
    is_braked: bool,
    /// When to look again though nothing changed.
    look_again: Option<Timestamp>,
}

impl Default for Keeping {
    fn default() -> Self {
        Self {
            made: Observed::Unknown,
            fate: None,
            holds_until: None,
            expires_at: None,
            is_braked: false,
            look_again: None,
        }
    }
}

/// One step that is the same for every engine.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Step {
    /// Write down that the set goes, before anything of it does.
    Expire,
    /// Take that back: days went meanwhile, and the set is whole still.
    TakeBack,
    /// Delete the object, which has nothing left.
    Forget,
}

/// Looks at what there is of the set, and at the Tenant's others.
pub(super) fn observe<C: Cluster>(ctx: &Context<C>, backup: &Backup, scene: &Scene) -> Keeping {
    let mut keeping = Keeping::default();
    let Ok((tenant, place)) = scene.ground() else {
        return keeping;
    };
    if !backup.has_ended() {
        return keeping;
    }
    let now = ctx.now();
    let view = ctx.inventories.of(&place.site).view();
    keeping.made = made(&view, backup);
    let Observed::Present(made) = &keeping.made else {
        return keeping;
    };
    let Some(rules) = &scene.rules else {
        keeping.fate = Some(Fate::Held(Hold::NoRules));
        return keeping;
    };
    let siblings = backups_of(ctx, tenant);
    let set = set_of(backup, made, scene, rules);
    let good = good_since(&view, &siblings, &set, (scene, rules));
    let fate = match fate(&set, &good.days, None, now) {
        Fate::Guaranteed => Fate::Guaranteed,
        fate => hold_of(ctx, tenant)
            .or_else(|| is_of_unknown_policy(backup, scene).then_some(Hold::NoRules))
            .or_else(|| stale(ctx, place, good.newest, now))
            .map_or(fate, Fate::Held),
    };
    note_staleness(ctx, place, tenant, fate);
    keeping.fate = Some(fate);
    let next_slot = rules.schedule.next_after(now);
    keeping.look_again = next_slot.map(|slot| later(slot.at, AFTER_SLOT));
    match fate {
        Fate::Guaranteed => keeping.holds_until = holds_until(&siblings, rules, now),
        Fate::Goes if !is_expiring(backup) => {
            brake::count(ctx, &place.site, now);
            keeping.is_braked = ctx.brakes.is_braked(&place.site, now);
            if keeping.is_braked {
                let held = later(now, HELD);
                keeping.look_again = keeping.look_again.map(|at| at.min(held)).or(Some(held));
            }
        }
        Fate::Locked(until) => {
            // Locks wake whoever waits for them, vaults nobody.
            let untold = match scene.engine {
                Engine::EC2 => UNTOLD,
                Engine::AWSBackup => SWEEP,
            };
            let until = until.unwrap_or_else(|| later(now, untold));
            keeping.look_again = keeping.look_again.map(|at| at.min(until)).or(Some(until));
        }
        Fate::Goes | Fate::Held(_) => {}
    }
    // While nobody can say when locks end the last answer stays.
    if !made.locked_until.is_unknown() {
        let locked_until = made.locked_until.present().copied();
        keeping.expires_at = expires_at(set.day, set.good_days, locked_until, &rules.schedule);
    }
    keeping
}

/// What there is of a Backup's set, as its engine knows it.
fn made(view: &View, backup: &Backup) -> Observed<Made> {
    match backup.engine().unwrap_or(Engine::EC2) {
        Engine::EC2 => ec2::made(view, backup),
        Engine::AWSBackup => job::made(view, backup),
    }
}

fn set_of(backup: &Backup, made: &Made, scene: &Scene, rules: &BackupRules) -> Set {
    Set {
        backup: backup.key().name,
        day: day_of_set(backup, made.began, &rules.schedule),
        is_good: made.is_whole && is_good(backup, &rules.methods),
        good_days: good_days_of(backup, scene, rules),
        locked_until: made.locked_until.clone(),
    }
}

/// For how many good days a set is kept: as the rules say now; where no policy is in force any more, not for fewer than
/// the one said that it was made by. A policy that vanishes takes no protection away.
fn good_days_of(backup: &Backup, scene: &Scene, rules: &BackupRules) -> u32 {
    let recorded = backup.status.as_ref().and_then(|status| status.good_days);
    match recorded.and_then(|days| u32::try_from(days).ok()) {
        Some(days) if !scene.is_by_policy => days.max(rules.good_days),
        Some(_) | None => rules.good_days,
    }
}

/// The good sets by which another is judged, as AWS shows them.
#[derive(Default)]
struct Good {
    days: BTreeSet<Date>,
    /// When AWS began the newest.
    newest: Option<Timestamp>,
}

/// Looks at the Tenant's good sets. One that is not replaced even by what statuses say is not worth a look at all the
/// others.
fn good_since(
    view: &View,
    siblings: &[Arc<Backup>],
    set: &Set,
    (scene, rules): (&Scene, &BackupRules),
) -> Good {
    let good = || siblings.iter().filter(|sibling| is_good(sibling, &rules.methods));
    let by_status: BTreeSet<_> = good()
        .filter_map(|sibling| day_of(sibling, &rules.schedule))
        .filter(|day| *day > set.day)
        .collect();
    if by_status.len() < usize::try_from(set.good_days).unwrap_or(usize::MAX) {
        return Good::default();
    }
    let seen: Vec<_> = good().map(|sibling| (sibling, made(view, sibling))).collect();
    let sets: Vec<_> = seen
        .iter()
        .map(|(sibling, made)| made.clone().map(|made| set_of(sibling, &made, scene, rules)))
        .collect();
    let whole = seen.iter().filter_map(|(_, made)| made.present());
    Good {
        days: good_days(&sets),
        newest: whole.filter(|made| made.is_whole).map(|made| made.began).max(),
    }
}

/// Whether nobody knows for how many days a set was to be kept: its object was lost with its policy, and what applies
/// manifests again may not have come to the policy yet.
fn is_of_unknown_policy(backup: &Backup, scene: &Scene) -> bool {
    let is_recorded = backup
        .status
        .as_ref()
        .is_some_and(|status| status.good_days.is_some());
    !is_recorded && !scene.is_by_policy && status::is_found(backup)
}

/// Why nothing of a Tenant expires.
fn hold_of<C: Cluster>(ctx: &Context<C>, tenant: &Tenant) -> Option<Hold> {
    let key = tenant.key();
    let phase = tenant.status.as_ref().and_then(|status| status.phase);
    if tenant.is_terminating() || phase == Some(TenantPhase::Deleting) {
        return Some(Hold::Terminating);
    }
    let incidents = ctx.cluster.cached_in::<Incident>(&key.namespace);
    if phase == Some(TenantPhase::Isolated) || is_isolated(incidents.iter().map(|incident| &**incident), &key)
    {
        return Some(Hold::Isolated);
    }
    if tenant.mode() == Mode::Observe {
        return Some(Hold::Observed);
    }
    let class = class_of(ctx, tenant);
    if class.is_some_and(|class| tenant.suspended(&class).is_some()) {
        return Some(Hold::TenantSuspended);
    }
    let policies = ctx.cluster.cached_in::<BackupPolicy>(&key.namespace);
    let mut concerning = policies
        .iter()
        .filter(|policy| concerns(policy, &key.name))
        .peekable();
    concerning.peek()?;
    let now = ctx.now();
    let mut hold = None;
    for policy in concerning {
        let status = policy.status.as_ref();
        let accepted = status.and_then(|status| status.accepted.as_ref());
        let is_seen = accepted.is_some_and(|accepted| accepted.generation == policy.generation());
        if !is_seen || status.is_none_or(|status| is_stalled_for_any(&status.conditions)) {
            return Some(Hold::PolicyNotAccepted);
        }
        let suspension = status.and_then(|status| status.suspension.as_ref());
        if suspension.is_some_and(|suspension| suspension.since.0 <= now && now < suspension.until.0) {
            hold = Some(Hold::Suspended);
        }
    }
    hold
}

/// Whether a policy is for a Tenant, by what it says now or by what of it was accepted.
fn concerns(policy: &BackupPolicy, tenant: &str) -> bool {
    let accepted = policy.status.as_ref().and_then(|status| status.accepted.as_ref());
    let specs = [Some(&policy.spec), accepted.map(|accepted| &accepted.spec)];
    specs
        .into_iter()
        .flatten()
        .any(|spec| spec.tenants.is_empty() || spec.tenants.iter().any(|named| named == tenant))
}

/// Holds the sets of a Tenant whose newest good one is old.
fn stale<C: Cluster>(
    ctx: &Context<C>,
    place: &Place,
    newest: Option<Timestamp>,
    now: Timestamp,
) -> Option<Hold> {
    let is_stale = newest.is_none_or(|newest| elapsed(newest, now) > RECENT);
    (is_stale && !ctx.brakes.is_lifted(&place.site, now)).then_some(Hold::NoRecentDay)
}

/// Lets the class say that a Tenant's sets do not expire for want of a recent day.
fn note_staleness<C: Cluster>(ctx: &Context<C>, place: &Place, tenant: &Tenant, fate: Fate) {
    let is_stale = match fate {
        Fate::Held(Hold::NoRecentDay) => true,
        // A set of a day that is kept says nothing of the others.
        Fate::Guaranteed => return,
        Fate::Held(_) | Fate::Locked(_) | Fate::Goes => false,
    };
    if ctx.brakes.stale(&place.site, &tenant.key(), is_stale) {
        brake::wake_classes(ctx, &place.site);
    }
}

/// Until when the locks of a kept day must last: to the run after the next, so that a day on which the next one fails
/// leaves time to prolong them. While a run is under way, which may replace the day, to the next.
fn holds_until(siblings: &[Arc<Backup>], rules: &BackupRules, now: Timestamp) -> Option<Timestamp> {
    let next = rules.schedule.next_after(now)?;
    let is_under_way = |sibling: &Arc<Backup>| sibling.spec.scheduled_time.is_some() && !sibling.has_ended();
    if siblings.iter().any(is_under_way) {
        return Some(next.at);
    }
    Some(rules.schedule.next_after(next.at)?.at)
}

/// What to do, when the engine has nothing to do first.
pub(super) fn plan(
    backup: &Backup,
    scene: &Scene,
    keeping: &Keeping,
    now: Timestamp,
) -> (Option<Step>, Option<Timestamp>) {
    let gone_at = backup.status.as_ref().and_then(|status| status.gone_at.as_ref());
    if let Some(gone_at) = gone_at {
        let forgotten_at = later(gone_at.0, REMEMBERED);
        // A status can be edited: what is known to be there keeps its object.
        let has_something = scene.place.is_some() && keeping.made != Observed::Absent;
        return match (now >= forgotten_at, has_something) {
            (true, false) => (Some(Step::Forget), None),
            (true, true) => (None, Some(later(now, HELD))),
            (false, _) => (None, Some(forgotten_at)),
        };
    }
    let is_whole = matches!(&keeping.made, Observed::Present(made) if made.is_whole);
    let step = match (keeping.fate, is_expiring(backup)) {
        (Some(Fate::Goes), false) if !keeping.is_braked => Some(Step::Expire),
        (Some(Fate::Guaranteed), true) if is_whole => Some(Step::TakeBack),
        _ => None,
    };
    (step, keeping.look_again)
}

pub(super) fn is_expiring(backup: &Backup) -> bool {
    let status = backup.status.as_ref();
    status.is_some_and(|status| status.expiring_since.is_some())
}

/// Takes one step.
pub(super) async fn apply<C: Cluster>(
    pass: &mut Pass<'_, C, Backup>,
    scene: &Scene,
    step: Step,
) -> Result<(), Failure> {
    match step {
        Step::Expire => expire(pass, scene.placed()?).await,
        Step::TakeBack => {
            let mut status = read_live(pass).await?;
            status.expiring_since = None;
            pass.write_ahead(status).await?;
            if let Some(place) = &scene.place {
                pass.ctx.brakes.withdraw(&place.site, pass.object.uid());
            }
            Ok(())
        }
        Step::Forget => {
            let version = pass.object.metadata.resource_version.clone().unwrap_or_default();
            let key = pass.object.key();
            match pass.ctx.cluster.forget(&key, pass.object.uid(), &version).await {
                // Gone already.
                Ok(()) | Err(ClusterError::NotFound) => Ok(()),
                Err(error) => Err(error.into()),
            }
        }
    }
}

/// Writes down that the set goes.
async fn expire<C: Cluster>(pass: &mut Pass<'_, C, Backup>, place: &Place) -> Result<(), Failure> {
    let namespace = pass.object.key().namespace;
    let found = pass.ctx.cluster.namespace(&namespace).await?;
    if found.is_none_or(|namespace| namespace.terminating) {
        return Err(Failure::Blocked {
            reason: Reason::Deleting,
            message: format!("namespace {namespace} is being deleted, so nothing of it expires"),
        });
    }
    let mut status = read_live(pass).await?;
    let uid = pass.object.uid().to_owned();
    let now = pass.ctx.now();
    if !pass.ctx.brakes.admit(&place.site, &uid, now) {
        brake::wake_classes(pass.ctx, &place.site);
        return Err(Failure::Blocked {
            reason: Reason::TooManyExpiries,
            message: "more backups would expire than a day brings".to_owned(),
        });
    }
    status.expiring_since = Some(time(now));
    let written = pass.write_ahead(status).await;
    match written {
        Ok(()) => pass.ctx.metrics.backup_expired(&place.site),
        Err(_) => pass.ctx.brakes.withdraw(&place.site, &uid),
    }
    written
}

/// The status as it is now, past every cache: of what is written once only the stored object tells. What the pass
/// looked at must be what is stored.
async fn read_live<C: Cluster>(pass: &Pass<'_, C, Backup>) -> Result<BackupStatus, Failure> {
    let live = pass.ctx.cluster.read::<Backup>(&pass.object.key()).await?;
    let is_same = |live: &Backup| {
        live.uid() == pass.object.uid()
            && live.metadata.resource_version == pass.object.metadata.resource_version
    };
    let live = live.filter(is_same).ok_or(ClusterError::Conflict)?;
    Ok(live.status.unwrap_or_default())
}

/// Adds to a status what does not depend on the engine.
pub(super) fn amend(backup: &Backup, status: &mut BackupStatus, scene: &Scene, keeping: &Keeping) {
    let is_taken_on = matches!(
        status.phase,
        Some(BackupPhase::Running | BackupPhase::Complete | BackupPhase::Partial)
    );
    if is_taken_on && let Some(rules) = &scene.rules {
        let days = i32::try_from(rules.good_days).unwrap_or(i32::MAX);
        // A policy that asks for more gives more to what is there, and keeps that when it vanishes. What the terms give
        // to a set of which nobody knows what its policy gave, as when every object was lost, is not written down.
        match status.good_days {
            Some(known) if !scene.is_by_policy || known >= days => {}
            None if !scene.is_by_policy && status::is_found(backup) => {}
            Some(_) | None => status.good_days = Some(days),
        }
    }
    if let Some(at) = keeping.expires_at {
        status.expires_at = Some(time(at));
    }
}

/// Says so where something shows again of what was gone: somebody took it out of the Recycle Bin. It counts for nothing,
/// and is not deleted again without a word: who took it out wants it.
pub(super) fn tell_return(
    backup: &Backup,
    status: &mut BackupStatus,
    keeping: &Keeping,
    now: Timestamp,
) -> Option<Happened> {
    let gone_at = status.gone_at.as_ref()?.0;
    let is_back = matches!(keeping.made, Observed::Present(_)) && elapsed(gone_at, now) > LAGS;
    if !is_back {
        return None;
    }
    let message = "what it made was gone and shows in AWS again: it counts for no good day and is not deleted any more; \
                   delete it there, or tag it with yagura.dev/released";
    status::change_method(status, |method| method.message = Some(message.to_owned()));
    let told = backup.status.iter().flat_map(|status| &status.methods);
    let was_told = told
        .into_iter()
        .any(|method| method.message.as_deref() == Some(message));
    (!was_told).then(|| Happened::warning(Reason::SnapshotsBack, message))
}

/// Whether an ended run may have left something, as far as its status knows.
pub(super) fn is_complete(backup: &Backup) -> bool {
    backup.phase() == Some(BackupPhase::Complete)
}
