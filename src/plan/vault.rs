//! What the lock of a vault of AWS Backup means for what is in it.
//!
//! The operator reads locks and sets none: in compliance mode that cannot be undone, and the vault may hold what is
//! nobody's business of ours.

use std::time::Duration;

use jiff::Timestamp;

use crate::{
    clock::later,
    cloud::{Observed, Vault, VaultName},
};

const DAY: Duration = Duration::from_secs(24 * 60 * 60);

/// What a vault lacks to hold so many good days; `None` where it lacks nothing, or is not known for now.
#[expect(clippy::needless_pass_by_value, reason = "as a view gives it")]
pub fn vault_lack(vault: Observed<&Vault>, good_days: u32) -> Option<String> {
    let vault = match vault {
        Observed::Unknown => return None,
        Observed::Absent => {
            return Some("the class's vault is not there, or the operator may not see it".to_owned());
        }
        Observed::Present(vault) => vault,
    };
    let name = &vault.name;
    let Some(lock) = vault.lock else {
        return Some(format!(
            "vault {name} has no lock: what is in it can be deleted at any time"
        ));
    };
    let min = lock.min_retention_days.unwrap_or_default();
    if min < good_days {
        return Some(format!(
            "the lock of vault {name} keeps what is in it for {min} days, fewer than the {good_days} good days that \
             are kept"
        ));
    }
    // On the day after, the newest good day may still be under way.
    let max = lock.max_retention_days.filter(|max| *max <= good_days)?;
    Some(format!(
        "the lock of vault {name} has AWS delete what is in it after {max} days, too early for the {good_days} good \
         days that are kept"
    ))
}

/// Whether a text is what a vault was said to lack, or begins so.
pub fn is_vault_lack(text: &str) -> bool {
    let has_no_lock = text.starts_with("vault ") && text.contains(" has no lock");
    has_no_lock
        || text.starts_with("the lock of vault ")
        || text.starts_with("the class's vault is not there")
}

/// What to say of a vault that is not there.
pub fn not_there(name: &VaultName) -> String {
    format!(
        "spec.backup.vault of the class: vault {name} is not there in the class's region, or the operator may not see it"
    )
}

/// After how many days AWS is to delete by itself what a job makes. The operator deletes by good days, so only where
/// the lock takes nothing that has no end.
pub fn lifecycle(vault: &Vault) -> Option<u32> {
    vault.lock?.max_retention_days
}

/// Until when the vault's lock keeps what was made then.
pub fn kept_until(vault: &Vault, made_at: Timestamp) -> Option<Timestamp> {
    let days = vault.lock?.min_retention_days?;
    Some(later(made_at, DAY.saturating_mul(days)))
}

#[cfg(test)]
mod tests;
