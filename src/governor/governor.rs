//! Waiting for one's turn.

use std::{
    collections::BTreeMap,
    pin::pin,
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use futures::future::select;
use jiff::Timestamp;
use tokio::sync::Notify;

use super::{
    caller::{Caller, caller},
    lanes::Ticket,
    limits::limits,
    line::{Line, Turn},
    share::Share,
};
use crate::{
    clock::{Clock, elapsed, later},
    cloud::{CloudError, ErrorKind, HELD_BACK, Lane, Operation},
};

/// How long a call waits for its turn. Whoever waits holds one of the places for passes of its kind, and an attempt
/// that was written down before its call must not grow old before it is made.
pub const MAX_WAIT: Duration = Duration::from_secs(15);

/// For how long after a slot backups take all of the account's limits of the calls that begin them.
const RUSH: Duration = Duration::from_secs(60 * 60);

/// The calls that begin backups. Nothing else of the operator's makes them, and few others make so many.
const BEGINNINGS: [Operation; 2] = [Operation::CreateSnapshots, Operation::StartBackupJob];

/// What a governor is set to.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq)]
pub struct Settings {
    /// The part of the account's limits that the operator takes.
    pub share: Share,
}

/// How a wait ended.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub enum WaitEnd {
    /// With the call.
    Admitted,
    /// Without: it took too long.
    HeldBack,
}

/// A call that had to wait.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct Waited {
    /// What was to be called.
    pub operation: Operation,
    /// On whose behalf.
    pub lane: Lane,
    /// How long it waited.
    pub took: Duration,
    /// How the wait ended.
    pub end: WaitEnd,
}

/// Told of every call that could not go at once.
pub type WaitObserver = Arc<dyn Fn(Waited) + Send + Sync>;

/// Keeps the calls to one account and region within the operator's share of AWS's limits.
pub struct Governor {
    clock: Arc<dyn Clock>,
    settings: Settings,
    observer: WaitObserver,
    /// From when on calls are known of; all buckets are empty then.
    since: Timestamp,
    lines: Mutex<BTreeMap<Operation, Door>>,
}

/// The line before an operation, and how to call those in it.
struct Door {
    line: Line,
    bells: BTreeMap<Ticket, Arc<Notify>>,
}

impl Door {
    fn ring(&mut self) {
        for ticket in self.line.take_called() {
            if let Some(bell) = self.bells.get(&ticket) {
                bell.notify_one();
            }
        }
    }
}

impl Governor {
    /// A governor for one account and region. Its buckets begin empty, since nobody knows what an earlier
    /// process took from AWS's.
    pub fn new(clock: Arc<dyn Clock>, settings: Settings, observer: WaitObserver) -> Self {
        Self {
            since: clock.now(),
            clock,
            settings,
            observer,
            lines: Mutex::default(),
        }
    }

    /// Waits until this call may be made, or says at once when it has its turn if that is far off; `units` is the
    /// number of instances it launches, and is looked at only where AWS counts those.
    ///
    /// *Guarantees*: ends within [`MAX_WAIT`]. If it is dropped before, nothing was taken.
    /// *Errors*: `Throttled` with the code `HeldBack` when the wait was or would be too long; the call must not be
    /// made.
    pub async fn admit(&self, operation: Operation, lane: Lane, units: u32) -> Result<(), CloudError> {
        if let Some(caller) = caller()
            && let Some(turn_at) = self.come_back(operation, lane, units, caller)
        {
            return Err(held_back(operation, Some(turn_at)));
        }
        let mut place = InLine::join(self, operation, lane, units);
        loop {
            match place.turn() {
                Turn::Go => {
                    place.tell(WaitEnd::Admitted);
                    return Ok(());
                }
                Turn::GiveUp => {
                    place.tell(WaitEnd::HeldBack);
                    return Err(held_back(operation, None));
                }
                Turn::Watch(until) => {
                    let bell = pin!(place.bell.notified());
                    select(self.clock.until(until), bell).await;
                }
                Turn::Wait => place.bell.notified().await,
            }
            place.waited = true;
        }
    }

    /// Asks for a turn for so many calls, each of one instance, and waits for nothing. Once it is granted, the caller's
    /// next calls stand in line at once, so that what they are about to do can be written down between. One that nobody
    /// can tell to come back stands in line.
    ///
    /// *Errors*: `Throttled` with the code `HeldBack` and the turn, where the line is too long.
    pub fn book(&self, operation: Operation, lane: Lane, calls: u32) -> Result<(), CloudError> {
        let Some(caller) = caller() else {
            return Ok(());
        };
        let now = self.clock.now();
        let turn_at = self.with(operation, |door| door.line.book(now, lane, (calls, 1), caller));
        turn_at.map_or(Ok(()), |turn_at| Err(held_back(operation, Some(turn_at))))
    }

