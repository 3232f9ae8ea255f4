//! What is known of subnets: their VPC never changes, so one look serves for long.

use std::{
    collections::HashMap,
    sync::{
        Arc, Mutex, MutexGuard, PoisonError,
        atomic::{AtomicU64, Ordering},
    },
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    clock::elapsed,
    cloud::{Cloud, Site, Subnet, SubnetId},
    engine::Failure,
};

/// How long a look is believed. A VPC may be given another address range at any time; nothing tells of it, so a
/// source that overlaps the new range is noticed by the first pass after the look is older than this.
const MAX_AGE: Duration = Duration::from_secs(24 * 60 * 60);

/// How long after a look that found nothing another one is worth a call, where nothing but ranges is asked for.
pub(super) const LOOK_AFTER_FAILURE: Duration = Duration::from_secs(5 * 60);

type Place = (Site, SubnetId);

/// Looks at subnets, each kept for a while: at rest one look a day and subnet at most, however many Tenants stand
/// in it.
#[derive(Debug, Default)]
pub struct Subnets {
    seen: Mutex<HashMap<Place, (Timestamp, Subnet)>>,
    /// The looks that found nothing, or failed.
    missed: Mutex<HashMap<Place, Timestamp>>,
    looks: Mutex<HashMap<Place, Arc<Looks>>>,
}

/// What a look came to.
type Found = Result<Option<Subnet>, Failure>;

/// The looks at one subnet, one at a time. Whoever comes during one takes what it finds: a look is due for every
/// Tenant in a subnet at once, and sixteen passes run side by side.
#[derive(Debug, Default)]
struct Looks {
    ended: AtomicU64,
    last: tokio::sync::Mutex<Option<Found>>,
}

impl Looks {
    async fn join(&self, look: impl Future<Output = Found>) -> Found {
        let before = self.ended.load(Ordering::SeqCst);
        let mut last = self.last.lock().await;
        if self.ended.load(Ordering::SeqCst) > before
            && let Some(found) = &*last
        {
            return found.clone();
        }
        let found = look.await;
        *last = Some(found.clone());
        self.ended.fetch_add(1, Ordering::SeqCst);
        found
    }
}

impl Subnets {
    /// The subnet; `None` when there is none, which is never kept.
    ///
    /// # Errors
    /// Where AWS does not answer.
    pub async fn find(
        &self,
        cloud: &dyn Cloud,
        site: &Site,
        id: &SubnetId,
        now: Timestamp,
    ) -> Result<Option<Subnet>, Failure> {
        let place = (site.clone(), id.clone());
        if let Some(subnet) = self.kept(&place, now) {
            return Ok(Some(subnet));
        }
        let looks = Arc::clone(lock(&self.looks).entry(place.clone()).or_default());
        let found = looks.join(async { Ok(cloud.find_subnet(id).await?) }).await?;
        if let Some(subnet) = &found {
            lock(&self.seen).insert(place, (now, subnet.clone()));
        }
        Ok(found)
    }

    /// The subnet as far as it can be known without failing: where a look is due and brings nothing, what was seen
    /// before, however old, and no other look for a while.
    pub async fn known(
        &self,
        cloud: &dyn Cloud,
        site: &Site,
        id: &SubnetId,
        now: Timestamp,
    ) -> Option<Subnet> {
        let place = (site.clone(), id.clone());
        let missed_at = lock(&self.missed).get(&place).copied();
        let may_look = missed_at.is_none_or(|at| elapsed(at, now) >= LOOK_AFTER_FAILURE);
        if may_look || self.kept(&place, now).is_some() {
            if let Ok(Some(subnet)) = self.find(cloud, site, id, now).await {
                return Some(subnet);
            }
            lock(&self.missed).insert(place.clone(), now);
        }
        lock(&self.seen).get(&place).map(|(_, subnet)| subnet.clone())
    }

    fn kept(&self, place: &Place, now: Timestamp) -> Option<Subnet> {
        let seen = lock(&self.seen);
        let (at, subnet) = seen.get(place)?;
        (elapsed(*at, now) < MAX_AGE).then(|| subnet.clone())
    }
}

fn lock<T>(mutex: &Mutex<T>) -> MutexGuard<'_, T> {
    mutex.lock().unwrap_or_else(PoisonError::into_inner)
}

#[cfg(test)]
mod tests;
