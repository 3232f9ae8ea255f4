//! Who is calling, and in which role.

use std::time::Duration;

use jiff::Timestamp;
use sha2::{Digest, Sha256};

use crate::clock::later;
use crate::protocol::{Answer, ApiError, Element, Params, Request, Service, timestamp};
use crate::signature::unknown_key;
use crate::state::{Role, Session, World};

/// Who makes a call.
pub(crate) struct Caller {
    pub(crate) account: String,
    pub(crate) access_key: Option<String>,
    pub(crate) now: Timestamp,
}

/// How the keys of sessions begin, and no others.
const SESSION_KEY: &str = "ASIA";

/// Refuses the credentials of a session that has ended or never was.
pub(crate) fn check_credentials(world: &World, request: &Request, now: Timestamp) -> Result<(), ApiError> {
    let Some(key) = request
        .access_key
        .as_ref()
        .filter(|key| key.starts_with(SESSION_KEY))
    else {
        return Ok(());
    };
    let error = match world.sessions.get(key) {
        Some(session) if now < session.expires_at => return Ok(()),
        Some(_) if matches!(request.service, Service::Sts | Service::Backup) => {
            let code = match request.service {
                Service::Backup => "ExpiredTokenException",
                _ => "ExpiredToken",
            };
            ApiError::new(code, "The security token included in the request is expired").with_status(403)
        }
        // EC2 has a code of its own for it.
        Some(_) => ApiError::new("RequestExpired", "Request has expired."),
        None => unknown_key(request.service),
    };
    Err(error)
}

fn session_of<'a>(world: &'a World, caller: &Caller) -> Option<&'a Session> {
    world.sessions.get(caller.access_key.as_ref()?)
}

/// The caller's ARN and id.
fn identity(world: &World, caller: &Caller) -> (String, String) {
    match session_of(world, caller) {
        Some(session) => assumed(session),
        None => (
            format!("arn:aws:iam::{}:user/simaws", caller.account),
            "AIDASIMAWS0000000001".to_owned(),
        ),
    }
}

pub(super) fn get_caller_identity(world: &World, caller: &Caller) -> Element {
    let (arn, user_id) = identity(world, caller);
    Element::content().child(
        Element::new("GetCallerIdentityResult")
            .text("Arn", arn)
            .text("UserId", user_id)
            .text("Account", &caller.account),
    )
}

/// Any well-formed role exists and lets itself be assumed, unless it is set up otherwise.
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
    if seconds > 3600 && session_of(world, caller).is_some() {
        return Err(ApiError::new(
            "ValidationError",
            "The requested DurationSeconds exceeds the 1 hour session limit for roles assumed by role chaining",
        ));
    }
    if let Some(role) = world.roles.get(arn)
        && !admits(role, caller, params.get("ExternalId"))
    {
        let (caller, _) = identity(world, caller);
        let text = format!("User: {caller} is not authorized to perform: sts:AssumeRole on resource: {arn}");
        return Err(ApiError::new("AccessDenied", text).with_status(403));
    }
    let expires_at = later(caller.now, Duration::from_secs(seconds));
    let session = Session {
        account: account.to_owned(),
        // Only the last part of a path is in the session's ARN.
        role: role.rsplit('/').next().unwrap_or(role).to_owned(),
        name: name.to_owned(),
        expires_at,
    };
    let key = access_key(world.sessions.len(), arn, name);
    let (session_arn, id) = assumed(&session);
    world.sessions.insert(key.clone(), session);
    let credentials = Element::new("Credentials")
        .text("AccessKeyId", &key)
        .text("SecretAccessKey", SESSION_SECRET)
        .text("SessionToken", session_token(&key))
        .text("Expiration", timestamp(expires_at));
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

/// Whether a role's trust policy lets a caller in.
fn admits(role: &Role, caller: &Caller, external_id: Option<&str>) -> bool {
    let trusted = role
        .trusted_account
        .as_ref()
        .is_none_or(|it| *it == caller.account);
    let named = role
        .external_id
        .as_deref()
        .is_none_or(|it| Some(it) == external_id);
    trusted && named
}

fn assumed(session: &Session) -> (String, String) {
    let Session {
        account, role, name, ..
    } = session;
    (
        format!("arn:aws:sts::{account}:assumed-role/{role}/{name}"),
        format!("AROASIMAWS0000000001:{name}"),
    )
}

fn access_key(count: usize, arn: &str, name: &str) -> String {
    let digest = Sha256::digest(format!("{count}/{arn}/{name}"));
    let hex: String = digest.iter().take(8).map(|byte| format!("{byte:02X}")).collect();
    format!("{SESSION_KEY}{hex}")
}

#[cfg(test)]
mod tests;
