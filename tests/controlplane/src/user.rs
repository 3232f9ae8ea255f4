//! Who may talk to the control plane: fixed names, tokens of the run.

use crate::Error;
use std::fmt;
use std::fs::File;
use std::io::Read;

/// A user the control plane knows.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub enum User {
    /// May do everything (group `system:masters`).
    Admin,
    /// The operator's ServiceAccount, with the rights `deploy/` gives it and no other.
    Operator,
    /// A plain user without rights of her own.
    Alice,
    /// Another plain user without rights of his own.
    Bob,
}

impl User {
    /// Every user.
    pub const ALL: [Self; 4] = [Self::Admin, Self::Operator, Self::Alice, Self::Bob];

    /// The name the API server sees, in RBAC subjects and in the audit log.
    #[must_use]
    pub fn username(self) -> &'static str {
        match self {
            Self::Admin => "admin",
            Self::Operator => "system:serviceaccount:yagura-system:yagura",
            Self::Alice => "alice",
            Self::Bob => "bob",
        }
    }

    /// `system:authenticated` is added by the server itself.
    fn groups(self) -> &'static str {
        match self {
            Self::Admin => "system:masters",
            Self::Operator => "system:serviceaccounts,system:serviceaccounts:yagura-system",
            Self::Alice | Self::Bob => "",
        }
    }
}

/// The short name, as in the kubeconfig's file name.
impl fmt::Display for User {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        f.write_str(match self {
            Self::Admin => "admin",
            Self::Operator => "yagura",
            Self::Alice => "alice",
            Self::Bob => "bob",
        })
    }
}

/// The tokens of one run: drawn anew, so that nobody else on the machine can guess them.
#[derive(Debug)]
pub(crate) struct Tokens {
    secret: String,
}

impl Tokens {
    pub(crate) fn draw() -> Result<Self, Error> {
        let mut bytes = [0_u8; 16];
        File::open("/dev/urandom")
            .and_then(|mut source| source.read_exact(&mut bytes))
            .map_err(Error::io("read random bytes for tokens"))?;
        let secret = bytes.iter().map(|byte| format!("{byte:02x}")).collect();
        Ok(Self { secret })
    }

    pub(crate) fn of(&self, user: User) -> String {
        format!("{user}-{}", self.secret)
    }

    /// The file for `--token-auth-file`: token, name, uid, groups.
    pub(crate) fn file(&self) -> String {
        User::ALL
            .into_iter()
            .map(|user| {
                let token = self.of(user);
                format!(
                    "{token},{},uid-of-{user},\"{}\"\n",
                    user.username(),
                    user.groups()
                )
            })
            .collect()
    }
}

/// A kubeconfig for `user`. JSON, which every reader of YAML takes.
pub(crate) fn kubeconfig(user: User, url: &str, token: &str) -> serde_json::Value {
    serde_json::json!({
        "apiVersion": "v1",
        "kind": "Config",
        "current-context": "yagura",
        // The certificate is the server's own, made at start, and the address is loopback.
        "clusters": [{"name": "yagura", "cluster": {"server": url, "insecure-skip-tls-verify": true}}],
        "users": [{"name": user.to_string(), "user": {"token": token}}],
        "contexts": [{"name": "yagura", "context": {"cluster": "yagura", "user": user.to_string()}}],
    })
}

#[cfg(test)]
mod tests;
