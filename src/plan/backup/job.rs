//! One run by AWS Backup: from a Backup object and what AWS shows, to the next step.
//!
//! StartBackupJob takes a token, so a call of unknown outcome is simply made again: AWS gives the same job and does
//! nothing. The token is the slot's, so that even an object that was lost and made again asks for the same job. What
//! a job is worth its image says, which carries the tags of the run; the job itself says how it ended. AWS begins
//! within the hour, not at once: when it did is AWS's word.
//! Deliberately absent: plans and selections of AWS Backup, which know neither good days nor attempts.

mod keep;
mod sets;

use std::time::Duration;

use jiff::Timestamp;

use super::{
    Attempt, Call, CallEnd, Facts, Gone, MAX_SETS, Outcome, RETRY_PAUSE, Run, SWEEP, SWEEPS, Target, Waiting,
    course::{self, does_not_begin, unknown},
    nobody_can_look, spelled,
};
use crate::{
    api::names::tags,
    clock::{elapsed, later},
    cloud::{
        BackupJob, BackupJobId, Image, ImageId, InstanceId, JobState, Observed, Region, Snapshot, Vault,
        VaultName,
    },
    plan::{slot::Decision, vault},
};

use sets::Sets;

pub use keep::{Kept, Tried};

/// The shortest window in which AWS begins a job.
const SHORTEST_WINDOW: Duration = Duration::from_secs(60 * 60);

/// How often a run that waits for AWS looks without being woken: jobs are listed only as long as somebody asks.
const LOOK: Duration = Duration::from_secs(10 * 60);

/// Where the jobs of a class go.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Destination {
    /// The vault.
    pub vault: VaultName,
    /// The role that AWS Backup works as.
    pub role_arn: String,
}

/// What is known of the run in AWS.
#[derive(Clone, Debug, PartialEq)]
pub struct World {
    /// The instance.
    pub target: Observed<Target>,
    /// Whether the Tenant's status names an instance that no launch of this Tenant made: then there is no target.
    pub is_foreign: bool,
    /// What is gone, so that nobody can look.
    pub gone: Option<Gone>,
    /// Where the class lets jobs go; `None` where it does not say.
    pub destination: Option<Destination>,
    /// The vault that the latest attempt was recorded with.
    pub recorded: Option<VaultName>,
    /// The vaults that the destination and the record name.
    pub vaults: Vec<(VaultName, Observed<Vault>)>,
    /// The job of the latest attempt, where its id is known.
    pub job: Option<(BackupJobId, Observed<BackupJob>)>,
    /// The images of the run; `Absent` when there are none, and after its end when the one of it is gone.
    pub images: Observed<Vec<Image>>,
    /// When the last listings of images began, two at most: what is not among `images` none of them showed.
    pub listed: Vec<Timestamp>,
    /// The snapshots behind the images, as far as they are shown: their tags are a copy of the volumes', which AWS
    /// does not promise to make.
    pub snapshots: Observed<Vec<Snapshot>>,
    /// When the last listing of snapshots began.
    pub snapshots_listed: Option<Timestamp>,
    /// Why what it makes should not be in the region in which it is.
    pub region_fault: Option<String>,
    /// What this process knows of its last call.
    pub call: Option<Call<BackupJobId>>,
    /// What is known once the run is over.
    pub kept: Kept,
}

/// One step.
#[derive(Clone, Debug, PartialEq)]
pub enum Step {
    /// Write the attempt down with its vault, against the version that was read.
    RecordAttempt(Attempt, VaultName),
    /// Ask for the job of this attempt, or ask again.
    Start(Start),
    /// Delete the recovery point that an image of the run is.
    Delete {
        /// The image.
        image: ImageId,
        /// The vault that it is in.
        vault: VaultName,
    },
}

/// One call. A repeat says the same, as far as nobody changed the class or the vault in between.
#[derive(Clone, Debug, PartialEq)]
pub struct Start {
    /// The attempt.
    pub n: u32,
    /// The instance.
    pub instance: InstanceId,
    /// Where to.
    pub destination: Destination,
    /// How long AWS may take to begin.
    pub within: Duration,
    /// After how many days AWS deletes what it made by itself.
    pub delete_after_days: Option<u32>,
}

/// What to do now.
pub type Plan = course::Plan<Step, Beside>;

/// What only this engine has to say.
#[derive(Clone, Debug, Default, PartialEq)]
pub struct Beside {
    /// What AWS Backup made.
    pub image: Option<Image>,
    /// Why what was to go is there still.
    pub told: Option<String>,
}

