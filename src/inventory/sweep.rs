//! The inventory of one region: its calls, and the loop that makes them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    StreamExt,
    future::{join, join_all},
    stream::{self, FuturesUnordered},
};
use jiff::Timestamp;
use tokio::sync::Notify;

use super::{
    effect::Effect,
    owner::Owner,
    state::{Answer, State, Swept},
    timetable::{ListingKind, PERIOD},
    view::View,
};
use crate::{
    clock::Clock,
    cloud::{
        BackupJob, BackupJobId, Cloud, CloudError, ClusterId, ErrorKind, InstanceId, Listed, Operation,
        Vault, VaultName,
    },
};

/// How many protection readings are under way at once: a sweep's share takes a second or two, and no more sockets.
const READINGS_AT_ONCE: usize = 8;

/// What there is in one region.
pub struct Inventory {
    cloud: Arc<dyn Cloud>,
    clock: Arc<dyn Clock>,
    cluster: ClusterId,
    state: Mutex<State>,
    /// What was last said about each call that fails.
    complaints: Mutex<BTreeMap<(ListingKind, Operation), String>>,
    /// Tells the loop that something is due sooner than it thinks.
    sooner: Notify,
    period: Duration,
}

/// How one listing stands.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct ListingStatus {
    /// What is listed.
    pub kind: ListingKind,
    /// When the last complete one began.
    pub last_success: Option<Timestamp>,
    /// How many calls that took.
    pub pages: Option<u32>,
    /// How often it is listed.
    pub period: Duration,
}

impl fmt::Debug for Inventory {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.debug_struct("Inventory")
            .field("cluster", &self.cluster)
            .finish_non_exhaustive()
    }
}

impl Inventory {
    /// An inventory that knows nothing yet.
    pub fn new(cloud: Arc<dyn Cloud>, clock: Arc<dyn Clock>, cluster: ClusterId) -> Self {
        Self {
            cloud,
            clock,
            cluster,
            state: Mutex::default(),
            complaints: Mutex::default(),
            sooner: Notify::new(),
            period: PERIOD,
        }
    }

    /// Lists everything so often, or less often what takes many calls.
    #[must_use]
    pub fn every(mut self, period: Duration) -> Self {
        self.state = Mutex::new(State::new(period));
        self.period = period;
        self
    }

    /// What is known now.
    pub fn view(&self) -> Arc<View> {
        let now = self.clock.now();
        Arc::new(self.state().view(now))
    }

    /// Takes note of what a call of ours just did or found; call it as soon as the call has ended.
    pub fn record(&self, effect: Effect) {
        let now = self.clock.now();
        self.state().record(effect, now);
    }

    /// Lists the jobs of AWS Backup that were created since, as often as everything else. This ends a quarter of an hour
    /// after it was last asked for: who waits for a job asks in every pass.
    pub fn watch_jobs(&self, since: Timestamp) {
        let now = self.clock.now();
        if self.state().watch_jobs(since, now) {
            self.sooner.notify_one();
        }
    }

    /// Wakes this owner when that job is seen in another state. This ends as [`Inventory::watch_jobs`] does, without
    /// which nothing is listed.
    pub fn watch_job_for(&self, owner: Owner, id: BackupJobId) {
        let now = self.clock.now();
        self.state().watch_job_for(owner, id, now);
    }

    /// Looks at this vault at once, if it is not watched yet, and then every ten minutes. This ends as
    /// [`Inventory::watch_jobs`] does. Nobody is woken by what is found.
    pub fn watch_vault(&self, name: &VaultName) {
        let now = self.clock.now();
        if self.state().watch_vault(name, now) {
            self.sooner.notify_one();
        }
    }

    /// How long the copy of ours waited that waited longest until it was read to whom it is opened; `None` while there
    /// is none.
    pub fn sharing_rotation(&self) -> Option<Duration> {
        self.state().rotation()
    }

    /// Whether there were copies of ours to guard when they were last listed, within a day: an account that lets nobody
    /// in for longer is given up.
    pub fn holds_copies(&self) -> bool {
        let now = self.clock.now();
        self.state().holds_copies(now)
    }

    /// Whether every kind of resource was listed at least once, as far as anything waits for it.
    pub fn has_swept(&self) -> bool {
        self.state().has_swept()
    }

    /// Whether each of these was listed at least once, or AWS did not let it.
    pub fn was_tried(&self) -> bool {
        self.state().timetable.was_tried()
    }

    /// How each listing stands.
    pub fn listings(&self) -> Vec<ListingStatus> {
        let state = self.state();
        let listed = ListingKind::ALL
            .into_iter()
            .filter(|kind| state.timetable.lists(*kind));
        let listings = listed.map(|kind| ListingStatus {
            kind,
            last_success: state.listed_at(kind),
            pages: state.timetable.pages(kind),
            period: state.timetable.period(kind),
        });
        listings.collect()
    }

