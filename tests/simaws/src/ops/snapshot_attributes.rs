//! Who may make volumes of a snapshot.

use super::Context;
use crate::protocol::{Answer, ApiError, Element, Params, item};

const ATTRIBUTE: &str = "createVolumePermission";

pub(super) fn describe(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let snapshot = ctx.region.snapshot(params.required("SnapshotId")?)?;
    check_attribute(Some(params.required("Attribute")?))?;
    let everyone = snapshot.is_public.then(|| item().text("group", "all"));
    let accounts = snapshot
        .shared_with
        .iter()
        .map(|account| item().text("userId", account));
    Ok(Element::content()
        .text("snapshotId", &snapshot.id)
        .list(ATTRIBUTE, everyone.into_iter().chain(accounts)))
}

pub(super) fn modify(ctx: &mut Context<'_>, params: &Params) -> Answer {
    let id = params.required("SnapshotId")?.to_owned();
    let encrypted = ctx.region.snapshot(&id)?.encrypted;
    check_attribute(params.get("Attribute"))?;
    let change = Change::read(params)?;
    if encrypted && change.add.contains(&Whom::Everyone) {
        let text = "Encrypted snapshots with EBS default key or any key cannot be shared publicly";
        return Err(ApiError::new("OperationNotPermitted", text));
    }
    if let Some(snapshot) = ctx.region.snapshots.get_mut(&id) {
        for whom in change.add {
            match whom {
                Whom::Everyone => snapshot.is_public = true,
                Whom::Account(account) => {
                    snapshot.shared_with.insert(account);
                }
            }
        }
        for whom in change.remove {
            match whom {
                Whom::Everyone => snapshot.is_public = false,
                Whom::Account(account) => {
                    snapshot.shared_with.remove(&account);
                }
            }
        }
    }
    Ok(Element::success())
}

fn check_attribute(attribute: Option<&str>) -> Result<(), ApiError> {
    match attribute {
        None | Some(ATTRIBUTE) => Ok(()),
        Some(other) => Err(ApiError::value(format!(
            "Value ({other}) for parameter attribute is invalid."
        ))),
    }
}

#[derive(PartialEq)]
enum Whom {
    Everyone,
    Account(String),
}

struct Change {
    add: Vec<Whom>,
    remove: Vec<Whom>,
}

impl Change {
    /// Reads both forms: `CreateVolumePermission.Add` and `.Remove`, or `OperationType` with its lists.
    fn read(params: &Params) -> Result<Self, ApiError> {
        let permission = params.group("CreateVolumePermission");
        let mut change = Self {
            add: Vec::new(),
            remove: Vec::new(),
        };
        for (list, name) in [(&mut change.add, "Add"), (&mut change.remove, "Remove")] {
            for entry in permission.structs(name) {
                if let Some(group) = entry.get("Group") {
                    list.push(group_of(group)?);
                }
                if let Some(account) = entry.get("UserId") {
                    list.push(account_of(account)?);
                }
            }
        }
        let mut listed = Vec::new();
        for group in params.list("UserGroup") {
            listed.push(group_of(&group)?);
        }
        for account in params.list("UserId") {
            listed.push(account_of(&account)?);
        }
        match params.get("OperationType") {
            Some("add") => change.add.append(&mut listed),
            Some("remove") => change.remove.append(&mut listed),
            Some(other) => {
                return Err(ApiError::value(format!(
                    "Invalid value '{other}' for operationType"
                )));
            }
            None if listed.is_empty() => {}
            None => return Err(ApiError::missing("OperationType")),
        }
        if change.add.is_empty() && change.remove.is_empty() {
            return Err(ApiError::missing(ATTRIBUTE));
        }
        Ok(change)
    }
}

fn group_of(group: &str) -> Result<Whom, ApiError> {
    match group {
        "all" => Ok(Whom::Everyone),
        other => Err(ApiError::value(format!("Invalid group '{other}'"))),
    }
}

fn account_of(account: &str) -> Result<Whom, ApiError> {
    if account.len() == 12 && account.bytes().all(|byte| byte.is_ascii_digit()) {
        return Ok(Whom::Account(account.to_owned()));
    }
    Err(ApiError::new(
        "InvalidUserID.Malformed",
        format!("Invalid user id: \"{account}\""),
    ))
}
