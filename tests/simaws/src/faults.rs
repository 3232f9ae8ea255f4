//! Faults: what goes wrong, on which call, how often.

use std::time::Duration;

use serde::{Deserialize, Serialize};
use tokio::sync::watch;

use crate::backend::Executed;
use crate::ops;
use crate::protocol::Request;

pub(crate) mod pages;

/// What goes wrong.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase")]
pub enum FaultKind {
    /// The answer waits until the fault is released, forever if it never is.
    Hold,
    /// The connection closes without an answer; in memory the answer never comes.
    Drop,
    /// An error is answered.
    #[default]
    Error,
    /// The body ends half way, and its length says so.
    Truncate,
    /// The call succeeds, and what it made fails later: an instance terminates, a snapshot ends in `error`,
    /// a backup job fails; a recovery point that is deleted stays.
    Fail,
    /// The answer is that there were too many calls, as AWS gives it.
    Throttle,
    /// The answer is that the service cannot be had: 503.
    Unavailable,
    /// The answer is that the caller may not do this.
    Deny,
    /// A read answers from the state `versions` changes ago.
    StaleRead,
    /// A listing never ends: its first page comes again and again, always with the same token.
    EndlessToken,
    /// A listing gives the same page twice, the first time with a token.
    DuplicatePage,
    /// The answer comes `delay` later; with `"effect": "before"` the request itself arrives that much
    /// later, and has its effect even when the client has gone away.
    Delay,
}

impl FaultKind {
    /// Whether it can strike this call: only a read can be stale, only a listing has pages.
    fn suits(self, request: &Request) -> bool {
        let token = request.params.get("NextToken").unwrap_or_default();
        match self {
            Self::StaleRead => ops::is_read(request.service, &request.action),
            Self::EndlessToken => ops::is_listing(request.service, &request.action),
            // A page that is already the second of its kind is given as it is.
            Self::DuplicatePage => {
                ops::is_listing(request.service, &request.action) && !pages::is_repeat(token)
            }
            _ => true,
        }
    }
}

/// When a fault strikes.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "lowercase")]
pub enum Effect {
    /// Before the call has had its effect.
    Before,
    /// After it.
    After,
}

/// A parameter a call must have for the fault to strike.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Matching {
    /// The parameter's name in the form (`InstanceId.1`); absent: any parameter.
    #[serde(default)]
    pub param: Option<String>,
    /// What its value contains.
    pub contains: String,
}

/// A fault as it is ordered.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct FaultSpec {
    /// The operation, or `*` for every one.
    pub operation: String,
    /// What goes wrong.
    pub kind: FaultKind,
    /// When; absent: `before` for errors, `after` for all others.
    #[serde(default)]
    pub effect: Option<Effect>,
    /// How many calls it strikes; 0: all, until it is removed.
    #[serde(default = "once")]
    pub times: u32,
    /// How many matching calls pass first.
    #[serde(default)]
    pub skip: u32,
    /// Only calls with this parameter.
    #[serde(default, rename = "match")]
    pub matching: Option<Matching>,
    /// Whether it strikes calls with DryRun instead of real ones.
    #[serde(default)]
    pub dry_run: bool,
    /// The error's code; absent: `RequestLimitExceeded`. Of a launch made to `fail`: its state reason's
    /// code, of a backup job its status message; absent: `Server.InternalError`.
    #[serde(default)]
    pub code: Option<String>,
    /// The error's HTTP status; absent: 503.
    #[serde(default)]
    pub status: Option<u16>,
    /// How many changes back a stale read looks.
    #[serde(default = "one_version")]
    pub versions: usize,
    /// How long a delayed answer takes.
    #[serde(
        default,
        with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required",
        skip_serializing_if = "Duration::is_zero"
    )]
    pub delay: Duration,
}

fn one_version() -> usize {
    1
}

fn once() -> u32 {
    1
}

impl FaultSpec {
    /// A fault that strikes the next call of `operation`.
    pub fn new(operation: impl Into<String>, kind: FaultKind) -> Self {
        Self {
            operation: operation.into(),
            kind,
            effect: None,
            times: once(),
            skip: 0,
            matching: None,
            dry_run: false,
            code: None,
            status: None,
            versions: one_version(),
            delay: Duration::ZERO,
        }
    }

    /// A fault that lets the next call of `operation` read the state `versions` changes ago.
    pub fn stale_read(operation: impl Into<String>, versions: usize) -> Self {
        Self {
            versions,
            ..Self::new(operation, FaultKind::StaleRead)
        }
    }

    /// A fault that lets the next call of `operation` be answered `delay` later.
    pub fn delay(operation: impl Into<String>, delay: Duration) -> Self {
        Self {
            delay,
            ..Self::new(operation, FaultKind::Delay)
        }
    }

    /// The same fault, for every call instead of one.
    #[must_use]
    pub fn forever(self) -> Self {
        Self { times: 0, ..self }
    }

    /// The same fault at the other end of the call's effect.
    #[must_use]
    pub fn striking(self, effect: Effect) -> Self {
        Self {
            effect: Some(effect),
            ..self
        }
    }

    /// When it strikes, chosen or by its kind.
    pub(crate) fn strikes(&self) -> Effect {
        self.effect.unwrap_or(match self.kind {
            FaultKind::Error | FaultKind::Throttle | FaultKind::Unavailable | FaultKind::Deny => {
                Effect::Before
            }
            _ => Effect::After,
        })
    }

