//! Where resources stand: an account of AWS and a region in it.

use std::fmt;

use super::{AccountId, Region};

/// An account and a region in it. Rate limits, listings and names are per site.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Site {
    /// The account; `None` is the operator's own.
    pub account: Option<Account>,
    /// The region.
    pub region: Region,
}

/// An account that the operator enters by assuming a role in it.
#[derive(Clone, Debug, PartialEq, Eq, PartialOrd, Ord, Hash)]
pub struct Account {
    /// The role, `arn:aws:iam::123456789012:role/yagura`.
    pub role_arn: String,
    /// What the role's trust policy asks for, so that nobody else can make us use the role.
    pub external_id: Option<String>,
}

impl Account {
    /// The account's number, which the role's ARN contains.
    pub fn id(&self) -> Option<AccountId> {
        self.role_arn.split(':').nth(4).map(AccountId::from)
    }
}

impl Site {
    /// A region of the operator's own account.
    pub fn own(region: impl Into<Region>) -> Self {
        Self {
            account: None,
            region: region.into(),
        }
    }

    /// The number of an account entered by a role; `None` is the operator's own.
    pub fn account_id(&self) -> Option<AccountId> {
        self.account.as_ref().and_then(Account::id)
    }
}

impl From<&str> for Site {
    /// A region of the operator's own account.
    fn from(region: &str) -> Self {
        Self::own(region)
    }
}

impl fmt::Display for Site {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        match self.account_id() {
            Some(account) => write!(f, "{account}/{}", self.region),
            None => write!(f, "{}", self.region),
        }
    }
}