/// What makes asking for a job idempotent.
///
/// A slot's is the same for every object that stands for the slot. A Backup made by hand may use a name again for
/// something new, so there it is the object's.
pub fn token(backup_uid: &str, slot: Option<(Timestamp, &str)>, n: u32) -> String {
    match slot {
        Some((slot, tenant_uid)) => format!("yagura-{tenant_uid}-{}-{n}", slot.as_second()),
        None => format!("yagura-{backup_uid}-{n}"),
    }
}

/// Whether an image is one of a Backup's. `slot`: the value of its tag, which a Backup made by hand, whose name may
/// have been another's before, has from its own start. It knows no uid of its Tenant either.
pub fn belongs(image: &Image, backup: &str, tenant_uid: Option<&str>, slot: Option<&str>) -> bool {
    let is = |key: &str, value: &str| image.tags.get(key).is_some_and(|found| found == value);
    is(tags::BACKUP, backup)
        && tenant_uid.is_none_or(|uid| is(tags::UID, uid))
        && slot.is_none_or(|slot| is(tags::SLOT, slot))
}

/// The ARN of the recovery point that an image is.
pub fn recovery_point(image: &ImageId, region: &Region) -> String {
    let partition = match region.as_str() {
        region if region.starts_with("cn-") => "aws-cn",
        region if region.starts_with("us-gov-") => "aws-us-gov",
        _ => "aws",
    };
    format!("arn:{partition}:ec2:{region}::image/{image}")
}

/// What to do now for a run.
pub fn plan(run: &Run, world: &World, now: Timestamp) -> Plan {
    if let Some(ended) = run.ended {
        return keep::plan(run, ended, world, now);
    }
    // It may come back until the run is out of time; an object without an end is no news for ever.
    if let Some(gone) = world.gone
        && now > run.end()
    {
        return Plan::outcome(nobody_can_look(run, gone));
    }
    let images: &[Image] = match &world.images {
        Observed::Unknown => return unknown(run, now),
        Observed::Absent => &[],
        Observed::Present(images) => images,
    };
    let sets = Sets::of(run, images, world);
    if let Some((image, facts)) = sets.complete() {
        return Plan {
            beside: Beside {
                image: Some(image.clone()),
                told: None,
            },
            ..Plan::outcome(Outcome::Complete(facts))
        };
    }
    let is_over = run.timeout().is_some_and(|end| now > end);
    match (is_over, &world.job) {
        // What is not known says nothing about the job, and a run does not fail of that.
        (true, Some((_, Observed::Unknown))) => return unknown(run, now),
        (true, _) => return Plan::outcome(Outcome::Failed(out_of_time(run, world), sets.facts())),
        (false, _) => {}
    }
    if sets.is_pending() {
        return waits_for_aws(run, sets.facts(), now);
    }
    match run.latest(sets.newest()) {
        None => does_not_begin(run, world.shows_nothing(), now)
            .unwrap_or_else(|| attempt(run, world, Attempt { n: 1, at: now }, now)),
        Some(attempt) => match sets.failed(attempt.n) {
            Some(failed_at) => after_a_failed_job(run, world, &sets, (attempt.n, failed_at), now),
            None if world.job.is_some() => waits_for_aws(run, sets.facts(), now),
            None => after_a_call(run, world, attempt, now),
        },
    }
}

fn waits_for_aws(run: &Run, facts: Facts, now: Timestamp) -> Plan {
    let look = later(now, LOOK);
    let look_again = run.timeout().map_or(look, |end| end.min(look));
    Plan::waiting(Outcome::Running(Waiting::Job, facts), Some(look_again))
}

fn out_of_time(run: &Run, world: &World) -> String {
    let within = spelled(run.limits.timeout);
    match (&world.job, world.call.as_ref().and_then(|call| call.end.error())) {
        (Some((id, Observed::Present(job))), _) => match (job.state, &job.message) {
            (JobState::Completed, _) => {
                format!("the image of job {id} did not show within {within}")
            }
            (_, Some(message)) => {
                format!("job {id} was {} after {within}: {message}", job.state_name)
            }
            (_, None) => format!("job {id} was {} after {within}", job.state_name),
        },
        (Some((id, _)), _) => {
            format!("AWS does not show job {id} any more, and no image of it, after {within}")
        }
        (None, Some(error)) => format!("no job was made within {within}: {error}"),
        (None, None) => format!("no job was made within {within}"),
    }
}

