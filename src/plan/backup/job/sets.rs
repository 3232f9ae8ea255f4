//! What the jobs of a run are worth: by attempt, from the job, its image and the snapshots behind that.

use std::collections::{BTreeMap, BTreeSet};

use jiff::Timestamp;

use super::{
    super::{Check, CheckName, Facts, Run, SETTLED, Target},
    World,
};
use crate::{
    api::names::tags,
    clock::later,
    cloud::{BackupJob, Image, ImageState, JobState, Observed, Snapshot, SnapshotState, VolumeId},
};

/// The attempts of a run of which AWS shows anything.
pub(super) struct Sets<'a> {
    sets: BTreeMap<u32, Set<'a>>,
}

/// What one attempt made.
struct Set<'a> {
    /// Its job, where that is known.
    job: Option<&'a BackupJob>,
    /// Its image, once that is there.
    image: Option<&'a Image>,
    /// The snapshots behind the image that are shown.
    shown: Vec<&'a Snapshot>,
    judgement: Judgement,
}

#[derive(Clone, Debug, PartialEq)]
enum Judgement {
    /// AWS is not done with it, or not all of it shows.
    Pending,
    /// It is whole and as it should be.
    Complete(Vec<Check>),
    /// It is not, and never will be.
    Failed(Vec<Check>),
}

impl<'a> Sets<'a> {
    /// Groups and judges what the run made.
    pub(super) fn of(run: &Run, images: &'a [Image], world: &'a World) -> Self {
        let recorded = run.attempts.iter().map(|attempt| attempt.n).max();
        let mut sets = BTreeMap::<u32, Set<'a>>::new();
        let mut images: Vec<_> = images.iter().collect();
        images.sort_by(|a, b| a.id.cmp(&b.id));
        for image in images {
            // Without its tag an image counts for the newest attempt: it is there, so nothing is made again.
            let n = image.tags.get(tags::ATTEMPT).and_then(|n| n.parse().ok());
            let set = Set {
                job: None,
                image: Some(image),
                shown: shown(image, world),
                judgement: Judgement::Pending,
            };
            sets.entry(n.or(recorded).unwrap_or(1)).or_insert(set);
        }
        if let (Some(n), Some((_, Observed::Present(job)))) = (recorded, &world.job) {
            let set = sets.entry(n).or_insert(Set {
                job: None,
                image: None,
                shown: Vec::new(),
                judgement: Judgement::Pending,
            });
            // An id in a status can be edited by hand: a job that made something else is not this one's.
            let is_of_image = set.image.is_none_or(|image| has_made(job, image));
            set.job = is_of_image.then_some(job);
        }
        for (n, set) in &mut sets {
            // The job of the newest attempt may not be looked up for now, and then nobody knows how it ended.
            let is_open = Some(*n) == recorded && matches!(&world.job, Some((_, Observed::Unknown)));
            set.judgement = if is_open {
                Judgement::Pending
            } else {
                judge(set, world)
            };
        }
        Self { sets }
    }

    /// The newest that may be relied on.
    pub(super) fn complete(&self) -> Option<(&'a Image, Facts)> {
        self.sets
            .values()
            .rev()
            .find_map(|set| match (&set.judgement, set.image) {
                (Judgement::Complete(checks), Some(image)) => Some((image, set.facts(checks.clone()))),
                _ => None,
            })
    }

    /// Whether AWS is still at it.
    pub(super) fn is_pending(&self) -> bool {
        self.sets.values().any(|set| set.judgement == Judgement::Pending)
    }

    /// When what this attempt made had failed.
    pub(super) fn failed(&self, n: u32) -> Option<Timestamp> {
        let set = self.sets.get(&n)?;
        matches!(set.judgement, Judgement::Failed(_)).then(|| set.ended())
    }

    /// The newest attempt that shows, and when it was made.
    pub(super) fn newest(&self) -> Option<(u32, Timestamp)> {
        let (n, set) = self.sets.last_key_value()?;
        Some((*n, set.began()?))
    }

    /// What is known of the newest.
    pub(super) fn facts(&self) -> Facts {
        self.sets
            .last_key_value()
            .map(|(_, set)| set.facts(set.judgement.checks()))
            .unwrap_or_default()
    }

    /// Why the newest failed.
    pub(super) fn why(&self) -> String {
        let checks = self.facts().checks.into_iter();
        let faults: Vec<_> = checks.filter_map(|check| check.fault).collect();
        faults.join("; ")
    }
}

impl Set<'_> {
    /// When AWS began to copy: the image's own time is that of the request for it.
    fn began(&self) -> Option<Timestamp> {
        let snapshots = self.shown.iter().map(|snapshot| snapshot.started_at);
        snapshots.min().or_else(|| Some(self.image?.created_at))
    }

    /// When it was over, as far as AWS says it.
    fn ended(&self) -> Timestamp {
        let by_job = self.job.map(|job| job.completed_at.unwrap_or(job.created_at));
        by_job
            .or_else(|| self.image.map(|image| image.created_at))
            .unwrap_or(Timestamp::MIN)
    }

    fn facts(&self, checks: Vec<Check>) -> Facts {
        let of_job = self.job.and_then(|job| job.bytes).map(|bytes| bytes >> 30);
        let of_shown = || self.shown.iter().map(|one| i64::from(one.size_gib)).sum();
        Facts {
            snapshots: self
                .image
                .iter()
                .flat_map(|image| &image.snapshots)
                .cloned()
                .collect(),
            started: self.began(),
            size_gib: of_job.unwrap_or_else(of_shown),
            checks,
        }
    }
}

impl Judgement {
    fn checks(&self) -> Vec<Check> {
        match self {
            Self::Pending => Vec::new(),
            Self::Complete(checks) | Self::Failed(checks) => checks.clone(),
        }
    }
}

