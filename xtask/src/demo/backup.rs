//! A backup comes due by the policy's own clock.

use super::cast::{NAMESPACE, TENANT};
use super::{items, new_events, print_events, text};
use crate::failure::Outcome;
use crate::stage::{Seen, Stage};
use crate::{clock, say};
use serde_json::{Value, json};
use std::time::Duration;

/// The policy's change has to be accepted before its time comes: slots before that are not due.
const LEAD_SECONDS: u64 = 20;

/// The snapshots of the simulated AWS complete within seconds.
const COMPLETE_WITHIN: u64 = 90;

/// A pass of the Tenant follows its Backup at once.
const COUNTED_WITHIN: Duration = Duration::from_secs(30);

/// Moves the policy's time to the next minute and waits until that slot's Backup is complete.
pub(super) fn comes_due(stage: &mut Stage) -> Outcome {
    say::heading("a backup comes due");
    let before = new_events(stage, NAMESPACE, &[])?;
    let list = stage.get(&["backuppolicies", "-n", NAMESPACE])?;
    let policy = items(&list)
        .first()
        .map(|policy| text(policy, "/metadata/name").to_owned());
    let policy = policy.ok_or_else(|| super::missing("BackupPolicy in acme"))?;
    let now = clock::unix_now();
    let due = clock::next_full_minute(now, LEAD_SECONDS);
    let at = clock::tokyo_time(due);
    let patch = json!({"spec": {"at": at, "timeZone": "Asia/Tokyo"}}).to_string();
    stage.kubectl(&[
        "patch",
        "backuppolicy",
        &policy,
        "-n",
        NAMESPACE,
        "--type=merge",
        "-p",
        &patch,
    ])?;
    say::step(format!(
        "{policy} now says: every day at {at} in Tokyo; that is in {} s",
        due - now
    ));
    let slot = clock::rfc3339(due);
    let limit = Duration::from_secs(due - now + COMPLETE_WITHIN);
    let mut said = String::new();
    let backup = stage.wait_for(&format!("the Backup of {slot} is Complete"), limit, |stage| {
        let list = stage.get(&["backups", "-n", NAMESPACE])?;
        let Some(backup) = items(&list).iter().find(|backup| is_of(backup, &slot)) else {
            return Ok(Seen::NotYet(format!(
                "no Backup of {TENANT} for {slot}, of {}",
                items(&list).len()
            )));
        };
        let phase = text(backup, "/status/phase").to_owned();
        if said != phase {
            say::step(format!("{}: {phase}", text(backup, "/metadata/name")));
            said.clone_from(&phase);
        }
        Ok(if phase == "Complete" {
            Seen::Done(backup.clone())
        } else {
            Seen::NotYet(backup.get("status").map_or(phase, Value::to_string))
        })
    })?;
    let skew = backup
        .pointer("/status/startSkewSeconds")
        .map_or("?".to_owned(), Value::to_string);
    say::step(format!(
        "started {skew} s after its time; snapshots: {}",
        snapshots(&backup)
    ));
    says_how_safe_it_is(stage)?;
    print_events(stage, NAMESPACE, &before)
}

/// What the Tenant says of its protection, once the new Backup counts.
fn says_how_safe_it_is(stage: &mut Stage) -> Outcome {
    let what = format!("{TENANT} counts the good day");
    let tenant = stage.wait_for(&what, COUNTED_WITHIN, |stage| {
        let tenant = stage.get(&["tenant", "-n", NAMESPACE, TENANT])?;
        let days = tenant.pointer("/status/goodBackupDays").and_then(Value::as_i64);
        Ok(if days.is_some_and(|days| days > 0) {
            Seen::Done(tenant)
        } else {
            Seen::NotYet(format!("{days:?}"))
        })
    })?;
    let conditions = tenant.pointer("/status/conditions").and_then(Value::as_array);
    let protected = conditions
        .into_iter()
        .flatten()
        .find(|condition| text(condition, "/type") == "Protected");
    if let Some(protected) = protected {
        say::step(format!(
            "Protected is {}, {}: {}",
            text(protected, "/status"),
            text(protected, "/reason"),
            text(protected, "/message")
        ));
    }
    Ok(())
}

fn is_of(backup: &Value, slot: &str) -> bool {
    text(backup, "/spec/tenantRef") == TENANT && text(backup, "/spec/scheduledTime") == slot
}

fn snapshots(backup: &Value) -> String {
    let methods = backup.pointer("/status/methods").and_then(Value::as_array);
    let ids = methods
        .into_iter()
        .flatten()
        .flat_map(|method| method.pointer("/snapshotIds")?.as_array());
    ids.flatten()
        .filter_map(Value::as_str)
        .collect::<Vec<_>>()
        .join(", ")
}
