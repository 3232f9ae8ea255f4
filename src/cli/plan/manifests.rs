//! Reading manifests: files with several documents each, of which ours are taken and others skipped.

use std::{
    collections::BTreeMap,
    fs,
    io::{self, Read},
    path::{Path, PathBuf},
};

use serde::de::DeserializeOwned;
use serde_json::Value;

use crate::{
    api::{AccessPolicy, Backup, BackupPolicy, GROUP, Incident, Tenant, TenantClass, VERSION},
    cluster::Kind,
};

/// A file as it was found: its name, and its text.
pub(super) struct File {
    pub(super) name: String,
    pub(super) text: String,
}

/// An object of a manifest.
#[derive(Clone, Debug)]
pub(super) struct Declared<K> {
    pub(super) object: K,
    /// The file and the document.
    pub(super) place: String,
}

/// What manifests declare, as far as a plan depends on it.
#[derive(Debug, Default)]
pub(super) struct Manifests {
    pub(super) classes: Vec<Declared<TenantClass>>,
    pub(super) tenants: Vec<Declared<Tenant>>,
    pub(super) access_policies: Vec<Declared<AccessPolicy>>,
    pub(super) incidents: Vec<Declared<Incident>>,
    /// The labels of each namespace.
    pub(super) namespaces: BTreeMap<String, BTreeMap<String, String>>,
    /// How many documents were read that no plan depends on.
    pub(super) skipped: usize,
    /// What could not be read, each with its file and document.
    pub(super) errors: Vec<String>,
}

/// Why the files could not be found.
#[derive(Debug, thiserror::Error)]
pub(super) enum ReadError {
    #[error("reading {name}")]
    Io {
        name: String,
        #[source]
        source: io::Error,
    },
    #[error("{0} holds no .yaml, .yml or .json file (with --recursive its subfolders are read too)")]
    Empty(String),
}

/// The files at these paths: a file, every manifest of a folder, or `-` for standard input.
pub(super) fn find(paths: &[PathBuf], recursive: bool) -> Result<Vec<File>, ReadError> {
    let mut files = Vec::new();
    for path in paths {
        let failed = |source| ReadError::Io {
            name: path.display().to_string(),
            source,
        };
        if path.as_os_str() == "-" {
            let mut text = String::new();
            io::stdin().read_to_string(&mut text).map_err(failed)?;
            files.push(File {
                name: "standard input".to_owned(),
                text,
            });
            continue;
        }
        if !fs::metadata(path).map_err(failed)?.is_dir() {
            files.push(read(path)?);
            continue;
        }
        let before = files.len();
        walk(path, recursive, &mut files)?;
        if files.len() == before {
            return Err(ReadError::Empty(path.display().to_string()));
        }
    }
    Ok(files)
}

/// The manifests of a folder, by name.
fn walk(folder: &Path, recursive: bool, files: &mut Vec<File>) -> Result<(), ReadError> {
    let failed = |source| ReadError::Io {
        name: folder.display().to_string(),
        source,
    };
    let mut paths = Vec::new();
    for entry in fs::read_dir(folder).map_err(failed)? {
        paths.push(entry.map_err(failed)?.path());
    }
    paths.sort();
    for path in paths {
        if path.is_dir() {
            if recursive {
                walk(&path, recursive, files)?;
            }
            continue;
        }
        let extension = path.extension().and_then(|extension| extension.to_str());
        if matches!(extension, Some("yaml" | "yml" | "json")) {
            files.push(read(&path)?);
        }
    }
    Ok(())
}

fn read(path: &Path) -> Result<File, ReadError> {
    let name = path.display().to_string();
    match fs::read_to_string(path) {
        Ok(text) => Ok(File { name, text }),
        Err(source) => Err(ReadError::Io { name, source }),
    }
}

impl Manifests {
    /// What these files declare. Each mistake is kept for itself, so that one run shows all of them.
    pub(super) fn parse(files: &[File]) -> Self {
        let mut manifests = Self::default();
        for file in files {
            match serde_saphyr::from_multiple::<Value>(&file.text) {
                Ok(documents) => {
                    for (at, document) in documents.into_iter().enumerate() {
                        manifests.take(&format!("{}, document {}", file.name, at + 1), document);
                    }
                }
                Err(error) => {
                    let line = error.location().map_or(1, |location| location.line());
                    let document = document_at(&file.text, line);
                    manifests
                        .errors
                        .push(format!("{}, document {document}: {error}", file.name));
                }
            }
        }
        manifests
    }

