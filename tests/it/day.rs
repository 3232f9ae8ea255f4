//! A day of twenty environments in the lab: every controller and the real AWS SDK, over a cluster and a simulated AWS
//! in memory, on virtual time.

use std::{collections::BTreeMap, sync::Arc, time::Duration};

use jiff::Timestamp;
use lab::{Settings, World, objects};
use yagura::{
    api::{AccessPolicy, Backup, BackupPhase, Tenant, TenantClass},
    clock::{Clock, elapsed},
    cluster::Cluster,
    report::conditions::is_true,
};

/// How many environments there are.
const TENANTS: usize = 20;

/// How often everything is listed. What a sweep shows stays fresh for five minutes, so a quarter of the operator's own
/// sweeps shows the passes the same, in a quarter of the time.
const SWEEP: Duration = Duration::from_secs(120);

/// What a sweep calls.
pub(crate) const SWEEP_CALLS: [&str; 10] = [
    "DescribeInstances",
    "DescribeInstanceStatus",
    "DescribeVolumes",
    "DescribeSecurityGroups",
    "DescribeSnapshots",
    "DescribeInstanceAttribute",
    "DescribeLockedSnapshots",
    "DescribeImages",
    "DescribeSnapshotAttribute",
    "DescribeImageAttribute",
];

/// The world of the day.
struct Day(World);

impl Day {
    /// It begins at midnight, 09:00 in Tokyo.
    fn begin() -> Self {
        let day = Self(
            World::new(Settings {
                sweep_every: SWEEP,
                ..Settings::seeded(0)
            })
            .unwrap(),
        );
        assert_eq!(day.0.clock.now(), at("2026-11-24T00:00:00Z"));
        day
    }

    /// Lets time pass until `end`.
    fn until(&mut self, end: Timestamp) {
        let span = elapsed(self.0.clock.now(), end);
        self.0.run_for(span).unwrap();
    }

    /// Lets time pass until `end`, and says what was written and called.
    fn measure(&mut self, what: &str, end: Timestamp) -> u64 {
        let writes = self.0.cluster.writes();
        let last = self.0.sim.calls().last().map_or(0, |call| call.seq);
        let begin = self.0.clock.now();
        self.until(end);
        let written = self.0.cluster.writes() - writes;
        let mut calls = BTreeMap::<String, usize>::new();
        for call in self.0.sim.calls_since(last) {
            // Rights are asked for when the first thing is there to ask about.
            let is_question = call.dry_run && call.code == "DryRunOperation";
            assert!(call.code == "OK" || is_question, "{call:?}");
            if is_question {
                continue;
            }
            *calls.entry(call.operation).or_default() += 1;
        }
        eprintln!("{what}, {begin} to {end}: {written} writes, calls {calls:?}");
        if written == 0 {
            assert_only_listings(&calls);
        }
        written
    }

    fn ready(&self) -> usize {
        let tenants = self.0.cluster.cached_all::<Tenant>();
        let is_ready = |tenant: &&Arc<Tenant>| {
            let status = tenant.status.as_ref();
            status.is_some_and(|status| is_true(&status.conditions, "Ready"))
        };
        tenants.iter().filter(is_ready).count()
    }

    fn backups(&self) -> Vec<Arc<Backup>> {
        self.0.cluster.cached_all::<Backup>()
    }

    /// The events since the first `known` ones, one a line.
    fn events_since(&self, known: usize) -> String {
        let told = self.0.cluster.events().split_off(known).into_iter();
        told.map(|(kind, key, happened)| format!("{kind} {key} {}: {}\n", happened.reason, happened.message))
            .collect()
    }
}

/// At rest a sweep's calls are made, and once a day a look at the class's subnet and its VPC.
fn assert_only_listings(calls: &BTreeMap<String, usize>) {
    for (operation, count) in calls {
        let is_class = ["DescribeSubnets", "DescribeVpcs"].contains(&operation.as_str());
        let is_expected = SWEEP_CALLS.contains(&operation.as_str()) || is_class && *count <= 1;
        assert!(
            is_expected,
            "{operation} was called {count} times at rest: {calls:?}"
        );
    }
}

fn at(text: &str) -> Timestamp {
    text.parse().unwrap()
}

/// The day's slot is that of the terms, 00:30 in Tokyo, since nobody made a BackupPolicy.
#[test]
fn twenty_environments_rest_for_a_day_but_for_their_one_slot() {
    let mut day = Day::begin();
    day.0.put::<TenantClass>(objects::class()).unwrap();
    day.0
        .put::<AccessPolicy>(objects::policy(&["203.0.113.0/24"]))
        .unwrap();
    for number in 0..TENANTS {
        let tenant = objects::tenant(&format!("jira-{number:02}"));
        day.0.put::<Tenant>(tenant).unwrap();
    }
    day.until(at("2026-11-24T00:20:00Z"));
    assert_eq!(day.ready(), TENANTS, "{}", day.events_since(0));
    assert_eq!(day.backups().len(), 0);

    let told = day.0.cluster.events().len();
    let before = day.measure("before the slot", at("2026-11-24T15:29:50Z"));
    assert_eq!(before, 0, "{}", day.events_since(told));

    let written = day.measure("the slot", at("2026-11-24T16:00:00Z"));
    let backups = day.backups();
    assert_eq!(backups.len(), TENANTS, "{}", day.events_since(told));
    let mut skews = BTreeMap::<Option<i32>, usize>::new();
    for backup in &backups {
        let status = backup.status.clone().unwrap();
        assert_eq!(status.phase, Some(BackupPhase::Complete), "{status:#?}");
        assert_eq!(status.late, Some(false));
        *skews.entry(status.start_skew_seconds).or_default() += 1;
    }
    eprintln!("{written} writes for {TENANTS} Backups; Backups by skew in seconds: {skews:?}");
    assert!(
        skews.keys().all(|skew| skew.is_some_and(|skew| skew <= 10)),
        "{skews:?}"
    );
    let sets = day.0.sim.calls().into_iter();
    let sets = sets.filter(|call| call.operation == "CreateSnapshots" && call.effect);
    assert_eq!(sets.count(), TENANTS, "one set per slot");

    let told = day.0.cluster.events().len();
    let after = day.measure("after the slot", at("2026-11-25T00:10:00Z"));
    assert_eq!(after, 0, "{}", day.events_since(told));
    assert_eq!(day.ready(), TENANTS);
    let first = day.0.cluster.cached::<Tenant>(&objects::key("jira-00")).unwrap();
    assert!(first.status.as_ref().unwrap().first_ready_at.is_some());
}
