//! Somebody who is not the operator opens a port.

use super::cast::{NAMESPACE, TENANT, tenant};
use super::{new_events, text};
use crate::failure::{Failure, Outcome};
use crate::stage::{Seen, Stage};
use crate::{http, say};
use controlplane::Patience;
use std::time::Duration;

/// With a sweep every 2 s the rule goes within a few seconds.
const REVOKED_WITHIN: Duration = Duration::from_secs(60);

/// Events are sent behind the repair, never before it.
const TOLD_WITHIN: Duration = Duration::from_secs(30);

const PORT: &str = "22";
const ANY: &str = "0.0.0.0/0";

/// Adds SSH from anywhere to the Tenant's group and waits until it is gone and told.
pub(super) fn opens_a_port(stage: &mut Stage) -> Outcome {
    say::heading("a stranger opens a port");
    let before = new_events(stage, NAMESPACE, &[])?;
    let group = text(&tenant(stage)?, "/status/securityGroupId").to_owned();
    if group.is_empty() {
        return Err(Failure::new(format!(
            "{TENANT} is Ready without status.securityGroupId"
        )));
    }
    let rule = [
        ("GroupId", group.as_str()),
        ("IpPermissions.1.IpProtocol", "tcp"),
        ("IpPermissions.1.FromPort", PORT),
        ("IpPermissions.1.ToPort", PORT),
        ("IpPermissions.1.IpRanges.1.CidrIp", ANY),
    ];
    http::ec2(
        stage.endpoint(),
        "stranger",
        "AuthorizeSecurityGroupIngress",
        &rule,
    )?;
    let patience = Patience::new(REVOKED_WITHIN);
    say::step(format!(
        "a stranger lets {ANY} reach port {PORT} of {TENANT} ({group}), behind the operator's back"
    ));
    if !is_open(stage, &group)? {
        say::step("… and the operator was faster than our look");
    }
    stage.wait_for("the stranger's rule is revoked", REVOKED_WITHIN, |stage| {
        Ok(if is_open(stage, &group)? {
            Seen::NotYet(format!("{group} still has it"))
        } else {
            Seen::Done(())
        })
    })?;
    say::step(format!("revoked after {}", say::duration(patience.elapsed())));
    let event = stage.wait_for("an event that tells of the rule", TOLD_WITHIN, |stage| {
        let events = new_events(stage, NAMESPACE, &before)?;
        let told = events
            .iter()
            .find(|event| event.contains(ANY) && event.contains(PORT));
        Ok(told.map_or_else(
            || Seen::NotYet(format!("new events: {events:?}")),
            |told| Seen::Done(told.clone()),
        ))
    })?;
    say::block(format!("event: {event}"));
    Ok(())
}

/// No rule of the operator's is about port 22, so one look for it tells.
fn is_open(stage: &Stage, group: &str) -> Outcome<bool> {
    let xml = http::ec2(
        stage.endpoint(),
        "onlooker",
        "DescribeSecurityGroups",
        &[("GroupId.1", group)],
    )?;
    Ok(http::elements(&xml, "fromPort").contains(&PORT))
}
