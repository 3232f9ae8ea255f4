//! What an installation costs that has nothing to do.

use std::{collections::BTreeMap, time::Duration};

use serde_json::Value;
use yagura::{
    api::{Backup, BackupPhase, Tenant},
    cloud::Operation,
    cluster::Cluster,
    inventory::{ListingKind, PERIOD},
};

use crate::{Broken, Latency, Settings, World, converge::is_ready, fleet};

/// The time of the slot; a run begins at midnight UTC, and everything is made by then.
const SLOT: &str = "00:30";

/// How long setting up may take, the slot included.
const PATIENCE: Duration = Duration::from_secs(3 * 3600);

/// An installation in which nobody wrote for so long rests.
const QUIET: Duration = Duration::from_secs(300);

/// How often that is waited for.
const QUIETS: usize = 12;

/// How many calls beside whole pages a sweep may take.
const SPARE: f64 = 3.0;

/// What one listing took.
#[derive(Clone, Debug, PartialEq)]
pub struct Row {
    /// What is listed.
    pub kind: ListingKind,
    /// How many there are.
    pub items: usize,
    /// How many AWS gives on a page.
    pub page: usize,
    /// How many pages that makes, at least one for each question.
    pub pages: usize,
    /// How many the operator counted.
    pub counted: Option<u32>,
    /// How often the operator lists it.
    pub period: Duration,
    /// How many calls were made.
    pub calls: usize,
}

/// What an installation at rest took.
#[derive(Clone, Debug, PartialEq)]
pub struct Rested {
    /// How many environments.
    pub tenants: usize,
    /// For how long.
    pub span: Duration,
    /// The listings.
    pub rows: Vec<Row>,
    /// How many instances' protection was read.
    pub rotation: usize,
    /// To whom how many snapshots and images are opened was read.
    pub sharing: usize,
    /// Every other call.
    pub others: BTreeMap<String, usize>,
    /// How many writes to Kubernetes.
    pub writes: u64,
}

impl Rested {
    /// How many calls of listings a sweep takes; one begins every thirty seconds.
    pub fn calls_per_sweep(&self) -> f64 {
        let calls: usize = self.rows.iter().map(|row| row.calls).sum();
        calls as f64 * PERIOD.as_secs_f64() / self.span.as_secs_f64()
    }

    /// How many it may take.
    pub fn bar(&self) -> f64 {
        let pages: usize = self.rows.iter().map(|row| row.pages).sum();
        pages as f64 + SPARE
    }

    /// What is more than it should be.
    pub fn excess(&self) -> Vec<String> {
        let mut found = Vec::new();
        let calls = self.calls_per_sweep();
        if calls > self.bar() {
            found.push(format!("{calls:.1} calls a sweep"));
        }
        if self.rotation as u64 > self.span.as_secs() + QUIET.as_secs() {
            found.push(format!("{} readings of protection", self.rotation));
        }
        if self.sharing as u64 > self.span.as_secs() + QUIET.as_secs() {
            found.push(format!("{} readings of sharing", self.sharing));
        }
        if !self.others.is_empty() {
            found.push(format!("other calls: {:?}", self.others));
        }
        if self.writes > 0 {
            found.push(format!("{} writes to Kubernetes", self.writes));
        }
        found
    }
}

/// Makes so many environments with a backup each, lets them come to rest, and counts what happens during `span`.
///
/// # Errors
/// Where they do not come to rest.
pub fn rest(tenants: usize, span: Duration, seed: u64) -> Result<Rested, Broken> {
    let mut world = World::new(settings(tenants, seed))?;
    fleet::declare(&world, 0..tenants, Some(SLOT))?;
    world.run_until("environments with a backup each", PATIENCE, |world| {
        is_set_up(world, tenants)
    })?;
    come_to_rest(&mut world)?;

    let last = world.sim.calls().last().map_or(0, |call| call.seq);
    let writes = world.cluster.writes();
    world.run_for(span)?;
    let mut calls = BTreeMap::<String, usize>::new();
    for call in world.sim.calls_since(last) {
        *calls.entry(call.operation).or_default() += 1;
    }
    let rows = rows(&world, &mut calls);
    let rotation = calls.remove(&Operation::DescribeInstanceAttribute.to_string());
    let sharing = calls.remove(&Operation::DescribeSnapshotAttribute.to_string());
    Ok(Rested {
        tenants,
        span,
        rows,
        rotation: rotation.unwrap_or_default(),
        sharing: sharing.unwrap_or_default(),
        others: calls,
        writes: world.cluster.writes() - writes,
    })
}

