//! The world of a run: one cluster, one AWS, one clock, and the operators that act in it.

use std::{sync::Arc, time::Duration};

use jiff::Timestamp;
use serde_json::Value;
use yagura::{
    api::Key,
    clock::{Clock, ManualClock, later},
    cluster::{Cluster, Kind, MemoryCluster, NamespaceFacts},
    governor::Share,
    terms::Registry,
};

use crate::{
    effects::{Cut, Effects},
    eye::Eye,
    operator::{Operator, Surroundings},
    wire::Latency,
};

/// How often a run looks whether its end is reached: the question may read all of AWS.
const LOOK: Duration = Duration::from_secs(1);

/// How long after a crash the next process may act at most: as long as the Lease of the dead one stands, and a look.
const LONGEST_RESTART: Duration = Duration::from_secs(17);

/// How the world of a run is set up.
#[derive(Clone, Debug)]
pub struct Settings {
    /// Decides every order, latency and jitter; the same seed gives the same run.
    pub seed: u64,
    /// When it begins.
    pub start: Timestamp,
    /// How long calls are under way, there and back.
    pub latency: Latency,
    /// The same for calls to Kubernetes, where that is nearer than AWS.
    pub cluster_latency: Option<Latency>,
    /// How far the operators' caches lag behind at most.
    pub watch_lag: Duration,
    /// How often everything in AWS is listed.
    pub sweep_every: Duration,
    /// Which part of AWS's limits each operator takes.
    pub share: Share,
    /// Whether operators keep to their share of AWS's limits, or call as fast as they can.
    pub is_paced: bool,
    /// How many operators act at once.
    pub operators: usize,
    /// The simulated AWS; its clock is replaced by that of the run.
    pub aws: simaws::Options,
}

impl Settings {
    /// The usual world: one operator, a prompt cluster, an AWS whose answers take 20 to 300 ms.
    pub fn seeded(seed: u64) -> Self {
        Self {
            seed,
            // 09:00 in Tokyo, far from every slot.
            start: Timestamp::constant(1_795_478_400, 0),
            latency: Latency {
                least: Duration::from_millis(20),
                most: Duration::from_millis(300),
            },
            cluster_latency: None,
            watch_lag: Duration::from_millis(500),
            sweep_every: Duration::from_secs(30),
            share: Share::default(),
            is_paced: true,
            operators: 1,
            aws: simaws::Options::default(),
        }
    }
}

/// Why a run is worth nothing, or shows a bug.
#[derive(Clone, Debug, thiserror::Error, PartialEq, Eq)]
pub enum Broken {
    /// It could not be set up.
    #[error("set-up: {0}")]
    SetUp(String),
    /// Tasks go on for ever without waiting for anything.
    #[error("at {0} passes follow each other without end")]
    NoRest(Timestamp),
    /// The end was not reached in time.
    #[error("{what} is not reached by {by}")]
    Late {
        /// What was waited for.
        what: String,
        /// When it should have been there.
        by: Timestamp,
    },
    /// A cut or a fault did not happen, so the run proves nothing.
    #[error("{0} never happened")]
    NotFired(String),
    /// The operator panicked.
    #[error("panic: {0}")]
    Panic(String),
    /// Something that must never be.
    #[error("{}", .0.join("; "))]
    Wrong(Vec<String>),
}

/// An operator, or when the next one begins.
enum Place {
    Taken(Box<Operator>),
    Free(Timestamp),
}

/// One cluster, one AWS, one clock, and the operators that act in it.
pub struct World {
    /// How it was set up.
    pub settings: Settings,
    /// The time of everything.
    pub clock: ManualClock,
    /// AWS.
    pub sim: simaws::Sim,
    /// Kubernetes.
    pub cluster: MemoryCluster,
    /// How many processes died so far.
    pub crashes: usize,
    /// Who looks at every request as it arrives at AWS.
    pub eye: Eye,
    sim_clock: simaws::ManualClock,
    terms: Arc<Registry>,
    chance: fastrand::Rng,
    places: Vec<Place>,
    watched: Effects,
}

