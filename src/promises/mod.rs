//! Judging the promises: what is known of one environment in, one verdict per promise out.
//!
//! Every judge is a pure function of the terms and the [`Facts`]. What is not known never passes, and a promise
//! without a judge reads unknown. Reasons are stable while nothing changes: they hold no time that moves, or
//! each pass would write the status again.

mod apart;
mod backup;
mod facts;
mod firewall;
mod hardening;
mod incident;
mod label;
mod records;
mod separation;
mod waivers;

use std::fmt;

pub use facts::{
    AttachedGroup, BackupFacts, BackupSet, BreachFact, Decision, DueSlot, Facts, GroupRole, IncidentSummary,
    LabelFacts, Lock, SeparationFacts, SetCheck, SetState, VIEW_MAX_AGE,
};
pub use records::{BackupCalendar, CopiesSeen};
pub use waivers::next_edge;

pub use crate::api::Verdict;
use crate::{
    terms::{PromiseId, Terms},
    text::shortened,
};

/// One promise with its verdict.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Judgement {
    /// The promise.
    pub id: PromiseId,
    /// How it stands.
    pub verdict: Verdict,
    /// Why, in a few words.
    pub reason: String,
}

/// All promises of one environment.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Scoreboard {
    /// The name of the terms judged against.
    pub terms: String,
    /// The hash of their exact text.
    pub terms_hash: String,
    /// Every promise of the terms, by number.
    pub results: Vec<Judgement>,
    /// How many are kept.
    pub pass: u32,
    /// How many are broken.
    pub fail: u32,
    /// For how many nothing was seen that tells.
    pub unknown: u32,
    /// For how many only a person can vouch, and no record exists.
    pub manual: u32,
    /// How many an exception covers.
    pub waived: u32,
    /// How many had no occasion.
    pub idle: u32,
    /// All but the idle ones.
    pub total: u32,
    /// The broken ones, by number.
    pub failing: Vec<PromiseId>,
    /// Kept ones of the total, like `9/50`.
    pub summary: String,
}

/// A verdict with its reason, before it is told which promise it is for.
type Finding = (Verdict, String);

/// Judges every promise of the terms.
pub fn judge_all(terms: &Terms, facts: &Facts) -> Scoreboard {
    let mut results: Vec<Judgement> = terms
        .promises
        .iter()
        .map(|promise| {
            let (verdict, reason) = judge(promise.id, terms, facts);
            Judgement {
                id: promise.id,
                verdict,
                reason: shortened(&reason, REASON_MAX),
            }
        })
        .collect();
    results.sort_by_key(|result| result.id);
    tally(terms, results)
}

/// The one list of what this build can judge.
fn judge(id: PromiseId, terms: &Terms, facts: &Facts) -> Finding {
    match id.0 {
        3 => label::is_unique(facts),
        6 => label::is_unchanged(facts),
        8 => separation::keeps_customers_apart(facts),
        9 => separation::shares_no_environment(facts),
        11 => firewall::limits_sources(facts),
        15 => firewall::is_https_only(terms, facts),
        16 => firewall::keeps_maintenance_private(facts),
        22 => hardening::shields_the_cloud(facts),
        23 => backup::starts_daily_and_together(terms, facts),
        24 => apart::keeps_backups_apart(terms, facts),
        25 => backup::takes_the_whole_set(terms, facts),
        26 => backup::checks_each_backup(terms, facts),
        30 => backup::holds_the_good_days(terms, facts),
        42 => separation::verifies_elsewhere(facts),
        45 => incident::tells_in_time(facts),
        48 => incident::closes_on_four_decisions(facts),
        _ => unknown("not measured by this build"),
    }
}

fn tally(terms: &Terms, results: Vec<Judgement>) -> Scoreboard {
    let [mut pass, mut fail, mut unknown, mut manual, mut waived, mut idle] = [0; 6];
    for result in &results {
        match result.verdict {
            Verdict::Pass => pass += 1,
            Verdict::Fail => fail += 1,
            Verdict::Unknown => unknown += 1,
            Verdict::Manual => manual += 1,
            Verdict::Waived => waived += 1,
            Verdict::Idle => idle += 1,
        }
    }
    let total = pass + fail + unknown + manual + waived;
    let failing = results
        .iter()
        .filter(|result| result.verdict == Verdict::Fail)
        .map(|result| result.id)
        .collect();
    Scoreboard {
        terms: terms.name.clone(),
        terms_hash: terms.hash.clone(),
        results,
        pass,
        fail,
        unknown,
        manual,
        waived,
        idle,
        total,
        failing,
        summary: format!("{pass}/{total}"),
    }
}

fn pass(reason: impl Into<String>) -> Finding {
    (Verdict::Pass, reason.into())
}

fn fail(reason: impl Into<String>) -> Finding {
    (Verdict::Fail, reason.into())
}

fn unknown(reason: impl Into<String>) -> Finding {
    (Verdict::Unknown, reason.into())
}

fn idle(reason: impl Into<String>) -> Finding {
    (Verdict::Idle, reason.into())
}

/// The longest reason that fits a status, in bytes: long names of Tenants and customers make long sentences.
const REASON_MAX: usize = 512;

/// What a judge says while the operator sees nothing of AWS.
fn unseen() -> Finding {
    unknown("AWS has not been seen for more than 5 minutes")
}

/// How many things a reason names: enough to act on, few enough to fit a status.
const NAMED: usize = 3;

/// The first few of many things, and how many more there are.
pub(crate) fn list<T: fmt::Display>(things: impl IntoIterator<Item = T>) -> String {
    let all: Vec<String> = things.into_iter().map(|thing| thing.to_string()).collect();
    let rest = all.len().saturating_sub(NAMED);
    let named: Vec<String> = all.into_iter().take(NAMED).collect();
    match rest {
        0 => named.join(", "),
        _ => format!("{} and {rest} more", named.join(", ")),
    }
}

#[cfg(test)]
pub(crate) mod tests;