fn shown<'a>(image: &Image, world: &'a World) -> Vec<&'a Snapshot> {
    let found = world.snapshots.present().into_iter().flatten();
    let mut shown: Vec<_> = found
        .filter(|snapshot| image.snapshots.contains(&snapshot.id))
        .collect();
    shown.sort_by(|a, b| a.id.cmp(&b.id));
    shown
}

/// Whether the image is what the job made, as far as the job says.
fn has_made(job: &BackupJob, image: &Image) -> bool {
    let made = job
        .recovery_point
        .as_deref()
        .and_then(|arn| arn.rsplit('/').next());
    made.is_none_or(|id| id == image.id.as_str())
}

fn judge(set: &Set<'_>, world: &World) -> Judgement {
    let failed = |name, fault: String| {
        Judgement::Failed(vec![Check {
            name,
            fault: Some(fault),
        }])
    };
    match set.job {
        Some(job) if job.state == JobState::Failed => {
            let why = job.message.as_deref().unwrap_or("AWS gives no reason");
            let fault = format!("job {} is {}: {why}", job.id, job.state_name);
            return failed(CheckName::JobCompleted, fault);
        }
        Some(job) if job.state != JobState::Completed => return Judgement::Pending,
        Some(_) | None => {}
    }
    let Some(image) = set.image else {
        return Judgement::Pending;
    };
    match image.state {
        ImageState::Pending => return Judgement::Pending,
        ImageState::Unusable => {
            return failed(
                CheckName::JobCompleted,
                format!("image {} is not usable", image.id),
            );
        }
        ImageState::Available => {}
    }
    if world.snapshots.is_unknown() {
        return Judgement::Pending;
    }
    if let Some(error) = set
        .shown
        .iter()
        .find(|snapshot| snapshot.state == SnapshotState::Error)
    {
        let why = error.state_message.as_deref().unwrap_or("AWS gives no reason");
        let fault = format!("snapshot {} failed: {why}", error.id);
        return failed(CheckName::SnapshotsCompleted, fault);
    }
    let is_listing_behind = set
        .shown
        .iter()
        .any(|snapshot| snapshot.state == SnapshotState::Pending);
    let target = match &world.target {
        // There is nothing to compare it with yet.
        Observed::Unknown => return Judgement::Pending,
        // The instance is gone: what its volumes were is not known any more.
        Observed::Absent => None,
        Observed::Present(target) => Some(target),
    };
    let unshown = image.snapshots.len().saturating_sub(set.shown.len());
    if is_listing_behind || (unshown > 0 && !is_settled(set, world)) {
        return Judgement::Pending;
    }
    checked(set, image, (target, world.region_fault.as_ref()), unshown)
}

/// Whether a listing of snapshots is so late that it shows all it will ever show.
fn is_settled(set: &Set<'_>, world: &World) -> bool {
    let done = later(set.ended(), SETTLED);
    world.snapshots_listed.is_some_and(|listed| listed >= done)
}

fn checked(
    set: &Set<'_>,
    image: &Image,
    (target, region_fault): (Option<&Target>, Option<&String>),
    unshown: usize,
) -> Judgement {
    let attached: &[VolumeId] = target.map_or(&[], |target| &target.attached);
    let covered: BTreeSet<_> = set.shown.iter().map(|snapshot| &snapshot.volume_id).collect();
    let mut missing: Vec<_> = attached.iter().filter(|id| !covered.contains(id)).collect();
    missing.sort();
    // A snapshot that is not shown, of a volume whose tags AWS did not copy, can be any volume's.
    let uncovered = missing.get(unshown).filter(|_| missing.len() > unshown);
    let checks = [
        (CheckName::JobCompleted, None),
        (
            CheckName::VolumesCovered,
            uncovered.map(|volume| format!("volume {volume} has no snapshot behind image {}", image.id)),
        ),
        (
            CheckName::EncryptionEqual,
            wrong_encryption(set, target, &missing, unshown),
        ),
        (
            CheckName::NotPublic,
            image
                .public
                .then(|| format!("everybody may use image {}", image.id)),
        ),
        (CheckName::RegionOfTerms, region_fault.cloned()),
    ];
    let checks: Vec<_> = checks.map(|(name, fault)| Check { name, fault }).into();
    if checks.iter().all(|check| check.fault.is_none()) {
        Judgement::Complete(checks)
    } else {
        Judgement::Failed(checks)
    }
}

fn wrong_encryption(
    set: &Set<'_>,
    target: Option<&Target>,
    missing: &[&VolumeId],
    unshown: usize,
) -> Option<String> {
    let volumes = target.map(|target| &target.volumes);
    let volume_of = |id: &VolumeId| volumes?.iter().find(|volume| volume.id == *id);
    let of_shown = set.shown.iter().find_map(|snapshot| {
        if !snapshot.encrypted {
            return Some(format!("snapshot {} is not encrypted", snapshot.id));
        }
        let volume = volume_of(&snapshot.volume_id)?;
        (volume.kms_key_id != snapshot.kms_key_id).then(|| {
            format!(
                "snapshot {} has another key than its volume {}",
                snapshot.id, volume.id
            )
        })
    });
    if of_shown.is_some() || unshown == 0 || set.job.is_some_and(|job| job.encrypted) {
        return of_shown;
    }
    // A snapshot of an encrypted volume is encrypted with its key: AWS makes no other.
    let are_encrypted = missing.len() == unshown
        && missing
            .iter()
            .all(|&id| volume_of(id).is_some_and(|volume| volume.encrypted));
    (!are_encrypted).then(|| "AWS does not say that all of it is encrypted".to_owned())
}