impl World {
    /// A world in which nothing was done yet; the operators begin at once.
    ///
    /// # Errors
    /// Where the operator's own parts cannot be made.
    pub fn new(settings: Settings) -> Result<Self, Broken> {
        let clock = ManualClock::new(settings.start);
        let sim_clock = simaws::ManualClock::at(settings.start);
        let sim = simaws::Sim::new(simaws::Options {
            clock: simaws::Clock::Manual(sim_clock.clone()),
            seed: settings.seed,
            ..settings.aws.clone()
        });
        let cluster = MemoryCluster::new(Arc::new(clock.clone()));
        cluster.put_namespace("acme", NamespaceFacts::default());
        let terms = Registry::built_in().map_err(|error| Broken::SetUp(error.to_string()))?;
        let places = (0..settings.operators).map(|_| Place::Free(settings.start));
        Ok(Self {
            places: places.collect(),
            chance: fastrand::Rng::with_seed(settings.seed),
            terms: Arc::new(terms),
            crashes: 0,
            eye: Eye::default(),
            settings,
            clock,
            sim,
            cluster,
            sim_clock,
            watched: Effects::default(),
        })
    }

    /// The operators that are alive.
    pub fn operators(&self) -> impl Iterator<Item = &Operator> {
        self.places.iter().filter_map(|place| match place {
            Place::Taken(operator) => Some(&**operator),
            Place::Free(_) => None,
        })
    }

    /// Numbers the effects of the first operator from here on, and cuts one off.
    pub fn watch_effects(&mut self, cut: Option<Cut>) {
        let first = self.operators().next().map(|first| first.effects.clone());
        if let Some(effects) = first {
            effects.watch(cut);
            self.watched = effects;
        }
    }

    /// The effects of the first operator since they are numbered, up to its end if it died.
    pub fn effects(&self) -> Vec<String> {
        self.watched.names()
    }

    /// Whether the effect that was to be cut off was.
    pub fn is_cut(&self) -> bool {
        self.watched.has_fired()
    }

    /// The process in this place ends, and another one begins a while later.
    pub fn crash(&mut self, place: usize) {
        let now = self.clock.now();
        let gap = LONGEST_RESTART.mul_f64(self.chance.f64());
        if let Some(place) = self.places.get_mut(place) {
            *place = Place::Free(later(now, gap));
            self.crashes += 1;
        }
    }

    /// The process in this place ends, and nobody takes its place before `until`.
    pub fn stop(&mut self, place: usize, until: Timestamp) {
        if let Some(place) = self.places.get_mut(place) {
            *place = Place::Free(until);
        }
    }

    /// A user applies an object.
    ///
    /// # Errors
    /// Where it is no object of that kind.
    pub fn put<K: Kind>(&self, object: Value) -> Result<K, Broken> {
        let object = serde_json::from_value::<K>(object).map_err(|error| Broken::SetUp(error.to_string()))?;
        Ok(self.cluster.put(&object))
    }

    /// A user edits an object.
    pub fn edit<K: Kind>(&self, key: &Key, edit: impl FnOnce(&mut K)) {
        if let Some(object) = self.cluster.cached::<K>(key) {
            let mut object = (*object).clone();
            edit(&mut object);
            self.cluster.put(&object);
        }
    }

    /// Somebody else calls AWS in the operator's own account.
    ///
    /// # Errors
    /// Where the call fails.
    pub fn someone(&self, action: &str, params: &[(&str, &str)]) -> Result<String, Broken> {
        let answer = self.sim.act(None, action, params);
        answer.map_err(|error| Broken::SetUp(format!("{action}: {error}")))
    }

    /// Lets time pass in which no operator acts, before the first one begins.
    pub fn wait(&mut self, span: Duration) {
        let begin = later(self.clock.now(), span);
        self.clock.advance_to(begin);
        self.sim_clock.set(begin);
        for place in &mut self.places {
            if let Place::Free(at) = place {
                *at = begin.max(*at);
            }
        }
    }

    /// Lets time pass.
    ///
    /// # Errors
    /// Where it cannot go on.
    pub fn run_for(&mut self, span: Duration) -> Result<(), Broken> {
        let end = later(self.clock.now(), span);
        self.settle()?;
        while self.clock.now() < end {
            self.advance(end)?;
        }
        Ok(())
    }

