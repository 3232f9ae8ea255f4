//! `cargo xtask demo`: the whole of Yagura in a story that plays on a real control plane.
//!
//! Two customers get their environments, a stranger opens a port, a backup comes due, an incident isolates an
//! instance and is undone. Every sentence printed is something that was read back from Kubernetes or AWS.

mod backup;
mod cast;
mod incident;
mod stranger;

use crate::failure::{Failure, Outcome};
use crate::stage::{OPERATOR_KEY, Stage};
use crate::{http, say, signals, up};
use serde_json::Value;
use std::collections::BTreeMap;

/// Short, so that nobody waits for half a minute to see a stranger's rule go.
const INVENTORY_PERIOD: &str = "2s";

/// Runs the story; then stays until a signal comes, or ends at once.
pub(crate) fn run(once: bool) -> Outcome {
    say::line("Yagura: two customers, a stranger, a backup that comes due, an incident.\n");
    let mut stage = Stage::start(&["--inventory-period".to_owned(), INVENTORY_PERIOD.to_owned()])?;
    let told = tell(&mut stage).and_then(|()| epilogue(&stage));
    if let Err(failure) = told {
        if !failure.is_interrupt() {
            stage.keep_logs();
        }
        stage.stop();
        return Err(failure);
    }
    if !once {
        up::how_to_go_on(&stage, None);
        signals::stay(|| Ok(()))?;
        say::line("");
    }
    stage.stop();
    Ok(())
}

fn tell(stage: &mut Stage) -> Outcome {
    cast::enter(stage)?;
    stranger::opens_a_port(stage)?;
    backup::comes_due(stage)?;
    incident::isolates_and_is_undone(stage)
}

fn epilogue(stage: &Stage) -> Outcome {
    say::heading("what it cost: the operator's AWS calls by operation");
    say::block(counts(&http::get_json(&format!(
        "{}/_sim/calls",
        stage.endpoint()
    ))?));
    for kinds in [
        "tenantclasses",
        "tenants",
        "accesspolicies",
        "backuppolicies",
        "backups",
        "incidents",
    ] {
        say::heading(format!("kubectl get {kinds} -A"));
        say::block(stage.kubectl(&["get", kinds, "-A"])?);
    }
    say::heading("where");
    say::block(format!("kubeconfig     {}", stage.kubeconfig().display()));
    say::block(format!("AWS endpoint   {}", stage.endpoint()));
    Ok(())
}

/// One line an operation, with how often it ended in what. Of the operator's calls alone: the strangers and
/// onlookers of the story use other keys.
fn counts(calls: &Value) -> String {
    let mut tally: BTreeMap<&str, BTreeMap<&str, u64>> = BTreeMap::new();
    let calls = calls.as_array().map(Vec::as_slice).unwrap_or_default();
    for call in calls
        .iter()
        .filter(|call| text(call, "/accessKey") == OPERATOR_KEY)
    {
        *tally
            .entry(text(call, "/operation"))
            .or_default()
            .entry(text(call, "/code"))
            .or_default() += 1;
    }
    let row = |(operation, codes): (&str, BTreeMap<&str, u64>)| {
        let codes: Vec<String> = codes.iter().map(|(code, n)| format!("{n} {code}")).collect();
        format!("{operation:<40} {}", codes.join(", "))
    };
    tally.into_iter().map(row).collect::<Vec<_>>().join("\n")
}

/// The string at a JSON pointer; empty when there is none.
fn text<'a>(json: &'a Value, pointer: &str) -> &'a str {
    json.pointer(pointer).and_then(Value::as_str).unwrap_or_default()
}

/// The items of a list as `kubectl get -o json` gives it.
fn items(list: &Value) -> &[Value] {
    list.get("items")
        .and_then(Value::as_array)
        .map(Vec::as_slice)
        .unwrap_or_default()
}

/// The condition of that type, as `status`, `reason`, `message`.
fn condition<'a>(object: &'a Value, kind: &str) -> Option<(&'a str, &'a str, &'a str)> {
    let conditions = object.pointer("/status/conditions")?.as_array()?;
    let found = conditions
        .iter()
        .find(|condition| text(condition, "/type") == kind)?;
    Some((
        text(found, "/status"),
        text(found, "/reason"),
        text(found, "/message"),
    ))
}

/// How an object stands, in one line: phase, and what Ready says.
fn standing(object: &Value) -> String {
    let phase = text(object, "/status/phase");
    match condition(object, "Ready") {
        Some((status, reason, message)) => format!("{phase} (Ready={status}, {reason}: {message})"),
        None if phase.is_empty() => "no status yet".to_owned(),
        None => phase.to_owned(),
    }
}

/// Events of a namespace as `reason: message`, oldest first, without those in `before`.
fn new_events(stage: &Stage, namespace: &str, before: &[String]) -> Outcome<Vec<String>> {
    let list = stage.get(&["events", "-n", namespace, "--sort-by=.metadata.creationTimestamp"])?;
    let lines = items(&list).iter().map(|event| {
        let (kind, name) = (
            text(event, "/involvedObject/kind"),
            text(event, "/involvedObject/name"),
        );
        format!(
            "{kind}/{name}  {}: {}",
            text(event, "/reason"),
            text(event, "/message")
        )
    });
    Ok(lines.filter(|line| !before.contains(line)).collect())
}

/// Prints the events that came since `before`.
fn print_events(stage: &Stage, namespace: &str, before: &[String]) -> Outcome {
    for event in new_events(stage, namespace, before)? {
        say::block(format!("event: {event}"));
    }
    Ok(())
}

fn missing(what: &str) -> Failure {
    Failure::new(format!("examples/ gave no {what}"))
}

#[cfg(test)]
mod tests;
