//! Who shares what with whom, as last compared: made when listings come, read by passes.
//!
//! A pass of one Tenant must not cost all of them, so nothing is compared in a pass. Whoever hears of a listing compares,
//! where anything changed since, and wakes those whose row is another; a pass looks up its own row.
//!
//! Deliberately absent: Kubernetes and AWS. Who reads caches and views tells this what to keep.

use std::{
    collections::{BTreeMap, HashMap},
    hash::{DefaultHasher, Hash, Hasher},
    sync::{Arc, Mutex, MutexGuard, PoisonError},
    time::Duration,
};

use jiff::Timestamp;

use crate::{
    api::Key,
    clock::elapsed,
    cloud::Site,
    plan::separation::{Matrix, Party, Row},
};

/// A comparison may take a thousandth of the time: it goes through a thousand things in about a millisecond, and is not
/// made anew before a second has passed for each thousand. At ten thousand Tenants with three days of backups that is
/// once in 110 s while things change all the time, and at once after a time of rest.
const REST_FOR_EACH: Duration = Duration::from_millis(1);

/// The matrices of all accounts and regions.
#[derive(Debug, Default)]
pub struct Separation(Mutex<Kept>);

#[derive(Debug, Default)]
struct Kept {
    sites: BTreeMap<Site, Compared>,
    /// What of each Tenant is compared, as a hash.
    noted: HashMap<Key, u64>,
    /// Rises with all that changes of Tenants and classes.
    turn: u64,
}

#[derive(Debug)]
struct Compared {
    at: Timestamp,
    /// How many things were compared.
    size: usize,
    made_from: MadeFrom,
    matrix: Arc<Matrix>,
}

/// What a comparison was made from: the version of the view, and the Tenants and classes.
#[derive(Clone, Copy, Debug, PartialEq, Eq)]
pub struct MadeFrom {
    view: u64,
    turn: u64,
}

impl Separation {
    fn kept(&self) -> MutexGuard<'_, Kept> {
        self.0.lock().unwrap_or_else(PoisonError::into_inner)
    }

    /// Takes note of a Tenant as it is now, `None`: there is none. Answers whether that is new.
    pub fn note(&self, key: &Key, party: Option<&Party>) -> bool {
        let mut kept = self.kept();
        let hash = party.map(|party| {
            let mut hasher = DefaultHasher::new();
            party.hash(&mut hasher);
            hasher.finish()
        });
        let before = match hash {
            Some(hash) => kept.noted.insert(key.clone(), hash),
            None => kept.noted.remove(key),
        };
        let is_new = before != hash;
        kept.turn += u64::from(is_new);
        is_new
    }

    /// Takes note that a class may be another.
    pub fn stir(&self) {
        self.kept().turn += 1;
    }

    /// Whether there is anything to compare anew in a view of this version, and it is not too soon.
    pub fn is_due(&self, site: &Site, view: u64, now: Timestamp) -> Option<MadeFrom> {
        let kept = self.kept();
        let wanted = MadeFrom {
            view,
            turn: kept.turn,
        };
        let Some(compared) = kept.sites.get(site) else {
            return Some(wanted);
        };
        let rest = REST_FOR_EACH.saturating_mul(u32::try_from(compared.size).unwrap_or(u32::MAX));
        let is_due = compared.made_from != wanted && elapsed(compared.at, now) >= rest;
        is_due.then_some(wanted)
    }

    /// Keeps what was compared; answers with the uids of the Tenants of which it says something new.
    pub fn keep(
        &self,
        site: &Site,
        (matrix, size): (Matrix, usize),
        made_from: MadeFrom,
        at: Timestamp,
    ) -> Vec<String> {
        let compared = Compared {
            at,
            size,
            made_from,
            matrix: Arc::new(matrix),
        };
        let matrix = Arc::clone(&compared.matrix);
        let before = self.kept().sites.insert(site.clone(), compared);
        let before = before.map(|before| before.matrix).unwrap_or_default();
        matrix.differing(&before).into_iter().map(str::to_owned).collect()
    }

    /// Forgets the sites that are in use no more.
    pub fn retain(&self, in_use: impl Fn(&Site) -> bool) {
        self.kept().sites.retain(|site, _| in_use(site));
    }

    /// What was found of the Tenant of this uid, whose class is of this site; `None`: it was not compared there yet.
    ///
    /// Two roles may see one account, so what was found elsewhere counts too.
    pub fn row(&self, site: &Site, uid: &str) -> Option<Row> {
        let kept = self.kept();
        let mut row = kept.sites.get(site)?.matrix.row(uid)?.clone();
        for (other, compared) in &kept.sites {
            let Some(more) = compared.matrix.row(uid).filter(|_| other != site) else {
                continue;
            };
            for breach in &more.breaches {
                if !row.breaches.contains(breach) {
                    row.breaches.push(Arc::clone(breach));
                }
            }
        }
        row.breaches.sort();
        Some(row)
    }
}

#[cfg(test)]
mod tests;
