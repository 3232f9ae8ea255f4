//! Whose the lease is: pure functions of what it says, what was seen of it before, and the time.

use jiff::Timestamp;
use k8s_openapi::{
    api::coordination::v1::{Lease, LeaseSpec},
    apimachinery::pkg::apis::meta::v1::MicroTime,
};

use super::DURATION;
use crate::{clock::later, cloud::ClusterId};

/// The annotation in which the Lease records the cluster id of its installation.
pub const CLUSTER_ANNOTATION: &str = "yagura.dev/cluster-id";

/// Who asks for the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Claimant {
    /// A name that outlives a restart: the same process, started again, takes its own lease at once.
    pub identity: String,
    /// The installation it belongs to.
    pub cluster: ClusterId,
}

/// What to do about the lease.
#[derive(Clone, Debug, PartialEq, Eq)]
pub enum Decision {
    /// Write it: it is free, ours, or its holder gave no sign of life for too long.
    Take,
    /// Leave it to its holder, and look again at this time at the latest.
    Wait {
        /// When the holder has been silent for too long.
        until: Timestamp,
    },
    /// Never act: the installation belongs to another cluster id.
    Refuse {
        /// The id the Lease records.
        recorded: ClusterId,
    },
}

/// The holder's last sign of life, on our own clock.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Sighting {
    holder: Option<String>,
    renew_time: Option<Timestamp>,
    renewed_at: Timestamp,
    looked_at: Timestamp,
}

impl Sighting {
    /// What `lease`, read at `now`, tells after what was seen before.
    ///
    /// A holder's clock may be wrong. A renewal that came between two looks happened between them whatever its
    /// own time says; only at the very first look there is nothing else to go by.
    pub fn of(lease: &Lease, before: Option<&Self>, now: Timestamp) -> Self {
        let holder = holder(lease).map(str::to_owned);
        let renew_time = lease
            .spec
            .as_ref()
            .and_then(|spec| spec.renew_time.as_ref())
            .map(|time| time.0);
        let written_at = renew_time.unwrap_or(Timestamp::MIN).min(now);
        let renewed_at = match before {
            Some(before) if before.holder == holder && before.renew_time == renew_time => before.renewed_at,
            Some(before) => written_at.max(before.looked_at),
            None => written_at,
        };
        Self {
            holder,
            renew_time,
            renewed_at,
            looked_at: now,
        }
    }
}

/// What to do about a lease.
pub fn decide(lease: &Lease, me: &Claimant, seen: &Sighting, now: Timestamp) -> Decision {
    let recorded = lease
        .metadata
        .annotations
        .as_ref()
        .and_then(|annotations| annotations.get(CLUSTER_ANNOTATION));
    if let Some(recorded) = recorded.filter(|id| *id != me.cluster.as_str()) {
        return Decision::Refuse {
            recorded: recorded.as_str().into(),
        };
    }
    let until = later(seen.renewed_at, DURATION);
    match holder(lease) {
        None => Decision::Take,
        Some(holder) if holder == me.identity => Decision::Take,
        Some(_) if now >= until => Decision::Take,
        Some(_) => Decision::Wait { until },
    }
}

/// The lease as it reads once `me` has taken or renewed it.
pub fn claim(lease: &Lease, me: &Claimant, now: Timestamp) -> Lease {
    let before = lease.spec.clone().unwrap_or_default();
    let is_mine = holder(lease) == Some(me.identity.as_str());
    let transitions = before.lease_transitions.unwrap_or_default();
    let mut claimed = lease.clone();
    claimed.spec = Some(LeaseSpec {
        holder_identity: Some(me.identity.clone()),
        lease_duration_seconds: i32::try_from(DURATION.as_secs()).ok(),
        renew_time: Some(MicroTime(now)),
        acquire_time: if is_mine {
            before.acquire_time
        } else {
            Some(MicroTime(now))
        },
        lease_transitions: Some(if is_mine {
            transitions
        } else {
            transitions.saturating_add(1)
        }),
        ..before
    });
    claimed
        .metadata
        .annotations
        .get_or_insert_default()
        .insert(CLUSTER_ANNOTATION.to_owned(), me.cluster.as_str().to_owned());
    claimed
}

/// The lease as it reads once its holder has given it back.
pub fn release(lease: &Lease, now: Timestamp) -> Lease {
    let mut free = lease.clone();
    let spec = free.spec.get_or_insert_default();
    spec.holder_identity = None;
    spec.renew_time = Some(MicroTime(now));
    free
}

/// Who holds the lease; other programs write "nobody" as an empty name.
pub(super) fn holder(lease: &Lease) -> Option<&str> {
    lease
        .spec
        .as_ref()?
        .holder_identity
        .as_deref()
        .filter(|holder| !holder.is_empty())
}
