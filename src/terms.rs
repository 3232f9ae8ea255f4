//! What a provider has promised, as data: the term sheets built into the binary.
//!
//! Nothing of one company is in the code but the shape of a sheet. A sheet is read strictly (an unknown field
//! is an error) and checked as a whole before anything uses it, so the rest of the program may rely on it.
//! Deliberately absent: the judges of the promises, which are in [`promises`](crate::promises).

use std::{
    collections::{BTreeMap, BTreeSet},
    fmt,
    sync::Arc,
    time::Duration,
};

use jiff::{
    civil::{Date, Time},
    tz::TimeZone,
};
use serde::{Deserialize, Serialize};
use sha2::{Digest, Sha256};

use crate::{cloud::Region, text::hexadecimal};

/// How many promises the shape of a sheet has: the judges are numbered after them.
pub const PROMISES: u8 = 52;

/// Every sheet of `terms/`: its file name without `.yaml`, and its text.
const FILES: &[(&str, &str)] = &[(
    "hosting-2023-10-11",
    include_str!("../terms/hosting-2023-10-11.yaml"),
)];

/// Why a sheet cannot be used.
#[derive(Debug, thiserror::Error)]
pub enum TermsError {
    /// Its text is not a sheet.
    #[error("reading the terms {name}")]
    Syntax {
        /// The sheet.
        name: String,
        /// What the reader said.
        #[source]
        source: Box<serde_saphyr::Error>,
    },
    /// It is a sheet, but contradicts itself.
    #[error("checking the terms {name}: {problem}")]
    Invalid {
        /// The sheet.
        name: String,
        /// What is wrong with it.
        problem: String,
    },
}

/// One revision of published terms.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct Terms {
    /// The name a class refers to.
    pub name: String,
    /// The day the terms carry.
    pub revision: Date,
    /// What the sheet is called.
    pub title: Text,
    /// The only regions in which data may be kept.
    pub regions: BTreeSet<Region>,
    /// When, how and for how long backups are kept.
    pub backup: BackupTerms,
    /// How long a restore normally takes.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub restore_target: Duration,
    /// How old the last restore test may be.
    pub restore_test_max_age_days: u32,
    /// How soon a customer is told of an incident.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub notify_within: Duration,
    /// The channels by which telling counts.
    pub notify_channels: BTreeSet<Channel>,
    /// The only ports open to public addresses.
    pub public_ports: BTreeSet<u16>,
    /// The only sources of time.
    pub time_sources: Vec<String>,
    /// The profile of the CRYPTREC guideline that cryptography is held to.
    pub crypto_profile: CryptoProfile,
    /// The languages of every title.
    pub languages: BTreeSet<Language>,
    /// The clauses of the standard, in the order of the terms.
    pub clauses: Vec<Clause>,
    /// The promises, by number.
    pub promises: Vec<Promise>,
    /// SHA-256 of the text, in hexadecimal: which exact words a verdict was judged against.
    #[serde(skip)]
    pub hash: String,
}

/// What the terms say about backups.
#[derive(Clone, Debug, PartialEq, Deserialize)]
#[serde(rename_all = "camelCase", deny_unknown_fields)]
pub struct BackupTerms {
    /// The time of day at which all of them start.
    pub at: Time,
    /// The zone of that time.
    #[serde(with = "jiff::fmt::serde::tz::required")]
    pub time_zone: TimeZone,
    /// What a set consists of.
    pub methods: BTreeSet<Method>,
    /// How many days with a good set are kept.
    pub good_days: u32,
    /// How late a run may start.
    #[serde(with = "jiff::fmt::serde::unsigned_duration::friendly::compact::required")]
    pub start_skew_max: Duration,
}

/// A text in both languages.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Text {
    /// English.
    pub en: String,
    /// Japanese.
    pub ja: String,
}

impl BackupTerms {
    /// The time of day as a policy writes it, `00:30`.
    pub fn at_text(&self) -> String {
        format!("{:02}:{:02}", self.at.hour(), self.at.minute())
    }

