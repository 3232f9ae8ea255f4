//! Who is calling, and in which role.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::clock::later;
use crate::protocol::{Answer, ApiError, Element, Params, timestamp};
use crate::state::{Session, World};

/// Who makes a call.
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) access_key: Option<String>,
    pub(crate) now: Timestamp,
}

pub(super) fn get_caller_identity(world: &World, caller: &Caller) -> Element {
    let session = caller.access_key.as_ref().and_then(|key| world.sessions.get(key));
    let (arn, user_id) = match session {
        Some(session) => assumed(session),
        None => (
            format!("arn:aws:iam::{}:user/simaws", caller.account),
            "AIDASIMAWS0000000001".to_owned(),
        ),
    };
    Element::content().child(
        Element::new("GetCallerIdentityResult")
            .text("Arn", arn)
            .text("UserId", user_id)
            .text("Account", &caller.account),
    )
}

/// Any well-formed role exists and lets itself be assumed.
pub(super) fn assume_role(world: &mut World, caller: &Caller, params: &Params) -> Answer {
    let arn = params.required("RoleArn")?;
    let name = params.required("RoleSessionName")?;
    let invalid = || ApiError::new("ValidationError", format!("{arn} is invalid"));
    let (account, role) = arn
        .strip_prefix("arn:aws:iam::")
        .and_then(|rest| rest.split_once(":role/"))
        .filter(|(account, role)| account.len() == 12 && !role.is_empty())
        .ok_or_else(invalid)?;
    let seconds: u64 = params.number("DurationSeconds")?.unwrap_or(3600);
    if !(900..=43_200).contains(&seconds) {
        return Err(ApiError::new(
            "ValidationError",
            "DurationSeconds must be between 900 and 43200",
        ));
    }
    let session = Session {
        account: account.to_owned(),
        // Only the last part of a path is in the session's ARN.
        role: role.rsplit('/').next().unwrap_or(role).to_owned(),
        name: name.to_owned(),
    };
    let key = access_key(world.sessions.len(), arn, name);
    let (session_arn, id) = assumed(&session);
    world.sessions.insert(key.clone(), session);
    let credentials = Element::new("Credentials")
        .text("AccessKeyId", &key)
        .text("SecretAccessKey", SESSION_SECRET)
        .text("SessionToken", session_token(&key))
        .text(
            "Expiration",
            timestamp(later(caller.now, Duration::from_secs(seconds))),
        );
    let user = Element::new("AssumedRoleUser")
        .text("AssumedRoleId", id)
        .text("Arn", session_arn);
    Ok(Element::content().child(Element::new("AssumeRoleResult").child(credentials).child(user)))
}

/// The secret of every session.
pub(crate) const SESSION_SECRET: &str = "simaws-secret-access-key-of-a-session";

/// The token of the session with this access key.
pub(crate) fn session_token(access_key: &str) -> String {
    format!("simaws-session-token-{access_key}")
}

fn assumed(session: &Session) -> (String, String) {
    let Session { account, role, name } = session;
    (
        format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
        format!("AROASIMAWS0000000001:{name}"),
    )
}

fn access_key(count: usize, arn: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{count}/{arn}/{name}"));
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02X}")).collect();
    format!("ASIA{hex}")
}
