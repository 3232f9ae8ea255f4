//! What an Incident says of itself: its clock, its conditions, its phase, and the edges of each.

use jiff::Timestamp;

use super::{IncidentDesired, IncidentWorld, act::quarantine_id, deadline, was_accepted};
use crate::{
    api::{ConditionType, Incident, IncidentPhase, IncidentStatus, Reason, time},
    cluster::{Happened, Kind},
    engine::{Outcome, Report},
    plan::incident::{
        isolation::{self, Intent, Step},
        notice::{Notice, Stage},
        phase::{self, is_closed_without_notice},
    },
    report::{
        failure::{needs_a_person, reason_of},
        standing::{Because, Conditions, Standing},
    },
};

type IncidentOutcome = Outcome<IncidentWorld, IncidentDesired, Step>;

pub(super) fn report(
    incident: &Incident,
    outcome: &IncidentOutcome,
    now: Timestamp,
) -> Report<IncidentStatus> {
    let resolved = outcome.resolved.as_ref();
    let desired = resolved.and_then(|resolved| resolved.desired.as_ref());
    match (&outcome.world, desired) {
        (Ok(world), Some(desired)) => Telling {
            incident,
            world,
            desired,
            outcome,
            now,
        }
        .report(),
        (Ok(_), None) => refused(incident, outcome, now),
        (Err(failure), _) => {
            let because = Because::new(reason_of(failure), failure.to_string());
            unsettled(incident, &Standing::Working(because), now)
        }
    }
}

/// An Incident that never took effect, because it cannot.
fn refused(incident: &Incident, outcome: &IncidentOutcome, now: Timestamp) -> Report<IncidentStatus> {
    let refusals = outcome.resolved.iter().flat_map(|resolved| &resolved.refusals);
    let messages: Vec<_> = refusals.clone().map(|refusal| refusal.message.as_str()).collect();
    let reason = refusals
        .clone()
        .next()
        .map_or(Reason::InvalidSpec, |refusal| refusal.reason);
    let mut report = unsettled(
        incident,
        &Standing::Stalled(Because::new(reason, messages.join("; "))),
        now,
    );
    // It holds nothing and promises nothing, so nobody needs to keep it.
    report.release = !was_accepted(incident);
    report
}

/// Only the conditions change.
fn unsettled(incident: &Incident, standing: &Standing, now: Timestamp) -> Report<IncidentStatus> {
    let mut status = incident.status.clone().unwrap_or_default();
    let conditions = Conditions::over(&status.conditions, incident.generation(), now);
    status.observed_generation = Some(incident.generation());
    status.conditions = conditions.settle(standing);
    let events = stall_edge(incident, standing).into_iter().collect();
    Report {
        status: Some(status),
        events,
        ..Report::default()
    }
}

/// Everything that a status is made from.
#[derive(Clone, Copy)]
struct Telling<'a> {
    incident: &'a Incident,
    world: &'a IncidentWorld,
    desired: &'a IncidentDesired,
    outcome: &'a IncidentOutcome,
    now: Timestamp,
}

