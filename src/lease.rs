//! Leader election: of several operators of one installation, one acts.
//!
//! It only saves work. Two that act at once are harmless, since every effect is guarded by a token, a name or a
//! tag; so no fencing stands here. The Lease also records which cluster id an installation belongs to, and an
//! operator started with another one refuses to start before it touched anything.
//!
//! Deliberately absent: creating the Lease. It comes with the deployment, so the operator needs no right to
//! create one, only to read and update this one by name.

mod decide;
mod store;

use std::{future::Future, pin::pin, sync::Arc, time::Duration};

use futures::future::{Either, select};
use jiff::Timestamp;
use k8s_openapi::api::coordination::v1::Lease;
use tokio::sync::watch;

pub use decide::{CLUSTER_ANNOTATION, Claimant, Decision, Sighting, claim, decide, release};
pub use store::{KubeLease, LeaseStore, StoreError};

use crate::{
    clock::{Clock, elapsed, later},
    cloud::ClusterId,
};

/// How long a holder that gives no sign of life keeps the lease. With [`RETRY`] it bounds how long nobody acts
/// after a holder was killed: 17 s.
pub const DURATION: Duration = Duration::from_secs(15);
/// How often the holder renews: a third of the duration, so two renewals may fail.
pub const RENEW: Duration = Duration::from_secs(5);
/// How often the others look, and the holder tries again after a failure.
pub const RETRY: Duration = Duration::from_secs(2);
/// How long after its last renewal a holder stops acting: one [`RETRY`] before another may take over.
pub const RENEW_DEADLINE: Duration = Duration::from_secs(13);
/// How long one request may take. The client's own retries are to be off, or this bounds nothing.
const REQUEST_TIMEOUT: Duration = Duration::from_secs(5);

/// Whether this process may act.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Leadership {
    /// Another holds the lease, or nothing is known of it: do nothing.
    Standby,
    /// This process holds the lease.
    Leading,
}

/// Why an operator may never act here.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum LeaseError {
    /// The installation belongs to another cluster id.
    #[error(
        "the Lease records cluster id {recorded}, and this operator was started with {ours}: \
         start it with --cluster-id {recorded}, or, if the old id is really given up, remove the annotation \
         {CLUSTER_ANNOTATION} from the Lease"
    )]
    OtherCluster {
        /// The id in the Lease.
        recorded: ClusterId,
        /// The id of this operator.
        ours: ClusterId,
    },
}

/// Takes part in the election on behalf of this process.
pub struct Elector<S> {
    store: S,
    me: Claimant,
    clock: Arc<dyn Clock>,
    leadership: watch::Sender<Leadership>,
    held: Option<Held>,
    sighting: Option<Sighting>,
    last_trouble: String,
}

/// The lease as this process last wrote it.
struct Held {
    lease: Lease,
    renewed_at: Timestamp,
}

impl<S: LeaseStore> Elector<S> {
    /// An elector, and where it tells whether this process may act; at first it may not.
    pub fn new(store: S, me: Claimant, clock: Arc<dyn Clock>) -> (Self, watch::Receiver<Leadership>) {
        let (leadership, told) = watch::channel(Leadership::Standby);
        let elector = Self {
            store,
            me,
            clock,
            leadership,
            held: None,
            sighting: None,
            last_trouble: String::new(),
        };
        (elector, told)
    }

    /// Takes part until `shutdown` ends, then gives the lease back so that another acts at once.
    ///
    /// End `shutdown` only when everything that acts has stopped.
    pub async fn run(mut self, shutdown: impl Future<Output = ()> + Send) -> Result<(), LeaseError> {
        let mut shutdown = pin!(shutdown);
        loop {
            let round = self.round();
            match select(shutdown.as_mut(), pin!(round)).await {
                Either::Left(((), _)) => break,
                Either::Right((done, _)) => done?,
            }
        }
        self.give_back().await;
        Ok(())
    }

    /// One turn, and the wait for the next.
    async fn round(&mut self) -> Result<(), LeaseError> {
        let wake_at = self.turn().await?;
        self.clock.until(wake_at).await;
        Ok(())
    }

    /// One attempt to hold the lease; tells when the next is due.
    async fn turn(&mut self) -> Result<Timestamp, LeaseError> {
        if let Some(held) = self.held.take() {
            return self.renew(held).await;
        }
        let lease = match self.within(REQUEST_TIMEOUT, self.store.read()).await {
            Ok(lease) => lease,
            Err(error) => {
                self.tell_trouble(&error);
                return Ok(self.retry_at());
            }
        };
        self.look(lease).await
    }