    /// The name of the zone as a policy writes it, `Asia/Tokyo`.
    pub fn time_zone_name(&self) -> &str {
        // A sheet whose zone has no name is refused when it is read.
        self.time_zone.iana_name().unwrap_or_default()
    }
}

impl Text {
    /// The text in this language.
    pub fn in_language(&self, language: Language) -> &str {
        match language {
            Language::En => &self.en,
            Language::Ja => &self.ja,
        }
    }
}

/// A language of titles and reports.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(rename_all = "lowercase")]
pub enum Language {
    /// English.
    En,
    /// Japanese.
    Ja,
}

/// A way of backing up that terms can promise. What a build can really do is another matter.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum Method {
    /// A copy of the application's files.
    Files,
    /// A dump of its database.
    Database,
    /// A snapshot of its volumes.
    Snapshot,
}

impl fmt::Display for Method {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A way of telling a customer.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum Channel {
    /// A telephone call.
    Phone,
    /// A message by electronic mail.
    Email,
    /// A note in the customer's portal.
    Portal,
}

impl fmt::Display for Channel {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        fmt::Debug::fmt(self, f)
    }
}

/// A profile of the CRYPTREC guideline on TLS.
#[derive(Clone, Copy, Debug, PartialEq, Eq, Deserialize, Serialize)]
pub enum CryptoProfile {
    /// For what must be safe before all else.
    High,
    /// What is asked for when nothing special is.
    Recommended,
    /// For old counterparts only.
    Exception,
}

/// A clause of the standard.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Clause {
    /// Its number as the terms print it.
    pub id: String,
    /// Its number in the standard's second edition, where that is settled.
    #[serde(default)]
    pub iso2022: Option<String>,
    /// What the standard calls it.
    pub title: Text,
}

/// The number of a promise, shown as `P23`.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
#[serde(transparent)]
pub struct PromiseId(pub u8);

impl fmt::Display for PromiseId {
    fn fmt(&self, f: &mut fmt::Formatter<'_>) -> fmt::Result {
        write!(f, "P{}", self.0)
    }
}

/// How the operator takes part in keeping a promise.
#[derive(Clone, Copy, Debug, PartialEq, Eq, PartialOrd, Ord, Hash, Deserialize, Serialize)]
pub enum Mode {
    /// It writes AWS, or refuses a write.
    Enforce,
    /// It watches and alarms.
    Observe,
    /// A person acts; it keeps who and when, and gates something on that.
    Record,
}

/// One promise.
#[derive(Clone, Debug, PartialEq, Eq, Deserialize)]
#[serde(deny_unknown_fields)]
pub struct Promise {
    /// Its number.
    pub id: PromiseId,
    /// The clauses it stands under, at least one.
    pub clauses: Vec<String>,
    /// How the operator takes part, the main way first.
    pub modes: Vec<Mode>,
    /// What is promised.
    pub title: Text,
}

impl Terms {
    /// Reads a sheet and checks it as a whole. `name` is the name it must bear.
    pub fn parse(name: &str, text: &str) -> Result<Self, TermsError> {
        let mut terms: Self = serde_saphyr::from_str(text).map_err(|source| TermsError::Syntax {
            name: name.to_owned(),
            source: Box::new(source),
        })?;
        if let Some(problem) = terms.problem(name) {
            return Err(TermsError::Invalid {
                name: name.to_owned(),
                problem,
            });
        }
        terms.hash = hexadecimal(&Sha256::digest(text.as_bytes()));
        Ok(terms)
    }

    /// The promise of this number.
    pub fn promise(&self, id: PromiseId) -> Option<&Promise> {
        self.promises.iter().find(|promise| promise.id == id)
    }

    /// The clause of this number.
    pub fn clause(&self, id: &str) -> Option<&Clause> {
        self.clauses.iter().find(|clause| clause.id == id)
    }

