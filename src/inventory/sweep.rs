//! The inventory of one region: its calls, and the loop that makes them.

use std::{
    collections::BTreeMap,
    fmt,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{StreamExt, stream};

use super::{
    effect::Effect,
    state::{Listings, State, Swept},
    view::View,
};
use crate::{
    clock::{Clock, later},
    cloud::{Cloud, CloudError, ClusterId, ErrorKind, InstanceId, Operation},
};

/// How soon after a start the second sweep comes, if the period is longer: nothing counts as absent before it, so
/// every new tenant waits for it. Long enough that the two do not share one lag of AWS's listings.
const SECOND_SWEEP: Duration = Duration::from_secs(5);

/// How many protection readings are under way at once: a sweep's share takes a second or two, and no more sockets.
const READINGS_AT_ONCE: usize = 8;

/// What there is in one region.
pub struct Inventory {
    cloud: Arc<dyn Cloud>,
    clock: Arc<dyn Clock>,
    cluster: ClusterId,
    state: Mutex<State>,
    /// One sweep at a time; within it, what was last said about each call that fails.
    complaints: tokio::sync::Mutex<BTreeMap<Operation, String>>,
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
            complaints: tokio::sync::Mutex::default(),
        }
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

    /// Lists everything once, and reads the protection of a few instances.
    pub async fn sweep(&self) -> Swept {
        let mut complaints = self.complaints.lock().await;
        let begun = {
            let now = self.clock.now();
            self.state().begin(now)
        };
        let (instances, volumes, groups, snapshots) = futures::join!(
            self.cloud.list_instances(),
            self.cloud.list_volumes(),
            self.cloud.list_groups(),
            self.cloud.list_snapshots(),
        );
        let listings = Listings {
            instances,
            volumes,
            groups,
            snapshots,
        };
        let (mut swept, due) = {
            let now = self.clock.now();
            let mut state = self.state();
            let swept = state.sweep(begun, listings, now);
            (swept, state.protection_due(begun.at))
        };
        self.read_protection(due, &mut swept).await;
        self.complain(&mut complaints, &swept.failed);
        swept
    }

    /// Sweeps for ever, and tells of each sweep.
    pub async fn run(self: Arc<Self>, period: Duration, on_sweep: impl Fn(Swept) + Send + Sync) {
        let mut gap = period.min(SECOND_SWEEP);
        loop {
            let begun_at = self.clock.now();
            on_sweep(self.sweep().await);
            self.clock.until(later(begun_at, gap)).await;
            gap = period;
        }
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

    /// Logs a failure once, not each time it comes again.
    fn complain(&self, complaints: &mut BTreeMap<Operation, String>, failed: &[CloudError]) {
        let cluster = &self.cluster;
        complaints.retain(|operation, _| {
            let fails = failed.iter().any(|error| error.operation == *operation);
            if !fails {
                tracing::info!(%cluster, %operation, "the inventory's call works again");
            }
            fails
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
