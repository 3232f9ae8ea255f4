//! AWS Backup and the API server as far as a run needs them, with everything that can go wrong between.

use super::*;
use crate::plan::backup::{call_end, tests::simulate::Fate};

pub(super) fn vault(lock: Option<VaultLock>) -> Vault {
    Vault {
        name: "yagura".into(),
        kms_key_id: None,
        lock,
    }
}

pub(super) fn job(state: JobState) -> BackupJob {
    BackupJob {
        id: "job-1".into(),
        state,
        state_name: format!("{state:?}").to_uppercase(),
        message: None,
        created_at: at(5),
        completed_at: (state == JobState::Completed).then(|| at(2000)),
        recovery_point: (state == JobState::Completed)
            .then(|| "arn:aws:ec2:ap-northeast-1::image/ami-1".to_owned()),
        encrypted: true,
        bytes: None,
    }
}

/// The image of attempt `n`.
pub(super) fn image(n: u32) -> Image {
    Image {
        id: ImageId::new(format!("ami-{n}")),
        state: ImageState::Available,
        created_at: at(1800),
        public: false,
        snapshots: ["snap-0".into(), "snap-1".into()].into(),
        tags: [
            (tags::ATTEMPT, n.to_string()),
            (tags::BACKUP, "acme/jira-1".to_owned()),
            (tags::SLOT, "2027-01-15T08:00:00Z".to_owned()),
            (tags::UID, "t-uid".to_owned()),
        ]
        .map(|(key, value)| (key.to_owned(), value))
        .into(),
    }
}

/// The snapshot of volume `i` behind an image.
pub(super) fn snapshot(i: u32, second: i64) -> Snapshot {
    Snapshot {
        id: SnapshotId::new(format!("snap-{i}")),
        volume_id: VolumeId::new(format!("vol-{i}")),
        state: SnapshotState::Completed,
        state_message: None,
        started_at: at(second),
        size_gib: 10,
        encrypted: true,
        kms_key_id: Some("key-1".into()),
        description: "made by AWS Backup".into(),
        tags: Tags::new(),
    }
}

/// How a job of the simulation goes.
#[derive(Clone, Copy, Debug, Default)]
pub(super) struct Course {
    /// How long listings lag behind it.
    pub(super) lag: i64,
    /// When it begins, after it was asked for.
    pub(super) begins: i64,
    /// Whether it fails.
    pub(super) fails: bool,
    /// Whether its snapshots get the volumes' tags.
    pub(super) is_untagged: bool,
}

/// A job in AWS.
#[derive(Clone, Debug)]
struct Made {
    n: u32,
    serial: u32,
    at: i64,
    course: Course,
}

/// What one sweep showed.
#[derive(Clone, Debug, Default)]
struct Swept {
    jobs: Vec<BackupJob>,
    images: Vec<Image>,
    snapshots: Vec<Snapshot>,
}

/// One process: what it remembers is gone when it dies.
#[derive(Clone, Debug, Default)]
pub(super) struct Operator {
    call: Option<Call<BackupJobId>>,
    /// When each of its sweeps began.
    sweeps: Vec<i64>,
    swept: Swept,
}

/// The world outside of the planner.
#[derive(Clone, Debug)]
pub(super) struct Sim {
    pub(super) now: i64,
    pub(super) run: Run,
    pub(super) version: u64,
    pub(super) outcome: Option<Outcome>,
    /// What the status has of the latest attempt.
    id: Option<BackupJobId>,
    recorded: Option<VaultName>,
    made: Vec<Made>,
    courses: Vec<Course>,
    /// Whether jobs have vanished from the listing.
    pub(super) forgets_jobs: bool,
}

/// How long a job runs.
const RUNS: i64 = 200;

impl Sim {
    /// A new run; each further job takes its course from these.
    pub(super) fn new(courses: Vec<Course>) -> Self {
        Self {
            now: 2,
            run: run(),
            version: 1,
            outcome: None,
            id: None,
            recorded: None,
            made: Vec::new(),
            courses,
            forgets_jobs: false,
        }
    }

