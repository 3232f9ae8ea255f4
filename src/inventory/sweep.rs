//! The inventory of one region: its calls, and the loop that makes them.

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    StreamExt,
    future::join_all,
    stream::{self, FuturesUnordered},
};
use jiff::Timestamp;

use super::{
    effect::Effect,
    state::{Answer, State, Swept},
    timetable::ListingKind,
    view::View,
};
use crate::{
    clock::Clock,
    cloud::{Cloud, CloudError, ClusterId, ErrorKind, InstanceId, Operation},
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
    complaints: Mutex<BTreeMap<Operation, String>>,
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
        }
    }

    /// Lists everything so often, or less often what takes many calls.
    #[must_use]
    pub fn every(mut self, period: Duration) -> Self {
        self.state = Mutex::new(State::new(period));
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

    /// Whether every kind of resource was listed at least once.
    pub fn has_swept(&self) -> bool {
        self.state().has_swept()
    }

    /// Whether every kind of resource was listed at least once, or AWS did not let it.
    pub fn was_tried(&self) -> bool {
        self.state().timetable().was_tried()
    }

    /// How each listing stands.
    pub fn listings(&self) -> [ListingStatus; 5] {
        let state = self.state();
        ListingKind::ALL.map(|kind| ListingStatus {
            kind,
            last_success: state.listed_at(kind),
            pages: state.timetable().pages(kind),
            period: state.timetable().period(kind),
        })
    }

    /// Lists everything, due or not, and reads the protection of a few instances.
    pub async fn sweep(&self) -> Swept {
        self.list_all(ListingKind::ALL.to_vec()).await
    }

    /// Lists what is due now, and nothing if nothing is: a step of what [`Inventory::run`] does by itself.
    pub async fn sweep_due(&self) -> Swept {
        let now = self.clock.now();
        let due = self.state().timetable().due(now);
        self.list_all(due).await
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
            let now = self.clock.now();
            let mut due = self.state().timetable().due(now);
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
            }
        }
    }

    fn next_due_beside(&self, under_way: &BTreeSet<ListingKind>) -> Timestamp {
        let state = self.state();
        let idle = ListingKind::ALL
            .into_iter()
            .filter(|kind| !under_way.contains(kind));
        let due_at = idle.map(|kind| state.timetable().due_at(kind));
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
        let begun = {
            let now = self.clock.now();
            self.state().begin_listing(kind, now)
        };
        let answer = self.ask(kind).await;
        let mut swept = {
            let now = self.clock.now();
            self.state().take(kind, begun, answer, now)
        };
        if kind == ListingKind::Instances {
            let due = self.state().protection_due(begun.at);
            self.read_protection(due, &mut swept).await;
        }
        self.complain(operations_of(kind), &swept.failed);
        swept
    }

    async fn ask(&self, kind: ListingKind) -> Result<Answer, CloudError> {
        Ok(match kind {
            ListingKind::Instances => Answer::Instances(self.cloud.list_instances().await?),
            ListingKind::Volumes => Answer::Volumes(self.cloud.list_volumes().await?),
            ListingKind::Groups => Answer::Groups(self.cloud.list_groups().await?),
            ListingKind::Snapshots => Answer::Snapshots(self.cloud.list_snapshots().await?),
            ListingKind::StatusChecks => Answer::StatusChecks(self.cloud.list_impaired().await?),
        })
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
            let found = match found {
                Ok(protected) => Some(protected),
                // It was terminated meanwhile, or AWS does not show it yet.
                Err(error) if error.kind == ErrorKind::NotFound => None,
                Err(error) => {
                    swept.failed.push(error);
                    None
                }
            };
            self.state()
                .protection_read(&id, found, begun, &mut swept.changed);
        }
    }

    /// Why it gets old, if it does: the calls that fail.
    pub fn trouble(&self) -> Option<String> {
        let complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        let messages: Vec<_> = complaints.values().map(String::as_str).collect();
        (!messages.is_empty()).then(|| messages.join("; "))
    }

    /// Logs a failure of one of these calls once, not each time it comes again.
    fn complain(&self, operations: &[Operation], failed: &[CloudError]) {
        let cluster = &self.cluster;
        let mut complaints = self.complaints.lock().unwrap_or_else(PoisonError::into_inner);
        complaints.retain(|operation, _| {
            let fails = failed.iter().any(|error| error.operation == *operation);
            let works = operations.contains(operation) && !fails;
            if works {
                tracing::info!(%cluster, %operation, "the inventory's call works again");
            }
            !works
        });
        for error in failed {
            let message = error.to_string();
            if complaints.get(&error.operation) != Some(&message) {
                tracing::warn!(%cluster, operation = %error.operation, %error, "the inventory is getting old");
                complaints.insert(error.operation, message);
            }
        }
    }

    fn state(&self) -> MutexGuard<'_, State> {
        self.state.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// What a listing of this kind calls.
fn operations_of(kind: ListingKind) -> &'static [Operation] {
    match kind {
        ListingKind::Instances => &[Operation::DescribeInstances, Operation::DescribeInstanceAttribute],
        ListingKind::Volumes => &[Operation::DescribeVolumes],
        ListingKind::Groups => &[Operation::DescribeSecurityGroups],
        ListingKind::Snapshots => &[Operation::DescribeSnapshots],
        ListingKind::StatusChecks => &[Operation::DescribeInstanceStatus],
    }
}
