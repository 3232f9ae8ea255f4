//! Changing the bound instance: another type, larger volumes, a stop that was asked for, a restart by hand.
//!
//! A type is changed in three calls: stop, set, start. What is about to be done is written down before the stop, so that
//! a crash between any two of them is gone on from, and so that our own stop is told from a person's: AWS gives the
//! same reason for both. A change that was begun is finished whatever the window says by then, and where AWS does not
//! take the new type, the instance starts again as it was: it is never left stopped.
//!
//! Deliberately absent: new volumes and smaller ones. An instance that a person stopped is not touched.

mod volumes;

use std::{collections::BTreeMap, time::Duration};

use jiff::Timestamp;

pub use self::volumes::{COOL_DOWN, Growth};
use super::{Reins, TenantAction, TenantDesired, TenantStep, TenantWorld, launch::is_by_a_person, soon};
use crate::{
    api::{ChangeKind, Reason},
    clock::later,
    cloud::{Instance, InstanceState, VolumeId},
    plan::{Plan, window::Window},
};

/// How long a type is tried that AWS neither takes nor refuses. The customer waits meanwhile.
pub const PATIENCE: Duration = Duration::from_secs(30 * 60);

/// How long a record stands for calls that follow it. Written anew for each of them, a call that keeps failing would
/// wake its own Tenant for ever.
const FRESH: Duration = Duration::from_secs(5 * 60);

/// From when on what AWS shows is what came of a call: how long after its record that may be made, AWS's lag, and the
/// age that a picture of it may have.
const SETTLED: Duration = Duration::from_secs(15 * 60);

/// A size of instance.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Size {
    /// The plan, by name.
    pub plan: String,
    /// The instance type.
    pub instance_type: String,
    /// The data volumes: their sizes in GiB, by device.
    pub volumes: BTreeMap<String, i32>,
}

/// Whether the instance is to run.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub enum Power {
    /// It runs.
    #[default]
    Running,
    /// It is stopped: why.
    Stopped(String),
}

/// What is wished of an instance that is there.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeWish {
    /// Its size; `None`: as it was found.
    pub size: Option<Size>,
    /// When it may be interrupted; `None`: never.
    pub window: Option<Window>,
    /// Whether it is to run.
    pub power: Power,
    /// When a restart was last asked for.
    pub restart: Option<Timestamp>,
}

/// What is written down before an instance is stopped.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct ChangeRecord {
    /// What for.
    pub kind: ChangeKind,
    /// The type before.
    pub from: Option<String>,
    /// The type after.
    pub to: Option<String>,
    /// When the stop was asked for last.
    pub at: Timestamp,
    /// Whether the plan was edited in the class.
    pub by_class: bool,
    /// Why AWS did not take the type.
    pub refused: Option<String>,
    /// Whether it is over.
    pub has_ended: bool,
}

/// What is known of changes of an instance.
#[derive(Clone, Debug, Default, PartialEq, Eq)]
pub struct ChangeFacts {
    /// The last change.
    pub record: Option<ChangeRecord>,
    /// The plan that the instance has, by name; `None` where that was never said.
    pub plan: Option<String>,
    /// The volumes that were made larger.
    pub growths: BTreeMap<VolumeId, Growth>,
    /// The newest restart that was dealt with.
    pub restarted: Option<Timestamp>,
    /// A Backup of it that is under way, by name.
    pub backup: Option<String>,
    /// When its turn comes, where its class changes slowly and others are before it.
    pub turn_at: Option<Timestamp>,
}

impl ChangeFacts {
    /// The change that is under way.
    pub fn under_way(&self) -> Option<&ChangeRecord> {
        self.record.as_ref().filter(|record| !record.has_ended)
    }
}

impl ChangeWish {
    /// Whether the plan of this instance was edited in its class, and not another one chosen for it.
    pub fn is_by_class(&self, facts: &ChangeFacts) -> bool {
        let wanted = self.size.as_ref().map(|size| &size.plan);
        facts.plan.is_none() || facts.plan.as_ref() == wanted
    }

    /// Whether the instance is another than its size says.
    pub fn differs(&self, instance: &Instance, world: &TenantWorld) -> bool {
        let Some(size) = &self.size else { return false };
        instance.instance_type != size.instance_type || volumes::grow(size, instance, world).next().is_some()
    }
}