    pub(super) fn jobs(&self) -> usize {
        self.made.len()
    }

    pub(super) fn good_jobs(&self) -> usize {
        self.made.iter().filter(|made| !made.course.fails).count()
    }

    /// Somebody deletes the object, and it is made again for its slot.
    pub(super) fn lose_the_object(&mut self) {
        self.version += 1;
        self.run = Run {
            created: at(self.now),
            ..run()
        };
        self.id = None;
        self.recorded = None;
    }

    fn listing(&self, now: i64) -> Swept {
        let mut swept = Swept::default();
        for made in self.made.iter().filter(|made| made.at + made.course.lag <= now) {
            let (job, image, snapshots) = made.state_at(now - made.course.lag);
            if !self.forgets_jobs {
                swept.jobs.push(job);
            }
            swept.images.extend(image);
            swept.snapshots.extend(snapshots);
        }
        swept
    }

    /// One sweep, begun now; what it shows is up to `stale` seconds old.
    pub(super) fn sweep(&self, operator: &mut Operator, stale: i64) {
        operator.swept = self.listing(self.now - stale);
        operator.sweeps.push(self.now);
    }

    /// What an operator sees now.
    pub(super) fn observe(&self, operator: &Operator) -> World {
        let latest = self.run.attempts.iter().map(|attempt| attempt.n).max();
        let own = match &operator.call {
            Some(Call {
                n,
                end: CallEnd::Answered(id),
                ..
            }) if Some(*n) == latest => Some(id.clone()),
            _ => None,
        };
        let has_swept = !operator.sweeps.is_empty();
        let swept = &operator.swept;
        World {
            recorded: self.recorded.clone(),
            job: own.or_else(|| self.id.clone()).map(|id| {
                let found = swept.jobs.iter().find(|job| job.id == id).cloned();
                let observed = match found {
                    _ if !has_swept => Observed::Unknown,
                    None => Observed::Absent,
                    Some(job) => Observed::Present(job),
                };
                (id, observed)
            }),
            images: list(has_swept, &swept.images),
            listed: operator
                .sweeps
                .iter()
                .rev()
                .take(2)
                .map(|&begun| at(begun))
                .collect(),
            snapshots: list(has_swept, &swept.snapshots),
            snapshots_listed: operator.sweeps.last().map(|&begun| at(begun)),
            call: operator.call.clone(),
            ..world()
        }
    }

    /// One pass from what was observed at version `read`. Gives false where the process died.
    pub(super) fn pass(&mut self, operator: &mut Operator, plan: &Plan, read: u64, fate: Fate) -> bool {
        let mut read = read;
        for step in &plan.steps {
            match step {
                Step::RecordAttempt(attempt, vault) => {
                    if fate == Fate::DiesBeforeTheRecord {
                        return false;
                    }
                    if self.version != read {
                        return true;
                    }
                    self.version += 1;
                    read = self.version;
                    self.run.attempts.push(*attempt);
                    self.run.accepted.get_or_insert(attempt.at);
                    self.recorded = Some(vault.clone());
                    self.id = None;
                    if fate == Fate::DiesBeforeTheCall {
                        return false;
                    }
                }
                Step::Delete { .. } => panic!("a run that goes on deletes nothing"),
                Step::Start(start) => {
                    if !self.call(operator, start.n, fate) {
                        return false;
                    }
                }
            }
        }
        if fate == Fate::DiesBeforeTheReport {
            return false;
        }
        self.report(operator, read);
        true
    }

    fn report(&mut self, operator: &Operator, read: u64) {
        if self.version != read {
            return;
        }
        let world = self.observe(operator);
        let ended = plan(&self.run, &world, at(self.now)).outcome;
        let id = world.job.map(|(id, _)| id);
        if id != self.id {
            self.version += 1;
            self.id = id;
        }
        let is_good = match ended {
            Outcome::Complete(_) => Ended::Complete,
            Outcome::Failed(..) | Outcome::Missed | Outcome::Expired => Ended::Otherwise,
            _ => return,
        };
        self.version += 1;
        self.run.ended = Some(is_good);
        self.outcome = Some(ended);
    }

