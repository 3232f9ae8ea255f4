//! What is done for what a run made when the run is over: it is watched, and deleted when newer days replace it, as far
//! as the vault's lock lets us.
//!
//! Which Backup's turn it is the retention decides, not this. Only images that carry the tags of the Backup are named
//! here, so nothing that another job made.

use std::time::Duration;

use jiff::Timestamp;

use super::{Beside, Plan, Step, World};
use crate::{
    clock::later,
    cloud::{CloudError, Image, ImageId, Observed, VaultName},
    plan::{
        backup::{Ended, Outcome, Run, SWEEP, SWEEPS, course::agree_since},
        retention::Fate,
        vault,
    },
};

/// AWS may answer well and not delete, and a locked vault refuses: both may be different on another day.
const AGAIN: Duration = Duration::from_secs(24 * 60 * 60);

/// By then a deletion that AWS agreed to is done, and shows.
const DELETED: Duration = Duration::from_secs(60 * 60);

/// What is known of what a run made, once the run is over.
#[derive(Clone, Debug, PartialEq)]
pub struct Kept {
    /// The images that carry the tags of the Backup, those of failed attempts among them.
    pub left: Observed<Vec<Image>>,
    /// What becomes of it; `None` where nobody can say.
    pub fate: Option<Fate>,
    /// Whether it was decided and written down that it goes.
    pub is_expiring: bool,
    /// Whether it was seen and written down that nothing of it is left.
    pub is_gone: bool,
    /// The last time that this process asked AWS to delete it.
    pub tried: Option<Tried>,
}

impl Default for Kept {
    fn default() -> Self {
        Self {
            left: Observed::Unknown,
            fate: None,
            is_expiring: false,
            is_gone: false,
            tried: None,
        }
    }
}

/// A deletion that AWS was asked for.
#[derive(Clone, Debug, PartialEq)]
pub struct Tried {
    /// When.
    pub at: Timestamp,
    /// Why not, where AWS refused.
    pub refusal: Option<CloudError>,
}

/// What to do for a run that is over.
pub(super) fn plan(run: &Run, ended: Ended, world: &World, now: Timestamp) -> Plan {
    let kept = &world.kept;
    if kept.is_gone {
        return Plan::outcome(Outcome::Unchanged);
    }
    if kept.is_expiring {
        return expire(world, now);
    }
    let is_none_left = kept.left == Observed::Absent && world.listed.len() >= SWEEPS;
    match ended {
        Ended::Complete if is_lost(world) => Plan::outcome(Outcome::Expired),
        Ended::Otherwise if is_none_left || run.attempts.is_empty() => Plan::outcome(Outcome::NothingLeft),
        Ended::Complete | Ended::Otherwise => Plan::outcome(Outcome::Unchanged),
    }
}

/// Whether what completed the run is gone. With its tags taken away an image is no longer shown; the snapshots behind it
/// have theirs from the volumes.
fn is_lost(world: &World) -> bool {
    let is_behind = match &world.snapshots {
        Observed::Unknown => true,
        Observed::Absent => false,
        Observed::Present(snapshots) => !snapshots.is_empty(),
    };
    world.shows_nothing() && !is_behind
}

/// It is written down that what the run made goes.
fn expire(world: &World, now: Timestamp) -> Plan {
    let kept = &world.kept;
    let soon = Plan::waiting(Outcome::Unchanged, Some(later(now, SWEEP)));
    let left = match &kept.left {
        Observed::Unknown => return soon,
        // Somebody changed the tags of what completed it: it is not ours to delete any more.
        Observed::Absent if world.images != Observed::Absent => return Plan::outcome(Outcome::Unchanged),
        Observed::Absent => {
            let tried_at = kept.tried.as_ref().map(|tried| tried.at);
            return if agree_since(&world.listed, tried_at) {
                Plan::outcome(Outcome::Retired)
            } else {
                soon
            };
        }
        Observed::Present(left) => left,
    };
    match kept.fate {
        Some(Fate::Goes | Fate::Locked(_)) => delete(left, world, now),
        // Something changed since that was decided, and what is left stays for now.
        Some(Fate::Guaranteed | Fate::Held(_)) | None => Plan::outcome(Outcome::Unchanged),
    }
}

fn delete(left: &[Image], world: &World, now: Timestamp) -> Plan {
    let soon = Plan::waiting(Outcome::Unchanged, Some(later(now, SWEEP)));
    let by_class = world.destination.as_ref().map(|destination| &destination.vault);
    let Some(name) = world.recorded.as_ref().or(by_class) else {
        let why = "nobody knows any more in which vault it is";
        return waits(None, Some(why.to_owned()));
    };
    let vault = match world.vault(name) {
        Observed::Unknown => return soon,
        Observed::Absent => None,
        Observed::Present(vault) => Some(vault),
    };
    if let Some(tried) = &world.kept.tried
        && now < later(tried.at, AGAIN)
    {
        return tried_before(tried, now);
    }
    let kept_until = |image: &Image| {
        let until = vault::kept_until(vault?, image.created_at)?;
        (until > now).then_some(until)
    };
    let mut free: Vec<_> = left
        .iter()
        .filter(|image| kept_until(image).is_none())
        .map(|image| image.id.clone())
        .collect();
    free.sort();
    match left.iter().filter_map(kept_until).min() {
        Some(until) if free.is_empty() => {
            let why = format!("the lock of vault {name} keeps it for longer than the good days need");
            waits(Some(until), Some(why))
        }
        _ => Plan {
            steps: free.into_iter().map(|id| step(id, name)).collect(),
            ..soon
        },
    }
}

fn step(image: ImageId, vault: &VaultName) -> Step {
    Step::Delete {
        image,
        vault: vault.clone(),
    }
}

fn waits(until: Option<Timestamp>, told: Option<String>) -> Plan {
    Plan {
        beside: Beside {
            told,
            ..Beside::default()
        },
        ..Plan::waiting(Outcome::Unchanged, until)
    }
}

/// What to say of a deletion that had no effect so far.
fn tried_before(tried: &Tried, now: Timestamp) -> Plan {
    let again = later(tried.at, AGAIN);
    match &tried.refusal {
        Some(error) => waits(
            Some(again),
            Some(format!("it is not deleted, which is tried again daily: {error}")),
        ),
        None if now < later(tried.at, DELETED) => waits(Some(later(tried.at, DELETED)), None),
        None => waits(
            Some(again),
            Some("AWS agreed to delete it and did not, which is tried again daily".to_owned()),
        ),
    }
}