/// Plans what changes the instance.
pub(super) fn plan_change(
    desired: &TenantDesired,
    world: &TenantWorld,
    instance: &Instance,
    now: Timestamp,
    plan: &mut Plan<TenantStep>,
) {
    let mut case = Case {
        wish: &desired.change,
        facts: &world.change,
        is_held: desired.reins != Reins::Enforce,
        world,
        instance,
        now,
        plan,
    };
    let record = case.facts.under_way();
    match instance.state {
        InstanceState::Pending => {
            case.plan
                .wait(Reason::Starting, format!("instance {} is starting", instance.id));
            case.plan.look_again_at(soon(now));
        }
        InstanceState::Running => {
            let (is_whole, growth) = case.growth();
            match &case.wish.power {
                Power::Stopped(why) => case.stop(why),
                Power::Running => case.running(record, is_whole),
            }
            case.plan.steps.extend(growth);
        }
        InstanceState::Stopping => case.stopping(record),
        InstanceState::Stopped => {
            let (_, growth) = case.growth();
            case.stopped(record);
            case.plan.steps.extend(growth);
        }
        InstanceState::ShuttingDown | InstanceState::Terminated => {}
    }
}

/// One instance at one moment, and the plan for it.
struct Case<'a> {
    wish: &'a ChangeWish,
    facts: &'a ChangeFacts,
    /// Whether nothing of it will be done.
    is_held: bool,
    world: &'a TenantWorld,
    instance: &'a Instance,
    now: Timestamp,
    plan: &'a mut Plan<TenantStep>,
}

