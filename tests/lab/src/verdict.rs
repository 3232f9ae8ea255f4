//! Judges each call that can destroy something, by what AWS truly holds at the instant of the call.
//!
//! Not the operator's picture counts, nor what it meant to do: only whether the call, as it arrives, may be made in the
//! world as it is. What people declared is taken with a grace, for a call that was decided on before they changed their
//! mind may still be under way.

mod copies;
mod declared;
mod firewall;
mod making;
mod marks;
mod network;

use std::{
    collections::{BTreeMap, BTreeSet},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use yagura::clock::{Clock, ManualClock};

use crate::{Arrival, World, truth::Truth};

use self::declared::History;

/// How long after a change of what is declared a call may still go by what was declared before: the watch lags, and
/// the calls of the pass that was under way take their time.
const GRACE: Duration = Duration::from_secs(30);

/// What was seen of the calls that can destroy something.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct Seen {
    /// How many there were of each operation.
    pub calls: BTreeMap<String, usize>,
    /// What was wrong with some.
    pub wrong: Vec<String>,
}

impl Seen {
    /// How many there were.
    pub fn total(&self) -> usize {
        self.calls.values().sum()
    }

    /// Adds those of another run.
    pub fn add(&mut self, other: &Self) {
        for (operation, count) in &other.calls {
            *self.calls.entry(operation.clone()).or_default() += count;
        }
        self.wrong.extend(other.wrong.iter().cloned());
    }
}

/// The judge of one run; clones are the same one.
#[derive(Clone)]
pub struct Verdict(Arc<Mutex<State>>);

struct State {
    sim: simaws::Sim,
    clock: ManualClock,
    account: Option<&'static str>,
    history: History,
    seen: Seen,
}

/// What a call is judged by.
struct Case<'a> {
    call: &'a Arrival,
    truth: &'a Truth,
    history: &'a History,
}

impl Verdict {
    /// Judges every call of this world from here on; `account` is where everything stands, the operator's own if
    /// `None`.
    pub fn watch(world: &World, account: Option<&'static str>) -> Self {
        let state = State {
            sim: world.sim.clone(),
            clock: world.clock.clone(),
            account,
            history: History::new(world.cluster.clone()),
            seen: Seen::default(),
        };
        let verdict = Self(Arc::new(Mutex::new(state)));
        verdict.look();
        let judge = verdict.clone();
        world.eye.open(move |call| judge.lock().arrives(call));
        verdict
    }

    /// Takes note of what is declared now: to be called after each change of it.
    pub fn look(&self) {
        let mut state = self.lock();
        let now = state.clock.now();
        state.history.look(now);
    }

    /// What was seen so far.
    pub fn seen(&self) -> Seen {
        self.lock().seen.clone()
    }

    fn lock(&self) -> MutexGuard<'_, State> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

impl State {
    fn arrives(&mut self, call: &Arrival) {
        let now = self.clock.now();
        self.history.look(now);
        let Some(judge) = judge_of(&call.action).filter(|_| !call.is_dry_run()) else {
            return;
        };
        *self.seen.calls.entry(call.action.clone()).or_default() += 1;
        let truth = match serde_json::from_value(self.sim.state(self.account, None)) {
            Ok(truth) => truth,
            Err(error) => return self.seen.wrong.push(format!("AWS's state: {error}")),
        };
        let case = Case {
            call,
            truth: &truth,
            history: &self.history,
        };
        let wrong = judge(&case);
        let told = wrong.into_iter().map(|why| {
            let Arrival { action, params } = call;
            format!("{now}: {action} {why}: {params:?}")
        });
        self.seen.wrong.extend(told);
    }
}

type Judge = fn(&Case<'_>) -> Vec<String>;

/// Who judges an operation; `None` for one that can do no harm.
fn judge_of(action: &str) -> Option<Judge> {
    Some(match action {
        "RevokeSecurityGroupIngress" | "RevokeSecurityGroupEgress" => firewall::revoke,
        "AuthorizeSecurityGroupIngress" | "AuthorizeSecurityGroupEgress" => firewall::authorize,
        "ModifyNetworkInterfaceAttribute" => network::set_groups,
        "ModifyInstanceAttribute" => marks::attribute,
        "ModifyInstanceMetadataOptions" => marks::metadata,
        "CreateTags" => marks::tags,
        "RunInstances" => making::launch,
        "CreateSecurityGroup" => making::group,
        "CreateSnapshots" => making::snapshots,
        "StartBackupJob" => making::job,
        "DeleteSnapshot" => copies::delete,
        "DeleteRecoveryPoint" => copies::delete_point,
        "LockSnapshot" => copies::lock,
        "ModifySnapshotAttribute" | "ModifyImageAttribute" => copies::close,
        _ => return None,
    })
}

impl Case<'_> {
    /// The tags of whatever has this id.
    fn tags(&self, id: &str) -> Option<&BTreeMap<String, String>> {
        let Truth {
            instances,
            security_groups,
            volumes,
            images,
            snapshots,
            ..
        } = self.truth;
        let all = instances
            .iter()
            .map(|one| (&one.id, &one.tags))
            .chain(security_groups.iter().map(|one| (&one.id, &one.tags)))
            .chain(volumes.iter().map(|one| (&one.id, &one.tags)))
            .chain(images.iter().map(|one| (&one.id, &one.tags)))
            .chain(snapshots.iter().map(|one| (&one.id, &one.tags)));
        let mut found = all.filter(|(found, _)| *found == id);
        found.next().map(|(_, tags)| tags)
    }

    /// The Tenant whose this resource is: that binds it, or whose uid it carries.
    fn owner(&self, id: &str) -> Option<&declared::TenantFacts> {
        let bound = self.history.tenants().find(|tenant| tenant.bound.contains(id));
        bound.or_else(|| {
            let uid = self.tags(id)?.get(yagura::api::names::tags::UID)?;
            self.history.tenants().find(|tenant| tenant.uid == *uid)
        })
    }

    /// The quarantine groups that truly stand.
    fn quarantines(&self) -> BTreeSet<&str> {
        let names = self.history.quarantine_names();
        let groups = self.truth.security_groups.iter();
        groups
            .filter(|group| names.contains(&group.name))
            .map(|group| group.id.as_str())
            .collect()
    }
}

#[cfg(test)]
mod tests;
