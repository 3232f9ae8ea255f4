//! Attributes and tags of what is there.

use yagura::api::names::tags;

use super::Case;

/// Attributes of an instance may become stricter only.
pub(super) fn attribute(case: &Case<'_>) -> Vec<String> {
    let mut wrong = nobodys(case);
    for (name, value) in &case.call.params {
        let is_strict = match name.as_str() {
            "InstanceId" | "Version" => true,
            "DisableApiTermination.Value" => value == "true",
            name if name.ends_with(".Ebs.DeleteOnTermination") => value == "false",
            name => name.ends_with(".DeviceName") || name.ends_with(".Ebs.VolumeId"),
        };
        if !is_strict {
            wrong.push(format!("sets {name} to {value}"));
        }
    }
    wrong
}

/// So may its metadata options.
pub(super) fn metadata(case: &Case<'_>) -> Vec<String> {
    let mut wrong = nobodys(case);
    let is_strict = case.call.get("HttpTokens") == Some("required")
        && case.call.get("HttpPutResponseHopLimit") == Some("1");
    if !is_strict {
        wrong.push("weakens the metadata options".to_owned());
    }
    wrong
}

fn nobodys(case: &Case<'_>) -> Vec<String> {
    let id = case.call.get("InstanceId").unwrap_or_default();
    let is_there = case.truth.instances.iter().any(|instance| instance.id == id);
    let is_nobodys = is_there && case.owner(id).is_none();
    is_nobodys
        .then(|| format!("changes {id}, which is nobody's"))
        .into_iter()
        .collect()
}

/// A tag may say of a resource only what its owner says, and of nobody's resource nothing.
pub(super) fn tags(case: &Case<'_>) -> Vec<String> {
    let mut written = Vec::new();
    for number in 1.. {
        let Some(key) = case.call.get(&format!("Tag.{number}.Key")) else {
            break;
        };
        let value = case.call.get(&format!("Tag.{number}.Value")).unwrap_or_default();
        written.push((key, value));
    }
    let ids = case.call.list("ResourceId");
    ids.into_iter()
        .flat_map(|id| tags_of(case, id, &written))
        .collect()
}

fn tags_of(case: &Case<'_>, id: &str, written: &[(&str, &str)]) -> Vec<String> {
    // Of what is not there nothing is overwritten.
    let Some(found) = case.tags(id) else {
        return Vec::new();
    };
    let Some(owner) = case.owner(id) else {
        return vec![format!("tags {id}, which is nobody's: {found:?}")];
    };
    let mut wrong = Vec::new();
    if found.get(tags::UID).is_some_and(|uid| *uid != owner.uid) {
        wrong.push(format!(
            "takes {id} of {} away from its owner: {found:?}",
            owner.key
        ));
    }
    for (key, value) in written {
        let wanted = match *key {
            tags::UID => &owner.uid,
            tags::TENANT => &owner.key,
            tags::LABEL => &owner.label,
            tags::CUSTOMER => &owner.customer,
            tags::RELEASED => {
                if case
                    .history
                    .recent()
                    .all(|version| version.kept.contains(&owner.uid))
                {
                    wrong.push(format!("lets {id} go, whose Tenant {} stays", owner.key));
                }
                continue;
            }
            _ => continue,
        };
        if wanted != value {
            wrong.push(format!("writes {key}={value} to {id} of {}", owner.key));
        }
    }
    wrong
}
