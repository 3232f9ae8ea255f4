//! All accounts and regions.

use std::collections::BTreeMap;

use jiff::Timestamp;
use serde::{Deserialize, Serialize, Serializer};

use super::{History, Region, Timings};

/// A role that only some may assume. Any other well-formed role exists too and lets everyone assume it.
#[derive(Clone, Debug, PartialEq, Eq, Serialize, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Role {
    /// `arn:aws:iam::ACCOUNT:role/NAME`.
    pub arn: String,
    /// The external id a caller must name; absent: none.
    #[serde(default)]
    pub external_id: Option<String>,
    /// The account whose callers are trusted; absent: every account.
    #[serde(default)]
    pub trusted_account: Option<String>,
}

/// A role someone assumed, by the access key they got for it.
#[derive(Clone, Debug)]
pub(crate) struct Session {
    pub(crate) account: String,
    pub(crate) role: String,
    pub(crate) name: String,
    pub(crate) expires_at: Timestamp,
}

/// Everything the simulated AWS knows.
#[derive(Clone, Debug)]
pub(crate) struct World {
    seed: u64,
    regions: BTreeMap<(String, String), Region>,
    histories: BTreeMap<(String, String), History>,
    pub(crate) sessions: BTreeMap<String, Session>,
    /// By ARN.
    pub(crate) roles: BTreeMap<String, Role>,
}

impl World {
    pub(crate) fn new(seed: u64) -> Self {
        Self {
            seed,
            regions: BTreeMap::new(),
            histories: BTreeMap::new(),
            sessions: BTreeMap::new(),
            roles: BTreeMap::new(),
        }
    }

    /// The region, as found when it is seen for the first time.
    pub(crate) fn region(&mut self, account: &str, name: &str, now: Timestamp) -> &mut Region {
        let seed = self.seed;
        self.regions
            .entry((account.to_owned(), name.to_owned()))
            .or_insert_with(|| Region::new((account, name), seed, now))
    }

    /// Takes a region out, so that an operation can change it and look at the others; it is given back.
    pub(crate) fn take(&mut self, account: &str, name: &str, now: Timestamp) -> Region {
        let key = (account.to_owned(), name.to_owned());
        let seed = self.seed;
        self.regions
            .remove(&key)
            .unwrap_or_else(|| Region::new((account, name), seed, now))
    }

    pub(crate) fn give_back(&mut self, region: Region) {
        let key = (region.account.clone(), region.name.clone());
        self.regions.insert(key, region);
    }

    /// What is known of a region in every account, settled.
    pub(crate) fn accounts_in(
        &mut self,
        name: &str,
        (now, timings): (Timestamp, &Timings),
    ) -> impl Iterator<Item = &Region> {
        let here = self.regions.values_mut().filter(move |it| it.name == name);
        here.map(move |region| {
            region.settle(now, timings);
            &*region
        })
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
