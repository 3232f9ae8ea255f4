//! Seven days of an installation: the slot fires each day, a volume fails on one, an outage lies over another, and a
//! longer one over a third; old days are let go, and the guaranteed ones never.
//!
//! Judged is what AWS truly holds and was asked for; the operator's own words are only compared with it.

mod look;

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;
use simaws::{BackupDoom, BackupEnd, FaultKind, FaultSpec, Limits, Matching};
use yagura::{
    api::{Key, Tenant},
    clock::{Clock, elapsed, later},
    cluster::{Cluster, Kind},
};

use crate::{Broken, Engine, Settings, World, fleet, standing, truth::Truth, verdict::Verdict};

pub use look::Day;

use look::Looks;

/// 00:00 in Tokyo: half an hour before the slot of the terms.
const BEGIN: Timestamp = Timestamp::constant(1_795_532_400, 0);

const DAY: Duration = Duration::from_secs(24 * 3600);

/// The first slot, so long after the begin.
const SLOT_AFTER: Duration = Duration::from_secs(1800);

/// How many days it has.
const DAYS: usize = 7;

/// Before a slot, everything that is to come over it begins.
const LEAD: Duration = Duration::from_secs(600);

/// How soon after the begin of a run all of it must be over: the pauses between three tries, the checks, the locks, and
/// AWS Backup's hour.
const RUN: Duration = Duration::from_secs(2 * 3600);

/// How long the starting deadline is by default.
const DEADLINE: Duration = Duration::from_secs(12 * 3600);

/// How often somebody looks at what AWS holds.
const LOOK: Duration = Duration::from_secs(600);

/// What AWS says of the job that is to fail.
const DOOM: &str = "the key of a volume is disabled";

/// What is declared.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Setup {
    /// How many environments.
    pub tenants: usize,
    /// What takes the copies.
    pub engine: Engine,
    /// Whether the operator lives only in the hours around each slot, which is a long outage every day and takes a
    /// tenth of the time.
    pub naps: bool,
    /// Decides every order and latency.
    pub seed: u64,
}

/// What a day has in store.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum Event {
    /// Nothing.
    Quiet,
    /// Of one environment no set succeeds; of another the first one does not.
    SickVolume,
    /// No operator at the slot, but before the starting deadline.
    ShortOutage,
    /// No operator until after the starting deadline.
    LongOutage,
}

impl Event {
    fn of(day: usize) -> Self {
        match day {
            2 => Self::SickVolume,
            3 => Self::ShortOutage,
            4 => Self::LongOutage,
            _ => Self::Quiet,
        }
    }

    /// How long after the slot an operator is there again.
    fn outage(self) -> Duration {
        match self {
            Self::Quiet | Self::SickVolume => Duration::ZERO,
            Self::ShortOutage => Duration::from_secs(3 * 3600),
            Self::LongOutage => DEADLINE + Duration::from_secs(1800),
        }
    }
}

/// How it went.
#[derive(Clone, Debug, PartialEq)]
pub struct Week {
    /// What was declared.
    pub setup: Setup,
    /// The days.
    pub days: Vec<Day>,
    /// What the environment whose volume failed said of it.
    pub told: String,
    /// What was wrong.
    pub wrong: Vec<String>,
    /// How many writes to Kubernetes there were.
    pub writes: u64,
    /// How many calls of each operation.
    pub calls: BTreeMap<String, u64>,
}

