//! A session in another account: the operator assumes a role there.

use std::{error::Error, time::SystemTime};

use aws_credential_types::{
    Credentials,
    provider::{ProvideCredentials, error::CredentialsError, future},
};
use aws_sdk_sts::Client;

use super::{convert::Unreadable, ec2::Calls};
use crate::cloud::{Account, CloudError, ClusterId, ErrorKind, Lane, Operation};

/// The most that AWS takes for the name of a session.
const NAME_LIMIT: usize = 64;

/// Assumes the role of an account whenever it is asked for credentials; who asks keeps them until they expire.
///
/// The SDK's own provider would do the same, but its calls could be neither counted nor paced.
pub(super) struct Session {
    sts: Client,
    account: Account,
    name: String,
    calls: Calls,
}

impl Session {
    /// Nothing is called yet. CloudTrail shows the session's name with every call made in it.
    pub(super) fn new(sts: Client, account: Account, cluster: &ClusterId, calls: Calls) -> Self {
        let name: String = format!("yagura-{cluster}").chars().take(NAME_LIMIT).collect();
        Self {
            sts,
            account,
            name,
            calls,
        }
    }

    async fn assume(&self) -> Result<Credentials, CloudError> {
        let operation = Operation::AssumeRole;
        let request = self
            .sts
            .assume_role()
            .role_arn(&self.account.role_arn)
            .role_session_name(&self.name)
            .set_external_id(self.account.external_id.clone());
        let answer = self.calls.call(operation, Lane::UserChange, request.send()).await;
        let answer = answer.map_err(|error| self.naming_the_role(error))?;
        let found = answer
            .credentials
            .ok_or_else(|| Unreadable::missing("Credentials").of(operation))?;
        let expires_at = SystemTime::try_from(found.expiration)
            .map_err(|_| Unreadable::missing("Credentials.Expiration").of(operation))?;
        Ok(Credentials::new(
            found.access_key_id,
            found.secret_access_key,
            Some(found.session_token),
            Some(expires_at),
            "yagura",
        ))
    }

    /// AWS names the role only where a policy refuses it.
    fn naming_the_role(&self, mut error: CloudError) -> CloudError {
        let role = &self.account.role_arn;
        if !error.message.contains(role) {
            error.message = format!("{}, of the role {role}", error.message);
        }
        error
    }
}

impl std::fmt::Debug for Session {
    fn fmt(&self, f: &mut std::fmt::Formatter<'_>) -> std::fmt::Result {
        f.debug_struct("Session")
            .field("role", &self.account.role_arn)
            .finish_non_exhaustive()
    }
}

impl ProvideCredentials for Session {
    fn provide_credentials<'a>(&'a self) -> future::ProvideCredentials<'a>
    where
        Self: 'a,
    {
        future::ProvideCredentials::new(async {
            self.assume()
                .await
                .map_err(|error| CredentialsError::provider_error(NotEntered(error)))
        })
    }
}

/// The account could not be entered, so the call that was to be made in it was not sent.
#[derive(Debug, thiserror::Error)]
#[error("entering the account")]
struct NotEntered(#[source] CloudError);

/// Why the account could not be entered, if that is what is behind this failure.
pub(super) fn not_entered(error: &(dyn Error + 'static)) -> Option<CloudError> {
    let NotEntered(error) = error.downcast_ref()?;
    let mut error = error.clone();
    // Whatever became of the session: the call itself never left.
    if error.kind == ErrorKind::Lost {
        error.kind = ErrorKind::Transient;
    }
    Some(error)
}

#[cfg(test)]
mod tests;
