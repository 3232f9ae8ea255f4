//! The suspension of a policy: asked for by a person, with an end, and with a limit that no edit moves.
//!
//! The API server cannot count seven days: its rules know no clock. So they are counted here, from when the operator
//! first saw the suspension asked for. Deliberately absent: memory beyond the object. A policy that is deleted and
//! made again begins anew, and its Tenants are missed as visibly as before.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    api::{BackupPolicySpec, BackupPolicyStatus, Suspension, time},
    clock::later,
    plan::slot::Suspended,
};

/// The longest suspension: the time that a migration or a freeze takes. Longer without backups is another policy.
pub const SUSPENDED_AT_MOST: Duration = Duration::from_secs(7 * 86_400);

/// What is asked for sooner than this after a suspension ended is the same suspension: its limit goes on counting. In
/// two days at least one slot falls due, and its run, begun late and tried long, has ended: so backups did go on.
pub const APART: Duration = Duration::from_secs(2 * 86_400);

/// What a policy's suspension comes to.
#[derive(Clone, Debug, PartialEq)]
pub enum Suspending {
    /// It is not asked for.
    No {
        /// The last one, while another would be the same.
        last: Option<Suspension>,
    },
    /// No run begins.
    Yes {
        /// From when to when.
        span: Suspension,
        /// It ends earlier than is asked for.
        is_cut: bool,
    },
    /// It is asked for, and backups go on all the same.
    Over {
        /// The one that ended; `None` if the end that is asked for had passed before it began.
        last: Option<Suspension>,
        /// It lasted as long as any may.
        is_at_limit: bool,
    },
}

impl Suspending {
    /// What the status keeps of it.
    pub fn kept(&self) -> Option<&Suspension> {
        match self {
            Self::No { last } | Self::Over { last, .. } => last.as_ref(),
            Self::Yes { span, .. } => Some(span),
        }
    }

    /// The span in which nothing begins. One that is asked for no more counts for nothing: what is owed from it and
    /// can still begin does.
    pub fn in_force(&self) -> Option<Suspended> {
        match self {
            Self::No { .. } => None,
            Self::Yes { .. } | Self::Over { .. } => self.kept().map(span_of),
        }
    }

    /// When it comes to something else by itself.
    pub fn changes_at(&self) -> Option<Timestamp> {
        match self {
            Self::No { last } => last.as_ref().map(|last| later(last.until.0, APART)),
            Self::Yes { span, .. } => Some(span.until.0),
            Self::Over { .. } => None,
        }
    }
}

/// Until when a spec asks for a suspension; `None` if it asks for none.
pub fn asked(spec: &BackupPolicySpec) -> Option<Timestamp> {
    let until = spec.suspend_until.as_ref()?;
    (spec.suspend == Some(true)).then_some(until.0)
}

/// What the suspension comes to that is asked for until `asked`, after what the status knows of the last one.
pub fn suspending(status: &BackupPolicyStatus, asked: Option<Timestamp>, now: Timestamp) -> Suspending {
    let last = status.suspension.as_ref();
    let is_recent = |last: &Suspension| now < later(last.until.0, APART);
    let ended = |last: &Suspension| Suspension {
        until: time(last.until.0.min(now)),
        ..last.clone()
    };
    let Some(asked) = asked else {
        return Suspending::No {
            last: last.map(ended).filter(is_recent),
        };
    };
    let last = last.filter(|last| was_asked(status) || is_recent(last));
    let since = last.map_or_else(|| time(now), |last| last.since.clone());
    let limit = later(since.0, SUSPENDED_AT_MOST);
    let until = time(asked.min(limit));
    if now < until.0 {
        Suspending::Yes {
            span: Suspension { since, until },
            is_cut: limit < asked,
        }
    } else {
        Suspending::Over {
            last: last.map(ended),
            is_at_limit: limit <= asked,
        }
    }
}

/// The span of a status in which nothing begins.
pub(super) fn of_status(status: &BackupPolicyStatus) -> Option<Suspended> {
    let span = status.suspension.as_ref()?;
    was_asked(status).then(|| span_of(span))
}

fn was_asked(status: &BackupPolicyStatus) -> bool {
    let accepted = status.accepted.as_ref();
    accepted.is_some_and(|accepted| asked(&accepted.spec).is_some())
}

fn span_of(span: &Suspension) -> Suspended {
    let limit = later(span.since.0, SUSPENDED_AT_MOST);
    Suspended {
        since: span.since.0,
        until: span.until.0.min(limit),
    }
}

#[cfg(test)]
mod tests;