impl Telling<'_> {
    fn report(self) -> Report<IncidentStatus> {
        let before = self.incident.status.clone().unwrap_or_default();
        let notice = deadline::read(self.incident, self.desired, &before, self.now);
        let facts = self.facts(&before, &notice);
        let phase = phase::phase(facts);
        let standing = self.standing(&facts, phase, &before);

        let mut conditions = Conditions::over(&before.conditions, self.incident.generation(), self.now);
        self.set_isolated(&mut conditions, &facts);
        let told = matches!(notice.stage, Stage::Told | Stage::ToldLate);
        conditions.set(
            ConditionType::Notified,
            Some(told),
            &deadline::because(self.desired, &notice),
        );
        if facts.ever_isolated || facts.intent == Intent::Isolate {
            conditions.set(ConditionType::ConnectionsCut, None, &connections_because());
        }
        let mut status = IncidentStatus {
            observed_generation: Some(self.incident.generation()),
            conditions: conditions.settle(&standing),
            phase: Some(phase),
            notify_by: notice.record.notify_by.map(time),
            notified_at: notice.notified_at.map(time),
            breached: Some(notice.record.breached),
            reached: deadline::reached(&notice),
            isolated: before.isolated.clone(),
        };
        self.note_swaps(&mut status);
        Report {
            events: self.edges(&before, &notice, &standing, phase),
            status: Some(status),
            look_again: notice.look_again,
            release: phase == IncidentPhase::Closed,
        }
    }

    fn facts(&self, before: &IncidentStatus, notice: &Notice) -> phase::Standing {
        phase::Standing {
            closed: self.incident.spec.closed,
            intent: self.desired.intent,
            contained: isolation::is_contained(&self.world.isolation),
            ever_isolated: !before.isolated.is_empty(),
            undone: isolation::is_undone(&self.world.isolation),
            told: notice.notified_at.is_some(),
            before: before.phase,
        }
    }

    /// Notes of each interface when it was first seen in quarantine.
    fn note_swaps(&self, status: &mut IncidentStatus) {
        for entry in status
            .isolated
            .iter_mut()
            .filter(|entry| entry.reconnected_at.is_none())
        {
            let Some(tenant) = self.world.isolation.tenants.get(&entry.tenant) else {
                continue;
            };
            let interfaces = tenant.target.present().map(|target| &target.interfaces);
            let groups = interfaces.and_then(|all| all.get(&entry.network_interface_id.as_str().into()));
            let stands_there = groups
                .zip(quarantine_id(tenant, self.world))
                .is_some_and(|(groups, quarantine)| groups.len() == 1 && groups.contains(quarantine));
            if stands_there && entry.swapped_at.is_none() {
                entry.swapped_at = Some(time(self.now));
            }
        }
    }

    fn set_isolated(&self, conditions: &mut Conditions, facts: &phase::Standing) {
        let wanted = facts.intent == Intent::Isolate;
        let because = |reason, message: &str| Because::new(reason, message);
        let (holds, because) = match (wanted, facts.contained) {
            (true, Some(true)) => (
                Some(true),
                because(Reason::Isolated, "every network interface stands in quarantine"),
            ),
            (true, Some(false)) => (
                Some(false),
                self.work("the interfaces are being moved into quarantine"),
            ),
            (true, None) => (None, self.work("what AWS holds is not known at the moment")),
            (false, _) if !facts.ever_isolated => (
                Some(false),
                because(Reason::NotIsolated, "no isolation is asked for"),
            ),
            (false, _) if facts.undone => (Some(false), self.undone_because()),
            (false, None) => (None, self.work("what AWS holds is not known at the moment")),
            (false, contained) => (contained, self.work("the interfaces are being connected again")),
        };
        conditions.set(ConditionType::Isolated, holds, &because);
    }

    /// What the pass waits for, or `otherwise`.
    fn work(&self, otherwise: &str) -> Because {
        if let Some((_, failure)) = &self.outcome.failed {
            return Because::new(reason_of(failure), failure.to_string());
        }
        let waiting = self.outcome.plan.iter().flat_map(|plan| &plan.waiting_for).next();
        match waiting {
            Some(waiting) => Because::new(waiting.reason, waiting.message.clone()),
            None => Because::new(Reason::Progressing, otherwise),
        }
    }

    fn undone_because(&self) -> Because {
        let waiting = self.outcome.plan.iter().flat_map(|plan| &plan.waiting_for);
        match waiting
            .into_iter()
            .find(|waiting| waiting.reason == Reason::Isolated)
        {
            // This one's isolation is over, another's is not.
            Some(other) => Because::new(Reason::NotIsolated, other.message.clone()),
            None => Because::new(Reason::Reconnected, "the isolation was undone"),
        }
    }

    fn standing(&self, facts: &phase::Standing, phase: IncidentPhase, before: &IncidentStatus) -> Standing {
        if phase == IncidentPhase::Closed {
            return Standing::Ready(Because::new(Reason::Closed, "the Incident is closed"));
        }
        if let Some(stalled) = self.needs_a_person(facts) {
            return Standing::Stalled(stalled);
        }
        let (is_there, otherwise) = match facts.intent {
            Intent::Isolate => (facts.contained, "the interfaces are being moved into quarantine"),
            Intent::Undo | Intent::LeaveAlone => {
                (Some(facts.undone), "the interfaces are being connected again")
            }
        };
        let worked = self.outcome.done.iter().any(|step| matches!(step, Step::Swap(_)));
        match is_there {
            Some(true) if self.outcome.failed.is_none() && !worked => Standing::Ready(ready(facts)),
            Some(_) => Standing::Working(self.work(otherwise)),
            None => self.in_the_dark(facts, before),
        }
    }

    /// Not knowing is no news: what was there at this generation is taken to be there still.
    fn in_the_dark(&self, facts: &phase::Standing, before: &IncidentStatus) -> Standing {
        let conditions = Conditions::over(&before.conditions, self.incident.generation(), self.now);
        let is_current = before.observed_generation == Some(self.incident.generation());
        if is_current && conditions.is_true(ConditionType::Ready) {
            return Standing::Ready(ready(facts));
        }
        Standing::Unknown(self.work("what AWS holds is not known at the moment"))
    }

    /// What only a person can mend.
    fn needs_a_person(&self, facts: &phase::Standing) -> Option<Because> {
        let refusal = self
            .outcome
            .resolved
            .iter()
            .flat_map(|resolved| &resolved.refusals)
            .next();
        if let Some(refusal) = refusal {
            return Some(Because::new(refusal.reason, refusal.message.clone()));
        }
        if let Some((_, failure)) = self
            .outcome
            .failed
            .as_ref()
            .filter(|(_, failure)| needs_a_person(failure))
        {
            return Some(Because::new(reason_of(failure), failure.to_string()));
        }
        let mut waiting = self.outcome.plan.iter().flat_map(|plan| &plan.waiting_for);
        let is_foreign = |reason: Reason| matches!(reason, Reason::ForeignGroup | Reason::ForeignInstance);
        if let Some(foreign) = waiting.find(|waiting| is_foreign(waiting.reason)) {
            return Some(Because::new(foreign.reason, foreign.message.clone()));
        }
        if is_closed_without_notice(*facts) {
            return Some(Because::new(
                Reason::NotNotified,
                "spec.closed is true, but spec.notifications has no entry that stops the clock for every Tenant: \
                 result Reached, by a channel of the terms; the clock runs on",
            ));
        }
        self.incident.is_terminating().then(|| {
            Because::new(
                Reason::Deleting,
                "an Incident that was deleted stays, with its clock, until it is closed",
            )
        })
    }

    fn edges(
        &self,
        before: &IncidentStatus,
        notice: &Notice,
        standing: &Standing,
        phase: IncidentPhase,
    ) -> Vec<Happened> {
        let mut events: Vec<_> = stall_edge(self.incident, standing).into_iter().collect();
        events.extend(deadline::edges(self.desired, before, notice, self.now));
        if phase == IncidentPhase::Closed && before.phase != Some(IncidentPhase::Closed) {
            events.push(Happened::normal(Reason::Closed, "closed"));
        }
        events
    }
}

/// A Stalled that is new, or has another reason than before.
fn stall_edge(incident: &Incident, standing: &Standing) -> Option<Happened> {
    let Standing::Stalled(because) = standing else {
        return None;
    };
    let before = incident.status.iter().flat_map(|status| &status.conditions);
    let was_told = before
        .into_iter()
        .any(|old| old.type_ == ConditionType::Stalled.as_str() && old.reason == because.reason.as_str());
    (!was_told).then(|| Happened::warning(because.reason, because.message.clone()))
}

fn ready(facts: &phase::Standing) -> Because {
    match (facts.intent, facts.told) {
        (Intent::Isolate, _) => {
            Because::new(Reason::Isolated, "every network interface stands in quarantine")
        }
        (_, true) => Because::new(Reason::Reached, "the customer was told; the Incident is open"),
        (_, false) => Because::new(Reason::Open, "the Incident is open and its clock runs"),
    }
}

fn connections_because() -> Because {
    Because::new(
        Reason::NotObserved,
        "scripts are not part of this build: connections that were open before the isolation may live on",
    )
}