    fn take(&mut self, place: &str, document: Value) {
        let text = |field: &str| document.get(field).and_then(Value::as_str).unwrap_or_default();
        let (version, kind) = (text("apiVersion").to_owned(), text("kind").to_owned());
        let name = document.pointer("/metadata/name").and_then(Value::as_str);
        let name = name.unwrap_or_default().to_owned();
        if version == "v1" && kind == "List" {
            let items = document.get("items").and_then(Value::as_array);
            for (at, item) in items.cloned().unwrap_or_default().into_iter().enumerate() {
                self.take(&format!("{place}, item {}", at + 1), item);
            }
            return;
        }
        if version == "v1" && kind == "Namespace" {
            let labels = document.pointer("/metadata/labels").cloned();
            let labels = labels.and_then(|labels| serde_json::from_value(labels).ok());
            self.namespaces.insert(name, labels.unwrap_or_default());
            return;
        }
        let is_ours = version.split_once('/').is_some_and(|(group, _)| group == GROUP);
        if !is_ours {
            if kind.is_empty() && !document.is_null() {
                self.errors.push(format!("{place}: there is no kind"));
            } else {
                self.skipped += 1;
            }
            return;
        }
        let place = format!("{place} ({kind} {name})");
        if version != format!("{GROUP}/{VERSION}") {
            let message =
                format!("{place}: apiVersion is {version}, and this release knows {GROUP}/{VERSION}");
            self.errors.push(message);
            return;
        }
        match kind.as_str() {
            "TenantClass" => keep(&mut self.classes, &mut self.errors, place, document),
            "Tenant" => keep(&mut self.tenants, &mut self.errors, place, document),
            "AccessPolicy" => keep(&mut self.access_policies, &mut self.errors, place, document),
            "Incident" => keep(&mut self.incidents, &mut self.errors, place, document),
            // Read for their mistakes only: nothing of them changes what a Tenant's plan says.
            "BackupPolicy" => self.check::<BackupPolicy>(place, document),
            "Backup" => self.check::<Backup>(place, document),
            other => self
                .errors
                .push(format!("{place}: this release knows no kind {other}")),
        }
    }

    fn check<K: DeserializeOwned>(&mut self, place: String, document: Value) {
        let mut checked = Vec::<Declared<K>>::new();
        keep(&mut checked, &mut self.errors, place, document);
        self.skipped += checked.len();
    }
}

/// Keeps an object, or why it cannot be read.
fn keep<K: DeserializeOwned>(
    kept: &mut Vec<Declared<K>>,
    errors: &mut Vec<String>,
    place: String,
    document: Value,
) {
    match serde_json::from_value(document) {
        Ok(object) => kept.push(Declared { object, place }),
        Err(error) => errors.push(format!("{place}: {error}")),
    }
}

/// Which document of a file holds this line, the first being 1.
fn document_at(text: &str, line: u64) -> usize {
    let mut document = 1;
    let mut has_content = false;
    for (at, text) in (1..).zip(text.lines()) {
        if at > line {
            break;
        }
        if text.starts_with("---") {
            // One in front of everything begins the first.
            document += usize::from(has_content);
            has_content = true;
        } else if !text.trim().is_empty() && !text.starts_with('#') {
            has_content = true;
        }
    }
    document
}

/// Gives objects without a namespace this one, and says which were declared twice.
pub(super) fn complete<K: Kind>(declared: &mut [Declared<K>], namespace: &str) -> Vec<String> {
    let mut places = BTreeMap::new();
    let mut twice = Vec::new();
    for Declared { object, place } in declared {
        let meta = object.meta_mut();
        meta.namespace.get_or_insert_with(|| namespace.to_owned());
        if let Some(first) = places.insert(object.key(), place.clone()) {
            twice.push(format!("{place}: declared already in {first}"));
        }
    }
    twice
}

#[cfg(test)]
mod tests;