impl<'a> Case<'a> {
    /// The type that is wished for, where it is another than the instance has.
    fn wanted(&self) -> Option<&'a str> {
        let wanted = self.wish.size.as_ref()?.instance_type.as_str();
        (wanted != self.instance.instance_type).then_some(wanted)
    }

    /// Why AWS did not take this type.
    fn refusal_of(&self, wanted: &str) -> Option<&'a str> {
        let record = self.facts.record.as_ref()?;
        let refused = record.refused.as_deref()?;
        (record.to.as_deref() == Some(wanted)).then_some(refused)
    }

    /// Whether the volumes can be as they are wished for, and the steps that make them larger. They come after all else: a
    /// failed step stops those behind it, and an instance must not stay stopped for want of room on a disk.
    fn growth(&mut self) -> (bool, Vec<TenantStep>) {
        let before = self.plan.steps.len();
        let is_whole = self.volumes();
        (is_whole, self.plan.steps.split_off(before))
    }

    fn push(&mut self, action: TenantAction) {
        self.plan.steps.push(action.into());
    }

    /// Writes down what the instance is about to be stopped for, unless that was just done.
    fn write_down(&mut self, record: ChangeRecord) {
        let is_written = self.facts.under_way().is_some_and(|written| {
            let is_same =
                written.kind == record.kind && written.from == record.from && written.to == record.to;
            is_same && self.now < later(written.at, FRESH)
        });
        if !is_written {
            self.push(TenantAction::RecordChange(record));
        }
    }

    /// Says what is being done, and looks soon at what came of it; nothing where it is held back.
    fn under_way(&mut self, reason: Reason, message: String) {
        if !self.is_held {
            self.plan.wait(reason, message);
            self.plan.look_again_at(soon(self.now));
        }
    }

    /// Says that AWS did not take a type.
    fn tell_refusal(&mut self, wanted: &str) -> bool {
        let Some(refused) = self.refusal_of(wanted) else {
            return false;
        };
        self.plan.wait(
            Reason::TypeRefused,
            format!(
                "spec.plan: AWS did not take the instance type {wanted}, and instance {} stays {}: {refused}",
                self.instance.id, self.instance.instance_type
            ),
        );
        true
    }

    /// What keeps every change from being begun; the instance must not be lost under an Incident or a backup.
    fn is_in_use(&mut self) -> bool {
        let isolation = &self.world.isolation;
        if isolation.by_incident {
            self.plan.wait(
                Reason::WaitsForIncident,
                "no change is begun while an Incident keeps the environment isolated",
            );
            return true;
        }
        let interfaces = &self.instance.interfaces;
        if interfaces
            .iter()
            .any(|interface| !interface.groups.is_disjoint(&isolation.quarantine))
        {
            self.plan.wait(
                Reason::WaitsForIncident,
                "no change is begun while interfaces of the instance are in quarantine",
            );
            return true;
        }
        if let Some(backup) = &self.facts.backup {
            self.plan.wait(
                Reason::WaitsForBackup,
                format!("no change is begun while Backup {backup} is under way"),
            );
            return true;
        }
        false
    }

    /// Whether others of the class are before it.
    fn is_behind_others(&mut self) -> bool {
        let is_by_class = self.wish.is_by_class(self.facts);
        let Some(turn_at) = self.facts.turn_at.filter(|at| is_by_class && *at > self.now) else {
            return false;
        };
        self.plan.wait(
            Reason::WaitsForTurn,
            "an edit of a class's plan reaches at most a twentieth of its Tenants an hour, and others are before it",
        );
        self.plan.look_again_at(turn_at);
        true
    }

    /// A running instance that is to run.
    fn running(&mut self, record: Option<&ChangeRecord>, is_whole: bool) {
        match record {
            Some(record) if self.is_over(record) => {
                // A stop that was asked for a moment ago may still come.
                let settled_at = later(record.at, SETTLED);
                let is_seen = self.has_its_type(record) || record.refused.is_some();
                if is_seen || self.now >= settled_at {
                    if let Some(wanted) = self.wanted() {
                        self.tell_refusal(wanted);
                    }
                    return self.push(TenantAction::EndChange);
                }
                self.plan.look_again_at(settled_at);
            }
            Some(_) | None => match self.wanted() {
                Some(wanted) => self.begin(wanted, is_whole),
                None => self.restart(),
            },
        }
    }

    /// Whether nothing is left of a change to do for an instance that runs.
    fn is_over(&self, record: &ChangeRecord) -> bool {
        record.kind == ChangeKind::Stop
            || self.wanted().is_none()
            || self.has_its_type(record)
            || record.refused.is_some()
    }

    /// Whether the instance has the type that it was stopped for: it has been stopped and started since.
    fn has_its_type(&self, record: &ChangeRecord) -> bool {
        record.kind == ChangeKind::Resize
            && record.from != record.to
            && record.to.as_ref() == Some(&self.instance.instance_type)
    }

    /// Another type is wished for: begins with it, where nothing speaks against it.
    fn begin(&mut self, wanted: &str, is_whole: bool) {
        if self.tell_refusal(wanted) {
            return self.restart();
        }
        if let Some(record) = self.facts.under_way() {
            // Each try writes it down anew. One as old never came to AWS: a person who stops the instance now is not taken
            // for us.
            let settled_at = later(record.at, SETTLED);
            if self.now >= settled_at {
                return self.push(TenantAction::EndChange);
            }
            self.plan.look_again_at(settled_at);
        }
        if !is_whole {
            return self.restart();
        }
        let id = self.instance.id.clone();
        let change = format!(
            "the instance type {} instead of {}",
            wanted, self.instance.instance_type
        );
        if !self.is_open(&change) {
            let held = [
                TenantAction::Stop(id.clone()),
                TenantAction::SetInstanceType(id.clone(), wanted.to_owned()),
                TenantAction::Start(id),
            ];
            self.plan.held.extend(held.map(TenantStep::from));
            return self.restart();
        }
        if self.is_in_use() || self.is_behind_others() {
            return;
        }
        self.write_down(ChangeRecord {
            kind: ChangeKind::Resize,
            from: Some(self.instance.instance_type.clone()),
            to: Some(wanted.to_owned()),
            at: self.now,
            by_class: self.wish.is_by_class(self.facts),
            refused: None,
            has_ended: false,
        });
        self.push(TenantAction::Stop(id.clone()));
        self.under_way(
            Reason::Resizing,
            format!("instance {id} is being stopped, to give it {change}"),
        );
    }

    /// Whether the environment may be interrupted now; says when, where not.
    fn is_open(&mut self, change: &str) -> bool {
        let Some(window) = &self.wish.window else {
            self.plan.wait(
                Reason::NoWindow,
                format!(
                    "{change} needs a stop and a start, and no maintenanceWindow says when: set it in the Tenant or in \
                     its class"
                ),
            );
            return false;
        };
        if window.is_open(self.now) {
            return true;
        }
        let next = window.next_opening(self.now);
        let opens = next.map_or_else(String::new, |at| format!(", which opens at {at:.0}"));
        self.plan.wait(
            Reason::WaitsForWindow,
            format!("{change} waits for the maintenance window ({window}){opens}"),
        );
        if let Some(next) = next {
            self.plan.look_again_at(next);
        }
        false
    }

    /// A running instance that is to be stopped.
    fn stop(&mut self, why: &str) {
        let id = &self.instance.id;
        if self.world.isolation.by_incident {
            // What it holds in its memory is evidence.
            return self.plan.wait(
                Reason::WaitsForIncident,
                format!("an Incident keeps the environment isolated, so instance {id} is not stopped"),
            );
        }
        let told = format!("instance {id} is being stopped, as powerState asks: {why}");
        self.write_down(self.stop_record());
        self.push(TenantAction::Stop(id.clone()));
        self.under_way(Reason::StoppedAsAsked, told);
    }

    /// A stop as it is asked for; what AWS refused before is not forgotten over it.
    fn stop_record(&self) -> ChangeRecord {
        let before = self.facts.record.as_ref();
        let before = before.filter(|before| before.refused.is_some() || !before.has_ended);
        ChangeRecord {
            kind: ChangeKind::Stop,
            from: before.and_then(|before| before.from.clone()),
            to: before.and_then(|before| before.to.clone()),
            at: self.now,
            by_class: before.is_some_and(|before| before.by_class),
            refused: before.and_then(|before| before.refused.clone()),
            has_ended: false,
        }
    }

    /// An instance on its way to being stopped.
    fn stopping(&mut self, record: Option<&ChangeRecord>) {
        let id = &self.instance.id;
        match (record, &self.wish.power) {
            (None, _) => return self.stopped_by_others(),
            (Some(_), Power::Stopped(why)) => self.plan.wait(
                Reason::StoppedAsAsked,
                format!("instance {id} is being stopped, as powerState asks: {why}"),
            ),
            (Some(_), Power::Running) => self.plan.wait(
                Reason::Resizing,
                format!("instance {id} is being stopped and will be started again"),
            ),
        }
        self.plan.look_again_at(soon(self.now));
    }

    fn stopped(&mut self, record: Option<&ChangeRecord>) {
        let id = self.instance.id.clone();
        match (record, &self.wish.power) {
            (None, Power::Running) => self.stopped_by_others(),
            (None, Power::Stopped(why)) => {
                // A person came before us. From now on it is ours to start.
                self.push(TenantAction::RecordChange(self.stop_record()));
                self.plan
                    .wait(Reason::StoppedAsAsked, format!("instance {id} is stopped: {why}"));
            }
            (Some(record), Power::Stopped(why)) => {
                self.set_type(record);
                if record.kind != ChangeKind::Stop {
                    self.push(TenantAction::RecordChange(self.stop_record()));
                }
                self.plan
                    .wait(Reason::StoppedAsAsked, format!("instance {id} is stopped: {why}"));
            }
            (Some(record), Power::Running) => {
                if record.kind == ChangeKind::Stop && self.world.isolation.by_incident {
                    return self.plan.wait(
                        Reason::StoppedAsAsked,
                        format!(
                            "instance {id} is started once no Incident isolates the environment any more"
                        ),
                    );
                }
                self.set_type(record);
                self.push(TenantAction::Start(id.clone()));
                if self.is_held {
                    return self.plan.wait(
                        Reason::Stopped,
                        format!("instance {id} is stopped, and would be started again"),
                    );
                }
                self.under_way(Reason::Resizing, format!("instance {id} is being started again"));
            }
        }
    }

    /// An instance that was stopped for another type gets that one, or the one that it had where AWS did not take it. What is
    /// wished for since comes when it runs again, in its turn; so does what is wished for of one that was stopped for
    /// good: AWS may have no room for another type, and then it could not be started at all.
    fn set_type(&mut self, record: &ChangeRecord) {
        let Some(wished) = record.to.as_deref() else {
            return;
        };
        let target = match self.refusal_of(wished) {
            Some(_) => record.from.as_deref(),
            None => Some(wished),
        };
        if wished != self.instance.instance_type {
            self.tell_refusal(wished);
        }
        if let Some(target) = target.filter(|target| *target != self.instance.instance_type) {
            let id = self.instance.id.clone();
            self.push(TenantAction::SetInstanceType(id, target.to_owned()));
        }
    }

    /// Stopped, and not by us.
    fn stopped_by_others(&mut self) {
        let id = &self.instance.id;
        if is_by_a_person(self.instance) {
            self.plan.wait(
                Reason::StoppedByHand,
                format!("instance {id} was stopped by a person; it is for a person to start it"),
            );
            return;
        }
        let why = self.instance.state_reason.as_deref().unwrap_or("no reason given");
        self.plan
            .wait(Reason::Stopped, format!("instance {id} is stopped: {why}"));
    }

    /// Reboots an instance that runs and is not about to be stopped, once for each time that it was asked for.
    fn restart(&mut self) {
        let Some(asked_at) = self.wish.restart else { return };
        if self
            .facts
            .restarted
            .is_some_and(|restarted| restarted >= asked_at)
        {
            return;
        }
        if asked_at > self.now {
            return self.plan.look_again_at(asked_at);
        }
        if self.instance.launched_at >= asked_at {
            // It was started since, and so restarted.
            return self.push(TenantAction::RecordRestart(asked_at));
        }
        if self.is_in_use() {
            return;
        }
        self.push(TenantAction::RecordRestart(asked_at));
        self.push(TenantAction::Reboot(self.instance.id.clone()));
    }
}
