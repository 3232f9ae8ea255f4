//! A Backup in lines for people, and as JSON for pipes.

use kube::ResourceExt;

use crate::{
    api::{Backup, BackupPhase, BackupStatus, ConditionType},
    report::conditions::find_condition,
};

/// The line about a Backup that was just asked for.
pub(super) fn created(backup: &Backup) -> String {
    let namespace = backup.namespace().unwrap_or_default();
    format!(
        "backups.yagura.dev/{} asked for, in namespace {namespace}",
        backup.name_any()
    )
}

/// The line about a Backup that ended.
pub(super) fn has_come_to(backup: &Backup) -> String {
    let phase = backup.phase();
    let phase = phase.unwrap_or(BackupPhase::Pending);
    format!("backups.yagura.dev/{} is {phase}", backup.name_any())
}

/// The object as JSON, without what only servers read.
pub(super) fn json(backup: &Backup) -> Result<String, serde_json::Error> {
    let mut shown = backup.clone();
    shown.metadata.managed_fields = None;
    serde_json::to_string_pretty(&shown)
}

/// What was told last, so that only changes are told.
#[derive(Debug, Default)]
pub(super) struct Progress {
    last: Option<String>,
}

impl Progress {
    /// The line about the Backup as it is now, if it says something new.
    pub(super) fn of(&mut self, backup: &Backup) -> Option<String> {
        let line = line(backup);
        if self.last.as_ref() == Some(&line) {
            return None;
        }
        self.last = Some(line.clone());
        Some(line)
    }
}

/// Phase, snapshots, and what the operator says of it.
fn line(backup: &Backup) -> String {
    let Some(status) = &backup.status else {
        return "Pending: no operator has taken it on yet".to_owned();
    };
    let phase = status.phase.unwrap_or(BackupPhase::Pending);
    let mut line = phase.to_string();
    if let Some(snapshots) = snapshots(status) {
        line = format!("{line}, {snapshots}");
    }
    if let Some(message) = message(status) {
        line = format!("{line}: {message}");
    }
    line
}

/// What there is of the set: how many, how large, and what the checks say.
fn snapshots(status: &BackupStatus) -> Option<String> {
    let count: usize = status
        .methods
        .iter()
        .map(|method| method.snapshot_ids.len())
        .sum();
    if count == 0 {
        return None;
    }
    let noun = if count == 1 { "snapshot" } else { "snapshots" };
    let mut parts = vec![format!("{count} {noun}")];
    let bytes: i64 = status.methods.iter().filter_map(|method| method.bytes).sum();
    if bytes > 0 {
        parts.push(format!("{} GiB", bytes >> 30));
    }
    let checks = status.methods.iter().flat_map(|method| &method.checks);
    let (passed, all) = checks.fold((0, 0), |(passed, all), check| {
        (passed + u32::from(check.passed), all + 1)
    });
    if all > 0 {
        parts.push(format!("{passed} of {all} checks passed"));
    }
    Some(parts.join(", "))
}

/// The operator's own words: those of `Ready`, which sums up every condition.
fn message(status: &BackupStatus) -> Option<&str> {
    let ready = find_condition(&status.conditions, ConditionType::Ready.as_str())?;
    (!ready.message.is_empty()).then_some(ready.message.as_str())
}
