//! A plan in lines for people, and as JSON for pipes.

use std::fmt::Write as _;

use serde::Serialize;

use crate::{
    api::{PlanOp, PlannedChange},
    cloud::Operation,
    plan::preview::{Change, Preview},
};

/// What is planned for every Tenant.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Shown {
    /// Each Tenant for which there is something to say.
    pub(super) tenants: Vec<ShownTenant>,
    /// Mistakes outside of Tenants, such as a refused AccessPolicy.
    pub(super) errors: Vec<ShownError>,
    /// The numbers.
    pub(super) summary: Summary,
}

/// What is planned for one Tenant.
#[derive(Debug, Default, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownTenant {
    pub(super) namespace: String,
    pub(super) name: String,
    pub(super) label: String,
    pub(super) customer: String,
    pub(super) mode: String,
    /// Whether it is in no cluster yet.
    pub(super) new: bool,
    /// Whether it is being deleted.
    pub(super) deleting: bool,
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) suspended: Option<String>,
    pub(super) items: Vec<PlannedChange>,
    /// The same as `status.plan.hash` where all of it is held back.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) hash: Option<String>,
    /// The actions of IAM that the plan needs and that are denied.
    pub(super) denied: Vec<String>,
    /// What the plan waits for.
    pub(super) waits: Vec<ShownError>,
    pub(super) errors: Vec<ShownError>,
    #[serde(skip)]
    pub(super) lines: Vec<String>,
}

/// Something with its reason.
#[derive(Clone, Debug, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct ShownError {
    /// The object, where it is not said by the place.
    #[serde(skip_serializing_if = "Option::is_none")]
    pub(super) object: Option<String>,
    pub(super) reason: String,
    pub(super) message: String,
}

impl ShownError {
    pub(super) fn new(reason: impl Into<String>, message: impl Into<String>) -> Self {
        Self {
            object: None,
            reason: reason.into(),
            message: message.into(),
        }
    }

    pub(super) fn of(mut self, object: impl Into<String>) -> Self {
        self.object = Some(object.into());
        self
    }
}

/// The numbers of a plan.
#[derive(Clone, Copy, Debug, Default, PartialEq, Eq, Serialize)]
#[serde(rename_all = "camelCase")]
pub(super) struct Summary {
    pub(super) tenants: usize,
    /// Tenants for which something would be changed.
    pub(super) changed: usize,
    pub(super) changes: usize,
    pub(super) disruptive: usize,
    pub(super) denied: usize,
    pub(super) errors: usize,
}

impl ShownTenant {
    /// Takes the changes on, with those among them that wait for the window, and with what is known of the rights.
    pub(super) fn plan(
        &mut self,
        preview: &Preview,
        postponed: &[Change],
        permitted: impl Fn(Operation) -> Option<bool>,
    ) {
        self.lines = preview
            .changes()
            .iter()
            .map(|change| line(change, postponed.contains(change), permitted(change.operation)))
            .collect();
        let denied = preview.changes().iter().map(|change| change.operation);
        let mut denied: Vec<_> = denied
            .filter(|operation| permitted(*operation) == Some(false))
            .map(|operation| operation.action().to_owned())
            .collect();
        denied.sort();
        denied.dedup();
        self.denied = denied;
        self.items = preview.items(permitted);
        self.hash = Some(preview.hash());
    }

    fn is_worth_a_line(&self) -> bool {
        !(self.items.is_empty() && self.waits.is_empty() && self.errors.is_empty())
    }
}

impl Shown {
    /// Takes one Tenant on, and counts it.
    pub(super) fn push(&mut self, tenant: ShownTenant) {
        self.summary.tenants += 1;
        self.summary.changed += usize::from(!tenant.items.is_empty());
        self.summary.changes += tenant.items.len();
        let items = tenant.items.iter();
        self.summary.disruptive += items.filter(|item| item.disruptive).count();
        let items = tenant.items.iter();
        self.summary.denied += items.filter(|item| item.permitted == Some(false)).count();
        self.summary.errors += tenant.errors.len();
        if tenant.is_worth_a_line() {
            self.tenants.push(tenant);
        }
    }

    /// Takes a mistake outside of Tenants on.
    pub(super) fn err(&mut self, error: ShownError) {
        self.summary.errors += 1;
        self.errors.push(error);
    }