/// Lives through the week.
///
/// # Errors
/// Where it cannot be lived through; what is wrong with it is part of the result.
pub fn week(setup: Setup) -> Result<Week, Broken> {
    let mut settings = Settings::seeded(setup.seed);
    settings.start = BEGIN;
    settings.aws.limits = Limits::Aws;
    // What a sweep shows is believed for five minutes, so passes see the same as with the operator's own period.
    settings.sweep_every = Duration::from_secs(120);
    settings.aws.timings.backup_start_spread = Duration::from_secs(1800);
    let mut world = World::new(settings)?;
    standing::fill(&mut world, 0..setup.tenants)?;
    fleet::back_up(&world, setup.tenants, &setup.engine.policy())?;
    setup.engine.prepare(&world, fleet::class())?;

    let verdict = Verdict::watch(&world, None);
    let mut looks = Looks::new(setup);
    let mut told = String::new();
    for day in 0..DAYS {
        let slot = later(BEGIN, SLOT_AFTER + DAY * u32::try_from(day).unwrap_or(u32::MAX));
        let event = Event::of(day);
        watched(&mut world, &mut looks, earlier(slot, LEAD))?;
        begin(&mut world, setup, event, slot)?;
        let over = later(slot, event.outage() + RUN);
        watched(&mut world, &mut looks, over)?;
        looks.day(&world, (day, event, slot))?;
        if event == Event::SickVolume {
            told = look::protection(&world, &sick());
            world.sim.clear_faults();
            world.sim.heal_backups(None, None);
        }
        if setup.naps {
            world.stop(0, later(slot, DAY - LEAD * 2));
        }
        watched(&mut world, &mut looks, later(slot, DAY - LEAD * 2))?;
    }
    let mut wrong = looks.wrong;
    wrong.extend(verdict.seen().wrong);
    wrong.extend(look::refused(&world));
    if told.is_empty() {
        wrong.push("nothing is told of the volume that failed".to_owned());
    }
    let counts = world.sim.counts().into_iter();
    Ok(Week {
        setup,
        days: looks.days,
        told,
        wrong,
        writes: world.cluster.writes(),
        calls: counts
            .map(|(operation, codes)| (operation, codes.values().sum()))
            .collect(),
    })
}

/// The environment of which no set succeeds on one day.
fn sick() -> Key {
    fleet::key(0)
}

/// The one of which the first set does not.
fn faint() -> Key {
    fleet::key(1)
}

/// Lets happen what a day has in store.
fn begin(world: &mut World, setup: Setup, event: Event, slot: Timestamp) -> Result<(), Broken> {
    match event {
        Event::Quiet => {}
        Event::ShortOutage | Event::LongOutage => world.stop(0, later(slot, event.outage())),
        Event::SickVolume => {
            let (sick, faint) = (instance(world, &sick())?, instance(world, &faint())?);
            match setup.engine {
                Engine::Ec2 => {
                    for (instance, times) in [(sick, 0), (faint, 1)] {
                        world.sim.add_fault(FaultSpec {
                            times,
                            matching: Some(Matching {
                                param: None,
                                contains: instance,
                            }),
                            ..FaultSpec::new("CreateSnapshots", FaultKind::Fail)
                        });
                    }
                }
                Engine::Awsbackup => world.sim.doom_backups(
                    None,
                    sick,
                    BackupDoom {
                        state: BackupEnd::Failed,
                        message: DOOM.to_owned(),
                    },
                ),
            }
        }
    }
    Ok(())
}

fn instance(world: &World, key: &Key) -> Result<String, Broken> {
    let tenant = world.cluster.cached::<Tenant>(key);
    let truth = Truth::of(world, None)?;
    let instance = tenant.and_then(|tenant| Some(truth.live(tenant.uid()).first()?.id.clone()));
    instance.ok_or_else(|| Broken::SetUp(format!("{key} has no instance")))
}

/// So long before an instant.
fn earlier(at: Timestamp, span: Duration) -> Timestamp {
    at.checked_sub(span).unwrap_or(at)
}

/// Lets time pass under the eyes of whoever looks.
fn watched(world: &mut World, looks: &mut Looks, end: Timestamp) -> Result<(), Broken> {
    while world.clock.now() < end {
        let left = elapsed(world.clock.now(), end);
        world.run_for(left.min(LOOK))?;
        looks.look(world)?;
    }
    Ok(())
}