    /// Why what a call makes fails later, if it does.
    pub(crate) fn doom(&self) -> Option<String> {
        let code = || {
            self.code
                .clone()
                .unwrap_or_else(|| "Server.InternalError".to_owned())
        };
        (self.kind == FaultKind::Fail).then(code)
    }

    /// Whether it answers an error of its own making.
    pub(crate) fn refuses(&self) -> bool {
        matches!(
            self.kind,
            FaultKind::Error | FaultKind::Throttle | FaultKind::Unavailable | FaultKind::Deny
        )
    }

    fn matches(&self, request: &Request, dry_run: bool) -> bool {
        let fits = |matching: &Matching| match &matching.param {
            Some(name) => request
                .params
                .get(name)
                .is_some_and(|value| value.contains(&matching.contains)),
            None => request
                .params
                .iter()
                .any(|(_, value)| value.contains(&matching.contains)),
        };
        (self.operation == "*" || self.operation == request.action)
            && self.dry_run == dry_run
            && self.kind.suits(request)
            && self.matching.as_ref().is_none_or(fits)
    }
}

/// A fault as it stands.
#[derive(Clone, Debug, Serialize)]
#[serde(rename_all = "camelCase")]
pub struct FaultStatus {
    /// Its id.
    pub id: String,
    /// As ordered.
    #[serde(flatten)]
    pub spec: FaultSpec,
    /// How many calls it has struck.
    pub fired: u32,
    /// How many calls have passed it so far.
    pub passed: u32,
    /// How many of the calls it struck changed something all the same.
    pub effects: u32,
    /// How many of them were told something else than the truth: a stale read of what has not
    /// changed since is none of these.
    pub untrue: u32,
    /// Whether it has been released.
    pub released: bool,
    /// The calls it holds, by their number in the call log.
    pub held: Vec<u64>,
}

/// A fault that strikes a call.
pub(crate) struct Strike {
    pub(crate) id: String,
    pub(crate) spec: FaultSpec,
    /// Turns true when the fault is released, ends when it is removed.
    pub(crate) gate: watch::Receiver<bool>,
}

struct Fault {
    status: FaultStatus,
    gate: watch::Sender<bool>,
}

/// All faults in force.
#[derive(Default)]
pub(crate) struct Faults {
    faults: Vec<Fault>,
    made: u32,
}

impl Faults {
    /// Puts a fault in force; gives its id.
    pub(crate) fn add(&mut self, spec: FaultSpec) -> String {
        self.made += 1;
        let id = format!("fault-{}", self.made);
        let status = FaultStatus {
            id: id.clone(),
            spec,
            fired: 0,
            passed: 0,
            effects: 0,
            untrue: 0,
            released: false,
            held: Vec::new(),
        };
        self.faults.push(Fault {
            status,
            gate: watch::Sender::new(false),
        });
        id
    }

    /// The fault that strikes this call, the oldest first.
    pub(crate) fn strike(&mut self, request: &Request, dry_run: bool) -> Option<Strike> {
        let matching = self
            .faults
            .iter_mut()
            .filter(|it| it.status.spec.matches(request, dry_run));
        for Fault { status, gate } in matching {
            if status.released {
                continue;
            }
            // A listing without end goes on though the fault is spent: that is one listing still.
            let goes_on = status.spec.kind == FaultKind::EndlessToken
                && request.params.get("NextToken") == Some(&pages::endless(&status.id));
            let spent = status.spec.times != 0 && status.fired >= status.spec.times;
            if spent && !goes_on {
                continue;
            }
            if status.passed < status.spec.skip && !goes_on {
                status.passed += 1;
                continue;
            }
            status.fired += 1;
            return Some(Strike {
                id: status.id.clone(),
                spec: status.spec.clone(),
                gate: gate.subscribe(),
            });
        }
        None
    }

    /// Notes what came of a call that a fault struck.
    pub(crate) fn note(&mut self, id: &str, executed: &Executed) {
        if let Some(fault) = self.faults.iter_mut().find(|fault| fault.status.id == id) {
            fault.status.effects += u32::from(executed.effect);
            fault.status.untrue += u32::from(executed.untrue);
        }
    }

    /// How many changes back a fault may look.
    pub(crate) fn versions(&self) -> usize {
        let specs = self.faults.iter().map(|fault| &fault.status.spec);
        let stale = specs.filter(|spec| spec.kind == FaultKind::StaleRead);
        stale.map(|spec| spec.versions).max().unwrap_or(0)
    }

    /// Notes that a call is held by a fault, or no longer.
    pub(crate) fn set_held(&mut self, id: &str, call: u64, held: bool) {
        if let Some(fault) = self.faults.iter_mut().find(|fault| fault.status.id == id) {
            fault.status.held.retain(|other| *other != call);
            if held {
                fault.status.held.push(call);
            }
        }
    }

    /// Lets the held calls of a fault go on; false when there is no such fault.
    pub(crate) fn release(&mut self, id: &str) -> bool {
        let Some(fault) = self.faults.iter_mut().find(|fault| fault.status.id == id) else {
            return false;
        };
        fault.status.released = true;
        fault.gate.send_replace(true);
        true
    }

    /// Removes all faults; what they hold goes on.
    pub(crate) fn clear(&mut self) {
        self.faults.clear();
    }

    pub(crate) fn list(&self) -> Vec<FaultStatus> {
        self.faults.iter().map(|fault| fault.status.clone()).collect()
    }
}
