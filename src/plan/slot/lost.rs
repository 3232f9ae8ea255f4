//! The Backups whose sets AWS holds while the cluster has no object of them.
//!
//! An object can be deleted, and a cluster be put back from an older copy of itself. The tags of a set name its object,
//! so it is made again: else nobody would show the set, nor ever delete it. What retention deleted has no set and is
//! not made again. Deliberately absent: sets that were let go, and names that are no Backup's of this Tenant.

use std::collections::BTreeMap;

use jiff::Timestamp;

use super::backup_name;
use crate::{
    api::{Key, names::tags},
    cloud::Tags,
};

/// A Backup without its object.
#[derive(Clone, Debug, PartialEq, Eq)]
pub struct Lost {
    /// The name of its object.
    pub name: String,
    /// Its slot; `None` for one made by hand.
    pub slot: Option<Timestamp>,
}

/// The Backups of a Tenant that these sets belong to and that are not there, oldest first.
pub fn lost<'a>(
    tenant: &Key,
    sets: impl IntoIterator<Item = &'a Tags>,
    is_there: impl Fn(&str) -> bool,
) -> Vec<Lost> {
    let mut found = BTreeMap::new();
    for set in sets {
        if let Some((lost, begun)) = named(tenant, set)
            && !is_there(&lost.name)
        {
            found.insert((begun, lost.name.clone()), lost);
        }
    }
    // Of two sets of one Backup by hand, tried again, only the first counts.
    let mut names = std::collections::BTreeSet::new();
    found
        .into_values()
        .filter(|lost| names.insert(lost.name.clone()))
        .collect()
}

/// The Backup that a set's tags name, and the time in its slot tag: of one by hand, its start.
fn named(tenant: &Key, set: &Tags) -> Option<(Lost, Timestamp)> {
    if set.contains_key(tags::RELEASED) {
        return None;
    }
    let backup = Key::parse(set.get(tags::BACKUP)?)?;
    let at: Timestamp = set.get(tags::SLOT)?.parse().ok()?;
    if backup.namespace != tenant.namespace || !is_a_name(&backup.name) {
        return None;
    }
    let slot = if is_a_slots(&backup.name) {
        // Tags can be edited by whoever may: one that does not fit the other says nothing.
        (backup.name == backup_name(&tenant.name, at)).then_some(at)?;
        Some(at)
    } else {
        None
    };
    let name = backup.name;
    Some((Lost { name, slot }, at))
}

/// Whether only the operator may use the name: it ends in a minus sign and the twelve digits of a slot.
fn is_a_slots(name: &str) -> bool {
    name.rsplit_once('-')
        .is_some_and(|(_, digits)| digits.len() == 12 && digits.bytes().all(|byte| byte.is_ascii_digit()))
}

/// Whether the API server takes it for the name of an object.
fn is_a_name(name: &str) -> bool {
    let is_inner = |byte: u8| byte.is_ascii_lowercase() || byte.is_ascii_digit();
    let is_part = |part: &str| {
        let bytes = part.as_bytes();
        bytes.first().copied().is_some_and(is_inner)
            && bytes.last().copied().is_some_and(is_inner)
            && bytes.iter().all(|&byte| is_inner(byte) || byte == b'-')
    };
    name.len() <= 253 && name.split('.').all(is_part)
}

#[cfg(test)]
mod tests;