    /// Tells of a slot of backups: within an hour of it the calls that begin backups take all of the account's limits,
    /// whatever the share, since everyone is due at once. *Idempotency*: a repeat changes nothing.
    pub fn slot_began(&self, at: Timestamp) {
        let now = self.clock.now();
        let until = later(at, RUSH);
        if at <= now && now < until {
            for operation in BEGINNINGS {
                self.with(operation, |door| door.line.rush(now, until));
            }
        }
    }

    /// AWS answered a call of this operation with `RequestLimitExceeded`: the next ones come more slowly.
    pub fn throttled(&self, operation: Operation) {
        let now = self.clock.now();
        self.with(operation, |door| door.line.throttled(now));
    }

    /// When this call has its turn, if its line is too long to stand in.
    fn come_back(&self, operation: Operation, lane: Lane, units: u32, caller: Caller) -> Option<Timestamp> {
        let now = self.clock.now();
        self.with(operation, |door| {
            if door.line.claim(now, lane, &caller) || !is_booked(operation, lane) {
                return None;
            }
            door.line.come_back(now, (lane, caller), (1, units))
        })
    }

    fn with<T>(&self, operation: Operation, change: impl FnOnce(&mut Door) -> T) -> T {
        let mut lines = self.lines();
        let door = lines.entry(operation).or_insert_with(|| Door {
            line: Line::new(limits(operation), self.settings.share, self.since),
            bells: BTreeMap::new(),
        });
        let result = change(door);
        door.ring();
        result
    }

    fn lines(&self) -> MutexGuard<'_, BTreeMap<Operation, Door>> {
        self.lines.lock().unwrap_or_else(PoisonError::into_inner)
    }
}

/// A place in line. Dropping it gives it up.
struct InLine<'a> {
    governor: &'a Governor,
    operation: Operation,
    lane: Lane,
    ticket: Ticket,
    bell: Arc<Notify>,
    joined_at: Timestamp,
    waited: bool,
}

impl<'a> InLine<'a> {
    fn join(governor: &'a Governor, operation: Operation, lane: Lane, units: u32) -> Self {
        let now = governor.clock.now();
        let bell = Arc::new(Notify::new());
        let ticket = governor.with(operation, |door| {
            let ticket = door.line.join(now, lane, units, MAX_WAIT);
            door.bells.insert(ticket, Arc::clone(&bell));
            ticket
        });
        Self {
            governor,
            operation,
            lane,
            ticket,
            bell,
            joined_at: now,
            waited: false,
        }
    }

    fn turn(&self) -> Turn {
        let now = self.governor.clock.now();
        self.governor
            .with(self.operation, |door| door.line.turn(now, self.ticket))
    }

    fn tell(&self, end: WaitEnd) {
        if self.waited {
            (self.governor.observer)(Waited {
                operation: self.operation,
                lane: self.lane,
                took: elapsed(self.joined_at, self.governor.clock.now()),
                end,
            });
        }
    }
}

impl Drop for InLine<'_> {
    fn drop(&mut self) {
        let now = self.governor.clock.now();
        self.governor.with(self.operation, |door| {
            door.line.leave(now, self.ticket);
            door.bells.remove(&self.ticket);
        });
    }
}

/// Whether a call comes back at its turn where the line is long: what makes something new, and what is done to the copies
/// of every Tenant at the same time of the day. Thousands of Tenants may want the same at once, each pass of theirs holds
/// a place, and those behind it that want something else would wait with it. What comes after the making of a group,
/// such as its rules, comes no faster than groups are made and is finished first.
fn is_booked(operation: Operation, lane: Lane) -> bool {
    match operation {
        Operation::CreateSecurityGroup | Operation::RunInstances => {
            matches!(lane, Lane::UserChange | Lane::Drift)
        }
        Operation::CreateSnapshots
        | Operation::DeleteRecoveryPoint
        | Operation::DeleteSnapshot
        | Operation::LockSnapshot
        | Operation::StartBackupJob => matches!(lane, Lane::Backup | Lane::CleanUp),
        _ => false,
    }
}

fn held_back(operation: Operation, turn_at: Option<Timestamp>) -> CloudError {
    CloudError {
        operation,
        kind: ErrorKind::Throttled,
        code: HELD_BACK.to_owned(),
        message: format!(
            "not sent yet, since no call is left for now in the operator's share of AWS's rate limit of {operation}; it \
             is tried again by itself; if this lasts, raise --aws-share or ask AWS for a higher limit of {operation}"
        ),
        turn_at,
    }
}

#[cfg(test)]
mod herd;
#[cfg(test)]
mod tests;