    /// Lets time pass until something is so.
    ///
    /// # Errors
    /// [`Broken::Late`] where it is not so within `patience`.
    pub fn run_until(
        &mut self,
        what: &str,
        patience: Duration,
        mut is_so: impl FnMut(&Self) -> bool,
    ) -> Result<(), Broken> {
        let end = later(self.clock.now(), patience);
        let mut look_at = self.clock.now();
        self.settle()?;
        loop {
            if self.clock.now() >= look_at {
                if is_so(self) {
                    return Ok(());
                }
                look_at = later(self.clock.now(), LOOK);
            }
            if self.clock.now() >= end {
                return Err(Broken::Late {
                    what: what.to_owned(),
                    by: end,
                });
            }
            self.advance(look_at.min(end))?;
        }
    }

    /// Lets time pass until nothing is open any more; `look` says what is.
    ///
    /// # Errors
    /// What `look` says, and [`Broken::Late`] with what is still open after `patience`; `what` comes before it.
    pub fn run_until_nothing_is_open(
        &mut self,
        what: &str,
        patience: Duration,
        mut look: impl FnMut(&Self) -> Result<Vec<String>, Broken>,
    ) -> Result<(), Broken> {
        let (mut open, mut failed) = (Vec::new(), None);
        let reached = self.run_until("the end", patience, |world| {
            match look(world) {
                Ok(found) => open = found,
                Err(error) => failed = Some(error),
            }
            open.is_empty() || failed.is_some()
        });
        match (failed, reached) {
            (Some(error), _) => Err(error),
            (None, Err(Broken::Late { by, .. })) => Err(Broken::Late {
                what: format!("{what}{}", open.join("; ")),
                by,
            }),
            (None, reached) => reached,
        }
    }

    /// Moves to the next instant at which something happens, `end` at most, and lets it happen.
    fn advance(&mut self, end: Timestamp) -> Result<(), Broken> {
        let own = self.places.iter().filter_map(|place| match place {
            Place::Taken(operator) => operator.next_at(),
            Place::Free(at) => Some(*at),
        });
        let waits = self
            .clock
            .next_wait()
            .into_iter()
            .chain(self.sim_clock.next_wait());
        let next = own.chain(waits).min();
        let next = next.unwrap_or(end).clamp(self.clock.now(), end);
        self.clock.advance_to(next);
        self.sim_clock.set(self.clock.now());
        self.settle()
    }

    /// Lets everything happen that can happen now.
    fn settle(&mut self) -> Result<(), Broken> {
        loop {
            self.fill_places()?;
            self.route_changes();
            let mut order: Vec<usize> = (0..self.places.len()).collect();
            self.chance.shuffle(&mut order);
            let mut has_moved = false;
            for at in order {
                has_moved |= self.turn(at)?;
            }
            if !has_moved {
                return Ok(());
            }
        }
    }

    fn turn(&mut self, at: usize) -> Result<bool, Broken> {
        let Some(Place::Taken(operator)) = self.places.get_mut(at) else {
            return Ok(false);
        };
        let has_moved = operator.run_until_stalled()?;
        if operator.effects.is_dead() {
            self.crash(at);
        }
        Ok(has_moved)
    }

    /// Starts the processes whose time has come.
    fn fill_places(&mut self) -> Result<(), Broken> {
        let now = self.clock.now();
        for place in &mut self.places {
            if matches!(place, Place::Free(at) if *at <= now) {
                let around = Surroundings {
                    settings: &self.settings,
                    clock: &self.clock,
                    sim: &self.sim,
                    cluster: &self.cluster,
                    terms: &self.terms,
                    eye: &self.eye,
                    seed: self.chance.u64(..),
                };
                *place = Place::Taken(Box::new(Operator::start(&around)?));
            }
        }
        Ok(())
    }

    /// Tells every operator's watches what changed, each in its own time.
    fn route_changes(&mut self) {
        let now = self.clock.now();
        for (kind, key) in self.cluster.take_changes() {
            for place in &mut self.places {
                let lag = self.settings.watch_lag.mul_f64(self.chance.f64());
                if let Place::Taken(operator) = place {
                    operator.expect(later(now, lag), kind, &key);
                }
            }
        }
    }
}

#[cfg(test)]
mod tests;
