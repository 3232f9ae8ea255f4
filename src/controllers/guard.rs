//! Closes what is open to others: snapshots and images of ours that are public, or shared with a named account.
//!
//! The promise is that a customer's data stays with the customer, so there is no list of those who may: whoever needs
//! a copy elsewhere makes one of their own, or tags ours as released, which takes it out of our hands for good.
//!
//! It goes by what listings and readings found, not by passes over objects. So nothing that pauses an object pauses
//! this: no suspension, no Stalled, no view too old to act on, no Tenant and no class that is gone. Its calls go before
//! all others. A copy that cannot be closed is told once, and tried again each time that somebody looks.
//!
//! Two operators that close one copy do no harm: AWS takes away what is not there without a word.
//!
//! Deliberately absent: whether the account blocks public access as a whole. Such a block can be lifted by one call,
//! and then everything that still reads public is.

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
};

use futures::{
    StreamExt,
    stream::{self, FuturesUnordered},
};
use kube::ResourceExt;
use tokio::sync::mpsc;

use crate::{
    api::{Backup, Key, Reason, Tenant, TenantClass, names::tags},
    cloud::{Cloud, CloudError, ErrorKind, Lane, Sharing, Site, Tags},
    cluster::{Cluster, Happened, Seen},
    engine::Context,
    inventory::{CopyId, Effect},
};

/// How many copies of one site are closed at once. A call takes a fraction of a second, and AWS permits five a second:
/// more would only wait.
const AT_ONCE: usize = 8;

/// A copy that others can use.
#[derive(Clone, Debug)]
struct Open {
    id: CopyId,
    tags: Tags,
    sharing: Sharing,
}

/// How an attempt to close a copy ended.
enum Closed {
    /// It was open, and is not any more.
    From(Sharing),
    /// Somebody else had closed it, or it is gone.
    Already,
}

/// Closes what is open to others.
#[derive(Debug, Default)]
pub struct Guard {
    /// What was last said of each copy that cannot be closed.
    failing: Mutex<BTreeMap<(Site, CopyId), String>>,
}

impl Guard {
    /// Looks at each site that it is told of, for ever: one after the other at one site, at all sites at once, so that
    /// an account that does not answer holds up no other.
    pub async fn run<C: Cluster>(self, ctx: Arc<Context<C>>, mut told: mpsc::UnboundedReceiver<Site>) {
        let (guard, ctx) = (&self, &ctx);
        let look = async |site: Site| {
            guard.look(ctx, &site).await;
            site
        };
        let mut under_way = BTreeSet::new();
        let mut again = BTreeSet::new();
        let mut looks = FuturesUnordered::new();
        loop {
            let next = tokio::select! {
                biased;
                Some(site) = looks.next() => {
                    under_way.remove(&site);
                    again.remove(&site).then_some(site)
                }
                site = told.recv() => match site {
                    Some(site) => Some(site),
                    // Nobody tells any more: the operator ends.
                    None => return,
                },
            };
            let Some(site) = next else { continue };
            if under_way.insert(site.clone()) {
                looks.push(look(site));
            } else {
                again.insert(site);
            }
        }
    }

    /// Closes everything that is open at this site.
    pub async fn look<C: Cluster>(&self, ctx: &Context<C>, site: &Site) {
        let _inside = ctx.enter().await;
        let open = open_at(ctx, site);
        self.forget(site, &open);
        let closings = stream::iter(open).map(async |open| self.close(ctx, site, open).await);
        closings.buffer_unordered(AT_ONCE).collect::<Vec<()>>().await;
    }

    async fn close<C: Cluster>(&self, ctx: &Context<C>, site: &Site, open: Open) {
        let cloud = ctx.inventories.cloud(site, Lane::Contain);
        let closed = close(&*cloud, &open).await;
        let kind = open.id.kind();
        let call = (site.clone(), open.id.clone());
        match closed {
            Ok(closed) => {
                if let Some(inventory) = ctx.inventories.find(site) {
                    inventory.record(match &open.id {
                        CopyId::Snapshot(id) => Effect::SnapshotClosed(id.clone()),
                        CopyId::Image(id) => Effect::ImageClosed(id.clone()),
                    });
                }
                self.failing().remove(&call);
                let Closed::From(sharing) = closed else { return };
                ctx.metrics.sharing_revoked(kind, "revoked");
                let message = format!("{kind} {} was {}: it is closed to them", open.id, sharing);
                tell(ctx, &open, Happened::warning(Reason::SharingRevoked, message)).await;
            }
            Err(error) => {
                ctx.metrics.sharing_revoked(kind, "failed");
                let message = format!(
                    "{kind} {} is {} and cannot be closed: {error}",
                    open.id, open.sharing
                );
                let said = self.failing().insert(call, message.clone());
                if said.as_ref() != Some(&message) {
                    tell(ctx, &open, Happened::warning(Reason::SharingNotRevoked, message)).await;
                }
            }
        }
    }

