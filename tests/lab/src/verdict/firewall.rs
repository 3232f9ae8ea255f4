//! Rules of groups.

use super::Case;

/// A rule may go if nobody wants it.
pub(super) fn revoke(case: &Case<'_>) -> Vec<String> {
    let Some(id) = case.call.get("GroupId") else {
        return vec!["names no group".to_owned()];
    };
    // A group that is not there loses nothing.
    if case.truth.group(id).is_none() || case.quarantines().contains(id) {
        return Vec::new();
    }
    let Some(owner) = case.owner(id) else {
        return vec![format!("revokes rules of {id}, which is nobody's")];
    };
    if case
        .history
        .recent()
        .all(|version| !version.kept.contains(&owner.uid))
    {
        return vec![format!("revokes rules of {id}, which was let go")];
    }
    let wanted = case.history.always_wanted();
    let revoked = rules(case).into_iter().filter(|rule| wanted.contains(rule));
    revoked
        .map(|rule| format!("revokes `{rule}`, which is wanted"))
        .collect()
}

/// A rule may come if somebody wants it.
pub(super) fn authorize(case: &Case<'_>) -> Vec<String> {
    let Some(id) = case.call.get("GroupId") else {
        return vec!["names no group".to_owned()];
    };
    if case.quarantines().contains(id) {
        return vec![format!("opens the quarantine {id}")];
    }
    let is_wanted = |rule: &String| case.history.recent().any(|version| version.rules.contains(rule));
    let unwanted = rules(case).into_iter().filter(|rule| !is_wanted(rule));
    unwanted
        .map(|rule| format!("adds `{rule}`, which nobody wants"))
        .collect()
}

/// The rules that a call names, each as [`crate::truth::Group::rules`] says it.
fn rules(case: &Case<'_>) -> Vec<String> {
    let direction = match case.call.action.ends_with("Ingress") {
        true => "ingress",
        false => "egress",
    };
    let mut rules = Vec::new();
    for number in 1.. {
        let at = format!("IpPermissions.{number}");
        let Some(protocol) = case.call.get(&format!("{at}.IpProtocol")) else {
            break;
        };
        let from = case.call.get(&format!("{at}.FromPort"));
        let ports = match (from, case.call.get(&format!("{at}.ToPort"))) {
            (Some(from), Some(to)) if from == to => format!(" {from}"),
            (Some(from), Some(to)) => format!(" {from}-{to}"),
            _ => String::new(),
        };
        let fields = case.call.params.iter();
        let peers = fields.filter(|(name, _)| {
            name.starts_with(&format!("{at}."))
                && [".CidrIp", ".CidrIpv6", ".GroupId", ".PrefixListId"]
                    .iter()
                    .any(|end| name.ends_with(end))
        });
        rules.extend(peers.map(|(_, peer)| format!("{direction} {protocol}{ports} {peer}")));
    }
    rules
}