/// The latest job failed, or what it made is not good.
fn after_a_failed_job(
    run: &Run,
    world: &World,
    sets: &Sets<'_>,
    (n, failed_at): (u32, Timestamp),
    now: Timestamp,
) -> Plan {
    // What was found is as it is: nothing is taken for a time that is long past.
    let is_found = run.decision == Some(Decision::Found);
    if is_found || usize::try_from(n).is_ok_and(|n| n >= MAX_SETS) {
        return Plan::outcome(Outcome::Failed(sets.why(), sets.facts()));
    }
    let pause_ends = later(failed_at, RETRY_PAUSE);
    if now < pause_ends {
        return Plan::waiting(Outcome::Running(Waiting::Pause, sets.facts()), Some(pause_ends));
    }
    let next = Attempt { n: n + 1, at: now };
    let mut plan = attempt(run, world, next, now);
    if let Outcome::Running(_, facts) = &mut plan.outcome {
        *facts = sets.facts();
    }
    plan
}

/// A call was made, or was about to be, and its job is not known.
fn after_a_call(run: &Run, world: &World, recorded: Attempt, now: Timestamp) -> Plan {
    let again = || attempt(run, world, recorded, now);
    match course::own_call(world.call.as_ref(), recorded) {
        Some(Call {
            end: CallEnd::Refused(times, error),
            ended,
            ..
        }) => course::after_a_refusal((*times, error), *ended, now).unwrap_or_else(again),
        // The token makes it the same job, whatever became of the call.
        Some(call) if now < later(call.ended, SWEEP) => {
            let outcome = Outcome::Running(Waiting::Pause, Facts::default());
            Plan::waiting(outcome, Some(later(call.ended, SWEEP)))
        }
        Some(_) | None => again(),
    }
}

/// Makes an attempt, where there is an instance, a vault and a role; records it first unless it is recorded.
fn attempt(run: &Run, world: &World, attempt: Attempt, now: Timestamp) -> Plan {
    let is_recorded = run.attempts.iter().any(|recorded| recorded.n == attempt.n);
    // What is waited for here may wake nobody when it comes.
    let end = run.end();
    let look_again = Some(later(now, SWEEP).min(end));
    let waits = |for_what| {
        let outcome = if run.attempts.is_empty() {
            Outcome::Pending(for_what)
        } else {
            Outcome::Running(for_what, Facts::default())
        };
        Plan::waiting(outcome, look_again)
    };
    let target = match course::instance(&world.target, world.is_foreign) {
        Ok(target) => target,
        Err(for_what) => return waits(for_what),
    };
    let Some(mut destination) = world.destination.clone() else {
        let lack =
            "spec.backup.vault and spec.backup.roleArn of the class are not set: engine AWSBackup needs both";
        return Plan::waiting(Outcome::Lacking(lack.to_owned()), look_again);
    };
    // The token is good for what was asked for with it.
    if is_recorded && let Some(recorded) = &world.recorded {
        destination.vault = recorded.clone();
    }
    let vault = match world.vault(&destination.vault) {
        Observed::Unknown => return waits(Waiting::Inventory),
        Observed::Absent => {
            let lack = vault::not_there(&destination.vault);
            return Plan::waiting(Outcome::Lacking(lack), look_again);
        }
        Observed::Present(vault) => vault,
    };
    let record = Step::RecordAttempt(attempt, destination.vault.clone());
    let start = Step::Start(Start {
        n: attempt.n,
        instance: target.instance.clone(),
        destination,
        within: window(run, attempt.at),
        delete_after_days: vault::lifecycle(vault),
    });
    Plan {
        steps: if is_recorded {
            vec![start]
        } else {
            vec![record, start]
        },
        outcome: Outcome::Running(Waiting::Start, Facts::default()),
        look_again: Some(later(now, LOOK).min(end)),
        beside: Beside::default(),
    }
}

/// How long AWS may take to begin: what is left until the run may not begin any more, or is over.
fn window(run: &Run, asked: Timestamp) -> Duration {
    let begins = elapsed(asked, run.deadline());
    let ends = run
        .timeout()
        .map_or(run.limits.timeout, |end| elapsed(asked, end));
    begins.min(ends).max(SHORTEST_WINDOW)
}

impl World {
    /// Whether enough listings agree that none of the run's images is there.
    fn shows_nothing(&self) -> bool {
        self.images == Observed::Absent && self.listed.len() >= SWEEPS
    }

    /// What is known of this vault.
    pub fn vault(&self, name: &VaultName) -> Observed<&Vault> {
        let found = self.vaults.iter().find(|(known, _)| known == name);
        match found {
            None | Some((_, Observed::Unknown)) => Observed::Unknown,
            Some((_, Observed::Absent)) => Observed::Absent,
            Some((_, Observed::Present(vault))) => Observed::Present(vault),
        }
    }
}

#[cfg(test)]
mod tests;