    /// All of it in lines.
    pub(super) fn text(&self) -> String {
        let mut text = String::new();
        for tenant in &self.tenants {
            text.push_str(&block(tenant));
            text.push('\n');
        }
        for error in &self.errors {
            let object = error.object.as_deref().unwrap_or_default();
            // Writing to a String cannot fail.
            let _ = writeln!(text, "error: {object} {}: {}", error.reason, error.message);
        }
        text.push_str(&self.summary.text());
        text
    }
}

impl Summary {
    fn text(&self) -> String {
        let Self {
            tenants,
            changed,
            changes,
            disruptive,
            denied,
            errors,
        } = *self;
        let mut text = match changes {
            0 => format!("No changes for {}", count(tenants, "Tenant")),
            _ => format!(
                "{} for {changed} of {}, {disruptive} disruptive, {denied} denied",
                count(changes, "change"),
                count(tenants, "Tenant")
            ),
        };
        if errors > 0 {
            let _ = write!(text, "; {}", count(errors, "error"));
        }
        text
    }
}

fn count(number: usize, what: &str) -> String {
    match number {
        1 => format!("1 {what}"),
        _ => format!("{number} {what}s"),
    }
}

/// A Tenant with everything about it.
fn block(tenant: &ShownTenant) -> String {
    let mut text = format!(
        "{}/{}  label {}, customer {}, mode {}\n",
        tenant.namespace, tenant.name, tenant.label, tenant.customer, tenant.mode
    );
    let mut say = |line: String| {
        let _ = writeln!(text, "  {line}");
    };
    if tenant.new {
        say(format!(
            "new: its uid, here {PLACEHOLDER}, and with it the subnet among the class's, come when it is applied"
        ));
    }
    if tenant.deleting {
        say("it is being deleted".to_owned());
    }
    match (&tenant.suspended, tenant.mode.as_str()) {
        (Some(why), _) => say(format!("held back: it is suspended: {why}")),
        (None, "Observe") => say("held back: mode Observe writes nothing to AWS".to_owned()),
        (None, "Protect") => say("held back, but for tags: mode Protect".to_owned()),
        (None, _) => {}
    }
    for line in &tenant.lines {
        say(line.clone());
    }
    for action in &tenant.denied {
        say(format!("denied: {action}"));
    }
    for waits in &tenant.waits {
        say(format!("waits: {}: {}", waits.reason, waits.message));
    }
    for error in &tenant.errors {
        say(format!("error: {}: {}", error.reason, error.message));
    }
    text
}

/// How a placeholder for a uid begins.
const PLACEHOLDER: &str = "00000000-0000-0000-0000-…";

/// One change in one line: its sign, what, and what is to be known about it.
fn line(change: &Change, is_postponed: bool, permitted: Option<bool>) -> String {
    let Change {
        op,
        resource,
        field,
        from,
        to,
        ..
    } = change;
    let (from, to) = (from.as_deref().unwrap_or("?"), to.as_deref().unwrap_or("?"));
    let field = if field == "securityGroup" {
        "security group"
    } else {
        field
    };
    let thing = thing(resource);
    let mut text = match op {
        PlanOp::Create => format!("+ {field} {resource}: {to}"),
        PlanOp::Add => format!("+ {field} {to}  on {thing}"),
        PlanOp::Remove => format!("- {field} {from}  on {thing}"),
        PlanOp::Change => format!("~ {thing} {field} {from} → {to}"),
    };
    let mut marks = Vec::new();
    if change.disruptive {
        marks.push("disruptive".to_owned());
    }
    if is_postponed {
        marks.push("waits for the window".to_owned());
    }
    if permitted == Some(false) {
        marks.push(format!("denied: {}", change.operation.action()));
    }
    if !marks.is_empty() {
        let _ = write!(text, " ({})", marks.join(", "));
    }
    text
}

/// A resource with its kind, told by how AWS's ids begin.
fn thing(resource: &str) -> String {
    let kinds = [
        ("i-", "instance"),
        ("sg-", "security group"),
        ("vol-", "volume"),
        ("eni-", "interface"),
    ];
    let kind = kinds.iter().find(|(prefix, _)| resource.starts_with(prefix));
    kind.map_or_else(|| resource.to_owned(), |(_, kind)| format!("{kind} {resource}"))
}