    fn call(&mut self, operator: &mut Operator, n: u32, fate: Fate) -> bool {
        let takes_effect = matches!(
            fate,
            Fate::Answered | Fate::LostAfterTheEffect | Fate::DiesAfterTheEffect | Fate::DiesBeforeTheReport
        );
        let id = takes_effect.then(|| self.start(n));
        if matches!(fate, Fate::DiesBeforeTheEffect | Fate::DiesAfterTheEffect) {
            return false;
        }
        let end = match fate {
            Fate::Throttled => call_end(refusal(ErrorKind::Throttled), n, operator.call.as_ref()),
            Fate::Denied => call_end(refusal(ErrorKind::Denied), n, operator.call.as_ref()),
            Fate::LostBeforeTheEffect | Fate::LostAfterTheEffect => {
                self.now += 30;
                call_end(refusal(ErrorKind::Lost), n, operator.call.as_ref())
            }
            _ => id.map_or_else(|| CallEnd::Lost(refusal(ErrorKind::Lost)), CallEnd::Answered),
        };
        operator.call = Some(Call {
            n,
            ended: at(self.now),
            end,
        });
        true
    }

    /// StartBackupJob: a token gives the job it gave before.
    fn start(&mut self, n: u32) -> BackupJobId {
        if let Some(made) = self.made.iter().find(|made| made.n == n) {
            return made.id();
        }
        for before in &self.made {
            let is_over = self.now >= before.done() && before.course.fails;
            assert!(is_over, "attempt {n} while that of {} is not lost", before.n);
        }
        let made = Made {
            n,
            serial: u32::try_from(self.made.len()).unwrap(),
            at: self.now,
            course: self.courses.pop().unwrap_or_default(),
        };
        let id = made.id();
        self.made.push(made);
        id
    }
}

fn list<T: Clone>(has_swept: bool, items: &[T]) -> Observed<Vec<T>> {
    match items {
        _ if !has_swept => Observed::Unknown,
        [] => Observed::Absent,
        items => Observed::Present(items.to_vec()),
    }
}

impl Made {
    fn id(&self) -> BackupJobId {
        BackupJobId::new(format!("job-{}", self.serial))
    }

    fn done(&self) -> i64 {
        self.at + self.course.begins + RUNS
    }

    fn state_at(&self, now: i64) -> (BackupJob, Option<Image>, Vec<Snapshot>) {
        let begun = self.at + self.course.begins;
        let state = match (now >= begun, now >= self.done(), self.course.fails) {
            (false, ..) => JobState::Waiting,
            (true, false, _) => JobState::Running,
            (true, true, true) => JobState::Failed,
            (true, true, false) => JobState::Completed,
        };
        let name = format!("ami-{}", self.serial);
        let is_done = state == JobState::Completed;
        let job = BackupJob {
            id: self.id(),
            created_at: at(self.at),
            completed_at: (now >= self.done()).then(|| at(self.done())),
            recovery_point: is_done.then(|| format!("arn:aws:ec2:ap-northeast-1::image/{name}")),
            ..job(state)
        };
        let is_there = matches!(state, JobState::Running | JobState::Completed);
        let image = is_there.then(|| Image {
            id: ImageId::new(name),
            created_at: at(begun),
            state: if is_done {
                ImageState::Available
            } else {
                ImageState::Pending
            },
            snapshots: (0..2)
                .map(|i| SnapshotId::new(format!("snap-{i}-{}", self.serial)))
                .collect(),
            ..image(self.n)
        });
        let snapshots = (0..2).map(|i| Snapshot {
            id: SnapshotId::new(format!("snap-{i}-{}", self.serial)),
            state: if is_done {
                SnapshotState::Completed
            } else {
                SnapshotState::Pending
            },
            ..snapshot(i, begun)
        });
        let is_shown = is_there && !self.course.is_untagged;
        (
            job,
            image,
            if is_shown { snapshots.collect() } else { Vec::new() },
        )
    }
}