    /// Decides on a lease that was just read.
    async fn look(&mut self, lease: Lease) -> Result<Timestamp, LeaseError> {
        let now = self.clock.now();
        let sighting = Sighting::of(&lease, self.sighting.as_ref(), now);
        let decision = decide(&lease, &self.me, &sighting, now);
        self.sighting = Some(sighting);
        match decision {
            Decision::Refuse { recorded } => {
                self.become_standby("the Lease records another cluster id");
                Err(LeaseError::OtherCluster {
                    recorded,
                    ours: self.me.cluster.clone(),
                })
            }
            Decision::Wait { until } => {
                self.become_standby("another process holds the Lease");
                Ok(until.min(self.retry_at()))
            }
            Decision::Take => {
                let wanted = claim(&lease, &self.me, now);
                match self.within(REQUEST_TIMEOUT, self.store.replace(&wanted)).await {
                    Ok(lease) => Ok(self.hold(lease, now)),
                    Err(error) => {
                        self.tell_trouble(&error);
                        Ok(self.retry_at())
                    }
                }
            }
        }
    }

    /// Renews a lease that this process holds, and stops leading in time when that does not work.
    async fn renew(&mut self, held: Held) -> Result<Timestamp, LeaseError> {
        let now = self.clock.now();
        let deadline = later(held.renewed_at, RENEW_DEADLINE);
        if now >= deadline {
            self.become_standby("the Lease could not be renewed in time");
            return Ok(now);
        }
        let wanted = claim(&held.lease, &self.me, now);
        let patience = REQUEST_TIMEOUT.min(elapsed(now, deadline));
        match self.within(patience, self.store.replace(&wanted)).await {
            Ok(lease) => Ok(self.hold(lease, now)),
            // Somebody wrote it, or our own write arrived without its answer: what it says now decides.
            Err(StoreError::Conflict) => {
                let lease = match self.within(patience, self.store.read()).await {
                    Ok(lease) => lease,
                    Err(error) => return Ok(self.keep(held, &error)),
                };
                if decide::holder(&lease) == Some(self.me.identity.as_str()) {
                    self.held = Some(Held {
                        lease,
                        renewed_at: held.renewed_at,
                    });
                    return Ok(self.clock.now());
                }
                self.look(lease).await
            }
            Err(error) => Ok(self.keep(held, &error)),
        }
    }

    /// Holds on after a failed renewal, for as long as nobody else may take over.
    fn keep(&mut self, held: Held, error: &StoreError) -> Timestamp {
        self.tell_trouble(error);
        let deadline = later(held.renewed_at, RENEW_DEADLINE);
        self.held = Some(held);
        deadline.min(self.retry_at())
    }

    fn hold(&mut self, lease: Lease, renewed_at: Timestamp) -> Timestamp {
        self.held = Some(Held { lease, renewed_at });
        self.last_trouble.clear();
        if self.tell(Leadership::Leading) {
            tracing::info!(identity = self.me.identity, "holds the Lease and acts");
        }
        later(renewed_at, RENEW)
    }

    /// Tells whether this process may act, and whether that is news: nobody is woken by what they know.
    fn tell(&self, leadership: Leadership) -> bool {
        self.leadership.send_if_modified(|told| {
            let is_news = *told != leadership;
            *told = leadership;
            is_news
        })
    }

    fn become_standby(&mut self, why: &str) {
        if self.tell(Leadership::Standby) {
            tracing::warn!(identity = self.me.identity, why, "no longer acts");
        }
    }

    /// Gives the lease back, if it is ours. A failure costs the next leader a wait, nothing else.
    async fn give_back(&mut self) {
        self.tell(Leadership::Standby);
        // Read in any case: a claim may have been cut off after it took effect.
        let Ok(lease) = self.within(REQUEST_TIMEOUT, self.store.read()).await else {
            return;
        };
        if decide::holder(&lease) != Some(self.me.identity.as_str()) {
            return;
        }
        let free = release(&lease, self.clock.now());
        match self.within(REQUEST_TIMEOUT, self.store.replace(&free)).await {
            Ok(_) => tracing::info!(identity = self.me.identity, "gave the Lease back"),
            Err(error) => self.tell_trouble(&error),
        }
    }

    fn retry_at(&self) -> Timestamp {
        later(self.clock.now(), RETRY)
    }

    /// A failure is told once, not at every try.
    fn tell_trouble(&mut self, error: &StoreError) {
        let trouble = error.to_string();
        if trouble != self.last_trouble {
            tracing::warn!(trouble, "the Lease is out of reach");
            self.last_trouble = trouble;
        }
    }

    async fn within<T>(
        &self,
        patience: Duration,
        request: impl Future<Output = Result<T, StoreError>>,
    ) -> Result<T, StoreError> {
        match select(pin!(request), self.clock.after(patience)).await {
            Either::Left((answer, _)) => answer,
            Either::Right(((), _)) => Err(StoreError::Timeout),
        }
    }
}

/// What this process is called when nobody says: the pod's or the machine's name, which outlives a restart.
pub fn default_identity() -> String {
    let named = std::env::var("HOSTNAME").ok();
    let machine = || std::fs::read_to_string("/etc/hostname").ok();
    named
        .filter(|name| !name.trim().is_empty())
        .or_else(machine)
        .map(|name| name.trim().to_owned())
        .filter(|name| !name.is_empty())
        .unwrap_or_else(|| "yagura".to_owned())
}

#[cfg(test)]
mod tests;
