//! What is known of subnets: their VPC never changes, so one look serves for long.

use std::{
    collections::HashMap,
    sync::{Mutex, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    clock::elapsed,
    cloud::{Cloud, Region, Subnet, SubnetId},
    engine::Failure,
};

/// How long a look is believed. A VPC may be given another address range at any time, and a source that overlaps
/// it is refused within the hour.
const MAX_AGE: Duration = Duration::from_secs(60 * 60);

/// Looks at subnets, each kept for a while.
#[derive(Debug, Default)]
pub struct Subnets {
    seen: Mutex<HashMap<(Region, SubnetId), (Timestamp, Subnet)>>,
}

impl Subnets {
    /// The subnet; `None` when there is none, which is never kept.
    ///
    /// # Errors
    /// Where AWS does not answer.
    pub async fn find(
        &self,
        cloud: &dyn Cloud,
        region: &Region,
        id: &SubnetId,
        now: Timestamp,
    ) -> Result<Option<Subnet>, Failure> {
        let key = (region.clone(), id.clone());
        let kept = {
            let seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.get(&key)
                .filter(|(at, _)| elapsed(*at, now) < MAX_AGE)
                .cloned()
        };
        if let Some((_, subnet)) = kept {
            return Ok(Some(subnet));
        }
        let found = cloud.find_subnet(id).await?;
        if let Some(subnet) = &found {
            let mut seen = self.seen.lock().unwrap_or_else(PoisonError::into_inner);
            seen.insert(key, (now, subnet.clone()));
        }
        Ok(found)
    }
}
