//! Whom snapshots and images are shared with.

use std::collections::{BTreeMap, BTreeSet};

use crate::protocol::{ApiError, Element, Params, item};
use crate::state::{Image, PublicAccess, Region, Snapshot};

/// Something an account can share with others.
pub(super) trait Shared {
    fn of(region: &Region) -> &BTreeMap<String, Self>
    where
        Self: Sized;
    fn owner(&self) -> &str;
    /// The name of an owner that has one.
    fn owner_alias(&self) -> Option<&str>;
    /// Whether its attribute says that everyone may use it.
    fn is_public(&self) -> bool;
    fn shared_with(&self) -> &BTreeSet<String>;
    /// Whether another account may use it.
    fn is_open_to(&self, account: &str, home: &Region) -> bool;
}

impl Shared for Snapshot {
    fn of(region: &Region) -> &BTreeMap<String, Self> {
        &region.snapshots
    }

    fn owner(&self) -> &str {
        &self.owner
    }

    fn owner_alias(&self) -> Option<&str> {
        None
    }

    fn is_public(&self) -> bool {
        self.is_public
    }

    fn shared_with(&self) -> &BTreeSet<String> {
        &self.shared_with
    }

    fn is_open_to(&self, account: &str, home: &Region) -> bool {
        let blocked = home.snapshot_public_access == PublicAccess::BlockAllSharing;
        self.is_public && !blocked || self.shared_with.contains(account)
    }
}

impl Shared for Image {
    fn of(region: &Region) -> &BTreeMap<String, Self> {
        &region.images
    }

    fn owner(&self) -> &str {
        &self.owner
    }

    fn owner_alias(&self) -> Option<&str> {
        self.owner_alias.as_deref()
    }

    fn is_public(&self) -> bool {
        self.is_public
    }

    fn shared_with(&self) -> &BTreeSet<String> {
        &self.shared_with
    }

    fn is_open_to(&self, account: &str, _home: &Region) -> bool {
        self.is_public || self.shared_with.contains(account)
    }
}

/// Which of what a caller may see a Describe asks for.
pub(super) struct Asked {
    account: String,
    owners: Vec<String>,
    /// `all`, `self` or accounts that may use it.
    users: Vec<String>,
    ids: BTreeSet<String>,
}

impl Asked {
    pub(super) fn read(region: &Region, params: &Params, users: &str, ids: &str) -> Self {
        Self {
            account: region.account.clone(),
            owners: params.list("Owner"),
            users: params.list(users),
            ids: params.list(ids).into_iter().collect(),
        }
    }

    /// Whether only the account's own things are asked for, whoever else may use them.
    pub(super) fn only_own(&self) -> bool {
        let own = |owner: &String| owner == "self" || *owner == self.account;
        self.users.is_empty() && !self.owners.is_empty() && self.owners.iter().all(own)
    }

    /// Whether it is of an owner and for a user that are asked for.
    pub(super) fn wants(&self, it: &impl Shared) -> bool {
        let owned = |owner: &String| {
            *owner == it.owner()
                || Some(owner.as_str()) == it.owner_alias()
                || owner == "self" && it.owner() == self.account
        };
        let usable = |user: &String| match user.as_str() {
            // The owner is told of the attribute, even where an account-wide block takes its effect away.
            "all" => it.is_public(),
            "self" => it.owner() == self.account || it.shared_with().contains(&self.account),
            user => it.owner() == user || it.shared_with().contains(user),
        };
        (self.owners.is_empty() || self.owners.iter().any(owned))
            && (self.users.is_empty() || self.users.iter().any(usable))
    }

    /// What the caller may see and asks for, by id. What is asked for by id is not judged further here: an id
    /// that exists is no error, even of another owner.
    pub(super) fn seen<'a, T: Shared>(
        &self,
        own: &'a Region,
        others: impl Iterator<Item = &'a Region>,
    ) -> BTreeMap<String, &'a T> {
        let wanted = |(id, it): &(&String, &T)| {
            if self.ids.is_empty() {
                self.wants(*it)
            } else {
                self.ids.contains(*id)
            }
        };
        let mine = T::of(own).iter().filter(wanted);
        let mut seen: BTreeMap<_, _> = mine.map(|(id, it)| (id.clone(), it)).collect();
        // A read of the past has the caller's own region beside it once more, as it is now.
        for region in others.filter(|it| it.account != self.account) {
            // Images of Amazon are in every account's region: they are seen once.
            let theirs = T::of(region)
                .iter()
                .filter(|(_, it)| it.owner() == region.account && it.is_open_to(&self.account, region));
            seen.extend(theirs.filter(wanted).map(|(id, it)| (id.clone(), it)));
        }
        seen
    }
}

/// Everyone, or one account.
#[derive(PartialEq)]
pub(super) enum Whom {
    Everyone,
    Account(String),
}

/// A change of permissions.
pub(super) struct Change {
    add: Vec<Whom>,
    remove: Vec<Whom>,
}

impl Change {
    /// Reads both forms: the attribute's own structure (`CreateVolumePermission.Add.1.…`), or `OperationType`
    /// with its lists.
    pub(super) fn read(params: &Params, structure: &'static str) -> Result<Self, ApiError> {
        let permission = params.group(structure);
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
            return Err(ApiError::missing(structure));
        }
        Ok(change)
    }

    pub(super) fn adds_everyone(&self) -> bool {
        self.add.contains(&Whom::Everyone)
    }

    pub(super) fn adds_someone(&self) -> bool {
        !self.add.is_empty()
    }

    pub(super) fn apply(self, is_public: &mut bool, accounts: &mut BTreeSet<String>) {
        for whom in self.add {
            match whom {
                Whom::Everyone => *is_public = true,
                Whom::Account(account) => {
                    accounts.insert(account);
                }
            }
        }
        for whom in self.remove {
            match whom {
                Whom::Everyone => *is_public = false,
                Whom::Account(account) => {
                    accounts.remove(&account);
                }
            }
        }
    }
}

/// The permissions as an answer writes them.
pub(super) fn items(is_public: bool, accounts: &BTreeSet<String>) -> Vec<Element> {
    let everyone = is_public.then(|| item().text("group", "all"));
    let accounts = accounts.iter().map(|account| item().text("userId", account));
    everyone.into_iter().chain(accounts).collect()
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

#[cfg(test)]
mod tests;
