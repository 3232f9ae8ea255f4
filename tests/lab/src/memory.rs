//! How much an operator holds of an installation: its caches, their indexes, its picture of AWS and its due times.
//!
//! The caches are filled by the operator's own watches, from JSON with all that an API server sends, and the picture of
//! AWS by its own listings. Deliberately absent: what passes take while they run.

pub mod stage;
pub(crate) mod template;

use std::{fs, sync::Arc, time::Duration};

use futures::StreamExt;
use kube::{Client, Config, runtime::reflector};
use yagura::{
    api::{AccessPolicy, Backup, BackupPolicy, Key, Tenant},
    aws::{AwsSites, Connection, Pace, Transport},
    clock::{Clock, SystemClock, later},
    cloud::{Lane, Site, Sites},
    cluster::{Changed, Kind, ObjectIndex, Seen, watch},
    engine::DueQueue,
    inventory::{Inventory, ListingKind},
};

use crate::{Broken, CLUSTER_ID};

/// What the memory of a process grew by.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Part {
    /// What was filled.
    pub name: String,
    /// How many objects or resources it holds.
    pub objects: usize,
    /// How many KiB were resident when it was full.
    pub resident: u64,
}

/// What a process holds.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Measured {
    /// How many KiB were resident before anything was filled.
    pub empty: u64,
    /// The parts, in the order in which they were filled.
    pub parts: Vec<Part>,
}

impl Measured {
    /// How many objects and resources there are; due times belong to objects that are counted already.
    pub fn objects(&self) -> usize {
        self.parts
            .iter()
            .filter(|part| part.name != DUE)
            .map(|part| part.objects)
            .sum()
    }

    /// How many KiB are resident in the end.
    pub fn resident(&self) -> u64 {
        self.parts.last().map_or(self.empty, |part| part.resident)
    }
}

const DUE: &str = "due times";

/// Everything that must outlive the measurement.
#[derive(Default)]
struct Held(Vec<Box<dyn std::any::Any>>);

/// Fills an operator's memory from these servers.
///
/// # Errors
/// Where they do not answer.
pub async fn measure(aws: &str, kubernetes: &str) -> Result<Measured, Broken> {
    let broken = |error: &dyn std::fmt::Display| Broken::SetUp(error.to_string());
    let url = kubernetes.parse().map_err(|error| broken(&error))?;
    let client = Client::try_from(Config::new(url)).map_err(|error| broken(&error))?;
    let clock: Arc<dyn Clock> = Arc::new(SystemClock);
    let sites = AwsSites::connect(Connection {
        transport: Transport::Endpoint(aws.to_owned()),
        cluster: CLUSTER_ID.into(),
        clock: Arc::clone(&clock),
        observer: Arc::new(|_, _| {}),
        pace: Pace::Free,
    });
    let sites = sites.await;
    let cloud = sites.door(&Site::own("ap-northeast-1"), Lane::UserChange);
    let inventory = Inventory::new(cloud, Arc::clone(&clock), CLUSTER_ID.into());
    let mut held = Held::default();
    let (empty, mut parts, mut keys) = (resident()?, Vec::new(), Vec::new());

    fill::<Tenant>(&client, &mut held, &mut parts, &mut keys).await?;
    fill::<AccessPolicy>(&client, &mut held, &mut parts, &mut keys).await?;
    fill::<BackupPolicy>(&client, &mut held, &mut parts, &mut keys).await?;
    fill::<Backup>(&client, &mut held, &mut parts, &mut keys).await?;

    // The second listing is taken in while the first is still there, as at rest.
    for _ in 0..2 {
        if let Some(error) = inventory.sweep().await.failed.first() {
            return Err(broken(error));
        }
    }
    parts.push(Part {
        name: "picture of AWS".to_owned(),
        objects: resources(&inventory),
        resident: resident()?,
    });
    let queue = DueQueue::default();
    let objects = keys.len();
    for (number, key) in keys.into_iter().enumerate() {
        queue.wake_at(key, later(clock.now(), Duration::from_secs(number as u64)));
    }
    parts.push(Part {
        name: DUE.to_owned(),
        objects,
        resident: resident()?,
    });
    drop((held, inventory, queue));
    Ok(Measured { empty, parts })
}

/// Fills the cache of one kind by its watch.
async fn fill<K: Kind>(
    client: &Client,
    held: &mut Held,
    parts: &mut Vec<Part>,
    keys: &mut Vec<Key>,
) -> Result<(), Broken> {
    let (store, writer) = reflector::store::<Seen<K>>();
    let index = ObjectIndex::<K>::default();
    let mut changes = Box::pin(watch(client.clone(), writer, index.clone()));
    let before = keys.len();
    while let Some(change) = changes.next().await {
        match change {
            Changed::Object(key) => keys.push(key),
            Changed::Listed => break,
        }
    }
    let readable = store
        .state()
        .iter()
        .filter(|seen| seen.readable().is_ok())
        .count();
    if readable != keys.len() - before || readable == 0 {
        return Err(Broken::SetUp(format!(
            "{readable} readable objects of {}",
            K::NAME
        )));
    }
    parts.push(Part {
        name: K::NAME.to_string(),
        objects: readable,
        resident: resident()?,
    });
    // The watch holds the store's other end and what it knows.
    held.0.push(Box::new((store, index, changes)));
    Ok(())
}

fn resources(inventory: &Inventory) -> usize {
    let view = inventory.view();
    let of = |kind: ListingKind| match kind {
        ListingKind::Instances => view.instances().present().map_or(0, Vec::len),
        ListingKind::Groups => view.groups().present().map_or(0, Vec::len),
        ListingKind::Volumes => {
            let key = yagura::api::names::tags::CLUSTER;
            view.volumes_tagged(key, CLUSTER_ID).present().map_or(0, Vec::len)
        }
        ListingKind::Snapshots => {
            let key = yagura::api::names::tags::CLUSTER;
            view.snapshots_tagged(key, CLUSTER_ID)
                .present()
                .map_or(0, Vec::len)
        }
        // Beside the resources they hold nothing in this run.
        _ => 0,
    };
    ListingKind::ALL.into_iter().map(of).sum()
}

/// How many KiB of this process are resident.
fn resident() -> Result<u64, Broken> {
    let broken = |why: &str| Broken::SetUp(format!("/proc/self/status: {why}"));
    let status = fs::read_to_string("/proc/self/status").map_err(|error| broken(&error.to_string()))?;
    let line = status.lines().find_map(|line| line.strip_prefix("VmRSS:"));
    let kib = line.and_then(|line| line.trim().strip_suffix(" kB"));
    kib.and_then(|kib| kib.trim().parse().ok())
        .ok_or_else(|| broken("no VmRSS"))
}