    /// The first thing that is wrong with the sheet.
    fn problem(&self, name: &str) -> Option<String> {
        if self.name != name {
            return Some(format!("its name is {}", self.name));
        }
        self.problem_of_values()
            .or_else(|| self.problem_of_clauses())
            .or_else(|| self.problem_of_promises())
    }

    fn problem_of_values(&self) -> Option<String> {
        let empty = [
            ("regions", self.regions.is_empty()),
            ("backup.methods", self.backup.methods.is_empty()),
            ("notifyChannels", self.notify_channels.is_empty()),
            ("publicPorts", self.public_ports.is_empty()),
            ("timeSources", self.time_sources.is_empty()),
            ("languages", self.languages.is_empty()),
        ];
        let zero = [
            ("backup.goodDays", self.backup.good_days == 0),
            ("backup.startSkewMax", self.backup.start_skew_max.is_zero()),
            ("restoreTarget", self.restore_target.is_zero()),
            ("restoreTestMaxAgeDays", self.restore_test_max_age_days == 0),
            ("notifyWithin", self.notify_within.is_zero()),
        ];
        if let Some((field, _)) = empty.iter().find(|(_, is_empty)| *is_empty) {
            return Some(format!("{field} is empty"));
        }
        if let Some((field, _)) = zero.iter().find(|(_, is_zero)| *is_zero) {
            return Some(format!("{field} is zero"));
        }
        let at = self.backup.at;
        if (at.second(), at.subsec_nanosecond()) != (0, 0) {
            return Some("backup.at is not a whole minute".to_owned());
        }
        let has_name = self.backup.time_zone.iana_name().is_some();
        (!has_name).then(|| "backup.timeZone is not the name of a zone".to_owned())
    }

    fn problem_of_clauses(&self) -> Option<String> {
        let mut seen = BTreeSet::new();
        for clause in &self.clauses {
            if !seen.insert(&clause.id) {
                return Some(format!("clause {} is there twice", clause.id));
            }
            if clause.title.en.is_empty() || clause.title.ja.is_empty() {
                return Some(format!("clause {} lacks a title", clause.id));
            }
        }
        None
    }

    fn problem_of_promises(&self) -> Option<String> {
        let mut seen: BTreeMap<PromiseId, &Promise> = BTreeMap::new();
        for promise in &self.promises {
            let id = promise.id;
            if seen.insert(id, promise).is_some() {
                return Some(format!("promise {id} is there twice"));
            }
            if !(1..=PROMISES).contains(&id.0) {
                return Some(format!("promise {id} is none of P1 to P{PROMISES}"));
            }
            if promise.clauses.is_empty() || promise.modes.is_empty() {
                return Some(format!("promise {id} lacks clauses or modes"));
            }
            if promise.title.en.is_empty() || promise.title.ja.is_empty() {
                return Some(format!("promise {id} lacks a title"));
            }
            if let Some(unknown) = promise
                .clauses
                .iter()
                .find(|clause| self.clause(clause).is_none())
            {
                return Some(format!("promise {id} names the unknown clause {unknown}"));
            }
        }
        (1..=PROMISES)
            .map(PromiseId)
            .find(|id| !seen.contains_key(id))
            .map(|id| format!("promise {id} is missing"))
    }
}

/// The sheets this build knows.
#[derive(Clone, Debug)]
pub struct Registry {
    sheets: BTreeMap<String, Arc<Terms>>,
}

impl Registry {
    /// The sheets of `terms/`, as they were when this build was made.
    pub fn built_in() -> Result<Self, TermsError> {
        let mut sheets = BTreeMap::new();
        for (name, text) in FILES {
            sheets.insert((*name).to_owned(), Arc::new(Terms::parse(name, text)?));
        }
        Ok(Self { sheets })
    }

    /// The sheet of this name.
    pub fn find(&self, name: &str) -> Option<Arc<Terms>> {
        self.sheets.get(name).cloned()
    }

    /// The names of all sheets, for a message that names what there is.
    pub fn names(&self) -> impl Iterator<Item = &str> {
        self.sheets.keys().map(String::as_str)
    }
}

#[cfg(test)]
mod tests;
