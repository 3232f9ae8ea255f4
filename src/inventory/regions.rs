//! The inventories of all regions in use.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use tokio::{runtime::Handle, task::AbortHandle};
use tracing::Instrument;

use super::{state::Swept, sweep::Inventory, view::View};
use crate::{
    clock::Clock,
    cloud::{Cloud, ClusterId, Region, Regions},
};

/// Told of every sweep.
pub type OnSweep = Arc<dyn Fn(&Region, Swept) + Send + Sync>;

/// One inventory per region, made when a class first names it.
pub struct Inventories {
    regions: Arc<dyn Regions>,
    clock: Arc<dyn Clock>,
    cluster: ClusterId,
    background: Option<Background>,
    made: Mutex<BTreeMap<Region, Made>>,
}

struct Background {
    runtime: Handle,
    period: Duration,
    on_sweep: OnSweep,
}

struct Made {
    inventory: Arc<Inventory>,
    /// Its loop, to be ended with us.
    running: Option<AbortHandle>,
}

impl Inventories {
    /// Inventories that sweep only when told to.
    pub fn new(regions: Arc<dyn Regions>, clock: Arc<dyn Clock>, cluster: ClusterId) -> Self {
        Self {
            regions,
            clock,
            cluster,
            background: None,
            made: Mutex::default(),
        }
    }

    /// Lets each inventory sweep by itself, from the moment it is made.
    #[must_use]
    pub fn sweeping(mut self, runtime: Handle, period: Duration, on_sweep: OnSweep) -> Self {
        self.background = Some(Background {
            runtime,
            period,
            on_sweep,
        });
        self
    }

    /// The door to this region.
    pub fn cloud(&self, region: &Region) -> Arc<dyn Cloud> {
        self.regions.region(region)
    }

    /// The inventory of this region.
    pub fn of(&self, region: &Region) -> Arc<Inventory> {
        let mut made = self.made();
        let made = made.entry(region.clone()).or_insert_with(|| self.make(region));
        Arc::clone(&made.inventory)
    }

    /// Sweeps every region in use, one after another.
    pub async fn sweep_all(&self) -> Vec<(Region, Swept)> {
        let inventories = self.all();
        let mut swept = Vec::with_capacity(inventories.len());
        for (region, inventory) in inventories {
            let result = inventory.sweep().await;
            swept.push((region, result));
        }
        swept
    }

    /// What is known of each region in use.
    pub fn views(&self) -> Vec<(Region, Arc<View>)> {
        self.all()
            .into_iter()
            .map(|(region, inventory)| (region, inventory.view()))
            .collect()
    }

    /// Whether every region in use was swept at least once; true while none is.
    pub fn has_swept(&self) -> bool {
        self.all().iter().all(|(_, inventory)| inventory.has_swept())
    }

    fn make(&self, region: &Region) -> Made {
        let cloud = self.regions.region(region);
        let inventory = Arc::new(Inventory::new(
            cloud,
            Arc::clone(&self.clock),
            self.cluster.clone(),
        ));
        let running = self.background.as_ref().map(|background| {
            let span = tracing::info_span!("inventory", %region);
            let region = region.clone();
            let on_sweep = Arc::clone(&background.on_sweep);
            let tell = move |swept| on_sweep(&region, swept);
            let sweeps = Arc::clone(&inventory).run(background.period, tell);
            let sweeps = sweeps.instrument(span);
            background.runtime.spawn(sweeps).abort_handle()
        });
        Made { inventory, running }
    }

    fn all(&self) -> Vec<(Region, Arc<Inventory>)> {
        let made = self.made();
        let all = made.iter();
        all.map(|(region, made)| (region.clone(), Arc::clone(&made.inventory)))
            .collect()
    }

    fn made(&self) -> MutexGuard<'_, BTreeMap<Region, Made>> {
        self.made.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl Drop for Inventories {
    fn drop(&mut self) {
        for made in self.made().values() {
            if let Some(running) = &made.running {
                running.abort();
            }
        }
    }
}
