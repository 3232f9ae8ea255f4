//! The inventories of all sites in use.

use std::{
    collections::BTreeMap,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::{
    FutureExt,
    future::{AbortHandle, BoxFuture, abortable},
};
use jiff::Timestamp;
use tracing::Instrument;

use super::{
    state::Swept,
    sweep::{Inventory, ListingStatus},
    timetable::PERIOD,
};
use crate::{
    clock::Clock,
    cloud::{Cloud, ClusterId, Lane, Site, Sites},
};

/// Told of every listing.
pub type OnSweep = Arc<dyn Fn(&Site, Swept) + Send + Sync>;

/// Runs a task in the background: the runtime's own in the operator, one stepped by hand in a sweep of a test.
pub type Spawner = Arc<dyn Fn(BoxFuture<'static, ()>) + Send + Sync>;

/// One inventory per site, made when a class first names it.
pub struct Inventories {
    sites: Arc<dyn Sites>,
    clock: Arc<dyn Clock>,
    cluster: ClusterId,
    period: Duration,
    background: Option<Background>,
    made: Mutex<BTreeMap<Site, Made>>,
}

struct Background {
    spawn: Spawner,
    on_sweep: OnSweep,
}

struct Made {
    inventory: Arc<Inventory>,
    /// Its loop, to be ended with us.
    running: Option<AbortHandle>,
}

impl Inventories {
    /// Inventories that sweep only when told to.
    pub fn new(sites: Arc<dyn Sites>, clock: Arc<dyn Clock>, cluster: ClusterId) -> Self {
        Self {
            sites,
            clock,
            cluster,
            period: PERIOD,
            background: None,
            made: Mutex::default(),
        }
    }

    /// Lists everything so often, or less often what takes many calls; every 30 s where nothing is said.
    #[must_use]
    pub fn every(mut self, period: Duration) -> Self {
        self.period = period;
        self
    }

    /// Lets each inventory sweep by itself, from the moment it is made.
    #[must_use]
    pub fn sweeping(mut self, spawn: Spawner, on_sweep: OnSweep) -> Self {
        self.background = Some(Background { spawn, on_sweep });
        self
    }

    /// The door to this site for work of this lane.
    pub fn cloud(&self, site: &Site, lane: Lane) -> Arc<dyn Cloud> {
        self.sites.door(site, lane)
    }

    /// Tells that a slot of backups began then: see [`Sites::slot_began`].
    pub fn slot_began(&self, site: &Site, at: Timestamp) {
        self.sites.slot_began(site, at);
    }

    /// The inventory of this site.
    pub fn of(&self, site: &Site) -> Arc<Inventory> {
        let mut made = self.made();
        let made = made.entry(site.clone()).or_insert_with(|| self.make(site));
        Arc::clone(&made.inventory)
    }

    /// The inventory of this site, if it is listed.
    pub fn find(&self, site: &Site) -> Option<Arc<Inventory>> {
        self.made().get(site).map(|made| Arc::clone(&made.inventory))
    }

    /// Lists everything of every site in use, due or not, one site after another.
    pub async fn sweep_all(&self) -> Vec<(Site, Swept)> {
        let inventories = self.all();
        let mut swept = Vec::with_capacity(inventories.len());
        for (site, inventory) in inventories {
            let result = inventory.sweep().await;
            swept.push((site, result));
        }
        swept
    }

    /// Lists what is due now, one site after another: a step of what they do by themselves when
    /// [`Inventories::sweeping`]. Sites where nothing is due are not in the answer.
    pub async fn sweep_due(&self) -> Vec<(Site, Swept)> {
        let mut swept = Vec::new();
        for (site, inventory) in self.all() {
            if inventory.next_due() <= self.clock.now() {
                let result = inventory.sweep_due().await;
                swept.push((site, result));
            }
        }
        swept
    }

    /// When something is due next, in the past if it is due already; `None` while no site is in use.
    pub fn next_due(&self) -> Option<Timestamp> {
        let inventories = self.all().into_iter();
        inventories.map(|(_, inventory)| inventory.next_due()).min()
    }

    /// How each listing of each site in use stands.
    pub fn listings(&self) -> Vec<(Site, ListingStatus)> {
        let of_site = |(site, inventory): (Site, Arc<Inventory>)| {
            let listings = inventory.listings().into_iter();
            listings.map(move |listing| (site.clone(), listing))
        };
        self.all().into_iter().flat_map(of_site).collect()
    }

    /// How long the rotation of each site in use is that has one.
    pub fn rotations(&self) -> Vec<(Site, Duration)> {
        let all = self.all().into_iter();
        all.filter_map(|(site, inventory)| Some((site, inventory.sharing_rotation()?)))
            .collect()
    }

    /// Whether every site in use was swept at least once; true while none is.
    pub fn has_swept(&self) -> bool {
        self.all().iter().all(|(_, inventory)| inventory.has_swept())
    }

    /// Whether every site in use was looked at, though AWS may not have let us; true while none is in use.
    pub fn was_tried(&self) -> bool {
        self.all().iter().all(|(_, inventory)| inventory.was_tried())
    }

    /// Lists from now on only the sites that are in use, or that hold copies of ours, which must be guarded also when the
    /// class is gone that named the site. After a restart nobody knows of such a site any more.
    pub fn retain(&self, in_use: impl Fn(&Site) -> bool) {
        self.made().retain(|site, made| {
            let is_in_use = in_use(site) || made.inventory.holds_copies();
            if !is_in_use && let Some(running) = &made.running {
                running.abort();
            }
            is_in_use
        });
    }

    fn make(&self, site: &Site) -> Made {
        // Every decision rests on the listings: behind the looks of thousands of Tenants that were just declared they
        // would not come for minutes, and nothing would be known any more.
        let cloud = self.sites.door(site, Lane::UserChange);
        let inventory = Inventory::new(cloud, Arc::clone(&self.clock), self.cluster.clone());
        let inventory = Arc::new(inventory.every(self.period));
        let running = self.background.as_ref().map(|background| {
            let span = tracing::info_span!("inventory", %site);
            let site = site.clone();
            let on_sweep = Arc::clone(&background.on_sweep);
            let tell = move |swept| on_sweep(&site, swept);
            let sweeps = Arc::clone(&inventory).run(tell);
            let (sweeps, running) = abortable(sweeps.instrument(span));
            // It ends only by being told to.
            (background.spawn)(Box::pin(sweeps.map(|_| ())));
            running
        });
        Made { inventory, running }
    }

    fn all(&self) -> Vec<(Site, Arc<Inventory>)> {
        let made = self.made();
        let all = made.iter();
        all.map(|(site, made)| (site.clone(), Arc::clone(&made.inventory)))
            .collect()
    }

    fn made(&self) -> MutexGuard<'_, BTreeMap<Site, Made>> {
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