    /// Lists everything, due or not, and reads the protection of a few instances and the sharing of a few copies.
    pub async fn sweep(&self) -> Swept {
        let listed = {
            let now = self.clock.now();
            let mut state = self.state();
            state.end_old_watches(now);
            let all = ListingKind::ALL.into_iter();
            all.filter(|kind| state.timetable.lists(*kind)).collect()
        };
        self.list_all(listed).await
    }

    /// Lists what is due now, and nothing if nothing is: a step of what [`Inventory::run`] does by itself.
    pub async fn sweep_due(&self) -> Swept {
        let due = self.due();
        self.list_all(due).await
    }

    fn due(&self) -> Vec<ListingKind> {
        let now = self.clock.now();
        let mut state = self.state();
        state.end_old_watches(now);
        state.timetable.due(now)
    }

    /// When something is due next; in the past if it is due already.
    pub fn next_due(&self) -> Timestamp {
        self.next_due_beside(&BTreeSet::new())
    }

    /// Lists for ever, each kind when it is due, and tells of each listing as soon as it ends: one that takes long or
    /// fails holds up no other.
    pub async fn run(self: Arc<Self>, on_sweep: impl Fn(Swept) + Send + Sync) {
        let mut under_way = BTreeSet::new();
        let mut listings = FuturesUnordered::new();
        loop {
            let mut due = self.due();
            due.retain(|kind| under_way.insert(*kind));
            listings.extend(due.into_iter().map(async |kind| (kind, self.list(kind).await)));
            tokio::select! {
                // What ended first, so that virtual time repeats itself.
                biased;
                Some((kind, swept)) = listings.next() => {
                    under_way.remove(&kind);
                    on_sweep(swept);
                }
                () = self.clock.until(self.next_due_beside(&under_way)) => {}
                () = self.sooner.notified() => {}
            }
        }
    }

    fn next_due_beside(&self, under_way: &BTreeSet<ListingKind>) -> Timestamp {
        let state = self.state();
        let idle = ListingKind::ALL
            .into_iter()
            .filter(|kind| !under_way.contains(kind));
        let due_at = idle.map(|kind| state.timetable.due_at(kind));
        due_at.min().unwrap_or(Timestamp::MAX)
    }

    /// Lists these at once. In their order as far as the answers leave it open, so that virtual time repeats itself.
    async fn list_all(&self, kinds: Vec<ListingKind>) -> Swept {
        let listings = kinds.into_iter().map(|kind| self.list(kind));
        let mut all = Swept::default();
        for swept in join_all(listings).await {
            all.join(swept);
        }
        all
    }

    /// Lists one kind.
    async fn list(&self, kind: ListingKind) -> Swept {
        if kind == ListingKind::Sharing {
            return self.read_sharing().await;
        }
        let begun = {
            let now = self.clock.now();
            self.state().begin_listing(kind, now)
        };
        let answer = self.ask(kind, begun.at).await;
        let mut swept = {
            let now = self.clock.now();
            self.state().take(kind, begun, answer, now)
        };
        if kind == ListingKind::Instances {
            let due = self.state().protection_due(begun.at);
            self.read_protection(due, &mut swept).await;
        }
        self.complain(kind, &swept.failed);
        swept
    }

    async fn ask(&self, kind: ListingKind, begun_at: Timestamp) -> Result<Answer, CloudError> {
        Ok(match kind {
            ListingKind::Instances => Answer::Instances(self.cloud.list_instances().await?),
            ListingKind::Volumes => Answer::Volumes(self.cloud.list_volumes().await?),
            ListingKind::Groups => Answer::Groups(self.cloud.list_groups().await?),
            ListingKind::Snapshots => Answer::Snapshots(self.cloud.list_snapshots().await?),
            ListingKind::StatusChecks => Answer::StatusChecks(self.cloud.list_impaired().await?),
            ListingKind::Locks => Answer::Locks(self.cloud.list_locks().await?),
            ListingKind::PublicSnapshots => {
                Answer::PublicSnapshots(self.cloud.list_public_snapshots().await?)
            }
            ListingKind::BackupJobs => Answer::BackupJobs(self.ask_jobs().await?),
            ListingKind::Vaults => Answer::Vaults(self.ask_vaults(begun_at).await?),
            // Sharing is read in turn, see there.
            ListingKind::Images | ListingKind::Sharing => Answer::Images(self.cloud.list_images().await?),
        })
    }