    /// What is open no more needs no remembering.
    fn forget(&self, site: &Site, open: &[Open]) {
        let open: BTreeSet<_> = open.iter().map(|open| &open.id).collect();
        self.failing()
            .retain(|(other, id), _| other != site || open.contains(id));
    }

    fn failing(&self) -> MutexGuard<'_, BTreeMap<(Site, CopyId), String>> {
        self.failing.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// Lists every site that a class names, whatever else becomes of the class: what is not listed is not guarded.
pub fn guard_every_site<C: Cluster>(ctx: &Context<C>) {
    for class in ctx.cluster.cached_all::<TenantClass>() {
        ctx.inventories.of(&class.site());
    }
}

fn open_at<C: Cluster>(ctx: &Context<C>, site: &Site) -> Vec<Open> {
    let Some(inventory) = ctx.inventories.find(site) else {
        return Vec::new();
    };
    let view = inventory.view();
    let open = view.exposed().into_iter().map(|exposed| Open {
        id: exposed.id,
        tags: exposed.tags.clone(),
        sharing: exposed.sharing,
    });
    open.collect()
}

/// Closes one copy to everybody whom the listings and a look by its id name. The look may fail: what is known is closed
/// all the same.
async fn close(cloud: &dyn Cloud, open: &Open) -> Result<Closed, CloudError> {
    let seen = match &open.id {
        CopyId::Snapshot(id) => cloud.sharing_of_snapshot(id).await,
        CopyId::Image(id) => cloud.sharing_of_image(id).await,
    };
    let is_open = match &seen {
        Ok(sharing) => !sharing.is_private(),
        Err(error) if error.kind == ErrorKind::NotFound => return Ok(Closed::Already),
        Err(_) => true,
    };
    let mut from = open.sharing.clone();
    if let Ok(seen) = seen {
        from.public |= seen.public;
        from.accounts.extend(seen.accounts);
    }
    // Also where the look says that it is closed: it may be behind the listing.
    let closed = match &open.id {
        CopyId::Snapshot(id) => cloud.unshare_snapshot(id, &from).await,
        CopyId::Image(id) => cloud.unshare_image(id, &from).await,
    };
    match closed {
        Ok(()) if is_open => Ok(Closed::From(from)),
        Ok(()) => Ok(Closed::Already),
        Err(error) if error.kind == ErrorKind::NotFound => Ok(Closed::Already),
        Err(error) => Err(error),
    }
}

/// Tells the Backup that the copy belongs to, else the Tenant, else the log. A tag that names an object of which the
/// copy is not tells nobody: it would show one customer's data to another.
async fn tell<C: Cluster>(ctx: &Context<C>, open: &Open, happened: Happened) {
    let reason = happened.reason;
    tracing::warn!(copy = %open.id, %reason, message = happened.message, "a copy was open to others");
    let tenant = open.tags.get(tags::TENANT).and_then(|tag| Key::parse(tag));
    let Some(tenant) = tenant else { return };
    let told = match backup_of(ctx, open, &tenant) {
        Some(backup) => ctx.cluster.tell(&*backup, &happened).await,
        None => match tenant_of(ctx, open, &tenant) {
            Some(tenant) => ctx.cluster.tell(&*tenant, &happened).await,
            None => return,
        },
    };
    if let Err(error) = told {
        tracing::warn!(copy = %open.id, %error, "the event could not be told");
    }
}

fn backup_of<C: Cluster>(ctx: &Context<C>, open: &Open, tenant: &Key) -> Option<Arc<Seen<Backup>>> {
    let key = open.tags.get(tags::BACKUP).and_then(|tag| Key::parse(tag))?;
    let seen = ctx.cluster.seen::<Backup>(&key)?;
    let backup = seen.readable().ok()?;
    let is_of_tenant = key.sibling(&backup.spec.tenant_ref) == *tenant;
    is_of_tenant.then_some(seen)
}

fn tenant_of<C: Cluster>(ctx: &Context<C>, open: &Open, key: &Key) -> Option<Arc<Seen<Tenant>>> {
    let seen = ctx.cluster.seen::<Tenant>(key)?;
    (seen.uid().as_ref() == open.tags.get(tags::UID)).then_some(seen)
}

#[cfg(test)]
mod tests;