/// Nothing is paced and little is on its way for long: the way there is not what is measured.
fn settings(tenants: usize, seed: u64) -> Settings {
    let mut settings = Settings::seeded(seed);
    settings.is_paced = false;
    settings.latency = Latency {
        least: Duration::from_millis(1),
        most: Duration::from_millis(5),
    };
    settings.watch_lag = Duration::from_millis(50);
    settings.aws.security_groups_per_region = tenants + 100;
    settings
}

fn is_set_up(world: &World, tenants: usize) -> bool {
    let backups = world.cluster.cached_all::<Backup>();
    let are_complete = backups.iter().all(|backup| {
        let status = backup.status.as_ref();
        status.and_then(|status| status.phase) == Some(BackupPhase::Complete)
    });
    let are_ready = || {
        world
            .cluster
            .cached_all::<Tenant>()
            .iter()
            .all(|one| is_ready(one))
    };
    backups.len() == tenants && are_complete && are_ready()
}

fn come_to_rest(world: &mut World) -> Result<(), Broken> {
    let mut writes = Vec::new();
    for _ in 0..QUIETS {
        let before = world.cluster.writes();
        world.run_for(QUIET)?;
        writes.push(world.cluster.writes() - before);
        if writes.last() == Some(&0) {
            return Ok(());
        }
    }
    Err(Broken::Wrong(vec![format!(
        "no rest; writes every five minutes: {writes:?}"
    )]))
}

/// Takes the listings out of the calls.
fn rows(world: &World, calls: &mut BTreeMap<String, usize>) -> Vec<Row> {
    let operators = world.operators();
    let listings = operators.flat_map(|operator| operator.ctx.inventories.listings());
    // One is no listing, and counted by itself.
    let listings = listings.filter(|(_, listing)| listing.kind != ListingKind::Sharing);
    let rows = listings.map(|(_, listing)| {
        let (operation, things, page) = shape(listing.kind);
        let items = things.map_or(0, |things| count(world, things));
        let questions = match listing.kind {
            // AWS is asked for each of three checks by itself.
            ListingKind::StatusChecks => 3,
            _ => 1,
        };
        Row {
            kind: listing.kind,
            items,
            page,
            pages: items.div_ceil(page).max(questions),
            counted: listing.pages,
            period: listing.period,
            // The public ones are a second listing of snapshots, and in its row.
            calls: calls.remove(&operation.to_string()).unwrap_or_default(),
        }
    });
    rows.collect()
}

/// How a kind is listed, what of simaws's state it lists, and the largest page that AWS gives.
fn shape(kind: ListingKind) -> (Operation, Option<&'static str>, usize) {
    match kind {
        ListingKind::Instances => (Operation::DescribeInstances, Some("instances"), 1000),
        ListingKind::Volumes => (Operation::DescribeVolumes, Some("volumes"), 500),
        ListingKind::Groups => (Operation::DescribeSecurityGroups, Some("securityGroups"), 1000),
        ListingKind::Snapshots => (Operation::DescribeSnapshots, Some("snapshots"), 1000),
        // Only of instances that fail one, and none does here.
        ListingKind::StatusChecks => (Operation::DescribeInstanceStatus, None, 1000),
        ListingKind::Locks => (Operation::DescribeLockedSnapshots, Some("snapshots"), 1000),
        // None is public here.
        ListingKind::PublicSnapshots => (Operation::DescribeSnapshots, None, 1000),
        ListingKind::Images => (Operation::DescribeImages, Some("images"), 1000),
        ListingKind::BackupJobs => (Operation::ListBackupJobs, None, 1000),
        ListingKind::Vaults => (Operation::DescribeBackupVault, None, 1),
        ListingKind::Sharing => (Operation::DescribeSnapshotAttribute, None, 1),
    }
}

/// How many things of a kind carry our tag; a default group and a public image's snapshot do not.
fn count(world: &World, things: &str) -> usize {
    let all = world.sim.resources(things, None, None);
    let is_ours = |one: &&Value| {
        let tags = one.get("tags").and_then(Value::as_object);
        tags.is_some_and(|tags| tags.contains_key(yagura::api::names::tags::CLUSTER))
    };
    let all = all.as_ref().and_then(Value::as_array);
    all.map_or(0, |all| all.iter().filter(is_ours).count())
}