    /// Jobs since the earliest instant that somebody asks for.
    async fn ask_jobs(&self) -> Result<Listed<BackupJob>, CloudError> {
        let since = self.state().jobs_since();
        match since {
            Some(since) => self.cloud.list_backup_jobs(since).await,
            // The last watch just ended.
            None => Ok(Listed {
                items: Vec::new(),
                pages: 0,
            }),
        }
    }

    /// One after the other: there are as many as classes. What was found before one failed is kept.
    async fn ask_vaults(
        &self,
        begun_at: Timestamp,
    ) -> Result<Listed<(VaultName, Option<Vault>)>, CloudError> {
        let watched = self.state().watched_vaults();
        let mut items = Vec::with_capacity(watched.len());
        let mut failed = None;
        for name in watched {
            match self.cloud.find_vault(&name).await {
                Ok(found) => items.push((name, found)),
                Err(error) => failed = Some(error),
            }
        }
        let Some(error) = failed else {
            let pages = u32::try_from(items.len()).unwrap_or(u32::MAX);
            return Ok(Listed { items, pages });
        };
        let mut state = self.state();
        state.take_vaults(items, begun_at);
        state.vaults_failed(begun_at, self.period);
        Err(error)
    }

    async fn read_protection(&self, due: Vec<InstanceId>, swept: &mut Swept) {
        let readings = stream::iter(due).map(async |id| {
            let begun = {
                let now = self.clock.now();
                self.state().begin(now)
            };
            let found = self.cloud.is_protected(&id).await;
            (id, begun, found)
        });
        let mut readings = Box::pin(readings.buffer_unordered(READINGS_AT_ONCE));
        while let Some((id, begun, found)) = readings.next().await {
            let found = unless_gone(found, &mut swept.failed);
            self.state()
                .protection_read(&id, found, begun, &mut swept.changed);
        }
    }

    /// A turn of the rotation.
    async fn read_sharing(&self) -> Swept {
        let (begun, snapshots, images) = {
            let now = self.clock.now();
            self.state().begin_reading(now)
        };
        let of_snapshot = async |id| {
            let found = self.cloud.sharing_of_snapshot(&id).await;
            (id, found)
        };
        let of_image = async |id| {
            let found = self.cloud.sharing_of_image(&id).await;
            (id, found)
        };
        let snapshots = stream::iter(snapshots)
            .map(of_snapshot)
            .buffer_unordered(READINGS_AT_ONCE);
        let images = stream::iter(images)
            .map(of_image)
            .buffer_unordered(READINGS_AT_ONCE);
        let (snapshots, images): (Vec<_>, Vec<_>) = join(snapshots.collect(), images.collect()).await;
        let mut failed = Vec::new();
        let snapshots = snapshots.into_iter();
        let snapshots = snapshots.map(|(id, found)| (id, unless_gone(found, &mut failed)));
        let snapshots = snapshots.collect();
        let images = images.into_iter();
        let images = images.map(|(id, found)| (id, unless_gone(found, &mut failed)));
        let images = images.collect();
        let swept = {
            let now = self.clock.now();
            self.state().end_reading(begun, (snapshots, images), failed, now)
        };
        self.complain(ListingKind::Sharing, &swept.failed);
        swept
    }

    /// Why it gets old, if it does: the calls that fail.
    pub fn trouble(&self) -> Option<String> {
        let complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let messages: Vec<_> = complaints.values().map(String::as_str).collect();
        (!messages.is_empty()).then(|| messages.join("; "))
    }

    /// Why this is not listed, if the calls for it fail.
    pub fn trouble_with(&self, kind: ListingKind) -> Option<String> {
        let complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let mut of_kind = complaints.iter().filter(|((of, _), _)| *of == kind);
        of_kind.next().map(|(_, message)| message.clone())
    }

    /// Logs a failure of one of these calls once, not each time it comes again.
    fn complain(&self, kind: ListingKind, failed: &[CloudError]) {
        let cluster = &self.cluster;
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        complaints.retain(|(of, operation), _| {
            let fails = failed.iter().any(|error| error.operation == *operation);
            let works = *of == kind && !fails;
            if works {
                tracing::info!(%cluster, %kind, %operation, "the inventory's call works again");
            }
            !works
        });
        for error in failed {
            let message = error.to_string();
            let call = (kind, error.operation);
            if complaints.get(&call) != Some(&message) {
                tracing::warn!(%cluster, %kind, operation = %error.operation, %error, "the inventory is getting old");
                complaints.insert(call, message);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a reading found; nothing where it failed, or where what it names was deleted meanwhile, or AWS does not show it
/// yet.
fn unless_gone<T>(found: Result<T, CloudError>, failed: &mut Vec<CloudError>) -> Option<T> {
    match found {
        Ok(found) => Some(found),
        Err(error) => {
            if error.kind != ErrorKind::NotFound {
                failed.push(error);
            }
            None
        }
    }
}
