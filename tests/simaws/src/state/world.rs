//! All accounts and regions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Serialize, Serializer};

use super::{History, Region};

/// A role someone assumed, by the access key they got for it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) account: String,
    pub(crate) role: String,
    pub(crate) name: String,
}

/// Everything the simulated AWS knows.
#[derive(Clone, Debug)]
pub(crate) struct World {
    seed: u64,
    regions: BTreeMap<(String, String), Region>,
    histories: BTreeMap<(String, String), History>,
    pub(crate) sessions: BTreeMap<String, Session>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            regions: BTreeMap::new(),
            histories: BTreeMap::new(),
            sessions: BTreeMap::new(),
        }
    }

    /// The region, as found when it is seen for the first time.
    pub(crate) fn region(&mut self, account: &str, name: &str, now: Timestamp) -> &mut Region {
        let seed = self.seed;
        self.regions
            .entry((account.to_owned(), name.to_owned()))
            .or_insert_with(|| Region::new((account, name), seed, now))
    }

    /// What a region was like before.
    pub(crate) fn history(&mut self, account: &str, name: &str) -> &mut History {
        self.histories
            .entry((account.to_owned(), name.to_owned()))
            .or_default()
    }

    /// The region that has this instance, whoever's it is: ids are never given twice.
    pub(crate) fn region_of_instance(&mut self, id: &str) -> Option<&mut Region> {
        self.regions
            .values_mut()
            .find(|region| region.instances.contains_key(id))
    }
}

/// Writes a map of things that name themselves as a list.
pub(super) fn values<T: Serialize, S: Serializer>(
    map: &BTreeMap<String, T>,
    serializer: S,
) -> Result<S::Ok, S::Error> {
    serializer.collect_seq(map.values())
}
